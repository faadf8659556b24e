/*
 * Gathering a picture: what the model holds after each step, and what changed in it; see picture.h.
 *
 * The model tells a state, not a movement. What moved follows from two states: in a queue that is
 * only ever added to at its head, the items that stayed are, seen from the tail, a part of the old
 * queue in the old order; everything above them came to the head.
 */
#include "harness/picture.h"

#include <stdio.h>
#include <stdlib.h>

struct place {
    size_t key; /* where it begins in md_picture_queues.keys */
    uint8_t nkey;
    bool dead, chunked;
    uint32_t total, moved, expires_in;
    uint64_t moved_at, expires_at; /* node's time; expires_at 0: never */
};

struct queue {
    struct md_class_state state;
    struct place *place; /* owned, head first */
    size_t n, cap;
};

struct md_picture_queues {
    struct queue queue[MD_SLAB_CLASSES];
    struct md_buf keys;
    unsigned classes;
};

/* ---- a state ------------------------------------------------------------------------------ */

struct taking {
    struct md_picture_queues *all;
    struct queue *queue;
    uint64_t now;
};

static void take_item(void *ctx, const struct md_item_state *item) {
    struct taking *t = ctx;
    struct queue *q = t->queue;
    q->place = md_grow(q->place, &q->cap, q->n + 1, sizeof *q->place);
    q->place[q->n++] = (struct place){
        .key = t->all->keys.len,
        .nkey = (uint8_t)item->nkey,
        .dead = item->dead,
        .chunked = item->chunked,
        .total = item->total,
        .moved = item->moved,
        .expires_in = item->expires_in,
        .moved_at = t->now - item->moved,
        .expires_at = item->expires_in ? t->now + item->expires_in : 0,
    };
    md_buf_append(&t->all->keys, item->key, item->nkey);
}

/* Returns how many items there are. */
static uint64_t take(struct md_picture_queues *all, const struct md_model *m) {
    uint64_t n = 0;
    all->keys.len = 0;
    all->classes = md_model_classes(m);
    for (unsigned c = 1; c <= all->classes; c++) {
        struct taking t = {all, &all->queue[c], md_model_now(m)};
        t.queue->n = 0;
        md_model_class(m, c, &t.queue->state);
        md_model_each_in_class(m, c, take_item, &t);
        n += t.queue->n;
    }
    return n;
}

static void free_queues(struct md_picture_queues *all) {
    if (!all)
        return;
    for (unsigned c = 0; c < MD_SLAB_CLASSES; c++)
        free(all->queue[c].place);
    md_buf_free(&all->keys);
    free(all);
}

/* ---- two states ----------------------------------------------------------------------------- */

static bool same_key(const struct md_picture_queues *a, const struct place *x,
                     const struct md_picture_queues *b, const struct place *y) {
    return x->nkey == y->nkey && memcmp(a->keys.data + x->key, b->keys.data + y->key, x->nkey) == 0;
}

/* How many items at the head of class c came there in this step. */
static size_t arrivals(const struct md_picture *p, unsigned c) {
    const struct queue *old = &p->before->queue[c], *new = &p->after->queue[c];
    size_t n = new->n;
    for (size_t i = old->n; i-- > 0 && n > 0;)
        if (same_key(p->before, &old->place[i], p->after, &new->place[n - 1]) &&
            old->place[i].moved_at == new->place[n - 1].moved_at)
            n--;
    return n;
}

static bool was_there(const struct md_picture *p, unsigned c, const struct place *item) {
    const struct queue *old = &p->before->queue[c];
    for (size_t i = 0; i < old->n; i++)
        if (same_key(p->before, &old->place[i], p->after, item))
            return true;
    return false;
}

static uint32_t count_dead(const struct queue *q) {
    uint32_t n = 0;
    for (size_t i = 0; i < q->n; i++)
        n += q->place[i].dead;
    return n;
}

/* Whether an item that did not move is another than before: expired, touched, rewritten. */
static bool differs(const struct queue *old, const struct queue *new) {
    if (old->n != new->n || memcmp(&old->state, &new->state, sizeof old->state) != 0)
        return true;
    for (size_t i = 0; i < new->n; i++)
        if (old->place[i].dead != new->place[i].dead ||
            old->place[i].total != new->place[i].total ||
            (!new->place[i].dead && old->place[i].expires_at != new->place[i].expires_at))
            return true;
    return false;
}

static void show_item(const struct md_picture *p, struct md_picture_cell *cell,
                      const struct place *place, bool arrived) {
    struct md_picture_item *item = &cell->item[cell->n_items++];
    item->nkey = place->nkey;
    memcpy(item->key, p->after->keys.data + place->key, place->nkey);
    item->dead = place->dead;
    item->chunked = place->chunked;
    item->total = place->total;
    item->moved = place->moved;
    item->expires_in = place->expires_in;
    item->came = !arrived                           ? MD_CAME_BEFORE
                 : was_there(p, cell->class, place) ? MD_CAME_TO_HEAD
                                                    : MD_CAME_NEW;
}

static void fill_cell(const struct md_picture *p, struct md_picture_cell *cell) {
    const struct queue *old = &p->before->queue[cell->class], *q = &p->after->queue[cell->class];
    size_t arrived = arrivals(p, cell->class);
    uint32_t dead = count_dead(q), dead_before = count_dead(old);
    bool all = q->n <= MD_PICTURE_HEAD + MD_PICTURE_TAIL;
    cell->state = q->state;
    cell->n_items = 0;
    cell->hidden = all ? 0 : (uint32_t)q->n - MD_PICTURE_HEAD - MD_PICTURE_TAIL;
    for (size_t i = 0; i < q->n; i++)
        if (all || i < MD_PICTURE_HEAD || i >= q->n - MD_PICTURE_TAIL)
            show_item(p, cell, &q->place[i], i < arrived);
    cell->newly_dead = dead > dead_before ? dead - dead_before : 0;
    cell->new_pages = q->state.pages > old->state.pages ? q->state.pages - old->state.pages : 0;
    cell->changed = arrived > 0 || cell->evicted + cell->reclaimed > 0 || differs(old, q);
}

/* ---- the step in hand ------------------------------------------------------------------------ */

static struct md_picture_cell *cell_of(struct md_picture_column *col, unsigned class) {
    size_t at = 0;
    while (at < col->n_cells && col->cells[at].class < class)
        at++;
    if (at < col->n_cells && col->cells[at].class == class)
        return &col->cells[at];
    col->cells = md_realloc(col->cells, (col->n_cells + 1) * sizeof *col->cells);
    memmove(&col->cells[at + 1], &col->cells[at], (col->n_cells - at) * sizeof *col->cells);
    col->n_cells++;
    col->cells[at] = (struct md_picture_cell){.class = (uint8_t) class};
    return &col->cells[at];
}

/* A step that sends nothing is no event: the removals that the model tells are an older step's. */
static bool feeds(const struct md_step *s, const struct md_model *m) {
    struct md_buf b = {0};
    if (s->kind == MD_STEP_SEND)
        md_step_resolve(s, m, 1, &b);
    bool any = b.len > 0;
    md_buf_free(&b);
    return any;
}

static void take_removals(struct md_picture *p, const struct md_model *m) {
    const struct md_removal *r;
    size_t n = md_model_removals(m, &r);
    struct md_picture_column *col = &p->open;
    for (size_t i = 0; i < n; i++) {
        struct md_picture_cell *cell = cell_of(col, r[i].class);
        bool evicted = r[i].kind == MD_EVICTED;
        cell->evicted += evicted;
        cell->reclaimed += !evicted;
        col->evicted += evicted;
        col->reclaimed += !evicted;
        if (cell->n_gone == MD_PICTURE_GONE)
            continue;
        struct md_picture_gone *gone = &cell->gone[cell->n_gone++];
        gone->kind = r[i].kind;
        gone->nkey = r[i].nkey;
        memcpy(gone->key, r[i].key, r[i].nkey);
    }
}

/* ---- words ----------------------------------------------------------------------------------- */

static size_t command_count(const struct md_picture *p) {
    size_t n = 0;
    for (unsigned i = 0; i < MD_COMMAND_NAMES; i++)
        n += p->by_command[i];
    return n;
}

static void set_text(char *to, struct md_buf *from) {
    snprintf(to, MD_PICTURE_TEXT, "%s", md_buf_cstr(from));
    md_buf_free(from);
}

static size_t word(const uint8_t *at, const uint8_t *end) {
    const uint8_t *from = at;
    while (at < end && *at != ' ' && *at != '\r' && *at != '\n')
        at++;
    return (size_t)(at - from);
}

/* "get KEY", if that is how the step begins. */
static void name_key(const struct md_step *s, const char *name, struct md_buf *out) {
    md_buf_str(out, name);
    if (s->kind != MD_STEP_SEND || s->n_parts == 0 || s->parts[0].kind != MD_PART_BYTES)
        return;
    const uint8_t *at = s->parts[0].bytes, *end = at + s->parts[0].len;
    size_t n = strlen(name);
    if ((size_t)(end - at) <= n || memcmp(at, name, n) != 0 || at[n] != ' ')
        return;
    at += n + 1;
    md_buf_byte(out, ' ');
    n = word(at, end);
    md_bytes_print(at, n < MD_KEY_MAX ? n : MD_KEY_MAX, out);
}

static void name_step(struct md_picture *p, const struct md_step *s) {
    struct md_buf b = {0};
    size_t n = command_count(p);
    switch (s->kind) {
    case MD_STEP_SEND:
        if (n == 0)
            md_buf_str(&b, "unfinished");
        for (unsigned i = 0; i < MD_COMMAND_NAMES; i++) {
            const char *name = md_command_name_text((enum md_command_name)i);
            if (p->by_command[i] && n == 1)
                name_key(s, name, &b);
            else if (p->by_command[i])
                md_buf_printf(&b, "%s%zu x %s", b.len ? ", " : "", p->by_command[i], name);
        }
        break;
    case MD_STEP_CLOCK: md_buf_str(&b, "time passes"); break;
    default: md_step_print(s, &b); break;
    }
    set_text(p->open.command, &b);
}

/* What time did. */
static void name_expired(struct md_picture_column *col) {
    uint32_t n = 0;
    for (size_t i = 0; i < col->n_cells; i++)
        n += col->cells[i].newly_dead;
    snprintf(col->reply, sizeof col->reply, "%u expired", n);
}

/* What a lone command answered, in a word. */
static void take_reply(struct md_picture_column *col, const struct md_reply *r) {
    struct md_buf b = {0};
    const struct md_command *k = &r->commands[0];
    const uint8_t *reply = r->bytes.data + k->reply_offset;
    if (k->flags & (MD_COMMAND_HIT | MD_COMMAND_MISS))
        md_buf_str(&b, k->flags & MD_COMMAND_HIT ? "hit" : "miss");
    else if (!(k->flags & MD_COMMAND_STATS) && k->reply_len) {
        const uint8_t *cr = memchr(reply, '\r', k->reply_len);
        size_t n = cr ? (size_t)(cr - reply) : k->reply_len;
        md_bytes_print(reply, n < MD_KEY_MAX ? n : MD_KEY_MAX, &b);
    }
    set_text(col->reply, &b);
}

/* ---- choosing what is shown ----------------------------------------------------------------- */

static void free_column(struct md_picture_column *col) {
    free(col->cells);
    *col = (struct md_picture_column){0};
}

/* The lightest goes, and among these the earliest; the first and the last step always stay. */
static void leave_one_out(struct md_picture *p) {
    size_t out = 1;
    for (size_t i = 2; i + 1 < p->n_columns; i++)
        if (p->column[i].weight < p->column[out].weight)
            out = i;
    struct md_picture_column *col = &p->column[out], *next = col + 1;
    next->skipped += col->skipped + 1;
    next->seconds += col->seconds;
    p->skipped++;
    p->skipped_removals += col->evicted + col->reclaimed;
    free_column(col);
    memmove(col, next, (--p->n_columns - out) * sizeof *col);
}

enum { WEIGHT_NOTHING, WEIGHT_CHANGE, WEIGHT_EVENT, WEIGHT_REMOVAL };

static unsigned weigh(const struct md_picture_column *col, const struct md_step *s) {
    unsigned weight = s->kind >= MD_STEP_STOP ? WEIGHT_EVENT : WEIGHT_NOTHING;
    for (size_t i = 0; i < col->n_cells; i++) {
        const struct md_picture_cell *cell = &col->cells[i];
        unsigned w = cell->evicted + cell->reclaimed ? WEIGHT_REMOVAL
                     : cell->newly_dead              ? WEIGHT_EVENT
                     : cell->changed                 ? WEIGHT_CHANGE
                                                     : WEIGHT_NOTHING;
        for (uint32_t j = 0; j < cell->n_items && w < WEIGHT_EVENT; j++)
            if (cell->item[j].came == MD_CAME_TO_HEAD)
                w = WEIGHT_EVENT;
        weight = w > weight ? w : weight;
    }
    return weight;
}

/* A step without a command that changed nothing (a connection opened) is not worth a column. */
static void close_column(struct md_picture *p) {
    if (!p->is_open)
        return;
    struct md_picture_column *col = &p->open;
    const struct md_step *s = &p->trace->steps[col->step];
    for (unsigned c = 1; c <= p->after->classes; c++) {
        const struct md_class_state *state = &p->after->queue[c].state;
        if (state->items || state->used_chunks || p->changes[c])
            cell_of(col, c);
    }
    for (size_t i = 0; i < col->n_cells; i++) {
        struct md_picture_cell *cell = &col->cells[i];
        fill_cell(p, cell);
        p->changes[cell->class] += cell->changed;
        p->removals[cell->class] += cell->evicted + cell->reclaimed;
        p->last[cell->class] = cell->state;
    }
    col->weight = weigh(col, s);
    p->evicted += col->evicted;
    p->reclaimed += col->reclaimed;
    p->is_open = false;
    p->seconds += s->kind == MD_STEP_CLOCK ? s->seconds : 0;
    /* Time that passes is a mark between columns, unless items expire in it. */
    if (col->weight == WEIGHT_NOTHING && command_count(p) == 0) {
        free_column(col);
        return;
    }
    name_step(p, s);
    if (s->kind == MD_STEP_CLOCK)
        name_expired(col);
    col->seconds = p->seconds;
    p->seconds = 0;
    p->column[p->n_columns++] = *col;
    *col = (struct md_picture_column){0};
    if (p->n_columns > MD_PICTURE_COLUMNS)
        leave_one_out(p);
}

/* ---- the run --------------------------------------------------------------------------------- */

void md_picture_begin(struct md_picture *p, const struct md_trace *trace) {
    *p = (struct md_picture){.trace = trace, .verdict = MD_AGREE};
    p->before = md_calloc(1, sizeof *p->before);
    p->after = md_calloc(1, sizeof *p->after);
}

void md_picture_step(void *ctx, const struct md_trace *t, size_t step,
                     const struct md_reply *expected, const uint8_t *observed, size_t n_observed,
                     const struct md_model *m) {
    struct md_picture *p = ctx;
    (void)observed;
    (void)n_observed;
    if (p->is_open && p->open.step != step)
        close_column(p);
    if (p->too_much)
        return;
    if (!p->is_open) {
        struct md_picture_queues *old = p->before;
        p->before = p->after;
        p->after = old;
        p->open = (struct md_picture_column){.step = step};
        p->is_open = true;
        memset(p->by_command, 0, sizeof p->by_command);
    }
    p->looks += take(p->after, m);
    p->too_much = p->looks > MD_PICTURE_LOOKS;
    p->open.at = md_model_now(m) - MD_START_TIME;
    if (feeds(&t->steps[step], m))
        take_removals(p, m);
    for (size_t i = 0; i < expected->n_commands; i++)
        p->by_command[expected->commands[i].name]++;
    if (expected->n_commands == 1 && command_count(p) == 1)
        take_reply(&p->open, expected);
    else if (expected->n_commands)
        p->open.reply[0] = 0;
}

void md_picture_end(struct md_picture *p, const struct md_verdict *v) {
    /* What the model last said of a step that it cannot follow is about the step before. */
    if (v->kind == MD_UNMODELLED && p->is_open && p->open.step == v->step) {
        free_column(&p->open);
        p->is_open = false;
    }
    close_column(p);
    p->verdict = v->kind;
    p->verdict_step = v->step;
    snprintf(p->signature, sizeof p->signature, "%s", v->signature);
}

void md_picture_free(struct md_picture *p) {
    for (size_t i = 0; i < p->n_columns; i++)
        free_column(&p->column[i]);
    free_column(&p->open);
    free_queues(p->before);
    free_queues(p->after);
    *p = (struct md_picture){0};
}
