/*
 * What summary.c (for people) and summary_json.c (for programs) share.
 */
#ifndef MEMDIVERGE_SUMMARY_H
#define MEMDIVERGE_SUMMARY_H

#include "harness/campaign.h"

#include <jansson.h>

/* One of the three lists of model/rules.h, and how often its entries fired. */
struct md_list {
    const char *title;
    const uint64_t *fired;
    int first, end;
    const char *(*name)(int i);
};
enum { MD_LISTS = 3 };
void md_lists_of(const struct md_fired *f, struct md_list out[MD_LISTS]);

/* Replies that only a live item gives. */
uint64_t md_live_replies(const struct md_fired *f);
/* Folder in OUT where a finding with this outcome is. */
const char *md_outcome_folder(enum md_outcome outcome);

/* The caller owns it. */
json_t *md_summary_json(const struct md_campaign *c, const struct md_tally *t);

#endif
