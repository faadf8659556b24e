/* Headers and opcodes of the binary protocol; see packet.h. */
#include "model/packet.h"

#include <string.h>

static const struct md_opcode opcodes[] = {
#define X(code, name, text, loud, extras, key, value)                                              \
    {code, MD_OP_##loud, extras, MD_WANT_##key, MD_WANT_##value, text},
    MD_OPCODE_LIST(X)
#undef X
};

const struct md_opcode *md_opcodes(size_t *n) {
    *n = sizeof opcodes / sizeof *opcodes;
    return opcodes;
}

const struct md_opcode *md_opcode_find(uint8_t code) {
    for (size_t i = 0; i < sizeof opcodes / sizeof *opcodes; i++)
        if (opcodes[i].code == code)
            return &opcodes[i];
    return NULL;
}

uint64_t md_be_read(const uint8_t *bytes, size_t width) {
    uint64_t n = 0;
    for (size_t i = 0; i < width; i++)
        n = n << 8 | bytes[i];
    return n;
}

void md_be_write(uint64_t n, uint8_t *out, size_t width) {
    while (width--) {
        out[width] = (uint8_t)n;
        n >>= 8;
    }
}

void md_packet_read(const uint8_t *bytes, struct md_packet *p) {
    *p = (struct md_packet){
        .magic = bytes[0],
        .opcode = bytes[1],
        .n_key = (uint16_t)md_be_read(bytes + 2, 2),
        .n_extras = bytes[4],
        .type = bytes[5],
        .status = (uint16_t)md_be_read(bytes + 6, 2),
        .n_body = (uint32_t)md_be_read(bytes + 8, 4),
        .opaque = (uint32_t)md_be_read(bytes + 12, 4),
        .cas = md_be_read(bytes + 16, 8),
    };
}

void md_packet_write(const struct md_packet *p, uint8_t *out) {
    out[0] = p->magic;
    out[1] = p->opcode;
    md_be_write(p->n_key, out + 2, 2);
    out[4] = p->n_extras;
    out[5] = p->type;
    md_be_write(p->status, out + 6, 2);
    md_be_write(p->n_body, out + 8, 4);
    md_be_write(p->opaque, out + 12, 4);
    md_be_write(p->cas, out + 16, 8);
}
