/* get, getk, gat, gatk, touch and their quiet forms; "Get, Get Quietly, Get Key, Get Key Quietly". */
#include "model/binary_internal.h"

#include "model/text_internal.h"

/* ---- counting -------------------------------------------------------------------------------- */

/* item: MD_NIL on a miss. touch itself is no retrieval: it counts as in the text protocol. */
static void count(struct md_model *m, uint8_t loud, int32_t item) {
    uint64_t *n = m->stats.count;
    bool hit = item != MD_NIL, touches = loud != MD_OP_GET && loud != MD_OP_GETK;
    struct md_class_count *of = hit ? &m->count[m->items[item].class] : NULL;
    if (!touches) {
        n[MD_STAT_cmd_get]++;
        n[hit ? MD_STAT_get_hits : MD_STAT_get_misses]++;
        if (of)
            of->get_hits++;
        return;
    }
    n[MD_STAT_cmd_touch]++;
    n[hit ? MD_STAT_touch_hits : MD_STAT_touch_misses]++;
    if (of)
        of->touch_hits++;
    if (loud == MD_OP_TOUCH)
        return;
    *(hit ? &m->stats.gat_hits : &m->stats.gat_misses) += 1;
    if (of)
        of->gat_hits++;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void miss(struct md_feed *f, int32_t record, bool with_key) {
    struct md_model *m = f->m;
    const struct md_record *rec = &m->records[record];
    enum md_rule why = md_miss_rule(m, record);
    f->c->command.flags |= MD_COMMAND_MISS;
    md_explain_miss(f, rec, why);
    md_rule_is(m, why);
    if (md_binary_quiet(f)) {
        m->fired.rule[MD_RULE_BIN_QUIET_MISS]++;
        f->c->command.flags |= MD_COMMAND_SILENT;
    } else if (with_key) {
        m->fired.rule[MD_RULE_BIN_GETK_MISS]++;
        f->c->command.flags |= MD_COMMAND_ERROR;
        md_binary_answer(f, &(struct md_answer){.status = MD_STATUS_NOT_FOUND,
                                                .key = rec->key,
                                                .n_key = rec->nkey});
    } else {
        m->fired.rule[MD_RULE_BIN_MISS]++;
        md_binary_error(f, why, MD_STATUS_NOT_FOUND, 0);
    }
}

static void hit(struct md_feed *f, int32_t item, uint8_t loud) {
    struct md_model *m = f->m;
    const struct md_item *it = &m->items[item];
    struct md_record *rec = &m->records[it->record];
    uint8_t flags[4];
    struct md_answer a = {.extras = flags, .n_extras = sizeof flags, .cas = it->cas};
    md_be_write(it->flags, flags, sizeof flags);
    if (loud == MD_OP_GETK || loud == MD_OP_GATK) {
        a.key = rec->key;
        a.n_key = rec->nkey;
        m->fired.rule[MD_RULE_BIN_GETK_HIT]++;
    }
    if (loud != MD_OP_TOUCH) {
        a.value = md_item_value(it);
        a.n_value = it->nbytes;
        if (it->open_choice)
            md_stands_on(m, it->padded_by, MD_CHOICE_PADDING);
    }
    rec->cas_seen = it->cas;
    if (!m->options.cas)
        m->fired.rule[MD_RULE_CAS_OFF]++;
    f->c->command.flags |= MD_COMMAND_HIT;
    md_rule_is(m, loud == MD_OP_TOUCH                       ? MD_RULE_BIN_TOUCHED
                  : loud == MD_OP_GAT || loud == MD_OP_GATK ? MD_RULE_BIN_GAT_HIT
                                                            : MD_RULE_BIN_GET_HIT);
    md_binary_answer(f, &a);
    md_hold_item(m, f->c, item);
}

void md_binary_get(struct md_feed *f, const uint8_t *rest) {
    struct md_model *m = f->m;
    const struct md_packet *p = &f->c->request;
    uint8_t loud = md_opcode_find(p->opcode)->loud;
    int32_t record = md_record_get(m, rest + p->n_extras, p->n_key);
    int32_t item = md_item_get(m, record, true);
    if (p->cas)
        md_chosen(m, MD_CHOICE_BIN_CAS_IGNORED);
    count(m, loud, item);
    if (item == MD_NIL) {
        miss(f, record, loud == MD_OP_GETK || loud == MD_OP_GATK);
        return;
    }
    if (p->n_extras)
        md_set_exptime(m, item, md_relative_time(m, (int64_t)md_be_read(rest, 4)));
    hit(f, item, loud);
}
