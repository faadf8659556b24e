/* Counters and the check of a reply to `stats`; see stats.h. */
#include "model/stats.h"

#include "model/internal.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[MD_STATS] = {
#define X(name) [MD_STAT_##name] = #name,
    MD_COUNTER_LIST(X)
#undef X
};

const char *md_stat_name(enum md_stat stat) { return names[stat]; }

void md_stats_reset(struct md_model *m) {
    uint64_t items = m->stats.count[MD_STAT_curr_items], bytes = m->stats.count[MD_STAT_bytes];
    m->stats = (struct md_stats){0};
    m->segmented.reset = true;
    m->stats.count[MD_STAT_curr_items] = items;
    m->stats.count[MD_STAT_bytes] = bytes;
    for (unsigned c = 0; c < MD_SLAB_CLASSES; c++)
        m->count[c] =
            (struct md_class_count){.number = m->count[c].number, .bytes = m->count[c].bytes};
}

void md_stats_forget(struct md_model *m) {
    for (size_t i = 0; i < m->n_snapshots; i++)
        free(m->snapshots[i].lines);
    m->n_snapshots = 0;
}

/* ---- what ought to be shown ------------------------------------------------------------------- */

/* A count that the documents define more narrowly than a version counts: less `surplus`. */
static uint64_t less(struct md_model *m, uint64_t count, uint64_t surplus, enum md_quirk quirk) {
    return surplus && !md_quirk_applies(m, quirk) ? count - surplus : count;
}

static uint64_t more(struct md_model *m, uint64_t count, uint64_t missing, enum md_quirk quirk) {
    return missing && !md_quirk_applies(m, quirk) ? count + missing : count;
}

static struct md_stats_snapshot *snapshot_new(struct md_model *m) {
    m->snapshots =
        md_grow(m->snapshots, &m->cap_snapshots, m->n_snapshots + 1, sizeof *m->snapshots);
    struct md_stats_snapshot *s = &m->snapshots[m->n_snapshots++];
    s->ordinal = m->command->ordinal;
    s->lines = NULL;
    s->n_lines = s->cap_lines = 0;
    s->by_class = s->packets = false;
    s->segmented = m->options.segmented;
    s->crawled = m->admin.crawled;
    if (s->segmented)
        md_segmented_accounts(m, &s->accounts);
    /* A padded counter counts for more bytes than one that was replaced. */
    for (size_t r = 0; r < m->n_records; r++) {
        int32_t i = m->records[r].item;
        if (i != MD_NIL && m->items[i].open_choice)
            md_stands_on(m, m->items[i].padded_by, MD_CHOICE_PADDING);
    }
    return s;
}

static uint64_t vivified(const uint64_t n[2]) { return n[0] + n[1]; }

/* What the meta commands count otherwise than the documents say. */
static void meta_counts(struct md_model *m, uint64_t *to) {
    const struct md_stats *n = &m->stats;
    if (n->touch_missed && !md_quirk_applies(m, MD_QUIRK_MG_TOUCH_MISS)) {
        to[MD_STAT_cmd_touch] += n->touch_missed;
        to[MD_STAT_touch_misses] += n->touch_missed;
    }
    if (vivified(n->vivified) + vivified(n->delta_vivified) > 0 &&
        !md_quirk_applies(m, MD_QUIRK_VIVIFY_NO_MISS)) {
        to[MD_STAT_get_hits] -= n->vivified[0];
        to[MD_STAT_touch_hits] -= n->vivified[1];
        to[MD_STAT_touch_misses] += n->vivified[1];
        to[MD_STAT_cmd_get] += n->vivified[1];
        to[MD_STAT_get_misses] += vivified(n->vivified);
        to[MD_STAT_decr_misses] += n->delta_vivified[0];
        to[MD_STAT_incr_misses] += n->delta_vivified[1];
    }
    to[MD_STAT_delete_misses] =
        less(m, to[MD_STAT_delete_misses], n->delete_unmatched, MD_QUIRK_MD_CAS_MISS);
}

void md_stats_snapshot(struct md_model *m) {
    struct md_stats_snapshot *s = snapshot_new(m);
    uint64_t *to = s->count;
    const struct md_stats *n = &m->stats;
    memcpy(to, n->count, sizeof s->count);
    to[MD_STAT_uptime] = m->now - MD_BUMP_INTERVAL;
    md_chosen(m, MD_CHOICE_UPTIME);
    to[MD_STAT_time] = md_model_now(m);
    to[MD_STAT_limit_maxbytes] = m->memory.limit;
    to[MD_STAT_pointer_size] = 64;
    if ((n->gat_hits || n->gat_misses) && !md_quirk_applies(m, MD_QUIRK_GAT_NOT_COUNTED)) {
        to[MD_STAT_cmd_get] += n->gat_hits + n->gat_misses;
        to[MD_STAT_get_hits] += n->gat_hits;
        to[MD_STAT_get_misses] += n->gat_misses;
    }
    meta_counts(m, to);
    to[MD_STAT_expired_unfetched] =
        less(m, to[MD_STAT_expired_unfetched], n->touched_expired, MD_QUIRK_UNFETCHED_COUNTERS);
    to[MD_STAT_evicted_unfetched] =
        less(m, to[MD_STAT_evicted_unfetched], n->touched_evicted, MD_QUIRK_UNFETCHED_COUNTERS);
    to[MD_STAT_store_no_memory] =
        more(m, to[MD_STAT_store_no_memory], n->uncounted_no_memory, MD_QUIRK_NO_MEMORY_UNCOUNTED);
    to[MD_STAT_store_too_large] =
        more(m, to[MD_STAT_store_too_large], n->uncounted_too_large, MD_QUIRK_BIN_STORE_UNCOUNTED);
    to[MD_STAT_store_no_memory] = more(m, to[MD_STAT_store_no_memory],
                                       n->uncounted_binary_no_memory, MD_QUIRK_BIN_STORE_UNCOUNTED);
    to[MD_STAT_cmd_flush] =
        more(m, to[MD_STAT_cmd_flush], n->uncounted_flushes, MD_QUIRK_BIN_FLUSH_UNCOUNTED);
    to[MD_STAT_incr_misses] =
        more(m, to[MD_STAT_incr_misses], n->uncounted_misses[true], MD_QUIRK_BIN_INITIAL_UNCOUNTED);
    to[MD_STAT_decr_misses] = more(m, to[MD_STAT_decr_misses], n->uncounted_misses[false],
                                   MD_QUIRK_BIN_INITIAL_UNCOUNTED);
    to[MD_STAT_incr_hits] =
        less(m, to[MD_STAT_incr_hits], n->failed_delta_hits[true], MD_QUIRK_DELTA_NO_MEMORY_HIT);
    to[MD_STAT_decr_hits] =
        less(m, to[MD_STAT_decr_hits], n->failed_delta_hits[false], MD_QUIRK_DELTA_NO_MEMORY_HIT);
}

void md_stats_in_packets(struct md_model *m, uint32_t opaque) {
    struct md_stats_snapshot *s = &m->snapshots[m->n_snapshots - 1];
    s->packets = true;
    s->opaque = opaque;
}

static void line(struct md_stats_snapshot *s, const char *prefix, const char *name,
                 uint64_t value) {
    s->lines = md_grow(s->lines, &s->cap_lines, s->n_lines + 1, sizeof *s->lines);
    struct md_stats_line *l = &s->lines[s->n_lines++];
    snprintf(l->name, sizeof l->name, "%s%s", prefix, name);
    l->value = value;
}

static void items_of_class(struct md_model *m, struct md_stats_snapshot *s, unsigned class) {
    const struct md_class_count *n = &m->count[class];
    uint64_t time = n->evicted_moved;
    char p[16];
    snprintf(p, sizeof p, "items:%u:", class);
    if (n->evicted_moved != n->evicted_used && !md_quirk_applies(m, MD_QUIRK_EVICTED_TIME))
        time = n->evicted_used;
    line(s, p, "number", n->number);
    line(s, p, "age", m->now - m->items[m->tail[class]].time);
    line(s, p, "mem_requested", n->bytes);
    line(s, p, "evicted", n->evicted);
    line(s, p, "evicted_nonzero", n->evicted_nonzero);
    line(s, p, "evicted_time", time);
    line(s, p, "outofmemory",
         more(m, n->outofmemory, n->uncounted_no_memory, MD_QUIRK_NO_MEMORY_UNCOUNTED));
    line(s, p, "tailrepairs", 0);
    line(s, p, "reclaimed", n->reclaimed);
    line(s, p, "expired_unfetched",
         less(m, n->expired_unfetched, n->touched_expired, MD_QUIRK_UNFETCHED_COUNTERS));
    line(s, p, "evicted_unfetched",
         less(m, n->evicted_unfetched, n->touched_evicted, MD_QUIRK_UNFETCHED_COUNTERS));
}

void md_stats_snapshot_items(struct md_model *m) {
    struct md_stats_snapshot *s = snapshot_new(m);
    s->by_class = true;
    for (unsigned c = 1; c <= m->slabs.largest && !s->segmented && !s->crawled; c++)
        if (m->count[c].number)
            items_of_class(m, s, c);
}

static void slabs_of_class(struct md_model *m, struct md_stats_snapshot *s, unsigned class) {
    const struct md_class_count *n = &m->count[class];
    struct md_class_state now;
    char p[16];
    snprintf(p, sizeof p, "%u:", class);
    md_model_class(m, class, &now);
    line(s, p, "chunk_size", now.chunk_size);
    line(s, p, "chunks_per_page", now.chunks_per_page);
    line(s, p, "total_pages", now.pages);
    line(s, p, "total_chunks", now.used_chunks + now.free_chunks);
    line(s, p, "used_chunks", now.used_chunks);
    line(s, p, "free_chunks", now.free_chunks);
    line(s, p, "free_chunks_end", 0);
    uint64_t get_hits = more(m, n->get_hits, n->gat_hits, MD_QUIRK_GAT_NOT_COUNTED);
    line(s, p, "get_hits", less(m, get_hits, n->vivified[0], MD_QUIRK_VIVIFY_NO_MISS));
    line(s, p, "cmd_set", n->cmd_set);
    line(s, p, "delete_hits", n->delete_hits);
    line(s, p, "incr_hits",
         less(m, n->delta_hits[true], n->failed_delta_hits[true], MD_QUIRK_DELTA_NO_MEMORY_HIT));
    line(s, p, "decr_hits",
         less(m, n->delta_hits[false], n->failed_delta_hits[false], MD_QUIRK_DELTA_NO_MEMORY_HIT));
    line(s, p, "cas_hits", n->cas_hits);
    line(s, p, "cas_badval", n->cas_badval);
    line(s, p, "touch_hits", less(m, n->touch_hits, n->vivified[1], MD_QUIRK_VIVIFY_NO_MISS));
}

void md_stats_snapshot_slabs(struct md_model *m) {
    struct md_stats_snapshot *s = snapshot_new(m);
    unsigned active = 0;
    s->by_class = true;
    if (s->segmented || s->crawled) /* where memory stands is not ours to know */
        return;
    for (unsigned c = 1; c <= m->slabs.largest; c++)
        if (m->memory.class[c].pages) {
            slabs_of_class(m, s, c);
            active++;
        }
    line(s, "", "active_slabs", active);
    line(s, "", "total_malloced", m->memory.malloced);
}

/* ---- what is shown ------------------------------------------------------------------------------ */

static const struct md_stats_snapshot *find(const struct md_model *m, uint32_t ordinal) {
    for (size_t i = m->n_snapshots; i-- > 0;)
        if (m->snapshots[i].ordinal == ordinal)
            return &m->snapshots[i];
    return NULL;
}

static int stat_index(const uint8_t *name, size_t n) {
    for (int i = 0; i < MD_STATS; i++)
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return i;
    return -1;
}

static bool fail(char *name, const char *which, struct md_buf *why) {
    snprintf(name, 32, "%s", which);
    if (why->len == 0)
        md_buf_printf(why, "%s", which);
    return false;
}

/* Which values are expected, by name, and which of them were there. */
struct expected {
    const struct md_stats_snapshot *s;
    size_t n, next; /* the lines of a class come in order: the next one is looked at first */
    bool *seen;     /* owned */
    struct md_told_stats told;
};

static bool is_name(const char *name, const uint8_t *text, size_t n) {
    return strlen(name) == n && memcmp(name, text, n) == 0;
}

/* Counters that hang on what the segmented LRU does: not predicted, but noted for the promises. */
static bool told(struct expected *e, const uint8_t *name, size_t n, uint64_t value) {
    struct md_told_stats *t = &e->told;
    const struct {
        const char *name;
        uint64_t *to; /* NULL: nothing hangs on it */
    } free[] = {
        {"total_items", &t->total_items},
        {"curr_items", &t->curr_items},
        {"get_expired", &t->get_expired},
        {"get_flushed", &t->get_flushed},
        {"evictions", &t->evictions},
        {"reclaimed", &t->reclaimed},
        {"crawler_reclaimed", &t->crawler_reclaimed},
        {"slab_reassign_evictions_nomem", &t->mover},
        {"slab_reassign_busy_deletes", &t->mover},
        {"slab_reassign_inline_reclaim", &t->mover},
        {"total_malloced", &t->total_malloced},
        {"bytes", NULL},
        {"store_no_memory", NULL}, /* a store may have failed whose answer is still held back */
        {"expired_unfetched", NULL},
        {"evicted_unfetched", NULL},
    };
    if (e->s->accounts.sets_unsure && is_name("cmd_set", name, n))
        return true;
    for (size_t i = 0; i < sizeof free / sizeof *free; i++)
        if (is_name(free[i].name, name, n)) {
            if (free[i].to)
                *free[i].to += value;
            return true;
        }
    return false;
}

/* Counters that hang on which dead items the crawler has met first. */
static bool crawled(const uint8_t *name, size_t n) {
    static const char *const names_of[] = {"curr_items",  "bytes",     "get_expired",
                                           "get_flushed", "reclaimed", "expired_unfetched"};
    for (size_t i = 0; i < sizeof names_of / sizeof *names_of; i++)
        if (is_name(names_of[i], name, n))
            return true;
    return false;
}

/* The promises that a whole reply is held to. */
static bool promises(const struct expected *e, char *name, struct md_buf *why) {
    const struct md_accounts *a = &e->s->accounts;
    if (!e->s->segmented)
        return true;
    if (!e->s->by_class)
        return md_promise_counted(a, &e->told, why) || fail(name, "promise-counted", why);
    /* `stats items` tells nothing of memory. */
    return e->told.total_malloced == 0 || md_promise_limit(a, &e->told, why) ||
           fail(name, "promise-limit", why);
}

static uint64_t expected_value(const struct expected *e, size_t i) {
    return e->s->by_class ? e->s->lines[i].value : e->s->count[i];
}

static const char *expected_name(const struct expected *e, size_t i) {
    return e->s->by_class ? e->s->lines[i].name : i < MD_STATS ? names[i] : "?";
}

/* The index of the value of that name; e->n: none is expected. */
static size_t expected_find(struct expected *e, const uint8_t *name, size_t n) {
    if (!e->s->by_class) {
        int i = stat_index(name, n);
        return i < 0 ? e->n : (size_t)i;
    }
    for (size_t i = e->next; i < e->n; i++)
        if (is_name(e->s->lines[i].name, name, n)) {
            e->next = i + 1;
            return i;
        }
    for (size_t i = 0; i < e->next; i++)
        if (is_name(e->s->lines[i].name, name, n))
            return i;
    return e->n;
}

/* "items:5:evicted" and "5:get_hits" without the number of the class: "items-evicted", "get_hits". */
static void plain_name(const char *name, char out[32]) {
    const char *last = strrchr(name, ':');
    snprintf(out, 32, "%s%s",
             strncmp(name, "items:", 6) == 0 ? "items-"
             : last                          ? "slabs-"
                                             : "",
             last ? last + 1 : name);
}

/* True if the name tells of a slab class of which nothing is expected. */
static bool of_other_class(const struct expected *e, const uint8_t *name, size_t n) {
    size_t prefix = 0;
    for (size_t i = 0; i < n; i++)
        if (name[i] == ':')
            prefix = i + 1;
    if (!e->s->by_class || prefix == 0 || e->s->segmented || e->s->crawled)
        return false;
    for (size_t i = 0; i < e->n; i++)
        if (strncmp(e->s->lines[i].name, (const char *)name, prefix) == 0)
            return false;
    return true;
}

static int shown(size_t n) { return n < 24 ? (int)n : 24; }

/* One value, as it is told. */
static bool check_value(struct expected *e, const uint8_t *text, size_t n_name,
                        const uint8_t *value, size_t n_value, char *name, struct md_buf *why) {
    size_t which = expected_find(e, text, n_name);
    struct md_number v = md_number_unsigned(value, n_value);
    if ((e->s->segmented && v.proper && told(e, text, n_name, v.value)) ||
        (e->s->crawled && v.proper && crawled(text, n_name))) {
        if (which < e->n)
            e->seen[which] = true;
        return true;
    }
    if (which >= e->n) {
        if (!of_other_class(e, text, n_name))
            return true;
        md_buf_printf(why, "%.*s: expected nothing of this class", shown(n_name),
                      (const char *)text);
        return fail(name, "class", why);
    }
    if (v.proper && !e->seen[which] && v.value == expected_value(e, which)) {
        e->seen[which] = true;
        return true;
    }
    md_buf_printf(why, "%s: expected %llu, observed %.*s", expected_name(e, which),
                  (unsigned long long)expected_value(e, which), shown(n_value),
                  (const char *)value);
    char plain[32];
    plain_name(expected_name(e, which), plain);
    return fail(name, plain, why);
}

/* One line "STAT name value", without CRLF. */
static bool check_line(struct expected *e, const uint8_t *text, size_t n, char *name,
                       struct md_buf *why) {
    if (n < 5 || memcmp(text, "STAT ", 5) != 0)
        return fail(name, "shape", why);
    text += 5, n -= 5;
    const uint8_t *blank = memchr(text, ' ', n);
    if (!blank || blank == text)
        return fail(name, "shape", why);
    size_t n_name = (size_t)(blank - text);
    return check_value(e, text, n_name, blank + 1, n - n_name - 1, name, why);
}

static bool all_seen(const struct expected *e, char *name, struct md_buf *why) {
    for (size_t i = 0; i < e->n; i++)
        if (!e->seen[i]) {
            char plain[32];
            plain_name(expected_name(e, i), plain);
            md_buf_printf(why, "%s: missing", expected_name(e, i));
            return fail(name, plain, why);
        }
    return true;
}

static bool check_lines(struct expected *e, const uint8_t *observed, size_t len, size_t *used,
                        char *name, struct md_buf *why) {
    while (*used < len) {
        const uint8_t *text = observed + *used, *end = memchr(text, '\n', len - *used);
        if (!end || end == text || end[-1] != '\r')
            break;
        size_t n = (size_t)(end - 1 - text);
        *used += n + 2;
        if (n == 3 && memcmp(text, "END", 3) == 0)
            return all_seen(e, name, why) && promises(e, name, why);
        if (!check_line(e, text, n, name, why))
            return false;
    }
    return fail(name, "shape", why);
}

/* Packets with a name as key and its value, up to an empty one. */
static bool check_packets(struct expected *e, const uint8_t *observed, size_t len, size_t *used,
                          char *name, struct md_buf *why) {
    while (len - *used >= MD_PACKET_HEADER) {
        const uint8_t *at = observed + *used, *key = at + MD_PACKET_HEADER;
        struct md_packet p, plain;
        md_packet_read(at, &p);
        plain = (struct md_packet){.magic = MD_PACKET_RESPONSE,
                                   .opcode = MD_OP_STAT,
                                   .n_key = p.n_key,
                                   .n_body = p.n_body,
                                   .opaque = e->s->opaque};
        uint8_t header[MD_PACKET_HEADER];
        md_packet_write(&plain, header);
        if (memcmp(at, header, sizeof header) != 0 || p.n_key > p.n_body ||
            p.n_body > len - *used - MD_PACKET_HEADER)
            break;
        *used += MD_PACKET_HEADER + p.n_body;
        if (p.n_body == 0)
            return all_seen(e, name, why) && promises(e, name, why);
        if (p.n_key == 0)
            break;
        if (!check_value(e, key, p.n_key, key + p.n_key, p.n_body - p.n_key, name, why))
            return false;
    }
    return fail(name, "shape", why);
}

bool md_model_stats_agree(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                          size_t len, size_t *used, char *name, struct md_buf *why) {
    const struct md_stats_snapshot *s = find(m, ordinal);
    *used = 0;
    if (!s)
        return fail(name, "shape", why);
    struct expected e = {.s = s, .n = s->by_class ? s->n_lines : MD_STATS};
    e.seen = md_calloc(e.n + 1, sizeof *e.seen);
    bool agree = s->packets ? check_packets(&e, observed, len, used, name, why)
                            : check_lines(&e, observed, len, used, name, why);
    free(e.seen);
    return agree;
}
