/*
 * The shrinker's driver: rounds of passes until a whole round changes nothing, the verdict of each
 * candidate remembered by its canonical text, limits, and the last word of a fresh node.
 */
#include "harness/now.h"
#include "harness/shrink_internal.h"

#include <stdlib.h>
#include <time.h>

enum { MD_ROUNDS_MAX = 50, MD_FAILURES_MAX = 3 };

/* ---- verdicts seen ------------------------------------------------------------------------ */

/* Every candidate is run once at most: one that did not show the signature never will, one that did
 * was the best already, and going back to it would be going round in circles. An open hash set of
 * 128-bit hashes of the canonical text; 0 is empty. */
struct md_seen {
    struct md_hash128 {
        uint64_t a, b;
    } * slot;
    size_t used, cap;
};

static struct md_hash128 md_hash_text(const struct md_buf *text) {
    uint64_t a = UINT64_C(0xcbf29ce484222325), b = UINT64_C(0x9e3779b97f4a7c15);
    for (size_t i = 0; i < text->len; i++) {
        a = (a ^ text->data[i]) * UINT64_C(0x100000001b3);
        b = (b + text->data[i] + 1) * UINT64_C(0xff51afd7ed558ccd);
        b ^= b >> 32;
    }
    return (struct md_hash128){a | 1, b};
}

static struct md_hash128 *md_seen_find(struct md_seen *seen, struct md_hash128 h) {
    size_t i = (size_t)(h.b ^ (h.a >> 7)) & (seen->cap - 1);
    while (seen->slot[i].a && (seen->slot[i].a != h.a || seen->slot[i].b != h.b))
        i = (i + 1) & (seen->cap - 1);
    return &seen->slot[i];
}

/* True: was there already. */
static bool md_seen_add(struct md_seen *seen, struct md_hash128 h) {
    if ((seen->used + 1) * 2 > seen->cap) {
        struct md_seen bigger = {NULL, seen->used, seen->cap ? seen->cap * 2 : 256};
        bigger.slot = md_calloc(bigger.cap, sizeof *bigger.slot);
        for (size_t i = 0; i < seen->cap; i++)
            if (seen->slot[i].a)
                *md_seen_find(&bigger, seen->slot[i]) = seen->slot[i];
        free(seen->slot);
        *seen = bigger;
    }
    struct md_hash128 *at = md_seen_find(seen, h);
    if (at->a)
        return true;
    *at = h;
    seen->used++;
    return false;
}

/* ---- one candidate ------------------------------------------------------------------------ */

static uint64_t md_milliseconds(void) { return md_now_ns() / 1000000; }

static bool md_shrink_goes_on(struct md_shrinker *s) {
    const struct md_shrink_config *c = s->config;
    if (s->stopped)
        return false;
    if ((c->max_runs && s->result->runs >= c->max_runs) || s->failures >= MD_FAILURES_MAX ||
        (c->max_ms && md_milliseconds() - s->started >= c->max_ms))
        s->stopped = true;
    else if (c->progress && !c->progress(c->ctx, s->best.n_steps,
                                         md_shrink_count_commands(&s->best), s->result->runs))
        s->stopped = true;
    return !s->stopped;
}

static bool md_shows(struct md_shrinker *s, const struct md_trace *t, bool fresh) {
    if (s->config->shows) {
        s->result->runs++;
        return s->config->shows(s->config->ctx, t, s->signature, fresh);
    }
    struct md_verdict v = {0};
    enum md_verdict_kind kind =
        fresh ? md_runner_run_fresh(s->runner, t, &v, NULL) : md_runner_run(s->runner, t, &v);
    bool shows = kind == MD_DIVERGED && !v.in_sweep && strcmp(v.signature, s->signature) == 0;
    s->result->runs++;
    s->failures += kind == MD_FAILED;
    if (kind == MD_DIVERGED && !v.in_sweep && !shows && s->config->found_other)
        s->config->found_other(s->config->ctx, t, &v);
    md_verdict_free(&v);
    return shows;
}

bool md_shrink_try(struct md_shrinker *s, struct md_trace *candidate) {
    if (!md_shrink_goes_on(s))
        return false;
    md_buf_clear(&s->text);
    md_trace_print(candidate, &s->text);
    if (md_seen_add(s->seen, md_hash_text(&s->text)) || !md_shows(s, candidate, s->fresh))
        return false;
    struct md_trace former = s->best;
    s->best = *candidate;
    *candidate = former;
    return true;
}

bool md_shrink_number(uint64_t from, bool (*attempt)(void *ctx, uint64_t number), void *ctx) {
    uint64_t n = from;
    for (uint64_t delta = n; delta > 0 && n > 0;) {
        if (delta <= n && attempt(ctx, n - delta))
            n -= delta;
        else
            delta /= 2;
    }
    return n != from;
}

/* ---- rounds ------------------------------------------------------------------------------- */

static bool md_shrink_round(struct md_shrinker *s) {
    static bool (*const pass[])(struct md_shrinker *) = {
        md_shrink_units,   md_shrink_joins, md_shrink_connections, md_shrink_options,
        md_shrink_symbols, md_shrink_words, md_shrink_keys,        md_shrink_values,
        md_shrink_numbers, md_shrink_bytes,
    };
    bool changed = false;
    for (size_t i = 0; i < sizeof pass / sizeof *pass; i++)
        changed |= pass[i](s);
    return changed;
}

/* True: `best` was confirmed on a fresh node. */
static bool md_shrink_once(struct md_shrinker *s, const struct md_trace *from, bool fresh) {
    struct md_seen seen = {0};
    s->fresh = fresh;
    s->seen = &seen;
    md_trace_copy(&s->best, from);
    free(s->best.comment);
    s->best.comment = NULL;
    md_buf_clear(&s->text);
    md_trace_print(&s->best, &s->text);
    md_seen_add(&seen, md_hash_text(&s->text)); /* a candidate that changes nothing is none */
    for (unsigned round = 0; round < MD_ROUNDS_MAX; round++)
        if (!md_shrink_round(s)) {
            s->result->minimal = !s->stopped;
            break;
        }
    free(seen.slot);
    return fresh || md_shows(s, &s->best, true);
}

bool md_shrink(struct md_runner *r, struct md_trace *t, const char *signature,
               const struct md_shrink_config *config, struct md_shrink_result *result) {
    static const struct md_shrink_config no_limits;
    struct md_shrinker s = {.runner = r,
                            .signature = signature,
                            .config = config ? config : &no_limits,
                            .result = result,
                            .started = md_milliseconds()};
    *result = (struct md_shrink_result){0};
    md_trace_init(&s.best);
    bool shows = md_shows(&s, t, true);
    if (shows) {
        /* Reused nodes are quick. Should they have misled us, nodes of its own for each candidate
         * are the slow and certain way. */
        if (!md_shrink_once(&s, t, false)) {
            result->minimal = false;
            md_shrink_once(&s, t, true);
        }
        struct md_trace former = *t;
        *t = s.best;
        s.best = former;
    }
    md_buf_clear(&s.text);
    md_trace_print(t, &s.text);
    result->bytes = s.text.len;
    result->steps = t->n_steps;
    result->commands = md_shrink_count_commands(t);
    result->ms = (unsigned)(md_milliseconds() - s.started);
    md_trace_free(&s.best);
    md_buf_free(&s.text);
    return shows;
}
