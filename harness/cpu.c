/*
 * Which CPU a worker and its node share. Claims are locks on files that all campaigns of a machine
 * can see; the kernel gives them back however a campaign ends. Being first is all that a file is
 * for, so whatever is wrong with one (foreign, unreadable, not a file) means only: not this CPU.
 */
#include "harness/node.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens for reading only, which is enough to lock and possible with other users' files. Creating
 * is a step of its own: some kernels refuse O_CREAT on an existing file of somebody else in
 * /tmp. */
static int md_cpu_open(const char *path) {
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(path, flags);
    if (fd < 0 && errno == ENOENT) {
        fd = open(path, flags | O_CREAT | O_EXCL, 0644);
        if (fd >= 0)
            fchmod(fd, 0644); /* whatever the umask */
        else if (errno == EEXIST)
            fd = open(path, flags);
    }
    return fd;
}

static int md_cpu_lock(const char *folder, int number) {
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s/memdiverge-cpu.%d", folder, number);
    int fd = md_cpu_open(path);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return fd;
    close(fd);
    return -1;
}

int md_cpu_claim(struct md_cpu *cpu, const char *folder) {
    *cpu = (struct md_cpu){.number = -1, .lock = -1};
    if (sched_getaffinity(0, sizeof cpu->before, &cpu->before) != 0)
        return -1;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET((unsigned)i, &cpu->before))
            continue;
        int lock = md_cpu_lock(folder ? folder : "/tmp", i);
        if (lock < 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET((unsigned)i, &one);
        if (sched_setaffinity(0, sizeof one, &one) == 0) {
            cpu->number = i;
            cpu->lock = lock;
            return i;
        }
        close(lock);
    }
    return -1;
}

int md_cpu_join(struct md_cpu *cpu, int number) {
    cpu_set_t one;
    *cpu = (struct md_cpu){.number = -1, .lock = -1};
    if (sched_getaffinity(0, sizeof cpu->before, &cpu->before) != 0 || number < 0)
        return -1;
    CPU_ZERO(&one);
    CPU_SET((unsigned)number, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        return -1;
    return cpu->number = number;
}

/* The file stays: taking its name away could hand the same CPU to two. */
void md_cpu_release(struct md_cpu *cpu) {
    if (cpu->number < 0)
        return;
    sched_setaffinity(0, sizeof cpu->before, &cpu->before);
    if (cpu->lock >= 0)
        close(cpu->lock);
    cpu->number = cpu->lock = -1;
}
