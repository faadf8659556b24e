/* Which text command a line is; see text.h. protocol.txt is the source of what is not marked otherwise. */
#include "model/text_internal.h"

#include "model/meta.h"

static void quit_command(struct md_feed *f) {
    md_rule_is(f->m, MD_RULE_QUIT);
    f->close = true;
}

static enum md_command_name command_name(struct md_token t) {
    switch (t.n) {
    case 2:
        return md_token_is(t, "mg")   ? MD_CMD_MG
               : md_token_is(t, "ms") ? MD_CMD_MS
               : md_token_is(t, "md") ? MD_CMD_MD
               : md_token_is(t, "ma") ? MD_CMD_MA
               : md_token_is(t, "me") ? MD_CMD_ME
               : md_token_is(t, "mn") ? MD_CMD_MN
                                      : MD_CMD_UNKNOWN;
    case 3:
        return md_token_is(t, "get")   ? MD_CMD_GET
               : md_token_is(t, "set") ? MD_CMD_SET
               : md_token_is(t, "cas") ? MD_CMD_CAS
               : md_token_is(t, "gat") ? MD_CMD_GAT
               : md_token_is(t, "add") ? MD_CMD_ADD
               : md_token_is(t, "lru") ? MD_CMD_LRU
                                       : MD_CMD_UNKNOWN;
    case 4:
        return md_token_is(t, "gets")   ? MD_CMD_GETS
               : md_token_is(t, "incr") ? MD_CMD_INCR
               : md_token_is(t, "decr") ? MD_CMD_DECR
               : md_token_is(t, "gats") ? MD_CMD_GATS
               : md_token_is(t, "quit") ? MD_CMD_QUIT
                                        : MD_CMD_UNKNOWN;
    case 5:
        return md_token_is(t, "touch")   ? MD_CMD_TOUCH
               : md_token_is(t, "stats") ? MD_CMD_STATS
               : md_token_is(t, "slabs") ? MD_CMD_SLABS
               : md_token_is(t, "watch") ? MD_CMD_WATCH
                                         : MD_CMD_UNKNOWN;
    case 6:
        return md_token_is(t, "append")   ? MD_CMD_APPEND
               : md_token_is(t, "delete") ? MD_CMD_DELETE
                                          : MD_CMD_UNKNOWN;
    case 7:
        return md_token_is(t, "replace")   ? MD_CMD_REPLACE
               : md_token_is(t, "prepend") ? MD_CMD_PREPEND
               : md_token_is(t, "version") ? MD_CMD_VERSION
                                           : MD_CMD_UNKNOWN;
    case 8:
        return md_token_is(t, "shutdown")   ? MD_CMD_SHUTDOWN
               : md_token_is(t, "extstore") ? MD_CMD_EXTSTORE
                                            : MD_CMD_UNKNOWN;
    case 9:
        return md_token_is(t, "flush_all")   ? MD_CMD_FLUSH_ALL
               : md_token_is(t, "verbosity") ? MD_CMD_VERBOSITY
                                             : MD_CMD_UNKNOWN;
    case 11: return md_token_is(t, "lru_crawler") ? MD_CMD_LRU_CRAWLER : MD_CMD_UNKNOWN;
    case 13: return md_token_is(t, "refresh_certs") ? MD_CMD_REFRESH_CERTS : MD_CMD_UNKNOWN;
    case 14: return md_token_is(t, "cache_memlimit") ? MD_CMD_CACHE_MEMLIMIT : MD_CMD_UNKNOWN;
    default: return MD_CMD_UNKNOWN;
    }
}

static void unknown_command(struct md_feed *f, struct md_tokens *w) {
    struct md_token first = w->word[0], last = w->word[w->n - 1];
    if (md_token_is(first, "bget") && w->n > 1 && md_quirk_applies(f->m, MD_QUIRK_BGET)) {
        f->c->command.name = MD_CMD_GET;
        md_text_get(f, w, false, false);
        return;
    }
    /* Commands that begin like these are refused before the look at the last word. */
    bool early =
        first.n < 2 || memchr("gsacidt", first.s[0], 7) || (first.s[0] == 'm' && first.n == 2);
    if (f->m->profile->http_by_last_word)
        early = w->n < 2;
    if (f->m->profile->unknown_is_quiet)
        md_note_noreply(f, w);
    if (!early && last.n >= 5 && memcmp(last.s, "HTTP/", 5) == 0) {
        md_rule_is(f->m, MD_RULE_HTTP);
        f->close = true;
        return;
    }
    md_refuse(f, MD_RULE_UNKNOWN, "ERROR");
}

/* The command of a line, as far as the version looks for it there. */
static enum md_command_name name_of_line(struct md_feed *f, const uint8_t *line,
                                         const struct md_tokens *w) {
    enum md_command_name name = command_name(w->word[0]);
    if (line[0] != ' ' || name == MD_CMD_UNKNOWN)
        return name;
    md_chosen(f->m, MD_CHOICE_BLANKS_IN_FRONT);
    bool keyless = name == MD_CMD_FLUSH_ALL || name == MD_CMD_VERBOSITY ||
                   name == MD_CMD_CACHE_MEMLIMIT || name == MD_CMD_SHUTDOWN;
    return keyless || f->m->profile->blanks_in_front ? name : MD_CMD_UNKNOWN;
}

/* Returns false if the command waits for its data block. */
static bool dispatch(struct md_feed *f, struct md_tokens *w, enum md_command_name name) {
    switch (name) {
    case MD_CMD_SET:
    case MD_CMD_ADD:
    case MD_CMD_REPLACE:
    case MD_CMD_APPEND:
    case MD_CMD_PREPEND:
    case MD_CMD_CAS: return md_text_store(f, w, name);
    case MD_CMD_GET:
    case MD_CMD_GETS:
    case MD_CMD_GAT:
    case MD_CMD_GATS:
        md_text_get(f, w, name == MD_CMD_GETS || name == MD_CMD_GATS, name >= MD_CMD_GAT);
        break;
    case MD_CMD_DELETE: md_text_delete(f, w); break;
    case MD_CMD_INCR:
    case MD_CMD_DECR: md_text_delta(f, w, name == MD_CMD_INCR); break;
    case MD_CMD_TOUCH: md_text_touch(f, w); break;
    case MD_CMD_FLUSH_ALL: md_text_flush(f, w); break;
    case MD_CMD_VERBOSITY: md_text_verbosity(f, w); break;
    case MD_CMD_VERSION:
        md_rule_is(f->m, MD_RULE_VERSION);
        md_buf_printf(&f->out->bytes, "VERSION %s\r\n", f->m->profile->version);
        break;
    case MD_CMD_QUIT: quit_command(f); break;
    case MD_CMD_STATS: md_text_stats(f, w); break;
    case MD_CMD_MG:
    case MD_CMD_MS:
    case MD_CMD_MD:
    case MD_CMD_MA:
    case MD_CMD_ME: return md_meta_line(f, w, name);
    case MD_CMD_MN: md_refuse(f, MD_RULE_BARRIER, "MN"); break;
    case MD_CMD_CACHE_MEMLIMIT: md_text_memlimit(f, w); break;
    case MD_CMD_SHUTDOWN: md_text_shutdown(f, w); break;
    case MD_CMD_SLABS: md_text_slabs(f, w); break;
    case MD_CMD_LRU: md_text_lru(f, w); break;
    case MD_CMD_LRU_CRAWLER: md_text_crawler(f, w); break;
    case MD_CMD_WATCH: md_text_watch(f, w); break;
    case MD_CMD_EXTSTORE: md_text_extstore(f, w); break;
    case MD_CMD_REFRESH_CERTS: md_text_refresh_certs(f, w); break;
    default: unknown_command(f, w); break;
    }
    return true;
}

void md_text_line(struct md_feed *f, const uint8_t *line, size_t n) {
    const uint8_t *nul = memchr(line, 0, n);
    if (nul) {
        if (f->m->profile->nul_ends_line)
            n = (size_t)(nul - line);
        md_chosen(f->m, MD_CHOICE_NUL_IN_LINE);
    }
    struct md_tokens w;
    w.rest = line;
    w.end = line + n;
    md_tokens_next(&w);
    f->c->noreply = false;
    bool too_short = f->m->profile->short_line_bad && n + f->line_end < 4;
    if (w.n == 0 || too_short) {
        md_refuse(f, MD_RULE_UNKNOWN, too_short ? MD_BAD_FORMAT : "ERROR");
        md_feed_commit(f);
        return;
    }
    enum md_command_name name = name_of_line(f, line, &w);
    f->c->command.name = (uint8_t)name;
    if (!dispatch(f, &w, name))
        return;
    bool shape = f->c->command.flags & MD_COMMAND_STATS; /* no text of it is known */
    if ((f->unmodelled || shape) && f->m->process) {     /* a server has to answer */
        f->unmodelled = false;
        f->c->command.flags &= (uint8_t)~MD_COMMAND_STATS;
        md_refuse(f, MD_RULE_UNKNOWN, "ERROR");
    }
    if (f->unmodelled)
        return;
    md_feed_commit(f);
    name = (enum md_command_name)f->c->command.name;
    bool retrieval_done = f->m->profile->retrieval_sends && name >= MD_CMD_GET &&
                          name <= MD_CMD_GATS && !(f->c->command.flags & MD_COMMAND_ERROR);
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
