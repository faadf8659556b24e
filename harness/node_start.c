/* From a running process to a node that answers: it listens, tells its version, follows its
 * clock. And the same once more, for a node that is restarted. */
#include "harness/binary_node.h"
#include "harness/node_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MD_GREETING_MAX = 256 * 1024, /* bytes of reply to version and stats */
    MD_EXCERPT = 600,             /* bytes of stderr or of a reply that a message shows */
};

/* Bytes of a stranger for a one-line message: the end of them, on one line, printable. */
static void md_excerpt(const struct md_buf *from, struct md_buf *out) {
    size_t at = from->len > MD_EXCERPT ? from->len - MD_EXCERPT : 0;
    for (; at < from->len; at++) {
        uint8_t c = from->data[at];
        if (c == '\n' && at + 1 < from->len)
            md_buf_str(out, " | ");
        else if (c >= ' ' && c < 127)
            md_buf_byte(out, c);
    }
}

/* Its stderr says why, if anything does. */
static enum md_node_status md_stillborn(struct md_node *n, const char *how) {
    struct md_buf said = {0};
    md_node_drain(n);
    md_excerpt(&n->kept, &said);
    md_node_fail(n, MD_NODE_NO_START, "'%s' %s; %s%s", n->binary, how,
                 said.len ? "it said: " : "it wrote nothing to stderr", md_buf_cstr(&said));
    md_buf_free(&said);
    return MD_NODE_NO_START;
}

static enum md_node_status md_no_shim(struct md_node *n) {
    return md_node_fail(n, MD_NODE_NO_CLOCK,
                        "'%s' does not load the clock shim: it is a static or set-user-ID binary; "
                        "use one that is dynamically linked",
                        n->binary);
}

/* Whether its address is in use: the socket is there, or somebody accepts. (The shim would count a
 * connection to the socket.) */
static bool md_address_taken(struct md_node *n) {
    if (n->address.ss_family == AF_UNIX)
        return access(n->socket_path, F_OK) == 0;
    int fd = md_node_connect(n);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* A node without the shim cannot tell that it listens. The shim is attached before main, so who looks
 * for it afterwards cannot be too early. */
static bool md_listens_unseen(struct md_node *n) {
    return !atomic_load(&n->page->attached) && md_address_taken(n) &&
           !atomic_load(&n->page->attached);
}

static enum md_node_status md_wait_listening(struct md_node *n) {
    struct md_wait wait = {.what = "listen on its socket"};
    char how[256];
    for (;;) {
        uint32_t seen = atomic_load(&n->page->events);
        if (atomic_load(&n->page->listening))
            return MD_NODE_OK;
        if (wait.slice_us && md_listens_unseen(n))
            return md_no_shim(n);
        enum md_node_status status = md_wait_event(n, &wait, seen);
        if (status == MD_NODE_OK)
            continue;
        if (status == MD_NODE_DIED)
            snprintf(how, sizeof how, "ended before it listened (%s)", md_buf_cstr(&n->death));
        else
            snprintf(how, sizeof how, "did not listen on its socket within %u ms", n->deadline_ms);
        return md_stillborn(n, how);
    }
}

static bool md_starts_with(const struct md_buf *b, const char *text) {
    return b->len >= strlen(text) && memcmp(b->data, text, strlen(text)) == 0;
}

static enum md_node_status md_take_version(struct md_node *n, const struct md_buf *reply) {
    const uint8_t *end = reply->len ? memchr(reply->data, '\r', reply->len) : NULL;
    if (end && md_starts_with(reply, "VERSION ")) {
        md_buf_clear(&n->version);
        md_buf_append(&n->version, reply->data + 8, (size_t)(end - reply->data) - 8);
        md_buf_cstr(&n->version);
        return MD_NODE_OK;
    }
    if (reply->len == 0)
        return md_node_fail(n, MD_NODE_NO_START, "it does not answer `version`");
    struct md_buf said = {0};
    struct md_buf head = {.data = reply->data, .len = reply->len < 80 ? reply->len : 80};
    md_excerpt(&head, &said);
    md_node_fail(n, MD_NODE_NO_START,
                 "it does not answer `version` as memcached does, but with \"%s\"",
                 md_buf_cstr(&said));
    md_buf_free(&said);
    return MD_NODE_NO_START;
}

/* The shim may be loaded and the node still take its time from elsewhere. */
static enum md_node_status md_check_clock(struct md_node *n, struct md_buf *stats) {
    const char *line = strstr(md_buf_cstr(stats), "STAT time ");
    uint64_t time = line ? strtoull(line + strlen("STAT time "), NULL, 10) : 0;
    if (time >= n->started && time <= n->started + 2)
        return MD_NODE_OK;
    if (!line)
        return md_node_fail(n, MD_NODE_NO_CLOCK, "'%s' does not tell its time in `stats`",
                            n->binary);
    return md_node_fail(n, MD_NODE_NO_CLOCK,
                        "'%s' does not follow the clock that it is given: it says %llu, not %llu; "
                        "time in the traces would mean nothing",
                        n->binary, (unsigned long long)time, (unsigned long long)n->started);
}

static enum md_node_status md_ask(struct md_node *n, const char *command, struct md_buf *reply) {
    md_buf_clear(reply);
    md_node_barrier(n);
    return md_node_exchange(n, MD_NODE_CONTROL, command, strlen(command), MD_GREETING_MAX, reply);
}

/* The same questions to a node that speaks nothing but the binary protocol (-B). */
static enum md_node_status md_greet_in_packets(struct md_node *n) {
    struct md_buf ask = {0}, reply = {0}, told = {0}, text = {0};
    md_request_put(&ask, MD_OP_VERSION, "", 0);
    md_request_put(&ask, MD_OP_STAT, "", 0);
    enum md_node_status status =
        md_node_exchange(n, MD_NODE_CONTROL, ask.data, ask.len, MD_GREETING_MAX, &reply);
    if (status == MD_NODE_OK) {
        if (md_response_value(&reply, "", &told))
            md_buf_printf(&text, "VERSION %s\r\n", md_buf_cstr(&told));
        status = md_take_version(n, text.len ? &text : &reply);
    }
    if (status == MD_NODE_OK) {
        md_buf_clear(&text);
        if (md_response_value(&reply, "time", &told))
            md_buf_printf(&text, "STAT time %s\r\n", md_buf_cstr(&told));
        status = md_check_clock(n, &text);
    }
    md_buf_free(&ask);
    md_buf_free(&reply);
    md_buf_free(&told);
    md_buf_free(&text);
    return status;
}

/* It does not know `version`: said so, or closed the connection. */
static bool md_is_silent(enum md_node_status status, const struct md_buf *reply) {
    return (status == MD_NODE_CLOSED && reply->len == 0) ||
           (status == MD_NODE_OK && md_starts_with(reply, "ERROR"));
}

static enum md_node_status md_greet(struct md_node *n) {
    struct md_buf reply = {0};
    if (n->options.model.protocol == MD_PROTOCOL_BINARY)
        return md_greet_in_packets(n);
    enum md_node_status status =
        n->remote ? md_remote_ask(n, "version\r\n", &reply) : md_ask(n, "version\r\n", &reply);
    if (n->remote && md_is_silent(status, &reply)) {
        md_buf_str(&n->version, "of unknown version");
        md_buf_cstr(&n->version);
        status = MD_NODE_OK;
    } else if (status == MD_NODE_OK) {
        status = md_take_version(n, &reply);
    }
    if (status == MD_NODE_OK && !n->remote) {
        status = md_ask(n, "stats\r\n", &reply);
        if (status == MD_NODE_OK)
            status = md_check_clock(n, &reply);
    }
    md_buf_free(&reply);
    return status;
}

enum md_node_status md_node_ready(struct md_node *n) {
    if (n->ready || n->start != MD_NODE_OK)
        return n->start;
    if (!n->remote)
        n->start = md_wait_listening(n);
    if (n->start == MD_NODE_OK)
        n->start = md_node_open(n, MD_NODE_CONTROL);
    if (n->start == MD_NODE_OK && n->untracked && !n->remote)
        n->start = md_remote_probe(n);
    if (n->start == MD_NODE_OK)
        n->start = md_greet(n);
    if (n->start == MD_NODE_DIED && !n->remote) {
        char how[256];
        snprintf(how, sizeof how, "ended before it answered (%s)", md_buf_cstr(&n->death));
        n->start = md_stillborn(n, how);
    }
    n->ready = n->start == MD_NODE_OK;
    return n->start;
}

static struct md_node *md_node_new(unsigned deadline_ms) {
    struct md_node *n = md_calloc(1, sizeof *n);
    n->pid = n->process = n->output = n->wake = n->folder.lock = -1;
    n->started = MD_START_TIME;
    md_node_options_default(&n->options);
    n->deadline_ms = deadline_ms ? deadline_ms : MD_NODE_DEADLINE_MS;
    for (int i = 0; i < MD_NODE_CONNECTIONS; i++)
        n->connections[i].fd = -1;
    return n;
}

enum md_node_status md_node_start(const struct md_node_config *config,
                                  const struct md_node_options *options, bool wait,
                                  struct md_node **out) {
    struct md_node *n = *out = md_node_new(config->deadline_ms);
    n->waits = config->connect && config->waits;
    n->start =
        config->connect ? md_remote_start(n, config->connect) : md_launch(n, config, options);
    return n->start == MD_NODE_OK && wait ? md_node_ready(n) : n->start;
}

enum md_node_status md_node_restart(struct md_node *n) {
    enum md_node_status status = md_node_kill(n);
    if (status != MD_NODE_OK)
        return status;
    n->started += n->uptime;
    n->uptime = 0;
    n->down = n->ready = false;
    n->start = md_launch_again(n);
    return n->start == MD_NODE_OK ? md_node_ready(n) : n->start;
}
