/* What fuzz_client does around its one check; see client_engine.h. */
#include "fuzz/client_engine.h"

#include "fuzz/alone.h"
#include "fuzz/arguments.h"
#include "harness/client_findings.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct md_client_engine {
    struct md_alone alone;
    struct md_cpu cpu;
    struct md_client_runner *runner;
    struct md_client_verdict verdict;
    struct md_client_findings findings;
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
    md_alone_begin(&e->alone, argc, argv);
    e->findings.dir = e->alone.settings.out;
    share_counters();
    return e;
}

static void start(struct md_client_engine *e) {
    struct md_client_config config = {0};
    struct md_settings *settings = &e->alone.settings;
    struct md_buf why = {0};
    int code;
    if (!md_settings_check(settings, &code, &why))
        md_give_up(md_buf_cstr(&why));
    if (!settings->binary)
        md_give_up("fuzz_client starts its own nodes: --node, not --connect");
    md_node_sweep();
    config.node.binary = settings->binary;
    config.node.cpu = md_cpu_claim(&e->cpu, NULL);
    config.node.unpinned = &e->cpu.before;
    config.strict = settings->oracle == MD_ORACLE_STRICT;
    e->runner = md_client_runner_new(&config, &why);
    if (!e->runner)
        md_give_up(md_buf_cstr(&why));
    fprintf(stderr, "%s\n", md_client_library());
    md_buf_free(&why);
}

/* By hand there is nobody to go on for: the first confirmed one ends it. */
static void tell_by_hand(const struct md_client_sequence *s, const struct md_client_verdict *v,
                         bool confirmed) {
    struct md_buf text = {0};
    md_client_report(s, v, &text);
    fprintf(stderr, "%s\n", md_buf_cstr(&text));
    md_buf_free(&text);
    if (!confirmed)
        return;
    fprintf(stderr, "Assertion failure: %s\n", v->signature);
    abort();
}

static void found(struct md_client_engine *e, struct md_client_sequence *s) {
    struct md_buf why = {0};
    struct md_client_verdict *v = &e->verdict;
    enum md_client_fate fate = md_client_found(&e->findings, e->runner, s, v, &why);
    if (fate == MD_CLIENT_NOT_WRITTEN)
        md_give_up(md_buf_cstr(&why));
    if (fate == MD_CLIENT_KNOWN_ALREADY)
        return;
    if (fate == MD_CLIENT_UNCONFIRMED)
        md_complain("unconfirmed: %s (once, and not again on fresh nodes)", v->signature);
    else
        md_complain("divergence: %s", v->signature);
    e->alone.divergences = md_client_found_count(&e->findings, true);
    e->alone.unconfirmed = md_client_found_count(&e->findings, false);
    if (!e->alone.settings.out)
        tell_by_hand(s, v, fate == MD_CLIENT_CONFIRMED);
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
    if (md_alone_is_over(&e->alone)) /* not exit: libFuzzer would call that a crash */
        _exit(md_client_engine_end(e));
}

static json_t *counts_json(const struct md_client_counts *c) {
    const struct md_client_fact *table;
    size_t n = md_client_facts(&table);
    json_t *known = json_object();
    for (size_t i = 0; i < n; i++) { /* a deviation may have several rows */
        json_int_t before = json_integer_value(json_object_get(known, table[i].id));
        if (table[i].kind == MD_CLIENT_DEVIATION)
            json_object_set_new(known, table[i].id, json_integer(before + (json_int_t)c->fired[i]));
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:o}", "library", md_client_library(), "sequences",
                     (json_int_t)c->sequences, "calls", (json_int_t)c->calls, "nodes",
                     (json_int_t)c->nodes_started, "ended_by_a_known_deviation",
                     (json_int_t)c->spoiled, "known", known);
}

int md_client_engine_end(struct md_client_engine *e) {
    static const struct md_client_counts none;
    if (!e)
        return MD_EXIT_AGREED;
    json_t *counts = counts_json(e->runner ? md_client_runner_counts(e->runner) : &none);
    md_client_runner_free(e->runner);
    if (e->runner)
        md_cpu_release(&e->cpu);
    md_client_findings_free(&e->findings);
    md_client_verdict_free(&e->verdict);
    int code = md_alone_end(&e->alone, "client", counts);
    free(e);
    return code;
}
