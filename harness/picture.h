/*
 * A trace's run as one picture (SVG): how the order of last use of each slab class changes step by
 * step, and which item went when memory was needed. For people: `memdiverge show --svg FILE`.
 *
 * An observer of the run gathers it from the model (picture.c); picture_page.c and picture_draw.c
 * draw it. Whatever the trace does, the picture stays of a size that can be looked at: columns,
 * classes and items beyond the limits below are left out, and the picture says how many. Nothing in
 * it depends on the moment or the machine: the same trace makes the same bytes.
 */
#ifndef MEMDIVERGE_PICTURE_H
#define MEMDIVERGE_PICTURE_H

#include "harness/runner.h"

enum {
    MD_PICTURE_COLUMNS = 24,     /* steps shown */
    MD_PICTURE_CLASSES = 8,      /* slab classes shown */
    MD_PICTURE_HEAD = 6,         /* items of a queue shown at its head ... */
    MD_PICTURE_TAIL = 6,         /* ... and at its tail */
    MD_PICTURE_GONE = 4,         /* items that went, shown of one step in one class */
    MD_PICTURE_TEXT = 320,       /* bytes of a column's command or reply */
    MD_PICTURE_LOOKS = 20000000, /* items looked at, each anew after every step */
};

enum md_picture_came { MD_CAME_BEFORE, MD_CAME_NEW, MD_CAME_TO_HEAD };

/* An item in its queue after a step. */
struct md_picture_item {
    uint8_t key[MD_KEY_MAX];
    uint8_t nkey;
    bool dead, chunked;
    enum md_picture_came came; /* in this step */
    uint32_t total, moved, expires_in;
};

/* An item that went at the tail in a step. */
struct md_picture_gone {
    uint8_t key[MD_KEY_MAX];
    uint8_t nkey;
    enum md_removal_kind kind;
};

/* One slab class after a step, compared with before. */
struct md_picture_cell {
    struct md_class_state state;
    uint8_t class;
    bool changed;
    uint32_t new_pages;
    uint32_t newly_dead;
    struct md_picture_item item[MD_PICTURE_HEAD + MD_PICTURE_TAIL];
    uint32_t n_items, hidden; /* hidden: items between the first MD_PICTURE_HEAD and the others */
    struct md_picture_gone gone[MD_PICTURE_GONE];
    uint32_t n_gone, evicted, reclaimed; /* n_gone: of these two together, those in `gone` */
};

/* A step. */
struct md_picture_column {
    size_t step;      /* index */
    uint64_t at;      /* node's time in seconds since its start, after the step */
    uint64_t seconds; /* that the clock moved since the column before */
    size_t skipped;   /* columns left out just before it */
    uint64_t evicted, reclaimed;
    unsigned weight;                                       /* the lightest are left out first */
    char command[MD_PICTURE_TEXT], reply[MD_PICTURE_TEXT]; /* printable ASCII */
    struct md_picture_cell *cells;                         /* owned, classes in order */
    size_t n_cells;
};

struct md_picture_queues; /* every item of every class at one moment */

struct md_picture {
    const struct md_trace *trace;                            /* outlives the picture */
    struct md_picture_column column[MD_PICTURE_COLUMNS + 1]; /* in order; one more while choosing */
    size_t n_columns, skipped;                               /* skipped: columns left out in all */
    uint64_t skipped_removals, evicted, reclaimed;
    /* What happened in each class, over all steps. */
    uint64_t changes[MD_SLAB_CLASSES], removals[MD_SLAB_CLASSES];
    struct md_class_state last[MD_SLAB_CLASSES];
    /* The step in hand: it may come in pieces. */
    struct md_picture_column open;
    bool is_open;
    uint64_t seconds; /* that the clock moved since the last column */
    uint64_t looks;   /* at items so far: beyond MD_PICTURE_LOOKS the steps are not drawn */
    bool too_much;
    size_t by_command[MD_COMMAND_NAMES];
    struct md_picture_queues *before, *after; /* owned */
    /* How the run ended. */
    enum md_verdict_kind verdict;
    size_t verdict_step;
    char signature[MD_SIGNATURE_MAX];
};

void md_picture_begin(struct md_picture *p, const struct md_trace *trace);
/* The `step` of a struct md_observer whose ctx is the picture. */
void md_picture_step(void *ctx, const struct md_trace *t, size_t step,
                     const struct md_reply *expected, const uint8_t *observed, size_t n_observed,
                     const struct md_model *m);
/* After the run. */
void md_picture_end(struct md_picture *p, const struct md_verdict *v);
void md_picture_free(struct md_picture *p);

/* The picture as a whole SVG document; false: `why`. */
bool md_picture_draw(const struct md_picture *p, struct md_buf *svg, struct md_buf *why);
/* Draws it into a file, whole or not at all. */
bool md_picture_write(const struct md_picture *p, const char *path, struct md_buf *why);

#endif
