/*
 * The model behind a socket: an embedded fake memcached (memdiverge serve). The model says what is
 * answered, this says when bytes come and go: libevent, one thread, TCP or a unix socket, many
 * clients. The model's clock is the real one.
 *
 * Clients are hostile: one that does not read is not read from, and what all of them together make
 * the server keep is limited; who goes beyond is disconnected.
 */
#ifndef MEMDIVERGE_SERVE_SOCKETS_H
#define MEMDIVERGE_SERVE_SOCKETS_H

#include "model/model.h"

enum {
    MD_SERVE_CONNECTIONS = 1024,          /* unless told otherwise: memcached's own -c */
    MD_SERVE_CONNECTIONS_MAX = 65000,     /* md_command counts them with 16 bits */
    MD_SERVE_UNREAD = 1 << 20,            /* bytes of replies at which a client is not read from */
    MD_SERVE_WAITING = MD_REPLY_MAX << 1, /* bytes that may wait for one client ... */
    MD_SERVE_WAITING_ALL = 512 << 20,     /* ... and for all of them */
    MD_SERVE_BACKLOG = 1024,
};

struct md_serve_config {
    const struct md_profile *profile;
    struct md_options options;
    const enum md_quirk *without; /* quirks switched off */
    size_t n_without;
    const char *host, *port; /* port "0": any that is free */
    const char *socket_path; /* NULL: TCP */
    unsigned connections;
    bool verbose; /* says on stderr who is disconnected and why */
};

struct md_serve;

/* Listens. NULL: `why` says what is wrong. */
struct md_serve *md_serve_new(const struct md_serve_config *config, struct md_buf *why);
/* "127.0.0.1:11211" or the socket's path. */
const char *md_serve_address(const struct md_serve *s);
/* Serves until SIGINT or SIGTERM. False: the environment failed. */
bool md_serve_run(struct md_serve *s);
/* Closes everything and takes the socket's file away. */
void md_serve_free(struct md_serve *s);

#endif
