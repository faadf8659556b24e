/* Answers cut and made comparable; see versus_reply.h. */
#include "harness/versus_reply.h"

#include "model/number.h"
#include "model/stats.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { PACKET_HEADER = 24, PACKET_RESPONSE = 0x81, PACKET_CAS = 16 };

struct text {
    const uint8_t *s;
    size_t n;
};

static struct text word(struct text *rest) {
    while (rest->n && *rest->s == ' ')
        rest->s++, rest->n--;
    const uint8_t *blank = rest->n ? memchr(rest->s, ' ', rest->n) : NULL;
    struct text w = {rest->s, blank ? (size_t)(blank - rest->s) : rest->n};
    rest->s += w.n;
    rest->n -= w.n;
    return w;
}

static bool is(struct text t, const char *s) {
    return t.n == strlen(s) && memcmp(t.s, s, t.n) == 0;
}

/* ---- CAS values ------------------------------------------------------------------------------- */

void md_shown_clear(struct md_shown *s) {
    for (size_t i = 0; i < s->n_keys; i++)
        free(s->key[i].key);
    s->n = s->n_keys = 0;
}

void md_shown_free(struct md_shown *s) {
    md_shown_clear(s);
    free(s->value);
    free(s->key);
    *s = (struct md_shown){0};
}

uint64_t md_shown_cas(const struct md_shown *s, const void *key, size_t nkey, uint64_t none) {
    for (size_t i = 0; i < s->n_keys; i++)
        if (s->key[i].n == nkey && memcmp(s->key[i].key, key, nkey) == 0)
            return s->key[i].cas;
    return none;
}

static void note_key(struct md_shown *s, struct text key, uint64_t cas) {
    for (size_t i = 0; i < s->n_keys; i++)
        if (s->key[i].n == key.n && memcmp(s->key[i].key, key.s, key.n) == 0) {
            s->key[i].cas = cas;
            return;
        }
    s->key = md_grow(s->key, &s->cap_keys, s->n_keys + 1, sizeof *s->key);
    struct md_shown_key *k = &s->key[s->n_keys++];
    *k = (struct md_shown_key){.key = md_alloc(key.n + 1), .n = key.n, .cas = cas};
    memcpy(k->key, key.s, key.n);
}

/* 0 (there is none) stays what it is; others are numbered from 1. */
static size_t name_of(struct md_shown *s, uint64_t cas) {
    if (cas == 0)
        return 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->value[i] == cas)
            return i + 1;
    s->value = md_grow(s->value, &s->cap, s->n + 1, sizeof *s->value);
    s->value[s->n++] = cas;
    return s->n;
}

static void add_cas(struct md_heard *h, struct md_shown *s, uint64_t cas) {
    md_buf_printf(&h->plain, "#%zu", name_of(s, cas));
}

/* ---- plain forms ------------------------------------------------------------------------------ */

static bool counter_is_known(struct text name) {
    static const char *const known[] = {
#define X(name) #name,
        MD_COUNTER_LIST(X)
#undef X
        /* of one slab class */
        "number",
        "age",
        "mem_requested",
        "evicted",
        "evicted_nonzero",
        "outofmemory",
        "evicted_time",
        "evictions",
        "tailrepairs",
        "chunk_size",
        "total_pages",
        "total_chunks",
        "chunks_per_page",
        "used_chunks",
        "free_chunks",
        "active_slabs"};
    for (size_t i = name.n; i > 0; i--)
        if (name.s[i - 1] == ':') {
            name = (struct text){name.s + i, name.n - i};
            break;
        }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is(name, known[i]))
            return true;
    return false;
}

static void plain_stat(struct md_heard *h, struct text line) {
    struct text rest = line;
    word(&rest);
    if (counter_is_known(word(&rest)))
        md_buf_append(&h->plain, line.s, line.n);
}

/* VALUE key flags bytes [cas] */
static void plain_value(struct md_heard *h, struct md_shown *s, struct text line) {
    struct text rest = line;
    word(&rest);
    struct text key = word(&rest);
    word(&rest);
    word(&rest);
    const uint8_t *before = rest.s;
    struct md_number cas = {0};
    struct text unique = word(&rest);
    cas = md_number_unsigned(unique.s, unique.n);
    if (!cas.proper) {
        md_buf_append(&h->plain, line.s, line.n);
        return;
    }
    md_buf_append(&h->plain, line.s, (size_t)(before - line.s));
    md_buf_byte(&h->plain, ' ');
    add_cas(h, s, cas.value);
    note_key(s, key, cas.value);
}

/* A meta answer: its flag c is a CAS value, of the key that k tells, if it does; in the debugging line of
 * me it is "cas=N". */
static void plain_meta(struct md_heard *h, struct md_shown *s, struct text line) {
    struct text rest = line, key = {0};
    uint64_t seen = 0;
    while (rest.n) {
        struct text w = word(&rest);
        size_t skip = w.n > 4 && memcmp(w.s, "cas=", 4) == 0 ? 4 : 1;
        struct md_number cas = {0};
        if (w.n > skip && w.s[0] == 'c')
            cas = md_number_unsigned(w.s + skip, w.n - skip);
        if (w.n > 1 && w.s[0] == 'k')
            key = (struct text){w.s + 1, w.n - 1};
        if (h->plain.len > h->piece[h->n].plain_at)
            md_buf_byte(&h->plain, ' ');
        if (cas.proper) {
            seen = cas.value;
            md_buf_byte(&h->plain, 'c');
            add_cas(h, s, cas.value);
        } else {
            md_buf_append(&h->plain, w.s, w.n);
        }
    }
    if (key.n && seen)
        note_key(s, key, seen);
}

static bool is_meta(struct text first) {
    static const char *const words[] = {"HD", "VA", "EN", "NF", "NS", "EX", "ME"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(first, words[i]))
            return true;
    return false;
}

static void plain_line(struct md_heard *h, struct md_shown *s, struct text line) {
    struct text rest = line, first = word(&rest);
    if (is(first, "VALUE"))
        plain_value(h, s, line);
    else if (is(first, "STAT"))
        plain_stat(h, line);
    else if (is(first, "VERSION"))
        md_buf_str(&h->plain, "VERSION");
    else if (is_meta(first))
        plain_meta(h, s, line);
    else
        md_buf_append(&h->plain, line.s, line.n);
}

/* ---- pieces ----------------------------------------------------------------------------------- */

/* Bytes of data behind the line, with its CRLF; 0: none. */
static size_t data_behind(struct text line) {
    struct text rest = line, first = word(&rest), bytes;
    if (is(first, "VALUE")) {
        word(&rest);
        word(&rest);
    } else if (!is(first, "VA")) {
        return 0;
    }
    bytes = word(&rest);
    struct md_number n = md_number_unsigned(bytes.s, bytes.n);
    return n.proper && n.value <= UINT32_MAX ? (size_t)n.value + 2 : 0;
}

/* How much of the n bytes is one piece; 0: it is not whole. */
static size_t cut_line(struct md_heard *h, struct md_shown *shown, const uint8_t *s, size_t n) {
    const uint8_t *end = memchr(s, '\n', n);
    if (!end)
        return 0;
    size_t span = (size_t)(end + 1 - s);
    struct text line = {s, span - 1};
    line.n -= line.n && s[line.n - 1] == '\r';
    size_t data = data_behind(line);
    if (n - span < data)
        return 0;
    struct text rest = line, first = word(&rest);
    h->piece[h->n].last = !is(first, "VALUE") && !is(first, "STAT") && !is(first, "ITEM");
    plain_line(h, shown, line);
    if (data) {
        md_buf_byte(&h->plain, '\n');
        md_buf_append(&h->plain, s + span, data);
    }
    return span + data;
}

static size_t cut_packet(struct md_heard *h, struct md_shown *shown, const uint8_t *s, size_t n) {
    if (n < PACKET_HEADER)
        return 0;
    uint64_t body = 0, cas = 0;
    for (int i = 8; i < 12; i++)
        body = body << 8 | s[i];
    for (int i = PACKET_CAS; i < PACKET_CAS + 8; i++)
        cas = cas << 8 | s[i];
    if (n - PACKET_HEADER < body)
        return 0;
    h->piece[h->n].last = true;
    md_buf_append(&h->plain, s, PACKET_CAS);
    add_cas(h, shown, cas);
    enum { VERSION = 0x0b, STAT = 0x10 };
    if (s[1] != VERSION && s[1] != STAT)
        md_buf_append(&h->plain, s + PACKET_HEADER, body);
    return PACKET_HEADER + body;
}

static void add_piece(struct md_heard *h, struct md_shown *shown, bool end) {
    const uint8_t *s = h->bytes.data + h->used;
    size_t n = h->bytes.len - h->used;
    h->piece = md_grow(h->piece, &h->cap, h->n + 1, sizeof *h->piece);
    struct md_piece *p = &h->piece[h->n];
    *p = (struct md_piece){.at = h->used, .plain_at = h->plain.len};
    bool binary = s[0] == PACKET_RESPONSE;
    p->n = binary ? cut_packet(h, shown, s, n) : cut_line(h, shown, s, n);
    if (p->n == 0 && !end) {
        h->plain.len = p->plain_at;
        return;
    }
    if (p->n == 0) { /* half of one is what came */
        h->plain.len = p->plain_at;
        p->last = true;
        md_buf_append(&h->plain, s, n);
        p->n = n;
    }
    p->plain_n = h->plain.len - p->plain_at;
    h->used += p->n;
    /* Of a counter that is not compared nothing is left. */
    h->n += p->plain_n > 0 || p->last;
}

void md_heard_cut(struct md_heard *h, struct md_shown *shown, bool end) {
    md_buf_reserve(&h->plain, 1);
    for (size_t before = SIZE_MAX; h->used < h->bytes.len && before != h->used;) {
        before = h->used;
        add_piece(h, shown, end);
    }
}

void md_heard_clear(struct md_heard *h) { h->bytes.len = h->plain.len = h->used = h->n = 0; }

void md_heard_free(struct md_heard *h) {
    md_buf_free(&h->bytes);
    md_buf_free(&h->plain);
    free(h->piece);
    *h = (struct md_heard){0};
}

/* ---- differences ------------------------------------------------------------------------------ */

static struct text plain_of(const struct md_heard *h, const struct md_piece *p) {
    return (struct text){h->plain.data + p->plain_at, p->plain_n};
}

bool md_piece_equal(const struct md_heard *a, const struct md_piece *pa, const struct md_heard *b,
                    const struct md_piece *pb) {
    return pa->plain_n == pb->plain_n &&
           memcmp(plain_of(a, pa).s, plain_of(b, pb).s, pa->plain_n) == 0;
}

/* Without the data behind it. */
static struct text line_of(struct text t) {
    const uint8_t *end = t.n ? memchr(t.s, '\n', t.n) : NULL;
    return end ? (struct text){t.s, (size_t)(end - t.s)} : t;
}

/* The first word of an answer, a number being "number"; what is no word of a protocol: "other". */
static void kind_of(struct text t, char out[16]) {
    struct text rest = line_of(t), first = word(&rest);
    size_t upper = 0;
    while (upper < first.n && (isupper(first.s[upper]) || first.s[upper] == '_'))
        upper++;
    if (t.n && t.s[0] == PACKET_RESPONSE)
        snprintf(out, 16, "status-%02x", t.n > 7 ? t.s[7] : 0u);
    else if (t.n == 0)
        snprintf(out, 16, "empty-line");
    else if (md_number_unsigned(first.s, first.n).proper)
        snprintf(out, 16, "number");
    else if (upper > 1 && upper < 16 && (upper == first.n || first.s[upper] == ':'))
        snprintf(out, 16, "%.*s", (int)upper, (const char *)first.s);
    else
        snprintf(out, 16, "other");
}

/* "items:5:evicted" without its class. */
static void counter_name(struct text name, char out[48]) {
    const uint8_t *last = memrchr(name.s, ':', name.n), *s = last ? last + 1 : name.s;
    snprintf(out, 48, "%.*s", (int)(name.s + name.n - s), (const char *)s);
}

/* Which word of two answers of the same kind differs. */
static void field_of(struct text a, struct text b, char out[48]) {
    static const char *const value[] = {"", "key", "flags", "bytes", "cas"};
    struct text ra = line_of(a), rb = line_of(b), first = word(&ra);
    bool stat = is(first, "STAT"), of_value = is(first, "VALUE");
    word(&rb);
    snprintf(out, 48, of_value || is(first, "VA") ? "data" : "text");
    for (size_t i = 1; ra.n || rb.n; i++) {
        struct text wa = word(&ra), wb = word(&rb);
        bool same = wa.n == wb.n && memcmp(wa.s, wb.s, wa.n) == 0;
        if (same && stat && i == 1)
            counter_name(wa, out);
        if (!same && of_value && i < 5)
            snprintf(out, 48, "%s", value[i]);
        if (!same && !of_value && !stat)
            snprintf(out, 48, "text");
        if (!same)
            return;
    }
}

void md_piece_difference(const struct md_heard *a, const struct md_piece *pa,
                         const struct md_heard *b, const struct md_piece *pb, char *out,
                         size_t size) {
    struct text ta = plain_of(a, pa), tb = plain_of(b, pb);
    char ka[16], kb[16], field[48];
    kind_of(ta, ka);
    kind_of(tb, kb);
    if (strcmp(ka, kb) != 0) {
        snprintf(out, size, "%s-%s", ka, kb);
        return;
    }
    field_of(ta, tb, field);
    snprintf(out, size, "%s.%s", ka, field);
}
