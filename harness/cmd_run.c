/* memdiverge run: a campaign. */
#include "harness/campaign.h"
#include "harness/cmd.h"

int md_cmd_run(int argc, char **argv) {
    static const struct argp_child children[] = {
        {&md_settings_node_argp, 0, NULL, 0}, {&md_settings_campaign_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {
        .parser = md_settings_pass,
        .doc = "Tests a memcached: generates command sequences, runs each on a real node and in "
               "the model, compares every reply. What differs is confirmed on a fresh node, "
               "shrunk, and written to DIR/divergences.",
        .children = children};
    struct md_settings s;
    md_settings_init(&s);
    md_settings_parse(&argp, argc, argv, &s);
    int code = md_settings_ready(&s);
    if (!code) {
        md_node_sweep();
        code = md_campaign_run(&s);
    }
    md_settings_free(&s);
    return code;
}
