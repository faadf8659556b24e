/* Lists of traces; see corpus.h. */
#include "harness/corpus.h"

#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>

static void add(struct md_corpus *c, const char *path) {
    c->path = md_grow(c->path, &c->cap, c->n + 1, sizeof *c->path);
    c->path[c->n++] = md_strdup(path);
}

static int by_name(const FTSENT **a, const FTSENT **b) {
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_trace(const char *name) {
    size_t n = strlen(name);
    return n > 6 && strcmp(name + n - 6, ".trace") == 0;
}

static bool walk(struct md_corpus *c, const char *path, bool traces_only, struct md_buf *why) {
    char *roots[] = {(char *)path, NULL};
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);
    bool ok = tree != NULL;
    for (FTSENT *e; ok && (e = fts_read(tree));) {
        bool hidden = e->fts_level > 0 && e->fts_name[0] == '.';
        if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
            md_buf_printf(why, "cannot read %s: %s", e->fts_path, strerror(e->fts_errno));
            ok = false;
        } else if (e->fts_info == FTS_D && hidden) {
            fts_set(tree, e, FTS_SKIP);
        } else if (e->fts_info == FTS_F && !hidden && (!traces_only || is_trace(e->fts_name))) {
            add(c, e->fts_path);
        }
    }
    if (tree)
        fts_close(tree);
    return ok;
}

bool md_corpus_add(struct md_corpus *c, const char *path, struct md_buf *why) {
    struct stat st;
    if (stat(path, &st)) {
        md_buf_printf(why, "%s: %s", path, strerror(errno));
        return false;
    }
    if (S_ISREG(st.st_mode)) {
        add(c, path);
        return true;
    }
    if (!S_ISDIR(st.st_mode)) {
        md_buf_printf(why, "%s: neither a file nor a folder", path);
        return false;
    }
    size_t before = c->n;
    if (!walk(c, path, true, why))
        return false;
    return c->n > before || walk(c, path, false, why);
}

void md_corpus_free(struct md_corpus *c) {
    for (size_t i = 0; i < c->n; i++)
        free(c->path[i]);
    free(c->path);
    *c = (struct md_corpus){0};
}
