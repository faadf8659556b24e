/* What becomes of items under the segmented LRU; see segmented.h. */
#include "model/segmented.h"

#include "model/store.h"

#include <stdarg.h>
#include <stdio.h>

void md_break(struct md_model *m, const char *promise, const char *fmt, ...) {
    struct md_segmented *s = &m->segmented;
    va_list args;
    if (s->broken)
        return;
    s->broken = promise;
    s->broken_at = m->command->ordinal;
    va_start(args, fmt);
    vsnprintf(s->why, sizeof s->why, fmt, args);
    va_end(args);
}

bool md_model_observes(const struct md_model *m) { return m->options.segmented; }

void md_model_observe(struct md_model *m, const void *bytes, size_t len) {
    m->segmented.observed = bytes;
    m->segmented.n_observed = len;
    m->segmented.skipped = 0;
}

bool md_model_broken(const struct md_model *m, uint32_t *ordinal, const char **promise,
                     const char **why) {
    *ordinal = m->segmented.broken_at;
    *promise = m->segmented.broken;
    *why = m->segmented.why;
    return m->segmented.broken != NULL;
}

bool md_segmented_says(const struct md_model *m, size_t cursor, const char *text, size_t n) {
    const struct md_segmented *s = &m->segmented;
    cursor += s->skipped;
    return s->n_observed >= cursor && s->n_observed - cursor >= n &&
           memcmp(s->observed + cursor, text, n) == 0;
}

bool md_segmented_tells(const struct md_model *m, size_t cursor) {
    return cursor + m->segmented.skipped < m->segmented.n_observed;
}

bool md_segmented_may_have_gone(const struct md_model *m, const struct md_item *it) {
    return m->segmented.taken[it->class] > it->sure_at || it->doubtful || m->options.slab_reassign;
}

/* Whether a flush_all spared the item: the node's reply says. */
static void look_spared(struct md_model *m, struct md_item *it, bool tells, bool gone) {
    m->lost |= !tells;
    it->spared = false;
    if (!tells || gone || !md_quirk_applies(m, MD_QUIRK_FLUSH_SPARES_USED))
        return;
    it->order = m->flush.before;
    it->time = it->used;
}

static bool dead(const struct md_model *m, const struct md_item *it) {
    return (it->exptime && it->exptime <= m->now) || it->order < m->flush.before;
}

void md_segmented_unseen(struct md_model *m, int32_t item) {
    m->lost |= m->items[item].spared;
    if (!dead(m, &m->items[item]) && md_segmented_may_have_gone(m, &m->items[item]))
        m->lost = true;
}

static void seen(struct md_model *m, struct md_item *it) {
    it->sure_at = m->segmented.taken[it->class];
    it->doubtful = false;
    md_promise_order_seen(m, it);
    md_promise_active_seen(m, it);
}

static void vanish(struct md_model *m, int32_t i) {
    const struct md_item *it = &m->items[i];
    if (it->doubtful) { /* that set was refused: no eviction */
        md_item_unlink(m, i, MD_RULE_MISS_REMOVED);
        return;
    }
    m->fired.rule[MD_RULE_EVICT_FREE]++;
    md_promise_explained(m, it);
    md_promise_temporary(m, it);
    md_promise_order_gone(m, it);
    md_promise_active_gone(m, it);
    m->segmented.vanished++;
    md_item_unlink(m, i, MD_RULE_MISS_EVICTED);
}

/* Whether the reply is the VALUE line of this item's key. */
static bool says_value(const struct md_model *m, const struct md_item *it, size_t cursor) {
    const struct md_record *rec = &m->records[it->record];
    char text[6 + MD_KEY_MAX + 1];
    memcpy(text, "VALUE ", 6);
    memcpy(text + 6, rec->key, rec->nkey);
    text[6 + rec->nkey] = ' ';
    return md_segmented_says(m, cursor, text, 7u + rec->nkey);
}

void md_segmented_look(struct md_model *m, int32_t item, size_t cursor, const char *missing) {
    struct md_item *it = &m->items[item];
    if (dead(m, it) && !it->spared)
        return;
    bool tells = md_segmented_tells(m, cursor);
    bool gone = missing ? md_segmented_says(m, cursor, missing, strlen(missing))
                        : !says_value(m, it, cursor);
    if (it->spared) {
        look_spared(m, it, tells, gone || (it->exptime && it->exptime <= m->now));
        return;
    }
    if (!tells) {
        md_segmented_unseen(m, item);
        return;
    }
    if (gone)
        vanish(m, item);
    else
        seen(m, it);
}

void md_segmented_skip(struct md_model *m, size_t cursor) {
    struct md_segmented *s = &m->segmented;
    for (size_t at = cursor + s->skipped; at < s->n_observed;) {
        const uint8_t *line = s->observed + at, *end = memchr(line, '\n', s->n_observed - at);
        if (!end)
            return;
        at += (size_t)(end + 1 - line);
        if (end - line == 4 && memcmp(line, "END\r", 4) == 0) {
            s->skipped = at - cursor;
            return;
        }
    }
}

void md_segmented_taken(struct md_model *m, unsigned class) { m->segmented.taken[class]++; }

void md_segmented_taken_somewhere(struct md_model *m) {
    for (unsigned c = 1; c <= m->slabs.largest; c++)
        m->segmented.taken[c]++;
}

bool md_segmented_short(const struct md_model *m) {
    uint64_t pages = 0;
    for (unsigned c = 1; c <= m->slabs.largest; c++) {
        uint64_t per_page = m->memory.class[c].per_page;
        uint64_t of_class = (m->segmented.taken[c] + per_page - 1) / per_page;
        pages += of_class ? of_class : m->options.preallocated;
    }
    return pages * MD_PAGE_SIZE > m->segmented.least_limit;
}

void md_segmented_linked(struct md_model *m, struct md_item *it, uint32_t since) {
    it->sure_at = m->segmented.taken[it->class];
    it->hits = 0;
    it->doubtful = false;
    it->survived_untouched = it->survived_active = 0;
    it->temporary = m->options.temporary && it->exptime - since <= m->options.temporary_ttl;
}

void md_segmented_unlinked(struct md_model *m, const struct md_item *it, enum md_rule why) {
    struct md_segmented *s = &m->segmented;
    bool unsure = md_segmented_may_have_gone(m, it);
    switch (why) {
    case MD_RULE_MISS_EVICTED: break;
    case MD_RULE_MISS_EXPIRED:
    case MD_RULE_MISS_FLUSHED: s->unsure_expired += unsure; break;
    default: *(unsure ? &s->unsure_removed : &s->removed) += 1; break;
    }
}

/* The walk from the head of each queue ends at the first item that is old enough: behind it one whose
 * time was renewed where it stood (incr, the second fetch) is passed over. */
void md_segmented_flushed(struct md_model *m) {
    for (size_t r = 0; r < m->n_records; r++) {
        if (m->records[r].item == MD_NIL)
            continue;
        struct md_item *it = &m->items[m->records[r].item];
        m->segmented.unsure_removed++;
        it->spared = it->used == m->now && m->quirk[MD_QUIRK_FLUSH_SPARES_USED];
    }
}

void md_segmented_accounts(const struct md_model *m, struct md_accounts *out) {
    const struct md_segmented *s = &m->segmented;
    *out =
        (struct md_accounts){.vanished = s->vanished,
                             .removed = s->removed,
                             .unsure_removed = s->unsure_removed,
                             .unsure_expired = s->unsure_expired,
                             .limit = s->least_limit,
                             .reset = s->reset,
                             .sets_unsure = m->profile->set_counts_at_line && md_segmented_short(m),
                             .mover = m->options.slab_reassign};
    for (size_t r = 0; r < m->n_records; r++) {
        if (m->records[r].item == MD_NIL)
            continue;
        const struct md_item *it = &m->items[m->records[r].item];
        out->unseen += md_segmented_may_have_gone(m, it);
        out->expired += dead(m, it);
        out->unsure_removed += it->doubtful;
    }
}
