/* memdiverge: finds the subcommand and hands over. */
#include "harness/cmd.h"
#include "harness/settings.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} commands[] = {
    {"run", md_cmd_run, "test a memcached: generate, compare, shrink, write up"},
    {"replay", md_cmd_replay, "run traces and say which diverge"},
    {"show", md_cmd_show, "run one trace and tell each step: expected, observed, why"},
    {"shrink", md_cmd_shrink, "make a diverging trace as short as it can be"},
    {"cluster", md_cmd_cluster, "test several nodes and a client over them, failures included"},
    {"compare", md_cmd_compare, "play the same traces on two versions and tell what differs"},
    {"serve", md_cmd_serve, "be a memcached: the model behind a socket"},
    {"rules", md_cmd_rules, "list what memcached is held to: rules, choices, quirks"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to) {
    fprintf(to,
            "usage: memdiverge COMMAND [OPTION...]\n\n"
            "Finds where a memcached node does not do what memcached should do, and hands over\n"
            "the shortest command sequence that shows it.\n\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-8s %s\n", commands[i].name, commands[i].about);
    fprintf(to, "\n`memdiverge COMMAND --help` lists its options. Exit codes: 0 nothing diverged,\n"
                "1 a divergence, 2 bad usage or input, 3 the environment failed, 130 interrupted.\n"
                "\nexample: memdiverge run --node ./memcached --time 60\n");
}

/* What was said must have been heard: a full disk behind stdout is no success. */
static int close_stdout(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    md_complain("cannot write to stdout: %s", strerror(errno));
    return code == MD_EXIT_AGREED ? MD_EXIT_FAILED : code;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "";
    char full[64];
    /* A full disk or a file-size limit is an error that gets its message, not a death. */
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(name, commands[i].name) == 0) {
            snprintf(full, sizeof full, "memdiverge %s", name);
            argv[1] = full;
            return close_stdout(commands[i].run(argc - 1, argv + 1));
        }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return MD_EXIT_AGREED;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts(MD_PROGRAM);
        return MD_EXIT_AGREED;
    }
    if (*name)
        md_complain("there is no command '%s'\n", name);
    print_help(stderr);
    return MD_EXIT_USAGE;
}
