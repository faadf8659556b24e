/* Which commands are fit for a server of somebody else; see polite.h. */
#include "harness/polite.h"

#include "harness/cut.h"
#include "model/number.h"

#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = MD_POLITE_KEYS_MAX + 4, SYMBOL = 1 };

/* A word of a line. */
struct word {
    const uint8_t *s;
    size_t n;
};

/* A send step laid out flat. A symbol is one byte there. */
struct flat {
    struct md_buf bytes;
    struct symbol {
        size_t at;
        const struct md_part *part;
    } * symbols; /* owned */
    size_t n_symbols, cap_symbols;
};

struct speech {
    const struct md_polite *p;
    struct flat flat;
    struct md_trace *out;
    struct md_step *step;
    uint32_t waited;
    size_t said;
    bool left_out; /* something was */
};

/* ---- words ---------------------------------------------------------------------------------- */

static bool is_word(struct word w, const char *text) {
    return w.n == strlen(text) && memcmp(w.s, text, w.n) == 0;
}

/* Key names need no more than this, and nobody reads these bytes in two ways. */
static bool is_key(struct word w) {
    if (w.n == 0 || w.n > MD_POLITE_KEY_MAX)
        return false;
    for (size_t i = 0; i < w.n; i++)
        if (w.s[i] < 0x21 || w.s[i] > 0x7e)
            return false;
    return true;
}

/* Digits and nothing else. */
static bool number_of(struct word w, uint64_t most, uint64_t *n) {
    struct md_number v = md_number_unsigned(w.s, w.n);
    *n = v.value;
    return w.n > 0 && w.n <= 20 && v.proper && v.taken && v.value <= most;
}

static const struct md_part *symbol_at(const struct flat *f, const uint8_t *s) {
    size_t at = (size_t)(s - f->bytes.data);
    for (size_t i = 0; i < f->n_symbols; i++)
        if (f->symbols[i].at == at)
            return f->symbols[i].part;
    return NULL;
}

static bool has_symbol(const struct flat *f, const uint8_t *from, size_t n) {
    size_t at = (size_t)(from - f->bytes.data);
    for (size_t i = 0; i < f->n_symbols; i++)
        if (f->symbols[i].at >= at && f->symbols[i].at < at + n)
            return true;
    return false;
}

/* ---- what is said instead ------------------------------------------------------------------- */

static void say(struct speech *s, const void *bytes, size_t n) {
    md_step_bytes(s->step, bytes, n);
    s->said += n;
}

static void say_text(struct speech *s, const char *text) { say(s, text, strlen(text)); }

static void say_word(struct speech *s, struct word w) {
    say_text(s, " ");
    say(s, w.s, w.n);
}

static void say_number(struct speech *s, uint64_t n) {
    struct md_buf digits = {0};
    md_buf_u64(&digits, n);
    say_word(s, (struct word){digits.data, digits.len});
    md_buf_free(&digits);
}

static void note_key(struct speech *s, struct word key) {
    struct md_buf *all = s->p->deletions, one = {0};
    md_buf_str(&one, "delete ");
    md_buf_str(&one, s->p->prefix);
    md_buf_append(&one, key.s, key.n);
    md_buf_str(&one, "\r\n");
    if (all->len == 0 || !memmem(all->data, all->len, one.data, one.len))
        md_buf_append(all, one.data, one.len);
    md_buf_free(&one);
}

static void say_key(struct speech *s, struct word key) {
    if (s->p->deletions)
        note_key(s, key);
    say_text(s, " ");
    md_step_bytes(s->step, s->p->prefix, strlen(s->p->prefix)); /* not counted as said */
    say(s, key.s, key.n);
}

/* The time to live that comes nearest and is fit to be looked at. */
static uint64_t fit_ttl(const struct md_polite *p, uint64_t ttl) {
    enum { TICK = MD_POLITE_TICK };
    if (p->wait)
        return ttl / TICK * TICK + TICK / 2;
    return ttl < MD_POLITE_TTL_MIN ? ttl + MD_POLITE_TTL_MIN : ttl;
}

/* An expiration time: none, gone already, or a relative one. False: not fit. */
static bool expiry_of(const struct speech *s, struct word w, uint64_t *ttl, bool *gone) {
    *gone = w.n > 1 && w.s[0] == '-';
    if (*gone)
        return number_of((struct word){w.s + 1, w.n - 1}, INT32_MAX, ttl) && *ttl > 0;
    if (!number_of(w, MD_THIRTY_DAYS, ttl))
        return false;
    uint64_t fit = *ttl ? fit_ttl(s->p, *ttl) : 0;
    bool same = fit == *ttl;
    *ttl = fit > MD_THIRTY_DAYS ? MD_THIRTY_DAYS - MD_POLITE_TICK / 2 : fit;
    return same || !s->p->strict;
}

static void say_expiry(struct speech *s, uint64_t ttl, bool gone) {
    if (gone)
        say_text(s, " -1");
    else
        say_number(s, ttl);
}

/* Returns whether the last of n words is noreply; false in *ok: there are too many. */
static bool takes_noreply(const struct word *w, size_t n, size_t usual, bool *ok) {
    bool silent = n == usual + 1 && is_word(w[usual], "noreply");
    *ok = n == usual || silent;
    return silent;
}

static void end_line(struct speech *s, bool silent) {
    say_text(s, silent ? " noreply\r\n" : "\r\n");
}

/* ---- commands: each says it and returns how many bytes behind the line it took; -1: not fit --- */

struct command {
    const char *word;
    enum md_command_name name;
    long (*say)(struct speech *s, const struct command *c, const struct word *w, size_t n,
                struct word rest);
};

/* The unique value of a cas: one that was shown for this key, or one that nobody hands out. */
static bool is_fit_cas(const struct speech *s, struct word key, struct word w) {
    const struct md_part *part = w.n == 1 ? symbol_at(&s->flat, w.s) : NULL;
    uint64_t n;
    if (!part)
        return number_of(w, UINT64_MAX, &n) && n > INT64_MAX;
    return part->kind == MD_PART_CAS && part->number == 0 && part->len == key.n &&
           memcmp(part->bytes, key.s, key.n) == 0;
}

static void say_cas(struct speech *s, struct word key, struct word w) {
    if (!symbol_at(&s->flat, w.s)) {
        say_word(s, w);
        return;
    }
    say_text(s, " ");
    struct md_part *p = md_step_part(s->step, MD_PART_CAS);
    md_part_set(p, s->p->prefix, strlen(s->p->prefix));
    md_part_append(p, key.s, key.n);
}

static long store(struct speech *s, const struct command *c, const struct word *w, size_t n,
                  struct word rest) {
    bool cas = c->name == MD_CMD_CAS, gone, ok;
    size_t usual = cas ? 6 : 5;
    uint64_t flags, ttl, bytes;
    bool silent = takes_noreply(w, n, usual, &ok);
    if (!ok || !is_key(w[1]) || !number_of(w[2], UINT32_MAX, &flags) ||
        !expiry_of(s, w[3], &ttl, &gone) || !number_of(w[4], MD_POLITE_VALUE_MAX, &bytes) ||
        (cas && !is_fit_cas(s, w[1], w[5])))
        return -1;
    if (rest.n < bytes + 2 || memcmp(rest.s + bytes, "\r\n", 2) != 0 ||
        has_symbol(&s->flat, rest.s, (size_t)bytes + 2))
        return -1;
    say_text(s, c->word);
    say_key(s, w[1]);
    say_number(s, flags);
    say_expiry(s, ttl, gone);
    say_number(s, bytes);
    if (cas)
        say_cas(s, w[1], w[5]);
    end_line(s, silent);
    say(s, rest.s, (size_t)bytes + 2);
    return (long)bytes + 2;
}

static long retrieve(struct speech *s, const struct command *c, const struct word *w, size_t n,
                     struct word rest) {
    bool touch = c->name == MD_CMD_GAT || c->name == MD_CMD_GATS, gone = false;
    size_t first = touch ? 2 : 1;
    uint64_t ttl = 0;
    (void)rest;
    if (n <= first || n - first > MD_POLITE_KEYS_MAX || (touch && !expiry_of(s, w[1], &ttl, &gone)))
        return -1;
    for (size_t i = first; i < n; i++)
        if (!is_key(w[i]))
            return -1;
    say_text(s, c->word);
    if (touch)
        say_expiry(s, ttl, gone);
    for (size_t i = first; i < n; i++)
        say_key(s, w[i]);
    end_line(s, false);
    return 0;
}

static long change(struct speech *s, const struct command *c, const struct word *w, size_t n,
                   struct word rest) {
    size_t usual = c->name == MD_CMD_DELETE ? 2 : 3;
    bool ok, gone = false, touch = c->name == MD_CMD_TOUCH;
    bool silent = takes_noreply(w, n, usual, &ok);
    uint64_t number = 0;
    (void)rest;
    if (!ok || !is_key(w[1]))
        return -1;
    if (usual == 3 &&
        !(touch ? expiry_of(s, w[2], &number, &gone) : number_of(w[2], UINT64_MAX, &number)))
        return -1;
    say_text(s, c->word);
    say_key(s, w[1]);
    if (touch)
        say_expiry(s, number, gone);
    else if (usual == 3)
        say_number(s, number);
    end_line(s, silent);
    return 0;
}

static long alone(struct speech *s, const struct command *c, const struct word *w, size_t n,
                  struct word rest) {
    (void)w;
    (void)rest;
    if (n != 1)
        return -1;
    say_text(s, c->word);
    end_line(s, false);
    return 0;
}

static const struct command commands[] = {
    {"set", MD_CMD_SET, store},         {"add", MD_CMD_ADD, store},
    {"replace", MD_CMD_REPLACE, store}, {"append", MD_CMD_APPEND, store},
    {"prepend", MD_CMD_PREPEND, store}, {"cas", MD_CMD_CAS, store},
    {"get", MD_CMD_GET, retrieve},      {"gets", MD_CMD_GETS, retrieve},
    {"gat", MD_CMD_GAT, retrieve},      {"gats", MD_CMD_GATS, retrieve},
    {"delete", MD_CMD_DELETE, change},  {"incr", MD_CMD_INCR, change},
    {"decr", MD_CMD_DECR, change},      {"touch", MD_CMD_TOUCH, change},
    {"version", MD_CMD_VERSION, alone}, {"mn", MD_CMD_MN, alone},
    {"quit", MD_CMD_QUIT, alone},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

/* ---- steps ---------------------------------------------------------------------------------- */

static void flatten(struct flat *f, const struct md_step *s) {
    md_buf_clear(&f->bytes);
    f->n_symbols = 0;
    for (size_t i = 0; i < s->n_parts && f->bytes.len < 2 * MD_POLITE_BYTES_MAX; i++) {
        const struct md_part *p = &s->parts[i];
        if (p->kind == MD_PART_BYTES) {
            md_buf_append(&f->bytes, p->bytes, p->len);
        } else if (p->kind == MD_PART_FILL) {
            uint64_t n = p->number < 0 ? 0 : (uint64_t)p->number;
            md_buf_fill(&f->bytes, p->byte, n < MD_POLITE_BYTES_MAX ? n : MD_POLITE_BYTES_MAX);
        } else {
            f->symbols = md_grow(f->symbols, &f->cap_symbols, f->n_symbols + 1, sizeof *f->symbols);
            f->symbols[f->n_symbols++] = (struct symbol){f->bytes.len, p};
            md_buf_byte(&f->bytes, SYMBOL);
        }
    }
}

/* Splits a line at single blanks. 0: there are none, or too many. */
static size_t words_of(struct word line, struct word *w) {
    size_t n = 0;
    for (size_t at = 0; at <= line.n; n++) {
        const uint8_t *blank = line.n > at ? memchr(line.s + at, ' ', line.n - at) : NULL;
        size_t end = blank ? (size_t)(blank - line.s) : line.n;
        if (n == WORDS_MAX || end == at)
            return 0;
        w[n] = (struct word){line.s + at, end - at};
        at = end + 1;
    }
    return n;
}

/* Says the command whose line this is, if it is fit; returns the bytes behind the line that are its. */
static long say_command(struct speech *s, struct word line, struct word rest) {
    struct word w[WORDS_MAX];
    size_t n = words_of(line, w);
    for (size_t i = 0; n > 0 && i < COMMANDS; i++)
        if (is_word(w[0], commands[i].word)) {
            if (s->p->unknown && s->p->unknown[commands[i].name])
                return -1;
            return commands[i].say(s, &commands[i], w, n, rest);
        }
    return -1;
}

static void say_step(struct speech *s, const struct md_step *step) {
    struct md_step literal = {0};
    md_step_copy(&literal, step);
    md_step_literal_lengths(&literal);
    flatten(&s->flat, &literal);
    const struct md_buf *b = &s->flat.bytes;
    for (size_t at = 0; at < b->len;) {
        const uint8_t *end = memchr(b->data + at, '\n', b->len - at);
        if (!end || s->said > MD_POLITE_BYTES_MAX) {
            s->left_out = true;
            break;
        }
        struct word line = {b->data + at, (size_t)(end - b->data) - at};
        at += line.n + 1;
        long behind = -1;
        if (line.n > 1 && end[-1] == '\r') {
            line.n--;
            behind = say_command(s, line, (struct word){b->data + at, b->len - at});
        }
        s->left_out |= behind < 0;
        at += behind > 0 ? (size_t)behind : 0;
        if (behind >= 0 && is_word(line, "quit")) { /* nobody hears the rest */
            s->left_out |= at < b->len;
            break;
        }
    }
    md_step_free(&literal);
}

static void wait_step(struct speech *s, uint32_t seconds) {
    uint32_t fit = (seconds + MD_POLITE_TICK - 1) / MD_POLITE_TICK * MD_POLITE_TICK;
    bool allowed = fit <= s->p->wait && s->waited + fit <= s->p->wait;
    s->left_out |= !allowed || fit != seconds;
    if (!allowed || (fit == 0 && !s->p->strict))
        return;
    s->waited += fit;
    md_trace_add(s->out, MD_STEP_CLOCK, 0)->seconds = fit;
}

static void translate(struct speech *s, const struct md_step *step) {
    switch (step->kind) {
    case MD_STEP_SEND:
        s->step = md_trace_add(s->out, MD_STEP_SEND, step->conn);
        say_step(s, step);
        if (s->step->n_parts == 0 && !s->p->strict)
            md_trace_remove(s->out, s->out->n_steps - 1, 1);
        break;
    case MD_STEP_OPEN:
    case MD_STEP_CLOSE: md_trace_add(s->out, step->kind, step->conn); break;
    case MD_STEP_CLOCK: wait_step(s, step->seconds); break;
    case MD_STEP_SHUTDOWN:
    case MD_STEP_STOP:
    case MD_STEP_KILL:
    case MD_STEP_RESTART: s->left_out = true; break;
    }
}

bool md_polite_trace(const struct md_polite *p, const struct md_trace *t, struct md_trace *out) {
    struct speech s = {.p = p, .out = out, .left_out = t->options.n_args > 0};
    md_trace_clear(out);
    for (size_t i = 0; i < t->n_steps; i++)
        translate(&s, &t->steps[i]);
    md_buf_free(&s.flat.bytes);
    free(s.flat.symbols);
    return !p->strict || !s.left_out;
}
