/* Shrinking of cluster traces; see cluster_shrink.h. */
#include "harness/cluster_shrink.h"

#include "harness/cluster_confirm.h"
#include "harness/now.h"

#include <stdlib.h>

struct md_shrinker {
    struct md_cluster cluster;
    struct md_cluster_trace *best, trial;
    const char *kind;
    unsigned tries;
    uint64_t end;
    struct md_cluster_verdict verdict;
    struct md_cluster_shrunk *out;
    bool changed;
};

static bool md_shows(struct md_shrinker *s) {
    s->out->runs++;
    bool ok = md_cluster_run(&s->cluster, &s->trial, &s->verdict);
    if (!ok) { /* begin anew, in case nodes are at fault */
        struct md_cluster_config config = s->cluster.config;
        md_cluster_free(&s->cluster);
        s->cluster = (struct md_cluster){.config = config, .claim = -1};
    }
    return ok && md_cluster_found(&s->verdict, s->kind);
}

/* In one of some runs; that a call took too long, in each of them. */
static bool md_shows_again(struct md_shrinker *s) {
    bool all = md_cluster_is_measured(s->kind), shows = all;
    for (unsigned i = 0; i < (all ? MD_TIME_RUNS : s->tries) && shows == all; i++)
        shows = md_now_ns() <= s->end && md_shows(s);
    return shows;
}

/* Whether the trial still shows it; then it is the best. */
static bool md_try(struct md_shrinker *s) {
    if (!md_shows_again(s))
        return false;
    md_cluster_trace_copy(s->best, &s->trial);
    s->changed = true;
    return true;
}

/* What lies behind the step that shows it is of no use. */
static void md_cut_tail(struct md_shrinker *s) {
    const struct md_cluster_finding *f = md_cluster_found(&s->verdict, s->kind);
    if (f && f->step + 1 < s->best->n_steps) {
        md_cluster_trace_copy(&s->trial, s->best);
        s->trial.n_steps = f->step + 1;
        md_try(s);
    }
}

static void md_without_steps(struct md_shrinker *s) {
    for (size_t size = s->best->n_steps; size > 0; size /= 2)
        for (size_t at = 0; at < s->best->n_steps;) {
            size_t n = size < s->best->n_steps - at ? size : s->best->n_steps - at;
            md_cluster_trace_copy(&s->trial, s->best);
            md_cluster_trace_remove(&s->trial, at, n);
            if (!md_try(s))
                at += n;
        }
}

static void md_without_settings(struct md_shrinker *s) {
    struct md_client_settings normal;
    md_client_settings_default(&normal);
#define X(field, ...)                                                                              \
    if (s->best->client.field != normal.field) {                                                   \
        md_cluster_trace_copy(&s->trial, s->best);                                                 \
        s->trial.client.field = normal.field;                                                      \
        md_try(s);                                                                                 \
    }
    MD_CLIENT_FLAG_LIST(X)
    MD_CLIENT_NUMBER_LIST(X)
    X(reach)
    X(hash)
    X(distribution)
    X(prefix[0])
#undef X
}

static bool md_uses(const struct md_cluster_trace *t, unsigned node) {
    for (size_t i = 0; i < t->n_steps; i++) {
        const struct md_cluster_step *s = &t->steps[i];
        if (s->kind >= MD_CS_KILL && s->number >= node && s->number < MD_CLUSTER_PLACES)
            return true;
        for (unsigned k = 0; k < s->n_keys; k++)
            if (t->names[s->keys[k]].on >= (int)node)
                return true;
    }
    return false;
}

static void md_fewer_nodes(struct md_shrinker *s) {
    while (s->best->nodes > 1 && !md_uses(s->best, s->best->nodes - 1)) {
        md_cluster_trace_copy(&s->trial, s->best);
        s->trial.nodes--;
        if (!md_try(s))
            break;
    }
    for (unsigned i = 0; i < s->best->nodes; i++)
        if (s->best->weights[i] != 1) {
            md_cluster_trace_copy(&s->trial, s->best);
            s->trial.weights[i] = 1;
            md_try(s);
        }
    if (s->best->ports != MD_PORTS_DISTINCT) {
        md_cluster_trace_copy(&s->trial, s->best);
        s->trial.ports = MD_PORTS_DISTINCT;
        md_try(s);
    }
}

/* Moves everything from one node to a lower one, so that the higher is not needed. */
static void md_lower_nodes(struct md_shrinker *s) {
    for (unsigned to = 0; to + 1 < s->best->nodes; to++) {
        unsigned from = to + 1;
        md_cluster_trace_copy(&s->trial, s->best);
        for (size_t i = 0; i < s->trial.n_names; i++)
            if (s->trial.names[i].on == (int)from || s->trial.names[i].on == (int)to)
                s->trial.names[i].on = (int8_t)(s->trial.names[i].on == (int)from ? to : from);
        for (size_t i = 0; i < s->trial.n_steps; i++) {
            struct md_cluster_step *step = &s->trial.steps[i];
            if (step->kind >= MD_CS_KILL && (step->number == from || step->number == to))
                step->number = step->number == from ? to : from;
        }
        if (md_uses(s->best, from) && !md_uses(&s->trial, from))
            md_try(s);
    }
}

static void md_plainer_steps(struct md_shrinker *s) {
    for (size_t i = 0; i < s->best->n_steps; i++) {
        while (s->best->steps[i].kind == MD_CS_MGET && s->best->steps[i].n_keys > 1) {
            bool done = true;
            for (unsigned k = 0; k < s->best->steps[i].n_keys && done; k++) {
                md_cluster_trace_copy(&s->trial, s->best);
                struct md_cluster_step *step = &s->trial.steps[i];
                memmove(step->keys + k, step->keys + k + 1,
                        (step->n_keys - k - 1u) * sizeof *step->keys);
                step->n_keys--;
                done = !md_try(s);
            }
            if (done)
                break;
        }
        if (s->best->steps[i].size > s->best->steps[i].value_len) {
            md_cluster_trace_copy(&s->trial, s->best);
            s->trial.steps[i].size = s->trial.steps[i].value_len;
            md_try(s);
        }
    }
}

bool md_cluster_shrink(const struct md_cluster_config *config, struct md_cluster_trace *t,
                       const char *kind, unsigned tries, unsigned max_ms,
                       struct md_cluster_shrunk *out) {
    struct md_shrinker s = {.cluster = {.config = *config, .claim = -1},
                            .best = t,
                            .kind = kind,
                            .tries = tries,
                            .end = md_now_ns() + max_ms * UINT64_C(1000000),
                            .out = out};
    *out = (struct md_cluster_shrunk){0};
    md_cluster_trace_init(&s.trial);
    md_cluster_trace_copy(&s.trial, t);
    bool ok = md_try(&s);
    if (ok)
        md_cut_tail(&s);
    while (ok && s.changed && md_now_ns() < s.end) {
        s.changed = false;
        md_without_steps(&s);
        md_without_settings(&s);
        md_lower_nodes(&s);
        md_fewer_nodes(&s);
        md_plainer_steps(&s);
    }
    out->minimal = md_now_ns() < s.end;
    md_cluster_trace_free(&s.trial);
    md_cluster_verdict_free(&s.verdict);
    md_cluster_free(&s.cluster);
    return ok;
}
