/* memdiverge run: a campaign. */
#include "harness/campaign.h"
#include "harness/campaign_alone.h"
#include "harness/cluster_campaign.h"
#include "harness/cmd.h"

#include <stdio.h>

/* Those targets are held to nothing that a profile or a quirk could change, and are one process. */
static void refuse_useless(struct argp_state *state) {
    static const char *const useless[] = {"jobs", "engine", "profile", "without-quirk"};
    static const char *const options[] = {"node-arg"};
    const struct md_settings *s = state->input;
    char with[32];
    if (!s->alone)
        return;
    snprintf(with, sizeof with, "--target %s", s->alone);
    md_settings_refuse(state, s, with, useless, sizeof useless / sizeof *useless);
    if (strcmp(s->alone, "cluster"))
        md_settings_refuse(state, s, with, options, 1);
}

static error_t parse(int key, char *word, struct argp_state *state) {
    if (key == ARGP_KEY_END)
        refuse_useless(state);
    return md_settings_pass(key, word, state);
}

static int run(struct md_settings *s) {
    static const struct md_cluster_wish any;
    bool nodes = !s->alone || strcmp(s->alone, "placement");
    int code = nodes ? md_settings_ready(s) : 0;
    if (code)
        return code;
    if (nodes)
        md_node_sweep();
    if (!s->alone)
        return md_campaign_run(s);
    return strcmp(s->alone, "cluster") ? md_campaign_alone(s) : md_cluster_campaign(s, &any);
}

int md_cmd_run(int argc, char **argv) {
    static const struct argp_child children[] = {
        {&md_settings_node_argp, 0, NULL, 0}, {&md_settings_campaign_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .parser = parse,
        .doc = "Tests a memcached: generates command sequences, runs each on a real node and in "
               "the model, compares every reply. What differs is confirmed on a fresh node, "
               "shrunk, and written to DIR/divergences.",
        .children = children};
    struct md_settings s;
    md_settings_init(&s);
    md_settings_parse(&argp, argc, argv, &s);
    int code = run(&s);
    md_settings_free(&s);
    return code;
}
