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

/* The live item was fetched: it counts as use. */
void md_item_fetched(struct md_model *m, int32_t item);
/* An answer that pointed into the item does so no more. */
void md_item_release(struct md_model *m, int32_t item);
/* The CAS value of an item that changes: the next one, or the one given. */
uint64_t md_next_cas(struct md_model *m, bool given, uint64_t cas);
/* Whether the item's CAS value is the one asked for; zero_is_none: the caller is of those where a
 * version takes 0 for no question at all. */
bool md_cas_matches(struct md_model *m, int32_t item, uint64_t cas, bool zero_is_none);
/* Whether incr and decr look at the item's value at all. */
bool md_may_be_number(const struct md_model *m, int32_t item);
/* A storage request that has its data block is counted. */
void md_count_store(struct md_model *m, const struct md_conn *c, int by);

/* Whether an item of this size is allowed at all (-I). */
bool md_size_allowed(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes);

struct md_value {
    int32_t record;
    uint32_t flags, exptime, exptime_set;
    uint8_t by;    /* enum md_command_name */
    uint8_t how;   /* MD_CMD_SET .. MD_CMD_CAS: which kind of store */
    uint64_t cas;  /* asked for by cas, else 0 */
    bool compares; /* append and prepend ask for `cas` as well (binary) */
    /* Of ms: */
    bool invalidate; /* a CAS value lower than the item's stores, and marks it stale */
    bool vivify;     /* append and prepend make what is missing */
    bool cas_given;  /* the item gets new_cas, none is drawn */
    uint64_t new_cas;
    bool binary_key;
    const uint8_t *data;
    size_t nbytes;
    /* Taken for it already; what is not used (nothing stored, or joined to another value) stays. */
    struct md_room *room;
};
/* Makes the item of a key that has none. */
int32_t md_store_new(struct md_model *m, const struct md_value *v);
/* Puts a new item in the place of `old`, at once. */
void md_store_over(struct md_model *m, const struct md_value *v, int32_t old);
/* The item that replaces `was` keeps what belongs to its key; a version forgets it. */
void md_item_keep_key(struct md_item *it, const struct md_item *was);
/* set, add, replace, append, prepend, cas with a complete data block. */
enum md_result md_store(struct md_model *m, const struct md_value *v);

/* A store was refused because of what is there, or is not: whether that uses up a CAS value. */
void md_failed_store(struct md_model *m, const struct md_value *v);

/* A command has left this CAS value with its connection, or rather its place: a version gives it to the
 * next item that is stored there by a text command. 0: there is none any more. */
void md_leave_cas(struct md_model *m, const struct md_conn *c, uint64_t cas);
void md_take_cas_left(struct md_model *m, const struct md_conn *c, struct md_value *v);

/* What the client is told of an incr or decr: where the result depends on what we cannot know, and is not
 * told, the model is lost. */
enum md_told { MD_TOLD_VALUE, MD_TOLD_SUCCESS, MD_TOLD_NOTHING };

/* incr and decr: MD_FOUND with the new value, MD_NOT_FOUND, MD_NON_NUMERIC, MD_NO_MEMORY. */
enum md_result md_delta(struct md_model *m, int32_t record, bool incr, uint64_t delta,
                        enum md_told told, uint64_t *value, bool *border);

static inline const uint8_t *md_item_value(const struct md_item *it) {
    return it->nbytes > MD_INLINE_VALUE ? it->value : it->small;
}

/* Forgets every item and every key. */
void md_store_clear(struct md_model *m);
/* The node was restarted: every item goes; the keys and why they went stay known. */
void md_store_drop(struct md_model *m);
void md_store_free(struct md_model *m);

#endif
