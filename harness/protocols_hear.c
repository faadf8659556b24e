/* What the answers of each protocol mean; see protocols.h. */
#include "harness/packets.h"
#include "harness/protocols.h"
#include "model/number.h"

#include <stdlib.h>
#include <string.h>

const char *md_heard_word(enum md_heard_kind kind) {
    static const char *const words[] = {"done",      "hit",    "not-stored",  "exists",
                                        "miss",      "number", "non-numeric", "too-large",
                                        "no-memory", "error",  "nothing"};
    return words[kind];
}

struct line {
    const char *s;
    size_t n, span;
};

static struct line line_of(const uint8_t *reply, size_t n) {
    const uint8_t *end = n ? memchr(reply, '\n', n) : NULL;
    if (!end || end == reply || end[-1] != '\r')
        return (struct line){(const char *)reply, 0, 0};
    return (struct line){(const char *)reply, (size_t)(end - reply) - 1, (size_t)(end - reply) + 1};
}

static bool begins(struct line l, const char *text) {
    size_t n = strlen(text);
    return l.n >= n && memcmp(l.s, text, n) == 0;
}

/* One-line answers, of text and meta. */
static enum md_heard_kind kind_of(struct line l) {
    static const struct {
        const char *text;
        enum md_heard_kind kind;
    } answers[] = {
        {"STORED", MD_HEARD_DONE},
        {"DELETED", MD_HEARD_DONE},
        {"TOUCHED", MD_HEARD_DONE},
        {"OK", MD_HEARD_DONE},
        {"HD", MD_HEARD_DONE},
        {"NOT_STORED", MD_HEARD_NOT_STORED},
        {"NS", MD_HEARD_NOT_STORED},
        {"EXISTS", MD_HEARD_EXISTS},
        {"EX", MD_HEARD_EXISTS},
        {"NOT_FOUND", MD_HEARD_MISS},
        {"NF", MD_HEARD_MISS},
        {"EN", MD_HEARD_MISS},
        {"CLIENT_ERROR cannot increment", MD_HEARD_NON_NUMERIC},
        {"SERVER_ERROR object too large", MD_HEARD_TOO_LARGE},
        {"SERVER_ERROR out of memory", MD_HEARD_NO_MEMORY},
    };
    if (l.span == 0)
        return MD_HEARD_NOTHING;
    if (begins(l, "END")) /* not ENx */
        return MD_HEARD_MISS;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++)
        if (begins(l, answers[i].text))
            return answers[i].kind;
    return MD_HEARD_ERROR;
}

/* The number behind `word` in a line, 0 if there is none. */
static uint64_t number_behind(struct line l, unsigned word) {
    const char *p = l.s, *end = l.s + l.n;
    for (; word > 0 && p; word--) {
        p = memchr(p, ' ', (size_t)(end - p));
        p = p ? p + 1 : NULL;
    }
    if (!p)
        return 0;
    const char *blank = memchr(p, ' ', (size_t)(end - p));
    return md_number_unsigned((const uint8_t *)p, (size_t)((blank ? blank : end) - p)).value;
}

/* The data block of n bytes behind the line; false: it is not whole. */
static bool block_behind(struct line l, size_t n, size_t left, struct md_heard *h) {
    if (left < l.span || left - l.span < n + 2 || memcmp(l.s + l.span + n, "\r\n", 2) != 0)
        return false;
    h->value = (const uint8_t *)l.s + l.span;
    h->n_value = n;
    return true;
}

static void hear_text(enum md_say say, const uint8_t *reply, size_t n, struct md_heard *h) {
    struct line l = line_of(reply, n);
    h->kind = kind_of(l);
    if (begins(l, "VALUE ")) {
        h->kind = block_behind(l, number_behind(l, 3), n, h) ? MD_HEARD_HIT : MD_HEARD_NOTHING;
        h->flags = (uint32_t)number_behind(l, 2);
        h->cas = number_behind(l, 4);
    } else if ((say == MD_SAY_INCR || say == MD_SAY_DECR) && l.n && l.s[0] >= '0' &&
               l.s[0] <= '9') {
        h->kind = MD_HEARD_NUMBER;
        h->number = number_behind(l, 0);
    }
}

static void hear_meta(enum md_say say, const uint8_t *reply, size_t n, struct md_heard *h) {
    struct line l = line_of(reply, n);
    h->kind = kind_of(l);
    if (!begins(l, "VA "))
        return;
    h->kind = block_behind(l, number_behind(l, 1), n, h) ? MD_HEARD_HIT : MD_HEARD_NOTHING;
    for (size_t i = 3; i + 1 < l.n; i++) {
        struct line rest = {l.s + i + 2, l.n - i - 2, 0};
        if (l.s[i] != ' ')
            continue;
        switch (l.s[i + 1]) {
        case 'f': h->flags = (uint32_t)number_behind(rest, 0); break;
        case 'c': h->cas = number_behind(rest, 0); break;
        case 't': h->ttl = number_behind(rest, 0); break;
        default: break;
        }
    }
    if (h->kind == MD_HEARD_HIT && (say == MD_SAY_INCR || say == MD_SAY_DECR)) {
        h->kind = MD_HEARD_NUMBER;
        h->number = md_number_unsigned(h->value, h->n_value).value;
        h->n_value = 0;
    }
}

static enum md_heard_kind kind_of_status(enum md_say say, uint16_t status) {
    switch (status) {
    case MD_STATUS_OK: return MD_HEARD_DONE;
    /* A binary add and replace say why nothing was stored. */
    case MD_STATUS_NOT_FOUND: return say == MD_SAY_REPLACE ? MD_HEARD_NOT_STORED : MD_HEARD_MISS;
    case MD_STATUS_EXISTS: return say == MD_SAY_ADD ? MD_HEARD_NOT_STORED : MD_HEARD_EXISTS;
    case MD_STATUS_TOO_LARGE: return MD_HEARD_TOO_LARGE;
    case MD_STATUS_NOT_STORED: return MD_HEARD_NOT_STORED;
    case MD_STATUS_NON_NUMERIC: return MD_HEARD_NON_NUMERIC;
    case MD_STATUS_NO_MEMORY: return MD_HEARD_NO_MEMORY;
    default: return MD_HEARD_ERROR;
    }
}

static void hear_binary(enum md_say say, const uint8_t *reply, size_t n, struct md_heard *h) {
    struct md_response r;
    h->kind = MD_HEARD_NOTHING;
    if (!md_response_at(reply, n, &r) || r.span != n)
        return;
    h->kind = kind_of_status(say, r.header.status);
    if (h->kind != MD_HEARD_DONE)
        return;
    if ((say == MD_SAY_INCR || say == MD_SAY_DECR) && r.n_value == 8) {
        h->kind = MD_HEARD_NUMBER;
        h->number = md_be_read(r.value, 8);
    } else if (say == MD_SAY_GET || say == MD_SAY_GAT) {
        h->kind = MD_HEARD_HIT;
        h->flags = r.header.n_extras == 4 ? (uint32_t)md_be_read(r.extras, 4) : 0;
        h->cas = r.header.cas;
        h->value = r.value;
        h->n_value = r.n_value;
    }
}

void md_hear(enum md_speaker p, enum md_say say, const uint8_t *reply, size_t n,
             struct md_heard *h) {
    static void (*const hear[MD_SPEAKERS])(enum md_say, const uint8_t *, size_t,
                                           struct md_heard *) = {hear_text, hear_meta, hear_binary};
    *h = (struct md_heard){.kind = MD_HEARD_NOTHING};
    hear[p](say, reply, n, h);
}
