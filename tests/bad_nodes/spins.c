/* A good node at the start; every command of a trace is an endless loop. */
#include "serve.h"

static void answer(int fd, const char *line) {
    if (serve_greeting(fd, line, time(NULL)))
        return;
    for (volatile int i = 0;; i = i + 1)
        continue;
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
