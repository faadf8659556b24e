/* memdiverge rules: what memcached is held to, and how often each was met in a campaign. */
#include "harness/cmd.h"
#include "harness/settings.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { KEY_JSON = 0x200 };

struct rules {
    bool json;
    const char *file;
    json_t *summary; /* of a campaign, or NULL */
};

static error_t parse(int key, char *word, struct argp_state *state) {
    struct rules *r = state->input;
    switch (key) {
    case KEY_JSON: r->json = true; return 0;
    case ARGP_KEY_ARG:
        if (r->file)
            argp_error(state, "one summary.json at a time ('%s' is the second)", word);
        r->file = word;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* -1: there is no campaign to say. */
static json_int_t fired(const struct rules *r, const char *list, const char *id) {
    const json_t *n = json_object_get(json_object_get(r->summary, list), id);
    return json_is_integer(n) ? json_integer_value(n) : -1;
}

/* One entry: told as JSON, or printed. `more` are pairs of a label and a text. */
static json_t *entry(const struct rules *r, const char *list, const char *name,
                     const char *sentence, const char *const *more) {
    char id[MD_ID_MAX];
    md_id_text(name, id, sizeof id);
    json_int_t n = fired(r, list, id);
    json_t *o = json_pack("{s:s, s:s}", "id", id, "sentence", sentence);
    if (n >= 0)
        json_object_set_new(o, "fired", json_integer(n));
    if (!r->json) {
        printf("  %-20s ", id);
        if (n >= 0)
            printf("%12lld  ", (long long)n);
        printf("%s", sentence);
    }
    for (; *more; more += 2) {
        json_object_set_new(o, more[0], json_string(more[1]));
        if (!r->json)
            printf("%s%s: %s", more[0][0] ? "; " : "", more[0], more[1]);
    }
    if (!r->json)
        printf("\n");
    return o;
}

static json_t *list_rules(const struct rules *r) {
    json_t *list = json_array();
    if (!r->json)
        printf("Rules: what the model holds a node to\n");
    for (int i = MD_RULE_NONE + 1; i < MD_RULES; i++) {
        const struct md_rule_info *info = md_rule_info((enum md_rule)i);
        const char *more[] = {"tag", md_tag_name(info->tag), "source", info->source, NULL};
        json_array_append_new(list, entry(r, "rules", info->name, info->sentence, more));
    }
    return list;
}

static json_t *list_choices(const struct rules *r) {
    json_t *list = json_array();
    if (!r->json)
        printf("\nChoices: where the specification leaves the server free\n");
    for (int i = 0; i < MD_CHOICES; i++) {
        const struct md_choice_info *info = md_choice_info((enum md_choice)i);
        const char *more[] = {"is", info->alternatives == 1 ? "fixed for a version" : "free", NULL};
        json_array_append_new(list, entry(r, "choices", info->name, info->sentence, more));
    }
    return list;
}

static json_t *list_quirks(const struct rules *r) {
    json_t *list = json_array();
    if (!r->json)
        printf("\nQuirks: known differences of a version (--without-quirk ID holds it to the "
               "specification)\n");
    for (int i = MD_QUIRK_NONE + 1; i < MD_QUIRKS; i++) {
        const struct md_quirk_info *info = md_quirk_info((enum md_quirk)i);
        const char *more[] = {"versions", info->versions, "contradicts", info->contradicts,
                              "upstream", info->upstream, NULL};
        json_array_append_new(list, entry(r, "quirks", info->name, info->sentence, more));
    }
    return list;
}

static int load(struct rules *r) {
    json_error_t error;
    if (!r->file)
        return 0;
    r->summary = json_load_file(r->file, 0, &error);
    if (!r->summary) {
        md_complain("%s:%d:%d: %s", r->file, error.line, error.column, error.text);
        return MD_EXIT_USAGE;
    }
    if (!json_is_object(json_object_get(r->summary, "rules"))) {
        md_complain("%s: not the summary.json of a campaign", r->file);
        return MD_EXIT_USAGE;
    }
    return 0;
}

int md_cmd_rules(int argc, char **argv) {
    static const struct argp_option options[] = {{"json", KEY_JSON, 0, 0, "as JSON", 0}, {0}};
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[SUMMARY.JSON]",
        .doc = "Lists rules, choices and quirks with their sources; with a campaign's "
               "summary.json also how often each fired."};
    struct rules r = {.json = false};
    md_settings_parse(&argp, argc, argv, &r);
    int code = load(&r);
    if (!code) {
        json_t *rules = list_rules(&r), *choices = list_choices(&r), *quirks = list_quirks(&r);
        json_t *all = json_pack("{s:i, s:o, s:o, s:o}", "schema", 1, "rules", rules, "choices",
                                choices, "quirks", quirks);
        if (r.json) {
            char *text = json_dumps(all, JSON_INDENT(2));
            puts(text);
            free(text);
        }
        json_decref(all);
    }
    json_decref(r.summary);
    return code;
}
