/* Serving, forgetting, and what `stats` says; see serve.h. */
#include "model/serve.h"

#include "model/binary_internal.h"
#include "model/lru.h"

#include <stdio.h>
#include <stdlib.h>

enum { RECORDS_SPARED = 1 << 16 }; /* keys without an item that may stay known */

void md_model_serve(struct md_model *m, const struct md_process *process) {
    m->process = process;
    m->lost = false;
}

size_t md_model_waiting(const struct md_model *m, unsigned conn) {
    if (!md_model_is_open(m, conn))
        return 0;
    const struct md_conn *c = &m->conn[conn];
    return c->line.len + c->data.len + c->held.bytes.len;
}

bool md_model_in_data(const struct md_model *m, unsigned conn) {
    return md_model_is_open(m, conn) && m->conn[conn].state != MD_CONN_LINE;
}

/* Records that a connection will store its data block under: a byte each, owned by the caller. */
static uint8_t *awaited_records(const struct md_model *m) {
    uint8_t *awaited = md_calloc(m->n_records + 1, 1);
    for (unsigned i = 0; i < m->n_conns; i++)
        if (m->conn[i].state == MD_CONN_DATA)
            awaited[m->conn[i].record] = 1;
    return awaited;
}

static void move_record(struct md_model *m, int32_t from, int32_t to, bool awaited) {
    m->records[to] = m->records[from];
    if (m->records[to].item != MD_NIL)
        m->items[m->records[to].item].record = to;
    for (unsigned i = 0; awaited && i < m->n_conns; i++)
        if (m->conn[i].state == MD_CONN_DATA && m->conn[i].record == from)
            m->conn[i].record = to;
}

void md_model_tidy(struct md_model *m) {
    md_stats_forget(m);
    if (m->n_records < RECORDS_SPARED + 2 * (size_t)m->stats.count[MD_STAT_curr_items])
        return;
    md_removals_clear(m);
    uint8_t *awaited = awaited_records(m);
    int32_t kept = 0;
    for (size_t r = 0; r < m->n_records; r++)
        if (m->records[r].item != MD_NIL || awaited[r])
            move_record(m, (int32_t)r, kept++, awaited[r]);
    m->n_records = (size_t)kept;
    md_records_index(m, m->table_size);
    free(awaited);
}

/* ---- stats ---------------------------------------------------------------------------------- */

/* In the client's protocol: a line, or a packet. */
static void say_text(struct md_feed *f, const char *name, const char *value) {
    if (f->c->binary)
        md_binary_answer(f, &(struct md_answer){.key = (const uint8_t *)name,
                                                .n_key = (uint8_t)strlen(name),
                                                .value = (const uint8_t *)value,
                                                .n_value = strlen(value)});
    else
        md_buf_printf(&f->out->bytes, "STAT %s %s\r\n", name, value);
}

static void say_number(struct md_feed *f, const char *name, uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    say_text(f, name, text);
}

static void say_end(struct md_feed *f) {
    if (f->c->binary)
        md_binary_answer(f, &(struct md_answer){0});
    else
        md_buf_str(&f->out->bytes, "END\r\n");
}

static void say_cpu(struct md_feed *f, const char *name, uint64_t us) {
    char text[40];
    snprintf(text, sizeof text, "%llu.%06llu", (unsigned long long)(us / 1000000),
             (unsigned long long)(us % 1000000));
    say_text(f, name, text);
}

static void say_of_connection(void *to, const char *name, const char *value) {
    say_text(to, name, value);
}

static unsigned power_of(size_t size) {
    unsigned power = 0;
    while ((size_t)2 << power <= size)
        power++;
    return power;
}

/* What is neither counted by commands nor 0: this server has one thread, no log and no page mover. */
static void say_process(struct md_feed *f) {
    const struct md_process *p = f->m->process;
    const struct {
        const char *name;
        uint64_t value;
    } facts[] = {
        {"max_connections", p->max_connections},
        {"curr_connections", p->curr_connections},
        {"total_connections", p->total_connections},
        {"rejected_connections", p->rejected_connections},
        {"connection_structures", f->m->n_conns},
        {"bytes_read", p->bytes_read},
        {"bytes_written", p->bytes_written},
        {"accepting_conns", 1},
        {"threads", 1},
        {"conn_yields", f->m->yields},
        {"hash_power_level", power_of(f->m->table_size)},
        {"hash_bytes", f->m->table_size * sizeof *f->m->table},
    };
    static const char *const none[] = {
        "response_obj_oom",
        "response_obj_count",
        "response_obj_bytes",
        "read_buf_count",
        "read_buf_bytes",
        "read_buf_bytes_free",
        "read_buf_oom",
        "reserved_fds",
        "listen_disabled_num",
        "time_in_listen_disabled_us",
        "hash_is_expanding",
        "slab_reassign_rescues",
        "slab_reassign_chunk_rescues",
        "slab_reassign_evictions_nomem",
        "slab_reassign_inline_reclaim",
        "slab_reassign_busy_items",
        "slab_reassign_busy_deletes",
        "slab_reassign_running",
        "slabs_moved",
        "malloc_fails",
        "log_worker_dropped",
        "log_worker_written",
        "log_watcher_skipped",
        "log_watcher_sent",
        "log_watchers",
        "unexpected_napi_ids",
        "round_robin_fallback",
        "slab_global_page_pool",
        "crawler_reclaimed",
        "crawler_items_checked",
        "lrutail_reflocked",
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        say_number(f, facts[i].name, facts[i].value);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        say_number(f, none[i], 0);
}

static void say_general(struct md_feed *f, const struct md_stats_snapshot *s) {
    const struct md_process *p = f->m->process;
    say_number(f, "pid", p->pid);
    say_text(f, "version", f->m->profile->version);
    say_text(f, "libevent", p->library);
    say_cpu(f, "rusage_user", p->user_us);
    say_cpu(f, "rusage_system", p->system_us);
    for (int i = 0; i < MD_STATS; i++)
        say_number(f, md_stat_name((enum md_stat)i), s->count[i]);
    say_process(f);
}

void md_serve_stats(struct md_feed *f) {
    struct md_model *m = f->m;
    const struct md_stats_snapshot *s = &m->snapshots[m->n_snapshots - 1];
    if (s->by_class)
        for (size_t i = 0; i < s->n_lines; i++)
            say_number(f, s->lines[i].name, s->lines[i].value);
    else
        say_general(f, s);
    say_end(f);
    md_stats_forget(m);
}

static const char *yes(bool is) { return is ? "yes" : "no"; }

static void say_settings(struct md_feed *f) {
    const struct md_options *o = &f->m->options;
    const struct md_process *p = f->m->process;
    char factor[32];
    snprintf(factor, sizeof factor, "%.2f", o->factor);
    say_number(f, "maxbytes", f->m->memory.limit);
    say_number(f, "maxconns", p->max_connections);
    say_number(f, "tcpport", p->tcp_port);
    say_number(f, "udpport", 0);
    say_text(f, "inter", p->interface ? p->interface : "NULL");
    say_text(f, "domain_socket", p->socket_path ? p->socket_path : "NULL");
    say_number(f, "tcp_backlog", p->backlog);
    say_text(f, "evictions", o->evict ? "on" : "off");
    say_text(f, "growth_factor", factor);
    say_number(f, "chunk_size", o->chunk_size);
    say_number(f, "item_size_max", o->item_size_max);
    say_number(f, "slab_chunk_max", o->slab_chunk_max);
    say_number(f, "num_threads", 1);
    say_number(f, "reqs_per_event", o->reqs_per_event);
    say_text(f, "cas_enabled", yes(o->cas));
    say_text(f, "flush_enabled", yes(o->flush_enabled));
    say_text(f, "dump_enabled", "yes");
    say_text(f, "binding_protocol", "auto-negotiate");
    say_text(f, "shutdown_command", "no");
    say_text(f, "auth_enabled_sasl", "no");
    say_text(f, "auth_enabled_ascii", "no");
    say_text(f, "ssl_enabled", "no");
    say_text(f, "maxconns_fast", "yes");
    say_text(f, "slab_reassign", "no");
    say_text(f, "lru_crawler", "no");
    say_text(f, "lru_maintainer_thread", "no");
    say_text(f, "lru_segmented", "no");
    say_text(f, "hash_algorithm", "murmur3");
    say_text(f, "track_sizes", "no");
    say_number(f, "idle_timeout", 0);
    say_number(f, "verbosity", 0);
}

bool md_serve_stats_of(struct md_feed *f, struct md_token what) {
    const struct md_process *p = f->m->process;
    md_rule_is(f->m, MD_RULE_STATS);
    if (md_token_is(what, "settings"))
        say_settings(f);
    else if (md_token_is(what, "conns"))
        p->connections(p->ctx, say_of_connection, f);
    else if (md_token_is(what, "sizes"))
        say_text(f, "sizes_status", "disabled");
    else
        return false;
    say_end(f);
    return true;
}
