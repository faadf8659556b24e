/*
 * The life of a client's process: makes a libmemcached client as the settings say, on the route
 * they say, and does one call after the other. Its own behaviour is as plain as possible; what is
 * tested is the library.
 */
#include "harness/client_clock.h"
#include "harness/cluster_client.h"
#include "harness/cluster_wire.h"
#include "harness/now.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct md_child {
    const struct md_client_settings *settings;
    struct md_server servers[MD_SERVERS_MAX];
    size_t n_servers;
    memcached_st *client;
    struct md_buf in, out;
};

/* ---- making the client ----------------------------------------------------------------------- */

static void md_must(memcached_return_t rc, const char *what) {
    if (rc == MEMCACHED_SUCCESS)
        return;
    fprintf(stderr, "libmemcached refused %s: %s\n", what, memcached_strerror(NULL, rc));
    _exit(3);
}

static void md_set(memcached_st *m, memcached_behavior_t behavior, uint64_t value) {
    md_must(memcached_behavior_set(m, behavior, value), libmemcached_string_behavior(behavior));
}

static void md_set_flags(memcached_st *m, const struct md_client_settings *s) {
    md_set(m, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1); /* what is sent arrives: no waiting for it */
    if (s->binary)
        md_set(m, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1);
    if (s->auto_eject)
        md_set(m, MEMCACHED_BEHAVIOR_REMOVE_FAILED_SERVERS, 1);
    if (s->no_block)
        md_set(m, MEMCACHED_BEHAVIOR_NO_BLOCK, 1);
    if (s->buffer)
        md_set(m, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS, 1);
    if (s->noreply)
        md_set(m, MEMCACHED_BEHAVIOR_NOREPLY, 1);
    if (s->cas)
        md_set(m, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
}

static void md_set_numbers(memcached_st *m, const struct md_client_settings *s) {
    md_set(m, MEMCACHED_BEHAVIOR_SERVER_FAILURE_LIMIT, s->failure_limit);
    md_set(m, MEMCACHED_BEHAVIOR_SERVER_TIMEOUT_LIMIT, s->timeout_limit);
    md_set(m, MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, s->retry_timeout);
    md_set(m, MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, s->dead_timeout);
    md_set(m, MEMCACHED_BEHAVIOR_POLL_TIMEOUT, s->poll_timeout);
    md_set(m, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, s->connect_timeout);
}

static void md_add_servers(memcached_st *m, const struct md_child *c) {
    for (size_t i = 0; i < c->n_servers; i++) {
        const struct md_server *server = &c->servers[i];
        md_must(memcached_server_add_with_weight(m, server->host, server->port, server->weight),
                "a server");
    }
}

static void md_make(struct md_child *c) {
    struct md_placement_settings placement;
    const char *why = "";
    md_client_rule(c->settings, &placement);
    struct md_library *l =
        md_library_new(c->settings->reach, &placement, c->servers, c->n_servers, &why);
    if (!l) {
        fprintf(stderr, "libmemcached made no client: %s\n", why);
        _exit(3);
    }
    c->client = md_library_client(l);
    md_set_flags(c->client, c->settings);
    md_set_numbers(c->client, c->settings);
}

/* ---- calls ----------------------------------------------------------------------------------- */

struct md_call {
    uint32_t op, flags, number;
    const void *value;
    size_t value_len;
    const char *keys[MD_CLIENT_KEYS_MAX];
    size_t lengths[MD_CLIENT_KEYS_MAX];
    size_t n_keys;
    memcached_return_t rc, end;
    uint32_t n_values;
    bool flood;
    struct md_buf values;
};

static void md_put_value(struct md_call *call, const char *key, size_t nkey, const char *value,
                         size_t nvalue, uint32_t flags) {
    if (call->n_values == 2 * MD_CLIENT_KEYS_MAX) {
        call->flood = true;
        return;
    }
    md_wire_bytes(&call->values, key, nkey);
    md_wire_bytes(&call->values, value ? value : "", nvalue);
    md_wire_u32(&call->values, flags);
    call->n_values++;
}

static void md_call_get(struct md_child *c, struct md_call *call) {
    size_t len = 0;
    uint32_t flags = 0;
    char *value =
        memcached_get(c->client, call->keys[0], call->lengths[0], &len, &flags, &call->rc);
    if (call->rc == MEMCACHED_SUCCESS)
        md_put_value(call, call->keys[0], call->lengths[0], value, len, flags);
    free(value);
}

static void md_call_mget(struct md_child *c, struct md_call *call) {
    memcached_result_st result;
    call->rc = memcached_mget(c->client, call->keys, call->lengths, call->n_keys);
    call->end = MEMCACHED_MAXIMUM_RETURN;
    if (call->rc != MEMCACHED_SUCCESS && call->rc != MEMCACHED_SOME_ERRORS)
        return;
    memcached_result_create(c->client, &result);
    while (!call->flood && memcached_fetch_result(c->client, &result, &call->end))
        md_put_value(call, memcached_result_key_value(&result),
                     memcached_result_key_length(&result), memcached_result_value(&result),
                     memcached_result_length(&result), memcached_result_flags(&result));
    memcached_result_free(&result);
}

static void md_call_servers(struct md_child *c, struct md_call *call) {
    (void)call;
    memcached_servers_reset(c->client);
    md_add_servers(c->client, c);
}

static void md_call(struct md_child *c, struct md_call *call) {
    memcached_st *m = c->client;
    const char *key = call->keys[0];
    size_t nkey = call->lengths[0];
    switch ((enum md_client_op)call->op) {
    case MD_OP_SET:
        call->rc = memcached_set(m, key, nkey, call->value, call->value_len, (time_t)call->number,
                                 call->flags);
        break;
    case MD_OP_ADD:
        call->rc = memcached_add(m, key, nkey, call->value, call->value_len, (time_t)call->number,
                                 call->flags);
        break;
    case MD_OP_GET: md_call_get(c, call); break;
    case MD_OP_DELETE: call->rc = memcached_delete(m, key, nkey, 0); break;
    case MD_OP_MGET: md_call_mget(c, call); break;
    case MD_OP_FLUSH: call->rc = memcached_flush_buffers(m); break;
    case MD_OP_CLOCK: md_client_clock_advance(call->number); break;
    case MD_OP_SERVERS: md_call_servers(c, call); break;
    case MD_OP_END: _exit(0);
    }
}

/* ---- talking --------------------------------------------------------------------------------- */

static bool md_read_all(int fd, void *to, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t r = recv(fd, (char *)to + done, n - done, 0);
        if (r == 0 || (r < 0 && errno != EINTR))
            return false;
        done += r > 0 ? (size_t)r : 0;
    }
    return true;
}

static void md_answer(struct md_child *c, int fd, const struct md_call *call, uint64_t ns) {
    struct md_buf *b = &c->out;
    md_buf_clear(b);
    md_wire_u32(b, 0);
    md_wire_u32(b, (uint32_t)call->rc);
    md_wire_u32(b, (uint32_t)call->end);
    md_wire_u32(b, (uint32_t)(ns / 1000));
    md_wire_u32(b, call->flood);
    md_wire_u32(b, call->n_values);
    md_buf_append(b, call->values.data, call->values.len);
    uint32_t len = (uint32_t)(b->len - sizeof len);
    memcpy(b->data, &len, sizeof len);
    for (size_t sent = 0; sent < b->len;) {
        ssize_t n = send(fd, b->data + sent, b->len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            _exit(0);
        sent += n > 0 ? (size_t)n : 0;
    }
}

static void md_take_servers(struct md_wire *w, struct md_child *c, bool use) {
    uint32_t n = md_wire_take_u32(w);
    if (use)
        c->n_servers = n < MD_SERVERS_MAX ? n : MD_SERVERS_MAX;
    for (uint32_t i = 0; i < n && i < MD_SERVERS_MAX; i++) {
        size_t len;
        struct md_server *s = &c->servers[i];
        const void *host = md_wire_take_bytes(w, &len);
        snprintf(s->host, sizeof s->host, "%.*s", (int)len, (const char *)host);
        s->port = (uint16_t)md_wire_take_u32(w);
        s->weight = md_wire_take_u32(w);
    }
}

/* Reads a request into `call`, whose keys and value lie in c->in. */
static void md_take_call(struct md_child *c, struct md_call *call) {
    struct md_wire w = {c->in.data, c->in.data + c->in.len, false};
    call->op = md_wire_take_u32(&w);
    call->flags = md_wire_take_u32(&w);
    call->number = md_wire_take_u32(&w);
    call->value = md_wire_take_bytes(&w, &call->value_len);
    call->n_keys = md_wire_take_u32(&w);
    for (size_t i = 0; i < call->n_keys && i < MD_CLIENT_KEYS_MAX; i++)
        call->keys[i] = md_wire_take_bytes(&w, &call->lengths[i]);
    md_take_servers(&w, c, call->op == MD_OP_SERVERS);
}

_Noreturn void md_client_child(int fd, const struct md_client_settings *settings,
                               const struct md_server *servers, size_t n_servers) {
    struct md_child *c = md_calloc(1, sizeof *c);
    c->settings = settings;
    c->n_servers = n_servers;
    memcpy(c->servers, servers, n_servers * sizeof *servers);
    md_make(c);
    struct md_call call = {.rc = MEMCACHED_SUCCESS};
    md_answer(c, fd, &call, 0);
    for (;;) {
        uint32_t len;
        if (!md_read_all(fd, &len, sizeof len) || len > MD_WIRE_MAX)
            _exit(0);
        md_buf_clear(&c->in);
        md_buf_reserve(&c->in, len);
        c->in.len = len;
        if (!md_read_all(fd, c->in.data, len))
            _exit(0);
        struct md_buf values = call.values;
        md_buf_clear(&values);
        call = (struct md_call){.rc = MEMCACHED_SUCCESS, .values = values};
        md_take_call(c, &call);
        uint64_t from = md_now_ns();
        md_call(c, &call);
        md_answer(c, fd, &call, md_now_ns() - from);
    }
}
