/*
 * Numbers as they stand in commands and counters: what the specification calls a number (decimal
 * digits) and what a version takes for one.
 */
#ifndef MEMDIVERGE_NUMBER_H
#define MEMDIVERGE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct md_number {
    bool proper;    /* decimal digits (and '-' if allowed), in 64 bits */
    bool taken;     /* the C library's reading of it gives a number at its start */
    bool negative;  /* sign of the value */
    bool minus;     /* taken, 2^63 or more, and a minus sign stands behind the digits */
    uint64_t value; /* as taken; magnitude two's complement if negative */
    size_t used;    /* bytes up to the end of the digits */
};

/* An unsigned 64-bit number: digits only. `taken` follows the C library: blanks, sign, digits, then
 * the end or a blank; a minus sign is refused only in what is 2^63 or more once wrapped (`minus`: some
 * versions look for it behind the digits, too). */
struct md_number md_number_unsigned(const uint8_t *s, size_t n);
/* A signed 64-bit number: digits with an optional '-'. */
struct md_number md_number_signed(const uint8_t *s, size_t n);

#endif
