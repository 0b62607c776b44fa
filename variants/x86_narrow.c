/* x86-64: accumulators to bytes, four vectors at a time. */
#include "variants/x86_int.h"

#include <stddef.h>

void x86_narrow_prepare(struct ir *ir)
{
    /* byte 4 * l + j of the order is 4 * j + l: part l of packed words holds lane l of vector j */
    for (int l = 0; l < 4; l++) {
        int part = ir_vreg(ir, IR_GPR, "temporaries");
        IR(ir, IR_MOV_IMM, part, 0x0c080400 + 0x01010101 * l);
        IR(ir, X86_STACK_STORE32, part, 4 * l);
    }
}

static void load_order(struct ir *ir, enum x86_order order, struct x86_narrow *n)
{
    n->order = -1;
    n->crossed = order == X86_CROSSED;
    if (order == X86_NATURAL)
        return;
    n->order = ir_vreg(ir, IR_VEC, "order of packing");
    IR(ir, n->crossed ? X86_STACK_BCASTX : X86_STACK_BYTES_D, n->order, 0);
}

static void load_top(struct ir *ir, int args, int out_offset, struct x86_narrow *n)
{
    n->hi = ir_vreg(ir, IR_VEC, "bounds, zero point");
    IR(ir, X86_BCASTD, n->hi, args, out_offset + (int)offsetof(struct krn_out, hi_f));
}

void x86_bytes_begin(struct ir *ir, int args, int out_offset, enum x86_order order,
                     struct x86_narrow *n)
{
    n->lo = ir_vreg(ir, IR_VEC, "bounds, zero point");
    n->zp = ir_vreg(ir, IR_VEC, "bounds, zero point");
    IR(ir, X86_BCASTW, n->zp, args, out_offset + (int)offsetof(struct krn_out, zp));
    IR(ir, X86_BCASTB, n->lo, args, out_offset + (int)offsetof(struct krn_out, lo));
    load_order(ir, order, n);
}

void x86_narrow_begin(struct ir *ir, int args, int out_offset, enum x86_order order,
                      struct x86_narrow *n)
{
    load_top(ir, args, out_offset, n);
    x86_bytes_begin(ir, args, out_offset, order, n);
}

void x86_narrow_round(struct ir *ir, const struct x86_narrow *n, int acc, int scale, int base,
                      int offset)
{
    IR(ir, X86_CVTDQ2PS, acc, acc);
    if (scale >= 0)
        IR(ir, X86_MULPS, acc, scale);
    else
        IR(ir, X86_MULPS_LOAD, acc, base, offset);
    IR(ir, X86_MINPS, acc, n->hi);
    IR(ir, X86_CVTPS2DQ, acc, acc);
}

/* ---- ADD */

void x86_added_begin(struct ir *ir, int args, int out_offset, int add_offset, struct x86_narrow *n)
{
    enum { ADD = offsetof(struct krn_gemm_args, add) }; /* fields lie alike in all families */
    load_top(ir, args, out_offset, n);
    n->factor = ir_vreg(ir, IR_VEC, "second tensor");
    n->add_zp = ir_vreg(ir, IR_VEC, "second tensor");
    IR(ir, X86_BCASTD, n->factor, args,
       add_offset + (int)offsetof(struct krn_gemm_args, add_factor) - ADD);
    IR(ir, X86_BCASTD, n->add_zp, args,
       add_offset + (int)offsetof(struct krn_gemm_args, add_zp) - ADD);
}

void x86_added_round(struct ir *ir, const struct x86_narrow *n, int acc, int base, int offset,
                     int add, int add_offset)
{
    int other = ir_vreg(ir, IR_VEC, "temporaries");
    IR(ir, X86_SXBD_LOAD, other, add, add_offset);
    IR(ir, X86_SUBD, other, n->add_zp);
    IR(ir, X86_CVTDQ2PS, other, other);
    IR(ir, X86_MULPS, other, n->factor);
    IR(ir, X86_CVTDQ2PS, acc, acc);
    IR(ir, X86_MULPS_LOAD, acc, base, offset);
    IR(ir, X86_ADDPS, acc, other);
    IR(ir, X86_MINPS, acc, n->hi);
    IR(ir, X86_CVTPS2DQ, acc, acc);
}

/* ---- Quick: see KRN_QUICK_BIAS */

void x86_quick_begin(struct ir *ir, int args, int out_offset, enum x86_order order,
                     struct x86_narrow *n)
{
    n->hi = ir_vreg(ir, IR_VEC, "bounds, zero point");
    n->zp = ir_vreg(ir, IR_VEC, "bounds, zero point");
    n->lo = -1;
    IR(ir, X86_BCASTB, n->hi, args, out_offset + (int)offsetof(struct krn_out, span));
    IR(ir, X86_BCASTB, n->zp, args, out_offset + (int)offsetof(struct krn_out, zp));
    load_order(ir, order, n);
}

void x86_quick_round(struct ir *ir, int acc, int scale, int offset)
{
    IR(ir, X86_FMADD, acc, scale, offset);
    IR(ir, X86_CVTPS2DQ, acc, acc);
}

/* ---- Both */

int x86_narrow_bytes(struct ir *ir, const struct x86_narrow *n, const int *words)
{
    int bytes = ir_vreg(ir, IR_VEC, "temporaries");
    if (n->lo < 0) {
        IR(ir, X86_PACKUSWB, bytes, words[0], words[1]);
        IR(ir, X86_MINUB, bytes, n->hi);
        IR(ir, X86_ADDB, bytes, n->zp);
        return bytes;
    }
    for (int i = 0; i < 2; i++)
        IR(ir, X86_ADDSW, words[i], n->zp);
    IR(ir, X86_PACKSSWB, bytes, words[0], words[1]);
    IR(ir, X86_MAXSB, bytes, n->lo);
    return bytes;
}

int x86_narrow_pack(struct ir *ir, const struct x86_narrow *n, const int *acc)
{
    int words[2];
    for (int i = 0; i < 2; i++) {
        words[i] = ir_vreg(ir, IR_VEC, "temporaries");
        IR(ir, X86_PACKSSDW, words[i], acc[2 * i], acc[2 * i + 1]);
    }
    int bytes = x86_narrow_bytes(ir, n, words);
    if (n->order < 0)
        return bytes;
    int ordered = ir_vreg(ir, IR_VEC, "temporaries");
    if (n->crossed)
        IR(ir, X86_SHUFB, ordered, bytes, n->order);
    else
        IR(ir, X86_PERMD, ordered, n->order, bytes);
    return ordered;
}
