/* The bytes of a binary request, and what is odd about its header; see generate_request.h. */
#include "harness/generate_request.h"

/* ---- what is odd --------------------------------------------------------------------------- */

static void md_odd_length(struct md_gen *g, struct md_asked *a) {
    static const uint32_t bodies[] = {0,          1,          8,          24,         250,
                                      16384,      1048576,    1048577,    2097152,    0x7ffffffd,
                                      0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
    static const uint16_t keys[] = {0,   1,   2,    24,    249,   250,  251,
                                    252, 256, 1000, 16359, 16361, 65535};
    static const uint8_t extras[] = {0, 1, 3, 4, 5, 8, 19, 20, 21, 24, 128, 255};
    struct md_packet *h = &a->header;
    unsigned step = 1 + md_pick(g->r, 3);
    switch (md_pick(g->r, 8)) {
    case 0: h->n_body += step; break;
    case 1: h->n_body -= step; break;
    case 2: h->n_body = bodies[md_pick(g->r, MD_COUNT(bodies))]; break;
    case 3: h->n_key = (uint16_t)(h->n_key + step); break;
    case 4: h->n_key = (uint16_t)(h->n_key - step); break;
    case 5: h->n_key = keys[md_pick(g->r, MD_COUNT(keys))]; break;
    default: h->n_extras = extras[md_pick(g->r, MD_COUNT(extras))]; break;
    }
    g->swallowed |= h->n_body > 100000;
}

/* Another shape, with lengths that agree. */
static void md_odd_shape(struct md_gen *g, struct md_asked *a) {
    static const uint8_t sizes[] = {0, 4, 8, 20, 1, 19};
    switch (md_pick(g->r, 4)) {
    case 0: a->key = NULL; break;
    case 1: a->has_value = false; break;
    case 2:
        if (!a->has_value)
            md_gen_serial_value(g, md_pick(g->r, 4) ? 1 + md_pick(g->r, 8) : 24, &a->value);
        a->has_value = true;
        break;
    default:
        a->n_extras = sizes[md_pick(g->r, MD_COUNT(sizes))];
        a->now_at = -1;
        break;
    }
}

static void md_odd_header(struct md_gen *g, struct md_asked *a) {
    static const uint8_t magic[] = {0x81, 0x00, 0x7f, 0xff, 'g', 's', '\r'};
    static const uint8_t opcodes[] = {0x1b, 0x1f, 0x25, 0x30, 0x31, 0x3c, 0x3d, 0x40, 0x80, 0xff};
    static const uint16_t longs[] = {251,   251,   252,   256,   300,  1000,
                                     16350, 16359, 16360, 16361, 20000};
    switch (md_pick(g->r, 6)) {
    case 0: a->header.magic = magic[md_pick(g->r, MD_COUNT(magic))]; break;
    case 1:
    case 2: a->header.opcode = opcodes[md_pick(g->r, MD_COUNT(opcodes))]; break;
    case 3: a->header.opcode = (uint8_t)md_random_next(g->r); break;
    case 4: a->long_key = longs[md_pick(g->r, MD_COUNT(longs))]; break;
    default:
        a->header.type = (uint8_t)md_random_next(g->r);
        a->header.status = (uint16_t)md_random_next(g->r);
        break;
    }
}

void md_ask_lengths(struct md_asked *a) {
    uint64_t value = a->has_value ? (uint64_t)a->value.len + a->value.fill : 0;
    a->header.n_extras = (uint8_t)a->n_extras;
    a->header.n_key = (uint16_t)(a->long_key ? a->long_key : a->key ? a->key->len : 0);
    a->header.n_body = (uint32_t)(a->n_extras + a->header.n_key + value);
}

void md_ask_header(struct md_gen *g, struct md_asked *a) {
    unsigned dice = md_pick(g->r, 10);
    if (a->odd && dice >= 4 && dice < 7)
        md_odd_shape(g, a);
    if (a->odd && dice >= 7)
        md_odd_header(g, a);
    md_ask_lengths(a);
    if (a->odd && dice < 4)
        md_odd_length(g, a);
}

/* ---- writing ------------------------------------------------------------------------------- */

static void md_put_number(struct md_gen *g, uint64_t n, size_t width) {
    uint8_t bytes[8];
    md_be_write(n, bytes, width);
    md_step_bytes(g->out, bytes, width);
}

static void md_put_cas(struct md_gen *g, const struct md_asked *a) {
    if (a->cas == MD_PART_BYTES || !a->key) {
        md_put_number(g, a->header.cas, 8);
        return;
    }
    struct md_part *p = md_step_part(g->out, a->cas);
    p->byte = 8;
    p->number = a->cas_number;
    if (a->cas == MD_PART_CAS)
        md_part_set(p, a->key->bytes, a->key->len);
}

static void md_put_extras(struct md_gen *g, const struct md_asked *a) {
    size_t at = a->now_at < 0 ? a->n_extras : (size_t)a->now_at;
    md_step_bytes(g->out, a->extras, at);
    if (a->now_at < 0)
        return;
    struct md_part *p = md_step_part(g->out, MD_PART_NOW);
    p->byte = 4;
    p->number = a->now;
    md_step_bytes(g->out, a->extras + at + 4, a->n_extras - at - 4);
}

void md_ask_put(struct md_gen *g, const struct md_asked *a) {
    uint8_t header[MD_PACKET_HEADER];
    bool symbols = !a->odd && g->features & MD_GEN_BLOCKS && md_chance(g->r, 300);
    md_packet_write(&a->header, header);
    md_step_bytes(g->out, header, 8);
    if (symbols)
        md_step_part(g->out, MD_PART_LEN)->byte = 4;
    else
        md_step_bytes(g->out, header + 8, 4);
    md_step_bytes(g->out, header + 12, 4);
    md_put_cas(g, a);
    if (symbols)
        md_step_part(g->out, MD_PART_BLOCK);
    md_put_extras(g, a);
    if (a->long_key)
        md_gen_put_fill(g, a->long_key, 'k');
    else if (a->key)
        md_step_bytes(g->out, a->key->bytes, a->key->len);
    if (a->has_value) {
        md_step_bytes(g->out, a->value.bytes, a->value.len);
        if (a->value.fill)
            md_gen_put_fill(g, a->value.fill, a->value.fill_byte);
    }
    if (symbols)
        md_step_part(g->out, MD_PART_END);
}
