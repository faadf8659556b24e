/* Answers as it should and writes megabytes to its stderr: at the start and with every command. */
#include "serve.h"

static void answer(int fd, const char *line) {
    static char noise[1024];
    memset(noise, '#', sizeof noise - 1);
    for (int i = 0; i < 2048; i++)
        fprintf(stderr, "%s\n", noise);
    if (!serve_greeting(fd, line, time(NULL)))
        serve_say(fd, "ERROR\r\n");
    if (strcmp(line, "last") == 0) {
        fprintf(stderr, "these are the last words\n");
        abort();
    }
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
