/*
 * Connections of a node: contract C4. After each of these functions the node is settled: it has
 * read all our bytes, done what follows from them, and we have all that it said.
 */
#include "harness/node_internal.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MD_RECEIVE_ROOM = 64 * 1024, /* bytes read at once at least */
    MD_DRAIN_EVERY = 64,         /* exchanges between two looks at stderr: the pipe takes 1 MiB */
    MD_TALKING_US = 200,      /* until the next look at a node that talks without coming to rest */
    MD_LAST_WORDS = 64 << 20, /* bytes of reply after a half-close */
};

/* ---- what the shared page says --------------------------------------------------------------- */

static enum md_shim_state md_state_of(const struct md_node *n, const struct md_connection *c) {
    uint32_t word = atomic_load(&n->page->connection[c - n->connections]);
    if (word >> 2 != MD_SHIM_WORD(c->sequence, 0) >> 2)
        return MD_SHIM_CONNECTING;
    return (enum md_shim_state)(word & 3);
}

/* Nobody runs, nobody waits for us to read: both at one moment, which is what the second look at
 * `busy` and `events` makes sure of. */
static bool md_idle(const struct md_node *n) {
    struct md_shim *p = n->page;
    uint32_t events = atomic_load(&p->events);
    return atomic_load(&p->busy) == 0 && atomic_load(&p->writing) == 0 &&
           atomic_load(&p->busy) == 0 && atomic_load(&p->events) == events;
}

/* Unread bytes of ours; only whether there are any matters. */
static bool md_all_read(const struct md_connection *c) {
    int bytes = 0;
    return ioctl(c->fd, SIOCOUTQ, &bytes) != 0 || bytes == 0;
}

static bool md_opened(struct md_node *n) {
    for (unsigned i = 0; i < MD_NODE_CONNECTIONS; i++)
        if (n->opening >> i & 1 && md_state_of(n, &n->connections[i]) >= MD_SHIM_WATCHED)
            n->opening &= ~(1U << i);
    return n->opening == 0;
}

/* Reading comes before being idle again, so it is also looked at first. */
static bool md_settled(struct md_node *n, const struct md_connection *c) {
    if (n->opening && !md_opened(n))
        return false;
    if (md_state_of(n, c) != MD_SHIM_CLOSED && !md_all_read(c))
        return false;
    return md_idle(n);
}

/* ---- reading --------------------------------------------------------------------------------- */

enum md_node_status md_collect(struct md_node *n, int fd, bool to_end, size_t base,
                               size_t max_reply, struct md_buf *replies) {
    for (;;) {
        md_buf_reserve(replies, MD_RECEIVE_ROOM);
        size_t room = replies->cap - replies->len;
        ssize_t r = recv(fd, replies->data + replies->len, room, MSG_DONTWAIT);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return MD_NODE_OK;
        if (r <= 0)
            return MD_NODE_CLOSED;
        replies->len += (size_t)r;
        if (replies->len - base > max_reply) {
            replies->len = base + max_reply;
            return md_node_fail(n, MD_NODE_FLOOD, "the node sent more than %zu bytes of reply",
                                max_reply);
        }
        if ((size_t)r < room && !to_end)
            return MD_NODE_OK;
    }
}

static void md_forget(struct md_node *n, struct md_connection *c) {
    close(c->fd);
    c->fd = -1;
    n->opening &= ~(1U << (c - n->connections));
}

/*
 * The stream ended. If the node did not close it itself, its process is on the way out: the kernel
 * closes its sockets a moment before we can see it dead.
 */
static enum md_node_status md_ended(struct md_node *n, struct md_connection *c) {
    bool by_node = n->untracked || md_state_of(n, c) == MD_SHIM_CLOSED;
    unsigned conn = (unsigned)(c - n->connections);
    md_forget(n, c);
    if (!by_node && md_node_dies(n, MD_DYING_MS))
        return md_node_died(n);
    return md_node_fail(n, MD_NODE_CLOSED, "the node closed connection %u", conn);
}

/* Takes what is there; anything but OK also ends the connection on our side. A recv that did not
 * fill the room took all there was; only for the end of the stream another look is needed. */
static enum md_node_status md_take(struct md_node *n, struct md_connection *c, size_t base,
                                   size_t max_reply, struct md_buf *replies) {
    bool to_end = md_state_of(n, c) == MD_SHIM_CLOSED;
    enum md_node_status status = md_collect(n, c->fd, to_end, base, max_reply, replies);
    if (status == MD_NODE_CLOSED)
        return md_ended(n, c);
    if (status == MD_NODE_FLOOD)
        md_forget(n, c);
    return status;
}

/* ---- exchanging ------------------------------------------------------------------------------ */

/* Sends what the socket takes. A broken connection takes everything: reading will tell. */
static size_t md_push(const struct md_connection *c, const uint8_t *bytes, size_t len) {
    size_t sent = 0;
    while (sent < len) {
        ssize_t r = send(c->fd, bytes + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (r > 0)
            sent += (size_t)r;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            return len;
    }
    return sent;
}

/* Reads from a node that has not come to rest: it may be waiting for that. After it has closed the
 * connection it is not, and the end is for when it rests. */
static enum md_node_status md_relieve(struct md_node *n, struct md_connection *c,
                                      struct md_wait *wait, size_t base, size_t max_reply,
                                      struct md_buf *replies) {
    size_t before = replies->len;
    if (md_state_of(n, c) == MD_SHIM_CLOSED)
        return MD_NODE_OK;
    enum md_node_status status = md_take(n, c, base, max_reply, replies);
    if (wait->timeout && replies->len != before)
        wait->slice_us = MD_TALKING_US;
    return status;
}

/* One piece, at most MD_READ_BUFFER bytes. */
static enum md_node_status md_piece(struct md_node *n, struct md_connection *c,
                                    const uint8_t *bytes, size_t len, size_t base, size_t max_reply,
                                    struct md_buf *replies) {
    struct md_wait wait = {.what = "answer and come to rest"};
    enum md_node_status status = MD_NODE_OK;
    size_t sent = 0;
    while (status == MD_NODE_OK) {
        uint32_t seen = atomic_load(&n->page->events);
        size_t pushed = md_push(c, bytes + sent, len - sent);
        sent += pushed;
        /* After a push somebody must run; without an event since, nobody has come to rest. */
        if (pushed == 0 || atomic_load(&n->page->events) != seen) {
            if (sent == len && md_settled(n, c))
                return md_take(n, c, base, max_reply, replies);
            status = md_relieve(n, c, &wait, base, max_reply, replies);
            if (status != MD_NODE_OK)
                return status;
        }
        status = md_wait_event(n, &wait, seen);
    }
    if (status == MD_NODE_DIED)
        md_collect(n, c->fd, true, base, max_reply, replies);
    return status;
}

static struct md_connection *md_connection(struct md_node *n, unsigned conn) {
    return conn < MD_NODE_CONNECTIONS && n->connections[conn].fd >= 0 ? &n->connections[conn]
                                                                      : NULL;
}

static enum md_node_status md_is_down(struct md_node *n) {
    return md_node_fail(n, MD_NODE_DIED, "the node was killed and not started again");
}

static enum md_node_status md_not_open(struct md_node *n, unsigned conn) {
    if (n->down)
        return md_is_down(n);
    if (!n->remote && md_node_dead(n))
        return md_node_died(n);
    return md_node_fail(n, MD_NODE_CLOSED, "connection %u is not open", conn);
}

enum md_node_status md_node_exchange(struct md_node *n, unsigned conn, const void *bytes,
                                     size_t len, size_t max_reply, struct md_buf *replies) {
    struct md_connection *c = md_connection(n, conn);
    if (!c)
        return md_not_open(n, conn);
    if (n->untracked)
        return md_remote_exchange(n, conn, bytes, len, max_reply, replies);
    if (n->opening & ~(1U << conn)) {
        enum md_node_status status = md_node_finish_opening(n);
        if (status != MD_NODE_OK)
            return status;
    }
    if (++n->exchanges % MD_DRAIN_EVERY == 0)
        md_node_drain(n);
    const uint8_t *at = bytes ? bytes : (const uint8_t *)"";
    size_t base = replies->len, done = 0;
    do {
        size_t piece = len - done < MD_READ_BUFFER ? len - done : MD_READ_BUFFER;
        enum md_node_status status = md_piece(n, c, at + done, piece, base, max_reply, replies);
        if (status != MD_NODE_OK)
            return status;
        done += piece;
    } while (done < len);
    return MD_NODE_OK;
}

enum md_node_status md_node_settle(struct md_node *n, unsigned conn, size_t max_reply,
                                   struct md_buf *replies) {
    return md_node_exchange(n, conn, "", 0, max_reply, replies);
}

enum md_node_status md_node_await(struct md_node *n, unsigned conn, size_t max_reply,
                                  struct md_buf *replies) {
    struct md_connection *c = md_connection(n, conn);
    if (!c)
        return md_not_open(n, conn);
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int r = poll(&p, 1, (int)n->deadline_ms);
    if (r == 0)
        return md_node_fail(n, MD_NODE_HANGS,
                            "the node (pid %d) hangs: it did not answer in the background within "
                            "%u ms",
                            (int)n->born, n->deadline_ms);
    return n->untracked ? md_collect(n, c->fd, true, replies->len, max_reply, replies)
                        : md_take(n, c, replies->len, max_reply, replies);
}

/* ---- opening and closing --------------------------------------------------------------------- */

bool md_node_is_open(const struct md_node *n, unsigned conn) {
    return conn < MD_NODE_CONNECTIONS && n->connections[conn].fd >= 0;
}

int md_node_connect(struct md_node *n) {
    int fd = socket(n->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int r;
    do
        r = connect(fd, (struct sockaddr *)&n->address, n->address_size);
    while (r != 0 && errno == EINTR);
    if (r == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

enum md_node_status md_node_finish_opening(struct md_node *n) {
    struct md_wait wait = {.what = "take a new connection"};
    while (n->opening) {
        uint32_t seen = atomic_load(&n->page->events);
        if (md_opened(n) && md_idle(n))
            return MD_NODE_OK;
        enum md_node_status status = md_wait_event(n, &wait, seen);
        if (status != MD_NODE_OK)
            return status;
    }
    return MD_NODE_OK;
}

/* Not waited for here: the first exchange does, and everything else that could come in between
 * calls md_node_finish_opening. */
enum md_node_status md_node_open(struct md_node *n, unsigned conn) {
    if (conn >= MD_NODE_CONNECTIONS)
        return md_node_fail(n, MD_NODE_ENV, "there is no connection %u", conn);
    if (n->connections[conn].fd >= 0)
        return MD_NODE_OK;
    if (n->down)
        return md_is_down(n);
    if (n->untracked)
        return md_remote_open(n, conn);
    struct md_connection *c = &n->connections[conn];
    c->sequence = n->connects;
    atomic_store(&n->page->announced[c->sequence % MD_SHIM_ANNOUNCED], (uint8_t)conn);
    atomic_store(&n->page->connection[conn], MD_SHIM_WORD(c->sequence, MD_SHIM_CONNECTING));
    c->fd = md_node_connect(n);
    if (c->fd < 0) {
        int error = errno;
        if (md_node_dies(n, error == ECONNREFUSED ? MD_DYING_MS : 0))
            return md_node_died(n);
        return md_node_fail(n, MD_NODE_ENV, "cannot connect to the node at %s: %s", n->socket_path,
                            strerror(error));
    }
    n->connects++;
    n->opening |= 1U << conn;
    return MD_NODE_OK;
}

/* Waits until the node has closed its side too, reading meanwhile if `replies` is given. */
static enum md_node_status md_closed_there(struct md_node *n, struct md_connection *c, size_t base,
                                           struct md_buf *replies) {
    struct md_wait wait = {.what = "close a connection that we closed"};
    for (;;) {
        uint32_t seen = atomic_load(&n->page->events);
        if (md_state_of(n, c) == MD_SHIM_CLOSED && md_idle(n))
            return MD_NODE_OK;
        if (replies) {
            enum md_node_status status = md_collect(n, c->fd, true, base, MD_LAST_WORDS, replies);
            if (status == MD_NODE_FLOOD)
                return status;
        }
        enum md_node_status status = md_wait_event(n, &wait, seen);
        if (status != MD_NODE_OK)
            return status;
    }
}

enum md_node_status md_node_close(struct md_node *n, unsigned conn) {
    struct md_connection *c = md_connection(n, conn);
    if (!c)
        return MD_NODE_OK;
    if (n->untracked) {
        md_forget(n, c);
        return MD_NODE_OK;
    }
    enum md_node_status status = md_node_finish_opening(n);
    md_forget(n, c);
    return status == MD_NODE_OK ? md_closed_there(n, c, 0, NULL) : status;
}

enum md_node_status md_node_shutdown(struct md_node *n, unsigned conn, struct md_buf *replies) {
    struct md_connection *c = md_connection(n, conn);
    if (!c)
        return MD_NODE_OK;
    size_t base = replies->len;
    enum md_node_status status = n->untracked ? MD_NODE_OK : md_node_finish_opening(n);
    if (status != MD_NODE_OK)
        return status;
    shutdown(c->fd, SHUT_WR);
    if (n->untracked) {
        status = md_remote_finish(n, conn, MD_LAST_WORDS, replies);
    } else {
        status = md_closed_there(n, c, base, replies);
        if (status == MD_NODE_OK &&
            md_collect(n, c->fd, true, base, MD_LAST_WORDS, replies) == MD_NODE_FLOOD)
            status = MD_NODE_FLOOD;
    }
    md_forget(n, c);
    return status;
}
