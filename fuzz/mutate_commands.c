/* Edits of whole commands: fresh ones, and those that are there in another order or place. */
#include "fuzz/mutate_internal.h"

#include <stdlib.h>

/* A generator that talks about the keys of the trace. */
static void md_fresh_generator(struct md_mutation *m, struct md_gen *g) {
    struct md_view v;
    uint8_t key[MD_KEY_MAX];
    size_t n;
    md_gen_init(g, &m->r);
    md_gen_swarm(g);
    unsigned made = g->n_keys;
    g->n_keys = 0;
    g->cas = m->t->options.model.cas;
    g->item_max = m->t->options.model.item_size_max;
    for (unsigned i = 0; i < 3; i++)
        if (md_pick_view(m, MD_VIEW_KEYED, &v) && md_view_key(&v) &&
            md_span_bytes(&m->cells, v.token[md_view_key(&v)], key, sizeof key, &n))
            md_gen_adopt_key(g, key, n);
    /* Behind the adopted keys the pool still has its own. */
    if (g->n_keys == 0 || md_random_one_in(&m->r, 8))
        g->n_keys = made > g->n_keys ? made : g->n_keys;
}

static void md_fresh_commands(struct md_mutation *m, struct md_step *out) {
    struct md_gen g;
    md_fresh_generator(m, &g);
    do
        md_gen_command(&g, out);
    while (md_random_one_in(&m->r, 3));
}

bool md_edit_insert_send(struct md_mutation *m) {
    struct md_step send = {.kind = MD_STEP_SEND};
    size_t like;
    send.conn =
        (uint8_t)(md_chance(&m->r, 700) && md_pick_send(m, &like) ? m->t->steps[like].conn
                                                                  : md_pick(&m->r, MD_GEN_CONNS));
    md_fresh_commands(m, &send);
    m->step = (size_t)md_random_below(&m->r, m->t->n_steps + 1);
    md_trace_insert(m->t, m->step, &send);
    md_step_free(&send);
    return true;
}

/* Puts cells before or behind some command of step m->step, which is loaded. */
static void md_put_cells(struct md_mutation *m, const uint16_t *cells, size_t n) {
    struct md_view v;
    size_t at = m->cells.n;
    if (md_chance(&m->r, 700) && md_pick_view_in(m, &m->cells, MD_VIEW_ANY, &v))
        at = v.from;
    md_cells_replace(&m->cells, (struct md_span){at, at}, cells, n);
    md_cells_store(m, &m->cells);
}

bool md_edit_insert_command(struct md_mutation *m) {
    struct md_step fresh = {.kind = MD_STEP_SEND};
    size_t step;
    if (!md_pick_send(m, &step))
        return md_edit_insert_send(m);
    md_fresh_commands(m, &fresh);
    m->step = step;
    md_cells_load(m, &m->cells, &m->t->steps[step]);
    md_cells_load(m, &m->other, &fresh);
    md_put_cells(m, m->other.at, m->other.n);
    md_step_free(&fresh);
    return true;
}

/* What fills slab classes, and uses what is there. */
bool md_edit_press(struct md_mutation *m) {
    struct md_step fresh = {.kind = MD_STEP_SEND};
    size_t step;
    md_gen_pressing_commands(&m->r, &m->t->options.model, &fresh);
    if (fresh.n_parts == 0)
        return false;
    if (md_pick_send(m, &step) && md_chance(&m->r, 700)) {
        m->step = step;
        md_cells_load(m, &m->cells, &m->t->steps[step]);
        md_cells_load(m, &m->other, &fresh);
        md_put_cells(m, m->other.at, m->other.n);
    } else {
        md_trace_insert(m->t, (size_t)md_random_below(&m->r, m->t->n_steps + 1), &fresh);
    }
    md_step_free(&fresh);
    return true;
}

/* Takes a span out of the loaded step; a step left empty goes. */
static void md_take_out(struct md_mutation *m, struct md_span span) {
    md_cells_replace(&m->cells, span, NULL, 0);
    if (m->cells.n == 0 && m->t->n_steps > 1)
        md_trace_remove(m->t, m->step, 1);
    else
        md_cells_store(m, &m->cells);
}

bool md_edit_delete_command(struct md_mutation *m) {
    struct md_view v;
    if (!md_pick_view(m, MD_VIEW_ANY, &v))
        return false;
    if (m->t->n_steps == 1 && v.to - v.from == m->cells.n)
        return false;
    md_take_out(m, (struct md_span){v.from, v.to});
    return true;
}

/* Copies a span of the loaded cells, so that they can change while it is used. */
static void md_keep_span(struct md_mutation *m, struct md_span s) {
    m->other.n = 0;
    md_cells_replace(&m->other, (struct md_span){0, 0}, m->cells.at + s.from, s.to - s.from);
}

bool md_edit_duplicate_command(struct md_mutation *m) {
    struct md_view v;
    if (!md_pick_view(m, MD_VIEW_ANY, &v))
        return false;
    md_keep_span(m, (struct md_span){v.from, v.to});
    unsigned times = md_random_one_in(&m->r, 16) ? 20 : 1; /* a long batch, now and then */
    for (unsigned i = 0; i < times; i++)
        md_cells_replace(&m->cells, (struct md_span){v.to, v.to}, m->other.at, m->other.n);
    md_cells_store(m, &m->cells);
    return true;
}

/* The number that a key ends in, 0 if in none; *digits: where it starts. */
static uint64_t md_key_number(const uint8_t *key, size_t n, size_t *digits) {
    uint64_t number = 0;
    *digits = n;
    while (*digits > 1 && n - *digits < 9 && key[*digits - 1] >= '0' && key[*digits - 1] <= '9')
        --*digits;
    for (size_t i = *digits; i < n; i++)
        number = number * 10 + (uint64_t)(key[i] - '0');
    return number;
}

/* The same store under the keys that follow: k7, k8, k9 ... */
bool md_edit_flood(struct md_mutation *m) {
    struct md_view v;
    uint8_t key[MD_KEY_MAX + MD_GEN_WORD_MAX];
    size_t n, digits;
    unsigned at;
    if (!md_pick_view(m, MD_VIEW_STORE, &v) || !(at = md_view_key(&v)) ||
        !md_span_bytes(&m->cells, v.token[at], key, MD_KEY_MAX, &n) || n == 0)
        return false;
    uint64_t number = md_key_number(key, n, &digits);
    unsigned copies = 1 + md_pick(&m->r, md_random_one_in(&m->r, 4) ? 40 : 6);
    md_keep_span(m, (struct md_span){v.from, v.to});
    size_t to = v.to;
    while (copies--) {
        struct md_span name = {to + v.token[at].from - v.from, to + v.token[at].to - v.from};
        size_t len = digits + md_gen_decimal(++number, (char *)key + digits);
        md_cells_replace(&m->cells, (struct md_span){to, to}, m->other.at, m->other.n);
        md_cells_text(&m->cells, name, key, len);
        to += m->other.n - n + len;
    }
    md_cells_store(m, &m->cells);
    return true;
}

bool md_edit_swap_commands(struct md_mutation *m) {
    struct md_view a, b;
    if (!md_pick_view(m, MD_VIEW_ANY, &a))
        return false;
    md_pick_view_in(m, &m->cells, MD_VIEW_ANY, &b);
    if (a.from == b.from && !md_view_at(m, &m->cells, a.to, &b))
        return false;
    if (a.from > b.from) {
        struct md_view v = a;
        a = b;
        b = v;
    }
    /* First the later one comes to the front, then the earlier one goes to where that was. */
    md_keep_span(m, (struct md_span){a.from, b.to});
    const uint16_t *kept = m->other.at;
    size_t na = a.to - a.from, nb = b.to - b.from, between = b.from - a.to;
    uint16_t *at = m->cells.at + a.from;
    memcpy(at, kept + na + between, nb * sizeof *at);
    memcpy(at + nb, kept + na, between * sizeof *at);
    memcpy(at + nb + between, kept, na * sizeof *at);
    md_cells_store(m, &m->cells);
    return true;
}

/* One command goes to another send, or to one of its own. */
bool md_edit_move_command(struct md_mutation *m) {
    struct md_view v;
    size_t to;
    if (!md_pick_view(m, MD_VIEW_ANY, &v) || !md_pick_send(m, &to) || to == m->step)
        return false;
    md_keep_span(m, (struct md_span){v.from, v.to});
    size_t from = m->step;
    struct md_cells moved = m->other;
    /* The target first: the symbols that move borrow from the source. */
    m->other = m->cells;
    m->step = to;
    m->cells = (struct md_cells){0};
    md_cells_load(m, &m->cells, &m->t->steps[to]);
    md_put_cells(m, moved.at, moved.n);
    free(m->cells.at);
    m->cells = m->other;
    m->other = moved;
    m->step = from;
    md_take_out(m, (struct md_span){v.from, v.to});
    return true;
}

/* Several commands of one send are copied into another. */
bool md_edit_splice(struct md_mutation *m) {
    struct md_view a, b;
    size_t to;
    if (!md_pick_view(m, MD_VIEW_ANY, &a) || !md_pick_send(m, &to))
        return false;
    md_pick_view_in(m, &m->cells, MD_VIEW_ANY, &b);
    if (a.from > b.from) {
        struct md_view v = a;
        a = b;
        b = v;
    }
    md_keep_span(m, (struct md_span){a.from, b.to});
    m->step = to;
    md_cells_load(m, &m->cells, &m->t->steps[to]);
    md_put_cells(m, m->other.at, m->other.n);
    return true;
}
