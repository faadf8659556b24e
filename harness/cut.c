/* Cutting and joining send steps; see cut.h. */
#include "harness/cut.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t md_part_units(const struct md_part *p) {
    switch (p->kind) {
    case MD_PART_BYTES: return p->len;
    case MD_PART_FILL: return p->number > 0 ? (uint64_t)p->number : 0;
    case MD_PART_BLOCK:
    case MD_PART_END: return 0;
    default: return 1;
    }
}

uint64_t md_step_units(const struct md_step *s) {
    uint64_t units = 0;
    for (size_t i = 0; i < s->n_parts; i++)
        units += md_part_units(&s->parts[i]);
    return units;
}

static void md_part_join(struct md_step *s, const struct md_part *p) {
    if (p->kind == MD_PART_BYTES) {
        md_step_bytes(s, p->bytes, p->len);
        return;
    }
    struct md_part *copy = md_step_part(s, p->kind);
    copy->byte = p->byte;
    copy->number = p->number;
    md_part_set(copy, p->bytes, p->len);
}

void md_step_join(struct md_step *s, const struct md_step *more) {
    for (size_t i = 0; i < more->n_parts; i++)
        md_part_join(s, &more->parts[i]);
}

/* What the first block behind part `at` holds; 0 if there is none, as for {len} itself. */
static uint64_t md_block_units(const struct md_step *s, size_t at) {
    uint64_t units = 0;
    while (at < s->n_parts && s->parts[at].kind != MD_PART_BLOCK)
        at++;
    for (; at < s->n_parts && s->parts[at].kind != MD_PART_END; at++)
        units += md_part_units(&s->parts[at]);
    return units;
}

void md_step_literal_lengths(struct md_step *s) {
    char text[24];
    bool marks = false;
    for (size_t i = 0; i < s->n_parts; i++) {
        struct md_part *p = &s->parts[i];
        marks |= p->kind == MD_PART_BLOCK || p->kind == MD_PART_END;
        if (p->kind != MD_PART_LEN)
            continue;
        int n = snprintf(text, sizeof text, "%" PRIu64, md_block_units(s, i));
        p->kind = MD_PART_BYTES;
        md_part_set(p, text, (size_t)n);
    }
    for (size_t i = s->n_parts; marks && i-- > 0;)
        if (s->parts[i].kind == MD_PART_BLOCK || s->parts[i].kind == MD_PART_END)
            md_step_part_remove(s, i, 1);
}

void md_step_cut(struct md_step *s, uint64_t at, struct md_step *tail) {
    size_t i = 0;
    uint64_t units;
    md_step_literal_lengths(s);
    while (i < s->n_parts && (units = md_part_units(&s->parts[i])) <= at) {
        at -= units;
        i++;
    }
    size_t rest = i;
    if (i < s->n_parts && at > 0) {
        struct md_part *p = &s->parts[i];
        if (p->kind == MD_PART_FILL) {
            struct md_part *behind = md_step_part(tail, MD_PART_FILL);
            behind->byte = p->byte;
            behind->number = p->number - (int64_t)at;
            p->number = (int64_t)at;
        } else {
            md_step_bytes(tail, p->bytes + at, p->len - at);
            p->len = at;
        }
        rest++;
    }
    for (i = rest; i < s->n_parts; i++)
        md_part_join(tail, &s->parts[i]);
    md_step_part_remove(s, rest, s->n_parts - rest);
}
