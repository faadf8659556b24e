/*
 * A sequence of calls as a C program for people who have libmemcached and memcached but not
 * memdiverge: it prints what each call returns, and at the end what another client reads of the
 * keys that were used, since what is wrong often shows only there.
 */
#include "harness/client_calls.h"
#include "harness/node.h"

static const char includes[] = "#include <libmemcached/memcached.h>\n"
                               "#include <poll.h>\n"
                               "#include <stdint.h>\n"
                               "#include <stdio.h>\n"
                               "#include <stdlib.h>\n"
                               "#include <string.h>\n"
                               "#include <time.h>\n"
                               "\n";

/* The deadlines are for the node: to start, and to let seconds of its clock go by. */
static const char helpers[] =
    "struct key { const char *text; size_t len; };\n"
    "#define KEYS(...) (struct key[]){__VA_ARGS__}, \\\n"
    "                  sizeof((struct key[]){__VA_ARGS__}) / sizeof(struct key)\n"
    "\n"
    "memcached_st *m;\n"
    "uint64_t number, cas_seen;\n"
    "const char *servers[2], *second, *namespace;\n"
    "\n"
    "const char *rep(char c, size_t n) {\n"
    "    char *s = calloc(1, n + 1);\n"
    "    return memset(s, c, n);\n"
    "}\n"
    "\n"
    "/* libmemcached's own words: the constant without MEMCACHED_, or nearly so. */\n"
    "void told(const char *call, memcached_return_t rc) {\n"
    "    printf(\"%s\\n    %s\\n\", call, memcached_strerror(NULL, rc));\n"
    "}\n"
    "\n"
    "void value(const char *call, memcached_return_t rc, const char *v, size_t n, uint32_t flags) "
    "{\n"
    "    told(call, rc);\n"
    "    if (v)\n"
    "        printf(\"    value \\\"%.*s\\\", %zu bytes, flags %u\\n\", (int)(n < 60 ? n : 60), v, "
    "n, flags);\n"
    "    else\n"
    "        puts(\"    value NULL\");\n"
    "}\n"
    "\n"
    "void get(const char *call, const char *k, size_t nk) {\n"
    "    size_t n = 0;\n"
    "    uint32_t flags = 0;\n"
    "    memcached_return_t rc;\n"
    "    char *v = memcached_get(m, k, nk, &n, &flags, &rc);\n"
    "    value(call, rc, v, n, flags);\n"
    "    free(v);\n"
    "}\n"
    "\n"
    "memcached_return_t mget(const struct key *keys, size_t n) {\n"
    "    const char *text[8];\n"
    "    size_t len[8];\n"
    "    for (size_t i = 0; i < n; i++) {\n"
    "        text[i] = keys[i].text;\n"
    "        len[i] = keys[i].len;\n"
    "    }\n"
    "    return memcached_mget(m, text, len, n);\n"
    "}\n"
    "\n"
    "void fetch(const char *call) {\n"
    "    char key[MEMCACHED_MAX_KEY + 1] = {0};\n"
    "    size_t nk = 0, n = 0;\n"
    "    uint32_t flags = 0;\n"
    "    memcached_return_t rc;\n"
    "    char *v = memcached_fetch(m, key, &nk, &n, &flags, &rc);\n"
    "    value(call, rc, v, n, flags);\n"
    "    if (v)\n"
    "        printf(\"    key of %zu bytes:\", nk);\n"
    "    for (size_t i = 0; v && i < nk; i++)\n"
    "        printf(\" %02x%s\", (unsigned char)key[i], i + 1 == nk ? \"\\n\" : \"\");\n"
    "    free(v);\n"
    "}\n"
    "\n"
    "void fetch_result(const char *call) {\n"
    "    memcached_return_t rc;\n"
    "    memcached_result_st *r = memcached_fetch_result(m, NULL, &rc);\n"
    "    value(call, rc, r ? memcached_result_value(r) : NULL,\n"
    "          r ? memcached_result_length(r) : 0, r ? memcached_result_flags(r) : 0);\n"
    "    if (r) {\n"
    "        cas_seen = memcached_result_cas(r);\n"
    "        memcached_result_free(r);\n"
    "    }\n"
    "}\n"
    "\n"
    "void stats(const char *call) {\n"
    "    memcached_return_t rc;\n"
    "    memcached_stat_st *s = memcached_stat(m, NULL, &rc);\n"
    "    told(call, rc);\n"
    "    memcached_stat_free(m, s);\n"
    "}\n"
    "\n"
    "memcached_return_t set_namespace(const char *text) {\n"
    "    memcached_return_t rc = memcached_callback_set(m, MEMCACHED_CALLBACK_NAMESPACE, text);\n"
    "    namespace = rc == MEMCACHED_SUCCESS ? text : namespace;\n"
    "    return rc;\n"
    "}\n"
    "\n"
    "void clone_it(void) {\n"
    "    memcached_st *copy = memcached_clone(NULL, m);\n"
    "    memcached_free(m);\n"
    "    m = copy;\n"
    "}\n"
    "\n"
    "/* What a client that has done nothing else reads of a key, on every server. */\n"
    "void look(const char *k, size_t nk) {\n"
    "    for (int i = 0; i < 2 && servers[i]; i++) {\n"
    "        memcached_st *own = m, *other = memcached_create(NULL);\n"
    "        memcached_server_add_unix_socket(other, servers[i]);\n"
    "        memcached_callback_set(other, MEMCACHED_CALLBACK_NAMESPACE, namespace);\n"
    "        memcached_behavior_set(other, MEMCACHED_BEHAVIOR_BINARY_PROTOCOL, 1);\n"
    "        m = other;\n"
    "        printf(\"another client, %.*s%s \", (int)(nk < 60 ? nk : 60), k, nk < 60 ? \"\" : "
    "\"...\");\n"
    "        get(servers[i], k, nk);\n"
    "        m = own;\n"
    "        memcached_free(other);\n"
    "    }\n"
    "}\n"
    "\n"
    "/* Seconds that a node has run by its own clock; -1: it does not answer. */\n"
    "long uptime(const char *server) {\n"
    "    memcached_return_t rc;\n"
    "    memcached_st *other = memcached_create(NULL);\n"
    "    memcached_server_add_unix_socket(other, server);\n"
    "    memcached_stat_st *s = memcached_stat(other, NULL, &rc);\n"
    "    long up = s && rc == MEMCACHED_SUCCESS ? (long)s[0].uptime : -1;\n"
    "    memcached_stat_free(other, s);\n"
    "    memcached_free(other);\n"
    "    return up;\n"
    "}\n"
    "\n"
    "/* Until the node's clock shows this much; ends the program if it does not get there. */\n"
    "void wait_for_uptime(const char *server, long seconds, long deadline) {\n"
    "    time_t end = time(NULL) + deadline;\n"
    "    while (uptime(server) < seconds) {\n"
    "        if (time(NULL) > end) {\n"
    "            fprintf(stderr, \"no memcached answers on %s\\n\", server);\n"
    "            exit(2);\n"
    "        }\n"
    "        poll(NULL, 0, 50);\n"
    "    }\n"
    "}\n"
    "\n"
    "void seconds_go_by(long n) {\n"
    "    wait_for_uptime(servers[0], uptime(servers[0]) + n, n + 5);\n"
    "}\n"
    "\n";

static bool has_second(const struct md_client_sequence *s) {
    for (size_t i = 0; i < s->n; i++)
        if (s->calls[i].op == MD_CLIENT_ADD_SERVER)
            return true;
    return false;
}

/* An exptime that is a point in time, near that of memdiverge's nodes. */
static bool has_date(const struct md_client_sequence *s) {
    bool date = false;
    for (size_t i = 0; i < s->n; i++) {
        int64_t at = md_client_exptime(s->calls[i].exptime) - (int64_t)MD_START_TIME;
        date |= md_client_op_fields((enum md_client_op)s->calls[i].op) & MD_CLIENT_F_EXPTIME &&
                at > -3600 && at < 3600;
    }
    return date;
}

static void print_head(const struct md_client_sequence *s, const char *why, struct md_buf *out) {
    bool two = has_second(s);
    md_buf_str(out, "/*\n");
    if (why)
        md_buf_printf(out, " * Shows: %s\n *\n", why);
    if (has_date(s))
        md_buf_printf(out,
                      " * Its exptimes are for a node whose clock says %d at the first call.\n *\n",
                      (int)MD_START_TIME);
    md_buf_str(out, " * cc -o repro repro.c -lmemcached\n"
                    " * memcached -u \"$(id -un)\" -s /tmp/repro-1.sock &\n");
    if (two)
        md_buf_str(out, " * memcached -u \"$(id -un)\" -s /tmp/repro-2.sock &\n");
    md_buf_printf(out, " * ./repro /tmp/repro-1.sock%s\n */\n", two ? " /tmp/repro-2.sock" : "");
    md_buf_str(out, includes);
    md_buf_str(out, helpers);
    md_buf_printf(out,
                  "int main(int argc, char **argv) {\n"
                  "    if (argc != %d) {\n"
                  "        fprintf(stderr, \"usage: %%s SOCKET%s (of memcached, new ones)\\n\", "
                  "argv[0]);\n"
                  "        return 2;\n"
                  "    }\n",
                  two ? 3 : 2, two ? " SOCKET" : "");
    for (int i = 0; i <= two; i++)
        md_buf_printf(out, "    wait_for_uptime(servers[%d] = argv[%d], 0, 5);\n", i, i + 1);
    if (two)
        md_buf_str(out, "    second = servers[1];\n");
    md_buf_str(out, "    m = memcached_create(NULL);\n"
                    "    memcached_server_add_unix_socket(m, servers[0]);\n\n");
}

/* As the text of a C string. */
static void print_quoted(struct md_buf *call, struct md_buf *out) {
    for (size_t i = 0; i < call->len; i++) {
        if (call->data[i] == '"' || call->data[i] == '\\')
            md_buf_byte(out, '\\');
        md_buf_byte(out, call->data[i]);
    }
}

/* The call as it stands in main. */
static void print_statement(const struct md_client_call *c, struct md_buf *out) {
    struct md_buf call = {0}, text = {0}, made = {0};
    md_client_print_call(c, &call);
    print_quoted(&call, &text);
    const char *as_text = md_buf_cstr(&text);
    if (c->op == MD_CLIENT_NAMESPACE) {
        md_buf_str(&made, "set_namespace(");
        md_client_print_namespace(c, &made);
        md_buf_str(&made, ")");
    } else {
        md_buf_append(&made, call.data, call.len);
    }
    md_buf_str(out, "    ");
    switch (c->op) {
    case MD_CLIENT_GET:
        md_buf_printf(out, "get(\"%s\", ", as_text);
        md_client_print_bytes(md_client_key(c->key), out);
        md_buf_str(out, ");\n");
        break;
    case MD_CLIENT_FETCH: md_buf_printf(out, "fetch(\"%s\");\n", as_text); break;
    case MD_CLIENT_FETCH_RESULT: md_buf_printf(out, "fetch_result(\"%s\");\n", as_text); break;
    case MD_CLIENT_STAT: md_buf_printf(out, "stats(\"%s\");\n", as_text); break;
    case MD_CLIENT_MGET:
        md_buf_printf(out, "told(\"%s\", mget(", as_text);
        md_client_print_keys(c, out);
        md_buf_str(out, "));\n");
        break;
    case MD_CLIENT_CLONE: md_buf_str(out, "clone_it();\n"); break;
    case MD_CLIENT_QUIT: md_buf_str(out, "memcached_quit(m);\n"); break;
    case MD_CLIENT_CLOCK:
        md_buf_printf(out, "seconds_go_by(%u);\n", md_client_seconds(c->seconds));
        break;
    case MD_CLIENT_LOOK:
        md_buf_str(out, "look(");
        md_client_print_bytes(md_client_key(c->key), out);
        md_buf_str(out, ");\n");
        break;
    default:
        md_buf_printf(out, "told(\"%s\", %s);\n", as_text, md_buf_cstr(&made));
        if (md_client_op_fields((enum md_client_op)c->op) & MD_CLIENT_F_OFFSET)
            md_buf_str(out, "    printf(\"    number %llu\\n\", (unsigned long long)number);\n");
        break;
    }
    md_buf_free(&call);
    md_buf_free(&text);
    md_buf_free(&made);
}

/* Of each key, once. */
static void print_looks(const struct md_client_sequence *s, struct md_buf *out) {
    uint64_t seen = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct md_client_call *c = &s->calls[i];
        if (!(md_client_op_fields((enum md_client_op)c->op) & MD_CLIENT_F_KEY) ||
            seen >> (c->key & 63) & 1)
            continue;
        seen |= UINT64_C(1) << (c->key & 63);
        md_buf_str(out, "    look(");
        md_client_print_bytes(md_client_key(c->key), out);
        md_buf_str(out, ");\n");
    }
}

void md_client_print_program(const struct md_client_sequence *s, const char *why,
                             struct md_buf *out) {
    print_head(s, why, out);
    for (size_t i = 0; i < s->n; i++)
        print_statement(&s->calls[i], out);
    md_buf_str(out, "    memcached_free(m);\n\n    m = NULL;\n");
    print_looks(s, out);
    md_buf_str(out, "    return 0;\n}\n");
}
