/* x86-64: what becomes of the accumulators of a row, in each epilogue. */
#include "variants/x86_int.h"

#include <stddef.h>

#define OUT(field) ((int)offsetof(struct krn_out, field))
/* Fields of the second tensor lie alike in the arguments of all families. */
#define ADDED(e, field)                                                                            \
    ((e)->add + (int)(offsetof(struct krn_gemm_args, field) - offsetof(struct krn_gemm_args, add)))

static int vec(struct ir *ir, const char *group)
{
    return ir_vreg(ir, IR_VEC, group);
}

static int constant(struct ir *ir, int args, int offset)
{
    int reg = vec(ir, "bounds, zero point");
    IR(ir, X86_BCASTD, reg, args, offset);
    return reg;
}

static int is_evex(const struct x86_epilogue *e)
{
    return e->v->isa == KRN_ISA_AVX512VNNI;
}

static int form_of(const struct x86_epilogue *e)
{
    return e->v->knob[VAR_KNOB_EPILOGUE];
}

/* 2^30 in 64 bits. */
static int half_of(struct ir *ir, int bits)
{
    int half = vec(ir, "2^30");
    IR(ir, IR_MOV_IMM, bits, 1 << 30);
    IR(ir, X86_BCASTD_GPR, half, bits);
    IR(ir, X86_SRLQ, half, 32);
    return half;
}

/* Bounds as integers, the zero point taken off: it is added after the clamp. */
static void begin_fixed(struct ir *ir, struct x86_epilogue *e)
{
    int bits = ir_vreg(ir, IR_GPR, "temporaries");
    e->lo = constant(ir, e->args, e->out + OUT(lo));
    e->hi = constant(ir, e->args, e->out + OUT(hi));
    e->zp = constant(ir, e->args, e->out + OUT(zp));
    IR(ir, X86_SUBD, e->lo, e->zp);
    IR(ir, X86_SUBD, e->hi, e->zp);
    e->half = half_of(ir, bits);
}

static void begin_float(struct ir *ir, struct x86_epilogue *e)
{
    e->lo = constant(ir, e->args, e->out + OUT(lo_f));
    e->hi = constant(ir, e->args, e->out + OUT(hi_f));
    e->zp = constant(ir, e->args, e->out + OUT(zp));
    if (form_of(e) != KRN_EPILOGUE_ADD)
        return;
    e->factor = constant(ir, e->args, ADDED(e, add_factor));
    e->add_zp = constant(ir, e->args, ADDED(e, add_zp));
}

/* ---- Constants, where accumulators leave registers for them; else loaded where they are used. */

static int is_tight(const struct x86_epilogue *e)
{
    const int *knob = e->v->knob, few = is_evex(e) ? 24 : 10;
    int many = knob[VAR_KNOB_MR] * knob[VAR_KNOB_NR] > few * x86_lanes(e->v);
    return many && form_of(e) != KRN_EPILOGUE_FLOAT;
}

static int kept(struct ir *ir, const struct x86_epilogue *e, int reg, int offset)
{
    return e->is_tight ? constant(ir, e->args, offset) : reg;
}

/* A bound without the zero point. */
static int kept_bound(struct ir *ir, const struct x86_epilogue *e, int reg, int offset)
{
    if (!e->is_tight)
        return reg;
    reg = constant(ir, e->args, e->out + offset);
    IR(ir, X86_SUBD, reg, constant(ir, e->args, e->out + OUT(zp)));
    return reg;
}

void x86_epilogue_begin(struct ir *ir, const struct var_variant *v, int args, int out, int add,
                        struct x86_epilogue *e)
{
    *e = (struct x86_epilogue) { .v = v, .args = args, .out = out, .add = add };
    e->is_tight = is_tight(e);
    if (form_of(e) == KRN_EPILOGUE_SUMS)
        return;
    if (e->is_tight)
        e->zp = constant(ir, args, out + OUT(zp));
    else
        (form_of(e) == KRN_EPILOGUE_FIXED ? begin_fixed : begin_float)(ir, e);
    if (!is_evex(e))
        IR(ir, X86_PACKSSDW, e->zp, e->zp, e->zp);
}

/* ---- Accumulator to rounded, clamped integer, without the zero point. */

static int scaled(struct ir *ir, const struct x86_epilogue *e, int acc, int scale, int offset)
{
    int y = vec(ir, "temporaries");
    IR(ir, X86_CVTDQ2PS, y, acc);
    if (is_evex(e)) {
        int factor = vec(ir, "scales");
        IR(ir, X86_LOAD, factor, scale, offset);
        IR(ir, X86_MULPS, y, factor);
    } else {
        IR(ir, X86_MULPS_LOAD, y, scale, offset);
    }
    return y;
}

static void add_tensor(struct ir *ir, const struct x86_epilogue *e, int y, int add, int offset)
{
    int other = vec(ir, "temporaries");
    IR(ir, X86_SXBD_LOAD, other, add, offset);
    IR(ir, X86_SUBD, other, kept(ir, e, e->add_zp, ADDED(e, add_zp)));
    IR(ir, X86_CVTDQ2PS, other, other);
    IR(ir, X86_MULPS, other, kept(ir, e, e->factor, ADDED(e, add_factor)));
    IR(ir, X86_ADDPS, y, other);
}

static int rounded(struct ir *ir, const struct x86_epilogue *e, int y)
{
    int result = vec(ir, "temporaries");
    IR(ir, X86_MAXPS, y, kept(ir, e, e->lo, e->out + OUT(lo_f)));
    IR(ir, X86_MINPS, y, kept(ir, e, e->hi, e->out + OUT(hi_f)));
    IR(ir, X86_CVTPS2DQ, result, y);
    return result;
}

/* (acc * multiplier + 2^30) >> 31 in every lane: even ones, then odd ones, in 64 bits each. The
 * accumulator is lost. */
static int doubling_high(struct ir *ir, const struct x86_epilogue *e, int acc, int panel,
                         int offset)
{
    int multiplier = vec(ir, "multipliers"), even = vec(ir, "temporaries"), half = e->half;
    IR(ir, X86_LOAD, multiplier, panel, offset);
    IR(ir, X86_MULDQ, even, acc, multiplier);
    IR(ir, X86_SRLQ, acc, 32);
    IR(ir, X86_SRLQ, multiplier, 32);
    IR(ir, X86_MULDQ, acc, acc, multiplier);
    if (e->is_tight)
        half = half_of(ir, ir_vreg(ir, IR_GPR, "temporaries"));
    IR(ir, X86_ADDQ, even, half);
    IR(ir, X86_ADDQ, acc, half);
    IR(ir, X86_SRLQ, even, 31);
    IR(ir, X86_SLLQ, even, 32);
    IR(ir, X86_SRLQ, even, 32);
    IR(ir, X86_SRLQ, acc, 31);
    IR(ir, X86_SLLQ, acc, 32);
    IR(ir, X86_OR_V, even, acc);
    return even;
}

/* A shift that rounds: the bit that leaves last is added. It is bit 0 of twice the number, shifted
 * logically, which is 0 for a shift of 0. */
static int fixed(struct ir *ir, const struct x86_epilogue *e, int acc, int panel, int offset)
{
    int high = doubling_high(ir, e, acc, panel, offset);
    int shift = vec(ir, "shifts"), y = vec(ir, "temporaries");
    IR(ir, X86_LOAD, shift, panel, offset + 4 * e->v->knob[VAR_KNOB_NR]);
    IR(ir, X86_SRAVD, y, high, shift);
    IR(ir, X86_SLLD, high, 1);
    IR(ir, X86_SRLVD, high, shift);
    IR(ir, X86_SLLD, high, 31);
    IR(ir, X86_SRLD, high, 31);
    IR(ir, X86_ADDD, y, high);
    IR(ir, X86_MAXSD, y, kept_bound(ir, e, e->lo, OUT(lo)));
    IR(ir, X86_MINSD, y, kept_bound(ir, e, e->hi, OUT(hi)));
    return y;
}

/* ---- Stores */

/* Sixteen (pair) or eight (low alone) integers as bytes. Packing works within 128-bit halves. */
static void store_narrow(struct ir *ir, const struct x86_epilogue *e, int low, int high,
                         int pointer, int offset)
{
    int words = vec(ir, "temporaries"), half = vec(ir, "temporaries");
    int bytes = vec(ir, "temporaries");
    if (high < 0) {
        IR(ir, X86_HIGH_HALF, half, low);
        IR(ir, X86_PACKSSDW_X, words, low, half);
        IR(ir, X86_ADDW, words, e->zp);
        IR(ir, X86_PACKSSWB_X, bytes, words, words);
        IR(ir, X86_STOREQ, bytes, pointer, offset);
        return;
    }
    int ordered = vec(ir, "temporaries");
    IR(ir, X86_PACKSSDW, words, low, high);
    IR(ir, X86_PERMQ, ordered, words, 0xd8);
    IR(ir, X86_ADDW, ordered, e->zp);
    IR(ir, X86_HIGH_HALF, half, ordered);
    IR(ir, X86_PACKSSWB_X, bytes, ordered, half);
    IR(ir, X86_STOREX, bytes, pointer, offset);
}

/* ---- Sums that stand crosswise */

void x86_crossed_prepare(struct ir *ir, int count)
{
    /* after packing, lane l of vector j is byte 4 * j + l of its 128 bits */
    for (int part = 0; part < 4; part++) {
        int word = ir_vreg(ir, IR_GPR, "temporaries");
        if (count == 4)
            IR(ir, IR_MOV_IMM, word, 0x0c080400 + 0x01010101 * part);
        else
            IR(ir, IR_MOV_IMM, word, 0x05010400 + 0x02020202 * (part % 2));
        IR(ir, X86_STACK_STORE32, word, 4 * part);
    }
}

static int words_of(struct ir *ir, const struct x86_epilogue *e, int low, int high)
{
    int words = vec(ir, "temporaries");
    IR(ir, X86_PACKSSDW, words, low, high);
    IR(ir, X86_ADDW, words, e->zp);
    return words;
}

void x86_crossed_row(struct ir *ir, const struct x86_epilogue *e, const int *acc, int count,
                     int panel, int offset, int pointer)
{
    int y[4], words[2], order = vec(ir, "order of packing");
    for (int j = 0; j < count; j++)
        y[j] = rounded(ir, e, scaled(ir, e, acc[j], panel, offset + 4 * x86_lanes(e->v) * j));
    for (int i = 0; i < 2; i++)
        words[i] = i < count / 2 ? words_of(ir, e, y[2 * i], y[2 * i + 1]) : words[0];
    int bytes = vec(ir, "temporaries"), ordered = vec(ir, "temporaries");
    IR(ir, X86_PACKSSWB, bytes, words[0], words[1]);
    IR(ir, X86_STACK_BCASTX, order, 0);
    IR(ir, X86_SHUFB, ordered, bytes, order);
    if (count == 4) {
        IR(ir, X86_STORE, ordered, pointer, 0);
        return;
    }
    int joined = vec(ir, "temporaries");
    IR(ir, X86_PERMQ, joined, ordered, 0xd8); /* the low halves of both parts */
    IR(ir, X86_STOREX, joined, pointer, 0);
}

/* Accumulator j of a row, all but the zero point. */
static int finish(struct ir *ir, const struct x86_epilogue *e, int acc, int panel, int offset,
                  int add, int j)
{
    int lanes = x86_lanes(e->v);
    if (form_of(e) == KRN_EPILOGUE_FIXED)
        return fixed(ir, e, acc, panel, offset + 4 * lanes * j);
    int y = scaled(ir, e, acc, panel, offset + 4 * lanes * j);
    if (form_of(e) == KRN_EPILOGUE_ADD)
        add_tensor(ir, e, y, add, lanes * j);
    return rounded(ir, e, y);
}

void x86_epilogue_row(struct ir *ir, const struct x86_epilogue *e, const int *acc, int count,
                      int panel, int offset, int pointer, int add)
{
    int lanes = x86_lanes(e->v), y[2];
    for (int j = 0; j < count; j++) {
        if (form_of(e) == KRN_EPILOGUE_SUMS) {
            IR(ir, X86_STORE, acc[j], pointer, 4 * lanes * j);
            continue;
        }
        y[j % 2] = finish(ir, e, acc[j], panel, offset, add, j);
        if (is_evex(e)) {
            IR(ir, X86_ADDD, y[j % 2], e->zp);
            IR(ir, X86_STORE_BYTES, y[j % 2], pointer, lanes * j);
        } else if (j % 2) {
            store_narrow(ir, e, y[0], y[1], pointer, lanes * (j - 1));
        } else if (j == count - 1) {
            store_narrow(ir, e, y[0], -1, pointer, lanes * j);
        }
    }
}
