/*
 * Items that replies hold which a node has not sent yet. Such an item is not changed in place, and when
 * it goes its memory comes back only when the reply is out.
 */
#ifndef MEMDIVERGE_HOLD_H
#define MEMDIVERGE_HOLD_H

#include "model/internal.h"

/* The item is part of a reply on this connection that was not sent yet. */
void md_hold(struct md_model *m, struct md_conn *c, int32_t item);
bool md_held(const struct md_model *m, const struct md_item *it);
/* The replies of the connection are sent, or lost. */
void md_holds_end(struct md_model *m, struct md_conn *c);
/* The item goes: if it is held, its room stays with the first that holds it. */
void md_hold_room(struct md_model *m, struct md_item *it);

#endif
