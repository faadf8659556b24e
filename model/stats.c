/* Counters and the check of a reply to `stats`; see stats.h. */
#include "model/stats.h"

#include "model/internal.h"

#include <stdio.h>

static const char *const names[MD_STATS] = {
#define X(name) [MD_STAT_##name] = #name,
    MD_COUNTER_LIST(X)
#undef X
};

void md_stats_reset(struct md_stats *s) {
    uint64_t items = s->count[MD_STAT_curr_items], bytes = s->count[MD_STAT_bytes];
    *s = (struct md_stats){0};
    s->count[MD_STAT_curr_items] = items;
    s->count[MD_STAT_bytes] = bytes;
}

void md_stats_snapshot(struct md_model *m) {
    m->snapshots =
        md_grow(m->snapshots, &m->cap_snapshots, m->n_snapshots + 1, sizeof *m->snapshots);
    struct md_stats_snapshot *s = &m->snapshots[m->n_snapshots++];
    s->ordinal = m->command->ordinal;
    memcpy(s->count, m->stats.count, sizeof s->count);
    s->count[MD_STAT_uptime] = m->now - MD_BUMP_INTERVAL;
    md_chosen(m, MD_CHOICE_UPTIME);
    s->count[MD_STAT_time] = md_model_now(m);
    s->count[MD_STAT_limit_maxbytes] = m->options.memory_limit;
    s->count[MD_STAT_pointer_size] = 64;
    /* A padded counter counts for more bytes than one that was replaced. */
    for (size_t r = 0; r < m->n_records; r++) {
        int32_t i = m->records[r].item;
        if (i != MD_NIL && m->items[i].open_choice)
            md_stands_on(m, m->items[i].padded_by, MD_CHOICE_PADDING);
    }
    const struct md_stats *n = &m->stats;
    if ((n->gat_hits || n->gat_misses) && !md_quirk_applies(m, MD_QUIRK_GAT_NOT_COUNTED)) {
        s->count[MD_STAT_cmd_get] += n->gat_hits + n->gat_misses;
        s->count[MD_STAT_get_hits] += n->gat_hits;
        s->count[MD_STAT_get_misses] += n->gat_misses;
    }
    if (n->touched_unfetched && !md_quirk_applies(m, MD_QUIRK_UNFETCHED_COUNTERS))
        s->count[MD_STAT_expired_unfetched] -= n->touched_unfetched;
}

static const struct md_stats_snapshot *find(const struct md_model *m, uint32_t ordinal) {
    for (size_t i = m->n_snapshots; i-- > 0;)
        if (m->snapshots[i].ordinal == ordinal)
            return &m->snapshots[i];
    return NULL;
}

static int stat_index(const uint8_t *name, size_t n) {
    for (int i = 0; i < MD_STATS; i++)
        if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
            return i;
    return -1;
}

static bool fail(char *name, const char *which, struct md_buf *why) {
    snprintf(name, 32, "%s", which);
    if (why->len == 0)
        md_buf_printf(why, "%s", which);
    return false;
}

/* One line "STAT name value", without CRLF. */
static bool check_line(const struct md_stats_snapshot *s, const uint8_t *line, size_t n,
                       bool seen[MD_STATS], char *name, struct md_buf *why) {
    if (n < 5 || memcmp(line, "STAT ", 5) != 0)
        return fail(name, "shape", why);
    line += 5, n -= 5;
    const uint8_t *blank = memchr(line, ' ', n);
    if (!blank || blank == line)
        return fail(name, "shape", why);
    int which = stat_index(line, (size_t)(blank - line));
    if (which < 0)
        return true;
    struct md_number v = md_number_unsigned(blank + 1, n - (size_t)(blank + 1 - line));
    if (v.proper && !seen[which] && v.value == s->count[which]) {
        seen[which] = true;
        return true;
    }
    md_buf_printf(why, "%s: expected %llu, observed %.*s", names[which],
                  (unsigned long long)s->count[which],
                  (int)(n - (size_t)(blank + 1 - line) < 24 ? n - (size_t)(blank + 1 - line) : 24),
                  (const char *)blank + 1);
    return fail(name, names[which], why);
}

bool md_model_stats_agree(const struct md_model *m, uint32_t ordinal, const uint8_t *observed,
                          size_t len, size_t *used, char *name, struct md_buf *why) {
    const struct md_stats_snapshot *s = find(m, ordinal);
    bool seen[MD_STATS] = {false};
    *used = 0;
    while (s && *used < len) {
        const uint8_t *line = observed + *used, *end = memchr(line, '\n', len - *used);
        if (!end || end == line || end[-1] != '\r')
            break;
        size_t n = (size_t)(end - 1 - line);
        *used += n + 2;
        if (n == 3 && memcmp(line, "END", 3) == 0) {
            for (int i = 0; i < MD_STATS; i++)
                if (!seen[i]) {
                    md_buf_printf(why, "%s: missing", names[i]);
                    return fail(name, names[i], why);
                }
            return true;
        }
        if (!check_line(s, line, n, seen, name, why))
            return false;
    }
    return fail(name, "shape", why);
}
