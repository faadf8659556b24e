/* Which meta command a line is, and me; see meta.h. */
#include "model/meta_internal.h"

#include "model/base64.h"

#include <inttypes.h>

#define MA_ERROR "CLIENT_ERROR invalid or duplicate flag" /* to all that is wrong with its flags */

const char *md_meta_bad_shape(struct md_feed *f, const struct md_tokens *w,
                              enum md_command_name name) {
    bool late = f->m->profile->md_names_error; /* with the flags, and told as their errors are */
    if (w->word[1].n > MD_KEY_MAX) {
        md_rule_is(f->m, MD_RULE_KEY_LENGTH);
        return late && name == MD_CMD_MA ? MA_ERROR : MD_BAD_FORMAT;
    }
    if (w->n <= f->m->profile->meta_words)
        return NULL;
    md_rule_is(f->m, MD_RULE_META_TOO_MANY);
    if (late && name == MD_CMD_MA)
        return MA_ERROR;
    return late || name == MD_CMD_MG ? "CLIENT_ERROR options flags are too long"
                                     : "CLIENT_ERROR options flags too long";
}

/* Whether a word where flags are is none by its first byte, and the version stops there. */
static bool odd_flag(const struct md_feed *f, const struct md_tokens *w, size_t first) {
    for (size_t i = first; i < w->n && f->m->profile->odd_flag_bad; i++) {
        uint8_t flag = w->word[i].s[0];
        if ((flag <= '@' || flag > 'z') && (flag < '0' || flag > '9'))
            return true;
    }
    return false;
}

/* Refuses what is no meta command at all, before its flags are read. */
static bool bad_line(struct md_feed *f, const struct md_tokens *w, enum md_command_name name) {
    bool later = name == MD_CMD_MS && f->m->profile->refused_store_swallows;
    const char *error;
    if (w->n < 2)
        md_refuse(f, MD_RULE_TOKENS, f->m->profile->too_few_words);
    else if (later && w->n == 2)
        md_refuse(f, MD_RULE_TOKENS, MD_BAD_FORMAT);
    else if (later)
        return false;
    else if (w->word[1].n <= MD_KEY_MAX && name == MD_CMD_MS && w->n == 2)
        md_refuse(f, MD_RULE_TOKENS, MD_BAD_FORMAT);
    else if ((error = md_meta_bad_shape(f, w, name)) != NULL)
        md_say(f, error);
    else
        return false;
    return true;
}

/* ---- me: protocol.txt "Meta Debug" ---------------------------------------------------------- */

/* Seconds to live, as the version tells them; -1: forever. */
static int64_t debug_exptime(struct md_model *m, const struct md_item *it) {
    int64_t left = (int64_t)it->exptime - m->now;
    if (it->exptime == 0)
        return -1;
    /* In 32 bits: times far off (of binary requests) go round. */
    return left && md_quirk_applies(m, MD_QUIRK_ME_EXP_SIGN) ? (int32_t)(0 - (uint32_t)left) : left;
}

static void say_debug(struct md_feed *f, int32_t record, int32_t item) {
    struct md_model *m = f->m;
    struct md_buf *b = &f->out->bytes;
    const struct md_item *it = &m->items[item];
    const struct md_record *rec = &m->records[record];
    md_rule_is(m, MD_RULE_META_DEBUG);
    f->c->command.flags |= MD_COMMAND_HIT;
    md_buf_str(b, "ME ");
    bool raw = it->key_forgotten && md_quirk_applies(m, MD_QUIRK_KEY_RAW);
    if (it->binary_key && !raw)
        md_base64_encode(b, rec->key, rec->nkey);
    else
        md_buf_append(b, rec->key, rec->nkey);
    md_buf_printf(b, " exp=%" PRId64 " la=%u cas=", debug_exptime(m, it), md_meta_idle(f, item));
    md_say_cas(f, record, it->cas);
    md_buf_printf(b, " fetch=%s cls=%u size=%u\r\n", it->fetched ? "yes" : "no", it->class,
                  it->total);
    md_meta_shows_value(f, item);
}

static void debug(struct md_feed *f, const struct md_tokens *w) {
    struct md_model *m = f->m;
    uint8_t key[MD_KEY_MAX];
    if (w->n < 2 || w->word[1].n > MD_KEY_MAX) {
        md_refuse(f, w->n < 2 ? MD_RULE_TOKENS : MD_RULE_KEY_LENGTH, MD_BAD_FORMAT);
        return;
    }
    struct md_token name = w->word[1];
    bool base64 = w->n >= 3 && md_token_is(w->word[2], "b");
    if (base64 && w->n == 3 && md_quirk_applies(m, MD_QUIRK_ME_B_ALONE))
        base64 = false;
    if (base64) {
        bool proper;
        size_t n = md_base64_decode(name.s, name.n, key, &proper);
        if (n == 0 || (!proper && !md_quirk_applies(m, MD_QUIRK_BASE64_LENIENT))) {
            md_refuse(f, MD_RULE_META_KEY_BAD, MD_BAD_FORMAT);
            return;
        }
        name = (struct md_token){key, n};
        m->fired.rule[MD_RULE_META_KEY_BASE64]++;
    } else if (w->n >= 3) {
        md_chosen(m, MD_CHOICE_META_FOREIGN_FLAG);
    }
    m->stats.count[MD_STAT_cmd_meta]++;
    md_chosen(m, MD_CHOICE_META_COUNT);
    int32_t record = md_record_get(m, name.s, name.n);
    md_look(f, record, "EN");
    int32_t item = md_item_get(m, record, false);
    if (item != MD_NIL) {
        say_debug(f, record, item);
        return;
    }
    f->c->command.flags |= MD_COMMAND_MISS;
    md_explain_miss(f, &m->records[record], md_miss_rule(m, record));
    md_refuse(f, MD_RULE_META_DEBUG_MISS, "EN");
}

/* ---- all of them ---------------------------------------------------------------------------- */

bool md_meta_line(struct md_feed *f, struct md_tokens *w, enum md_command_name name) {
    struct md_meta k = {0};
    if (odd_flag(f, w, name == MD_CMD_MS ? 3 : 2)) {
        md_refuse(f, MD_RULE_META_FLAG_UNKNOWN, MD_BAD_FORMAT);
        return true;
    }
    if (name == MD_CMD_ME) {
        debug(f, w);
        return true;
    }
    if (bad_line(f, w, name))
        return true;
    if (name == MD_CMD_MS)
        return md_meta_store(f, w, &k);
    if (!md_meta_flags(f, w, 2, &k)) {
        bool named = name == MD_CMD_MG || (name == MD_CMD_MD && f->m->profile->md_names_error);
        md_say(f, named ? k.error : MA_ERROR);
        return true;
    }
    if (name == MD_CMD_MG)
        md_meta_get(f, &k);
    else if (name == MD_CMD_MD)
        md_meta_delete(f, &k);
    else
        md_meta_delta(f, &k);
    return true;
}
