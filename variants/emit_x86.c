/* x86-64: the instruction tables, registers and calling convention, and the emitter's entry.
 *
 * Intel syntax, which GNU as and clang both take. Two tables: VEX (avx2, avxvnni) and EVEX
 * (avx512vnni). Vector instructions of the EVEX level are all EVEX, even where a VEX form exists,
 * so that one decoder sees them all; vzeroupper is the only exception. The complete list:
 *
 *     load, store        vmovdqu32 xmm ymm zmm; vmovq xmm, m64; vpmovdb m64, ymm and m128, zmm;
 *                        vextracti32x4 m128, zmm, vextracti64x4 m256, zmm, vinserti32x4 from m128,
 * vinserti64x4 from m256 broadcast          vpbroadcastd ymm zmm, from m32 and from r32;
 * vpbroadcastb, vpbroadcastw from memory bytes and words    vpunpcklbw, vpunpckhbw xmm ymm zmm,
 * vpunpcklwd, vpunpckhwd ymm zmm, vpmovsxbw ymm, vpmovzxbd zmm, m128, vpackssdw, vpacksswb,
 * vpaddsw, vpmaxsb ymm zmm, vpermd zmm, vpminsb, vpackuswb, vpminub, vpaddb zmm
 *     integer            vpxord,
 * vpaddd ymm zmm; vmovdqa32 ymm zmm (register to register) multiply           vpdpbusd ymm zmm,
 * vpdpwssd ymm float              vfmadd213ps zmm; vcvtdq2ps, vmulps, vmaxps, vminps, vcvtps2dq ymm
 * zmm epilogue forms     vaddps, vpmovsxbd from memory, vpsubd, vpmuldq, vpaddq, vpsrlq, vpsllq,
 *                        vpsrld, vpslld, vpord, vpsravd, vpsrlvd, vpminsd, vpmaxsd ymm zmm
 *     small groups       vpshufd from memory, vpshufb, vbroadcasti32x4 ymm zmm
 * Operands are registers but in loads, stores and broadcasts, and in vpaddd, vpxord, vpdpbusd and
 * vmulps, whose last one may be in memory; no masks, no embedded broadcast or rounding. */
#include "variants/peak_int.h"
#include "variants/x86_int.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>

#define COMMON_OPS                                                                                 \
    [IR_LABEL] = { "%0l:", IR_ALU, "l" }, [IR_COMMENT] = { "", IR_ALU, "l" },                      \
    [IR_MOV] = { "mov %0x, %1x", IR_ALU, "wr" }, [IR_MOV_IMM] = { "mov %0w, %1i", IR_ALU, "wi" },  \
    [IR_LOAD64] = { "mov %0x, qword ptr [%1x%2o]", IR_LOAD, "wri" },                               \
    [IR_LOAD32] = { "mov %0w, dword ptr [%1x%2o]", IR_LOAD, "wri" },                               \
    [IR_LOAD16] = { "movzx %0w, word ptr [%1x%2o]", IR_LOAD, "wri" },                              \
    [IR_LOAD8] = { "movzx %0w, byte ptr [%1x%2o]", IR_LOAD, "wri" },                               \
    [IR_ADD] = { "add %0x, %1x", IR_ALU, "+r" },                                                   \
    [IR_SUM] = { "lea %0x, [%1x + %2x]", IR_ALU, "wrr" },                                          \
    [IR_SUM_IMM] = { "lea %0x, [%1x%2o]", IR_ALU, "wri" },                                         \
    [IR_JUMP] = { "jmp %0l", IR_BRANCH, "l" },                                                     \
    [IR_ADD_SHL3] = { "lea %0x, [%0x + %1x*8]", IR_ALU, "+r" },                                    \
    [IR_ADD_IMM] = { "add %0x, %1i", IR_ALU, "+i" },                                               \
    [IR_SHL_IMM] = { "shl %0x, %1i", IR_ALU, "+i" }, [IR_OR] = { "or %0x, %1x", IR_ALU, "+r" },    \
    [IR_ALIGN64] = { "add %0x, 63\nand %0x, -64", IR_ALU, "+" },                                   \
    [IR_SELECT_GT] = { "cmp %1x, %2i\nmov %0x, %4x\ncmovg %0x, %3x", IR_ALU, "Wrirr" },            \
    [IR_MIN] = { "mov %0x, %1x\ncmp %0x, %2x\ncmovg %0x, %2x", IR_ALU, "Wrr" },                    \
    [IR_SUB_JUMP_NEG] = { "sub %0x, %1i\njs %2l", IR_BRANCH, "+il" },                              \
    [IR_SUB_JUMP_POS] = { "sub %0x, %1i\njns %2l", IR_BRANCH, "+il" },                             \
    [IR_SUB_JUMP_MORE] = { "sub %0x, %1i\njg %2l", IR_BRANCH, "+il" },                             \
    [IR_ADD_JUMP_ZERO] = { "add %0x, %1i\nje %2l", IR_BRANCH, "+il" },                             \
    [IR_JUMP_ZERO] = { "test %0x, %0x\njz %1l", IR_BRANCH, "rl" },                                 \
    [IR_JUMP_NONZERO] = { "test %0x, %0x\njnz %1l", IR_BRANCH, "rl" },                             \
    [IR_JUMP_LE] = { "cmp %0x, %1i\njle %2l", IR_BRANCH, "ril" },                                  \
    [IR_JUMP_LESS] = { "cmp %0x, %1x\njl %2l", IR_BRANCH, "rrl" },                                 \
    [IR_JUMP_BIT_CLEAR] = { "bt %0x, %1i\njnc %2l", IR_BRANCH, "ril" },                            \
    [IR_PREFETCH_L1] = { "prefetcht0 [%0x%1o]", IR_PREFETCH, "ri" },                               \
    [X86_SUB] = { "sub %0x, %1x", IR_ALU, "+r" }, [X86_AND] = { "and %0x, %1x", IR_ALU, "+r" },    \
    [X86_MUL] = { "imul %0x, %1x", IR_ALU, "+r" },                                                 \
    [X86_ADD_LOAD] = { "add %0x, qword ptr [%1x%2o]", IR_LOAD, "+ri" },                            \
    [X86_LEA] = { "lea %0x, [%1x + %2x*%3i]", IR_ALU, "wrri" }

static const struct ir_op vex_ops[X86_OP_COUNT] = {
    COMMON_OPS,
    [X86_LOAD] = { "vmovdqu %0V, [%1x%2o]", IR_LOAD, "wri" },
    [X86_LOADX_INDEX] = { "vmovdqu %0X, [%1x + %2x%3o]", IR_LOAD, "wrri" },
    [X86_LOADQ_INDEX] = { "vmovq %0X, qword ptr [%1x + %2x%3o]", IR_LOAD, "wrri" },
    [X86_BCASTD] = { "vpbroadcastd %0V, dword ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_BCASTD_GPR] = { "vmovd %0X, %1w\nvpbroadcastd %0V, %0X", IR_ALU, "wr" },
    [X86_BCASTQ_X] = { "vmovddup %0X, qword ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_BCASTQ_X_GPR] = { "vmovq %0X, %1x\nvpbroadcastq %0X, %0X", IR_ALU, "wr" },
    [X86_PAIR_X_GPR] = { "vmovq %0X, %1x\nvpinsrq %0X, %0X, %2x, 1", IR_ALU, "wrr" },
    [X86_STACK_STORE] = { "vmovdqu [rsp%1o], %0V", IR_STORE, "ri" },
    [X86_STACK_STORE32] = { "mov dword ptr [rsp%1o], %0w", IR_STORE, "ri" },
    [X86_STACK_BCASTD] = { "vpbroadcastd %0V, dword ptr [rsp%1o]", IR_LOAD, "wi" },
    [X86_SXBW] = { "vpmovsxbw %0Y, %1X", IR_ALU, "wr" },
    [X86_SXBW_LOAD] = { "vpmovsxbw %0Y, xmmword ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_SHUFD] = { "vpshufd %0V, %1V, %2i", IR_ALU, "wri" },
    [X86_UNPACK_LO] = { "vpunpcklbw %0X, %1X, %2X", IR_ALU, "wrr" },
    [X86_UNPACK_HI] = { "vpunpckhbw %0X, %1X, %2X", IR_ALU, "wrr" },
    [X86_ABSB] = { "vpabsb %0V, %1V", IR_ALU, "wr" },
    [X86_ZERO] = { "vpxor %0X, %0X, %0X", IR_ALU, "w" },
    [X86_ONES_W] = { "vpcmpeqd %0V, %0V, %0V\nvpsrlw %0V, %0V, 15", IR_ALU, "w" },
    [X86_XOR] = { "vpxor %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MOV_V] = { "vmovdqa %0V, %1V", IR_ALU, "wr" },
    [X86_MADDWD] = { "vpmaddwd %0V, %1V, %2V", IR_MAC, "wrr" },
    [X86_MADDWD_LOAD] = { "vpmaddwd %0V, %1V, [%2x%3o]", IR_MAC, "wrri" },
    [X86_MADDWD_SELF] = { "vpmaddwd %0V, %0V, %1V", IR_MAC, "+r" },
    [X86_ADDD] = { "vpaddd %0V, %0V, %1V", IR_MAC, "+r" },
    [X86_SIGNB] = { "vpsignb %0V, %1V, %2V", IR_MAC, "wrr" },
    [X86_MADDUBSW] = { "vpmaddubsw %0V, %1V, %2V", IR_MAC, "wrr" },
    [X86_DPBUSD] = { "{vex} vpdpbusd %0V, %1V, %2V", IR_MAC, "+rr" },
    [X86_DPWSSD] = { "{vex} vpdpwssd %0V, %1V, %2V", IR_MAC, "+rr" },
    [X86_CVTDQ2PS] = { "vcvtdq2ps %0V, %1V", IR_ALU, "wr" },
    [X86_MULPS_LOAD] = { "vmulps %0V, %0V, [%1x%2o]", IR_ALU, "+ri" },
    [X86_MAXPS] = { "vmaxps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MINPS] = { "vminps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_CVTPS2DQ] = { "vcvtps2dq %0V, %1V", IR_ALU, "wr" },
    [X86_PACKSSDW] = { "vpackssdw %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_PACKSSDW_X] = { "vpackssdw %0X, %1X, %2X", IR_ALU, "wrr" },
    [X86_PACKSSWB_X] = { "vpacksswb %0X, %1X, %2X", IR_ALU, "wrr" },
    [X86_PERMQ] = { "vpermq %0V, %1V, %2i", IR_ALU, "wri" },
    [X86_HIGH_HALF] = { "vextracti128 %0X, %1Y, 1", IR_ALU, "wr" },
    [X86_ADDW] = { "vpaddw %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_STORE] = { "vmovdqu [%1x%2o], %0V", IR_STORE, "rri" },
    [X86_STOREX] = { "vmovdqu [%1x%2o], %0X", IR_STORE, "rri" },
    [X86_STOREQ] = { "vmovq qword ptr [%1x%2o], %0X", IR_STORE, "rri" },
    [X86_LOAD_INDEX] = { "vmovdqu %0V, [%1x + %2x*%3i%4o]", IR_LOAD, "wrrii" },
    [X86_BCASTD_INDEX] = { "vpbroadcastd %0V, dword ptr [%1x + %2x*%3i%4o]", IR_LOAD, "wrrii" },
    [X86_BCASTW] = { "vpbroadcastw %0V, word ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_BCASTB] = { "vpbroadcastb %0V, byte ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_ADDD_LOAD] = { "vpaddd %0V, %0V, [%1x%2o]", IR_ALU, "+ri" },
    [X86_DPBUSD_LOAD] = { "{vex} vpdpbusd %0V, %1V, [%2x%3o]", IR_MAC, "+rri" },
    [X86_UNPACK_LO_B] = { "vpunpcklbw %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_UNPACK_HI_B] = { "vpunpckhbw %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_UNPACK_LO_W] = { "vpunpcklwd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_UNPACK_HI_W] = { "vpunpckhwd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_PACKSSWB] = { "vpacksswb %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_ADDSW] = { "vpaddsw %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MAXSB] = { "vpmaxsb %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MULPS] = { "vmulps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_ADDPS] = { "vaddps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SXBD_LOAD] = { "vpmovsxbd %0V, [%1x%2o]", IR_LOAD, "wri" },
    [X86_SUBD] = { "vpsubd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MULDQ] = { "vpmuldq %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_ADDQ] = { "vpaddq %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SRLQ] = { "vpsrlq %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_SLLQ] = { "vpsllq %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_SRLD] = { "vpsrld %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_SLLD] = { "vpslld %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_OR_V] = { "vpor %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SRAVD] = { "vpsravd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_SRLVD] = { "vpsrlvd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MINSD] = { "vpminsd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MAXSD] = { "vpmaxsd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SHUFD_LOAD] = { "vpshufd %0V, [%1x%2o], %3i", IR_LOAD, "wrii" },
    [X86_SHUFD_LOAD_INDEX] = { "vpshufd %0V, [%1x + %2x*%3i%4o], %5i", IR_LOAD, "wrriii" },
    [X86_SHUFB] = { "vpshufb %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_STACK_BCASTX] = { "vbroadcasti128 %0V, [rsp%1o]", IR_LOAD, "wi" },
};

static const struct ir_op evex_ops[X86_OP_COUNT] = {
    COMMON_OPS,
    [X86_LOAD] = { "vmovdqu32 %0V, [%1x%2o]", IR_LOAD, "wri" },
    [X86_LOADX_INDEX] = { "vmovdqu32 %0X, [%1x + %2x%3o]", IR_LOAD, "wrri" },
    [X86_LOADQ_INDEX] = { "{evex} vmovq %0X, qword ptr [%1x + %2x%3o]", IR_LOAD, "wrri" },
    [X86_STORE] = { "vmovdqu32 [%1x%2o], %0V", IR_STORE, "rri" },
    [X86_BCASTD] = { "{evex} vpbroadcastd %0V, dword ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_BCASTD_GPR] = { "vpbroadcastd %0V, %1w", IR_ALU, "wr" },
    [X86_STACK_STORE32] = { "mov dword ptr [rsp%1o], %0w", IR_STORE, "ri" },
    [X86_STACK_BCASTD] = { "{evex} vpbroadcastd %0V, dword ptr [rsp%1o]", IR_LOAD, "wi" },
    [X86_SXBW] = { "{evex} vpmovsxbw %0Y, %1X", IR_ALU, "wr" },
    [X86_UNPACK_LO] = { "{evex} vpunpcklbw %0X, %1X, %2X", IR_ALU, "wrr" },
    [X86_UNPACK_HI] = { "{evex} vpunpckhbw %0X, %1X, %2X", IR_ALU, "wrr" },
    [X86_ZERO] = { "vpxord %0V, %0V, %0V", IR_ALU, "w" },
    [X86_XOR] = { "vpxord %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MOV_V] = { "vmovdqa32 %0V, %1V", IR_ALU, "wr" },
    [X86_ADDD] = { "{evex} vpaddd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_DPBUSD] = { "{evex} vpdpbusd %0V, %1V, %2V", IR_MAC, "+rr" },
    [X86_DPWSSD] = { "{evex} vpdpwssd %0V, %1V, %2V", IR_MAC, "+rr" },
    [X86_CVTDQ2PS] = { "{evex} vcvtdq2ps %0V, %1V", IR_ALU, "wr" },
    [X86_MULPS] = { "{evex} vmulps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MAXPS] = { "{evex} vmaxps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MINPS] = { "{evex} vminps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_CVTPS2DQ] = { "{evex} vcvtps2dq %0V, %1V", IR_ALU, "wr" },
    [X86_STORE_BYTES] = { "vpmovdb [%1x%2o], %0V", IR_STORE, "rri" },
    [X86_LOAD_INDEX] = { "vmovdqu32 %0V, [%1x + %2x*%3i%4o]", IR_LOAD, "wrrii" },
    [X86_BCASTD_INDEX] = { "{evex} vpbroadcastd %0V, dword ptr [%1x + %2x*%3i%4o]", IR_LOAD,
                           "wrrii" },
    [X86_BCASTW] = { "{evex} vpbroadcastw %0V, word ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_BCASTB] = { "{evex} vpbroadcastb %0V, byte ptr [%1x%2o]", IR_LOAD, "wri" },
    [X86_ADDD_LOAD] = { "{evex} vpaddd %0V, %0V, [%1x%2o]", IR_ALU, "+ri" },
    [X86_DPBUSD_LOAD] = { "{evex} vpdpbusd %0V, %1V, [%2x%3o]", IR_MAC, "+rri" },
    [X86_UNPACK_LO_B] = { "{evex} vpunpcklbw %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_UNPACK_HI_B] = { "{evex} vpunpckhbw %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_UNPACK_LO_W] = { "{evex} vpunpcklwd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_UNPACK_HI_W] = { "{evex} vpunpckhwd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_PACKSSWB] = { "{evex} vpacksswb %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_ADDSW] = { "{evex} vpaddsw %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MAXSB] = { "{evex} vpmaxsb %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MINSB] = { "{evex} vpminsb %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_LOADY] = { "vmovdqu32 %0Y, [%1x%2o]", IR_LOAD, "wri" },
    [X86_LOADY_INDEX] = { "vmovdqu32 %0Y, [%1x + %2x*%3i%4o]", IR_LOAD, "wrrii" },
    [X86_INSERTY] = { "vinserti64x4 %0V, %0V, ymmword ptr [%1x%2o], 1", IR_LOAD, "+ri" },
    [X86_INSERTY_INDEX] = { "vinserti64x4 %0V, %0V, ymmword ptr [%1x + %2x*%3i%4o], 1", IR_LOAD,
                            "+rrii" },
    [X86_STACK_BYTES_D] = { "vpmovzxbd %0V, xmmword ptr [rsp%1o]", IR_LOAD, "wi" },
    [X86_MULPS_LOAD] = { "{evex} vmulps %0V, %0V, [%1x%2o]", IR_ALU, "+ri" },
    [X86_PACKSSDW] = { "{evex} vpackssdw %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_PERMD] = { "{evex} vpermd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_STOREX] = { "vmovdqu32 [%1x%2o], %0X", IR_STORE, "rri" },
    [X86_STOREY] = { "vmovdqu32 [%1x%2o], %0Y", IR_STORE, "rri" },
    [X86_STOREX_PART] = { "vextracti32x4 xmmword ptr [%1x%2o], %0V, %3i", IR_STORE, "rrii" },
    [X86_STOREY_HIGH] = { "vextracti64x4 ymmword ptr [%1x%2o], %0V, 1", IR_STORE, "rri" },
    [X86_INSERTX_INDEX] = { "vinserti32x4 %0V, %0V, xmmword ptr [%1x + %2x], %3i", IR_LOAD,
                            "+rri" },
    [X86_XOR_LOAD] = { "vpxord %0V, %1V, [%2x + %3x]", IR_LOAD, "wrrr" },
    [X86_FMADD] = { "{evex} vfmadd213ps %0V, %1V, %2V", IR_ALU, "+rr" },
    [X86_PACKUSWB] = { "{evex} vpackuswb %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_MINUB] = { "{evex} vpminub %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_ADDB] = { "{evex} vpaddb %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_ADDPS] = { "{evex} vaddps %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SXBD_LOAD] = { "{evex} vpmovsxbd %0V, [%1x%2o]", IR_LOAD, "wri" },
    [X86_SUBD] = { "{evex} vpsubd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MULDQ] = { "{evex} vpmuldq %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_ADDQ] = { "{evex} vpaddq %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SRLQ] = { "{evex} vpsrlq %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_SLLQ] = { "{evex} vpsllq %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_SRLD] = { "{evex} vpsrld %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_SLLD] = { "{evex} vpslld %0V, %0V, %1i", IR_ALU, "+i" },
    [X86_OR_V] = { "vpord %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SRAVD] = { "{evex} vpsravd %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_SRLVD] = { "{evex} vpsrlvd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MINSD] = { "{evex} vpminsd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_MAXSD] = { "{evex} vpmaxsd %0V, %0V, %1V", IR_ALU, "+r" },
    [X86_SHUFD_LOAD] = { "{evex} vpshufd %0V, [%1x%2o], %3i", IR_LOAD, "wrii" },
    [X86_SHUFD_LOAD_INDEX] = { "{evex} vpshufd %0V, [%1x + %2x*%3i%4o], %5i", IR_LOAD, "wrriii" },
    [X86_SHUFB] = { "{evex} vpshufb %0V, %1V, %2V", IR_ALU, "wrr" },
    [X86_STACK_BCASTX] = { "vbroadcasti32x4 %0V, [rsp%1o]", IR_LOAD, "wi" },
};

/* System V: the argument is in rdi; rbx, rbp and r12-r15 belong to the caller. */
static const char *const gpr_names[16][2] = {
    { "rax", "eax" },  { "rcx", "ecx" },  { "rdx", "edx" },  { "rbx", "ebx" },
    { "rsp", "esp" },  { "rbp", "ebp" },  { "rsi", "esi" },  { "rdi", "edi" },
    { "r8", "r8d" },   { "r9", "r9d" },   { "r10", "r10d" }, { "r11", "r11d" },
    { "r12", "r12d" }, { "r13", "r13d" }, { "r14", "r14d" }, { "r15", "r15d" },
};
static const uint8_t gpr_order[] = { 0, 1, 2, 6, 8, 9, 10, 11, 3, 5, 12, 13, 14, 15 };
static const uint8_t vec_order[] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
};
enum { GPR_CALLEE_SAVED = 0xf028 };

static void reg_name(int number, char view, char *out, char wide)
{
    if (view == 'x' || view == 'w')
        snprintf(out, 16, "%s", gpr_names[number & 15][view == 'w']);
    else
        snprintf(out, 16, "%cmm%d", view == 'X' ? 'x' : view == 'Y' ? 'y' : wide, number);
}

static void reg_name_256(int number, char view, char *out)
{
    reg_name(number, view, out, 'y');
}

static void reg_name_512(int number, char view, char *out)
{
    reg_name(number, view, out, 'z');
}

static void open_kernel(const struct ir *ir, const char *name, const uint32_t *used,
                        struct var_text *out)
{
    var_text_printf(out, "    .intel_syntax noprefix\n    .text\n    .p2align 6\n");
    var_text_printf(out, "    .globl %s\n    .hidden %s\n", name, name);
    var_text_printf(out, "    .type %s, @function\n%s:\n", name, name);
    for (int i = 0; i < 16; i++)
        if (used[IR_GPR] & GPR_CALLEE_SAVED & 1u << i)
            var_text_printf(out, "    push %s\n", gpr_names[i][0]);
    if (ir->frame_bytes)
        var_text_printf(out, "    sub rsp, %d\n", ir->frame_bytes);
}

static void close_kernel(const struct ir *ir, const char *name, const uint32_t *used,
                         struct var_text *out)
{
    var_text_printf(out, "    vzeroupper\n");
    if (ir->frame_bytes)
        var_text_printf(out, "    add rsp, %d\n", ir->frame_bytes);
    for (int i = 15; i >= 0; i--)
        if (used[IR_GPR] & GPR_CALLEE_SAVED & 1u << i)
            var_text_printf(out, "    pop %s\n", gpr_names[i][0]);
    var_text_printf(out, "    ret\n    .size %s, . - %s\n    .att_syntax\n", name, name);
    var_text_printf(out, "    .section .note.GNU-stack, \"\", @progbits\n\n");
}

#define TARGET(table, vectors, names)                                                              \
    {                                                                                              \
        .ops = table,                                                                              \
        .file = { { "general registers", gpr_order, sizeof(gpr_order), GPR_CALLEE_SAVED },         \
                  { "vector registers", vec_order, vectors, 0 } },                                 \
        .argument = 7, .plus = " + ", .minus = " - ", .directives = "", .reg_name = names,         \
        .open = open_kernel, .close = close_kernel,                                                \
    }

static const struct ir_target vex_256 = TARGET(vex_ops, 16, reg_name_256);
static const struct ir_target evex_256 = TARGET(evex_ops, 32, reg_name_256);
static const struct ir_target evex_512 = TARGET(evex_ops, 32, reg_name_512);

int x86_lanes(const struct var_variant *v)
{
    return v->isa == KRN_ISA_AVX512VNNI && v->knob[VAR_KNOB_LOAD] == 512 ? 16 : 8;
}

int x86_accumulators_fit(const struct ir *ir, int count, char *err, size_t err_bytes)
{
    int vectors = ir->target->file[IR_VEC].count;
    if (count < vectors)
        return 0;
    snprintf(err, err_bytes, "needs %d accumulators and has %d vector registers", count, vectors);
    return -ENOSPC;
}

static void peak_step(struct ir *ir, enum krn_isa isa, int acc, int a, int b)
{
    if (isa == KRN_ISA_AVX2) {
        int product = ir_vreg(ir, IR_VEC, "products");
        IR(ir, X86_MADDWD, product, a, b);
        IR(ir, X86_ADDD, acc, product);
    } else {
        IR(ir, X86_DPBUSD, acc, a, b);
    }
}

static const struct peak_scheme peak = { .zero = X86_ZERO, .step = peak_step };

int var_emit_x86(const struct var_variant *v, struct var_text *out, char *err, size_t err_bytes)
{
    struct ir ir;
    int rc = 0;
    ir_init(&ir, v->isa != KRN_ISA_AVX512VNNI ? &vex_256
                 : x86_lanes(v) == 16         ? &evex_512
                                              : &evex_256);
    switch (v->family) {
    case KRN_FAMILY_PEAK:
        peak_build(&ir, v, &peak);
        break;
    case KRN_FAMILY_DW:
        x86_dw_build(&ir, v);
        break;
    case KRN_FAMILY_WINO:
        rc = wino_build(&ir, v, x86_wino_scheme(), err, err_bytes);
        break;
    case KRN_FAMILY_DWC:
        x86_dwc_build(&ir, v);
        break;
    case KRN_FAMILY_DIRECT:
        rc = x86_direct_build(&ir, v, err, err_bytes);
        break;
    case KRN_FAMILY_DWROWS:
        rc = x86_dwrows_build(&ir, v, err, err_bytes);
        break;
    default:
        rc = gemm_build(&ir, v, x86_gemm_scheme(v), err, err_bytes);
    }
    if (rc) {
        ir_clear(&ir);
        return rc;
    }
    return ir_finish(&ir, v, out, err, err_bytes);
}
