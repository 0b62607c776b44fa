/* Depthwise micro-kernels: the outline that all levels share, and what each level fills in. */
#ifndef QUERN_VARIANTS_DW_INT_H
#define QUERN_VARIANTS_DW_INT_H

#include "variants/gemm_int.h"

enum { DW_MAX_PIXELS = 8 };

struct dw;

struct dw_scheme {
    void (*constants)(struct dw *d); /* once, at the top */
    void (*init)(struct dw *d);      /* accumulators from the bias at d->record */
    /* MACs of `count` taps: pointers at 8 * t of d->tab[pixel], weights from offset 0 of d->w. */
    void (*taps)(struct dw *d, int count);
    void (*store)(struct dw *d, int pixel, int pointer); /* scales at d->record + 4 * nr */
};

struct dw {
    struct ir *ir;
    const struct var_variant *v;
    const struct dw_scheme *scheme;
    int mr, nr, kr, w_bytes;
    int args, record, first, w; /* virtual registers, as all below; first: channel of the block */
    int add; /* ADD: the pixel of the second tensor that goes with the one to be stored; else -1 */
    int tab[DW_MAX_PIXELS];
    int acc[GEMM_MAX_ACC]; /* as the scheme likes it */
    struct {
        int lo, hi, zp;
    } out;
};

void dw_build(struct ir *ir, const struct var_variant *v, const struct dw_scheme *scheme);

/* Moves a pointer into C on to channel `first`: of bytes, SUMS of words. */
void dw_add_channels(struct ir *ir, const struct var_variant *v, int pointer, int first);

#endif
