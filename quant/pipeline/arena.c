#include "quant/pipeline/arena.h"

#define UNPLACED SIZE_MAX

static size_t padded(size_t bytes)
{
    return (bytes + QNT_ARENA_ALIGN - 1) / QNT_ARENA_ALIGN * QNT_ARENA_ALIGN;
}

static int live_together(const struct qnt_span *a, const struct qnt_span *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The lowest offset: pushed behind whatever is in the way until nothing is. */
static size_t lowest_offset(const struct qnt_span *spans, size_t count, const struct qnt_span *s)
{
    size_t offset = 0, moved = 1;

    while (moved) {
        moved = 0;
        for (size_t i = 0; i < count; i++) {
            const struct qnt_span *o = &spans[i];
            if (o->offset == UNPLACED || o->bytes == 0 || !live_together(o, s))
                continue;
            if (offset < o->offset + padded(o->bytes) && o->offset < offset + padded(s->bytes)) {
                offset = o->offset + padded(o->bytes);
                moved = 1;
            }
        }
    }
    return offset;
}

size_t qnt_arena_plan(struct qnt_span *spans, size_t count)
{
    size_t total = 0;

    for (size_t i = 0; i < count; i++)
        spans[i].offset = UNPLACED;
    for (size_t n = 0; n < count; n++) {
        struct qnt_span *next = NULL;
        for (size_t i = 0; i < count; i++)
            if (spans[i].offset == UNPLACED && (!next || spans[i].bytes > next->bytes))
                next = &spans[i];
        next->offset = next->bytes ? lowest_offset(spans, count, next) : 0;
        if (next->offset + padded(next->bytes) > total)
            total = next->offset + padded(next->bytes);
    }
    return total;
}
