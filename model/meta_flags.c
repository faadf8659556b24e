/* The key and the flags of a meta command; see meta_internal.h. */
#include "model/meta_internal.h"

#include "model/base64.h"

#define BAD_TOKEN "CLIENT_ERROR bad token in command line format"

static void refuse(struct md_feed *f, struct md_meta *k, enum md_rule rule, const char *text) {
    md_rule_is(f->m, rule);
    k->error = text;
}

/* What follows a flag's letter. */
static struct md_token argument(struct md_token t) { return (struct md_token){t.s + 1, t.n - 1}; }

static struct md_number unsigned_of(struct md_token t) {
    struct md_token a = argument(t);
    return md_number_unsigned(a.s, a.n);
}

static struct md_number signed_of(struct md_token t) {
    struct md_token a = argument(t);
    return md_number_signed(a.s, a.n);
}

/* What a version takes for a number; the values are read when all flags have been looked at. */
static void look_at_number(struct md_feed *f, struct md_meta *k, struct md_token t, bool time,
                           const char *text) {
    uint64_t n;
    int64_t seconds;
    bool taken = time ? signed_of(t).taken : unsigned_of(t).taken;
    if (f->m->profile->strict_numbers) {
        uint64_t most = t.s[0] == 'F' ? UINT32_MAX : UINT64_MAX;
        taken = t.n > 1 && (time ? md_word_exptime(f, argument(t), &seconds)
                                 : md_word_unsigned(f, argument(t), most, &n));
    }
    if (!taken)
        refuse(f, k, MD_RULE_META_TOKEN_BAD, text);
}

static void look_at_key(struct md_feed *f, struct md_meta *k) {
    struct md_token key = k->w->word[1];
    bool proper;
    k->nkey = md_base64_decode(key.s, key.n, k->key, &proper);
    k->binary = true;
    if (k->nkey == 0)
        refuse(f, k, MD_RULE_META_KEY_BAD, "CLIENT_ERROR error decoding key");
}

/* One flag, as far as every version refuses the same. Of several errors the last is told. */
static void look_at(struct md_feed *f, struct md_meta *k, struct md_token t) {
    switch (t.s[0]) {
    case 'b': look_at_key(f, k); break;
    case 'N':
    case 'T':
    case 'R': look_at_number(f, k, t, true, BAD_TOKEN); break;
    case 'F': look_at_number(f, k, t, false, k->error ? k->error : MD_BAD_FORMAT); break;
    case 'C':
    case 'E': look_at_number(f, k, t, false, BAD_TOKEN); break;
    case 'J': look_at_number(f, k, t, false, "CLIENT_ERROR invalid numeric initial value"); break;
    case 'D': look_at_number(f, k, t, false, "CLIENT_ERROR invalid numeric delta value"); break;
    case 'M':
        if (f->m->profile->meta_mode_cut)
            k->mode = t.n > 1 ? (char)t.s[1] : ' ';
        else if (t.n != 2)
            refuse(f, k, MD_RULE_META_TOKEN_BAD, "CLIENT_ERROR incorrect length for M token");
        else
            k->mode = (char)t.s[1];
        break;
    default: break;
    }
}

/* The letters, each once, and all known. */
static bool letters(struct md_feed *f, struct md_meta *k) {
    for (size_t i = k->first; i < k->w->n; i++) {
        struct md_token t = k->w->word[i];
        uint8_t flag = t.s[0];
        if (flag >= MD_META_FLAGS || k->at[flag]) {
            refuse(f, k, MD_RULE_META_FLAG_TWICE, "CLIENT_ERROR duplicate flag");
            return false;
        }
        k->at[flag] = (uint8_t)i;
        if (!strchr(f->m->profile->meta_flags, flag)) {
            refuse(f, k, MD_RULE_META_FLAG_UNKNOWN, "CLIENT_ERROR invalid flag");
            return false;
        }
        look_at(f, k, t);
    }
    return k->error == NULL;
}

static bool time_of(struct md_feed *f, const struct md_meta *k, char flag, int64_t *seconds) {
    return !md_meta_has(k, flag) || md_word_exptime(f, argument(md_meta_word(k, flag)), seconds);
}

static bool number_of(struct md_feed *f, const struct md_meta *k, char flag, uint64_t *n) {
    if (!md_meta_has(k, flag))
        return true;
    return md_word_unsigned(f, argument(md_meta_word(k, flag)), UINT64_MAX, n);
}

/* The same flags by the book: what only a version takes is refused, unless it is a quirk. */
static bool values(struct md_feed *f, struct md_meta *k) {
    int64_t exptime = 0, vivify = 0;
    bool proper = true;
    if (md_meta_has(k, 'b'))
        md_base64_decode(k->w->word[1].s, k->w->word[1].n, k->key, &proper);
    if (!proper && !md_quirk_applies(f->m, MD_QUIRK_BASE64_LENIENT)) {
        refuse(f, k, MD_RULE_META_KEY_BAD, "CLIENT_ERROR error decoding key");
        return false;
    }
    refuse(f, k, MD_RULE_META_TOKEN_BAD, BAD_TOKEN);
    if (!time_of(f, k, 'T', &exptime) || !time_of(f, k, 'N', &vivify) ||
        !time_of(f, k, 'R', &k->recache) || !number_of(f, k, 'C', &k->cas) ||
        !number_of(f, k, 'E', &k->new_cas) || !number_of(f, k, 'D', &k->delta) ||
        !number_of(f, k, 'J', &k->initial))
        return false;
    uint64_t flags = 0;
    bool flags_taken = true;
    if (md_meta_has(k, 'F') && f->m->profile->strict_numbers) {
        flags_taken = md_word_unsigned(f, argument(md_meta_word(k, 'F')), UINT32_MAX, &flags);
        k->flags = (uint32_t)flags;
    } else if (md_meta_has(k, 'F')) {
        flags_taken = md_flags_value(f, unsigned_of(md_meta_word(k, 'F')), &k->flags);
    }
    if (!flags_taken) {
        k->error = MD_BAD_FORMAT;
        return false;
    }
    k->exptime = md_relative_time(f->m, exptime);
    k->vivify = md_relative_time(f->m, vivify);
    k->error = NULL;
    md_rule_is(f->m, MD_RULE_NONE);
    return true;
}

bool md_meta_flags(struct md_feed *f, const struct md_tokens *w, size_t first, struct md_meta *k) {
    *k = (struct md_meta){.w = w, .first = first, .delta = 1, .nkey = w->word[1].n};
    memcpy(k->key, w->word[1].s, k->nkey);
    if (!letters(f, k) || !values(f, k))
        return false;
    if (k->binary)
        f->m->fired.rule[MD_RULE_META_KEY_BASE64]++;
    else
        md_note_key(f, w->word[1]);
    if (md_meta_has(k, 'O')) {
        size_t n = md_meta_word(k, 'O').n - 1;
        k->opaque_long = n > MD_META_OPAQUE_MAX ||
                         (n == MD_META_OPAQUE_MAX && md_quirk_applies(f->m, MD_QUIRK_OPAQUE_SHORT));
    }
    f->m->literal_cas |= k->cas && k->cas <= f->m->base.cas;
    return true;
}

void md_meta_foreign(struct md_feed *f, const struct md_meta *k, const char *known) {
    for (size_t i = k->first; i < k->w->n; i++)
        if (!strchr(known, k->w->word[i].s[0])) {
            md_chosen(f->m, MD_CHOICE_META_FOREIGN_FLAG);
            return;
        }
}
