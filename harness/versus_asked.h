/*
 * Which command an answer belongs to, counted in what was sent on a text connection. Good enough to
 * name a difference: lines that a node takes for something else shift the count.
 */
#ifndef MEMDIVERGE_VERSUS_ASKED_H
#define MEMDIVERGE_VERSUS_ASKED_H

#include <stddef.h>
#include <stdint.h>

enum { MD_ASKED_MAX = 24 };

/* The first word of the command that answer number `index` is for; "none" behind the last. */
void md_asked(const uint8_t *sent, size_t n, size_t index, char name[MD_ASKED_MAX]);

#endif
