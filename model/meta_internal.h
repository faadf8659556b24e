/*
 * What the files of the meta commands share: their flags, and the flags that their answers return.
 *
 *   meta.c          which command it is; me
 *   meta_flags.c    the key and the flags of a line
 *   meta_reply.c    codes and return flags
 *   meta_get.c      mg
 *   meta_store.c    ms and its data block
 *   meta_change.c   md and ma
 */
#ifndef MEMDIVERGE_META_INTERNAL_H
#define MEMDIVERGE_META_INTERNAL_H

#include "model/meta.h"

enum {
    MD_META_FLAGS = 127,     /* flags are characters below this */
    MD_META_OPAQUE_MAX = 32, /* bytes of an opaque, without its O */
};

struct md_meta {
    const struct md_tokens *w;
    size_t first; /* word of the first flag */
    uint8_t key[MD_KEY_MAX];
    size_t nkey;
    bool binary;               /* the key came as base64 */
    uint8_t at[MD_META_FLAGS]; /* which word a flag is; 0: not given */
    uint32_t exptime, vivify;  /* T and N, relative seconds */
    int64_t recache;           /* R as given */
    uint32_t flags;            /* F */
    uint64_t cas, new_cas;     /* C and E */
    uint64_t delta, initial;   /* D and J */
    char mode;                 /* M; 0: none */
    bool opaque_long;          /* O is longer than is allowed: refused where it is read */
    const char *error;         /* why it was refused */
};

static inline bool md_meta_has(const struct md_meta *k, char flag) {
    return k->at[(unsigned char)flag] != 0;
}
static inline struct md_token md_meta_word(const struct md_meta *k, char flag) {
    return k->w->word[k->at[(unsigned char)flag]];
}

/* What is wrong with the key or the number of words, before flags are read; NULL: nothing. */
const char *md_meta_bad_shape(struct md_feed *f, const struct md_tokens *w,
                              enum md_command_name name);
/* Reads the flags from word `first` on. False: refused; k->error and the command's rule say why. */
bool md_meta_flags(struct md_feed *f, const struct md_tokens *w, size_t first, struct md_meta *k);
/* Notes flags that the command does not know but takes, for those are not in its list. */
void md_meta_foreign(struct md_feed *f, const struct md_meta *k, const char *known);

/* ---- answers ----------------------------------------------------------------------------- */

/* Where the answer of the command in hand begins: it is taken back to there by md_meta_unsay. */
void md_meta_unsay(struct md_feed *f);
/* One return flag: its letter and a number. */
void md_meta_say_number(struct md_feed *f, char flag, uint64_t n);
void md_meta_say_cas(struct md_feed *f, int32_t record, uint64_t cas);
void md_meta_say_ttl(struct md_feed *f, uint32_t exptime);
void md_meta_say_opaque(struct md_feed *f, struct md_token opaque);
void md_meta_say_key(struct md_feed *f, const uint8_t *key, size_t nkey, bool binary);
/* The key as its item knows it. */
void md_meta_say_item_key(struct md_feed *f, int32_t item);
/* O and k of the request, in their order. */
void md_meta_say_request(struct md_feed *f, const struct md_meta *k);
/* What was said is a nominal answer: with q it is not sent. */
void md_meta_hush(struct md_feed *f);
/* The padding of a counter shows in this answer. */
void md_meta_shows_value(struct md_feed *f, int32_t item);

/* ---- commands ---------------------------------------------------------------------------- */

/* Seconds since the item was used last, as the version tells it. */
uint32_t md_meta_idle(struct md_feed *f, int32_t item);
/* Makes an item for a key that has none, by flag N; MD_NIL: no memory. */
int32_t md_meta_vivify(struct md_feed *f, const struct md_meta *k, int32_t record,
                       const void *value, size_t n);

void md_meta_get(struct md_feed *f, struct md_meta *k);
/* Returns false if the command waits for its data block. */
bool md_meta_store(struct md_feed *f, struct md_tokens *w, struct md_meta *k);
void md_meta_delete(struct md_feed *f, struct md_meta *k);
void md_meta_delta(struct md_feed *f, struct md_meta *k);

#endif
