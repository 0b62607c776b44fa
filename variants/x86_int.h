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
    X86_OP_COUNT
};

/* Lanes of 32 bits in a vector of the kernel. */
int x86_lanes(const struct var_variant *v);

struct x86_epilogue {
    int lo, hi, zp;
};
void x86_epilogue_begin(struct ir *ir, const struct var_variant *v, int args, int out_offset,
                        struct x86_epilogue *e);
/* Writes the bytes of `count` accumulators at `pointer`; their scales are at scale + scale_offset.
 */
void x86_epilogue_row(struct ir *ir, const struct var_variant *v, const struct x86_epilogue *e,
                      const int *acc, int count, int scale, int scale_offset, int pointer);

const struct wino_scheme *x86_wino_scheme(void);
const struct gemm_scheme *x86_gemm_scheme(const struct var_variant *v);
void x86_dw_build(struct ir *ir, const struct var_variant *v);

#endif
