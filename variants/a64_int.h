/* AArch64: instructions beyond the common ones, and the pieces of its emitter. */
#ifndef QUERN_VARIANTS_A64_INT_H
#define QUERN_VARIANTS_A64_INT_H

#include "variants/wino_int.h"

enum {
    A64_LDR_X = IR_TARGET_OP, /* w r i: scaled offset */
    A64_LDR_Q,                /* w r i */
    A64_LDR_D,                /* w r i */
    A64_LDR_S,                /* w r i */
    A64_LDR_Q_REG,            /* w r r: base + index */
    A64_LDR_D_REG,            /* w r r */
    A64_LDR_S_REG,            /* w r r */
    A64_LDR_X_REG,            /* w r r: general register */
    A64_LDR_X_POST,           /* w + i: pointer += i */
    A64_MADD,                 /* + r r: general registers, 0 += 1 * 2 */
    A64_JUMP_NOT,             /* r i l: jump if not equal */
    A64_LDP_Q,                /* w w r i */
    A64_LDR_Q_POST,           /* w + i: pointer += i */
    A64_LDR_D_POST,           /* w + i */
    A64_LDP_Q_POST,           /* w w + i */
    A64_LD1_4,                /* w w w w +: four consecutive registers, pointer += 64 */
    A64_LD1R_D2_POST,         /* w +: 64 bits to both halves, pointer += 8 */
    A64_STR_Q,                /* r r i */
    A64_STR_D,                /* r r i */
    A64_STR_S,                /* r r i */
    A64_STR_Q_POST,           /* r + i */
    A64_STR_D_POST,           /* r + i */
    A64_STR_S_POST,           /* r + i */
    A64_ST1_D,                /* r r i: one lane */
    A64_ST1_S,                /* r r i */
    A64_ST1_D_POST,           /* r + i: pointer += 8 */
    A64_ST1_S_POST,           /* r + i: pointer += 4 */
    A64_DUP_S,                /* w r: general register to all four lanes */
    A64_FMOV_D,               /* w r */
    A64_INS_D1,               /* + r: general register to the high half */
    A64_ZERO,                 /* w */
    A64_MOV_V,                /* w r */
    A64_DUP_D0,               /* w r: low half to both */
    A64_DUP_D1,               /* w r: high half to both */
    A64_EXT_8,                /* w r: high half to the low half */
    A64_TRN1_D,               /* w r r: low halves */
    A64_TRN2_D,               /* w r r: high halves */
    A64_SDOT_LANE,            /* + r r i */
    A64_SDOT,                 /* + r r */
    A64_SMMLA,                /* + r r */
    A64_SMULL,                /* w r r */
    A64_SMULL2,               /* w r r */
    A64_SMLAL,                /* + r r */
    A64_SMLAL2,               /* + r r */
    A64_SADALP,               /* + r */
    A64_SADDW,                /* + r */
    A64_SADDW2,               /* + r */
    A64_ADDP_S,               /* w r r */
    A64_SCVTF,                /* w r */
    A64_FMUL,                 /* w r r */
    A64_FMAX,                 /* w r r */
    A64_FMIN,                 /* w r r */
    A64_FCVTNS,               /* w r */
    A64_FADD,                 /* w r r */
    A64_FSUB,                 /* w r r */
    A64_FMLS,                 /* + r r: 0 -= 1 * 2, rounded once */
    A64_SQRDMULH_S,           /* w r r */
    A64_SRSHL_S,              /* w r r */
    A64_NEG_S,                /* w r */
    A64_SSUBL_H,              /* w r r: bytes of the low halves, to words */
    A64_SXTL_S,               /* w r: words of the low half */
    A64_UZP1_H,               /* w r r */
    A64_UZP2_H,               /* w r r */
    A64_UZP1_B,               /* w r r */
    A64_SQXTN_H,              /* w r: four words to the low half, saturated */
    A64_SQXTN2_H,             /* + r: to the high half */
    A64_SQXTN_B,              /* w r */
    A64_SQXTN2_B,             /* + r */
    A64_SQADD_H,              /* + r */
    A64_SMAX_B,               /* + r */
    A64_SMIN_B,               /* + r */
    A64_DUP_H_LANE,           /* w r i */
    A64_DUP_B_LANE,           /* w r i */
    A64_ADD_B,                /* + r */
    A64_LD4R_H_POST,          /* w w w w +: 16-bit words to all lanes of a register each; += 8 */
    A64_LD2R_H_POST,          /* w w +: += 4 */
    A64_LD1R_H_POST,          /* w +: += 2 */
    A64_LD1R_H,               /* w r: a 16-bit word to all lanes */
    A64_SXTL,                 /* w r: eight bytes to words */
    A64_SXTL2,                /* w r: the high half */
    A64_LDP_X,                /* w w r i */
    A64_ST1_Q_NEXT,           /* r + r: stores, then adds a register to the address */
    A64_ST1_D0_NEXT,          /* r + r: the low half */
    A64_ST1_D1_NEXT,          /* r + r: the high half */
    A64_DUP_B,                /* w r: low byte of a general register to all lanes */
    A64_DUP_H,                /* w r */
    A64_ZIP1_B,               /* w r r */
    A64_ZIP2_B,               /* w r r */
    A64_ZIP1_H,               /* w r r */
    A64_ZIP2_H,               /* w r r */
    A64_STP_Q,                /* r r r i */
    A64_SMULL_LANE,           /* w r r i: words, the lane of a register below v16 */
    A64_SMULL2_LANE,          /* w r r i */
    A64_SMLAL_LANE,           /* + r r i */
    A64_SMLAL2_LANE,          /* + r r i */
    A64_OP_COUNT
};

/* Registers of the epilogue that outlive a row. */
struct a64_epilogue {
    int lo, hi, zp;
    int scale[GEMM_MAX_ACC];
};
/* Loads bounds and zero point from krn_out at args + out_offset. */
void a64_epilogue_begin(struct ir *ir, int args, int out_offset, struct a64_epilogue *e);
/* Writes 4 * count bytes at `pointer`: acc[0..count) are s32 vectors of four columns each. */
void a64_epilogue_row(struct ir *ir, const struct a64_epilogue *e, const int *acc, int count,
                      int pointer);

/* Vector n of the stream, loaded if it is not yet, in the form that the variant asks for. */
/* Whether vectors of the epilogue come in halves, once, and are copied: q1 with v3. */
int a64_copies(const struct gemm *g);
int a64_stream(struct gemm *g, struct gemm_stream *stream, int n);

/* Pieces that schemes share. A row's block at `offset`; the tail of a row, from general registers;
 * accumulators from the bias, four columns each; the epilogue of such accumulators. */
int a64_load_row(struct gemm *g, int row, int offset);
int a64_tail_vector(struct gemm *g, int lo, int hi);
void a64_tail_row(struct gemm *g, int row, int lo, int hi);
void a64_bias_init(struct gemm *g);
void a64_rows_store(struct gemm *g);

/* smmla. Accumulators of two rows by two columns each, from the bias at `pointer`, which moves; two
 * rows side by side: a[0] their first 8 bytes, a[1] the second ones if `halves` is 2. */
void a64_pairs_init(struct gemm *g, int pointer);
void a64_pair_rows(struct gemm *g, int *a, int halves);

/* v8.0 by pairs of depth: g->groups groups of all rows, from where g->row[] points to; with
 * g->post 1, 2 or 4, and rows advance, else any number from g->a_offset on. b_offset: bytes of B of
 * the body before them. */
void a64_pair_block(struct gemm *g, int b_offset);

/* DIRECT: where some bytes of a tap are, once for all pixels; `bytes` of them, 16, 8 or 4, of a
 * row: in halves where the variant asks for that. */
struct a64_tap {
    int index, high; /* what the pixel's address is added to; the same of the high half */
    int bytes;
};
struct a64_tap a64_tap_at(struct gemm *g, int at, int bytes);
int a64_tap_load(struct gemm *g, int row, const struct a64_tap *tap);

/* DIRECT with `diagonal`: a tap of all rows, `steps` groups of KR of each block (a64_diagonal.c).
 */
void a64_diagonal_dot(struct gemm *g, int steps);
void a64_diagonal_mm(struct gemm *g, int steps);
void a64_diagonal_pairs(struct gemm *g, int steps);

/* The epilogue of a GEMM tile: v[] are its sums, requantised in place and stored to g->c_row[].
 *   in_pairs == 0: v[row * nr / 4 + j] has columns 4 j.. of a row
 *   in_pairs == 1: v[row / 2 * nr / 2 + j] has columns 2 j.. of two rows, one after the other */
void a64_gemm_store(struct gemm *g, int *v, int in_pairs);

/* The same of one row alone, whose head is at `panel`: to `c`, which does not move. add: ADD, the
 * row of the second tensor. */
void a64_row_store(const struct gemm *g, int panel, const int *v, int c, int add);

const struct gemm_scheme *a64_gemm_scheme(const struct var_variant *v);
/* v8.0, by load width: 64 or, with `wide`, 128 bits of a row of A. */
extern const struct gemm_scheme a64_pair_scheme, a64_lane_scheme;
/* By lane, A packed as words: also the loop of WINO where it is woven. */
extern const struct gemm_scheme a64_words_scheme;

/* v8.0 by lane: rows of A are at a[i * a_step], in v0 to v15; sums of four columns at
 * acc[i * vectors], of the next four behind them. */
struct a64_lanes {
    int mr, vectors;
    const int *acc, *a;
    int a_step;
    int by_rows; /* both halves of the columns of a row together; else all rows of a half */
};
/* One of depth of all rows, lane `lane` of A, times the words `b` of eight columns. `begins`: the
 * sums are not there yet. */
void a64_lane_products(struct ir *ir, struct a64_lanes at, int b, int lane, int begins);

int a64_direct_build(struct ir *ir, const struct var_variant *v, char *err, size_t err_bytes);
void a64_dw_build(struct ir *ir, const struct var_variant *v);
void a64_dwc_build(struct ir *ir, const struct var_variant *v);
const struct wino_scheme *a64_wino_scheme(void);

#endif
