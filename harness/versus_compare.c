/* Where two nodes differ, and what the difference is called; see versus.h. */
#include "harness/versus_internal.h"

#include "harness/compare.h"

#include <stdio.h>

enum { SAID_MAX = 4096 };

/* The command that the piece answers. */
static void asked(const struct md_talk *t, size_t piece, char name[MD_ASKED_MAX]) {
    size_t answers = 0;
    if (t->sent.len && t->sent.data[0] == 0x80) {
        const struct md_heard *h = &t->heard;
        bool there = piece < h->n && h->piece[piece].n > 1;
        snprintf(name, MD_ASKED_MAX, "binary-%02x",
                 there ? h->bytes.data[h->piece[piece].at + 1] : 0u);
        return;
    }
    for (size_t i = t->first; i < piece && i < t->heard.n; i++)
        answers += t->heard.piece[i].last;
    md_asked(t->sent.data, t->sent.len, answers, name);
}

static void keep_said(struct md_versus *v, unsigned side, unsigned conn, size_t piece) {
    const struct md_heard *h = &v->side[side].talk[conn].heard;
    struct md_buf *to = &v->verdict->said[side];
    to->len = 0;
    if (piece >= h->n)
        return;
    const struct md_piece *p = &h->piece[piece];
    md_buf_append(to, h->bytes.data + p->at, p->n < SAID_MAX ? p->n : SAID_MAX);
}

/* Of the side that has the answer. */
static void asked_of(const struct md_versus *v, unsigned conn, size_t piece,
                     char name[MD_ASKED_MAX]) {
    bool a_has = piece < v->side[0].talk[conn].heard.n;
    asked(&v->side[a_has ? 0 : 1].talk[conn], piece, name);
}

static enum md_verdict_kind differ(struct md_versus *v, unsigned conn, size_t piece, size_t step,
                                   const char *name, const char *how) {
    snprintf(v->verdict->signature, MD_SIGNATURE_MAX, "%s.%s", name, how);
    md_signature_plain(v->verdict->signature);
    v->verdict->step = step;
    for (unsigned i = 0; i < MD_SIDES; i++)
        keep_said(v, i, conn, piece);
    return v->verdict->kind = MD_DIVERGED;
}

static enum md_verdict_kind differs(struct md_versus *v, unsigned conn, size_t piece, size_t step,
                                    const char *how) {
    char name[MD_ASKED_MAX];
    asked_of(v, conn, piece, name);
    return differ(v, conn, piece, step, name, how);
}

/* Answers that both have given. */
static enum md_verdict_kind compare_pieces(struct md_versus *v, unsigned conn, size_t step) {
    struct md_talk *a = &v->side[0].talk[conn], *b = &v->side[1].talk[conn];
    size_t *i = &a->compared;
    for (; *i < a->heard.n && *i < b->heard.n; ++*i) {
        const struct md_piece *pa = &a->heard.piece[*i], *pb = &b->heard.piece[*i];
        char how[MD_SIGNATURE_MAX - MD_ASKED_MAX - 2];
        if (md_piece_equal(&a->heard, pa, &b->heard, pb))
            continue;
        md_piece_difference(&a->heard, pa, &b->heard, pb, how, sizeof how);
        return differs(v, conn, *i, step, how);
    }
    if (a->heard.n != b->heard.n && !v->late) {
        v->late = true;
        v->late_step = step;
        v->late_conn = conn;
        v->late_side = a->heard.n > b->heard.n;
        v->late_piece = *i;
        asked_of(v, conn, *i, v->late_name);
    }
    return MD_AGREE;
}

/* The node is gone, hangs or floods: on one side only it is a difference, on both the end of the trace. */
static enum md_verdict_kind compare_trouble(struct md_versus *v, unsigned conn, size_t step) {
    static const char *const words[] = {[MD_NODE_OK] = "ok",
                                        [MD_NODE_DIED] = "died",
                                        [MD_NODE_HANGS] = "hangs",
                                        [MD_NODE_BUSY] = "busy",
                                        [MD_NODE_FLOOD] = "floods"};
    const struct md_side *a = &v->side[0], *b = &v->side[1];
    for (unsigned i = 0; i < MD_SIDES; i++) {
        enum md_node_status status = v->side[i].trouble;
        if (status < sizeof words / sizeof *words && words[status])
            continue;
        v->verdict->reason.len = 0;
        md_buf_printf(&v->verdict->reason, "node %c: %s", md_side_letter(i),
                      md_node_error(v->side[i].node));
        return v->verdict->kind = MD_FAILED;
    }
    if (a->trouble == b->trouble)
        return MD_AGREE;
    char how[MD_SIGNATURE_MAX - MD_ASKED_MAX - 2];
    snprintf(how, sizeof how, "node-%s-%s", words[a->trouble], words[b->trouble]);
    return differs(v, conn, a->talk[conn].compared, step, how);
}

static enum md_verdict_kind compare_closed(struct md_versus *v, unsigned conn, size_t step) {
    const struct md_talk *a = &v->side[0].talk[conn], *b = &v->side[1].talk[conn];
    if (a->closed == b->closed)
        return MD_AGREE;
    return differs(v, conn, a->compared, step, a->closed ? "closed-open" : "open-closed");
}

/* On a connection that is closed no more answers come: what one side was not told is lost. */
static enum md_verdict_kind compare_count(struct md_versus *v, unsigned conn, size_t step) {
    size_t n = v->side[0].talk[conn].heard.n, m = v->side[1].talk[conn].heard.n;
    if (n == m)
        return MD_AGREE;
    return differs(v, conn, n < m ? n : m, step, n < m ? "none-answer" : "answer-none");
}

static enum md_verdict_kind compare_lost(struct md_versus *v, size_t step) {
    enum md_verdict_kind kind = MD_AGREE;
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX && kind == MD_AGREE; c++)
        if (!md_node_is_open(v->side[0].node, c) && !md_node_is_open(v->side[1].node, c))
            kind = compare_count(v, c, step);
    return kind;
}

enum md_verdict_kind md_versus_compare_step(struct md_versus *v, const struct md_step *s,
                                            size_t i) {
    unsigned conn = s->kind <= MD_STEP_SHUTDOWN ? s->conn : 0;
    enum md_verdict_kind kind = compare_pieces(v, conn, i);
    if (kind == MD_AGREE)
        kind = compare_closed(v, conn, i);
    if (kind == MD_AGREE)
        kind = compare_lost(v, i);
    return kind == MD_AGREE ? compare_trouble(v, conn, i) : kind;
}

/* What is left when all was sent: answers that one side never gave, or gave later than the other. */
enum md_verdict_kind md_versus_compare_end(struct md_versus *v, size_t last_step) {
    for (unsigned c = 0; c < MD_CONNECTIONS_MAX; c++) {
        for (unsigned i = 0; i < MD_SIDES; i++)
            md_heard_cut(&v->side[i].talk[c].heard, &v->side[i].shown, true);
        if (compare_pieces(v, c, last_step) == MD_DIVERGED)
            return MD_DIVERGED;
        if (compare_count(v, c, last_step) == MD_DIVERGED)
            return MD_DIVERGED;
    }
    if (!v->late)
        return MD_AGREE;
    return differ(v, v->late_conn, v->late_piece, v->late_step, v->late_name,
                  v->late_side ? "now-later" : "later-now");
}
