/*
 * The mutator: deterministic, bounded, safe on hostile bytes, and every edit does what its name
 * says. A mutant is a trace like any other: what is printed of it parses to the same.
 */
#include "fuzz/mutate_internal.h"
#include "harness/cut.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 18 };

static void generate_for(enum md_target target, struct md_trace *t, uint64_t index) {
    struct md_generate_config config;
    md_generate_config_default(&config);
    md_generate_for(target, t, 5, index, &config);
}

static void generate(struct md_trace *t, uint64_t index) {
    generate_for(MD_TARGET_COMMANDS, t, index);
}

static void must_parse(struct md_trace *t, const void *text, size_t len) {
    struct md_trace_error e = {0};
    if (!md_trace_parse(t, text, len, &e))
        fail_msg("%" PRIu32 ":%" PRIu32 ": %s", e.line, e.column, e.message);
}

static void from_text(struct md_trace *t, const char *text) {
    struct md_buf all = {0};
    md_buf_str(&all, "memdiverge-trace 1\n");
    md_buf_str(&all, text);
    must_parse(t, all.data, all.len);
    md_buf_free(&all);
}

/* parse(print(t)) == t. */
static void assert_whole(const struct md_trace *t) {
    struct md_buf text = {0};
    struct md_trace back;
    md_trace_init(&back);
    md_trace_print(t, &text);
    must_parse(&back, text.data, text.len);
    if (!md_trace_equal(t, &back))
        fail_msg("not equal after printing: %s", md_buf_cstr(&text));
    md_trace_free(&back);
    md_buf_free(&text);
}

static void assert_bounded(const struct md_trace *t) {
    size_t bytes = 0, lines = 0;
    uint64_t fill = 0, seconds = 0;
    assert_in_range(t->n_steps, 1, 200);
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct md_step *s = &t->steps[i];
        seconds += s->kind == MD_STEP_CLOCK ? s->seconds : 0;
        for (size_t j = 0; j < s->n_parts; j++) {
            const struct md_part *p = &s->parts[j];
            bytes += p->kind == MD_PART_BYTES ? p->len : 0;
            fill += p->kind == MD_PART_FILL ? (uint64_t)p->number : 0;
            for (size_t k = 0; p->kind == MD_PART_BYTES && k < p->len; k++)
                lines += p->bytes[k] == '\n';
        }
    }
    assert_in_range(bytes, 0, 64 << 10);
    assert_in_range(lines, 0, 2000);
    assert_in_range(fill, 0, 6 << 20);
    assert_in_range(seconds, 0, MD_TRACE_CLOCK_MAX);
}

/* ---- whole mutations --------------------------------------------------------------------- */

static void check_mutants(enum md_target target) {
    struct md_trace t, twin;
    unsigned same = 0;
    md_trace_init(&t);
    md_trace_init(&twin);
    for (uint64_t i = 0; i < 4000; i++) {
        if (i % 40 == 0)
            generate_for(target, &t, i);
        md_trace_copy(&twin, &t);
        md_mutate(&t, target, i);
        same += md_trace_equal(&t, &twin);
        md_mutate(&twin, target, i);
        assert_true(md_trace_equal(&t, &twin));
        assert_bounded(&t);
        assert_whole(&t);
        if (i % 4 == 0) { /* the printed trace mutates like the one in memory */
            struct md_buf text = {0};
            md_trace_print(&twin, &text);
            must_parse(&twin, text.data, text.len);
            md_mutate(&twin, target, ~i);
            md_trace_copy(&t, &twin);
            md_buf_free(&text);
        }
    }
    assert_in_range(same, 0, 120); /* swapping equal steps and the like */
    md_trace_free(&t);
    md_trace_free(&twin);
}

static void test_mutants_are_traces(void **state) {
    (void)state;
    for (unsigned target = 0; target < MD_TARGETS; target++)
        check_mutants((enum md_target)target);
}

static void test_empty_trace_gets_content(void **state) {
    (void)state;
    struct md_trace t;
    md_trace_init(&t);
    for (uint64_t i = 0; i < 50; i++) {
        md_trace_clear(&t);
        md_mutate(&t, (enum md_target)(i % MD_TARGETS), i);
        assert_true(t.n_steps > 0);
    }
    md_trace_free(&t);
}

/* Mutating over and over does not grow without limit, nor wither. */
static void test_long_lineage(void **state) {
    (void)state;
    struct md_trace t;
    size_t steps = 0;
    md_trace_init(&t);
    generate(&t, 1);
    for (uint64_t i = 0; i < 3000; i++) {
        md_mutate(&t, MD_TARGET_COMMANDS, i);
        steps += t.n_steps;
    }
    assert_bounded(&t);
    assert_true(steps > 3000 * 3);
    md_trace_free(&t);
}

static void test_huge_traces_are_cut_down(void **state) {
    (void)state;
    struct md_trace t;
    char line[300];
    md_trace_init(&t);
    memset(line, 'k', sizeof line);
    line[sizeof line - 1] = '\n';
    struct md_step *s = md_trace_add(&t, MD_STEP_SEND, 0);
    for (unsigned i = 0; i < 10000; i++) {
        md_step_bytes(s, line, sizeof line);
        md_step_part(s, MD_PART_FILL)->number = MD_FILL_MAX;
        md_step_part(s, MD_PART_LEN);
    }
    for (unsigned i = 0; i < 5000; i++)
        md_trace_add(&t, MD_STEP_CLOCK, 0)->seconds = 1000000;
    for (uint64_t i = 0; i < 20; i++) {
        md_mutate(&t, MD_TARGET_COMMANDS, i);
        assert_bounded(&t);
    }
    md_trace_free(&t);
}

/* What descends from a trace under pressure stays one: little memory, not too many bytes, and
 * floods do not wither. */
static void test_pressure_is_kept(void **state) {
    (void)state;
    struct md_trace t;
    struct md_node_options before;
    unsigned changes = 0, stores = 0;
    md_node_options_default(&before);
    md_trace_init(&t);
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t fill = 0;
        if (i % 100 == 0)
            generate_for(MD_TARGET_EVICTION, &t, i);
        md_mutate(&t, MD_TARGET_EVICTION, i);
        if (!md_options_tight(&t.options.model))
            fail_msg("mutant %" PRIu64 " has memory enough", i);
        for (size_t s = 0; s < t.n_steps; s++)
            for (size_t j = 0; j < t.steps[s].n_parts; j++) {
                bool is_fill = t.steps[s].parts[j].kind == MD_PART_FILL;
                fill += is_fill ? (uint64_t)t.steps[s].parts[j].number : 0;
                stores += is_fill;
            }
        assert_in_range(fill, 0, 3 << 20);
        changes += !md_node_options_equal(&t.options, &before);
        md_node_options_copy(&before, &t.options);
    }
    assert_in_range(changes, 30, 600);
    assert_true(stores > 3000 * 10);
    md_node_options_free(&before);
    md_trace_free(&t);
}

/* ---- edits ------------------------------------------------------------------------------- */

/* Every edit changes traces, keeps them traces, and says truly whether it did something. */
static void test_every_edit(void **state) {
    (void)state;
    size_t n;
    const struct md_edit_entry *edits = md_edits(&n);
    struct md_trace t, before;
    md_trace_init(&t);
    md_trace_init(&before);
    for (size_t e = 0; e < n; e++) {
        unsigned changed = 0, claimed = 0;
        bool binary = strncmp(edits[e].name, "request-", 8) == 0;
        enum md_target target = binary ? MD_TARGET_BINARY : MD_TARGET_COMMANDS;
        for (uint64_t i = 0; i < 200; i++) {
            struct md_mutation m;
            generate_for(target, &t, i);
            md_trace_copy(&before, &t);
            md_mutation_init(&m, &t, target, i + 1000 * e);
            bool did = edits[e].edit(&m);
            md_mutation_free(&m);
            bool differs = !md_trace_equal(&t, &before);
            if (differs && !did)
                fail_msg("%s changed trace %" PRIu64 " and did not say so", edits[e].name, i);
            claimed += did;
            changed += differs;
            assert_whole(&t);
        }
        if (changed < 20 || changed * 10 < claimed * 8)
            fail_msg("%s changed %u of 200 traces and claims %u", edits[e].name, changed, claimed);
    }
    md_trace_free(&t);
    md_trace_free(&before);
}

static md_edit *find_edit(const char *name) {
    size_t n;
    const struct md_edit_entry *edits = md_edits(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(edits[i].name, name) == 0)
            return edits[i].edit;
    fail_msg("no edit %s", name);
    return NULL;
}

/* Does the edit turn one text into the other, for some seed? */
static bool reaches(const char *name, const char *from, const char *to) {
    struct md_trace t, wanted;
    bool reached = false;
    md_trace_init(&t);
    md_trace_init(&wanted);
    from_text(&wanted, to);
    for (uint64_t seed = 0; seed < 3000 && !reached; seed++) {
        struct md_mutation m;
        from_text(&t, from);
        md_mutation_init(&m, &t, MD_TARGET_COMMANDS, seed);
        find_edit(name)(&m);
        md_mutation_free(&m);
        reached = md_trace_equal(&t, &wanted);
    }
    md_trace_free(&t);
    md_trace_free(&wanted);
    return reached;
}

static const struct {
    const char *edit, *from, *to;
} examples[] = {
    {"word", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n", "send 0 \"add k 0 0 1\\r\\nx\\r\\n\"\n"},
    {"word", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n",
     "send 0 \"cas k 0 0 1 {cas k}\\r\\nx\\r\\n\"\n"},
    {"word", "send 0 \"cas k 0 0 1 9\\r\\nx\\r\\n\"\n", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n"},
    {"word", "send 0 \"incr k 1\\r\\n\"\n", "send 0 \"decr k 1\\r\\n\"\n"},
    {"word", "send 0 \"delete k\\r\\n\"\n", "send 0 \"gat 0 k\\r\\n\"\n"},
    {"reuse-key", "send 0 \"get a\\r\\nget b\\r\\n\"\n", "send 0 \"get a\\r\\nget a\\r\\n\"\n"},
    {"reuse-key", "send 0 \"get a\\r\\n\"\nsend 1 \"get b\\r\\n\"\n",
     "send 0 \"get a\\r\\n\"\nsend 1 \"get a b\\r\\n\"\n"},
    {"new-key", "send 0 \"get a\\r\\n\"\n", "send 0 \"get aa\\r\\n\"\n"},
    {"new-key", "send 0 \"get a\\r\\n\"\n", "send 0 \"get {fill 251 6b}\\r\\n\"\n"},
    {"border", "send 0 \"incr k 1\\r\\n\"\n", "send 0 \"incr k 18446744073709551615\\r\\n\"\n"},
    {"border", "send 0 \"flush_all\\r\\n\"\n", "send 0 \"flush_all 2592001\\r\\n\"\n"},
    {"near", "send 0 \"touch k 30\\r\\n\"\n", "send 0 \"touch k 29\\r\\n\"\n"},
    {"near", "send 0 \"touch k {now+3}\\r\\n\"\n", "send 0 \"touch k {now+4}\\r\\n\"\n"},
    {"near", "send 0 \"touch k 0\\r\\n\"\n", "send 0 \"touch k -1\\r\\n\"\n"},
    {"cas", "send 0 \"cas k 0 0 1 9\\r\\nx\\r\\n\"\n",
     "send 0 \"cas k 0 0 1 {cas k +1}\\r\\nx\\r\\n\"\n"},
    {"cas", "send 0 \"cas k 0 0 1 9\\r\\nx\\r\\n\"\n",
     "send 0 \"cas k 0 0 1 {base+3}\\r\\nx\\r\\n\"\n"},
    {"noreply", "send 0 \"delete k\\r\\n\"\n", "send 0 \"delete k noreply\\r\\n\"\n"},
    {"noreply", "send 0 \"delete k noreply\\r\\n\"\n", "send 0 \"delete k\\r\\n\"\n"},
    {"length", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n", "send 0 \"set k 0 0 0\\r\\n\\r\\n\"\n"},
    {"length", "send 0 \"set k 0 0 {len}\\r\\n{block}x{/block}\\r\\n\"\n",
     "send 0 \"set k 0 0 2\\r\\naa\\r\\n\"\n"},
    {"length-lie", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n",
     "send 0 \"set k 0 0 2\\r\\nx\\r\\n\"\n"},
    {"value", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n",
     "send 0 \"set k 0 0 {len}\\r\\n{block}99{/block}\\r\\n\"\n"},
    {"expiry", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n",
     "send 0 \"set k 0 2 1\\r\\nx\\r\\n\"\nclock 2\nsend 0 \"get k\\r\\n\"\n"},
    {"drop-token", "send 0 \"incr k 1\\r\\n\"\n", "send 0 \"incr k\\r\\n\"\n"},
    {"add-token", "send 0 \"incr k 1\\r\\n\"\n", "send 0 \"incr k noreply 1\\r\\n\"\n"},
    {"flip", "send 0 \"get k\\r\\n\"\n", "send 0 \"get\\x00k\\r\\n\"\n"},
    {"line-end", "send 0 \"get k\\r\\n\"\n", "send 0 \"get k\\n\"\n"},
    {"line-end", "send 0 \"set k 0 0 1\\r\\nx\\r\\n\"\n", "send 0 \"set k 0 0 1\\r\\nx\"\n"},
    {"delete-command", "send 0 \"set k 0 0 5\\r\\nget a\\r\\nget b\\r\\n\"\n",
     "send 0 \"get b\\r\\n\"\n"},
    {"duplicate-command", "send 0 \"set k 0 0 1\\r\\nx\\r\\nget b\\r\\n\"\n",
     "send 0 \"set k 0 0 1\\r\\nx\\r\\nset k 0 0 1\\r\\nx\\r\\nget b\\r\\n\"\n"},
    {"swap-commands", "send 0 \"get a\\r\\nset k 0 0 1\\r\\nx\\r\\nget b\\r\\n\"\n",
     "send 0 \"get b\\r\\nset k 0 0 1\\r\\nx\\r\\nget a\\r\\n\"\n"},
    {"move-command", "send 0 \"get a\\r\\nget b\\r\\n\"\nsend 1 \"get c\\r\\n\"\n",
     "send 0 \"get b\\r\\n\"\nsend 1 \"get a\\r\\nget c\\r\\n\"\n"},
    {"splice", "send 0 \"get a\\r\\nget b\\r\\n\"\nsend 1 \"get c\\r\\n\"\n",
     "send 0 \"get a\\r\\nget b\\r\\n\"\nsend 1 \"get a\\r\\nget b\\r\\nget c\\r\\n\"\n"},
    {"split", "send 0 \"get k\\r\\n\"\n", "send 0 \"get k\\r\"\nsend 0 \"\\n\"\n"},
    {"split", "send 0 \"set k 0 0 {len}\\r\\n{block}{fill 9 61}{/block}\\r\\n\"\n",
     "send 0 \"set k 0 0 9\\r\\n{fill 4 61}\"\nsend 0 \"{fill 5 61}\\r\\n\"\n"},
    {"join", "send 0 \"get k\\r\"\nsend 1 \"get a\\r\\n\"\nsend 0 \"\\n\"\n",
     "send 0 \"get k\\r\\n\"\nsend 1 \"get a\\r\\n\"\n"},
    {"interleave", "send 0 \"get a\\r\\nget b\\r\\n\"\n",
     "send 0 \"get a\\r\\n\"\nclock 1\nsend 0 \"get b\\r\\n\"\n"},
    {"connection", "send 0 \"get a\\r\\n\"\n", "send 2 \"get a\\r\\n\"\n"},
    {"insert-close", "send 0 \"get a\\r\\n\"\n", "send 0 \"get a\\r\\n\"\nshutdown 0\n"},
    {"insert-stats", "send 0 \"get a\\r\\n\"\n",
     "send 0 \"get a\\r\\n\"\nsend 0 \"stats\\r\\n\"\n"},
    {"change-clock", "clock 30\n", "clock 29\n"},
    {"options", "send 0 \"get a\\r\\n\"\n", "node -C\nsend 0 \"get a\\r\\n\"\n"},
    {"options", "node -C\nsend 0 \"get a\\r\\n\"\n", "send 0 \"get a\\r\\n\"\n"},
    {"flood", "send 0 \"set a9 0 0 1\\r\\nx\\r\\nget b\\r\\n\"\n",
     "send 0 \"set a9 0 0 1\\r\\nx\\r\\nset a10 0 0 1\\r\\nx\\r\\nset a11 0 0 1\\r\\nx\\r\\nget "
     "b\\r\\n\"\n"},
    {"class-border", "node -I 512k -m 1 -f 4\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\n",
     "node -I 512k -m 1 -f 4\nsend 0 \"set a 0 0 98244\\r\\n{fill 98244 61}\\r\\n\"\n"},
    {"reboot", "clock 1\n", "clock 1\nrestart\n"},
    {"swap-steps", "clock 1\nclose 0\n", "close 0\nclock 1\n"},
    {"move-step", "clock 1\nclose 0\nclose 1\n", "close 0\nclose 1\nclock 1\n"},
    {"delete-steps", "clock 1\nclose 0\nclose 1\n", "close 1\n"},
    {"duplicate-step", "clock 1\nclose 0\n", "clock 1\nclose 0\nclock 1\n"},
};

static void test_edits_by_example(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        if (!reaches(examples[i].edit, examples[i].from, examples[i].to))
            fail_msg("%s never makes <%s> of <%s>", examples[i].edit, examples[i].to,
                     examples[i].from);
}

/* What an edit of a data block says of its length is true. */
static void test_lengths_stay_true(void **state) {
    (void)state;
    static const char *const names[] = {"length", "value"};
    struct md_trace t;
    md_trace_init(&t);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        struct md_mutation m;
        struct md_view v;
        from_text(&t, "send 0 \"get z\\r\\nset k 0 0 3\\r\\nabc\\r\\nget a\\r\\n\"\n");
        md_mutation_init(&m, &t, MD_TARGET_COMMANDS, seed);
        assert_true(find_edit(names[seed % 2])(&m));
        md_mutation_free(&m);
        md_step_literal_lengths(&t.steps[0]);
        uint64_t units = md_step_units(&t.steps[0]);
        md_mutation_init(&m, &t, MD_TARGET_COMMANDS, seed);
        assert_true(md_pick_view(&m, MD_VIEW_STORE, &v));
        uint8_t said[24] = {0};
        size_t n;
        assert_true(md_span_bytes(&m.cells, v.token[4], said, sizeof said - 1, &n));
        uint64_t length = strtoull((const char *)said, NULL, 10);
        /* "get z", "set k 0 0 ", the number, the block, three line ends, "get a" */
        assert_int_equal(units, 7 + 10 + n + 2 + length + 2 + 7);
        md_mutation_free(&m);
    }
    md_trace_free(&t);
}

/* ---- cuts -------------------------------------------------------------------------------- */

static void test_cut_and_join(void **state) {
    (void)state;
    struct md_trace t, whole;
    md_trace_init(&t);
    md_trace_init(&whole);
    from_text(&whole, "send 0 \"cas k 0 {now+1} {len} {cas k}\\r\\n\"\n"
                      "     + \"{block}a{fill 5 62}{/block}\\r\\n\"\n");
    uint64_t units = md_step_units(&whole.steps[0]);
    assert_int_equal(units, 8 + 1 + 1 + 1 + 1 + 1 + 2 + 6 + 2);
    for (uint64_t at = 0; at <= units + 1; at++) {
        md_trace_copy(&t, &whole);
        struct md_step tail = {.kind = MD_STEP_SEND};
        md_step_cut(&t.steps[0], at, &tail);
        assert_int_equal(md_step_units(&t.steps[0]), at < units ? at : units);
        assert_int_equal(md_step_units(&tail), at < units ? units - at : 0);
        md_step_join(&t.steps[0], &tail);
        struct md_buf text = {0};
        md_step_print(&t.steps[0], &text);
        const char *fill = at == 17 ? "{fill 1 62}{fill 4 62}" : NULL;
        if (fill)
            assert_non_null(strstr(md_buf_cstr(&text), fill));
        assert_non_null(strstr(md_buf_cstr(&text), "cas k 0 {now+1} 6 {cas k}\\r\\n"));
        md_buf_free(&text);
        md_step_free(&tail);
    }
    md_trace_free(&t);
    md_trace_free(&whole);
}

/* ---- crossover --------------------------------------------------------------------------- */

static void test_crossover(void **state) {
    (void)state;
    struct md_trace a, b, child, twin;
    unsigned from_both = 0, options_of_b = 0, woven = 0;
    md_trace_init(&a);
    md_trace_init(&b);
    md_trace_init(&child);
    md_trace_init(&twin);
    from_text(&a, "node -C\nsend 0 \"get a\\r\\n\"\nclock 1\nsend 0 \"get aa\\r\\n\"\n");
    from_text(&b, "node -F\nsend 0 \"get b\\r\\n\"\nclock 2\nsend 1 \"get bb\\r\\n\"\n");
    for (uint64_t seed = 0; seed < 500; seed++) {
        bool of_a = false, of_b = false;
        md_crossover(&child, &a, &b, MD_TARGET_COMMANDS, seed);
        md_crossover(&twin, &a, &b, MD_TARGET_COMMANDS, seed);
        assert_true(md_trace_equal(&child, &twin));
        assert_whole(&child);
        for (size_t i = 0; i < child.n_steps; i++) {
            const struct md_step *s = &child.steps[i];
            if (s->kind != MD_STEP_SEND)
                continue;
            bool is_a = s->parts[0].bytes[4] == 'a';
            of_a |= is_a;
            of_b |= !is_a;
            woven += s->conn == 2;
        }
        from_both += of_a && of_b;
        options_of_b += !child.options.model.flush_enabled;
        assert_int_equal(child.options.n_args, 1);
    }
    assert_in_range(from_both, 200, 450);
    assert_in_range(options_of_b, 50, 250);
    assert_in_range(woven, 50, 450);
    for (uint64_t i = 0; i < 300; i++) {
        generate(&a, i);
        generate(&b, i + 1000);
        md_crossover(&child, &a, &b, MD_TARGET_COMMANDS, i);
        assert_whole(&child);
        if (child.n_steps)
            assert_bounded(&child);
    }
    md_trace_free(&a);
    md_trace_free(&b);
    md_trace_free(&child);
    md_trace_free(&twin);
}

/* ---- byte forms -------------------------------------------------------------------------- */

static size_t text_of(uint64_t index, uint8_t *text) {
    struct md_trace t;
    struct md_buf out = {0};
    md_trace_init(&t);
    generate(&t, index);
    md_trace_print(&t, &out);
    size_t n = out.len < TEXT_MAX ? out.len : TEXT_MAX;
    memcpy(text, out.data, n);
    md_buf_free(&out);
    md_trace_free(&t);
    return n;
}

static void test_text_forms(void **state) {
    (void)state;
    uint8_t *a = malloc(TEXT_MAX), *b = malloc(TEXT_MAX), *out = malloc(TEXT_MAX);
    struct md_trace t;
    md_trace_init(&t);
    for (uint64_t i = 0; i < 500; i++) {
        size_t na = text_of(i, a), nb = text_of(i + 1, b);
        size_t n = md_crossover_text(a, na, b, nb, out, TEXT_MAX, MD_TARGET_COMMANDS, i);
        if (n) {
            must_parse(&t, out, n);
            assert_int_equal(md_crossover_text(a, na, b, nb, b, TEXT_MAX, MD_TARGET_COMMANDS, i),
                             n);
            assert_memory_equal(out, b, n);
        }
        memcpy(b, a, na);
        n = md_mutate_text(a, na, TEXT_MAX, MD_TARGET_COMMANDS, i);
        assert_true(n > 0);
        assert_int_equal(n, md_mutate_text(b, na, TEXT_MAX, MD_TARGET_COMMANDS, i));
        assert_memory_equal(a, b, n);
        must_parse(&t, a, n);
    }
    md_trace_free(&t);
    free(a);
    free(b);
    free(out);
}

/* The result keeps to the room there is, and is a whole trace or nothing. */
static void test_text_fits(void **state) {
    (void)state;
    struct md_trace t;
    unsigned none = 0;
    md_trace_init(&t);
    for (uint64_t i = 0; i < 600; i++) {
        size_t room = 10 + i;
        uint8_t *full = malloc(TEXT_MAX);
        size_t size = text_of(i, full);
        /* Exactly as large as promised, so that a byte too many is seen. */
        uint8_t *data = malloc(room);
        memcpy(data, full, size < room ? size : room);
        size_t n = md_mutate_text(data, size < room ? size : room, room, MD_TARGET_COMMANDS, i);
        assert_in_range(n, 0, room);
        none += n == 0;
        if (n)
            must_parse(&t, data, n);
        n = md_crossover_text(full, size, full, size, data, room, MD_TARGET_COMMANDS, i);
        assert_in_range(n, 0, room);
        if (n)
            must_parse(&t, data, n);
        free(data);
        free(full);
    }
    assert_in_range(none, 1, 300);
    md_trace_free(&t);
}

static void test_hostile_bytes(void **state) {
    (void)state;
    static const char *const pieces[] = {"send 0 \"",
                                         "\"\n",
                                         "{fill 4194304 00}",
                                         "{len}",
                                         "{block}",
                                         "{/block}",
                                         "{cas \\x00\\xff +9}",
                                         "\\r\\n",
                                         "{base+9223372036854775807}",
                                         "{now-9223372036854775808}",
                                         "set k 0 0 4294967296\\r\\n",
                                         "clock 100000000\n",
                                         "kill\n",
                                         "stop\n",
                                         "restart\n",
                                         "node -I 2m\n",
                                         "+ \"",
                                         "open 15\n",
                                         "# x\n",
                                         "memdiverge-trace 1\n",
                                         "\\n\\n",
                                         "get ",
                                         "   "};
    uint8_t *data = malloc(TEXT_MAX);
    struct md_random r;
    struct md_trace t;
    md_random_seed(&r, 9);
    md_trace_init(&t);
    for (uint64_t i = 0; i < 1500; i++) {
        size_t n = 0;
        if (i % 3 == 0) { /* a trace with bytes overwritten */
            n = text_of(i, data);
            for (unsigned j = 0; j < 20; j++)
                data[md_random_below(&r, n)] = (uint8_t)md_random_next(&r);
        } else if (i % 3 == 1) { /* noise */
            for (n = 0; n < i % 400; n++)
                data[n] = (uint8_t)md_random_next(&r);
        } else {
            for (unsigned j = 0; j < 60; j++) {
                const char *piece = pieces[md_random_below(&r, sizeof pieces / sizeof *pieces)];
                memcpy(data + n, piece, strlen(piece));
                n += strlen(piece);
            }
        }
        size_t size = md_mutate_text(data, n, TEXT_MAX, MD_TARGET_COMMANDS, i);
        if (size) {
            must_parse(&t, data, size);
            assert_bounded(&t);
        }
    }
    md_trace_free(&t);
    free(data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutants_are_traces),
        cmocka_unit_test(test_empty_trace_gets_content),
        cmocka_unit_test(test_long_lineage),
        cmocka_unit_test(test_pressure_is_kept),
        cmocka_unit_test(test_huge_traces_are_cut_down),
        cmocka_unit_test(test_every_edit),
        cmocka_unit_test(test_edits_by_example),
        cmocka_unit_test(test_lengths_stay_true),
        cmocka_unit_test(test_cut_and_join),
        cmocka_unit_test(test_crossover),
        cmocka_unit_test(test_text_forms),
        cmocka_unit_test(test_text_fits),
        cmocka_unit_test(test_hostile_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
