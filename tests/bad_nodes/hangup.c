/* Closes every connection as soon as it has it. */
#include "serve.h"

int main(int argc, char **argv) {
    int listener = serve_listen(argc, argv);
    for (;;)
        close(accept(listener, NULL, NULL));
}
