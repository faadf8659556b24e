/* Items and what the commands do to them; see store.h. */
#include "model/store.h"

#include "model/hash.h"
#include "model/lru.h"

#include <stdlib.h>

/* ---- records: keys ------------------------------------------------------------------------- */

static size_t slot_of(const struct md_model *m, uint32_t hash, const uint8_t *key, size_t nkey) {
    size_t at = hash & (m->table_size - 1);
    for (;; at = (at + 1) & (m->table_size - 1)) {
        int32_t r = m->table[at];
        if (r == MD_NIL)
            return at;
        const struct md_record *rec = &m->records[r];
        if (rec->hash == hash && rec->nkey == nkey && memcmp(rec->key, key, nkey) == 0)
            return at;
    }
}

void md_records_index(struct md_model *m, size_t size) {
    free(m->table);
    m->table = md_alloc(size * sizeof *m->table);
    m->table_size = size;
    for (size_t i = 0; i < size; i++)
        m->table[i] = MD_NIL;
    for (size_t r = 0; r < m->n_records; r++) {
        const struct md_record *rec = &m->records[r];
        m->table[slot_of(m, rec->hash, rec->key, rec->nkey)] = (int32_t)r;
    }
}

int32_t md_record_find(const struct md_model *m, const uint8_t *key, size_t nkey) {
    if (!m->table_size || nkey > MD_KEY_MAX)
        return MD_NIL;
    return m->table[slot_of(m, md_hash(key, nkey), key, nkey)];
}

int32_t md_record_get(struct md_model *m, const uint8_t *key, size_t nkey) {
    if (2 * (m->n_records + 1) > m->table_size)
        md_records_index(m, m->table_size ? m->table_size * 2 : 64);
    uint32_t hash = md_hash(key, nkey);
    size_t slot = slot_of(m, hash, key, nkey);
    if (m->table[slot] != MD_NIL)
        return m->table[slot];
    m->records = md_grow(m->records, &m->cap_records, m->n_records + 1, sizeof *m->records);
    struct md_record *rec = &m->records[m->n_records];
    memset(rec, 0, offsetof(struct md_record, key));
    rec->hash = hash;
    rec->item = MD_NIL;
    rec->cas_seen = m->base.cas;
    rec->gone = MD_RULE_GET_MISS;
    rec->nkey = (uint8_t)nkey;
    memcpy(rec->key, key, nkey);
    return m->table[slot] = (int32_t)m->n_records++;
}

enum md_rule md_miss_rule(const struct md_model *m, int32_t record) {
    return (enum md_rule)m->records[record].gone;
}

/* ---- items ----------------------------------------------------------------------------------- */

bool md_size_allowed(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes) {
    return md_slab_class(&m->slabs, md_item_total(m, nkey, flags, nbytes)) != 0;
}

static void value_set(struct md_item *it, const uint8_t *a, size_t n_a, const uint8_t *b,
                      size_t n_b) {
    uint8_t *to = it->small;
    it->nbytes = (uint32_t)(n_a + n_b);
    if (it->nbytes > MD_INLINE_VALUE)
        to = it->value = md_alloc(it->nbytes);
    if (n_a)
        memcpy(to, a, n_a);
    if (n_b)
        memcpy(to + n_a, b, n_b);
}

static int32_t item_new(struct md_model *m) {
    if (m->free_item != MD_NIL) {
        int32_t i = m->free_item;
        m->free_item = m->items[i].next;
        return i;
    }
    m->items = md_grow(m->items, &m->cap_items, m->n_items + 1, sizeof *m->items);
    return (int32_t)m->n_items++;
}

/* Gives item i (its value, flags, exptime, record and room set) to its key. since: relative time at
 * which its memory was taken. */
static void item_link(struct md_model *m, int32_t i, const struct md_value *v, uint32_t since) {
    struct md_item *it = &m->items[i];
    struct md_record *rec = &m->records[it->record];
    size_t total = md_item_total(m, rec->nkey, it->flags, it->nbytes);
    it->total = (uint32_t)total;
    it->class = (uint8_t)md_slab_class(&m->slabs, total);
    it->chunked = total > m->options.slab_chunk_max;
    it->time = it->used = m->now;
    it->order = m->order++;
    it->cas = md_next_cas(m, v->cas_given, v->new_cas);
    it->fetched = it->touched = it->stale = it->won = it->gone = false;
    it->held = 0;
    it->open_choice = false;
    it->spared = false;
    if (m->options.segmented)
        md_segmented_linked(m, it, since);
    rec->item = i;
    md_lru_in(m, i);
    m->stats.count[MD_STAT_curr_items]++;
    m->stats.count[MD_STAT_total_items]++;
    m->stats.count[MD_STAT_bytes] += total;
}

uint64_t md_next_cas(struct md_model *m, bool given, uint64_t cas) {
    if (!m->options.cas)
        return 0;
    return given ? cas : ++m->cas;
}

static void item_free(struct md_model *m, int32_t i) {
    struct md_item *it = &m->items[i];
    md_room_give(&m->memory, &it->room);
    it->gone = false;
    it->next = m->free_item;
    m->free_item = i;
}

void md_item_release(struct md_model *m, int32_t i) {
    struct md_item *it = &m->items[i];
    if (--it->held == 0 && it->gone)
        item_free(m, i);
}

void md_item_unlink(struct md_model *m, int32_t i, enum md_rule why) {
    struct md_item *it = &m->items[i];
    struct md_record *rec = &m->records[it->record];
    rec->item = MD_NIL;
    rec->gone = (uint8_t)why;
    rec->gone_at = md_trace_time(m, m->now);
    rec->exptime = md_trace_time(m, it->exptime);
    rec->exptime_set = md_trace_time(m, it->exptime_set);
    rec->exptime_by = it->exptime_by;
    if (m->options.segmented)
        md_segmented_unlinked(m, it, why);
    md_lru_out(m, i);
    m->stats.count[MD_STAT_curr_items]--;
    m->stats.count[MD_STAT_bytes] -= it->total;
    if (it->nbytes > MD_INLINE_VALUE)
        free(it->value);
    it->gone = it->held > 0;
    if (!it->gone)
        item_free(m, i);
}

void md_item_fetched(struct md_model *m, int32_t item) {
    m->items[item].fetched = true;
    md_lru_bump(m, item);
}

int32_t md_item_get(struct md_model *m, int32_t record, bool fetch) {
    int32_t i = m->records[record].item;
    if (i == MD_NIL)
        return MD_NIL;
    struct md_item *it = &m->items[i];
    if (md_flush_dead(m, it)) {
        m->stats.count[MD_STAT_get_flushed]++;
        md_item_unlink(m, i, MD_RULE_MISS_FLUSHED);
        return MD_NIL;
    }
    if (it->exptime != 0 && it->exptime <= m->now) {
        m->stats.count[MD_STAT_get_expired]++;
        md_item_unlink(m, i, MD_RULE_MISS_EXPIRED);
        return MD_NIL;
    }
    if (fetch)
        md_item_fetched(m, i);
    return i;
}

/* ---- stores ---------------------------------------------------------------------------------- */

/* A new item in `room`, which is empty afterwards. */
static int32_t item_make(struct md_model *m, int32_t record, struct md_room *room) {
    int32_t i = item_new(m);
    m->items[i].record = record;
    m->items[i].room = *room;
    *room = (struct md_room){0};
    return i;
}

static void put(struct md_model *m, const struct md_value *v, int32_t old, uint32_t since) {
    int32_t i = item_make(m, v->record, v->room);
    struct md_item *it = &m->items[i];
    it->flags = v->flags;
    it->exptime = v->exptime;
    it->exptime_set = v->exptime_set;
    it->exptime_by = v->by;
    it->binary_key = v->binary_key;
    it->key_forgotten = false;
    value_set(it, v->data, v->nbytes, NULL, 0);
    if (old != MD_NIL)
        md_item_unlink(m, old, MD_RULE_STORE_STORED);
    item_link(m, i, v, since);
}

void md_store_over(struct md_model *m, const struct md_value *v, int32_t old) {
    put(m, v, old, m->now);
}

int32_t md_store_new(struct md_model *m, const struct md_value *v) {
    put(m, v, MD_NIL, m->now);
    return m->records[v->record].item;
}

void md_failed_store(struct md_model *m, const struct md_value *v) {
    md_chosen(m, MD_CHOICE_FAILED_STORE_CAS);
    if (m->profile->failed_store_uses_cas && !v->cas_given)
        m->cas++;
}

void md_leave_cas(struct md_model *m, const struct md_conn *c, uint64_t cas) {
    if (m->quirk[MD_QUIRK_CAS_LEFT])
        m->places[c->place].cas = cas;
}

void md_take_cas_left(struct md_model *m, const struct md_conn *c, struct md_value *v) {
    uint64_t left = m->places[c->place].cas;
    m->places[c->place].cas = 0;
    if (left == 0 || !md_quirk_applies(m, MD_QUIRK_CAS_LEFT))
        return;
    v->cas_given = true;
    v->new_cas = left;
}

bool md_cas_matches(struct md_model *m, int32_t item, uint64_t cas, bool zero_is_none) {
    uint64_t own = m->items[item].cas;
    bool spec = m->options.cas && cas && cas == own;
    bool version = cas == own || (zero_is_none && cas == 0);
    if (spec == version)
        return spec;
    return md_quirk_applies(m, MD_QUIRK_META_CAS_ZERO) ? version : spec;
}

void md_item_keep_key(struct md_item *it, const struct md_item *was) {
    it->binary_key = it->key_forgotten = was->binary_key;
}

static bool join_room(struct md_model *m, struct md_room *room, const struct md_value *v,
                      uint32_t flags, size_t n_old, bool append) {
    size_t nkey = m->records[v->record].nkey, n = n_old + v->nbytes;
    uint32_t left = 0;
    if (!md_room_take(m, room, nkey, flags, n, v->record))
        return false;
    if (!md_is_chunked(m, nkey, flags, n))
        return true;
    if (md_room_copy(m, room, &left, append ? n_old : v->nbytes, v->record) &&
        md_room_copy(m, room, &left, (append ? v->nbytes : n_old) + 2, v->record))
        return true;
    m->count[m->slabs.largest].uncounted_no_memory++;
    md_room_give(&m->memory, room);
    return false;
}

static enum md_result join(struct md_model *m, const struct md_value *v, int32_t old, bool append) {
    uint32_t flags = m->items[old].flags;
    size_t n_old = m->items[old].nbytes;
    if (!md_size_allowed(m, m->records[v->record].nkey, flags, n_old + v->nbytes)) {
        md_failed_store(m, v);
        return MD_TOO_LARGE;
    }
    /* What comes is in chunks, what it goes into is not: the node copies as if neither were. */
    if (md_is_chunked(m, m->records[v->record].nkey, v->flags, v->nbytes) &&
        !md_is_chunked(m, m->records[v->record].nkey, flags, n_old + v->nbytes) &&
        md_quirk_applies(m, MD_QUIRK_APPEND_READS_OUTSIDE))
        m->lost = true;
    struct md_room room = {0};
    if (!join_room(m, &room, v, flags, n_old, append)) {
        md_failed_store(m, v);
        return MD_NO_MEMORY;
    }
    int32_t i = item_make(m, v->record, &room);
    struct md_item *it = &m->items[i];
    const struct md_item *was = &m->items[old];
    it->flags = was->flags;
    it->exptime = was->exptime;
    it->exptime_set = was->exptime_set;
    it->exptime_by = was->exptime_by;
    bool open = was->open_choice;
    uint32_t padded_by = was->padded_by;
    if (append)
        value_set(it, md_item_value(was), n_old, v->data, v->nbytes);
    else
        value_set(it, v->data, v->nbytes, md_item_value(was), n_old);
    md_item_keep_key(it, was);
    if (was->stale || was->won)
        md_chosen(m, MD_CHOICE_JOINED_FRESH);
    md_item_unlink(m, old, MD_RULE_STORE_STORED);
    item_link(m, i, v, m->now);
    it->touched = true;
    it->open_choice = open;
    it->padded_by = padded_by;
    return MD_STORED;
}

static bool lower_cas(const struct md_model *m, const struct md_value *v, int32_t old) {
    return v->invalidate && v->cas && v->cas < m->items[old].cas;
}

/* ms with I and a CAS value that is too low: the new value is stale from the start, and lives as
 * long as the old one would have. */
static void put_stale(struct md_model *m, const struct md_value *v, int32_t old) {
    const struct md_item was = m->items[old];
    m->stats.count[MD_STAT_cas_hits]++;
    m->count[was.class].cas_hits++;
    put(m, v, old, v->exptime_set);
    struct md_item *it = &m->items[m->records[v->record].item];
    it->exptime = was.exptime;
    it->exptime_set = was.exptime_set;
    it->exptime_by = was.exptime_by;
    it->stale = true;
    it->won = was.won;
}

static enum md_result store_on(struct md_model *m, const struct md_value *v, int32_t old) {
    switch (v->how) {
    case MD_CMD_ADD:
        m->fired.rule[MD_RULE_ADD_PROMOTES]++;
        md_lru_bump(m, old);
        md_failed_store(m, v);
        return MD_NOT_STORED;
    case MD_CMD_CAS:
        if (lower_cas(m, v, old)) {
            put_stale(m, v, old);
            return MD_STORED;
        }
        if (v->cas == 0 || v->cas != m->items[old].cas) {
            m->stats.count[MD_STAT_cas_badval]++;
            m->count[m->items[old].class].cas_badval++;
            md_failed_store(m, v);
            return MD_EXISTS;
        }
        m->stats.count[MD_STAT_cas_hits]++;
        m->count[m->items[old].class].cas_hits++;
        break;
    case MD_CMD_APPEND:
    case MD_CMD_PREPEND:
        if (v->compares && v->cas != m->items[old].cas) {
            md_failed_store(m, v);
            return MD_EXISTS;
        }
        return join(m, v, old, v->how == MD_CMD_APPEND);
    default: break;
    }
    put(m, v, old, v->exptime_set);
    return MD_STORED;
}

enum md_result md_store(struct md_model *m, const struct md_value *v) {
    int32_t old = md_item_get(m, v->record, false);
    if (old != MD_NIL)
        return store_on(m, v, old);
    switch (v->vivify ? MD_CMD_SET : v->how) {
    case MD_CMD_SET:
    case MD_CMD_ADD: put(m, v, MD_NIL, v->exptime_set); return MD_STORED;
    case MD_CMD_CAS:
        m->stats.count[MD_STAT_cas_misses]++;
        md_failed_store(m, v);
        return MD_NOT_FOUND;
    default: md_failed_store(m, v); return MD_NOT_STORED;
    }
}

void md_count_store(struct md_model *m, const struct md_conn *c, int by) {
    size_t total = md_item_total(m, m->records[c->record].nkey, c->flags, c->nbytes);
    m->stats.count[MD_STAT_cmd_set] += (uint64_t)by;
    m->count[md_slab_class(&m->slabs, total)].cmd_set += (uint64_t)by;
}

/* ---- all of it ------------------------------------------------------------------------------- */

static void items_free(struct md_model *m) {
    for (size_t r = 0; r < m->n_records; r++) {
        if (m->records[r].item == MD_NIL)
            continue;
        struct md_item *it = &m->items[m->records[r].item];
        if (it->nbytes > MD_INLINE_VALUE)
            free(it->value);
        md_buf_free(&it->room.rest);
    }
    m->n_items = 0;
    m->free_item = MD_NIL;
    for (size_t c = 0; c < MD_SLAB_CLASSES; c++)
        m->head[c] = m->tail[c] = MD_NIL;
    memset(m->count, 0, sizeof m->count);
    m->stats = (struct md_stats){0};
}

void md_store_clear(struct md_model *m) {
    items_free(m);
    if (m->n_records * 4 > m->table_size)
        for (size_t i = 0; i < m->table_size; i++)
            m->table[i] = MD_NIL;
    else
        for (size_t r = m->n_records; r-- > 0;) {
            const struct md_record *rec = &m->records[r];
            m->table[slot_of(m, rec->hash, rec->key, rec->nkey)] = MD_NIL;
        }
    m->n_records = 0;
}

void md_store_drop(struct md_model *m) {
    items_free(m);
    for (size_t r = 0; r < m->n_records; r++)
        if (m->records[r].item != MD_NIL) {
            m->records[r].item = MD_NIL;
            m->records[r].gone = MD_RULE_MISS_RESTARTED;
            m->records[r].gone_at = md_trace_time(m, m->now);
        }
}

void md_store_free(struct md_model *m) {
    md_store_clear(m);
    free(m->records);
    free(m->table);
    free(m->items);
}
