/* From a configuration to a running process: its binary, the shim, folder, page, command line. */
#include "harness/node_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MD_WORDS_MAX = 24 + MD_NODE_ARGS_MAX, /* of a command line, without --node-arg */
    MD_HIGH = 10,                         /* our descriptors that a node inherits start here */
    MD_OUTPUT_PIPE = 1 << 20,             /* bytes a node can write to stderr before we read */
    MD_MONOTONIC_BASE = 1000,
};

#define MD_SHIM_FILE "memdiverge-shim.so"

/* ---- finding files --------------------------------------------------------------------------- */

/* $MEMDIVERGE_SHIM, or beside our own program: installed, in the build tree, or in OSS-Fuzz's
 * $OUT. */
static bool md_find_shim(char path[PATH_MAX]) {
    static const char *const places[] = {"", "../lib/memdiverge/", "__extra_build/", "../",
                                         "../bin/"};
    const char *given = getenv("MEMDIVERGE_SHIM");
    if (given)
        return realpath(given, path) && access(path, R_OK) == 0;
    char self[PATH_MAX], guess[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0)
        return false;
    self[len] = 0;
    *(strrchr(self, '/') + 1) = 0;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(guess, sizeof guess, "%s%s" MD_SHIM_FILE, self, places[i]);
        if (realpath(guess, path) && access(path, R_OK) == 0)
            return true;
    }
    return false;
}

/* A name without a slash is looked for in PATH, as a shell would. */
static bool md_find_binary(const char *name, char path[PATH_MAX]) {
    if (strchr(name, '/'))
        return realpath(name, path);
    const char *dir = getenv("PATH");
    char guess[PATH_MAX];
    while (dir && *dir) {
        size_t len = strcspn(dir, ":");
        snprintf(guess, sizeof guess, "%.*s/%s", (int)len, dir, name);
        if (len && access(guess, X_OK) == 0 && realpath(guess, path))
            return true;
        dir += len + (dir[len] == ':');
    }
    errno = ENOENT;
    return false;
}

static enum md_node_status md_check_binary(struct md_node *n, char path[PATH_MAX]) {
    struct stat st;
    if (!md_find_binary(n->binary, path) || stat(path, &st) != 0)
        return md_node_fail(n, MD_NODE_NO_START,
                            "cannot find the node's binary '%s': %s; name a memcached with --node",
                            n->binary, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return md_node_fail(n, MD_NODE_NO_START,
                            "'%s' is not a program; name a memcached binary with --node",
                            n->binary);
    if (access(path, X_OK) != 0)
        return md_node_fail(n, MD_NODE_NO_START, "'%s' is not executable: chmod +x it", n->binary);
    return MD_NODE_OK;
}

/* ---- command line and environment ------------------------------------------------------------ */

/* design.md's default options make memcached deterministic; what comes later on the line wins. */
static const char **md_command_line(struct md_node *n) {
    static const char *const fixed[] = {
        "-t",   "1",  "-R", "10000", "-m",
        "1024", "-U", "0",  "-o",    "no_lru_maintainer,no_lru_crawler,no_slab_reassign",
    };
    size_t extra = n->config.n_extra_args, at = 0;
    const char **argv = md_calloc(MD_WORDS_MAX + extra, sizeof *argv);
    argv[at++] = n->binary;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        argv[at++] = fixed[i];
    argv[at++] = n->config.listen ? "-l" : "-s";
    argv[at++] = n->config.listen ? n->config.listen : n->socket_path;
    if (n->config.listen) {
        argv[at++] = "-p";
        argv[at++] = n->port;
    }
    if (geteuid() == 0) {
        /* memcached refuses to be root unasked. Any other user would end the parent-death
         * signal. */
        argv[at++] = "-u";
        argv[at++] = "root";
    }
    for (size_t i = 0; i < extra; i++)
        argv[at++] = n->config.extra_args[i];
    for (size_t i = 0; i < n->options.n_args; i++) {
        md_buf_clear(&n->words[i]);
        md_node_option_word(n->options.args[i], n->config.chunk_max_unit, &n->words[i]);
        argv[at++] = md_buf_cstr(&n->words[i]);
    }
    return argv;
}

/* LD_PRELOAD separates by blanks and colons: a shim below such a path is named by a link. */
static char *md_preload_name(const struct md_node *n, const char *shim) {
    struct md_buf out = {0};
    md_buf_str(&out, "LD_PRELOAD=");
    size_t name = out.len;
    if (strpbrk(shim, " :"))
        md_buf_printf(&out, "%s/" MD_SHIM_FILE, n->folder.path);
    if (out.len == name || symlink(shim, md_buf_cstr(&out) + name) != 0) {
        out.len = name;
        md_buf_str(&out, shim);
    }
    md_buf_byte(&out, 0);
    return (char *)out.data;
}

/* ---- process --------------------------------------------------------------------------------- */

static int md_high(int fd) {
    if (fd < 0 || fd >= MD_HIGH)
        return fd;
    int high = fcntl(fd, F_DUPFD_CLOEXEC, MD_HIGH);
    close(fd);
    return high;
}

/* The shared page. *fd is open for the node. */
static bool md_make_page(struct md_node *n, int *fd) {
    *fd = md_high(memfd_create("memdiverge", MFD_CLOEXEC));
    if (*fd < 0 || ftruncate(*fd, sizeof *n->page) != 0)
        return false;
    void *page = mmap(NULL, sizeof *n->page, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    if (page == MAP_FAILED)
        return false;
    n->page = page;
    n->page->layout = MD_SHIM_LAYOUT;
    n->page->wake_fd = MD_SPAWN_WAKE;
    n->page->tester = getpid();
    n->page->realtime_base = n->started;
    n->page->monotonic_base = MD_MONOTONIC_BASE + (n->started - MD_START_TIME);
    n->wake = md_high(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return n->wake >= 0;
}

/* A pipe for what the node prints; *theirs is the node's end. We never wait on it; the node
 * does, so that a crash report behind a flood is not lost: every wait for a node also drains it. */
static bool md_make_output(struct md_node *n, int *theirs) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        return false;
    n->output = md_high(ends[0]);
    *theirs = md_high(ends[1]);
    fcntl(n->output, F_SETPIPE_SZ, MD_OUTPUT_PIPE); /* as large as we are allowed */
    return n->output >= 0 && *theirs >= 0;
}

static enum md_node_status md_exec(struct md_node *n, const struct md_spawn *s) {
    n->pid = md_spawn(s);
    if (n->pid < 0)
        return md_node_fail(n, MD_NODE_NO_START, "cannot run '%s': %s", n->binary,
                            errno == ENOEXEC ? "it is not a program for this machine"
                                             : strerror(errno));
    n->born = n->pid;
    n->process = (int)syscall(SYS_pidfd_open, n->pid, 0);
    if (n->process < 0)
        return md_node_fail(n, MD_NODE_ENV,
                            "cannot watch the node's process: %s (Linux 5.3 or "
                            "later is needed)",
                            strerror(errno));
    fcntl(n->process, F_SETFD, FD_CLOEXEC);
    return MD_NODE_OK;
}

enum md_node_status md_launch_again(struct md_node *n) {
    struct md_buf library = {0};
    struct md_spawn s = {.path = n->path, .folder = n->folder.path, .output = -1, .page = -1};
    cpu_set_t one;
    CPU_ZERO(&one);
    s.cpus = n->config.unpinned;
    s.interruptible = n->options.model.shutdown;
    if (n->config.cpu >= 0 && n->options.model.threads <= 1) {
        CPU_SET((unsigned)n->config.cpu, &one);
        s.cpus = &one;
    }
    const char *library_path = getenv("LD_LIBRARY_PATH"); /* where its libraries are may matter */
    md_buf_printf(&library, "LD_LIBRARY_PATH=%s", library_path ? library_path : "");
    /* Made here, so that the folder, the page and these names go together. */
    const char *environment[] = {
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL=C",
        (MD_SHIM_PAGE_VARIABLE "=3"),
        "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0",
        "UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1",
        n->preload,
        library_path ? md_buf_cstr(&library) : NULL,
        NULL,
    };
    /* The socket of a process before it, so that there is one only once somebody listens. */
    if (n->address.ss_family == AF_UNIX)
        unlink(n->socket_path);
    const char **argv = md_command_line(n);
    s.argv = (char *const *)argv;
    s.envp = (char *const *)environment;
    enum md_node_status status;
    if (!md_make_page(n, &s.page) || !md_make_output(n, &s.output)) {
        status = md_node_fail(n, MD_NODE_ENV, "cannot prepare a node: %s", strerror(errno));
    } else {
        s.wake = n->wake;
        status = md_exec(n, &s);
    }
    if (s.page >= 0)
        close(s.page);
    if (s.output >= 0)
        close(s.output);
    free(argv);
    md_buf_free(&library);
    return status;
}

/* Where it will listen: its private socket, or a loopback address and a port. */
static bool md_choose_address(struct md_node *n) {
    if (n->config.listen) {
        struct sockaddr_in *in = (struct sockaddr_in *)&n->address;
        in->sin_family = AF_INET;
        in->sin_port = htons(n->config.port);
        snprintf(n->port, sizeof n->port, "%u", n->config.port);
        snprintf(n->socket_path, sizeof n->socket_path, "%.60s:%s", n->config.listen, n->port);
        n->address_size = sizeof *in;
        n->untracked = true;
        return inet_pton(AF_INET, n->config.listen, &in->sin_addr) == 1 &&
               ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    }
    struct sockaddr_un *a = (struct sockaddr_un *)&n->address;
    a->sun_family = AF_UNIX;
    snprintf(n->socket_path, sizeof n->socket_path, "%.90s/node.sock", n->folder.path);
    memcpy(a->sun_path, n->socket_path, sizeof a->sun_path);
    n->address_size = sizeof *a;
    return true;
}

enum md_node_status md_launch(struct md_node *n, const struct md_node_config *config,
                              const struct md_node_options *options) {
    char path[PATH_MAX], shim[PATH_MAX];
    if (!config->binary)
        return md_node_fail(n, MD_NODE_NO_START, "no node given; name a memcached with --node");
    n->config = *config;
    if (options)
        md_node_options_copy(&n->options, options);
    n->binary = md_strdup(config->binary);
    enum md_node_status status = md_check_binary(n, path);
    if (status != MD_NODE_OK)
        return status;
    if (!md_find_shim(shim))
        return md_node_fail(n, MD_NODE_ENV,
                            "cannot find " MD_SHIM_FILE " beside this program; set MEMDIVERGE_SHIM "
                            "to its path");
    struct md_buf why = {0};
    if (!md_folder_make(&n->folder, &why)) {
        md_node_fail(n, MD_NODE_ENV, "%s", md_buf_cstr(&why));
        md_buf_free(&why);
        return MD_NODE_ENV;
    }
    if (!md_choose_address(n))
        return md_node_fail(n, MD_NODE_NO_START, "%s is no loopback address for a node",
                            config->listen);
    n->path = md_strdup(path);
    n->preload = md_preload_name(n, shim);
    return md_launch_again(n);
}
