/*
 * A node: one memcached under test, started by us, its clock ours; or a remote one that already
 * runs. Contract C4 (settled before the next thing) lives here.
 *
 * A started node gets a private folder (mode 0700, in $TMPDIR or /tmp), a unix socket in it, an
 * environment built from scratch, the preloaded shim (harness/shim.c) with a page of shared memory,
 * and dies with us however we die (parent-death signal, checked against the race; the folder is
 * swept by the next start if we could not). Its stderr is kept, bounded.
 *
 * Clock: frozen at MD_START_TIME, moved forward only. md_node_advance writes the new time, wakes
 * the main thread and returns when the once-a-second handler has run with it.
 *
 * Settled: every worker is back in epoll_wait, every byte that we sent has been read, nothing is
 * being written. See md_node_settle.
 */
#ifndef MEMDIVERGE_NODE_H
#define MEMDIVERGE_NODE_H

#include "harness/trace.h"
#include "model/buf.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MD_START_TIME UINT64_C(1000000000) /* Unix time at which every started node is born */

enum {
    MD_NODE_DEADLINE_MS = 10000, /* for a settle, jump or start; a hang is this AND no CPU used */
    MD_BUSY_DEADLINES = 3,       /* a node that uses CPU is given so many deadlines */
    MD_STDERR_MAX = 64 * 1024,   /* bytes kept of a node's stderr (its end is what matters) */
};

struct md_node;
struct md_shim; /* harness/shim.h: the page shared with the node */

/* What can go wrong with a node. Everything but OK comes with a sentence from md_node_error. */
enum md_node_status {
    MD_NODE_OK,
    MD_NODE_CLOSED,   /* the connection was closed by the node */
    MD_NODE_DIED,     /* the process is gone; md_node_death says how */
    MD_NODE_HANGS,    /* deadline passed and the node used no CPU */
    MD_NODE_BUSY,     /* deadline passed and it still uses CPU */
    MD_NODE_FLOOD,    /* more reply bytes than the caller allows */
    MD_NODE_NO_CLOCK, /* does not follow the clock: static binary, own time source */
    MD_NODE_NO_START, /* could not be started: missing, not executable, dies at once, no socket */
    MD_NODE_ENV,      /* our own environment: no folder, no memory, no descriptor */
};

/* What it points to must stay as long as nodes that were started with it. */
struct md_node_config {
    const char *binary;            /* path, or NULL for a remote node */
    const char *const *extra_args; /* --node-arg, already checked; may be NULL */
    size_t n_extra_args;
    uint32_t chunk_max_unit;   /* bytes that its slab_chunk_max counts in; 0: one */
    const char *connect;       /* HOST:PORT or a socket's path, for a remote node */
    int cpu;                   /* pin a single-threaded node to this CPU, -1: do not */
    const cpu_set_t *unpinned; /* where other nodes may run; NULL: where we may */
    unsigned deadline_ms;      /* 0: MD_NODE_DEADLINE_MS */
    bool waits;                /* a remote node's clock steps are waited for, in real time */
    /*
     * Instead of its private socket a node of a cluster listens on a loopback address (127.x.y.z)
     * and port, which clients of a cluster need. Chosen by our own code (harness/cluster.c), never
     * by a trace. The shim does not see who connects by TCP: the end of a reply is then found as
     * with a remote node, and only the clock, the process and its end are as ever.
     */
    const char *listen; /* NULL: its private socket */
    uint16_t port;
};

/*
 * Starts a node with design.md's default options plus `options` and waits until it answers, or,
 * with wait = false, returns at once so that a spare can come up while another works (md_node_ready
 * waits). *out is owned by the caller even on failure (for the error text); free with md_node_free.
 * A node belongs to the thread that started it: it ends with that thread, and only connections of
 * that process are counted when we ask whether it is settled.
 */
enum md_node_status md_node_start(const struct md_node_config *config,
                                  const struct md_node_options *options, bool wait,
                                  struct md_node **out);
enum md_node_status md_node_ready(struct md_node *n);
/* Ends the process (SIGKILL, by pid), waits for it, removes the folder. NULL is fine. */
void md_node_free(struct md_node *n);

/*
 * Kills the process, as a power cut would: all connections are closed, on both sides. The clock can
 * be moved, nothing else can be done, until md_node_restart puts a new process in its place (it
 * ends an old one that still runs): same options, same socket, and a clock that begins at the
 * present time.
 */
enum md_node_status md_node_kill(struct md_node *n);
enum md_node_status md_node_restart(struct md_node *n);

/* The node was told to end, which it does with the next tick of its clock: moves that by a second, waits
 * until the node is gone, and treats it as killed from then on. DIED: it did not end in order, with
 * status 0. Not for nodes that we did not start. */
enum md_node_status md_node_ended(struct md_node *n);

/*
 * Stops the process (SIGSTOP) as a machine does that swaps or hangs: its sockets stay, nothing
 * answers until md_node_continue. Returns when it has stopped. Only for a node with a TCP port:
 * what has it wait for others would take a stopped node for a hanging one.
 */
enum md_node_status md_node_stop(struct md_node *n);
enum md_node_status md_node_continue(struct md_node *n);

const char *md_node_error(const struct md_node *n); /* one sentence, for a person */
/* The kept end of its stderr, drained now. */
void md_node_stderr(struct md_node *n, struct md_buf *out);
/* How it died: exit code or signal in words ("killed by SIGSEGV"); "" while it lives. */
const char *md_node_death(struct md_node *n);
/* The `version` reply's number, asked once at the start ("1.6.18"). */
const char *md_node_version(const struct md_node *n);
pid_t md_node_pid(const struct md_node *n);
const char *md_node_socket_path(const struct md_node *n);
bool md_node_is_remote(const struct md_node *n);

/* Moves the clock forward and waits for the acknowledgement. */
enum md_node_status md_node_advance(struct md_node *n, uint32_t seconds);
uint64_t md_node_uptime(const struct md_node *n); /* virtual seconds since its last start */

/* ---- connections, numbered 0 .. MD_CONNECTIONS_MAX (the last one is the harness's own) ------- */

enum { MD_NODE_CONTROL = MD_CONNECTIONS_MAX, MD_NODE_CONNECTIONS };

enum md_node_status md_node_open(struct md_node *n, unsigned conn);
bool md_node_is_open(const struct md_node *n, unsigned conn);
/* Closes, and waits until the node has seen it. */
enum md_node_status md_node_close(struct md_node *n, unsigned conn);
/* Half-closes and waits until the node has seen it; what it still sends is appended to replies. */
enum md_node_status md_node_shutdown(struct md_node *n, unsigned conn, struct md_buf *replies);

/*
 * Writes bytes and collects what comes back until the node is settled: non-blocking, full duplex,
 * in pieces of at most MD_READ_BUFFER bytes with a settle between them (so that arrival is the same
 * every time). Appends to `replies`, at most max_reply bytes (else MD_NODE_FLOOD). MD_NODE_CLOSED:
 * the node closed the connection; `replies` has what came before; the connection is closed on our
 * side too.
 */
enum md_node_status md_node_exchange(struct md_node *n, unsigned conn, const void *bytes,
                                     size_t len, size_t max_reply, struct md_buf *replies);
/* Waits until settled, collecting on conn. */
enum md_node_status md_node_settle(struct md_node *n, unsigned conn, size_t max_reply,
                                   struct md_buf *replies);

/* Waits until the node has sent something on conn, whatever its workers do: for what a thread in the
 * background says. Appends it to `replies`. */
enum md_node_status md_node_await(struct md_node *n, unsigned conn, size_t max_reply,
                                  struct md_buf *replies);

/*
 * Remote nodes only (no effect on others): the bytes of the next exchange end where a command may
 * begin, so that `mn` can mark the end of the replies. Without it the end is a quiet moment.
 */
void md_node_barrier(struct md_node *n);
/* The same where they end with what makes the node close the connection: that is waited for, and nothing
 * is sent behind them, so that it closes without a reset and none of its replies is lost. */
void md_node_goodbye(struct md_node *n);
/* What to say to a remote node instead of `mn`, and the reply to it, which nothing else ends with. Both
 * must stay; an empty text changes nothing. */
void md_node_barrier_text(struct md_node *n, const struct md_buf *text, const struct md_buf *reply);

/* Sweeps folders left by campaigns that were killed (their lock is free). Called at program
 * start. */
void md_node_sweep(void);

/* ---- CPU (harness/cpu.c) --------------------------------------------------------------------- */

/* A claimed CPU; zero-initialise. */
struct md_cpu {
    int number;       /* -1: none */
    int lock;         /* descriptor of the lock file */
    cpu_set_t before; /* where the caller could run: for nodes that are not pinned */
};

/*
 * Claims a CPU among those we may use by a lock file's lock, pins the caller to it and returns its
 * number; -1 when none is free or pinning is not allowed (then nobody is pinned: never a failure).
 * The lock files are in `folder`, or in /tmp if that is NULL: there all campaigns of a machine see
 * them.
 */
int md_cpu_claim(struct md_cpu *cpu, const char *folder);
/* Pins the caller to a CPU that somebody claimed for it; -1: nobody did, or it is not allowed. */
int md_cpu_join(struct md_cpu *cpu, int number);
void md_cpu_release(struct md_cpu *cpu);

#endif
