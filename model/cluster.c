/* The rules of model/cluster.h. */
#include "model/cluster.h"

#include "model/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    MD_SUSPECTS_MAX = 4, /* of which every subset is thought of as ejected */
    MD_LATE_MAX = 2,     /* calls after its timeouts of which a client may fail all but the last */
    /* Errors above the failure limit after which a node that is away counts as still in use. Where
     * it refuses connections, two are due: an old connection breaks, and "marked dead" is said. */
    MD_ERRORS_OVER = 3,
    MD_RINGS = 16,
};

struct md_cm_node {
    bool up, suspect;
    bool killed;      /* not up, and every connect is refused */
    bool noticed;     /* the client has failed to use it since it came back */
    bool lapsed;      /* it may have been ejected, and then in use again */
    uint64_t back_at; /* the client's time when it came back, or when that was noticed */
    unsigned late_failures, elsewhere;
    unsigned timeouts, refused; /* errors while it was away, since it could last be ejected */
};

enum md_cm_state { MD_CM_TRIED, MD_CM_DONE };

/* A write or a delete. */
struct md_cm_write {
    uint16_t key;
    bool deletes;
    bool buffered, well; /* well: its node was, when it began */
    enum md_cm_state state;
    uint32_t changes; /* m->changes when it began */
};

struct md_cluster_model {
    struct md_cm_config config;
    struct md_server servers[MD_SERVERS_MAX];
    uint32_t places[MD_SERVERS_MAX];
    unsigned n;
    struct md_cm_node nodes[MD_CM_PLACES];
    struct {
        struct md_placement *placement;
        uint32_t dead; /* positions in the list */
        bool fresh;    /* made anew: by the hash that the settings say */
    } rings[MD_RINGS];
    unsigned n_rings;
    bool unsure;  /* an answer may be that of another call, of before a failure */
    bool renewed; /* an ejection may have made the ring anew */
    uint64_t clock;
    uint32_t changes, events[MD_CM_EVENTS];
    struct md_cm_write *writes;
    size_t n_writes, cap_writes;
};

static const char *const md_seen_ids[] = {
#define X(name, id) id,
    MD_SEEN_LIST(X)
#undef X
};
static const char *const md_event_ids[] = {
#define X(name, id) id,
    MD_CM_EVENT_LIST(X)
#undef X
};

const char *md_seen_id(enum md_seen seen) { return md_seen_ids[seen]; }

/* ---- life ------------------------------------------------------------------------------------ */

struct md_cluster_model *md_cm_new(const struct md_cm_config *config) {
    struct md_cluster_model *m = md_calloc(1, sizeof *m);
    m->config = *config;
    for (unsigned i = 0; i < MD_CM_PLACES; i++)
        m->nodes[i].up = true;
    return m;
}

static void md_forget_rings(struct md_cluster_model *m) {
    for (unsigned i = 0; i < m->n_rings; i++)
        md_placement_free(m->rings[i].placement);
    m->n_rings = 0;
}

void md_cm_free(struct md_cluster_model *m) {
    if (!m)
        return;
    md_forget_rings(m);
    free(m->writes);
    free(m);
}

static void __attribute__((format(printf, 4, 5)))
md_tell(struct md_cluster_model *m, bool hazard, const char *kind, const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    m->config.report(m->config.ctx, hazard, kind, text);
}

/* ---- what happens ---------------------------------------------------------------------------- */

static void md_changed(struct md_cluster_model *m, enum md_cm_event event) {
    m->events[event] = ++m->changes;
}

void md_cm_list(struct md_cluster_model *m, const struct md_server *servers, const uint32_t *places,
                unsigned n) {
    md_forget_rings(m);
    if (m->n)
        md_changed(m, MD_CM_LIST);
    m->unsure = false;
    m->n = n;
    memcpy(m->servers, servers, n * sizeof *servers);
    memcpy(m->places, places, n * sizeof *places);
    for (unsigned i = 0; i < MD_CM_PLACES; i++)
        if (m->nodes[i].up)
            m->nodes[i] = (struct md_cm_node){.up = true};
        else
            m->nodes[i].timeouts = m->nodes[i].refused = 0;
}

void md_cm_rule(struct md_cluster_model *m, const struct md_placement_settings *rule) {
    md_forget_rings(m);
    m->config.placement = *rule;
    m->renewed = false;
}

void md_cm_happens(struct md_cluster_model *m, unsigned place, enum md_cm_event event) {
    struct md_cm_node *n = &m->nodes[place];
    md_changed(m, event);
    *n = (struct md_cm_node){.up = event == MD_CM_CONTINUE || event == MD_CM_RESTART,
                             .killed = event == MD_CM_KILL,
                             .suspect = true,
                             .back_at = m->clock};
}

void md_cm_clock(struct md_cluster_model *m, uint32_t seconds) {
    uint32_t limit = m->config.failure_limit;
    m->clock += seconds;
    /* A node that was ejected may be tried once more, and then fails at once. */
    for (unsigned i = 0; seconds && i < MD_CM_PLACES; i++)
        if (limit && m->nodes[i].refused >= limit) {
            m->nodes[i].refused = limit - 1;
            m->nodes[i].lapsed = true;
        }
}

unsigned md_cm_suspects(const struct md_cluster_model *m) {
    unsigned count = 0;
    for (unsigned i = 0; i < m->n; i++)
        count += m->nodes[m->places[i]].suspect;
    return count;
}

/* ---- where a key may live -------------------------------------------------------------------- */

static struct md_placement *md_ring(struct md_cluster_model *m, uint32_t dead, bool fresh) {
    struct md_placement_settings rule = m->config.placement;
    for (unsigned i = 0; i < m->n_rings; i++)
        if (m->rings[i].dead == dead && m->rings[i].fresh == fresh)
            return m->rings[i].placement;
    if (m->n_rings == MD_RINGS)
        md_forget_rings(m);
    struct md_server servers[MD_SERVERS_MAX];
    for (unsigned i = 0; i < m->n; i++) {
        servers[i] = m->servers[i];
        servers[i].dead = dead >> i & 1;
    }
    rule.other_points = rule.other_points && !fresh;
    m->rings[m->n_rings].dead = dead;
    m->rings[m->n_rings].fresh = fresh;
    m->rings[m->n_rings].placement = md_placement_new(&rule, servers, m->n);
    return m->rings[m->n_rings++].placement;
}

struct md_homes {
    uint32_t full;   /* the place with all nodes alive */
    uint64_t places; /* a bit for each place where it may be sent */
    bool only;       /* there is but one */
};

static bool md_ejects(const struct md_cluster_model *m) {
    return m->config.auto_eject && md_distribution_is_ring(m->config.placement.distribution);
}

/* By the ring as it was made first, and as an ejection makes it anew, if there may have been one. */
static void md_add_home(struct md_cluster_model *m, struct md_homes *h, uint32_t dead,
                        const struct md_cm_key *k) {
    for (int fresh = 0; fresh <= (m->renewed && m->config.placement.other_points); fresh++) {
        uint32_t at = md_placement_of(md_ring(m, dead, fresh), k->bytes, k->len);
        if (at < m->n)
            h->places |= UINT64_C(1) << m->places[at];
    }
}

static struct md_homes md_homes_of(struct md_cluster_model *m, const struct md_cm_key *k) {
    unsigned suspects[MD_SERVERS_MAX], n = 0;
    struct md_homes h = {0};
    uint32_t at = md_placement_of(md_ring(m, 0, false), k->bytes, k->len);
    h.full = m->places[at < m->n ? at : 0];
    h.places = UINT64_C(1) << h.full;
    for (unsigned i = 0; md_ejects(m) && i < m->n; i++)
        if (m->nodes[m->places[i]].suspect)
            suspects[n++] = i;
    m->renewed = m->renewed || n > 0;
    md_add_home(m, &h, 0, k);
    if (n > MD_SUSPECTS_MAX) {
        for (unsigned i = 0; i < m->n; i++)
            h.places |= UINT64_C(1) << m->places[i];
        n = 0;
    }
    for (uint32_t set = 1; set < 1U << n; set++) {
        uint32_t dead = 0;
        for (unsigned i = 0; i < n; i++)
            dead |= (set >> i & 1) << suspects[i];
        md_add_home(m, &h, dead, k);
    }
    h.only = (h.places & (h.places - 1)) == 0;
    return h;
}

static bool md_any_suspect(const struct md_cluster_model *m, const struct md_homes *h) {
    for (unsigned i = 0; i < MD_CM_PLACES; i++)
        if (h->places >> i & 1 && m->nodes[i].suspect)
            return true;
    return false;
}

/* ---- failing and coming back ----------------------------------------------------------------- */

static void md_answered(struct md_cluster_model *m, unsigned place) {
    struct md_cm_node *n = &m->nodes[place];
    if (n->up && !m->unsure)
        *n = (struct md_cm_node){.up = true};
}

void md_cm_unsure(struct md_cluster_model *m) { m->unsure = true; }

/* True if the node has been back so long that the client should use it again. */
static bool md_overdue(struct md_cluster_model *m, struct md_cm_node *n) {
    uint64_t timeout = m->config.retry_timeout > m->config.dead_timeout ? m->config.retry_timeout
                                                                        : m->config.dead_timeout;
    return n->up && n->suspect && m->clock > n->back_at + timeout + 1;
}

/*
 * An error of a key whose node is away, all others being well: as many as the failure limit and two
 * more, then the node has to be out of the ring. Between two tries the client may say "disabled" for
 * its retry timeout, as often as it likes, until the limit is reached: by refused connects, so that
 * one error more than it is needed to be sure. (Timers of 0 s eject nobody.)
 */
static void md_check_ejection(struct md_cluster_model *m, const struct md_homes *h,
                              enum md_seen seen) {
    struct md_cm_node *n = &m->nodes[h->full];
    const struct md_cm_config *c = &m->config;
    bool others = m->n > 1 && md_cm_suspects(m) == 1 && n->suspect;
    if (!md_ejects(m) || n->up || !others || c->placement.other_points)
        return;
    if (seen == MD_SEEN_TIMEOUT && ++n->timeouts == c->failure_limit + MD_ERRORS_OVER)
        md_tell(m, false, "never-ejected",
                "%u calls in a row timed out on node %u, more than the failure limit of %u, and "
                "it is still in use",
                n->timeouts, h->full, c->failure_limit);
    if (!n->killed || (!c->dead_timeout && !c->retry_timeout))
        return;
    if (seen == MD_SEEN_UNREACHABLE || seen == MD_SEEN_MARKED_DEAD ||
        (seen == MD_SEEN_DISABLED && n->refused > c->failure_limit))
        if (++n->refused == c->failure_limit + MD_ERRORS_OVER)
            md_tell(m, false,
                    n->lapsed && !c->dead_timeout ? "never-ejected:refused:no-dead-timeout"
                                                  : "never-ejected:refused",
                    "%u calls failed on node %u, which refuses connections; the failure limit is "
                    "%u, and it is still in use",
                    n->refused, h->full, c->failure_limit);
}

/* An error on a key with these homes. */
static void md_failed(struct md_cluster_model *m, const struct md_homes *h, const char *op,
                      enum md_seen seen) {
    struct md_cm_node *n = &m->nodes[h->full];
    char kind[96];
    md_check_ejection(m, h, seen);
    if (!md_any_suspect(m, h)) {
        snprintf(kind, sizeof kind, "error-without-failure:%s:%s", op, md_seen_id(seen));
        md_tell(m, false, kind, "%s said '%s' though its node was well all the time", op,
                md_seen_id(seen));
    } else if (md_overdue(m, n) && ++n->late_failures == MD_LATE_MAX) {
        bool for_good = seen == MD_SEEN_MARKED_DEAD && !m->config.dead_timeout;
        snprintf(kind, sizeof kind, "never-recovers:%s%s", md_seen_id(seen),
                 for_good ? ":no-dead-timeout" : "");
        md_tell(m, false, kind,
                "the node is back and has been for longer than the client's timeouts, and the "
                "last of %d calls, %s, still says '%s'",
                MD_LATE_MAX, op, md_seen_id(seen));
    } else if (n->up && n->suspect && !n->noticed && seen != MD_SEEN_DISABLED &&
               seen != MD_SEEN_MARKED_DEAD) {
        /* It was tried: a connection had broken unseen, and the timeouts begin now. */
        n->noticed = true;
        n->back_at = m->clock;
    }
}

/* ---- reads ----------------------------------------------------------------------------------- */

static int md_last_done(const struct md_cluster_model *m, unsigned key) {
    for (size_t i = m->n_writes; i-- > 0;)
        if (m->writes[i].key == key && m->writes[i].state == MD_CM_DONE)
            return (int)i;
    return MD_CM_NOTHING;
}

static void md_stale(struct md_cluster_model *m, const char *op, int value, int last) {
    const struct md_cm_write *w = &m->writes[value];
    char kind[96];
    if (m->changes == w->changes) {
        snprintf(kind, sizeof kind, "stale-without-failure:%s", op);
        md_tell(m, false, kind,
                "%s returned a value that a later write had replaced; no node had "
                "failed",
                op);
        return;
    }
    const char *cause = "late-write";
    uint32_t when = w->changes;
    if (w->state == MD_CM_DONE)
        for (unsigned e = 0; e < MD_CM_EVENTS; e++)
            if (m->events[e] > when) {
                cause = md_event_ids[e];
                when = m->events[e];
            }
    snprintf(kind, sizeof kind, "stale-read:%s:%s", m->config.auto_eject ? "eject" : "plain",
             cause);
    md_tell(m, true, kind, "%s returned write %d, but %s %d was acknowledged later", op, value,
            m->writes[last].deletes ? "delete" : "write", last);
}

/* A value that a read returned. */
static void md_check_value(struct md_cluster_model *m, const struct md_cm_key *k, const char *op,
                           int value) {
    char kind[96];
    const char *what = NULL;
    bool held = false;
    if (value == MD_CM_OTHER_KEY)
        what = "another-keys-value";
    else if (value < 0 || (size_t)value >= m->n_writes)
        what = "invented-value";
    else if (m->writes[value].key != k->number)
        what = "another-keys-value";
    if (what) {
        snprintf(kind, sizeof kind, "%s:%s", what, op);
        md_tell(m, false, kind, "%s returned a value that was never written to this key", op);
        return;
    }
    for (unsigned i = 0; i < MD_CM_PLACES; i++)
        held = held || k->held->after[i] == value;
    if (!held) {
        snprintf(kind, sizeof kind, "value-from-nowhere:%s", op);
        md_tell(m, false, kind, "%s returned write %d, which no node holds", op, value);
    }
    int last = md_last_done(m, k->number);
    if (value < last)
        md_stale(m, op, value, last);
}

void md_cm_get(struct md_cluster_model *m, const struct md_cm_key *k, enum md_seen seen,
               int value) {
    struct md_homes h = md_homes_of(m, k);
    if (seen == MD_SEEN_OK) {
        md_check_value(m, k, "get", value);
        if (h.only)
            md_answered(m, h.full);
    } else if (seen != MD_SEEN_MISS) {
        md_failed(m, &h, "get", seen);
    } else if (h.only && m->nodes[h.full].up) {
        if (k->held->after[h.full] != MD_CM_NOTHING)
            md_tell(m, false, "miss-but-held:get",
                    "get said that the key is not there; its node, %u, holds it", h.full);
        else
            md_answered(m, h.full);
    } else if (h.only) {
        md_tell(m, false, "miss-instead-of-error:get",
                "get said that the key is not there; its node, %u, is away and was not asked",
                h.full);
    }
}

void md_cm_mget(struct md_cluster_model *m, const struct md_cm_key *keys, const int *values,
                unsigned n, enum md_seen said) {
    bool error = said != MD_SEEN_OK && said != MD_SEEN_MISS;
    if (error && md_cm_suspects(m) == 0) {
        char kind[96];
        snprintf(kind, sizeof kind, "error-without-failure:mget:%s", md_seen_id(said));
        md_tell(m, false, kind, "mget said '%s' though all nodes were well", md_seen_id(said));
    }
    for (unsigned i = 0; i < n; i++) {
        const struct md_cm_key *k = &keys[i];
        struct md_homes h = md_homes_of(m, k);
        if (values[i] != MD_CM_NOTHING) {
            md_check_value(m, k, "mget", values[i]);
            if (h.only)
                md_answered(m, h.full);
            continue;
        }
        if (!h.only)
            continue;
        bool held = k->held->after[h.full] >= 0, up = m->nodes[h.full].up;
        if (!error && up && held)
            md_tell(m, false, "miss-but-held:mget",
                    "mget left a key out without an error; its node, %u, holds it", h.full);
        else if (!error && !up)
            md_tell(m, false, "mget-silent",
                    "mget left a key out and reported no error; its node, %u, is away", h.full);
        else if (error && held && !m->nodes[h.full].suspect)
            md_tell(m, false, "mget-gives-up",
                    "mget left out a key of node %u, which was well, because another failed",
                    h.full);
    }
}

/* ---- writes ---------------------------------------------------------------------------------- */

int md_cm_begin(struct md_cluster_model *m, unsigned key) {
    m->writes = md_grow(m->writes, &m->cap_writes, m->n_writes + 1, sizeof *m->writes);
    m->writes[m->n_writes] = (struct md_cm_write){.key = (uint16_t)key, .changes = m->changes};
    return (int)m->n_writes++;
}

/* Which place holds the write; several: `many`. */
static unsigned md_holder(const struct md_cm_key *k, int write, bool *many) {
    unsigned found = MD_CM_PLACES;
    *many = false;
    for (unsigned i = 0; i < MD_CM_PLACES; i++)
        if (k->held->after[i] == write) {
            *many = found < MD_CM_PLACES;
            found = i;
        }
    return found;
}

/* A write that arrived at `place`: was that where it belongs? */
static void md_check_place(struct md_cluster_model *m, const struct md_cm_key *k,
                           const struct md_homes *h, unsigned place) {
    struct md_cm_node *n = &m->nodes[h->full];
    if (!(h->places >> place & 1))
        md_tell(m, false, "placement", "the key went to node %u and belongs to node %u", place,
                h->full);
    else if (place != h->full && !m->config.placement.other_points && md_overdue(m, n) &&
             ++n->elsewhere == MD_LATE_MAX)
        md_tell(m, false, "never-rejoins",
                "node %u is back and has been for longer than the client's timeouts; the last of "
                "%d writes of its keys still went elsewhere",
                h->full, MD_LATE_MAX);
    (void)k;
    md_answered(m, place);
}

static bool md_is_buffered(const struct md_cluster_model *m, enum md_seen seen) {
    return m->config.buffer &&
           (seen == MD_SEEN_BUFFERED || (seen == MD_SEEN_OK && m->config.noreply));
}

void md_cm_set(struct md_cluster_model *m, const struct md_cm_key *k, int write,
               enum md_seen seen) {
    struct md_homes h = md_homes_of(m, k);
    struct md_cm_write *w = &m->writes[write];
    bool many, well = !md_any_suspect(m, &h);
    unsigned at = md_holder(k, write, &many);
    if (many)
        md_tell(m, false, "on-two-nodes", "one write of a key is on more than one node");
    if (at < MD_CM_PLACES) {
        w->state = MD_CM_DONE;
        md_check_place(m, k, &h, at);
    }
    if (md_is_buffered(m, seen)) {
        w->buffered = true;
        w->well = well;
    } else if (seen == MD_SEEN_OK && m->config.noreply) {
        if (at == MD_CM_PLACES && well)
            md_tell(m, false, "lost-without-failure:noreply",
                    "a write without reply has reached no node; its node was well");
    } else if (seen == MD_SEEN_OK) {
        w->state = MD_CM_DONE;
        if (at == MD_CM_PLACES && !(h.only && !m->nodes[h.full].up))
            md_tell(m, false, "acknowledged-and-lost:set", "set said ok and no node has it");
        else if (at == MD_CM_PLACES)
            md_tell(m, false, "acknowledged-by-nobody:set",
                    "set said ok while the key's node, %u, was away", h.full);
    } else {
        md_failed(m, &h, "set", seen);
    }
}

void md_cm_delete(struct md_cluster_model *m, const struct md_cm_key *k, int write,
                  enum md_seen seen) {
    struct md_homes h = md_homes_of(m, k);
    struct md_cm_write *w = &m->writes[write];
    bool up = m->nodes[h.full].up;
    w->deletes = true;
    if (md_is_buffered(m, seen)) {
        w->buffered = true;
        w->well = !md_any_suspect(m, &h);
    } else if (seen == MD_SEEN_OK && m->config.noreply) {
        if (!h.only || md_any_suspect(m, &h))
            return; /* whether it arrived shows nowhere */
        w->state = k->held->after[h.full] == MD_CM_NOTHING ? MD_CM_DONE : MD_CM_TRIED;
        if (w->state == MD_CM_TRIED)
            md_tell(m, false, "lost-without-failure:noreply-delete",
                    "a delete without reply left the key on node %u, which was well", h.full);
    } else if (seen == MD_SEEN_OK) {
        w->state = MD_CM_DONE;
        if (h.only && up && k->held->after[h.full] != MD_CM_NOTHING)
            md_tell(m, false, "deleted-but-held", "delete said ok and node %u still holds the key",
                    h.full);
        if (h.only && !up)
            md_tell(m, false, "acknowledged-by-nobody:delete",
                    "delete said ok while the key's node, %u, was away", h.full);
        if (h.only)
            md_answered(m, h.full);
    } else if (seen != MD_SEEN_MISS) {
        md_failed(m, &h, "delete", seen);
    } else if (h.only && up && k->held->after[h.full] >= 0) {
        md_tell(m, false, "miss-but-held:delete",
                "delete said that the key is not there; its node, %u, holds it", h.full);
    } else if (h.only && !up) {
        md_tell(m, false, "miss-instead-of-error:delete",
                "delete said that the key is not there; its node, %u, was not asked", h.full);
    } else if (h.only) {
        md_answered(m, h.full);
    }
}

/* The last of a key is a delete that was buffered. */
static void md_flushed_delete(struct md_cluster_model *m, const struct md_cm_key *k,
                              const struct md_homes *h, struct md_cm_write *w, enum md_seen seen) {
    if (seen != MD_SEEN_OK || w->changes != m->changes || !m->nodes[h->full].up || !h->only)
        return;
    w->buffered = false;
    w->state = k->held->after[h->full] == MD_CM_NOTHING ? MD_CM_DONE : MD_CM_TRIED;
    if (w->state == MD_CM_TRIED)
        md_tell(m, false, w->well ? "buffered-and-lost:delete" : "buffered-and-lost:after-failure",
                "a buffered delete left the key on node %u, and no call said so, not even the "
                "flush",
                h->full);
}

void md_cm_flushed(struct md_cluster_model *m, const struct md_cm_key *keys, unsigned n,
                   enum md_seen seen) {
    if (seen != MD_SEEN_OK && md_cm_suspects(m) == 0) {
        char kind[96];
        snprintf(kind, sizeof kind, "error-without-failure:flush:%s", md_seen_id(seen));
        md_tell(m, false, kind, "flush said '%s' though all nodes were well", md_seen_id(seen));
    }
    for (unsigned i = 0; i < n; i++) {
        int last = MD_CM_NOTHING;
        for (size_t w = 0; w < m->n_writes; w++)
            if (m->writes[w].key == keys[i].number)
                last = (int)w;
        if (last < 0 || !m->writes[last].buffered || m->writes[last].state == MD_CM_DONE)
            continue;
        bool many;
        struct md_homes h = md_homes_of(m, &keys[i]);
        if (m->writes[last].deletes) {
            md_flushed_delete(m, &keys[i], &h, &m->writes[last], seen);
            continue;
        }
        unsigned at = md_holder(&keys[i], last, &many);
        if (at < MD_CM_PLACES) {
            m->writes[last].state = MD_CM_DONE;
            if (m->writes[last].changes == m->changes) /* else it went out before the change */
                md_check_place(m, &keys[i], &h, at);
        } else if (seen == MD_SEEN_OK && m->writes[last].changes == m->changes &&
                   m->nodes[h.full].up && h.only) {
            bool well = m->writes[last].well;
            md_tell(m, false, well ? "buffered-and-lost" : "buffered-and-lost:after-failure",
                    "a buffered write has reached no node, and no call said so, not even the "
                    "flush");
            m->writes[last].buffered = false;
        }
    }
}
