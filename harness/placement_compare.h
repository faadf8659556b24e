/*
 * The model's placement against another one, mostly libmemcached's, for many keys. What differs is
 * a disagreement with a signature; it can be made as small as it gets: fewer servers, plain
 * settings, a short key. Known deviations of the library are counted apart, and the library is
 * held to them too where they can be told in advance.
 */
#ifndef MEMDIVERGE_PLACEMENT_COMPARE_H
#define MEMDIVERGE_PLACEMENT_COMPARE_H

#include "harness/key_sets.h"
#include "harness/placement_library.h"

/* What is to be placed, and how the other side gets there. The prefix is not longer than this. */
enum { MD_CASE_PREFIX_MAX = 32 };
struct md_placement_case {
    struct md_placement_settings settings;
    char prefix[MD_CASE_PREFIX_MAX + 1]; /* what settings.prefix points to, if anything */
    struct md_server server[MD_SERVERS_MAX];
    size_t n;
    enum md_reach reach;
};

/* A placement that is compared with the model's. */
struct md_other_side {
    /* NULL: it cannot do this (`why`: a literal). */
    void *(*make)(const struct md_other_side *self, const struct md_placement_case *c,
                  const char **why);
    uint32_t (*of)(const void *it, const void *key, size_t nkey);
    void (*release)(void *it);
    bool is_library;  /* its known deviations apply */
    unsigned variant; /* the maker's own */
};
const struct md_other_side *md_side_library(void);

struct md_disagreement {
    struct md_placement_case c;
    enum md_deviation known; /* NONE: news */
    uint8_t key[MD_KEY_LONGEST];
    size_t nkey;
    uint32_t model, other; /* where each puts the key */
};

/* Zero-initialise; counts go on. */
struct md_compared {
    uint64_t placements, agreed, refused; /* refused: the other side cannot do the case */
    uint64_t known[MD_DEVIATIONS];        /* keys that a known deviation puts elsewhere */
};

/* True: there is news, and *first is the first of it. */
bool md_placement_compare(const struct md_other_side *side, const struct md_placement_case *c,
                          const struct md_keys *keys, struct md_compared *count,
                          struct md_disagreement *first);
/* The first key that a known deviation moves; false: none of these. */
bool md_placement_known(const struct md_other_side *side, const struct md_placement_case *c,
                        const struct md_keys *keys, struct md_disagreement *first);
/* Makes it smaller as long as it keeps its signature. */
void md_disagreement_shrink(const struct md_other_side *side, struct md_disagreement *d);

/* What makes two of them the same: distribution, way, kind. */
void md_disagreement_signature(const struct md_disagreement *d, struct md_buf *out);
/* For a person: settings, servers, key, who puts it where. */
void md_disagreement_print(const struct md_disagreement *d, struct md_buf *out);

/* Any bytes are a case and a set of keys; every field is within its limits. */
void md_placement_case_read(const uint8_t *data, size_t size, struct md_placement_case *c,
                            struct md_keys *keys);

#endif
