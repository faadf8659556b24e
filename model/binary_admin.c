/* flush, noop, version, quit, stat. */
#include "model/binary_internal.h"

#include "model/serve.h"
#include "model/stats.h"

void md_binary_flush(struct md_feed *f, const uint8_t *rest) {
    struct md_model *m = f->m;
    const struct md_packet *p = &f->c->request;
    if (p->cas)
        md_chosen(m, MD_CHOICE_BIN_CAS_IGNORED);
    if (!m->options.flush_enabled) {
        m->stats.uncounted_flushes++;
        md_binary_error(f, MD_RULE_BIN_FLUSH_OFF, MD_STATUS_AUTH, 0);
        return;
    }
    int64_t delay = p->n_extras ? (int64_t)md_be_read(rest, 4) : 0;
    m->stats.count[MD_STAT_cmd_flush]++;
    md_flush_all(m, delay);
    md_binary_done(f, delay > 0 ? MD_RULE_FLUSH_DELAYED : MD_RULE_FLUSH_NOW,
                   &(struct md_answer){0});
}

void md_binary_noop(struct md_feed *f) {
    md_binary_done(f, MD_RULE_BIN_NOOP, &(struct md_answer){0});
    f->flush = true;
}

void md_binary_version(struct md_feed *f) {
    const char *version = f->m->profile->version;
    md_binary_done(
        f, MD_RULE_BIN_VERSION,
        &(struct md_answer){.value = (const uint8_t *)version, .n_value = strlen(version)});
}

void md_binary_quit(struct md_feed *f) {
    md_binary_done(f, MD_RULE_BIN_QUIT, &(struct md_answer){0});
    f->close = true;
}

/* ---- stat ------------------------------------------------------------------------------------ */

/* Names that memcached compares with the beginning of the key, and what stands in memory behind it. */
enum beginning { BEGINS_NOT, BEGINS, BEGINS_PERHAPS };

static enum beginning begins_with(const uint8_t *key, size_t n, size_t left, const char *word) {
    size_t len = strlen(word), seen = n + left < len ? n + left : len;
    if (n == 0 || memcmp(key, word, seen) != 0)
        return BEGINS_NOT;
    return seen == len ? BEGINS : BEGINS_PERHAPS;
}

static bool is_word(const uint8_t *key, size_t n, const char *word) {
    return n == strlen(word) && memcmp(key, word, n) == 0;
}

static void show(struct md_feed *f, enum md_command_name name, enum md_rule rule,
                 void (*snapshot)(struct md_model *m)) {
    f->c->command.name = (uint8_t)name;
    md_rule_is(f->m, rule);
    snapshot(f->m);
    if (f->m->process) {
        md_serve_stats(f);
        return;
    }
    f->c->command.flags |= MD_COMMAND_STATS;
    md_stats_in_packets(f->m, f->c->request.opaque);
    f->m->fired.rule[MD_RULE_BIN_STAT]++;
}

/* reset, settings and detail, by what the key begins with; false: none of them. */
static bool by_beginning(struct md_feed *f, const uint8_t *key, size_t n, size_t left) {
    static const char *const words[] = {"reset", "settings", "detail"};
    struct md_model *m = f->m;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        enum beginning b = begins_with(key, n, left, words[i]);
        if (b == BEGINS_NOT)
            continue;
        bool exact = is_word(key, n, words[i]);
        if (!exact && b == BEGINS && !md_quirk_applies(m, MD_QUIRK_BIN_STAT_PREFIX))
            return false;
        if (f->m->process && i > 0) { /* a server keeps no counters by prefix: none to tell */
            md_binary_answer(f, &(struct md_answer){0});
            return true;
        }
        if (i > 0 || b == BEGINS_PERHAPS) {
            f->unmodelled = true;
            return true;
        }
        f->c->command.name = MD_CMD_BIN_STAT_RESET;
        md_stats_reset(m);
        md_binary_done(f, MD_RULE_BIN_STAT_RESET, &(struct md_answer){0});
        return true;
    }
    return false;
}

void md_binary_stat(struct md_feed *f, const uint8_t *key, size_t left) {
    static const char *const beyond[] = {"sizes", "sizes_enable", "sizes_disable"};
    size_t n = f->c->request.n_key;
    if (f->c->request.cas)
        md_chosen(f->m, MD_CHOICE_BIN_CAS_IGNORED);
    if (n == 0) {
        show(f, MD_CMD_BIN_STAT, MD_RULE_STATS, md_stats_snapshot);
        return;
    }
    if (f->m->process && md_serve_stats_of(f, (struct md_token){key, n}))
        return;
    if (by_beginning(f, key, n, left))
        return;
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++)
        if (is_word(key, n, beyond[i])) {
            f->unmodelled = true;
            return;
        }
    if (is_word(key, n, "items"))
        show(f, MD_CMD_BIN_STAT_ITEMS, MD_RULE_STATS_ITEMS, md_stats_snapshot_items);
    else if (is_word(key, n, "slabs"))
        show(f, MD_CMD_BIN_STAT_SLABS, MD_RULE_STATS_SLABS, md_stats_snapshot_slabs);
    else
        md_binary_error(f, MD_RULE_BIN_STAT_UNKNOWN, MD_STATUS_NOT_FOUND, 0);
}
