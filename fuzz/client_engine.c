/* What fuzz_client does around its one check; see client_engine.h. */
#include "fuzz/client_engine.h"

#include "fuzz/arguments.h"
#include "harness/client_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SEEN_MAX = 512 };

struct md_client_engine {
    struct md_settings settings;
    char **words; /* owned: what the settings point into */
    struct md_cpu cpu;
    struct md_client_runner *runner;
    struct md_client_verdict verdict;
    char seen[SEEN_MAX][MD_CLIENT_SIGNATURE_MAX];
    size_t n_seen;
};

/*
 * libFuzzer's counters of this program. The client runs in a child: only if the two share the pages
 * of the counters does the engine see which paths of libmemcached an input took. Pages at both ends
 * hold something else too and stay as they are.
 */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
extern char __start___sancov_cntrs[] __attribute__((weak));
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
extern char __stop___sancov_cntrs[] __attribute__((weak));

static void share_counters(void) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), all = 0, n;
    char *from = __start___sancov_cntrs, *kept;
    if (!from)
        return;
    all = (size_t)(__stop___sancov_cntrs - from);
    size_t lead = (page - (uintptr_t)from % page) % page;
    if (all < lead + page)
        return;
    from += lead;
    n = (all - lead) / page * page;
    kept = md_alloc(n);
    memcpy(kept, from, n);
    if (mmap(from, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        abort(); /* nothing is mapped there any more */
    memcpy(from, kept, n);
    free(kept);
}

struct md_client_engine *md_client_engine_new(int argc, char **argv) {
    struct md_client_engine *e = md_calloc(1, sizeof *e);
    md_settings_init(&e->settings);
    e->settings.out = NULL;
    e->words = md_arguments_read(argc, argv, &e->settings);
    share_counters();
    return e;
}

static void start(struct md_client_engine *e) {
    struct md_client_config config = {0};
    struct md_buf why = {0};
    int code;
    if (!md_settings_check(&e->settings, &code, &why))
        md_give_up(md_buf_cstr(&why));
    if (!e->settings.binary)
        md_give_up("fuzz_client starts its own nodes: --node, not --connect");
    md_node_sweep();
    config.node.binary = e->settings.binary;
    config.node.cpu = md_cpu_claim(&e->cpu, NULL);
    config.node.unpinned = &e->cpu.before;
    config.strict = e->settings.oracle == MD_ORACLE_STRICT;
    e->runner = md_client_runner_new(&config, &why);
    if (!e->runner)
        md_give_up(md_buf_cstr(&why));
    fprintf(stderr, "%s\n", md_client_library());
    md_buf_free(&why);
}

/* Whether the signature was seen before; if not, it now was. */
static bool is_known(struct md_client_engine *e, const char *signature) {
    for (size_t i = 0; i < e->n_seen; i++)
        if (strcmp(e->seen[i], signature) == 0)
            return true;
    if (e->n_seen < SEEN_MAX)
        snprintf(e->seen[e->n_seen++], MD_CLIENT_SIGNATURE_MAX, "%s", signature);
    return false;
}

static void found(struct md_client_engine *e, struct md_client_sequence *s) {
    char signature[MD_CLIENT_SIGNATURE_MAX];
    struct md_buf text = {0};
    snprintf(signature, sizeof signature, "%s", e->verdict.signature);
    if (is_known(e, signature))
        return;
    if (!md_client_confirm(e->runner, s, signature, &e->verdict)) {
        md_complain("unconfirmed: %s (once, and not again on a fresh node)", signature);
        return;
    }
    md_client_shrink(e->runner, s, &e->verdict);
    if (e->settings.out) {
        if (!md_client_save(e->settings.out, s, &e->verdict, &text))
            md_give_up(md_buf_cstr(&text));
        md_complain("divergence: %s", signature);
        md_buf_free(&text);
        return;
    }
    md_client_report(s, &e->verdict, &text);
    fprintf(stderr, "%s\nAssertion failure: %s\n", md_buf_cstr(&text), signature);
    abort();
}

void md_client_engine_run(struct md_client_engine *e, const uint8_t *data, size_t size) {
    struct md_client_sequence s;
    if (!e->runner)
        start(e);
    md_client_decode(&s, data, size);
    enum md_client_verdict_kind kind = md_client_run(e->runner, &s, &e->verdict);
    if (kind == MD_CLIENT_FAILED)
        md_give_up(md_buf_cstr(&e->verdict.observed));
    if (kind == MD_CLIENT_DIVERGED)
        found(e, &s);
}

static void say_counts(const struct md_client_counts *c) {
    const struct md_client_fact *table;
    size_t n = md_client_facts(&table);
    fprintf(stderr, "%llu sequences, %llu calls, %llu nodes; %llu ended by a known deviation\n",
            (unsigned long long)c->sequences, (unsigned long long)c->calls,
            (unsigned long long)c->nodes_started, (unsigned long long)c->spoiled);
    for (size_t i = 0; i < n; i++)
        if (table[i].kind == MD_CLIENT_DEVIATION)
            fprintf(stderr, "%10llu %s\n", (unsigned long long)c->fired[i], table[i].id);
}

void md_client_engine_free(struct md_client_engine *e) {
    if (!e)
        return;
    if (e->runner && e->settings.out)
        say_counts(md_client_runner_counts(e->runner));
    md_client_runner_free(e->runner);
    if (e->runner)
        md_cpu_release(&e->cpu);
    md_client_verdict_free(&e->verdict);
    md_settings_free(&e->settings);
    free(e->words);
    free(e);
}
