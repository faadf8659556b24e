/*
 * What the files that make up a node share. Each does one thing:
 *   node.c         questions, clock, stderr, death, end of life
 *   node_start.c   from a running process to a node that answers
 *   node_launch.c  from a configuration to a running process
 *   node_spawn.c   the new process, from vfork to exec
 *   node_folder.c  the private folder, and sweeping up after campaigns that were killed
 *   node_wait.c    waiting: deadlines, hangs, deaths
 *   node_io.c      connections: open, exchange, settle, close
 *   node_remote.c  the same for nodes that we did not start
 */
#ifndef MEMDIVERGE_NODE_INTERNAL_H
#define MEMDIVERGE_NODE_INTERNAL_H

#include "harness/now.h"
#include "harness/node.h"
#include "harness/shim.h"

#include <limits.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- node_folder.c ---- */

struct md_folder {
    char path[sizeof((struct sockaddr_un *)0)->sun_path]; /* short enough for a socket in it */
    int lock; /* held as long as the folder is in use; -1: no folder */
};
/* False: `why` says what to do. */
bool md_folder_make(struct md_folder *f, struct md_buf *why);
void md_folder_remove(struct md_folder *f);

/* ---- node_spawn.c ---- */

struct md_spawn {
    const char *path; /* of the program */
    char *const *argv;
    char *const *envp;
    const char *folder;    /* to work in */
    int output;            /* becomes standard output and error */
    int page, wake;        /* become descriptors MD_SPAWN_PAGE and MD_SPAWN_WAKE */
    const cpu_set_t *cpus; /* NULL: the same as ours */
    bool interruptible;    /* hears SIGINT */
};
enum { MD_SPAWN_PAGE = 3, MD_SPAWN_WAKE = 4 };
/* The new process's id, or -1 with errno set by whatever failed, exec included. */
pid_t md_spawn(const struct md_spawn *s);

/* ---- the node ---- */

struct md_connection {
    int fd;            /* -1: not open */
    uint32_t sequence; /* of its connect, counted from 0 */
};

struct md_node {
    struct md_buf words[MD_NODE_ARGS_MAX]; /* of its options, as it wants them */
    pid_t pid;                             /* -1: none, or reaped */
    pid_t born;                            /* what pid was */
    int process;                           /* pidfd */
    int output;                            /* our end of its stdout and stderr */
    int wake;                              /* the bell of the clock */
    struct md_shim *page;
    struct md_folder folder;
    char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];
    char port[6]; /* where it listens on TCP, in digits */
    struct sockaddr_storage address;
    socklen_t address_size;
    struct md_connection connections[MD_NODE_CONNECTIONS];
    uint32_t connects;
    uint32_t opening; /* a bit for each connection that may still be on its way to a worker */
    uint64_t started; /* Unix time at which the process began */
    uint64_t uptime;  /* seconds since then */
    struct md_node_config config; /* for a restart, with what follows */
    struct md_node_options options;
    char *path;    /* of the binary */
    char *preload; /* the environment's LD_PRELOAD=... */
    unsigned deadline_ms;
    unsigned exchanges;
    bool remote;
    bool untracked; /* remote, or listens on TCP: the shim tells nothing of its connections */
    bool barrier;   /* remote: knows `mn`, or was given what to say instead: */
    bool goodbye;   /* remote: the next exchange ends with the connection */
    const struct md_buf *barrier_text, *barrier_reply; /* NULL: `mn` */
    bool waits;                                        /* remote: clock steps are waited for */
    bool at_command; /* remote: the next exchange ends at a border of commands */
    bool ready;
    bool down;                 /* killed by us, not started again */
    enum md_node_status start; /* how the start ended, if it failed */
    char *binary;
    struct md_buf version, error, death, kept;
};

/* Sets the sentence of md_node_error and hands `status` through. */
enum md_node_status md_node_fail(struct md_node *n, enum md_node_status status, const char *fmt,
                                 ...) __attribute__((format(printf, 3, 4)));
/* Reads what the node wrote to its stderr, without waiting. */
void md_node_drain(struct md_node *n);

/* ---- node_launch.c ---- */

/* Makes everything that a node needs and starts its process. */
enum md_node_status md_launch(struct md_node *n, const struct md_node_config *config,
                              const struct md_node_options *options);
/* Starts its process once more; the one before has been ended with md_end_process. */
enum md_node_status md_launch_again(struct md_node *n);

/* ---- node.c: the end ---- */

/* Ends the process and gives back all that was for it alone. */
void md_end_process(struct md_node *n);

/* ---- node_wait.c ---- */

/* One wait of several turns, with one deadline. Zero-initialise and name it. */
struct md_wait {
    const char *what; /* completes "did not ..." */
    bool timeout;     /* the last turn ended without an event */
    unsigned slice_us, turns, deadlines;
    uint64_t last_ns, used_ns, cpu_ns;
};
/*
 * Waits until the node has told something since `seen` (a value of page->events), or for a moment
 * that grows. OK: look again. DIED, HANGS or BUSY: give up, the sentence is set.
 */
enum md_node_status md_wait_event(struct md_node *n, struct md_wait *w, uint32_t seen);
/* True if the process is gone; it is reaped and its death put into words. */
bool md_node_dead(struct md_node *n);
/* The same, for a node whose end is to be expected: gives it up to `ms` to get there. */
bool md_node_dies(struct md_node *n, int ms);
enum md_node_status md_node_died(struct md_node *n); /* the sentence for MD_NODE_DIED */

enum { MD_DYING_MS = 1000 }; /* for a process that has lost its sockets to be gone */

/* ---- node_io.c ---- */

/* Connects to n->address without waiting for more than the kernel; -1 with errno. */
int md_node_connect(struct md_node *n);
/*
 * Reads what is there. OK: all of it was read; CLOSED: end of the stream (certain to be noticed
 * only with to_end); FLOOD: more than max_reply bytes in `replies` behind `base`.
 */
enum md_node_status md_collect(struct md_node *n, int fd, bool to_end, size_t base,
                               size_t max_reply, struct md_buf *replies);
/* Waits until every new connection has reached its worker. */
enum md_node_status md_node_finish_opening(struct md_node *n);

/* ---- node_remote.c ---- */

enum md_node_status md_remote_start(struct md_node *n, const char *connect);
/* Finds out, on the control connection, whether the node knows the barrier. */
enum md_node_status md_remote_probe(struct md_node *n);
/* Real time goes by; ends early with the control connection. */
enum md_node_status md_remote_wait(struct md_node *n, uint32_t seconds);
/* Says a line on the control connection that is answered with one line. */
enum md_node_status md_remote_ask(struct md_node *n, const char *line, struct md_buf *reply);
enum md_node_status md_remote_open(struct md_node *n, unsigned conn);
enum md_node_status md_remote_exchange(struct md_node *n, unsigned conn, const void *bytes,
                                       size_t len, size_t max_reply, struct md_buf *replies);
/* Reads until the node closes, after we have half-closed. */
enum md_node_status md_remote_finish(struct md_node *n, unsigned conn, size_t max_reply,
                                     struct md_buf *replies);

#endif
