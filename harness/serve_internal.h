/* Shared by the files of the server: serve.c (clients) and serve_listen.c (where it listens, and what
 * `stats conns` tells of it all). */
#ifndef MEMDIVERGE_SERVE_INTERNAL_H
#define MEMDIVERGE_SERVE_INTERNAL_H

#include "harness/serve.h"

#include <event2/bufferevent.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <sys/stat.h>

/* A client. */
struct md_guest {
    struct md_serve *serve;
    unsigned number; /* of its connection in the model */
    evutil_socket_t fd;
    struct sockaddr_storage from;
    struct bufferevent *events;
    uint64_t last;  /* second at which bytes came last */
    size_t waiting; /* bytes kept for it when that was last looked at */
    bool more;      /* commands that the model has read wait */
    bool leaving;   /* only waits for its last replies to be taken */
};

struct md_serve {
    struct md_serve_config config;
    struct md_model *model;
    struct md_process process;
    struct md_reply reply; /* of the piece in hand */
    struct event_base *base;
    struct evconnlistener *listener;
    struct event *timer, *interrupt, *terminate;
    struct md_guest **guest; /* owned; by number, NULL: free */
    unsigned lowest_free;    /* no lower number is */
    size_t waiting;          /* of all guests */
    uint64_t began_ns, seconds;
    char address[160], host[128];
    struct stat file; /* of the socket that we made */
};

bool md_serve_listen(struct md_serve *s, struct md_buf *why);
void md_serve_unlisten(struct md_serve *s);
void md_serve_tell_connections(void *ctx,
                               void (*say)(void *to, const char *name, const char *value),
                               void *to);

/* libevent's callbacks for the listener. */
void md_serve_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
                     int size, void *ctx);
void md_serve_accept_failed(struct evconnlistener *listener, void *ctx);

#endif
