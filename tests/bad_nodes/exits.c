/* Ends at once, with a reason: a node with a bad option, or without its libraries. */
#include <stdio.h>

int main(void) {
    fprintf(stderr, "cannot allocate the universe\nplease try a smaller one\n");
    return 3;
}
