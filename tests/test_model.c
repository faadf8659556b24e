/*
 * The state model by itself: what it predicts for the classic text commands, how bytes may be cut, and
 * contract C1: choices can be turned around, the model restarted or cloned.
 */
#include "tests/model_fixture.h"

#include "model/number.h"

static int setup(void **state) {
    *state = fixture_new(NULL);
    return 0;
}

static void stores_and_gets(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 5 0 2\r\nhi\r\n", "STORED\r\n");
    expect(f, "get a b a\r\n", "VALUE a 5 2\r\nhi\r\nVALUE a 5 2\r\nhi\r\nEND\r\n");
    expect(f, "add a 0 0 1\r\nx\r\n", "NOT_STORED\r\n");
    expect(f, "append a 9 0 1\r\n!\r\n", "STORED\r\n");
    expect(f, "prepend a 9 0 1\r\n<\r\n", "STORED\r\n");
    expect(f, "gets a\r\n", "VALUE a 5 4 3\r\n<hi!\r\nEND\r\n");
    expect(f, "cas a 0 0 1 2\r\nx\r\n", "EXISTS\r\n");
    expect(f, "cas a 0 0 1 3\r\nx\r\n", "STORED\r\n");
    expect(f, "cas b 0 0 1 3\r\nx\r\n", "NOT_FOUND\r\n");
    expect(f, "delete a\r\ndelete a\r\n", "DELETED\r\nNOT_FOUND\r\n");
}

static void time_to_live(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 10 1\r\nx\r\nset b 0 -1 1\r\nx\r\nset c 0 1000000005 1\r\nx\r\n",
           "STORED\r\nSTORED\r\nSTORED\r\n");
    expect(f, "get a b c\r\n", "VALUE a 0 1\r\nx\r\nVALUE c 0 1\r\nx\r\nEND\r\n");
    md_model_advance(f->m, 5);
    expect(f, "get a c\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    expect(f, "touch a 6\r\n", "TOUCHED\r\n");
    md_model_advance(f->m, 5);
    expect(f, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    md_model_advance(f->m, 1);
    expect(f, "get a\r\n", "END\r\n");
    assert_int_equal(f->r.commands[0].rule, MD_RULE_MISS_EXPIRED);
}

static void thirty_days(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 2592000 1\r\nx\r\nset b 0 2592001 1\r\nx\r\n", "STORED\r\nSTORED\r\n");
    expect(f, "get b\r\n", "END\r\n");
    md_model_advance(f->m, 2591999);
    expect(f, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    md_model_advance(f->m, 1);
    expect(f, "get a\r\n", "END\r\n");
}

static void counters(void **state) {
    struct fixture *f = *state;
    expect(f, "set n 0 0 2\r\n10\r\ndecr n 1\r\nget n\r\n",
           "STORED\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\n");
    expect(f, "decr n 100\r\n", "0\r\n");
    expect(f, "set n 0 0 20\r\n18446744073709551615\r\nincr n 1\r\n", "STORED\r\n0\r\n");
    expect(f, "incr n -1\r\n", "CLIENT_ERROR invalid numeric delta argument\r\n");
    expect(f, "set n 0 0 3\r\nabc\r\nincr n 1\r\n",
           "STORED\r\nCLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
    expect(f, "incr none 1\r\n", "NOT_FOUND\r\n");
}

static void errors(void **state) {
    struct fixture *f = *state;
    char key[252];
    memset(key, 'k', 251);
    key[251] = 0;
    struct md_buf b = {0};
    md_buf_printf(&b, "get %s\r\nset %s 0 0 1\r\nx\r\n", key, key);
    expect(f, md_buf_cstr(&b),
           "CLIENT_ERROR bad command line format\r\nCLIENT_ERROR bad command line format\r\n"
           "ERROR\r\n");
    md_buf_free(&b);
    expect(f, "set a 0 0 1\r\nxy\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
    expect(f, "get\r\nfoo\r\n\r\n", "ERROR\r\nERROR\r\nERROR\r\n");
    expect(f, "set a 0 0 -1 noreply\r\nversion\r\n", "VERSION 1.6.18\r\n");
}

static void too_large(void **state) {
    struct fixture *f = *state;
    /* Even the first reply waits until everything is swallowed. */
    expect(f, "set a 0 0 1\r\nx\r\nset a 0 0 1048576\r\n", "");
    struct md_buf b = {0};
    md_buf_fill(&b, 'x', 1048576);
    md_buf_str(&b, "\r\nget a\r\n");
    size_t at = 0;
    struct md_buf all = {0};
    for (; at < b.len; at += MD_READ_BUFFER) {
        size_t n = b.len - at < MD_READ_BUFFER ? b.len - at : MD_READ_BUFFER;
        md_model_feed(f->m, 0, b.data + at, n, &f->r);
        md_buf_append(&all, f->r.bytes.data, f->r.bytes.len);
    }
    assert_string_equal(md_buf_cstr(&all),
                        "STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n");
    assert_int_equal(f->r.commands[f->r.n_commands - 1].rule, MD_RULE_MISS_REMOVED);
    md_buf_free(&all);
    md_buf_free(&b);
}

/* However the bytes are cut, the replies together are the same. */
static void any_cut(void **state) {
    struct fixture *f = *state;
    const char bytes[] =
        "set a 0 0 2\r\nab\r\nget a\r\nincr a 1\r\nset b 0 0 3\r\nxxxx\r\ngets b\r\n";
    struct md_base fresh = {.start_time = 1000000000};
    fixture_feed(f, 0, bytes, strlen(bytes));
    char *whole = md_strdup(md_buf_cstr(&f->r.bytes));
    for (size_t cut = 1; cut < sizeof bytes - 1; cut++) {
        md_model_restart(f->m, &fresh);
        md_model_open(f->m, 0);
        struct md_buf all = {0};
        md_model_feed(f->m, 0, bytes, cut, &f->r);
        md_buf_append(&all, f->r.bytes.data, f->r.bytes.len);
        md_model_feed(f->m, 0, bytes + cut, sizeof bytes - 1 - cut, &f->r);
        md_buf_append(&all, f->r.bytes.data, f->r.bytes.len);
        assert_string_equal(md_buf_cstr(&all), whole);
        md_buf_free(&all);
    }
    free(whole);
}

/* Replies of earlier commands wait while a later data block is incomplete. */
static void held_back(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 1\r\nx\r\nset b 0 0 5\r\nab", "");
    md_model_open(f->m, 1);
    expect_on(f, 1, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    expect(f, "cde\r\n", "STORED\r\nSTORED\r\n");
    assert_int_equal(f->r.n_commands, 2);
    assert_int_equal(f->r.commands[1].reply_offset, 8);
}

static void connection_closed(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 1\r\nx\r\nquit\r\nget a\r\n", "STORED\r\n");
    assert_true(f->r.closed);
    assert_int_equal(md_model_feed(f->m, 0, "get a\r\n", 7, &f->r), MD_FEED_NO_CONNECTION);
    md_model_open(f->m, 0);
    expect(f, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
}

/* Told to stop, a crawler does so when it gets to it. */
static void unmodelled(void **state) {
    static const char beyond[] = "lru_crawler enable\r\nlru_crawler disable\r\n"
                                 "lru_crawler crawl all\r\n";
    struct fixture *f = *state;
    assert_int_equal(md_model_feed(f->m, 0, beyond, sizeof beyond - 1, &f->r), MD_FEED_UNMODELLED);
}

static void flush_all(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 1\r\nx\r\nflush_all\r\nset b 0 0 1\r\ny\r\nget a b\r\n",
           "STORED\r\nOK\r\nSTORED\r\nVALUE b 0 1\r\ny\r\nEND\r\n");
}

/* With its quirk off the model says what the document says. */
static void flush_delay_by_the_book(void **state) {
    struct fixture *f = *state;
    md_model_quirk(f->m, MD_QUIRK_FLUSH_EARLY, false);
    expect(f, "set a 0 0 1\r\nx\r\nflush_all 2\r\n", "STORED\r\nOK\r\n");
    md_model_advance(f->m, 1);
    expect(f, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    md_model_advance(f->m, 1);
    expect(f, "get a\r\n", "END\r\n");
}

static void flush_delay_as_it_is(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 1\r\nx\r\nflush_all 2\r\n", "STORED\r\nOK\r\n");
    md_model_advance(f->m, 1);
    expect(f, "get a\r\n", "END\r\n");
    assert_int_equal(f->r.commands[0].quirk, MD_QUIRK_FLUSH_EARLY);
}

static void cas_base(void **state) {
    struct fixture *f = *state;
    struct md_base base = {.cas = 41, .uptime = 7, .start_time = 1000000000};
    md_model_restart(f->m, &base);
    md_model_open(f->m, 0);
    expect(f, "set a 0 0 1\r\nx\r\ngets a\r\n", "STORED\r\nVALUE a 0 1 42\r\nx\r\nEND\r\n");
    assert_int_equal(f->r.n_marks, 1);
    assert_int_equal(f->r.marks[0].relative, 1);
    assert_int_equal(md_model_cas_seen(f->m, "a", 1), 42);
    assert_int_equal(md_model_now(f->m), 1000000007);
}

/* C1: the reply to the get stands on a choice that the decr made; turned around, all later commands
 * are predicted anew. */
static void choice_turned(void **state) {
    struct fixture *f = *state;
    const char bytes[] =
        "set n 0 0 2\r\n10\r\ndecr n 1\r\nget n\r\nappend n 0 0 1\r\n5\r\nget n\r\n";
    fixture_feed(f, 0, bytes, strlen(bytes));
    const struct md_command *get = &f->r.commands[2];
    assert_int_equal(get->refs, 1);
    struct md_choice_ref ref = get->ref[0];
    assert_int_equal(ref.choice, MD_CHOICE_PADDING);
    assert_int_equal(ref.ordinal, 1);
    struct md_base fresh = {.start_time = 1000000000};
    md_model_prefer(f->m, ref, 1);
    md_model_restart(f->m, &fresh);
    md_model_open(f->m, 0);
    expect(f, bytes,
           "STORED\r\n9\r\nVALUE n 0 1\r\n9\r\nEND\r\nSTORED\r\nVALUE n 0 2\r\n95\r\nEND\r\n");
    md_model_forget_preferences(f->m);
    md_model_restart(f->m, &fresh);
    md_model_open(f->m, 0);
    expect(f, bytes,
           "STORED\r\n9\r\nVALUE n 0 2\r\n9 \r\nEND\r\nSTORED\r\nVALUE n 0 3\r\n9 5\r\nEND\r\n");
}

static void clone_goes_its_own_way(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 40\r\n0123456789012345678901234567890123456789\r\nset b 0 0 4\r\nx", "");
    struct md_model *copy = md_model_clone(f->m);
    expect(f, "yzw\r\ndelete a\r\n", "STORED\r\nSTORED\r\nDELETED\r\n");
    struct md_reply r = {0};
    assert_int_equal(md_model_feed(copy, 0, "123\r\nget b\r\n", 12, &r), MD_FEED_OK);
    assert_string_equal(md_buf_cstr(&r.bytes),
                        "STORED\r\nSTORED\r\nVALUE b 0 4\r\nx123\r\nEND\r\n");
    assert_int_equal(md_model_key_state(copy, "a", 1), MD_KEY_ALIVE);
    assert_int_equal(md_model_key_state(f->m, "a", 1), MD_KEY_DELETED);
    md_reply_free(&r);
    md_model_free(copy);
}

static void reasons(void **state) {
    struct fixture *f = *state;
    md_model_explain(f->m, true);
    fixture_feed(f, 0, "set a 0 5 1\r\nx\r\ntouch a 30\r\n",
                 strlen("set a 0 5 1\r\nx\r\ntouch a 30\r\n"));
    md_model_advance(f->m, 31);
    fixture_feed(f, 0, "get a\r\n", strlen("get a\r\n"));
    assert_string_equal(md_model_reason(f->m, f->r.commands[0].ordinal),
                        "miss: expired at t=30, set by touch at t=0");
}

static void numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool proper, taken;
        uint64_t value;
        bool minus;
    } table[] = {
        {"0", true, true, 0, false},
        {"007", true, true, 7, false},
        {"18446744073709551615", true, true, UINT64_MAX, false},
        {"18446744073709551616", false, false, 0, false},
        {"+5", false, true, 5, false},
        {"-5", false, false, 0, false},
        {"-18446744073709551615", false, true, 1, false},
        {"\t5", false, true, 5, false},
        {"5\tx", false, true, 5, false},
        {"5x", false, false, 0, false},
        {"", false, false, 0, false},
        {"9223372036854775808\t-", false, true, UINT64_C(1) << 63, true},
        {"9223372036854775807\t-", false, true, (UINT64_C(1) << 63) - 1, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct md_number n =
            md_number_unsigned((const uint8_t *)table[i].text, strlen(table[i].text));
        assert_int_equal(n.proper, table[i].proper);
        assert_int_equal(n.taken, table[i].taken);
        assert_int_equal(n.minus, table[i].minus);
        if (n.taken)
            assert_int_equal(n.value, table[i].value);
    }
    struct md_number n = md_number_signed((const uint8_t *)"-9223372036854775808", 20);
    assert_true(n.proper && n.negative);
    n = md_number_signed((const uint8_t *)"9223372036854775808", 19);
    assert_false(n.taken);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
        T(stores_and_gets),
        T(time_to_live),
        T(thirty_days),
        T(counters),
        T(errors),
        T(too_large),
        T(any_cut),
        T(held_back),
        T(connection_closed),
        T(unmodelled),
        T(flush_all),
        T(flush_delay_by_the_book),
        T(cas_base),
        T(flush_delay_as_it_is),
        T(choice_turned),
        T(reasons),
        T(clone_goes_its_own_way),
        T(numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
