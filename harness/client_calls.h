/*
 * A sequence of calls to libmemcached as data: what fuzz_client makes of its input, what the
 * generator draws, what the shrinker shortens and what a report prints as a C program.
 *
 * As bytes, a call is a few small numbers, each an index into a table of values worth trying
 * (borders, awkward keys, values that look like numbers or commands). Every run of bytes is a
 * sequence: an index too large wraps around, what is missing at the end is 0. So an engine may cut
 * and splice as it likes, and encode(decode(bytes)) is one more way to write the same sequence.
 */
#ifndef MEMDIVERGE_CLIENT_CALLS_H
#define MEMDIVERGE_CLIENT_CALLS_H

#include "harness/generate.h"
#include "model/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    MD_CLIENT_CALLS_MAX = 64,
    MD_CLIENT_KEYS_MAX = 6,    /* of one mget */
    MD_CLIENT_SERVERS_MAX = 2, /* the first is there from the start, the second is added in use */
};

/* The order is part of the encoding: new ones go to the end. */
enum md_client_op {
    MD_CLIENT_SET,
    MD_CLIENT_ADD,
    MD_CLIENT_REPLACE,
    MD_CLIENT_APPEND,
    MD_CLIENT_PREPEND,
    MD_CLIENT_CAS,
    MD_CLIENT_GET,
    MD_CLIENT_MGET,
    MD_CLIENT_FETCH,
    MD_CLIENT_FETCH_RESULT,
    MD_CLIENT_INCREMENT,
    MD_CLIENT_DECREMENT,
    MD_CLIENT_INCREMENT_INITIAL,
    MD_CLIENT_DECREMENT_INITIAL,
    MD_CLIENT_TOUCH,
    MD_CLIENT_EXIST,
    MD_CLIENT_DELETE,
    MD_CLIENT_FLUSH,
    MD_CLIENT_FLUSH_BUFFERS,
    MD_CLIENT_STAT,
    MD_CLIENT_ADD_SERVER,
    MD_CLIENT_BEHAVIOR,
    MD_CLIENT_NAMESPACE,
    MD_CLIENT_QUIT,
    MD_CLIENT_CLONE,
    /* Not libmemcached's: the node's clock moves; another client looks at a key. */
    MD_CLIENT_CLOCK,
    MD_CLIENT_LOOK,
    MD_CLIENT_OPS
};

/* What a call has besides its op: which of the fields of md_client_call it uses. */
enum md_client_field {
    MD_CLIENT_F_KEY = 1,
    MD_CLIENT_F_VALUE = 2,
    MD_CLIENT_F_EXPTIME = 4,
    MD_CLIENT_F_FLAGS = 8,
    MD_CLIENT_F_CAS = 16,
    MD_CLIENT_F_KEYS = 32,
    MD_CLIENT_F_OFFSET = 64,
    MD_CLIENT_F_INITIAL = 128,
    MD_CLIENT_F_SETTING = 256,
    MD_CLIENT_F_NAMESPACE = 512,
    MD_CLIENT_F_SECONDS = 1024,
};

/* memcached_behavior_t that a sequence may switch on and off. */
enum md_client_setting {
    MD_CLIENT_BINARY,
    MD_CLIENT_BUFFER,
    MD_CLIENT_NOREPLY,
    MD_CLIENT_SUPPORT_CAS,
    MD_CLIENT_NO_BLOCK,
    MD_CLIENT_VERIFY_KEY,
    MD_CLIENT_HASH_WITH_PREFIX,
    MD_CLIENT_SETTINGS
};

/* Each is an index into the table of its kind. */
struct md_client_call {
    uint8_t op;
    uint8_t key, value, exptime, flags, cas, offset, initial, setting, on, namespace, seconds;
    uint8_t n_keys, keys[MD_CLIENT_KEYS_MAX];
};

struct md_client_sequence {
    size_t n;
    struct md_client_call calls[MD_CLIENT_CALLS_MAX];
};

/* ---- what the indices mean ------------------------------------------------------------------- */

struct md_client_bytes {
    const char *text; /* what is repeated; may hold any byte */
    uint32_t len;     /* of text */
    uint32_t times;
};

const char *md_client_op_name(enum md_client_op op); /* "set", "increment_with_initial" */
unsigned md_client_op_fields(enum md_client_op op);  /* enum md_client_field */
const char *md_client_setting_constant(enum md_client_setting s); /* "MEMCACHED_BEHAVIOR_..." */

struct md_client_bytes md_client_key(uint8_t i);
struct md_client_bytes md_client_value(uint8_t i);
/* No text at all: no namespace. */
struct md_client_bytes md_client_namespace(uint8_t i);
int64_t md_client_exptime(uint8_t i);
uint32_t md_client_flags(uint8_t i);
uint64_t md_client_number(uint8_t i); /* offsets and initial values */
uint32_t md_client_seconds(uint8_t i);
/* Appends it written out. */
void md_client_bytes_append(struct md_buf *out, struct md_client_bytes b);

/* The CAS value of a call: a number written out, or the one seen last for the key plus a number. */
struct md_client_cas {
    bool seen;
    uint64_t plus;
};
struct md_client_cas md_client_cas(uint8_t i);

/* ---- bytes, listings, random ones ------------------------------------------------------------ */

/* Total. At most MD_CLIENT_CALLS_MAX calls are taken. */
void md_client_decode(struct md_client_sequence *s, const uint8_t *bytes, size_t len);
void md_client_encode(const struct md_client_sequence *s, struct md_buf *out);
bool md_client_equal(const struct md_client_sequence *a, const struct md_client_sequence *b);

/* One call as C, without a newline: memcached_set(m, "a", 1, "x", 1, 0, 0) */
void md_client_print_call(const struct md_client_call *c, struct md_buf *out);
/* One line for each. */
void md_client_print(const struct md_client_sequence *s, struct md_buf *out);
/* Reads such a listing back; empty lines and those that begin with // are skipped. False: *line
 * (from 1) is none of ours. */
bool md_client_parse(struct md_client_sequence *s, const char *text, size_t len, size_t *line);
/* Pieces of it: text and length, KEYS(...). */
void md_client_print_bytes(struct md_client_bytes b, struct md_buf *out);
void md_client_print_keys(const struct md_client_call *c, struct md_buf *out);
void md_client_print_namespace(const struct md_client_call *c, struct md_buf *out);
/* A whole program, for a maintainer: takes the sockets of one or two nodes, prints what each call
 * returns and what another client then finds. `why` (may be NULL) goes into its first comment. */
void md_client_print_program(const struct md_client_sequence *s, const char *why,
                             struct md_buf *out);

/* A changed sequence, for an engine: bytes in, bytes out; returns their number, at most max. */
size_t md_client_mutate(uint8_t *bytes, size_t len, size_t max, uint64_t seed);
/* Sequence number `index` of the stream of this seed. */
void md_client_generate(struct md_client_sequence *s, uint64_t seed, uint64_t index);

#endif
