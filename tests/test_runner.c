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
};

/* What the next nodes do wrong. Reset by each test. */
static struct {
    const char *instead_of, *say;   /* replaces a reply text */
    struct md_choice_ref prefer[4]; /* takes the other alternative at these commands */
    unsigned prefers;
    enum md_node_status status; /* what an exchange that holds `trigger` ends with */
    const char *trigger;
    unsigned started;
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

enum md_node_status md_node_shutdown(struct md_node *n, unsigned conn, struct md_buf *replies) {
    (void)replies;
    return md_node_close(n, conn);
}

enum md_node_status md_node_advance(struct md_node *n, uint32_t seconds) {
    md_model_advance(n->m, seconds);
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

static void unmodelled(void **state) {
    struct fixture *f = *state;
    trace(f, "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\nsend 0 \"mg a v\\r\\n\"\n");
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
        T(unmodelled),
        cmocka_unit_test(reply_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
