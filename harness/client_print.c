/* Sequences of calls as C: one line each for a report, a whole program for a maintainer. */
#include "harness/client_calls.h"

#include <inttypes.h>

static void print_string(struct md_client_bytes b, struct md_buf *out) {
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

static void print_keys(const struct md_client_call *c, struct md_buf *out) {
    md_buf_str(out, "KEYS(");
    for (uint8_t i = 0; i < c->n_keys; i++) {
        md_buf_str(out, i ? ", {" : "{");
        print_string(md_client_key(c->keys[i]), out);
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
        print_string(md_client_key(c->key), out);
    }
    if (f & MD_CLIENT_F_KEYS) {
        md_buf_str(out, ", ");
        print_keys(c, out);
    }
    if (f & MD_CLIENT_F_VALUE) {
        md_buf_str(out, ", ");
        print_string(md_client_value(c->value), out);
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

static void print_namespace(const struct md_client_call *c, struct md_buf *out) {
    struct md_client_bytes b = md_client_namespace(c->namespace);
    md_buf_str(out, "memcached_callback_set(m, MEMCACHED_CALLBACK_NAMESPACE, ");
    if (!b.text)
        md_buf_str(out, "NULL");
    else if (b.times > 1)
        md_buf_printf(out, "rep('%s', %u)", b.text, b.times);
    else
        md_buf_printf(out, "\"%s\"", b.text);
    md_buf_str(out, ")");
}

void md_client_print_call(const struct md_client_call *c, struct md_buf *out) {
    switch (c->op) {
    case MD_CLIENT_NAMESPACE: print_namespace(c, out); return;
    case MD_CLIENT_ADD_SERVER:
        md_buf_str(out, "memcached_server_add_unix_socket(m, second)");
        return;
    case MD_CLIENT_CLOCK: md_buf_printf(out, "sleep(%u)", md_client_seconds(c->seconds)); return;
    case MD_CLIENT_LOOK:
        md_buf_str(out, "another_client_gets(");
        print_string(md_client_key(c->key), out);
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

/* ---- a program ------------------------------------------------------------------------------- */

static const char prelude[] =
    "#include <libmemcached/memcached.h>\n"
    "#include <stdint.h>\n"
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "#include <string.h>\n"
    "#include <unistd.h>\n"
    "\n"
    "#define KEYS(...) (struct key[]){__VA_ARGS__}, sizeof((struct key[]){__VA_ARGS__}) / "
    "sizeof(struct key)\n"
    "struct key { const char *text; size_t len; };\n"
    "static memcached_st *m;\n"
    "static uint64_t number, cas_seen;\n"
    "\n"
    "static const char *rep(char c, size_t n) {\n"
    "    char *s = calloc(1, n + 1);\n"
    "    return memset(s, c, n);\n"
    "}\n"
    "static void told(const char *call, memcached_return_t rc) {\n"
    "    printf(\"%-60s %s\\n\", call, memcached_strerror(NULL, rc));\n"
    "}\n"
    "static void value(const char *call, memcached_return_t rc, const char *v, size_t n, uint32_t "
    "flags) {\n"
    "    told(call, rc);\n"
    "    printf(\"    value %s%.*s, %zu bytes, flags %u\\n\", v ? \"\" : \"NULL\", v ? (int)(n < "
    "60 ? "
    "n : 60) : 0, v ? v : \"\", n, flags);\n"
    "}\n"
    "static void get(const char *call, const char *k, size_t nk) {\n"
    "    size_t n = 0;\n"
    "    uint32_t flags = 0;\n"
    "    memcached_return_t rc;\n"
    "    char *v = memcached_get(m, k, nk, &n, &flags, &rc);\n"
    "    value(call, rc, v, n, flags);\n"
    "    free(v);\n"
    "}\n"
    "static memcached_return_t mget(const struct key *keys, size_t n) {\n"
    "    const char *text[8];\n"
    "    size_t len[8];\n"
    "    for (size_t i = 0; i < n; i++) {\n"
    "        text[i] = keys[i].text;\n"
    "        len[i] = keys[i].len;\n"
    "    }\n"
    "    return memcached_mget(m, text, len, n);\n"
    "}\n"
    "static void fetch(const char *call) {\n"
    "    char key[MEMCACHED_MAX_KEY + 1] = {0};\n"
    "    size_t nk = 0, n = 0;\n"
    "    uint32_t flags = 0;\n"
    "    memcached_return_t rc;\n"
    "    char *v = memcached_fetch(m, key, &nk, &n, &flags, &rc);\n"
    "    value(call, rc, v, n, flags);\n"
    "    free(v);\n"
    "}\n"
    "static void fetch_result(const char *call) {\n"
    "    memcached_return_t rc;\n"
    "    memcached_result_st *r = memcached_fetch_result(m, NULL, &rc);\n"
    "    value(call, rc, r ? memcached_result_value(r) : NULL, r ? memcached_result_length(r) : "
    "0,\n"
    "          r ? memcached_result_flags(r) : 0);\n"
    "    if (r) {\n"
    "        cas_seen = memcached_result_cas(r);\n"
    "        memcached_result_free(r);\n"
    "    }\n"
    "}\n"
    "static void stat(const char *call) {\n"
    "    memcached_return_t rc;\n"
    "    memcached_stat_st *s = memcached_stat(m, NULL, &rc);\n"
    "    told(call, rc);\n"
    "    memcached_stat_free(m, s);\n"
    "}\n"
    "static void clone_it(void) {\n"
    "    memcached_st *copy = memcached_clone(NULL, m);\n"
    "    memcached_free(m);\n"
    "    m = copy;\n"
    "}\n"
    "\n"
    "int main(int argc, char **argv) {\n"
    "    const char *second = argc > 2 ? argv[2] : argv[1];\n"
    "    (void)second;\n"
    "    m = memcached_create(NULL);\n"
    "    memcached_server_add_unix_socket(m, argv[1]);\n";

/* The call as it stands in main. */
static void print_statement(const struct md_client_call *c, struct md_buf *out) {
    struct md_buf call = {0}, text = {0};
    md_client_print_call(c, &call);
    for (size_t i = 0; i < call.len; i++) {
        if (call.data[i] == '"' || call.data[i] == '\\')
            md_buf_byte(&text, '\\');
        md_buf_byte(&text, call.data[i]);
    }
    const char *as_text = md_buf_cstr(&text), *as_call = md_buf_cstr(&call);
    md_buf_str(out, "    ");
    switch (c->op) {
    case MD_CLIENT_GET:
        md_buf_printf(out, "get(\"%s\", ", as_text);
        print_string(md_client_key(c->key), out);
        md_buf_str(out, ");\n");
        break;
    case MD_CLIENT_FETCH:
    case MD_CLIENT_FETCH_RESULT:
    case MD_CLIENT_STAT:
        md_buf_printf(out, "%s(\"%s\");\n", md_client_op_name((enum md_client_op)c->op), as_text);
        break;
    case MD_CLIENT_MGET:
        md_buf_printf(out, "told(\"%s\", mget(", as_text);
        print_keys(c, out);
        md_buf_str(out, "));\n");
        break;
    case MD_CLIENT_CLONE: md_buf_str(out, "clone_it();\n"); break;
    case MD_CLIENT_QUIT:
    case MD_CLIENT_CLOCK: md_buf_printf(out, "%s;\n", as_call); break;
    case MD_CLIENT_LOOK: md_buf_printf(out, "/* %s */\n", as_call); break;
    default:
        md_buf_printf(out, "told(\"%s\", %s);\n", as_text, as_call);
        if (md_client_op_fields((enum md_client_op)c->op) & MD_CLIENT_F_OFFSET)
            md_buf_str(out, "    printf(\"    number %llu\\n\", (unsigned long long)number);\n");
        break;
    }
    md_buf_free(&call);
    md_buf_free(&text);
}

void md_client_print_program(const struct md_client_sequence *s, const char *why,
                             struct md_buf *out) {
    md_buf_str(out, "/*\n");
    if (why)
        md_buf_printf(out, " * %s\n *\n", why);
    md_buf_str(out, " * cc -o repro repro.c -lmemcached && memcached -s /tmp/m.sock & "
                    "./repro /tmp/m.sock\n */\n");
    md_buf_str(out, prelude);
    for (size_t i = 0; i < s->n; i++)
        print_statement(&s->calls[i], out);
    md_buf_str(out, "    memcached_free(m);\n    return argc < 2;\n}\n");
}
