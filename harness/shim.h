/*
 * The page of memory that the tester shares with a node through the preloaded shim (shim.c), and
 * the rules that make it safe to rely on.
 *
 * The tester writes: the clock, `request`, `waiting`, `announced`, and `connection` before a
 * connect. The node writes the rest. Everything that a node writes is only ever compared by the
 * tester, never used as an index, a size or an address: a node under test is not to be trusted.
 *
 * Clock. Frozen at base + elapsed. To move it, the tester writes `elapsed`, then raises `request`,
 * then rings wake_fd. The main thread's epoll_wait returns to the event loop, which runs its timers
 * against the new time; the next time it blocks, the shim copies the request it had seen to `ack`.
 *
 * Settled. A thread counts in `busy` from the return of its epoll_wait to the next one that blocks.
 * It must be busy before it can read, so: all our bytes read (SIOCOUTQ is 0) and afterwards nobody
 * busy means that everything that follows from those bytes has been done. What can make a thread
 * run without unread bytes of ours is covered by itself:
 *   - a connection that waits until it can be written to (`writing`): its output did not fit, or it
 *     gave way after so many commands and waits for its next turn;
 *   - a new connection on its way from the accepting thread to a worker (`connection`).
 *
 * Every change that the tester may wait for ends in `events` being raised, and a futex wake if
 * `waiting` was set.
 */
#ifndef MEMDIVERGE_SHIM_H
#define MEMDIVERGE_SHIM_H

#include <stdatomic.h>
#include <stdint.h>

#define MD_SHIM_PAGE_VARIABLE "MEMDIVERGE_PAGE"        /* number of the inherited descriptor */
#define MD_SHIM_WAKE_MARK UINT64_C(0x6d642d77616b6521) /* epoll data of wake_fd */

enum {
    MD_SHIM_LAYOUT = 0x6d640001, /* changes with this struct: tester and shim must match */
    MD_SHIM_CONNECTIONS = 32,    /* places in `connection` */
    MD_SHIM_ANNOUNCED = 64,      /* connections on their way at most */
};

enum md_shim_state {
    MD_SHIM_CONNECTING, /* the node has not accepted it yet */
    MD_SHIM_ACCEPTED,
    MD_SHIM_WATCHED, /* its thread waits for bytes */
    MD_SHIM_CLOSED,  /* the node has closed it */
};

/* A connection's place holds which connection it is about beside its state, so that a late word
 * about an earlier connection in the same place changes nothing. */
#define MD_SHIM_WORD(sequence, state) ((uint32_t)(sequence) << 2 | (uint32_t)(state))

struct md_shim {
    uint32_t layout;
    int32_t wake_fd;        /* in the node */
    int32_t tester;         /* only connections of this process are counted */
    uint64_t realtime_base; /* seconds */
    uint64_t monotonic_base;

    _Atomic uint64_t elapsed; /* virtual seconds since the node's start */
    _Atomic uint32_t request, ack;

    _Atomic uint32_t attached;  /* the shim runs in the node */
    _Atomic uint32_t listening; /* calls of listen() */
    _Atomic uint32_t busy, writing;
    _Atomic uint32_t events, waiting;

    /* connection number `s` of this tester, counted from 0, has the place announced[s % 64] */
    _Atomic uint8_t announced[MD_SHIM_ANNOUNCED];
    _Atomic uint32_t connection[MD_SHIM_CONNECTIONS];
};

#endif
