/*
 * Shrinker passes that make a trace have less in it: units (a command of a send, or a whole other
 * step) go, neighbours join, connections and node options go.
 */
#include "harness/cut.h"
#include "harness/shrink_internal.h"

#include <stdlib.h>

/* ---- units go ----------------------------------------------------------------------------- */

/* What can be taken away by itself. The units of one send stay one send: what arrives together
 * goes on arriving together. */
struct md_unit {
    size_t step;
    size_t at, end; /* atoms of that step's send; 0, 0 for another kind of step */
};

struct md_units {
    struct md_unit *unit; /* owned */
    size_t n, cap;
    struct md_atoms *atoms; /* owned: of each step */
    struct md_trace from;   /* what units and atoms point into */
    struct md_trace candidate;
};

static void md_units_add(struct md_units *u, struct md_unit unit) {
    u->unit = md_grow(u->unit, &u->cap, u->n + 1, sizeof *u->unit);
    u->unit[u->n++] = unit;
}

static void md_units_of(struct md_units *u, const struct md_trace *t) {
    md_trace_init(&u->from);
    md_trace_init(&u->candidate);
    md_trace_copy(&u->from, t);
    u->atoms = md_calloc(t->n_steps, sizeof *u->atoms);
    for (size_t i = 0; i < t->n_steps; i++) {
        struct md_atoms *a = &u->atoms[i];
        struct md_line line;
        if (t->steps[i].kind == MD_STEP_SEND)
            md_atoms_of(&u->from.steps[i], a);
        if (a->n == 0)
            md_units_add(u, (struct md_unit){i, 0, 0});
        for (size_t at = 0; at < a->n; at = line.end) {
            md_line_of(a, at, &line);
            md_units_add(u, (struct md_unit){i, at, line.end});
        }
    }
}

static void md_units_free(struct md_units *u) {
    for (size_t i = 0; i < u->from.n_steps; i++)
        md_atoms_free(&u->atoms[i]);
    free(u->atoms);
    free(u->unit);
    md_trace_free(&u->from);
    md_trace_free(&u->candidate);
}

static bool md_is_left_out(size_t i, const size_t out[2], size_t n) {
    return (i >= out[0] && i < out[0] + n) || i == out[1];
}

/* Tries the units without n of them from out[0] on, and without unit out[1]. */
static bool md_units_try(struct md_shrinker *s, struct md_units *u, const size_t out[2], size_t n) {
    struct md_trace *t = &u->candidate;
    size_t last = SIZE_MAX;
    md_trace_clear(t);
    md_node_options_copy(&t->options, &u->from.options);
    for (size_t i = 0; i < u->n; i++) {
        const struct md_unit *unit = &u->unit[i];
        const struct md_step *step = &u->from.steps[unit->step];
        if (md_is_left_out(i, out, n))
            continue;
        if (unit->step != last) {
            struct md_step *copy = md_trace_add(t, step->kind, step->conn);
            copy->seconds = step->seconds;
        }
        last = unit->step;
        if (unit->end > unit->at)
            md_atoms_put(u->atoms[unit->step].at + unit->at, unit->end - unit->at,
                         &t->steps[t->n_steps - 1]);
    }
    if (!md_shrink_try(s, t))
        return false;
    size_t kept = 0;
    for (size_t i = 0; i < u->n; i++)
        if (!md_is_left_out(i, out, n))
            u->unit[kept++] = u->unit[i];
    u->n = kept;
    return true;
}

/* From the end: what comes after the divergence goes first, and at little cost. */
static bool md_units_chunks(struct md_shrinker *s, struct md_units *u, size_t size) {
    bool changed = false;
    for (size_t end = u->n; end > 0 && !s->stopped;) {
        size_t n = size < end ? size : end;
        changed |= md_units_try(s, u, (size_t[2]){end - n, SIZE_MAX}, n);
        end -= n;
        if (end > u->n)
            end = u->n;
    }
    return changed;
}

/* Two at once: a set and the delete that undoes it, an open and a close. */
static bool md_units_pairs(struct md_shrinker *s, struct md_units *u) {
    enum { FEW = 16 };
    bool changed = false;
    for (size_t i = 0; u->n <= FEW && i < u->n && !s->stopped; i++)
        for (size_t j = i + 1; j < u->n; j++)
            if (md_units_try(s, u, (size_t[2]){i, j}, 1)) {
                changed = true;
                j = i; /* unit i is another one now */
            }
    return changed;
}

bool md_shrink_units(struct md_shrinker *s) {
    struct md_units u = {0};
    bool changed = false, again = true;
    md_units_of(&u, &s->best);
    for (size_t size = u.n; size > 1; size /= 2)
        changed |= md_units_chunks(s, &u, size / 2);
    while (again && !s->stopped) {
        again = md_units_chunks(s, &u, 1) || md_units_pairs(s, &u);
        changed |= again;
    }
    md_units_free(&u);
    return changed;
}

/* ---- neighbours join ---------------------------------------------------------------------- */

/* Step i + 1 becomes part of step i. False: they are of different kinds. */
static bool md_join_at(struct md_trace *t, size_t i) {
    struct md_step *a = &t->steps[i], *b = &t->steps[i + 1];
    if (a->kind != b->kind)
        return false;
    if (a->kind == MD_STEP_CLOCK && a->seconds + b->seconds <= MD_CLOCK_STEP_MAX)
        a->seconds += b->seconds;
    else if (a->kind == MD_STEP_SEND && a->conn == b->conn)
        md_step_join(a, b);
    else
        return false;
    md_trace_remove(t, i + 1, 1);
    return true;
}

bool md_shrink_joins(struct md_shrinker *s) {
    struct md_trace t;
    size_t before = s->best.n_steps;
    md_trace_init(&t);
    md_trace_copy(&t, &s->best);
    for (size_t i = 0; i + 1 < t.n_steps;)
        if (!md_join_at(&t, i))
            i++;
    if (t.n_steps != before)
        md_shrink_try(s, &t);
    for (size_t i = 0; i + 1 < s->best.n_steps && !s->stopped;) {
        md_trace_copy(&t, &s->best);
        if (!md_join_at(&t, i) || !md_shrink_try(s, &t))
            i++;
    }
    md_trace_free(&t);
    return s->best.n_steps != before;
}

/* ---- connections -------------------------------------------------------------------------- */

static bool md_has_connection(const struct md_step *step) {
    return step->kind == MD_STEP_SEND || step->kind == MD_STEP_OPEN ||
           step->kind == MD_STEP_CLOSE || step->kind == MD_STEP_SHUTDOWN;
}

/* Replaces a connection by another number everywhere; false: it is not used. */
static bool md_renumber(struct md_trace *t, unsigned from, unsigned to) {
    bool used = false;
    for (size_t i = 0; i < t->n_steps; i++) {
        struct md_step *step = &t->steps[i];
        if (!md_has_connection(step) || step->conn != from)
            continue;
        step->conn = (uint8_t)to;
        used = true;
    }
    return used;
}

/* Numbers connections in the order in which they appear. */
static void md_number_in_order(struct md_trace *t) {
    int number[MD_CONNECTIONS_MAX];
    int next = 0;
    memset(number, -1, sizeof number);
    for (size_t i = 0; i < t->n_steps; i++) {
        struct md_step *step = &t->steps[i];
        if (!md_has_connection(step))
            continue;
        if (number[step->conn] < 0)
            number[step->conn] = next++;
        step->conn = (uint8_t)number[step->conn];
    }
}

/* To the lowest number that goes: one in use merges two connections, a free one renumbers. Then by
 * appearance, whatever that does to the numbers. */
bool md_shrink_connections(struct md_shrinker *s) {
    struct md_trace t;
    bool changed = false;
    md_trace_init(&t);
    for (unsigned from = 1; from < MD_CONNECTIONS_MAX; from++)
        for (unsigned to = 0; to < from && !s->stopped; to++) {
            md_trace_copy(&t, &s->best);
            if (!md_renumber(&t, from, to))
                break;
            if (md_shrink_try(s, &t)) {
                changed = true;
                break;
            }
        }
    md_trace_copy(&t, &s->best);
    md_number_in_order(&t);
    changed |= md_shrink_try(s, &t);
    md_trace_free(&t);
    return changed;
}

/* ---- node options ------------------------------------------------------------------------- */

/* Tries the options without words first .. first + n - 1, and n2 words from second on. */
static bool md_options_without(struct md_shrinker *s, size_t first, size_t n, size_t second,
                               size_t n2) {
    const struct md_node_options *have = &s->best.options;
    const char *words[MD_NODE_ARGS_MAX];
    size_t kept = 0;
    bool shows = false;
    struct md_buf why = {0};
    struct md_trace t;
    for (size_t i = 0; i < have->n_args; i++)
        if ((i < first || i >= first + n) && (i < second || i >= second + n2))
            words[kept++] = have->args[i];
    md_trace_init(&t);
    md_trace_copy(&t, &s->best);
    if (md_node_options_parse(&t.options, words, kept, &why))
        shows = md_shrink_try(s, &t);
    md_trace_free(&t);
    md_buf_free(&why);
    return shows;
}

/* The words of the option at i: its name and its value. */
static size_t md_option_words(const struct md_node_options *o, size_t i) {
    return i + 1 < o->n_args && o->args[i + 1][0] != '-' ? 2 : 1;
}

bool md_shrink_options(struct md_shrinker *s) {
    const struct md_node_options *o = &s->best.options;
    bool changed = o->n_args && md_options_without(s, 0, o->n_args, 0, 0);
    for (size_t i = 0; i < o->n_args && !s->stopped;) {
        size_t n = md_option_words(o, i);
        bool gone = md_options_without(s, i, n, 0, 0);
        /* Some only go together: -I and slab_chunk_max. */
        for (size_t j = i + n; !gone && j < o->n_args; j += md_option_words(o, j))
            gone = md_options_without(s, i, n, j, md_option_words(o, j));
        changed |= gone;
        if (!gone)
            i += n;
    }
    return changed;
}
