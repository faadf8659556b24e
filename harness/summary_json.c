/* What a campaign did, for programs: summary.json. */
#include "harness/summary.h"

#include "harness/artifact.h"

#include <stdlib.h>

enum { SCHEMA = 1 };

uint64_t md_live_replies(const struct md_fired *f) {
    static const enum md_rule rules[] = {
        MD_RULE_ADD_EXISTS, MD_RULE_APPEND_KEEPS, MD_RULE_CAS_STORED,       MD_RULE_CAS_EXISTS,
        MD_RULE_GET_HIT,    MD_RULE_GETS_HIT,     MD_RULE_GAT_HIT,          MD_RULE_GETS_GAT_HIT,
        MD_RULE_DELETED,    MD_RULE_INCR,         MD_RULE_INCR_WRAP,        MD_RULE_DECR,
        MD_RULE_DECR_FLOOR, MD_RULE_TOUCHED,      MD_RULE_DELTA_NON_NUMERIC};
    uint64_t n = 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        n += f->rule[rules[i]];
    return n;
}

static const char *rule_name(int i) { return md_rule_info((enum md_rule)i)->name; }
static const char *choice_name(int i) { return md_choice_info((enum md_choice)i)->name; }
static const char *quirk_name(int i) { return md_quirk_info((enum md_quirk)i)->name; }

void md_lists_of(const struct md_fired *f, struct md_list out[MD_LISTS]) {
    out[0] = (struct md_list){"rules", f->rule, MD_RULE_NONE + 1, MD_RULES, rule_name};
    out[1] = (struct md_list){"choices", f->choice, 0, MD_CHOICES, choice_name};
    out[2] = (struct md_list){"quirks", f->quirk, MD_QUIRK_NONE + 1, MD_QUIRKS, quirk_name};
}

const char *md_outcome_folder(enum md_outcome outcome) {
    return outcome == MD_OUTCOME_CONFIRMED     ? "divergences"
           : outcome == MD_OUTCOME_UNCONFIRMED ? "unconfirmed"
                                               : "found";
}

static json_t *number(uint64_t n) { return json_integer((json_int_t)n); }

static json_t *list_json(const struct md_list *l) {
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
        "traces", number(n->traces), "steps", number(n->steps), "bytes_sent", number(n->bytes_sent),
        "bytes_received", number(n->bytes_received), "hits", number(n->hits), "misses",
        number(n->misses), "errors", number(n->errors), "silent", number(n->silent), "live",
        number(md_live_replies(&t->fired)), "unmodelled", number(n->unmodelled), "skipped",
        number(n->skipped), "choices_turned", number(n->choices_turned), "nodes_started",
        number(n->nodes_started), "resets", number(n->resets), "clock_jumps",
        number(n->clock_jumps), "ns_run", number(n->ns_run), "ns_reset", number(n->ns_reset));
}

static json_t *targets_json(const struct md_campaign *c, const struct md_tally *t) {
    json_t *all = json_object();
    for (unsigned i = 0; i < MD_TARGETS; i++) {
        const struct md_target_tally *n = &t->target[i];
        enum md_target target = (enum md_target)i;
        if (md_campaign_runs(c, target))
            json_object_set_new(all, md_target_name(target),
                                json_pack("{s:o, s:o, s:o, s:f, s:o, s:o, s:o}", "inputs",
                                          number(n->inputs), "commands", number(n->commands),
                                          "found", number(n->found), "seconds", (double)n->ns / 1e9,
                                          "corpus", number(md_campaign_corpus(c, target)),
                                          "evictions_predicted", number(n->evicted),
                                          "evictions_confirmed", number(n->agreed)));
    }
    return all;
}

static json_t *findings_json(const struct md_campaign *c, enum md_outcome outcome) {
    json_t *list = json_array();
    for (size_t i = 0; i < c->n_findings; i++) {
        const struct md_finding *f = &c->finding[i];
        if (f->outcome != outcome)
            continue;
        char *path = md_path(c->settings->out, "%s/%s", md_outcome_folder(outcome),
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

json_t *md_summary_json(const struct md_campaign *c, const struct md_tally *t) {
    const struct md_settings *s = c->settings;
    struct md_list lists[MD_LISTS];
    json_t *by_command = json_object();
    md_lists_of(&t->fired, lists);
    for (int i = 0; i < MD_COMMAND_NAMES; i++)
        json_object_set_new(by_command, md_command_name_text((enum md_command_name)i),
                            number(t->counts.by_command[i]));
    json_t *o =
        json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:f}", "schema", SCHEMA, "program",
                  MD_PROGRAM, "node", s->binary ? s->binary : s->connect, "version", c->version,
                  "oracle", md_oracle_name(s->oracle), "engine", s->engine, "seed", number(s->seed),
                  "jobs", number(c->jobs), "seconds", md_campaign_seconds(c));
    if (!o) { /* a path that is not UTF-8 */
        o = json_pack("{s:i, s:s, s:o, s:f}", "schema", SCHEMA, "program", MD_PROGRAM, "seed",
                      number(s->seed), "seconds", md_campaign_seconds(c));
    }
    json_object_set_new(o, "complete", json_boolean(!c->failed && !c->interrupts));
    json_object_set_new(o, "inputs", number(t->inputs));
    json_object_set_new(o, "commands", number(t->counts.commands));
    json_object_set_new(o, "corpus_before", number(c->corpus_before));
    json_object_set_new(o, "corpus", number(md_campaign_corpus(c, MD_TARGETS)));
    json_object_set_new(o, "targets", targets_json(c, t));
    json_object_set_new(o, "counts", counts_json(t));
    json_object_set_new(o, "by_command", by_command);
    for (size_t i = 0; i < MD_LISTS; i++)
        json_object_set_new(o, lists[i].title, list_json(&lists[i]));
    json_object_set_new(o, "divergences", findings_json(c, MD_OUTCOME_CONFIRMED));
    json_object_set_new(o, "unconfirmed", findings_json(c, MD_OUTCOME_UNCONFIRMED));
    json_object_set_new(o, "not_checked", findings_json(c, MD_OUTCOME_NONE));
    json_object_set_new(o, "workers_crashed", number(c->crashes));
    json_object_set_new(o, "workers_killed", number(c->killed));
    return o;
}
