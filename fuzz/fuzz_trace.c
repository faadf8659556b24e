/*
 * Proves that the trace format loses nothing and that its parser is total: any bytes parse
 * leniently; what that gives, printed, is accepted by the strict parser and equal; printing again
 * gives the same text; the strict parser takes any bytes, or refuses them with a message and a
 * place.
 */
#include "harness/trace.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void md_check(bool ok, const char *what) {
    if (ok)
        return;
    printf("Assertion failure: trace.%s\n", what);
    fflush(stdout);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct md_trace lenient, strict;
    struct md_trace_error error = {0};
    struct md_buf text = {0}, again = {0};
    md_trace_init(&lenient);
    md_trace_init(&strict);

    if (!md_trace_parse(&strict, data, size, &error))
        md_check(error.message[0] && error.line > 0 && error.column > 0, "error-without-a-place");

    md_trace_parse_lenient(&lenient, data, size);
    md_trace_print(&lenient, &text);
    md_check(md_trace_parse(&strict, text.data, text.len, &error), "print-not-accepted");
    md_check(md_trace_equal(&lenient, &strict), "print-not-equal");
    md_trace_print(&strict, &again);
    md_check(text.len == again.len && memcmp(text.data, again.data, text.len) == 0,
             "print-not-canonical");

    md_buf_free(&text);
    md_buf_free(&again);
    md_trace_free(&lenient);
    md_trace_free(&strict);
    return 0;
}
