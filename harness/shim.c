/*
 * The shared object that is preloaded into a node: gives it the tester's clock and tells the tester
 * when the node has nothing left to do. shim.h explains both. It replaces a few functions of libc
 * by ones that make the same system call and keep the shared page up to date.
 *
 * It goes into foreign processes, so: plain C, nothing but libc, no sanitizer, no output, and
 * without its page every function is just the system call. It has state of its own because an
 * interposed function has no other place to find its page.
 */
#include "harness/shim.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MD_EXPORT __attribute__((visibility("default")))

enum { MD_FDS = 65536 };

/* What the shim knows of a descriptor: used by one thread at a time, handed over with the
 * descriptor itself. */
struct md_fd {
    _Atomic uint32_t
        tag; /* sequence number of the connection plus 1; 0: not a connection of ours */
    uint8_t place;
    bool writing; /* its thread waits until it can be written to */
};

static struct {
    struct md_shim *page;
    uint32_t accepted;
    struct md_fd fds[MD_FDS];
} md_state;

static _Thread_local struct {
    bool counted; /* this thread is in page->busy */
    bool known, main;
    int epfd;      /* main thread: the set that watches wake_fd */
    uint32_t seen; /* main thread: the last request before its loop ran */
} md_thread __attribute__((tls_model("initial-exec")));

__attribute__((constructor)) static void md_attach(void) {
    const char *number = getenv(MD_SHIM_PAGE_VARIABLE);
    if (!number)
        return;
    int fd = atoi(number);
    void *page = mmap(NULL, sizeof(struct md_shim), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return;
    md_state.page = page;
    if (md_state.page->layout != MD_SHIM_LAYOUT) {
        md_state.page = NULL;
        return;
    }
    atomic_store(&md_state.page->attached, 1);
}

/* ---- telling the tester ---------------------------------------------------------------------- */

static void md_tell(struct md_shim *page) {
    atomic_fetch_add(&page->events, 1);
    if (atomic_load(&page->waiting) && atomic_exchange(&page->waiting, 0))
        syscall(SYS_futex, &page->events, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void md_busy(struct md_shim *page) {
    if (!md_thread.counted) {
        md_thread.counted = true;
        atomic_fetch_add(&page->busy, 1);
    }
}

static void md_idle(struct md_shim *page) {
    if (!md_thread.counted)
        return;
    md_thread.counted = false;
    /* While another thread is busy the tester has nothing to look at. */
    if (atomic_fetch_sub(&page->busy, 1) == 1)
        md_tell(page);
    else
        atomic_fetch_add(&page->events, 1);
}

static struct md_fd *md_connection(int fd) {
    if (!md_state.page || fd < 0 || fd >= MD_FDS)
        return NULL;
    struct md_fd *f = &md_state.fds[fd];
    return atomic_load_explicit(&f->tag, memory_order_relaxed) ? f : NULL;
}

static void md_connection_state(uint32_t tag, uint8_t place, enum md_shim_state state) {
    _Atomic uint32_t *word = &md_state.page->connection[place];
    uint32_t old = atomic_load(word);
    while (old >> 2 == MD_SHIM_WORD(tag - 1, 0) >> 2 && (old & 3) < (uint32_t)state)
        if (atomic_compare_exchange_weak(word, &old, MD_SHIM_WORD(tag - 1, state)))
            return;
}

static void md_writing(struct md_fd *f, bool writing) {
    if (writing && !f->writing)
        atomic_fetch_add(&md_state.page->writing, 1);
    else if (!writing && f->writing)
        atomic_fetch_sub(&md_state.page->writing, 1);
    f->writing = writing;
}

/* ---- event loops ----------------------------------------------------------------------------- */

static int md_real_epoll(int epfd, struct epoll_event *events, int max, int timeout,
                         const sigset_t *mask) {
    return (int)syscall(SYS_epoll_pwait, epfd, events, max, timeout, mask, _NSIG / 8);
}

static void md_know_thread(void) {
    md_thread.known = true;
    md_thread.main = syscall(SYS_gettid) == getpid();
    md_thread.epfd = -1;
}

/* Adds the tester's bell to the main thread's set. Edge-triggered: it never has to be read. */
static void md_hang_bell(struct md_shim *page, int epfd) {
    if (md_thread.epfd == epfd)
        return;
    md_thread.epfd = epfd;
    struct epoll_event bell = {.events = EPOLLIN | EPOLLET, .data.u64 = MD_SHIM_WAKE_MARK};
    syscall(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, page->wake_fd, &bell);
}

/* Takes the bell out of what the event loop gets to see: it is left with a wake-up without events,
 * upon which it looks at its timers. */
static int md_hide_bell(struct epoll_event *events, int n) {
    for (int i = 0; i < n; i++) {
        if (events[i].data.u64 != MD_SHIM_WAKE_MARK)
            continue;
        memmove(events + i, events + i + 1, (size_t)(n - i - 1) * sizeof *events);
        return n - 1;
    }
    return n;
}

static int md_epoll_once(struct md_shim *page, int epfd, struct epoll_event *events, int max,
                         int timeout, const sigset_t *mask) {
    int n = md_real_epoll(epfd, events, max, timeout, mask);
    int error = errno;
    if (timeout != 0)
        md_busy(page);
    if (md_thread.main) {
        md_thread.seen = atomic_load(&page->request);
        n = md_hide_bell(events, n);
    }
    errno = error;
    return n;
}

static int md_epoll(int epfd, struct epoll_event *events, int max, int timeout,
                    const sigset_t *mask) {
    struct md_shim *page = md_state.page;
    if (!page)
        return md_real_epoll(epfd, events, max, timeout, mask);
    if (!md_thread.known)
        md_know_thread();
    if (md_thread.main)
        md_hang_bell(page, epfd);
    if (timeout == 0)
        return md_epoll_once(page, epfd, events, max, 0, mask);
    if (md_thread.main) {
        /* With a frozen clock no timer can come due before the bell rings. */
        timeout = -1;
        atomic_store(&page->ack, md_thread.seen);
    }
    md_idle(page);
    return md_epoll_once(page, epfd, events, max, timeout, mask);
}

MD_EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout) {
    return md_epoll(epfd, events, max, timeout, NULL);
}

MD_EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout,
                          const sigset_t *mask) {
    return md_epoll(epfd, events, max, timeout, mask);
}

MD_EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max,
                           const struct timespec *timeout, const sigset_t *mask) {
    int ms = -1;
    if (timeout && timeout->tv_sec < 1000000)
        ms = (int)(timeout->tv_sec * 1000 + (timeout->tv_nsec + 999999) / 1000000);
    return md_epoll(epfd, events, max, ms, mask);
}

MD_EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event) {
    int r = (int)syscall(SYS_epoll_ctl, epfd, op, fd, event);
    struct md_fd *f = md_connection(fd);
    if (!f || r != 0)
        return r;
    /* Whoever is told of changes only may ask for both directions for good. */
    md_writing(f, op != EPOLL_CTL_DEL && (event->events & (EPOLLOUT | EPOLLET)) == EPOLLOUT);
    if (op == EPOLL_CTL_ADD)
        md_connection_state(f->tag, f->place, MD_SHIM_WATCHED);
    return r;
}

/* ---- sockets --------------------------------------------------------------------------------- */

MD_EXPORT int listen(int fd, int backlog) {
    int r = (int)syscall(SYS_listen, fd, backlog);
    int error = errno;
    if (md_state.page && r == 0) {
        atomic_fetch_add(&md_state.page->listening, 1);
        md_tell(md_state.page);
    }
    errno = error;
    return r;
}

static void md_accepted(int fd) {
    struct md_shim *page = md_state.page;
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (!page || fd < 0 || fd >= MD_FDS ||
        syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
        peer.pid != page->tester)
        return;
    uint32_t sequence = md_state.accepted++;
    struct md_fd *f = &md_state.fds[fd];
    f->place = atomic_load(&page->announced[sequence % MD_SHIM_ANNOUNCED]) % MD_SHIM_CONNECTIONS;
    f->writing = false;
    atomic_store(&f->tag, sequence + 1);
    md_connection_state(sequence + 1, f->place, MD_SHIM_ACCEPTED);
}

MD_EXPORT int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    int r = (int)syscall(SYS_accept4, fd, address, length, flags);
    int error = errno;
    md_accepted(r);
    errno = error;
    return r;
}

MD_EXPORT int accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, 0);
}

MD_EXPORT int close(int fd) {
    struct md_fd *f = md_connection(fd);
    if (!f)
        return (int)syscall(SYS_close, fd);
    /* The number may be in use again, by another thread, as soon as the call is done. */
    md_writing(f, false);
    uint8_t place = f->place;
    uint32_t tag = atomic_exchange(&f->tag, 0);
    int r = (int)syscall(SYS_close, fd);
    int error = errno;
    md_connection_state(tag, place, MD_SHIM_CLOSED);
    errno = error;
    return r;
}

/* ---- clock ----------------------------------------------------------------------------------- */

MD_EXPORT int clock_gettime(clockid_t clock, struct timespec *time) {
    struct md_shim *page = md_state.page;
    if (page && (clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE))
        *time = (struct timespec){.tv_sec = (time_t)(page->monotonic_base + page->elapsed)};
    else if (page && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        *time = (struct timespec){.tv_sec = (time_t)(page->realtime_base + page->elapsed)};
    else
        return (int)syscall(SYS_clock_gettime, clock, time);
    return 0;
}

MD_EXPORT int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    if (zone)
        memset(zone, 0, sizeof(struct timezone));
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *time = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return 0;
}

MD_EXPORT time_t time(time_t *out) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return (time_t)-1;
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
