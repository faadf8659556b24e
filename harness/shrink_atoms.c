/*
 * A send step as a row of atoms, and the commands in it: the view that the shrinker's passes edit.
 * The view is a guess of what is a command, a key, a number or a data block. A wrong guess costs a
 * candidate that does not show the divergence, never a wrong result.
 */
#include "harness/shrink_internal.h"

#include <stdlib.h>

/* ---- atoms -------------------------------------------------------------------------------- */

void md_atoms_add(struct md_atoms *a, struct md_atom atom) {
    a->at = md_grow(a->at, &a->cap, a->n + 1, sizeof *a->at);
    a->at[a->n++] = atom;
}

void md_atoms_text(struct md_atoms *a, const char *text) {
    for (; *text; text++)
        md_atoms_add(a, (struct md_atom){.kind = MD_PART_BYTES, .byte = (uint8_t)*text});
}

void md_atoms_of(const struct md_step *s, struct md_atoms *out) {
    out->n = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        const struct md_part *p = &s->parts[i];
        if (p->kind == MD_PART_BYTES)
            for (size_t j = 0; j < p->len; j++)
                md_atoms_add(out, (struct md_atom){.kind = MD_PART_BYTES, .byte = p->bytes[j]});
        else
            md_atoms_add(out, (struct md_atom){(uint8_t)p->kind, p->byte, p->number, p});
    }
}

void md_atoms_splice(struct md_atoms *a, size_t at, size_t n, const struct md_atoms *with) {
    size_t more = with ? with->n : 0;
    a->at = md_grow(a->at, &a->cap, a->n - n + more, sizeof *a->at);
    if (a->n - at - n)
        memmove(a->at + at + more, a->at + at + n, (a->n - at - n) * sizeof *a->at);
    if (more)
        memcpy(a->at + at, with->at, more * sizeof *a->at);
    a->n = a->n - n + more;
}

void md_atoms_free(struct md_atoms *a) {
    free(a->at);
    *a = (struct md_atoms){0};
}

void md_atoms_put(const struct md_atom *at, size_t n, struct md_step *send) {
    for (size_t i = 0; i < n; i++) {
        if (at[i].kind == MD_PART_BYTES) {
            md_step_bytes(send, &at[i].byte, 1);
            continue;
        }
        struct md_part *p = md_step_part(send, (enum md_part_kind)at[i].kind);
        p->byte = at[i].byte;
        p->number = at[i].number;
        if (at[i].kind == MD_PART_CAS)
            md_part_set(p, at[i].source->bytes, at[i].source->len);
    }
}

void md_atoms_store(const struct md_atoms *a, struct md_trace *t, size_t at) {
    struct md_step *step = &t->steps[at];
    /* Aside first: the atoms may point into the step that they replace. */
    struct md_step fresh = {.kind = step->kind, .conn = step->conn};
    md_atoms_put(a->at, a->n, &fresh);
    md_step_free(step);
    *step = fresh;
}

/* ---- words -------------------------------------------------------------------------------- */

static bool md_atom_is(const struct md_atoms *a, size_t i, char c) {
    return i < a->n && a->at[i].kind == MD_PART_BYTES && a->at[i].byte == (uint8_t)c;
}

bool md_word_is(const struct md_atoms *a, struct md_word w, const char *text) {
    if (strlen(text) != w.n)
        return false;
    for (size_t i = 0; i < w.n; i++)
        if (!md_atom_is(a, w.at + i, text[i]))
            return false;
    return true;
}

bool md_word_number(const struct md_atoms *a, struct md_word w, uint64_t *out) {
    uint64_t v = 0;
    if (w.n == 0 || w.n > 20)
        return false;
    for (size_t i = 0; i < w.n; i++) {
        const struct md_atom *c = &a->at[w.at + i];
        if (c->kind != MD_PART_BYTES || c->byte < '0' || c->byte > '9' ||
            __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, c->byte - '0', &v))
            return false;
    }
    *out = v;
    return true;
}

static bool md_word_among(const struct md_atoms *a, struct md_word w, const char *const *list) {
    for (; *list; list++)
        if (md_word_is(a, w, *list))
            return true;
    return false;
}

bool md_word_is_key(const struct md_atoms *a, const struct md_line *l, size_t i) {
    static const char *const many[] = {"get", "gets", "bget", NULL};
    static const char *const late[] = {"gat", "gats", NULL};
    static const char *const none[] = {"stats", "flush_all", "verbosity", "version",
                                       "quit",  "mn",        "shutdown",  NULL};
    if (i == 0 || i >= l->n_words || md_word_among(a, l->word[0], none))
        return false;
    if (md_word_among(a, l->word[0], many))
        return true;
    if (md_word_among(a, l->word[0], late))
        return i >= 2;
    return i == 1;
}

/* ---- commands ----------------------------------------------------------------------------- */

static size_t md_length_word(const struct md_atoms *a, const struct md_line *l) {
    static const char *const stores[] = {"set", "add", "replace", "append", "prepend", "cas", NULL};
    if (l->n_words > 4 && md_word_among(a, l->word[0], stores))
        return 4;
    return l->n_words > 2 && md_word_is(a, l->word[0], "ms") ? 2 : 0;
}

static bool md_is_mark(const struct md_atom *atom) {
    return atom->kind == MD_PART_BLOCK || atom->kind == MD_PART_END;
}

/* What {len} stands for: the atoms of the next block. */
static uint64_t md_block_length(const struct md_atoms *a, size_t at) {
    uint64_t n = 0;
    while (at < a->n && a->at[at].kind != MD_PART_BLOCK)
        at++;
    for (; at < a->n && a->at[at].kind != MD_PART_END; at++)
        if (a->at[at].kind == MD_PART_FILL)
            n += (uint64_t)a->at[at].number;
        else
            n += a->at[at].kind != MD_PART_BLOCK;
    return n;
}

static void md_line_data(const struct md_atoms *a, struct md_line *l) {
    const struct md_word w = l->word[l->length_word];
    uint64_t want, have = 0;
    size_t at = l->line_end;
    if (w.n == 1 && a->at[w.at].kind == MD_PART_LEN)
        want = md_block_length(a, l->line_end);
    else if (!md_word_number(a, w, &want))
        return;
    for (; at < a->n && (have < want || md_is_mark(&a->at[at])); at++)
        if (a->at[at].kind == MD_PART_FILL)
            have += (uint64_t)a->at[at].number;
        else
            have += !md_is_mark(&a->at[at]);
    if (have < want)
        return;
    l->data = l->line_end;
    l->n_data = at - l->line_end;
    l->clean = have == want && md_atom_is(a, at, '\r') && md_atom_is(a, at + 1, '\n');
    l->end = l->clean ? at + 2 : at;
}

void md_line_of(const struct md_atoms *a, size_t at, struct md_line *out) {
    *out = (struct md_line){.at = at};
    size_t end = at;
    while (end < a->n && !md_atom_is(a, end, '\n'))
        end++;
    size_t text = end > at && end < a->n && md_atom_is(a, end - 1, '\r') ? end - 1 : end;
    out->line_end = out->end = end < a->n ? end + 1 : end;
    for (size_t i = at; i < text && out->n_words < MD_WORDS_MAX;) {
        size_t first = i;
        while (i < text && !md_atom_is(a, i, ' '))
            i++;
        if (i > first)
            out->word[out->n_words++] = (struct md_word){first, i - first};
        else
            i++;
    }
    if (end < a->n && (out->length_word = md_length_word(a, out)))
        md_line_data(a, out);
}

size_t md_shrink_count_commands(const struct md_trace *t) {
    struct md_atoms a = {0};
    size_t n = 0;
    for (size_t i = 0; i < t->n_steps; i++) {
        struct md_line line;
        if (t->steps[i].kind != MD_STEP_SEND)
            continue;
        md_atoms_of(&t->steps[i], &a);
        for (size_t at = 0; at < a.n; at = line.end, n++)
            md_line_of(&a, at, &line);
    }
    md_atoms_free(&a);
    return n;
}
