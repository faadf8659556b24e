/* What every libFuzzer target does around its one check; see engine.h. */
#include "fuzz/engine.h"

#include "fuzz/arguments.h"
#include "harness/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct md_engine {
    enum md_target target;
    struct md_settings settings;
    struct md_trace trace;
    struct md_worker *worker; /* in a campaign */
    struct md_runner *runner; /* by hand */
    struct md_verdict verdict;
    char *beside; /* owned: a memcached that lies beside us */
    char **words; /* owned: what the settings point into */
};

/* Where OSS-Fuzz keeps a second binary. */
static char *memcached_beside(void) {
    char self[4096];
    struct md_buf path = {0};
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    md_buf_printf(&path, "%s/__extra_build/memcached", self);
    if (access(md_buf_cstr(&path), X_OK) == 0)
        return (char *)path.data;
    md_buf_free(&path);
    return NULL;
}

struct md_engine *md_engine_new(enum md_target target, int argc, char **argv) {
    struct md_engine *e = md_calloc(1, sizeof *e);
    e->target = target;
    md_settings_init(&e->settings);
    md_trace_init(&e->trace);
    e->words = md_arguments_read(argc, argv, &e->settings);
    e->beside = memcached_beside();
    if (e->beside && !e->settings.node && !e->settings.connect && !getenv("MEMDIVERGE_NODE"))
        e->settings.node = e->beside;
    return e;
}

/* "FD,SLOT" from the supervisor; false: by hand. */
static bool start_worker(struct md_engine *e) {
    const char *env = getenv("MEMDIVERGE_WORKER");
    int fd, used = 0;
    unsigned slot;
    if (!env)
        return false;
    struct md_page *page = NULL;
    if (sscanf(env, "%d,%u%n", &fd, &slot, &used) == 2 && !env[used])
        page = md_page_attach(fd);
    if (!page || slot >= page->slots)
        md_give_up("this fuzz target and memdiverge are of different builds: build them again");
    /* Nobody else inherits the page: a node must not be able to write into it. */
    close(fd);
    unsetenv("MEMDIVERGE_WORKER");
    e->worker = md_worker_new(&e->settings, page, slot);
    if (!e->worker)
        _exit(MD_EXIT_FAILED); /* the slot's message says why */
    return true;
}

static void start(struct md_engine *e) {
    struct md_runner_config config;
    struct md_buf why = {0};
    int code;
    if (!md_settings_check(&e->settings, &code, &why))
        md_give_up(md_buf_cstr(&why));
    if (start_worker(e))
        return;
    md_node_sweep();
    md_settings_runner(&e->settings, &config);
    config.sweep = true;
    e->runner = md_runner_new(&config, &why);
    if (!e->runner)
        md_give_up(md_buf_cstr(&why));
    md_buf_free(&why);
}

/* A sanitizer's report is the better message: its frames are what a bucket is made of. */
static bool is_sanitizer_report(struct md_buf *text) {
    const char *s = md_buf_cstr(text);
    return strstr(s, "Sanitizer:") || strstr(s, "runtime error:");
}

static void run_by_hand(struct md_engine *e) {
    struct md_verdict *v = &e->verdict;
    enum md_verdict_kind kind = md_runner_run(e->runner, &e->trace, v);
    char signature[MD_SIGNATURE_MAX];
    if (kind == MD_FAILED)
        md_give_up(md_buf_cstr(&v->reason));
    if (kind != MD_DIVERGED)
        return;
    snprintf(signature, sizeof signature, "%s", v->signature);
    if (is_sanitizer_report(&v->stderr_tail)) {
        fprintf(stderr, "%s\n", md_buf_cstr(&v->stderr_tail));
        abort();
    }
    if (v->in_sweep)
        md_runner_extend(e->runner, &e->trace);
    if (v->node != MD_NODE_DIED && !md_runner_confirm(e->runner, &e->trace, signature, v)) {
        md_complain("unconfirmed: %s (once, and not again on a fresh node)", signature);
        return;
    }
    fprintf(stderr, "Assertion failure: %s\n", signature);
    abort();
}

void md_engine_run(struct md_engine *e, const uint8_t *data, size_t size) {
    if (!e->worker && !e->runner)
        start(e);
    md_trace_parse_lenient(&e->trace, data, size);
    if (!e->worker) {
        md_settings_apply(&e->settings, &e->trace);
        run_by_hand(e);
        return;
    }
    enum md_worker_next next = md_worker_run(e->worker, &e->trace, e->target, data, size);
    if (next == MD_WORKER_GO_ON)
        return;
    md_worker_free(e->worker);
    _exit(next == MD_WORKER_DONE ? MD_EXIT_AGREED : MD_EXIT_FAILED);
}

void md_engine_free(struct md_engine *e) {
    if (!e)
        return;
    md_worker_free(e->worker);
    md_runner_free(e->runner);
    md_verdict_free(&e->verdict);
    md_trace_free(&e->trace);
    md_settings_free(&e->settings);
    free(e->beside);
    free(e->words);
    free(e);
}
