/* AArch64 GEMM schemes: how A and B meet in the MACs of each level. */
#include "variants/a64_int.h"

#include <stddef.h>

enum { SCALE_AND_BOUNDS = offsetof(struct krn_gemm_args, out) };

static int vec(struct gemm *g, const char *group)
{
    return ir_vreg(g->ir, IR_VEC, group);
}

/* Loads `block` bytes of each row into g->a[]. */
static void load_rows(struct gemm *g, int offset)
{
    int op = g->scheme->block == 16 ? A64_LDR_Q : A64_LDR_D;
    for (int i = 0; i < g->mr; i++) {
        g->a[i] = vec(g, "A");
        IR(g->ir, op, g->a[i], g->row[i], offset);
    }
}

static void tail_row(struct gemm *g, int row, int lo, int hi)
{
    g->a[row] = vec(g, "A");
    IR(g->ir, A64_FMOV_D, g->a[row], lo);
    if (g->scheme->block == 16)
        IR(g->ir, A64_INS_D1, g->a[row], hi);
}

static void load_b(struct gemm *g, int j, int offset)
{
    g->b[j] = vec(g, "B");
    IR(g->ir, A64_LDR_Q, g->b[j], g->w, offset + 16 * j);
}

/* Loads B as far ahead as `taken` other registers allow: all `count` vectors, or a window of them.
 * Call it ahead of the MACs with j = 0, and behind those of vector j - 1 with j. */
static void load_b_ahead(struct gemm *g, int j, int count, int taken, int offset)
{
    int window = 32 - taken < count ? 32 - taken : count;
    window = window < 1 ? 1 : window;
    if (j == 0)
        for (int i = 0; i < window; i++)
            load_b(g, i, offset);
    else if (j + window - 1 < count)
        load_b(g, j + window - 1, offset);
}

/* The epilogue: row_vectors() gives the sums of row `row`, four columns to a vector, in order. */
static void store_rows(struct gemm *g, void (*row_vectors)(struct gemm *g, int row, int *vectors))
{
    struct a64_epilogue e;
    struct gemm_rows rows;
    int vectors = g->nr / 4, panel = ir_vreg(g->ir, IR_GPR, "temporaries");
    a64_epilogue_begin(g->ir, g->args, SCALE_AND_BOUNDS, &e);
    IR(g->ir, IR_LOAD64, panel, g->args, (int)offsetof(struct krn_gemm_args, w));
    for (int j = 0; j < vectors; j++) {
        e.scale[j] = vec(g, "scales");
        IR(g->ir, A64_LDR_Q, e.scale[j], panel, 4 * g->nr + 16 * j);
    }
    gemm_c_rows_begin(g->ir, g->args, &rows);
    for (int i = 0; i < g->mr; i++) {
        if (i)
            gemm_c_rows_next(g->ir, &rows, i);
        int sums[GEMM_MAX_ACC];
        row_vectors(g, i, sums);
        a64_epilogue_row(g->ir, &e, sums, vectors, rows.pointer);
    }
}

/* ---- dotprod: acc[row][4 columns] += B[4 columns][4] . A[row][lane] */

static void dot_init(struct gemm *g)
{
    int vectors = g->nr / 4;
    for (int j = 0; j < vectors; j++) {
        for (int i = 0; i < g->mr; i++) {
            g->acc[i * vectors + j] = vec(g, "accumulators");
            if (i == 0)
                IR(g->ir, A64_LDR_Q, g->acc[j], g->w, 16 * j);
            else
                IR(g->ir, A64_MOV_V, g->acc[i * vectors + j], g->acc[j]);
        }
    }
}

static void dot_group(struct gemm *g, int index, int b_offset)
{
    int vectors = g->nr / 4;
    for (int j = 0; j < vectors; j++) {
        load_b_ahead(g, j, vectors, g->mr * vectors + g->mr, b_offset);
        for (int i = 0; i < g->mr; i++)
            IR(g->ir, A64_SDOT_LANE, g->acc[i * vectors + j], g->b[j], g->a[i], index);
    }
}

static void dot_row(struct gemm *g, int row, int *vectors)
{
    for (int j = 0; j < g->nr / 4; j++)
        vectors[j] = g->acc[row * g->nr / 4 + j];
}

static void dot_store(struct gemm *g)
{
    store_rows(g, dot_row);
}

/* ---- i8mm: acc[row pair][column pair], 2x2, row by row. Rows are paired by trn in the kernel. */

static void mm_init(struct gemm *g)
{
    int pairs = g->nr / 2;
    for (int j = 0; j < pairs; j += 2) {
        int bias = vec(g, "temporaries");
        IR(g->ir, A64_LDR_Q, bias, g->w, 8 * j);
        for (int i = 0; i < g->mr / 2; i++) {
            for (int half = 0; half < 2; half++) {
                g->acc[i * pairs + j + half] = vec(g, "accumulators");
                IR(g->ir, half ? A64_DUP_D1 : A64_DUP_D0, g->acc[i * pairs + j + half], bias);
            }
        }
    }
}

/* Group `index` is one half of the registers that a block was loaded into. */
static void mm_group(struct gemm *g, int index, int b_offset)
{
    int pairs = g->nr / 2, a[GEMM_MAX_ROWS / 2];
    for (int i = 0; i < g->mr / 2; i++) {
        a[i] = vec(g, "A, row pairs");
        IR(g->ir, index ? A64_TRN2_D : A64_TRN1_D, a[i], g->a[2 * i], g->a[2 * i + 1]);
    }
    for (int j = 0; j < pairs; j++) {
        load_b_ahead(g, j, pairs, g->mr / 2 * pairs + g->mr + g->mr / 2, b_offset);
        for (int i = 0; i < g->mr / 2; i++)
            IR(g->ir, A64_SMMLA, g->acc[i * pairs + j], a[i], g->b[j]);
    }
}

static void mm_row(struct gemm *g, int row, int *vectors)
{
    for (int j = 0; j < g->nr / 4; j++) {
        const int *pair = &g->acc[row / 2 * (g->nr / 2) + 2 * j];
        vectors[j] = vec(g, "temporaries");
        IR(g->ir, row % 2 ? A64_TRN2_D : A64_TRN1_D, vectors[j], pair[0], pair[1]);
    }
}

static void mm_store(struct gemm *g)
{
    store_rows(g, mm_row);
}

/* ---- v8.0: four partial sums of one output in each accumulator. Two products are at most
 * 2 * 128 * 127 = 32512 and fit 16 bits, because no weight is -128. */

static void mull_init(struct gemm *g)
{
    for (int j = 0; j < g->nr; j++) {
        for (int i = 0; i < g->mr; i++) {
            g->acc[i * g->nr + j] = vec(g, "accumulators");
            if (i == 0)
                IR(g->ir, A64_LDR_S, g->acc[j], g->w, 4 * j);
            else
                IR(g->ir, A64_MOV_V, g->acc[i * g->nr + j], g->acc[j]);
        }
    }
}

static void mull_group(struct gemm *g, int index, int b_offset)
{
    int whole = g->kr == 16;
    (void)index; /* a block is one group */
    for (int j = 0; j < g->nr; j++) {
        int b = vec(g, "B");
        IR(g->ir, whole ? A64_LDR_Q : A64_LDR_D, b, g->w, b_offset + g->kr * j);
        for (int i = 0; i < g->mr; i++) {
            int product = vec(g, "products");
            IR(g->ir, A64_SMULL, product, b, g->a[i]);
            if (whole)
                IR(g->ir, A64_SMLAL2, product, b, g->a[i]);
            IR(g->ir, A64_SADALP, g->acc[i * g->nr + j], product);
        }
    }
}

static void mull_row(struct gemm *g, int row, int *vectors)
{
    for (int j = 0; j < g->nr / 4; j++) {
        const int *acc = &g->acc[row * g->nr + 4 * j];
        int sums[2];
        for (int half = 0; half < 2; half++) {
            sums[half] = vec(g, "temporaries");
            IR(g->ir, A64_ADDP_S, sums[half], acc[2 * half], acc[2 * half + 1]);
        }
        vectors[j] = vec(g, "temporaries");
        IR(g->ir, A64_ADDP_S, vectors[j], sums[0], sums[1]);
    }
}

static void mull_store(struct gemm *g)
{
    store_rows(g, mull_row);
}

/* Block, lanes, init, load A, tail of A, group, store; for load widths of 64 and 128 bits. */
static const struct gemm_scheme schemes[][2] = {
    [KRN_ISA_NEON] = { { 8, 1, mull_init, load_rows, tail_row, mull_group, mull_store },
                       { 16, 1, mull_init, load_rows, tail_row, mull_group, mull_store } },
    [KRN_ISA_DOTPROD] = { { 8, 4, dot_init, load_rows, tail_row, dot_group, dot_store },
                          { 16, 4, dot_init, load_rows, tail_row, dot_group, dot_store } },
    [KRN_ISA_I8MM] = { { 8, 4, mm_init, load_rows, tail_row, mm_group, mm_store },
                       { 16, 4, mm_init, load_rows, tail_row, mm_group, mm_store } },
};

const struct gemm_scheme *a64_gemm_scheme(const struct var_variant *v)
{
    return &schemes[v->isa][v->knob[VAR_KNOB_LOAD] == 128];
}
