/*
 * Proves that libmemcached puts every key where the model says, whatever the servers, weights,
 * ports, settings and keys, and however the settings were reached; no sockets. What is known to be
 * different (harness/placement_library.h) is passed over. A disagreement is shrunk, printed and
 * aborts.
 */
#include "harness/placement_compare.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void report(struct md_disagreement *d) {
    struct md_buf text = {0}, signature = {0};
    md_disagreement_shrink(md_side_library(), d);
    md_disagreement_print(d, &text);
    md_disagreement_signature(d, &signature);
    printf("%s\nAssertion failure: %s\n", md_buf_cstr(&text), md_buf_cstr(&signature));
    fflush(stdout);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct md_placement_case c;
    struct md_keys keys = {0};
    struct md_compared count = {0};
    struct md_disagreement d;
    md_placement_case_read(data, size, &c, &keys);
    if (md_placement_compare(md_side_library(), &c, &keys, &count, &d))
        report(&d);
    md_keys_free(&keys);
    return 0;
}
