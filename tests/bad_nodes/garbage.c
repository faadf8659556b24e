/* Speaks, but not memcached's language. */
#include "serve.h"

static void answer(int fd, const char *line) {
    (void)line;
    serve_say(fd, "\x01\x02 220 mail.example.org ESMTP\r\n");
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
