/*
 * Administrative commands: slabs, lru, lru_crawler, watch, shutdown, extstore, refresh_certs. What they
 * answer is known by shape (shape.h) where it depends on more than the trace; what they set is kept in
 * md_admin. With the segmented LRU most of them change what background threads do: not modelled.
 */
#include "model/text_internal.h"

/* An answer of one line that begins with one of these words (enum md_shape_word). */
static void says(struct md_feed *f, enum md_rule rule, unsigned words) {
    md_rule_is(f->m, rule);
    if (f->c->noreply) {
        f->c->command.flags |= MD_COMMAND_SILENT;
        f->m->fired.rule[MD_RULE_NOREPLY]++;
        return;
    }
    md_shape_note(f->m, MD_SHAPE_WORD, words);
}

static void bad_form(struct md_feed *f) { md_refuse(f, MD_RULE_ADMIN_FORM, "ERROR"); }

/* An unsigned number of 32 bits. */
static bool number(struct md_feed *f, struct md_token t, uint32_t *out) {
    struct md_number n = md_number_unsigned(t.s, t.n);
    *out = (uint32_t)n.value;
    if (!n.taken || !md_lenient(f, &n))
        return false;
    return n.value <= UINT32_MAX || md_quirk_applies(f->m, MD_QUIRK_ADMIN_CUT);
}

/* A signed one, for the number of a class. */
static bool class_number(struct md_feed *f, struct md_token t, int32_t *out) {
    struct md_number n = md_number_signed(t.s, t.n);
    int64_t v = (int64_t)n.value;
    *out = (int32_t)v;
    if (!n.taken || !md_lenient(f, &n))
        return false;
    return v == *out || md_quirk_applies(f->m, MD_QUIRK_ADMIN_CUT);
}

enum sure { NO, YES, UNSURE };

/* Digits, perhaps with a point among them: what everybody takes for a decimal fraction. What only begins
 * like one is for the C library to say. */
static enum sure fraction(struct md_token t, double *out) {
    double value = 0, unit = 1;
    bool point = false;
    size_t digits = 0;
    *out = 0;
    for (size_t i = 0; i < t.n; i++) {
        if (t.s[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (t.s[i] < '0' || t.s[i] > '9' || digits > 9)
            return UNSURE;
        digits++;
        value = value * 10 + (t.s[i] - '0');
        unit *= point ? 10 : 1;
    }
    if (digits == 0)
        return UNSURE;
    *out = value / unit;
    return YES;
}

static bool beyond_model(struct md_feed *f) {
    f->unmodelled |= f->m->options.segmented;
    return f->unmodelled;
}

/* ---- slabs ---------------------------------------------------------------------------------------- */

static uint32_t pages_to_spare(const struct md_model *m, int32_t from, int32_t to) {
    uint32_t most = 0;
    for (int32_t c = 1; c <= (int32_t)m->slabs.largest; c++)
        if ((from == -1 || from == c) && c != to && m->memory.class[c].pages > most)
            most = m->memory.class[c].pages;
    return most;
}

/* slabs reassign <source class> <destination class> */
static void reassign(struct md_feed *f, const struct md_tokens *w) {
    struct md_model *m = f->m;
    int32_t from, to, largest = (int32_t)m->slabs.largest;
    if (!m->options.slab_reassign) {
        md_refuse(f, MD_RULE_SLABS_REASSIGN_OFF, "CLIENT_ERROR slab reassignment disabled");
        return;
    }
    if (!class_number(f, w->word[2], &from) || !class_number(f, w->word[3], &to)) {
        md_refuse(f, MD_RULE_ADMIN_FORM, MD_BAD_FORMAT);
        return;
    }
    unsigned words = MD_SAYS_NOSPARE;
    if (from == to)
        words = MD_SAYS_SAME;
    else if (from < -1 || from > largest || to < 0 || to > largest)
        words = MD_SAYS_BADCLASS;
    else if (from == -1 && pages_to_spare(m, from, to) < 2)
        words |= MD_SAYS_BADCLASS; /* "any valid class": there is none */
    else if (pages_to_spare(m, from, to) >= 2)
        f->unmodelled =
            true; /* a page moves: which items live through that is not for us to know */
    says(f, MD_RULE_SLABS_REASSIGN, words | MD_SAYS_BUSY); /* its thread may be about to look */
}

/* slabs automove <0|1|2>, slabs automove ratio <fraction> */
static void automove(struct md_feed *f, const struct md_tokens *w) {
    struct md_admin *a = &f->m->admin;
    uint32_t level;
    double ratio;
    md_note_noreply(f, w);
    if (md_token_is(w->word[2], "ratio")) {
        enum sure sure = w->n > 3 ? fraction(w->word[3], &ratio) : NO;
        a->changed |= sure != NO;
        a->ratio_set = sure == YES || (a->ratio_set && sure == NO);
        a->ratio = sure == YES ? ratio : a->ratio;
        if (sure == NO)
            bad_form(f);
        else
            says(f, MD_RULE_SLABS_AUTOMOVE, MD_SAYS_OK | (sure == YES ? 0 : MD_SAYS_ERROR));
        return;
    }
    if (!number(f, w->word[2], &level)) {
        md_refuse(f, MD_RULE_ADMIN_FORM, MD_BAD_FORMAT);
        return;
    }
    if (level > 2) {
        bad_form(f);
        return;
    }
    a->automove = level;
    a->automove_set = a->changed = true;
    md_refuse(f, MD_RULE_SLABS_AUTOMOVE, "OK");
}

void md_text_slabs(struct md_feed *f, const struct md_tokens *w) {
    if (beyond_model(f))
        return;
    if (w->n == 4 && md_token_is(w->word[1], "reassign"))
        reassign(f, w);
    else if (w->n >= 3 && md_token_is(w->word[1], "automove"))
        automove(f, w);
    else
        bad_form(f);
}

/* ---- lru ------------------------------------------------------------------------------------------ */

/* lru tune <percent hot> <percent warm> <max hot factor> <max warm factor> */
static void tune(struct md_feed *f, const struct md_tokens *w) {
    enum { MOST = 80 }; /* percent, for both queues together */
    struct md_admin *a = &f->m->admin;
    uint32_t hot, warm;
    double hot_factor, warm_factor;
    bool numbers = number(f, w->word[2], &hot) && number(f, w->word[3], &warm);
    enum sure factors = fraction(w->word[4], &hot_factor);
    if (factors == YES)
        factors = fraction(w->word[5], &warm_factor);
    if (numbers && (uint64_t)hot + warm > MOST)
        numbers = hot + warm <= MOST && md_quirk_applies(f->m, MD_QUIRK_LRU_TUNE_WRAPS);
    if (!numbers || (factors == YES && (hot_factor <= 0 || warm_factor <= 0))) {
        says(f, MD_RULE_LRU_TUNE, MD_SAYS_ERROR);
        return;
    }
    a->changed = true;
    a->tuned = factors == YES;
    a->hot = hot;
    a->warm = warm;
    a->hot_factor = hot_factor;
    a->warm_factor = a->tuned ? warm_factor : 0;
    says(f, MD_RULE_LRU_TUNE, MD_SAYS_OK | (a->tuned ? 0 : MD_SAYS_ERROR));
}

void md_text_lru(struct md_feed *f, const struct md_tokens *w) {
    if (beyond_model(f))
        return;
    md_note_noreply(f, w);
    if (w->n >= 6 && md_token_is(w->word[1], "tune"))
        tune(f, w);
    else if (w->n >= 3 && (md_token_is(w->word[1], "mode") || md_token_is(w->word[1], "temp_ttl")))
        says(f, MD_RULE_LRU_OFF, MD_SAYS_ERROR);
    else
        bad_form(f);
}

/* ---- lru_crawler ---------------------------------------------------------------------------------- */

/* Numbers of classes with commas between them: BADCLASS, or 0: they may be crawled. */
static unsigned classes(struct md_feed *f, struct md_token list, uint64_t *set) {
    *set = 0;
    for (size_t at = 0; at < list.n;) {
        const uint8_t *comma = memchr(list.s + at, ',', list.n - at);
        size_t n = comma ? (size_t)(comma - list.s) - at : list.n - at;
        uint32_t class;
        if (n && (!number(f, (struct md_token){list.s + at, n}, &class) || class == 0 ||
                  class >= MD_SLAB_CLASSES))
            return MD_SAYS_BADCLASS;
        if (n)
            *set |= UINT64_C(1) << class;
        at += n + 1;
    }
    return 0;
}

/* lru_crawler crawl <classid,classid|all> */
static void crawl(struct md_feed *f, struct md_token which) {
    uint64_t set;
    unsigned bad =
        md_token_is(which, "all") || md_token_is(which, "hash") ? 0 : classes(f, which, &set);
    f->m->admin.crawled |= !bad;
    if (bad)
        says(f, MD_RULE_CRAWLER_CLASS, bad);
    else /* some of them may have no items, or not be there at all: that is as good as OK */
        says(f, MD_RULE_CRAWL,
             MD_SAYS_OK | MD_SAYS_BUSY | MD_SAYS_BADCLASS | MD_SAYS_NOTSTARTED |
                 (md_token_is(which, "hash") ? MD_SAYS_ERROR : 0));
}

/* lru_crawler metadump|mgdump <classid,classid|all|hash> */
static void dump(struct md_feed *f, struct md_token which, bool meta) {
    struct md_model *m = f->m;
    uint64_t set = UINT64_MAX;
    bool hash = md_token_is(which, "hash");
    f->c->command.name = meta ? MD_CMD_METADUMP : MD_CMD_MGDUMP;
    if (f->out->n_commands > f->sent_commands) {
        says(f, MD_RULE_DUMP_PIPELINED, MD_SAYS_ERROR);
        return;
    }
    if (!hash && !md_token_is(which, "all") && classes(f, which, &set)) {
        says(f, MD_RULE_CRAWLER_CLASS, MD_SAYS_BADCLASS);
        return;
    }
    md_rule_is(m, meta ? MD_RULE_METADUMP : MD_RULE_MGDUMP);
    f->c->stalled = f->behind && md_quirk_applies(m, MD_QUIRK_METADUMP_STALLS);
    struct md_shape_note *n = md_shape_note(m, meta ? MD_SHAPE_METADUMP : MD_SHAPE_MGDUMP,
                                            (m->admin.crawled ? MD_SAYS_BUSY : 0) |
                                                (set ? 0 : MD_SAYS_NOTSTARTED | MD_SAYS_BADCLASS));
    n->ok_first = !md_quirk_applies(m, MD_QUIRK_METADUMP_NO_OK);
    for (unsigned c = 1; c <= m->slabs.largest; c++)
        if (set >> c & 1)
            md_shape_expect_items(m, n, c);
    f->c->command.flags |= MD_COMMAND_LATE;
    f->c->dumped = true;
}

static void crawler_number(struct md_feed *f, struct md_token t, bool sleep) {
    enum { SLEEP_MOST = 1000000 }; /* microseconds */
    uint32_t n;
    if (!number(f, t, &n)) {
        md_refuse(f, MD_RULE_CRAWLER_NUMBER, MD_BAD_FORMAT);
        return;
    }
    if (sleep && n > SLEEP_MOST) {
        says(f, MD_RULE_CRAWLER_NUMBER, MD_SAYS_CLIENT_ERROR);
        return;
    }
    f->m->admin.changed = true;
    *(sleep ? &f->m->admin.crawler_sleep : &f->m->admin.crawler_tocrawl) = n;
    md_refuse(f, MD_RULE_CRAWLER_NUMBER, "OK");
}

static void crawler_switch(struct md_feed *f, bool on) {
    struct md_admin *a = &f->m->admin;
    says(f, MD_RULE_CRAWLER_SWITCH,
         MD_SAYS_OK | (a->crawler == on || a->stopping ? MD_SAYS_ERROR : 0));
    a->stopping |= a->crawler && !on;
    a->changed |= on || a->stopping;
    a->crawler = on;
}

void md_text_crawler(struct md_feed *f, const struct md_tokens *w) {
    const struct md_token *word = w->word;
    if (beyond_model(f))
        return;
    bool meta = w->n == 3 && md_token_is(word[1], "metadump");
    bool mg = w->n == 3 && md_token_is(word[1], "mgdump") && f->m->profile->mgdump;
    bool crawls = w->n == 3 && md_token_is(word[1], "crawl");
    if (f->m->admin.stopping && (meta || mg || crawls))
        f->unmodelled = true;
    else if ((meta || mg || crawls) && !f->m->admin.crawler)
        md_refuse(f, MD_RULE_CRAWLER_OFF, "CLIENT_ERROR lru crawler disabled");
    else if (meta || mg)
        dump(f, word[2], meta);
    else if (crawls)
        crawl(f, word[2]);
    else if (w->n == 3 && (md_token_is(word[1], "sleep") || md_token_is(word[1], "tocrawl")))
        crawler_number(f, word[2], word[1].n == 5);
    else if (w->n == 2 && (md_token_is(word[1], "enable") || md_token_is(word[1], "disable")))
        crawler_switch(f, word[1].n == 6);
    else
        bad_form(f);
}

/* ---- watch ---------------------------------------------------------------------------------------- */

static bool watchable(const struct md_model *m, struct md_token t) {
    static const char *const streams[] = {"fetchers",   "mutations", "evictions",
                                          "connevents", "proxyreqs", "proxyevents",
                                          "proxyuser",  "rawcmds",   "sysevents"};
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        if (md_token_is(t, streams[i]))
            return true;
    return m->profile->watches_deletions && md_token_is(t, "deletions");
}

void md_text_watch(struct md_feed *f, const struct md_tokens *w) {
    md_note_noreply(f, w);
    if (beyond_model(f))
        return;
    if (f->out->n_commands > f->sent_commands) {
        says(f, MD_RULE_DUMP_PIPELINED, MD_SAYS_ERROR);
        return;
    }
    for (size_t i = 1; i < w->n; i++)
        if (!watchable(f->m, w->word[i])) {
            says(f, MD_RULE_WATCH_BAD, MD_SAYS_ERROR);
            return;
        }
    md_rule_is(f->m, MD_RULE_WATCH);
    md_shape_note(f->m, MD_SHAPE_WATCH, 0);
    f->c->command.flags |= MD_COMMAND_LATE;
    f->m->admin.changed = true;
    f->c->state = MD_CONN_WATCH;
}

/* ---- the rest --------------------------------------------------------------------------------------- */

void md_text_shutdown(struct md_feed *f, const struct md_tokens *w) {
    bool graceful = w->n == 2 && md_token_is(w->word[1], "graceful");
    if (!f->m->options.shutdown) {
        if (f->m->profile->unknown_is_quiet)
            md_note_noreply(f, w);
        md_refuse(f, MD_RULE_SHUTDOWN_OFF, f->m->profile->shutdown_off);
    } else if (w->n == 1 || graceful) {
        md_rule_is(f->m, MD_RULE_SHUTDOWN);
        f->close = f->ended = true;
    } else {
        md_refuse(f, MD_RULE_SHUTDOWN_BAD, "CLIENT_ERROR invalid shutdown mode");
    }
}

/* A build without external storage answers ERROR to all of it. */
void md_text_extstore(struct md_feed *f, const struct md_tokens *w) {
    md_note_noreply(f, w);
    if (beyond_model(f))
        return;
    f->m->admin.changed |= w->n >= 3;
    says(f, MD_RULE_EXTSTORE, MD_SAYS_ERROR | (w->n >= 3 ? MD_SAYS_OK : 0));
}

/* So does one without TLS; one with it says why it has no certificates. */
void md_text_refresh_certs(struct md_feed *f, const struct md_tokens *w) {
    md_note_noreply(f, w);
    if (beyond_model(f))
        return;
    md_rule_is(f->m, MD_RULE_REFRESH_CERTS);
    md_shape_note(f->m, MD_SHAPE_WORD, MD_SAYS_OK | MD_SAYS_ERROR | MD_SAYS_TLS_ERROR);
}
