/* Becoming a fuzz target; see campaign_alone.h. */
#include "harness/campaign_alone.h"

#include "harness/artifact.h"
#include "harness/campaign.h"
#include "harness/client_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

enum { CALLS_MAX = 64 * 1024 };

struct words {
    char *at[48]; /* owned, NULL behind the last */
    size_t n;
};

__attribute__((format(printf, 2, 3))) static void add(struct words *w, const char *fmt, ...) {
    va_list args;
    char *word;
    va_start(args, fmt);
    if (vasprintf(&word, fmt, args) < 0)
        abort();
    va_end(args);
    w->at[w->n++] = word;
}

/* One listing of calls as the bytes of an input. */
static bool sow(const char *calls, const char *corpus, struct md_buf *why) {
    struct md_buf text = {0}, bytes = {0};
    struct md_client_sequence s;
    size_t line;
    const char *name = strrchr(calls, '/') + 1;
    char *path = md_path(corpus, "%.*s", (int)strcspn(name, "."), name);
    bool ok = md_artifact_read(calls, CALLS_MAX, &text, why);
    if (ok && !md_client_parse(&s, md_buf_cstr(&text), text.len, &line)) {
        md_buf_printf(why, "%s:%zu: not a call that memdiverge knows", calls, line);
        ok = false;
    }
    if (ok) {
        md_client_encode(&s, &bytes);
        ok = md_artifact_write(path, bytes.data, bytes.len, 0644, why);
    }
    free(path);
    md_buf_free(&text);
    md_buf_free(&bytes);
    return ok;
}

static bool sow_client(const char *data, const char *corpus, struct md_buf *why) {
    char *pattern = md_path(data, "client/*.calls");
    glob_t g = {0};
    bool ok = true;
    if (glob(pattern, 0, NULL, &g) == 0)
        for (size_t i = 0; ok && i < g.gl_pathc; i++)
            ok = sow(g.gl_pathv[i], corpus, why);
    globfree(&g);
    free(pattern);
    return ok;
}

static bool make_folders(const struct md_settings *s, const char *corpus, struct md_buf *why) {
    char *crashed = md_path(s->out, "crashed"), *data = md_fuzzer_data();
    bool ok = md_artifact_folder(corpus, why) && md_artifact_folder(crashed, why);
    if (ok && data && strcmp(s->alone, "client") == 0)
        ok = sow_client(data, corpus, why);
    free(crashed);
    free(data);
    return ok;
}

static void add_dictionary(struct words *w, const char *target) {
    char *data = md_fuzzer_data();
    char *path = data ? md_path(data, "dictionaries/%s.dict", target) : NULL;
    if (path && access(path, R_OK) == 0)
        add(w, "-dict=%s", path);
    free(path);
    free(data);
}

/* libFuzzer's own words, then ours behind -ignore_remaining_args. */
static void say(const struct md_settings *s, const char *program, const char *corpus,
                struct words *w) {
    /* In fuzz_placement the library is a part of the program: if it crashes, that is a finding. */
    int crash = strcmp(s->alone, "placement") == 0 ? MD_EXIT_DIVERGED : MD_EXIT_FAILED;
    struct md_buf ours = {0};
    add(w, "%s", program);
    add(w, "-seed=%llu", (unsigned long long)(s->seed % 0xffffffff + 1));
    add(w, "-max_len=2048");
    add(w, "-timeout=120");
    add(w, "-rss_limit_mb=4096");
    add(w, "-verbosity=0");
    add(w, "-print_funcs=0");
    add(w, "-detect_leaks=0");
    add(w, "-handle_int=0");
    add(w, "-handle_term=0");
    add(w, "-error_exitcode=%d", crash);
    add(w, "-timeout_exitcode=%d", MD_EXIT_FAILED);
    add(w, "-artifact_prefix=%s/crashed/", s->out);
    if (s->seconds)
        add(w, "-max_total_time=%llu", (unsigned long long)s->seconds);
    if (s->runs)
        add(w, "-runs=%llu", (unsigned long long)s->runs);
    add_dictionary(w, s->alone);
    add(w, "%s", corpus);
    add(w, "-ignore_remaining_args=1");
    md_settings_words(s, &ours);
    for (size_t at = 0; at < ours.len; at += strlen((char *)ours.data + at) + 1)
        add(w, "%s", (char *)ours.data + at);
    if (s->stop_after)
        add(w, "--stop-after=%llu", (unsigned long long)s->stop_after);
    if (s->json)
        add(w, "--json");
    md_buf_free(&ours);
}

/* Returns if it could not. */
static void become(const struct md_settings *s, const char *program, const char *corpus) {
    struct words w = {0};
    say(s, program, corpus, &w);
    fprintf(s->json ? stderr : stdout, "memdiverge: oracle %s, target %s, seed %llu, out %s%s\n",
            md_oracle_name(s->oracle), s->alone, (unsigned long long)s->seed, s->out,
            s->seconds || s->runs || s->stop_after ? "" : "; until Ctrl-C");
    fflush(NULL);
    execv(program, w.at);
    md_complain("cannot start %s: %s", program, strerror(errno));
    for (size_t i = 0; i < w.n; i++)
        free(w.at[i]);
}

int md_campaign_alone(struct md_settings *s) {
    struct md_buf why = {0};
    char *program = md_fuzzer_find(s->alone), *corpus = NULL;
    int lock = -1, code = MD_EXIT_FAILED;
    s->out = s->out ? s->out : "memdiverge-out";
    enum md_lock locked = MD_LOCK_FAILED;
    if (!program)
        md_buf_printf(&why, "fuzz_%s is not there: it is built with clang (scripts/fuzz does it)",
                      s->alone);
    else
        locked = md_artifact_lock(s->out, &lock, &why);
    if (locked == MD_LOCK_BUSY || locked == MD_LOCK_FOREIGN)
        code = MD_EXIT_USAGE;
    if (locked == MD_LOCK_TAKEN) {
        if (!s->has_seed && getrandom(&s->seed, sizeof s->seed, 0) == sizeof s->seed)
            s->seed %= 1000000000; /* short enough to be typed again */
        corpus = md_path(s->out, "corpus/%s", s->alone);
        fcntl(lock, F_SETFD, 0); /* held by what we become */
        if (make_folders(s, corpus, &why))
            become(s, program, corpus);
        close(lock);
    }
    if (why.len)
        md_complain("%s", md_buf_cstr(&why));
    free(corpus);
    free(program);
    md_buf_free(&why);
    return code;
}
