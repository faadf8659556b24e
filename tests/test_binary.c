/*
 * The binary protocol: the model by itself, byte for byte; requests and replies as the harness sees
 * them; and the seeds, which together make every rule of it fire.
 */
#include "harness/compare.h"
#include "harness/packets.h"
#include "harness/requests.h"
#include "tests/model_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static int setup(void **state) {
    *state = fixture_new(NULL);
    return 0;
}

/* ---- requests and replies as bytes ----------------------------------------------------------- */

struct bytes {
    uint8_t at[4096];
    size_t n;
};

struct asked {
    uint8_t opcode;
    const char *key;
    const uint8_t *extras;
    size_t n_extras;
    const char *value;
    uint32_t opaque;
    uint64_t cas;
};

static void put(struct bytes *b, const void *bytes, size_t n) {
    assert_true(b->n + n <= sizeof b->at);
    if (n)
        memcpy(b->at + b->n, bytes, n);
    b->n += n;
}

static void ask(struct bytes *b, const struct asked *a) {
    size_t n_key = a->key ? strlen(a->key) : 0, n_value = a->value ? strlen(a->value) : 0;
    struct md_packet p = {.magic = MD_PACKET_REQUEST,
                          .opcode = a->opcode,
                          .n_key = (uint16_t)n_key,
                          .n_extras = (uint8_t)a->n_extras,
                          .n_body = (uint32_t)(n_key + a->n_extras + n_value),
                          .opaque = a->opaque,
                          .cas = a->cas};
    uint8_t header[MD_PACKET_HEADER];
    md_packet_write(&p, header);
    put(b, header, sizeof header);
    put(b, a->extras, a->n_extras);
    put(b, a->key, n_key);
    put(b, a->value, n_value);
}

static const uint8_t plain[8];

#define ASK(...) ask(&b, &(struct asked){__VA_ARGS__})
#define STORE(op, k, v)                                                                            \
    ASK(.opcode = (op), .key = (k), .value = (v), .extras = plain, .n_extras = 8)

/* Feeds all that was asked; the reply in words. */
static const char *say(struct fixture *f, struct bytes *b, unsigned conn) {
    static char text[4096];
    struct md_buf words = {0};
    assert_int_equal(md_model_feed(f->m, conn, b->at, b->n, &f->r), MD_FEED_OK);
    b->n = 0;
    md_packets_words(f->r.bytes.data, f->r.bytes.len, &words);
    snprintf(text, sizeof text, "%s", md_buf_cstr(&words));
    md_buf_free(&words);
    return text;
}
#define SAYS(words) assert_string_equal(say(f, &b, 0), words)

/* ---- the model ------------------------------------------------------------------------------- */

static void layout(void **state) {
    struct fixture *f = *state;
    static const uint8_t request[] =
        "\x80\x01\x00\x05\x08\x00\x00\x00\x00\x00\x00\x12\x01\x02\x03\x04"
        "\x00\x00\x00\x00\x00\x00\x00\x00\xde\xad\xbe\xef\x00\x00\x0e\x10"
        "HelloWorld\x80\x0c\x00\x05\x00\x00\x00\x00\x00\x00\x00\x05"
        "\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00Hello";
    static const uint8_t reply[] =
        "\x81\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"
        "\x00\x00\x00\x00\x00\x00\x00\x01"
        "\x81\x0c\x00\x05\x04\x00\x00\x00\x00\x00\x00\x0e\x00\x00\x00\x09"
        "\x00\x00\x00\x00\x00\x00\x00\x01\xde\xad\xbe\xefHelloWorld";
    assert_int_equal(md_model_feed(f->m, 0, request, sizeof request - 1, &f->r), MD_FEED_OK);
    assert_int_equal(f->r.bytes.len, sizeof reply - 1);
    assert_memory_equal(f->r.bytes.data, reply, sizeof reply - 1);
    assert_int_equal(f->r.n_marks, 2); /* the CAS values */
    assert_int_equal(f->r.marks[0].offset, 16);
    assert_int_equal(f->r.marks[1].relative, 1);
}

/* Cut anywhere, the answers in all are the same. */
static void fragments(void **state) {
    struct fixture *f = *state;
    for (size_t cut = 1; cut < 90; cut++) {
        struct bytes b = {0};
        struct md_base fresh = {.start_time = 1000000000};
        md_model_restart(f->m, &fresh);
        md_model_open(f->m, 0);
        STORE(MD_OP_SET, "k", "hello");
        ASK(.opcode = MD_OP_GET, .key = "k");
        ASK(.opcode = MD_OP_DELETE, .key = "k", .opaque = 7);
        size_t all = b.n, n = 0;
        for (size_t at = 0; at < all; at += cut) {
            size_t step = all - at < cut ? all - at : cut;
            assert_int_equal(md_model_feed(f->m, 0, b.at + at, step, &f->r), MD_FEED_OK);
            n += f->r.bytes.len;
        }
        assert_int_equal(n, 24 + 33 + 24);
    }
}

static void quiet_and_loud(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    STORE(MD_OP_SETQ, "k", "a");
    STORE(MD_OP_ADDQ, "k", "b");
    ASK(.opcode = MD_OP_GETQ, .key = "no");
    ASK(.opcode = MD_OP_GETKQ, .key = "k");
    ASK(.opcode = MD_OP_DELETEQ, .key = "k");
    ASK(.opcode = MD_OP_NOOP, .opaque = 3);
    SAYS(
        "exists \"Data exists for key.\"; ok cas=1 extras=00000000 key=\"k\" \"a\"; ok opaque=0x3");
}

static void cas(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    STORE(MD_OP_SET, "k", "a");
    ASK(.opcode = MD_OP_SET, .key = "k", .value = "b", .extras = plain, .n_extras = 8, .cas = 9);
    ASK(.opcode = MD_OP_APPEND, .key = "k", .value = "c", .cas = 9);
    ASK(.opcode = MD_OP_DELETE, .key = "k", .cas = 9);
    ASK(.opcode = MD_OP_SET, .key = "k", .value = "d", .extras = plain, .n_extras = 8, .cas = 1);
    ASK(.opcode = MD_OP_REPLACE, .key = "x", .value = "d", .extras = plain, .n_extras = 8,
        .cas = 1);
    SAYS(
        "ok cas=1; exists \"Data exists for key.\"; exists \"Data exists for key.\"; exists \"Data "
        "exists for key.\"; ok cas=2; not-found \"Not found\"");
    assert_int_equal(md_model_cas_seen(f->m, "k", 1), 2);
}

/* Add can never succeed with a CAS value, but in the version. */
static void add_with_cas(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    struct asked add = {MD_OP_ADD, "k", plain, 8, "b", 0, 1};
    STORE(MD_OP_SET, "k", "a");
    md_model_quirk(f->m, MD_QUIRK_BIN_ADD_CAS, false);
    ask(&b, &add);
    SAYS("ok cas=1; exists \"Data exists for key.\"");
    md_model_quirk(f->m, MD_QUIRK_BIN_ADD_CAS, true);
    ask(&b, &add);
    SAYS("ok cas=2");
}

static void counters(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    uint8_t extras[20] = {[7] = 5, [15] = 40, [19] = 9}, never[20] = {[7] = 5};
    memset(never + 16, 0xff, 4);
    ASK(.opcode = MD_OP_INCR, .key = "n", .extras = never, .n_extras = 20);
    ASK(.opcode = MD_OP_INCR, .key = "n", .extras = extras, .n_extras = 20);
    ASK(.opcode = MD_OP_DECR, .key = "n", .extras = extras, .n_extras = 20);
    ASK(.opcode = MD_OP_GET, .key = "n");
    SAYS("not-found \"Not found\"; ok cas=1 \"\\x00\\x00\\x00\\x00\\x00\\x00\\x00(\"; ok cas=2 "
         "\"\\x00\\x00\\x00\\x00\\x00\\x00\\x00#\"; ok cas=2 extras=00000000 \"35\"");
    md_model_advance(f->m, 9);
    ASK(.opcode = MD_OP_GETQ, .key = "n");
    SAYS("(nothing)");
    assert_int_equal(f->r.commands[0].rule, MD_RULE_MISS_EXPIRED);
}

/* A shorter counter is padded, unless an answer that has not gone out shows its item. */
static void padding(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    uint8_t extras[20] = {[7] = 1};
    STORE(MD_OP_SET, "n", "10");
    ASK(.opcode = MD_OP_GET, .key = "n");
    ASK(.opcode = MD_OP_DECR, .key = "n", .extras = extras, .n_extras = 20);
    ASK(.opcode = MD_OP_GETKQ, .key = "n");
    say(f, &b, 0);
    assert_int_equal(f->r.bytes.data[f->r.bytes.len - 1], '9');
    STORE(MD_OP_SET, "n", "10");
    ASK(.opcode = MD_OP_GET, .key = "n");
    ASK(.opcode = MD_OP_NOOP); /* sends it */
    ASK(.opcode = MD_OP_DECR, .key = "n", .extras = extras, .n_extras = 20);
    ASK(.opcode = MD_OP_GET, .key = "n");
    say(f, &b, 0);
    assert_int_equal(f->r.bytes.data[f->r.bytes.len - 1], ' ');
}

static void protocols_meet(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    STORE(MD_OP_SET, "k", "5");
    say(f, &b, 0);
    md_model_open(f->m, 1);
    expect_on(f, 1, "gets k\r\nincr k 1\r\n", "VALUE k 0 1 1\r\n5\r\nEND\r\n6\r\n");
    ASK(.opcode = MD_OP_GET, .key = "k");
    SAYS("ok cas=2 extras=00000000 \"6\"");
    assert_false(md_model_at_command(f->m, 0)); /* `mn` would be no command there */
    assert_true(md_model_at_command(f->m, 1));
}

static void text_closes(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    ASK(.opcode = MD_OP_NOOP);
    SAYS("ok");
    put(&b, "get k\r\n", 7);
    SAYS("(nothing)");
    assert_false(f->r.closed); /* shorter than a header: it might become one */
    put(&b, "get k and some more\r\n", 21);
    SAYS("(nothing)");
    assert_true(f->r.closed);
    assert_int_equal(f->r.commands[0].rule, MD_RULE_BIN_MAGIC);
}

static void shapes(void **state) {
    struct fixture *f = *state;
    static const struct asked wrong[] = {
        {.opcode = MD_OP_GET},
        {.opcode = MD_OP_GET, .key = "k", .value = "v"},
        {.opcode = MD_OP_GETQ, .key = "k", .extras = plain, .n_extras = 4},
        {.opcode = MD_OP_SET, .key = "k", .value = "v"},
        {.opcode = MD_OP_SETQ, .extras = plain, .n_extras = 8, .value = "v"},
        {.opcode = MD_OP_APPEND, .key = "k", .value = "v", .extras = plain, .n_extras = 8},
        {.opcode = MD_OP_DELETE, .key = "k", .value = "v"},
        {.opcode = MD_OP_INCR, .key = "k", .extras = plain, .n_extras = 8},
        {.opcode = MD_OP_TOUCH, .key = "k"},
        {.opcode = MD_OP_GAT, .extras = plain, .n_extras = 4},
        {.opcode = MD_OP_FLUSH, .key = "k"},
        {.opcode = MD_OP_FLUSH, .extras = plain, .n_extras = 8},
        {.opcode = MD_OP_NOOP, .value = "v"},
        {.opcode = MD_OP_VERSION, .key = "k"},
        {.opcode = MD_OP_QUIT, .extras = plain, .n_extras = 1},
        {.opcode = MD_OP_STAT, .extras = plain, .n_extras = 1},
        {.opcode = MD_OP_SASL_LIST, .key = "k"},
        {.opcode = MD_OP_SASL_AUTH, .value = "v"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct bytes b = {0};
        md_model_close(f->m, 0);
        md_model_open(f->m, 0);
        ask(&b, &wrong[i]);
        SAYS("invalid \"Invalid arguments\"");
        assert_true(f->r.closed);
        assert_int_equal(f->r.commands[0].rule, MD_RULE_BIN_SHAPE);
    }
}

/* What a refused value leaves: nothing, by the book. */
static void unknown_skips_its_body(void **state) {
    struct fixture *f = *state;
    struct bytes b = {0};
    md_model_quirk(f->m, MD_QUIRK_BIN_UNKNOWN_SWALLOWS, false);
    ASK(.opcode = 0x30, .key = "key", .extras = plain, .n_extras = 8, .value = "value");
    ASK(.opcode = MD_OP_NOOP, .opaque = 2);
    SAYS("unknown \"Unknown command\"; ok opaque=0x2");
}

static void only_one_protocol(void **state) {
    struct md_options o;
    md_options_default(&o);
    o.protocol = MD_PROTOCOL_BINARY;
    struct fixture *f = fixture_new(&o);
    expect(f, "get k and k and k and k\r\n", "");
    assert_true(f->r.closed);
    *state = f;
    fixture_teardown(state);
    o.protocol = MD_PROTOCOL_ASCII;
    f = fixture_new(&o);
    expect(f, "\x80\x0a\r\n", "ERROR\r\nERROR\r\n");
    *state = f;
    fixture_teardown(state);
}

/* ---- replies, compared ----------------------------------------------------------------------- */

static void signature(const struct md_packet *e, const struct md_packet *o, const char *body,
                      const char *wanted) {
    uint8_t expected[64] = {0}, observed[64] = {0};
    struct md_command k = {.name = MD_CMD_BIN_GET, .rule = MD_RULE_BIN_GET_HIT};
    char text[128];
    md_packet_write(e, expected);
    md_packet_write(o, observed);
    memcpy(observed + 24, body, strlen(body));
    md_signature(&k, expected, 24 + e->n_body, observed, 24 + o->n_body, text, sizeof text);
    assert_string_equal(text, wanted);
}

static void signatures(void **state) {
    (void)state;
    struct md_packet e = {.magic = 0x81, .n_extras = 4, .n_body = 6, .opaque = 1, .cas = 5}, o = e;
    o.opaque = 2;
    signature(&e, &o, "", "bin-get.opaque.differs.bin-get-hit");
    o = e, o.cas = 0;
    signature(&e, &o, "", "bin-get.cas.missing.bin-get-hit");
    o = e, o.cas = 6;
    signature(&e, &o, "", "bin-get.cas.differs.bin-get-hit");
    o = e, o.status = MD_STATUS_NOT_FOUND;
    signature(&e, &o, "", "bin-get.status.not-found-instead-of-ok.bin-get-hit");
    o = e;
    signature(&e, &o, "\1", "bin-get.extras.differs.bin-get-hit");
    o = e, o.n_body = 7;
    signature(&e, &o, "", "bin-get.bytes.differs.bin-get-hit");
    o = e, o.n_key = 1;
    signature(&e, &o, "", "bin-get.key.differs.bin-get-hit");
    o = e, o.magic = 'S';
    signature(&e, &o, "", "bin-get.reply.garbage.bin-get-hit");
}

static void spans(void **state) {
    (void)state;
    uint8_t bytes[80] = {0};
    struct md_packet p = {.magic = 0x81, .opcode = MD_OP_STAT, .n_key = 1, .n_body = 2};
    md_packet_write(&p, bytes);
    assert_int_equal(md_reply_span(MD_CMD_BIN_GET, bytes, 26), 26);
    assert_int_equal(md_reply_span(MD_CMD_BIN_GET, bytes, 25), 0);
    assert_int_equal(md_reply_span(MD_CMD_BIN_STAT, bytes, 26), 0); /* no empty packet yet */
    p.n_key = 0, p.n_body = 0;
    md_packet_write(&p, bytes + 26);
    assert_int_equal(md_reply_span(MD_CMD_BIN_STAT, bytes, sizeof bytes), 50);
}

/* ---- requests in a step ---------------------------------------------------------------------- */

static void views(void **state) {
    (void)state;
    static const char text[] = "memdiverge-trace 1\nsend 0 "
                               "\"\\x80\\x01\\x00\\x01\\x08\\x00\\x00\\x00{len:4}\\x00\\x00\\x00"
                               "\\x02{cas:8 k}{block}\\x00\\x00\\x00\\x07{now:4+5}kab{/block}"
                               "\\x80\\x00\\x00\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01\\x00\\"
                               "x00\\x00\\x00\\x00\\x00\\x00"
                               "\\x00\\x00\\x00\\x00\\x00k\"\n";
    struct md_trace t;
    struct md_trace_error error;
    struct md_units u = {0};
    struct md_request r;
    struct md_buf words = {0};
    md_trace_init(&t);
    assert_true(md_trace_parse(&t, text, sizeof text - 1, &error));
    assert_true(md_units_of(&t.steps[0], &u));
    for (size_t at = 0; md_request_at(&u, at, &r); at = r.to) {
        md_request_words(&t.steps[0], &u, &r, &words);
        md_buf_byte(&words, '\n');
    }
    assert_string_equal(md_buf_cstr(&words),
                        "set key=\"k\" flags=7 expires={now:4+5} \"ab\" opaque=0x2 cas={cas:8 k}\n"
                        "get key=\"k\"\n");
    md_buf_clear(&words);
    md_trace_print(&t, &words);
    assert_non_null(strstr(md_buf_cstr(&words), "\n     + \"\\x80\\x00")); /* a line each */
    md_buf_free(&words);
    free(u.at);
    md_trace_free(&t);
}

/* Symbols as big-endian bytes. */
static void symbols(void **state) {
    struct fixture *f = *state;
    static const char text[] = "memdiverge-trace 1\nsend 0 \"{base:8+258}{now:4-1}{len:2}{cas:1 k "
                               "-1}{block}abc{/block}\"\n";
    static const uint8_t bytes[] = "\0\0\0\0\0\0\1\2\x3b\x9a\xc9\xff\0\3\xff"
                                   "abc";
    struct md_trace t;
    struct md_trace_error error;
    struct md_buf out = {0};
    md_trace_init(&t);
    assert_true(md_trace_parse(&t, text, sizeof text - 1, &error));
    md_step_resolve(&t.steps[0], f->m, 100, &out);
    assert_int_equal(out.len, sizeof bytes - 1);
    assert_memory_equal(out.data, bytes, out.len);
    md_buf_free(&out);
    md_trace_free(&t);
}

/* ---- seeds ----------------------------------------------------------------------------------- */

static void play(struct md_trace *t, struct md_fired *sum) {
    bool exact;
    struct md_reply reply = {0};
    struct md_buf bytes = {0};
    struct md_model *m =
        md_model_new(md_profile_find("1.6.18", &exact), &t->options.model, 1000000000);
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct md_step *s = &t->steps[i];
        if (s->kind == MD_STEP_CLOCK)
            md_model_advance(m, s->seconds);
        else if (s->kind == MD_STEP_RESTART)
            md_model_reboot(m);
        else if (s->kind != MD_STEP_SEND)
            md_model_close(m, s->conn);
        if (s->kind != MD_STEP_SEND)
            continue;
        if (!md_model_is_open(m, s->conn))
            md_model_open(m, s->conn);
        bytes.len = 0;
        md_step_resolve(s, m, MD_TRACE_BYTES_MAX, &bytes);
        md_model_feed(m, s->conn, bytes.data, bytes.len, &reply);
    }
    const struct md_fired *fired = md_model_fired(m);
    for (size_t i = 0; i < MD_RULES; i++)
        sum->rule[i] += fired->rule[i];
    for (size_t i = 0; i < MD_CHOICES; i++)
        sum->choice[i] += fired->choice[i];
    for (size_t i = 0; i < MD_QUIRKS; i++)
        sum->quirk[i] += fired->quirk[i];
    md_reply_free(&reply);
    md_buf_free(&bytes);
    md_model_free(m);
}

static unsigned play_folder(const char *folder, const char *prefix, struct md_fired *sum) {
    char path[1024];
    const char *corpus = getenv("MEMDIVERGE_CORPUS");
    unsigned n = 0;
    if (!corpus)
        fail_msg("set MEMDIVERGE_CORPUS to the folder corpus/ (CTest does)");
    snprintf(path, sizeof path, "%s/%s", corpus, folder);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir));) {
        struct md_trace t;
        struct md_trace_error error;
        if (!strstr(e->d_name, ".trace") || strncmp(e->d_name, prefix, strlen(prefix)) != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s/%s", corpus, folder, e->d_name);
        md_trace_init(&t);
        if (!md_trace_load(&t, path, &error))
            fail_msg("%s:%u: %s", path, error.line, error.message);
        play(&t, sum);
        md_trace_free(&t);
        n++;
    }
    closedir(dir);
    return n;
}

static void every_rule_fires(void **state) {
    (void)state;
    static struct md_fired sum;
    assert_in_range(play_folder("binary", "", &sum), 60, 1000);
    assert_in_range(play_folder("known", "bin-", &sum), 14, 100);
    unsigned never = 0;
#define X(name, ...)                                                                               \
    if (!sum.rule[MD_RULE_##name])                                                                 \
        never++, print_message("never fired: rule %s\n", #name);
    MD_BINARY_RULE_LIST(X)
#undef X
#define X(name, ...)                                                                               \
    if (!sum.choice[MD_CHOICE_##name])                                                             \
        never++, print_message("never fired: choice %s\n", #name);
    MD_BINARY_CHOICE_LIST(X)
#undef X
#define X(name, ...)                                                                               \
    if (!sum.quirk[MD_QUIRK_##name])                                                               \
        never++, print_message("never fired: quirk %s\n", #name);
    MD_BINARY_QUIRK_LIST(X)
#undef X
    assert_int_equal(never, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        T(layout),
        T(fragments),
        T(quiet_and_loud),
        T(cas),
        T(add_with_cas),
        T(counters),
        T(padding),
        T(protocols_meet),
        T(text_closes),
        T(shapes),
        T(unknown_skips_its_body),
        cmocka_unit_test(only_one_protocol),
        cmocka_unit_test(signatures),
        cmocka_unit_test(spans),
        cmocka_unit_test(views),
        T(symbols),
        cmocka_unit_test(every_rule_fires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
