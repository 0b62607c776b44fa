/* What the files of x86 direct convolution share: x86_direct.c makes steps of output pixels,
 * x86_late.c turns the sums of a step into bytes while the next one is under way. */
#ifndef QUERN_VARIANTS_X86_DIRECT_INT_H
#define QUERN_VARIANTS_X86_DIRECT_INT_H

#include "variants/x86_int.h"

#include <stddef.h>

#define ARG(field) ((int)offsetof(struct krn_direct_args, field))
#define TAP(field) ((int)offsetof(struct krn_tap, field))

enum { BASES = 2 };              /* registers that rows of A are addressed from */
enum { X86_DIRECT_VECTORS = 7 }; /* of a row of the tile, at most */

struct direct {
    struct ir *ir;
    const struct var_variant *v;
    int mr, nr, vectors, group_bytes, is_evex;
    int rotations; /* of A within its blocks, in a kernel for small groups; else 0 */
    int args, left, offset, c, flags; /* virtual registers, as all below */
    int table, taps, w, k, skip;
    int base[BASES], stride, stride3, stride5;
    int acc[GEMM_MAX_ACC], b[X86_DIRECT_VECTORS];
    int flip; /* 0x80 in every byte, or -1: A is made ready */

    int is_late;
    const char *side;               /* ends the labels of a step: "", or which of two it is */
    int held[GEMM_MAX_ACC], late_c; /* products of the step before, and where they belong */
    int is_bounded, late_ways;      /* which of the two ways is being made; how often they were */
};

static inline int x86_direct_gpr(struct direct *d, const char *group)
{
    return ir_vreg(d->ir, IR_GPR, group);
}

static inline int x86_direct_vec(struct direct *d, const char *group)
{
    return ir_vreg(d->ir, IR_VEC, group);
}

static inline int x86_direct_arg(struct direct *d, const char *group, int offset)
{
    int reg = x86_direct_gpr(d, group);
    IR(d->ir, IR_LOAD64, reg, d->args, offset);
    return reg;
}

/* A panel's first offset: 0 where the layer does not take a quick way. */
static inline int x86_direct_offset(struct direct *d)
{
    int panel = x86_direct_arg(d, "temporaries", ARG(w)), offset = x86_direct_gpr(d, "temporaries");
    IR(d->ir, IR_LOAD32, offset, panel, 8 * d->nr);
    return offset;
}

/* x86_direct_store.c: the epilogue of a step. */
void x86_direct_store(struct direct *d);

/* ---- x86_late.c: two sets of accumulators take turns. Where a step ends, a quick way
 * (KRN_QUICK_RECTIFIED, KRN_QUICK_BOUNDED) scales its sums, for which the MACs' ports are needed;
 * the next step rounds, packs and stores them between its first MACs, on the other ports. The first
 * step of a run finds zeros, and stores what they become where its own bytes will be. */

/* Once, at the top, behind x86_narrow_prepare(): both sets. */
void x86_late_prepare(struct direct *d);
void x86_late_swap(struct direct *d);
/* Chunks that the bytes of a step are made in; part `place` of `places` of one. */
int x86_late_chunks(const struct direct *d);
void x86_late_part(struct direct *d, int chunk, int place, int places);
/* All of it at once, where no MACs are. */
void x86_late_rest(struct direct *d);
/* What has such parts in it, once for each of the ways; the panel says which one is taken. */
void x86_late_ways(struct direct *d, void (*make)(struct direct *d, int label), int label);

#endif
