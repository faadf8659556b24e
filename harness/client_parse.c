/*
 * Reads a listing of calls. What can be printed is all that can be read, so there is no second
 * grammar here: field by field, the table's entry is taken with which the printed call agrees
 * longest with the line.
 */
#include "harness/client_calls.h"

struct reader {
    const char *line;
    size_t len;
    struct md_buf printed;
};

static size_t agreement(struct reader *r, const struct md_client_call *c) {
    size_t n = 0;
    md_buf_clear(&r->printed);
    md_client_print_call(c, &r->printed);
    while (n < r->len && n < r->printed.len && r->line[n] == (char)r->printed.data[n])
        n++;
    return n;
}

static bool is_whole(struct reader *r, const struct md_client_call *c) {
    return agreement(r, c) == r->len && r->printed.len == r->len;
}

/* `field` points into *c. */
static void best(struct reader *r, struct md_client_call *c, uint8_t *field) {
    uint8_t found = 0;
    size_t most = 0;
    for (unsigned i = 0; i < 64; i++) {
        *field = (uint8_t)i;
        size_t n = agreement(r, c);
        if (n > most) {
            most = n;
            found = (uint8_t)i;
        }
    }
    *field = found;
}

static bool read_keys(struct reader *r, struct md_client_call *c) {
    for (c->n_keys = 1; c->n_keys <= MD_CLIENT_KEYS_MAX; c->n_keys++) {
        best(r, c, &c->keys[c->n_keys - 1]);
        if (is_whole(r, c))
            return true;
    }
    return false;
}

static bool read_fields(struct reader *r, struct md_client_call *c) {
    struct {
        unsigned has;
        uint8_t *at;
    } fields[] = {
        {MD_CLIENT_F_KEY, &c->key},
        {MD_CLIENT_F_VALUE, &c->value},
        {MD_CLIENT_F_OFFSET, &c->offset},
        {MD_CLIENT_F_INITIAL, &c->initial},
        {MD_CLIENT_F_EXPTIME, &c->exptime},
        {MD_CLIENT_F_FLAGS, &c->flags},
        {MD_CLIENT_F_CAS, &c->cas},
        {MD_CLIENT_F_SECONDS, &c->seconds},
        {MD_CLIENT_F_NAMESPACE, &c->namespace},
    };
    unsigned has = md_client_op_fields((enum md_client_op)c->op);
    if (has & MD_CLIENT_F_KEYS)
        return read_keys(r, c);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (has & fields[i].has)
            best(r, c, fields[i].at);
    if (!(has & MD_CLIENT_F_SETTING))
        return is_whole(r, c);
    for (unsigned i = 0; i < MD_CLIENT_SETTINGS * 2U; i++) {
        c->setting = (uint8_t)(i / 2);
        c->on = i % 2;
        if (is_whole(r, c))
            return true;
    }
    return false;
}

static bool read_call(struct reader *r, struct md_client_call *out) {
    for (unsigned op = 0; op < MD_CLIENT_OPS; op++) {
        *out = (struct md_client_call){.op = (uint8_t)op};
        if (read_fields(r, out))
            return true;
    }
    return false;
}

bool md_client_parse(struct md_client_sequence *s, const char *text, size_t len, size_t *line) {
    const char *at = text, *end = text + len;
    struct reader r = {0};
    bool good = true;
    s->n = 0;
    for (*line = 1; good && at < end; ++*line) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        r.line = at;
        r.len = (size_t)(stop - at);
        at = stop < end ? stop + 1 : end;
        if (r.len == 0 || (r.len > 1 && r.line[0] == '/' && r.line[1] == '/'))
            continue;
        r.len -= r.line[r.len - 1] == ';';
        good = s->n < MD_CLIENT_CALLS_MAX && read_call(&r, &s->calls[s->n++]);
    }
    if (!good)
        --*line;
    md_buf_free(&r.printed);
    return good;
}
