/*
 * Shrinker passes over command lines: words go, keys get plain names, single bytes go.
 */
#include "harness/shrink_internal.h"

#include <stdlib.h>

/* One send step of the best trace, open for edits. */
struct md_edit {
    struct md_shrinker *s;
    size_t step;
    struct md_atoms atoms; /* of s->best.steps[step] */
};

static bool md_edit_open(struct md_edit *e, struct md_shrinker *s, size_t step) {
    e->s = s;
    e->step = step;
    e->atoms.n = 0;
    if (s->stopped || step >= s->best.n_steps || s->best.steps[step].kind != MD_STEP_SEND)
        return false;
    md_atoms_of(&s->best.steps[step], &e->atoms);
    return true;
}

/* Tries the step without n atoms at `at`; on success the edit shows the new best. */
static bool md_edit_without(struct md_edit *e, size_t at, size_t n) {
    struct md_trace t;
    md_trace_init(&t);
    md_trace_copy(&t, &e->s->best);
    md_atoms_splice(&e->atoms, at, n, NULL);
    md_atoms_store(&e->atoms, &t, e->step);
    bool shows = md_shrink_try(e->s, &t);
    md_atoms_of(&e->s->best.steps[e->step], &e->atoms);
    md_trace_free(&t);
    return shows;
}

/* Lets `simplify` work on the line that begins at atom `at`, for every line of the trace. */
static bool md_each_line(struct md_shrinker *s, bool (*simplify)(struct md_edit *e, size_t at)) {
    struct md_edit e = {0};
    bool changed = false;
    for (size_t i = 0; i < s->best.n_steps; i++) {
        if (!md_edit_open(&e, s, i))
            continue;
        for (size_t at = 0; at < e.atoms.n;) {
            struct md_line line;
            changed |= simplify(&e, at);
            if (at >= e.atoms.n) /* nothing is left of it */
                break;
            md_line_of(&e.atoms, at, &line);
            at = line.end;
        }
    }
    md_atoms_free(&e.atoms);
    return changed;
}

/* ---- words go ----------------------------------------------------------------------------- */

static bool md_words_of_line(struct md_edit *e, size_t at) {
    struct md_line line;
    bool changed = false;
    md_line_of(&e->atoms, at, &line);
    for (size_t i = line.n_words; i-- > 1 && !e->s->stopped;) {
        /* With the blank before it. */
        size_t first = line.word[i - 1].at + line.word[i - 1].n;
        if (i >= line.n_words || line.word[i].at < first)
            continue;
        if (md_edit_without(e, first, line.word[i].at + line.word[i].n - first)) {
            changed = true;
            md_line_of(&e->atoms, at, &line);
        }
    }
    return changed;
}

bool md_shrink_words(struct md_shrinker *s) { return md_each_line(s, md_words_of_line); }

/* ---- bytes go ----------------------------------------------------------------------------- */

/* CR and LF stay: a line that ends in LF alone is shorter, not plainer. */
static bool md_is_line_end(const struct md_atoms *a, size_t i) {
    const struct md_atom *at = &a->at[i];
    return at->kind == MD_PART_BYTES &&
           (at->byte == '\n' || (at->byte == '\r' && i + 1 < a->n &&
                                 a->at[i + 1].kind == MD_PART_BYTES && a->at[i + 1].byte == '\n'));
}

static bool md_bytes_of_line(struct md_edit *e, size_t at) {
    struct md_line line;
    bool changed = false;
    md_line_of(&e->atoms, at, &line);
    size_t end = line.line_end;
    for (size_t size = (end - at + 1) / 2; size > 0 && !e->s->stopped; size /= 2)
        for (size_t i = end; i > at && !e->s->stopped;) {
            size_t n = size < i - at ? size : i - at;
            i -= n;
            while (n > 0 && md_is_line_end(&e->atoms, i + n - 1))
                n--;
            if (n == 0 || !md_edit_without(e, i, n))
                continue;
            changed = true;
            end -= n;
        }
    return changed;
}

bool md_shrink_bytes(struct md_shrinker *s) { return md_each_line(s, md_bytes_of_line); }
