/*
 * Proves that a memcached node under memory pressure evicts what the model says, and nothing else:
 * an input is a trace that fills slab classes of a small node; which keys are still there, what the
 * counters say and in which order items will go is compared like any reply.
 */
#include "fuzz/target.h"

MD_FUZZ_TARGET(MD_TARGET_EVICTION)
