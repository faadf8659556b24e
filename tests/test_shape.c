/*
 * Replies known by their shape: what is right is taken, and each wrong field is noticed and named. The
 * replies are invented; corpus/seeds/admin holds the same commands for real nodes.
 */
#include "model/shape.h"

#include "tests/model_fixture.h"

#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    *state = fixture_new(NULL);
    return 0;
}

/* The field that is wrong in this reply to the last command of these bytes; "" if it is right. */
static const char *wrong(struct fixture *f, const char *bytes, const char *reply) {
    static char name[32];
    struct md_buf why = {0};
    size_t used, n = strlen(reply);
    fixture_feed(f, 0, bytes, strlen(bytes));
    const struct md_command *k = &f->r.commands[f->r.n_commands - 1];
    assert_true(k->flags & MD_COMMAND_STATS);
    bool agrees =
        md_model_pattern_agrees(f->m, k->ordinal, (const uint8_t *)reply, n, &used, name, &why);
    if (agrees)
        assert_int_equal(used, n);
    else
        assert_true(why.len > 0);
    md_buf_free(&why);
    return agrees ? "" : name;
}

static void is_right(struct fixture *f, const char *bytes, const char *reply) {
    assert_string_equal(wrong(f, bytes, reply), "");
}

static void is_wrong(struct fixture *f, const char *bytes, const char *reply, const char *field) {
    assert_string_equal(wrong(f, bytes, reply), field);
}

/* `settings` of a fresh node, one of them as said here. */
static const char *settings(const char *name, const char *value) {
    static const char *const fresh[][2] = {
        {"maxbytes", "1073741824"},
        {"udpport", "0"},
        {"verbosity", "0"},
        {"evictions", "on"},
        {"shutdown_command", "no"},
        {"growth_factor", "1.25"},
        {"chunk_size", "48"},
        {"num_threads", "1"},
        {"detail_enabled", "no"},
        {"reqs_per_event", "10000"},
        {"cas_enabled", "yes"},
        {"item_size_max", "1048576"},
        {"slab_reassign", "no"},
        {"slab_chunk_max", "524288"},
        {"lru_crawler", "no"},
        {"lru_crawler_sleep", "100"},
        {"lru_crawler_tocrawl", "0"},
        {"flush_enabled", "yes"},
        {"lru_maintainer_thread", "no"},
        {"lru_segmented", "no"},
        {"track_sizes", "no"},
        {"tcpport", "11211"},
        {"umask", "700"},
        {"hot_max_factor", "0.20"},
        {"stat_key_prefix", ":"},
        {"new_in_a_version", "x"},
    };
    static char text[2048];
    size_t at = 0;
    for (size_t i = 0; i < sizeof fresh / sizeof *fresh; i++) {
        bool here = name && strcmp(fresh[i][0], name) == 0;
        if (here && !value)
            continue;
        at += (size_t)snprintf(text + at, sizeof text - at, "STAT %s %s\r\n", fresh[i][0],
                               here ? value : fresh[i][1]);
    }
    snprintf(text + at, sizeof text - at, "END\r\n");
    return text;
}

static void test_settings(void **state) {
    struct fixture *f = *state;
    const char *ask = "stats settings\r\n";
    is_right(f, ask, settings(NULL, NULL));
    is_wrong(f, ask, settings("maxbytes", "67108864"), "maxbytes");
    is_wrong(f, ask, settings("maxbytes", NULL), "maxbytes");
    is_wrong(f, ask, settings("tcpport", "x"), "tcpport");
    is_wrong(f, ask, settings("umask", "798"), "umask");
    is_wrong(f, ask, settings("hot_max_factor", "0.2.0"), "hot_max_factor");
    is_wrong(f, ask, settings("stat_key_prefix", "::"), "stat_key_prefix");
    is_wrong(f, ask, settings("evictions", "yes"), "evictions");
    is_wrong(f, ask, "STAT maxbytes\r\nEND\r\n", "shape");
    is_wrong(f, ask, "STAT maxbytes 1073741824\r\n", "shape");
    is_wrong(f, ask, "", "shape");
}

/* What commands set is what is shown. */
static void test_settings_follow(void **state) {
    struct fixture *f = *state;
    is_right(f, "verbosity 2\r\nstats settings\r\n", settings("verbosity", "2"));
    is_wrong(f, "stats settings\r\n", settings("verbosity", "0"), "verbosity");
    is_right(f, "verbosity 0\r\nlru_crawler sleep 7\r\nstats settings\r\n",
             settings("lru_crawler_sleep", "7"));
    assert_true(md_model_administered(f->m));
}

static void test_words(void **state) {
    struct fixture *f = *state;
    is_right(f, "lru_crawler enable\r\n", "OK\r\n");
    is_wrong(f, "lru_crawler crawl 99\r\n", "OK\r\n", "answer");
    is_right(f, "lru_crawler crawl 99\r\n", "BADCLASS invalid class id\r\n");
    is_wrong(f, "lru_crawler crawl 99\r\n", "BADCLASSinvalid\r\n", "answer");
    is_right(f, "lru_crawler crawl all\r\n", "BUSY currently processing\r\n");
    is_wrong(f, "lru_crawler crawl all\r\n", "OK now\r\n", "answer");
    is_wrong(f, "lru tune 50 40 1 1\r\n", "OK\r\n", "answer");
    is_wrong(f, "lru tune 50 40 1 1\r\n", "ERROR \x01\r\n", "shape");
    is_wrong(f, "lru tune 50 40 1 1\r\n", "ERROR", "shape");
}

static void test_conns_and_sizes(void **state) {
    struct fixture *f = *state;
    is_right(f, "stats conns\r\n",
             "STAT 10:addr unix:/x y\r\nSTAT 10:state conn_listening\r\n"
             "STAT 10:secs_since_last_cmd 2\r\nEND\r\n");
    /* Bytes of the stack behind an address (quirk conns-outside), but nowhere else. */
    is_right(f, "stats conns\r\n",
             "STAT 9:addr unix:/x\n!\t\r\n\x01\r\nSTAT 9:state conn_read\r\nEND\r\n");
    is_wrong(f, "stats conns\r\n", "STAT 9:state conn_read\n\r\nEND\r\n", "shape");
    md_model_quirk(f->m, MD_QUIRK_CONNS_OUTSIDE, false);
    is_wrong(f, "stats conns\r\n", "STAT 9:addr unix:/x\n!\r\nEND\r\n", "shape");
    is_wrong(f, "stats conns\r\n", "STAT 10:state conn_asleep\r\nEND\r\n", "state");
    is_wrong(f, "stats conns\r\n", "STAT x:state conn_read\r\nEND\r\n", "shape");
    is_wrong(f, "stats conns\r\n", "STAT 1:secs_since_last_cmd -1\r\nEND\r\n",
             "secs_since_last_cmd");
    is_right(f, "stats sizes_enable\r\nset a 0 0 1\r\nx\r\nstats sizes\r\n",
             "STAT 64 1\r\nEND\r\n");
    is_wrong(f, "stats sizes\r\n", "STAT 65 1\r\nEND\r\n", "size");
    is_wrong(f, "stats sizes\r\n", "STAT 64 2\r\nEND\r\n", "count");
    is_wrong(f, "stats sizes\r\n", "STAT 64 -1\r\nEND\r\n", "count");
    is_right(f, "stats detail dump\r\n", "PREFIX a get 2 hit 1 set 0 del 0\r\nEND\r\n");
    is_wrong(f, "stats detail dump\r\n", "PREFIX a get 1 hit 2 set 0 del 0\r\nEND\r\n", "hit");
}

static void test_metadump(void **state) {
    struct fixture *f = *state;
    const char *ask = "lru_crawler metadump all\r\n";
    is_right(f, "lru_crawler enable\r\n", "OK\r\n");
    fixture_feed(f, 0, "set a%\x01 5 100 1\r\nx\r\n", strlen("set a%\x01 5 100 1\r\nx\r\n"));
    is_right(f, ask,
             "key=a%25%01 exp=1000000100 la=1000000000 cas=1 fetch=no cls=1 size=67\nEND\r\n");
    is_right(f, ask,
             "key=a%25%01 exp=1000000100 la=1000000000 cas=1 fetch=no cls=1 size=67 flags=5\n"
             "END\r\n");
    is_wrong(f, ask, "END\r\n", "key");
    is_wrong(f, ask, "key=b exp=-1 la=1000000000 cas=1 fetch=no cls=1 size=67\nEND\r\n", "key");
    is_wrong(f, ask, "key=a%25%01 exp=-1 la=1000000000 cas=1 fetch=no cls=1 size=67\nEND\r\n",
             "exp");
    is_wrong(f, ask, "key=a%25%01 exp=1000000100 la=5 cas=1 fetch=no cls=1 size=67\nEND\r\n", "la");
    is_wrong(f, ask,
             "key=a%25%01 exp=1000000100 la=1000000000 cas=2 fetch=no cls=1 size=67\nEND\r\n",
             "cas");
    is_wrong(f, ask,
             "key=a%25%01 exp=1000000100 la=1000000000 cas=1 fetch=yes cls=1 size=67\nEND\r\n",
             "fetch");
    md_model_advance(f->m, 101); /* it has expired: a valid item it is not */
    is_right(f, ask, "END\r\n");
    is_wrong(f, ask,
             "key=a%25%01 exp=1000000100 la=1000000000 cas=1 fetch=no cls=1 size=67\nEND\r\n",
             "key");
}

static void test_late(void **state) {
    struct fixture *f = *state;
    const char *part = "key=a exp=-1\n", *all = "key=a exp=-1\nEND\r\n";
    is_right(f, "lru_crawler enable\r\n", "OK\r\n");
    is_right(f, "lru_crawler metadump all\r\n", "END\r\n");
    uint32_t ordinal = f->r.commands[0].ordinal;
    assert_true(f->r.commands[0].flags & MD_COMMAND_LATE);
    assert_false(md_model_pattern_complete(f->m, ordinal, (const uint8_t *)part, strlen(part)));
    assert_true(md_model_pattern_complete(f->m, ordinal, (const uint8_t *)all, strlen(all)));
}

static bool is_log(const char *line) {
    struct md_buf why = {0};
    bool yes = md_shape_log_line((const uint8_t *)line, strlen(line), &why);
    md_buf_free(&why);
    return yes;
}

static void test_watch(void **state) {
    struct fixture *f = *state;
    is_right(f, "watch fetchers\r\n", "OK\r\n");
    assert_true(md_model_watches(f->m, 0));
    assert_true(is_log("ts=1000000000.0 gid=1 type=item_get key=a status=found clsid=1"));
    assert_true(is_log("skipped=7"));
    assert_false(is_log("ts=now gid=1 type=x"));
    assert_false(is_log("ts=1.0 gid=x type=x"));
    assert_false(is_log("gid=1 type=x"));
    assert_false(is_log(""));
}

/* What stands behind a metadump in the same batch waits for more bytes, or for the end. */
static void test_stall(void **state) {
    struct fixture *f = *state;
    is_right(f, "lru_crawler enable\r\n", "OK\r\n");
    fixture_feed(f, 0, "lru_crawler metadump all\r\nset a 0 0 1\r\nx\r\n", 42);
    assert_int_equal(f->r.n_commands, 1);
    expect(f, "mn\r\n", "STORED\r\nMN\r\n");
    fixture_feed(f, 0, "lru_crawler metadump all\r\ndelete a\r\n", 36);
    md_model_close(f->m, 0);
    md_model_open(f->m, 1);
    expect_on(f, 1, "get a\r\n", "END\r\n");
}

static void test_shutdown(void **state) {
    (void)state;
    struct md_options o;
    md_options_default(&o);
    o.shutdown = true;
    struct fixture *f = fixture_new(&o);
    md_model_open(f->m, 1);
    expect(f, "shutdown now\r\n", "CLIENT_ERROR invalid shutdown mode\r\n");
    assert_false(f->r.ended);
    expect(f, "version\r\nshutdown\r\nversion\r\n", "");
    assert_true(f->r.ended && f->r.closed);
    assert_false(md_model_is_open(f->m, 0) || md_model_is_open(f->m, 1));
    void *again = f;
    fixture_teardown(&again);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(test_settings),        T(test_settings_follow), T(test_words),
        T(test_conns_and_sizes), T(test_metadump),        T(test_late),
        T(test_watch),           T(test_stall),           cmocka_unit_test(test_shutdown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
