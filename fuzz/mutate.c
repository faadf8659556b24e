/*
 * The mutator's frame: which edits are made, how large a mutant may get, crossover, and the byte
 * forms that engines call.
 */
#include "fuzz/mutate_internal.h"

#include <stdlib.h>

/* One mutant in so many is a trace of the generator instead: engines descend from what they
 * have, and favour what is short and quick, so that large values or long lines hardly come up by
 * themselves. */
enum { FRESH_ONE_IN = 4 };

/* ---- edits ------------------------------------------------------------------------------- */

const struct md_edit_entry *md_edits(size_t *n) {
    static const struct md_edit_entry entries[] = {
        {"insert-command", md_edit_insert_command, {14, 4, 14, 0, 6}},
        {"insert-send", md_edit_insert_send, {8, 3, 8, 2, 4}},
        {"delete-command", md_edit_delete_command, {8, 8, 8, 0, 4}},
        {"delete-step", md_edit_delete_step, {5, 4, 5, 5, 6}},
        {"delete-steps", md_edit_delete_steps, {2, 2, 2, 2, 2}},
        {"duplicate-command", md_edit_duplicate_command, {5, 6, 5, 0, 3}},
        {"duplicate-step", md_edit_duplicate_step, {4, 4, 4, 4, 4}},
        {"swap-commands", md_edit_swap_commands, {5, 6, 5, 0, 2}},
        {"swap-steps", md_edit_swap_steps, {3, 3, 3, 3, 3}},
        {"move-command", md_edit_move_command, {4, 5, 4, 0, 0}},
        {"move-step", md_edit_move_step, {3, 3, 3, 3, 3}},
        {"splice", md_edit_splice, {4, 5, 4, 0, 3}},
        {"connection", md_edit_connection, {4, 2, 4, 4, 4}},
        {"insert-clock", md_edit_insert_clock, {5, 7, 5, 5, 1}},
        {"change-clock", md_edit_change_clock, {4, 5, 4, 4, 1}},
        {"insert-close", md_edit_insert_close, {2, 1, 2, 4, 3}},
        {"split", md_edit_split, {4, 3, 4, 5, 4}},
        {"interleave", md_edit_interleave, {3, 3, 3, 3, 4}},
        {"join", md_edit_join, {4, 4, 4, 4, 4}},
        {"options", md_edit_options, {1, 3, 1, 1, 1}},
        {"insert-stats", md_edit_insert_stats, {2, 4, 2, 0, 0}},
        {"word", md_edit_word, {8, 8, 8, 1, 0}},
        {"reuse-key", md_edit_reuse_key, {10, 14, 10, 1, 3}},
        {"new-key", md_edit_new_key, {2, 2, 2, 0, 0}},
        {"border", md_edit_border, {6, 1, 6, 0, 0}},
        {"near", md_edit_near, {5, 3, 5, 1, 0}},
        {"cas", md_edit_cas, {4, 2, 4, 0, 0}},
        {"noreply", md_edit_noreply, {3, 3, 3, 0, 0}},
        {"length", md_edit_length, {3, 2, 3, 0, 0}},
        {"length-lie", md_edit_length_lie, {2, 1, 2, 0, 3}},
        {"value", md_edit_value, {7, 2, 7, 0, 0}},
        {"expiry", md_edit_expiry, {6, 6, 6, 0, 0}},
        {"drop-token", md_edit_drop_token, {2, 1, 2, 0, 0}},
        {"add-token", md_edit_add_token, {2, 1, 2, 0, 0}},
        {"flag-add", md_edit_flag_add, {4, 1, 14, 0, 0}},
        {"flag-drop", md_edit_flag_drop, {2, 1, 8, 0, 0}},
        {"flag-double", md_edit_flag_double, {1, 0, 2, 0, 0}},
        {"flag-change", md_edit_flag_change, {3, 1, 10, 0, 0}},
        {"key-base64", md_edit_key_base64, {1, 0, 3, 0, 0}},
        {"flip", md_edit_flip, {2, 1, 2, 3, 2}},
        {"line-end", md_edit_line_end, {2, 1, 2, 0, 2}},
        {"request-insert", md_edit_request_insert, {1, 0, 0, 16, 3}},
        {"request-delete", md_edit_request_delete, {0, 0, 0, 8, 0}},
        {"request-copy", md_edit_request_copy, {0, 0, 0, 7, 0}},
        {"request-opcode", md_edit_request_opcode, {0, 0, 0, 10, 1}},
        {"request-field", md_edit_request_field, {0, 0, 0, 10, 2}},
        {"request-cas", md_edit_request_cas, {0, 0, 0, 6, 0}},
        {"request-extras", md_edit_request_extras, {0, 0, 0, 8, 0}},
        {"request-key", md_edit_request_key, {0, 0, 0, 10, 0}},
        {"request-value", md_edit_request_value, {0, 0, 0, 7, 0}},
        {"damage", md_edit_damage, {1, 0, 1, 1, 40}},
        {"tear", md_edit_tear, {0, 0, 0, 0, 10}},
        {"press", md_edit_press, {0, 12, 0, 0, 0}},
        {"flood", md_edit_flood, {0, 12, 0, 0, 0}},
        {"class-border", md_edit_class_border, {0, 10, 0, 0, 0}},
        {"reboot", md_edit_reboot, {0, 1, 0, 0, 0}},
    };
    *n = sizeof entries / sizeof *entries;
    return entries;
}

static bool md_some_edit(struct md_mutation *m) {
    size_t n;
    const struct md_edit_entry *entries = md_edits(&n);
    unsigned total = 0;
    for (size_t i = 0; i < n; i++)
        total += entries[i].weight[m->target];
    unsigned at = md_pick(&m->r, total);
    while (at >= entries->weight[m->target])
        at -= entries++->weight[m->target];
    m->n_symbols = 0;
    return entries->edit(m);
}

void md_mutation_init(struct md_mutation *m, struct md_trace *t, enum md_target target,
                      uint64_t seed) {
    *m = (struct md_mutation){.t = t, .target = target};
    md_random_seed(&m->r, seed);
}

void md_mutation_free(struct md_mutation *m) {
    free(m->symbols);
    free(m->cells.at);
    free(m->other.at);
}

/* ---- bounds ------------------------------------------------------------------------------ */

/* What a mutant may still hold. */
struct md_room {
    size_t lines, bytes, parts;
    int64_t fill;
    uint32_t seconds;
};

/* How many of the bytes fit. */
static size_t md_fitting(struct md_room *room, const uint8_t *bytes, size_t n) {
    size_t at = 0;
    if (n > room->bytes)
        n = room->bytes;
    while (at < n && room->lines) {
        const uint8_t *lf = memchr(bytes + at, '\n', n - at);
        at = lf ? (size_t)(lf - bytes) + 1 : n;
        room->lines -= lf != NULL;
    }
    room->bytes -= at;
    return at;
}

static bool md_bound_send(struct md_step *s, struct md_room *room) {
    for (size_t i = 0; i < s->n_parts; i++) {
        struct md_part *p = &s->parts[i];
        size_t fits = p->kind == MD_PART_BYTES ? md_fitting(room, p->bytes, p->len) : p->len;
        if (p->kind == MD_PART_FILL && p->number > room->fill)
            p->number = room->fill;
        if (p->kind == MD_PART_FILL && p->number > 0)
            room->fill -= p->number;
        if (p->kind == MD_PART_CAS)
            room->bytes -= p->len < room->bytes ? p->len : room->bytes;
        bool whole = fits == p->len && room->parts > 0 && (p->kind == MD_PART_BYTES || room->bytes);
        if (whole) {
            room->parts--;
            continue;
        }
        if (p->kind == MD_PART_BYTES && room->parts > 0)
            p->len = fits;
        else
            fits = 0;
        md_step_part_remove(s, i + (fits > 0), s->n_parts - i - (fits > 0));
        return false;
    }
    return true;
}

bool md_mutant_bound(struct md_trace *t, enum md_target target) {
    struct md_room room = {.lines = MD_MUTANT_LINES,
                           .bytes = MD_MUTANT_BYTES,
                           .parts = MD_MUTANT_PARTS,
                           .fill = target == MD_TARGET_EVICTION ? MD_PRESSING_FILL : MD_MUTANT_FILL,
                           .seconds = MD_TRACE_CLOCK_MAX};
    bool within = true;
    if (t->n_steps > MD_MUTANT_STEPS) {
        md_trace_remove(t, MD_MUTANT_STEPS, t->n_steps - MD_MUTANT_STEPS);
        within = false;
    }
    for (size_t i = 0; i < t->n_steps;) {
        struct md_step *s = &t->steps[i];
        if (s->kind == MD_STEP_CLOCK) {
            if (s->seconds > room.seconds)
                s->seconds = room.seconds;
            room.seconds -= s->seconds;
        } else if (s->kind == MD_STEP_SEND && !md_bound_send(s, &room)) {
            within = false;
            if (s->n_parts == 0) {
                md_trace_remove(t, i, 1);
                continue;
            }
        }
        i++;
    }
    return within;
}

/* ---- whole traces ------------------------------------------------------------------------ */

static void md_drop_comment(struct md_trace *t) {
    free(t->comment);
    t->comment = NULL;
}

static void md_start_afresh(struct md_trace *t, enum md_target target, uint64_t seed) {
    struct md_generate_config config;
    md_generate_config_default(&config);
    md_generate_for(target, t, seed, 0, &config);
}

/* Within the bounds, and with memory as little as the target wants it. */
static void md_keep_target(struct md_trace *t, enum md_target target, struct md_random *r) {
    if (target == MD_TARGET_EVICTION && !md_options_tight(&t->options.model))
        md_gen_tight_options(r, &t->options);
    md_mutant_bound(t, target);
}

void md_mutate(struct md_trace *t, enum md_target target, uint64_t seed) {
    struct md_mutation m;
    md_mutation_init(&m, t, target, seed);
    md_drop_comment(t); /* it speaks of what the trace was */
    md_mutant_bound(t, target);
    if (t->n_steps == 0 || md_random_one_in(&m.r, 500)) {
        md_start_afresh(t, target, md_random_next(&m.r));
    } else {
        unsigned edits = 1;
        while (edits < 6 && md_random_one_in(&m.r, 2))
            edits++;
        while (edits--)
            for (unsigned tries = 0; tries < 8 && !md_some_edit(&m); tries++)
                ;
    }
    md_keep_target(t, target, &m.r);
    md_mutation_free(&m);
}

static void md_take_steps(struct md_trace *to, const struct md_trace *from, size_t at, size_t n) {
    for (size_t i = at; i < at + n; i++)
        md_step_copy(md_trace_add(to, from->steps[i].kind, 0), &from->steps[i]);
}

/* Both traces at the same time, the second on connections of its own where there are enough. */
static void md_weave(struct md_trace *out, const struct md_trace *a, const struct md_trace *b,
                     struct md_random *r) {
    size_t i = 0, j = 0;
    unsigned shift = 0;
    for (size_t k = 0; k < a->n_steps; k++)
        if (a->steps[k].conn >= shift)
            shift = a->steps[k].conn + 1U;
    while (i < a->n_steps || j < b->n_steps) {
        if (j == b->n_steps || (i < a->n_steps && md_random_one_in(r, 2))) {
            md_take_steps(out, a, i++, 1);
            continue;
        }
        md_take_steps(out, b, j++, 1);
        struct md_step *s = &out->steps[out->n_steps - 1];
        s->conn = (uint8_t)((s->conn + shift) % MD_CONNECTIONS_MAX);
    }
}

/* At most this many steps of each parent are looked at. */
static size_t md_usable(const struct md_trace *t) {
    return t->n_steps < MD_MUTANT_STEPS ? t->n_steps : MD_MUTANT_STEPS;
}

void md_crossover(struct md_trace *out, const struct md_trace *a, const struct md_trace *b,
                  enum md_target target, uint64_t seed) {
    struct md_random r;
    md_random_seed(&r, seed);
    size_t na = md_usable(a), nb = md_usable(b);
    size_t cut = (size_t)md_random_below(&r, na + 1), from = (size_t)md_random_below(&r, nb + 1);
    size_t n = (size_t)md_random_below(&r, nb - from + 1);
    md_trace_clear(out);
    md_node_options_copy(&out->options, md_random_one_in(&r, 4) ? &b->options : &a->options);
    if (na < MD_MUTANT_STEPS && nb < MD_MUTANT_STEPS && md_random_one_in(&r, 4)) {
        md_weave(out, a, b, &r);
    } else {
        md_take_steps(out, a, 0, cut);
        md_take_steps(out, b, from, n);
        if (md_random_one_in(&r, 2))
            md_take_steps(out, a, cut, na - cut);
    }
    md_keep_target(out, target, &r);
}

/* ---- byte forms -------------------------------------------------------------------------- */

/* Prints into data; what is too long loses steps at its end, some at a time. 0: nothing fits. */
static size_t md_print_fitting(struct md_trace *t, uint8_t *data, size_t max_size) {
    struct md_buf text = {0};
    size_t n = 0;
    for (;;) {
        md_buf_clear(&text);
        md_trace_print(t, &text);
        if (text.len <= max_size || t->n_steps < 2)
            break;
        size_t drop = t->n_steps / 4 ? t->n_steps / 4 : 1;
        md_trace_remove(t, t->n_steps - drop, drop);
    }
    if (text.len <= max_size && t->n_steps > 0) {
        memcpy(data, text.data, text.len);
        n = text.len;
    }
    md_buf_free(&text);
    return n;
}

size_t md_mutate_text(uint8_t *data, size_t size, size_t max_size, enum md_target target,
                      uint64_t seed) {
    struct md_trace t;
    md_trace_init(&t);
    if (seed % FRESH_ONE_IN == 0) {
        md_start_afresh(&t, target, seed);
    } else {
        md_trace_parse_lenient(&t, data, size);
        md_mutate(&t, target, seed);
    }
    size_t n = md_print_fitting(&t, data, max_size);
    md_trace_free(&t);
    return n;
}

size_t md_crossover_text(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
                         uint8_t *out, size_t max_size, enum md_target target, uint64_t seed) {
    struct md_trace first, second, child;
    md_trace_init(&first);
    md_trace_init(&second);
    md_trace_init(&child);
    md_trace_parse_lenient(&first, a, a_size);
    md_trace_parse_lenient(&second, b, b_size);
    md_crossover(&child, &first, &second, target, seed);
    size_t n = md_print_fitting(&child, out, max_size);
    md_trace_free(&first);
    md_trace_free(&second);
    md_trace_free(&child);
    return n;
}
