/* memdiverge cluster: several nodes and a libmemcached client over them. */
#include "harness/cluster_campaign.h"
#include "harness/cluster_endpoint.h"
#include "harness/cluster_placement.h"
#include "harness/cmd.h"

#include <stdlib.h>

struct cluster {
    struct md_settings settings;
    struct md_cluster_wish wish;
    char **files;
    size_t n_files;
    const char *endpoint, *repro;
    bool placement;
    struct md_cluster_placement_options without;
};

enum {
    KEY_NODES = 0x300,
    KEY_DISTRIBUTION,
    KEY_HASH,
    KEY_ENDPOINT,
    KEY_PLACEMENT,
    KEY_REPRO,
    KEY_SVG,
    KEY_KEYS,
    KEY_CASES
};

static void set_distribution(struct argp_state *state, struct md_cluster_wish *w, const char *id) {
    if (!md_distribution_find(id, &w->distribution) || w->distribution > MD_DIST_VIRTUAL_BUCKET)
        argp_error(state,
                   "--distribution is modula, consistent, ketama-weighted, ketama-spy or "
                   "virtual-bucket, not '%s'",
                   id);
    w->has_distribution = true;
}

static void set_hash(struct argp_state *state, struct md_cluster_wish *w, const char *id) {
    if (!md_key_hash_find(id, &w->hash))
        argp_error(state, "--hash: libmemcached has no hash '%s'", id);
    w->has_hash = true;
}

static error_t parse(int key, char *word, struct argp_state *state) {
    struct cluster *c = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = &c->settings; return 0;
    case KEY_NODES:
        c->wish.nodes =
            (unsigned)md_settings_number(state, "--nodes", word, 1, MD_CLUSTER_NODES_MAX);
        return 0;
    case KEY_DISTRIBUTION: set_distribution(state, &c->wish, word); return 0;
    case KEY_HASH: set_hash(state, &c->wish, word); return 0;
    case KEY_ENDPOINT: c->endpoint = word; return 0;
    case KEY_REPRO: c->repro = word; return 0;
    case KEY_PLACEMENT: c->placement = true; return 0;
    case KEY_SVG: c->without.svg = word; return 0;
    case KEY_KEYS:
        c->without.keys = md_settings_number(state, "--keys", word, 1, 100000000);
        return 0;
    case KEY_CASES:
        c->without.cases = md_settings_number(state, "--cases", word, 1, 1000000000);
        return 0;
    case ARGP_KEY_ARGS:
        c->files = state->argv + state->next;
        c->n_files = (size_t)(state->argc - state->next);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The cluster:", 5},
    {"nodes", KEY_NODES, "N", 0, "how many nodes (default: 1 to 5, by chance)", 5},
    {"distribution", KEY_DISTRIBUTION, "ID", 0, "only this one (default: all by turns)", 5},
    {"hash", KEY_HASH, "ID", 0, "only this hash (default: all by turns)", 5},
    {"config-endpoint", KEY_ENDPOINT, "HOST:PORT", 0,
     "follow an ElastiCache configuration endpoint for --time seconds (default: one look) and "
     "check its nodes, if all are on this machine",
     5},
    {"repro", KEY_REPRO, "FILE", 0,
     "with one trace: also write it as a C program that needs only libmemcached and memcached", 5},
    {0, 0, 0, 0, "Placement alone, without nodes:", 6},
    {"placement", KEY_PLACEMENT, 0, 0,
     "where keys live: model against library, and how evenly and stably they spread", 6},
    {"svg", KEY_SVG, "DIR", 0, "also pictures", 6},
    {"keys", KEY_KEYS, "N", 0, "keys of the statistics", 6},
    {"cases", KEY_CASES, "N", 0, "random cases for model against library", 6},
    {0},
};

/* Ways that need none of the nodes that the campaign starts. */
static int run_without_nodes(struct cluster *c) {
    const struct md_settings *s = &c->settings;
    if (c->endpoint)
        return md_cluster_follow(c->endpoint, &c->wish, s->seed, s->seconds);
    c->without.json = s->json;
    c->without.seed = s->has_seed ? s->seed : 1;
    return md_cluster_placement(&c->without);
}

int md_cmd_cluster(int argc, char **argv) {
    static const struct argp_child children[] = {
        {&md_settings_node_argp, 0, NULL, 0}, {&md_settings_campaign_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[FILE...]",
        .doc = "Starts several nodes and drives them through libmemcached: where keys go, what a "
               "client sees when nodes fail, come back, are added or replaced. With FILEs, runs "
               "these cluster traces instead and says what each shows.",
        .children = children};
    struct cluster c = {.files = NULL};
    md_settings_init(&c.settings);
    md_settings_parse(&argp, argc, argv, &c);
    int code = 0;
    if (c.endpoint || c.placement)
        code = run_without_nodes(&c);
    else if (!(code = md_settings_ready(&c.settings))) {
        md_node_sweep();
        code = c.n_files ? md_cluster_replay(&c.settings, c.files, c.n_files, c.repro)
                         : md_cluster_campaign(&c.settings, &c.wish);
    }
    md_settings_free(&c.settings);
    return code;
}
