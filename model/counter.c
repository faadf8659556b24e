/* incr, decr and ma: numbers, and where they are written; see store.h. */
#include "model/lru.h"
#include "model/store.h"

static bool all_blank(const uint8_t *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (v[i] != ' ' && (v[i] < '\t' || v[i] > '\r'))
            return false;
    return true;
}

/*
 * Two quirks read the memory behind an item, which is not ours to know: choices, that the reply
 * decides. Returns true if the node takes (or leaves) the value for another reason than its bytes;
 * *numeric says which, *now is the result where it took a number from there.
 */
static bool counter_memory(struct md_model *m, const struct md_item *it, uint64_t taken,
                           enum md_told told, bool *numeric, uint64_t *now) {
    bool blank = all_blank(md_item_value(it), it->nbytes);
    enum md_quirk quirk = blank ? MD_QUIRK_COUNTER_BLANK : MD_QUIRK_COUNTER_OVERREAD;
    if ((!blank && (int64_t)taken >= 0) || !m->quirk[quirk])
        return false;
    m->lost |= told == MD_TOLD_NOTHING || (blank && told != MD_TOLD_VALUE);
    if (blank)
        *numeric = md_choose_open(m, MD_CHOICE_COUNTER_BLANK, now);
    else
        *numeric = md_choose(m, MD_CHOICE_COUNTER_MEMORY) == 0;
    return *numeric == blank && md_quirk_applies(m, quirk);
}

/* The value of a counter by the specification: a decimal 64-bit number, perhaps padded with spaces;
 * a version may take more for a number. */
static bool counter_value(struct md_model *m, const struct md_item *it, uint64_t *value) {
    const uint8_t *v = md_item_value(it);
    size_t n = it->nbytes;
    struct md_number taken = md_number_unsigned(v, n);
    while (n > 0 && v[n - 1] == ' ')
        n--;
    struct md_number proper = md_number_unsigned(v, n);
    *value = taken.value;
    if (taken.minus && m->profile->minus_anywhere)
        return false;
    return taken.taken && (proper.proper || md_quirk_applies(m, MD_QUIRK_COUNTER_TEXT));
}

static void counter_in_place(struct md_model *m, int32_t i, const char *digits, size_t n) {
    struct md_item *it = &m->items[i];
    uint8_t *v = it->nbytes > MD_INLINE_VALUE ? it->value : it->small;
    memcpy(v, digits, n);
    memset(v + n, ' ', it->nbytes - n);
    it->cas = md_next_cas(m, false, 0);
    it->touched = true;
    md_lru_bump(m, i);
}

static bool counter_replaced(struct md_model *m, int32_t i, const char *digits, size_t n) {
    const struct md_item was = m->items[i];
    struct md_room room = {0};
    if (!md_room_take(m, &room, m->records[was.record].nkey, was.flags, n, was.record))
        return false;
    struct md_value v = {.record = was.record,
                         .flags = was.flags,
                         .exptime = was.exptime,
                         .exptime_set = was.exptime_set,
                         .by = was.exptime_by,
                         .data = (const uint8_t *)digits,
                         .nbytes = n,
                         .room = &room};
    md_store_over(m, &v, i);
    struct md_item *it = &m->items[m->records[was.record].item];
    it->touched = true;
    md_item_keep_key(it, &was);
    /* A counter that is written in place keeps its marks. */
    if ((was.stale || was.won) && !md_quirk_applies(m, MD_QUIRK_GROWN_FORGETS)) {
        it->stale = was.stale;
        it->won = was.won;
    }
    return true;
}

static bool counter_set(struct md_model *m, int32_t record, uint64_t value) {
    int32_t i = m->records[record].item;
    char text[20];
    struct md_buf digits = {.data = (uint8_t *)text, .cap = sizeof text};
    md_buf_u64(&digits, value);
    bool shorter = digits.len < m->items[i].nbytes;
    if (m->options.segmented &&
        m->items[i].hits >= 2) /* a thread may hold it: then it is replaced */
        m->segmented.unsure_removed++;
    bool held = m->items[i].held > 0; /* then it is replaced for certain */
    if (held && digits.len <= m->items[i].nbytes)
        md_chosen(m, MD_CHOICE_HELD_ITEM);
    if (digits.len <= m->items[i].nbytes && !held &&
        !(shorter && md_choose(m, MD_CHOICE_PADDING) == 1))
        counter_in_place(m, i, text, digits.len);
    else if (!counter_replaced(m, i, text, digits.len))
        return false;
    struct md_item *now = &m->items[m->records[record].item];
    now->open_choice = shorter && !held;
    now->padded_by = m->command->ordinal;
    return true;
}

static enum md_result counter_change(struct md_model *m, int32_t record, bool incr,
                                     uint64_t value) {
    struct md_class_count *n = &m->count[m->items[m->records[record].item].class];
    m->stats.count[incr ? MD_STAT_incr_hits : MD_STAT_decr_hits]++;
    n->delta_hits[incr]++;
    if (counter_set(m, record, value))
        return MD_FOUND;
    m->stats.failed_delta_hits[incr]++;
    n->failed_delta_hits[incr]++;
    return MD_NO_MEMORY;
}

bool md_may_be_number(const struct md_model *m, int32_t item) {
    return m->items[item].nbytes > 0 && !m->items[item].chunked;
}

enum md_result md_delta(struct md_model *m, int32_t record, bool incr, uint64_t delta,
                        enum md_told told, uint64_t *value, bool *border) {
    int32_t i = md_item_get(m, record, false);
    if (i == MD_NIL)
        return MD_NOT_FOUND;
    const struct md_item *it = &m->items[i];
    uint64_t old = 0;
    if (!md_may_be_number(m, i))
        return MD_NON_NUMERIC;
    bool numeric = counter_value(m, it, &old);
    if (numeric || all_blank(md_item_value(it), it->nbytes)) {
        bool other;
        if (counter_memory(m, it, old, told, &other, value)) {
            if (!other)
                return MD_NON_NUMERIC;
            return counter_change(m, record, incr, *value);
        }
    }
    if (!numeric)
        return MD_NON_NUMERIC;
    *border = incr ? old + delta < old : delta > old;
    *value = incr ? old + delta : *border ? 0 : old - delta;
    return counter_change(m, record, incr, *value);
}
