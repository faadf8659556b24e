/*
 * The same said in three protocols: a list of abstract commands (set this key, add to that counter) is
 * put into classic text, meta and binary commands, and said to one node on three connections, each with
 * keys of its own. After each command the three answers must mean the same, and at the end the three
 * sets of keys hold the same. A check that needs no expected bytes: neither model nor profile is asked.
 *
 *   list ---> text   set k 0 30 5 ...   STORED   --\
 *        ---> meta   ms k 5 T30 ...     HD       ----> { done } { done } { done }    the same?
 *        ---> binary 80 01 ...          81 01 .. --/
 *
 * Where the documents make a protocol answer otherwise (a binary add of a key that exists says so, a text
 * one says NOT_STORED), the answers are one. Where the three are known to part, a list ends
 * (protocols_known.def.h).
 *
 * What was sent can be had as a trace (struct md_trace), which shows the same to whoever replays it.
 */
#ifndef MEMDIVERGE_PROTOCOLS_H
#define MEMDIVERGE_PROTOCOLS_H

#include "harness/node.h"

enum {
    MD_SAYINGS_MAX = 64,
    MD_SAYING_KEYS = 5,
    MD_SAYING_BYTES = 8, /* of an input for each command */
};

enum md_speaker { MD_SPEAK_TEXT, MD_SPEAK_META, MD_SPEAK_BINARY, MD_SPEAKERS };

enum md_say {
    MD_SAY_SET,
    MD_SAY_ADD,
    MD_SAY_REPLACE,
    MD_SAY_APPEND,
    MD_SAY_PREPEND,
    MD_SAY_CAS, /* a set that compares */
    MD_SAY_GET,
    MD_SAY_DELETE,
    MD_SAY_INCR,
    MD_SAY_DECR,
    MD_SAY_TOUCH,
    MD_SAY_GAT,
    MD_SAY_FLUSH,
    MD_SAY_CLOCK,
    MD_SAYS
};

struct md_saying {
    uint8_t say; /* enum md_say */
    uint8_t key;
    bool stale;  /* CAS: a value that is not the item's */
    bool number; /* the value is `delta` in digits, else `n` bytes of `byte` */
    uint8_t byte;
    uint32_t n, flags;
    uint64_t delta;
    int64_t exptime;
    uint32_t seconds; /* CLOCK */
};

struct md_sayings {
    struct md_saying at[MD_SAYINGS_MAX];
    size_t n;
};
/* Every byte string is a list: MD_SAYING_BYTES for each command. */
void md_sayings_decode(const uint8_t *data, size_t size, struct md_sayings *s);
void md_sayings_random(uint64_t seed, uint64_t index, struct md_sayings *s);

enum md_heard_kind {
    MD_HEARD_DONE,
    MD_HEARD_HIT,
    MD_HEARD_NOT_STORED,
    MD_HEARD_EXISTS,
    MD_HEARD_MISS,
    MD_HEARD_NUMBER,
    MD_HEARD_NON_NUMERIC,
    MD_HEARD_TOO_LARGE,
    MD_HEARD_NO_MEMORY,
    MD_HEARD_ERROR,   /* any other error */
    MD_HEARD_NOTHING, /* no whole answer */
};

/* What an answer means. */
struct md_heard {
    enum md_heard_kind kind;
    uint32_t flags;
    uint64_t cas; /* a hit */
    uint64_t ttl; /* as meta's t shows it, a hit of the look at the end */
    uint64_t number;
    const uint8_t *value; /* in the reply */
    size_t n_value;
};
/* protocols_say.c: appends the command in this protocol. cas: as the key's last hit showed it. */
void md_say_in(enum md_speaker p, const struct md_saying *s, uint64_t cas, struct md_buf *out);
void md_saying_key(enum md_speaker p, unsigned key, struct md_buf *out);
/* protocols_hear.c */
void md_hear(enum md_speaker p, enum md_say say, const uint8_t *reply, size_t n,
             struct md_heard *h);
const char *md_heard_word(enum md_heard_kind kind);

struct md_disagreement {
    bool any;
    char signature[96]; /* COMMAND.FIELD.WHO: incr.value.binary */
    const char *quirk;  /* the three parted in a way that is known, and the list ended; else NULL */
    struct md_buf why;  /* a sentence with the three answers */
    size_t at;          /* index of the command; n: at the end */
};
void md_disagreement_free(struct md_disagreement *d);

/*
 * Says the list to the node, which must know none of the keys; looks at all of them at the end and
 * deletes them. Stops at the first disagreement that is not known. Anything but OK: the node is in
 * trouble (d->why says how). sent: NULL, or the trace that shows it.
 */
enum md_node_status md_protocols_run(struct md_node *node, const struct md_sayings *s,
                                     struct md_disagreement *d, struct md_trace *sent);

#endif
