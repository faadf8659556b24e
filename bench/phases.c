/*
 * What one input of fuzz_commands costs and where: the phases of the fuzz target with its mutator
 * (parse, mutate, print, parse again, run, reset), on traces that descend from the generator's by
 * repeated mutation. The aim: parsing and printing together at most 10%.
 */
#include "fuzz/mutate.h"
#include "harness/generate.h"
#include "harness/now.h"
#include "harness/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POOL = 256, INPUTS = 40000, GENERATIONS = 4 };

enum phase { PARSE, MUTATE, PRINT, RUN, RESET, PHASES };

struct bench {
    struct md_runner *r;
    struct md_buf pool[POOL];
    struct md_trace t;
    struct md_verdict v;
    uint64_t ns[PHASES];
};

static void parse(struct bench *b, const struct md_buf *text) {
    uint64_t began = md_now_ns();
    md_trace_parse_lenient(&b->t, text->data, text->len);
    b->ns[PARSE] += md_now_ns() - began;
}

/* As libFuzzer does it: the mutator parses, works and prints; the target parses again and runs. */
static void one_input(struct bench *b, unsigned i) {
    struct md_buf *text = &b->pool[i % POOL];
    parse(b, text);
    uint64_t began = md_now_ns();
    md_mutate(&b->t, MD_TARGET_COMMANDS, i);
    uint64_t mutated = md_now_ns();
    text->len = 0;
    md_trace_print(&b->t, text);
    b->ns[MUTATE] += mutated - began;
    b->ns[PRINT] += md_now_ns() - mutated;
    parse(b, text);
    const struct md_counts *n = md_runner_counts(b->r);
    uint64_t run = n->ns_run, reset = n->ns_reset;
    if (md_runner_run(b->r, &b->t, &b->v) == MD_DIVERGED)
        fprintf(stderr, "bench: a trace diverges: %s\n", b->v.signature);
    b->ns[RUN] += n->ns_run - run;
    b->ns[RESET] += n->ns_reset - reset;
    if (i / POOL % GENERATIONS == GENERATIONS - 1) { /* start over from a fresh trace */
        struct md_generate_config c;
        md_generate_config_default(&c);
        c.options = false;
        md_generate(&b->t, 1, i, &c);
        text->len = 0;
        md_trace_print(&b->t, text);
    }
}

static void report(const struct bench *b, uint64_t took) {
    static const char *const names[PHASES] = {"parse", "mutate", "print", "run", "reset"};
    uint64_t sum = 0;
    for (int i = 0; i < PHASES; i++)
        sum += b->ns[i];
    const struct md_counts *n = md_runner_counts(b->r);
    printf("%d inputs, %.1f commands each: %.0f inputs/s, %.0f commands/s\n", INPUTS,
           (double)n->commands / INPUTS, INPUTS * 1e9 / (double)took,
           (double)n->commands * 1e9 / (double)took);
    for (int i = 0; i < PHASES; i++)
        printf("  %-7s %7.2f us  %5.1f%%\n", names[i], (double)b->ns[i] / 1e3 / INPUTS,
               100.0 * (double)b->ns[i] / (double)sum);
    printf("parsing and printing: %.1f%%\n",
           100.0 * (double)(b->ns[PARSE] + b->ns[PRINT]) / (double)sum);
}

int main(void) {
    const char *binary = getenv("MEMDIVERGE_NODE");
    struct md_cpu cpu = {0};
    struct md_buf why = {0};
    struct md_runner_config c = {
        .node = {.binary = binary ? binary : "memcached"}, .fresh_every = 1000, .sweep = true};
    struct bench b = {0};
    c.node.cpu = md_cpu_claim(&cpu, NULL);
    b.r = md_runner_new(&c, &why);
    if (!b.r) {
        fprintf(stderr, "bench: %s\n", md_buf_cstr(&why));
        return 3;
    }
    md_trace_init(&b.t);
    uint64_t began = md_now_ns();
    for (unsigned i = 0; i < INPUTS; i++)
        one_input(&b, i);
    report(&b, md_now_ns() - began);
    for (int i = 0; i < POOL; i++)
        md_buf_free(&b.pool[i]);
    md_trace_free(&b.t);
    md_verdict_free(&b.v);
    md_runner_free(b.r);
    md_cpu_release(&cpu);
    return 0;
}
