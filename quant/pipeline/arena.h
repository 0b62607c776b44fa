/* Places tensors in one piece of memory so that no two that live at the same time overlap. Pure
 * arithmetic. */
#ifndef QUERN_QUANT_ARENA_H
#define QUERN_QUANT_ARENA_H

#include <stddef.h>
#include <stdint.h>

#define QNT_ARENA_ALIGN 64

struct qnt_span {
    size_t bytes;        /* 0 = takes no place */
    int32_t first, last; /* steps: written in `first`, read until `last`, both inclusive */
    size_t offset;       /* result, a multiple of QNT_ARENA_ALIGN */
};

/* Largest first, each at the lowest place that is free all its life: seldom far from the best, and
 * the same for the same spans. Returns the bytes of the arena. */
size_t qnt_arena_plan(struct qnt_span *spans, size_t count);

#endif
