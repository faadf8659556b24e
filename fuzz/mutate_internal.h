/*
 * Shared by the files of the mutator. A send step is edited as a row of cells: a literal byte is
 * its own value, a symbol is a number from MD_CELL_SYMBOL on that names a part. Commands are a view
 * of the cells, found by a light scan of lines; nothing here decides what the bytes mean to a node.
 *
 *   mutate.c            edits drawn from a table, bounds, crossover, byte forms
 *   mutate_view.c       cells, commands and tokens as a view of them
 *   mutate_steps.c      edits of steps: order, connections, clock, cuts, options
 *   mutate_commands.c   edits of whole commands: insert, delete, duplicate, swap, splice
 *   mutate_meta.c       edits of the flags of meta commands
 *   mutate_requests.c   edits of binary requests
 *   mutate_tokens.c     edits inside a command: words, keys, numbers, lengths, bytes
 */
#ifndef MEMDIVERGE_MUTATE_INTERNAL_H
#define MEMDIVERGE_MUTATE_INTERNAL_H

#include "fuzz/mutate.h"
#include "harness/generate_internal.h"

enum {
    MD_MUTANT_STEPS = 200,
    MD_MUTANT_LINES = 2000,     /* about a thousand commands, half of them with a data block */
    MD_MUTANT_BYTES = 64 << 10, /* literal bytes, keys of symbols included */
    MD_MUTANT_PARTS = 4096,
    MD_MUTANT_FILL = 6 << 20,   /* bytes of all fills */
    MD_PRESSING_FILL = 3 << 20, /* ... where many are to run in a second */

    MD_CELL_SYMBOL = 256,
    MD_VIEW_TOKENS = 24, /* further ones are not looked at */
};

struct md_cells {
    uint16_t *at; /* owned */
    size_t n, cap;
};

/* One mutation at work. */
struct md_mutation {
    struct md_trace *t;
    enum md_target target;
    struct md_random r;
    struct md_part *symbols; /* owned array; the parts borrow their keys from the trace */
    size_t n_symbols, cap_symbols;
    struct md_cells cells, other; /* of the step being edited, and of one that is looked at */
    size_t step;                  /* which step `cells` are of */
};

struct md_span {
    size_t from, to;
};

enum md_view_kind {
    MD_VIEW_OTHER,
    MD_VIEW_STORE = 1 << 0,  /* word key flags exptime bytes [cas] */
    MD_VIEW_GET = 1 << 1,    /* word key... */
    MD_VIEW_GAT = 1 << 2,    /* word exptime key... */
    MD_VIEW_DELTA = 1 << 3,  /* word key number */
    MD_VIEW_TOUCH = 1 << 4,  /* word key exptime */
    MD_VIEW_DELETE = 1 << 5, /* word key */
    MD_VIEW_FLUSH = 1 << 6,  /* word [seconds] */
    MD_VIEW_META = 1 << 8,   /* word key flag... */
    MD_VIEW_MS = 1 << 9,     /* word key bytes flag... */
    MD_VIEW_KEYED = MD_VIEW_STORE | MD_VIEW_GET | MD_VIEW_GAT | MD_VIEW_DELTA | MD_VIEW_TOUCH |
                    MD_VIEW_DELETE | MD_VIEW_META | MD_VIEW_MS,
    MD_VIEW_TIMED = MD_VIEW_STORE | MD_VIEW_GAT | MD_VIEW_TOUCH | MD_VIEW_FLUSH,
    MD_VIEW_CHANGES =
        MD_VIEW_STORE | MD_VIEW_DELTA | MD_VIEW_TOUCH | MD_VIEW_DELETE | MD_VIEW_FLUSH,
    MD_VIEW_NUMBERED = MD_VIEW_TIMED | MD_VIEW_DELTA,
    MD_VIEW_ANY = 1 << 7,
};

/* A command as cells of a step. */
struct md_view {
    size_t from, to; /* line and data block */
    size_t line_end; /* behind the line's text: where "\r\n" starts */
    bool cas;        /* a store with a CAS token */
    unsigned kind;   /* enum md_view_kind */
    unsigned n_tokens;
    struct md_span token[MD_VIEW_TOKENS];
    unsigned length;     /* which token says the length of its data block; 0: it has none */
    bool has_data;       /* a data block was found */
    struct md_span data; /* without its CRLF, with {block} and {/block} */
};

/* ---- mutate_view.c ----------------------------------------------------------------------- */

void md_cells_load(struct md_mutation *m, struct md_cells *c, const struct md_step *s);
/* Makes the cells the content of step m->step. */
void md_cells_store(struct md_mutation *m, const struct md_cells *c);
void md_cells_replace(struct md_cells *c, struct md_span span, const uint16_t *cells, size_t n);
void md_cells_text(struct md_cells *c, struct md_span span, const void *bytes, size_t n);
/* A new symbol without a key; its cell. */
uint16_t md_cell_symbol(struct md_mutation *m, enum md_part_kind kind, int64_t number,
                        uint8_t byte);
/* The literal bytes of a span; false if it holds a symbol or is longer than `max`. */
bool md_span_bytes(const struct md_cells *c, struct md_span s, uint8_t *out, size_t max, size_t *n);
bool md_span_is(const struct md_cells *c, struct md_span s, const char *word);

/* The command that starts at cell `from`; false at the end. */
bool md_view_at(const struct md_mutation *m, const struct md_cells *c, size_t from,
                struct md_view *v);
/* Some command of these kinds in some step, loaded into m->cells; false: there is none. */
bool md_pick_view(struct md_mutation *m, unsigned kinds, struct md_view *v);
/* Some command of these kinds in these cells. */
bool md_pick_view_in(struct md_mutation *m, const struct md_cells *c, unsigned kinds,
                     struct md_view *v);
/* Some send step; false: there is none. */
bool md_pick_send(struct md_mutation *m, size_t *step);
/* Which token is the first key; 0: none. */
unsigned md_view_key(const struct md_view *v);
/* Which token is the first flag of a meta command; 0: it is none. */
unsigned md_view_flags(const struct md_view *v);
/* Which token is the expiration time; 0: none. */
unsigned md_view_expiry(const struct md_view *v);

/* ---- edits: true if the trace was changed ------------------------------------------------ */

typedef bool md_edit(struct md_mutation *m);

md_edit md_edit_delete_step, md_edit_delete_steps, md_edit_duplicate_step, md_edit_swap_steps,
    md_edit_move_step, md_edit_connection, md_edit_insert_clock, md_edit_change_clock,
    md_edit_insert_close, md_edit_split, md_edit_join, md_edit_options, md_edit_insert_stats,
    md_edit_insert_send, md_edit_interleave, md_edit_reboot, md_edit_damage, md_edit_tear;

md_edit md_edit_insert_command, md_edit_delete_command, md_edit_duplicate_command,
    md_edit_swap_commands, md_edit_move_command, md_edit_splice, md_edit_press, md_edit_flood;

md_edit md_edit_flag_add, md_edit_flag_drop, md_edit_flag_double, md_edit_flag_change,
    md_edit_key_base64;

md_edit md_edit_word, md_edit_reuse_key, md_edit_new_key, md_edit_border, md_edit_near, md_edit_cas,
    md_edit_noreply, md_edit_length, md_edit_length_lie, md_edit_drop_token, md_edit_add_token,
    md_edit_value, md_edit_flip, md_edit_line_end, md_edit_expiry, md_edit_class_border;

/* Of binary requests. */
md_edit md_edit_request_insert, md_edit_request_delete, md_edit_request_copy,
    md_edit_request_opcode, md_edit_request_field, md_edit_request_cas, md_edit_request_extras,
    md_edit_request_key, md_edit_request_value;

struct md_edit_entry {
    const char *name;
    md_edit *edit;
    uint8_t weight[MD_TARGETS];
};
/* All edits, for whoever draws one, and for tests. */
const struct md_edit_entry *md_edits(size_t *n);

/* ---- mutate.c ---------------------------------------------------------------------------- */

void md_mutation_init(struct md_mutation *m, struct md_trace *t, enum md_target target,
                      uint64_t seed);
void md_mutation_free(struct md_mutation *m);
/* Cuts the trace down to the bounds above; true if it was within them. */
bool md_mutant_bound(struct md_trace *t, enum md_target target);

#endif
