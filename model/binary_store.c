/* set, add, replace, append, prepend, their quiet forms, and their values; "Set, Add, Replace". */
#include "model/binary_internal.h"

#include "model/lru.h"

static bool joins(uint8_t loud) { return loud == MD_OP_APPEND || loud == MD_OP_PREPEND; }

static uint8_t loud_form(const struct md_feed *f) {
    return md_opcode_find(f->c->request.opcode)->loud;
}

/* ---- before the value -------------------------------------------------------------------------- */

/* A refused set removes what was there, so that nobody goes on reading the old value; but not one that
 * was to succeed only on a condition. */
static void remove_old(struct md_feed *f, enum md_rule removes) {
    struct md_model *m = f->m;
    if (loud_form(f) != MD_OP_SET)
        return;
    int32_t old = md_item_get(m, f->c->record, false);
    if (old == MD_NIL)
        return;
    if (f->c->request.cas && !md_quirk_applies(m, MD_QUIRK_BIN_CAS_REMOVES))
        return;
    m->fired.rule[removes]++;
    md_item_unlink(m, old, MD_RULE_MISS_REMOVED);
}

/* A version that does not skip a huge value skips what the place of this connection has left. */
static void skip_leftover(struct md_feed *f) {
    struct md_conn *c = f->c;
    uint64_t left = f->m->places[c->place].left;
    if (c->state != MD_CONN_LINE || left == 0 || !f->m->quirk[MD_QUIRK_BIN_LEFTOVER])
        return;
    c->command.quirk = MD_QUIRK_NONE; /* more than its body not being skipped */
    md_quirk_applies(f->m, MD_QUIRK_BIN_LEFTOVER);
    c->missing = left;
    c->state = MD_CONN_SWALLOW;
}

static void too_large(struct md_feed *f) {
    f->m->stats.uncounted_too_large++;
    md_binary_error(f, MD_RULE_BIN_TOO_LARGE, MD_STATUS_TOO_LARGE, f->c->missing);
    skip_leftover(f);
    f->flush = false;
    remove_old(f, MD_RULE_TOO_LARGE_SET);
}

static void no_memory(struct md_feed *f) {
    f->m->stats.uncounted_binary_no_memory++;
    md_binary_error_text(f, MD_RULE_BIN_NO_MEMORY, MD_STATUS_NO_MEMORY,
                         "Out of memory allocating item", f->c->missing);
    f->flush = false;
    remove_old(f, MD_RULE_NO_MEMORY_SET);
}

bool md_binary_next_chunk(struct md_feed *f) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    if (md_room_chunk(m, &c->room, c->missing + 2, MD_NIL, &c->chunk_left))
        return true;
    c->command.reply_offset = (uint32_t)f->out->bytes.len;
    c->command.mark_first = (uint32_t)f->out->n_marks;
    m->stats.uncounted_no_memory++;
    m->count[m->slabs.largest].uncounted_no_memory++;
    md_binary_error_text(f, MD_RULE_BIN_NO_MEMORY, MD_STATUS_NO_MEMORY, "Out of memory during read",
                         c->missing);
    if (c->missing == 0) {
        c->state = MD_CONN_LINE;
        md_room_give(&m->memory, &c->room);
    }
    c->data.len = 0;
    f->flush = false;
    if (loud_form(f) == MD_OP_SET && !c->request.cas && m->records[c->record].item != MD_NIL &&
        !md_quirk_applies(m, MD_QUIRK_SET_NO_MEMORY_KEEPS)) {
        m->fired.rule[MD_RULE_NO_MEMORY_SET]++;
        md_item_unlink(m, m->records[c->record].item, MD_RULE_MISS_REMOVED);
    }
    md_binary_commit(f);
    return false;
}

static void store(struct md_feed *f, const uint8_t *data);

bool md_binary_store(struct md_feed *f, const uint8_t *rest) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    const struct md_packet *p = &c->request;
    uint64_t n_value = (uint64_t)p->n_body - p->n_key - p->n_extras;
    c->record = md_record_get(m, rest + p->n_extras, p->n_key);
    c->flags = p->n_extras ? (uint32_t)md_be_read(rest, 4) : 0;
    c->cas = p->cas;
    m->literal_cas |= p->cas && p->cas <= m->base.cas;
    c->missing = n_value;
    c->nbytes = (uint32_t)n_value;
    if (!md_size_allowed(m, p->n_key, c->flags, n_value)) {
        too_large(f);
        return true;
    }
    size_t removals = m->n_removals;
    if (!md_room_take(m, &c->room, p->n_key, c->flags, n_value, MD_NIL)) {
        no_memory(f);
        return true;
    }
    if (m->n_removals > removals)
        md_chosen(m, MD_CHOICE_ROOM_FIRST);
    c->exptime = p->n_extras ? md_relative_time(m, (int64_t)md_be_read(rest + 4, 4)) : 0;
    c->exptime_set = m->now;
    c->chunk_left = 0;
    if (n_value == 0) {
        store(f, rest);
        return true;
    }
    c->state = MD_CONN_DATA;
    if (md_is_chunked(m, p->n_key, c->flags, n_value))
        md_binary_next_chunk(f);
    return false;
}

/* ---- with the value ---------------------------------------------------------------------------- */

static void stored(struct md_feed *f, uint8_t loud) {
    const struct md_model *m = f->m;
    md_leave_cas(f->m, f->c, m->items[m->records[f->c->record].item].cas);
    bool conditional = f->c->cas && !joins(loud);
    md_binary_done(f, conditional ? MD_RULE_BIN_CAS_STORED : MD_RULE_BIN_STORED,
                   &(struct md_answer){.cas = md_binary_show_cas(f, f->c->record)});
    if (joins(loud))
        f->m->fired.rule[MD_RULE_APPEND_KEEPS]++;
}

/* What append and prepend would make is over -I, or has no room. */
static void not_joined(struct md_feed *f, enum md_result result) {
    struct md_model *m = f->m;
    bool large = result == MD_TOO_LARGE;
    m->stats.uncounted_no_memory += !large;
    if (md_quirk_applies(m, large ? MD_QUIRK_APPEND_TOO_LARGE : MD_QUIRK_APPEND_NO_MEMORY))
        md_binary_error(f, large ? MD_RULE_BIN_TOO_LARGE : MD_RULE_BIN_NO_MEMORY,
                        MD_STATUS_NOT_STORED, 0);
    else if (large)
        md_binary_error(f, MD_RULE_BIN_TOO_LARGE, MD_STATUS_TOO_LARGE, 0);
    else
        md_binary_error(f, MD_RULE_BIN_NO_MEMORY, MD_STATUS_NO_MEMORY, 0);
}

static void say(struct md_feed *f, enum md_result result, uint8_t loud) {
    switch (result) {
    case MD_STORED: stored(f, loud); break;
    case MD_EXISTS: md_binary_error(f, MD_RULE_BIN_CAS_EXISTS, MD_STATUS_EXISTS, 0); break;
    case MD_NOT_FOUND: md_binary_error(f, MD_RULE_BIN_CAS_MISSING, MD_STATUS_NOT_FOUND, 0); break;
    case MD_TOO_LARGE:
    case MD_NO_MEMORY: not_joined(f, result); break;
    default:
        if (loud == MD_OP_ADD)
            md_binary_error(f, MD_RULE_BIN_ADD_EXISTS, MD_STATUS_EXISTS, 0);
        else if (loud == MD_OP_REPLACE)
            md_binary_error(f, MD_RULE_BIN_REPLACE_MISSING, MD_STATUS_NOT_FOUND, 0);
        else
            md_binary_error(f, MD_RULE_BIN_JOIN_MISSING, MD_STATUS_NOT_STORED, 0);
    }
}

/*
 * Which operation of the store it is. With a CAS value set and replace are what cas is, and add can never
 * succeed: the item must be there, and it must not.
 */
static enum md_command_name operation(struct md_feed *f, uint8_t loud) {
    static const uint8_t plain[] = {[MD_OP_SET] = MD_CMD_SET,
                                    [MD_OP_ADD] = MD_CMD_ADD,
                                    [MD_OP_REPLACE] = MD_CMD_REPLACE,
                                    [MD_OP_APPEND] = MD_CMD_APPEND,
                                    [MD_OP_PREPEND] = MD_CMD_PREPEND};
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    if (c->cas == 0)
        return plain[loud];
    md_chosen(m, MD_CHOICE_BIN_CAS_COUNTED);
    if (!m->options.cas && md_quirk_applies(m, MD_QUIRK_BIN_CAS_OFF_STORES)) {
        c->cas = 0;
        return plain[loud];
    }
    if (loud == MD_OP_ADD) {
        int32_t old = md_item_get(m, c->record, false);
        bool same = old != MD_NIL && m->items[old].cas == c->cas;
        if (same && !md_quirk_applies(m, MD_QUIRK_BIN_ADD_CAS))
            return MD_CMD_ADD;
    }
    return joins(loud) ? plain[loud] : MD_CMD_CAS;
}

static void store(struct md_feed *f, const uint8_t *data) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    uint8_t loud = loud_form(f);
    md_count_store(m, c, 1);
    if (c->exptime_set != m->now)
        md_chosen(m, MD_CHOICE_EXPTIME_AT_LINE);
    enum md_command_name by = operation(f, loud);
    struct md_value v = {.record = c->record,
                         .flags = c->flags,
                         .exptime = c->exptime,
                         .exptime_set = c->exptime_set,
                         .by = f->c->command.name,
                         .how = (uint8_t)by,
                         .cas = c->cas,
                         .compares = c->cas != 0,
                         .data = data,
                         .nbytes = c->nbytes,
                         .room = &c->room};
    say(f, md_store(m, &v), loud);
    md_room_give(&m->memory, &c->room);
}

void md_binary_data(struct md_feed *f, const uint8_t *data) {
    struct md_conn *c = f->c;
    f->m->command = &c->command;
    c->command.reply_offset = (uint32_t)f->out->bytes.len;
    c->command.mark_first = (uint32_t)f->out->n_marks;
    f->flush = false;
    bool chunked = md_is_chunked(f->m, f->m->records[c->record].nkey, c->flags, c->nbytes);
    /* The node keeps a CRLF behind the value: it may need one more chunk. */
    if (chunked && c->chunk_left < 2 && !md_binary_next_chunk(f))
        return;
    store(f, data);
    md_binary_commit(f);
}
