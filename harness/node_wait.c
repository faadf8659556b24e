/*
 * Waiting for a node: never longer than the deadline, never by sleeping, and never fooled by a node
 * that died, hangs or spins.
 *
 * A wait goes in turns: a futex in the shared page with a timeout of 12 to 50 ms. After a timeout
 * we see whether the process is still there. The first turn is not shorter because a timer that is
 * due before the kernel's next tick (10 ms at most) must be programmed into the hardware, which
 * costs more than a whole exchange in a virtual machine.
 *
 * Time counts by turns, each for at most its length: when tester and node are stopped together
 * (Ctrl-Z, a suspended laptop) it does not run on. A hang is a deadline without an answer AND
 * without CPU used.
 */
#include "harness/node_internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MD_SLICE_FIRST_US = 12000,
    MD_SLICE_LAST_US = 50000,
    MD_IDLE_SHARE = 1000, /* less than a deadline's thousandth of CPU is none */
    MD_FREE_TURNS = 32,   /* turns without a look at the clock: the hot path needs one or two */
};

/* CPU time of the node, all threads. */
static uint64_t md_cpu_ns(const struct md_node *n) {
    clockid_t clock;
    struct timespec t;
    if (clock_getcpuclockid(n->pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

bool md_node_dead(struct md_node *n) {
    if (n->pid < 0)
        return n->born > 0;
    siginfo_t info = {0};
    int r;
    do
        r = waitid(P_PID, (id_t)n->pid, &info, WEXITED | WNOHANG);
    while (r != 0 && errno == EINTR);
    if (r == 0 && info.si_pid == 0)
        return false;
    md_buf_clear(&n->death);
    if (r != 0) {
        md_buf_str(&n->death, "gone, reaped by somebody else");
    } else if (info.si_code == CLD_EXITED) {
        md_buf_printf(&n->death, "exited with status %d", info.si_status);
    } else {
        const char *name = sigabbrev_np(info.si_status);
        md_buf_printf(&n->death, "killed by SIG%s", name ? name : "?");
    }
    n->pid = -1;
    md_node_drain(n);
    return true;
}

bool md_node_dies(struct md_node *n, int ms) {
    if (n->pid >= 0) {
        struct pollfd p = {.fd = n->process, .events = POLLIN};
        poll(&p, 1, ms);
    }
    return md_node_dead(n);
}

enum md_node_status md_node_died(struct md_node *n) {
    return md_node_fail(n, MD_NODE_DIED, "the node (pid %d) is gone: %s", (int)n->born,
                        md_buf_cstr(&n->death));
}

static enum md_node_status md_wait_deadline(struct md_node *n, struct md_wait *w) {
    uint64_t deadline_ns = (uint64_t)n->deadline_ms * 1000000;
    if (w->used_ns < deadline_ns * (w->deadlines + 1))
        return MD_NODE_OK;
    uint64_t cpu = md_cpu_ns(n), used = cpu - w->cpu_ns;
    w->cpu_ns = cpu;
    w->deadlines++;
    if (used < deadline_ns / MD_IDLE_SHARE)
        return md_node_fail(n, MD_NODE_HANGS,
                            "the node (pid %d) hangs: it did not %s within %u ms and used no CPU",
                            (int)n->born, w->what, n->deadline_ms);
    if (w->deadlines < MD_BUSY_DEADLINES)
        return MD_NODE_OK;
    return md_node_fail(n, MD_NODE_BUSY,
                        "the node (pid %d) did not %s within %u ms, but is at work (%u ms of CPU "
                        "in the last %u ms)",
                        (int)n->born, w->what, n->deadline_ms * w->deadlines,
                        (unsigned)(used / 1000000), n->deadline_ms);
}

/* After a timeout, or after many turns: where do we stand? */
static enum md_node_status md_wait_look(struct md_node *n, struct md_wait *w) {
    uint64_t now = md_now_ns(), slice_ns = (uint64_t)w->slice_us * 1000;
    uint64_t passed = now - w->last_ns;
    if (w->last_ns == 0) {
        passed = w->timeout ? slice_ns : 0;
        w->cpu_ns = md_cpu_ns(n);
    }
    w->used_ns += passed < slice_ns ? passed : slice_ns;
    w->last_ns = now;
    if (w->timeout && w->slice_us < MD_SLICE_LAST_US)
        w->slice_us = w->slice_us * 2 < MD_SLICE_LAST_US ? w->slice_us * 2 : MD_SLICE_LAST_US;
    if (md_node_dead(n))
        return md_node_died(n);
    md_node_drain(n); /* it may be waiting for room */
    return md_wait_deadline(n, w);
}

enum md_node_status md_wait_event(struct md_node *n, struct md_wait *w, uint32_t seen) {
    if (w->slice_us == 0)
        w->slice_us = MD_SLICE_FIRST_US;
    atomic_store(&n->page->waiting, 1);
    struct timespec slice = {.tv_nsec = (long)w->slice_us * 1000};
    long r = syscall(SYS_futex, &n->page->events, FUTEX_WAIT, seen, &slice, NULL, 0);
    w->timeout = r != 0 && errno == ETIMEDOUT;
    if (!w->timeout && ++w->turns < MD_FREE_TURNS)
        return MD_NODE_OK;
    return md_wait_look(n, w);
}
