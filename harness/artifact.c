/* Files written whole or not at all; see artifact.h. */
#include "harness/artifact.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME ".memdiverge-campaign"

char *md_path(const char *dir, const char *fmt, ...) {
    struct md_buf b = {0};
    char name[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    md_buf_printf(&b, "%s/%s", dir, name);
    md_buf_cstr(&b);
    return (char *)b.data;
}

static const char *advice(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT: return "; free some space or choose another folder";
    case EFBIG: return "; the limit on file sizes (ulimit -f) is too low";
    case EACCES:
    case EPERM:
    case EROFS: return "; choose a folder that you may write to";
    default: return "";
    }
}

static bool refuse(struct md_buf *why, const char *doing, const char *path) {
    int error = errno;
    md_buf_printf(why, "cannot %s %s: %s%s", doing, path, strerror(error), advice(error));
    return false;
}

/* ---- writing ------------------------------------------------------------------------------ */

static bool write_all(int fd, const uint8_t *bytes, size_t n) {
    while (n) {
        ssize_t done = write(fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

/* The name itself is on disk only when its folder is. */
static void sync_folder_of(const char *path) {
    char *dir = md_strdup(path), *slash = strrchr(dir, '/');
    if (slash)
        *slash = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

/* /dev/null or a pipe: there is nothing to rename over. */
static bool is_special(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

static bool write_through(const char *path, const void *bytes, size_t n, struct md_buf *why) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write_all(fd, bytes, n);
    if (!ok)
        refuse(why, "write", path);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool md_artifact_write(const char *path, const void *bytes, size_t n, unsigned mode,
                       struct md_buf *why) {
    if (is_special(path))
        return write_through(path, bytes, n, why);
    struct md_buf temporary = {0};
    md_buf_printf(&temporary, "%s.%ld.tmp", path, (long)getpid());
    const char *name = md_buf_cstr(&temporary);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, (mode_t)mode);
    bool ok = fd >= 0 && write_all(fd, bytes, n) && fsync(fd) == 0;
    if (fd >= 0 && close(fd))
        ok = false;
    ok = ok && rename(name, path) == 0;
    if (!ok) {
        refuse(why, "write", path);
        if (fd >= 0)
            unlink(name);
    } else {
        sync_folder_of(path);
    }
    md_buf_free(&temporary);
    return ok;
}

bool md_artifact_trace(const char *path, const struct md_trace *t, struct md_buf *why) {
    struct md_buf text = {0};
    md_trace_print(t, &text);
    bool ok = md_artifact_write(path, text.data, text.len, 0644, why);
    md_buf_free(&text);
    return ok;
}

bool md_artifact_folder(const char *path, struct md_buf *why) {
    char *part = md_strdup(path);
    struct stat st;
    bool ok = true;
    for (char *at = part + 1; ok; at++) {
        if (*at && *at != '/')
            continue;
        char was = *at;
        *at = 0;
        if (mkdir(part, 0755) && errno != EEXIST && !(stat(part, &st) == 0 && S_ISDIR(st.st_mode)))
            ok = refuse(why, "make the folder", part);
        *at = was;
        if (!was)
            break;
    }
    if (ok && (stat(path, &st) || !S_ISDIR(st.st_mode))) {
        errno = ENOTDIR;
        ok = refuse(why, "use", path);
    }
    free(part);
    return ok;
}

bool md_artifact_read(const char *path, size_t limit, struct md_buf *out, struct md_buf *why) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    out->len = 0;
    if (fd < 0 || fstat(fd, &st)) {
        refuse(why, "read", path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = S_ISREG(st.st_mode) && (uint64_t)st.st_size <= limit;
    if (!ok)
        md_buf_printf(why, "cannot read %s: not a file of at most %zu bytes", path, limit);
    while (ok) {
        md_buf_reserve(out, 65536);
        ssize_t n = read(fd, out->data + out->len, 65536);
        if (n < 0)
            ok = refuse(why, "read", path);
        if (n <= 0 || out->len + (size_t)n > limit)
            break;
        out->len += (size_t)n;
    }
    close(fd);
    return ok;
}

/* ---- removing ----------------------------------------------------------------------------- */

static void remove_at(int dir, const char *name) {
    if (unlinkat(dir, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
        return;
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            remove_at(fd, e->d_name);
    closedir(d);
    unlinkat(dir, name, AT_REMOVEDIR);
}

void md_artifact_remove(const char *path) { remove_at(AT_FDCWD, path); }

/* ---- one campaign a folder ---------------------------------------------------------------- */

static bool is_empty(const char *dir) {
    DIR *d = opendir(dir);
    bool empty = true;
    for (struct dirent *e; d && empty && (e = readdir(d));)
        empty = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    if (d)
        closedir(d);
    return empty;
}

enum md_lock md_artifact_lock(const char *dir, int *fd, struct md_buf *why) {
    *fd = -1;
    if (!md_artifact_folder(dir, why))
        return MD_LOCK_FAILED;
    char *path = md_path(dir, LOCK_NAME);
    enum md_lock result = MD_LOCK_TAKEN;
    if (access(path, F_OK) && !is_empty(dir)) {
        md_buf_printf(why,
                      "%s holds files that are not of a campaign; give an empty or a new folder "
                      "with --out DIR",
                      dir);
        result = MD_LOCK_FOREIGN;
    } else if ((*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)) < 0) {
        refuse(why, "write", path);
        result = MD_LOCK_FAILED;
    } else if (flock(*fd, LOCK_EX | LOCK_NB)) {
        md_buf_printf(why,
                      "another campaign is at work in %s; wait for it, or give this one a folder "
                      "of its own with --out DIR",
                      dir);
        close(*fd);
        *fd = -1;
        result = MD_LOCK_BUSY;
    }
    free(path);
    return result;
}
