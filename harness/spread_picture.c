/*
 * The spread as pictures (SVG): the load per node, who gets keys from whom when a node comes, and
 * the rings.
 *
 * load.svg             a row for each distribution and hash: bars as high as a node's part of the
 * mean movement-DIST.svg    a matrix: keys that go from a row's node to a column's when one more
 * comes ring-DIST.svg        the circle of hashes, coloured by who has it
 */
#include "harness/artifact.h"
#include "harness/spread.h"

#include <libxml/xmlwriter.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { LOAD_NODES = 8, MATRIX_NODES = 8, RING_NODES = 4, COLOURS = 16, PATH_LENGTH = 4096 };

static const char *const colours[COLOURS] = {
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999933", "#882255",
    "#44aa99", "#ddcc77", "#332288", "#cc6677", "#117733", "#88ccee", "#661100", "#888888"};

static const char style[] =
    "text{font:12px sans-serif;fill:#222}.title{font-size:16px;font-weight:bold}"
    ".head{font-weight:bold}"
    ".muted{fill:#777}.broken{fill:#c00}.mean{stroke:#000;stroke-dasharray:3 3}"
    ".expected{stroke:#000;stroke-width:2}";

/* ---- elements -------------------------------------------------------------------------------- */

static void set(xmlTextWriterPtr w, const char *name, double value) {
    xmlTextWriterWriteFormatAttribute(w, BAD_CAST name, "%.2f", value);
}

static void rect(xmlTextWriterPtr w, const char *fill, double x, double y, double width,
                 double height) {
    xmlTextWriterStartElement(w, BAD_CAST "rect");
    set(w, "x", x);
    set(w, "y", y);
    set(w, "width", width);
    set(w, "height", height);
    xmlTextWriterWriteAttribute(w, BAD_CAST "fill", BAD_CAST fill);
    xmlTextWriterEndElement(w);
}

static void line(xmlTextWriterPtr w, const char *class, double x1, double y1, double x2,
                 double y2) {
    xmlTextWriterStartElement(w, BAD_CAST "line");
    xmlTextWriterWriteAttribute(w, BAD_CAST "class", BAD_CAST class);
    set(w, "x1", x1);
    set(w, "y1", y1);
    set(w, "x2", x2);
    set(w, "y2", y2);
    xmlTextWriterEndElement(w);
}

__attribute__((format(printf, 5, 6))) static void text(xmlTextWriterPtr w, const char *class,
                                                       double x, double y, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    xmlTextWriterStartElement(w, BAD_CAST "text");
    xmlTextWriterWriteAttribute(w, BAD_CAST "class", BAD_CAST class);
    set(w, "x", x);
    set(w, "y", y);
    xmlTextWriterWriteVFormatString(w, fmt, args);
    xmlTextWriterEndElement(w);
    va_end(args);
}

/* ---- files ----------------------------------------------------------------------------------- */

struct sheet {
    xmlTextWriterPtr w;
    xmlBufferPtr bytes;
    char path[PATH_LENGTH];
};

static xmlTextWriterPtr begin(struct sheet *s, const char *folder, const char *name, int width,
                              int height) {
    snprintf(s->path, sizeof s->path, "%s/%s", folder, name);
    s->bytes = xmlBufferCreate();
    s->w = s->bytes ? xmlNewTextWriterMemory(s->bytes, 0) : NULL;
    if (!s->w)
        abort(); /* out of memory */
    xmlTextWriterSetIndent(s->w, 1);
    xmlTextWriterStartDocument(s->w, NULL, "UTF-8", NULL);
    xmlTextWriterStartElementNS(s->w, NULL, BAD_CAST "svg", BAD_CAST "http://www.w3.org/2000/svg");
    xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST "viewBox", "0 0 %d %d", width, height);
    xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST "width", "%d", width);
    xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST "height", "%d", height);
    xmlTextWriterWriteElement(s->w, BAD_CAST "style", BAD_CAST style);
    rect(s->w, "#fff", 0, 0, width, height);
    return s->w;
}

/* False: it could not be written, `why`. */
static bool end(struct sheet *s, struct md_buf *why) {
    xmlTextWriterEndDocument(s->w);
    xmlFreeTextWriter(s->w);
    bool ok = md_artifact_write(s->path, xmlBufferContent(s->bytes),
                                (size_t)xmlBufferLength(s->bytes), 0644, why);
    xmlBufferFree(s->bytes);
    return ok;
}

/* ---- the load -------------------------------------------------------------------------------- */

enum { CELL_W = 150, CELL_H = 84, LEFT = 130, TOP = 60, BAR_W = 15, MEAN_H = 30, HIGHEST = 2 };

/* Bars: what a node got, as a part of the mean; a stroke: what its share says. */
static void draw_load(xmlTextWriterPtr w, const struct md_spread *s, const struct md_spread_row *r,
                      double x, double y) {
    double base = y + CELL_H - 20, mean = (double)s->keys / (double)r->n;
    for (size_t i = 0; i < r->n; i++) {
        double left = x + (double)i * BAR_W, got = fmin(r->count[i] / mean, HIGHEST);
        double due = fmin(r->share[i] * (double)r->n, HIGHEST);
        rect(w, colours[i % COLOURS], left, base - got * MEAN_H, BAR_W - 3, got * MEAN_H);
        line(w, "expected", left, base - due * MEAN_H, left + BAR_W - 3, base - due * MEAN_H);
    }
    line(w, "mean", x - 3, base - MEAN_H, x + LOAD_NODES * BAR_W, base - MEAN_H);
    text(w, r->broken ? "broken" : "muted", x, base + 14, "max %.2f, p %.1g", r->imbalance, r->p);
}

static bool load_picture(const struct md_spread *s, const char *folder, struct md_buf *why) {
    int width = LEFT + MD_DISTRIBUTIONS * CELL_W + 10, height = TOP + MD_KEY_HASHES * CELL_H + 10;
    struct sheet sheet;
    xmlTextWriterPtr w = begin(&sheet, folder, "load.svg", width, height);
    text(w, "title", 10, 24,
         "Load of each of %d nodes; dashed: the mean, stroke: its share, cut at %d means",
         LOAD_NODES, HIGHEST);
    for (int d = 0; d < MD_DISTRIBUTIONS; d++)
        text(w, "head", LEFT + d * CELL_W, TOP - 8, "%s",
             md_distribution_id((enum md_distribution)d));
    for (int h = 0; h < MD_KEY_HASHES; h++) {
        text(w, "title", 10, TOP + h * CELL_H + 50, "%s", md_key_hash_id((enum md_key_hash)h));
        for (int d = 0; d < MD_DISTRIBUTIONS; d++) {
            const struct md_spread_row *r =
                md_spread_find(s, (enum md_distribution)d, (enum md_key_hash)h, false, LOAD_NODES);
            if (r)
                draw_load(w, s, r, LEFT + d * CELL_W, TOP + h * CELL_H);
        }
    }
    return end(&sheet, why);
}

/* ---- movement -------------------------------------------------------------------------------- */

static struct md_placement *with(enum md_distribution d, bool weighted, size_t n) {
    struct md_placement_settings settings = {.distribution = d, .hash = MD_HASH_MD5};
    struct md_server servers[MD_SPREAD_MOST + 1];
    md_spread_servers(weighted, n, servers);
    return md_placement_new(&settings, servers, n);
}

static void count_moves(enum md_distribution d, bool weighted,
                        unsigned moves[MATRIX_NODES][MATRIX_NODES + 1], size_t n_keys) {
    struct md_keys keys = {0};
    struct md_placement *before = with(d, weighted, MATRIX_NODES);
    struct md_placement *after = with(d, weighted, MATRIX_NODES + 1);
    md_keys_make(&keys, MD_KEYS_SEQUENTIAL, n_keys, 0, NULL, 0);
    for (size_t k = 0; k < keys.n; k++) {
        size_t nkey;
        const uint8_t *key = md_keys_at(&keys, k, &nkey);
        moves[md_placement_of(before, key, nkey)][md_placement_of(after, key, nkey)]++;
    }
    md_keys_free(&keys);
    md_placement_free(before);
    md_placement_free(after);
}

static bool movement_picture(enum md_distribution d, bool weighted, const char *folder,
                             struct md_buf *why) {
    enum { CELL = 52, EDGE = 90, KEYS = 20000 };
    unsigned moves[MATRIX_NODES][MATRIX_NODES + 1] = {{0}};
    char name[64];
    snprintf(name, sizeof name, "movement-%s%s.svg", md_distribution_id(d),
             weighted ? "-weights" : "");
    struct sheet sheet;
    xmlTextWriterPtr w = begin(&sheet, folder, name, EDGE + (MATRIX_NODES + 1) * CELL + 20,
                               EDGE + MATRIX_NODES * CELL + 20);
    count_moves(d, weighted, moves, KEYS);
    text(w, "title", 10, 24, "%s%s, md5: where keys go when node %d comes", md_distribution_id(d),
         weighted ? ", weights 1 2 3" : "", MATRIX_NODES);
    text(w, "muted", 10, 44, "percent of all keys; grey: they stay; red: between two that stay");
    for (int to = 0; to <= MATRIX_NODES; to++)
        text(w, "muted", EDGE + to * CELL + 6, EDGE - 8, "to %d", to);
    for (int from = 0; from < MATRIX_NODES; from++) {
        text(w, "muted", 20, EDGE + from * CELL + 30, "from %d", from);
        for (int to = 0; to <= MATRIX_NODES; to++) {
            double part = 100.0 * moves[from][to] / KEYS;
            const char *fill = moves[from][to] == 0 ? "#f8f8f8"
                               : from == to         ? "#dddddd"
                               : to == MATRIX_NODES ? "#88bbdd"
                                                    : "#ee8888";
            rect(w, fill, EDGE + to * CELL, EDGE + from * CELL, CELL - 3, CELL - 3);
            if (moves[from][to])
                text(w, "", EDGE + to * CELL + 8, EDGE + from * CELL + 30, "%.2f", part);
        }
    }
    return end(&sheet, why);
}

/* ---- rings ----------------------------------------------------------------------------------- */

/* A piece of the ring from one point of the circle to the next: 0 is on top, clockwise. Filled between two
 * radii, since a stroke as short as these may point anywhere. */
static void arc(xmlTextWriterPtr w, const char *colour, double from, double to) {
    enum { MIDDLE_X = 230, MIDDLE_Y = 250, INNER = 142, OUTER = 178 };
    double a = 2 * M_PI * from, b = 2 * M_PI * to;
    int large = to - from > 0.5;
    xmlTextWriterStartElement(w, BAD_CAST "path");
    xmlTextWriterWriteFormatAttribute(
        w, BAD_CAST "d",
        "M %.3f %.3f L %.3f %.3f A %d %d 0 %d 1 %.3f %.3f L %.3f %.3f A %d %d 0 %d 0 "
        "%.3f %.3f Z",
        MIDDLE_X + INNER * sin(a), MIDDLE_Y - INNER * cos(a), MIDDLE_X + OUTER * sin(a),
        MIDDLE_Y - OUTER * cos(a), OUTER, OUTER, large, MIDDLE_X + OUTER * sin(b),
        MIDDLE_Y - OUTER * cos(b), MIDDLE_X + INNER * sin(b), MIDDLE_Y - INNER * cos(b), INNER,
        INNER, large, MIDDLE_X + INNER * sin(a), MIDDLE_Y - INNER * cos(a));
    xmlTextWriterWriteAttribute(w, BAD_CAST "fill", BAD_CAST colour);
    xmlTextWriterEndElement(w);
}

static bool ring_picture(enum md_distribution d, const char *folder, struct md_buf *why) {
    enum { SIDE = 460, LEGEND = 200 };
    const double whole = 4294967296.0;
    const struct md_point *ring;
    double shares[RING_NODES], from = 0;
    char name[64];
    snprintf(name, sizeof name, "ring-%s.svg", md_distribution_id(d));
    struct sheet sheet;
    xmlTextWriterPtr w = begin(&sheet, folder, name, SIDE + LEGEND, SIDE);
    struct md_placement *p = with(d, false, RING_NODES);
    size_t n = md_placement_ring(p, &ring);
    text(w, "title", 10, 24, "%s, md5, %d nodes: %zu points", md_distribution_id(d), RING_NODES, n);
    for (size_t i = 0; i < n; i++) {
        double to = ((double)ring[i].at + 1) / whole;
        arc(w, colours[ring[i].server], from, to);
        from = to;
    }
    arc(w, colours[ring[0].server], from, 1);
    md_placement_shares(p, shares);
    for (int i = 0; i < RING_NODES; i++) {
        rect(w, colours[i], SIDE, 60 + 24 * i, 14, 14);
        text(w, "", SIDE + 22, 72 + 24 * i, "node %d: %.1f %%", i, 100 * shares[i]);
    }
    text(w, "muted", SIDE, 72 + 24 * RING_NODES, "0 is on top, clockwise");
    md_placement_free(p);
    return end(&sheet, why);
}

bool md_spread_draw(const struct md_spread *s, const char *folder, struct md_buf *why) {
    bool ok = load_picture(s, folder, why) &&
              movement_picture(MD_DIST_KETAMA_WEIGHTED, true, folder, why);
    for (int d = 0; d < MD_DISTRIBUTIONS && ok; d++) {
        ok = movement_picture((enum md_distribution)d, false, folder, why);
        if (ok && md_distribution_is_ring((enum md_distribution)d))
            ok = ring_picture((enum md_distribution)d, folder, why);
    }
    return ok;
}
