/*
 * The meta commands in the model by themselves: flags and what they return, marks (won, stale), quiet
 * mode, base64 keys, and the two ways in which they meet the rest: data blocks, and items that answers
 * hold.
 */
#include "harness/compare.h"
#include "model/base64.h"
#include "tests/model_fixture.h"

static int setup(void **state) {
    struct fixture *f = fixture_new(NULL);
    md_model_open(f->m, 1);
    *state = f;
    return 0;
}

static void return_flags(void **state) {
    struct fixture *f = *state;
    expect(f, "ms a 2 F5 T30 c k Oab\r\nhi\r\n", "HD c1 ka Oab\r\n");
    expect(f, "mg a s v t c f k O1 h l\r\n", "VA 2 s2 t30 c1 f5 ka O1 h0 l0\r\nhi\r\n");
    expect(f, "mg a\r\nmg b k O2\r\n", "HD\r\nEN kb O2\r\n");
    expect(f, "me a\r\n", "ME a exp=-30 la=0 cas=1 fetch=yes cls=1 size=66\r\n");
    assert_int_equal(f->r.n_marks, 1);
    assert_int_equal(f->r.marks[0].relative, 1);
}

static void refused(void **state) {
    struct fixture *f = *state;
    expect(f, "mg a s s\r\n", "CLIENT_ERROR duplicate flag\r\n");
    expect(f, "mg a z\r\n", "CLIENT_ERROR invalid flag\r\n");
    expect(f, "md a z\r\nma a Dx\r\n",
           "CLIENT_ERROR invalid or duplicate flag\r\nCLIENT_ERROR invalid or duplicate flag\r\n");
    expect(f, "mg a Tx\r\n", "CLIENT_ERROR bad token in command line format\r\n");
    expect(f, "ms a 2 z\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid flag\r\nMN\r\n");
    expect(f, "ms a 2 Mz\r\nhi\r\nmn\r\n", "CLIENT_ERROR invalid mode for ms M token\r\nMN\r\n");
    expect(f, "ms a x\r\nmn\r\n", "CLIENT_ERROR bad command line format\r\nMN\r\n");
    expect(f, "mg\r\nms a\r\nme\r\n",
           "ERROR\r\nCLIENT_ERROR bad command line format\r\nCLIENT_ERROR bad command line "
           "format\r\n");
}

static void quiet(void **state) {
    struct fixture *f = *state;
    expect(f, "ms a 1 q\r\n5\r\nmg b q\r\nma a q\r\nmd a q C99\r\nmn\r\n", "EX\r\nMN\r\n");
    assert_true(f->r.commands[0].flags & MD_COMMAND_SILENT);
    expect(f, "mg a q\r\nmg a q z\r\n", "HD\r\nCLIENT_ERROR invalid flag\r\n");
    expect(f, "ms a 1 q ME\r\n5\r\nmd b q\r\nma b q\r\n", "NS\r\nNF\r\nNF\r\n");
    expect(f, "md a q\r\nversion\r\n", "VERSION 1.6.18\r\n");
}

static void won_and_stale(void **state) {
    struct fixture *f = *state;
    expect(f, "mg a N30 t v\r\n", "VA 0 t30 W\r\n\r\n");
    expect(f, "mg a N30\r\nmg a\r\n", "HD Z\r\nHD Z\r\n");
    expect(f, "ms a 1 T100\r\nx\r\nmg a R30\r\n", "HD\r\nHD\r\n");
    md_model_advance(f->m, 71);
    expect(f, "mg a R30\r\nmg a R30\r\n", "HD W\r\nHD Z\r\n");
    expect(f, "md a I T9\r\nmg a t c\r\nmg a\r\n", "HD\r\nHD t9 c3 X W\r\nHD Z X\r\n");
    expect(f, "ms a 1 I C2 c\r\ny\r\nmg a v t\r\n", "HD c4\r\nVA 1 t9 Z X\r\ny\r\n");
    expect(f, "ms a 1\r\nz\r\nmg a\r\n", "HD\r\nHD\r\n");
}

static void compared(void **state) {
    struct fixture *f = *state;
    expect(f, "ms a 1 C1\r\nx\r\nms a 1\r\nx\r\n", "NF\r\nHD\r\n");
    expect(f, "ms a 1 C9 c\r\ny\r\nms a 1 MA C9\r\ny\r\n", "EX c0\r\nEX\r\n");
    expect(f, "ms a 1 MA C1\r\ny\r\nmg a v c\r\n", "HD\r\nVA 2 c2\r\nxy\r\n");
    expect(f, "md a C1\r\nmd a C2\r\n", "EX\r\nHD\r\n");
    expect(f, "ma n N0 J7 v c\r\nma n C9\r\nma n C3 D5 v\r\n",
           "VA 1 c3\r\n7\r\nEX\r\nVA 2\r\n12\r\n");
}

static void by_the_book(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 1\r\n9\r\nma a T30 t\r\nmg a t\r\n", "STORED\r\nHD t30\r\nHD t-1\r\n");
    for (int q = MD_QUIRK_NONE + 1; q < MD_QUIRKS; q++)
        md_model_quirk(f->m, (enum md_quirk)q, false);
    expect(f, "set a 0 0 1\r\n9\r\nma a T30 t\r\nmg a t\r\n", "STORED\r\nHD t30\r\nHD t30\r\n");
    expect(f, "mg a O12345678901234567890123456789012\r\n",
           "HD O12345678901234567890123456789012\r\n");
    expect(f, "ma a O123456789012345678901234567890123\r\nmg a v\r\n",
           "CLIENT_ERROR opaque token too long\r\nVA 2\r\n10\r\n");
    expect(f, "mg AAEK b N30 k\r\nmg AAEK b k\r\n", "HD kAAEK b W\r\nHD kAAEK b Z\r\n");
    expect(f, "ma a q v\r\nma b q N0\r\nms b 1 MP C0\r\nx\r\n", "VA 2\r\n11\r\nEX\r\n");
    expect(f, "mg a T-1 t\r\nmg c N5 T9\r\nmg c t\r\n", "HD t0\r\nHD W\r\nHD t5 Z\r\n");
    expect(f, "me c\r\n", "ME c exp=5 la=0 cas=8 fetch=yes cls=1 size=60\r\n");
}

/* decr of an item whose value an mg of the same batch has still to send makes a new one. */
static void held(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 2\r\n10\r\nmg a v\r\ndecr a 1\r\nget a\r\n",
           "STORED\r\nVA 2\r\n10\r\n9\r\nVALUE a 0 1\r\n9\r\nEND\r\n");
    expect(f, "set a 0 0 2\r\n10\r\n", "STORED\r\n");
    expect(f, "mg a v\r\n", "VA 2\r\n10\r\n");
    expect(f, "decr a 1\r\nget a\r\n", "9\r\nVALUE a 0 2\r\n9 \r\nEND\r\n");
    /* On another connection it is held until the data block is there. */
    expect(f, "set a 0 0 2\r\n10\r\n", "STORED\r\n");
    expect(f, "mg a\r\nset b 0 0 5\r\nhe", "");
    expect_on(f, 1, "decr a 1\r\n", "9\r\n");
    expect_on(f, 1, "get a\r\n", "VALUE a 0 1\r\n9\r\nEND\r\n");
    expect(f, "llo\r\n", "HD\r\nSTORED\r\n");
    /* An item that goes while it is held. */
    expect(f, "mg b v\r\ndelete b\r\nms b 1\r\nx\r\nmg b v\r\n",
           "VA 5\r\nhello\r\nDELETED\r\nHD\r\nVA 1\r\nx\r\n");
}

/* The same bytes in any two pieces leave the same state and say the same. */
static void any_cut(void **state) {
    static const char bytes[] =
        "ms a 5 k O1 c T9\r\nhe\r\no\r\nmg a v t k\r\nma a\r\nmd a q\r\nmg a\r\n";
    static const char whole[] =
        "HD ka O1 c%d\r\nVA 5 t9 ka\r\nhe\r\no\r\nCLIENT_ERROR cannot increment "
        "or decrement non-numeric value\r\nEN\r\n";
    struct fixture *f = *state;
    for (int cut = 0; cut < (int)sizeof bytes - 1; cut++) {
        struct md_buf all = {0}, expected = {0};
        md_model_feed(f->m, 0, bytes, (size_t)cut, &f->r);
        md_buf_append(&all, f->r.bytes.data, f->r.bytes.len);
        md_model_feed(f->m, 0, bytes + cut, sizeof bytes - 1 - (size_t)cut, &f->r);
        md_buf_append(&all, f->r.bytes.data, f->r.bytes.len);
        md_buf_printf(&expected, whole, cut + 1);
        assert_string_equal(md_buf_cstr(&all), md_buf_cstr(&expected));
        md_buf_free(&all);
        md_buf_free(&expected);
    }
}

/* A clone in the middle of a batch that holds an item which is gone; neither disturbs the other. */
static void clone_holds(void **state) {
    struct fixture *f = *state;
    expect(f, "set a 0 0 2\r\n10\r\n", "STORED\r\n");
    expect(f, "mg a v\r\ndelete a\r\nset b 0 0 5\r\nhe", "");
    struct md_model *copy = md_model_clone(f->m);
    expect(f, "llo\r\n", "VA 2\r\n10\r\nDELETED\r\nSTORED\r\n");
    struct md_model *kept = f->m;
    f->m = copy;
    expect(f, "LLO\r\nget b\r\n",
           "VA 2\r\n10\r\nDELETED\r\nSTORED\r\nVALUE b 0 5\r\nheLLO\r\nEND\r\n");
    md_model_free(f->m);
    f->m = kept;
    expect(f, "get b\r\n", "VALUE b 0 5\r\nhello\r\nEND\r\n");
}

static void base64(void **state) {
    (void)state;
    static const struct {
        const char *text, *bytes;
        bool proper;
    } rows[] = {{"aGk=", "hi", true},   {"YQ==", "a", true},       {"YWJj", "abc", true},
                {"aG-k=", "hi", false}, {"aGk=YQ==", "hi", false}, {"YQ", "", false},
                {"====", "", false},    {"", "", false},           {"!", "", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t out[32];
        bool proper;
        size_t n =
            md_base64_decode((const uint8_t *)rows[i].text, strlen(rows[i].text), out, &proper);
        assert_int_equal(n, strlen(rows[i].bytes));
        assert_memory_equal(out, rows[i].bytes, n);
        assert_true(proper == rows[i].proper || n == 0);
    }
    for (unsigned n = 1; n < 80; n++) {
        uint8_t bytes[80], back[120];
        struct md_buf text = {0};
        bool proper;
        for (unsigned i = 0; i < n; i++)
            bytes[i] = (uint8_t)(i * 37 + n);
        md_base64_encode(&text, bytes, n);
        assert_int_equal(md_base64_decode(text.data, text.len, back, &proper), n);
        assert_true(proper);
        assert_memory_equal(back, bytes, n);
        md_buf_free(&text);
    }
}

static void signature_is(enum md_command_name name, const char *expected, const char *observed,
                         const char *signature) {
    char text[128];
    struct md_command k = {.name = (uint8_t)name, .rule = MD_RULE_META_HIT};
    md_signature(&k, (const uint8_t *)expected, strlen(expected), (const uint8_t *)observed,
                 strlen(observed), text, sizeof text);
    assert_string_equal(text, signature);
}

static void signatures(void **state) {
    (void)state;
    signature_is(MD_CMD_MG, "HD t3 c5\r\n", "HD t4 c5\r\n", "mg.flag-t.differs.meta-hit");
    signature_is(MD_CMD_MG, "HD t3 W\r\n", "HD t3\r\n", "mg.mark-w.missing.meta-hit");
    signature_is(MD_CMD_MG, "HD t3\r\n", "HD t3 Z\r\n", "mg.mark-z.surplus.meta-hit");
    signature_is(MD_CMD_MG, "HD t3 s1\r\n", "HD s1 t3\r\n", "mg.flag-t.order.meta-hit");
    signature_is(MD_CMD_MG, "HD\r\n", "EN\r\n", "mg.reply.en-instead-of-hd.meta-hit");
    signature_is(MD_CMD_MG, "VA 1\r\nx\r\n", "VA 1\r\ny\r\n", "mg.data.differs.meta-hit");
    signature_is(MD_CMD_MA, "VA 1\r\n1\r\n", "VA 2\r\n10\r\n", "ma.bytes.differ.meta-hit");
    signature_is(MD_CMD_ME, "ME a exp=1 la=0\r\n", "ME a exp=2 la=0\r\n",
                 "me.exp.differs.meta-hit");
    assert_int_equal(md_reply_span(MD_CMD_MG, (const uint8_t *)"VA 2 k\r\nhi\r\nHD", 14), 12);
    assert_int_equal(md_reply_span(MD_CMD_MG, (const uint8_t *)"VA 9\r\nhi\r\n", 10), 0);
    assert_int_equal(md_reply_span(MD_CMD_MS, (const uint8_t *)"HD\r\nHD\r\n", 8), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(return_flags, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(refused, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(quiet, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(won_and_stale, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(compared, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(by_the_book, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(held, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(any_cut, setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(clone_holds, setup, fixture_teardown),
        cmocka_unit_test(base64),
        cmocka_unit_test(signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
