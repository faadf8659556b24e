/*
 * Topology discovery: answers of a configuration endpoint are read strictly, whatever comes in
 * whatever pieces; only newer valid lists are taken over; the stand-in answers in all its ways; and
 * a discovery that does it wrong is caught.
 */
#include "harness/now.h"
#include "harness/topology_trial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static enum md_topology_parse parse(const char *text, struct md_topology *t) {
    struct md_buf why = {0};
    enum md_topology_parse r = md_topology_read(text, strlen(text), t, &why);
    assert_true((r == MD_TOPOLOGY_BAD || r == MD_TOPOLOGY_NONE) == (why.len > 0));
    md_buf_free(&why);
    return r;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void test_good_answers(void **state) {
    static const char *const good[] = {
        "CONFIG cluster 0 60\r\n12\nname.example|10.0.0.1|11211 "
        "other.example|10.0.0.2|11212\n\r\nEND\r\n",
        "VALUE AmazonElastiCache:cluster 0 42\r\n12\nname.example||11211 "
        "other.example||11212\n\r\nEND\r\n",
    };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct md_topology t;
        char text[256];
        /* The length as it really is. */
        const char *list = strstr(good[i], "\r\n") + 2;
        int n = (int)(strlen(list) - strlen("\r\nEND\r\n"));
        snprintf(text, sizeof text, "%s 0 %d\r\n%s",
                 i ? "VALUE AmazonElastiCache:cluster" : "CONFIG cluster", n, list);
        assert_int_equal(parse(text, &t), MD_TOPOLOGY_WHOLE);
        assert_int_equal(t.version, 12);
        assert_int_equal(t.n, 2);
        assert_string_equal(t.nodes[1].host, "other.example");
        assert_int_equal(t.nodes[1].port, 11212);
        assert_false(md_topology_is_local(&t));
        for (size_t cut = 0; cut < strlen(text); cut++) {
            struct md_buf why = {0};
            assert_int_equal(md_topology_read(text, cut, &t, &why), MD_TOPOLOGY_MORE);
            md_buf_free(&why);
        }
    }
}

static void test_hostile_answers(void **state) {
    static const char *const lists[] = {
        "",                             /* no version */
        "1",                            /* no end of it */
        "1\n",                          /* no nodes */
        "1\n\n",                        /* an empty list */
        "-1\na||1\n",                   /* a sign */
        "18446744073709551616\na||1\n", /* more than 64 bits */
        "1\na||0\n",                    /* port 0 */
        "1\na||65536\n",                /* no such port */
        "1\na||1x\n",                   /* more than a number */
        "1\na|1\n",                     /* two fields */
        "1\n||1\n",                     /* no name */
        "1\na||1 a||1\n",               /* twice the same */
        "1\na||1  b||1\n",              /* two blanks */
        "1\na||1 \n",                   /* a blank at the end */
        "1\na||1\nb||1\n",              /* two lines */
        "1\na\x01||1\n",                /* a control character */
        "1\na;rm||1\n",                 /* what no name has */
    };
    static const char *const answers[] = {"HTTP/1.1 200 OK\r\n",
                                          "CONFIG cluster 0 99999999\r\n",
                                          "CONFIG cluster 0 -5\r\n",
                                          "CONFIG cluster 0 \r\n",
                                          "CONFIG cluster 1 5\r\n",
                                          "CONFIG other 0 5\r\n",
                                          "\r\n",
                                          "CONFIG cluster 0 9\r\n1\na||1\n\r\nEND\r\n",
                                          "CONFIG cluster 0 8\r\n1\na||1\n\r\nEND\r\nmore"};
    struct md_topology t;
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        snprintf(text, sizeof text, "CONFIG cluster 0 %zu\r\n%s\r\nEND\r\n", strlen(lists[i]),
                 lists[i]);
        if (parse(text, &t) != MD_TOPOLOGY_BAD)
            fail_msg("taken for a list: %s", text);
    }
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (parse(answers[i], &t) != MD_TOPOLOGY_BAD && i != 7)
            fail_msg("taken for an answer: %s", answers[i]);
    assert_int_equal(parse("ERROR\r\n", &t), MD_TOPOLOGY_NONE);
    assert_int_equal(parse("END\r\n", &t), MD_TOPOLOGY_NONE);
}

/* ---- refreshing ------------------------------------------------------------------------------ */

static void test_the_stand_in_in_all_its_ways(void **state) {
    static const struct {
        enum md_endpoint_mode mode;
        enum md_refresh want;
    } ways[] = {
        {MD_ENDPOINT_GOOD, MD_REFRESH_NEW},        {MD_ENDPOINT_OLD, MD_REFRESH_NEW},
        {MD_ENDPOINT_ERROR, MD_REFRESH_REFUSED},   {MD_ENDPOINT_EMPTY, MD_REFRESH_REFUSED},
        {MD_ENDPOINT_PARTIAL, MD_REFRESH_TIMEOUT}, {MD_ENDPOINT_SHORT, MD_REFRESH_TIMEOUT},
        {MD_ENDPOINT_CLOSE, MD_REFRESH_CLOSED},    {MD_ENDPOINT_CUT, MD_REFRESH_CLOSED},
        {MD_ENDPOINT_HANG, MD_REFRESH_TIMEOUT},    {MD_ENDPOINT_RAW, MD_REFRESH_MALFORMED},
    };
    const struct md_server nodes[] = {{.host = "127.0.0.1", .port = 11},
                                      {.host = "127.0.0.2", .port = 12}};
    struct md_buf why = {0}, log = {0};
    struct md_endpoint *e = md_endpoint_start(&why);
    (void)state;
    assert_non_null(e);
    md_endpoint_list(e, 5, nodes, 2);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct md_topology t = {0};
        md_endpoint_raw(e, "nonsense\r\n", 10);
        md_endpoint_mode(e, ways[i].mode);
        uint64_t from = md_now_ns();
        enum md_refresh r =
            md_topology_refresh(&t, "127.0.0.1", md_endpoint_port(e),
                                ways[i].want == MD_REFRESH_TIMEOUT ? 100 : 5000, &why);
        if (r != ways[i].want)
            fail_msg("%s: %s (%s)", md_endpoint_mode_id(ways[i].mode), md_refresh_id(r),
                     md_buf_cstr(&why));
        assert_int_equal(t.n, r == MD_REFRESH_NEW ? 2 : 0);
        assert_true(t.n == 0 || md_topology_is_local(&t));
        assert_true(md_now_ns() - from < UINT64_C(20000000000));
    }
    md_endpoint_log(e, &log);
    assert_non_null(strstr(md_buf_cstr(&log), "config get cluster\n"));
    assert_non_null(strstr(md_buf_cstr(&log), "get AmazonElastiCache:cluster\n"));
    uint16_t port = md_endpoint_port(e);
    md_endpoint_free(e);
    struct md_topology t = {0};
    assert_int_equal(md_topology_refresh(&t, "127.0.0.1", port, 5000, &why),
                     MD_REFRESH_UNREACHABLE);
    md_buf_free(&why);
    md_buf_free(&log);
}

static void test_versions_only_go_up(void **state) {
    const struct md_server nodes[] = {{.host = "127.0.0.1", .port = 11},
                                      {.host = "127.0.0.2", .port = 12}};
    struct md_buf why = {0};
    struct md_topology t = {0};
    struct md_endpoint *e = md_endpoint_start(&why);
    (void)state;
    assert_non_null(e);
    uint16_t port = md_endpoint_port(e);
    md_endpoint_list(e, 10, nodes, 2);
    assert_int_equal(md_topology_refresh(&t, "127.0.0.1", port, 5000, &why), MD_REFRESH_NEW);
    assert_int_equal(md_topology_refresh(&t, "127.0.0.1", port, 5000, &why), MD_REFRESH_SAME);
    md_endpoint_list(e, 9, nodes, 1);
    assert_int_equal(md_topology_refresh(&t, "127.0.0.1", port, 5000, &why), MD_REFRESH_OLDER);
    md_endpoint_list(e, 10, nodes, 1);
    assert_int_equal(md_topology_refresh(&t, "127.0.0.1", port, 5000, &why), MD_REFRESH_CHANGED);
    assert_int_equal(t.version, 10);
    assert_int_equal(t.n, 2);
    md_endpoint_free(e);
    md_buf_free(&why);
}

/* ---- trials ---------------------------------------------------------------------------------- */

/* Takes over whatever it is given. */
static enum md_refresh gullible(struct md_topology *t, const char *host, uint16_t port,
                                unsigned deadline_ms, struct md_buf *why) {
    t->known = false;
    return md_topology_refresh(t, host, port, deadline_ms, why);
}

/* Forgets the list when it gets no new one. */
static enum md_refresh forgetful(struct md_topology *t, const char *host, uint16_t port,
                                 unsigned deadline_ms, struct md_buf *why) {
    enum md_refresh r = md_topology_refresh(t, host, port, deadline_ms, why);
    if (r > MD_REFRESH_CHANGED && t->n > 1)
        t->n--;
    return r;
}

/* Says that nothing is new, always. */
static enum md_refresh mute(struct md_topology *t, const char *host, uint16_t port,
                            unsigned deadline_ms, struct md_buf *why) {
    md_topology_refresh(t, host, port, deadline_ms, why);
    return MD_REFRESH_SAME;
}

static const char *first_finding(md_refresh_fn refresh, struct md_cluster_verdict *v) {
    struct md_cluster_config config = {.binary = getenv("MEMDIVERGE_NODE")};
    for (uint64_t seed = 1; seed < 5; seed++) {
        if (!md_topology_trial(&config, seed, 12, refresh, v))
            fail_msg("%s", md_buf_cstr(&v->reason));
        if (v->n_findings)
            return v->findings[0].kind;
    }
    return "";
}

static void test_trials(void **state) {
    struct md_cluster_verdict v = {.tell = true};
    (void)state;
    const char *found = first_finding(md_topology_refresh, &v);
    if (*found)
        fail_msg("%s\n%s", found, md_buf_cstr(&v.story));
    assert_true(v.hits > 500);
    md_cluster_verdict_free(&v);
}

static void test_wrong_discoveries_are_caught(void **state) {
    struct md_cluster_verdict v = {0};
    (void)state;
    assert_string_equal(first_finding(forgetful, &v), "topology:not-the-last-valid-answer");
    assert_string_not_equal(first_finding(gullible, &v), "");
    assert_string_equal(first_finding(mute, &v), "topology:says-otherwise");
    md_cluster_verdict_free(&v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_answers),
        cmocka_unit_test(test_hostile_answers),
        cmocka_unit_test(test_the_stand_in_in_all_its_ways),
        cmocka_unit_test(test_versions_only_go_up),
        cmocka_unit_test(test_trials),
        cmocka_unit_test(test_wrong_discoveries_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
