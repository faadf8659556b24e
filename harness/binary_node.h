/*
 * What the harness itself says to a node in the binary protocol: to one that speaks no other (-B binary),
 * and about keys that no text command can name.
 */
#ifndef MEMDIVERGE_BINARY_NODE_H
#define MEMDIVERGE_BINARY_NODE_H

#include "model/buf.h"
#include "model/model.h"
#include "model/packet.h"

/* Appends a request without extras or value. */
void md_request_put(struct md_buf *out, enum md_op op, const void *key, size_t nkey);

/* The value of a counter, and of the version under the name "": as a text in `out`; false: it is not
 * in these replies. */
bool md_response_value(const struct md_buf *replies, const char *name, struct md_buf *out);

/* Whether a look behind a trace must be a binary one: the node takes nothing else, or there are items
 * with keys that no text command can name. */
bool md_sweep_is_binary(const struct md_model *m, const struct md_options *o);
/* A look at every key that has an item, or (known) that the trace named, and at the counters. */
void md_sweep_look(const struct md_model *m, bool known, struct md_buf *out);
/* Deletes every key that has an item. */
void md_sweep_delete(const struct md_model *m, struct md_buf *out);

#endif
