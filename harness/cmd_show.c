/* memdiverge show: one trace on a fresh node, step by step, and as a picture. */
#include "harness/cmd.h"
#include "harness/picture.h"
#include "harness/settings.h"
#include "harness/transcript.h"

#include <stdio.h>
#include <unistd.h>

struct show {
    struct md_settings settings;
    const char *file, *svg;
};

enum { KEY_SVG = 0x500 };
static const struct argp_option options[] = {
    {"svg", KEY_SVG, "FILE", 0,
     "also write a picture of the run: slab classes and order of last use over the steps", 0},
    {0}};

static error_t parse(int key, char *word, struct argp_state *state) {
    struct show *s = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &s->settings; return 0;
    case KEY_SVG: s->svg = word; return 0;
    case ARGP_KEY_ARG:
        if (s->file)
            argp_error(state, "one FILE at a time ('%s' is the second)", word);
        s->file = word;
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "give a FILE with a trace"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* On a terminal, what differs is red. */
static void print_text(const struct md_buf *text) {
    bool colour = isatty(STDOUT_FILENO) == 1;
    const char *at = (const char *)text->data, *end = at ? at + text->len : at;
    while (at < end) {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        size_t n = lf ? (size_t)(lf - at) : (size_t)(end - at);
        bool mark = colour && n > 2 && memcmp(at, "  !", 3) == 0;
        printf("%s%.*s%s\n", mark ? "\033[31m" : "", (int)n, at, mark ? "\033[0m" : "");
        at += n + 1;
    }
}

static int conclude(enum md_verdict_kind kind, const struct md_verdict *v) {
    switch (kind) {
    case MD_AGREE: puts("agrees: every reply is as expected"); return MD_EXIT_AGREED;
    case MD_DIVERGED:
        printf("diverges in step %zu: %s\n", v->step + 1, v->signature);
        return MD_EXIT_DIVERGED;
    case MD_UNMODELLED:
        printf("agrees up to step %zu, which goes beyond the model\n", v->step + 1);
        return MD_EXIT_AGREED;
    case MD_SKIPPED: puts("skipped: not for this node"); return MD_EXIT_AGREED;
    default: md_complain("%s", md_buf_cstr((struct md_buf *)&v->reason)); return MD_EXIT_FAILED;
    }
}

/* A picture that was asked for and is not there is a failure. */
static int write_picture(struct md_picture *p, const char *path, const struct md_verdict *v,
                         int code) {
    struct md_buf why = {0};
    md_picture_end(p, v);
    if (code != MD_EXIT_FAILED && !md_picture_write(p, path, &why)) {
        md_complain("%s", md_buf_cstr(&why));
        code = code == MD_EXIT_AGREED ? MD_EXIT_FAILED : code;
    }
    md_buf_free(&why);
    return code;
}

static int show(const struct show *s, const struct md_trace *trace) {
    struct md_runner_config config;
    struct md_transcript transcript;
    struct md_picture picture;
    struct md_observer gather = {&picture, md_picture_step};
    struct md_buf text = {0};
    md_settings_runner(&s->settings, &config);
    struct md_runner *r = md_runner_new(&config, &text);
    if (!r) {
        md_complain_node(&s->settings, &text);
        md_buf_free(&text);
        return MD_EXIT_FAILED;
    }
    if (*md_runner_profile_note(r))
        md_complain("note: %s", md_runner_profile_note(r));
    md_picture_begin(&picture, trace);
    enum md_verdict_kind kind = md_transcript_watch(&transcript, r, trace, s->svg ? &gather : NULL);
    printf("memcached %s, oracle %s\n", md_runner_node_version(r),
           md_oracle_name(s->settings.oracle));
    if (kind != MD_FAILED) {
        md_transcript_print(&transcript, &text);
        print_text(&text);
    }
    int code = conclude(kind, &transcript.verdict);
    if (s->svg)
        code = write_picture(&picture, s->svg, &transcript.verdict, code);
    md_picture_free(&picture);
    md_transcript_free(&transcript);
    md_runner_free(r);
    md_buf_free(&text);
    return code;
}

int md_cmd_show(int argc, char **argv) {
    static const struct argp_child children[] = {{&md_settings_node_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE",
        .doc = "Runs one trace on a fresh node and tells each step: what was sent, expected and "
               "observed, and the model's reason. Lines with '!' are where they differ.",
        .children = children};
    struct show s = {.file = NULL};
    struct md_trace trace;
    md_settings_init(&s.settings);
    md_settings_parse(&argp, argc, argv, &s);
    md_trace_init(&trace);
    int code = md_settings_load(&s.settings, s.file, &trace);
    if (!code)
        code = show(&s, &trace);
    md_trace_free(&trace);
    md_settings_free(&s.settings);
    return code;
}
