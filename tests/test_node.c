/*
 * Nodes: the clock is ours, settled means settled (contract C4), everything that a node can do
 * wrong has a name and a deadline, and nothing is left behind however we end. Nodes that misbehave
 * are in tests/bad_nodes.
 */
#include "harness/node.h"
#include "tests/bad_nodes/serve.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

enum { SHORT_MS = 300, ROOM = 64 << 20 };

/* ---- helpers --------------------------------------------------------------------------------- */

static uint64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static struct md_node *start_with(const char *const *args, size_t n_args, unsigned deadline_ms) {
    struct md_node_config config = {.binary = getenv("MEMDIVERGE_NODE"),
                                    .extra_args = args,
                                    .n_extra_args = n_args,
                                    .cpu = -1,
                                    .deadline_ms = deadline_ms};
    struct md_node *n;
    if (md_node_start(&config, NULL, true, &n) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    return n;
}

static struct md_node *start(void) { return start_with(NULL, 0, 0); }

/* Starts one of tests/bad_nodes; the caller frees *out. */
static enum md_node_status start_bad(const char *name, struct md_node **out) {
    char path[4096];
    const char *folder = getenv("MEMDIVERGE_BAD_NODES");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : ".", name);
    struct md_node_config config = {.binary = path, .cpu = -1, .deadline_ms = SHORT_MS};
    return md_node_start(&config, NULL, true, out);
}

static enum md_node_status try_say(struct md_node *n, unsigned conn, const char *bytes,
                                   struct md_buf *reply) {
    md_buf_clear(reply);
    if (!md_node_is_open(n, conn)) {
        enum md_node_status status = md_node_open(n, conn);
        if (status != MD_NODE_OK)
            return status;
    }
    return md_node_exchange(n, conn, bytes, strlen(bytes), ROOM, reply);
}

/* Says `bytes` on a connection, opened if need be, and expects `answer`. */
static void expect(struct md_node *n, unsigned conn, const char *bytes, const char *answer) {
    struct md_buf reply = {0};
    enum md_node_status status = try_say(n, conn, bytes, &reply);
    if (status != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    assert_string_equal(md_buf_cstr(&reply), answer);
    md_buf_free(&reply);
}

static void advance(struct md_node *n, uint32_t seconds) {
    if (md_node_advance(n, seconds) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
}

/* The number that `stats` says for a name. */
static long stat_of(struct md_node *n, unsigned conn, const char *name) {
    struct md_buf reply = {0};
    assert_int_equal(try_say(n, conn, "stats\r\n", &reply), MD_NODE_OK);
    char line[64];
    snprintf(line, sizeof line, "STAT %s ", name);
    char *at = strstr(md_buf_cstr(&reply), line);
    assert_non_null(at);
    long value = strtol(at + strlen(line), NULL, 10);
    md_buf_free(&reply);
    return value;
}

/* A line of `stats settings`, without STAT. */
static void expect_setting(struct md_node *n, const char *setting) {
    struct md_buf reply = {0};
    char line[64];
    assert_int_equal(try_say(n, 0, "stats settings\r\n", &reply), MD_NODE_OK);
    snprintf(line, sizeof line, "STAT %s\r\n", setting);
    if (!strstr(md_buf_cstr(&reply), line))
        fail_msg("expected %s in %s", setting, md_buf_cstr(&reply));
    md_buf_free(&reply);
}

/* ---- clock ----------------------------------------------------------------------------------- */

static void an_item_lives_to_the_second(void **state) {
    (void)state;
    struct md_node *n = start();
    expect(n, 0, "set k 0 10 1\r\na\r\n", "STORED\r\n");
    advance(n, 9);
    expect(n, 0, "get k\r\n", "VALUE k 0 1\r\na\r\nEND\r\n");
    advance(n, 1);
    expect(n, 0, "get k\r\n", "END\r\n");
    assert_int_equal(md_node_uptime(n), 10);
    md_node_free(n);
}

static void a_thousand_items_live_to_the_second(void **state) {
    (void)state;
    struct md_node *n = start();
    uint64_t begin = now_ms();
    for (int i = 0; i < 1000; i++) {
        char set[64];
        unsigned ttl = (unsigned)i % 50 + 2;
        snprintf(set, sizeof set, "set k 0 %u 1\r\na\r\n", ttl);
        expect(n, 0, set, "STORED\r\n");
        advance(n, ttl - 1);
        expect(n, (unsigned)i % 3, "get k\r\n", "VALUE k 0 1\r\na\r\nEND\r\n");
        advance(n, 1);
        expect(n, (unsigned)i % 2, "get k\r\n", "END\r\n");
    }
    assert_true(now_ms() - begin < 10000); /* 2000 jumps; nobody waits for a real second */
    md_node_free(n);
}

static void the_clock_is_frozen_and_exact(void **state) {
    (void)state;
    struct md_node *n = start();
    assert_int_equal(stat_of(n, 0, "time"), MD_START_TIME);
    advance(n, 0);
    assert_int_equal(stat_of(n, 0, "time"), MD_START_TIME);
    advance(n, 100000000);
    assert_int_equal(stat_of(n, 0, "time"), MD_START_TIME + 100000000);
    advance(n, 1);
    assert_int_equal(stat_of(n, 0, "time"), MD_START_TIME + 100000001);
    md_node_free(n);
}

static void the_clock_has_an_end(void **state) {
    (void)state;
    struct md_node *n = start();
    advance(n, 1900000000);
    assert_int_equal(md_node_advance(n, 200000000), MD_NODE_ENV);
    assert_int_equal(md_node_uptime(n), 1900000000);
    expect(n, 0, "mn\r\n", "MN\r\n");
    md_node_free(n);
}

/* ---- settled --------------------------------------------------------------------------------- */

/* What has no answer must still have happened before the next connection speaks. */
static void silent_commands_are_done(const char *const *args, size_t n_args) {
    struct md_node *n = start_with(args, n_args, 0);
    struct md_buf batch = {0};
    for (int i = 0; i < 300; i++) {
        char value[64];
        md_buf_clear(&batch);
        for (int j = 0; j < 100; j++)
            md_buf_printf(&batch, "set k 0 0 6 noreply\r\n%06d\r\n", i * 100 + j);
        expect(n, (unsigned)i % 4, md_buf_cstr(&batch), "");
        snprintf(value, sizeof value, "VALUE k 0 6\r\n%06d\r\nEND\r\n", i * 100 + 99);
        expect(n, (unsigned)(i + 1) % 4, "get k\r\n", value);
    }
    md_buf_free(&batch);
    md_node_free(n);
}

static void silent_commands_are_done_one_thread(void **state) {
    (void)state;
    silent_commands_are_done(NULL, 0);
}

static void silent_commands_are_done_four_threads(void **state) {
    (void)state;
    const char *const args[] = {"-t", "4"};
    silent_commands_are_done(args, 2);
}

/* A connection that gives way after each command comes to rest only at the end of its batch. */
static void giving_way_is_not_rest(void **state) {
    (void)state;
    const char *const args[] = {"-R", "1"};
    struct md_node *n = start_with(args, 2, 0);
    struct md_buf batch = {0}, answer = {0};
    for (int i = 0; i < 200; i++) {
        md_buf_str(&batch, "incr n 1\r\n");
        md_buf_str(&answer, "NOT_FOUND\r\n");
    }
    for (int i = 0; i < 200; i++)
        expect(n, (unsigned)i % 2, md_buf_cstr(&batch), md_buf_cstr(&answer));
    md_buf_free(&batch);
    md_buf_free(&answer);
    md_node_free(n);
}

static void a_command_may_come_in_any_pieces(void **state) {
    (void)state;
    struct md_node *n = start();
    const char *command = "set split 0 0 5\r\nhello\r\n";
    size_t len = strlen(command);
    for (size_t cut = 1; cut < len; cut++) {
        char head[64];
        snprintf(head, sizeof head, "%.*s", (int)cut, command);
        expect(n, 0, head, "");
        expect(n, 1, "mn\r\n", "MN\r\n");
        expect(n, 0, command + cut, "STORED\r\n");
    }
    for (size_t i = 0; i < len; i++) {
        char one[2] = {command[i], 0};
        expect(n, 0, one, i + 1 < len ? "" : "STORED\r\n");
    }
    md_node_free(n);
}

/* A writer that does not read would stand still for ever here, and so would the node. */
static void ten_megabytes_of_replies_do_not_deadlock(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf set = {0}, gets = {0}, reply = {0};
    md_buf_str(&set, "set big 0 0 102400\r\n");
    md_buf_fill(&set, 'x', 102400);
    md_buf_str(&set, "\r\n");
    expect(n, 0, md_buf_cstr(&set), "STORED\r\n");
    for (int i = 0; i < 100; i++)
        md_buf_str(&gets, "get big\r\n");
    for (int i = 0; i < 5; i++) {
        assert_int_equal(try_say(n, 0, md_buf_cstr(&gets), &reply), MD_NODE_OK);
        assert_int_equal(reply.len, 100 * (102400 + strlen("VALUE big 0 102400\r\n\r\nEND\r\n")));
        expect(n, 1, "mn\r\n", "MN\r\n");
    }
    md_buf_free(&set);
    md_buf_free(&gets);
    md_buf_free(&reply);
    md_node_free(n);
}

static void a_send_beyond_the_read_buffer_arrives(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf bytes = {0}, value = {0};
    md_buf_str(&bytes, "set large 0 0 1000000\r\n");
    md_buf_fill(&bytes, 'y', 1000000);
    md_buf_str(&bytes, "\r\nget large\r\n");
    md_buf_str(&value, "STORED\r\nVALUE large 0 1000000\r\n");
    md_buf_fill(&value, 'y', 1000000);
    md_buf_str(&value, "\r\nEND\r\n");
    expect(n, 0, md_buf_cstr(&bytes), md_buf_cstr(&value));
    md_buf_free(&bytes);
    md_buf_free(&value);
    md_node_free(n);
}

static void more_reply_than_allowed_is_a_flood(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf reply = {0};
    expect(n, 0, "set k 0 0 10\r\n0123456789\r\n", "STORED\r\n");
    const char *get = "get k k k k k k k k k k\r\n";
    assert_int_equal(md_node_exchange(n, 0, get, strlen(get), 50, &reply), MD_NODE_FLOOD);
    assert_int_equal(reply.len, 50);
    assert_false(md_node_is_open(n, 0));
    md_buf_free(&reply);
    md_node_free(n);
}

/* ---- connections ----------------------------------------------------------------------------- */

static void connections_interleave(void **state) {
    (void)state;
    struct md_node *n = start();
    expect(n, 0, "set k 0 0 1\r\n", "");
    expect(n, 1, "set k 0 0 5\r\nfirst\r\n", "STORED\r\n");
    expect(n, 2, "get k\r\nge", "VALUE k 0 5\r\nfirst\r\nEND\r\n");
    expect(n, 0, "2\r\n", "STORED\r\n");
    expect(n, 2, "t k\r\n", "VALUE k 0 1\r\n2\r\nEND\r\n");
    md_node_free(n);
}

/* Opening and closing have happened in the node when the next connection speaks. */
static void opening_and_closing_are_done(void **state) {
    (void)state;
    struct md_node *n = start();
    long before = stat_of(n, 0, "curr_connections");
    for (int i = 0; i < 200; i++) {
        assert_int_equal(md_node_open(n, 1), MD_NODE_OK);
        assert_int_equal(md_node_open(n, 2), MD_NODE_OK);
        assert_int_equal(stat_of(n, 0, "curr_connections"), before + 2);
        assert_int_equal(md_node_close(n, 2), MD_NODE_OK);
        assert_int_equal(stat_of(n, 0, "curr_connections"), before + 1);
        assert_int_equal(md_node_close(n, 1), MD_NODE_OK);
        assert_int_equal(stat_of(n, 0, "curr_connections"), before);
    }
    md_node_free(n);
}

static void the_node_closes_after_what_it_said(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf reply = {0};
    for (int i = 0; i < 50; i++) {
        assert_int_equal(try_say(n, 0, "mn\r\nquit\r\nmn\r\n", &reply), MD_NODE_CLOSED);
        assert_string_equal(md_buf_cstr(&reply), "MN\r\n");
        assert_false(md_node_is_open(n, 0));
        assert_int_equal(md_node_close(n, 0), MD_NODE_OK);
    }
    assert_int_equal(md_node_exchange(n, 0, "mn\r\n", 4, ROOM, &reply), MD_NODE_CLOSED);
    assert_string_equal(md_node_death(n), "");
    md_buf_free(&reply);
    md_node_free(n);
}

static void half_closing_ends_the_connection(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf reply = {0};
    long before = stat_of(n, 1, "curr_connections");
    for (int i = 0; i < 50; i++) {
        expect(n, 0, "mn\r\nset k 0 0 10\r\n0123", "MN\r\n");
        assert_int_equal(md_node_shutdown(n, 0, &reply), MD_NODE_OK);
        assert_int_equal(reply.len, 0);
        assert_false(md_node_is_open(n, 0));
        assert_int_equal(stat_of(n, 1, "curr_connections"), before);
    }
    md_buf_free(&reply);
    md_node_free(n);
}

/* Somebody who looks on with nc must not shift our count of connections. */
static void a_stranger_on_the_socket_changes_nothing(void **state) {
    (void)state;
    struct md_node *n = start();
    expect(n, 0, "mn\r\n", "MN\r\n");
    pid_t pid = fork();
    if (pid == 0) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        snprintf(a.sun_path, sizeof a.sun_path, "%s", md_node_socket_path(n));
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        char answer[4];
        bool ok = connect(fd, (struct sockaddr *)&a, sizeof a) == 0 &&
                  write(fd, "mn\r\n", 4) == 4 && read(fd, answer, 4) == 4;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(md_node_open(n, 1), MD_NODE_OK);
        expect(n, 0, "mn\r\n", "MN\r\n");
        expect(n, 1, "mn\r\n", "MN\r\n");
        assert_int_equal(md_node_close(n, 1), MD_NODE_OK);
    }
    md_node_free(n);
}

/* ---- starting -------------------------------------------------------------------------------- */

static void a_node_tells_its_version(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf reply = {0}, expected = {0};
    assert_int_equal(try_say(n, 0, "version\r\n", &reply), MD_NODE_OK);
    md_buf_printf(&expected, "VERSION %s\r\n", md_node_version(n));
    assert_string_equal(md_buf_cstr(&reply), md_buf_cstr(&expected));
    assert_false(md_node_is_remote(n));
    md_buf_free(&reply);
    md_buf_free(&expected);
    md_node_free(n);
}

static void spares_come_up_meanwhile(void **state) {
    (void)state;
    struct md_node_config config = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1};
    struct md_node *n[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(md_node_start(&config, NULL, false, &n[i]), MD_NODE_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(md_node_ready(n[i]), MD_NODE_OK);
        assert_int_equal(md_node_ready(n[i]), MD_NODE_OK);
        expect(n[i], 0, "mn\r\n", "MN\r\n");
        md_node_free(n[i]);
    }
}

static void later_options_win(void **state) {
    (void)state;
    const char *const args[] = {"-m", "64"};
    struct md_node *n = start_with(args, 2, 0);
    assert_int_equal(stat_of(n, 0, "limit_maxbytes"), 64 << 20);
    assert_int_equal(stat_of(n, 0, "threads"), 1);
    md_node_free(n);
}

static void the_environment_is_ours(void **state) {
    (void)state;
    setenv("MEMDIVERGE_TEST_SECRET", "x", 1);
    struct md_node *n = start();
    unsetenv("MEMDIVERGE_TEST_SECRET");
    char path[64], text[8192];
    snprintf(path, sizeof path, "/proc/%d/environ", (int)md_node_pid(n));
    int fd = open(path, O_RDONLY);
    ssize_t len = read(fd, text, sizeof text);
    close(fd);
    assert_true(len > 0);
    assert_null(memmem(text, (size_t)len, "SECRET", 6));
    assert_non_null(memmem(text, (size_t)len, "LC_ALL=C", 8));
    md_node_free(n);
}

/* Starts `binary`, expects a status and a sentence with `words` in it. */
static void expect_no_start(const char *binary, enum md_node_status status, const char *words) {
    struct md_node_config config = {.binary = binary, .cpu = -1, .deadline_ms = SHORT_MS};
    struct md_node *n;
    uint64_t begin = now_ms();
    assert_int_equal(md_node_start(&config, NULL, true, &n), status);
    assert_true(now_ms() - begin < 5000);
    if (!strstr(md_node_error(n), words))
        fail_msg("<%s> does not say <%s>", md_node_error(n), words);
    assert_int_equal(md_node_ready(n), status);
    md_node_free(n);
}

static void binaries_that_are_none(void **state) {
    (void)state;
    char text[4096];
    snprintf(text, sizeof text, "%s/text", getenv("TMPDIR"));
    expect_no_start(NULL, MD_NODE_NO_START, "--node");
    expect_no_start("/nowhere/memcached", MD_NODE_NO_START, "No such file");
    expect_no_start("no-such-program-anywhere", MD_NODE_NO_START, "No such file");
    expect_no_start("/", MD_NODE_NO_START, "not a program");
    int fd = open(text, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "hello\n", 6), 6);
    close(fd);
    expect_no_start(text, MD_NODE_NO_START, "chmod");
    chmod(text, 0700);
    expect_no_start(text, MD_NODE_NO_START, "not a program for this machine");
    unlink(text);
}

static void bad_option_shows_what_the_node_said(void **state) {
    (void)state;
    const char *const args[] = {"--no-such-option"};
    struct md_node_config config = {
        .binary = getenv("MEMDIVERGE_NODE"), .extra_args = args, .n_extra_args = 1, .cpu = -1};
    struct md_node *n;
    assert_int_equal(md_node_start(&config, NULL, true, &n), MD_NODE_NO_START);
    assert_non_null(strstr(md_node_error(n), "unrecognized option"));
    md_node_free(n);
}

/* ---- bad nodes ------------------------------------------------------------------------------- */

static void expect_bad(const char *name, enum md_node_status status, const char *words) {
    struct md_node *n;
    uint64_t begin = now_ms();
    enum md_node_status observed = start_bad(name, &n);
    uint64_t ms = now_ms() - begin;
    if (observed != status || !strstr(md_node_error(n), words))
        fail_msg("%s: status %d: <%s>", name, (int)observed, md_node_error(n));
    if (ms > 5000)
        fail_msg("%s: took %u ms", name, (unsigned)ms);
    md_node_free(n);
}

static void bad_from_the_start(void **state) {
    (void)state;
    expect_bad("exits", MD_NODE_NO_START, "cannot allocate the universe");
    expect_bad("exits", MD_NODE_NO_START, "exited with status 3");
    expect_bad("deaf", MD_NODE_NO_START, "did not listen");
    expect_bad("mute", MD_NODE_NO_START, "does not answer `version`");
    expect_bad("stuck", MD_NODE_HANGS, "hangs");
    expect_bad("hangup", MD_NODE_CLOSED, "closed connection");
    expect_bad("flood", MD_NODE_FLOOD, "more than");
    expect_bad("garbage", MD_NODE_NO_START, "ESMTP");
}

static void nodes_with_a_clock_of_their_own(void **state) {
    (void)state;
    expect_bad("static", MD_NODE_NO_CLOCK, "static");
    expect_bad("own_clock", MD_NODE_NO_CLOCK, "does not follow the clock");
}

static void a_node_that_turns_bad(const char *command, enum md_node_status status,
                                  const char *words) {
    struct md_node *n;
    struct md_buf reply = {0};
    if (start_bad("moody", &n) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    expect(n, 0, "mn\r\n", "MN\r\n");
    uint64_t begin = now_ms();
    assert_int_equal(md_node_open(n, 0), MD_NODE_OK);
    enum md_node_status observed =
        md_node_exchange(n, 0, command, strlen(command), 1 << 20, &reply);
    if (observed != status || !strstr(md_node_error(n), words))
        fail_msg("%s: status %d: <%s>", command, (int)observed, md_node_error(n));
    assert_true(now_ms() - begin < 5000);
    assert_memory_equal(reply.data, "MN\r\n", 4);
    md_buf_free(&reply);
    md_node_free(n);
}

static void bad_later(void **state) {
    (void)state;
    a_node_that_turns_bad("mn\r\nhang\r\n", MD_NODE_HANGS, "used no CPU");
    a_node_that_turns_bad("mn\r\nspin\r\n", MD_NODE_BUSY, "is at work");
    a_node_that_turns_bad("mn\r\ncrash\r\n", MD_NODE_DIED, "killed by SIGSEGV");
    a_node_that_turns_bad("mn\r\nexit\r\n", MD_NODE_DIED, "exited with status 7");
    a_node_that_turns_bad("mn\r\nclose\r\n", MD_NODE_CLOSED, "closed connection 0");
    a_node_that_turns_bad("mn\r\nflood\r\n", MD_NODE_FLOOD, "more than 1048576");
}

static void a_flood_on_stderr_stops_nobody(void **state) {
    (void)state;
    struct md_node *n;
    struct md_buf reply = {0}, said = {0};
    if (start_bad("noisy", &n) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    for (int i = 0; i < 5; i++)
        expect(n, 0, "mn\r\n", "MN\r\n");
    assert_int_equal(try_say(n, 0, "last\r\n", &reply), MD_NODE_DIED);
    assert_string_equal(md_node_death(n), "killed by SIGABRT");
    md_node_stderr(n, &said);
    assert_true(said.len > 1024 && said.len <= MD_STDERR_MAX);
    assert_non_null(strstr(md_buf_cstr(&said), "these are the last words\n"));
    md_buf_free(&reply);
    md_buf_free(&said);
    md_node_free(n);
}

/* ---- death ----------------------------------------------------------------------------------- */

static void death_is_noticed(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf reply = {0};
    expect(n, 0, "mn\r\n", "MN\r\n");
    expect(n, 1, "mn\r\n", "MN\r\n");
    assert_string_equal(md_node_death(n), "");
    kill(md_node_pid(n), SIGKILL);
    uint64_t begin = now_ms();
    assert_int_equal(try_say(n, 0, "mn\r\n", &reply), MD_NODE_DIED);
    assert_true(now_ms() - begin < 1000);
    assert_string_equal(md_node_death(n), "killed by SIGKILL");
    assert_int_equal(md_node_advance(n, 1), MD_NODE_DIED);
    assert_int_equal(md_node_close(n, 1), MD_NODE_DIED);
    assert_int_equal(md_node_open(n, 2), MD_NODE_DIED);
    assert_true(now_ms() - begin < 2000);
    md_buf_free(&reply);
    md_node_free(n);
}

/* Kills `pid` a little later, from another process. */
static pid_t kill_later(pid_t pid, int ms) {
    pid_t killer = fork();
    if (killer == 0) {
        poll(NULL, 0, ms);
        kill(pid, SIGKILL);
        _exit(0);
    }
    return killer;
}

static void death_in_the_middle_is_noticed(void **state) {
    (void)state;
    struct md_node *n;
    struct md_buf reply = {0};
    if (start_bad("moody", &n) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    pid_t killer = kill_later(md_node_pid(n), 100);
    uint64_t begin = now_ms();
    assert_int_equal(try_say(n, 0, "hang\r\n", &reply), MD_NODE_DIED);
    assert_true(now_ms() - begin < 1000);
    waitpid(killer, NULL, 0);
    md_buf_free(&reply);
    md_node_free(n);
}

static void a_stopped_node_hangs(void **state) {
    (void)state;
    struct md_node *n = start_with(NULL, 0, SHORT_MS);
    struct md_buf reply = {0};
    expect(n, 0, "mn\r\n", "MN\r\n");
    siginfo_t info;
    kill(md_node_pid(n), SIGSTOP);
    assert_int_equal(waitid(P_PID, (id_t)md_node_pid(n), &info, WSTOPPED | WNOWAIT), 0);
    assert_int_equal(try_say(n, 0, "mn\r\n", &reply), MD_NODE_HANGS);
    assert_int_equal(md_node_advance(n, 1), MD_NODE_HANGS);
    md_buf_free(&reply);
    md_node_free(n);
}

/* Ctrl-C reaches the whole group; the tester decides what becomes of its node. */
static void a_signal_for_the_group_does_not_end_a_node(void **state) {
    (void)state;
    struct md_node *n = start();
    const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        assert_int_equal(getpgid(md_node_pid(n)), getpgrp());
        kill(md_node_pid(n), signals[i]);
        advance(n, 1);
        expect(n, 0, "mn\r\n", "MN\r\n");
    }
    md_node_free(n);
}

/* ---- nothing is left behind ------------------------------------------------------------------ */

static const char *temporary_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder ? folder : "/tmp";
}

static size_t folders(char *first, size_t size) {
    DIR *d = opendir(temporary_folder());
    size_t n = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, "memdiverge-", 11) == 0 && n++ == 0 && first)
            snprintf(first, size, "%s/%s", getenv("TMPDIR"), e->d_name);
    closedir(d);
    return n;
}

/* A tester that starts a node, tells its process, and waits to be killed. */
static void doomed_tester(int to) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct md_node *n = start();
    pid_t node = md_node_pid(n);
    if (write(to, &node, sizeof node) != sizeof node)
        _exit(1);
    for (;;)
        pause();
}

static void a_killed_tester_leaves_nothing(void **state) {
    (void)state;
    int ends[2];
    pid_t node;
    assert_int_equal(pipe(ends), 0);
    pid_t tester = fork();
    if (tester == 0)
        doomed_tester(ends[1]);
    assert_int_equal(read(ends[0], &node, sizeof node), sizeof node);
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, node, 0), .events = POLLIN};
    assert_true(p.fd >= 0);
    md_node_sweep(); /* not yet: it lives */
    assert_int_equal(folders(NULL, 0), 1);
    kill(tester, SIGKILL);
    waitpid(tester, NULL, 0);
    assert_int_equal(poll(&p, 1, 5000), 1);
    close(p.fd);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(folders(NULL, 0), 1);
    md_node_sweep();
    assert_int_equal(folders(NULL, 0), 0);
}

static void a_freed_node_leaves_nothing(void **state) {
    (void)state;
    char folder[4096];
    struct stat st;
    struct md_node *n = start();
    pid_t pid = md_node_pid(n);
    assert_int_equal(folders(folder, sizeof folder), 1);
    assert_int_equal(stat(folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    md_node_free(n);
    assert_int_equal(folders(NULL, 0), 0);
    assert_int_equal(kill(pid, 0), -1);
    assert_int_equal(errno, ESRCH);
}

static void sweeping_spares_the_living_and_the_unborn(void **state) {
    (void)state;
    char unborn[4096];
    snprintf(unborn, sizeof unborn, "%s/memdiverge-node-unborn", getenv("TMPDIR"));
    assert_int_equal(mkdir(unborn, 0700), 0);
    struct md_node *n = start();
    md_node_sweep();
    assert_int_equal(folders(NULL, 0), 2);
    expect(n, 0, "mn\r\n", "MN\r\n");
    md_node_free(n);
    struct timespec old[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    assert_int_equal(utimensat(AT_FDCWD, unborn, old, 0), 0);
    md_node_sweep();
    assert_int_equal(folders(NULL, 0), 0);
}

/* Of a tester that was killed before it could lock its folder. */
static void a_folder_whose_maker_died_is_swept_at_once(void **state) {
    (void)state;
    char mine[4096], theirs[4096];
    pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    waitpid(dead, NULL, 0);
    snprintf(mine, sizeof mine, "%s/memdiverge-node-%d-mine00", getenv("TMPDIR"), (int)getpid());
    snprintf(theirs, sizeof theirs, "%s/memdiverge-node-%d-dead00", getenv("TMPDIR"), (int)dead);
    assert_int_equal(mkdir(mine, 0700), 0);
    assert_int_equal(mkdir(theirs, 0700), 0);
    md_node_sweep();
    assert_int_equal(access(theirs, F_OK), -1);
    assert_int_equal(rmdir(mine), 0);
}

static void a_folder_that_cannot_be_made(void **state) {
    (void)state;
    char *before = strdup(temporary_folder());
    setenv("TMPDIR", "/nowhere", 1);
    expect_no_start(getenv("MEMDIVERGE_NODE"), MD_NODE_ENV, "set TMPDIR");
    setenv("TMPDIR", before, 1);
    free(before);
}

/* ---- remote nodes ---------------------------------------------------------------------------- */

static void remote_answer(int fd, const char *line) {
    if (serve_greeting(fd, line, time(NULL)))
        return;
    if (strcmp(line, "long") == 0)
        serve_say(fd, "VALUE k 0 4\r\nMN\r\n\r\nEND\r\n");
    else if (strcmp(line, "hang") == 0)
        pause();
    else if (strcmp(line, "silent") != 0)
        serve_say(fd, "ERROR\r\n");
}

/* A server on a port of 127.0.0.1 in a process of its own, which dies with us. */
static pid_t serve_tcp(uint16_t *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof a;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, size), 0);
    assert_int_equal(listen(listener, 16), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &size), 0);
    *port = ntohs(a.sin_port);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        serve(listener, remote_answer);
        _exit(1);
    }
    close(listener);
    return pid;
}

static enum md_node_status connect_to(const char *where, struct md_node **n) {
    struct md_node_config config = {.connect = where, .cpu = -1, .deadline_ms = SHORT_MS};
    return md_node_start(&config, NULL, true, n);
}

static void a_remote_node_over_tcp(void **state) {
    (void)state;
    uint16_t port;
    pid_t server = serve_tcp(&port);
    char where[64];
    snprintf(where, sizeof where, "127.0.0.1:%u", port);
    struct md_node *n;
    struct md_buf reply = {0};
    if (connect_to(where, &n) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    assert_true(md_node_is_remote(n));
    assert_string_equal(md_node_version(n), "1.6.18");
    expect(n, 0, "long\r\nwhat\r\n", "VALUE k 0 4\r\nMN\r\n\r\nEND\r\nERROR\r\n");
    for (int i = 0; i < 100; i++) {
        md_node_barrier(n);
        expect(n, 0, "silent\r\nlong\r\n", "VALUE k 0 4\r\nMN\r\n\r\nEND\r\n");
        md_node_barrier(n);
        expect(n, 1, "silent\r\n", "");
    }
    assert_int_equal(md_node_advance(n, 1), MD_NODE_NO_CLOCK);
    assert_int_equal(try_say(n, 1, "what\r\nquit\r\n", &reply), MD_NODE_CLOSED);
    assert_string_equal(md_buf_cstr(&reply), "ERROR\r\n");
    expect(n, 2, "what", "");
    assert_int_equal(md_node_shutdown(n, 2, &reply), MD_NODE_OK);
    md_node_barrier(n);
    assert_int_equal(try_say(n, 0, "hang\r\n", &reply), MD_NODE_HANGS);
    md_node_free(n);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    assert_int_equal(connect_to(where, &n), MD_NODE_NO_START);
    assert_non_null(strstr(md_node_error(n), "refused"));
    md_node_free(n);
    md_buf_free(&reply);
}

static void a_remote_node_over_a_unix_socket(void **state) {
    (void)state;
    struct md_node *local = start(), *n;
    struct md_buf batch = {0}, answer = {0};
    if (connect_to(md_node_socket_path(local), &n) != MD_NODE_OK)
        fail_msg("%s", md_node_error(n));
    md_buf_str(&batch, "set big 0 0 500000\r\n");
    md_buf_fill(&batch, 'z', 500000);
    md_buf_str(&batch, "\r\nget big\r\n");
    md_buf_str(&answer, "STORED\r\nVALUE big 0 500000\r\n");
    md_buf_fill(&answer, 'z', 500000);
    md_buf_str(&answer, "\r\nEND\r\n");
    md_node_barrier(n);
    expect(n, 0, md_buf_cstr(&batch), md_buf_cstr(&answer));
    md_buf_free(&batch);
    md_buf_free(&answer);
    md_node_free(n);
    md_node_free(local);
}

static void remote_addresses_that_are_none(void **state) {
    (void)state;
    const char *const bad[] = {
        "", ":", "localhost", "127.0.0.1:", ":11211", "::1:11211x", "[::1:1"};
    struct md_node *n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(connect_to(bad[i], &n), MD_NODE_NO_START);
        assert_true(strlen(md_node_error(n)) > 10);
        md_node_free(n);
    }
    assert_int_equal(connect_to("/nowhere/socket", &n), MD_NODE_NO_START);
    md_node_free(n);
}

/* ---- killed and restarted -------------------------------------------------------------------- */

static void a_restart_forgets_all_but_the_time(void **state) {
    (void)state;
    struct md_node *n = start();
    long fresh_uptime = stat_of(n, 0, "uptime");
    expect(n, 0, "set k 0 0 1\r\na\r\nset l 0 0 1\r\nb\r\n", "STORED\r\nSTORED\r\n");
    advance(n, 1000);
    pid_t before = md_node_pid(n);
    for (unsigned i = 1; i <= 3; i++) {
        if (md_node_restart(n) != MD_NODE_OK)
            fail_msg("%s", md_node_error(n));
        assert_int_not_equal(md_node_pid(n), before);
        assert_int_not_equal(kill(before, 0), 0);
        before = md_node_pid(n);
        assert_false(md_node_is_open(n, 0));
        assert_int_equal(md_node_uptime(n), 0);
        expect(n, 0, "get k\r\nset m 0 10 1\r\nc\r\ngets m\r\n",
               "END\r\nSTORED\r\nVALUE m 0 1 1\r\nc\r\nEND\r\n");
        assert_int_equal(stat_of(n, 0, "time"), MD_START_TIME + 990 + 10 * i);
        assert_int_equal(stat_of(n, 0, "uptime"), fresh_uptime);
        assert_int_equal(stat_of(n, 0, "cmd_set"), 1);
        advance(n, 9); /* the clock is still ours, and exact */
        expect(n, 1, "get m\r\n", "VALUE m 0 1\r\nc\r\nEND\r\n");
        advance(n, 1);
        expect(n, 1, "get m\r\n", "END\r\n");
        assert_string_equal(md_node_version(n), "1.6.18");
    }
    assert_string_equal(md_node_death(n), "");
    md_node_free(n);
}

static void a_killed_node_only_keeps_the_time(void **state) {
    (void)state;
    struct md_node *n = start();
    struct md_buf reply = {0};
    expect(n, 0, "set k 0 0 5\r\nab", ""); /* in the middle of a command */
    expect(n, 3, "mn\r\n", "MN\r\n");
    pid_t pid = md_node_pid(n);
    assert_int_equal(md_node_kill(n), MD_NODE_OK);
    assert_int_not_equal(kill(pid, 0), 0);
    assert_int_equal(md_node_kill(n), MD_NODE_OK);
    for (unsigned i = 0; i < MD_NODE_CONNECTIONS; i++) {
        assert_false(md_node_is_open(n, i));
        assert_int_equal(md_node_open(n, i), MD_NODE_DIED);
        assert_int_equal(md_node_close(n, i), MD_NODE_OK);
        assert_int_equal(md_node_shutdown(n, i, &reply), MD_NODE_OK);
    }
    assert_int_equal(md_node_exchange(n, 0, "mn\r\n", 4, ROOM, &reply), MD_NODE_DIED);
    assert_string_equal(md_node_death(n), ""); /* not a death to be told of */
    advance(n, 70);
    assert_int_equal(md_node_restart(n), MD_NODE_OK);
    assert_int_equal(stat_of(n, 0, "time"), MD_START_TIME + 70);
    expect(n, 3, "mn\r\n", "MN\r\n");
    md_buf_free(&reply);
    md_node_free(n);
    n = start(); /* freed while it is down */
    assert_int_equal(md_node_kill(n), MD_NODE_OK);
    md_node_free(n);
}

/* A node that died by itself is not covered up by killing it. */
static void a_dead_node_is_not_restarted(void **state) {
    (void)state;
    struct md_node *n = start();
    kill(md_node_pid(n), SIGSEGV);
    while (!*md_node_death(n))
        continue;
    assert_int_equal(md_node_restart(n), MD_NODE_DIED);
    assert_string_equal(md_node_death(n), "killed by SIGSEGV");
    md_node_free(n);
}

static void a_restart_keeps_the_options(void **state) {
    (void)state;
    const char *const extra[] = {"-b", "512"};
    const char *const words[] = {"-m", "3", "-o", "lru_crawler"};
    struct md_node_config config = {
        .binary = getenv("MEMDIVERGE_NODE"), .extra_args = extra, .n_extra_args = 2, .cpu = -1};
    struct md_node_options o;
    struct md_buf why = {0};
    struct md_node *n;
    md_node_options_default(&o);
    assert_true(md_node_options_parse(&o, words, 4, &why));
    assert_int_equal(md_node_start(&config, &o, true, &n), MD_NODE_OK);
    md_node_options_free(&o);
    assert_int_equal(md_node_restart(n), MD_NODE_OK);
    assert_int_equal(stat_of(n, 0, "limit_maxbytes"), 3 << 20);
    expect_setting(n, "tcp_backlog 512");
    expect_setting(n, "lru_crawler yes");
    md_node_free(n);
    md_buf_free(&why);
}

/* Ours come last and switch on again what is off by default. */
static void options_reach_the_node(void **state) {
    (void)state;
    static const char list[] = "lru_maintainer,lru_crawler,slab_reassign,temporary_ttl=30,"
                               "hot_lru_pct=30,warm_lru_pct=50,slab_automove=0";
    const char *const words[] = {"-m", "80", "-t", "2", "-o", list, "-o", "slab_chunk_max=16384"};
    static const char *const settings[] = {"lru_maintainer_thread yes",
                                           "lru_segmented yes",
                                           "lru_crawler yes",
                                           "slab_reassign yes",
                                           "temp_lru yes",
                                           "temporary_ttl 30",
                                           "hot_lru_pct 30",
                                           "warm_lru_pct 50",
                                           "slab_automove 0",
                                           "num_threads 2",
                                           "maxbytes 83886080",
                                           "slab_chunk_max 16384"};
    static const char *const defaults[] = {
        "lru_maintainer_thread no", "lru_segmented no", "lru_crawler no",
        "slab_reassign no",         "temp_lru no",      "num_threads 1"};
    struct md_node_config config = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1};
    struct md_node_options o;
    struct md_buf why = {0};
    struct md_node *n = start();
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        expect_setting(n, defaults[i]);
    md_node_free(n);
    md_node_options_default(&o);
    if (!md_node_options_parse(&o, words, sizeof words / sizeof *words, &why))
        fail_msg("%s", md_buf_cstr(&why));
    assert_int_equal(md_node_start(&config, &o, true, &n), MD_NODE_OK);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        expect_setting(n, settings[i]);
    md_node_free(n);
    md_node_options_free(&o);
    md_buf_free(&why);
}

/* What memcached refuses, the whitelist has refused before. */
static void options_refused_by_the_node(void **state) {
    (void)state;
    static const char *const lists[] = {"temporary_ttl=30", "hot_lru_pct=41", "warm_lru_pct=80"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const char *const words[] = {"-o", lists[i]};
        struct md_node_config config = {
            .binary = getenv("MEMDIVERGE_NODE"), .extra_args = words, .n_extra_args = 2, .cpu = -1};
        struct md_node_options o;
        struct md_buf why = {0};
        struct md_node *n;
        md_node_options_default(&o);
        assert_false(md_node_options_parse(&o, words, 2, &why));
        assert_int_equal(md_node_start(&config, NULL, true, &n), MD_NODE_NO_START);
        md_node_free(n);
        md_buf_free(&why);
    }
}

/* ---- main ------------------------------------------------------------------------------------ */

/* Everything of this program happens in a folder of its own; it must be empty at the end. */
static int own_folder(void **state) {
    char path[] = "/tmp/memdiverge-test-node-XXXXXX";
    if (!getenv("MEMDIVERGE_NODE") || !mkdtemp(path))
        return -1;
    *state = strdup(path);
    return setenv("TMPDIR", path, 1);
}

static int no_folder(void **state) {
    int r = rmdir(*state);
    free(*state);
    return r;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        /* First, while no failed test has left a node. */
        cmocka_unit_test(a_killed_tester_leaves_nothing),
        cmocka_unit_test(a_freed_node_leaves_nothing),
        cmocka_unit_test(a_folder_whose_maker_died_is_swept_at_once),
        cmocka_unit_test(sweeping_spares_the_living_and_the_unborn),
        cmocka_unit_test(an_item_lives_to_the_second),
        cmocka_unit_test(a_thousand_items_live_to_the_second),
        cmocka_unit_test(the_clock_is_frozen_and_exact),
        cmocka_unit_test(the_clock_has_an_end),
        cmocka_unit_test(silent_commands_are_done_one_thread),
        cmocka_unit_test(silent_commands_are_done_four_threads),
        cmocka_unit_test(giving_way_is_not_rest),
        cmocka_unit_test(a_command_may_come_in_any_pieces),
        cmocka_unit_test(ten_megabytes_of_replies_do_not_deadlock),
        cmocka_unit_test(a_send_beyond_the_read_buffer_arrives),
        cmocka_unit_test(more_reply_than_allowed_is_a_flood),
        cmocka_unit_test(connections_interleave),
        cmocka_unit_test(opening_and_closing_are_done),
        cmocka_unit_test(the_node_closes_after_what_it_said),
        cmocka_unit_test(half_closing_ends_the_connection),
        cmocka_unit_test(a_stranger_on_the_socket_changes_nothing),
        cmocka_unit_test(a_node_tells_its_version),
        cmocka_unit_test(spares_come_up_meanwhile),
        cmocka_unit_test(later_options_win),
        cmocka_unit_test(the_environment_is_ours),
        cmocka_unit_test(binaries_that_are_none),
        cmocka_unit_test(bad_option_shows_what_the_node_said),
        cmocka_unit_test(bad_from_the_start),
        cmocka_unit_test(nodes_with_a_clock_of_their_own),
        cmocka_unit_test(bad_later),
        cmocka_unit_test(a_flood_on_stderr_stops_nobody),
        cmocka_unit_test(death_is_noticed),
        cmocka_unit_test(death_in_the_middle_is_noticed),
        cmocka_unit_test(a_stopped_node_hangs),
        cmocka_unit_test(a_signal_for_the_group_does_not_end_a_node),
        cmocka_unit_test(a_folder_that_cannot_be_made),
        cmocka_unit_test(a_remote_node_over_tcp),
        cmocka_unit_test(a_remote_node_over_a_unix_socket),
        cmocka_unit_test(remote_addresses_that_are_none),
        cmocka_unit_test(a_restart_forgets_all_but_the_time),
        cmocka_unit_test(a_killed_node_only_keeps_the_time),
        cmocka_unit_test(a_dead_node_is_not_restarted),
        cmocka_unit_test(a_restart_keeps_the_options),
        cmocka_unit_test(options_reach_the_node),
        cmocka_unit_test(options_refused_by_the_node),
    };
    return cmocka_run_group_tests(tests, own_folder, no_folder);
}
