/* memdiverge compare: two nodes and no model. */
#include "harness/cmd.h"
#include "harness/interrupt.h"
#include "harness/now.h"
#include "harness/versus_hunt.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct compare {
    struct md_settings side[MD_SIDES]; /* the node, and (of the first) what is for both */
    unsigned nodes;
    struct md_corpus corpus;
    struct md_buf why;
    struct md_hunt hunt;
    double seconds;
};

enum {
    KEY_NODE = 0x300,
    KEY_NODE_ARG,
    KEY_TIME,
    KEY_SEED,
    KEY_JOBS,
    KEY_TARGET,
    KEY_OUT,
    KEY_JSON
};

static void set_node(struct compare *c, char *word, struct argp_state *state) {
    if (c->nodes == MD_SIDES)
        argp_error(state, "--node: two of them ('%s' is the third)", word);
    else
        c->side[c->nodes++].node = word;
}

static void set_node_arg(struct md_settings *s, char *word, struct argp_state *state) {
    if (s->n_node_args == MD_NODE_ARGS_MAX)
        argp_error(state, "--node-arg: at most %d", MD_NODE_ARGS_MAX);
    else
        s->node_args[s->n_node_args++] = word;
}

static void set_target(struct md_settings *s, const char *word, struct argp_state *state) {
    s->target = md_target_find(word);
    if (s->target == MD_TARGETS)
        argp_error(state, "there is no target '%s'; `memdiverge run --help` lists them", word);
}

static error_t parse(int key, char *word, struct argp_state *state) {
    struct compare *c = state->input;
    struct md_settings *s = &c->side[0];
    switch (key) {
    case KEY_NODE: set_node(c, word, state); break;
    case KEY_NODE_ARG: set_node_arg(s, word, state); break;
    case KEY_TIME: s->seconds = md_settings_number(state, "--time", word, 1, 100000000); break;
    case KEY_SEED:
        s->seed = md_settings_number(state, "--seed", word, 0, UINT64_MAX);
        s->has_seed = true;
        break;
    case KEY_JOBS: s->jobs = (unsigned)md_settings_number(state, "--jobs", word, 1, 256); break;
    case KEY_TARGET: set_target(s, word, state); break;
    case KEY_OUT: s->out = word; break;
    case KEY_JSON: s->json = true; break;
    case ARGP_KEY_ARG:
        if (!md_corpus_add(&c->corpus, word, &c->why))
            argp_error(state, "%s", md_buf_cstr(&c->why));
        break;
    case ARGP_KEY_END:
        if (c->nodes != MD_SIDES)
            argp_error(state, "give two nodes: --node A --node B");
        if (c->corpus.n == 0 && s->seconds == 0)
            argp_error(state, "give traces to play, or --time SECONDS for generated ones");
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

/* Nothing is run unless all of it can be. */
static bool check_corpus(const struct compare *c) {
    struct md_trace t;
    bool ok = true;
    md_trace_init(&t);
    for (size_t i = 0; i < c->corpus.n; i++) {
        struct md_trace_error error = {0};
        if (md_trace_load(&t, c->corpus.path[i], &error))
            continue;
        md_complain_trace(c->corpus.path[i], &error);
        ok = false;
    }
    md_trace_free(&t);
    return ok;
}

/* ---- what is told ---------------------------------------------------------------------------------- */

static json_t *json_text(const struct md_buf *b) {
    json_t *s = json_stringn((const char *)b->data, b->len);
    return s ? s : json_string(""); /* not what a program prints: bytes are escaped */
}

static json_t *json_group(const struct md_group *g) {
    struct md_buf shrunk = {0};
    md_trace_print(&g->shrunk, &shrunk);
    json_t *o = json_pack("{s:s, s:I, s:b, s:o, s:o}", "signature", g->signature, "traces",
                          (json_int_t)g->traces, "confirmed", g->confirmed, "shrunk",
                          json_text(&shrunk), "transcript", json_text(&g->transcript));
    md_buf_free(&shrunk);
    return o;
}

static void print_json(const struct compare *c) {
    json_t *groups = json_array(), *nodes = json_array();
    for (unsigned i = 0; i < MD_SIDES; i++)
        json_array_append_new(nodes, json_pack("{s:s, s:s}", "binary", c->side[i].binary, "version",
                                               c->hunt.version[i]));
    for (size_t i = 0; i < c->hunt.n; i++)
        json_array_append_new(groups, json_group(&c->hunt.group[i]));
    json_t *o =
        json_pack("{s:i, s:o, s:I, s:I, s:I, s:I, s:f, s:o}", "schema", 1, "nodes", nodes, "seed",
                  (json_int_t)c->side[0].seed, "traces", (json_int_t)c->hunt.traces, "skipped",
                  (json_int_t)c->hunt.skipped, "unsteady", (json_int_t)c->hunt.unsteady, "seconds",
                  c->seconds, "differences", groups);
    char *text = json_dumps(o, JSON_INDENT(2));
    puts(text ? text : "{}");
    free(text);
    json_decref(o);
}

static void print_group(const struct md_group *g) {
    printf("\n%s (%llu trace%s)%s\n", g->signature, (unsigned long long)g->traces,
           g->traces == 1 ? "" : "s", g->confirmed ? "" : ": NOT AGAIN on new nodes");
    fwrite(g->transcript.data, 1, g->transcript.len, stdout);
}

static void print_text(const struct compare *c) {
    for (size_t i = 0; i < c->hunt.n; i++)
        print_group(&c->hunt.group[i]);
    printf("%s%llu traces on memcached %s (a) and %s (b) in %.1f s: %zu difference%s",
           c->hunt.n ? "\n" : "", (unsigned long long)c->hunt.traces, c->hunt.version[0],
           c->hunt.version[1], c->seconds, c->hunt.n, c->hunt.n == 1 ? "" : "s");
    if (c->hunt.skipped)
        printf(", %llu skipped (not for both)", (unsigned long long)c->hunt.skipped);
    if (c->hunt.unsteady)
        printf(", %llu left out (a node differs from itself, too: background threads)",
               (unsigned long long)c->hunt.unsteady);
    printf("%s\n", md_interrupted() ? "; interrupted" : "");
    if (c->hunt.n)
        printf("artifacts: %s/differences (trace, shrunk.trace, report.md of each)\n",
               c->side[0].out);
}

/* ---- the work -------------------------------------------------------------------------------------- */

static int compare(struct compare *c) {
    struct md_settings *s = &c->side[0];
    for (unsigned i = 0; i < MD_SIDES; i++) {
        int code = md_settings_ready(&c->side[i]);
        if (code)
            return code;
    }
    if (!check_corpus(c))
        return MD_EXIT_USAGE;
    struct md_hunt_config config = {.settings = {&c->side[0], &c->side[1]},
                                    .corpus = &c->corpus,
                                    .target = s->target,
                                    .seed = s->has_seed ? s->seed : md_now_ns(),
                                    .seconds = s->seconds,
                                    .jobs = s->jobs ? s->jobs : 1,
                                    .out = s->out ? s->out : "memdiverge-compare"};
    s->seed = config.seed;
    s->out = config.out;
    md_node_sweep();
    md_interrupt_catch();
    if (s->seconds && !s->json)
        fprintf(stderr, "memdiverge: seed %llu\n", (unsigned long long)s->seed);
    uint64_t began = md_now_ns();
    int code = md_hunt(&config, &c->hunt);
    c->seconds = (double)(md_now_ns() - began) / 1e9;
    if (code == MD_EXIT_FAILED)
        md_complain("%s", md_buf_cstr(&c->hunt.why));
    else if (s->json)
        print_json(c);
    else
        print_text(c);
    return code;
}

int md_cmd_compare(int argc, char **argv) {
    static const struct argp_option options[] = {
        {"node", KEY_NODE, "BINARY", 0, "a memcached; give two", 0},
        {"node-arg", KEY_NODE_ARG, "ARG", 0, "a word for both command lines; repeatable", 0},
        {"time", KEY_TIME, "SECONDS", 0, "play generated traces for so long", 0},
        {"seed", KEY_SEED, "N", 0, "where they come from (default: a new one, printed)", 0},
        {"target", KEY_TARGET, "NAME", 0, "what they are about, as in `run` (default: by turns)",
         0},
        {"jobs", KEY_JOBS, "N", 0, "processes, each with a pair of nodes (default: 1)", 0},
        {"out", KEY_OUT, "DIR", 0, "where differences go (default: memdiverge-compare)", 0},
        {"json", KEY_JSON, 0, 0, "the result as JSON on stdout", 0},
        {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[FILE|DIR...]",
        .doc = "Plays the same traces on two versions of memcached and tells every answer that "
               "differs, grouped, each with the shortest trace that shows it. There is no model: "
               "which of the two is right is for you to judge."};
    struct compare c = {.nodes = 0};
    for (unsigned i = 0; i < MD_SIDES; i++)
        md_settings_init(&c.side[i]);
    md_settings_parse(&argp, argc, argv, &c);
    int code = compare(&c);
    for (unsigned i = 0; i < MD_SIDES; i++)
        md_settings_free(&c.side[i]);
    md_corpus_free(&c.corpus);
    md_buf_free(&c.why);
    md_hunt_free(&c.hunt);
    return code;
}
