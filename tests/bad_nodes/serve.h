/*
 * What the bad nodes share: a memcached that knows four commands (version, stats, mn, quit) and
 * answers everything else with ERROR, so that each of them is a few lines about how it misbehaves.
 */
#ifndef MEMDIVERGE_BAD_NODES_SERVE_H
#define MEMDIVERGE_BAD_NODES_SERVE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { SERVE_FDS = 64, SERVE_LINE = 4096 };

/* Listens on the socket that the command line names with -s. */
static inline int serve_listen(int argc, char **argv) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], "-s") == 0)
            snprintf(a.sun_path, sizeof a.sun_path, "%s", argv[i + 1]);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 64) != 0) {
        perror("listen");
        exit(1);
    }
    return fd;
}

static inline void serve_say(int fd, const char *text) {
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

/* The commands that every tester begins with, at a time of the node's choice. 0: another
 * command. */
static inline int serve_greeting(int fd, const char *line, time_t now) {
    char text[128];
    if (strcmp(line, "version") == 0) {
        serve_say(fd, "VERSION 1.6.18\r\n");
    } else if (strcmp(line, "mn") == 0) {
        serve_say(fd, "MN\r\n");
    } else if (strcmp(line, "stats") == 0) {
        snprintf(text, sizeof text, "STAT pid %d\r\nSTAT time %ld\r\nEND\r\n", (int)getpid(),
                 (long)now);
        serve_say(fd, text);
    } else {
        return 0;
    }
    return 1;
}

/* Calls `answer` for each line, forever. A line of "quit" closes. */
static inline void serve(int listener, void (*answer)(int fd, const char *line)) {
    static char line[SERVE_FDS][SERVE_LINE];
    static size_t len[SERVE_FDS];
    int set = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &e);
    while (epoll_wait(set, &e, 1, -1) >= 0) {
        int fd = e.data.fd;
        if (fd == listener) {
            fd = accept(listener, NULL, NULL);
            if (fd < 0 || fd >= SERVE_FDS)
                exit(1);
            len[fd] = 0;
            e = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
            continue;
        }
        ssize_t n = read(fd, line[fd] + len[fd], SERVE_LINE - 1 - len[fd]);
        if (n <= 0) {
            close(fd);
            continue;
        }
        len[fd] += (size_t)n;
        line[fd][len[fd]] = 0;
        for (char *end; (end = strstr(line[fd], "\r\n"));) {
            *end = 0;
            if (strcmp(line[fd], "quit") == 0) {
                close(fd);
                break;
            }
            answer(fd, line[fd]);
            len[fd] -= (size_t)(end + 2 - line[fd]);
            memmove(line[fd], end + 2, len[fd] + 1);
        }
    }
}

#endif
