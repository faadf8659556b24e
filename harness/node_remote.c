/*
 * Nodes that somebody else started: no shim, no clock, no process to look at. And connections of
 * those that we started with a TCP port, of which the shim tells nothing. The end of a reply is
 * found by a barrier (`mn`, where the caller says that a command may begin and the node knows it),
 * or else by a quiet moment.
 */
#include "harness/node_internal.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

enum { MD_QUIET_MS = 50, MD_MN_LEN = 4 };
static const char MD_MN[] = "mn\r\n", MD_MN_REPLY[] = "MN\r\n";

/* ---- connecting ------------------------------------------------------------------------------ */

static uint64_t md_deadline(const struct md_node *n) {
    return md_now_ns() + (uint64_t)n->deadline_ms * 1000000;
}

/* poll, going on after signals; 0 after the deadline. */
static int md_poll(struct pollfd *p, uint64_t end) {
    int r;
    do
        r = poll(p, 1, md_left_ms(end));
    while (r < 0 && errno == EINTR);
    return r;
}

static int md_remote_connect(struct md_node *n) {
    int fd = socket(n->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1, error = 0;
    socklen_t size = sizeof error;
    if (n->address.ss_family != AF_UNIX)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&n->address, n->address_size) == 0)
        return fd;
    if (errno == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (md_poll(&p, md_deadline(n)) == 0)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
            return fd;
    } else {
        error = errno;
    }
    close(fd);
    errno = error;
    return -1;
}

enum md_node_status md_remote_open(struct md_node *n, unsigned conn) {
    int fd = md_remote_connect(n);
    if (fd < 0) {
        int error = errno;
        if (!n->remote && md_node_dies(n, error == ECONNREFUSED ? MD_DYING_MS : 0))
            return md_node_died(n);
        return md_node_fail(n, n->ready ? MD_NODE_DIED : MD_NODE_NO_START,
                            "cannot connect to %s: %s", n->remote ? n->binary : n->socket_path,
                            strerror(error));
    }
    n->connections[conn].fd = fd;
    return MD_NODE_OK;
}

/* Splits HOST:PORT or [HOST]:PORT into two strings in `text`. */
static bool md_split(char *text, char **host, char **port) {
    char *colon = strrchr(text, ':');
    if (!colon || colon == text || !colon[1])
        return false;
    *colon = 0;
    *host = text;
    *port = colon + 1;
    if (text[0] == '[') {
        if (colon[-1] != ']')
            return false;
        colon[-1] = 0;
        ++*host;
        return true;
    }
    return !strchr(text, ':');
}

static enum md_node_status md_remote_path(struct md_node *n, const char *path) {
    struct sockaddr_un *a = (struct sockaddr_un *)&n->address;
    if (strlen(path) >= sizeof a->sun_path)
        return md_node_fail(n, MD_NODE_NO_START, "'%s' is too long for a socket's path", path);
    a->sun_family = AF_UNIX;
    memcpy(a->sun_path, path, strlen(path));
    memcpy(n->socket_path, path, strlen(path));
    n->address_size = sizeof *a;
    return md_remote_open(n, MD_NODE_CONTROL);
}

/* The first address that answers is the node's. */
static enum md_node_status md_remote_host(struct md_node *n, char *host, char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    int error = getaddrinfo(host, port, &hints, &list);
    if (error != 0)
        return md_node_fail(n, MD_NODE_NO_START, "cannot find %s: %s", n->binary,
                            gai_strerror(error));
    enum md_node_status status = MD_NODE_NO_START;
    for (struct addrinfo *a = list; a && status != MD_NODE_OK; a = a->ai_next) {
        memcpy(&n->address, a->ai_addr, a->ai_addrlen);
        n->address_size = a->ai_addrlen;
        status = md_remote_open(n, MD_NODE_CONTROL);
    }
    freeaddrinfo(list);
    return status;
}

enum md_node_status md_remote_start(struct md_node *n, const char *connect) {
    n->remote = n->untracked = true;
    n->binary = md_strdup(connect); /* its name in messages */
    char *text = md_strdup(connect), *host, *port;
    enum md_node_status status;
    if (connect[0] == '/')
        status = md_remote_path(n, connect);
    else if (md_split(text, &host, &port))
        status = md_remote_host(n, host, port);
    else
        status = md_node_fail(n, MD_NODE_NO_START,
                              "'%s' is not HOST:PORT, [ADDRESS]:PORT or /a/socket's/path", connect);
    free(text);
    return status == MD_NODE_OK ? md_remote_probe(n) : status;
}

/* ---- exchanging ------------------------------------------------------------------------------ */

struct md_remote {
    struct md_node *n;
    int fd;
    const uint8_t *bytes;
    size_t len, sent;
    bool barrier;                 /* to be sent, or awaited, after the bytes: */
    struct md_buf end, end_reply; /* not owned */
    bool goodbye;                 /* its end is that of the connection */
    bool line;                    /* the reply is one line: its end is the end */
    size_t barrier_sent;          /* bytes of it */
    size_t base, max_reply;
    struct md_buf *replies;
};

static bool md_remote_all_sent(const struct md_remote *r) {
    return r->sent == r->len && (!r->barrier || r->barrier_sent == r->end.len);
}

/* Sends what goes. A broken connection takes everything: reading will tell. */
static void md_remote_push(struct md_remote *r) {
    while (!md_remote_all_sent(r)) {
        bool first = r->sent < r->len;
        const void *from =
            first ? (const void *)(r->bytes + r->sent) : r->end.data + r->barrier_sent;
        size_t left = first ? r->len - r->sent : r->end.len - r->barrier_sent;
        ssize_t n = send(r->fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        if (n < 0) {
            r->sent = r->len;
            r->barrier_sent = r->end.len;
        } else if (first) {
            r->sent += (size_t)n;
        } else {
            r->barrier_sent += (size_t)n;
        }
    }
}

/* Whether the reply ends with the barrier's; takes it off. */
static bool md_remote_barrier(struct md_remote *r) {
    struct md_buf *b = r->replies;
    size_t len = b->len - r->base, end = r->end_reply.len;
    if (!r->barrier || !md_remote_all_sent(r) || len < end ||
        memcmp(b->data + b->len - end, r->end_reply.data, end) != 0 ||
        (len > end && b->data[b->len - end - 1] != '\n'))
        return false;
    struct pollfd p = {.fd = r->fd, .events = POLLIN};
    if (poll(&p, 1, 0) > 0)
        return false; /* it was part of a value: more follows */
    b->len -= end;
    return true;
}

static bool md_remote_whole_line(const struct md_remote *r) {
    const struct md_buf *b = r->replies;
    return b->len > r->base && b->data[b->len - 1] == '\n';
}

static enum md_node_status md_remote_lost(struct md_node *n, int fd) {
    for (unsigned i = 0; i < MD_NODE_CONNECTIONS; i++)
        if (n->connections[i].fd == fd)
            n->connections[i].fd = -1;
    close(fd);
    if (!n->remote && md_node_dies(n, MD_DYING_MS))
        return md_node_died(n);
    return md_node_fail(n, MD_NODE_CLOSED, "%s closed the connection", n->binary);
}

static enum md_node_status md_remote_run(struct md_remote *r) {
    struct md_node *n = r->n;
    uint64_t end = md_deadline(n);
    for (;;) {
        md_remote_push(r);
        bool sent = md_remote_all_sent(r), quiet = sent && !r->barrier && !r->line && !r->goodbye;
        struct pollfd p = {.fd = r->fd, .events = POLLIN};
        if (!sent)
            p.events |= POLLOUT;
        uint64_t soon = md_now_ns() + MD_QUIET_MS * UINT64_C(1000000);
        int ready = md_poll(&p, quiet && soon < end ? soon : end);
        if (ready == 0 && (quiet || (sent && r->goodbye)))
            return MD_NODE_OK;
        if (ready == 0)
            return md_node_fail(n, MD_NODE_HANGS, "%s did not answer within %u ms", n->binary,
                                n->deadline_ms);
        if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        size_t before = r->replies->len;
        enum md_node_status status =
            md_collect(n, r->fd, true, r->base, r->max_reply + r->end_reply.len, r->replies);
        if (status == MD_NODE_CLOSED)
            return md_remote_lost(n, r->fd);
        if (status != MD_NODE_OK)
            return status;
        if (md_remote_barrier(r) || (r->line && md_remote_whole_line(r)))
            return MD_NODE_OK;
        if (r->replies->len != before)
            end = md_deadline(n);
    }
}

enum md_node_status md_remote_ask(struct md_node *n, const char *line, struct md_buf *reply) {
    struct md_remote r = {.n = n,
                          .fd = n->connections[MD_NODE_CONTROL].fd,
                          .bytes = (const uint8_t *)line,
                          .len = strlen(line),
                          .line = true,
                          .base = reply->len,
                          .max_reply = 4096,
                          .replies = reply};
    return md_remote_run(&r);
}

/* `mn` came with 1.6: an ERROR is as good an answer as MN. */
enum md_node_status md_remote_probe(struct md_node *n) {
    struct md_buf reply = {0};
    n->at_command = n->barrier = false;
    enum md_node_status status = md_remote_ask(n, MD_MN, &reply);
    if (status == MD_NODE_CLOSED && n->remote) /* so does a proxy with what it does not know */
        status = md_remote_open(n, MD_NODE_CONTROL);
    n->barrier = reply.len == MD_MN_LEN && memcmp(reply.data, MD_MN_REPLY, MD_MN_LEN) == 0;
    md_buf_free(&reply);
    return status;
}

static struct md_buf md_mn_text(const char *text) {
    return (struct md_buf){.data = (uint8_t *)text, .len = MD_MN_LEN};
}

enum md_node_status md_remote_wait(struct md_node *n, uint32_t seconds) {
    uint64_t end = md_now_ns() + seconds * UINT64_C(1000000000);
    struct pollfd p = {.fd = n->connections[MD_NODE_CONTROL].fd, .events = POLLRDHUP};
    if (md_poll(&p, end) > 0)
        return md_node_fail(n, MD_NODE_DIED, "%s closed the connection while time went by",
                            n->binary);
    n->uptime += seconds;
    return MD_NODE_OK;
}

enum md_node_status md_remote_exchange(struct md_node *n, unsigned conn, const void *bytes,
                                       size_t len, size_t max_reply, struct md_buf *replies) {
    struct md_remote r = {
        .n = n,
        .fd = n->connections[conn].fd,
        .bytes = bytes,
        .len = len,
        .barrier = n->barrier && n->at_command && !n->goodbye,
        .goodbye = n->goodbye,
        .end = n->barrier_text ? *n->barrier_text : md_mn_text(MD_MN),
        .end_reply = n->barrier_text ? *n->barrier_reply : md_mn_text(MD_MN_REPLY),
        .base = replies->len,
        .max_reply = max_reply,
        .replies = replies,
    };
    n->at_command = n->goodbye = false;
    return md_remote_run(&r);
}

enum md_node_status md_remote_finish(struct md_node *n, unsigned conn, size_t max_reply,
                                     struct md_buf *replies) {
    uint64_t end = md_deadline(n);
    size_t base = replies->len;
    struct pollfd p = {.fd = n->connections[conn].fd, .events = POLLIN};
    while (md_poll(&p, end) > 0) {
        enum md_node_status status = md_collect(n, p.fd, true, base, max_reply, replies);
        if (status != MD_NODE_OK)
            return status == MD_NODE_CLOSED ? MD_NODE_OK : status;
    }
    return md_node_fail(n, MD_NODE_HANGS, "%s did not close a half-closed connection within %u ms",
                        n->binary, n->deadline_ms);
}
