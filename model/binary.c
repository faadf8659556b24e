/* Which command a binary request is, and what is wrong with its header; see binary.h. */
#include "model/binary_internal.h"

/* ---- framing --------------------------------------------------------------------------------- */

/* A request that is refused before it is known what it asks for. */
static void begin(struct md_feed *f, const uint8_t *bytes, uint64_t at) {
    md_feed_begin(f, at);
    md_packet_read(bytes, &f->c->request);
    f->c->command.name = MD_CMD_BIN_UNKNOWN;
    f->c->quiet = false;
}

size_t md_binary_whole(struct md_feed *f, const uint8_t *bytes, size_t n) {
    struct md_packet p;
    if (n < MD_PACKET_HEADER)
        return 0;
    md_packet_read(bytes, &p);
    if (p.magic != MD_PACKET_REQUEST) {
        begin(f, bytes, f->c->input - n);
        md_rule_is(f->m, MD_RULE_BIN_MAGIC);
        md_feed_commit(f);
        f->close = true;
        return 0;
    }
    size_t whole = (size_t)MD_PACKET_HEADER + p.n_extras + p.n_key;
    return n < whole ? 0 : whole;
}

void md_binary_overfull(struct md_feed *f, const uint8_t *bytes) {
    begin(f, bytes, f->c->input - f->c->line.len);
    if (md_quirk_applies(f->m, MD_QUIRK_BIN_KEY_SILENT))
        md_rule_is(f->m, MD_RULE_BIN_KEY_LENGTH);
    else
        md_binary_invalid(f, MD_RULE_BIN_KEY_LENGTH);
    md_feed_commit(f);
    md_feed_send(f);
    f->close = true;
}

/* ---- what a request may look like ------------------------------------------------------------ */

static bool fits(enum md_want want, size_t n) {
    return want == MD_WANT_MAY || (want == MD_WANT_SOME) == (n > 0);
}

static bool is_gat_or_touch(uint8_t loud) {
    return loud == MD_OP_TOUCH || loud == MD_OP_GAT || loud == MD_OP_GATK;
}

/* "MUST have", "MUST NOT have": false means invalid arguments. */
static bool shape_is_right(struct md_feed *f, const struct md_opcode *op) {
    const struct md_packet *p = &f->c->request;
    uint32_t n_value = p->n_body - p->n_key - p->n_extras;
    bool extras = p->n_extras == op->n_extras || (op->loud == MD_OP_FLUSH && p->n_extras == 0);
    if (!extras || !fits((enum md_want)op->key, p->n_key))
        return false;
    if (fits((enum md_want)op->value, n_value)) {
        if (op->value == MD_WANT_MAY && n_value == 0)
            md_chosen(f->m, MD_CHOICE_BIN_EMPTY_VALUE);
        return true;
    }
    return (is_gat_or_touch(op->loud) || op->loud == MD_OP_STAT) &&
           md_quirk_applies(f->m, MD_QUIRK_BIN_VALUE_LEFT);
}

static void note_key(struct md_feed *f, const uint8_t *key, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] == 0x7f) {
            md_chosen(f->m, MD_CHOICE_BIN_KEY_BYTES);
            return;
        }
}

static enum md_command_name command_name(uint8_t opcode) {
    static const struct {
        uint8_t code, name;
    } names[] = {
#define X(code, name, ...) {code, MD_CMD_BIN_##name},
        MD_OPCODE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].code == opcode)
            return (enum md_command_name)names[i].name;
    return MD_CMD_BIN_UNKNOWN;
}

/* ---- dispatch -------------------------------------------------------------------------------- */

static void unknown_command(struct md_feed *f) {
    const struct md_packet *p = &f->c->request;
    uint64_t skip = (uint64_t)p->n_body - p->n_key - p->n_extras;
    if (skip < p->n_body && md_quirk_applies(f->m, MD_QUIRK_BIN_UNKNOWN_SWALLOWS))
        skip = p->n_body;
    md_binary_error(f, MD_RULE_BIN_UNKNOWN, MD_STATUS_UNKNOWN, skip);
}

/* False: the command waits for its value, or is over already. */
static bool dispatch(struct md_feed *f, uint8_t loud, const uint8_t *rest, size_t left) {
    const struct md_packet *p = &f->c->request;
    switch (loud) {
    case MD_OP_GET:
    case MD_OP_GETK:
    case MD_OP_GAT:
    case MD_OP_GATK:
    case MD_OP_TOUCH: md_binary_get(f, rest); break;
    case MD_OP_SET:
    case MD_OP_ADD:
    case MD_OP_REPLACE:
    case MD_OP_APPEND:
    case MD_OP_PREPEND: return md_binary_store(f, rest);
    case MD_OP_DELETE: md_binary_delete(f, rest); break;
    case MD_OP_INCR:
    case MD_OP_DECR: md_binary_delta(f, rest); break;
    case MD_OP_FLUSH: md_binary_flush(f, rest); break;
    case MD_OP_NOOP: md_binary_noop(f); break;
    case MD_OP_VERSION: md_binary_version(f); break;
    case MD_OP_QUIT: md_binary_quit(f); break;
    case MD_OP_STAT: md_binary_stat(f, rest, left); break;
    default: /* SASL */
        md_binary_error(f, MD_RULE_BIN_SASL_OFF, MD_STATUS_UNKNOWN, (uint64_t)p->n_body - p->n_key);
        break;
    }
    return true;
}

static bool carry_out(struct md_feed *f, const uint8_t *rest, size_t left) {
    struct md_model *m = f->m;
    const struct md_packet *p = &f->c->request;
    const struct md_opcode *op = md_opcode_find(p->opcode);
    if (p->type || p->status)
        md_chosen(m, MD_CHOICE_BIN_RESERVED);
    if ((uint64_t)p->n_key + p->n_extras > p->n_body) {
        md_chosen(m, MD_CHOICE_BIN_REFUSED_LATE);
        md_chosen(m, MD_CHOICE_BIN_CLOSES);
        bool unknown = md_quirk_applies(m, MD_QUIRK_BIN_LENGTHS_UNKNOWN);
        md_binary_error(f, MD_RULE_BIN_LENGTHS, unknown ? MD_STATUS_UNKNOWN : MD_STATUS_INVALID, 0);
        f->close = true;
        return true;
    }
    if (m->profile->binary_body_most && p->n_body > m->profile->binary_body_most) {
        md_binary_invalid(f, MD_RULE_BIN_LENGTHS);
        return true;
    }
    f->c->quiet = op && op->code != op->loud;
    if (p->n_key > MD_KEY_MAX) {
        md_binary_invalid(f, MD_RULE_BIN_KEY_LENGTH);
        return true;
    }
    if (!op) {
        unknown_command(f);
        return true;
    }
    if (!shape_is_right(f, op)) {
        md_binary_invalid(f, MD_RULE_BIN_SHAPE);
        return true;
    }
    note_key(f, rest + p->n_extras, p->n_key);
    return dispatch(f, op->loud, rest, left);
}

void md_binary_request(struct md_feed *f, const uint8_t *bytes, size_t n, size_t left) {
    begin(f, bytes, f->c->input - n - left);
    f->c->command.name = (uint8_t)command_name(f->c->request.opcode);
    f->flush = false;
    md_leave_cas(f->m, f->c, 0);
    if (carry_out(f, bytes + MD_PACKET_HEADER, left) && !f->unmodelled)
        md_binary_commit(f);
}
