/*
 * What a server of somebody else knows: each command is said once, about a key of our own, and one that
 * is answered with ERROR, or with the end of the connection, is unknown.
 */
#include "harness/stranger_internal.h"

#include <string.h>

enum { REPLY_MAX = 1 << 16 };

/* KEY stands for the key. */
static const struct {
    enum md_command_name name;
    const char *text;
} probes[] = {
    {MD_CMD_SET, "set KEY 0 0 1\r\n1\r\n"},
    {MD_CMD_GET, "get KEY\r\n"},
    {MD_CMD_DELETE, "delete KEY\r\n"},
    {MD_CMD_ADD, "add KEY 0 0 1\r\n1\r\n"},
    {MD_CMD_REPLACE, "replace KEY 0 0 1\r\n1\r\n"},
    {MD_CMD_APPEND, "append KEY 0 0 1\r\n1\r\n"},
    {MD_CMD_PREPEND, "prepend KEY 0 0 1\r\n1\r\n"},
    {MD_CMD_CAS, "cas KEY 0 0 1 9223372036854775999\r\n1\r\n"},
    {MD_CMD_GETS, "gets KEY\r\n"},
    {MD_CMD_GAT, "gat 100 KEY\r\n"},
    {MD_CMD_GATS, "gats 100 KEY\r\n"},
    {MD_CMD_INCR, "incr KEY 1\r\n"},
    {MD_CMD_DECR, "decr KEY 1\r\n"},
    {MD_CMD_TOUCH, "touch KEY 100\r\n"},
    {MD_CMD_VERSION, "version\r\n"},
    {MD_CMD_MN, "mn\r\n"},
    {MD_CMD_QUIT, "quit\r\n"},
};

static void with_key(const char *text, const char *key, struct md_buf *out) {
    md_buf_clear(out);
    for (const char *at; (at = strstr(text, "KEY")); text = at + 3) {
        md_buf_append(out, text, (size_t)(at - text));
        md_buf_str(out, key);
    }
    md_buf_str(out, text);
}

/* Whether the reply has a line that is ERROR alone. */
static bool says_error(const struct md_buf *b) {
    for (size_t at = 0; at < b->len;) {
        const uint8_t *end = memchr(b->data + at, '\n', b->len - at);
        size_t n = end ? (size_t)(end - b->data) + 1 - at : b->len - at;
        if (n == 7 && memcmp(b->data + at, "ERROR\r\n", 7) == 0)
            return true;
        at += n;
    }
    return false;
}

/* One command, on a connection that is there for it. */
static enum md_node_status ask(struct md_node *node, const struct md_buf *text, bool last,
                               struct md_buf *reply) {
    enum md_node_status status = MD_NODE_OK;
    md_buf_clear(reply);
    if (!md_node_is_open(node, MD_NODE_CONTROL))
        status = md_node_open(node, MD_NODE_CONTROL);
    if (last)
        md_node_goodbye(node);
    else
        md_node_barrier(node);
    if (status == MD_NODE_OK)
        status = md_node_exchange(node, MD_NODE_CONTROL, text->data, text->len, REPLY_MAX, reply);
    return status;
}

static bool probe(struct md_stranger *s, struct md_node *node, size_t i, struct md_buf *why) {
    struct md_buf text = {0}, reply = {0};
    enum md_command_name name = probes[i].name;
    with_key(probes[i].text, s->prefix, &text);
    enum md_node_status status = ask(node, &text, name == MD_CMD_QUIT, &reply);
    bool closed = status == MD_NODE_CLOSED;
    /* Whatever else comes is an answer. Only quit may close. */
    if (closed ? name != MD_CMD_QUIT || reply.len > 0 : reply.len == 0 || says_error(&reply))
        s->unknown[name] = true;
    if (status != MD_NODE_OK && !closed)
        md_buf_str(why, md_node_error(node));
    md_buf_free(&text);
    md_buf_free(&reply);
    return status == MD_NODE_OK || closed;
}

static void make_barrier(struct md_stranger *s) {
    md_buf_clear(&s->barrier);
    md_buf_clear(&s->barrier_reply);
    md_buf_printf(&s->barrier, "set %s 0 3600 %zu\r\n%s\r\nget %s\r\n", s->own, strlen(s->own),
                  s->own, s->own);
    md_buf_printf(&s->barrier_reply, "STORED\r\nVALUE %s 0 %zu\r\n%s\r\nEND\r\n", s->own,
                  strlen(s->own), s->own);
}

void md_stranger_meet(struct md_stranger *s, struct md_node *node) {
    md_node_barrier_text(node, &s->barrier, &s->barrier_reply);
}

static bool knows_enough(const struct md_stranger *s, struct md_buf *why) {
    if (!s->unknown[MD_CMD_SET] && !s->unknown[MD_CMD_GET] && !s->unknown[MD_CMD_DELETE])
        return true;
    md_buf_str(why, "it does not answer set, get and delete as a memcached does: there is nothing "
                    "to be tested");
    return false;
}

static void write_note(struct md_stranger *s) {
    md_buf_clear(&s->note);
    for (size_t i = 0; i < sizeof probes / sizeof *probes; i++)
        if (s->unknown[probes[i].name])
            md_buf_printf(&s->note, "%s %s",
                          s->note.len ? "" : "the server does not know, and is not asked for:",
                          md_command_name_text(probes[i].name));
}

bool md_stranger_learn(struct md_stranger *s, struct md_node *node, struct md_buf *why) {
    struct md_buf text = {0}, reply = {0};
    bool ok = true;
    make_barrier(s);
    md_stranger_meet(s, node);
    for (size_t i = 0; i < sizeof probes / sizeof *probes && ok; i++)
        ok = probe(s, node, i, why);
    ok = ok && knows_enough(s, why);
    with_key("delete KEY\r\n", s->prefix, &text);
    if (ok)
        ask(node, &text, false, &reply);
    write_note(s);
    md_buf_free(&text);
    md_buf_free(&reply);
    return ok;
}
