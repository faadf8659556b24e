/*
 * Edits of binary requests: whole ones, their header fields, extras, keys and values. A step is seen as
 * requests (harness/requests.h); the cells of the mutator are its units.
 */
#include "fuzz/mutate_internal.h"
#include "harness/requests.h"

#include <stdlib.h>

/* A send step as requests, and the one that was picked. */
struct md_picked {
    struct md_units u;
    struct md_request r;
};

/* ---- picking ------------------------------------------------------------------------------- */

static bool md_pick_in(struct md_mutation *m, struct md_picked *p) {
    struct md_request each;
    uint64_t found = 0;
    for (size_t at = 0; at < p->u.n && md_request_at(&p->u, at, &each); at = each.to)
        if (md_random_below(&m->r, ++found) == 0)
            p->r = each;
    return found > 0;
}

/* Some request of some step, whose cells are loaded; false: there is none. */
static bool md_pick_request(struct md_mutation *m, struct md_picked *p) {
    size_t start;
    *p = (struct md_picked){0};
    if (!md_pick_send(m, &start))
        return false;
    for (size_t i = 0; i < m->t->n_steps; i++) {
        m->step = (start + i) % m->t->n_steps;
        if (!md_units_of(&m->t->steps[m->step], &p->u) || !md_pick_in(m, p))
            continue;
        md_cells_load(m, &m->cells, &m->t->steps[m->step]);
        return true;
    }
    free(p->u.at);
    p->u = (struct md_units){0};
    return false;
}

static bool md_done(struct md_mutation *m, struct md_picked *p) {
    md_cells_store(m, &m->cells);
    free(p->u.at);
    return true;
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void md_set_number(struct md_mutation *m, size_t at, size_t width, uint64_t n) {
    uint8_t bytes[8];
    if (m->cells.at[at] >= MD_CELL_SYMBOL) { /* one cell becomes several */
        md_be_write(n, bytes, width);
        md_cells_text(&m->cells, (struct md_span){at, at + 1}, bytes, width);
        return;
    }
    md_be_write(n, bytes, width);
    md_cells_text(&m->cells, (struct md_span){at, at + width}, bytes, width);
}

static uint64_t md_border_of(struct md_mutation *m, size_t width) {
    static const uint64_t borders[] = {
        0,       1,       2,       4,         8,          20,         24,         249,
        250,     251,     255,     256,       16359,      16361,      65535,      65536,
        1048576, 2592000, 2592001, 999999938, 1000000001, 0x7fffffff, 0x80000000, 0xffffffff};
    uint64_t n = borders[md_pick(&m->r, MD_COUNT(borders))];
    if (md_random_one_in(&m->r, 4))
        n = (UINT64_C(1) << md_pick(&m->r, (unsigned)width * 8)) + md_pick(&m->r, 3) - 1;
    return md_random_one_in(&m->r, 6) ? 0 - n : n;
}

/* The body's length follows what was put into it or taken away. */
static void md_fix_body(struct md_mutation *m, const struct md_request *r, int64_t more) {
    if (m->cells.at[r->n_body_at] < MD_CELL_SYMBOL) /* {len} follows by itself */
        md_set_number(m, r->n_body_at, 4, (uint64_t)((int64_t)r->header.n_body + more));
}

/* ---- whole requests ------------------------------------------------------------------------ */

static void md_fresh_requests(struct md_mutation *m, struct md_step *out) {
    struct md_gen g;
    struct md_picked p;
    md_gen_init(&g, &m->r);
    md_gen_swarm(&g);
    md_gen_binary_swarm(&g);
    g.binary_cas = 200;
    g.cas = m->t->options.model.cas;
    g.item_max = m->t->options.model.item_size_max;
    for (unsigned i = 0; i < g.n_keys; i++)
        g.keys[i].state = MD_GEN_STORED;
    if (md_pick_request(m, &p)) {
        uint8_t key[MD_KEY_MAX];
        size_t n;
        g.n_keys -= g.n_keys == MD_GEN_KEYS;
        if (md_span_bytes(&m->cells, (struct md_span){p.r.key, p.r.value}, key, sizeof key, &n))
            for (unsigned i = 0; i < 2 && n; i++)
                md_gen_adopt_key(&g, key, n);
        free(p.u.at);
    }
    do
        md_gen_binary_command(&g, out);
    while (md_random_one_in(&m->r, 3));
}

bool md_edit_request_insert(struct md_mutation *m) {
    struct md_step fresh = {.kind = MD_STEP_SEND};
    struct md_picked p;
    md_fresh_requests(m, &fresh);
    if (md_random_one_in(&m->r, 3) || !md_pick_request(m, &p)) {
        fresh.conn = (uint8_t)md_pick(&m->r, MD_GEN_CONNS);
        md_trace_insert(m->t, (size_t)md_random_below(&m->r, m->t->n_steps + 1), &fresh);
    } else {
        size_t at = md_random_one_in(&m->r, 2) ? p.r.from : p.r.to;
        md_cells_load(m, &m->other, &fresh);
        md_cells_replace(&m->cells, (struct md_span){at, at}, m->other.at, m->other.n);
        md_done(m, &p);
    }
    md_step_free(&fresh);
    return true;
}

bool md_edit_request_delete(struct md_mutation *m) {
    struct md_picked p;
    if (!md_pick_request(m, &p))
        return false;
    if (p.r.to - p.r.from == m->cells.n) {
        bool only = m->t->n_steps == 1;
        free(p.u.at);
        if (!only)
            md_trace_remove(m->t, m->step, 1);
        return !only;
    }
    md_cells_replace(&m->cells, (struct md_span){p.r.from, p.r.to}, NULL, 0);
    return md_done(m, &p);
}

/* One more of it: behind itself, or at the border of another request. */
bool md_edit_request_copy(struct md_mutation *m) {
    struct md_picked p;
    struct md_request to;
    if (!md_pick_request(m, &p))
        return false;
    to = p.r;
    m->other.n = 0;
    md_cells_replace(&m->other, (struct md_span){0, 0}, m->cells.at + p.r.from, p.r.to - p.r.from);
    if (md_random_one_in(&m->r, 2) && md_pick_in(m, &p))
        to = p.r;
    unsigned times = md_random_one_in(&m->r, 16) ? 20 : 1;
    while (times--)
        md_cells_replace(&m->cells, (struct md_span){to.to, to.to}, m->other.at, m->other.n);
    return md_done(m, &p);
}

/* ---- header fields ------------------------------------------------------------------------- */

/* Another opcode: of the same shape, the quiet or loud form, or any. */
bool md_edit_request_opcode(struct md_mutation *m) {
    struct md_picked p;
    size_t n;
    if (!md_pick_request(m, &p))
        return false;
    const struct md_opcode *all = md_opcodes(&n), *now = md_opcode_find(p.r.header.opcode);
    const struct md_opcode *to = &all[md_pick(&m->r, (unsigned)n)];
    bool twin = md_random_one_in(&m->r, 3);
    for (size_t i = 0; i < n && now; i++, to++) {
        if (to == all + n)
            to = all;
        bool fits =
            twin ? to->loud == now->loud : to->n_extras == now->n_extras && to->key == now->key;
        if (fits && to->code != now->code)
            break;
    }
    uint8_t code =
        to == all + n || md_random_one_in(&m->r, 12) ? (uint8_t)md_random_next(&m->r) : to->code;
    md_set_number(m, p.r.from + 1, 1, code);
    return md_done(m, &p);
}

/* A field says something else; the bytes behind stay. */
bool md_edit_request_field(struct md_mutation *m) {
    struct md_picked p;
    if (!md_pick_request(m, &p))
        return false;
    const struct md_packet *h = &p.r.header;
    size_t from = p.r.from;
    uint64_t near = md_pick(&m->r, 5);
    switch (md_pick(&m->r, 12)) {
    case 0:
        md_set_number(m, from, 1, md_random_one_in(&m->r, 2) ? 0x81 : md_pick(&m->r, 256));
        break;
    case 1: md_set_number(m, from + 2, 2, h->n_key + near - 2); break;
    case 2: md_set_number(m, from + 2, 2, md_border_of(m, 2)); break;
    case 3: md_set_number(m, from + 4, 1, h->n_extras + near - 2); break;
    case 4: md_set_number(m, from + 4, 1, md_border_of(m, 1)); break;
    case 5: md_set_number(m, from + 5, 1, md_random_next(&m->r)); break;
    case 6: md_set_number(m, from + 6, 2, md_random_next(&m->r)); break;
    case 7: md_set_number(m, p.r.n_body_at, 4, h->n_body + near - 2); break;
    case 8: md_set_number(m, p.r.n_body_at, 4, md_border_of(m, 4)); break;
    default: md_set_number(m, p.r.opaque_at, 4, md_random_next(&m->r)); break;
    }
    return md_done(m, &p);
}

bool md_edit_request_cas(struct md_mutation *m) {
    struct md_picked p;
    uint8_t key[MD_KEY_MAX];
    size_t n = 0;
    if (!md_pick_request(m, &p))
        return false;
    struct md_span at = {p.r.cas_at,
                         p.r.cas_at + (m->cells.at[p.r.cas_at] < MD_CELL_SYMBOL ? 8 : 1)};
    bool named =
        md_span_bytes(&m->cells, (struct md_span){p.r.key, p.r.value}, key, sizeof key, &n);
    unsigned dice = md_pick(&m->r, 10);
    uint16_t cell = md_cell_symbol(m, MD_PART_BASE, (int64_t)md_pick(&m->r, 12), 8);
    if (dice < 3) {
        uint8_t bytes[8];
        md_be_write(dice ? 0 : md_border_of(m, 8), bytes, 8);
        md_cells_text(&m->cells, at, bytes, 8);
        return md_done(m, &p);
    }
    if (dice < 7 && named && n) {
        cell = md_cell_symbol(m, MD_PART_CAS, md_random_one_in(&m->r, 4) ? 1 : 0, 8);
        m->symbols[cell - MD_CELL_SYMBOL].bytes = key;
        m->symbols[cell - MD_CELL_SYMBOL].len = n;
    }
    md_cells_replace(&m->cells, at, &cell, 1);
    return md_done(m, &p);
}

/* ---- extras, key, value -------------------------------------------------------------------- */

bool md_edit_request_extras(struct md_mutation *m) {
    struct md_picked p;
    if (!md_pick_request(m, &p) || p.r.header.n_extras == 0 || p.r.key <= p.r.body) {
        free(p.u.at);
        return false;
    }
    size_t width = p.r.header.n_extras == 20 && md_random_one_in(&m->r, 2) ? 8 : 4;
    size_t slots = p.r.header.n_extras / width,
           at = p.r.body + width * md_pick(&m->r, (unsigned)slots + (slots == 0));
    if (p.r.key - p.r.body != p.r.header.n_extras || at + width > p.r.key) {
        at = p.r.body; /* there is a symbol among them */
        width = 4;
    }
    if (at + width > p.r.key || m->cells.at[at] >= MD_CELL_SYMBOL) {
        free(p.u.at);
        return false;
    }
    uint64_t n = md_random_one_in(&m->r, 2) ? md_border_of(m, width) : md_pick(&m->r, 12);
    md_set_number(m, at, width, n);
    return md_done(m, &p);
}

/* The key of another request. */
bool md_edit_request_key(struct md_mutation *m) {
    struct md_picked p, from;
    uint8_t key[MD_KEY_MAX];
    size_t n = 0;
    if (!md_pick_request(m, &from))
        return false;
    bool ok =
        md_span_bytes(&m->cells, (struct md_span){from.r.key, from.r.value}, key, sizeof key, &n);
    free(from.u.at);
    m->n_symbols = 0;
    if (!ok || n == 0 || !md_pick_request(m, &p))
        return false;
    uint8_t own[MD_KEY_MAX];
    size_t n_own = 0;
    int64_t more = (int64_t)n - p.r.header.n_key;
    bool same =
        md_span_bytes(&m->cells, (struct md_span){p.r.key, p.r.value}, own, sizeof own, &n_own) &&
        n_own == n && memcmp(own, key, n) == 0;
    if (same || p.r.header.n_key == 0 || !p.r.whole || p.r.value - p.r.key != p.r.header.n_key) {
        free(p.u.at);
        return false;
    }
    md_cells_text(&m->cells, (struct md_span){p.r.key, p.r.value}, key, n);
    md_fix_body(m, &p.r, more); /* from the end to the start: places stay */
    md_set_number(m, p.r.from + 2, 2, n);
    return md_done(m, &p);
}

bool md_edit_request_value(struct md_mutation *m) {
    struct md_picked p;
    if (!md_pick_request(m, &p))
        return false;
    struct md_request *r = &p.r;
    size_t end = r->to;
    while (end > r->value && m->cells.at[end - 1] >= MD_CELL_SYMBOL &&
           m->symbols[m->cells.at[end - 1] - MD_CELL_SYMBOL].kind == MD_PART_END)
        end--;
    uint64_t size = (uint64_t)r->header.n_body - r->header.n_extras - r->header.n_key;
    if (!r->whole || end - r->value != size || size > MD_GEN_VALUE_MAX) {
        free(p.u.at);
        return false;
    }
    struct md_gen g;
    struct md_gen_value v;
    struct md_gen_key k = {.len = 1, .size = (uint32_t)size};
    md_gen_init(&g, &m->r);
    md_gen_swarm(&g);
    md_gen_value(&g, &k, &v);
    if (v.fill) {
        uint16_t fill = md_cell_symbol(m, MD_PART_FILL, v.fill, v.fill_byte);
        md_cells_replace(&m->cells, (struct md_span){end, end}, &fill, 1);
    }
    md_cells_text(&m->cells, (struct md_span){r->value, end}, v.bytes, v.len);
    md_fix_body(m, r, (int64_t)v.len + v.fill - (int64_t)size);
    return md_done(m, &p);
}
