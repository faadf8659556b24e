/*
 * Proves that a memcached node answers meta commands as the model says, whatever their flags, mixed
 * with classic commands on the same keys and connections. What it does with an input is what
 * fuzz_commands does; its mutants are about flags.
 */
#include "fuzz/target.h"

MD_FUZZ_TARGET(MD_TARGET_META)
