/* JUnit XML; see junit.h. */
#include "harness/junit.h"

#include "harness/artifact.h"

#include <libxml/xmlwriter.h>
#include <stdlib.h>

/* XML has no way to write most control characters, and wants UTF-8: everything else becomes '?'. */
static char *clean(const char *text) {
    if (!text)
        return NULL;
    char *copy = md_strdup(text);
    for (char *c = copy; *c; c++)
        if ((*c < ' ' && *c != '\n' && *c != '\t') || *c == 0x7f)
            *c = '?';
    return copy;
}

void md_junit_add(struct md_junit *j, const char *name, enum md_junit_kind kind, double seconds,
                  const char *message, const char *text) {
    j->cases = md_grow(j->cases, &j->cap, j->n + 1, sizeof *j->cases);
    j->cases[j->n++] =
        (struct md_junit_case){clean(name), kind, seconds, clean(message), clean(text)};
}

void md_junit_free(struct md_junit *j) {
    for (size_t i = 0; i < j->n; i++) {
        free(j->cases[i].name);
        free(j->cases[i].message);
        free(j->cases[i].text);
    }
    free(j->cases);
    *j = (struct md_junit){0};
}

static void attribute(xmlTextWriterPtr w, const char *name, const char *value) {
    xmlTextWriterWriteAttribute(w, BAD_CAST name, BAD_CAST value);
}

static void number(xmlTextWriterPtr w, const char *name, size_t n) {
    xmlTextWriterWriteFormatAttribute(w, BAD_CAST name, "%zu", n);
}

static void write_case(xmlTextWriterPtr w, const struct md_junit_case *c) {
    static const char *const element[] = {NULL, "failure", "skipped", "error"};
    const char *slash = strrchr(c->name, '/');
    char *folder = md_strdup(c->name);
    folder[slash ? slash - c->name : 0] = 0;
    xmlTextWriterStartElement(w, BAD_CAST "testcase");
    attribute(w, "classname", *folder ? folder : ".");
    attribute(w, "name", slash ? slash + 1 : c->name);
    xmlTextWriterWriteFormatAttribute(w, BAD_CAST "time", "%.3f", c->seconds);
    if (element[c->kind]) {
        xmlTextWriterStartElement(w, BAD_CAST element[c->kind]);
        attribute(w, "message", c->message ? c->message : "");
        if (c->text)
            xmlTextWriterWriteString(w, BAD_CAST c->text);
        xmlTextWriterEndElement(w);
    }
    xmlTextWriterEndElement(w);
    free(folder);
}

static size_t count(const struct md_junit *j, enum md_junit_kind kind) {
    size_t n = 0;
    for (size_t i = 0; i < j->n; i++)
        n += j->cases[i].kind == kind;
    return n;
}

static void write_suite(xmlTextWriterPtr w, const struct md_junit *j) {
    double seconds = 0;
    for (size_t i = 0; i < j->n; i++)
        seconds += j->cases[i].seconds;
    xmlTextWriterStartElement(w, BAD_CAST "testsuite");
    attribute(w, "name", "memdiverge replay");
    number(w, "tests", j->n);
    number(w, "failures", count(j, MD_JUNIT_FAILED));
    number(w, "errors", count(j, MD_JUNIT_ERROR));
    number(w, "skipped", count(j, MD_JUNIT_SKIPPED));
    xmlTextWriterWriteFormatAttribute(w, BAD_CAST "time", "%.3f", seconds);
    for (size_t i = 0; i < j->n; i++)
        write_case(w, &j->cases[i]);
    xmlTextWriterEndElement(w);
}

bool md_junit_write(const struct md_junit *j, const char *path, struct md_buf *why) {
    xmlBufferPtr buffer = xmlBufferCreate();
    xmlTextWriterPtr w = buffer ? xmlNewTextWriterMemory(buffer, 0) : NULL;
    bool ok = w != NULL;
    if (ok) {
        xmlTextWriterSetIndent(w, 1);
        xmlTextWriterStartDocument(w, NULL, "UTF-8", NULL);
        xmlTextWriterStartElement(w, BAD_CAST "testsuites");
        write_suite(w, j);
        xmlTextWriterEndElement(w);
        ok = xmlTextWriterEndDocument(w) >= 0;
        xmlFreeTextWriter(w);
    }
    if (ok)
        ok = md_artifact_write(path, xmlBufferContent(buffer), (size_t)xmlBufferLength(buffer),
                               0644, why);
    else
        md_buf_printf(why, "cannot make the XML for %s", path);
    xmlBufferFree(buffer);
    return ok;
}
