/* memdiverge replay: many traces, a line for each that diverges, a total. */
#include "harness/artifact.h"
#include "harness/cmd.h"
#include "harness/interrupt.h"
#include "harness/now.h"
#include "harness/corpus.h"
#include "harness/junit.h"
#include "harness/settings.h"
#include "harness/transcript.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct replay {
    struct md_settings settings;
    struct md_corpus corpus;
    const char *junit_file;
    struct md_junit junit;
    json_t *failures;
    struct md_runner *runner;
    struct md_buf why;
    size_t agreed, diverged, beyond, skipped;
};

enum { KEY_JUNIT = 0x200, KEY_JSON, ERRORS_SHOWN = 20 };

static error_t parse(int key, char *word, struct argp_state *state) {
    struct replay *r = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &r->settings; return 0;
    case KEY_JUNIT: r->junit_file = word; return 0;
    case KEY_JSON: r->settings.json = true; return 0;
    case ARGP_KEY_ARG:
        if (!md_corpus_add(&r->corpus, word, &r->why))
            argp_error(state, "%s", md_buf_cstr(&r->why));
        return 0;
    case ARGP_KEY_NO_ARGS: argp_error(state, "give a FILE or a DIR with traces"); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static double seconds_now(void) { return (double)md_now_ns() / 1e9; }

/* Nothing is run unless all of it can be. */
static bool check_all(const struct replay *r) {
    struct md_trace t;
    size_t bad = 0;
    md_trace_init(&t);
    for (size_t i = 0; i < r->corpus.n; i++) {
        struct md_trace_error error = {0};
        if (md_trace_load(&t, r->corpus.path[i], &error))
            continue;
        if (++bad <= ERRORS_SHOWN)
            md_complain_trace(r->corpus.path[i], &error);
    }
    md_trace_free(&t);
    if (bad > ERRORS_SHOWN)
        md_complain("%zu more traces with errors", bad - ERRORS_SHOWN);
    return bad == 0;
}

/* ---- one trace ---------------------------------------------------------------------------- */

/* corpus/known/ID.trace is about the quirk ID. */
static enum md_quirk quirk_of(const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char id[MD_ID_MAX];
    size_t n = strcspn(name, ".");
    if (n >= sizeof id)
        return MD_QUIRK_NONE;
    memcpy(id, name, n);
    id[n] = 0;
    return md_quirk_find(id);
}

/* What the run says of a known quirk; false: nothing. */
static bool quirk_line(const struct replay *r, const char *path, const struct md_verdict *v,
                       struct md_buf *line) {
    enum md_quirk about = quirk_of(path);
    bool fired = v->kind == MD_DIVERGED && strncmp(v->signature, "quirk.", 6) == 0;
    char id[MD_ID_MAX];
    if (fired)
        about = (enum md_quirk)v->command.quirk;
    else if (v->kind == MD_DIVERGED ? v->command.quirk != about
                                    : r->settings.oracle != MD_ORACLE_STRICT || v->kind != MD_AGREE)
        return false;
    if (about == MD_QUIRK_NONE)
        return false;
    const struct md_quirk_info *info = md_quirk_info(about);
    md_id_text(info->name, id, sizeof id);
    md_buf_printf(line, "this node %s quirk %s (%s)", fired ? "has" : "does not have", id,
                  info->sentence);
    return true;
}

static void add_bytes(struct md_buf *line, const char *what, const struct md_buf *bytes) {
    enum { SHOWN = 60 };
    md_buf_printf(line, "%s\"", what);
    if (bytes->len)
        md_bytes_print(bytes->data, bytes->len < SHOWN ? bytes->len : SHOWN, line);
    md_buf_str(line, bytes->len < SHOWN ? "\"" : "...\"");
}

static void failure_line(const struct replay *r, const char *path, const struct md_verdict *v,
                         struct md_buf *line) {
    struct md_buf quirk = {0};
    md_buf_printf(line, "%s: step %zu: %s: ", path, v->step + 1, v->signature);
    if (quirk_line(r, path, v, &quirk)) {
        md_buf_append(line, quirk.data, quirk.len);
    } else {
        add_bytes(line, "expected ", &v->expected);
        add_bytes(line, ", observed ", &v->observed);
    }
    md_buf_free(&quirk);
}

static void record_failure(struct replay *r, const char *path, const char *signature,
                           const struct md_buf *line, const struct md_buf *text, double seconds) {
    const char *message = md_buf_cstr((struct md_buf *)line);
    if (!r->settings.json)
        printf("%s\n", message);
    if (r->settings.verbose && !r->settings.json && text->len)
        fwrite(text->data, 1, text->len, stdout);
    md_junit_add(&r->junit, path, MD_JUNIT_FAILED, seconds, message,
                 md_buf_cstr((struct md_buf *)text));
    json_array_append_new(r->failures, json_pack("{s:s?, s:s, s:s?}", "path", path, "signature",
                                                 signature, "message", message));
}

/* Once more, alone on a fresh node and with reasons. */
static void explain(struct replay *r, const char *path, const struct md_trace *t,
                    const struct md_verdict *first, double began) {
    struct md_transcript again;
    struct md_buf line = {0}, text = {0};
    enum md_verdict_kind kind = md_transcript_run(&again, r->runner, t);
    if (kind == MD_DIVERGED) {
        failure_line(r, path, &again.verdict, &line);
        md_transcript_print(&again, &text);
    } else {
        failure_line(r, path, first, &line);
        md_buf_str(&line, "; NOT AGAIN on a fresh node: what ran before it matters");
    }
    record_failure(r, path, kind == MD_DIVERGED ? again.verdict.signature : first->signature, &line,
                   &text, seconds_now() - began);
    md_transcript_free(&again);
    md_buf_free(&line);
    md_buf_free(&text);
}

static void passed(struct replay *r, const char *path, const struct md_verdict *v, double seconds) {
    struct md_buf line = {0};
    const char *skipped = NULL;
    r->agreed += v->kind == MD_AGREE;
    r->beyond += v->kind == MD_UNMODELLED;
    r->skipped += v->kind == MD_SKIPPED;
    if (v->kind == MD_UNMODELLED)
        skipped = "agrees up to a command that the model does not know";
    else if (v->kind == MD_SKIPPED)
        skipped = "not for this node";
    md_junit_add(&r->junit, path, skipped ? MD_JUNIT_SKIPPED : MD_JUNIT_PASSED, seconds, skipped,
                 NULL);
    if (r->settings.json) {
        md_buf_free(&line);
        return;
    }
    if (quirk_line(r, path, v, &line))
        printf("%s: %s\n", path, md_buf_cstr(&line));
    else if (r->settings.verbose)
        printf("%s: %s\n", path, skipped ? skipped : "agrees");
    md_buf_free(&line);
}

/* 0: go on; else the exit code. */
static int run_one(struct replay *r, const char *path, struct md_trace *t, struct md_verdict *v) {
    struct md_trace_error error = {0};
    double began = seconds_now();
    if (!md_trace_load(t, path, &error)) {
        md_complain_trace(path, &error);
        return MD_EXIT_FAILED;
    }
    md_settings_apply(&r->settings, t);
    enum md_verdict_kind kind = md_runner_run(r->runner, t, v);
    if (md_interrupted()) /* it was for the node, too */
        return MD_EXIT_INTERRUPTED;
    if (kind == MD_FAILED) {
        md_complain("%s: %s", path, md_buf_cstr(&v->reason));
        md_junit_add(&r->junit, path, MD_JUNIT_ERROR, seconds_now() - began,
                     md_buf_cstr(&v->reason), NULL);
        return MD_EXIT_FAILED;
    }
    if (kind != MD_DIVERGED) {
        passed(r, path, v, seconds_now() - began);
        return 0;
    }
    r->diverged++;
    if (v->in_sweep)
        md_runner_extend(r->runner, t);
    explain(r, path, t, v, began);
    return 0;
}

/* ---- all of them -------------------------------------------------------------------------- */

static void print_total(const struct replay *r, double seconds) {
    if (r->settings.json) {
        json_t *o =
            json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:f, s:O}", "schema", 1, "traces",
                      (json_int_t)r->corpus.n, "agreed", (json_int_t)r->agreed, "diverged",
                      (json_int_t)r->diverged, "beyond_the_model", (json_int_t)r->beyond, "skipped",
                      (json_int_t)r->skipped, "seconds", seconds, "failures", r->failures);
        char *text = json_dumps(o, JSON_INDENT(2));
        puts(text ? text : "{}");
        free(text);
        json_decref(o);
        return;
    }
    printf("%zu of %zu traces replayed on memcached %s in %.1f s: %zu agree, %zu diverge",
           r->agreed + r->diverged + r->beyond + r->skipped, r->corpus.n,
           md_runner_node_version(r->runner), seconds, r->agreed, r->diverged);
    if (r->beyond)
        printf(", %zu go beyond the model", r->beyond);
    if (r->skipped)
        printf(", %zu skipped (not for this node)", r->skipped);
    printf("%s\n", md_interrupted() ? "; interrupted" : "");
}

static int run_all(struct replay *r) {
    struct md_verdict v = {0};
    struct md_trace t;
    double began = seconds_now();
    int code = 0;
    md_trace_init(&t);
    for (size_t i = 0; i < r->corpus.n && !code; i++)
        code = run_one(r, r->corpus.path[i], &t, &v);
    print_total(r, seconds_now() - began);
    if (r->junit_file) {
        r->why.len = 0;
        if (!md_junit_write(&r->junit, r->junit_file, &r->why)) {
            md_complain("%s", md_buf_cstr(&r->why));
            code = MD_EXIT_FAILED;
        }
    }
    md_trace_free(&t);
    md_verdict_free(&v);
    if (code == MD_EXIT_FAILED)
        return code;
    return r->diverged ? MD_EXIT_DIVERGED : code;
}

static int replay(struct replay *r) {
    struct md_runner_config config;
    if (r->corpus.n == 0) {
        md_complain("no traces there: nothing to replay");
        return MD_EXIT_USAGE;
    }
    if (!check_all(r))
        return MD_EXIT_USAGE;
    int code = md_settings_ready(&r->settings);
    if (code)
        return code;
    md_node_sweep();
    md_interrupt_catch();
    md_settings_runner(&r->settings, &config);
    /* With the strict oracle a trace is asked about its own quirk, not about what a look at all
     * keys would meet. */
    config.sweep = r->settings.oracle == MD_ORACLE_EXACT;
    r->runner = md_runner_new(&config, &r->why);
    if (!r->runner) {
        md_complain_node(&r->settings, &r->why);
        return MD_EXIT_FAILED;
    }
    if (*md_runner_profile_note(r->runner))
        md_complain("note: %s", md_runner_profile_note(r->runner));
    code = run_all(r);
    md_runner_free(r->runner);
    return code;
}

int md_cmd_replay(int argc, char **argv) {
    static const struct argp_option options[] = {
        {"junit", KEY_JUNIT, "FILE", 0, "write the results as JUnit XML", 0},
        {"json", KEY_JSON, 0, 0, "the results as JSON on stdout", 0},
        {0}};
    static const struct argp_child children[] = {{&md_settings_node_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "FILE|DIR...",
        .doc = "Runs traces, folders of them in the order of their names, and prints a line for "
               "each that diverges.",
        .children = children};
    struct replay r = {.failures = json_array()};
    md_settings_init(&r.settings);
    md_settings_parse(&argp, argc, argv, &r);
    int code = replay(&r);
    md_settings_free(&r.settings);
    md_corpus_free(&r.corpus);
    md_junit_free(&r.junit);
    md_buf_free(&r.why);
    json_decref(r.failures);
    return code;
}
