/*
 * What a jump of the clock costs beside one round trip of the smallest command, tester and node on
 * the same CPU. Fails (1) if a jump costs more than a round trip, so that it can stand in a script.
 *
 *   bench_clock [BINARY]     default: $MEMDIVERGE_NODE, or memcached from the PATH
 */
#include "harness/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { JUMPS = 5000 };

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum md_node_status jump(struct md_node *n, struct md_buf *reply) {
    (void)reply;
    return md_node_advance(n, 1);
}

static enum md_node_status round_trip(struct md_node *n, struct md_buf *reply) {
    md_buf_clear(reply);
    return md_node_exchange(n, MD_NODE_CONTROL, "mn\r\n", 4, 64, reply);
}

/* Prints and returns the median in microseconds; negative: the node failed. */
static double measure(struct md_node *n, const char *name,
                      enum md_node_status (*act)(struct md_node *, struct md_buf *)) {
    static double us[JUMPS];
    struct md_buf reply = {0};
    for (int i = 0; i < JUMPS; i++) {
        double begin = now_us();
        if (act(n, &reply) != MD_NODE_OK) {
            fprintf(stderr, "bench_clock: %s\n", md_node_error(n));
            return -1;
        }
        us[i] = now_us() - begin;
    }
    md_buf_free(&reply);
    qsort(us, JUMPS, sizeof *us, by_size);
    printf("%-22s %8.2f us median %10.2f us at 99%% %10.2f us worst of %d\n", name, us[JUMPS / 2],
           us[JUMPS * 99 / 100], us[JUMPS - 1], JUMPS);
    return us[JUMPS / 2];
}

int main(int argc, char **argv) {
    const char *binary = argc > 1 ? argv[1] : getenv("MEMDIVERGE_NODE");
    struct md_cpu cpu;
    struct md_node_config config = {.binary = binary ? binary : "memcached"};
    config.cpu = md_cpu_claim(&cpu, NULL);
    struct md_node *n;
    if (md_node_start(&config, NULL, true, &n) != MD_NODE_OK) {
        fprintf(stderr, "bench_clock: %s\n", md_node_error(n));
        md_node_free(n);
        return 3;
    }
    if (config.cpu < 0)
        printf("no CPU is free: tester and node are not pinned\n");
    double trip = measure(n, "round trip of mn", round_trip),
           jumped = measure(n, "clock jump", jump);
    md_node_free(n);
    md_cpu_release(&cpu);
    if (trip < 0 || jumped < 0)
        return 3;
    printf("a clock jump costs %.2f round trips\n", jumped / trip);
    return jumped <= trip ? 0 : 1;
}
