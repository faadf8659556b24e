/* What fuzz_protocols does around its one check; see protocols_engine.h. */
#include "fuzz/protocols_engine.h"

#include "fuzz/arguments.h"
#include "harness/protocols.h"

#include <stdio.h>
#include <stdlib.h>

enum { INPUTS_MAX = 20000 }; /* of one node: its clock moves on */

struct md_protocols_engine {
    struct md_settings settings;
    char **words; /* owned: what the settings point into */
    struct md_cpu cpu;
    struct md_node_config config;
    struct md_node_options options;
    struct md_node *node;
    unsigned inputs; /* on this node */
    struct md_disagreement told;
};

struct md_protocols_engine *md_protocols_engine_new(int argc, char **argv) {
    struct md_protocols_engine *e = md_calloc(1, sizeof *e);
    md_settings_init(&e->settings);
    md_node_options_default(&e->options);
    e->cpu.number = -1;
    e->words = md_arguments_read(argc, argv, &e->settings);
    return e;
}

static void start(struct md_protocols_engine *e) {
    struct md_buf why = {0};
    int code;
    if (!e->config.binary) {
        if (!md_settings_check(&e->settings, &code, &why))
            md_give_up(md_buf_cstr(&why));
        if (!e->settings.binary)
            md_give_up("fuzz_protocols starts its own nodes: --node, not --connect");
        md_node_sweep();
        e->config.binary = e->settings.binary;
        e->config.cpu = md_cpu_claim(&e->cpu, NULL);
        e->config.unpinned = &e->cpu.before;
    }
    md_node_free(e->node);
    e->inputs = 0;
    if (md_node_start(&e->config, &e->options, true, &e->node) != MD_NODE_OK)
        md_give_up(md_node_error(e->node));
}

static void found(struct md_protocols_engine *e, const struct md_sayings *s) {
    struct md_trace sent;
    struct md_buf text = {0};
    md_trace_init(&sent);
    start(e);
    enum md_node_status status = md_protocols_run(e->node, s, &e->told, &sent);
    if (status == MD_NODE_OK && !e->told.any) {
        md_trace_free(&sent);
        return; /* only once: the next input has a new node */
    }
    md_trace_print(&sent, &text);
    fprintf(stderr, "%s\n%s\nAssertion failure: protocols.%s\n", md_buf_cstr(&text),
            md_buf_cstr(&e->told.why), e->told.any ? e->told.signature : "node");
    abort();
}

void md_protocols_engine_run(struct md_protocols_engine *e, const uint8_t *data, size_t size) {
    struct md_sayings s;
    md_sayings_decode(data, size, &s);
    if (!e->node || e->inputs++ == INPUTS_MAX)
        start(e);
    if (md_protocols_run(e->node, &s, &e->told, NULL) != MD_NODE_OK || e->told.any)
        found(e, &s);
}

void md_protocols_engine_free(struct md_protocols_engine *e) {
    if (!e)
        return;
    md_node_free(e->node);
    md_cpu_release(&e->cpu);
    md_disagreement_free(&e->told);
    md_settings_free(&e->settings);
    free(e->words);
    free(e);
}
