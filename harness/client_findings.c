/* Divergences of the client: kept, confirmed, shrunk; see client_findings.h. */
#include "harness/client_findings.h"

#include "harness/artifact.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    TRIES = 3,    /* to see it again on fresh nodes */
    SEEN_MAX = 5, /* times that one which stays unconfirmed is looked at */
};

static struct md_client_finding *entry(struct md_client_findings *f, const char *signature) {
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->finding[i].signature, signature) == 0)
            return &f->finding[i];
    if (f->n == f->cap)
        f->finding = md_grow(f->finding, &f->cap, f->n + 1, sizeof *f->finding);
    struct md_client_finding *e = &f->finding[f->n++];
    *e = (struct md_client_finding){.seen = 0};
    snprintf(e->signature, sizeof e->signature, "%s", signature);
    return e;
}

static char *folder_of(const struct md_client_findings *f, bool confirmed) {
    return md_path(f->dir, confirmed ? "divergences" : "unconfirmed");
}

/* found.calls: only by the first of a signature, so that it stays as it was found. */
static bool write_down(const struct md_client_findings *f, bool confirmed, bool as_found,
                       const struct md_client_sequence *s, const struct md_client_verdict *v,
                       struct md_buf *why) {
    if (!f->dir)
        return true;
    struct md_buf text = {0};
    char *folder = folder_of(f, confirmed);
    char *found = md_path(folder, "%s/found.calls", v->signature);
    bool ok = md_client_save(folder, s, v, why);
    if (ok && as_found) {
        md_client_print(s, &text);
        ok = md_artifact_write(found, text.data, text.len, 0644, why);
    }
    md_buf_free(&text);
    free(found);
    free(folder);
    return ok;
}

/* `s` and `v` stay as they are. */
static bool happens_again(struct md_client_runner *r, const struct md_client_sequence *s,
                          const char *signature) {
    struct md_client_verdict again = {0};
    bool shown = false;
    for (unsigned i = 0; i < TRIES && !shown; i++)
        shown = md_client_confirm(r, s, signature, &again);
    md_client_verdict_free(&again);
    return shown;
}

/* No longer among the unconfirmed. */
static void promote(const struct md_client_findings *f, const char *signature) {
    if (!f->dir)
        return;
    char *folder = folder_of(f, false);
    char *path = md_path(folder, "%s", signature);
    md_artifact_remove(path);
    free(path);
    free(folder);
}

enum md_client_fate md_client_found(struct md_client_findings *f, struct md_client_runner *r,
                                    struct md_client_sequence *s, struct md_client_verdict *v,
                                    struct md_buf *why) {
    struct md_client_finding *e = entry(f, v->signature);
    bool crashed = v->crashed;
    e->seen++;
    if (e->confirmed || e->seen > SEEN_MAX)
        return MD_CLIENT_KNOWN_ALREADY;
    if (!write_down(f, crashed, true, s, v, why))
        return MD_CLIENT_NOT_WRITTEN;
    bool again = happens_again(r, s, e->signature);
    e->confirmed = crashed || again;
    if (!e->confirmed)
        return MD_CLIENT_UNCONFIRMED;
    if (!crashed && !write_down(f, true, true, s, v, why))
        return MD_CLIENT_NOT_WRITTEN;
    promote(f, e->signature);
    if (again) {
        struct md_client_sequence shorter = *s;
        struct md_client_verdict of = {0};
        memcpy(of.signature, v->signature, sizeof of.signature);
        of.call = v->call;
        md_client_shrink(r, &shorter, &of);
        /* What shows only now and then may have failed to show this once. */
        if (of.kind == MD_CLIENT_DIVERGED && strcmp(of.signature, e->signature) == 0) {
            *s = shorter;
            md_client_verdict_free(v);
            *v = of;
            return write_down(f, true, false, s, v, why) ? MD_CLIENT_CONFIRMED
                                                         : MD_CLIENT_NOT_WRITTEN;
        }
        md_client_verdict_free(&of);
    }
    return MD_CLIENT_CONFIRMED;
}

size_t md_client_found_count(const struct md_client_findings *f, bool confirmed) {
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        n += f->finding[i].confirmed == confirmed;
    return n;
}

void md_client_findings_free(struct md_client_findings *f) {
    free(f->finding);
    *f = (struct md_client_findings){.dir = f->dir};
}
