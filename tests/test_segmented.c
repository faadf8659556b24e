/*
 * The promises of the segmented LRU, each broken on purpose by a reply that no memcached should give: the
 * model is told what a node said (md_model_observe) and names the promise. What the LRU may do is
 * accepted. With -m 1 and -I 512k
 * a store of 400000 bytes takes one of the two chunks of a page; after three stores memory may have run out.
 */
#include "tests/model_fixture.h"

#include <stdio.h>

static int setup(void **state) {
    struct md_options o;
    md_options_default(&o);
    o.memory_limit = MD_PAGE_SIZE;
    o.item_size_max = o.slab_chunk_max = 512 * 1024;
    o.segmented = o.temporary = true;
    o.temporary_ttl = 60;
    *state = fixture_new(&o);
    return 0;
}

static enum md_feed_result feed(struct fixture *f, const char *bytes, const char *observed) {
    md_model_observe(f->m, observed, strlen(observed));
    return md_model_feed(f->m, 0, bytes, strlen(bytes), &f->r);
}

/* The node says this, and the model agrees. */
static void said(struct fixture *f, const char *bytes, const char *observed) {
    assert_int_equal(feed(f, bytes, observed), MD_FEED_OK);
    assert_string_equal(md_buf_cstr(&f->r.bytes), observed);
}

static void broken(struct fixture *f, const char *promise) {
    uint32_t ordinal;
    const char *which, *why;
    if (!md_model_broken(f->m, &ordinal, &which, &why)) {
        assert_null(promise);
        return;
    }
    assert_non_null(promise);
    assert_string_equal(which, promise);
    assert_true(strlen(why) > 10);
}

static void set(struct fixture *f, const char *key, unsigned exptime) {
    struct md_buf b = {0};
    md_buf_printf(&b, "set %s 0 %u 400000\r\n%400000d\r\n", key, exptime, 1);
    said(f, md_buf_cstr(&b), "STORED\r\n");
    md_buf_free(&b);
}

/* So many stores that memory may have run out. */
static void use_up(struct fixture *f) {
    for (unsigned i = 0; i < 3; i++)
        set(f, "z", 0);
}

static void get(struct fixture *f, const char *key, bool hit) {
    struct md_buf line = {0}, reply = {0};
    md_buf_printf(&line, "get %s\r\n", key);
    if (hit)
        md_buf_printf(&reply, "VALUE %s 0 400000\r\n%400000d\r\n", key, 1);
    md_buf_str(&reply, "END\r\n");
    said(f, md_buf_cstr(&line), md_buf_cstr(&reply));
    md_buf_free(&line);
    md_buf_free(&reply);
}

static void may_vanish(void **state) {
    struct fixture *f = *state;
    use_up(f);
    set(f, "a", 0);
    set(f, "b", 0);
    get(f, "a", false);
    assert_int_equal(f->r.commands[0].rule, MD_RULE_MISS_EVICTED);
    get(f, "b", true);
    broken(f, NULL);
}

static void each_command_notices(void **state) {
    static const struct {
        const char *bytes, *observed;
    } table[] = {
        {"delete a\r\n", "NOT_FOUND\r\n"},
        {"touch a 5\r\n", "NOT_FOUND\r\n"},
        {"incr a 1\r\n", "NOT_FOUND\r\n"},
        {"add a 0 0 1\r\nx\r\n", "STORED\r\n"},
        {"replace a 0 0 1\r\nx\r\n", "NOT_STORED\r\n"},
        {"cas a 0 0 1 1\r\nx\r\n", "NOT_FOUND\r\n"},
        {"gat 0 a\r\n", "END\r\n"},
    };
    struct fixture *f = *state;
    use_up(f);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        set(f, "a", 0);
        set(f, "b", 0);
        said(f, table[i].bytes, table[i].observed);
        broken(f, NULL);
    }
}

static void explained(void **state) {
    struct fixture *f = *state;
    use_up(f);
    set(f, "a", 0);
    said(f, "set small 0 0 1\r\nx\r\n", "STORED\r\n"); /* another class needs memory */
    get(f, "a", false);
    broken(f, "explained");
}

static void order(void **state) {
    struct fixture *f = *state;
    use_up(f);
    char key[2] = "a";
    for (; *key <= 'h'; ++*key)
        set(f, key, 0);
    get(f, "g", false); /* h was stored after it, so it may go... */
    for (*key = 'a'; *key <= 'd'; ++*key)
        get(f, key, true);
    broken(f, NULL);
    get(f, "e", true); /* ... but not before five older ones */
    broken(f, "order");
}

static void active(void **state) {
    struct fixture *f = *state;
    use_up(f);
    char key[2] = "a";
    for (; *key <= 'f'; ++*key)
        set(f, key, 0);
    get(f, "f", true);
    get(f, "f", true);
    set(f, "g", 0);
    get(f, "f", false);
    for (*key = 'a'; *key <= 'e'; ++*key)
        get(f, key, true);
    broken(f, "active");
}

static void temporary(void **state) {
    struct fixture *f = *state;
    use_up(f);
    set(f, "long", 61);
    set(f, "short", 60);
    set(f, "b", 0);
    get(f, "long", false);
    broken(f, NULL);
    get(f, "short", false);
    broken(f, "temporary");
}

static void stats_say(struct fixture *f, const char *command, const char *reply,
                      const char *promise) {
    struct md_buf why = {0};
    char name[32] = "";
    size_t used;
    assert_int_equal(feed(f, command, reply), MD_FEED_OK);
    bool agree = md_model_stats_agree(f->m, f->r.commands[0].ordinal, (const uint8_t *)reply,
                                      strlen(reply), &used, name, &why);
    if (promise)
        assert_string_equal(name, promise);
    else if (!agree)
        fail_msg("%s", md_buf_cstr(&why));
    md_buf_free(&why);
}

/* A reply to `stats` as the node would give it, with these counters. */
static void counts(struct fixture *f, unsigned evictions, unsigned reclaimed, unsigned curr_items,
                   const char *promise) {
    static const char *const zero[] = {"cmd_flush",
                                       "cmd_touch",
                                       "cmd_meta",
                                       "get_expired",
                                       "get_flushed",
                                       "delete_hits",
                                       "incr_hits",
                                       "decr_misses",
                                       "delete_misses",
                                       "incr_misses",
                                       "decr_hits",
                                       "cas_misses",
                                       "cas_hits",
                                       "cas_badval",
                                       "touch_hits",
                                       "touch_misses",
                                       "auth_cmds",
                                       "auth_errors",
                                       "expired_unfetched",
                                       "evicted_unfetched",
                                       "store_too_large",
                                       "store_no_memory",
                                       "bytes"};
    struct md_buf b = {0};
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++)
        md_buf_printf(&b, "STAT %s 0\r\n", zero[i]);
    md_buf_printf(&b,
                  "STAT cmd_get 3\r\nSTAT cmd_set 3\r\nSTAT get_hits 2\r\nSTAT get_misses 1\r\n"
                  "STAT uptime 2\r\nSTAT time 1000000000\r\nSTAT limit_maxbytes 1048576\r\n"
                  "STAT pointer_size 64\r\nSTAT total_items 3\r\nSTAT curr_items %u\r\n"
                  "STAT evictions %u\r\nSTAT reclaimed %u\r\nEND\r\n",
                  curr_items, evictions, reclaimed);
    stats_say(f, "stats\r\n", md_buf_cstr(&b), promise);
    md_buf_free(&b);
}

static void counted(void **state) {
    struct fixture *f = *state;
    set(f, "a", 0);
    set(f, "b", 0);
    set(f, "c", 0);
    get(f, "a", false);
    get(f, "b", true);
    get(f, "c", true);
    counts(f, 1, 0, 2, NULL);
    counts(f, 0, 0, 2, "promise-counted"); /* gone without a trace */
    counts(f, 2, 0, 2, "promise-counted"); /* counted twice */
    counts(f, 0, 1, 2, "promise-counted"); /* a live item reclaimed */
    counts(f, 2, 0, 1, "promise-counted"); /* more evicted than can be missing */
}

static void limit(void **state) {
    static const char full[] = "STAT active_slabs 1\r\nSTAT total_malloced 1048576\r\nEND\r\n";
    struct fixture *f = *state;
    f->options.memory_limit = 4 * MD_PAGE_SIZE;
    md_model_set_options(f->m, &f->options);
    md_model_open(f->m, 0);
    for (unsigned i = 0; i < 3; i++)
        use_up(f);
    set(f, "a", 0);
    set(f, "b", 0);
    stats_say(f, "stats slabs\r\n", full, NULL);
    get(f, "a", false);
    stats_say(f, "stats slabs\r\n", full, "promise-limit");
    stats_say(f, "stats slabs\r\n", "STAT active_slabs 1\r\nSTAT total_malloced 4194304\r\nEND\r\n",
              NULL);
}

static void what_nobody_sees(void **state) {
    struct fixture *f = *state;
    set(f, "a", 0);
    set(f, "b", 0);
    assert_int_equal(feed(f, "delete a noreply\r\n", ""), MD_FEED_UNMODELLED);
}

static void counter_finds_no_memory(void **state) {
    struct fixture *f = *state;
    said(f, "set n 0 0 2\r\n99\r\n", "STORED\r\n");
    use_up(f);
    said(f, "incr n 1\r\n", "SERVER_ERROR out of memory\r\n");
    said(f, "get n\r\n", "VALUE n 0 2\r\n99\r\nEND\r\n");
    broken(f, NULL);
}

/* A set that is refused at its command line removes the old value while its data is still coming. */
static void refused_before_its_data(void **state) {
    struct fixture *f = *state;
    use_up(f);
    set(f, "a", 60); /* in TEMP_LRU: not to be evicted */
    assert_int_equal(feed(f, "set a 0 0 400000\r\nxx", ""), MD_FEED_OK);
    md_model_open(f->m, 1);
    md_model_observe(f->m, "END\r\n", 5);
    assert_int_equal(md_model_feed(f->m, 1, "get a\r\n", 7, &f->r), MD_FEED_OK);
    assert_string_equal(md_buf_cstr(&f->r.bytes), "END\r\n");
    broken(f, NULL);
}

static void nothing_goes_with_M(void **state) {
    struct fixture *f = *state;
    f->options.evict = false;
    md_model_set_options(f->m, &f->options);
    md_model_open(f->m, 0);
    set(f, "a", 0);
    use_up(f);
    get(f, "a", false);
    broken(f, "explained");
}

static void nothing_goes_while_there_is_memory(void **state) {
    struct fixture *f = *state;
    set(f, "a", 0);
    set(f, "b", 0);
    get(f, "a", false);
    broken(f, "explained");
}

static void memory_may_run_out(void **state) {
    struct fixture *f = *state;
    use_up(f);
    set(f, "a", 0);
    said(f, "set a 0 0 1\r\nx\r\n", "SERVER_ERROR out of memory storing object\r\n");
    get(f, "a", false);
    broken(f, NULL);
}

/* An answer to stats in front does not make the model lose its place in the reply. */
static void behind_stats(void **state) {
    struct fixture *f = *state;
    said(f, "set a 0 0 1\r\nx\r\nset b 0 0 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
    assert_int_equal(feed(f, "stats items\r\nget a\r\n",
                          "STAT items:1:number 2\r\nEND\r\nVALUE a 0 1\r\nx\r\nEND\r\n"),
                     MD_FEED_OK);
    assert_string_equal(md_buf_cstr(&f->r.bytes), "VALUE a 0 1\r\nx\r\nEND\r\n");
    broken(f, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
        T(may_vanish),
        T(each_command_notices),
        T(explained),
        T(order),
        T(active),
        T(temporary),
        T(counted),
        T(limit),
        T(what_nobody_sees),
        T(counter_finds_no_memory),
        T(refused_before_its_data),
        T(nothing_goes_with_M),
        T(nothing_goes_while_there_is_memory),
        T(memory_may_run_out),
        T(behind_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
