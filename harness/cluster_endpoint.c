/* Following a configuration endpoint; see cluster_endpoint.h. */
#include "harness/cluster_endpoint.h"

#include "harness/cluster_client.h"
#include "harness/interrupt.h"
#include "harness/node.h"
#include "harness/now.h"
#include "harness/topology.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MD_FOLLOW_KEYS = 64,
    MD_FOLLOW_MS = 3000,       /* for an answer of the endpoint, or of a call */
    MD_FOLLOW_EVERY_MS = 1000, /* between two looks */
    MD_FOLLOW_KEY = 64,
};

struct md_follow {
    struct md_topology topology;
    struct md_client_settings settings;
    struct md_node *nodes[MD_SERVERS_MAX];
    uint64_t seed;
    unsigned wrong;
};

static void md_follow_key(const struct md_follow *f, unsigned i, char out[MD_FOLLOW_KEY]) {
    snprintf(out, MD_FOLLOW_KEY, "memdiverge:%llu:%u", (unsigned long long)f->seed, i);
}

static void md_forget_nodes(struct md_follow *f) {
    for (unsigned i = 0; i < MD_SERVERS_MAX; i++) {
        md_node_free(f->nodes[i]);
        f->nodes[i] = NULL;
    }
}

/* Connects to each, which asks for its version and no more. One that is not there is a finding, and
 * the others are looked at all the same. */
static void md_meet_nodes(struct md_follow *f, const unsigned *count) {
    for (size_t i = 0; i < f->topology.n; i++) {
        char address[MD_HOST_MAX + 16];
        const struct md_server *s = &f->topology.nodes[i];
        snprintf(address, sizeof address, strchr(s->host, ':') ? "[%s]:%u" : "%s:%u", s->host,
                 s->port);
        struct md_node_config config = {.connect = address, .cpu = -1, .deadline_ms = MD_FOLLOW_MS};
        bool meets = md_node_start(&config, NULL, true, &f->nodes[i]) == MD_NODE_OK;
        printf("  %s %u, ", address, count[i]);
        if (meets) {
            printf("memcached %s\n", md_node_version(f->nodes[i]));
            continue;
        }
        printf("NOT THERE: %s\n", md_node_error(f->nodes[i]));
        md_node_free(f->nodes[i]);
        f->nodes[i] = NULL;
        f->wrong++;
    }
}

static bool md_holds(struct md_follow *f, size_t node, const char *key, bool *held) {
    struct md_buf ask = {0}, reply = {0};
    md_buf_printf(&ask, "get %s\r\n", key);
    md_node_barrier(f->nodes[node]);
    bool ok = md_node_exchange(f->nodes[node], MD_NODE_CONTROL, ask.data, ask.len, 1 << 20,
                               &reply) == MD_NODE_OK;
    *held = reply.len > 6 && memcmp(reply.data, "VALUE ", 6) == 0;
    md_buf_free(&ask);
    md_buf_free(&reply);
    return ok;
}

/* A key that is on its way: looked for on every node that is there. */
static void md_look_for(struct md_follow *f, const char *name, uint32_t want) {
    for (size_t n = 0; n < f->topology.n; n++) {
        const struct md_server *s = &f->topology.nodes[n], *home = &f->topology.nodes[want];
        bool held;
        if (!f->nodes[n])
            continue;
        if (!md_holds(f, n, name, &held)) {
            printf("  %s:%u is GONE: %s\n", s->host, s->port, md_node_error(f->nodes[n]));
            md_node_free(f->nodes[n]);
            f->nodes[n] = NULL;
            f->wrong++;
        } else if (held != (n == want)) {
            printf("  %s: %s:%u %s it; it belongs to %s:%u\n", name, s->host, s->port,
                   held ? "has" : "does not have", home->host, home->port);
            f->wrong++;
        }
    }
}

/* One key: written through the client, looked for on every node, removed. */
static enum md_client_status md_follow_one(struct md_follow *f, struct md_client *c,
                                           const char *name, uint32_t want) {
    struct md_client_reply reply = {0};
    struct md_client_key key = {name, strlen(name)};
    struct md_client_request q = {
        .op = MD_OP_SET, .keys = &key, .n_keys = 1, .value = "x", .value_len = 1, .number = 60};
    enum md_client_status status = md_client_do(c, &q, 2 * MD_FOLLOW_MS, &reply);
    if (status == MD_CLIENT_OK && reply.rc != MEMCACHED_SUCCESS) {
        printf("  %s: the client says '%s'\n", name, memcached_strerror(NULL, reply.rc));
        f->wrong++;
    } else if (status == MD_CLIENT_OK) {
        md_look_for(f, name, want);
    }
    q.op = MD_OP_DELETE;
    if (status == MD_CLIENT_OK)
        status = md_client_do(c, &q, 2 * MD_FOLLOW_MS, &reply);
    md_client_reply_free(&reply);
    return status;
}

/* False: our environment. */
static bool md_check_load(struct md_follow *f, const struct md_placement *p) {
    struct md_client *c;
    unsigned written = 0, left_out = 0, wrong = f->wrong;
    enum md_client_status status =
        md_client_open(&f->settings, f->topology.nodes, f->topology.n, &c);
    for (unsigned i = 0; status == MD_CLIENT_OK && i < MD_FOLLOW_KEYS; i++) {
        char name[MD_FOLLOW_KEY];
        md_follow_key(f, i, name);
        uint32_t want = md_placement_of(p, name, strlen(name));
        if (!f->nodes[want]) {
            left_out++;
            continue;
        }
        status = md_follow_one(f, c, name, want);
        written++;
    }
    if (status != MD_CLIENT_OK) {
        printf("  the client %s after %u keys: %s\n", status == MD_CLIENT_HANGS ? "HANGS" : "DIED",
               written, md_client_death(c));
        f->wrong++;
    } else {
        printf("  %u keys written, found on the node that the model names, and removed%s\n",
               written, f->wrong > wrong ? ", but for those above" : "");
    }
    if (left_out)
        printf("  %u keys belong to nodes that are not there: not written\n", left_out);
    md_client_close(c);
    return status != MD_CLIENT_ENV;
}

/* Which nodes keep us from writing keys. */
static void md_tell_remote(const struct md_follow *f) {
    printf("  checked without writing (the list, who answers, where keys belong): no key is "
           "written, since these are not on this machine:");
    for (size_t i = 0; i < f->topology.n; i++)
        if (!md_topology_node_is_local(&f->topology, i))
            printf(" %s%s%s", f->topology.nodes[i].host, f->topology.ip[i][0] ? " = " : "",
                   f->topology.ip[i]);
    printf("\n");
}

static bool md_tell_topology(struct md_follow *f) {
    const struct md_topology *t = &f->topology;
    struct md_placement_settings settings;
    unsigned count[MD_SERVERS_MAX] = {0};
    bool ok = true;
    md_client_rule(&f->settings, &settings);
    struct md_placement *p = md_placement_new(&settings, t->nodes, t->n);
    for (unsigned i = 0; i < 10000; i++) {
        char name[MD_FOLLOW_KEY];
        md_follow_key(f, i, name);
        count[md_placement_of(p, name, strlen(name))]++;
    }
    printf("version %llu, %zu nodes; of 10000 keys, by %s and %s:\n",
           (unsigned long long)t->version, t->n, md_distribution_id(settings.distribution),
           md_key_hash_id(settings.hash));
    md_forget_nodes(f);
    md_meet_nodes(f, count);
    if (md_topology_is_local(t))
        ok = md_check_load(f, p);
    else
        md_tell_remote(f);
    md_placement_free(p);
    fflush(stdout);
    return ok;
}

static bool md_split_address(const char *text, char host[MD_HOST_MAX], uint16_t *port) {
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    char *end;
    if (len == 0 || len >= MD_HOST_MAX)
        return false;
    unsigned long n = strtoul(colon + 1, &end, 10);
    if (*end || colon[1] < '0' || colon[1] > '9' || n == 0 || n > UINT16_MAX)
        return false;
    *port = (uint16_t)n;
    if (text[0] == '[' && text[len - 1] == ']')
        text++, len -= 2;
    memcpy(host, text, len);
    host[len] = 0;
    return true;
}

static struct md_follow *md_follow_new(const struct md_cluster_wish *wish, uint64_t seed) {
    struct md_follow *f = md_calloc(1, sizeof *f);
    f->seed = seed;
    md_client_settings_default(&f->settings);
    f->settings.poll_timeout = f->settings.connect_timeout = MD_FOLLOW_MS;
    if (wish->has_distribution)
        f->settings.distribution = wish->distribution;
    f->settings.hash = wish->has_hash ? wish->hash : MD_HASH_MD5;
    return f;
}

int md_cluster_follow(const char *host_port, const struct md_cluster_wish *wish, uint64_t seed,
                      uint64_t seconds) {
    char host[MD_HOST_MAX];
    uint16_t port;
    if (!md_split_address(host_port, host, &port)) {
        md_complain("--config-endpoint is HOST:PORT, not '%s'", host_port);
        return MD_EXIT_USAGE;
    }
    struct md_follow *f = md_follow_new(wish, seed);
    struct md_buf why = {0};
    uint64_t end = md_now_ns() + seconds * UINT64_C(1000000000);
    bool ok = true;
    md_interrupt_catch();
    do {
        enum md_refresh r = md_topology_refresh(&f->topology, host, port, MD_FOLLOW_MS, &why);
        if (r == MD_REFRESH_NEW)
            ok = md_tell_topology(f);
        else if (r != MD_REFRESH_SAME)
            md_complain("the endpoint's answer is not taken over (%s): %s", md_refresh_id(r),
                        md_buf_cstr(&why));
        f->wrong += r == MD_REFRESH_MALFORMED || r == MD_REFRESH_OLDER || r == MD_REFRESH_CHANGED;
        if (md_now_ns() < end && ok)
            md_interrupt_wait(MD_FOLLOW_EVERY_MS);
    } while (ok && md_now_ns() < end && !md_interrupted());
    int code = f->wrong                    ? MD_EXIT_DIVERGED
               : !ok || !f->topology.known ? MD_EXIT_FAILED
               : md_interrupted()          ? MD_EXIT_INTERRUPTED
                                           : MD_EXIT_AGREED;
    md_forget_nodes(f);
    md_buf_free(&why);
    free(f);
    return code;
}
