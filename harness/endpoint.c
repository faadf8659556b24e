/* The stand-in for a configuration endpoint; see endpoint.h. */
#include "harness/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MD_GUESTS = 32, MD_LINE_MAX = 2048, MD_LOG_MAX = 64 * 1024 };

struct md_guest {
    int fd; /* -1: free */
    struct md_buf in, out;
    bool leaving; /* closed once all is sent */
};

struct md_endpoint {
    pthread_t thread;
    pthread_mutex_t lock; /* for what follows up to `log` */
    enum md_endpoint_mode mode;
    struct md_buf payload, raw, log;
    int listener, bell;
    uint16_t port;
    struct md_guest guests[MD_GUESTS];
};

static const char *const md_mode_ids[] = {
#define X(name, id) id,
    MD_ENDPOINT_MODE_LIST(X)
#undef X
};

const char *md_endpoint_mode_id(enum md_endpoint_mode mode) { return md_mode_ids[mode]; }

void md_topology_print(uint64_t version, const struct md_server *nodes, size_t n,
                       struct md_buf *out) {
    struct in_addr address;
    md_buf_u64(out, version);
    md_buf_byte(out, '\n');
    for (size_t i = 0; i < n; i++)
        md_buf_printf(out, "%s%s|%s|%u", i ? " " : "", nodes[i].host,
                      inet_pton(AF_INET, nodes[i].host, &address) == 1 ? nodes[i].host : "",
                      nodes[i].port ? nodes[i].port : MD_SERVER_PORT);
    md_buf_byte(out, '\n');
}

/* ---- answering: with the lock held ----------------------------------------------------------- */

static void md_good_answer(const struct md_endpoint *e, bool older, size_t claimed,
                           struct md_buf *out) {
    md_buf_printf(out, "%s 0 %zu\r\n", older ? "VALUE AmazonElastiCache:cluster" : "CONFIG cluster",
                  e->payload.len + claimed);
    md_buf_append(out, e->payload.data, e->payload.len);
    md_buf_str(out, "\r\nEND\r\n");
}

static void md_answer_list(const struct md_endpoint *e, struct md_guest *g, bool older) {
    size_t before = g->out.len;
    switch (e->mode) {
    case MD_ENDPOINT_OLD:
        if (older)
            md_good_answer(e, true, 0, &g->out);
        else
            md_buf_str(&g->out, "ERROR\r\n");
        break;
    case MD_ENDPOINT_ERROR: md_buf_str(&g->out, "SERVER_ERROR out of memory\r\n"); break;
    case MD_ENDPOINT_EMPTY: md_buf_str(&g->out, "END\r\n"); break;
    case MD_ENDPOINT_SHORT: md_good_answer(e, older, 9, &g->out); break;
    case MD_ENDPOINT_CLOSE: g->leaving = true; break;
    case MD_ENDPOINT_HANG: break;
    case MD_ENDPOINT_RAW: md_buf_append(&g->out, e->raw.data, e->raw.len); break;
    default:
        md_good_answer(e, older, 0, &g->out);
        if (e->mode != MD_ENDPOINT_GOOD)
            g->out.len = before + (g->out.len - before) / 2;
        g->leaving = g->leaving || e->mode == MD_ENDPOINT_CUT;
        break;
    }
}

/* One line, without its end and without blanks at its end: some clients send one. */
static void md_answer(struct md_endpoint *e, struct md_guest *g, const char *line, size_t len) {
    struct md_buf words = {0};
    if (e->log.len < MD_LOG_MAX) {
        md_buf_append(&e->log, line, len);
        md_buf_byte(&e->log, '\n');
    }
    while (len && line[len - 1] == ' ')
        len--;
    md_buf_append(&words, line, len);
    const char *word = md_buf_cstr(&words);
    if (strcmp(word, "config get cluster") == 0)
        md_answer_list(e, g, false);
    else if (strcmp(word, "get AmazonElastiCache:cluster") == 0)
        md_answer_list(e, g, true);
    else if (strcmp(word, "version") == 0)
        md_buf_str(&g->out, "VERSION 1.6.18\r\n");
    else if (strcmp(word, "quit") == 0)
        g->leaving = true;
    else
        md_buf_str(&g->out, "ERROR\r\n");
    md_buf_free(&words);
}

/* ---- guests: only in the thread -------------------------------------------------------------- */

static void md_leave(struct md_guest *g) {
    close(g->fd);
    g->fd = -1;
    md_buf_clear(&g->in);
    md_buf_clear(&g->out);
    g->leaving = false;
}

static void md_read_guest(struct md_endpoint *e, struct md_guest *g) {
    uint8_t bytes[4096];
    ssize_t n = recv(g->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || g->in.len > MD_LINE_MAX) {
        md_leave(g);
        return;
    }
    md_buf_append(&g->in, bytes, (size_t)n);
    const uint8_t *end;
    while (!g->leaving && (end = memmem(g->in.data, g->in.len, "\r\n", 2))) {
        size_t len = (size_t)(end - g->in.data);
        pthread_mutex_lock(&e->lock);
        md_answer(e, g, (const char *)g->in.data, len);
        pthread_mutex_unlock(&e->lock);
        md_buf_drop(&g->in, len + 2);
    }
}

static void md_write_guest(struct md_guest *g) {
    ssize_t n = send(g->fd, g->out.data, g->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        md_buf_drop(&g->out, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        g->leaving = true, g->out.len = 0;
}

static void md_welcome(struct md_endpoint *e) {
    int fd = accept4(e->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (unsigned i = 0; i < MD_GUESTS && fd >= 0; i++)
        if (e->guests[i].fd < 0) {
            e->guests[i].fd = fd;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void *md_serve(void *arg) {
    struct md_endpoint *e = arg;
    for (;;) {
        struct pollfd p[MD_GUESTS + 2] = {{.fd = e->bell, .events = POLLIN},
                                          {.fd = e->listener, .events = POLLIN}};
        for (unsigned i = 0; i < MD_GUESTS; i++)
            p[i + 2] = (struct pollfd){.fd = e->guests[i].fd,
                                       .events = e->guests[i].out.len ? POLLIN | POLLOUT : POLLIN};
        if (poll(p, MD_GUESTS + 2, -1) < 0)
            continue;
        if (p[0].revents)
            return NULL;
        if (p[1].revents)
            md_welcome(e);
        for (unsigned i = 0; i < MD_GUESTS; i++) {
            struct md_guest *g = &e->guests[i];
            if (p[i + 2].fd >= 0 && p[i + 2].revents & (POLLIN | POLLHUP | POLLERR))
                md_read_guest(e, g);
            if (g->fd >= 0 && g->out.len)
                md_write_guest(g);
            if (g->fd >= 0 && g->leaving && g->out.len == 0)
                md_leave(g);
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static bool md_listen(struct md_endpoint *e) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    e->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    e->bell = eventfd(0, EFD_CLOEXEC);
    if (e->listener < 0 || e->bell < 0 || bind(e->listener, (struct sockaddr *)&a, size) != 0 ||
        listen(e->listener, MD_GUESTS) != 0 ||
        getsockname(e->listener, (struct sockaddr *)&a, &size) != 0)
        return false;
    e->port = ntohs(a.sin_port);
    return true;
}

/* Signals are for the thread that started us. */
static bool md_start_thread(struct md_endpoint *e) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&e->thread, NULL, md_serve, e);
    int error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return error == 0;
}

static void md_release(struct md_endpoint *e) {
    for (unsigned i = 0; i < MD_GUESTS; i++) {
        if (e->guests[i].fd >= 0)
            close(e->guests[i].fd);
        md_buf_free(&e->guests[i].in);
        md_buf_free(&e->guests[i].out);
    }
    if (e->listener >= 0)
        close(e->listener);
    if (e->bell >= 0)
        close(e->bell);
    pthread_mutex_destroy(&e->lock);
    md_buf_free(&e->payload);
    md_buf_free(&e->raw);
    md_buf_free(&e->log);
    free(e);
}

struct md_endpoint *md_endpoint_start(struct md_buf *why) {
    struct md_endpoint *e = md_calloc(1, sizeof *e);
    pthread_mutex_init(&e->lock, NULL);
    e->listener = e->bell = -1;
    for (unsigned i = 0; i < MD_GUESTS; i++)
        e->guests[i].fd = -1;
    if (md_listen(e) && md_start_thread(e))
        return e;
    md_buf_printf(why, "cannot start a configuration endpoint: %s", strerror(errno));
    md_release(e);
    return NULL;
}

void md_endpoint_free(struct md_endpoint *e) {
    if (!e)
        return;
    eventfd_write(e->bell, 1);
    pthread_join(e->thread, NULL);
    md_release(e);
}

uint16_t md_endpoint_port(const struct md_endpoint *e) { return e->port; }

void md_endpoint_list(struct md_endpoint *e, uint64_t version, const struct md_server *nodes,
                      size_t n) {
    struct md_buf payload = {0};
    md_topology_print(version, nodes, n, &payload);
    pthread_mutex_lock(&e->lock);
    struct md_buf old = e->payload;
    e->payload = payload;
    pthread_mutex_unlock(&e->lock);
    md_buf_free(&old);
}

void md_endpoint_mode(struct md_endpoint *e, enum md_endpoint_mode mode) {
    pthread_mutex_lock(&e->lock);
    e->mode = mode;
    pthread_mutex_unlock(&e->lock);
}

void md_endpoint_raw(struct md_endpoint *e, const void *bytes, size_t n) {
    pthread_mutex_lock(&e->lock);
    md_buf_clear(&e->raw);
    md_buf_append(&e->raw, bytes, n);
    e->mode = MD_ENDPOINT_RAW;
    pthread_mutex_unlock(&e->lock);
}

void md_endpoint_log(struct md_endpoint *e, struct md_buf *out) {
    pthread_mutex_lock(&e->lock);
    md_buf_append(out, e->log.data, e->log.len);
    md_buf_clear(&e->log);
    pthread_mutex_unlock(&e->lock);
}
