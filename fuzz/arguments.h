/*
 * What the engines behind the fuzz targets share: settings of our own on libFuzzer's command line,
 * and how to end when the environment fails.
 */
#ifndef MEMDIVERGE_ARGUMENTS_H
#define MEMDIVERGE_ARGUMENTS_H

#include "harness/settings.h"

/*
 * Reads the settings behind -ignore_remaining_args=1, as for `memdiverge run`; ends the process where
 * they are wrong. `settings` must be initialised. Returns the words that they point into: the caller
 * frees them after the settings; NULL if there were none.
 */
char **md_arguments_read(int argc, char **argv, struct md_settings *settings);

/* Says why and ends with exit code 3. */
_Noreturn void md_give_up(const char *why);

#endif
