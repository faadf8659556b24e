/*
 * The classic text protocol: one command line, or one complete data block, at a time. Where the
 * bytes come from and when replies go out is connection.c's business.
 */
#ifndef MEMDIVERGE_TEXT_H
#define MEMDIVERGE_TEXT_H

#include "model/store.h"

/* Where the replies of the feed in hand go, and how much of them the node has sent already. */
struct md_feed {
    struct md_model *m;
    struct md_conn *c;
    unsigned conn;
    struct md_reply *out;
    size_t sent_bytes, sent_commands, sent_marks;
    size_t line_end;  /* bytes of the line end of the line in hand */
    int64_t requests; /* turns left before the node yields (-R) */
    bool unmodelled, close, ended;
    bool flush;    /* binary: with the command in hand everything goes out */
    size_t behind; /* bytes read behind the line in hand */
    bool nobody;   /* nobody reads any more: the first answer that is sent ends the connection */
};

/* Everything so far goes out, and holds no items any more. */
void md_feed_send(struct md_feed *f);
/* Whether there are replies of earlier commands that were not sent yet. */
bool md_feed_unsent(const struct md_feed *f);
/* What was not sent yet is lost; its commands stay in the list, without bytes. */
void md_feed_lose(struct md_feed *f);
/* Begins a command (its line starts at input_offset) and puts it into the reply. */
void md_feed_begin(struct md_feed *f, uint64_t input_offset);
void md_feed_commit(struct md_feed *f);

/* A whole line, without its line end. */
void md_text_line(struct md_feed *f, const uint8_t *line, size_t n);
/* The whole data block of the store that the connection waits for, CRLF included. */
void md_text_data(struct md_feed *f, const uint8_t *data);
/* The large item whose data comes in needs another chunk. False: there is none, the command has failed and
 * the rest of its data is to be swallowed. */
bool md_text_next_chunk(struct md_feed *f);
/* More than MD_LINE_MAX bytes and no line end: true if the node goes on reading. */
bool md_text_long_line(struct md_feed *f, const uint8_t *line, size_t n);

#endif
