/* GEMM and IGEMM: the outline. Loads of A and B, MACs and the epilogue come from the scheme. */
#include "variants/gemm_int.h"
#include "variants/weave.h"

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

static void row_registers(struct gemm *g, int *row, const char *group)
{
    for (int i = 0; i < g->mr; i++)
        row[i] = ir_vreg(g->ir, IR_GPR, group);
}

/* Rows at a fixed stride from row[0] on; those beyond m repeat the last one. */
static void clamped_rows(struct gemm *g, const int *row, int stride, int m)
{
    struct ir *ir = g->ir;
    int next = ir_vreg(ir, IR_GPR, "temporaries");
    for (int i = 1; i < g->mr; i++) {
        IR(ir, IR_SUM, next, row[i - 1], stride);
        IR(ir, IR_SELECT_GT, row[i], m, i, next, row[i - 1]);
    }
}

/* The same from `*next` on, for whole tiles without a comparison each. *next moves to the tile
 * below, if there is one. */
static void tile_rows(struct gemm *g, const char *name, int *row, const char *group, int *next,
                      int stride)
{
    struct ir *ir = g->ir;
    int few = ir_label(ir, "%s_few", name), done = ir_label(ir, "%s_done", name);
    row_registers(g, row, group);
    IR(ir, IR_MOV, row[0], *next);
    if (g->mr > 1)
        IR(ir, IR_JUMP_LE, g->left, g->mr - 1, few);
    for (int i = 1; i < g->mr; i++)
        IR(ir, IR_SUM, row[i], row[i - 1], stride);
    IR(ir, IR_SUM, *next, row[g->mr - 1], stride);
    if (g->mr == 1)
        return;
    IR(ir, IR_JUMP, done);
    IR(ir, IR_LABEL, few);
    clamped_rows(g, row, stride, g->left);
    IR(ir, IR_LABEL, done);
}

static void begin_rows(struct gemm *g)
{
    struct ir *ir = g->ir;
    ir_comment(ir, "rows of A: those beyond m repeat the last one");
    if (g->scheme->many) {
        int stride = load_arg(g, "temporaries", ARG(a_stride));
        tile_rows(g, "a", g->row, "rows of A", &g->a_next, stride);
        return;
    }
    row_registers(g, g->row, "rows of A");
    IR(ir, IR_LOAD64, g->row[0], g->args, ARG(a));
    if (g->mr == 1)
        return;
    int stride = load_arg(g, "temporaries", ARG(a_stride)), m = load_arg(g, "temporaries", ARG(m));
    clamped_rows(g, g->row, stride, m);
}

static int head_bytes(const struct gemm *g)
{
    return 4 * g->nr * var_head_words(g->v);
}

/* Rows of one tap, from the table. */
static void load_rows(struct gemm *g)
{
    struct ir *ir = g->ir;
    ir_comment(ir, "rows of A of this tap");
    int offset = load_arg(g, "temporaries", ARG(a_stride));
    row_registers(g, g->row, "rows of A");
    for (int i = 0; i < g->mr; i++) {
        if (i + 1 < g->mr && ir->target->ops[IR_LOAD64_PAIR].text) {
            IR(ir, IR_LOAD64_PAIR, g->row[i], g->row[i + 1], g->table, 8 * i);
            i++;
        } else {
            IR(ir, IR_LOAD64, g->row[i], g->table, 8 * i);
        }
    }
    for (int i = 0; i < g->mr && g->index[0] < 0; i++)
        IR(ir, IR_ADD, g->row[i], offset);
    if (g->index[0] >= 0)
        IR(ir, IR_MOV, g->index[0], offset);
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
    int block = g->block, groups = block / g->kr;
    int b_offset = step * groups * g->group_bytes, a_bytes = g->mr * block;
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
    g->a_stream.count = g->packed ? depth * g->mr / 16 : 0;
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
        IR(ir, IR_ADD_IMM, g->row[0], depth * g->mr);
    else
        for (int i = 0; i < g->mr; i++)
            IR(ir, IR_ADD_IMM, g->row[i], depth);
    IR(ir, IR_ADD_IMM, g->w, depth / g->kr * g->group_bytes);
}

static int is_woven(const struct var_variant *v)
{
    return v->knob[VAR_KNOB_SCHEDULE] >= 2;
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
    if (is_woven(g->v)) {
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
    ir_woven_add(ir, &woven, WEAVE_FIRST);
    IR(ir, IR_SUB_JUMP_NEG, g->k, depth, last);
    IR(ir, IR_LABEL, loop);
    ir_woven_add(ir, &woven, WEAVE_LOOP);
    IR(ir, IR_JUMP_POS, loop);
    IR(ir, IR_LABEL, last);
    ir_woven_add(ir, &woven, WEAVE_LAST);
    IR(ir, IR_LABEL, skip);
    IR(ir, IR_ADD_JUMP_ZERO, g->k, depth, done);
    ir_woven_clear(&woven);
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

/* ---- Rows of C, and of the second tensor */

static void rows_begin(struct ir *ir, int args, int pointer, int stride, struct gemm_rows *rows)
{
    rows->pointer = ir_vreg(ir, IR_GPR, "row of C");
    rows->stride = ir_vreg(ir, IR_GPR, "temporaries");
    rows->m = ir_vreg(ir, IR_GPR, "temporaries");
    IR(ir, IR_LOAD64, rows->pointer, args, pointer);
    IR(ir, IR_LOAD64, rows->stride, args, stride);
    IR(ir, IR_LOAD64, rows->m, args, ARG(m));
}

void gemm_c_rows_begin(struct ir *ir, int args, struct gemm_rows *rows)
{
    rows_begin(ir, args, ARG(c), ARG(c_stride), rows);
}

void gemm_add_rows_begin(struct ir *ir, int args, struct gemm_rows *rows)
{
    rows_begin(ir, args, ARG(add), ARG(add_stride), rows);
}

void gemm_rows_next(struct ir *ir, struct gemm_rows *rows, int row)
{
    int next = ir_vreg(ir, IR_GPR, "temporaries"), pointer = ir_vreg(ir, IR_GPR, "row of C");
    IR(ir, IR_SUM, next, rows->pointer, rows->stride);
    IR(ir, IR_SELECT_GT, pointer, rows->m, row, next, rows->pointer);
    rows->pointer = pointer;
}

/* ---- The tile */

static void depth_loops(struct gemm *g)
{
    int unroll = g->v->knob[VAR_KNOB_UNROLL], done = ir_label(g->ir, "depth_end");
    g->k = load_arg(g, "depth left", ARG(k));
    if (g->v->knob[VAR_KNOB_PIPELINE])
        pipelined_loop(g, "main", unroll, done);
    else if (unroll > 1)
        depth_loop(g, "main", unroll, done);
    if (g->packed) {
        group_loop(g);
    } else {
        depth_loop(g, "block", 1, done);
        depth_tail(g, done);
    }
    IR(g->ir, IR_LABEL, done);
}

const char *const gemm_epilogue_texts[KRN_EPILOGUE_COUNT] = {
    [KRN_EPILOGUE_FLOAT] =
        "requantise: float, scale, clamp, round half to even, zero point, narrow",
    [KRN_EPILOGUE_FIXED] = "requantise: multiply, shift, zero point, narrow, clamp",
    [KRN_EPILOGUE_SUMS] = "store the sums",
    [KRN_EPILOGUE_ADD] = "requantise: float, scale, add the second tensor, round, narrow",
};

/* As it is written, one output follows the other, and in each an instruction waits for the one
 * before it: no matter where instructions overtake each other. Where they do not, several outputs
 * are under way at once: as many as leave registers for the accumulators. */
static void store_sums(struct gemm *g)
{
    enum { NARROW = 16, WIDE = 32, MANY = 19 };
    int begin = g->ir->insn_count, accumulators = g->mr * g->nr / g->scheme->lanes;
    g->scheme->store(g);
    if (g->v->knob[VAR_KNOB_DRAIN])
        ir_list(g->ir, begin, g->ir->insn_count, accumulators > MANY ? NARROW : WIDE);
}

/* Twice where there is a quick way from sums to bytes. */
static void store_tile(struct gemm *g)
{
    struct ir *ir = g->ir;
    int end = -1;
    if (g->quick >= 0) {
        int slow = ir_label(ir, "slow");
        end = ir_label(ir, "stored");
        IR(ir, IR_JUMP_ZERO, g->quick, slow);
        ir_comment(ir, "requantise, bounded sums: to floats by their bits, round, narrow");
        g->is_quick = 1;
        store_sums(g);
        g->is_quick = 0;
        IR(ir, IR_JUMP, end);
        IR(ir, IR_LABEL, slow);
    }
    ir_comment(ir, "%s", gemm_epilogue_texts[g->v->knob[VAR_KNOB_EPILOGUE]]);
    store_sums(g);
    if (end >= 0)
        IR(ir, IR_LABEL, end);
}

int gemm_is_tall(const struct gemm *g)
{
    enum { TALL = 10 };
    return g->mr > TALL && g->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD;
}

void gemm_rows_of_c(struct gemm *g)
{
    ir_comment(g->ir, "rows of C: those beyond m repeat the last one");
    int stride = load_arg(g, "temporaries", ARG(c_stride));
    tile_rows(g, "c", g->c_row, "rows of C", &g->c_next, stride);
}

static void tile(struct gemm *g)
{
    struct ir *ir = g->ir;
    int indirect = g->v->family == KRN_FAMILY_IGEMM, tap = ir_label(ir, "tap");
    if (g->packed)
        g->row[0] = g->a_next;
    else if (!indirect)
        begin_rows(g);
    ir_comment(ir, "accumulators = bias");
    g->w = g->panel;
    g->scheme->init(g);
    g->w = ir_vreg(ir, IR_GPR, "weights of B");
    IR(ir, IR_SUM_IMM, g->w, g->panel, head_bytes(g));
    if (g->v->knob[VAR_KNOB_ADDRESS] == 1) {
        g->index[0] = ir_vreg(ir, IR_GPR, "depth offset of A");
        if (!indirect)
            IR(ir, IR_MOV_IMM, g->index[0], 0);
    }
    if (indirect) {
        g->taps = load_arg(g, "taps left", ARG(taps));
        IR(ir, IR_LABEL, tap);
        load_rows(g);
    }
    depth_loops(g);
    if (indirect) {
        IR(ir, IR_ADD_IMM, g->taps, -1);
        IR(ir, IR_JUMP_NONZERO, g->taps, tap);
    }
    if (g->scheme->many && !gemm_is_tall(g))
        gemm_rows_of_c(g);
    if (g->scheme->many && g->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD) {
        int stride = load_arg(g, "temporaries", ARG(add_stride));
        tile_rows(g, "add", g->add_row, "rows of the second tensor", &g->add_next, stride);
    }
    store_tile(g);
}

/* Whether the panel allows the quick way: the first two of its offsets are both zero, or neither.
 */
static void ask_panel(struct gemm *g)
{
    int words = krn_epilogue_words[g->v->knob[VAR_KNOB_EPILOGUE]];
    g->quick = ir_vreg(g->ir, IR_GPR, "quick way");
    IR(g->ir, IR_LOAD64, g->quick, g->panel, 4 * g->nr * words);
}

/* Everything at mode 0, and the caller's mode again at the end. Its value. */
static int begin_float_mode(struct gemm *g)
{
    struct ir *ir = g->ir;
    int mode = ir_vreg(ir, IR_GPR, "caller's FPCR"), zero = ir_vreg(ir, IR_GPR, "temporaries");
    int plain = ir_label(ir, "plain_mode");
    IR(ir, IR_FLOAT_MODE, mode);
    IR(ir, IR_JUMP_ZERO, mode, plain);
    IR(ir, IR_MOV_IMM, zero, 0);
    IR(ir, IR_SET_FLOAT_MODE, zero);
    IR(ir, IR_LABEL, plain);
    return mode;
}

static void end_float_mode(struct gemm *g, int mode)
{
    int plain = ir_label(g->ir, "mode_kept");
    IR(g->ir, IR_JUMP_ZERO, mode, plain);
    IR(g->ir, IR_SET_FLOAT_MODE, mode);
    IR(g->ir, IR_LABEL, plain);
}

static void all_tiles(struct gemm *g)
{
    struct ir *ir = g->ir;
    int next = ir_label(ir, "tile"), mode = -1;
    if (var_quick(g->v) == KRN_QUICK_SIGNED) {
        ask_panel(g);
        mode = begin_float_mode(g);
    }
    g->left = load_arg(g, "rows left", ARG(m));
    g->c_next = load_arg(g, "next tile of C", ARG(c));
    if (g->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD)
        g->add_next = load_arg(g, "next tile of the second tensor", ARG(add));
    if (g->v->family == KRN_FAMILY_GEMM)
        g->a_next = load_arg(g, "next tile of A", ARG(a));
    IR(ir, IR_LABEL, next);
    tile(g);
    ir_comment(ir, "the tile below");
    IR(ir, IR_SUB_JUMP_MORE, g->left, g->mr, next);
    if (mode >= 0)
        end_float_mode(g, mode);
}

/* Why two knobs cannot be combined, or NULL. */
static const char *knob_clash(const struct var_variant *v)
{
    const int *knob = v->knob;
    int prefetches = knob[VAR_KNOB_PREFETCH_A] || knob[VAR_KNOB_PREFETCH_B];
    if (knob[VAR_KNOB_ADDRESS] == 1 && knob[VAR_KNOB_PREFETCH_A])
        return "prefetch of A needs rows that advance (i0)";
    if (knob[VAR_KNOB_ADDRESS] == 2 && prefetches)
        return "prefetch needs pointers that stand still in a body (i0)";
    if (knob[VAR_KNOB_FORM] == 2 && knob[VAR_KNOB_ADDRESS] != 2)
        return "loads of four vectors (v2) advance their pointer: they need i2";
    if ((knob[VAR_KNOB_FORM] == 3 || is_woven(v)) && knob[VAR_KNOB_ADDRESS] != 0)
        return "loads in halves (v3) and in-order schedules (s2 to s4) need offsets (i0)";
    if (knob[VAR_KNOB_DRAIN] && !is_woven(v))
        return "an epilogue in order (q1) goes with in-order schedules: it needs s2, s3 or s4";
    if (knob[VAR_KNOB_PIPELINE] && !is_woven(v))
        return "pipelining (p1) is done by in-order schedules: it needs s2, s3 or s4";
    return NULL;
}

int gemm_build(struct ir *ir, const struct var_variant *v, const struct gemm_scheme *scheme,
               char *err, size_t err_bytes)
{
    const struct var_domain *domain = var_domain_find(v, NULL, 0);
    struct gemm g = {
        .ir = ir, .v = v, .scheme = scheme, .index = { -1 }, .quick = -1, .add_at = ARG(add)
    };
    g.mr = v->knob[VAR_KNOB_MR];
    g.nr = v->knob[VAR_KNOB_NR];
    g.kr = v->knob[VAR_KNOB_KR];
    g.block = scheme->block ? scheme->block : v->knob[VAR_KNOB_LOAD] == 128 ? 16 : 8;
    g.packed = v->knob[VAR_KNOB_FEED] == 1;
    g.post = v->knob[VAR_KNOB_ADDRESS] == 2;
    g.group_bytes = g.nr * g.kr * domain->w_bytes;
    int accumulators = g.mr * g.nr / scheme->lanes, vectors = ir->target->file[IR_VEC].count;
    if (accumulators >= vectors) {
        snprintf(err, err_bytes, "needs %d accumulators and has %d vector registers", accumulators,
                 vectors);
        return -ENOSPC;
    }
    const char *clash = knob_clash(v);
    if (clash) {
        snprintf(err, err_bytes, "%s", clash);
        return -ENOTSUP;
    }
    g.args = gemm_argument(ir);
    g.panel = load_arg(&g, "panel of B", ARG(w));
    if (v->family == KRN_FAMILY_IGEMM)
        g.table = load_arg(&g, "table of rows", ARG(a));
    if (scheme->many)
        all_tiles(&g);
    else
        tile(&g);
    return 0;
}
