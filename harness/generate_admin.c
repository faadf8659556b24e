/*
 * Administrative commands, in all their forms and with odd arguments. Most of them change a setting that
 * nobody changes back, so that the node is not for another trace: only some traces say them at all
 * (MD_GEN_ADMIN), and those often.
 */
#include "harness/generate_internal.h"

/* Each `%` is an odd word or a number, each `#` the number of a class. */
static const struct {
    const char *line;
    uint8_t weight;
} md_admin_lines[] = {
    {"stats settings", 30},
    {"stats sizes", 12},
    {"stats sizes_enable", 8},
    {"stats sizes_disable", 4},
    {"stats conns", 12},
    {"stats detail on", 8},
    {"stats detail off", 3},
    {"stats detail dump", 10},
    {"stats detail", 2},
    {"stats detail %", 2},
    {"stats extstore", 2},
    {"stats proxy", 2},
    {"stats %", 6},
    {"stats settings %", 2},
    {"slabs reassign # #", 6},
    {"slabs reassign % %", 3},
    {"slabs reassign #", 1},
    {"slabs automove 0", 2},
    {"slabs automove 1", 2},
    {"slabs automove 2", 2},
    {"slabs automove %", 4},
    {"slabs automove ratio 0.5", 2},
    {"slabs automove ratio %", 2},
    {"slabs %", 2},
    {"lru tune 10 25 0.1 2.0", 3},
    {"lru tune % % % %", 4},
    {"lru tune % 5 0.2 1", 3},
    {"lru mode flat", 2},
    {"lru mode segmented", 2},
    {"lru mode %", 1},
    {"lru temp_ttl %", 3},
    {"lru %", 2},
    {"lru_crawler enable", 24},
    {"lru_crawler disable", 6},
    {"lru_crawler sleep %", 4},
    {"lru_crawler sleep 0", 2},
    {"lru_crawler tocrawl %", 4},
    {"lru_crawler crawl all", 8},
    {"lru_crawler crawl #", 4},
    {"lru_crawler crawl #,#,#", 3},
    {"lru_crawler crawl %", 3},
    {"lru_crawler metadump all", 20},
    {"lru_crawler metadump hash", 10},
    {"lru_crawler metadump #", 6},
    {"lru_crawler metadump #,#", 4},
    {"lru_crawler metadump %", 3},
    {"lru_crawler mgdump all", 8},
    {"lru_crawler mgdump hash", 4},
    {"lru_crawler mgdump %", 2},
    {"lru_crawler %", 2},
    {"lru_crawler", 1},
    {"extstore item_age %", 2},
    {"extstore %", 1},
    {"refresh_certs", 2},
    {"shutdown graceful", 1},
    {"shutdown %", 2},
    {"cache_memlimit 1024", 2},
    {"cache_memlimit %", 2},
    {"watch %", 3},
};

/* Said on a connection that nobody else wants. */
static const char *const md_watches[] = {
    "watch",
    "watch fetchers",
    "watch mutations",
    "watch evictions",
    "watch sysevents",
    "watch connevents",
    "watch fetchers mutations connevents",
    "watch rawcmds",
    "watch fetchers %",
    "watch proxyreqs",
};

static void md_admin_word(struct md_gen *g) {
    static const char *const words[] = {
        "all", "hash",   "on",         "x",          "1.5",     "0",        "-1",      "1",
        "63",  "64",     "4294967295", "4294967296", "1e3",     "nan",      "-0.1",    ",",
        "1,",  "999999", "1000000",    "1000001",    "noreply", "settings", "graceful"};
    char text[MD_GEN_WORD_MAX];
    if (md_chance(g->r, 250))
        md_step_bytes(g->out, text, md_gen_number(g->r, text));
    else
        md_gen_put(g, words[md_pick(g->r, MD_COUNT(words))]);
}

static void md_admin_line(struct md_gen *g, const char *line) {
    for (const char *p = line; *p; p++)
        if (*p == '%')
            md_admin_word(g);
        else if (*p == '#')
            md_gen_put_u64(g, md_chance(g->r, 700) ? 1 + md_pick(g->r, 6) : md_pick(g->r, 66));
        else
            md_step_bytes(g->out, p, 1);
}

void md_gen_admin(struct md_gen *g) {
    unsigned total = 0, at;
    for (size_t i = 0; i < MD_COUNT(md_admin_lines); i++)
        total += md_admin_lines[i].weight;
    at = md_pick(g->r, total);
    size_t i = 0;
    for (; at >= md_admin_lines[i].weight; i++)
        at -= md_admin_lines[i].weight;
    if (md_gen_token(g))
        md_admin_line(g, md_admin_lines[i].line);
    md_gen_end_line(g, md_chance(g->r, 60));
}

void md_gen_watch(struct md_gen *g, struct md_step *send) {
    g->out = send;
    md_admin_line(g, md_watches[md_pick(g->r, MD_COUNT(md_watches))]);
    md_gen_put(g, "\r\n");
}

void md_gen_shutdown(struct md_gen *g, struct md_step *send) {
    static const char *const lines[] = {"shutdown\r\n", "shutdown graceful\r\n",
                                        "version\r\nshutdown\r\nversion\r\n"};
    g->out = send;
    md_gen_put(g, lines[md_pick(g->r, MD_COUNT(lines))]);
}
