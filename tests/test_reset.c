/*
 * Contract C2: a trace means the same on a reused node as on a fresh one. All seeds in 50 random orders
 * on reused nodes give the replies that they give on fresh ones, CAS values counted from the base. Seeds
 * that write Unix times out near the birth of the nodes, or CAS values, mean something else at another
 * time or base, on fresh nodes too; they must be few.
 */
#include "harness/corpus.h"
#include "harness/generate.h"
#include "harness/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ORDERS = 50, LATER = 500000000 /* seconds */ };

struct seed {
    struct md_trace trace;
    struct md_buf replies; /* on a fresh node */
    bool by_date;          /* other replies at another time */
};

struct fixture {
    struct md_runner *r;
    struct md_corpus files;
    struct md_cpu cpu;
    struct seed *seeds;
    size_t *order;
    struct md_verdict v;
    size_t compared;
};

static void run_on_fresh_nodes(struct fixture *f, struct seed *s, const char *path) {
    struct md_trace_error e;
    md_trace_init(&s->trace);
    if (!md_trace_load(&s->trace, path, &e))
        fail_msg("%s:%u:%u: %s", path, e.line, e.column, e.message);
    if (md_runner_run_fresh_at(f->r, &s->trace, 0, &f->v) != MD_AGREE)
        fail_msg("%s: %s", path, f->v.signature);
    const struct md_buf *replies = md_runner_replies(f->r);
    md_buf_append(&s->replies, replies->data, replies->len);
    md_runner_run_fresh_at(f->r, &s->trace, LATER, &f->v);
    s->by_date = replies->len != s->replies.len ||
                 (replies->len && memcmp(replies->data, s->replies.data, replies->len) != 0);
}

static int setup(void **state) {
    struct fixture *f = md_calloc(1, sizeof *f);
    struct md_buf why = {0}, folder = {0};
    struct md_runner_config c = {
        .node = {.binary = getenv("MEMDIVERGE_NODE")}, .replies = true, .sweep = true};
    c.node.cpu = md_cpu_claim(&f->cpu, NULL); /* many short exchanges: ten times faster */
    f->r = md_runner_new(&c, &why);
    if (!f->r)
        fail_msg("%s", md_buf_cstr(&why));
    md_buf_printf(&folder, "%s/seeds", getenv("MEMDIVERGE_CORPUS"));
    assert_true(md_corpus_add(&f->files, md_buf_cstr(&folder), &why));
    f->seeds = md_calloc(f->files.n, sizeof *f->seeds);
    f->order = md_calloc(f->files.n, sizeof *f->order);
    for (size_t i = 0; i < f->files.n; i++)
        run_on_fresh_nodes(f, &f->seeds[i], f->files.path[i]);
    md_buf_free(&why);
    md_buf_free(&folder);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    for (size_t i = 0; i < f->files.n; i++) {
        md_trace_free(&f->seeds[i].trace);
        md_buf_free(&f->seeds[i].replies);
    }
    free(f->seeds);
    free(f->order);
    md_corpus_free(&f->files);
    md_verdict_free(&f->v);
    md_runner_free(f->r);
    md_cpu_release(&f->cpu);
    free(f);
    return 0;
}

static void shuffle(size_t *order, size_t n, struct md_random *random) {
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    for (size_t i = n; i > 1; i--) {
        size_t j = md_random_below(random, i), keep = order[i - 1];
        order[i - 1] = order[j];
        order[j] = keep;
    }
}

static void compare(struct fixture *f, size_t i, unsigned order) {
    const struct seed *s = &f->seeds[i];
    uint64_t turned = md_runner_counts(f->r)->choices_turned;
    if (md_runner_run(f->r, &s->trace, &f->v) != MD_AGREE)
        fail_msg("%s in order %u: %s", f->files.path[i], order, f->v.signature);
    const struct md_buf *replies = md_runner_replies(f->r);
    if (s->by_date || md_model_literal_cas(md_runner_model(f->r)) ||
        md_runner_counts(f->r)->choices_turned != turned) /* the node's memory has a say */
        return;
    f->compared++;
    if (replies->len != s->replies.len ||
        (replies->len && memcmp(replies->data, s->replies.data, replies->len) != 0))
        fail_msg("%s in order %u answers differently on a reused node", f->files.path[i], order);
}

static void any_order(void **state) {
    struct fixture *f = *state;
    struct md_random random;
    md_random_seed(&random, 1);
    for (unsigned order = 0; order < ORDERS; order++) {
        shuffle(f->order, f->files.n, &random);
        for (size_t i = 0; i < f->files.n; i++)
            compare(f, f->order[i], order);
    }
    const struct md_counts *n = md_runner_counts(f->r);
    print_message("%zu seeds, %llu traces, %llu nodes\n", f->files.n, (unsigned long long)n->traces,
                  (unsigned long long)n->nodes_started);
    /* Otherwise this has shown nothing. */
    assert_true(f->compared * 10 > ORDERS * f->files.n * 9);
    assert_true(n->nodes_started < 2 * f->files.n + ORDERS * f->files.n / 4);
}

/* A CAS symbol used as a length means another length on another base: the comparison with a fresh node
 * must bring that to the same base, not call it a fault. */
static void symbol_as_length(void **state) {
    (void)state;
    static const char text[] = "memdiverge-trace 1\n"
                               "send 0 \"set a 0 0 {base+1}\\r\\nx\\r\\nget a\\r\\n\"\n";
    struct md_runner_config c = {.node = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1},
                                 .fresh_every = 1};
    struct md_buf why = {0};
    struct md_trace t;
    struct md_trace_error e;
    struct md_verdict v = {0};
    struct md_runner *r = md_runner_new(&c, &why);
    assert_non_null(r);
    md_trace_init(&t);
    assert_true(md_trace_parse(&t, text, sizeof text - 1, &e));
    for (int i = 0; i < 5; i++)
        assert_int_equal(md_runner_run(r, &t, &v), MD_AGREE);
    assert_int_equal(md_runner_counts(r)->fresh_checks, 5);
    md_verdict_free(&v);
    md_trace_free(&t);
    md_runner_free(r);
    md_buf_free(&why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order),
        cmocka_unit_test(symbol_as_length),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
