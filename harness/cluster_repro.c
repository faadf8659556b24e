/* Cluster traces as C programs; see cluster_repro.h. */
#include "harness/cluster_repro.h"

#include <stdio.h>

struct md_repro {
    const struct md_cluster_trace *t;
    const struct md_cluster_verdict *v;
    struct md_buf *out;
    uint32_t list[MD_CLUSTER_NODES_MAX]; /* as the client has it */
    unsigned n_list, n_places;
};

static void md_literal(const char *bytes, size_t len, struct md_buf *out) {
    md_buf_byte(out, '"');
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (c >= ' ' && c < 127 && c != '"' && c != '\\' && c != '?')
            md_buf_byte(out, c);
        else
            md_buf_printf(out, "\\%03o", c);
    }
    md_buf_byte(out, '"');
}

/* ---- what is the same in all ----------------------------------------------------------------- */

static const char md_includes[] =
    "#include <arpa/inet.h>\n#include <libmemcached/memcached.h>\n#include <signal.h>\n"
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/socket.h>\n"
    "#include <sys/wait.h>\n#include <unistd.h>\n\n"
    "static const char *binary;\n"
    "static pid_t node[32];\n"
    "static memcached_st *m;\n\n";

static const char md_nodes[] =
    "static int answers(int i) {\n"
    "    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port(i))};\n"
    "    inet_pton(AF_INET, host(i), &a.sin_addr);\n"
    "    int fd = socket(AF_INET, SOCK_STREAM, 0);\n"
    "    int ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0;\n"
    "    close(fd);\n"
    "    return ok;\n"
    "}\n\n"
    "static void start(int i) {\n"
    "    char digits[8];\n"
    "    int tries = answers(i) ? 500 : 0; /* somebody else's */\n"
    "    snprintf(digits, sizeof digits, \"%d\", port(i) & 65535);\n"
    "    node[i] = tries ? 0 : fork();\n"
    "    if (node[i] == 0 && !tries) {\n"
    "        execl(binary, binary, \"-u\", \"root\", \"-U\", \"0\", \"-l\", host(i), \"-p\", "
    "digits, NULL);\n"
    "        _exit(127);\n"
    "    }\n"
    "    for (; tries < 500 && !answers(i); tries++)\n"
    "        usleep(10000);\n"
    "    if (tries == 500) {\n"
    "        fprintf(stderr, \"cannot start node %d at %s:%d\\n\", i, host(i), port(i));\n"
    "        exit(3);\n"
    "    }\n"
    "}\n\n"
    "static void end(int i) {\n"
    "    if (node[i] > 0) {\n"
    "        kill(node[i], SIGKILL);\n"
    "        waitpid(node[i], NULL, 0);\n"
    "    }\n"
    "    node[i] = 0;\n"
    "}\n\n"
    "static void end_all(void) {\n"
    "    for (int i = 0; i < 32; i++)\n"
    "        end(i);\n"
    "}\n\n";

static const char md_calls[] =
    "/* What depends on replies that have arrived shows only when they have. */\n"
    "static void settle(void) { usleep(20000); }\n\n"
    "static void said(const char *what, memcached_return_t rc) {\n"
    "    printf(\"%-40s %d %s\\n\", what, (int)rc, memcached_strerror(m, rc));\n"
    "}\n\n"
    "static inline void get(const char *key, size_t n) {\n"
    "    size_t len = 0;\n"
    "    uint32_t flags;\n"
    "    memcached_return_t rc;\n"
    "    char *value = memcached_get(m, key, n, &len, &flags, &rc);\n"
    "    printf(\"get %-36s %d %s \", key, (int)rc, memcached_strerror(m, rc));\n"
    "    printf(\"%.*s\\n\", value ? (int)(len < 64 ? len : 64) : 0, value ? value : \"\");\n"
    "    free(value);\n"
    "}\n\n"
    "static inline void mget(const char *const *keys, const size_t *lengths, size_t n) {\n"
    "    memcached_result_st *r;\n"
    "    memcached_return_t rc = memcached_mget(m, keys, lengths, n);\n"
    "    said(\"mget\", rc);\n"
    "    if (rc != MEMCACHED_SUCCESS && rc != MEMCACHED_SOME_ERRORS)\n"
    "        return;\n"
    "    while ((r = memcached_fetch_result(m, NULL, &rc))) {\n"
    "        printf(\"  %.*s = %.64s\\n\", (int)memcached_result_key_length(r),\n"
    "               memcached_result_key_value(r), memcached_result_value(r));\n"
    "        memcached_result_free(r);\n"
    "    }\n"
    "    said(\"  the last fetch\", rc);\n"
    "}\n\n"
    "static inline void set(const char *key, size_t n, const char *text, size_t size) {\n"
    "    char *value = malloc(size + 1);\n"
    "    memset(value, '.', size);\n"
    "    memcpy(value, text, strlen(text));\n"
    "    said(\"set\", memcached_set(m, key, n, value, size, 0, 0));\n"
    "    free(value);\n"
    "}\n\n";

static void md_addresses(struct md_repro *r) {
    enum md_ports p = r->t->ports;
    md_buf_printf(r->out, "static int port(int i) { return %d + i * %d; }\n\n",
                  p == MD_PORTS_DEFAULT ? MD_SERVER_PORT : MD_CLUSTER_PORT, p == MD_PORTS_DISTINCT);
    md_buf_printf(r->out,
                  "/* Where a key lives depends on this. */\n"
                  "static const char *host(int i) {\n"
                  "    static char text[32];\n"
                  "    snprintf(text, sizeof text, \"127.77.%u.%%d\", i + 1);\n"
                  "    return text;\n"
                  "}\n\n",
                  r->v->block);
}

/* ---- settings -------------------------------------------------------------------------------- */

static void md_behave(struct md_repro *r, const char *name, const char *value) {
    md_buf_printf(r->out, "    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_%s, %s);\n", name,
                  value);
}

static void md_behave_number(struct md_repro *r, const char *name, uint32_t value) {
    char digits[16];
    snprintf(digits, sizeof digits, "%u", value);
    md_behave(r, name, digits);
}

static void md_upper(const char *prefix, const char *id, char out[64]) {
    int n = snprintf(out, 64, "%s%s", prefix, id);
    for (int i = (int)strlen(prefix); i < n && i < 63; i++)
        if (out[i] >= 'a' && out[i] <= 'z')
            out[i] = (char)(out[i] - 'a' + 'A');
}

static void md_settings(struct md_repro *r) {
    static const char *const distributions[] = {
        [MD_DIST_MODULA] = "MEMCACHED_DISTRIBUTION_MODULA",
        [MD_DIST_CONSISTENT] = "MEMCACHED_DISTRIBUTION_CONSISTENT",
        [MD_DIST_KETAMA_WEIGHTED] = "MEMCACHED_DISTRIBUTION_CONSISTENT_WEIGHTED",
        [MD_DIST_KETAMA_SPY] = "MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY",
        [MD_DIST_VIRTUAL_BUCKET] = "MEMCACHED_DISTRIBUTION_VIRTUAL_BUCKET",
    };
    const struct md_client_settings *s = &r->t->client;
    char hash[64];
    md_upper("MEMCACHED_HASH_", md_key_hash_id(s->hash), hash);
    md_buf_str(r->out, "static void new_client(void) {\n    m = memcached_create(NULL);\n");
    md_behave(r, "HASH", hash);
    md_behave(r, "DISTRIBUTION", distributions[s->distribution]);
    md_behave(r, "TCP_NODELAY", "1");
    static const char *const flags[] = {"BINARY_PROTOCOL",
                                        "SORT_HOSTS",
                                        "HASH_WITH_PREFIX_KEY",
                                        "REMOVE_FAILED_SERVERS",
                                        "BUFFER_REQUESTS",
                                        "NOREPLY",
                                        "NO_BLOCK",
                                        "SUPPORT_CAS"};
    const bool on[] = {s->binary, s->sort_hosts, s->hash_with_prefix, s->auto_eject,
                       s->buffer, s->noreply,    s->no_block,         s->cas};
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (on[i])
            md_behave(r, flags[i], "1");
    md_behave_number(r, "SERVER_FAILURE_LIMIT", s->failure_limit);
    md_behave_number(r, "SERVER_TIMEOUT_LIMIT", s->timeout_limit);
    md_behave_number(r, "RETRY_TIMEOUT", s->retry_timeout);
    md_behave_number(r, "DEAD_TIMEOUT", s->dead_timeout);
    md_behave_number(r, "POLL_TIMEOUT", s->poll_timeout);
    md_behave_number(r, "CONNECT_TIMEOUT", s->connect_timeout);
    if (s->prefix[0]) {
        md_buf_str(r->out, "    memcached_callback_set(m, MEMCACHED_CALLBACK_NAMESPACE, ");
        md_literal(s->prefix, strlen(s->prefix), r->out);
        md_buf_str(r->out, ");\n");
    }
    md_buf_str(r->out, "}\n\n");
}

/* ---- steps ----------------------------------------------------------------------------------- */

static void md_add_list(struct md_repro *r) {
    for (unsigned i = 0; i < r->n_list; i++) {
        uint32_t p = r->list[i];
        md_buf_printf(r->out, "    memcached_server_add_with_weight(m, host(%u), port(%u), %u);\n",
                      p, p, p < r->t->nodes ? r->t->weights[p] : 1);
    }
}

static unsigned md_at(const struct md_repro *r, uint32_t place) {
    unsigned i = 0;
    while (i < r->n_list && r->list[i] != place)
        i++;
    return i;
}

/* The same as cluster.c does to its list. */
static void md_list_step(struct md_repro *r, const struct md_cluster_step *s) {
    unsigned at = md_at(r, s->number);
    bool listed = at < r->n_list, full = r->n_places == MD_CLUSTER_PLACES;
    if (s->kind == MD_CS_REMOVE && listed && r->n_list > 1) {
        memmove(r->list + at, r->list + at + 1, (r->n_list - at - 1) * sizeof *r->list);
        r->n_list--;
    } else if (s->kind == MD_CS_ADD && s->number < r->n_places && !listed) {
        r->list[r->n_list++] = s->number;
    } else if ((s->kind == MD_CS_ADD && s->number >= r->n_places && !full) ||
               (s->kind == MD_CS_REPLACE && listed && !full)) {
        md_buf_printf(r->out, "    start(%u);\n", r->n_places);
        if (s->kind == MD_CS_ADD)
            at = r->n_list++;
        r->list[at] = r->n_places++;
    }
    md_buf_str(r->out, "    memcached_servers_reset(m);\n");
    md_add_list(r);
}

static void md_put_key(struct md_repro *r, uint16_t key) {
    const struct md_cluster_text *k = &r->v->keys[key];
    md_literal(k->bytes, k->len, r->out);
}

static void md_data_step(struct md_repro *r, const struct md_cluster_step *s) {
    size_t len = r->v->keys[s->keys[0]].len;
    if (s->kind == MD_CS_MGET) {
        md_buf_str(r->out, "    mget((const char *[]){");
        for (unsigned i = 0; i < s->n_keys; i++) {
            md_buf_str(r->out, i ? ", " : "");
            md_put_key(r, s->keys[i]);
        }
        md_buf_str(r->out, "}, (size_t[]){");
        for (unsigned i = 0; i < s->n_keys; i++)
            md_buf_printf(r->out, "%s%zu", i ? ", " : "", (size_t)r->v->keys[s->keys[i]].len);
        md_buf_printf(r->out, "}, %u);\n", s->n_keys);
        return;
    }
    md_buf_str(r->out, s->kind == MD_CS_SET   ? "    set("
                       : s->kind == MD_CS_GET ? "    get("
                                              : "    said(\"delete\", memcached_delete(m, ");
    md_put_key(r, s->keys[0]);
    md_buf_printf(r->out, ", %zu", len);
    if (s->kind == MD_CS_SET) {
        md_buf_str(r->out, ", ");
        md_literal(s->value, s->value_len, r->out);
        md_buf_printf(r->out, ", %u", s->size);
    }
    md_buf_str(r->out, s->kind == MD_CS_DELETE ? ", 0));\n" : ");\n");
}

static void md_step(struct md_repro *r, const struct md_cluster_step *s) {
    switch (s->kind) {
    case MD_CS_SET:
    case MD_CS_GET:
    case MD_CS_DELETE:
    case MD_CS_MGET: md_data_step(r, s); break;
    case MD_CS_FLUSH:
        md_buf_str(r->out, "    said(\"flush\", memcached_flush_buffers(m));\n");
        break;
    case MD_CS_CLOCK: md_buf_printf(r->out, "    sleep(%u);\n", s->number); break;
    case MD_CS_KILL: md_buf_printf(r->out, "    end(%u);\n", s->number); break;
    case MD_CS_STOP: md_buf_printf(r->out, "    kill(node[%u], SIGSTOP);\n", s->number); break;
    case MD_CS_CONTINUE: md_buf_printf(r->out, "    kill(node[%u], SIGCONT);\n", s->number); break;
    case MD_CS_RESTART:
        md_buf_printf(r->out, "    end(%u);\n    start(%u);\n", s->number, s->number);
        break;
    case MD_CS_RENEW:
        md_buf_str(r->out, "    memcached_free(m);\n    new_client();\n");
        md_add_list(r);
        break;
    default: md_list_step(r, s); break;
    }
}

/* The step's own line. A key may hold anything, and a comment must end where it ends. */
static void md_comment(const struct md_cluster_trace *t, const struct md_cluster_step *s,
                       struct md_buf *out) {
    struct md_buf line = {0};
    md_cluster_step_print(t, s, &line);
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == '*' || line.data[i] == '?')
            line.data[i] = '.';
    md_buf_printf(out, "    /* %s */\n", md_buf_cstr(&line));
    md_buf_free(&line);
}

void md_cluster_repro(const struct md_cluster_trace *t, const struct md_cluster_verdict *v,
                      const char *shows, struct md_buf *out) {
    struct md_repro r = {.t = t, .v = v, .out = out, .n_list = t->nodes, .n_places = t->nodes};
    md_buf_printf(out,
                  "/* Shows: %s\n   cc -o repro repro.c -lmemcached && ./repro /usr/bin/memcached\n"
                  "   (as root; otherwise take out -u root) */\n",
                  shows);
    if (t->client.reach != MD_REACH_BEHAVIOURS_FIRST)
        md_buf_printf(out, "/* The trace reached its settings as '%s'; this program does not. */\n",
                      md_reach_id(t->client.reach));
    md_buf_str(out, md_includes);
    md_addresses(&r);
    md_buf_str(out, md_nodes);
    md_buf_str(out, md_calls);
    md_settings(&r);
    md_buf_str(out, "int main(int argc, char **argv) {\n    binary = argc > 1 ? argv[1] : "
                    "\"/usr/bin/memcached\";\n    atexit(end_all);\n");
    md_buf_printf(out,
                  "    for (int i = 0; i < %u; i++)\n        start(i);\n"
                  "    new_client();\n",
                  t->nodes);
    for (unsigned i = 0; i < t->nodes; i++)
        r.list[i] = i;
    md_add_list(&r);
    for (size_t i = 0; i < t->n_steps; i++) {
        md_comment(t, &t->steps[i], out);
        md_step(&r, &t->steps[i]);
        md_buf_str(out, "    settle();\n");
    }
    md_buf_str(out, "    return 0;\n}\n");
}
