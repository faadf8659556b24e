/*
 * Replies cut into answers without knowing what was asked (harness/versus_reply.h), and answers back to
 * commands (versus_asked.h): whatever way the bytes come in, and whatever bytes they are.
 */
#include "harness/versus_asked.h"
#include "harness/versus_reply.h"

#include "harness/generate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct one {
    struct md_heard heard;
    struct md_shown shown;
};

static void take(struct one *o, const void *bytes, size_t n, bool end) {
    md_buf_append(&o->heard.bytes, bytes, n);
    md_heard_cut(&o->heard, &o->shown, end);
}

static struct one of(const char *text) {
    struct one o = {0};
    take(&o, text, strlen(text), true);
    return o;
}

static void done(struct one *o) {
    md_heard_free(&o->heard);
    md_shown_free(&o->shown);
}

static void expect_plain(const char *text, const char *plain) {
    struct one o = of(text);
    assert_string_equal(md_buf_cstr(&o.heard.plain), plain);
    done(&o);
}

static void test_plain(void **state) {
    (void)state;
    expect_plain("STORED\r\n", "STORED");
    expect_plain("VERSION 1.6.18\r\n", "VERSION");
    expect_plain("VALUE k 7 2\r\nab\r\nEND\r\n", "VALUE k 7 2\nab\r\nEND");
    /* CAS values by their order; data that looks like an answer is data. */
    expect_plain(
        "VALUE a 0 5 90\r\nEND\r\n\r\nVALUE b 0 1 50\r\nx\r\nVALUE a 0 1 90\r\nx\r\nEND\r\n",
        "VALUE a 0 5 #1\nEND\r\n\r\nVALUE b 0 1 #2\nx\r\nVALUE a 0 1 #1\nx\r\nEND");
    expect_plain("VALUE a 0 1 0\r\nx\r\nEND\r\n", "VALUE a 0 1 #0\nx\r\nEND");
    expect_plain("HD c12 Oc13 kc14\r\nVA 3 c12 f0\r\nc12\r\nMN\r\n",
                 "HD c#1 Oc13 kc14VA 3 c#1 f0\nc12\r\nMN");
    expect_plain("ME k exp=-1 la=2 cas=77 fetch=no cls=1 size=64\r\n",
                 "ME k exp=-1 la=2 c#1 fetch=no cls=1 size=64");
    /* Of statistics only what follows from the commands. */
    expect_plain("STAT pid 17\r\nSTAT curr_items 3\r\nSTAT threads 4\r\nEND\r\n",
                 "STAT curr_items 3END");
    expect_plain(
        "STAT items:5:number 2\r\nSTAT items:5:age_hot 2\r\nSTAT 5:chunk_size 240\r\nEND\r\n",
        "STAT items:5:number 2STAT 5:chunk_size 240END");
}

static void test_cas_by_key(void **state) {
    (void)state;
    struct one o = of("VALUE a 0 1 90\r\nx\r\nVALUE b 0 1 50\r\nx\r\nEND\r\nVALUE a 0 1 91\r\nx\r\n"
                      "END\r\nHD kmeta c92\r\n");
    assert_int_equal(md_shown_cas(&o.shown, "a", 1, 7), 91);
    assert_int_equal(md_shown_cas(&o.shown, "b", 1, 7), 50);
    assert_int_equal(md_shown_cas(&o.shown, "meta", 4, 7), 92);
    assert_int_equal(md_shown_cas(&o.shown, "c", 1, 7), 7);
    done(&o);
}

static void test_packets(void **state) {
    (void)state;
    static const uint8_t two[] = {0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0,
                                  9,    0, 0, 0, 0, 0, 0, 0, 5, /* set, opaque 9, CAS 5 */
                                  0x81, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 5, 0, 0,  0,
                                  8,    0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 7, 'x'};
    struct one o = {0};
    for (size_t i = 0; i < sizeof two; i++)
        take(&o, two + i, 1, false);
    assert_int_equal(o.heard.n, 2);
    assert_int_equal(o.heard.piece[0].n, 24);
    assert_int_equal(o.heard.piece[1].n, 29);
    assert_memory_equal(o.heard.plain.data + 16, "#1", 2);
    done(&o);
}

static void expect_difference(const char *a, const char *b, const char *how) {
    struct one x = of(a), y = of(b);
    char text[80];
    assert_false(md_piece_equal(&x.heard, &x.heard.piece[0], &y.heard, &y.heard.piece[0]));
    md_piece_difference(&x.heard, &x.heard.piece[0], &y.heard, &y.heard.piece[0], text,
                        sizeof text);
    assert_string_equal(text, how);
    done(&x);
    done(&y);
}

static void test_differences(void **state) {
    (void)state;
    expect_difference("STORED\r\n", "NOT_STORED\r\n", "STORED-NOT_STORED");
    expect_difference("5\r\n", "6\r\n", "number.text");
    expect_difference("5\r\n", "NOT_FOUND\r\n", "number-NOT_FOUND");
    expect_difference("\r\n", "END\r\n", "empty-line-END");
    expect_difference("ERROR\r\n", "ERROR: shutdown not enabled\r\n", "ERROR.text");
    expect_difference("VALUE a 1 1\r\nx\r\n", "VALUE b 1 1\r\nx\r\n", "VALUE.key");
    expect_difference("VALUE a 1 1\r\nx\r\n", "VALUE a 2 1\r\nx\r\n", "VALUE.flags");
    expect_difference("VALUE a 1 1\r\nx\r\n", "VALUE a 1 2\r\nxx\r\n", "VALUE.bytes");
    expect_difference("VALUE a 1 1\r\nx\r\n", "VALUE a 1 1\r\ny\r\n", "VALUE.data");
    expect_difference("STAT cmd_get 1\r\n", "STAT cmd_get 2\r\n", "STAT.cmd_get");
    expect_difference("STAT items:1:evicted 1\r\n", "STAT items:1:evicted 2\r\n", "STAT.evicted");
    expect_difference("what is this\r\n", "OK\r\n", "other-OK");
}

/* However the bytes are cut on their way, and whatever they are: the same pieces, and all of them. */
static void test_any_bytes_any_cuts(void **state) {
    (void)state;
    static const char *const words[] = {"VALUE ",  "k ",  "0 ",   "3 ",    "\r\n",
                                        "END\r\n", "VA ", "\n",   "STAT ", "c",
                                        "12",      "HD ", "\x81", "\0",    "99999999 "};
    struct md_random r;
    md_random_seed(&r, 1);
    for (int round = 0; round < 2000; round++) {
        struct md_buf text = {0};
        for (uint64_t n = md_random_below(&r, 30); n > 0; n--) {
            const char *w = words[md_random_below(&r, sizeof words / sizeof *words)];
            md_buf_append(&text, w, *w ? strlen(w) : 1);
        }
        md_buf_reserve(&text, 1);
        struct one whole = {0}, cut = {0};
        take(&whole, text.data, text.len, true);
        for (size_t at = 0; at < text.len;) {
            size_t n = 1 + md_random_below(&r, text.len - at);
            take(&cut, text.data + at, n, at + n == text.len);
            at += n;
        }
        assert_int_equal(whole.heard.used, text.len);
        assert_int_equal(whole.heard.n, cut.heard.n);
        assert_int_equal(whole.heard.plain.len, cut.heard.plain.len);
        if (whole.heard.plain.len)
            assert_memory_equal(whole.heard.plain.data, cut.heard.plain.data,
                                whole.heard.plain.len);
        done(&whole);
        done(&cut);
        md_buf_free(&text);
    }
}

static void expect_asked(const char *sent, size_t index, const char *name) {
    char text[MD_ASKED_MAX];
    md_asked((const uint8_t *)sent, strlen(sent), index, text);
    assert_string_equal(text, name);
}

static void test_asked(void **state) {
    (void)state;
    static const char sent[] = "set a 0 0 5\r\nget b\r\nget a\r\nset a 0 0 1 noreply\r\nx\r\n"
                               "stats items\r\n\r\nmade up\r\nincr a 1\r\n";
    static const char *const names[] = {"set", "get", "stats-items", "blank", "unknown", "incr"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_asked(sent, i, names[i]);
    expect_asked(sent, 6, "none");
    expect_asked("get a\r\nset b 0 0 3\r\nx", 1, "set");
    expect_asked("get a\r\nget", 1, "unfinished");
    expect_asked("", 0, "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_cas_by_key),
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_differences),
        cmocka_unit_test(test_any_bytes_any_cuts),
        cmocka_unit_test(test_asked),
    };
    return cmocka_run_group_tests_name("versus", tests, NULL, NULL);
}
