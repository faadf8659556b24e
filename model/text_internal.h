/*
 * What the files of the text protocol share: words, numbers, answers. The commands themselves:
 *
 *   text.c            which command a line is
 *   text_words.c      the words of a line, the numbers in them, one-line answers
 *   text_number.c     numbers as the version reads them
 *   text_retrieval.c  get, gets, gat, gats
 *   text_store.c      set, add, replace, append, prepend, cas and their data blocks
 *   text_change.c     delete, incr, decr, touch
 *   text_admin.c      flush_all, verbosity, stats, cache_memlimit
 *   text_stats.c      stats settings, sizes, conns, detail and what else there is
 *   text_control.c    slabs, lru, lru_crawler, watch, shutdown, extstore, refresh_certs
 */
#ifndef MEMDIVERGE_TEXT_INTERNAL_H
#define MEMDIVERGE_TEXT_INTERNAL_H

#include "model/text.h"

#define MD_BAD_FORMAT "CLIENT_ERROR bad command line format"
#define MD_BAD_EXPTIME "CLIENT_ERROR invalid exptime argument"
#define MD_TEXT_TOO_LARGE "SERVER_ERROR object too large for cache"
#define MD_TEXT_NO_MEMORY "SERVER_ERROR out of memory storing object"

struct md_token {
    const uint8_t *s;
    size_t n;
};

/* The words of a line, up to MD_TOKENS_MAX - 1 at a time; `rest` is where the next pass starts. */
struct md_tokens {
    struct md_token word[MD_TOKENS_MAX];
    size_t n;
    const uint8_t *rest, *end;
};
void md_tokens_next(struct md_tokens *w);
bool md_token_is(struct md_token t, const char *text);

/* An answer of one line, CRLF added; nothing with noreply. Error lines are noted as such. */
void md_say(struct md_feed *f, const char *text);
void md_say_bytes(struct md_feed *f, const char *text, size_t n);
/* The same, and the rule behind it. */
void md_refuse(struct md_feed *f, enum md_rule rule, const char *text);

/* The CAS value of the key's item, marked as such. */
void md_say_cas(struct md_feed *f, int32_t record, uint64_t cas);

/* Whether the last word is noreply. */
void md_note_noreply(struct md_feed *f, const struct md_tokens *w);
/* Surplus words where a count of `max` is the command with noreply. */
void md_note_surplus(struct md_feed *f, const struct md_tokens *w, size_t max);
/* Answers ERROR if it is not that many words. */
bool md_count_is(struct md_feed *f, const struct md_tokens *w, size_t min, size_t max);
void md_note_key(struct md_feed *f, struct md_token key);

/* Numbers as a version takes them; false: refused. */
bool md_lenient(struct md_feed *f, const struct md_number *n);
bool md_exptime_value(struct md_feed *f, struct md_number n, int64_t *out);
bool md_flags_value(struct md_feed *f, struct md_number n, uint32_t *out);
bool md_bytes_value(struct md_feed *f, struct md_number n, uint32_t *out);
/* The same of a word, by the reader that the version has for it. */
bool md_word_unsigned(struct md_feed *f, struct md_token t, uint64_t most, uint64_t *out);
bool md_word_exptime(struct md_feed *f, struct md_token t, int64_t *out);
bool md_word_length(struct md_feed *f, struct md_token t, uint32_t *out);

/* With the segmented LRU: whether the live item of a key is still there, as far as the node's reply to
 * the command in hand tells. */
void md_look(struct md_feed *f, int32_t record, const char *missing);
/* The reason of a miss in words. */
void md_explain_miss(struct md_feed *f, const struct md_record *rec, enum md_rule rule);
/* A new expiration time (relative seconds) by the command in hand. */
void md_set_exptime(struct md_model *m, int32_t item, uint32_t exptime);

void md_text_get(struct md_feed *f, struct md_tokens *w, bool cas, bool touch);
/* Returns false if the command waits for its data block. */
bool md_text_store(struct md_feed *f, struct md_tokens *w, enum md_command_name name);
void md_text_delete(struct md_feed *f, const struct md_tokens *w);
void md_text_delta(struct md_feed *f, const struct md_tokens *w, bool incr);
void md_text_touch(struct md_feed *f, const struct md_tokens *w);
void md_text_flush(struct md_feed *f, const struct md_tokens *w);
void md_text_verbosity(struct md_feed *f, const struct md_tokens *w);
void md_text_stats(struct md_feed *f, const struct md_tokens *w);
void md_text_memlimit(struct md_feed *f, const struct md_tokens *w);
void md_text_stats_other(struct md_feed *f, const struct md_tokens *w);
void md_text_slabs(struct md_feed *f, const struct md_tokens *w);
void md_text_lru(struct md_feed *f, const struct md_tokens *w);
void md_text_crawler(struct md_feed *f, const struct md_tokens *w);
/* The connection may be a watcher afterwards. */
void md_text_watch(struct md_feed *f, const struct md_tokens *w);
void md_text_shutdown(struct md_feed *f, const struct md_tokens *w);
void md_text_extstore(struct md_feed *f, const struct md_tokens *w);
void md_text_refresh_certs(struct md_feed *f, const struct md_tokens *w);

#endif
