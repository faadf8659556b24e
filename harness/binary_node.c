/* The harness's own binary requests; see binary_node.h. */
#include "harness/binary_node.h"

#include "harness/packets.h"

void md_request_put(struct md_buf *out, enum md_op op, const void *key, size_t nkey) {
    struct md_packet p = {.magic = MD_PACKET_REQUEST,
                          .opcode = (uint8_t)op,
                          .n_key = (uint16_t)nkey,
                          .n_body = (uint32_t)nkey};
    uint8_t header[MD_PACKET_HEADER];
    md_packet_write(&p, header);
    md_buf_append(out, header, sizeof header);
    md_buf_append(out, key, nkey);
}

bool md_response_value(const struct md_buf *replies, const char *name, struct md_buf *out) {
    struct md_response r;
    size_t n = strlen(name);
    for (size_t at = 0;
         at < replies->len && md_response_at(replies->data + at, replies->len - at, &r);
         at += r.span) {
        bool it = r.header.n_key == n && (n == 0 || memcmp(r.key, name, n) == 0);
        if (!it || r.header.status || r.n_value == 0)
            continue;
        md_buf_clear(out);
        md_buf_append(out, r.value, r.n_value);
        return true;
    }
    return false;
}

/* ---- behind a trace -------------------------------------------------------------------------- */

enum { BASE64_MAX = 186 }; /* bytes of a key that a meta command can name */

/* A key that is no word, and too long to be one in base64. */
static void note_key(void *ctx, const uint8_t *key, size_t nkey) {
    bool *odd = ctx;
    *odd |= nkey > BASE64_MAX && (memchr(key, ' ', nkey) || memchr(key, '\n', nkey) ||
                                  memchr(key, 0, nkey) || key[nkey - 1] == '\r');
}

bool md_sweep_is_binary(const struct md_model *m, const struct md_options *o) {
    bool odd = o->protocol == MD_PROTOCOL_BINARY;
    md_model_each_item(m, note_key, &odd);
    return odd;
}

static void put_get(void *ctx, const uint8_t *key, size_t nkey) {
    md_request_put(ctx, MD_OP_GETK, key, nkey);
}

static void put_get_gone(void *ctx, const uint8_t *key, size_t nkey, enum md_rule gone) {
    (void)gone;
    put_get(ctx, key, nkey);
}

static void put_delete(void *ctx, const uint8_t *key, size_t nkey) {
    md_request_put(ctx, MD_OP_DELETE, key, nkey);
}

void md_sweep_look(const struct md_model *m, bool known, struct md_buf *out) {
    md_model_each_item(m, put_get, out);
    if (known)
        md_model_each_gone(m, put_get_gone, out);
    md_request_put(out, MD_OP_STAT, "", 0);
}

void md_sweep_delete(const struct md_model *m, struct md_buf *out) {
    md_model_each_item(m, put_delete, out);
}
