/* Answers whoever connects with garbage, without end. */
#include "serve.h"

#include <signal.h>

int main(int argc, char **argv) {
    static char garbage[65536];
    for (size_t i = 0; i < sizeof garbage; i++)
        garbage[i] = (char)(i * 31 + i / 256);
    signal(SIGPIPE, SIG_IGN);
    int listener = serve_listen(argc, argv);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        while (write(fd, garbage, sizeof garbage) > 0)
            continue;
        close(fd);
    }
}
