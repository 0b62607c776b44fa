/* GEMM and IGEMM: the outline. Loads of A and B, MACs and the epilogue come from the scheme. */
#include "variants/gemm_int.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define ARG(field) ((int)offsetof(struct krn_gemm_args, field))

int gemm_argument(struct ir *ir)
{
    int args = ir_vreg(ir, IR_GPR, "arguments");
    if (!ir->failed)
        ir->vreg[args].fixed = ir->target->argument;
    return args;
}

static int load_arg(struct gemm *g, const char *group, int offset)
{
    int reg = ir_vreg(g->ir, IR_GPR, group);
    IR(g->ir, IR_LOAD64, reg, g->args, offset);
    return reg;
}

/* Rows of A at a fixed stride: rows >= m are row m - 1 again. */
static void begin_rows(struct gemm *g)
{
    struct ir *ir = g->ir;
    ir_comment(ir, "rows of A: those beyond m repeat the last one");
    g->row[0] = load_arg(g, "rows of A", ARG(a));
    if (g->mr == 1)
        return;
    int stride = load_arg(g, "temporaries", ARG(a_stride)), m = load_arg(g, "temporaries", ARG(m));
    int next = ir_vreg(ir, IR_GPR, "temporaries");
    for (int i = 1; i < g->mr; i++) {
        g->row[i] = ir_vreg(ir, IR_GPR, "rows of A");
        IR(ir, IR_SUM, next, g->row[i - 1], stride);
        IR(ir, IR_SELECT_GT, g->row[i], m, i, next, g->row[i - 1]);
    }
}

/* Rows of one tap, from the table. */
static void load_rows(struct gemm *g)
{
    struct ir *ir = g->ir;
    ir_comment(ir, "rows of A of this tap");
    int offset = load_arg(g, "temporaries", ARG(a_stride));
    for (int i = 0; i < g->mr; i++) {
        g->row[i] = ir_vreg(ir, IR_GPR, "rows of A");
        IR(ir, IR_LOAD64, g->row[i], g->table, 8 * i);
        IR(ir, IR_ADD, g->row[i], offset);
    }
    IR(ir, IR_ADD_IMM, g->table, 8 * g->mr);
}

/* ---- Depth */

static void prefetch(struct gemm *g, int reg, int from, int bytes, int distance)
{
    for (int offset = (from + 63) / 64 * 64; offset < from + bytes && distance; offset += 64)
        IR(g->ir, IR_PREFETCH_L1, reg, offset + distance);
}

static void block_body(struct gemm *g, int step)
{
    int block = g->scheme->block, groups = block / g->kr;
    int b_offset = step * groups * g->group_bytes;
    for (int i = 0; i < g->mr; i++)
        prefetch(g, g->row[i], step * block, block, g->v->knob[VAR_KNOB_PREFETCH_A]);
    prefetch(g, g->w, b_offset, groups * g->group_bytes, g->v->knob[VAR_KNOB_PREFETCH_B]);
    g->scheme->load_a(g, step * block);
    for (int group = 0; group < groups; group++)
        g->scheme->group(g, group, b_offset + group * g->group_bytes);
}

/* while (k >= steps * block) steps bodies; leaves k as the rest. */
static void depth_loop(struct gemm *g, const char *name, int steps)
{
    struct ir *ir = g->ir;
    int depth = steps * g->scheme->block, macs_per_load = g->nr > 8 ? 8 : 4;
    int loop = ir_label(ir, "%s", name), skip = ir_label(ir, "%s_end", name);
    ir_comment(ir, "%s loop: %d of depth", name, depth);
    IR(ir, IR_SUB_JUMP_NEG, g->k, depth, skip);
    IR(ir, IR_LABEL, loop);
    int begin = ir->insn_count;
    for (int step = 0; step < steps; step++)
        block_body(g, step);
    if (g->v->knob[VAR_KNOB_SCHEDULE] == 1)
        ir_spread(ir, begin, ir->insn_count, macs_per_load);
    for (int i = 0; i < g->mr; i++)
        IR(ir, IR_ADD_IMM, g->row[i], depth);
    IR(ir, IR_ADD_IMM, g->w, depth / g->kr * g->group_bytes);
    IR(ir, IR_SUB_JUMP_POS, g->k, depth, loop);
    IR(ir, IR_LABEL, skip);
    IR(ir, IR_ADD_IMM, g->k, depth);
}

/* The last k < block bytes of one row, zero-extended, in general registers: never a byte beyond. */
static void tail_row(struct gemm *g, int row)
{
    struct ir *ir = g->ir;
    static const int load[] = { IR_LOAD8, IR_LOAD16, IR_LOAD32 };
    int part = ir_vreg(ir, IR_GPR, "temporaries"), hi = -1;
    IR(ir, IR_MOV_IMM, part, 0);
    IR(ir, IR_ADD, g->row[row], g->k);
    for (int bit = 0; 1 << bit < g->scheme->block && bit < 3; bit++) {
        int skip = ir_label(ir, "row%d_bit%d", row, bit), bytes = 1 << bit;
        IR(ir, IR_JUMP_BIT_CLEAR, g->k, bit, skip);
        if (bit == 0) {
            IR(ir, load[bit], part, g->row[row], -bytes);
        } else {
            int piece = ir_vreg(ir, IR_GPR, "temporaries");
            IR(ir, load[bit], piece, g->row[row], -bytes);
            IR(ir, IR_SHL_IMM, part, 8 * bytes);
            IR(ir, IR_OR, part, piece);
        }
        IR(ir, IR_ADD_IMM, g->row[row], -bytes);
        IR(ir, IR_LABEL, skip);
    }
    if (g->scheme->block > 8) {
        int skip = ir_label(ir, "row%d_bit3", row);
        hi = ir_vreg(ir, IR_GPR, "temporaries");
        IR(ir, IR_MOV_IMM, hi, 0);
        IR(ir, IR_JUMP_BIT_CLEAR, g->k, 3, skip);
        IR(ir, IR_MOV, hi, part);
        IR(ir, IR_LOAD64, part, g->row[row], -8);
        IR(ir, IR_LABEL, skip);
    }
    g->scheme->tail_a(g, row, part, hi);
}

static void depth_tail(struct gemm *g)
{
    struct ir *ir = g->ir;
    int done = ir_label(ir, "tail_end"), groups = g->scheme->block / g->kr;
    IR(ir, IR_JUMP_ZERO, g->k, done);
    ir_comment(ir, "depth tail: 1 to %d bytes of each row, zero-extended", g->scheme->block - 1);
    for (int i = 0; i < g->mr; i++)
        tail_row(g, i);
    for (int group = 0; group < groups; group++) {
        if (group)
            IR(ir, IR_JUMP_LE, g->k, group * g->kr, done);
        g->scheme->group(g, group, 0);
        IR(ir, IR_ADD_IMM, g->w, g->group_bytes);
    }
    IR(ir, IR_LABEL, done);
}

/* ---- Rows of C */

void gemm_c_rows_begin(struct ir *ir, int args, struct gemm_rows *rows)
{
    rows->pointer = ir_vreg(ir, IR_GPR, "row of C");
    rows->stride = ir_vreg(ir, IR_GPR, "temporaries");
    rows->m = ir_vreg(ir, IR_GPR, "temporaries");
    IR(ir, IR_LOAD64, rows->pointer, args, ARG(c));
    IR(ir, IR_LOAD64, rows->stride, args, ARG(c_stride));
    IR(ir, IR_LOAD64, rows->m, args, ARG(m));
}

void gemm_c_rows_next(struct ir *ir, struct gemm_rows *rows, int row)
{
    int next = ir_vreg(ir, IR_GPR, "temporaries"), pointer = ir_vreg(ir, IR_GPR, "row of C");
    IR(ir, IR_SUM, next, rows->pointer, rows->stride);
    IR(ir, IR_SELECT_GT, pointer, rows->m, row, next, rows->pointer);
    rows->pointer = pointer;
}

int gemm_build(struct ir *ir, const struct var_variant *v, const struct gemm_scheme *scheme,
               char *err, size_t err_bytes)
{
    const struct var_domain *domain = var_domain_find(v, NULL, 0);
    struct gemm g = { .ir = ir, .v = v, .scheme = scheme };
    int indirect = v->family == KRN_FAMILY_IGEMM, tap = ir_label(ir, "tap");
    g.mr = v->knob[VAR_KNOB_MR];
    g.nr = v->knob[VAR_KNOB_NR];
    g.kr = v->knob[VAR_KNOB_KR];
    g.group_bytes = g.nr * g.kr * domain->w_bytes;
    int accumulators = g.mr * g.nr / scheme->lanes, vectors = ir->target->file[IR_VEC].count;
    if (accumulators >= vectors) {
        snprintf(err, err_bytes, "needs %d accumulators and has %d vector registers", accumulators,
                 vectors);
        return -ENOTSUP;
    }
    g.args = gemm_argument(ir);
    if (!indirect)
        begin_rows(&g);
    g.w = load_arg(&g, "panel of B", ARG(w));
    ir_comment(ir, "accumulators = bias");
    scheme->init(&g);
    IR(ir, IR_ADD_IMM, g.w, 8 * g.nr);
    if (indirect) {
        g.table = load_arg(&g, "table of rows", ARG(a));
        g.taps = load_arg(&g, "taps left", ARG(taps));
        IR(ir, IR_LABEL, tap);
        load_rows(&g);
    }
    g.k = load_arg(&g, "depth left", ARG(k));
    if (v->knob[VAR_KNOB_UNROLL] > 1)
        depth_loop(&g, "main", v->knob[VAR_KNOB_UNROLL]);
    depth_loop(&g, "block", 1);
    depth_tail(&g);
    if (indirect) {
        IR(ir, IR_ADD_IMM, g.taps, -1);
        IR(ir, IR_JUMP_NONZERO, g.taps, tap);
    }
    ir_comment(ir, "requantise: float, scale, clamp, round half to even, zero point, narrow");
    scheme->store(&g);
    return 0;
}
