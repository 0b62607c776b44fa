/* x86-64: instructions beyond the common ones, and the pieces of its emitter. Not every table has
 * every row: VEX levels and the EVEX level each have what their schemes use. */
#ifndef QUERN_VARIANTS_X86_INT_H
#define QUERN_VARIANTS_X86_INT_H

#include "variants/wino_int.h"

/* Vectors are as wide as the kernel's (view V), X marks 128-bit ones, Y 256-bit ones. */
enum {
    X86_LOAD = IR_TARGET_OP, /* w r i */
    X86_LOADX_INDEX,         /* w r r i: X, base + index + offset */
    X86_LOADQ_INDEX,         /* w r r i: 8 bytes */
    X86_BCASTD,              /* w r i: 4 bytes from memory to every lane */
    X86_BCASTD_GPR,          /* w r */
    X86_BCASTQ_X,            /* w r i: 8 bytes twice, X */
    X86_BCASTQ_X_GPR,        /* w r */
    X86_PAIR_X_GPR,          /* w r r: X from two general registers */
    X86_STACK_STORE,         /* r i: V at the stack pointer + i */
    X86_STACK_STORE32,       /* r i: of a general register */
    X86_STACK_BCASTD,        /* w i */
    X86_SXBW,                /* w r: 16 bytes, X, to 16 words, Y */
    X86_SXBW_LOAD,           /* w r i */
    X86_SHUFD,               /* w r i */
    X86_UNPACK_LO,           /* w r r: X, bytes */
    X86_UNPACK_HI,           /* w r r: X, bytes */
    X86_ABSB,                /* w r */
    X86_ZERO,                /* w */
    X86_ONES_W,              /* w: 1 in every word */
    X86_XOR,                 /* + r */
    X86_MOV_V,               /* w r */
    X86_MADDWD,              /* w r r */
    X86_MADDWD_LOAD,         /* w r r i */
    X86_ADDD,                /* + r */
    X86_SIGNB,               /* w r r: first, with the sign of the second */
    X86_MADDUBSW,            /* w r r: unsigned, signed */
    X86_MADDWD_SELF,         /* + r */
    X86_DPBUSD,              /* + r r: unsigned, signed */
    X86_DPWSSD,              /* + r r: Y */
    X86_CVTDQ2PS,            /* w r */
    X86_MULPS,               /* + r */
    X86_MULPS_LOAD,          /* + r i */
    X86_MAXPS,               /* + r */
    X86_MINPS,               /* + r */
    X86_CVTPS2DQ,            /* w r */
    X86_PACKSSDW,            /* w r r */
    X86_PACKSSDW_X,          /* w r r */
    X86_PACKSSWB_X,          /* w r r */
    X86_PERMQ,               /* w r i */
    X86_HIGH_HALF,           /* w r: X of Y */
    X86_ADDW,                /* + r */
    X86_STORE,               /* r r i */
    X86_STOREX,              /* r r i */
    X86_STOREQ,              /* r r i */
    X86_STORE_BYTES,         /* r r i: low byte of every lane of V */
    X86_SUB,                 /* + r */
    X86_AND,                 /* + r */
    X86_MUL,                 /* + r */
    X86_ADD_LOAD,            /* + r i: of a general register */
    X86_LEA,                 /* w r r i: first + second * scale */
    X86_LOAD_INDEX,          /* w r r i i: V at base + index * scale + offset */
    X86_LOADY,               /* w r i: Y, the low half of V; the rest is zero */
    X86_LOADY_INDEX,         /* w r r i i */
    X86_INSERTY,             /* + r i: from memory into the high half of V */
    X86_INSERTY_INDEX,       /* + r r i i */
    X86_BCASTD_INDEX,        /* w r r i i: 4 bytes to every lane */
    X86_BCASTW,              /* w r i: 2 bytes to every word */
    X86_BCASTB,              /* w r i: 1 byte to every byte */
    X86_STACK_BYTES_D,       /* w i: a byte at the stack pointer + i for every lane */
    X86_ADDD_LOAD,           /* + r i */
    X86_DPBUSD_LOAD,         /* + r r i: unsigned; signed from memory */
    X86_UNPACK_LO_B,         /* w r r: V, bytes */
    X86_UNPACK_HI_B,         /* w r r */
    X86_UNPACK_LO_W,         /* w r r: V, words */
    X86_UNPACK_HI_W,         /* w r r */
    X86_PACKSSWB,            /* w r r */
    X86_ADDSW,               /* + r */
    X86_MAXSB,               /* + r */
    X86_MINSB,               /* + r */
    X86_PERMD,               /* w r r: order, V */
    X86_STOREY,              /* r r i: the low half of V */
    X86_STOREX_PART,         /* r r i i: 128 bits of V, by their number */
    X86_STOREY_HIGH,         /* r r i: the high half of V */
    X86_INSERTX_INDEX,       /* + r r i: 128 bits from base + index into part i of V */
    X86_XOR_LOAD,            /* w r r r: second, and V at base + index */
    X86_FMADD,               /* + r r: times the second, plus the third, rounded once */
    X86_PACKUSWB,            /* w r r: signed words to unsigned bytes */
    X86_MINUB,               /* + r */
    X86_ADDB,                /* + r */
    X86_ADDPS,               /* + r */
    X86_SXBD_LOAD,           /* w r i: a byte for every lane */
    X86_SUBD,                /* + r */
    X86_MULDQ,               /* w r r: the low halves of 64 bits, signed */
    X86_ADDQ,                /* + r */
    X86_SRLQ,                /* + i: by a constant, as the next three */
    X86_SLLQ,                /* + i */
    X86_SRLD,                /* + i */
    X86_SLLD,                /* + i */
    X86_OR_V,                /* + r */
    X86_SRAVD,               /* w r r: first, by the lanes of the second */
    X86_SRLVD,               /* + r */
    X86_MINSD,               /* + r */
    X86_MAXSD,               /* + r */
    X86_SHUFD_LOAD,          /* w r i i: dwords of V from memory, within 128 bits */
    X86_SHUFD_LOAD_INDEX,    /* w r r i i i */
    X86_SHUFB,               /* w r r: bytes of the first within 128 bits, by the second */
    X86_STACK_BCASTX,        /* w i: 128 bits at the stack pointer + i to all of V */
    X86_OP_COUNT
};

/* Lanes of 32 bits in a vector of the kernel. */
int x86_lanes(const struct var_variant *v);

/* Sums to what the variant's epilogue makes of them (x86_epilogue.c). */
struct x86_epilogue {
    const struct var_variant *v;
    int lo, hi, zp;     /* FLOAT, ADD: floats, words; FIXED: integers less zp */
    int factor, add_zp; /* ADD */
    int half;           /* FIXED: 2^30 in 64 bits */
    int args, out, add; /* register of the arguments; where they have krn_out and `add` */
    int is_tight;       /* constants but zp are loaded anew each time */
};
/* out, add: offsets of the struct krn_out and of `add` in the arguments. */
void x86_epilogue_begin(struct ir *ir, const struct var_variant *v, int args, int out, int add,
                        struct x86_epilogue *e);
/* What becomes of `count` accumulators, at `pointer`. What the panel has for each channel besides
 * the bias is at panel + offset; FIXED: and 4 * nr bytes behind it. add: ADD: the row of the second
 * tensor. */
void x86_epilogue_row(struct ir *ir, const struct x86_epilogue *e, const int *acc, int count,
                      int panel, int offset, int pointer, int add);
/* FLOAT, VEX: four vectors of sums, or two, of which lane l of vector j is byte count * l + j. The
 * order is what x86_crossed_prepare() wrote to X86_ORDER_BYTES of the stack. */
void x86_crossed_prepare(struct ir *ir, int count);
void x86_crossed_row(struct ir *ir, const struct x86_epilogue *e, const int *acc, int count,
                     int panel, int offset, int pointer);

const struct wino_scheme *x86_wino_scheme(void);
/* Bytes from whole vectors of accumulators, packed several at a time. Clamping from below happens
 * on bytes: packing saturates, and what the conversion cannot hold is at the lower end. */
struct x86_narrow {
    int hi, lo, zp, order; /* lo: -1 = the quick way, hi and zp are bytes then; order: how packing
                              within 128-bit parts is undone; -1 = natural */
    int factor, add_zp;    /* ADD */
    int crossed;           /* lane l of accumulator j is byte 4 * l + j */
};
enum x86_order { X86_NATURAL, X86_IN_ROWS, X86_CROSSED };
enum { X86_ORDER_BYTES = 16 };          /* of stack that `order` needs, at the stack pointer */
void x86_narrow_prepare(struct ir *ir); /* once, at the top: writes the order to the stack */
void x86_narrow_begin(struct ir *ir, int args, int out_offset, enum x86_order order,
                      struct x86_narrow *n);
/* Sums of `acc` scaled, bounded above and rounded, in place; scales in the register `scale`, or
 * where that is -1 at base + offset. */
void x86_narrow_round(struct ir *ir, const struct x86_narrow *n, int acc, int scale, int base,
                      int offset);
/* Four rounded accumulators as bytes: part i of 128 bits has those of acc[i], or with the natural
 * order part i those that part i of the four accumulators has. Destroys them. */
int x86_narrow_pack(struct ir *ir, const struct x86_narrow *n, const int *acc);

/* The second half of it: bytes from two vectors of words. */
int x86_narrow_bytes(struct ir *ir, const struct x86_narrow *n, const int *words);

/* ADD: in the place of x86_narrow_begin() and _round(). Once all sums are rounded,
 * x86_bytes_begin() loads the rest. `e` has what it needs of the second tensor; `add` is its row.
 */
void x86_added_begin(struct ir *ir, int args, int out_offset, int add_offset, struct x86_narrow *n);
void x86_added_round(struct ir *ir, const struct x86_narrow *n, int acc, int base, int offset,
                     int add, int add_offset);
void x86_bytes_begin(struct ir *ir, int args, int out_offset, enum x86_order order,
                     struct x86_narrow *n);

/* In the place of x86_narrow_begin() and _round() where a kernel with `quick` finds offsets
 * (KRN_QUICK_BIAS). Scales and offsets are in registers. */
void x86_quick_begin(struct ir *ir, int args, int out_offset, enum x86_order order,
                     struct x86_narrow *n);
void x86_quick_round(struct ir *ir, int acc, int scale, int offset);

/* 0, or -ENOSPC and the reason before anything is built. */
int x86_accumulators_fit(const struct ir *ir, int count, char *err, size_t err_bytes);
int x86_direct_build(struct ir *ir, const struct var_variant *v, char *err, size_t err_bytes);
int x86_dwrows_build(struct ir *ir, const struct var_variant *v, char *err, size_t err_bytes);
const struct gemm_scheme *x86_gemm_scheme(const struct var_variant *v);
void x86_dw_build(struct ir *ir, const struct var_variant *v);
void x86_dwc_build(struct ir *ir, const struct var_variant *v);

#endif
