/* Pages and chunks; see memory.h. */
#include "model/memory.h"

void md_memory_init(struct md_memory *mem, const struct md_slabs *s, const struct md_options *o,
                    const struct md_base *base) {
    *mem = (struct md_memory){.limit = o->memory_limit,
                              .malloced = base->malloced,
                              .preallocated = o->preallocated,
                              .page = MD_PAGE_SIZE};
    /* Pages of one size can move between classes: whether they may ever, or whether items come in
     * pieces of less than a page, decides that they are. */
    if (!o->slab_reassign && o->slab_chunk_max == MD_PAGE_SIZE)
        mem->page = 0;
    for (unsigned c = 1; c <= s->largest; c++) {
        mem->class[c].per_page = MD_PAGE_SIZE / s->size[c];
        mem->class[c].pages = base->pages[c];
        if (o->preallocated && base->malloced == 0) {
            mem->class[c].pages = 1;
            mem->malloced += mem->page ? mem->page : mem->class[c].per_page * s->size[c];
        }
        mem->class[c].free = mem->class[c].pages * mem->class[c].per_page;
    }
}

static bool new_page(struct md_memory *mem, const struct md_slabs *s, unsigned class,
                     bool *beyond) {
    uint64_t size = mem->page ? mem->page : (uint64_t)mem->class[class].per_page * s->size[class];
    bool over = mem->malloced + size > mem->limit;
    if (over && (mem->class[class].pages > 0 || mem->preallocated)) {
        mem->pressed = true;
        return false;
    }
    *beyond |= over;
    mem->malloced += size;
    mem->class[class].pages++;
    mem->class[class].free += mem->class[class].per_page;
    return true;
}

bool md_memory_take(struct md_memory *mem, const struct md_slabs *s, unsigned class, bool *beyond) {
    if (mem->class[class].free == 0 && !new_page(mem, s, class, beyond))
        return false;
    mem->class[class].free--;
    return true;
}

void md_memory_give(struct md_memory *mem, unsigned class) { mem->class[class].free++; }

void md_room_give(struct md_memory *mem, struct md_room *room) {
    if (room->class)
        md_memory_give(mem, room->class);
    for (size_t i = 0; i < room->rest.len; i++)
        md_memory_give(mem, room->rest.data[i]);
    room->class = 0;
    md_buf_free(&room->rest);
}
