/* set, add, replace, append, prepend, cas; protocol.txt "Storage commands". */
#include "model/text_internal.h"

#include "model/lru.h"

/* Word i, or where it is nothing but tabs, the word behind it: the C library does not stop at the end of a
 * word that is not cut off. */
static struct md_number number_at(struct md_model *m, const struct md_tokens *w, size_t i,
                                  struct md_number (*read)(const uint8_t *s, size_t n)) {
    struct md_token t = w->word[i];
    struct md_number n = read(t.s, t.n);
    for (size_t at = 0; at < t.n; at++)
        if (t.s[at] < '\t' || t.s[at] > '\r')
            return n;
    if (!m->quirk[MD_QUIRK_NUMBER_NEXT_WORD])
        return n;
    n = read(t.s, (size_t)(w->end - t.s));
    n.proper = n.taken && md_quirk_applies(m, MD_QUIRK_NUMBER_NEXT_WORD);
    return n;
}

/* The numbers of a storage command but for its length; false: refused as a bad line. */
static bool store_numbers(struct md_feed *f, const struct md_tokens *w, int64_t *exptime) {
    struct md_conn *c = f->c;
    struct md_number flags = number_at(f->m, w, 2, md_number_unsigned);
    struct md_number time = number_at(f->m, w, 3, md_number_signed);
    c->cas = 0;
    if (!flags.taken || !time.taken || !md_flags_value(f, flags, &c->flags) ||
        !md_exptime_value(f, time, exptime))
        return false;
    if (c->store == MD_CMD_CAS &&
        (w->n < 6 || !md_word_unsigned(f, w->word[5], UINT64_MAX, &c->cas)))
        return false;
    f->m->literal_cas |= c->cas && c->cas <= f->m->base.cas;
    return true;
}

/* A key or number that is refused. */
static void store_bad_line(struct md_feed *f, enum md_rule rule) {
    struct md_conn *c = f->c;
    md_refuse(f, rule, MD_BAD_FORMAT);
    md_chosen(f->m, MD_CHOICE_REFUSED_STORE_REST);
    if (!f->m->profile->refused_store_swallows)
        return;
    c->missing = (uint64_t)c->nbytes + 2;
    c->state = MD_CONN_SWALLOW;
}

/* The words of a storage command, its key last looked at; false: refused. */
static bool store_words(struct md_feed *f, const struct md_tokens *w, int64_t *exptime) {
    bool swallows = f->m->profile->refused_store_swallows;
    bool cas = f->c->store == MD_CMD_CAS;
    size_t words = cas && !swallows ? 6 : 5;
    if (!md_count_is(f, w, words, words + 1))
        return false;
    md_rule_is(f->m, MD_RULE_NUMBER_BAD);
    if (swallows && !md_word_length(f, w->word[4], &f->c->nbytes)) {
        md_say(f, MD_BAD_FORMAT);
        return false;
    }
    md_note_noreply(f, w);
    md_note_surplus(f, w, cas ? 7 : 6);
    if (w->word[1].n > MD_KEY_MAX) {
        store_bad_line(f, MD_RULE_KEY_LENGTH);
        return false;
    }
    if ((!swallows && !md_word_length(f, w->word[4], &f->c->nbytes)) ||
        !store_numbers(f, w, exptime)) {
        store_bad_line(f, (enum md_rule)f->c->command.rule);
        return false;
    }
    return true;
}

/* A store that is refused: what comes as its data block is swallowed. A set removes what was there, so
 * that nobody goes on reading the old value. */
static void store_refused(struct md_feed *f, int32_t rec, enum md_rule rule, enum md_rule removes) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    md_refuse(f, rule, rule == MD_RULE_TOO_LARGE ? MD_TEXT_TOO_LARGE : MD_TEXT_NO_MEMORY);
    c->missing = (uint64_t)c->nbytes + 2;
    c->state = MD_CONN_SWALLOW;
    if (c->store != MD_CMD_SET)
        return;
    int32_t old = md_item_get(m, rec, false);
    if (old == MD_NIL)
        return;
    m->fired.rule[removes]++;
    md_item_unlink(m, old, MD_RULE_MISS_REMOVED);
}

bool md_text_next_chunk(struct md_feed *f) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    if (md_room_chunk(m, &c->room, c->missing, MD_NIL, &c->chunk_left))
        return true;
    c->command.reply_offset = (uint32_t)f->out->bytes.len;
    c->command.mark_first = (uint32_t)f->out->n_marks;
    m->stats.uncounted_no_memory++;
    m->count[m->slabs.largest].uncounted_no_memory++;
    if (c->block == MD_BLOCK_META)
        c->noreply = c->meta.quiet && md_quirk_applies(m, MD_QUIRK_MS_QUIET_ERROR);
    md_refuse(f, MD_RULE_NO_MEMORY, "SERVER_ERROR Out of memory during read");
    c->state = MD_CONN_SWALLOW;
    c->data.len = 0;
    if (c->store == MD_CMD_SET && m->records[c->record].item != MD_NIL &&
        !md_quirk_applies(m, MD_QUIRK_SET_NO_MEMORY_KEEPS)) {
        m->fired.rule[MD_RULE_NO_MEMORY_SET]++;
        md_item_unlink(m, m->records[c->record].item, MD_RULE_MISS_REMOVED);
    }
    md_feed_commit(f);
    return false;
}

bool md_text_store(struct md_feed *f, struct md_tokens *w, enum md_command_name name) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    struct md_token key = w->word[1];
    int64_t exptime;
    c->store = (uint8_t)name;
    if (!store_words(f, w, &exptime))
        return true;
    md_note_key(f, key);
    c->record = md_record_get(m, key.s, key.n);
    if (!md_size_allowed(m, key.n, c->flags, c->nbytes)) {
        m->stats.count[MD_STAT_store_too_large]++;
        store_refused(f, c->record, MD_RULE_TOO_LARGE, MD_RULE_TOO_LARGE_SET);
        return true;
    }
    size_t removals = m->n_removals;
    if (!md_room_take(m, &c->room, key.n, c->flags, c->nbytes, MD_NIL)) {
        m->stats.count[MD_STAT_store_no_memory]++;
        store_refused(f, c->record, MD_RULE_NO_MEMORY, MD_RULE_NO_MEMORY_SET);
        return true;
    }
    if (m->n_removals > removals)
        md_chosen(m, MD_CHOICE_ROOM_FIRST);
    if (m->options.segmented && name == MD_CMD_SET && m->records[c->record].item != MD_NIL)
        m->items[m->records[c->record].item].doubtful = true;
    if (m->profile->set_counts_at_line)
        md_count_store(m, c, 1);
    c->exptime = md_relative_time(m, exptime);
    c->exptime_set = m->now;
    c->missing = (uint64_t)c->nbytes + 2;
    c->chunk_left = 0;
    c->state = MD_CONN_DATA;
    c->block = MD_BLOCK_TEXT;
    if (md_is_chunked(m, key.n, c->flags, c->nbytes))
        md_text_next_chunk(f);
    return false;
}

static void say_stored(struct md_feed *f, enum md_result result) {
    static const char *const text[] = {[MD_STORED] = "STORED",
                                       [MD_NOT_STORED] = "NOT_STORED",
                                       [MD_EXISTS] = "EXISTS",
                                       [MD_NOT_FOUND] = "NOT_FOUND"};
    struct md_model *m = f->m;
    const struct md_conn *c = f->c;
    switch (result) {
    case MD_STORED:
        md_rule_is(m, c->store == MD_CMD_CAS ? MD_RULE_CAS_STORED : MD_RULE_STORE_STORED);
        if (c->store == MD_CMD_APPEND || c->store == MD_CMD_PREPEND)
            md_rule_is(m, MD_RULE_APPEND_KEEPS);
        break;
    case MD_NOT_STORED:
        md_rule_is(m, c->store == MD_CMD_ADD ? MD_RULE_ADD_EXISTS : MD_RULE_STORE_MISSING);
        break;
    case MD_EXISTS:
        md_rule_is(m, !m->options.cas ? MD_RULE_CAS_OFF
                      : c->cas == 0   ? MD_RULE_CAS_ZERO
                                      : MD_RULE_CAS_EXISTS);
        break;
    case MD_TOO_LARGE: /* append and prepend: the sum is too large */
        md_rule_is(m, MD_RULE_TOO_LARGE);
        if (md_quirk_applies(m, MD_QUIRK_APPEND_TOO_LARGE))
            md_say(f, "NOT_STORED");
        else
            md_say(f, MD_TEXT_TOO_LARGE);
        return;
    case MD_NO_MEMORY: /* append and prepend: for the sum */
        md_rule_is(m, MD_RULE_NO_MEMORY);
        m->stats.uncounted_no_memory++;
        if (md_quirk_applies(m, MD_QUIRK_APPEND_NO_MEMORY))
            md_say(f, "NOT_STORED");
        else
            md_say(f, MD_TEXT_NO_MEMORY);
        return;
    default: md_rule_is(m, MD_RULE_CAS_NOT_FOUND); break;
    }
    md_say(f, text[result]);
}

/* With the segmented LRU memory may run out or not: the reply tells. True: it did. */
static bool observed_no_memory(struct md_feed *f) {
    static const char *const texts[] = {MD_TEXT_NO_MEMORY,
                                        "SERVER_ERROR Out of memory during read"};
    struct md_model *m = f->m;
    bool may_be = m->options.segmented && md_segmented_short(m);
    for (size_t i = 0; may_be && i < sizeof texts / sizeof *texts; i++) {
        if (!md_segmented_says(m, f->out->bytes.len, texts[i], strlen(texts[i])))
            continue;
        if (i == 0)
            m->stats.count[MD_STAT_store_no_memory]++;
        if (i == 0 && m->profile->set_counts_at_line) /* it was refused at the line already */
            md_count_store(m, f->c, -1);
        md_refuse(f, MD_RULE_NO_MEMORY, texts[i]);
        /* What was there when it was refused; not what somebody stored since. */
        if (i == 0 && f->c->store == MD_CMD_SET && m->records[f->c->record].item != MD_NIL &&
            m->items[m->records[f->c->record].item].doubtful)
            md_item_unlink(m, m->records[f->c->record].item, MD_RULE_MISS_REMOVED);
        return true;
    }
    return false;
}

/* An append or prepend that answers NOT_STORED though its item was there: there was no memory, or it has
 * vanished. The item is kept: whoever looks next will see. */
static bool observed_no_join(struct md_feed *f) {
    static const char text[] = "NOT_STORED";
    struct md_model *m = f->m;
    if ((f->c->store != MD_CMD_APPEND && f->c->store != MD_CMD_PREPEND) || !m->options.segmented ||
        m->records[f->c->record].item == MD_NIL || !md_segmented_short(m) ||
        !md_segmented_says(m, f->out->bytes.len, text, sizeof text - 1))
        return false;
    md_refuse(f, MD_RULE_NO_MEMORY, text);
    md_quirk_applies(m, MD_QUIRK_APPEND_NO_MEMORY);
    md_segmented_taken_somewhere(m);
    md_failed_store(m, &(struct md_value){.cas_given = false});
    return true;
}

/* Whether what an append or prepend would make is over -I: it answers NOT_STORED, item or not. */
static bool join_too_large(const struct md_feed *f) {
    const struct md_model *m = f->m;
    const struct md_record *rec = &m->records[f->c->record];
    if (rec->item == MD_NIL)
        return false;
    const struct md_item *it = &m->items[rec->item];
    return !md_size_allowed(m, rec->nkey, it->flags, (size_t)it->nbytes + f->c->nbytes);
}

/* Before a store with its condition, see md_look(). */
static void look_before_store(struct md_feed *f) {
    static const char *const missing[] = {
        [MD_CMD_ADD] = "STORED",
        [MD_CMD_REPLACE] = "NOT_STORED",
        [MD_CMD_CAS] = "NOT_FOUND",
    };
    bool joins = f->c->store == MD_CMD_APPEND || f->c->store == MD_CMD_PREPEND;
    /* Whether there was memory for it shows in its reply, and nowhere else. */
    if (f->m->options.segmented && (f->c->noreply || !md_segmented_tells(f->m, f->out->bytes.len)))
        f->m->lost = true;
    if (f->c->store == MD_CMD_SET || (joins && join_too_large(f)))
        return;
    md_look(f, f->c->record, joins ? "NOT_STORED" : missing[f->c->store]);
}

void md_text_data(struct md_feed *f, const uint8_t *data) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    m->command = &c->command;
    c->command.reply_offset = (uint32_t)f->out->bytes.len;
    c->command.mark_first = (uint32_t)f->out->n_marks;
    if (observed_no_memory(f)) {
        md_feed_commit(f);
        return;
    }
    if (c->store == MD_CMD_SET &&
        m->records[c->record].item != MD_NIL) /* its answer is here: the set was not refused */
        m->items[m->records[c->record].item].doubtful = false;
    if (!m->profile->set_counts_at_line)
        md_count_store(m, c, 1);
    if (memcmp(data + c->nbytes, "\r\n", 2) != 0) {
        md_chosen(m, MD_CHOICE_BAD_CHUNK_REST);
        md_refuse(f, MD_RULE_BAD_DATA_CHUNK, "CLIENT_ERROR bad data chunk");
    } else if (!observed_no_join(f)) {
        if (c->exptime_set != m->now)
            md_chosen(m, MD_CHOICE_EXPTIME_AT_LINE);
        struct md_value v = {.record = c->record,
                             .flags = c->flags,
                             .exptime = c->exptime,
                             .exptime_set = c->exptime_set,
                             .by = c->store,
                             .how = c->store,
                             .cas = c->cas,
                             .data = data,
                             .nbytes = c->nbytes,
                             .room = &c->room};
        md_take_cas_left(m, c, &v);
        look_before_store(f);
        say_stored(f, md_store(m, &v));
    }
    md_room_give(&m->memory, &c->room);
    md_feed_commit(f);
}
