/* A server of somebody else; see stranger.h. What it knows is found out in stranger_learn.c. */
#include "harness/stranger_internal.h"

#include "harness/now.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* Nobody else's keys begin like this. */
struct md_stranger *md_stranger_new(uint32_t wait) {
    struct md_stranger *s = md_calloc(1, sizeof *s);
    uint32_t chance = (uint32_t)(md_now_ns() ^ (uint64_t)getpid());
    if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
        chance ^= (uint32_t)md_now_ns();
    s->wait = wait;
    snprintf(s->own, sizeof s->own, "memdiverge-%08x", chance);
    snprintf(s->prefix, sizeof s->prefix, "%s-0:", s->own);
    md_trace_init(&s->soft);
    md_trace_init(&s->trace);
    return s;
}

void md_stranger_free(struct md_stranger *s) {
    if (!s)
        return;
    md_trace_free(&s->soft);
    md_trace_free(&s->trace);
    md_buf_free(&s->note);
    md_buf_free(&s->deletions);
    md_buf_free(&s->barrier);
    md_buf_free(&s->barrier_reply);
    free(s->cas);
    free(s);
}

const char *md_stranger_note(const struct md_stranger *s) {
    return s->note.len ? md_buf_cstr((struct md_buf *)&s->note) : "";
}

const struct md_excused *md_stranger_excused(const struct md_stranger *s) { return &s->excused; }

/* ---- what is sent --------------------------------------------------------------------------- */

void md_stranger_soften(struct md_stranger *s, struct md_trace *t) {
    const struct md_polite p = {.prefix = "", .wait = s->wait, .unknown = s->unknown};
    md_polite_trace(&p, t, &s->soft);
    md_trace_copy(t, &s->soft);
}

const struct md_trace *md_stranger_begin(struct md_stranger *s, const struct md_trace *t) {
    const struct md_polite p = {.prefix = s->prefix,
                                .strict = true,
                                .wait = s->wait,
                                .unknown = s->unknown,
                                .deletions = &s->deletions};
    snprintf(s->prefix, sizeof s->prefix, "%s-%llx:", s->own, (unsigned long long)++s->traces);
    s->n_cas = 0;
    s->began_ns = md_now_ns();
    if (md_polite_trace(&p, t, &s->trace))
        return &s->trace;
    md_buf_clear(&s->deletions);
    return NULL;
}

static const struct md_cas_pair *pair_of(const struct md_stranger *s, uint64_t model) {
    for (size_t i = 0; i < s->n_cas; i++)
        if (s->cas[i].model == model)
            return &s->cas[i];
    return NULL;
}

void md_stranger_bytes(const struct md_stranger *s, const struct md_step *step,
                       const struct md_model *m, struct md_buf *out) {
    for (size_t i = 0; i < step->n_parts; i++) {
        const struct md_part *p = &step->parts[i];
        if (p->kind != MD_PART_CAS) {
            md_buf_append(out, p->bytes, p->len);
            continue;
        }
        uint64_t model = md_model_cas_seen(m, p->bytes, p->len);
        const struct md_cas_pair *pair = pair_of(s, model);
        md_buf_u64(out, pair ? pair->theirs : model);
    }
}

/* ---- whose fault it is ---------------------------------------------------------------------- */

/* Choices that show in memory and numbers alone, or that the comparison knows of. */
static bool is_harmless(enum md_choice c) {
    switch (c) {
    case MD_CHOICE_PADDING:
    case MD_CHOICE_FAILED_STORE_CAS:
    case MD_CHOICE_FLUSH_CAS:
    case MD_CHOICE_HELD_BACK:
    case MD_CHOICE_LOST_ON_CLOSE:
    case MD_CHOICE_UPTIME:
    case MD_CHOICE_RECLAIM_AT_TAIL:
    case MD_CHOICE_ROOM_FIRST:
    case MD_CHOICE_FIRST_PAGE:
    case MD_CHOICE_FIVE_TRIES:
    case MD_CHOICE_LOCKED_TAIL:
    case MD_CHOICE_CHUNK_FALLBACK: return true;
    default: return false;
    }
}

/* Whether what the documents leave open had a part in this trace. */
static bool was_free(const struct md_model *m, const struct md_fired *before) {
    const struct md_fired *now = md_model_fired(m);
    for (int i = 0; i < MD_CHOICES; i++)
        if (now->choice[i] != before->choice[i] && !is_harmless((enum md_choice)i))
            return true;
    for (int i = 0; i < MD_QUIRKS; i++)
        if (now->quirk[i] != before->quirk[i])
            return true;
    return false;
}

/* Real time has run further than the clock of the trace: lives may have ended that it does not know of. */
static bool is_late(const struct md_stranger *s, const struct md_model *m) {
    uint64_t real = (md_now_ns() - s->began_ns) / 1000000;
    uint64_t told = (md_model_now(m) - MD_START_TIME) * 1000;
    uint64_t slack = s->wait ? MD_POLITE_TICK * 1000 / 4 : MD_POLITE_TTL_MIN * 1000 / 2;
    return real > told + slack;
}

bool md_stranger_excuses(struct md_stranger *s, const struct md_model *m,
                         const struct md_fired *before, const struct md_command *k,
                         const uint8_t *observed, size_t n) {
    bool server_error = md_begins(observed, n, "SERVER_ERROR");
    bool documented = !k || md_rule_info((enum md_rule)k->rule)->tag == MD_DOC;
    bool free = !documented || was_free(m, before) || is_late(s, m);
    s->excused.server_errors += server_error;
    s->excused.open += !server_error && free;
    return server_error || free;
}

/* ---- behind a trace ------------------------------------------------------------------------- */

void md_stranger_leave(struct md_stranger *s, struct md_node *node) {
    struct md_buf text = {0}, reply = {0};
    if (s->barrier.len && (md_node_is_open(node, MD_NODE_CONTROL) ||
                           md_node_open(node, MD_NODE_CONTROL) == MD_NODE_OK)) {
        md_buf_printf(&text, "delete %s\r\n", s->own);
        md_node_exchange(node, MD_NODE_CONTROL, text.data, text.len, text.len + 64, &reply);
    }
    md_buf_free(&text);
    md_buf_free(&reply);
}

enum md_node_status md_stranger_clean(struct md_stranger *s, struct md_node *node) {
    enum { REPLY_MAX = 1 << 20 };
    struct md_buf replies = {0};
    enum md_node_status status = MD_NODE_OK;
    if (s->deletions.len == 0)
        return status;
    if (!md_node_is_open(node, MD_NODE_CONTROL))
        status = md_node_open(node, MD_NODE_CONTROL);
    md_node_barrier(node);
    if (status == MD_NODE_OK)
        status = md_node_exchange(node, MD_NODE_CONTROL, s->deletions.data, s->deletions.len,
                                  REPLY_MAX, &replies);
    md_buf_clear(&s->deletions);
    md_buf_free(&replies);
    return status;
}
