/*
 * Proves that a memcached node stays in step with the model whatever bytes it is sent, in whatever
 * fragments: which error it answers, what it swallows, when it hangs up, and that nothing of it is left
 * for the commands behind.
 */
#include "fuzz/target.h"

MD_FUZZ_TARGET(MD_TARGET_WIRE)
