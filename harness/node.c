/* A node as its users see it: what can be asked of it at any time, its clock, and its end. */
#include "harness/node_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MD_UPTIME_MAX = 2000000000 }; /* a node counts its seconds in a signed 32-bit number */

enum md_node_status md_node_fail(struct md_node *n, enum md_node_status status, const char *fmt,
                                 ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    md_buf_clear(&n->error);
    md_buf_str(&n->error, text);
    md_buf_cstr(&n->error);
    return status;
}

const char *md_node_error(const struct md_node *n) {
    return n->error.len ? (const char *)n->error.data : "";
}

const char *md_node_version(const struct md_node *n) {
    return n->version.len ? (const char *)n->version.data : "";
}

pid_t md_node_pid(const struct md_node *n) { return n->pid; }
const char *md_node_socket_path(const struct md_node *n) { return n->socket_path; }
bool md_node_is_remote(const struct md_node *n) { return n->remote; }
uint64_t md_node_uptime(const struct md_node *n) { return n->uptime; }
void md_node_barrier(struct md_node *n) { n->at_command = true; }

void md_node_goodbye(struct md_node *n) { n->goodbye = true; }

void md_node_barrier_text(struct md_node *n, const struct md_buf *text,
                          const struct md_buf *reply) {
    if (text->len == 0)
        return;
    n->barrier_text = text;
    n->barrier_reply = reply;
    n->barrier = true;
}

const char *md_node_death(struct md_node *n) {
    return n->born > 0 && md_node_dead(n) ? md_buf_cstr(&n->death) : "";
}

/* ---- stderr ---------------------------------------------------------------------------------- */

void md_node_drain(struct md_node *n) {
    if (n->output < 0)
        return;
    for (int rounds = 0; rounds < 64;
         rounds++) { /* 4 MiB: a node that never stops must not hold us */
        md_buf_reserve(&n->kept, MD_STDERR_MAX);
        ssize_t r = read(n->output, n->kept.data + n->kept.len, MD_STDERR_MAX);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return;
        n->kept.len += (size_t)r;
        if (n->kept.len > MD_STDERR_MAX)
            md_buf_drop(&n->kept, n->kept.len - MD_STDERR_MAX);
    }
}

void md_node_stderr(struct md_node *n, struct md_buf *out) {
    md_node_drain(n);
    md_buf_append(out, n->kept.data, n->kept.len);
}

/* ---- clock ----------------------------------------------------------------------------------- */

enum md_node_status md_node_advance(struct md_node *n, uint32_t seconds) {
    if (n->waits)
        return md_remote_wait(n, seconds);
    if (n->remote && seconds > 0)
        return md_node_fail(n, MD_NODE_NO_CLOCK,
                            "the clock of a remote node cannot be moved; wait, or use a node that "
                            "memdiverge starts");
    enum md_node_status status = n->remote ? MD_NODE_OK : md_node_finish_opening(n);
    if (status != MD_NODE_OK || seconds == 0)
        return status;
    if (n->uptime + seconds > MD_UPTIME_MAX)
        return md_node_fail(n, MD_NODE_ENV,
                            "this node's clock is at its end (%d s); use a new node",
                            MD_UPTIME_MAX);
    n->uptime += seconds;
    if (n->down)
        return MD_NODE_OK;
    atomic_store(&n->page->elapsed, n->uptime);
    uint32_t request = atomic_fetch_add(&n->page->request, 1) + 1;
    eventfd_write(n->wake, 1);
    struct md_wait wait = {.what = "follow its clock"};
    for (;;) {
        uint32_t seen = atomic_load(&n->page->events);
        if (atomic_load(&n->page->ack) == request)
            return MD_NODE_OK;
        status = md_wait_event(n, &wait, seen);
        if (status != MD_NODE_OK)
            return status;
    }
}

/* ---- end ------------------------------------------------------------------------------------- */

static void md_close(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void md_kill(struct md_node *n) {
    if (n->born <= 0 || md_node_dead(n))
        return;
    kill(n->pid, SIGKILL);
    siginfo_t info;
    while (waitid(P_PID, (id_t)n->pid, &info, WEXITED) != 0 && errno == EINTR)
        continue;
    n->pid = -1;
}

void md_end_process(struct md_node *n) {
    md_kill(n);
    md_node_drain(n);
    for (int i = 0; i < MD_NODE_CONNECTIONS; i++)
        md_close(&n->connections[i].fd);
    md_close(&n->process);
    md_close(&n->output);
    md_close(&n->wake);
    if (n->page)
        munmap(n->page, sizeof *n->page);
    n->page = NULL;
    n->opening = n->connects = 0;
}

enum md_node_status md_node_kill(struct md_node *n) {
    if (n->remote)
        return md_node_fail(n, MD_NODE_ENV,
                            "a remote node cannot be killed; use a node that memdiverge starts");
    if (n->down)
        return MD_NODE_OK;
    if (md_node_dead(n))
        return md_node_died(n); /* by itself: that is news */
    md_end_process(n);
    n->down = true;
    return MD_NODE_OK;
}

enum md_node_status md_node_ended(struct md_node *n) {
    atomic_store(&n->page->elapsed, ++n->uptime);
    eventfd_write(n->wake, 1);
    if (!md_node_dies(n, (int)n->deadline_ms))
        return md_node_fail(n, MD_NODE_HANGS, "the node (pid %d) did not end within %u ms",
                            (int)n->born, n->deadline_ms);
    if (strcmp(md_buf_cstr(&n->death), "exited with status 0") != 0)
        return md_node_died(n);
    md_end_process(n);
    n->down = true;
    return MD_NODE_OK;
}

static enum md_node_status md_signal(struct md_node *n, int number, int state) {
    if (!n->untracked || n->remote || n->down)
        return md_node_fail(n, MD_NODE_ENV, "only a node with a TCP port that runs can be stopped");
    if (md_node_dead(n))
        return md_node_died(n);
    siginfo_t info;
    kill(n->pid, number);
    while (waitid(P_PID, (id_t)n->pid, &info, state | WEXITED | WNOWAIT) != 0 && errno == EINTR)
        continue;
    if (md_node_dead(n))
        return md_node_died(n);
    waitid(P_PID, (id_t)n->pid, &info, state | WNOHANG); /* said and done */
    return MD_NODE_OK;
}

enum md_node_status md_node_stop(struct md_node *n) { return md_signal(n, SIGSTOP, WSTOPPED); }

enum md_node_status md_node_continue(struct md_node *n) {
    return md_signal(n, SIGCONT, WCONTINUED);
}

void md_node_free(struct md_node *n) {
    if (!n)
        return;
    md_end_process(n);
    md_folder_remove(&n->folder);
    md_node_options_free(&n->options);
    free(n->path);
    free(n->preload);
    free(n->binary);
    md_buf_free(&n->version);
    for (size_t i = 0; i < MD_NODE_ARGS_MAX; i++)
        md_buf_free(&n->words[i]);
    md_buf_free(&n->error);
    md_buf_free(&n->death);
    md_buf_free(&n->kept);
    free(n);
}
