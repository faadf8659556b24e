/*
 * What the passes of the shrinker share. A pass proposes candidates, one small simplification each;
 * md_shrink_try runs one and, when it still shows the signature, makes it the new best. Every pass
 * only ever moves towards its own simplest form (fewer units, shorter lines, lower numbers), so the
 * rounds end, and a second shrink of the result finds nothing to do.
 */
#ifndef MEMDIVERGE_SHRINK_INTERNAL_H
#define MEMDIVERGE_SHRINK_INTERNAL_H

#include "harness/shrink.h"

/* One literal byte, or one part of another kind. */
struct md_atom {
    uint8_t kind; /* enum md_part_kind */
    uint8_t byte; /* MD_PART_BYTES, MD_PART_FILL */
    int64_t number;
    const struct md_part *source; /* MD_PART_CAS: whose key */
};

/* A send step cut into atoms. Points into the step that it was made of. */
struct md_atoms {
    struct md_atom *at; /* owned */
    size_t n, cap;
};
void md_atoms_of(const struct md_step *s, struct md_atoms *out);
void md_atoms_text(struct md_atoms *a, const char *text);
void md_atoms_add(struct md_atoms *a, struct md_atom atom);
/* Replaces `n` atoms at `at` by those of `with` (may be NULL: nothing). */
void md_atoms_splice(struct md_atoms *a, size_t at, size_t n, const struct md_atoms *with);
void md_atoms_free(struct md_atoms *a);
/* Appends atoms to a send step. */
void md_atoms_put(const struct md_atom *at, size_t n, struct md_step *send);
/* Makes the atoms the whole content of step `at` of t. */
void md_atoms_store(const struct md_atoms *a, struct md_trace *t, size_t at);

struct md_word {
    size_t at, n; /* atoms */
};
enum { MD_WORDS_MAX = 64 };

/* One command of a send, or a leftover without a line end. */
struct md_line {
    size_t at, end;      /* atoms, data block included */
    size_t line_end;     /* behind the line's LF */
    size_t data, n_data; /* the data block without its CRLF, markers included */
    size_t n_words;
    struct md_word word[MD_WORDS_MAX];
    size_t length_word; /* which word is the length of the data block; 0: none */
    bool clean;         /* the data block is there, as long as it says, and ends in CRLF */
};
/* The command that starts at atom `at` (< a->n). */
void md_line_of(const struct md_atoms *a, size_t at, struct md_line *out);
bool md_word_is(const struct md_atoms *a, struct md_word w, const char *text);
/* A word of 1 to 20 digits that fits into 64 bits. */
bool md_word_number(const struct md_atoms *a, struct md_word w, uint64_t *out);
/* Whether word i of the line is a key. */
bool md_word_is_key(const struct md_atoms *a, const struct md_line *l, size_t i);

struct md_shrinker {
    struct md_runner *runner;
    struct md_trace best;
    const char *signature;
    const struct md_shrink_config *config;
    struct md_shrink_result *result;
    bool fresh;           /* every candidate on a node of its own */
    bool stopped;         /* a limit was hit, or the caller asked */
    unsigned failures;    /* of the environment */
    uint64_t started;     /* milliseconds */
    struct md_buf text;   /* scratch */
    struct md_seen *seen; /* verdicts by canonical text */
};

/* Runs the candidate; true: it still shows the signature, and is the best now (the candidate holds
 * the former best). Always false once a limit was hit. */
bool md_shrink_try(struct md_shrinker *s, struct md_trace *candidate);

/* The smallest number that still shows: calls `attempt` with lower and lower ones. */
bool md_shrink_number(uint64_t from, bool (*attempt)(void *ctx, uint64_t number), void *ctx);

/* Passes. True: something became simpler. */
bool md_shrink_units(struct md_shrinker *s);       /* steps, commands, leftovers go */
bool md_shrink_joins(struct md_shrinker *s);       /* neighbours become one step */
bool md_shrink_connections(struct md_shrinker *s); /* fewer, numbered from 0 */
bool md_shrink_options(struct md_shrinker *s);     /* node options go */
bool md_shrink_symbols(struct md_shrinker *s);     /* {len} to numbers, long runs to {fill} */
bool md_shrink_words(struct md_shrinker *s);       /* words of a line go */
bool md_shrink_keys(struct md_shrinker *s);        /* a, b, c */
bool md_shrink_values(struct md_shrinker *s);      /* data blocks */
bool md_shrink_numbers(struct md_shrinker *s);     /* in lines and clock steps */
bool md_shrink_bytes(struct md_shrinker *s);       /* single bytes go */

/* Commands and leftovers in a trace. */
size_t md_shrink_count_commands(const struct md_trace *t);

#endif
