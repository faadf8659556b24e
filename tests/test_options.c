/*
 * The whitelist of node options: what is allowed, what it means for the model, and for everything
 * else the reason of the refusal.
 */
#include "harness/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define ONLY " is not allowed in a trace: only -A -C -F -M -L -I -m -f -n -t -R -B -o are"
#define LISTENS " is not allowed in a trace: memdiverge chooses where a node listens"
#define RUNS " is not allowed in a trace: memdiverge chooses how a node runs and as whom"
#define SIZE ": -I expects a size from 1k to 32m, as bytes, Nk or Nm"
#define FACTOR ": -f expects a factor from 1.05 to 4 with at most 6 decimals"
#define NAMED                                                                                      \
    " is not allowed in a trace: of -o only slab_chunk_max=N lru_maintainer lru_crawler "          \
    "slab_reassign temporary_ttl=N hot_lru_pct=N warm_lru_pct=N slab_automove=N are"
#define CHUNK ": slab_chunk_max expects a number of bytes, a multiple of 1024"
#define TTL ": temporary_ttl expects a number of seconds from 0 to 2592000"
#define PERCENT " expects a percentage from 1 to 79"
#define QUEUES(hot, warm)                                                                          \
    "hot_lru_pct=" #hot " and warm_lru_pct=" #warm " are more than 80 together: memcached would "  \
    "not start; give both (20 and 40 without)"

static bool options(struct md_node_options *o, const char *line, struct md_buf *why) {
    const char *words[MD_NODE_ARGS_MAX];
    char copy[512], *save = NULL;
    size_t n = 0;
    snprintf(copy, sizeof copy, "%s", line);
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        words[n++] = w;
    md_buf_clear(why);
    return md_node_options_parse(o, words, n, why);
}

static void expect_words(const struct md_node_options *o, const char *const *words, size_t n) {
    assert_int_equal(o->n_args, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(o->args[i], words[i]);
}

static void options_allowed(void **state) {
    (void)state;
    struct md_node_options o, copy;
    struct md_buf why = {0};
    md_node_options_default(&o);
    assert_int_equal(o.model.threads, 1);
    assert_int_equal(o.model.reqs_per_event, 10000);
    assert_true(o.model.cas);
    assert_true(options(&o, "", &why));
    assert_int_equal(o.n_args, 0);
    assert_true(options(
        &o, "-o slab_chunk_max=16384 -R 20000 -t 4 -n 8 -f 1.08 -m 4 -I 1m -M -F -C", &why));
    const char *canonical[] = {"-C",
                               "-F",
                               "-M",
                               "-I",
                               "1m",
                               "-m",
                               "4",
                               "-f",
                               "1.08",
                               "-n",
                               "8",
                               "-t",
                               "4",
                               "-R",
                               "20000",
                               "-o",
                               "slab_chunk_max=16384"};
    expect_words(&o, canonical, sizeof canonical / sizeof *canonical);
    assert_false(o.model.cas || o.model.flush_enabled || o.model.evict);
    assert_int_equal(o.model.item_size_max, 1 << 20);
    assert_int_equal(o.model.memory_limit, 4 << 20);
    assert_int_equal(o.model.chunk_size, 8);
    assert_int_equal(o.model.slab_chunk_max, 16384);
    assert_true(o.model.factor == 1.08); /* the very double that the node reads */
    assert_int_equal(o.model.threads, 4);
    assert_int_equal(o.model.reqs_per_event, 20000);

    md_node_options_default(&copy);
    assert_false(md_node_options_equal(&o, &copy));
    md_node_options_copy(&copy, &o);
    assert_true(md_node_options_equal(&o, &copy));
    assert_ptr_not_equal(o.args[0], copy.args[0]);
    assert_true(options(&o, "-I 512k -m 1", &why));
    assert_true(o.model.cas); /* nothing of the options before is left */
    assert_false(md_node_options_equal(&o, &copy));
    md_node_options_free(&copy);
    md_node_options_free(&o);
    md_buf_free(&why);
}

/* Everything behind -o: with commas, repeated, in the same word; one order, one -o for each. */
static void options_named(void **state) {
    (void)state;
    static const char *const same[] = {
        "-o lru_maintainer,lru_crawler,slab_reassign,temporary_ttl=30,hot_lru_pct=30,"
        "warm_lru_pct=50,slab_automove=0 -o slab_chunk_max=16384 -L",
        "-oslab_automove=0 -o warm_lru_pct=50,hot_lru_pct=30 -o temporary_ttl=30 -L -o "
        "slab_chunk_max=16384,slab_reassign -o lru_crawler -o lru_maintainer",
    };
    static const char *const canonical[] = {"-L",
                                            "-o",
                                            "slab_chunk_max=16384",
                                            "-o",
                                            "lru_maintainer",
                                            "-o",
                                            "lru_crawler",
                                            "-o",
                                            "slab_reassign",
                                            "-o",
                                            "temporary_ttl=30",
                                            "-o",
                                            "hot_lru_pct=30",
                                            "-o",
                                            "warm_lru_pct=50",
                                            "-o",
                                            "slab_automove=0"};
    struct md_node_options o;
    struct md_buf why = {0};
    md_node_options_default(&o);
    assert_false(o.model.segmented || o.model.temporary || o.model.preallocated ||
                 o.model.slab_reassign);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(options(&o, same[i], &why));
        expect_words(&o, canonical, sizeof canonical / sizeof *canonical);
        assert_true(o.model.segmented && o.model.temporary && o.model.preallocated &&
                    o.model.slab_reassign);
        assert_int_equal(o.model.temporary_ttl, 30);
        assert_int_equal(o.model.slab_chunk_max, 16384);
    }
    /* As many words as there can be. */
    assert_true(options(
        &o,
        "-A -C -F -M -L -I 1m -m 64 -f 2 -n 8 -t 2 -R 20000 -B auto -o slab_chunk_max=524288 "
        "-o lru_maintainer -o lru_crawler -o slab_reassign -o temporary_ttl=0 -o "
        "hot_lru_pct=1 -o warm_lru_pct=79 -o slab_automove=1",
        &why));
    assert_int_equal(o.n_args, MD_NODE_ARGS_MAX);
    assert_true(options(&o, "-o lru_crawler", &why));
    assert_false(o.model.segmented || o.model.temporary || o.model.preallocated ||
                 o.model.slab_reassign);
    md_node_options_free(&o);
    md_buf_free(&why);
}

static const char *const borders_allowed[] = {
    "-I 1k -o slab_chunk_max=1024",
    "-I 1024 -o slab_chunk_max=1024",
    "-I 32m",
    "-I 1536k",
    "-I 33554432",
    "-m 2",
    "-m 4096",
    "-m 1 -I 512k",
    "-f 1.05",
    "-f 4",
    "-f 4.000000",
    "-n 1",
    "-n 1024",
    "-t 1",
    "-t 8",
    "-R 10000",
    "-R 100000",
    "-o slab_chunk_max=1048576",
    "-L",
    "-L -m 39",
    "-L -m 2 -f 4 -n 1024 -I 1m -o slab_chunk_max=16384",
    "-o lru_maintainer,temporary_ttl=2592000",
    "-o lru_maintainer -o temporary_ttl=0",
    "-o hot_lru_pct=40",
    "-o hot_lru_pct=79,warm_lru_pct=1",
    "-o slab_reassign,slab_automove=1",
    "-olru_crawler",
};

static const struct {
    const char *line, *why;
} options_bad[] = {
    {"-l 0.0.0.0", "-l" LISTENS},
    {"-s /tmp/x", "-s" LISTENS},
    {"-p1", "-p1" LISTENS},
    {"-u nobody", "-u" RUNS},
    {"-d", "-d" RUNS},
    {"-P /x", "-P" RUNS},
    {"-e /x", "-e is not allowed in a trace: it would make the node depend on more than the trace"},
    {"-Y /x", "-Y is not allowed in a trace: traces speak to a node without authentication or TLS"},
    {"-B meta", "meta: -B expects ascii, binary or auto"},
    {"-k", "-k is not allowed in a trace: it depends on the machine"},
    {"-c 1",
     "-c is not allowed in a trace: a trace has at most 16 connections and cannot ask for more or "
     "less"},
    {"-vv", "-vv is not allowed in a trace: what a node logs is no part of a trace"},
    {"-h", "-h is not allowed in a trace: the node would print something and exit"},
    {"-z", "-z" ONLY},
    {"--disable-cas", "--disable-cas" ONLY},
    {"-CF", "-CF" ONLY},
    {"-", "-" ONLY},
    {"2m", "2m stands where an option was expected"},
    {"-C on", "on stands where an option was expected"},
    {"-C -C", "-C is given twice"},
    {"-I 1m -I 1m", "-I is given twice"},
    {"-I", "-I" SIZE},
    {"-I 1023", "1023" SIZE},
    {"-I 33554433", "33554433" SIZE},
    {"-I k", "k" SIZE},
    {"-I 1g", "1g" SIZE},
    {"-I 18446744073709551617", "18446744073709551617" SIZE},
    {"-m 0", "0: -m expects a number of MiB from 1 to 4096"},
    {"-m 4097", "4097: -m expects a number of MiB from 1 to 4096"},
    {"-m -1", "-1: -m expects a number of MiB from 1 to 4096"},
    {"-f 1.049999", "1.049999" FACTOR},
    {"-f 4.000001", "4.000001" FACTOR},
    {"-f 1.", "1." FACTOR},
    {"-f nan", "nan" FACTOR},
    {"-f 1.1000000", "1.1000000" FACTOR},
    {"-n 0", "0: -n expects a number of bytes from 1 to 1024"},
    {"-n 1025", "1025: -n expects a number of bytes from 1 to 1024"},
    {"-t 9", "9: -t expects a number of threads from 1 to 8"},
    {"-R 100001", "100001: -R expects a number of requests from 10000 to 100000"},
    {"-R 9999", "9999: -R expects a number of requests from 10000 to 100000"},
    {"-L -L", "-L is given twice"},
    {"-L1", "-L1" ONLY},
    {"-L -m 38", "-L takes a page of 1 MiB for each of the 39 slab classes: memcached would not "
                 "start with -m 38; give -m 39 or more, or a larger -f"},
    {"-o", "-o: -o expects what to set"},
    {"-o modern", "modern" NAMED},
    {"-o no_lru_maintainer", "no_lru_maintainer" NAMED},
    {"-o slab_automove_ratio=1", "slab_automove_ratio=1" NAMED},
    {"-o slab_chunk=1024", "slab_chunk=1024" NAMED},
    {"-o lru_crawler,", NAMED},
    {"-o ,lru_crawler", NAMED},
    {"-o =", "=" NAMED},
    {"-o slab_chunk_max=1024,modern", "modern" NAMED},
    {"-o lru_crawler,lru_crawler", "lru_crawler is given twice"},
    {"-o lru_crawler -o lru_crawler", "lru_crawler is given twice"},
    {"-o slab_chunk_max=1024 -o slab_chunk_max=1024", "slab_chunk_max is given twice"},
    {"-o lru_maintainer=1", "lru_maintainer=1: lru_maintainer expects no value"},
    {"-o slab_chunk_max", "slab_chunk_max" CHUNK},
    {"-o slab_chunk_max=", "slab_chunk_max=" CHUNK},
    {"-o lru_maintainer,temporary_ttl=2592001", "temporary_ttl=2592001" TTL},
    {"-o lru_maintainer,temporary_ttl=-1", "temporary_ttl=-1" TTL},
    {"-o temporary_ttl=5",
     "temporary_ttl needs lru_maintainer: memcached would not start; add -o lru_maintainer"},
    {"-o hot_lru_pct=0", "hot_lru_pct=0: hot_lru_pct" PERCENT},
    {"-o warm_lru_pct=80", "warm_lru_pct=80: warm_lru_pct" PERCENT},
    {"-o hot_lru_pct=41", QUEUES(41, 40)},
    {"-o warm_lru_pct=61", QUEUES(20, 61)},
    {"-o slab_reassign,slab_automove=2", "slab_automove=2: slab_automove expects 0 or 1"},
    {"-o slab_automove=1",
     "slab_automove means nothing without slab_reassign; add -o slab_reassign"},
    {"-o slab_chunk_max=1000", "slab_chunk_max=1000" CHUNK},
    {"-o slab_chunk_max=1500", "slab_chunk_max=1500" CHUNK},
    {"-I 1k", "slab_chunk_max=524288 is more than -I 1024: memcached would not start; add -o "
              "slab_chunk_max=BYTES that divides both -I and 1 MiB"},
    {"-I 700k", "-I 716800 is not a multiple of slab_chunk_max=524288: memcached would not start"},
    {"-I 3m -o slab_chunk_max=3072",
     "slab_chunk_max=3072 does not divide a slab page of 1048576 bytes: memcached would not start"},
    {"-m 8 -I 5m",
     "-I 5242880 is more than half of -m 8: memcached would not start; give a smaller -I or a "
     "larger -m"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaZZ",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... stands where an option was expected"},
};

static void options_refused(void **state) {
    (void)state;
    struct md_node_options o;
    struct md_buf why = {0};
    md_node_options_default(&o);
    for (size_t i = 0; i < sizeof borders_allowed / sizeof *borders_allowed; i++)
        if (!options(&o, borders_allowed[i], &why))
            fail_msg("%s: %s", borders_allowed[i], md_buf_cstr(&why));
    for (size_t i = 0; i < sizeof options_bad / sizeof *options_bad; i++) {
        if (options(&o, options_bad[i].line, &why))
            fail_msg("accepted: %s", options_bad[i].line);
        assert_true(o.model.cas && o.n_args == 0); /* refused as a whole */
        assert_string_equal(md_buf_cstr(&why), options_bad[i].why);
    }
    md_node_options_free(&o);
    md_buf_free(&why);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_allowed),
        cmocka_unit_test(options_named),
        cmocka_unit_test(options_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
