/* Spans and differences of meta replies; see compare_meta.h. */
#include "harness/compare_meta.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 32 };

struct word {
    const uint8_t *s;
    size_t n;
};

struct reply {
    struct word word[WORDS_MAX];
    size_t n;
    const uint8_t *rest; /* behind the line */
    size_t n_rest;
};

bool md_is_meta(enum md_command_name name) { return name >= MD_CMD_MG && name <= MD_CMD_ME; }

/* False: no whole line. */
static bool take(const uint8_t *bytes, size_t len, struct reply *r) {
    const uint8_t *end = len ? memchr(bytes, '\n', len) : NULL;
    if (!end || end == bytes || end[-1] != '\r')
        return false;
    r->n = 0;
    r->rest = end + 1;
    r->n_rest = len - (size_t)(r->rest - bytes);
    for (const uint8_t *p = bytes; p < end - 1 && r->n < WORDS_MAX;) {
        while (p < end - 1 && *p == ' ')
            p++;
        const uint8_t *from = p;
        while (p < end - 1 && *p != ' ')
            p++;
        if (p > from)
            r->word[r->n++] = (struct word){from, (size_t)(p - from)};
    }
    return r->n > 0;
}

static bool is(struct word w, const char *text) {
    return w.n == strlen(text) && memcmp(w.s, text, w.n) == 0;
}

static bool same(struct word a, struct word b) { return a.n == b.n && !memcmp(a.s, b.s, a.n); }

static bool number(struct word w, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < w.n; i++) {
        if (w.s[i] < '0' || w.s[i] > '9' || i > 9)
            return false;
        *n = *n * 10 + (size_t)(w.s[i] - '0');
    }
    return w.n > 0;
}

size_t md_meta_span(const uint8_t *bytes, size_t len) {
    struct reply r;
    size_t n;
    if (!take(bytes, len, &r))
        return 0;
    size_t line = (size_t)(r.rest - bytes);
    if (!is(r.word[0], "VA") || r.n < 2 || !number(r.word[1], &n))
        return line;
    return r.n_rest < n + 2 ? 0 : line + n + 2;
}

static void differs(char *field, const char *name, char *kind, const char *how) {
    snprintf(field, MD_FIELD_MAX, "%s", name);
    snprintf(kind, MD_KIND_MAX, "%s", how);
}

/* The name of a word: of a flag its letter, of me what stands before '='. */
static void name_of(struct word w, char field[MD_FIELD_MAX]) {
    const uint8_t *sign = memchr(w.s, '=', w.n);
    if (sign && sign - w.s < 8 && sign - w.s > 1)
        snprintf(field, MD_FIELD_MAX, "%.*s", (int)(sign - w.s), (const char *)w.s);
    else if (w.s[0] == 'O')
        snprintf(field, MD_FIELD_MAX, "opaque");
    else if (w.s[0] >= 'A' && w.s[0] <= 'Z') /* signatures are in lower case: h and H differ */
        snprintf(field, MD_FIELD_MAX, "mark-%c", w.s[0]);
    else if (w.s[0] >= 'a' && w.s[0] <= 'z')
        snprintf(field, MD_FIELD_MAX, "flag-%c", w.s[0]);
    else
        snprintf(field, MD_FIELD_MAX, "flag");
}

static bool has(const struct reply *r, size_t from, const char *name) {
    char other[MD_FIELD_MAX];
    for (size_t i = from; i < r->n; i++) {
        name_of(r->word[i], other);
        if (strcmp(other, name) == 0)
            return true;
    }
    return false;
}

/* The first word from `i` on in which they differ. */
static void words_differ(const struct reply *e, const struct reply *o, size_t i, char *field,
                         char *kind) {
    char observed[MD_FIELD_MAX];
    while (i < e->n && i < o->n && same(e->word[i], o->word[i]))
        i++;
    if (i < o->n)
        name_of(o->word[i], observed);
    if (i >= e->n && i >= o->n) {
        differs(field, "data", kind, "differs");
        return;
    }
    if (i >= e->n) {
        differs(field, observed, kind, "surplus");
        return;
    }
    name_of(e->word[i], field);
    const char *how = i < o->n && strcmp(field, observed) == 0 ? "differs"
                      : !has(o, i, field)                      ? "missing"
                      : !has(e, i, observed)                   ? "surplus"
                                                               : "order";
    if (strcmp(how, "surplus") == 0)
        snprintf(field, MD_FIELD_MAX, "%s", observed);
    snprintf(kind, MD_KIND_MAX, "%s", how);
}

bool md_meta_difference(const uint8_t *expected, size_t n_expected, const uint8_t *observed,
                        size_t n_observed, char field[MD_FIELD_MAX], char kind[MD_KIND_MAX]) {
    struct reply e, o;
    if (!take(expected, n_expected, &e) || !take(observed, n_observed, &o) ||
        !same(e.word[0], o.word[0]) || e.word[0].n != 2)
        return false;
    bool value = is(e.word[0], "VA"), debug = is(e.word[0], "ME");
    if ((value || debug) && e.n > 1 && o.n > 1 && !same(e.word[1], o.word[1])) {
        differs(field, value ? "bytes" : "key", kind, "differ");
        return true;
    }
    words_differ(&e, &o, value || debug ? 2 : 1, field, kind);
    return true;
}
