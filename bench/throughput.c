/*
 * What checking costs: the runner on parsed traces of 1000 commands beside two writers and readers of
 * the same bytes on the same CPU that check nothing: `raw` writes and then reads (it is woken for every
 * retrieval), `transport` is the harness's own exchange, which wakes up once, when the node is settled.
 * All in one run, side by side, medians of the ratios. The aim is 0.90 at batches of 20 and 100.
 */
#include "harness/node.h"
#include "harness/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { COMMANDS = 1000, PAIRS = 9, ROUNDS = 60, KEYS = 16 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Half set, half get, 10-byte values; `batch` commands a send. */
static void make_trace(struct md_trace *t, unsigned batch) {
    struct md_step *s = NULL;
    md_trace_clear(t);
    for (unsigned i = 0; i < COMMANDS; i++) {
        char text[64];
        if (i % batch == 0)
            s = md_trace_add(t, MD_STEP_SEND, 0);
        if (i % 2 == 0)
            snprintf(text, sizeof text, "set key%02u 0 0 10\r\n%010u\r\n", i / 2 % KEYS, i);
        else
            snprintf(text, sizeof text, "get key%02u\r\n", i / 2 % KEYS);
        md_step_bytes(s, text, strlen(text));
    }
}

static int raw_connect(const char *path) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        perror("bench: connect");
        exit(3);
    }
    return fd;
}

/* "STORED" for each set, "VALUE keyNN 0 10", the data and "END" for each get. */
static size_t reply_bytes(const struct md_trace *t, size_t step) {
    size_t n = COMMANDS / t->n_steps, first_is_set = step * n % 2 == 0;
    size_t sets = (n + first_is_set) / 2;
    return sets * 8 + (n - sets) * 35;
}

/* Sends each step and reads as many bytes as its replies have. */
static double raw_seconds(int fd, const struct md_trace *t) {
    static char in[1 << 16];
    double began = now();
    for (unsigned round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < t->n_steps; i++) {
            const struct md_part *p = &t->steps[i].parts[0];
            size_t left = reply_bytes(t, i);
            if (write(fd, p->bytes, p->len) != (ssize_t)p->len)
                exit(3);
            while (left > 0) {
                ssize_t n = read(fd, in, sizeof in);
                if (n <= 0 || (size_t)n > left) {
                    fprintf(stderr, "bench: unexpected reply\n");
                    exit(3);
                }
                left -= (size_t)n;
            }
        }
    return now() - began;
}

static double transport_seconds(struct md_node *n, const struct md_trace *t) {
    struct md_buf in = {0};
    double began = now();
    for (unsigned round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < t->n_steps; i++) {
            const struct md_part *p = &t->steps[i].parts[0];
            in.len = 0;
            if (md_node_exchange(n, 0, p->bytes, p->len, 1 << 20, &in) != MD_NODE_OK ||
                in.len != reply_bytes(t, i)) {
                fprintf(stderr, "bench: %s\n", md_node_error(n));
                exit(3);
            }
        }
    md_buf_free(&in);
    return now() - began;
}

static double runner_seconds(struct md_runner *r, const struct md_trace *t) {
    struct md_verdict v = {0};
    double began = now();
    for (unsigned round = 0; round < ROUNDS; round++)
        if (md_runner_run(r, t, &v) != MD_AGREE) {
            fprintf(stderr, "bench: the trace diverges: %s\n", v.signature);
            exit(1);
        }
    double took = now() - began;
    md_verdict_free(&v);
    return took;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, size_t n) {
    qsort(x, n, sizeof *x, by_value);
    return x[n / 2];
}

static void measure(struct md_runner *r, struct md_node *node, int raw_fd, unsigned batch) {
    struct md_trace t;
    double raw[PAIRS], checked[PAIRS], bare[PAIRS], ratio[PAIRS], share[PAIRS];
    md_trace_init(&t);
    make_trace(&t, batch);
    raw_seconds(raw_fd, &t);
    for (int i = 0; i < PAIRS; i++) {
        raw[i] = raw_seconds(raw_fd, &t);
        checked[i] = runner_seconds(r, &t);
        bare[i] = transport_seconds(node, &t);
        ratio[i] = raw[i] / checked[i];
        share[i] = bare[i] / checked[i];
    }
    double n = (double)ROUNDS * COMMANDS;
    printf("batch %4u: commands/s: raw %7.0f, transport %7.0f, checked %7.0f; checked/raw %.2f, "
           "checked/transport %.2f\n",
           batch, n / median(raw, PAIRS), n / median(bare, PAIRS), n / median(checked, PAIRS),
           median(ratio, PAIRS), median(share, PAIRS));
    md_trace_free(&t);
}

int main(void) {
    const char *binary = getenv("MEMDIVERGE_NODE");
    struct md_cpu cpu = {0};
    struct md_runner_config c = {.node = {.binary = binary ? binary : "memcached"}};
    struct md_buf why = {0};
    struct md_node *raw_node;
    c.node.cpu = md_cpu_claim(&cpu, NULL);
    struct md_runner *r = md_runner_new(&c, &why);
    struct md_node_options options;
    md_node_options_default(&options);
    if (!r || md_node_start(&c.node, &options, true, &raw_node) != MD_NODE_OK) {
        fprintf(stderr, "bench: %s\n", r ? md_node_error(raw_node) : md_buf_cstr(&why));
        return 3;
    }
    int fd = raw_connect(md_node_socket_path(raw_node));
    if (md_node_open(raw_node, 0) != MD_NODE_OK) {
        fprintf(stderr, "bench: %s\n", md_node_error(raw_node));
        return 3;
    }
    printf("memcached %s, runner and node on CPU %d\n", md_runner_node_version(r), c.node.cpu);
    measure(r, raw_node, fd, 1);
    measure(r, raw_node, fd, 20);
    measure(r, raw_node, fd, 100);
    close(fd);
    md_node_free(raw_node);
    md_node_options_free(&options);
    md_runner_free(r);
    md_cpu_release(&cpu);
    return 0;
}
