/* Campaigns against a cluster; see cluster_campaign.h. */
#include "harness/cluster_campaign.h"

#include "harness/artifact.h"
#include "harness/cluster_confirm.h"
#include "harness/cluster_known.h"
#include "harness/cluster_repro.h"
#include "harness/cluster_shrink.h"
#include "harness/interrupt.h"
#include "harness/now.h"
#include "harness/topology_trial.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MD_TRIAL_EVERY = 50, /* traces for each trial of topology discovery */
    MD_TRIAL_STEPS = 14,
    MD_KINDS_MAX = 128,
    MD_SHRINK_MS = 20000,
    MD_PROGRESS_MS = 1000,
    MD_TRIES = 3,     /* of a trace that does not show it every time */
    MD_AGAIN_MAX = 20 /* traces that are tried to confirm one kind */
};

enum md_fate {
    MD_FATE_SEEN, /* no news: it was not run again */
    MD_FATE_CONFIRMED,
    MD_FATE_UNCONFIRMED,
};

struct md_known_finding {
    struct md_cluster_finding first;
    const struct md_cluster_known *known; /* NULL: news */
    enum md_fate fate;
    uint64_t seen;
    unsigned tried; /* traces that did not confirm it */
    size_t steps;   /* of the shortest trace */
    bool minimal;
};

struct md_clusters {
    const struct md_settings *s;
    const struct md_cluster_wish *wish;
    struct md_cluster_config config;
    struct md_cluster cluster;
    struct md_cluster_verdict sum, verdict;
    struct md_known_finding findings[MD_KINDS_MAX];
    size_t n_findings;
    uint64_t seed, traces, trials, started, shown;
    const char *out;
    bool failed, line_open, full;
};

void md_cluster_node_config(const struct md_settings *s, struct md_cluster_config *out) {
    *out = (struct md_cluster_config){.binary = s->binary,
                                      .node_args = (const char *const *)s->options.args,
                                      .n_node_args = s->options.n_args};
}

static double md_seconds_since(uint64_t ns) { return (double)(md_now_ns() - ns) / 1e9; }

/* True for what counts as a divergence. */
static bool md_counts(const struct md_clusters *c, const struct md_known_finding *f) {
    if (c->s->oracle == MD_ORACLE_STRICT)
        return true;
    return !f->first.hazard && !f->known;
}

/* ---- writing down ---------------------------------------------------------------------------- */

static void md_file_name(const char *kind, char out[MD_CLUSTER_KIND_MAX]) {
    size_t i = 0;
    for (; kind[i] && i + 1 < MD_CLUSTER_KIND_MAX; i++)
        out[i] = kind[i] == ':' || kind[i] == '/' ? '-' : kind[i];
    out[i] = 0;
}

static bool md_write(struct md_clusters *c, const struct md_cluster_finding *f, const char *name,
                     const struct md_buf *text) {
    char kind[MD_CLUSTER_KIND_MAX];
    struct md_buf why = {0};
    md_file_name(f->kind, kind);
    char *folder = md_path(c->out, "divergences/%s", kind);
    char *path = md_path(folder, "%s", name);
    bool ok = md_artifact_folder(folder, &why) &&
              md_artifact_write(path, text->data, text->len, 0644, &why);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    c->failed = c->failed || !ok;
    free(path);
    free(folder);
    md_buf_free(&why);
    return ok;
}

static bool md_write_trace(struct md_clusters *c, const struct md_cluster_finding *f,
                           const char *name, const struct md_cluster_trace *t) {
    struct md_buf text = {0};
    md_cluster_trace_print(t, &text);
    bool ok = md_write(c, f, name, &text);
    md_buf_free(&text);
    return ok;
}

static void md_write_report(struct md_clusters *c, const struct md_known_finding *f,
                            const struct md_cluster_trace *t) {
    struct md_cluster_verdict v = {.tell = true};
    struct md_buf text = {0};
    md_buf_printf(&text, "# %s\n\n%s.\n\n", f->first.kind, f->first.text);
    if (f->known)
        md_buf_printf(&text, "Known as `%s`: %s.\n\n", f->known->id, f->known->sentence);
    md_buf_str(&text, "The shortest trace that shows it (`memdiverge cluster -v "
                      "shrunk.trace` runs it):\n\n```\n");
    md_cluster_trace_print(t, &text);
    md_buf_str(&text, "```\n\nStep by step, with what the client said:\n\n```\n");
    md_cluster_run_fresh(&c->config, t, &v);
    md_buf_append(&text, v.story.data, v.story.len);
    md_buf_printf(&text, "```\n\nlibmemcached %s, memcached %s\n", memcached_lib_version(),
                  c->config.binary);
    md_write(c, &f->first, "report.md", &text);
    md_buf_clear(&text);
    md_cluster_repro(t, &v, f->first.kind, &text);
    md_write(c, &f->first, "repro.c", &text);
    md_cluster_verdict_free(&v);
    md_buf_free(&text);
}

/* ---- findings -------------------------------------------------------------------------------- */

static struct md_known_finding *md_find(struct md_clusters *c, const char *kind) {
    for (size_t i = 0; i < c->n_findings; i++)
        if (strcmp(c->findings[i].first.kind, kind) == 0)
            return &c->findings[i];
    return NULL;
}

static void md_end_line(struct md_clusters *c) {
    if (c->line_open)
        fputc('\n', stderr);
    c->line_open = false;
}

/* On fresh nodes: whether it shows there too, and the shortest trace that shows it. */
static void md_try_to_confirm(struct md_clusters *c, struct md_known_finding *k,
                              const struct md_cluster_trace *t) {
    const struct md_cluster_finding *f = &k->first;
    struct md_cluster_trace short_one;
    struct md_cluster_shrunk shrunk;
    /* Its addresses are needed: on others, rings are others. */
    md_cluster_free(&c->cluster);
    c->cluster = (struct md_cluster){.config = c->config, .claim = -1};
    unsigned shown = md_cluster_confirm(&c->config, t, f->kind);
    k->fate = shown ? MD_FATE_CONFIRMED : MD_FATE_UNCONFIRMED;
    k->tried++;
    if (!shown)
        return;
    md_write_trace(c, f, "trace", t);
    md_cluster_trace_init(&short_one);
    md_cluster_trace_copy(&short_one, t);
    md_cluster_shrink(&c->config, &short_one, f->kind, shown < 2 ? MD_TRIES : 1, MD_SHRINK_MS,
                      &shrunk);
    k->steps = short_one.n_steps;
    k->minimal = shrunk.minimal;
    md_write_trace(c, f, "shrunk.trace", &short_one);
    md_write_report(c, k, &short_one);
    md_cluster_trace_free(&short_one);
}

/* A place for a kind of finding; NULL: there are too many kinds, which is said once. */
static struct md_known_finding *md_take_place(struct md_clusters *c,
                                              const struct md_cluster_finding *f) {
    if (c->n_findings == MD_KINDS_MAX) {
        if (!c->full) {
            md_end_line(c);
            md_complain("more than %d kinds of findings: %s and others are not kept", MD_KINDS_MAX,
                        f->kind);
        }
        c->full = true;
        return NULL;
    }
    struct md_known_finding *k = &c->findings[c->n_findings++];
    *k = (struct md_known_finding){.first = *f, .known = md_cluster_known(f->kind), .seen = 1};
    return k;
}

static void md_new_finding(struct md_clusters *c, const struct md_cluster_finding *f,
                           const struct md_cluster_trace *t) {
    struct md_known_finding *k = md_take_place(c, f);
    if (!k)
        return;
    md_write_trace(c, f, "trace", t);
    k->steps = t->n_steps;
    if (!md_counts(c, k)) /* no news: seen is enough */
        return;
    md_try_to_confirm(c, k, t);
    if (k->fate == MD_FATE_UNCONFIRMED && md_cluster_is_about_time(f->kind))
        return; /* the machine, most often: the summary has it */
    md_end_line(c);
    fprintf(stderr, "%s%s: %s (%zu steps)\n",
            k->fate == MD_FATE_CONFIRMED ? "" : "unconfirmed: ", f->kind, f->text, k->steps);
}

static void md_take_findings(struct md_clusters *c, const struct md_cluster_trace *t) {
    struct md_cluster_verdict *v = &c->verdict;
    for (size_t i = 0; i < v->n_findings; i++) {
        struct md_known_finding *k = md_find(c, v->findings[i].kind);
        if (!k) {
            md_new_finding(c, &v->findings[i], t);
            continue;
        }
        k->seen++;
        /* One trace that the machine made of nothing does not stand for the next. */
        if (k->fate == MD_FATE_UNCONFIRMED && k->tried < MD_AGAIN_MAX)
            md_try_to_confirm(c, k, t);
    }
}

/* ---- the campaign ---------------------------------------------------------------------------- */

static void md_add_up(struct md_clusters *c) {
    struct md_cluster_verdict *v = &c->verdict, *sum = &c->sum;
    sum->calls += v->calls;
    sum->asked += v->asked;
    sum->errors += v->errors;
    sum->misses += v->misses;
    sum->hits += v->hits;
    sum->stale += v->stale;
    v->calls = v->asked = v->errors = v->misses = v->hits = v->stale = 0;
}

/* Of what counts as a divergence. */
static size_t md_number_of(const struct md_clusters *c, enum md_fate fate) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_findings; i++)
        n += c->findings[i].fate == fate && md_counts(c, &c->findings[i]);
    return n;
}

static size_t md_number_known(const struct md_clusters *c) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_findings; i++)
        n += !md_counts(c, &c->findings[i]);
    return n;
}

static void md_show(struct md_clusters *c) {
    uint64_t now = md_now_ns();
    bool terminal = isatty(STDERR_FILENO) == 1;
    if (now - c->shown < (terminal ? UINT64_C(1000000) : UINT64_C(5000000)) * MD_PROGRESS_MS)
        return;
    c->shown = now;
    fprintf(stderr, "%smemdiverge: %.0f s  %llu traces  %llu calls  divergences %zu, known %zu%s",
            terminal ? "\r" : "", md_seconds_since(c->started), (unsigned long long)c->traces,
            (unsigned long long)c->sum.calls, md_number_of(c, MD_FATE_CONFIRMED),
            md_number_known(c), terminal ? "   " : "\n");
    fflush(stderr);
    c->line_open = terminal;
}

static bool md_goes_on(const struct md_clusters *c) {
    const struct md_settings *s = c->s;
    if (c->failed || md_interrupted() || (s->runs && c->traces >= s->runs))
        return false;
    if (s->stop_after && md_number_of(c, MD_FATE_CONFIRMED) >= s->stop_after)
        return false;
    return !s->seconds || md_seconds_since(c->started) < (double)s->seconds;
}

static void md_one_trace(struct md_clusters *c, struct md_cluster_trace *t) {
    md_cluster_generate(t, c->seed, c->traces++, c->wish);
    bool ok = md_cluster_run(&c->cluster, t, &c->verdict);
    md_add_up(c);
    if (!ok) {
        /* Once more, on fresh nodes: whatever it was, it may have been the old ones. */
        md_cluster_free(&c->cluster);
        c->cluster = (struct md_cluster){.config = c->config, .claim = -1};
        if (!md_cluster_run(&c->cluster, t, &c->verdict)) {
            md_end_line(c);
            md_complain("trace %llu of seed %llu: %s", (unsigned long long)c->traces - 1,
                        (unsigned long long)c->seed, md_buf_cstr(&c->verdict.reason));
            c->failed = true;
            return;
        }
    }
    md_take_findings(c, t);
}

/* A trial of topology discovery: what it finds is known by its seed. */
static void md_one_trial(struct md_clusters *c) {
    struct md_cluster_verdict *v = &c->verdict;
    uint64_t seed = c->seed + c->traces;
    v->tell = true;
    bool ok = md_topology_trial(&c->config, seed, MD_TRIAL_STEPS, md_topology_refresh, v);
    v->tell = false;
    md_add_up(c);
    if (!ok) {
        md_complain("trial of topology discovery: %s", md_buf_cstr(&v->reason));
        c->failed = true;
        return;
    }
    c->trials++;
    for (size_t i = 0; i < v->n_findings; i++) {
        struct md_known_finding *k = md_find(c, v->findings[i].kind);
        if (k) {
            k->seen++;
        } else if ((k = md_take_place(c, &v->findings[i]))) {
            md_write(c, &v->findings[i], "trial.txt", &v->story);
            k->fate = MD_FATE_UNCONFIRMED;
            k->steps = MD_TRIAL_STEPS;
        }
    }
    size_t found = v->n_findings;
    bool again =
        found && md_topology_trial(&c->config, seed, MD_TRIAL_STEPS, md_topology_refresh, v);
    for (size_t i = 0; again && i < v->n_findings; i++)
        if (md_find(c, v->findings[i].kind))
            md_find(c, v->findings[i].kind)->fate = MD_FATE_CONFIRMED;
}

/* ---- the summary ----------------------------------------------------------------------------- */

static json_t *md_finding_json(const struct md_clusters *c, const struct md_known_finding *f) {
    char kind[MD_CLUSTER_KIND_MAX];
    md_file_name(f->first.kind, kind);
    char *path = md_path(c->out, "divergences/%s", kind);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:b}", "kind", f->first.kind, "text",
                  f->first.text, "path", path, "hazard", (int)f->first.hazard, "confirmed",
                  (int)(f->fate == MD_FATE_CONFIRMED), "diverges", (int)md_counts(c, f), "seen",
                  (json_int_t)f->seen, "steps", (json_int_t)f->steps, "minimal", (int)f->minimal);
    json_object_set_new(o, "known", f->known ? json_string(f->known->id) : json_null());
    free(path);
    return o;
}

static json_t *md_summary_json(const struct md_clusters *c) {
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_findings; i++)
        json_array_append_new(list, md_finding_json(c, &c->findings[i]));
    return json_pack("{s:i, s:s, s:I, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:o}",
                     "schema", 1, "target", "cluster", "seed", (json_int_t)c->seed, "seconds",
                     md_seconds_since(c->started), "traces", (json_int_t)c->traces, "calls",
                     (json_int_t)c->sum.calls, "hits", (json_int_t)c->sum.hits, "misses",
                     (json_int_t)c->sum.misses, "errors", (json_int_t)c->sum.errors, "nodes_asked",
                     (json_int_t)c->sum.asked, "hazards", (json_int_t)c->sum.stale, "libmemcached",
                     memcached_lib_version(), "topology_trials", (json_int_t)c->trials, "findings",
                     list);
}

static void md_print_part(const struct md_clusters *c, const char *title, enum md_fate fate,
                          bool counting) {
    bool first = true;
    for (size_t i = 0; i < c->n_findings; i++) {
        const struct md_known_finding *f = &c->findings[i];
        if (md_counts(c, f) != counting || (counting && f->fate != fate))
            continue;
        if (first)
            printf("\n%s:\n", title);
        first = false;
        printf("  %-44s %6llu times, %2zu steps  %s\n", f->first.kind, (unsigned long long)f->seen,
               f->steps, f->known ? f->known->sentence : f->first.text);
    }
}

static void md_print_summary(const struct md_clusters *c) {
    printf("cluster: %llu traces, %llu trials of topology discovery in %.1f s (seed %llu): %llu "
           "calls of libmemcached %s, %llu hits, "
           "%llu misses, %llu errors; nodes asked %llu times\n",
           (unsigned long long)c->traces, (unsigned long long)c->trials,
           md_seconds_since(c->started), (unsigned long long)c->seed,
           (unsigned long long)c->sum.calls, memcached_lib_version(),
           (unsigned long long)c->sum.hits, (unsigned long long)c->sum.misses,
           (unsigned long long)c->sum.errors, (unsigned long long)c->sum.asked);
    md_print_part(c, "Divergences", MD_FATE_CONFIRMED, true);
    md_print_part(c, "Unconfirmed", MD_FATE_UNCONFIRMED, true);
    md_print_part(c, "Known, and hazards of failures", MD_FATE_SEEN, false);
    if (c->n_findings)
        printf("\nTraces and reports: %s/divergences\n", c->out);
    else
        printf("nothing diverged\n");
}

static int md_summarize(struct md_clusters *c) {
    json_t *o = md_summary_json(c);
    char *text = json_dumps(o, JSON_INDENT(2));
    char *path = md_path(c->out, "summary.json");
    struct md_buf why = {0};
    md_end_line(c);
    if (!md_artifact_write(path, text, strlen(text), 0644, &why)) {
        md_complain("%s", md_buf_cstr(&why));
        c->failed = true;
    }
    if (c->s->json)
        puts(text);
    else
        md_print_summary(c);
    free(path);
    free(text);
    json_decref(o);
    md_buf_free(&why);
    size_t bad = md_number_of(c, MD_FATE_CONFIRMED);
    /* One that could not be had again and is about time may be due to the machine. */
    for (size_t i = 0; i < c->n_findings; i++)
        bad += c->findings[i].fate == MD_FATE_UNCONFIRMED && md_counts(c, &c->findings[i]) &&
               !md_cluster_is_about_time(c->findings[i].first.kind);
    return c->failed          ? MD_EXIT_FAILED
           : bad              ? MD_EXIT_DIVERGED
           : md_interrupted() ? MD_EXIT_INTERRUPTED
                              : MD_EXIT_AGREED;
}

int md_cluster_campaign(const struct md_settings *s, const struct md_cluster_wish *wish) {
    struct md_clusters *c = md_calloc(1, sizeof *c);
    struct md_buf why = {0};
    int lock = -1;
    *c = (struct md_clusters){.s = s, .wish = wish, .out = s->out ? s->out : "memdiverge-out"};
    md_cluster_node_config(s, &c->config);
    c->cluster = (struct md_cluster){.config = c->config, .claim = -1};
    c->seed = s->has_seed ? s->seed : md_now_ns() ^ (uint64_t)getpid() << 40;
    c->started = md_now_ns();
    int code = MD_EXIT_FAILED;
    if (md_artifact_lock(c->out, &lock, &why) != MD_LOCK_TAKEN) {
        md_complain("%s", md_buf_cstr(&why));
    } else {
        struct md_cluster_trace t;
        md_cluster_trace_init(&t);
        md_interrupt_catch();
        fprintf(stderr, "memdiverge: seed %llu\n", (unsigned long long)c->seed);
        while (md_goes_on(c)) {
            md_one_trace(c, &t);
            if (c->traces % MD_TRIAL_EVERY == 1 && !c->failed)
                md_one_trial(c);
            md_show(c);
        }
        code = md_summarize(c);
        md_cluster_trace_free(&t);
        close(lock);
    }
    md_cluster_free(&c->cluster);
    md_cluster_verdict_free(&c->verdict);
    md_buf_free(&why);
    free(c);
    return code;
}

/* ---- replay ---------------------------------------------------------------------------------- */

static bool md_write_repro(const char *path, const struct md_cluster_trace *t,
                           const struct md_cluster_verdict *v) {
    struct md_buf text = {0}, why = {0};
    md_cluster_repro(t, v, v->n_findings ? v->findings[0].kind : "nothing", &text);
    bool ok = md_artifact_write(path, text.data, text.len, 0644, &why);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    md_buf_free(&text);
    md_buf_free(&why);
    return ok;
}

int md_cluster_replay(const struct md_settings *s, const char *file, const char *repro) {
    struct md_cluster_config config;
    struct md_cluster_trace t;
    struct md_trace_error error;
    struct md_cluster_verdict v = {.tell = s->verbose};
    int code = MD_EXIT_AGREED;
    md_cluster_node_config(s, &config);
    md_cluster_trace_init(&t);
    if (!md_cluster_trace_load(&t, file, &error)) {
        md_complain_trace(file, &error);
        code = MD_EXIT_USAGE;
    } else if (!md_cluster_run_fresh(&config, &t, &v)) {
        md_complain("%s: %s", file, md_buf_cstr(&v.reason));
        code = MD_EXIT_FAILED;
    } else {
        fwrite(v.story.data, 1, v.story.len, stdout);
        for (size_t i = 0; i < v.n_findings; i++) {
            const struct md_cluster_finding *f = &v.findings[i];
            const struct md_cluster_known *known = md_cluster_known(f->kind);
            bool counts = s->oracle == MD_ORACLE_STRICT || (!f->hazard && !known);
            printf("%s: step %zu: %s: %s%s\n", file, f->step + 1, f->kind, f->text,
                   known       ? " (known)"
                   : f->hazard ? " (hazard)"
                               : "");
            code = counts ? MD_EXIT_DIVERGED : code;
        }
        if (!v.n_findings)
            printf("%s: nothing diverged\n", file);
        if (repro && !md_write_repro(repro, &t, &v))
            code = MD_EXIT_FAILED;
    }
    md_cluster_trace_free(&t);
    md_cluster_verdict_free(&v);
    return code;
}
