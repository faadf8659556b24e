/* Slab classes; see slab.h. */
#include "model/slab.h"

#include "model/internal.h"

enum { CHUNK_ALIGN = 8 };

static unsigned class_by_search(const struct md_slabs *s, size_t total) {
    unsigned c = 1;
    while (c < s->largest && total > s->size[c])
        c++;
    return c;
}

void md_slabs_init(struct md_slabs *s, const struct md_options *o) {
    *s = (struct md_slabs){.item_size_max = o->item_size_max};
    uint32_t size = MD_ITEM_HEADER + o->chunk_size;
    unsigned c = 1;
    for (; c < MD_SLAB_CLASSES - 1 && size < o->slab_chunk_max / o->factor; c++) {
        if (size % CHUNK_ALIGN)
            size += CHUNK_ALIGN - size % CHUNK_ALIGN;
        s->size[c] = size;
        size = (uint32_t)(size * o->factor);
    }
    s->largest = (uint8_t)c;
    s->size[c] = o->slab_chunk_max;
    for (unsigned i = 0; i < sizeof s->small; i++)
        s->small[i] = (uint8_t)class_by_search(s, (size_t)i * CHUNK_ALIGN);
}

unsigned md_slab_class(const struct md_slabs *s, size_t total) {
    if (total > s->item_size_max)
        return 0;
    size_t units = (total + CHUNK_ALIGN - 1) / CHUNK_ALIGN;
    return units < sizeof s->small ? s->small[units] : class_by_search(s, total);
}
