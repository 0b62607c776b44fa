/* AArch64 v8.0, products by lane: both operands as 16-bit words, sums of 32 bits. Bytes of A are
 * widened in the loop, weights too, or once at packing (knob w). No bound on the weights. */
#include "variants/a64_int.h"

enum { LANES = 8, LANE_REGISTERS = 16 }; /* words of a vector; registers whose lanes have names */

static int vec(struct gemm *g, const char *group)
{
    return ir_vreg(g->ir, IR_VEC, group);
}

/* The words of 8 or 16 bytes of a row, in v0 to v15. */
static void widen_row(struct gemm *g, int row, int bytes)
{
    for (int half = 0; half < g->block / LANES; half++) {
        int words = vec(g, "A, widened");
        if (!g->ir->failed)
            g->ir->vreg[words].limit = LANE_REGISTERS;
        IR(g->ir, half ? A64_SXTL2 : A64_SXTL, words, bytes);
        g->a[2 * row + half] = words;
    }
}

static void load_a(struct gemm *g, int offset)
{
    for (int i = 0; i < g->mr; i++)
        widen_row(g, i, a64_load_row(g, i, offset));
}

static void tail_a(struct gemm *g, int row, int lo, int hi)
{
    widen_row(g, row, a64_tail_vector(g, lo, hi));
}

/* Words of eight columns: vector `place` of the body, in one piece or widened. */
static int load_b(struct gemm *g, int place)
{
    int b, words, high = place % 2;
    if (g->v->knob[VAR_KNOB_WIDEN])
        return a64_stream(g, &g->b_stream, place);
    words = vec(g, "B, widened");
    if (g->b_stream.single) {
        b = vec(g, "B");
        IR(g->ir, A64_LDR_D, b, g->w, LANES * place);
        high = 0;
    } else {
        b = a64_stream(g, &g->b_stream, place / 2);
    }
    IR(g->ir, high ? A64_SXTL2 : A64_SXTL, words, b);
    return words;
}

static void lane_group(struct gemm *g, int index, int b_offset)
{
    int vectors = g->nr / 4, bytes = g->v->knob[VAR_KNOB_WIDEN] ? 16 : LANES;
    for (int j = 0; j < vectors / 2; j++) {
        int b = load_b(g, b_offset / bytes + j);
        for (int i = 0; i < g->mr; i++) {
            const int *acc = &g->acc[i * vectors + 2 * j], a = g->a[2 * i + index / LANES];
            IR(g->ir, A64_SMLAL_LANE, acc[0], b, a, index % LANES);
            IR(g->ir, A64_SMLAL2_LANE, acc[1], b, a, index % LANES);
        }
    }
}

const struct gemm_scheme a64_lane_scheme = {
    .lanes = 4,
    .init = a64_bias_init,
    .load_a = load_a,
    .tail_a = tail_a,
    .group = lane_group,
    .store = a64_rows_store,
    .many = 1,
};
