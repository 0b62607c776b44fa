/* GEMM and IGEMM micro-kernels: the outline that all levels share, and what each level fills in. */
#ifndef QUERN_VARIANTS_GEMM_INT_H
#define QUERN_VARIANTS_GEMM_INT_H

#include "variants/ir.h"
#include "variants/variant_int.h"

enum { GEMM_MAX_ROWS = 16, GEMM_MAX_ACC = 32, GEMM_MAX_STREAM = 128, GEMM_MAX_STEPS = 4 };

struct gemm;

/* A block is the depth that one load of A covers; it holds block / KR groups. */
struct gemm_scheme {
    int block;                                  /* of a row; 0 = 16 by loads of 128 bits, else 8 */
    int lanes;                                  /* outputs that one accumulator holds */
    void (*init)(struct gemm *g);               /* constants, accumulators from the bias at g->w */
    void (*load_a)(struct gemm *g, int offset); /* all rows of a block, offset bytes ahead */
    void (*tail_a)(struct gemm *g, int row, int lo, int hi); /* one row of a block from GPRs */
    void (*group)(struct gemm *g, int index, int b_offset); /* MACs of group `index` of the block */
    void (*store)(struct gemm *g);                          /* epilogue: g->row and g->w are dead */
    int many;    /* the kernel walks over row tiles: store() takes the rows of C from g->c_row */
    int a_bytes; /* of an element of packed A; 0 = 1 */
    int whole;   /* group() multiplies all groups of a block at once; but in the tail one by one */
};

/* Vectors at consecutive addresses, loaded in order. */
struct gemm_stream {
    int base, offset;  /* general register; where the first one is, in bytes */
    int count;         /* vectors of 16 bytes */
    const char *group; /* of the register map */
    int moves;         /* loads advance `base`; else they have offsets */
    int single;        /* one by one, whatever the variant asks for */
    int split;         /* in halves */
    int loaded, id[GEMM_MAX_STREAM];
};

struct gemm {
    struct ir *ir;
    const struct var_variant *v;
    const struct gemm_scheme *scheme;
    int mr, nr, kr, block, group_bytes;
    int packed;                      /* A is packed as [depth group][mr][kr], or [..][mr][block] */
    int a_bytes, unroll;             /* bytes of an element of packed A; blocks of a loop body */
    int post;                        /* loads of a body advance the pointers themselves */
    int args, w, k, table, taps;     /* virtual registers, as all below */
    int panel, a_next, c_next, left; /* `many`: panel of B; where the next tile begins; rows left */
    int row[GEMM_MAX_ROWS];
    int c_row[GEMM_MAX_ROWS];
    int quick;    /* not zero where the panel allows the quick way; -1: the kernel has none */
    int is_quick; /* store() is to take it */
    int add_row[GEMM_MAX_ROWS], add_next; /* ADD, `many`: rows of the second tensor */
    int add_at; /* ADD: where the arguments have `add`, and behind it the rest of that tensor */
    int index[GEMM_MAX_STEPS]; /* depth offsets of the blocks of a body, for all rows; [0] is -1
                                  where rows are advanced instead */
    int acc[GEMM_MAX_ACC];     /* [row][vector], or as the scheme likes it */
    int a[4 * GEMM_MAX_ROWS], b[GEMM_MAX_ROWS];
    int groups;   /* that group() is to multiply */
    int a_offset; /* where a scheme that loads A late finds the block; -1: in the tail */
    int constant; /* whatever the scheme keeps in a register throughout */
    struct gemm_stream a_stream, b_stream; /* of a loop body; schemes may use them or not */
};

/* Builds the whole kernel into `ir`, which is initialised. 0, or -ENOTSUP or -ENOSPC and the
 * reason, before anything is built, if the accumulators alone are too many. */
int gemm_build(struct ir *ir, const struct var_variant *v, const struct gemm_scheme *scheme,
               char *err, size_t err_bytes);

/* All of the depth: g->k of it, which is left as it comes, from g->row[] and g->w on, into
 * g->acc[].
 */
void gemm_depth_loops(struct gemm *g);

/* `many`: the rows of C of this tile, g->c_row. Where a tall tile has a second tensor, the general
 * registers do not hold the rows of both: its store() asks for these when it is done with those. */
int gemm_is_tall(const struct gemm *g);
void gemm_rows_of_c(struct gemm *g);

/* Pointers to the rows of C, or of the second tensor, one after the other: the last valid row
 * repeats. First call: row 0. */
struct gemm_rows {
    int pointer, stride, m;
};
void gemm_c_rows_begin(struct ir *ir, int args, struct gemm_rows *rows);
void gemm_add_rows_begin(struct ir *ir, int args, struct gemm_rows *rows);
void gemm_rows_next(struct ir *ir, struct gemm_rows *rows, int row);

/* What a kernel says ahead of its epilogue. */
extern const char *const gemm_epilogue_texts[KRN_EPILOGUE_COUNT];

/* Argument 0 of the kernel, in the register of the calling convention. */
int gemm_argument(struct ir *ir);

#endif
