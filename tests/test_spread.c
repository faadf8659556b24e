/*
 * Statistics of the placement: what was measured elsewhere comes out again, good pairs of
 * distribution and hash keep every promise, the bad ones are named with a small example, and a
 * spoilt placement would not pass. Pictures are well-formed.
 */
#include "harness/clients.h"
#include "harness/cluster_placement.h"
#include "harness/spread.h"

#include <dirent.h>
#include <libxml/parser.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static int measure(void **state) {
    struct md_spread *s = md_calloc(1, sizeof *s);
    md_spread_measure(s, MD_SPREAD_KEYS, 0);
    *state = s;
    return 0;
}

static int drop(void **state) {
    md_spread_free(*state);
    free(*state);
    return 0;
}

static void figures_are_those_measured_before(void **state) {
    static const struct {
        enum md_distribution distribution;
        enum md_key_hash hash;
        double imbalance[3]; /* N = 4, 8, 16 */
        double joined[2];    /* percent, N = 4, 8 */
    } known[] = {
        {MD_DIST_MODULA, MD_HASH_MD5, {1.004, 1.010, 1.024}, {80.2, 89.0}},
        {MD_DIST_CONSISTENT, MD_HASH_DEFAULT, {1.097, 1.215, 1.188}, {18.6, 11.1}},
        {MD_DIST_CONSISTENT, MD_HASH_MD5, {1.184, 1.237, 1.160}, {18.7, 12.7}},
        {MD_DIST_CONSISTENT, MD_HASH_MURMUR, {1.061, 1.158, 1.247}, {19.8, 12.1}},
        {MD_DIST_KETAMA_WEIGHTED, MD_HASH_MD5, {1.088, 1.069, 1.151}, {21.8, 10.6}},
        {MD_DIST_RENDEZVOUS, MD_HASH_MURMUR3, {1.006, 1.012, 1.025}, {19.99, 11.13}},
    };
    const struct md_spread *s = *state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (unsigned j = 0; j < 3; j++) {
            const struct md_spread_row *r =
                md_spread_find(s, known[i].distribution, known[i].hash, false, (size_t)4 << j);
            assert_true(fabs(r->imbalance - known[i].imbalance[j]) < 0.0015);
            if (j < 2)
                assert_true(fabs(100 * r->joined - known[i].joined[j]) < 0.1);
        }
}

static void good_pairs_keep_every_promise(void **state) {
    const struct md_spread *s = *state;
    struct md_buf text = {0};
    if (md_spread_news(s)) {
        md_spread_print(s, &text);
        fail_msg("%s", md_buf_cstr(&text));
    }
}

/* What follows from the rule, whatever the hash, a weak hash does not excuse. */
static void weak_hashes_excuse_only_what_they_cause(void **state) {
    struct md_spread_row r = {.hash = MD_HASH_FNV1_32, .distribution = MD_DIST_CONSISTENT, .n = 4};
    (void)state;
    assert_true(md_spread_known(&r, MD_PROMISE_UNIFORM));
    assert_true(md_spread_known(&r, MD_PROMISE_JOIN_SHARE));
    for (r.hash = 0; r.hash < MD_KEY_HASHES; r.hash++) {
        assert_false(md_spread_known(&r, MD_PROMISE_MONOTONE));
        assert_false(md_spread_known(&r, MD_PROMISE_REJOIN));
        assert_int_equal(md_spread_known(&r, MD_PROMISE_ORDERLESS), r.hash == MD_HASH_CRC);
    }
    r.hash = MD_HASH_CRC;
    r.distribution = MD_DIST_MODULA;
    assert_false(md_spread_known(&r, MD_PROMISE_JOIN_SHARE));
}

/* Chance is larger then, and the limits with it; what is bad still shows. */
static void few_keys_are_no_alarm(void **state) {
    (void)state;
    for (size_t keys = MD_SPREAD_KEYS_LEAST; keys <= 16000; keys *= 16)
        for (uint64_t seed = 0; seed < 2; seed++) {
            struct md_spread s;
            struct md_buf text = {0};
            md_spread_measure(&s, keys, seed);
            md_spread_print(&s, &text);
            if (md_spread_news(&s))
                fail_msg("%zu keys, seed %d: %s", keys, (int)seed, md_buf_cstr(&text));
            assert_true(
                md_spread_find(&s, MD_DIST_KETAMA_WEIGHTED, MD_HASH_CRC, false, 8)->broken >>
                    MD_PROMISE_BALANCED &
                1);
            md_buf_free(&text);
            md_spread_free(&s);
        }
}

/* With these keys (seed 0) libmemcached's default hash is as even as the others ... */
static void the_default_hash_is_even_here(void **state) {
    const struct md_spread *s = *state;
    for (size_t i = 0; i < s->n; i++)
        if (s->row[i].hash == MD_HASH_DEFAULT)
            assert_false(s->row[i].broken >> MD_PROMISE_UNIFORM & 1);
}

/* The chi-square of nine nodes by modula, of sequential keys from a number on. */
static double chi_square_of_nine(enum md_key_hash hash, unsigned first) {
    enum { N = 9 };
    unsigned count[N] = {0};
    double sum = 0, mean = (double)MD_SPREAD_KEYS / N;
    for (unsigned k = 0; k < MD_SPREAD_KEYS; k++) {
        char key[32];
        int n = snprintf(key, sizeof key, "key:%u", first + k);
        count[md_key_hash(hash, key, (size_t)n) % N]++;
    }
    for (unsigned i = 0; i < N; i++)
        sum += (count[i] - mean) * (count[i] - mean) / mean;
    return sum;
}

/* ... and with others it is not, which no other good hash shows: the limit is p = 1e-6. */
static void the_default_hash_is_uneven_elsewhere(void **state) {
    static const enum md_key_hash others[] = {MD_HASH_MD5, MD_HASH_MURMUR, MD_HASH_JENKINS,
                                              MD_HASH_MURMUR3};
    enum { RANGES = 20, STEP = 47000000 };
    const double limit = 42.7; /* 8 degrees of freedom */
    unsigned uneven = 0;
    (void)state;
    for (unsigned i = 1; i <= RANGES; i++) {
        uneven += chi_square_of_nine(MD_HASH_DEFAULT, i * STEP) > limit;
        for (size_t h = 0; h < sizeof others / sizeof *others; h++)
            assert_true(chi_square_of_nine(others[h], i * STEP) < limit);
    }
    print_message("uneven in %u of %d ranges\n", uneven, RANGES);
    assert_true(uneven > 0);
}

/* Equal weights: exactly the keys of the node that came or went move. */
static void rings_are_monotone_and_orderless(void **state) {
    const struct md_spread *s = *state;
    for (size_t i = 0; i < s->n; i++) {
        const struct md_spread_row *r = &s->row[i];
        if (!md_distribution_is_ring(r->distribution) || r->weighted)
            continue;
        assert_true(r->survivors_join == 0 && r->survivors_left == 0);
        if (r->hash != MD_HASH_CRC) /* 15 bits: points meet, and then the order says whose it is */
            assert_true(r->order == 0 && r->rejoin == 0);
    }
}

static const struct md_spread_finding *finding(const struct md_spread *s, enum md_promise p,
                                               enum md_distribution d, enum md_key_hash h,
                                               bool weighted) {
    for (size_t i = 0; i < s->findings; i++) {
        const struct md_spread_finding *f = &s->finding[i];
        if (f->promise == p && f->row->distribution == d && f->row->hash == h &&
            f->row->weighted == weighted)
            return f;
    }
    fail_msg("no finding: %s %s %s", md_promise_id(p), md_distribution_id(d), md_key_hash_id(h));
    return NULL;
}

static void bad_pairs_are_named(void **state) {
    const struct md_spread *s = *state;
    /* 15 bits of hash never get round a ring of 32: one node has everything. */
    const struct md_spread_finding *f =
        finding(s, MD_PROMISE_NOBODY_EMPTY, MD_DIST_KETAMA_WEIGHTED, MD_HASH_CRC, false);
    assert_int_equal(f->row->n, 2);
    assert_int_equal(f->rows, MD_SPREAD_MOST - MD_SPREAD_LEAST + 1);
    /* A mask is not a remainder. */
    f = finding(s, MD_PROMISE_NOBODY_EMPTY, MD_DIST_VIRTUAL_BUCKET, MD_HASH_MD5, false);
    assert_int_equal(f->row->n, 3);
    assert_int_equal(f->row->count[1], 0);
    /* A weight is a part of the sum of all. */
    f = finding(s, MD_PROMISE_MONOTONE, MD_DIST_KETAMA_WEIGHTED, MD_HASH_MD5, true);
    assert_int_equal(f->row->n, 2);
    assert_true(f->row->example[MD_PROMISE_MONOTONE].key != UINT32_MAX);
    finding(s, MD_PROMISE_ORDERLESS, MD_DIST_KETAMA_SPY, MD_HASH_CRC, false);
    finding(s, MD_PROMISE_BALANCED, MD_DIST_CONSISTENT, MD_HASH_FNV1_64, false);
    finding(s, MD_PROMISE_UNIFORM, MD_DIST_MODULA, MD_HASH_FNV1A_64, false);
}

/* The key of a finding does what the finding says, on the servers that it names. */
static void an_example_shows_it(void **state) {
    const struct md_spread_finding *f =
        finding(*state, MD_PROMISE_MONOTONE, MD_DIST_KETAMA_WEIGHTED, MD_HASH_MD5, true);
    struct md_placement_settings settings = {.distribution = MD_DIST_KETAMA_WEIGHTED,
                                             .hash = MD_HASH_MD5};
    struct md_server servers[3];
    char key[32];
    md_spread_servers(true, 3, servers);
    struct md_placement *two = md_placement_new(&settings, servers, 2);
    struct md_placement *three = md_placement_new(&settings, servers, 3);
    size_t n =
        (size_t)snprintf(key, sizeof key, "key:%u", f->row->example[MD_PROMISE_MONOTONE].key);
    assert_int_equal(md_placement_of(two, key, n), f->row->example[MD_PROMISE_MONOTONE].from);
    assert_int_equal(md_placement_of(three, key, n), f->row->example[MD_PROMISE_MONOTONE].to);
    md_placement_free(two);
    md_placement_free(three);
}

static void sorted_hosts_make_modula_orderless(void **state) {
    struct md_server servers[5], turned[5];
    struct md_keys keys = {0};
    (void)state;
    md_spread_servers(false, 5, servers);
    for (unsigned i = 0; i < 5; i++)
        turned[i] = servers[4 - i];
    md_keys_make(&keys, MD_KEYS_RANDOM, 1000, 1, NULL, 0);
    for (int sorted = 0; sorted < 2; sorted++) {
        struct md_placement_settings s = {.distribution = MD_DIST_MODULA,
                                          .sort_hosts = sorted == 1};
        struct md_placement *a = md_placement_new(&s, servers, 5);
        struct md_placement *b = md_placement_new(&s, turned, 5);
        size_t moved = 0;
        for (size_t k = 0; k < keys.n; k++) {
            size_t n;
            const uint8_t *key = md_keys_at(&keys, k, &n);
            moved += md_placement_of(a, key, n) != 4 - md_placement_of(b, key, n);
        }
        assert_int_equal(moved == 0, sorted == 1);
        md_placement_free(a);
        md_placement_free(b);
    }
    md_keys_free(&keys);
}

/* ---- key sets -------------------------------------------------------------------------------- */

static void keys_follow_from_the_seed(void **state) {
    (void)state;
    struct md_placement_settings s = {.distribution = MD_DIST_CONSISTENT, .hash = MD_HASH_MD5};
    struct md_server servers[4];
    md_spread_servers(false, 4, servers);
    struct md_placement *p = md_placement_new(&s, servers, 4);
    for (int set = 0; set < MD_KEY_SETS; set++) {
        struct md_keys a = {0}, b = {0}, c = {0};
        md_keys_make(&a, (enum md_key_set)set, 500, 7, p, 2);
        md_keys_make(&b, (enum md_key_set)set, 500, 7, p, 2);
        md_keys_make(&c, (enum md_key_set)set, 500, 8, p, 2);
        assert_int_equal(a.n, 500);
        assert_int_equal(a.bytes.len, b.bytes.len);
        assert_memory_equal(a.bytes.data, b.bytes.data, a.bytes.len);
        bool seeded = set != MD_KEYS_SEQUENTIAL && set != MD_KEYS_PREFIX;
        assert_int_equal(seeded, a.bytes.len != c.bytes.len ||
                                     memcmp(a.bytes.data, c.bytes.data, a.bytes.len) != 0);
        for (size_t k = 0; k < a.n; k++) {
            size_t n;
            const uint8_t *key = md_keys_at(&a, k, &n);
            assert_in_range(n, 1, MD_KEY_LONGEST);
            if (set == MD_KEYS_ADVERSARIAL)
                assert_int_equal(md_placement_of(p, key, n), 2);
        }
        md_keys_free(&a);
        md_keys_free(&b);
        md_keys_free(&c);
    }
    md_placement_free(p);
}

/* ---- other clients --------------------------------------------------------------------------- */

/* Agreement of two rules that have nothing to do with each other is chance: a quarter of four
 * nodes. */
static void a_mixed_fleet(void **state) {
    struct md_fleet f;
    struct md_buf text = {0};
    (void)state;
    md_fleet_measure(&f, 4, 20000);
    md_fleet_print(&f, &text);
    fputs(md_buf_cstr(&text), stdout);
    md_buf_free(&text);
    for (int a = 0; a < MD_FLEET_CLIENTS; a++)
        for (int b = 0; b < MD_FLEET_CLIENTS; b++) {
            bool same = a == b || (a == MD_FLEET_LIB_WEIGHTED && b == MD_FLEET_NC_KETAMA) ||
                        (b == MD_FLEET_LIB_WEIGHTED && a == MD_FLEET_NC_KETAMA) ||
                        (a == MD_FLEET_LIB_DEFAULT && b == MD_FLEET_NC_MODULA) ||
                        (b == MD_FLEET_LIB_DEFAULT && a == MD_FLEET_NC_MODULA);
            if (same)
                assert_true(f.same[a][b] == 1);
            else
                assert_true(f.same[a][b] < 0.75);
        }
    assert_true(fabs(f.moved[MD_FLEET_PYMEMCACHE] - 0.2) < 0.01);
    assert_true(fabs(f.moved[MD_FLEET_NC_MODULA] - 0.8) < 0.01);
    assert_true(f.moved[MD_FLEET_LIB_WEIGHTED] < 0.28);
}

/* ---- the command ----------------------------------------------------------------------------- */

static void pictures_are_well_formed(void **state) {
    const struct md_spread *s = *state;
    char folder[] = "/tmp/memdiverge-test-spread-XXXXXX", path[512];
    struct md_buf why = {0};
    struct dirent *e;
    unsigned files = 0;
    assert_non_null(mkdtemp(folder));
    assert_true(md_spread_draw(s, folder, &why));
    DIR *dir = opendir(folder);
    while ((e = readdir(dir))) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        xmlDocPtr doc = xmlReadFile(path, NULL, XML_PARSE_NONET);
        assert_non_null(doc);
        assert_string_equal((const char *)xmlDocGetRootElement(doc)->name, "svg");
        xmlFreeDoc(doc);
        unlink(path);
        files++;
    }
    closedir(dir);
    assert_int_equal(files, 1 + MD_DISTRIBUTIONS + 1 + 3);
    assert_int_equal(rmdir(folder), 0);
    assert_false(md_spread_draw(s, folder, &why));
    assert_non_null(strstr(md_buf_cstr(&why), folder));
    md_buf_free(&why);
}

/* stdout into memory while the command runs. */
static json_t *run_command(const struct md_cluster_placement_options *o, int *code) {
    FILE *file = tmpfile();
    int kept = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(fileno(file), STDOUT_FILENO);
    *code = md_cluster_placement(o);
    fflush(stdout);
    dup2(kept, STDOUT_FILENO);
    close(kept);
    rewind(file);
    json_t *all = json_loadf(file, 0, NULL);
    fclose(file);
    return all;
}

/* Same seed, same words; the library is as known. */
static void the_command_repeats_itself(void **state) {
    struct md_cluster_placement_options o = {.json = true, .seed = 3, .keys = 1000, .cases = 40};
    int code = -1, again = -1;
    (void)state;
    json_t *first = run_command(&o, &code), *second = run_command(&o, &again);
    assert_non_null(first);
    assert_true(json_equal(first, second));
    assert_int_equal(code, again);
    json_t *library = json_object_get(first, "library"), *found, *value;
    size_t i;
    assert_true(json_integer_value(json_object_get(library, "placements")) > 10000);
    found = json_object_get(library, "disagreements");
    assert_true(json_array_size(found) > 0);
    json_array_foreach(found, i, value) assert_true(json_is_true(json_object_get(value, "known")));
    assert_int_equal(json_array_size(json_object_get(json_object_get(first, "clients"), "clients")),
                     MD_FLEET_CLIENTS);
    json_decref(first);
    json_decref(second);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_measured_before),
        cmocka_unit_test(good_pairs_keep_every_promise),
        cmocka_unit_test(weak_hashes_excuse_only_what_they_cause),
        cmocka_unit_test(few_keys_are_no_alarm),
        cmocka_unit_test(the_default_hash_is_even_here),
        cmocka_unit_test(the_default_hash_is_uneven_elsewhere),
        cmocka_unit_test(rings_are_monotone_and_orderless),
        cmocka_unit_test(bad_pairs_are_named),
        cmocka_unit_test(an_example_shows_it),
        cmocka_unit_test(sorted_hosts_make_modula_orderless),
        cmocka_unit_test(keys_follow_from_the_seed),
        cmocka_unit_test(a_mixed_fleet),
        cmocka_unit_test(pictures_are_well_formed),
        cmocka_unit_test(the_command_repeats_itself),
    };
    return cmocka_run_group_tests(tests, measure, drop);
}
