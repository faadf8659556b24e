/*
 * Clusters: traces are read strictly and printed back; nodes hold keys where the model says; what a
 * client must not see is found (planted one by one in front of the model, and in real life by the
 * traces in corpus/cluster); calls that never return and clients that die are told; nothing takes
 * real seconds that could take virtual ones.
 */
#include "harness/artifact.h"
#include "harness/cluster_confirm.h"
#include "harness/cluster_generate.h"
#include "harness/cluster_known.h"
#include "harness/cluster_shrink.h"
#include "harness/now.h"
#include "model/cluster.h"

#include <dirent.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct md_cluster_config config(void) {
    return (struct md_cluster_config){.binary = getenv("MEMDIVERGE_NODE")};
}

static void read_trace(struct md_cluster_trace *t, const char *text) {
    struct md_trace_error error;
    md_cluster_trace_init(t);
    if (!md_cluster_trace_parse(t, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
}

/* Runs it on fresh nodes; fails if the environment does. */
static void run(const char *text, struct md_cluster_verdict *v) {
    struct md_cluster_trace t;
    struct md_cluster_config c = config();
    read_trace(&t, text);
    if (!md_cluster_run_fresh(&c, &t, v))
        fail_msg("%s", md_buf_cstr(&v->reason));
    md_cluster_trace_free(&t);
}

/* ---- traces ---------------------------------------------------------------------------------- */

static void test_traces_round_trip(void **state) {
    struct md_cluster_trace t, again;
    struct md_cluster_wish wish = {0};
    struct md_trace_error error;
    (void)state;
    md_cluster_trace_init(&t);
    md_cluster_trace_init(&again);
    for (uint64_t i = 0; i < 500; i++) {
        struct md_buf one = {0}, two = {0};
        md_cluster_generate(&t, 7, i, &wish);
        md_cluster_trace_print(&t, &one);
        if (!md_cluster_trace_parse(&again, one.data, one.len, &error))
            fail_msg("%s\n%u:%u: %s", md_buf_cstr(&one), error.line, error.column, error.message);
        md_cluster_trace_print(&again, &two);
        assert_string_equal(md_buf_cstr(&one), md_buf_cstr(&two));
        md_buf_free(&one);
        md_buf_free(&two);
    }
    md_cluster_trace_free(&t);
    md_cluster_trace_free(&again);
}

#define NINES "99999999999999999999999999999999999999999999999999"

static void test_bad_traces_are_refused(void **state) {
    static const struct {
        const char *text;
        unsigned line, column;
    } bad[] = {
        {"", 0, 0},
        {"memdiverge-trace 1\n", 1, 1},
        {"memdiverge-cluster 2\n", 1, 1},
        {"memdiverge-cluster 1\nnodes 17\n", 2, 7},
        {"memdiverge-cluster 1\nnodes 2 weights=1\n", 2, 18},
        {"memdiverge-cluster 1\nnodes 2 listen=0.0.0.0\n", 2, 9},
        {"memdiverge-cluster 1\nclient hash=nonsense\n", 2, 13},
        {"memdiverge-cluster 1\nclient distribution=jump\n", 2, 21},
        {"memdiverge-cluster 1\nclient poll-timeout=1\n", 2, 21},
        {"memdiverge-cluster 1\nget a\nnodes 3\n", 3, 1},
        {"memdiverge-cluster 1\nset a\n", 2, 6},
        {"memdiverge-cluster 1\nset a@9 v\n", 2, 7},
        {"memdiverge-cluster 1\nget a\\x0d\\x0a\n", 2, 5},
        {"memdiverge-cluster 1\nget a b\n", 2, 7},
        {"memdiverge-cluster 1\nclient prefix=p\nget " NINES NINES NINES NINES NINES "\n", 3, 5},
        {"memdiverge-cluster 1\nkill 99\n", 2, 6},
        {"memdiverge-cluster 1\nexec /bin/sh\n", 2, 1},
    };
    struct md_cluster_trace t;
    (void)state;
    md_cluster_trace_init(&t);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct md_trace_error error = {0};
        assert_false(md_cluster_trace_parse(&t, bad[i].text, strlen(bad[i].text), &error));
        if (bad[i].line && (error.line != bad[i].line || error.column != bad[i].column))
            fail_msg("%s: at %u:%u: %s", bad[i].text, error.line, error.column, error.message);
    }
    md_cluster_trace_free(&t);
}

/* ---- the model: planted faults ---------------------------------------------------------------- */

struct judge {
    struct md_cluster_model *m;
    struct md_cm_held held;
    struct md_cm_key key;
    char kinds[512];
};

static void take_report(void *ctx, bool hazard, const char *kind, const char *text) {
    struct judge *j = ctx;
    (void)text;
    size_t n = strlen(j->kinds);
    snprintf(j->kinds + n, sizeof j->kinds - n, "%s%s ", hazard ? "~" : "", kind);
}

/* Two servers; the key belongs to place `home`, given back. */
static unsigned judge_start(struct judge *j, struct md_cm_config c) {
    struct md_server servers[2] = {{.host = "127.0.0.1", .port = 1},
                                   {.host = "127.0.0.2", .port = 1}};
    uint32_t places[2] = {0, 1};
    *j = (struct judge){.key = {.number = 0, .bytes = "key", .len = 3}};
    j->key.held = &j->held;
    c.placement.distribution = MD_DIST_CONSISTENT;
    c.report = take_report;
    c.ctx = j;
    j->m = md_cm_new(&c);
    md_cm_list(j->m, servers, places, 2);
    for (unsigned i = 0; i < MD_CM_PLACES; i++)
        j->held.after[i] = i < 2 ? MD_CM_NOTHING : MD_CM_UNKNOWN;
    struct md_placement *p = md_placement_new(&c.placement, servers, 2);
    unsigned home = md_placement_of(p, "key", 3);
    md_placement_free(p);
    return home;
}

static void judge_says(struct judge *j, const char *kinds) {
    assert_string_equal(j->kinds, kinds);
    j->kinds[0] = 0;
}

static int judge_sets(struct judge *j, unsigned place) {
    int write = md_cm_begin(j->m, 0);
    j->held.after[place] = write;
    md_cm_set(j->m, &j->key, write, MD_SEEN_OK);
    return write;
}

static void test_wrong_places_are_found(void **state) {
    struct judge j;
    (void)state;
    unsigned home = judge_start(&j, (struct md_cm_config){0});
    judge_sets(&j, home);
    judge_says(&j, "");
    j.held.after[home] = MD_CM_NOTHING;
    judge_sets(&j, 1 - home);
    judge_says(&j, "placement ");
    int write = md_cm_begin(j.m, 0);
    j.held.after[0] = j.held.after[1] = write;
    md_cm_set(j.m, &j.key, write, MD_SEEN_OK);
    assert_non_null(strstr(j.kinds, "on-two-nodes "));
    j.kinds[0] = 0;
    write = md_cm_begin(j.m, 0);
    md_cm_set(j.m, &j.key, write, MD_SEEN_OK);
    judge_says(&j, "acknowledged-and-lost:set ");
    md_cm_free(j.m);
}

static void test_wrong_values_are_found(void **state) {
    struct judge j;
    (void)state;
    unsigned home = judge_start(&j, (struct md_cm_config){0});
    int first = judge_sets(&j, home), second = judge_sets(&j, home);
    md_cm_get(j.m, &j.key, MD_SEEN_OK, second);
    judge_says(&j, "");
    md_cm_get(j.m, &j.key, MD_SEEN_OK, MD_CM_OTHER_KEY);
    judge_says(&j, "another-keys-value:get ");
    md_cm_get(j.m, &j.key, MD_SEEN_OK, MD_CM_INVENTED);
    judge_says(&j, "invented-value:get ");
    md_cm_get(j.m, &j.key, MD_SEEN_OK, first);
    judge_says(&j, "value-from-nowhere:get stale-without-failure:get ");
    md_cm_get(j.m, &j.key, MD_SEEN_MISS, MD_CM_NOTHING);
    judge_says(&j, "miss-but-held:get ");
    md_cm_get(j.m, &j.key, MD_SEEN_TIMEOUT, MD_CM_NOTHING);
    judge_says(&j, "error-without-failure:get:timeout ");
    md_cm_free(j.m);
}

static void test_failures_allow_what_they_explain(void **state) {
    struct judge j;
    (void)state;
    unsigned home = judge_start(&j, (struct md_cm_config){.retry_timeout = 2});
    judge_sets(&j, home);
    md_cm_happens(j.m, home, MD_CM_KILL);
    j.held.after[home] = MD_CM_UNKNOWN;
    md_cm_get(j.m, &j.key, MD_SEEN_UNREACHABLE, MD_CM_NOTHING);
    md_cm_get(j.m, &j.key, MD_SEEN_DISABLED, MD_CM_NOTHING);
    judge_says(&j, "");
    md_cm_get(j.m, &j.key, MD_SEEN_MISS, MD_CM_NOTHING);
    judge_says(&j, "miss-instead-of-error:get ");
    int none = MD_CM_NOTHING;
    md_cm_mget(j.m, &j.key, &none, 1, MD_SEEN_OK);
    judge_says(&j, "mget-silent ");
    md_cm_happens(j.m, home, MD_CM_RESTART);
    j.held.after[home] = MD_CM_NOTHING;
    md_cm_get(j.m, &j.key, MD_SEEN_DISABLED, MD_CM_NOTHING);
    md_cm_clock(j.m, 4); /* its timeout, a second, and one call that may still fail */
    md_cm_get(j.m, &j.key, MD_SEEN_DISABLED, MD_CM_NOTHING);
    judge_says(&j, "");
    md_cm_get(j.m, &j.key, MD_SEEN_DISABLED, MD_CM_NOTHING);
    judge_says(&j, "never-recovers:disabled ");
    md_cm_free(j.m);
}

/* A node that refuses connections: the failure limit and two errors, then it has to be out. */
static void test_a_node_is_ejected_in_time(void **state) {
    struct judge j;
    (void)state;
    unsigned home = judge_start(
        &j, (struct md_cm_config){.auto_eject = true, .failure_limit = 1, .retry_timeout = 2});
    md_cm_happens(j.m, home, MD_CM_KILL);
    j.held.after[home] = MD_CM_UNKNOWN;
    for (int i = 0; i < 3; i++)
        md_cm_get(j.m, &j.key, i > 1 ? MD_SEEN_DISABLED : MD_SEEN_UNREACHABLE, MD_CM_NOTHING);
    judge_says(&j, "");
    md_cm_get(j.m, &j.key, MD_SEEN_DISABLED, MD_CM_NOTHING);
    judge_says(&j, "never-ejected:refused ");
    md_cm_free(j.m);
}

static int judge_deletes(struct judge *j, enum md_seen seen) {
    int write = md_cm_begin(j->m, 0);
    md_cm_delete(j->m, &j->key, write, seen);
    return write;
}

static void test_lost_deletes_are_found(void **state) {
    struct judge j;
    (void)state;
    unsigned home = judge_start(&j, (struct md_cm_config){.noreply = true});
    int value = judge_sets(&j, home);
    judge_deletes(&j, MD_SEEN_OK);
    judge_says(&j, "lost-without-failure:noreply-delete ");
    j.held.after[home] = MD_CM_NOTHING;
    judge_deletes(&j, MD_SEEN_OK);
    judge_says(&j, "");
    md_cm_get(j.m, &j.key, MD_SEEN_OK, value); /* deleted, as nobody can doubt */
    judge_says(&j, "value-from-nowhere:get stale-without-failure:get ");
    md_cm_free(j.m);
    home = judge_start(&j, (struct md_cm_config){.buffer = true});
    judge_sets(&j, home);
    judge_deletes(&j, MD_SEEN_BUFFERED);
    judge_says(&j, "");
    md_cm_flushed(j.m, &j.key, 1, MD_SEEN_OK);
    judge_says(&j, "buffered-and-lost:delete ");
    judge_deletes(&j, MD_SEEN_BUFFERED);
    j.held.after[home] = MD_CM_NOTHING;
    md_cm_flushed(j.m, &j.key, 1, MD_SEEN_OK);
    judge_says(&j, "");
    md_cm_free(j.m);
}

/* A fault that is known excuses what it leads to, and nothing else. */
static void test_known_faults_hide_no_others(void **state) {
    static const char *const news[] = {
        "client-died:get:binary:quiet-delete:noreply",
        "client-hangs:get:binary:failed-mget",
        "blocks-too-long:get:binary:quiet-delete:noreply",
        "acknowledged-and-lost:set:binary:failed-mget",
        "deleted-but-held:binary:failed-mget",
        "wrong-flags:binary:quiet-delete:noreply",
        "invented-value:get:binary:quiet-delete:noreply",
        "never-ejected:refused:text",
        "never-recovers:marked-dead:text",
        "buffered-and-lost:delete:text",
    };
    (void)state;
    for (size_t i = 0; i < sizeof news / sizeof *news; i++)
        if (md_cluster_known(news[i]))
            fail_msg("%s is known as %s", news[i], md_cluster_known(news[i])->id);
    assert_non_null(md_cluster_known("another-keys-value:get:binary:quiet-delete:noreply"));
    assert_non_null(md_cluster_known("never-ejected:text"));
}

static void test_stale_reads_are_hazards(void **state) {
    struct judge j;
    (void)state;
    unsigned home = judge_start(&j, (struct md_cm_config){.auto_eject = true, .failure_limit = 1});
    int old = judge_sets(&j, home);
    md_cm_happens(j.m, home, MD_CM_STOP);
    j.held.after[home] = MD_CM_UNKNOWN;
    judge_sets(&j, 1 - home); /* ejected: its keys go elsewhere */
    judge_says(&j, "");
    md_cm_happens(j.m, home, MD_CM_CONTINUE);
    j.held.after[home] = old;
    md_cm_get(j.m, &j.key, MD_SEEN_OK, old);
    judge_says(&j, "~stale-read:eject:continue ");
    md_cm_free(j.m);
}

/* ---- real nodes ------------------------------------------------------------------------------ */

/* What its "# shows" line names; "nothing": it must show nothing. */
static void check_known_trace(const char *path) {
    struct md_cluster_trace t;
    struct md_trace_error error;
    struct md_cluster_verdict v = {0};
    struct md_cluster_config c = config();
    struct md_buf text = {0}, why = {0};
    char kind[MD_CLUSTER_KIND_MAX] = "";
    md_cluster_trace_init(&t);
    assert_true(md_artifact_read(path, 1 << 20, &text, &why));
    const char *line = strstr(md_buf_cstr(&text), "\n# shows ");
    assert_non_null(line);
    sscanf(line, "\n# shows %127s", kind);
    if (!md_cluster_trace_load(&t, path, &error))
        fail_msg("%s:%u:%u: %s", path, error.line, error.column, error.message);
    bool shown = false, nothing = strcmp(kind, "nothing") == 0;
    for (int tries = 0; tries < 5 && !shown && (tries == 0 || !nothing); tries++) {
        if (!md_cluster_run_fresh(&c, &t, &v))
            fail_msg("%s: %s", path, md_buf_cstr(&v.reason));
        shown = md_cluster_found(&v, kind) != NULL;
    }
    if (nothing ? v.n_findings : !shown)
        fail_msg("%s: %s, but it shows %s", path, kind,
                 v.n_findings ? v.findings[0].kind : "nothing");
    const struct md_cluster_finding *f = md_cluster_found(&v, kind);
    assert_true(nothing || f->hazard || md_cluster_known(kind));
    md_cluster_trace_free(&t);
    md_cluster_verdict_free(&v);
    md_buf_free(&text);
    md_buf_free(&why);
}

static void test_known_traces_show_it(void **state) {
    char folder[4096], path[8192];
    unsigned n = 0;
    (void)state;
    snprintf(folder, sizeof folder, "%s/cluster", getenv("MEMDIVERGE_CORPUS"));
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".trace")) {
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            check_known_trace(path);
            n++;
        }
    closedir(d);
    assert_true(n >= 5);
}

/* The same keys, whichever way the settings were reached, in both protocols, are where the model
 * says: the nodes themselves are asked. */
static void test_keys_are_where_the_model_says(void **state) {
    struct md_cluster_verdict v = {0};
    char text[512];
    (void)state;
    for (unsigned d = 0; d <= MD_DIST_VIRTUAL_BUCKET; d++)
        for (unsigned reach = d; reach < MD_REACHES; reach += 5) {
            if (reach >= MD_REACH_STRING && d > MD_DIST_CONSISTENT)
                continue;
            if (reach == MD_REACH_KETAMA && d != MD_DIST_CONSISTENT && d != MD_DIST_KETAMA_WEIGHTED)
                continue;
            snprintf(text, sizeof text,
                     "memdiverge-cluster 1\nnodes %u ports=%s\nclient distribution=%s hash=%s "
                     "reach=%s poll-timeout=5000 connect-timeout=5000 %s\n"
                     "set a@0 one\nset b@1 two\nset c@2 three\nset d four\nset e five\n"
                     "mget a@0 b@1 c@2 d e f\ndelete a@0\nget a@0\n",
                     3 + d % 2, md_ports_id((enum md_ports)(reach % MD_PORTS)),
                     md_distribution_id((enum md_distribution)d),
                     md_key_hash_id((enum md_key_hash)(reach % MD_HASH_MURMUR3)),
                     md_reach_id((enum md_reach)reach), reach % 2 ? "binary" : "prefix=n: ");
            run(text, &v);
            for (size_t i = 0; i < v.n_findings; i++)
                if (!v.findings[i].hazard)
                    fail_msg("%s%s: %s", text, v.findings[i].kind, v.findings[i].text);
        }
    assert_true(v.asked > 100 && v.hits > 60);
    md_cluster_verdict_free(&v);
}

/* An hour of retry timeouts passes in no time, and the client comes back. */
static void test_timers_pass_at_once(void **state) {
    struct md_cluster_verdict v = {.tell = true};
    uint64_t from = md_now_ns();
    (void)state;
    run("memdiverge-cluster 1\nnodes 2\nclient distribution=consistent hash=md5 retry-timeout=3600 "
        "connect-timeout=5000 poll-timeout=5000\n"
        "set a@0 one\nkill 0\nget a@0\nget a@0\nrestart 0\nget a@0\nclock 3602\nget a@0\n"
        "set a@0 two\nget a@0\n",
        &v);
    assert_int_equal(v.n_findings, 0);
    assert_non_null(strstr(md_buf_cstr(&v.story), "-> disabled"));
    assert_int_equal(v.hits, 3);
    assert_true(md_now_ns() - from < UINT64_C(60000000000));
    md_cluster_verdict_free(&v);
}

static void test_blocks_of_addresses_are_apart(void **state) {
    struct md_cluster a = {.claim = -1}, b = {.claim = -1};
    struct md_cluster_config c = config();
    (void)state;
    assert_true(md_cluster_start(&a, &c, 2, MD_PORTS_SAME, NULL));
    assert_true(md_cluster_start(&b, &c, 2, MD_PORTS_SAME, NULL));
    assert_int_not_equal(a.block, b.block);
    assert_string_not_equal(a.places[0].server.host, b.places[0].server.host);
    md_cluster_free(&a);
    md_cluster_free(&b);
}

static void test_shrinking_keeps_the_kind(void **state) {
    struct md_cluster_trace t;
    struct md_cluster_shrunk shrunk;
    struct md_cluster_config c = config();
    struct md_cluster_verdict v = {0};
    (void)state;
    read_trace(&t,
               "memdiverge-cluster 1\nnodes 3\nclient distribution=modula hash=crc prefix=x: "
               "sort-hosts retry-timeout=1\nset a@0 one\nset b@1 two\nget b@1\nkill 0\nclock 1\n"
               "set d four\nmget b@1 a@0 d\nget b@1\nget b@1\n");
    assert_true(md_cluster_shrink(&c, &t, "mget-silent:text", 1, 60000, &shrunk));
    assert_true(t.n_steps <= 3 && shrunk.runs > 3);
    assert_true(md_cluster_run_fresh(&c, &t, &v));
    assert_non_null(md_cluster_found(&v, "mget-silent:text"));
    md_cluster_verdict_free(&v);
    md_cluster_trace_free(&t);
}

/* ---- the client's process -------------------------------------------------------------------- */

/* A server that takes connections and never says anything. */
static int listen_silently(struct md_server *s) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0 && listen(fd, 8) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    *s = (struct md_server){.host = "127.0.0.1", .port = ntohs(a.sin_port), .weight = 1};
    return fd;
}

static void test_a_call_that_does_not_return_is_told(void **state) {
    struct md_client_settings settings;
    struct md_client_reply reply = {0};
    struct md_server server;
    struct md_client *c;
    struct md_client_key key = {"k", 1};
    struct md_client_request q = {.op = MD_OP_GET, .keys = &key, .n_keys = 1};
    int fd = listen_silently(&server);
    (void)state;
    md_client_settings_default(&settings);
    settings.poll_timeout = 5000;
    assert_int_equal(md_client_open(&settings, &server, 1, &c), MD_CLIENT_OK);
    assert_int_equal(md_client_do(c, &q, 100, &reply), MD_CLIENT_HANGS);
    assert_int_equal(md_client_do(c, &q, 100, &reply), MD_CLIENT_DIED);
    assert_non_null(strstr(md_client_death(c), "SIGKILL"));
    md_client_close(c);
    settings.poll_timeout = 50;
    assert_int_equal(md_client_open(&settings, &server, 1, &c), MD_CLIENT_OK);
    assert_int_equal(md_client_do(c, &q, 5000, &reply), MD_CLIENT_OK);
    assert_int_equal(reply.rc, MEMCACHED_TIMEOUT);
    md_client_close(c);
    md_client_reply_free(&reply);
    close(fd);
}

static void test_a_refused_client_says_why(void **state) {
    struct md_client_settings settings;
    struct md_server server = {.host = "127.0.0.1", .port = 1, .weight = 1};
    struct md_client *c;
    (void)state;
    md_client_settings_default(&settings);
    settings.distribution = MD_DIST_JUMP;
    assert_int_equal(md_client_open(&settings, &server, 1, &c), MD_CLIENT_DIED);
    assert_non_null(strstr(md_client_death(c), "no client"));
    md_client_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_traces_round_trip),
        cmocka_unit_test(test_bad_traces_are_refused),
        cmocka_unit_test(test_wrong_places_are_found),
        cmocka_unit_test(test_wrong_values_are_found),
        cmocka_unit_test(test_failures_allow_what_they_explain),
        cmocka_unit_test(test_a_node_is_ejected_in_time),
        cmocka_unit_test(test_lost_deletes_are_found),
        cmocka_unit_test(test_known_faults_hide_no_others),
        cmocka_unit_test(test_stale_reads_are_hazards),
        cmocka_unit_test(test_known_traces_show_it),
        cmocka_unit_test(test_keys_are_where_the_model_says),
        cmocka_unit_test(test_timers_pass_at_once),
        cmocka_unit_test(test_blocks_of_addresses_are_apart),
        cmocka_unit_test(test_shrinking_keeps_the_kind),
        cmocka_unit_test(test_a_call_that_does_not_return_is_told),
        cmocka_unit_test(test_a_refused_client_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
