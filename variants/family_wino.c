/* Winograd's products: the outline. For each element of the transform a small matrix product, all
 * of them one behind the other in memory: eight of depth at a time, the first of which begin the
 * sums instead of adding to them. */
#include "variants/wino_int.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define ARG(field) ((int)offsetof(struct krn_wino_args, field))

static int load_arg(struct wino *w, const char *group, int offset)
{
    int reg = ir_vreg(w->ir, IR_GPR, group);
    IR(w->ir, IR_LOAD64, reg, w->args, offset);
    return reg;
}

static void depth_step(struct wino *w, int begins)
{
    struct ir *ir = w->ir;
    int begin = ir->insn_count;
    w->scheme->body(w, begins);
    if (w->v->knob[VAR_KNOB_SCHEDULE] == 1)
        ir_spread(ir, begin, ir->insn_count, 8);
    IR(ir, IR_ADD_IMM, w->a, 16 * w->mr);
    IR(ir, IR_ADD_IMM, w->w, 16 * w->nr);
}

/* The first eight begin the sums. */
static void plain_depth(struct wino *w, int left)
{
    struct ir *ir = w->ir;
    int depth = ir_label(ir, "depth"), end = ir_label(ir, "depth_end");
    ir_comment(ir, "the first eight of depth begin the sums");
    depth_step(w, 1);
    IR(ir, IR_SUB_JUMP_NEG, left, 16, end);
    IR(ir, IR_LABEL, depth);
    ir_comment(ir, "eight of depth");
    depth_step(w, 0);
    IR(ir, IR_SUB_JUMP_POS, left, 8, depth);
    IR(ir, IR_LABEL, end);
}

int wino_build(struct ir *ir, const struct var_variant *v, const struct wino_scheme *scheme,
               char *err, size_t err_bytes)
{
    struct wino w = { .ir = ir, .v = v, .scheme = scheme };
    int element = ir_label(ir, "element"), vectors = ir->target->file[IR_VEC].count;
    w.mr = v->knob[VAR_KNOB_MR];
    w.nr = v->knob[VAR_KNOB_NR];
    w.kr = v->knob[VAR_KNOB_KR];
    w.vectors = w.nr / scheme->lanes;
    if (w.mr * w.vectors >= vectors) {
        snprintf(err, err_bytes, "needs %d accumulators and has %d vector registers",
                 w.mr * w.vectors, vectors);
        return -ENOSPC;
    }
    w.args = gemm_argument(ir);
    w.a = load_arg(&w, "A", ARG(a));
    w.w = load_arg(&w, "B", ARG(w));
    w.c = load_arg(&w, "C", ARG(c));
    int elements = load_arg(&w, "elements left", ARG(elements));
    IR(ir, IR_ADD_IMM, elements, -1);
    for (int i = 0; i < w.mr * w.vectors; i++)
        w.acc[i] = ir_vreg(ir, IR_VEC, "accumulators");

    IR(ir, IR_LABEL, element);
    int left = load_arg(&w, "depth left", ARG(k));
    (var_is_woven(v) ? scheme->woven : plain_depth)(&w, left);
    ir_comment(ir, "sums of the element");
    scheme->store(&w);
    IR(ir, IR_ADD_IMM, w.c, 4 * w.mr * w.nr);
    IR(ir, IR_SUB_JUMP_POS, elements, 1, element);
    return 0;
}
