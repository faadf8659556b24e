/* What two nodes differ in, group by group; see versus_hunt.h. */
#include "harness/versus_hunt.h"

#include "harness/artifact.h"
#include "harness/interrupt.h"

#include <stdlib.h>

enum {
    SHRINK_MS = 30000, /* for one group */
    TRIES = 2,         /* pairs of new nodes on which it has to show again */
};

struct md_group *md_hunt_group(struct md_hunt *h, const char *signature) {
    size_t at = 0;
    while (at < h->n && strcmp(h->group[at].signature, signature) < 0)
        at++;
    if (at < h->n && strcmp(h->group[at].signature, signature) == 0)
        return &h->group[at];
    h->group = md_grow(h->group, &h->cap, h->n + 1, sizeof *h->group);
    memmove(h->group + at + 1, h->group + at, (h->n - at) * sizeof *h->group);
    h->n++;
    struct md_group *g = &h->group[at];
    *g = (struct md_group){.traces = 0};
    snprintf(g->signature, sizeof g->signature, "%s", signature);
    md_trace_init(&g->shrunk);
    return g;
}

void md_hunt_free(struct md_hunt *h) {
    for (size_t i = 0; i < h->n; i++) {
        free(h->group[i].path);
        md_trace_free(&h->group[i].shrunk);
        md_buf_free(&h->group[i].transcript);
    }
    free(h->group);
    md_buf_free(&h->why);
    *h = (struct md_hunt){0};
}

void md_hunt_nodes(const struct md_hunt_config *config, int cpu, const cpu_set_t *unpinned,
                   struct md_node_config out[MD_SIDES]) {
    for (unsigned i = 0; i < MD_SIDES; i++)
        out[i] = (struct md_node_config){.binary = config->settings[i]->binary,
                                         .cpu = cpu,
                                         .unpinned = cpu < 0 ? NULL : unpinned};
}

static void write_report(const struct md_hunt_config *c, const struct md_hunt *h,
                         const struct md_group *g, struct md_buf *out) {
    md_buf_printf(out,
                  "# %s\n\nTwo versions of memcached answer the same commands differently.\n\n",
                  g->signature);
    for (unsigned i = 0; i < MD_SIDES; i++)
        md_buf_printf(out, "- %c: memcached %s, `%s`\n", 'a' + (int)i, h->version[i],
                      c->settings[i]->binary);
    md_buf_str(out, "- options: `-t 1 -R 10000 -m 1024 -U 0 "
                    "-o no_lru_maintainer,no_lru_crawler,no_slab_reassign");
    for (size_t i = 0; i < g->shrunk.options.n_args; i++)
        md_buf_printf(out, " %s", g->shrunk.options.args[i]);
    md_buf_printf(out, "`\n- seen in %llu traces%s\n\n```\n", (unsigned long long)g->traces,
                  g->confirmed ? "" : ", but not again on new nodes");
    md_buf_append(out, g->transcript.data, g->transcript.len);
    md_buf_str(out, "```\n");
}

static bool write_group(const struct md_hunt_config *c, struct md_hunt *h, struct md_group *g,
                        const struct md_trace *found) {
    struct md_buf report = {0};
    char *dir = md_path(c->out, "differences/%s", g->signature);
    char *trace = md_path(dir, "trace"), *shrunk = md_path(dir, "shrunk.trace"),
         *text = md_path(dir, "report.md");
    write_report(c, h, g, &report);
    bool ok = md_artifact_folder(dir, &h->why) && md_artifact_trace(trace, found, &h->why) &&
              md_artifact_trace(shrunk, &g->shrunk, &h->why) &&
              md_artifact_write(text, report.data, report.len, 0644, &h->why);
    free(dir);
    free(trace);
    free(shrunk);
    free(text);
    md_buf_free(&report);
    return ok;
}

/* The pair, and either of them with itself. */
struct pairs {
    struct md_versus *both, *same[MD_SIDES];
};

/* Whether it shows every time, and no node differs from itself. */
static bool confirm(const struct pairs *p, const struct md_trace *t, const char *signature,
                    bool *steady) {
    struct md_versus_verdict verdict = {0};
    bool shows = true;
    for (int i = 0; i < TRIES && shows; i++)
        shows = md_versus_run(p->both, t, &verdict) == MD_DIVERGED &&
                strcmp(verdict.signature, signature) == 0;
    *steady = true;
    for (unsigned i = 0; i < MD_SIDES * TRIES && *steady; i++)
        *steady = md_versus_run(p->same[i % MD_SIDES], t, &verdict) != MD_DIVERGED;
    md_versus_verdict_free(&verdict);
    return shows;
}

/* Confirms, makes short, writes up. *steady false: nothing to tell. */
static bool look_into(const struct md_hunt_config *c, struct md_hunt *h, const struct pairs *p,
                      struct md_group *g, bool *steady) {
    struct md_versus_verdict verdict = {0};
    struct md_trace_error error;
    struct md_trace found;
    md_trace_init(&found);
    bool ok = md_trace_load(&found, g->path, &error);
    if (!ok)
        md_buf_printf(&h->why, "%s: %s", g->path, error.message);
    g->confirmed = ok && confirm(p, &found, g->signature, steady);
    if (ok && *steady) {
        md_trace_copy(&g->shrunk, &found);
        if (g->confirmed && !md_interrupted())
            md_versus_shrink(p->both, &g->shrunk, g->signature, SHRINK_MS);
        md_versus_run(p->both, &g->shrunk, &verdict);
        md_versus_print(p->both, &g->shrunk, &g->transcript);
        ok = write_group(c, h, g, &found);
    }
    md_trace_free(&found);
    md_versus_verdict_free(&verdict);
    return ok;
}

static void drop(struct md_hunt *h, size_t at) {
    struct md_group *g = &h->group[at];
    free(g->path);
    md_trace_free(&g->shrunk);
    md_buf_free(&g->transcript);
    memmove(g, g + 1, (--h->n - at) * sizeof *g);
    h->unsteady++;
}

static bool open_pairs(const struct md_hunt_config *c, int cpu, const cpu_set_t *unpinned,
                       struct pairs *p, struct md_buf *why) {
    struct md_node_config nodes[MD_SIDES];
    md_hunt_nodes(c, cpu, unpinned, nodes);
    p->both = md_versus_new(nodes, why);
    for (unsigned i = 0; i < MD_SIDES && p->both; i++) {
        struct md_node_config same[MD_SIDES] = {nodes[i], nodes[i]};
        p->same[i] = md_versus_new(same, why);
        if (!p->same[i])
            return false;
    }
    return p->both != NULL;
}

static bool look_into_all(const struct md_hunt_config *c, struct md_hunt *h) {
    struct md_cpu cpu = {0};
    struct pairs p = {0};
    int number = md_cpu_claim(&cpu, NULL);
    bool ok = open_pairs(c, number, &cpu.before, &p, &h->why);
    for (unsigned i = 0; ok && i < MD_SIDES; i++)
        snprintf(h->version[i], sizeof h->version[i], "%s", md_versus_version(p.both, i));
    for (size_t i = 0; ok && i < h->n;) {
        bool steady = true;
        ok = look_into(c, h, &p, &h->group[i], &steady);
        if (steady)
            i++;
        else
            drop(h, i);
    }
    md_versus_free(p.both);
    for (unsigned i = 0; i < MD_SIDES; i++)
        md_versus_free(p.same[i]);
    md_cpu_release(&cpu);
    return ok;
}

int md_hunt(const struct md_hunt_config *config, struct md_hunt *hunt) {
    char *found = md_path(config->out, "found");
    bool ok = md_artifact_folder(found, &hunt->why) && md_hunt_shares(config, hunt) &&
              look_into_all(config, hunt);
    md_artifact_remove(found);
    free(found);
    if (!ok)
        return MD_EXIT_FAILED;
    if (hunt->n)
        return MD_EXIT_DIVERGED;
    return md_interrupted() ? MD_EXIT_INTERRUPTED : MD_EXIT_AGREED;
}
