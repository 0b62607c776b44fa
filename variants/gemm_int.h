/* GEMM and IGEMM micro-kernels: the outline that all levels share, and what each level fills in. */
#ifndef QUERN_VARIANTS_GEMM_INT_H
#define QUERN_VARIANTS_GEMM_INT_H

#include "variants/ir.h"
#include "variants/variant_int.h"

enum { GEMM_MAX_ROWS = 16, GEMM_MAX_ACC = 32 };

struct gemm;

/* A block is the depth that one load of A covers; it holds block / KR groups. */
struct gemm_scheme {
    int block, lanes;                           /* lanes: outputs that one accumulator holds */
    void (*init)(struct gemm *g);               /* constants, accumulators from the bias at g->w */
    void (*load_a)(struct gemm *g, int offset); /* all rows of a block, offset bytes ahead */
    void (*tail_a)(struct gemm *g, int row, int lo, int hi); /* one row of a block from GPRs */
    void (*group)(struct gemm *g, int index, int b_offset); /* MACs of group `index` of the block */
    void (*store)(struct gemm *g);                          /* epilogue: g->row and g->w are dead */
};

struct gemm {
    struct ir *ir;
    const struct var_variant *v;
    const struct gemm_scheme *scheme;
    int mr, nr, kr, group_bytes;
    int args, w, k, table, taps; /* virtual registers, as all below */
    int row[GEMM_MAX_ROWS];
    int acc[GEMM_MAX_ACC]; /* [row][vector], or as the scheme likes it */
    int a[GEMM_MAX_ROWS], b[GEMM_MAX_ROWS];
    int a_offset; /* where a scheme that loads A late finds the block; -1: in the tail */
    int constant; /* whatever the scheme keeps in a register throughout */
};

/* Builds the whole kernel into `ir`, which is initialised. 0, or -ENOTSUP and the reason, before
 * anything is built, if the accumulators alone are too many. */
int gemm_build(struct ir *ir, const struct var_variant *v, const struct gemm_scheme *scheme,
               char *err, size_t err_bytes);

/* Pointers to the rows of C, one after the other: the last valid row repeats. First call: row 0. */
struct gemm_rows {
    int pointer, stride, m;
};
void gemm_c_rows_begin(struct ir *ir, int args, struct gemm_rows *rows);
void gemm_c_rows_next(struct ir *ir, struct gemm_rows *rows, int row);

/* Argument 0 of the kernel, in the register of the calling convention. */
int gemm_argument(struct ir *ir);

#endif
