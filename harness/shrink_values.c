/*
 * Shrinker pass over data blocks: shorter first, then of one letter (or a low number, where the
 * value is counted with). The length in the command line follows.
 */
#include "harness/shrink_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MD_PIECES = 64, MD_WRITTEN_OUT = 40 };

/* One data block of the best trace. */
struct md_value {
    struct md_shrinker *s;
    size_t step, at;    /* where its command is: step, first atom */
    struct md_buf data; /* its bytes */
};

/* Reads the block of the command at v->at; false: none that can be edited. */
static bool md_value_read(struct md_value *v, const struct md_atoms *a, struct md_line *line) {
    md_line_of(a, v->at, line);
    md_buf_clear(&v->data);
    if (!line->clean)
        return false;
    for (size_t i = line->data; i < line->data + line->n_data; i++)
        switch (a->at[i].kind) {
        case MD_PART_BYTES: md_buf_byte(&v->data, a->at[i].byte); break;
        case MD_PART_FILL: md_buf_fill(&v->data, a->at[i].byte, (size_t)a->at[i].number); break;
        case MD_PART_BLOCK:
        case MD_PART_END: break;
        default: return false;
        }
    return true;
}

static void md_atoms_of_bytes(const uint8_t *bytes, size_t n, struct md_atoms *out) {
    for (size_t i = 0, run; i < n; i += run) {
        run = 1;
        while (i + run < n && bytes[i + run] == bytes[i])
            run++;
        if (run > MD_WRITTEN_OUT && run <= MD_FILL_MAX) {
            md_atoms_add(out, (struct md_atom){MD_PART_FILL, bytes[i], (int64_t)run, NULL});
            continue;
        }
        for (size_t j = 0; j < run; j++)
            md_atoms_add(out, (struct md_atom){.kind = MD_PART_BYTES, .byte = bytes[i]});
    }
}

/* Tries other data in the place of v's; on success v holds it. */
static bool md_value_try(struct md_value *v, const uint8_t *bytes, size_t n) {
    struct md_atoms a = {0}, with = {0};
    struct md_line line;
    struct md_trace t;
    char length[24];
    bool shows = false;
    md_trace_init(&t);
    md_trace_copy(&t, &v->s->best);
    md_atoms_of(&t.steps[v->step], &a);
    md_line_of(&a, v->at, &line);
    if (line.clean) {
        md_atoms_of_bytes(bytes, n, &with);
        md_atoms_splice(&a, line.data, line.n_data, &with);
        snprintf(length, sizeof length, "%zu", n);
        with.n = 0;
        md_atoms_text(&with, length);
        md_atoms_splice(&a, line.word[line.length_word].at, line.word[line.length_word].n, &with);
        md_atoms_store(&a, &t, v->step);
        shows = md_shrink_try(v->s, &t);
    }
    if (shows && bytes == v->data.data)
        v->data.len = n;
    else if (shows) {
        md_buf_clear(&v->data);
        md_buf_append(&v->data, bytes, n);
    }
    md_atoms_free(&a);
    md_atoms_free(&with);
    md_trace_free(&t);
    return shows;
}

static bool md_value_length(void *ctx, uint64_t n) {
    struct md_value *v = ctx;
    return md_value_try(v, v->data.data, (size_t)n);
}

static bool md_value_number(void *ctx, uint64_t n) {
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
    return md_value_try(ctx, (const uint8_t *)digits, (size_t)len);
}

static bool md_is_number(const struct md_buf *b, uint64_t *out) {
    uint64_t n = 0;
    for (size_t i = 0; i < b->len; i++)
        if (b->data[i] < '0' || b->data[i] > '9' || __builtin_mul_overflow(n, 10, &n) ||
            __builtin_add_overflow(n, b->data[i] - '0', &n))
            return false;
    *out = n;
    return b->len > 0;
}

/* Tries `to` in the place of every byte from `first` to `end`. */
static bool md_value_plain(struct md_value *v, size_t first, size_t end, uint8_t to) {
    struct md_buf plain = {0};
    bool differs = false;
    md_buf_append(&plain, v->data.data, v->data.len);
    for (size_t i = first; i < end; i++) {
        differs |= plain.data[i] != to;
        plain.data[i] = to;
    }
    bool shows = differs && md_value_try(v, plain.data, plain.len);
    md_buf_free(&plain);
    return shows;
}

static bool md_value_content(struct md_value *v) {
    uint64_t number;
    if (md_value_plain(v, 0, v->data.len, 'x'))
        return true;
    if (md_is_number(&v->data, &number))
        return md_shrink_number(number, md_value_number, v);
    bool changed = false;
    size_t piece = v->data.len / MD_PIECES + 1;
    for (size_t i = 0; i < v->data.len && !v->s->stopped; i += piece) {
        size_t end = i + piece < v->data.len ? i + piece : v->data.len;
        bool digit = piece == 1 && v->data.data[i] == '0';
        changed |= md_value_plain(v, i, end, 'x') ||
                   (!digit && v->data.data[i] != 'x' && md_value_plain(v, i, end, '0'));
    }
    return changed;
}

static bool md_values_of_step(struct md_shrinker *s, size_t step) {
    struct md_value v = {.s = s, .step = step};
    struct md_atoms a = {0};
    struct md_line line;
    bool changed = false;
    md_atoms_of(&s->best.steps[step], &a);
    while (v.at < a.n && step < s->best.n_steps && !s->stopped) {
        if (md_value_read(&v, &a, &line)) {
            changed |= md_shrink_number(v.data.len, md_value_length, &v);
            changed |= md_value_content(&v);
            md_atoms_of(&s->best.steps[step], &a);
            md_line_of(&a, v.at, &line);
        }
        v.at = line.end;
    }
    md_atoms_free(&a);
    md_buf_free(&v.data);
    return changed;
}

bool md_shrink_values(struct md_shrinker *s) {
    bool changed = false;
    for (size_t i = 0; i < s->best.n_steps; i++)
        if (s->best.steps[i].kind == MD_STEP_SEND)
            changed |= md_values_of_step(s, i);
    return changed;
}
