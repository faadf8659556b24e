/* From a found trace to an artifact; see triage.h. */
#include "harness/triage.h"

#include "harness/artifact.h"
#include "harness/report.h"
#include "harness/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TRIES = 3,              /* fresh nodes before it counts as unconfirmed */
    HANG_DEADLINE_MS = 2000 /* every candidate of a hang costs a deadline */
};

/* ---- names -------------------------------------------------------------------------------- */

bool md_found_name(const char *out, const char *name, struct md_found *f) {
    static const char suffix[] = ".trace";
    size_t n = strlen(name), dashes = 0;
    if (n <= sizeof suffix || strcmp(name + n - (sizeof suffix - 1), suffix) || name[0] == '.')
        return false;
    for (n -= sizeof suffix - 1; n > 0 && dashes < 2; n--)
        dashes += name[n - 1] == '-';
    if (n == 0 || n >= sizeof f->signature)
        return false;
    memcpy(f->signature, name, n);
    f->signature[n] = 0;
    int written = snprintf(f->path, sizeof f->path, "%s/found/%s", out, name);
    return written > 0 && (size_t)written < sizeof f->path;
}

static char *window_of(const struct md_found *f) {
    struct md_buf b = {0};
    md_buf_append(&b, f->path, strlen(f->path) - strlen(".trace"));
    md_buf_str(&b, ".window");
    md_buf_cstr(&b);
    return (char *)b.data;
}

void md_found_remove(const struct md_found *f) {
    char *window = window_of(f);
    unlink(f->path);
    md_artifact_remove(window);
    free(window);
}

/* ---- the work ----------------------------------------------------------------------------- */

struct triage {
    const struct md_settings *settings;
    const struct md_found *found;
    struct md_runner *runner;
    struct md_trace trace;
    struct md_page_triage *result;
    char *dir; /* owned: where the artifacts go */
    struct md_buf why;
};

static void fail(struct triage *t) {
    t->result->outcome = MD_OUTCOME_FAILED;
    snprintf(t->result->message, sizeof t->result->message, "%s", md_buf_cstr(&t->why));
}

static bool write_text(struct triage *t, const char *name, const struct md_buf *text,
                       unsigned mode) {
    char *path = md_path(t->dir, "%s", name);
    bool ok = md_artifact_write(path, text->data, text->len, mode, &t->why);
    free(path);
    return ok;
}

static bool write_trace(struct triage *t, const char *name) {
    char *path = md_path(t->dir, "%s", name);
    bool ok = md_artifact_trace(path, &t->trace, &t->why);
    free(path);
    return ok;
}

/* report.md and repro.sh of the trace as it is now. */
static bool write_up(struct triage *t, const char *note) {
    struct md_transcript transcript;
    struct md_buf text = {0};
    md_transcript_run(&transcript, t->runner, &t->trace);
    struct md_report report = {.settings = t->settings,
                               .transcript = &transcript,
                               .version = md_runner_node_version(t->runner),
                               .signature = t->found->signature,
                               .note = note};
    md_report_markdown(&report, &text);
    bool ok = write_text(t, "report.md", &text, 0644);
    text.len = 0;
    md_report_script(&report, &text);
    ok = ok && write_text(t, "repro.sh", &text, 0755);
    md_transcript_free(&transcript);
    md_buf_free(&text);
    return ok;
}

static bool make_dir(struct triage *t, const char *kind) {
    free(t->dir);
    t->dir = md_path(t->settings->out, "%s/%s", kind, t->found->signature);
    return md_artifact_folder(t->dir, &t->why);
}

static void confirmed(struct triage *t, unsigned max_ms) {
    struct md_shrink_config config = {.max_ms = max_ms};
    struct md_shrink_result shrunk;
    struct md_page_triage *r = t->result;
    /* As found first: whatever happens while it is shrunk, this is there. */
    if (!make_dir(t, "divergences") || !write_trace(t, "trace")) {
        fail(t);
        return;
    }
    bool shows = md_shrink(t->runner, &t->trace, t->found->signature, &config, &shrunk);
    r->minimal = shows && shrunk.minimal;
    r->runs = shrunk.runs;
    r->ms = shrunk.ms;
    r->steps = shrunk.steps;
    r->commands = shrunk.commands;
    const char *note = !shows ? "It did not show every time: the trace is as it was found."
                       : !shrunk.minimal ? "There was no time to make it as short as it can be: "
                                           "`memdiverge shrink` goes on."
                                         : NULL;
    if (!write_trace(t, "shrunk.trace") || !write_up(t, note)) {
        fail(t);
        return;
    }
    char *doubt = md_path(t->settings->out, "unconfirmed/%s", t->found->signature);
    md_artifact_remove(doubt); /* of an earlier trace that did not do it again */
    free(doubt);
    r->outcome = MD_OUTCOME_CONFIRMED;
}

static void unconfirmed(struct triage *t) {
    static const char note[] =
        "It happened once and not again on a fresh node. `window/` holds the traces that ran on "
        "that node before it: `memdiverge replay window` runs them in order on one node.";
    struct md_buf report = {0};
    char *window = window_of(t->found);
    if (!make_dir(t, "unconfirmed") || !write_trace(t, "trace")) {
        fail(t);
    } else {
        char *to = md_path(t->dir, "window");
        md_artifact_remove(to);
        rename(window, to);
        free(to);
        md_buf_str(&report, "# ");
        md_signature_words(t->found->signature, &report);
        md_buf_printf(&report, "\n\n%s\n\n- signature: `%s`\n- version: memcached %s\n", note,
                      t->found->signature, md_runner_node_version(t->runner));
        if (write_text(t, "report.md", &report, 0644))
            t->result->outcome = MD_OUTCOME_UNCONFIRMED;
        else
            fail(t);
    }
    free(window);
    md_buf_free(&report);
}

static bool is_crash(const char *signature) { return strncmp(signature, "node.died", 9) == 0; }

static bool start(struct triage *t) {
    struct md_runner_config config;
    struct md_buf text = {0};
    const char *signature = t->found->signature;
    if (!md_artifact_read(t->found->path, MD_TRACE_FILE_MAX, &text, &t->why))
        return false;
    md_trace_parse_lenient(&t->trace, text.data, text.len);
    md_buf_free(&text);
    md_settings_runner(t->settings, &config);
    if (strncmp(signature, "node.hangs", 10) == 0 || strncmp(signature, "node.busy", 9) == 0)
        config.node.deadline_ms = HANG_DEADLINE_MS;
    t->runner = md_runner_new(&config, &t->why);
    return t->runner != NULL;
}

void md_triage(const struct md_settings *s, const struct md_found *f, unsigned max_ms,
               struct md_page_triage *result) {
    struct triage t = {.settings = s, .found = f, .result = result};
    struct md_verdict v = {0};
    bool again = false;
    *result = (struct md_page_triage){0};
    md_trace_init(&t.trace);
    if (!start(&t)) {
        fail(&t);
    } else {
        for (unsigned i = 0; i < TRIES && !again; i++)
            again = md_runner_confirm(t.runner, &t.trace, f->signature, &v);
        if (again || is_crash(f->signature))
            confirmed(&t, max_ms);
        else
            unconfirmed(&t);
    }
    md_verdict_free(&v);
    md_runner_free(t.runner);
    md_trace_free(&t.trace);
    md_buf_free(&t.why);
    free(t.dir);
}
