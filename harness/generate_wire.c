/*
 * Traces of hostile bytes: commands of any protocol as the other streams say them, then damaged without
 * respect for what they mean. Bytes are flipped, cut out, doubled and put in, lengths made wrong, lines
 * grown to just around what a node reads at once, sends torn at any byte and spread over connections.
 */
#include "harness/cut.h"
#include "harness/generate_internal.h"

enum {
    MD_WIRE_PIECE = 64,      /* bytes moved by one damage */
    MD_WIRE_UNITS = 1 << 16, /* a send with more of them is not torn */
    MD_WIRE_STEPS = 160,     /* of a trace at most */
};

/* Bytes that mean something to one parser or the other. */
static const struct {
    const char *bytes;
    size_t n;
} md_wire_words[] = {
#define W(s)                                                                                       \
    { (s), sizeof(s) - 1 }
    W("\r\n"),
    W("\n"),
    W("\r"),
    W("\0"),
    W(" "),
    W("\t"),
    W("\x80"),
    W("\x81"),
    W("\x7f"),
    W("\xff"),
    W("\r\n\r\n"),
    W("\n\r"),
    W(" noreply"),
    W(" noreply\r\n"),
    W("noreply "),
    W("get a\r\n"),
    W("get "),
    W("mg a v\r\n"),
    W("mn\r\n"),
    W("mn"),
    W("set a 0 0 1\r\nx\r\n"),
    W("set a 0 0 1\r\nx"),
    W("set a 0 0 2\r\nx\r\n"),
    W("set a 0 0 -1\r\n"),
    W("set a 0 0 2147483647\r\n"),
    W("set a 0 0 2000000\r\n"),
    W("ms a 1\r\nx\r\n"),
    W("ms a S1\r\nx\r\n"),
    W("ms a 3 T0 c\r\nx\r\n"),
    W("END\r\n"),
    W("quit\r\n"),
    W(" 0"),
    W(" 1"),
    W("-"),
    W("4294967296"),
    W("18446744073709551615"),
    W(" HTTP/1.1\r\n"),
    W("\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00"
      "a"),
    W("\x80\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00"),
    W("\x80\x01\x00\x01\x08\x00\x00\x00\x00\x00\x00\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00"
      "\x00\x00\x00\x00\x00\x00\x00\x00"
      "ax"),
    W("\x80\x01\x00\x01\x08\x00\x00\x00\xff\xff\xff\xff"),
    W("\x81\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00"),
#undef W
};

/* A literal part with something in it, any; NULL: there is none. */
static struct md_part *md_wire_part(struct md_random *r, struct md_step *s, size_t *at) {
    size_t start = s->n_parts ? md_pick(r, (unsigned)s->n_parts) : 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        *at = (start + i) % s->n_parts;
        if (s->parts[*at].kind == MD_PART_BYTES && s->parts[*at].len > 0)
            return &s->parts[*at];
    }
    return NULL;
}

/* Puts `n` bytes in place of `gone` bytes at `at`. */
static void md_wire_splice(struct md_part *p, size_t at, size_t gone, const void *bytes, size_t n) {
    struct md_buf b = {0};
    md_buf_append(&b, p->bytes, at);
    md_buf_append(&b, bytes, n);
    md_buf_append(&b, p->bytes + at + gone, p->len - at - gone);
    md_part_set(p, b.data, b.len);
    md_buf_free(&b);
}

static size_t md_wire_piece(struct md_random *r, size_t left) {
    unsigned most = left < MD_WIRE_PIECE ? (unsigned)left : MD_WIRE_PIECE;
    return 1 + (md_pick(r, 2) ? md_pick(r, most) : md_pick(r, most < 4 ? most : 4));
}

static void md_flip(struct md_random *r, struct md_part *p) {
    static const uint8_t bytes[] = {0, '\r', '\n', ' ', 0x80, 0x81, 0xff, 0x7f, '0', '9', '-', 'm'};
    size_t at = md_pick(r, (unsigned)p->len);
    uint8_t b = p->bytes[at];
    switch (md_pick(r, 4)) {
    case 0: b ^= (uint8_t)(1U << md_pick(r, 8)); break;
    case 1: b = (uint8_t)md_random_next(r); break;
    default: b = bytes[md_pick(r, sizeof bytes)]; break;
    }
    md_wire_splice(p, at, 1, &b, 1);
}

static void md_cut_out(struct md_random *r, struct md_part *p) {
    size_t at = md_pick(r, (unsigned)p->len);
    size_t n = md_wire_piece(r, p->len - at);
    md_wire_splice(p, at, n < p->len - at ? n : p->len - at, "", 0);
}

static void md_double(struct md_random *r, struct md_part *p) {
    size_t from = md_pick(r, (unsigned)p->len), n = md_wire_piece(r, p->len - from);
    uint8_t piece[MD_WIRE_PIECE + 1];
    n = n < p->len - from ? n : p->len - from;
    memcpy(piece, p->bytes + from, n);
    md_wire_splice(p, md_pick(r, 2) ? from : md_pick(r, (unsigned)p->len + 1), 0, piece, n);
}

static void md_put_in(struct md_random *r, struct md_part *p) {
    unsigned i = md_pick(r, MD_COUNT(md_wire_words));
    size_t at = md_pick(r, (unsigned)p->len + 1);
    if (md_pick(r, 3) == 0) /* at the start of a line, where a parser begins anew */
        while (at > 0 && p->bytes[at - 1] != '\n')
            at--;
    md_wire_splice(p, at, 0, md_wire_words[i].bytes, md_wire_words[i].n);
}

/* A digit more, less, or another one: numbers of data blocks and binary lengths go wrong. */
static void md_wrong_number(struct md_random *r, struct md_part *p) {
    size_t start = md_pick(r, (unsigned)p->len);
    for (size_t i = 0; i < p->len; i++) {
        size_t at = (start + i) % p->len;
        uint8_t b = p->bytes[at];
        if (b < '0' || b > '9')
            continue;
        b = (uint8_t)(b == '0' || md_pick(r, 2) ? b + 1 : b - 1);
        if (md_pick(r, 4) == 0)
            md_wire_splice(p, at, md_pick(r, 2), "0", md_pick(r, 2));
        else
            md_wire_splice(p, at, 1, &b, 1);
        return;
    }
}

/* {len} becomes a number of its own, a little off. */
static void md_wrong_length(struct md_random *r, struct md_step *s) {
    static const int off[] = {-2, -1, 1, 2, 3, 10};
    md_step_literal_lengths(s);
    size_t at;
    struct md_part *p = md_wire_part(r, s, &at);
    if (!p)
        return;
    for (int n = off[md_pick(r, MD_COUNT(off))]; n; n += n < 0 ? 1 : -1)
        md_wrong_number(r, p);
}

/* A line that is as long as what a node looks at or reads at once, give or take. */
static void md_long_line(struct md_random *r, struct md_step *s) {
    static const uint16_t sizes[] = {2040, 2044, 2047,  2048,  2049,  2050,
                                     2060, 4096, 16383, 16384, 16385, 16390};
    static const char fills[] = {'a', ' ', 0, '0', '\r', (char)0x80, 'm'};
    size_t at;
    struct md_part *p = md_wire_part(r, s, &at);
    if (!p)
        return;
    size_t split = md_pick(r, (unsigned)p->len + 1);
    struct md_buf rest = {0};
    md_buf_append(&rest, p->bytes + split, p->len - split);
    md_wire_splice(p, split, p->len - split, "", 0);
    struct md_part *fill = md_step_part_insert(s, at + 1, MD_PART_FILL);
    fill->number = sizes[md_pick(r, MD_COUNT(sizes))] - (md_pick(r, 2) ? md_pick(r, 12) : 0);
    fill->byte = (uint8_t)fills[md_pick(r, sizeof fills)];
    md_part_set(md_step_part_insert(s, at + 2, MD_PART_BYTES), rest.data, rest.len);
    md_buf_free(&rest);
}

/* Nothing but such bytes. */
static void md_noise(struct md_random *r, struct md_step *s) {
    for (unsigned n = 1 + md_pick(r, 12); n > 0; n--) {
        if (md_pick(r, 3) == 0) {
            uint8_t b = (uint8_t)md_random_next(r);
            md_step_bytes(s, &b, 1);
            continue;
        }
        unsigned i = md_pick(r, MD_COUNT(md_wire_words));
        md_step_bytes(s, md_wire_words[i].bytes, md_wire_words[i].n);
    }
}

void md_wire_damage(struct md_random *r, struct md_step *s) {
    static void (*const damages[])(struct md_random *, struct md_part *) = {
        md_flip, md_flip, md_cut_out, md_double, md_put_in, md_put_in, md_wrong_number};
    size_t at;
    struct md_part *p = md_wire_part(r, s, &at);
    unsigned dice = md_pick(r, 32);
    if (!p || dice == 0)
        md_noise(r, s);
    else if (dice < 3)
        md_long_line(r, s);
    else if (dice < 6)
        md_wrong_length(r, s);
    else
        damages[md_pick(r, MD_COUNT(damages))](r, p);
}

void md_wire_tear(struct md_random *r, struct md_trace *t, size_t i) {
    struct md_step tail = {.kind = MD_STEP_SEND, .conn = t->steps[i].conn};
    uint64_t units = md_step_units(&t->steps[i]);
    if (units < 2 || units > MD_WIRE_UNITS || t->n_steps >= MD_WIRE_STEPS)
        return;
    md_step_cut(&t->steps[i], 1 + md_random_below(r, units - 1), &tail);
    if (md_pick(r, 12) == 0)
        tail.conn = (uint8_t)md_pick(r, MD_GEN_CONNS);
    size_t to = i + 1;
    while (to < t->n_steps && md_pick(r, 3) == 0 && t->steps[to].conn != tail.conn)
        to++;
    md_trace_insert(t, to, &tail);
    md_step_free(&tail);
}

/* Behind the damage: is everything still where it should be? */
static void md_look_around(struct md_random *r, struct md_trace *t) {
    static const char look[] = "get a\r\nmn\r\n", other[] = "version\r\n";
    unsigned conn = md_pick(r, MD_GEN_CONNS);
    if (md_pick(r, 2))
        md_step_bytes(md_trace_add(t, MD_STEP_SEND, conn), look, sizeof look - 1);
    md_step_bytes(md_trace_add(t, MD_STEP_SEND, MD_GEN_CONNS + 1), other, sizeof other - 1);
}

void md_generate_wire(struct md_trace *t, uint64_t seed, uint64_t index,
                      const struct md_generate_config *c) {
    static const enum md_target bases[] = {MD_TARGET_COMMANDS, MD_TARGET_COMMANDS, MD_TARGET_META,
                                           MD_TARGET_BINARY};
    struct md_random random, *r = &random;
    struct md_generate_config base = *c;
    md_random_seed(r, seed ^ UINT64_C(0x77697265));
    md_random_seed(r, md_random_next(r) ^ index * UINT64_C(0x9e3779b97f4a7c15));
    if (base.max_steps > 30)
        base.max_steps = 30;
    md_generate_for(bases[md_pick(r, MD_COUNT(bases))], t, md_random_next(r), index, &base);
    unsigned torn = md_pick(r, 3) ? 200 : 700, damaged = md_pick(r, 3) ? 250 : 600;
    for (size_t i = 0; i < t->n_steps; i++) {
        if (t->steps[i].kind != MD_STEP_SEND)
            continue;
        if (md_chance(r, damaged))
            do
                md_wire_damage(r, &t->steps[i]);
            while (md_pick(r, 3) == 0);
        if (md_chance(r, torn))
            md_wire_tear(r, t, i);
    }
    md_look_around(r, t);
}
