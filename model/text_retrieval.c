/* get, gets, gat, gats; protocol.txt "Retrieval command". */
#include "model/text_internal.h"

enum { HELD_MAX = 50000 }; /* keys of one retrieval */

static void say_value(struct md_feed *f, int32_t item, bool cas) {
    struct md_model *m = f->m;
    const struct md_item *it = &m->items[item];
    const struct md_record *rec = &m->records[it->record];
    struct md_buf *b = &f->out->bytes;
    if (b->len + it->nbytes > MD_REPLY_MAX) {
        m->lost = f->out->cut = true;
        return;
    }
    md_buf_reserve(b, it->nbytes + MD_KEY_MAX + 80);
    md_buf_append(b, "VALUE ", 6);
    md_buf_append(b, rec->key, rec->nkey);
    md_buf_byte(b, ' ');
    md_buf_u64(b, it->flags);
    md_buf_byte(b, ' ');
    md_buf_u64(b, it->nbytes);
    if (cas) {
        md_buf_byte(b, ' ');
        md_say_cas(f, it->record, it->cas);
    }
    md_buf_append(b, "\r\n", 2);
    md_buf_append(b, md_item_value(it), it->nbytes);
    md_buf_append(b, "\r\n", 2);
    if (it->open_choice)
        md_stands_on(m, it->padded_by, MD_CHOICE_PADDING);
}

struct retrieval {
    bool cas, touch;
    bool noreply; /* its last word */
    bool hidden;  /* a key behind is refused: hits will not be shown */
    uint32_t exptime;
};

/* item: MD_NIL on a miss. */
static void count_hit(struct md_model *m, const struct retrieval *r, int32_t item) {
    uint64_t *n = m->stats.count;
    bool hit = item != MD_NIL;
    if (hit) {
        struct md_class_count *of = &m->count[m->items[item].class];
        of->get_hits += !r->touch;
        of->touch_hits += r->touch;
        of->gat_hits += r->touch;
    }
    if (r->touch) {
        n[MD_STAT_cmd_touch]++;
        n[hit ? MD_STAT_touch_hits : MD_STAT_touch_misses]++;
        *(hit ? &m->stats.gat_hits : &m->stats.gat_misses) += 1;
    } else {
        n[MD_STAT_cmd_get]++;
        n[hit ? MD_STAT_get_hits : MD_STAT_get_misses]++;
    }
}

/* Looks one key up and answers it; returns the rule that says how. */
static enum md_rule retrieve(struct md_feed *f, struct md_token key, const struct retrieval *r) {
    struct md_model *m = f->m;
    md_note_key(f, key);
    int32_t rec = md_record_get(m, key.s, key.n);
    if (!r->hidden)
        md_look(f, rec, NULL);
    else if (m->options.segmented && m->records[rec].item != MD_NIL)
        md_segmented_unseen(m, m->records[rec].item);
    int32_t item = md_item_get(m, rec, true);
    count_hit(m, r, item);
    f->c->command.flags |= item != MD_NIL ? MD_COMMAND_HIT : MD_COMMAND_MISS;
    if (item == MD_NIL) {
        enum md_rule why = md_miss_rule(m, rec);
        md_explain_miss(f, &m->records[rec], why);
        return why;
    }
    if (r->touch)
        md_set_exptime(m, item, r->exptime);
    say_value(f, item, r->cas);
    if (!m->profile->retrieval_sends)
        md_hold_item(m, f->c, item);
    if (r->touch)
        return r->cas ? MD_RULE_GETS_GAT_HIT : MD_RULE_GAT_HIT;
    return r->cas ? MD_RULE_GETS_HIT : MD_RULE_GET_HIT;
}

static bool has_bad_key(struct md_tokens w, size_t first) {
    for (size_t i = first; w.n > 0; md_tokens_next(&w), i = 0)
        for (; i < w.n; i++)
            if (w.word[i].n > MD_KEY_MAX)
                return true;
    return false;
}

/* A key that is too long: everything said so far for this command is taken back. */
static void retrieval_bad_key(struct md_feed *f, const struct retrieval *r, bool partial,
                              bool touched) {
    struct md_model *m = f->m;
    struct md_command *k = &f->c->command;
    if (touched)
        md_quirk_applies(m, MD_QUIRK_GAT_REFUSED_TOUCHES);
    f->out->bytes.len = k->reply_offset;
    f->out->n_marks = k->mark_first;
    k->flags &= (uint8_t) ~(MD_COMMAND_HIT | MD_COMMAND_MISS);
    k->refs = 0;
    if (partial)
        md_chosen(m, MD_CHOICE_GET_PARTIAL);
    if (md_feed_unsent(f) && md_quirk_applies(m, MD_QUIRK_LOST_REPLIES)) {
        md_feed_lose(f);
        k->reply_offset = (uint32_t)f->out->bytes.len;
        k->mark_first = (uint32_t)f->out->n_marks;
    }
    if (!md_feed_unsent(f))
        md_hold_release(m, f->c);
    bool more = md_quirk_applies(m, MD_QUIRK_GET_ERROR_EXTRA_LINE);
    if (more && r->noreply && !partial) {
        md_refuse(f, MD_RULE_KEY_LENGTH, "");
        return;
    }
    md_refuse(f, MD_RULE_KEY_LENGTH, MD_BAD_FORMAT);
    if (more)
        md_buf_append(&f->out->bytes, "\r\n", 2);
}

static void retrieval(struct md_feed *f, struct md_tokens *w, struct retrieval *r) {
    struct md_model *m = f->m;
    size_t i = 1, keys = 0;
    if (r->touch) {
        int64_t exptime;
        if (w->n == 2 && !m->quirk[MD_QUIRK_GAT_NO_KEY]) {
            md_refuse(f, MD_RULE_TOKENS, m->profile->too_few_words);
            return;
        }
        if (!md_word_exptime(f, w->word[1], &exptime)) {
            md_refuse(f, MD_RULE_EXPTIME_BAD, MD_BAD_EXPTIME);
            return;
        }
        r->exptime = md_relative_time(m, exptime);
        i = 2;
        if (w->n == 2)
            md_quirk_applies(m, MD_QUIRK_GAT_NO_KEY);
        /* A rejected command leaves nothing behind. */
        if (!m->quirk[MD_QUIRK_GAT_REFUSED_TOUCHES] && has_bad_key(*w, i)) {
            retrieval_bad_key(f, r, false, false);
            return;
        }
    }
    r->hidden = m->options.segmented && has_bad_key(*w, i);
    enum md_rule rule = MD_RULE_GET_MULTI;
    for (; w->n > 0; md_tokens_next(w), i = 0) {
        for (; i < w->n; i++, keys++) {
            if (w->word[i].n > MD_KEY_MAX) {
                retrieval_bad_key(f, r, keys > 0,
                                  r->touch && (f->c->command.flags & MD_COMMAND_HIT));
                return;
            }
            enum md_rule one = retrieve(f, w->word[i], r);
            if (keys > 0 && one != rule) {
                m->fired.rule[one]++;
                one = MD_RULE_GET_MULTI;
            }
            rule = one;
        }
    }
    /* An item may be held some 60000 times; then it is not found any more. */
    if (keys > HELD_MAX)
        m->lost = true;
    md_rule_is(m, rule);
    if (keys > 1 && rule != MD_RULE_GET_MULTI)
        m->fired.rule[MD_RULE_GET_MULTI]++;
    md_buf_append(&f->out->bytes, "END\r\n", 5);
}

void md_text_get(struct md_feed *f, struct md_tokens *w, bool cas, bool touch) {
    if (w->n < 2) {
        md_refuse(f, MD_RULE_TOKENS, f->m->profile->too_few_words);
        return;
    }
    struct retrieval r = {.cas = cas, .touch = touch};
    r.noreply = !touch && md_token_is(w->word[w->n - 1], "noreply");
    retrieval(f, w, &r);
}
