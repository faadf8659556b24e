/*
 * repro.sh: the trace as a shell script for people who have no memdiverge. Real time passes in it,
 * so it waits where the trace moves the clock; a node that is not fresh may answer otherwise.
 */
#include "harness/report.h"

#include <stdio.h>

enum {
    SCRIPT_CONNECTIONS = 7, /* descriptors 3 to 9: sh promises no more */
};

/* ---- bytes -------------------------------------------------------------------------------- */

/* A byte inside printf '...': octal where it is not plain. */
static void add_byte(struct md_buf *out, uint8_t c) {
    if (c == '\r')
        md_buf_str(out, "\\r");
    else if (c == '\n')
        md_buf_str(out, "\\n");
    else if (c < 0x20 || c > 0x7e || c == '\'' || c == '\\' || c == '%')
        md_buf_printf(out, "\\%03o", c);
    else
        md_buf_byte(out, c);
}

static void add_bytes(struct md_buf *out, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < n; i++)
        add_byte(out, bytes[i]);
}

static void add_printf(struct md_buf *out, const struct md_buf *bytes) {
    md_buf_str(out, "printf '");
    add_bytes(out, bytes->data, bytes->len);
    md_buf_byte(out, '\'');
}

/* ---- steps -------------------------------------------------------------------------------- */

static uint64_t block_length(const struct md_step *s, size_t at) {
    uint64_t n = 0;
    while (at < s->n_parts && s->parts[at].kind != MD_PART_BLOCK)
        at++;
    for (; at < s->n_parts && s->parts[at].kind != MD_PART_END; at++)
        n += s->parts[at].kind == MD_PART_FILL ? (uint64_t)s->parts[at].number : s->parts[at].len;
    return n;
}

/* One send as the commands of a { } group, which writes it at once. */
static void add_parts(const struct md_step *s, const struct md_happened *h, struct md_buf *out) {
    struct md_buf text = {0};
    size_t cas = 0;
    for (size_t i = 0; i <= s->n_parts; i++) {
        const struct md_part *p = i < s->n_parts ? &s->parts[i] : NULL;
        bool shell = !p || p->kind == MD_PART_NOW || (p->kind == MD_PART_FILL && p->number > 64);
        if (shell && text.len) {
            add_printf(out, &text);
            md_buf_str(out, "; ");
            text.len = 0;
        }
        if (!p)
            break;
        switch (p->kind) {
        case MD_PART_BYTES: md_buf_append(&text, p->bytes, p->len); break;
        case MD_PART_CAS:
            md_buf_u64(&text, (cas < h->n_cas ? h->cas[cas] : 0) + (uint64_t)p->number);
            cas++;
            break;
        case MD_PART_BASE: md_buf_u64(&text, (uint64_t)p->number); break;
        case MD_PART_LEN: md_buf_u64(&text, block_length(s, i)); break;
        case MD_PART_NOW:
            md_buf_printf(out, "printf '%%s' \"$(($(date +%%s) + %lld))\"; ", (long long)p->number);
            break;
        case MD_PART_FILL:
            if (shell)
                md_buf_printf(out, "fill %lld '\\%03o'; ", (long long)p->number, p->byte);
            else
                md_buf_fill(&text, p->byte, (size_t)(p->number < 0 ? 0 : p->number));
            break;
        case MD_PART_BLOCK:
        case MD_PART_END: break;
        }
    }
    md_buf_free(&text);
}

static void add_step(const struct md_transcript *t, size_t i, bool *open, struct md_buf *out) {
    const struct md_step *s = &t->trace->steps[i];
    unsigned c = s->conn;
    bool connects = s->kind == MD_STEP_SEND || s->kind == MD_STEP_OPEN;
    if (connects && !open[c]) {
        md_buf_printf(out, "connect %u; exec %u>\"$dir/to.%u\"; connected %u\n", c, c + 3, c, c);
        open[c] = true;
    }
    switch (s->kind) {
    case MD_STEP_SEND:
        md_buf_str(out, "{ ");
        add_parts(s, &t->step[i], out);
        md_buf_printf(out, ":; } >\"$dir/bytes\"; send %u >&%u\n", c, c + 3);
        break;
    case MD_STEP_CLOSE:
    case MD_STEP_SHUTDOWN:
        if (open[c])
            md_buf_printf(out, "exec %u>&-; disconnect %u\n", c + 3, c);
        open[c] = false;
        break;
    case MD_STEP_CLOCK: md_buf_printf(out, "wait_for %u\n", s->seconds); break;
    default: break;
    }
}

/* ---- what is to be seen ------------------------------------------------------------------- */

/* The connection at which it shows, and all that is expected on it up to there. */
static unsigned add_expected(const struct md_transcript *t, struct md_buf *expected,
                             struct md_buf *observed) {
    size_t at = t->verdict.step;
    unsigned conn = at < t->trace->n_steps ? t->trace->steps[at].conn : 0;
    for (size_t i = 0; i <= at && i < t->trace->n_steps; i++) {
        const struct md_step *s = &t->trace->steps[i];
        if (s->kind == MD_STEP_CLOCK || s->conn != conn)
            continue;
        md_buf_append(expected, t->step[i].expected.data, t->step[i].expected.len);
        md_buf_append(observed, t->step[i].observed.data, t->step[i].observed.len);
    }
    return conn;
}

static bool fits_script(const struct md_trace *t) {
    for (size_t i = 0; i < t->n_steps; i++)
        if (t->steps[i].kind > MD_STEP_CLOCK ||
            (t->steps[i].kind != MD_STEP_CLOCK && t->steps[i].conn >= SCRIPT_CONNECTIONS))
            return false;
    return true;
}

static const char functions[] =
    "set -u\n"
    "trap '' PIPE\n"
    "host=${1:-127.0.0.1} port=${2:-11311}\n"
    "case $host in */*) netcat() { nc -U \"$host\"; } ;; *) netcat() { nc \"$host\" \"$port\"; } "
    ";; "
    "esac\n"
    "dir=$(mktemp -d) || exit 3\n"
    "pids=\n"
    "finish() { trap - EXIT; for p in $pids; do kill \"$p\" 2>/dev/null; done; rm -rf \"$dir\"; }\n"
    "trap finish EXIT\n"
    "trap 'exit 130' INT TERM\n"
    "pause() { sleep 0.3 2>/dev/null || sleep 1; }\n"
    "connect() {\n"
    "    [ -p \"$dir/to.$1\" ] || mkfifo \"$dir/to.$1\"\n"
    "    netcat <\"$dir/to.$1\" >>\"$dir/from.$1\" &\n"
    "    eval \"pid$1=$!\"; pids=\"$pids $!\"\n"
    "}\n"
    "connected() {\n"
    "    pause; eval \"kill -0 \\$pid$1 2>/dev/null\" && return\n"
    "    echo \"no node answers at $host $port: start one as said above\" >&2; exit 2\n"
    "}\n"
    "disconnect() { pause; eval \"kill \\$pid$1 2>/dev/null\"; pause; }\n"
    "# What goes out, at once and in one piece; then the answer gets a moment.\n"
    "send() { cat \"$dir/bytes\"; pause; }\n"
    "fill() { dd if=/dev/zero bs=\"$1\" count=1 2>/dev/null | tr '\\000' \"$2\"; }\n"
    "wait_for() {\n"
    "    if [ \"$1\" -gt 600 ] && [ -z \"${WAIT:-}\" ]; then\n"
    "        echo \"this takes $1 seconds of real time: set WAIT=1 if you mean it, or use"
    " memdiverge, whose clock is its own\" >&2\n"
    "        exit 2\n"
    "    fi\n"
    "    echo \"waiting for $1 s\" >&2; sleep \"$1\"; sleep 1\n"
    "}\n"
    "# Only printable bytes, so that a terminal shows what came.\n"
    "show() { tr -c '\\n\\040-\\176' '.' <\"$1\" | tr -d '\\r' | head -c 2000; echo; }\n";

static void add_header(const struct md_report *r, struct md_buf *out) {
    md_buf_str(out, "#!/bin/sh\n# ");
    md_signature_words(r->signature, out);
    md_buf_printf(out,
                  "\n# Seen with memcached %s. Needs sh, printf and nc. First start a fresh node "
                  "(as root with -u root):\n#\n#   memcached -l 127.0.0.1 -p 11311 ",
                  r->version);
    md_report_options(r, out);
    md_buf_str(out, "\n#\n# usage: sh repro.sh [HOST PORT | SOCKET]\n"
                    "# exit code: 1 the divergence shows, 0 it does not, 2 not tried\n");
}

/* Of a reply to `stats` only the counter that was wrong is compared, in the last such reply: the rest is
 * never the same twice. The reason begins "NAME: expected N". */
static void add_counter(const struct md_verdict *v, unsigned conn, struct md_buf *out) {
    char reason[128], name[64] = "";
    unsigned long long expected = 0;
    size_t n = v->reason.len < sizeof reason ? v->reason.len : sizeof reason - 1;
    memcpy(reason, v->reason.data ? (const char *)v->reason.data : "", n);
    reason[n] = 0;
    bool known = sscanf(reason, "%63[a-z_]: expected %llu", name, &expected) == 2;
    md_buf_printf(out, "echo '--- came on connection %u:'; show \"$dir/from.%u\"\n", conn, conn);
    if (!known) {
        md_buf_str(out, "echo '--- the reply to stats has not the shape that it should have' >&2\n"
                        "exit 1\n");
        return;
    }
    md_buf_printf(out,
                  "came=$(tr -d '\\r' <\"$dir/from.%u\" | sed -n 's/^STAT %s //p' | tail -n 1)\n"
                  "echo \"--- %s: expected %llu, came ${came:-nothing}\"\n"
                  "[ \"$came\" = %llu ] || exit 1\nexit 0\n",
                  conn, name, name, expected, expected);
}

/* Whether a connection is still open is seen by talking on. */
static void add_probe(const struct md_report *r, unsigned conn, struct md_buf *expected,
                      struct md_buf *out) {
    bool closed = strncmp(r->signature, "connection.closed", 17) == 0;
    if (!closed && strncmp(r->signature, "connection.left-open", 20))
        return;
    md_buf_printf(out, "printf 'mn\\r\\n' >\"$dir/bytes\"; send %u >&%u\n", conn, conn + 3);
    if (closed)
        md_buf_str(expected, "MN\r\n");
}

static void add_comparison(bool quirk, unsigned conn, const struct md_buf *with,
                           struct md_buf *out) {
    const char *same =
        quirk ? "as seen before: the quirk shows" : "as expected: the divergence does not show";
    const char *other =
        quirk ? "not as seen before: the quirk does not show" : "they differ: the divergence shows";
    add_printf(out, with);
    md_buf_printf(out,
                  " >\"$dir/with\"\n[ -e \"$dir/from.%u\" ] || : >\"$dir/from.%u\"\n"
                  "echo '--- %s on connection %u:'; show \"$dir/with\"\n"
                  "echo '--- came:'; show \"$dir/from.%u\"\n"
                  "if [ \"$(od -An -v -tx1 <\"$dir/with\")\" = "
                  "\"$(od -An -v -tx1 <\"$dir/from.%u\")\" ]; then\n"
                  "    echo '--- %s'; exit %d\nfi\necho '--- %s'\nexit %d\n",
                  conn, conn, quirk ? "seen before" : "expected", conn, conn, conn, same, quirk,
                  other, !quirk);
}

static void add_check(const struct md_report *r, struct md_buf *out) {
    const struct md_verdict *v = &r->transcript->verdict;
    struct md_buf expected = {0}, observed = {0};
    bool quirk = strncmp(r->signature, "quirk.", 6) == 0;
    unsigned conn = add_expected(r->transcript, &expected, &observed);
    add_probe(r, conn, &expected, out);
    if (v->command.flags & MD_COMMAND_STATS)
        add_counter(v, conn, out);
    else
        add_comparison(quirk, conn, quirk ? &observed : &expected, out);
    md_buf_free(&expected);
    md_buf_free(&observed);
}

void md_report_script(const struct md_report *r, struct md_buf *out) {
    const struct md_transcript *t = r->transcript;
    bool open[MD_CONNECTIONS_MAX] = {false};
    add_header(r, out);
    if (!fits_script(t->trace)) {
        md_buf_str(
            out,
            "\necho 'this trace restarts the node, or has more connections than a plain sh can "
            "hold open: use memdiverge show shrunk.trace' >&2\nexit 2\n");
        return;
    }
    md_buf_str(out, functions);
    md_buf_byte(out, '\n');
    for (size_t i = 0; i < t->trace->n_steps && i <= t->verdict.step; i++)
        add_step(t, i, open, out);
    md_buf_byte(out, '\n');
    add_check(r, out);
}
