/* Replies of the binary protocol, field by field; see packets.h. */
#include "harness/packets.h"

#include "harness/trace.h"

#include <stdio.h>

enum { SHOWN_MAX = 200 }; /* bytes of a value that are shown */

bool md_response_at(const uint8_t *bytes, size_t len, struct md_response *r) {
    if (len < MD_PACKET_HEADER || bytes[0] != MD_PACKET_RESPONSE)
        return false;
    md_packet_read(bytes, &r->header);
    const struct md_packet *p = &r->header;
    size_t names = (size_t)p->n_extras + p->n_key;
    if (names > p->n_body || p->n_body > len - MD_PACKET_HEADER)
        return false;
    r->extras = bytes + MD_PACKET_HEADER;
    r->key = r->extras + p->n_extras;
    r->value = r->key + p->n_key;
    r->n_value = p->n_body - names;
    r->span = MD_PACKET_HEADER + p->n_body;
    return true;
}

const char *md_status_word(uint16_t status) {
    switch (status) {
    case MD_STATUS_OK: return "ok";
    case MD_STATUS_NOT_FOUND: return "not-found";
    case MD_STATUS_EXISTS: return "exists";
    case MD_STATUS_TOO_LARGE: return "too-large";
    case MD_STATUS_INVALID: return "invalid";
    case MD_STATUS_NOT_STORED: return "not-stored";
    case MD_STATUS_NON_NUMERIC: return "non-numeric";
    case MD_STATUS_AUTH: return "auth";
    case MD_STATUS_UNKNOWN: return "unknown";
    case MD_STATUS_NO_MEMORY: return "no-memory";
    default: return "status";
    }
}

/* ---- what differs ---------------------------------------------------------------------------- */

static bool differ(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b) {
    return n_a != n_b || (n_a && memcmp(a, b, n_a) != 0);
}

/* The first field that is not the same; NULL: all are. The status is looked at before. */
static const char *field_of(const struct md_response *e, const struct md_response *o) {
    const struct md_packet *a = &e->header, *b = &o->header;
    if (a->opcode != b->opcode)
        return "opcode";
    if (a->opaque != b->opaque)
        return "opaque";
    if (differ(e->extras, a->n_extras, o->extras, b->n_extras))
        return "extras";
    if (differ(e->key, a->n_key, o->key, b->n_key))
        return "key";
    if (e->n_value != o->n_value)
        return "bytes";
    if (differ(e->value, e->n_value, o->value, o->n_value))
        return "data";
    if (a->cas != b->cas)
        return "cas";
    return a->type != b->type ? "type" : NULL;
}

void md_packets_differ(const uint8_t *expected, size_t n_expected, const uint8_t *observed,
                       size_t n_observed, char *field, size_t field_size, char *kind,
                       size_t kind_size) {
    struct md_response e, o;
    const char *which = "reply";
    snprintf(kind, kind_size, "differs");
    if (!md_response_at(expected, n_expected, &e)) {
        snprintf(field, field_size, "%s", which);
        return;
    }
    if (!md_response_at(observed, n_observed, &o)) {
        snprintf(kind, kind_size, "%s",
                 observed[0] == MD_PACKET_RESPONSE ? "incomplete" : "garbage");
    } else if (e.header.opcode != o.header.opcode && e.header.opaque != o.header.opaque) {
        snprintf(kind, kind_size, "missing"); /* what is there answers another request */
    } else if (e.header.status != o.header.status) {
        which = "status";
        snprintf(kind, kind_size, "%s-instead-of-%s", md_status_word(o.header.status),
                 md_status_word(e.header.status));
    } else if (field_of(&e, &o)) {
        which = field_of(&e, &o);
        if (e.header.cas == 0 || o.header.cas == 0)
            if (strcmp(which, "cas") == 0)
                snprintf(kind, kind_size, "%s", o.header.cas ? "surplus" : "missing");
    }
    snprintf(field, field_size, "%s", which);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void quoted(const uint8_t *bytes, size_t n, struct md_buf *out) {
    md_buf_byte(out, '"');
    md_bytes_print(bytes, n < SHOWN_MAX ? n : SHOWN_MAX, out);
    md_buf_byte(out, '"');
    if (n > SHOWN_MAX)
        md_buf_printf(out, " ... %zu bytes", n);
}

static void words(const struct md_response *r, struct md_buf *out) {
    const struct md_packet *p = &r->header;
    md_buf_str(out, md_status_word(p->status));
    if (p->status && strcmp(md_status_word(p->status), "status") == 0)
        md_buf_printf(out, " 0x%x", p->status);
    if (p->opaque)
        md_buf_printf(out, " opaque=0x%x", p->opaque);
    if (p->cas)
        md_buf_printf(out, " cas=%llu", (unsigned long long)p->cas);
    if (p->type)
        md_buf_printf(out, " type=0x%x", p->type);
    if (p->n_extras)
        md_buf_str(out, " extras=");
    for (size_t i = 0; i < p->n_extras; i++)
        md_buf_printf(out, "%02x", r->extras[i]);
    if (p->n_key) {
        md_buf_str(out, " key=");
        quoted(r->key, p->n_key, out);
    }
    if (r->n_value) {
        md_buf_byte(out, ' ');
        quoted(r->value, r->n_value, out);
    }
}

void md_packets_words(const uint8_t *bytes, size_t len, struct md_buf *out) {
    struct md_response r;
    size_t at = 0;
    for (; len > at && md_response_at(bytes + at, len - at, &r); at += r.span) {
        if (at)
            md_buf_str(out, "; ");
        words(&r, out);
    }
    if (len == 0)
        md_buf_str(out, "(nothing)");
    if (at < len) {
        md_buf_str(out, at ? "; bytes " : "bytes ");
        quoted(bytes + at, len - at, out);
    }
}
