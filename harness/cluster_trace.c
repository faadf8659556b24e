/* Cluster traces in memory, and their text printed; parsing is in cluster_parse.c. */
#include "harness/cluster_trace.h"

#include <stdlib.h>

static const char *const md_step_words[] = {
#define X(name, word, args) word,
    MD_CLUSTER_STEP_LIST(X)
#undef X
};
static const char md_step_args[] = {
#define X(name, word, args) args,
    MD_CLUSTER_STEP_LIST(X)
#undef X
};

void md_cluster_trace_init(struct md_cluster_trace *t) {
    *t = (struct md_cluster_trace){.nodes = 4};
    md_client_settings_default(&t->client);
    for (unsigned i = 0; i < MD_CLUSTER_NODES_MAX; i++)
        t->weights[i] = 1;
}

void md_cluster_trace_free(struct md_cluster_trace *t) {
    free(t->steps);
    t->steps = NULL;
    t->n_steps = t->cap_steps = 0;
}

void md_cluster_trace_copy(struct md_cluster_trace *to, const struct md_cluster_trace *from) {
    struct md_cluster_step *steps = md_alloc((from->n_steps + 1) * sizeof *steps);
    if (from->n_steps)
        memcpy(steps, from->steps, from->n_steps * sizeof *steps);
    free(to->steps);
    *to = *from;
    to->steps = steps;
    to->cap_steps = from->n_steps + 1;
}

struct md_cluster_step *md_cluster_trace_add(struct md_cluster_trace *t,
                                             enum md_cluster_step_kind kind) {
    t->steps = md_grow(t->steps, &t->cap_steps, t->n_steps + 1, sizeof *t->steps);
    struct md_cluster_step *s = &t->steps[t->n_steps++];
    *s = (struct md_cluster_step){.kind = kind};
    return s;
}

void md_cluster_trace_remove(struct md_cluster_trace *t, size_t at, size_t n) {
    memmove(t->steps + at, t->steps + at + n, (t->n_steps - at - n) * sizeof *t->steps);
    t->n_steps -= n;
}

size_t md_cluster_trace_room(const struct md_cluster_trace *t, int on) {
    size_t taken = strlen(t->client.prefix) + (on >= 0 ? MD_CLUSTER_NUMBER_MAX : 0);
    return MD_CLUSTER_KEY_MAX - taken;
}

bool md_cluster_trace_name(struct md_cluster_trace *t, const void *bytes, size_t len, int on,
                           uint16_t *out) {
    for (size_t i = 0; i < t->n_names; i++) {
        const struct md_cluster_name *n = &t->names[i];
        if (n->len == len && n->on == on && memcmp(n->bytes, bytes, len) == 0) {
            *out = (uint16_t)i;
            return true;
        }
    }
    if (t->n_names == MD_CLUSTER_TRACE_KEYS || len == 0 || len > md_cluster_trace_room(t, on))
        return false;
    struct md_cluster_name *n = &t->names[t->n_names];
    *n = (struct md_cluster_name){.len = (uint8_t)len, .on = (int8_t)on};
    memcpy(n->bytes, bytes, len);
    *out = (uint16_t)t->n_names++;
    return true;
}

/* ---- printing -------------------------------------------------------------------------------- */

static void md_print_word(const char *bytes, size_t n, struct md_buf *out) {
    for (size_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t)bytes[i];
        if (c > ' ' && c < 127 && c != '\\' && c != '@')
            md_buf_byte(out, c);
        else
            md_buf_printf(out, "\\x%02x", c);
    }
}

static void md_print_key(const struct md_cluster_name *n, struct md_buf *out) {
    md_buf_byte(out, ' ');
    md_print_word(n->bytes, n->len, out);
    if (n->on >= 0)
        md_buf_printf(out, "@%d", n->on);
}

void md_cluster_step_print(const struct md_cluster_trace *t, const struct md_cluster_step *s,
                           struct md_buf *out) {
    char args = md_step_args[s->kind];
    md_buf_str(out, md_step_words[s->kind]);
    for (unsigned i = 0; i < s->n_keys; i++)
        md_print_key(&t->names[s->keys[i]], out);
    if (args == 'v') {
        md_buf_byte(out, ' ');
        md_print_word(s->value, s->value_len, out);
        if (s->size > s->value_len)
            md_buf_printf(out, " %u", s->size);
    } else if (args == 'n' || args == 's' || (args == 'o' && s->number < MD_CLUSTER_PLACES)) {
        md_buf_printf(out, " %u", s->number);
    }
}

static void md_print_client(const struct md_client_settings *s, struct md_buf *out) {
    struct md_client_settings normal;
    md_client_settings_default(&normal);
    md_buf_printf(out, "client distribution=%s hash=%s", md_distribution_id(s->distribution),
                  md_key_hash_id(s->hash));
    if (s->reach != normal.reach)
        md_buf_printf(out, " reach=%s", md_reach_id(s->reach));
    if (s->prefix[0]) {
        md_buf_str(out, " prefix=");
        md_print_word(s->prefix, strlen(s->prefix), out);
    }
#define X(field, word)                                                                             \
    if (s->field)                                                                                  \
        md_buf_str(out, " " word);
    MD_CLIENT_FLAG_LIST(X)
#undef X
#define X(field, word, ...)                                                                        \
    if (s->field != normal.field)                                                                  \
        md_buf_printf(out, " " word "=%u", s->field);
    MD_CLIENT_NUMBER_LIST(X)
#undef X
    md_buf_byte(out, '\n');
}

void md_cluster_trace_print(const struct md_cluster_trace *t, struct md_buf *out) {
    bool weighted = false;
    md_buf_printf(out, "memdiverge-cluster %d\nnodes %u", MD_CLUSTER_TRACE_VERSION, t->nodes);
    if (t->ports != MD_PORTS_DISTINCT)
        md_buf_printf(out, " ports=%s", md_ports_id(t->ports));
    for (unsigned i = 0; i < t->nodes; i++)
        weighted = weighted || t->weights[i] != 1;
    for (unsigned i = 0; weighted && i < t->nodes; i++)
        md_buf_printf(out, "%s%u", i ? "," : " weights=", t->weights[i]);
    md_buf_byte(out, '\n');
    md_print_client(&t->client, out);
    for (size_t i = 0; i < t->n_steps; i++) {
        md_cluster_step_print(t, &t->steps[i], out);
        md_buf_byte(out, '\n');
    }
}
