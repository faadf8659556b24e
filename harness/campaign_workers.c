/* A campaign's workers: starting them, and what it means when one ends. See campaign.h. */
#include "harness/campaign.h"

#include "harness/artifact.h"
#include "harness/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOG_TAIL = 4096 };

/* ---- starting ----------------------------------------------------------------------------- */

void md_child_begin(const struct md_campaign *c, pid_t parent) {
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(MD_EXIT_FAILED);
    /* A group of its own: Ctrl-C is for the supervisor, not for the nodes. */
    setpgid(0, 0);
    close(c->lock_fd);
    close(c->signal_fd);
    close(c->watch_fd);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGINT, SIG_IGN);
}

static char *log_path(const struct md_campaign *c, unsigned slot) {
    return md_path(c->settings->out, "log/worker-%u.log", slot);
}

static void redirect(const struct md_campaign *c, unsigned slot) {
    char *path = log_path(c, slot);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(log >= 0 ? log : null, 1);
    dup2(log >= 0 ? log : null, 2);
    if (log > 2)
        close(log);
    if (null > 2)
        close(null);
    free(path);
}

static _Noreturn void exec_fuzzer(struct md_campaign *c, unsigned slot, struct md_words *w) {
    char worker[48];
    snprintf(worker, sizeof worker, "%d,%u", c->page_fd, slot);
    setenv("MEMDIVERGE_WORKER", worker, 1);
    execv(w->at[0], w->at);
    snprintf(c->page->slot[slot].message, MD_PAGE_MESSAGE_MAX, "cannot start %s: %s", w->at[0],
             strerror(errno));
    _exit(MD_EXIT_FAILED);
}

static uint64_t quota(const struct md_campaign *c, unsigned slot) {
    uint64_t share = md_campaign_share(c, slot), done = c->child[slot].before.inputs;
    if (share == UINT64_MAX)
        return share;
    return share > done ? share - done : 0;
}

bool md_campaign_start_worker(struct md_campaign *c, unsigned slot) {
    struct md_page_slot *s = &c->page->slot[slot];
    struct md_words w = {.n = 0};
    s->quota = quota(c, slot);
    s->target = c->child[slot].target;
    s->cpu = c->job[slot / (c->workers / c->jobs)].cpu.number;
    s->first = c->child[slot].before.inputs;
    s->message[0] = 0;
    atomic_store(&s->running, 0);
    md_page_publish(s, &(struct md_tally){0});
    if (c->guided)
        md_campaign_fuzzer_words(c, slot, &w);
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        md_child_begin(c, parent);
        redirect(c, slot);
        if (c->guided)
            exec_fuzzer(c, slot, &w);
        _exit(md_worker_random(c->settings, c->page, slot));
    }
    for (size_t i = 0; i < w.n; i++)
        free(w.at[i]);
    if (pid < 0) {
        md_buf_printf(&c->failure, "cannot start a worker: %s; try fewer --jobs", strerror(errno));
        c->failed = true;
        return false;
    }
    c->child[slot].pid = pid;
    return true;
}

/* ---- ending ------------------------------------------------------------------------------- */

unsigned md_campaign_alive(const struct md_campaign *c) {
    unsigned n = 0;
    for (unsigned i = 0; i < c->workers; i++)
        n += c->child[i].pid != 0;
    return n;
}

/* The last line of a worker's log says most. */
static void add_log_tail(const struct md_campaign *c, unsigned slot, struct md_buf *out) {
    struct md_buf text = {0}, why = {0};
    char *path = log_path(c, slot);
    if (md_artifact_read(path, 64 << 20, &text, &why) && text.len) {
        if (text.len > LOG_TAIL)
            md_buf_drop(&text, text.len - LOG_TAIL);
        while (text.len && text.data[text.len - 1] == '\n')
            text.len--;
        const uint8_t *line = text.len ? memrchr(text.data, '\n', text.len) : NULL;
        size_t skip = line ? (size_t)(line + 1 - text.data) : 0;
        md_buf_str(out, ": ");
        md_buf_append(out, text.data + skip, text.len - skip);
    }
    free(path);
    md_buf_free(&text);
    md_buf_free(&why);
}

/* What it was running when it died. */
static void save_input(struct md_campaign *c, unsigned slot) {
    struct md_page_slot *s = &c->page->slot[slot];
    uint32_t n = atomic_load(&s->input_len);
    struct md_buf why = {0};
    char *dir = md_path(c->settings->out, "crashed");
    char *path = md_path(dir, "worker-%u-%u.trace", slot, c->child[slot].restarts);
    char *log = md_path(dir, "worker-%u-%u.log", slot, c->child[slot].restarts);
    char *from = log_path(c, slot);
    if (!md_artifact_folder(dir, &why) ||
        !md_artifact_write(path, s->input, n > MD_PAGE_INPUT_MAX ? MD_PAGE_INPUT_MAX : n, 0644,
                           &why)) {
        md_complain("%s", md_buf_cstr(&why));
    }
    rename(from, log);
    free(dir);
    free(path);
    free(log);
    free(from);
    md_buf_free(&why);
}

static void worker_failed(struct md_campaign *c, unsigned slot) {
    const char *message = c->page->slot[slot].message;
    if (c->failed)
        return;
    c->failed = true;
    if (*message)
        md_buf_str(&c->failure, message);
    else {
        md_buf_printf(&c->failure, "worker %u gave up", slot);
        add_log_tail(c, slot, &c->failure);
    }
}

static void worker_died(struct md_campaign *c, unsigned slot, int status) {
    struct md_child *child = &c->child[slot];
    bool by_others =
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
    struct md_buf how = {0};
    bool late = by_others && child->late;
    *(late ? &c->late : by_others ? &c->killed : &c->crashes) += 1;
    if (late)
        md_buf_str(&how, "did not end its last trace in time and was killed");
    else if (WIFSIGNALED(status))
        md_buf_printf(&how, "killed by signal %d", WTERMSIG(status));
    else
        md_buf_printf(&how, "ended with code %d", WEXITSTATUS(status));
    if (!by_others)
        add_log_tail(c, slot, &how);
    save_input(c, slot);
    /* What killed it counts as run: the next process begins behind it. */
    child->before.inputs += atomic_load(&c->page->slot[slot].running);
    md_progress_end(c);
    md_complain("worker %u %s; what it was running is in %s/crashed", slot, md_buf_cstr(&how),
                c->settings->out);
    if (c->stopping) {
        md_buf_free(&how);
        return;
    }
    if (++child->restarts > MD_RESTARTS_MAX) {
        c->failed = true;
        md_buf_printf(&c->failure, "worker %u died %u times: the campaign ends", slot,
                      child->restarts);
    } else {
        md_campaign_start_worker(c, slot);
    }
    md_buf_free(&how);
}

bool md_campaign_reap(struct md_campaign *c, pid_t pid, int status) {
    unsigned slot = 0;
    while (slot < c->workers && c->child[slot].pid != pid)
        slot++;
    if (slot == c->workers)
        return false;
    struct md_child *child = &c->child[slot];
    struct md_tally last;
    md_page_read(&c->page->slot[slot], &last);
    md_tally_add(&child->before, &last);
    md_page_publish(&c->page->slot[slot], &(struct md_tally){0});
    child->pid = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == MD_EXIT_FAILED)
        worker_failed(c, slot);
    else if (!(WIFEXITED(status) && WEXITSTATUS(status) == 0))
        worker_died(c, slot, status);
    return true;
}
