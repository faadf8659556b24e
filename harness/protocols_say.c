/* Abstract commands put into each of the three protocols; see protocols.h. */
#include "harness/protocols.h"

#include "harness/generate.h"
#include "model/packet.h"

#include <stdio.h>

/* ---- lists ---------------------------------------------------------------------------------------- */

/* Not negative: a binary request cannot say so. */
static int64_t some_exptime(uint8_t b) {
    static const int64_t times[] = {
        0,       0,       0,          0,         1,          2,          5,  60,
        2592000, 2592001, 1000000001, 999999999, 1000000003, 1000000010, 30, 1000000000};
    return times[b % (sizeof times / sizeof *times)];
}

static uint64_t some_delta(uint8_t b) {
    static const uint64_t deltas[] = {0,
                                      1,
                                      1,
                                      2,
                                      9,
                                      10,
                                      99,
                                      100,
                                      255,
                                      65536,
                                      UINT64_C(4294967296),
                                      UINT64_C(9223372036854775807),
                                      UINT64_C(9223372036854775808),
                                      UINT64_C(18446744073709551614),
                                      UINT64_MAX,
                                      7};
    return deltas[b % (sizeof deltas / sizeof *deltas)];
}

static uint32_t some_length(uint8_t a, uint8_t b) {
    static const uint32_t lengths[] = {0, 1, 2, 5, 20, 21, 100, 1000, 8192, 16384, 40000, 3};
    if (a == 255) /* around the limit of an item */
        return 1048576 - 120 + b % 128;
    return lengths[a % (sizeof lengths / sizeof *lengths)] + b % 4;
}

void md_sayings_decode(const uint8_t *data, size_t size, struct md_sayings *s) {
    static const uint8_t says[] = {MD_SAY_SET,   MD_SAY_SET,     MD_SAY_GET,    MD_SAY_GET,
                                   MD_SAY_ADD,   MD_SAY_REPLACE, MD_SAY_APPEND, MD_SAY_INCR,
                                   MD_SAY_INCR,  MD_SAY_DECR,    MD_SAY_CAS,    MD_SAY_DELETE,
                                   MD_SAY_TOUCH, MD_SAY_GAT,     MD_SAY_GET,    MD_SAY_CLOCK,
                                   MD_SAY_SET,   MD_SAY_PREPEND, MD_SAY_CAS,    MD_SAY_FLUSH};
    static const uint32_t flags[] = {0, 0, 1, 0, 32, 65535, 4294967295};
    static const uint8_t seconds[] = {1, 1, 2, 3, 10, 61, 0, 5};
    for (s->n = 0; s->n < MD_SAYINGS_MAX && (s->n + 1) * MD_SAYING_BYTES <= size; s->n++) {
        const uint8_t *b = data + s->n * MD_SAYING_BYTES;
        s->at[s->n] = (struct md_saying){
            .say = says[b[0] % sizeof says],
            .key = b[1] % MD_SAYING_KEYS,
            .stale = b[2] % 3 == 0,
            .number = b[2] & 64,
            .byte = (uint8_t) "xyz 0\r\n\xff"[b[3] % 8],
            .n = some_length(b[4], b[5]),
            .flags = flags[b[3] / 8 % 7],
            .delta = some_delta(b[5]),
            .exptime = some_exptime(b[6]),
            .seconds = seconds[b[7] % sizeof seconds],
        };
    }
}

void md_sayings_random(uint64_t seed, uint64_t index, struct md_sayings *s) {
    struct md_random r;
    uint8_t data[MD_SAYINGS_MAX * MD_SAYING_BYTES];
    md_random_seed(&r, seed ^ (index + 1) * UINT64_C(0x9e3779b97f4a7c15));
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(md_random_next(&r) >> 56);
    for (size_t i = 4; i < sizeof data; i += MD_SAYING_BYTES)
        if (data[i] == 255 && !md_random_one_in(&r, 8)) /* a megabyte takes its time */
            data[i] = 0;
    md_sayings_decode(data, MD_SAYING_BYTES * (1 + md_random_below(&r, MD_SAYINGS_MAX)), s);
}

/* ---- the three protocols ---------------------------------------------------------------------------- */

void md_saying_key(enum md_speaker p, unsigned key, struct md_buf *out) {
    md_buf_printf(out, "%c-key-%u", "tmb"[p], key);
}

static void value(const struct md_saying *s, struct md_buf *out) {
    if (s->number) {
        md_buf_u64(out, s->delta);
        return;
    }
    md_buf_reserve(out, s->n);
    /* Not blanks alone, of which text makes a number of its own (quirk counter-blank). */
    for (uint32_t i = 0; i < s->n; i++)
        md_buf_byte(out, i == 0 && s->byte <= ' ' ? 'v' : s->byte);
}

static bool has_value(uint8_t say) { return say <= MD_SAY_CAS; }

/* Never 0, which compares nothing in binary and is no CAS value in text. */
static uint64_t asked_cas(const struct md_saying *s, uint64_t cas) {
    enum { FAR = 1000000 };
    return s->say != MD_SAY_CAS ? 0 : s->stale || cas == 0 ? cas + FAR : cas;
}

static void in_text(const struct md_saying *s, const struct md_buf *key, uint64_t cas,
                    const struct md_buf *data, struct md_buf *out) {
    static const char *const words[MD_SAYS] = {"set",   "add",  "replace",   "append", "prepend",
                                               "cas",   "gets", "delete",    "incr",   "decr",
                                               "touch", "gats", "flush_all", ""};
    long long exptime = (long long)s->exptime;
    md_buf_str(out, words[s->say]);
    if (s->say == MD_SAY_GAT)
        md_buf_printf(out, " %lld", exptime);
    if (s->say != MD_SAY_FLUSH) {
        md_buf_byte(out, ' ');
        md_buf_append(out, key->data, key->len);
    }
    if (has_value(s->say))
        md_buf_printf(out, " %u %lld %zu", s->flags, exptime, data->len);
    if (s->say == MD_SAY_CAS)
        md_buf_printf(out, " %llu", (unsigned long long)asked_cas(s, cas));
    if (s->say == MD_SAY_INCR || s->say == MD_SAY_DECR)
        md_buf_printf(out, " %llu", (unsigned long long)s->delta);
    if (s->say == MD_SAY_TOUCH)
        md_buf_printf(out, " %lld", exptime);
    md_buf_str(out, "\r\n");
    if (has_value(s->say)) {
        md_buf_append(out, data->data, data->len);
        md_buf_str(out, "\r\n");
    }
}

static void in_meta(const struct md_saying *s, const struct md_buf *key, uint64_t cas,
                    const struct md_buf *data, struct md_buf *out) {
    static const char *const words[MD_SAYS] = {"ms", "ms", "ms", "ms", "ms", "ms",        "mg",
                                               "md", "ma", "ma", "mg", "mg", "flush_all", ""};
    static const char *const modes[] = {"", " ME", " MR", " MA", " MP", ""};
    long long exptime = (long long)s->exptime;
    md_buf_str(out, words[s->say]);
    if (s->say != MD_SAY_FLUSH) {
        md_buf_byte(out, ' ');
        md_buf_append(out, key->data, key->len);
    }
    if (has_value(s->say))
        md_buf_printf(out, " %zu F%u T%lld%s", data->len, s->flags, exptime, modes[s->say]);
    if (s->say == MD_SAY_CAS)
        md_buf_printf(out, " C%llu", (unsigned long long)asked_cas(s, cas));
    if (s->say == MD_SAY_GET || s->say == MD_SAY_GAT)
        md_buf_str(out, " v f c");
    if (s->say == MD_SAY_TOUCH || s->say == MD_SAY_GAT)
        md_buf_printf(out, " T%lld", exptime);
    if (s->say == MD_SAY_INCR || s->say == MD_SAY_DECR)
        md_buf_printf(out, " v D%llu%s", (unsigned long long)s->delta,
                      s->say == MD_SAY_DECR ? " MD" : "");
    md_buf_str(out, "\r\n");
    if (has_value(s->say)) {
        md_buf_append(out, data->data, data->len);
        md_buf_str(out, "\r\n");
    }
}

static void in_binary(const struct md_saying *s, const struct md_buf *key, uint64_t cas,
                      const struct md_buf *data, struct md_buf *out) {
    static const uint8_t ops[MD_SAYS] = {MD_OP_SET,     MD_OP_ADD,  MD_OP_REPLACE, MD_OP_APPEND,
                                         MD_OP_PREPEND, MD_OP_SET,  MD_OP_GET,     MD_OP_DELETE,
                                         MD_OP_INCR,    MD_OP_DECR, MD_OP_TOUCH,   MD_OP_GAT,
                                         MD_OP_FLUSH,   MD_OP_NOOP};
    uint8_t extras[MD_EXTRAS_MAX], header[MD_PACKET_HEADER];
    struct md_packet p = {.magic = MD_PACKET_REQUEST,
                          .opcode = ops[s->say],
                          .n_key = s->say == MD_SAY_FLUSH ? 0 : (uint16_t)key->len,
                          .cas = asked_cas(s, cas)};
    if (has_value(s->say) && s->say != MD_SAY_APPEND && s->say != MD_SAY_PREPEND) {
        md_be_write(s->flags, extras, 4);
        md_be_write((uint32_t)s->exptime, extras + 4, 4);
        p.n_extras = 8;
    } else if (s->say == MD_SAY_INCR || s->say == MD_SAY_DECR) {
        md_be_write(s->delta, extras, 8);
        md_be_write(0, extras + 8, 8);
        md_be_write(UINT32_MAX, extras + 16, 4); /* a key that is missing stays so */
        p.n_extras = 20;
    } else if (s->say == MD_SAY_TOUCH || s->say == MD_SAY_GAT) {
        md_be_write((uint32_t)s->exptime, extras, 4);
        p.n_extras = 4;
    }
    p.n_body = (uint32_t)(p.n_extras + p.n_key + (has_value(s->say) ? data->len : 0));
    md_packet_write(&p, header);
    md_buf_append(out, header, sizeof header);
    md_buf_append(out, extras, p.n_extras);
    md_buf_append(out, key->data, p.n_key);
    if (has_value(s->say))
        md_buf_append(out, data->data, data->len);
}

void md_say_in(enum md_speaker p, const struct md_saying *s, uint64_t cas, struct md_buf *out) {
    static void (*const in[MD_SPEAKERS])(const struct md_saying *, const struct md_buf *, uint64_t,
                                         const struct md_buf *,
                                         struct md_buf *) = {in_text, in_meta, in_binary};
    struct md_buf key = {0}, data = {0};
    md_saying_key(p, s->key, &key);
    md_buf_reserve(&data, 1);
    if (has_value(s->say))
        value(s, &data);
    in[p](s, &key, cas, &data, out);
    md_buf_free(&key);
    md_buf_free(&data);
}
