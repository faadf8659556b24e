/* Edits of meta commands: flags that come, go, are said twice or otherwise; keys as base64. */
#include "fuzz/mutate_internal.h"

#include "model/base64.h"

/* Some meta command with at least `n` flags; *first: its first one. */
static bool md_pick_flags(struct md_mutation *m, unsigned n, struct md_view *v, unsigned *first) {
    for (unsigned tries = 0; tries < 4; tries++) {
        if (!md_pick_view(m, MD_VIEW_META | MD_VIEW_MS, v))
            return false;
        *first = md_view_flags(v);
        if (v->n_tokens >= *first + n)
            return true;
    }
    return false;
}

static unsigned md_some_flag(struct md_mutation *m, const struct md_view *v, unsigned first) {
    return first + md_pick(&m->r, v->n_tokens - first);
}

/* A flag as the generator would say it, as cells of m->other. */
static void md_fresh_flag(struct md_mutation *m, const struct md_view *v, struct md_step *step) {
    struct md_gen g;
    struct md_gen_key k = {.len = 1, .bytes = "a", .cas = 1 + md_pick(&m->r, 4)};
    size_t n;
    unsigned at = md_view_key(v);
    md_gen_init(&g, &m->r);
    g.features = MD_GEN_TTL;
    g.out = step;
    g.stores = 4;
    if (at && md_span_bytes(&m->cells, v->token[at], k.bytes, sizeof k.bytes, &n) && n)
        k.len = (uint8_t)n;
    k.state = MD_GEN_STORED;
    md_gen_meta_flag(&g, &k);
    md_cells_load(m, &m->other, step);
}

/* Puts m->other at a place, with a blank on the side that needs one. */
static void md_insert_flag(struct md_mutation *m, const struct md_view *v, unsigned before) {
    bool last = before >= v->n_tokens;
    size_t at = last ? v->line_end : v->token[before].from;
    md_cells_replace(&m->cells, (struct md_span){at, at}, m->other.at, m->other.n);
    size_t blank = last ? at : at + m->other.n;
    md_cells_text(&m->cells, (struct md_span){blank, blank}, " ", 1);
}

bool md_edit_flag_add(struct md_mutation *m) {
    struct md_view v;
    struct md_step step = {.kind = MD_STEP_SEND};
    unsigned first;
    if (!md_pick_flags(m, 0, &v, &first))
        return false;
    md_fresh_flag(m, &v, &step);
    md_insert_flag(m, &v, first + md_pick(&m->r, v.n_tokens - first + 1));
    md_cells_store(m, &m->cells);
    md_step_free(&step);
    return true;
}

bool md_edit_flag_change(struct md_mutation *m) {
    struct md_view v;
    struct md_step step = {.kind = MD_STEP_SEND};
    unsigned first;
    if (!md_pick_flags(m, 1, &v, &first))
        return false;
    unsigned at = md_some_flag(m, &v, first);
    struct md_span s = v.token[at];
    if (md_chance(&m->r, 300)) { /* the same letter with a border number */
        char text[MD_GEN_WORD_MAX];
        size_t n = md_gen_number(&m->r, text);
        md_cells_text(&m->cells, (struct md_span){s.from + 1, s.to}, text, n);
    } else {
        md_fresh_flag(m, &v, &step);
        md_cells_replace(&m->cells, s, m->other.at, m->other.n);
    }
    md_cells_store(m, &m->cells);
    md_step_free(&step);
    return true;
}

bool md_edit_flag_drop(struct md_mutation *m) {
    struct md_view v;
    unsigned first;
    if (!md_pick_flags(m, 1, &v, &first))
        return false;
    unsigned at = md_some_flag(m, &v, first);
    md_cells_replace(&m->cells, (struct md_span){v.token[at - 1].to, v.token[at].to}, NULL, 0);
    md_cells_store(m, &m->cells);
    return true;
}

bool md_edit_flag_double(struct md_mutation *m) {
    struct md_view v;
    unsigned first;
    if (!md_pick_flags(m, 1, &v, &first))
        return false;
    struct md_span s = v.token[md_some_flag(m, &v, first)];
    m->other.n = 0;
    md_cells_replace(&m->other, (struct md_span){0, 0}, m->cells.at + s.from, s.to - s.from);
    md_insert_flag(m, &v, first + md_pick(&m->r, v.n_tokens - first + 1));
    md_cells_store(m, &m->cells);
    return true;
}

/* The key as base64, and b. */
bool md_edit_key_base64(struct md_mutation *m) {
    struct md_view v;
    uint8_t key[MD_KEY_MAX];
    struct md_buf text = {0};
    unsigned first;
    size_t n;
    if (!md_pick_flags(m, 0, &v, &first) || v.n_tokens < 2 ||
        !md_span_bytes(&m->cells, v.token[1], key, sizeof key, &n))
        return false;
    for (unsigned i = first; i < v.n_tokens; i++)
        if (md_span_is(&m->cells, v.token[i], "b"))
            return false;
    md_base64_encode(&text, key, n);
    md_cells_text(&m->cells, (struct md_span){v.line_end, v.line_end}, " b", 2);
    md_cells_text(&m->cells, v.token[1], text.data, text.len);
    md_buf_free(&text);
    md_cells_store(m, &m->cells);
    return true;
}
