/*
 * Every node lives in a private folder with its socket. The folder's lock file is locked by the
 * tester as long as it lives: the kernel frees the lock however it dies, so a folder whose lock is
 * free belongs to nobody, and the next program sweeps it up. Its name has the maker's process id, so
 * that one whose maker died before it could lock it is known for what it is.
 */
#include "harness/node_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MD_FOLDER_PREFIX "memdiverge-node-"
#define MD_FOLDER_LOCK "lock"
#define MD_FOLDER_LONGEST MD_FOLDER_PREFIX "4194304-XXXXXX/"

enum {
    MD_FOLDER_ROOM = 24,     /* bytes of a path that the names in the folder may take */
    MD_FOLDER_STILLBORN = 60 /* seconds after which a folder without a lock file is nobody's */
};

/* $TMPDIR if a socket's path fits below it and LD_PRELOAD could name a file there. */
static const char *md_folder_root(void) {
    const char *tmp = getenv("TMPDIR");
    size_t limit = sizeof((struct md_folder *)0)->path - sizeof MD_FOLDER_LONGEST - MD_FOLDER_ROOM;
    if (!tmp || tmp[0] != '/' || strlen(tmp) > limit || strpbrk(tmp, " :"))
        return "/tmp";
    return tmp;
}

/* Takes the folder's lock. A sweep that came between mkdir and here may have removed the folder:
 * then the lock is on a file that has no name any more. */
static int md_folder_lock(const char *path) {
    char name[PATH_MAX];
    snprintf(name, sizeof name, "%s/" MD_FOLDER_LOCK, path);
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
        return fd;
    close(fd);
    errno = ENOENT;
    return -1;
}

bool md_folder_make(struct md_folder *f, struct md_buf *why) {
    const char *root = md_folder_root();
    f->lock = -1;
    for (int tries = 0; tries < 10; tries++) {
        snprintf(f->path, sizeof f->path, "%s/" MD_FOLDER_PREFIX "%d-XXXXXX", root, (int)getpid());
        if (!mkdtemp(f->path)) {
            md_buf_printf(why,
                          "cannot make a folder for the node in %s: %s; set TMPDIR to a folder "
                          "that can be written",
                          root, strerror(errno));
            f->path[0] = 0;
            return false;
        }
        f->lock = md_folder_lock(f->path);
        if (f->lock >= 0)
            return true;
        int error = errno;
        rmdir(f->path);
        if (error != ENOENT) {
            md_buf_printf(why, "cannot write in %s: %s; set TMPDIR to a folder with room", f->path,
                          strerror(error));
            f->path[0] = 0;
            return false;
        }
    }
    md_buf_printf(why, "folders in %s vanish as soon as they are made; set TMPDIR", root);
    f->path[0] = 0;
    return false;
}

/* Removes the files in an open folder; the node's private one has no folders in it. */
static void md_folder_empty(int dir) {
    int again = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again < 0 ? NULL : fdopendir(again);
    if (!d) {
        if (again >= 0)
            close(again);
        return;
    }
    struct dirent *e;
    while ((e = readdir(d)))
        unlinkat(dir, e->d_name, 0);
    closedir(d);
}

void md_folder_remove(struct md_folder *f) {
    if (f->lock < 0)
        return;
    int dir = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0) {
        md_folder_empty(dir);
        close(dir);
        rmdir(f->path);
    }
    close(f->lock);
    f->lock = -1;
    f->path[0] = 0;
}

/* Whether the process that made the folder is gone. (One that merely cannot be seen from here makes
 * another folder, see md_folder_lock.) */
static bool md_maker_gone(const char *name) {
    char *end;
    long pid = strtol(name + sizeof MD_FOLDER_PREFIX - 1, &end, 10);
    return *end == '-' && pid > 0 && pid <= INT_MAX && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* True if nobody uses the folder (open as `dir`). *lock is the lock then taken, or -1. */
static bool md_folder_forsaken(const char *name, int dir, int *lock) {
    struct stat st;
    *lock = -1;
    if (fstat(dir, &st) != 0 || st.st_uid != geteuid())
        return false;
    int fd = openat(dir, MD_FOLDER_LOCK, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT &&
               (md_maker_gone(name) || time(NULL) - st.st_mtime > MD_FOLDER_STILLBORN);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return false;
    }
    *lock = fd;
    return true;
}

void md_node_sweep(void) {
    DIR *root = opendir(md_folder_root());
    if (!root)
        return;
    struct dirent *e;
    while ((e = readdir(root))) {
        if (strncmp(e->d_name, MD_FOLDER_PREFIX, sizeof MD_FOLDER_PREFIX - 1) != 0)
            continue;
        int dir = openat(dirfd(root), e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (dir < 0)
            continue;
        int lock;
        if (md_folder_forsaken(e->d_name, dir, &lock)) {
            md_folder_empty(dir);
            unlinkat(dirfd(root), e->d_name, AT_REMOVEDIR);
        }
        if (lock >= 0)
            close(lock);
        close(dir);
    }
    closedir(root);
}
