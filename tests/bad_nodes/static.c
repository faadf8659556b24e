/* A static binary (so the build links it): nothing can be preloaded into it. */
#include "serve.h"

static void answer(int fd, const char *line) {
    if (!serve_greeting(fd, line, time(NULL)))
        serve_say(fd, "ERROR\r\n");
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
