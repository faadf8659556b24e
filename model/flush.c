/* What flush_all kills, by the book and by the version; see flush.h. */
#include "model/flush.h"

#include "model/internal.h"

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
    return it->time <= f->oldest_live || (f->oldest_cas && it->cas && it->cas < f->oldest_cas);
}

bool md_flush_dead(struct md_model *m, const struct md_item *it) {
    const struct md_flush *f = &m->flush;
    bool spec = it->order < f->before;
    if (f->oldest_live == 0 && !spec)
        return false;
    bool version = dead_for_version(m, it);
    if (spec == version)
        return spec;
    enum md_quirk quirk;
    if (version)
        quirk = m->options.cas ? MD_QUIRK_FLUSH_EARLY : MD_QUIRK_FLUSH_SAME_SECOND;
    else
        quirk = f->past ? MD_QUIRK_FLUSH_PAST : MD_QUIRK_FLUSH_REVIVES;
    return md_quirk_applies(m, quirk) ? version : spec;
}
