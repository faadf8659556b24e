/* What a campaign's workers found, and looking into it one at a time. See campaign.h. */
#include "harness/campaign.h"

#include "harness/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOOKS_MAX = 3, /* tries to confirm one signature */
    SHRINK_MS = 60000,
    SHRINK_LATE_MS = 8000,    /* when time is up */
    SHRINK_HURRIED_MS = 3000, /* after an interrupt */
    SHRINK_NOT_MS = 1,        /* none: 0 would be no limit */
};

static struct md_finding *finding_of(struct md_campaign *c, const char *signature) {
    for (size_t i = 0; i < c->n_findings; i++)
        if (strcmp(c->finding[i].signature, signature) == 0)
            return &c->finding[i];
    c->finding = md_grow(c->finding, &c->cap_findings, c->n_findings + 1, sizeof *c->finding);
    struct md_finding *f = &c->finding[c->n_findings++];
    *f = (struct md_finding){.after = md_campaign_seconds(c)};
    memcpy(f->signature, signature, strlen(signature) + 1);
    return f;
}

size_t md_campaign_count(const struct md_campaign *c, enum md_outcome outcome) {
    size_t n = 0;
    for (size_t i = 0; i < c->n_findings; i++)
        n += c->finding[i].outcome == outcome;
    return n;
}

const struct md_finding *md_campaign_first(const struct md_campaign *c) {
    const struct md_finding *first = NULL;
    for (size_t i = 0; i < c->n_findings; i++)
        if (c->finding[i].outcome == MD_OUTCOME_CONFIRMED &&
            (!first || c->finding[i].after < first->after))
            first = &c->finding[i];
    return first;
}

/* ---- looking into one --------------------------------------------------------------------- */

/* When time is up: all are confirmed first, and then shrunk for a while each. */
static unsigned shrink_ms(const struct md_campaign *c, const struct md_finding *f) {
    const struct md_settings *s = c->settings;
    if (c->stopping && !f->unshrunk)
        return SHRINK_NOT_MS;
    if (c->interrupts)
        return SHRINK_HURRIED_MS;
    if (c->stopping)
        return SHRINK_LATE_MS;
    double left = s->seconds ? ((double)s->seconds - md_campaign_seconds(c)) * 1000 : SHRINK_MS;
    left = (left < 0 ? 0 : left) + SHRINK_LATE_MS;
    return left < SHRINK_MS ? (unsigned)left : SHRINK_MS;
}

static void start_triage(struct md_campaign *c, const struct md_found *found) {
    unsigned ms = shrink_ms(c, finding_of(c, found->signature));
    c->triage_confirms_only = ms == SHRINK_NOT_MS;
    c->triage_found = *found;
    c->page->triage = (struct md_page_triage){0};
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        md_child_begin(c, parent);
        md_triage(c->settings, found, ms, &c->page->triage);
        _exit(0);
    }
    if (pid > 0) {
        c->triage_pid = pid;
        return;
    }
    c->failed = true;
    md_buf_printf(&c->failure, "cannot start a process to confirm a divergence: %s",
                  strerror(errno));
}

bool md_campaign_triaged(struct md_campaign *c, pid_t pid) {
    if (pid != c->triage_pid)
        return false;
    struct md_finding *f = finding_of(c, c->triage_found.signature);
    enum md_outcome outcome = (enum md_outcome)c->page->triage.outcome;
    c->triage_pid = 0;
    f->seen += !f->unshrunk;
    /* What was confirmed stays so, however the shrinking ends. */
    if (!f->unshrunk || outcome == MD_OUTCOME_CONFIRMED) {
        f->triage = c->page->triage;
        f->outcome = outcome;
    }
    switch (outcome) {
    case MD_OUTCOME_CONFIRMED:
    case MD_OUTCOME_UNCONFIRMED:
        f->unshrunk = outcome == MD_OUTCOME_CONFIRMED && c->triage_confirms_only;
        if (f->unshrunk)
            memcpy(f->path, c->triage_found.path, sizeof f->path);
        else
            md_found_remove(&c->triage_found);
        break;
    case MD_OUTCOME_FAILED:
        if (!c->failed)
            md_buf_printf(&c->failure, "%s (the trace is %s)", c->page->triage.message,
                          c->triage_found.path);
        c->failed = true;
        break;
    case MD_OUTCOME_NONE: /* cut short: the trace stays in OUT/found */
        if (!c->interrupts && !c->failed) {
            c->failed = true;
            md_buf_printf(&c->failure,
                          "a fault of memdiverge: confirming %s ended early; please "
                          "report it with that trace",
                          c->triage_found.path);
        }
        break;
    }
    return true;
}

/* ---- choosing the next -------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **at; /* owned */
    size_t n, cap;
};

static void list_found(const struct md_campaign *c, struct names *names) {
    char *dir = md_path(c->settings->out, "found");
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct md_found f;
        if (!md_found_name(c->settings->out, e->d_name, &f))
            continue;
        names->at = md_grow(names->at, &names->cap, names->n + 1, sizeof *names->at);
        names->at[names->n++] = md_strdup(e->d_name);
    }
    if (d)
        closedir(d);
    free(dir);
    if (names->n)
        qsort(names->at, names->n, sizeof *names->at, by_name);
}

/* True: there is nothing more to learn from another trace of this signature. */
static bool is_settled(const struct md_finding *f, const struct md_found *found) {
    if (f->unshrunk)
        return strcmp(f->path, found->path) != 0;
    return f->outcome == MD_OUTCOME_CONFIRMED ||
           (f->outcome == MD_OUTCOME_UNCONFIRMED && f->seen >= LOOKS_MAX);
}

/* New signatures before second looks at old ones; shrinking what is confirmed comes last. */
enum { RANK_NONE = 3 };
static int rank_of(const struct md_finding *f) {
    return f->unshrunk ? 2 : f->outcome != MD_OUTCOME_NONE;
}

/* --stop-after: the rest stays in OUT/found. */
static bool has_enough(const struct md_campaign *c) {
    uint64_t enough = c->settings->stop_after;
    return enough && md_campaign_count(c, MD_OUTCOME_CONFIRMED) >= enough;
}

void md_campaign_findings(struct md_campaign *c) {
    struct names names = {0};
    struct md_found next, found;
    int next_rank = RANK_NONE;
    if (c->failed)
        return;
    list_found(c, &names);
    for (size_t i = 0; i < names.n; i++) {
        md_found_name(c->settings->out, names.at[i], &found);
        struct md_finding *f = finding_of(c, found.signature);
        bool at_work = c->triage_pid && strcmp(found.path, c->triage_found.path) == 0;
        if (at_work)
            continue;
        if (is_settled(f, &found)) {
            f->seen++;
            md_found_remove(&found);
        } else if (rank_of(f) < next_rank && (f->unshrunk || !has_enough(c))) {
            next = found;
            next_rank = rank_of(f);
        }
    }
    bool too_late = c->hurry_ns && md_now_ns() >= c->hurry_ns;
    if (next_rank != RANK_NONE && !c->triage_pid && !too_late)
        start_triage(c, &next);
    for (size_t i = 0; i < names.n; i++)
        free(names.at[i]);
    free(names.at);
}
