/*
 * Traces as data: building, copying, comparing, and turning a send step into the bytes that go out.
 * The text form is in trace_parse.c and trace_print.c.
 */
#include "harness/trace.h"

#include "model/packet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What md_trace_clear keeps for the next trace: enough for any usual one, and never much. */
enum { MD_KEEP_STEPS = 4096, MD_KEEP_PARTS = 256, MD_KEEP_BYTES = 4096 };

/* ---- parts ------------------------------------------------------------------------------- */

void md_part_append(struct md_part *p, const void *bytes, size_t n) {
    if (n == 0)
        return;
    if (p->cap - p->len < n)
        p->bytes = md_grow(p->bytes, &p->cap, p->len + n < 32 ? 32 : p->len + n, 1);
    memcpy(p->bytes + p->len, bytes, n);
    p->len += n;
}

void md_part_set(struct md_part *p, const void *bytes, size_t n) {
    if (n <= p->cap) {
        if (n)
            memmove(p->bytes, bytes, n);
        p->len = n;
        return;
    }
    uint8_t *fresh = md_alloc(n);
    memcpy(fresh, bytes, n);
    free(p->bytes);
    p->bytes = fresh;
    p->len = p->cap = n;
}

static void md_part_copy(struct md_part *to, const struct md_part *from) {
    to->kind = from->kind;
    to->byte = from->byte;
    to->number = from->number;
    md_part_set(to, from->bytes, from->len);
}

static void md_part_empty(struct md_part *p, enum md_part_kind kind) {
    p->kind = kind;
    p->byte = 0;
    p->number = 0;
    p->len = 0;
}

/* ---- steps ------------------------------------------------------------------------------- */

struct md_part *md_step_part(struct md_step *s, enum md_part_kind kind) {
    if (s->n_parts == s->cap_parts) {
        size_t old = s->cap_parts;
        size_t need = old ? old + 1 : 1;
        /* Most sends are one literal: the first part is not worth eight. */
        if (old == 0)
            s->parts = md_alloc((s->cap_parts = need) * sizeof *s->parts);
        else
            s->parts = md_grow(s->parts, &s->cap_parts, need, sizeof *s->parts);
        memset(s->parts + old, 0, (s->cap_parts - old) * sizeof *s->parts);
    }
    struct md_part *p = &s->parts[s->n_parts++];
    md_part_empty(p, kind);
    return p;
}

struct md_part *md_step_part_insert(struct md_step *s, size_t at, enum md_part_kind kind) {
    md_step_part(s, kind);
    if (at >= s->n_parts)
        at = s->n_parts - 1;
    struct md_part fresh = s->parts[s->n_parts - 1];
    memmove(s->parts + at + 1, s->parts + at, (s->n_parts - 1 - at) * sizeof *s->parts);
    s->parts[at] = fresh;
    return &s->parts[at];
}

void md_step_part_remove(struct md_step *s, size_t at, size_t n) {
    if (at >= s->n_parts)
        return;
    if (n > s->n_parts - at)
        n = s->n_parts - at;
    for (size_t i = at; i < at + n; i++)
        free(s->parts[i].bytes);
    memmove(s->parts + at, s->parts + at + n, (s->n_parts - at - n) * sizeof *s->parts);
    s->n_parts -= n;
    memset(s->parts + s->n_parts, 0, n * sizeof *s->parts);
}

void md_step_bytes(struct md_step *s, const void *bytes, size_t n) {
    if (n == 0)
        return;
    if (s->n_parts == 0 || s->parts[s->n_parts - 1].kind != MD_PART_BYTES)
        md_step_part(s, MD_PART_BYTES);
    md_part_append(&s->parts[s->n_parts - 1], bytes, n);
}

void md_step_copy(struct md_step *to, const struct md_step *from) {
    if (to == from)
        return;
    to->kind = from->kind;
    to->conn = from->conn;
    to->seconds = from->seconds;
    to->line = from->line;
    to->n_parts = 0;
    for (size_t i = 0; i < from->n_parts; i++)
        md_part_copy(md_step_part(to, from->parts[i].kind), &from->parts[i]);
}

void md_step_free(struct md_step *s) {
    for (size_t i = 0; i < s->cap_parts; i++)
        free(s->parts[i].bytes);
    free(s->parts);
    *s = (struct md_step){0};
}

/* A literal's bytes from here on; symbols stop it. Cuts between literals are not seen. */
struct md_cursor {
    const struct md_step *s;
    size_t part, at;
};

static void md_cursor_skip(struct md_cursor *c) {
    while (c->part < c->s->n_parts && c->s->parts[c->part].kind == MD_PART_BYTES &&
           c->at == c->s->parts[c->part].len) {
        c->part++;
        c->at = 0;
    }
}

static size_t md_fill_size(const struct md_part *p) {
    return p->number < 0 ? 0 : p->number > MD_FILL_MAX ? MD_FILL_MAX : (size_t)p->number;
}

static bool md_symbol_equal(const struct md_part *a, const struct md_part *b) {
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case MD_PART_CAS:
        return a->number == b->number && a->byte == b->byte && a->len == b->len &&
               (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
    case MD_PART_BASE:
    case MD_PART_NOW: return a->number == b->number && a->byte == b->byte;
    case MD_PART_LEN: return a->byte == b->byte;
    case MD_PART_FILL: return a->byte == b->byte && md_fill_size(a) == md_fill_size(b);
    default: return true;
    }
}

static bool md_parts_equal(const struct md_step *a, const struct md_step *b) {
    struct md_cursor x = {.s = a}, y = {.s = b};
    for (;;) {
        md_cursor_skip(&x);
        md_cursor_skip(&y);
        if (x.part == a->n_parts || y.part == b->n_parts)
            return x.part == a->n_parts && y.part == b->n_parts;
        const struct md_part *p = &a->parts[x.part], *q = &b->parts[y.part];
        if (p->kind != MD_PART_BYTES || q->kind != MD_PART_BYTES) {
            if (!md_symbol_equal(p, q))
                return false;
            x.part++, y.part++;
            continue;
        }
        size_t n = p->len - x.at < q->len - y.at ? p->len - x.at : q->len - y.at;
        if (memcmp(p->bytes + x.at, q->bytes + y.at, n))
            return false;
        x.at += n, y.at += n;
    }
}

static bool md_step_equal(const struct md_step *a, const struct md_step *b) {
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case MD_STEP_SEND: return a->conn == b->conn && md_parts_equal(a, b);
    case MD_STEP_CLOCK: return a->seconds == b->seconds;
    case MD_STEP_OPEN:
    case MD_STEP_CLOSE:
    case MD_STEP_SHUTDOWN: return a->conn == b->conn;
    default: return true;
    }
}

/* ---- traces ------------------------------------------------------------------------------ */

void md_trace_init(struct md_trace *t) {
    *t = (struct md_trace){0};
    md_node_options_default(&t->options);
}

void md_trace_free(struct md_trace *t) {
    for (size_t i = 0; i < t->cap_steps; i++)
        md_step_free(&t->steps[i]);
    free(t->steps);
    free(t->comment);
    md_node_options_free(&t->options);
    *t = (struct md_trace){0};
}

static void md_step_trim(struct md_step *s) {
    if (s->cap_parts > MD_KEEP_PARTS) {
        md_step_free(s);
        return;
    }
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i].cap > MD_KEEP_BYTES) {
            free(s->parts[i].bytes);
            s->parts[i] = (struct md_part){0};
        }
}

void md_trace_clear(struct md_trace *t) {
    free(t->comment);
    t->comment = NULL;
    md_node_options_free(&t->options);
    md_node_options_default(&t->options);
    if (t->cap_steps > MD_KEEP_STEPS) {
        md_trace_free(t);
        md_trace_init(t);
        return;
    }
    for (size_t i = 0; i < t->n_steps; i++)
        md_step_trim(&t->steps[i]);
    t->n_steps = 0;
}

void md_trace_copy(struct md_trace *to, const struct md_trace *from) {
    if (to == from)
        return;
    md_trace_clear(to);
    md_node_options_copy(&to->options, &from->options);
    to->comment = from->comment ? md_strdup(from->comment) : NULL;
    for (size_t i = 0; i < from->n_steps; i++)
        md_step_copy(md_trace_add(to, from->steps[i].kind, 0), &from->steps[i]);
}

bool md_trace_equal(const struct md_trace *a, const struct md_trace *b) {
    if (a->n_steps != b->n_steps || !md_node_options_equal(&a->options, &b->options) ||
        !a->comment != !b->comment || (a->comment && strcmp(a->comment, b->comment)))
        return false;
    for (size_t i = 0; i < a->n_steps; i++)
        if (!md_step_equal(&a->steps[i], &b->steps[i]))
            return false;
    return true;
}

struct md_step *md_trace_add(struct md_trace *t, enum md_step_kind kind, unsigned conn) {
    if (t->n_steps == t->cap_steps) {
        size_t old = t->cap_steps;
        t->steps = md_grow(t->steps, &t->cap_steps, old + 1, sizeof *t->steps);
        memset(t->steps + old, 0, (t->cap_steps - old) * sizeof *t->steps);
    }
    struct md_step *s = &t->steps[t->n_steps++];
    s->kind = kind;
    s->conn = (uint8_t)conn;
    s->seconds = 0;
    s->line = 0;
    s->n_parts = 0;
    return s;
}

void md_trace_insert(struct md_trace *t, size_t at, const struct md_step *step) {
    struct md_step copy = {0};
    md_step_copy(&copy, step); /* `step` may be one of ours, and adding may move it */
    md_trace_add(t, copy.kind, copy.conn);
    if (at >= t->n_steps)
        at = t->n_steps - 1;
    md_step_free(&t->steps[t->n_steps - 1]);
    memmove(t->steps + at + 1, t->steps + at, (t->n_steps - 1 - at) * sizeof *t->steps);
    t->steps[at] = copy;
}

void md_trace_remove(struct md_trace *t, size_t at, size_t n) {
    if (at >= t->n_steps)
        return;
    if (n > t->n_steps - at)
        n = t->n_steps - at;
    for (size_t i = at; i < at + n; i++)
        md_step_free(&t->steps[i]);
    memmove(t->steps + at, t->steps + at + n, (t->n_steps - at - n) * sizeof *t->steps);
    t->n_steps -= n;
    memset(t->steps + t->n_steps, 0, n * sizeof *t->steps);
}

/* ---- symbols to bytes -------------------------------------------------------------------- */

/* A number as decimal text, or in as many big-endian bytes as the part says; its length. */
static size_t md_number_text(const struct md_part *p, uint64_t n, char text[24]) {
    if (p->byte == 0 || p->byte > 8)
        return (size_t)snprintf(text, 24, p->kind == MD_PART_NOW ? "%" PRId64 : "%" PRIu64, n);
    uint8_t bytes[8];
    md_be_write(n, bytes, p->byte);
    memcpy(text, bytes, p->byte);
    return p->byte;
}

/* What a symbol that stands for a number is (not {len}); its length. */
static size_t md_symbol_text(const struct md_part *p, const struct md_symbols *by, char text[24]) {
    uint64_t n = (uint64_t)p->number;
    switch (p->kind) {
    case MD_PART_CAS: n += p->len ? by->cas(by->ctx, p->bytes, p->len) : by->base; break;
    case MD_PART_BASE: n += by->base; break;
    case MD_PART_NOW: n += by->now; break;
    default: return 0;
    }
    return md_number_text(p, n, text);
}

static size_t md_digits(uint64_t n) {
    size_t digits = 1;
    while (n /= 10)
        digits++;
    return digits;
}

/*
 * What each {len} of the step stands for, in len[]. One pass from the end, because a block may hold
 * a {len} of its own, whose digits count: behind[i] is how many bytes come from part i on.
 */
static void md_measure(const struct md_step *s, const struct md_symbols *by, uint64_t *len,
                       uint64_t *behind) {
    size_t block = s->n_parts, end = s->n_parts, block_end = s->n_parts;
    char text[24];
    behind[s->n_parts] = 0;
    for (size_t i = s->n_parts; i-- > 0;) {
        const struct md_part *p = &s->parts[i];
        uint64_t size = 0;
        len[i] = 0;
        switch (p->kind) {
        case MD_PART_BYTES: size = p->len; break;
        case MD_PART_FILL: size = md_fill_size(p); break;
        case MD_PART_END: end = i; break;
        case MD_PART_BLOCK:
            block = i;
            block_end = end;
            break;
        case MD_PART_LEN:
            if (block < s->n_parts)
                len[i] = behind[block] - behind[block_end];
            size = p->byte ? p->byte : md_digits(len[i]);
            break;
        default: size = md_symbol_text(p, by, text); break;
        }
        behind[i] = behind[i + 1] + size;
    }
}

static bool md_has_len(const struct md_step *s) {
    for (size_t i = 0; i < s->n_parts; i++)
        if (s->parts[i].kind == MD_PART_LEN)
            return true;
    return false;
}

static void md_resolve_part(const struct md_part *p, const struct md_symbols *by, uint64_t len,
                            size_t room, struct md_buf *out) {
    char text[24];
    size_t n;
    switch (p->kind) {
    case MD_PART_BYTES: md_buf_append(out, p->bytes, p->len < room ? p->len : room); return;
    case MD_PART_FILL:
        n = md_fill_size(p);
        md_buf_fill(out, p->byte, n < room ? n : room);
        return;
    case MD_PART_BLOCK:
    case MD_PART_END: return;
    case MD_PART_LEN: n = md_number_text(p, len, text); break;
    default: n = md_symbol_text(p, by, text); break;
    }
    md_buf_append(out, text, n < room ? n : room);
}

void md_step_resolve_by(const struct md_step *s, const struct md_symbols *by, size_t limit,
                        struct md_buf *out) {
    enum { FEW = 64 };
    uint64_t few[2 * FEW + 1], *len = few;
    bool measured = s->kind == MD_STEP_SEND && md_has_len(s);
    size_t start = out->len;
    if (s->kind != MD_STEP_SEND)
        return;
    if (measured) {
        if (s->n_parts > FEW)
            len = md_alloc((2 * s->n_parts + 1) * sizeof *len);
        md_measure(s, by, len, len + s->n_parts);
    }
    for (size_t i = 0; i < s->n_parts && out->len - start < limit; i++)
        md_resolve_part(&s->parts[i], by, measured ? len[i] : 0, limit - (out->len - start), out);
    if (len != few)
        free(len);
}

static uint64_t md_seen_by_model(const void *model, const void *key, size_t nkey) {
    return md_model_cas_seen(model, key, nkey);
}

void md_step_resolve(const struct md_step *s, const struct md_model *m, size_t limit,
                     struct md_buf *out) {
    const struct md_symbols by = {
        .now = md_model_now(m), .base = md_model_cas_base(m), .cas = md_seen_by_model, .ctx = m};
    md_step_resolve_by(s, &by, limit, out);
}
