/*
 * A growable run of bytes. Everything in memdiverge that collects bytes (replies, traces, files)
 * collects them in one of these. Zero-initialised is empty and valid.
 *
 * Running out of memory ends the process with one message (md_oom): no caller could do better, and
 * a half-appended reply would look like a divergence.
 */
#ifndef MEMDIVERGE_BUF_H
#define MEMDIVERGE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct md_buf {
    uint8_t *data; /* owned; NULL while cap is 0 */
    size_t len;    /* bytes in use */
    size_t cap;    /* bytes allocated */
};

/* Makes room for `more` bytes behind the current end. */
void md_buf_reserve(struct md_buf *b, size_t more);

static inline void md_buf_append(struct md_buf *b, const void *bytes, size_t n) {
    if (n == 0)
        return;
    if (b->cap - b->len < n)
        md_buf_reserve(b, n);
    memcpy(b->data + b->len, bytes, n);
    b->len += n;
}

static inline void md_buf_byte(struct md_buf *b, uint8_t byte) { md_buf_append(b, &byte, 1); }
static inline void md_buf_str(struct md_buf *b, const char *s) { md_buf_append(b, s, strlen(s)); }

/* Appends n times the same byte. */
void md_buf_fill(struct md_buf *b, uint8_t byte, size_t n);
/* Appends a decimal number. */
void md_buf_u64(struct md_buf *b, uint64_t n);
/* Appends formatted text; for reports and messages, not for the hot path. */
void md_buf_printf(struct md_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The contents as a C string: puts a NUL behind the end without counting it. */
const char *md_buf_cstr(struct md_buf *b);
/* Takes the first n bytes away. */
void md_buf_drop(struct md_buf *b, size_t n);
/* Empties without giving the memory back. */
static inline void md_buf_clear(struct md_buf *b) { b->len = 0; }
void md_buf_free(struct md_buf *b);

/* Never return NULL. */
void *md_alloc(size_t n);
void *md_calloc(size_t n, size_t size);
void *md_realloc(void *p, size_t n);
char *md_strdup(const char *s);
/* Doubles a dynamic array: *cap elements of `size` bytes at p become at least `need`. */
void *md_grow(void *p, size_t *cap, size_t need, size_t size);

#endif
