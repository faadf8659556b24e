/*
 * Send steps as cells, and commands as a view of cells: a scan of lines that knows which commands
 * carry a data block and how long it says it is. Good enough to edit, never used to predict.
 */
#include "fuzz/mutate_internal.h"

#include <stdlib.h>

/* ---- cells ------------------------------------------------------------------------------- */

static void md_cells_room(struct md_cells *c, size_t more) {
    c->at = md_grow(c->at, &c->cap, c->n + more, sizeof *c->at);
}

static uint16_t md_cell_of(struct md_mutation *m, const struct md_part *p) {
    m->symbols = md_grow(m->symbols, &m->cap_symbols, m->n_symbols + 1, sizeof *m->symbols);
    m->symbols[m->n_symbols] = *p;
    return (uint16_t)(MD_CELL_SYMBOL + m->n_symbols++);
}

uint16_t md_cell_symbol(struct md_mutation *m, enum md_part_kind kind, int64_t number,
                        uint8_t byte) {
    return md_cell_of(m, &(struct md_part){.kind = kind, .number = number, .byte = byte});
}

void md_cells_load(struct md_mutation *m, struct md_cells *c, const struct md_step *s) {
    c->n = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        const struct md_part *p = &s->parts[i];
        if (p->kind != MD_PART_BYTES) {
            md_cells_room(c, 1);
            c->at[c->n++] = md_cell_of(m, p);
            continue;
        }
        md_cells_room(c, p->len);
        for (size_t j = 0; j < p->len; j++)
            c->at[c->n++] = p->bytes[j];
    }
}

static void md_store_literal(struct md_step *s, const uint16_t *cells, size_t n) {
    uint8_t bytes[512];
    while (n) {
        size_t k = n < sizeof bytes ? n : sizeof bytes;
        for (size_t i = 0; i < k; i++)
            bytes[i] = (uint8_t)cells[i];
        md_step_bytes(s, bytes, k);
        cells += k;
        n -= k;
    }
}

void md_cells_store(struct md_mutation *m, const struct md_cells *c) {
    struct md_step *s = &m->t->steps[m->step];
    struct md_step fresh = {.kind = MD_STEP_SEND, .conn = s->conn};
    size_t i = 0;
    while (i < c->n) {
        size_t from = i;
        while (i < c->n && c->at[i] < MD_CELL_SYMBOL)
            i++;
        md_store_literal(&fresh, c->at + from, i - from);
        if (i == c->n)
            break;
        const struct md_part *symbol = &m->symbols[c->at[i++] - MD_CELL_SYMBOL];
        struct md_part *p = md_step_part(&fresh, symbol->kind);
        p->byte = symbol->byte;
        p->number = symbol->number;
        md_part_set(p, symbol->bytes, symbol->len);
    }
    /* Only now: the symbols borrowed their keys from what is freed here. */
    md_step_free(s);
    *s = fresh;
}

/* Makes the span n cells long, contents undefined; false: there are no cells at all. */
static bool md_cells_resize(struct md_cells *c, struct md_span span, size_t n) {
    size_t removed = span.to - span.from;
    if (n > removed)
        md_cells_room(c, n - removed);
    if (!c->at)
        return false;
    memmove(c->at + span.from + n, c->at + span.to, (c->n - span.to) * sizeof *c->at);
    c->n = c->n - removed + n;
    return true;
}

void md_cells_replace(struct md_cells *c, struct md_span span, const uint16_t *cells, size_t n) {
    if (!md_cells_resize(c, span, n))
        return;
    if (n)
        memcpy(c->at + span.from, cells, n * sizeof *c->at);
}

void md_cells_text(struct md_cells *c, struct md_span span, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    if (!md_cells_resize(c, span, n))
        return;
    for (size_t i = 0; i < n; i++)
        c->at[span.from + i] = p[i];
}

bool md_span_bytes(const struct md_cells *c, struct md_span s, uint8_t *out, size_t max,
                   size_t *n) {
    if (s.to - s.from > max)
        return false;
    *n = s.to - s.from;
    for (size_t i = 0; i < *n; i++) {
        if (c->at[s.from + i] >= MD_CELL_SYMBOL)
            return false;
        out[i] = (uint8_t)c->at[s.from + i];
    }
    return true;
}

bool md_span_is(const struct md_cells *c, struct md_span s, const char *word) {
    size_t n = strlen(word);
    if (s.to - s.from != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (c->at[s.from + i] != (uint8_t)word[i])
            return false;
    return true;
}

/* ---- commands ---------------------------------------------------------------------------- */

static unsigned md_kind_of(const struct md_cells *c, struct md_span word, bool *cas) {
    static const struct {
        const char *word;
        unsigned kind;
    } words[] = {
        {"set", MD_VIEW_STORE},       {"get", MD_VIEW_GET},       {"gets", MD_VIEW_GET},
        {"add", MD_VIEW_STORE},       {"cas", MD_VIEW_STORE},     {"incr", MD_VIEW_DELTA},
        {"decr", MD_VIEW_DELTA},      {"gat", MD_VIEW_GAT},       {"gats", MD_VIEW_GAT},
        {"touch", MD_VIEW_TOUCH},     {"delete", MD_VIEW_DELETE}, {"append", MD_VIEW_STORE},
        {"replace", MD_VIEW_STORE},   {"prepend", MD_VIEW_STORE}, {"bget", MD_VIEW_GET},
        {"flush_all", MD_VIEW_FLUSH}, {"mg", MD_VIEW_META},       {"ms", MD_VIEW_MS},
        {"md", MD_VIEW_META},         {"ma", MD_VIEW_META},       {"me", MD_VIEW_META}};
    *cas = md_span_is(c, word, "cas");
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (md_span_is(c, word, words[i].word))
            return words[i].kind;
    return MD_VIEW_OTHER;
}

static void md_view_tokens(const struct md_cells *c, struct md_view *v) {
    v->n_tokens = 0;
    for (size_t i = v->from; i < v->line_end && v->n_tokens < MD_VIEW_TOKENS;) {
        while (i < v->line_end && c->at[i] == ' ')
            i++;
        size_t from = i;
        while (i < v->line_end && c->at[i] != ' ')
            i++;
        if (i > from)
            v->token[v->n_tokens++] = (struct md_span){from, i};
    }
}

/* What the length token says: a plain number; false for anything else. */
static bool md_said_length(const struct md_cells *c, struct md_span s, uint64_t *length) {
    *length = 0;
    for (size_t i = s.from; i < s.to; i++) {
        if (c->at[i] < '0' || c->at[i] > '9' || *length > UINT32_MAX)
            return false;
        *length = *length * 10 + (uint64_t)(c->at[i] - '0');
    }
    return true;
}

static bool md_is_symbol(const struct md_mutation *m, uint16_t cell, enum md_part_kind kind) {
    return cell >= MD_CELL_SYMBOL && m->symbols[cell - MD_CELL_SYMBOL].kind == kind;
}

static uint64_t md_cell_width(const struct md_mutation *m, uint16_t cell) {
    if (cell < MD_CELL_SYMBOL)
        return 1;
    const struct md_part *p = &m->symbols[cell - MD_CELL_SYMBOL];
    if (p->kind == MD_PART_FILL)
        return p->number > 0 ? (uint64_t)p->number : 0;
    return p->kind == MD_PART_BLOCK || p->kind == MD_PART_END ? 0 : 1;
}

static size_t md_skip_line_end(const struct md_cells *c, size_t at) {
    if (at < c->n && c->at[at] == '\r')
        at++;
    if (at < c->n && c->at[at] == '\n')
        at++;
    return at;
}

/* Finds the data block behind the line: to the end of its line where it does not end in CRLF. */
static void md_view_data(const struct md_mutation *m, const struct md_cells *c, struct md_view *v) {
    struct md_span length = v->token[v->length];
    size_t at = v->data.from = v->to;
    uint64_t left;
    v->has_data = true;
    if (at < c->n && md_is_symbol(m, c->at[at], MD_PART_BLOCK)) {
        while (at < c->n && !md_is_symbol(m, c->at[at], MD_PART_END))
            at++;
        at += at < c->n;
    } else if (md_said_length(c, length, &left)) {
        while (at < c->n && left) {
            uint64_t width = md_cell_width(m, c->at[at++]);
            left = left > width ? left - width : 0;
        }
    }
    if (at < c->n && c->at[at] != '\r' && c->at[at] != '\n') {
        while (at < c->n && c->at[at] != '\n')
            at++;
        v->to = at + (at < c->n);
        v->data.to = at > v->data.from && c->at[at - 1] == '\r' ? at - 1 : at;
        return;
    }
    v->data.to = at;
    v->to = md_skip_line_end(c, at);
}

bool md_view_at(const struct md_mutation *m, const struct md_cells *c, size_t from,
                struct md_view *v) {
    if (from >= c->n)
        return false;
    size_t end = from;
    while (end < c->n && c->at[end] != '\n')
        end++;
    v->from = from;
    v->to = end + (end < c->n);
    v->line_end = end < c->n && end > from && c->at[end - 1] == '\r' ? end - 1 : end;
    v->has_data = false;
    v->cas = false;
    v->kind = MD_VIEW_OTHER;
    md_view_tokens(c, v);
    if (v->n_tokens)
        v->kind = md_kind_of(c, v->token[0], &v->cas);
    v->length = v->kind == MD_VIEW_STORE ? 4 : v->kind == MD_VIEW_MS ? 2 : 0;
    if (v->length && v->n_tokens > v->length && v->to < c->n)
        md_view_data(m, c, v);
    return true;
}

unsigned md_view_key(const struct md_view *v) {
    unsigned key = v->kind == MD_VIEW_GAT ? 2 : v->kind & MD_VIEW_KEYED ? 1 : 0;
    return key < v->n_tokens ? key : 0;
}

unsigned md_view_flags(const struct md_view *v) {
    return v->kind == MD_VIEW_META ? 2 : v->kind == MD_VIEW_MS ? 3 : 0;
}

unsigned md_view_expiry(const struct md_view *v) {
    unsigned at = 0;
    switch (v->kind) {
    case MD_VIEW_STORE: at = 3; break;
    case MD_VIEW_TOUCH: at = 2; break;
    case MD_VIEW_GAT:
    case MD_VIEW_FLUSH: at = 1; break;
    default: break;
    }
    return at < v->n_tokens ? at : 0;
}

/* ---- picking ----------------------------------------------------------------------------- */

bool md_pick_send(struct md_mutation *m, size_t *step) {
    size_t n = m->t->n_steps;
    if (n == 0)
        return false;
    size_t start = md_random_below(&m->r, n);
    for (size_t i = 0; i < n; i++) {
        *step = (start + i) % n;
        if (m->t->steps[*step].kind == MD_STEP_SEND)
            return true;
    }
    return false;
}

bool md_pick_view_in(struct md_mutation *m, const struct md_cells *c, unsigned kinds,
                     struct md_view *v) {
    struct md_view each;
    uint64_t found = 0;
    for (size_t at = 0; md_view_at(m, c, at, &each); at = each.to)
        if ((each.kind & kinds || kinds == MD_VIEW_ANY) && md_random_below(&m->r, ++found) == 0)
            *v = each;
    return found > 0;
}

bool md_pick_view(struct md_mutation *m, unsigned kinds, struct md_view *v) {
    size_t n = m->t->n_steps, start;
    if (!md_pick_send(m, &start))
        return false;
    for (size_t i = 0; i < n; i++) {
        m->step = (start + i) % n;
        if (m->t->steps[m->step].kind != MD_STEP_SEND)
            continue;
        md_cells_load(m, &m->cells, &m->t->steps[m->step]);
        if (md_pick_view_in(m, &m->cells, kinds, v))
            return true;
    }
    return false;
}
