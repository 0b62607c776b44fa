/* The epilogue of AArch64 GEMM tiles. Every output costs three conversions of a quarter vector,
 * and the rest works on as many outputs as fit:
 *
 *     scvtf, fmul, fcvtns         four sums each; the conversion rounds half to even and saturates
 *     sqxtn, sqxtn2               eight outputs as 16-bit words, saturated
 *     sqadd                       zero point, saturated
 *     sqxtn, sqxtn2, smax, smin   sixteen outputs as bytes, saturated, then within lo and hi
 * Saturating is exact here: what is cut off lies beyond lo or hi in any case, because those are
 * bytes, and each step keeps the order of its inputs.
 *
 * Where sums are bounded (KRN_QUICK_SIGNED), their bits are floats already:
 *
 *     ldr, fmls, fsub             minus the product, from the scale on; then what rounds it
 *     uzp1                        eight outputs as 16-bit words: their low halves
 *     sqxtn, sqxtn2               sixteen outputs as bytes, saturated
 *
 * Other forms replace the first line: `fixed` by sqrdmulh and srshl, `add` by the same with a fadd
 * of the second tensor's bytes, made floats, before it rounds. `sums` stores them as they are. */
#include "variants/a64_int.h"

#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_gemm_args, field))

/* One word per column, in the head of a panel; in pairs: of two columns, twice. */
struct words {
    struct gemm_stream stream;
    int pointer;
};

struct store {
    struct gemm *g;
    int zp, lo, hi;
    int *v;       /* rounded sums; see a64_gemm_store() */
    int columns;  /* vectors of a row, or of a pair of rows */
    int rows;     /* of vectors */
    int in_pairs; /* see a64_gemm_store() */
    int add_zp, add_factor;
    struct words offsets;                  /* quick: scale * 2^126 */
    struct words scales;                   /* quick, where vectors are copied */
    int made[GEMM_MAX_ROWS][GEMM_MAX_ACC]; /* 1 + words of [row][vector] and the next one, or 0 */
    int rounder;                           /* quick: 1.5 + zp * 2^-23 */
};

static int vec(struct store *s, const char *group)
{
    return ir_vreg(s->g->ir, IR_VEC, group);
}

static int apply(struct store *s, int op, int first, int second)
{
    int result = vec(s, "temporaries");
    IR(s->g->ir, op, result, first, second);
    return result;
}

/* ---- From sums to rounded numbers */

/* Array `index` of the head; bias is array 0. */
static void words_begin(struct store *s, struct words *w, int index)
{
    struct gemm *g = s->g;
    *w = (struct words) { .stream = { .base = g->panel,
                                      .group = "scales",
                                      .count = g->nr / 4,
                                      .offset = 4 * g->nr * index,
                                      .split = a64_copies(g) } };
    if (s->in_pairs) {
        w->pointer = ir_vreg(g->ir, IR_GPR, "temporaries");
        IR(g->ir, IR_SUM_IMM, w->pointer, g->panel, w->stream.offset);
    }
}

static int words_next(struct store *s, struct words *w, int column)
{
    if (!s->in_pairs)
        return a64_stream(s->g, &w->stream, column);
    int v = vec(s, "scales");
    IR(s->g->ir, A64_LD1R_D2_POST, v, w->pointer);
    return v;
}

/* Column by column, so that one scale vector serves all rows. */
static void round_floats(struct store *s)
{
    struct words scales;
    words_begin(s, &scales, 1);
    for (int j = 0; j < s->columns; j++) {
        int scale = words_next(s, &scales, j);
        for (int i = 0; i < s->rows; i++) {
            int *v = &s->v[i * s->columns + j];
            int product = apply(s, A64_FMUL, apply(s, A64_SCVTF, *v, 0), scale);
            *v = apply(s, A64_FCVTNS, product, 0);
        }
    }
}

/* The shift is to the left: negated, srshl rounds as it shifts to the right. */
static void round_fixed(struct store *s)
{
    struct words multipliers, shifts;
    words_begin(s, &multipliers, 1);
    words_begin(s, &shifts, 2);
    for (int j = 0; j < s->columns; j++) {
        int multiplier = words_next(s, &multipliers, j);
        int left = apply(s, A64_NEG_S, words_next(s, &shifts, j), 0);
        for (int i = 0; i < s->rows; i++) {
            int *v = &s->v[i * s->columns + j];
            *v = apply(s, A64_SRSHL_S, apply(s, A64_SQRDMULH_S, *v, multiplier), left);
        }
    }
}

/* Fields of the second tensor lie alike in the arguments of all families. */
#define ADDED(field) (s->g->add_at + ARG(field) - ARG(add))

static void load_add(struct store *s)
{
    struct ir *ir = s->g->ir;
    int word = ir_vreg(ir, IR_GPR, "temporaries"), other = ir_vreg(ir, IR_GPR, "temporaries");
    s->add_zp = vec(s, "second tensor");
    s->add_factor = vec(s, "second tensor");
    IR(ir, IR_LOAD32, word, s->g->args, ADDED(add_zp));
    IR(ir, A64_DUP_B, s->add_zp, word);
    IR(ir, IR_LOAD32, other, s->g->args, ADDED(add_factor));
    IR(ir, A64_DUP_S, s->add_factor, other);
}

/* Columns 4 j.. of a row of the second tensor, as floats times their factor. */
static int add_floats(struct store *s, int row, int j)
{
    int bytes = vec(s, "temporaries");
    IR(s->g->ir, A64_LDR_S, bytes, s->g->add_row[row], 4 * j);
    int wide = apply(s, A64_SXTL_S, apply(s, A64_SSUBL_H, bytes, s->add_zp), 0);
    return apply(s, A64_FMUL, apply(s, A64_SCVTF, wide, 0), s->add_factor);
}

static void round_sum(struct store *s, int *v, int scale, int other)
{
    int product = apply(s, A64_FMUL, apply(s, A64_SCVTF, *v, 0), scale);
    *v = apply(s, A64_FCVTNS, apply(s, A64_FADD, product, other), 0);
}

static void round_added(struct store *s)
{
    struct words scales;
    words_begin(s, &scales, 1);
    load_add(s);
    for (int j = 0; j < s->g->nr / 4; j++) {
        int scale = words_next(s, &scales, s->in_pairs ? 2 * j : j);
        int next = s->in_pairs ? words_next(s, &scales, 2 * j + 1) : scale;
        for (int i = 0; i < s->rows; i++) {
            int *v = &s->v[i * s->columns + (s->in_pairs ? 2 * j : j)];
            if (!s->in_pairs) {
                round_sum(s, v, scale, add_floats(s, i, j));
                continue;
            }
            int upper = add_floats(s, 2 * i, j), lower = add_floats(s, 2 * i + 1, j);
            round_sum(s, &v[0], scale, apply(s, A64_TRN1_D, upper, lower));
            round_sum(s, &v[1], next, apply(s, A64_TRN2_D, upper, lower));
        }
    }
    if (gemm_is_tall(s->g))
        gemm_rows_of_c(s->g);
}

/* ---- The quick way */

/* Rows in pairs are set apart. */
static void unpair(struct store *s)
{
    int row[GEMM_MAX_ACC];
    for (int i = 0; i < 2 * s->rows; i++)
        for (int j = 0; j < s->columns / 2; j++) {
            const int *pair = &s->v[i / 2 * s->columns + 2 * j];
            row[i * s->columns / 2 + j] =
                apply(s, i % 2 ? A64_TRN2_D : A64_TRN1_D, pair[0], pair[1]);
        }
    s->rows *= 2;
    s->columns /= 2;
    s->in_pairs = 0;
    for (int i = 0; i < s->rows * s->columns; i++)
        s->v[i] = row[i];
}

static void quick_begin(struct store *s)
{
    struct ir *ir = s->g->ir;
    int bits = ir_vreg(ir, IR_GPR, "temporaries"), zp = ir_vreg(ir, IR_GPR, "temporaries");
    if (s->in_pairs)
        unpair(s);
    words_begin(s, &s->scales, 1);
    words_begin(s, &s->offsets, 2);
    s->rounder = vec(s, "rounder");
    IR(ir, IR_MOV_IMM, bits, 0x3fc00000); /* 1.5 */
    IR(ir, IR_LOAD32, zp, s->g->args, ARG(out) + (int)offsetof(struct krn_out, zp));
    IR(ir, IR_ADD, bits, zp);
    IR(ir, A64_DUP_S, s->rounder, bits);
}

/* Rounded numbers, in the low halves. */
static int quick_round(struct store *s, int v, int i, int j)
{
    int offset = words_next(s, &s->offsets, j), product = vec(s, "temporaries");
    if (a64_copies(s->g) && i == s->rows - 1)
        product = words_next(s, &s->scales, j);
    else if (a64_copies(s->g))
        IR(s->g->ir, A64_MOV_V, product, words_next(s, &s->scales, j));
    else
        IR(s->g->ir, A64_LDR_Q, product, s->g->panel, 4 * s->g->nr + 16 * j);
    IR(s->g->ir, A64_FMLS, product, v, offset);
    return apply(s, A64_FSUB, s->rounder, product);
}

/* Zero point and bounds lie together in krn_out: one load, and a copy to all lanes each. */
static void load_out(struct store *s)
{
    enum { OUT = offsetof(struct krn_gemm_args, out) + offsetof(struct krn_out, zp) };
    int fields = vec(s, "temporaries");
    s->zp = vec(s, "bounds, zero point");
    s->lo = vec(s, "bounds, zero point");
    s->hi = vec(s, "bounds, zero point");
    IR(s->g->ir, A64_LDR_Q, fields, s->g->args, OUT);
    IR(s->g->ir, A64_DUP_H_LANE, s->zp, fields, 0);
    IR(s->g->ir, A64_DUP_B_LANE, s->lo, fields,
       offsetof(struct krn_out, lo) - offsetof(struct krn_out, zp));
    IR(s->g->ir, A64_DUP_B_LANE, s->hi, fields,
       offsetof(struct krn_out, hi) - offsetof(struct krn_out, zp));
}

/* ---- Narrowing; a second half of -1 stays undefined. */

static int join(struct store *s, int first_op, int second_op, int first, int second)
{
    int result = vec(s, "temporaries");
    IR(s->g->ir, first_op, result, first);
    if (second >= 0)
        IR(s->g->ir, second_op, result, second);
    return result;
}

/* Eight outputs as words. */
static int words(struct store *s, int first, int second)
{
    if (s->g->is_quick)
        return apply(s, A64_UZP1_H, first, second >= 0 ? second : first);
    int result = join(s, A64_SQXTN_H, A64_SQXTN2_H, first, second);
    IR(s->g->ir, A64_SQADD_H, result, s->zp);
    return result;
}

/* Sixteen outputs as bytes. */
static int bytes(struct store *s, int first, int second)
{
    int result = join(s, A64_SQXTN_B, A64_SQXTN2_B, first, second);
    if (s->g->is_quick)
        return result;
    IR(s->g->ir, A64_SMAX_B, result, s->lo);
    IR(s->g->ir, A64_SMIN_B, result, s->hi);
    return result;
}

static int value(struct store *s, int i, int j)
{
    int v = s->v[i * s->columns + j];
    return s->g->is_quick ? quick_round(s, v, i, j) : v;
}

/* Words of vector j of two rows, or of two vectors of one; rows beyond the last: -1. */
static int words_at(struct store *s, int rows, int i, int j, int next_i, int next_j)
{
    if (i >= rows)
        return -1;
    if (s->made[i][j])
        return s->made[i][j] - 1;
    int first = value(s, i, j), second = next_i < rows ? value(s, next_i, next_j) : -1;
    return words(s, first, second);
}

/* Sixteen bytes of rows from i on: 16 columns of one, 8 of two, or 4 of four. */
static int row_bytes(struct store *s, int rows, int i, int j, int width)
{
    int half[2];
    for (int k = 0; k < 2; k++) {
        if (width == 16)
            half[k] = words_at(s, rows, i, j + 2 * k, i, j + 2 * k + 1);
        else if (width == 8)
            half[k] = words_at(s, rows, i + k, j, i + k, j + 1);
        else
            half[k] = words_at(s, rows, i + 2 * k, j, i + 2 * k + 1, j);
    }
    return bytes(s, half[0], half[1]);
}

/* ---- Storing */

/* One row of a vector of bytes: `width` columns from lane `lane` on. Unless it is the last piece of
 * the row, the row's pointer moves behind it. */
static void store_piece(struct store *s, int v, int lane, int width, int row, int last)
{
    static const struct {
        int width, first, lane, first_post, lane_post;
    } ops[] = {
        { 16, A64_STR_Q, -1, A64_STR_Q_POST, -1 },
        { 8, A64_STR_D, A64_ST1_D, A64_STR_D_POST, A64_ST1_D_POST },
        { 4, A64_STR_S, A64_ST1_S, A64_STR_S_POST, A64_ST1_S_POST },
    };
    int pointer = s->g->c_row[row], k = width == 16 ? 0 : width == 8 ? 1 : 2;
    if (row >= s->g->mr)
        return;
    if (lane)
        IR(s->g->ir, last ? ops[k].lane : ops[k].lane_post, v, pointer, lane);
    else if (last)
        IR(s->g->ir, ops[k].first, v, pointer, 0);
    else
        IR(s->g->ir, ops[k].first_post, v, pointer, width);
}

static void store_rows(struct store *s, int i, int column, int width, int last)
{
    int v = row_bytes(s, s->g->mr, i, column / 4, width);
    for (int lane = 0; lane < 16 / width; lane++)
        store_piece(s, v, lane, width, i + lane, last);
}

/* Rows in pairs: their bytes come out two by two, and one uzp1 and uzp2 set them apart. */
static void store_pairs(struct store *s, int i, int column, int width, int last)
{
    int pairs = s->g->mr / 2, p = i / 2, j = column / 2, first, second, apart[2];
    if (width == 16) {
        first = row_bytes(s, pairs, p, j, 16);
        second = row_bytes(s, pairs, p, j + 4, 16);
    } else if (width == 8) {
        first = row_bytes(s, pairs, p, j, 16);
        second = p + 1 < pairs ? row_bytes(s, pairs, p + 1, j, 16) : first;
    } else {
        first = second = row_bytes(s, pairs, p, j, 8);
    }
    for (int k = 0; k < 2; k++) {
        apart[k] = vec(s, "temporaries");
        IR(s->g->ir, k ? A64_UZP2_H : A64_UZP1_H, apart[k], first, second);
    }
    for (int lane = 0; lane < (width == 16 ? 1 : 2); lane++)
        for (int k = 0; k < 2; k++)
            store_piece(s, apart[k], lane, width, i + 2 * lane + k, last);
}

/* s32: four columns of a row at a time; rows in pairs are set apart first. */
static void store_sums(struct store *s)
{
    struct gemm *g = s->g;
    for (int i = 0; i < g->mr; i++)
        for (int j = 0; j < g->nr / 4; j++) {
            int last = j == g->nr / 4 - 1;
            const int *sum = &s->v[s->in_pairs ? i / 2 * s->columns + 2 * j : i * s->columns + j];
            int v = s->in_pairs ? apply(s, i % 2 ? A64_TRN2_D : A64_TRN1_D, sum[0], sum[1]) : *sum;
            IR(g->ir, last ? A64_STR_Q : A64_STR_Q_POST, v, g->c_row[i], last ? 0 : 16);
        }
}

/* Two vectors of columns at a time, all rows of them: what is the same in a column is soon dead. */
static void make_words(struct store *s)
{
    for (int j = 0; j + 1 < s->columns; j += 2)
        for (int i = 0; i < s->rows; i++)
            s->made[i][j] = 1 + words_at(s, s->rows, i, j, i, j + 1);
}

static void store_bytes(struct store *s)
{
    struct gemm *g = s->g;
    if (a64_copies(g))
        make_words(s);
    for (int column = 0, width; column < g->nr; column += width) {
        int rest = g->nr - column, rows;
        width = rest >= 16 ? 16 : rest >= 8 ? 8 : 4;
        rows = s->in_pairs ? (width == 16 ? 2 : 4) : 16 / width;
        for (int i = 0; i < g->mr; i += rows)
            (s->in_pairs ? store_pairs : store_rows)(s, i, column, width, column + width == g->nr);
    }
}

void a64_gemm_store(struct gemm *g, int *v, int in_pairs)
{
    static void (*const rounds[KRN_EPILOGUE_COUNT])(struct store *) = {
        [KRN_EPILOGUE_FLOAT] = round_floats,
        [KRN_EPILOGUE_FIXED] = round_fixed,
        [KRN_EPILOGUE_ADD] = round_added,
    };
    int work[GEMM_MAX_ACC]; /* sums are stored twice, where there is a quick way */
    struct store s = { .g = g, .v = work, .in_pairs = in_pairs };
    int epilogue = g->v->knob[VAR_KNOB_EPILOGUE];
    s.columns = in_pairs ? g->nr / 2 : g->nr / 4;
    s.rows = in_pairs ? g->mr / 2 : g->mr;
    for (int i = 0; i < s.rows * s.columns; i++)
        work[i] = v[i];
    if (epilogue == KRN_EPILOGUE_SUMS) {
        store_sums(&s);
        return;
    }
    if (g->is_quick) {
        quick_begin(&s);
    } else {
        rounds[epilogue](&s);
        load_out(&s);
    }
    store_bytes(&s);
}

void a64_row_store(const struct gemm *g, int panel, const int *v, int c, int add)
{
    struct gemm row = *g;
    int sums[GEMM_MAX_ACC];
    row.mr = 1;
    row.panel = panel;
    row.add_row[0] = add;
    row.c_row[0] = ir_vreg(g->ir, IR_GPR, "temporaries");
    IR(g->ir, IR_MOV, row.c_row[0], c);
    for (int j = 0; j < g->nr / 4; j++)
        sums[j] = v[j];
    a64_gemm_store(&row, sums, 0);
}
