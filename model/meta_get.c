/* mg; protocol.txt "Meta Get". */
#include "model/meta_internal.h"

#include "model/hold.h"
#include "model/lru.h"

#define OPAQUE_LONG "CLIENT_ERROR opaque token too long"

/* An mg on its way. */
struct get {
    struct md_meta *k;
    int32_t record, item; /* item: MD_NIL on a miss */
    bool made;            /* by N */
    bool won, touched;
};

uint32_t md_meta_idle(struct md_feed *f, int32_t item) {
    struct md_model *m = f->m;
    const struct md_item *it = &m->items[item];
    m->lost |= m->options.segmented && it->time != m->now; /* background threads may set it */
    if (it->time == it->used || md_quirk_applies(m, MD_QUIRK_LAST_ACCESS))
        return m->now - it->time;
    return m->now - it->used;
}

int32_t md_meta_vivify(struct md_feed *f, const struct md_meta *k, int32_t record,
                       const void *value, size_t n) {
    struct md_model *m = f->m;
    struct md_room room = {0};
    if (!md_room_take(m, &room, k->nkey, 0, n, record))
        return MD_NIL;
    /* Whether there was memory for it is not shown in so many words. */
    m->lost |= m->options.segmented && md_segmented_short(m);
    struct md_value v = {.record = record,
                         .exptime_set = m->now,
                         .by = f->c->command.name,
                         .data = value,
                         .nbytes = n,
                         .room = &room,
                         .cas_given = md_meta_has(k, 'E'),
                         .new_cas = k->new_cas,
                         .binary_key = k->binary};
    int32_t item = md_store_new(m, &v);
    m->items[item].key_forgotten = k->binary;
    md_rule_is(m, MD_RULE_META_VIVIFIED);
    return item;
}

/* Whether flag `flag` is read before the opaque, which is where the command is refused. */
static bool before_opaque(const struct md_meta *k, char flag) {
    return md_meta_has(k, flag) && k->at[(unsigned char)flag] < k->at['O'];
}

/* An opaque that is too long: in a version that has this quirk, what was done before it was read stays
 * done. True: the command goes on up to there. */
static bool acts_though_refused(struct md_feed *f, const struct get *g) {
    const struct md_meta *k = g->k;
    if (g->item == MD_NIL ? md_meta_has(k, 'N') : before_opaque(k, 'T'))
        return md_quirk_applies(f->m, MD_QUIRK_META_REFUSED_ACTS);
    return true;
}

static void refuse_opaque(struct md_feed *f) {
    md_meta_unsay(f);
    md_refuse(f, MD_RULE_META_OPAQUE_LONG, OPAQUE_LONG);
}

/* R: does the client win, for less than so many seconds are left? */
static void recache(struct md_feed *f, struct get *g) {
    struct md_model *m = f->m;
    const struct md_item *it = &m->items[g->item];
    if (it->won || g->made || it->exptime == 0)
        return;
    int64_t left = (int64_t)it->exptime - m->now;
    bool spec = left < g->k->recache;
    bool version = it->exptime < md_relative_time(m, g->k->recache);
    if (spec != version && md_quirk_applies(m, MD_QUIRK_RECACHE_LONG))
        spec = version;
    g->won |= spec;
    if (spec)
        m->fired.rule[MD_RULE_META_RECACHE]++;
}

/* T: on a miss that N makes good there is nothing to update. */
static void touch(struct md_feed *f, struct get *g) {
    struct md_model *m = f->m;
    if (g->made && !md_quirk_applies(m, MD_QUIRK_VIVIFY_TOUCHED))
        return;
    g->touched = true;
    m->fired.rule[MD_RULE_META_TOUCHED]++;
    md_set_exptime(m, g->item, g->k->exptime);
}

/* One flag of an answer. */
static void say_flag(struct md_feed *f, struct get *g, struct md_token t) {
    struct md_model *m = f->m;
    struct md_item *it = &m->items[g->item];
    switch (t.s[0]) {
    case 'T': touch(f, g); break;
    case 'N':
        if (g->made) {
            md_set_exptime(m, g->item, g->k->vivify);
            g->won = true;
        }
        break;
    case 'R': recache(f, g); break;
    case 's':
        md_meta_say_number(f, 's', it->nbytes);
        md_meta_shows_value(f, g->item);
        break;
    case 't':
        md_meta_say_ttl(f, it->exptime);
        if (md_meta_has(g->k, 'T') || md_meta_has(g->k, 'N'))
            md_chosen(m, MD_CHOICE_META_ORDER);
        break;
    case 'c': md_meta_say_cas(f, g->record, it->cas); break;
    case 'f': md_meta_say_number(f, 'f', it->flags); break;
    case 'l': md_meta_say_number(f, 'l', md_meta_idle(f, g->item)); break;
    case 'h': md_meta_say_number(f, 'h', it->fetched); break;
    case 'O': md_meta_say_opaque(f, t); break;
    case 'k': md_meta_say_item_key(f, g->item); break;
    default: break;
    }
}

/* Z, X and W: who is to recache it. */
static void say_marks(struct md_feed *f, struct get *g) {
    struct md_model *m = f->m;
    struct md_item *it = &m->items[g->item];
    if (it->won) {
        md_buf_str(&f->out->bytes, " Z");
        m->fired.rule[MD_RULE_META_SENT]++;
    }
    if (it->stale) {
        md_buf_str(&f->out->bytes, " X");
        m->fired.rule[MD_RULE_META_STALE]++;
        g->won |= !it->won;
    }
    if (g->won) {
        md_buf_str(&f->out->bytes, " W");
        m->fired.rule[MD_RULE_META_WON]++;
        it->won = true;
    }
}

/* False: refused on the way. */
static bool say_hit(struct md_feed *f, struct get *g) {
    struct md_model *m = f->m;
    struct md_buf *b = &f->out->bytes;
    const struct md_meta *k = g->k;
    bool value = md_meta_has(k, 'v');
    if (value && m->profile->mg_compares && md_meta_has(k, 'C')) {
        value = m->items[g->item].cas != k->cas;
        m->fired.rule[MD_RULE_META_COMPARED]++;
    }
    md_rule_is(m, g->made ? MD_RULE_META_VIVIFIED : MD_RULE_META_HIT);
    md_buf_str(b, value ? "VA " : "HD");
    if (value)
        md_buf_u64(b, m->items[g->item].nbytes);
    for (size_t i = k->first; i < k->w->n; i++) {
        if (k->opaque_long && i == k->at['O']) {
            refuse_opaque(f);
            return false;
        }
        say_flag(f, g, k->w->word[i]);
    }
    say_marks(f, g);
    md_buf_str(b, "\r\n");
    if (!value)
        return true;
    const struct md_item *it = &m->items[g->item];
    if (b->len + it->nbytes > MD_REPLY_MAX)
        m->lost = true;
    else
        md_buf_append(b, md_item_value(it), it->nbytes);
    md_buf_str(b, "\r\n");
    md_meta_shows_value(f, g->item);
    return true;
}

static void say_miss(struct md_feed *f, struct get *g) {
    struct md_model *m = f->m;
    f->c->command.flags |= MD_COMMAND_MISS;
    m->stats.count[MD_STAT_cmd_get]++;
    m->stats.count[MD_STAT_get_misses]++;
    m->stats.touch_missed += md_meta_has(g->k, 'T');
    if (g->k->opaque_long) {
        refuse_opaque(f);
        return;
    }
    md_explain_miss(f, &m->records[g->record], md_miss_rule(m, g->record));
    md_rule_is(m, md_miss_rule(m, g->record));
    m->fired.rule[MD_RULE_META_MISS]++;
    md_buf_str(&f->out->bytes, "EN");
    md_meta_say_request(f, g->k);
    md_buf_str(&f->out->bytes, "\r\n");
    if (md_meta_has(g->k, 'q'))
        md_meta_hush(f);
}

static void count_hit(struct md_model *m, const struct get *g) {
    struct md_class_count *of = &m->count[m->items[g->item].class];
    uint64_t *n = m->stats.count;
    n[g->touched ? MD_STAT_cmd_touch : MD_STAT_cmd_get]++;
    n[g->touched ? MD_STAT_touch_hits : MD_STAT_get_hits]++;
    of->get_hits += !g->touched;
    of->touch_hits += g->touched;
    if (g->made) {
        m->stats.vivified[g->touched]++;
        of->vivified[g->touched]++;
    } else if (g->touched) {
        m->stats.gat_hits++;
        of->gat_hits++;
    }
}

static void look(struct md_feed *f, const struct get *g) {
    struct md_model *m = f->m;
    int32_t item = m->records[g->record].item;
    if (m->options.segmented && item != MD_NIL &&
        (md_meta_has(g->k, 'q') || md_meta_has(g->k, 'N') || g->k->opaque_long))
        md_segmented_unseen(m, item);
    else
        md_look(f, g->record, "EN");
}

void md_meta_get(struct md_feed *f, struct md_meta *k) {
    struct md_model *m = f->m;
    struct get g = {.k = k, .record = md_record_get(m, k->key, k->nkey)};
    bool bumps_late = md_meta_has(k, 'N') || md_meta_has(k, 'T') || md_meta_has(k, 'R') ||
                      md_meta_has(k, 'l') || md_meta_has(k, 'h');
    md_meta_foreign(f, k, m->profile->mg_compares ? "bcCfhklOqstuvNRTPLE" : "bcfhklOqstuvNRTPLE");
    look(f, &g);
    g.item = md_item_get(m, g.record, !bumps_late && !md_meta_has(k, 'u'));
    if (k->opaque_long && !acts_though_refused(f, &g)) {
        refuse_opaque(f);
        return;
    }
    if (g.item == MD_NIL && md_meta_has(k, 'N')) {
        g.item = md_meta_vivify(f, k, g.record, NULL, 0);
        g.made = g.item != MD_NIL;
    }
    if (g.item == MD_NIL) {
        say_miss(f, &g);
        return;
    }
    if (!say_hit(f, &g))
        return;
    f->c->command.flags |= MD_COMMAND_HIT;
    md_hold_item(m, f->c, g.item);
    count_hit(m, &g);
    if (md_meta_has(k, 'u'))
        m->fired.rule[MD_RULE_META_NO_BUMP]++;
    else if (bumps_late)
        md_item_fetched(m, g.item);
}
