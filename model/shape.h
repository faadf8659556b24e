/*
 * Replies that are known by their shape: what an administrative command answers depends on the machine,
 * the build and on threads in the background, but not any text is right. Each shape says what a line
 * looks like, which fields it has, of which type, and how the reply ends (protocol.txt has the forms);
 * values that follow from the options and the commands are expected as such. The shapes are one table
 * (shape.c), the fields another (shape_fields.c).
 *
 * A command whose reply is known by shape notes it (md_shape_note) with what is expected of it; the note
 * is kept by the command's ordinal until the restart, as what `stats` ought to show is (stats.h).
 */
#ifndef MEMDIVERGE_SHAPE_H
#define MEMDIVERGE_SHAPE_H

#include "model/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct md_model;

enum md_shape {
    MD_SHAPE_WORD,      /* one line that begins with one of some words */
    MD_SHAPE_SETTINGS,  /* stats settings */
    MD_SHAPE_SIZES,     /* stats sizes: sizes and counts */
    MD_SHAPE_CONNS,     /* stats conns */
    MD_SHAPE_BUILD,     /* stats of a part that a build has or has not: lines, or ERROR */
    MD_SHAPE_DETAIL,    /* stats detail dump */
    MD_SHAPE_CACHEDUMP, /* stats cachedump, where it is not known what is still there */
    MD_SHAPE_METADUMP,  /* lru_crawler metadump */
    MD_SHAPE_MGDUMP,    /* lru_crawler mgdump */
    MD_SHAPE_WATCH,     /* OK, then log lines for as long as the connection lives */
    MD_SHAPES
};

/* First words of a one-line answer: a set of them is allowed. */
enum md_shape_word {
    MD_SAYS_OK = 1 << 0,
    MD_SAYS_ERROR = 1 << 1, /* with or without a message */
    MD_SAYS_CLIENT_ERROR = 1 << 2,
    MD_SAYS_BUSY = 1 << 3,
    MD_SAYS_BADCLASS = 1 << 4,
    MD_SAYS_NOSPARE = 1 << 5,
    MD_SAYS_NOTFULL = 1 << 6,
    MD_SAYS_UNSAFE = 1 << 7,
    MD_SAYS_SAME = 1 << 8,
    MD_SAYS_NOTSTARTED = 1 << 9,
    MD_SAYS_TLS_ERROR = 1 << 10, /* "Error ...", of refresh_certs */
};

/* A value that is expected: settings by name, what a dump shows of an item by key. */
struct md_expected_field {
    char name[24];
    char text[40];
};

struct md_expected_item {
    int32_t record;       /* whose key it is */
    int64_t exp;          /* as shown: Unix time, -1 for never */
    uint64_t from, until; /* Unix times between which its last access lies */
    uint64_t cas;
    uint32_t size, flags, nbytes;
    uint8_t class;
    bool fetched;
    bool certain; /* it must be in the dump; else it may */
};

struct md_shape_note {
    uint32_t ordinal;
    enum md_shape shape;
    unsigned words; /* MD_SHAPE_WORD: enum md_shape_word; else those that may stand in its place */
    bool outside;   /* MD_SHAPE_CONNS: any bytes may stand behind an address */
    bool ok_first;  /* OK stands before the lines */
    uint64_t most;  /* MD_SHAPE_SIZES: items in all at most */
    struct md_expected_field *fields; /* owned */
    size_t n_fields, cap_fields;
    struct md_expected_item *items; /* owned */
    size_t n_items, cap_items;
};

/* The command in hand answers in this shape; the note is valid until the next one is made. */
struct md_shape_note *md_shape_note(struct md_model *m, enum md_shape shape, unsigned words);
/* Another value to expect. */
void md_shape_expect(struct md_shape_note *n, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* All items of a class (0: of all) are expected in a dump. */
void md_shape_expect_items(struct md_model *m, struct md_shape_note *n, unsigned class);
void md_shape_forget(struct md_model *m);
void md_shape_copy(struct md_model *to, const struct md_model *from);

/* Whether the text is a line that a watcher may be sent (without its line end). */
bool md_shape_log_line(const uint8_t *line, size_t n, struct md_buf *why);

/* ---- between shape.c and shape_fields.c -------------------------------------------------------- */

/* A check under way. A line check returns false where the line is wrong, with field and reason. */
struct md_shape_check {
    const struct md_model *m;
    const struct md_shape_note *note;
    char *field; /* 32 bytes */
    struct md_buf *why;
    bool *seen; /* of each expected field, or item */
    uint64_t sum;
};
bool md_shape_wrong(struct md_shape_check *c, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

bool md_shape_setting(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_size(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_conn(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_stat(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_prefix(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_cached(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_meta(struct md_shape_check *c, const uint8_t *line, size_t n);
bool md_shape_mg(struct md_shape_check *c, const uint8_t *line, size_t n);
/* At the end of the reply: is everything there that must be? */
bool md_shape_all_fields(struct md_shape_check *c);
bool md_shape_all_items(struct md_shape_check *c);

#endif
