/* Growable bytes and allocation that cannot fail; see buf.h. */
#include "model/buf.h"

#include <stdio.h>
#include <stdlib.h>

static _Noreturn void md_oom(size_t n) {
    fprintf(stderr, "memdiverge: out of memory (asked for %zu bytes)\n", n);
    exit(3);
}

void *md_alloc(size_t n) {
    void *p = malloc(n ? n : 1);
    if (!p)
        md_oom(n);
    return p;
}

void *md_calloc(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p)
        md_oom(n * size);
    return p;
}

void *md_realloc(void *p, size_t n) {
    p = realloc(p, n ? n : 1);
    if (!p)
        md_oom(n);
    return p;
}

char *md_strdup(const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(md_alloc(n), s, n);
}

void *md_grow(void *p, size_t *cap, size_t need, size_t size) {
    if (need <= *cap)
        return p;
    size_t n = *cap ? *cap * 2 : 8;
    while (n < need)
        n *= 2;
    p = md_realloc(p, n * size);
    *cap = n;
    return p;
}

void md_buf_reserve(struct md_buf *b, size_t more) {
    size_t need = b->len + more;
    if (need < b->len)
        md_oom(more);
    if (need > b->cap && b->cap == 0 && need < 64)
        need = 64;
    b->data = md_grow(b->data, &b->cap, need, 1);
}

void md_buf_fill(struct md_buf *b, uint8_t byte, size_t n) {
    if (n == 0)
        return;
    md_buf_reserve(b, n);
    memset(b->data + b->len, byte, n);
    b->len += n;
}

void md_buf_u64(struct md_buf *b, uint64_t n) {
    char digits[20];
    size_t at = sizeof digits;
    do
        digits[--at] = (char)('0' + n % 10);
    while (n /= 10);
    md_buf_append(b, digits + at, sizeof digits - at);
}

void md_buf_printf(struct md_buf *b, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n > 0) {
        md_buf_reserve(b, (size_t)n + 1);
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

const char *md_buf_cstr(struct md_buf *b) {
    md_buf_reserve(b, 1);
    b->data[b->len] = 0;
    return (const char *)b->data;
}

void md_buf_drop(struct md_buf *b, size_t n) {
    if (n >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->data, b->data + n, b->len - n);
    b->len -= n;
}

void md_buf_free(struct md_buf *b) {
    free(b->data);
    *b = (struct md_buf){0};
}
