/* flush_all, verbosity, stats, cache_memlimit. */
#include "model/serve.h"

void md_text_flush(struct md_feed *f, const struct md_tokens *w) {
    struct md_model *m = f->m;
    if (!md_count_is(f, w, 1, 3))
        return;
    md_note_noreply(f, w);
    m->stats.count[MD_STAT_cmd_flush]++;
    if (!m->options.flush_enabled) {
        md_refuse(f, MD_RULE_FLUSH_OFF, "CLIENT_ERROR flush_all not allowed");
        return;
    }
    int64_t delay = 0;
    if (w->n != (f->c->noreply ? 2u : 1u)) {
        if (!md_word_exptime(f, w->word[1], &delay)) {
            md_refuse(f, MD_RULE_EXPTIME_BAD, MD_BAD_EXPTIME);
            return;
        }
        md_note_surplus(f, w, 3);
    }
    /* What a delayed flush kills, and with -C every one, hangs on when background threads moved it. */
    m->lost |= m->options.segmented && (delay > 0 || !m->options.cas);
    /* A delayed one may bring back what the crawler may have freed (quirk flush-revives). */
    m->lost |= m->admin.crawled && delay > 0;
    md_flush_all(m, delay);
    md_refuse(f,
              delay > 0   ? MD_RULE_FLUSH_DELAYED
              : delay < 0 ? MD_RULE_FLUSH_NEGATIVE
                          : MD_RULE_FLUSH_NOW,
              "OK");
}

void md_text_verbosity(struct md_feed *f, const struct md_tokens *w) {
    enum { VERBOSITY_MAX = 2 };
    struct md_model *m = f->m;
    if (!md_count_is(f, w, 2, 3))
        return;
    md_note_noreply(f, w);
    md_note_surplus(f, w, 3);
    uint64_t level;
    if (!md_word_unsigned(f, w->word[1], UINT32_MAX, &level)) {
        md_refuse(f, MD_RULE_NUMBER_BAD, MD_BAD_FORMAT);
        return;
    }
    m->admin.verbosity = level < VERBOSITY_MAX ? (uint32_t)level : VERBOSITY_MAX;
    md_refuse(f, MD_RULE_VERBOSITY, "OK");
}

/* stats cachedump <class> <limit>: what is there, the one moved to the head last first. */
static void cachedump(struct md_feed *f, const struct md_tokens *w) {
    enum { DUMP_MAX = 2 << 20, END_MAX = 6 }; /* bytes of one answer, of its end */
    struct md_model *m = f->m;
    f->c->command.name = MD_CMD_CACHEDUMP;
    if (w->n < 4) {
        md_refuse(f, MD_RULE_CACHEDUMP_BAD, "CLIENT_ERROR bad command line");
        return;
    }
    uint64_t id, most;
    if (!md_word_unsigned(f, w->word[2], UINT32_MAX, &id) ||
        !md_word_unsigned(f, w->word[3], UINT32_MAX, &most)) {
        md_refuse(f, MD_RULE_CACHEDUMP_BAD, MD_BAD_FORMAT);
        return;
    }
    if (id >= MD_SLAB_CLASSES) {
        md_refuse(f, MD_RULE_CACHEDUMP_BAD, "CLIENT_ERROR Illegal slab id");
        return;
    }
    md_rule_is(m, MD_RULE_CACHEDUMP);
    if (m->admin.crawled) { /* of the dead ones, who knows which are left */
        md_shape_expect_items(m, md_shape_note(m, MD_SHAPE_CACHEDUMP, 0),
                              id ? (unsigned)id : MD_SLAB_CLASSES);
        return;
    }
    struct md_buf *b = &f->out->bytes;
    size_t begin = b->len;
    uint32_t shown = 0;
    for (int32_t i = m->head[id]; i != MD_NIL && (most == 0 || shown < most);
         i = m->items[i].next) {
        const struct md_item *it = &m->items[i];
        const struct md_record *rec = &m->records[it->record];
        size_t before = b->len;
        bool raw = it->key_forgotten && md_quirk_applies(m, MD_QUIRK_KEY_RAW);
        if (it->binary_key && !raw) {
            md_chosen(m, MD_CHOICE_CACHEDUMP_BINARY);
            continue;
        }
        md_buf_str(b, "ITEM ");
        md_buf_append(b, rec->key, strnlen((const char *)rec->key, rec->nkey));
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
    snapshot(f->m);
    if (f->m->process) {
        md_serve_stats(f);
        return;
    }
    f->c->command.flags |= MD_COMMAND_STATS;
    if (f->m->options.segmented)
        md_segmented_skip(f->m, f->out->bytes.len);
}

/* Whether the word is the argument. */
static bool means(struct md_feed *f, struct md_token word, const char *argument) {
    if (md_token_is(word, argument))
        return true;
    return word.n < strlen(argument) && memcmp(word.s, argument, word.n) == 0 &&
           md_quirk_applies(f->m, MD_QUIRK_STATS_PREFIX);
}

void md_text_stats(struct md_feed *f, const struct md_tokens *w) {
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
        if (md_token_is(w->word[1], kinds[i].word)) {
            k->name = (uint8_t)kinds[i].name;
            md_rule_is(m, kinds[i].rule);
            show_stats(f, kinds[i].snapshot);
            return;
        }
    if (means(f, w->word[1], "reset")) {
        k->name = MD_CMD_STATS_RESET;
        md_stats_reset(m);
        md_refuse(f, MD_RULE_STATS_RESET, "RESET");
    } else if (means(f, w->word[1], "cachedump") && !m->options.segmented) {
        cachedump(f, w);
    } else if (!m->process || !md_serve_stats_of(f, w->word[1])) {
        md_text_stats_other(f, w);
    }
}

/* cache_memlimit <mebibytes> */
void md_text_memlimit(struct md_feed *f, const struct md_tokens *w) {
    enum { LEAST = 8, MOST = 1000000000 };
    struct md_model *m = f->m;
    uint64_t limit;
    if (w->n < 2) {
        md_refuse(f, MD_RULE_TOKENS, "ERROR");
        return;
    }
    if (!md_count_is(f, w, 2, 3))
        return;
    md_note_noreply(f, w);
    md_note_surplus(f, w, 3);
    md_rule_is(m, MD_RULE_MEMLIMIT_BAD);
    if (!md_word_unsigned(f, w->word[1], UINT32_MAX, &limit))
        md_say(f, "ERROR");
    else if (limit < LEAST)
        md_say(f, "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m");
    else if (limit > MOST)
        md_say(f, "MEMLIMIT_ADJUST_FAILED input value is megabytes not bytes");
    else if (m->memory.preallocated)
        md_say(f, "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust");
    else {
        m->memory.limit = limit << 20;
        if (m->segmented.least_limit > m->memory.limit)
            m->segmented.least_limit = m->memory.limit;
        md_refuse(f, MD_RULE_CACHE_MEMLIMIT, "OK");
    }
}
