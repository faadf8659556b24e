/*
 * What a campaign did, told to people on stdout. The last line is for scripts:
 * result: divergences=N unconfirmed=N commands=N ...
 */
#include "harness/summary.h"

#include "harness/artifact.h"
#include "harness/transcript.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

double md_campaign_seconds(const struct md_campaign *c) {
    uint64_t end = c->ended_ns ? c->ended_ns : md_now_ns();
    return c->started_ns ? (double)(end - c->started_ns) / 1e9 : 0;
}

void md_campaign_tally(const struct md_campaign *c, struct md_tally *sum) {
    *sum = (struct md_tally){0};
    for (unsigned i = 0; i < c->workers; i++) {
        struct md_tally now;
        md_page_read(&c->page->slot[i], &now);
        md_tally_add(sum, &c->child[i].before);
        md_tally_add(sum, &now);
    }
}

static uint64_t corpus_of(const struct md_campaign *c, enum md_target target) {
    char *path = md_path(c->settings->out, "corpus/%s", md_target_name(target));
    DIR *d = opendir(path);
    uint64_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    free(path);
    return n;
}

uint64_t md_campaign_corpus(const struct md_campaign *c, enum md_target target) {
    uint64_t n = 0;
    for (unsigned i = 0; i < MD_TARGETS; i++)
        if (target == MD_TARGETS ? md_campaign_runs(c, (enum md_target)i) : target == i)
            n += corpus_of(c, (enum md_target)i);
    return n;
}

static double share(uint64_t part, uint64_t whole) {
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* ---- for people --------------------------------------------------------------------------- */

/* 1234567 as 1,234,567. */
static const char *grouped(uint64_t n, char out[32]) {
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

/* A line of words that goes on in the next one, indented, where it gets too long. */
struct wrapped {
    size_t column;
    bool first;
};
enum { INDENT = 13, WIDTH = 100, SELDOM = 100 };

static struct wrapped begin(const char *title) {
    printf("%-12s", title);
    return (struct wrapped){INDENT - 1, true};
}

/* A name, and how often it was (unless never). `lead` goes before it. */
static void add_word(struct wrapped *w, const char *lead, const char *name, uint64_t n) {
    char text[128], number[32];
    if (n)
        snprintf(text, sizeof text, "%s%s %s", lead, name, grouped(n, number));
    else
        snprintf(text, sizeof text, "%s%s", lead, name);
    if (!w->first && !*lead)
        w->column += (size_t)printf(",");
    if (w->column + strlen(text) + 1 > WIDTH) {
        printf("\n%*s", INDENT - 1, "");
        w->column = INDENT - 1;
    }
    w->column += (size_t)printf("%s%s", *lead ? "" : " ", text);
    w->first = false;
}

static void print_rates(const struct md_campaign *c, const struct md_tally *t) {
    double seconds = md_campaign_seconds(c);
    char a[32], b[32];
    double per = seconds > 0 ? 1 / seconds : 0;
    printf("commands     %s checked in %.1f s (%s/s)\n", grouped(t->counts.commands, a), seconds,
           grouped((uint64_t)((double)t->counts.commands * per), b));
    printf("inputs       %s (%s/s), %.1f commands each\n", grouped(t->inputs, a),
           grouped((uint64_t)((double)t->inputs * per), b),
           t->inputs ? (double)t->counts.commands / (double)t->inputs : 0);
    uint64_t corpus = md_campaign_corpus(c, MD_TARGETS);
    if (c->guided)
        printf("corpus       %s inputs, %s of them new\n", grouped(corpus, a),
               grouped(corpus > c->corpus_before ? corpus - c->corpus_before : 0, b));
}

/* What each target had of it, and of the memory under pressure. */
static void print_targets(const struct md_campaign *c, const struct md_tally *t) {
    struct md_target_tally all = {0};
    char a[32], b[32];
    for (unsigned i = 0; i < MD_TARGETS; i++) {
        all.ns += t->target[i].ns;
        all.evicted += t->target[i].evicted;
        all.agreed += t->target[i].agreed;
    }
    const char *lead = "targets      ";
    for (unsigned i = 0; i < MD_TARGETS; i++) {
        const struct md_target_tally *n = &t->target[i];
        if (!md_campaign_runs(c, (enum md_target)i))
            continue;
        printf("%s%s %s inputs in %.0f%% of the time (%s/s)", lead,
               md_target_name((enum md_target)i), grouped(n->inputs, a), share(n->ns, all.ns),
               grouped(n->ns ? (uint64_t)((double)n->inputs * 1e9 / (double)n->ns) : 0, b));
        lead = ", ";
    }
    double seconds = md_campaign_seconds(c);
    printf(
        "\nevictions    %s predicted, %s of them confirmed (%.0f/s); %s misses of evicted items\n",
        grouped(all.evicted, a), grouped(all.agreed, b),
        seconds > 0 ? (double)all.agreed / seconds : 0,
        grouped(t->fired.rule[MD_RULE_MISS_EVICTED], (char[32]){0}));
}

static void print_labels(const struct md_tally *t) {
    const struct md_counts *n = &t->counts;
    char a[32], b[32], d[32], e[32];
    printf("retrievals   %.0f%% hits, %.0f%% misses\n", share(n->hits, n->hits + n->misses),
           share(n->misses, n->hits + n->misses));
    printf("replies      %.1f%% errors, %.1f%% silent (noreply), %.1f%% from a live item, "
           "%.2f%% expired\n",
           share(n->errors, n->commands), share(n->silent, n->commands),
           share(md_live_replies(&t->fired), n->commands),
           share(t->fired.rule[MD_RULE_MISS_EXPIRED], n->commands));
    printf("nodes        %s started, %s resets, %s clock jumps, %s inputs run twice to compare\n",
           grouped(n->nodes_started, a), grouped(n->resets, b), grouped(n->clock_jumps, d),
           grouped(n->fresh_checks, e));
    if (n->unmodelled || n->skipped)
        printf("left out     %s inputs beyond the model, %s not for this node\n",
               grouped(n->unmodelled, a), grouped(n->skipped, b));
    if (n->left_open || n->server_errors)
        printf("left open    %s inputs where the documents leave the server free, %s after a "
               "SERVER_ERROR\n",
               grouped(n->left_open, a), grouped(n->server_errors, b));
    struct wrapped w = begin("by command");
    for (int i = 0; i < MD_COMMAND_NAMES; i++)
        if (n->by_command[i])
            add_word(&w, "", md_command_name_text((enum md_command_name)i), n->by_command[i]);
    printf("\n");
}

/* Those that did not fire often enough to say much, by name. */
static void print_seldom(const struct md_list *l, struct wrapped *w, uint64_t from, uint64_t to,
                         const char *lead) {
    for (int i = l->first; i < l->end; i++) {
        char id[MD_ID_MAX];
        if (l->fired[i] < from || l->fired[i] >= to)
            continue;
        md_id_text(l->name(i), id, sizeof id);
        add_word(w, lead, id, l->fired[i]);
        lead = "";
    }
}

static void print_list(const struct md_list *l) {
    int fired = 0;
    char text[64];
    for (int i = l->first; i < l->end; i++)
        fired += l->fired[i] > 0;
    struct wrapped w = begin(l->title);
    snprintf(text, sizeof text, "%d of %d fired", fired, l->end - l->first);
    add_word(&w, "", text, 0);
    print_seldom(l, &w, 0, 1, "; never: ");
    print_seldom(l, &w, 1, SELDOM, "; fewer than 100 times: ");
    printf("\n");
}

static void print_workers(const struct md_campaign *c) {
    if (c->crashes)
        printf("workers      %u DIED of a fault of their own: please report it with %s/crashed\n",
               c->crashes, c->settings->out);
    if (c->killed)
        printf("workers      %u killed by somebody else and started again\n", c->killed);
}

static void print_finding(const struct md_campaign *c, const struct md_finding *f) {
    struct md_buf words = {0};
    md_signature_words(f->signature, &words);
    printf("  %s\n    %s/%s/%s", md_buf_cstr(&words), c->settings->out,
           md_outcome_folder(f->outcome), f->outcome == MD_OUTCOME_NONE ? "" : f->signature);
    if (f->outcome == MD_OUTCOME_CONFIRMED)
        printf(" (%llu command%s%s)", (unsigned long long)f->triage.commands,
               f->triage.commands == 1 ? "" : "s",
               f->triage.minimal ? "" : ", not shrunk to the end");
    printf(", after %.1f s\n", f->after);
    md_buf_free(&words);
}

static void print_findings(const struct md_campaign *c, enum md_outcome outcome, const char *title,
                           const char *about, bool always) {
    size_t n = md_campaign_count(c, outcome);
    if (n || always)
        printf("%-12s %zu%s\n", title, n, n ? about : "");
    for (size_t i = 0; i < c->n_findings; i++)
        if (c->finding[i].outcome == outcome)
            print_finding(c, &c->finding[i]);
}

static void print_result(const struct md_campaign *c, const struct md_tally *t) {
    const struct md_finding *first = md_campaign_first(c);
    size_t unchecked = md_campaign_count(c, MD_OUTCOME_NONE);
    printf("result: divergences=%zu unconfirmed=%zu commands=%llu",
           md_campaign_count(c, MD_OUTCOME_CONFIRMED), md_campaign_count(c, MD_OUTCOME_UNCONFIRMED),
           (unsigned long long)t->counts.commands);
    if (unchecked)
        printf(" unchecked=%zu", unchecked);
    if (first)
        printf(" first_after=%.1f shrunk_commands=%llu signature=%s\n", first->after,
               (unsigned long long)first->triage.commands, first->signature);
    else
        printf(" first_after=- shrunk_commands=- signature=-\n");
}

static void print_summary(const struct md_campaign *c, const struct md_tally *t) {
    struct md_list lists[MD_LISTS];
    md_lists_of(&t->fired, lists);
    printf("\n");
    print_rates(c, t);
    print_targets(c, t);
    print_labels(t);
    for (size_t i = 0; i < MD_LISTS; i++)
        print_list(&lists[i]);
    print_workers(c);
    print_findings(c, MD_OUTCOME_CONFIRMED, "divergences", "", true);
    print_findings(c, MD_OUTCOME_UNCONFIRMED, "unconfirmed",
                   ": seen once, not again on a fresh node", true);
    print_findings(c, MD_OUTCOME_NONE, "not checked",
                   ": there was no time; the next campaign with this --out does it", false);
    printf("artifacts    %s (summary.json", c->settings->out);
    if (c->n_findings)
        printf(", %s", "for each divergence trace, shrunk.trace, repro.sh, report.md");
    printf(")\n");
    if (c->failed)
        printf("NOT COMPLETE: %s\n", md_buf_cstr((struct md_buf *)&c->failure));
    print_result(c, t);
}

bool md_summary(struct md_campaign *c) {
    struct md_tally t;
    struct md_buf why = {0};
    md_campaign_tally(c, &t);
    json_t *json = md_summary_json(c, &t);
    char *text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    char *path = md_path(c->settings->out, "summary.json");
    bool ok = md_artifact_write(path, text, strlen(text), 0644, &why);
    if (c->settings->json)
        printf("%s\n", text);
    else
        print_summary(c, &t);
    fflush(stdout);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    free(path);
    free(text);
    json_decref(json);
    md_buf_free(&why);
    return ok;
}
