/*
 * Shrinker passes over numbers (in command lines, symbols, fills and clock steps), and over the
 * ways of writing the same bytes: {len} as a number, long runs as {fill}.
 *
 * Numbers hang together (an expiration time of 30 and a clock step of 30), so they also fall
 * together: all that are equal, and each clock step with each other number.
 */
#include "harness/cut.h"
#include "harness/shrink_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { MD_WRITTEN_OUT = 40, MD_PAIRS_MAX = 400 };

/* ---- where the numbers are ---------------------------------------------------------------- */

struct md_site {
    uint64_t number, to;
    bool clock;
};

/* The numbers of a trace in the order of a walk: collected, or replaced. */
struct md_sites {
    struct md_shrinker *s;
    struct md_site *at; /* owned */
    size_t n, cap;
    bool replacing;
    size_t next;       /* while replacing */
    size_t one, other; /* those at work; n: none */
    uint64_t all;      /* the value of those at work, if all equal ones fall together */
};

static uint64_t md_site(struct md_sites *w, uint64_t number, bool clock) {
    if (!w->replacing) {
        w->at = md_grow(w->at, &w->cap, w->n + 1, sizeof *w->at);
        w->at[w->n++] = (struct md_site){number, number, clock};
        return number;
    }
    size_t i = w->next++;
    return i < w->n && w->at[i].number == number ? w->at[i].to : number;
}

static uint64_t md_magnitude(int64_t n) { return n < 0 ? 0 - (uint64_t)n : (uint64_t)n; }

static bool md_has_number(const struct md_atom *a) {
    return a->kind == MD_PART_CAS || a->kind == MD_PART_BASE || a->kind == MD_PART_NOW ||
           a->kind == MD_PART_FILL;
}

/* Symbols and fills of a line; not what a data block holds, which is the values' pass. */
static void md_sites_of_symbols(struct md_sites *w, struct md_atoms *a, const struct md_line *l) {
    for (size_t i = l->at; i < (l->clean ? l->line_end : l->end); i++) {
        struct md_atom *atom = &a->at[i];
        if (!md_has_number(atom))
            continue;
        uint64_t to = md_site(w, md_magnitude(atom->number), false);
        atom->number = atom->number < 0 ? -(int64_t)to : (int64_t)to;
    }
}

static bool md_is_sign(const struct md_atom *a) {
    return a->kind == MD_PART_BYTES && (a->byte == '-' || a->byte == '+');
}

static void md_sites_of_words(struct md_sites *w, struct md_atoms *a, struct md_line *line) {
    struct md_atoms with = {0};
    for (size_t i = 1; i < line->n_words; i++) {
        struct md_word word = line->word[i];
        char text[24];
        uint64_t number;
        if (md_word_is_key(a, line, i) || (line->clean && i == line->length_word))
            continue;
        if (word.n > 1 && md_is_sign(&a->at[word.at])) {
            word.at++;
            word.n--;
        }
        if (!md_word_number(a, word, &number))
            continue;
        uint64_t to = md_site(w, number, false);
        if (to == number)
            continue;
        snprintf(text, sizeof text, "%" PRIu64, to);
        with.n = 0;
        md_atoms_text(&with, text);
        md_atoms_splice(a, word.at, word.n, &with);
        md_line_of(a, line->at, line);
    }
    md_atoms_free(&with);
}

static void md_sites_walk(struct md_sites *w, struct md_trace *t) {
    struct md_atoms a = {0};
    struct md_line line;
    w->next = 0;
    for (size_t i = 0; i < t->n_steps; i++) {
        struct md_step *step = &t->steps[i];
        if (step->kind == MD_STEP_CLOCK)
            step->seconds = (uint32_t)md_site(w, step->seconds, true);
        if (step->kind != MD_STEP_SEND)
            continue;
        md_atoms_of(step, &a);
        for (size_t at = 0; at < a.n; at = line.end) {
            md_line_of(&a, at, &line);
            md_sites_of_words(w, &a, &line);
            md_sites_of_symbols(w, &a, &line);
        }
        if (w->replacing)
            md_atoms_store(&a, t, i);
    }
    md_atoms_free(&a);
}

/* ---- numbers fall ------------------------------------------------------------------------- */

/* Tries the sites' new numbers; on success they are the numbers. */
static bool md_sites_try(struct md_sites *w) {
    struct md_trace t;
    md_trace_init(&t);
    md_trace_copy(&t, &w->s->best);
    w->replacing = true;
    md_sites_walk(w, &t);
    bool shows = md_shrink_try(w->s, &t);
    for (size_t i = 0; i < w->n; i++)
        if (shows)
            w->at[i].number = w->at[i].to;
        else
            w->at[i].to = w->at[i].number;
    md_trace_free(&t);
    return shows;
}

static bool md_sites_one(void *ctx, uint64_t number) {
    struct md_sites *w = ctx;
    w->at[w->one].to = number;
    return md_sites_try(w);
}

static bool md_sites_equal(void *ctx, uint64_t number) {
    struct md_sites *w = ctx;
    for (size_t i = 0; i < w->n; i++)
        if (w->at[i].number == w->all)
            w->at[i].to = number;
    if (!md_sites_try(w))
        return false;
    w->all = number;
    return true;
}

/* `number` is what the lower of the two becomes. */
static bool md_sites_pair(void *ctx, uint64_t number) {
    struct md_sites *w = ctx;
    struct md_site *a = &w->at[w->one], *b = &w->at[w->other];
    uint64_t fall = (a->number < b->number ? a->number : b->number) - number;
    a->to = a->number - fall;
    b->to = b->number - fall;
    return md_sites_try(w);
}

static bool md_sites_is_shared(const struct md_sites *w, size_t i) {
    bool earlier = false, later = false;
    for (size_t j = 0; j < w->n; j++)
        if (j != i && w->at[j].number == w->at[i].number)
            *(j < i ? &earlier : &later) = true;
    return later && !earlier && w->at[i].number > 1;
}

static bool md_sites_pairs(struct md_sites *w) {
    bool changed = false;
    unsigned pairs = 0;
    for (w->one = 0; w->one < w->n; w->one++)
        for (w->other = 0; w->other < w->n && w->at[w->one].clock; w->other++) {
            uint64_t a = w->at[w->one].number, b = w->at[w->other].number;
            bool late_clock = w->at[w->other].clock && w->other <= w->one;
            if (late_clock || w->other == w->one || pairs++ >= MD_PAIRS_MAX || w->s->stopped)
                continue;
            changed |= md_shrink_number(a < b ? a : b, md_sites_pair, w);
        }
    return changed;
}

bool md_shrink_numbers(struct md_shrinker *s) {
    struct md_sites w = {.s = s};
    bool changed = false;
    md_sites_walk(&w, &s->best);
    for (size_t i = 0; i < w.n && !s->stopped; i++)
        if (md_sites_is_shared(&w, i)) {
            w.all = w.at[i].number;
            changed |= md_shrink_number(w.all, md_sites_equal, &w);
        }
    for (w.one = 0; w.one < w.n && !s->stopped; w.one++)
        changed |= md_shrink_number(w.at[w.one].number, md_sites_one, &w);
    changed |= md_sites_pairs(&w);
    free(w.at);
    return changed;
}

/* ---- other ways to write the same --------------------------------------------------------- */

static void md_run_add(struct md_atoms *out, uint8_t byte, uint64_t run) {
    if (run > MD_WRITTEN_OUT && run <= MD_FILL_MAX) {
        md_atoms_add(out, (struct md_atom){MD_PART_FILL, byte, (int64_t)run, NULL});
        return;
    }
    for (uint64_t i = 0; i < run; i++)
        md_atoms_add(out, (struct md_atom){.kind = MD_PART_BYTES, .byte = byte});
}

static uint64_t md_atom_run(const struct md_atom *a) {
    if (a->kind == MD_PART_BYTES)
        return 1;
    return a->kind == MD_PART_FILL && a->number > 0 ? (uint64_t)a->number : 0;
}

/* The same bytes, long runs as {fill}, short fills written out. */
static void md_write_runs(const struct md_atoms *a, struct md_atoms *out) {
    for (size_t i = 0; i < a->n;) {
        uint64_t run = md_atom_run(&a->at[i]);
        size_t next = i + 1;
        if (!run) {
            if (a->at[i].kind != MD_PART_FILL)
                md_atoms_add(out, a->at[i]);
            i = next;
            continue;
        }
        while (next < a->n && md_atom_run(&a->at[next]) && a->at[next].byte == a->at[i].byte &&
               run + md_atom_run(&a->at[next]) <= MD_FILL_MAX)
            run += md_atom_run(&a->at[next++]);
        md_run_add(out, a->at[i].byte, run);
        i = next;
    }
}

bool md_shrink_symbols(struct md_shrinker *s) {
    bool changed = false;
    struct md_trace t;
    md_trace_init(&t);
    for (size_t i = 0; i < s->best.n_steps && !s->stopped; i++) {
        struct md_atoms a = {0}, runs = {0};
        if (s->best.steps[i].kind != MD_STEP_SEND)
            continue;
        md_trace_copy(&t, &s->best);
        md_step_literal_lengths(&t.steps[i]);
        changed |= md_shrink_try(s, &t);
        md_trace_copy(&t, &s->best);
        md_atoms_of(&s->best.steps[i], &a);
        md_write_runs(&a, &runs);
        md_atoms_store(&runs, &t, i);
        changed |= md_shrink_try(s, &t);
        md_atoms_free(&a);
        md_atoms_free(&runs);
    }
    md_trace_free(&t);
    return changed;
}
