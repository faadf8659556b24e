/* Our side of a client's process: starting it, asking it, noticing its end. */
#include "harness/cluster_client.h"

#include "harness/cluster_wire.h"
#include "harness/now.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MD_OPEN_MS = 5000, MD_WORDS = 400 /* bytes kept of what it said last */ };

struct md_client {
    pid_t pid; /* -1: none, or reaped */
    int fd, said;
    struct md_buf out, in, death;
};

void md_client_settings_default(struct md_client_settings *s) {
    *s = (struct md_client_settings){.distribution = MD_DIST_CONSISTENT};
#define X(field, word, normal, ...) s->field = normal;
    MD_CLIENT_NUMBER_LIST(X)
#undef X
}

void md_client_rule(const struct md_client_settings *s, struct md_placement_settings *out) {
    *out = (struct md_placement_settings){
        .distribution = s->distribution,
        .hash = s->hash,
        .sort_hosts = s->sort_hosts,
        .hash_with_prefix = s->hash_with_prefix,
        .prefix = s->prefix[0] ? s->prefix : NULL,
    };
}

void md_client_reply_free(struct md_client_reply *r) { md_buf_free(&r->bytes); }

/* ---- its end --------------------------------------------------------------------------------- */

static void md_read_words(struct md_client *c, struct md_buf *out) {
    char text[MD_WORDS];
    off_t size = lseek(c->said, 0, SEEK_END), from = size > MD_WORDS ? size - MD_WORDS : 0;
    ssize_t n = pread(c->said, text, sizeof text, from);
    for (ssize_t i = 0; i < n; i++)
        md_buf_byte(out, text[i] >= ' ' && text[i] < 127 ? (uint8_t)text[i] : ' ');
}

static void md_reap(struct md_client *c, bool ours) {
    int status = 0;
    if (c->pid < 0)
        return;
    if (ours)
        kill(c->pid, SIGKILL);
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    c->pid = -1;
    md_buf_clear(&c->death);
    if (WIFSIGNALED(status)) {
        const char *name = sigabbrev_np(WTERMSIG(status));
        md_buf_printf(&c->death, "killed by SIG%s", name ? name : "?");
    } else {
        md_buf_printf(&c->death, "exited with status %d", WEXITSTATUS(status));
    }
    struct md_buf words = {0};
    md_read_words(c, &words);
    if (words.len)
        md_buf_printf(&c->death, ": %s", md_buf_cstr(&words));
    md_buf_free(&words);
}

const char *md_client_death(struct md_client *c) { return md_buf_cstr(&c->death); }

void md_client_close(struct md_client *c) {
    if (!c)
        return;
    md_reap(c, true);
    if (c->fd >= 0)
        close(c->fd);
    if (c->said >= 0)
        close(c->said);
    md_buf_free(&c->out);
    md_buf_free(&c->in);
    md_buf_free(&c->death);
    free(c);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Sends c->out, then reads a whole message into c->in. */
static enum md_client_status md_turn(struct md_client *c, uint64_t end) {
    size_t sent = 0;
    uint32_t want = 0;
    md_buf_clear(&c->in);
    for (;;) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (sent < c->out.len)
            p.events |= POLLOUT;
        int ready = poll(&p, 1, md_left_ms(end));
        if (ready == 0)
            return MD_CLIENT_HANGS;
        if (ready < 0)
            continue;
        if (p.revents & POLLOUT) {
            ssize_t n =
                send(c->fd, c->out.data + sent, c->out.len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        if (!(p.revents & (POLLIN | POLLHUP | POLLERR)))
            continue;
        md_buf_reserve(&c->in, 64 * 1024);
        ssize_t n = recv(c->fd, c->in.data + c->in.len, c->in.cap - c->in.len, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0)
            return MD_CLIENT_DIED;
        c->in.len += (size_t)n;
        if (c->in.len >= sizeof want)
            memcpy(&want, c->in.data, sizeof want);
        if (want > MD_WIRE_MAX)
            return MD_CLIENT_DIED;
        if (c->in.len >= sizeof want + want && c->in.len >= sizeof want)
            return MD_CLIENT_OK;
    }
}

static void md_put_servers(struct md_buf *b, const struct md_server *servers, size_t n) {
    md_wire_u32(b, (uint32_t)n);
    for (size_t i = 0; i < n; i++) {
        md_wire_bytes(b, servers[i].host, strlen(servers[i].host));
        md_wire_u32(b, servers[i].port);
        md_wire_u32(b, servers[i].weight);
    }
}

static void md_put_request(struct md_buf *b, const struct md_client_request *r) {
    md_buf_clear(b);
    md_wire_u32(b, 0);
    md_wire_u32(b, r->op);
    md_wire_u32(b, r->flags);
    md_wire_u32(b, r->number);
    md_wire_bytes(b, r->value ? r->value : "", r->value_len);
    md_wire_u32(b, (uint32_t)r->n_keys);
    for (size_t i = 0; i < r->n_keys; i++)
        md_wire_bytes(b, r->keys[i].bytes, r->keys[i].len);
    md_put_servers(b, r->servers, r->n_servers);
    uint32_t len = (uint32_t)(b->len - sizeof len);
    memcpy(b->data, &len, sizeof len);
}

static bool md_take_reply(const struct md_buf *in, struct md_client_reply *r) {
    struct md_wire w = {in->data + sizeof(uint32_t), in->data + in->len, false};
    md_buf_clear(&r->bytes);
    r->rc = (memcached_return_t)md_wire_take_u32(&w);
    r->end = (memcached_return_t)md_wire_take_u32(&w);
    r->microseconds = md_wire_take_u32(&w);
    r->flood = md_wire_take_u32(&w);
    r->n_values = 0;
    for (uint32_t n = md_wire_take_u32(&w); n && r->n_values < 2 * MD_CLIENT_KEYS_MAX; n--) {
        struct md_client_value *v = &r->values[r->n_values++];
        const void *p = md_wire_take_bytes(&w, &v->key_len);
        v->key = r->bytes.len;
        md_buf_append(&r->bytes, p, v->key_len);
        p = md_wire_take_bytes(&w, &v->value_len);
        v->value = r->bytes.len;
        md_buf_append(&r->bytes, p, v->value_len);
        v->flags = md_wire_take_u32(&w);
    }
    return !w.bad;
}

enum md_client_status md_client_do(struct md_client *c, const struct md_client_request *request,
                                   unsigned deadline_ms, struct md_client_reply *reply) {
    if (c->pid < 0)
        return MD_CLIENT_DIED;
    md_put_request(&c->out, request);
    enum md_client_status status = md_turn(c, md_now_ns() + deadline_ms * UINT64_C(1000000));
    if (status == MD_CLIENT_OK && !md_take_reply(&c->in, reply))
        status = MD_CLIENT_DIED;
    if (status != MD_CLIENT_OK)
        md_reap(c, status == MD_CLIENT_HANGS);
    return status;
}

/* ---- starting -------------------------------------------------------------------------------- */

/* In the new process: nothing of ours stays open but the socket and what it says on stderr. */
static void md_become_client(int fd, int said) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    dup2(said, STDOUT_FILENO);
    dup2(said, STDERR_FILENO);
    if (fd != 3)
        dup2(fd, 3);
    syscall(SYS_close_range, 4, ~0U, 0);
}

static bool md_fork(struct md_client *c, const struct md_client_settings *settings,
                    const struct md_server *servers, size_t n) {
    int ends[2];
    c->said = memfd_create("memdiverge-client", MFD_CLOEXEC);
    if (c->said < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return false;
    c->fd = ends[0];
    pid_t parent = getpid();
    c->pid = fork();
    if (c->pid == 0) {
        md_become_client(ends[1], c->said);
        if (getppid() == parent)
            md_client_child(3, settings, servers, n);
        _exit(0);
    }
    close(ends[1]);
    return c->pid > 0;
}

enum md_client_status md_client_open(const struct md_client_settings *settings,
                                     const struct md_server *servers, size_t n_servers,
                                     struct md_client **out) {
    struct md_client *c = *out = md_calloc(1, sizeof *c);
    c->pid = c->fd = c->said = -1;
    if (!md_fork(c, settings, servers, n_servers)) {
        md_buf_printf(&c->death, "no process for a client: %s", strerror(errno));
        return MD_CLIENT_ENV;
    }
    /* Its first message says that it is made. */
    enum md_client_status status = md_turn(c, md_now_ns() + MD_OPEN_MS * UINT64_C(1000000));
    if (status != MD_CLIENT_OK)
        md_reap(c, status == MD_CLIENT_HANGS);
    return status;
}
