/*
 * Proves that a memcached node answers every sequence of binary requests as the model says, alone and
 * beside text connections about the same keys: an input is a trace, and any packet that the model does
 * not allow, a crash or a hang is a divergence.
 */
#include "fuzz/target.h"

MD_FUZZ_TARGET(MD_TARGET_BINARY)
