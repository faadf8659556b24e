/*
 * A trace being played: each event goes into the model and to the node, and the replies are compared.
 * Where they differ at a choice, the model is taken back and the observed alternative is tried
 * (contract C1).
 */
#ifndef MEMDIVERGE_PLAY_H
#define MEMDIVERGE_PLAY_H

#include "harness/node.h"
#include "harness/runner.h"
#include "harness/stranger.h"
#include "model/model.h"

enum { MD_SWEEP_CONN = MD_CONNECTIONS_MAX - 1 };

enum md_event_kind {
    MD_EVENT_OPEN,
    MD_EVENT_BYTES,
    MD_EVENT_CLOSE,
    MD_EVENT_FINISH,
    MD_EVENT_CLOCK,
    MD_EVENT_REBOOT,
};

/* What the model was told so far, so that it can be told again. */
struct md_event {
    enum md_event_kind kind;
    unsigned conn;
    uint32_t seconds;
    size_t offset, len;    /* in md_play.sent */
    size_t heard, n_heard; /* in md_play.heard, if the model observes */
};

struct md_play {
    struct md_model *model;
    struct md_node *node;
    enum md_oracle oracle;
    struct md_base base;
    struct md_fired fired;   /* as the trace began */
    struct md_event *events; /* owned */
    size_t n_events, cap_events;
    struct md_buf sent, heard;
    struct md_reply expected; /* of the last event */
    struct md_buf observed;
    struct md_buf canonical; /* replies with CAS values counted from the base; if wanted */
    struct md_buf log[MD_CONNECTIONS_MAX]; /* of watchers: what was not looked at yet */
    bool want_canonical;
    bool down;         /* the node was killed: nothing but the clock moves until it is restarted */
    bool ahead;        /* the node was told more than the model knows */
    bool sweeping;     /* MD_SWEEP_CONN stands for the harness's own connection... */
    unsigned sweep_on; /* ... which is this one of the node's */
    struct md_stranger *stranger; /* not owned; the node is one of somebody else, or NULL */
    const struct md_buf
        *translated; /* what is to be sent, where that is not what the model is told */
    /* Told after each piece of a send that is not its last; may be NULL. */
    void (*piece)(void *ctx);
    void *piece_ctx;
    struct md_counts *counts;
    struct md_verdict *verdict;
    size_t step; /* for the verdict */
};

/* Starts over with a base; keeps memory. */
void md_play_begin(struct md_play *p, struct md_model *model, struct md_node *node,
                   const struct md_base *base, struct md_verdict *v);
void md_play_free(struct md_play *p);

/* Each returns MD_AGREE to go on; everything else ends the trace and has filled the verdict. */
enum md_verdict_kind md_play_send(struct md_play *p, unsigned conn, const uint8_t *bytes,
                                  size_t len);
enum md_verdict_kind md_play_open(struct md_play *p, unsigned conn);
enum md_verdict_kind md_play_close(struct md_play *p, unsigned conn);
enum md_verdict_kind md_play_shutdown(struct md_play *p, unsigned conn);
enum md_verdict_kind md_play_clock(struct md_play *p, uint32_t seconds);
/* Not on remote nodes (MD_SKIPPED). */
enum md_verdict_kind md_play_kill(struct md_play *p);
enum md_verdict_kind md_play_restart(struct md_play *p);

#endif
