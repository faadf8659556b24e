/*
 * Files and folders of traces as one list: folders walked to the bottom, in the order of their
 * names, so that the same words always mean the same list.
 */
#ifndef MEMDIVERGE_CORPUS_H
#define MEMDIVERGE_CORPUS_H

#include "model/buf.h"

#include <stdbool.h>

struct md_corpus {
    char **path; /* owned */
    size_t n, cap;
};

/*
 * Adds a file, or what is in a folder: its *.trace files or, when there is none (a fuzzer's
 * corpus), every file but hidden ones. False: `why` says what is wrong with the path.
 */
bool md_corpus_add(struct md_corpus *c, const char *path, struct md_buf *why);
void md_corpus_free(struct md_corpus *c);

#endif
