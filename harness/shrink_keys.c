/*
 * Shrinker pass over keys: every key of a trace gets a plain name, the same one everywhere (in
 * lines and in {cas KEY}); where its length matters, the shortest that will do, of one letter
 * repeated.
 */
#include "harness/shrink_internal.h"

#include <stdlib.h>

/* The keys of a trace in order of appearance. */
struct md_keys {
    struct md_buf *key; /* owned */
    size_t n, cap;
};

static size_t md_keys_add(struct md_keys *k, const uint8_t *bytes, size_t n) {
    for (size_t i = 0; i < k->n; i++)
        if (k->key[i].len == n && (n == 0 || memcmp(k->key[i].data, bytes, n) == 0))
            return i;
    k->key = md_grow(k->key, &k->cap, k->n + 1, sizeof *k->key);
    k->key[k->n] = (struct md_buf){0};
    md_buf_append(&k->key[k->n], bytes, n);
    return k->n++;
}

static void md_keys_free(struct md_keys *k) {
    for (size_t i = 0; i < k->n; i++)
        md_buf_free(&k->key[i]);
    free(k->key);
}

/* The bytes of a word; false: a symbol is in it. */
static bool md_word_bytes(const struct md_atoms *a, struct md_word w, struct md_buf *out) {
    md_buf_clear(out);
    for (size_t i = w.at; i < w.at + w.n; i++)
        if (a->at[i].kind == MD_PART_BYTES)
            md_buf_byte(out, a->at[i].byte);
        else if (a->at[i].kind == MD_PART_FILL)
            md_buf_fill(out, a->at[i].byte, (size_t)a->at[i].number);
        else
            return false;
    return true;
}

static void md_key_store(struct md_atoms *a, struct md_word w, const struct md_buf *name) {
    struct md_atoms with = {0};
    for (size_t i = 0; i < name->len; i++)
        md_atoms_add(&with, (struct md_atom){.kind = MD_PART_BYTES, .byte = name->data[i]});
    md_atoms_splice(a, w.at, w.n, &with);
    md_atoms_free(&with);
}

static void md_keys_of_step(struct md_trace *t, size_t step, struct md_keys *k,
                            const struct md_buf *names, size_t known) {
    struct md_atoms a = {0};
    struct md_buf bytes = {0};
    struct md_line line;
    md_atoms_of(&t->steps[step], &a);
    for (size_t at = 0; at < a.n; at = line.end) {
        md_line_of(&a, at, &line);
        for (size_t i = 1; i < line.n_words; i++) {
            if (!md_word_is_key(&a, &line, i) || !md_word_bytes(&a, line.word[i], &bytes))
                continue;
            size_t key = md_keys_add(k, bytes.data, bytes.len);
            if (!names || key >= known)
                continue;
            md_key_store(&a, line.word[i], &names[key]);
            md_line_of(&a, at, &line);
        }
    }
    if (names)
        md_atoms_store(&a, t, step);
    md_atoms_free(&a);
    md_buf_free(&bytes);
}

/* Walks over every key of the trace: collects them (names == NULL), or replaces key i by names[i].
 * A replaced key can make another guess of what is a key; such a latecomer keeps its name. */
static void md_keys_walk(struct md_trace *t, struct md_keys *k, const struct md_buf *names) {
    size_t known = k->n;
    for (size_t i = 0; i < t->n_steps; i++) {
        struct md_step *step = &t->steps[i];
        for (size_t j = 0; j < step->n_parts; j++)
            if (step->parts[j].kind == MD_PART_CAS) {
                size_t key = md_keys_add(k, step->parts[j].bytes, step->parts[j].len);
                if (names && key < known)
                    md_part_set(&step->parts[j], names[key].data, names[key].len);
            }
        if (step->kind == MD_STEP_SEND)
            md_keys_of_step(t, i, k, names, known);
    }
}

struct md_naming {
    struct md_shrinker *s;
    struct md_keys keys;
    struct md_buf *names; /* one for each key: what it is to be called */
    size_t key;           /* the one at work */
};

/* The letter that key i is called by, if there are few keys. */
static uint8_t md_letter(size_t i) { return (uint8_t)('a' + i % 26); }

static bool md_name_is_free(const struct md_naming *n, const struct md_buf *name) {
    for (size_t i = 0; i < n->keys.n; i++)
        if (i != n->key && n->names[i].len == name->len &&
            memcmp(n->names[i].data, name->data, name->len) == 0)
            return false;
    return true;
}

/* Tries the names. */
static bool md_names_try(struct md_naming *n) {
    struct md_trace t;
    struct md_keys again = {0};
    md_trace_init(&t);
    md_trace_copy(&t, &n->s->best);
    for (size_t i = 0; i < n->keys.n; i++)
        md_keys_add(&again, n->keys.key[i].data, n->keys.key[i].len);
    md_keys_walk(&t, &again, n->names);
    bool shows = md_shrink_try(n->s, &t);
    md_keys_free(&again);
    md_trace_free(&t);
    return shows;
}

static void md_name_set(struct md_buf *name, uint8_t letter, size_t len) {
    md_buf_clear(name);
    md_buf_fill(name, letter, len);
}

static bool md_name_try(struct md_naming *n, uint8_t letter, size_t len) {
    struct md_buf former = n->names[n->key];
    struct md_buf name = {0};
    md_name_set(&name, letter, len);
    n->names[n->key] = name;
    if (md_name_is_free(n, &name) && md_names_try(n)) {
        md_buf_free(&former);
        /* From here on the trace has the new name. */
        md_buf_clear(&n->keys.key[n->key]);
        md_buf_append(&n->keys.key[n->key], name.data, name.len);
        return true;
    }
    n->names[n->key] = former;
    md_buf_free(&name);
    return false;
}

static bool md_name_length(void *ctx, uint64_t len) {
    struct md_naming *n = ctx;
    return len > 0 && md_name_try(n, n->names[n->key].data[0], (size_t)len);
}

static bool md_is_one_letter(const struct md_buf *name) {
    for (size_t i = 0; i < name->len; i++)
        if (name->data[i] != name->data[0])
            return false;
    return name->len > 0 && name->data[0] >= 'a' && name->data[0] <= 'z';
}

static bool md_name_one(struct md_naming *n) {
    struct md_buf *name = &n->names[n->key];
    bool changed = false;
    if (name->len == 0 || (md_is_one_letter(name) && name->len == 1))
        return false;
    for (size_t i = 0; i < 26 && !changed; i++)
        changed = md_name_try(n, md_letter(i), 1);
    if (changed)
        return true;
    for (size_t i = 0; i < 26 && !changed && !md_is_one_letter(&n->names[n->key]); i++)
        changed = md_name_try(n, md_letter(i), n->names[n->key].len);
    if (md_is_one_letter(&n->names[n->key]))
        changed |= md_shrink_number(n->names[n->key].len, md_name_length, n);
    return changed;
}

bool md_shrink_keys(struct md_shrinker *s) {
    struct md_naming n = {.s = s};
    bool changed = false;
    md_keys_walk(&s->best, &n.keys, NULL);
    n.names = md_calloc(n.keys.n, sizeof *n.names);
    for (size_t i = 0; i < n.keys.n; i++)
        md_name_set(&n.names[i], md_letter(i), 1 + i / 26);
    if (n.keys.n > 0 && n.keys.n <= 676)
        changed = md_names_try(&n);
    for (size_t i = 0; i < n.keys.n && !changed; i++) {
        md_buf_clear(&n.names[i]);
        md_buf_append(&n.names[i], n.keys.key[i].data, n.keys.key[i].len);
    }
    bool all = changed;
    for (n.key = 0; !all && n.key < n.keys.n && !s->stopped; n.key++)
        changed |= md_name_one(&n);
    for (size_t i = 0; i < n.keys.n; i++)
        md_buf_free(&n.names[i]);
    free(n.names);
    md_keys_free(&n.keys);
    return changed;
}
