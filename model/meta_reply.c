/* Codes and return flags of the meta commands; see meta_internal.h. */
#include "model/meta_internal.h"

#include "model/base64.h"

void md_meta_unsay(struct md_feed *f) {
    f->out->bytes.len = f->c->command.reply_offset;
    f->out->n_marks = f->c->command.mark_first;
}

static void letter(struct md_feed *f, char flag) {
    md_buf_byte(&f->out->bytes, ' ');
    md_buf_byte(&f->out->bytes, (uint8_t)flag);
}

void md_meta_say_number(struct md_feed *f, char flag, uint64_t n) {
    letter(f, flag);
    md_buf_u64(&f->out->bytes, n);
}

void md_meta_say_cas(struct md_feed *f, int32_t record, uint64_t cas) {
    letter(f, 'c');
    md_say_cas(f, record, cas);
}

void md_meta_say_ttl(struct md_feed *f, uint32_t exptime) {
    struct md_model *m = f->m;
    letter(f, 't');
    if (exptime == 0)
        md_buf_str(&f->out->bytes, "-1");
    else if (exptime >= m->now)
        md_buf_u64(&f->out->bytes, exptime - m->now);
    else /* it was just made to expire in the past */
        md_buf_u64(&f->out->bytes, md_quirk_applies(m, MD_QUIRK_TTL_WRAPS) ? exptime - m->now : 0);
}

void md_meta_say_opaque(struct md_feed *f, struct md_token opaque) {
    md_buf_byte(&f->out->bytes, ' ');
    md_buf_append(&f->out->bytes, opaque.s, opaque.n);
    f->m->fired.rule[MD_RULE_META_OPAQUE]++;
}

void md_meta_say_key(struct md_feed *f, const uint8_t *key, size_t nkey, bool binary) {
    letter(f, 'k');
    if (!binary) {
        md_buf_append(&f->out->bytes, key, nkey);
        return;
    }
    md_base64_encode(&f->out->bytes, key, nkey);
    letter(f, 'b');
}

void md_meta_say_item_key(struct md_feed *f, int32_t item) {
    const struct md_item *it = &f->m->items[item];
    const struct md_record *rec = &f->m->records[it->record];
    bool raw = it->key_forgotten && md_quirk_applies(f->m, MD_QUIRK_KEY_RAW);
    md_meta_say_key(f, rec->key, rec->nkey, it->binary_key && !raw);
}

void md_meta_say_request(struct md_feed *f, const struct md_meta *k) {
    for (size_t i = k->first; i < k->w->n; i++)
        if (k->w->word[i].s[0] == 'O')
            md_meta_say_opaque(f, k->w->word[i]);
        else if (k->w->word[i].s[0] == 'k')
            md_meta_say_key(f, k->key, k->nkey, k->binary);
}

void md_meta_hush(struct md_feed *f) {
    md_meta_unsay(f);
    f->c->command.flags |= MD_COMMAND_SILENT;
    f->m->fired.rule[MD_RULE_META_QUIET]++;
}

void md_meta_shows_value(struct md_feed *f, int32_t item) {
    const struct md_item *it = &f->m->items[item];
    if (it->open_choice)
        md_stands_on(f->m, it->padded_by, MD_CHOICE_PADDING);
}
