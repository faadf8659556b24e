/* Items that answers on their way hold; see hold.h. */
#include "model/hold.h"

#include "model/internal.h"

static uint32_t place(struct md_model *m) {
    if (m->free_held != MD_NIL) {
        uint32_t at = (uint32_t)m->free_held;
        m->free_held = m->held[at].item;
        return at;
    }
    m->held = md_grow(m->held, &m->cap_held, m->n_held + 1, sizeof *m->held);
    return (uint32_t)m->n_held++;
}

void md_hold(struct md_model *m, struct md_conn *c, int32_t item) {
    struct md_item *it = &m->items[item];
    if (it->held == 0) {
        uint32_t at = place(m);
        m->held[at] = (struct md_held){.item = item};
        it->held = at + 1;
    }
    struct md_holds *h = &c->holds;
    h->at = md_grow(h->at, &h->cap, h->n + 1, sizeof *h->at);
    h->at[h->n++] = it->held - 1;
    m->held[it->held - 1].answers++;
}

void md_holds_end(struct md_model *m, struct md_conn *c) {
    for (size_t i = 0; i < c->holds.n; i++) {
        uint32_t at = c->holds.at[i];
        struct md_held *held = &m->held[at];
        if (--held->answers > 0)
            continue;
        if (held->item == MD_NIL)
            md_room_give(&m->memory, &held->room);
        else
            m->items[held->item].held = 0;
        held->item = m->free_held;
        m->free_held = (int32_t)at;
    }
    c->holds.n = 0;
}

void md_hold_clear(struct md_model *m) {
    m->n_held = 0;
    m->free_held = MD_NIL;
}

bool md_held(const struct md_item *it) { return it->held != 0; }

void md_hold_room(struct md_model *m, struct md_item *it) {
    if (!it->held)
        return;
    struct md_held *held = &m->held[it->held - 1];
    held->room = it->room;
    held->item = MD_NIL;
    it->room = (struct md_room){0};
    it->held = 0;
}
