/* Campaigns of one process; see alone.h. */
#include "fuzz/alone.h"

#include "fuzz/arguments.h"
#include "harness/artifact.h"
#include "harness/interrupt.h"
#include "harness/now.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA = 1, SHOW_SECONDS = 5 };

static double seconds_since(uint64_t ns) { return (double)(md_now_ns() - ns) / 1e9; }

void md_alone_begin(struct md_alone *a, int argc, char **argv) {
    md_settings_init(&a->settings);
    a->settings.out = NULL;
    a->words = md_arguments_read(argc, argv, &a->settings);
    a->started_ns = a->shown_ns = md_now_ns();
    if (a->settings.out)
        md_interrupt_catch();
}

bool md_alone_is_over(struct md_alone *a) {
    uint64_t enough = a->settings.stop_after;
    a->inputs++;
    if (!a->settings.out)
        return false;
    if (seconds_since(a->shown_ns) >= SHOW_SECONDS) {
        a->shown_ns = md_now_ns();
        fprintf(stderr, "memdiverge: %.0f s  %llu inputs  divergences %zu, unconfirmed %zu\n",
                seconds_since(a->started_ns), (unsigned long long)a->inputs, a->divergences,
                a->unconfirmed);
    }
    return md_interrupted() || (enough && a->divergences >= enough);
}

/* False: it could not be written, and that was said. */
static bool summarize(const struct md_alone *a, const char *what, json_t *counts) {
    const struct md_settings *s = &a->settings;
    struct md_buf why = {0};
    char *path = md_path(s->out, "summary.json");
    json_t *all = json_pack("{s:i, s:s, s:f, s:I, s:I, s:I, s:o}", "schema", SCHEMA, "target", what,
                            "seconds", seconds_since(a->started_ns), "inputs",
                            (json_int_t)a->inputs, "divergences", (json_int_t)a->divergences,
                            "unconfirmed", (json_int_t)a->unconfirmed, "counts", counts);
    char *text = json_dumps(all, JSON_INDENT(2));
    bool ok = md_artifact_write(path, text, strlen(text), 0644, &why);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    if (s->json)
        puts(text);
    else
        printf("result: divergences=%zu unconfirmed=%zu inputs=%llu seconds=%.0f out=%s\n",
               a->divergences, a->unconfirmed, (unsigned long long)a->inputs,
               seconds_since(a->started_ns), s->out);
    fflush(stdout);
    free(text);
    free(path);
    json_decref(all);
    md_buf_free(&why);
    return ok;
}

int md_alone_end(struct md_alone *a, const char *what, json_t *counts) {
    bool ok = true;
    if (a->settings.out)
        ok = summarize(a, what, counts);
    else
        json_decref(counts);
    int code = a->divergences || a->unconfirmed ? MD_EXIT_DIVERGED
               : !ok                            ? MD_EXIT_FAILED
               : md_interrupted()               ? MD_EXIT_INTERRUPTED
                                                : MD_EXIT_AGREED;
    md_settings_free(&a->settings);
    free(a->words);
    return code;
}
