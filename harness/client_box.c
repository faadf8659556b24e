/* libmemcached in a child process; see client_box.h. */
#include "harness/client_box.h"

#include "harness/now.h"

#include <errno.h>
#include <libmemcached/memcached.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BEGIN = MD_CLIENT_CALLS_MAX, /* instead of a call's number: a new client */
    FINISH,                      /* and its end */
    SEQUENCES_MAX = 500,         /* of one child */
    DESCRIPTORS = 256,           /* a client's sockets are below this */
    WORDS_MAX = 16 * 1024,
    STILL_MS =
        300, /* without a change, and bytes that a node does not read are left where they are */
};

/* Shared with the child. */
struct page {
    uint64_t cas_seen;
    struct md_client_sequence sequence;
    char sockets[MD_CLIENT_SERVERS_MAX][128];
    struct md_client_result result;
};

struct md_client_box {
    struct page *page;
    int words_fd;       /* the child's stderr */
    pid_t child;        /* 0: none */
    int line;           /* to the child: a call's number out, a byte back */
    unsigned sequences; /* that the child has done */
    struct md_buf words;
};

/* A sanitizer's own, where there is one. */
/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct md_client_box *md_client_box_new(void) {
    struct md_client_box *b = md_calloc(1, sizeof *b);
    b->line = -1;
    b->words_fd = memfd_create("client-words", MFD_CLOEXEC);
    b->page =
        mmap(NULL, sizeof *b->page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b->words_fd >= 0 && b->page != MAP_FAILED)
        return b;
    if (b->words_fd >= 0)
        close(b->words_fd);
    free(b);
    return NULL;
}

/* ---- in the child ---------------------------------------------------------------------------- */

/* A key or value written out; namespaces are NUL-terminated. */
static const char *text_of(struct md_buf *scratch, struct md_client_bytes bytes) {
    md_buf_clear(scratch);
    md_client_bytes_append(scratch, bytes);
    return md_buf_cstr(scratch);
}

struct child {
    memcached_st *m;
    const struct page *page;
    struct md_client_result *r;
    struct md_buf key, value;
};

static void give_value(struct md_client_result *r, const char *value, size_t len) {
    r->has_value = value != NULL;
    r->len = (uint32_t)len;
    if (value)
        memcpy(r->value, value, len < MD_CLIENT_VALUE_MAX ? len : MD_CLIENT_VALUE_MAX);
}

static void give_key(struct md_client_result *r, const char *key, size_t len) {
    r->nkey = (uint32_t)len;
    memcpy(r->key, key, len < sizeof r->key ? len : sizeof r->key);
}

static memcached_return_t store(struct child *c, const struct md_client_call *call) {
    const char *key = md_buf_cstr(&c->key),
               *value = text_of(&c->value, md_client_value(call->value));
    size_t nkey = c->key.len, len = c->value.len;
    time_t exptime = (time_t)md_client_exptime(call->exptime);
    uint32_t flags = md_client_flags(call->flags);
    struct md_client_cas cas = md_client_cas(call->cas);
    uint64_t seen = cas.seen ? c->page->cas_seen : 0;
    switch (call->op) {
    case MD_CLIENT_ADD: return memcached_add(c->m, key, nkey, value, len, exptime, flags);
    case MD_CLIENT_REPLACE: return memcached_replace(c->m, key, nkey, value, len, exptime, flags);
    case MD_CLIENT_APPEND: return memcached_append(c->m, key, nkey, value, len, exptime, flags);
    case MD_CLIENT_PREPEND: return memcached_prepend(c->m, key, nkey, value, len, exptime, flags);
    case MD_CLIENT_CAS:
        return memcached_cas(c->m, key, nkey, value, len, exptime, flags, seen + cas.plus);
    default: return memcached_set(c->m, key, nkey, value, len, exptime, flags);
    }
}

static memcached_return_t count(struct child *c, const struct md_client_call *call) {
    const char *key = md_buf_cstr(&c->key);
    uint64_t offset = md_client_number(call->offset), initial = md_client_number(call->initial);
    time_t exptime = (time_t)md_client_exptime(call->exptime);
    size_t n = c->key.len;
    uint64_t *number = &c->r->number;
    switch (call->op) {
    case MD_CLIENT_INCREMENT: return memcached_increment(c->m, key, n, (uint32_t)offset, number);
    case MD_CLIENT_DECREMENT: return memcached_decrement(c->m, key, n, (uint32_t)offset, number);
    case MD_CLIENT_INCREMENT_INITIAL:
        return memcached_increment_with_initial(c->m, key, n, offset, initial, exptime, number);
    default:
        return memcached_decrement_with_initial(c->m, key, n, offset, initial, exptime, number);
    }
}

static memcached_return_t get(struct child *c) {
    memcached_return_t rc = MEMCACHED_MAXIMUM_RETURN;
    size_t len = 0;
    char *value = memcached_get(c->m, md_buf_cstr(&c->key), c->key.len, &len, &c->r->flags, &rc);
    give_value(c->r, value, len);
    free(value);
    return rc;
}

static memcached_return_t mget(struct child *c, const struct md_client_call *call) {
    struct md_buf text[MD_CLIENT_KEYS_MAX] = {0};
    const char *keys[MD_CLIENT_KEYS_MAX];
    size_t lengths[MD_CLIENT_KEYS_MAX];
    for (uint8_t i = 0; i < call->n_keys; i++) {
        keys[i] = text_of(&text[i], md_client_key(call->keys[i]));
        lengths[i] = text[i].len;
        c->r->where[i] = memcached_generate_hash(c->m, keys[i], lengths[i]);
    }
    memcached_return_t rc = memcached_mget(c->m, keys, lengths, call->n_keys);
    for (uint8_t i = 0; i < call->n_keys; i++)
        md_buf_free(&text[i]);
    return rc;
}

static memcached_return_t fetch(struct child *c) {
    char key[MEMCACHED_MAX_KEY + 1] = {0};
    memcached_return_t rc = MEMCACHED_MAXIMUM_RETURN;
    size_t nkey = 0, len = 0;
    char *value = memcached_fetch(c->m, key, &nkey, &len, &c->r->flags, &rc);
    give_value(c->r, value, len);
    give_key(c->r, key, nkey);
    free(value);
    return rc;
}

static memcached_return_t fetch_result(struct child *c) {
    memcached_return_t rc = MEMCACHED_MAXIMUM_RETURN;
    memcached_result_st *result = memcached_fetch_result(c->m, NULL, &rc);
    if (result) {
        give_value(c->r, memcached_result_value(result), memcached_result_length(result));
        give_key(c->r, memcached_result_key_value(result), memcached_result_key_length(result));
        c->r->flags = memcached_result_flags(result);
        c->r->cas = memcached_result_cas(result);
        c->r->has_value = true; /* the result is there; an empty value has no pointer */
        memcached_result_free(result);
    }
    return rc;
}

/* Those that do not change between two looks at a node that nobody uses. */
static const char *const stable[] = {
    "pid",        "version",   "pointer_size",   "curr_items", "cmd_get",     "cmd_set", "get_hits",
    "get_misses", "evictions", "limit_maxbytes", "bytes",      "total_items", "threads"};

/* As lines "NAME VALUE", server by server. */
static memcached_return_t stat_all(struct child *c) {
    memcached_return_t rc = MEMCACHED_MAXIMUM_RETURN, each;
    memcached_stat_st *s = memcached_stat(c->m, NULL, &rc);
    md_buf_clear(&c->value);
    for (uint32_t i = 0; s && i < memcached_server_count(c->m); i++)
        for (size_t k = 0; k < sizeof stable / sizeof *stable; k++) {
            char *text = memcached_stat_get_value(c->m, &s[i], stable[k], &each);
            md_buf_printf(&c->value, "%s %s\n", stable[k], text ? text : "NULL");
            free(text);
        }
    give_value(c->r, s ? md_buf_cstr(&c->value) : NULL, c->value.len);
    memcached_stat_free(c->m, s);
    return rc;
}

static const memcached_behavior_t behaviors[MD_CLIENT_SETTINGS] = {
    MEMCACHED_BEHAVIOR_BINARY_PROTOCOL,
    MEMCACHED_BEHAVIOR_BUFFER_REQUESTS,
    MEMCACHED_BEHAVIOR_NOREPLY,
    MEMCACHED_BEHAVIOR_SUPPORT_CAS,
    MEMCACHED_BEHAVIOR_NO_BLOCK,
    MEMCACHED_BEHAVIOR_VERIFY_KEY,
    MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY};

static memcached_return_t change_client(struct child *c, const struct md_client_call *call) {
    memcached_st *copy;
    struct md_client_bytes name = md_client_namespace(call->namespace);
    switch (call->op) {
    case MD_CLIENT_ADD_SERVER: return memcached_server_add_unix_socket(c->m, c->page->sockets[1]);
    case MD_CLIENT_BEHAVIOR:
        return memcached_behavior_set(c->m, behaviors[call->setting], call->on);
    case MD_CLIENT_NAMESPACE:
        return memcached_callback_set(c->m, MEMCACHED_CALLBACK_NAMESPACE,
                                      name.text ? text_of(&c->value, name) : NULL);
    case MD_CLIENT_CLONE:
        copy = memcached_clone(NULL, c->m);
        memcached_free(c->m);
        c->m = copy;
        return copy ? MEMCACHED_SUCCESS : MEMCACHED_FAILURE;
    default: memcached_quit(c->m); return MEMCACHED_SUCCESS;
    }
}

static memcached_return_t make(struct child *c, const struct md_client_call *call) {
    const char *key = text_of(&c->key, md_client_key(call->key));
    size_t n = c->key.len;
    unsigned fields = md_client_op_fields((enum md_client_op)call->op);
    if (fields & MD_CLIENT_F_KEY)
        c->r->where[0] = memcached_generate_hash(c->m, key, n);
    if (fields & MD_CLIENT_F_OFFSET)
        return count(c, call);
    if (fields & MD_CLIENT_F_VALUE)
        return store(c, call);
    switch (call->op) {
    case MD_CLIENT_GET: return get(c);
    case MD_CLIENT_MGET: return mget(c, call);
    case MD_CLIENT_FETCH: return fetch(c);
    case MD_CLIENT_FETCH_RESULT: return fetch_result(c);
    case MD_CLIENT_TOUCH:
        return memcached_touch(c->m, key, n, (time_t)md_client_exptime(call->exptime));
    case MD_CLIENT_EXIST: return memcached_exist(c->m, key, n);
    case MD_CLIENT_DELETE:
        return memcached_delete(c->m, key, n, (time_t)md_client_seconds(call->seconds));
    case MD_CLIENT_FLUSH: return memcached_flush(c->m, (time_t)md_client_seconds(call->seconds));
    case MD_CLIENT_FLUSH_BUFFERS: return memcached_flush_buffers(c->m);
    case MD_CLIENT_STAT: return stat_all(c);
    default: return change_client(c, call);
    }
}

/* Until the other side has read what we sent, or does not go on: it may wait for us to read. On a unix
 * socket SIOCOUTQ counts what it has not read; there is no event for it. */
static void wait_for_reader(int fd) {
    int left = 0, last = -1;
    uint64_t end = 0;
    while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0) {
        uint64_t now = md_now_ns();
        if (left != last)
            end = now + STILL_MS * UINT64_C(1000000);
        else if (now > end)
            break;
        last = left;
        sched_yield();
    }
}

/* What a call left on the way must have arrived before anybody else does anything. */
static void wait_until_read(void) {
    for (int fd = 3; fd < DESCRIPTORS; fd++)
        wait_for_reader(fd);
}

static void prepare(struct md_client_box *b) {
    static const int ours[] = {SIGABRT, SIGSEGV, SIGBUS,  SIGFPE, SIGILL,
                               SIGALRM, SIGUSR1, SIGUSR2, SIGXFSZ};
    /* A terminal sends these to us too: our end is the parent's to decide, and no crash. */
    static const int parents[] = {SIGINT, SIGTERM, SIGHUP};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(b->words_fd, STDERR_FILENO);
    /* An engine's report would take this process for itself. A sanitizer's handlers are set
     * again by nobody: its own report of an access comes before any signal. */
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        signal(ours[i], SIG_DFL);
    for (size_t i = 0; i < sizeof parents / sizeof *parents; i++)
        signal(parents[i], SIG_IGN);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(NULL);
}

static void begin_client(struct child *c) {
    c->m = memcached_create(NULL);
    memcached_server_add_unix_socket(c->m, c->page->sockets[0]);
    memcached_behavior_set(c->m, MEMCACHED_BEHAVIOR_POLL_TIMEOUT, MD_CLIENT_POLL_MS);
}

static _Noreturn void live(struct md_client_box *b, int line) {
    struct child c = {.page = b->page, .r = &b->page->result};
    uint32_t i;
    prepare(b);
    while (recv(line, &i, sizeof i, 0) == sizeof i) {
        memset(c.r, 0, offsetof(struct md_client_result, value));
        if (i == BEGIN)
            begin_client(&c);
        else if (i == FINISH)
            memcached_free(c.m);
        else
            c.r->rc = (uint32_t)make(&c, &b->page->sequence.calls[i]);
        wait_until_read();
        if (send(line, "", 1, 0) != 1)
            break;
    }
    _exit(0);
}

/* ---- in the parent --------------------------------------------------------------------------- */

static void end_child(struct md_client_box *b, int signal) {
    int status = 0;
    if (b->line >= 0)
        close(b->line);
    b->line = -1;
    if (b->child <= 0)
        return;
    if (signal)
        kill(b->child, signal);
    while (waitpid(b->child, &status, 0) < 0 && errno == EINTR)
        ;
    b->child = 0;
    md_buf_clear(&b->words);
    if (WIFSIGNALED(status))
        md_buf_printf(&b->words, "SIG%s\n", sigabbrev_np(WTERMSIG(status)));
    else
        md_buf_printf(&b->words, "exit code %d\n", WEXITSTATUS(status));
    char text[WORDS_MAX];
    ssize_t n = pread(b->words_fd, text, sizeof text, 0);
    if (n > 0)
        md_buf_append(&b->words, text, (size_t)n);
}

void md_client_box_free(struct md_client_box *b) {
    if (!b)
        return;
    end_child(b, SIGKILL);
    close(b->words_fd);
    munmap(b->page, sizeof *b->page);
    md_buf_free(&b->words);
    free(b);
}

/* Sends a call's number and waits for the byte that says that it is done. */
static enum md_client_end tell(struct md_client_box *b, uint32_t i) {
    struct pollfd p = {.fd = b->line, .events = POLLIN};
    char done;
    int r;
    if (b->child <= 0)
        return MD_CLIENT_NO_BOX;
    if (send(b->line, &i, sizeof i, MSG_NOSIGNAL) == sizeof i) {
        do
            r = poll(&p, 1, MD_CLIENT_DEADLINE_MS);
        while (r < 0 && errno == EINTR);
        if (r == 0) {
            end_child(b, SIGKILL);
            return MD_CLIENT_HUNG;
        }
        if (recv(b->line, &done, 1, 0) == 1)
            return MD_CLIENT_GOES_ON;
    }
    end_child(b, 0);
    return MD_CLIENT_CRASHED;
}

static enum md_client_end start_child(struct md_client_box *b) {
    int pair[2];
    if (ftruncate(b->words_fd, 0) != 0 || lseek(b->words_fd, 0, SEEK_SET) != 0)
        return MD_CLIENT_NO_BOX;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return MD_CLIENT_NO_BOX;
    b->sequences = 0;
    b->child = fork();
    if (b->child == 0) {
        close(pair[0]);
        live(b, pair[1]);
    }
    close(pair[1]);
    b->line = pair[0];
    return b->child > 0 ? MD_CLIENT_GOES_ON : MD_CLIENT_NO_BOX;
}

enum md_client_end md_client_box_begin(struct md_client_box *b, const struct md_client_sequence *s,
                                       const char *const sockets[MD_CLIENT_SERVERS_MAX]) {
    if (b->child > 0 && ++b->sequences >= SEQUENCES_MAX)
        end_child(b, SIGKILL);
    b->page->sequence = *s;
    for (int i = 0; i < MD_CLIENT_SERVERS_MAX; i++)
        snprintf(b->page->sockets[i], sizeof b->page->sockets[i], "%s", sockets[i]);
    if (b->child <= 0 && start_child(b) != MD_CLIENT_GOES_ON)
        return MD_CLIENT_NO_BOX;
    return tell(b, BEGIN);
}

enum md_client_end md_client_box_call(struct md_client_box *b, size_t i, uint64_t cas_seen) {
    b->page->cas_seen = cas_seen;
    return tell(b, (uint32_t)i);
}

struct md_client_result *md_client_box_result(struct md_client_box *b) {
    return &b->page->result;
}

void md_client_box_end(struct md_client_box *b) { end_child(b, SIGKILL); }

enum md_client_end md_client_box_finish(struct md_client_box *b) { return tell(b, FINISH); }

const char *md_client_box_words(struct md_client_box *b) { return md_buf_cstr(&b->words); }

/* Their strings are for people and not unique; these are the names of the constants. */
const char *md_client_return_name(uint32_t rc) {
    static const char *const names[MD_CLIENT_RETURNS] = {
#define NAME(name) [MEMCACHED_##name] = #name
        NAME(SUCCESS),
        NAME(FAILURE),
        NAME(HOST_LOOKUP_FAILURE),
        NAME(CONNECTION_FAILURE),
        NAME(CONNECTION_BIND_FAILURE),
        NAME(WRITE_FAILURE),
        NAME(READ_FAILURE),
        NAME(UNKNOWN_READ_FAILURE),
        NAME(PROTOCOL_ERROR),
        NAME(CLIENT_ERROR),
        NAME(SERVER_ERROR),
        NAME(ERROR),
        NAME(DATA_EXISTS),
        NAME(DATA_DOES_NOT_EXIST),
        NAME(NOTSTORED),
        NAME(STORED),
        NAME(NOTFOUND),
        NAME(MEMORY_ALLOCATION_FAILURE),
        NAME(PARTIAL_READ),
        NAME(SOME_ERRORS),
        NAME(NO_SERVERS),
        NAME(END),
        NAME(DELETED),
        NAME(VALUE),
        NAME(STAT),
        NAME(ITEM),
        NAME(ERRNO),
        NAME(NOT_SUPPORTED),
        NAME(FETCH_NOTFINISHED),
        NAME(TIMEOUT),
        NAME(BUFFERED),
        NAME(BAD_KEY_PROVIDED),
        NAME(INVALID_HOST_PROTOCOL),
        NAME(SERVER_MARKED_DEAD),
        NAME(UNKNOWN_STAT_KEY),
        NAME(E2BIG),
        NAME(INVALID_ARGUMENTS),
        NAME(KEY_TOO_BIG),
        NAME(DEPRECATED),
        NAME(IN_PROGRESS),
        NAME(SERVER_TEMPORARILY_DISABLED),
        NAME(SERVER_MEMORY_ALLOCATION_FAILURE),
        NAME(MAXIMUM_RETURN),
#undef NAME
    };
    return rc < MD_CLIENT_RETURNS && names[rc] ? names[rc] : "OTHER";
}

const char *md_client_library(void) {
#ifdef MEMDIVERGE_CLIENT_SANITIZED
    return "libmemcached " LIBMEMCACHED_VERSION_STRING " (ASan, UBSan)";
#else
    return "libmemcached " LIBMEMCACHED_VERSION_STRING;
#endif
}
