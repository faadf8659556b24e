/*
 * The model under memory pressure, by itself: which item goes, what is reclaimed first, what a store
 * does that finds no memory, and what the counters of the classes say. The numbers are worked out by
 * hand from the sizes: with -m 1 and -I 512k the largest class has one page of two chunks.
 */
#include "tests/model_fixture.h"

enum { KIB = 1024, MIB = 1024 * 1024, BIG = 500000 };

static int setup(void **state) {
    struct md_options o;
    md_options_default(&o);
    o.memory_limit = MIB;
    o.item_size_max = 512 * KIB;
    *state = fixture_new(&o);
    return 0;
}

/* Another node, with f->options as they are now. */
static void begin(struct fixture *f) {
    md_model_set_options(f->m, &f->options);
    md_model_open(f->m, 0);
}

static void expect_store(struct fixture *f, const char *command, const char *key, unsigned exptime,
                         size_t n, const char *reply) {
    struct md_buf b = {0};
    md_buf_printf(&b, "%s %s 0 %u %zu\r\n", command, key, exptime, n);
    for (size_t i = 0; i < n; i++)
        md_buf_byte(&b, 'x');
    md_buf_str(&b, "\r\n");
    assert_string_equal(fixture_feed(f, 0, b.data, b.len), reply);
    md_buf_free(&b);
}

static void set(struct fixture *f, const char *key, unsigned exptime, size_t n) {
    expect_store(f, "set", key, exptime, n, "STORED\r\n");
}

static void has(struct fixture *f, const char *key, bool there) {
    bool alive = md_model_key_state(f->m, key, strlen(key)) == MD_KEY_ALIVE;
    assert_int_equal(alive, there);
}

static void agree(struct fixture *f, const char *command, const char *reply, const char *wrong) {
    struct md_buf why = {0};
    char name[32] = "";
    size_t used;
    fixture_feed(f, 0, command, strlen(command));
    bool yes = md_model_stats_agree(f->m, f->r.commands[0].ordinal, (const uint8_t *)reply,
                                    strlen(reply), &used, name, &why);
    if (wrong)
        assert_string_equal(name, wrong);
    else if (!yes)
        fail_msg("%s", md_buf_cstr(&why));
    md_buf_free(&why);
}

static void tail_goes(void **state) {
    struct fixture *f = *state;
    const struct md_removal *gone;
    set(f, "a", 0, BIG);
    set(f, "b", 0, BIG);
    assert_false(md_model_pressed(f->m));
    set(f, "c", 0, BIG);
    assert_int_equal(md_model_removals(f->m, &gone), 1);
    assert_int_equal(gone[0].kind, MD_EVICTED);
    assert_memory_equal(gone[0].key, "a", 1);
    assert_true(md_model_pressed(f->m));
    expect(f, "get a\r\n", "END\r\n");
    assert_int_equal(f->r.commands[0].rule, MD_RULE_MISS_EVICTED);
    has(f, "b", true);
    has(f, "c", true);
}

static void use_after_sixty_seconds(void **state) {
    struct fixture *f = *state;
    for (unsigned seconds = 60; seconds <= 61; seconds++) {
        begin(f);
        set(f, "a", 0, BIG);
        set(f, "b", 0, BIG);
        md_model_advance(f->m, seconds);
        expect(f, "touch a 0\r\n", "TOUCHED\r\n");
        set(f, "c", 0, BIG);
        has(f, "a", seconds > 60);
        has(f, "b", seconds <= 60);
    }
}

static void other_classes_stay(void **state) {
    struct fixture *f = *state;
    set(f, "small", 0, 1);
    for (unsigned i = 0; i < 5; i++)
        set(f, (const char *[]){"a", "b", "c", "d", "e"}[i], 0, BIG);
    has(f, "small", true);
    has(f, "d", true);
    has(f, "c", false);
}

static void expired_first(void **state) {
    struct fixture *f = *state;
    for (unsigned seconds = 4; seconds <= 6; seconds++) {
        begin(f);
        set(f, "a", 5, BIG);
        set(f, "b", 5, BIG);
        md_model_advance(f->m, seconds);
        set(f, "c", 0, BIG);
        /* In the second itself it still counts as valid at the tail: quirk evicts-expired. */
        agree(f, "stats items\r\n",
              seconds == 6   ? "STAT items:39:number 1\r\nSTAT items:39:age 0\r\n"
                               "STAT items:39:mem_requested 500060\r\nSTAT items:39:evicted 0\r\n"
                               "STAT items:39:evicted_nonzero 0\r\nSTAT items:39:evicted_time 0\r\n"
                               "STAT items:39:outofmemory 0\r\nSTAT items:39:tailrepairs 0\r\n"
                               "STAT items:39:reclaimed 2\r\nSTAT items:39:expired_unfetched 2\r\n"
                               "STAT items:39:evicted_unfetched 0\r\nEND\r\n"
              : seconds == 5 ? "STAT items:39:number 2\r\nSTAT items:39:age 5\r\n"
                               "STAT items:39:mem_requested 1000120\r\nSTAT items:39:evicted 1\r\n"
                               "STAT items:39:evicted_nonzero 1\r\nSTAT items:39:evicted_time 5\r\n"
                               "STAT items:39:outofmemory 0\r\nSTAT items:39:tailrepairs 0\r\n"
                               "STAT items:39:reclaimed 0\r\nSTAT items:39:expired_unfetched 0\r\n"
                               "STAT items:39:evicted_unfetched 1\r\nEND\r\n"
                             : "STAT items:39:number 2\r\nSTAT items:39:age 5\r\nEND\r\n",
              seconds == 4 ? "items-age" : NULL);
    }
}

static void no_eviction_allowed(void **state) {
    struct fixture *f = *state;
    f->options.evict = false;
    begin(f);
    set(f, "a", 0, BIG);
    set(f, "b", 0, BIG);
    expect_store(f, "add", "c", 0, BIG, "SERVER_ERROR out of memory storing object\r\n");
    has(f, "a", true);
    expect_store(f, "set", "a", 0, BIG, "SERVER_ERROR out of memory storing object\r\n");
    has(f, "a", false); /* no stale data stays */
    set(f, "c", 0, BIG);
    expect(f, "append b 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    md_model_quirk(f->m, MD_QUIRK_APPEND_NO_MEMORY, false);
    expect(f, "append b 0 0 1\r\nx\r\n", "SERVER_ERROR out of memory storing object\r\n");
}

static void large_items(void **state) {
    struct fixture *f = *state;
    f->options.slab_chunk_max = 128 * KIB;
    f->options.evict = false;
    begin(f);
    set(f, "a", 0, 300000); /* three chunks of 128 KiB */
    set(f, "b", 0, BIG);    /* four, of eight */
    expect_store(f, "set", "a", 0, 400000, "SERVER_ERROR Out of memory during read\r\n");
    has(f, "a", true); /* quirk set-no-memory-keeps */
    md_model_quirk(f->m, MD_QUIRK_SET_NO_MEMORY_KEEPS, false);
    expect_store(f, "set", "a", 0, 400000, "SERVER_ERROR Out of memory during read\r\n");
    has(f, "a", false);
    expect(f, "delete b\r\n", "DELETED\r\n");
    for (unsigned c = 1; c <= md_model_classes(f->m); c++) {
        struct md_class_state state_of;
        md_model_class(f->m, c, &state_of);
        assert_int_equal(state_of.used_chunks, 0);
        assert_int_equal(state_of.items, 0);
    }
}

static void data_that_never_comes(void **state) {
    struct fixture *f = *state;
    struct md_class_state largest;
    set(f, "a", 0, BIG);
    md_model_open(f->m, 1);
    assert_int_equal(md_model_feed(f->m, 1, "set b 0 0 500000\r\nxx", 20, &f->r), MD_FEED_OK);
    set(f, "c", 0, BIG); /* b holds the other chunk, so a goes */
    has(f, "a", false);
    md_model_close(f->m, 1);
    md_model_class(f->m, md_model_classes(f->m), &largest);
    assert_int_equal(largest.used_chunks, 1);
    set(f, "d", 0, BIG);
    has(f, "c", true);
}

static void order_shown(void **state) {
    struct fixture *f = *state;
    set(f, "a", 100, 1);
    set(f, "b", 0, 2);
    md_model_advance(f->m, 61);
    expect(f, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    expect(f, "stats cachedump 1 0\r\n",
           "ITEM a [1 b; 1000000100 s]\r\nITEM b [2 b; 0 s]\r\nEND\r\n");
    expect(f, "stats cachedump 1 1\r\n", "ITEM a [1 b; 1000000100 s]\r\nEND\r\n");
    expect(f, "stats cachedump 64 0\r\n", "CLIENT_ERROR Illegal slab id\r\n");
    expect(f, "stats cachedump 1\r\n", "CLIENT_ERROR bad command line\r\n");
}

static void limit_moves(void **state) {
    struct fixture *f = *state;
    set(f, "a", 0, BIG);
    set(f, "b", 0, BIG);
    expect(f, "cache_memlimit 7\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n");
    expect(f, "cache_memlimit 8\r\n", "OK\r\n");
    for (unsigned i = 0; i < 14; i++)
        set(f, (char[]){(char)('c' + i), 0}, 0, BIG);
    has(f, "a", true);
    set(f, "z", 0, BIG);
    has(f, "a", false);
    has(f, "b", true);
}

static void own_item_goes(void **state) {
    struct fixture *f = *state;
    set(f, "a", 0, BIG);
    set(f, "b", 0, BIG);
    /* Room is made before the condition is looked at, and a is at the tail. */
    expect_store(f, "replace", "a", 0, BIG, "NOT_STORED\r\n");
    has(f, "a", false);
}

static void nothing_survives_a_restart(void **state) {
    struct fixture *f = *state;
    set(f, "a", 0, BIG);
    set(f, "b", 0, BIG);
    md_model_advance(f->m, 100);
    md_model_explain(f->m, true);
    md_model_reboot(f->m);
    assert_int_equal(md_model_now(f->m), 1000000100);
    assert_false(md_model_is_open(f->m, 0));
    md_model_open(f->m, 0);
    expect(f, "get a\r\n", "END\r\n");
    assert_int_equal(f->r.commands[0].rule, MD_RULE_MISS_RESTARTED);
    assert_string_equal(md_model_reason(f->m, f->r.commands[0].ordinal),
                        "miss: the node was restarted at t=100");
    expect(f, "set a 0 0 1\r\nx\r\ngets a\r\n", "STORED\r\nVALUE a 0 1 1\r\nx\r\nEND\r\n");
}

static void clone_has_its_own_memory(void **state) {
    struct fixture *f = *state;
    f->options.slab_chunk_max = 128 * KIB;
    begin(f);
    set(f, "a", 0, BIG);
    struct md_model *other = md_model_clone(f->m);
    set(f, "b", 0, BIG);
    set(f, "c", 0, BIG);
    has(f, "a", false);
    assert_int_equal(md_model_key_state(other, "a", 1), MD_KEY_ALIVE);
    md_model_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
        T(tail_goes),
        T(use_after_sixty_seconds),
        T(other_classes_stay),
        T(expired_first),
        T(no_eviction_allowed),
        T(large_items),
        T(data_that_never_comes),
        T(order_shown),
        T(limit_moves),
        T(own_item_goes),
        T(nothing_survives_a_restart),
        T(clone_has_its_own_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
