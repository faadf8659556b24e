/* Topology discovery; see topology.h. */
#include "harness/topology.h"

#include "harness/now.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const md_refresh_ids[] = {
#define X(name, id) id,
    MD_REFRESH_LIST(X)
#undef X
};

const char *md_refresh_id(enum md_refresh r) { return md_refresh_ids[r]; }

/* ---- reading --------------------------------------------------------------------------------- */

struct md_text {
    const char *at, *end;
};

static enum md_topology_parse md_bad(struct md_buf *why, const char *what) {
    md_buf_clear(why);
    md_buf_str(why, what);
    return MD_TOPOLOGY_BAD;
}

/* Digits up to `stop`, which is taken too. */
static bool md_take_number(struct md_text *t, char stop, uint64_t most, uint64_t *out) {
    const char *from = t->at;
    *out = 0;
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++) {
        uint64_t digit = (uint64_t)(*t->at - '0');
        if (*out > (most - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return t->at > from && t->at < t->end && *t->at++ == stop;
}

/* A name or address up to `stop`: nothing in it that could mean something elsewhere. */
static bool md_take_name(struct md_text *t, char stop, char *out, size_t room) {
    size_t n = 0;
    for (; t->at < t->end && *t->at != stop; t->at++) {
        char c = *t->at;
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '-' || c == '_' || c == ':';
        if (!fine || n + 1 >= room)
            return false;
        out[n++] = c;
    }
    out[n] = 0;
    return t->at < t->end && *t->at++ == stop;
}

static bool md_is_new(const struct md_topology *t, const struct md_server *s) {
    for (size_t i = 0; i < t->n; i++)
        if (t->nodes[i].port == s->port && strcmp(t->nodes[i].host, s->host) == 0)
            return false;
    return true;
}

/* "host|ip|port", behind it a blank or the end of the line. */
static const char *md_take_node(struct md_text *t, struct md_topology *out, bool *last) {
    struct md_server s = {.weight = 1};
    uint64_t port;
    if (out->n == MD_SERVERS_MAX)
        return "more nodes than 64";
    char *ip = out->ip[out->n];
    if (!md_take_name(t, '|', s.host, sizeof s.host) ||
        !md_take_name(t, '|', ip, sizeof out->ip[0]))
        return "a node that is not host|ip|port";
    if (!s.host[0])
        memcpy(s.host, ip, sizeof s.host);
    const char *digits = t->at;
    *last = false;
    if (!md_take_number(t, ' ', UINT16_MAX, &port)) {
        t->at = digits;
        *last = true;
        if (!md_take_number(t, '\n', UINT16_MAX, &port))
            return "a port that is none";
    }
    s.port = (uint16_t)port;
    if (!s.host[0] || port == 0)
        return "a node without a host or a port";
    if (!md_is_new(out, &s))
        return "the same node twice";
    out->nodes[out->n++] = s;
    return NULL;
}

static enum md_topology_parse md_read_list(struct md_text t, struct md_topology *out,
                                           struct md_buf *why) {
    if (!md_take_number(&t, '\n', UINT64_MAX, &out->version))
        return md_bad(why, "no version in the first line of the list");
    for (bool last = false; !last;) {
        const char *wrong = md_take_node(&t, out, &last);
        if (wrong)
            return md_bad(why, wrong);
    }
    if (t.at != t.end)
        return md_bad(why, "something behind the list of nodes");
    out->known = true;
    return MD_TOPOLOGY_WHOLE;
}

static bool md_begins(const struct md_text *t, const char *word) {
    size_t n = strlen(word);
    return (size_t)(t->end - t->at) >= n && memcmp(t->at, word, n) == 0;
}

enum md_topology_parse md_topology_read(const void *bytes, size_t n, struct md_topology *out,
                                        struct md_buf *why) {
    static const char *const heads[] = {"CONFIG cluster 0 ", "VALUE AmazonElastiCache:cluster 0 "};
    struct md_text t = {bytes, (const char *)bytes + n};
    uint64_t len;
    *out = (struct md_topology){0};
    md_buf_clear(why);
    const char *line = memmem(bytes, n, "\r\n", 2);
    if (!line)
        return n > 512 ? md_bad(why, "a first line that does not end") : MD_TOPOLOGY_MORE;
    if (md_begins(&t, heads[0]))
        t.at += strlen(heads[0]);
    else if (md_begins(&t, heads[1]))
        t.at += strlen(heads[1]);
    else if (md_begins(&t, "ERROR\r\n") || md_begins(&t, "END\r\n") ||
             md_begins(&t, "SERVER_ERROR") || md_begins(&t, "CLIENT_ERROR")) {
        md_buf_append(why, bytes, (size_t)(line - t.at));
        return MD_TOPOLOGY_NONE;
    } else {
        return md_bad(why, "not the answer of a configuration endpoint");
    }
    if (!md_take_number(&t, '\r', MD_TOPOLOGY_MAX, &len) || t.at != line + 1)
        return md_bad(why, "a length that is none, or too large");
    t.at++;
    if ((size_t)(t.end - t.at) < len + 7)
        return MD_TOPOLOGY_MORE;
    if (memcmp(t.at + len, "\r\nEND\r\n", 7) != 0)
        return md_bad(why, "a list of another length than it says");
    if ((size_t)(t.end - t.at) != len + 7)
        return md_bad(why, "something behind the end of the answer");
    t.end = t.at + len;
    return md_read_list(t, out, why);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int md_try_address(const struct addrinfo *a, uint64_t end) {
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
    socklen_t size = sizeof error;
    if (fd < 0)
        return -1;
    if (connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        error = errno;
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (error == EINPROGRESS && poll(&p, 1, md_left_ms(end)) > 0)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error == 0)
        return fd;
    close(fd);
    errno = error;
    return -1;
}

static int md_connect(const char *host, uint16_t port, uint64_t end, struct md_buf *why) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *list;
    char digits[8];
    snprintf(digits, sizeof digits, "%u", port);
    md_buf_clear(why);
    int error = getaddrinfo(host, digits, &hints, &list), fd = -1;
    if (error) {
        md_buf_printf(why, "cannot find %s: %s", host, gai_strerror(error));
        return -1;
    }
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = md_try_address(a, end);
    if (fd < 0)
        md_buf_printf(why, "cannot connect to %s:%u: %s", host, port, strerror(errno));
    freeaddrinfo(list);
    return fd;
}

/* One request and its answer. */
static enum md_refresh md_ask(int fd, const char *request, uint64_t end, struct md_topology *out,
                              struct md_buf *why) {
    struct md_buf answer = {0};
    enum md_topology_parse parse = MD_TOPOLOGY_MORE;
    enum md_refresh r = MD_REFRESH_MALFORMED;
    size_t sent = 0, len = strlen(request);
    while (parse == MD_TOPOLOGY_MORE) {
        struct pollfd p = {.fd = fd, .events = sent < len ? POLLIN | POLLOUT : POLLIN};
        int ready = poll(&p, 1, md_left_ms(end));
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0) {
            r = MD_REFRESH_TIMEOUT;
            break;
        }
        if (p.revents & POLLOUT && sent < len) {
            ssize_t n = send(fd, request + sent, len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        md_buf_reserve(&answer, 4096);
        ssize_t n = recv(fd, answer.data + answer.len, 4096, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0) {
            r = MD_REFRESH_CLOSED;
            break;
        }
        answer.len += (size_t)n;
        parse = answer.len > MD_TOPOLOGY_MAX + 1024
                    ? md_bad(why, "an answer without an end")
                    : md_topology_read(answer.data, answer.len, out, why);
    }
    if (parse == MD_TOPOLOGY_WHOLE)
        r = MD_REFRESH_NEW;
    else if (parse == MD_TOPOLOGY_NONE)
        r = MD_REFRESH_REFUSED;
    else if (parse == MD_TOPOLOGY_MORE)
        md_buf_clear(why),
            md_buf_str(why, r == MD_REFRESH_TIMEOUT ? "no whole answer until the deadline"
                                                    : "the connection ended within the answer");
    md_buf_free(&answer);
    return r;
}

/* ---- taking over ----------------------------------------------------------------------------- */

static bool md_same_nodes(const struct md_topology *a, const struct md_topology *b) {
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (md_is_new(a, &b->nodes[i]))
            return false;
    return true;
}

static enum md_refresh md_take_over(struct md_topology *t, const struct md_topology *from,
                                    struct md_buf *why) {
    if (t->known && from->version < t->version) {
        md_buf_printf(why, "version %llu is older than %llu", (unsigned long long)from->version,
                      (unsigned long long)t->version);
        return MD_REFRESH_OLDER;
    }
    if (t->known && from->version == t->version) {
        if (md_same_nodes(t, from))
            return MD_REFRESH_SAME;
        md_buf_printf(why, "version %llu has other nodes than before",
                      (unsigned long long)from->version);
        return MD_REFRESH_CHANGED;
    }
    *t = *from;
    return MD_REFRESH_NEW;
}

enum md_refresh md_topology_refresh(struct md_topology *t, const char *host, uint16_t port,
                                    unsigned deadline_ms, struct md_buf *why) {
    uint64_t end = md_now_ns() + deadline_ms * UINT64_C(1000000);
    struct md_topology fresh;
    int fd = md_connect(host, port, end, why);
    if (fd < 0)
        return MD_REFRESH_UNREACHABLE;
    enum md_refresh r = md_ask(fd, "config get cluster\r\n", end, &fresh, why);
    if (r == MD_REFRESH_REFUSED)
        r = md_ask(fd, "get AmazonElastiCache:cluster\r\n", end, &fresh, why);
    close(fd);
    return r == MD_REFRESH_NEW ? md_take_over(t, &fresh, why) : r;
}

static bool md_is_loopback(const struct sockaddr *a) {
    const struct sockaddr_in *four = (const void *)a;
    const struct sockaddr_in6 *six = (const void *)a;
    if (a->sa_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return a->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

/* All addresses of a name, or the one that it is. */
static bool md_means_loopback(const char *name, int flags) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *list;
    bool loopback = true;
    if (getaddrinfo(name, NULL, &hints, &list) != 0)
        return false;
    for (struct addrinfo *a = list; a; a = a->ai_next)
        loopback = loopback && md_is_loopback(a->ai_addr);
    freeaddrinfo(list);
    return loopback;
}

bool md_topology_node_is_local(const struct md_topology *t, size_t i) {
    return (!t->ip[i][0] || md_means_loopback(t->ip[i], AI_NUMERICHOST)) &&
           md_means_loopback(t->nodes[i].host, 0);
}

bool md_topology_is_local(const struct md_topology *t) {
    for (size_t i = 0; i < t->n; i++)
        if (!md_topology_node_is_local(t, i))
            return false;
    return true;
}
