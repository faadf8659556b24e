/* Nodes of a cluster: where they listen, what happens to them, what they hold. See cluster.h. */
#include "harness/cluster.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MD_BLOCKS = 200,
    MD_ANSWER_MAX = 256 << 20,
};

static const char *const md_port_ids[] = {
#define X(name, id) id,
    MD_PORTS_LIST(X)
#undef X
};

const char *md_ports_id(enum md_ports p) { return md_port_ids[p]; }

bool md_ports_find(const char *id, size_t len, enum md_ports *out) {
    for (unsigned i = 0; i < MD_PORTS; i++)
        if (strlen(md_port_ids[i]) == len && memcmp(md_port_ids[i], id, len) == 0) {
            *out = (enum md_ports)i;
            return true;
        }
    return false;
}

/* ---- failing --------------------------------------------------------------------------------- */

static bool md_fails(struct md_cluster *c, const char *why) {
    md_buf_clear(&c->error);
    md_buf_str(&c->error, why);
    return false;
}

static bool md_place_fails(struct md_cluster *c, unsigned place, const struct md_node *node) {
    const struct md_server *s = &c->places[place].server;
    md_buf_clear(&c->error);
    md_buf_printf(&c->error, "node %u (%s:%u): %s", place, s->host, s->port, md_node_error(node));
    return false;
}

/* ---- addresses ------------------------------------------------------------------------------- */

/* A name that the kernel frees however we end. */
static int md_claim_block(unsigned block) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "memdiverge-cluster-%u", block);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&a, size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void md_address(struct md_cluster *c, unsigned place, uint32_t weight) {
    struct md_server *s = &c->places[place].server;
    *s = (struct md_server){.weight = weight, .port = MD_SERVER_PORT};
    snprintf(s->host, sizeof s->host, "127.77.%u.%u", c->block, place + 1);
    if (c->ports != MD_PORTS_DEFAULT)
        s->port = (uint16_t)(MD_CLUSTER_PORT + (c->ports == MD_PORTS_DISTINCT ? place : 0));
}

/* Somebody who knows nothing of blocks may listen there. */
static bool md_is_free(const struct md_server *server) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    inet_pton(AF_INET, server->host, &a.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(fd, 1) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool md_claim(struct md_cluster *c) {
    for (c->block = 0; c->block < MD_BLOCKS; c->block++) {
        c->claim = md_claim_block(c->block);
        bool ok = c->claim >= 0;
        for (unsigned i = 0; ok && i < MD_CLUSTER_NODES_MAX; i++) {
            md_address(c, i, 1);
            ok = md_is_free(&c->places[i].server);
        }
        if (ok)
            return true;
        if (c->claim >= 0)
            close(c->claim);
        c->claim = -1;
    }
    return md_fails(c, "no block of loopback addresses is free for a cluster: is something "
                       "listening on port 11211 of all addresses, or are 200 campaigns running?");
}

/* ---- starting -------------------------------------------------------------------------------- */

/* Without waiting: all of a cluster come up at the same time. */
static void md_launch_place(struct md_cluster *c, unsigned place) {
    struct md_place *p = &c->places[place];
    struct md_node_config config = {
        .binary = c->config.binary,
        .extra_args = c->config.node_args,
        .n_extra_args = c->config.n_node_args,
        .cpu = -1,
        .deadline_ms = c->config.deadline_ms,
        .listen = p->server.host,
        .port = p->server.port,
    };
    md_node_start(&config, NULL, false, &p->node);
    p->state = MD_PLACE_UP;
    p->late = 0;
}

static bool md_place_ready(struct md_cluster *c, unsigned place) {
    struct md_node *n = c->places[place].node;
    return md_node_ready(n) == MD_NODE_OK || md_place_fails(c, place, n);
}

static void md_empty_place(struct md_place *p) {
    md_node_free(p->node);
    *p = (struct md_place){.state = MD_PLACE_EMPTY};
}

static bool md_fill(struct md_cluster *c, unsigned n, const uint32_t *weights) {
    c->n_list = c->n_places = n;
    for (unsigned i = 0; i < n; i++) {
        uint32_t weight = weights && weights[i] ? weights[i] : 1;
        c->list[i] = i;
        if (c->places[i].state == MD_PLACE_EMPTY) {
            md_address(c, i, weight);
            md_launch_place(c, i);
        }
        c->places[i].server.weight = weight;
    }
    for (unsigned i = 0; i < n; i++)
        if (!md_place_ready(c, i))
            return false;
    return true;
}

bool md_cluster_start(struct md_cluster *c, const struct md_cluster_config *config, unsigned n,
                      enum md_ports ports, const uint32_t *weights) {
    *c = (struct md_cluster){.config = *config, .ports = ports, .claim = -1, .error = c->error};
    if (n == 0 || n > MD_CLUSTER_NODES_MAX)
        return md_fails(c, "a cluster has 1 to 16 nodes");
    return md_claim(c) && md_fill(c, n, weights);
}

void md_cluster_free(struct md_cluster *c) {
    for (unsigned i = 0; i < MD_CLUSTER_PLACES; i++)
        md_empty_place(&c->places[i]);
    if (c->claim >= 0)
        close(c->claim);
    c->claim = -1;
    c->n_places = c->n_list = 0;
    md_buf_free(&c->error);
}

/* ---- used again ------------------------------------------------------------------------------ */

static bool md_flush(struct md_cluster *c, unsigned place) {
    struct md_node *n = c->places[place].node;
    static const char flush[] = "flush_all\r\n";
    struct md_buf reply = {0};
    /* An item of this second would survive a flush of this second, or die of the next one's. */
    bool ok = md_node_advance(n, 2) == MD_NODE_OK;
    md_node_barrier(n);
    ok = ok &&
         md_node_exchange(n, MD_NODE_CONTROL, flush, sizeof flush - 1, 4096, &reply) == MD_NODE_OK;
    ok = ok && md_node_advance(n, 2) == MD_NODE_OK;
    md_buf_free(&reply);
    return ok || md_place_fails(c, place, n);
}

bool md_cluster_reset(struct md_cluster *c, unsigned n, enum md_ports ports,
                      const uint32_t *weights) {
    for (unsigned i = 0; i < MD_CLUSTER_PLACES; i++) {
        struct md_place *p = &c->places[i];
        if (i >= n || ports != c->ports || p->state != MD_PLACE_UP)
            md_empty_place(p);
        else if (!md_flush(c, i))
            return false;
    }
    c->ports = ports;
    return md_fill(c, n, weights);
}

unsigned md_cluster_servers(const struct md_cluster *c, struct md_server *out) {
    for (unsigned i = 0; i < c->n_list; i++)
        out[i] = c->places[c->list[i]].server;
    return c->n_list;
}

unsigned md_cluster_position(const struct md_cluster *c, unsigned place) {
    unsigned i = 0;
    while (i < c->n_list && c->list[i] != place)
        i++;
    return i;
}

/* ---- what happens to a place ----------------------------------------------------------------- */

static bool md_is(const struct md_cluster *c, unsigned place, enum md_place_state state) {
    return place < c->n_places && c->places[place].state == state;
}

bool md_cluster_kill(struct md_cluster *c, unsigned place) {
    if (!md_is(c, place, MD_PLACE_UP) && !md_is(c, place, MD_PLACE_STOPPED))
        return true;
    struct md_place *p = &c->places[place];
    p->state = MD_PLACE_DOWN;
    return md_node_kill(p->node) == MD_NODE_OK || md_place_fails(c, place, p->node);
}

bool md_cluster_stop(struct md_cluster *c, unsigned place) {
    if (!md_is(c, place, MD_PLACE_UP))
        return true;
    struct md_place *p = &c->places[place];
    p->state = MD_PLACE_STOPPED;
    return md_node_stop(p->node) == MD_NODE_OK || md_place_fails(c, place, p->node);
}

static bool md_catch_up(struct md_cluster *c, unsigned place) {
    struct md_place *p = &c->places[place];
    uint32_t late = p->late;
    p->late = 0;
    return md_node_advance(p->node, late) == MD_NODE_OK || md_place_fails(c, place, p->node);
}

bool md_cluster_continue(struct md_cluster *c, unsigned place) {
    if (!md_is(c, place, MD_PLACE_STOPPED))
        return true;
    struct md_place *p = &c->places[place];
    p->state = MD_PLACE_UP;
    if (md_node_continue(p->node) != MD_NODE_OK)
        return md_place_fails(c, place, p->node);
    return md_catch_up(c, place);
}

bool md_cluster_restart(struct md_cluster *c, unsigned place) {
    if (place >= c->n_places || c->places[place].state == MD_PLACE_EMPTY)
        return true;
    if (!md_cluster_kill(c, place))
        return false;
    struct md_place *p = &c->places[place];
    p->state = MD_PLACE_UP;
    if (md_node_restart(p->node) != MD_NODE_OK)
        return md_place_fails(c, place, p->node);
    return md_catch_up(c, place);
}

bool md_cluster_remove(struct md_cluster *c, unsigned place) {
    unsigned at = md_cluster_position(c, place);
    if (at == c->n_list || c->n_list == 1)
        return true;
    memmove(c->list + at, c->list + at + 1, (c->n_list - at - 1) * sizeof *c->list);
    c->n_list--;
    return true;
}

static bool md_new_place(struct md_cluster *c, uint32_t weight, unsigned *place) {
    *place = c->n_places++;
    md_address(c, *place, weight);
    md_launch_place(c, *place);
    return md_place_ready(c, *place);
}

bool md_cluster_add(struct md_cluster *c, unsigned place, uint32_t weight) {
    if (c->n_list == MD_CLUSTER_NODES_MAX)
        return true;
    if (place < c->n_places && md_cluster_position(c, place) == c->n_list) {
        c->list[c->n_list++] = place;
        return true;
    }
    if (place < c->n_places || c->n_places == MD_CLUSTER_PLACES)
        return true;
    if (!md_new_place(c, weight, &place))
        return false;
    c->list[c->n_list++] = place;
    return true;
}

bool md_cluster_replace(struct md_cluster *c, unsigned place) {
    unsigned at = md_cluster_position(c, place);
    if (at == c->n_list || c->n_places == MD_CLUSTER_PLACES)
        return true;
    unsigned other;
    if (!md_new_place(c, c->places[place].server.weight, &other))
        return false;
    c->list[at] = other;
    return true;
}

bool md_cluster_clock(struct md_cluster *c, uint32_t seconds) {
    for (unsigned i = 0; i < c->n_places; i++) {
        struct md_place *p = &c->places[i];
        if (p->state == MD_PLACE_STOPPED)
            p->late += seconds;
        else if (p->state != MD_PLACE_EMPTY && md_node_advance(p->node, seconds) != MD_NODE_OK)
            return md_place_fails(c, i, p->node);
    }
    return true;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* One "VALUE key flags bytes\r\n" and its data at *at; false: no such thing there. */
static bool md_take_value(const struct md_buf *reply, size_t *at, struct md_cluster_key *key,
                          struct md_holding *h) {
    const char *text = (const char *)reply->data + *at;
    size_t left = reply->len - *at;
    const char *end = memmem(text, left, "\r\n", 2);
    unsigned long len;
    int word;
    if (!end || left < 6 || memcmp(text, "VALUE ", 6) != 0)
        return false;
    const char *blank = memchr(text + 6, ' ', (size_t)(end - text) - 6);
    if (!blank || sscanf(blank, " %u %lu%n", &h->flags, &len, &word) != 2 || blank + word != end)
        return false;
    *key = (struct md_cluster_key){text + 6, (size_t)(blank - text) - 6};
    h->value = *at + (size_t)(end + 2 - text);
    h->len = len;
    h->held = true;
    if (len > reply->len || h->value + len + 2 > reply->len)
        return false;
    *at = h->value + len + 2;
    return true;
}

static bool md_read_answer(const struct md_buf *reply, const struct md_cluster_key *keys, size_t n,
                           struct md_holding *out, struct md_buf *bytes) {
    struct md_cluster_key key;
    struct md_holding h;
    size_t at = 0;
    while (md_take_value(reply, &at, &key, &h)) {
        size_t to = bytes->len;
        md_buf_append(bytes, reply->data + h.value, h.len);
        h.value = to;
        for (size_t i = 0; i < n; i++)
            if (keys[i].len == key.len && memcmp(keys[i].bytes, key.bytes, key.len) == 0)
                out[i] = h;
    }
    return reply->len - at == 5 && memcmp(reply->data + at, "END\r\n", 5) == 0;
}

bool md_cluster_ask(struct md_cluster *c, unsigned place, const struct md_cluster_key *keys,
                    size_t n, struct md_holding *out, struct md_buf *bytes) {
    struct md_place *p = &c->places[place];
    struct md_buf ask = {0}, reply = {0};
    memset(out, 0, n * sizeof *out);
    md_buf_clear(&c->error);
    if (!md_is(c, place, MD_PLACE_UP) || n == 0)
        return false;
    md_buf_str(&ask, "get");
    for (size_t i = 0; i < n; i++) {
        md_buf_byte(&ask, ' ');
        md_buf_append(&ask, keys[i].bytes, keys[i].len);
    }
    md_buf_str(&ask, "\r\n");
    bool ok = md_node_open(p->node, 0) == MD_NODE_OK;
    md_node_barrier(p->node);
    ok = ok && md_node_exchange(p->node, 0, ask.data, ask.len, MD_ANSWER_MAX, &reply) == MD_NODE_OK;
    ok = ok && md_node_close(p->node, 0) == MD_NODE_OK;
    if (!ok)
        md_place_fails(c, place, p->node);
    else if (!(ok = md_read_answer(&reply, keys, n, out, bytes)))
        md_fails(c, "a node answered `get` with something else than values");
    md_buf_free(&ask);
    md_buf_free(&reply);
    return ok;
}
