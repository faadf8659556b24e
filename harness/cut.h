/*
 * Cutting a send step in two at any byte, and joining two sends. The generator splits commands with
 * it, the mutator too. Positions are units: one for each literal byte and each byte of a {fill},
 * one for a symbol whose text is only known at run time, none for {block} and {/block}.
 */
#ifndef MEMDIVERGE_CUT_H
#define MEMDIVERGE_CUT_H

#include "harness/trace.h"

uint64_t md_step_units(const struct md_step *s);
/*
 * Keeps the first `at` units in s and appends the rest to `tail` (a send step). {len} measures a
 * {block} of its own step only, so lengths become literals first (md_step_literal_lengths).
 */
void md_step_cut(struct md_step *s, uint64_t at, struct md_step *tail);
/* Appends a copy of every part of `more`, another step, to s. */
void md_step_join(struct md_step *s, const struct md_step *more);
/* Replaces each {len} by what its block holds and drops the marks of the blocks. A symbol inside a
 * block counts one byte: its length is not known here. */
void md_step_literal_lengths(struct md_step *s);

#endif
