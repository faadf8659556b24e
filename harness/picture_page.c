/*
 * A picture as a document: what is shown and where, the words around the table, what was left out,
 * and the whole in words for who cannot see it; see picture.h. The sheet brings its own background,
 * so that it reads the same on a dark page.
 */
#include "harness/picture_draw.h"

#include "harness/artifact.h"

#include <stdio.h>

enum {
    WIDTH_MIN = 900, /* the legend needs as much */
    ROW_GAP = 20,
    TITLE_SHOWN = 90,
    NOTES_MAX = 7,
};

static const char style[] =
    "text{font-family:'DejaVu Sans',Verdana,Arial,sans-serif;font-size:11px;fill:#1f2328}"
    "text.mono{font-family:'DejaVu Sans Mono',Menlo,Consolas,monospace}"
    "text.title{font-size:16px;font-weight:bold}"
    "text.bold{font-weight:bold}"
    "text.muted{fill:#59636e;font-size:10px}"
    "text.wrong{fill:#cf222e;font-weight:bold}"
    "text.deadkey{fill:#6e7781}"
    "text.redword{fill:#cf222e;font-size:10px;font-weight:bold}"
    "text.greyword{fill:#59636e;font-size:10px;font-weight:bold}"
    "text.clockword{fill:#8250df;font-weight:bold}"
    "text.grown{fill:#116329;font-size:10px;font-weight:bold}"
    ".paper{fill:#ffffff;stroke:#d0d7de}"
    ".band{fill:#f6f8fa}"
    ".gap{fill:#e4e8ec}"
    ".item{stroke:#4a6fa5}"
    ".fresh{fill:#9cc3f5}"
    ".aged{fill:#d6e6fb}"
    ".old{fill:#f3f7fd}"
    ".dead{fill:#e6e6e6;stroke:#8c959f;stroke-dasharray:3 2}"
    ".tail{fill:none;stroke:#b35900;stroke-width:2.5}"
    ".came{fill:none;stroke:#116329;stroke-width:1.8}"
    ".way{fill:none;stroke:#116329;stroke-width:1.4;stroke-dasharray:2 2}"
    ".evicted{fill:#fff0ee;stroke:#cf222e}"
    ".reclaimed{fill:#eeeeee;stroke:#8c959f}"
    ".cross{stroke:#ff8f87;stroke-width:1.4}"
    ".clock{stroke:#8250df;stroke-width:1.4;stroke-dasharray:4 3}"
    ".meter{fill:#e4e8ec}"
    ".used{fill:#7d8590}"
    ".full{fill:#b35900}"
    ".same{opacity:0.55}";

/* ---- what is shown, and where ---------------------------------------------------------------- */

static bool livelier(const struct md_picture *p, unsigned a, unsigned b) {
    return p->removals[a] != p->removals[b] ? p->removals[a] > p->removals[b]
                                            : p->changes[a] > p->changes[b];
}

/* The classes in which most happened, in order of their numbers. Returns how many are left out. */
static size_t choose_classes(struct md_sheet *s) {
    const struct md_picture *p = s->p;
    bool chosen[MD_SLAB_CLASSES] = {false};
    size_t lively = 0;
    for (unsigned c = 1; c < MD_SLAB_CLASSES; c++)
        lively += p->changes[c] > 0;
    for (size_t i = 0; i < MD_PICTURE_CLASSES; i++) {
        unsigned best = 0;
        for (unsigned c = 1; c < MD_SLAB_CLASSES; c++)
            if (p->changes[c] && !chosen[c] && (!best || livelier(p, c, best)))
                best = c;
        chosen[best] = true;
    }
    for (unsigned c = 1; c < MD_SLAB_CLASSES; c++)
        if (chosen[c])
            s->class[s->n_classes++] = c;
    return lively - s->n_classes;
}

static void place_columns(struct md_sheet *s) {
    int x = MD_SHEET_LEFT;
    for (size_t i = 0; i < s->p->n_columns; i++) {
        const struct md_picture_column *col = &s->p->column[i];
        x += md_sheet_clock_width(col->seconds) + (col->skipped ? MD_SHEET_GAP : 0);
        s->x[i] = x;
        x += MD_SHEET_COLUMN;
    }
    x += MD_SHEET_MARGIN;
    s->width = x < WIDTH_MIN ? WIDTH_MIN : x;
}

static void place_rows(struct md_sheet *s) {
    int y = MD_SHEET_TOP + MD_SHEET_HEADER;
    for (size_t r = 0; r < s->n_classes; r++) {
        int highest = 4 * MD_SHEET_LINE; /* what the row's label needs */
        for (size_t i = 0; i < s->p->n_columns; i++) {
            const struct md_picture_cell *c = md_sheet_cell(&s->p->column[i], s->class[r]);
            int h = c ? md_sheet_cell_height(c) : 0;
            highest = h > highest ? h : highest;
        }
        s->top[r] = y;
        s->height[r] = highest + 6;
        y += s->height[r] + ROW_GAP;
    }
    s->bottom = y - ROW_GAP + 4;
}

/* ---- words ----------------------------------------------------------------------------------- */

/* What is not in the table, and how it ended: a line each. */
struct notes {
    struct md_buf line[NOTES_MAX];
    const char *class[NOTES_MAX];
    size_t n;
};

static struct md_buf *note(struct notes *notes, const char *class) {
    notes->class[notes->n] = class;
    return &notes->line[notes->n++];
}

static void take_notes(const struct md_picture *p, size_t classes_left_out, struct notes *notes) {
    size_t step = p->verdict_step + 1;
    if (p->verdict == MD_DIVERGED)
        md_buf_printf(note(notes, "wrong"), "The node differs in step %zu: %s.", step,
                      p->signature);
    if (p->verdict == MD_UNMODELLED)
        md_buf_printf(note(notes, "bold"), "Drawn up to step %zu, which goes beyond the model.",
                      step);
    if (p->too_much)
        md_buf_printf(note(notes, "bold"),
                      "Drawn up to step %zu: the rest is too much for a picture; shrink the trace "
                      "first.",
                      p->n_columns ? p->column[p->n_columns - 1].step + 1 : 0);
    if (p->trace->options.model.segmented)
        md_buf_str(note(notes, NULL),
                   "Segmented LRU: the node is free to choose within limits; the order is what "
                   "can be known of it.");
    if (p->skipped)
        md_buf_printf(note(notes, NULL), "Left out: %zu steps, in which %llu items went.",
                      p->skipped, (unsigned long long)p->skipped_removals);
    if (classes_left_out)
        md_buf_printf(note(notes, NULL), "Left out: %zu slab classes in which less happened.",
                      classes_left_out);
    md_buf_str(note(notes, "muted"), "Pale: nothing changed there in that step. A reply of one "
                                     "command stands below it; point at a box for the whole key.");
}

static void take_title(const struct md_picture *p, struct md_buf *out) {
    const char *words = p->trace->comment ? p->trace->comment : "";
    words += strspn(words, " \t");
    size_t n = strcspn(words, "\n");
    if (n == 0)
        md_buf_str(out, "Slab classes and their items in order of last use");
    md_bytes_print(words, n, out);
    md_sheet_cut(out, TITLE_SHOWN);
}

static void describe_column(const struct md_picture_column *col, struct md_buf *out) {
    for (size_t i = 0; i < col->n_cells; i++)
        for (uint32_t j = 0; j < col->cells[i].n_gone; j++) {
            const struct md_picture_gone *gone = &col->cells[i].gone[j];
            md_buf_printf(out, " Step %zu (%s): class %u, ", col->step + 1, col->command,
                          col->cells[i].class);
            md_bytes_print(gone->key, gone->nkey, out);
            md_buf_str(out, gone->kind == MD_EVICTED ? " evicted." : " reclaimed.");
        }
}

static void describe(const struct md_sheet *s) {
    const struct md_picture *p = s->p;
    struct md_buf b = {0};
    md_sheet_begin(s, "title", NULL);
    md_sheet_set(s, "id", "title");
    take_title(p, &b);
    xmlTextWriterWriteString(s->w, BAD_CAST md_buf_cstr(&b));
    md_sheet_end(s);
    b.len = 0;
    md_buf_printf(
        &b,
        "A table: %zu steps of a trace as columns, %zu slab classes as rows, in each cell "
        "the queue of items from the one used last to the one that goes next. In all %llu "
        "items were evicted, %llu reclaimed.",
        p->n_columns, s->n_classes, (unsigned long long)p->evicted,
        (unsigned long long)p->reclaimed);
    for (size_t i = 0; i < p->n_columns; i++)
        describe_column(&p->column[i], &b);
    md_sheet_begin(s, "desc", NULL);
    md_sheet_set(s, "id", "desc");
    xmlTextWriterWriteString(s->w, BAD_CAST md_buf_cstr(&b));
    md_sheet_end(s);
    md_buf_free(&b);
}

static void draw_top(const struct md_sheet *s) {
    const struct md_node_options *o = &s->p->trace->options;
    struct md_buf b = {0};
    take_title(s->p, &b);
    md_sheet_text(s, "title", MD_SHEET_MARGIN, 26, "%s", md_buf_cstr(&b));
    b.len = 0;
    md_buf_str(&b, "memcached");
    for (size_t i = 0; i < o->n_args; i++)
        md_buf_printf(&b, " %s", o->args[i]);
    md_sheet_text(s, "mono", MD_SHEET_MARGIN, 45, "%s", md_buf_cstr(&b));
    md_buf_free(&b);
}

/* ---- legend ---------------------------------------------------------------------------------- */

enum { LEGEND_H = 2 * MD_SHEET_STEP + 12 };

static int sample(const struct md_sheet *s, const struct md_picture_item *item, bool tail, int x,
                  int y, const char *words) {
    enum { LETTER = 7 };
    md_sheet_item(s, item, tail, x, y);
    x += MD_SHEET_BOX + 6;
    md_sheet_text(s, NULL, x, y + 13, "%s", words);
    return x + (int)strlen(words) * LETTER + 8;
}

static void draw_legend(const struct md_sheet *s, int y) {
    struct md_picture_item fresh = {.key = "key", .nkey = 3}, aged = fresh, old = fresh,
                           dead = fresh, new = fresh, moved = fresh;
    int x = MD_SHEET_MARGIN;
    md_sheet_begin(s, "g", "legend");
    aged.moved = MD_AGE_BUMP + 1;
    old.moved = MD_AGE_OLD + 1;
    dead.dead = true;
    new.came = MD_CAME_NEW;
    moved.came = MD_CAME_TO_HEAD;
    x = sample(s, &fresh, false, x, y, "came to the head at most 60 s ago: stays put");
    x = sample(s, &aged, false, x, y, "longer ago: use moves it");
    sample(s, &old, false, x, y, "over an hour ago");
    y += MD_SHEET_STEP + 4;
    x = sample(s, &new, false, MD_SHEET_MARGIN, y, "new");
    x = sample(s, &moved, false, x, y, "moved to the head");
    x = sample(s, &dead, false, x, y, "expired or flushed");
    sample(s, &aged, true, x, y, "tail: goes next when room is needed");
    md_sheet_end(s);
}

/* ---- the document ---------------------------------------------------------------------------- */

static void open_svg(const struct md_sheet *s, int height) {
    static const char *const attributes[][2] = {{"xmlns", "http://www.w3.org/2000/svg"},
                                                {"version", "1.1"},
                                                {"role", "img"},
                                                {"aria-labelledby", "title desc"}};
    md_sheet_begin(s, "svg", NULL);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++)
        md_sheet_set(s, attributes[i][0], attributes[i][1]);
    md_sheet_number(s, "width", s->width);
    md_sheet_number(s, "height", height);
    xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST "viewBox", "0 0 %d %d", s->width, height);
    describe(s);
    md_sheet_begin(s, "style", NULL);
    md_sheet_set(s, "type", "text/css");
    xmlTextWriterWriteString(s->w, BAD_CAST style);
    md_sheet_end(s);
    md_sheet_rect(s, "paper", 0, 0, s->width, height);
}

static void draw_all(struct md_sheet *s) {
    struct notes notes = {0};
    take_notes(s->p, choose_classes(s), &notes);
    place_columns(s);
    place_rows(s);
    int legend = s->bottom + 14, y = legend + LEGEND_H + 12;
    open_svg(s, y + (int)notes.n * MD_SHEET_LINE);
    draw_top(s);
    for (size_t r = 0; r < s->n_classes; r++)
        md_sheet_row(s, r);
    for (size_t i = 0; i < s->p->n_columns; i++)
        md_sheet_column(s, i);
    draw_legend(s, legend);
    for (size_t i = 0; i < notes.n; i++, y += MD_SHEET_LINE) {
        md_sheet_text(s, notes.class[i], MD_SHEET_MARGIN, y, "%s", md_buf_cstr(&notes.line[i]));
        md_buf_free(&notes.line[i]);
    }
    md_sheet_end(s);
}

/* NULL: could not be made. */
static xmlBufferPtr make_document(const struct md_picture *p, struct md_buf *why) {
    xmlBufferPtr buffer = xmlBufferCreate();
    struct md_sheet s = {.w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL, .p = p};
    bool ok = s.w != NULL;
    if (ok) {
        xmlTextWriterSetIndent(s.w, 1);
        xmlTextWriterStartDocument(s.w, NULL, "UTF-8", NULL);
        draw_all(&s);
        ok = xmlTextWriterEndDocument(s.w) >= 0;
        xmlFreeTextWriter(s.w);
    }
    if (ok)
        return buffer;
    md_buf_str(why, "cannot make the XML of the picture");
    xmlBufferFree(buffer);
    return NULL;
}

bool md_picture_draw(const struct md_picture *p, struct md_buf *svg, struct md_buf *why) {
    xmlBufferPtr buffer = make_document(p, why);
    if (!buffer)
        return false;
    md_buf_append(svg, xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer));
    xmlBufferFree(buffer);
    return true;
}

bool md_picture_write(const struct md_picture *p, const char *path, struct md_buf *why) {
    xmlBufferPtr buffer = make_document(p, why);
    bool ok = buffer && md_artifact_write(path, xmlBufferContent(buffer),
                                          (size_t)xmlBufferLength(buffer), 0644, why);
    xmlBufferFree(buffer);
    return ok;
}
