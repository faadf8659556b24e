/* Settings on libFuzzer's command line; see arguments.h. */
#include "fuzz/arguments.h"

#include <string.h>
#include <unistd.h>

char **md_arguments_read(int argc, char **argv, struct md_settings *settings) {
    static const struct argp_child children[] = {
        {&md_settings_node_argp, 0, NULL, 0}, {&md_settings_campaign_argp, 0, NULL, 0}, {0}};
    static const struct argp argp = {.parser = md_settings_pass, .children = children};
    char **words = NULL;
    for (int i = 1; i < argc && !words; i++)
        if (strcmp(argv[i], "-ignore_remaining_args=1") == 0) {
            words = md_calloc((size_t)(argc - i) + 1, sizeof *words);
            memcpy(words, argv + i, (size_t)(argc - i) * sizeof *words);
            words[0] = argv[0];
            md_settings_parse(&argp, argc - i, words, settings);
        }
    return words;
}

void md_give_up(const char *why) {
    md_complain("%s", why);
    /* Not exit: libFuzzer would call that a crash of the target. */
    _exit(MD_EXIT_FAILED);
}
