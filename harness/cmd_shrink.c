/* memdiverge shrink: the shortest trace with the same signature. */
#include "harness/artifact.h"
#include "harness/cmd.h"
#include "harness/interrupt.h"
#include "harness/settings.h"
#include "harness/shrink.h"

#include <stdio.h>
#include <unistd.h>

struct shrink {
    struct md_settings settings;
    const char *file, *signature, *out;
    uint64_t seconds;
};

enum { KEY_SIGNATURE = 0x200, KEY_TIME };

static error_t parse(int key, char *word, struct argp_state *state) {
    struct shrink *s = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &s->settings; return 0;
    case KEY_SIGNATURE: s->signature = word; return 0;
    case KEY_TIME: s->seconds = md_settings_number(state, "--time", word, 1, 1000000); return 0;
    case 'o': s->out = word; return 0;
    case ARGP_KEY_ARG:
        if (s->file)
            argp_error(state, "one FILE at a time ('%s' is the second)", word);
        s->file = word;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "give a FILE with a trace"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static bool show_progress(void *ctx, size_t steps, size_t commands, unsigned runs) {
    const bool *shown = ctx;
    if (*shown && runs % 50 == 0) {
        fprintf(stderr, "\r%u runs: %zu steps, %zu commands ", runs, steps, commands);
        fflush(stderr);
    }
    return !md_interrupted();
}

/* The signature to keep: the one asked for, or what the trace shows. */
static int find_signature(struct shrink *s, struct md_runner *r, const struct md_trace *t,
                          char signature[MD_SIGNATURE_MAX]) {
    struct md_verdict v = {0};
    int code = 0;
    enum md_verdict_kind kind = md_runner_run_fresh(r, t, &v, NULL);
    snprintf(signature, MD_SIGNATURE_MAX, "%s", s->signature ? s->signature : v.signature);
    if (kind == MD_FAILED) {
        md_complain("%s", md_buf_cstr(&v.reason));
        code = MD_EXIT_FAILED;
    } else if (kind != MD_DIVERGED || strcmp(signature, v.signature)) {
        md_complain("%s does not diverge%s%s on this node%s%s: nothing to shrink", s->file,
                    s->signature ? " with " : "", s->signature ? s->signature : "",
                    kind == MD_DIVERGED ? "; it shows " : "",
                    kind == MD_DIVERGED ? v.signature : "");
        code = MD_EXIT_USAGE;
    }
    md_verdict_free(&v);
    return code;
}

static int put_out(const struct shrink *s, const struct md_trace *t) {
    struct md_buf text = {0}, why = {0};
    int code = MD_EXIT_AGREED;
    md_trace_print(t, &text);
    if (!s->out) {
        if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout)) {
            md_complain("cannot write to stdout");
            code = MD_EXIT_FAILED;
        }
    } else if (!md_artifact_write(s->out, text.data, text.len, 0644, &why)) {
        md_complain("%s", md_buf_cstr(&why));
        code = MD_EXIT_FAILED;
    }
    md_buf_free(&text);
    md_buf_free(&why);
    return code;
}

static int shrink(struct shrink *s, struct md_trace *t) {
    struct md_runner_config config;
    bool shown = isatty(STDERR_FILENO) == 1;
    struct md_shrink_config how = {
        .max_ms = (unsigned)(s->seconds * 1000), .progress = show_progress, .ctx = &shown};
    struct md_shrink_result result;
    struct md_buf why = {0};
    char signature[MD_SIGNATURE_MAX];
    md_interrupt_catch();
    md_settings_runner(&s->settings, &config);
    struct md_runner *r = md_runner_new(&config, &why);
    int code = MD_EXIT_FAILED;
    if (!r) {
        md_complain_node(&s->settings, &why);
    } else if (!(code = find_signature(s, r, t, signature))) {
        if (!md_shrink(r, t, signature, &how, &result))
            md_complain("%s diverged once and not again: it is left as it is", s->file);
        fprintf(stderr, "%s%s: %zu steps, %zu commands, %zu bytes; %u runs in %.1f s%s\n",
                shown ? "\r" : "", signature, result.steps, result.commands, result.bytes,
                result.runs, result.ms / 1000.0,
                result.minimal     ? ""
                : md_interrupted() ? "; interrupted: this is the shortest so far"
                                   : "; there was no time to finish");
        code = put_out(s, t);
        if (!code && md_interrupted())
            code = MD_EXIT_INTERRUPTED;
    }
    md_runner_free(r);
    md_buf_free(&why);
    return code;
}

int md_cmd_shrink(int argc, char **argv) {
    static const struct argp_option options[] = {
        {"signature", KEY_SIGNATURE, "S", 0, "what it must go on showing (default: what it shows)",
         0},
        {"time", KEY_TIME, "SECONDS", 0, "end after this long with what there is", 0},
        {"output", 'o', "FILE", 0, "where to write it (default: stdout)", 0},
        {0}};
    static const struct argp_child children[] = {{&md_settings_node_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE",
        .doc = "Makes a diverging trace as short and plain as it can be while it shows the same "
               "divergence on a fresh node.",
        .children = children};
    struct shrink s = {.file = NULL};
    struct md_trace trace;
    md_settings_init(&s.settings);
    md_settings_parse(&argp, argc, argv, &s);
    md_trace_init(&trace);
    int code = md_settings_load(&s.settings, s.file, &trace);
    if (!code)
        code = shrink(&s, &trace);
    md_trace_free(&trace);
    md_settings_free(&s.settings);
    return code;
}
