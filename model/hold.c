/* Items held by replies that are not sent yet; see hold.h. */
#include "model/hold.h"

void md_hold(struct md_model *m, struct md_conn *c, int32_t item) {
    c->holds = md_grow(c->holds, &c->cap_holds, c->n_holds + 1, sizeof *c->holds);
    c->holds[c->n_holds++] = (struct md_hold){.order = m->items[item].order};
}

static struct md_hold *find(const struct md_model *m, const struct md_item *it) {
    for (unsigned i = 0; i < MD_CONNECTIONS_MAX; i++)
        for (size_t j = 0; j < m->conn[i].n_holds; j++)
            if (m->conn[i].holds[j].order == it->order)
                return &m->conn[i].holds[j];
    return NULL;
}

bool md_held(const struct md_model *m, const struct md_item *it) { return find(m, it) != NULL; }

void md_holds_end(struct md_model *m, struct md_conn *c) {
    for (size_t i = 0; i < c->n_holds; i++)
        md_room_give(&m->memory, &c->holds[i].room);
    c->n_holds = 0;
}

void md_hold_room(struct md_model *m, struct md_item *it) {
    struct md_hold *h = find(m, it);
    if (!h)
        return;
    h->room = it->room;
    it->room = (struct md_room){0};
}
