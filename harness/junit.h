/* Results as JUnit XML, the form that CI systems read. */
#ifndef MEMDIVERGE_JUNIT_H
#define MEMDIVERGE_JUNIT_H

#include "model/buf.h"

#include <stdbool.h>

enum md_junit_kind { MD_JUNIT_PASSED, MD_JUNIT_FAILED, MD_JUNIT_SKIPPED, MD_JUNIT_ERROR };

struct md_junit_case {
    char *name; /* owned: path of the trace */
    enum md_junit_kind kind;
    double seconds;
    char *message, *text; /* owned, may be NULL: one line; all of it */
};

struct md_junit {
    struct md_junit_case *cases; /* owned */
    size_t n, cap;
};

void md_junit_add(struct md_junit *j, const char *name, enum md_junit_kind kind, double seconds,
                  const char *message, const char *text);
/* False: `why` says that it could not be written. */
bool md_junit_write(const struct md_junit *j, const char *path, struct md_buf *why);
void md_junit_free(struct md_junit *j);

#endif
