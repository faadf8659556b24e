/*
 * Proves that a memcached node answers every sequence of commands as the model says: an input is a
 * trace, run on a node and in the model at once; any reply that the model does not allow, a crash
 * or a hang is a divergence.
 */
#include "fuzz/target.h"

MD_FUZZ_TARGET(MD_TARGET_COMMANDS)
