/*
 * flush_all: what is dead because of it. Keeps two pictures side by side: what the protocol document
 * says ("items whose update time is earlier than the time at which flush_all was set to be executed")
 * and what a version does; where they part, a quirk decides (flush.c).
 */
#ifndef MEMDIVERGE_FLUSH_H
#define MEMDIVERGE_FLUSH_H

#include <stdbool.h>
#include <stdint.h>

struct md_model;
struct md_item;

struct md_flush {
    /* the specification's picture */
    uint64_t before;  /* items stored before this order are dead */
    uint32_t pending; /* relative time at which a delayed flush is due, 0: none */
    /* the version's picture */
    uint32_t oldest_live; /* relative time, 0: never flushed */
    uint64_t oldest_cas;
    bool used; /* there was a flush_all at all */
    bool past; /* the last flush named a time that had passed */
};

/* delay as the client gave it (0 or negative: now); returns nothing: flush_all always succeeds. */
void md_flush_all(struct md_model *m, int64_t delay);
/* The clock has moved: a delayed flush may be due. */
void md_flush_tick(struct md_model *m);
bool md_flush_dead(struct md_model *m, const struct md_item *it);

#endif
