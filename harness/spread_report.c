/* The measured spread for a person and for programs; see spread.h. */
#include "harness/spread.h"

#include <math.h>
#include <stdlib.h>

enum { SCHEMA = 1 };

static const char *hash_name(const struct md_spread_row *r) {
    return r->distribution == MD_DIST_RENDEZVOUS ? "(its own)" : md_key_hash_id(r->hash);
}

static const char *layout_name(const struct md_spread_row *r) {
    return r->weighted ? "1,2,3..." : "equal";
}

/* ---- for a person ---------------------------------------------------------------------------- */

static void print_row(const struct md_spread_row *r, struct md_buf *out) {
    md_buf_printf(out, "%-15s %-9s %-8s %3zu  %8.2g  %6.3f  %6.2f  %6.2f  %8.2f  %6.2f ",
                  md_distribution_id(r->distribution), hash_name(r), layout_name(r), r->n, r->p,
                  r->imbalance, 100 * r->joined, 100 * r->left,
                  100 * fmax(r->survivors_join, r->survivors_left), 100 * r->order);
    for (int p = 0; p < MD_PROMISES; p++)
        if (r->broken >> p & 1)
            md_buf_printf(out, " %s", md_promise_id((enum md_promise)p));
    md_buf_str(out, "\n");
}

static void print_servers(const struct md_spread_row *r, struct md_buf *out) {
    struct md_server servers[MD_SPREAD_MOST];
    md_spread_servers(r->weighted, r->n, servers);
    for (size_t i = 0; i < r->n; i++) {
        md_buf_printf(out, "%s%s:%u", i ? " " : "", servers[i].host, servers[i].port);
        if (r->weighted)
            md_buf_printf(out, "(%u)", servers[i].weight);
    }
}

static void print_finding(const struct md_spread_finding *f, struct md_buf *out) {
    const struct md_spread_row *r = f->row;
    md_buf_printf(out, "%s  %s, hash %s, weights %s: %s\n", f->expected ? "known " : "BROKEN",
                  md_distribution_id(r->distribution), hash_name(r), layout_name(r),
                  md_promise_id(f->promise));
    md_buf_printf(out, "        measured %.4g, limit %.4g; %u of %d numbers of nodes\n",
                  r->measured[f->promise], r->limit[f->promise], f->rows,
                  MD_SPREAD_MOST - MD_SPREAD_LEAST + 1);
    md_buf_str(out, "        smallest: ");
    print_servers(r, out);
    if (r->example[f->promise].key != UINT32_MAX)
        md_buf_printf(out, "; key:%u goes from %u to %u", r->example[f->promise].key,
                      r->example[f->promise].from, r->example[f->promise].to);
    md_buf_str(out, "\n");
}

void md_spread_print(const struct md_spread *s, struct md_buf *out) {
    md_buf_printf(out,
                  "%zu keys, seed %llu. Moved keys in percent; --json has every number of nodes.\n"
                  "%-15s %-9s %-8s %3s  %8s  %6s  %6s  %6s  %8s  %6s  %s\n",
                  s->keys, (unsigned long long)s->seed, "distribution", "hash", "weights", "N", "p",
                  "max", "joins", "leaves", "between", "order", "breaks");
    for (size_t i = 0; i < s->n; i++)
        if (s->row[i].n == 4 || s->row[i].n == 8 || s->row[i].n == 16)
            print_row(&s->row[i], out);
    md_buf_printf(out, "\n%zu broken promises (known: a weakness of that pair)\n", s->findings);
    for (size_t i = 0; i < s->findings; i++)
        print_finding(&s->finding[i], out);
}

/* ---- for programs ---------------------------------------------------------------------------- */

static json_t *real_or_null(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *row_json(const struct md_spread_row *r) {
    json_t *o =
        json_pack("{s:s, s:s, s:b, s:I}", "distribution", md_distribution_id(r->distribution),
                  "hash", hash_name(r), "weighted", r->weighted, "nodes", (json_int_t)r->n);
    json_t *counts = json_array(), *shares = json_array(), *broken = json_array();
    for (size_t i = 0; i < r->n; i++) {
        json_array_append_new(counts, json_integer(r->count[i]));
        json_array_append_new(shares, json_real(r->share[i]));
    }
    for (int p = 0; p < MD_PROMISES; p++)
        if (r->broken >> p & 1)
            json_array_append_new(broken, json_string(md_promise_id((enum md_promise)p)));
    json_object_set_new(o, "counts", counts);
    json_object_set_new(o, "shares", shares);
    json_object_set_new(o, "chi_square", real_or_null(r->chi_square));
    json_object_set_new(o, "p", real_or_null(r->p));
    json_object_set_new(o, "imbalance", json_real(r->imbalance));
    json_object_set_new(o, "moved_by_join", json_real(r->joined));
    json_object_set_new(o, "moved_by_leave", json_real(r->left));
    json_object_set_new(o, "between_survivors_by_join", json_real(r->survivors_join));
    json_object_set_new(o, "between_survivors_by_leave", json_real(r->survivors_left));
    json_object_set_new(o, "moved_by_order", json_real(r->order));
    json_object_set_new(o, "moved_by_rejoin", json_real(r->rejoin));
    json_object_set_new(o, "broken", broken);
    return o;
}

static json_t *finding_json(const struct md_spread_finding *f) {
    const struct md_spread_row *r = f->row;
    struct md_buf servers = {0};
    print_servers(r, &servers);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:b, s:b, s:i, s:I, s:s}", "promise", md_promise_id(f->promise),
                  "distribution", md_distribution_id(r->distribution), "hash", hash_name(r),
                  "weighted", r->weighted, "known", f->expected, "rows", (int)f->rows, "nodes",
                  (json_int_t)r->n, "servers", md_buf_cstr(&servers));
    json_object_set_new(o, "measured", real_or_null(r->measured[f->promise]));
    json_object_set_new(o, "limit", real_or_null(r->limit[f->promise]));
    if (r->example[f->promise].key != UINT32_MAX) {
        struct md_buf key = {0};
        md_buf_printf(&key, "key:%u", r->example[f->promise].key);
        json_object_set_new(o, "key", json_string(md_buf_cstr(&key)));
        json_object_set_new(o, "from", json_integer(r->example[f->promise].from));
        json_object_set_new(o, "to", json_integer(r->example[f->promise].to));
        md_buf_free(&key);
    }
    md_buf_free(&servers);
    return o;
}

json_t *md_spread_json(const struct md_spread *s) {
    json_t *rows = json_array(), *findings = json_array(), *promises = json_object();
    for (size_t i = 0; i < s->n; i++)
        json_array_append_new(rows, row_json(&s->row[i]));
    for (size_t i = 0; i < s->findings; i++)
        json_array_append_new(findings, finding_json(&s->finding[i]));
    for (int p = 0; p < MD_PROMISES; p++)
        json_object_set_new(promises, md_promise_id((enum md_promise)p),
                            json_string(md_promise_sentence((enum md_promise)p)));
    return json_pack("{s:i, s:I, s:I, s:o, s:o, s:o}", "schema", SCHEMA, "keys",
                     (json_int_t)s->keys, "seed", (json_int_t)s->seed, "promises", promises,
                     "findings", findings, "rows", rows);
}
