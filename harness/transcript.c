/* Running a trace with eyes open, and telling it; see transcript.h. */
#include "harness/transcript.h"

#include "harness/compare.h"
#include "harness/packets.h"
#include "harness/requests.h"

#include <stdlib.h>

enum { SHOWN_MAX = 400 }; /* bytes of one reply that are shown */

/* ---- watching ----------------------------------------------------------------------------- */

static size_t cas_symbols(const struct md_step *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->n_parts; i++)
        n += s->parts[i].kind == MD_PART_CAS;
    return n;
}

/* What step i will send depends on the model before it. m NULL: a node just started. */
static void look_ahead(struct md_transcript *t, size_t i, const struct md_model *m) {
    if (i >= t->trace->n_steps)
        return;
    const struct md_step *s = &t->trace->steps[i];
    struct md_happened *h = &t->step[i];
    h->at = m ? md_model_now(m) - t->started : 0;
    free(h->cas);
    h->cas = md_calloc(cas_symbols(s), sizeof *h->cas);
    h->n_cas = 0;
    for (size_t j = 0; j < s->n_parts; j++)
        if (s->parts[j].kind == MD_PART_CAS)
            h->cas[h->n_cas++] = m ? md_model_cas_seen(m, s->parts[j].bytes, s->parts[j].len) : 0;
}

/* A send that goes out in pieces is told piece by piece: what came is added up. */
static void on_step(void *ctx, const struct md_trace *trace, size_t step,
                    const struct md_reply *expected, const uint8_t *observed, size_t n_observed,
                    const struct md_model *m) {
    struct md_transcript *t = ctx;
    struct md_happened *h = &t->step[step];
    if (t->also)
        t->also->step(t->also->ctx, trace, step, expected, observed, n_observed, m);
    h->ran = true;
    md_buf_append(&h->expected, expected->bytes.data, expected->bytes.len);
    md_buf_append(&h->observed, observed, n_observed);
    for (size_t i = 0; i < expected->n_commands; i++) {
        const struct md_command *c = &expected->commands[i];
        const char *reason = md_model_reason(m, c->ordinal);
        h->told = md_grow(h->told, &h->cap_told, h->n_told + 1, sizeof *h->told);
        struct md_told *told = &h->told[h->n_told++];
        *told = (struct md_told){.command = *c};
        if (c->reply_len)
            md_buf_append(&told->reply, expected->bytes.data + c->reply_offset, c->reply_len);
        if (reason)
            md_buf_str(&told->reason, reason);
    }
    look_ahead(t, step + 1, m);
}

enum md_verdict_kind md_transcript_run(struct md_transcript *t, struct md_runner *r,
                                       const struct md_trace *trace) {
    return md_transcript_watch(t, r, trace, NULL);
}

enum md_verdict_kind md_transcript_watch(struct md_transcript *t, struct md_runner *r,
                                         const struct md_trace *trace,
                                         const struct md_observer *also) {
    struct md_observer watch = {t, on_step};
    *t = (struct md_transcript){.trace = trace, .started = MD_START_TIME, .also = also};
    t->step = md_calloc(trace->n_steps, sizeof *t->step);
    look_ahead(t, 0, NULL);
    return md_runner_run_fresh(r, trace, &t->verdict, &watch);
}

void md_transcript_free(struct md_transcript *t) {
    for (size_t i = 0; t->step && i < t->trace->n_steps; i++) {
        struct md_happened *h = &t->step[i];
        for (size_t j = 0; j < h->n_told; j++) {
            md_buf_free(&h->told[j].reply);
            md_buf_free(&h->told[j].reason);
        }
        free(h->told);
        free(h->cas);
        md_buf_free(&h->expected);
        md_buf_free(&h->observed);
    }
    free(t->step);
    md_verdict_free(&t->verdict);
    *t = (struct md_transcript){0};
}

/* ---- words -------------------------------------------------------------------------------- */

void md_rule_line(const struct md_command *c, struct md_buf *out) {
    const struct md_rule_info *rule = md_rule_info((enum md_rule)c->rule);
    char id[MD_ID_MAX];
    md_id_text(rule->name, id, sizeof id);
    md_buf_printf(out, "rule %s (%s: %s): %s", id, md_tag_name(rule->tag), rule->source,
                  rule->sentence);
    if (c->quirk == MD_QUIRK_NONE)
        return;
    const struct md_quirk_info *quirk = md_quirk_info((enum md_quirk)c->quirk);
    md_id_text(quirk->name, id, sizeof id);
    md_buf_printf(out, "; quirk %s: %s", id, quirk->sentence);
}

void md_signature_words(const char *signature, struct md_buf *out) {
    const char *dot = strchr(signature, '.');
    size_t head = dot ? (size_t)(dot - signature) : strlen(signature);
    md_buf_append(out, signature, head);
    for (const char *at = dot; at; at = dot) {
        dot = strchr(at + 1, '.');
        md_buf_str(out, at == signature + head ? ": " : dot ? " " : ", ");
        for (const char *c = at + 1; *c && c != dot; c++)
            md_buf_byte(out, (uint8_t)(*c == '-' ? ' ' : *c));
    }
}

static void print_bytes(const struct md_buf *bytes, struct md_buf *out) {
    if (bytes->len == 0) {
        md_buf_str(out, "(nothing)");
        return;
    }
    md_buf_byte(out, '"');
    md_bytes_print(bytes->data, bytes->len < SHOWN_MAX ? bytes->len : SHOWN_MAX, out);
    md_buf_byte(out, '"');
    if (bytes->len > SHOWN_MAX)
        md_buf_printf(out, " ... %zu bytes in all", bytes->len);
}

static void print_line(struct md_buf *out, const char *label, const struct md_buf *bytes) {
    md_buf_str(out, label);
    print_bytes(bytes, out);
    md_buf_byte(out, '\n');
}

static void print_packets(struct md_buf *out, const char *label, const struct md_buf *bytes) {
    md_buf_str(out, label);
    md_packets_words(bytes->data, bytes->len, out);
    md_buf_byte(out, '\n');
}

/* A command whose reply came as expected: one line. */
static void print_told(const struct md_told *told, struct md_buf *out) {
    md_buf_printf(out, "    %-9s ", md_command_name_text((enum md_command_name)told->command.name));
    if (told->command.flags & MD_COMMAND_STATS)
        md_buf_str(out, "(statistics)");
    else if (told->reply.len == 0)
        md_buf_str(out, told->command.flags & MD_COMMAND_SILENT ? "(no reply)" : "(nothing)");
    else if (md_is_binary((enum md_command_name)told->command.name))
        md_packets_words(told->reply.data, told->reply.len, out);
    else
        print_bytes(&told->reply, out);
    if (told->reason.len)
        md_buf_printf(out, "  %s", md_buf_cstr((struct md_buf *)&told->reason));
    md_buf_byte(out, '\n');
}

static void print_divergence(const struct md_transcript *t, struct md_buf *out) {
    const struct md_verdict *v = &t->verdict;
    const char *name = md_command_name_text((enum md_command_name)v->command.name);
    md_buf_printf(out, "  ! diverged: %s\n", v->signature);
    if (v->command.rule)
        md_buf_printf(out, "  ! in:       %s\n", name);
    bool binary = md_is_binary((enum md_command_name)v->command.name);
    (binary ? print_packets : print_line)(out, "  ! expected: ", &v->expected);
    (binary ? print_packets : print_line)(out, "  ! observed: ", &v->observed);
    if (v->reason.len)
        md_buf_printf(out, "  ! reason:   %s\n", md_buf_cstr((struct md_buf *)&v->reason));
    if (v->command.rule) {
        md_buf_str(out, "  ! ");
        md_rule_line(&v->command, out);
        md_buf_byte(out, '\n');
    }
    if (v->stderr_tail.len) {
        md_buf_str(out, "  ! the node's last words:\n");
        md_buf_append(out, v->stderr_tail.data, v->stderr_tail.len);
        md_buf_byte(out, '\n');
    }
}

/* The requests of a binary step, each a line of words. */
static void print_requests(const struct md_step *s, struct md_buf *out) {
    struct md_units u = {0};
    struct md_request r;
    bool any = md_units_of(s, &u);
    for (size_t at = 0; any && at < u.n && md_request_at(&u, at, &r); at = r.to) {
        md_buf_str(out, "    > ");
        md_request_words(s, &u, &r, out);
        md_buf_byte(out, '\n');
    }
    free(u.at);
}

static void print_step(const struct md_transcript *t, size_t i, struct md_buf *out) {
    const struct md_happened *h = &t->step[i];
    bool last = t->verdict.kind == MD_DIVERGED && t->verdict.step == i;
    md_buf_printf(out, "t=%llu  ", (unsigned long long)h->at);
    size_t from = out->len;
    md_step_print(&t->trace->steps[i], out);
    if (out->len > from && out->data[out->len - 1] != '\n')
        md_buf_byte(out, '\n');
    print_requests(&t->trace->steps[i], out);
    if (!h->ran) {
        md_buf_str(out, "    (not run)\n");
        return;
    }
    for (size_t j = 0; j < h->n_told; j++)
        if (!last || h->told[j].command.ordinal < t->verdict.command.ordinal)
            print_told(&h->told[j], out);
    if (last)
        print_divergence(t, out);
}

void md_transcript_print(const struct md_transcript *t, struct md_buf *out) {
    for (size_t i = 0; i < t->trace->n_steps; i++)
        print_step(t, i, out);
}
