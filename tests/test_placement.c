/*
 * Where a key lives: values worked out by another program, then libmemcached itself over a grid of
 * settings and ways to reach them, ejected servers, and that each known deviation is there, in a
 * small example.
 */
#include "harness/placement_compare.h"

#include <arpa/inet.h>
#include <libmemcached/memcached.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- by hand --------------------------------------------------------------------------------- */

static void hashes_are_as_published(void **state) {
    static const struct {
        enum md_key_hash hash;
        const char *key;
        uint32_t value;
    } known[] = {
        {MD_HASH_DEFAULT, "a", 0xca2e9442},
        {MD_HASH_DEFAULT, "The quick brown fox jumps over the lazy dog", 0x519e91f5},
        {MD_HASH_DEFAULT, "\xff", 0xae65a494}, /* a negative number */
        {MD_HASH_MD5, "hello", 0x2a40415d},
        {MD_HASH_CRC, "123456789", 0xcbf43926 >> 16 & 0x7fff},
        {MD_HASH_FNV1_64, "a", 0x8601b7be},
        {MD_HASH_FNV1_32, "a", 0x050c5d7e},
        {MD_HASH_FNV1A_32, "a", 0xe40c292c},
        {MD_HASH_MURMUR3, "hello", 0x3fa68fd9},
        {MD_HASH_JENKINS, "", 0xdeadbeef + 13},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_int_equal(md_key_hash(known[i].hash, known[i].key, strlen(known[i].key)),
                         known[i].value);
}

static void placements_are_as_worked_out(void **state) {
    static const struct md_server servers[] = {
        {"alpha", MD_SERVER_PORT, 1, false}, {"beta", 0, 2, false}, {"gamma", 22122, 5, false}};
    static const struct {
        enum md_distribution distribution;
        enum md_key_hash hash;
        const char *nodes; /* of key:0 .. key:19 */
    } known[] = {
        {MD_DIST_CONSISTENT, MD_HASH_MD5, "22012101111211111110"},
        {MD_DIST_CONSISTENT, MD_HASH_DEFAULT, "20110011100010010211"},
        {MD_DIST_KETAMA_WEIGHTED, MD_HASH_MD5, "12022212200112020222"},
        {MD_DIST_KETAMA_SPY, MD_HASH_MD5, "10022210001201201021"},
        {MD_DIST_MODULA, MD_HASH_DEFAULT, "22211111112211111111"},
        {MD_DIST_VIRTUAL_BUCKET, MD_HASH_DEFAULT, "00022002222202022020"},
        {MD_DIST_RENDEZVOUS, MD_HASH_DEFAULT, "12111121121200222111"},
        {MD_DIST_JUMP, MD_HASH_MD5, "11002112122120210022"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct md_placement_settings s = {.distribution = known[i].distribution,
                                          .hash = known[i].hash};
        struct md_placement *p = md_placement_new(&s, servers, 3);
        for (unsigned k = 0; k < 20; k++) {
            char key[16];
            int n = snprintf(key, sizeof key, "key:%u", k);
            assert_int_equal(md_placement_of(p, key, (size_t)n), known[i].nodes[k] - '0');
        }
        md_placement_free(p);
    }
}

static void a_ring_has_its_points_and_wraps(void **state) {
    static const struct md_server servers[] = {
        {"alpha", 0, 1, false}, {"beta", 0, 2, false}, {"gamma", 22122, 5, false}};
    struct md_placement_settings s = {.distribution = MD_DIST_KETAMA_WEIGHTED, .hash = MD_HASH_MD5};
    struct md_placement *p = md_placement_new(&s, servers, 3);
    const struct md_point *ring;
    unsigned points[3] = {0};
    double shares[3], sum = 0;
    (void)state;
    size_t n = md_placement_ring(p, &ring);
    for (size_t i = 0; i < n; i++) {
        points[ring[i].server]++;
        assert_true(i == 0 || ring[i - 1].at <= ring[i].at);
        assert_int_equal(md_placement_of_hash(p, ring[i].at), ring[i].server);
    }
    assert_int_equal(points[0], 60);
    assert_int_equal(points[1], 120);
    assert_int_equal(points[2], 300);
    assert_int_equal(md_placement_of_hash(p, 0), ring[0].server);
    assert_true(ring[n - 1].at < UINT32_MAX);
    assert_int_equal(md_placement_of_hash(p, ring[n - 1].at + 1), ring[0].server);
    assert_int_equal(md_placement_of_hash(p, UINT32_MAX), ring[0].server);
    assert_true(md_placement_shares(p, shares));
    for (unsigned i = 0; i < 3; i++)
        sum += shares[i];
    assert_true(sum > 1 - 1e-9 && sum < 1 + 1e-9);
    md_placement_free(p);
}

/* Without live servers a ring has no place; modula does not look. */
static void nobody_lives(void **state) {
    static const struct md_server dead[] = {{"a", 0, 1, true}, {"b", 0, 1, true}};
    (void)state;
    for (int d = 0; d < MD_DISTRIBUTIONS; d++) {
        struct md_placement_settings s = {.distribution = (enum md_distribution)d};
        bool ejects = md_distribution_is_ring(s.distribution) || d == MD_DIST_RENDEZVOUS;
        for (size_t n = 1; n <= 2; n++) {
            struct md_placement *p = md_placement_new(&s, dead, n);
            assert_int_equal(md_placement_of(p, "k", 1) == MD_NOWHERE, ejects);
            md_placement_free(p);
        }
    }
}

/* ---- the library ----------------------------------------------------------------------------- */

enum layout { PLAIN, PORTS, WEIGHTS, SOME_DEAD, LAYOUTS };

static void lay_out(struct md_placement_case *c, enum layout layout, size_t n) {
    c->n = n;
    memset(c->server, 0, sizeof c->server);
    for (size_t i = 0; i < n; i++) {
        struct md_server *s = &c->server[i];
        /* Not in sorted order. */
        snprintf(s->host, sizeof s->host, "cache-%zu.example.org", (i * 7 + 3) % 17);
        s->port = layout == PORTS ? (uint16_t)(MD_SERVER_PORT - 1 + i % 3) : 0;
        s->weight = layout >= WEIGHTS ? (uint32_t)(1 + i * i % 5) : 1;
        s->dead = layout == SOME_DEAD && i % 3 == 1;
    }
}

static void must_agree(struct md_placement_case *c, const struct md_keys *keys,
                       struct md_compared *count) {
    struct md_disagreement d;
    struct md_buf text = {0};
    if (!md_placement_compare(md_side_library(), c, keys, count, &d))
        return;
    md_disagreement_shrink(md_side_library(), &d);
    md_disagreement_print(&d, &text);
    fail_msg("%s", md_buf_cstr(&text));
}

/* Every distribution, hash, number of servers and layout, reached in the usual way. */
static void the_library_agrees(void **state) {
    enum { N_MOST = 16, KEYS = 300 };
    struct md_placement_case c = {.reach = MD_REACH_BEHAVIOURS_FIRST};
    struct md_compared count = {0};
    struct md_keys keys = {0};
    (void)state;
    md_keys_make(&keys, MD_KEYS_SEQUENTIAL, KEYS, 0, NULL, 0);
    for (int d = 0; d <= MD_DIST_VIRTUAL_BUCKET; d++)
        for (int h = 0; h < MD_KEY_HASHES; h++)
            for (size_t n = 1; n <= N_MOST; n++)
                for (int layout = 0; layout < LAYOUTS; layout++) {
                    c.settings.distribution = (enum md_distribution)d;
                    c.settings.hash = (enum md_key_hash)h;
                    lay_out(&c, (enum layout)layout, n);
                    must_agree(&c, &keys, &count);
                }
    md_keys_free(&keys);
    print_message("%llu placements, %llu as the model says\n", (unsigned long long)count.placements,
                  (unsigned long long)count.agreed);
    assert_int_equal(count.refused, 0);
    assert_int_equal(count.placements, (uint64_t)5 * MD_KEY_HASHES * N_MOST * LAYOUTS * KEYS);
    /* Only a weight in an unweighted ring is known to be different here. */
    assert_int_equal(count.agreed + count.known[MD_DEVIATION_WEIGHT_CHANGES_RING] +
                         count.known[MD_DEVIATION_SPY_WEIGHTED],
                     count.placements);
}

/* All ways to reach the same settings; every kind of key; sorted hosts, namespaces. */
static void every_way_leads_there(void **state) {
    static const size_t ns[] = {1, 2, 5, 8};
    static const enum md_key_hash hashes[] = {MD_HASH_DEFAULT, MD_HASH_MD5, MD_HASH_CRC,
                                              MD_HASH_MURMUR};
    struct md_placement_case c = {.prefix = "shop:"};
    struct md_compared count = {0};
    (void)state;
    for (int i = 0; i < MD_REACHES * 5 * 4 * 4 * LAYOUTS; i++) {
        struct md_keys keys = {0};
        int rest = i;
        c.reach = (enum md_reach)(rest % MD_REACHES), rest /= MD_REACHES;
        c.settings.distribution = (enum md_distribution)(rest % 5), rest /= 5;
        c.settings.hash = hashes[rest % 4], rest /= 4;
        size_t n = ns[rest % 4];
        rest /= 4;
        c.settings.sort_hosts = i % 2;
        c.settings.hash_with_prefix = i / 2 % 2;
        c.settings.prefix = i / 3 % 2 ? c.prefix : NULL;
        lay_out(&c, (enum layout)rest, n);
        md_keys_make(&keys, MD_KEYS_RANDOM, 30, (uint64_t)i, NULL, 0);
        md_keys_make(&keys, MD_KEYS_SEQUENTIAL, 30, 0, NULL, 0);
        for (size_t k = 0; k < 20; k++) /* with the namespace not longer than a key may be */
            md_keys_add(&keys, (uint8_t[]){(uint8_t)(i + (int)k), 0, (uint8_t)k, 0x80}, 4);
        must_agree(&c, &keys, &count);
        md_keys_free(&keys);
    }
    print_message("%llu placements", (unsigned long long)count.placements);
    for (int d = MD_DEVIATION_NONE + 1; d < MD_DEVIATIONS; d++) {
        print_message(", %s %llu", md_deviation_id((enum md_deviation)d),
                      (unsigned long long)count.known[d]);
        assert_true(count.known[d] > 0);
    }
    print_message("\n");
}

/* ---- ejection -------------------------------------------------------------------------------- */

enum { HELD = 5 };

/* Ports that nobody listens on and nobody else gets: a connection is refused at once. */
static void hold_ports(struct md_placement_case *c, int held[HELD]) {
    c->n = HELD;
    for (int i = 0; i < HELD; i++) {
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof at;
        held[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(held[i], (struct sockaddr *)&at, n), 0);
        assert_int_equal(getsockname(held[i], (struct sockaddr *)&at, &n), 0);
        strcpy(c->server[i].host, "127.0.0.1");
        c->server[i].port = ntohs(at.sin_port);
        c->server[i].weight = 1;
    }
}

static memcached_st *ejecting_client(const struct md_placement_case *c, uint64_t distribution) {
    memcached_st *m = memcached_create(NULL);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS, 1);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_SERVER_FAILURE_LIMIT, 1);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 600);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, 600);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MD5);
    memcached_behavior_set(m, MEMCACHED_BEHAVIOR_DISTRIBUTION, distribution);
    for (size_t i = 0; i < c->n; i++)
        memcached_server_add_with_weight(m, c->server[i].host, c->server[i].port,
                                         c->server[i].weight);
    return m;
}

static void same_places(const memcached_st *m, const struct md_placement_case *c) {
    struct md_placement *p = md_placement_new(&c->settings, c->server, c->n);
    for (unsigned k = 0; k < 2000; k++) {
        char key[16];
        size_t n = (size_t)snprintf(key, sizeof key, "key:%u", k);
        assert_int_equal(memcached_generate_hash(m, key, n), md_placement_of(p, key, n));
    }
    md_placement_free(p);
}

/* Writes until this server has failed often enough to be ejected. */
static void eject(memcached_st *m, struct md_placement_case *c, uint32_t server) {
    struct md_placement *p = md_placement_new(&c->settings, c->server, c->n);
    for (unsigned k = 0, written = 0; written < 3; k++) {
        char key[16];
        size_t n = (size_t)snprintf(key, sizeof key, "key:%u", k);
        if (md_placement_of(p, key, n) != server)
            continue;
        if (memcached_generate_hash(m, key, n) == server)
            assert_int_not_equal(memcached_set(m, key, n, "v", 1, 0, 0), MEMCACHED_SUCCESS);
        written++;
    }
    c->server[server].dead = true;
    md_placement_free(p);
}

static void ejected_servers_lose_their_keys_and_no_others_do(void **state) {
    static const struct {
        enum md_distribution ours;
        memcached_server_distribution_t theirs;
        uint32_t weights[HELD];
    } cases[] = {
        {MD_DIST_CONSISTENT, MEMCACHED_DISTRIBUTION_CONSISTENT, {1, 1, 1, 1, 1}},
        {MD_DIST_KETAMA_SPY, MEMCACHED_DISTRIBUTION_CONSISTENT_KETAMA_SPY, {1, 1, 1, 1, 1}},
        {MD_DIST_KETAMA_WEIGHTED, MEMCACHED_DISTRIBUTION_CONSISTENT_WEIGHTED, {1, 1, 1, 1, 1}},
        {MD_DIST_KETAMA_WEIGHTED, MEMCACHED_DISTRIBUTION_CONSISTENT_WEIGHTED, {3, 1, 7, 2, 1}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct md_placement_case c = {
            .settings = {.distribution = cases[i].ours, .hash = MD_HASH_MD5}};
        int held[HELD];
        hold_ports(&c, held);
        for (int j = 0; j < HELD; j++)
            c.server[j].weight = cases[i].weights[j];
        memcached_st *m = ejecting_client(&c, cases[i].theirs);
        same_places(m, &c);
        eject(m, &c, 2);
        same_places(m, &c);
        eject(m, &c, 0);
        same_places(m, &c);
        memcached_free(m);
        for (int j = 0; j < HELD; j++)
            close(held[j]);
    }
}

static void modula_knows_no_ejection(void **state) {
    struct md_placement_case c = {
        .settings = {.distribution = MD_DIST_MODULA, .hash = MD_HASH_MD5}};
    int held[HELD];
    (void)state;
    hold_ports(&c, held);
    memcached_st *m = ejecting_client(&c, MEMCACHED_DISTRIBUTION_MODULA);
    eject(m, &c, 2);
    same_places(m, &c);
    memcached_free(m);
    for (int j = 0; j < HELD; j++)
        close(held[j]);
}

/* ---- what is known to be different ----------------------------------------------------------- */

/* A case that shows the deviation, from which the smallest one is made. */
static void shows(struct md_placement_case *c, enum md_deviation which, size_t servers,
                  const char *signature) {
    struct md_disagreement d;
    struct md_keys keys = {0};
    struct md_buf text = {0};
    c->settings.prefix = c->settings.hash_with_prefix ? c->prefix : NULL;
    md_keys_make(&keys, MD_KEYS_FUZZED, 200, 1, NULL, 0);
    if (!md_placement_known(md_side_library(), c, &keys, &d))
        fail_msg("%s does not show", md_deviation_id(which));
    assert_int_equal(d.known, which);
    md_disagreement_shrink(md_side_library(), &d);
    md_disagreement_signature(&d, &text);
    assert_string_equal(md_buf_cstr(&text), signature);
    assert_int_equal(d.c.n, servers);
    assert_true(d.nkey <= 2);
    md_buf_clear(&text);
    md_disagreement_print(&d, &text);
    print_message("%s", md_buf_cstr(&text));
    md_buf_free(&text);
    md_keys_free(&keys);
}

static void known_deviations_show(void **state) {
    struct md_placement_case c = {
        .settings = {.distribution = MD_DIST_CONSISTENT, .hash = MD_HASH_MD5}, .prefix = "shop:"};
    (void)state;
    lay_out(&c, PLAIN, 4);
    c.reach = MD_REACH_HASH_LAST;
    shows(&c, MD_DEVIATION_STALE_RING, 2, "placement.consistent.hash-last.stale-ring");
    c.reach = MD_REACH_STRING_HASH_LAST;
    shows(&c, MD_DEVIATION_STALE_RING, 2, "placement.consistent.string-hash-last.stale-ring");
    c.settings.distribution = MD_DIST_KETAMA_WEIGHTED;
    c.reach = MD_REACH_CLONE;
    shows(&c, MD_DEVIATION_CLONE_FORGETS_WEIGHTED, 2,
          "placement.ketama-weighted.clone.clone-forgets-weighted");
    c.reach = MD_REACH_POOL;
    shows(&c, MD_DEVIATION_CLONE_FORGETS_WEIGHTED, 2,
          "placement.ketama-weighted.pool.clone-forgets-weighted");
    lay_out(&c, WEIGHTS, 4);
    c.settings.distribution = MD_DIST_CONSISTENT;
    c.reach = MD_REACH_LIST;
    shows(&c, MD_DEVIATION_WEIGHT_CHANGES_RING, 2, "placement.consistent.list.weight-changes-ring");
    c.settings.distribution = MD_DIST_KETAMA_SPY;
    c.reach = MD_REACH_BEHAVIOURS_FIRST;
    shows(&c, MD_DEVIATION_SPY_WEIGHTED, 2, "placement.ketama-spy.behaviours-first.spy-weighted");
    c.settings.distribution = MD_DIST_MODULA;
    c.settings.hash_with_prefix = true;
    shows(&c, MD_DEVIATION_PREFIX_NUL, 2, "placement.modula.behaviours-first.prefix-nul");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_are_as_published),
        cmocka_unit_test(placements_are_as_worked_out),
        cmocka_unit_test(a_ring_has_its_points_and_wraps),
        cmocka_unit_test(nobody_lives),
        cmocka_unit_test(the_library_agrees),
        cmocka_unit_test(every_way_leads_there),
        cmocka_unit_test(ejected_servers_lose_their_keys_and_no_others_do),
        cmocka_unit_test(modula_knows_no_ejection),
        cmocka_unit_test(known_deviations_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
