/* Running calls of a file; see client_replay.h. */
#include "harness/client_replay.h"

#include "harness/artifact.h"
#include "harness/client_run.h"

#include <stdio.h>
#include <stdlib.h>

enum { FILE_MAX = 64 * 1024 };

struct replay {
    const struct md_settings *s;
    const char *file;
    struct md_client_runner *runner;
    struct md_client_sequence calls;
    struct md_client_verdict verdict;
    struct md_client_counts before;
    const char *known; /* id of the first deviation that explained it; NULL: none */
};

bool md_client_is_calls(const char *file) {
    const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
    size_t n = strlen(name);
    return strcmp(name, "calls") == 0 || (n > 6 && strcmp(name + n - 6, ".calls") == 0);
}

/* 0, or the exit code; said. */
static int load(struct replay *r) {
    struct md_buf text = {0}, why = {0};
    size_t line = 0;
    int code = MD_EXIT_AGREED;
    if (!md_artifact_read(r->file, FILE_MAX, &text, &why)) {
        md_complain("%s", md_buf_cstr(&why));
        code = MD_EXIT_USAGE;
    } else if (!md_client_parse(&r->calls, md_buf_cstr(&text), text.len, &line)) {
        md_complain("%s:%zu: expected one of the calls that memdiverge makes, as in corpus/client",
                    r->file, line);
        code = MD_EXIT_USAGE;
    }
    md_buf_free(&text);
    md_buf_free(&why);
    return code;
}

static bool has_fired(const struct replay *r, size_t row, const struct md_client_fact *table) {
    const struct md_client_counts *now = md_client_runner_counts(r->runner);
    return table[row].kind == MD_CLIENT_DEVIATION && now->fired[row] > r->before.fired[row];
}

/* The deviations that explained it: said, and switched off for another run. How many. */
static size_t tell_known(struct replay *r) {
    const struct md_client_fact *table;
    size_t n = md_client_facts(&table), known = 0;
    bool *off = md_client_runner_config(r->runner)->off;
    bool fired[MD_CLIENT_FACTS_MAX] = {false};
    for (size_t i = 0; i < n; i++)
        fired[i] = has_fired(r, i, table);
    for (size_t i = 0; i < n; i++) {
        if (!fired[i] || off[i])
            continue;
        printf("%s: %s (known): %s\n    contradicts %s\n", r->file, table[i].id, table[i].sentence,
               table[i].source);
        known++;
        r->known = r->known ? r->known : table[i].id;
        for (size_t k = 0; k < n; k++)
            off[k] |= strcmp(table[k].id, table[i].id) == 0;
    }
    return known;
}

static void print_report(const struct replay *r) {
    struct md_buf text = {0};
    md_client_report(&r->calls, &r->verdict, &text);
    fwrite(text.data, 1, text.len, stdout);
    md_buf_free(&text);
}

/* Returns the exit code. */
static int judge(struct replay *r) {
    enum md_client_verdict_kind kind = md_client_run(r->runner, &r->calls, &r->verdict);
    if (kind == MD_CLIENT_FAILED) {
        md_complain("%s: %s", r->file, md_buf_cstr(&r->verdict.observed));
        return MD_EXIT_FAILED;
    }
    if (kind == MD_CLIENT_DIVERGED) {
        printf("%s: call %zu: %s\n", r->file, r->verdict.call + 1, r->verdict.signature);
        print_report(r);
        return MD_EXIT_DIVERGED;
    }
    if (!tell_known(r)) {
        printf("%s: nothing diverged\n", r->file);
        return MD_EXIT_AGREED;
    }
    /* What explains it is off now: this run shows what the client does. */
    if (md_client_run(r->runner, &r->calls, &r->verdict) == MD_CLIENT_DIVERGED)
        print_report(r);
    return r->s->oracle == MD_ORACLE_STRICT ? MD_EXIT_DIVERGED : MD_EXIT_AGREED;
}

static bool write_program(const struct replay *r, const char *path) {
    struct md_buf text = {0}, why = {0};
    const char *signature = *r->verdict.signature ? r->verdict.signature : "nothing that diverges";
    md_client_print_program(&r->calls, r->known ? r->known : signature, &text);
    bool ok = md_artifact_write(path, text.data, text.len, 0644, &why);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    md_buf_free(&text);
    md_buf_free(&why);
    return ok;
}

int md_client_replay(const struct md_settings *s, const char *file, const char *repro) {
    struct replay *r = md_calloc(1, sizeof *r);
    struct md_client_config config = {.node = {.binary = s->binary, .cpu = -1}};
    struct md_buf why = {0};
    *r = (struct replay){.s = s, .file = file};
    int code = load(r);
    if (!code && !(r->runner = md_client_runner_new(&config, &why))) {
        md_complain_node(s, &why);
        code = MD_EXIT_FAILED;
    }
    if (!code) {
        r->before = *md_client_runner_counts(r->runner);
        code = judge(r);
        if (repro && !write_program(r, repro))
            code = MD_EXIT_FAILED;
    }
    md_client_runner_free(r->runner);
    md_client_verdict_free(&r->verdict);
    md_buf_free(&why);
    free(r);
    return code;
}
