/* One run of a cluster trace; see cluster_run.h. */
#include "harness/cluster_run.h"

#include "model/cluster.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MD_SLACK_MS = 150,      /* for a machine with other things to do; see cluster_confirm.h */
    MD_HANG_MS = 10000,     /* beyond the limit: it will not return */
    MD_NAMES_TRIED = 20000, /* for a key that belongs to a certain node */
};

struct md_run_key {
    char bytes[MD_CLUSTER_KEY_MAX + 2]; /* with the prefix, as nodes know it */
    size_t len, prefix;
};

/* Not the pointer alone: sizeof of one is what clang-tidy takes for a mistake. */
struct md_run_write {
    const struct md_cluster_step *step;
};

struct md_run {
    struct md_cluster *c;
    const struct md_cluster_trace *t;
    struct md_cluster_verdict *v;
    struct md_client *client;
    struct md_cluster_model *model;
    struct md_placement_settings rule; /* that the client follows */
    struct md_run_key keys[MD_CLUSTER_TRACE_KEYS];
    struct md_run_write *writes; /* by number; a delete too */
    size_t n_writes, cap_writes;
    size_t step;
    const struct md_cluster_step *now;
    struct md_client_reply reply;
    struct md_cm_held held[MD_CLUSTER_TRACE_KEYS];
    struct md_buf bytes;
    bool over; /* no client to go on with */
    /* On the connections that there are: */
    bool unread; /* an mget failed in binary: nobody fetches what it asked for */
    bool quiet;  /* a key that was not there was deleted, in binary without a reply */
};

void md_cluster_verdict_free(struct md_cluster_verdict *v) {
    md_buf_free(&v->reason);
    md_buf_free(&v->story);
}

const struct md_cluster_finding *md_cluster_found(const struct md_cluster_verdict *v,
                                                  const char *kind) {
    for (size_t i = 0; i < v->n_findings; i++)
        if (strcmp(v->findings[i].kind, kind) == 0)
            return &v->findings[i];
    return NULL;
}

unsigned md_cluster_limit_ms(const struct md_client_settings *s, unsigned away) {
    return away * (s->connect_timeout + 2 * s->poll_timeout) + MD_SLACK_MS;
}

/* ---- telling --------------------------------------------------------------------------------- */

/* What a kind of finding depends on beside its name. */
static void md_name_kind(const struct md_run *r, const char *kind, char out[MD_CLUSTER_KIND_MAX]) {
    const struct md_client_settings *s = &r->t->client;
    /* These may well come from answers that are taken for those of other calls. */
    static const char *const modals[] = {"miss-",  "another-", "value-from-", "mget-o",
                                         "mget-g", "mget-t",   "error-",      "stale-w"};
    bool weighted = false, modal = false;
    char code[16] = "";
    for (size_t i = 0; i < sizeof modals / sizeof *modals; i++)
        modal = modal || strncmp(kind, modals[i], strlen(modals[i])) == 0;
    for (unsigned i = 0; i < r->t->nodes; i++)
        weighted = weighted || r->t->weights[i] > 1;
    if (strstr(kind, ":strange"))
        snprintf(code, sizeof code, "-%d", (int)r->reply.rc);
    if (strcmp(kind, "placement") == 0)
        snprintf(out, MD_CLUSTER_KIND_MAX, "%s:%s:%s%s%s", kind,
                 md_distribution_id(s->distribution), md_reach_id(s->reach),
                 weighted ? ":weights" : "", s->auto_eject ? ":eject" : "");
    else if (strncmp(kind, "placement-", 10) == 0)
        snprintf(out, MD_CLUSTER_KIND_MAX, "%s", kind);
    else
        snprintf(out, MD_CLUSTER_KIND_MAX, "%s%s:%s%s%s%s%s%s", kind, code,
                 s->binary ? "binary" : "text", modal && r->quiet ? ":quiet-delete" : "",
                 modal && r->unread ? ":failed-mget" : "", modal && s->noreply ? ":noreply" : "",
                 modal && s->buffer ? ":buffer" : "", modal && s->no_block ? ":no-block" : "");
}

static void md_report(void *ctx, bool hazard, const char *kind, const char *text) {
    struct md_run *r = ctx;
    struct md_cluster_verdict *v = r->v;
    char name[MD_CLUSTER_KIND_MAX];
    md_name_kind(r, kind, name);
    v->stale += hazard;
    if (v->tell)
        md_buf_printf(&v->story, "    %s %s: %s\n", hazard ? "hazard" : "FAULT", name, text);
    if (md_cluster_found(v, name) || v->n_findings == MD_CLUSTER_FINDINGS_MAX)
        return;
    struct md_cluster_finding *f = &v->findings[v->n_findings++];
    snprintf(f->kind, sizeof f->kind, "%s", name);
    snprintf(f->text, sizeof f->text, "%s", text);
    f->hazard = hazard;
    f->step = r->step;
}

static bool md_run_fails(struct md_run *r, const char *why) {
    r->v->failed = true;
    md_buf_clear(&r->v->reason);
    md_buf_str(&r->v->reason, why);
    return false;
}

/* ---- keys and values ------------------------------------------------------------------------- */

static void md_make_key(struct md_run *r, const struct md_cluster_name *n, struct md_run_key *k,
                        int number) {
    const char *prefix = r->t->client.prefix;
    k->prefix = strlen(prefix);
    memcpy(k->bytes, prefix, k->prefix);
    memcpy(k->bytes + k->prefix, n->bytes, n->len);
    k->len = k->prefix + n->len;
    if (number >= 0)
        k->len += (size_t)snprintf(k->bytes + k->len, 8, ".%d", number);
}

/* The first of NAME.0, NAME.1 ... that belongs to its node. */
static void md_resolve_keys(struct md_run *r, const struct md_server *servers, unsigned n) {
    struct md_placement *p = md_placement_new(&r->rule, servers, n);
    for (size_t i = 0; i < r->t->n_names; i++) {
        const struct md_cluster_name *name = &r->t->names[i];
        struct md_run_key *k = &r->keys[i];
        md_make_key(r, name, k, name->on >= 0 ? 0 : -1);
        for (int j = 1; name->on >= 0 && j < MD_NAMES_TRIED; j++) {
            if (md_placement_of(p, k->bytes + k->prefix, k->len - k->prefix) == (uint32_t)name->on)
                break;
            md_make_key(r, name, k, j);
        }
        struct md_cluster_text *text = &r->v->keys[i];
        text->len = k->len - k->prefix;
        memcpy(text->bytes, k->bytes + k->prefix, text->len);
    }
    md_placement_free(p);
}

static void md_fill_value(const struct md_cluster_step *s, struct md_buf *out) {
    md_buf_clear(out);
    md_buf_append(out, s->value, s->value_len);
    md_buf_fill(out, '.', s->size - s->value_len);
}

static uint32_t md_flags_of(const struct md_cluster_step *s) {
    uint32_t h = 2166136261u;
    for (unsigned i = 0; i < s->value_len; i++)
        h = (h ^ (uint8_t)s->value[i]) * 16777619u;
    return h;
}

static bool md_same_value(const struct md_cluster_step *s, const uint8_t *bytes, size_t len) {
    if (s->kind != MD_CS_SET || len != s->size || memcmp(bytes, s->value, s->value_len) != 0)
        return false;
    for (size_t i = s->value_len; i < len; i++)
        if (bytes[i] != '.')
            return false;
    return true;
}

/* The latest write that made this value of this key; else what it is. */
static int md_write_of(const struct md_run *r, unsigned key, const uint8_t *bytes, size_t len) {
    int other = MD_CM_INVENTED;
    for (size_t i = r->n_writes; i-- > 0;) {
        if (!md_same_value(r->writes[i].step, bytes, len))
            continue;
        if (r->writes[i].step->keys[0] == key)
            return (int)i;
        other = MD_CM_OTHER_KEY;
    }
    return other;
}

/* ---- asking the nodes ------------------------------------------------------------------------ */

static void md_take_held(struct md_run *r, unsigned place, const uint16_t *keys, unsigned n,
                         const struct md_holding *h) {
    for (unsigned i = 0; i < n; i++)
        r->held[keys[i]].after[place] =
            h[i].held ? md_write_of(r, keys[i], r->bytes.data + h[i].value, h[i].len)
                      : MD_CM_NOTHING;
}

/* What every node holds of these keys, in r->held. */
static bool md_ask_all(struct md_run *r, const uint16_t *keys, unsigned n) {
    struct md_cluster_key names[MD_CLUSTER_TRACE_KEYS];
    struct md_holding h[MD_CLUSTER_TRACE_KEYS];
    for (unsigned i = 0; i < n; i++) {
        names[i] = (struct md_cluster_key){r->keys[keys[i]].bytes, r->keys[keys[i]].len};
        for (unsigned p = 0; p < MD_CM_PLACES; p++)
            r->held[keys[i]].after[p] = MD_CM_UNKNOWN;
    }
    for (unsigned p = 0; p < r->c->n_places; p++) {
        if (r->c->places[p].state != MD_PLACE_UP)
            continue;
        md_buf_clear(&r->bytes);
        r->v->asked++;
        if (md_cluster_ask(r->c, p, names, n, h, &r->bytes))
            md_take_held(r, p, keys, n, h);
        else
            return md_run_fails(r, md_buf_cstr(&r->c->error));
    }
    return true;
}

/* ---- the client ------------------------------------------------------------------------------ */

static enum md_seen md_seen_of(memcached_return_t rc) {
    switch (rc) {
    case MEMCACHED_SUCCESS: return MD_SEEN_OK;
    case MEMCACHED_NOTFOUND: return MD_SEEN_MISS;
    case MEMCACHED_BUFFERED: return MD_SEEN_BUFFERED;
    case MEMCACHED_TIMEOUT: return MD_SEEN_TIMEOUT;
    case MEMCACHED_SERVER_TEMPORARILY_DISABLED: return MD_SEEN_DISABLED;
    case MEMCACHED_SERVER_MARKED_DEAD: return MD_SEEN_MARKED_DEAD;
    case MEMCACHED_SOME_ERRORS: return MD_SEEN_SOME_ERRORS;
    case MEMCACHED_FAILURE:
    case MEMCACHED_HOST_LOOKUP_FAILURE:
    case MEMCACHED_CONNECTION_FAILURE:
    case MEMCACHED_WRITE_FAILURE:
    case MEMCACHED_READ_FAILURE:
    case MEMCACHED_UNKNOWN_READ_FAILURE:
    case MEMCACHED_PARTIAL_READ:
    case MEMCACHED_NO_SERVERS:
    case MEMCACHED_ERRNO: return MD_SEEN_UNREACHABLE;
    default: return MD_SEEN_STRANGE;
    }
}

static bool md_open_client(struct md_run *r) {
    struct md_server servers[MD_CLUSTER_NODES_MAX];
    unsigned n = md_cluster_servers(r->c, servers);
    md_client_close(r->client);
    r->quiet = r->unread = false;
    enum md_client_status status = md_client_open(&r->t->client, servers, n, &r->client);
    if (status == MD_CLIENT_OK)
        return true;
    if (status == MD_CLIENT_ENV)
        return md_run_fails(r, md_client_death(r->client));
    r->over = true;
    md_report(r, false, status == MD_CLIENT_HANGS ? "client-hangs:open" : "client-died:open",
              md_client_death(r->client));
    return true;
}

static void md_check_time(struct md_run *r, const char *op, unsigned limit) {
    char kind[64], text[160];
    if (r->reply.microseconds / 1000 <= limit)
        return;
    snprintf(kind, sizeof kind, "blocks-too-long:%s", op);
    snprintf(text, sizeof text, "%s took %u ms; its timeouts allow %u ms", op,
             r->reply.microseconds / 1000, limit);
    md_report(r, false, kind, text);
}

/* A call; false: the run is over (a finding, or v->failed). */
static bool md_call_client(struct md_run *r, struct md_client_request *q, const char *op) {
    const struct md_client_settings *s = &r->t->client;
    unsigned away = md_cm_suspects(r->model);
    char kind[64];
    /* Only these speak to more nodes than their key's. */
    if (away > 1 && q->op != MD_OP_MGET && q->op != MD_OP_FLUSH && !s->buffer && !s->no_block)
        away = 1;
    unsigned limit = md_cluster_limit_ms(s, away);
    enum md_client_status status = md_client_do(r->client, q, limit + MD_HANG_MS, &r->reply);
    r->v->calls++;
    if (status == MD_CLIENT_OK) {
        md_check_time(r, op, limit);
        return true;
    }
    r->over = true;
    snprintf(kind, sizeof kind, "%s:%s", status == MD_CLIENT_HANGS ? "client-hangs" : "client-died",
             op);
    md_report(r, false, kind,
              status == MD_CLIENT_HANGS ? "the call did not return" : md_client_death(r->client));
    return false;
}

/* ---- data steps ------------------------------------------------------------------------------ */

static struct md_cm_key md_model_key(const struct md_run *r, uint16_t key) {
    const struct md_run_key *k = &r->keys[key];
    return (struct md_cm_key){key, k->bytes + k->prefix, k->len - k->prefix, &r->held[key]};
}

static struct md_client_key md_client_key_of(const struct md_run *r, uint16_t key) {
    const struct md_run_key *k = &r->keys[key];
    return (struct md_client_key){k->bytes + k->prefix, k->len - k->prefix};
}

static void md_count(struct md_run *r, enum md_seen seen) {
    r->v->hits += seen == MD_SEEN_OK;
    r->v->misses += seen == MD_SEEN_MISS;
    r->v->errors += seen > MD_SEEN_BUFFERED;
    if (r->v->tell)
        md_buf_printf(&r->v->story, "    -> %s (%d), %u us\n", md_seen_id(seen), (int)r->reply.rc,
                      r->reply.microseconds);
}

static int md_begin_write(struct md_run *r, const struct md_cluster_step *s) {
    r->writes = md_grow(r->writes, &r->cap_writes, r->n_writes + 1, sizeof *r->writes);
    r->writes[r->n_writes++].step = s;
    return md_cm_begin(r->model, s->keys[0]);
}

/* On how many nodes the key is. */
static unsigned md_holders(const struct md_run *r, uint16_t key) {
    unsigned n = 0;
    for (unsigned p = 0; p < MD_CM_PLACES; p++)
        n += r->held[key].after[p] >= 0;
    return n;
}

static bool md_do_write(struct md_run *r, const struct md_cluster_step *s) {
    bool sets = s->kind == MD_CS_SET;
    struct md_buf value = {0};
    struct md_client_key key = md_client_key_of(r, s->keys[0]);
    struct md_client_request q = {
        .op = sets ? MD_OP_SET : MD_OP_DELETE, .keys = &key, .n_keys = 1, .flags = md_flags_of(s)};
    if (sets) {
        md_fill_value(s, &value);
        q.value = value.data;
        q.value_len = value.len;
    }
    bool quiet = !sets && r->t->client.binary && r->t->client.noreply;
    if (quiet && !md_ask_all(r, s->keys, 1))
        return false;
    unsigned before = quiet ? md_holders(r, s->keys[0]) : 0;
    int write = md_begin_write(r, s);
    bool ok = md_call_client(r, &q, sets ? "set" : "delete");
    md_buf_free(&value);
    if (!ok || !md_ask_all(r, s->keys, 1))
        return !r->v->failed;
    r->quiet = r->quiet || (quiet && md_holders(r, s->keys[0]) == before);
    if (r->quiet)
        md_cm_unsure(r->model);
    struct md_cm_key k = md_model_key(r, s->keys[0]);
    enum md_seen seen = md_seen_of(r->reply.rc);
    md_count(r, seen);
    (sets ? md_cm_set : md_cm_delete)(r->model, &k, write, seen);
    return true;
}

/* The number of the write that a returned value is; also looks at its flags. */
static int md_returned(struct md_run *r, const struct md_client_value *v, uint16_t key) {
    int write = md_write_of(r, key, r->reply.bytes.data + v->value, v->value_len);
    if (write >= 0 && v->flags != md_flags_of(r->writes[write].step))
        md_report(r, false, "wrong-flags",
                  "a value came back with other flags than it was "
                  "stored with");
    return write;
}

static bool md_do_get(struct md_run *r, const struct md_cluster_step *s) {
    struct md_client_key key = md_client_key_of(r, s->keys[0]);
    struct md_client_request q = {.op = MD_OP_GET, .keys = &key, .n_keys = 1};
    if (!md_call_client(r, &q, "get") || !md_ask_all(r, s->keys, 1))
        return !r->v->failed;
    struct md_cm_key k = md_model_key(r, s->keys[0]);
    enum md_seen seen = md_seen_of(r->reply.rc);
    int value = MD_CM_NOTHING;
    if (r->reply.n_values)
        value = md_returned(r, &r->reply.values[0], s->keys[0]);
    md_count(r, seen);
    md_cm_get(r->model, &k, seen, value);
    return true;
}

/* Gives each returned value to its key. */
static void md_sort_values(struct md_run *r, const struct md_cluster_step *s, int *values) {
    if (r->reply.flood)
        md_report(r, false, "mget-twice", "mget returned far more values than keys were asked for");
    for (size_t i = 0; i < r->reply.n_values; i++) {
        const struct md_client_value *v = &r->reply.values[i];
        unsigned at = 0;
        for (; at < s->n_keys; at++) {
            struct md_client_key k = md_client_key_of(r, s->keys[at]);
            if (k.len == v->key_len &&
                memcmp(k.bytes, r->reply.bytes.data + v->key, v->key_len) == 0)
                break;
        }
        if (at == s->n_keys)
            md_report(r, false, "mget-other-key", "mget returned a key that was not asked for");
        else if (values[at] != MD_CM_NOTHING)
            md_report(r, false, "mget-twice", "mget returned a key twice");
        else
            values[at] = md_returned(r, v, s->keys[at]);
    }
}

static bool md_do_mget(struct md_run *r, const struct md_cluster_step *s) {
    struct md_client_key keys[MD_CLUSTER_MGET_MAX];
    struct md_cm_key model_keys[MD_CLUSTER_MGET_MAX];
    int values[MD_CLUSTER_MGET_MAX];
    for (unsigned i = 0; i < s->n_keys; i++) {
        keys[i] = md_client_key_of(r, s->keys[i]);
        values[i] = MD_CM_NOTHING;
    }
    struct md_client_request q = {.op = MD_OP_MGET, .keys = keys, .n_keys = s->n_keys};
    if (!md_call_client(r, &q, "mget") || !md_ask_all(r, s->keys, s->n_keys))
        return !r->v->failed;
    for (unsigned i = 0; i < s->n_keys; i++)
        model_keys[i] = md_model_key(r, s->keys[i]);
    md_sort_values(r, s, values);
    bool ended = r->reply.end == MEMCACHED_END;
    enum md_seen seen = md_seen_of(r->reply.rc);
    enum md_seen end = ended ? MD_SEEN_OK : md_seen_of(r->reply.end);
    if (seen == MD_SEEN_OK && r->reply.end != MEMCACHED_MAXIMUM_RETURN)
        seen = end;
    md_count(r, seen);
    bool fetched = r->reply.end != MEMCACHED_MAXIMUM_RETURN;
    md_cm_mget(r->model, model_keys, values, s->n_keys, seen);
    r->unread = r->unread || (r->t->client.binary && !fetched);
    if (r->unread)
        md_cm_unsure(r->model);
    return true;
}

static bool md_do_flush(struct md_run *r) {
    struct md_client_request q = {.op = MD_OP_FLUSH};
    struct md_cm_key model_keys[MD_CLUSTER_TRACE_KEYS];
    uint16_t keys[MD_CLUSTER_TRACE_KEYS];
    unsigned n = (unsigned)r->t->n_names;
    for (unsigned i = 0; i < n; i++)
        keys[i] = (uint16_t)i;
    if (!md_call_client(r, &q, "flush") || !md_ask_all(r, keys, n))
        return !r->v->failed;
    for (unsigned i = 0; i < n; i++)
        model_keys[i] = md_model_key(r, keys[i]);
    enum md_seen seen = md_seen_of(r->reply.rc);
    md_count(r, seen);
    md_cm_flushed(r->model, model_keys, n, seen);
    return true;
}

/* ---- steps that change things ---------------------------------------------------------------- */

/*
 * The rule that the client really follows, where the way its settings were reached is known to make
 * it another one. Servers that are added anew, by weight, can do that too.
 */
static void md_tell_rule(struct md_run *r, const struct md_server *servers, unsigned n,
                         bool refilled) {
    struct md_placement_settings settings, really;
    bool heavy = false;
    char kind[MD_CLUSTER_KIND_MAX];
    md_client_rule(&r->t->client, &settings);
    for (unsigned i = 0; i < n; i++)
        heavy = heavy || servers[i].weight > 1;
    if (refilled && !heavy) { /* only that the ring is made anew */
        r->rule.other_points = false;
        md_cm_rule(r->model, &r->rule);
        return;
    }
    enum md_reach reach = refilled ? MD_REACH_REFILLED : r->t->client.reach;
    enum md_deviation d = md_library_deviation(reach, &settings, servers, n, &really);
    md_cm_rule(r->model, &really);
    r->rule = really;
    snprintf(kind, sizeof kind, "placement-by-way:%s", md_deviation_id(d));
    if (d != MD_DEVIATION_NONE && d != MD_DEVIATION_PREFIX_NUL)
        md_report(r, true, kind, md_deviation_sentence(d));
}

static void md_tell_list(struct md_run *r, bool refilled) {
    struct md_server servers[MD_CLUSTER_NODES_MAX];
    unsigned n = md_cluster_servers(r->c, servers);
    md_tell_rule(r, servers, n, refilled);
    md_cm_list(r->model, servers, r->c->list, n);
}

static bool md_do_clock(struct md_run *r, const struct md_cluster_step *s) {
    struct md_client_request q = {.op = MD_OP_CLOCK, .number = s->number};
    md_cm_clock(r->model, s->number);
    if (!md_call_client(r, &q, "clock"))
        return !r->v->failed;
    return md_cluster_clock(r->c, s->number);
}

static bool md_do_list(struct md_run *r, const struct md_cluster_step *s) {
    struct md_server servers[MD_CLUSTER_NODES_MAX];
    bool ok = s->kind == MD_CS_ADD      ? md_cluster_add(r->c, s->number, 1)
              : s->kind == MD_CS_REMOVE ? md_cluster_remove(r->c, s->number)
                                        : md_cluster_replace(r->c, s->number);
    if (!ok)
        return false;
    unsigned n = md_cluster_servers(r->c, servers);
    struct md_client_request q = {.op = MD_OP_SERVERS, .servers = servers, .n_servers = n};
    if (!md_call_client(r, &q, "servers"))
        return !r->v->failed;
    r->quiet = r->unread = false;
    md_tell_list(r, true);
    return true;
}

static bool md_do_event(struct md_run *r, const struct md_cluster_step *s) {
    static const struct {
        enum md_cluster_step_kind step;
        bool (*act)(struct md_cluster *, unsigned);
        enum md_cm_event event;
    } events[] = {
        {MD_CS_KILL, md_cluster_kill, MD_CM_KILL},
        {MD_CS_STOP, md_cluster_stop, MD_CM_STOP},
        {MD_CS_CONTINUE, md_cluster_continue, MD_CM_CONTINUE},
        {MD_CS_RESTART, md_cluster_restart, MD_CM_RESTART},
    };
    if (s->number >= r->c->n_places)
        return true;
    enum md_place_state before = r->c->places[s->number].state;
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        if (events[i].step != s->kind)
            continue;
        if (!events[i].act(r->c, s->number))
            return false;
        if (r->c->places[s->number].state != before || s->kind == MD_CS_RESTART)
            md_cm_happens(r->model, s->number, events[i].event);
    }
    return true;
}

static bool md_do_step(struct md_run *r, const struct md_cluster_step *s) {
    bool ok = true;
    switch (s->kind) {
    case MD_CS_SET:
    case MD_CS_DELETE: return md_do_write(r, s);
    case MD_CS_GET: return md_do_get(r, s);
    case MD_CS_MGET: return md_do_mget(r, s);
    case MD_CS_FLUSH: return md_do_flush(r);
    case MD_CS_CLOCK: ok = md_do_clock(r, s); break;
    case MD_CS_REMOVE:
    case MD_CS_ADD:
    case MD_CS_REPLACE: ok = md_do_list(r, s); break;
    case MD_CS_RENEW:
        if (!md_open_client(r))
            return false;
        md_tell_list(r, false);
        break;
    default: ok = md_do_event(r, s); break;
    }
    return ok || r->v->failed ? ok : md_run_fails(r, md_buf_cstr(&r->c->error));
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool md_prepare(struct md_run *r) {
    struct md_cluster *c = r->c;
    const struct md_cluster_trace *t = r->t;
    struct md_cluster_config config = c->config;
    bool ok = c->n_places ? md_cluster_reset(c, t->nodes, t->ports, t->weights)
                          : md_cluster_start(c, &config, t->nodes, t->ports, t->weights);
    if (!ok)
        return md_run_fails(r, md_buf_cstr(&c->error));
    struct md_cm_config model = {
        .auto_eject = t->client.auto_eject,
        .noreply = t->client.noreply,
        .buffer = t->client.buffer,
        .retry_timeout = t->client.retry_timeout,
        .dead_timeout = t->client.dead_timeout,
        .failure_limit = t->client.failure_limit,
        .report = md_report,
        .ctx = r,
    };
    r->v->block = c->block;
    md_client_rule(&t->client, &model.placement);
    r->model = md_cm_new(&model);
    md_tell_list(r, false);
    struct md_server servers[MD_CLUSTER_NODES_MAX];
    md_resolve_keys(r, servers, md_cluster_servers(c, servers));
    return md_open_client(r);
}

bool md_cluster_run(struct md_cluster *c, const struct md_cluster_trace *t,
                    struct md_cluster_verdict *v) {
    struct md_run *r = md_calloc(1, sizeof *r);
    *r = (struct md_run){.c = c, .t = t, .v = v};
    v->failed = false;
    v->n_findings = 0;
    md_buf_clear(&v->story);
    bool ok = md_prepare(r);
    for (r->step = 0; ok && !r->over && r->step < t->n_steps; r->step++) {
        r->now = &t->steps[r->step];
        if (v->tell) {
            md_cluster_step_print(t, r->now, &v->story);
            md_buf_byte(&v->story, '\n');
        }
        ok = md_do_step(r, r->now);
    }
    md_client_close(r->client);
    md_cm_free(r->model);
    md_client_reply_free(&r->reply);
    md_buf_free(&r->bytes);
    free(r->writes);
    free(r);
    return ok;
}
