/*
 * The data of stores: counters at their edges, text that says which store it came from, bytes that
 * look like protocol, sizes around the borders of slab classes and of -I. As in generate_word.c,
 * nothing holds the letter 'm'.
 */
#include "harness/generate_internal.h"

static void md_value_text(struct md_gen_value *v, const char *text) {
    v->len = (uint32_t)strlen(text);
    memcpy(v->bytes, text, v->len);
}

static void md_counter_value(struct md_gen *g, struct md_gen_value *v) {
    static const char *const starts[] = {"0", "9", "10", "99", "100", "1000", "7", "999"};
    static const char *const edges[] = {"4294967295",           "4294967296",
                                        "9223372036854775807",  "9223372036854775808",
                                        "18446744073709551614", "18446744073709551615",
                                        "18446744073709551616", "99999999999999999999",
                                        "10000000000000000000", "9999999999999999999"};
    /* clang-format off */
    static const char *const doubtful[] = {
        "", " ", " 5", "5 ", "5   ", "  99  ", "-1", "-0", "+5", "+", "-", "5a", "a5", "5 a",
        "12 -", "007", "0x10", "1.5", "1e3", "5\t", "\t5", "5\r", "\v5", "5\n", "5\r\n",
        "000000000000000000000000000005", "18446744073709551615 ", "18446744073709551615-",
        "9223372036854775808 -", "18446744073709551616 ", "+18446744073709551615",
        "-18446744073709551615", "-9223372036854775808", "00000000000000000000", "99 99",
        "123456789012345678901", "1 - - - - - - - - - - - - - - -",
    };
    /* clang-format on */
    unsigned dice = md_pick(g->r, 100);
    char text[MD_GEN_WORD_MAX];
    v->counter = dice < 88;
    if (dice < 45)
        md_value_text(v, starts[md_pick(g->r, MD_COUNT(starts))]);
    else if (dice < 70)
        md_value_text(v, edges[md_pick(g->r, MD_COUNT(edges))]);
    else if (dice < 82) {
        md_gen_border(g->r, text);
        md_value_text(v, text);
    } else if (dice < 85) { /* a NUL ends it for whoever reads C strings */
        memcpy(v->bytes, "5\0-7", v->len = 1 + md_pick(g->r, 4));
    } else
        md_value_text(v, doubtful[md_pick(g->r, MD_COUNT(doubtful))]);
}

/* A value that says which store made it, so that a stale one cannot pass for a fresh one. */
static void md_serial_value(struct md_gen *g, struct md_gen_value *v) {
    char text[MD_GEN_WORD_MAX];
    unsigned n = ++g->serial;
    text[0] = md_chance(g->r, 100) ? '-' : 'v';
    md_gen_decimal(n, text + 1);
    md_value_text(v, text);
    v->fill_byte = md_gen_letter(n);
}

static void md_binary_value(struct md_gen *g, struct md_gen_value *v) {
    static const char *const lines[] = {"\r\n",          "a\r\n",       "\r\nb", "a\r\nget a\r\nc",
                                        "END\r\n",       "\n",          "\r",    "STORED\r\n",
                                        "x\r\nquit\r\n", "\r\n\r\nEND", "{len}", "\"\\{}"};
    if (md_chance(g->r, 400)) {
        md_value_text(v, lines[md_pick(g->r, MD_COUNT(lines))]);
        return;
    }
    v->len = 1 + md_pick(g->r, 12);
    for (uint32_t i = 0; i < v->len; i++) {
        uint8_t c = (uint8_t)md_random_next(g->r);
        v->bytes[i] = c == 'm' ? 0 : c;
    }
}

/* Grows the value to `size` bytes. */
static void md_pad_value(struct md_gen_value *v, int64_t size) {
    if (size <= (int64_t)v->len)
        return;
    uint32_t more = (uint32_t)size - v->len;
    if (v->len + more <= MD_GEN_VALUE_MAX / 2) {
        memset(v->bytes + v->len, v->fill_byte, more);
        v->len += more;
    } else
        v->fill = more;
}

void md_gen_serial_value(struct md_gen *g, uint32_t size, struct md_gen_value *v) {
    v->fill = 0;
    v->counter = false;
    md_serial_value(g, v);
    if (v->len > size)
        v->len = size;
    md_pad_value(v, size);
}

/* The size of a value whose item is just under, at or just over a border. */
static void md_sized_value(struct md_gen *g, const struct md_gen_key *k, struct md_gen_value *v,
                           uint32_t item) {
    int64_t header = MD_GEN_HEADER + (g->cas ? 8 : 0) + k->len + 1 + 2;
    md_serial_value(g, v);
    md_pad_value(v, (int64_t)item - header + (int64_t)md_pick(g->r, 5) - 2 -
                        (md_chance(g->r, 300) ? 4 : 0));
}

/* Slab classes with the default -n and -f, and a few borders of buffers. */
static uint32_t md_class_size(struct md_gen *g) {
    static const uint32_t sizes[] = {96,    120,   152,   192,   240,    304,    384,
                                     480,   600,   752,   944,   1184,   1480,   1856,
                                     2048,  2320,  2904,  4096,  4544,   8192,   8880,
                                     16384, 17352, 27120, 66232, 103496, 394840, 524288};
    /* Small ones mostly: large ones cost time and find little more. */
    unsigned n = MD_COUNT(sizes);
    if (!(g->features & MD_GEN_LARGE))
        n = md_chance(g->r, 60) ? 23 : 13;
    return sizes[md_pick(g->r, n)];
}

void md_gen_value(struct md_gen *g, const struct md_gen_key *k, struct md_gen_value *v) {
    v->fill = 0;
    v->fill_byte = 'x';
    v->counter = false;
    bool counter = g->want_counter;
    g->want_counter = false;
    if (counter) {
        md_counter_value(g, v);
    } else if (g->features & MD_GEN_LARGE && md_chance(g->r, 100)) {
        md_sized_value(g, k, v, g->item_max);
    } else if (g->features & MD_GEN_SIZES && md_chance(g->r, 350)) {
        md_sized_value(g, k, v, md_class_size(g));
    } else if (md_chance(g->r, g->features & MD_GEN_COUNTERS ? 800 : 100)) {
        md_counter_value(g, v);
    } else if (g->features & MD_GEN_BINARY && md_chance(g->r, 500)) {
        md_binary_value(g, v);
    } else if (md_chance(g->r, 60)) {
        v->len = 0;
    } else {
        md_serial_value(g, v);
        if (md_chance(g->r, 200))
            md_pad_value(v, md_pick(g->r, 40));
    }
}

void md_gen_piece(struct md_gen *g, const struct md_gen_key *k, struct md_gen_value *v) {
    static const char *const digits[] = {"0", "1", "9", "00", "99", "12345", "", "-", " ", "+"};
    if (k->counter && md_chance(g->r, 700)) {
        v->fill = 0;
        v->counter = true;
        md_value_text(v, digits[md_pick(g->r, MD_COUNT(digits))]);
    } else if (g->features & MD_GEN_LARGE && md_chance(g->r, 200) && k->size < g->item_max) {
        /* Together with what is there: around the limit. */
        md_sized_value(g, k, v, g->item_max - k->size);
        v->counter = false;
    } else
        md_gen_value(g, k, v);
}
