/* The text of a cluster trace, read strictly: line, column and what was expected. */
#include "harness/artifact.h"
#include "harness/cluster_trace.h"

#include <stdio.h>

static const char md_first_line[] = "memdiverge-cluster ";

struct md_reader {
    struct md_cluster_trace *t;
    const char *at, *end; /* what is left of the line */
    const char *line;
    uint32_t number;
    struct md_trace_error *error;
};

struct md_word {
    const char *text;
    size_t len;
};

static bool md_expected(struct md_reader *r, const char *at, const char *what) {
    r->error->line = r->number;
    r->error->column = (uint32_t)(at - r->line) + 1;
    snprintf(r->error->message, sizeof r->error->message, "expected %s", what);
    return false;
}

static struct md_word md_next(struct md_reader *r) {
    while (r->at < r->end && *r->at == ' ')
        r->at++;
    struct md_word w = {r->at, 0};
    while (r->at < r->end && *r->at != ' ')
        r->at++;
    w.len = (size_t)(r->at - w.text);
    return w;
}

static bool md_is(struct md_word w, const char *text) {
    return strlen(text) == w.len && memcmp(w.text, text, w.len) == 0;
}

/* Takes "NAME=" off the front. */
static bool md_after(struct md_word *w, const char *name) {
    size_t n = strlen(name);
    if (w->len <= n || memcmp(w->text, name, n) != 0 || w->text[n] != '=')
        return false;
    w->text += n + 1;
    w->len -= n + 1;
    return true;
}

static bool md_number(struct md_word w, uint32_t least, uint32_t most, uint32_t *out) {
    uint64_t n = 0;
    for (size_t i = 0; i < w.len; i++) {
        if (w.text[i] < '0' || w.text[i] > '9' || n > most)
            return false;
        n = n * 10 + (uint64_t)(w.text[i] - '0');
    }
    *out = (uint32_t)n;
    return w.len > 0 && n >= least && n <= most;
}

static int md_hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes the escapes; false: a bad one, or more than `room` bytes, or one no key may have. */
static bool md_unescape(struct md_word w, char *out, size_t room, size_t *len) {
    *len = 0;
    for (size_t i = 0; i < w.len; i++) {
        int c = (uint8_t)w.text[i];
        if (c == '\\') {
            if (i + 3 >= w.len || w.text[i + 1] != 'x' || md_hex(w.text[i + 2]) < 0 ||
                md_hex(w.text[i + 3]) < 0)
                return false;
            c = md_hex(w.text[i + 2]) << 4 | md_hex(w.text[i + 3]);
            i += 3;
        }
        if (*len == room || c <= ' ' || c == 127)
            return false;
        out[(*len)++] = (char)c;
    }
    return *len > 0;
}

/* ---- the two lines at the top ---------------------------------------------------------------- */

static bool md_read_weights(struct md_reader *r, struct md_word w) {
    unsigned i = 0;
    while (w.len) {
        const char *comma = memchr(w.text, ',', w.len);
        struct md_word one = {w.text, comma ? (size_t)(comma - w.text) : w.len};
        if (i == MD_CLUSTER_NODES_MAX ||
            !md_number(one, 1, MD_CLUSTER_WEIGHT_MAX, &r->t->weights[i]))
            return md_expected(r, one.text, "weights from 1 to 100, one for each node");
        i++;
        w.text += one.len + (comma != NULL);
        w.len -= one.len + (comma != NULL);
    }
    return i == r->t->nodes || md_expected(r, r->at, "as many weights as there are nodes");
}

static bool md_read_nodes(struct md_reader *r) {
    struct md_word w = md_next(r);
    uint32_t n;
    if (!md_number(w, 1, MD_CLUSTER_NODES_MAX, &n))
        return md_expected(r, w.text, "a number of nodes from 1 to 16");
    r->t->nodes = n;
    while ((w = md_next(r)).len) {
        if (md_after(&w, "ports")) {
            if (!md_ports_find(w.text, w.len, &r->t->ports))
                return md_expected(r, w.text, "ports=distinct, same or default");
        } else if (md_after(&w, "weights")) {
            if (!md_read_weights(r, w))
                return false;
        } else {
            return md_expected(r, w.text, "ports=... or weights=...");
        }
    }
    return true;
}

static bool md_read_id(struct md_word w, char id[32]) {
    snprintf(id, 32, "%.*s", (int)(w.len < 31 ? w.len : 31), w.text);
    return w.len < 31;
}

static bool md_read_setting(struct md_reader *r, struct md_word w) {
    struct md_client_settings *s = &r->t->client;
    struct md_word whole = w;
    char id[32];
    size_t len;
    if (md_after(&w, "distribution"))
        return (md_read_id(w, id) && md_distribution_find(id, &s->distribution) &&
                s->distribution <= MD_DIST_VIRTUAL_BUCKET) ||
               md_expected(r, w.text, "a distribution of libmemcached");
    if (md_after(&w, "hash"))
        return (md_read_id(w, id) && md_key_hash_find(id, &s->hash)) ||
               md_expected(r, w.text, "a hash of libmemcached");
    if (md_after(&w, "reach"))
        return (md_read_id(w, id) && md_reach_find(id, &s->reach)) ||
               md_expected(r, w.text, "reach=behaviours-first, servers-first, clone, pool, ...");
    if (md_after(&w, "prefix")) {
        bool ok = md_unescape(w, s->prefix, sizeof s->prefix - 1, &len);
        s->prefix[ok ? len : 0] = 0;
        return ok || md_expected(r, w.text, "a prefix of up to 127 bytes");
    }
#define X(field, word)                                                                             \
    if (md_is(whole, word)) {                                                                      \
        s->field = true;                                                                           \
        return true;                                                                               \
    }
    MD_CLIENT_FLAG_LIST(X)
#undef X
#define X(field, word, normal, least, most)                                                        \
    if (md_after(&w, word))                                                                        \
        return md_number(w, least, most, &s->field) ||                                             \
               md_expected(r, w.text, word "=" #least " to " #most);
    MD_CLIENT_NUMBER_LIST(X)
#undef X
    return md_expected(r, whole.text, "a setting of the client, e.g. hash=md5 or auto-eject");
}

static bool md_read_client(struct md_reader *r) {
    struct md_word w;
    while ((w = md_next(r)).len)
        if (!md_read_setting(r, w))
            return false;
    return true;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static bool md_read_key(struct md_reader *r, struct md_cluster_step *s, struct md_word w) {
    char name[MD_CLUSTER_NAME_MAX];
    const char *at = memchr(w.text, '@', w.len);
    struct md_word front = {w.text, at ? (size_t)(at - w.text) : w.len};
    uint32_t on = 0;
    size_t len;
    if (at && !md_number((struct md_word){at + 1, w.len - front.len - 1}, 0, r->t->nodes - 1, &on))
        return md_expected(r, at + 1, "the number of one of the first nodes");
    if (!md_unescape(front, name, sizeof name, &len) ||
        len > md_cluster_trace_room(r->t, at ? 0 : -1))
        return md_expected(r, w.text,
                           "a key of 1 to 250 bytes with the prefix (6 fewer before @), others "
                           "than printable as \\xHH");
    if (!md_cluster_trace_name(r->t, name, len, at ? (int)on : -1, &s->keys[s->n_keys]))
        return md_expected(r, w.text, "at most 64 different keys");
    s->n_keys++;
    return true;
}

static bool md_read_value(struct md_reader *r, struct md_cluster_step *s) {
    struct md_word w = md_next(r);
    size_t len;
    if (!md_unescape(w, s->value, sizeof s->value, &len))
        return md_expected(r, w.text, "a value of 1 to 64 bytes");
    s->value_len = (uint8_t)len;
    s->size = (uint32_t)len;
    w = md_next(r);
    return !w.len || md_number(w, s->value_len, MD_CLUSTER_SIZE_MAX, &s->size) ||
           md_expected(r, w.text, "a size from the value's to 100000");
}

static bool md_read_args(struct md_reader *r, struct md_cluster_step *s, char args) {
    struct md_word w;
    if (args == 0)
        return true;
    if (args == 'K') {
        while ((w = md_next(r)).len)
            if (s->n_keys == MD_CLUSTER_MGET_MAX || !md_read_key(r, s, w))
                return s->n_keys < MD_CLUSTER_MGET_MAX ? false
                                                       : md_expected(r, w.text, "at most 16 keys");
        return s->n_keys || md_expected(r, r->at, "a key");
    }
    w = md_next(r);
    if (args == 'v' || args == 'k')
        return md_read_key(r, s, w) && (args == 'k' || md_read_value(r, s));
    if (args == 'o' && !w.len) {
        s->number = MD_CLUSTER_PLACES;
        return true;
    }
    uint32_t most = args == 's' ? MD_CLUSTER_CLOCK_MAX : MD_CLUSTER_PLACES - 1;
    return md_number(w, 0, most, &s->number) ||
           md_expected(r, w.text, args == 's' ? "seconds, at most 100000" : "a node's number");
}

static bool md_read_step(struct md_reader *r, struct md_word word) {
    static const struct {
        const char *word;
        char args;
    } steps[] = {
#define X(name, word, args) {word, args},
        MD_CLUSTER_STEP_LIST(X)
#undef X
    };
    for (unsigned i = 0; i < MD_CLUSTER_STEPS; i++) {
        if (!md_is(word, steps[i].word))
            continue;
        if (r->t->n_steps == MD_CLUSTER_STEPS_MAX)
            return md_expected(r, word.text, "no more than 10000 steps");
        struct md_cluster_step *s = md_cluster_trace_add(r->t, (enum md_cluster_step_kind)i);
        if (!md_read_args(r, s, steps[i].args))
            return false;
        struct md_word more = md_next(r);
        return !more.len || md_expected(r, more.text, "the end of the line");
    }
    return md_expected(r, word.text,
                       "a step: set, get, mget, delete, flush, clock, kill, stop, "
                       "continue, restart, remove, add, replace, renew");
}

static bool md_read_line(struct md_reader *r) {
    struct md_word w = md_next(r);
    if (!w.len || w.text[0] == '#')
        return true;
    if (md_is(w, "nodes") || md_is(w, "client")) {
        if (r->t->n_steps)
            return md_expected(r, w.text, "`nodes` and `client` before the first step");
        return md_is(w, "nodes") ? md_read_nodes(r) : md_read_client(r);
    }
    return md_read_step(r, w);
}

bool md_cluster_trace_is(const void *text, size_t len) {
    return len >= sizeof md_first_line - 1 &&
           memcmp(text, md_first_line, sizeof md_first_line - 1) == 0;
}

bool md_cluster_trace_parse(struct md_cluster_trace *t, const void *text, size_t len,
                            struct md_trace_error *error) {
    const char *at = text, *end = at + len;
    struct md_reader r = {.t = t, .error = error};
    md_cluster_trace_free(t);
    md_cluster_trace_init(t);
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        r.line = r.at = at;
        r.end = stop ? stop : end;
        r.number++;
        if (r.number == 1) {
            uint32_t version;
            struct md_word w = {at + sizeof md_first_line - 1, 0};
            if (md_cluster_trace_is(at, (size_t)(r.end - at)))
                w.len = (size_t)(r.end - w.text);
            if (!md_number(w, MD_CLUSTER_TRACE_VERSION, MD_CLUSTER_TRACE_VERSION, &version))
                return md_expected(&r, at, "`memdiverge-cluster 1` in the first line");
        } else if (!md_read_line(&r)) {
            return false;
        }
        at = stop ? stop + 1 : end;
    }
    r.line = r.at = at;
    return r.number > 0 || md_expected(&r, at, "`memdiverge-cluster 1` in the first line");
}

bool md_cluster_trace_load(struct md_cluster_trace *t, const char *path,
                           struct md_trace_error *error) {
    struct md_buf text = {0}, why = {0};
    *error = (struct md_trace_error){0};
    bool ok = md_artifact_read(path, 4 << 20, &text, &why);
    if (!ok)
        snprintf(error->message, sizeof error->message, "%s", md_buf_cstr(&why));
    ok = ok && md_cluster_trace_parse(t, text.data, text.len, error);
    md_buf_free(&text);
    md_buf_free(&why);
    return ok;
}
