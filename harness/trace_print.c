/*
 * Traces to text: one canonical form, so that equal traces are equal files and a diff of two
 * reproducers shows what differs.
 */
#include "harness/requests.h"
#include "harness/trace.h"

#include <stdlib.h>

static const char md_hex_digits[] = "0123456789abcdef";

/* The letter behind the backslash, 'x' for \xHH, 0 for a byte that stands for itself. */
static char md_escape_of(uint8_t c) {
    switch (c) {
    case '\r': return 'r';
    case '\n': return 'n';
    case '\t': return 't';
    case '\\':
    case '"':
    case '{': return (char)c;
    default: return c < 0x20 || c > 0x7e ? 'x' : 0;
    }
}

static void md_print_escape(uint8_t c, char letter, struct md_buf *out) {
    char text[4] = {'\\', letter, md_hex_digits[c >> 4], md_hex_digits[c & 15]};
    md_buf_append(out, text, letter == 'x' ? 4 : 2);
}

void md_bytes_print(const void *bytes, size_t n, struct md_buf *out) {
    if (n == 0)
        return;
    const uint8_t *p = bytes, *end = p + n;
    while (p < end) {
        const uint8_t *plain = p;
        char letter = 0;
        while (p < end && !(letter = md_escape_of(*p)))
            p++;
        md_buf_append(out, plain, (size_t)(p - plain));
        if (p < end)
            md_print_escape(*p++, letter, out);
    }
}

/* A key in a symbol ends at a blank or '}', so these are escaped too. */
static void md_print_key(const uint8_t *key, size_t n, struct md_buf *out) {
    for (size_t i = 0; i < n; i++)
        if (key[i] == ' ' || key[i] == '}')
            md_print_escape(key[i], 'x', out);
        else
            md_bytes_print(key + i, 1, out);
}

static void md_print_signed(int64_t n, struct md_buf *out) {
    md_buf_byte(out, n < 0 ? '-' : '+');
    md_buf_u64(out, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

static void md_print_fill(const struct md_part *p, struct md_buf *out) {
    char byte[4] = {' ', md_hex_digits[p->byte >> 4], md_hex_digits[p->byte & 15], '}'};
    int64_t n = p->number < 0 ? 0 : p->number > MD_FILL_MAX ? MD_FILL_MAX : p->number;
    md_buf_str(out, "{fill ");
    md_buf_u64(out, (uint64_t)n);
    md_buf_append(out, byte, sizeof byte);
}

static void md_print_name(const char *name, const struct md_part *p, struct md_buf *out) {
    md_buf_str(out, name);
    if (p->byte)
        md_buf_printf(out, ":%u", p->byte);
}

static void md_print_symbol(const struct md_part *p, struct md_buf *out) {
    switch (p->kind) {
    case MD_PART_BYTES: break;
    case MD_PART_CAS:
        if (p->len == 0) { /* no key was ever seen under no name: that is what it stands for */
            md_print_name("{base", p, out);
            md_print_signed(p->number, out);
        } else {
            md_print_name("{cas", p, out);
            md_buf_byte(out, ' ');
            md_print_key(p->bytes, p->len, out);
            if (p->number) {
                md_buf_byte(out, ' ');
                md_print_signed(p->number, out);
            }
        }
        md_buf_byte(out, '}');
        break;
    case MD_PART_BASE:
    case MD_PART_NOW:
        md_print_name(p->kind == MD_PART_BASE ? "{base" : "{now", p, out);
        md_print_signed(p->number, out);
        md_buf_byte(out, '}');
        break;
    case MD_PART_LEN:
        md_print_name("{len", p, out);
        md_buf_byte(out, '}');
        break;
    case MD_PART_BLOCK: md_buf_str(out, "{block}"); break;
    case MD_PART_END: md_buf_str(out, "{/block}"); break;
    case MD_PART_FILL: md_print_fill(p, out); break;
    }
}

/* Where a new '+' line begins: behind a line feed, when something follows. */
static void md_print_break(unsigned conn, struct md_buf *out) {
    md_buf_str(out, conn < 10 ? "\"\n     + \"" : "\"\n      + \"");
}

static void md_print_literal(const struct md_part *p, unsigned conn, bool *at_break,
                             struct md_buf *out) {
    size_t at = 0;
    while (at < p->len) {
        const uint8_t *lf = memchr(p->bytes + at, '\n', p->len - at);
        size_t n = lf ? (size_t)(lf - (p->bytes + at)) + 1 : p->len - at;
        if (*at_break)
            md_print_break(conn, out);
        md_bytes_print(p->bytes + at, n, out);
        *at_break = lf != NULL;
        at += n;
    }
}

/* Binary requests: each on a line of its own. False: it is none of them. */
static bool md_print_requests(const struct md_step *s, struct md_buf *out) {
    struct md_units u = {0};
    struct md_request r;
    bool any = md_units_of(s, &u) && md_request_at(&u, 0, &r);
    size_t next = 0;
    for (size_t i = 0; any && i < u.n; i++) {
        const struct md_unit *unit = &u.at[i];
        if (i == next) {
            if (i)
                md_print_break(s->conn, out);
            next = md_request_at(&u, i, &r) ? r.to : u.n;
        }
        uint8_t byte = (uint8_t)unit->byte;
        if (unit->byte >= 0)
            md_bytes_print(&byte, 1, out);
        else
            md_print_symbol(&s->parts[unit->part], out);
    }
    free(u.at);
    return any;
}

static void md_print_send(const struct md_step *s, struct md_buf *out) {
    bool at_break = false;
    md_buf_str(out, "send ");
    md_buf_u64(out, s->conn);
    md_buf_str(out, " \"");
    bool done = md_print_requests(s, out);
    for (size_t i = 0; i < s->n_parts && !done; i++) {
        const struct md_part *p = &s->parts[i];
        if (p->kind == MD_PART_BYTES) {
            md_print_literal(p, s->conn, &at_break, out);
            continue;
        }
        /* The end of a block reads best on the line that it ends. */
        if (at_break && p->kind != MD_PART_END) {
            md_print_break(s->conn, out);
            at_break = false;
        }
        md_print_symbol(p, out);
    }
    md_buf_byte(out, '"');
}

void md_step_print(const struct md_step *s, struct md_buf *out) {
    static const char *const words[] = {
        [MD_STEP_OPEN] = "open ",      [MD_STEP_CLOSE] = "close ", [MD_STEP_SHUTDOWN] = "shutdown ",
        [MD_STEP_CLOCK] = "clock ",    [MD_STEP_STOP] = "stop",    [MD_STEP_KILL] = "kill",
        [MD_STEP_RESTART] = "restart",
    };
    switch (s->kind) {
    case MD_STEP_SEND: md_print_send(s, out); break;
    case MD_STEP_OPEN:
    case MD_STEP_CLOSE:
    case MD_STEP_SHUTDOWN:
        md_buf_str(out, words[s->kind]);
        md_buf_u64(out, s->conn);
        break;
    case MD_STEP_CLOCK:
        md_buf_str(out, words[s->kind]);
        md_buf_u64(out, s->seconds);
        break;
    case MD_STEP_STOP:
    case MD_STEP_KILL:
    case MD_STEP_RESTART: md_buf_str(out, words[s->kind]); break;
    }
    md_buf_byte(out, '\n');
}

static void md_print_comment(const char *comment, struct md_buf *out) {
    for (;;) {
        size_t n = strcspn(comment, "\n");
        md_buf_str(out, n ? "# " : "#");
        for (size_t i = 0; i < n; i++) {
            uint8_t c = (uint8_t)comment[i];
            md_buf_byte(out, (c < 0x20 && c != '\t') || c == 0x7f ? '?' : c);
        }
        md_buf_byte(out, '\n');
        if (!comment[n])
            return;
        comment += n + 1;
    }
}

void md_trace_print(const struct md_trace *t, struct md_buf *out) {
    md_buf_str(out, "memdiverge-trace 1\n");
    if (t->comment)
        md_print_comment(t->comment, out);
    if (t->options.n_args) {
        md_buf_str(out, "node");
        for (size_t i = 0; i < t->options.n_args; i++) {
            md_buf_byte(out, ' ');
            md_buf_str(out, t->options.args[i]);
        }
        md_buf_byte(out, '\n');
    }
    for (size_t i = 0; i < t->n_steps; i++)
        md_step_print(&t->steps[i], out);
}
