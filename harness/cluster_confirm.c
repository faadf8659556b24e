/* Cluster traces on fresh nodes; see cluster_confirm.h. */
#include "harness/cluster_confirm.h"

#include <string.h>

enum { MD_CONFIRM_RUNS = 5 };

bool md_cluster_is_measured(const char *kind) { return strncmp(kind, "blocks-", 7) == 0; }

bool md_cluster_is_about_time(const char *kind) {
    return md_cluster_is_measured(kind) || strstr(kind, ":timeout") != NULL;
}

static bool md_run_once(const struct md_cluster_config *config, const struct md_cluster_trace *t,
                        struct md_cluster_verdict *v) {
    struct md_cluster c = {.config = *config, .claim = -1};
    bool ok = md_cluster_run(&c, t, v);
    md_cluster_free(&c);
    return ok;
}

/* Drops what was measured and that `again` does not have; returns how many of them are left. */
static size_t md_keep_repeated(struct md_cluster_verdict *v,
                               const struct md_cluster_verdict *again) {
    size_t kept = 0, measured_left = 0;
    for (size_t i = 0; i < v->n_findings; i++) {
        bool measured = md_cluster_is_measured(v->findings[i].kind);
        if (measured && again && !md_cluster_found(again, v->findings[i].kind))
            continue;
        measured_left += measured;
        v->findings[kept++] = v->findings[i];
    }
    v->n_findings = kept;
    return measured_left;
}

bool md_cluster_run_fresh(const struct md_cluster_config *config, const struct md_cluster_trace *t,
                          struct md_cluster_verdict *v) {
    struct md_cluster_verdict again = {0};
    bool ok = md_run_once(config, t, v);
    for (unsigned i = 1; ok && i < MD_TIME_RUNS && md_keep_repeated(v, NULL); i++)
        if (md_run_once(config, t, &again))
            md_keep_repeated(v, &again);
    md_cluster_verdict_free(&again);
    return ok;
}

unsigned md_cluster_confirm(const struct md_cluster_config *config,
                            const struct md_cluster_trace *t, const char *kind) {
    struct md_cluster_verdict v = {0};
    bool measured = md_cluster_is_measured(kind);
    unsigned shown = 0, want = !measured && md_cluster_is_about_time(kind) ? 2 : 1;
    unsigned runs = measured ? 1 : MD_CONFIRM_RUNS, least = measured ? 1 : 2;
    for (unsigned i = 0; i < runs && (i < least || shown < want); i++)
        shown += md_cluster_run_fresh(config, t, &v) && md_cluster_found(&v, kind);
    md_cluster_verdict_free(&v);
    if (measured && shown) /* that one was made of several */
        shown = MD_TIME_RUNS;
    return shown < want ? 0 : shown;
}
