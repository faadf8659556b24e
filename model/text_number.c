/*
 * Numbers in commands, as a version takes them: with the C library's functions, which take more than the
 * protocol document calls a number, or (profile field strict_numbers) with a reader of its own.
 */
#include "model/text_internal.h"

enum { DIGITS_32 = 11, DIGITS_64 = 22 }; /* bytes, with the sign, that the strict reader looks at */

/* All digits, within 64 bits. */
static bool plain(struct md_token t, uint64_t *out) {
    struct md_number n = md_number_unsigned(t.s, t.n);
    *out = n.value;
    return n.taken && n.proper;
}

static bool not_too_long(struct md_feed *f, size_t n, size_t limit) {
    return n <= limit || !md_quirk_applies(f->m, MD_QUIRK_NUMBER_LONG);
}

static bool strict_unsigned(struct md_feed *f, struct md_token t, uint64_t most, uint64_t *out) {
    return plain(t, out) && *out <= most &&
           not_too_long(f, t.n, most > UINT32_MAX ? DIGITS_64 : DIGITS_32);
}

/* false also for what is over 31 bits; *over: it is, and is a 32-bit value all the same. */
static bool strict_signed(struct md_feed *f, struct md_token t, int64_t *out, bool *over) {
    bool negative = t.n > 0 && t.s[0] == '-';
    uint64_t magnitude = 0;
    *over = false;
    if (negative && t.n == 1) {
        *out = 0;
        return md_quirk_applies(f->m, MD_QUIRK_NUMBER_MINUS);
    }
    if (!plain((struct md_token){t.s + negative, t.n - negative}, &magnitude) ||
        !not_too_long(f, t.n, DIGITS_32))
        return false;
    *out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    *over = !negative && magnitude > INT32_MAX && magnitude <= UINT32_MAX;
    return magnitude <= (uint64_t)INT32_MAX + negative;
}

bool md_word_unsigned(struct md_feed *f, struct md_token t, uint64_t most, uint64_t *out) {
    if (f->m->profile->strict_numbers)
        return strict_unsigned(f, t, most, out);
    struct md_number n = md_number_unsigned(t.s, t.n);
    *out = n.value & most;
    return n.taken && md_lenient(f, &n);
}

bool md_word_exptime(struct md_feed *f, struct md_token t, int64_t *out) {
    if (f->m->profile->strict_numbers) {
        bool over;
        return strict_signed(f, t, out, &over) ||
               (over && !md_quirk_applies(f->m, MD_QUIRK_EXPTIME_REFUSED));
    }
    struct md_number n = md_number_signed(t.s, t.n);
    return n.taken && md_exptime_value(f, n, out);
}

bool md_word_length(struct md_feed *f, struct md_token t, uint32_t *out) {
    int64_t v;
    bool over;
    if (!f->m->profile->strict_numbers) {
        struct md_number n = md_number_signed(t.s, t.n);
        return n.taken && md_bytes_value(f, n, out);
    }
    if (!strict_signed(f, t, &v, &over))
        return false;
    if (v < 0 || v > INT32_MAX - 2) {
        md_rule_is(f->m, MD_RULE_LENGTH_BAD);
        return false;
    }
    *out = (uint32_t)v;
    return true;
}
