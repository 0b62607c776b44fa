/* The peak of a level: the outline, and what each level fills in. */
#ifndef QUERN_VARIANTS_PEAK_INT_H
#define QUERN_VARIANTS_PEAK_INT_H

#include "variants/gemm_int.h"

#define PEAK_MAX_CHAINS 32

struct peak_scheme {
    int zero; /* the operation that makes a vector zero */
    /* One multiply-accumulate of two vectors, as the level's kernels have it. */
    void (*step)(struct ir *ir, enum krn_isa isa, int acc, int a, int b);
};

/* `unroll` independent chains of steps in a loop: no memory, no result. */
void peak_build(struct ir *ir, const struct var_variant *v, const struct peak_scheme *scheme);

#endif
