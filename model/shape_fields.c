/* The lines of replies known by shape: which fields they have, and of which type; see shape.h. */
#include "model/internal.h"
#include "model/shape.h"

#include <stdio.h>
#include <stdlib.h>

struct text {
    const uint8_t *s;
    size_t n;
};
#define NO_TEXT ((struct text){(const uint8_t *)"", 0})

/* ---- types -------------------------------------------------------------------------------------- */

enum type { U32, U64, INT, FLOAT, OCTAL, YESNO, ONOFF, CHAR, TEXT, STATE };

static const char *const type_names[] = {[U32] = "a 32-bit unsigned number",
                                         [U64] = "a 64-bit unsigned number",
                                         [INT] = "a number",
                                         [FLOAT] = "a decimal fraction",
                                         [OCTAL] = "an octal number",
                                         [YESNO] = "yes or no",
                                         [ONOFF] = "on or off",
                                         [CHAR] = "one character",
                                         [TEXT] = "text",
                                         [STATE] = "the state of a connection"};

static bool is(struct text t, const char *s) {
    return strlen(s) == t.n && t.s && memcmp(t.s, s, t.n) == 0;
}

static bool digits(struct text t, uint8_t last) {
    for (size_t i = 0; i < t.n; i++)
        if (t.s[i] < '0' || t.s[i] > last)
            return false;
    return t.n > 0;
}

static bool number(struct text t, uint64_t max, uint64_t *out) {
    struct md_number v = md_number_unsigned(t.s, t.n);
    *out = v.value;
    return v.proper && v.value <= max;
}

static bool fraction(struct text t) {
    if (is(t, "nan") || is(t, "-nan") || is(t, "inf") || is(t, "-inf")) /* it was set so */
        return true;
    if (t.n && t.s[0] == '-')
        t.s++, t.n--;
    const uint8_t *dot = t.n ? memchr(t.s, '.', t.n) : NULL;
    if (!dot)
        return digits(t, '9');
    size_t n = (size_t)(dot - t.s);
    return digits((struct text){t.s, n}, '9') && digits((struct text){dot + 1, t.n - n - 1}, '9');
}

/* protocol.txt "Connection statistics", and what it leaves out (conn_watch and those behind it). */
static bool state(struct text t) {
    static const char *const states[] = {
        "conn_closing",   "conn_listening", "conn_mwrite",   "conn_new_cmd",   "conn_nread",
        "conn_parse_cmd", "conn_read",      "conn_swallow",  "conn_waiting",   "conn_write",
        "conn_watch",     "conn_closed",    "conn_io_queue", "conn_io_resume", "conn_io_pending"};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (is(t, states[i]))
            return true;
    return false;
}

static bool of_type(struct text t, enum type type) {
    uint64_t v;
    switch (type) {
    case U32: return number(t, UINT32_MAX, &v);
    case U64: return number(t, UINT64_MAX, &v);
    case INT: return md_number_signed(t.s, t.n).proper;
    case FLOAT: return fraction(t);
    case OCTAL: return digits(t, '7');
    case YESNO: return is(t, "yes") || is(t, "no");
    case ONOFF: return is(t, "on") || is(t, "off");
    case CHAR: return t.n == 1;
    case STATE: return state(t);
    case TEXT: break;
    }
    return t.n > 0;
}

static int shown(size_t n) { return n < 40 ? (int)n : 40; }

static bool mistyped(struct md_shape_check *c, const char *field, struct text t, enum type type) {
    return md_shape_wrong(c, field, "expected %s, observed %.*s", type_names[type], shown(t.n),
                          (const char *)t.s);
}

/* ---- STAT name value ---------------------------------------------------------------------------- */

static bool stat_line(struct md_shape_check *c, const uint8_t *line, size_t n, struct text *name,
                      struct text *value) {
    const uint8_t *blank = n > 5 ? memchr(line + 5, ' ', n - 5) : NULL;
    if (n < 6 || memcmp(line, "STAT ", 5) != 0 || !blank || blank == line + 5)
        return md_shape_wrong(c, "shape", "not \"STAT name value\": %.*s", shown(n),
                              (const char *)line);
    *name = (struct text){line + 5, (size_t)(blank - line) - 5};
    *value = (struct text){blank + 1, n - name->n - 6};
    return true;
}

bool md_shape_stat(struct md_shape_check *c, const uint8_t *line, size_t n) {
    struct text name = NO_TEXT, value = NO_TEXT;
    return stat_line(c, line, n, &name, &value);
}

/* protocol.txt "Settings statistics", with the names that are sent; what a version or build may leave
 * out is checked where it is there. */
static const struct {
    const char *name;
    enum type type;
} settings[] = {
    {"maxbytes", U64},
    {"maxconns", INT},
    {"tcpport", INT},
    {"udpport", INT},
    {"inter", TEXT},
    {"verbosity", INT},
    {"oldest", U32},
    {"evictions", ONOFF},
    {"domain_socket", TEXT},
    {"umask", OCTAL},
    {"shutdown_command", YESNO},
    {"growth_factor", FLOAT},
    {"chunk_size", INT},
    {"num_threads", INT},
    {"num_threads_per_udp", INT},
    {"stat_key_prefix", CHAR},
    {"detail_enabled", YESNO},
    {"reqs_per_event", INT},
    {"cas_enabled", YESNO},
    {"tcp_backlog", INT},
    {"binding_protocol", TEXT},
    {"auth_enabled_sasl", YESNO},
    {"auth_enabled_ascii", TEXT},
    {"item_size_max", U64},
    {"maxconns_fast", YESNO},
    {"hashpower_init", INT},
    {"slab_reassign", YESNO},
    {"slab_automove", INT},
    {"slab_automove_ratio", FLOAT},
    {"slab_automove_window", U32},
    {"slab_automove_freeratio", FLOAT},
    {"slab_chunk_max", INT},
    {"lru_crawler", YESNO},
    {"lru_crawler_sleep", INT},
    {"lru_crawler_tocrawl", U32},
    {"tail_repair_time", INT},
    {"flush_enabled", YESNO},
    {"dump_enabled", YESNO},
    {"hash_algorithm", TEXT},
    {"lru_maintainer_thread", YESNO},
    {"lru_segmented", YESNO},
    {"hot_lru_pct", INT},
    {"warm_lru_pct", INT},
    {"hot_max_factor", FLOAT},
    {"warm_max_factor", FLOAT},
    {"temp_lru", YESNO},
    {"temporary_ttl", U32},
    {"idle_timeout", INT},
    {"watcher_logbuf_size", U32},
    {"worker_logbuf_size", U32},
    {"read_buf_mem_limit", U32},
    {"track_sizes", YESNO},
    {"inline_ascii_response", YESNO},
    {"drop_privileges", YESNO},
    {"ext_item_size", U32},
    {"ext_item_age", U32},
    {"ext_low_ttl", U32},
    {"ext_recache_rate", U32},
    {"ext_wbuf_size", U32},
    {"ext_compact_under", U32},
    {"ext_drop_under", U32},
    {"ext_max_sleep", U32},
    {"ext_max_frag", FLOAT},
    {"ext_drop_unread", YESNO},
    {"ssl_enabled", YESNO},
    {"ssl_verify_mode", INT},
    {"ssl_keyformat", INT},
    {"ssl_wbuf_size", U32},
    {"ssl_session_cache", YESNO},
    {"ssl_kernel_tls", YESNO},
    {"proxy_enabled", YESNO},
    {"proxy_uring_enabled", YESNO},
    {"client_flags_size", INT},
};

bool md_shape_setting(struct md_shape_check *c, const uint8_t *line, size_t n) {
    const struct md_shape_note *note = c->note;
    struct text name = NO_TEXT, value = NO_TEXT;
    if (!stat_line(c, line, n, &name, &value))
        return false;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (is(name, settings[i].name) && !of_type(value, settings[i].type))
            return mistyped(c, settings[i].name, value, settings[i].type);
    for (size_t i = 0; i < note->n_fields; i++) {
        const struct md_expected_field *f = &note->fields[i];
        if (!is(name, f->name))
            continue;
        if (c->seen[i])
            return md_shape_wrong(c, f->name, "shown twice");
        c->seen[i] = true;
        if (!is(value, f->text))
            return md_shape_wrong(c, f->name, "expected %s, observed %.*s", f->text, shown(value.n),
                                  (const char *)value.s);
    }
    return true;
}

bool md_shape_all_fields(struct md_shape_check *c) {
    for (size_t i = 0; i < c->note->n_fields; i++)
        if (!c->seen[i])
            return md_shape_wrong(c, c->note->fields[i].name, "missing");
    return true;
}

/* protocol.txt "Item size statistics": a size within 32 bytes, and how many items have it. */
bool md_shape_size(struct md_shape_check *c, const uint8_t *line, size_t n) {
    struct text name = NO_TEXT, value = NO_TEXT;
    uint64_t size, count;
    if (!stat_line(c, line, n, &name, &value))
        return false;
    if (!number(name, UINT32_MAX, &size) || size % 32)
        return md_shape_wrong(c, "size", "expected a multiple of 32, observed %.*s", shown(name.n),
                              (const char *)name.s);
    if (!number(value, UINT32_MAX, &count))
        return mistyped(c, "count", value, U32);
    c->sum += count;
    if (c->sum > c->note->most)
        return md_shape_wrong(c, "count", "%llu items of about %llu bytes, but there are only %llu",
                              (unsigned long long)count, (unsigned long long)size,
                              (unsigned long long)c->note->most);
    return true;
}

/* protocol.txt "Connection statistics": descriptor:field. */
bool md_shape_conn(struct md_shape_check *c, const uint8_t *line, size_t n) {
    static const struct {
        const char *name;
        enum type type;
    } fields[] = {
        {"addr", TEXT}, {"listen_addr", TEXT}, {"state", STATE}, {"secs_since_last_cmd", U32}};
    struct text name = NO_TEXT, value = NO_TEXT;
    if (!stat_line(c, line, n, &name, &value))
        return false;
    const uint8_t *colon = memchr(name.s, ':', name.n);
    size_t before = colon ? (size_t)(colon - name.s) : 0;
    if (!digits((struct text){name.s, before}, '9'))
        return md_shape_wrong(c, "shape", "no descriptor: %.*s", shown(name.n),
                              (const char *)name.s);
    name = (struct text){colon + 1, name.n - before - 1};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (is(name, fields[i].name))
            return of_type(value, fields[i].type) ||
                   mistyped(c, fields[i].name, value, fields[i].type);
    return true; /* "may be present": others may as well */
}

/* ---- words: name value, name=value ---------------------------------------------------------------- */

static struct text next_word(struct text *rest) {
    const uint8_t *blank = rest->n ? memchr(rest->s, ' ', rest->n) : NULL;
    size_t n = blank ? (size_t)(blank - rest->s) : rest->n, step = blank ? n + 1 : n;
    struct text w = {rest->s, n};
    rest->s += step;
    rest->n -= step;
    return w;
}

/* PREFIX name get N hit N set N del N */
bool md_shape_prefix(struct md_shape_check *c, const uint8_t *line, size_t n) {
    static const char *const counts[] = {"get", "hit", "set", "del"};
    struct text rest = {line, n}, value[4];
    if (!is(next_word(&rest), "PREFIX"))
        return md_shape_wrong(c, "shape", "not \"PREFIX name ...\"");
    /* A prefix holds any byte but a blank; it may be empty. */
    next_word(&rest);
    for (size_t i = 0; i < 4; i++) {
        struct text name = next_word(&rest);
        value[i] = next_word(&rest);
        if (!is(name, counts[i]))
            return md_shape_wrong(c, counts[i], "missing");
        if (!of_type(value[i], U64))
            return mistyped(c, counts[i], value[i], U64);
    }
    uint64_t get, hit;
    if (number(value[0], UINT64_MAX, &get) && number(value[1], UINT64_MAX, &hit) && hit > get)
        return md_shape_wrong(c, "hit", "more hits than gets");
    return rest.n == 0 || md_shape_wrong(c, "shape", "more than \"PREFIX name get hit set del\"");
}

/* ---- items ---------------------------------------------------------------------------------------- */

/* The index of the expected item of that key; n_items: there is none. */
static size_t find_item(const struct md_shape_check *c, const uint8_t *key, size_t n) {
    for (size_t i = 0; i < c->note->n_items; i++) {
        const struct md_record *r = &c->m->records[c->note->items[i].record];
        if (r->nkey == n && memcmp(r->key, key, n) == 0)
            return i;
    }
    return c->note->n_items;
}

/* The item that a line tells of; NULL: the line is wrong. */
static const struct md_expected_item *known_item(struct md_shape_check *c, const uint8_t *key,
                                                 size_t n) {
    size_t i = find_item(c, key, n);
    if (i == c->note->n_items) {
        md_shape_wrong(c, "key", "no such item is alive: %.*s", shown(n), (const char *)key);
        return NULL;
    }
    if (c->seen[i]) {
        md_shape_wrong(c, "key", "shown twice: %.*s", shown(n), (const char *)key);
        return NULL;
    }
    c->seen[i] = true;
    return &c->note->items[i];
}

bool md_shape_all_items(struct md_shape_check *c) {
    for (size_t i = 0; i < c->note->n_items; i++) {
        const struct md_record *r = &c->m->records[c->note->items[i].record];
        if (c->note->items[i].certain && !c->seen[i])
            return md_shape_wrong(c, "key", "missing: %.*s", shown(r->nkey), (const char *)r->key);
    }
    return true;
}

static int hex(uint8_t c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/* URI encoding undone; false: it is none, or too long for a key. */
static bool decode(struct text t, uint8_t key[MD_KEY_MAX], size_t *n) {
    *n = 0;
    for (size_t i = 0; i < t.n; i++) {
        uint8_t byte = t.s[i];
        if (byte <= ' ' || byte > '~' || *n == MD_KEY_MAX)
            return false;
        if (byte == '%') {
            if (t.n - i < 3 || hex(t.s[i + 1]) < 0 || hex(t.s[i + 2]) < 0)
                return false;
            byte = (uint8_t)(hex(t.s[i + 1]) << 4 | hex(t.s[i + 2]));
            i += 2;
        }
        key[(*n)++] = byte;
    }
    return *n > 0;
}

/* The value of the next word "name=value". */
static bool named(struct md_shape_check *c, struct text *rest, const char *name,
                  struct text *value) {
    struct text w = next_word(rest);
    size_t n = strlen(name);
    if (w.n <= n || memcmp(w.s, name, n) != 0 || w.s[n] != '=')
        return md_shape_wrong(c, name, "missing");
    *value = (struct text){w.s + n + 1, w.n - n - 1};
    return true;
}

static bool wants(struct md_shape_check *c, struct text *rest, const char *name, int64_t expected) {
    struct text t = NO_TEXT;
    if (!named(c, rest, name, &t))
        return false;
    struct md_number v = md_number_signed(t.s, t.n);
    return (v.proper && (int64_t)v.value == expected) ||
           md_shape_wrong(c, name, "expected %lld, observed %.*s", (long long)expected, shown(t.n),
                          (const char *)t.s);
}

/* "key=a exp=-1 la=1000000000 cas=1 fetch=no cls=1 size=61"; later versions add flags. */
bool md_shape_meta(struct md_shape_check *c, const uint8_t *line, size_t n) {
    struct text rest = {line, n}, t = NO_TEXT;
    uint8_t key[MD_KEY_MAX];
    size_t nkey;
    uint64_t la = 0;
    if (!named(c, &rest, "key", &t))
        return false;
    if (!decode(t, key, &nkey))
        return md_shape_wrong(c, "key", "not URI encoded");
    const struct md_expected_item *it = known_item(c, key, nkey);
    if (!it || !wants(c, &rest, "exp", it->exp) || !named(c, &rest, "la", &t))
        return false;
    if (!number(t, UINT64_MAX, &la) || la < it->from || la > it->until)
        return md_shape_wrong(c, "la", "expected %llu to %llu, observed %.*s",
                              (unsigned long long)it->from, (unsigned long long)it->until,
                              shown(t.n), (const char *)t.s);
    if (!wants(c, &rest, "cas", (int64_t)it->cas) || !named(c, &rest, "fetch", &t))
        return false;
    if (!is(t, it->fetched ? "yes" : "no"))
        return md_shape_wrong(c, "fetch", "expected %s, observed %.*s", it->fetched ? "yes" : "no",
                              shown(t.n), (const char *)t.s);
    if (!wants(c, &rest, "cls", it->class) || !wants(c, &rest, "size", it->size))
        return false;
    return rest.n == 0 || wants(c, &rest, "flags", it->flags);
}

/* "mg key" or "mg base64 b" */
bool md_shape_mg(struct md_shape_check *c, const uint8_t *line, size_t n) {
    struct text rest = {line, n};
    if (!is(next_word(&rest), "mg"))
        return md_shape_wrong(c, "shape", "not \"mg key\"");
    struct text key = next_word(&rest);
    if (rest.n == 0)
        return known_item(c, key.s, key.n) != NULL;
    return is(rest, "b") || md_shape_wrong(c, "shape", "not \"mg key\" or \"mg key b\"");
}

/* "ITEM key [5 b; 0 s]" */
bool md_shape_cached(struct md_shape_check *c, const uint8_t *line, size_t n) {
    struct text rest = {line, n};
    char tail[64];
    if (!is(next_word(&rest), "ITEM"))
        return md_shape_wrong(c, "shape", "not \"ITEM key [N b; N s]\"");
    struct text key = next_word(&rest);
    const struct md_expected_item *it = known_item(c, key.s, key.n);
    if (!it)
        return false;
    snprintf(tail, sizeof tail, "[%u b; %lld s]", it->nbytes,
             it->exp < 0 ? 0LL : (long long)it->exp);
    return is(rest, tail) || md_shape_wrong(c, "item", "expected %s, observed %.*s", tail,
                                            shown(rest.n), (const char *)rest.s);
}

/* "ts=1000000000.0 gid=1 type=..." or "skipped=N" */
bool md_shape_log_line(const uint8_t *line, size_t n, struct md_buf *why) {
    char field[32];
    struct md_shape_check c = {.field = field, .why = why};
    struct text rest = {line, n}, t = NO_TEXT;
    for (size_t i = 0; i < n; i++)
        if (line[i] < 0x20 || line[i] > 0x7e)
            return md_shape_wrong(&c, "shape", "a byte that is no text");
    if (n > 8 && memcmp(line, "skipped=", 8) == 0)
        return digits((struct text){line + 8, n - 8}, '9') ||
               md_shape_wrong(&c, "skipped", "no number");
    if (!named(&c, &rest, "ts", &t))
        return false;
    if (!fraction(t))
        return mistyped(&c, "ts", t, FLOAT);
    if (!named(&c, &rest, "gid", &t))
        return false;
    if (!of_type(t, U64))
        return mistyped(&c, "gid", t, U64);
    return named(&c, &rest, "type", &t);
}
