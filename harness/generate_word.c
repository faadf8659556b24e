/*
 * The words that commands are made of: keys, numbers, expiration times. Nothing written here holds
 * the letter 'm': what is left of a broken command is read as a command line, and a line must never
 * begin with a meta command by accident.
 */
#include "harness/generate_internal.h"

#include <stdio.h>

uint8_t md_gen_letter(unsigned n) {
    static const char letters[] = "abcdefghijklnopqrstuvwxyz";
    return (uint8_t)letters[n % (sizeof letters - 1)];
}

/* ---- numbers ----------------------------------------------------------------------------- */

size_t md_gen_decimal(uint64_t n, char *text) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    memcpy(text, digits + at, sizeof digits - at);
    text[sizeof digits - at] = 0;
    return sizeof digits - at;
}

static size_t md_copy_word(const char *word, char text[MD_GEN_WORD_MAX]) {
    size_t n = strlen(word);
    memcpy(text, word, n + 1);
    return n;
}

/* Limits of keys, lines, buffers, sizes, times and integers. */
/* clang-format off */
static const char *const md_borders[] = {
    "0", "1", "2", "9", "10", "99", "100", "249", "250", "251", "255", "256", "2047", "2048",
    "2049", "16383", "16384", "16385", "65535", "65536", "524288", "1048516", "1048576",
    "1048577", "2591999", "2592000", "2592001", "999999937", "999999938", "999999939", "999999999", "1000000000", "1000000001",
    "1000000010", "2147483645", "2147483646", "2147483647", "2147483648", "2147483649",
    "4294967294", "4294967295", "4294967296", "4294967297", "4294967298", "9223372036854775806",
    "9223372036854775807", "9223372036854775808", "9223372036854775809", "10000000000000000000",
    "18446744073709551614", "18446744073709551615", "18446744073709551616",
    "99999999999999999999", "100000000000000000000000000000000",
};
/* clang-format on */

/* What number parsers take differently. No blanks: these stand for one token. */
/* clang-format off */
static const char *const md_unusual[] = {
    "-1", "-1", "-1", "-1", "-2", "-0", "-10", "-2147483648", "-2147483649", "-4294967295",
    "-4294967296",
    "-9223372036854775807", "-9223372036854775808", "-9223372036854775809",
    "-18446744073709551615", "+1", "+0", "+18446744073709551615", "--1", "+-1", "00", "01",
    "0000000000000000000000000000000001", "0x10", "1e3", "1.5", "1,0", "1a", "a1", "a", "-", "+",
    "\t1", "1\t", "1\t2", "1\v", "\r1", "1\r", "1\x01", "1\xff", "noreply",
};
/* clang-format on */

size_t md_gen_border(struct md_random *r, char text[MD_GEN_WORD_MAX]) {
    uint64_t n = 1;
    switch (md_pick(r, 4)) {
    case 0: /* a power of two or a neighbour */
        n = (UINT64_C(1) << md_pick(r, 64)) + md_pick(r, 3) - 1;
        return md_gen_decimal(n, text);
    case 1: /* a power of ten or a neighbour: where the number of digits changes */
        for (unsigned i = md_pick(r, 20); i > 0; i--)
            n *= 10;
        return md_gen_decimal(n + md_pick(r, 3) - 1, text);
    default: return md_copy_word(md_borders[md_pick(r, MD_COUNT(md_borders))], text);
    }
}

size_t md_gen_number(struct md_random *r, char text[MD_GEN_WORD_MAX]) {
    if (md_chance(r, 420))
        return md_copy_word(md_unusual[md_pick(r, MD_COUNT(md_unusual))], text);
    return md_gen_border(r, text);
}

/* ---- keys -------------------------------------------------------------------------------- */

static void md_set_key(struct md_gen_key *k, const char *text) {
    k->len = (uint8_t)strlen(text);
    memcpy(k->bytes, text, k->len);
}

static uint8_t md_any_key_byte(struct md_random *r) {
    uint8_t c = (uint8_t)md_random_next(r);
    return c == 0 || c == ' ' || c == '\n' || c == 'm' ? '_' : c;
}

static void md_long_key(struct md_gen *g, struct md_gen_key *k, unsigned len) {
    uint8_t c = md_gen_letter(md_pick(g->r, 25));
    memset(k->bytes, c, len);
    k->bytes[len - 1] = md_gen_letter(md_pick(g->r, 25));
    k->len = (uint8_t)len;
}

static void md_prefix_key(struct md_gen *g, unsigned i, struct md_gen_key *k) {
    const struct md_gen_key *of = &g->keys[i - 1];
    if (of->len >= MD_KEY_MAX)
        return;
    memcpy(k->bytes, of->bytes, of->len);
    k->bytes[of->len] = of->bytes[0];
    k->len = (uint8_t)(of->len + 1);
}

void md_gen_make_key(struct md_gen *g, unsigned i, struct md_gen_key *k) {
    /* Words that mean something elsewhere in the protocol or in a trace's text. */
    /* clang-format off */
    static const char *const words[] = {
        "noreply", "0", "-1", "get", "set", "stats", "reset", "END", "k}", "{len}", "\"", "\\",
        "#", "+", "STORED", "1 2", "VALUE", "a\tb", "\r",
    };
    /* clang-format on */
    struct md_random *r = g->r;
    char text[MD_GEN_WORD_MAX];
    k->bytes[0] = md_gen_letter(i * 7 + md_pick(r, 3));
    k->len = 1;
    k->state = MD_GEN_NEVER;
    k->counter = k->seen = false;
    k->expires = k->cas = 0;
    k->size = 0;
    unsigned dice = md_pick(r, 100);
    if (g->features & MD_GEN_ODD_KEYS && dice < 50) {
        k->len = (uint8_t)(1 + md_pick(r, 6));
        for (unsigned j = 0; j < k->len; j++)
            k->bytes[j] = md_any_key_byte(r);
    } else if (dice >= 95) {
        static const uint8_t lens[] = {250, 250, 250, 249, 248, 128, 127, 100, 64, 40};
        md_long_key(g, k, lens[md_pick(r, MD_COUNT(lens))]);
    } else if (dice >= 92) {
        const char *word = words[md_pick(r, MD_COUNT(words))];
        if (!strchr(word, ' '))
            md_set_key(k, word);
    } else if (dice >= 85 && i > 0) {
        md_prefix_key(g, i, k);
    } else if (dice >= 70) {
        snprintf(text, sizeof text, "key%u", i + md_pick(r, 20));
        md_set_key(k, text);
    }
}

/* ---- expiration times -------------------------------------------------------------------- */

static uint64_t md_put_seconds(struct md_gen *g, int64_t seconds) {
    char text[MD_GEN_WORD_MAX];
    size_t n = 0;
    if (seconds < 0)
        text[n++] = '-';
    n += md_gen_decimal(seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds, text + n);
    md_step_bytes(g->out, text, n);
    if (seconds == 0)
        return 0;
    if (seconds < 0)
        return g->now ? g->now : 1;
    if (seconds <= MD_THIRTY_DAYS)
        return g->now + (uint64_t)seconds;
    if (seconds > INT32_MAX || seconds <= MD_GEN_START)
        return g->now ? g->now : 1;
    return (uint64_t)seconds - MD_GEN_START;
}

static uint64_t md_put_now(struct md_gen *g, int64_t seconds) {
    md_step_part(g->out, MD_PART_NOW)->number = seconds;
    int64_t then = (int64_t)g->now + seconds;
    return then > 0 ? (uint64_t)then : 1;
}

uint64_t md_gen_expiry(struct md_gen *g) {
    static const int64_t thirty_days[] = {2591999, 2592000, 2592001, 2592002, 2592000};
    /* A node's own count of seconds starts 62 before it: at 999999938. */
    static const int64_t edges[] = {999999937,  999999938,  999999939,   999999999,  1000000000,
                                    1000000001, 1000000002, 1000000003,  1000000010, 2147483647,
                                    2147483648, 2147483646, 4294967294,  4294967295, 4294967296,
                                    4294967297, 4294967306, -2147483648, 6442450944, 8589934592,
                                    4297559296, 31536000,   86400};
    struct md_random *r = g->r;
    unsigned dice = md_pick(r, 100);
    if (!(g->features & MD_GEN_TTL) && dice < 97)
        return md_put_seconds(g, 0);
    dice = md_pick(r, 100);
    if (dice < 30)
        return md_put_seconds(g, 0);
    if (dice < 70)
        return md_put_seconds(g, 1 + (int64_t)md_pick(r, 10));
    if (dice < 76)
        return md_put_seconds(g, 29 + (int64_t)md_pick(r, 3) + (dice < 73 ? 30 : 0));
    if (dice < 81)
        return md_put_seconds(g, dice < 80 ? -1 : -(int64_t)md_pick(r, 1000));
    if (dice < 85)
        return md_put_seconds(g, thirty_days[md_pick(r, MD_COUNT(thirty_days))]);
    if (dice < 94)
        return md_put_now(g, 1 + (int64_t)md_pick(r, 10));
    if (dice < 97)
        return md_put_now(g, -(int64_t)md_pick(r, 10));
    return md_put_seconds(g, edges[md_pick(r, MD_COUNT(edges))]);
}

/* ---- pieces for others ------------------------------------------------------------------- */

void md_generate_number(struct md_random *r, struct md_buf *out) {
    char text[MD_GEN_WORD_MAX];
    size_t n = md_gen_number(r, text);
    md_buf_append(out, text, n);
}

void md_generate_key(struct md_random *r, struct md_buf *out) {
    struct md_gen_key k;
    struct md_gen g;
    md_gen_init(&g, r);
    if (md_random_one_in(r, 8))
        g.features |= MD_GEN_ODD_KEYS;
    md_gen_make_key(&g, 0, &k);
    md_buf_append(out, k.bytes, k.len);
}
