/* The versions of memcached that the model knows, as data. */
#include "model/internal.h"

#include <stdio.h>

static const struct md_profile profiles[] = {
    {
        .name = "1.6.18",
        .version = "1.6.18",
        .failed_store_uses_cas = false,
        .flush_uses_cas = true,
        .sizes_at_runtime = true,
        .mgdump = false,
        .watches_deletions = false,
        .meta_flags = "bNTRlOPLkstcfvhuqFCMJDI",
#define X(name, ...) [MD_QUIRK_##name] = true,
        .quirk = {MD_QUIRK_LIST(X)},
#undef X
    },
};

/* "1.6.18" as a number that can be compared. */
static unsigned long version_number(const char *s) {
    unsigned a = 0, b = 0, c = 0;
    if (sscanf(s, "%4u.%4u.%4u", &a, &b, &c) < 2)
        return 0;
    return (a * 10000UL + b) * 10000UL + c;
}

const struct md_profile *md_profile_find(const char *version, bool *exact) {
    const struct md_profile *best = &profiles[0];
    unsigned long wanted = version_number(version);
    *exact = false;
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
        if (strcmp(profiles[i].version, version) == 0) {
            *exact = true;
            return &profiles[i];
        }
        if (version_number(profiles[i].version) <= wanted)
            best = &profiles[i];
    }
    return best;
}

const char *md_profile_name(const struct md_profile *p) { return p->name; }
