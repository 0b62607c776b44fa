/* Depthwise: the outline. Blocks of channels outside, pixels inside, so that a block's weights stay
 * in the first-level cache; taps innermost. The last block overlaps the one before it and the last
 * pixel repeats, so that every step is a whole one. */
#include "variants/dw_int.h"

#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_dw_args, field))

static int load_arg(struct dw *d, const char *group, int offset)
{
    int reg = ir_vreg(d->ir, IR_GPR, group);
    IR(d->ir, IR_LOAD64, reg, d->args, offset);
    return reg;
}

/* while (left >= taps) `taps` taps; leaves `left` as the rest. */
static void tap_loop(struct dw *d, const char *name, int left, int taps)
{
    struct ir *ir = d->ir;
    int loop = ir_label(ir, "%s", name), skip = ir_label(ir, "%s_end", name);
    ir_comment(ir, "%s loop: %d taps", name, taps);
    IR(ir, IR_SUB_JUMP_NEG, left, taps, skip);
    IR(ir, IR_LABEL, loop);
    int begin = ir->insn_count;
    d->scheme->taps(d, taps);
    if (d->v->knob[VAR_KNOB_SCHEDULE] == 1)
        ir_spread(ir, begin, ir->insn_count, 4);
    for (int i = 0; i < d->mr; i++)
        IR(ir, IR_ADD_IMM, d->tab[i], 8 * taps);
    IR(ir, IR_ADD_IMM, d->w, taps * d->nr * d->w_bytes);
    IR(ir, IR_SUB_JUMP_POS, left, taps, loop);
    IR(ir, IR_LABEL, skip);
    IR(ir, IR_ADD_IMM, left, taps);
}

static void all_taps(struct dw *d)
{
    struct ir *ir = d->ir;
    int left = load_arg(d, "taps left", ARG(taps)), unroll = d->v->knob[VAR_KNOB_UNROLL];
    if (unroll > 1)
        tap_loop(d, "main", left, unroll * d->kr);
    tap_loop(d, "group", left, d->kr);
    if (d->kr > 1) {
        int done = ir_label(ir, "odd_end");
        IR(ir, IR_JUMP_ZERO, left, done);
        ir_comment(ir, "odd tap: its partner in the weights is zero");
        d->scheme->taps(d, 1);
        IR(ir, IR_ADD_IMM, d->w, d->kr * d->nr * d->w_bytes);
        IR(ir, IR_LABEL, done);
    }
}

void dw_add_channels(struct ir *ir, const struct var_variant *v, int pointer, int first)
{
    int bytes = v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_SUMS ? 4 : 1;
    for (int i = 0; i < bytes; i++)
        IR(ir, IR_ADD, pointer, first);
}

/* Tables of the pixels of one step: those beyond the width repeat the last one. */
static void pixel_tables(struct dw *d, int pixel, int left)
{
    struct ir *ir = d->ir;
    d->tab[0] = ir_vreg(ir, IR_GPR, "pointers of a pixel");
    IR(ir, IR_MOV, d->tab[0], pixel);
    if (d->mr == 1)
        return;
    int step = load_arg(d, "temporaries", ARG(a_step)), next = ir_vreg(ir, IR_GPR, "temporaries");
    for (int i = 1; i < d->mr; i++) {
        d->tab[i] = ir_vreg(ir, IR_GPR, "pointers of a pixel");
        IR(ir, IR_MOV, next, d->tab[i - 1]);
        IR(ir, IR_ADD_SHL3, next, step);
        IR(ir, IR_SELECT_GT, d->tab[i], left, i - 1, next, d->tab[i - 1]);
    }
}

/* From pixel i - 1 to pixel i of a step; beyond the last one it stays where it is. */
static void next_pixel(struct dw *d, int pointer, int stride, int left, int i)
{
    struct ir *ir = d->ir;
    int next = ir_vreg(ir, IR_GPR, "temporaries"), to = ir_vreg(ir, IR_GPR, "temporaries");
    IR(ir, IR_SUM, next, pointer, stride);
    IR(ir, IR_SELECT_GT, to, left, i - 1, next, pointer);
    IR(ir, IR_MOV, pointer, to);
}

/* Stores the pixels of one step and moves `c` on to the next one. */
static void store_pixels(struct dw *d, int c, int left)
{
    struct ir *ir = d->ir;
    int stride = load_arg(d, "temporaries", ARG(c_stride)), add_stride = -1;
    if (d->add >= 0)
        add_stride = load_arg(d, "temporaries", ARG(add_stride));
    for (int i = 0; i < d->mr; i++) {
        if (i)
            next_pixel(d, c, stride, left, i);
        if (i && d->add >= 0)
            next_pixel(d, d->add, add_stride, left, i);
        d->scheme->store(d, i, c);
    }
    IR(ir, IR_ADD, c, stride);
    if (d->add >= 0)
        IR(ir, IR_ADD, d->add, add_stride);
}

static void one_step(struct dw *d, int pixel, int left, int c)
{
    struct ir *ir = d->ir;
    pixel_tables(d, pixel, left);
    ir_comment(ir, "accumulators = bias");
    d->scheme->init(d);
    IR(ir, IR_MOV, d->w, d->record);
    IR(ir, IR_ADD_IMM, d->w, 4 * d->nr * var_head_words(d->v));
    all_taps(d);
    ir_comment(ir, "%s", gemm_epilogue_texts[d->v->knob[VAR_KNOB_EPILOGUE]]);
    store_pixels(d, c, left);
    int step = load_arg(d, "temporaries", ARG(a_step));
    for (int i = 0; i < d->mr; i++)
        IR(ir, IR_ADD_SHL3, pixel, step);
}

void dw_build(struct ir *ir, const struct var_variant *v, const struct dw_scheme *scheme)
{
    const struct var_domain *domain = var_domain_find(v, NULL, 0);
    struct dw d = { .ir = ir, .v = v, .scheme = scheme, .add = -1 };
    int block = ir_label(ir, "block"), pixels = ir_label(ir, "pixels");
    d.mr = v->knob[VAR_KNOB_MR];
    d.nr = v->knob[VAR_KNOB_NR];
    d.kr = v->knob[VAR_KNOB_KR];
    d.w_bytes = domain->w_bytes;
    d.args = gemm_argument(ir);
    d.record = load_arg(&d, "record of weights", ARG(w));
    d.w = ir_vreg(ir, IR_GPR, "weights");
    d.first = ir_vreg(ir, IR_GPR, "first channel");
    scheme->constants(&d);
    int begin = ir_vreg(ir, IR_GPR, "block begin");
    IR(ir, IR_MOV_IMM, begin, 0);

    IR(ir, IR_LABEL, block);
    ir_comment(ir, "a block of channels: the last one overlaps");
    int last = load_arg(&d, "temporaries", ARG(channels));
    IR(ir, IR_ADD_IMM, last, -d.nr);
    IR(ir, IR_MIN, d.first, begin, last);
    int pixel = load_arg(&d, "pointers of a step", ARG(a));
    int left = load_arg(&d, "pixels left", ARG(width)), c = load_arg(&d, "row of C", ARG(c));
    dw_add_channels(ir, v, c, d.first);
    if (v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD) {
        d.add = load_arg(&d, "row of the second tensor", ARG(add));
        IR(ir, IR_ADD, d.add, d.first);
    }
    IR(ir, IR_ADD_IMM, left, -1);

    IR(ir, IR_LABEL, pixels);
    one_step(&d, pixel, left, c);
    IR(ir, IR_SUB_JUMP_POS, left, d.mr, pixels);

    IR(ir, IR_MOV, d.record, d.w);
    IR(ir, IR_ALIGN64, d.record);
    IR(ir, IR_ADD_IMM, begin, d.nr);
    int channels = load_arg(&d, "temporaries", ARG(channels));
    IR(ir, IR_JUMP_LESS, begin, channels, block);
}
