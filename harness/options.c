/*
 * The whitelist of node options that a trace may carry. A trace is hostile input: it must not
 * choose where a node listens, who it is, or what files it touches, and it must not ask for a node
 * that memcached itself would refuse to start.
 */
#include "harness/trace.h"

#include <stdio.h>
#include <stdlib.h>

enum { MD_KIB = 1024, MD_MIB = 1024 * 1024, MD_SLAB_PAGE = MD_MIB, MD_WORD_SHOWN = 32 };

/* In the canonical order of a node line. */
enum md_option {
    OPT_NO_CAS,
    OPT_NO_FLUSH,
    OPT_NO_EVICT,
    OPT_ITEM_SIZE,
    OPT_MEMORY,
    OPT_FACTOR,
    OPT_CHUNK_SIZE,
    OPT_THREADS,
    OPT_REQS,
    OPT_CHUNK_MAX,
    OPTIONS,
};

struct md_allowed {
    char letter;
    const char *value; /* what is expected behind it; NULL: nothing */
};

static const struct md_allowed md_allowed[OPTIONS] = {
    [OPT_NO_CAS] = {'C', NULL},
    [OPT_NO_FLUSH] = {'F', NULL},
    [OPT_NO_EVICT] = {'M', NULL},
    [OPT_ITEM_SIZE] = {'I', "a size from 1k to 32m, as bytes, Nk or Nm"},
    [OPT_MEMORY] = {'m', "a number of MiB from 1 to 4096"},
    [OPT_FACTOR] = {'f', "a factor from 1.05 to 4 with at most 6 decimals"},
    [OPT_CHUNK_SIZE] = {'n', "a number of bytes from 1 to 1024"},
    [OPT_THREADS] = {'t', "a number of threads from 1 to 8"},
    [OPT_REQS] = {'R', "a number of requests from 10000 to 100000"},
    [OPT_CHUNK_MAX] = {'o', "slab_chunk_max=BYTES, a multiple of 1024"},
};

/* Why the rest of memcached's options is refused: letters, then the reason. */
static const struct {
    const char *letters, *reason;
} md_refused[] = {
    {"lspUaAN", "memdiverge chooses where a node listens"},
    {"udP", "memdiverge chooses how a node runs and as whom"},
    {"eD", "it would make the node depend on more than the trace"},
    {"SYZ", "traces speak to a node without authentication or TLS"},
    {"B", "a node takes every protocol"},
    {"kLr", "it depends on the machine"},
    {"cb", "a trace has at most 16 connections and cannot ask for more or less"},
    {"v", "what a node logs is no part of a trace"},
    {"hVi", "the node would print something and exit"},
};

static bool md_refuse(struct md_buf *why, const char *word, const char *reason) {
    size_t n = strlen(word);
    md_bytes_print(word, n > MD_WORD_SHOWN ? MD_WORD_SHOWN : n, why);
    md_buf_printf(why, "%s%s", n > MD_WORD_SHOWN ? "..." : "", reason);
    return false;
}

static bool md_refuse_option(struct md_buf *why, const char *word) {
    char reason[160];
    const char *because = "only -C -F -M -I -m -f -n -t -R and -o slab_chunk_max=BYTES are";
    if (word[0] != '-')
        return md_refuse(why, word, " stands where an option was expected");
    if (word[1] && word[1] != '-')
        for (size_t i = 0; i < sizeof md_refused / sizeof *md_refused; i++)
            if (strchr(md_refused[i].letters, word[1]))
                because = md_refused[i].reason;
    snprintf(reason, sizeof reason, " is not allowed in a trace: %s", because);
    return md_refuse(why, word, reason);
}

/* A whole word of digits, at most max; false otherwise. */
static bool md_number(const char *word, size_t n, uint64_t max, uint64_t *out) {
    uint64_t v = 0;
    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (word[i] < '0' || word[i] > '9')
            return false;
        v = v * 10 + (uint64_t)(word[i] - '0');
        if (v > max)
            return false;
    }
    *out = v;
    return true;
}

static bool md_number_in(const char *word, uint64_t min, uint64_t max, uint64_t *out) {
    return md_number(word, strlen(word), max, out) && *out >= min;
}

static bool md_size(const char *word, uint64_t *out) {
    size_t n = strlen(word);
    uint64_t unit = 1;
    if (n && (word[n - 1] == 'k' || word[n - 1] == 'm'))
        unit = word[--n] == 'k' ? MD_KIB : MD_MIB;
    if (!md_number(word, n, 32 * MD_MIB, out))
        return false;
    *out *= unit;
    return *out >= MD_KIB && *out <= 32 * MD_MIB;
}

/* Both parts are exact as doubles, so the quotient is what atof would give. */
static bool md_factor(const char *word, double *out) {
    const char *dot = strchr(word, '.');
    size_t n = dot ? (size_t)(dot - word) : strlen(word);
    uint64_t v, fraction = 0, scale = 1;
    if (!md_number(word, n, 4, &v))
        return false;
    if (dot) {
        size_t decimals = strlen(dot + 1);
        if (decimals > 6 || !md_number(dot + 1, decimals, 999999, &fraction))
            return false;
        while (decimals--)
            scale *= 10;
    }
    v = v * scale + fraction;
    *out = (double)v / (double)scale;
    return v * 100 >= scale * 105 && v <= scale * 4;
}

/* Sets what the option means; false: the value is not what the table expects. */
static bool md_apply(struct md_node_options *o, enum md_option option, const char *value) {
    static const char chunk_max[] = "slab_chunk_max=";
    uint64_t n = 0;
    bool ok = true;
    switch (option) {
    case OPT_NO_CAS: o->model.cas = false; break;
    case OPT_NO_FLUSH: o->model.flush_enabled = false; break;
    case OPT_NO_EVICT: o->model.evict = false; break;
    case OPT_ITEM_SIZE:
        ok = md_size(value, &n);
        o->model.item_size_max = (uint32_t)n;
        break;
    case OPT_MEMORY:
        ok = md_number_in(value, 1, 4096, &n);
        o->model.memory_limit = n * MD_MIB;
        break;
    case OPT_FACTOR: ok = md_factor(value, &o->model.factor); break;
    case OPT_CHUNK_SIZE:
        ok = md_number_in(value, 1, 1024, &n);
        o->model.chunk_size = (uint32_t)n;
        break;
    case OPT_THREADS:
        ok = md_number_in(value, 1, 8, &n);
        o->threads = (unsigned)n;
        break;
    case OPT_REQS:
        ok = md_number_in(value, 10000, 100000, &n);
        o->model.reqs_per_event = (uint32_t)n;
        break;
    case OPT_CHUNK_MAX:
        ok = strncmp(value, chunk_max, sizeof chunk_max - 1) == 0 &&
             md_number_in(value + sizeof chunk_max - 1, MD_KIB, 32 * MD_MIB, &n) && n % MD_KIB == 0;
        o->model.slab_chunk_max = (uint32_t)n;
        break;
    case OPTIONS: break;
    }
    return ok;
}

/* What memcached checks at its start. */
static bool md_combination(const struct md_options *o, struct md_buf *why) {
    if (o->item_size_max > o->memory_limit / 2)
        md_buf_printf(why,
                      "-I %u is more than half of -m %u: memcached would not start; "
                      "give a smaller -I or a larger -m",
                      o->item_size_max, (unsigned)(o->memory_limit / MD_MIB));
    else if (o->slab_chunk_max > o->item_size_max)
        md_buf_printf(why,
                      "slab_chunk_max=%u is more than -I %u: memcached would not start; "
                      "add -o slab_chunk_max=BYTES that divides both -I and 1 MiB",
                      o->slab_chunk_max, o->item_size_max);
    else if (o->item_size_max % o->slab_chunk_max)
        md_buf_printf(why,
                      "-I %u is not a multiple of slab_chunk_max=%u: memcached would not start",
                      o->item_size_max, o->slab_chunk_max);
    else if (MD_SLAB_PAGE % o->slab_chunk_max)
        md_buf_printf(why,
                      "slab_chunk_max=%u does not divide a slab page of %d bytes: memcached would "
                      "not start",
                      o->slab_chunk_max, MD_SLAB_PAGE);
    else
        return true;
    return false;
}

/* Which option the word names; OPTIONS if none. *joined: the value, if it is in the same word. */
static enum md_option md_option_of(const char *word, const char **joined) {
    *joined = NULL;
    if (word[0] != '-' || !word[1])
        return OPTIONS;
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (md_allowed[i].letter != word[1])
            continue;
        if (!word[2])
            return (enum md_option)i;
        *joined = word + 2;
        return md_allowed[i].value ? (enum md_option)i : OPTIONS;
    }
    return OPTIONS;
}

static void md_store_words(struct md_node_options *o, const bool *given,
                           const char *const *values) {
    for (unsigned i = 0; i < OPTIONS; i++) {
        if (!given[i])
            continue;
        char name[3] = {'-', md_allowed[i].letter, 0};
        o->args[o->n_args++] = md_strdup(name);
        if (md_allowed[i].value)
            o->args[o->n_args++] = md_strdup(values[i]);
    }
}

static bool md_expected(struct md_buf *why, const char *word, enum md_option option) {
    char reason[128];
    snprintf(reason, sizeof reason, ": -%c expects %s", md_allowed[option].letter,
             md_allowed[option].value);
    return md_refuse(why, word, reason);
}

static bool md_read_words(struct md_node_options *o, const char *const *words, size_t n,
                          struct md_buf *why, size_t *bad) {
    bool given[OPTIONS] = {false};
    const char *values[OPTIONS] = {NULL};
    for (size_t i = 0; i < n; i++) {
        const char *value;
        enum md_option option = md_option_of(words[i], &value);
        *bad = i;
        if (option == OPTIONS)
            return md_refuse_option(why, words[i]);
        if (given[option])
            return md_refuse(why, words[i], " is given twice");
        if (!md_allowed[option].value)
            value = "";
        else if (!value && ++i == n)
            return md_expected(why, words[i - 1], option);
        else if (!value)
            value = words[i];
        *bad = i;
        if (!md_apply(o, option, value))
            return md_expected(why, value, option);
        given[option] = true;
        values[option] = value;
    }
    *bad = n;
    if (!md_combination(&o->model, why))
        return false;
    md_store_words(o, given, values);
    return true;
}

bool md_node_options_parse_at(struct md_node_options *o, const char *const *words, size_t n,
                              struct md_buf *why, size_t *bad) {
    md_node_options_free(o);
    md_node_options_default(o);
    bool ok = md_read_words(o, words, n, why, bad);
    if (!ok)
        md_node_options_default(o);
    return ok;
}

bool md_node_options_parse(struct md_node_options *o, const char *const *words, size_t n,
                           struct md_buf *why) {
    size_t bad;
    return md_node_options_parse_at(o, words, n, why, &bad);
}

void md_node_options_default(struct md_node_options *o) {
    o->n_args = 0;
    md_options_default(&o->model);
    o->threads = 1;
}

void md_node_options_copy(struct md_node_options *to, const struct md_node_options *from) {
    if (to == from)
        return;
    md_node_options_free(to);
    *to = *from;
    for (size_t i = 0; i < from->n_args; i++)
        to->args[i] = md_strdup(from->args[i]);
}

void md_node_options_free(struct md_node_options *o) {
    for (size_t i = 0; i < o->n_args; i++) {
        free(o->args[i]);
        o->args[i] = NULL;
    }
    o->n_args = 0;
}

bool md_node_options_equal(const struct md_node_options *a, const struct md_node_options *b) {
    if (a->n_args != b->n_args)
        return false;
    for (size_t i = 0; i < a->n_args; i++)
        if (strcmp(a->args[i], b->args[i]))
            return false;
    return true;
}
