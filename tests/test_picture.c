/*
 * Pictures of a run: what went is marked, hostile keys stay text, any trace makes a document of a
 * bounded size that says what it leaves out, and the committed picture is the one made today.
 */
#include "harness/picture.h"

#include "harness/artifact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the headers above. */
#include <cmocka.h>

#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <libxml/xpathInternals.h>
#include <unistd.h>

/* ---- making and reading a picture ------------------------------------------------------------ */

struct seen {
    struct md_trace trace;
    struct md_picture picture;
    struct md_buf svg, why;
    xmlDocPtr doc;
    xmlXPathContextPtr xpath;
};

/* Plays the trace on the model alone, in the pieces that a node would read. */
static void send_step(struct seen *s, struct md_model *m, size_t i, struct md_reply *reply) {
    const struct md_step *step = &s->trace.steps[i];
    struct md_buf bytes = {0};
    md_step_resolve(step, m, SIZE_MAX, &bytes);
    if (!md_model_is_open(m, step->conn))
        md_model_open(m, step->conn);
    size_t at = 0;
    do {
        size_t n = bytes.len - at < MD_READ_BUFFER ? bytes.len - at : MD_READ_BUFFER;
        if (n)
            assert_int_equal(md_model_feed(m, step->conn, bytes.data + at, n, reply), MD_FEED_OK);
        md_picture_step(&s->picture, &s->trace, i, reply, NULL, 0, m);
        at += n;
    } while (at < bytes.len);
    md_buf_free(&bytes);
}

static void play(struct seen *s) {
    bool exact;
    struct md_model *m =
        md_model_new(md_profile_find("1.6.18", &exact), &s->trace.options.model, MD_START_TIME);
    struct md_reply reply = {0};
    for (size_t i = 0; i < s->trace.n_steps; i++) {
        const struct md_step *step = &s->trace.steps[i];
        reply.n_commands = reply.bytes.len = 0;
        if (step->kind == MD_STEP_SEND) {
            send_step(s, m, i, &reply);
            continue;
        }
        if (step->kind == MD_STEP_CLOCK)
            md_model_advance(m, step->seconds);
        else if (step->kind == MD_STEP_OPEN)
            md_model_open(m, step->conn);
        else
            md_model_reboot(m);
        md_picture_step(&s->picture, &s->trace, i, &reply, NULL, 0, m);
    }
    md_reply_free(&reply);
    md_model_free(m);
}

static void read_back(struct seen *s) {
    assert_true(md_picture_draw(&s->picture, &s->svg, &s->why));
    s->doc = xmlReadMemory((const char *)s->svg.data, (int)s->svg.len, "picture.svg", NULL,
                           XML_PARSE_NONET | XML_PARSE_HUGE);
    assert_non_null(s->doc);
    s->xpath = xmlXPathNewContext(s->doc);
    xmlXPathRegisterNs(s->xpath, BAD_CAST "s", BAD_CAST "http://www.w3.org/2000/svg");
    for (size_t i = 0; i < s->svg.len; i++) /* nothing but what any reader takes */
        assert_true(s->svg.data[i] == '\n' || (s->svg.data[i] >= ' ' && s->svg.data[i] < 0x7f));
}

static void see(struct seen *s, const char *text, const struct md_verdict *v) {
    struct md_trace_error error;
    struct md_verdict agreed = {.kind = MD_AGREE};
    *s = (struct seen){0};
    md_trace_init(&s->trace);
    if (!md_trace_parse(&s->trace, text, strlen(text), &error))
        fail_msg("%u:%u: %s", error.line, error.column, error.message);
    md_picture_begin(&s->picture, &s->trace);
    play(s);
    md_picture_end(&s->picture, v ? v : &agreed);
    read_back(s);
}

static void forget(struct seen *s) {
    xmlXPathFreeContext(s->xpath);
    xmlFreeDoc(s->doc);
    md_picture_free(&s->picture);
    md_trace_free(&s->trace);
    md_buf_free(&s->svg);
    md_buf_free(&s->why);
}

static size_t count(const struct seen *s, const char *path) {
    xmlXPathObjectPtr found = xmlXPathEvalExpression(BAD_CAST path, s->xpath);
    assert_non_null(found);
    size_t n = found->nodesetval ? (size_t)found->nodesetval->nodeNr : 0;
    xmlXPathFreeObject(found);
    return n;
}

static bool says(const struct seen *s, const char *words) {
    return memmem(s->svg.data, s->svg.len, words, strlen(words)) != NULL;
}

/* Items, victims and the rest of the table: everything but the legend. */
#define CELL "//s:g[starts-with(@class, 'cell')]"
#define BOXES CELL "//s:rect[starts-with(@class, 'item')]"

/* ---- what is marked -------------------------------------------------------------------------- */

/* A class with room for five items of this size, one page of it (-m 1). */
#define FIVE "memdiverge-trace 1\nnode -I 512k -m 1\n"
#define FILL "{fill 200000 61}\\r\\n"

static void victim_and_reclaimed(void **state) {
    struct seen s;
    (void)state;
    see(&s,
        FIVE "send 0 \"set a 0 0 200000\\r\\n" FILL "set b 0 0 200000\\r\\n" FILL
             "set c 0 100 200000\\r\\n" FILL "set d 0 0 200000\\r\\n" FILL
             "set e 0 0 200000\\r\\n" FILL "\"\n"
             "send 0 \"set other 0 0 1\\r\\nx\\r\\n\"\n"
             "clock 61\n"
             "send 0 \"get a\\r\\n\"\n"
             "send 0 \"set f 0 0 200000\\r\\n" FILL "\"\n"
             "clock 60\n"
             "send 0 \"set g 0 0 200000\\r\\n" FILL "\"\n",
        NULL);
    /* set x 5, set other, get, set f, time (c expires), set g: the first clock step is a mark */
    assert_int_equal(s.picture.n_columns, 6);
    assert_int_equal(count(&s, "//s:g[@class='step']"), 6);
    assert_int_equal(count(&s, "//s:text[@class='clockword'][.='+61 s']"), 1);
    assert_int_equal(count(&s, "//s:text[@class='clockword'][.='+60 s']"), 1);
    assert_int_equal(count(&s, "//s:rect[@class='evicted']"), 1);
    assert_int_equal(count(&s, "//s:g[s:rect[@class='evicted']]/s:text[.='b']"), 1);
    assert_int_equal(count(&s, "//s:line[@class='cross']"), 2);
    assert_int_equal(count(&s, "//s:rect[@class='reclaimed']"), 1);
    assert_int_equal(count(&s, "//s:g[s:rect[@class='reclaimed']]/s:text[.='c']"), 1);
    assert_int_equal(count(&s, CELL "//s:rect[@class='item dead']"), 1);
    /* the way of a from the tail to the head */
    assert_int_equal(count(&s, "//s:path[@class='way']"), 1);
    assert_int_equal(count(&s, BOXES "/../s:title[starts-with(., 'a: 200060 bytes, came to the "
                                     "head 0 s ago from its old place')]"),
                     1);
    /* each queue has one tail: 6 columns of the large class, 5 of the small */
    assert_int_equal(count(&s, CELL "//s:rect[@class='tail']"), 11);
    assert_int_equal(count(&s, "//s:text[.='+1 page']"), 2);
    assert_true(says(&s, "Step 5 (set f): class 35, b evicted."));
    assert_true(says(&s, "In all 1 items were evicted, 1 reclaimed."));
    forget(&s);
}

static void a_large_value_is_one_step(void **state) {
    struct seen s;
    (void)state;
    see(&s, FIVE "send 0 \"set a 0 0 200000\\r\\n" FILL "\"\nopen 1\nsend 0 \"\"\nclock 5\n", NULL);
    assert_int_equal(s.picture.n_columns, 1);
    assert_string_equal(s.picture.column[0].command, "set a");
    assert_string_equal(s.picture.column[0].reply, "STORED");
    forget(&s);
}

static void how_it_ended(void **state) {
    static const char text[] = FIVE "send 0 \"set a 0 0 1\\r\\nx\\r\\n\"\nsend 0 \"get a\\r\\n\"\n";
    struct md_verdict v = {.kind = MD_DIVERGED, .step = 1, .signature = "get.value.miss.get-hit"};
    struct seen s;
    (void)state;
    see(&s, text, &v);
    assert_true(says(&s, "The node differs in step 2: get.value.miss.get-hit."));
    assert_int_equal(count(&s, "//s:g[@class='step']/s:text[.='node differs']"), 1);
    forget(&s);
    v.kind = MD_UNMODELLED;
    see(&s, text, &v);
    assert_true(says(&s, "Drawn up to step 2, which goes beyond the model."));
    assert_int_equal(s.picture.n_columns, 1);
    forget(&s);
}

static void nothing_at_all(void **state) {
    struct seen s;
    (void)state;
    see(&s, "memdiverge-trace 1\n", NULL);
    assert_int_equal(s.picture.n_columns, 0);
    forget(&s);
}

/* ---- hostile traces -------------------------------------------------------------------------- */

static void hostile_keys(void **state) {
    struct seen s;
    (void)state;
    see(&s,
        "memdiverge-trace 1\n# <script>alert(\"1\")</script> & \xff\xc3\n"
        "send 0 \"set \\x01\\x1b<\\\"&'>\\xff 0 0 1\\r\\nx\\r\\n\"\n"
        "send 0 \"set ]]>{fill 240 3c} 0 0 1\\r\\nx\\r\\nset &#0;&lt; 0 0 1\\r\\nx\\r\\n\"\n"
        "send 0 \"<!--%s%n\\x00\\r\\n\"\n",
        NULL);
    assert_int_equal(count(&s, BOXES), 1 + 3 + 3);
    assert_int_equal(count(&s, "//*[local-name()='script']"), 0);
    /* as the trace format escapes it, and nothing lost */
    assert_true(count(&s, "//s:title[contains(., concat('\\x01\\x1b<\\\"&', \"'\", '>\\xff: '))]"));
    assert_true(count(&s, "//s:title[starts-with(., ']]><<<<<<<<<<')][string-length(.) > 240]"));
    assert_true(count(&s, "//s:title[starts-with(., '&#0;&lt;: ')]"));
    assert_int_equal(count(&s, "/s:svg/s:title[starts-with(., '<script>')]"), 1);
    forget(&s);
}

/* 24 classes, hundreds of steps, thousands of evictions. */
static void make_flood(struct md_buf *text) {
    md_buf_str(text, "memdiverge-trace 1\nnode -I 512k -m 1\n");
    for (unsigned i = 0; i < 24; i++)
        md_buf_printf(text, "send 0 \"set c%u 0 0 %u\\r\\n{fill %u 78}\\r\\n\"\n", i,
                      60u << (i / 2), 60u << (i / 2));
    for (unsigned i = 0; i < 150; i++) {
        md_buf_str(text, "send 0 \"");
        for (unsigned j = 0; j < 40; j++)
            md_buf_printf(text, "set k%u.%u{fill 200 22} 0 0 8000\\r\\n{fill 8000 78}\\r\\n", i, j);
        md_buf_str(text, "\"\nsend 0 \"get c0\\r\\n\"\nclock 1000\n");
    }
}

static void any_trace_is_bounded(void **state) {
    struct md_buf text = {0};
    struct seen s;
    (void)state;
    make_flood(&text);
    see(&s, md_buf_cstr(&text), NULL);
    assert_int_equal(count(&s, "//s:g[@class='step']"), MD_PICTURE_COLUMNS);
    assert_true(count(&s, CELL) <= MD_PICTURE_COLUMNS * MD_PICTURE_CLASSES);
    assert_int_equal(count(&s, "//s:text[@class='bold'][starts-with(., 'slab class')]"),
                     MD_PICTURE_CLASSES);
    assert_int_equal(count(&s, CELL "[count(.//s:rect[starts-with(@class, 'item')]) > 12]"), 0);
    assert_int_equal(count(&s, CELL "[count(.//s:rect[@class='evicted']) > 4]"), 0);
    assert_true(count(&s, CELL "/s:text[starts-with(., '... ') and contains(., ' more')]") > 0);
    assert_true(s.svg.len < 4 << 20);
    /* what is left out is told, and adds up */
    assert_int_equal(s.picture.n_columns + s.picture.skipped, 24 + 300);
    assert_true(s.picture.evicted > 5000);
    uint64_t shown = 0, skipped = 0, seconds = s.picture.seconds;
    for (size_t i = 0; i < s.picture.n_columns; i++) {
        shown += s.picture.column[i].evicted;
        skipped += s.picture.column[i].skipped;
        seconds += s.picture.column[i].seconds;
    }
    assert_int_equal(shown + s.picture.skipped_removals, s.picture.evicted);
    assert_int_equal(skipped, s.picture.skipped);
    assert_int_equal(seconds, 150 * 1000);
    assert_true(says(&s, "Left out: 300 steps, in which "));
    assert_true(says(&s, " slab classes in which less happened."));
    forget(&s);
    md_buf_free(&text);
}

/* Gathering looks at every item after every step: that must end somewhere, and be told. */
static void too_much_is_told(void **state) {
    struct md_buf text = {0};
    struct seen s;
    (void)state;
    md_buf_str(&text, "memdiverge-trace 1\nsend 0 \"");
    for (unsigned i = 0; i < 5000; i++)
        md_buf_printf(&text, "set k%u 0 0 0\\r\\n\\r\\n", i);
    md_buf_str(&text, "\"\n");
    for (unsigned i = 0; i < MD_PICTURE_LOOKS / 5000 + 10; i++)
        md_buf_str(&text, "send 0 \"get x\\r\\n\"\n");
    see(&s, md_buf_cstr(&text), NULL);
    assert_true(s.picture.looks < MD_PICTURE_LOOKS + 5001);
    assert_true(says(&s, "the rest is too much for a picture; shrink the trace first."));
    forget(&s);
    md_buf_free(&text);
}

/* What went in a step is not told again of the next, which sends nothing. */
static void an_empty_step_is_no_event(void **state) {
    struct md_buf text = {0};
    struct seen s;
    (void)state;
    md_buf_str(&text, FIVE);
    for (unsigned i = 0; i < 5; i++)
        md_buf_printf(&text, "send 0 \"set k%u 0 0 200000\\r\\n" FILL "\"\n", i);
    md_buf_str(&text, "send 0 \"set k 0 0 200000\\r\\n\"\n"
                      "send 0 \"\"\nsend 0 \"{block}{/block}{fill 0 61}\"\nopen 1\nclock 1\n");
    see(&s, md_buf_cstr(&text), NULL);
    assert_int_equal(s.picture.evicted, 1);
    assert_int_equal(s.picture.n_columns, 6);
    forget(&s);
    md_buf_free(&text);
}

/* A step that moves an item says more than one that adds another. */
static void moves_matter_more_than_new_items(void **state) {
    struct md_buf text = {0};
    struct seen s;
    (void)state;
    md_buf_str(&text, FIVE);
    for (unsigned i = 0; i < 100; i++) {
        md_buf_printf(&text, "send 0 \"set k%u 0 0 1\\r\\nx\\r\\n\"\n", i);
        if (i == 9)
            md_buf_str(&text, "clock 61\nsend 0 \"get k3\\r\\n\"\n");
    }
    see(&s, md_buf_cstr(&text), NULL);
    assert_int_equal(count(&s, "//s:g[@class='step']/s:text[.='get k3']"), 1);
    forget(&s);
    md_buf_free(&text);
}

/* Of too many steps those stay in which something went. */
static void steps_that_matter_stay(void **state) {
    struct md_buf text = {0};
    struct seen s;
    (void)state;
    md_buf_str(&text, FIVE);
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned j = 0; j < 30; j++)
            md_buf_str(&text, "send 0 \"get nothing\\r\\n\"\n");
        md_buf_printf(&text, "send 0 \"set k%u 0 0 200000\\r\\n" FILL "\"\n", i);
    }
    for (unsigned j = 0; j < 100; j++)
        md_buf_str(&text, "send 0 \"get nothing\\r\\n\"\n");
    see(&s, md_buf_cstr(&text), NULL);
    assert_int_equal(count(&s, "//s:rect[@class='evicted']"), 1);
    assert_int_equal(count(&s, "//s:g[@class='step']/s:text[starts-with(., 'set k')]"), 6);
    assert_int_equal(s.picture.column[0].step, 0);
    assert_int_equal(s.picture.column[MD_PICTURE_COLUMNS - 1].step, s.trace.n_steps - 1);
    forget(&s);
    md_buf_free(&text);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void no_file_no_picture(void **state) {
    struct seen s;
    (void)state;
    see(&s, "memdiverge-trace 1\nsend 0 \"set a 0 0 1\\r\\nx\\r\\n\"\n", NULL);
    assert_false(md_picture_write(&s.picture, "/nonexistent/picture.svg", &s.why));
    assert_non_null(strstr(md_buf_cstr(&s.why), "/nonexistent/picture.svg"));
    forget(&s);
}

/* docs/eviction.svg is what `show --svg` makes of its trace, on a real node that agrees with it. */
static void committed_picture(void **state) {
    const char *corpus = getenv("MEMDIVERGE_CORPUS"), *node = getenv("MEMDIVERGE_NODE");
    struct md_runner_config config = {.node = {.binary = node, .cpu = -1}};
    struct md_observer gather = {.step = md_picture_step};
    struct md_verdict v = {0};
    struct md_trace_error error;
    struct md_buf committed = {0};
    struct seen s = {0};
    (void)state;
    if (!corpus || !node)
        skip();
    char *trace = md_path(corpus, "eviction/picture.trace"),
         *svg = md_path(corpus, "../docs/eviction.svg");
    md_trace_init(&s.trace);
    assert_true(md_trace_load(&s.trace, trace, &error));
    struct md_runner *r = md_runner_new(&config, &s.why);
    assert_non_null(r);
    gather.ctx = &s.picture;
    md_picture_begin(&s.picture, &s.trace);
    assert_int_equal(md_runner_run_fresh(r, &s.trace, &v, &gather), MD_AGREE);
    md_picture_end(&s.picture, &v);
    read_back(&s);
    assert_true(md_artifact_read(svg, 1 << 20, &committed, &s.why));
    if (committed.len != s.svg.len || memcmp(committed.data, s.svg.data, s.svg.len) != 0)
        fail_msg("docs/eviction.svg is out of date: docs/eviction.md says how to make it anew");
    md_runner_free(r);
    md_verdict_free(&v);
    md_buf_free(&committed);
    free(trace);
    free(svg);
    forget(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(victim_and_reclaimed),
        cmocka_unit_test(a_large_value_is_one_step),
        cmocka_unit_test(how_it_ended),
        cmocka_unit_test(nothing_at_all),
        cmocka_unit_test(hostile_keys),
        cmocka_unit_test(any_trace_is_bounded),
        cmocka_unit_test(steps_that_matter_stay),
        cmocka_unit_test(no_file_no_picture),
        cmocka_unit_test(an_empty_step_is_no_event),
        cmocka_unit_test(too_much_is_told),
        cmocka_unit_test(moves_matter_more_than_new_items),
        cmocka_unit_test(committed_picture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
