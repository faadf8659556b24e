/* What versus.c (playing) and versus_compare.c share. */
#ifndef MEMDIVERGE_VERSUS_INTERNAL_H
#define MEMDIVERGE_VERSUS_INTERNAL_H

#include "harness/pool.h"
#include "harness/versus.h"
#include "harness/versus_asked.h"
#include "harness/versus_reply.h"

/* What was said and heard on one connection number; a new connection of that number is heard there too. */
struct md_talk {
    struct md_buf sent; /* on the connection in hand */
    size_t first;       /* the first piece that was heard on it */
    struct md_heard heard;
    size_t compared; /* pieces that were the same on both sides */
    bool closed;     /* by the node */
};

struct md_side {
    struct md_pool pool;
    struct md_node *node; /* of the trace in hand */
    bool down;            /* killed, and not restarted yet */
    uint64_t base;        /* CAS counter of a new node */
    char version[32];
    struct md_shown shown;
    struct md_talk talk[MD_CONNECTIONS_MAX];
    enum md_node_status trouble; /* OK, or how the node ended the trace */
};

struct md_versus {
    struct md_side side[MD_SIDES];
    struct md_buf bytes; /* of the send step in hand */
    /* The first answer that one side gave and the other did not yet. */
    bool late;
    size_t late_step, late_piece;
    unsigned late_conn, late_side;
    char late_name[MD_ASKED_MAX];
    struct md_versus_verdict *verdict;
    struct md_versus_verdict shrinking;
    /* For md_versus_print: how far each side's talk had come behind each step. */
    struct md_versus_mark {
        size_t heard[MD_SIDES];
    } * mark; /* owned */
    size_t n_marks, cap_marks;
};

/* ---- versus_compare.c: each fills the verdict where the sides differ ---- */
/* Behind a step, of which each side's talk has come in. */
enum md_verdict_kind md_versus_compare_step(struct md_versus *v, const struct md_step *s, size_t i);
/* When all was sent. */
enum md_verdict_kind md_versus_compare_end(struct md_versus *v, size_t last_step);
/* What a side is called. */
static inline char md_side_letter(unsigned side) { return (char)('a' + side); }

#endif
