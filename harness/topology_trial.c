/* Trials of topology discovery; see topology_trial.h. */
#include "harness/topology_trial.h"

#include "harness/generate.h"

#include <stdio.h>

enum {
    MD_TRIAL_NODES = 5,
    MD_TRIAL_KEYS = 24,
    MD_REFRESH_MS = 120, /* some answers never come */
    MD_CALL_MS = 10000,
};

struct md_trial {
    struct md_cluster cluster;
    struct md_cluster_verdict *v;
    struct md_random random;
    md_refresh_fn refresh;
    struct md_endpoint *endpoint; /* NULL: it is gone */
    uint16_t port;
    enum md_endpoint_mode mode;
    /* What it lists, and what must be in use. */
    uint64_t listed_version;
    struct md_topology listed, wanted, used;
    struct md_client_settings settings;
    struct md_client *client;
    size_t step;
};

static void md_trial_finds(struct md_trial *t, const char *kind, const char *text) {
    struct md_cluster_verdict *v = t->v;
    if (v->tell)
        md_buf_printf(&v->story, "    FAULT %s: %s\n", kind, text);
    if (md_cluster_found(v, kind) || v->n_findings == MD_CLUSTER_FINDINGS_MAX)
        return;
    struct md_cluster_finding *f = &v->findings[v->n_findings++];
    *f = (struct md_cluster_finding){.step = t->step};
    snprintf(f->kind, sizeof f->kind, "%s", kind);
    snprintf(f->text, sizeof f->text, "%s", text);
}

static bool md_trial_fails(struct md_trial *t, const char *why) {
    t->v->failed = true;
    md_buf_clear(&t->v->reason);
    md_buf_str(&t->v->reason, why);
    return false;
}

static unsigned md_below(struct md_trial *t, unsigned n) {
    return (unsigned)md_random_below(&t->random, n);
}

/* ---- what the endpoint does ------------------------------------------------------------------ */

static void md_tell_endpoint(struct md_trial *t) {
    if (t->endpoint)
        md_endpoint_list(t->endpoint, t->listed_version, t->listed.nodes, t->listed.n);
}

static bool md_lists(const struct md_trial *t, const struct md_server *s) {
    for (size_t i = 0; i < t->listed.n; i++)
        if (t->listed.nodes[i].port == s->port && strcmp(t->listed.nodes[i].host, s->host) == 0)
            return true;
    return false;
}

/* Some node of the cluster that is not listed; NULL if all are. */
static const struct md_server *md_unlisted(struct md_trial *t) {
    unsigned from = md_below(t, MD_TRIAL_NODES);
    for (unsigned i = 0; i < MD_TRIAL_NODES; i++) {
        const struct md_server *s = &t->cluster.places[(from + i) % MD_TRIAL_NODES].server;
        if (!md_lists(t, s))
            return s;
    }
    return NULL;
}

/* 0: one more, 1: one less, 2: another one in its place, 3: another order. */
static void md_change_list(struct md_trial *t, unsigned how) {
    struct md_topology *l = &t->listed;
    unsigned at = md_below(t, (unsigned)l->n);
    const struct md_server *other = md_unlisted(t);
    if (how == 0 && other) {
        l->nodes[l->n++] = *other;
    } else if (how == 1 && l->n > 1) {
        memmove(l->nodes + at, l->nodes + at + 1, (l->n - at - 1) * sizeof *l->nodes);
        l->n--;
    } else if (how == 2 && other) {
        l->nodes[at] = *other;
    } else {
        struct md_server first = l->nodes[0];
        memmove(l->nodes, l->nodes + 1, (l->n - 1) * sizeof *l->nodes);
        l->nodes[l->n - 1] = first;
    }
}

static bool md_start_endpoint(struct md_trial *t) {
    struct md_buf why = {0};
    if (!t->endpoint)
        t->endpoint = md_endpoint_start(&why);
    if (!t->endpoint)
        md_trial_fails(t, md_buf_cstr(&why));
    else
        t->port = md_endpoint_port(t->endpoint);
    md_buf_free(&why);
    md_tell_endpoint(t);
    return t->endpoint != NULL;
}

static void md_answer_badly(struct md_trial *t, enum md_endpoint_mode mode) {
    static const char *const raw[] = {"CONFIG cluster 0 18446744073709551617\r\n",
                                      "CONFIG cluster 0 3\r\nxyz\r\nEND\r\n",
                                      "CONFIG cluster 0 20\r\n9\n127.0.0.1||70000 \n\r\nEND\r\n",
                                      "HTTP/1.1 400 Bad Request\r\n\r\n",
                                      "CONFIG cluster 0 6\r\n99999\n\r\nEND\r\n",
                                      "CONFIG cluster 0 4\r\n9\n\n\n\r\nEND\r\n"};
    t->mode = mode;
    md_endpoint_mode(t->endpoint, mode);
    const char *bytes = raw[md_below(t, sizeof raw / sizeof *raw)];
    if (mode == MD_ENDPOINT_RAW)
        md_endpoint_raw(t->endpoint, bytes, strlen(bytes));
}

/* One change of the endpoint; `what` tells of it. */
static bool md_act(struct md_trial *t, char what[64]) {
    unsigned dice = md_below(t, 12);
    if (!md_start_endpoint(t))
        return false;
    t->mode = MD_ENDPOINT_GOOD;
    md_endpoint_mode(t->endpoint, t->mode);
    if (dice < 5) {
        t->listed_version += 1 + md_below(t, 3);
        md_change_list(t, dice % 4);
        snprintf(what, 64, "version %llu, %zu nodes", (unsigned long long)t->listed_version,
                 t->listed.n);
    } else if (dice == 5 && t->listed_version > 1) {
        t->listed_version -= 1 + md_below(t, 2) % t->listed_version;
        md_change_list(t, md_below(t, 3));
        snprintf(what, 64, "back to version %llu", (unsigned long long)t->listed_version);
    } else if (dice == 6) {
        md_change_list(t, md_below(t, 3));
        snprintf(what, 64, "other nodes under version %llu", (unsigned long long)t->listed_version);
    } else if (dice == 7) {
        md_endpoint_free(t->endpoint);
        t->endpoint = NULL;
        snprintf(what, 64, "the endpoint is gone");
    } else if (dice < 11) {
        md_answer_badly(t, (enum md_endpoint_mode)(1 + md_below(t, MD_ENDPOINT_MODES - 1)));
        snprintf(what, 64, "the endpoint answers: %s", md_endpoint_mode_id(t->mode));
    } else {
        snprintf(what, 64, "nothing new");
    }
    md_tell_endpoint(t);
    return true;
}

/* ---- what must follow ------------------------------------------------------------------------ */

static bool md_equal_nodes(const struct md_topology *a, const struct md_topology *b) {
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        bool found = false;
        for (size_t j = 0; j < b->n; j++)
            found = found || (a->nodes[i].port == b->nodes[j].port &&
                              strcmp(a->nodes[i].host, b->nodes[j].host) == 0);
        if (!found)
            return false;
    }
    return true;
}

static bool md_is_good(const struct md_trial *t) {
    return t->endpoint && (t->mode == MD_ENDPOINT_GOOD || t->mode == MD_ENDPOINT_OLD);
}

/* Moves `wanted` on, and says whether a refresh may say that it did. */
static bool md_expect(struct md_trial *t, enum md_refresh said) {
    bool good = md_is_good(t);
    if (good && (!t->wanted.known || t->listed_version > t->wanted.version)) {
        t->wanted = t->listed;
        t->wanted.known = true;
        t->wanted.version = t->listed_version;
        return said == MD_REFRESH_NEW;
    }
    if (good && t->listed_version < t->wanted.version)
        return said == MD_REFRESH_OLDER;
    if (good)
        return said ==
               (md_equal_nodes(&t->listed, &t->wanted) ? MD_REFRESH_SAME : MD_REFRESH_CHANGED);
    if (!t->endpoint)
        return said == MD_REFRESH_UNREACHABLE;
    return said > MD_REFRESH_CHANGED && said != MD_REFRESH_UNREACHABLE;
}

static void md_check_refresh(struct md_trial *t, enum md_refresh said, uint64_t version_before) {
    bool fits = md_expect(t, said);
    if (t->used.version < version_before)
        md_trial_finds(t, "topology:version-goes-down",
                       "a refresh took over a lower version than the one in use");
    if (t->used.known != t->wanted.known || t->used.version != t->wanted.version ||
        !md_equal_nodes(&t->used, &t->wanted))
        md_trial_finds(t, "topology:not-the-last-valid-answer",
                       "the nodes in use are not those of the last valid answer");
    if (!fits)
        md_trial_finds(t, "topology:says-otherwise",
                       "a refresh says something else than what came of it");
}

/* ---- where keys go --------------------------------------------------------------------------- */

static bool md_trial_call(struct md_trial *t, const struct md_client_request *q,
                          struct md_client_reply *reply) {
    t->v->calls++;
    if (md_client_do(t->client, q, MD_CALL_MS, reply) == MD_CLIENT_OK)
        return true;
    md_trial_finds(t, "client-died:topology", md_client_death(t->client));
    return false;
}

static void md_key(unsigned i, char out[16]) { snprintf(out, 16, "key-%u", i); }

/* How many nodes hold each key, and which one. */
static bool md_count_holders(struct md_trial *t, unsigned holders[], unsigned last[]) {
    char names[MD_TRIAL_KEYS][16];
    struct md_cluster_key keys[MD_TRIAL_KEYS];
    struct md_holding h[MD_TRIAL_KEYS];
    struct md_buf bytes = {0};
    bool ok = true;
    for (unsigned i = 0; i < MD_TRIAL_KEYS; i++) {
        md_key(i, names[i]);
        keys[i] = (struct md_cluster_key){names[i], strlen(names[i])};
        holders[i] = 0;
    }
    for (unsigned p = 0; p < MD_TRIAL_NODES && ok; p++) {
        ok = md_cluster_ask(&t->cluster, p, keys, MD_TRIAL_KEYS, h, &bytes);
        t->v->asked++;
        for (unsigned i = 0; i < MD_TRIAL_KEYS && ok; i++)
            if (h[i].held) {
                holders[i]++;
                last[i] = p;
            }
    }
    md_buf_free(&bytes);
    return ok || md_trial_fails(t, md_buf_cstr(&t->cluster.error));
}

static bool md_each_key(struct md_trial *t, enum md_client_op op) {
    struct md_client_reply reply = {0};
    bool ok = true;
    for (unsigned i = 0; i < MD_TRIAL_KEYS && ok; i++) {
        char name[16];
        md_key(i, name);
        struct md_client_key key = {name, strlen(name)};
        struct md_client_request q = {
            .op = op, .keys = &key, .n_keys = 1, .value = name, .value_len = key.len};
        ok = md_trial_call(t, &q, &reply);
        t->v->hits += ok && reply.rc == MEMCACHED_SUCCESS;
        if (ok && reply.rc != MEMCACHED_SUCCESS)
            md_trial_finds(t, "topology:error",
                           "the client fails on a list of nodes that are well");
    }
    md_client_reply_free(&reply);
    return ok;
}

static bool md_check_keys(struct md_trial *t) {
    unsigned holders[MD_TRIAL_KEYS], last[MD_TRIAL_KEYS];
    struct md_placement_settings settings;
    if (!t->used.known)
        return true;
    if (!md_each_key(t, MD_OP_SET) || !md_count_holders(t, holders, last))
        return !t->v->failed;
    md_client_rule(&t->settings, &settings);
    struct md_placement *p = md_placement_new(&settings, t->used.nodes, t->used.n);
    for (unsigned i = 0; i < MD_TRIAL_KEYS; i++) {
        char name[16];
        md_key(i, name);
        const struct md_server *want = &t->used.nodes[md_placement_of(p, name, strlen(name))];
        if (holders[i] != 1)
            md_trial_finds(t, "topology:not-one-node", "a key is not on exactly one node");
        else if (strcmp(t->cluster.places[last[i]].server.host, want->host) != 0)
            md_trial_finds(t, "topology:placement",
                           "a key went to another node than the list in use says");
    }
    md_placement_free(p);
    return md_each_key(t, MD_OP_DELETE);
}

static bool md_use(struct md_trial *t) {
    struct md_client_reply reply = {0};
    struct md_client_request q = {
        .op = MD_OP_SERVERS, .servers = t->used.nodes, .n_servers = t->used.n};
    bool ok = true;
    if (!t->client) {
        enum md_client_status status =
            md_client_open(&t->settings, t->used.nodes, t->used.n, &t->client);
        if (status != MD_CLIENT_OK)
            ok = md_trial_fails(t, md_client_death(t->client));
    } else {
        ok = md_trial_call(t, &q, &reply);
    }
    md_client_reply_free(&reply);
    return ok;
}

/* ---- the trial ------------------------------------------------------------------------------- */

static bool md_trial_step(struct md_trial *t) {
    char what[64];
    struct md_buf why = {0};
    uint64_t before = t->used.version;
    if (!md_act(t, what))
        return false;
    enum md_refresh said = t->refresh(&t->used, "127.0.0.1", t->port, MD_REFRESH_MS, &why);
    if (t->v->tell)
        md_buf_printf(&t->v->story, "%s -> %s, version %llu in use, %zu nodes %s\n", what,
                      md_refresh_id(said), (unsigned long long)t->used.version, t->used.n,
                      md_buf_cstr(&why));
    md_buf_free(&why);
    md_check_refresh(t, said, before);
    if (said == MD_REFRESH_NEW && !md_use(t))
        return false;
    return !t->client || md_check_keys(t);
}

static bool md_trial_prepare(struct md_trial *t, const struct md_cluster_config *config) {
    static const enum md_distribution kinds[] = {MD_DIST_CONSISTENT, MD_DIST_KETAMA_WEIGHTED,
                                                 MD_DIST_MODULA};
    if (!md_cluster_start(&t->cluster, config, MD_TRIAL_NODES, MD_PORTS_DISTINCT, NULL))
        return md_trial_fails(t, md_buf_cstr(&t->cluster.error));
    md_client_settings_default(&t->settings);
    t->settings.distribution = kinds[md_below(t, 3)];
    t->settings.hash = (enum md_key_hash)md_below(t, MD_KEY_HASHES);
    t->settings.poll_timeout = t->settings.connect_timeout = 5000;
    t->listed_version = 1 + md_below(t, 5);
    for (unsigned i = 0; i < 2; i++)
        t->listed.nodes[t->listed.n++] = t->cluster.places[i].server;
    return md_start_endpoint(t);
}

bool md_topology_trial(const struct md_cluster_config *config, uint64_t seed, unsigned steps,
                       md_refresh_fn refresh, struct md_cluster_verdict *v) {
    struct md_trial t = {.v = v, .refresh = refresh, .cluster.claim = -1};
    v->failed = false;
    v->n_findings = 0;
    md_buf_clear(&v->story);
    md_random_seed(&t.random, seed);
    bool ok = md_trial_prepare(&t, config);
    for (t.step = 0; ok && t.step < steps; t.step++)
        ok = md_trial_step(&t);
    md_client_close(t.client);
    md_endpoint_free(t.endpoint);
    md_cluster_free(&t.cluster);
    return !v->failed;
}
