/* Answers of the binary protocol; "Packet Structure", "Response Status". */
#include "model/binary_internal.h"

static const char *error_text(enum md_status status) {
    switch (status) {
    case MD_STATUS_NOT_FOUND: return "Not found";
    case MD_STATUS_EXISTS: return "Data exists for key.";
    case MD_STATUS_TOO_LARGE: return "Too large.";
    case MD_STATUS_INVALID: return "Invalid arguments";
    case MD_STATUS_NOT_STORED: return "Not stored.";
    case MD_STATUS_NON_NUMERIC: return "Non-numeric server-side value for incr or decr";
    case MD_STATUS_AUTH: return "Auth failure.";
    case MD_STATUS_UNKNOWN: return "Unknown command";
    default: return "Out of memory";
    }
}

static void mark_cas(struct md_feed *f, size_t at, uint64_t cas) {
    struct md_reply *out = f->out;
    out->marks = md_grow(out->marks, &out->cap_marks, out->n_marks + 1, sizeof *out->marks);
    out->marks[out->n_marks++] =
        (struct md_mark){.offset = (uint32_t)at, .len = 8, .relative = cas - f->m->base.cas};
}

void md_binary_answer(struct md_feed *f, const struct md_answer *a) {
    struct md_model *m = f->m;
    const struct md_packet *request = &f->c->request;
    struct md_buf *b = &f->out->bytes;
    struct md_packet p = {
        .magic = MD_PACKET_RESPONSE,
        .opcode = request->opcode,
        .n_key = a->n_key,
        .n_extras = a->n_extras,
        .status = (uint16_t)a->status,
        .n_body = (uint32_t)(a->n_extras + a->n_key + a->n_value),
        .opaque = request->opaque,
        .cas = a->cas,
    };
    if (b->len + a->n_value > MD_REPLY_MAX) {
        m->lost = true;
        return;
    }
    uint8_t header[MD_PACKET_HEADER];
    md_packet_write(&p, header);
    if (a->cas)
        mark_cas(f, b->len + 16, a->cas);
    if (request->opaque)
        m->fired.rule[MD_RULE_BIN_OPAQUE]++;
    md_buf_append(b, header, sizeof header);
    md_buf_append(b, a->extras, a->n_extras);
    md_buf_append(b, a->key, a->n_key);
    md_buf_append(b, a->value, a->n_value);
}

void md_binary_done(struct md_feed *f, enum md_rule rule, const struct md_answer *a) {
    md_rule_is(f->m, rule);
    if (!md_binary_quiet(f)) {
        md_binary_answer(f, a);
        return;
    }
    f->m->fired.rule[MD_RULE_BIN_QUIET]++;
    f->c->command.flags |= MD_COMMAND_SILENT;
}

void md_binary_skip(struct md_feed *f, uint64_t skip) {
    if (skip > INT32_MAX && md_quirk_applies(f->m, MD_QUIRK_BIN_HUGE_BODY))
        return;
    f->c->missing = skip;
    if (skip)
        f->c->state = MD_CONN_SWALLOW;
}

void md_binary_error_text(struct md_feed *f, enum md_rule rule, enum md_status status,
                          const char *text, uint64_t skip) {
    md_rule_is(f->m, rule);
    f->c->command.flags |= MD_COMMAND_ERROR;
    if (md_binary_quiet(f))
        f->m->fired.rule[MD_RULE_BIN_QUIET_ERROR]++;
    md_chosen(f->m, MD_CHOICE_BIN_ERROR_TEXT);
    md_binary_answer(f, &(struct md_answer){.status = status,
                                            .value = (const uint8_t *)text,
                                            .n_value = strlen(text)});
    md_binary_skip(f, skip);
    f->flush = f->c->state == MD_CONN_LINE;
}

void md_binary_error(struct md_feed *f, enum md_rule rule, enum md_status status, uint64_t skip) {
    md_binary_error_text(f, rule, status, error_text(status), skip);
}

void md_binary_commit(struct md_feed *f) {
    md_feed_commit(f);
    if (f->flush || f->close)
        md_feed_send(f);
    f->flush = false;
}

void md_binary_invalid(struct md_feed *f, enum md_rule rule) {
    md_chosen(f->m, MD_CHOICE_BIN_CLOSES);
    md_binary_error(f, rule, MD_STATUS_INVALID, 0);
    f->close = true;
}

uint64_t md_binary_show_cas(struct md_feed *f, int32_t record) {
    struct md_record *rec = &f->m->records[record];
    if (rec->item == MD_NIL || md_binary_quiet(f))
        return 0;
    if (!f->m->options.cas)
        f->m->fired.rule[MD_RULE_CAS_OFF]++;
    return rec->cas_seen = f->m->items[rec->item].cas;
}
