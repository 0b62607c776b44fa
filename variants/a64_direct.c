/* AArch64 direct convolution: a run of output pixels in steps of MR, tap by tap. A pixel of the
 * step keeps its distance from the first one of the run in a register; the tap's address is added
 * by the load, so that a tap costs one load of an address and not one for each pixel. A group is
 * KR bytes of depth: whole vectors hold several, and the end of a body takes what is left, so that
 * nothing is read beyond the tap. Weights follow each other through all taps: one pointer.
 *
 * The loop over taps exists twice: where a tap is exactly one body, as a line of a first layer's
 * filter is, it has no loop over depth in it. */
#include "variants/a64_int.h"
#include "variants/weave.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define ARG(field) ((int)offsetof(struct krn_direct_args, field))
#define TAP(field) ((int)offsetof(struct krn_tap, field))

static_assert(offsetof(struct krn_direct_args, out) == offsetof(struct krn_gemm_args, out),
              "the epilogue finds its bounds where a GEMM has them");
static_assert(offsetof(struct krn_tap, a) == 0, "one load takes the address and moves on");

struct direct;

/* What a level fills in. */
struct scheme {
    int pairs; /* a vector of sums is two rows by two columns, not four columns of a row */
    /* `groups` groups from g->index[0] on; loads of B advance g->w. */
    void (*body)(struct direct *d, int groups);
    void (*diagonal)(struct gemm *g, int steps); /* the same of a kernel for small groups */
};

/* Beyond what a GEMM kernel keeps. */
struct direct {
    struct gemm g;
    const struct scheme *scheme;
    int unroll, vectors;                          /* vectors of a row, or of two rows, of sums */
    int offset, c, left, groups, bodies, singles; /* virtual registers */
    int add;                                      /* ADD: this step of the second tensor */
};

static int gpr(struct direct *d, const char *group)
{
    return ir_vreg(d->g.ir, IR_GPR, group);
}

static int epilogue_of(const struct direct *d)
{
    return d->g.v->knob[VAR_KNOB_EPILOGUE];
}

static int load_arg(struct direct *d, const char *group, int offset)
{
    int reg = gpr(d, group);
    IR(d->g.ir, IR_LOAD64, reg, d->g.args, offset);
    return reg;
}

/* ---- Some groups of depth */

/* Bytes of the next load of a row, with `left` of the body to come. */
static int piece_bytes(int left)
{
    return left >= 16 ? 16 : left >= 8 ? 8 : 4;
}

struct a64_tap a64_tap_at(struct gemm *g, int at, int bytes)
{
    struct a64_tap tap = { .index = g->index[0], .bytes = bytes };
    if (at) {
        tap.index = ir_vreg(g->ir, IR_GPR, "address of the tap");
        IR(g->ir, IR_SUM_IMM, tap.index, g->index[0], at);
    }
    if (bytes == 16 && g->v->knob[VAR_KNOB_FORM] == 3) {
        tap.high = ir_vreg(g->ir, IR_GPR, "address of the tap");
        IR(g->ir, IR_SUM_IMM, tap.high, g->index[0], at + 8);
    }
    return tap;
}

int a64_tap_load(struct gemm *g, int row, const struct a64_tap *tap)
{
    int in_halves = tap->bytes == 16 && g->v->knob[VAR_KNOB_FORM] == 3;
    int op = in_halves || tap->bytes == 8 ? A64_LDR_D_REG
             : tap->bytes == 16           ? A64_LDR_Q_REG
                                          : A64_LDR_S_REG;
    int a = ir_vreg(g->ir, IR_VEC, "A");
    IR(g->ir, op, a, g->row[row], tap->index);
    if (in_halves) {
        int high = ir_vreg(g->ir, IR_GPR, "high halves");
        IR(g->ir, A64_LDR_X_REG, high, g->row[row], tap->high);
        IR(g->ir, A64_INS_D1, a, high);
    }
    return a;
}

static void load_piece(struct direct *d, int at, int bytes)
{
    const struct a64_tap tap = a64_tap_at(&d->g, at, bytes);
    for (int i = 0; i < d->g.mr; i++)
        d->g.a[i] = a64_tap_load(&d->g, i, &tap);
}

static void dot_body(struct direct *d, int groups)
{
    struct gemm *g = &d->g;
    for (int group = 0, first = 0; group < groups; first = group) {
        int bytes = piece_bytes(4 * (groups - group));
        load_piece(d, 4 * group, bytes);
        for (; group < first + bytes / 4; group++)
            for (int j = 0; j < d->vectors; j++) {
                int b = a64_stream(g, &g->b_stream, group * d->vectors + j);
                for (int i = 0; i < g->mr; i++)
                    IR(g->ir, A64_SDOT_LANE, g->acc[i * d->vectors + j], b, g->a[i], group - first);
            }
    }
}

/* Halves of two pixels side by side: a[2 * i] the first halves of pair i, a[2 * i + 1] the second
 * ones. */
static void mm_body(struct direct *d, int groups)
{
    struct gemm *g = &d->g;
    for (int group = 0, first = 0; group < groups; first = group) {
        int bytes = piece_bytes(8 * (groups - group));
        load_piece(d, 8 * group, bytes);
        for (int i = 0; i < g->mr; i += 2)
            a64_pair_rows(g, &g->a[i], bytes / 8);
        for (; group < first + bytes / 8; group++)
            for (int j = 0; j < d->vectors; j++) {
                int b = a64_stream(g, &g->b_stream, group * d->vectors + j);
                for (int i = 0; i < g->mr / 2; i++)
                    IR(g->ir, A64_SMMLA, g->acc[i * d->vectors + j], g->a[2 * i + group - first],
                       b);
            }
    }
}

/* Loads that copy to all lanes take no offset: an address for each pixel, once for the body; where
 * they advance it, they take 4, 2 or 1 groups at once. */
static void pair_body(struct direct *d, int groups)
{
    struct gemm *g = &d->g;
    int pixel[GEMM_MAX_ROWS];
    for (int i = 0; i < g->mr; i++) {
        pixel[i] = g->row[i];
        g->row[i] = gpr(d, "pixels of the body");
        IR(g->ir, IR_SUM, g->row[i], pixel[i], g->index[0]);
    }
    for (int group = 0; group < groups; group += g->groups) {
        int left = groups - group;
        g->groups = !g->post ? left : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        a64_pair_block(g, 2 * g->nr * group);
    }
    for (int i = 0; i < g->mr; i++)
        g->row[i] = pixel[i];
}

/* For cores that issue in order (weave.h); otherwise loads of weights advance their pointer. */
static int is_woven(const struct direct *d)
{
    return !d->g.post;
}

static enum weave_core weave_core(const struct direct *d)
{
    return (enum weave_core)d->g.v->knob[VAR_KNOB_SCHEDULE];
}

/* `groups` groups from g->index[0] on, which does not move; the weights do. */
static void plain_body(struct direct *d, int groups)
{
    struct gemm *g = &d->g;
    g->b_stream = (struct gemm_stream) { .base = g->w, .group = "B", .moves = g->post };
    g->b_stream.count = groups * g->nr * g->kr / 16;
    g->b_stream.split = g->v->knob[VAR_KNOB_FORM] == 3;
    if (g->v->knob[VAR_KNOB_DIAGONAL])
        d->scheme->diagonal(g, groups);
    else
        d->scheme->body(d, groups);
    if (is_woven(d))
        IR(g->ir, IR_ADD_IMM, g->w, groups * g->nr * g->kr);
}

static void body(struct direct *d, int groups)
{
    struct gemm *g = &d->g;
    struct ir_woven woven;
    int begin = g->ir->insn_count, macs_per_load = g->nr > 8 ? 8 : 4;
    plain_body(d, groups);
    if (g->v->knob[VAR_KNOB_SCHEDULE] == 1)
        ir_spread(g->ir, begin, g->ir->insn_count, macs_per_load);
    if (!is_woven(d))
        return;
    ir_weave(g->ir, begin, weave_core(d), 0, &woven);
    ir_woven_add(g->ir, &woven, WEAVE_FIRST);
    ir_woven_add(g->ir, &woven, WEAVE_LOOP);
    ir_woven_clear(&woven);
}

/* `count` bodies, 0 included. */
static void depth_loop(struct direct *d, const char *name, int groups, int count)
{
    struct ir *ir = d->g.ir;
    int loop = ir_label(ir, "%s", name), skip = ir_label(ir, "%s_end", name);
    IR(ir, IR_JUMP_ZERO, count, skip);
    IR(ir, IR_MOV, d->g.k, count);
    IR(ir, IR_LABEL, loop);
    body(d, groups);
    IR(ir, IR_ADD_IMM, d->g.index[0], d->g.kr * groups);
    IR(ir, IR_SUB_JUMP_MORE, d->g.k, 1, loop);
    IR(ir, IR_LABEL, skip);
}

/* ---- Taps */

static void next_address(struct direct *d)
{
    IR(d->g.ir, A64_LDR_X_POST, d->g.index[0], d->g.table, (int)sizeof(struct krn_tap));
}

static void taps_of_one_body(struct direct *d, int end)
{
    struct ir *ir = d->g.ir;
    int tap = ir_label(ir, "line");
    ir_comment(ir, "taps of %d bytes", d->g.kr * d->unroll);
    IR(ir, IR_LABEL, tap);
    next_address(d);
    body(d, d->unroll);
    IR(ir, IR_SUB_JUMP_MORE, d->g.taps, 1, tap);
    IR(ir, IR_JUMP, end);
}

/* The same, but each loads what the next one begins with: `taps` is one ahead. */
static void taps_pipelined(struct direct *d, int end)
{
    struct ir *ir = d->g.ir;
    struct ir_woven woven;
    int tap = ir_label(ir, "line"), last = ir_label(ir, "line_last");
    ir_comment(ir, "taps of %d bytes, pipelined", d->g.kr * d->unroll);
    IR(ir, IR_ADD_IMM, d->g.taps, -1);
    int begin = ir->insn_count;
    next_address(d);
    plain_body(d, d->unroll);
    IR(ir, IR_SUB_FLAGS, d->g.taps, 1);
    ir_weave(ir, begin, weave_core(d), 1, &woven);
    ir_woven_loop(ir, &woven, d->g.taps, 1, tap, last);
    IR(ir, IR_JUMP, end);
}

static void taps_of_any_depth(struct direct *d)
{
    struct ir *ir = d->g.ir;
    int tap = ir_label(ir, "tap");
    ir_comment(ir, "taps of any depth: bodies, then single groups");
    IR(ir, IR_LABEL, tap);
    next_address(d);
    depth_loop(d, "main", d->unroll, d->bodies);
    depth_loop(d, "group", 1, d->singles);
    IR(ir, IR_SUB_JUMP_MORE, d->g.taps, 1, tap);
}

static void all_taps(struct direct *d)
{
    struct gemm *g = &d->g;
    struct ir *ir = g->ir;
    int any = ir_label(ir, "any_depth"), end = ir_label(ir, "taps_end");
    IR(ir, IR_LOAD64, g->taps, g->args, ARG(tap_count));
    IR(ir, IR_JUMP_ZERO, g->taps, end);
    IR(ir, IR_LOAD64, g->table, g->args, ARG(taps));
    IR(ir, IR_LOAD64, g->w, g->table, TAP(w));
    IR(ir, IR_ADD, g->w, g->panel);
    IR(ir, IR_ADD_IMM, g->w, 4 * g->nr * var_head_words(g->v));
    if (d->groups)
        IR(ir, A64_JUMP_NOT, d->groups, d->unroll, any);
    if (g->v->knob[VAR_KNOB_PIPELINE])
        taps_pipelined(d, end);
    else
        taps_of_one_body(d, end);
    if (d->groups) {
        IR(ir, IR_LABEL, any);
        taps_of_any_depth(d);
    }
    IR(ir, IR_LABEL, end);
}

/* ---- Steps */

/* row[i] = first + i * stride */
static void rows_at(struct direct *d, int *row, const char *group, int first, int stride)
{
    for (int i = 0; i < d->g.mr; i++) {
        row[i] = gpr(d, group);
        if (i == 0)
            IR(d->g.ir, IR_MOV, row[0], first);
        else
            IR(d->g.ir, IR_SUM, row[i], row[i - 1], stride);
    }
}

static void begin_step(struct direct *d)
{
    struct gemm *g = &d->g;
    int stride = load_arg(d, "temporaries", ARG(a_step));
    ir_comment(g->ir, "accumulators = bias");
    rows_at(d, g->row, "pixels of A", d->offset, stride);
    int pointer = load_arg(d, "temporaries", ARG(bias));
    if (d->scheme->pairs) {
        a64_pairs_init(g, pointer);
        return;
    }
    for (int i = 0; i < g->mr; i++) {
        struct gemm_stream bias = { .base = pointer, .group = "accumulators", .count = d->vectors };
        for (int j = 0; j < d->vectors; j++)
            g->acc[i * d->vectors + j] = a64_stream(g, &bias, j);
    }
}

static void end_step(struct direct *d)
{
    int stride = load_arg(d, "temporaries", ARG(c_stride)), epilogue = epilogue_of(d);
    ir_comment(d->g.ir, "%s",
               epilogue == KRN_EPILOGUE_FLOAT
                   ? "requantise: float, scale, round half to even, narrow, zero point, clamp"
                   : gemm_epilogue_texts[epilogue]);
    rows_at(d, d->g.c_row, "pixels of C", d->c, stride);
    if (epilogue == KRN_EPILOGUE_ADD) {
        stride = load_arg(d, "temporaries", ARG(add_stride));
        rows_at(d, d->g.add_row, "pixels of the second tensor", d->add, stride);
    }
    a64_gemm_store(&d->g, d->g.acc, d->scheme->pairs);
}

/* On to the next step, which begins where a whole one still fits. */
static void next_step(struct direct *d, int step, int done)
{
    struct ir *ir = d->g.ir;
    int whole = gpr(d, "temporaries"), pixels = gpr(d, "temporaries"), left = gpr(d, "temporaries");
    ir_comment(ir, "the next step: the last one goes back to be a whole one");
    IR(ir, IR_ADD_IMM, d->left, -d->g.mr);
    IR(ir, IR_JUMP_LE, d->left, 0, done);
    IR(ir, IR_MOV_IMM, whole, d->g.mr);
    IR(ir, IR_MIN, pixels, d->left, whole);
    IR(ir, IR_SELECT_GT, left, d->left, d->g.mr, d->left, whole);
    IR(ir, IR_MOV, d->left, left);
    int a_step = load_arg(d, "temporaries", ARG(a_step));
    int c_stride = load_arg(d, "temporaries", ARG(c_stride));
    IR(ir, A64_MADD, d->offset, a_step, pixels);
    IR(ir, A64_MADD, d->c, c_stride, pixels);
    if (epilogue_of(d) == KRN_EPILOGUE_ADD) {
        int add_stride = load_arg(d, "temporaries", ARG(add_stride));
        IR(ir, A64_MADD, d->add, add_stride, pixels);
    }
    IR(ir, IR_JUMP, step);
}

/* Once for all steps: a tap is `bodies` bodies and then `singles` groups. */
static void split_depth(struct direct *d)
{
    struct ir *ir = d->g.ir;
    int more = ir_label(ir, "split"), end = ir_label(ir, "split_end");
    d->groups = load_arg(d, "groups of a tap", ARG(groups));
    d->singles = gpr(d, "groups of a tap");
    IR(ir, IR_MOV, d->singles, d->groups);
    d->bodies = gpr(d, "groups of a tap");
    IR(ir, IR_MOV_IMM, d->bodies, 0);
    IR(ir, IR_LABEL, more);
    IR(ir, IR_SUB_JUMP_NEG, d->singles, d->unroll, end);
    IR(ir, IR_ADD_IMM, d->bodies, 1);
    IR(ir, IR_JUMP, more);
    IR(ir, IR_LABEL, end);
    IR(ir, IR_ADD_IMM, d->singles, d->unroll);
}

static void make_registers(struct direct *d)
{
    d->g.panel = load_arg(d, "panel of B", ARG(w));
    d->left = load_arg(d, "pixels left", ARG(width));
    d->c = load_arg(d, "this step", ARG(c));
    if (epilogue_of(d) == KRN_EPILOGUE_ADD)
        d->add = load_arg(d, "this step", ARG(add));
    d->offset = gpr(d, "this step");
    d->g.table = gpr(d, "table of taps");
    d->g.taps = gpr(d, "taps left");
    d->g.w = gpr(d, "weights of B");
    d->g.k = gpr(d, "depth left");
    d->g.index[0] = gpr(d, "address of the tap");
    IR(d->g.ir, IR_MOV_IMM, d->offset, 0);
}

int a64_direct_build(struct ir *ir, const struct var_variant *v, char *err, size_t err_bytes)
{
    static const struct scheme schemes[KRN_ISA_COUNT] = {
        [KRN_ISA_NEON] = { 0, pair_body, a64_diagonal_pairs },
        [KRN_ISA_DOTPROD] = { 0, dot_body, a64_diagonal_dot },
        [KRN_ISA_I8MM] = { 1, mm_body, a64_diagonal_mm },
    };
    struct direct d = {
        .g = { .ir = ir, .v = v, .post = v->knob[VAR_KNOB_SCHEDULE] < 2, .add_at = ARG(add) },
        .scheme = &schemes[v->isa]
    };
    int step = ir_label(ir, "step"), done = ir_label(ir, "done");
    int diagonal = v->knob[VAR_KNOB_DIAGONAL];
    d.g.mr = v->knob[VAR_KNOB_MR];
    d.g.nr = v->knob[VAR_KNOB_NR];
    d.g.kr = v->knob[VAR_KNOB_KR];
    d.unroll = v->knob[VAR_KNOB_UNROLL];
    d.vectors = d.scheme->pairs ? d.g.nr / 2 : d.g.nr / 4;
    int accumulators = d.g.mr * d.g.nr / 4, vectors = ir->target->file[IR_VEC].count;
    if (accumulators >= vectors) {
        snprintf(err, err_bytes, "needs %d accumulators and has %d vector registers", accumulators,
                 vectors);
        return -ENOSPC;
    }
    d.g.args = gemm_argument(ir);
    make_registers(&d);
    if (diagonal)
        d.unroll = diagonal / d.g.kr;
    else
        split_depth(&d);
    IR(ir, IR_LABEL, step);
    begin_step(&d);
    all_taps(&d);
    end_step(&d);
    next_step(&d, step, done);
    IR(ir, IR_LABEL, done);
    return 0;
}
