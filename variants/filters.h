/* Feasibility filters: what prunes the space before anything is assembled.
 *
 * One row says one thing, by a formula; only registers are asked of the allocator. A filter that
 * depends on the core is asked with the core of the device, and where none is known with the least
 * demanding one that has the level. None removes the plain choice of a layer, nor a tile that is
 * small because the layer is. */
#ifndef QUERN_VARIANTS_FILTERS_H
#define QUERN_VARIANTS_FILTERS_H

#include "variants/cores.h"
#include "variants/variant.h"

struct var_filter_info {
    const char *name, *says, *source;
    /* Whether the filter removes `v`. `core` may be NULL; `rows` is the most that a tile can use in
     * the layer. NULL: var_feasible() says so. */
    int (*removes)(const struct var_variant *v, const struct var_core *core, int64_t rows);
};
extern const struct var_filter_info var_filters[VAR_FILTER_COUNT];

/* Instructions of a GEMM kernel's loop on AArch64, per 16 of depth; prefetches, whose worth no
 * formula knows, are left out. */
struct var_loop_mix {
    double macs, others;
};
struct var_loop_mix var_loop_mix(const struct var_variant *v);

/* The first filter but REGISTERS that removes `v`, or VAR_FILTER_COUNT. */
enum var_filter var_filter_of(const struct var_variant *v, const struct var_core *core,
                              int64_t rows);

#endif
