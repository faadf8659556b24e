/*
 * The shared memory between a campaign's supervisor and its workers: what a worker has counted,
 * what it is running right now, its last words, and the orders that it gets: whose turn it is, and
 * stop. Made with memfd and inherited, so that nothing of it stays behind.
 */
#ifndef MEMDIVERGE_PAGE_H
#define MEMDIVERGE_PAGE_H

#include "harness/generate.h"
#include "harness/runner.h"

#include <stdatomic.h>

enum { MD_PAGE_INPUT_MAX = 64 << 10, MD_PAGE_MESSAGE_MAX = 1024 };

/* What was run of one target. */
struct md_target_tally {
    uint64_t inputs, commands, found, ns;
    uint64_t evicted; /* items that the model said must go */
    uint64_t agreed;  /* of these, in traces after which the node held what the model holds */
};

/* What a worker has counted; sums are counted in one of these too. */
struct md_tally {
    uint64_t inputs;
    uint64_t found; /* divergences met, the same one again included */
    struct md_target_tally target[MD_TARGETS];
    struct md_counts counts;
    struct md_fired fired;
};
void md_tally_add(struct md_tally *sum, const struct md_tally *more);

struct md_page_slot {
    uint32_t target;           /* enum md_target: what it runs; MD_TARGETS: all, mixed */
    int32_t cpu;               /* claimed for it by the supervisor; -1: none */
    _Atomic uint32_t turn;     /* it may run inputs now; a futex */
    _Atomic uint32_t sequence; /* odd while the tally is being written */
    struct md_tally tally;
    uint64_t quota;                    /* inputs to run; set before the worker starts */
    uint64_t first;                    /* inputs run by earlier processes of this slot */
    _Atomic uint32_t running;          /* `input` is being run */
    _Atomic uint32_t input_len;        /* longer inputs are cut */
    char message[MD_PAGE_MESSAGE_MAX]; /* why the worker ends with exit code 3 */
    uint8_t input[MD_PAGE_INPUT_MAX];
};

/* What became of one found trace; written by the process that looks into it. */
struct md_page_triage {
    uint32_t outcome; /* enum md_outcome, triage.h */
    uint32_t minimal;
    uint64_t steps, commands, runs, ms;
    char message[MD_PAGE_MESSAGE_MAX];
};

struct md_page {
    uint64_t magic, size; /* two builds that disagree about this file refuse each other */
    uint32_t slots;
    _Atomic uint32_t stop;
    struct md_page_triage triage;
    struct md_page_slot slot[];
};

/* NULL: `why`. *fd is inherited by children. */
struct md_page *md_page_new(unsigned slots, int *fd, struct md_buf *why);
/* Of an inherited descriptor; NULL: it is not a page of this build. */
struct md_page *md_page_attach(int fd);
void md_page_free(struct md_page *p);

/* Several workers share a CPU: those without a turn wait. */
void md_page_give_turn(struct md_page_slot *s, bool turn);
/* Returns when it has its turn, or when all is to stop. */
void md_page_wait_turn(const struct md_page *p, struct md_page_slot *s);

void md_page_publish(struct md_page_slot *s, const struct md_tally *tally);
/* False: the worker died in the middle of writing; *out is what was there, as good as it gets. */
bool md_page_read(const struct md_page_slot *s, struct md_tally *out);
void md_page_input(struct md_page_slot *s, const void *text, size_t n);

#endif
