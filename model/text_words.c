/* The words of a command line, the numbers in them, and one-line answers; see text_internal.h. */
#include "model/text_internal.h"

void md_tokens_next(struct md_tokens *w) {
    const uint8_t *p = w->rest;
    w->n = 0;
    while (w->n < MD_TOKENS_MAX - 1) {
        while (p < w->end && *p == ' ')
            p++;
        if (p == w->end)
            break;
        const uint8_t *start = p;
        while (p < w->end && *p != ' ')
            p++;
        w->word[w->n++] = (struct md_token){start, (size_t)(p - start)};
    }
    w->rest = p;
}

bool md_token_is(struct md_token t, const char *text) {
    size_t n = strlen(text);
    return t.n == n && memcmp(t.s, text, n) == 0;
}

void md_say_bytes(struct md_feed *f, const char *text, size_t n) {
    struct md_command *k = &f->c->command;
    bool error = n > 4 && (memcmp(text, "ERROR", 5) == 0 || (n > 12 && text[6] == '_'));
    if (error)
        k->flags |= MD_COMMAND_ERROR;
    if (f->c->noreply) {
        k->flags |= MD_COMMAND_SILENT;
        f->m->fired.rule[MD_RULE_NOREPLY]++;
        if (error)
            md_chosen(f->m, MD_CHOICE_NOREPLY_ERROR);
        return;
    }
    md_buf_append(&f->out->bytes, text, n);
    md_buf_append(&f->out->bytes, "\r\n", 2);
}

void md_say(struct md_feed *f, const char *text) { md_say_bytes(f, text, strlen(text)); }

void md_refuse(struct md_feed *f, enum md_rule rule, const char *text) {
    md_rule_is(f->m, rule);
    md_say(f, text);
}

void md_say_cas(struct md_feed *f, int32_t record, uint64_t cas) {
    struct md_model *m = f->m;
    struct md_reply *out = f->out;
    size_t at = out->bytes.len;
    md_buf_u64(&out->bytes, cas);
    out->marks = md_grow(out->marks, &out->cap_marks, out->n_marks + 1, sizeof *out->marks);
    out->marks[out->n_marks++] = (struct md_mark){.offset = (uint32_t)at,
                                                  .len = (uint32_t)(out->bytes.len - at),
                                                  .relative = cas - m->base.cas};
    m->records[record].cas_seen = cas;
    if (!m->options.cas)
        m->fired.rule[MD_RULE_CAS_OFF]++;
}

void md_note_noreply(struct md_feed *f, const struct md_tokens *w) {
    f->c->noreply = w->n > 0 && md_token_is(w->word[w->n - 1], "noreply");
}

void md_note_surplus(struct md_feed *f, const struct md_tokens *w, size_t max) {
    if (w->n >= max && !f->c->noreply)
        md_chosen(f->m, MD_CHOICE_SURPLUS);
}

bool md_count_is(struct md_feed *f, const struct md_tokens *w, size_t min, size_t max) {
    if (w->n >= min && (w->n <= max || f->m->profile->surplus_words))
        return true;
    md_refuse(f, MD_RULE_TOKENS, f->m->profile->too_few_words);
    return false;
}

void md_look(struct md_feed *f, int32_t record, const char *missing) {
    struct md_model *m = f->m;
    if (!m->options.segmented || m->records[record].item == MD_NIL)
        return;
    if (f->c->noreply)
        md_segmented_unseen(m, m->records[record].item);
    else
        md_segmented_look(m, m->records[record].item, f->out->bytes.len, missing);
}

bool md_lenient(struct md_feed *f, const struct md_number *n) {
    if (n->minus && f->m->profile->minus_anywhere)
        return false;
    return n->proper || md_quirk_applies(f->m, MD_QUIRK_NUMBER_LENIENT);
}

/* Expiration times are "a 32-bit value". */
bool md_exptime_value(struct md_feed *f, struct md_number n, int64_t *out) {
    int64_t v = (int64_t)n.value;
    if (!md_lenient(f, &n))
        return false;
    if (v > UINT32_MAX || v < INT32_MIN) {
        if (!md_quirk_applies(f->m, MD_QUIRK_EXPTIME_CUT))
            return false;
        v = (int32_t)v;
    } else if (v > INT32_MAX && md_quirk_applies(f->m, MD_QUIRK_EXPTIME_2038)) {
        v = (int32_t)v;
    }
    *out = v;
    return true;
}

bool md_flags_value(struct md_feed *f, struct md_number n, uint32_t *out) {
    if (!md_lenient(f, &n))
        return false;
    if (n.value > UINT32_MAX && !md_quirk_applies(f->m, MD_QUIRK_FLAGS_CUT))
        return false;
    *out = (uint32_t)n.value;
    return true;
}

bool md_bytes_value(struct md_feed *f, struct md_number n, uint32_t *out) {
    int64_t v = (int64_t)n.value;
    int32_t cut = (int32_t)v;
    if (cut < 0 || cut > INT32_MAX - 2) {
        md_rule_is(f->m, MD_RULE_LENGTH_BAD);
        return false;
    }
    if (!md_lenient(f, &n))
        return false;
    if (cut != v && !md_quirk_applies(f->m, MD_QUIRK_BYTES_CUT))
        return false;
    *out = (uint32_t)cut;
    return true;
}

void md_note_key(struct md_feed *f, struct md_token key) {
    for (size_t i = 0; i < key.n; i++)
        if (key.s[i] < 0x21 || key.s[i] == 0x7f) {
            md_chosen(f->m, MD_CHOICE_KEY_CONTROL);
            return;
        }
}

void md_explain_miss(struct md_feed *f, const struct md_record *rec, enum md_rule rule) {
    struct md_model *m = f->m;
    if (!m->explain)
        return;
    if (rule == MD_RULE_MISS_EXPIRED)
        md_because(m, "miss: expired at t=%u, set by %s at t=%u", rec->exptime,
                   md_command_name_text((enum md_command_name)rec->exptime_by), rec->exptime_set);
    else if (rule == MD_RULE_MISS_FLUSHED)
        md_because(m, "miss: flushed");
    else if (rule == MD_RULE_MISS_DELETED || rule == MD_RULE_MISS_REMOVED)
        md_because(m, "miss: %s at t=%u",
                   rule == MD_RULE_MISS_DELETED ? "deleted" : "removed by a set that was refused",
                   rec->gone_at);
    else if (rule == MD_RULE_MISS_EVICTED)
        md_because(m, "miss: evicted at t=%u, as the least recently used of its class",
                   rec->gone_at);
    else if (rule == MD_RULE_MISS_RESTARTED)
        md_because(m, "miss: the node was restarted at t=%u", rec->gone_at);
    else
        md_because(m, "miss: never stored in this trace");
}

void md_set_exptime(struct md_model *m, int32_t item, uint32_t exptime) {
    struct md_item *it = &m->items[item];
    it->exptime = exptime;
    it->exptime_set = m->now;
    it->exptime_by = m->command->name;
}
