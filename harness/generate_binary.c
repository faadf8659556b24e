/*
 * Requests of the binary protocol: every opcode and its quiet form, said about the same picture as
 * the text commands, with what is odd about a request in its header: lengths that disagree, parts that
 * do not belong, other magic, opcodes that there are not.
 */
#include "harness/generate_request.h"

/* How often an opcode is said; its quiet form is drawn behind it. */
static const struct {
    uint8_t op;
    uint16_t weight;
} md_loud[] = {
    {MD_OP_SET, 210},     {MD_OP_ADD, 60},   {MD_OP_REPLACE, 50},  {MD_OP_APPEND, 45},
    {MD_OP_PREPEND, 40},  {MD_OP_GET, 150},  {MD_OP_GETK, 70},     {MD_OP_GAT, 40},
    {MD_OP_GATK, 35},     {MD_OP_TOUCH, 45}, {MD_OP_DELETE, 60},   {MD_OP_INCR, 80},
    {MD_OP_DECR, 70},     {MD_OP_FLUSH, 25}, {MD_OP_NOOP, 30},     {MD_OP_VERSION, 5},
    {MD_OP_STAT, 14},     {MD_OP_QUIT, 4},   {MD_OP_SASL_LIST, 2}, {MD_OP_SASL_AUTH, 2},
    {MD_OP_SASL_STEP, 2},
};

void md_gen_binary_swarm(struct md_gen *g) {
    static const uint8_t factors[] = {0, 0, 1, 1, 1, 2, 2, 5};
    _Static_assert(MD_COUNT(md_loud) == MD_GEN_BINARY_KINDS, "");
    g->binary_total = 0;
    for (unsigned i = 0; i < MD_COUNT(md_loud); i++) {
        unsigned factor = factors[md_pick(g->r, 8)];
        if (factor == 0 && (md_loud[i].op == MD_OP_SET || md_loud[i].op == MD_OP_GET))
            factor = 1;
        g->binary_total += g->binary_weight[i] = (uint16_t)(md_loud[i].weight * factor);
    }
}

/* ---- parts --------------------------------------------------------------------------------- */

static void md_extra(struct md_asked *a, uint64_t n, size_t width) {
    md_be_write(n, a->extras + a->n_extras, width);
    a->n_extras += (unsigned)width;
}

/* An expiration time of four bytes; when it comes (seconds since the start, 0: never). */
static uint64_t md_expiry(struct md_gen *g, struct md_asked *a) {
    static const uint32_t edges[] = {2591999,    2592000,    2592001,    999999937,  999999938,
                                     999999939,  999999999,  1000000000, 1000000001, 2147483647,
                                     2147483648, 4294967294, 4294967295, 4294967295, 31536000};
    unsigned dice = md_pick(g->r, 100);
    uint32_t n = 0;
    if (!(g->features & MD_GEN_TTL) && dice < 95)
        dice = 0;
    if (dice >= 30 && dice < 80)
        n = 1 + md_pick(g->r, 8);
    else if (dice >= 94)
        n = edges[md_pick(g->r, MD_COUNT(edges))];
    if (dice >= 80 && dice < 94) {
        a->now_at = (int)a->n_extras;
        a->now = (int64_t)md_pick(g->r, 12) - 3;
        md_extra(a, 0, 4);
        int64_t then = (int64_t)g->now + a->now;
        return then > 0 ? (uint64_t)then : 1;
    }
    md_extra(a, n, 4);
    return n == 0                ? 0
           : n <= MD_THIRTY_DAYS ? g->now + n
           : n <= MD_GEN_START   ? (g->now ? g->now : 1)
                                 : n - MD_GEN_START;
}

/* CAS values: mostly none. */
static void md_cas(struct md_gen *g, struct md_asked *a, const struct md_gen_key *k) {
    unsigned dice = md_pick(g->r, 100);
    a->cas = MD_PART_BYTES;
    if (!md_chance(g->r, g->binary_cas))
        return;
    if (dice < 40) {
        a->cas = MD_PART_CAS;
        a->cas_number = dice < 32 ? 0 : dice < 36 ? 1 : -1;
        a->cas_matches = k->seen && a->cas_number == 0;
    } else if (dice < 75) {
        a->cas = MD_PART_BASE;
        a->cas_number = (int64_t)k->cas;
        a->cas_matches = true;
    } else if (dice < 85) {
        a->cas = MD_PART_BASE;
        a->cas_number = (int64_t)md_pick(g->r, (unsigned)g->stores + 3);
    } else {
        static const uint64_t numbers[] = {1, 2, UINT64_MAX, INT64_MAX, UINT64_C(1) << 32};
        a->header.cas = numbers[md_pick(g->r, MD_COUNT(numbers))];
    }
}

static uint64_t md_amount(struct md_gen *g) {
    static const uint8_t small[] = {0, 1, 1, 1, 2, 5, 9, 10, 11, 90, 99, 100, 101, 255};
    if (!md_chance(g->r, 250))
        return small[md_pick(g->r, MD_COUNT(small))];
    return (UINT64_C(1) << md_pick(g->r, 64)) + md_pick(g->r, 3) - 1;
}

static uint64_t md_delta_extras(struct md_gen *g, struct md_asked *a) {
    uint64_t expires = 0;
    md_extra(a, md_amount(g), 8);
    md_extra(a, md_chance(g->r, 700) ? md_pick(g->r, 120) : md_amount(g), 8);
    if (md_chance(g->r, 350))
        md_extra(a, UINT32_MAX, 4);
    else
        expires = md_expiry(g, a);
    return expires;
}

/* Extras and value as the opcode wants them; when the item will expire. */
static uint64_t md_parts(struct md_gen *g, struct md_asked *a, uint8_t loud) {
    uint64_t expires = 0;
    switch (loud) {
    case MD_OP_SET:
    case MD_OP_ADD:
    case MD_OP_REPLACE:
        md_extra(a, md_chance(g->r, 700) ? 0 : md_random_next(g->r), 4);
        expires = md_expiry(g, a);
        md_gen_value(g, a->key, &a->value);
        a->has_value = true;
        break;
    case MD_OP_APPEND:
    case MD_OP_PREPEND:
        md_gen_piece(g, a->key, &a->value);
        a->has_value = true;
        break;
    case MD_OP_INCR:
    case MD_OP_DECR: expires = md_delta_extras(g, a); break;
    case MD_OP_TOUCH:
    case MD_OP_GAT:
    case MD_OP_GATK: expires = md_expiry(g, a); break;
    case MD_OP_FLUSH:
        if (md_chance(g->r, 500))
            expires = md_expiry(g, a);
        break;
    case MD_OP_SASL_AUTH:
    case MD_OP_SASL_STEP:
        md_gen_serial_value(g, md_pick(g->r, 12), &a->value);
        a->has_value = true;
        break;
    default: break;
    }
    return expires;
}

/* ---- the picture --------------------------------------------------------------------------- */

static void md_after_store(struct md_gen *g, struct md_gen_key *k, const struct md_asked *a,
                           uint8_t loud, uint64_t expires) {
    bool joins = loud == MD_OP_APPEND || loud == MD_OP_PREPEND, alive = md_gen_alive(g, k);
    bool has_cas = a->cas != MD_PART_BYTES || a->header.cas;
    bool stores = loud == MD_OP_SET || (loud == MD_OP_ADD ? !alive : alive);
    if (has_cas)
        stores = alive && a->cas_matches && k->cas;
    if (!stores)
        return;
    uint32_t size = a->value.len + a->value.fill + (joins ? k->size : 0);
    k->counter = joins ? k->counter && a->value.counter : a->value.counter;
    md_gen_stored(g, k);
    k->size = size;
    if (!joins)
        k->expires = expires;
}

static void md_after_flush(struct md_gen *g, uint64_t expires) {
    g->flush_at = expires > g->now ? expires : 0;
    for (unsigned i = 0; i < g->n_keys && !g->flush_at; i++)
        if (g->keys[i].state == MD_GEN_STORED)
            g->keys[i].state = MD_GEN_FLUSHED;
    g->stores += g->flush_at == 0;
}

static void md_after_delta(struct md_gen *g, struct md_gen_key *k, const struct md_asked *a,
                           uint64_t expires) {
    bool alive = md_gen_alive(g, k);
    if (!alive && md_be_read(a->extras + 16, 4) != UINT32_MAX) {
        md_gen_stored(g, k);
        k->expires = expires;
        k->size = 2;
        k->counter = true;
    } else if (alive && k->counter) {
        k->cas = ++g->stores;
    }
}

static void md_after(struct md_gen *g, struct md_gen_key *k, const struct md_asked *a, uint8_t loud,
                     uint64_t expires) {
    g->said_quit |= loud == MD_OP_QUIT;
    if (loud == MD_OP_FLUSH)
        md_after_flush(g, expires);
    if (!k)
        return;
    switch (loud) {
    case MD_OP_SET:
    case MD_OP_ADD:
    case MD_OP_REPLACE:
    case MD_OP_APPEND:
    case MD_OP_PREPEND: md_after_store(g, k, a, loud, expires); break;
    case MD_OP_TOUCH:
    case MD_OP_GAT:
    case MD_OP_GATK:
        if (md_gen_alive(g, k))
            k->expires = expires;
        break;
    case MD_OP_DELETE:
        if (md_gen_alive(g, k))
            k->state = MD_GEN_DELETED;
        break;
    case MD_OP_INCR:
    case MD_OP_DECR: md_after_delta(g, k, a, expires); break;
    default: break;
    }
}

/* ---- requests ------------------------------------------------------------------------------ */

static struct md_gen_key *md_key_for(struct md_gen *g, uint8_t loud) {
    switch (loud) {
    case MD_OP_SET:
        return md_gen_pick_key(g, md_chance(g->r, 512) ? MD_GEN_WANT_GONE : MD_GEN_WANT_ANY);
    case MD_OP_ADD:
        return md_gen_pick_key(g, md_chance(g->r, 600) ? MD_GEN_WANT_GONE : MD_GEN_WANT_ALIVE);
    case MD_OP_INCR:
    case MD_OP_DECR:
        return md_gen_pick_key(g, md_chance(g->r, 250) ? MD_GEN_WANT_GONE : MD_GEN_WANT_COUNTER);
    default: return md_gen_pick_key(g, md_chance(g->r, 768) ? MD_GEN_WANT_ALIVE : MD_GEN_WANT_ANY);
    }
}

static uint8_t md_quiet_form(uint8_t loud) {
    size_t n;
    const struct md_opcode *ops = md_opcodes(&n);
    for (size_t i = 0; i < n; i++)
        if (ops[i].loud == loud && ops[i].code != loud)
            return ops[i].code;
    return loud;
}

static void md_stat_name(struct md_gen *g, struct md_asked *a, struct md_gen_key *k) {
    static const char *const names[] = {"items", "slabs", "reset", "items", "slabs", "resets",
                                        "item",  "foo",   "rese",  "Reset", "itemsx"};
    a->key = NULL;
    if (md_chance(g->r, 450))
        return;
    const char *name = names[md_pick(g->r, MD_COUNT(names))];
    k->len = (uint8_t)strlen(name);
    memcpy(k->bytes, name, k->len);
    a->key = k;
}

/* A text line where a request should be, long enough to be looked at. */
static void md_text_line(struct md_gen *g) {
    static const char *const lines[] = {"get a\r\n", "set a 0 0 1\r\nx\r\n", "quit\r\n",
                                        "version\r\n"};
    md_gen_put(g, lines[md_pick(g->r, MD_COUNT(lines))]);
    if (md_chance(g->r, 600))
        md_gen_put(g, "get aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n");
    g->said_quit = true;
}

void md_gen_request(struct md_gen *g, struct md_step *send, uint8_t loud) {
    static const uint32_t opaques[] = {0, 0, 1, 0xdeadbeef, 0x80000000, 0xffffffff, 0x0a0d2000};
    struct md_gen_key name, *k = NULL;
    const struct md_opcode *op = md_opcode_find(loud);
    struct md_asked a = {.now_at = -1, .cas = MD_PART_BYTES};
    g->out = send;
    g->commands++;
    a.header.magic = MD_PACKET_REQUEST;
    a.header.opcode = md_chance(g->r, g->noreply) ? md_quiet_form(loud) : loud;
    a.header.opaque = opaques[md_pick(g->r, MD_COUNT(opaques))];
    if (op->key == MD_WANT_SOME)
        a.key = k = md_key_for(g, loud);
    uint64_t expires = md_parts(g, &a, loud);
    if (loud == MD_OP_STAT)
        md_stat_name(g, &a, &name);
    if (k)
        md_cas(g, &a, k);
    a.odd = md_chance(g->r, g->oddness);
    md_ask_header(g, &a);
    md_ask_put(g, &a);
    if (!a.odd)
        md_after(g, k, &a, loud, expires);
}

void md_gen_binary_command(struct md_gen *g, struct md_step *send) {
    unsigned at = md_pick(g->r, g->binary_total), i = 0;
    while (at >= g->binary_weight[i])
        at -= g->binary_weight[i++];
    uint8_t loud = md_loud[i].op;
    bool stands_alone = loud == MD_OP_SET || loud == MD_OP_ADD || loud == MD_OP_FLUSH ||
                        md_opcode_find(loud)->key != MD_WANT_SOME;
    if (g->oddness && md_chance(g->r, g->oddness / 16)) {
        g->out = send;
        g->commands++;
        md_text_line(g);
        return;
    }
    /* With nothing there, most commands only miss. */
    if (!stands_alone && md_chance(g->r, 768) && !md_gen_any_alive(g, false)) {
        g->want_counter = loud == MD_OP_INCR || loud == MD_OP_DECR;
        loud = MD_OP_SET;
    }
    md_gen_request(g, send, loud);
}

void md_gen_binary_sweep(struct md_gen *g, struct md_step *send) {
    unsigned oddness = g->oddness, noreply = g->noreply;
    g->out = send;
    g->oddness = 0;
    for (unsigned i = 0; i < g->n_keys; i++) {
        struct md_asked a = {.now_at = -1, .cas = MD_PART_BYTES, .key = &g->keys[i]};
        a.header.magic = MD_PACKET_REQUEST;
        a.header.opcode = md_chance(g->r, 500) ? MD_OP_GETKQ : MD_OP_GETK;
        md_ask_lengths(&a);
        md_ask_put(g, &a);
    }
    g->noreply = 0;
    md_gen_request(g, send, MD_OP_NOOP);
    g->oddness = oddness;
    g->noreply = noreply;
}
