/* Stores: set, add, replace, append, prepend and cas, with their data blocks, true and false. */
#include "harness/generate_internal.h"

static void md_flags_token(struct md_gen *g) {
    static const char *const flags[] = {
        "1", "5", "42", "65535", "65536", "2147483647", "2147483648", "4294967294", "4294967295"};
    if (!md_gen_token(g) || md_gen_odd_number(g))
        return;
    md_gen_put(g, md_chance(g->r, 800) ? "0" : flags[md_pick(g->r, MD_COUNT(flags))]);
}

uint64_t md_gen_false_length(struct md_gen *g, uint64_t n, const char **text) {
    static const char *const odd[] = {
        "-1",         "-2147483648", "2147483645",          "2147483646", "2147483647",
        "2147483648", "4294967295",  "4294967296",          "4294967297", "4294967299",
        "1048577",    "99999999999", "18446744073709551615"};
    *text = NULL;
    switch (md_pick(g->r, 8)) {
    case 0:
    case 1: return n + 1 + md_pick(g->r, 3);
    case 2:
    case 3: return n > 3 ? n - 1 - md_pick(g->r, 3) : n ? n - 1 : 1;
    case 4:
        *text = odd[md_pick(g->r, MD_COUNT(odd))];
        g->swallowed = (*text)[0] != '-';
        return 0;
    default: return n; /* the block's end is wrong instead */
    }
}

static void md_put_value(struct md_gen *g, const struct md_gen_value *v) {
    md_step_bytes(g->out, v->bytes, v->len);
    if (v->fill)
        md_gen_put_fill(g, v->fill, v->fill_byte);
}

bool md_gen_cas(struct md_gen *g, const struct md_gen_key *k) {
    char text[MD_GEN_WORD_MAX];
    unsigned dice = md_pick(g->r, 100);
    bool known = md_gen_alive(g, k) && k->cas;
    if (!k->seen && known && dice < 50) {
        md_step_part(g->out, MD_PART_BASE)->number = (int64_t)k->cas;
        return true;
    }
    if (dice < 78) {
        struct md_part *p = md_step_part(g->out, MD_PART_CAS);
        md_part_set(p, k->bytes, k->len);
        p->number = dice < 66 ? 0 : dice < 72 ? 1 : -1;
        return k->seen && p->number == 0;
    }
    if (dice < 84)
        md_step_part(g->out, MD_PART_BASE)->number =
            (int64_t)md_pick(g->r, (unsigned)g->stores + 3);
    else if (dice < 90)
        md_gen_put_u64(g, md_pick(g->r, 3));
    else
        md_step_bytes(g->out, text, md_gen_border(g->r, text));
    return false;
}

/* The CAS token. True: it should match. */
static bool md_cas_token(struct md_gen *g, const struct md_gen_key *k) {
    return md_gen_token(g) && !md_gen_odd_number(g) && md_gen_cas(g, k);
}

static struct md_gen_key *md_store_key(struct md_gen *g, enum md_gen_kind kind) {
    struct md_gen_key *k;
    switch (kind) {
    case MD_GEN_SET:
        return md_gen_pick_key(g, md_chance(g->r, 512) ? MD_GEN_WANT_GONE : MD_GEN_WANT_ANY);
    case MD_GEN_ADD:
        return md_gen_pick_key(g, md_chance(g->r, 600) ? MD_GEN_WANT_GONE : MD_GEN_WANT_ALIVE);
    case MD_GEN_CAS:
        if (g->want_cas < 0)
            return md_gen_pick_key(g, MD_GEN_WANT_ALIVE);
        k = &g->keys[g->want_cas];
        g->want_cas = -1;
        k->seen = true;
        return k;
    default: return md_gen_pick_key(g, MD_GEN_WANT_ALIVE);
    }
}

/* What a store that should have gone through leaves. */
static void md_after_store(struct md_gen *g, enum md_gen_kind kind, struct md_gen_key *k,
                           const struct md_gen_value *v, uint64_t expires, bool cas_matches) {
    uint64_t size = (uint64_t)v->len + v->fill;
    bool alive = md_gen_alive(g, k), append = kind == MD_GEN_APPEND || kind == MD_GEN_PREPEND;
    bool stores = kind == MD_GEN_SET || (kind == MD_GEN_ADD ? !alive : alive);
    if (kind == MD_GEN_CAS)
        stores = alive && cas_matches;
    if (append)
        size += k->size;
    if (size + MD_GEN_HEADER + k->len + 3 + (g->cas ? 8 : 0) > g->item_max) {
        if (kind == MD_GEN_SET)
            k->state = MD_GEN_DELETED;
        return;
    }
    if (!stores)
        return;
    md_gen_stored(g, k);
    k->size = (uint32_t)size;
    k->counter = append ? k->counter && v->counter : v->counter;
    if (!append)
        k->expires = expires;
}

void md_gen_put_block(struct md_gen *g, const struct md_gen_value *v, bool symbols,
                      bool lying_end) {
    static const char *const ends[] = {"", "\n", "\r", "\rx", "x\r\n", "\r\n\r\n", "\n\r"};
    if (symbols)
        md_step_part(g->out, MD_PART_BLOCK);
    md_put_value(g, v);
    if (symbols)
        md_step_part(g->out, MD_PART_END);
    md_gen_put(g, lying_end ? ends[md_pick(g->r, MD_COUNT(ends))] : "\r\n");
}

void md_gen_store(struct md_gen *g, enum md_gen_kind kind) {
    struct md_gen_key *k = md_store_key(g, kind);
    struct md_gen_value v;
    if (kind == MD_GEN_APPEND || kind == MD_GEN_PREPEND)
        md_gen_piece(g, k, &v);
    else
        md_gen_value(g, k, &v);
    uint64_t size = (uint64_t)v.len + v.fill, said = size;
    const char *text = NULL;
    if (g->odd == MD_ODD_DATA)
        said = md_gen_false_length(g, size, &text);
    bool lies = text || said != size;
    bool symbols = !lies && g->features & MD_GEN_BLOCKS && md_chance(g->r, 400);

    md_gen_word_token(g, md_gen_shapes[kind].word);
    md_gen_key_token(g, k);
    md_flags_token(g);
    uint64_t expires = md_gen_expiry_token(g);
    if (md_gen_token(g) && !md_gen_odd_number(g)) {
        if (text)
            md_gen_put(g, text);
        else if (symbols)
            md_step_part(g->out, MD_PART_LEN);
        else
            md_gen_put_u64(g, said);
    }
    g->swallowed |= md_gen_odd_here(g, MD_ODD_NUMBER);
    bool matches = kind == MD_GEN_CAS && md_cas_token(g, k);
    md_gen_end_line(g, true);
    md_gen_put_block(g, &v, symbols, g->odd == MD_ODD_DATA && !lies);
    if (md_gen_goes_through(g))
        md_after_store(g, kind, k, &v, expires, matches);
}
