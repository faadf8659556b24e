/* The tables and the encoding of sequences of calls; see client_calls.h. */
#include "harness/client_calls.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define STORES (MD_CLIENT_F_KEY | MD_CLIENT_F_VALUE | MD_CLIENT_F_EXPTIME | MD_CLIENT_F_FLAGS)
#define COUNTS (MD_CLIENT_F_KEY | MD_CLIENT_F_OFFSET)
#define SEEDS (COUNTS | MD_CLIENT_F_INITIAL | MD_CLIENT_F_EXPTIME)

static const struct {
    const char *name;
    unsigned fields;
} ops[MD_CLIENT_OPS] = {
    [MD_CLIENT_SET] = {"set", STORES},
    [MD_CLIENT_ADD] = {"add", STORES},
    [MD_CLIENT_REPLACE] = {"replace", STORES},
    [MD_CLIENT_APPEND] = {"append", STORES},
    [MD_CLIENT_PREPEND] = {"prepend", STORES},
    [MD_CLIENT_CAS] = {"cas", STORES | MD_CLIENT_F_CAS},
    [MD_CLIENT_GET] = {"get", MD_CLIENT_F_KEY},
    [MD_CLIENT_MGET] = {"mget", MD_CLIENT_F_KEYS},
    [MD_CLIENT_FETCH] = {"fetch", 0},
    [MD_CLIENT_FETCH_RESULT] = {"fetch_result", 0},
    [MD_CLIENT_INCREMENT] = {"increment", COUNTS},
    [MD_CLIENT_DECREMENT] = {"decrement", COUNTS},
    [MD_CLIENT_INCREMENT_INITIAL] = {"increment_with_initial", SEEDS},
    [MD_CLIENT_DECREMENT_INITIAL] = {"decrement_with_initial", SEEDS},
    [MD_CLIENT_TOUCH] = {"touch", MD_CLIENT_F_KEY | MD_CLIENT_F_EXPTIME},
    [MD_CLIENT_EXIST] = {"exist", MD_CLIENT_F_KEY},
    [MD_CLIENT_DELETE] = {"delete", MD_CLIENT_F_KEY | MD_CLIENT_F_SECONDS},
    [MD_CLIENT_FLUSH] = {"flush", MD_CLIENT_F_SECONDS},
    [MD_CLIENT_FLUSH_BUFFERS] = {"flush_buffers", 0},
    [MD_CLIENT_STAT] = {"stat", 0},
    [MD_CLIENT_ADD_SERVER] = {"server_add_unix_socket", 0},
    [MD_CLIENT_BEHAVIOR] = {"behavior_set", MD_CLIENT_F_SETTING},
    [MD_CLIENT_NAMESPACE] = {"callback_set", MD_CLIENT_F_NAMESPACE},
    [MD_CLIENT_QUIT] = {"quit", 0},
    [MD_CLIENT_CLONE] = {"clone", 0},
    [MD_CLIENT_CLOCK] = {"clock", MD_CLIENT_F_SECONDS},
    [MD_CLIENT_LOOK] = {"look", MD_CLIENT_F_KEY},
};

static const char *const settings[MD_CLIENT_SETTINGS] = {
    "MEMCACHED_BEHAVIOR_BINARY_PROTOCOL",
    "MEMCACHED_BEHAVIOR_BUFFER_REQUESTS",
    "MEMCACHED_BEHAVIOR_NOREPLY",
    "MEMCACHED_BEHAVIOR_SUPPORT_CAS",
    "MEMCACHED_BEHAVIOR_NO_BLOCK",
    "MEMCACHED_BEHAVIOR_VERIFY_KEY",
    "MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY",
};

#define LITERAL(text)                                                                              \
    { text, sizeof(text) - 1, 1 }

/* The first few are what most calls use, so that they meet. */
static const struct md_client_bytes keys[] = {
    LITERAL("a"),    LITERAL("b"),        LITERAL("c"),    LITERAL("counter"),
    {"k", 1, 250},   {"k", 1, 251},       {"k", 1, 249},   {"k", 1, 240},
    {"k", 1, 122},   LITERAL("\xc3\xa9"), LITERAL(""),     LITERAL("a b"),
    LITERAL("a\tb"), LITERAL("a\r\nb"),   LITERAL("a\0b"), {"k", 1, 1000},
};

static const struct md_client_bytes values[] = {
    LITERAL("x"),
    LITERAL(""),
    LITERAL("0"),
    LITERAL("10"),
    LITERAL("99"),
    LITERAL("18446744073709551615"),
    LITERAL("18446744073709551614"),
    LITERAL("9223372036854775807"),
    LITERAL("18446744073709551616"),
    LITERAL("-1"),
    LITERAL(" 5"),
    LITERAL("5 "),
    LITERAL("abc"),
    LITERAL("\r\n"),
    LITERAL("END\r\n"),
    LITERAL("get a"),
    LITERAL("flush_all"),
    LITERAL("a\0b"),
    {"v", 1, 100},
    {"v", 1, 345}, /* a reply line of the client's 350 bytes */
    {"v", 1, 1023},
    {"v", 1, 1024},
    {"v", 1, 8100}, /* a buffered command of the client's 8196 bytes */
    {"v", 1, 8168},
    {"v", 1, 8196},
    {"v", 1, 16384},
    {"v", 1, 70000},
    {"v", 1, 1000000},
    {"v", 1, 1048576}, /* over the item size limit with its header */
    {"v", 1, 1100000},
};

static const struct md_client_bytes namespaces[] = {
    LITERAL("n:"), {NULL, 0, 0}, {"n", 1, 127}, {"n", 1, 128}, LITERAL("n m"), {"n", 1, 10},
};

static const int64_t exptimes[] = {
    0,          1,          2,          30,         -1,         2592000,    2592001, 999999999,
    1000000002, 2147483647, 2147483648, 4294967295, 4294967296, 4294967298, -2,
};

static const uint32_t flags[] = {0, 1, 65535, 65536, 2147483648U, 4294967295U};

static const uint64_t numbers[] = {
    1, 0, 2, 10, 4294967295U, 4294967296U, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX,
};

static const uint32_t seconds[] = {0, 1, 2, 29, 30, 31, 60};

static const struct md_client_cas cas_values[] = {
    {true, 0}, {true, 1}, {false, 0}, {false, 1}, {false, UINT64_MAX},
};

const char *md_client_op_name(enum md_client_op op) { return ops[op].name; }
unsigned md_client_op_fields(enum md_client_op op) { return ops[op].fields; }
const char *md_client_setting_constant(enum md_client_setting s) { return settings[s]; }
struct md_client_bytes md_client_key(uint8_t i) {
    return keys[i % COUNT(keys)];
}
struct md_client_bytes md_client_value(uint8_t i) {
    return values[i % COUNT(values)];
}
struct md_client_bytes md_client_namespace(uint8_t i) {
    return namespaces[i % COUNT(namespaces)];
}
int64_t md_client_exptime(uint8_t i) { return exptimes[i % COUNT(exptimes)]; }
uint32_t md_client_flags(uint8_t i) { return flags[i % COUNT(flags)]; }
uint64_t md_client_number(uint8_t i) { return numbers[i % COUNT(numbers)]; }
uint32_t md_client_seconds(uint8_t i) { return seconds[i % COUNT(seconds)]; }
struct md_client_cas md_client_cas(uint8_t i) {
    return cas_values[i % COUNT(cas_values)];
}

void md_client_bytes_append(struct md_buf *out, struct md_client_bytes b) {
    if (b.len == 1) {
        md_buf_fill(out, (uint8_t)*b.text, b.times);
        return;
    }
    for (uint32_t i = 0; i < b.times; i++)
        md_buf_append(out, b.text, b.len);
}

/* ---- encoding -------------------------------------------------------------------------------- */

struct cursor {
    const uint8_t *at, *end;
};

static uint8_t take(struct cursor *c, size_t n) {
    return (uint8_t)(c->at < c->end ? *c->at++ % n : 0);
}

/* One walk over the fields serves decoding (from a cursor) and encoding (into a buffer). */
struct walk {
    struct cursor *in;
    struct md_buf *out;
};

static void field(struct walk *w, uint8_t *value, size_t n) {
    if (w->in)
        *value = take(w->in, n);
    else
        md_buf_byte(w->out, *value);
}

static void walk_call(struct walk *w, struct md_client_call *c) {
    field(w, &c->op, MD_CLIENT_OPS);
    unsigned f = ops[c->op].fields;
    if (f & MD_CLIENT_F_KEY)
        field(w, &c->key, COUNT(keys));
    if (f & MD_CLIENT_F_KEYS) {
        uint8_t less = (uint8_t)(c->n_keys - 1);
        field(w, &less, MD_CLIENT_KEYS_MAX);
        c->n_keys = (uint8_t)(less + 1);
        for (uint8_t i = 0; i < c->n_keys; i++)
            field(w, &c->keys[i], COUNT(keys));
    }
    if (f & MD_CLIENT_F_VALUE)
        field(w, &c->value, COUNT(values));
    if (f & MD_CLIENT_F_OFFSET)
        field(w, &c->offset, COUNT(numbers));
    if (f & MD_CLIENT_F_INITIAL)
        field(w, &c->initial, COUNT(numbers));
    if (f & MD_CLIENT_F_EXPTIME)
        field(w, &c->exptime, COUNT(exptimes));
    if (f & MD_CLIENT_F_FLAGS)
        field(w, &c->flags, COUNT(flags));
    if (f & MD_CLIENT_F_CAS)
        field(w, &c->cas, COUNT(cas_values));
    if (f & MD_CLIENT_F_SECONDS)
        field(w, &c->seconds, COUNT(seconds));
    if (f & MD_CLIENT_F_NAMESPACE)
        field(w, &c->namespace, COUNT(namespaces));
    if (f & MD_CLIENT_F_SETTING) {
        field(w, &c->setting, MD_CLIENT_SETTINGS);
        field(w, &c->on, 2);
    }
}

void md_client_decode(struct md_client_sequence *s, const uint8_t *bytes, size_t len) {
    struct cursor c = {bytes, bytes + len};
    struct walk w = {.in = &c};
    *s = (struct md_client_sequence){0};
    while (c.at < c.end && s->n < MD_CLIENT_CALLS_MAX)
        walk_call(&w, &s->calls[s->n++]);
}

void md_client_encode(const struct md_client_sequence *s, struct md_buf *out) {
    struct walk w = {.out = out};
    for (size_t i = 0; i < s->n; i++) {
        struct md_client_call c = s->calls[i];
        walk_call(&w, &c);
    }
}

bool md_client_equal(const struct md_client_sequence *a, const struct md_client_sequence *b) {
    struct md_buf x = {0}, y = {0};
    md_client_encode(a, &x);
    md_client_encode(b, &y);
    bool equal = x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
    md_buf_free(&x);
    md_buf_free(&y);
    return equal;
}
