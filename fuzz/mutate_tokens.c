/* Edits inside a command: its word, keys, numbers, lengths, the bytes themselves. */
#include "fuzz/mutate_internal.h"

static bool md_replace_text(struct md_mutation *m, struct md_span span, const char *text) {
    if (md_span_is(&m->cells, span, text))
        return false;
    md_cells_text(&m->cells, span, text, strlen(text));
    md_cells_store(m, &m->cells);
    return true;
}

/* A token with the blank before it; of the first one, the blank behind it. */
static struct md_span md_with_blank(const struct md_view *v, unsigned token) {
    struct md_span s = v->token[token];
    if (token > 0)
        s.from = v->token[token - 1].to;
    else if (v->n_tokens > 1)
        s.to = v->token[1].from;
    return s;
}

static void md_insert_token(struct md_mutation *m, const struct md_view *v, unsigned before,
                            const char *text, size_t n) {
    size_t at = before < v->n_tokens ? v->token[before].from : v->line_end;
    bool last = before >= v->n_tokens;
    md_cells_text(&m->cells, (struct md_span){at, at}, text, n);
    size_t blank = last ? at : at + n;
    md_cells_text(&m->cells, (struct md_span){blank, blank}, " ", 1);
}

/* ---- words ------------------------------------------------------------------------------- */

static const char *md_other_word(struct md_mutation *m, const struct md_view *v) {
    static const char *const stores[] = {"set", "add", "replace", "append", "prepend", "cas"};
    static const char *const gets[] = {"get", "gets"};
    static const char *const gats[] = {"gat", "gats"};
    static const char *const deltas[] = {"incr", "decr"};
    static const char *const metas[] = {"mg", "mg", "md", "ma", "me"};
    static const char *const keyed[] = {"get", "gets", "delete", "touch", "incr", "gat"};
    static const char *const any[] = {"set",  "add",   "get",       "gets",     "gat",     "delete",
                                      "incr", "touch", "flush_all", "version",  "quit",    "cas",
                                      "decr", "GET",   "verbosity", "shutdown", "replace", "mn",
                                      "mg",   "ms",    "md",        "ma",       "me"};
    if (md_random_one_in(&m->r, 16))
        return any[md_pick(&m->r, MD_COUNT(any))];
    switch (v->kind) {
    case MD_VIEW_STORE: return stores[md_pick(&m->r, MD_COUNT(stores))];
    case MD_VIEW_GET: return gets[md_pick(&m->r, MD_COUNT(gets))];
    case MD_VIEW_GAT: return gats[md_pick(&m->r, MD_COUNT(gats))];
    case MD_VIEW_DELTA: return deltas[md_pick(&m->r, MD_COUNT(deltas))];
    case MD_VIEW_META: return metas[md_pick(&m->r, MD_COUNT(metas))];
    case MD_VIEW_MS: return "ms";
    default: return keyed[md_pick(&m->r, MD_COUNT(keyed))];
    }
}

/* The CAS value of the command's own key; its cell. *key: storage that outlives the symbol. */
static uint16_t md_own_cas(struct md_mutation *m, const struct md_view *v,
                           uint8_t key[MD_KEY_MAX]) {
    size_t n = 0;
    unsigned at = md_view_key(v);
    if (!at || !md_span_bytes(&m->cells, v->token[at], key, MD_KEY_MAX, &n) || n == 0)
        return md_cell_symbol(m, MD_PART_BASE, (int64_t)md_pick(&m->r, 4), 0);
    uint16_t cell = md_cell_symbol(m, MD_PART_CAS, 0, 0);
    struct md_part *p = &m->symbols[cell - MD_CELL_SYMBOL];
    p->bytes = key;
    p->len = n;
    if (md_random_one_in(&m->r, 4))
        p->number = md_chance(&m->r, 512) ? 1 : -1;
    return cell;
}

bool md_edit_word(struct md_mutation *m) {
    struct md_view v;
    uint8_t key[MD_KEY_MAX];
    if (!md_pick_view(m, MD_VIEW_ANY, &v) || v.n_tokens == 0)
        return false;
    const char *word = md_other_word(m, &v);
    if (md_span_is(&m->cells, v.token[0], word))
        return false;
    bool cas = strcmp(word, "cas") == 0 && v.kind == MD_VIEW_STORE;
    /* From the end: the places before it stay right. */
    if (cas && !v.cas && v.n_tokens >= 5) {
        uint16_t cells[2] = {' ', md_own_cas(m, &v, key)};
        size_t at = v.token[4].to;
        md_cells_replace(&m->cells, (struct md_span){at, at}, cells, 2);
    } else if (v.cas && !cas && v.n_tokens >= 6) {
        md_cells_replace(&m->cells, md_with_blank(&v, 5), NULL, 0);
    } else if (strcmp(word, "gat") == 0 && v.kind != MD_VIEW_GAT && v.n_tokens > 1) {
        md_insert_token(m, &v, 1, "0", 1);
    }
    return md_replace_text(m, v.token[0], word);
}

/* ---- keys -------------------------------------------------------------------------------- */

/* Some key token of the command. */
static unsigned md_any_key(struct md_mutation *m, const struct md_view *v) {
    unsigned first = md_view_key(v);
    if (first && v->kind & (MD_VIEW_GET | MD_VIEW_GAT))
        first += md_pick(&m->r, v->n_tokens - first);
    return first;
}

bool md_edit_reuse_key(struct md_mutation *m) {
    struct md_view v;
    uint16_t key[MD_KEY_MAX + 2];
    if (!md_pick_view(m, MD_VIEW_KEYED, &v))
        return false;
    unsigned at = md_any_key(m, &v);
    size_t n = v.token[at].to - v.token[at].from;
    if (!at || n > MD_COUNT(key))
        return false;
    memcpy(key, m->cells.at + v.token[at].from, n * sizeof *key);
    for (unsigned tries = 0; tries < 4; tries++) {
        if (!md_pick_view(m, MD_VIEW_KEYED, &v) || !(at = md_any_key(m, &v)))
            continue;
        struct md_span s = v.token[at];
        if (s.to - s.from == n && !memcmp(m->cells.at + s.from, key, n * sizeof *key))
            continue;
        /* In a retrieval it may also come on top. */
        if (v.kind & (MD_VIEW_GET | MD_VIEW_GAT) && md_chance(&m->r, 512)) {
            md_insert_token(m, &v, at, "", 0);
            s.to = s.from;
        }
        md_cells_replace(&m->cells, s, key, n);
        md_cells_store(m, &m->cells);
        return true;
    }
    return false;
}

bool md_edit_new_key(struct md_mutation *m) {
    static const unsigned sizes[] = {249, 250, 251, 250, 251, 255, 256, 1};
    struct md_view v;
    struct md_buf fresh = {0};
    unsigned at;
    if (!md_pick_view(m, MD_VIEW_KEYED, &v) || !(at = md_any_key(m, &v)))
        return false;
    struct md_span s = v.token[at];
    switch (md_pick(&m->r, 4)) {
    case 0: { /* the key's own first byte once more: now they are prefixes */
        uint16_t first = m->cells.at[s.from];
        md_cells_replace(&m->cells, (struct md_span){s.to, s.to}, &first, 1);
        break;
    }
    case 1: {
        uint16_t fill =
            md_cell_symbol(m, MD_PART_FILL, sizes[md_pick(&m->r, MD_COUNT(sizes))], 'k');
        md_cells_replace(&m->cells, s, &fill, 1);
        break;
    }
    default:
        md_generate_key(&m->r, &fresh);
        md_cells_text(&m->cells, s, fresh.data, fresh.len);
        md_buf_free(&fresh);
    }
    md_cells_store(m, &m->cells);
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------- */

/* Some token where a number stands; 0: none. */
static unsigned md_any_number(struct md_mutation *m, const struct md_view *v) {
    unsigned first = 1, n = 1;
    switch (v->kind) {
    case MD_VIEW_STORE:
        first = 2;
        n = v->cas ? 4 : 3;
        break;
    case MD_VIEW_DELTA:
    case MD_VIEW_TOUCH:
    case MD_VIEW_DELETE: first = 2; break;
    case MD_VIEW_GET: return 0;
    default: break;
    }
    unsigned at = first + md_pick(&m->r, n);
    if (at == 4 && v->kind == MD_VIEW_STORE && md_chance(&m->r, 768))
        at = 3; /* lying lengths have an edit of their own */
    return at < v->n_tokens ? at : 0;
}

bool md_edit_border(struct md_mutation *m) {
    struct md_view v;
    char text[MD_GEN_WORD_MAX];
    if (!md_pick_view(m, MD_VIEW_NUMBERED, &v))
        return false;
    size_t n = md_chance(&m->r, 700) ? md_gen_border(&m->r, text) : md_gen_number(&m->r, text);
    unsigned at = md_any_number(m, &v);
    if (at)
        return md_replace_text(m, v.token[at], text);
    if (v.kind != MD_VIEW_FLUSH)
        return false;
    md_insert_token(m, &v, 1, text, n);
    md_cells_store(m, &m->cells);
    return true;
}

static int64_t md_near(struct md_mutation *m, int64_t n) {
    static const int steps[] = {-1, 1, -1, 1, -2, 2, 10, -10};
    if (md_random_one_in(&m->r, 8))
        return n / 2;
    if (md_random_one_in(&m->r, 8) && n < INT64_MAX / 16 && n > INT64_MIN / 16)
        return n * 10;
    int64_t step = steps[md_pick(&m->r, MD_COUNT(steps))];
    return n > INT64_MAX - 16 || n < INT64_MIN + 16 ? n / 2 : n + step;
}

/* Changes the number of a symbol: a CAS value off by one, a fill one byte longer. */
static bool md_near_symbol(struct md_mutation *m, uint16_t *cell) {
    struct md_part p = m->symbols[*cell - MD_CELL_SYMBOL];
    int64_t old = p.number;
    if (p.kind == MD_PART_LEN || p.kind == MD_PART_BLOCK || p.kind == MD_PART_END)
        return false;
    p.number = md_near(m, old);
    if (p.kind == MD_PART_FILL)
        p.number = p.number < 0 ? 0 : p.number > MD_FILL_MAX ? MD_FILL_MAX : p.number;
    *cell = md_cell_symbol(m, p.kind, p.number, p.byte);
    m->symbols[*cell - MD_CELL_SYMBOL].bytes = p.bytes;
    m->symbols[*cell - MD_CELL_SYMBOL].len = p.len;
    return p.number != old;
}

bool md_edit_near(struct md_mutation *m) {
    struct md_view v;
    uint8_t text[MD_GEN_WORD_MAX];
    size_t n;
    int64_t number = 0;
    if (!md_pick_view(m, MD_VIEW_NUMBERED, &v))
        return false;
    unsigned at = md_any_number(m, &v);
    if (!at)
        return false;
    struct md_span s = v.token[at];
    if (s.to - s.from == 1 && m->cells.at[s.from] >= MD_CELL_SYMBOL) {
        if (!md_near_symbol(m, &m->cells.at[s.from]))
            return false;
        md_cells_store(m, &m->cells);
        return true;
    }
    if (!md_span_bytes(&m->cells, s, text, 18, &n))
        return false;
    bool negative = n > 1 && text[0] == '-';
    for (size_t i = negative; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        number = number * 10 + (text[i] - '0');
    }
    number = md_near(m, negative ? -number : number);
    char fresh[MD_GEN_WORD_MAX];
    fresh[0] = '-';
    md_gen_decimal(number < 0 ? (uint64_t)-number : (uint64_t)number, fresh + 1);
    return md_replace_text(m, s, number < 0 ? fresh : fresh + 1);
}

/* Whether the token is that symbol already. */
static bool md_is_same_symbol(const struct md_mutation *m, struct md_span s, uint16_t cell) {
    if (s.to - s.from != 1 || m->cells.at[s.from] < MD_CELL_SYMBOL)
        return false;
    const struct md_part *a = &m->symbols[m->cells.at[s.from] - MD_CELL_SYMBOL],
                         *b = &m->symbols[cell - MD_CELL_SYMBOL];
    return a->kind == b->kind && a->number == b->number && a->len == b->len &&
           (a->len == 0 || memcmp(a->bytes, b->bytes, a->len) == 0);
}

bool md_edit_cas(struct md_mutation *m) {
    struct md_view v;
    uint8_t key[MD_KEY_MAX];
    uint16_t cell;
    for (unsigned tries = 0; tries < 4; tries++) {
        if (!md_pick_view(m, MD_VIEW_STORE, &v) || !v.cas || v.n_tokens < 6)
            continue;
        if (md_random_one_in(&m->r, 4))
            cell = md_cell_symbol(m, MD_PART_BASE, (int64_t)md_pick(&m->r, 12), 0);
        else if (md_random_one_in(&m->r, 8))
            return md_replace_text(m, v.token[5], md_chance(&m->r, 512) ? "0" : "1");
        else
            cell = md_own_cas(m, &v, key);
        if (md_is_same_symbol(m, v.token[5], cell))
            continue;
        md_cells_replace(&m->cells, v.token[5], &cell, 1);
        md_cells_store(m, &m->cells);
        return true;
    }
    return false;
}

bool md_edit_noreply(struct md_mutation *m) {
    struct md_view v;
    if (!md_pick_view(m, MD_VIEW_CHANGES, &v) || v.n_tokens == 0)
        return false;
    if (md_span_is(&m->cells, v.token[v.n_tokens - 1], "noreply") && v.n_tokens > 1)
        md_cells_replace(&m->cells, md_with_blank(&v, v.n_tokens - 1), NULL, 0);
    else
        md_insert_token(m, &v, MD_VIEW_TOKENS, "noreply", 7);
    md_cells_store(m, &m->cells);
    return true;
}

/* A time that comes soon, the clock moved to it or a second either side, and a look. */
bool md_edit_expiry(struct md_mutation *m) {
    struct md_view v;
    char text[MD_GEN_WORD_MAX];
    uint8_t key[MD_KEY_MAX];
    size_t n = 0;
    if (!md_pick_view(m, MD_VIEW_TIMED, &v))
        return false;
    uint32_t seconds = 1 + md_pick(&m->r, md_chance(&m->r, 800) ? 5 : 100);
    unsigned at = md_view_expiry(&v), key_at = md_view_key(&v);
    if (!at && v.kind != MD_VIEW_FLUSH)
        return false;
    bool keyed = key_at && md_span_bytes(&m->cells, v.token[key_at], key, sizeof key, &n);
    size_t width = md_gen_decimal(seconds, text);
    if (at)
        md_cells_text(&m->cells, v.token[at], text, width);
    else
        md_insert_token(m, &v, 1, text, width);
    md_cells_store(m, &m->cells);
    struct md_step clock = {.kind = MD_STEP_CLOCK, .seconds = seconds - 1 + md_pick(&m->r, 3)};
    md_trace_insert(m->t, m->step + 1, &clock);
    if (keyed && md_chance(&m->r, 600)) {
        struct md_step look = {.kind = MD_STEP_SEND, .conn = m->t->steps[m->step].conn};
        md_step_bytes(&look, "get ", 4);
        md_step_bytes(&look, key, n);
        md_step_bytes(&look, "\r\n", 2);
        md_trace_insert(m->t, m->step + 2, &look);
        md_step_free(&look);
    }
    return true;
}

/* ---- data blocks ------------------------------------------------------------------------- */

/* Replaces data block and length together; as literals, or as {len} and {block}. */
static void md_put_data(struct md_mutation *m, const struct md_view *v,
                        const struct md_gen_value *d) {
    char text[MD_GEN_WORD_MAX];
    struct md_cells *c = &m->cells;
    struct md_span data = v->data;
    bool symbols = md_chance(&m->r, 400);
    uint16_t cell;
    size_t at = data.from;
    if (symbols) {
        cell = md_cell_symbol(m, MD_PART_BLOCK, 0, 0);
        md_cells_replace(c, data, &cell, 1);
        at++;
        data = (struct md_span){at, at};
    }
    md_cells_text(c, data, d->bytes, d->len);
    at += d->len;
    if (d->fill) {
        cell = md_cell_symbol(m, MD_PART_FILL, d->fill, d->fill_byte);
        md_cells_replace(c, (struct md_span){at, at}, &cell, 1);
        at++;
    }
    if (symbols) {
        cell = md_cell_symbol(m, MD_PART_END, 0, 0);
        md_cells_replace(c, (struct md_span){at, at}, &cell, 1);
        cell = md_cell_symbol(m, MD_PART_LEN, 0, 0);
        md_cells_replace(c, v->token[v->length], &cell, 1);
    } else
        md_cells_text(c, v->token[v->length], text,
                      md_gen_decimal((uint64_t)d->len + d->fill, text));
    md_cells_store(m, c);
}

static bool md_pick_data(struct md_mutation *m, struct md_view *v) {
    for (unsigned tries = 0; tries < 4; tries++)
        if (md_pick_view(m, MD_VIEW_STORE | MD_VIEW_MS, v) && v->has_data)
            return true;
    return false;
}

/* Another size, said truly. */
bool md_edit_length(struct md_mutation *m) {
    static const uint32_t sizes[] = {0,  1,  2,   3,   8,   20,  21,   32,   38,   62,
                                     64, 94, 134, 250, 420, 700, 1126, 2048, 4096, 16384};
    struct md_view v;
    struct md_gen_value d = {.fill_byte = (uint8_t)('a' + md_pick(&m->r, 12))};
    if (!md_pick_data(m, &v))
        return false;
    size_t old = v.data.to - v.data.from;
    uint32_t size = sizes[md_pick(&m->r, md_chance(&m->r, 900) ? 14 : MD_COUNT(sizes))];
    size += md_pick(&m->r, 3);
    if (md_chance(&m->r, 400) && old < MD_GEN_VALUE_MAX)
        size = (uint32_t)old + (md_chance(&m->r, 512) || old == 0 ? 1 : UINT32_MAX);
    d.len = size < MD_GEN_VALUE_MAX / 2 ? size : 0;
    d.fill = size - d.len;
    memset(d.bytes, d.fill_byte, d.len);
    md_put_data(m, &v, &d);
    return true;
}

/* An item whose size is at a border between slab classes. */
bool md_edit_class_border(struct md_mutation *m) {
    struct md_view v;
    struct md_gen_value d = {.fill_byte = (uint8_t)('a' + md_pick(&m->r, 12))};
    if (!md_pick_data(m, &v))
        return false;
    unsigned key = md_view_key(&v);
    size_t n = key ? v.token[key].to - v.token[key].from : 1;
    d.fill = md_pressure_border(&m->r, &m->t->options.model, n);
    if (d.fill > MD_FILL_MAX)
        d.fill = MD_FILL_MAX;
    md_put_data(m, &v, &d);
    return true;
}

bool md_edit_value(struct md_mutation *m) {
    struct md_view v;
    struct md_gen g;
    struct md_gen_key k = {.len = 1};
    struct md_gen_value d;
    if (!md_pick_data(m, &v))
        return false;
    md_gen_init(&g, &m->r);
    g.want_counter = md_chance(&m->r, 600);
    g.features = MD_GEN_BINARY | MD_GEN_SIZES;
    g.serial = md_pick(&m->r, 1000);
    md_gen_value(&g, &k, &d);
    md_put_data(m, &v, &d);
    return true;
}

bool md_edit_length_lie(struct md_mutation *m) {
    struct md_view v;
    char text[MD_GEN_WORD_MAX];
    if (!md_pick_data(m, &v))
        return false;
    size_t n = v.data.to - v.data.from;
    if (md_random_one_in(&m->r, 4))
        md_gen_number(&m->r, text);
    else
        md_gen_decimal(n > 2 && md_chance(&m->r, 512) ? n - 1 - md_pick(&m->r, 2)
                                                      : n + 1 + md_pick(&m->r, 3),
                       text);
    return md_replace_text(m, v.token[v.length], text);
}

/* ---- broken lines ------------------------------------------------------------------------ */

bool md_edit_drop_token(struct md_mutation *m) {
    struct md_view v;
    if (!md_pick_view(m, MD_VIEW_ANY, &v) || v.n_tokens < 2)
        return false;
    md_cells_replace(&m->cells, md_with_blank(&v, md_pick(&m->r, v.n_tokens)), NULL, 0);
    md_cells_store(m, &m->cells);
    return true;
}

bool md_edit_add_token(struct md_mutation *m) {
    static const char *const words[] = {"0", "noreply", "1", "x", "-1", "a", "\t", ""};
    struct md_view v;
    if (!md_pick_view(m, MD_VIEW_ANY, &v) || v.n_tokens == 0)
        return false;
    /* Nothing that changes which command it is; and stats takes no words here. */
    unsigned before = 1 + md_pick(&m->r, v.n_tokens);
    const char *word = words[md_pick(&m->r, MD_COUNT(words))];
    if (md_span_is(&m->cells, v.token[0], "stats"))
        return false;
    md_insert_token(m, &v, before, word, strlen(word));
    md_cells_store(m, &m->cells);
    return true;
}

/* The byte that would make a connection a binary one stays out. */
static uint16_t md_any_byte(struct md_mutation *m, uint16_t old) {
    static const uint8_t likely[] = " \r\n\t\0"
                                    "019-+a\x7f\xff";
    uint8_t byte = likely[md_pick(&m->r, sizeof likely - 1)];
    if (md_chance(&m->r, 300))
        byte = (uint8_t)md_random_next(&m->r);
    else if (md_chance(&m->r, 300))
        byte = (uint8_t)(old ^ 1U << md_pick(&m->r, 8));
    return byte == 0x80 ? 'x' : byte;
}

bool md_edit_flip(struct md_mutation *m) {
    struct md_cells *c = &m->cells;
    if (!md_pick_send(m, &m->step))
        return false;
    md_cells_load(m, c, &m->t->steps[m->step]);
    if (c->n == 0)
        return false;
    size_t at = (size_t)md_random_below(&m->r, c->n);
    uint16_t old = c->at[at], byte = md_any_byte(m, old);
    switch (md_pick(&m->r, 4)) {
    case 0: md_cells_replace(c, (struct md_span){at, at}, &byte, 1); break;
    case 1:
        if (c->n < 2)
            return false;
        md_cells_replace(c, (struct md_span){at, at + 1}, NULL, 0);
        break;
    default:
        if (old == byte || old >= MD_CELL_SYMBOL)
            return false;
        c->at[at] = byte;
    }
    md_cells_store(m, c);
    return true;
}

bool md_edit_line_end(struct md_mutation *m) {
    static const char *const ends[] = {"\n", "\r\n", "", "\r", "\r\r\n", " \r\n", "\n\n"};
    struct md_view v;
    if (!md_pick_view(m, MD_VIEW_ANY, &v))
        return false;
    const char *end = ends[md_pick(&m->r, MD_COUNT(ends))];
    struct md_span s = {v.line_end, v.has_data ? v.data.from : v.to};
    if (v.has_data && md_chance(&m->r, 512))
        s = (struct md_span){v.data.to, v.to};
    if (s.from == 0 && *end == 0)
        return false;
    return md_replace_text(m, s, end);
}
