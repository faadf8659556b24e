/* delete, incr, decr, touch: commands that change an item without a data block. */
#include "model/text_internal.h"

static bool key_fits(struct md_feed *f, const struct md_tokens *w) {
    if (w->word[1].n <= MD_KEY_MAX)
        return true;
    md_refuse(f, MD_RULE_KEY_LENGTH, MD_BAD_FORMAT);
    return false;
}

/* The words of <command> <key> <number> [noreply]; false: refused. */
static bool key_and_number(struct md_feed *f, const struct md_tokens *w) {
    if (!md_count_is(f, w, 3, 4))
        return false;
    md_note_noreply(f, w);
    md_note_surplus(f, w, 4);
    return key_fits(f, w);
}

/* delete <key> [0] [noreply]: the 0 is a leftover of a delay that once was. */
void md_text_delete(struct md_feed *f, const struct md_tokens *w) {
    struct md_model *m = f->m;
    if (!md_count_is(f, w, 2, 4))
        return;
    if (m->profile->surplus_words) {
        md_note_noreply(f, w);
        if (w->n == 2 && f->c->noreply)
            f->c->noreply = md_quirk_applies(m, MD_QUIRK_DELETE_KEY_NOREPLY);
    } else if (w->n > 2) {
        bool zero = md_token_is(w->word[2], "0");
        md_note_noreply(f, w);
        if (w->n == 3 ? !zero && !f->c->noreply : !zero || !f->c->noreply) {
            md_refuse(f, MD_RULE_DELETE_FORM,
                      "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]");
            return;
        }
        m->fired.rule[MD_RULE_DELETE_FORM]++;
    }
    if (!key_fits(f, w))
        return;
    md_note_key(f, w->word[1]);
    int32_t rec = md_record_get(m, w->word[1].s, w->word[1].n);
    md_look(f, rec, "NOT_FOUND");
    int32_t item = md_item_get(m, rec, false);
    m->stats.count[item == MD_NIL ? MD_STAT_delete_misses : MD_STAT_delete_hits]++;
    if (item == MD_NIL) {
        md_explain_miss(f, &m->records[rec], md_miss_rule(m, rec));
        md_refuse(f, MD_RULE_DELETE_MISS, "NOT_FOUND");
        return;
    }
    m->count[m->items[item].class].delete_hits++;
    md_item_unlink(m, item, MD_RULE_MISS_DELETED);
    md_refuse(f, MD_RULE_DELETED, "DELETED");
}

/* With the segmented LRU a counter that has to grow may find no memory: the reply tells. */
static bool observed_no_memory_delta(struct md_feed *f, int32_t rec, bool incr) {
    static const char text[] = "SERVER_ERROR out of memory";
    struct md_model *m = f->m;
    if (!m->options.segmented || m->records[rec].item == MD_NIL)
        return false;
    m->lost |= f->c->noreply;
    if (!md_segmented_short(m) || !md_segmented_says(m, f->out->bytes.len, text, sizeof text - 1))
        return false;
    struct md_class_count *n = &m->count[m->items[m->records[rec].item].class];
    m->stats.count[incr ? MD_STAT_incr_hits : MD_STAT_decr_hits]++;
    m->stats.failed_delta_hits[incr]++;
    n->delta_hits[incr]++;
    n->failed_delta_hits[incr]++;
    md_segmented_taken_somewhere(m);
    md_refuse(f, MD_RULE_NO_MEMORY_DELTA, text);
    return true;
}

static void say_delta(struct md_feed *f, const struct md_tokens *w, bool incr, uint64_t delta) {
    struct md_model *m = f->m;
    uint64_t value = 0;
    bool border = false;
    int32_t rec = md_record_get(m, w->word[1].s, w->word[1].n);
    md_look(f, rec, "NOT_FOUND");
    if (observed_no_memory_delta(f, rec, incr))
        return;
    enum md_result result = md_delta(
        m, rec, incr, delta, f->c->noreply ? MD_TOLD_NOTHING : MD_TOLD_VALUE, &value, &border);
    if (result == MD_NON_NUMERIC) {
        md_refuse(f, MD_RULE_DELTA_NON_NUMERIC,
                  "CLIENT_ERROR cannot increment or decrement non-numeric value");
        return;
    }
    if (result == MD_NO_MEMORY) {
        md_refuse(f, MD_RULE_NO_MEMORY_DELTA, "SERVER_ERROR out of memory");
        return;
    }
    if (result == MD_NOT_FOUND) {
        m->stats.count[incr ? MD_STAT_incr_misses : MD_STAT_decr_misses]++;
        md_explain_miss(f, &m->records[rec], md_miss_rule(m, rec));
        md_refuse(f, MD_RULE_DELTA_MISS, "NOT_FOUND");
        return;
    }
    char text[24];
    struct md_buf digits = {.data = (uint8_t *)text, .cap = sizeof text};
    md_buf_u64(&digits, value);
    md_rule_is(m, incr ? (border ? MD_RULE_INCR_WRAP : MD_RULE_INCR)
                       : (border ? MD_RULE_DECR_FLOOR : MD_RULE_DECR));
    md_say_bytes(f, text, digits.len);
}

void md_text_delta(struct md_feed *f, const struct md_tokens *w, bool incr) {
    if (!key_and_number(f, w))
        return;
    uint64_t delta;
    if (!md_word_unsigned(f, w->word[2], UINT64_MAX, &delta)) {
        md_refuse(f, MD_RULE_DELTA_BAD, "CLIENT_ERROR invalid numeric delta argument");
        return;
    }
    md_note_key(f, w->word[1]);
    say_delta(f, w, incr, delta);
}

void md_text_touch(struct md_feed *f, const struct md_tokens *w) {
    struct md_model *m = f->m;
    if (!key_and_number(f, w))
        return;
    int64_t exptime;
    if (!md_word_exptime(f, w->word[2], &exptime)) {
        md_refuse(f, MD_RULE_EXPTIME_BAD, MD_BAD_EXPTIME);
        return;
    }
    md_note_key(f, w->word[1]);
    int32_t rec = md_record_get(m, w->word[1].s, w->word[1].n);
    md_look(f, rec, "NOT_FOUND");
    int32_t item = md_item_get(m, rec, true);
    m->stats.count[MD_STAT_cmd_touch]++;
    m->stats.count[item == MD_NIL ? MD_STAT_touch_misses : MD_STAT_touch_hits]++;
    if (item == MD_NIL) {
        md_explain_miss(f, &m->records[rec], md_miss_rule(m, rec));
        md_refuse(f, MD_RULE_TOUCH_MISS, "NOT_FOUND");
        return;
    }
    m->count[m->items[item].class].touch_hits++;
    md_set_exptime(m, item, md_relative_time(m, exptime));
    md_refuse(f, MD_RULE_TOUCHED, "TOUCHED");
}
