/* The libFuzzer side of a campaign: where its targets and seeds are, and how they are called. */
#include "harness/campaign.h"

#include "harness/artifact.h"

#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    UNIT_SECONDS = 120, /* for one input; a node's deadlines come long before */
    MEMORY_MB = 4096,
};

/* ---- where things are --------------------------------------------------------------------- */

/* The first match of a pattern relative to the folder of this program. */
static char *beside_program(const char *pattern) {
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = 0;
    *strrchr(self, '/') = 0;
    char *full = md_path(self, "%s", pattern), *found = NULL;
    glob_t g = {0};
    if (glob(full, 0, NULL, &g) == 0 && g.gl_pathc > 0)
        found = realpath(g.gl_pathv[0], NULL);
    globfree(&g);
    free(full);
    return found;
}

static char *first_beside(const char *const *patterns) {
    char *found = NULL;
    for (; *patterns && !found; patterns++)
        found = beside_program(*patterns);
    return found;
}

char *md_fuzzer_find(const char *name) {
    static const char *const places[] = {"fuzz_%s", "../lib/memdiverge/fuzz/fuzz_%s",
                                         "../lib/*/memdiverge/fuzz/fuzz_%s"};
    char *found = NULL;
    for (size_t i = 0; i < sizeof places / sizeof *places && !found; i++) {
        struct md_buf pattern = {0};
        size_t n = strlen(places[i]) - strlen("%s");
        md_buf_append(&pattern, places[i], n);
        md_buf_str(&pattern, name);
        found = beside_program(md_buf_cstr(&pattern));
        md_buf_free(&pattern);
    }
    return found;
}

bool md_campaign_find_fuzzers(struct md_campaign *c, struct md_buf *why) {
    for (unsigned i = 0; i < MD_TARGETS; i++) {
        enum md_target target = (enum md_target)i;
        if (!md_campaign_runs(c, target) || (c->fuzzer[i] = md_fuzzer_find(md_target_name(target))))
            continue;
        md_buf_printf(why,
                      "fuzz_%s is not there: the libFuzzer targets are built with clang "
                      "(scripts/fuzz does it); or give --engine random",
                      md_target_name(target));
        return false;
    }
    return true;
}

char *md_fuzzer_data(void) {
    /* Installed; or in a build folder of the source tree. */
    static const char *const places[] = {"../share/memdiverge/corpus/seeds", "../corpus/seeds",
                                         "../../corpus/seeds", "../../../corpus/seeds", NULL};
    const char *env = getenv("MEMDIVERGE_CORPUS");
    if (env && *env)
        return md_strdup(env);
    char *data = first_beside(places);
    if (data)
        *strrchr(data, '/') = 0;
    return data;
}

void md_campaign_find_data(struct md_campaign *c) { c->data = md_fuzzer_data(); }

/* ---- its command line ----------------------------------------------------------------------- */

static void add_word(struct md_words *w, char *word) {
    if (w->n < MD_WORKER_WORDS)
        w->at[w->n++] = word;
    else
        free(word);
}

static void add_number(struct md_words *w, const char *flag, uint64_t n) {
    struct md_buf b = {0};
    md_buf_printf(&b, "-%s=%llu", flag, (unsigned long long)n);
    md_buf_cstr(&b);
    add_word(w, (char *)b.data);
}

static void add_folder(struct md_words *w, const char *dir, const char *name) {
    struct stat st;
    char *path = md_path(dir, "%s", name);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        add_word(w, path);
    else
        free(path);
}

static void add_corpora(const struct md_campaign *c, enum md_target target, struct md_words *w) {
    char *own = md_path("corpus", "%s", md_target_name(target));
    add_folder(w, c->settings->out, own);
    free(own);
    for (const char *const *name = md_target_info(target)->seeds; c->data && *name; name++)
        add_folder(w, c->data, *name);
}

void md_campaign_fuzzer_words(const struct md_campaign *c, unsigned slot, struct md_words *w) {
    const struct md_settings *s = c->settings;
    enum md_target target = c->child[slot].target;
    struct md_buf ours = {0}, prefix = {0};
    add_word(w, md_strdup(c->fuzzer[target]));
    /* A start after a death must not walk the same way again. */
    uint64_t seed = s->seed + slot + (uint64_t)c->child[slot].restarts * 1000003;
    add_number(w, "seed", seed % 0xffffffff + 1);
    add_number(w, "max_len", md_target_info(target)->input_max);
    add_number(w, "timeout", UNIT_SECONDS);
    add_number(w, "rss_limit_mb", MEMORY_MB);
    add_number(w, "reload", 1);
    add_number(w, "entropic_scale_per_exec_time", 1); /* large values are slow and teach little */
    add_number(w, "verbosity", 0);
    add_number(w, "print_funcs", 0);
    add_number(w, "detect_leaks", 0);
    add_number(w, "handle_int", 0);
    add_number(w, "handle_term", 0);
    md_buf_printf(&prefix, "-artifact_prefix=%s/crashed/", s->out);
    md_buf_cstr(&prefix);
    add_word(w, (char *)prefix.data);
    add_corpora(c, target, w);
    add_word(w, md_strdup("-ignore_remaining_args=1"));
    md_settings_words(s, &ours);
    for (size_t at = 0; at < ours.len; at += strlen((char *)ours.data + at) + 1)
        add_word(w, md_strdup((char *)ours.data + at));
    md_buf_free(&ours);
    w->at[w->n] = NULL;
}
