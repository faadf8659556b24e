/*
 * What the files of the binary protocol share: answers. The commands themselves:
 *
 *   packet.c            headers, and what each opcode wants
 *   binary.c            which command a request is, and what is wrong with its header
 *   binary_answer.c     answers and errors
 *   binary_retrieval.c  get, gat, touch and their forms
 *   binary_store.c      set, add, replace, append, prepend and their values
 *   binary_change.c     delete, incr, decr
 *   binary_admin.c      flush, noop, version, quit, stat
 */
#ifndef MEMDIVERGE_BINARY_INTERNAL_H
#define MEMDIVERGE_BINARY_INTERNAL_H

#include "model/binary.h"

struct md_answer {
    uint64_t cas; /* 0: none is shown */
    const uint8_t *extras, *key, *value;
    uint8_t n_extras, n_key;
    size_t n_value;
    enum md_status status;
};
/* Appends the answer to the request in hand. */
void md_binary_answer(struct md_feed *f, const struct md_answer *a);
/* The same of a mutation that did what it should: nothing if it is quiet. cas: of `record`'s item. */
void md_binary_done(struct md_feed *f, enum md_rule rule, const struct md_answer *a);
/*
 * An error, told by quiet commands too. `skip` bytes of the stream behind it are swallowed first (0: it
 * goes out at once, with all before it).
 */
void md_binary_error(struct md_feed *f, enum md_rule rule, enum md_status status, uint64_t skip);
/* The same in other words than usual. */
void md_binary_error_text(struct md_feed *f, enum md_rule rule, enum md_status status,
                          const char *text, uint64_t skip);
/* The value of a refused request is skipped. */
void md_binary_skip(struct md_feed *f, uint64_t skip);
/* Puts the command in hand into the reply; what is to go out at once does. */
void md_binary_commit(struct md_feed *f);
/* Invalid arguments, and the connection is closed. */
void md_binary_invalid(struct md_feed *f, enum md_rule rule);

/* The CAS value of the key's item, as shown from now on. */
uint64_t md_binary_show_cas(struct md_feed *f, int32_t record);

/* `rest` is behind the header: extras, key. */
void md_binary_get(struct md_feed *f, const uint8_t *rest);
/* False: the command waits for its value, or is over already. */
bool md_binary_store(struct md_feed *f, const uint8_t *rest);
void md_binary_delete(struct md_feed *f, const uint8_t *rest);
void md_binary_delta(struct md_feed *f, const uint8_t *rest);
void md_binary_flush(struct md_feed *f, const uint8_t *rest);
/* `left` bytes of the same read are behind the key. */
void md_binary_stat(struct md_feed *f, const uint8_t *key, size_t left);
void md_binary_noop(struct md_feed *f);
void md_binary_version(struct md_feed *f);
void md_binary_quit(struct md_feed *f);

static inline bool md_binary_quiet(const struct md_feed *f) { return f->c->quiet; }

#endif
