/*
 * What the two files that draw a picture share: the sheet, the elements that are put on it, and its
 * measures in pixels. picture_page.c decides where things are and says what the sheet shows,
 * picture_draw.c draws the table.
 *
 * Every text that is not ours goes through md_bytes_print, so all of it is printable ASCII; libxml2
 * escapes what means something in XML.
 */
#ifndef MEMDIVERGE_PICTURE_DRAW_H
#define MEMDIVERGE_PICTURE_DRAW_H

#include "harness/picture.h"

#include <libxml/xmlwriter.h>

enum {
    MD_SHEET_MARGIN = 14,
    MD_SHEET_LINE = 17,   /* from a line of text to the next */
    MD_SHEET_TOP = 62,    /* title above it */
    MD_SHEET_HEADER = 62, /* of the columns */
    MD_SHEET_LEFT = 164,  /* labels of the rows */
    MD_SHEET_COLUMN = 98,
    MD_SHEET_BOX = 84,   /* width of an item */
    MD_SHEET_BOX_H = 18, /* its height */
    MD_SHEET_STEP = 21,  /* from item to item */
    MD_SHEET_METER = 34, /* chunks in use, below a queue */
    MD_SHEET_GAP = 26,   /* where columns are left out */
    MD_AGE_BUMP = 60,    /* seconds; what came to the head longer ago moves there when it is used */
    MD_AGE_OLD = 3600,
};

struct md_sheet {
    xmlTextWriterPtr w;
    const struct md_picture *p;
    unsigned class[MD_PICTURE_CLASSES]; /* rows: the classes shown, in order */
    int top[MD_PICTURE_CLASSES], height[MD_PICTURE_CLASSES];
    size_t n_classes;
    int x[MD_PICTURE_COLUMNS]; /* left edges of the columns */
    int width, bottom;         /* bottom: of the last row */
};

/* ---- elements; class is one of the style sheet or NULL --------------------------------------- */

void md_sheet_begin(const struct md_sheet *s, const char *element, const char *class);
void md_sheet_end(const struct md_sheet *s);
void md_sheet_set(const struct md_sheet *s, const char *name, const char *value);
void md_sheet_number(const struct md_sheet *s, const char *name, int value);
/* An element with nothing but text in it; takes the text away from the buffer. */
void md_sheet_element(const struct md_sheet *s, const char *element, struct md_buf *text);
void md_sheet_rect(const struct md_sheet *s, const char *class, int x, int y, int w, int h);
void md_sheet_line(const struct md_sheet *s, const char *class, int x1, int y1, int x2, int y2);
void md_sheet_text(const struct md_sheet *s, const char *class, int x, int y, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Printable text to be cut to `most` characters. */
void md_sheet_cut(struct md_buf *b, size_t most);

/* ---- parts ----------------------------------------------------------------------------------- */

/* Room for the mark of time that passed; 0 seconds: none. */
int md_sheet_clock_width(uint64_t seconds);
int md_sheet_cell_height(const struct md_picture_cell *c);
const struct md_picture_cell *md_sheet_cell(const struct md_picture_column *col, unsigned class);
void md_sheet_item(const struct md_sheet *s, const struct md_picture_item *item, bool tail, int x,
                   int y);
void md_sheet_row(const struct md_sheet *s, size_t row);
void md_sheet_column(const struct md_sheet *s, size_t column);

#endif
