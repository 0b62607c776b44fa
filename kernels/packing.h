/* How the weights of a plan are packed: everything that krn_conv_pack() looks at besides the layer
 * itself. Two plans of one layer (problem, quantisation, weights) whose packings are the same have
 * the same packed weights to the byte, whatever their kernels: what one packed, the other runs on.
 * So one copy in memory serves the cores of a phone, where their kernels agree in this.
 *
 * MR, loops, prefetches, epilogues with the same head and how A is fed do not count: packed weights
 * know nothing of them. */
#ifndef QUERN_KERNELS_PACKING_H
#define QUERN_KERNELS_PACKING_H

#include "kernels/conv.h"

/* What a panel or record is, see kernel.h. */
enum krn_packing_form {
    KRN_PACKING_PANELS,   /* GEMM, IGEMM, DIRECT */
    KRN_PACKING_WINOGRAD, /* WINO */
    KRN_PACKING_TAPS,     /* DW, DWC: records of taps, column by column of the filter */
    KRN_PACKING_COLUMNS,  /* DWC by groups of four rows */
    KRN_PACKING_QUADS,    /* DWC with places */
    KRN_PACKING_LINES,    /* DWROWS */
    KRN_PACKING_FORM_COUNT,
};

enum krn_packing_field {
    KRN_PACKING_FORM,     /* enum krn_packing_form */
    KRN_PACKING_NR,       /* columns of a panel; channels of a record */
    KRN_PACKING_KR,       /* depth group */
    KRN_PACKING_BYTES,    /* of a weight */
    KRN_PACKING_A_BIAS,   /* that is folded into the bias */
    KRN_PACKING_HEAD,     /* enum krn_epilogue: FLOAT for ADD, which has the same head */
    KRN_PACKING_QUICK,    /* enum krn_quick: a part more in the head */
    KRN_PACKING_SPLIT,    /* taps that are padded each for itself; 0: depth groups in one row */
    KRN_PACKING_SUMS,     /* taps whose sums stand behind the weights, 0: none */
    KRN_PACKING_DIAGONAL, /* channels of a block that its columns alone read, 0: all */
    KRN_PACKING_PLACES,   /* columns that stand in another order, 0: in theirs */
    KRN_PACKING_FILTER,   /* WINOGRAD: size of an output tile */
    KRN_PACKING_ROWS,     /* COLUMNS: output rows of a call; LINES: bands */
    KRN_PACKING_DEPTH,    /* depth of whole groups of so many, where that is more; 0: of KR */
    KRN_PACKING_FIELD_COUNT,
};

struct krn_packing {
    int32_t of[KRN_PACKING_FIELD_COUNT];
};

/* Of a plan that krn_conv_plan() accepted. */
struct krn_packing krn_packing_of(const struct krn_conv *conv);

/* Plans of one layer only: what else the bytes depend on is the layer's. */
int krn_packing_is_same(const struct krn_packing *a, const struct krn_packing *b);

#endif
