/* Takes connections and what they say, and never answers. */
#include "serve.h"

static void answer(int fd, const char *line) {
    (void)fd;
    (void)line;
}

int main(int argc, char **argv) { serve(serve_listen(argc, argv), answer); }
