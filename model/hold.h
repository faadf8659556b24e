/*
 * An answer that was not sent yet holds the item whose data it shows: the node sends it from where it
 * lies. Until then the item's memory is not free, even if the item goes, and a counter is not changed
 * in place. Which answers wait is the profile's business (retrieval_sends).
 */
#ifndef MEMDIVERGE_HOLD_H
#define MEMDIVERGE_HOLD_H

#include "model/memory.h"

#include <stddef.h>
#include <stdint.h>

struct md_model;
struct md_conn;
struct md_item;

/* An item that answers hold. */
struct md_held {
    int32_t item;        /* MD_NIL once it is unlinked; of a free place: the next free one */
    uint32_t answers;    /* 0: this place is free */
    struct md_room room; /* of an unlinked one */
};

/* The answers of one connection that were not sent yet: places in md_model.held. */
struct md_holds {
    uint32_t *at; /* owned */
    size_t n, cap;
};

/* The answer in hand on this connection shows the item. */
void md_hold(struct md_model *m, struct md_conn *c, int32_t item);
/* What the connection held is let go: sent, or lost. */
void md_holds_end(struct md_model *m, struct md_conn *c);
/* All of them were let go: forgets the places. */
void md_hold_clear(struct md_model *m);
bool md_held(const struct md_item *it);
/* The item goes: if it is held, its room stays with what holds it. */
void md_hold_room(struct md_model *m, struct md_item *it);

#endif
