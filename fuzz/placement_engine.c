/* What fuzz_placement does around its one check; see placement_engine.h. */
#include "fuzz/placement_engine.h"

#include "fuzz/alone.h"
#include "fuzz/arguments.h"
#include "harness/artifact.h"
#include "harness/placement_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SEEN_MAX = 256, SIGNATURE = 96 };

struct md_placement_engine {
    struct md_alone alone;
    struct md_compared count;
    char seen[SEEN_MAX][SIGNATURE];
    size_t n_seen;
};

struct md_placement_engine *md_placement_engine_new(int argc, char **argv) {
    struct md_placement_engine *e = md_calloc(1, sizeof *e);
    md_alone_begin(&e->alone, argc, argv);
    return e;
}

/* True: for the first time. */
static bool is_new(struct md_placement_engine *e, const char *signature) {
    for (size_t i = 0; i < e->n_seen; i++)
        if (strcmp(e->seen[i], signature) == 0)
            return false;
    if (e->n_seen < SEEN_MAX)
        snprintf(e->seen[e->n_seen++], SIGNATURE, "%s", signature);
    return true;
}

static void save(const struct md_placement_engine *e, const char *signature, const uint8_t *data,
                 size_t size, const struct md_disagreement *d) {
    struct md_buf text = {0}, why = {0};
    char *folder = md_path(e->alone.settings.out, "divergences/%s", signature);
    char *input = md_path(folder, "input"), *report = md_path(folder, "report.txt");
    md_disagreement_print(d, &text);
    if (!md_artifact_folder(folder, &why) || !md_artifact_write(input, data, size, 0644, &why) ||
        !md_artifact_write(report, text.data, text.len, 0644, &why))
        md_give_up(md_buf_cstr(&why));
    free(report);
    free(input);
    free(folder);
    md_buf_free(&text);
    md_buf_free(&why);
}

/* No confirmation: the same bytes are the same placement. */
static void found(struct md_placement_engine *e, const uint8_t *data, size_t size,
                  struct md_disagreement *d) {
    struct md_buf signature = {0}, text = {0};
    md_disagreement_signature(d, &signature);
    const char *id = md_buf_cstr(&signature);
    if (is_new(e, id)) {
        e->alone.divergences++;
        if (e->alone.settings.out)
            save(e, id, data, size, d);
        md_disagreement_shrink(md_side_library(), d);
        if (e->alone.settings.out) {
            save(e, id, data, size, d);
            md_complain("divergence: %s", id);
        } else {
            md_disagreement_print(d, &text);
            printf("%s\nAssertion failure: %s\n", md_buf_cstr(&text), id);
            fflush(stdout);
            abort();
        }
    }
    md_buf_free(&signature);
    md_buf_free(&text);
}

void md_placement_engine_run(struct md_placement_engine *e, const uint8_t *data, size_t size) {
    const struct md_other_side *library = md_side_library();
    struct md_placement_case c;
    struct md_keys keys = {0};
    struct md_disagreement d;
    bool strict = e->alone.settings.oracle == MD_ORACLE_STRICT;
    md_placement_case_read(data, size, &c, &keys);
    if (md_placement_compare(library, &c, &keys, &e->count, &d) ||
        (strict && md_placement_known(library, &c, &keys, &d)))
        found(e, data, size, &d);
    md_keys_free(&keys);
    if (md_alone_is_over(&e->alone)) /* not exit: libFuzzer would call that a crash */
        _exit(md_placement_engine_end(e));
}

int md_placement_engine_end(struct md_placement_engine *e) {
    if (!e)
        return MD_EXIT_AGREED;
    json_t *counts =
        json_pack("{s:I, s:I, s:I}", "placements", (json_int_t)e->count.placements, "agreed",
                  (json_int_t)e->count.agreed, "refused", (json_int_t)e->count.refused);
    int code = md_alone_end(&e->alone, "placement", counts);
    free(e);
    return code;
}
