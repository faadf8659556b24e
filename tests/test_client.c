/*
 * libmemcached held to the model. What must be so for that to be worth anything: sequences survive
 * their encodings, a client that does right is left alone, one that lies is caught in each field,
 * every deviation that the table lists is there (its sequence in corpus/client diverges when the
 * row is off, and is explained when it is on), and a crash does not end the campaign.
 */
#include "harness/artifact.h"
#include "harness/client_findings.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SEQUENCES = 300 };

static struct md_client_runner *runner;

static int start(void **state) {
    (void)state;
    struct md_client_config config = {.node = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1}};
    struct md_buf why = {0};
    runner = md_client_runner_new(&config, &why);
    if (!runner)
        print_error("%s\n", md_buf_cstr(&why));
    md_buf_free(&why);
    return runner ? 0 : -1;
}

static int stop(void **state) {
    (void)state;
    md_client_runner_free(runner);
    return 0;
}

static int plain(void **state) {
    (void)state;
    struct md_client_config *config = md_client_runner_config(runner);
    config->lie = NULL;
    config->strict = false;
    memset(config->off, 0, sizeof config->off);
    return 0;
}

static struct md_client_sequence calls(const char *listing) {
    struct md_client_sequence s;
    size_t line;
    if (!md_client_parse(&s, listing, strlen(listing), &line))
        fail_msg("line %zu of: %s", line, listing);
    return s;
}

static void agrees(const char *listing) {
    struct md_client_sequence s = calls(listing);
    struct md_client_verdict v = {0};
    struct md_buf report = {0};
    md_client_run(runner, &s, &v);
    md_client_report(&s, &v, &report);
    if (v.kind != MD_CLIENT_AGREED || v.ended_by)
        fail_msg("%s", md_buf_cstr(&report));
    md_buf_free(&report);
    md_client_verdict_free(&v);
}

static void diverges(const char *listing, const char *signature) {
    struct md_client_sequence s = calls(listing);
    struct md_client_verdict v = {0};
    md_client_run(runner, &s, &v);
    assert_int_equal(v.kind, MD_CLIENT_DIVERGED);
    assert_string_equal(v.signature, signature);
    md_client_verdict_free(&v);
}

/* ---- sequences as data ----------------------------------------------------------------------- */

static void bytes_and_listings_lose_nothing(void **state) {
    (void)state;
    struct md_client_sequence s, again;
    struct md_buf bytes = {0}, text = {0}, listed = {0};
    size_t line;
    for (uint64_t i = 0; i < 200; i++) {
        md_client_generate(&s, 7, i);
        md_buf_clear(&bytes);
        md_buf_clear(&text);
        md_client_encode(&s, &bytes);
        md_client_decode(&again, bytes.data, bytes.len);
        assert_true(md_client_equal(&s, &again));
        md_client_print(&s, &text);
        assert_true(md_client_parse(&again, md_buf_cstr(&text), text.len, &line));
        /* Two entries of a table may be the same argument: an offset is cut to 32 bits. */
        md_buf_clear(&listed);
        md_client_print(&again, &listed);
        assert_string_equal(md_buf_cstr(&text), md_buf_cstr(&listed));
    }
    md_buf_free(&listed);
    md_buf_free(&bytes);
    md_buf_free(&text);
}

static void any_bytes_are_a_sequence(void **state) {
    (void)state;
    struct md_client_sequence s, again;
    struct md_random r;
    uint8_t bytes[300];
    struct md_buf out = {0};
    md_random_seed(&r, 1);
    for (unsigned i = 0; i < 2000; i++) {
        size_t n = md_random_below(&r, sizeof bytes + 1);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (uint8_t)md_random_next(&r);
        md_client_decode(&s, bytes, n);
        assert_true(s.n <= MD_CLIENT_CALLS_MAX);
        md_buf_clear(&out);
        md_client_encode(&s, &out);
        md_client_decode(&again, out.data, out.len);
        assert_true(md_client_equal(&s, &again));
        assert_true(md_client_mutate(bytes, n, sizeof bytes, i) <= sizeof bytes);
    }
    md_buf_free(&out);
}

static void a_seed_is_a_stream(void **state) {
    (void)state;
    struct md_client_sequence a, b, c;
    md_client_generate(&a, 1, 5);
    md_client_generate(&b, 1, 5);
    md_client_generate(&c, 1, 6);
    assert_true(md_client_equal(&a, &b));
    assert_false(md_client_equal(&a, &c));
}

static void a_wrong_line_is_named(void **state) {
    (void)state;
    static const char text[] = "// fine\nmemcached_quit(m);\nmemcached_quit(n);\n";
    struct md_client_sequence s;
    size_t line;
    assert_false(md_client_parse(&s, text, sizeof text - 1, &line));
    assert_int_equal(line, 3);
}

/* ---- a client that does right ---------------------------------------------------------------- */

static void known_answers(void **state) {
    (void)state;
    agrees("memcached_set(m, \"a\", 1, \"10\", 2, 0, 65535U);\n"
           "memcached_add(m, \"a\", 1, \"x\", 1, 0, 0U);\n"
           "memcached_get(m, \"a\", 1, ...);\n"
           "memcached_increment(m, \"a\", 1, 2U, &number);\n"
           "memcached_append(m, \"a\", 1, \"0\", 1, 0, 0U);\n"
           "memcached_get(m, \"a\", 1, ...);\n"
           "memcached_touch(m, \"a\", 1, 30);\n"
           "sleep(29);\n"
           "memcached_exist(m, \"a\", 1);\n"
           "sleep(2);\n"
           "memcached_get(m, \"a\", 1, ...);\n"
           "memcached_delete(m, \"a\", 1, 0);\n");
    agrees("memcached_behavior_set(m, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1);\n"
           "memcached_increment_with_initial(m, \"a\", 1, 2U, 10U, 0, &number);\n"
           "memcached_increment_with_initial(m, \"a\", 1, 2U, 10U, 0, &number);\n"
           "memcached_mget(m, KEYS({\"a\", 1}, {\"b\", 1}));\n"
           "memcached_fetch(m, ...);\n"
           "memcached_fetch(m, ...);\n"
           "memcached_stat(m, ...);\n"
           "memcached_flush(m, 0);\n"
           "memcached_get(m, \"a\", 1, ...);\n");
}

static void buffered_is_seen_when_flushed(void **state) {
    (void)state;
    agrees("memcached_behavior_set(m, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1);\n"
           "memcached_set(m, \"a\", 1, \"x\", 1, 0, 0U);\n"
           "another_client_gets(\"a\", 1);\n"
           "memcached_flush_buffers(m);\n"
           "another_client_gets(\"a\", 1);\n"
           "memcached_delete(m, \"a\", 1, 0);\n"
           "memcached_quit(m);\n"
           "another_client_gets(\"a\", 1);\n");
}

static void two_servers_and_a_namespace(void **state) {
    (void)state;
    agrees("memcached_callback_set(m, MEMCACHED_CALLBACK_NAMESPACE, \"n:\");\n"
           "memcached_server_add_unix_socket(m, second);\n"
           "memcached_set(m, \"a\", 1, \"x\", 1, 0, 0U);\n"
           "memcached_set(m, \"b\", 1, \"10\", 2, 0, 0U);\n"
           "memcached_set(m, \"c\", 1, \"99\", 2, 0, 0U);\n"
           "memcached_mget(m, KEYS({\"c\", 1}, {\"b\", 1}, {\"a\", 1}, {\"counter\", 7}));\n"
           "memcached_fetch(m, ...);\n"
           "memcached_fetch(m, ...);\n"
           "memcached_fetch(m, ...);\n"
           "memcached_fetch(m, ...);\n"
           "memcached_clone(m);\n"
           "memcached_get(m, \"b\", 1, ...);\n");
}

static void cas_goes_round(void **state) {
    (void)state;
    agrees("memcached_behavior_set(m, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);\n"
           "memcached_set(m, \"a\", 1, \"x\", 1, 0, 0U);\n"
           "memcached_mget(m, KEYS({\"a\", 1}));\n"
           "memcached_fetch_result(m, ...);\n"
           "memcached_cas(m, \"a\", 1, \"10\", 2, 0, 0U, cas_seen);\n"
           "memcached_cas(m, \"a\", 1, \"99\", 2, 0, 0U, cas_seen);\n"
           "memcached_cas(m, \"b\", 1, \"99\", 2, 0, 0U, cas_seen);\n"
           "memcached_get(m, \"a\", 1, ...);\n");
}

static void random_ones_agree(void **state) {
    (void)state;
    struct md_client_sequence s;
    struct md_client_verdict v = {0};
    struct md_buf report = {0};
    uint64_t ended = md_client_runner_counts(runner)->spoiled;
    for (uint64_t i = 0; i < SEQUENCES; i++) {
        md_client_generate(&s, 1, i);
        if (md_client_run(runner, &s, &v) == MD_CLIENT_AGREED)
            continue;
        md_client_report(&s, &v, &report);
        fail_msg("sequence %llu of seed 1: %s", (unsigned long long)i, md_buf_cstr(&report));
    }
    /* Most get to their end: those that do not find nothing behind it. */
    ended = md_client_runner_counts(runner)->spoiled - ended;
    print_message("%d of %d ended early\n", (int)ended, SEQUENCES);
    assert_in_range(ended, 0, SEQUENCES * 23 / 100);
    md_client_verdict_free(&v);
}

/* ---- a client that lies ---------------------------------------------------------------------- */

struct lie {
    enum md_client_op op;
    size_t offset; /* of the field in the result that is changed */
    bool drops;    /* the call is not made, and told to have gone well */
};

static bool tell_lie(void *ctx, bool after, const struct md_client_call *c,
                     struct md_client_result *r) {
    const struct lie *lie = ctx;
    if (c->op != lie->op)
        return false;
    if (lie->drops && !after)
        memset(r, 0, offsetof(struct md_client_result, value));
    else if (!lie->drops && after)
        ((uint8_t *)r)[lie->offset] ^= 1;
    return lie->drops && !after;
}

static void a_lie_is_caught(struct lie lie, const char *signature) {
    md_client_runner_config(runner)->lie = tell_lie;
    md_client_runner_config(runner)->lie_ctx = &lie;
    diverges("memcached_behavior_set(m, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);\n"
             "memcached_set(m, \"a\", 1, \"10\", 2, 0, 0U);\n"
             "memcached_increment(m, \"a\", 1, 1U, &number);\n"
             "memcached_get(m, \"a\", 1, ...);\n"
             "memcached_mget(m, KEYS({\"a\", 1}));\n"
             "memcached_fetch_result(m, ...);\n"
             "memcached_stat(m, ...);\n",
             signature);
}

#define OF(field) offsetof(struct md_client_result, field)

static void every_field_is_compared(void **state) {
    (void)state;
    a_lie_is_caught((struct lie){MD_CLIENT_SET, OF(rc), false},
                    "client-set-text-rc-success-failure");
    a_lie_is_caught((struct lie){MD_CLIENT_INCREMENT, OF(number), false},
                    "client-increment-text-number");
    a_lie_is_caught((struct lie){MD_CLIENT_GET, OF(value), false}, "client-get-text-value");
    a_lie_is_caught((struct lie){MD_CLIENT_GET, OF(len), false}, "client-get-text-length");
    a_lie_is_caught((struct lie){MD_CLIENT_GET, OF(flags), false}, "client-get-text-flags");
    a_lie_is_caught((struct lie){MD_CLIENT_GET, OF(has_value), false}, "client-get-text-null");
    a_lie_is_caught((struct lie){MD_CLIENT_FETCH_RESULT, OF(cas), false},
                    "client-fetch-result-text-cas");
    a_lie_is_caught((struct lie){MD_CLIENT_FETCH_RESULT, OF(key), false},
                    "client-fetch-result-text-key");
    a_lie_is_caught((struct lie){MD_CLIENT_STAT, OF(value), false}, "client-stat-text-value");
    a_lie_is_caught((struct lie){MD_CLIENT_GET, OF(where), false}, "client-get-text-server");
}

static void another_server_is_caught(void **state) {
    (void)state;
    struct lie lie = {MD_CLIENT_GET, OF(where), false};
    md_client_runner_config(runner)->lie = tell_lie;
    md_client_runner_config(runner)->lie_ctx = &lie;
    diverges("memcached_server_add_unix_socket(m, second);\n"
             "memcached_get(m, \"a\", 1, ...);\n",
             "client-get-text-server");
}

/* Says that all went well: only what is stored shows it. */
static void a_lost_write_is_seen_at_the_end(void **state) {
    (void)state;
    struct lie lie = {MD_CLIENT_SET, 0, true};
    md_client_runner_config(runner)->lie = tell_lie;
    md_client_runner_config(runner)->lie_ctx = &lie;
    diverges("memcached_set(m, \"a\", 1, \"x\", 1, 0, 0U);\n", "client-end-text-stored");
}

static void a_lie_is_shrunk_to_itself(void **state) {
    (void)state;
    struct lie lie = {MD_CLIENT_REPLACE, OF(rc), false};
    struct md_client_verdict v = {0};
    struct md_client_sequence s;
    uint64_t i = 0;
    md_client_runner_config(runner)->lie = tell_lie;
    md_client_runner_config(runner)->lie_ctx = &lie;
    do
        md_client_generate(&s, 3, i++);
    while (md_client_run(runner, &s, &v) != MD_CLIENT_DIVERGED);
    md_client_shrink(runner, &s, &v);
    assert_int_equal(v.kind, MD_CLIENT_DIVERGED);
    assert_in_range(s.n, 1, 3);
    md_client_verdict_free(&v);
}

/* ---- deviations ------------------------------------------------------------------------------ */

static struct md_client_sequence of_corpus(const char *id) {
    struct md_client_sequence s;
    struct md_buf text = {0}, why = {0};
    size_t line;
    char *path = md_path(getenv("MEMDIVERGE_CORPUS"), "client/%s.calls", id);
    if (!md_artifact_read(path, 1 << 16, &text, &why))
        fail_msg("%s", md_buf_cstr(&why));
    if (!md_client_parse(&s, md_buf_cstr(&text), text.len, &line))
        fail_msg("%s:%zu: no call of ours", path, line);
    md_buf_free(&text);
    md_buf_free(&why);
    free(path);
    return s;
}

static void switch_off(const char *id) {
    const struct md_client_fact *table;
    size_t n = md_client_facts(&table);
    assert_in_range(n, 1, MD_CLIENT_FACTS_MAX);
    for (size_t i = 0; i < n; i++)
        md_client_runner_config(runner)->off[i] = strcmp(table[i].id, id) == 0;
}

static void one_deviation(const char *id) {
    struct md_client_sequence s = of_corpus(id);
    struct md_client_verdict v = {0};
    struct md_buf report = {0};
    plain(NULL);
    md_client_run(runner, &s, &v);
    md_client_report(&s, &v, &report);
    if (v.kind != MD_CLIENT_AGREED)
        fail_msg("%s does not explain: %s", id, md_buf_cstr(&report));
    md_client_runner_config(runner)->strict = true;
    md_client_run(runner, &s, &v);
    assert_int_equal(v.kind, MD_CLIENT_DIVERGED);
    assert_string_equal(v.signature, id);
    plain(NULL);
    switch_off(id);
    md_client_run(runner, &s, &v);
    if (v.kind != MD_CLIENT_DIVERGED)
        fail_msg("%s is not shown by its calls", id);
    md_buf_free(&report);
    md_client_verdict_free(&v);
}

static void every_deviation_is_shown(void **state) {
    (void)state;
    const struct md_client_fact *table;
    size_t n = md_client_facts(&table);
    for (size_t i = 0; i < n; i++)
        if (table[i].kind == MD_CLIENT_DEVIATION &&
            (i == 0 || strcmp(table[i].id, table[i - 1].id) != 0))
            one_deviation(table[i].id);
}

static void every_deviation_says_what_and_where(void **state) {
    (void)state;
    const struct md_client_fact *table;
    size_t n = md_client_facts(&table);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strspn(table[i].id, "abcdefghijklmnopqrstuvwxyz0123456789-"),
                         strlen(table[i].id));
        assert_true(*table[i].source && table[i].ops);
        assert_true(table[i].kind == MD_CLIENT_DOCUMENTED || *table[i].sentence);
    }
}

static void files_for_a_maintainer(void **state) {
    (void)state;
    char dir[] = "/tmp/memdiverge-client.XXXXXX";
    struct md_client_sequence s = of_corpus("fetch-result-end");
    struct md_client_verdict v = {.signature = "fetch-result-end"};
    struct md_buf text = {0}, why = {0};
    struct md_client_sequence again;
    assert_non_null(mkdtemp(dir));
    assert_true(md_client_save(dir, &s, &v, &why));
    char *path = md_path(dir, "fetch-result-end/input");
    assert_true(md_artifact_read(path, 4096, &text, &why));
    md_client_decode(&again, text.data, text.len);
    assert_true(md_client_equal(&s, &again));
    md_artifact_remove(dir);
    md_buf_free(&text);
    md_buf_free(&why);
    free(path);
}

/* ---- what becomes of a divergence ------------------------------------------------------------ */

/* Lies about the set of some runs only: bit 1 << run. */
struct moody {
    unsigned runs, lies_in;
};

static bool tell_lie_by_mood(void *ctx, bool after, const struct md_client_call *c,
                             struct md_client_result *r) {
    struct moody *m = ctx;
    if (after && c->op == MD_CLIENT_SET)
        r->rc ^= m->lies_in >> m->runs++ & 1;
    return false;
}

static bool is_there(const char *dir, const char *name) {
    struct md_buf text = {0}, why = {0};
    char *path = md_path(dir, "%s", name);
    bool there = md_artifact_read(path, 1 << 16, &text, &why) && text.len > 0;
    md_buf_free(&text);
    md_buf_free(&why);
    free(path);
    return there;
}

#define SET_LIED "client-set-text-rc-success-failure"

/* One sequence that lies in these runs, found and looked into. */
static enum md_client_fate fate_of(struct md_client_findings *f, unsigned lies_in, bool crashed) {
    struct md_client_sequence s = calls("memcached_set(m, \"a\", 1, \"x\", 1, 0, 0U);\n");
    struct md_client_verdict v = {0};
    struct md_buf why = {0};
    struct moody mood = {.lies_in = lies_in};
    md_client_runner_config(runner)->lie = tell_lie_by_mood;
    md_client_runner_config(runner)->lie_ctx = &mood;
    assert_int_equal(md_client_run(runner, &s, &v), MD_CLIENT_DIVERGED);
    assert_string_equal(v.signature, SET_LIED);
    v.crashed = crashed;
    enum md_client_fate fate = md_client_found(f, runner, &s, &v, &why);
    assert_int_equal(s.n, 1);
    assert_string_equal(v.signature, SET_LIED);
    md_client_verdict_free(&v);
    md_buf_free(&why);
    return fate;
}

static void what_does_not_repeat_is_kept(void **state) {
    (void)state;
    char dir[] = "/tmp/memdiverge-client.XXXXXX";
    struct md_client_findings f = {.dir = mkdtemp(dir)};
    assert_non_null(f.dir);
    assert_int_equal(fate_of(&f, 1, false), MD_CLIENT_UNCONFIRMED);
    assert_true(is_there(dir, "unconfirmed/" SET_LIED "/found.calls"));
    assert_true(is_there(dir, "unconfirmed/" SET_LIED "/report.txt"));
    assert_false(is_there(dir, "divergences/" SET_LIED "/found.calls"));
    assert_int_equal(md_client_found_count(&f, false), 1);
    /* Met again, it has another chance: here in the third of three runs. */
    assert_int_equal(fate_of(&f, 1 | 1 << 3, false), MD_CLIENT_CONFIRMED);
    assert_true(is_there(dir, "divergences/" SET_LIED "/found.calls"));
    assert_true(is_there(dir, "divergences/" SET_LIED "/repro.c"));
    assert_false(is_there(dir, "unconfirmed/" SET_LIED "/found.calls"));
    assert_int_equal(md_client_found_count(&f, false), 0);
    assert_int_equal(md_client_found_count(&f, true), 1);
    assert_int_equal(fate_of(&f, ~0U, false), MD_CLIENT_KNOWN_ALREADY);
    md_client_findings_free(&f);
    md_artifact_remove(dir);
}

static void a_crash_needs_no_second_time(void **state) {
    (void)state;
    char dir[] = "/tmp/memdiverge-client.XXXXXX";
    struct md_client_findings f = {.dir = mkdtemp(dir)};
    assert_non_null(f.dir);
    assert_int_equal(fate_of(&f, 1, true), MD_CLIENT_CONFIRMED);
    assert_true(is_there(dir, "divergences/" SET_LIED "/found.calls"));
    md_client_findings_free(&f);
    md_artifact_remove(dir);
}

static void what_cannot_be_written_is_said(void **state) {
    (void)state;
    struct md_client_findings f = {.dir = "/dev/null/none"};
    assert_int_equal(fate_of(&f, ~0U, false), MD_CLIENT_NOT_WRITTEN);
    md_client_findings_free(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_and_listings_lose_nothing),
        cmocka_unit_test(any_bytes_are_a_sequence),
        cmocka_unit_test(a_seed_is_a_stream),
        cmocka_unit_test(a_wrong_line_is_named),
        cmocka_unit_test_setup(known_answers, plain),
        cmocka_unit_test_setup(buffered_is_seen_when_flushed, plain),
        cmocka_unit_test_setup(two_servers_and_a_namespace, plain),
        cmocka_unit_test_setup(cas_goes_round, plain),
        cmocka_unit_test_setup(random_ones_agree, plain),
        cmocka_unit_test_setup(every_field_is_compared, plain),
        cmocka_unit_test_setup(another_server_is_caught, plain),
        cmocka_unit_test_setup(a_lost_write_is_seen_at_the_end, plain),
        cmocka_unit_test_setup(a_lie_is_shrunk_to_itself, plain),
        cmocka_unit_test_setup(every_deviation_is_shown, plain),
        cmocka_unit_test(every_deviation_says_what_and_where),
        cmocka_unit_test(files_for_a_maintainer),
        cmocka_unit_test_setup(what_does_not_repeat_is_kept, plain),
        cmocka_unit_test_setup(a_crash_needs_no_second_time, plain),
        cmocka_unit_test_setup(what_cannot_be_written_is_said, plain),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
