/*
 * A server of somebody else (--connect): memcached, another one, or a proxy. It is held to the protocol
 * document alone (--oracle protocol), spoken to politely (harness/polite.h), under keys that nobody
 * else has and that are deleted behind each trace.
 *
 * What it does not know is learned at the start, command by command, and left out. CAS values are its
 * own: the model's stand for them and are translated both ways. A reply that is not as predicted is
 * a divergence only if the prediction is a DOC rule and nothing of what the documents leave open, or
 * of what memcached is known to do otherwise (a quirk), had a part in it; otherwise nothing more is
 * said of this trace. Error texts are free, their kind is not; a SERVER_ERROR may come at any time.
 */
#ifndef MEMDIVERGE_STRANGER_H
#define MEMDIVERGE_STRANGER_H

#include "harness/node.h"
#include "harness/trace.h"

struct md_stranger;

/* wait: seconds of real time that one trace may take with its clock steps. */
struct md_stranger *md_stranger_new(uint32_t wait);
void md_stranger_free(struct md_stranger *s);

/* Asks the server for each command once. False: `why` says why it cannot be tested. */
bool md_stranger_learn(struct md_stranger *s, struct md_node *node, struct md_buf *why);
/* "the server does not know and is not asked for: gat gats", or "". */
const char *md_stranger_note(const struct md_stranger *s);
/* For every further node that stands for the same server. */
void md_stranger_meet(struct md_stranger *s, struct md_node *node);

/* Leaves out of t what is not fit for it. */
void md_stranger_soften(struct md_stranger *s, struct md_trace *t);
/* The trace as it will be sent, under keys of its own; NULL: it is not fit. Valid until the next. */
const struct md_trace *md_stranger_begin(struct md_stranger *s, const struct md_trace *t);
/* The bytes of a step of that trace for the server, whose CAS values are not the model's. */
void md_stranger_bytes(const struct md_stranger *s, const struct md_step *step,
                       const struct md_model *m, struct md_buf *out);
/* Whether the server's reply (what is left of it) begins with the one that is expected to command k;
 * *used: how long it is. */
bool md_stranger_agrees(struct md_stranger *s, const struct md_reply *expected,
                        const struct md_command *k, const uint8_t *observed, size_t n,
                        size_t *used);
/* After a mismatch at command k (NULL: behind the last): whether it is none of the server's faults. */
bool md_stranger_excuses(struct md_stranger *s, const struct md_model *m,
                         const struct md_fired *before, const struct md_command *k,
                         const uint8_t *observed, size_t n);
/* Deletes every key of the trace. */
enum md_node_status md_stranger_clean(struct md_stranger *s, struct md_node *node);

/* The last trace is over: nothing of ours stays on the server. */
void md_stranger_leave(struct md_stranger *s, struct md_node *node);

/* Of all that was excused: where the documents leave the server free, and SERVER_ERRORs. */
struct md_excused {
    uint64_t open, server_errors;
};
const struct md_excused *md_stranger_excused(const struct md_stranger *s);

#endif
