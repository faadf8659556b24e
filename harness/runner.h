/*
 * The one runner: executes a trace on a node and in the model at the same time and says whether they
 * agree. Fuzz targets, replay, shrinker, tests and benchmark all go through it.
 *
 * It keeps nodes ready: one in use for each set of options, spares started ahead. Reusing a node
 * between traces is an optimisation that cannot be seen (contract C2): md_runner_run resets it
 * through the same model and comparison as everything else, and recycles it by a budget. What
 * cannot be reset gets a node of its own: traces that may fill its memory (md_options_tight) or
 * restart it.
 */
#ifndef MEMDIVERGE_RUNNER_H
#define MEMDIVERGE_RUNNER_H

#include "harness/node.h"
#include "harness/trace.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum md_oracle { MD_ORACLE_EXACT, MD_ORACLE_STRICT, MD_ORACLE_PROTOCOL };

struct md_runner_config {
    struct md_node_config node;
    enum md_oracle oracle;
    const char *profile;          /* name, or NULL: by the node's version */
    const enum md_quirk *without; /* quirks switched off */
    size_t n_without;
    unsigned fresh_every; /* one trace in N also runs on a fresh node; 0: never */
    bool replies;         /* keep the replies of each trace: md_runner_replies */
    uint32_t wait;        /* remote: seconds that the clock steps of a trace may really take */
    bool sweep;           /* after each trace look at every key and at `stats` */
};

enum md_verdict_kind {
    MD_AGREE,
    MD_DIVERGED,
    MD_UNMODELLED, /* the trace uses what the model does not know; agreed up to there */
    MD_SKIPPED,    /* not for this node (clock steps on a remote one, options on a remote one) */
    MD_FAILED,     /* environment or our own invariant: exit code 3 */
};

enum { MD_SIGNATURE_MAX = 128 };

/* The outcome of one trace. Zero-initialised is valid; owned buffers live until md_verdict_free. */
struct md_verdict {
    enum md_verdict_kind kind;
    char signature[MD_SIGNATURE_MAX]; /* MD_DIVERGED: [a-z0-9.-], fit for a file name */
    size_t step;                      /* index of the step */
    struct md_command command;        /* the model's command that was not met */
    bool in_sweep; /* not in the trace itself: md_runner_extend makes a trace that shows it */
    struct md_buf expected, observed; /* reply bytes of that command; observed is bounded */
    struct md_buf reason;             /* the model's reason in words (when explaining), or error */
    enum md_node_status node;         /* for crashes, hangs, floods */
    struct md_buf stderr_tail;        /* of a node that died */
};
void md_verdict_free(struct md_verdict *v);

/* What happened in each step, for `show`, reports and golden tests. */
struct md_observer {
    void *ctx;
    /* After a step: what the model expects, what the node said, and the commands of the reply. */
    void (*step)(void *ctx, const struct md_trace *t, size_t step, const struct md_reply *expected,
                 const uint8_t *observed, size_t n_observed, const struct md_model *m);
};

struct md_counts {
    uint64_t traces, steps, commands, bytes_sent, bytes_received;
    uint64_t hits, misses, errors, silent, stats, unmodelled, skipped, choices_turned;
    uint64_t left_open, server_errors; /* traces that ended where nothing binds the server */
    uint64_t by_command[MD_COMMAND_NAMES];
    uint64_t nodes_started, resets, clock_jumps, fresh_checks;
    uint64_t ns_run, ns_reset; /* CPU-neutral wall time in each phase, nanoseconds */
};

struct md_runner;

/* NULL: could not start; `why` says so. Starts the first node at once, so a bad binary shows early. */
struct md_runner *md_runner_new(const struct md_runner_config *config, struct md_buf *why);
void md_runner_free(struct md_runner *r);

/* Leaves out of t what is never sent to this node, if it is one of somebody else. */
void md_runner_soften(struct md_runner *r, struct md_trace *t);
/* Runs a trace on a (possibly reused) node. */
enum md_verdict_kind md_runner_run(struct md_runner *r, const struct md_trace *t,
                                   struct md_verdict *v);
/* The same on a node started for it alone, with reasons (md_model_explain) and an observer (or NULL). */
enum md_verdict_kind md_runner_run_fresh(struct md_runner *r, const struct md_trace *t,
                                         struct md_verdict *v, const struct md_observer *o);
/* The same on a node that has been moved to `uptime` seconds before. */
enum md_verdict_kind md_runner_run_fresh_at(struct md_runner *r, const struct md_trace *t,
                                            uint32_t uptime, struct md_verdict *v);
/* All replies of the last trace but those to `stats`, every CAS value counted from the node's base: what
 * must be the same on every node. Only with config.replies, and if the trace agreed. */
const struct md_buf *md_runner_replies(const struct md_runner *r);

/*
 * After a verdict with in_sweep: appends to t what the runner did behind the trace (look at every key,
 * delete, reset) as ordinary steps, so that the divergence is in a trace again.
 */
void md_runner_extend(const struct md_runner *r, struct md_trace *t);
/* Switches the sweep on or off: a shrinker wants to see the trace alone. */
void md_runner_sweep(struct md_runner *r, bool on);

/*
 * Confirms a divergence: happens again on a fresh node from its own trace, with the same signature.
 */
bool md_runner_confirm(struct md_runner *r, const struct md_trace *t, const char *signature,
                       struct md_verdict *v);

/* Traces run since the node in use was new, oldest first, bounded: what an unconfirmed divergence may
 * depend on. */
size_t md_runner_window(const struct md_runner *r, const struct md_trace *const **traces);

const struct md_counts *md_runner_counts(const struct md_runner *r);
struct md_model *md_runner_model(struct md_runner *r); /* as the last trace left it */
const char *md_runner_node_version(const struct md_runner *r);
const char *
md_runner_profile_note(const struct md_runner *r); /* "" or "version 1.6.99 is unknown..." */

#endif
