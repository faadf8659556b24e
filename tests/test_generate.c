/*
 * The random engine: the same seed gives the same trace, and over many traces everything that it is
 * meant to say is said. What was said is counted by a small scanner of its own, which knows lines
 * and nothing of the generator; what it leads to (hits, errors) is counted by the model.
 */
#include "harness/cut.h"
#include "harness/generate.h"
#include "model/model.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TRACES = 4000, SEED = 20 };

/* ---- the source of randomness ------------------------------------------------------------ */

/* Values that the authors' reference programs print. */
static void test_random_reference(void **state) {
    (void)state;
    struct md_random r;
    md_random_seed(&r, 1234567);
    assert_int_equal(r.s[0], UINT64_C(6457827717110365317));
    assert_int_equal(r.s[1], UINT64_C(3203168211198807973));
    assert_int_equal(r.s[2], UINT64_C(9817491932198370423));
    assert_int_equal(r.s[3], UINT64_C(4593380528125082431));
    r = (struct md_random){{1, 2, 3, 4}};
    assert_int_equal(md_random_next(&r), 11520);
    assert_int_equal(md_random_next(&r), 0);
    assert_int_equal(md_random_next(&r), 1509978240);
    assert_int_equal(md_random_next(&r), UINT64_C(1215971899390074240));
}

static void test_random_below(void **state) {
    (void)state;
    struct md_random r;
    unsigned seen[7] = {0};
    md_random_seed(&r, 1);
    for (unsigned i = 0; i < 7000; i++) {
        uint64_t n = md_random_below(&r, 7);
        assert_in_range(n, 0, 6);
        seen[n]++;
    }
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(seen[i], 850, 1150);
    assert_int_equal(md_random_below(&r, 1), 0);
    for (unsigned i = 0; i < 100; i++)
        assert_true(md_random_below(&r, UINT64_MAX) < UINT64_MAX);
}

/* ---- the same every time ----------------------------------------------------------------- */

static uint64_t fingerprint(uint64_t hash, const struct md_trace *t) {
    struct md_buf text = {0};
    md_trace_print(t, &text);
    for (size_t i = 0; i < text.len; i++)
        hash = (hash ^ text.data[i]) * UINT64_C(0x100000001b3);
    md_buf_free(&text);
    return hash;
}

/* The first 300 traces of seed 7: identical on every machine. Whoever changes what the generator says
 * writes down the new fingerprint; a change of compiler or machine must not need that. */
static void same_every_time(enum md_target target, uint64_t wanted) {
    struct md_generate_config config;
    struct md_trace used, fresh;
    uint64_t all = UINT64_C(0xcbf29ce484222325);
    md_generate_config_default(&config);
    md_trace_init(&used);
    for (uint64_t i = 0; i < 300; i++) {
        md_trace_init(&fresh);
        md_generate_for(target, &fresh, 7, i, &config);
        md_generate(&used, 8, i, &config); /* what the memory held before makes no difference */
        if (i < 20)
            assert_false(md_trace_equal(&used, &fresh));
        md_generate_for(target, &used, 7, i, &config);
        assert_true(md_trace_equal(&used, &fresh));
        all = fingerprint(all, &fresh);
        md_trace_free(&fresh);
    }
    md_trace_free(&used);
    if (all != wanted)
        fail_msg("300 traces of seed 7 have the fingerprint 0x%" PRIx64, all);
}

static void test_same_seed_same_trace(void **state) {
    (void)state;
    same_every_time(MD_TARGET_COMMANDS, UINT64_C(0x91385e66d2207baf));
}

static void test_config(void **state) {
    (void)state;
    struct md_generate_config config = {.min_steps = 5, .max_steps = 7, .options = false};
    struct md_trace t;
    md_trace_init(&t);
    for (uint64_t i = 0; i < 1000; i++) {
        md_generate(&t, 1, i, &config);
        assert_in_range(t.n_steps, 5, 7);
        assert_int_equal(t.options.n_args, 0);
    }
    config = (struct md_generate_config){.min_steps = 1, .max_steps = 1};
    for (uint64_t i = 0; i < 1000; i++) {
        md_generate(&t, 2, i, &config);
        assert_int_equal(t.n_steps, 1);
    }
    md_trace_free(&t);
}

/* ---- what is said ------------------------------------------------------------------------ */

/* Everything that a line can be counted as. */
struct counted {
    const char *name;
    unsigned least, most; /* in TRACES traces; most 0: any number */
    bool (*of_line)(const uint8_t *line, size_t n);
    bool (*of_step)(const struct md_trace *t, size_t step);
    unsigned found;
};

static bool starts(const uint8_t *line, size_t n, const char *word) {
    size_t k = strlen(word);
    return n >= k && memcmp(line, word, k) == 0;
}

static bool holds(const uint8_t *line, size_t n, const char *word, size_t k) {
    return memmem(line, n, word, k) != NULL;
}

static size_t tokens(const uint8_t *line, size_t n) {
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        found += line[i] != ' ' && (i == 0 || line[i - 1] == ' ');
    return found;
}

/* Token number `at`, 0 the word; its length, 0 if there is none. */
static size_t token(const uint8_t *line, size_t n, size_t at, const uint8_t **from) {
    for (size_t i = 0; i < n; i++) {
        if (line[i] == ' ' || (i > 0 && line[i - 1] != ' '))
            continue;
        if (at-- > 0)
            continue;
        size_t end = i;
        while (end < n && line[end] != ' ' && line[end] != '\r')
            end++;
        *from = line + i;
        return end - i;
    }
    return 0;
}

static bool token_is(const uint8_t *line, size_t n, size_t at, const char *word) {
    const uint8_t *from;
    size_t k = token(line, n, at, &from);
    return k == strlen(word) && k && memcmp(from, word, k) == 0;
}

static bool is_store(const uint8_t *line, size_t n) {
    return starts(line, n, "set ") || starts(line, n, "add ") || starts(line, n, "replace ") ||
           starts(line, n, "append ") || starts(line, n, "prepend ") || starts(line, n, "cas ");
}

static bool is_get(const uint8_t *line, size_t n) {
    return starts(line, n, "get ") || starts(line, n, "gets ");
}

#define LINE(name, ...)                                                                            \
    static bool name(const uint8_t *line, size_t n) {                                              \
        (void)line;                                                                                \
        return __VA_ARGS__;                                                                        \
    }
#define SAID(name, word) LINE(name, starts(line, n, word " "))
#define QUIET(name, word) LINE(name, starts(line, n, word " ") && holds(line, n, " noreply\r", 9))
SAID(said_set, "set")
SAID(said_add, "add")
SAID(said_replace, "replace")
SAID(said_append, "append")
SAID(said_prepend, "prepend")
SAID(said_cas, "cas")
SAID(said_get, "get")
SAID(said_gets, "gets")
SAID(said_gat, "gat")
SAID(said_gats, "gats")
SAID(said_bget, "bget")
SAID(said_delete, "delete")
SAID(said_incr, "incr")
SAID(said_decr, "decr")
SAID(said_touch, "touch")
SAID(said_verbosity, "verbosity")
LINE(said_flush, starts(line, n, "flush_all"))
LINE(said_version, starts(line, n, "version"))
LINE(said_quit, starts(line, n, "quit"))
LINE(said_stats, n == 6 && starts(line, n, "stats\r"))
LINE(said_stats_reset, n == 12 && starts(line, n, "stats reset\r"))
LINE(said_stats_other, starts(line, n, "stats ") && !starts(line, n, "stats reset"))
LINE(said_shutdown, starts(line, n, "shutdown"))
LINE(said_http, holds(line, n, " HTTP/", 6))
LINE(said_upper, starts(line, n, "Set ") || starts(line, n, "Get ") || starts(line, n, "Delete "))
LINE(said_tab, starts(line, n, "get\t") || starts(line, n, "set\t"))
LINE(said_empty, n == 1 && line[0] == '\r')
QUIET(quiet_set, "set")
QUIET(quiet_add, "add")
QUIET(quiet_replace, "replace")
QUIET(quiet_append, "append")
QUIET(quiet_prepend, "prepend")
QUIET(quiet_cas, "cas")
QUIET(quiet_delete, "delete")
QUIET(quiet_incr, "incr")
QUIET(quiet_decr, "decr")
QUIET(quiet_touch, "touch")
QUIET(quiet_flush, "flush_all")
QUIET(quiet_verbosity, "verbosity")
LINE(get_3_keys, is_get(line, n) && tokens(line, n) == 4)
LINE(get_24_keys, is_get(line, n) && tokens(line, n) >= 24 && tokens(line, n) <= 27)
LINE(get_100_keys, is_get(line, n) && tokens(line, n) == 101)
LINE(gat_keys, starts(line, n, "gat ") && tokens(line, n) >= 4)
LINE(line_2048, n > 2048)
LINE(line_16384, n > 16384)
LINE(line_nul, (is_get(line, n) || is_store(line, n)) && memchr(line, 0, n) != NULL)
LINE(bare_newline, (is_get(line, n) || is_store(line, n)) && line[n - 1] != '\r')
LINE(few_tokens, is_store(line, n) && tokens(line, n) < 5)
LINE(many_tokens, is_store(line, n) && tokens(line, n) > 7)
LINE(delete_0, starts(line, n, "delete ") && token_is(line, n, 2, "0") && tokens(line, n) == 3)
LINE(delete_0_quiet,
     starts(line, n, "delete ") && token_is(line, n, 2, "0") && token_is(line, n, 3, "noreply"))
LINE(delete_5, starts(line, n, "delete ") && token_is(line, n, 2, "5"))
LINE(flush_plain, n == 10 && starts(line, n, "flush_all\r"))
LINE(flush_later, token_is(line, n, 0, "flush_all") && token_is(line, n, 1, "2"))
LINE(flush_minus, token_is(line, n, 0, "flush_all") && token_is(line, n, 1, "-1"))
LINE(flush_unix, token_is(line, n, 0, "flush_all") && token_is(line, n, 1, "999999999"))
LINE(ttl_minus, is_store(line, n) && token_is(line, n, 3, "-1"))
LINE(ttl_soon, is_store(line, n) && token_is(line, n, 3, "3"))
LINE(ttl_30_days, is_store(line, n) && token_is(line, n, 3, "2592000"))
LINE(ttl_30_days_more, is_store(line, n) && token_is(line, n, 3, "2592001"))
LINE(ttl_before_start, is_store(line, n) && token_is(line, n, 3, "999999999"))
LINE(ttl_31_bit, is_store(line, n) && token_is(line, n, 3, "2147483647"))
LINE(ttl_32_bit, is_store(line, n) && token_is(line, n, 3, "4294967297"))
LINE(flags_32_bit, is_store(line, n) && token_is(line, n, 2, "4294967295"))
LINE(flags_over, is_store(line, n) && token_is(line, n, 2, "4294967296"))
LINE(length_minus, is_store(line, n) && token_is(line, n, 4, "-1"))
LINE(length_huge, is_store(line, n) && token_is(line, n, 4, "2147483647"))
LINE(length_cut, is_store(line, n) && token_is(line, n, 4, "4294967297"))
LINE(length_limit, is_store(line, n) && token_is(line, n, 4, "1048516"))
LINE(cas_zero, starts(line, n, "cas ") && token_is(line, n, 5, "0"))
LINE(delta_max, starts(line, n, "incr ") && token_is(line, n, 2, "18446744073709551615"))
LINE(delta_over, starts(line, n, "incr ") && token_is(line, n, 2, "18446744073709551616"))
LINE(delta_minus, starts(line, n, "decr ") && token_is(line, n, 2, "-1"))
LINE(delta_text, starts(line, n, "incr ") && token_is(line, n, 2, "a"))
LINE(value_max, n == 21 && starts(line, n, "18446744073709551615"))
LINE(value_over, n == 21 && starts(line, n, "99999999999999999999"))
LINE(value_31_bit, n == 11 && starts(line, n, "4294967296"))
LINE(value_blank, n == 3 && starts(line, n, "5 "))
LINE(value_signed, n == 3 && starts(line, n, "+5"))

LINE(said_mg, starts(line, n, "mg "))
LINE(said_ms, starts(line, n, "ms "))
LINE(said_md, starts(line, n, "md "))
LINE(said_ma, starts(line, n, "ma "))
LINE(said_me, starts(line, n, "me "))
LINE(meta_base64, starts(line, n, "mg ") && token_is(line, n, 2, "b"))

static size_t key_size(const uint8_t *line, size_t n) {
    const uint8_t *from;
    return is_get(line, n) || is_store(line, n) ? token(line, n, 1, &from) : 0;
}
LINE(key_1, key_size(line, n) == 1)
LINE(key_249, key_size(line, n) == 249)
LINE(key_250, key_size(line, n) == 250)
LINE(key_251, key_size(line, n) == 251)
static bool key_byte(const uint8_t *line, size_t n, uint8_t from, uint8_t to) {
    const uint8_t *key;
    size_t k = key_size(line, n) && token(line, n, 1, &key) ? token(line, n, 1, &key) : 0;
    for (size_t i = 0; i < k; i++)
        if (key[i] >= from && key[i] <= to)
            return true;
    return false;
}
LINE(key_control, key_byte(line, n, 1, 31))
LINE(key_high, key_byte(line, n, 128, 255))

#define STEP(name, ...)                                                                            \
    static bool name(const struct md_trace *t, size_t i) {                                         \
        const struct md_step *s = &t->steps[i];                                                    \
        (void)s;                                                                                   \
        return __VA_ARGS__;                                                                        \
    }
static bool has_part(const struct md_step *s, enum md_part_kind kind) {
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i].kind == kind)
            return true;
    return false;
}
/* Its last byte is no line end: the rest comes later, or never. */
static bool is_cut(const struct md_step *s) {
    const struct md_part *p = s->n_parts ? &s->parts[s->n_parts - 1] : NULL;
    return s->kind == MD_STEP_SEND && p &&
           (p->kind != MD_PART_BYTES || p->len == 0 || p->bytes[p->len - 1] != '\n');
}
static bool cut_by_other(const struct md_trace *t, size_t i) {
    return is_cut(&t->steps[i]) && i + 1 < t->n_steps && t->steps[i + 1].kind == MD_STEP_SEND &&
           t->steps[i + 1].conn != t->steps[i].conn;
}
static bool batch_of_20(const struct md_trace *t, size_t i) {
    size_t lines = 0;
    for (size_t p = 0; p < t->steps[i].n_parts; p++)
        for (size_t b = 0; b < t->steps[i].parts[p].len; b++)
            lines += t->steps[i].parts[p].bytes[b] == '\n';
    return lines >= 40;
}
static bool clock_of(const struct md_step *s, uint32_t from, uint32_t to) {
    return s->kind == MD_STEP_CLOCK && s->seconds >= from && s->seconds <= to;
}
STEP(step_send, s->kind == MD_STEP_SEND)
STEP(step_open, s->kind == MD_STEP_OPEN)
STEP(step_close, s->kind == MD_STEP_CLOSE)
STEP(step_shutdown, s->kind == MD_STEP_SHUTDOWN)
STEP(step_node, s->kind > MD_STEP_CLOCK)
STEP(step_conn_3, s->conn == 3)
STEP(step_conn_4, s->conn > 3)
STEP(step_cut, is_cut(s))
STEP(cut_and_closed, is_cut(s) && i + 1 < t->n_steps && t->steps[i + 1].kind == MD_STEP_CLOSE)
STEP(cut_and_clock, is_cut(s) && i + 1 < t->n_steps && t->steps[i + 1].kind == MD_STEP_CLOCK)
STEP(clock_0, clock_of(s, 0, 0))
STEP(clock_1, clock_of(s, 1, 1))
STEP(clock_30, clock_of(s, 29, 31))
STEP(clock_60, clock_of(s, 59, 61))
STEP(clock_100, clock_of(s, 100, 100))
STEP(clock_30_days, clock_of(s, 2591999, 2592001))
STEP(clock_far, clock_of(s, 10000000, MD_CLOCK_STEP_MAX))
STEP(part_cas, has_part(s, MD_PART_CAS))
STEP(part_base, has_part(s, MD_PART_BASE))
STEP(part_now, has_part(s, MD_PART_NOW))
STEP(part_block, has_part(s, MD_PART_BLOCK))
STEP(part_fill, has_part(s, MD_PART_FILL))
STEP(node_options, i == 0 && t->options.n_args > 0)
STEP(one_command, i == 0 && t->n_steps == 1)
/* The first byte of a connection: 0x80 would make it a binary one. */
static bool binary(const struct md_trace *t, size_t i) {
    const struct md_step *s = &t->steps[i];
    for (size_t j = 0; j < i; j++)
        if (t->steps[j].kind == MD_STEP_SEND && t->steps[j].conn == s->conn)
            return false;
    return s->kind == MD_STEP_SEND && s->n_parts && s->parts[0].len && s->parts[0].bytes[0] == 0x80;
}

/* The least are about a third of what is usual: a feature that is lost is seen, chance is not. */
#define ROW(name, least, most)                                                                     \
    { #name, least, most, name, NULL, 0 }
#define STEP_ROW(name, least, most)                                                                \
    { #name, least, most, NULL, name, 0 }
/* clang-format off */
static const struct counted rows[] = {
    ROW(said_set, 5000, 0), ROW(said_add, 500, 0), ROW(said_replace, 500, 0),
    ROW(said_append, 500, 0), ROW(said_prepend, 500, 0), ROW(said_cas, 800, 0),
    ROW(said_get, 4000, 0), ROW(said_gets, 1500, 0), ROW(said_gat, 500, 0),
    ROW(said_gats, 400, 0), ROW(said_bget, 30, 0), ROW(said_delete, 700, 0),
    ROW(said_incr, 500, 0), ROW(said_decr, 500, 0), ROW(said_touch, 500, 0),
    ROW(said_verbosity, 40, 400), ROW(said_flush, 300, 0), ROW(said_version, 60, 0),
    ROW(said_quit, 60, 0), ROW(said_stats, 300, 2000), ROW(said_stats_reset, 30, 400),
    ROW(said_stats_other, 80, 0), ROW(said_shutdown, 20, 0), ROW(said_http, 5, 0),
    ROW(said_upper, 10, 0), ROW(said_tab, 10, 0), ROW(said_empty, 10, 0),
    ROW(quiet_set, 300, 0), ROW(quiet_add, 30, 0), ROW(quiet_replace, 30, 0),
    ROW(quiet_append, 30, 0), ROW(quiet_prepend, 30, 0), ROW(quiet_cas, 40, 0),
    ROW(quiet_delete, 50, 0), ROW(quiet_incr, 30, 0), ROW(quiet_decr, 30, 0),
    ROW(quiet_touch, 30, 0), ROW(quiet_flush, 20, 0), ROW(quiet_verbosity, 2, 0),
    ROW(get_3_keys, 200, 0), ROW(get_24_keys, 10, 0), ROW(get_100_keys, 3, 0),
    ROW(gat_keys, 100, 0), ROW(line_2048, 30, 0), ROW(line_16384, 5, 0), ROW(line_nul, 20, 0),
    ROW(bare_newline, 40, 0), ROW(few_tokens, 60, 0), ROW(many_tokens, 20, 0),
    ROW(delete_0, 40, 0), ROW(delete_0_quiet, 3, 0), ROW(delete_5, 5, 0),
    ROW(flush_plain, 100, 0), ROW(flush_later, 20, 0), ROW(flush_minus, 3, 0),
    ROW(flush_unix, 2, 0), ROW(ttl_minus, 100, 0), ROW(ttl_soon, 200, 0), ROW(ttl_30_days, 40, 0),
    ROW(ttl_30_days_more, 20, 0), ROW(ttl_before_start, 5, 0), ROW(ttl_31_bit, 5, 0),
    ROW(ttl_32_bit, 5, 0), ROW(flags_32_bit, 50, 0), ROW(flags_over, 2, 0),
    ROW(length_minus, 5, 0), ROW(length_huge, 5, 0), ROW(length_cut, 5, 0),
    ROW(length_limit, 1, 0), ROW(cas_zero, 40, 0), ROW(delta_max, 1, 0), ROW(delta_over, 2, 0),
    ROW(delta_minus, 1, 0), ROW(delta_text, 0, 0), ROW(value_max, 80, 0), ROW(value_over, 80, 0),
    ROW(value_31_bit, 80, 0), ROW(value_blank, 3, 0), ROW(value_signed, 3, 0), ROW(said_mg, 1200, 0),
    ROW(said_ms, 900, 0), ROW(said_md, 350, 0), ROW(said_ma, 500, 0), ROW(said_me, 150, 0),
    ROW(meta_base64, 20, 0),
    ROW(key_1, 3000, 0), ROW(key_249, 30, 0), ROW(key_250, 100, 0), ROW(key_251, 40, 0),
    ROW(key_control, 100, 0), ROW(key_high, 300, 0),
    STEP_ROW(step_send, 15000, 0), STEP_ROW(step_open, 60, 0), STEP_ROW(step_close, 300, 0),
    STEP_ROW(step_shutdown, 60, 0), STEP_ROW(step_node, 1, 40), STEP_ROW(step_conn_3, 500, 0),
    STEP_ROW(step_conn_4, 10, 100), STEP_ROW(step_cut, 800, 0), STEP_ROW(cut_and_closed, 20, 0),
    STEP_ROW(cut_and_clock, 60, 0), STEP_ROW(cut_by_other, 60, 0), STEP_ROW(batch_of_20, 8, 0),
    STEP_ROW(clock_0, 60, 0), STEP_ROW(clock_1, 600, 0), STEP_ROW(clock_30, 60, 0),
    STEP_ROW(clock_60, 60, 0), STEP_ROW(clock_100, 20, 0), STEP_ROW(clock_30_days, 20, 0),
    STEP_ROW(clock_far, 1, 60), STEP_ROW(part_cas, 800, 0), STEP_ROW(part_base, 200, 0),
    STEP_ROW(part_now, 300, 0), STEP_ROW(part_block, 300, 0), STEP_ROW(part_fill, 500, 0),
    STEP_ROW(node_options, TRACES / 14, TRACES / 7), STEP_ROW(one_command, 50, 0),
    STEP_ROW(binary, 0, 1),
};
/* clang-format on */
enum { ROWS = sizeof rows / sizeof *rows };

static void count_lines(struct counted *table, const struct md_buf *bytes) {
    size_t at = 0;
    while (at < bytes->len) {
        const uint8_t *line = bytes->data + at;
        const uint8_t *lf = memchr(line, '\n', bytes->len - at);
        size_t n = lf ? (size_t)(lf - line) : bytes->len - at;
        for (size_t i = 0; lf && n > 0 && i < ROWS; i++)
            table[i].found += table[i].of_line && table[i].of_line(line, n);
        at += n + 1;
    }
}

static void count_trace(struct counted *table, const struct md_trace *t,
                        const struct md_model *model) {
    struct md_buf bytes = {0};
    bool cut[MD_CONNECTIONS_MAX] = {false};
    for (size_t s = 0; s < t->n_steps; s++) {
        for (size_t i = 0; i < ROWS; i++)
            table[i].found += table[i].of_step && table[i].of_step(t, s);
        if (t->steps[s].kind != MD_STEP_SEND)
            continue;
        /* A cut send and its rest would show halves of lines. */
        bool half = cut[t->steps[s].conn];
        cut[t->steps[s].conn] = is_cut(&t->steps[s]);
        if (half || is_cut(&t->steps[s]))
            continue;
        md_buf_clear(&bytes);
        md_step_resolve(&t->steps[s], model, 1 << 16, &bytes);
        count_lines(table, &bytes);
    }
    md_buf_free(&bytes);
}

static struct md_model *new_model(void) {
    bool exact;
    struct md_options options;
    md_options_default(&options);
    return md_model_new(md_profile_find("1.6.18", &exact), &options, 1000000000);
}

static void test_everything_is_said(void **state) {
    (void)state;
    struct counted table[ROWS];
    struct md_generate_config config;
    struct md_trace t;
    struct md_model *model = new_model();
    unsigned wrong = 0;
    memcpy(table, rows, sizeof rows);
    md_generate_config_default(&config);
    md_trace_init(&t);
    for (uint64_t i = 0; i < TRACES; i++) {
        md_generate(&t, SEED, i, &config);
        assert_in_range(t.n_steps, 1, config.max_steps);
        count_trace(table, &t, model);
    }
    md_trace_free(&t);
    md_model_free(model);
    for (size_t i = 0; i < ROWS; i++)
        if (table[i].found < table[i].least || (table[i].most && table[i].found >= table[i].most)) {
            print_error("%s: %u times in %d traces, expected %u or more%s\n", table[i].name,
                        table[i].found, TRACES, table[i].least,
                        table[i].most ? ", but not so many" : "");
            wrong++;
        }
    assert_int_equal(wrong, 0);
}

/* ---- what it leads to -------------------------------------------------------------------- */

struct outcome {
    uint64_t commands, errors, hits, misses, stats, unmodelled;
};

/* False: what follows cannot be predicted. */
static bool play_send(struct outcome *o, struct md_model *m, const struct md_step *s,
                      struct md_reply *reply) {
    struct md_buf bytes = {0};
    enum md_feed_result result = MD_FEED_OK;
    if (!md_model_is_open(m, s->conn))
        md_model_open(m, s->conn);
    md_step_resolve(s, m, MD_TRACE_BYTES_MAX, &bytes);
    for (size_t at = 0; at < bytes.len && result == MD_FEED_OK; at += MD_READ_BUFFER) {
        size_t n = bytes.len - at < MD_READ_BUFFER ? bytes.len - at : MD_READ_BUFFER;
        result = md_model_feed(m, s->conn, bytes.data + at, n, reply);
        o->unmodelled += result == MD_FEED_UNMODELLED;
        for (size_t i = 0; result != MD_FEED_NO_CONNECTION && i < reply->n_commands; i++) {
            unsigned flags = reply->commands[i].flags;
            o->commands++;
            o->errors += (flags & MD_COMMAND_ERROR) != 0;
            o->hits += (flags & MD_COMMAND_HIT) != 0;
            o->misses += flags & MD_COMMAND_MISS && !(flags & MD_COMMAND_HIT);
            o->stats += (flags & MD_COMMAND_STATS) != 0;
        }
        if (reply->closed)
            break;
    }
    md_buf_free(&bytes);
    return result != MD_FEED_UNMODELLED;
}

static void play(struct outcome *o, struct md_model *m, const struct md_trace *t,
                 struct md_reply *reply) {
    md_model_set_options(m, &t->options.model);
    md_model_restart(m, &(struct md_base){.start_time = 1000000000});
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct md_step *s = &t->steps[i];
        switch (s->kind) {
        case MD_STEP_SEND:
            if (!play_send(o, m, s, reply))
                return;
            break;
        case MD_STEP_CLOCK: md_model_advance(m, s->seconds); break;
        case MD_STEP_KILL:
        case MD_STEP_RESTART: md_model_reboot(m); break;
        case MD_STEP_OPEN:
            if (!md_model_is_open(m, s->conn))
                md_model_open(m, s->conn);
            break;
        default: md_model_close(m, s->conn); break;
        }
    }
}

static void test_shares(void **state) {
    (void)state;
    struct md_model *model = new_model();
    struct md_generate_config config;
    struct md_reply reply = {0};
    struct outcome o = {0};
    struct md_trace t;
    md_generate_config_default(&config);
    config.options = false;
    md_trace_init(&t);
    for (uint64_t i = 0; i < TRACES; i++) {
        md_generate(&t, SEED, i, &config);
        play(&o, model, &t, &reply);
    }
    md_trace_free(&t);
    md_reply_free(&reply);
    md_model_free(model);
    print_message("%" PRIu64 " commands: %" PRIu64 " errors, %" PRIu64 " hits, %" PRIu64
                  " misses, %" PRIu64 " stats, %" PRIu64 " traces not modelled to their end\n",
                  o.commands, o.errors, o.hits, o.misses, o.stats, o.unmodelled);
    assert_in_range(o.commands, TRACES * 15, TRACES * 30);
    assert_in_range(o.errors * 100 / o.commands, 5, 25);
    assert_in_range(o.hits * 100 / (o.hits + o.misses), 50, 90);
    assert_in_range(o.stats * 1000 / o.commands, 5, 20);
    assert_in_range(o.unmodelled, 0, TRACES / 50);
}

/* ---- memory under pressure --------------------------------------------------------------- */

enum { PRESSING = 900 };

static void test_eviction_is_the_same_every_time(void **state) {
    (void)state;
    same_every_time(MD_TARGET_EVICTION, UINT64_C(0x66278386f6d9d410));
}

static void test_binary_is_the_same_every_time(void **state) {
    (void)state;
    same_every_time(MD_TARGET_BINARY, UINT64_C(0x93d4027a253385ff));
}

/* Small nodes, not too many bytes, a bounded number of steps; and it is a trace like any other. */
static void test_eviction_traces(void **state) {
    (void)state;
    struct md_generate_config config;
    struct md_trace t, back;
    struct md_trace_error error = {0};
    struct md_buf text = {0};
    uint64_t bytes = 0, most = 0;
    md_generate_config_default(&config);
    md_trace_init(&t);
    md_trace_init(&back);
    for (uint64_t i = 0; i < PRESSING; i++) {
        uint64_t units = 0;
        config.max_steps = i % 10 ? 100 : 1 + (unsigned)i % 7;
        md_generate_eviction(&t, SEED, i, &config);
        assert_true(md_options_tight(&t.options.model));
        assert_in_range(t.n_steps, 1, config.max_steps);
        for (size_t s = 0; s < t.n_steps; s++)
            units += md_step_units(&t.steps[s]);
        bytes += units;
        most = units > most ? units : most;
        text.len = 0;
        md_trace_print(&t, &text);
        assert_true(md_trace_parse(&back, text.data, text.len, &error));
        assert_true(md_trace_equal(&t, &back));
    }
    md_buf_free(&text);
    md_trace_free(&t);
    md_trace_free(&back);
    print_message("%" PRIu64 " bytes each, at most %" PRIu64 "\n", bytes / PRESSING, most);
    assert_in_range(bytes / PRESSING, 500000, 1500000);
    assert_in_range(most, 0, 4 << 20);
}

/* Each rule of memory is met, by the model's own count. */
static void test_eviction_presses(void **state) {
    (void)state;
    static const struct {
        enum md_rule rule;
        unsigned least;
    } rules[] = {
        {MD_RULE_EVICT_TAIL, PRESSING * 12},
        {MD_RULE_RECLAIM, PRESSING},
        {MD_RULE_MISS_EVICTED, PRESSING},
        {MD_RULE_BUMP, PRESSING / 2},
        {MD_RULE_BUMP_SPARED, PRESSING},
        {MD_RULE_ADD_PROMOTES, 5},
        {MD_RULE_LARGE_IN_CHUNKS, PRESSING},
        {MD_RULE_NO_MEMORY, PRESSING / 20},
        {MD_RULE_NO_MEMORY_SET, 5},
        {MD_RULE_NO_MEMORY_DELTA, 1},
        {MD_RULE_CACHE_MEMLIMIT, 20},
        {MD_RULE_MEMLIMIT_BAD, 5},
        {MD_RULE_STATS_ITEMS, PRESSING / 2},
        {MD_RULE_STATS_SLABS, PRESSING / 2},
        {MD_RULE_CACHEDUMP, PRESSING / 2},
        {MD_RULE_MISS_RESTARTED, 1},
        {MD_RULE_TOO_LARGE, 50},
        {MD_RULE_MISS_FLUSHED, 20},
    };
    struct md_model *model = new_model();
    struct md_generate_config config;
    struct md_reply reply = {0};
    struct outcome o = {0};
    struct md_trace t;
    unsigned wrong = 0, segmented = 0;
    md_generate_config_default(&config);
    md_trace_init(&t);
    for (uint64_t i = 0; i < PRESSING; i++) {
        md_generate_eviction(&t, SEED, i, &config);
        if (t.options.model.segmented) /* says nothing without a node to look at */
            segmented++;
        else
            play(&o, model, &t, &reply);
    }
    const struct md_fired *fired = md_model_fired(model);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (fired->rule[rules[i].rule] < rules[i].least) {
            print_error("%s: %" PRIu64 " times in %d traces, expected %u or more\n",
                        md_rule_info(rules[i].rule)->name, fired->rule[rules[i].rule], PRESSING,
                        rules[i].least);
            wrong++;
        }
    print_message("%" PRIu64 " commands: %" PRIu64 " evicted, %" PRIu64 " hits, %" PRIu64
                  " misses, %" PRIu64 " traces not modelled to their end\n",
                  o.commands, fired->rule[MD_RULE_EVICT_TAIL], o.hits, o.misses, o.unmodelled);
    assert_int_equal(wrong, 0);
    assert_in_range(o.unmodelled, 0, PRESSING / 50);
    assert_in_range(segmented, PRESSING / 10, PRESSING / 3);
    md_trace_free(&t);
    md_reply_free(&reply);
    md_model_free(model);
}

/* Where all targets take turns, each worker of a few meets all of them. */
static void test_turns(void **state) {
    (void)state;
    unsigned of[3] = {0};
    for (uint64_t i = 0; i < 4800; i++)
        of[i % 3] += md_generate_turn(1, i) == MD_TARGET_EVICTION;
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(of[i], 60, 140);
    for (unsigned i = 0; i < MD_TARGETS; i++)
        assert_int_equal(md_target_find(md_target_name((enum md_target)i)), i);
    assert_int_equal(md_target_find("none"), MD_TARGETS);
}

/* ---- pieces ------------------------------------------------------------------------------ */

static void test_pieces(void **state) {
    (void)state;
    struct md_random r;
    struct md_buf text = {0};
    md_random_seed(&r, 3);
    for (unsigned i = 0; i < 2000; i++) {
        struct md_step send = {.kind = MD_STEP_SEND};
        md_generate_command(&r, &send);
        assert_true(md_step_units(&send) > 0);
        md_step_free(&send);
        md_buf_clear(&text);
        md_generate_number(&r, &text);
        assert_in_range(text.len, 1, 40);
        assert_null(memchr(text.data, ' ', text.len));
        assert_null(memchr(text.data, '\n', text.len));
        md_buf_clear(&text);
        md_generate_key(&r, &text);
        assert_in_range(text.len, 1, MD_KEY_MAX);
        assert_null(memchr(text.data, ' ', text.len));
        assert_null(memchr(text.data, '\n', text.len));
        assert_null(memchr(text.data, 0, text.len));
    }
    md_buf_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_reference),
        cmocka_unit_test(test_random_below),
        cmocka_unit_test(test_same_seed_same_trace),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_everything_is_said),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_eviction_is_the_same_every_time),
        cmocka_unit_test(test_binary_is_the_same_every_time),
        cmocka_unit_test(test_eviction_traces),
        cmocka_unit_test(test_eviction_presses),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
