/* AArch64 v8.0, products by pairs of depth. Two neighbouring bytes of a row of A are copied to all
 * lanes; B has the same two of each column side by side, so that a vector of products has pairs of
 * four columns, and sadalp adds each pair to the sum of its column: no sums across a vector.
 *
 *     smull   product, B of depth 0, 1, A of depth 0, 1     4 columns, 8 products
 *     smlal   product, B of depth 2, 3, A of depth 2, 3
 *     sadalp  sums, product
 * Two products are at most 2 * 128 * 127 = 32512 and fit 16 bits, because no weight is -128. */
#include "variants/a64_int.h"

enum { PART = 8, PAIRS = PART / 2 }; /* bytes of a row that one ld4r spreads, and its results */

static int vec(struct gemm *g, const char *group)
{
    return ir_vreg(g->ir, IR_VEC, group);
}

/* ---- A: pair `n` of a row, in all lanes */

/* As many pairs of a row as there are groups. */
static void spread_part(struct gemm *g, int row)
{
    int *pair = &g->a[PAIRS * row], from = g->row[row];
    for (int i = 0; i < g->groups; i++)
        pair[i] = vec(g, "A");
    ir_tuple(g->ir, pair[0], g->groups);
    if (g->groups == 4)
        IR(g->ir, A64_LD4R_H_POST, pair[0], pair[1], pair[2], pair[3], from);
    else if (g->groups == 2)
        IR(g->ir, A64_LD2R_H_POST, pair[0], pair[1], from);
    else
        IR(g->ir, A64_LD1R_H_POST, pair[0], from);
}

/* The depth tail of GEMM goes group by group, and has its rows of A already. */
static int in_tail(const struct gemm *g)
{
    return g->b_stream.single;
}

/* Beside a MAC, in-order cores issue a load of a pair, and not a copy from lane to lanes. */
static int from_memory(const struct gemm *g)
{
    return g->v->knob[VAR_KNOB_LOAD] == 16 && !in_tail(g);
}

static int spread_pair(struct gemm *g, int row, int n)
{
    int pair = vec(g, "A, pairs");
    if (from_memory(g)) {
        int address = ir_vreg(g->ir, IR_GPR, "addresses of pairs");
        IR(g->ir, IR_SUM_IMM, address, g->row[row], g->a_offset + 2 * n);
        IR(g->ir, A64_LD1R_H, pair, address);
    } else {
        IR(g->ir, A64_DUP_H_LANE, pair, g->a[PAIRS * row], n);
    }
    return pair;
}

static void load_a(struct gemm *g, int offset)
{
    g->a_offset = offset;
    for (int i = 0; i < g->mr && !g->post && g->v->knob[VAR_KNOB_LOAD] != 16; i++)
        g->a[PAIRS * i] = a64_load_row(g, i, offset);
}

static void tail_a(struct gemm *g, int row, int lo, int hi)
{
    a64_tail_row(g, PAIRS * row, lo, hi);
}

/* ---- B: four columns are half a vector */

/* Behind the one group of the tail nothing may be read. */
static int load_b(struct gemm *g, int b_offset, int place)
{
    if (!in_tail(g))
        return a64_stream(g, &g->b_stream, b_offset / 16 + place / 2);
    int b = vec(g, "B");
    IR(g->ir, A64_LDR_D, b, g->w, 8 * place);
    return b;
}

/* ---- Products */

/* Some rows by some vectors of columns. */
struct area {
    int row, rows, column, columns;
};

static void add_product(struct gemm *g, int product, int b_offset, int place, int a, int adds)
{
    static const int ops[2][2] = { { A64_SMULL, A64_SMULL2 }, { A64_SMLAL, A64_SMLAL2 } };
    int high = !in_tail(g) && place % 2;
    IR(g->ir, ops[adds][high], product, load_b(g, b_offset, place), a);
}

/* `steps` groups, whose pairs of each row are at a[step][row - area->row]: all instructions of a
 * kind together, as many as the variant wants, so that none waits for the one before it. */
static void multiply(struct gemm *g, struct area area, int b_offset, int first_group, int steps,
                     int a[2][GEMM_MAX_ROWS])
{
    int vectors = g->nr / 4, count = area.rows * area.columns, product[4];
    int flight = g->v->knob[VAR_KNOB_FLIGHT];
    for (int first = 0; first < count; first += flight) {
        int end = first + flight < count ? first + flight : count;
        for (int i = first; i < end; i++)
            product[i - first] = vec(g, "products");
        for (int step = 0; step < steps; step++)
            for (int i = first; i < end; i++) {
                int place = (first_group + step) * vectors + area.column + i / area.rows;
                add_product(g, product[i - first], b_offset, place, a[step][i % area.rows], step);
            }
        for (int i = first; i < end; i++) {
            int acc = (area.row + i % area.rows) * vectors + area.column + i / area.rows;
            IR(g->ir, A64_SADALP, g->acc[acc], product[i - first]);
        }
    }
}

static void pairs_of(struct gemm *g, struct area area, int group, int steps,
                     int a[2][GEMM_MAX_ROWS])
{
    for (int step = 0; step < steps; step++)
        for (int i = 0; i < area.rows; i++)
            a[step][i] = g->post && !in_tail(g)
                             ? g->a[PAIRS * (area.row + i) + (group + step) % PAIRS]
                             : spread_pair(g, area.row + i, group + step);
}

/* Two groups, or the last one. */
static void chain(struct gemm *g, struct area area, int b_offset, int group)
{
    int a[2][GEMM_MAX_ROWS], steps = g->groups - group > 1 ? 2 : 1;
    pairs_of(g, area, group, steps, a);
    multiply(g, area, b_offset, group, steps, a);
}

/* Rows of A are spread to lanes by loads that advance. */
static void spread_block(struct gemm *g, int b_offset)
{
    int hold_b = g->v->knob[VAR_KNOB_HOLD], step = hold_b ? 1 : g->mr;
    struct area area = { 0, step, 0, g->nr / 4 };
    for (int i = 0; i < g->mr && !hold_b; i++)
        spread_part(g, i);
    for (area.row = 0; area.row < g->mr; area.row += step) {
        if (hold_b)
            spread_part(g, area.row);
        for (int group = 0; group < g->groups; group += 2)
            chain(g, area, b_offset, group);
    }
}

/* The same, where rows of A are copied to lanes pair by pair: B of two groups at a time. */
static void block(struct gemm *g, int b_offset)
{
    int step = g->v->knob[VAR_KNOB_HOLD] ? 1 : g->mr;
    struct area area = { 0, step, 0, g->nr / 4 };
    for (int group = 0; group < g->groups; group += 2)
        for (area.row = 0; area.row < g->mr; area.row += step)
            chain(g, area, b_offset, group);
}

void a64_pair_block(struct gemm *g, int b_offset)
{
    (g->post ? spread_block : block)(g, b_offset);
}

static void pair_group(struct gemm *g, int index, int b_offset)
{
    int a[2][GEMM_MAX_ROWS];
    if (!in_tail(g)) {
        a64_pair_block(g, b_offset);
        return;
    }
    for (int i = 0; i < g->mr; i++) {
        struct area row = { i, 1, 0, g->nr / 4 };
        pairs_of(g, row, index, 1, a);
        multiply(g, row, b_offset, 0, 1, a); /* B follows */
    }
}

const struct gemm_scheme a64_pair_scheme = {
    .lanes = 4,
    .init = a64_bias_init,
    .load_a = load_a,
    .tail_a = tail_a,
    .group = pair_group,
    .store = a64_rows_store,
    .many = 1,
    .whole = 1,
};
