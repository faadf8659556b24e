/*
 * Drawing the table of a picture: columns are steps, rows are slab classes, a cell is the class's
 * queue with its head on top:
 *
 *                    | step 1   | : | step 4    |      header: step, time, command, reply
 *      class 36        [ e  + ]  +  [ a  ^ ]           + new, ^ came to the head
 *      96 kB chunks    [ d    ]  6  [ e    ]
 *      1 page          [[ a  ]]  1  [[ b  ]]           outlined: the tail
 *                                s   X c  X            what went: below the tail
 *                      5 of 5    :  5 of 5             chunks in use
 */
#include "harness/picture_draw.h"

#include <stdio.h>

enum {
    GONE_H = 30, /* an item that went: its key and a word */
    GONE_STEP = 33,
    GONE_GAP = 5,     /* above it */
    KEY_SHOWN = 9,    /* characters of a key in its box */
    LABEL_SHOWN = 13, /* of a command */
    REPLY_SHOWN = 15,
    WORDS_MAX = 200,
};

/* ---- elements ------------------------------------------------------------------------------- */

void md_sheet_begin(const struct md_sheet *s, const char *element, const char *class) {
    xmlTextWriterStartElement(s->w, BAD_CAST element);
    if (class)
        md_sheet_set(s, "class", class);
}

void md_sheet_end(const struct md_sheet *s) { xmlTextWriterEndElement(s->w); }

void md_sheet_set(const struct md_sheet *s, const char *name, const char *value) {
    xmlTextWriterWriteAttribute(s->w, BAD_CAST name, BAD_CAST value);
}

void md_sheet_number(const struct md_sheet *s, const char *name, int value) {
    xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST name, "%d", value);
}

void md_sheet_element(const struct md_sheet *s, const char *element, struct md_buf *text) {
    xmlTextWriterWriteElement(s->w, BAD_CAST element, BAD_CAST md_buf_cstr(text));
    md_buf_clear(text);
}

void md_sheet_rect(const struct md_sheet *s, const char *class, int x, int y, int w, int h) {
    md_sheet_begin(s, "rect", class);
    md_sheet_number(s, "x", x);
    md_sheet_number(s, "y", y);
    md_sheet_number(s, "width", w);
    md_sheet_number(s, "height", h);
    md_sheet_end(s);
}

void md_sheet_line(const struct md_sheet *s, const char *class, int x1, int y1, int x2, int y2) {
    md_sheet_begin(s, "line", class);
    md_sheet_number(s, "x1", x1);
    md_sheet_number(s, "y1", y1);
    md_sheet_number(s, "x2", x2);
    md_sheet_number(s, "y2", y2);
    md_sheet_end(s);
}

void md_sheet_text(const struct md_sheet *s, const char *class, int x, int y, const char *fmt,
                   ...) {
    char words[WORDS_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(words, sizeof words, fmt, args);
    va_end(args);
    md_sheet_begin(s, "text", class);
    md_sheet_number(s, "x", x);
    md_sheet_number(s, "y", y);
    xmlTextWriterWriteString(s->w, BAD_CAST words);
    md_sheet_end(s);
}

void md_sheet_cut(struct md_buf *b, size_t most) {
    if (b->len <= most)
        return;
    b->len = most - 2;
    md_buf_str(b, "..");
}

static void text_cut(const struct md_sheet *s, const char *class, int x, int y, const char *words,
                     size_t most) {
    struct md_buf b = {0};
    md_buf_str(&b, words);
    md_sheet_cut(&b, most);
    md_sheet_text(s, class, x, y, "%s", md_buf_cstr(&b));
    md_buf_free(&b);
}

static void key_text(const struct md_sheet *s, const char *class, int x, int y, const uint8_t *key,
                     size_t n) {
    struct md_buf b = {0};
    md_bytes_print(key, n, &b);
    text_cut(s, class, x, y, md_buf_cstr(&b), KEY_SHOWN);
    md_buf_free(&b);
}

/* ---- items ----------------------------------------------------------------------------------- */

static const char *shade(const struct md_picture_item *item) {
    return item->dead                   ? "item dead"
           : item->moved <= MD_AGE_BUMP ? "item fresh"
           : item->moved <= MD_AGE_OLD  ? "item aged"
                                        : "item old";
}

/* A plus or an upward arrow in the right corner of a box. */
static void draw_came(const struct md_sheet *s, enum md_picture_came came, int right, int top) {
    int x = right - 9, y = top + MD_SHEET_BOX_H / 2;
    if (came == MD_CAME_BEFORE)
        return;
    md_sheet_line(s, "came", x, y - 5, x, y + 5);
    if (came == MD_CAME_NEW) {
        md_sheet_line(s, "came", x - 5, y, x + 5, y);
    } else {
        md_sheet_line(s, "came", x, y - 5, x - 4, y - 1);
        md_sheet_line(s, "came", x, y - 5, x + 4, y - 1);
    }
}

static void item_title(const struct md_sheet *s, const struct md_picture_item *item, bool tail) {
    struct md_buf b = {0};
    md_bytes_print(item->key, item->nkey, &b);
    md_buf_printf(&b, ": %u bytes%s, came to the head %u s ago", item->total,
                  item->chunked ? " in chunks" : "", item->moved);
    if (item->came != MD_CAME_BEFORE)
        md_buf_str(&b, item->came == MD_CAME_NEW ? " as a new item" : " from its old place");
    if (item->dead)
        md_buf_str(&b, ", expired or flushed");
    else if (item->expires_in)
        md_buf_printf(&b, ", expires in %u s", item->expires_in);
    if (tail)
        md_buf_str(&b,
                   item->dead ? "; at the tail: is reclaimed next" : "; at the tail: goes next");
    md_sheet_element(s, "title", &b);
    md_buf_free(&b);
}

void md_sheet_item(const struct md_sheet *s, const struct md_picture_item *item, bool tail, int x,
                   int y) {
    md_sheet_begin(s, "g", NULL);
    item_title(s, item, tail);
    md_sheet_rect(s, shade(item), x, y, MD_SHEET_BOX, MD_SHEET_BOX_H);
    if (tail)
        md_sheet_rect(s, "tail", x, y, MD_SHEET_BOX, MD_SHEET_BOX_H);
    key_text(s, item->dead ? "mono deadkey" : "mono", x + 5, y + 13, item->key, item->nkey);
    draw_came(s, item->came, x + MD_SHEET_BOX, y);
    md_sheet_end(s);
}

static void draw_gone(const struct md_sheet *s, const struct md_picture_gone *gone, int x, int y) {
    bool evicted = gone->kind == MD_EVICTED;
    const char *word = evicted ? "evicted" : "reclaimed";
    int right = x + MD_SHEET_BOX;
    struct md_buf b = {0};
    md_sheet_begin(s, "g", NULL);
    md_bytes_print(gone->key, gone->nkey, &b);
    md_buf_printf(&b, ": %s at the tail%s", word, evicted ? "" : " (it was expired or flushed)");
    md_sheet_element(s, "title", &b);
    md_buf_free(&b);
    md_sheet_rect(s, word, x, y, MD_SHEET_BOX, GONE_H);
    if (evicted) {
        md_sheet_line(s, "cross", x, y, right, y + GONE_H);
        md_sheet_line(s, "cross", x, y + GONE_H, right, y);
    }
    key_text(s, evicted ? "mono bold" : "mono deadkey", x + 5, y + 12, gone->key, gone->nkey);
    md_sheet_text(s, evicted ? "redword" : "greyword", x + 5, y + 25, "%s", word);
    md_sheet_end(s);
}

/* ---- cells ----------------------------------------------------------------------------------- */

static uint32_t more_gone(const struct md_picture_cell *c) {
    return c->evicted + c->reclaimed - c->n_gone;
}

/* Where a box begins, from the top of its cell. */
static int box_top(const struct md_picture_cell *c, uint32_t i) {
    return (int)(i + (c->hidden && i >= MD_PICTURE_HEAD)) * MD_SHEET_STEP;
}

int md_sheet_cell_height(const struct md_picture_cell *c) {
    int gone = (int)c->n_gone * GONE_STEP + (more_gone(c) ? 2 * MD_SHEET_LINE : 0);
    return box_top(c, c->n_items) + (gone ? gone + GONE_GAP : 0) + MD_SHEET_METER;
}

static void draw_meter(const struct md_sheet *s, const struct md_picture_cell *c, int x, int y) {
    uint32_t used = c->state.used_chunks, all = used + c->state.free_chunks;
    struct md_buf b = {0};
    md_sheet_begin(s, "g", NULL);
    md_buf_printf(&b, "class %u: %u of %u chunks in use, %u free, %u pages, %u items", c->class,
                  used, all, c->state.free_chunks, c->state.pages, c->state.items);
    md_sheet_element(s, "title", &b);
    md_buf_free(&b);
    md_sheet_rect(s, "meter", x, y, MD_SHEET_BOX, 4);
    if (used && all)
        md_sheet_rect(s, used == all ? "full" : "used", x, y,
                      (int)((uint64_t)MD_SHEET_BOX * used / all), 4);
    md_sheet_text(s, "muted", x, y + 15, "%u of %u used", used, all);
    if (c->new_pages)
        md_sheet_text(s, "grown", x, y + 27, "+%u page%s", c->new_pages,
                      c->new_pages > 1 ? "s" : "");
    md_sheet_end(s);
}

static void draw_more_gone(const struct md_sheet *s, const struct md_picture_cell *c, int x,
                           int y) {
    md_sheet_text(s, "redword", x, y + 10, "%u evicted in all", c->evicted);
    if (c->reclaimed)
        md_sheet_text(s, "greyword", x, y + 10 + MD_SHEET_LINE, "%u reclaimed", c->reclaimed);
}

static void draw_cell(const struct md_sheet *s, const struct md_picture_cell *c, int x, int top,
                      int bottom) {
    int y = top + box_top(c, c->n_items) + GONE_GAP;
    md_sheet_begin(s, "g", c->changed ? "cell" : "cell same");
    for (uint32_t i = 0; i < c->n_items; i++)
        md_sheet_item(s, &c->item[i], i + 1 == c->n_items, x, top + box_top(c, i));
    if (c->hidden)
        md_sheet_text(s, "muted", x + 5, top + MD_PICTURE_HEAD * MD_SHEET_STEP + 12, "... %u more",
                      c->hidden);
    for (uint32_t i = 0; i < c->n_gone; i++, y += GONE_STEP)
        draw_gone(s, &c->gone[i], x, y);
    if (more_gone(c))
        draw_more_gone(s, c, x, y);
    draw_meter(s, c, x, bottom - MD_SHEET_METER);
    md_sheet_end(s);
}

const struct md_picture_cell *md_sheet_cell(const struct md_picture_column *col, unsigned class) {
    for (size_t i = 0; i < col->n_cells; i++)
        if (col->cells[i].class == class)
            return &col->cells[i];
    return NULL;
}

/* The way of an item to the head, from its place in the column before. */
static void draw_way(const struct md_sheet *s, const struct md_picture_cell *from, int x1,
                     const struct md_picture_cell *to, uint32_t i, int x2, int top) {
    const struct md_picture_item *item = &to->item[i];
    int middle = (x1 + x2) / 2, y2 = top + box_top(to, i) + MD_SHEET_BOX_H / 2;
    for (uint32_t j = 0; j < from->n_items; j++) {
        if (from->item[j].nkey != item->nkey ||
            memcmp(from->item[j].key, item->key, item->nkey) != 0)
            continue;
        int y1 = top + box_top(from, j) + MD_SHEET_BOX_H / 2;
        md_sheet_begin(s, "path", "way");
        xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST "d", "M%d,%d C%d,%d %d,%d %d,%d", x1, y1,
                                          middle, y1, middle, y2, x2, y2);
        md_sheet_end(s);
    }
}

static void draw_ways(const struct md_sheet *s, size_t column, size_t row) {
    const struct md_picture_column *col = &s->p->column[column];
    if (column == 0 || col->skipped)
        return;
    const struct md_picture_cell *from = md_sheet_cell(col - 1, s->class[row]),
                                 *to = md_sheet_cell(col, s->class[row]);
    for (uint32_t i = 0; from && to && i < to->n_items; i++)
        if (to->item[i].came == MD_CAME_TO_HEAD)
            draw_way(s, from, s->x[column - 1] + MD_SHEET_BOX, to, i, s->x[column], s->top[row]);
}

/* ---- columns and rows ------------------------------------------------------------------------ */

static void step_title(const struct md_sheet *s, const struct md_picture_column *col) {
    enum { STEP_SHOWN = 400 };
    struct md_buf b = {0}, step = {0};
    md_step_print(&s->p->trace->steps[col->step], &step);
    bool longer = step.len > STEP_SHOWN;
    step.len = longer ? STEP_SHOWN : step.len;
    md_buf_printf(&b, "step %zu: %s%s", col->step + 1, md_buf_cstr(&step), longer ? " ..." : "");
    if (*col->reply)
        md_buf_printf(&b, " -> %s", col->reply);
    md_sheet_element(s, "title", &b);
    md_buf_free(&b);
    md_buf_free(&step);
}

static void draw_header(const struct md_sheet *s, const struct md_picture_column *col, int x) {
    const struct md_picture *p = s->p;
    md_sheet_begin(s, "g", "step");
    step_title(s, col);
    md_sheet_text(s, "muted", x, MD_SHEET_TOP + 14, "step %zu, t=%llu", col->step + 1,
                  (unsigned long long)col->at);
    text_cut(s, "mono bold", x, MD_SHEET_TOP + 31, col->command, LABEL_SHOWN);
    if (p->verdict == MD_DIVERGED && p->verdict_step == col->step)
        md_sheet_text(s, "wrong", x, MD_SHEET_TOP + 46, "node differs");
    else if (*col->reply)
        text_cut(s, "muted", x, MD_SHEET_TOP + 46, col->reply, REPLY_SHOWN);
    md_sheet_end(s);
}

int md_sheet_clock_width(uint64_t seconds) {
    enum { DIGIT = 8, BESIDES = 34 };
    int digits = 0;
    for (uint64_t n = seconds; n; n /= 10)
        digits++;
    return seconds ? digits * DIGIT + BESIDES : 0;
}

/* Along the whole height, left of the column. */
static void draw_clock(const struct md_sheet *s, uint64_t seconds, int right) {
    int middle = right - 7 - md_sheet_clock_width(seconds) / 2;
    md_sheet_line(s, "clock", middle, MD_SHEET_TOP + 20, middle, s->bottom);
    md_sheet_begin(s, "text", "clockword");
    md_sheet_number(s, "x", middle);
    md_sheet_number(s, "y", MD_SHEET_TOP + 14);
    md_sheet_set(s, "text-anchor", "middle");
    xmlTextWriterWriteFormatString(s->w, "+%llu s", (unsigned long long)seconds);
    md_sheet_end(s);
}

static void draw_gap(const struct md_sheet *s, size_t skipped, int x) {
    md_sheet_rect(s, "gap", x, MD_SHEET_TOP, MD_SHEET_GAP - 10, s->bottom - MD_SHEET_TOP);
    md_sheet_begin(s, "text", "muted");
    xmlTextWriterWriteFormatAttribute(s->w, BAD_CAST "transform", "translate(%d,%d) rotate(90)",
                                      x + 4, MD_SHEET_TOP + MD_SHEET_HEADER);
    xmlTextWriterWriteFormatString(s->w, "%zu step%s left out", skipped, skipped > 1 ? "s" : "");
    md_sheet_end(s);
}

void md_sheet_column(const struct md_sheet *s, size_t column) {
    const struct md_picture_column *col = &s->p->column[column];
    int x = s->x[column];
    if (col->seconds)
        draw_clock(s, col->seconds, x);
    if (col->skipped)
        draw_gap(s, col->skipped, x - md_sheet_clock_width(col->seconds) - MD_SHEET_GAP);
    draw_header(s, col, x);
    for (size_t r = 0; r < s->n_classes; r++) {
        const struct md_picture_cell *c = md_sheet_cell(col, s->class[r]);
        draw_ways(s, column, r);
        if (c)
            draw_cell(s, c, x, s->top[r], s->top[r] + s->height[r]);
    }
}

void md_sheet_row(const struct md_sheet *s, size_t row) {
    enum { KIB = 1024 };
    const struct md_class_state *last = &s->p->last[s->class[row]];
    bool large = last->chunk_size >= 10 * KIB;
    int x = MD_SHEET_MARGIN, y = s->top[row] + 12;
    md_sheet_rect(s, "band", x, y - 20, s->width - 2 * x, s->height[row] + 12);
    x += 8;
    md_sheet_text(s, "bold", x, y, "slab class %u", s->class[row]);
    md_sheet_text(s, "muted", x, y + MD_SHEET_LINE, "chunks of %u %s",
                  large ? (last->chunk_size + KIB / 2) / KIB : last->chunk_size,
                  large ? "KiB" : "bytes");
    md_sheet_text(s, "muted", x, y + 2 * MD_SHEET_LINE, "%u to a page", last->chunks_per_page);
    md_sheet_text(s, "muted", x, y + 3 * MD_SHEET_LINE, "%u page%s at the end", last->pages,
                  last->pages == 1 ? "" : "s");
    md_sheet_text(s, "muted", MD_SHEET_LEFT - 42, y, "head >");
}
