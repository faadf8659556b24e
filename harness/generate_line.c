/*
 * The line of a command, token by token: what stands at which place, what is odd about it, and how
 * it ends. Also the picture that all commands share.
 */
#include "harness/generate_internal.h"

/* To place what is odd about a command, and how often it is said. */
const struct md_gen_shape md_gen_shapes[MD_GEN_KINDS] = {
    [MD_GEN_SET] = {"set", 210, 5, 1, 2, 3},
    [MD_GEN_ADD] = {"add", 50, 5, 1, 2, 3},
    [MD_GEN_REPLACE] = {"replace", 40, 5, 1, 2, 3},
    [MD_GEN_APPEND] = {"append", 45, 5, 1, 2, 3},
    [MD_GEN_PREPEND] = {"prepend", 40, 5, 1, 2, 3},
    [MD_GEN_CAS] = {"cas", 60, 6, 1, 2, 4},
    [MD_GEN_GET] = {"get", 210, 2, 1, 0, 0},
    [MD_GEN_GETS] = {"gets", 80, 2, 1, 0, 0},
    [MD_GEN_GAT] = {"gat", 35, 3, 2, 1, 1},
    [MD_GEN_GATS] = {"gats", 30, 3, 2, 1, 1},
    [MD_GEN_BGET] = {"bget", 3, 2, 1, 0, 0},
    [MD_GEN_DELETE] = {"delete", 60, 2, 1, 2, 1},
    [MD_GEN_INCR] = {"incr", 60, 3, 1, 2, 1},
    [MD_GEN_DECR] = {"decr", 55, 3, 1, 2, 1},
    [MD_GEN_TOUCH] = {"touch", 45, 3, 1, 2, 1},
    [MD_GEN_FLUSH] = {"flush_all", 22, 2, 0, 1, 1},
    [MD_GEN_VERBOSITY] = {"verbosity", 3, 2, 0, 1, 1},
    [MD_GEN_VERSION] = {"version", 4, 1, 0, 0, 0},
    [MD_GEN_MN] = {"mn", 5, 1, 0, 0, 0},
    [MD_GEN_QUIT] = {"quit", 5, 1, 0, 0, 0},
    [MD_GEN_STATS_ALL] = {"stats", 4, 1, 0, 0, 0},
    [MD_GEN_STATS_RESET] = {"stats", 2, 1, 0, 0, 0},
    [MD_GEN_SHUTDOWN] = {"shutdown", 2, 1, 0, 0, 0},
    [MD_GEN_ADMIN] = {"", 0, 1, 0, 0, 0},
    [MD_GEN_UNKNOWN] = {"", 6, 1, 0, 0, 0},
    [MD_GEN_MG] = {"mg", 80, 3, 1, 2, 1},
    [MD_GEN_MS] = {"ms", 60, 4, 1, 2, 2},
    [MD_GEN_MD] = {"md", 25, 3, 1, 2, 1},
    [MD_GEN_MA] = {"ma", 35, 3, 1, 2, 1},
    [MD_GEN_ME] = {"me", 12, 2, 1, 0, 0},
};

void md_gen_put(struct md_gen *g, const char *text) { md_step_bytes(g->out, text, strlen(text)); }

void md_gen_put_u64(struct md_gen *g, uint64_t n) {
    char text[MD_GEN_WORD_MAX];
    md_step_bytes(g->out, text, md_gen_decimal(n, text));
}

void md_gen_put_fill(struct md_gen *g, uint64_t n, uint8_t byte) {
    struct md_part *p = md_step_part(g->out, MD_PART_FILL);
    p->number = (int64_t)n;
    p->byte = byte;
}

/* ---- what is odd ------------------------------------------------------------------------- */

void md_gen_choose_odd(struct md_gen *g, enum md_gen_kind kind) {
    static const uint8_t dice[] = {MD_ODD_NUMBER, MD_ODD_NUMBER, MD_ODD_NUMBER,  MD_ODD_NUMBER,
                                   MD_ODD_NUMBER, MD_ODD_NUMBER, MD_ODD_DATA,    MD_ODD_DATA,
                                   MD_ODD_DATA,   MD_ODD_DROP,   MD_ODD_DROP,    MD_ODD_SURPLUS,
                                   MD_ODD_KEY,    MD_ODD_BLANKS, MD_ODD_SURPLUS, MD_ODD_END,
                                   MD_ODD_WORD,   MD_ODD_NUL,    MD_ODD_BLANKS,  MD_ODD_LONG};
    const struct md_gen_shape *shape = &md_gen_shapes[kind];
    g->odd = MD_ODD_NONE;
    if (!md_chance(g->r, g->oddness))
        return;
    g->odd = (enum md_gen_odd)dice[md_pick(g->r, MD_COUNT(dice))];
    if (g->odd == MD_ODD_NUMBER && shape->numbers == 0)
        g->odd = MD_ODD_SURPLUS;
    if (g->odd == MD_ODD_DATA && !md_gen_is_store(kind) && kind != MD_GEN_MS)
        g->odd = MD_ODD_DROP;
    if (g->odd == MD_ODD_KEY && shape->key == 0)
        g->odd = MD_ODD_WORD;
    if (g->odd == MD_ODD_LONG && !(g->features & MD_GEN_LONG))
        g->odd = MD_ODD_END;
    switch (g->odd) {
    case MD_ODD_NUMBER: g->odd_at = shape->first_number + md_pick(g->r, shape->numbers); break;
    case MD_ODD_KEY: /* of several keys, not always the first */
        g->odd_at = shape->key + (md_gen_is_retrieval(kind) ? md_pick(g->r, 4) : 0);
        break;
    case MD_ODD_WORD: g->odd_at = 0; break;
    case MD_ODD_DROP:
        g->odd_at = shape->tokens > 1 ? 1 + md_pick(g->r, shape->tokens - 1U) : 0;
        break;
    default: g->odd_at = md_pick(g->r, shape->tokens); break;
    }
}

bool md_gen_odd_here(const struct md_gen *g, enum md_gen_odd odd) {
    return g->odd == odd && g->token == g->odd_at + 1;
}

bool md_gen_goes_through(const struct md_gen *g) {
    return g->odd == MD_ODD_NONE || g->odd == MD_ODD_BLANKS;
}

static void md_blanks(struct md_gen *g) {
    static const char *const blanks[] = {" ", "  ", "   ", "\t", " \t", "\t "};
    if (md_pick(g->r, 8) == 0)
        md_gen_put_fill(g, 90 + md_pick(g->r, 20), ' ');
    else
        md_gen_put(g, blanks[md_pick(g->r, MD_COUNT(blanks))]);
}

static void md_long_token(struct md_gen *g) {
    static const uint16_t sizes[] = {1900,  2030,  2040,  2048,  2049,  2100, 3000,
                                     16000, 16360, 16380, 16384, 17000, 20000};
    uint64_t n = sizes[md_pick(g->r, MD_COUNT(sizes))] + md_pick(g->r, 16);
    md_gen_put_fill(g, n, (uint8_t)('a' + md_pick(g->r, 3)));
    g->said_quit |= n > MD_READ_BUFFER;
}

bool md_gen_token(struct md_gen *g) {
    unsigned at = g->token++;
    if (md_gen_odd_here(g, MD_ODD_DROP))
        return false;
    if (at > 0)
        md_step_bytes(g->out, " ", 1);
    if (g->odd_at != at)
        return true;
    switch (g->odd) {
    case MD_ODD_BLANKS: md_blanks(g); break;
    case MD_ODD_NUL: md_step_bytes(g->out, "\0", 1); break;
    case MD_ODD_LONG: md_long_token(g); return false;
    default: break;
    }
    return true;
}

/* ---- tokens ------------------------------------------------------------------------------ */

void md_gen_word_token(struct md_gen *g, const char *word) {
    size_t n = strlen(word);
    if (!md_gen_token(g))
        return;
    if (!md_gen_odd_here(g, MD_ODD_WORD)) {
        md_step_bytes(g->out, word, n);
        return;
    }
    char first = (char)(word[0] - 'a' + 'A');
    switch (md_pick(g->r, 5)) {
    case 0:
        md_step_bytes(g->out, &first, 1);
        md_step_bytes(g->out, word + 1, n - 1);
        break;
    case 1: md_step_bytes(g->out, word, n - 1); break;
    case 2:
        md_gen_put(g, word);
        md_step_bytes(g->out, word + n - 1, 1);
        break;
    case 3:
        md_gen_put(g, word);
        md_gen_put(g, "\t");
        break;
    default:
        md_gen_put(g, word);
        md_gen_put(g, "s");
        break;
    }
}

void md_gen_key_token(struct md_gen *g, const struct md_gen_key *k) {
    static const uint16_t sizes[] = {251, 251, 251, 252, 250, 249, 256, 300, 1000};
    if (!md_gen_token(g))
        return;
    if (md_gen_odd_here(g, MD_ODD_KEY))
        md_gen_put_fill(g, sizes[md_pick(g->r, MD_COUNT(sizes))], k->bytes[0]);
    else
        md_step_bytes(g->out, k->bytes, k->len);
}

bool md_gen_odd_number(struct md_gen *g) {
    char text[MD_GEN_WORD_MAX];
    if (!md_gen_odd_here(g, MD_ODD_NUMBER))
        return false;
    md_step_bytes(g->out, text, md_gen_number(g->r, text));
    return true;
}

void md_gen_number_token(struct md_gen *g, uint64_t n) {
    if (md_gen_token(g) && !md_gen_odd_number(g))
        md_gen_put_u64(g, n);
}

uint64_t md_gen_expiry_token(struct md_gen *g) {
    if (!md_gen_token(g) || md_gen_odd_number(g))
        return 0;
    return md_gen_expiry(g);
}

void md_gen_end_line(struct md_gen *g, bool may_be_silent) {
    static const char *const surplus[] = {
        " 0",       " x",        " noreply x",     " noreply noreply", " norepl",
        " NOREPLY", " noreply ", " 1 2 3 4 5 6 7", " noreply\t",       " 0 noreply"};
    static const char *const ends[] = {"\n", "\n", "\r\r\n", " \r\n", "\n\r\n", "\r", "\r\n\r\n"};
    if (may_be_silent && md_chance(g->r, g->noreply))
        md_gen_put(g, " noreply");
    if (g->odd == MD_ODD_SURPLUS)
        md_gen_put(g, surplus[md_pick(g->r, MD_COUNT(surplus))]);
    md_gen_put(g, g->odd == MD_ODD_END ? ends[md_pick(g->r, MD_COUNT(ends))] : "\r\n");
}

/* ---- the picture ------------------------------------------------------------------------- */

bool md_gen_alive(const struct md_gen *g, const struct md_gen_key *k) {
    return k->state == MD_GEN_STORED && (k->expires == 0 || g->now < k->expires);
}

struct md_gen_key *md_gen_pick_key(struct md_gen *g, enum md_gen_want want) {
    unsigned start = md_pick(g->r, g->n_keys);
    if (want == MD_GEN_WANT_ANY || md_chance(g->r, 150))
        return &g->keys[start];
    for (unsigned i = 0; i < g->n_keys; i++) {
        struct md_gen_key *k = &g->keys[(start + i) % g->n_keys];
        bool alive = md_gen_alive(g, k);
        if (want == MD_GEN_WANT_GONE ? !alive : alive && (want == MD_GEN_WANT_ALIVE || k->counter))
            return k;
    }
    return &g->keys[start];
}

bool md_gen_any_alive(const struct md_gen *g, bool counter) {
    for (unsigned i = 0; i < g->n_keys; i++)
        if (md_gen_alive(g, &g->keys[i]) && (!counter || g->keys[i].counter))
            return true;
    return false;
}

void md_gen_stored(struct md_gen *g, struct md_gen_key *k) {
    k->state = MD_GEN_STORED;
    k->seen = false;
    k->cas = ++g->stores;
}
