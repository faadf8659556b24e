/* The model as a whole: making, restarting, copying, time, choices, questions. */
#include "model/model.h"

#include "model/lru.h"
#include "model/store.h"

#include <stdio.h>
#include <stdlib.h>

void md_options_default(struct md_options *o) {
    *o = (struct md_options){.memory_limit = UINT64_C(1024) << 20,
                             .item_size_max = 1 << 20,
                             .slab_chunk_max = 1 << 19,
                             .chunk_size = 48,
                             .factor = 1.25,
                             .reqs_per_event = 10000,
                             .cas = true,
                             .flush_enabled = true,
                             .evict = true,
                             .threads = 1};
}

bool md_options_tight(const struct md_options *o) {
    enum { AMPLE = 64 << 20 }; /* bytes; a page for every class, and twice what a trace may send */
    return o->segmented || o->memory_limit < AMPLE;
}

struct md_model *md_model_new(const struct md_profile *profile, const struct md_options *options,
                              uint64_t start_time) {
    struct md_model *m = md_calloc(1, sizeof *m);
    m->start_time = start_time;
    m->options = *options;
    md_slabs_init(&m->slabs, options);
    md_model_set_profile(m, profile);
    struct md_base fresh = {.cas = 0, .uptime = 0, .start_time = start_time};
    md_model_restart(m, &fresh);
    return m;
}

static void reasons_clear(struct md_model *m) {
    for (size_t i = 0; i < m->n_reasons; i++)
        free(m->reasons[i].text);
    m->n_reasons = 0;
}

static void conn_free(struct md_conn *c) {
    md_buf_free(&c->line);
    md_buf_free(&c->data);
    md_buf_free(&c->room.rest);
    md_reply_free(&c->held);
    free(c->holds);
}

static void close_all(struct md_model *m) {
    for (unsigned i = 0; i < m->n_conns; i++)
        md_model_close(m, i);
}

void md_model_free(struct md_model *m) {
    if (!m)
        return;
    close_all(m);
    md_store_free(m);
    for (unsigned i = 0; i < m->n_conns; i++)
        conn_free(&m->conn[i]);
    free(m->conn);
    free(m->places);
    reasons_clear(m);
    md_stats_forget(m);
    md_shape_forget(m);
    free(m->notes);
    free(m->reasons);
    free(m->removals);
    free(m->told_removals);
    free(m->preferences);
    free(m->snapshots);
    free(m);
}

/* What is the same after every start of a node. */
static void start(struct md_model *m, const struct md_base *base) {
    m->base = *base;
    m->base.cas += m->profile->cas_start;
    m->start_time = base->start_time;
    m->now = MD_RESTART_SLACK + base->uptime;
    m->cas = m->base.cas;
    md_memory_init(&m->memory, &m->slabs, &m->options, base);
    m->flush = (struct md_flush){0};
    for (unsigned i = 0; i < m->n_conns; i++)
        m->places[i].left = m->places[i].cas = 0;
    m->segmented = (struct md_segmented){.least_limit = m->memory.limit};
    m->admin = (struct md_admin){.crawler = m->options.crawler || m->options.segmented,
                                 .crawler_sleep = MD_CRAWLER_SLEEP};
    md_removals_clear(m);
}

void md_model_restart(struct md_model *m, const struct md_base *base) {
    close_all(m);
    md_store_clear(m);
    start(m, base);
    m->zero = m->now;
    m->order = 1;
    m->ordinal = 0;
    md_stats_forget(m);
    md_shape_forget(m);
    m->lost = m->literal_cas = false;
    m->command = NULL;
    reasons_clear(m);
}

void md_model_reboot(struct md_model *m) {
    struct md_base fresh = {.start_time = md_model_now(m)};
    close_all(m);
    md_store_drop(m);
    m->zero += MD_RESTART_SLACK - (int64_t)m->now;
    start(m, &fresh);
}

void md_model_base(const struct md_model *m, struct md_base *out) {
    *out = (struct md_base){.cas = m->cas - m->profile->cas_start,
                            .uptime = m->now - MD_RESTART_SLACK,
                            .start_time = m->start_time,
                            .malloced = m->memory.malloced};
    for (unsigned c = 1; c <= m->slabs.largest; c++)
        out->pages[c] = (uint16_t)m->memory.class[c].pages;
}

void md_model_set_options(struct md_model *m, const struct md_options *options) {
    m->options = *options;
    md_slabs_init(&m->slabs, options);
    struct md_base fresh = {.start_time = m->start_time};
    md_model_restart(m, &fresh);
}

void md_model_set_profile(struct md_model *m, const struct md_profile *profile) {
    m->profile = profile;
    for (int q = 0; q < MD_QUIRKS; q++)
        m->quirk[q] = md_profile_has(profile, (enum md_quirk)q);
}

void md_model_quirk(struct md_model *m, enum md_quirk quirk, bool on) { m->quirk[quirk] = on; }
bool md_model_quirk_on(const struct md_model *m, enum md_quirk quirk) { return m->quirk[quirk]; }

bool md_quirk_applies(struct md_model *m, enum md_quirk quirk) {
    if (!m->quirk[quirk])
        return false;
    m->fired.quirk[quirk]++;
    if (m->command && m->command->quirk == MD_QUIRK_NONE)
        m->command->quirk = (uint16_t)quirk;
    return true;
}

/* ---- a deep copy -------------------------------------------------------------------------------- */

static void *copy_of(const void *p, size_t n) { return n ? memcpy(md_alloc(n), p, n) : NULL; }

static struct md_buf buf_copy(const struct md_buf *b) {
    return (struct md_buf){.data = copy_of(b->data, b->len), .len = b->len, .cap = b->len};
}

static struct md_reply reply_copy(const struct md_reply *r) {
    struct md_reply c = *r;
    c.bytes = buf_copy(&r->bytes);
    c.commands = copy_of(r->commands, r->n_commands * sizeof *r->commands);
    c.cap_commands = r->n_commands;
    c.marks = copy_of(r->marks, r->n_marks * sizeof *r->marks);
    c.cap_marks = r->n_marks;
    return c;
}

struct md_model *md_model_clone(const struct md_model *from) {
    struct md_model *m = copy_of(from, sizeof *from);
    m->records = copy_of(from->records, from->n_records * sizeof *from->records);
    m->cap_records = from->n_records;
    m->table = copy_of(from->table, from->table_size * sizeof *from->table);
    m->items = copy_of(from->items, from->n_items * sizeof *from->items);
    m->cap_items = from->n_items;
    for (size_t r = 0; r < m->n_records; r++) {
        int32_t i = m->records[r].item;
        if (i == MD_NIL)
            continue;
        if (m->items[i].nbytes > MD_INLINE_VALUE)
            m->items[i].value = copy_of(m->items[i].value, m->items[i].nbytes);
        m->items[i].room.rest = buf_copy(&m->items[i].room.rest);
    }
    for (size_t i = 0; i < m->n_items; i++)
        if (m->items[i].gone)
            m->items[i].room.rest = buf_copy(&m->items[i].room.rest);
    m->conn = copy_of(from->conn, from->n_conns * sizeof *from->conn);
    m->places = copy_of(from->places, from->n_conns * sizeof *from->places);
    for (unsigned c = 0; c < m->n_conns; c++) {
        m->conn[c].line = buf_copy(&from->conn[c].line);
        m->conn[c].data = buf_copy(&from->conn[c].data);
        m->conn[c].room.rest = buf_copy(&from->conn[c].room.rest);
        m->conn[c].held = reply_copy(&from->conn[c].held);
        m->conn[c].holds =
            copy_of(from->conn[c].holds, from->conn[c].n_holds * sizeof *from->conn[c].holds);
        m->conn[c].cap_holds = from->conn[c].n_holds;
    }
    m->preferences = copy_of(from->preferences, from->n_preferences * sizeof *from->preferences);
    m->cap_preferences = from->n_preferences;
    m->snapshots = copy_of(from->snapshots, from->n_snapshots * sizeof *from->snapshots);
    m->cap_snapshots = from->n_snapshots;
    for (size_t i = 0; i < m->n_snapshots; i++) {
        struct md_stats_snapshot *s = &m->snapshots[i];
        s->lines = copy_of(s->lines, s->n_lines * sizeof *s->lines);
        s->cap_lines = s->n_lines;
    }
    md_shape_copy(m, from);
    m->removals = copy_of(from->removals, from->n_removals * sizeof *from->removals);
    m->cap_removals = from->n_removals;
    m->told_removals = NULL;
    m->cap_told_removals = 0;
    m->reasons = copy_of(from->reasons, from->n_reasons * sizeof *from->reasons);
    m->cap_reasons = from->n_reasons;
    for (size_t i = 0; i < m->n_reasons; i++)
        m->reasons[i].text = md_strdup(from->reasons[i].text);
    m->command = NULL;
    return m;
}

/* ---- time ------------------------------------------------------------------------------------------ */

uint64_t md_model_now(const struct md_model *m) {
    return m->start_time + m->now - MD_RESTART_SLACK;
}

uint32_t md_relative_time(const struct md_model *m, int64_t exptime) {
    if (exptime == 0)
        return 0;
    if (exptime < 0) /* expired at once: any relative time that has passed */
        return 1;
    if (exptime <= MD_THIRTY_DAYS)
        return m->now + (uint32_t)exptime;
    int64_t zero = (int64_t)m->start_time - MD_RESTART_SLACK;
    return exptime <= zero ? 1 : (uint32_t)(exptime - zero);
}

void md_model_advance(struct md_model *m, uint32_t seconds) {
    m->now += seconds;
    md_flush_tick(m);
}

/* ---- choices --------------------------------------------------------------------------------------- */

unsigned md_choice_alternatives(enum md_choice choice) {
    return md_choice_info(choice)->alternatives;
}

void md_model_prefer(struct md_model *m, struct md_choice_ref ref, uint64_t alternative) {
    m->preferences =
        md_grow(m->preferences, &m->cap_preferences, m->n_preferences + 1, sizeof *m->preferences);
    m->preferences[m->n_preferences++] = (struct md_preference){ref, alternative};
}

void md_model_unprefer(struct md_model *m) {
    if (m->n_preferences)
        m->n_preferences--;
}

void md_model_forget_preferences(struct md_model *m) { m->n_preferences = 0; }

void md_stands_on(struct md_model *m, uint32_t ordinal, enum md_choice choice) {
    struct md_command *k = m->command;
    for (unsigned i = 0; i < k->refs; i++)
        if (k->ref[i].ordinal == ordinal && k->ref[i].choice == choice)
            return;
    if (k->refs < MD_REFS_MAX)
        k->ref[k->refs++] = (struct md_choice_ref){ordinal, choice};
}

bool md_choose_open(struct md_model *m, enum md_choice choice, uint64_t *observed) {
    m->fired.choice[choice]++;
    uint32_t ordinal = m->command->ordinal;
    md_stands_on(m, ordinal, choice);
    for (size_t i = m->n_preferences; i-- > 0;)
        if (m->preferences[i].ref.ordinal == ordinal && m->preferences[i].ref.choice == choice) {
            *observed = m->preferences[i].alternative;
            return true;
        }
    return false;
}

uint64_t md_choose(struct md_model *m, enum md_choice choice) {
    uint64_t alternative = 0;
    md_choose_open(m, choice, &alternative);
    return alternative;
}

/* ---- questions ---------------------------------------------------------------------------------- */

uint64_t md_model_cas_base(const struct md_model *m) { return m->base.cas; }

uint64_t md_model_cas_seen(const struct md_model *m, const void *key, size_t nkey) {
    int32_t r = md_record_find(m, key, nkey);
    return r == MD_NIL ? m->base.cas : m->records[r].cas_seen;
}

void md_model_each_item(const struct md_model *m,
                        void (*f)(void *ctx, const uint8_t *key, size_t nkey), void *ctx) {
    for (size_t r = 0; r < m->n_records; r++)
        if (m->records[r].item != MD_NIL)
            f(ctx, m->records[r].key, m->records[r].nkey);
}

bool md_model_literal_cas(const struct md_model *m) { return m->literal_cas; }
bool md_model_lost(const struct md_model *m) { return m->lost; }
bool md_model_flushed(const struct md_model *m) { return m->flush.used; }
bool md_model_administered(const struct md_model *m) { return m->admin.changed; }
bool md_model_crawled(const struct md_model *m) { return m->admin.crawled; }
bool md_model_pressed(const struct md_model *m) { return m->memory.pressed; }

enum md_key_state md_model_key_state(const struct md_model *m, const void *key, size_t nkey) {
    int32_t r = md_record_find(m, key, nkey);
    if (r == MD_NIL)
        return MD_KEY_NEVER;
    const struct md_record *rec = &m->records[r];
    if (rec->item != MD_NIL) {
        const struct md_item *it = &m->items[rec->item];
        if (it->order < m->flush.before)
            return MD_KEY_FLUSHED;
        return it->exptime && it->exptime <= m->now ? MD_KEY_EXPIRED : MD_KEY_ALIVE;
    }
    switch (rec->gone) {
    case MD_RULE_MISS_EXPIRED: return MD_KEY_EXPIRED;
    case MD_RULE_MISS_FLUSHED: return MD_KEY_FLUSHED;
    case MD_RULE_MISS_EVICTED: return MD_KEY_EVICTED;
    case MD_RULE_GET_MISS: return MD_KEY_NEVER;
    default: return MD_KEY_DELETED;
    }
}

const struct md_fired *md_model_fired(const struct md_model *m) { return &m->fired; }
void md_model_fired_set(struct md_model *m, const struct md_fired *fired) { m->fired = *fired; }

/* ---- memory and the order of last use ------------------------------------------------------------ */

unsigned md_model_classes(const struct md_model *m) { return m->slabs.largest; }

void md_model_class(const struct md_model *m, unsigned class, struct md_class_state *out) {
    uint32_t pages = m->memory.class[class].pages, free = m->memory.class[class].free;
    *out = (struct md_class_state){
        .chunk_size = m->slabs.size[class],
        .chunks_per_page = m->memory.class[class].per_page,
        .pages = pages,
        .used_chunks = pages * m->memory.class[class].per_page - free,
        .free_chunks = free,
        .items = (uint32_t)m->count[class].number,
    };
}

void md_model_each_in_class(const struct md_model *m, unsigned class,
                            void (*f)(void *ctx, const struct md_item_state *item), void *ctx) {
    for (int32_t i = m->head[class]; i != MD_NIL; i = m->items[i].next) {
        const struct md_item *it = &m->items[i];
        const struct md_record *rec = &m->records[it->record];
        bool expired = it->exptime && it->exptime <= m->now;
        struct md_item_state state = {
            .key = rec->key,
            .nkey = rec->nkey,
            .total = it->total,
            .moved = m->now - it->time,
            .expires_in = it->exptime && !expired ? it->exptime - m->now : 0,
            .dead = expired || it->order < m->flush.before,
            .chunked = it->chunked,
        };
        f(ctx, &state);
    }
}

void md_model_each_gone(const struct md_model *m,
                        void (*f)(void *ctx, const uint8_t *key, size_t nkey, enum md_rule gone),
                        void *ctx) {
    for (size_t r = 0; r < m->n_records; r++) {
        const struct md_record *rec = &m->records[r];
        if (rec->item == MD_NIL)
            f(ctx, rec->key, rec->nkey, (enum md_rule)rec->gone);
    }
}

size_t md_model_removals(const struct md_model *m, const struct md_removal **out) {
    struct md_model *w = (struct md_model *)m;
    w->told_removals =
        md_grow(m->told_removals, &w->cap_told_removals, m->n_removals, sizeof *m->told_removals);
    for (size_t i = 0; i < m->n_removals; i++) {
        const struct md_removal_note *note = &m->removals[i];
        const struct md_record *rec = &m->records[note->record];
        w->told_removals[i] = (struct md_removal){.kind = note->kind,
                                                  .class = note->class,
                                                  .nkey = rec->nkey,
                                                  .key = rec->key,
                                                  .ordinal = note->ordinal};
    }
    *out = m->told_removals;
    return m->n_removals;
}

/* ---- reasons ---------------------------------------------------------------------------------------- */

void md_model_explain(struct md_model *m, bool on) { m->explain = on; }

void md_because(struct md_model *m, const char *fmt, ...) {
    if (!m->explain)
        return;
    char text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    m->reasons = md_grow(m->reasons, &m->cap_reasons, m->n_reasons + 1, sizeof *m->reasons);
    m->reasons[m->n_reasons++] =
        (struct md_reason){.ordinal = m->command->ordinal, .text = md_strdup(text)};
}

const char *md_model_reason(const struct md_model *m, uint32_t ordinal) {
    for (size_t i = m->n_reasons; i-- > 0;)
        if (m->reasons[i].ordinal == ordinal)
            return m->reasons[i].text;
    return "";
}
