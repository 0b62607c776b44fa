/* AArch64 GEMM schemes: how A and B meet in the MACs of each level. */
#include "variants/a64_int.h"

static int vec(struct gemm *g, const char *group)
{
    return ir_vreg(g->ir, IR_VEC, group);
}

/* How many vectors the next load of the stream takes. */
static int stream_width(const struct gemm *g, const struct gemm_stream *s)
{
    enum { PAIR_REACH = 1008 }; /* the largest offset of ldp */
    int left = s->count - s->loaded, form = s->single ? 0 : g->v->knob[VAR_KNOB_FORM];
    if (form == 2 && s->moves && left >= 4)
        return 4;
    if ((form == 1 || form == 2) && left >= 2 &&
        (s->moves || s->offset + 16 * s->loaded <= PAIR_REACH))
        return 2;
    return 1;
}

/* 16 bytes as two halves, one through a general register: in-order cores issue each of the three
 * beside something else. */
static void load_halves(struct gemm *g, int to, int base, int offset)
{
    int high = ir_vreg(g->ir, IR_GPR, "high halves");
    IR(g->ir, A64_LDR_D, to, base, offset);
    IR(g->ir, A64_LDR_X, high, base, offset + 8);
    IR(g->ir, A64_INS_D1, to, high);
}

int a64_copies(const struct gemm *g)
{
    return g->v->knob[VAR_KNOB_DRAIN] && g->v->knob[VAR_KNOB_FORM] == 3;
}

int a64_stream(struct gemm *g, struct gemm_stream *s, int n)
{
    while (s->loaded <= n) {
        int width = stream_width(g, s), at = s->offset + 16 * s->loaded, *id = &s->id[s->loaded];
        for (int k = 0; k < width; k++)
            id[k] = vec(g, s->group);
        if (width == 4) {
            ir_tuple(g->ir, id[0], 4);
            IR(g->ir, A64_LD1_4, id[0], id[1], id[2], id[3], s->base);
        } else if (width == 2 && s->moves) {
            IR(g->ir, A64_LDP_Q_POST, id[0], id[1], s->base, 32);
        } else if (width == 2) {
            IR(g->ir, A64_LDP_Q, id[0], id[1], s->base, at);
        } else if (s->split) {
            load_halves(g, id[0], s->base, at);
        } else if (s->moves) {
            IR(g->ir, A64_LDR_Q_POST, id[0], s->base, 16);
        } else {
            IR(g->ir, A64_LDR_Q, id[0], s->base, at);
        }
        s->loaded += width;
    }
    return s->id[n];
}

/* Vector j of the `count` of a group, and as many behind it as `taken` other registers allow. */
static int stream_b(struct gemm *g, int b_offset, int j, int count, int taken)
{
    static const int width_of_form[] = { 1, 2, 4, 1 };
    int first = b_offset / 16, ahead = j + 32 - taken - width_of_form[g->v->knob[VAR_KNOB_FORM]];
    ahead = ahead < count - 1 ? ahead : count - 1;
    a64_stream(g, &g->b_stream, first + (ahead > j ? ahead : j));
    return g->b_stream.id[first + j];
}

int a64_load_row(struct gemm *g, int row, int offset)
{
    int whole = g->block == 16, a = vec(g, "A");
    if (g->post)
        IR(g->ir, whole ? A64_LDR_Q_POST : A64_LDR_D_POST, a, g->row[row], g->block);
    else if (whole && g->v->knob[VAR_KNOB_FORM] == 3)
        load_halves(g, a, g->row[row], offset);
    else if (g->index[0] >= 0)
        IR(g->ir, whole ? A64_LDR_Q_REG : A64_LDR_D_REG, a, g->row[row],
           g->index[offset / g->block]);
    else
        IR(g->ir, whole ? A64_LDR_Q : A64_LDR_D, a, g->row[row], offset);
    return a;
}

/* Loads `block` bytes of each row into g->a[]. */
static void load_rows(struct gemm *g, int offset)
{
    for (int i = 0; i < g->mr; i++)
        g->a[i] = a64_load_row(g, i, offset);
}

/* Loads a group of packed A. */
static void load_packed(struct gemm *g, int offset)
{
    int count = g->mr * g->kr / 16;
    for (int i = 0; i < count; i++)
        g->a[i] = a64_stream(g, &g->a_stream, offset / 16 + i);
}

int a64_tail_vector(struct gemm *g, int lo, int hi)
{
    int a = vec(g, "A");
    IR(g->ir, A64_FMOV_D, a, lo);
    if (g->block == 16)
        IR(g->ir, A64_INS_D1, a, hi);
    return a;
}

void a64_tail_row(struct gemm *g, int row, int lo, int hi)
{
    g->a[row] = a64_tail_vector(g, lo, hi);
}

/* ---- dotprod: acc[row][4 columns] += B[4 columns][4] . A[row][lane] */

/* Every row from memory: the load ports are idle here, the vector pipes are not. */
void a64_bias_init(struct gemm *g)
{
    int vectors = g->nr / 4;
    for (int i = 0; i < g->mr; i++) {
        struct gemm_stream bias = {
            .base = g->w, .group = "accumulators", .count = vectors, .split = a64_copies(g)
        };
        for (int j = 0; j < vectors; j++) {
            int *acc = &g->acc[i * vectors + j];
            if (i == 0 || !a64_copies(g)) {
                *acc = a64_stream(g, &bias, j);
                continue;
            }
            *acc = vec(g, "accumulators");
            IR(g->ir, A64_MOV_V, *acc, g->acc[j]);
        }
    }
}

static void dot_group(struct gemm *g, int index, int b_offset)
{
    int vectors = g->nr / 4, taken = g->mr * vectors + (g->packed ? g->mr / 4 : g->mr);
    for (int j = 0; j < vectors; j++) {
        int b = stream_b(g, b_offset, j, vectors, taken);
        for (int i = 0; i < g->mr; i++)
            IR(g->ir, A64_SDOT_LANE, g->acc[i * vectors + j], b, g->a[g->packed ? i / 4 : i],
               g->packed ? i % 4 : index);
    }
}

void a64_rows_store(struct gemm *g)
{
    a64_gemm_store(g, g->acc, 0);
}

/* ---- i8mm: acc[row pair][column pair], 2x2, row by row. */

void a64_pairs_init(struct gemm *g, int pointer)
{
    int pairs = g->nr / 2;
    for (int j = 0; j < pairs; j++)
        for (int i = 0; i < g->mr / 2; i++) {
            g->acc[i * pairs + j] = vec(g, "accumulators");
            if (i == 0)
                IR(g->ir, A64_LD1R_D2_POST, g->acc[j], pointer);
            else
                IR(g->ir, A64_MOV_V, g->acc[i * pairs + j], g->acc[j]);
        }
}

static void mm_init(struct gemm *g)
{
    int pointer = ir_vreg(g->ir, IR_GPR, "temporaries");
    IR(g->ir, IR_MOV, pointer, g->w);
    a64_pairs_init(g, pointer);
}

void a64_pair_rows(struct gemm *g, int *a, int halves)
{
    int parts[2];
    for (int k = 0; k < halves; k++) {
        parts[k] = vec(g, "A, row pairs");
        IR(g->ir, k ? A64_TRN2_D : A64_TRN1_D, parts[k], a[0], a[1]);
    }
    for (int k = 0; k < halves; k++)
        a[k] = parts[k];
}

static void mm_load_rows(struct gemm *g, int offset)
{
    for (int i = 0; i < g->mr; i++) {
        g->a[i] = a64_load_row(g, i, offset);
        if (i % 2)
            a64_pair_rows(g, &g->a[i - 1], g->block / 8);
    }
}

static void mm_tail_row(struct gemm *g, int row, int lo, int hi)
{
    g->a[row] = a64_tail_vector(g, lo, hi);
    if (row % 2)
        a64_pair_rows(g, &g->a[row - 1], g->block / 8);
}

static void mm_group(struct gemm *g, int index, int b_offset)
{
    int pairs = g->nr / 2, rows = g->mr / 2;
    int taken = rows * pairs + (g->packed ? rows : rows * g->block / 8);
    for (int j = 0; j < pairs; j++) {
        int b = stream_b(g, b_offset, j, pairs, taken);
        for (int i = 0; i < rows; i++)
            IR(g->ir, A64_SMMLA, g->acc[i * pairs + j], g->a[g->packed ? i : 2 * i + index], b);
    }
}

static void mm_store(struct gemm *g)
{
    a64_gemm_store(g, g->acc, 1);
}

/* ---- v8.0: four partial sums of one output in each accumulator. Two products are at most
 * 2 * 128 * 127 = 32512 and fit 16 bits, because no weight is -128. */

static void mull_init(struct gemm *g)
{
    for (int j = 0; j < g->nr; j++) {
        for (int i = 0; i < g->mr; i++) {
            g->acc[i * g->nr + j] = vec(g, "accumulators");
            IR(g->ir, A64_LDR_S, g->acc[i * g->nr + j], g->w, 4 * j);
        }
    }
}

/* Some products of a row and some columns: all instructions of a kind together, so that none waits
 * for the one before it. */
static void mull_products(struct gemm *g, int count, const int *a, const int *b, const int *acc)
{
    int whole = g->kr == 16, product[4];
    for (int i = 0; i < count; i++) {
        product[i] = vec(g, "products");
        IR(g->ir, A64_SMULL, product[i], b[i], a[i]);
    }
    for (int i = 0; i < count && whole; i++)
        IR(g->ir, A64_SMLAL2, product[i], b[i], a[i]);
    for (int i = 0; i < count; i++)
        IR(g->ir, A64_SADALP, acc[i], product[i]);
}

static int mull_b(struct gemm *g, int column, int b_offset)
{
    if (g->kr == 16)
        return a64_stream(g, &g->b_stream, b_offset / 16 + column);
    int b = vec(g, "B");
    if (g->b_stream.moves)
        IR(g->ir, A64_LDR_D_POST, b, g->w, g->kr);
    else
        IR(g->ir, A64_LDR_D, b, g->w, b_offset + g->kr * column);
    return b;
}

/* The operand that is not held is loaded late; but in the tail, A is there already. */
static void mull_load(struct gemm *g, int offset)
{
    g->a_offset = offset;
    if (g->v->knob[VAR_KNOB_HOLD] == 0)
        load_rows(g, offset);
}

static void mull_tail_row(struct gemm *g, int row, int lo, int hi)
{
    g->a_offset = -1;
    a64_tail_row(g, row, lo, hi);
}

static void mull_group(struct gemm *g, int index, int b_offset)
{
    int hold_b = g->v->knob[VAR_KNOB_HOLD] && g->a_offset >= 0,
        flight = g->v->knob[VAR_KNOB_FLIGHT];
    int outer = hold_b ? g->mr : g->nr, inner = hold_b ? g->nr : g->mr;
    (void)index; /* a block is one group */
    for (int j = 0; j < g->nr && hold_b; j++)
        g->b[j] = mull_b(g, j, b_offset);
    for (int o = 0; o < outer; o++) {
        if (hold_b)
            g->a[o] = a64_load_row(g, o, g->a_offset);
        if (!hold_b)
            g->b[o] = mull_b(g, o, b_offset);
        for (int first = 0; first < inner; first += flight) {
            int a[4], b[4], acc[4], count = inner - first < flight ? inner - first : flight;
            for (int i = 0; i < count; i++) {
                int row = hold_b ? o : first + i, column = hold_b ? first + i : o;
                a[i] = g->a[row];
                b[i] = g->b[column];
                acc[i] = g->acc[row * g->nr + column];
            }
            mull_products(g, count, a, b, acc);
        }
    }
}

static int add_pairs(struct gemm *g, int first, int second)
{
    int sum = vec(g, "temporaries");
    IR(g->ir, A64_ADDP_S, sum, first, second);
    return sum;
}

static void mull_store(struct gemm *g)
{
    int sums[GEMM_MAX_ACC], vectors = g->mr * g->nr / 4;
    for (int i = 0; i < vectors; i++) {
        const int *acc = &g->acc[4 * i];
        int first = add_pairs(g, acc[0], acc[1]), second = add_pairs(g, acc[2], acc[3]);
        sums[i] = add_pairs(g, first, second);
    }
    a64_gemm_store(g, sums, 0);
}

static const struct gemm_scheme mull_scheme = { .lanes = 1,
                                                .init = mull_init,
                                                .load_a = mull_load,
                                                .tail_a = mull_tail_row,
                                                .group = mull_group,
                                                .store = mull_store,
                                                .many = 1 };
/* A as it lies, and packed, where a block is one group. */
static const struct gemm_scheme dot_schemes[] = {
    { .lanes = 4,
      .init = a64_bias_init,
      .load_a = load_rows,
      .tail_a = a64_tail_row,
      .group = dot_group,
      .store = a64_rows_store,
      .many = 1 },
    { .block = 4,
      .lanes = 4,
      .init = a64_bias_init,
      .load_a = load_packed,
      .group = dot_group,
      .store = a64_rows_store,
      .many = 1 },
};
static const struct gemm_scheme mm_schemes[] = {
    { .lanes = 4,
      .init = mm_init,
      .load_a = mm_load_rows,
      .tail_a = mm_tail_row,
      .group = mm_group,
      .store = mm_store,
      .many = 1 },
    { .block = 8,
      .lanes = 4,
      .init = mm_init,
      .load_a = load_packed,
      .group = mm_group,
      .store = mm_store,
      .many = 1 },
};

const struct gemm_scheme *a64_gemm_scheme(const struct var_variant *v)
{
    int packed = v->knob[VAR_KNOB_FEED] == 1;
    if (v->isa == KRN_ISA_DOTPROD)
        return &dot_schemes[packed];
    if (v->isa == KRN_ISA_I8MM)
        return &mm_schemes[packed];
    if (v->knob[VAR_KNOB_KR] == 2)
        return &a64_pair_scheme;
    if (v->knob[VAR_KNOB_KR] == 1)
        return packed ? &a64_words_scheme : &a64_lane_scheme;
    return &mull_scheme;
}
