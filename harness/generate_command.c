/*
 * One command at a time, of any kind, and what it does to the picture of the node. The picture is
 * rough on purpose: it aims, it does not predict.
 */
#include "harness/generate_internal.h"

static void md_flushed(struct md_gen *g) {
    for (unsigned i = 0; i < g->n_keys; i++)
        if (g->keys[i].state == MD_GEN_STORED)
            g->keys[i].state = MD_GEN_FLUSHED;
}

/* ---- reading and changing ---------------------------------------------------------------- */

/* Keys until the line is about `bytes` long: long enough for the borders of read buffers. */
static void md_long_keys(struct md_gen *g) {
    static const uint16_t sizes[] = {2030, 2048, 2049, 2100, 4000, 16370, 16384, 16385, 20000};
    unsigned left = sizes[md_pick(g->r, MD_COUNT(sizes))] + md_pick(g->r, 12);
    while (left > 0) {
        const struct md_gen_key *k = &g->keys[md_pick(g->r, g->n_keys)];
        unsigned n = left < MD_KEY_MAX ? left : MD_KEY_MAX;
        md_step_bytes(g->out, " ", 1);
        if (left > 500 || md_pick(g->r, 2))
            md_gen_put_fill(g, n, k->bytes[0]);
        else
            md_step_bytes(g->out, k->bytes, n = k->len);
        left = left > n + 1 ? left - n - 1 : 0;
    }
}

static unsigned md_how_many_keys(struct md_gen *g) {
    static const uint8_t borders[] = {21, 22, 23, 24, 25, 26, 46, 47, 48, 100};
    if (!(g->features & MD_GEN_MULTI) || md_chance(g->r, 500))
        return 1;
    if (md_chance(g->r, 40)) /* where a node reads the tokens of a line in portions */
        return borders[md_pick(g->r, MD_COUNT(borders))];
    return 2 + md_pick(g->r, 6);
}

static void md_retrieve(struct md_gen *g, enum md_gen_kind kind) {
    bool touches = kind == MD_GEN_GAT || kind == MD_GEN_GATS;
    uint64_t expires = 0;
    md_gen_word_token(g, md_gen_shapes[kind].word);
    if (touches)
        expires = md_gen_expiry_token(g);
    for (unsigned n = md_how_many_keys(g); n > 0; n--) {
        struct md_gen_key *k =
            md_gen_pick_key(g, md_chance(g->r, 768) ? MD_GEN_WANT_ALIVE : MD_GEN_WANT_ANY);
        md_gen_key_token(g, k);
        if (touches && md_gen_goes_through(g) && md_gen_alive(g, k))
            k->expires = expires;
    }
    if (g->features & MD_GEN_LONG && md_chance(g->r, 80))
        md_long_keys(g);
    md_gen_end_line(g, md_chance(g->r, 50));
}

static void md_delete(struct md_gen *g) {
    static const char *const forms[] = {" 0", " 0", " 0", " 5", " 1", " -1", " 00", " 0 0", " x"};
    struct md_gen_key *k =
        md_gen_pick_key(g, md_chance(g->r, 700) ? MD_GEN_WANT_ALIVE : MD_GEN_WANT_ANY);
    md_gen_word_token(g, "delete");
    md_gen_key_token(g, k);
    if (g->odd == MD_ODD_NUMBER)
        md_gen_put(g, forms[md_pick(g->r, MD_COUNT(forms))]);
    else if (md_chance(g->r, 60))
        md_gen_put(g, " 0");
    md_gen_end_line(g, true);
    if (md_gen_goes_through(g) && k->state == MD_GEN_STORED)
        k->state = MD_GEN_DELETED;
}

static void md_delta(struct md_gen *g, enum md_gen_kind kind) {
    static const uint8_t small[] = {0, 1, 1, 1, 2, 5, 9, 10, 11, 90, 99, 100, 101, 255};
    char text[MD_GEN_WORD_MAX];
    struct md_gen_key *k = md_gen_pick_key(g, MD_GEN_WANT_COUNTER);
    md_gen_word_token(g, md_gen_shapes[kind].word);
    md_gen_key_token(g, k);
    if (md_chance(g->r, 250)) {
        if (md_gen_token(g) && !md_gen_odd_number(g))
            md_step_bytes(g->out, text, md_gen_border(g->r, text));
    } else
        md_gen_number_token(g, small[md_pick(g->r, MD_COUNT(small))]);
    md_gen_end_line(g, true);
    if (md_gen_goes_through(g) && md_gen_alive(g, k) && k->counter)
        md_gen_stored(g, k);
}

static void md_touch(struct md_gen *g) {
    struct md_gen_key *k = md_gen_pick_key(g, MD_GEN_WANT_ALIVE);
    md_gen_word_token(g, "touch");
    md_gen_key_token(g, k);
    uint64_t expires = md_gen_expiry_token(g);
    md_gen_end_line(g, true);
    if (md_gen_goes_through(g) && md_gen_alive(g, k))
        k->expires = expires;
}

/* ---- the node as a whole ----------------------------------------------------------------- */

/* The time of a flush; how many seconds from now it acts (0: at once). */
static uint64_t md_flush_time(struct md_gen *g) {
    static const char *const odd[] = {"-1",        "-1",         "-1",         "-5",
                                      "999999999", "1000000000", "1",          "2592000",
                                      "2592001",   "2147483647", "2147483648", "4294967295"};
    uint64_t seconds = 1 + md_pick(g->r, 6);
    unsigned dice = md_pick(g->r, 100);
    if (dice < 15) {
        md_gen_put_u64(g, 0);
        return 0;
    }
    if (dice < 60) {
        md_gen_put_u64(g, seconds);
        return seconds;
    }
    if (dice < 72 || dice >= 80) {
        bool past = dice < 62;
        md_step_part(g->out, MD_PART_NOW)->number = past ? -(int64_t)seconds : (int64_t)seconds;
        return past ? 0 : seconds;
    }
    const char *text = odd[md_pick(g->r, MD_COUNT(odd))];
    md_gen_put(g, text);
    return text[0] == '-' ? 0 : 1;
}

static void md_flush(struct md_gen *g) {
    uint64_t seconds = 0;
    md_gen_word_token(g, "flush_all");
    if (g->odd == MD_ODD_NUMBER || md_chance(g->r, 550)) {
        if (md_gen_token(g) && !md_gen_odd_number(g))
            seconds = md_flush_time(g);
    }
    md_gen_end_line(g, true);
    if (!md_gen_goes_through(g))
        return;
    g->flush_at = seconds ? g->now + seconds : 0;
    if (seconds == 0) {
        md_flushed(g);
        g->stores++;
    }
}

static void md_verbosity(struct md_gen *g) {
    /* Anything above 0 makes the node talk, and costs whoever reuses it a new one: rarely. */
    static const char *const levels[] = {"1", "2", "10", "4294967296"};
    static const char *const odd[] = {"x", "-1", "1x", "4294967296", "99999999999"};
    md_gen_word_token(g, "verbosity");
    if (md_gen_token(g)) {
        if (g->odd == MD_ODD_NUMBER)
            md_gen_put(g, odd[md_pick(g->r, MD_COUNT(odd))]);
        else
            md_gen_put(g, md_chance(g->r, 20) ? levels[md_pick(g->r, MD_COUNT(levels))] : "0");
    }
    md_gen_end_line(g, true);
}

static void md_unknown(struct md_gen *g) {
    /* clang-format off */
    static const char *const lines[] = {
        "gett a", "SET a 0 0 1", "get\ta", "", "x", "q", "foo bar", "versio", "flush_al", "touch",
        "touch a", "incr", "incr a", "decr a", "verbosity", "gat", "gat 0", "gats", "gats 10",
        "get", "gets", "set", "set a", "set a 0 0", "cas a 0 0 1", "delete", "add a 0 0",
        "replace", "append a", "prepend a 0", "\r", "0", "noreply", " ", "  ",
        "delete a 0 0 0 noreply", "Quit", "quitt", "END", "STORED", "VALUE a 0 1", "get a\tb",
        "a", "get  ", "flush_all 0 0 0", "set a 0 0 0 0 0 0", "touch a 0 0 0", "incr a 1 1 1",
        "\x01", "\xff\xfe", "stat", "statss", "shutdow",
    };
    /* clang-format on */
    static const char *const http[] = {"GET / HTTP/1.1", "POST /a HTTP/1.0", "X HTTP/",
                                       "HTTP/1.1",       "GET / HTTP",       "get / HTTP/1.1"};
    if (md_chance(g->r, 100)) {
        md_gen_put(g, http[md_pick(g->r, MD_COUNT(http))]);
        g->said_quit = true;
    } else
        md_gen_put(g, lines[md_pick(g->r, MD_COUNT(lines))]);
    md_gen_end_line(g, false);
}

static void md_plain(struct md_gen *g, enum md_gen_kind kind) {
    md_gen_word_token(g, md_gen_shapes[kind].word);
    if (kind == MD_GEN_STATS_RESET)
        md_gen_put(g, " reset");
    md_gen_end_line(g, kind == MD_GEN_VERSION || kind == MD_GEN_QUIT);
    g->said_quit |= kind == MD_GEN_QUIT;
}

/* ---- any command ------------------------------------------------------------------------- */

void md_gen_command_of(struct md_gen *g, struct md_step *send, enum md_gen_kind kind) {
    g->out = send;
    g->token = 0;
    g->commands++;
    md_gen_choose_odd(g, kind);
    if (md_gen_is_store(kind))
        md_gen_store(g, kind);
    else if (md_gen_is_meta(kind))
        md_gen_meta(g, kind);
    else if (md_gen_is_retrieval(kind))
        md_retrieve(g, kind);
    else if (kind == MD_GEN_INCR || kind == MD_GEN_DECR)
        md_delta(g, kind);
    else if (kind == MD_GEN_DELETE)
        md_delete(g);
    else if (kind == MD_GEN_TOUCH)
        md_touch(g);
    else if (kind == MD_GEN_FLUSH)
        md_flush(g);
    else if (kind == MD_GEN_VERBOSITY)
        md_verbosity(g);
    else if (kind == MD_GEN_ADMIN)
        md_gen_admin(g);
    else if (kind == MD_GEN_UNKNOWN)
        md_unknown(g);
    else
        md_plain(g, kind);
}

static enum md_gen_kind md_any_kind(struct md_gen *g) {
    unsigned at = md_pick(g->r, g->total);
    for (unsigned i = 0; i < MD_GEN_KINDS; i++) {
        if (at < g->weight[i])
            return (enum md_gen_kind)i;
        at -= g->weight[i];
    }
    return MD_GEN_GET;
}

void md_gen_command(struct md_gen *g, struct md_step *send) {
    enum md_gen_kind kind = md_any_kind(g);
    if (g->want_cas >= 0) {
        kind = MD_GEN_CAS;
    } else if (kind > MD_GEN_ADD && kind <= MD_GEN_TOUCH && md_chance(g->r, 768) &&
               !md_gen_any_alive(g, kind == MD_GEN_INCR || kind == MD_GEN_DECR)) {
        /* With nothing there, most commands only miss. */
        g->want_counter = kind == MD_GEN_INCR || kind == MD_GEN_DECR;
        kind = MD_GEN_SET;
    } else if (kind == MD_GEN_CAS && g->features & MD_GEN_CAS_PAIRS && md_chance(g->r, 600)) {
        /* First gets; the turn ends here, so that the next send can use what it showed. */
        const struct md_gen_key *k = md_gen_pick_key(g, MD_GEN_WANT_ALIVE);
        g->out = send;
        g->commands++;
        md_gen_put(g, md_chance(g->r, 800) ? "gets " : "gats 0 ");
        md_step_bytes(send, k->bytes, k->len);
        md_gen_put(g, "\r\n");
        g->want_cas = (int)(k - g->keys);
        return;
    }
    md_gen_command_of(g, send, kind);
}

void md_gen_sweep(struct md_gen *g, struct md_step *send) {
    static const char *const words[] = {"get", "gets", "get", "gat 0"};
    g->out = send;
    g->commands++;
    md_gen_put(g, words[md_pick(g->r, MD_COUNT(words))]);
    for (unsigned i = 0; i < g->n_keys; i++) {
        md_step_bytes(send, " ", 1);
        md_step_bytes(send, g->keys[i].bytes, g->keys[i].len);
    }
    md_gen_put(g, "\r\n");
}
