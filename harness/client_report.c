/* Verdicts on a client in words: signatures, reports, files. */
#include "harness/client_internal.h"

#include "harness/artifact.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

/* Appends text as a part of a signature: lower case, what is no letter or digit as one dash. */
static void part(char *signature, const char *text) {
    size_t n = strlen(signature);
    if (n && n + 1 < MD_CLIENT_SIGNATURE_MAX)
        signature[n++] = '-';
    for (; *text && n + 1 < MD_CLIENT_SIGNATURE_MAX; text++) {
        if (isalnum((unsigned char)*text))
            signature[n++] = (char)tolower((unsigned char)*text);
        else if (n && signature[n - 1] != '-')
            signature[n++] = '-';
    }
    while (n && signature[n - 1] == '-')
        n--;
    signature[n] = 0;
}

static void begin_signature(struct md_client_runner *r) {
    struct md_client_verdict *v = r->verdict;
    v->kind = MD_CLIENT_DIVERGED;
    v->call = r->index;
    *v->signature = 0;
    part(v->signature, "client");
    part(v->signature, r->call ? md_client_op_name((enum md_client_op)r->call->op) : "end");
    part(v->signature, r->state.on[MD_CLIENT_BINARY] ? "binary" : "text");
}

bool md_client_differs(struct md_client_runner *r, const char *field, const char *expected,
                       const char *observed) {
    struct md_client_verdict *v = r->verdict;
    begin_signature(r);
    part(v->signature, field);
    if (strcmp(field, "rc") == 0 || strcmp(field, "undocumented") == 0) {
        part(v->signature, expected);
        part(v->signature, observed);
    }
    md_buf_clear(&v->expected);
    md_buf_clear(&v->observed);
    md_buf_printf(&v->expected, "%s %s", field, expected);
    md_buf_printf(&v->observed, "%s %s", field, observed);
    return false;
}

/* The word behind `mark`, e.g. a file's name without its folders. */
static void word_after(const char *text, const char *mark, const char *stop, char *out,
                       size_t size) {
    const char *at = strstr(text, mark);
    *out = 0;
    if (!at)
        return;
    at += strlen(mark);
    snprintf(out, size, "%.*s", (int)strcspn(at, stop), at);
}

/* "SUMMARY: AddressSanitizer: KIND FILE:LINE:COLUMN in FUNCTION(...)", or an assertion. */
static void crash_parts(char *signature, const char *words) {
    char kind[64], function[64];
    const char *summary = strstr(words, "SUMMARY: "), *assertion = strstr(words, "Assertion `");
    if (summary) {
        word_after(summary, "Sanitizer: ", " \n", kind, sizeof kind);
        word_after(summary, " in ", "(\n", function, sizeof function);
        if (!*function) /* UBSan names the place only */
            word_after(summary, "/libmemcached/", ":\n", function, sizeof function);
        part(signature, kind);
        part(signature, function);
        return;
    }
    if (assertion) {
        word_after(assertion, "`", "'\n", kind, sizeof kind);
        part(signature, "assertion");
        part(signature, kind);
        return;
    }
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(words, "\n"), words);
    part(signature, kind);
}

bool md_client_crashed(struct md_client_runner *r, enum md_client_end end) {
    struct md_client_verdict *v = r->verdict;
    const char *words = md_client_box_words(r->box);
    if (end == MD_CLIENT_NO_BOX)
        return md_client_failed(r, "the client's process is not there");
    begin_signature(r);
    v->crashed = end == MD_CLIENT_CRASHED;
    part(v->signature, v->crashed ? "crash" : "hangs");
    if (end == MD_CLIENT_CRASHED)
        crash_parts(v->signature, words);
    md_buf_clear(&v->words);
    md_buf_str(&v->words, words);
    md_buf_clear(&v->expected);
    md_buf_str(&v->expected, "a return code");
    md_buf_clear(&v->observed);
    md_buf_str(&v->observed, end == MD_CLIENT_HUNG ? "the call does not return"
                                                   : "the process ended: see its last words");
    return false;
}

bool md_client_failed(struct md_client_runner *r, const char *why) {
    r->verdict->kind = MD_CLIENT_FAILED;
    r->verdict->call = r->index;
    snprintf(r->verdict->signature, sizeof r->verdict->signature, "failed");
    md_buf_clear(&r->verdict->observed);
    md_buf_str(&r->verdict->observed, why);
    return false;
}

bool md_client_fired(struct md_client_runner *r, const struct md_client_fact *f) {
    const struct md_client_fact *table;
    md_client_facts(&table);
    r->counts.fired[f - table]++;
    if (f->effect == MD_CLIENT_SPOILED || f->effect == MD_CLIENT_CRASHES) {
        r->spoiled = true;
        r->verdict->ended_by = f;
    }
    if (f->kind != MD_CLIENT_DEVIATION || !r->config.strict)
        return true;
    r->verdict->kind = MD_CLIENT_DIVERGED;
    r->verdict->call = r->index;
    snprintf(r->verdict->signature, sizeof r->verdict->signature, "%s", f->id);
    md_buf_clear(&r->verdict->expected);
    md_buf_str(&r->verdict->expected, f->source);
    md_buf_clear(&r->verdict->observed);
    md_buf_str(&r->verdict->observed, f->sentence);
    return false;
}

void md_client_report(const struct md_client_sequence *s, const struct md_client_verdict *v,
                      struct md_buf *out) {
    md_buf_printf(out, "%s\n%s\n\n", v->signature, md_client_library());
    for (size_t i = 0; i < s->n; i++) {
        md_client_print_call(&s->calls[i], out);
        md_buf_str(out, ";\n");
        if (i == v->call)
            md_buf_printf(out, "    expected: %.*s\n    observed: %.*s\n", (int)v->expected.len,
                          (const char *)v->expected.data, (int)v->observed.len,
                          (const char *)v->observed.data);
    }
    if (v->call >= s->n)
        md_buf_printf(out, "at the end\n    expected: %.*s\n    observed: %.*s\n",
                      (int)v->expected.len, (const char *)v->expected.data, (int)v->observed.len,
                      (const char *)v->observed.data);
    if (v->words.len)
        md_buf_printf(out, "\nlast words:\n%.*s", (int)v->words.len, (const char *)v->words.data);
}

static bool save_file(const char *folder, const char *name, struct md_buf *bytes,
                      struct md_buf *why) {
    char *path = md_path(folder, "%s", name);
    bool ok = md_artifact_write(path, bytes->data, bytes->len, 0644, why);
    free(path);
    md_buf_clear(bytes);
    return ok;
}

bool md_client_save(const char *dir, const struct md_client_sequence *s,
                    const struct md_client_verdict *v, struct md_buf *why) {
    struct md_buf text = {0};
    char *folder = md_path(dir, "%s", v->signature);
    bool ok = md_artifact_folder(folder, why);
    md_client_encode(s, &text);
    ok = ok && save_file(folder, "input", &text, why);
    md_buf_clear(&text);
    md_client_print(s, &text);
    ok = ok && save_file(folder, "calls", &text, why);
    md_client_print_program(s, v->signature, &text);
    ok = ok && save_file(folder, "repro.c", &text, why);
    md_client_report(s, v, &text);
    ok = ok && save_file(folder, "report.txt", &text, why);
    md_buf_free(&text);
    free(folder);
    return ok;
}
