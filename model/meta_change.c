/* md and ma; protocol.txt "Meta Delete" and "Meta Arithmetic". */
#include "model/meta_internal.h"

#include "model/lru.h"

#define OPAQUE_LONG "CLIENT_ERROR opaque token too long"

/* A code, what the request wants back, and the end of the line. */
static void say_code(struct md_feed *f, const struct md_meta *k, enum md_rule rule,
                     const char *code) {
    md_rule_is(f->m, rule);
    md_buf_str(&f->out->bytes, code);
    md_meta_say_request(f, k);
    md_buf_str(&f->out->bytes, "\r\n");
    if (md_meta_has(k, 'q') && strcmp(code, "HD") != 0)
        f->m->fired.rule[MD_RULE_META_QUIET_SHOWS]++;
}

static void say_missing(struct md_feed *f, const struct md_meta *k, int32_t record,
                        enum md_rule rule) {
    f->c->command.flags |= MD_COMMAND_MISS;
    md_explain_miss(f, &f->m->records[record], md_miss_rule(f->m, record));
    say_code(f, k, rule, "NF");
}

static void look(struct md_feed *f, const struct md_meta *k, int32_t record, bool blind) {
    int32_t item = f->m->records[record].item;
    if (f->m->options.segmented && item != MD_NIL && (blind || md_meta_has(k, 'q')))
        md_segmented_unseen(f->m, item);
    else
        md_look(f, record, "NF");
}

/* ---- md ------------------------------------------------------------------------------------- */

static void invalidate(struct md_model *m, const struct md_meta *k, int32_t item) {
    struct md_item *it = &m->items[item];
    md_rule_is(m, MD_RULE_META_INVALIDATED);
    if (md_meta_has(k, 'T'))
        md_set_exptime(m, item, k->exptime);
    it->stale = true;
    it->won = false;
    it->cas = md_next_cas(m, md_meta_has(k, 'E'), k->new_cas);
}

/* x: an empty item takes its place. False: no memory for it. */
static bool remove_value(struct md_feed *f, const struct md_meta *k, int32_t *item) {
    struct md_model *m = f->m;
    int32_t record = m->items[*item].record;
    struct md_room room = {0};
    if (!md_room_take(m, &room, k->nkey, k->flags, 0, record)) {
        md_refuse(f, MD_RULE_NO_MEMORY, "SERVER_ERROR out of memory");
        return false;
    }
    m->lost |= m->options.segmented && md_segmented_short(m);
    md_chosen(m, MD_CHOICE_META_EMPTY_ITEM);
    struct md_value v = {.record = record,
                         .flags = k->flags,
                         .exptime = k->exptime,
                         .exptime_set = m->now,
                         .by = MD_CMD_MD,
                         .room = &room,
                         .cas_given = true,
                         .new_cas = md_meta_has(k, 'E') ? k->new_cas : m->items[*item].cas};
    md_store_over(m, &v, *item);
    *item = m->records[record].item;
    return true;
}

void md_meta_delete(struct md_feed *f, struct md_meta *k) {
    struct md_model *m = f->m;
    if (k->opaque_long) {
        md_refuse(f, MD_RULE_META_OPAQUE_LONG, OPAQUE_LONG);
        return;
    }
    md_meta_foreign(f, k, "bCIkOqTPLEx");
    int32_t record = md_record_get(m, k->key, k->nkey);
    look(f, k, record, false);
    int32_t item = md_item_get(m, record, false);
    if (item == MD_NIL) {
        m->stats.count[MD_STAT_delete_misses]++;
        say_missing(f, k, record, MD_RULE_META_DELETE_MISS);
        return;
    }
    if (md_meta_has(k, 'C') && !md_cas_matches(m, item, k->cas, false)) {
        m->stats.count[MD_STAT_delete_misses]++;
        m->stats.delete_unmatched++;
        say_code(f, k, MD_RULE_META_EXISTS, "EX");
        return;
    }
    if (md_meta_has(k, 'x') && !remove_value(f, k, &item))
        return;
    say_code(f, k, MD_RULE_META_DELETED, "HD");
    if (md_meta_has(k, 'I')) {
        invalidate(m, k, item);
    } else if (md_meta_has(k, 'x')) {
        m->stats.count[MD_STAT_delete_hits]++;
        m->count[m->items[item].class].delete_hits++;
    } else {
        m->stats.count[MD_STAT_delete_hits]++;
        m->count[m->items[item].class].delete_hits++;
        md_item_unlink(m, item, MD_RULE_MISS_DELETED);
    }
    if (md_meta_has(k, 'q'))
        md_meta_hush(f);
}

/* ---- ma ------------------------------------------------------------------------------------- */

/* An ma that has an item to tell of. */
struct delta {
    struct md_meta *k;
    int32_t record, item;
    uint64_t value, cas;
    bool made;   /* by N */
    bool remade; /* the number got longer (or its item was held): the item is another one now */
};

/* T, and the time that is told behind it: a version may set it on the item that is gone. */
static void update_ttl(struct md_feed *f, const struct delta *d, uint32_t exptime, uint32_t *told) {
    *told = exptime;
    if (d->remade && md_quirk_applies(f->m, MD_QUIRK_MA_TTL_LOST))
        return;
    md_set_exptime(f->m, d->item, exptime);
}

static void say_flags(struct md_feed *f, const struct delta *d) {
    struct md_model *m = f->m;
    const struct md_meta *k = d->k;
    uint32_t exptime = m->items[d->item].exptime;
    for (size_t i = k->first; i < k->w->n; i++) {
        if (k->opaque_long && i == k->at['O'])
            return; /* refused here: what stands behind it does nothing */
        switch (k->w->word[i].s[0]) {
        case 'c': md_meta_say_cas(f, d->record, d->cas); break;
        case 't':
            md_meta_say_ttl(f, exptime);
            if (md_meta_has(k, 'T') || md_meta_has(k, 'N'))
                md_chosen(m, MD_CHOICE_META_ORDER);
            break;
        case 'T': update_ttl(f, d, k->exptime, &exptime); break;
        case 'N':
            if (d->made)
                update_ttl(f, d, k->vivify, &exptime);
            break;
        case 'O':
            if (k->opaque_long) /* refused here: what is behind it is not done */
                return;
            md_meta_say_opaque(f, k->w->word[i]);
            break;
        case 'k': md_meta_say_key(f, k->key, k->nkey, k->binary); break;
        default: break;
        }
    }
}

/* Whether q keeps this answer back: by the book that is one that begins with HD. */
static bool hushed(struct md_feed *f, const struct delta *d) {
    bool book, version = !d->made || f->m->profile->ma_hushes_made;
    if (!md_meta_has(d->k, 'q'))
        return false;
    book = !md_meta_has(d->k, 'v');
    if (book == version)
        return book;
    enum md_quirk quirk = version ? MD_QUIRK_MA_QUIET_VALUE : MD_QUIRK_MA_QUIET_VIVIFY;
    return md_quirk_applies(f->m, quirk) ? version : book;
}

static void say_done(struct md_feed *f, const struct delta *d) {
    struct md_buf *b = &f->out->bytes;
    char text[24];
    struct md_buf digits = {.data = (uint8_t *)text, .cap = sizeof text};
    bool value = md_meta_has(d->k, 'v');
    md_buf_u64(&digits, d->value);
    md_buf_str(b, value ? "VA " : "HD");
    if (value)
        md_buf_u64(b, digits.len);
    say_flags(f, d);
    md_buf_str(b, "\r\n");
    if (value) {
        md_buf_append(b, digits.data, digits.len);
        md_buf_str(b, "\r\n");
    }
    if (hushed(f, d))
        md_meta_hush(f);
}

/* A key that has no number yet. */
static bool vivify(struct md_feed *f, struct delta *d, bool incr) {
    struct md_model *m = f->m;
    char text[24];
    struct md_buf digits = {.data = (uint8_t *)text, .cap = sizeof text};
    md_buf_u64(&digits, d->k->initial);
    d->value = d->k->initial;
    d->item = md_meta_vivify(f, d->k, d->record, digits.data, digits.len);
    d->made = d->item != MD_NIL;
    d->cas = d->made ? m->items[d->item].cas : 0;
    if (d->made)
        m->stats.delta_vivified[incr]++;
    else
        md_refuse(f, MD_RULE_NO_MEMORY, "SERVER_ERROR Out of memory allocating new item");
    return d->made;
}

static void say_failed(struct md_feed *f, enum md_result result) {
    bool memory = result == MD_NO_MEMORY;
    md_refuse(f, memory ? MD_RULE_NO_MEMORY_DELTA : MD_RULE_DELTA_NON_NUMERIC,
              memory ? "SERVER_ERROR out of memory"
                     : "CLIENT_ERROR cannot increment or decrement non-numeric value");
}

/* The number is changed; false: an answer was said instead. */
static bool change(struct md_feed *f, struct delta *d, bool incr) {
    struct md_model *m = f->m;
    const struct md_meta *k = d->k;
    bool border = false;
    enum md_told told = md_meta_has(k, 'q')   ? MD_TOLD_NOTHING
                        : md_meta_has(k, 'v') ? MD_TOLD_VALUE
                                              : MD_TOLD_SUCCESS;
    int32_t old = md_item_get(m, d->record, false);
    uint64_t order = old == MD_NIL ? 0 : m->items[old].order;
    if (old != MD_NIL && md_meta_has(k, 'C') && md_may_be_number(m, old) &&
        !md_cas_matches(m, old, k->cas, true)) {
        say_code(f, k, MD_RULE_META_EXISTS, "EX");
        return false;
    }
    enum md_result result = md_delta(m, d->record, incr, k->delta, told, &d->value, &border);
    if (result == MD_NOT_FOUND && md_meta_has(k, 'N'))
        return vivify(f, d, incr);
    if (result == MD_NOT_FOUND) {
        m->stats.count[incr ? MD_STAT_incr_misses : MD_STAT_decr_misses]++;
        say_missing(f, k, d->record, MD_RULE_META_DELTA_MISS);
        return false;
    }
    if (result != MD_FOUND) {
        say_failed(f, result);
        return false;
    }
    d->item = m->records[d->record].item;
    d->remade = m->items[d->item].order != order;
    if (d->remade && md_meta_has(k, 'E') && md_quirk_applies(m, MD_QUIRK_MA_TTL_LOST))
        md_rule_is(m, MD_RULE_META_DELTA);
    else if (md_meta_has(k, 'E'))
        m->items[d->item].cas = md_next_cas(m, true, k->new_cas);
    /* Told of the item that is gone, as its time is. */
    bool lost = d->remade && md_meta_has(k, 'E') && m->quirk[MD_QUIRK_MA_TTL_LOST];
    d->cas = lost ? md_next_cas(m, true, k->new_cas) : m->items[d->item].cas;
    md_rule_is(m, border ? MD_RULE_META_DELTA_BORDER : MD_RULE_META_DELTA);
    return true;
}

/* An opaque that is too long is found when all is done. */
static bool refused(struct md_feed *f, const struct md_meta *k, int32_t record) {
    if (!k->opaque_long)
        return false;
    bool acts = f->m->records[record].item != MD_NIL || md_meta_has(k, 'N');
    if (acts && md_quirk_applies(f->m, MD_QUIRK_META_REFUSED_ACTS))
        return false;
    if (!acts)
        return false; /* a miss is counted first */
    md_refuse(f, MD_RULE_META_OPAQUE_LONG, OPAQUE_LONG);
    return true;
}

void md_meta_delta(struct md_feed *f, struct md_meta *k) {
    struct md_model *m = f->m;
    struct delta d = {.k = k};
    if (k->mode && !strchr("I+D-", k->mode)) {
        md_refuse(f, MD_RULE_META_MODE_BAD, "CLIENT_ERROR invalid mode for ma M token");
        return;
    }
    bool incr = k->mode != 'D' && k->mode != '-';
    md_meta_foreign(f, k, "bCNJDTMqtcvkOPLE");
    d.record = md_record_get(m, k->key, k->nkey);
    look(f, k, d.record, md_meta_has(k, 'N') || k->opaque_long);
    m->lost |= m->options.segmented && m->records[d.record].item != MD_NIL && md_segmented_short(m);
    if (refused(f, k, d.record))
        return;
    if (change(f, &d, incr))
        say_done(f, &d);
    if (k->opaque_long && !(f->c->command.flags & MD_COMMAND_ERROR)) {
        md_meta_unsay(f);
        f->c->command.flags &= (uint8_t) ~(MD_COMMAND_SILENT | MD_COMMAND_MISS);
        md_refuse(f, MD_RULE_META_OPAQUE_LONG, OPAQUE_LONG);
    }
}
