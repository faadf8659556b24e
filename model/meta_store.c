/* ms and its data block; protocol.txt "Meta Set". */
#include "model/meta_internal.h"

#include "model/lru.h"

#define OPAQUE_LONG "CLIENT_ERROR opaque token too long"

/* The store that a mode stands for; MD_CMD_UNKNOWN: there is no such mode. */
static enum md_command_name store_of(const struct md_meta *k) {
    switch (k->mode) {
    case 0:
    case 'S':
    case 'R':
        if (md_meta_has(k, 'C'))
            return MD_CMD_CAS;
        return k->mode == 'R' ? MD_CMD_REPLACE : MD_CMD_SET;
    case 'E': return MD_CMD_ADD;
    case 'A': return MD_CMD_APPEND;
    case 'P': return MD_CMD_PREPEND;
    default: return MD_CMD_UNKNOWN;
    }
}

static void swallow(struct md_feed *f) {
    f->c->missing = (uint64_t)f->c->nbytes + 2;
    f->c->state = MD_CONN_SWALLOW;
}

/* Everything about a line that is refused once its length is known: the data block is swallowed. */
static bool refused(struct md_feed *f, const struct md_meta *k) {
    if (k->error) {
        md_say(f, k->error);
    } else if (store_of(k) == MD_CMD_UNKNOWN) {
        md_refuse(f, MD_RULE_META_MODE_BAD, "CLIENT_ERROR invalid mode for ms M token");
    } else if (k->opaque_long && !f->m->profile->ms_opaque_late) {
        md_refuse(f, MD_RULE_META_OPAQUE_LONG, OPAQUE_LONG);
    } else {
        return false;
    }
    swallow(f);
    return true;
}

/* Too large, or no memory. The old value of a set goes; that of another mode should not. */
static void no_room(struct md_feed *f, enum md_rule rule, enum md_rule removes) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    bool set = c->store == MD_CMD_SET;
    md_refuse(f, rule, rule == MD_RULE_TOO_LARGE ? MD_TEXT_TOO_LARGE : MD_TEXT_NO_MEMORY);
    swallow(f);
    int32_t old = md_item_get(m, c->record, false);
    if (old == MD_NIL || (!set && !md_quirk_applies(m, MD_QUIRK_MS_REFUSED_REMOVES)))
        return;
    if (set)
        m->fired.rule[removes]++;
    md_item_unlink(m, old, MD_RULE_MISS_REMOVED);
}

/* What the answer will need when the data block is there. */
static void keep(struct md_feed *f, const struct md_meta *k) {
    struct md_conn *c = f->c;
    struct md_meta_block *b = &c->meta;
    const char *returned = f->m->profile->ms_returns_size ? "Okcs" : "Okc";
    *b = (struct md_meta_block){.quiet = md_meta_has(k, 'q'),
                                .invalidate = md_meta_has(k, 'I') && c->store == MD_CMD_CAS,
                                .compare = md_meta_has(k, 'C'),
                                .binary_key = k->binary};
    for (size_t i = k->first; i < k->w->n; i++)
        if (strchr(returned, k->w->word[i].s[0]))
            b->returns[b->n_returns++] = (char)k->w->word[i].s[0];
    if (md_meta_has(k, 'O')) {
        struct md_token o = md_meta_word(k, 'O');
        b->n_opaque = (uint8_t)o.n;
        memcpy(b->opaque, o.s, o.n);
    }
    b->vivify = (c->store == MD_CMD_APPEND || c->store == MD_CMD_PREPEND) && md_meta_has(k, 'N') &&
                f->m->profile->ms_append_vivifies;
    c->exptime = b->vivify ? k->vivify : k->exptime;
}

/* A version may draw the CAS value of the item to come when it reads the line. */
static void draw_cas(struct md_feed *f, const struct md_meta *k, bool *given, uint64_t *cas) {
    *given = md_meta_has(k, 'E') && k->new_cas;
    *cas = k->new_cas;
    if (!*given && f->m->profile->ms_draws_cas_early) {
        *given = true;
        *cas = ++f->m->cas;
    }
    if (f->m->profile->ms_draws_cas_early)
        md_leave_cas(f->m, f->c, *cas);
}

static bool begin_data(struct md_feed *f, const struct md_meta *k) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    size_t removals = m->n_removals;
    c->record = md_record_get(m, k->key, k->nkey);
    if (!md_size_allowed(m, k->nkey, k->flags, c->nbytes)) {
        m->stats.count[MD_STAT_store_too_large]++;
        no_room(f, MD_RULE_TOO_LARGE, MD_RULE_TOO_LARGE_SET);
        return false;
    }
    if (!md_room_take(m, &c->room, k->nkey, k->flags, c->nbytes, MD_NIL)) {
        m->stats.count[MD_STAT_store_no_memory]++;
        no_room(f, MD_RULE_NO_MEMORY, MD_RULE_NO_MEMORY_SET);
        return false;
    }
    if (m->n_removals > removals)
        md_chosen(m, MD_CHOICE_ROOM_FIRST);
    c->flags = k->flags;
    c->exptime_set = m->now;
    c->cas = k->cas;
    c->block = MD_BLOCK_META;
    c->missing = (uint64_t)c->nbytes + 2;
    c->chunk_left = 0;
    c->state = MD_CONN_DATA;
    return true;
}

bool md_meta_store(struct md_feed *f, struct md_tokens *w, struct md_meta *k) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    bool given = false;
    uint64_t cas = 0;
    md_rule_is(m, MD_RULE_NUMBER_BAD);
    if (!md_word_length(f, w->word[2], &c->nbytes)) {
        md_say(f, MD_BAD_FORMAT);
        return true;
    }
    k->error = md_meta_bad_shape(f, w, MD_CMD_MS);
    bool good = k->error == NULL && md_meta_flags(f, w, 3, k);
    if (good && !m->profile->ms_opaque_late)
        draw_cas(f, k, &given, &cas);
    if (refused(f, k))
        return true;
    md_meta_foreign(f, k, m->profile->ms_returns_size ? "bcCFIkOqTMPLENs" : "bcCFIkOqTMPL");
    c->store = (uint8_t)store_of(k);
    if (c->store != MD_CMD_SET)
        m->fired.rule[MD_RULE_META_MODE]++;
    if (!begin_data(f, k))
        return true;
    if (m->profile->set_counts_at_line)
        md_count_store(m, c, 1);
    if (m->profile->ms_opaque_late)
        draw_cas(f, k, &given, &cas);
    if (k->opaque_long) {
        md_refuse(f, MD_RULE_META_OPAQUE_LONG, OPAQUE_LONG);
        swallow(f);
        return true;
    }
    keep(f, k);
    c->meta.cas_given = given;
    c->meta.new_cas = cas;
    if (md_is_chunked(m, k->nkey, k->flags, c->nbytes))
        md_text_next_chunk(f);
    return false;
}

/* ---- the data block ------------------------------------------------------------------------ */

/* Under the segmented LRU: what the node's answer says of the item that was there. */
static void look(struct md_feed *f) {
    struct md_model *m = f->m;
    const struct md_conn *c = f->c;
    const char *missing = c->store == MD_CMD_ADD ? "HD" : c->store == MD_CMD_CAS ? "NF" : "NS";
    size_t at = f->out->bytes.len;
    if (!m->options.segmented)
        return;
    m->lost |= c->meta.quiet || c->meta.vivify || !md_segmented_tells(m, at);
    m->lost |= md_segmented_short(m) && (md_segmented_says(m, at, "SERVER_ERROR", 12) ||
                                         (c->store != MD_CMD_REPLACE && c->store != MD_CMD_CAS &&
                                          md_segmented_says(m, at, "NS", 2)));
    if (c->store != MD_CMD_SET)
        md_look(f, c->record, missing);
}

/* append and prepend with C: compared first. MD_STORED: they go on. */
static enum md_result compare(struct md_feed *f) {
    struct md_model *m = f->m;
    const struct md_conn *c = f->c;
    if (!c->meta.compare || (c->store != MD_CMD_APPEND && c->store != MD_CMD_PREPEND))
        return MD_STORED;
    int32_t item = md_item_get(m, c->record, false);
    if (item == MD_NIL)
        return c->meta.vivify || md_quirk_applies(m, MD_QUIRK_APPEND_CAS_MISS) ? MD_STORED
                                                                               : MD_NOT_FOUND;
    /* With -C a version has no place to keep what was asked for. */
    return md_cas_matches(m, item, m->options.cas ? c->cas : 0, true) ? MD_STORED : MD_EXISTS;
}

static void say_returns(struct md_feed *f, bool stored) {
    struct md_model *m = f->m;
    const struct md_conn *c = f->c;
    const struct md_meta_block *b = &c->meta;
    const struct md_record *rec = &m->records[c->record];
    for (unsigned i = 0; i < b->n_returns; i++)
        switch (b->returns[i]) {
        case 'O': md_meta_say_opaque(f, (struct md_token){b->opaque, b->n_opaque}); break;
        case 'k': md_meta_say_key(f, rec->key, rec->nkey, b->binary_key); break;
        case 's':
            md_meta_say_number(f, 's', stored ? m->items[rec->item].nbytes : c->nbytes);
            break;
        default:
            if (stored)
                md_meta_say_cas(f, c->record, m->items[rec->item].cas);
            else
                md_meta_say_number(f, 'c', 0);
            break;
        }
}

static void say_result(struct md_feed *f, enum md_result result) {
    static const struct {
        const char *code;
        enum md_rule rule;
    } answers[] = {[MD_STORED] = {"HD", MD_RULE_META_STORED},
                   [MD_NOT_STORED] = {"NS", MD_RULE_META_NOT_STORED},
                   [MD_EXISTS] = {"EX", MD_RULE_META_EXISTS},
                   [MD_NOT_FOUND] = {"NF", MD_RULE_META_NOT_FOUND}};
    struct md_model *m = f->m;
    bool large = result == MD_TOO_LARGE;
    if (large || result == MD_NO_MEMORY) {
        md_rule_is(m, large ? MD_RULE_TOO_LARGE : MD_RULE_NO_MEMORY);
        m->stats.uncounted_no_memory += !large;
        if (!md_quirk_applies(m, large ? MD_QUIRK_APPEND_TOO_LARGE : MD_QUIRK_APPEND_NO_MEMORY)) {
            md_say(f, large ? MD_TEXT_TOO_LARGE : MD_TEXT_NO_MEMORY);
            return;
        }
        result = MD_NOT_STORED;
    } else {
        md_rule_is(m, answers[result].rule);
    }
    if (result == MD_STORED && f->c->meta.invalidate &&
        m->items[m->records[f->c->record].item].stale)
        md_rule_is(m, MD_RULE_META_STORED_STALE);
    md_buf_str(&f->out->bytes, answers[result].code);
    say_returns(f, result == MD_STORED);
    md_buf_str(&f->out->bytes, "\r\n");
    if (f->c->meta.quiet && result == MD_STORED)
        md_meta_hush(f);
    else if (f->c->meta.quiet)
        m->fired.rule[MD_RULE_META_QUIET_SHOWS]++;
}

static void store(struct md_feed *f, const uint8_t *data) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    struct md_value v = {.record = c->record,
                         .flags = c->flags,
                         .exptime = c->exptime,
                         .exptime_set = c->exptime_set,
                         .by = MD_CMD_MS,
                         .how = c->store,
                         .cas = c->cas,
                         .data = data,
                         .nbytes = c->nbytes,
                         .room = &c->room,
                         .invalidate = c->meta.invalidate,
                         .vivify = c->meta.vivify,
                         .cas_given = c->meta.cas_given,
                         .new_cas = c->meta.new_cas,
                         .binary_key = c->meta.binary_key};
    if (c->exptime_set != m->now)
        md_chosen(m, MD_CHOICE_EXPTIME_AT_LINE);
    look(f);
    md_leave_cas(m, c, 0);
    if (c->store == MD_CMD_ADD && c->meta.compare)
        md_chosen(m, MD_CHOICE_META_ADD_COMPARES_NOT);
    enum md_result result = compare(f);
    say_result(f, result == MD_STORED ? md_store(m, &v) : result);
}

void md_meta_data(struct md_feed *f, const uint8_t *data) {
    struct md_model *m = f->m;
    struct md_conn *c = f->c;
    m->command = &c->command;
    c->command.reply_offset = (uint32_t)f->out->bytes.len;
    c->command.mark_first = (uint32_t)f->out->n_marks;
    if (!m->profile->set_counts_at_line)
        md_count_store(m, c, 1);
    if (memcmp(data + c->nbytes, "\r\n", 2) != 0) {
        md_chosen(m, MD_CHOICE_BAD_CHUNK_REST);
        md_refuse(f, MD_RULE_BAD_DATA_CHUNK, "CLIENT_ERROR bad data chunk");
    } else {
        store(f, data);
    }
    md_room_give(&m->memory, &c->room);
    md_feed_commit(f);
}
