/*
 * memdiverge serve as a process: many clients, hostile ones among them, against the program itself,
 * which must end with exit code 0 (so no leak and no sanitizer's report) each time.
 */
#include "harness/now.h"
#include "model/internal.h"

#include <arpa/inet.h>
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
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { DEADLINE_MS = 20000, WORDS_MAX = 12 };

struct fixture {
    pid_t pid;
    char address[160];
    char folder[64];
};

/* ---- the server ----------------------------------------------------------------------------- */

/* Starts it with these words; reads where it listens, or what it says instead. */
static void launch(struct fixture *f, const char *const *words, char said[512]) {
    char *program = getenv("MEMDIVERGE"), *argv[WORDS_MAX + 3] = {program, "serve"};
    int out[2];
    size_t n = 0;
    for (int i = 0; words[i]; i++)
        argv[2 + i] = (char *)words[i];
    assert_non_null(program);
    assert_int_equal(pipe(out), 0);
    f->pid = fork();
    if (f->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(out[1], 1);
        if (said)
            dup2(out[1], 2);
        close(out[0]);
        close(out[1]);
        execv(program ? program : "", argv);
        _exit(127);
    }
    close(out[1]);
    char text[512] = "";
    for (ssize_t r; n < sizeof text - 1 && (said || !strchr(text, '\n')); n += (size_t)r) {
        struct pollfd p = {.fd = out[0], .events = POLLIN};
        if (poll(&p, 1, DEADLINE_MS) <= 0 || (r = read(out[0], text + n, sizeof text - 1 - n)) <= 0)
            break;
        text[n + (size_t)r] = 0;
    }
    close(out[0]);
    if (said) {
        memcpy(said, text, sizeof text);
        return;
    }
    assert_int_equal(sscanf(text, "memdiverge: %*s listens on %159s", f->address), 1);
}

#define START(f, ...) launch(f, (const char *const[]){__VA_ARGS__, NULL}, NULL)

static int ended(struct fixture *f) {
    int status;
    assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
    f->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* It was asked to end, and that is no failure. */
static void stop(struct fixture *f) {
    kill(f->pid, SIGTERM);
    assert_int_equal(ended(f), 0);
}

static void path_in(const struct fixture *f, char out[128]) {
    snprintf(out, 128, "%s/socket", f->folder);
}

static int setup(void **state) {
    struct fixture *f = md_calloc(1, sizeof *f);
    strcpy(f->folder, "/tmp/memdiverge-test-serve-XXXXXX");
    *state = f;
    return mkdtemp(f->folder) ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char path[128];
    if (f->pid) {
        kill(f->pid, SIGKILL);
        waitpid(f->pid, NULL, 0);
    }
    path_in(f, path);
    unlink(path);
    rmdir(f->folder);
    free(f);
    return 0;
}

/* ---- clients -------------------------------------------------------------------------------- */

static int connect_to(const char *address) {
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET};
    const char *colon = strrchr(address, ':');
    bool is_path = address[0] == '/';
    int fd = socket(is_path ? AF_UNIX : AF_INET, SOCK_STREAM, 0);
    struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
    if (is_path) {
        strncpy(un.sun_path, address, sizeof un.sun_path - 1);
    } else {
        in.sin_port = htons((uint16_t)atoi(colon + 1));
        in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    }
    assert_int_equal(is_path ? connect(fd, (struct sockaddr *)&un, sizeof un)
                             : connect(fd, (struct sockaddr *)&in, sizeof in),
                     0);
    return fd;
}

static void say_bytes(int fd, const void *bytes, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t r = send(fd, (const char *)bytes + at, n - at, MSG_NOSIGNAL);
        assert_true(r > 0);
        at += (size_t)r;
    }
}

static void say(int fd, const char *text) { say_bytes(fd, text, strlen(text)); }

/* Reads n bytes, or fewer if the connection ends. */
static void hear_bytes(int fd, struct md_buf *b, size_t n) {
    md_buf_clear(b);
    md_buf_reserve(b, n + 1);
    while (b->len < n) {
        ssize_t r = recv(fd, b->data + b->len, n - b->len, 0);
        if (r <= 0)
            break;
        b->len += (size_t)r;
    }
}

static void hear(int fd, const char *expected) {
    struct md_buf b = {0};
    hear_bytes(fd, &b, strlen(expected));
    assert_string_equal(md_buf_cstr(&b), expected);
    md_buf_free(&b);
}

static void ask(int fd, const char *text, const char *expected) {
    say(fd, text);
    hear(fd, expected);
}

static void hear_end(int fd) {
    char byte;
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    close(fd);
}

/* The value of a line "STAT name value". */
static uint64_t stat_of(int fd, const char *what, const char *name) {
    struct md_buf b = {0}, line = {0};
    md_buf_printf(&line, "%s\r\n", what);
    say(fd, md_buf_cstr(&line));
    md_buf_reserve(&b, 1 << 16);
    while (b.len < 5 || memcmp(b.data + b.len - 5, "END\r\n", 5) != 0) {
        ssize_t r = recv(fd, b.data + b.len, (1 << 16) - 1 - b.len, 0);
        assert_true(r > 0);
        b.len += (size_t)r;
    }
    md_buf_clear(&line);
    md_buf_printf(&line, "STAT %s ", name);
    const char *at = strstr(md_buf_cstr(&b), md_buf_cstr(&line));
    assert_non_null(at);
    uint64_t value = strtoull(at + line.len, NULL, 10);
    md_buf_free(&line);
    md_buf_free(&b);
    return value;
}

/* ---- tests ---------------------------------------------------------------------------------- */

/* Each client's commands arrive a few bytes at a time, in between those of all others. */
static void serves_many_clients_in_fragments(void **state) {
    enum { CLIENTS = 300, PIECE = 3 };
    struct fixture *f = *state;
    static int fd[CLIENTS];
    static char text[CLIENTS][128], reply[CLIENTS][64];
    START(f, "--listen=127.0.0.1:0");
    size_t longest = 0;
    for (int i = 0; i < CLIENTS; i++) {
        fd[i] = connect_to(f->address);
        int n = snprintf(text[i], sizeof text[i],
                         "set k%d 0 0 4\r\n%04d\r\nincr k%d 1\r\nget k%d\r\n", i, i, i, i);
        snprintf(reply[i], sizeof reply[i], "STORED\r\n%d\r\nVALUE k%d 0 4\r\n%-4d\r\nEND\r\n",
                 i + 1, i, i + 1);
        longest = (size_t)n > longest ? (size_t)n : longest;
    }
    for (size_t at = 0; at < longest; at += PIECE)
        for (int i = 0; i < CLIENTS; i++) {
            size_t n = strlen(text[i]);
            if (at < n)
                say_bytes(fd[i], text[i] + at, n - at < PIECE ? n - at : PIECE);
        }
    for (int i = 0; i < CLIENTS; i++)
        hear(fd[i], reply[i]);
    assert_int_equal(stat_of(fd[7], "stats", "curr_connections"), CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(fd[i]);
    stop(f);
}

static void store_big(int fd, size_t size) {
    struct md_buf b = {0};
    md_buf_printf(&b, "set big 0 0 %zu\r\n", size);
    md_buf_fill(&b, 'b', size);
    md_buf_str(&b, "\r\n");
    say_bytes(fd, b.data, b.len);
    hear(fd, "STORED\r\n");
    md_buf_free(&b);
}

static void serves_huge_values(void **state) {
    enum { SIZE = 1000000, TOO_LARGE = 3000000 };
    struct fixture *f = *state;
    struct md_buf b = {0}, got = {0};
    START(f, "--listen=127.0.0.1:0");
    int fd = connect_to(f->address);
    md_buf_printf(&b, "set big 0 0 %d\r\n", SIZE);
    md_buf_fill(&b, 'b', SIZE);
    md_buf_printf(&b, "\r\nset big2 0 0 %d\r\n", TOO_LARGE);
    md_buf_fill(&b, 'c', TOO_LARGE);
    md_buf_str(&b, "\r\nget big big2 big\r\n");
    say_bytes(fd, b.data, b.len);
    hear(fd, "STORED\r\nSERVER_ERROR object too large for cache\r\n");
    for (int i = 0; i < 2; i++) {
        hear(fd, "VALUE big 0 1000000\r\n");
        hear_bytes(fd, &got, SIZE);
        assert_int_equal(got.len, SIZE);
        assert_memory_equal(got.data, b.data + 21, SIZE);
        hear(fd, "\r\n");
    }
    ask(fd, "version\r\n", "END\r\nVERSION 1.6.18\r\n");
    close(fd);
    md_buf_free(&b);
    md_buf_free(&got);
    stop(f);
}

/* How many bytes of `text`, again and again, the server takes from a client that does not read. */
static size_t stuff(int fd, const char *text, size_t most) {
    size_t n = strlen(text), sent = 0;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (sent < most) {
        ssize_t r = send(fd, text, n, MSG_NOSIGNAL);
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (r > 0)
            sent += (size_t)r;
        else if (errno != EAGAIN || poll(&p, 1, 300) <= 0)
            break;
    }
    return sent;
}

static uint64_t memory_of(pid_t pid) {
    char path[64], line[256];
    uint64_t kb = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    while (fgets(line, sizeof line, in))
        if (sscanf(line, "VmRSS: %lu", &kb) == 1)
            break;
    fclose(in);
    return kb << 10;
}

/* It is not read from either, so that nothing piles up; nobody else notices. */
static void a_client_that_never_reads_waits(void **state) {
    enum { SIZE = 500000, DEAF = 8, VALUES = 200, MOST = 64 << 20 };
    struct fixture *f = *state;
    struct md_buf b = {0};
    int deaf[DEAF];
    START(f, "--listen=127.0.0.1:0");
    int fd = connect_to(f->address);
    store_big(fd, SIZE);
    uint64_t before = memory_of(f->pid);
    for (int i = 0; i < DEAF; i++) {
        deaf[i] = connect_to(f->address);
        assert_true(stuff(deaf[i], "get big\r\n", MOST) < MOST);
    }
    ask(fd, "get none\r\n", "END\r\n");
    assert_true(memory_of(f->pid) < before + (UINT64_C(256) << 20));
    /* Whoever starts to read after all has missed nothing. */
    fcntl(deaf[0], F_SETFL, 0);
    for (int i = 0; i < VALUES; i++) {
        hear(deaf[0], "VALUE big 0 500000\r\n");
        hear_bytes(deaf[0], &b, SIZE);
        assert_int_equal(b.len, SIZE);
        hear(deaf[0], "\r\nEND\r\n");
    }
    for (int i = 0; i < DEAF; i++)
        close(deaf[i]);
    ask(fd, "get none\r\n", "END\r\n");
    close(fd);
    md_buf_free(&b);
    stop(f);
}

/* Slow is not deaf: everything comes, however late it is taken. */
static void a_slow_client_gets_everything(void **state) {
    enum { SIZE = 100000, GETS = 300 };
    struct fixture *f = *state;
    struct md_buf b = {0}, got = {0};
    START(f, "--listen=127.0.0.1:0");
    int fd = connect_to(f->address);
    store_big(fd, SIZE);
    for (int i = 0; i < GETS; i++)
        say(fd, "get big\r\n");
    say(fd, "quit\r\n");
    for (int i = 0; i < GETS; i++) {
        hear(fd, "VALUE big 0 100000\r\n");
        hear_bytes(fd, &got, SIZE);
        assert_int_equal(got.len, SIZE);
        hear(fd, "\r\nEND\r\n");
    }
    hear_end(fd);
    md_buf_free(&b);
    md_buf_free(&got);
    stop(f);
}

/* Nothing stays behind of who leaves in the middle of something. */
static void clients_leave_in_the_middle(void **state) {
    static const char *const halves[] = {"set a 0 0 100\r\nhalf",    "get a b",
                                         "set a 0 0 2000000\r\nx",   "set a 0 0 900000\r\nx",
                                         "get a\r\nset b 0 0 1\r\n", "\r"};
    struct fixture *f = *state;
    START(f, "--listen=127.0.0.1:0");
    int fd = connect_to(f->address);
    for (int round = 0; round < 50; round++)
        for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
            int other = connect_to(f->address);
            say(other, halves[i]);
            if (round % 2) { /* and not even politely */
                struct linger now = {.l_onoff = 1};
                setsockopt(other, SOL_SOCKET, SO_LINGER, &now, sizeof now);
            }
            close(other);
        }
    uint64_t end = md_now_ns() + DEADLINE_MS * UINT64_C(1000000);
    while (stat_of(fd, "stats", "curr_connections") > 1)
        assert_true(md_now_ns() < end);
    assert_int_equal(stat_of(fd, "stats", "curr_items"), 0);
    assert_int_equal(stat_of(fd, "stats slabs", "4:used_chunks"), 0);
    ask(fd, "get a\r\n", "END\r\n");
    close(fd);
    stop(f);
}

/* A line that never ends, and bytes of another world: this client's trouble only. */
static void endless_lines_and_noise(void **state) {
    struct fixture *f = *state;
    struct md_buf b = {0};
    START(f, "--listen=127.0.0.1:0");
    int fd = connect_to(f->address), other = connect_to(f->address);
    md_buf_fill(&b, 'x', 100000);
    send(other, b.data, b.len, MSG_NOSIGNAL);
    hear_end(other);
    for (unsigned byte = 0; byte < 256; byte++) {
        other = connect_to(f->address);
        md_buf_clear(&b);
        md_buf_fill(&b, (uint8_t)byte, 5000);
        send(other, b.data, b.len, MSG_NOSIGNAL);
        close(other);
        ask(fd, "get none\r\n", "END\r\n");
    }
    other = connect_to(f->address);
    assert_true(stuff(other, "get aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                      SIZE_MAX) < (size_t)1 << 30);
    close(other);
    ask(fd, "get none\r\n", "END\r\n");
    close(fd);
    md_buf_free(&b);
    stop(f);
}

static void no_more_clients_than_allowed(void **state) {
    enum { MOST = 20 };
    struct fixture *f = *state;
    int fd[MOST];
    START(f, "--listen=127.0.0.1:0", "--connections=20");
    for (int i = 0; i < MOST; i++) {
        fd[i] = connect_to(f->address);
        ask(fd[i], "get a\r\n", "END\r\n");
    }
    int more = connect_to(f->address);
    hear(more, "ERROR Too many open connections\r\n");
    hear_end(more);
    assert_int_equal(stat_of(fd[3], "stats", "rejected_connections"), 1);
    say(fd[5], "quit\r\n");
    hear_end(fd[5]);
    fd[5] = connect_to(f->address);
    ask(fd[5], "get a\r\n", "END\r\n");
    for (int i = 0; i < MOST; i++)
        close(fd[i]);
    stop(f);
}

/* Time is the real one. */
static void items_expire(void **state) {
    struct fixture *f = *state;
    struct md_buf b = {0};
    START(f, "--listen=127.0.0.1:0");
    int fd = connect_to(f->address);
    ask(fd, "set a 0 2 1\r\nx\r\n", "STORED\r\n");
    ask(fd, "get a\r\n", "VALUE a 0 1\r\nx\r\nEND\r\n");
    uint64_t began = md_now_ns(), end = began + DEADLINE_MS * UINT64_C(1000000);
    for (;;) {
        struct pollfd nothing = {.fd = fd, .events = POLLIN};
        poll(&nothing, 1, 50);
        say(fd, "get a\r\n");
        hear_bytes(fd, &b, 5);
        if (memcmp(b.data, "END\r\n", 5) == 0)
            break;
        hear(fd, " a 0 1\r\nx\r\nEND\r\n");
        assert_true(md_now_ns() < end);
    }
    assert_in_range((md_now_ns() - began) / 1000000, 900, 3500);
    close(fd);
    md_buf_free(&b);
    stop(f);
}

static void a_socket_file_is_ours_alone(void **state) {
    struct fixture *f = *state;
    struct fixture second = {0};
    char path[128], said[512];
    struct stat st;
    path_in(f, path);
    /* A file of somebody else. */
    close(open(path, O_CREAT | O_WRONLY, 0600));
    launch(&second, (const char *const[]){"--socket", path, NULL}, said);
    assert_non_null(strstr(said, "no socket"));
    assert_int_equal(ended(&second), 3);
    unlink(path);
    START(f, "--socket", path);
    assert_string_equal(f->address, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    int fd = connect_to(path);
    ask(fd, "get a\r\n", "END\r\n");
    /* Somebody is there. */
    launch(&second, (const char *const[]){"--socket", path, NULL}, said);
    assert_non_null(strstr(said, "somebody listens"));
    assert_int_equal(ended(&second), 3);
    ask(fd, "get a\r\n", "END\r\n");
    /* Nobody is there any more. */
    kill(f->pid, SIGKILL);
    ended(f);
    assert_int_equal(stat(path, &st), 0);
    close(fd);
    START(f, "--socket", path);
    fd = connect_to(path);
    ask(fd, "get a\r\n", "END\r\n");
    close(fd);
    stop(f);
    assert_int_equal(stat(path, &st), -1);
}

static void usage_is_checked(void **state) {
    static const struct {
        const char *words[6], *said;
        int code;
    } cases[] = {
        {{"--listen=nonsense"}, "HOST:PORT", 2},
        {{"--listen=127.0.0.1:0", "--socket=/tmp/x"}, "one of them", 2},
        {{"--profile=9.9.9", "-m", "0"}, "note: memcached 9.9.9 is unknown", 2},
        {{"--without-quirk=x"}, "no quirk 'x'", 2},
        {{"-m", "many"}, "-m expects", 2},
        {{"-o", "lru_maintainer"}, "chance", 2},
        {{"--listen=999.1.1.1:0"}, "cannot find", 3},
    };
    struct fixture *f = *state;
    char said[512];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        launch(f, cases[i].words, said);
        assert_non_null(strstr(said, cases[i].said));
        assert_int_equal(ended(f), cases[i].code);
    }
}

/* ---- the model alone ------------------------------------------------------------------------ */

/* Keys that were only asked for are forgotten, those with an item or on their way to one are not. */
static void forgets_keys_without_items(void **state) {
    enum { KEYS = 300000 };
    struct md_options o;
    struct md_reply r = {0};
    struct md_process process = {.library = "none"};
    struct md_buf b = {0};
    bool exact;
    (void)state;
    md_options_default(&o);
    struct md_model *m = md_model_new(md_profile_find("", &exact), &o, 1000000000);
    md_model_serve(m, &process);
    md_model_open(m, 0);
    md_model_open(m, 40);
    for (unsigned i = 0; i < KEYS; i++) {
        md_buf_clear(&b);
        if (i % 1000 == 0)
            md_buf_printf(&b, "set k%u 0 0 1\r\nv\r\n", i);
        if (i == 1000)
            md_model_feed(m, 40, "set half 0 0 4\r\nhal", 19, &r);
        md_buf_printf(&b, "get n%u\r\n", i);
        assert_int_equal(md_model_feed(m, 0, b.data, b.len, &r), MD_FEED_OK);
        md_model_tidy(m);
        assert_true(m->n_records < (1 << 16) + 2 * 300 + 2);
    }
    assert_int_equal(md_model_feed(m, 40, "f\r\n", 3, &r), MD_FEED_OK);
    assert_string_equal(md_buf_cstr(&r.bytes), "STORED\r\n");
    md_model_feed(m, 0, "get half k0 k299000 k1\r\n", 24, &r);
    assert_string_equal(md_buf_cstr(&r.bytes), "VALUE half 0 4\r\nhalf\r\nVALUE k0 0 1\r\nv\r\n"
                                               "VALUE k299000 0 1\r\nv\r\nEND\r\n");
    md_reply_free(&r);
    md_model_free(m);
    md_buf_free(&b);
}

/* What the picture of a node would be lost on, a server decides. */
static void a_server_is_never_lost(void **state) {
    struct md_options o;
    struct md_reply r = {0};
    struct md_process process = {.library = "none"};
    bool exact;
    (void)state;
    md_options_default(&o);
    struct md_model *m = md_model_new(md_profile_find("", &exact), &o, 1000000000);
    static const char text[] =
        "lru_crawler metadump all\r\nset a 0 0 2\r\n  \r\nincr a 1 noreply\r\n"
        "get a\r\n";
    md_model_open(m, 0);
    assert_int_equal(md_model_feed(m, 0, text, sizeof text - 1, &r), MD_FEED_UNMODELLED);
    md_model_close(m, 0);
    md_model_serve(m, &process);
    md_model_open(m, 0);
    assert_int_equal(md_model_feed(m, 0, text, sizeof text - 1, &r), MD_FEED_OK);
    assert_string_equal(
        md_buf_cstr(&r.bytes),
        "CLIENT_ERROR lru crawler disabled\r\nSTORED\r\nVALUE a 0 2\r\n  \r\nEND\r\n");
    assert_false(md_model_lost(m));
    md_reply_free(&r);
    md_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_many_clients_in_fragments, setup, teardown),
        cmocka_unit_test_setup_teardown(serves_huge_values, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_never_reads_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slow_client_gets_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(clients_leave_in_the_middle, setup, teardown),
        cmocka_unit_test_setup_teardown(endless_lines_and_noise, setup, teardown),
        cmocka_unit_test_setup_teardown(no_more_clients_than_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(items_expire, setup, teardown),
        cmocka_unit_test_setup_teardown(a_socket_file_is_ours_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(usage_is_checked, setup, teardown),
        cmocka_unit_test(forgets_keys_without_items),
        cmocka_unit_test(a_server_is_never_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
