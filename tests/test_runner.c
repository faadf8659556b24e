/*
 * The runner against a node that is not there: harness/node.h is played here by a second model, which can
 * be told to lie. So every kind of divergence, and contract C1 (a choice turned around in the middle of
 * a batch), is tried without a process, and nothing depends on what a real memcached does.
 */
#include "harness/compare.h"
#include "harness/runner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* ---- the node that is played ------------------------------------------------------------------ */

struct md_node {
    struct md_model *m;
    bool open[MD_NODE_CONNECTIONS];
    bool down;
};

/* What the next nodes do wrong. Reset by each test. */
static struct {
    const char *instead_of, *say;   /* replaces a reply text */
    struct md_choice_ref prefer[4]; /* takes the other alternative at these commands */
    unsigned prefers;
    enum md_node_status status; /* what an exchange that holds `trigger` ends with */
    const char *trigger;
    unsigned started, restarted;
    bool keeps;  /* a restart keeps all items */
    bool remote; /* what is started was there before us */
} lie;

enum md_node_status md_node_start(const struct md_node_config *config,
                                  const struct md_node_options *options, bool wait,
                                  struct md_node **out) {
    (void)config;
    (void)wait;
    bool exact;
    struct md_node *n = md_calloc(1, sizeof *n);
    n->m = md_model_new(md_profile_find("1.6.18", &exact), &options->model, MD_START_TIME);
    for (unsigned i = 0; i < lie.prefers; i++)
        md_model_prefer(n->m, lie.prefer[i], 1);
    lie.started++;
    *out = n;
    return MD_NODE_OK;
}

enum md_node_status md_node_ready(struct md_node *n) {
    (void)n;
    return MD_NODE_OK;
}

void md_node_free(struct md_node *n) {
    if (!n)
        return;
    md_model_free(n->m);
    free(n);
}

const char *md_node_error(const struct md_node *n) {
    (void)n;
    return "told to";
}

void md_node_stderr(struct md_node *n, struct md_buf *out) {
    (void)n;
    md_buf_str(out, "last words");
}

const char *md_node_version(const struct md_node *n) {
    (void)n;
    return "1.6.18";
}

static unsigned model_conn(unsigned conn) {
    return conn == MD_NODE_CONTROL ? MD_CONNECTIONS_MAX - 1 : conn;
}

enum md_node_status md_node_open(struct md_node *n, unsigned conn) {
    assert_false(n->down);
    n->open[conn] = true;
    if (!md_model_is_open(n->m, model_conn(conn)))
        md_model_open(n->m, model_conn(conn));
    return MD_NODE_OK;
}

bool md_node_is_open(const struct md_node *n, unsigned conn) { return n->open[conn]; }

enum md_node_status md_node_close(struct md_node *n, unsigned conn) {
    n->open[conn] = false;
    md_model_close(n->m, model_conn(conn));
    return MD_NODE_OK;
}

/* Nothing comes later here, and nobody is told to end. */
enum md_node_status md_node_settle(struct md_node *n, unsigned conn, size_t max_reply,
                                   struct md_buf *replies) {
    (void)n;
    (void)conn;
    (void)max_reply;
    (void)replies;
    return MD_NODE_OK;
}

enum md_node_status md_node_await(struct md_node *n, unsigned conn, size_t max_reply,
                                  struct md_buf *replies) {
    (void)n;
    (void)conn;
    (void)max_reply;
    (void)replies;
    return MD_NODE_HANGS;
}

enum md_node_status md_node_ended(struct md_node *n) {
    n->down = true;
    return MD_NODE_OK;
}

enum md_node_status md_node_shutdown(struct md_node *n, unsigned conn, struct md_buf *replies) {
    (void)replies;
    return md_node_close(n, conn);
}

enum md_node_status md_node_advance(struct md_node *n, uint32_t seconds) {
    md_model_advance(n->m, seconds);
    return MD_NODE_OK;
}

void md_node_barrier(struct md_node *n) { (void)n; }

void md_node_goodbye(struct md_node *n) { (void)n; }

void md_node_barrier_text(struct md_node *n, const struct md_buf *text,
                          const struct md_buf *reply) {
    (void)n;
    (void)text;
    (void)reply;
}

bool md_node_is_remote(const struct md_node *n) {
    (void)n;
    return lie.remote;
}

enum md_node_status md_node_kill(struct md_node *n) {
    for (unsigned i = 0; i < MD_NODE_CONNECTIONS; i++)
        n->open[i] = false;
    n->down = true;
    return MD_NODE_OK;
}

enum md_node_status md_node_restart(struct md_node *n) {
    md_node_kill(n);
    n->down = false;
    lie.restarted++;
    for (unsigned i = 0; i < MD_CONNECTIONS_MAX; i++)
        if (md_model_is_open(n->m, i))
            md_model_close(n->m, i);
    if (!lie.keeps)
        md_model_reboot(n->m);
    return MD_NODE_OK;
}

static void append_with_lie(struct md_buf *to, struct md_buf *from) {
    char *at = lie.instead_of ? strstr(md_buf_cstr(from), lie.instead_of) : NULL;
    if (!at) {
        md_buf_append(to, from->data, from->len);
        return;
    }
    size_t before = (size_t)(at - (char *)from->data), skip = strlen(lie.instead_of);
    md_buf_append(to, from->data, before);
    md_buf_str(to, lie.say);
    md_buf_append(to, from->data + before + skip, from->len - before - skip);
}

/* Enough of a reply to `stats` for the sweep: the model's own numbers are not at hand here. */
enum md_node_status md_node_exchange(struct md_node *n, unsigned conn, const void *bytes,
                                     size_t len, size_t max_reply, struct md_buf *replies) {
    (void)max_reply;
    struct md_reply r = {0};
    if (lie.trigger && memmem(bytes, len, lie.trigger, strlen(lie.trigger)))
        return lie.status;
    if (!n->open[conn])
        md_node_open(n, conn);
    assert_int_equal(md_model_feed(n->m, model_conn(conn), bytes, len, &r), MD_FEED_OK);
    append_with_lie(replies, &r.bytes);
    bool closed = r.closed;
    n->open[conn] = !closed;
    md_reply_free(&r);
    return closed ? MD_NODE_CLOSED : MD_NODE_OK;
}

/* ---- helpers -------------------------------------------------------------------------------------- */

struct fixture {
    struct md_runner *r;
    struct md_trace t;
    struct md_verdict v;
};

static void make(struct fixture *f, enum md_oracle oracle) {
    struct md_buf why = {0};
    struct md_runner_config c = {.oracle = oracle};
    md_runner_free(f->r);
    f->r = md_runner_new(&c, &why);
    assert_non_null(f->r);
    md_buf_free(&why);
}

static int setup(void **state) {
    struct fixture *f = md_calloc(1, sizeof *f);
    memset(&lie, 0, sizeof lie);
    md_trace_init(&f->t);
    make(f, MD_ORACLE_EXACT);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    md_runner_free(f->r);
    md_trace_free(&f->t);
    md_verdict_free(&f->v);
    free(f);
    return 0;
}

static void trace(struct fixture *f, const char *text) {
    struct md_trace_error e = {0};
    if (!md_trace_parse(&f->t, text, strlen(text), &e))
        fail_msg("%u:%u: %s", e.line, e.column, e.message);
}

static void expect(struct fixture *f, enum md_verdict_kind kind, const char *signature) {
    assert_int_equal(md_runner_run(f->r, &f->t, &f->v), kind);
    assert_string_equal(f->v.signature, signature);
}

/* ---- tests ---------------------------------------------------------------------------------------- */

static void agrees(void **state) {
    struct fixture *f = *state;
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\nget a\\r\\n\"\n"
             "clock 5\nsend 1 \"gets a b\\r\\nquit\\r\\n\"\nclose 0\n");
    for (int i = 0; i < 3; i++)
        expect(f, MD_AGREE, "");
    assert_int_equal(md_runner_counts(f->r)->hits, 6);
    assert_int_equal(lie.started, 2); /* one in use, one ahead: reused three times */
}

static void wrong_reply(void **state) {
    struct fixture *f = *state;
    lie.instead_of = "NOT_FOUND";
    lie.say = "DELETED";
    trace(f, "memdiverge-trace 1\nsend 0 \"get a\\r\\ndelete a\\r\\nget a\\r\\n\"\n");
    expect(f, MD_DIVERGED, "delete.reply.deleted-instead-of-not-found.delete-miss");
    assert_string_equal(md_buf_cstr(&f->v.expected), "NOT_FOUND\r\n");
    assert_string_equal(md_buf_cstr(&f->v.observed), "DELETED\r\n");
    struct md_verdict again = {0};
    assert_true(md_runner_confirm(f->r, &f->t,
                                  "delete.reply.deleted-instead-of-not-found."
                                  "delete-miss",
                                  &again));
    lie.instead_of = NULL;
    assert_false(md_runner_confirm(f->r, &f->t, f->v.signature, &again));
    md_verdict_free(&again);
}

static void reply_missing(void **state) {
    struct fixture *f = *state;
    lie.instead_of = "TOUCHED\r\n";
    lie.say = "";
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\ntouch a 0\\r\\n\"\n");
    expect(f, MD_DIVERGED, "touch.reply.missing.touched");
}

static void reply_surplus(void **state) {
    struct fixture *f = *state;
    lie.instead_of = "END\r\n";
    lie.say = "END\r\nEND\r\n";
    trace(f, "memdiverge-trace 1\nsend 0 \"get a\\r\\n\"\n");
    expect(f, MD_DIVERGED, "get.reply.surplus-after.any");
}

/* The reply to `get` stands on what the decr chose 50 commands earlier. */
static void turned_choice(void **state) {
    struct fixture *f = *state;
    struct md_buf text = {0};
    md_buf_str(&text, "memdiverge-trace 1\nsend 0 \"set n 0 0 3\\r\\n100\\r\\n\"\nsend 0 \"");
    for (int i = 0; i < 100; i++)
        md_buf_str(&text, i == 49                ? "decr n 1\\r\\n"
                          : i > 49 && i % 7 == 0 ? "get n\\r\\n"
                                                 : "touch n 0\\r\\n");
    md_buf_str(&text, "append n 0 0 1\\r\\n0\\r\\nincr n 1\\r\\nget n\\r\\n\"\n");
    lie.prefers = 1;
    lie.prefer[0] = (struct md_choice_ref){.ordinal = 50, .choice = MD_CHOICE_PADDING};
    make(f, MD_ORACLE_EXACT);
    trace(f, md_buf_cstr(&text));
    expect(f, MD_AGREE, "");
    assert_int_equal(md_runner_counts(f->r)->choices_turned, 1);
    md_buf_free(&text);
}

/* One reply stands on two choices, both fall the other way, and one key is asked for often. */
static void two_turned_choices(void **state) {
    struct fixture *f = *state;
    lie.prefers = 2;
    lie.prefer[0] = (struct md_choice_ref){.ordinal = 2, .choice = MD_CHOICE_PADDING};
    lie.prefer[1] = (struct md_choice_ref){.ordinal = 3, .choice = MD_CHOICE_PADDING};
    make(f, MD_ORACLE_EXACT);
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 2\\r\\n10\\r\\nset b 0 0 2\\r\\n10\\r\\n\"\n"
             "send 0 \"decr a 1\\r\\ndecr b 1\\r\\n\"\n"
             "send 0 \"get a a a a a a a a a b\\r\\nget b a\\r\\n\"\n");
    expect(f, MD_AGREE, "");
    assert_int_equal(md_runner_counts(f->r)->choices_turned, 2);
}

/* A difference that no choice explains is told even where a choice is near. */
static void not_explained_by_choice(void **state) {
    struct fixture *f = *state;
    lie.instead_of = "9 \r\n";
    lie.say = "99\r\n";
    trace(f, "memdiverge-trace 1\nsend 0 \"set n 0 0 2\\r\\n10\\r\\ndecr n 1\\r\\nget n\\r\\n\"\n");
    expect(f, MD_DIVERGED, "get.data.differs.get-hit");
}

static void node_trouble(void **state) {
    struct fixture *f = *state;
    static const struct {
        enum md_node_status status;
        const char *signature;
    } table[] = {{MD_NODE_DIED, "node.died.get"},
                 {MD_NODE_HANGS, "node.hangs.get"},
                 {MD_NODE_FLOOD, "node.floods.get"}};
    trace(f, "memdiverge-trace 1\nsend 0 \"get boom\\r\\n\"\n");
    lie.trigger = "boom";
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        lie.status = table[i].status;
        expect(f, MD_DIVERGED, table[i].signature);
        assert_string_equal(md_buf_cstr(&f->v.stderr_tail), "last words");
    }
    lie.status = MD_NODE_ENV;
    expect(f, MD_FAILED, "");
}

static void closed_or_not(void **state) {
    struct fixture *f = *state;
    lie.trigger = "get a";
    lie.status = MD_NODE_CLOSED;
    trace(f, "memdiverge-trace 1\nsend 0 \"get a\\r\\n\"\n");
    expect(f, MD_DIVERGED, "get.reply.missing.get-miss");
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 5 noreply\\r\\nx\"\nsend 0 \"get a\"\n");
    expect(f, MD_DIVERGED, "connection.closed.none");
}

static void strict_tells_quirks(void **state) {
    struct fixture *f = *state;
    trace(f, "memdiverge-trace 1\nsend 0 \"set a +1 0 1\\r\\nx\\r\\n\"\n");
    expect(f, MD_AGREE, "");
    make(f, MD_ORACLE_STRICT);
    expect(f, MD_DIVERGED, "quirk.number-lenient");
    assert_string_equal(md_buf_cstr(&f->v.observed), "STORED\r\n");
    assert_string_equal(md_buf_cstr(&f->v.expected), "CLIENT_ERROR bad command line format\r\n");
}

/* A wrong state that no command of the trace looks at shows in the sweep, and the extended trace has
 * it among its own steps. */
static void sweep(void **state) {
    struct fixture *f = *state;
    lie.instead_of = "VALUE a 7";
    lie.say = "VALUE a 8";
    trace(f, "memdiverge-trace 1\nsend 3 \"set a 7 0 1\\r\\nx\\r\\n\"\n");
    expect(f, MD_AGREE, "");
    md_runner_sweep(f->r, true);
    assert_int_equal(md_runner_run(f->r, &f->t, &f->v), MD_DIVERGED);
    assert_true(f->v.in_sweep);
    md_runner_extend(f->r, &f->t);
    md_runner_sweep(f->r, false);
    expect(f, MD_DIVERGED, "gets.flags.differ.gets-hit");
    assert_false(f->v.in_sweep);
}

/* ---- nodes that are started for a trace ------------------------------------------------------ */

#define KEEPS_AN_ITEM                                                                              \
    "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\nrestart\nsend 0 \"get a\\r\\n\"\n"

static void expect_like(struct fixture *f, enum md_verdict_kind kind, const char *begin) {
    assert_int_equal(md_runner_run(f->r, &f->t, &f->v), kind);
    assert_memory_equal(f->v.signature, begin, strlen(begin));
}

static void nothing_survives_a_restart(void **state) {
    struct fixture *f = *state;
    trace(f, KEEPS_AN_ITEM);
    expect(f, MD_AGREE, "");
    lie.keeps = true;
    expect_like(f, MD_DIVERGED, "get.value.hit-instead-of-miss.");
}

/* What is sent or opened meanwhile goes nowhere; the clock moves; killed at the end is an end. */
static void killed(void **state) {
    struct fixture *f = *state;
    md_runner_sweep(f->r, true);
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 5\\r\\nx\"\nopen 1\nkill\n"
             "send 0 \"1234\\r\\n\"\nsend 2 \"get a\\r\\n\"\nopen 3\nclose 0\nshutdown 1\n"
             "clock 10\nkill\nsend 0 \"get a\\r\\n\"\n");
    expect(f, MD_AGREE, "");
    assert_int_equal(md_runner_counts(f->r)->commands, 0);
    assert_int_equal(md_model_now(md_runner_model(f->r)), MD_START_TIME + 10);
    lie.instead_of = "END"; /* the restarted node is looked at again */
    lie.say = "END.";
    trace(f, "memdiverge-trace 1\nkill\nsend 0 \"get a\\r\\n\"\nrestart\n"
             "send 0 \"get a\\r\\n\"\n");
    expect_like(f, MD_DIVERGED, "get.");
    assert_int_equal(f->v.step, 3);
    assert_int_equal(lie.restarted, 1);
}

/* The model is told everything again, restart included, where a choice is turned around. */
static void turned_choices_around_a_restart(void **state) {
    struct fixture *f = *state;
    lie.prefers = 2;
    lie.prefer[0] = (struct md_choice_ref){.ordinal = 1, .choice = MD_CHOICE_PADDING};
    lie.prefer[1] = (struct md_choice_ref){.ordinal = 5, .choice = MD_CHOICE_PADDING};
    make(f, MD_ORACLE_EXACT);
    trace(f, "memdiverge-trace 1\nsend 0 \"set n 0 0 2\\r\\n10\\r\\ndecr n 1\\r\\nget n\\r\\n\"\n"
             "restart\nsend 0 \"get n\\r\\nset n 0 0 2\\r\\n10\\r\\ndecr n 1\\r\\nget n\\r\\n\"\n");
    expect(f, MD_AGREE, "");
    assert_int_equal(md_runner_counts(f->r)->choices_turned, 2);
}

/* A restarted node is never used again, and the one in use is not touched. */
static void restarted_nodes_are_dropped(void **state) {
    struct fixture *f = *state;
    struct md_trace plain;
    struct md_trace_error e;
    static const char text[] = "memdiverge-trace 1\nsend 0 \"get a\\r\\n\"\n";
    md_trace_init(&plain);
    assert_true(md_trace_parse(&plain, text, sizeof text - 1, &e));
    trace(f, KEEPS_AN_ITEM);
    unsigned before = lie.started;
    for (unsigned i = 1; i <= 3; i++) {
        expect(f, MD_AGREE, "");
        assert_int_equal(lie.started, before + i); /* the spare taken is replaced */
        assert_int_equal(md_runner_run(f->r, &plain, &f->v), MD_AGREE);
        assert_int_equal(lie.started, before + i);
    }
    md_trace_free(&plain);
}

static void no_restart_of_remote_nodes(void **state) {
    struct fixture *f = *state;
    lie.remote = true;
    trace(f, KEEPS_AN_ITEM);
    expect(f, MD_SKIPPED, "");
    trace(f, "memdiverge-trace 1\nkill\n");
    expect(f, MD_SKIPPED, "");
    trace(f, "memdiverge-trace 1\nstop\n");
    expect(f, MD_SKIPPED, "");
    assert_int_equal(lie.restarted, 0);
}

/* A new node for each trace that may fill the memory; spares only for what comes again. */
static void tight_nodes(void **state) {
    struct fixture *f = *state;
    static const unsigned started[] = {1, 3, 5, 6, 7, 8}; /* spares ahead: 0, 1, 2, 2 ... */
    unsigned before = lie.started;
    trace(f, "memdiverge-trace 1\nnode -m 1 -I 512k\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\n");
    for (size_t i = 0; i < sizeof started / sizeof *started; i++) {
        const struct md_trace *const *window;
        expect(f, MD_AGREE, "");
        assert_int_equal(lie.started, before + started[i]);
        assert_int_equal(md_runner_window(f->r, &window), 1);
    }
    assert_int_equal(md_runner_counts(f->r)->resets, 0);
    before = lie.started;
    char text[] = "memdiverge-trace 1\nnode -m 1 -I 512k -n 1\nsend 0 \"get a\\r\\n\"\n";
    for (int i = 0; i < 9; i++) { /* each once: nothing is started in vain */
        strstr(text, "-n")[3] = (char)('1' + i);
        trace(f, text);
        expect(f, MD_AGREE, "");
    }
    assert_int_equal(lie.started, before + 9);
}

/*
 * Memory runs out on a node whose pages went elsewhere in the trace before: the verdict counts for
 * nothing, and the trace runs once more on a new node, counted once.
 */
static void pressed_on_a_used_node(void **state) {
    struct fixture *f = *state;
    struct md_trace big;
    struct md_trace_error e;
    struct md_buf text = {0};
    md_trace_init(&big);
    trace(f, "memdiverge-trace 1\nnode -m 64 -f 4\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\n");
    md_buf_str(&text, "memdiverge-trace 1\nnode -m 64 -f 4\n");
    for (int i = 0; i < 140; i++)
        md_buf_printf(&text, "send 0 \"set k%d 0 0 200000\\r\\n{fill 200000 61}\\r\\n\"\n", i);
    assert_true(md_trace_parse(&big, text.data, text.len, &e));
    expect(f, MD_AGREE, "");
    unsigned before = lie.started;
    struct md_counts counts = *md_runner_counts(f->r);
    const struct md_trace *const *window;
    assert_int_equal(md_runner_run(f->r, &big, &f->v), MD_AGREE);
    assert_true(md_model_pressed(md_runner_model(f->r)));
    assert_int_equal(lie.started, before + 2); /* and one ahead */
    assert_int_equal(md_runner_window(f->r, &window), 1);
    const struct md_counts *now = md_runner_counts(f->r);
    assert_int_equal(now->traces, counts.traces + 1);
    assert_int_equal(now->by_command[MD_CMD_SET], counts.by_command[MD_CMD_SET] + 140);
    expect(f, MD_AGREE, ""); /* the node that was used is gone too */
    assert_int_equal(md_runner_counts(f->r)->nodes_started, counts.nodes_started + 2);
    md_trace_free(&big);
    md_buf_free(&text);
}

static void unmodelled(void **state) {
    struct fixture *f = *state;
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\nsend 0 "
             "\"lru_crawler enable\\r\\nlru_crawler disable\\r\\nlru_crawler crawl all\\r\\n\"\n");
    expect(f, MD_UNMODELLED, "");
    trace(f, "memdiverge-trace 1\nsend 0 \"get a\\r\\n\"\n");
    expect(f, MD_AGREE, "");
}

static void reply_spans(void **state) {
    (void)state;
    static const struct {
        enum md_command_name name;
        const char *bytes;
        size_t span;
    } table[] = {
        {MD_CMD_GET, "END\r\nrest", 5},
        {MD_CMD_GET, "VALUE a 0 3\r\nx\r\n\r\nEND\r\nSTORED\r\n", 23},
        {MD_CMD_GET, "VALUE a 0 99999999999\r\nx\r\nEND\r\n", 23},
        {MD_CMD_GET, "VALUE a 0 9\r\nx", 13},
        {MD_CMD_SET, "STORED\r\nSTORED\r\n", 8},
        {MD_CMD_SET, "STOR", 0},
        {MD_CMD_STATS, "STAT a 1\r\nSTAT b 2\r\nEND\r\nx", 25},
        {MD_CMD_STATS, "", 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(
            md_reply_span(table[i].name, (const uint8_t *)table[i].bytes, strlen(table[i].bytes)),
            table[i].span);
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(agrees),
        T(wrong_reply),
        T(reply_missing),
        T(reply_surplus),
        T(turned_choice),
        T(two_turned_choices),
        T(not_explained_by_choice),
        T(node_trouble),
        T(closed_or_not),
        T(strict_tells_quirks),
        T(sweep),
        T(nothing_survives_a_restart),
        T(killed),
        T(turned_choices_around_a_restart),
        T(restarted_nodes_are_dropped),
        T(no_restart_of_remote_nodes),
        T(tight_nodes),
        T(pressed_on_a_used_node),
        T(unmodelled),
        cmocka_unit_test(reply_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
