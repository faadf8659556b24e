/*
 * What a person can set on the command line, in one place: the options that every command with a
 * node takes, and those of a campaign. `memdiverge run` and the fuzz target read the same words
 * with the same parser, so a worker is told what to do by handing it the command line.
 */
#ifndef MEMDIVERGE_SETTINGS_H
#define MEMDIVERGE_SETTINGS_H

#include "harness/generate.h"
#include "harness/runner.h"

#include <argp.h>

/* Exit codes of memdiverge; a divergence beats an interrupt. */
enum {
    MD_EXIT_AGREED = 0,
    MD_EXIT_DIVERGED = 1,
    MD_EXIT_USAGE = 2,  /* bad usage or input: nothing was run */
    MD_EXIT_FAILED = 3, /* the environment, or an invariant of our own */
    MD_EXIT_INTERRUPTED = 130,
};

#define MD_PROGRAM "memdiverge 0.1.0"

struct md_settings {
    /* Every command with a node. */
    const char *node; /* as given; NULL: $MEMDIVERGE_NODE or memcached */
    char *binary;     /* owned: what it was found to be; NULL with connect */
    const char *connect, *profile;
    enum md_oracle oracle;
    bool has_oracle;
    uint32_t wait; /* connect: seconds that the clock steps of a trace may really take */
    enum md_quirk without[MD_QUIRKS];
    size_t n_without;
    const char *node_args[MD_NODE_ARGS_MAX];
    size_t n_node_args;
    struct md_node_options options; /* what node_args mean */
    bool verbose;
    /* Campaigns. */
    const char *out, *engine;
    enum md_target target; /* MD_TARGETS: all by turns */
    const char *alone;     /* a target that is a campaign of its own; NULL: those of one node */
    uint64_t seed;
    bool has_seed, has_engine, json;
    uint64_t seconds, runs, stop_after; /* 0: no limit */
    unsigned jobs;                      /* 0: one for each CPU */
    uint64_t given;                     /* which options were; md_settings_refuse's */
};

/* Parsers of the two groups of options; their input is a struct md_settings. */
extern const struct argp md_settings_node_argp, md_settings_campaign_argp;

enum { MD_SETTINGS_OPTIONS_MAX = 24 };
/* The options of a group without some, for a command that has no use for those. */
void md_settings_without(const struct argp *group, const char *const *names, size_t n,
                         struct argp_option out[MD_SETTINGS_OPTIONS_MAX]);

/* The parser of a command that takes both groups and nothing else. */
error_t md_settings_pass(int key, char *word, struct argp_state *state);

void md_settings_init(struct md_settings *s);
void md_settings_free(struct md_settings *s);

/*
 * Runs a command's parser over its words. Bad usage is explained and ends the process (exit 2);
 * --help prints and ends it (exit 0).
 */
void md_settings_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Bad usage if one of these options was given ("jobs", "seed" ...): `with` has no use for it. */
void md_settings_refuse(struct argp_state *state, const struct md_settings *s, const char *with,
                        const char *const *options, size_t n);

/*
 * Checks what was set and finds the node's binary. False: `why` says what is wrong, *exit_code
 * whether it is the usage or the environment.
 */
bool md_settings_check(struct md_settings *s, int *exit_code, struct md_buf *why);
/* The same for a command: on failure prints "memdiverge: ..." and returns the exit code, else 0. */
int md_settings_ready(struct md_settings *s);

/* For a command with one trace: loads it, gets ready, and gives it --node-arg. Returns 0, or the
 * exit code after having said why. */
int md_settings_load(struct md_settings *s, const char *file, struct md_trace *t);

void md_settings_runner(const struct md_settings *s, struct md_runner_config *out);
/* --node-arg in effect for this trace: they go before the trace's own options. */
void md_settings_apply(const struct md_settings *s, struct md_trace *t);

/* The words that make another process's settings equal to these, a NUL behind each. */
void md_settings_words(const struct md_settings *s, struct md_buf *out);

/* A number from the command line; anything else is bad usage. */
uint64_t md_settings_number(struct argp_state *state, const char *option, const char *word,
                            uint64_t min, uint64_t max);

const char *md_oracle_name(enum md_oracle oracle);
/* "memdiverge: " and the message on stderr. */
void md_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Why no node could be used: also says which one, unless the reason does. */
void md_node_refused(const struct md_settings *s, const char *reason, struct md_buf *out);
void md_complain_node(const struct md_settings *s, struct md_buf *reason);
/* "FILE:LINE:COLUMN: message". */
void md_complain_trace(const char *file, const struct md_trace_error *error);

#endif
