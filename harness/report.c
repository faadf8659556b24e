/* report.md; see report.h. */
#include "harness/report.h"

void md_report_options(const struct md_report *r, struct md_buf *out) {
    const struct md_trace *t = r->transcript->trace;
    bool exact;
    uint32_t unit = md_profile_chunk_max_unit(md_profile_find(r->version, &exact));
    md_buf_str(out, "-t 1 -R 10000 -m 1024 -U 0 "
                    "-o no_lru_maintainer,no_lru_crawler,no_slab_reassign");
    for (size_t i = 0; i < t->options.n_args; i++) {
        md_buf_byte(out, ' ');
        md_node_option_word(t->options.args[i], unit, out);
    }
}

static void add_reply(struct md_buf *out, const char *what, const struct md_buf *bytes) {
    md_buf_printf(out, "- %s: ", what);
    if (bytes->len) {
        md_buf_str(out, "`");
        md_bytes_print(bytes->data, bytes->len < 1000 ? bytes->len : 1000, out);
        md_buf_str(out, bytes->len < 1000 ? "`\n" : "` ...\n");
    } else {
        md_buf_str(out, "nothing\n");
    }
}

static void add_why(const struct md_verdict *v, struct md_buf *out) {
    if (v->reason.len)
        md_buf_printf(out, "- reason: %s\n", md_buf_cstr((struct md_buf *)&v->reason));
    if (v->command.rule) {
        md_buf_str(out, "- ");
        md_rule_line(&v->command, out);
        md_buf_byte(out, '\n');
    }
}

void md_report_markdown(const struct md_report *r, struct md_buf *out) {
    const struct md_transcript *t = r->transcript;
    const struct md_verdict *v = &t->verdict;
    md_buf_str(out, "# ");
    md_signature_words(r->signature, out);
    md_buf_printf(out, "\n\nmemcached %s does not answer as expected.\n\n", r->version);
    if (r->note)
        md_buf_printf(out, "%s\n\n", r->note);
    add_reply(out, "expected", &v->expected);
    add_reply(out, "observed", &v->observed);
    add_why(v, out);
    md_buf_printf(out, "- signature: `%s`\n- version: memcached %s", r->signature, r->version);
    if (r->settings->binary)
        md_buf_printf(out, " (`%s`)", r->settings->binary);
    md_buf_str(out, "\n- options: `");
    md_report_options(r, out);
    md_buf_printf(out, "`\n- held to: oracle %s\n\n", md_oracle_name(r->settings->oracle));
    md_buf_str(out, "## Transcript\n\n"
                    "Connections are numbered; `t` is the node's time in seconds since its start. "
                    "Lines with `!` are where it differs.\n\n```\n");
    md_transcript_print(t, out);
    md_buf_str(out, "```\n\n");
    if (v->stderr_tail.len) {
        md_buf_str(out, "## What the node wrote to stderr\n\n```\n");
        md_buf_append(out, v->stderr_tail.data, v->stderr_tail.len);
        md_buf_str(out, "\n```\n\n");
    }
    md_buf_str(out, "## To see it again\n\n"
                    "With memdiverge (`shrunk.trace` lies beside this file):\n\n```\n"
                    "memdiverge show --node /path/to/memcached shrunk.trace\n```\n\n"
                    "Without: `repro.sh` needs sh, printf and nc, and says how to start the node.\n"
                    "\n## The trace\n\n```\n");
    md_trace_print(t->trace, out);
    md_buf_str(out, "```\n");
}
