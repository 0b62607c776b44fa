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

static int is_drained(const struct gemm *g)
{
    return g->v->knob[VAR_KNOB_DRAIN];
}

/* The same without a branch, in registers that there are; row[0] is `from` rows below the first one
 * of those left. */
static void listed_rows(struct gemm *g, const int *row, int next, int stride, int from)
{
    struct ir *ir = g->ir;
    IR(ir, IR_MOV, row[0], next);
    for (int i = 1; i < g->mr; i++) {
        int below = ir_vreg(ir, IR_GPR, "temporaries");
        IR(ir, IR_SUM, below, row[i - 1], stride);
        IR(ir, IR_SELECT_GT, row[i], g->left, from + i, below, row[i - 1]);
    }
    IR(ir, IR_SUM, next, row[g->mr - 1], stride);
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

const char *const gemm_epilogue_texts[KRN_EPILOGUE_COUNT] = {
    [KRN_EPILOGUE_FLOAT] =
        "requantise: float, scale, clamp, round half to even, zero point, narrow",
    [KRN_EPILOGUE_FIXED] = "requantise: multiply, shift, zero point, narrow, clamp",
    [KRN_EPILOGUE_SUMS] = "store the sums",
    [KRN_EPILOGUE_ADD] = "requantise: float, scale, add the second tensor, round, narrow",
};

int gemm_is_tall(const struct gemm *g)
{
    enum { TALL = 10 };
    return g->mr > TALL && g->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD;
}

static void output_rows(struct gemm *g, const char *name, int *row, const char *group, int *next,
                        int stride)
{
    if (!is_drained(g)) {
        tile_rows(g, name, row, group, next, stride);
        return;
    }
    row_registers(g, row, group);
    listed_rows(g, row, *next, stride, 0);
}

void gemm_rows_of_c(struct gemm *g)
{
    if (!is_drained(g))
        ir_comment(g->ir, "rows of C: those beyond m repeat the last one");
    int stride = load_arg(g, "temporaries", ARG(c_stride));
    output_rows(g, "c", g->c_row, "rows of C", &g->c_next, stride);
}

static void rows_of_outputs(struct gemm *g)
{
    if (g->scheme->many && !gemm_is_tall(g))
        gemm_rows_of_c(g);
    if (g->scheme->many && g->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD) {
        int stride = load_arg(g, "temporaries", ARG(add_stride));
        output_rows(g, "add", g->add_row, "rows of the second tensor", &g->add_next, stride);
    }
}

static const struct var_core *core_of(const struct gemm *g)
{
    size_t i = 0;
    while (i < var_core_count && var_cores[i].weave != g->v->knob[VAR_KNOB_SCHEDULE])
        i++;
    return i < var_core_count ? &var_cores[i] : NULL;
}

/* In order: rows and bias of the tile `from` rows below this one, in the registers of this one. */
static void refill(struct gemm *g, int from)
{
    int old[GEMM_MAX_ACC], count = g->mr * g->nr / g->scheme->lanes;
    if (!g->packed && g->v->family == KRN_FAMILY_GEMM) {
        int stride = load_arg(g, "temporaries", ARG(a_stride));
        listed_rows(g, g->row, g->a_next, stride, from);
    }
    for (int i = 0; i < count; i++)
        old[i] = g->acc[i];
    int begin = g->ir->insn_count;
    g->w = g->panel;
    g->scheme->init(g);
    for (int i = 0; i < count && from; i++) {
        ir_rename(g->ir, begin, g->acc[i], old[i]);
        g->acc[i] = old[i];
    }
}

/* As it is written, one output follows the other, and in each an instruction waits for the one
 * before it: no matter where instructions overtake each other. Where they do not, several outputs
 * are under way at once, as many as leave registers for the accumulators, and beside them the rows
 * and the bias of the next tile, each in a register that is done with. Of the last tile that is in
 * vain: its next bias is the same, and the rows are not read. */
static void store_sums(struct gemm *g)
{
    enum { NARROW = 10, WIDE = 32, MANY = 19 };
    struct ir *ir = g->ir;
    int begin = ir->insn_count, accumulators = g->mr * g->nr / g->scheme->lanes;
    if (!is_drained(g)) {
        g->scheme->store(g);
        return;
    }
    rows_of_outputs(g);
    g->scheme->store(g);
    int fillers = ir->insn_count;
    refill(g, g->mr);
    ir_list(ir, begin, fillers, ir->insn_count, accumulators > MANY ? NARROW : WIDE, core_of(g));
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

static void tile(struct gemm *g)
{
    struct ir *ir = g->ir;
    int indirect = g->v->family == KRN_FAMILY_IGEMM, tap = ir_label(ir, "tap");
    if (g->packed)
        g->row[0] = g->a_next;
    if (!is_drained(g)) {
        if (!g->packed && !indirect)
            begin_rows(g);
        ir_comment(ir, "accumulators = bias");
        g->w = g->panel;
        g->scheme->init(g);
    }
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
    g->k = load_arg(g, "depth left", ARG(k));
    gemm_depth_loops(g);
    if (indirect) {
        IR(ir, IR_ADD_IMM, g->taps, -1);
        IR(ir, IR_JUMP_NONZERO, g->taps, tap);
    }
    if (!is_drained(g))
        rows_of_outputs(g);
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
    if (is_drained(g)) {
        ir_comment(ir, "first rows of A; accumulators = bias");
        row_registers(g, g->row, "rows of A");
        refill(g, 0);
    }
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
    if ((knob[VAR_KNOB_FORM] == 3 || var_is_woven(v)) && knob[VAR_KNOB_ADDRESS] != 0)
        return "loads in halves (v3) and in-order schedules (s2 to s4) need offsets (i0)";
    if (knob[VAR_KNOB_DRAIN] && !var_is_woven(v))
        return "an epilogue in order (q1) goes with in-order schedules: it needs s2, s3 or s4";
    if (knob[VAR_KNOB_PIPELINE] && !var_is_woven(v))
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
    g.a_bytes = scheme->a_bytes ? scheme->a_bytes : 1;
    g.unroll = v->knob[VAR_KNOB_UNROLL];
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
