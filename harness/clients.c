/* Different clients on the same nodes; see clients.h. */
#include "harness/clients.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *id;
    enum md_distribution distribution;
    enum md_key_hash hash;
    const char *what;
} clients[] = {
#define X(name, id, distribution, hash, what) {id, MD_DIST_##distribution, MD_HASH_##hash, what},
    MD_FLEET_LIST(X)
#undef X
};

const char *md_fleet_id(enum md_fleet_client c) { return clients[c].id; }
const char *md_fleet_what(enum md_fleet_client c) { return clients[c].what; }

struct md_placement *md_fleet_placement(enum md_fleet_client c, const struct md_server *servers,
                                        size_t n) {
    struct md_placement_settings settings = {.distribution = clients[c].distribution,
                                             .hash = clients[c].hash};
    return md_placement_new(&settings, servers, n);
}

void md_fleet_measure(struct md_fleet *f, size_t n, size_t n_keys) {
    struct md_server servers[MD_SERVERS_MAX];
    struct md_placement *now[MD_FLEET_CLIENTS], *later[MD_FLEET_CLIENTS];
    struct md_keys keys = {0};
    memset(servers, 0, sizeof servers);
    for (size_t i = 0; i <= n; i++)
        snprintf(servers[i].host, MD_HOST_MAX, "cache-%zu.example.org", i);
    *f = (struct md_fleet){.n = n, .keys = n_keys};
    md_keys_make(&keys, MD_KEYS_SEQUENTIAL, n_keys, 0, NULL, 0);
    for (int c = 0; c < MD_FLEET_CLIENTS; c++) {
        now[c] = md_fleet_placement((enum md_fleet_client)c, servers, n);
        later[c] = md_fleet_placement((enum md_fleet_client)c, servers, n + 1);
    }
    for (size_t k = 0; k < n_keys; k++) {
        uint32_t at[MD_FLEET_CLIENTS];
        size_t nkey;
        const uint8_t *key = md_keys_at(&keys, k, &nkey);
        for (int c = 0; c < MD_FLEET_CLIENTS; c++) {
            at[c] = md_placement_of(now[c], key, nkey);
            f->moved[c] += at[c] != md_placement_of(later[c], key, nkey);
        }
        for (int a = 0; a < MD_FLEET_CLIENTS; a++)
            for (int b = 0; b < MD_FLEET_CLIENTS; b++)
                f->same[a][b] += at[a] == at[b];
    }
    for (int a = 0; a < MD_FLEET_CLIENTS; a++) {
        f->moved[a] /= (double)n_keys;
        for (int b = 0; b < MD_FLEET_CLIENTS; b++)
            f->same[a][b] /= (double)n_keys;
        md_placement_free(now[a]);
        md_placement_free(later[a]);
    }
    md_keys_free(&keys);
}

void md_fleet_print(const struct md_fleet *f, struct md_buf *out) {
    md_buf_printf(out,
                  "Different clients on %zu nodes: percent of %zu keys that two of them put on the "
                  "same node, and that one more node moves\n%-15s",
                  f->n, f->keys, "");
    for (int c = 0; c < MD_FLEET_CLIENTS; c++)
        md_buf_printf(out, " %14s", md_fleet_id((enum md_fleet_client)c));
    md_buf_printf(out, " %7s\n", "moved");
    for (int a = 0; a < MD_FLEET_CLIENTS; a++) {
        md_buf_printf(out, "%-15s", md_fleet_id((enum md_fleet_client)a));
        for (int b = 0; b < MD_FLEET_CLIENTS; b++)
            md_buf_printf(out, " %14.2f", 100 * f->same[a][b]);
        md_buf_printf(out, " %7.2f\n", 100 * f->moved[a]);
    }
    for (int c = 0; c < MD_FLEET_CLIENTS; c++)
        md_buf_printf(out, "  %-15s %s\n", md_fleet_id((enum md_fleet_client)c),
                      md_fleet_what((enum md_fleet_client)c));
}

json_t *md_fleet_json(const struct md_fleet *f) {
    json_t *list = json_array();
    for (int a = 0; a < MD_FLEET_CLIENTS; a++) {
        json_t *same = json_object();
        for (int b = 0; b < MD_FLEET_CLIENTS; b++)
            json_object_set_new(same, md_fleet_id((enum md_fleet_client)b),
                                json_real(f->same[a][b]));
        json_array_append_new(list, json_pack("{s:s, s:s, s:f, s:o}", "client",
                                              md_fleet_id((enum md_fleet_client)a), "what",
                                              md_fleet_what((enum md_fleet_client)a),
                                              "moved_by_join", f->moved[a], "same_node", same));
    }
    return json_pack("{s:I, s:I, s:o}", "nodes", (json_int_t)f->n, "keys", (json_int_t)f->keys,
                     "clients", list);
}
