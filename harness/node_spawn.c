/*
 * The node's process, from vfork to exec. vfork, because the tester may be a fuzzer with gigabytes
 * mapped and a node is wanted in milliseconds; what runs in between makes system calls only.
 *
 * The node stays in our process group (whoever kills the group means the node too) but does not
 * hear the group's signals: a Ctrl-C is for the tester, which still wants to write its summary, and
 * a node that ends at once would look like a crash. So they are blocked, which survives exec and,
 * unlike being ignored, also the node's own calls of signal(). The parent-death signal is SIGKILL
 * and comes through. (A node that may be told to `shutdown` raises SIGINT in itself: that one gets a
 * process group of its own instead, where no Ctrl-C reaches it.) It is bound to the thread that starts the node: a tester must start nodes from
 * a thread that lives as long as they shall.
 */
#include "harness/node_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* All signals were blocked before vfork. What is blocked from here on is also what a whole group
 * tends to be sent; so no handler of ours runs in the child, which still shares our memory. */
static void md_child_signals(const struct md_spawn *s) {
    sigset_t mask;
    sigemptyset(&mask);
    if (!s->interruptible || setpgid(0, 0) != 0)
        sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGQUIT);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* Page and bell come with high numbers, so that neither lands where the other still is. */
static bool md_child_descriptors(const struct md_spawn *s) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(s->output, 1) < 0 || dup2(s->output, 2) < 0 ||
        dup2(s->page, MD_SPAWN_PAGE) < 0 || dup2(s->wake, MD_SPAWN_WAKE) < 0)
        return false;
    syscall(SYS_close_range, MD_SPAWN_WAKE + 1, ~0U, 0);
    return true;
}

static _Noreturn void md_child(const struct md_spawn *s, pid_t parent, volatile int *error) {
    struct rlimit no_core = {0, 0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent) {
        md_child_signals(s);
        setrlimit(RLIMIT_CORE, &no_core);
        if (s->cpus)
            sched_setaffinity(0, sizeof *s->cpus, s->cpus);
        if (md_child_descriptors(s) && chdir(s->folder) == 0)
            execve(s->path, s->argv, s->envp);
    }
    *error = errno;
    _exit(127);
}

pid_t md_spawn(const struct md_spawn *s) {
    volatile int error = 0; /* written by the child: until exec it runs in our memory */
    pid_t parent = getpid();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = vfork();
    if (pid == 0)
        md_child(s, parent, &error); /* NOLINT(clang-analyzer-unix.Vfork): it only execs or exits */
    int failed = pid < 0 ? errno : error;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid > 0 && failed) {
        siginfo_t info;
        while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR)
            continue;
        pid = -1;
    }
    errno = failed;
    return pid;
}
