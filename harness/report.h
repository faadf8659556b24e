/*
 * What is left of a divergence for people: report.md, ready for a bug tracker, and repro.sh, which
 * shows it with nothing but sh, printf and nc.
 */
#ifndef MEMDIVERGE_REPORT_H
#define MEMDIVERGE_REPORT_H

#include "harness/settings.h"
#include "harness/transcript.h"

struct md_report {
    const struct md_settings *settings;
    const struct md_transcript *transcript;
    const char *version; /* of the node */
    const char *signature;
    const char *note; /* a paragraph of its own, or NULL */
};

/* The command line of a node like the one that it was seen on. */
void md_report_options(const struct md_report *r, struct md_buf *out);
void md_report_markdown(const struct md_report *r, struct md_buf *out);
void md_report_script(const struct md_report *r, struct md_buf *out);

#endif
