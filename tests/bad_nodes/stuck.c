/* Listens, and does nothing more: connections wait for ever to be taken. */
#include "serve.h"

int main(int argc, char **argv) {
    serve_listen(argc, argv);
    for (;;)
        pause();
}
