/*
 * Replies of a server of somebody else, compared as far as the protocol document binds it: errors by
 * their kind, versions by their shape, CAS values through a table of whose is whose, and the values
 * of a retrieval as a set (the document promises no order, nor that a key asked for twice comes twice).
 */
#include "harness/stranger_internal.h"

#include "model/number.h"

#include <string.h>

enum { VALUES_MAX = 2 * MD_POLITE_KEYS_MAX };

static size_t line_length(const uint8_t *bytes, size_t n) {
    const uint8_t *end = n ? memchr(bytes, '\n', n) : NULL;
    return end && end > bytes && end[-1] == '\r' ? (size_t)(end - bytes) + 1 : 0;
}

bool md_begins(const uint8_t *bytes, size_t n, const char *text) {
    size_t len = strlen(text);
    return n >= len && memcmp(bytes, text, len) == 0;
}

/* An error of the same kind, whatever it says. */
static bool same_error(const uint8_t *e, size_t n_e, const uint8_t *o, size_t n_o, size_t *used) {
    static const char *const kinds[] = {"CLIENT_ERROR", "SERVER_ERROR", "ERROR"};
    *used = line_length(o, n_o);
    for (size_t i = 0; *used && i < sizeof kinds / sizeof *kinds; i++)
        if (md_begins(e, n_e, kinds[i]))
            return md_begins(o, *used, kinds[i]);
    return false;
}

/* ---- CAS values ----------------------------------------------------------------------------- */

static uint64_t hash_of(const uint8_t *key, size_t n) {
    uint64_t hash = 1469598103934665603U;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ key[i]) * 1099511628211U;
    return hash;
}

/* Any number, but not that of another value of the same key. */
static bool note_cas(struct md_stranger *s, uint64_t key, uint64_t model, uint64_t theirs) {
    for (size_t i = 0; i < s->n_cas; i++) {
        struct md_cas_pair *p = &s->cas[i];
        if (p->model == model) {
            p->theirs = theirs;
            return true;
        }
        if (p->key == key && p->theirs == theirs)
            return false;
    }
    s->cas = md_grow(s->cas, &s->cap_cas, s->n_cas + 1, sizeof *s->cas);
    s->cas[s->n_cas++] = (struct md_cas_pair){key, model, theirs};
    return true;
}

/* ---- values --------------------------------------------------------------------------------- */

/* "VALUE key flags bytes [cas]" and its data. */
struct value {
    const uint8_t *line, *key, *data;
    size_t n_line, n_key, n_data; /* the line without its CAS value and CRLF */
    uint64_t cas;
    bool taken;
};

/* Returns its length; 0: there is none, or not all of it. */
static size_t value_at(const uint8_t *bytes, size_t n, bool cas, struct value *v) {
    size_t line = line_length(bytes, n), words[5], n_words = 0;
    if (!line || !md_begins(bytes, n, "VALUE "))
        return 0;
    for (size_t i = 0; i < line - 2; i++)
        if (bytes[i] == ' ' && n_words < 5)
            words[n_words++] = i + 1;
    if (n_words != (cas ? 4U : 3U))
        return 0;
    size_t end = cas ? words[3] - 1 : line - 2;
    struct md_number size = md_number_unsigned(bytes + words[2], end - words[2]);
    struct md_number unique = {.proper = true};
    if (cas)
        unique = md_number_unsigned(bytes + words[3], line - 2 - words[3]);
    if (!size.proper || !unique.proper || size.value > n || n - line < size.value + 2 ||
        memcmp(bytes + line + size.value, "\r\n", 2) != 0)
        return 0;
    *v = (struct value){.line = bytes,
                        .n_line = end,
                        .key = bytes + words[0],
                        .n_key = words[1] - 1 - words[0],
                        .data = bytes + line,
                        .n_data = (size_t)size.value,
                        .cas = unique.value};
    return line + v->n_data + 2;
}

static bool same_value(const struct value *a, const struct value *b) {
    return a->n_line == b->n_line && a->n_data == b->n_data &&
           memcmp(a->line, b->line, a->n_line) == 0 && memcmp(a->data, b->data, a->n_data) == 0;
}

static struct value *find_value(struct value *v, size_t n, const struct value *like, bool taken) {
    for (size_t i = 0; i < n; i++)
        if (v[i].taken == taken && same_value(&v[i], like))
            return &v[i];
    return NULL;
}

/* All that is expected came, and nothing else. */
static bool same_values(struct md_stranger *s, const uint8_t *e, size_t n_e, bool cas,
                        const uint8_t *o, size_t n_o, size_t *used) {
    struct value expected[VALUES_MAX], v, *match;
    size_t n = 0, len;
    for (; n < VALUES_MAX && (len = value_at(e, n_e, cas, &expected[n])); e += len, n_e -= len)
        n++;
    for (; (len = value_at(o + *used, n_o - *used, cas, &v)); *used += len) {
        match = find_value(expected, n, &v, false);
        if (!match || (cas && !note_cas(s, hash_of(v.key, v.n_key), match->cas, v.cas)))
            return false;
        match->taken = true;
    }
    for (size_t i = 0; i < n; i++)
        if (!expected[i].taken && !find_value(expected, n, &expected[i], true))
            return false;
    if (n_o - *used < n_e || memcmp(o + *used, e, n_e) != 0)
        return false;
    *used += n_e;
    return true;
}

static bool is_retrieval(enum md_command_name name) {
    return name == MD_CMD_GET || name == MD_CMD_GETS || name == MD_CMD_GAT || name == MD_CMD_GATS;
}

bool md_stranger_agrees(struct md_stranger *s, const struct md_reply *expected,
                        const struct md_command *k, const uint8_t *observed, size_t n,
                        size_t *used) {
    const uint8_t *e = expected->bytes.data + k->reply_offset;
    *used = 0;
    if (k->flags & MD_COMMAND_ERROR && k->reply_len)
        return same_error(e, k->reply_len, observed, n, used);
    if (is_retrieval((enum md_command_name)k->name))
        return same_values(s, e, k->reply_len, k->name == MD_CMD_GETS || k->name == MD_CMD_GATS,
                           observed, n, used);
    if (k->name == MD_CMD_VERSION) {
        *used = line_length(observed, n);
        return md_begins(observed, *used, "VERSION ");
    }
    *used = k->reply_len;
    return n >= *used && (*used == 0 || memcmp(observed, e, *used) == 0);
}
