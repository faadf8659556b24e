/* What flush_all kills, by the book and by the version; see flush.h. */
#include "model/flush.h"

#include "model/store.h"

/*
 * Times are whole seconds, so an item of the second of the flush, or of the one before it, cannot be told
 * from one stored after it: a version may take such items out at once, walking from the head of each
 * queue to the first older one.
 */
static void unlink_youngest(struct md_model *m) {
    const struct md_flush *f = &m->flush;
    int32_t older;
    for (unsigned c = 1; c < MD_SLAB_CLASSES && f->oldest_live; c++)
        for (int32_t i = m->head[c]; i != MD_NIL; i = older) {
            const struct md_item *it = &m->items[i];
            older = it->next;
            if (it->time < f->oldest_live)
                break;
            if (it->order < f->before || md_quirk_applies(m, MD_QUIRK_FLUSH_EARLY))
                md_item_unlink(m, i, MD_RULE_MISS_FLUSHED);
        }
}

void md_flush_all(struct md_model *m, int64_t delay) {
    struct md_flush *f = &m->flush;
    f->used = true;
    uint32_t due = delay > 0 ? md_relative_time(m, delay) : m->now;
    if (due <= m->now) {
        f->before = m->order;
        f->pending = 0;
    } else {
        f->pending = due;
    }
    f->past = delay > 0 && due <= m->now;
    if (m->profile->flush_unlinks) {
        f->oldest_live = due - 1;
        if (m->options.segmented) {
            md_segmented_flushed(m);
            return;
        }
        unlink_youngest(m);
        return;
    }
    if (!m->options.cas) {
        f->oldest_live = due;
        return;
    }
    f->oldest_live = due - 1;
    if (f->oldest_live <= m->now) {
        md_chosen(m, MD_CHOICE_FLUSH_CAS);
        if (m->profile->flush_uses_cas)
            m->cas++;
        f->oldest_cas = m->cas;
    }
}

void md_flush_tick(struct md_model *m) {
    struct md_flush *f = &m->flush;
    if (f->pending == 0 || f->pending > m->now)
        return;
    f->before = m->order;
    f->pending = 0;
}

static bool dead_for_version(const struct md_model *m, const struct md_item *it) {
    const struct md_flush *f = &m->flush;
    if (f->oldest_live == 0 || f->oldest_live > m->now)
        return false;
    if (it->time <= f->oldest_live)
        return true;
    return !m->profile->flush_unlinks && f->oldest_cas && it->cas && it->cas < f->oldest_cas;
}

bool md_flush_dead(struct md_model *m, const struct md_item *it) {
    const struct md_flush *f = &m->flush;
    bool spec = it->order < f->before;
    if (f->oldest_live == 0 && !spec)
        return false;
    /* What a flush spared was found out by looking (md_segmented_look). */
    if (m->options.segmented && m->profile->flush_unlinks)
        return spec;
    bool version = dead_for_version(m, it);
    if (spec == version)
        return spec;
    enum md_quirk quirk;
    if (version)
        quirk = m->options.cas || m->profile->flush_unlinks ? MD_QUIRK_FLUSH_EARLY
                                                            : MD_QUIRK_FLUSH_SAME_SECOND;
    else
        quirk = f->past ? MD_QUIRK_FLUSH_PAST : MD_QUIRK_FLUSH_REVIVES;
    return md_quirk_applies(m, quirk) ? version : spec;
}
