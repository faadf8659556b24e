/*
 * What happened when a trace ran on a fresh node: each step with what was sent, expected and
 * observed, and the model's reasons. `show`, report.md and repro.sh are three ways to print it.
 */
#ifndef MEMDIVERGE_TRANSCRIPT_H
#define MEMDIVERGE_TRANSCRIPT_H

#include "harness/runner.h"

/* One command that a step's replies answer. */
struct md_told {
    struct md_command command;
    struct md_buf reply;  /* as expected */
    struct md_buf reason; /* in words */
};

struct md_happened {
    uint64_t at; /* node's time in seconds since its start, before the step */
    bool ran;    /* false: the trace ended before it */
    struct md_buf expected, observed;
    struct md_told *told; /* owned */
    size_t n_told, cap_told;
    /* What the {cas KEY} symbols of the step stood for, in their order. */
    uint64_t *cas; /* owned */
    size_t n_cas;
};

struct md_transcript {
    const struct md_trace *trace; /* outlives the transcript */
    struct md_happened *step;     /* owned; one for each step of the trace */
    struct md_verdict verdict;
    uint64_t started; /* Unix time of the node's start */
    const struct md_observer *also;
};

/* Runs the trace on a node of its own. MD_FAILED: verdict.reason says why. */
enum md_verdict_kind md_transcript_run(struct md_transcript *t, struct md_runner *r,
                                       const struct md_trace *trace);
/* The same, while another observer (or NULL) is told each step as well. */
enum md_verdict_kind md_transcript_watch(struct md_transcript *t, struct md_runner *r,
                                         const struct md_trace *trace,
                                         const struct md_observer *also);
void md_transcript_free(struct md_transcript *t);

/* The rule, quirk and source behind a command in one line: "rule miss-expired (DOC, ...): ...". */
void md_rule_line(const struct md_command *c, struct md_buf *out);
/* A signature in words: "get.hit.instead-of-miss.miss-expired" is "get: hit instead of miss
 * ...". */
void md_signature_words(const char *signature, struct md_buf *out);

/* As text for a terminal. Marks what differs with '!'; everything else starts with a blank. */
void md_transcript_print(const struct md_transcript *t, struct md_buf *out);

#endif
