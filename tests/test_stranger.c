/*
 * Servers of somebody else: nothing forbidden is ever said to one, a planted difference is found, a
 * command that is not known is learned and left out, and nothing of ours stays. The server is the
 * model behind a socket of this test, which records every byte and has something planted in it; the
 * client is the program itself.
 */
#include "harness/artifact.h"
#include "harness/generate.h"
#include "harness/polite.h"
#include "model/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLIENTS = 64, WORDS_MAX = 16, SAID_MAX = 1 << 20 };

struct fixture {
    char folder[64], socket[108], record[108], out[108];
    pid_t server;
    char said[SAID_MAX]; /* by the program */
};

/* ---- the server ----------------------------------------------------------------------------- */

/* Every line that begins with `from` is read as one that begins with `to`, of the same length. */
struct planted {
    const char *from, *to;
};

static void twist(const struct planted *p, uint8_t *bytes, size_t n) {
    size_t len = strlen(p->from);
    for (size_t at = 0; at + len <= n; at++)
        if ((at == 0 || bytes[at - 1] == '\n') && memcmp(bytes + at, p->from, len) == 0)
            memcpy(bytes + at, p->to, len);
}

static void answer(struct md_model *m, unsigned number, int fd, uint8_t *bytes, size_t n) {
    struct md_reply r = {0};
    if (md_model_feed(m, number, bytes, n, &r) == MD_FEED_UNMODELLED || r.closed)
        md_model_close(m, number);
    for (size_t at = 0; at < r.bytes.len;) {
        ssize_t sent = send(fd, r.bytes.data + at, r.bytes.len - at, MSG_NOSIGNAL);
        if (sent <= 0)
            break;
        at += (size_t)sent;
    }
    md_model_tidy(m);
    md_reply_free(&r);
}

static void serve(int listener, int record, const struct planted *planted) {
    struct md_options o;
    struct md_process process = {.library = "none"};
    struct pollfd fds[CLIENTS + 1] = {{.fd = listener, .events = POLLIN}};
    static uint8_t bytes[MD_READ_BUFFER];
    bool exact;
    md_options_default(&o);
    struct md_model *m = md_model_new(md_profile_find("", &exact), &o, 1000000000);
    md_model_serve(m, &process);
    for (unsigned i = 1; i <= CLIENTS; i++)
        fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    for (;;) {
        poll(fds, CLIENTS + 1, -1);
        for (unsigned i = 1; i <= CLIENTS && fds[0].revents; i++)
            if (fds[i].fd < 0) {
                fds[i].fd = accept(listener, NULL, NULL);
                fds[i].revents = 0;
                md_model_open(m, i - 1);
                break;
            }
        for (unsigned i = 1; i <= CLIENTS; i++) {
            if (fds[i].fd < 0 || !fds[i].revents)
                continue;
            ssize_t n = recv(fds[i].fd, bytes, sizeof bytes, 0);
            if (n > 0 && write(record, bytes, (size_t)n) == n) {
                twist(planted, bytes, (size_t)n);
                answer(m, i - 1, fds[i].fd, bytes, (size_t)n);
            }
            if (n <= 0 || !md_model_is_open(m, i - 1)) {
                md_model_close(m, i - 1);
                close(fds[i].fd);
                fds[i].fd = -1;
            }
        }
    }
}

static void start_server(struct fixture *f, const char *from, const char *to) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct planted planted = {from, to};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", f->socket);
    unlink(f->socket);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 16), 0);
    int record = open(f->record, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    f->server = fork();
    if (f->server == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(fd, record, &planted);
    }
    close(record);
    close(fd);
}

static void stop_server(struct fixture *f) {
    if (f->server > 0) {
        kill(f->server, SIGKILL);
        waitpid(f->server, NULL, 0);
    }
    f->server = 0;
}

/* ---- the program ---------------------------------------------------------------------------- */

/* Runs `memdiverge WORDS...`; what it says is in f->said. Returns the exit code. */
static int program(struct fixture *f, const char *const *words) {
    char *md = getenv("MEMDIVERGE"), *argv[WORDS_MAX + 2] = {md};
    int out[2], status;
    size_t n = 0;
    assert_non_null(md);
    for (int i = 0; words[i]; i++)
        argv[1 + i] = (char *)words[i];
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        dup2(out[1], 2);
        close(out[0]);
        close(out[1]);
        execv(md ? md : "", argv);
        _exit(127);
    }
    close(out[1]);
    for (ssize_t r; n < SAID_MAX - 1 && (r = read(out[0], f->said + n, SAID_MAX - 1 - n)) > 0;)
        n += (size_t)r;
    f->said[n] = 0;
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int campaign(struct fixture *f, const char *runs) {
    return program(f, (const char *const[]){"run", "--connect", f->socket, "--runs", runs, "--jobs",
                                            "1", "--seed", "3", "--out", f->out, NULL});
}

static void expect_said(const struct fixture *f, const char *words) {
    if (!strstr(f->said, words))
        fail_msg("no word of '%s':\n%s", words, f->said);
}

static int setup(void **state) {
    struct fixture *f = md_calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/memdiverge-test-stranger-XXXXXX");
    *state = f;
    if (!mkdtemp(f->folder))
        return -1;
    snprintf(f->socket, sizeof f->socket, "%s/socket", f->folder);
    snprintf(f->record, sizeof f->record, "%s/record", f->folder);
    snprintf(f->out, sizeof f->out, "%s/out", f->folder);
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    stop_server(f);
    md_artifact_remove(f->folder);
    free(f);
    return 0;
}

/* ---- what was said -------------------------------------------------------------------------- */

static bool is_one_of(const char *word, size_t n, const char *const *list) {
    for (; *list; list++)
        if (strlen(*list) == n && memcmp(word, *list, n) == 0)
            return true;
    return false;
}

/* Written apart from what is tested: reads commands as a server does, and knows few of them. */
static void check_said(const uint8_t *bytes, size_t n, const char *prefix) {
    static const char *const stores[] = {"set", "add", "replace", "append", "prepend", "cas", NULL};
    static const char *const others[] = {"get",  "gets",  "gat",     "gats", "delete", "incr",
                                         "decr", "touch", "version", "mn",   "quit",   NULL};
    static const char *const keyless[] = {"version", "mn", "quit", NULL};
    for (size_t at = 0; at < n;) {
        const char *line = (const char *)bytes + at;
        const char *end = memchr(line, '\n', n - at);
        assert_non_null(end);
        size_t len = (size_t)(end - line), word = strcspn(line, " \r\n");
        bool store = is_one_of(line, word, stores);
        if (!store && !is_one_of(line, word, others))
            fail_msg("said: %.*s", (int)len, line);
        at += len + 1;
        if (is_one_of(line, word, keyless))
            continue;
        bool touch = is_one_of(line, word, (const char *const[]){"gat", "gats", NULL});
        const char *key = touch ? memchr(line + 4, ' ', len - 4) : line + word;
        if (touch && line[3] == 's')
            key = memchr(line + 5, ' ', len - 5);
        assert_non_null(key);
        if (strncmp(key + 1, prefix, strlen(prefix)) != 0)
            fail_msg("a key of somebody else: %.*s", (int)len, line);
        unsigned long size;
        if (store && sscanf(key + 1, "%*s %*u %*d %lu", &size) == 1) {
            assert_true(size <= MD_POLITE_VALUE_MAX);
            at += size + 2;
            assert_true(at <= n);
        }
    }
}

static void read_record(const struct fixture *f, struct md_buf *b) {
    int fd = open(f->record, O_RDONLY);
    assert_true(fd >= 0);
    for (ssize_t r;; b->len += (size_t)r) {
        md_buf_reserve(b, 1 << 16);
        if ((r = read(fd, b->data + b->len, 1 << 16)) <= 0)
            break;
    }
    close(fd);
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* Whatever is generated, and whatever a trace asks for by hand. */
static void nothing_forbidden_gets_through(void **state) {
    enum { TRACES = 4000 };
    struct md_generate_config config;
    struct md_trace t, soft, strict;
    struct md_buf b = {0};
    size_t kept = 0;
    (void)state;
    md_generate_config_default(&config);
    md_trace_init(&t);
    md_trace_init(&soft);
    md_trace_init(&strict);
    bool exact;
    struct md_options o;
    md_options_default(&o);
    struct md_model *m = md_model_new(md_profile_find("", &exact), &o, 1000000000);
    for (uint64_t i = 0; i < TRACES; i++) {
        struct md_polite p = {.prefix = "", .wait = i % 2 ? 20 : 0};
        md_generate_for(i % 16 ? MD_TARGET_COMMANDS : MD_TARGET_EVICTION, &t, 5, i, &config);
        md_polite_trace(&p, &t, &soft);
        p.prefix = "ours-1:";
        p.strict = true;
        /* What was softened is fit, all of it. */
        assert_true(md_polite_trace(&p, &soft, &strict));
        assert_int_equal(soft.n_steps, strict.n_steps);
        assert_int_equal(strict.options.n_args, 0);
        for (size_t k = 0; k < strict.n_steps; k++) {
            md_buf_clear(&b);
            md_step_resolve(&strict.steps[k], m, SIZE_MAX, &b);
            check_said(b.data, b.len, "ours-1:");
            kept += strict.steps[k].kind == MD_STEP_SEND;
            assert_true(strict.steps[k].kind <= MD_STEP_CLOCK);
            assert_true(strict.steps[k].kind != MD_STEP_CLOCK || p.wait);
        }
    }
    assert_true(kept > TRACES);
    md_model_free(m);
    md_trace_free(&t);
    md_trace_free(&soft);
    md_trace_free(&strict);
    md_buf_free(&b);
}

static void what_is_fit_and_what_is_not(void **state) {
    static const struct {
        const char *text;
        bool fit;
    } cases[] = {
        {"get a\r\n", true},
        {"set a 1 0 2\r\nhi\r\n", true},
        {"set a 1 -1 2 noreply\r\nhi\r\n", true},
        {"gats 100 a b\r\n", true},
        {"incr a 1\r\n", true},
        {"set a 1 30 2\r\nhi\r\n", false}, /* might be seen to end */
        {"get a\n", false},
        {"get  a\r\n", false},
        {"get a \r\n", false},
        {"get a\\x00b\r\n", false},
        {"set a 1 0 2\r\nhix\r\n", false},
        {"set a 1 0 40000\r\n", false},
        {"set a 4294967296 0 1\r\nx\r\n", false},
        {"set a 0 1000000000 1\r\nx\r\n", false},
        {"set a 0 0 1 now\r\nx\r\n", false},
        {"cas a 0 0 1 5\r\nx\r\n", false},
        {"cas a 0 0 1 {cas a}\r\nx\r\n", true},
        {"cas a 0 0 1 {cas b}\r\nx\r\n", false},
        {"cas a 0 0 1 {cas a +1}\r\nx\r\n", false},
        {"incr a -1\r\n", false},
        {"flush_all\r\n", false},
        {"FLUSH_ALL\r\n", false},
        {"flush_all 0\r\n", false},
        {"shutdown\r\n", false},
        {"stats\r\n", false},
        {"stats reset\r\n", false},
        {"cache_memlimit 100\r\n", false},
        {"verbosity 1\r\n", false},
        {"lru mode flat\r\n", false},
        {"slabs reassign 1 2\r\n", false},
        {"lru_crawler crawl all\r\n", false},
        {"watch\r\n", false},
        {"set a 0 0 11\r\nflush_all\r\n\r\n", true}, /* a value is a value */
        {"set a 0 0 9\r\nflush_all\r\nflush_all\r\n", false},
        {"get a", false},
        {"quit\r\nget a\r\n", false},
        {"\\x80\\x08", false},
    };
    struct md_trace t, out;
    struct md_polite p = {.prefix = "ours:", .strict = true};
    (void)state;
    md_trace_init(&t);
    md_trace_init(&out);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct md_trace_error error;
        struct md_buf text = {0};
        md_buf_str(&text, "memdiverge-trace 1\nsend 0 \"");
        for (const char *c = cases[i].text; *c; c++)
            if (*c == '\r')
                md_buf_str(&text, "\\r");
            else if (*c == '\n')
                md_buf_str(&text, "\\n");
            else
                md_buf_byte(&text, (uint8_t)*c);
        md_buf_str(&text, "\"\n");
        if (!md_trace_parse(&t, text.data, text.len, &error))
            fail_msg("%s: %s", cases[i].text, error.message);
        if (md_polite_trace(&p, &t, &out) != cases[i].fit)
            fail_msg("%s: %s", cases[i].text, cases[i].fit ? "not fit" : "fit");
        md_buf_free(&text);
    }
    md_trace_free(&t);
    md_trace_free(&out);
}

static void a_good_server_is_left_in_peace(void **state) {
    struct fixture *f = *state;
    struct md_buf b = {0};
    start_server(f, "-", "-");
    assert_int_equal(campaign(f, "500"), 0);
    expect_said(f, "divergences  0");
    expect_said(f, "unconfirmed  0");
    if (strstr(f->said, "does not know"))
        fail_msg("%s", f->said);
    /* Nothing of ours is there any more. */
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char reply[4096] = "";
    size_t n = 0;
    snprintf(a.sun_path, sizeof a.sun_path, "%s", f->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    /* All that it heard, connection by connection, is mixed in the record; a write is whole commands, so it
     * can still be read. */
    read_record(f, &b);
    assert_true(b.len > 10000);
    check_said(b.data, b.len, "memdiverge-");
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(send(fd, "stats\r\n", 7, 0), 7);
    for (ssize_t r; !strstr(reply, "END\r\n"); n += (size_t)r) {
        assert_true((r = read(fd, reply + n, sizeof reply - 1 - n)) > 0);
        reply[n + (size_t)r] = 0;
    }
    close(fd);
    assert_non_null(strstr(reply, "STAT curr_items 0\r\n"));
    md_buf_free(&b);
}

static void a_planted_difference_is_found(void **state) {
    struct fixture *f = *state;
    start_server(f, "replace ", "set     "); /* stores what is not there */
    assert_int_equal(campaign(f, "300"), 1);
    expect_said(f, "replace.reply.stored-instead-of-not-stored.store-missing");
    stop_server(f);
    md_artifact_remove(f->out);
    start_server(f, "decr ", "incr ");
    assert_int_equal(campaign(f, "400"), 1);
    expect_said(f, "decr.reply.number-differs.decr");
}

static void what_is_not_known_is_learned(void **state) {
    struct fixture *f = *state;
    struct md_buf b = {0};
    start_server(f, "gat ", "xat ");
    assert_int_equal(campaign(f, "300"), 0);
    expect_said(f, "the server does not know, and is not asked for: gat\n");
    read_record(f, &b);
    /* Asked for once by the supervisor, once by its worker. */
    size_t asked = 0;
    for (uint8_t *at = b.data; (at = memmem(at, b.len - (size_t)(at - b.data), "\ngat ", 5)); at++)
        asked++;
    assert_int_equal(asked, 2);
    md_buf_free(&b);
    stop_server(f);
    start_server(f, "delete ", "xelete ");
    assert_int_equal(campaign(f, "10"), 3);
    expect_said(f, "nothing to be tested");
}

static void usage_is_checked(void **state) {
    static const struct {
        const char *words[8], *said;
        int code;
    } cases[] = {
        {{"run", "--connect", "/none", "--oracle", "exact"}, "--oracle protocol only", 2},
        {{"run", "--connect", "/none", "--target", "eviction"}, "--target commands only", 2},
        {{"run", "--connect", "/none", "--node-arg=-C"}, "give one of them", 2},
        {{"run", "--oracle", "protocol"}, "--connect HOST:PORT", 2},
        {{"run", "--wait", "5"}, "--wait is for --connect", 2},
        {{"run", "--connect", "/none/at/all", "--runs", "1", "--out"}, "cannot connect", 3},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *words[9] = {0};
        size_t n = 0;
        for (; cases[i].words[n]; n++)
            words[n] = cases[i].words[n];
        if (strcmp(words[n - 1], "--out") == 0)
            words[n] = f->out;
        assert_int_equal(program(f, words), cases[i].code);
        expect_said(f, cases[i].said);
    }
}

static void write_trace(const char *path, const char *steps) {
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out, "memdiverge-trace 1\n%s", steps);
    assert_int_equal(fclose(out), 0);
}

/* Traces of other people are played as they are, or not at all. */
static void replay_skips_what_is_not_fit(void **state) {
    struct fixture *f = *state;
    struct md_buf b = {0};
    char good[128], bad[128], wait[128];
    snprintf(good, sizeof good, "%s/good.trace", f->folder);
    snprintf(bad, sizeof bad, "%s/bad.trace", f->folder);
    snprintf(wait, sizeof wait, "%s/wait.trace", f->folder);
    write_trace(good, "send 0 \"set a 0 0 1\\r\\nx\\r\\ngets a\\r\\n\"\n"
                      "send 1 \"cas a 0 0 1 {cas a}\\r\\ny\\r\\nget a\\r\\n\"\n");
    write_trace(bad, "send 0 \"get a\\r\\nflush_all\\r\\n\"\n");
    write_trace(wait, "send 0 \"set a 0 2 1\\r\\nx\\r\\n\"\nclock 4\nsend 0 \"get a\\r\\n\"\n");
    start_server(f, "-", "-");
    assert_int_equal(
        program(f, (const char *const[]){"replay", "--connect", f->socket, good, bad, wait, NULL}),
        0);
    expect_said(f, "1 agree, 0 diverge, 2 skipped");
    read_record(f, &b);
    check_said(b.data, b.len, "memdiverge-");
    md_buf_free(&b);
    /* This server's time stands still, so to wait for it shows. */
    assert_int_equal(program(f, (const char *const[]){"replay", "--connect", f->socket, "--wait",
                                                      "4", wait, NULL}),
                     1);
    expect_said(f, "get.value.hit-instead-of-miss.miss-expired");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_forbidden_gets_through),
        cmocka_unit_test(what_is_fit_and_what_is_not),
        cmocka_unit_test_setup_teardown(a_good_server_is_left_in_peace, setup, teardown),
        cmocka_unit_test_setup_teardown(a_planted_difference_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_known_is_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(usage_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(replay_skips_what_is_not_fit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
