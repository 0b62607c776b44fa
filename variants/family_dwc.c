/* Depthwise by columns: the outline. Blocks of channels outside, pixels inside; the last block
 * overlaps the one before it. The columns of the window stay in registers, in a ring: a step loads
 * the columns that enter, `stride` of them, and computes one pixel of each output row. The loop has
 * as many steps as the ring takes to come round, and an exit behind each. */
#include "variants/dw_int.h"
#include "variants/dwc_int.h"

#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_dw_args, field))

enum { REACH = 192 }; /* bytes from d->table that every load of a column can reach */

static int load_arg(struct dwc *d, const char *group, int offset)
{
    int reg = ir_vreg(d->ir, IR_GPR, group);
    IR(d->ir, IR_LOAD64, reg, d->args, offset);
    return reg;
}

/* Steps until slot 0 holds the first column of a window again. */
static int period(const struct dwc *d)
{
    int steps = 1;
    while (steps * d->stride % d->filter)
        steps++;
    return steps;
}

/* Loads columns [index, index + count) of the loop, from `offset` on; returns the offset behind
 * them. The first slots keep their registers, for the next iteration to find its first columns. */
static int load_columns(struct dwc *d, int index, int count, int offset)
{
    int vectors = d->scheme->column_vectors(d);
    for (int end = index + count; index < end; index++) {
        int place = index % d->filter, *slot = d->slot[place];
        for (int i = 0; i < vectors; i++)
            slot[i] = place < d->filter - d->stride ? d->kept[place][i]
                                                    : ir_vreg(d->ir, IR_VEC, "columns");
        if (offset > REACH) {
            IR(d->ir, IR_ADD_IMM, d->table, offset);
            offset = 0;
        }
        d->scheme->column(d, slot, offset);
        offset += 8 * d->column;
    }
    return offset;
}

static void begin_rows(struct dwc *d)
{
    struct ir *ir = d->ir;
    d->c[0] = load_arg(d, "rows of C", ARG(c));
    dw_add_channels(ir, d->v, d->c[0], d->first);
    for (int r = 1; r < d->rows; r++) {
        int step = load_arg(d, "temporaries", ARG(c_row));
        d->c[r] = ir_vreg(ir, IR_GPR, "rows of C");
        IR(ir, IR_SUM, d->c[r], d->c[r - 1], step);
    }
    if (d->v->knob[VAR_KNOB_EPILOGUE] != KRN_EPILOGUE_ADD)
        return;
    d->add[0] = load_arg(d, "rows of the second tensor", ARG(add));
    IR(ir, IR_ADD, d->add[0], d->first);
    for (int r = 1; r < d->rows; r++) {
        int step = load_arg(d, "temporaries", ARG(add_row));
        d->add[r] = ir_vreg(ir, IR_GPR, "rows of the second tensor");
        IR(ir, IR_SUM, d->add[r], d->add[r - 1], step);
    }
}

static const char *epilogue_text(const struct dwc *d)
{
    int epilogue = d->v->knob[VAR_KNOB_EPILOGUE];
    return epilogue == KRN_EPILOGUE_FLOAT
               ? "requantise: float, scale, round half to even, zero point, narrow, clamp"
               : gemm_epilogue_texts[epilogue];
}

static void pixels(struct dwc *d)
{
    static const int windows[] = { 0, 8, 16 }; /* of the scheduler, by knob; 0: as it is */
    struct ir *ir = d->ir;
    int loop = ir_label(ir, "pixels"), done = ir_label(ir, "pixels_end");
    int left = load_arg(d, "pixels left", ARG(width)), shared = d->filter - d->stride, offset;
    IR(ir, IR_ADD_IMM, left, -1);
    ir_comment(ir, "columns that the first window shares with none before it");
    for (int i = 0; i < shared; i++)
        for (int j = 0; j < d->scheme->column_vectors(d); j++)
            d->kept[i][j] = ir_vreg(ir, IR_VEC, "columns");
    offset = load_columns(d, 0, shared, 0);
    IR(ir, IR_ADD_IMM, d->table, offset);

    IR(ir, IR_LABEL, loop);
    offset = 0;
    for (int step = 0, steps = period(d); step < steps; step++) {
        int first = step * d->stride % d->filter;
        ir_comment(ir, "step %d: the window begins in slot %d", step, first);
        int begin = ir->insn_count;
        offset = load_columns(d, shared + step * d->stride, d->stride, offset);
        d->scheme->macs(d, first);
        ir_comment(ir, "%s", epilogue_text(d));
        d->scheme->store(d);
        if (windows[d->v->knob[VAR_KNOB_SCHEDULE]])
            ir_list(ir, begin, ir->insn_count, ir->insn_count,
                    windows[d->v->knob[VAR_KNOB_SCHEDULE]], NULL);
        if (step < steps - 1) {
            IR(ir, IR_SUB_JUMP_NEG, left, 1, done);
        } else {
            IR(ir, IR_ADD_IMM, d->table, offset);
            IR(ir, IR_SUB_JUMP_POS, left, 1, loop);
        }
    }
    IR(ir, IR_LABEL, done);
}

/* Bytes of the record of a block: its head and its weights, to a multiple of 64. */
static int record_bytes(const struct dwc *d)
{
    int column = d->kr == 1 ? d->filter : d->groups * d->kr * d->rows;
    return (d->nr * (4 * var_head_words(d->v) + d->filter * column) + 63) / 64 * 64;
}

void dwc_build(struct ir *ir, const struct var_variant *v, const struct dwc_scheme *scheme)
{
    struct dwc d = {
        .ir = ir,
        .v = v,
        .scheme = scheme,
        .nr = v->knob[VAR_KNOB_NR],
        .kr = v->knob[VAR_KNOB_KR],
        .filter = v->knob[VAR_KNOB_FILTER],
        .stride = v->knob[VAR_KNOB_STRIDE],
        .rows = v->knob[VAR_KNOB_ROWS],
    };
    int block = ir_label(ir, "block");
    d.column = d.filter + (d.rows - 1) * d.stride;
    d.groups = (d.column + d.kr - 1) / d.kr;
    d.args = gemm_argument(ir);
    d.record = load_arg(&d, "record of weights", ARG(w));
    d.c_stride = load_arg(&d, "bytes between pixels", ARG(c_stride));
    if (v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD)
        d.add_stride = load_arg(&d, "bytes between pixels", ARG(add_stride));
    d.first = ir_vreg(ir, IR_GPR, "first channel");
    scheme->constants(&d);
    int begin = ir_vreg(ir, IR_GPR, "block begin");
    IR(ir, IR_MOV_IMM, begin, 0);

    IR(ir, IR_LABEL, block);
    ir_comment(ir, "a block of channels: the last one overlaps");
    int last = load_arg(&d, "temporaries", ARG(channels));
    IR(ir, IR_ADD_IMM, last, -d.nr);
    IR(ir, IR_MIN, d.first, begin, last);
    d.table = load_arg(&d, "table of columns", ARG(a));
    begin_rows(&d);
    scheme->begin_block(&d);
    pixels(&d);
    IR(ir, IR_ADD_IMM, d.record, record_bytes(&d));
    IR(ir, IR_ADD_IMM, begin, d.nr);
    int channels = load_arg(&d, "temporaries", ARG(channels));
    IR(ir, IR_JUMP_LESS, begin, channels, block);
}
