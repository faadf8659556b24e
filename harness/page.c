/* Memory shared by supervisor and workers; see page.h. */
#include "harness/page.h"

#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x6d64706167653031)

enum { TRIES = 1000, LOOK_UP_NS = 200000000 };

static size_t page_size(unsigned slots) {
    return sizeof(struct md_page) + (size_t)slots * sizeof(struct md_page_slot);
}

static struct md_page *map(int fd, size_t n) {
    void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : at;
}

struct md_page *md_page_new(unsigned slots, int *fd, struct md_buf *why) {
    size_t n = page_size(slots);
    struct md_page *p = NULL;
    *fd = memfd_create("memdiverge", 0);
    if (*fd >= 0 && ftruncate(*fd, (off_t)n) == 0)
        p = map(*fd, n);
    if (!p) {
        md_buf_printf(why, "no shared memory of %zu bytes: %s; %s", n, strerror(errno),
                      errno == EFBIG ? "the limit on file sizes (ulimit -f) is too low"
                                     : "try fewer --jobs");
        return NULL;
    }
    p->magic = MAGIC;
    p->size = n;
    p->slots = slots;
    return p;
}

struct md_page *md_page_attach(int fd) {
    struct stat st;
    if (fstat(fd, &st) || (size_t)st.st_size < sizeof(struct md_page))
        return NULL;
    struct md_page *p = map(fd, (size_t)st.st_size);
    if (p &&
        (p->magic != MAGIC || p->size != (uint64_t)st.st_size || p->size != page_size(p->slots))) {
        munmap(p, (size_t)st.st_size);
        return NULL;
    }
    return p;
}

void md_page_free(struct md_page *p) {
    if (p)
        munmap(p, p->size);
}

void md_page_give_turn(struct md_page_slot *s, bool turn) {
    uint32_t before = atomic_exchange_explicit(&s->turn, turn, memory_order_release);
    if (turn && !before)
        syscall(SYS_futex, &s->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void md_page_wait_turn(const struct md_page *p, struct md_page_slot *s) {
    /* A wake-up cannot be lost, but whoever gives turns may have died. */
    const struct timespec at_most = {.tv_nsec = LOOK_UP_NS};
    while (!atomic_load_explicit(&s->turn, memory_order_acquire) &&
           !atomic_load_explicit(&p->stop, memory_order_relaxed))
        syscall(SYS_futex, &s->turn, FUTEX_WAIT, 0, &at_most, NULL, 0);
}

/* A reader that meets an odd number, or another one behind than before, reads again. */
void md_page_publish(struct md_page_slot *s, const struct md_tally *tally) {
    uint32_t sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed) & ~1u;
    atomic_store_explicit(&s->sequence, sequence + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    s->tally = *tally;
    atomic_store_explicit(&s->sequence, sequence + 2, memory_order_release);
}

bool md_page_read(const struct md_page_slot *s, struct md_tally *out) {
    for (unsigned i = 0; i < TRIES; i++) {
        uint32_t before = atomic_load_explicit(&s->sequence, memory_order_acquire);
        *out = s->tally;
        atomic_thread_fence(memory_order_acquire);
        if (!(before & 1) && before == atomic_load_explicit(&s->sequence, memory_order_relaxed))
            return true;
    }
    return false;
}

void md_page_input(struct md_page_slot *s, const void *text, size_t n) {
    if (n > MD_PAGE_INPUT_MAX)
        n = MD_PAGE_INPUT_MAX;
    if (n)
        memcpy(s->input, text, n);
    atomic_store_explicit(&s->input_len, (uint32_t)n, memory_order_release);
}

void md_tally_add(struct md_tally *sum, const struct md_tally *more) {
    /* Counters all the way down. */
    _Static_assert(sizeof *sum % sizeof(uint64_t) == 0, "a tally is 64-bit counters");
    uint64_t *to = (uint64_t *)(void *)sum;
    const uint64_t *from = (const uint64_t *)(const void *)more;
    for (size_t i = 0; i < sizeof *sum / sizeof *to; i++)
        to[i] += from[i];
}
