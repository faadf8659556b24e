/*
 * The same said in three protocols: a real node means the same in all of them, and a disagreement is
 * noticed and named, whoever it is that says otherwise.
 */
#include "harness/protocols.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LISTS = 300 };

static struct md_node *node_new(void) {
    struct md_node_config config = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1};
    struct md_node_options options;
    struct md_node *n;
    md_node_options_default(&options);
    if (!config.binary)
        skip();
    assert_int_equal(md_node_start(&config, &options, true, &n), MD_NODE_OK);
    return n;
}

static void test_agree(void **state) {
    (void)state;
    struct md_node *n = node_new();
    struct md_disagreement d = {0};
    struct md_sayings s;
    size_t said = 0;
    for (uint64_t i = 0; i < LISTS; i++) {
        md_sayings_random(1, i, &s);
        said += s.n;
        assert_int_equal(md_protocols_run(n, &s, &d, NULL), MD_NODE_OK);
        if (d.any)
            fail_msg("list %d: %s: %s", (int)i, d.signature, md_buf_cstr(&d.why));
    }
    assert_in_range(said, LISTS * MD_SAYINGS_MAX / 4, LISTS * MD_SAYINGS_MAX);
    md_disagreement_free(&d);
    md_node_free(n);
}

/* Somebody else changes the keys of one protocol beforehand: it stands alone. */
static void disagree(const char *spoil, struct md_saying what, const char *signature) {
    struct md_node *n = node_new();
    struct md_disagreement d = {0};
    struct md_sayings s = {.n = 1, .at = {what}};
    struct md_trace sent;
    struct md_buf reply = {0};
    md_trace_init(&sent);
    assert_int_equal(md_node_open(n, 9), MD_NODE_OK);
    assert_int_equal(md_node_exchange(n, 9, spoil, strlen(spoil), 1000, &reply), MD_NODE_OK);
    assert_int_equal(md_protocols_run(n, &s, &d, &sent), MD_NODE_OK);
    assert_true(d.any);
    assert_string_equal(d.signature, signature);
    assert_true(d.why.len > 0 && sent.n_steps >= MD_SPEAKERS);
    md_buf_free(&reply);
    md_trace_free(&sent);
    md_disagreement_free(&d);
    md_node_free(n);
}

static void test_disagree(void **state) {
    (void)state;
    struct md_saying add = {.say = MD_SAY_ADD, .n = 3, .byte = 'x'}, get = {.say = MD_SAY_GET};
    struct md_saying incr = {.say = MD_SAY_INCR, .delta = 1}, other = {.say = MD_SAY_GET, .key = 1};
    disagree("set t-key-0 0 0 1\r\nx\r\n", add, "add.answer.text");
    disagree("set m-key-0 0 0 1\r\nx\r\n", get, "get.answer.meta");
    disagree("set b-key-0 0 0 1\r\n1\r\n", incr, "incr.answer.binary");
    disagree("set t-key-0 0 0 1\r\n1\r\nset m-key-0 0 0 1\r\n1\r\nset b-key-0 0 0 1\r\n2\r\n", incr,
             "incr.number.binary");
    disagree("set t-key-0 1 0 1\r\n1\r\nset m-key-0 2 0 1\r\n1\r\nset b-key-0 1 0 1\r\n1\r\n", get,
             "get.flags.meta");
    disagree("set t-key-0 0 0 1\r\n1\r\nset m-key-0 0 0 1\r\n2\r\nset b-key-0 0 0 1\r\n2\r\n", get,
             "get.value.text");
    disagree("set t-key-0 0 0 1\r\n1\r\nset m-key-0 0 0 1\r\n1\r\nset b-key-0 0 9 1\r\n1\r\n",
             other, "state.ttl.binary");
}

/* Any bytes are a list, and the same list every time. */
static void test_lists(void **state) {
    (void)state;
    static const uint8_t bytes[MD_SAYING_BYTES * 3 + 5] = {0xff, 1, 2, 3, 0xff, 0xfe};
    struct md_sayings a, b;
    md_sayings_decode(bytes, sizeof bytes, &a);
    assert_int_equal(a.n, 3);
    md_sayings_random(7, 3, &a);
    md_sayings_random(7, 3, &b);
    assert_int_equal(a.n, b.n);
    for (size_t i = 0; i < a.n; i++) {
        assert_int_equal(a.at[i].say, b.at[i].say);
        assert_int_equal(a.at[i].key, b.at[i].key);
        assert_int_equal(a.at[i].n, b.at[i].n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agree),
        cmocka_unit_test(test_disagree),
        cmocka_unit_test(test_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
