/* The order of last use, and making room; see lru.h. */
#include "model/lru.h"

#include "model/store.h"

enum {
    TRIES = 5,   /* items at the tail that one walk looks at */
    ROUNDS = 10, /* times that a store asks for a chunk, making room in between */
};

/* ---- the queue ------------------------------------------------------------------------------ */

void md_lru_in(struct md_model *m, int32_t i) {
    struct md_item *it = &m->items[i];
    it->prev = MD_NIL;
    it->next = m->head[it->class];
    if (it->next != MD_NIL)
        m->items[it->next].prev = i;
    else
        m->tail[it->class] = i;
    m->head[it->class] = i;
    m->count[it->class].number++;
    m->count[it->class].bytes += it->total;
}

void md_lru_out(struct md_model *m, int32_t i) {
    struct md_item *it = &m->items[i];
    if (it->prev != MD_NIL)
        m->items[it->prev].next = it->next;
    else
        m->head[it->class] = it->next;
    if (it->next != MD_NIL)
        m->items[it->next].prev = it->prev;
    else
        m->tail[it->class] = it->prev;
    m->count[it->class].number--;
    m->count[it->class].bytes -= it->total;
}

void md_lru_bump(struct md_model *m, int32_t i) {
    struct md_item *it = &m->items[i];
    it->used = m->now;
    it->hits = it->hits < 2 ? (uint8_t)(it->hits + 1) : 2;
    if (m->options.segmented) /* background threads move it, when they please */
        return;
    if (it->time >= m->now - MD_BUMP_INTERVAL) {
        m->fired.rule[MD_RULE_BUMP_SPARED]++;
        return;
    }
    m->fired.rule[MD_RULE_BUMP]++;
    md_lru_out(m, i);
    it->time = m->now;
    md_lru_in(m, i);
}

/* ---- sizes ------------------------------------------------------------------------------------ */

size_t md_item_total(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes) {
    return MD_ITEM_HEADER + nkey + 1 + (flags ? 4 : 0) + nbytes + 2 + (m->options.cas ? 8 : 0);
}

bool md_is_chunked(const struct md_model *m, size_t nkey, uint32_t flags, size_t nbytes) {
    return md_item_total(m, nkey, flags, nbytes) > m->options.slab_chunk_max;
}

/* ---- the tail --------------------------------------------------------------------------------- */

void md_removals_clear(struct md_model *m) { m->n_removals = 0; }

static void removed(struct md_model *m, int32_t i, enum md_removal_kind kind) {
    const struct md_item *it = &m->items[i];
    m->removals = md_grow(m->removals, &m->cap_removals, m->n_removals + 1, sizeof *m->removals);
    m->removals[m->n_removals++] = (struct md_removal_note){
        .kind = kind, .class = it->class, .record = it->record, .ordinal = m->command->ordinal};
}

/* Keys that agree in so many bits of their hash share a lock. */
static unsigned lock_bits(const struct md_model *m) {
    unsigned t = m->options.threads;
    return t < 3 ? 10 : t < 4 ? 11 : t < 5 ? 12 : t <= 10 ? 13 : 14;
}

static bool same_lock(const struct md_model *m, int32_t a, int32_t b) {
    uint32_t mask = (1u << lock_bits(m)) - 1;
    return ((m->records[a].hash ^ m->records[b].hash) & mask) == 0;
}

/* An item that is not retrieved any more is memory to reclaim. */
static bool expired_at_tail(struct md_model *m, const struct md_item *it) {
    if (it->exptime == 0 || it->exptime > m->now)
        return false;
    return it->exptime < m->now || !md_quirk_applies(m, MD_QUIRK_EVICTS_EXPIRED);
}

static void count_reclaimed(struct md_model *m, const struct md_item *it) {
    struct md_class_count *n = &m->count[it->class];
    m->stats.count[MD_STAT_reclaimed]++;
    n->reclaimed++;
    if (it->fetched)
        return;
    m->stats.count[MD_STAT_expired_unfetched]++;
    n->expired_unfetched++;
    m->stats.touched_expired += it->touched;
    n->touched_expired += it->touched;
}

static void count_evicted(struct md_model *m, const struct md_item *it) {
    struct md_class_count *n = &m->count[it->class];
    m->stats.count[MD_STAT_evictions]++;
    n->evicted++;
    n->evicted_nonzero += it->exptime != 0;
    n->evicted_moved = m->now - it->time;
    n->evicted_used = m->now - it->used;
    if (it->fetched)
        return;
    m->stats.count[MD_STAT_evicted_unfetched]++;
    n->evicted_unfetched++;
    m->stats.touched_evicted += it->touched;
    n->touched_evicted += it->touched;
}

/*
 * A walk from the tail: expired and flushed items go, the first live one ends it, and goes too if
 * `evict` and memcached may (-M). Items whose lock is held are passed over. Returns how many went.
 */
static unsigned pull_tail(struct md_model *m, unsigned class, bool evict, int32_t locked) {
    int32_t newer;
    unsigned gone = 0;
    int tries = TRIES;
    for (int32_t i = m->tail[class]; tries > 0 && i != MD_NIL; tries--, i = newer) {
        struct md_item *it = &m->items[i];
        newer = it->prev;
        if (locked != MD_NIL && same_lock(m, locked, it->record)) {
            md_chosen(m, MD_CHOICE_LOCKED_TAIL);
            continue;
        }
        bool expired = expired_at_tail(m, it);
        if (expired || md_flush_dead(m, it)) {
            m->fired.rule[MD_RULE_RECLAIM]++;
            md_chosen(m, MD_CHOICE_RECLAIM_AT_TAIL);
            count_reclaimed(m, it);
            removed(m, i, MD_RECLAIMED);
            md_item_unlink(m, i, expired ? MD_RULE_MISS_EXPIRED : MD_RULE_MISS_FLUSHED);
            gone++;
            continue;
        }
        if (!evict || !m->options.evict)
            return gone;
        m->fired.rule[MD_RULE_EVICT_TAIL]++;
        count_evicted(m, it);
        removed(m, i, MD_EVICTED);
        md_item_unlink(m, i, MD_RULE_MISS_EVICTED);
        return gone + 1;
    }
    if (tries == 0)
        md_chosen(m, MD_CHOICE_FIVE_TRIES);
    return gone;
}

static bool take_chunk(struct md_model *m, unsigned class, int32_t locked) {
    bool beyond = false, taken = false;
    if (m->options.segmented) {
        md_segmented_taken(m, class);
        return true;
    }
    for (int round = 0; !taken; round++) {
        if (round == ROUNDS && md_quirk_applies(m, MD_QUIRK_TEN_ROUNDS))
            break;
        pull_tail(m, class, false, locked);
        taken = md_memory_take(&m->memory, &m->slabs, class, &beyond);
        if (!taken && pull_tail(m, class, true, locked) == 0)
            break;
    }
    if (beyond)
        md_chosen(m, MD_CHOICE_FIRST_PAGE);
    return taken;
}

/* ---- room --------------------------------------------------------------------------------------- */

bool md_room_take(struct md_model *m, struct md_room *room, size_t nkey, uint32_t flags,
                  size_t nbytes, int32_t locked) {
    size_t total = md_item_total(m, nkey, flags, nbytes);
    unsigned class = md_slab_class(&m->slabs, total), from = class;
    if (total > m->options.slab_chunk_max) {
        m->fired.rule[MD_RULE_LARGE_IN_CHUNKS]++;
        from = md_slab_class(&m->slabs, md_item_total(m, nkey, flags, 0) - 2 + MD_CHUNK_HEADER);
    }
    if (!take_chunk(m, from, locked)) {
        m->count[class].outofmemory++;
        return false;
    }
    room->class = m->options.segmented ? 0 : (uint8_t)from;
    return true;
}

bool md_room_chunk(struct md_model *m, struct md_room *room, uint64_t missing, int32_t locked,
                   uint32_t *left) {
    uint32_t most = m->options.slab_chunk_max;
    uint64_t size = missing + MD_CHUNK_HEADER;
    if (size > most)
        size = most;
    unsigned class = md_slab_class(&m->slabs, size);
    bool taken = take_chunk(m, class, locked);
    if (m->options.segmented && size < most) /* or there, as below: nobody can see which */
        md_segmented_taken(m, m->slabs.largest);
    if (!taken && size < most) {
        md_chosen(m, MD_CHOICE_CHUNK_FALLBACK);
        size = most;
        class = m->slabs.largest;
        taken = take_chunk(m, class, locked);
    }
    if (!taken)
        return false;
    if (!m->options.segmented)
        md_buf_byte(&room->rest, (uint8_t) class);
    *left = (uint32_t)size - MD_CHUNK_HEADER;
    return true;
}

bool md_room_copy(struct md_model *m, struct md_room *room, uint32_t *left, uint64_t n,
                  int32_t locked) {
    while (n > 0) {
        uint64_t step = *left < n ? *left : n;
        *left -= (uint32_t)step;
        n -= step;
        if (*left == 0 && !md_room_chunk(m, room, n, locked, left))
            return false;
    }
    return true;
}
