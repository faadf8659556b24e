/*
 * What a campaign did, for people on stdout and for programs in summary.json. The last line on stdout
 * is for scripts: result: divergences=N unconfirmed=N commands=N ...
 */
#include "harness/campaign.h"

#include "harness/artifact.h"
#include "harness/transcript.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA = 1 };

double md_campaign_seconds(const struct md_campaign *c) {
    uint64_t end = c->ended_ns ? c->ended_ns : md_campaign_ns();
    return c->started_ns ? (double)(end - c->started_ns) / 1e9 : 0;
}

void md_campaign_tally(const struct md_campaign *c, struct md_tally *sum) {
    *sum = (struct md_tally){0};
    for (unsigned i = 0; i < c->jobs; i++) {
        struct md_tally now;
        md_page_read(&c->page->slot[i], &now);
        md_tally_add(sum, &c->child[i].before);
        md_tally_add(sum, &now);
    }
}

uint64_t md_campaign_corpus(const struct md_campaign *c) {
    char *path = md_path(c->settings->out, "corpus/commands");
    DIR *d = opendir(path);
    uint64_t n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    free(path);
    return n;
}

/* ---- what it comes to --------------------------------------------------------------------- */

/* Replies that only a live item gives. */
static uint64_t live_replies(const struct md_fired *f) {
    static const enum md_rule rules[] = {
        MD_RULE_ADD_EXISTS, MD_RULE_APPEND_KEEPS, MD_RULE_CAS_STORED, MD_RULE_CAS_EXISTS,
        MD_RULE_GET_HIT,    MD_RULE_GETS_HIT,     MD_RULE_GAT_HIT,    MD_RULE_GETS_GAT_HIT,
        MD_RULE_DELETED,    MD_RULE_INCR,         MD_RULE_INCR_WRAP,  MD_RULE_DECR,
        MD_RULE_DECR_FLOOR, MD_RULE_TOUCHED,      MD_RULE_DELTA_NON_NUMERIC};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        n += f->rule[rules[i]];
    return n;
}

static double share(uint64_t part, uint64_t whole) {
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* One of the three lists of model/rules.h. */
struct list {
    const char *title;
    const uint64_t *fired;
    int first, end;
    const char *(*name)(int i);
};

static const char *rule_name(int i) { return md_rule_info((enum md_rule)i)->name; }
static const char *choice_name(int i) { return md_choice_info((enum md_choice)i)->name; }
static const char *quirk_name(int i) { return md_quirk_info((enum md_quirk)i)->name; }

static void lists_of(const struct md_fired *f, struct list out[3]) {
    out[0] = (struct list){"rules", f->rule, MD_RULE_NONE + 1, MD_RULES, rule_name};
    out[1] = (struct list){"choices", f->choice, 0, MD_CHOICES, choice_name};
    out[2] = (struct list){"quirks", f->quirk, MD_QUIRK_NONE + 1, MD_QUIRKS, quirk_name};
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

static void print_rates(const struct md_campaign *c, const struct md_tally *t) {
    double seconds = md_campaign_seconds(c);
    char a[32], b[32];
    double per = seconds > 0 ? 1 / seconds : 0;
    printf("commands     %s checked in %.1f s (%s/s)\n", grouped(t->counts.commands, a), seconds,
           grouped((uint64_t)((double)t->counts.commands * per), b));
    printf("inputs       %s (%s/s), %.1f commands each\n", grouped(t->inputs, a),
           grouped((uint64_t)((double)t->inputs * per), b),
           t->inputs ? (double)t->counts.commands / (double)t->inputs : 0);
    if (c->fuzzer)
        printf("corpus       %s inputs, %s of them new\n", grouped(md_campaign_corpus(c), a),
               grouped(md_campaign_corpus(c) - c->corpus_before, b));
}

static void print_labels(const struct md_tally *t) {
    const struct md_counts *n = &t->counts;
    char a[32], b[32], d[32], e[32];
    printf("retrievals   %.0f%% hits, %.0f%% misses\n", share(n->hits, n->hits + n->misses),
           share(n->misses, n->hits + n->misses));
    printf("replies      %.1f%% errors, %.1f%% silent (noreply), %.1f%% from a live item, "
           "%.2f%% expired\n",
           share(n->errors, n->commands), share(n->silent, n->commands),
           share(live_replies(&t->fired), n->commands),
           share(t->fired.rule[MD_RULE_MISS_EXPIRED], n->commands));
    printf("nodes        %s started, %s resets, %s clock jumps, %s inputs run twice to compare\n",
           grouped(n->nodes_started, a), grouped(n->resets, b), grouped(n->clock_jumps, d),
           grouped(n->fresh_checks, e));
    if (n->unmodelled || n->skipped)
        printf("left out     %s inputs beyond the model, %s not for this node\n",
               grouped(n->unmodelled, a), grouped(n->skipped, b));
    printf("by command  ");
    for (int i = 0; i < MD_COMMAND_NAMES; i++)
        if (n->by_command[i])
            printf(" %s %s", md_command_name_text((enum md_command_name)i),
                   grouped(n->by_command[i], a));
    printf("\n");
}

static void print_list(const struct list *l) {
    int fired = 0;
    for (int i = l->first; i < l->end; i++)
        fired += l->fired[i] > 0;
    printf("%-12s %d of %d fired", l->title, fired, l->end - l->first);
    const char *lead = "; never: ";
    for (int i = l->first; i < l->end; i++) {
        char id[MD_ID_MAX];
        if (l->fired[i])
            continue;
        md_id_text(l->name(i), id, sizeof id);
        printf("%s%s", lead, id);
        lead = ", ";
    }
    printf("\n");
}

static void print_workers(const struct md_campaign *c) {
    if (c->crashes)
        printf("workers      %u DIED of a fault of their own: please report it with %s/crashed\n",
               c->crashes, c->settings->out);
    if (c->killed)
        printf("workers      %u killed by somebody else and started again\n", c->killed);
}

static const char *folder_of(enum md_outcome outcome) {
    return outcome == MD_OUTCOME_CONFIRMED     ? "divergences"
           : outcome == MD_OUTCOME_UNCONFIRMED ? "unconfirmed"
                                               : "found";
}

static void print_finding(const struct md_campaign *c, const struct md_finding *f) {
    struct md_buf words = {0};
    md_signature_words(f->signature, &words);
    printf("  %s\n    %s/%s/%s", md_buf_cstr(&words), c->settings->out, folder_of(f->outcome),
           f->outcome == MD_OUTCOME_NONE ? "" : f->signature);
    if (f->outcome == MD_OUTCOME_CONFIRMED)
        printf(" (%llu command%s%s)", (unsigned long long)f->triage.commands,
               f->triage.commands == 1 ? "" : "s",
               f->triage.minimal ? "" : ", not shrunk to the end");
    printf(", after %.1f s\n", f->after);
    md_buf_free(&words);
}

static void print_findings(const struct md_campaign *c, enum md_outcome outcome,
                           const char *title, const char *about, bool always) {
    size_t n = md_campaign_count(c, outcome);
    if (n || always)
        printf("%-12s %zu%s\n", title, n, n ? about : "");
    for (size_t i = 0; i < c->n_findings; i++)
        if (c->finding[i].outcome == outcome)
            print_finding(c, &c->finding[i]);
}

static void print_result(const struct md_campaign *c, const struct md_tally *t) {
    const struct md_finding *first = md_campaign_first(c);
    printf("result: divergences=%zu unconfirmed=%zu commands=%llu",
           md_campaign_count(c, MD_OUTCOME_CONFIRMED),
           md_campaign_count(c, MD_OUTCOME_UNCONFIRMED) + md_campaign_count(c, MD_OUTCOME_NONE),
           (unsigned long long)t->counts.commands);
    if (first)
        printf(" first_after=%.1f shrunk_commands=%llu signature=%s\n", first->after,
               (unsigned long long)first->triage.commands, first->signature);
    else
        printf(" first_after=- shrunk_commands=- signature=-\n");
}

static void print_summary(const struct md_campaign *c, const struct md_tally *t) {
    struct list lists[3];
    lists_of(&t->fired, lists);
    printf("\n");
    print_rates(c, t);
    print_labels(t);
    for (size_t i = 0; i < 3; i++)
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

/* ---- for programs ------------------------------------------------------------------------- */

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }

static json_t *list_json(const struct list *l) {
    json_t *o = json_object();
    for (int i = l->first; i < l->end; i++) {
        char id[MD_ID_MAX];
        md_id_text(l->name(i), id, sizeof id);
        json_object_set_new(o, id, number(l->fired[i]));
    }
    return o;
}

static json_t *counts_json(const struct md_tally *t) {
    const struct md_counts *n = &t->counts;
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "traces", number(n->traces), "steps", number(n->steps), "bytes_sent",
        number(n->bytes_sent), "bytes_received", number(n->bytes_received), "hits",
        number(n->hits), "misses", number(n->misses), "errors", number(n->errors), "silent",
        number(n->silent), "live", number(live_replies(&t->fired)), "unmodelled",
        number(n->unmodelled), "skipped", number(n->skipped), "choices_turned",
        number(n->choices_turned), "nodes_started", number(n->nodes_started), "resets",
        number(n->resets), "clock_jumps", number(n->clock_jumps), "ns_run", number(n->ns_run),
        "ns_reset", number(n->ns_reset));
}

static json_t *findings_json(const struct md_campaign *c, enum md_outcome outcome) {
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_findings; i++) {
        const struct md_finding *f = &c->finding[i];
        if (f->outcome != outcome)
            continue;
        char *path = md_path(c->settings->out, "%s/%s", folder_of(outcome),
                             outcome == MD_OUTCOME_NONE ? "" : f->signature);
        json_t *o = json_pack("{s:s, s:s, s:f, s:o}", "signature", f->signature, "path", path,
                              "first_after", f->after, "seen", number(f->seen));
        if (outcome == MD_OUTCOME_CONFIRMED) {
            json_object_set_new(o, "commands", number(f->triage.commands));
            json_object_set_new(o, "steps", number(f->triage.steps));
            json_object_set_new(o, "minimal", json_boolean(f->triage.minimal));
        }
        json_array_append_new(list, o);
        free(path);
    }
    return list;
}

static json_t *summary_json(const struct md_campaign *c, const struct md_tally *t) {
    const struct md_settings *s = c->settings;
    struct list lists[3];
    json_t *by_command = json_object();
    lists_of(&t->fired, lists);
    for (int i = 0; i < MD_COMMAND_NAMES; i++)
        json_object_set_new(by_command, md_command_name_text((enum md_command_name)i),
                            number(t->counts.by_command[i]));
    json_t *o = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:f}", "schema", SCHEMA,
                          "program", MD_PROGRAM, "node", s->binary ? s->binary : s->connect,
                          "version", c->version, "oracle", md_oracle_name(s->oracle), "engine",
                          s->engine, "seed", number(s->seed), "jobs", number(c->jobs), "seconds",
                          md_campaign_seconds(c));
    if (!o) { /* a path that is not UTF-8 */
        o = json_pack("{s:i, s:s, s:o, s:f}", "schema", SCHEMA, "program", MD_PROGRAM, "seed",
                      number(s->seed), "seconds", md_campaign_seconds(c));
    }
    json_object_set_new(o, "complete", json_boolean(!c->failed && !c->interrupts));
    json_object_set_new(o, "inputs", number(t->inputs));
    json_object_set_new(o, "commands", number(t->counts.commands));
    json_object_set_new(o, "corpus_before", number(c->corpus_before));
    json_object_set_new(o, "corpus", number(md_campaign_corpus(c)));
    json_object_set_new(o, "counts", counts_json(t));
    json_object_set_new(o, "by_command", by_command);
    for (size_t i = 0; i < 3; i++)
        json_object_set_new(o, lists[i].title, list_json(&lists[i]));
    json_object_set_new(o, "divergences", findings_json(c, MD_OUTCOME_CONFIRMED));
    json_object_set_new(o, "unconfirmed", findings_json(c, MD_OUTCOME_UNCONFIRMED));
    json_object_set_new(o, "not_checked", findings_json(c, MD_OUTCOME_NONE));
    json_object_set_new(o, "workers_crashed", number(c->crashes));
    json_object_set_new(o, "workers_killed", number(c->killed));
    return o;
}

bool md_summary(struct md_campaign *c) {
    struct md_tally t;
    struct md_buf why = {0};
    md_campaign_tally(c, &t);
    json_t *json = summary_json(c, &t);
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
