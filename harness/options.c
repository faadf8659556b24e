/*
 * The whitelist of node options that a trace may carry. A trace is hostile input: it must not
 * choose where a node listens, who it is, or what files it touches, and it must not ask for a node
 * that memcached itself would refuse to start.
 */
#include "harness/trace.h"
#include "model/slab.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MD_KIB = 1024,
    MD_MIB = 1024 * 1024,
    MD_WORD_SHOWN = 32,
    MD_VALUE_MAX = 40, /* characters of a value, NUL included; none that is allowed is longer */
    MD_HOT_DEFAULT = 20,
    MD_WARM_DEFAULT = 40,
    MD_QUEUES_MAX = 80, /* percent of a class for hot and warm items together */
};

/* In the canonical order of a node line. From OPT_FIRST_NAMED on: behind -o. */
enum md_option {
    OPT_SHUTDOWN,
    OPT_NO_CAS,
    OPT_NO_FLUSH,
    OPT_NO_EVICT,
    OPT_PREALLOCATE,
    OPT_ITEM_SIZE,
    OPT_MEMORY,
    OPT_FACTOR,
    OPT_CHUNK_SIZE,
    OPT_THREADS,
    OPT_REQS,
    OPT_PROTOCOL,
    OPT_FIRST_NAMED,
    OPT_CHUNK_MAX = OPT_FIRST_NAMED,
    OPT_MAINTAINER,
    OPT_CRAWLER,
    OPT_REASSIGN,
    OPT_TEMPORARY,
    OPT_HOT,
    OPT_WARM,
    OPT_AUTOMOVE,
    OPTIONS,
};

struct md_allowed {
    const char *name;  /* "-I"; "lru_crawler" behind -o */
    const char *value; /* what is expected with it; NULL: nothing */
};

static const struct md_allowed md_allowed[OPTIONS] = {
    [OPT_SHUTDOWN] = {"-A", NULL},
    [OPT_NO_CAS] = {"-C", NULL},
    [OPT_NO_FLUSH] = {"-F", NULL},
    [OPT_NO_EVICT] = {"-M", NULL},
    [OPT_PREALLOCATE] = {"-L", NULL},
    [OPT_ITEM_SIZE] = {"-I", "a size from 1k to 32m, as bytes, Nk or Nm"},
    [OPT_MEMORY] = {"-m", "a number of MiB from 1 to 4096"},
    [OPT_FACTOR] = {"-f", "a factor from 1.05 to 4 with at most 6 decimals"},
    [OPT_CHUNK_SIZE] = {"-n", "a number of bytes from 1 to 1024"},
    [OPT_THREADS] = {"-t", "a number of threads from 1 to 8"},
    [OPT_REQS] = {"-R", "a number of requests from 10000 to 100000"},
    [OPT_PROTOCOL] = {"-B", "ascii, binary or auto"},
    [OPT_CHUNK_MAX] = {"slab_chunk_max", "a number of bytes, a multiple of 1024"},
    [OPT_MAINTAINER] = {"lru_maintainer", NULL},
    [OPT_CRAWLER] = {"lru_crawler", NULL},
    [OPT_REASSIGN] = {"slab_reassign", NULL},
    [OPT_TEMPORARY] = {"temporary_ttl", "a number of seconds from 0 to 2592000"},
    [OPT_HOT] = {"hot_lru_pct", "a percentage from 1 to 79"},
    [OPT_WARM] = {"warm_lru_pct", "a percentage from 1 to 79"},
    [OPT_AUTOMOVE] = {"slab_automove", "0 or 1"},
};

/* Every option twice over fits on a node line, each of -o with a word of its own. */
_Static_assert(OPT_ITEM_SIZE + 2 * (OPTIONS - OPT_ITEM_SIZE) <= MD_NODE_ARGS_MAX, "");

/* Why the rest of memcached's options is refused: letters, then the reason. */
static const struct {
    const char *letters, *reason;
} md_refused[] = {
    {"lspUaN", "memdiverge chooses where a node listens"},
    {"udP", "memdiverge chooses how a node runs and as whom"},
    {"eD", "it would make the node depend on more than the trace"},
    {"SYZ", "traces speak to a node without authentication or TLS"},
    {"kr", "it depends on the machine"},
    {"cb", "a trace has at most 16 connections and cannot ask for more or less"},
    {"v", "what a node logs is no part of a trace"},
    {"hVi", "the node would print something and exit"},
};

/* What the words of a trace ask for, while they are read. */
struct md_reading {
    struct md_node_options *o;
    struct md_buf *why;
    bool given[OPTIONS];
    char value[OPTIONS][MD_VALUE_MAX];
    unsigned hot, warm; /* percent */
};

/* A piece of a word. */
struct md_piece {
    const char *text;
    size_t len;
};

static bool md_refuse_piece(struct md_buf *why, struct md_piece p, const char *reason) {
    bool long_one = p.len > MD_WORD_SHOWN;
    md_bytes_print(p.text, long_one ? MD_WORD_SHOWN : p.len, why);
    md_buf_printf(why, "%s%s", long_one ? "..." : "", reason);
    return false;
}

static bool md_refuse(struct md_buf *why, const char *word, const char *reason) {
    return md_refuse_piece(why, (struct md_piece){word, strlen(word)}, reason);
}

static bool md_refuse_option(struct md_buf *why, const char *word) {
    char reason[160];
    const char *because = "only -A -C -F -M -L -I -m -f -n -t -R -B -o are";
    if (word[0] != '-')
        return md_refuse(why, word, " stands where an option was expected");
    if (word[1] && word[1] != '-')
        for (size_t i = 0; i < sizeof md_refused / sizeof *md_refused; i++)
            if (strchr(md_refused[i].letters, word[1]))
                because = md_refused[i].reason;
    snprintf(reason, sizeof reason, " is not allowed in a trace: %s", because);
    return md_refuse(why, word, reason);
}

static bool md_refuse_named(struct md_buf *why, struct md_piece p) {
    md_refuse_piece(why, p, " is not allowed in a trace: of -o only");
    for (unsigned i = OPT_FIRST_NAMED; i < OPTIONS; i++)
        md_buf_printf(why, " %s%s", md_allowed[i].name, md_allowed[i].value ? "=N" : "");
    md_buf_str(why, " are");
    return false;
}

static bool md_expected(struct md_buf *why, struct md_piece p, enum md_option option) {
    char reason[128];
    snprintf(reason, sizeof reason, ": %s expects %s", md_allowed[option].name,
             md_allowed[option].value ? md_allowed[option].value : "no value");
    return md_refuse_piece(why, p, reason);
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

static bool md_protocol(const char *word, enum md_protocol *out) {
    static const char *const names[] = {[MD_PROTOCOL_AUTO] = "auto",
                                        [MD_PROTOCOL_ASCII] = "ascii",
                                        [MD_PROTOCOL_BINARY] = "binary"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(word, names[i]) == 0) {
            *out = (enum md_protocol)i;
            return true;
        }
    return false;
}

/* Sets what the option means; false: the value is not what the table expects. */
static bool md_apply(struct md_reading *r, enum md_option option, const char *value) {
    struct md_options *m = &r->o->model;
    uint64_t n = 0;
    bool ok = true;
    switch (option) {
    case OPT_SHUTDOWN: m->shutdown = true; break;
    case OPT_NO_CAS: m->cas = false; break;
    case OPT_NO_FLUSH: m->flush_enabled = false; break;
    case OPT_NO_EVICT: m->evict = false; break;
    case OPT_PREALLOCATE: m->preallocated = true; break;
    case OPT_ITEM_SIZE:
        ok = md_size(value, &n);
        m->item_size_max = (uint32_t)n;
        break;
    case OPT_MEMORY:
        ok = md_number_in(value, 1, 4096, &n);
        m->memory_limit = n * MD_MIB;
        break;
    case OPT_FACTOR: ok = md_factor(value, &m->factor); break;
    case OPT_CHUNK_SIZE:
        ok = md_number_in(value, 1, 1024, &n);
        m->chunk_size = (uint32_t)n;
        break;
    case OPT_THREADS:
        ok = md_number_in(value, 1, 8, &n);
        m->threads = (unsigned)n;
        break;
    case OPT_REQS:
        ok = md_number_in(value, 10000, 100000, &n);
        m->reqs_per_event = (uint32_t)n;
        break;
    case OPT_PROTOCOL: ok = md_protocol(value, &m->protocol); break;
    case OPT_CHUNK_MAX:
        ok = md_number_in(value, MD_KIB, 32 * MD_MIB, &n) && n % MD_KIB == 0;
        m->slab_chunk_max = (uint32_t)n;
        break;
    case OPT_MAINTAINER: m->segmented = true; break;
    case OPT_TEMPORARY:
        ok = md_number_in(value, 0, MD_THIRTY_DAYS, &n);
        m->temporary = true;
        m->temporary_ttl = (uint32_t)n;
        break;
    case OPT_HOT:
        ok = md_number_in(value, 1, MD_QUEUES_MAX - 1, &n);
        r->hot = (unsigned)n;
        break;
    case OPT_WARM:
        ok = md_number_in(value, 1, MD_QUEUES_MAX - 1, &n);
        r->warm = (unsigned)n;
        break;
    case OPT_AUTOMOVE: ok = md_number_in(value, 0, 1, &n); break;
    case OPT_REASSIGN: m->slab_reassign = true; break;
    case OPT_CRAWLER: m->crawler = true; break;
    case OPTIONS: break;
    }
    return ok;
}

/* ---- what goes together ---------------------------------------------------------------------- */

/* What memcached checks of its sizes at the start. */
static bool md_sizes_fit(const struct md_options *o, struct md_buf *why) {
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
    else if (MD_PAGE_SIZE % o->slab_chunk_max)
        md_buf_printf(why,
                      "slab_chunk_max=%u does not divide a slab page of %d bytes: memcached would "
                      "not start",
                      o->slab_chunk_max, MD_PAGE_SIZE);
    else
        return true;
    return false;
}

/* With -L every class gets a page before anything else. */
static bool md_pages_fit(const struct md_options *o, struct md_buf *why) {
    struct md_slabs slabs;
    if (!o->preallocated)
        return true;
    md_slabs_init(&slabs, o);
    if (o->memory_limit / MD_PAGE_SIZE >= slabs.largest)
        return true;
    md_buf_printf(why,
                  "-L takes a page of 1 MiB for each of the %u slab classes: memcached would not "
                  "start with -m %u; give -m %u or more, or a larger -f",
                  slabs.largest, (unsigned)(o->memory_limit / MD_MIB), slabs.largest);
    return false;
}

static bool md_queues_fit(const struct md_reading *r) {
    if (r->given[OPT_TEMPORARY] && !r->given[OPT_MAINTAINER])
        md_buf_str(r->why, "temporary_ttl needs lru_maintainer: memcached would not start; add "
                           "-o lru_maintainer");
    else if (r->given[OPT_AUTOMOVE] && !r->given[OPT_REASSIGN])
        md_buf_str(r->why, "slab_automove means nothing without slab_reassign; add -o "
                           "slab_reassign");
    else if (r->hot + r->warm > MD_QUEUES_MAX)
        md_buf_printf(r->why,
                      "hot_lru_pct=%u and warm_lru_pct=%u are more than %d together: memcached "
                      "would not start; give both (%d and %d without)",
                      r->hot, r->warm, MD_QUEUES_MAX, MD_HOT_DEFAULT, MD_WARM_DEFAULT);
    else
        return true;
    return false;
}

/* ---- words ----------------------------------------------------------------------------------- */

static bool md_take(struct md_reading *r, enum md_option option, struct md_piece shown,
                    struct md_piece value) {
    char *keep = r->value[option];
    if (value.len >= MD_VALUE_MAX)
        return md_expected(r->why, shown, option);
    memcpy(keep, value.text, value.len);
    keep[value.len] = 0;
    if (!md_apply(r, option, keep))
        return md_expected(r->why, shown, option);
    r->given[option] = true;
    return true;
}

/* One of -o's, "name" or "name=value". */
static bool md_read_named(struct md_reading *r, struct md_piece p) {
    const char *equals = memchr(p.text, '=', p.len);
    size_t len = equals ? (size_t)(equals - p.text) : p.len;
    unsigned i = OPT_FIRST_NAMED;
    while (i < OPTIONS &&
           (strlen(md_allowed[i].name) != len || memcmp(md_allowed[i].name, p.text, len) != 0))
        i++;
    if (i == OPTIONS)
        return md_refuse_named(r->why, p);
    enum md_option option = (enum md_option)i;
    struct md_piece value = {p.text + len, 0};
    if (r->given[option])
        return md_refuse_piece(r->why, (struct md_piece){p.text, len}, " is given twice");
    if (!equals != !md_allowed[option].value)
        return md_expected(r->why, p, option);
    if (equals)
        value = (struct md_piece){equals + 1, p.len - len - 1};
    return md_take(r, option, p, value);
}

/* The value of -o: separated by commas, as memcached takes them. */
static bool md_read_list(struct md_reading *r, const char *list) {
    for (;;) {
        struct md_piece p = {list, strcspn(list, ",")};
        if (!md_read_named(r, p))
            return false;
        if (!list[p.len])
            return true;
        list += p.len + 1;
    }
}

/* Which option the word names: OPTIONS if none, OPT_FIRST_NAMED for -o. *joined: the value, if it
 * is in the same word. */
static enum md_option md_option_of(const char *word, const char **joined) {
    *joined = NULL;
    if (word[0] != '-' || !word[1])
        return OPTIONS;
    unsigned i = 0;
    while (i < OPT_FIRST_NAMED && md_allowed[i].name[1] != word[1])
        i++;
    if (i == OPT_FIRST_NAMED && word[1] != 'o')
        return OPTIONS;
    if (!word[2])
        return (enum md_option)i;
    *joined = word + 2;
    return i < OPT_ITEM_SIZE ? OPTIONS : (enum md_option)i;
}

/* The option at words[*at], and its value if that is a word of its own: *at is then there. */
static bool md_read_option(struct md_reading *r, const char *const *words, size_t n, size_t *at) {
    const char *value, *word = words[*at];
    enum md_option option = md_option_of(word, &value);
    if (option == OPTIONS)
        return md_refuse_option(r->why, word);
    bool named = option == OPT_FIRST_NAMED;
    if (!named && r->given[option])
        return md_refuse(r->why, word, " is given twice");
    if (option < OPT_ITEM_SIZE)
        value = "";
    else if (!value && *at + 1 == n)
        return named ? md_refuse(r->why, word, ": -o expects what to set")
                     : md_expected(r->why, (struct md_piece){word, strlen(word)}, option);
    else if (!value)
        value = words[++*at];
    struct md_piece piece = {value, strlen(value)};
    return named ? md_read_list(r, value) : md_take(r, option, piece, piece);
}

static void md_store_words(struct md_reading *r) {
    struct md_node_options *o = r->o;
    for (unsigned i = 0; i < OPTIONS; i++) {
        const struct md_allowed *a = &md_allowed[i];
        char named[MD_VALUE_MAX + 32];
        if (!r->given[i])
            continue;
        o->args[o->n_args++] = md_strdup(i < OPT_FIRST_NAMED ? a->name : "-o");
        if (i < OPT_FIRST_NAMED) {
            if (a->value)
                o->args[o->n_args++] = md_strdup(r->value[i]);
            continue;
        }
        snprintf(named, sizeof named, "%s%s%s", a->name, a->value ? "=" : "", r->value[i]);
        o->args[o->n_args++] = md_strdup(named);
    }
}

static bool md_read_words(struct md_reading *r, const char *const *words, size_t n, size_t *bad) {
    for (size_t i = 0; i < n; i++) {
        bool ok = md_read_option(r, words, n, &i);
        *bad = i;
        if (!ok)
            return false;
    }
    *bad = n;
    if (!md_sizes_fit(&r->o->model, r->why) || !md_pages_fit(&r->o->model, r->why) ||
        !md_queues_fit(r))
        return false;
    md_store_words(r);
    return true;
}

bool md_node_options_parse_at(struct md_node_options *o, const char *const *words, size_t n,
                              struct md_buf *why, size_t *bad) {
    md_node_options_free(o);
    md_node_options_default(o);
    struct md_reading r = {.o = o, .why = why, .hot = MD_HOT_DEFAULT, .warm = MD_WARM_DEFAULT};
    bool ok = md_read_words(&r, words, n, bad);
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

void md_node_option_word(const char *word, uint32_t unit, struct md_buf *out) {
    static const char chunk_max[] = "slab_chunk_max=";
    if (unit > 1 && strncmp(word, chunk_max, sizeof chunk_max - 1) == 0)
        md_buf_printf(out, "%s%lu", chunk_max,
                      strtoul(word + sizeof chunk_max - 1, NULL, 10) / unit);
    else
        md_buf_str(out, word);
}
