/*
 * The model's side of a client: what the state model answers to the text command that a call stands
 * for. It speaks the text protocol only; where the binary one differs (a time is unsigned there),
 * the row of client_facts.h that says so decides what is fed.
 */
#ifndef MEMDIVERGE_CLIENT_MODEL_H
#define MEMDIVERGE_CLIENT_MODEL_H

#include "harness/client_calls.h"
#include "harness/client_facts.h"
#include "model/model.h"

/* What the model says that the client is told. */
struct md_client_answer {
    enum md_client_outcome outcome;
    uint32_t flags;
    uint64_t cas, number;
    bool open; /* the node may answer otherwise: it reads memory that is not the item's */
    struct md_buf value;
};

/* The text command that a call with this key (namespace and all) stands for. cas: of a cas, in
 * full. */
void md_client_command(const struct md_client_call *c, const struct md_buf *key, uint64_t cas,
                       bool never_expires, struct md_buf *out);
/* Feeds a command to a model that stands at one, and says what its reply means. False: the model
 * does not know the command. */
bool md_client_ask(struct md_model *m, const struct md_buf *command, struct md_client_answer *out);
/* What the first reply in these bytes means. */
void md_client_understand(const uint8_t *reply, size_t len, struct md_client_answer *out);

#endif
