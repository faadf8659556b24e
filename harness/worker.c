/* A worker of a campaign; see worker.h. */
#include "harness/worker.h"

#include "harness/artifact.h"
#include "harness/generate.h"
#include "harness/now.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FRESH_EVERY = 1000, /* contract C2: every so often a trace also runs on a fresh node */
    KEEP_EACH = 4,      /* traces kept of one signature and worker */
    SIGNATURES_MAX = 4096,
    NAMES_MAX = 100000,
};

struct md_worker {
    const struct md_settings *settings;
    struct md_page *page;
    struct md_page_slot *slot;
    unsigned number;
    struct md_cpu cpu; /* shared with the node */
    struct md_runner *runner;
    struct md_verdict verdict;
    struct md_tally tally;
    struct md_kept {
        char signature[MD_SIGNATURE_MAX];
        unsigned n;
    } * kept; /* owned */
    size_t n_kept, cap_kept;
};

static void last_words(struct md_page_slot *slot, const char *words) {
    snprintf(slot->message, sizeof slot->message, "%s", words);
}

struct md_worker *md_worker_new(const struct md_settings *s, struct md_page *page, unsigned slot) {
    struct md_worker *w = md_calloc(1, sizeof *w);
    struct md_runner_config config;
    struct md_buf why = {0};
    w->settings = s;
    w->page = page;
    w->slot = &page->slot[slot];
    w->number = slot;
    md_settings_runner(s, &config);
    config.node.cpu = md_cpu_join(&w->cpu, w->slot->cpu);
    config.node.unpinned = &w->cpu.before; /* a node with threads of its own uses them */
    config.fresh_every = s->connect ? 0 : FRESH_EVERY;
    config.sweep = !s->connect;
    w->runner = md_runner_new(&config, &why);
    if (!w->runner) {
        last_words(w->slot, md_buf_cstr(&why));
        md_worker_free(w);
        w = NULL;
    }
    md_buf_free(&why);
    return w;
}

void md_worker_free(struct md_worker *w) {
    if (!w)
        return;
    md_runner_free(w->runner);
    md_verdict_free(&w->verdict);
    md_cpu_release(&w->cpu);
    free(w->kept);
    free(w);
}

/* ---- what was found goes to disk ---------------------------------------------------------- */

/* Whether one more trace of this signature is worth keeping. */
static bool is_wanted(struct md_worker *w, const char *signature) {
    for (size_t i = 0; i < w->n_kept; i++)
        if (strcmp(w->kept[i].signature, signature) == 0)
            return w->kept[i].n++ < KEEP_EACH;
    if (w->n_kept == SIGNATURES_MAX)
        return false;
    w->kept = md_grow(w->kept, &w->cap_kept, w->n_kept + 1, sizeof *w->kept);
    struct md_kept *k = &w->kept[w->n_kept++];
    snprintf(k->signature, sizeof k->signature, "%s", signature);
    k->n = 1;
    return true;
}

/* The first name of this kind that is free: leftovers of an earlier campaign stay. */
static char *free_name(const struct md_worker *w, const char *folder, const char *what) {
    char *path = NULL;
    for (unsigned n = 0; n < NAMES_MAX; n++) {
        free(path);
        path = md_path(w->settings->out, "%s/%s-%u-%u.trace", folder, what, w->number, n);
        if (access(path, F_OK))
            break;
    }
    return path;
}

static bool write_window(struct md_worker *w, const char *trace, struct md_buf *why) {
    const struct md_trace *const *window;
    size_t n = md_runner_window(w->runner, &window);
    struct md_buf dir = {0};
    md_buf_append(&dir, trace, strlen(trace) - strlen(".trace"));
    md_buf_str(&dir, ".window");
    bool ok = md_artifact_folder(md_buf_cstr(&dir), why);
    for (size_t i = 0; i < n && ok; i++) {
        char *path = md_path(md_buf_cstr(&dir), "%04zu.trace", i);
        ok = md_artifact_trace(path, window[i], why);
        free(path);
    }
    md_buf_free(&dir);
    return ok;
}

/* The trace last: whoever sees it may rely on its window being there. */
static bool keep(struct md_worker *w, const char *folder, const char *what,
                 const struct md_trace *t, struct md_buf *why) {
    char *path = free_name(w, folder, what);
    bool ok = write_window(w, path, why) && md_artifact_trace(path, t, why);
    free(path);
    return ok;
}

/* What was seen goes with the trace: a crash that does not happen again has said its piece here. */
static void add_comment(struct md_trace *t, const struct md_verdict *v) {
    struct md_buf text = {0};
    const struct md_buf *said[] = {&v->reason, &v->stderr_tail};
    md_buf_printf(&text, " %s", v->signature);
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *at = said[i]->data, *end = at ? at + said[i]->len : NULL;
        for (bool fresh = true; at < end; at++) {
            if (fresh)
                md_buf_str(&text, "\n ");
            fresh = *at == '\n';
            if (!fresh)
                md_buf_byte(&text, *at >= ' ' && *at <= '~' ? *at : '.');
        }
    }
    md_buf_cstr(&text);
    free(t->comment);
    t->comment = (char *)text.data;
}

static enum md_worker_next diverged(struct md_worker *w, struct md_trace *t) {
    struct md_buf why = {0};
    bool ok = true;
    w->tally.found++;
    if (is_wanted(w, w->verdict.signature)) {
        if (w->verdict.in_sweep)
            md_runner_extend(w->runner, t);
        add_comment(t, &w->verdict);
        ok = keep(w, "found", w->verdict.signature, t, &why);
    }
    if (!ok)
        last_words(w->slot, md_buf_cstr(&why));
    md_buf_free(&why);
    return ok ? MD_WORKER_GO_ON : MD_WORKER_FAILED;
}

static enum md_worker_next failed(struct md_worker *w, const struct md_trace *t) {
    struct md_buf text = {0}, why = {0};
    md_buf_append(&text, w->verdict.reason.data, w->verdict.reason.len);
    if (keep(w, "failed", "worker", t, &why))
        md_buf_printf(&text, " (the trace is in %s/failed)", w->settings->out);
    last_words(w->slot, md_buf_cstr(&text));
    md_buf_free(&text);
    md_buf_free(&why);
    return MD_WORKER_FAILED;
}

/* ---- running ------------------------------------------------------------------------------ */

/* Before the tally takes over what the runner counted. */
static void count(struct md_worker *w, enum md_target target, uint64_t began,
                  enum md_verdict_kind kind) {
    struct md_target_tally *t = &w->tally.target[target];
    uint64_t commands = md_runner_counts(w->runner)->commands;
    const struct md_fired *fired = md_model_fired(md_runner_model(w->runner));
    uint64_t evicted = fired->rule[MD_RULE_EVICT_TAIL] - w->tally.fired.rule[MD_RULE_EVICT_TAIL];
    w->tally.inputs++;
    t->inputs++;
    t->commands += commands - w->tally.counts.commands;
    t->found += kind == MD_DIVERGED;
    t->ns += md_now_ns() - began;
    t->evicted += evicted;
    t->agreed += kind == MD_AGREE ? evicted : 0;
}

static void publish(struct md_worker *w) {
    w->tally.counts = *md_runner_counts(w->runner);
    w->tally.fired = *md_model_fired(md_runner_model(w->runner));
    md_page_publish(w->slot, &w->tally);
}

enum md_worker_next md_worker_run(struct md_worker *w, struct md_trace *t, enum md_target target,
                                  const void *text, size_t n) {
    enum md_worker_next next = MD_WORKER_GO_ON;
    md_page_wait_turn(w->page, w->slot);
    if (atomic_load_explicit(&w->page->stop, memory_order_relaxed) ||
        w->tally.inputs >= w->slot->quota)
        return MD_WORKER_DONE;
    md_page_input(w->slot, text, n);
    atomic_store_explicit(&w->slot->running, 1, memory_order_release);
    md_settings_apply(w->settings, t);
    md_runner_soften(w->runner, t);
    uint64_t began = md_now_ns();
    enum md_verdict_kind kind = md_runner_run(w->runner, t, &w->verdict);
    count(w, target, began, kind);
    if (kind == MD_DIVERGED)
        next = diverged(w, t);
    else if (kind == MD_FAILED)
        next = failed(w, t);
    publish(w);
    atomic_store_explicit(&w->slot->running, 0, memory_order_release);
    return next;
}

int md_worker_random(const struct md_settings *s, struct md_page *page, unsigned slot) {
    enum md_worker_next next = MD_WORKER_GO_ON;
    struct md_worker *w = md_worker_new(s, page, slot);
    struct md_generate_config config;
    struct md_trace t;
    char text[80];
    if (!w)
        return MD_EXIT_FAILED;
    md_generate_config_default(&config);
    config.options = !s->connect;
    md_trace_init(&t);
    for (uint64_t i = page->slot[slot].first; next == MD_WORKER_GO_ON; i++) {
        uint64_t index = slot + i * page->slots;
        /* Enough to make it again; printing every trace would cost more. */
        int n = snprintf(text, sizeof text, "# seed %llu, input %llu\n",
                         (unsigned long long)s->seed, (unsigned long long)index);
        enum md_target target =
            s->target == MD_TARGETS ? md_generate_turn(s->seed, index) : s->target;
        md_generate_for(target, &t, s->seed, index, &config);
        next = md_worker_run(w, &t, target, text, (size_t)n);
    }
    md_trace_free(&t);
    md_worker_free(w);
    return next == MD_WORKER_FAILED ? MD_EXIT_FAILED : MD_EXIT_AGREED;
}
