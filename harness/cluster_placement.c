/* memdiverge cluster --placement: model against library, the spread, and other clients. */
#include "harness/cluster_placement.h"

#include "harness/artifact.h"
#include "harness/clients.h"
#include "harness/generate.h"
#include "harness/placement_compare.h"
#include "harness/settings.h"
#include "harness/spread.h"

#include <stdio.h>
#include <stdlib.h>

enum { SCHEMA = 1, CASES = 2000, CASE_BYTES = 400, FLEET_NODES = 4, FLEET_KEYS = 10000 };

/* The first disagreement of each signature, made small. */
struct agreement {
    struct md_compared count;
    struct md_disagreement *found;
    size_t n, cap;
};

static bool is_new(const struct agreement *a, const struct md_disagreement *d) {
    for (size_t i = 0; i < a->n; i++) {
        const struct md_disagreement *f = &a->found[i];
        if (f->known == d->known &&
            (d->known || (f->c.reach == d->c.reach &&
                          f->c.settings.distribution == d->c.settings.distribution)))
            return false;
    }
    return true;
}

static void keep(struct agreement *a, struct md_disagreement *d) {
    if (!is_new(a, d))
        return;
    md_disagreement_shrink(md_side_library(), d);
    if (a->n == a->cap)
        a->found = md_grow(a->found, &a->cap, a->n + 1, sizeof *a->found);
    a->found[a->n++] = *d;
    for (size_t i = 0; i < a->n; i++) /* they may have moved */
        if (a->found[i].c.settings.prefix)
            a->found[i].c.settings.prefix = a->found[i].c.prefix;
}

/* Cases at random; every way to reach them is one of their settings. */
static void compare(struct agreement *a, size_t cases, uint64_t seed) {
    const struct md_other_side *library = md_side_library();
    struct md_random random;
    md_random_seed(&random, seed);
    for (size_t i = 0; i < cases; i++) {
        uint8_t bytes[CASE_BYTES];
        struct md_placement_case c;
        struct md_keys keys = {0};
        struct md_disagreement d;
        for (size_t j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)md_random_next(&random);
        md_placement_case_read(bytes, sizeof bytes, &c, &keys);
        if (md_placement_compare(library, &c, &keys, &a->count, &d))
            keep(a, &d);
        else if (md_placement_known(library, &c, &keys, &d))
            keep(a, &d);
        md_keys_free(&keys);
    }
}

static bool any_news(const struct agreement *a) {
    for (size_t i = 0; i < a->n; i++)
        if (!a->found[i].known)
            return true;
    return false;
}

/* ---- telling --------------------------------------------------------------------------------- */

static void print_agreement(const struct agreement *a, struct md_buf *out) {
    uint64_t known = 0;
    for (int d = 0; d < MD_DEVIATIONS; d++)
        known += a->count.known[d];
    md_buf_printf(out,
                  "Model against libmemcached: %llu placements, %llu the same, %llu in known "
                  "deviations\n\n",
                  (unsigned long long)a->count.placements, (unsigned long long)a->count.agreed,
                  (unsigned long long)known);
    for (size_t i = 0; i < a->n; i++) {
        const struct md_disagreement *d = &a->found[i];
        md_buf_printf(out, "%s ", d->known ? "known " : "BROKEN");
        md_disagreement_print(d, out);
        if (d->known)
            md_buf_printf(out, "  %s\n", md_deviation_sentence(d->known));
        md_buf_str(out, "\n");
    }
}

static json_t *agreement_json(const struct agreement *a) {
    json_t *found = json_array();
    for (size_t i = 0; i < a->n; i++) {
        struct md_buf signature = {0}, text = {0};
        md_disagreement_signature(&a->found[i], &signature);
        md_disagreement_print(&a->found[i], &text);
        /* What the library is given may be any bytes: those that are not UTF-8 are left to the
         * text. */
        json_t *shown = json_string(md_buf_cstr(&text));
        json_array_append_new(found,
                              json_pack("{s:s, s:b, s:o}", "signature", md_buf_cstr(&signature),
                                        "known", a->found[i].known != MD_DEVIATION_NONE, "example",
                                        shown ? shown : json_null()));
        md_buf_free(&signature);
        md_buf_free(&text);
    }
    return json_pack("{s:I, s:I, s:I, s:o}", "placements", (json_int_t)a->count.placements,
                     "agreed", (json_int_t)a->count.agreed, "refused", (json_int_t)a->count.refused,
                     "disagreements", found);
}

static bool draw(const struct md_spread *s, const char *folder) {
    struct md_buf why = {0};
    bool ok = md_artifact_folder(folder, &why) && md_spread_draw(s, folder, &why);
    if (!ok)
        md_complain("%s", md_buf_cstr(&why));
    md_buf_free(&why);
    return ok;
}

static void tell(const struct agreement *a, const struct md_spread *s, const struct md_fleet *f,
                 bool json) {
    struct md_buf out = {0};
    if (json) {
        json_t *all =
            json_pack("{s:i, s:o, s:o, s:o}", "schema", SCHEMA, "library", agreement_json(a),
                      "spread", md_spread_json(s), "clients", md_fleet_json(f));
        char *text = json_dumps(all, JSON_INDENT(2));
        puts(text);
        free(text);
        json_decref(all);
        return;
    }
    print_agreement(a, &out);
    md_spread_print(s, &out);
    md_buf_str(&out, "\n");
    md_fleet_print(f, &out);
    fwrite(out.data, 1, out.len, stdout);
    md_buf_free(&out);
}

int md_cluster_placement(const struct md_cluster_placement_options *o) {
    struct agreement a = {.n = 0};
    struct md_spread s;
    struct md_fleet f;
    compare(&a, o->cases ? o->cases : CASES, o->seed);
    md_spread_measure(&s, o->keys ? o->keys : MD_SPREAD_KEYS, o->seed);
    md_fleet_measure(&f, FLEET_NODES, FLEET_KEYS);
    tell(&a, &s, &f, o->json);
    int code = any_news(&a) || md_spread_news(&s) ? MD_EXIT_DIVERGED : MD_EXIT_AGREED;
    if (o->svg && !draw(&s, o->svg) && code == MD_EXIT_AGREED)
        code = MD_EXIT_FAILED;
    md_spread_free(&s);
    free(a.found);
    return code;
}
