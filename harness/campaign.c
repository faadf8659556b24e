/* The supervisor's loop; see campaign.h. */
#include "harness/campaign.h"

#include "harness/artifact.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    /* For a worker to end its trace: longer than it takes to tell that a node spins. */
    STOP_GRACE_MS = MD_BUSY_DEADLINES * MD_NODE_DEADLINE_MS + 5000,
    AFTER_INTERRUPT_MS = 10000,
};

/* ---- before the first worker -------------------------------------------------------------- */

static unsigned cpus(void) {
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : (unsigned)n;
}

/* A bad binary shows here, once, and not in every worker. */
static bool probe_node(struct md_campaign *c, struct md_buf *why) {
    struct md_runner_config config;
    md_settings_runner(c->settings, &config);
    struct md_buf text = {0};
    struct md_runner *r = md_runner_new(&config, &text);
    if (!r)
        md_node_refused(c->settings, md_buf_cstr(&text), why);
    md_buf_free(&text);
    if (!r)
        return false;
    snprintf(c->version, sizeof c->version, "%s", md_runner_node_version(r));
    c->note = md_strdup(md_runner_profile_note(r));
    md_runner_free(r);
    return true;
}

static bool make_folders(struct md_campaign *c, struct md_buf *why) {
    static const char *const names[] = {"found", "crashed", "log"};
    bool ok = true;
    for (unsigned i = 0; i < MD_TARGETS && ok; i++) {
        char *path = md_path(c->settings->out, "corpus/%s", md_target_name((enum md_target)i));
        ok = md_artifact_folder(path, why);
        free(path);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && ok; i++) {
        char *path = md_path(c->settings->out, "%s", names[i]);
        ok = md_artifact_folder(path, why);
        free(path);
    }
    return ok;
}

static bool open_events(struct md_campaign *c, struct md_buf *why) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    c->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    char *found = md_path(c->settings->out, "found");
    /* Without a watch, found traces wait for the next look at the folder: a second at most. */
    if (c->watch_fd >= 0)
        inotify_add_watch(c->watch_fd, found, IN_MOVED_TO);
    free(found);
    if (c->signal_fd < 0)
        md_buf_printf(why, "no descriptor for signals: %s", strerror(errno));
    return c->signal_fd >= 0;
}

/* 0: ready; else the exit code, `why` says it. */
static int prepare(struct md_campaign *c, struct md_buf *why) {
    struct md_settings *s = c->settings;
    switch (md_artifact_lock(s->out, &c->lock_fd, why)) {
    case MD_LOCK_TAKEN: break;
    case MD_LOCK_FAILED: return MD_EXIT_FAILED;
    default: return MD_EXIT_USAGE;
    }
    if (!s->has_seed && getrandom(&s->seed, sizeof s->seed, 0) != sizeof s->seed)
        s->seed = md_now_ns();
    if (!s->has_seed)
        s->seed %= 1000000000; /* short enough to be typed again */
    c->jobs = s->jobs ? s->jobs : cpus();
    c->guided = strcmp(s->engine, "libfuzzer") == 0;
    md_campaign_plan(c);
    c->page = md_page_new(c->workers, &c->page_fd, why);
    if (!c->page || !make_folders(c, why) || !probe_node(c, why) || !open_events(c, why))
        return MD_EXIT_FAILED;
    md_campaign_find_data(c);
    if (c->guided && !md_campaign_find_fuzzers(c, why))
        return MD_EXIT_FAILED;
    md_campaign_claim_cpus(c);
    c->corpus_before = md_campaign_corpus(c, MD_TARGETS);
    return 0;
}

static void say_hello(const struct md_campaign *c) {
    const struct md_settings *s = c->settings;
    FILE *to = s->json ? stderr : stdout;
    fprintf(to, "memdiverge: %s, memcached %s\n", s->binary ? s->binary : s->connect, c->version);
    fprintf(to, "memdiverge: oracle %s, engine %s, target %s, seed %llu, %u job%s, out %s%s\n",
            md_oracle_name(s->oracle), s->engine,
            s->target == MD_TARGETS ? "all by turns" : md_target_name(s->target),
            (unsigned long long)s->seed, c->jobs, c->jobs == 1 ? "" : "s", s->out,
            s->seconds || s->runs || s->stop_after ? "" : "; until Ctrl-C");
    if (*c->note)
        fprintf(to, "memdiverge: note: %s\n", c->note);
    fflush(to);
}

/* ---- the loop ----------------------------------------------------------------------------- */

static void stop_workers(struct md_campaign *c) {
    c->stopping = true;
    c->ended_ns = md_now_ns();
    atomic_store(&c->page->stop, 1);
}

static void on_interrupt(struct md_campaign *c) {
    uint64_t now = md_now_ns();
    if (!c->stopping)
        stop_workers(c);
    /* The second time now means now; what was found stays in OUT/found. */
    c->hurry_ns = c->interrupts++ ? now : now + AFTER_INTERRUPT_MS * UINT64_C(1000000);
}

static void reap(struct md_campaign *c) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        if (!md_campaign_triaged(c, pid))
            md_campaign_reap(c, pid, status);
}

static void take_signals(struct md_campaign *c) {
    struct signalfd_siginfo info;
    while (read(c->signal_fd, &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD)
            on_interrupt(c);
    reap(c);
}

static void drain_watch(struct md_campaign *c) {
    char events[4096];
    while (read(c->watch_fd, events, sizeof events) > 0)
        continue;
}

static bool is_time_to_stop(const struct md_campaign *c) {
    const struct md_settings *s = c->settings;
    return (s->seconds && md_campaign_seconds(c) >= (double)s->seconds) || c->failed ||
           (s->stop_after && md_campaign_count(c, MD_OUTCOME_CONFIRMED) >= s->stop_after) ||
           md_campaign_alive(c) == 0;
}

static void kill_late(struct md_campaign *c) {
    uint64_t now = md_now_ns();
    if (c->stopping && now - c->ended_ns > STOP_GRACE_MS * UINT64_C(1000000))
        for (unsigned i = 0; i < c->workers; i++)
            if (c->child[i].pid && !c->child[i].late) {
                c->child[i].late = true;
                kill(c->child[i].pid, SIGKILL);
            }
    if (c->triage_pid && c->hurry_ns && now >= c->hurry_ns)
        kill(c->triage_pid, SIGKILL);
}

static int wait_ms(const struct md_campaign *c) {
    int ms = md_progress_wait_ms(), turn = md_campaign_turn_ms(c);
    if (turn < ms)
        ms = turn;
    if (c->settings->seconds && !c->stopping) {
        double left = ((double)c->settings->seconds - md_campaign_seconds(c)) * 1000;
        if (left < ms)
            ms = left < 1 ? 1 : (int)left;
    }
    return ms;
}

static void loop(struct md_campaign *c) {
    struct pollfd fds[] = {{.fd = c->signal_fd, .events = POLLIN},
                           {.fd = c->watch_fd, .events = POLLIN}};
    for (;;) {
        md_campaign_findings(c);
        if (!c->stopping && is_time_to_stop(c))
            stop_workers(c);
        if (c->stopping && md_campaign_alive(c) == 0 && !c->triage_pid)
            return;
        md_campaign_turns(c);
        md_progress_show(c);
        poll(fds, 2, wait_ms(c));
        take_signals(c);
        drain_watch(c);
        kill_late(c);
    }
}

/* ---- end ---------------------------------------------------------------------------------- */

static int exit_code(const struct md_campaign *c) {
    if (c->failed)
        return MD_EXIT_FAILED;
    for (size_t i = 0; i < c->n_findings; i++)
        if (c->finding[i].outcome != MD_OUTCOME_FAILED)
            return MD_EXIT_DIVERGED;
    if (c->late)
        return MD_EXIT_FAILED;
    if (c->interrupts)
        return MD_EXIT_INTERRUPTED;
    return c->crashes ? MD_EXIT_FAILED : MD_EXIT_AGREED;
}

/* Empty folders would only make people look into them. */
static void remove_empty(const struct md_campaign *c) {
    static const char *const names[] = {"crashed", "found", "corpus"};
    for (unsigned i = 0; i < MD_TARGETS; i++) {
        char *path = md_path(c->settings->out, "corpus/%s", md_target_name((enum md_target)i));
        rmdir(path);
        free(path);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = md_path(c->settings->out, "%s", names[i]);
        rmdir(path);
        free(path);
    }
}

/* Nodes of workers that were killed die with them, but in their own time, and until then their folders
 * are in use: orphans become our children, so that their end can be waited for. */
static void bury_orphans(const struct md_campaign *c) {
    enum { DEADLINE_MS = 10000 };
    uint64_t end = md_now_ns() + DEADLINE_MS * UINT64_C(1000000);
    pid_t pid;
    while ((pid = waitpid(-1, NULL, WNOHANG)) >= 0 && md_now_ns() < end) {
        struct signalfd_siginfo info;
        struct pollfd fd = {.fd = c->signal_fd, .events = POLLIN};
        if (pid == 0 && poll(&fd, 1, DEADLINE_MS) > 0 && read(c->signal_fd, &info, sizeof info) < 0)
            return;
    }
}

static void clean_up(struct md_campaign *c) {
    if (c->signal_fd >= 0)
        bury_orphans(c);
    md_page_free(c->page);
    int fds[] = {c->page_fd, c->signal_fd, c->watch_fd, c->lock_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (unsigned i = 0; i < MD_TARGETS; i++)
        free(c->fuzzer[i]);
    for (unsigned i = 0; c->job && i < c->jobs; i++)
        md_cpu_release(&c->job[i].cpu);
    free(c->job);
    free(c->data);
    free(c->child);
    free(c->note);
    free(c->finding);
    md_buf_free(&c->failure);
    md_node_sweep(); /* of workers that were killed */
}

int md_campaign_run(struct md_settings *s) {
    struct md_campaign c = {
        .settings = s, .page_fd = -1, .lock_fd = -1, .signal_fd = -1, .watch_fd = -1};
    struct md_buf why = {0};
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* for bury_orphans */
    if (!s->out)
        s->out = "memdiverge-out";
    int code = prepare(&c, &why);
    if (code) {
        md_complain("%s", md_buf_cstr(&why));
    } else {
        say_hello(&c);
        c.started_ns = c.progress.shown_ns = md_now_ns();
        for (unsigned i = 0; i < c.workers && !c.failed; i++)
            md_campaign_start_worker(&c, i);
        loop(&c);
        md_progress_end(&c);
        if (!md_summary(&c))
            c.failed = true;
        remove_empty(&c);
        if (c.failed && c.failure.len)
            md_complain("%s", md_buf_cstr(&c.failure));
        code = exit_code(&c);
    }
    md_buf_free(&why);
    clean_up(&c);
    return code;
}
