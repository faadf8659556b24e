/*
 * gettimeofday and time for this process and the shared libraries in it: the system's, plus what
 * the clock was moved by. The linker exports both because libmemcached asks for them. The offset is
 * 0 in every process but that of a cluster's client; it is a variable of the file because a
 * replaced function has no other place to find it.
 */
#include "harness/client_clock.h"

#include <stdatomic.h>
#include <sys/time.h>
#include <time.h>

static _Atomic uint64_t md_client_offset;

void md_client_clock_advance(uint32_t seconds) { atomic_fetch_add(&md_client_offset, seconds); }

__attribute__((visibility("default"))) int gettimeofday(struct timeval *restrict now,
                                                        void *restrict zone) {
    struct timespec t;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &t) != 0)
        return -1;
    now->tv_sec = t.tv_sec + (time_t)atomic_load(&md_client_offset);
    now->tv_usec = t.tv_nsec / 1000;
    return 0;
}

__attribute__((visibility("default"))) time_t time(time_t *out) {
    struct timeval now = {0};
    gettimeofday(&now, NULL);
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}
