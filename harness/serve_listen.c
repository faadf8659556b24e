/* Where the server listens, and what `stats conns` says of its connections; see serve.h. */
#include "harness/serve_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ADDRESS_MAX = 160 };

/* "tcp:127.0.0.1:11211", "tcp6:[::1]:11211", "unix:/a/path". */
static void address_text(const struct sockaddr_storage *a, char out[ADDRESS_MAX]) {
    char host[INET6_ADDRSTRLEN] = "?";
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)a;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof host);
        snprintf(out, ADDRESS_MAX, "tcp:%s:%u", host, ntohs(in->sin_port));
    } else if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)a;
        inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof host);
        snprintf(out, ADDRESS_MAX, "tcp6:[%s]:%u", host, ntohs(in->sin6_port));
    } else {
        snprintf(out, ADDRESS_MAX, "unix:%.*s", (int)sizeof((struct sockaddr_un *)0)->sun_path,
                 ((const struct sockaddr_un *)a)->sun_path);
    }
}

static void own_address(const struct md_serve *s, char out[ADDRESS_MAX]) {
    struct sockaddr_storage a = {0};
    socklen_t size = sizeof a;
    getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&a, &size);
    address_text(&a, out);
}

/* ---- listening ------------------------------------------------------------------------------ */

static bool listen_on(struct md_serve *s, evutil_socket_t fd) {
    s->listener = evconnlistener_new(s->base, md_serve_accept, s, LEV_OPT_CLOSE_ON_FREE,
                                     MD_SERVE_BACKLOG, fd);
    if (!s->listener)
        return false;
    evconnlistener_set_error_cb(s->listener, md_serve_accept_failed);
    return true;
}

/* A socket's file that nobody listens on any more is in the way; one with a listener is not ours. */
static bool make_way(const struct sockaddr_un *a, struct md_buf *why) {
    struct stat st;
    if (lstat(a->sun_path, &st) && errno == ENOENT)
        return true;
    if (!S_ISSOCK(st.st_mode)) {
        md_buf_printf(why, "%s is there and no socket; give another path with --socket",
                      a->sun_path);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool dead =
        fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    if (dead && unlink(a->sun_path) == 0)
        return true;
    md_buf_printf(why, "somebody listens on %s already; give another path with --socket",
                  a->sun_path);
    return false;
}

static bool listen_at_path(struct md_serve *s, struct md_buf *why) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = s->config.socket_path;
    if (strlen(path) >= sizeof a.sun_path) {
        md_buf_printf(why, "'%s' is too long for a socket's path", path);
        return false;
    }
    memcpy(a.sun_path, path, strlen(path));
    if (!make_way(&a, why))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t before = umask(0077);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof a) == 0;
    umask(before);
    ok = ok && stat(path, &s->file) == 0;
    if (ok && listen_on(s, fd)) {
        snprintf(s->address, sizeof s->address, "%s", path);
        s->process.socket_path = path;
        return true;
    }
    md_buf_printf(why, "cannot listen on %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return false;
}

static int bound_socket(const struct addrinfo *a) {
    int on = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool listen_at_host(struct md_serve *s, struct md_buf *why) {
    const struct md_serve_config *c = &s->config;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE},
                    *list;
    int error = getaddrinfo(c->host, c->port, &hints, &list);
    if (error) {
        md_buf_printf(why, "cannot find %s:%s: %s", c->host, c->port, gai_strerror(error));
        return false;
    }
    int fd = -1;
    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = bound_socket(a);
    freeaddrinfo(list);
    if (fd < 0 || !listen_on(s, fd)) {
        md_buf_printf(why, "cannot listen on %s:%s: %s", c->host, c->port, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    char text[ADDRESS_MAX];
    own_address(s, text);
    const char *colon = strchr(text, ':'), *port = strrchr(text, ':');
    snprintf(s->address, sizeof s->address, "%s", colon + 1);
    snprintf(s->host, sizeof s->host, "%.*s", (int)(port - colon - 1), colon + 1);
    s->process.tcp_port = (unsigned)strtoul(port + 1, NULL, 10);
    s->process.interface = s->host;
    return true;
}

bool md_serve_listen(struct md_serve *s, struct md_buf *why) {
    return s->config.socket_path ? listen_at_path(s, why) : listen_at_host(s, why);
}

void md_serve_unlisten(struct md_serve *s) {
    struct stat now;
    if (!s->listener)
        return;
    evconnlistener_free(s->listener);
    s->listener = NULL;
    /* Somebody may have put something else there. */
    if (s->config.socket_path && lstat(s->config.socket_path, &now) == 0 &&
        now.st_dev == s->file.st_dev && now.st_ino == s->file.st_ino)
        unlink(s->config.socket_path);
}

/* ---- stats conns ---------------------------------------------------------------------------- */

struct listener {
    void (*say)(void *to, const char *name, const char *value);
    void *to;
};

static void say_of(const struct listener *l, int fd, const char *what, const char *value) {
    char name[40];
    snprintf(name, sizeof name, "%d:%s", fd, what);
    l->say(l->to, name, value);
}

void md_serve_tell_connections(void *ctx,
                               void (*say)(void *to, const char *name, const char *value),
                               void *to) {
    const struct md_serve *s = ctx;
    const struct listener l = {say, to};
    char own[ADDRESS_MAX], text[ADDRESS_MAX], seconds[24];
    own_address(s, own);
    int fd = (int)evconnlistener_get_fd(s->listener);
    say_of(&l, fd, "addr", own);
    say_of(&l, fd, "state", "conn_listening");
    for (unsigned i = 0; i < s->config.connections; i++) {
        const struct md_guest *g = s->guest[i];
        if (!g)
            continue;
        address_text(&g->from, text);
        snprintf(seconds, sizeof seconds, "%llu", (unsigned long long)(s->seconds - g->last));
        say_of(&l, g->fd, "addr", text);
        say_of(&l, g->fd, "listen_addr", own);
        say_of(&l, g->fd, "state",
               g->leaving                      ? "conn_closing"
               : md_model_in_data(s->model, i) ? "conn_nread"
                                               : "conn_parse_cmd");
        say_of(&l, g->fd, "secs_since_last_cmd", seconds);
    }
}
