/*
 * Every statement that the model makes about memcached, every point where the specification leaves
 * the server free, and every known difference of a version: the lists, each entry with an id, its
 * source and a sentence. `memdiverge rules` prints them.
 */
#ifndef MEMDIVERGE_RULES_H
#define MEMDIVERGE_RULES_H

#include <stddef.h>
#include <stdint.h>

/* Where a rule comes from. */
enum md_tag {
    MD_DOC,         /* a line of doc/protocol.txt */
    MD_INTENT,      /* memcached's own tests, release notes, doc/ */
    MD_CONSISTENCY, /* commands that must agree with each other */
    MD_CHOICE_TAG,  /* CHOICE: the documents are silent; observed */
};
const char *md_tag_name(enum md_tag tag);

#include "model/rules.def.h"

enum { MD_ID_MAX = 40 };
/* A name of the lists as an id: "FLUSH_EARLY" is "flush-early". */
void md_id_text(const char *name, char *out, size_t size);

struct md_rule_info {
    const char *name;
    enum md_tag tag;
    const char *source; /* section of the protocol document, or test file */
    const char *sentence;
};
const struct md_rule_info *md_rule_info(enum md_rule rule);

struct md_choice_info {
    const char *name;
    const char *sentence;
    unsigned alternatives; /* 1: fixed by the profile; 0: open, any number may be observed */
};
const struct md_choice_info *md_choice_info(enum md_choice choice);

struct md_quirk_info {
    const char *name;
    const char *sentence;    /* what the node does */
    const char *versions;    /* "1.6.18", or the first and the last: "1.6.18-1.6.38" */
    const char *contradicts; /* which statement of the specification */
    const char *upstream;    /* issue, fix, or "not reported" */
    /* Its trace is corpus/known/ID.trace. */
};
const struct md_quirk_info *md_quirk_info(enum md_quirk quirk);
/* MD_QUIRK_NONE if there is no such id. */
enum md_quirk md_quirk_find(const char *id);

const char *md_command_name_text(enum md_command_name name);

#endif
