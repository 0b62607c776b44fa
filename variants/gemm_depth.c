/* GEMM: the loops over the depth of a tile: bodies of several blocks, pipelined or not, then block
 * by block, then what is left. */
#include "variants/gemm_int.h"
#include "variants/weave.h"

static void prefetch(struct gemm *g, int reg, int from, int bytes, int distance)
{
    for (int offset = (from + 63) / 64 * 64; offset < from + bytes && distance; offset += 64)
        IR(g->ir, IR_PREFETCH_L1, reg, offset + distance);
}

static void block_body(struct gemm *g, int step)
{
    int block = g->block, groups = block / g->kr;
    int b_offset = step * groups * g->group_bytes, a_bytes = g->mr * block * g->a_bytes;
    for (int i = 0; i < g->mr && !g->packed; i++)
        prefetch(g, g->row[i], step * block, block, g->v->knob[VAR_KNOB_PREFETCH_A]);
    if (g->packed)
        prefetch(g, g->row[0], step * a_bytes, a_bytes, g->v->knob[VAR_KNOB_PREFETCH_A]);
    prefetch(g, g->w, b_offset, groups * g->group_bytes, g->v->knob[VAR_KNOB_PREFETCH_B]);
    g->scheme->load_a(g, step * (g->packed ? a_bytes : block));
    g->groups = g->scheme->whole ? groups : 1;
    for (int group = 0; group < groups; group += g->groups)
        g->scheme->group(g, group, b_offset + group * g->group_bytes);
}

static void begin_streams(struct gemm *g, int steps)
{
    int depth = steps * g->block;
    g->a_stream = (struct gemm_stream) { .base = g->row[0], .group = "A", .moves = g->post };
    g->a_stream.count = g->packed ? depth * g->mr * g->a_bytes / 16 : 0;
    g->b_stream = (struct gemm_stream) { .base = g->w, .group = "B", .moves = g->post };
    g->b_stream.count = depth / g->kr * g->group_bytes / 16;
    g->a_stream.split = g->b_stream.split = g->v->knob[VAR_KNOB_FORM] == 3;
}

static void begin_index(struct gemm *g, int steps)
{
    for (int step = 1; step < steps && g->index[0] >= 0; step++) {
        g->index[step] = ir_vreg(g->ir, IR_GPR, "depth offset of A");
        IR(g->ir, IR_SUM_IMM, g->index[step], g->index[0], step * g->block);
    }
}

static void advance(struct gemm *g, int steps)
{
    struct ir *ir = g->ir;
    int depth = steps * g->block;
    if (g->post)
        return;
    if (g->index[0] >= 0)
        for (int step = 0; step < steps; step++)
            IR(ir, IR_ADD_IMM, g->index[step], depth);
    else if (g->packed)
        IR(ir, IR_ADD_IMM, g->row[0], depth * g->mr * g->a_bytes);
    else
        for (int i = 0; i < g->mr; i++)
            IR(ir, IR_ADD_IMM, g->row[i], depth);
    IR(ir, IR_ADD_IMM, g->w, depth / g->kr * g->group_bytes);
}

static void weave_body(struct gemm *g, int begin, int wraps, struct ir_woven *woven)
{
    static const enum weave_core cores[] = { [2] = WEAVE_A55, [3] = WEAVE_A53, [4] = WEAVE_A510 };
    ir_weave(g->ir, begin, cores[g->v->knob[VAR_KNOB_SCHEDULE]], wraps, woven);
}

static void loop_body(struct gemm *g, int steps)
{
    int begin = g->ir->insn_count, macs_per_load = g->nr > 8 ? 8 : 4;
    begin_streams(g, steps);
    for (int step = 0; step < steps; step++)
        block_body(g, step);
    if (g->v->knob[VAR_KNOB_SCHEDULE] == 1)
        ir_spread(g->ir, begin, g->ir->insn_count, macs_per_load);
    advance(g, steps);
    if (var_is_woven(g->v)) {
        struct ir_woven woven;
        weave_body(g, begin, 0, &woven);
        ir_woven_add(g->ir, &woven, WEAVE_FIRST);
        ir_woven_add(g->ir, &woven, WEAVE_LOOP);
        ir_woven_clear(&woven);
    }
}

/* As depth_loop(), but each iteration loads what the next one begins with: k is one body ahead. */
static void pipelined_loop(struct gemm *g, const char *name, int steps, int done)
{
    struct ir *ir = g->ir;
    struct ir_woven woven;
    int depth = steps * g->block, loop = ir_label(ir, "%s", name);
    int last = ir_label(ir, "%s_last", name), skip = ir_label(ir, "%s_end", name);
    ir_comment(ir, "%s loop: %d of depth, pipelined", name, depth);
    IR(ir, IR_SUB_JUMP_NEG, g->k, depth, skip);
    int begin = ir->insn_count;
    begin_streams(g, steps);
    for (int step = 0; step < steps; step++)
        block_body(g, step);
    advance(g, steps);
    IR(ir, IR_SUB_FLAGS, g->k, depth);
    weave_body(g, begin, 1, &woven);
    ir_woven_loop(ir, &woven, g->k, depth, loop, last);
    IR(ir, IR_LABEL, skip);
    IR(ir, IR_ADD_JUMP_ZERO, g->k, depth, done);
}

/* while (k >= steps * block) steps bodies; leaves k as the rest, or jumps if there is none. */
static void depth_loop(struct gemm *g, const char *name, int steps, int done)
{
    struct ir *ir = g->ir;
    int depth = steps * g->block;
    int loop = ir_label(ir, "%s", name), skip = ir_label(ir, "%s_end", name);
    ir_comment(ir, "%s loop: %d of depth", name, depth);
    IR(ir, IR_SUB_JUMP_NEG, g->k, depth, skip);
    begin_index(g, steps);
    IR(ir, IR_LABEL, loop);
    loop_body(g, steps);
    IR(ir, IR_SUB_JUMP_POS, g->k, depth, loop);
    IR(ir, IR_LABEL, skip);
    IR(ir, IR_ADD_JUMP_ZERO, g->k, depth, done);
}

/* Packed A is zero beyond k, and so is B: whole groups only, and no tail. */
static void group_loop(struct gemm *g)
{
    struct ir *ir = g->ir;
    int loop = ir_label(ir, "group");
    ir_comment(ir, "group loop: %d of depth", g->block);
    IR(ir, IR_LABEL, loop);
    loop_body(g, 1);
    IR(ir, IR_SUB_JUMP_MORE, g->k, g->block, loop);
}

/* The last k < block bytes of one row, zero-extended, in general registers: never a byte beyond. */
static void tail_row(struct gemm *g, int row)
{
    struct ir *ir = g->ir;
    static const int load[] = { IR_LOAD8, IR_LOAD16, IR_LOAD32 };
    int part = ir_vreg(ir, IR_GPR, "temporaries"), hi = -1;
    IR(ir, IR_MOV_IMM, part, 0);
    IR(ir, IR_ADD, g->row[row], g->k);
    if (g->index[0] >= 0)
        IR(ir, IR_ADD, g->row[row], g->index[0]);
    for (int bit = 0; 1 << bit < g->block && bit < 3; bit++) {
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
    if (g->block > 8) {
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

static void depth_tail(struct gemm *g, int done)
{
    struct ir *ir = g->ir;
    int groups = g->block / g->kr;
    ir_comment(ir, "depth tail: 1 to %d bytes of each row, zero-extended", g->block - 1);
    for (int i = 0; i < g->mr; i++)
        tail_row(g, i);
    g->groups = 1;
    for (int group = 0; group < groups; group++) {
        if (group)
            IR(ir, IR_JUMP_LE, g->k, group * g->kr, done);
        g->b_stream = (struct gemm_stream) { .base = g->w, .group = "B", .single = 1 };
        g->b_stream.count = g->group_bytes / 16;
        g->scheme->group(g, group, 0);
        IR(ir, IR_ADD_IMM, g->w, g->group_bytes);
    }
}

void gemm_depth_loops(struct gemm *g)
{
    int done = ir_label(g->ir, "depth_end");
    if (g->v->knob[VAR_KNOB_PIPELINE])
        pipelined_loop(g, "main", g->unroll, done);
    else if (g->unroll > 1)
        depth_loop(g, "main", g->unroll, done);
    if (g->packed) {
        group_loop(g);
    } else {
        depth_loop(g, "block", 1, done);
        depth_tail(g, done);
    }
    IR(g->ir, IR_LABEL, done);
}
