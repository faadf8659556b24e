/*
 * The trace format (contract C3): what is written is what is read, for every byte and symbol;
 * errors name the place and what was expected; hostile input is bounded. Options: test_options.c.
 */
#include "harness/generate.h"
#include "harness/node.h"
#include "harness/trace.h"

#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD "memdiverge-trace 1\n"

static bool strict(struct md_trace *t, const char *text, struct md_trace_error *error) {
    *error = (struct md_trace_error){0};
    return md_trace_parse(t, text, strlen(text), error);
}

static void must_parse(struct md_trace *t, const char *text) {
    struct md_trace_error e;
    if (!strict(t, text, &e))
        fail_msg("%" PRIu32 ":%" PRIu32 ": %s in <%s>", e.line, e.column, e.message, text);
}

static void assert_prints(const struct md_trace *t, const char *expected) {
    struct md_buf out = {0};
    md_trace_print(t, &out);
    assert_string_equal(md_buf_cstr(&out), expected);
    md_buf_free(&out);
}

/* parse(print(t)) == t, and the text is a fixed point. */
static void assert_round_trip(const struct md_trace *t) {
    struct md_trace back;
    struct md_trace_error e = {0};
    struct md_buf text = {0}, again = {0};
    md_trace_init(&back);
    md_trace_print(t, &text);
    if (!md_trace_parse(&back, text.data, text.len, &e))
        fail_msg("%" PRIu32 ":%" PRIu32 ": %s in <%s>", e.line, e.column, e.message,
                 md_buf_cstr(&text));
    if (!md_trace_equal(t, &back))
        fail_msg("not equal: <%s>", md_buf_cstr(&text));
    md_trace_print(&back, &again);
    assert_int_equal(text.len, again.len);
    assert_memory_equal(text.data, again.data, text.len);
    md_buf_free(&text);
    md_buf_free(&again);
    md_trace_free(&back);
}

/* ---- text -------------------------------------------------------------------------------- */

static void example_of_the_header(void **state) {
    (void)state;
    struct md_trace t;
    md_trace_init(&t);
    must_parse(&t, HEAD "# Comments start with '#' and take a whole line.\n"
                        "node -C -I 2m\n"
                        "send 0 \"set k 0 30 5\\r\\n\"\n"
                        "     + \"hello\\r\\n\"\n"
                        "clock 30\n"
                        "send 1 \"set k 0 0 {len}\\r\\n{block}hello{/block}\\r\\n\"\n"
                        "shutdown 1\n"
                        "close 0\n");
    assert_int_equal(t.n_steps, 5);
    assert_string_equal(t.comment, "Comments start with '#' and take a whole line.");
    assert_int_equal(t.options.n_args, 3);
    assert_false(t.options.model.cas);
    assert_int_equal(t.options.model.item_size_max, 2 << 20);
    assert_int_equal(t.steps[0].n_parts, 1);
    assert_int_equal(t.steps[0].parts[0].len, 21);
    assert_memory_equal(t.steps[0].parts[0].bytes, "set k 0 30 5\r\nhello\r\n", 21);
    assert_int_equal(t.steps[0].line, 4);
    assert_int_equal(t.steps[1].kind, MD_STEP_CLOCK);
    assert_int_equal(t.steps[1].seconds, 30);
    assert_int_equal(t.steps[2].conn, 1);
    assert_int_equal(t.steps[2].n_parts, 7);
    assert_int_equal(t.steps[3].kind, MD_STEP_SHUTDOWN);
    assert_int_equal(t.steps[4].kind, MD_STEP_CLOSE);
    assert_int_equal(t.steps[4].line, 9);
    assert_prints(&t, HEAD "# Comments start with '#' and take a whole line.\n"
                           "node -C -I 2m\n"
                           "send 0 \"set k 0 30 5\\r\\n\"\n"
                           "     + \"hello\\r\\n\"\n"
                           "clock 30\n"
                           "send 1 \"set k 0 0 {len}\\r\\n\"\n"
                           "     + \"{block}hello{/block}\\r\\n\"\n"
                           "shutdown 1\n"
                           "close 0\n");
    md_trace_free(&t);
}

/* What people may write, and its canonical form. */
static const struct {
    const char *text, *canonical;
} readable[] = {
    {"memdiverge-trace 1", HEAD},
    {"memdiverge-trace 1\r\nclock 1\r\n\r\nstop\r\n", HEAD "clock 1\nstop\n"},
    {HEAD "\n \t\n  clock\t 007  \n\tkill\t\nrestart", HEAD "clock 7\nkill\nrestart\n"},
    {HEAD "open 15\nshutdown 00\nclose 9", HEAD "open 15\nshutdown 0\nclose 9\n"},
    {HEAD "send 0 \"\"", HEAD "send 0 \"\"\n"},
    {HEAD "send 0 \"\"\n+ \"\"\n+\"a\"", HEAD "send 0 \"a\"\n"},
    {HEAD "send 0 \"a\"\n# in between\n\n + \"b\"", HEAD "send 0 \"ab\"\n"},
    {HEAD "send 10 \"a\\nb\\n\"", HEAD "send 10 \"a\\n\"\n      + \"b\\n\"\n"},
    {HEAD "send 0 \"\\n{len}\\n{/block}x\"",
     HEAD "send 0 \"\\n\"\n     + \"{len}\\n{/block}\"\n     + \"x\"\n"},
    {HEAD "send 0 \"}\\x41\\x7E\\x7f\\xFf\"", HEAD "send 0 \"}A~\\x7f\\xff\"\n"},
    {HEAD "send 0 \"{cas {k\\{}\"", HEAD "send 0 \"{cas \\{k\\{}\"\n"},
    {HEAD "send 0 \"{cas k +0}{cas k -0}\"", HEAD "send 0 \"{cas k}{cas k}\"\n"},
    {HEAD "#a\n#  b\n#\nnode -M -C\n#\tc\nclock 1\n# d\n",
     HEAD "# a\n#  b\n#\n# \tc\nnode -C -M\nclock 1\n"},
    {HEAD "# caf\xc3\xa9\n", HEAD "# caf\xc3\xa9\n"},
    {HEAD "node -I2m\nnode -oslab_chunk_max=4096\n", HEAD "node -I 2m -o slab_chunk_max=4096\n"},
};

static void canonical_form(void **state) {
    (void)state;
    struct md_trace t;
    md_trace_init(&t);
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        must_parse(&t, readable[i].text);
        assert_prints(&t, readable[i].canonical);
        assert_round_trip(&t);
    }
    md_trace_free(&t);
}

static void every_byte(void **state) {
    (void)state;
    struct md_trace t;
    struct md_buf out = {0};
    uint8_t all[512];
    for (unsigned i = 0; i < 512; i++)
        all[i] = (uint8_t)i;
    md_trace_init(&t);
    md_step_bytes(md_trace_add(&t, MD_STEP_SEND, 0), all, 512);
    assert_round_trip(&t);
    /* A key in a symbol holds any byte, too. */
    struct md_part *p = md_step_part(md_trace_add(&t, MD_STEP_SEND, 0), MD_PART_CAS);
    md_part_set(p, all, 256);
    p->number = INT64_MIN;
    assert_round_trip(&t);
    md_bytes_print("a b\r\n\t\\\"{}\0\x7f\xff", 13, &out);
    assert_string_equal(md_buf_cstr(&out), "a b\\r\\n\\t\\\\\\\"\\{}\\x00\\x7f\\xff");
    md_buf_free(&out);
    md_trace_free(&t);
}

static void every_symbol(void **state) {
    static const struct {
        const char *text;
        enum md_part_kind kind;
        int64_t number;
        const char *key;
        uint8_t byte;
    } symbols[] = {
        {"{cas k}", MD_PART_CAS, 0, "k", 0},
        {"{cas key +1}", MD_PART_CAS, 1, "key", 0},
        {"{cas a\\x20b -9223372036854775808}", MD_PART_CAS, INT64_MIN, "a b", 0},
        {"{cas \\x7d\\\" +9223372036854775807}", MD_PART_CAS, INT64_MAX, "}\"", 0},
        {"{base+0}", MD_PART_BASE, 0, "", 0},
        {"{base-2}", MD_PART_BASE, -2, "", 0},
        {"{now+2592001}", MD_PART_NOW, 2592001, "", 0},
        {"{now-1}", MD_PART_NOW, -1, "", 0},
        {"{len}", MD_PART_LEN, 0, "", 0},
        {"{block}", MD_PART_BLOCK, 0, "", 0},
        {"{/block}", MD_PART_END, 0, "", 0},
        {"{fill 0 00}", MD_PART_FILL, 0, "", 0},
        {"{fill 4194304 fF}", MD_PART_FILL, 4194304, "", 0xff},
    };
    (void)state;
    struct md_trace t;
    char text[256];
    md_trace_init(&t);
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        snprintf(text, sizeof text, HEAD "send 0 \"x%sy\"", symbols[i].text);
        must_parse(&t, text);
        assert_int_equal(t.steps[0].n_parts, 3);
        const struct md_part *p = &t.steps[0].parts[1];
        assert_int_equal(p->kind, symbols[i].kind);
        assert_true(p->number == symbols[i].number);
        assert_int_equal(p->byte, symbols[i].byte);
        assert_int_equal(p->len, strlen(symbols[i].key));
        if (p->len)
            assert_memory_equal(p->bytes, symbols[i].key, p->len);
        assert_round_trip(&t);
    }
    md_trace_free(&t);
}

/* ---- errors ------------------------------------------------------------------------------ */

#define WORDS "expected send, open, close, shutdown, clock, stop, kill, restart, node, '+' or '#'"
#define SYMBOLS                                                                                    \
    "expected {cas KEY}, {base+N}, {now+N}, {len}, {block}, {/block} or {fill N HH}; a brace "     \
    "itself is \\{"
#define ESCAPES "expected one of the escapes \\r \\n \\t \\\\ \\\" \\{ \\xHH"
#define CONN "expected a connection number from 0 to 15"

static const struct {
    const char *text;
    uint32_t line, column;
    const char *message;
} errors[] = {
    {"", 1, 1, "expected 'memdiverge-trace 1' as the first line"},
    {"\n" HEAD, 1, 1, "expected 'memdiverge-trace 1' as the first line"},
    {"memdiverge-trace 1 ", 1, 1, "expected 'memdiverge-trace 1' as the first line"},
    {"memdiverge-trace x", 1, 1, "expected 'memdiverge-trace 1' as the first line"},
    {"memdiverge-trace 2\n", 1, 19,
     "format version 2 is not known here, only 1: use a newer memdiverge"},
    {HEAD "get k", 2, 1, WORDS},
    {HEAD "clock 1\n  \x01", 3, 3, WORDS},
    {HEAD "Send 0 \"\"", 2, 1, WORDS},
    {HEAD "sends 0 \"\"", 2, 1, WORDS},
    {HEAD "clock1", 2, 6, "expected a blank behind 'clock'"},
    {HEAD "stop.", 2, 5, "expected a blank behind 'stop'"},
    {HEAD "clock", 2, 6, "expected a number of seconds from 0 to 100000000"},
    {HEAD "clock -1", 2, 7, "expected a number of seconds from 0 to 100000000"},
    {HEAD "clock 100000001", 2, 7, "expected a number of seconds from 0 to 100000000"},
    {HEAD "clock 99999999999999999999", 2, 7, "expected a number of seconds from 0 to 100000000"},
    {HEAD "clock 1 s", 2, 9, "expected the end of the line"},
    {HEAD "open", 2, 5, CONN},
    {HEAD "open 16", 2, 6, CONN},
    {HEAD "close x", 2, 7, CONN},
    {HEAD "shutdown 1 2", 2, 12, "expected the end of the line"},
    {HEAD "kill 1", 2, 6, "expected the end of the line"},
    {HEAD "send \"x\"", 2, 6, CONN},
    {HEAD "send 16 \"x\"", 2, 6, CONN},
    {HEAD "send 0", 2, 7, "expected '\"' and the bytes to send"},
    {HEAD "send 0 x", 2, 8, "expected '\"' and the bytes to send"},
    {HEAD "send 0 \"x", 2, 10, "expected '\"' at the end of the bytes"},
    {HEAD "send 0 \"x\" y", 2, 12, "expected the end of the line"},
    {HEAD "send 0 \"a\\q\"", 2, 10, ESCAPES},
    {HEAD "send 0 \"a\\", 2, 10, ESCAPES},
    {HEAD "send 0 \"\\x4\"", 2, 11, "expected two hex digits"},
    {HEAD "send 0 \"\\xg0\"", 2, 11, "expected two hex digits"},
    {HEAD "send 0 \"a\tb\"", 2, 10,
     "expected printable ASCII or an escape; write this byte as \\x09"},
    {HEAD "send 0 \"\xc3\xa9\"", 2, 9,
     "expected printable ASCII or an escape; write this byte as \\xc3"},
    {HEAD "send 0 \"a{b}\"", 2, 10, SYMBOLS},
    {HEAD "send 0 \"{}\"", 2, 9, SYMBOLS},
    {HEAD "send 0 \"{len\"", 2, 13, "expected '}' at the end of the symbol"},
    {HEAD "send 0 \"{len }\"", 2, 13, "expected '}' at the end of the symbol"},
    {HEAD "send 0 \"{block+1}\"", 2, 15, "expected '}' at the end of the symbol"},
    {HEAD "send 0 \"{cas }\"", 2, 14, "expected a key behind {cas"},
    {HEAD "send 0 \"{cas k 1}\"", 2, 16, "expected +N or -N"},
    {HEAD "send 0 \"{cas k +}\"", 2, 17, "expected a number from 0 to 9223372036854775807"},
    {HEAD "send 0 \"{cas k +9223372036854775808}\"", 2, 17,
     "expected a number from 0 to 9223372036854775807"},
    {HEAD "send 0 \"{cas k\\q}\"", 2, 15, ESCAPES},
    {HEAD "send 0 \"{cas \x80}\"", 2, 14,
     "expected printable ASCII or an escape; write this byte as \\x80"},
    {HEAD "send 0 \"{cas k\"", 2, 15, "expected '}' at the end of the symbol"},
    {HEAD "send 0 \"{base}\"", 2, 14, "expected +N or -N"},
    {HEAD "send 0 \"{base:9+1}\"", 2, 15, "expected a number of bytes from 1 to 8"},
    {HEAD "send 0 \"{len:}\"", 2, 14, "expected a number of bytes from 1 to 8"},
    {HEAD "send 0 \"{cas:0 k}\"", 2, 14, "expected a number of bytes from 1 to 8"},
    {HEAD "send 0 \"{cas}\"", 2, 13, "expected a blank and a key behind {cas"},
    {HEAD "send 0 \"{now 1}\"", 2, 13, "expected +N or -N"},
    {HEAD "send 0 \"{fill x}\"", 2, 15, "expected a number of bytes from 0 to 4194304"},
    {HEAD "send 0 \"{fill 4194305 41}\"", 2, 15, "expected a number of bytes from 0 to 4194304"},
    {HEAD "send 0 \"{fill 1}\"", 2, 16, "expected a blank and the byte as two hex digits"},
    {HEAD "send 0 \"{fill 1 4}\"", 2, 17, "expected two hex digits"},
    {HEAD "+ \"x\"", 2, 1, "expected a send above this '+' line"},
    {HEAD "send 0 \"x\"\nclock 1\n+ \"x\"", 4, 1, "expected a send above this '+' line"},
    {HEAD "send 0 \"x\"\n+ x", 3, 3, "expected '\"' and the bytes to send"},
    {HEAD "# a\x01", 2, 4, "expected no control character (\\x01) in a comment"},
    {HEAD "clock 1\n# a\r\r\n", 3, 4, "expected no control character (\\x0d) in a comment"},
    {HEAD "clock 1\nnode -C", 3, 5, "node options must stand above the first step"},
    {HEAD "node", 2, 5, "expected options behind 'node'"},
    {HEAD "node -l 127.0.0.1", 2, 6,
     "-l is not allowed in a trace: memdiverge chooses where a node listens"},
    {HEAD "node -C\nnode -m 8 -I 64m\nstop\n", 3, 14,
     "64m: -I expects a size from 1k to 32m, as bytes, Nk or Nm"},
    {HEAD "node -C\nnode -m 1\nclock 1\n", 3, 9,
     "-I 1048576 is more than half of -m 1: memcached would not start; give a smaller -I or a "
     "larger -m"},
    {HEAD "node -C aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 2, 9,
     "expected an option of at most 63 characters, without NUL"},
    {HEAD "node a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a", 2, 76,
     "expected at most 35 words of node options"},
};

static void every_error(void **state) {
    (void)state;
    struct md_trace t;
    struct md_trace_error e;
    md_trace_init(&t);
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (strict(&t, errors[i].text, &e))
            fail_msg("accepted: <%s>", errors[i].text);
        if (e.line != errors[i].line || e.column != errors[i].column ||
            strcmp(e.message, errors[i].message))
            fail_msg("<%s>\n gave %" PRIu32 ":%" PRIu32 ": %s", errors[i].text, e.line, e.column,
                     e.message);
    }
    md_trace_free(&t);
}

static void nul_bytes(void **state) {
    static const char in_send[] = HEAD "send 0 \"a\0b\"\n";
    static const char in_node[] = HEAD "node -\0C\n";
    (void)state;
    struct md_trace t;
    struct md_trace_error e;
    md_trace_init(&t);
    assert_false(md_trace_parse(&t, in_send, sizeof in_send - 1, &e));
    assert_int_equal(e.column, 10);
    assert_false(md_trace_parse(&t, in_node, sizeof in_node - 1, &e));
    assert_int_equal(e.column, 6);
    assert_string_equal(e.message, "expected an option of at most 63 characters, without NUL");
    md_trace_parse_lenient(&t, in_send, sizeof in_send - 1);
    assert_prints(&t, HEAD "send 0 \"a\\x00b\"\n");
    md_trace_parse_lenient(&t, in_node, sizeof in_node - 1);
    assert_prints(&t, HEAD);
    assert_false(md_trace_parse(&t, NULL, 0, &e));
    md_trace_parse_lenient(&t, NULL, 0);
    assert_int_equal(t.n_steps, 0);
    md_trace_free(&t);
}

/* Every text in `errors`, and these, read leniently. */
static const struct {
    const char *text, *canonical;
} forgiven[] = {
    {"", HEAD},
    {"send 0 \"a\"\nnonsense\n+ \"b\"\nclock 1", HEAD "send 0 \"a\"\nclock 1\n"},
    {"send 16 \"a\"\n+ \"b\"", HEAD},
    {"send 0 \"a\\q\\", HEAD "send 0 \"a\\\\q\\\\\"\n"},
    {"send 0 \"a\" and more\n+ \"b\" too", HEAD "send 0 \"ab\"\n"},
    {"send 0 \"{len{now+1}{fill 9}\"", HEAD "send 0 \"\\{len{now+1}\\{fill 9}\"\n"},
    {"send 0 \"{cas k 1}{{cas k}\"", HEAD "send 0 \"\\{cas k 1}\\{{cas k}\"\n"},
    {"send 0 \"a\x80\tb\"", HEAD "send 0 \"a\\x80\\tb\"\n"},
    {"# a\x01z\nopen 1 x", HEAD "# a?z\nopen 1\n"},
    {"node -l x -C -p 11211 -M -I", HEAD "node -C -M\n"},
    {"node -m 1 -I 512k -C -C -n 0", HEAD "node -C -I 512k -m 1\n"},
    {"node -m 1", HEAD},
    {"clock 1\nnode -C\n", HEAD "clock 1\n"},
    {"memdiverge-trace 99\nclock 1 2", HEAD "clock 1\n"},
};

static void lenient_is_total(void **state) {
    (void)state;
    struct md_trace t;
    md_trace_init(&t);
    for (size_t i = 0; i < sizeof forgiven / sizeof *forgiven; i++) {
        md_trace_parse_lenient(&t, forgiven[i].text, strlen(forgiven[i].text));
        assert_prints(&t, forgiven[i].canonical);
    }
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        md_trace_parse_lenient(&t, errors[i].text, strlen(errors[i].text));
        assert_round_trip(&t);
    }
    /* Where strict is content, lenient reads the same. */
    for (size_t i = 0; i < sizeof readable / sizeof *readable; i++) {
        md_trace_parse_lenient(&t, readable[i].text, strlen(readable[i].text));
        assert_prints(&t, readable[i].canonical);
    }
    md_trace_free(&t);
}

/* ---- limits ------------------------------------------------------------------------------ */

static void too_many_steps(void **state) {
    (void)state;
    struct md_trace t;
    struct md_trace_error e;
    struct md_buf text = {0};
    md_trace_init(&t);
    md_buf_str(&text, HEAD);
    for (unsigned i = 0; i < MD_TRACE_STEPS_MAX; i++)
        md_buf_str(&text, "stop\n");
    assert_true(md_trace_parse(&t, text.data, text.len, &e));
    md_buf_str(&text, "stop\n");
    assert_false(md_trace_parse(&t, text.data, text.len, &e));
    assert_int_equal(e.line, MD_TRACE_STEPS_MAX + 2);
    assert_string_equal(e.message, "a trace may have at most 1048576 steps");
    md_trace_parse_lenient(&t, text.data, text.len);
    assert_int_equal(t.n_steps, MD_TRACE_STEPS_MAX);
    md_trace_clear(&t);
    assert_int_equal(t.cap_steps, 0); /* so much is not kept */
    md_buf_free(&text);
    md_trace_free(&t);
}

static void too_many_bytes(void **state) {
    (void)state;
    struct md_trace t;
    struct md_trace_error e;
    struct md_buf text = {0};
    md_trace_init(&t);
    md_buf_str(&text, HEAD);
    for (unsigned i = 0; i < 16; i++)
        md_buf_str(&text, "send 0 \"{fill 4194284 61}\"\n"); /* 20 less: what a symbol counts */
    assert_true(md_trace_parse(&t, text.data, text.len, &e));
    md_buf_str(&text, "send 0 \"x\"\n");
    assert_false(md_trace_parse(&t, text.data, text.len, &e));
    assert_int_equal(e.line, 18);
    assert_string_equal(e.message, "this trace sends more than 67108864 bytes in all");
    md_trace_parse_lenient(&t, text.data, text.len);
    assert_int_equal(t.n_steps, 17);
    assert_int_equal(t.steps[16].n_parts, 0);
    md_buf_free(&text);
    md_trace_free(&t);
}

static void clock_is_cut(void **state) {
    (void)state;
    struct md_trace t;
    struct md_trace_error e;
    struct md_buf text = {0};
    md_trace_init(&t);
    md_buf_str(&text, HEAD "clock 7\n");
    for (unsigned i = 0; i < 11; i++)
        md_buf_str(&text, "clock 100000000\n");
    assert_true(md_trace_parse(&t, text.data, text.len, &e));
    assert_int_equal(t.steps[9].seconds, 100000000);
    assert_int_equal(t.steps[10].seconds, 99999993);
    assert_int_equal(t.steps[11].seconds, 0);
    assert_round_trip(&t);
    md_buf_free(&text);
    md_trace_free(&t);
}

/* Bytes that this process has read with system calls so far. */
static unsigned long long bytes_read(void) {
    unsigned long long n = 0;
    FILE *f = fopen("/proc/self/io", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "rchar: %llu", &n), 1);
    fclose(f);
    return n;
}

static void files(void **state) {
    char folder[] = "/tmp/memdiverge-test-trace-XXXXXX", path[64];
    struct md_trace t;
    struct md_trace_error e;
    (void)state;
    md_trace_init(&t);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/t", folder);

    assert_false(md_trace_load(&t, path, &e));
    assert_int_equal(e.line, 0);
    assert_string_equal(e.message, "cannot open the file: No such file or directory");
    assert_false(md_trace_load(&t, folder, &e));
    assert_string_equal(e.message, "this is not a regular file: expected a trace");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_false(md_trace_load(&t, path, &e));
    assert_string_equal(e.message, "this is not a regular file: expected a trace");
    assert_int_equal(unlink(path), 0);

    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(HEAD "clock 5\n", f);
    fclose(f);
    assert_true(md_trace_load(&t, path, &e));
    assert_int_equal(t.steps[0].seconds, 5);

    /* 1 GiB, of which nothing is on disk or may come into memory. */
    assert_int_equal(truncate(path, (off_t)1 << 30), 0);
    unsigned long long before = bytes_read();
    assert_false(md_trace_load(&t, path, &e));
    assert_true(bytes_read() - before < 65536);
    assert_int_equal(e.line, 0);
    assert_string_equal(e.message, "the file is too large for a trace: at most 64 MiB are read");
    assert_int_equal(t.n_steps, 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
    md_trace_free(&t);
}

/* ---- building ---------------------------------------------------------------------------- */

static struct md_step *send_text(struct md_trace *t, unsigned conn, const char *text) {
    struct md_step *s = md_trace_add(t, MD_STEP_SEND, conn);
    md_step_bytes(s, text, strlen(text));
    return s;
}

static void building(void **state) {
    (void)state;
    struct md_trace t;
    md_trace_init(&t);
    for (unsigned i = 0; i < 8; i++) { /* as many as there is room for: the next one moves them */
        char text[] = {(char)('a' + i), 0};
        send_text(&t, i, text);
    }
    md_trace_insert(&t, 2, &t.steps[7]);
    md_trace_insert(&t, 99, &t.steps[0]);
    md_trace_remove(&t, 3, 5);
    md_trace_remove(&t, 99, 1);
    assert_prints(&t, HEAD "send 0 \"a\"\nsend 1 \"b\"\n"
                           "send 7 \"h\"\nsend 7 \"h\"\nsend 0 \"a\"\n");
    md_trace_remove(&t, 1, 99);

    struct md_step *s = &t.steps[0];
    md_step_part(s, MD_PART_LEN);
    md_step_bytes(s, "b", 1);
    md_step_bytes(s, "c", 1);
    assert_int_equal(s->n_parts, 3);
    struct md_part *p = md_step_part_insert(s, 1, MD_PART_NOW);
    p->number = -3;
    p = md_step_part_insert(s, 99, MD_PART_BYTES);
    md_part_set(p, "0123456789", 10);
    md_part_set(p, p->bytes + 2, 5);
    md_part_append(p, "x", 1);
    assert_prints(&t, HEAD "send 0 \"a{now-3}{len}bc23456x\"\n");
    md_step_part_remove(s, 1, 2);
    md_step_part_remove(s, 9, 1);
    assert_prints(&t, HEAD "send 0 \"abc23456x\"\n");
    assert_round_trip(&t); /* although it is three literals */
    md_step_part_remove(s, 0, 9);
    assert_prints(&t, HEAD "send 0 \"\"\n");
    md_trace_free(&t);
}

static void memory_is_kept_but_not_its_contents(void **state) {
    (void)state;
    struct md_trace t;
    md_trace_init(&t);
    must_parse(&t, HEAD "# c\nnode -C\nsend 3 \"abc{fill 9 41}{cas k +1}\"\nclock 5\n");
    struct md_step *steps = t.steps;
    struct md_part *parts = t.steps[0].parts;
    uint8_t *bytes = parts[0].bytes;
    md_trace_clear(&t);
    assert_prints(&t, HEAD);
    assert_true(t.options.model.cas);
    must_parse(&t, HEAD "send 0 \"x{len}{base+0}\"\nopen 0\n");
    assert_ptr_equal(t.steps, steps);
    assert_ptr_equal(t.steps[0].parts, parts);
    assert_ptr_equal(t.steps[0].parts[0].bytes, bytes);
    assert_prints(&t, HEAD "send 0 \"x{len}{base+0}\"\nopen 0\n");
    assert_int_equal(t.steps[0].parts[1].byte, 0);
    assert_int_equal(t.steps[0].parts[2].len, 0);
    assert_int_equal(t.steps[1].seconds, 0);
    md_trace_free(&t);
}

static void equality_sees_everything(void **state) {
    static const char *const different[] = {
        HEAD,
        HEAD "# c\n",
        HEAD "#\n",
        HEAD "node -C\n",
        HEAD "node -F\n",
        HEAD "clock 1\n",
        HEAD "clock 2\n",
        HEAD "stop\n",
        HEAD "kill\n",
        HEAD "open 0\n",
        HEAD "open 1\n",
        HEAD "close 0\n",
        HEAD "clock 1\nstop\n",
        HEAD "send 0 \"\"\n",
        HEAD "send 1 \"\"\n",
        HEAD "send 0 \"a\"\n",
        HEAD "send 0 \"ab\"\n",
        HEAD "send 0 \"b\"\n",
        HEAD "send 0 \"{len}\"\n",
        HEAD "send 0 \"a{len}\"\n",
        HEAD "send 0 \"{block}\"\n",
        HEAD "send 0 \"{/block}\"\n",
        HEAD "send 0 \"{now+0}\"\n",
        HEAD "send 0 \"{now+1}\"\n",
        HEAD "send 0 \"{base+0}\"\n",
        HEAD "send 0 \"{base+1}\"\n",
        HEAD "send 0 \"{cas k}\"\n",
        HEAD "send 0 \"{cas l}\"\n",
        HEAD "send 0 \"{cas kk}\"\n",
        HEAD "send 0 \"{cas k +1}\"\n",
        HEAD "send 0 \"{fill 1 41}\"\n",
        HEAD "send 0 \"{fill 1 42}\"\n",
        HEAD "send 0 \"{fill 2 41}\"\n",
    };
    enum { N = sizeof different / sizeof *different };
    (void)state;
    struct md_trace a, b;
    md_trace_init(&a);
    md_trace_init(&b);
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < N; k++) {
            must_parse(&a, different[i]);
            must_parse(&b, different[k]);
            if (md_trace_equal(&a, &b) != (i == k))
                fail_msg("%s and %s", different[i], different[k]);
        }
    md_trace_free(&a);
    md_trace_free(&b);
}

/* ---- random traces ----------------------------------------------------------------------- */

static void random_bytes(struct md_random *r, struct md_part *p) {
    static const char liked[] = "abk 0159\r\n\t\\\"{}+-#\xff\x00{len}";
    size_t n = md_random_below(r, 12);
    md_part_set(p, NULL, 0);
    while (n--) {
        uint8_t byte = (uint8_t)liked[md_random_below(r, sizeof liked)];
        if (md_random_one_in(r, 4))
            byte = (uint8_t)md_random_below(r, 256);
        md_part_append(p, &byte, 1);
    }
}

static void random_step(struct md_random *r, struct md_trace *t) {
    enum md_step_kind kind = (enum md_step_kind)md_random_below(r, MD_STEP_RESTART + 1);
    if (md_random_one_in(r, 2))
        kind = MD_STEP_SEND;
    bool conn = kind <= MD_STEP_SHUTDOWN;
    struct md_step *s = md_trace_add(t, kind, conn ? (unsigned)md_random_below(r, 16) : 0);
    if (kind == MD_STEP_CLOCK)
        s->seconds = (uint32_t)md_random_below(r, 1000000);
    for (size_t n = kind == MD_STEP_SEND ? md_random_below(r, 8) : 0; n--;) {
        enum md_part_kind part = (enum md_part_kind)md_random_below(r, MD_PART_FILL + 1);
        struct md_part *p = md_step_part(s, part);
        if (part == MD_PART_BYTES || part == MD_PART_CAS)
            random_bytes(r, p);
        if (part == MD_PART_CAS && p->len == 0)
            md_part_append(p, "k", 1);
        if (part == MD_PART_CAS || part == MD_PART_BASE || part == MD_PART_NOW)
            p->number = md_random_one_in(r, 3) ? 0 : (int64_t)md_random_next(r);
        if (part >= MD_PART_CAS && part <= MD_PART_LEN && md_random_one_in(r, 3))
            p->byte = (uint8_t)md_random_below(r, 9);
        if (part == MD_PART_FILL) {
            p->number = (int64_t)md_random_below(r, 300);
            p->byte = (uint8_t)md_random_below(r, 256);
        }
    }
}

static void random_trace(struct md_random *r, struct md_trace *t) {
    static const char *const heads[] = {HEAD, HEAD "node -C\n", HEAD "node -I 2m\n",
                                        HEAD "node -C -F -m 8 -R 20000\n"};
    static const char *const comments[] = {"", "one", " two\nlines", "\n", "tab\t."};
    must_parse(t, heads[md_random_below(r, 4)]);
    if (md_random_one_in(r, 2))
        t->comment = md_strdup(comments[md_random_below(r, 5)]);
    for (size_t n = md_random_below(r, 12); n--;)
        random_step(r, t);
}

static void random_round_trips(void **state) {
    (void)state;
    struct md_trace t, copy;
    struct md_random r;
    md_random_seed(&r, 1);
    md_trace_init(&t);
    md_trace_init(&copy);
    for (unsigned i = 0; i < 5000; i++) {
        random_trace(&r, &t);
        assert_round_trip(&t);
        md_trace_copy(&copy, &t);
        assert_true(md_trace_equal(&t, &copy));
    }
    md_trace_free(&t);
    md_trace_free(&copy);
}

/* Broken text: whatever the lenient parser makes of it survives the round trip. */
static void random_damage(void **state) {
    (void)state;
    struct md_trace t;
    struct md_trace_error e;
    struct md_random r;
    struct md_buf text = {0};
    md_random_seed(&r, 2);
    md_trace_init(&t);
    for (unsigned i = 0; i < 5000; i++) {
        random_trace(&r, &t);
        md_buf_clear(&text);
        md_trace_print(&t, &text);
        for (unsigned k = 0; k < 4; k++)
            text.data[md_random_below(&r, text.len)] = (uint8_t)md_random_next(&r);
        if (!md_trace_parse(&t, text.data, text.len, &e))
            assert_true(e.line > 0 && e.column > 0 && e.message[0]);
        md_trace_parse_lenient(&t, text.data, text.len);
        assert_round_trip(&t);
    }
    md_buf_free(&text);
    md_trace_free(&t);
}

/* ---- symbols to bytes -------------------------------------------------------------------- */

struct at {
    struct md_model *m;
    struct md_reply reply;
};

static void at_feed(struct at *a, const char *text) {
    md_model_feed(a->m, 0, text, strlen(text), &a->reply);
}

/* A model in which CAS values of "k" and "a b" have been seen. */
static void at_init(struct at *a) {
    struct md_options o;
    bool exact;
    md_options_default(&o);
    *a = (struct at){.m = md_model_new(md_profile_find("1.6.18", &exact), &o, MD_START_TIME)};
    md_model_open(a->m, 0);
    at_feed(a, "set x 0 0 1\r\nx\r\nset k 0 0 1\r\n1\r\n");
    at_feed(a, "gets k\r\n");
    md_model_advance(a->m, 100);
}

static void at_free(struct at *a) {
    md_reply_free(&a->reply);
    md_model_free(a->m);
}

static void assert_resolves(struct at *a, const char *bytes, const char *expected) {
    struct md_trace t;
    struct md_buf text = {0}, out = {0};
    struct md_trace_error e;
    md_trace_init(&t);
    md_buf_printf(&text, HEAD "send 0 \"%s\"\n", bytes);
    assert_true(md_trace_parse(&t, text.data, text.len, &e));
    md_buf_str(&out, "before");
    md_step_resolve(&t.steps[0], a->m, 1 << 20, &out);
    assert_string_equal(md_buf_cstr(&out) + 6, expected);
    size_t whole = out.len - 6;
    for (size_t limit = 0; limit <= whole; limit++) { /* a limit is a prefix */
        md_buf_clear(&out);
        md_step_resolve(&t.steps[0], a->m, limit, &out);
        assert_int_equal(out.len, limit);
        assert_memory_equal(md_buf_cstr(&out), expected, limit);
    }
    md_buf_free(&text);
    md_buf_free(&out);
    md_trace_free(&t);
}

static void resolving(void **state) {
    (void)state;
    struct at a;
    char cas[64];
    at_init(&a);
    uint64_t seen = md_model_cas_seen(a.m, "k", 1), base = md_model_cas_base(a.m);
    assert_true(seen > base);
    snprintf(cas, sizeof cas, "%" PRIu64 " %" PRIu64 " %" PRIu64, seen, seen + 1, seen - 1);
    assert_resolves(&a, "{cas k} {cas k +1} {cas k -1}", cas);
    snprintf(cas, sizeof cas, "%" PRIu64 " %" PRIu64, base, base + 7);
    assert_resolves(&a, "{cas never} {base+7}", cas);
    snprintf(cas, sizeof cas, "%" PRIu64, base - 1);
    assert_resolves(&a, "{base-1}", cas);
    assert_resolves(&a, "{now+0} {now-1} {now+2592001}", "1000000100 1000000099 1002592101");
    assert_resolves(&a, "{now-2000000000}", "-999999900");
    assert_resolves(&a, "{fill 3 61}b{fill 0 61}", "aaab");
    assert_resolves(&a, "a{block}b{/block}c", "abc");
    at_free(&a);
}

static void measuring(void **state) {
    (void)state;
    struct at a;
    at_init(&a);
    assert_resolves(&a, "{len}", "0");
    assert_resolves(&a, "{block}x{/block}{len}", "x0");
    assert_resolves(&a, "{len} {block}hello{/block}!", "5 hello!");
    assert_resolves(&a, "{len} {block}hello", "5 hello");
    assert_resolves(&a, "{len} {block}{/block}", "0 ");
    assert_resolves(&a, "{len} {block}{fill 9 61}b{now+0}{/block}", "20 aaaaaaaaab1000000100");
    assert_resolves(&a, "{len} {block}ab{/block} {len} {block}c{/block}", "2 ab 1 c");
    assert_resolves(&a, "{len} {len} {block}ab{/block} {block}c{/block}", "2 2 ab c");
    /* The first end ends it; a length inside a block counts its own digits. */
    assert_resolves(&a, "{len} {block}a{block}b{/block}c{/block}", "2 abc");
    assert_resolves(&a, "{len} {block}{len} {/block}{block}{fill 10 61}{/block}",
                    "3 10 aaaaaaaaaa");
    at_free(&a);
}

/* Many lengths that depend on each other: linear, and more parts than fit on the stack. */
static void measuring_many(void **state) {
    (void)state;
    struct at a;
    struct md_trace t;
    struct md_buf out = {0};
    at_init(&a);
    md_trace_init(&t);
    struct md_step *s = md_trace_add(&t, MD_STEP_SEND, 0);
    for (unsigned i = 0; i < 20000; i++) {
        md_step_part(s, MD_PART_LEN);
        md_step_part(s, MD_PART_BLOCK);
    }
    md_step_bytes(s, "x", 1);
    md_step_resolve(s, a.m, MD_TRACE_BYTES_MAX, &out);
    assert_int_equal(out.data[out.len - 1], 'x');
    assert_int_equal(out.data[out.len - 2], '1'); /* the last length, of "x" */
    assert_int_equal(out.data[out.len - 3], '2'); /* the one before, of "1x" */
    md_buf_free(&out);
    md_trace_free(&t);
    at_free(&a);
}

/* ---- the committed traces ---------------------------------------------------------------- */

static bool md_ends_with(const char *s, const char *end) {
    size_t n = strlen(s), m = strlen(end);
    return n >= m && strcmp(s + n - m, end) == 0;
}

/* One file: strict, with a comment that says what it is for, and in canonical form. */
static int seed(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    struct md_trace t;
    struct md_trace_error e;
    struct md_buf text = {0};
    char file[64 * 1024];
    (void)ftw;
    if (type != FTW_F || !md_ends_with(path, ".trace"))
        return 0;
    md_trace_init(&t);
    if (!md_trace_load(&t, path, &e))
        fail_msg("%s:%" PRIu32 ":%" PRIu32 ": %s", path, e.line, e.column, e.message);
    if (!t.comment || t.n_steps == 0)
        fail_msg("%s: a seed says in a comment what it is for, and has steps", path);
    md_trace_print(&t, &text);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(file, 1, sizeof file, f) : 0;
    if (f)
        fclose(f);
    if (n != (size_t)st->st_size || n != text.len || memcmp(file, text.data, n))
        fail_msg("%s is not in canonical form:\n%s", path, md_buf_cstr(&text));
    md_buf_free(&text);
    md_trace_free(&t);
    return 0;
}

static void seeds_are_canonical(void **state) {
    const char *corpus = getenv("MEMDIVERGE_CORPUS");
    char path[PATH_MAX];
    (void)state;
    if (!corpus)
        fail_msg("set MEMDIVERGE_CORPUS to the folder corpus/ (CTest does)");
    snprintf(path, sizeof path, "%s/seeds", corpus);
    assert_int_equal(nftw(path, seed, 16, FTW_PHYS), 0);
}

/* ---- cost -------------------------------------------------------------------------------- */

static double now_us(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* No assertion on time: a loaded machine is no fault. The figure is there to be looked at. */
static void cost(void **state) {
    enum { ROUNDS = 2000 };
    (void)state;
    struct md_trace t;
    struct md_buf text = {0}, out = {0};
    md_trace_init(&t);
    md_buf_str(&text, HEAD);
    for (unsigned i = 0; i < 10; i++)
        md_buf_str(&text, "send 0 \"set key1 0 30 5\\r\\n\"\n     + \"hello\\r\\n\"\n"
                          "send 1 \"get key1\\r\\n\"\n");
    double start = now_us();
    for (unsigned i = 0; i < ROUNDS; i++)
        md_trace_parse_lenient(&t, text.data, text.len);
    double parsed = now_us();
    for (unsigned i = 0; i < ROUNDS; i++) {
        md_buf_clear(&out);
        md_trace_print(&t, &out);
    }
    double printed = now_us();
    print_message("20 commands: parse %.2f us, print %.2f us\n", (parsed - start) / ROUNDS,
                  (printed - parsed) / ROUNDS);
    assert_int_equal(t.n_steps, 20);
    assert_int_equal(out.len, text.len);
    md_buf_free(&text);
    md_buf_free(&out);
    md_trace_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(example_of_the_header),
        cmocka_unit_test(canonical_form),
        cmocka_unit_test(every_byte),
        cmocka_unit_test(every_symbol),
        cmocka_unit_test(every_error),
        cmocka_unit_test(nul_bytes),
        cmocka_unit_test(lenient_is_total),
        cmocka_unit_test(too_many_steps),
        cmocka_unit_test(too_many_bytes),
        cmocka_unit_test(clock_is_cut),
        cmocka_unit_test(files),
        cmocka_unit_test(building),
        cmocka_unit_test(memory_is_kept_but_not_its_contents),
        cmocka_unit_test(equality_sees_everything),
        cmocka_unit_test(random_round_trips),
        cmocka_unit_test(random_damage),
        cmocka_unit_test(resolving),
        cmocka_unit_test(measuring),
        cmocka_unit_test(measuring_many),
        cmocka_unit_test(seeds_are_canonical),
        cmocka_unit_test(cost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
