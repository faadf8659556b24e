/* A good node until it is told to misbehave: hang, spin, crash, exit, close, flood. */
#include "serve.h"

#include <signal.h>

static void flood(int fd) {
    for (;;)
        serve_say(fd, "VALUE k 0 1048576\r\n");
}

static void answer(int fd, const char *line) {
    if (serve_greeting(fd, line, time(NULL)))
        return;
    if (strcmp(line, "hang") == 0)
        pause();
    else if (strcmp(line, "spin") == 0)
        for (volatile int i = 0;; i = i + 1)
            continue;
    else if (strcmp(line, "crash") == 0)
        raise(SIGSEGV);
    else if (strcmp(line, "exit") == 0)
        exit(7);
    else if (strcmp(line, "close") == 0)
        close(fd);
    else if (strcmp(line, "flood") == 0)
        flood(fd);
    else
        serve_say(fd, "ERROR\r\n");
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
