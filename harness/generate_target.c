/* What there is to aim at: each target's name, its stream of traces, and what its fuzzer starts from. */
#include "harness/generate_internal.h"

static const struct md_target_info md_targets[MD_TARGETS] = {
    [MD_TARGET_COMMANDS] = {"commands", md_generate, 4096, {"seeds", "regressions", "known"}},
    /* Filling memory takes many commands. */
    [MD_TARGET_EVICTION] = {"eviction", md_generate_eviction, 32768, {"eviction", "regressions"}},
    [MD_TARGET_META] = {"meta", md_generate_meta, 4096, {"meta", "regressions", "known"}},
    [MD_TARGET_BINARY] = {"binary", md_generate_binary, 8192, {"binary", "regressions", "known"}},
    [MD_TARGET_WIRE] = {"wire", md_generate_wire, 4096, {"wire", "meta", "binary", "regressions"}},
};

const struct md_target_info *md_target_info(enum md_target target) { return &md_targets[target]; }

const char *md_target_name(enum md_target target) { return md_targets[target].name; }

enum md_target md_target_find(const char *name) {
    unsigned i = 0;
    while (i < MD_TARGETS && strcmp(md_targets[i].name, name) != 0)
        i++;
    return (enum md_target)i;
}

void md_generate_for(enum md_target target, struct md_trace *t, uint64_t seed, uint64_t index,
                     const struct md_generate_config *c) {
    md_targets[target].generate(t, seed, index, c);
}

enum md_target md_generate_turn(uint64_t seed, uint64_t index) {
    struct md_random r;
    md_random_seed(&r, seed ^ index * UINT64_C(0x9e3779b97f4a7c15));
    if (md_random_one_in(&r, MD_EVICTION_ONE_IN))
        return MD_TARGET_EVICTION;
    unsigned turn = md_pick(&r, MD_TARGETS - 1); /* the others share what is left */
    return (enum md_target)(turn + (turn >= MD_TARGET_EVICTION));
}
