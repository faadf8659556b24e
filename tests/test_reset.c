/*
 * Contract C2: a trace means the same on a reused node as on a fresh one, and what cannot be reset
 * (a full memory, a restart) has a node of its own. All seeds in 50 random orders on reused nodes
 * give the replies that they give on fresh ones, CAS values counted from the base. Seeds that write
 * Unix times out near the birth of the nodes, or CAS values, mean something else at another time or
 * base, on fresh nodes too; they must be few.
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

/* ---- nodes that are not used again ----------------------------------------------------------- */

static void parse(struct md_trace *t, const char *text) {
    struct md_trace_error e;
    if (!md_trace_parse(t, text, strlen(text), &e))
        fail_msg("%u:%u: %s", e.line, e.column, e.message);
}

/* Every seed that restarts its node agrees, at once and much later, and the node in use stays. */
static void restarts(void **state) {
    struct fixture *f = *state;
    struct md_corpus seeds = {0};
    struct md_buf folder = {0}, why = {0};
    struct md_trace t, plain;
    struct md_trace_error e;
    md_trace_init(&t);
    md_trace_init(&plain);
    parse(&plain, "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\nget a\\r\\n\"\n");
    md_buf_printf(&folder, "%s/restart", getenv("MEMDIVERGE_CORPUS"));
    assert_true(md_corpus_add(&seeds, md_buf_cstr(&folder), &why));
    assert_true(seeds.n >= 4);
    assert_int_equal(md_runner_run(f->r, &plain, &f->v), MD_AGREE);
    uint64_t started = md_runner_counts(f->r)->nodes_started;
    for (size_t i = 0; i < seeds.n; i++) {
        assert_true(md_trace_load(&t, seeds.path[i], &e));
        if (md_runner_run(f->r, &t, &f->v) != MD_AGREE)
            fail_msg("%s: %s", seeds.path[i], f->v.signature);
        assert_int_equal(md_runner_run(f->r, &plain, &f->v), MD_AGREE);
    }
    assert_int_equal(md_runner_counts(f->r)->nodes_started, started + seeds.n);
    md_trace_free(&t);
    md_trace_free(&plain);
    md_corpus_free(&seeds);
    md_buf_free(&folder);
    md_buf_free(&why);
}

static void pressure(struct md_trace *t, const char *options) {
    struct md_buf text = {0};
    md_buf_printf(&text, "memdiverge-trace 1\nnode %s\n", options);
    for (int i = 0; i < 600; i++)
        md_buf_printf(
            &text,
            "send 0 \"set k%d 0 0 {len}\\r\\n{block}{fill %d 61}{/block}\\r\\nget k%d\\r\\n\"\n%s",
            i, 6000 + i, i / 2, i % 50 ? "" : "clock 61\n");
    parse(t, md_buf_cstr(&text));
    md_buf_free(&text);
}

/* Memory runs out, time and again, without and with spares: always as on the first node. */
static void memory_runs_out(void **state) {
    struct fixture *f = *state;
    static const char *const options[] = {"-m 1 -I 512k", "-m 2 -M", "-L -m 6 -f 4 -n 100"};
    struct md_buf first = {0};
    struct md_trace t;
    md_trace_init(&t);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        pressure(&t, options[i]);
        for (int times = 0; times < 4; times++) {
            if (md_runner_run(f->r, &t, &f->v) != MD_AGREE)
                fail_msg("%s, %d: %s %s", options[i], times, f->v.signature,
                         md_buf_cstr(&f->v.reason));
            assert_true(md_model_pressed(md_runner_model(f->r)));
            const struct md_buf *replies = md_runner_replies(f->r);
            if (times == 0)
                md_buf_append(&first, replies->data, replies->len);
            assert_int_equal(first.len, replies->len);
            assert_memory_equal(first.data, replies->data, first.len);
        }
        first.len = 0;
    }
    md_buf_free(&first);
    md_trace_free(&t);
}

/* What no command of a trace shows is seen by the last look at its node, and then by the longer
 * trace: here the model does not know that a refused gat touches. */
static void last_look(void **state) {
    (void)state;
    static const char *const texts[] = {
        "memdiverge-trace 1\nnode -m 1 -I 512k\nsend 3 \"set a 7 0 1\\r\\nx\\r\\n\"\n"
        "send 3 \"gat -1 a {fill 251 6b}\\r\\n\"\n",
        "memdiverge-trace 1\nrestart\nsend 3 \"set a 7 0 1\\r\\nx\\r\\n\"\n"
        "send 3 \"gat -1 a {fill 251 6b}\\r\\n\"\n",
    };
    static const enum md_quirk without[] = {MD_QUIRK_GAT_REFUSED_TOUCHES};
    struct md_runner_config c = {.node = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1},
                                 .without = without,
                                 .n_without = 1,
                                 .sweep = true};
    struct md_buf why = {0};
    struct md_trace t;
    struct md_verdict v = {0};
    struct md_runner *r = md_runner_new(&c, &why);
    assert_non_null(r);
    md_trace_init(&t);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char signature[MD_SIGNATURE_MAX];
        parse(&t, texts[i]);
        md_runner_sweep(r, true);
        assert_int_equal(md_runner_run(r, &t, &v), MD_DIVERGED);
        assert_true(v.in_sweep);
        memcpy(signature, v.signature, sizeof signature);
        md_runner_extend(r, &t);
        md_runner_sweep(r, false);
        assert_int_equal(md_runner_run(r, &t, &v), MD_DIVERGED);
        assert_false(v.in_sweep);
        assert_string_equal(v.signature, signature);
    }
    md_verdict_free(&v);
    md_trace_free(&t);
    md_runner_free(r);
    md_buf_free(&why);
}

/* A new limit is taken back before the next trace. */
static void memory_limit(void **state) {
    struct fixture *f = *state;
    struct md_trace t, plain;
    md_trace_init(&t);
    md_trace_init(&plain);
    parse(&t, "memdiverge-trace 1\nsend 0 \"cache_memlimit 9\\r\\nstats\\r\\n\"\n");
    parse(&plain, "memdiverge-trace 1\nsend 0 \"stats\\r\\n\"\n");
    assert_int_equal(md_runner_run(f->r, &plain, &f->v), MD_AGREE);
    uint64_t started = md_runner_counts(f->r)->nodes_started;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(md_runner_run(f->r, &t, &f->v), MD_AGREE);
        if (md_runner_run(f->r, &plain, &f->v) != MD_AGREE)
            fail_msg("%s %s", f->v.signature, md_buf_cstr(&f->v.reason));
    }
    assert_int_equal(md_runner_counts(f->r)->nodes_started, started);
    md_trace_free(&t);
    md_trace_free(&plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order), cmocka_unit_test(symbol_as_length),
        cmocka_unit_test(restarts),  cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(last_look), cmocka_unit_test(memory_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
