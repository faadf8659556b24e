/* Runs, and never listens. */
#include <unistd.h>

int main(void) {
    for (;;)
        pause();
}
