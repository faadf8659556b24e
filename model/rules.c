/* The tables of rules, choices and quirks, made from the lists of rules.def.h. */
#include "model/rules.h"

#include <string.h>

static const struct md_rule_info rules[] = {
#define X(name, tag, source, sentence) {#name, tag, source, sentence},
    MD_RULE_LIST(X)
#undef X
};

static const struct md_choice_info choices[] = {
#define X(name, alternatives, sentence) {#name, sentence, alternatives},
    MD_CHOICE_LIST(X)
#undef X
};

static const struct md_quirk_info quirks[] = {
#define X(name, versions, contradicts, upstream, sentence)                                         \
    {#name, sentence, versions, contradicts, upstream},
    MD_QUIRK_LIST(X)
#undef X
};

const char *md_tag_name(enum md_tag tag) {
    static const char *const names[] = {"DOC", "INTENT", "CONSISTENCY", "CHOICE"};
    return names[tag];
}

const struct md_rule_info *md_rule_info(enum md_rule rule) { return &rules[rule]; }
const struct md_choice_info *md_choice_info(enum md_choice choice) { return &choices[choice]; }
const struct md_quirk_info *md_quirk_info(enum md_quirk quirk) { return &quirks[quirk]; }

/* "FLUSH_EARLY" and "flush-early" are the same id. */
void md_id_text(const char *name, char *out, size_t size) {
    size_t i = 0;
    for (; name[i] && i + 1 < size; i++)
        out[i] = name[i] == '_'                       ? '-'
                 : (name[i] >= 'A' && name[i] <= 'Z') ? (char)(name[i] - 'A' + 'a')
                                                      : name[i];
    if (size)
        out[i] = 0;
}

enum md_quirk md_quirk_find(const char *id) {
    for (int q = MD_QUIRK_NONE + 1; q < MD_QUIRKS; q++) {
        char text[MD_ID_MAX];
        md_id_text(quirks[q].name, text, sizeof text);
        if (strcmp(text, id) == 0)
            return (enum md_quirk)q;
    }
    return MD_QUIRK_NONE;
}

const char *md_command_name_text(enum md_command_name name) {
    static const char *const names[] = {
#define X(name, text) text,
        MD_COMMAND_LIST(X)
#undef X
    };
    return names[name];
}
