/* Requests as a view of a send step; see requests.h. */
#include "harness/requests.h"

#include <stdlib.h>

enum {
    LOOKED_AT = 1 << 20, /* bytes of a step at most */
    SHOWN_MAX = 60,      /* bytes of a key or a value */
};

/* ---- units ----------------------------------------------------------------------------------- */

void md_units_add(struct md_units *u, const struct md_unit *unit) {
    u->at = md_grow(u->at, &u->cap, u->n + 1, sizeof *u->at);
    u->at[u->n++] = *unit;
}

static uint64_t width_of(const struct md_part *p) {
    switch (p->kind) {
    case MD_PART_FILL: return p->number > 0 ? (uint64_t)p->number : 0;
    case MD_PART_BLOCK:
    case MD_PART_END: return 0;
    default: return p->byte ? p->byte : 1; /* decimal text: somebody else's business */
    }
}

bool md_units_of(const struct md_step *s, struct md_units *u) {
    size_t bytes = 0;
    u->n = 0;
    if (s->kind != MD_STEP_SEND || s->n_parts == 0 || s->parts[0].kind != MD_PART_BYTES ||
        s->parts[0].len == 0 || s->parts[0].bytes[0] != MD_PACKET_REQUEST)
        return false;
    for (size_t i = 0; i < s->n_parts; i++)
        bytes += s->parts[i].len;
    if (bytes > LOOKED_AT)
        return false;
    for (size_t i = 0; i < s->n_parts; i++) {
        const struct md_part *p = &s->parts[i];
        if (p->kind != MD_PART_BYTES) {
            md_units_add(u, &(struct md_unit){-1, p->kind, width_of(p), i, 0});
            continue;
        }
        for (size_t j = 0; j < p->len; j++)
            md_units_add(u, &(struct md_unit){p->bytes[j], MD_PART_BYTES, 1, i, j});
    }
    return true;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* What {len} at this place stands for. */
static uint64_t block_length(const struct md_units *u, size_t at) {
    uint64_t n = 0;
    while (at < u->n && u->at[at].kind != MD_PART_BLOCK)
        at++;
    for (; at < u->n && u->at[at].kind != MD_PART_END; at++)
        n += u->at[at].width;
    return n;
}

/* A number of the header; false: it is neither bytes nor a symbol of that width. */
static bool take_number(const struct md_units *u, size_t *at, size_t width, uint64_t *out) {
    *out = 0;
    if (*at < u->n && u->at[*at].byte < 0) {
        const struct md_unit *unit = &u->at[*at];
        if (unit->width != width || unit->kind == MD_PART_FILL)
            return false;
        if (unit->kind == MD_PART_LEN)
            *out = block_length(u, *at);
        ++*at;
        return true;
    }
    for (size_t i = 0; i < width; i++, ++*at) {
        if (*at >= u->n || u->at[*at].byte < 0)
            return false;
        *out = *out << 8 | (uint64_t)u->at[*at].byte;
    }
    return true;
}

static size_t skip(const struct md_units *u, size_t at, uint64_t *bytes) {
    while (at<u->n && * bytes> 0) {
        uint64_t width = u->at[at++].width;
        *bytes = *bytes > width ? *bytes - width : 0;
    }
    return at;
}

/* Marks of blocks take no room: the one that ends here belongs to what it ends. */
static size_t skip_marks(const struct md_units *u, size_t at, enum md_part_kind kind) {
    while (at < u->n && u->at[at].kind == kind)
        at++;
    return at;
}

bool md_request_at(const struct md_units *u, size_t from, struct md_request *r) {
    uint64_t n[9];
    static const uint8_t widths[] = {1, 1, 2, 1, 1, 2, 4, 4, 8};
    size_t places[9], at = from;
    for (size_t i = 0; i < sizeof widths; i++) {
        places[i] = at;
        if (!take_number(u, &at, widths[i], &n[i]))
            return false;
    }
    if (n[0] != MD_PACKET_REQUEST)
        return false;
    *r = (struct md_request){.from = from,
                             .body = skip_marks(u, at, MD_PART_BLOCK),
                             .n_key_at = places[2],
                             .n_body_at = places[6],
                             .opaque_at = places[7],
                             .cas_at = places[8]};
    r->header = (struct md_packet){.magic = (uint8_t)n[0],
                                   .opcode = (uint8_t)n[1],
                                   .n_key = (uint16_t)n[2],
                                   .n_extras = (uint8_t)n[3],
                                   .type = (uint8_t)n[4],
                                   .status = (uint16_t)n[5],
                                   .n_body = (uint32_t)n[6],
                                   .opaque = (uint32_t)n[7],
                                   .cas = n[8]};
    uint64_t extras = r->header.n_extras, key = r->header.n_key, body = r->header.n_body;
    uint64_t value = body > extras + key ? body - extras - key : 0;
    r->key = skip(u, r->body, &extras);
    r->value = skip(u, r->key, &key);
    at = skip(u, r->value, &value);
    r->whole = extras == 0 && key == 0 && value == 0;
    r->to = skip_marks(u, at, MD_PART_END);
    return true;
}

/* ---- words ----------------------------------------------------------------------------------- */

static void say_symbol(const struct md_part *p, struct md_buf *out) {
    struct md_step one = {.kind = MD_STEP_SEND, .parts = (struct md_part *)p, .n_parts = 1};
    struct md_buf text = {0};
    md_step_print(&one, &text); /* send 0 "{...}" */
    const uint8_t *open = memchr(text.data, '"', text.len);
    size_t at = open ? (size_t)(open - text.data) + 1 : 0;
    if (text.len > at + 2)
        md_buf_append(out, text.data + at, text.len - at - 2);
    md_buf_free(&text);
}

static void say_number(const struct md_step *s, const struct md_units *u, size_t at, size_t width,
                       const char *name, struct md_buf *out) {
    uint64_t n = 0;
    size_t end = at;
    if (at < u->n && u->at[at].byte < 0) {
        md_buf_printf(out, " %s=", name);
        say_symbol(&s->parts[u->at[at].part], out);
    } else if (take_number(u, &end, width, &n)) {
        md_buf_printf(out, n > UINT32_MAX ? " %s=0x%llx" : " %s=%llu", name, (unsigned long long)n);
    }
}

static void say_bytes(const struct md_step *s, const struct md_units *u, size_t from, size_t to,
                      struct md_buf *out) {
    md_buf_byte(out, '"');
    for (size_t i = from; i < to && i < from + SHOWN_MAX; i++) {
        uint8_t byte = (uint8_t)u->at[i].byte;
        if (u->at[i].byte >= 0)
            md_bytes_print(&byte, 1, out);
        else if (u->at[i].width)
            say_symbol(&s->parts[u->at[i].part], out);
    }
    md_buf_str(out, to > from + SHOWN_MAX ? "\"..." : "\"");
}

static void say_extras(const struct md_step *s, const struct md_units *u,
                       const struct md_request *r, const struct md_opcode *op, struct md_buf *out) {
    size_t at = r->body;
    if (op && op->n_extras == r->header.n_extras && r->whole) {
        switch (op->n_extras) {
        case 4: say_number(s, u, at, 4, "expires", out); return;
        case 8:
            say_number(s, u, at, 4, "flags", out);
            say_number(s, u, at + (u->at[at].byte < 0 ? 1 : 4), 4, "expires", out);
            return;
        case 20:
            say_number(s, u, at, 8, "by", out);
            say_number(s, u, at + 8, 8, "initial", out);
            say_number(s, u, at + 16, 4, "expires", out);
            return;
        default: break;
        }
    }
    md_buf_printf(out, " extras(%u)=", r->header.n_extras);
    say_bytes(s, u, r->body, r->key, out);
}

void md_request_words(const struct md_step *s, const struct md_units *u, const struct md_request *r,
                      struct md_buf *out) {
    const struct md_packet *h = &r->header;
    const struct md_opcode *op = md_opcode_find(h->opcode);
    if (op)
        md_buf_str(out, op->text);
    else
        md_buf_printf(out, "opcode-0x%02x", h->opcode);
    if (h->n_key) {
        md_buf_str(out, " key=");
        say_bytes(s, u, r->key, r->value, out);
    }
    if (h->n_extras)
        say_extras(s, u, r, op, out);
    if (r->to > r->value) {
        md_buf_byte(out, ' ');
        say_bytes(s, u, r->value, r->to, out);
    }
    if (h->opaque)
        md_buf_printf(out, " opaque=0x%x", h->opaque);
    if (h->cas || u->at[r->cas_at].byte < 0)
        say_number(s, u, r->cas_at, 8, "cas", out);
    if (h->type || h->status)
        md_buf_printf(out, " type=%u reserved=%u", h->type, h->status);
    if ((uint64_t)h->n_key + h->n_extras > h->n_body)
        md_buf_printf(out, " (body of %u bytes)", h->n_body);
    else if (!r->whole)
        md_buf_printf(out, " (body of %u bytes, not all here)", h->n_body);
}
