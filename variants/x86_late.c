/* x86-64 direct convolution: a step's sums become bytes between the MACs of the next step. */
#include "variants/x86_direct_int.h"

/* Behind the order of packing in the frame: the bound and the zero point, in each of four bytes. */
enum { SPAN_AT = X86_ORDER_BYTES, ZP_AT = SPAN_AT + 4, FRAME_BYTES = SPAN_AT + 16 };

static int vectors_of_chunk(const struct direct *d)
{
    return d->vectors == 3 ? 3 : 4;
}

int x86_late_chunks(const struct direct *d)
{
    int some = vectors_of_chunk(d);
    return (d->mr * d->vectors + some - 1) / some;
}

/* ---- A chunk: four vectors of products, or three where a row has three, or what is left. They
 * are rounded and packed in their registers; those that packing frees take the constants. It is
 * made in parts, so that each can stand between two rows. */

struct chunk {
    int acc[4], count;
};

static struct chunk chunk_at(const struct direct *d, int index)
{
    int some = vectors_of_chunk(d), left = d->mr * d->vectors - index * some;
    struct chunk c = { .count = left < some ? left : some };
    for (int i = 0; i < 4; i++)
        c.acc[i] = d->held[index * some + (i < c.count ? i : c.count - 1)];
    return c;
}

static int rows_of(const struct direct *d, const struct chunk *c)
{
    return c->count / d->vectors > 0 ? c->count / d->vectors : 1;
}

/* Behind the rounding, and before the stores of rows. Rectified, or with both bounds. */
enum what {
    PACK_FIRST,
    PACK_SECOND,
    ADD_FIRST,
    ADD_SECOND,
    PACK_BYTES,
    SPAN,
    ADD_ZP,
    BELOW,
    ABOVE,
    REORDER
};
static const enum what rectified_parts[] = {
    PACK_FIRST, PACK_SECOND, PACK_BYTES, SPAN, ADD_ZP, REORDER,
};
static const enum what bounded_parts[] = {
    PACK_FIRST, PACK_SECOND, ADD_FIRST, ADD_SECOND, PACK_BYTES, BELOW, ABOVE, REORDER,
};
enum {
    RECTIFIED_PARTS = sizeof rectified_parts / sizeof *rectified_parts,
    BOUNDED_PARTS = sizeof bounded_parts / sizeof *bounded_parts
};

static int parts_of(const struct direct *d, const struct chunk *c)
{
    return c->count + (d->is_bounded ? BOUNDED_PARTS : RECTIFIED_PARTS) + rows_of(d, c);
}

/* Row by row downwards, with no register but the one that goes on. */
static void store_row(struct direct *d, int bytes, int row)
{
    struct ir *ir = d->ir;
    if (d->vectors == 1 && row == 0)
        IR(ir, X86_STOREX, bytes, d->late_c, 0);
    else if (d->vectors == 1)
        IR(ir, X86_STOREX_PART, bytes, d->late_c, 0, row);
    else if (row == 0)
        IR(ir, X86_STOREY, bytes, d->late_c, 0);
    else
        IR(ir, X86_STOREY_HIGH, bytes, d->late_c, 0);
    if (d->vectors == 3)
        IR(ir, X86_STOREX_PART, bytes, d->late_c, 32, 2);
    if (d->vectors == 4)
        IR(ir, X86_STOREY_HIGH, bytes, d->late_c, 32);
    IR(ir, X86_ADD_LOAD, d->late_c, d->args, ARG(c_stride));
}

static void with_constant(struct direct *d, int op, int bytes, int offset)
{
    int constant = ir_vreg(d->ir, IR_VEC, "bounds, zero point");
    IR(d->ir, X86_STACK_BCASTD, constant, offset);
    IR(d->ir, op, bytes, constant);
}

/* What the arguments have: a word or a byte. */
static void with_argument(struct direct *d, int op, int bytes, int load, size_t field)
{
    int constant = ir_vreg(d->ir, IR_VEC, "bounds, zero point");
    IR(d->ir, load, constant, d->args, ARG(out) + (int)field);
    IR(d->ir, op, bytes, constant);
}

static void narrow(struct direct *d, const struct chunk *c, enum what what)
{
    struct ir *ir = d->ir;
    int first = c->acc[0], second = c->count > 2 ? c->acc[2] : first, order;
    switch (what) {
    case PACK_FIRST:
        IR(ir, X86_PACKSSDW, first, first, c->acc[1]);
        break;
    case PACK_SECOND:
        if (c->count > 2)
            IR(ir, X86_PACKSSDW, second, second, c->acc[3]);
        break;
    case ADD_FIRST:
        with_argument(d, X86_ADDSW, first, X86_BCASTW, offsetof(struct krn_out, zp));
        break;
    case ADD_SECOND:
        if (c->count > 2)
            with_argument(d, X86_ADDSW, second, X86_BCASTW, offsetof(struct krn_out, zp));
        break;
    case PACK_BYTES:
        IR(ir, d->is_bounded ? X86_PACKSSWB : X86_PACKUSWB, first, first, second);
        break;
    case SPAN:
        with_constant(d, X86_MINUB, first, SPAN_AT);
        break;
    case ADD_ZP:
        with_constant(d, X86_ADDB, first, ZP_AT);
        break;
    case BELOW:
        with_argument(d, X86_MAXSB, first, X86_BCASTB, offsetof(struct krn_out, lo));
        break;
    case ABOVE:
        with_argument(d, X86_MINSB, first, X86_BCASTB, offsetof(struct krn_out, hi));
        break;
    case REORDER:
        order = ir_vreg(ir, IR_VEC, "order of packing");
        IR(ir, X86_STACK_BYTES_D, order, 0);
        IR(ir, X86_PERMD, first, order, first);
    }
}

static void part(struct direct *d, const struct chunk *c, int index)
{
    int narrowing = index - c->count, parts = d->is_bounded ? BOUNDED_PARTS : RECTIFIED_PARTS;
    if (narrowing < 0)
        IR(d->ir, X86_CVTPS2DQ, c->acc[index], c->acc[index]);
    else if (narrowing < parts)
        narrow(d, c, (d->is_bounded ? bounded_parts : rectified_parts)[narrowing]);
    else
        store_row(d, c->acc[0], narrowing - parts);
}

/* ---- What the steps call */

static void keep_bytes(struct direct *d, int source, int offset)
{
    int byte = ir_vreg(d->ir, IR_GPR, "temporaries"), all = ir_vreg(d->ir, IR_GPR, "temporaries");
    IR(d->ir, IR_LOAD8, byte, d->args, source);
    IR(d->ir, IR_MOV_IMM, all, 0x01010101);
    IR(d->ir, X86_MUL, byte, all);
    IR(d->ir, X86_STACK_STORE32, byte, offset);
}

void x86_late_prepare(struct direct *d)
{
    const int out = ARG(out);
    d->ir->frame_bytes = FRAME_BYTES;
    keep_bytes(d, out + (int)offsetof(struct krn_out, span), SPAN_AT);
    keep_bytes(d, out + (int)offsetof(struct krn_out, zp), ZP_AT);
    d->late_c = ir_vreg(d->ir, IR_GPR, "row of C of the step before");
    IR(d->ir, IR_MOV, d->late_c, d->c);
    for (int i = 0; i < d->mr * d->vectors; i++) {
        d->acc[i] = ir_vreg(d->ir, IR_VEC, "accumulators");
        d->held[i] = ir_vreg(d->ir, IR_VEC, "accumulators of the step before");
        IR(d->ir, X86_ZERO, d->held[i]);
    }
}

void x86_late_swap(struct direct *d)
{
    for (int i = 0; i < d->mr * d->vectors; i++) {
        int acc = d->acc[i];
        d->acc[i] = d->held[i];
        d->held[i] = acc;
    }
}

void x86_late_part(struct direct *d, int chunk, int place, int places)
{
    struct chunk c = chunk_at(d, chunk);
    int parts = parts_of(d, &c);
    for (int i = place * parts / places; i < (place + 1) * parts / places; i++)
        part(d, &c, i);
}

static void rest(struct direct *d, int unused)
{
    (void)unused;
    for (int i = 0; i < x86_late_chunks(d); i++)
        x86_late_part(d, i, 0, 1);
}

void x86_late_rest(struct direct *d)
{
    x86_late_ways(d, rest, 0);
}

void x86_late_ways(struct direct *d, void (*make)(struct direct *d, int label), int label)
{
    struct ir *ir = d->ir;
    int number = d->late_ways++, offset = x86_direct_offset(d);
    int bounded = ir_label(ir, "bounded_%d", number), end = ir_label(ir, "bounded_%d_end", number);
    IR(ir, IR_JUMP_LE, offset, INT32_MAX, bounded); /* those of rectified layers are negative */
    d->is_bounded = 0;
    make(d, label);
    IR(ir, IR_JUMP, end);
    IR(ir, IR_LABEL, bounded);
    ir_comment(ir, "with both bounds");
    d->is_bounded = 1;
    make(d, label);
    IR(ir, IR_LABEL, end);
}
