/*
 * Versions as data: which profile a version gets, which quirks are in its range, and that each field of
 * it changes what the model says as the version does.
 */
#include "tests/model_fixture.h"

#include "harness/trace.h"

#include <stdio.h>

static const char *const known[] = {"1.6.18", "1.6.38", "1.6.45"};
enum { KNOWN = sizeof known / sizeof *known };

static void test_names(void **state) {
    (void)state;
    static const char *const wanted[][2] = {
        {"1.6.18", "1.6.18"},   {"1.6.38", "1.6.38"}, {"1.6.45", "1.6.45"}, {"1.6.19", "1.6.18"},
        {"1.6.44", "1.6.38"},   {"1.6.46", "1.6.45"}, {"1.10.1", "1.6.45"}, {"1.4.39", "1.6.18"},
        {"nonsense", "1.6.18"}, {"", "1.6.18"},
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        bool exact;
        const struct md_profile *p = md_profile_find(wanted[i][0], &exact);
        assert_string_equal(md_profile_name(p), wanted[i][1]);
        assert_int_equal(exact, strcmp(wanted[i][0], wanted[i][1]) == 0);
    }
}

/* Each range is well formed, and some version has the quirk. */
static void test_ranges(void **state) {
    (void)state;
    for (int q = MD_QUIRK_NONE + 1; q < MD_QUIRKS; q++) {
        unsigned n = 0, a, b;
        const char *range = md_quirk_info((enum md_quirk)q)->versions;
        assert_true(sscanf(range, "1.6.%u-1.6.%u", &a, &b) == 2 ? a < b
                                                                : sscanf(range, "1.6.%u", &a));
        for (int i = 0; i < KNOWN; i++) {
            bool exact;
            n += md_profile_has(md_profile_find(known[i], &exact), (enum md_quirk)q);
        }
        assert_true(n > 0);
    }
}

static const char *said(const char *version, const char *lines) {
    static char text[512];
    struct md_options options;
    struct md_reply r = {0};
    bool exact;
    md_options_default(&options);
    struct md_model *m = md_model_new(md_profile_find(version, &exact), &options, 1000000000);
    md_model_open(m, 0);
    md_model_feed(m, 0, lines, strlen(lines), &r);
    snprintf(text, sizeof text, "%.*s", (int)r.bytes.len, (const char *)r.bytes.data);
    md_reply_free(&r);
    md_model_free(m);
    return text;
}

static void test_what_they_say(void **state) {
    (void)state;
#define BAD "CLIENT_ERROR bad command line format\r\n"
    static const struct {
        const char *lines, *said[KNOWN];
    } table[] = {
        {"version\r\n", {"VERSION 1.6.18\r\n", "VERSION 1.6.38\r\n", "VERSION 1.6.45\r\n"}},
        {"set a 0 0 0\r\n\r\ngets a\r\n",
         {"STORED\r\nVALUE a 0 0 1\r\n\r\nEND\r\n", "STORED\r\nVALUE a 0 0 2\r\n\r\nEND\r\n",
          "STORED\r\nVALUE a 0 0 2\r\n\r\nEND\r\n"}},
        {"get a\r\nset b 0 0 3\r\nx", {"END\r\n", "", ""}},
        {"set a 0 0 0\r\n\r\nflush_all\r\nflush_all 2\r\nget a\r\n",
         {"STORED\r\nOK\r\nOK\r\nVALUE a 0 0\r\n\r\nEND\r\n", "STORED\r\nOK\r\nOK\r\nEND\r\n",
          "STORED\r\nOK\r\nOK\r\nEND\r\n"}},
        {"incr\r\n", {"ERROR\r\n", "ERROR\r\n", BAD}},
        {"x\r\n", {"ERROR\r\n", "ERROR\r\n", BAD}},
        {"made up noreply\r\n", {"ERROR\r\n", "ERROR\r\n", ""}},
        {" get a\r\n", {"END\r\n", "END\r\n", "ERROR\r\n"}},
        {"flush_all 1 2 3\r\n", {"ERROR\r\n", "ERROR\r\n", "OK\r\n"}},
        {"set a x 0 4\r\nget \r\n", {BAD "ERROR\r\n", BAD "ERROR\r\n", BAD}},
        {"set a 0 0 4294967297\r\nx\r\n", {"STORED\r\n", "STORED\r\n", BAD BAD}},
        {"bget a\r\n", {"END\r\n", "END\r\n", "ERROR\r\n"}},
        {"ms a 1 E5\r\nx\r\n", {"CLIENT_ERROR invalid flag\r\n", "HD\r\n", "HD\r\n"}},
        {"md a z\r\n",
         {"CLIENT_ERROR invalid or duplicate flag\r\n",
          "CLIENT_ERROR invalid or duplicate flag\r\n", "CLIENT_ERROR invalid flag\r\n"}},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        for (int v = 0; v < KNOWN; v++)
            assert_string_equal(said(known[v], table[i].lines), table[i].said[v]);
}

/* Traces give slab_chunk_max in bytes; a node may count in KiB. */
static void test_chunk_max(void **state) {
    (void)state;
    static const uint32_t units[KNOWN] = {1, 1024, 1024};
    struct md_buf word = {0};
    for (int v = 0; v < KNOWN; v++) {
        bool exact;
        assert_int_equal(md_profile_chunk_max_unit(md_profile_find(known[v], &exact)), units[v]);
    }
    md_node_option_word("slab_chunk_max=16384", 1024, &word);
    md_node_option_word(" slab_chunk_max=16384", 1024, &word);
    md_node_option_word("-I", 1024, &word);
    assert_string_equal(md_buf_cstr(&word), "slab_chunk_max=16 slab_chunk_max=16384-I");
    md_buf_clear(&word);
    md_node_option_word("slab_chunk_max=16384", 1, &word);
    assert_string_equal(md_buf_cstr(&word), "slab_chunk_max=16384");
    md_buf_free(&word);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_what_they_say),
        cmocka_unit_test(test_chunk_max),
    };
    return cmocka_run_group_tests_name("versions", tests, NULL, NULL);
}
