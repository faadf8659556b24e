/*
 * From two replies to a signature: what differs, in which field, how. Never an address, port, time,
 * key name or value, so that the same bug has the same name whatever the trace that shows it.
 *
 *   COMMAND.FIELD.KIND.RULE   e.g. get.data.differs.get-hit, get.value.hit-instead-of-miss.miss-expired
 *
 * Of binary replies a field is one of the packet's: bin-get.opaque.differs.bin-get-hit,
 * bin-set.status.exists-instead-of-ok.bin-stored.
 */
#ifndef MEMDIVERGE_COMPARE_H
#define MEMDIVERGE_COMPARE_H

#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether the command is one of the binary protocol. */
bool md_is_binary(enum md_command_name name);

/* How many bytes at the start of `bytes` are one whole reply to a command of that name (lines, VALUE
 * blocks through END, packets); 0 if it is not complete or not a reply at all. Total: any bytes. */
size_t md_reply_span(enum md_command_name name, const uint8_t *bytes, size_t len);

/* Makes lower case of it, and '-' of everything that a file name does not want. */
void md_signature_plain(char *s);

/* Writes the signature of a difference. `observed` is what the node sent from this command on. */
void md_signature(const struct md_command *command, const uint8_t *expected, size_t n_expected,
                  const uint8_t *observed, size_t n_observed, char *out, size_t size);

#endif
