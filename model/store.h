/*
 * The store: operations on items, each with one result; no bytes of a protocol. Keeps what follows
 * from them: counters, CAS values, expiry and flush. Where room for an item comes from is lru.h's
 * business.
 */
#ifndef MEMDIVERGE_STORE_H
#define MEMDIVERGE_STORE_H

#include "model/internal.h"

enum md_result {
    MD_STORED,
    MD_NOT_STORED,
    MD_EXISTS,
    MD_NOT_FOUND,
    MD_TOO_LARGE,
    MD_NO_MEMORY,
    MD_FOUND,
    MD_NON_NUMERIC,
};

/* The record of a key; made if there is none (create) or -1. */
int32_t md_record_find(const struct md_model *m, const uint8_t *key, size_t nkey);
int32_t md_record_get(struct md_model *m, const uint8_t *key, size_t nkey);
/* Makes the table by which records are found, of so many places, a power of 2. */
void md_records_index(struct md_model *m, size_t size);
/* The rule that explains why the key has no item. */
enum md_rule md_miss_rule(const struct md_model *m, int32_t record);

/* The live item of a key, or -1: an expired or flushed one is met here and goes. bump: this is a
 * fetch, it counts as use. */
int32_t md_item_get(struct md_model *m, int32_t record, bool bump);
/* Takes the item out of its queue, gives its memory back and notes why it went. */
void md_item_unlink(struct md_model *m, int32_t item, enum md_rule why);

/* Whether an item of this size is allowed at all (-I). */
bool md_size_allowed(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes);

struct md_value {
    int32_t record;
    uint32_t flags, exptime, exptime_set;
    uint8_t by;   /* enum md_command_name */
    uint64_t cas; /* asked for by cas, else 0 */
    const uint8_t *data;
    size_t nbytes;
    /* Taken for it already; what is not used (nothing stored, or joined to another value) stays. */
    struct md_room *room;
};
/* set, add, replace, append, prepend, cas with a complete data block. */
enum md_result md_store(struct md_model *m, const struct md_value *v);

/* incr and decr: MD_FOUND with the new value, MD_NOT_FOUND, MD_NON_NUMERIC, MD_NO_MEMORY. silent: the
 * result is not shown, so where it depends on what we cannot know, the model is lost. */
enum md_result md_delta(struct md_model *m, int32_t record, bool incr, uint64_t delta, bool silent,
                        uint64_t *value, bool *border);

static inline const uint8_t *md_item_value(const struct md_item *it) {
    return it->nbytes > MD_INLINE_VALUE ? it->value : it->small;
}

/* Forgets every item and every key. */
void md_store_clear(struct md_model *m);
/* The node was restarted: every item goes; the keys and why they went stay known. */
void md_store_drop(struct md_model *m);
void md_store_free(struct md_model *m);

#endif
