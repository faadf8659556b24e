/*
 * The work of a comparison, shared among processes: each takes every n-th trace, keeps the first one of
 * each signature on disk, and tells at its end by a pipe what it met.
 */
#include "harness/artifact.h"
#include "harness/interrupt.h"
#include "harness/now.h"
#include "harness/versus_hunt.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct share {
    const struct md_hunt_config *config;
    unsigned job;
    struct md_versus *versus;
    struct md_versus_verdict verdict;
    struct md_hunt found; /* its groups, counts and failure */
};

/* ---- in the process ------------------------------------------------------------------------------ */

static bool keep(struct share *s, const struct md_trace *t) {
    struct md_group *g = md_hunt_group(&s->found, s->verdict.signature);
    if (g->traces++ > 0)
        return true;
    g->path = md_path(s->config->out, "found/%s-%u.trace", g->signature, s->job);
    return md_artifact_trace(g->path, t, &s->found.why);
}

static bool run_one(struct share *s, struct md_trace *t) {
    md_settings_apply(s->config->settings[0], t);
    s->found.traces++;
    switch (md_versus_run(s->versus, t, &s->verdict)) {
    case MD_DIVERGED: return md_interrupted() || keep(s, t);
    case MD_SKIPPED: s->found.skipped++; return true;
    case MD_FAILED:
        if (!md_interrupted())
            md_buf_append(&s->found.why, s->verdict.reason.data, s->verdict.reason.len);
        return md_interrupted();
    default: return true;
    }
}

static bool run_corpus(struct share *s, struct md_trace *t) {
    const struct md_corpus *c = s->config->corpus;
    for (size_t i = s->job; i < c->n && !md_interrupted(); i += s->config->jobs) {
        struct md_trace_error error;
        if (!md_trace_load(t, c->path[i], &error)) {
            md_buf_printf(&s->found.why, "%s: %s", c->path[i], error.message);
            return false;
        }
        if (!run_one(s, t))
            return false;
    }
    return true;
}

static bool run_generated(struct share *s, struct md_trace *t) {
    const struct md_hunt_config *c = s->config;
    uint64_t end = md_now_ns() + c->seconds * 1000000000u;
    struct md_generate_config how;
    md_generate_config_default(&how);
    for (uint64_t i = s->job; md_now_ns() < end && !md_interrupted(); i += c->jobs) {
        enum md_target target = c->target == MD_TARGETS ? md_generate_turn(c->seed, i) : c->target;
        md_generate_for(target, t, c->seed, i, &how);
        if (!run_one(s, t))
            return false;
    }
    return true;
}

/* "t TRACES SKIPPED", "g TRACES SIGNATURE PATH", "f WHY", a line each. */
static void tell(const struct share *s, bool ok, int to) {
    struct md_buf b = {0};
    md_buf_printf(&b, "t %" PRIu64 " %" PRIu64 "\n", s->found.traces, s->found.skipped);
    for (size_t i = 0; i < s->found.n; i++) {
        const struct md_group *g = &s->found.group[i];
        md_buf_printf(&b, "g %" PRIu64 " %s %s\n", g->traces, g->signature, g->path);
    }
    if (!ok)
        md_buf_printf(&b, "f %s\n", md_buf_cstr((struct md_buf *)&s->found.why));
    for (size_t at = 0; at < b.len;) {
        ssize_t n = write(to, b.data + at, b.len - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    md_buf_free(&b);
}

static void run_share(const struct md_hunt_config *config, unsigned job, int to) {
    struct share s = {.config = config, .job = job};
    struct md_node_config nodes[MD_SIDES];
    struct md_cpu cpu = {0};
    struct md_trace t;
    md_trace_init(&t);
    int number = md_cpu_claim(&cpu, NULL);
    md_hunt_nodes(config, number, &cpu.before, nodes);
    s.versus = md_versus_new(nodes, &s.found.why);
    bool ok = s.versus && run_corpus(&s, &t) && run_generated(&s, &t);
    tell(&s, ok, to);
    md_versus_free(s.versus);
    md_cpu_release(&cpu);
    md_versus_verdict_free(&s.verdict);
    md_hunt_free(&s.found);
    md_trace_free(&t);
}

/* ---- in the one that shares ------------------------------------------------------------------------ */

struct worker {
    pid_t pid;
    FILE *from;
};

static bool start(const struct md_hunt_config *config, unsigned job, struct worker *w) {
    int ends[2];
    pid_t parent = getpid();
    if (pipe(ends) != 0)
        return false;
    w->pid = fork();
    if (w->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(ends[0]);
        if (getppid() == parent)
            run_share(config, job, ends[1]);
        close(ends[1]);
        _exit(0);
    }
    close(ends[1]);
    w->from = w->pid > 0 ? fdopen(ends[0], "r") : NULL;
    if (!w->from)
        close(ends[0]);
    return w->from != NULL;
}

static void take_group(struct md_hunt *h, uint64_t traces, const char *signature,
                       const char *path) {
    struct md_group *g = md_hunt_group(h, signature);
    g->traces += traces;
    if (!g->path)
        g->path = md_strdup(path);
}

/* Reads what a process tells until it has ended. */
static bool hear(struct md_hunt *h, struct worker *w) {
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    bool told = false, ok = true;
    while ((n = getline(&line, &size, w->from)) > 0) {
        uint64_t a = 0, b = 0;
        char signature[MD_SIGNATURE_MAX];
        int at = 0;
        line[n - 1] = 0;
        if (sscanf(line, "t %" SCNu64 " %" SCNu64, &a, &b) == 2) {
            told = true;
            h->traces += a;
            h->skipped += b;
        } else if (sscanf(line, "g %" SCNu64 " %127s %n", &a, signature, &at) == 2 && at) {
            take_group(h, a, signature, line + at);
        } else if (line[0] == 'f' && n > 2) {
            ok = false;
            md_buf_str(&h->why, h->why.len ? "" : line + 2);
        }
    }
    free(line);
    fclose(w->from);
    waitpid(w->pid, NULL, 0);
    if (!told && h->why.len == 0)
        md_buf_str(&h->why, "a process of the comparison died; its last words are above");
    return told && ok;
}

bool md_hunt_shares(const struct md_hunt_config *config, struct md_hunt *hunt) {
    struct worker *w = md_calloc(config->jobs, sizeof *w);
    unsigned n = 0;
    bool ok = true;
    fflush(NULL);
    while (n < config->jobs && ok) {
        ok = start(config, n, &w[n]);
        n += ok;
    }
    if (!ok)
        md_buf_str(&hunt->why,
                   "cannot start a process: is there memory, are there processes left?");
    for (unsigned i = 0; i < n; i++)
        ok &= hear(hunt, &w[i]);
    free(w);
    return ok;
}
