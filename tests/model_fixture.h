/*
 * A model by itself, for cmocka's setup and teardown: one connection (0) is open, its clock stands at
 * Unix time 1,000,000,000.
 *
 *   static int setup(void **state) { *state = fixture_new(NULL); return 0; }
 */
#ifndef MEMDIVERGE_MODEL_FIXTURE_H
#define MEMDIVERGE_MODEL_FIXTURE_H

#include "model/model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct md_model *m;
    struct md_options options;
    struct md_reply r; /* of the last feed */
};

/* options: NULL for the default ones. */
static inline struct fixture *fixture_new(const struct md_options *options) {
    struct fixture *f = md_calloc(1, sizeof *f);
    bool exact;
    if (options)
        f->options = *options;
    else
        md_options_default(&f->options);
    f->m = md_model_new(md_profile_find("1.6.18", &exact), &f->options, 1000000000);
    assert_true(exact);
    md_model_open(f->m, 0);
    return f;
}

static inline int fixture_teardown(void **state) {
    struct fixture *f = *state;
    md_reply_free(&f->r);
    md_model_free(f->m);
    free(f);
    return 0;
}

/* What the model says to these bytes; to be used before the next feed. */
static inline const char *fixture_feed(struct fixture *f, unsigned conn, const void *bytes,
                                       size_t n) {
    assert_int_equal(md_model_feed(f->m, conn, bytes, n, &f->r), MD_FEED_OK);
    return md_buf_cstr(&f->r.bytes);
}

static inline void expect_on(struct fixture *f, unsigned conn, const char *bytes,
                             const char *reply) {
    assert_string_equal(fixture_feed(f, conn, bytes, strlen(bytes)), reply);
}

static inline void expect(struct fixture *f, const char *bytes, const char *reply) {
    expect_on(f, 0, bytes, reply);
}

#endif
