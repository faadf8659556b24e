/* Items that answers hold; see hold.h. */
#include "model/hold.h"

#include "model/store.h"

void md_hold_item(struct md_model *m, struct md_conn *c, int32_t item) {
    c->holds = md_grow(c->holds, &c->cap_holds, c->n_holds + 1, sizeof *c->holds);
    c->holds[c->n_holds++] = item;
    m->items[item].held++;
}

void md_hold_release(struct md_model *m, struct md_conn *c) {
    for (size_t i = 0; i < c->n_holds; i++)
        md_item_release(m, c->holds[i]);
    c->n_holds = 0;
}
