/* The versions of memcached that the model knows, as data. */
#include "model/internal.h"

#include <stdio.h>

static const struct md_profile profiles[] = {
    {
        .version = "1.6.18",
        .chunk_max_unit = 1,
        .cas_start = 0,
        .minus_anywhere = true,
        .failed_store_uses_cas = false,
        .flush_uses_cas = true,
        .flush_unlinks = false,
        .retrieval_sends = true,
        .strict_numbers = false,
        .surplus_words = false,
        .nul_ends_line = true,
        .blanks_in_front = true,
        .short_line_bad = false,
        .refused_store_swallows = false,
        .set_counts_at_line = false,
        .unknown_is_quiet = false,
        .http_by_last_word = false,
        .too_few_words = "ERROR",
        .shutdown_off = "ERROR: shutdown not enabled",
        .sizes_at_runtime = true,
        .watch_noreply = true,
        .mgdump = false,
        .watches_deletions = false,
        .meta_flags = "bNTRlOPLkstcfvhuqFCMJDI",
        .meta_words = 19,
        .md_names_error = false,
        .meta_mode_cut = false,
        .mg_compares = false,
        .odd_flag_bad = false,
        .ma_hushes_made = false,
        .binary_body_most = 0,
        .ms_opaque_late = false,
    },
    {
        .version = "1.6.38",
        .chunk_max_unit = 1024,
        .cas_start = 1,
        .minus_anywhere = false,
        .failed_store_uses_cas = true,
        .flush_uses_cas = false,
        .flush_unlinks = true,
        .retrieval_sends = false,
        .strict_numbers = false,
        .surplus_words = false,
        .nul_ends_line = true,
        .blanks_in_front = true,
        .short_line_bad = false,
        .refused_store_swallows = false,
        .set_counts_at_line = false,
        .unknown_is_quiet = false,
        .http_by_last_word = false,
        .too_few_words = "ERROR",
        .shutdown_off = "ERROR: shutdown not enabled",
        .sizes_at_runtime = false,
        .watch_noreply = true,
        .mgdump = true,
        .watches_deletions = true,
        .meta_flags = "bNTRlOPLkstcfvhuqFCMJDIxE",
        .meta_words = 19,
        .md_names_error = false,
        .meta_mode_cut = false,
        .mg_compares = false,
        .odd_flag_bad = false,
        .ma_hushes_made = false,
        .binary_body_most = 0,
        .ms_opaque_late = false,
        .ms_draws_cas_early = true,
        .ms_append_vivifies = true,
        .ms_returns_size = true,
    },
    {
        .version = "1.6.45",
        .chunk_max_unit = 1024,
        .cas_start = 1,
        .minus_anywhere = false,
        .failed_store_uses_cas = true,
        .flush_uses_cas = false,
        .flush_unlinks = true,
        .retrieval_sends = false,
        .strict_numbers = true,
        .surplus_words = true,
        .nul_ends_line = false,
        .blanks_in_front = false,
        .short_line_bad = true,
        .refused_store_swallows = true,
        .set_counts_at_line = true,
        .unknown_is_quiet = true,
        .http_by_last_word = true,
        .too_few_words = "CLIENT_ERROR bad command line format",
        .shutdown_off = "SERVER_ERROR: shutdown not enabled",
        .sizes_at_runtime = false,
        .watch_noreply = false,
        .mgdump = true,
        .watches_deletions = true,
        .meta_flags = "bNTRlOPLkstcfvhuqFCMJDIxE",
        .meta_words = 20,
        .md_names_error = true,
        .meta_mode_cut = true,
        .mg_compares = true,
        .odd_flag_bad = true,
        .ma_hushes_made = true,
        .binary_body_most = 1 << 30,
        .ms_opaque_late = true,
        .ms_draws_cas_early = true,
        .ms_append_vivifies = true,
        .ms_returns_size = true,
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

const char *md_profile_name(const struct md_profile *p) { return p->version; }

uint32_t md_profile_chunk_max_unit(const struct md_profile *p) { return p->chunk_max_unit; }

/* "1.6.18-1.6.38": both ends are in it; "1.6.18" is only that. */
bool md_profile_has(const struct md_profile *p, enum md_quirk quirk) {
    const char *range = md_quirk_info(quirk)->versions, *last = strchr(range, '-');
    unsigned long version = version_number(p->version);
    return version >= version_number(range) && version <= version_number(last ? last + 1 : range);
}
