/*
 * Turns of a campaign: which targets it runs, which worker runs what, and for how long. With
 * libFuzzer a job is one process for each target, on one CPU; only one of them has its turn, so
 * that each target gets its share of time however long its inputs take, and none has to read its
 * corpus again. With the random engine a job is one process that mixes the targets by itself. See
 * campaign.h.
 */
#include "harness/campaign.h"

#include <sched.h>

/* Long enough that starting and ending an input do not matter, short enough for a campaign of a
 * minute. */
enum { TURN_MS = 2500 };

bool md_campaign_runs(const struct md_campaign *c, enum md_target target) {
    return c->settings->target == MD_TARGETS || c->settings->target == target;
}

static unsigned workers_of_job(const struct md_campaign *c) {
    return c->guided && c->settings->target == MD_TARGETS ? MD_TARGETS : 1;
}

void md_campaign_plan(struct md_campaign *c) {
    unsigned each = workers_of_job(c);
    c->workers = c->jobs * each;
    c->job = md_calloc(c->jobs, sizeof *c->job);
    c->child = md_calloc(c->workers, sizeof *c->child);
    for (unsigned i = 0; i < c->workers; i++)
        c->child[i].target = each > 1 ? (enum md_target)(i % each) : c->settings->target;
    for (unsigned i = 0; i < c->jobs; i++) {
        c->job[i].cpu.number = -1;
        c->job[i].turn = i % each; /* not all jobs the same at the same time */
    }
}

void md_campaign_claim_cpus(struct md_campaign *c) {
    for (unsigned i = 0; i < c->jobs; i++) {
        struct md_cpu *cpu = &c->job[i].cpu;
        if (md_cpu_claim(cpu, NULL) >= 0) /* the workers join it, the supervisor does not stay */
            sched_setaffinity(0, sizeof cpu->before, &cpu->before);
    }
}

/* --runs: of inputs that take long there are fewer, as where one worker mixes all. */
uint64_t md_campaign_share(const struct md_campaign *c, unsigned slot) {
    uint64_t runs = c->settings->runs;
    unsigned job = slot;
    if (!runs)
        return UINT64_MAX;
    if (workers_of_job(c) > 1) {
        uint64_t slow = (runs + MD_EVICTION_ONE_IN - 1) / MD_EVICTION_ONE_IN;
        /* The others share what is left; the first takes what does not divide. */
        uint64_t each = (runs - slow) / (MD_TARGETS - 1), rest = (runs - slow) % (MD_TARGETS - 1);
        runs = c->child[slot].target == MD_TARGET_EVICTION   ? slow
               : c->child[slot].target == MD_TARGET_COMMANDS ? each + rest
                                                             : each;
        job = slot / MD_TARGETS;
    }
    return runs / c->jobs + (job < runs % c->jobs);
}

static void turn_of_job(struct md_campaign *c, unsigned i, uint64_t now) {
    struct md_job *job = &c->job[i];
    unsigned each = workers_of_job(c), first = i * each;
    if (now < job->turn_ends_ns && c->child[first + job->turn].pid)
        return;
    /* The first one that lives, behind the one whose turn it was; at the start, that one itself. */
    unsigned next = job->turn_ends_ns ? job->turn + 1 : job->turn;
    for (unsigned k = 0; k < each; k++, next++)
        if (c->child[first + next % each].pid)
            break;
    job->turn = next % each;
    job->turn_ends_ns = now + TURN_MS * UINT64_C(1000000);
    for (unsigned k = 0; k < each; k++)
        md_page_give_turn(&c->page->slot[first + k], k == job->turn);
}

void md_campaign_turns(struct md_campaign *c) {
    uint64_t now = md_now_ns();
    if (c->stopping)
        for (unsigned i = 0; i < c->workers; i++)
            md_page_give_turn(&c->page->slot[i], true);
    else
        for (unsigned i = 0; i < c->jobs; i++)
            turn_of_job(c, i, now);
}

int md_campaign_turn_ms(const struct md_campaign *c) {
    uint64_t now = md_now_ns(), first = UINT64_MAX;
    for (unsigned i = 0; i < c->jobs; i++)
        if (c->job[i].turn_ends_ns < first)
            first = c->job[i].turn_ends_ns;
    return c->stopping || first > now + TURN_MS * UINT64_C(1000000) ? TURN_MS
           : first <= now                                           ? 1
                          : (int)((first - now) / 1000000) + 1;
}
