/*
 * Proves that whatever a node answers, reading it is safe and comes to a name: a span is never longer
 * than the bytes, a signature is fit for a file name, and a wrong `stats` is refused, not followed.
 */
#include "harness/compare.h"
#include "harness/node.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok) {
    if (!ok)
        abort();
}

static void check_stats(const uint8_t *data, size_t size) {
    bool exact;
    struct md_options options;
    struct md_reply reply = {0};
    struct md_buf why = {0};
    char name[32] = "";
    size_t used;
    md_options_default(&options);
    struct md_model *m = md_model_new(md_profile_find("1.6.18", &exact), &options, MD_START_TIME);
    md_model_open(m, 0);
    check(md_model_feed(m, 0, "stats\r\n", 7, &reply) == MD_FEED_OK);
    bool agrees = md_model_stats_agree(m, 0, data, size, &used, name, &why);
    check(used <= size && (agrees || *name));
    md_buf_free(&why);
    md_reply_free(&reply);
    md_model_free(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct md_command command = {.name = data[0] % MD_COMMAND_NAMES, .rule = MD_RULE_GET_HIT};
    size_t expected = data[1] < size - 2 ? data[1] : size - 2;
    const uint8_t *observed = data + 2 + expected;
    size_t n = size - 2 - expected;
    char signature[128];
    check(md_reply_span((enum md_command_name)command.name, observed, n) <= n);
    md_signature(&command, data + 2, expected, observed, n, signature, sizeof signature);
    check(*signature &&
          strspn(signature, "abcdefghijklmnopqrstuvwxyz0123456789.-") == strlen(signature));
    check_stats(observed, n);
    return 0;
}
