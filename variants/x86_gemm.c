/* x86-64 GEMM schemes: how A and B meet in the MACs of each level. Every one is exact. */
#include "variants/x86_int.h"

#include <stddef.h>

static int vec(struct gemm *g, const char *group)
{
    return ir_vreg(g->ir, IR_VEC, group);
}

static int vectors_of(const struct gemm *g)
{
    return g->nr / x86_lanes(g->v);
}

static void init(struct gemm *g)
{
    int vectors = vectors_of(g), bytes = 4 * x86_lanes(g->v);
    for (int j = 0; j < vectors; j++) {
        for (int i = 0; i < g->mr; i++) {
            g->acc[i * vectors + j] = vec(g, "accumulators");
            if (i == 0)
                IR(g->ir, X86_LOAD, g->acc[j], g->w, bytes * j);
            else
                IR(g->ir, X86_MOV_V, g->acc[i * vectors + j], g->acc[j]);
        }
    }
}

/* Sets of sums that the groups of a body take turns with: the MACs of a single row would wait for
 * each other. More than one only for VNNI, whose sums have the latency of a product. */
static int sets_of(const struct gemm *g)
{
    enum { IN_FLIGHT = 8 }; /* MACs: two a cycle, done after four */
    int sets = IN_FLIGHT / vectors_of(g);
    if (g->mr > 1 || g->v->isa == KRN_ISA_AVX2 || sets < 2)
        return 1;
    return sets < g->unroll ? sets : g->unroll;
}

static void store(struct gemm *g)
{
    struct x86_epilogue e;
    struct gemm_rows rows, add = { .pointer = -1 };
    int adds = g->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD;
    int vectors = vectors_of(g), panel = ir_vreg(g->ir, IR_GPR, "temporaries");
    for (int i = vectors; i < sets_of(g) * vectors; i++)
        IR(g->ir, X86_ADDD, g->acc[i % vectors], g->acc[i]);
    x86_epilogue_begin(g->ir, g->v, g->args, offsetof(struct krn_gemm_args, out),
                       offsetof(struct krn_gemm_args, add), &e);
    IR(g->ir, IR_LOAD64, panel, g->args, (int)offsetof(struct krn_gemm_args, w));
    gemm_c_rows_begin(g->ir, g->args, &rows);
    if (adds)
        gemm_add_rows_begin(g->ir, g->args, &add);
    for (int i = 0; i < g->mr; i++) {
        if (i)
            gemm_rows_next(g->ir, &rows, i);
        if (i && adds)
            gemm_rows_next(g->ir, &add, i);
        x86_epilogue_row(g->ir, &e, g->acc + i * vectors, vectors, panel, 4 * g->nr, rows.pointer,
                         add.pointer);
    }
}

static void load_b(struct gemm *g, int b_offset)
{
    int bytes = 4 * x86_lanes(g->v);
    for (int j = 0; j < vectors_of(g); j++) {
        g->b[j] = vec(g, "B");
        IR(g->ir, X86_LOAD, g->b[j], g->w, b_offset + bytes * j);
    }
}

/* ---- avx2, KR 2: words on both sides, weights widened at packing; vpmaddwd is exact. */

/* One row: `a` has a pair of words in every lane. A single row multiplies B straight from memory.
 */
static void words_row(struct gemm *g, int row, int a, int b_offset)
{
    int vectors = vectors_of(g);
    for (int j = 0; j < vectors; j++) {
        int product = vec(g, "products");
        if (g->mr == 1)
            IR(g->ir, X86_MADDWD_LOAD, product, a, g->w, b_offset + 32 * j);
        else
            IR(g->ir, X86_MADDWD, product, a, g->b[j]);
        IR(g->ir, X86_ADDD, g->acc[row * vectors + j], product);
    }
}

/* Load width 128: rows are widened onto the stack, and broadcast from there by the load ports. */
static void stack_init(struct gemm *g)
{
    g->ir->frame_bytes = 32 * g->mr;
    init(g);
}

static void stack_load_a(struct gemm *g, int offset)
{
    for (int i = 0; i < g->mr; i++) {
        int a = vec(g, "A");
        IR(g->ir, X86_SXBW_LOAD, a, g->row[i], offset);
        IR(g->ir, X86_STACK_STORE, a, 32 * i);
    }
}

static void stack_tail_a(struct gemm *g, int row, int lo, int hi)
{
    int bytes = vec(g, "A"), words = vec(g, "A");
    IR(g->ir, X86_PAIR_X_GPR, bytes, lo, hi);
    IR(g->ir, X86_SXBW, words, bytes);
    IR(g->ir, X86_STACK_STORE, words, 32 * row);
}

static void stack_group(struct gemm *g, int index, int b_offset)
{
    if (g->mr > 1)
        load_b(g, b_offset);
    for (int i = 0; i < g->mr; i++) {
        int a = vec(g, "A");
        IR(g->ir, X86_STACK_BCASTD, a, 32 * i + 4 * index);
        words_row(g, i, a, b_offset);
    }
}

/* Load width 64: rows stay in registers, both halves alike; a shuffle broadcasts a pair. */
static void shuffle_load_a(struct gemm *g, int offset)
{
    for (int i = 0; i < g->mr; i++) {
        int bytes = vec(g, "A");
        g->a[i] = vec(g, "A");
        IR(g->ir, X86_BCASTQ_X, bytes, g->row[i], offset);
        IR(g->ir, X86_SXBW, g->a[i], bytes);
    }
}

static void shuffle_tail_a(struct gemm *g, int row, int lo, int hi)
{
    int bytes = vec(g, "A");
    (void)hi; /* a block is 8 bytes */
    g->a[row] = vec(g, "A");
    IR(g->ir, X86_BCASTQ_X_GPR, bytes, lo);
    IR(g->ir, X86_SXBW, g->a[row], bytes);
}

static void shuffle_group(struct gemm *g, int index, int b_offset)
{
    if (g->mr > 1)
        load_b(g, b_offset);
    for (int i = 0; i < g->mr; i++) {
        int a = vec(g, "A");
        IR(g->ir, X86_SHUFD, a, g->a[i], index * 0x55);
        words_row(g, i, a, b_offset);
    }
}

/* ---- KR 4: four bytes of a row in every lane, loaded row by row; a block is one group. */

static void lane_load_a(struct gemm *g, int offset)
{
    g->a_offset = offset;
}

static void lane_tail_a(struct gemm *g, int row, int lo, int hi)
{
    (void)hi; /* a block is 4 bytes */
    IR(g->ir, X86_STACK_STORE32, lo, 4 * row);
    g->a_offset = -1;
}

static int lane_row(struct gemm *g, int row)
{
    int a = vec(g, "A");
    if (g->a_offset < 0)
        IR(g->ir, X86_STACK_BCASTD, a, 4 * row);
    else
        IR(g->ir, X86_BCASTD, a, g->row[row], g->a_offset);
    return a;
}

/* avx2: |a| is unsigned, its sign goes to w. Two products are at most 2 * 128 * 127 = 32512 and fit
 * the 16 bits of vpmaddubsw, because no weight is -128. */
static void sign_init(struct gemm *g)
{
    g->constant = vec(g, "ones");
    IR(g->ir, X86_ONES_W, g->constant);
    g->ir->frame_bytes = 4 * g->mr;
    init(g);
}

static void sign_group(struct gemm *g, int index, int b_offset)
{
    int vectors = vectors_of(g);
    (void)index;
    load_b(g, b_offset);
    for (int i = 0; i < g->mr; i++) {
        int a = lane_row(g, i), magnitude = vec(g, "A");
        IR(g->ir, X86_ABSB, magnitude, a);
        for (int j = 0; j < vectors; j++) {
            int weights = vec(g, "products"), product = vec(g, "products");
            IR(g->ir, X86_SIGNB, weights, g->b[j], a);
            IR(g->ir, X86_MADDUBSW, product, magnitude, weights);
            IR(g->ir, X86_MADDWD_SELF, product, g->constant);
            IR(g->ir, X86_ADDD, g->acc[i * vectors + j], product);
        }
    }
}

/* VNNI: flipping the top bit adds 128, which makes a unsigned; the bias makes up for it. */
static void vnni_init(struct gemm *g)
{
    int mask = ir_vreg(g->ir, IR_GPR, "temporaries");
    g->constant = vec(g, "0x80 in every byte");
    IR(g->ir, IR_MOV_IMM, mask, (int)0x80808080u);
    IR(g->ir, X86_BCASTD_GPR, g->constant, mask);
    g->ir->frame_bytes = 4 * g->mr;
    init(g);
    for (int i = vectors_of(g); i < sets_of(g) * vectors_of(g); i++) {
        g->acc[i] = vec(g, "accumulators");
        IR(g->ir, X86_ZERO, g->acc[i]);
    }
}

static void vnni_group(struct gemm *g, int index, int b_offset)
{
    int vectors = vectors_of(g), set = g->a_offset < 0 ? 0 : g->a_offset / 4 % sets_of(g);
    (void)index;
    load_b(g, b_offset);
    for (int i = 0; i < g->mr; i++) {
        int a = lane_row(g, i);
        IR(g->ir, X86_XOR, a, g->constant);
        for (int j = 0; j < vectors; j++)
            IR(g->ir, X86_DPBUSD, g->acc[(i + set) * vectors + j], a, g->b[j]);
    }
}

enum { STACK, SHUFFLE, SIGN, VNNI_256, VNNI_512 };

static const struct gemm_scheme schemes[] = {
    [STACK] = { .block = 16,
                .lanes = 8,
                .init = stack_init,
                .load_a = stack_load_a,
                .tail_a = stack_tail_a,
                .group = stack_group,
                .store = store },
    [SHUFFLE] = { .block = 8,
                  .lanes = 8,
                  .init = init,
                  .load_a = shuffle_load_a,
                  .tail_a = shuffle_tail_a,
                  .group = shuffle_group,
                  .store = store },
    [SIGN] = { .block = 4,
               .lanes = 8,
               .init = sign_init,
               .load_a = lane_load_a,
               .tail_a = lane_tail_a,
               .group = sign_group,
               .store = store },
    [VNNI_256] = { .block = 4,
                   .lanes = 8,
                   .init = vnni_init,
                   .load_a = lane_load_a,
                   .tail_a = lane_tail_a,
                   .group = vnni_group,
                   .store = store },
    [VNNI_512] = { .block = 4,
                   .lanes = 16,
                   .init = vnni_init,
                   .load_a = lane_load_a,
                   .tail_a = lane_tail_a,
                   .group = vnni_group,
                   .store = store },
};

const struct gemm_scheme *x86_gemm_scheme(const struct var_variant *v)
{
    if (v->isa != KRN_ISA_AVX2)
        return &schemes[x86_lanes(v) == 16 ? VNNI_512 : VNNI_256];
    if (v->knob[VAR_KNOB_KR] == 4)
        return &schemes[SIGN];
    return &schemes[v->knob[VAR_KNOB_LOAD] == 128 ? STACK : SHUFFLE];
}
