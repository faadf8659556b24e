/*
 * The clock of a libmemcached client. Its timers (retry, dead servers) count whole seconds of
 * gettimeofday, so a test of them would wait for seconds; instead the process that the client runs
 * in (harness/cluster_child.c) can move that clock forward. Timeouts of poll are not touched: they
 * are real.
 */
#ifndef MEMDIVERGE_CLIENT_CLOCK_H
#define MEMDIVERGE_CLIENT_CLOCK_H

#include <stdint.h>

/* From now on gettimeofday and time of this process are so many seconds further on. */
void md_client_clock_advance(uint32_t seconds);

#endif
