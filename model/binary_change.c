/* delete, incr, decr and their quiet forms; "Delete", "Increment, Decrement". */
#include "model/binary_internal.h"

#include "model/lru.h"
#include "model/text_internal.h"

/* An item with another CAS value than the request's, which is not 0. */
static bool other_cas(struct md_feed *f, int32_t item) {
    uint64_t wanted = f->c->request.cas;
    f->m->literal_cas |= wanted && wanted <= f->m->base.cas;
    if (wanted)
        md_chosen(f->m, MD_CHOICE_BIN_CAS_COUNTED);
    return wanted && f->m->items[item].cas != wanted;
}

void md_binary_delete(struct md_feed *f, const uint8_t *rest) {
    struct md_model *m = f->m;
    int32_t record = md_record_get(m, rest, f->c->request.n_key);
    int32_t item = md_item_get(m, record, false);
    if (item == MD_NIL) {
        m->stats.count[MD_STAT_delete_misses]++;
        md_explain_miss(f, &m->records[record], md_miss_rule(m, record));
        md_binary_error(f, MD_RULE_BIN_DELETE_MISS, MD_STATUS_NOT_FOUND, 0);
        return;
    }
    if (other_cas(f, item)) {
        md_binary_error(f, MD_RULE_BIN_DELETE_CAS, MD_STATUS_EXISTS, 0);
        return;
    }
    m->stats.count[MD_STAT_delete_hits]++;
    m->count[m->items[item].class].delete_hits++;
    md_item_unlink(m, item, MD_RULE_MISS_DELETED);
    md_binary_done(f, MD_RULE_BIN_DELETED, &(struct md_answer){0});
}

/* ---- counters -------------------------------------------------------------------------------- */

struct delta {
    bool incr;
    uint64_t amount, initial;
    uint32_t expiration;
};

static void answer_value(struct md_feed *f, enum md_rule rule, int32_t record, uint64_t value) {
    uint8_t bytes[8];
    md_be_write(value, bytes, sizeof bytes);
    md_leave_cas(f->m, f->c, f->m->items[f->m->records[record].item].cas);
    md_binary_done(f, rule,
                   &(struct md_answer){.cas = md_binary_show_cas(f, record),
                                       .value = bytes,
                                       .n_value = sizeof bytes});
}

static void store_initial(struct md_feed *f, const struct delta *d, int32_t record) {
    struct md_model *m = f->m;
    char text[24];
    struct md_buf digits = {.data = (uint8_t *)text, .cap = sizeof text};
    struct md_room room = {0};
    md_buf_u64(&digits, d->initial);
    if (!md_room_take(m, &room, m->records[record].nkey, 0, digits.len, MD_NIL)) {
        md_binary_error_text(f, MD_RULE_BIN_DELTA_NO_MEMORY, MD_STATUS_NO_MEMORY,
                             "Out of memory allocating new item", 0);
        return;
    }
    struct md_value v = {.record = record,
                         .exptime = md_relative_time(m, d->expiration),
                         .exptime_set = m->now,
                         .by = f->c->command.name,
                         .data = digits.data,
                         .nbytes = digits.len,
                         .room = &room};
    md_store_new(m, &v);
    answer_value(f, MD_RULE_BIN_DELTA_INITIAL, record, d->initial);
}

static void missing(struct md_feed *f, const struct delta *d, int32_t record) {
    struct md_model *m = f->m;
    bool initial = d->expiration != UINT32_MAX;
    if (initial && f->c->request.cas && !md_quirk_applies(m, MD_QUIRK_BIN_INITIAL_CAS))
        initial = false;
    if (initial) {
        m->stats.uncounted_misses[d->incr]++;
        store_initial(f, d, record);
        return;
    }
    m->stats.count[d->incr ? MD_STAT_incr_misses : MD_STAT_decr_misses]++;
    md_explain_miss(f, &m->records[record], md_miss_rule(m, record));
    md_binary_error(f, MD_RULE_BIN_DELTA_MISS, MD_STATUS_NOT_FOUND, 0);
}

static void change(struct md_feed *f, const struct delta *d, int32_t record) {
    struct md_model *m = f->m;
    uint64_t value = 0;
    bool border = false;
    /* Told is only that it failed: which one it was does not show in a place of its own. */
    enum md_told told = md_binary_quiet(f) ? MD_TOLD_NOTHING : MD_TOLD_VALUE;
    switch (md_delta(m, record, d->incr, d->amount, told, &value, &border)) {
    case MD_NON_NUMERIC:
        md_binary_error(f, MD_RULE_BIN_DELTA_NON_NUMERIC, MD_STATUS_NON_NUMERIC, 0);
        break;
    case MD_NO_MEMORY:
        md_binary_error_text(f, MD_RULE_BIN_DELTA_NO_MEMORY, MD_STATUS_NO_MEMORY,
                             "Out of memory incrementing value", 0);
        break;
    default:
        m->fired.rule[d->incr ? (border ? MD_RULE_INCR_WRAP : MD_RULE_INCR)
                              : (border ? MD_RULE_DECR_FLOOR : MD_RULE_DECR)]++;
        answer_value(f, MD_RULE_BIN_DELTA, record, value);
    }
}

void md_binary_delta(struct md_feed *f, const uint8_t *rest) {
    struct md_model *m = f->m;
    const struct md_packet *p = &f->c->request;
    struct delta d = {.incr = md_opcode_find(p->opcode)->loud == MD_OP_INCR,
                      .amount = md_be_read(rest, 8),
                      .initial = md_be_read(rest + 8, 8),
                      .expiration = (uint32_t)md_be_read(rest + 16, 4)};
    int32_t record = md_record_get(m, rest + p->n_extras, p->n_key);
    int32_t item = md_item_get(m, record, false);
    if (item == MD_NIL) {
        missing(f, &d, record);
        return;
    }
    bool other = other_cas(f, item);
    if (other && !md_may_be_number(m, item))
        md_chosen(m, MD_CHOICE_BIN_CAS_LATER);
    else if (other) {
        md_binary_error(f, MD_RULE_BIN_DELTA_CAS, MD_STATUS_EXISTS, 0);
        return;
    }
    change(f, &d, record);
}
