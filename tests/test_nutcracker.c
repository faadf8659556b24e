/*
 * nutcracker (twemproxy) in front of four real nodes: every key that is written through it is on
 * exactly one of them, and that is the one that the model of its rule says, which is
 * libmemcached's too. The nodes are asked themselves, each by a connection of its own.
 *
 * Skipped where there is no nutcracker (scripts/setup unpacks Debian's).
 */
#include "harness/node.h"
#include "harness/placement_library.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    NODES = 4,
    KEYS = 100,
    DEADLINE_MS = 10000,
    INTERVAL_MS = 10,
    TRIES = 3,
    REPLY_MAX = 1 << 16
};

struct fixture {
    struct md_node *node[NODES];
    char folder[64];
    pid_t proxy;
    int fd; /* to the proxy */
};

static const char *nutcracker(void) {
    const char *path = getenv("MEMDIVERGE_NUTCRACKER");
    return path && access(path, X_OK) == 0 ? path : NULL;
}

static int setup(void **state) {
    struct fixture *f = md_calloc(1, sizeof *f);
    struct md_node_config config = {.binary = getenv("MEMDIVERGE_NODE"), .cpu = -1};
    *state = f;
    if (!nutcracker())
        return 0;
    strcpy(f->folder, "/tmp/memdiverge-test-nutcracker-XXXXXX");
    if (!mkdtemp(f->folder))
        return -1;
    for (int i = 0; i < NODES; i++)
        if (md_node_start(&config, NULL, true, &f->node[i]) != MD_NODE_OK ||
            md_node_open(f->node[i], 0) != MD_NODE_OK)
            return -1;
    return 0;
}

static void path_in(const struct fixture *f, const char *name, char out[108]) {
    snprintf(out, 108, "%s/%s", f->folder, name);
}

static void stop_proxy(struct fixture *f) {
    if (f->fd)
        close(f->fd);
    f->fd = 0;
    if (f->proxy > 0) {
        kill(f->proxy, SIGKILL);
        waitpid(f->proxy, NULL, 0);
    }
    f->proxy = 0;
}

static int teardown(void **state) {
    static const char *const files[] = {"nutcracker.yml", "nutcracker.log", "proxy"};
    struct fixture *f = *state;
    stop_proxy(f);
    for (int i = 0; i < NODES; i++)
        md_node_free(f->node[i]);
    for (unsigned i = 0; f->folder[0] && i < sizeof files / sizeof *files; i++) {
        char path[108];
        path_in(f, files[i], path);
        unlink(path);
    }
    if (f->folder[0])
        rmdir(f->folder);
    free(f);
    return 0;
}

/* ---- the proxy ------------------------------------------------------------------------------- */

/* Its nodes are sockets; the names that it hashes are those of the model's servers. */
static void configure(const struct fixture *f, const char *distribution, const char *hash,
                      const struct md_server *servers) {
    char path[108], listen[108];
    path_in(f, "nutcracker.yml", path);
    path_in(f, "proxy", listen);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fprintf(out,
            "pool:\n  listen: %s\n  hash: %s\n  distribution: %s\n  preconnect: true\n"
            "  auto_eject_hosts: false\n  servers:\n",
            listen, hash, distribution);
    for (int i = 0; i < NODES; i++) {
        fprintf(out, "   - %s:%u %s", md_node_socket_path(f->node[i]), servers[i].weight,
                servers[i].host);
        if (servers[i].port != MD_SERVER_PORT)
            fprintf(out, ":%u", servers[i].port);
        fprintf(out, "\n");
    }
    assert_int_equal(fclose(out), 0);
}

/* It cannot be told not to have a port for statistics: one of 127.0.0.1 that is free just now. */
static unsigned free_port(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    close(fd);
    return ntohs(at.sin_port);
}

static void spawn(struct fixture *f) {
    char conf[108], log[108], port[16];
    path_in(f, "nutcracker.yml", conf);
    path_in(f, "nutcracker.log", log);
    snprintf(port, sizeof port, "%u", free_port());
    f->proxy = fork();
    assert_true(f->proxy >= 0);
    if (f->proxy == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl(nutcracker(), "nutcracker", "-c", conf, "-o", log, "-a", "127.0.0.1", "-s", port,
              (char *)NULL);
        _exit(127);
    }
}

static bool connected(struct fixture *f) {
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct timeval deadline = {.tv_sec = DEADLINE_MS / 1000};
    path_in(f, "proxy", at.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof deadline);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) {
        f->fd = fd;
        return true;
    }
    close(fd);
    return false;
}

/* Its socket in the folder is an event, that it listens there is not: asked again at short
 * intervals. */
static bool start_once(struct fixture *f) {
    char buffer[4096], listen[108];
    path_in(f, "proxy", listen);
    unlink(listen);
    int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(watch >= 0);
    inotify_add_watch(watch, f->folder, IN_CREATE | IN_MODIFY | IN_ATTRIB);
    spawn(f);
    bool up = false;
    for (int waited = 0; !(up = connected(f)) && waited < DEADLINE_MS; waited += INTERVAL_MS) {
        struct pollfd p = {.fd = watch, .events = POLLIN};
        poll(&p, 1, INTERVAL_MS);
        while (read(watch, buffer, sizeof buffer) > 0) {
        }
        if (waitpid(f->proxy, NULL, WNOHANG) == f->proxy) {
            f->proxy = 0;
            break;
        }
    }
    close(watch);
    if (!up)
        stop_proxy(f);
    return up;
}

static void start_proxy(struct fixture *f) {
    for (int i = 0; i < TRIES; i++) /* somebody else may have taken the port */
        if (start_once(f))
            return;
    fail_msg("nutcracker does not come up; see %s/nutcracker.log", f->folder);
}

static void store(const struct fixture *f, const char *key) {
    static const char stored[] = "STORED\r\n";
    char line[64], reply[64];
    size_t got = 0;
    int n = snprintf(line, sizeof line, "set %s 0 0 1\r\nv\r\n", key);
    assert_int_equal(write(f->fd, line, (size_t)n), n);
    while (got < sizeof stored - 1) {
        ssize_t r = read(f->fd, reply + got, sizeof reply - got);
        assert_true(r > 0);
        got += (size_t)r;
    }
    assert_memory_equal(reply, stored, sizeof stored - 1);
}

static void key_text(char key[32], const char *name, unsigned k) {
    snprintf(key, 32, "%s-%u", name, k);
}

/* The one node that holds each of the keys: every node is asked for all of them. */
static void holders(const struct fixture *f, const char *name, uint32_t found[KEYS]) {
    struct md_buf ask = {0};
    char key[32];
    for (unsigned k = 0; k < KEYS; k++) {
        found[k] = MD_NOWHERE;
        key_text(key, name, k);
        md_buf_printf(&ask, "get %s\r\n", key);
    }
    for (uint32_t i = 0; i < NODES; i++) {
        struct md_buf reply = {0}, line = {0};
        assert_int_equal(md_node_exchange(f->node[i], 0, ask.data, ask.len, REPLY_MAX, &reply),
                         MD_NODE_OK);
        for (unsigned k = 0; k < KEYS; k++) {
            key_text(key, name, k);
            md_buf_clear(&line);
            md_buf_printf(&line, "VALUE %s 0 1\r\n", key);
            if (!strstr(md_buf_cstr(&reply), md_buf_cstr(&line)))
                continue;
            if (found[k] != MD_NOWHERE)
                fail_msg("%s is on nodes %u and %u", key, found[k], i);
            found[k] = i;
        }
        md_buf_free(&reply);
        md_buf_free(&line);
    }
    md_buf_free(&ask);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void empty_nodes(const struct fixture *f) {
    for (int i = 0; i < NODES; i++) {
        struct md_buf reply = {0};
        assert_int_equal(md_node_exchange(f->node[i], 0, "flush_all\r\n", 11, REPLY_MAX, &reply),
                         MD_NODE_OK);
        md_buf_free(&reply);
    }
}

enum ports { SAME, DIFFERENT };
enum list { AS_WRITTEN, SHORTEST_NAME_FIRST };

struct comparison {
    const char *distribution, *hash; /* nutcracker's */
    enum md_distribution ours;
    enum md_key_hash our_hash;
    uint32_t weights[NODES];
    enum ports ports;
    enum list list; /* that libmemcached is given */
    bool agrees;
};

/* nutcracker's list; one port may be another than the one that is left out of names. */
static void make_servers(const struct comparison *c, struct md_server servers[NODES]) {
    memset(servers, 0, NODES * sizeof *servers);
    for (int i = 0; i < NODES; i++) {
        snprintf(servers[i].host, MD_HOST_MAX, "cache-%d.example.org", i);
        servers[i].port = i == 1 && c->ports == DIFFERENT ? 22122 : MD_SERVER_PORT;
        servers[i].weight = c->weights[i];
    }
}

/* How many keys are where libmemcached with these settings looks for them. */
static unsigned agreement(struct fixture *f, const struct comparison *c) {
    static const uint32_t as_written[NODES] = {0, 1, 2, 3}, shortest_first[NODES] = {0, 2, 3, 1};
    const uint32_t *order = c->list == AS_WRITTEN ? as_written : shortest_first;
    struct md_placement_settings settings = {.distribution = c->ours, .hash = c->our_hash};
    struct md_server servers[NODES], listed[NODES];
    uint32_t found[KEYS];
    const char *why = "";
    unsigned same = 0;
    make_servers(c, servers);
    for (int i = 0; i < NODES; i++)
        listed[i] = servers[order[i]];
    configure(f, c->distribution, c->hash, servers);
    start_proxy(f);
    for (unsigned k = 0; k < KEYS; k++) {
        char key[32];
        key_text(key, c->hash, k);
        store(f, key);
    }
    holders(f, c->hash, found);
    struct md_placement *p = md_placement_new(&settings, listed, NODES);
    struct md_library *l = md_library_new(MD_REACH_SERVERS_FIRST, &settings, listed, NODES, &why);
    assert_non_null(l);
    for (unsigned k = 0; k < KEYS; k++) {
        char key[32];
        key_text(key, c->hash, k);
        uint32_t at = md_placement_of(p, key, strlen(key));
        assert_int_not_equal(found[k], MD_NOWHERE);
        assert_int_equal(at, md_library_of(l, key, strlen(key)));
        same += found[k] == order[at];
    }
    md_library_free(l);
    md_placement_free(p);
    stop_proxy(f);
    empty_nodes(f);
    return same;
}

#define EQUAL                                                                                      \
    { 1, 1, 1, 1 }
#define UNEQUAL                                                                                    \
    { 1, 2, 5, 1 }

static void it_places_as_libmemcached_does(void **state) {
    static const struct comparison cases[] = {
        {"ketama", "md5", MD_DIST_KETAMA_WEIGHTED, MD_HASH_MD5, EQUAL, DIFFERENT, 0, true},
        {"ketama", "md5", MD_DIST_KETAMA_WEIGHTED, MD_HASH_MD5, UNEQUAL, DIFFERENT, 0, true},
        {"ketama", "one_at_a_time", MD_DIST_KETAMA_WEIGHTED, MD_HASH_DEFAULT, UNEQUAL, DIFFERENT, 0,
         true},
        {"ketama", "fnv1_64", MD_DIST_KETAMA_WEIGHTED, MD_HASH_FNV1_64, EQUAL, DIFFERENT, 0, true},
        {"ketama", "fnv1a_64", MD_DIST_KETAMA_WEIGHTED, MD_HASH_FNV1A_64, EQUAL, SAME, 0, true},
        {"ketama", "fnv1_32", MD_DIST_KETAMA_WEIGHTED, MD_HASH_FNV1_32, EQUAL, SAME, 0, true},
        {"ketama", "fnv1a_32", MD_DIST_KETAMA_WEIGHTED, MD_HASH_FNV1A_32, EQUAL, SAME, 0, true},
        {"ketama", "jenkins", MD_DIST_KETAMA_WEIGHTED, MD_HASH_JENKINS, EQUAL, SAME, 0, true},
        {"ketama", "murmur", MD_DIST_KETAMA_WEIGHTED, MD_HASH_MURMUR, EQUAL, SAME, 0, true},
        {"modula", "md5", MD_DIST_MODULA, MD_HASH_MD5, EQUAL, SAME, AS_WRITTEN, true},
        {"modula", "crc32", MD_DIST_MODULA, MD_HASH_CRC, EQUAL, SAME, AS_WRITTEN, true},
        /* It sorts its servers by the length of their names, then by the names. */
        {"modula", "md5", MD_DIST_MODULA, MD_HASH_MD5, EQUAL, DIFFERENT, AS_WRITTEN, false},
        {"modula", "md5", MD_DIST_MODULA, MD_HASH_MD5, EQUAL, DIFFERENT, SHORTEST_NAME_FIRST, true},
        /* What looks alike and is not. */
        {"ketama", "md5", MD_DIST_CONSISTENT, MD_HASH_MD5, EQUAL, SAME, 0, false},
        {"modula", "md5", MD_DIST_MODULA, MD_HASH_MD5, UNEQUAL, SAME, 0, false},
    };
    struct fixture *f = *state;
    if (!nutcracker()) {
        print_message("no nutcracker: MEMDIVERGE_NUTCRACKER names none that can be run\n");
        skip();
    }
    print_message("nutcracker                  libmemcached's rule          weights  same node\n");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct comparison *c = &cases[i];
        unsigned same = agreement(f, c);
        print_message("%-11s %-15s %-15s %-12s %u %u %u %u  %3u of %d%s\n", c->distribution,
                      c->hash, md_distribution_id(c->ours), md_key_hash_id(c->our_hash),
                      c->weights[0], c->weights[1], c->weights[2], c->weights[3], same, KEYS,
                      c->list == SHORTEST_NAME_FIRST ? ", shortest name first" : "");
        assert_int_equal(c->agrees, same == KEYS);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_places_as_libmemcached_does),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
