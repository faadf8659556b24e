/*
 * A campaign's progress: one line that is written over on a terminal, a plain line every few
 * seconds elsewhere. On stderr, so that stdout holds the summary alone.
 */
#include "harness/campaign.h"

#include <stdio.h>
#include <unistd.h>

enum { TERMINAL_MS = 500, PLAIN_MS = 5000, WIDTH = 100 };

static bool is_terminal(void) { return isatty(STDERR_FILENO) == 1; }

int md_progress_wait_ms(void) { return TERMINAL_MS; }

static void add_rate(struct md_buf *b, double n, const char *of) {
    if (n >= 1e6)
        md_buf_printf(b, "  %.2fM %s", n / 1e6, of);
    else if (n >= 1e4)
        md_buf_printf(b, "  %.0fk %s", n / 1e3, of);
    else
        md_buf_printf(b, "  %.0f %s", n, of);
}

static void add_time(struct md_buf *b, const struct md_campaign *c) {
    double ran = md_campaign_seconds(c);
    md_buf_printf(b, "memdiverge: %.0f s", ran);
    if (c->stopping)
        md_buf_str(b, ", ending");
    else if ((double)c->settings->seconds > ran)
        md_buf_printf(b, ", %.0f s left", (double)c->settings->seconds - ran);
}

static void add_findings(struct md_buf *b, const struct md_campaign *c) {
    size_t waiting = md_campaign_count(c, MD_OUTCOME_NONE);
    md_buf_printf(b, "  divergences %zu", md_campaign_count(c, MD_OUTCOME_CONFIRMED));
    if (waiting)
        md_buf_printf(b, " (+%zu being confirmed)", waiting);
    if (md_campaign_count(c, MD_OUTCOME_UNCONFIRMED))
        md_buf_printf(b, "  unconfirmed %zu", md_campaign_count(c, MD_OUTCOME_UNCONFIRMED));
}

void md_progress_show(struct md_campaign *c) {
    struct md_progress *p = &c->progress;
    uint64_t now = md_now_ns();
    bool terminal = is_terminal();
    double since = (double)(now - p->shown_ns) / 1e9;
    if (since * 1000 < (terminal ? TERMINAL_MS : PLAIN_MS))
        return;
    struct md_tally sum;
    struct md_buf line = {0};
    md_campaign_tally(c, &sum);
    add_time(&line, c);
    add_rate(&line, (double)(sum.inputs - p->inputs) / since, "inputs/s");
    add_rate(&line, (double)(sum.counts.commands - p->commands) / since, "commands/s");
    if (c->settings->target == MD_TARGETS)
        add_rate(&line, (double)(sum.target[MD_TARGET_EVICTION].inputs - p->evictions) / since,
                 "of them eviction");
    if (c->guided)
        md_buf_printf(&line, "  corpus %llu",
                      (unsigned long long)md_campaign_corpus(c, MD_TARGETS));
    add_findings(&line, c);
    if (terminal)
        fprintf(stderr, "\r%-*.*s", WIDTH, (int)line.len, (const char *)line.data);
    else
        fprintf(stderr, "%s\n", md_buf_cstr(&line));
    fflush(stderr);
    p->line_open = terminal;
    p->shown_ns = now;
    p->inputs = sum.inputs;
    p->commands = sum.counts.commands;
    p->evictions = sum.target[MD_TARGET_EVICTION].inputs;
    md_buf_free(&line);
}

void md_progress_end(struct md_campaign *c) {
    if (c->progress.line_open)
        fputc('\n', stderr);
    c->progress.line_open = false;
}
