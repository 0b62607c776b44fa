/* Depthwise by columns: the outline that levels share, and what each level fills in. */
#ifndef QUERN_VARIANTS_DWC_INT_H
#define QUERN_VARIANTS_DWC_INT_H

#include "variants/gemm_int.h"

enum { DWC_MAX_FILTER = 5, DWC_MAX_ROWS = 2, DWC_MAX_VECTORS = 64 };

struct dwc;

struct dwc_scheme {
    void (*constants)(struct dwc *d); /* once, at the top */
    int (*column_vectors)(const struct dwc *d);
    void (*begin_block)(struct dwc *d); /* weights that stay in registers */
    /* One column into the registers of a slot, from the pointers at d->table + offset. */
    void (*column)(struct dwc *d, const int *slot, int offset);
    /* Accumulators, and all MACs of the output pixel whose first column is in slot `first`. */
    void (*macs)(struct dwc *d, int first);
    void (*store)(struct dwc *d); /* to d->c[row], which move on to the next pixel; d->add, too */
};

struct dwc {
    struct ir *ir;
    const struct var_variant *v;
    const struct dwc_scheme *scheme;
    int nr, kr, filter, stride, rows;
    int column;                               /* pointers of one */
    int groups;                               /* of kr pointers in a column */
    int args, record, first, table, c_stride; /* virtual registers, as all below */
    int c[DWC_MAX_ROWS];
    int add[DWC_MAX_ROWS], add_stride;         /* ADD: the same of the second tensor */
    int kept[DWC_MAX_FILTER][DWC_MAX_VECTORS]; /* registers of the slots that live on from one
                                                  iteration to the next */
    int slot[DWC_MAX_FILTER][DWC_MAX_VECTORS]; /* the columns of the window now, in a ring */
    int weight[DWC_MAX_VECTORS];
    int acc[DWC_MAX_ROWS][4]; /* 32-bit sums of a row */
    struct {
        int lo, hi, zp;
    } out;
};

void dwc_build(struct ir *ir, const struct var_variant *v, const struct dwc_scheme *scheme);

#endif
