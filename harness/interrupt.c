/* The one flag that a signal handler sets; see interrupt.h. */
#include "harness/interrupt.h"

#include <poll.h>
#include <signal.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal) {
    (void)signal;
    interrupted = 1;
}

void md_interrupt_catch(void) {
    struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &act, NULL);
    sigaction(SIGTERM, &act, NULL);
}

bool md_interrupted(void) { return interrupted; }

void md_interrupt_wait(unsigned ms) {
    struct timespec end = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    sigset_t both, before;
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    /* One that comes between the look at the flag and the wait must not be slept through. */
    sigprocmask(SIG_BLOCK, &both, &before);
    if (!interrupted)
        ppoll(NULL, 0, &end, &before);
    sigprocmask(SIG_SETMASK, &before, NULL);
}
