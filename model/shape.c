/* Replies known by their shape: the table of shapes, and the walk over lines; see shape.h. */
#include "model/shape.h"

#include "model/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* How a reply of this shape goes, line by line. */
struct form {
    const char *end; /* the last line; NULL: there is only one line */
    bool bare;       /* lines before the last end with LF alone */
    bool (*line)(struct md_shape_check *c, const uint8_t *line, size_t n);
    bool (*all)(struct md_shape_check *c); /* at the end; may be NULL */
};

static const struct form forms[MD_SHAPES] = {
    [MD_SHAPE_WORD] = {NULL, false, NULL, NULL},
    [MD_SHAPE_SETTINGS] = {"END", false, md_shape_setting, md_shape_all_fields},
    [MD_SHAPE_SIZES] = {"END", false, md_shape_size, NULL},
    [MD_SHAPE_CONNS] = {"END", false, md_shape_conn, NULL},
    [MD_SHAPE_BUILD] = {"END", false, md_shape_stat, NULL},
    [MD_SHAPE_DETAIL] = {"END", false, md_shape_prefix, NULL},
    [MD_SHAPE_CACHEDUMP] = {"END", false, md_shape_cached, NULL},
    [MD_SHAPE_METADUMP] = {"END", true, md_shape_meta, md_shape_all_items},
    [MD_SHAPE_MGDUMP] = {"EN", false, md_shape_mg, md_shape_all_items},
    [MD_SHAPE_WATCH] = {NULL, false, NULL, NULL},
};

static const struct {
    unsigned word;
    const char *text;
    bool message; /* a message may follow */
} words[] = {
    {MD_SAYS_OK, "OK", false},
    {MD_SAYS_ERROR, "ERROR", true},
    {MD_SAYS_CLIENT_ERROR, "CLIENT_ERROR", true},
    {MD_SAYS_BUSY, "BUSY", true},
    {MD_SAYS_BADCLASS, "BADCLASS", true},
    {MD_SAYS_NOSPARE, "NOSPARE", true},
    {MD_SAYS_NOTFULL, "NOTFULL", true},
    {MD_SAYS_UNSAFE, "UNSAFE", true},
    {MD_SAYS_SAME, "SAME", true},
    {MD_SAYS_NOTSTARTED, "NOTSTARTED", true},
    {MD_SAYS_TLS_ERROR, "Error", true},
};

/* ---- notes -------------------------------------------------------------------------------------- */

struct md_shape_note *md_shape_note(struct md_model *m, enum md_shape shape, unsigned allowed) {
    m->notes = md_grow(m->notes, &m->cap_notes, m->n_notes + 1, sizeof *m->notes);
    struct md_shape_note *n = &m->notes[m->n_notes++];
    *n = (struct md_shape_note){
        .ordinal = m->command->ordinal, .shape = shape, .words = allowed, .most = UINT64_MAX};
    m->command->flags |= MD_COMMAND_STATS;
    return n;
}

void md_shape_expect(struct md_shape_note *n, const char *name, const char *fmt, ...) {
    n->fields = md_grow(n->fields, &n->cap_fields, n->n_fields + 1, sizeof *n->fields);
    struct md_expected_field *f = &n->fields[n->n_fields++];
    va_list args;
    va_start(args, fmt);
    snprintf(f->name, sizeof f->name, "%s", name);
    vsnprintf(f->text, sizeof f->text, fmt, args);
    va_end(args);
}

static void expect_item(struct md_model *m, struct md_shape_note *n, const struct md_item *it) {
    uint64_t zero = m->start_time - MD_RESTART_SLACK;
    bool dead = it->order < m->flush.before || (it->exptime && it->exptime < m->now);
    if (dead && n->shape != MD_SHAPE_CACHEDUMP)
        return;
    n->items = md_grow(n->items, &n->cap_items, n->n_items + 1, sizeof *n->items);
    n->items[n->n_items++] = (struct md_expected_item){
        .record = it->record,
        .exp = it->exptime ? (int64_t)(zero + it->exptime) : -1,
        .from = zero + (it->time < it->used ? it->time : it->used),
        .until = zero + (it->time > it->used ? it->time : it->used),
        .cas = it->cas,
        .size = it->total,
        .flags = it->flags,
        .nbytes = it->nbytes,
        .class = it->class,
        .fetched = it->fetched,
        .certain = !dead && (it->exptime == 0 || it->exptime > m->now),
    };
    if (it->open_choice)
        md_stands_on(m, it->padded_by, MD_CHOICE_PADDING);
}

void md_shape_expect_items(struct md_model *m, struct md_shape_note *n, unsigned class) {
    for (unsigned c = 1; c <= m->slabs.largest; c++)
        for (int32_t i = m->head[c]; (class == 0 || class == c) && i != MD_NIL;
             i = m->items[i].next)
            expect_item(m, n, &m->items[i]);
}

void md_shape_forget(struct md_model *m) {
    for (size_t i = 0; i < m->n_notes; i++) {
        free(m->notes[i].fields);
        free(m->notes[i].items);
    }
    m->n_notes = 0;
}

static void *copy_of(const void *p, size_t n) { return n ? memcpy(md_alloc(n), p, n) : NULL; }

void md_shape_copy(struct md_model *to, const struct md_model *from) {
    to->notes = copy_of(from->notes, from->n_notes * sizeof *from->notes);
    to->cap_notes = from->n_notes;
    for (size_t i = 0; i < to->n_notes; i++) {
        struct md_shape_note *n = &to->notes[i];
        n->fields = copy_of(n->fields, n->n_fields * sizeof *n->fields);
        n->items = copy_of(n->items, n->n_items * sizeof *n->items);
        n->cap_fields = n->n_fields;
        n->cap_items = n->n_items;
    }
}

static const struct md_shape_note *find(const struct md_model *m, uint32_t ordinal) {
    for (size_t i = m->n_notes; i-- > 0;)
        if (m->notes[i].ordinal == ordinal)
            return &m->notes[i];
    return NULL;
}

/* ---- lines -------------------------------------------------------------------------------------- */

bool md_shape_wrong(struct md_shape_check *c, const char *field, const char *fmt, ...) {
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    snprintf(c->field, 32, "%s", field);
    c->why->len = 0;
    md_buf_printf(c->why, "%s: %s", field, text);
    return false;
}

/* The next line: its length without the end, *span with it (0: it is not complete). */
static size_t line_at(const uint8_t *text, size_t len, bool bare, size_t *span) {
    const uint8_t *end = len ? memchr(text, '\n', len) : NULL;
    *span = 0;
    if (!end)
        return 0;
    size_t n = (size_t)(end - text);
    bool crlf = n > 0 && text[n - 1] == '\r';
    if (!crlf && !bare)
        return 0;
    *span = n + 1;
    return crlf ? n - 1 : n;
}

/* Where an address is followed by bytes of somebody else, line ends among them: the line goes on to what
 * can only be the next one. */
static size_t address_at(const uint8_t *text, size_t len, size_t *span) {
    size_t n = line_at(text, len, true, span);
    const uint8_t *colon = n ? memchr(text, ':', n) : NULL;
    if (*span == 0 || !colon || (size_t)(colon - text) + 6 > n || memcmp(colon, ":addr ", 6) != 0)
        return line_at(text, len, false, span);
    for (size_t i = 0; i + 7 <= len; i++)
        if (memcmp(text + i, "\r\nSTAT ", 7) == 0 || memcmp(text + i, "\r\nEND\r\n", 7) == 0) {
            *span = i + 2;
            return i;
        }
    *span = 0;
    return 0;
}

static bool is(const uint8_t *line, size_t n, const char *text) {
    return strlen(text) == n && memcmp(line, text, n) == 0;
}

/* The word that a line begins with, as a one-line answer; 0: none. */
static unsigned word_of(const uint8_t *line, size_t n) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].text);
        if (n < len || memcmp(line, words[i].text, len) != 0)
            continue;
        if (n == len || (words[i].message && n > len + 1 && (line[len] == ' ' || line[len] == ':')))
            return words[i].word;
    }
    return 0;
}

static bool check_word(struct md_shape_check *c, const uint8_t *line, size_t n) {
    unsigned word = word_of(line, n);
    for (size_t i = 0; i < n; i++)
        if (line[i] < 0x20 || line[i] > 0x7e)
            return md_shape_wrong(c, "shape", "a byte that is no text");
    if (word & c->note->words)
        return true;
    return md_shape_wrong(c, "answer", "not one of those allowed here: %.*s", n < 40 ? (int)n : 40,
                          (const char *)line);
}

static bool check_lines(struct md_shape_check *c, const uint8_t *text, size_t len, size_t *used) {
    const struct form *f = &forms[c->note->shape];
    for (;;) {
        size_t span, n = c->note->outside ? address_at(text + *used, len - *used, &span)
                                          : line_at(text + *used, len - *used, f->bare, &span);
        const uint8_t *line = text + *used;
        if (!span)
            return md_shape_wrong(c, "shape", "the reply has no end, only %zu bytes: %.*s", len,
                                  len - *used < 160 ? (int)(len - *used) : 160, (const char *)line);
        bool first = *used == 0;
        *used += span;
        if (!f->line)
            return check_word(c, line, n);
        if (first && c->note->ok_first) {
            if (!is(line, n, "OK"))
                return md_shape_wrong(c, "answer", "not OK");
            continue;
        }
        if (is(line, n, f->end))
            return !f->all || f->all(c);
        if (first && c->note->words && word_of(line, n) & c->note->words)
            return true;
        if (!f->line(c, line, n))
            return false;
    }
}

static bool check_watch(struct md_shape_check *c, const uint8_t *text, size_t len, size_t *used) {
    if (len < 4 || memcmp(text, "OK\r\n", 4) != 0)
        return md_shape_wrong(c, "answer", "not OK");
    *used = len; /* log lines may be behind it: the connection's, no longer the command's */
    return true;
}

bool md_model_pattern_agrees(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                             size_t len, size_t *used, char *name, struct md_buf *why) {
    const struct md_shape_note *note = find(m, ordinal);
    if (!note)
        return md_model_stats_agree(m, ordinal, observed, len, used, name, why);
    struct md_shape_check c = {.m = m, .note = note, .field = name, .why = why};
    size_t expected = note->n_fields > note->n_items ? note->n_fields : note->n_items;
    *used = 0;
    if (note->shape == MD_SHAPE_WATCH)
        return check_watch(&c, observed, len, used);
    c.seen = md_calloc(expected + 1, sizeof *c.seen);
    bool agrees = check_lines(&c, observed, len, used);
    free(c.seen);
    return agrees;
}

bool md_model_pattern_complete(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                               size_t len) {
    const struct md_shape_note *note = find(m, ordinal);
    const struct form *f = note ? &forms[note->shape] : NULL;
    if (!note)
        return true;
    for (size_t at = 0, span; at < len; at += span) {
        size_t n = line_at(observed + at, len - at, f->bare, &span);
        if (!span)
            return false;
        if (!f->end || is(observed + at, n, f->end))
            return true;
        if (at == 0 && word_of(observed, n) && !is(observed, n, "OK"))
            return true;
    }
    return false;
}
