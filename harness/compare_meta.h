/*
 * Replies to the meta commands, flag by flag: "HD t30 c5" and "HD t29 c5" differ in flag-t. Part of
 * compare.h, whose terms it uses.
 */
#ifndef MEMDIVERGE_COMPARE_META_H
#define MEMDIVERGE_COMPARE_META_H

#include "model/model.h"

enum { MD_FIELD_MAX = 24, MD_KIND_MAX = 64 };

/* mg, ms, md, ma or me. */
bool md_is_meta(enum md_command_name name);
/* Bytes of one whole reply: a line, behind VA also its data block; 0: not complete. */
size_t md_meta_span(const uint8_t *bytes, size_t len);
/* In which field two replies differ, and how; false: in none of meta's (their first words differ). */
bool md_meta_difference(const uint8_t *expected, size_t n_expected, const uint8_t *observed,
                        size_t n_observed, char field[MD_FIELD_MAX], char kind[MD_KIND_MAX]);

#endif
