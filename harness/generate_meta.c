/*
 * Meta commands: a key as it is or as base64, a handful of flags in any order, and for ms a data
 * block. Flags that belong together often come together (N with T, I with C, q with anything).
 */
#include "harness/generate_internal.h"

#include "model/base64.h"

enum { MD_FLAGS_MAX = 12 };

/* What a command's flags did to the picture. */
struct md_meta_said {
    uint64_t expires; /* T or N */
    bool timed, vivify, invalidate, compare, matches, binary;
    char mode;
};

/* ---- flags ------------------------------------------------------------------------------- */

/* Letters as likely as they stand here; what has little to do with a command comes rarely. */
static const char *const md_letters[MD_GEN_KINDS] = {
    [MD_GEN_MG] = "vvvvvvkkkccctttffsslhhhOOqqqqubNNNRRRTTTPL",
    [MD_GEN_MS] = "TTTTTTFFFMMMMMCCCcckkOOqqqIIIbbNPLs",
    [MD_GEN_MD] = "IIIIITTTqqqCCCkkOObPLx",
    [MD_GEN_MA] = "vvvvvvNNNNJJJDDDDDMMMMTTTttccCCqqqkkOObbPLE",
};
static const char md_any_letter[] = "bcfhklOqstuvEFIMDJNRTCPLxSz0";

static bool md_numeric(struct md_gen *g) {
    char text[MD_GEN_WORD_MAX];
    if (g->odd != MD_ODD_NUMBER || md_pick(g->r, 2))
        return false;
    md_step_bytes(g->out, text, md_gen_number(g->r, text));
    return true;
}

static void md_opaque(struct md_gen *g) {
    static const char letters[] = "0123456789abcdefOkq=";
    unsigned n = md_chance(g->r, 60) ? 30 + md_pick(g->r, 5) : md_pick(g->r, 4);
    for (; n > 0; n--)
        md_step_bytes(g->out, &letters[md_pick(g->r, sizeof letters - 1)], 1);
}

static char md_mode(struct md_gen *g, enum md_gen_kind kind) {
    static const char ms[] = "EEEAAAPPRRSeI", ma[] = "ID+-DDi";
    char mode = kind == MD_GEN_MA ? ma[md_pick(g->r, sizeof ma - 1)] : ms[md_pick(g->r, 13)];
    md_step_bytes(g->out, &mode, 1);
    if (md_chance(g->r, 10))
        md_step_bytes(g->out, &mode, 1);
    return mode;
}

/* Near the time that the key has left. */
static void md_recache(struct md_gen *g, const struct md_gen_key *k) {
    static const uint32_t seconds[] = {0, 1, 5, 10, 30, 31, 60, 2592000, 2592001, 2000000000};
    uint64_t left = k->expires > g->now ? k->expires - g->now : 0;
    if (left && md_chance(g->r, 600))
        md_gen_put_u64(g, left + md_pick(g->r, 3) - (left > 0));
    else
        md_gen_put_u64(g, seconds[md_pick(g->r, MD_COUNT(seconds))]);
}

static void md_client_flags(struct md_gen *g) {
    static const char *const flags[] = {"0", "1", "5", "65536", "2147483648", "4294967295"};
    md_gen_put(g, flags[md_pick(g->r, MD_COUNT(flags))]);
}

static void md_small_or_border(struct md_gen *g) {
    static const uint8_t small[] = {0, 1, 1, 2, 9, 10, 11, 90, 99, 100};
    char text[MD_GEN_WORD_MAX];
    if (md_chance(g->r, 250))
        md_step_bytes(g->out, text, md_gen_border(g->r, text));
    else
        md_gen_put_u64(g, small[md_pick(g->r, MD_COUNT(small))]);
}

/* What stands behind the letter. */
static void md_argument(struct md_gen *g, enum md_gen_kind kind, const struct md_gen_key *k,
                        char letter, struct md_meta_said *s) {
    if (letter != 'O' && letter != 'M' && strchr("TNRFCEDJ", letter) && md_numeric(g))
        return;
    switch (letter) {
    case 'O': md_opaque(g); break;
    case 'P':
    case 'L': md_gen_put(g, md_pick(g->r, 2) ? "" : "path/x"); break;
    case 'T':
        s->expires = md_gen_expiry(g);
        s->timed = true;
        break;
    case 'N':
        s->expires = md_gen_expiry(g);
        s->vivify = true;
        break;
    case 'R': md_recache(g, k); break;
    case 'F': md_client_flags(g); break;
    case 'C':
        s->compare = true;
        s->matches = md_gen_cas(g, k);
        break;
    case 'E': md_gen_put_u64(g, 1 + md_pick(g->r, 2000)); break;
    case 'M': s->mode = md_mode(g, kind); break;
    case 'D':
    case 'J': md_small_or_border(g); break;
    case 'I': s->invalidate = true; break;
    default: break;
    }
}

static void md_flag(struct md_gen *g, enum md_gen_kind kind, const struct md_gen_key *k,
                    char letter, struct md_meta_said *s) {
    if (!md_gen_token(g))
        return;
    md_step_bytes(g->out, &letter, 1);
    md_argument(g, kind, k, letter, s);
    if (md_chance(g->r, 8)) /* too much behind a letter that takes nothing */
        md_gen_put(g, "x");
}

static void md_flags(struct md_gen *g, enum md_gen_kind kind, const struct md_gen_key *k,
                     struct md_meta_said *s) {
    const char *letters = md_letters[kind];
    char used[MD_FLAGS_MAX + 1] = "b"; /* the key decides on that one */
    unsigned n = md_pick(g->r, md_chance(g->r, 200) ? MD_FLAGS_MAX : 5);
    size_t n_letters = strlen(letters);
    for (unsigned i = 1; i <= n && i < MD_FLAGS_MAX; i++) {
        char letter = letters[md_pick(g->r, (unsigned)n_letters)];
        if (md_chance(g->r, 12))
            letter = md_any_letter[md_pick(g->r, sizeof md_any_letter - 1)];
        bool twice = strchr(used, letter) != NULL;
        used[i] = letter;
        if (!twice || (g->odd == MD_ODD_SURPLUS && md_pick(g->r, 2)))
            md_flag(g, kind, k, letter, s);
    }
    for (unsigned i = g->odd == MD_ODD_LONG ? 22 : 0; i > 0; i--)
        md_flag(g, kind, k, md_any_letter[i], s);
}

void md_gen_meta_flag(struct md_gen *g, const struct md_gen_key *k) {
    static const enum md_gen_kind kinds[] = {MD_GEN_MG, MD_GEN_MS, MD_GEN_MD, MD_GEN_MA};
    enum md_gen_kind kind = kinds[md_pick(g->r, 4)];
    const char *letters = md_letters[kind];
    struct md_meta_said said = {0};
    char letter = letters[md_pick(g->r, (unsigned)strlen(letters))];
    md_step_bytes(g->out, &letter, 1);
    md_argument(g, kind, k, letter, &said);
}

/* ---- keys -------------------------------------------------------------------------------- */

/* The key as base64, now and then with bytes that no other command can say; or bad base64. */
static void md_binary_key(struct md_gen *g, const struct md_gen_key *k) {
    static const char *const odd[] = {"YQ", "YQ==", "Y=Q=", "====", "Y!Q==", "YQ==YQ==", "-_-_"};
    uint8_t bytes[MD_KEY_MAX + 1];
    struct md_buf text = {0};
    size_t n = k->len;
    if (!md_gen_token(g))
        return;
    if (md_gen_odd_here(g, MD_ODD_KEY) || md_chance(g->r, 10)) {
        md_gen_put(g, odd[md_pick(g->r, MD_COUNT(odd))]);
        return;
    }
    memcpy(bytes, k->bytes, n);
    if (md_chance(g->r, 250))
        bytes[n++] = (uint8_t) "\n \0\x80"[md_pick(g->r, 4)];
    md_base64_encode(&text, bytes, n);
    md_step_bytes(g->out, text.data, text.len);
    md_buf_free(&text);
}

static struct md_gen_key *md_meta_key(struct md_gen *g, enum md_gen_kind kind) {
    switch (kind) {
    case MD_GEN_MS:
        return md_gen_pick_key(g, md_pick(g->r, 2) ? MD_GEN_WANT_ANY : MD_GEN_WANT_ALIVE);
    case MD_GEN_MA:
        return md_gen_pick_key(g, md_chance(g->r, 800) ? MD_GEN_WANT_COUNTER : MD_GEN_WANT_GONE);
    default: return md_gen_pick_key(g, md_chance(g->r, 700) ? MD_GEN_WANT_ALIVE : MD_GEN_WANT_ANY);
    }
}

/* ---- the picture ------------------------------------------------------------------------- */

static void md_after(struct md_gen *g, enum md_gen_kind kind, struct md_gen_key *k,
                     const struct md_meta_said *s) {
    bool alive = md_gen_alive(g, k), goes = !s->compare || s->matches;
    if (!md_gen_goes_through(g))
        return;
    if (alive && kind == MD_GEN_MD && goes && !s->invalidate)
        k->state = MD_GEN_DELETED;
    else if (alive && kind == MD_GEN_MA && k->counter && goes)
        md_gen_stored(g, k);
    else if (!alive && s->vivify) {
        md_gen_stored(g, k);
        k->counter = kind == MD_GEN_MA;
        k->size = k->counter;
        k->expires = s->expires;
    }
    if (alive && s->timed && (kind != MD_GEN_MD || s->invalidate))
        k->expires = s->expires;
}

static void md_after_set(struct md_gen *g, struct md_gen_key *k, const struct md_gen_value *v,
                         const struct md_meta_said *s) {
    uint64_t size = (uint64_t)v->len + v->fill;
    bool alive = md_gen_alive(g, k), joins = s->mode == 'A' || s->mode == 'P';
    bool stores = s->mode == 'E' ? !alive : joins || s->mode == 'R' || s->compare ? alive : true;
    if (!md_gen_goes_through(g) || !stores || (s->compare && !s->matches))
        return;
    md_gen_stored(g, k);
    k->size = (uint32_t)(joins ? size + k->size : size);
    k->counter = v->counter && (!joins || k->counter);
    if (!joins)
        k->expires = s->timed ? s->expires : 0;
}

/* ---- commands ---------------------------------------------------------------------------- */

static void md_length_token(struct md_gen *g, uint64_t size, uint64_t said, const char *text,
                            bool symbols) {
    if (!md_gen_token(g) || md_gen_odd_number(g))
        return;
    if (text)
        md_gen_put(g, text);
    else if (symbols && said == size)
        md_step_part(g->out, MD_PART_LEN);
    else
        md_gen_put_u64(g, said);
}

void md_gen_meta(struct md_gen *g, enum md_gen_kind kind) {
    struct md_gen_key *k = md_meta_key(g, kind);
    struct md_meta_said said = {0};
    struct md_gen_value v = {0};
    bool binary = md_chance(g->r, 120);
    md_gen_word_token(g, md_gen_shapes[kind].word);
    if (binary)
        md_binary_key(g, k);
    else
        md_gen_key_token(g, k);
    bool symbols = false, lies = false;
    if (kind == MD_GEN_MS) {
        const char *text = NULL;
        md_gen_value(g, k, &v);
        uint64_t size = (uint64_t)v.len + v.fill;
        uint64_t length = g->odd == MD_ODD_DATA ? md_gen_false_length(g, size, &text) : size;
        lies = text || length != size;
        symbols = !lies && g->features & MD_GEN_BLOCKS && md_chance(g->r, 400);
        md_length_token(g, size, length, text, symbols);
        g->swallowed |= md_gen_odd_here(g, MD_ODD_NUMBER);
    }
    bool early = kind == MD_GEN_ME || md_pick(g->r, 2);
    if (binary && early)
        md_flag(g, kind, k, 'b', &said);
    if (kind != MD_GEN_ME)
        md_flags(g, kind, k, &said);
    else if (md_chance(g->r, 50))
        md_flag(g, kind, k, 'k', &said);
    if (binary && !early)
        md_flag(g, kind, k, 'b', &said);
    md_gen_end_line(g, false);
    if (kind != MD_GEN_MS) {
        md_after(g, kind, k, &said);
        return;
    }
    md_gen_put_block(g, &v, symbols, g->odd == MD_ODD_DATA && !lies);
    md_after_set(g, k, &v, &said);
}
