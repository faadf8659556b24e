/* stats with an argument that tells of settings, sizes, connections and the like (shape.h); the counters
 * are text_admin.c's. */
#include "model/text_internal.h"

static const char *yes(bool b) { return b ? "yes" : "no"; }

/* What follows from the options and the commands so far. */
static void expect_options(struct md_shape_note *n, const struct md_model *m) {
    const struct md_options *o = &m->options;
    md_shape_expect(n, "maxbytes", "%llu", (unsigned long long)m->memory.limit);
    md_shape_expect(n, "evictions", "%s", o->evict ? "on" : "off");
    md_shape_expect(n, "shutdown_command", "%s", yes(o->shutdown));
    md_shape_expect(n, "growth_factor", "%.2f", o->factor);
    md_shape_expect(n, "chunk_size", "%u", o->chunk_size);
    md_shape_expect(n, "num_threads", "%u", o->threads);
    md_shape_expect(n, "reqs_per_event", "%u", o->reqs_per_event);
    md_shape_expect(n, "cas_enabled", "%s", yes(o->cas));
    md_shape_expect(n, "item_size_max", "%u", o->item_size_max);
    md_shape_expect(n, "slab_chunk_max", "%u", o->slab_chunk_max);
    md_shape_expect(n, "slab_reassign", "%s", yes(o->slab_reassign));
    md_shape_expect(n, "flush_enabled", "%s", yes(o->flush_enabled));
    md_shape_expect(n, "lru_maintainer_thread", "%s", yes(o->segmented));
    md_shape_expect(n, "lru_segmented", "%s", yes(o->segmented));
    md_shape_expect(n, "udpport", "0");
}

static void expect_admin(struct md_shape_note *n, const struct md_model *m) {
    const struct md_admin *a = &m->admin;
    md_shape_expect(n, "verbosity", "%u", a->verbosity);
    md_shape_expect(n, "detail_enabled", "%s", yes(a->detail));
    md_shape_expect(n, "track_sizes", "%s", yes(a->sizes));
    if (!a->stopping)
        md_shape_expect(n, "lru_crawler", "%s", yes(a->crawler));
    md_shape_expect(n, "lru_crawler_sleep", "%u", a->crawler_sleep);
    md_shape_expect(n, "lru_crawler_tocrawl", "%u", a->crawler_tocrawl);
    if (a->automove_set)
        md_shape_expect(n, "slab_automove", "%u", a->automove);
    if (a->ratio_set)
        md_shape_expect(n, "slab_automove_ratio", "%.2f", a->ratio);
    if (!a->tuned)
        return;
    md_shape_expect(n, "hot_lru_pct", "%d", (int)a->hot);
    md_shape_expect(n, "warm_lru_pct", "%d", (int)a->warm);
    md_shape_expect(n, "hot_max_factor", "%.2f", a->hot_factor);
    md_shape_expect(n, "warm_max_factor", "%.2f", a->warm_factor);
}

static void settings(struct md_feed *f) {
    md_rule_is(f->m, MD_RULE_STATS_SETTINGS);
    struct md_shape_note *n = md_shape_note(f->m, MD_SHAPE_SETTINGS, 0);
    expect_options(n, f->m);
    expect_admin(n, f->m);
}

/* stats sizes */
static void sizes(struct md_feed *f) {
    struct md_model *m = f->m;
    if (!m->admin.sizes) {
        md_rule_is(m, MD_RULE_STATS_SIZES_OFF);
        md_buf_str(&f->out->bytes, "STAT sizes_status disabled\r\nEND\r\n");
        return;
    }
    md_rule_is(m, MD_RULE_STATS_SIZES);
    md_shape_note(m, MD_SHAPE_SIZES, 0)->most = m->stats.count[MD_STAT_curr_items];
}

/* stats sizes_enable, stats sizes_disable */
static void sizes_switch(struct md_feed *f, bool on) {
    struct md_model *m = f->m;
    struct md_buf *b = &f->out->bytes;
    md_rule_is(m, MD_RULE_STATS_SIZES_SWITCH);
    if (on && !m->options.cas) {
        md_buf_str(b, "STAT sizes_status error\r\nSTAT sizes_error cas_support_disabled\r\n");
    } else {
        md_buf_printf(b, "STAT sizes_status %s\r\n", on ? "enabled" : "disabled");
        md_chosen(m, MD_CHOICE_SIZES_CAS);
        m->cas += on && !m->admin.sizes;
        m->admin.changed |= on;
        m->admin.sizes = on;
    }
    if (!md_quirk_applies(m, MD_QUIRK_SIZES_NO_END))
        md_buf_str(b, "END\r\n");
}

/* stats detail on|off|dump */
static void detail(struct md_feed *f, const struct md_tokens *w) {
    struct md_model *m = f->m;
    bool on = w->n > 2 && md_token_is(w->word[2], "on");
    md_rule_is(m, MD_RULE_STATS_DETAIL);
    if (w->n > 2 && md_token_is(w->word[2], "dump")) {
        md_shape_note(m, MD_SHAPE_DETAIL, 0);
    } else if (on || (w->n > 2 && md_token_is(w->word[2], "off"))) {
        m->admin.changed |= on;
        m->admin.detail = on;
        md_say(f, "OK");
    } else {
        md_refuse(f, MD_RULE_STATS_DETAIL_BAD, "CLIENT_ERROR usage: stats detail on|off|dump");
    }
}

void md_text_stats_other(struct md_feed *f, const struct md_tokens *w) {
    struct md_token word = w->word[1];
    struct md_command *k = &f->c->command;
    bool enable = md_token_is(word, "sizes_enable"), disable = md_token_is(word, "sizes_disable");
    k->name = MD_CMD_STATS_OTHER;
    if (f->m->options.segmented) {
        f->unmodelled = true;
    } else if (md_token_is(word, "settings")) {
        k->name = MD_CMD_STATS_SETTINGS;
        settings(f);
    } else if (md_token_is(word, "sizes")) {
        k->name = MD_CMD_STATS_SIZES;
        sizes(f);
    } else if ((enable || disable) && f->m->profile->sizes_at_runtime) {
        k->name = MD_CMD_STATS_SIZES;
        sizes_switch(f, enable);
    } else if (md_token_is(word, "detail")) {
        k->name = MD_CMD_STATS_DETAIL;
        detail(f, w);
    } else if (md_token_is(word, "conns")) {
        k->name = MD_CMD_STATS_CONNS;
        md_rule_is(f->m, MD_RULE_STATS_CONNS);
        md_shape_note(f->m, MD_SHAPE_CONNS, 0)->outside =
            md_quirk_applies(f->m, MD_QUIRK_CONNS_OUTSIDE);
    } else if (md_token_is(word, "extstore") || md_token_is(word, "proxy")) {
        md_rule_is(f->m, MD_RULE_STATS_BUILD);
        md_shape_note(f->m, MD_SHAPE_BUILD, MD_SAYS_ERROR);
    } else {
        md_refuse(f, MD_RULE_STATS_UNKNOWN, "ERROR");
    }
}
