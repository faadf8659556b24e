/* Reading numbers two ways at once; see number.h. */
#include "model/number.h"

#include <string.h>

static bool blank(uint8_t c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/* Blanks, sign, digits; then the end or a blank. Fills everything but `value`'s sign treatment. */
static struct md_number scan(const uint8_t *s, size_t n, bool *overflow) {
    struct md_number r = {0};
    size_t i = 0;
    while (i < n && blank(s[i]))
        i++;
    bool sign = i < n && (s[i] == '-' || s[i] == '+');
    r.negative = sign && s[i] == '-';
    i += sign;
    size_t digits = i;
    *overflow = false;
    for (; i < n && s[i] >= '0' && s[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (r.value > (UINT64_MAX - digit) / 10)
            *overflow = true;
        r.value = r.value * 10 + digit;
    }
    r.used = i;
    r.taken = i > digits && (i == n || s[i] == 0 || blank(s[i]));
    r.proper = r.taken && i == n && digits == (r.negative ? 1u : 0u);
    return r;
}

struct md_number md_number_unsigned(const uint8_t *s, size_t n) {
    bool overflow;
    struct md_number r = scan(s, n, &overflow);
    if (overflow)
        r.taken = r.proper = false;
    if (r.negative) {
        r.proper = false;
        r.value = -r.value; /* the C library wraps */
        r.negative = false;
    }
    /* A minus sign is looked for only in what looks negative as a signed number. */
    if ((int64_t)r.value < 0) {
        const uint8_t *end = memchr(s, 0, n);
        if (memchr(s, '-', r.used))
            r.taken = r.proper = false;
        else
            r.minus = memchr(s, '-', end ? (size_t)(end - s) : n) != NULL;
    }
    return r;
}

struct md_number md_number_signed(const uint8_t *s, size_t n) {
    bool overflow;
    struct md_number r = scan(s, n, &overflow);
    uint64_t limit = (uint64_t)INT64_MAX + (r.negative ? 1 : 0);
    if (overflow || r.value > limit)
        r.taken = r.proper = false;
    if (r.negative)
        r.value = -r.value;
    return r;
}
