/* AArch64, many small groups side by side (DIRECT with `diagonal`): a vector of sums belongs to
 * one block of channels, or to a part of it, and takes from A that block alone. A is loaded as it
 * lies and the block chosen by a lane, by a half, or by a copy of two bytes to all lanes, so that
 * no product is one with zero. */
#include "variants/a64_int.h"

static int vec(struct gemm *g, const char *group)
{
    return ir_vreg(g->ir, IR_VEC, group);
}

/* Elements of a tap from `at` on, 16 or 8, of a row. */
static int load(struct gemm *g, int row, int at, int bytes)
{
    const struct a64_tap tap = a64_tap_at(g, at, bytes);
    return a64_tap_load(g, row, &tap);
}

/* The group of KR elements that meets the columns from `column` on in step `step`. */
static int group_of(const struct gemm *g, int column, int step)
{
    int diagonal = g->v->knob[VAR_KNOB_DIAGONAL];
    return column / diagonal * (diagonal / g->kr) + step;
}

void a64_diagonal_dot(struct gemm *g, int steps)
{
    int bytes = g->nr < 16 ? 8 : 16, vectors = g->nr / 4, a[GEMM_MAX_ROWS][2];
    for (int i = 0; i < g->mr; i++)
        for (int at = 0; at < g->nr; at += bytes)
            a[i][at / 16] = load(g, i, at, bytes);
    for (int step = 0; step < steps; step++)
        for (int j = 0; j < vectors; j++) {
            int b = a64_stream(g, &g->b_stream, step * vectors + j);
            int from = group_of(g, 4 * j, step);
            for (int i = 0; i < g->mr; i++)
                IR(g->ir, A64_SDOT_LANE, g->acc[i * vectors + j], b, a[i][from / 4], from % 4);
        }
}

/* Vectors of sums have two columns of two rows. */
void a64_diagonal_mm(struct gemm *g, int steps)
{
    int vectors = g->nr / 2, halves = g->nr / 8, pair[GEMM_MAX_ROWS][4];
    for (int i = 0; i < g->mr; i += 2)
        for (int at = 0; at < g->nr; at += 16) {
            int some = halves > 1 ? 2 : 1;
            for (int row = 0; row < 2; row++)
                g->a[row] = load(g, i + row, at, 8 * some);
            a64_pair_rows(g, g->a, some);
            for (int half = 0; half < some; half++)
                pair[i / 2][at / 8 + half] = g->a[half];
        }
    for (int step = 0; step < steps; step++)
        for (int j = 0; j < vectors; j++) {
            int b = a64_stream(g, &g->b_stream, step * vectors + j);
            for (int i = 0; i < g->mr / 2; i++)
                IR(g->ir, A64_SMMLA, g->acc[i * vectors + j], pair[i][group_of(g, 2 * j, step)], b);
        }
}

/* ---- v8.0: as a64_pairs.c has it, two pairs of depth in a product */

static void multiply(struct gemm *g, int product, int step, int j, int a, int adds)
{
    static const int ops[2][2] = { { A64_SMULL, A64_SMULL2 }, { A64_SMLAL, A64_SMLAL2 } };
    int place = step * (g->nr / 4) + j;
    IR(g->ir, ops[adds][place % 2], product, a64_stream(g, &g->b_stream, place / 2), a);
}

/* Two steps of all columns of a row. */
static void row_products(struct gemm *g, int row, const int *a, int step)
{
    int vectors = g->nr / 4, product[GEMM_MAX_ACC], pair[2] = { -1, -1 }, last[2] = { -1, -1 };
    for (int j = 0; j < vectors; j++) {
        product[j] = vec(g, "products");
        for (int i = 0; i < 2; i++) {
            int from = group_of(g, 4 * j, step + i);
            if (from != last[i]) {
                pair[i] = vec(g, "A, pairs");
                IR(g->ir, A64_DUP_H_LANE, pair[i], a[from / 8], from % 8);
            }
            last[i] = from;
            multiply(g, product[j], step + i, j, pair[i], i);
        }
    }
    for (int j = 0; j < vectors; j++)
        IR(g->ir, A64_SADALP, g->acc[row * vectors + j], product[j]);
}

void a64_diagonal_pairs(struct gemm *g, int steps)
{
    int a[GEMM_MAX_ROWS][2];
    for (int i = 0; i < g->mr; i++)
        for (int at = 0; at < g->nr; at += 16)
            a[i][at / 16] = load(g, i, at, g->nr < 16 ? 8 : 16);
    for (int step = 0; step < steps; step += 2)
        for (int i = 0; i < g->mr; i++)
            row_products(g, i, a[i], step);
}
