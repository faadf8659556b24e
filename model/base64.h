/*
 * Keys of the meta commands may be sent as base64 (protocol.txt "Meta Get", flag b): both
 * directions, and what a version takes for base64 beside.
 */
#ifndef MEMDIVERGE_BASE64_H
#define MEMDIVERGE_BASE64_H

#include "model/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes n bytes of text into `out` (room for n); returns how many, 0: refused. *proper: it is
 * base64 as RFC 4648 has it; else only a decoder that passes over other characters makes something of it. */
size_t md_base64_decode(const uint8_t *text, size_t n, uint8_t *out, bool *proper);
void md_base64_encode(struct md_buf *to, const uint8_t *bytes, size_t n);

#endif
