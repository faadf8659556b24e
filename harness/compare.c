/* What differs between two replies, as a signature; see compare.h. */
#include "harness/compare.h"

#include "harness/compare_meta.h"
#include "harness/packets.h"

#include <stdio.h>
#include <string.h>

/* ---- one reply ------------------------------------------------------------------------------- */

struct line {
    const uint8_t *s;
    size_t n;    /* without CRLF */
    size_t span; /* with it; 0: not complete */
};

static struct line line_at(const uint8_t *bytes, size_t len) {
    struct line l = {bytes, 0, 0};
    const uint8_t *end = len ? memchr(bytes, '\n', len) : NULL;
    if (end && end > bytes && end[-1] == '\r') {
        l.n = (size_t)(end - 1 - bytes);
        l.span = l.n + 2;
    }
    return l;
}

static bool begins(struct line l, const char *text) {
    size_t n = strlen(text);
    return l.n >= n && memcmp(l.s, text, n) == 0;
}

/* A block "VALUE key flags bytes [cas]" with its data. */
struct value {
    struct line key, flags, bytes, cas;
    const uint8_t *data;
    size_t n_data, span;
};

static struct line next_word(struct line *rest) {
    while (rest->n && *rest->s == ' ')
        rest->s++, rest->n--;
    const uint8_t *blank = rest->n ? memchr(rest->s, ' ', rest->n) : NULL;
    size_t n = blank ? (size_t)(blank - rest->s) : rest->n;
    struct line w = {rest->s, n, n};
    rest->s += n;
    rest->n -= n;
    return w;
}

static bool value_at(const uint8_t *bytes, size_t len, struct value *v) {
    struct line l = line_at(bytes, len);
    if (!l.span || !begins(l, "VALUE "))
        return false;
    struct line rest = {l.s + 6, l.n - 6, 0};
    v->key = next_word(&rest);
    v->flags = next_word(&rest);
    v->bytes = next_word(&rest);
    v->cas = next_word(&rest);
    size_t n = 0;
    if (v->bytes.n == 0 || v->bytes.n > 10)
        return false;
    for (size_t i = 0; i < v->bytes.n; i++) {
        if (v->bytes.s[i] < '0' || v->bytes.s[i] > '9')
            return false;
        n = n * 10 + (size_t)(v->bytes.s[i] - '0');
    }
    if (len - l.span < n + 2 || memcmp(bytes + l.span + n, "\r\n", 2) != 0)
        return false;
    v->data = bytes + l.span;
    v->n_data = n;
    v->span = l.span + n + 2;
    return true;
}

static bool retrieves(enum md_command_name name) {
    return name >= MD_CMD_GET && name <= MD_CMD_GATS;
}

/* One packet; of `stat`, all through the empty one, or an error. */
static size_t packets_span(enum md_command_name name, const uint8_t *bytes, size_t len) {
    bool stat =
        name == MD_CMD_BIN_STAT || name == MD_CMD_BIN_STAT_ITEMS || name == MD_CMD_BIN_STAT_SLABS;
    struct md_response r;
    for (size_t at = 0; md_response_at(bytes + at, len - at, &r);) {
        at += r.span;
        if (!stat || r.header.n_body == 0 || r.header.status)
            return at;
    }
    return 0;
}

static size_t stats_span(const uint8_t *bytes, size_t len) {
    for (size_t at = 0; at < len;) {
        struct line l = line_at(bytes + at, len - at);
        if (!l.span)
            return 0;
        at += l.span;
        if (!begins(l, "STAT ") && !begins(l, "ITEM "))
            return at;
    }
    return 0;
}

bool md_is_binary(enum md_command_name name) {
    return name >= MD_CMD_BIN_GET && name <= MD_CMD_BIN_UNKNOWN;
}

size_t md_reply_span(enum md_command_name name, const uint8_t *bytes, size_t len) {
    if (len == 0)
        return 0;
    if (md_is_binary(name))
        return packets_span(name, bytes, len);
    if (name == MD_CMD_STATS || name == MD_CMD_STATS_ITEMS || name == MD_CMD_STATS_SLABS ||
        name == MD_CMD_CACHEDUMP)
        return stats_span(bytes, len);
    if (md_is_meta(name))
        return md_meta_span(bytes, len);
    size_t at = 0;
    struct value v;
    while (value_at(bytes + at, len - at, &v))
        at += v.span;
    struct line l = line_at(bytes + at, len - at);
    return l.span ? at + l.span : 0;
}

/* ---- what differs ---------------------------------------------------------------------------- */

static const char *const known[] = {
    "STORED",  "NOT_STORED", "EXISTS", "NOT_FOUND",    "DELETED",      "TOUCHED", "OK",    "RESET",
    "VERSION", "MN",         "END",    "CLIENT_ERROR", "SERVER_ERROR", "ERROR",   "VALUE", "STAT",
    "HD",      "VA",         "EN",     "NF",           "NS",           "EX",      "ME",
};

/* The kind of a reply by its first word. */
static const char *kind_of(struct line l, bool complete) {
    struct line rest = l;
    struct line w = next_word(&rest);
    if (!complete)
        return "incomplete";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (w.n == strlen(known[i]) && memcmp(w.s, known[i], w.n) == 0)
            return known[i];
    if (w.n && w.s[0] >= '0' && w.s[0] <= '9')
        return "number";
    return "garbage";
}

static bool same(struct line a, struct line b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.s, b.s, a.n) == 0);
}

struct difference {
    char field[MD_FIELD_MAX];
    char kind[MD_KIND_MAX];
};

static void differs(struct difference *d, const char *field, const char *kind) {
    snprintf(d->field, sizeof d->field, "%s", field);
    snprintf(d->kind, sizeof d->kind, "%s", kind);
}

/* Two values under the same key. */
static bool value_differs(const struct value *e, const struct value *o, struct difference *d) {
    if (!same(e->flags, o->flags))
        differs(d, "flags", "differ");
    else if (e->n_data != o->n_data)
        differs(d, "bytes", "differ");
    else if (memcmp(e->data, o->data, e->n_data) != 0)
        differs(d, "data", "differs");
    else if (!same(e->cas, o->cas))
        differs(d, "cas", o->cas.n == 0 ? "missing" : e->cas.n == 0 ? "surplus" : "differs");
    else
        return false;
    return true;
}

static void lines_differ(struct line e, bool e_whole, struct line o, bool o_whole,
                         struct difference *d) {
    const char *expected = kind_of(e, e_whole), *observed = kind_of(o, o_whole);
    if (expected != observed)
        snprintf(d->kind, sizeof d->kind, "%s-instead-of-%s", observed, expected);
    else
        snprintf(d->kind, sizeof d->kind, "%s-differs", observed);
    snprintf(d->field, sizeof d->field, "reply");
}

static bool has_value(const uint8_t *bytes, size_t n, struct line key) {
    struct value v;
    for (; value_at(bytes, n, &v); bytes += v.span, n -= v.span)
        if (same(v.key, key))
            return true;
    return false;
}

static void find_difference(const uint8_t *e, size_t n_e, const uint8_t *o, size_t n_o,
                            struct difference *d) {
    for (;;) {
        struct value ve, vo;
        bool has_e = value_at(e, n_e, &ve), has_o = value_at(o, n_o, &vo);
        if (has_e && has_o && same(ve.key, vo.key)) {
            if (value_differs(&ve, &vo, d))
                return;
            e += ve.span, n_e -= ve.span;
            o += vo.span, n_o -= vo.span;
            continue;
        }
        struct line le = line_at(e, n_e), lo = line_at(o, n_o);
        bool more_o = has_o && (has_e || begins(le, "END"));
        bool more_e = has_e && (has_o || begins(lo, "END"));
        if (has_e && has_o) /* of two keys, one is not in the other's list */
            more_e = !has_value(o, n_o, ve.key);
        if (more_e)
            differs(d, "value", "miss-instead-of-hit");
        else if (more_o)
            differs(d, "value", "hit-instead-of-miss");
        else
            lines_differ(le, le.span != 0, lo, lo.span != 0, d);
        return;
    }
}

void md_signature_plain(char *s) {
    for (; *s; s++) {
        if (*s >= 'A' && *s <= 'Z')
            *s = (char)(*s - 'A' + 'a');
        else if (!(*s >= 'a' && *s <= 'z') && !(*s >= '0' && *s <= '9') && *s != '.')
            *s = '-';
    }
}

void md_signature(const struct md_command *command, const uint8_t *expected, size_t n_expected,
                  const uint8_t *observed, size_t n_observed, char *out, size_t size) {
    struct difference d = {"", ""};
    enum md_command_name name = (enum md_command_name)command->name;
    if (n_expected == 0)
        differs(&d, "reply", n_observed ? "surplus" : "none");
    else if (n_observed == 0)
        differs(&d, "reply", "missing");
    else if (md_is_binary(name))
        md_packets_differ(expected, n_expected, observed, n_observed, d.field, sizeof d.field,
                          d.kind, sizeof d.kind);
    else if (retrieves(name))
        find_difference(expected, n_expected, observed, n_observed, &d);
    else if (!md_is_meta(name) ||
             !md_meta_difference(expected, n_expected, observed, n_observed, d.field, d.kind)) {
        struct line e = line_at(expected, n_expected), o = line_at(observed, n_observed);
        lines_differ(e, e.span != 0, o, o.span != 0, &d);
    }
    char rule[MD_ID_MAX];
    md_id_text(md_rule_info((enum md_rule)command->rule)->name, rule, sizeof rule);
    snprintf(out, size, "%s.%s.%s.%s", md_command_name_text(name), d.field, d.kind, rule);
    md_signature_plain(out);
}
