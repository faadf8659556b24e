/* Clients of the model; see serve.h. Where it listens is in serve_listen.c. */
#include "harness/serve_internal.h"

#include "harness/now.h"
#include "harness/settings.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    GOODBYE_SECONDS = 10, /* to take the last replies once the connection is to be closed */
    ACCEPT_AGAIN_SECONDS = 1,
};

/* ---- time ----------------------------------------------------------------------------------- */

static uint64_t microseconds(struct timeval t) {
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

/* The model's clock follows the real one. */
static void tick(struct md_serve *s) {
    uint64_t seconds = (md_now_ns() - s->began_ns) / 1000000000;
    struct rusage used;
    if (seconds == s->seconds)
        return;
    md_model_advance(s->model, (uint32_t)(seconds - s->seconds));
    s->seconds = seconds;
    getrusage(RUSAGE_SELF, &used);
    s->process.user_us = microseconds(used.ru_utime);
    s->process.system_us = microseconds(used.ru_stime);
}

static void on_second(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    tick(ctx);
}

/* ---- a client's end ------------------------------------------------------------------------- */

static struct evbuffer *output_of(const struct md_guest *g) {
    return bufferevent_get_output(g->events);
}

static void dismiss(struct md_guest *g) {
    struct md_serve *s = g->serve;
    md_model_close(s->model, g->number);
    s->waiting -= g->waiting;
    s->guest[g->number] = NULL;
    if (g->number < s->lowest_free)
        s->lowest_free = g->number;
    s->process.curr_connections--;
    bufferevent_free(g->events);
    free(g);
}

static void turn_out(struct md_guest *g, const char *why) {
    if (g->serve->config.verbose)
        md_complain("connection %u closed: %s", g->number, why);
    dismiss(g);
}

/* What was answered still goes out, nothing more comes in. */
static void say_goodbye(struct md_guest *g) {
    static const struct timeval deadline = {.tv_sec = GOODBYE_SECONDS};
    md_model_close(g->serve->model, g->number);
    if (evbuffer_get_length(output_of(g)) == 0) {
        dismiss(g);
        return;
    }
    g->leaving = true;
    bufferevent_disable(g->events, EV_READ);
    bufferevent_setwatermark(g->events, EV_WRITE, 0, 0);
    bufferevent_set_timeouts(g->events, NULL, &deadline);
}

/* ---- bytes ---------------------------------------------------------------------------------- */

/* What is kept for a client now; its share of the sum follows. */
static size_t weigh(struct md_guest *g) {
    size_t now = evbuffer_get_length(output_of(g)) + md_model_waiting(g->serve->model, g->number);
    g->serve->waiting += now - g->waiting;
    g->waiting = now;
    return now;
}

static bool is_too_much(struct md_guest *g) {
    struct md_serve *s = g->serve;
    if (weigh(g) > MD_SERVE_WAITING)
        return true;
    if (s->waiting <= MD_SERVE_WAITING_ALL)
        return false;
    /* What others have taken meanwhile was not noticed. */
    for (unsigned i = 0; i < s->config.connections; i++)
        if (s->guest[i])
            weigh(s->guest[i]);
    return s->waiting > MD_SERVE_WAITING_ALL;
}

/* One read's worth of bytes. False: the client is gone, or going. */
static bool serve_piece(struct md_guest *g) {
    struct md_serve *s = g->serve;
    uint8_t bytes[MD_READ_BUFFER];
    int n = 0;
    if (!g->more)
        n = evbuffer_remove(bufferevent_get_input(g->events), bytes, sizeof bytes);
    if (n < 0)
        return false;
    s->process.bytes_read += (size_t)n;
    g->last = s->seconds;
    enum md_feed_result result = md_model_feed(s->model, g->number, bytes, (size_t)n, &s->reply);
    g->more = s->reply.more;
    s->process.bytes_written += s->reply.bytes.len;
    bool kept = evbuffer_add(output_of(g), s->reply.bytes.data, s->reply.bytes.len) == 0;
    md_model_tidy(s->model);
    if (s->reply.closed || result == MD_FEED_UNMODELLED) {
        say_goodbye(g);
        return false;
    }
    if (!kept || s->reply.cut || is_too_much(g)) {
        turn_out(g, "more waits for it than is kept for a client");
        return false;
    }
    return true;
}

/* Serves what has come, as long as the client takes the replies. */
static void serve_guest(struct md_guest *g) {
    struct evbuffer *in = bufferevent_get_input(g->events);
    tick(g->serve);
    while (g->more || evbuffer_get_length(in) > 0) {
        if (evbuffer_get_length(output_of(g)) > MD_SERVE_UNREAD) {
            bufferevent_disable(g->events, EV_READ);
            return;
        }
        if (!serve_piece(g))
            return;
    }
    if (!(bufferevent_get_enabled(g->events) & EV_READ))
        bufferevent_enable(g->events, EV_READ);
}

static void on_bytes(struct bufferevent *events, void *ctx) {
    (void)events;
    serve_guest(ctx);
}

static void on_taken(struct bufferevent *events, void *ctx) {
    struct md_guest *g = ctx;
    (void)events;
    if (!g->leaving) {
        serve_guest(g);
        return;
    }
    if (evbuffer_get_length(output_of(g)) == 0)
        dismiss(g);
}

static void on_event(struct bufferevent *events, short what, void *ctx) {
    struct md_guest *g = ctx;
    (void)events;
    if (what & BEV_EVENT_TIMEOUT)
        turn_out(g, "it does not take its last replies");
    else if (what & BEV_EVENT_EOF && !g->leaving)
        say_goodbye(g);
    else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        dismiss(g);
}

/* ---- a client comes ------------------------------------------------------------------------- */

static void refuse(struct md_serve *s, evutil_socket_t fd) {
    static const char words[] = "ERROR Too many open connections\r\n";
    s->process.rejected_connections++;
    if (send(fd, words, sizeof words - 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && s->config.verbose)
        md_complain("a connection too many could not be told so");
    evutil_closesocket(fd);
}

void md_serve_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                     int size, void *ctx) {
    struct md_serve *s = ctx;
    (void)listener;
    while (s->lowest_free < s->config.connections && s->guest[s->lowest_free])
        s->lowest_free++;
    if (s->lowest_free == s->config.connections) {
        refuse(s, fd);
        return;
    }
    tick(s);
    struct md_guest *g = md_calloc(1, sizeof *g);
    g->serve = s;
    g->number = s->lowest_free;
    g->fd = fd;
    g->last = s->seconds;
    memcpy(&g->from, from, (size_t)size < sizeof g->from ? (size_t)size : sizeof g->from);
    g->events = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!g->events) {
        free(g);
        refuse(s, fd);
        return;
    }
    s->guest[g->number] = g;
    s->process.curr_connections++;
    s->process.total_connections++;
    md_model_open(s->model, g->number);
    bufferevent_setcb(g->events, on_bytes, on_taken, on_event, g);
    bufferevent_setwatermark(g->events, EV_READ, 0, MD_READ_BUFFER);
    bufferevent_setwatermark(g->events, EV_WRITE, MD_SERVE_UNREAD / 2, 0);
    bufferevent_enable(g->events, EV_READ | EV_WRITE);
}

static void accept_again(evutil_socket_t fd, short what, void *ctx) {
    (void)fd;
    (void)what;
    evconnlistener_enable(((struct md_serve *)ctx)->listener);
}

/* No descriptor or no memory for a client: others may go in the meantime. */
void md_serve_accept_failed(struct evconnlistener *listener, void *ctx) {
    static const struct timeval soon = {.tv_sec = ACCEPT_AGAIN_SECONDS};
    struct md_serve *s = ctx;
    md_complain("a client could not be accepted: %s",
                evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    evconnlistener_disable(listener);
    event_base_once(s->base, -1, EV_TIMEOUT, accept_again, s, &soon);
}

/* ---- all of it ------------------------------------------------------------------------------ */

/* A client and this process's own few descriptors each; with fewer, fewer clients. */
static void allow_descriptors(struct md_serve *s) {
    enum { OWN = 32 };
    struct rlimit limit;
    rlim_t wanted = s->config.connections + OWN;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted && limit.rlim_cur > OWN) {
        s->config.connections = (unsigned)(limit.rlim_cur - OWN);
        md_complain("note: descriptors for %u clients only", s->config.connections);
    }
}

static void make_model(struct md_serve *s) {
    const struct md_serve_config *c = &s->config;
    s->model = md_model_new(c->profile, &c->options, (uint64_t)time(NULL));
    for (size_t i = 0; i < c->n_without; i++)
        md_model_quirk(s->model, c->without[i], false);
    s->process = (struct md_process){
        .pid = (uint64_t)getpid(),
        .max_connections = c->connections,
        .backlog = MD_SERVE_BACKLOG,
        .library = event_get_version(),
        .connections = md_serve_tell_connections,
        .ctx = s,
    };
    md_model_serve(s->model, &s->process);
}

struct md_serve *md_serve_new(const struct md_serve_config *config, struct md_buf *why) {
    struct md_serve *s = md_calloc(1, sizeof *s);
    s->config = *config;
    allow_descriptors(s);
    s->guest = md_calloc(s->config.connections, sizeof(struct md_guest *));
    make_model(s);
    s->base = event_base_new();
    if (!s->base)
        md_buf_str(why, "libevent does not start");
    if (!s->base || !md_serve_listen(s, why)) {
        md_serve_free(s);
        return NULL;
    }
    return s;
}

const char *md_serve_address(const struct md_serve *s) { return s->address; }

static void on_signal(evutil_socket_t signal, short what, void *ctx) {
    (void)signal;
    (void)what;
    event_base_loopexit(((struct md_serve *)ctx)->base, NULL);
}

bool md_serve_run(struct md_serve *s) {
    static const struct timeval second = {.tv_sec = 1};
    signal(SIGPIPE, SIG_IGN);
    s->began_ns = md_now_ns();
    s->timer = event_new(s->base, -1, EV_PERSIST, on_second, s);
    s->interrupt = evsignal_new(s->base, SIGINT, on_signal, s);
    s->terminate = evsignal_new(s->base, SIGTERM, on_signal, s);
    if (!s->timer || !s->interrupt || !s->terminate || event_add(s->timer, &second) ||
        event_add(s->interrupt, NULL) || event_add(s->terminate, NULL))
        return false;
    return event_base_dispatch(s->base) >= 0;
}

static void free_event(struct event *e) {
    if (e)
        event_free(e);
}

void md_serve_free(struct md_serve *s) {
    if (!s)
        return;
    for (unsigned i = 0; i < s->config.connections; i++)
        if (s->guest[i])
            dismiss(s->guest[i]);
    free(s->guest);
    md_serve_unlisten(s);
    free_event(s->timer);
    free_event(s->interrupt);
    free_event(s->terminate);
    if (s->base)
        event_base_free(s->base);
    md_model_free(s->model);
    md_reply_free(&s->reply);
    free(s);
}
