/* Reading the command line; see settings.h. */
#include "harness/settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    KEY_NODE = 0x100,
    KEY_NODE_ARG,
    KEY_CONNECT,
    KEY_WAIT,
    KEY_PROFILE,
    KEY_ORACLE,
    KEY_WITHOUT,
    KEY_SEED,
    KEY_OUT,
    KEY_JSON,
    KEY_TIME,
    KEY_RUNS,
    KEY_JOBS,
    KEY_TARGET,
    KEY_ENGINE,
    KEY_STOP_AFTER,
};

enum { JOBS_MAX = 256 };

static const char *const oracle_names[] = {"exact", "strict", "protocol"};

const char *md_oracle_name(enum md_oracle oracle) { return oracle_names[oracle]; }

void md_complain(const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    fputs("memdiverge: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

void md_complain_trace(const char *file, const struct md_trace_error *error) {
    if (error->line)
        md_complain("%s:%u:%u: %s", file, error->line, error->column, error->message);
    else
        md_complain("%s: %s", file, error->message);
}

void md_node_refused(const struct md_settings *s, const char *reason, struct md_buf *out) {
    const char *name = s->binary ? s->binary : s->connect;
    if (name && !strstr(reason, name))
        md_buf_printf(out, "node %s: ", name);
    md_buf_str(out, reason);
}

void md_complain_node(const struct md_settings *s, struct md_buf *reason) {
    struct md_buf text = {0};
    md_node_refused(s, md_buf_cstr(reason), &text);
    md_complain("%s", md_buf_cstr(&text));
    md_buf_free(&text);
}

/* ---- words -------------------------------------------------------------------------------- */

uint64_t md_settings_number(struct argp_state *state, const char *option, const char *word,
                            uint64_t min, uint64_t max) {
    char *end;
    errno = 0;
    unsigned long long n = strtoull(word, &end, 10);
    if (word[0] < '0' || word[0] > '9' || *end || errno || n < min || n > max)
        argp_error(state, "%s takes a whole number from %llu to %llu, not '%s'", option,
                   (unsigned long long)min, (unsigned long long)max, word);
    return n;
}

static void set_oracle(struct argp_state *state, struct md_settings *s, const char *word) {
    for (unsigned i = 0; i < sizeof oracle_names / sizeof *oracle_names; i++)
        if (strcmp(word, oracle_names[i]) == 0) {
            s->oracle = (enum md_oracle)i;
            s->has_oracle = true;
            return;
        }
    argp_error(state, "--oracle is exact, strict or protocol, not '%s'", word);
}

static void add_without(struct argp_state *state, struct md_settings *s, const char *word) {
    enum md_quirk quirk = md_quirk_find(word);
    if (quirk == MD_QUIRK_NONE)
        argp_error(state, "there is no quirk '%s' (`memdiverge rules` lists them)", word);
    else if (s->n_without < MD_QUIRKS)
        s->without[s->n_without++] = quirk;
}

static void set_engine(struct argp_state *state, struct md_settings *s, const char *word) {
    if (strcmp(word, "random") && strcmp(word, "libfuzzer"))
        argp_error(state, "--engine is random or libfuzzer, not '%s'", word);
    s->engine = word;
    s->has_engine = true;
}

static void set_target(struct argp_state *state, struct md_settings *s, const char *word) {
    static const char *const alone[] = {"client", "placement", "cluster"};
    s->alone = NULL;
    s->target = md_target_find(word);
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        if (strcmp(word, alone[i]) == 0)
            s->alone = alone[i];
    if (s->target == MD_TARGETS && !s->alone)
        argp_error(state,
                   "there is no target '%s'; there are: commands, eviction, client, placement, "
                   "cluster",
                   word);
}

/* The options of both groups have keys in a row. */
static void note(struct md_settings *s, int key) {
    if (key >= KEY_NODE && key <= KEY_STOP_AFTER)
        s->given |= UINT64_C(1) << (key - KEY_NODE);
}

static error_t parse_node(int key, char *word, struct argp_state *state) {
    struct md_settings *s = state->input;
    note(s, key);
    switch (key) {
    case KEY_NODE: s->node = word; break;
    case KEY_NODE_ARG:
        if (s->n_node_args == MD_NODE_ARGS_MAX)
            argp_error(state, "--node-arg: at most %d", MD_NODE_ARGS_MAX);
        else
            s->node_args[s->n_node_args++] = word;
        break;
    case KEY_CONNECT: s->connect = word; break;
    case KEY_WAIT: s->wait = (uint32_t)md_settings_number(state, "--wait", word, 1, 3600); break;
    case KEY_PROFILE: s->profile = word; break;
    case KEY_ORACLE: set_oracle(state, s, word); break;
    case KEY_WITHOUT: add_without(state, s, word); break;
    case 'v': s->verbose = true; break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static error_t parse_campaign(int key, char *word, struct argp_state *state) {
    struct md_settings *s = state->input;
    note(s, key);
    switch (key) {
    case KEY_SEED:
        s->seed = md_settings_number(state, "--seed", word, 0, UINT64_MAX);
        s->has_seed = true;
        break;
    case KEY_OUT: s->out = word; break;
    case KEY_JSON: s->json = true; break;
    case KEY_TIME: s->seconds = md_settings_number(state, "--time", word, 1, 100000000); break;
    case KEY_RUNS: s->runs = md_settings_number(state, "--runs", word, 1, UINT64_MAX); break;
    case KEY_JOBS:
        s->jobs = (unsigned)md_settings_number(state, "--jobs", word, 1, JOBS_MAX);
        break;
    case KEY_TARGET: set_target(state, s, word); break;
    case KEY_ENGINE: set_engine(state, s, word); break;
    case KEY_STOP_AFTER:
        s->stop_after = md_settings_number(state, "--stop-after", word, 1, UINT64_MAX);
        break;
    default: return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

static const struct argp_option node_options[] = {
    {0, 0, 0, 0, "The node:", 1},
    {"node", KEY_NODE, "BINARY", 0,
     "memcached to test (default: $MEMDIVERGE_NODE, else memcached from PATH)", 1},
    {"node-arg", KEY_NODE_ARG, "ARG", 0,
     "a word for its command line, e.g. --node-arg=-I --node-arg=2m; repeatable", 1},
    {"connect", KEY_CONNECT, "HOST:PORT", 0,
     "a server or proxy that runs already, held to --oracle protocol: only ordinary commands, "
     "under "
     "keys of our own, which are deleted again",
     1},
    {"wait", KEY_WAIT, "SECONDS", 0,
     "with --connect: a trace may move the clock so far, by waiting (default: such traces are left "
     "out)",
     1},
    {0, 0, 0, 0, "What it is held to:", 2},
    {"oracle", KEY_ORACLE, "NAME", 0,
     "exact: the specification and this version's known quirks (default); strict: every quirk is "
     "a divergence; protocol: what the protocol document says, for any server (--connect)",
     2},
    {"profile", KEY_PROFILE, "NAME", 0, "a version's profile (default: what the node says)", 2},
    {"without-quirk", KEY_WITHOUT, "ID", 0, "do without a known quirk; repeatable", 2},
    {0, 'v', 0, 0, "say more", 3},
    {0},
};

static const struct argp_option campaign_options[] = {
    {0, 0, 0, 0, "The campaign:", 4},
    {"time", KEY_TIME, "SECONDS", 0, "end after this long (default: until Ctrl-C)", 4},
    {"runs", KEY_RUNS, "N", 0, "end after N inputs", 4},
    {"stop-after", KEY_STOP_AFTER, "N", 0, "end after N confirmed divergences", 4},
    {"jobs", KEY_JOBS, "N", 0, "workers, each with a node of its own (default: one for each CPU)",
     4},
    {"engine", KEY_ENGINE, "NAME", 0, "libfuzzer (guided by coverage, default) or random", 4},
    {"target", KEY_TARGET, "NAME", 0,
     "commands (any command in any form) or eviction (memory under pressure), default: both by "
     "turns; client (libmemcached's own calls), placement (where libmemcached puts keys; no node) "
     "or cluster (several nodes; `memdiverge cluster` has more options)",
     4},
    {"seed", KEY_SEED, "N", 0, "where all chance comes from (default: a new one, printed)", 4},
    {"out", KEY_OUT, "DIR", 0,
     "where everything found is kept (default: memdiverge-out; goes on with what is there)", 4},
    {"json", KEY_JSON, 0, 0, "the summary as JSON on stdout", 4},
    {0},
};

const struct argp md_settings_node_argp = {.options = node_options, .parser = parse_node};
const struct argp md_settings_campaign_argp = {.options = campaign_options,
                                               .parser = parse_campaign};

void md_settings_without(const struct argp *group, const char *const *names, size_t n,
                         struct argp_option out[MD_SETTINGS_OPTIONS_MAX]) {
    size_t kept = 0;
    for (const struct argp_option *o = group->options; o->name || o->key || o->doc; o++) {
        bool wanted = kept + 1 < MD_SETTINGS_OPTIONS_MAX;
        for (size_t i = 0; i < n; i++)
            wanted = wanted && !(o->name && strcmp(o->name, names[i]) == 0);
        if (wanted)
            out[kept++] = *o;
    }
    out[kept] = (struct argp_option){0};
}

static int key_of(const char *name) {
    const struct argp_option *groups[] = {node_options, campaign_options};
    for (size_t i = 0; i < 2; i++)
        for (const struct argp_option *o = groups[i]; o->name || o->key || o->doc; o++)
            if (o->name && strcmp(o->name, name) == 0)
                return o->key;
    return 0;
}

void md_settings_refuse(struct argp_state *state, const struct md_settings *s, const char *with,
                        const char *const *options, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (s->given >> (key_of(options[i]) - KEY_NODE) & 1)
            argp_error(state, "%s has no use for --%s", with, options[i]);
}

error_t md_settings_pass(int key, char *word, struct argp_state *state) {
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = state->child_inputs[1] = state->input; return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "'%s' is one word too many (a node's binary goes behind --node)", word);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

void md_settings_parse(const struct argp *argp, int argc, char **argv, void *input) {
    argp_err_exit_status = MD_EXIT_USAGE;
    argp_parse(argp, argc, argv, 0, NULL, input);
}

void md_settings_init(struct md_settings *s) {
    *s = (struct md_settings){.engine = "libfuzzer", .target = MD_TARGETS};
    md_node_options_default(&s->options);
}

void md_settings_free(struct md_settings *s) {
    md_node_options_free(&s->options);
    free(s->binary);
    s->binary = NULL;
}
