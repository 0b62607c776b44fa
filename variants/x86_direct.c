/* x86-64 direct convolution: a run of output pixels in steps of MR, tap by tap; rows of A at a
 * fixed stride, so that six of them are addressed from one register and three multiples of the
 * stride. The body exists three times where the driver copies rows: for all pixels of a step, and
 * without its first or its last one, which a tap beside the image leaves out. */
#include "variants/x86_direct_int.h"

#include <errno.h>

enum { ROWS_OF_BASE = 7 };

/* ---- One group of depth */

/* Where a row of A is: base + index * scale. */
struct place {
    int base, index, scale; /* index: -1 = none */
};

static struct place place_of(const struct direct *d, int row)
{
    const struct {
        int index, scale;
    } at[ROWS_OF_BASE] = {
        { -1, 0 },        { d->stride, 1 },  { d->stride, 2 },  { d->stride3, 1 },
        { d->stride, 4 }, { d->stride5, 1 }, { d->stride3, 2 },
    };
    int i = row % ROWS_OF_BASE;
    return (struct place) { d->base[row / ROWS_OF_BASE], at[i].index, at[i].scale };
}

static int load_row(struct direct *d, int row, int offset)
{
    struct place at = place_of(d, row);
    int a = x86_direct_vec(d, "A");
    if (at.index < 0)
        IR(d->ir, X86_BCASTD, a, at.base, offset);
    else
        IR(d->ir, X86_BCASTD_INDEX, a, at.base, at.index, at.scale, offset);
    if (d->flip >= 0)
        IR(d->ir, X86_XOR, a, d->flip);
    return a;
}

static void mac(struct direct *d, int acc, int a, int b)
{
    if (d->v->isa != KRN_ISA_AVX2) {
        IR(d->ir, X86_DPBUSD, acc, a, b);
        return;
    }
    int product = x86_direct_vec(d, "products");
    IR(d->ir, X86_MADDWD, product, a, b);
    IR(d->ir, X86_ADDD, acc, product);
}

/* All of a row's elements for the panel, as they stand or rotated within blocks. */
static int load_vector(struct direct *d, int row, int rotation)
{
    struct place at = place_of(d, row);
    int a = x86_direct_vec(d, "A"), order = 0;
    for (int lane = 0; lane < 4; lane++) {
        int first = lane / d->rotations * d->rotations;
        order |= (first + (lane + rotation) % d->rotations) << 2 * lane;
    }
    if (rotation && at.index < 0)
        IR(d->ir, X86_SHUFD_LOAD, a, at.base, 0, order);
    else if (rotation)
        IR(d->ir, X86_SHUFD_LOAD_INDEX, a, at.base, at.index, at.scale, 0, order);
    else if (at.index < 0)
        IR(d->ir, X86_LOAD, a, at.base, 0);
    else
        IR(d->ir, X86_LOAD_INDEX, a, at.base, at.index, at.scale, 0);
    if (d->flip >= 0)
        IR(d->ir, X86_XOR, a, d->flip);
    return a;
}

/* Vectors of B that pass over the rows at a time: all, unless registers are too few. */
static int held(const struct direct *d)
{
    int registers = d->ir->target->file[IR_VEC].count;
    int all = d->rotations == 0 || (d->mr + 1) * d->vectors + 2 <= registers;
    return all ? d->vectors : d->vectors / 2;
}

/* late: 0, or among how many groups each chunk of bytes of the step before is made. */
static void group(struct direct *d, int index, int first, int end, int late)
{
    int bytes = 4 * x86_lanes(d->v), offset = index * d->group_bytes;
    int distance = d->v->knob[VAR_KNOB_PREFETCH_B];
    for (int line = 0; line < d->group_bytes && distance; line += 64)
        IR(d->ir, IR_PREFETCH_L1, d->w, offset + line + distance);
    for (int from = 0, some = held(d), to; from < d->vectors; from = to) {
        to = from + some < d->vectors ? from + some : d->vectors;
        for (int j = from; j < to; j++) {
            d->b[j] = x86_direct_vec(d, "B");
            IR(d->ir, X86_LOAD, d->b[j], d->w, offset + bytes * j);
        }
        for (int i = first; i < end; i++) {
            int a = d->rotations ? load_vector(d, i, index) : load_row(d, i, 4 * index);
            for (int j = from; j < to; j++)
                mac(d, d->acc[i * d->vectors + j], a, d->b[j]);
            if (late)
                x86_late_part(d, index / late, index % late * d->mr + i, late * d->mr);
        }
    }
}

static void advance(struct direct *d, int groups)
{
    for (int i = 0; i < BASES && i * ROWS_OF_BASE < d->mr; i++)
        IR(d->ir, IR_ADD_IMM, d->base[i], 4 * groups);
    IR(d->ir, IR_ADD_IMM, d->w, groups * d->group_bytes);
}

/* while (k >= groups) `groups` groups; leaves k as the rest. */
static void depth_loop(struct direct *d, const char *name, int groups, int first, int end)
{
    struct ir *ir = d->ir;
    int loop = ir_label(ir, "%s_%d_%d%s", name, first, end, d->side);
    int skip = ir_label(ir, "%s_%d_%d_end%s", name, first, end, d->side);
    IR(ir, IR_SUB_JUMP_NEG, d->k, groups, skip);
    IR(ir, IR_LABEL, loop);
    for (int i = 0; i < groups; i++)
        group(d, i, first, end, 0);
    advance(d, groups);
    IR(ir, IR_SUB_JUMP_POS, d->k, groups, loop);
    IR(ir, IR_LABEL, skip);
    IR(ir, IR_ADD_IMM, d->k, groups);
}

/* All groups of a tap for rows first..end. */
static void body(struct direct *d, int first, int end)
{
    int unroll = d->v->knob[VAR_KNOB_UNROLL];
    if (first == end)
        return;
    for (int i = 0; i < d->rotations; i++)
        group(d, i, first, end, 0);
    if (d->rotations)
        return;
    if (unroll > 1)
        depth_loop(d, "main", unroll, first, end);
    depth_loop(d, "group", 1, first, end);
}

/* ---- Taps */

/* What the row that skips this tap gains instead. */
static void gain(struct direct *d, int row)
{
    int sums = x86_direct_gpr(d, "temporaries"), bytes = 4 * x86_lanes(d->v);
    IR(d->ir, IR_LOAD64, sums, d->table, TAP(skipped));
    IR(d->ir, X86_ADD_LOAD, sums, d->args, ARG(w));
    for (int j = 0; j < d->vectors; j++)
        IR(d->ir, X86_ADDD_LOAD, d->acc[row * d->vectors + j], sums, bytes * j);
}

static void skipping_bodies(struct direct *d, int next, int full)
{
    struct ir *ir = d->ir;
    int first = ir_label(ir, "first%s", d->side);
    IR(ir, IR_LOAD64, d->skip, d->table, TAP(skip));
    IR(ir, X86_AND, d->skip, d->flags);
    IR(ir, IR_JUMP_ZERO, d->skip, full);
    IR(ir, IR_JUMP_LE, d->skip, KRN_SKIP_FIRST, first);
    ir_comment(ir, "all pixels but the last");
    gain(d, d->mr - 1);
    body(d, 0, d->mr - 1);
    IR(ir, IR_JUMP, next);
    IR(ir, IR_LABEL, first);
    ir_comment(ir, "all pixels but the first");
    gain(d, 0);
    body(d, 1, d->mr);
    IR(ir, IR_JUMP, next);
}

static void begin_tap(struct direct *d)
{
    struct ir *ir = d->ir;
    IR(ir, IR_LOAD64, d->base[0], d->table, TAP(a));
    IR(ir, IR_ADD, d->base[0], d->offset);
    if (d->mr > ROWS_OF_BASE) {
        IR(ir, X86_LEA, d->base[1], d->base[0], d->stride, 2);
        IR(ir, IR_ADD, d->base[1], d->stride5);
    }
    IR(ir, IR_LOAD64, d->w, d->table, TAP(w));
    IR(ir, X86_ADD_LOAD, d->w, d->args, ARG(w));
    IR(ir, IR_ADD_IMM, d->w, 4 * d->nr * var_head_words(d->v));
    if (!d->rotations)
        IR(ir, IR_LOAD64, d->k, d->args, ARG(groups));
}

/* The groups at the begin of a step in which bytes of the step before are made; not if there are
 * fewer. */
static void late_groups(struct direct *d, int each, int full)
{
    struct ir *ir = d->ir;
    int groups = each * x86_late_chunks(d), fewer;
    fewer = ir_label(ir, "fewer_%d%s%s", groups, d->is_bounded ? "_bounded" : "", d->side);
    IR(ir, IR_JUMP_LE, d->k, groups - 1, fewer);
    ir_comment(ir, "all pixels, and bytes of the step before");
    for (int i = 0; i < groups; i++)
        group(d, i, 0, d->mr, each);
    advance(d, groups);
    IR(ir, IR_ADD_IMM, d->k, -groups);
    IR(ir, IR_JUMP, full);
    IR(ir, IR_LABEL, fewer);
}

static void both_late_groups(struct direct *d, int full)
{
    late_groups(d, 2, full);
    late_groups(d, 1, full);
}

/* The first tap of a step: where all its pixels take part and it is deep enough, bytes of the step
 * before are made between its first MACs. Else before them. */
static void late_tap(struct direct *d, int chosen, int full)
{
    struct ir *ir = d->ir;
    int apart = ir_label(ir, "apart%s", d->side);
    begin_tap(d);
    if (d->v->knob[VAR_KNOB_COPY]) {
        IR(ir, IR_LOAD64, d->skip, d->table, TAP(skip));
        IR(ir, X86_AND, d->skip, d->flags);
        IR(ir, IR_JUMP_NONZERO, d->skip, apart);
    }
    x86_late_ways(d, both_late_groups, full);
    IR(ir, IR_LABEL, apart);
    x86_late_rest(d);
    IR(ir, IR_JUMP, chosen);
}

static void all_taps(struct direct *d)
{
    struct ir *ir = d->ir;
    int tap = ir_label(ir, "tap%s", d->side), chosen = ir_label(ir, "chosen%s", d->side);
    int full = ir_label(ir, "full%s", d->side), next = ir_label(ir, "tap_next%s", d->side);
    int end = ir_label(ir, "tap_end%s", d->side), none = ir_label(ir, "no_tap%s", d->side);
    IR(ir, IR_LOAD64, d->table, d->args, ARG(taps));
    IR(ir, IR_LOAD64, d->taps, d->args, ARG(tap_count));
    IR(ir, IR_JUMP_ZERO, d->taps, d->is_late ? none : end);
    if (d->is_late)
        late_tap(d, chosen, full);
    IR(ir, IR_LABEL, tap);
    begin_tap(d);
    if (d->is_late)
        IR(ir, IR_LABEL, chosen);
    if (d->v->knob[VAR_KNOB_COPY])
        skipping_bodies(d, next, full);
    if (d->v->knob[VAR_KNOB_COPY] || d->is_late)
        IR(ir, IR_LABEL, full);
    ir_comment(ir, "all pixels");
    body(d, 0, d->mr);
    IR(ir, IR_LABEL, next);
    IR(ir, IR_ADD_IMM, d->table, (int)sizeof(struct krn_tap));
    IR(ir, IR_ADD_IMM, d->taps, -1);
    IR(ir, IR_JUMP_NONZERO, d->taps, tap);
    if (d->is_late) {
        IR(ir, IR_JUMP, end);
        IR(ir, IR_LABEL, none);
        x86_late_rest(d);
    }
    IR(ir, IR_LABEL, end);
}

/* ---- Steps */

/* Which pixels of this step are the first and the last one of the run. */
static void set_flags(struct direct *d)
{
    struct ir *ir = d->ir;
    int none = x86_direct_gpr(d, "temporaries"), some = x86_direct_gpr(d, "temporaries"),
        last = x86_direct_gpr(d, "temporaries");
    IR(ir, IR_MOV_IMM, none, 0);
    IR(ir, IR_MOV_IMM, some, KRN_SKIP_FIRST);
    IR(ir, IR_SELECT_GT, d->flags, d->offset, 0, none, some);
    IR(ir, IR_MOV_IMM, some, KRN_SKIP_LAST);
    IR(ir, IR_SELECT_GT, last, d->left, d->mr, none, some);
    IR(ir, IR_OR, d->flags, last);
}

/* Anew for each step, so that the epilogue has its register. */
static void set_flip(struct direct *d)
{
    int mask = x86_direct_gpr(d, "temporaries");
    if (d->flip < 0)
        return;
    IR(d->ir, IR_MOV_IMM, mask, (int)0x80808080u);
    IR(d->ir, X86_BCASTD_GPR, d->flip, mask);
}

static void begin_step(struct direct *d)
{
    struct ir *ir = d->ir;
    int bytes = 4 * x86_lanes(d->v);
    if (d->v->knob[VAR_KNOB_COPY])
        set_flags(d);
    set_flip(d);
    IR(ir, IR_LOAD64, d->stride, d->args, ARG(a_step));
    if (d->mr > 3)
        IR(ir, X86_LEA, d->stride3, d->stride, d->stride, 2);
    if (d->mr > 5)
        IR(ir, X86_LEA, d->stride5, d->stride, d->stride, 4);
    ir_comment(ir, "accumulators = bias");
    int bias = x86_direct_arg(d, "temporaries", ARG(bias));
    for (int j = 0; j < d->vectors; j++)
        for (int i = 0; i < d->mr; i++) {
            if (!d->is_late)
                d->acc[i * d->vectors + j] = x86_direct_vec(d, "accumulators");
            if (i == 0)
                IR(ir, X86_LOAD, d->acc[j], bias, bytes * j);
            else
                IR(ir, X86_MOV_V, d->acc[i * d->vectors + j], d->acc[j]);
        }
}

/* Behind a step that has stored its bytes itself, the next one finds its own place where those of
 * the step before would go. */
static void nothing_held(struct direct *d)
{
    int held = ir_label(d->ir, "held%s", d->side);
    IR(d->ir, IR_JUMP_NONZERO, x86_direct_offset(d), held);
    IR(d->ir, IR_MOV, d->late_c, d->c);
    IR(d->ir, IR_LABEL, held);
}

/* On to the next step, which begins where a whole one still fits. */
static void next_step(struct direct *d, int step, int done)
{
    struct ir *ir = d->ir;
    int whole = x86_direct_gpr(d, "temporaries"), pixels = x86_direct_gpr(d, "temporaries");
    int stride = x86_direct_gpr(d, "temporaries"), left = x86_direct_gpr(d, "temporaries");
    IR(ir, IR_ADD_IMM, d->left, -d->mr);
    IR(ir, IR_JUMP_LE, d->left, 0, done);
    IR(ir, IR_MOV_IMM, whole, d->mr);
    IR(ir, IR_MIN, pixels, d->left, whole);
    IR(ir, IR_SELECT_GT, left, d->left, d->mr, d->left, whole);
    IR(ir, IR_MOV, d->left, left);
    IR(ir, IR_LOAD64, stride, d->args, ARG(a_step));
    IR(ir, X86_MUL, stride, pixels);
    IR(ir, IR_ADD, d->offset, stride);
    IR(ir, IR_LOAD64, stride, d->args, ARG(c_stride));
    IR(ir, X86_MUL, stride, pixels);
    IR(ir, IR_ADD, d->c, stride);
    if (d->is_late)
        nothing_held(d);
    IR(ir, IR_JUMP, step);
}

static void constants(struct direct *d)
{
    d->flip = -1;
    if (d->is_evex) {
        d->ir->frame_bytes = X86_ORDER_BYTES;
        x86_narrow_prepare(d->ir);
    }
    if (!d->is_evex && d->rotations) {
        d->ir->frame_bytes = X86_ORDER_BYTES;
        x86_crossed_prepare(d->ir, d->vectors);
    }
    if (!d->v->knob[VAR_KNOB_COPY])
        d->flip = x86_direct_vec(d, "0x80 in every byte");
}

static void make_registers(struct direct *d)
{
    d->offset = x86_direct_gpr(d, "offset of the step");
    d->flags = x86_direct_gpr(d, "ends of the run");
    d->table = x86_direct_gpr(d, "table of taps");
    d->taps = x86_direct_gpr(d, "taps left");
    d->w = x86_direct_gpr(d, "panel of B");
    d->k = x86_direct_gpr(d, "depth left");
    d->skip = x86_direct_gpr(d, "temporaries");
    for (int i = 0; i < BASES; i++)
        d->base[i] = x86_direct_gpr(d, "rows of A");
    d->stride = x86_direct_gpr(d, "multiples of the stride");
    d->stride3 = x86_direct_gpr(d, "multiples of the stride");
    d->stride5 = x86_direct_gpr(d, "multiples of the stride");
}

/* A step of output pixels; `next` begins the one after it, `done` follows the last one. */
static void step(struct direct *d, int next, int done)
{
    begin_step(d);
    all_taps(d);
    x86_direct_store(d);
    next_step(d, next, done);
}

static void steps(struct direct *d)
{
    int begin = ir_label(d->ir, "step"), done = ir_label(d->ir, "done");
    d->side = "";
    IR(d->ir, IR_LABEL, begin);
    step(d, begin, done);
    IR(d->ir, IR_LABEL, done);
}

/* Two steps, which take turns; behind the last one of a run its own bytes are left to be made. */
static void late_steps(struct direct *d)
{
    static const char *const sides[2] = { "_a", "_b" };
    struct ir *ir = d->ir;
    int end = ir_label(ir, "end"), begin[2], done[2];
    x86_late_prepare(d);
    for (int i = 0; i < 2; i++) {
        begin[i] = ir_label(ir, "step%s", sides[i]);
        done[i] = ir_label(ir, "done%s", sides[i]);
    }
    for (int i = 0; i < 2; i++) {
        d->side = sides[i];
        IR(ir, IR_LABEL, begin[i]);
        step(d, begin[!i], done[i]);
        x86_late_swap(d);
    }
    for (int i = 0; i < 2; i++) {
        IR(ir, IR_LABEL, done[i]);
        x86_late_swap(d);
        IR(ir, IR_JUMP_ZERO, x86_direct_offset(d), end);
        x86_late_rest(d);
        IR(ir, IR_JUMP, end);
    }
    IR(ir, IR_LABEL, end);
}

int x86_direct_build(struct ir *ir, const struct var_variant *v, char *err, size_t err_bytes)
{
    const struct var_domain *domain = var_domain_find(v, NULL, 0);
    struct direct d = { .ir = ir, .v = v };
    d.mr = v->knob[VAR_KNOB_MR];
    d.nr = v->knob[VAR_KNOB_NR];
    d.vectors = d.nr / x86_lanes(v);
    d.group_bytes = d.nr * v->knob[VAR_KNOB_KR] * domain->w_bytes;
    d.is_evex = v->isa == KRN_ISA_AVX512VNNI;
    d.rotations = v->knob[VAR_KNOB_DIAGONAL] / v->knob[VAR_KNOB_KR];
    d.is_late = v->knob[VAR_KNOB_LATE];
    if (x86_accumulators_fit(ir, (d.is_late ? 2 : 1) * d.mr * d.vectors, err, err_bytes))
        return -ENOSPC;
    d.args = gemm_argument(ir);
    constants(&d);
    make_registers(&d);
    d.left = x86_direct_arg(&d, "pixels left", ARG(width));
    d.c = x86_direct_arg(&d, "row of C", ARG(c));
    IR(ir, IR_MOV_IMM, d.offset, 0);
    (d.is_late ? late_steps : steps)(&d);
    return 0;
}
