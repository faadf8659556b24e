/*
 * What is known to be wrong or surprising in libmemcached when it speaks to several nodes: each
 * kind of finding that is not news, with a sentence. As with quirks: the exact oracle counts them,
 * the strict one reports them.
 */
#ifndef MEMDIVERGE_CLUSTER_KNOWN_H
#define MEMDIVERGE_CLUSTER_KNOWN_H

struct md_cluster_known {
    const char *id, *sentence;
};

/* NULL: not known. */
const struct md_cluster_known *md_cluster_known(const char *kind);

#endif
