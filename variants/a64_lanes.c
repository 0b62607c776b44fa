/* AArch64 v8.0, products by lane: both operands as 16-bit words, sums of 32 bits. Bytes of A are
 * widened in the loop, or by the driver that packs them (knob t), weights in the loop, or once at
 * packing (knob w). No bound on the weights. What is packed on both sides is multiplied by the loop
 * of Winograd's products, too. */
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

/* Of an element of B. */
static int b_bytes(const struct gemm *g)
{
    return g->group_bytes / g->nr;
}

/* Words of eight columns: vector `place` of the body, in one piece or widened. */
static int load_b(struct gemm *g, int place)
{
    int b, words, high = place % 2;
    if (b_bytes(g) == 2)
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

void a64_lane_products(struct ir *ir, struct a64_lanes at, int b, int lane, int begins)
{
    static const int ops[2][2] = { { A64_SMLAL_LANE, A64_SMLAL2_LANE },
                                   { A64_SMULL_LANE, A64_SMULL2_LANE } };
    for (int n = 0; n < 2 * at.mr; n++) {
        int high = at.by_rows ? n % 2 : n / at.mr, row = at.by_rows ? n / 2 : n % at.mr;
        IR(ir, ops[begins][high], at.acc[row * at.vectors + high], b, at.a[row * at.a_step], lane);
    }
}

static void lane_group(struct gemm *g, int index, int b_offset)
{
    int vectors = g->nr / 4, bytes = LANES * b_bytes(g);
    for (int j = 0; j < vectors / 2; j++) {
        const struct a64_lanes at = { .mr = g->mr,
                                      .vectors = vectors,
                                      .acc = &g->acc[2 * j],
                                      .a = &g->a[index / LANES],
                                      .a_step = 2,
                                      .by_rows = !g->packed };
        a64_lane_products(g->ir, at, load_b(g, b_offset / bytes + j), index % LANES, 0);
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

/* ---- A packed as words, eight of depth of a row in a vector */

/* Sums leave the registers whose lanes have names to A. */
static void init(struct gemm *g)
{
    a64_bias_init(g);
    for (int i = 0; i < g->mr * g->nr / 4 && !g->ir->failed; i++)
        g->ir->vreg[g->acc[i]].above = LANE_REGISTERS;
}

static void load_words(struct gemm *g, int offset)
{
    for (int i = 0; i < g->mr; i++) {
        g->a[2 * i] = a64_stream(g, &g->a_stream, offset / 16 + i);
        if (!g->ir->failed)
            g->ir->vreg[g->a[2 * i]].limit = LANE_REGISTERS;
    }
}

const struct gemm_scheme a64_words_scheme = {
    .block = LANES,
    .lanes = 4,
    .a_bytes = 2,
    .init = init,
    .load_a = load_words,
    .group = lane_group,
    .store = a64_rows_store,
    .many = 1,
};
