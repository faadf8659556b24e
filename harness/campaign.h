/*
 * A campaign: one supervisor, workers, and the looking into what they find. The supervisor runs no
 * traces itself and waits for events only: a child that ended, a signal, a file in OUT/found, the
 * next moment to show progress. Everything dies with it, however it dies: each child asks the
 * kernel to be killed with its parent, and nodes do the same.
 *
 * Workers take turns: with --engine libfuzzer a job has one process for each target, and only one
 * of them runs inputs at a time; with --engine random each worker mixes the targets itself.
 *
 *   OUT/corpus/TARGET       what libFuzzer found worth keeping; the next campaign starts there
 *   OUT/found               traces as found, until looked into
 *   OUT/divergences, OUT/unconfirmed   what became of them
 *   OUT/crashed, OUT/failed  what a worker was running when it died or gave up
 *   OUT/log                 what the workers wrote
 *   OUT/summary.json
 */
#ifndef MEMDIVERGE_CAMPAIGN_H
#define MEMDIVERGE_CAMPAIGN_H

#include "harness/now.h"
#include "harness/page.h"
#include "harness/settings.h"
#include "harness/triage.h"

#include <sys/types.h>

enum { MD_RESTARTS_MAX = 20 };

/* One signature that this campaign met. */
struct md_finding {
    char signature[MD_SIGNATURE_MAX];
    enum md_outcome outcome; /* NONE: still to be looked into */
    uint64_t seen;           /* traces with it that were looked at or dropped */
    double after;            /* seconds since the start when it was first found */
    struct md_page_triage triage;
    bool unshrunk;   /* confirmed when time was up: to be shrunk after the others */
    char path[1024]; /* its trace, if unshrunk */
};

struct md_child {
    pid_t pid;             /* 0: none */
    enum md_target target; /* MD_TARGETS: all, mixed */
    unsigned restarts;
    bool late; /* killed because it did not end */
    bool finished;
    struct md_tally before; /* of this slot's earlier processes */
};

/* Workers that share a CPU: one for each target, of which one has its turn. */
struct md_job {
    struct md_cpu cpu;
    unsigned turn; /* which of its workers */
    uint64_t turn_ends_ns;
};

/* What the progress line showed last. */
struct md_progress {
    uint64_t shown_ns, commands, inputs, evictions;
    bool line_open; /* on a terminal: without its line end yet */
};

struct md_campaign {
    struct md_settings *settings;
    struct md_page *page;
    int page_fd, lock_fd, signal_fd, watch_fd;
    unsigned jobs, workers;   /* a job has one worker, or one for each target */
    bool guided;              /* engine libfuzzer */
    char *fuzzer[MD_TARGETS]; /* owned: paths of the libFuzzer targets in use */
    char *data;               /* owned: folder with seeds; NULL: none found */
    struct md_job *job;       /* owned */
    struct md_child *child;   /* owned; one a slot: those of a job lie together */
    uint64_t started_ns, ended_ns;
    char version[32];
    char *note; /* owned: about the profile */

    struct md_finding *finding; /* owned */
    size_t n_findings, cap_findings;
    pid_t triage_pid;
    struct md_found triage_found;
    bool triage_confirms_only; /* shrinking is for later */
    uint64_t hurry_ns;         /* after an interrupt: when looking into findings ends; 0: no end */

    unsigned interrupts;
    bool stopping;
    bool failed;            /* exit code 3 */
    struct md_buf failure;  /* why */
    unsigned crashes;       /* workers that died of a fault of their own */
    unsigned killed;        /* workers that somebody else killed */
    unsigned late;          /* workers that did not end in time and were killed by us */
    uint64_t corpus_before; /* inputs in the corpus at the start */
    struct md_progress progress;
};

/* Returns the exit code. */
int md_campaign_run(struct md_settings *s);

/* ---- campaign_fuzzer.c ---- */
/* The path of fuzz_NAME, and the folder with seeds: the caller's; NULL: it is not there. */
char *md_fuzzer_find(const char *name);
char *md_fuzzer_data(void);
enum { MD_WORKER_WORDS = 160 };
struct md_words {
    char *at[MD_WORKER_WORDS + 1]; /* owned, NULL behind the last */
    size_t n;
};
/* False: `why` names one that is not there. */
bool md_campaign_find_fuzzers(struct md_campaign *c, struct md_buf *why);
void md_campaign_find_data(struct md_campaign *c);
/* libFuzzer's own flags, its corpora, then our command line for the target. */
void md_campaign_fuzzer_words(const struct md_campaign *c, unsigned slot, struct md_words *w);

/* ---- campaign_turns.c ---- */
/* Plans which worker runs what: how many there are, and what is asked of each. */
void md_campaign_plan(struct md_campaign *c);
bool md_campaign_runs(const struct md_campaign *c, enum md_target target);
/* Claims a CPU for each job, without staying on one. */
void md_campaign_claim_cpus(struct md_campaign *c);
/* Inputs that a slot has to run in all; UINT64_MAX: no limit. */
uint64_t md_campaign_share(const struct md_campaign *c, unsigned slot);
/* Gives turns: each target of a job for some seconds; all of them when the campaign ends. */
void md_campaign_turns(struct md_campaign *c);
int md_campaign_turn_ms(const struct md_campaign *c);

/* ---- campaign_workers.c ---- */
bool md_campaign_start_worker(struct md_campaign *c, unsigned slot);
/* A child ended: restart, finish or failure. False: not one of the workers. */
bool md_campaign_reap(struct md_campaign *c, pid_t pid, int status);
unsigned md_campaign_alive(const struct md_campaign *c);
/* To be called first in every child: dies with its parent, has ordinary signals, no lock. */
void md_child_begin(const struct md_campaign *c, pid_t parent);

/* ---- campaign_findings.c ---- */
/* Looks through OUT/found; starts looking into the next trace if nothing is at work. */
void md_campaign_findings(struct md_campaign *c);
bool md_campaign_triaged(struct md_campaign *c, pid_t pid);
size_t md_campaign_count(const struct md_campaign *c, enum md_outcome outcome);
/* The confirmed divergence that was found first; NULL: none. */
const struct md_finding *md_campaign_first(const struct md_campaign *c);

/* ---- progress.c ---- */
void md_progress_show(struct md_campaign *c);
void md_progress_end(struct md_campaign *c);
int md_progress_wait_ms(void);

/* ---- summary.c ---- */
void md_campaign_tally(const struct md_campaign *c, struct md_tally *sum);
/* Inputs in OUT/corpus/TARGET; MD_TARGETS: of all targets in use. */
uint64_t md_campaign_corpus(const struct md_campaign *c, enum md_target target);
double md_campaign_seconds(const struct md_campaign *c);
/* Prints the summary and writes summary.json; false: it could not be written (told already). */
bool md_summary(struct md_campaign *c);

#endif
