/*
 * Packets of the binary protocol as a person or a comparison sees them: field by field. For replies, in
 * signatures and in `show`; requests in a send step are requests.h's.
 */
#ifndef MEMDIVERGE_PACKETS_H
#define MEMDIVERGE_PACKETS_H

#include "model/buf.h"
#include "model/packet.h"

struct md_response {
    struct md_packet header;
    const uint8_t *extras, *key, *value; /* not owned */
    size_t n_value;
    size_t span; /* header and body */
};
/* The packet at the start of `bytes`; false: there is none, or not all of it. */
bool md_response_at(const uint8_t *bytes, size_t len, struct md_response *r);

/* Which field of two replies differs, and how: as the parts of a signature. Total: any bytes. */
void md_packets_differ(const uint8_t *expected, size_t n_expected, const uint8_t *observed,
                       size_t n_observed, char *field, size_t field_size, char *kind,
                       size_t kind_size);

/* "ok", "not-found" ...; "status" for one that is not known. */
const char *md_status_word(uint16_t status);

/* All packets in words, bytes that are none as bytes: `ok opaque=0x5 cas=1 extras=00000007 "hello"`. */
void md_packets_words(const uint8_t *bytes, size_t len, struct md_buf *out);

#endif
