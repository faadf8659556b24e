/* The real clock, which measures what memdiverge itself takes. A node's clock is in node.h. */
#ifndef MEMDIVERGE_NOW_H
#define MEMDIVERGE_NOW_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of the monotonic clock. */
static inline uint64_t md_now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Milliseconds left until `end`, rounded up, for poll; 0: it is over. */
static inline int md_left_ms(uint64_t end) {
    uint64_t now = md_now_ns();
    return now >= end ? 0 : (int)((end - now) / 1000000) + 1;
}

#endif
