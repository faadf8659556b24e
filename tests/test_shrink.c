/*
 * The shrinker against runners that are made up here: what "diverges" is a plain property of the
 * trace, so that the smallest trace is known in advance and the shrinker has to find exactly that.
 * The real runner comes into it in test_cli.sh.
 */
#include "harness/shrink_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the four headers above. */
#include <cmocka.h>

/* ---- a made-up runner --------------------------------------------------------------------- */

/* Whether the trace diverges, and with which signature. */
typedef const char *md_property(const struct md_trace *t, bool fresh);

struct md_runner {
    md_property *property;
    unsigned runs, fresh_runs;
};

enum md_verdict_kind md_runner_run(struct md_runner *r, const struct md_trace *t,
                                   struct md_verdict *v) {
    const char *signature = r->property(t, false);
    r->runs++;
    *v = (struct md_verdict){.kind = signature ? MD_DIVERGED : MD_AGREE};
    if (signature)
        snprintf(v->signature, sizeof v->signature, "%s", signature);
    return v->kind;
}

enum md_verdict_kind md_runner_run_fresh(struct md_runner *r, const struct md_trace *t,
                                         struct md_verdict *v, const struct md_observer *o) {
    const char *signature = r->property(t, true);
    (void)o;
    r->fresh_runs++;
    *v = (struct md_verdict){.kind = signature ? MD_DIVERGED : MD_AGREE};
    if (signature)
        snprintf(v->signature, sizeof v->signature, "%s", signature);
    return v->kind;
}

void md_verdict_free(struct md_verdict *v) { (void)v; }

/* ---- the trace as a row of commands ------------------------------------------------------- */

struct md_said {
    char *text; /* line, without CRLF */
    unsigned conn;
    size_t step;
    size_t data; /* bytes of its data block */
    bool well;   /* as a node would take it */
    uint64_t time;
};

struct md_talk {
    struct md_said *said;
    size_t n, cap;
};

static void md_talk_free(struct md_talk *t) {
    for (size_t i = 0; i < t->n; i++)
        free(t->said[i].text);
    free(t->said);
}

static bool md_starts(const char *text, const char *with) {
    return strncmp(text, with, strlen(with)) == 0;
}

static void md_talk_step(struct md_talk *talk, const struct md_trace *t, size_t i, uint64_t time) {
    struct md_atoms a = {0};
    struct md_buf text = {0};
    struct md_line line;
    md_atoms_of(&t->steps[i], &a);
    for (size_t at = 0; at < a.n; at = line.end) {
        md_line_of(&a, at, &line);
        md_buf_clear(&text);
        for (size_t j = at; j < line.line_end; j++)
            if (a.at[j].kind == MD_PART_FILL)
                md_buf_fill(&text, a.at[j].byte, (size_t)a.at[j].number);
            else if (a.at[j].kind == MD_PART_BYTES && a.at[j].byte != '\r' && a.at[j].byte != '\n')
                md_buf_byte(&text, a.at[j].byte);
        size_t data = 0;
        for (size_t j = line.data; j < line.data + line.n_data; j++)
            data += a.at[j].kind == MD_PART_FILL ? (size_t)a.at[j].number
                                                 : a.at[j].kind == MD_PART_BYTES;
        uint64_t number;
        bool well = line.n_words > 1;
        if (line.length_word) {
            well = line.clean && line.n_words <= 6;
            for (size_t j = 2; j < 4; j++)
                well &= md_word_number(&a, line.word[j], &number);
            if (line.n_words == 6)
                well &= md_word_is(&a, line.word[5], "noreply");
        } else if (md_starts(md_buf_cstr(&text), "set")) {
            well = false;
        }
        talk->said = md_grow(talk->said, &talk->cap, talk->n + 1, sizeof *talk->said);
        talk->said[talk->n++] =
            (struct md_said){md_strdup(md_buf_cstr(&text)), t->steps[i].conn, i, data, well, time};
    }
    md_atoms_free(&a);
    md_buf_free(&text);
}

static struct md_talk md_talk_of(const struct md_trace *t) {
    struct md_talk talk = {0};
    uint64_t time = 0;
    for (size_t i = 0; i < t->n_steps; i++)
        if (t->steps[i].kind == MD_STEP_CLOCK)
            time += t->steps[i].seconds;
        else if (t->steps[i].kind == MD_STEP_SEND)
            md_talk_step(&talk, t, i, time);
    return talk;
}

/* Commands i < j of the trace, the first a `set KEY ...`, the second a `get KEY`. */
static bool md_set_then_get(const struct md_talk *t, size_t i, size_t j) {
    char key[300] = "", want[310];
    if (!t->said[i].well || sscanf(t->said[i].text, "set %299s", key) != 1)
        return false;
    snprintf(want, sizeof want, "get %s", key);
    return i < j && strcmp(t->said[j].text, want) == 0;
}

/* Calls `also` for every set that is later got; true if one suits. */
static bool md_any_pair(const struct md_trace *t,
                        bool (*also)(const struct md_said *set, const struct md_said *get)) {
    struct md_talk talk = md_talk_of(t);
    bool found = false;
    for (size_t i = 0; i < talk.n; i++)
        for (size_t j = i + 1; j < talk.n; j++)
            found |= md_set_then_get(&talk, i, j) && also(&talk.said[i], &talk.said[j]);
    md_talk_free(&talk);
    return found;
}

/* ---- properties --------------------------------------------------------------------------- */

static bool also_anything(const struct md_said *set, const struct md_said *get) {
    (void)set, (void)get;
    return true;
}
static const char *set_then_get(const struct md_trace *t, bool fresh) {
    (void)fresh;
    return md_any_pair(t, also_anything) ? "get.value" : NULL;
}

static bool also_other_connection(const struct md_said *set, const struct md_said *get) {
    return set->conn != get->conn;
}
static const char *two_connections(const struct md_trace *t, bool fresh) {
    (void)fresh;
    return md_any_pair(t, also_other_connection) ? "get.value" : NULL;
}

static bool also_other_step(const struct md_said *set, const struct md_said *get) {
    return set->step != get->step;
}
static const char *two_sends(const struct md_trace *t, bool fresh) {
    (void)fresh;
    return md_any_pair(t, also_other_step) ? "get.value" : NULL;
}

static bool also_expired(const struct md_said *set, const struct md_said *get) {
    unsigned long long exptime = 0;
    return sscanf(set->text, "set %*s %*u %llu", &exptime) == 1 && exptime > 0 &&
           get->time - set->time == exptime;
}
static const char *expired(const struct md_trace *t, bool fresh) {
    (void)fresh;
    return md_any_pair(t, also_expired) ? "get.expired" : NULL;
}

static bool also_large(const struct md_said *set, const struct md_said *get) {
    (void)get;
    return set->data > 1000;
}
static const char *large_value(const struct md_trace *t, bool fresh) {
    (void)fresh;
    return md_any_pair(t, also_large) ? "get.large" : NULL;
}

static bool also_long_key(const struct md_said *set, const struct md_said *get) {
    (void)set;
    return strlen(get->text) == 4 + 250;
}
static const char *long_key(const struct md_trace *t, bool fresh) {
    (void)fresh;
    return md_any_pair(t, also_long_key) ? "get.key" : NULL;
}

static const char *big_delta(const struct md_trace *t, bool fresh) {
    struct md_talk talk = md_talk_of(t);
    unsigned long long delta = 0;
    bool found = false;
    (void)fresh;
    for (size_t i = 0; i < talk.n; i++)
        found |= talk.said[i].well && sscanf(talk.said[i].text, "incr %*s %llu", &delta) == 1 &&
                 md_starts(talk.said[i].text, "incr ") && delta >= 2147483648;
    md_talk_free(&talk);
    return found ? "incr.value" : NULL;
}

static const char *without_cas(const struct md_trace *t, bool fresh) {
    return !t->options.model.cas ? set_then_get(t, fresh) : NULL;
}

/* More than three commands show the first, fewer the other. */
static const char *two_bugs(const struct md_trace *t, bool fresh) {
    struct md_talk talk = md_talk_of(t);
    bool first = talk.n > 3, other = talk.n > 1;
    md_talk_free(&talk);
    (void)fresh;
    return first ? "first" : other ? "other" : NULL;
}

/* A reused node shows it always; a fresh one only behind a `touch`. */
static const char *lies_when_reused(const struct md_trace *t, bool fresh) {
    struct md_talk talk = md_talk_of(t);
    bool touched = false;
    for (size_t i = 0; i < talk.n; i++)
        touched |= md_starts(talk.said[i].text, "touch");
    md_talk_free(&talk);
    return !fresh || touched ? set_then_get(t, fresh) : NULL;
}

/* ---- helpers ------------------------------------------------------------------------------ */

static const char noise[] =
    "memdiverge-trace 1\n"
    "# found somewhere\n"
    "node -C -I 2m\n"
    "open 5\n"
    "send 3 \"version\\r\\nset zebra 7 100 5\\r\\nhello\\r\\nget zebra\\r\\n\"\n"
    "send 2 \"set yak 12345 400 {len} noreply\\r\\n"
    "{block}some longer value{/block}\\r\\ndelete nothing\\r\\n\"\n"
    "clock 60\n"
    "close 3\n"
    "clock 40\n"
    "send 4 \"touch yak 400\\r\\nget zeb\"\n"
    "send 4 \"ra\\r\\n\"\n"
    "send 4 \"incr yak 18446744073709551615\\r\\n\"\n"
    "clock 300\n"
    "send 1 \"gets yak zebra\\r\\nget yak\\r\\n\"\n"
    "send 2 \"get yak\\r\\n\"\n"
    "send 5 \"\\x00\\xff garbage\"\n";

static void md_parse(struct md_trace *t, const char *text) {
    struct md_trace_error error = {0};
    md_trace_init(t);
    if (!md_trace_parse(t, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
}

static void md_expect(md_property *property, const char *from, const char *want) {
    struct md_runner r = {.property = property};
    struct md_shrink_result result;
    struct md_trace t, again;
    struct md_buf text = {0}, second = {0};
    const char *shown;
    md_parse(&t, from);
    shown = property(&t, true);
    assert_non_null(shown);
    assert_true(md_shrink(&r, &t, shown, NULL, &result));
    assert_true(result.minimal);
    md_trace_print(&t, &text);
    assert_string_equal(md_buf_cstr(&text), want);
    assert_string_equal(property(&t, true), shown);
    assert_int_equal(result.bytes, text.len);
    assert_int_equal(result.steps, t.n_steps);
    /* Nothing is left to do. */
    md_trace_init(&again);
    md_trace_copy(&again, &t);
    assert_true(md_shrink(&r, &again, shown, NULL, &result));
    md_trace_print(&again, &second);
    assert_string_equal(md_buf_cstr(&second), want);
    md_trace_free(&t);
    md_trace_free(&again);
    md_buf_free(&text);
    md_buf_free(&second);
}

/* ---- tests -------------------------------------------------------------------------------- */

#define HEAD "memdiverge-trace 1\n"

static void to_two_commands(void **state) {
    (void)state;
    md_expect(set_then_get, noise,
              HEAD "send 0 \"set a 0 0 0\\r\\n\"\n     + \"\\r\\n\"\n"
                   "     + \"get a\\r\\n\"\n");
}

static void keeps_two_connections(void **state) {
    (void)state;
    md_expect(two_connections, noise,
              HEAD "send 0 \"set a 0 0 0\\r\\n\"\n     + \"\\r\\n\"\n"
                   "send 1 \"get a\\r\\n\"\n");
}

static void keeps_a_needed_split(void **state) {
    (void)state;
    md_expect(two_sends, noise,
              HEAD "send 0 \"set a 0 0 0\\r\\n\"\n     + \"\\r\\n\"\n"
                   "send 0 \"get a\\r\\n\"\n");
}

static void lowers_times_together(void **state) {
    (void)state;
    md_expect(expired, noise,
              HEAD "send 0 \"set a 0 1 0\\r\\n\"\n     + \"\\r\\n\"\n"
                   "clock 1\nsend 0 \"get a\\r\\n\"\n");
}

static void finds_the_shortest_value(void **state) {
    (void)state;
    md_expect(large_value,
              HEAD "send 0 \"set key 1 2 70000\\r\\n{fill 70000 41}\\r\\nget key\\r\\n\"\n",
              HEAD "send 0 \"set a 0 0 1001\\r\\n\"\n     + \"{fill 1001 78}\\r\\n\"\n"
                   "     + \"get a\\r\\n\"\n");
}

static void keeps_the_length_of_a_key(void **state) {
    (void)state;
    md_expect(long_key,
              HEAD "send 0 \"set {fill 249 41}B 1 2 3\\r\\nabc\\r\\nget {fill 249 41}B\\r\\n\"\n",
              HEAD "send 0 \"set {fill 250 61} 0 0 0\\r\\n\"\n     + \"\\r\\n\"\n"
                   "     + \"get {fill 250 61}\\r\\n\"\n");
}

static void finds_the_border(void **state) {
    (void)state;
    md_expect(big_delta, noise, HEAD "send 0 \"incr a 2147483648\\r\\n\"\n");
}

static void keeps_the_option(void **state) {
    (void)state;
    md_expect(without_cas, noise,
              HEAD "node -C\nsend 0 \"set a 0 0 0\\r\\n\"\n     + \"\\r\\n\"\n"
                   "     + \"get a\\r\\n\"\n");
}

static void md_count_other(void *ctx, const struct md_trace *t, const struct md_verdict *v) {
    (void)t;
    assert_string_equal(v->signature, "other");
    ++*(unsigned *)ctx;
}

static void never_drifts(void **state) {
    struct md_runner r = {.property = two_bugs};
    unsigned others = 0;
    struct md_shrink_config config = {.ctx = &others, .found_other = md_count_other};
    struct md_shrink_result result;
    struct md_trace t;
    (void)state;
    md_parse(&t, noise);
    assert_true(md_shrink(&r, &t, "first", &config, &result));
    assert_string_equal(two_bugs(&t, true), "first");
    assert_int_equal(result.commands, 4);
    assert_true(others > 0);
    md_trace_free(&t);
}

static void refuses_what_does_not_show(void **state) {
    struct md_runner r = {.property = big_delta};
    struct md_shrink_result result;
    struct md_trace t, before;
    (void)state;
    md_parse(&t, HEAD "send 0 \"get k\\r\\n\"\n");
    md_trace_init(&before);
    md_trace_copy(&before, &t);
    assert_false(md_shrink(&r, &t, "incr.value", NULL, &result));
    assert_true(md_trace_equal(&t, &before));
    md_trace_free(&t);
    md_trace_free(&before);
}

static void believes_fresh_nodes_only(void **state) {
    struct md_runner r = {.property = lies_when_reused};
    struct md_shrink_result result;
    struct md_trace t;
    (void)state;
    md_parse(&t, noise);
    assert_true(md_shrink(&r, &t, "get.value", NULL, &result));
    assert_non_null(lies_when_reused(&t, true));
    assert_true(result.minimal);
    assert_int_equal(result.commands, 3);
    md_trace_free(&t);
}

static bool md_stop(void *ctx, size_t steps, size_t commands, unsigned runs) {
    (void)steps, (void)commands, (void)runs;
    return (*(unsigned *)ctx)-- > 0;
}

static void keeps_to_its_limits(void **state) {
    struct md_runner r = {.property = set_then_get};
    unsigned left = 3;
    struct md_shrink_config config = {.max_runs = 5};
    struct md_shrink_result result;
    struct md_trace t;
    (void)state;
    md_parse(&t, noise);
    assert_true(md_shrink(&r, &t, "get.value", &config, &result));
    assert_false(result.minimal);
    assert_true(r.runs + r.fresh_runs <= 5 + 2); /* the first and the last word of a fresh node */
    assert_non_null(set_then_get(&t, true));

    config = (struct md_shrink_config){.progress = md_stop, .ctx = &left};
    assert_true(md_shrink(&r, &t, "get.value", &config, &result));
    assert_false(result.minimal);
    md_trace_free(&t);
}

/* Property of the result, for many traces: no single step or command can go. */
static void leaves_nothing_single(void **state) {
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++) {
        struct md_runner r = {.property = expired};
        struct md_shrink_result result;
        struct md_trace t;
        struct md_buf text = {0};
        unsigned x = seed * 2654435761u;
        md_buf_str(&text, HEAD);
        for (unsigned i = 0; i < 60; i++) {
            x = x * 1664525u + 1013904223u;
            unsigned k = x >> 28, e = (x >> 20) & 7, c = (x >> 16) & 3;
            switch ((x >> 12) & 3) {
            case 0: md_buf_printf(&text, "clock %u\n", e); break;
            case 1:
                md_buf_printf(&text, "send %u \"set k%u 0 %u 2\\r\\nhi\\r\\n\"\n", c, k, e);
                break;
            default: md_buf_printf(&text, "send %u \"get k%u\\r\\n\"\n", c, k); break;
            }
        }
        md_parse(&t, md_buf_cstr(&text));
        if (expired(&t, true)) {
            assert_true(md_shrink(&r, &t, "get.expired", NULL, &result));
            assert_int_equal(result.steps, 3);
            assert_int_equal(result.commands, 2);
        }
        md_trace_free(&t);
        md_buf_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_two_commands),
        cmocka_unit_test(keeps_two_connections),
        cmocka_unit_test(keeps_a_needed_split),
        cmocka_unit_test(lowers_times_together),
        cmocka_unit_test(finds_the_shortest_value),
        cmocka_unit_test(keeps_the_length_of_a_key),
        cmocka_unit_test(finds_the_border),
        cmocka_unit_test(keeps_the_option),
        cmocka_unit_test(never_drifts),
        cmocka_unit_test(refuses_what_does_not_show),
        cmocka_unit_test(believes_fresh_nodes_only),
        cmocka_unit_test(keeps_to_its_limits),
        cmocka_unit_test(leaves_nothing_single),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
