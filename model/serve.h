/*
 * The model as a server: not the picture of a node, but the node itself (memdiverge serve). Nobody
 * answers before it or corrects it, so choices are its own, nothing is ever lost, and what it has no
 * picture of is a nonexistent command. `stats` is said, and what only explains a trace is forgotten:
 * a server runs for long.
 */
#ifndef MEMDIVERGE_SERVE_H
#define MEMDIVERGE_SERVE_H

#include "model/text_internal.h"

/* Answers `stats`, `stats items` or `stats slabs` with the snapshot just taken, and forgets it. */
void md_serve_stats(struct md_feed *f);
/* Answers stats settings, conns, sizes; false: no such thing. */
bool md_serve_stats_of(struct md_feed *f, struct md_token what);

#endif
