/* memdiverge cluster: several nodes and a libmemcached client over them. */
#include "harness/client_replay.h"
#include "harness/cluster_campaign.h"
#include "harness/cluster_endpoint.h"
#include "harness/cluster_placement.h"
#include "harness/cmd.h"
#include "harness/interrupt.h"
#include "harness/spread.h"

#include <stdlib.h>

struct cluster {
    struct md_settings settings;
    struct md_cluster_wish wish;
    char **files;
    size_t n_files;
    const char *endpoint, *repro;
    bool placement;
    struct md_cluster_placement_options without;
    unsigned given; /* 1 << (key - KEY_NODES) */
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
    KEY_CASES,
    KEY_END
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

static const struct argp_option options[] = {
    {0, 0, 0, 0, "The cluster:", 5},
    {"nodes", KEY_NODES, "N", 0, "how many nodes (default: 1 to 5, by chance)", 5},
    {"distribution", KEY_DISTRIBUTION, "ID", 0, "only this one (default: all by turns)", 5},
    {"hash", KEY_HASH, "ID", 0, "only this hash (default: all by turns)", 5},
    {"config-endpoint", KEY_ENDPOINT, "HOST:PORT", 0,
     "follow an ElastiCache configuration endpoint for --time seconds (default: one look); asks "
     "each node for its version, and writes keys to them if all are on this machine",
     5},
    {"repro", KEY_REPRO, "FILE", 0,
     "with one FILE: also write it as a C program that needs only libmemcached and memcached", 5},
    {0, 0, 0, 0, "Placement alone, without nodes:", 6},
    {"placement", KEY_PLACEMENT, 0, 0,
     "where keys live: model against library, and how evenly and stably they spread", 6},
    {"svg", KEY_SVG, "DIR", 0, "also pictures", 6},
    {"keys", KEY_KEYS, "N", 0, "keys of the statistics, at least 1000 (default: 100000)", 6},
    {"cases", KEY_CASES, "N", 0, "random cases for model against library", 6},
    {0},
};

/* ---- what goes together ---------------------------------------------------------------------- */

#define COUNT(list) (sizeof(list) / sizeof(list)[0])
#define BIT(key) (1U << ((key)-KEY_NODES))

/* Of a cluster there is one kind of trace, one process, and no model that a profile could change. */
static const char *const never[] = {"jobs",    "engine",        "target",
                                    "profile", "without-quirk", "connect"};

static void refuse(struct argp_state *state, const struct cluster *c, const char *with,
                   const char *const *common, size_t n, unsigned own) {
    md_settings_refuse(state, &c->settings, with, common, n);
    for (const struct argp_option *o = options; o->name || o->doc; o++)
        if (o->name && c->given & own & BIT(o->key))
            argp_error(state, "%s has no use for --%s", with, o->name);
}

/* One way of running at a time, and no option that does nothing in it. */
static void refuse_useless(struct argp_state *state, const struct cluster *c) {
    static const char *const by_placement[] = {"node", "node-arg", "oracle",    "time",
                                               "runs", "out",      "stop-after"};
    static const char *const by_endpoint[] = {"node", "node-arg", "oracle",    "runs",
                                              "out",  "json",     "stop-after"};
    static const char *const by_files[] = {"time", "runs", "out", "json", "stop-after", "seed"};
    static const char *const by_calls[] = {"node-arg"};
    const unsigned wish = BIT(KEY_NODES) | BIT(KEY_DISTRIBUTION) | BIT(KEY_HASH);
    const unsigned figures = BIT(KEY_SVG) | BIT(KEY_KEYS) | BIT(KEY_CASES);
    bool calls = false;
    for (size_t i = 0; i < c->n_files; i++)
        calls |= md_client_is_calls(c->files[i]);
    if (c->repro && c->n_files != 1)
        argp_error(state, "--repro is for one FILE, not %zu", c->n_files);
    if ((c->placement && (c->endpoint || c->n_files)) || (c->endpoint && c->n_files))
        argp_error(state, "--placement, --config-endpoint and FILEs: give one of them");
    if (c->placement)
        refuse(state, c, "--placement", by_placement, COUNT(by_placement), wish);
    else if (c->endpoint)
        refuse(state, c, "--config-endpoint", by_endpoint, COUNT(by_endpoint),
               BIT(KEY_NODES) | figures);
    else if (c->n_files)
        refuse(state, c, "running a FILE", by_files, COUNT(by_files), wish | figures);
    else
        refuse(state, c, "a campaign without --placement", NULL, 0, figures);
    if (calls)
        refuse(state, c, "a file of calls", by_calls, COUNT(by_calls), 0);
}

/* ---- reading and running --------------------------------------------------------------------- */

static error_t parse(int key, char *word, struct argp_state *state) {
    struct cluster *c = state->input;
    if (key >= KEY_NODES && key < KEY_END)
        c->given |= 1U << (key - KEY_NODES);
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
        c->without.keys =
            md_settings_number(state, "--keys", word, MD_SPREAD_KEYS_LEAST, 100000000);
        return 0;
    case KEY_CASES:
        c->without.cases = md_settings_number(state, "--cases", word, 1, 1000000000);
        return 0;
    case ARGP_KEY_ARGS:
        c->files = state->argv + state->next;
        c->n_files = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END: refuse_useless(state, c); return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* Ways that need none of the nodes that the campaign starts. */
static int run_without_nodes(struct cluster *c) {
    const struct md_settings *s = &c->settings;
    if (c->endpoint)
        return md_cluster_follow(c->endpoint, &c->wish, s->seed, s->seconds);
    c->without.json = s->json;
    c->without.seed = s->has_seed ? s->seed : 1;
    return md_cluster_placement(&c->without);
}

static int replay(const struct cluster *c) {
    int worst = MD_EXIT_AGREED;
    for (size_t i = 0; i < c->n_files && !md_interrupted(); i++) {
        const char *file = c->files[i];
        int code = md_client_is_calls(file) ? md_client_replay(&c->settings, file, c->repro)
                                            : md_cluster_replay(&c->settings, file, c->repro);
        if (code == MD_EXIT_DIVERGED || (code && worst != MD_EXIT_DIVERGED))
            worst = code;
    }
    return worst;
}

int md_cmd_cluster(int argc, char **argv) {
    struct argp_option node[MD_SETTINGS_OPTIONS_MAX], campaign[MD_SETTINGS_OPTIONS_MAX];
    struct argp groups[] = {md_settings_node_argp, md_settings_campaign_argp};
    const struct argp_child children[] = {{&groups[0], 0, NULL, 0}, {&groups[1], 0, NULL, 0}, {0}};
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[FILE...]",
        .doc = "Starts several nodes and drives them through libmemcached: where keys go, what a "
               "client sees when nodes fail, come back, are added or replaced. With FILEs, runs "
               "these cluster traces, or calls of libmemcached's (NAME.calls), instead and says "
               "what each shows.",
        .children = children};
    struct cluster c = {.files = NULL};
    md_settings_without(&groups[0], never, COUNT(never), node);
    md_settings_without(&groups[1], never, COUNT(never), campaign);
    groups[0].options = node;
    groups[1].options = campaign;
    md_settings_init(&c.settings);
    md_settings_parse(&argp, argc, argv, &c);
    int code = 0;
    if (c.endpoint || c.placement)
        code = run_without_nodes(&c);
    else if (!(code = md_settings_ready(&c.settings))) {
        md_node_sweep();
        code = c.n_files ? replay(&c) : md_cluster_campaign(&c.settings, &c.wish);
    }
    md_settings_free(&c.settings);
    return code;
}
