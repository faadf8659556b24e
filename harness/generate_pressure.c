/*
 * What puts memory under pressure: keys that all belong to one slab class, stored until it is full
 * and a few more; the same keys used, changed, made larger and smaller around the borders of the
 * class. Few commands must be enough: classes of large chunks are taken, with items that just go
 * into them. The picture is rough on purpose: it knows about where the tail of a class is, so that
 * commands can aim there; what is evicted is for the model to say.
 */
#include "harness/generate_internal.h"

enum {
    MD_FEW_KEYS = 130,   /* fill a class, mostly */
    MD_MANY_KEYS = 1100, /* ... where it is dense */
    MD_FILL_BYTES = 640 << 10,
    MD_FLOOD_KEYS = 40,
    MD_CHEAP = 48 << 10, /* bytes of an item that may come often */
    MD_KEY_TEXT = 80,
    MD_CHUNK_HEADER = 48,
};

/* ---- sizes ------------------------------------------------------------------------------- */

static uint32_t md_beside_data(bool cas, size_t key, bool flags) {
    return MD_GEN_HEADER + (cas ? 8U : 0) + (uint32_t)key + 1 + (flags ? 4U : 0) + 2;
}

static uint32_t md_least_of(const struct md_slabs *s, unsigned class) {
    return class > 1 ? s->size[class - 1] + 1 : 1;
}

static unsigned md_capacity(const struct md_pressure *p, unsigned class) {
    uint64_t pages = p->options->memory_limit / MD_PAGE_SIZE;
    if (p->options->preallocated) /* each class has one from the start */
        pages = pages > p->slabs.largest ? pages - p->slabs.largest + 1 : 1;
    return (unsigned)(MD_PAGE_SIZE / p->slabs.size[class] * (pages ? pages : 1));
}

/* Whether a trace can fill the class. */
static bool md_can_fill(const struct md_pressure *p, unsigned class, bool dense) {
    unsigned capacity = md_capacity(p, class);
    if (dense ? capacity <= MD_FEW_KEYS || capacity > MD_MANY_KEYS : capacity > MD_FEW_KEYS)
        return false;
    return (uint64_t)capacity * md_least_of(&p->slabs, class) <= MD_FILL_BYTES;
}

static unsigned md_some_class(struct md_pressure *p, bool dense) {
    unsigned found = 0, class = 0;
    for (unsigned c = 1; c <= p->slabs.largest; c++)
        if (md_can_fill(p, c, dense) && md_pick(p->g.r, ++found) == 0)
            class = c;
    return class;
}

uint32_t md_pressure_border(struct md_random *r, const struct md_options *o, size_t key) {
    struct md_slabs s;
    md_slabs_init(&s, o);
    unsigned class = 1 + md_pick(r, s.largest);
    /* Small classes are many, and take long to fill: the larger, the likelier. */
    for (unsigned tries = 0; tries < 2; tries++) {
        unsigned other = 1 + md_pick(r, s.largest);
        class = other > class ? other : class;
    }
    uint64_t total = md_chance(r, 150) ? o->item_size_max : s.size[class];
    uint32_t beside = md_beside_data(o->cas, key, md_chance(r, 200));
    total += md_pick(r, 3);
    return total > beside + 1 ? (uint32_t)total - beside - 1 : 0;
}

/* Large items cost time, and the bytes that a trace may have: the larger, the rarer. */
static bool md_affords(struct md_pressure *p, uint64_t bytes) {
    return bytes <= MD_CHEAP || md_random_below(p->g.r, bytes) < MD_CHEAP;
}

/* How large the next item of the pool is, bytes in all. */
static uint32_t md_some_size(struct md_pressure *p, const struct md_pool_keys *k) {
    struct md_random *r = p->g.r;
    if (!(p->features & MD_PRESS_BORDER) || md_chance(r, 400))
        return k->usual;
    switch (md_pick(r, md_affords(p, k->most) ? 6 : 3)) {
    case 0: return k->least - 1; /* the class before */
    case 1: return k->least;
    case 2: return k->least + 1 + md_pick(r, 20);
    case 3: return k->most - 1;
    case 4: return k->most;
    default: return k->most + 1; /* the next class, or chunks */
    }
}

/* ---- the picture ------------------------------------------------------------------------- */

static void md_pool_init(struct md_pressure *p, unsigned i) {
    static const uint8_t pads[] = {0, 0, 0, 0, 0, 1, 7, MD_POOL_PAD};
    struct md_random *r = p->g.r;
    struct md_pool_keys *k = &p->pool[i];
    unsigned class = p->features & MD_PRESS_DENSE && i == 0 ? md_some_class(p, true) : 0;
    bool dense = class != 0;
    if (!class)
        class = md_some_class(p, false);
    if (!class)
        class = p->slabs.largest;
    *k = (struct md_pool_keys){.letter = (char)('a' + i),
                               .pad = pads[md_pick(r, MD_COUNT(pads))],
                               .class = (uint8_t) class,
                               .least = md_least_of(&p->slabs, class),
                               .most = p->slabs.size[class],
                               .capacity = md_capacity(p, class)};
    /* Numbers are short: a longer key brings them into the class. */
    uint32_t beside = md_beside_data(p->g.cas, MD_POOL_PAD + 3, false);
    k->counters = dense && k->least <= beside && beside + 21 <= k->most && md_chance(r, 600);
    if (k->counters && k->least > beside - MD_POOL_PAD)
        k->pad = MD_POOL_PAD;
    uint64_t all = (uint64_t)k->capacity * k->most;
    if (md_chance(r, 150) && all <= MD_FILL_BYTES + MD_FILL_BYTES / 4)
        k->usual = k->most - md_pick(r, 8);
    else
        k->usual = k->least + md_pick(r, 8);
    if (md_chance(r, 100) && !dense && md_affords(p, k->most))
        k->usual += md_pick(r, (k->most - k->least) / 2 + 1);
}

void md_pressure_init(struct md_pressure *p, struct md_random *r, const struct md_options *o,
                      unsigned features) {
    md_gen_init(&p->g, r);
    p->g.cas = o->cas;
    p->g.item_max = o->item_size_max;
    p->options = o;
    p->features = features;
    p->ttl = p->flags = p->quiet = 0;
    p->commands = 0;
    p->most_commands = UINT32_MAX;
    p->bytes = 0;
    p->most_bytes = UINT64_MAX;
    p->cas_wanted = p->send_ends = false;
    md_slabs_init(&p->slabs, o);
    p->n_pools = 1 + md_pick(r, MD_POOLS);
    for (unsigned i = 0; i < p->n_pools; i++)
        md_pool_init(p, i);
}

static struct md_pool_keys *md_some_pool(struct md_pressure *p) {
    return &p->pool[md_chance(p->g.r, 500) ? 0 : md_pick(p->g.r, p->n_pools)];
}

/* The key that is used least recently, if every key was only stored. */
static unsigned md_tail(const struct md_pool_keys *k) {
    return k->begun > k->capacity ? k->begun - k->capacity : 0;
}

/* A key that is worth a command: at the tail, just gone, just stored, or any. */
static unsigned md_some_key(struct md_pressure *p, const struct md_pool_keys *k) {
    struct md_random *r = p->g.r;
    unsigned dice = md_pick(r, 100), tail = md_tail(k), n = k->begun ? k->begun : 1;
    unsigned few = md_pick(r, 4);
    if (dice < 40)
        return tail + few < n ? tail + few : tail;
    if (dice < 50)
        return tail > few ? tail - few - 1 : 0;
    if (dice < 75)
        return n > few ? n - few - 1 : 0;
    return tail < n ? tail + md_pick(r, n - tail) : md_pick(r, n);
}

/* ---- words ------------------------------------------------------------------------------- */

static size_t md_key_text(const struct md_pool_keys *k, unsigned n, char text[MD_KEY_TEXT]) {
    text[0] = k->letter;
    size_t len = 1 + md_gen_decimal(n, text + 1);
    memset(text + len, '_', k->pad);
    return len + k->pad;
}

static void md_put_key(struct md_pressure *p, const struct md_pool_keys *k, unsigned n) {
    char text[MD_KEY_TEXT];
    md_step_bytes(p->g.out, " ", 1);
    md_step_bytes(p->g.out, text, md_key_text(k, n, text));
}

static void md_put_number(struct md_pressure *p, uint64_t n) {
    md_step_bytes(p->g.out, " ", 1);
    md_gen_put_u64(&p->g, n);
}

static void md_put_ttl(struct md_pressure *p, unsigned per_1024) {
    static const char *const ttl[] = {" 1",  " 1",  " 2",  " 30",   " 59", " 60",
                                      " 61", " 62", " 63", " 3600", " -1", " 121"};
    if (md_chance(p->g.r, per_1024))
        md_gen_put(&p->g, ttl[md_pick(p->g.r, MD_COUNT(ttl))]);
    else
        md_gen_put(&p->g, " 0");
}

/* ---- stores ------------------------------------------------------------------------------ */

static void md_number_value(struct md_pressure *p, struct md_gen_value *v) {
    static const char *const numbers[] = {"9", "99", "10", "100", "5", "999999999"};
    const char *text = numbers[md_pick(p->g.r, MD_COUNT(numbers))];
    *v = (struct md_gen_value){.len = (uint32_t)strlen(text), .counter = true};
    memcpy(v->bytes, text, v->len);
}

static void md_put_data(struct md_pressure *p, const struct md_gen_value *v) {
    md_step_bytes(p->g.out, v->bytes, v->len);
    if (v->fill)
        md_gen_put_fill(&p->g, v->fill, v->fill_byte);
}

/* "WORD KEY FLAGS EXPTIME BYTES" */
static void md_store_line(struct md_pressure *p, const char *word, const struct md_pool_keys *k,
                          unsigned n, bool flags, uint32_t size) {
    /* Nobody puts noreply behind an ms. */
    bool meta = !p->quiet && strcmp(word, "set") == 0 && md_chance(p->g.r, 150);
    md_gen_put(&p->g, meta ? "ms" : word);
    md_put_key(p, k, n);
    if (meta) {
        md_put_number(p, size);
        md_gen_put(&p->g, flags ? " F7" : md_chance(p->g.r, 200) ? " T60" : "");
    } else {
        md_gen_put(&p->g, flags ? " 7" : " 0");
        md_put_ttl(p, p->ttl);
        md_put_number(p, size);
    }
    p->commands++;
    p->bytes += size;
}

/* Stores an item of `total` bytes under key n of the pool. */
static void md_store_sized(struct md_pressure *p, const char *word, const struct md_pool_keys *k,
                           unsigned n, uint32_t total) {
    char key[MD_KEY_TEXT];
    struct md_gen_value v;
    bool flags = md_chance(p->g.r, p->flags);
    size_t len = md_key_text(k, n, key);
    uint32_t beside = md_beside_data(p->g.cas, len, flags);
    if (k->counters && total == k->usual)
        md_number_value(p, &v);
    else
        md_gen_serial_value(&p->g, total > beside ? total - beside : 0, &v);
    md_store_line(p, word, k, n, flags, v.len + v.fill);
    if (word[0] == 'c') {
        md_step_bytes(p->g.out, " ", 1);
        md_part_set(md_step_part(p->g.out, MD_PART_CAS), key, len);
    }
    if (md_chance(p->g.r, p->quiet))
        md_gen_put(&p->g, " noreply");
    md_gen_put(&p->g, "\r\n");
    md_put_data(p, &v);
    md_gen_put(&p->g, "\r\n");
}

static bool md_spent(const struct md_pressure *p) {
    return p->bytes >= p->most_bytes || p->commands >= p->most_commands;
}

static void md_store_next(struct md_pressure *p, struct md_pool_keys *k) {
    unsigned n = k->begun++;
    md_store_sized(p, "set", k, n, md_some_size(p, k));
}

void md_press_fill(struct md_pressure *p, unsigned pool) {
    struct md_pool_keys *k = &p->pool[pool];
    unsigned quiet = p->quiet, features = p->features;
    unsigned n = k->capacity + md_pick(p->g.r, 6);
    for (unsigned i = 0; i < pool; i++)
        if (p->pool[i].class == k->class)
            n = md_pick(p->g.r, 4);
    /* To be full for sure: all of one size, mostly. */
    if (md_chance(p->g.r, 800))
        p->features &= ~(unsigned)MD_PRESS_BORDER;
    if (n > 2 * MD_FEW_KEYS && !p->options->segmented)
        p->quiet = 1000;
    while (n-- && p->bytes < p->most_bytes)
        md_store_next(p, k);
    p->quiet = quiet;
    p->features = features;
}

void md_press_flood(struct md_pressure *p) {
    struct md_pool_keys *k = md_some_pool(p);
    unsigned many = k->capacity / 2 < MD_FLOOD_KEYS ? k->capacity / 2 + 1 : MD_FLOOD_KEYS;
    unsigned n = 1 + md_pick(p->g.r, md_chance(p->g.r, 300) ? many : 6);
    if (md_chance(p->g.r, 700)) {
        while (n-- && !md_spent(p))
            md_store_next(p, k);
        return;
    }
    /* Keys that are there, or were. */
    for (unsigned key = md_some_key(p, k); n-- && key < k->begun && !md_spent(p); key++)
        md_store_sized(p, "set", k, key, md_some_size(p, k));
}

/* What brings an item of the usual size just under, to, or just over the border of its class. */
static void md_put_piece(struct md_pressure *p, const char *word, const struct md_pool_keys *k,
                         unsigned n) {
    struct md_gen_value v;
    bool flags = md_chance(p->g.r, p->flags);
    uint32_t size = md_pick(p->g.r, 30);
    if (md_chance(p->g.r, 400) && md_affords(p, k->most - k->usual))
        size = k->most - k->usual + md_pick(p->g.r, 3);
    if (k->counters)
        size = md_pick(p->g.r, 3);
    md_gen_serial_value(&p->g, size, &v);
    md_store_line(p, word, k, n, flags, v.len + v.fill);
    md_gen_put(&p->g,
               md_chance(p->g.r, p->quiet) && !p->options->segmented ? " noreply\r\n" : "\r\n");
    md_put_data(p, &v);
    md_gen_put(&p->g, "\r\n");
}

static void md_store_as(struct md_pressure *p, const char *word, const struct md_pool_keys *k,
                        unsigned n) {
    if (strcmp(word, "append") == 0 || strcmp(word, "prepend") == 0)
        md_put_piece(p, word, k, n);
    else
        md_store_sized(p, word, k, n, md_some_size(p, k));
}

void md_press_store(struct md_pressure *p) {
    static const char *const words[] = {"set", "add", "replace", "append", "prepend", "add"};
    const struct md_pool_keys *k = md_some_pool(p);
    md_store_as(p, words[md_pick(p->g.r, MD_COUNT(words))], k, md_some_key(p, k));
}

void md_press_chain(struct md_pressure *p) {
    static const char *const words[] = {"append", "prepend", "replace", "replace", "append", "set"};
    const struct md_pool_keys *k = md_some_pool(p);
    unsigned n = 2 + md_pick(p->g.r, 7), key = md_some_key(p, k);
    while (n-- && !md_spent(p)) {
        md_store_as(p, words[md_pick(p->g.r, MD_COUNT(words))], k, key);
        if (md_chance(p->g.r, 200))
            key = md_some_key(p, k);
    }
}

/* First gets; the send ends there, so that the next can use what it showed. */
void md_press_gets_cas(struct md_pressure *p) {
    if (p->cas_wanted) {
        const struct md_pool_keys *k = &p->pool[p->cas_pool];
        p->cas_wanted = false;
        md_store_as(p, "cas", k, p->cas_key);
        return;
    }
    p->cas_pool = md_pick(p->g.r, p->n_pools);
    p->cas_key = md_some_key(p, &p->pool[p->cas_pool]);
    p->cas_wanted = p->send_ends = true;
    md_gen_put(&p->g, "gets");
    md_put_key(p, &p->pool[p->cas_pool], p->cas_key);
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

/* An item that is kept in chunks, where the options allow one. */
void md_press_chunked(struct md_pressure *p) {
    uint32_t from = p->options->slab_chunk_max, to = p->options->item_size_max;
    const struct md_pool_keys *k = md_some_pool(p);
    if (to <= from)
        return;
    uint32_t chunks = 1 + md_pick(p->g.r, to / from);
    uint32_t total = md_chance(p->g.r, 500) ? from + 1 + md_pick(p->g.r, to - from)
                                            : chunks * from + md_pick(p->g.r, 200);
    if (!md_affords(p, total / 4))
        total = from + 1 + md_pick(p->g.r, 200);
    else if (md_chance(p->g.r, 600)) /* its last chunk is to come from the pool's own class */
        total = chunks * (from - MD_CHUNK_HEADER) + k->usual + MD_CHUNK_HEADER;
    md_store_sized(p, md_chance(p->g.r, 700) ? "set" : "replace", k,
                   md_chance(p->g.r, 500) ? k->begun : md_some_key(p, k), total > to ? to : total);
}

void md_press_too_large(struct md_pressure *p) {
    static const char *const words[] = {"set", "set", "add", "replace", "append"};
    const struct md_pool_keys *k = md_some_pool(p);
    uint32_t total = p->options->item_size_max + md_pick(p->g.r, 3);
    if (!md_affords(p, total))
        return;
    const char *word = words[md_pick(p->g.r, MD_COUNT(words))];
    md_store_sized(p, word, k, md_some_key(p, k), total);
}

uint32_t md_press_half_store(struct md_pressure *p, uint8_t *byte) {
    const struct md_pool_keys *k = md_some_pool(p);
    struct md_gen_value v;
    uint32_t total = md_some_size(p, k), chunk = p->options->slab_chunk_max;
    if (p->options->item_size_max > chunk && md_affords(p, chunk / 2))
        total = chunk + md_pick(p->g.r, p->options->item_size_max - chunk) + 1;
    md_gen_serial_value(&p->g, total > 100 ? total - 100 : 1, &v);
    md_store_line(p, md_chance(p->g.r, 800) ? "set" : "replace", k, md_some_key(p, k), false,
                  v.len + v.fill);
    md_gen_put(&p->g, "\r\n");
    uint32_t left = v.fill ? md_pick(p->g.r, v.fill) + 1 : 0;
    v.fill -= left;
    *byte = v.fill_byte;
    md_put_data(p, &v);
    return left;
}

/* ---- use --------------------------------------------------------------------------------- */

/* By a meta command: with u nothing moves; what an mg shows is held until the batch ends. */
static void md_read_by_meta(struct md_pressure *p, const struct md_pool_keys *k) {
    static const char *const flags[] = {"",     " v",      " v u",   " u l h", " s t q",
                                        " h l", " T0 v k", " R30 t", " c f u", " N0"};
    bool looks = md_pick(p->g.r, 4) == 0;
    md_gen_put(&p->g, looks ? "me" : "mg");
    md_put_key(p, k, md_some_key(p, k));
    if (!looks)
        md_gen_put(&p->g, flags[md_pick(p->g.r, MD_COUNT(flags))]);
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

static void md_read_keys(struct md_pressure *p, const struct md_pool_keys *k, unsigned n) {
    static const char *const words[] = {"get", "get", "gets", "gat", "touch", "touch"};
    const char *word = words[md_pick(p->g.r, MD_COUNT(words))];
    if (md_chance(p->g.r, 250)) {
        md_read_by_meta(p, k);
        return;
    }
    md_gen_put(&p->g, word);
    if (strcmp(word, "gat") == 0)
        md_put_ttl(p, p->ttl);
    for (unsigned i = 0; i < n; i++) {
        md_put_key(p, k, md_some_key(p, k));
        if (word[0] == 't')
            break;
    }
    if (word[0] == 't')
        md_put_ttl(p, p->ttl);
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

void md_press_read(struct md_pressure *p) {
    const struct md_pool_keys *k = md_some_pool(p);
    /* What is read comes back: large values one at a time. */
    md_read_keys(p, k, k->usual < 20000 ? 1 + md_pick(p->g.r, 4) : 1);
}

/* Keys that are gone, most likely. */
void md_press_gone(struct md_pressure *p) {
    const struct md_pool_keys *k = md_some_pool(p);
    unsigned tail = md_tail(k);
    md_gen_put(&p->g, "get");
    for (unsigned i = 0; i < 3; i++)
        md_put_key(p, k, tail > i ? tail - i - 1 : md_pick(p->g.r, k->begun + 1));
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

void md_press_counter(struct md_pressure *p) {
    static const char *const deltas[] = {" 1", " 1", " 0", " 9", " 90", " 9999999"};
    struct md_pool_keys *k = md_some_pool(p);
    unsigned n = md_some_key(p, k);
    if (!k->counters) {
        struct md_gen_value v;
        md_number_value(p, &v);
        md_store_line(p, "set", k, n, false, v.len);
        md_gen_put(&p->g, "\r\n");
        md_put_data(p, &v);
        md_gen_put(&p->g, "\r\n");
    }
    for (unsigned i = 1 + md_pick(p->g.r, 3); i > 0; i--) {
        bool meta = md_chance(p->g.r, 200), incr = md_chance(p->g.r, 700);
        const char *delta = deltas[md_pick(p->g.r, MD_COUNT(deltas))];
        md_gen_put(&p->g, meta ? "ma" : incr ? "incr" : "decr");
        md_put_key(p, k, n);
        if (meta)
            md_gen_put(&p->g, incr ? " v D" : " MD D");
        md_gen_put(&p->g, delta + meta);
        md_gen_put(&p->g, "\r\n");
        p->commands++;
        if (k->counters)
            n = md_some_key(p, k);
    }
}

void md_press_early(struct md_pressure *p) {
    md_gen_put(&p->g, "set n 7 0 2\r\n99\r\n");
    p->commands++;
}

/* Small items until the last chunk that large ones had no use for is taken; then the counter that was
 * there before has to grow. */
void md_press_brim(struct md_pressure *p) {
    enum { CHUNKS = 80 };
    for (unsigned i = 0; i < CHUNKS; i++) {
        md_gen_put(&p->g, "set z");
        md_gen_put_u64(&p->g, i);
        md_gen_put(&p->g, " 0 0 1 noreply\r\nz\r\n");
        p->commands++;
    }
    md_gen_put(&p->g, "incr n 1\r\nget n\r\n");
    p->commands += 2;
}

void md_press_delete(struct md_pressure *p) {
    const struct md_pool_keys *k = md_some_pool(p);
    for (unsigned i = 1 + md_pick(p->g.r, 2); i > 0; i--) {
        md_gen_put(&p->g, "delete");
        md_put_key(p, k, md_some_key(p, k));
        md_gen_put(&p->g, "\r\n");
        p->commands++;
    }
}

/* ---- the node as a whole ----------------------------------------------------------------- */

void md_press_flush(struct md_pressure *p) {
    static const char *const delays[] = {"", "", "", " 0", " 1", " 2", " 60", " -1"};
    unsigned n = p->options->segmented ? 4 : MD_COUNT(delays);
    if (p->options->segmented && !p->options->cas)
        return;
    md_gen_put(&p->g, "flush_all");
    md_gen_put(&p->g, delays[md_pick(p->g.r, n)]);
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

static void md_put_stats(struct md_pressure *p, const char *what) {
    md_gen_put(&p->g, "stats");
    md_gen_put(&p->g, what);
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

static void md_put_dump(struct md_pressure *p) {
    if (p->options->segmented) /* in an order that is not told */
        return;
    md_gen_put(&p->g, "stats cachedump");
    md_put_number(p, md_some_pool(p)->class);
    md_put_number(p, md_chance(p->g.r, 800) ? 0 : 1 + md_pick(p->g.r, 3));
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}

void md_press_stats(struct md_pressure *p) {
    switch (md_pick(p->g.r, 8)) {
    case 0: md_put_stats(p, ""); break;
    case 1:
    case 2: md_put_stats(p, " items"); break;
    case 3:
    case 4: md_put_stats(p, " slabs"); break;
    case 5: md_put_stats(p, md_chance(p->g.r, 300) ? " reset" : " items"); break;
    default: md_put_dump(p); break;
    }
}

void md_press_look(struct md_pressure *p) {
    md_put_stats(p, "");
    md_put_stats(p, " items");
    md_put_stats(p, " slabs");
    md_put_dump(p);
    md_press_gone(p);
}

void md_press_limit(struct md_pressure *p) {
    static const uint8_t limits[] = {8, 8, 8, 8, 9, 10, 12, 16, 64, 7, 7, 1, 0};
    md_gen_put(&p->g, "cache_memlimit");
    md_put_number(p, limits[md_pick(p->g.r, MD_COUNT(limits))]);
    md_gen_put(&p->g, "\r\n");
    p->commands++;
}
