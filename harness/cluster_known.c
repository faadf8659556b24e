/* The table of cluster_known.h. docs/findings-libmemcached-failure.md tells of each at length. */
#include "harness/cluster_known.h"

#include <fnmatch.h>
#include <stddef.h>

static const struct {
    const char *kind; /* a pattern of fnmatch: all of the kind */
    struct md_cluster_known known;
} md_known[] = {
#define DEAD_FOREVER                                                                               \
    {                                                                                              \
        "dead-forever",                                                                            \
            "with auto-eject and no dead timeout (the default), a node that was given up "         \
            "is never tried again, but its keys go back to it"                                     \
    }
#define FAILED_MGET                                                                                \
    {                                                                                              \
        "failed-mget",                                                                             \
            "after an mget that failed, in binary, the answers that were under way are "           \
            "taken for those of later calls"                                                       \
    }
#define QUIET_DELETE                                                                               \
    {                                                                                              \
        "quiet-delete", "in binary without replies, a delete of a missing key leaves a reply "     \
                        "behind, and every later answer is that of another call"                   \
    }
    {"placement-by-way:*",
     {"placement-by-way", "the same settings place keys otherwise, reached in another way"}},
    {"mget-silent:*",
     {"mget-silent", "mget leaves out the keys of a node that is away and reports no error"}},
    {"mget-gives-up:*",
     {"mget-gives-up", "mget fails for keys of live nodes when a node of another key is away"}},
    {"buffered-and-lost:after-failure:*",
     {"buffered-and-lost", "buffered writes to a broken connection are lost without an error"}},
    {"never-ejected:text",
     {"never-ejected", "auto-eject never ejects a node that hangs: only failed connects count"}},
    {"never-ejected:binary",
     {"never-ejected", "auto-eject never ejects a node that hangs: only failed connects count"}},
    {"never-recovers:marked-dead:no-dead-timeout:*", DEAD_FOREVER},
    {"never-ejected:refused:no-dead-timeout:*", DEAD_FOREVER},
    /* What was seen to come of it, call by call: nothing else may hide behind it. */
    {"error-without-failure:set:miss:binary:failed-mget*", FAILED_MGET},
    {"error-without-failure:*:strange-21:binary:failed-mget*", FAILED_MGET},
    {"miss-but-held:*:binary:quiet-delete*", QUIET_DELETE},
    {"another-keys-value:*:binary:quiet-delete*", QUIET_DELETE},
    {"value-from-nowhere:*:binary:quiet-delete*", QUIET_DELETE},
    {"stale-without-failure:*:binary:quiet-delete*", QUIET_DELETE},
    {"mget-other-key:binary:quiet-delete*", QUIET_DELETE},
    {"mget-twice:binary:quiet-delete*", QUIET_DELETE},
    {"error-without-failure:*:strange-21:binary:quiet-delete*", QUIET_DELETE},
#undef DEAD_FOREVER
#undef FAILED_MGET
#undef QUIET_DELETE
};

const struct md_cluster_known *md_cluster_known(const char *kind) {
    for (size_t i = 0; i < sizeof md_known / sizeof *md_known; i++)
        if (fnmatch(md_known[i].kind, kind, 0) == 0)
            return &md_known[i].known;
    return NULL;
}
