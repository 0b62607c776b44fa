/* AArch64 depthwise by columns.
 *
 * v8.0 (KR 1): a slot holds the inputs as they are. smull and smlal sum two taps in 16 bits (at
 * most 2 * 128 * 127), saddw adds them to the 32-bit sums.
 * dotprod (KR 4): a column is transposed once, so that each 32-bit lane holds four rows of one
 * channel, and serves every window that it is in and every output row: sdot against the rows'
 * weights, which packing has shifted and padded with zeros. */
#include "variants/a64_int.h"
#include "variants/dwc_int.h"

#include <stddef.h>

static int vec(struct dwc *d, const char *group)
{
    return ir_vreg(d->ir, IR_VEC, group);
}

/* 32-bit vectors of a row of outputs. */
static int vectors_of(const struct dwc *d)
{
    return d->nr / 4;
}

static void constants(struct dwc *d)
{
    static const struct {
        int field, op;
    } rows[] = { { offsetof(struct krn_out, lo), A64_DUP_B },
                 { offsetof(struct krn_out, hi), A64_DUP_B },
                 { offsetof(struct krn_out, zp), A64_DUP_H } };
    int *regs[] = { &d->out.lo, &d->out.hi, &d->out.zp };
    if (d->v->knob[VAR_KNOB_EPILOGUE] != KRN_EPILOGUE_FLOAT)
        return; /* loaded where they are used */
    for (int i = 0; i < 3; i++) {
        int word = ir_vreg(d->ir, IR_GPR, "temporaries");
        *regs[i] = vec(d, "bounds, zero point");
        IR(d->ir, IR_LOAD32, word, d->args, (int)offsetof(struct krn_dw_args, out) + rows[i].field);
        IR(d->ir, rows[i].op, *regs[i], word);
    }
}

/* `count` quadwords at base + offset into fresh registers, in pairs where the offset allows it. */
static void load_vectors(struct dwc *d, const char *group, int *v, int count, int base, int offset)
{
    for (int i = 0; i < count; i++)
        v[i] = vec(d, group);
    for (int i = 0; i < count; i += 2, offset += 32) {
        if (i + 1 < count && offset + 16 <= 1008) {
            IR(d->ir, A64_LDP_Q, v[i], v[i + 1], base, offset);
            continue;
        }
        IR(d->ir, A64_LDR_Q, v[i], base, offset);
        if (i + 1 < count)
            IR(d->ir, A64_LDR_Q, v[i + 1], base, offset + 16);
    }
}

/* The inputs of one column. */
static void load_inputs(struct dwc *d, const int *in, int offset)
{
    struct ir *ir = d->ir;
    int pointer[DWC_MAX_VECTORS];
    for (int i = 0; i < d->column; i++)
        pointer[i] = ir_vreg(ir, IR_GPR, "pointers of a column");
    for (int i = 0; i + 1 < d->column; i += 2)
        IR(ir, A64_LDP_X, pointer[i], pointer[i + 1], d->table, offset + 8 * i);
    if (d->column % 2)
        IR(ir, IR_LOAD64, pointer[d->column - 1], d->table, offset + 8 * (d->column - 1));
    for (int i = 0; i < d->column; i++)
        IR(ir, d->nr == 8 ? A64_LDR_D_REG : A64_LDR_Q_REG, in[i], pointer[i], d->first);
}

static void load_bias(struct dwc *d)
{
    for (int r = 0; r < d->rows; r++)
        load_vectors(d, "accumulators", d->acc[r], vectors_of(d), d->record, 0);
}

/* ---- Epilogue */

/* `count` vectors of sums, one after the other, to 4 * count bytes in one register. */
static int narrow(struct dwc *d, const int *acc, const int *scale, int count)
{
    static const int to_half[] = { A64_SQXTN_H, A64_SQXTN2_H };
    static const int to_byte[] = { A64_SQXTN_B, A64_SQXTN2_B };
    int v[4], half[2], bytes = vec(d, "temporaries");
    for (int i = 0; i < count; i++) {
        v[i] = vec(d, "temporaries");
        IR(d->ir, A64_SCVTF, v[i], acc[i]);
    }
    for (int i = 0; i < count; i++)
        IR(d->ir, A64_FMUL, v[i], v[i], scale[i]);
    for (int i = 0; i < count; i++)
        IR(d->ir, A64_FCVTNS, v[i], v[i]);
    for (int i = 0; i < count; i++) {
        if (i % 2 == 0)
            half[i / 2] = vec(d, "temporaries");
        IR(d->ir, to_half[i % 2], half[i / 2], v[i]);
    }
    for (int i = 0; i < count / 2; i++)
        IR(d->ir, A64_SQADD_H, half[i], d->out.zp);
    for (int i = 0; i < count / 2; i++)
        IR(d->ir, to_byte[i], bytes, half[i]);
    IR(d->ir, A64_SMAX_B, bytes, d->out.lo);
    IR(d->ir, A64_SMIN_B, bytes, d->out.hi);
    return bytes;
}

/* Any other epilogue, row by row. */
static void store_rows(struct dwc *d)
{
    const struct gemm row = { .ir = d->ir,
                              .v = d->v,
                              .nr = d->nr,
                              .args = d->args,
                              .add_at = offsetof(struct krn_dw_args, add) };
    for (int r = 0; r < d->rows; r++) {
        a64_row_store(&row, d->record, d->acc[r], d->c[r], d->add[r]);
        IR(d->ir, IR_ADD, d->c[r], d->c_stride);
        if (d->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD)
            IR(d->ir, IR_ADD, d->add[r], d->add_stride);
    }
}

static void store(struct dwc *d)
{
    int scale[8], vectors = vectors_of(d);
    if (d->v->knob[VAR_KNOB_EPILOGUE] != KRN_EPILOGUE_FLOAT) {
        store_rows(d);
        return;
    }
    load_vectors(d, "scales", scale, vectors, d->record, 4 * d->nr);
    if (vectors == 4) {
        for (int r = 0; r < d->rows; r++)
            IR(d->ir, A64_ST1_Q_NEXT, narrow(d, d->acc[r], scale, 4), d->c[r], d->c_stride);
        return;
    }
    int acc[4], count = 2 * d->rows;
    for (int i = 0; i < count; i++) {
        acc[i] = d->acc[i / 2][i % 2];
        scale[i] = scale[i % 2];
    }
    int bytes = narrow(d, acc, scale, count);
    IR(d->ir, A64_ST1_D0_NEXT, bytes, d->c[0], d->c_stride);
    if (d->rows > 1)
        IR(d->ir, A64_ST1_D1_NEXT, bytes, d->c[1], d->c_stride);
}

/* ---- v8.0 */

static void mull_begin(struct dwc *d)
{
    int taps = d->filter * d->filter, weights = 4 * d->nr * var_head_words(d->v);
    if (d->nr == 16)
        load_vectors(d, "weights", d->weight, taps, d->record, weights);
    for (int t = 0; t < taps && d->nr == 8; t++) {
        d->weight[t] = vec(d, "weights");
        IR(d->ir, A64_LDR_D, d->weight[t], d->record, weights + 8 * t);
    }
}

static int mull_vectors(const struct dwc *d)
{
    return d->column;
}

/* Two taps, or the odd last one, of half a register of row r. */
static void mull_pair(struct dwc *d, int first, int r, int half, int tap)
{
    static const int multiply[2][2] = { { A64_SMULL, A64_SMLAL }, { A64_SMULL2, A64_SMLAL2 } };
    int product = vec(d, "products"), taps = d->filter * d->filter;
    for (int t = tap; t < tap + 2 && t < taps; t++) {
        int slot = (first + t / d->filter) % d->filter, y = t % d->filter + r * d->stride;
        IR(d->ir, multiply[half][t - tap], product, d->slot[slot][y], d->weight[t]);
    }
    IR(d->ir, A64_SADDW, d->acc[r][2 * half], product);
    IR(d->ir, A64_SADDW2, d->acc[r][2 * half + 1], product);
}

static void mull_macs(struct dwc *d, int first)
{
    load_bias(d);
    for (int tap = 0; tap < d->filter * d->filter; tap += 2)
        for (int r = 0; r < d->rows; r++)
            for (int half = 0; half < d->nr / 8; half++)
                mull_pair(d, first, r, half, tap);
}

/* ---- dotprod */

/* Whether group g of a column has any of the filter's rows of output row r. */
static int is_used(const struct dwc *d, int g, int r)
{
    int begin = r * d->stride, end = begin + d->filter;
    return 4 * g < end && 4 * g + 4 > begin;
}

/* Weights of column kx, group g, row r: offset from the record. */
static int weight_offset(const struct dwc *d, int kx, int g, int r)
{
    return 4 * d->nr * var_head_words(d->v) + ((kx * d->groups + g) * d->rows + r) * 4 * d->nr;
}

static int stays_in_registers(const struct dwc *d)
{
    return d->filter == 3;
}

static void dot_begin(struct dwc *d)
{
    int vectors = vectors_of(d);
    for (int kx = 0; kx < d->filter; kx++)
        for (int g = 0; g < d->groups; g++)
            for (int r = 0; r < d->rows && stays_in_registers(d); r++)
                if (is_used(d, g, r))
                    load_vectors(d, "weights",
                                 &d->weight[((kx * d->groups + g) * d->rows + r) * vectors],
                                 vectors, d->record, weight_offset(d, kx, g, r));
}

static int dot_vectors(const struct dwc *d)
{
    return d->groups * vectors_of(d);
}

/* Up to four rows to registers with four channels each. Bytes of rows that are none meet zeros. */
static void transpose(struct dwc *d, const int *in, int rows, const int *out)
{
    static const int zip_b[] = { A64_ZIP1_B, A64_ZIP2_B };
    for (int half = 0; half < d->nr / 8; half++) {
        int low = vec(d, "temporaries"), high = low;
        IR(d->ir, zip_b[half], low, in[0], in[rows > 1 ? 1 : 0]);
        if (rows > 2) {
            high = vec(d, "temporaries");
            IR(d->ir, zip_b[half], high, in[2], in[rows - 1]);
        }
        IR(d->ir, A64_ZIP1_H, out[2 * half], low, high);
        IR(d->ir, A64_ZIP2_H, out[2 * half + 1], low, high);
    }
}

static void dot_column(struct dwc *d, const int *slot, int offset)
{
    int in[DWC_MAX_VECTORS];
    for (int i = 0; i < d->column; i++)
        in[i] = vec(d, "A");
    load_inputs(d, in, offset);
    for (int g = 0; g < d->groups; g++) {
        int rows = d->column - 4 * g < 4 ? d->column - 4 * g : 4;
        transpose(d, in + 4 * g, rows, slot + g * vectors_of(d));
    }
}

static void dot_group(struct dwc *d, int first, int kx, int g, int r)
{
    int vectors = vectors_of(d), loaded[4], slot = (first + kx) % d->filter;
    int *weight = loaded;
    if (stays_in_registers(d))
        weight = &d->weight[((kx * d->groups + g) * d->rows + r) * vectors];
    else
        load_vectors(d, "B", weight, vectors, d->record, weight_offset(d, kx, g, r));
    for (int j = 0; j < vectors; j++)
        IR(d->ir, A64_SDOT, d->acc[r][j], d->slot[slot][g * vectors + j], weight[j]);
}

static void dot_macs(struct dwc *d, int first)
{
    load_bias(d);
    for (int kx = 0; kx < d->filter; kx++)
        for (int g = 0; g < d->groups; g++)
            for (int r = 0; r < d->rows; r++)
                if (is_used(d, g, r))
                    dot_group(d, first, kx, g, r);
}

void a64_dwc_build(struct ir *ir, const struct var_variant *v)
{
    static const struct dwc_scheme schemes[] = {
        [KRN_ISA_NEON] = { constants, mull_vectors, mull_begin, load_inputs, mull_macs, store },
        [KRN_ISA_DOTPROD] = { constants, dot_vectors, dot_begin, dot_column, dot_macs, store },
    };
    dwc_build(ir, v, &schemes[v->isa]);
}
