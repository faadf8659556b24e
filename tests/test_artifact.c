/*
 * Files that are whole or not there; output folders that belong to one campaign; lists of traces in
 * the order of their names; JUnit that a parser takes; the page that two processes share.
 */
#include "harness/artifact.h"
#include "harness/corpus.h"
#include "harness/junit.h"
#include "harness/page.h"
#include "harness/triage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the headers above. */
#include <cmocka.h>

#include <fcntl.h>
#include <libxml/parser.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
    char dir[64];
    struct md_buf why;
};

static int arrive(void **state) {
    struct place *p = md_calloc(1, sizeof *p);
    strcpy(p->dir, "/tmp/memdiverge-test.XXXXXX");
    *state = p;
    return mkdtemp(p->dir) ? 0 : -1;
}

static int leave(void **state) {
    struct place *p = *state;
    md_artifact_remove(p->dir);
    bool gone = access(p->dir, F_OK) != 0;
    md_buf_free(&p->why);
    free(p);
    return gone ? 0 : -1;
}

static void put(const char *dir, const char *name, const char *text) {
    struct md_buf why = {0};
    char *path = md_path(dir, "%s", name);
    assert_true(md_artifact_write(path, text, strlen(text), 0644, &why));
    free(path);
    md_buf_free(&why);
}

static void holds(const char *dir, const char *name, const char *text) {
    struct md_buf got = {0}, why = {0};
    char *path = md_path(dir, "%s", name);
    assert_true(md_artifact_read(path, 1000, &got, &why));
    assert_string_equal(md_buf_cstr(&got), text);
    free(path);
    md_buf_free(&got);
    md_buf_free(&why);
}

/* ---- files -------------------------------------------------------------------------------- */

static void is_replaced_whole(void **state) {
    struct place *p = *state;
    struct stat st;
    put(p->dir, "a", "one");
    put(p->dir, "a", "another");
    holds(p->dir, "a", "another");
    char *path = md_path(p->dir, "a");
    assert_true(md_artifact_write(path, "", 0, 0755, &p->why));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 0);
    free(path);
}

/* In a process of its own: the limit stays with whoever sets it. */
static void write_beyond_limit(const char *dir) {
    struct rlimit limit = {16, 16};
    struct md_buf why = {0};
    char *path = md_path(dir, "a");
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    bool ok = md_artifact_write(path, "more than sixteen bytes", 23, 0644, &why);
    bool told = strstr(md_buf_cstr(&why), "ulimit -f") && strstr(md_buf_cstr(&why), path);
    _exit(!ok && told ? 0 : 1);
}

static void is_kept_when_the_disk_is_full(void **state) {
    struct place *p = *state;
    struct md_corpus left = {0};
    int status = 0;
    put(p->dir, "a", "old");
    pid_t pid = fork();
    if (pid == 0)
        write_beyond_limit(p->dir);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    holds(p->dir, "a", "old");
    assert_true(md_corpus_add(&left, p->dir, &p->why));
    assert_int_equal(left.n, 1); /* no half-written file beside it */
    md_corpus_free(&left);
}

static void refuses_with_a_reason(void **state) {
    struct place *p = *state;
    put(p->dir, "file", "x");
    char *below = md_path(p->dir, "file/below");
    assert_false(md_artifact_write(below, "x", 1, 0644, &p->why));
    assert_non_null(strstr(md_buf_cstr(&p->why), "file/below: Not a directory"));
    p->why.len = 0;
    assert_false(md_artifact_folder(below, &p->why));
    assert_non_null(strstr(md_buf_cstr(&p->why), "Not a directory"));
    struct md_buf text = {0};
    char *file = md_path(p->dir, "file");
    assert_false(md_artifact_read(file, 0, &text, &p->why));
    assert_false(md_artifact_read(p->dir, 100, &text, &p->why));
    md_buf_free(&text);
    free(below);
    free(file);
}

static void leaves_devices_alone(void **state) {
    struct place *p = *state;
    struct stat st;
    assert_true(md_artifact_write("/dev/null", "x", 1, 0644, &p->why));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void removes_links_not_what_they_name(void **state) {
    struct place *p = *state;
    char *deep = md_path(p->dir, "tree/a/b"), *tree = md_path(p->dir, "tree");
    char *link = md_path(p->dir, "tree/a/link"), *kept = md_path(p->dir, "kept");
    assert_true(md_artifact_folder(deep, &p->why));
    assert_true(md_artifact_folder(kept, &p->why));
    put(p->dir, "kept/file", "x");
    assert_int_equal(symlink(kept, link), 0);
    md_artifact_remove(tree);
    assert_int_not_equal(access(tree, F_OK), 0);
    holds(p->dir, "kept/file", "x");
    free(deep);
    free(tree);
    free(link);
    free(kept);
}

/* ---- folders ------------------------------------------------------------------------------ */

static void belongs_to_one_campaign(void **state) {
    struct place *p = *state;
    char *out = md_path(p->dir, "a/b/out");
    int first, second;
    assert_int_equal(md_artifact_lock(out, &first, &p->why), MD_LOCK_TAKEN);
    assert_int_equal(md_artifact_lock(out, &second, &p->why), MD_LOCK_BUSY);
    assert_non_null(strstr(md_buf_cstr(&p->why), "another campaign"));
    close(first);
    put(out, "something", "x");
    assert_int_equal(md_artifact_lock(out, &second, &p->why), MD_LOCK_TAKEN);
    close(second);
    char *foreign = md_path(p->dir, "a");
    assert_int_equal(md_artifact_lock(foreign, &second, &p->why), MD_LOCK_FOREIGN);
    assert_int_equal(second, -1);
    char *below = md_path(p->dir, "a/b/out/something/x");
    assert_int_equal(md_artifact_lock(below, &second, &p->why), MD_LOCK_FAILED);
    free(below);
    free(foreign);
    free(out);
}

static void finds_traces_in_order(void **state) {
    struct place *p = *state;
    struct md_corpus c = {0};
    static const char *const want[] = {"/a.trace", "/b/a.trace", "/b/c/z.trace", "/d.trace"};
    char *deep = md_path(p->dir, "b/c"), *hidden = md_path(p->dir, ".git");
    assert_true(md_artifact_folder(deep, &p->why));
    assert_true(md_artifact_folder(hidden, &p->why));
    assert_true(md_corpus_add(&c, deep, &p->why));
    assert_int_equal(c.n, 0);
    put(p->dir, "d.trace", "");
    put(p->dir, "b/c/z.trace", "");
    put(p->dir, "a.trace", "");
    put(p->dir, "b/a.trace", "");
    put(p->dir, "README", "");
    put(p->dir, ".git/x.trace", "");
    assert_true(md_corpus_add(&c, p->dir, &p->why));
    assert_int_equal(c.n, 4);
    for (size_t i = 0; i < c.n; i++)
        assert_string_equal(c.path[i] + strlen(p->dir), want[i]);
    assert_false(md_corpus_add(&c, "/nowhere/at/all", &p->why));
    md_corpus_free(&c);
    free(deep);
    free(hidden);
}

/* A fuzzer's corpus: names without an ending. */
static void finds_all_files_where_none_is_named_a_trace(void **state) {
    struct place *p = *state;
    struct md_corpus c = {0};
    put(p->dir, "0beec7b5ea3f", "");
    put(p->dir, ".lock", "");
    assert_true(md_corpus_add(&c, p->dir, &p->why));
    assert_int_equal(c.n, 1);
    md_corpus_free(&c);
}

static void knows_the_names_of_found_traces(void **state) {
    struct md_found f;
    (void)state;
    assert_true(md_found_name("out", "get.value-x.differs-0-12.trace", &f));
    assert_string_equal(f.signature, "get.value-x.differs");
    assert_string_equal(f.path, "out/found/get.value-x.differs-0-12.trace");
    assert_false(md_found_name("out", "get.value-0-12.trace.99.tmp", &f));
    assert_false(md_found_name("out", "get.value-0-12.window", &f));
    assert_false(md_found_name("out", "-0-12.trace", &f));
    assert_false(md_found_name("out", ".trace", &f));
    assert_false(md_found_name("out", ".hidden-0-1.trace", &f));
}

/* ---- JUnit -------------------------------------------------------------------------------- */

static void is_xml_whatever_it_says(void **state) {
    struct place *p = *state;
    struct md_junit j = {0};
    char *path = md_path(p->dir, "junit.xml");
    md_junit_add(&j, "a/b.trace", MD_JUNIT_PASSED, 0.5, NULL, NULL);
    md_junit_add(&j, "b<&>.trace", MD_JUNIT_FAILED, 0, "\x01 <]]> \"&\"", "text\n\x7f\x1b[31m");
    md_junit_add(&j, "c\xff\xfe.trace", MD_JUNIT_SKIPPED, 0, "not \xc3 utf-8", NULL);
    md_junit_add(&j, "d.trace", MD_JUNIT_ERROR, 0, "", "");
    assert_true(md_junit_write(&j, path, &p->why));
    xmlDocPtr doc = xmlReadFile(path, NULL, XML_PARSE_NONET);
    assert_non_null(doc);
    xmlNodePtr suite = xmlFirstElementChild(xmlDocGetRootElement(doc));
    xmlChar *tests = xmlGetProp(suite, BAD_CAST "tests");
    xmlChar *failures = xmlGetProp(suite, BAD_CAST "failures");
    assert_string_equal(tests, "4");
    assert_string_equal(failures, "1");
    assert_int_equal(xmlChildElementCount(suite), 4);
    xmlFree(tests);
    xmlFree(failures);
    xmlFreeDoc(doc);
    xmlCleanupParser();
    md_junit_free(&j);
    free(path);
}

/* ---- the page ----------------------------------------------------------------------------- */

static void is_seen_by_the_other_side(void **state) {
    struct place *p = *state;
    int fd, status = 0;
    struct md_page *page = md_page_new(2, &fd, &p->why);
    struct md_tally tally = {.inputs = 3}, sum = {.inputs = 1};
    assert_non_null(page);
    tally.counts.commands = 5;
    tally.fired.quirk[MD_QUIRKS - 1] = 7;
    pid_t pid = fork();
    if (pid == 0) {
        struct md_page *mine = md_page_attach(fd);
        if (!mine)
            _exit(1);
        md_page_publish(&mine->slot[1], &tally);
        md_page_input(&mine->slot[1], "hello", 5);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct md_tally got;
    assert_true(md_page_read(&page->slot[1], &got));
    md_tally_add(&sum, &got);
    assert_int_equal(sum.inputs, 4);
    assert_int_equal(sum.counts.commands, 5);
    assert_int_equal(sum.fired.quirk[MD_QUIRKS - 1], 7);
    assert_int_equal(page->slot[1].input_len, 5);
    assert_memory_equal(page->slot[1].input, "hello", 5);
    /* A worker that was killed in the middle of publishing must not stop the supervisor. */
    page->slot[0].sequence = 1;
    assert_false(md_page_read(&page->slot[0], &got));
    md_page_publish(&page->slot[0], &tally);
    assert_true(md_page_read(&page->slot[0], &got));
    md_page_free(page);
    close(fd);
}

static void refuses_a_page_of_another_build(void **state) {
    struct place *p = *state;
    int fd;
    struct md_page *page = md_page_new(1, &fd, &p->why);
    assert_non_null(page);
    page->slots = 2;
    assert_null(md_page_attach(fd));
    page->slots = 1;
    page->magic++;
    assert_null(md_page_attach(fd));
    md_page_free(page);
    close(fd);
    fd = open("/dev/null", O_RDWR);
    assert_null(md_page_attach(fd));
    assert_null(md_page_attach(-1));
    close(fd);
}

#define WITH_PLACE(f) cmocka_unit_test_setup_teardown(f, arrive, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_PLACE(is_replaced_whole),
        WITH_PLACE(is_kept_when_the_disk_is_full),
        WITH_PLACE(refuses_with_a_reason),
        WITH_PLACE(leaves_devices_alone),
        WITH_PLACE(removes_links_not_what_they_name),
        WITH_PLACE(belongs_to_one_campaign),
        WITH_PLACE(finds_traces_in_order),
        WITH_PLACE(finds_all_files_where_none_is_named_a_trace),
        cmocka_unit_test(knows_the_names_of_found_traces),
        WITH_PLACE(is_xml_whatever_it_says),
        WITH_PLACE(is_seen_by_the_other_side),
        WITH_PLACE(refuses_a_page_of_another_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
