/* Calls as text commands, and replies as outcomes; see client_model.h. */
#include "harness/client_model.h"

#include <inttypes.h>
#include <stdlib.h>

static void storage(const struct md_client_call *c, const struct md_buf *key, uint64_t cas,
                    int64_t exptime, struct md_buf *out) {
    struct md_client_bytes v = md_client_value(c->value);
    md_buf_printf(out, "%s ", md_client_op_name((enum md_client_op)c->op));
    md_buf_append(out, key->data, key->len);
    md_buf_printf(out, " %u %" PRId64 " %u", md_client_flags(c->flags), exptime, v.len * v.times);
    if (c->op == MD_CLIENT_CAS)
        md_buf_printf(out, " %" PRIu64, cas);
    md_buf_str(out, "\r\n");
    md_client_bytes_append(out, v);
    md_buf_str(out, "\r\n");
}

void md_client_command(const struct md_client_call *c, const struct md_buf *key, uint64_t cas,
                       bool never_expires, struct md_buf *out) {
    const char *word = "gets ";
    int64_t exptime = never_expires ? 0 : md_client_exptime(c->exptime);
    uint64_t offset = md_client_number(c->offset);
    switch (c->op) {
    case MD_CLIENT_FLUSH:
        md_buf_printf(out, "flush_all %u\r\n", md_client_seconds(c->seconds));
        return;
    case MD_CLIENT_INCREMENT:
    case MD_CLIENT_INCREMENT_INITIAL: word = "incr "; break;
    case MD_CLIENT_DECREMENT:
    case MD_CLIENT_DECREMENT_INITIAL: word = "decr "; break;
    case MD_CLIENT_TOUCH: word = "touch "; break;
    case MD_CLIENT_DELETE: word = "delete "; break;
    case MD_CLIENT_EXIST: word = "add "; break;
    default:
        if (!(md_client_op_fields((enum md_client_op)c->op) & MD_CLIENT_F_VALUE))
            break;
        storage(c, key, cas, exptime, out);
        return;
    }
    md_buf_str(out, word);
    md_buf_append(out, key->data, key->len);
    if (c->op == MD_CLIENT_INCREMENT || c->op == MD_CLIENT_DECREMENT)
        md_buf_printf(out, " %u", (uint32_t)offset);
    else if (c->op == MD_CLIENT_INCREMENT_INITIAL || c->op == MD_CLIENT_DECREMENT_INITIAL)
        md_buf_printf(out, " %" PRIu64, offset);
    else if (c->op == MD_CLIENT_TOUCH)
        md_buf_printf(out, " %" PRId64, exptime);
    else if (c->op == MD_CLIENT_EXIST) /* memcached_exist(3) asks by an add that is stale at once */
        md_buf_str(out, " 0 2678400 0\r\n");
    md_buf_str(out, "\r\n");
}

/* "VALUE key flags bytes cas" and the data. */
static void understand_value(const char *line, const uint8_t *reply, size_t len,
                             struct md_client_answer *out) {
    const char *at = strchr(line + 6, ' ');
    char *end;
    if (!at)
        return;
    unsigned long flags = strtoul(at, &end, 10);
    unsigned long long bytes = strtoull(end, &end, 10);
    out->cas = *end == ' ' ? strtoull(end, &end, 10) : 0;
    const uint8_t *data = memchr(reply, '\n', len);
    if (!data || bytes > (size_t)(reply + len - data - 1))
        return;
    out->outcome = MD_CLIENT_OUT_HIT;
    out->flags = (uint32_t)flags;
    md_buf_append(&out->value, data + 1, bytes);
}

void md_client_understand(const uint8_t *reply, size_t len, struct md_client_answer *out) {
    static const struct {
        const char *start;
        enum md_client_outcome outcome;
    } words[] = {
        {"STORED", MD_CLIENT_OUT_STORED},
        {"NOT_STORED", MD_CLIENT_OUT_NOT_STORED},
        {"EXISTS", MD_CLIENT_OUT_EXISTS},
        {"NOT_FOUND", MD_CLIENT_OUT_NOT_FOUND},
        {"DELETED", MD_CLIENT_OUT_DELETED},
        {"TOUCHED", MD_CLIENT_OUT_TOUCHED},
        {"OK", MD_CLIENT_OUT_OK},
        {"END", MD_CLIENT_OUT_MISS},
        {"CLIENT_ERROR", MD_CLIENT_OUT_CLIENT_ERROR},
        {"SERVER_ERROR object too large", MD_CLIENT_OUT_TOO_LARGE},
    };
    char line[512];
    const uint8_t *end = memchr(reply, '\n', len);
    size_t n = end ? (size_t)(end - reply) : len;
    n = n < sizeof line ? n : sizeof line - 1;
    memcpy(line, reply, n);
    line[n] = 0;
    md_buf_clear(&out->value);
    out->flags = 0;
    out->cas = out->number = 0;
    out->outcome = MD_CLIENT_OUT_ERROR;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(line, words[i].start, strlen(words[i].start)) == 0)
            out->outcome = words[i].outcome;
    if (strncmp(line, "VALUE ", 6) == 0)
        understand_value(line, reply, len, out);
    if (*line >= '0' && *line <= '9') {
        out->outcome = MD_CLIENT_OUT_NUMBER;
        out->number = strtoull(line, NULL, 10);
    }
}

static bool is_open(const struct md_reply *reply) {
    for (size_t i = 0; i < reply->n_commands; i++)
        for (uint8_t k = 0; k < reply->commands[i].refs; k++) {
            enum md_choice choice = reply->commands[i].ref[k].choice;
            if (choice == MD_CHOICE_COUNTER_BLANK || choice == MD_CHOICE_COUNTER_MEMORY)
                return true;
        }
    return false;
}

bool md_client_ask(struct md_model *m, const struct md_buf *command, struct md_client_answer *out) {
    struct md_reply reply = {0};
    size_t done = 0;
    struct md_buf bytes = {0};
    bool known = true, open = false;
    while (known && done < command->len) {
        size_t piece = command->len - done < MD_READ_BUFFER ? command->len - done : MD_READ_BUFFER;
        known = md_model_feed(m, 0, command->data + done, piece, &reply) == MD_FEED_OK;
        md_buf_append(&bytes, reply.bytes.data, reply.bytes.len);
        open |= is_open(&reply);
        done += piece;
    }
    md_client_understand(bytes.data ? bytes.data : (const uint8_t *)"", bytes.len, out);
    out->open = open;
    md_buf_free(&bytes);
    md_reply_free(&reply);
    return known;
}
