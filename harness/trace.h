/*
 * A trace: node options and an ordered list of steps, defined against a fresh node (contract C2),
 * and its text form (contract C3). Seeds, regressions, fuzzer corpora, artifacts and reproducers
 * are all this one format.
 *
 *   memdiverge-trace 1
 *   # Comments start with '#' and take a whole line.
 *   node -C -I 2m
 *   send 0 "set k 0 30 5\r\n"
 *        + "hello\r\n"
 *   clock 30
 *   send 0 "get k\r\n"
 *   send 1 "set k 0 0 {len}\r\n{block}hello{/block}\r\n"
 *   send 1 "cas k 0 0 1 {cas k}\r\nx\r\n"
 *   shutdown 1
 *   close 0
 *
 * The first line names the format and its version. `node` lines (only before the first step) hold
 * options from a whitelist. Then the steps, one a line; a line that starts with '+' goes on with
 * the bytes of the `send` above it: same write, only easier to read.
 *
 *   send CONN "BYTES"   bytes on a connection, which is opened if it is not open
 *   open CONN           opens it without sending
 *   close CONN          the client closes it
 *   shutdown CONN       the client half-closes it (sends no more)
 *   clock SECONDS       moves the node's clock forward (0 .. MD_CLOCK_STEP_MAX)
 *   kill                ends the node, as a power cut would: every connection is closed, and until
 *                       the restart what is opened or sent goes nowhere; the clock moves on
 *                       (a `shutdown` command to a node with -A ends it as well, after a second)
 *   restart             starts the node anew (kills it first if it runs), at the present time
 *   stop                of the node (a later issue executes it; the format has it)
 *
 * BYTES: printable ASCII stands for itself; \r \n \t \\ \" \{ and \xHH; and symbols in braces, for
 * what depends on a node's past or must stay consistent:
 *
 *   {cas KEY} {cas KEY +N} {cas KEY -N}   the CAS value that this trace saw last for KEY (escapes
 *                         allowed, so every byte but a blank and '}' can stand for itself), or the
 *                         base if it saw none
 *   {base+N} {base-N}     the node's CAS counter at the start of the trace, plus or minus N
 *   {now+N} {now-N}       Unix time of the node, plus or minus N seconds
 *   {len}                 length in bytes of the next {block} of the same step, 0 if there is none
 *   {block} ... {/block}  a data block that {len} measures; adds no bytes itself
 *   {fill N HH}           N times the byte HH (hex), N up to MD_FILL_MAX
 *
 * In binary requests numbers are big-endian bytes, 1 to 8 of them: {cas:8 KEY +N}, {base:8+N}, {now:4+N}
 * and {len:4} are the same numbers so. A step that is binary requests is printed with each of them on a
 * line of its own.
 *
 * A number in a trace that is a border is written literally (2147483648).
 *
 * A trace is hostile input: sizes are limited (below), options come from a whitelist with ranges.
 * Parsing is total in lenient mode (fuzz targets: a senseless line is skipped) and strict for
 * people (line:column and what was expected). md_trace_parse(md_trace_print(t)) == t.
 */
#ifndef MEMDIVERGE_TRACE_H
#define MEMDIVERGE_TRACE_H

#include "model/buf.h"
#include "model/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MD_TRACE_VERSION = 1,
    MD_CLOCK_STEP_MAX = 100000000,   /* seconds in one clock step */
    MD_TRACE_CLOCK_MAX = 1000000000, /* seconds in all clock steps of a trace; parsing cuts more */
    MD_FILL_MAX = 4 << 20,           /* bytes of one {fill} */
    MD_TRACE_FILE_MAX = 64 << 20,    /* bytes of a trace file; larger ones are refused unread */
    MD_TRACE_BYTES_MAX = 64 << 20,   /* bytes that one trace sends in all, fills included */
    MD_TRACE_STEPS_MAX = 1 << 20,
    MD_NODE_ARGS_MAX = 35,
};

enum md_part_kind {
    MD_PART_BYTES, /* literal */
    MD_PART_CAS,   /* {cas KEY +N}: bytes = key, number = N */
    MD_PART_BASE,  /* {base+N} */
    MD_PART_NOW,   /* {now+N} */
    MD_PART_LEN,   /* {len} */
    MD_PART_BLOCK, /* {block} */
    MD_PART_END,   /* {/block} */
    MD_PART_FILL,  /* {fill N HH}: number = N, byte */
};

struct md_part {
    enum md_part_kind kind;
    uint8_t byte; /* MD_PART_FILL: the byte; else of a number: in so many bytes, 0: decimal text */
    int64_t number;
    uint8_t *bytes;  /* owned by the part: literal bytes, or the key of MD_PART_CAS */
    size_t len, cap; /* bytes in use, bytes allocated: grow with md_part_set or md_part_append */
};

enum md_step_kind {
    MD_STEP_SEND,
    MD_STEP_OPEN,
    MD_STEP_CLOSE,
    MD_STEP_SHUTDOWN,
    MD_STEP_CLOCK,
    MD_STEP_STOP,
    MD_STEP_KILL,
    MD_STEP_RESTART,
};

struct md_step {
    enum md_step_kind kind;
    uint8_t conn;     /* 0 .. MD_CONNECTIONS_MAX - 1 */
    uint32_t seconds; /* MD_STEP_CLOCK */
    uint32_t line;    /* where it stood in the file, 1-based; 0: made by a program; not compared */
    struct md_part *parts; /* owned; MD_STEP_SEND */
    size_t n_parts, cap_parts;
};

/*
 * Slots behind n_steps and n_parts (up to the cap) keep the memory of what was there, so that the
 * hot loop of a fuzz target parses without malloc. Hence: add and remove with the functions below,
 * never by hand; swapping two steps or two parts in place, and changing fields, is fine.
 */

/*
 * Node options of a trace: the words as written (for the command line of the node) and what the
 * model must know of them. Whitelist: -A -C -F -M -L; -I N[k|m] (1k..32m); -m N (1..4096, MiB); -f F
 * (1.05..4); -n N (1..1024); -t N (1..8); -R N (10000..100000); -B ascii|binary|auto; and -o, repeated or with commas:
 *
 *   slab_chunk_max=N    bytes, a multiple of 1024
 *   lru_maintainer      HOT, WARM and COLD queues and the thread that fills them
 *   lru_crawler, slab_reassign   the other background threads
 *   temporary_ttl=N     0..2592000 seconds; only with lru_maintainer
 *   hot_lru_pct=N, warm_lru_pct=N   1..79, together at most 80 (20 and 40 if not given)
 *   slab_automove=N     0 or 1; only with slab_reassign
 *
 * What they switch on is off otherwise (harness/node_launch.c gives the defaults before them). The
 * canonical form has one -o for each. Combinations that memcached itself refuses (item size not a
 * multiple of slab_chunk_max, item size over half the memory, -L with less memory than a page for
 * each slab class) are refused here with the reason.
 */
struct md_node_options {
    char *args[MD_NODE_ARGS_MAX]; /* owned words, canonical order */
    size_t n_args;
    struct md_options model;
};

struct md_trace {
    struct md_node_options options;
    struct md_step *steps; /* owned */
    size_t n_steps, cap_steps;
    char *comment; /* owned: the comment block above the first step, without '#', or NULL */
};

/* An empty trace with default options. */
void md_trace_init(struct md_trace *t);
void md_trace_free(struct md_trace *t);
/* Empties the steps and keeps the memory: for the hot loop of a fuzz target. */
void md_trace_clear(struct md_trace *t);
void md_trace_copy(struct md_trace *to, const struct md_trace *from);
/* Same options, steps and comment. How literal bytes are cut into parts makes no difference. */
bool md_trace_equal(const struct md_trace *a, const struct md_trace *b);

/* Building. The step stays valid until the next one is added. */
struct md_step *md_trace_add(struct md_trace *t, enum md_step_kind kind, unsigned conn);
void md_trace_insert(struct md_trace *t, size_t at, const struct md_step *step); /* copies deeply */
void md_trace_remove(struct md_trace *t, size_t at, size_t n);
void md_step_copy(struct md_step *to, const struct md_step *from);
void md_step_free(struct md_step *s);
void md_step_bytes(struct md_step *s, const void *bytes, size_t n); /* joins adjacent literals */
struct md_part *md_step_part(struct md_step *s, enum md_part_kind kind);
/* Inserts an empty part before part `at`; takes n parts away from `at` on. */
struct md_part *md_step_part_insert(struct md_step *s, size_t at, enum md_part_kind kind);
void md_step_part_remove(struct md_step *s, size_t at, size_t n);
/* The bytes of a part: replaced (`bytes` may point into the same part), or more behind them. */
void md_part_set(struct md_part *p, const void *bytes, size_t n);
void md_part_append(struct md_part *p, const void *bytes, size_t n);

/* Options. False: refused, `why` says so in one line ("-l is not allowed in a trace: ..."), and the
 * options are the default ones. `o` must be initialised. */
bool md_node_options_parse(struct md_node_options *o, const char *const *words, size_t n,
                           struct md_buf *why);
/* The same; *bad is the index of the refused word, or n where it is the combination. */
bool md_node_options_parse_at(struct md_node_options *o, const char *const *words, size_t n,
                              struct md_buf *why, size_t *bad);
void md_node_options_default(struct md_node_options *o);
/* Appends a word of canonical options as a node wants it that counts slab_chunk_max in `unit` bytes. */
void md_node_option_word(const char *word, uint32_t unit, struct md_buf *out);
void md_node_options_copy(struct md_node_options *to, const struct md_node_options *from);
void md_node_options_free(struct md_node_options *o);
bool md_node_options_equal(const struct md_node_options *a, const struct md_node_options *b);

struct md_trace_error {
    uint32_t line, column; /* 1-based; 0: about the whole file */
    char message[160];     /* "expected a connection number from 0 to 15" */
};

/* Strict: false at the first error. `t` must be initialised; it is cleared first. */
bool md_trace_parse(struct md_trace *t, const void *text, size_t len, struct md_trace_error *error);
/* Lenient: skips what makes no sense, never fails; the format line may be missing. */
void md_trace_parse_lenient(struct md_trace *t, const void *text, size_t len);
/* Canonical text. */
void md_trace_print(const struct md_trace *t, struct md_buf *out);
/* One step's canonical text, for `show` and reports. */
void md_step_print(const struct md_step *s, struct md_buf *out);
/* Bytes with the format's escapes, without quotes. */
void md_bytes_print(const void *bytes, size_t n, struct md_buf *out);

/* Reads a file whole; refuses what is larger than MD_TRACE_FILE_MAX without reading it. */
bool md_trace_load(struct md_trace *t, const char *path, struct md_trace_error *error);

/* What symbols stand for at a moment. */
struct md_symbols {
    uint64_t now;  /* Unix time of the node */
    uint64_t base; /* its CAS counter at the start of the trace */
    uint64_t (*cas)(const void *ctx, const void *key, size_t nkey); /* seen last for the key */
    const void *ctx;
};

/*
 * The bytes of a send step on this node at this moment. Appends to `out`; stops at `limit` bytes.
 */
void md_step_resolve_by(const struct md_step *s, const struct md_symbols *by, size_t limit,
                        struct md_buf *out);
/* The same, by what the model says. */
void md_step_resolve(const struct md_step *s, const struct md_model *m, size_t limit,
                     struct md_buf *out);

#endif
