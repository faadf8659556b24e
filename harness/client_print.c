/* Sequences of calls as C: one line each, for reports and files. client_program.c makes programs. */
#include "harness/client_calls.h"

#include <inttypes.h>

void md_client_print_bytes(struct md_client_bytes b, struct md_buf *out) {
    if (b.times > 1) {
        md_buf_printf(out, "rep('%s', %u), %u", b.text, b.times, b.times);
        return;
    }
    md_buf_byte(out, '"');
    for (uint32_t i = 0; i < b.len; i++) {
        uint8_t c = (uint8_t)b.text[i];
        if (c == '\r')
            md_buf_str(out, "\\r");
        else if (c == '\n')
            md_buf_str(out, "\\n");
        else if (c == '"' || c == '\\')
            md_buf_printf(out, "\\%c", c);
        else if (c < ' ' || c > '~')
            md_buf_printf(out, "\\%03o", c);
        else
            md_buf_byte(out, c);
    }
    md_buf_printf(out, "\", %u", b.len);
}

void md_client_print_keys(const struct md_client_call *c, struct md_buf *out) {
    md_buf_str(out, "KEYS(");
    for (uint8_t i = 0; i < c->n_keys; i++) {
        md_buf_str(out, i ? ", {" : "{");
        md_client_print_bytes(md_client_key(c->keys[i]), out);
        md_buf_str(out, "}");
    }
    md_buf_str(out, ")");
}

static void print_cas(const struct md_client_call *c, struct md_buf *out) {
    struct md_client_cas cas = md_client_cas(c->cas);
    if (cas.seen)
        md_buf_str(out, cas.plus ? ", cas_seen + " : ", cas_seen");
    else
        md_buf_str(out, ", ");
    if (cas.plus || !cas.seen)
        md_buf_printf(out, "%" PRIu64 "U", cas.plus);
}

static void print_arguments(const struct md_client_call *c, struct md_buf *out) {
    unsigned f = md_client_op_fields((enum md_client_op)c->op);
    if (f & MD_CLIENT_F_KEY) {
        md_buf_str(out, ", ");
        md_client_print_bytes(md_client_key(c->key), out);
    }
    if (f & MD_CLIENT_F_KEYS) {
        md_buf_str(out, ", ");
        md_client_print_keys(c, out);
    }
    if (f & MD_CLIENT_F_VALUE) {
        md_buf_str(out, ", ");
        md_client_print_bytes(md_client_value(c->value), out);
    }
    if (f & MD_CLIENT_F_OFFSET) /* without an initial value the parameter has 32 bits */
        md_buf_printf(out, ", %" PRIu64 "U",
                      f & MD_CLIENT_F_INITIAL ? md_client_number(c->offset)
                                              : (uint32_t)md_client_number(c->offset));
    if (f & MD_CLIENT_F_INITIAL)
        md_buf_printf(out, ", %" PRIu64 "U", md_client_number(c->initial));
    if (f & MD_CLIENT_F_EXPTIME)
        md_buf_printf(out, ", %" PRId64, md_client_exptime(c->exptime));
    if (f & MD_CLIENT_F_FLAGS)
        md_buf_printf(out, ", %uU", md_client_flags(c->flags));
    if (f & MD_CLIENT_F_CAS)
        print_cas(c, out);
    if (f & MD_CLIENT_F_SECONDS)
        md_buf_printf(out, ", %u", md_client_seconds(c->seconds));
    if (f & MD_CLIENT_F_SETTING)
        md_buf_printf(out, ", %s, %u",
                      md_client_setting_constant((enum md_client_setting)c->setting), c->on);
}

void md_client_print_namespace(const struct md_client_call *c, struct md_buf *out) {
    struct md_client_bytes b = md_client_namespace(c->namespace);
    if (!b.text)
        md_buf_str(out, "NULL");
    else if (b.times > 1)
        md_buf_printf(out, "rep('%s', %u)", b.text, b.times);
    else
        md_buf_printf(out, "\"%s\"", b.text);
}

void md_client_print_call(const struct md_client_call *c, struct md_buf *out) {
    switch (c->op) {
    case MD_CLIENT_NAMESPACE:
        md_buf_str(out, "memcached_callback_set(m, MEMCACHED_CALLBACK_NAMESPACE, ");
        md_client_print_namespace(c, out);
        break;
    case MD_CLIENT_ADD_SERVER:
        md_buf_str(out, "memcached_server_add_unix_socket(m, second)");
        return;
    case MD_CLIENT_CLOCK: md_buf_printf(out, "sleep(%u)", md_client_seconds(c->seconds)); return;
    case MD_CLIENT_LOOK:
        md_buf_str(out, "another_client_gets(");
        md_client_print_bytes(md_client_key(c->key), out);
        break;
    case MD_CLIENT_FETCH:
    case MD_CLIENT_FETCH_RESULT:
    case MD_CLIENT_GET:
    case MD_CLIENT_STAT:
        /* With the output parameters left out. */
        md_buf_printf(out, "memcached_%s(m", md_client_op_name((enum md_client_op)c->op));
        print_arguments(c, out);
        md_buf_str(out, ", ...");
        break;
    default:
        md_buf_printf(out, "memcached_%s(m", md_client_op_name((enum md_client_op)c->op));
        print_arguments(c, out);
        if (md_client_op_fields((enum md_client_op)c->op) & MD_CLIENT_F_OFFSET)
            md_buf_str(out, ", &number");
        break;
    }
    md_buf_str(out, ")");
}

void md_client_print(const struct md_client_sequence *s, struct md_buf *out) {
    for (size_t i = 0; i < s->n; i++) {
        md_client_print_call(&s->calls[i], out);
        md_buf_str(out, ";\n");
    }
}
