/*
 * Files that must not be lost or seen half written: written under another name, synced, renamed.
 * Every message says which file, why, and what to do.
 */
#ifndef MEMDIVERGE_ARTIFACT_H
#define MEMDIVERGE_ARTIFACT_H

#include "harness/trace.h"
#include "model/buf.h"

#include <stdbool.h>

/* mode: 0644 or, for a script, 0755. False: `why` says so, and nothing of it is left. */
bool md_artifact_write(const char *path, const void *bytes, size_t n, unsigned mode,
                       struct md_buf *why);
bool md_artifact_trace(const char *path, const struct md_trace *t, struct md_buf *why);
/* Makes a folder and those above it. */
bool md_artifact_folder(const char *path, struct md_buf *why);
/* A whole file of at most `limit` bytes; false: `why`. */
bool md_artifact_read(const char *path, size_t limit, struct md_buf *out, struct md_buf *why);
/* Removes a file or a folder with all that is in it; symbolic links are removed, not followed. */
void md_artifact_remove(const char *path);

/* DIR/NAME in a buffer that the caller frees. */
char *md_path(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

enum md_lock { MD_LOCK_TAKEN, MD_LOCK_BUSY, MD_LOCK_FOREIGN, MD_LOCK_FAILED };
/*
 * Makes `dir` the output folder of this campaign alone until *fd is closed. BUSY: another campaign
 * is at work there; FOREIGN: it holds files but none of a campaign. Anything but TAKEN: `why`.
 */
enum md_lock md_artifact_lock(const char *dir, int *fd, struct md_buf *why);

#endif
