/* Edits of steps: their order, their connections, the clock, cuts and joins, node options. */
#include "fuzz/mutate_internal.h"

#include "harness/cut.h"

static size_t md_any_step(struct md_mutation *m) {
    return (size_t)md_random_below(&m->r, m->t->n_steps);
}

/* A place to insert: before any step or at the end. */
static size_t md_any_place(struct md_mutation *m) {
    return (size_t)md_random_below(&m->r, m->t->n_steps + 1);
}

/* Mostly a connection that the trace uses. */
static unsigned md_any_conn(struct md_mutation *m) {
    size_t step;
    if (md_chance(&m->r, 700) && md_pick_send(m, &step))
        return m->t->steps[step].conn;
    return md_pick(&m->r, MD_GEN_CONNS);
}

bool md_edit_delete_step(struct md_mutation *m) {
    if (m->t->n_steps < 2)
        return false;
    md_trace_remove(m->t, md_any_step(m), 1);
    return true;
}

bool md_edit_delete_steps(struct md_mutation *m) {
    if (m->t->n_steps < 3)
        return false;
    size_t at = md_any_step(m), left = m->t->n_steps - at;
    size_t n = 1 + (size_t)md_random_below(&m->r, left < 8 ? left : 8);
    if (n == m->t->n_steps)
        n--;
    md_trace_remove(m->t, at, n);
    return true;
}

bool md_edit_duplicate_step(struct md_mutation *m) {
    if (m->t->n_steps == 0)
        return false;
    size_t from = md_any_step(m);
    size_t at = md_chance(&m->r, 512) ? from + 1 : md_any_place(m);
    md_trace_insert(m->t, at, &m->t->steps[from]);
    return true;
}

static void md_swap(struct md_trace *t, size_t a, size_t b) {
    struct md_step step = t->steps[a];
    t->steps[a] = t->steps[b];
    t->steps[b] = step;
}

bool md_edit_swap_steps(struct md_mutation *m) {
    if (m->t->n_steps < 2)
        return false;
    size_t a = md_any_step(m), b = md_any_step(m);
    if (a == b)
        b = (a + 1) % m->t->n_steps;
    md_swap(m->t, a, b);
    return true;
}

bool md_edit_move_step(struct md_mutation *m) {
    if (m->t->n_steps < 2)
        return false;
    size_t from = md_any_step(m), to = md_any_step(m);
    if (from == to)
        return false;
    for (; from < to; from++)
        md_swap(m->t, from, from + 1);
    for (; from > to; from--)
        md_swap(m->t, from, from - 1);
    return true;
}

bool md_edit_connection(struct md_mutation *m) {
    size_t step;
    if (!md_pick_send(m, &step))
        return false;
    unsigned old = m->t->steps[step].conn, conn = md_pick(&m->r, MD_GEN_CONNS - 1);
    conn += conn >= old;
    bool all = md_chance(&m->r, 300);
    for (size_t i = step; i < (all ? m->t->n_steps : step + 1); i++)
        if (m->t->steps[i].conn == old && m->t->steps[i].kind != MD_STEP_CLOCK)
            m->t->steps[i].conn = (uint8_t)conn;
    return true;
}

static uint32_t md_some_seconds(struct md_mutation *m) {
    bool lru = m->target == MD_TARGET_EVICTION && md_chance(&m->r, 800);
    return lru ? md_gen_lru_seconds(&m->r) : md_gen_seconds(&m->r);
}

static void md_insert_clock(struct md_mutation *m, size_t at, uint32_t seconds) {
    md_trace_insert(m->t, at, &(struct md_step){.kind = MD_STEP_CLOCK, .seconds = seconds});
}

bool md_edit_insert_clock(struct md_mutation *m) {
    md_insert_clock(m, md_any_place(m), md_some_seconds(m));
    return true;
}

bool md_edit_change_clock(struct md_mutation *m) {
    size_t n = m->t->n_steps, start = n ? md_any_step(m) : 0;
    for (size_t i = 0; i < n; i++) {
        struct md_step *s = &m->t->steps[(start + i) % n];
        if (s->kind != MD_STEP_CLOCK)
            continue;
        uint32_t old = s->seconds;
        if (md_chance(&m->r, 512))
            s->seconds = md_some_seconds(m);
        else if (md_chance(&m->r, 512))
            s->seconds = old < MD_CLOCK_STEP_MAX ? old + 1 : old;
        else
            s->seconds = old ? old - 1 : 0;
        return s->seconds != old;
    }
    return false;
}

bool md_edit_insert_close(struct md_mutation *m) {
    static const enum md_step_kind kinds[] = {MD_STEP_CLOSE, MD_STEP_CLOSE, MD_STEP_CLOSE,
                                              MD_STEP_SHUTDOWN, MD_STEP_OPEN};
    struct md_step step = {.kind = kinds[md_pick(&m->r, 5)], .conn = (uint8_t)md_any_conn(m)};
    md_trace_insert(m->t, md_any_place(m), &step);
    return true;
}

/* Nothing survives the end of a node. */
bool md_edit_reboot(struct md_mutation *m) {
    struct md_step step = {.kind = MD_STEP_RESTART};
    size_t at = md_any_place(m);
    md_trace_insert(m->t, at, &step);
    step.kind = MD_STEP_KILL;
    if (md_chance(&m->r, 300))
        md_trace_insert(m->t, (size_t)md_random_below(&m->r, at + 1), &step);
    return true;
}

/* ---- cuts -------------------------------------------------------------------------------- */

bool md_edit_split(struct md_mutation *m) {
    size_t step;
    if (!md_pick_send(m, &step))
        return false;
    uint64_t units = md_step_units(&m->t->steps[step]);
    if (units < 2)
        return false;
    struct md_step tail = {.kind = MD_STEP_SEND, .conn = m->t->steps[step].conn};
    md_step_cut(&m->t->steps[step], 1 + md_random_below(&m->r, units - 1), &tail);
    /* Mostly at once; else after what comes next, which then acts in between. */
    md_trace_insert(m->t, step + 1 + (md_chance(&m->r, 300) && step + 1 < m->t->n_steps), &tail);
    md_step_free(&tail);
    return true;
}

/* Cuts between two commands, and lets the clock or another connection act there. */
bool md_edit_interleave(struct md_mutation *m) {
    struct md_view v;
    unsigned tries = 0;
    while (!md_pick_view(m, MD_VIEW_ANY, &v) || v.from == 0)
        if (++tries == 4)
            return false;
    struct md_step tail = {.kind = MD_STEP_SEND, .conn = m->t->steps[m->step].conn};
    struct md_cells all = m->cells;
    size_t step = m->step;
    m->cells.at += v.from;
    m->cells.n -= v.from;
    /* The tail becomes the step first: its symbols borrow from what is there now. */
    md_trace_insert(m->t, step + 1, &tail);
    m->step = step + 1;
    md_cells_store(m, &m->cells);
    m->cells = all;
    m->cells.n = v.from;
    m->step = step;
    md_cells_store(m, &m->cells);
    if (md_chance(&m->r, 400))
        md_insert_clock(m, step + 1, md_some_seconds(m));
    else if (md_edit_insert_send(m) && m->step > step + 1)
        for (size_t at = m->step; at > step + 1; at--)
            md_swap(m->t, at, at - 1);
    return true;
}

bool md_edit_join(struct md_mutation *m) {
    size_t first;
    if (!md_pick_send(m, &first))
        return false;
    for (size_t i = first + 1; i < m->t->n_steps; i++) {
        const struct md_step *s = &m->t->steps[i];
        if (s->kind != MD_STEP_SEND || s->conn != m->t->steps[first].conn)
            continue;
        md_step_join(&m->t->steps[first], s);
        md_trace_remove(m->t, i, 1);
        return true;
    }
    return false;
}

/* ---- what the trace runs on -------------------------------------------------------------- */

static bool md_edit_tight_options(struct md_mutation *m) {
    struct md_node_options fresh;
    md_node_options_default(&fresh);
    md_node_options_copy(&fresh, &m->t->options);
    md_gen_tight_options(&m->r, &fresh);
    bool same = md_node_options_equal(&fresh, &m->t->options);
    md_node_options_copy(&m->t->options, &fresh);
    md_node_options_free(&fresh);
    return !same;
}

bool md_edit_options(struct md_mutation *m) {
    struct md_node_options fresh;
    if (m->target == MD_TARGET_EVICTION)
        return md_edit_tight_options(m);
    bool plain = m->t->options.n_args == 0;
    /* So that after many generations, too, most traces run on the node that all share. */
    if (plain && !md_random_one_in(&m->r, 8))
        return false;
    md_node_options_default(&fresh);
    if (plain || md_random_one_in(&m->r, 4))
        md_gen_options(&m->r, &fresh);
    bool same = md_node_options_equal(&fresh, &m->t->options);
    md_node_options_copy(&m->t->options, &fresh);
    md_node_options_free(&fresh);
    return !same;
}

bool md_edit_insert_stats(struct md_mutation *m) {
    struct md_step step = {.kind = MD_STEP_SEND, .conn = (uint8_t)md_any_conn(m)};
    static const char *const more[] = {"stats items\r\n", "stats slabs\r\n", "stats\r\n"};
    const char *line = md_random_one_in(&m->r, 6) ? "stats reset\r\n" : "stats\r\n";
    if (m->target == MD_TARGET_EVICTION)
        line = more[md_pick(&m->r, MD_COUNT(more))];
    md_step_bytes(&step, line, strlen(line));
    md_trace_insert(m->t, md_chance(&m->r, 512) ? m->t->n_steps : md_any_place(m), &step);
    md_step_free(&step);
    return true;
}

/* ---- hostile bytes ------------------------------------------------------------------------- */

/* A send step, any; n_steps: there is none. */
static size_t md_any_send(struct md_mutation *m) {
    size_t n = m->t->n_steps, start = n ? md_pick(&m->r, (unsigned)n) : 0;
    for (size_t i = 0; i < n; i++)
        if (m->t->steps[(start + i) % n].kind == MD_STEP_SEND)
            return (start + i) % n;
    return n;
}

bool md_edit_damage(struct md_mutation *m) {
    size_t i = md_any_send(m);
    if (i == m->t->n_steps)
        return false;
    md_wire_damage(&m->r, &m->t->steps[i]);
    return true;
}

bool md_edit_tear(struct md_mutation *m) {
    size_t i = md_any_send(m), n = m->t->n_steps;
    if (i == n)
        return false;
    md_wire_tear(&m->r, m->t, i);
    return m->t->n_steps > n;
}
