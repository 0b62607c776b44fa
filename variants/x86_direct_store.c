/* x86-64 direct convolution: what becomes of the sums of a step. */
#include "variants/x86_direct_int.h"

/* Accumulators of a step that become bytes together, from `first` on: of one, two or four rows, of
 * three vectors of a row where it has as many, or of what is left of a longer row. */
static int chunk_of(const struct direct *d, int first)
{
    int most = d->vectors == 3 ? 3 : 4, end = d->mr * d->vectors;
    if (d->vectors > 4)
        end = (first / d->vectors + 1) * d->vectors;
    return end - first < most ? end - first : most;
}

/* `count` parts of 128 bits of `bytes` within a row. */
static void store_in_row(struct direct *d, int bytes, int count, int row, int place)
{
    struct ir *ir = d->ir;
    IR(ir, count == 4 ? X86_STORE : count == 1 ? X86_STOREX : X86_STOREY, bytes, row, place);
    if (count == 3)
        IR(ir, X86_STOREX_PART, bytes, row, place + 32, 2);
}

/* Parts of 128 bits of `bytes` to where the accumulators `first`.. of the step belong. */
static void store_parts(struct direct *d, int bytes, int first, int count, int *row)
{
    struct ir *ir = d->ir;
    if (d->vectors > 2) {
        store_in_row(d, bytes, count, row[0], 16 * (first % d->vectors));
        return;
    }
    if (d->vectors == 1) {
        IR(ir, X86_STOREX, bytes, row[0], 0);
        for (int i = 1; i < count; i++)
            IR(ir, X86_STOREX_PART, bytes, row[i], 0, i);
        return;
    }
    IR(ir, X86_STOREY, bytes, row[0], 0);
    if (count == 4)
        IR(ir, X86_STOREY_HIGH, bytes, row[1], 0);
}

/* Sums of a panel with offsets that are floats already, vector by vector of its columns. LATE: the
 * next step rounds. */
static void round_quickly(struct direct *d, int panel)
{
    for (int j = 0; j < d->vectors; j++) {
        int scale = x86_direct_vec(d, "scales"), offset = x86_direct_vec(d, "scales");
        IR(d->ir, X86_LOAD, scale, panel, 4 * d->nr + 4 * x86_lanes(d->v) * j);
        IR(d->ir, X86_LOAD, offset, panel, 8 * d->nr + 4 * x86_lanes(d->v) * j);
        for (int i = 0; i < d->mr; i++)
            if (d->is_late)
                IR(d->ir, X86_FMADD, d->acc[i * d->vectors + j], scale, offset);
            else
                x86_quick_round(d->ir, d->acc[i * d->vectors + j], scale, offset);
    }
}

/* LATE: the products of sums that are no floats yet. */
static void scale_late(struct direct *d, int panel)
{
    for (int j = 0; j < d->vectors; j++) {
        int scale = x86_direct_vec(d, "scales");
        IR(d->ir, X86_LOAD, scale, panel, 4 * d->nr + 4 * x86_lanes(d->v) * j);
        for (int i = 0; i < d->mr; i++) {
            int acc = d->acc[i * d->vectors + j];
            IR(d->ir, X86_CVTDQ2PS, acc, acc);
            IR(d->ir, X86_MULPS, acc, scale);
        }
    }
}

/* ADD: where the second tensor has the first pixel of the step: as many pixels behind the first of
 * the run as are not left any more. */
static int added_row(struct direct *d)
{
    struct ir *ir = d->ir;
    int row = x86_direct_arg(d, "row of the second tensor", ARG(width));
    IR(ir, X86_SUB, row, d->left);
    IR(ir, X86_MUL, row, x86_direct_arg(d, "temporaries", ARG(add_stride)));
    IR(ir, X86_ADD_LOAD, row, d->args, ARG(add));
    return row;
}

static void round_added(struct direct *d, int panel, struct x86_narrow *n)
{
    struct ir *ir = d->ir;
    int row = added_row(d), stride = x86_direct_arg(d, "temporaries", ARG(add_stride));
    x86_added_begin(ir, d->args, ARG(out), ARG(add), n);
    for (int i = 0; i < d->mr; i++) {
        for (int j = 0; j < d->vectors; j++)
            x86_added_round(ir, n, d->acc[i * d->vectors + j], panel, 4 * d->nr + 64 * j, row,
                            16 * j);
        IR(ir, IR_ADD, row, stride);
    }
    x86_bytes_begin(ir, d->args, ARG(out), X86_IN_ROWS, n);
}

/* Ways from sums to bytes. */
enum way { ANY, QUICK, ADDED };

static void store_rows(struct direct *d, int panel, enum way way)
{
    struct ir *ir = d->ir;
    struct x86_narrow n;
    int total = d->mr * d->vectors, count, bytes = 4 * x86_lanes(d->v);
    int stride = x86_direct_arg(d, "temporaries", ARG(c_stride)),
        next = x86_direct_gpr(d, "row of C");
    if (way == ADDED)
        round_added(d, panel, &n);
    if (way == QUICK)
        round_quickly(d, panel);
    if (way != ADDED)
        (way == QUICK ? x86_quick_begin : x86_narrow_begin)(
            ir, d->args, ARG(out), d->rotations ? X86_CROSSED : X86_IN_ROWS, &n);
    IR(ir, IR_MOV, next, d->c);
    for (int first = 0; first < total; first += count) {
        int acc[4], row[4];
        count = chunk_of(d, first);
        for (int i = 0; i < 4; i++) {
            int at = first + (i < count ? i : count - 1);
            acc[i] = d->acc[at];
            if (i < count && way == ANY)
                x86_narrow_round(ir, &n, acc[i], -1, panel, 4 * d->nr + bytes * (at % d->vectors));
        }
        for (int i = 0; i * d->vectors < count; i++) {
            row[i] = next;
            if ((first + count) % d->vectors != 0)
                continue; /* more of this row follows */
            next = x86_direct_gpr(d, "row of C");
            IR(ir, IR_SUM, next, row[i], stride);
        }
        store_parts(d, x86_narrow_pack(ir, &n, acc), first, count, row);
    }
}

/* Both kinds of sums to products, which the next step makes bytes of. */
static void store_late(struct direct *d, int panel, int offset, int end)
{
    struct ir *ir = d->ir;
    int bounded = ir_label(ir, "sums%s", d->side), scaled = ir_label(ir, "scaled%s", d->side);
    IR(ir, IR_JUMP_LE, offset, INT32_MAX, bounded); /* offsets of rectified layers are negative */
    round_quickly(d, panel);
    IR(ir, IR_JUMP, scaled);
    IR(ir, IR_LABEL, bounded);
    scale_late(d, panel);
    IR(ir, IR_LABEL, scaled);
    IR(ir, IR_MOV, d->late_c, d->c);
    IR(ir, IR_JUMP, end);
}

static void store_evex(struct direct *d)
{
    struct ir *ir = d->ir;
    int any = ir_label(ir, "any%s", d->side), end = ir_label(ir, "stored%s", d->side);
    int panel = x86_direct_arg(d, "temporaries", ARG(w)), offset = x86_direct_offset(d);
    IR(ir, IR_JUMP_ZERO, offset, any);
    ir_comment(ir, "the quick way");
    if (d->is_late) {
        store_late(d, panel, offset, end);
    } else {
        store_rows(d, panel, QUICK);
        IR(ir, IR_JUMP, end);
    }
    IR(ir, IR_LABEL, any);
    store_rows(d, panel, ANY);
    IR(ir, IR_LABEL, end);
}

/* Row by row, as GEMM tiles do it. */
static void store_each(struct direct *d)
{
    struct ir *ir = d->ir;
    struct x86_epilogue e;
    int panel = x86_direct_arg(d, "temporaries", ARG(w)), row = x86_direct_gpr(d, "row of C");
    int stride = x86_direct_arg(d, "temporaries", ARG(c_stride)), add = -1, add_stride = -1;
    if (d->v->knob[VAR_KNOB_EPILOGUE] == KRN_EPILOGUE_ADD) {
        add = added_row(d);
        add_stride = x86_direct_arg(d, "temporaries", ARG(add_stride));
    }
    x86_epilogue_begin(ir, d->v, d->args, ARG(out), ARG(add), &e);
    IR(ir, IR_MOV, row, d->c);
    for (int i = 0; i < d->mr; i++) {
        if (d->rotations)
            x86_crossed_row(ir, &e, d->acc + i * d->vectors, d->vectors, panel, 4 * d->nr, row);
        else
            x86_epilogue_row(ir, &e, d->acc + i * d->vectors, d->vectors, panel, 4 * d->nr, row,
                             add);
        IR(ir, IR_ADD, row, stride);
        if (add >= 0)
            IR(ir, IR_ADD, add, add_stride);
    }
}

void x86_direct_store(struct direct *d)
{
    int epilogue = d->v->knob[VAR_KNOB_EPILOGUE];
    ir_comment(d->ir, "%s", gemm_epilogue_texts[epilogue]);
    if (d->is_evex && epilogue == KRN_EPILOGUE_FLOAT)
        store_evex(d);
    else if (d->is_evex && epilogue == KRN_EPILOGUE_ADD)
        store_rows(d, x86_direct_arg(d, "temporaries", ARG(w)), ADDED);
    else
        store_each(d);
}
