/*
 * What libmemcached does with the placement of keys that it should not do:
 * docs/findings-libmemcached-placement.md. Needs nothing but the library, no server is asked.
 *
 * cc libmemcached-placement.c -lmemcached -lmemcachedutil && ./a.out [ID]
 *
 * Without an ID: all. Exit code 0: everything that was asked for shows; 1: something does not.
 */
#include <libmemcached/memcached.h>
#include <libmemcached/util.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KEYS = 1000, SERVERS = 4 };

static memcached_st *client(uint64_t distribution, uint64_t hash) {
    memcached_st *m = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_HASH, hash);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_DISTRIBUTION, distribution);
    return m;
}

/* a, b, c and d, the first with a weight. */
static void add_servers(memcached_st *m, uint32_t weight) {
    for (int i = 0; i < SERVERS; i++) {
        char host[2] = {(char)('a' + i), 0};
        memcached_server_add_with_weight(m, host, 0, i == 0 ? weight : 1);
    }
}

static uint32_t place(const memcached_st *m, int k) {
    char key[16];
    int n = snprintf(key, sizeof key, "key:%d", k);
    return memcached_generate_hash(m, key, (size_t)n);
}

/* Takes both clients; how many keys they put on different servers. */
static int differ(memcached_st *a, memcached_st *b) {
    int n = 0;
    for (int k = 0; k < KEYS; k++)
        n += place(a, k) != place(b, k);
    memcached_free(a);
    memcached_free(b);
    return n;
}

static bool told(int n, const char *what) {
    printf("  %d of %d keys go elsewhere: %s\n", n, KEYS, what);
    return n > 0;
}

/* The hash, or the distribution too, is set before the servers in one client and after them in the
 * other. */
static bool order_matters(uint64_t distribution, uint32_t weight, bool both, const char *what) {
    memcached_st *before = client(distribution, MEMCACHED_HASH_MD5);
    memcached_st *after =
        both ? memcached_create(NULL) : client(distribution, MEMCACHED_HASH_DEFAULT);
    add_servers(before, weight);
    add_servers(after, weight);
    memcached_behavior_set(after, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MD5);
    if (both)
        memcached_behavior_set(after, MEMCACHED_BEHAVIOR_DISTRIBUTION, distribution);
    return told(differ(before, after), what);
}

static bool stale_ring(void) {
    return order_matters(MEMCACHED_DISTRIBUTION_CONSISTENT, 1, false,
                         "HASH set before the servers, and after");
}

static bool weight_changes_ring(void) {
    return order_matters(MEMCACHED_DISTRIBUTION_CONSISTENT, 2, true,
                         "DISTRIBUTION set before the servers, and after");
}

static bool clone_forgets_weighted(void) {
    memcached_st *m = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    add_servers(m, 1);
    return told(differ(memcached_clone(NULL, m), m), "a client and its clone");
}

static bool pool_forgets_weighted(void) {
    memcached_return_t rc;
    memcached_st *m = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    add_servers(m, 1);
    memcached_pool_st *pool = memcached_pool_create(m, 1, 1);
    memcached_st *member = memcached_pool_fetch(pool, NULL, &rc);
    int n = 0;
    for (int k = 0; k < KEYS; k++)
        n += place(m, k) != place(member, k);
    memcached_pool_release(pool, member);
    memcached_free(memcached_pool_destroy(pool));
    return told(n, "a client and the members of its pool");
}

static bool spy_weighted(void) {
    return order_matters(MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY, 2, true,
                         "KETAMA_SPY set before the servers, and after");
}

static bool prefix_nul(void) {
    memcached_st *m = client(MEMCACHED_DISTRIBUTION_MODULA, MEMCACHED_HASH_MD5);
    int n = 0;
    add_servers(m, 1);
    for (int k = 0; k < KEYS; k++) {
        char key[3] = {'k', 0, (char)k}, zeros[3] = {'k', 0, 0};
        memcached_behavior_set(m, MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY, 1);
        uint32_t prefixed = memcached_generate_hash(m, key, 3);
        bool as_zeros = prefixed == memcached_generate_hash(m, zeros, 3);
        memcached_behavior_set(m, MEMCACHED_BEHAVIOR_HASH_WITH_PREFIX_KEY, 0);
        n += as_zeros && prefixed != memcached_generate_hash(m, key, 3);
    }
    memcached_free(m);
    return told(n, "with HASH_WITH_PREFIX_KEY, no prefix and a NUL in the key");
}

static bool socket_port(void) {
    memcached_st *a = client(MEMCACHED_DISTRIBUTION_CONSISTENT, MEMCACHED_HASH_MD5);
    memcached_st *b = client(MEMCACHED_DISTRIBUTION_CONSISTENT, MEMCACHED_HASH_MD5);
    for (int i = 0; i < SERVERS; i++) {
        char path[16];
        snprintf(path, sizeof path, "/run/m%d", i);
        memcached_server_add(a, path, 0);
        memcached_server_add_unix_socket(b, path);
    }
    return told(differ(a, b), "memcached_server_add of a path, and ..._add_unix_socket");
}

/* What is documented to change the placement, and does not. */
static bool ketama_hash_ignored(void) {
    static const char plain[] = "--SERVER=aaa --SERVER=bbb --SERVER=ccc --DISTRIBUTION=consistent";
    static const char md5[] = "--SERVER=aaa --SERVER=bbb --SERVER=ccc "
                              "--DISTRIBUTION=consistent,md5";
    memcached_st *m = memcached_create(NULL), *def = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_HASH, MEMCACHED_HASH_MD5);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA, 1);
    memcached_behavior_set(def, MEMCACHED_BEHAVIOR_KETAMA, 1);
    add_servers(m, 1);
    add_servers(def, 1);
    int set = differ(m, def);
    int said = differ(memcached(plain, sizeof plain - 1), memcached(md5, sizeof md5 - 1));
    printf("  %d keys moved by KETAMA_HASH, %d by --DISTRIBUTION=consistent,md5\n", set, said);
    return set == 0 && said == 0;
}

static bool ketama_keeps_hash(void) {
    memcached_st *m = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA, 1);
    uint64_t hash = memcached_behavior_get(m, MEMCACHED_BEHAVIOR_HASH);
    memcached_free(m);
    printf("  after KETAMA the hash is %d, MD5 is %d\n", (int)hash, MEMCACHED_HASH_MD5);
    return hash != MEMCACHED_HASH_MD5;
}

static bool light_server_empty(void) {
    memcached_st *m = memcached_create(NULL);
    int n = 0;
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    memcached_server_add_with_weight(m, "a", 0, 1);
    memcached_server_add_with_weight(m, "b", 0, 80);
    for (int k = 0; k < 100 * KEYS; k++)
        n += place(m, k) == 0;
    memcached_free(m);
    printf("  weights 1 and 80: the first server gets %d of %d keys\n", n, 100 * KEYS);
    return n == 0;
}

/* ---- what ends the process ------------------------------------------------------------------- */

static bool aborts(void (*what)(void)) {
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(1);
        what();
        _exit(0);
    }
    waitpid(child, &status, 0);
    bool died = WIFSIGNALED(status) || WEXITSTATUS(status) != 0;
    printf("  the process %s\n", died ? "was ended" : "went on");
    return died;
}

static void add_101(void) {
    memcached_st *m = client(MEMCACHED_DISTRIBUTION_CONSISTENT, MEMCACHED_HASH_MD5);
    for (int i = 0; i <= 100; i++) {
        char host[16];
        snprintf(host, sizeof host, "h%d", i);
        memcached_server_add(m, host, 0);
    }
}
static bool server_101_aborts(void) { return aborts(add_101); }

static void parse_long(void) {
    enum { LONG = 9000 };
    static char text[LONG + 1];
    memset(text, 'a', LONG);
    memcached_server_list_free(memcached_servers_parse(text));
}
static bool parse_overflow(void) { return aborts(parse_long); }

/* ---------------------------------------------------------------------------------------------- */

static const struct {
    const char *id;
    bool (*shows)(void);
} findings[] = {
    {"stale-ring", stale_ring},
    {"weight-changes-ring", weight_changes_ring},
    {"clone-forgets-weighted", clone_forgets_weighted},
    {"pool-forgets-weighted", pool_forgets_weighted},
    {"spy-weighted", spy_weighted},
    {"prefix-nul", prefix_nul},
    {"socket-port", socket_port},
    {"ketama-hash-ignored", ketama_hash_ignored},
    {"ketama-keeps-hash", ketama_keeps_hash},
    {"light-server-empty", light_server_empty},
    {"server-101-aborts", server_101_aborts},
    {"parse-overflow", parse_overflow},
};

int main(int argc, char **argv) {
    int missing = 0, asked = 0;
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++) {
        if (argc > 1 && strcmp(argv[1], findings[i].id) != 0)
            continue;
        asked++;
        printf("%s\n", findings[i].id);
        missing += !findings[i].shows();
    }
    return missing > 0 || asked == 0;
}
