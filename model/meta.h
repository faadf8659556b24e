/*
 * The meta commands mg, ms, md, ma and me (protocol.txt "Meta Commands"): a line, or the data block
 * of an ms. They share connections, keys and error strings with the classic text protocol.
 */
#ifndef MEMDIVERGE_META_H
#define MEMDIVERGE_META_H

#include "model/text_internal.h"

/* Returns false if the command waits for its data block. */
bool md_meta_line(struct md_feed *f, struct md_tokens *w, enum md_command_name name);
/* The whole data block of the ms that the connection waits for, CRLF included. */
void md_meta_data(struct md_feed *f, const uint8_t *data);

#endif
