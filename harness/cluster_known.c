/* The table of cluster_known.h. docs/findings-libmemcached-failure.md tells of each at length. */
#include "harness/cluster_known.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *kind; /* what the finding's kind begins with, or (with '*') contains */
    struct md_cluster_known known;
} md_known[] = {
    {"placement-by-way:",
     {"placement-by-way", "the same settings place keys otherwise, reached in another way"}},
    {"mget-silent:",
     {"mget-silent", "mget leaves out the keys of a node that is away and reports no error"}},
    {"mget-gives-up:",
     {"mget-gives-up", "mget fails for keys of live nodes when a node of another key is away"}},
    {"buffered-and-lost:after-failure:",
     {"buffered-and-lost", "buffered writes to a broken connection are lost without an error"}},
    {"never-ejected:",
     {"never-ejected", "auto-eject never ejects a node that hangs: only failed connects count"}},
    {"*:failed-mget",
     {"failed-mget", "after an mget that failed, in binary, the answers that were under way are "
                     "taken for those of later calls"}},
    {"*:quiet-delete",
     {"quiet-delete", "in binary without replies, a delete of a missing key leaves a reply "
                      "behind, and every later answer is that of another call"}},
};

const struct md_cluster_known *md_cluster_known(const char *kind) {
    for (size_t i = 0; i < sizeof md_known / sizeof *md_known; i++)
        if (md_known[i].kind[0] == '*'
                ? strstr(kind, md_known[i].kind + 1) != NULL
                : strncmp(kind, md_known[i].kind, strlen(md_known[i].kind)) == 0)
            return &md_known[i].known;
    return NULL;
}
