/* libmemcached as the other side of the placement; see placement_library.h. */
#include "harness/placement_library.h"

#include "model/buf.h"

#include <ctype.h>
#include <libmemcached/memcached.h>
#include <libmemcached/util.h>
#include <stdio.h>
#include <stdlib.h>

struct md_library {
    memcached_st *client;
    memcached_pool_st *pool; /* owns the client, if there is one */
    memcached_st *master;    /* of the pool */
    struct md_server *server;
    size_t n;
    bool ejects;
};

/* What the ways below are given. */
struct plan {
    const struct md_placement_settings *settings;
    const struct md_server *server; /* live ones only */
    size_t n;
    const char *why;
};

/* ---- names ----------------------------------------------------------------------------------- */

static const struct {
    const char *id, *how;
} reaches[] =
    {
#define X(name, id, how) {id, how},
        MD_REACH_LIST(X)
#undef X
},
  deviations[] = {
#define X(name, id, sentence) {id, sentence},
      MD_DEVIATION_LIST(X)
#undef X
};

const char *md_reach_id(enum md_reach reach) { return reaches[reach].id; }
const char *md_reach_how(enum md_reach reach) { return reaches[reach].how; }
const char *md_deviation_id(enum md_deviation d) { return deviations[d].id; }
const char *md_deviation_sentence(enum md_deviation d) { return deviations[d].how; }

bool md_reach_find(const char *id, enum md_reach *out) {
    for (int i = 0; i < MD_REACHES; i++)
        if (strcmp(reaches[i].id, id) == 0) {
            *out = (enum md_reach)i;
            return true;
        }
    return false;
}

/* -1: not one of libmemcached's. */
static int distribution_of(enum md_distribution d) {
    switch (d) {
    case MD_DIST_MODULA: return MEMCACHED_DISTRIBUTION_MODULA;
    case MD_DIST_CONSISTENT: return MEMCACHED_DISTRIBUTION_CONSISTENT;
    case MD_DIST_KETAMA_WEIGHTED: return MEMCACHED_DISTRIBUTION_CONSISTENT_WEIGHTED;
    case MD_DIST_KETAMA_SPY: return MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY;
    case MD_DIST_VIRTUAL_BUCKET: return MEMCACHED_DISTRIBUTION_VIRTUAL_BUCKET;
    default: return -1;
    }
}

static memcached_hash_t hash_of(enum md_key_hash h) {
    static const memcached_hash_t hashes[] = {
        [MD_HASH_DEFAULT] = MEMCACHED_HASH_DEFAULT,   [MD_HASH_MD5] = MEMCACHED_HASH_MD5,
        [MD_HASH_CRC] = MEMCACHED_HASH_CRC,           [MD_HASH_FNV1_64] = MEMCACHED_HASH_FNV1_64,
        [MD_HASH_FNV1A_64] = MEMCACHED_HASH_FNV1A_64, [MD_HASH_FNV1_32] = MEMCACHED_HASH_FNV1_32,
        [MD_HASH_FNV1A_32] = MEMCACHED_HASH_FNV1A_32, [MD_HASH_MURMUR] = MEMCACHED_HASH_MURMUR,
        [MD_HASH_JENKINS] = MEMCACHED_HASH_JENKINS,   [MD_HASH_MURMUR3] = MEMCACHED_HASH_MURMUR3,
    };
    return hashes[h];
}

/* ---- settings -------------------------------------------------------------------------------- */

static bool behave(memcached_st *m, memcached_behavior_t which, uint64_t value) {
    return memcached_success(memcached_behavior_set(m, which, value));
}

static bool set_hash(memcached_st *m, const struct plan *p) {
    return behave(m, MEMCACHED_BEHAVIOR_HASH, hash_of(p->settings->hash));
}

static bool set_distribution(memcached_st *m, const struct plan *p) {
    return behave(m, MEMCACHED_BEHAVIOR_DISTRIBUTION,
                  (uint64_t)distribution_of(p->settings->distribution));
}

static bool set_rest(memcached_st *m, const struct plan *p) {
    const struct md_placement_settings *s = p->settings;
    return (!s->sort_hosts || behave(m, MEMCACHED_BEHAVIOR_SORT_HOSTS, 1)) &&
           (!s->hash_with_prefix || behave(m, MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY, 1)) &&
           (!s->prefix ||
            memcached_success(memcached_callback_set(m, MEMCACHED_CALLBACK_NAMESPACE, s->prefix)));
}

static bool add(memcached_st *m, const struct plan *p, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        const struct md_server *s = &p->server[i];
        if (memcached_failed(memcached_server_add_with_weight(m, s->host, s->port, s->weight)))
            return false;
    }
    return true;
}

static bool push(memcached_st *m, const struct plan *p) {
    memcached_server_st *list = NULL;
    memcached_return_t rc = MEMCACHED_SUCCESS;
    for (size_t i = 0; i < p->n && memcached_success(rc); i++)
        list = memcached_server_list_append_with_weight(list, p->server[i].host, p->server[i].port,
                                                        p->server[i].weight, &rc);
    bool ok = memcached_success(rc) && memcached_success(memcached_server_push(m, list));
    memcached_server_list_free(list);
    return ok;
}

/* A name that has nothing in it that could mean something in a list or a configuration string. */
static bool plain(const struct md_server *s) {
    size_t n = strlen(s->host);
    bool address = true;
    for (size_t i = 0; i < n; i++) {
        address = address && (isdigit((unsigned char)s->host[i]) || s->host[i] == '.');
        if (!isalnum((unsigned char)s->host[i]) && !strchr(".-_", s->host[i]))
            return false;
    }
    return n >= 3 && isalpha((unsigned char)s->host[0]) && isalnum((unsigned char)s->host[n - 1])
               ? true
               : address && strncmp(s->host, "127.", 4) == 0;
}

static bool all_plain(struct plan *p) {
    for (size_t i = 0; i < p->n; i++)
        if (!plain(&p->server[i])) {
            p->why = "a host name that such a text cannot say";
            return false;
        }
    return true;
}

static bool push_parsed(memcached_st *m, struct plan *p) {
    struct md_buf text = {0};
    if (!all_plain(p))
        return false;
    for (size_t i = 0; i < p->n; i++)
        md_buf_printf(&text, "%s%s:%u:%u", i ? "," : "", p->server[i].host, p->server[i].port,
                      p->server[i].weight);
    memcached_server_st *list = memcached_servers_parse(md_buf_cstr(&text));
    bool ok = list && memcached_success(memcached_server_push(m, list));
    memcached_server_list_free(list);
    md_buf_free(&text);
    return ok;
}

/* ---- ways ------------------------------------------------------------------------------------ */

static bool reach_by_calls(memcached_st *m, struct plan *p, enum md_reach reach) {
    bool weighted = p->settings->distribution == MD_DIST_KETAMA_WEIGHTED;
    switch (reach) {
    case MD_REACH_SERVERS_FIRST:
    case MD_REACH_CLONE_LATE:
        return add(m, p, 0, p->n) && set_hash(m, p) && set_distribution(m, p) && set_rest(m, p);
    case MD_REACH_HASH_LAST:
        /* The rest comes first: sorting would make the ring anew. */
        return set_rest(m, p) && add(m, p, 0, p->n) && set_distribution(m, p) && set_hash(m, p);
    case MD_REACH_HALFWAY:
        return add(m, p, 0, p->n / 2) && set_hash(m, p) && set_distribution(m, p) &&
               set_rest(m, p) && add(m, p, p->n / 2, p->n);
    case MD_REACH_LIST:
        return set_hash(m, p) && set_distribution(m, p) && set_rest(m, p) && push(m, p);
    case MD_REACH_LIST_FIRST:
        return push(m, p) && set_hash(m, p) && set_distribution(m, p) && set_rest(m, p);
    case MD_REACH_PARSED:
        return set_hash(m, p) && set_distribution(m, p) && set_rest(m, p) && push_parsed(m, p);
    case MD_REACH_KETAMA:
        if (!weighted && p->settings->distribution != MD_DIST_CONSISTENT) {
            p->why = "no such behaviour for this distribution";
            return false;
        }
        return behave(m, weighted ? MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED : MEMCACHED_BEHAVIOR_KETAMA,
                      1) &&
               set_hash(m, p) && set_rest(m, p) && add(m, p, 0, p->n);
    case MD_REACH_REFILLED:
        if (!set_hash(m, p) || !set_distribution(m, p) || !set_rest(m, p) || !add(m, p, 0, p->n))
            return false;
        memcached_servers_reset(m);
        return add(m, p, 0, p->n);
    default: /* also what is cloned then */
        return set_hash(m, p) && set_distribution(m, p) && set_rest(m, p) && add(m, p, 0, p->n);
    }
}

static void say_distribution(struct md_buf *text, const struct plan *p) {
    md_buf_printf(text, " --DISTRIBUTION=%s", md_distribution_id(p->settings->distribution));
}

static void say_hash(struct md_buf *text, const struct plan *p) {
    if (p->settings->hash != MD_HASH_DEFAULT)
        md_buf_printf(text, " --HASH=%s", md_key_hash_id(p->settings->hash));
}

static void say_rest(struct md_buf *text, const struct plan *p) {
    if (p->settings->sort_hosts)
        md_buf_str(text, " --SORT-HOSTS");
    if (p->settings->hash_with_prefix)
        md_buf_str(text, " --HASH-WITH-NAMESPACE");
    if (p->settings->prefix)
        md_buf_printf(text, " --NAMESPACE=\"%s\"", p->settings->prefix);
}

static void say_servers(struct md_buf *text, const struct plan *p) {
    for (size_t i = 0; i < p->n; i++)
        md_buf_printf(text, " --SERVER=%s:%u/?%u", p->server[i].host,
                      p->server[i].port ? p->server[i].port : MD_SERVER_PORT,
                      p->server[i].weight ? p->server[i].weight : 1);
}

static bool string_can_say(struct plan *p) {
    enum { FIVE_DIGITS = 99999 };
    const struct md_placement_settings *s = p->settings;
    p->why = "not in the language of configuration strings";
    if ((s->distribution != MD_DIST_MODULA && s->distribution != MD_DIST_CONSISTENT) ||
        s->hash == MD_HASH_MURMUR3 || (s->prefix && strpbrk(s->prefix, "\"\\")))
        return false;
    for (size_t i = 0; i < p->n; i++)
        if (p->server[i].weight > FIVE_DIGITS)
            return false;
    return all_plain(p);
}

static memcached_st *reach_by_string(struct plan *p, enum md_reach reach) {
    struct md_buf text = {0};
    if (!string_can_say(p))
        return NULL;
    if (reach != MD_REACH_STRING) {
        say_rest(&text, p);
        say_servers(&text, p);
    }
    if (reach == MD_REACH_STRING_HASH_LAST) {
        say_distribution(&text, p);
        say_hash(&text, p);
    } else {
        say_hash(&text, p);
        say_distribution(&text, p);
    }
    if (reach == MD_REACH_STRING) {
        say_rest(&text, p);
        say_servers(&text, p);
    }
    p->why = "memcached() refused the configuration string";
    memcached_st *m = memcached(md_buf_cstr(&text) + 1, text.len - 1);
    md_buf_free(&text);
    return m;
}

static bool connect_ways(struct md_library *l, struct plan *p, enum md_reach reach) {
    if (reach >= MD_REACH_STRING)
        return (l->client = reach_by_string(p, reach)) != NULL;
    memcached_st *m = memcached_create(NULL);
    p->why = "the library refused the settings";
    if (!reach_by_calls(m, p, reach)) {
        memcached_free(m);
        return false;
    }
    if (reach == MD_REACH_CLONE || reach == MD_REACH_CLONE_LATE) {
        l->client = memcached_clone(NULL, m);
        memcached_free(m);
    } else if (reach == MD_REACH_POOL) {
        memcached_return_t rc;
        l->master = m;
        l->pool = memcached_pool_create(m, 1, 1);
        l->client = l->pool ? memcached_pool_fetch(l->pool, NULL, &rc) : NULL;
    } else {
        l->client = m;
    }
    return l->client != NULL;
}

struct md_library *md_library_new(enum md_reach reach, const struct md_placement_settings *settings,
                                  const struct md_server *servers, size_t n, const char **why) {
    struct md_server *live = md_calloc(n, sizeof *live);
    struct md_library *l = md_calloc(1, sizeof *l);
    struct plan p = {.settings = settings, .server = live, .why = ""};
    l->ejects = md_distribution_is_ring(settings->distribution);
    l->server = md_calloc(n, sizeof *l->server);
    l->n = n;
    memcpy(l->server, servers, n * sizeof *servers);
    for (size_t i = 0; i < n; i++)
        if (!l->ejects || !servers[i].dead)
            live[p.n++] = servers[i];
    bool ok = false;
    if (distribution_of(settings->distribution) < 0)
        p.why = "a rule of another client";
    else if (p.n == 0)
        p.why = "no live server";
    else
        ok = connect_ways(l, &p, reach);
    free(live);
    if (ok)
        return l;
    *why = p.why;
    md_library_free(l);
    return NULL;
}

void md_library_free(struct md_library *l) {
    if (!l)
        return;
    if (l->pool) {
        if (l->client)
            memcached_pool_release(l->pool, l->client);
        memcached_pool_destroy(l->pool);
        memcached_free(l->master);
    } else {
        memcached_free(l->client);
    }
    free(l->server);
    free(l);
}

struct memcached_st *md_library_client(struct md_library *l) {
    return l->client;
}

uint32_t md_library_of(const struct md_library *l, const void *key, size_t nkey) {
    uint32_t at = memcached_generate_hash(l->client, key, nkey);
    if (at >= memcached_server_count(l->client))
        return MD_NOWHERE;
    const memcached_instance_st *instance = memcached_server_instance_by_position(l->client, at);
    in_port_t port = memcached_server_port(instance);
    const char *host = memcached_server_name(instance);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct md_server *s = &l->server[i];
        if ((s->port ? s->port : MD_SERVER_PORT) == port && strcmp(s->host, host) == 0 &&
            !(l->ejects && s->dead))
            return i;
    }
    return MD_NOWHERE;
}

/* ---- what is known --------------------------------------------------------------------------- */

/* The library's own mark "weighted", as it stands when the ring is made for the last time. */
static bool ends_weighted(enum md_reach reach, enum md_distribution d, bool heavy,
                          bool heavy_late) {
    bool asked = d == MD_DIST_KETAMA_WEIGHTED;
    switch (reach) {
    case MD_REACH_CLONE:
    case MD_REACH_CLONE_LATE:
    case MD_REACH_POOL: return heavy; /* not copied; set by the servers that are */
    case MD_REACH_SERVERS_FIRST:
    case MD_REACH_HASH_LAST:
    case MD_REACH_STRING_LATE:
    case MD_REACH_STRING_HASH_LAST: return asked;
    case MD_REACH_HALFWAY: return asked || heavy_late;
    /* Marked by the list already; ketama-spy, unlike consistent, does not take the mark away. */
    case MD_REACH_LIST_FIRST: return asked || (d == MD_DIST_KETAMA_SPY && heavy);
    default: return asked || heavy;
    }
}

enum md_deviation md_library_deviation(enum md_reach reach,
                                       const struct md_placement_settings *settings,
                                       const struct md_server *servers, size_t n,
                                       struct md_placement_settings *really) {
    enum md_distribution d = settings->distribution;
    bool heavy = false, heavy_late = false;
    size_t live = 0, counted = 0;
    *really = *settings;
    for (size_t i = 0; i < n; i++)
        live += !servers[i].dead;
    for (size_t i = 0; i < n; i++) {
        heavy = heavy || (!servers[i].dead && servers[i].weight > 1);
        heavy_late =
            heavy_late || (!servers[i].dead && servers[i].weight > 1 && counted >= live / 2);
        counted += !servers[i].dead;
    }
    if (!md_distribution_is_ring(d))
        return MD_DEVIATION_NONE;
    bool weighted = ends_weighted(reach, d, heavy, heavy_late);
    bool by_md5 = weighted; /* then the key hash has no part in the points */
    if ((reach == MD_REACH_HASH_LAST || reach == MD_REACH_STRING_HASH_LAST) && !by_md5 &&
        settings->hash != MD_HASH_DEFAULT) {
        really->other_points = true;
        really->point_hash = MD_HASH_DEFAULT; /* of a client that was told nothing yet */
        return MD_DEVIATION_STALE_RING;
    }
    if (d == MD_DIST_KETAMA_SPY && weighted) {
        really->spy_by_weight = true;
        return MD_DEVIATION_SPY_WEIGHTED;
    }
    if (d == MD_DIST_CONSISTENT && weighted) {
        really->distribution = MD_DIST_KETAMA_WEIGHTED;
        return MD_DEVIATION_WEIGHT_CHANGES_RING;
    }
    if (d == MD_DIST_KETAMA_WEIGHTED && !weighted) {
        really->distribution = MD_DIST_CONSISTENT;
        return MD_DEVIATION_CLONE_FORGETS_WEIGHTED;
    }
    return MD_DEVIATION_NONE;
}
