/* One list, three protocols, one node; see protocols.h. */
#include "harness/protocols.h"

#include "harness/compare.h"
#include "harness/protocols_known.def.h"

#include <stdio.h>

enum {
    MOST = 2 << 20,     /* bytes of an answer */
    LOOK = MD_SPEAKERS, /* connection that looks at everything */
};

static const char *const say_words[MD_SAYS] = {"set",   "add", "replace", "append", "prepend",
                                               "cas",   "get", "delete",  "incr",   "decr",
                                               "touch", "gat", "flush",   "clock"};

/* A list being said. */
struct talk {
    struct md_node *node;
    struct md_disagreement *d;
    struct md_trace *sent;
    struct md_buf bytes, reply[MD_SPEAKERS];
    uint64_t cas[MD_SPEAKERS][MD_SAYING_KEYS]; /* as the last hit showed it */
};

void md_disagreement_free(struct md_disagreement *d) {
    md_buf_free(&d->why);
    *d = (struct md_disagreement){0};
}

static enum md_node_status exchange(struct talk *t, unsigned conn, struct md_buf *reply) {
    reply->len = 0;
    if (t->sent)
        md_step_bytes(md_trace_add(t->sent, MD_STEP_SEND, conn), t->bytes.data, t->bytes.len);
    enum md_node_status status = md_node_open(t->node, conn);
    if (status == MD_NODE_OK)
        status = md_node_exchange(t->node, conn, t->bytes.data, t->bytes.len, MOST, reply);
    return status;
}

static const char *known(uint8_t say, enum md_heard_kind kind) {
    static const struct {
        enum md_say say;
        enum md_heard_kind kind;
        const char *quirk;
    } list[] = {
#define X(say, kind, quirk) {MD_SAY_##say, MD_HEARD_##kind, quirk},
        MD_PROTOCOLS_KNOWN(X)
#undef X
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (list[i].say == say && list[i].kind == kind)
            return list[i].quirk;
    return NULL;
}

/* Who says otherwise than the other two; the two are never text and meta alone against binary by
 * chance: that is said as it is. */
static const char *odd_one(bool text_meta, bool text_binary, bool meta_binary) {
    return text_meta ? "binary" : text_binary ? "meta" : meta_binary ? "text" : "all";
}

static bool same_value(const struct md_heard *a, const struct md_heard *b) {
    return a->n_value == b->n_value &&
           (a->n_value == 0 || memcmp(a->value, b->value, a->n_value) == 0);
}

enum field { KIND, NUMBER, FLAGS, VALUE, CAS, TTL, FIELDS };

struct compared {
    struct md_heard h;
    bool renewed; /* another CAS value than the last hit showed */
};

static bool agree(const struct compared *a, const struct compared *b, enum field f) {
    switch (f) {
    case KIND: return a->h.kind == b->h.kind;
    case NUMBER: return a->h.number == b->h.number;
    case FLAGS: return a->h.flags == b->h.flags;
    case VALUE: return same_value(&a->h, &b->h);
    case CAS: return a->renewed == b->renewed;
    case TTL: return a->h.ttl == b->h.ttl;
    case FIELDS: break;
    }
    return true;
}

static void compare(struct talk *t, const char *what, const struct compared c[MD_SPEAKERS]) {
    static const char *const names[] = {"answer", "number", "flags", "value", "cas", "ttl"};
    for (enum field f = KIND; f < FIELDS; f++) {
        bool tm = agree(&c[0], &c[1], f), tb = agree(&c[0], &c[2], f), mb = agree(&c[1], &c[2], f);
        if (tm && tb)
            continue;
        snprintf(t->d->signature, sizeof t->d->signature, "%s.%s.%s", what, names[f],
                 odd_one(tm, tb, mb));
        t->d->any = true;
        t->d->why.len = 0;
        for (unsigned p = 0; p < MD_SPEAKERS; p++)
            md_buf_printf(&t->d->why, "%s%s: %s flags=%u number=%llu %zu bytes cas %s",
                          p ? "; " : "", (const char *[]){"text", "meta", "binary"}[p],
                          md_heard_word(c[p].h.kind), c[p].h.flags,
                          (unsigned long long)c[p].h.number, c[p].h.n_value,
                          c[p].renewed ? "new" : "as before");
        return;
    }
}

static enum md_node_status trouble(struct talk *t, enum md_node_status status) {
    t->d->why.len = 0;
    md_buf_str(&t->d->why, md_node_error(t->node));
    return status;
}

/* A flush is of the node, not of a protocol's keys: they say it by turns. */
static bool is_shared(const struct md_saying *s) { return s->say >= MD_SAY_FLUSH; }

static enum md_node_status say_shared(struct talk *t, const struct md_saying *s, size_t i) {
    if (s->say == MD_SAY_CLOCK) {
        if (t->sent)
            md_trace_add(t->sent, MD_STEP_CLOCK, 0)->seconds = s->seconds;
        return md_node_advance(t->node, s->seconds);
    }
    unsigned p = (unsigned)(i % MD_SPEAKERS);
    t->bytes.len = 0;
    md_say_in((enum md_speaker)p, s, 0, &t->bytes);
    return exchange(t, p, &t->reply[p]);
}

static enum md_node_status say(struct talk *t, const struct md_saying *s) {
    struct compared c[MD_SPEAKERS] = {0};
    for (unsigned p = 0; p < MD_SPEAKERS; p++) {
        t->bytes.len = 0;
        md_say_in((enum md_speaker)p, s, t->cas[p][s->key], &t->bytes);
        enum md_node_status status = exchange(t, p, &t->reply[p]);
        if (status != MD_NODE_OK)
            return status;
        md_hear((enum md_speaker)p, (enum md_say)s->say, t->reply[p].data, t->reply[p].len,
                &c[p].h);
        if (c[p].h.kind == MD_HEARD_HIT) {
            c[p].renewed = c[p].h.cas != t->cas[p][s->key];
            t->cas[p][s->key] = c[p].h.cas;
        }
    }
    compare(t, say_words[s->say], c);
    if (!t->d->any)
        t->d->quirk = known(s->say, c[0].h.kind);
    return MD_NODE_OK;
}

/* All keys of all three: the same state, down to the seconds that are left. */
static enum md_node_status look(struct talk *t) {
    for (unsigned key = 0; key < MD_SAYING_KEYS && !t->d->any; key++) {
        struct compared c[MD_SPEAKERS] = {0};
        for (unsigned p = 0; p < MD_SPEAKERS; p++) {
            t->bytes.len = 0;
            md_buf_str(&t->bytes, "mg ");
            md_saying_key((enum md_speaker)p, key, &t->bytes);
            md_buf_str(&t->bytes, " v f c t\r\n");
            enum md_node_status status = exchange(t, LOOK, &t->reply[p]);
            if (status != MD_NODE_OK)
                return status;
            md_hear(MD_SPEAK_META, MD_SAY_GET, t->reply[p].data, t->reply[p].len, &c[p].h);
            c[p].renewed = c[p].h.kind == MD_HEARD_HIT && c[p].h.cas != t->cas[p][key];
        }
        compare(t, "state", c);
    }
    return MD_NODE_OK;
}

/* What remains for the next list is a node that knows none of the keys. */
static enum md_node_status clean(struct talk *t) {
    struct md_trace *sent = t->sent;
    t->sent = NULL;
    t->bytes.len = 0;
    for (unsigned key = 0; key < MD_SAYING_KEYS; key++)
        for (unsigned p = 0; p < MD_SPEAKERS; p++) {
            md_buf_str(&t->bytes, "delete ");
            md_saying_key((enum md_speaker)p, key, &t->bytes);
            md_buf_str(&t->bytes, "\r\n");
        }
    enum md_node_status status = exchange(t, LOOK, &t->reply[0]);
    t->sent = sent;
    return status;
}

enum md_node_status md_protocols_run(struct md_node *node, const struct md_sayings *s,
                                     struct md_disagreement *d, struct md_trace *sent) {
    struct talk t = {.node = node, .d = d, .sent = sent};
    enum md_node_status status = MD_NODE_OK;
    d->any = false;
    d->quirk = NULL;
    for (size_t i = 0; i < s->n && status == MD_NODE_OK && !d->any && !d->quirk; i++) {
        d->at = i;
        status = is_shared(&s->at[i]) ? say_shared(&t, &s->at[i], i) : say(&t, &s->at[i]);
    }
    if (status == MD_NODE_OK && !d->any && !d->quirk) {
        d->at = s->n;
        status = look(&t);
    }
    if (status == MD_NODE_OK)
        status = clean(&t);
    if (status != MD_NODE_OK)
        trouble(&t, status);
    md_buf_free(&t.bytes);
    for (unsigned p = 0; p < MD_SPEAKERS; p++)
        md_buf_free(&t.reply[p]);
    return status;
}
