/*
 * Shared by the files of the generator and by the mutator: the picture that a generator has of what
 * it said so far, and the pieces that write words, values and commands.
 *
 *   generate.c           a trace: options, turns on connections, clock, cuts, closes
 *   generate_swarm.c     the character of a trace
 *   generate_command.c   one command of any kind, and what it does to the picture
 *   generate_store.c     stores with their data blocks
 *   generate_meta.c      meta commands and their flags
 *   generate_line.c      the tokens of a line, and what is odd about them
 *   generate_admin.c     administrative commands
 *   generate_wire.c      damage
 *   generate_word.c      keys, numbers, expiration times
 *   generate_value.c     data
 *   generate_binary.c    requests of the binary protocol
 *   generate_request.c   their bytes, and what is odd about their headers
 *   generate_target.c    which stream is whose
 *   generate_eviction.c  a trace that runs out of memory: options, character, turns
 *   generate_pressure.c  what presses: keys of a slab class, sizes, floods, chains
 */
#ifndef MEMDIVERGE_GENERATE_INTERNAL_H
#define MEMDIVERGE_GENERATE_INTERNAL_H

#include "harness/generate.h"
#include "model/packet.h"
#include "model/slab.h"

#define MD_COUNT(table) (sizeof(table) / sizeof *(table))

enum {
    MD_GEN_KEYS = 12,
    MD_GEN_CONNS = 4,
    MD_GEN_WORD_MAX = 48,      /* text of a number, NUL included */
    MD_GEN_VALUE_MAX = 128,    /* literal bytes of a value; more is a {fill} */
    MD_GEN_START = 1000000000, /* Unix time at which a node's clock starts */
    MD_GEN_BINARY_KINDS = 21,  /* opcodes, quiet forms not counted */
    MD_GEN_HEADER = 48,        /* bytes of an item beside CAS, key, flags and data */
};

/* What a trace may do beside plain commands: a random subset for each trace (swarm testing). */
enum md_gen_feature {
    MD_GEN_TTL = 1 << 0,        /* expiration times other than 0 */
    MD_GEN_CLOCK = 1 << 1,      /* clock steps */
    MD_GEN_COUNTERS = 1 << 2,   /* most values are numbers */
    MD_GEN_MULTI = 1 << 3,      /* retrievals of several keys */
    MD_GEN_SPLIT = 1 << 4,      /* sends cut at any byte */
    MD_GEN_CLOSE = 1 << 5,      /* connections closed, half-closed, opened */
    MD_GEN_ODD_KEYS = 1 << 6,   /* control characters and high bytes in keys */
    MD_GEN_BINARY = 1 << 7,     /* the same and line ends in values */
    MD_GEN_LARGE = 1 << 8,      /* objects around the limit of -I */
    MD_GEN_LONG = 1 << 9,       /* lines beyond 2048 and 16384 bytes */
    MD_GEN_BLOCKS = 1 << 10,    /* lengths as {len} and {block} */
    MD_GEN_STATS = 1 << 11,     /* stats at the end and after what they count */
    MD_GEN_SIZES = 1 << 12,     /* values around the borders of slab classes */
    MD_GEN_CAS_PAIRS = 1 << 13, /* gets in one send, cas in the next */
    MD_GEN_SWEEP = 1 << 14,     /* reads every key at the end */
    MD_GEN_RULES = 1 << 15,     /* administrative commands, watchers, shutdown */
};

enum md_gen_kind {
    MD_GEN_SET,
    MD_GEN_ADD,
    MD_GEN_REPLACE,
    MD_GEN_APPEND,
    MD_GEN_PREPEND,
    MD_GEN_CAS,
    MD_GEN_GET,
    MD_GEN_GETS,
    MD_GEN_GAT,
    MD_GEN_GATS,
    MD_GEN_BGET,
    MD_GEN_DELETE,
    MD_GEN_INCR,
    MD_GEN_DECR,
    MD_GEN_TOUCH,
    MD_GEN_FLUSH,
    MD_GEN_VERBOSITY,
    MD_GEN_VERSION,
    MD_GEN_MN,
    MD_GEN_QUIT,
    MD_GEN_STATS_ALL,
    MD_GEN_STATS_RESET,
    MD_GEN_SHUTDOWN,
    MD_GEN_ADMIN,
    MD_GEN_UNKNOWN,
    MD_GEN_MG,
    MD_GEN_MS,
    MD_GEN_MD,
    MD_GEN_MA,
    MD_GEN_ME,
    MD_GEN_KINDS
};

/* What makes a command unusual: one of these, at one of its tokens. */
enum md_gen_odd {
    MD_ODD_NONE,
    MD_ODD_NUMBER,  /* a border, a sign, text in place of a number */
    MD_ODD_DATA,    /* block shorter or longer than said, no CRLF */
    MD_ODD_DROP,    /* a token is missing */
    MD_ODD_SURPLUS, /* a token too many */
    MD_ODD_KEY,     /* a key of 251 bytes, or any key of unusual length */
    MD_ODD_BLANKS,  /* several blanks, leading or trailing ones, a tab */
    MD_ODD_NUL,     /* a NUL byte in the line */
    MD_ODD_END,     /* another line end than CRLF */
    MD_ODD_WORD,    /* the command word in another case, cut, or longer */
    MD_ODD_LONG,    /* a token of thousands of bytes */
    MD_ODDS
};

enum md_gen_state { MD_GEN_NEVER, MD_GEN_STORED, MD_GEN_DELETED, MD_GEN_FLUSHED };

struct md_gen_key {
    uint8_t bytes[MD_KEY_MAX];
    uint8_t len;
    uint8_t state;    /* enum md_gen_state */
    bool counter;     /* holds a number, most likely */
    bool seen;        /* an earlier send showed its CAS value */
    uint32_t size;    /* of the value */
    uint64_t expires; /* seconds since the start of the trace; 0: never */
    uint64_t cas;     /* stores counted when it was stored: a guess at its CAS value */
};

struct md_gen_value {
    uint8_t bytes[MD_GEN_VALUE_MAX];
    uint32_t len;
    uint32_t fill; /* so many bytes of fill_byte behind them */
    uint8_t fill_byte;
    bool counter;
};

/* The picture. Owns nothing. */
struct md_gen {
    struct md_random *r;
    struct md_step *out; /* where words go */
    unsigned features;   /* enum md_gen_feature */
    unsigned noreply;    /* in 1024 commands */
    unsigned oddness;    /* odd commands in 1024 */
    uint16_t weight[MD_GEN_KINDS];
    unsigned total; /* of the weights */
    bool cas;       /* false with -C */
    uint32_t item_max;

    uint16_t binary_weight[MD_GEN_BINARY_KINDS];
    unsigned binary_total;
    unsigned binary_cas; /* in 1024 requests: with a CAS value */

    struct md_gen_key keys[MD_GEN_KEYS];
    unsigned n_keys;
    uint64_t now;      /* seconds since the start of the trace */
    uint64_t flush_at; /* a delayed flush is due then; 0: none */
    uint64_t stores;
    unsigned serial; /* values tell where they come from */
    unsigned commands;
    int want_cas;      /* the key whose CAS value was just asked for, or -1 */
    bool want_counter; /* the next value is a number */
    bool said_quit;    /* the last command ends its connection */
    bool swallowed;    /* the node takes what follows for data */

    /* The command being written. */
    enum md_gen_odd odd;
    unsigned odd_at, token;
};

/* Which key a command would like best. */
enum md_gen_want { MD_GEN_WANT_ANY, MD_GEN_WANT_ALIVE, MD_GEN_WANT_GONE, MD_GEN_WANT_COUNTER };

/* The shape of a kind's line. Token 0 is the word. */
struct md_gen_shape {
    const char *word;
    uint16_t weight;
    uint8_t tokens;
    uint8_t key;                   /* which token is the (first) key; 0: none */
    uint8_t first_number, numbers; /* which tokens are numbers */
};
extern const struct md_gen_shape md_gen_shapes[MD_GEN_KINDS];

static inline bool md_gen_is_store(enum md_gen_kind kind) { return kind <= MD_GEN_CAS; }
static inline bool md_gen_is_meta(enum md_gen_kind kind) {
    return kind >= MD_GEN_MG && kind <= MD_GEN_ME;
}
static inline bool md_gen_is_retrieval(enum md_gen_kind kind) {
    return kind >= MD_GEN_GET && kind <= MD_GEN_BGET;
}

/* ---- generate_word.c --------------------------------------------------------------------- */

static inline bool md_chance(struct md_random *r, unsigned per_1024) {
    return (md_random_next(r) >> 54) < per_1024;
}
static inline unsigned md_pick(struct md_random *r, unsigned n) {
    return (unsigned)md_random_below(r, n);
}

/* A letter that no meta command begins with. */
uint8_t md_gen_letter(unsigned n);
/* Decimal text of n; its length. */
size_t md_gen_decimal(uint64_t n, char *text);
/* A border number, now and then with a sign, other bytes, or no number at all; its length. */
size_t md_gen_number(struct md_random *r, char text[MD_GEN_WORD_MAX]);
/* Only digits: fits in 64 bits or just not. */
size_t md_gen_border(struct md_random *r, char text[MD_GEN_WORD_MAX]);
/* Key number i of a pool. */
void md_gen_make_key(struct md_gen *g, unsigned i, struct md_gen_key *k);
/* Writes an expiration time; returns when it comes (seconds since the start, 0: never). */
uint64_t md_gen_expiry(struct md_gen *g);

/* ---- generate_value.c -------------------------------------------------------------------- */

/* Makes a value for a store of key k. */
void md_gen_value(struct md_gen *g, const struct md_gen_key *k, struct md_gen_value *v);
/* Makes a piece for append and prepend. */
void md_gen_piece(struct md_gen *g, const struct md_gen_key *k, struct md_gen_value *v);

/* A value of `size` bytes that says which store made it. */
void md_gen_serial_value(struct md_gen *g, uint32_t size, struct md_gen_value *v);

/* ---- generate_line.c --------------------------------------------------------------------- */

void md_gen_put(struct md_gen *g, const char *text);
void md_gen_put_u64(struct md_gen *g, uint64_t n);
void md_gen_put_fill(struct md_gen *g, uint64_t n, uint8_t byte);
/* Decides whether the command that begins is odd, and how. */
void md_gen_choose_odd(struct md_gen *g, enum md_gen_kind kind);
/* Is this what is odd, and at the token that was begun last? */
bool md_gen_odd_here(const struct md_gen *g, enum md_gen_odd odd);
/* Does the command do what it says? As far as the picture cares. */
bool md_gen_goes_through(const struct md_gen *g);
/* Goes on to the next token of the line; false: it is not written. */
bool md_gen_token(struct md_gen *g);
void md_gen_word_token(struct md_gen *g, const char *word);
void md_gen_key_token(struct md_gen *g, const struct md_gen_key *k);
void md_gen_number_token(struct md_gen *g, uint64_t n);
/* When it comes, as md_gen_expiry. */
uint64_t md_gen_expiry_token(struct md_gen *g);
/* Writes an odd number in place of the token's own; false: there is none here. */
bool md_gen_odd_number(struct md_gen *g);
/* noreply, what is too much, and the end of the line. */
void md_gen_end_line(struct md_gen *g, bool may_be_silent);

bool md_gen_alive(const struct md_gen *g, const struct md_gen_key *k);
bool md_gen_any_alive(const struct md_gen *g, bool counter);
struct md_gen_key *md_gen_pick_key(struct md_gen *g, enum md_gen_want want);
/* The key holds a new item. */
void md_gen_stored(struct md_gen *g, struct md_gen_key *k);

/* ---- generate_store.c -------------------------------------------------------------------- */

void md_gen_store(struct md_gen *g, enum md_gen_kind kind);
/* A CAS value that may be the key's; true: it should be. */
bool md_gen_cas(struct md_gen *g, const struct md_gen_key *k);
/* What a length says when it lies about n bytes; *text: instead of a number. */
uint64_t md_gen_false_length(struct md_gen *g, uint64_t n, const char **text);
/* A data block and its end; as {block} if `symbols`. */
void md_gen_put_block(struct md_gen *g, const struct md_gen_value *v, bool symbols, bool lying_end);

/* ---- generate_meta.c --------------------------------------------------------------------- */

void md_gen_meta(struct md_gen *g, enum md_gen_kind kind);
/* One flag (letter and token) such as meta commands take, about this key. */
void md_gen_meta_flag(struct md_gen *g, const struct md_gen_key *k);

/* ---- generate_admin.c -------------------------------------------------------------------- */

/* An administrative command; a watch (for a connection of its own), or an end of the node, as a line. */
void md_gen_admin(struct md_gen *g);
void md_gen_watch(struct md_gen *g, struct md_step *send);
void md_gen_shutdown(struct md_gen *g, struct md_step *send);

/* ---- generate_wire.c --------------------------------------------------------------------- */

/* Damages a send step without respect for what it means. */
void md_wire_damage(struct md_random *r, struct md_step *send);
/* Tears send step i at any byte; what follows comes later, or elsewhere. */
void md_wire_tear(struct md_random *r, struct md_trace *t, size_t i);

/* ---- generate_command.c ------------------------------------------------------------------ */

/* Appends a command of a random kind, or of this one, to `send`. */
void md_gen_command(struct md_gen *g, struct md_step *send);
void md_gen_command_of(struct md_gen *g, struct md_step *send, enum md_gen_kind kind);
/* One retrieval of all keys. */
void md_gen_sweep(struct md_gen *g, struct md_step *send);

/* ---- generate_binary.c ------------------------------------------------------------------- */

/* Draws which requests a trace says, and how often. */
void md_gen_binary_swarm(struct md_gen *g);
/* Appends a request of a random kind, or of this one, to `send`. */
void md_gen_binary_command(struct md_gen *g, struct md_step *send);
void md_gen_request(struct md_gen *g, struct md_step *send, uint8_t loud);
/* A look at all keys. */
void md_gen_binary_sweep(struct md_gen *g, struct md_step *send);

/* ---- generate_swarm.c -------------------------------------------------------------------- */

/* No features, no keys, base weights. */
void md_gen_init(struct md_gen *g, struct md_random *r);
/* Draws features, weights and keys for a trace. */
void md_gen_swarm(struct md_gen *g);
/* Then: meta commands, with the classic ones that go with them in between. */
void md_gen_mostly_meta(struct md_gen *g);
/* Adds a key to the pool, as alive. Too long or too many: ignored. */
void md_gen_adopt_key(struct md_gen *g, const void *key, size_t len);

/* ---- generate.c -------------------------------------------------------------------------- */

/* One of the few sets of options that traces use. */
void md_gen_options(struct md_random *r, struct md_node_options *o);
/* A clock step, mostly small. */
uint32_t md_gen_seconds(struct md_random *r);
/* Takes options for a node from a list of words, NULL behind the last; false: they are refused. */
bool md_gen_take_options(const char *const *words, struct md_node_options *o);

/* ---- generate_pressure.c ----------------------------------------------------------------- */

enum { MD_POOLS = 3, MD_POOL_PAD = 40 };

/* Keys that belong to one slab class: a0, a1, a2 ... */
struct md_pool_keys {
    char letter;
    uint8_t pad;       /* bytes behind the name, for a longer key */
    uint8_t class;     /* slab class, or the largest for what is kept in chunks */
    bool counters;     /* values are numbers */
    uint32_t least;    /* bytes of an item that just goes into the class */
    uint32_t most;     /* ... that still does */
    uint32_t usual;    /* ... as this trace makes them mostly */
    unsigned capacity; /* items that fit, about */
    unsigned begun;    /* keys used so far: the next is this one */
};

/* A trace that presses, in the making. */
struct md_pressure {
    struct md_gen g; /* where words go, and the clock */
    const struct md_options *options;
    struct md_slabs slabs;
    struct md_pool_keys pool[MD_POOLS];
    unsigned n_pools;
    unsigned features;          /* enum md_pressure_feature */
    unsigned ttl, flags, quiet; /* in 1024 stores */
    unsigned commands, most_commands;
    uint64_t bytes, most_bytes; /* of data blocks */
    unsigned cas_pool, cas_key; /* ... whose CAS value was asked for */
    bool cas_wanted;
    bool send_ends; /* what follows goes into another send */
};

enum md_pressure_feature {
    MD_PRESS_DENSE = 1 << 0,  /* a class of many small chunks: about a thousand commands */
    MD_PRESS_BORDER = 1 << 1, /* sizes vary around the class's borders */
    MD_PRESS_CLOCK = 1 << 2,
    MD_PRESS_FLUSH = 1 << 3,
    MD_PRESS_SPLIT = 1 << 4,
    MD_PRESS_LIMIT = 1 << 5, /* cache_memlimit */
    MD_PRESS_REBOOT = 1 << 6,
    MD_PRESS_CLOSE = 1 << 7,
};

/* Chooses pools; the options must be those of the trace. */
void md_pressure_init(struct md_pressure *p, struct md_random *r, const struct md_options *o,
                      unsigned features);
/* Each appends to p->g.out. */
typedef void md_press(struct md_pressure *p);
md_press md_press_flood, md_press_store, md_press_read, md_press_chain, md_press_chunked,
    md_press_too_large, md_press_delete, md_press_early, md_press_brim, md_press_flush,
    md_press_stats, md_press_limit, md_press_counter, md_press_gone, md_press_gets_cas;
/* Stores items until the pool's class is full and a few more. */
void md_press_fill(struct md_pressure *p, unsigned pool);
/* The line of a store whose data will come in pieces; returns its length and byte. */
uint32_t md_press_half_store(struct md_pressure *p, uint8_t *byte);
/* What the node would say of the pools' classes. */
md_press md_press_look;

/* Bytes of a value for an item near a border of these slab classes; `key` bytes of key. */
uint32_t md_pressure_border(struct md_random *r, const struct md_options *o, size_t key);

/* ---- generate_eviction.c ----------------------------------------------------------------- */

/* One of the sets of options that put a node under pressure; or another limit for what is there. */
void md_gen_tight_options(struct md_random *r, struct md_node_options *o);
/* Commands that press a node with these options, appended to a send step. */
void md_gen_pressing_commands(struct md_random *r, const struct md_options *o,
                              struct md_step *send);
/* A clock step around the 60-second rule. */
uint32_t md_gen_lru_seconds(struct md_random *r);

#endif
