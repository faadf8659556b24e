/* Commands and their answers, counted; see versus_asked.h. */
#include "harness/versus_asked.h"

#include "model/number.h"
#include "model/rules.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { WORDS = 24 };

struct line {
    struct {
        const uint8_t *s;
        size_t n;
    } word[WORDS];
    size_t words, span;
};

static bool take_line(const uint8_t *s, size_t n, struct line *l) {
    const uint8_t *end = memchr(s, '\n', n);
    l->words = 0;
    if (!end)
        return false;
    l->span = (size_t)(end + 1 - s);
    size_t text = l->span - 1;
    text -= text && s[text - 1] == '\r';
    for (size_t i = 0; i < text && l->words < WORDS; i++) {
        if (s[i] == ' ')
            continue;
        size_t first = i;
        while (i < text && s[i] != ' ')
            i++;
        l->word[l->words].s = s + first;
        l->word[l->words++].n = i - first;
    }
    return true;
}

static bool is(const struct line *l, size_t i, const char *text) {
    return i < l->words && l->word[i].n == strlen(text) &&
           memcmp(l->word[i].s, text, l->word[i].n) == 0;
}

/* Which word is the length of the data block that follows; 0: none does. */
static size_t length_word(const struct line *l) {
    static const char *const stores[] = {"set", "add", "replace", "append", "prepend", "cas"};
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        if (is(l, 0, stores[i]))
            return l->words > 4 ? 4 : 0;
    return is(l, 0, "ms") && l->words > 2 ? 2 : 0;
}

static size_t data_behind(const struct line *l) {
    size_t i = length_word(l);
    if (i == 0)
        return 0;
    struct md_number n = md_number_unsigned(l->word[i].s, l->word[i].n);
    return n.proper && n.value < INT32_MAX ? (size_t)n.value + 2 : 0;
}

/* Only names that are known: what somebody made up is no part of a signature. */
static bool known_name(const char *text, char name[MD_ASKED_MAX]) {
    for (int i = 0; i < MD_COMMAND_NAMES; i++)
        if (strcmp(md_command_name_text((enum md_command_name)i), text) == 0) {
            snprintf(name, MD_ASKED_MAX, "%.*s", MD_ASKED_MAX - 1, text);
            return true;
        }
    return false;
}

static void name_of(const struct line *l, char name[MD_ASKED_MAX]) {
    char text[MD_ASKED_MAX] = "", longer[2 * MD_ASKED_MAX];
    if (l->words > 0 && l->word[0].n < sizeof text)
        snprintf(text, sizeof text, "%.*s", (int)l->word[0].n, (const char *)l->word[0].s);
    if (!known_name(text, name))
        snprintf(name, MD_ASKED_MAX, l->words ? "unknown" : "blank");
    if (l->words > 1 && l->word[1].n < MD_ASKED_MAX) {
        snprintf(longer, sizeof longer, "%s-%.*s", text, (int)l->word[1].n,
                 (const char *)l->word[1].s);
        known_name(longer, name);
    }
}

void md_asked(const uint8_t *sent, size_t n, size_t index, char name[MD_ASKED_MAX]) {
    struct line l;
    size_t at = 0;
    while (at < n && take_line(sent + at, n - at, &l)) {
        bool silent = l.words > 0 && is(&l, l.words - 1, "noreply");
        name_of(&l, name);
        if (!silent && index-- == 0)
            return;
        size_t data = data_behind(&l);
        at += l.span;
        at += data < n - at ? data : n - at;
    }
    snprintf(name, MD_ASKED_MAX, at < n ? "unfinished" : "none");
}
