/*
 * The binary protocol: one request, or one complete value, at a time. Where the bytes come from and
 * when replies go out is connection.c's business.
 */
#ifndef MEMDIVERGE_BINARY_H
#define MEMDIVERGE_BINARY_H

#include "model/text.h"

/*
 * How many bytes at the start of what was read are the next request, without its value; 0: there
 * must come more. A request that cannot become one ends the connection (f->close).
 */
size_t md_binary_whole(struct md_feed *f, const uint8_t *bytes, size_t n);
/* Such a request, `n` bytes in a read of which `left` are behind it. */
void md_binary_request(struct md_feed *f, const uint8_t *bytes, size_t n, size_t left);
/* The read buffer is full and the request in it not complete: its key is too long. */
void md_binary_overfull(struct md_feed *f, const uint8_t *bytes);
/* The whole value of the store that the connection waits for. */
void md_binary_data(struct md_feed *f, const uint8_t *data);
/* As md_text_next_chunk. */
bool md_binary_next_chunk(struct md_feed *f);

#endif
