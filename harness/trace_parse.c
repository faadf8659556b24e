/*
 * Text to traces. One parser for two readers: strict for people (the first error with line, column
 * and what was expected), lenient for fuzz targets (what makes no sense is skipped or taken
 * literally, nothing fails). Every byte of the text is hostile.
 */
#include "harness/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MD_WORD_MAX = 64,      /* of a node line, NUL included */
    MD_SYMBOL_COST = 20,   /* bytes that a symbol counts for in MD_TRACE_BYTES_MAX */
    MD_DECODE_CHUNK = 256, /* literal bytes handed over at once */
};

static const char md_format_line[] = "memdiverge-trace 1";

struct md_parser {
    struct md_trace *t;
    struct md_trace_error *error;   /* NULL: lenient */
    const uint8_t *start, *p, *end; /* the line, what is left of it */
    uint32_t line;
    bool goes_on; /* a '+' line has a send to go on with */
    bool has_comment;
    struct md_buf comment;
    size_t bytes;      /* sent so far */
    uint32_t seconds;  /* clock steps so far */
    bool options_done; /* no node line may follow */
    size_t n_words;    /* of all node lines */
    uint32_t word_line[MD_NODE_ARGS_MAX], word_column[MD_NODE_ARGS_MAX];
    char word[MD_NODE_ARGS_MAX][MD_WORD_MAX];
};

/* Notes the error at the current place (strict) and is false, so that callers can return it. */
__attribute__((format(printf, 2, 3))) static bool md_fail(struct md_parser *ps, const char *fmt,
                                                          ...) {
    if (!ps->error)
        return false;
    va_list args;
    va_start(args, fmt);
    ps->error->line = ps->line;
    ps->error->column = (uint32_t)(ps->p - ps->start) + 1;
    vsnprintf(ps->error->message, sizeof ps->error->message, fmt, args);
    va_end(args);
    return false;
}

/* ---- small pieces ------------------------------------------------------------------------ */

static void md_skip_blanks(struct md_parser *ps) {
    while (ps->p < ps->end && (*ps->p == ' ' || *ps->p == '\t'))
        ps->p++;
}

/* Steps over `word` if it is what stands here. */
static bool md_take(struct md_parser *ps, const char *word) {
    size_t n = strlen(word);
    if ((size_t)(ps->end - ps->p) < n || memcmp(ps->p, word, n))
        return false;
    ps->p += n;
    return true;
}

/* A decimal number up to max; false, and not moved, if there is none or it is larger. */
static bool md_take_number(struct md_parser *ps, uint64_t max, uint64_t *out) {
    const uint8_t *p = ps->p;
    uint64_t n = 0;
    for (; p < ps->end && *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (n > (max - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    if (p == ps->p)
        return false;
    ps->p = p;
    *out = n;
    return true;
}

/* +N or -N. */
static bool md_take_signed(struct md_parser *ps, int64_t *out) {
    bool minus = ps->p < ps->end && *ps->p == '-';
    uint64_t n;
    if (!minus && (ps->p == ps->end || *ps->p != '+'))
        return md_fail(ps, "expected +N or -N");
    ps->p++;
    if (!md_take_number(ps, (uint64_t)INT64_MAX + minus, &n))
        return md_fail(ps, "expected a number from 0 to %" PRId64, INT64_MAX);
    *out = (int64_t)(minus ? 0 - n : n);
    return true;
}

static int md_hex(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool md_take_hex_byte(struct md_parser *ps, uint8_t *out) {
    if (ps->end - ps->p < 2 || md_hex(ps->p[0]) < 0 || md_hex(ps->p[1]) < 0)
        return md_fail(ps, "expected two hex digits");
    *out = (uint8_t)(md_hex(ps->p[0]) << 4 | md_hex(ps->p[1]));
    ps->p += 2;
    return true;
}

static bool md_take_end(struct md_parser *ps) {
    md_skip_blanks(ps);
    return ps->p == ps->end || md_fail(ps, "expected the end of the line");
}

/* ---- the bytes of a send ----------------------------------------------------------------- */

/* Behind a backslash. On failure the place is the backslash. */
static bool md_take_escape(struct md_parser *ps, uint8_t *out) {
    const uint8_t *from = ps->p++;
    uint8_t c = ps->p < ps->end ? *ps->p++ : 0;
    switch (c) {
    case 'r': *out = '\r'; return true;
    case 'n': *out = '\n'; return true;
    case 't': *out = '\t'; return true;
    case '\\':
    case '"':
    case '{': *out = c; return true;
    case 'x':
        if (md_take_hex_byte(ps, out))
            return true;
        ps->p = from;
        return false;
    default:
        ps->p = from;
        return md_fail(ps, "expected one of the escapes \\r \\n \\t \\\\ \\\" \\{ \\xHH");
    }
}

/* Counts bytes against the limit of a trace. */
static bool md_spend(struct md_parser *ps, size_t n) {
    if (n > MD_TRACE_BYTES_MAX - ps->bytes)
        return md_fail(ps, "this trace sends more than %d bytes in all", MD_TRACE_BYTES_MAX);
    ps->bytes += n;
    return true;
}

/* The key of {cas KEY}, up to a blank or '}'. */
static bool md_take_key(struct md_parser *ps, struct md_part *part) {
    while (ps->p < ps->end && *ps->p != ' ' && *ps->p != '}' && *ps->p != '"') {
        uint8_t byte = *ps->p;
        if (byte == '\\') {
            if (!md_take_escape(ps, &byte))
                return false;
        } else if ((byte < 0x20 || byte > 0x7e) && ps->error) {
            return md_fail(ps, "expected printable ASCII or an escape; write this byte as \\x%02x",
                           byte);
        } else {
            ps->p++;
        }
        if (!md_spend(ps, 1))
            return false;
        md_part_append(part, &byte, 1);
    }
    return part->len || md_fail(ps, "expected a key behind {cas");
}

/* The ":8" of a number that is to be big-endian bytes. */
static bool md_take_width(struct md_parser *ps, struct md_part *part) {
    uint64_t n;
    if (!md_take(ps, ":"))
        return true;
    if (ps->p == ps->end || *ps->p < '1' || *ps->p > '8' || !md_take_number(ps, 9, &n))
        return md_fail(ps, "expected a number of bytes from 1 to 8");
    part->byte = (uint8_t)n;
    return true;
}

static bool md_take_arguments(struct md_parser *ps, struct md_part *part) {
    uint64_t n;
    switch (part->kind) {
    case MD_PART_CAS:
        if (!md_take_width(ps, part))
            return false;
        if (!md_take(ps, " "))
            return md_fail(ps, "expected a blank and a key behind {cas");
        if (!md_take_key(ps, part))
            return false;
        return !md_take(ps, " ") || md_take_signed(ps, &part->number);
    case MD_PART_BASE:
    case MD_PART_NOW: return md_take_width(ps, part) && md_take_signed(ps, &part->number);
    case MD_PART_LEN: return md_take_width(ps, part);
    case MD_PART_FILL:
        if (!md_take_number(ps, MD_FILL_MAX, &n))
            return md_fail(ps, "expected a number of bytes from 0 to %d", MD_FILL_MAX);
        part->number = (int64_t)n;
        if (!md_take(ps, " "))
            return md_fail(ps, "expected a blank and the byte as two hex digits");
        return md_take_hex_byte(ps, &part->byte) && md_spend(ps, (size_t)n);
    default: return true;
    }
}

static bool md_take_symbol_name(struct md_parser *ps, enum md_part_kind *kind) {
    static const struct {
        const char *text;
        enum md_part_kind kind;
    } symbols[] = {
        {"{len", MD_PART_LEN},    {"{block", MD_PART_BLOCK}, {"{/block", MD_PART_END},
        {"{cas", MD_PART_CAS},    {"{now", MD_PART_NOW},     {"{base", MD_PART_BASE},
        {"{fill ", MD_PART_FILL},
    };
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++)
        if (md_take(ps, symbols[i].text)) {
            *kind = symbols[i].kind;
            return true;
        }
    return md_fail(ps, "expected {cas KEY}, {base+N}, {now+N}, {len}, {block}, {/block} or "
                       "{fill N HH}; a brace itself is \\{");
}

/* At a '{'. On failure nothing is added and the place is the brace. */
static bool md_take_symbol(struct md_parser *ps, struct md_step *s) {
    const uint8_t *from = ps->p;
    enum md_part_kind kind = MD_PART_LEN;
    if (!md_take_symbol_name(ps, &kind))
        return false;
    struct md_part *part = md_step_part(s, kind);
    bool ok = md_take_arguments(ps, part);
    if (ok && !md_take(ps, "}"))
        ok = md_fail(ps, "expected '}' at the end of the symbol");
    if (ok && md_spend(ps, MD_SYMBOL_COST))
        return true;
    s->n_parts--;
    ps->p = from;
    return false;
}

static bool md_is_plain(uint8_t c) {
    return c >= 0x20 && c <= 0x7e && c != '"' && c != '\\' && c != '{';
}

/*
 * Bytes that stand for themselves and escapes, up to `max`. Lenient: raw bytes and broken escapes
 * stand for themselves too, and so does a brace that opens no symbol (`brace`: take this one).
 */
static bool md_take_literal(struct md_parser *ps, bool brace, uint8_t *out, size_t max, size_t *n) {
    for (*n = 0; ps->p < ps->end && *n < max; brace = false) {
        uint8_t c = *ps->p;
        if (md_is_plain(c)) {
            ps->p++;
        } else if (c == '"' || (c == '{' && !brace)) {
            break;
        } else if (c == '\\') {
            if (!md_take_escape(ps, &c)) {
                if (ps->error)
                    return false;
                ps->p++;
            }
        } else if (ps->error) {
            return md_fail(ps, "expected printable ASCII or an escape; write this byte as \\x%02x",
                           c);
        } else {
            ps->p++;
        }
        out[(*n)++] = c;
    }
    return true;
}

/* From the opening quote to the end of the line. */
static bool md_take_bytes(struct md_parser *ps, struct md_step *s) {
    uint8_t chunk[MD_DECODE_CHUNK];
    size_t n;
    bool brace = false;
    if (!md_take(ps, "\""))
        return md_fail(ps, "expected '\"' and the bytes to send");
    while (ps->p < ps->end && *ps->p != '"') {
        if (*ps->p == '{' && !brace) {
            if (md_take_symbol(ps, s))
                continue;
            if (ps->error)
                return false;
            brace = true;
        }
        if (!md_take_literal(ps, brace, chunk, sizeof chunk, &n) || !md_spend(ps, n))
            return false;
        md_step_bytes(s, chunk, n);
        brace = false;
    }
    if (ps->error && !md_take(ps, "\""))
        return md_fail(ps, "expected '\"' at the end of the bytes");
    return !ps->error || md_take_end(ps);
}

/* ---- node options ------------------------------------------------------------------------ */

static bool md_parse_node(struct md_parser *ps) {
    if (ps->options_done)
        return md_fail(ps, "node options must stand above the first step");
    md_skip_blanks(ps);
    if (ps->p == ps->end)
        return md_fail(ps, "expected options behind 'node'");
    for (; ps->p < ps->end; md_skip_blanks(ps)) {
        const uint8_t *q = ps->p;
        while (q < ps->end && *q != ' ' && *q != '\t')
            q++;
        size_t n = (size_t)(q - ps->p);
        if (n >= MD_WORD_MAX || memchr(ps->p, 0, n))
            return md_fail(ps, "expected an option of at most %d characters, without NUL",
                           MD_WORD_MAX - 1);
        if (ps->n_words == MD_NODE_ARGS_MAX)
            return md_fail(ps, "expected at most %d words of node options", MD_NODE_ARGS_MAX);
        memcpy(ps->word[ps->n_words], ps->p, n);
        ps->word[ps->n_words][n] = 0;
        ps->word_line[ps->n_words] = ps->line;
        ps->word_column[ps->n_words++] = (uint32_t)(ps->p - ps->start) + 1;
        ps->p = q;
    }
    return true;
}

/* All node lines are read: are they legal together? Lenient drops words until the rest is. */
static bool md_finish_options(struct md_parser *ps) {
    const char *words[MD_NODE_ARGS_MAX];
    struct md_buf why = {0};
    size_t n = ps->n_words, bad;
    if (ps->options_done)
        return true;
    ps->options_done = true;
    for (size_t i = 0; i < n; i++)
        words[i] = ps->word[i];
    while (n && !md_node_options_parse_at(&ps->t->options, words, n, &why, &bad)) {
        if (ps->error) {
            size_t at = bad < n ? bad : n - 1;
            md_fail(ps, "%s", md_buf_cstr(&why));
            ps->error->line = ps->word_line[at];
            ps->error->column = ps->word_column[at];
            md_buf_free(&why);
            return false;
        }
        if (bad == n)
            bad--;
        memmove(words + bad, words + bad + 1, (--n - bad) * sizeof *words);
        md_buf_clear(&why);
    }
    if (!n)
        md_node_options_default(&ps->t->options);
    md_buf_free(&why);
    return true;
}

/* ---- lines ------------------------------------------------------------------------------- */

static bool md_take_conn(struct md_parser *ps, uint64_t *conn) {
    md_skip_blanks(ps);
    return md_take_number(ps, MD_CONNECTIONS_MAX - 1, conn) ||
           md_fail(ps, "expected a connection number from 0 to %d", MD_CONNECTIONS_MAX - 1);
}

static struct md_step *md_new_step(struct md_parser *ps, enum md_step_kind kind, uint64_t conn) {
    if (!md_finish_options(ps))
        return NULL;
    if (ps->t->n_steps == MD_TRACE_STEPS_MAX) {
        md_fail(ps, "a trace may have at most %d steps", MD_TRACE_STEPS_MAX);
        return NULL;
    }
    struct md_step *s = md_trace_add(ps->t, kind, (unsigned)conn);
    s->line = ps->line;
    return s;
}

static bool md_parse_send(struct md_parser *ps) {
    uint64_t conn;
    if (!md_take_conn(ps, &conn))
        return false;
    md_skip_blanks(ps);
    if (ps->p == ps->end || *ps->p != '"')
        return md_fail(ps, "expected '\"' and the bytes to send");
    struct md_step *s = md_new_step(ps, MD_STEP_SEND, conn);
    ps->goes_on = s != NULL;
    return s && md_take_bytes(ps, s);
}

static bool md_parse_clock(struct md_parser *ps) {
    uint64_t seconds;
    md_skip_blanks(ps);
    if (!md_take_number(ps, MD_CLOCK_STEP_MAX, &seconds))
        return md_fail(ps, "expected a number of seconds from 0 to %d", MD_CLOCK_STEP_MAX);
    struct md_step *s = md_take_end(ps) || !ps->error ? md_new_step(ps, MD_STEP_CLOCK, 0) : NULL;
    if (!s)
        return false;
    if (seconds > MD_TRACE_CLOCK_MAX - ps->seconds)
        seconds = MD_TRACE_CLOCK_MAX - ps->seconds;
    s->seconds = (uint32_t)seconds;
    ps->seconds += s->seconds;
    return true;
}

static bool md_parse_conn_step(struct md_parser *ps, enum md_step_kind kind) {
    uint64_t conn;
    if (!md_take_conn(ps, &conn) || (!md_take_end(ps) && ps->error))
        return false;
    return md_new_step(ps, kind, conn) != NULL;
}

static bool md_parse_node_step(struct md_parser *ps, enum md_step_kind kind) {
    return (md_take_end(ps) || !ps->error) && md_new_step(ps, kind, 0);
}

/* The word at the start of a line, and what stands behind it. */
static bool md_parse_word(struct md_parser *ps) {
    static const struct {
        const char *text;
        bool node;
        enum md_step_kind kind;
    } words[] = {
        {"send", false, MD_STEP_SEND},         {"clock", false, MD_STEP_CLOCK},
        {"open", false, MD_STEP_OPEN},         {"close", false, MD_STEP_CLOSE},
        {"shutdown", false, MD_STEP_SHUTDOWN}, {"stop", false, MD_STEP_STOP},
        {"kill", false, MD_STEP_KILL},         {"restart", false, MD_STEP_RESTART},
        {"node", true, MD_STEP_SEND},
    };
    const uint8_t *q = ps->p;
    while (q < ps->end && *q >= 'a' && *q <= 'z')
        q++;
    size_t n = (size_t)(q - ps->p), i = 0;
    while (i < sizeof words / sizeof *words &&
           (strlen(words[i].text) != n || memcmp(words[i].text, ps->p, n)))
        i++;
    if (i == sizeof words / sizeof *words)
        return md_fail(ps, "expected send, open, close, shutdown, clock, stop, kill, restart, "
                           "node, '+' or '#'");
    ps->p = q;
    if (ps->p < ps->end && *ps->p != ' ' && *ps->p != '\t')
        return md_fail(ps, "expected a blank behind '%s'", words[i].text);
    if (words[i].node)
        return md_parse_node(ps);
    switch (words[i].kind) {
    case MD_STEP_SEND: return md_parse_send(ps);
    case MD_STEP_CLOCK: return md_parse_clock(ps);
    case MD_STEP_OPEN:
    case MD_STEP_CLOSE:
    case MD_STEP_SHUTDOWN: return md_parse_conn_step(ps, words[i].kind);
    default: return md_parse_node_step(ps, words[i].kind);
    }
}

static bool md_parse_more(struct md_parser *ps, bool goes_on) {
    if (!goes_on)
        return md_fail(ps, "expected a send above this '+' line");
    ps->p++;
    md_skip_blanks(ps);
    ps->goes_on = true;
    return md_take_bytes(ps, &ps->t->steps[ps->t->n_steps - 1]);
}

/* Comments above the first step are kept; control characters are not. */
static bool md_parse_comment(struct md_parser *ps) {
    ps->p++;
    if (ps->p < ps->end && *ps->p == ' ')
        ps->p++;
    bool kept = ps->t->n_steps == 0;
    if (kept && ps->has_comment)
        md_buf_byte(&ps->comment, '\n');
    ps->has_comment |= kept;
    for (; ps->p < ps->end; ps->p++) {
        bool control = (*ps->p < 0x20 && *ps->p != '\t') || *ps->p == 0x7f;
        if (control && ps->error)
            return md_fail(ps, "expected no control character (\\x%02x) in a comment", *ps->p);
        if (kept)
            md_buf_byte(&ps->comment, control ? '?' : *ps->p);
    }
    return true;
}

static bool md_parse_line(struct md_parser *ps) {
    md_skip_blanks(ps);
    if (ps->p == ps->end)
        return true;
    if (*ps->p == '#')
        return md_parse_comment(ps);
    bool goes_on = ps->goes_on;
    ps->goes_on = false;
    return *ps->p == '+' ? md_parse_more(ps, goes_on) : md_parse_word(ps);
}

static bool md_parse_format_line(struct md_parser *ps) {
    uint64_t version;
    if (ps->end - ps->p == sizeof md_format_line - 1 && md_take(ps, md_format_line))
        return true;
    if (md_take(ps, "memdiverge-trace ") && md_take_number(ps, UINT32_MAX, &version) &&
        version != MD_TRACE_VERSION)
        return md_fail(ps,
                       "format version %" PRIu64 " is not known here, only %d: use a newer "
                       "memdiverge",
                       version, MD_TRACE_VERSION);
    ps->p = ps->start;
    return md_fail(ps, "expected '%s' as the first line", md_format_line);
}

static bool md_parse_lines(struct md_parser *ps, const uint8_t *text, size_t len) {
    const uint8_t *next = text, *stop = text + len;
    bool first = ps->error != NULL;
    while (first || next < stop) {
        const uint8_t *lf = next < stop ? memchr(next, '\n', (size_t)(stop - next)) : NULL;
        ps->line++;
        ps->start = ps->p = next;
        ps->end = lf ? lf : stop;
        next = lf ? lf + 1 : stop;
        if (ps->end > ps->start && ps->end[-1] == '\r')
            ps->end--;
        bool ok = first ? md_parse_format_line(ps) : md_parse_line(ps);
        if (!ok && ps->error)
            return false;
        first = false;
    }
    return md_finish_options(ps);
}

static bool md_parse(struct md_trace *t, const void *text, size_t len,
                     struct md_trace_error *error) {
    struct md_parser ps;
    ps.t = t;
    ps.error = error;
    ps.line = 0;
    ps.goes_on = ps.has_comment = ps.options_done = false;
    ps.comment = (struct md_buf){0};
    ps.bytes = ps.n_words = 0;
    ps.seconds = 0;
    md_trace_clear(t);
    bool ok = md_parse_lines(&ps, len ? text : (const void *)"", len);
    if (ok && ps.has_comment) {
        md_buf_byte(&ps.comment, 0);
        t->comment = (char *)ps.comment.data;
    } else {
        md_buf_free(&ps.comment);
    }
    return ok;
}

static bool md_too_large(struct md_trace_error *error) {
    *error = (struct md_trace_error){0};
    snprintf(error->message, sizeof error->message,
             "the file is too large for a trace: at most %d MiB are read", MD_TRACE_FILE_MAX >> 20);
    return false;
}

bool md_trace_parse(struct md_trace *t, const void *text, size_t len,
                    struct md_trace_error *error) {
    if (len > MD_TRACE_FILE_MAX) {
        md_trace_clear(t);
        return md_too_large(error);
    }
    return md_parse(t, text, len, error);
}

void md_trace_parse_lenient(struct md_trace *t, const void *text, size_t len) {
    md_parse(t, text, len > MD_TRACE_FILE_MAX ? MD_TRACE_FILE_MAX : len, NULL);
}

/* ---- files ------------------------------------------------------------------------------- */

static bool md_load_failed(struct md_trace_error *error, const char *what, int err) {
    *error = (struct md_trace_error){0};
    snprintf(error->message, sizeof error->message, "%s%s%s", what, err ? ": " : "",
             err ? strerror(err) : "");
    return false;
}

static bool md_read_all(int fd, struct md_buf *text, struct md_trace_error *error) {
    for (;;) {
        md_buf_reserve(text, 64 * 1024);
        ssize_t n = read(fd, text->data + text->len, text->cap - text->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return md_load_failed(error, "cannot read the file", errno);
        if (n == 0)
            return true;
        text->len += (size_t)n;
        if (text->len > MD_TRACE_FILE_MAX) /* it grew since it was looked at */
            return md_too_large(error);
    }
}

bool md_trace_load(struct md_trace *t, const char *path, struct md_trace_error *error) {
    struct stat st;
    struct md_buf text = {0};
    bool ok = false;
    md_trace_clear(t);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hold us up */
    if (fd < 0)
        return md_load_failed(error, "cannot open the file", errno);
    if (fstat(fd, &st) != 0)
        md_load_failed(error, "cannot look at the file", errno);
    else if (!S_ISREG(st.st_mode))
        md_load_failed(error, "this is not a regular file: expected a trace", 0);
    else if (st.st_size > MD_TRACE_FILE_MAX)
        md_too_large(error);
    else
        ok = md_read_all(fd, &text, error) && md_trace_parse(t, text.data, text.len, error);
    close(fd);
    md_buf_free(&text);
    return ok;
}
