/* The classic text commands; see text.h. protocol.txt is the source of what is not marked otherwise. */
#include "model/text.h"

#include "model/lru.h"

static const char BAD_FORMAT[] = "CLIENT_ERROR bad command line format";
static const char BAD_EXPTIME[] = "CLIENT_ERROR invalid exptime argument";

enum {
    HELD_MAX = 50000,     /* keys of one retrieval */
    REPLY_MAX = 64 << 20, /* bytes of one feed's replies; more is not modelled */
};

struct token {
    const uint8_t *s;
    size_t n;
};

/* The words of a line, up to MD_TOKENS_MAX - 1 at a time; `rest` is where the next pass starts. */
struct words {
    struct token word[MD_TOKENS_MAX];
    size_t n;
    const uint8_t *rest, *end;
};

static void next_words(struct words *w) {
    const uint8_t *p = w->rest;
    w->n = 0;
    while (w->n < MD_TOKENS_MAX - 1) {
        while (p < w->end && *p == ' ')
            p++;
        if (p == w->end)
            break;
        const uint8_t *start = p;
        while (p < w->end && *p != ' ')
            p++;
        w->word[w->n++] = (struct token){start, (size_t)(p - start)};
    }
    w->rest = p;
}

static bool is(struct token t, const char *text) {
    size_t n = strlen(text);
    return t.n == n && memcmp(t.s, text, n) == 0;
}

/* ---- answers ---------------------------------------------------------------------------------- */

static void say_bytes(struct md_feed *f, const char *text, size_t n) {
    struct md_command *k = &f->c->command;
    bool error = n > 4 && (memcmp(text, "ERROR", 5) == 0 || (n > 12 && text[6] == '_'));
    if (error)
        k->flags |= MD_COMMAND_ERROR;
    if (f->c->noreply) {
        k->flags |= MD_COMMAND_SILENT;
        f->m->fired.rule[MD_RULE_NOREPLY]++;
        if (error)
            md_chosen(f->m, MD_CHOICE_NOREPLY_ERROR);
        return;
    }
    md_buf_append(&f->out->bytes, text, n);
    md_buf_append(&f->out->bytes, "\r\n", 2);
}

static void say(struct md_feed *f, const char *text) { say_bytes(f, text, strlen(text)); }

static void refuse(struct md_feed *f, enum md_rule rule, const char *text) {
    md_rule_is(f->m, rule);
    say(f, text);
}

static void note_noreply(struct md_feed *f, const struct words *w) {
    f->c->noreply = w->n > 0 && is(w->word[w->n - 1], "noreply");
}

/* Surplus words where a count of `max` is the command with noreply. */
static void note_surplus(struct md_feed *f, const struct words *w, size_t max) {
    if (w->n == max && !f->c->noreply)
        md_chosen(f->m, MD_CHOICE_SURPLUS);
}

static bool count_is(struct md_feed *f, const struct words *w, size_t min, size_t max) {
    if (w->n >= min && w->n <= max)
        return true;
    refuse(f, MD_RULE_TOKENS, "ERROR");
    return false;
}

/* With the segmented LRU: whether the live item of a key is still there, as far as the node's reply to
 * the command in hand tells. */
static void look(struct md_feed *f, int32_t record, const char *missing) {
    struct md_model *m = f->m;
    if (!m->options.segmented || m->records[record].item == MD_NIL)
        return;
    if (f->c->noreply)
        md_segmented_unseen(m, m->records[record].item);
    else
        md_segmented_look(m, m->records[record].item, f->out->bytes.len, missing);
}

/* ---- numbers ---------------------------------------------------------------------------------- */

static bool lenient(struct md_feed *f, const struct md_number *n) {
    return n->proper || md_quirk_applies(f->m, MD_QUIRK_NUMBER_LENIENT);
}

/* Expiration times are "a 32-bit value". */
static bool exptime_value(struct md_feed *f, struct md_number n, int64_t *out) {
    int64_t v = (int64_t)n.value;
    if (!lenient(f, &n))
        return false;
    if (v > UINT32_MAX || v < INT32_MIN) {
        if (!md_quirk_applies(f->m, MD_QUIRK_EXPTIME_CUT))
            return false;
        v = (int32_t)v;
    } else if (v > INT32_MAX && md_quirk_applies(f->m, MD_QUIRK_EXPTIME_2038)) {
        v = (int32_t)v;
    }
    *out = v;
    return true;
}

static bool flags_value(struct md_feed *f, struct md_number n, uint32_t *out) {
    if (!lenient(f, &n))
        return false;
    if (n.value > UINT32_MAX && !md_quirk_applies(f->m, MD_QUIRK_FLAGS_CUT))
        return false;
    *out = (uint32_t)n.value;
    return true;
}

static bool bytes_value(struct md_feed *f, struct md_number n, uint32_t *out) {
    int64_t v = (int64_t)n.value;
    int32_t cut = (int32_t)v;
    if (cut < 0 || cut > INT32_MAX - 2) {
        md_rule_is(f->m, MD_RULE_LENGTH_BAD);
        return false;
    }
    if (!lenient(f, &n))
        return false;
    if (cut != v && !md_quirk_applies(f->m, MD_QUIRK_BYTES_CUT))
        return false;
    *out = (uint32_t)cut;
    return true;
}

/* ---- retrieval -------------------------------------------------------------------------------- */

static void note_key(struct md_feed *f, struct token key) {
    for (size_t i = 0; i < key.n; i++)
        if (key.s[i] < 0x21 || key.s[i] == 0x7f) {
            md_chosen(f->m, MD_CHOICE_KEY_CONTROL);
            return;
        }
}

static void say_value(struct md_feed *f, int32_t item, bool cas) {
    struct md_model *m = f->m;
    const struct md_item *it = &m->items[item];
    struct md_record *rec = &m->records[it->record];
    struct md_buf *b = &f->out->bytes;
    if (b->len + it->nbytes > REPLY_MAX) {
        m->lost = true;
        return;
    }
    md_buf_reserve(b, it->nbytes + MD_KEY_MAX + 80);
    md_buf_append(b, "VALUE ", 6);
    md_buf_append(b, rec->key, rec->nkey);
    md_buf_byte(b, ' ');
    md_buf_u64(b, it->flags);
    md_buf_byte(b, ' ');
    md_buf_u64(b, it->nbytes);
    if (cas) {
        struct md_reply *out = f->out;
        md_buf_byte(b, ' ');
        size_t at = b->len;
        md_buf_u64(b, it->cas);
        out->marks = md_grow(out->marks, &out->cap_marks, out->n_marks + 1, sizeof *out->marks);
        out->marks[out->n_marks++] = (struct md_mark){.offset = (uint32_t)at,
                                                      .len = (uint32_t)(b->len - at),
                                                      .relative = it->cas - m->base.cas};
        rec->cas_seen = it->cas;
        if (!m->options.cas)
            m->fired.rule[MD_RULE_CAS_OFF]++;
    }
    md_buf_append(b, "\r\n", 2);
    md_buf_append(b, md_item_value(it), it->nbytes);
    md_buf_append(b, "\r\n", 2);
    if (it->open_choice)
        md_stands_on(m, it->padded_by, MD_CHOICE_PADDING);
}

static void explain_miss(struct md_feed *f, const struct md_record *rec, enum md_rule rule) {
    struct md_model *m = f->m;
    if (!m->explain)
        return;
    if (rule == MD_RULE_MISS_EXPIRED)
        md_because(m, "miss: expired at t=%u, set by %s at t=%u", rec->exptime,
                   md_command_name_text((enum md_command_name)rec->exptime_by), rec->exptime_set);
    else if (rule == MD_RULE_MISS_FLUSHED)
        md_because(m, "miss: flushed");
    else if (rule == MD_RULE_MISS_DELETED || rule == MD_RULE_MISS_REMOVED)
        md_because(m, "miss: %s at t=%u",
                   rule == MD_RULE_MISS_DELETED ? "deleted" : "removed by a set that was refused",
                   rec->gone_at);
    else if (rule == MD_RULE_MISS_EVICTED)
        md_because(m, "miss: evicted at t=%u, as the least recently used of its class",
                   rec->gone_at);
    else if (rule == MD_RULE_MISS_RESTARTED)
        md_because(m, "miss: the node was restarted at t=%u", rec->gone_at);
    else
        md_because(m, "miss: never stored in this trace");
}

struct retrieval {
    bool cas, touch;
    bool hidden; /* a key behind is refused: hits will not be shown */
    uint32_t exptime;
};

/* item: MD_NIL on a miss. */
static void count_hit(struct md_model *m, const struct retrieval *r, int32_t item) {
    uint64_t *n = m->stats.count;
    bool hit = item != MD_NIL;
    if (hit) {
        struct md_class_count *of = &m->count[m->items[item].class];
        of->get_hits += !r->touch;
        of->touch_hits += r->touch;
        of->gat_hits += r->touch;
    }
    if (r->touch) {
        n[MD_STAT_cmd_touch]++;
        n[hit ? MD_STAT_touch_hits : MD_STAT_touch_misses]++;
        *(hit ? &m->stats.gat_hits : &m->stats.gat_misses) += 1;
    } else {
        n[MD_STAT_cmd_get]++;
        n[hit ? MD_STAT_get_hits : MD_STAT_get_misses]++;
    }
}

static void set_exptime(struct md_model *m, int32_t item, uint32_t exptime) {
    struct md_item *it = &m->items[item];
    it->exptime = exptime;
    it->exptime_set = m->now;
    it->exptime_by = m->command->name;
}

/* Looks one key up and answers it; returns the rule that says how. */
static enum md_rule retrieve(struct md_feed *f, struct token key, const struct retrieval *r) {
    struct md_model *m = f->m;
    note_key(f, key);
    int32_t rec = md_record_get(m, key.s, key.n);
    if (!r->hidden)
        look(f, rec, NULL);
    else if (m->options.segmented && m->records[rec].item != MD_NIL)
        md_segmented_unseen(m, m->records[rec].item);
    int32_t item = md_item_get(m, rec, true);
    count_hit(m, r, item);
    f->c->command.flags |= item != MD_NIL ? MD_COMMAND_HIT : MD_COMMAND_MISS;
    if (item == MD_NIL) {
        enum md_rule why = md_miss_rule(m, rec);
        explain_miss(f, &m->records[rec], why);
        return why;
    }
    if (r->touch)
        set_exptime(m, item, r->exptime);
    say_value(f, item, r->cas);
    if (r->touch)
        return r->cas ? MD_RULE_GETS_GAT_HIT : MD_RULE_GAT_HIT;
    return r->cas ? MD_RULE_GETS_HIT : MD_RULE_GET_HIT;
}

static bool has_bad_key(struct words w, size_t first) {
    for (size_t i = first; w.n > 0; next_words(&w), i = 0)
        for (; i < w.n; i++)
            if (w.word[i].n > MD_KEY_MAX)
                return true;
    return false;
}

/* A key that is too long: everything said so far for this command is taken back. */
static void retrieval_bad_key(struct md_feed *f, bool partial, bool touched) {
    struct md_model *m = f->m;
    struct md_command *k = &f->c->command;
    if (touched)
        md_quirk_applies(m, MD_QUIRK_GAT_REFUSED_TOUCHES);
    f->out->bytes.len = k->reply_offset;
    f->out->n_marks = k->mark_first;
    k->flags &= (uint8_t) ~(MD_COMMAND_HIT | MD_COMMAND_MISS);
    k->refs = 0;
    if (partial)
        md_chosen(m, MD_CHOICE_GET_PARTIAL);
    if (md_feed_unsent(f) && md_quirk_applies(m, MD_QUIRK_LOST_REPLIES)) {
        md_feed_lose(f);
        k->reply_offset = (uint32_t)f->out->bytes.len;
        k->mark_first = (uint32_t)f->out->n_marks;
    }
    refuse(f, MD_RULE_KEY_LENGTH, BAD_FORMAT);
}

static void retrieval(struct md_feed *f, struct words *w, struct retrieval *r) {
    struct md_model *m = f->m;
    size_t i = 1, keys = 0;
    if (r->touch) {
        struct md_number n = md_number_signed(w->word[1].s, w->word[1].n);
        int64_t exptime;
        if (!n.taken || !exptime_value(f, n, &exptime)) {
            refuse(f, MD_RULE_EXPTIME_BAD, BAD_EXPTIME);
            return;
        }
        r->exptime = md_relative_time(m, exptime);
        i = 2;
        if (w->n == 2 && !md_quirk_applies(m, MD_QUIRK_GAT_NO_KEY)) {
            refuse(f, MD_RULE_TOKENS, "ERROR");
            return;
        }
        /* A rejected command leaves nothing behind. */
        if (!m->quirk[MD_QUIRK_GAT_REFUSED_TOUCHES] && has_bad_key(*w, i)) {
            retrieval_bad_key(f, false, false);
            return;
        }
    }
    r->hidden = m->options.segmented && has_bad_key(*w, i);
    enum md_rule rule = MD_RULE_GET_MULTI;
    for (; w->n > 0; next_words(w), i = 0) {
        for (; i < w->n; i++, keys++) {
            if (w->word[i].n > MD_KEY_MAX) {
                retrieval_bad_key(f, keys > 0, r->touch && (f->c->command.flags & MD_COMMAND_HIT));
                return;
            }
            enum md_rule one = retrieve(f, w->word[i], r);
            if (keys > 0 && one != rule) {
                m->fired.rule[one]++;
                one = MD_RULE_GET_MULTI;
            }
            rule = one;
        }
    }
    /* An item may be held some 60000 times; then it is not found any more. */
    if (keys > HELD_MAX)
        m->lost = true;
    md_rule_is(m, rule);
    if (keys > 1 && rule != MD_RULE_GET_MULTI)
        m->fired.rule[MD_RULE_GET_MULTI]++;
    md_buf_append(&f->out->bytes, "END\r\n", 5);
}

static void get_command(struct md_feed *f, struct words *w, bool cas, bool touch) {
    if (w->n < 2) {
        refuse(f, MD_RULE_TOKENS, "ERROR");
        return;
    }
    struct retrieval r = {.cas = cas, .touch = touch};
    retrieval(f, w, &r);
}

/* ---- storage ---------------------------------------------------------------------------------- */

/* The numbers of a storage command; false: refused as a bad line. */
static bool store_numbers(struct md_feed *f, const struct words *w, int64_t *exptime) {
    struct md_conn *c = f->c;
    bool cas = c->store == MD_CMD_CAS;
    struct md_number flags = md_number_unsigned(w->word[2].s, w->word[2].n);
    struct md_number time = md_number_signed(w->word[3].s, w->word[3].n);
    struct md_number bytes = md_number_signed(w->word[4].s, w->word[4].n);
    struct md_number unique = {.proper = true, .taken = true};
    if (cas)
        unique = md_number_unsigned(w->word[5].s, w->word[5].n);
    md_rule_is(f->m, MD_RULE_NUMBER_BAD);
    if (!flags.taken || !time.taken || !bytes.taken || !unique.taken)
        return false;
    c->cas = unique.value;
    f->m->literal_cas |= c->cas && c->cas < f->m->base.cas;
    return bytes_value(f, bytes, &c->nbytes) && flags_value(f, flags, &c->flags) &&
           exptime_value(f, time, exptime) && lenient(f, &unique);
}

/* A store that is refused: what comes as its data block is swallowed. A set removes what was there, so
 * that nobody goes on reading the old value. */
static void store_refused(struct md_feed *f, int32_t rec, enum md_rule rule, enum md_rule removes) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    refuse(f, rule,
           rule == MD_RULE_TOO_LARGE ? "SERVER_ERROR object too large for cache"
                                     : "SERVER_ERROR out of memory storing object");
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
    refuse(f, MD_RULE_NO_MEMORY, "SERVER_ERROR Out of memory during read");
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

/* Returns false if the command waits for its data block. */
static bool store_command(struct md_feed *f, struct words *w, enum md_command_name name) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    size_t words = name == MD_CMD_CAS ? 6 : 5;
    c->store = (uint8_t)name;
    if (!count_is(f, w, words, words + 1))
        return true;
    note_noreply(f, w);
    note_surplus(f, w, words + 1);
    struct token key = w->word[1];
    int64_t exptime;
    if (key.n > MD_KEY_MAX) {
        refuse(f, MD_RULE_KEY_LENGTH, BAD_FORMAT);
        return true;
    }
    if (!store_numbers(f, w, &exptime)) {
        say(f, BAD_FORMAT);
        return true;
    }
    note_key(f, key);
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
    c->exptime = md_relative_time(m, exptime);
    c->exptime_set = m->now;
    c->missing = (uint64_t)c->nbytes + 2;
    c->chunk_left = 0;
    c->state = MD_CONN_DATA;
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
            say(f, "NOT_STORED");
        else
            say(f, "SERVER_ERROR object too large for cache");
        return;
    case MD_NO_MEMORY: /* append and prepend: for the sum */
        md_rule_is(m, MD_RULE_NO_MEMORY);
        m->stats.uncounted_no_memory++;
        if (md_quirk_applies(m, MD_QUIRK_APPEND_NO_MEMORY))
            say(f, "NOT_STORED");
        else
            say(f, "SERVER_ERROR out of memory storing object");
        return;
    default: md_rule_is(m, MD_RULE_CAS_NOT_FOUND); break;
    }
    say(f, text[result]);
}

/* With the segmented LRU memory may run out or not: the reply tells. True: it did. */
static bool observed_no_memory(struct md_feed *f) {
    static const char *const texts[] = {"SERVER_ERROR out of memory storing object",
                                        "SERVER_ERROR Out of memory during read"};
    struct md_model *m = f->m;
    bool may_be = m->options.segmented && md_segmented_short(m);
    for (size_t i = 0; may_be && i < sizeof texts / sizeof *texts; i++) {
        if (!md_segmented_says(m, f->out->bytes.len, texts[i], strlen(texts[i])))
            continue;
        if (i == 0)
            m->stats.count[MD_STAT_store_no_memory]++;
        refuse(f, MD_RULE_NO_MEMORY, texts[i]);
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
    refuse(f, MD_RULE_NO_MEMORY, text);
    md_quirk_applies(m, MD_QUIRK_APPEND_NO_MEMORY);
    md_segmented_taken_somewhere(m);
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

/* Before a store with its condition, see look(). */
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
    look(f, f->c->record, joins ? "NOT_STORED" : missing[f->c->store]);
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
    if (m->records[c->record].item != MD_NIL) /* its answer is here: the set was not refused */
        m->items[m->records[c->record].item].doubtful = false;
    m->stats.count[MD_STAT_cmd_set]++;
    m->count[md_slab_class(&m->slabs,
                           md_item_total(m, m->records[c->record].nkey, c->flags, c->nbytes))]
        .cmd_set++;
    if (memcmp(data + c->nbytes, "\r\n", 2) != 0) {
        md_chosen(m, MD_CHOICE_BAD_CHUNK_REST);
        refuse(f, MD_RULE_BAD_DATA_CHUNK, "CLIENT_ERROR bad data chunk");
    } else if (!observed_no_join(f)) {
        if (c->exptime_set != m->now)
            md_chosen(m, MD_CHOICE_EXPTIME_AT_LINE);
        struct md_value v = {.record = c->record,
                             .flags = c->flags,
                             .exptime = c->exptime,
                             .exptime_set = c->exptime_set,
                             .by = c->store,
                             .cas = c->cas,
                             .data = data,
                             .nbytes = c->nbytes,
                             .room = &c->room};
        look_before_store(f);
        say_stored(f, md_store(m, &v));
    }
    md_room_give(&m->memory, &c->room);
    md_feed_commit(f);
}

/* ---- the others ------------------------------------------------------------------------------- */

/* delete <key> [0] [noreply]: the 0 is a leftover of a delay that once was. */
static void delete_command(struct md_feed *f, const struct words *w) {
    struct md_model *m = f->m;
    if (!count_is(f, w, 2, 4))
        return;
    if (w->n > 2) {
        bool zero = is(w->word[2], "0");
        note_noreply(f, w);
        if (w->n == 3 ? !zero && !f->c->noreply : !zero || !f->c->noreply) {
            refuse(f, MD_RULE_DELETE_FORM,
                   "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]");
            return;
        }
        m->fired.rule[MD_RULE_DELETE_FORM]++;
    }
    if (w->word[1].n > MD_KEY_MAX) {
        refuse(f, MD_RULE_KEY_LENGTH, BAD_FORMAT);
        return;
    }
    note_key(f, w->word[1]);
    int32_t rec = md_record_get(m, w->word[1].s, w->word[1].n);
    look(f, rec, "NOT_FOUND");
    int32_t item = md_item_get(m, rec, false);
    m->stats.count[item == MD_NIL ? MD_STAT_delete_misses : MD_STAT_delete_hits]++;
    if (item == MD_NIL) {
        explain_miss(f, &m->records[rec], md_miss_rule(m, rec));
        refuse(f, MD_RULE_DELETE_MISS, "NOT_FOUND");
        return;
    }
    m->count[m->items[item].class].delete_hits++;
    md_item_unlink(m, item, MD_RULE_MISS_DELETED);
    refuse(f, MD_RULE_DELETED, "DELETED");
}

/* With the segmented LRU a counter that has to grow may find no memory: the reply tells. */
static bool observed_no_memory_delta(struct md_feed *f, int32_t rec, bool incr) {
    static const char text[] = "SERVER_ERROR out of memory";
    struct md_model *m = f->m;
    if (!m->options.segmented || m->records[rec].item == MD_NIL)
        return false;
    m->lost |= f->c->noreply;
    if (!md_segmented_short(m) || !md_segmented_says(m, f->out->bytes.len, text, sizeof text - 1))
        return false;
    struct md_class_count *n = &m->count[m->items[m->records[rec].item].class];
    m->stats.count[incr ? MD_STAT_incr_hits : MD_STAT_decr_hits]++;
    m->stats.failed_delta_hits[incr]++;
    n->delta_hits[incr]++;
    n->failed_delta_hits[incr]++;
    md_segmented_taken_somewhere(m);
    refuse(f, MD_RULE_NO_MEMORY_DELTA, text);
    return true;
}

static void say_delta(struct md_feed *f, const struct words *w, bool incr, uint64_t delta) {
    struct md_model *m = f->m;
    uint64_t value = 0;
    bool border = false;
    int32_t rec = md_record_get(m, w->word[1].s, w->word[1].n);
    look(f, rec, "NOT_FOUND");
    if (observed_no_memory_delta(f, rec, incr))
        return;
    enum md_result result = md_delta(m, rec, incr, delta, f->c->noreply, &value, &border);
    if (result == MD_NON_NUMERIC) {
        refuse(f, MD_RULE_DELTA_NON_NUMERIC,
               "CLIENT_ERROR cannot increment or decrement non-numeric value");
        return;
    }
    if (result == MD_NO_MEMORY) {
        refuse(f, MD_RULE_NO_MEMORY_DELTA, "SERVER_ERROR out of memory");
        return;
    }
    if (result == MD_NOT_FOUND) {
        m->stats.count[incr ? MD_STAT_incr_misses : MD_STAT_decr_misses]++;
        explain_miss(f, &m->records[rec], md_miss_rule(m, rec));
        refuse(f, MD_RULE_DELTA_MISS, "NOT_FOUND");
        return;
    }
    char text[24];
    struct md_buf digits = {.data = (uint8_t *)text, .cap = sizeof text};
    md_buf_u64(&digits, value);
    md_rule_is(m, incr ? (border ? MD_RULE_INCR_WRAP : MD_RULE_INCR)
                       : (border ? MD_RULE_DECR_FLOOR : MD_RULE_DECR));
    say_bytes(f, text, digits.len);
}

static void delta_command(struct md_feed *f, const struct words *w, bool incr) {
    if (!count_is(f, w, 3, 4))
        return;
    note_noreply(f, w);
    note_surplus(f, w, 4);
    if (w->word[1].n > MD_KEY_MAX) {
        refuse(f, MD_RULE_KEY_LENGTH, BAD_FORMAT);
        return;
    }
    struct md_number n = md_number_unsigned(w->word[2].s, w->word[2].n);
    if (!n.taken || !lenient(f, &n)) {
        refuse(f, MD_RULE_DELTA_BAD, "CLIENT_ERROR invalid numeric delta argument");
        return;
    }
    note_key(f, w->word[1]);
    say_delta(f, w, incr, n.value);
}

static void touch_command(struct md_feed *f, const struct words *w) {
    struct md_model *m = f->m;
    if (!count_is(f, w, 3, 4))
        return;
    note_noreply(f, w);
    note_surplus(f, w, 4);
    if (w->word[1].n > MD_KEY_MAX) {
        refuse(f, MD_RULE_KEY_LENGTH, BAD_FORMAT);
        return;
    }
    struct md_number n = md_number_signed(w->word[2].s, w->word[2].n);
    int64_t exptime;
    if (!n.taken || !exptime_value(f, n, &exptime)) {
        refuse(f, MD_RULE_EXPTIME_BAD, BAD_EXPTIME);
        return;
    }
    note_key(f, w->word[1]);
    int32_t rec = md_record_get(m, w->word[1].s, w->word[1].n);
    look(f, rec, "NOT_FOUND");
    int32_t item = md_item_get(m, rec, true);
    m->stats.count[MD_STAT_cmd_touch]++;
    m->stats.count[item == MD_NIL ? MD_STAT_touch_misses : MD_STAT_touch_hits]++;
    if (item == MD_NIL) {
        explain_miss(f, &m->records[rec], md_miss_rule(m, rec));
        refuse(f, MD_RULE_TOUCH_MISS, "NOT_FOUND");
        return;
    }
    m->count[m->items[item].class].touch_hits++;
    set_exptime(m, item, md_relative_time(m, exptime));
    refuse(f, MD_RULE_TOUCHED, "TOUCHED");
}

static void flush_command(struct md_feed *f, const struct words *w) {
    struct md_model *m = f->m;
    if (!count_is(f, w, 1, 3))
        return;
    note_noreply(f, w);
    m->stats.count[MD_STAT_cmd_flush]++;
    if (!m->options.flush_enabled) {
        refuse(f, MD_RULE_FLUSH_OFF, "CLIENT_ERROR flush_all not allowed");
        return;
    }
    int64_t delay = 0;
    if (w->n != (f->c->noreply ? 2u : 1u)) {
        struct md_number n = md_number_signed(w->word[1].s, w->word[1].n);
        if (!n.taken || !exptime_value(f, n, &delay)) {
            refuse(f, MD_RULE_EXPTIME_BAD, BAD_EXPTIME);
            return;
        }
        note_surplus(f, w, 3);
    }
    /* What a delayed flush kills, and with -C every one, hangs on when background threads moved it. */
    m->lost |= m->options.segmented && (delay > 0 || !m->options.cas);
    md_flush_all(m, delay);
    refuse(f,
           delay > 0   ? MD_RULE_FLUSH_DELAYED
           : delay < 0 ? MD_RULE_FLUSH_NEGATIVE
                       : MD_RULE_FLUSH_NOW,
           "OK");
}

static void verbosity_command(struct md_feed *f, const struct words *w) {
    if (!count_is(f, w, 2, 3))
        return;
    note_noreply(f, w);
    note_surplus(f, w, 3);
    struct md_number n = md_number_unsigned(w->word[1].s, w->word[1].n);
    if (!n.taken || !lenient(f, &n)) {
        refuse(f, MD_RULE_NUMBER_BAD, BAD_FORMAT);
        return;
    }
    refuse(f, MD_RULE_VERBOSITY, "OK");
}

/* stats cachedump <class> <limit>: what is there, the one moved to the head last first. */
static void cachedump(struct md_feed *f, const struct words *w) {
    enum { DUMP_MAX = 2 << 20, END_MAX = 6 }; /* bytes of one answer, of its end */
    struct md_model *m = f->m;
    f->c->command.name = MD_CMD_CACHEDUMP;
    if (w->n < 4) {
        refuse(f, MD_RULE_CACHEDUMP_BAD, "CLIENT_ERROR bad command line");
        return;
    }
    struct md_number class = md_number_unsigned(w->word[2].s, w->word[2].n);
    struct md_number limit = md_number_unsigned(w->word[3].s, w->word[3].n);
    if (!class.taken || !limit.taken || !lenient(f, &class) || !lenient(f, &limit)) {
        refuse(f, MD_RULE_CACHEDUMP_BAD, BAD_FORMAT);
        return;
    }
    uint32_t id = (uint32_t) class.value, most = (uint32_t)limit.value;
    if (id >= MD_SLAB_CLASSES) {
        refuse(f, MD_RULE_CACHEDUMP_BAD, "CLIENT_ERROR Illegal slab id");
        return;
    }
    md_rule_is(m, MD_RULE_CACHEDUMP);
    struct md_buf *b = &f->out->bytes;
    size_t begin = b->len;
    uint32_t shown = 0;
    for (int32_t i = m->head[id]; i != MD_NIL && (most == 0 || shown < most);
         i = m->items[i].next) {
        const struct md_item *it = &m->items[i];
        const struct md_record *rec = &m->records[it->record];
        size_t before = b->len;
        md_buf_str(b, "ITEM ");
        md_buf_append(b, rec->key, rec->nkey);
        md_buf_printf(b, " [%u b; %llu s]\r\n", it->nbytes,
                      it->exptime
                          ? (unsigned long long)(m->start_time - MD_RESTART_SLACK + it->exptime)
                          : 0ULL);
        if (b->len - begin + END_MAX > DUMP_MAX) {
            b->len = before;
            break;
        }
        shown++;
        if (it->open_choice)
            md_stands_on(m, it->padded_by, MD_CHOICE_PADDING);
    }
    md_buf_str(b, "END\r\n");
}

static void show_stats(struct md_feed *f, void (*snapshot)(struct md_model *m)) {
    f->c->command.flags |= MD_COMMAND_STATS;
    snapshot(f->m);
    if (f->m->options.segmented)
        md_segmented_skip(f->m, f->out->bytes.len);
}

static void stats_command(struct md_feed *f, const struct words *w) {
    static const struct {
        const char *word;
        enum md_command_name name;
        enum md_rule rule;
        void (*snapshot)(struct md_model *m);
    } kinds[] = {{"items", MD_CMD_STATS_ITEMS, MD_RULE_STATS_ITEMS, md_stats_snapshot_items},
                 {"slabs", MD_CMD_STATS_SLABS, MD_RULE_STATS_SLABS, md_stats_snapshot_slabs}};
    struct md_model *m = f->m;
    struct md_command *k = &f->c->command;
    if (w->n == 1) {
        md_rule_is(m, MD_RULE_STATS);
        show_stats(f, md_stats_snapshot);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (is(w->word[1], kinds[i].word)) {
            k->name = (uint8_t)kinds[i].name;
            md_rule_is(m, kinds[i].rule);
            show_stats(f, kinds[i].snapshot);
            return;
        }
    if (is(w->word[1], "cachedump") && !m->options.segmented) {
        cachedump(f, w);
        return;
    }
    if (!is(w->word[1], "reset")) {
        f->unmodelled = true;
        return;
    }
    k->name = MD_CMD_STATS_RESET;
    md_stats_reset(m);
    refuse(f, MD_RULE_STATS_RESET, "RESET");
}

/* cache_memlimit <mebibytes> */
static void memlimit_command(struct md_feed *f, const struct words *w) {
    enum { LEAST = 8, MOST = 1000000000 };
    struct md_model *m = f->m;
    if (!count_is(f, w, 2, 3))
        return;
    note_noreply(f, w);
    note_surplus(f, w, 3);
    struct md_number n = md_number_unsigned(w->word[1].s, w->word[1].n);
    uint32_t limit = (uint32_t)n.value;
    md_rule_is(m, MD_RULE_MEMLIMIT_BAD);
    if (!n.taken || !lenient(f, &n))
        say(f, "ERROR");
    else if (limit < LEAST)
        say(f, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
    else if (limit > MOST)
        say(f, "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes");
    else if (m->memory.preallocated)
        say(f, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
    else {
        m->memory.limit = (uint64_t)limit << 20;
        if (m->segmented.least_limit > m->memory.limit)
            m->segmented.least_limit = m->memory.limit;
        refuse(f, MD_RULE_CACHE_MEMLIMIT, "OK");
    }
}

static void quit_command(struct md_feed *f) {
    md_rule_is(f->m, MD_RULE_QUIT);
    f->close = true;
}

/* ---- which command ----------------------------------------------------------------------------- */

static enum md_command_name command_name(struct token t) {
    switch (t.n) {
    case 2: return is(t, "mn") ? MD_CMD_MN : MD_CMD_UNKNOWN;
    case 3:
        return is(t, "get")   ? MD_CMD_GET
               : is(t, "set") ? MD_CMD_SET
               : is(t, "cas") ? MD_CMD_CAS
               : is(t, "gat") ? MD_CMD_GAT
               : is(t, "add") ? MD_CMD_ADD
                              : MD_CMD_UNKNOWN;
    case 4:
        return is(t, "gets")   ? MD_CMD_GETS
               : is(t, "incr") ? MD_CMD_INCR
               : is(t, "decr") ? MD_CMD_DECR
               : is(t, "gats") ? MD_CMD_GATS
               : is(t, "quit") ? MD_CMD_QUIT
                               : MD_CMD_UNKNOWN;
    case 5: return is(t, "touch") ? MD_CMD_TOUCH : is(t, "stats") ? MD_CMD_STATS : MD_CMD_UNKNOWN;
    case 6:
        return is(t, "append") ? MD_CMD_APPEND : is(t, "delete") ? MD_CMD_DELETE : MD_CMD_UNKNOWN;
    case 7:
        return is(t, "replace")   ? MD_CMD_REPLACE
               : is(t, "prepend") ? MD_CMD_PREPEND
               : is(t, "version") ? MD_CMD_VERSION
                                  : MD_CMD_UNKNOWN;
    case 8: return is(t, "shutdown") ? MD_CMD_SHUTDOWN : MD_CMD_UNKNOWN;
    case 9:
        return is(t, "flush_all")   ? MD_CMD_FLUSH_ALL
               : is(t, "verbosity") ? MD_CMD_VERBOSITY
                                    : MD_CMD_UNKNOWN;
    case 14: return is(t, "cache_memlimit") ? MD_CMD_CACHE_MEMLIMIT : MD_CMD_UNKNOWN;
    default: return MD_CMD_UNKNOWN;
    }
}

/* Commands of a node that this model has no picture of. */
static bool beyond_model(struct token t) {
    static const char *const words[] = {"mg",    "ms",       "md",           "ma",
                                        "me",    "lru",      "lru_crawler",  "slabs",
                                        "watch", "extstore", "refresh_certs"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (is(t, words[i]))
            return true;
    return false;
}

static void unknown_command(struct md_feed *f, struct words *w) {
    struct token first = w->word[0], last = w->word[w->n - 1];
    if (beyond_model(first)) {
        f->unmodelled = true;
        return;
    }
    if (is(first, "bget") && w->n > 1 && md_quirk_applies(f->m, MD_QUIRK_BGET)) {
        f->c->command.name = MD_CMD_GET;
        get_command(f, w, false, false);
        return;
    }
    /* Commands that begin like these are refused before the look at the last word. */
    bool early =
        first.n < 2 || memchr("gsacidt", first.s[0], 7) || (first.s[0] == 'm' && first.n == 2);
    if (!early && last.n >= 5 && memcmp(last.s, "HTTP/", 5) == 0) {
        md_rule_is(f->m, MD_RULE_HTTP);
        f->close = true;
        return;
    }
    refuse(f, MD_RULE_UNKNOWN, "ERROR");
}

static void shutdown_command(struct md_feed *f) {
    refuse(f, MD_RULE_SHUTDOWN_OFF, "ERROR: shutdown not enabled");
}

/* Returns false if the command waits for its data block. */
static bool dispatch(struct md_feed *f, struct words *w, enum md_command_name name) {
    switch (name) {
    case MD_CMD_SET:
    case MD_CMD_ADD:
    case MD_CMD_REPLACE:
    case MD_CMD_APPEND:
    case MD_CMD_PREPEND:
    case MD_CMD_CAS: return store_command(f, w, name);
    case MD_CMD_GET:
    case MD_CMD_GETS:
    case MD_CMD_GAT:
    case MD_CMD_GATS:
        get_command(f, w, name == MD_CMD_GETS || name == MD_CMD_GATS, name >= MD_CMD_GAT);
        break;
    case MD_CMD_DELETE: delete_command(f, w); break;
    case MD_CMD_INCR:
    case MD_CMD_DECR: delta_command(f, w, name == MD_CMD_INCR); break;
    case MD_CMD_TOUCH: touch_command(f, w); break;
    case MD_CMD_FLUSH_ALL: flush_command(f, w); break;
    case MD_CMD_VERBOSITY: verbosity_command(f, w); break;
    case MD_CMD_VERSION:
        md_rule_is(f->m, MD_RULE_VERSION);
        md_buf_printf(&f->out->bytes, "VERSION %s\r\n", f->m->profile->version);
        break;
    case MD_CMD_QUIT: quit_command(f); break;
    case MD_CMD_STATS: stats_command(f, w); break;
    case MD_CMD_MN: refuse(f, MD_RULE_BARRIER, "MN"); break;
    case MD_CMD_CACHE_MEMLIMIT: memlimit_command(f, w); break;
    case MD_CMD_SHUTDOWN: shutdown_command(f); break;
    default: unknown_command(f, w); break;
    }
    return true;
}

void md_text_line(struct md_feed *f, const uint8_t *line, size_t n) {
    const uint8_t *nul = memchr(line, 0, n);
    if (nul) {
        n = (size_t)(nul - line);
        md_chosen(f->m, MD_CHOICE_NUL_IN_LINE);
    }
    struct words w;
    w.rest = line;
    w.end = line + n;
    next_words(&w);
    f->c->noreply = false;
    if (w.n == 0) {
        refuse(f, MD_RULE_UNKNOWN, "ERROR");
        md_feed_commit(f);
        return;
    }
    enum md_command_name name = command_name(w.word[0]);
    f->c->command.name = (uint8_t)name;
    if (!dispatch(f, &w, name))
        return;
    if (f->unmodelled)
        return;
    md_feed_commit(f);
    name = (enum md_command_name)f->c->command.name;
    bool retrieval_done =
        name >= MD_CMD_GET && name <= MD_CMD_GATS && !(f->c->command.flags & MD_COMMAND_ERROR);
    if (retrieval_done || name == MD_CMD_MN || name == MD_CMD_QUIT)
        md_feed_send(f);
}

bool md_text_long_line(struct md_feed *f, const uint8_t *line, size_t n) {
    size_t at = 0;
    while (at < n && line[at] == ' ')
        at++;
    bool blanks = at > 100;
    const uint8_t *s = line + at;
    n -= at;
    bool get = n >= 5 && (memcmp(s, "get ", 4) == 0 || memcmp(s, "gets ", 5) == 0);
    bool gat = n >= 5 && (memcmp(s, "gat ", 4) == 0 || memcmp(s, "gats ", 5) == 0);
    if (!blanks && get) {
        return true;
    }
    md_feed_begin(f, f->c->input - n - at);
    md_rule_is(f->m, MD_RULE_LONG_LINE);
    if (!blanks && gat && !md_quirk_applies(f->m, MD_QUIRK_GAT_LONG_LINE))
        return true;
    md_feed_commit(f);
    return false;
}
