/*
 * Packets of the binary protocol: the header of 24 bytes, and what each opcode wants behind it
 * (doc/protocol-binary.xml of memcached, "Packet Structure" and "Command Opcodes"; SASL, touch and
 * gat are of memcached's protocol_binary.h). For the model, and for whoever makes requests or reads
 * replies.
 *
 *      0 magic  1 opcode  2 key length (2)   4 extras length  5 data type  6 status/reserved (2)
 *      8 total body length (4)              12 opaque (4)                 16 CAS (8)
 *     24 extras, key, value
 */
#ifndef MEMDIVERGE_PACKET_H
#define MEMDIVERGE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MD_PACKET_HEADER = 24, /* bytes */
    MD_PACKET_REQUEST = 0x80,
    MD_PACKET_RESPONSE = 0x81,
    MD_EXTRAS_MAX = 20,
};

enum md_status {
    MD_STATUS_OK = 0x00,
    MD_STATUS_NOT_FOUND = 0x01,
    MD_STATUS_EXISTS = 0x02,
    MD_STATUS_TOO_LARGE = 0x03,
    MD_STATUS_INVALID = 0x04,
    MD_STATUS_NOT_STORED = 0x05,
    MD_STATUS_NON_NUMERIC = 0x06,
    MD_STATUS_AUTH = 0x20,
    MD_STATUS_UNKNOWN = 0x81,
    MD_STATUS_NO_MEMORY = 0x82,
};

/* Numbers as in this machine; `status` is the reserved field of a request. */
struct md_packet {
    uint8_t magic, opcode, n_extras, type;
    uint16_t n_key, status;
    uint32_t n_body, opaque;
    uint64_t cas;
};
void md_packet_read(const uint8_t *bytes, struct md_packet *p);
void md_packet_write(const struct md_packet *p, uint8_t *out);

/* Big-endian numbers of `width` bytes. */
uint64_t md_be_read(const uint8_t *bytes, size_t width);
void md_be_write(uint64_t n, uint8_t *out, size_t width);

/* What a request may have of a part. */
enum md_want { MD_WANT_NONE, MD_WANT_SOME, MD_WANT_MAY };

/* X(code, name, text, quiet form, bytes of extras, key, value). Quiet: the name of the loud form. */
/* clang-format off */
#define MD_OPCODE_LIST(X) \
    X(0x00, GET, "get", GET, 0, SOME, NONE) \
    X(0x01, SET, "set", SET, 8, SOME, MAY) \
    X(0x02, ADD, "add", ADD, 8, SOME, MAY) \
    X(0x03, REPLACE, "replace", REPLACE, 8, SOME, MAY) \
    X(0x04, DELETE, "delete", DELETE, 0, SOME, NONE) \
    X(0x05, INCR, "incr", INCR, 20, SOME, NONE) \
    X(0x06, DECR, "decr", DECR, 20, SOME, NONE) \
    X(0x07, QUIT, "quit", QUIT, 0, NONE, NONE) \
    X(0x08, FLUSH, "flush", FLUSH, 4, NONE, NONE) \
    X(0x09, GETQ, "getq", GET, 0, SOME, NONE) \
    X(0x0a, NOOP, "noop", NOOP, 0, NONE, NONE) \
    X(0x0b, VERSION, "version", VERSION, 0, NONE, NONE) \
    X(0x0c, GETK, "getk", GETK, 0, SOME, NONE) \
    X(0x0d, GETKQ, "getkq", GETK, 0, SOME, NONE) \
    X(0x0e, APPEND, "append", APPEND, 0, SOME, MAY) \
    X(0x0f, PREPEND, "prepend", PREPEND, 0, SOME, MAY) \
    X(0x10, STAT, "stat", STAT, 0, MAY, NONE) \
    X(0x11, SETQ, "setq", SET, 8, SOME, MAY) \
    X(0x12, ADDQ, "addq", ADD, 8, SOME, MAY) \
    X(0x13, REPLACEQ, "replaceq", REPLACE, 8, SOME, MAY) \
    X(0x14, DELETEQ, "deleteq", DELETE, 0, SOME, NONE) \
    X(0x15, INCRQ, "incrq", INCR, 20, SOME, NONE) \
    X(0x16, DECRQ, "decrq", DECR, 20, SOME, NONE) \
    X(0x17, QUITQ, "quitq", QUIT, 0, NONE, NONE) \
    X(0x18, FLUSHQ, "flushq", FLUSH, 4, NONE, NONE) \
    X(0x19, APPENDQ, "appendq", APPEND, 0, SOME, MAY) \
    X(0x1a, PREPENDQ, "prependq", PREPEND, 0, SOME, MAY) \
    X(0x1c, TOUCH, "touch", TOUCH, 4, SOME, NONE) \
    X(0x1d, GAT, "gat", GAT, 4, SOME, NONE) \
    X(0x1e, GATQ, "gatq", GAT, 4, SOME, NONE) \
    X(0x23, GATK, "gatk", GATK, 4, SOME, NONE) \
    X(0x24, GATKQ, "gatkq", GATK, 4, SOME, NONE) \
    X(0x20, SASL_LIST, "sasl-list-mechs", SASL_LIST, 0, NONE, NONE) \
    X(0x21, SASL_AUTH, "sasl-auth", SASL_AUTH, 0, SOME, MAY) \
    X(0x22, SASL_STEP, "sasl-step", SASL_STEP, 0, SOME, MAY)
/* clang-format on */

#define X(code, name, ...) MD_OP_##name = code,
enum md_op { MD_OPCODE_LIST(X) };
#undef X

struct md_opcode {
    uint8_t code;
    uint8_t loud; /* the code of the form that always answers; its own if it is that */
    uint8_t n_extras;
    uint8_t key, value; /* enum md_want */
    const char *text;
};
/* NULL: memcached has no such command. */
const struct md_opcode *md_opcode_find(uint8_t code);
/* All of them, in no particular order. */
const struct md_opcode *md_opcodes(size_t *n);

#endif
