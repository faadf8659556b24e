/*
 * Items that somebody holds: the answer of an mg points into its item until it has been sent. Such
 * an item is not rewritten in place, and when it goes its memory comes back only with the answer.
 */
#ifndef MEMDIVERGE_HOLD_H
#define MEMDIVERGE_HOLD_H

#include <stdint.h>

struct md_model;
struct md_conn;

/* An answer that waits on this connection holds the item. */
void md_hold_item(struct md_model *m, struct md_conn *c, int32_t item);
/* The answers that waited were sent, or are lost. */
void md_hold_release(struct md_model *m, struct md_conn *c);

#endif
