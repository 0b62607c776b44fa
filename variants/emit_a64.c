/* AArch64: the instruction table, registers and calling convention, and the emitter's entry. */
#include "variants/a64_int.h"
#include "variants/peak_int.h"

#include <errno.h>
#include <stdio.h>

static const struct ir_op ops[A64_OP_COUNT] = {
    [IR_LABEL] = { "%0l:", IR_ALU, "l" },
    [IR_COMMENT] = { "", IR_ALU, "l" },
    [IR_MOV] = { "mov %0x, %1x", IR_ALU, "wr" },
    [IR_MOV_IMM] = { "mov %0x, #%1i", IR_ALU, "wi" },
    [IR_LOAD64] = { "ldur %0x, [%1x%2o]", IR_LOAD, "wri" },
    [IR_LOAD32] = { "ldur %0w, [%1x%2o]", IR_LOAD, "wri" },
    [IR_LOAD16] = { "ldurh %0w, [%1x%2o]", IR_LOAD, "wri" },
    [IR_LOAD8] = { "ldurb %0w, [%1x%2o]", IR_LOAD, "wri" },
    [IR_ADD] = { "add %0x, %0x, %1x", IR_ALU, "+r" },
    [IR_SUM] = { "add %0x, %1x, %2x", IR_ALU, "wrr" },
    [IR_SUM_IMM] = { "add %0x, %1x, #%2i", IR_ALU, "wri" },
    [IR_JUMP] = { "b %0l", IR_BRANCH, "l" },
    [IR_ADD_SHL3] = { "add %0x, %0x, %1x, lsl #3", IR_ALU, "+r" },
    [IR_ADD_IMM] = { "add %0x, %0x, #%1i", IR_ALU, "+i" },
    [IR_SHL_IMM] = { "lsl %0x, %0x, #%1i", IR_ALU, "+i" },
    [IR_OR] = { "orr %0x, %0x, %1x", IR_ALU, "+r" },
    [IR_ALIGN64] = { "add %0x, %0x, #63\nand %0x, %0x, #-64", IR_ALU, "+" },
    [IR_SELECT_GT] = { "cmp %1x, #%2i\ncsel %0x, %3x, %4x, gt", IR_ALU, "Wrirr" },
    [IR_MIN] = { "cmp %1x, %2x\ncsel %0x, %1x, %2x, lt", IR_ALU, "Wrr" },
    [IR_SUB_JUMP_NEG] = { "subs %0x, %0x, #%1i\nb.mi %2l", IR_BRANCH, "+il" },
    [IR_SUB_JUMP_MORE] = { "subs %0x, %0x, #%1i\nb.gt %2l", IR_BRANCH, "+il" },
    [IR_ADD_JUMP_ZERO] = { "adds %0x, %0x, #%1i\nb.eq %2l", IR_BRANCH, "+il" },
    [IR_LOAD64_PAIR] = { "ldp %0x, %1x, [%2x%3o]", IR_LOAD, "wwri" },
    [IR_SUB_JUMP_POS] = { "subs %0x, %0x, #%1i\nb.pl %2l", IR_BRANCH, "+il" },
    [IR_JUMP_ZERO] = { "cbz %0x, %1l", IR_BRANCH, "rl" },
    [IR_JUMP_NONZERO] = { "cbnz %0x, %1l", IR_BRANCH, "rl" },
    [IR_JUMP_LE] = { "cmp %0x, #%1i\nb.le %2l", IR_BRANCH, "ril" },
    [IR_JUMP_LESS] = { "cmp %0x, %1x\nb.lt %2l", IR_BRANCH, "rrl" },
    [IR_JUMP_BIT_CLEAR] = { "tbz %0x, #%1i, %2l", IR_BRANCH, "ril" },
    [IR_PREFETCH_L1] = { "prfm pldl1keep, [%0x%1o]", IR_PREFETCH, "ri" },
    [IR_SUB_FLAGS] = { "subs %0x, %0x, #%1i", IR_ALU, "+i" },
    [IR_FLOAT_MODE] = { "mrs %0x, fpcr", IR_ALU, "w" },
    [IR_SET_FLOAT_MODE] = { "msr fpcr, %0x", IR_ALU, "r" },
    [IR_JUMP_POS] = { "b.pl %0l", IR_BRANCH, "l" },
    [A64_LDR_X] = { "ldr %0x, [%1x%2o]", IR_LOAD, "wri" },
    [A64_LDR_Q] = { "ldr %0q, [%1x%2o]", IR_LOAD, "wri" },
    [A64_LDR_D] = { "ldr %0d, [%1x%2o]", IR_LOAD_HALF, "wri" },
    [A64_LDR_S] = { "ldr %0s, [%1x%2o]", IR_LOAD, "wri" },
    [A64_LDR_Q_REG] = { "ldr %0q, [%1x, %2x]", IR_LOAD, "wrr" },
    [A64_LDR_D_REG] = { "ldr %0d, [%1x, %2x]", IR_LOAD_HALF, "wrr" },
    [A64_LDR_S_REG] = { "ldr %0s, [%1x, %2x]", IR_LOAD_HALF, "wrr" },
    [A64_LDR_X_REG] = { "ldr %0x, [%1x, %2x]", IR_LOAD, "wrr" },
    [A64_LDR_X_POST] = { "ldr %0x, [%1x], #%2i", IR_LOAD, "w+i" },
    [A64_MADD] = { "madd %0x, %1x, %2x, %0x", IR_ALU, "+rr" },
    [A64_JUMP_NOT] = { "cmp %0x, #%1i\nb.ne %2l", IR_BRANCH, "ril" },
    [A64_LDP_Q] = { "ldp %0q, %1q, [%2x%3o]", IR_LOAD, "wwri" },
    [A64_LDR_Q_POST] = { "ldr %0q, [%1x], #%2i", IR_LOAD, "w+i" },
    [A64_LDR_D_POST] = { "ldr %0d, [%1x], #%2i", IR_LOAD, "w+i" },
    [A64_LDP_Q_POST] = { "ldp %0q, %1q, [%2x], #%3i", IR_LOAD, "ww+i" },
    [A64_LD1_4] = { "ld1 {%0V.16b, %1V.16b, %2V.16b, %3V.16b}, [%4x], #64", IR_LOAD, "wwww+" },
    [A64_LD1R_D2_POST] = { "ld1r {%0V.2d}, [%1x], #8", IR_LOAD, "w+" },
    [A64_STR_Q] = { "str %0q, [%1x%2o]", IR_STORE, "rri" },
    [A64_STR_D] = { "str %0d, [%1x%2o]", IR_STORE, "rri" },
    [A64_STR_S] = { "str %0s, [%1x%2o]", IR_STORE, "rri" },
    [A64_STR_Q_POST] = { "str %0q, [%1x], #%2i", IR_STORE, "r+i" },
    [A64_STR_D_POST] = { "str %0d, [%1x], #%2i", IR_STORE, "r+i" },
    [A64_STR_S_POST] = { "str %0s, [%1x], #%2i", IR_STORE, "r+i" },
    [A64_ST1_D] = { "st1 {%0V.d}[%2i], [%1x]", IR_STORE, "rri" },
    [A64_ST1_S] = { "st1 {%0V.s}[%2i], [%1x]", IR_STORE, "rri" },
    [A64_ST1_D_POST] = { "st1 {%0V.d}[%2i], [%1x], #8", IR_STORE, "r+i" },
    [A64_ST1_S_POST] = { "st1 {%0V.s}[%2i], [%1x], #4", IR_STORE, "r+i" },
    [A64_DUP_S] = { "dup %0V.4s, %1w", IR_ALU, "wr" },
    [A64_FMOV_D] = { "fmov %0d, %1x", IR_ALU, "wr" },
    [A64_INS_D1] = { "ins %0V.d[1], %1x", IR_ALU, "+r" },
    [A64_ZERO] = { "movi %0V.4s, #0", IR_ALU, "w" },
    [A64_MOV_V] = { "mov %0V.16b, %1V.16b", IR_ALU, "wr" },
    [A64_DUP_D0] = { "dup %0V.2d, %1V.d[0]", IR_ALU, "wr" },
    [A64_DUP_D1] = { "dup %0V.2d, %1V.d[1]", IR_ALU, "wr" },
    [A64_EXT_8] = { "ext %0V.16b, %1V.16b, %1V.16b, #8", IR_ALU, "wr" },
    [A64_TRN1_D] = { "trn1 %0V.2d, %1V.2d, %2V.2d", IR_ALU, "wrr" },
    [A64_TRN2_D] = { "trn2 %0V.2d, %1V.2d, %2V.2d", IR_ALU, "wrr" },
    [A64_SDOT_LANE] = { "sdot %0V.4s, %1V.16b, %2V.4b[%3i]", IR_MAC, "+rri" },
    [A64_SDOT] = { "sdot %0V.4s, %1V.16b, %2V.16b", IR_MAC, "+rr" },
    [A64_SMMLA] = { "smmla %0V.4s, %1V.16b, %2V.16b", IR_MAC, "+rr" },
    [A64_SMULL] = { "smull %0V.8h, %1V.8b, %2V.8b", IR_MAC, "wrr" },
    [A64_SMULL2] = { "smull2 %0V.8h, %1V.16b, %2V.16b", IR_MAC, "wrr" },
    [A64_SMLAL] = { "smlal %0V.8h, %1V.8b, %2V.8b", IR_MAC, "+rr" },
    [A64_SMLAL2] = { "smlal2 %0V.8h, %1V.16b, %2V.16b", IR_MAC, "+rr" },
    [A64_SADALP] = { "sadalp %0V.4s, %1V.8h", IR_MAC, "+r" },
    [A64_SADDW] = { "saddw %0V.4s, %0V.4s, %1V.4h", IR_MAC, "+r" },
    [A64_SADDW2] = { "saddw2 %0V.4s, %0V.4s, %1V.8h", IR_MAC, "+r" },
    [A64_ADDP_S] = { "addp %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_SCVTF] = { "scvtf %0V.4s, %1V.4s", IR_ALU, "wr" },
    [A64_FMUL] = { "fmul %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_FMAX] = { "fmax %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_FMIN] = { "fmin %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_FCVTNS] = { "fcvtns %0V.4s, %1V.4s", IR_ALU, "wr" },
    [A64_FSUB] = { "fsub %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_FMLS] = { "fmls %0V.4s, %1V.4s, %2V.4s", IR_ALU, "+rr" },
    [A64_FADD] = { "fadd %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_SQRDMULH_S] = { "sqrdmulh %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_SRSHL_S] = { "srshl %0V.4s, %1V.4s, %2V.4s", IR_ALU, "wrr" },
    [A64_NEG_S] = { "neg %0V.4s, %1V.4s", IR_ALU, "wr" },
    [A64_SSUBL_H] = { "ssubl %0V.8h, %1V.8b, %2V.8b", IR_ALU, "wrr" },
    [A64_SXTL_S] = { "sxtl %0V.4s, %1V.4h", IR_ALU, "wr" },
    [A64_UZP1_H] = { "uzp1 %0V.8h, %1V.8h, %2V.8h", IR_ALU, "wrr" },
    [A64_UZP2_H] = { "uzp2 %0V.8h, %1V.8h, %2V.8h", IR_ALU, "wrr" },
    [A64_SQXTN_H] = { "sqxtn %0V.4h, %1V.4s", IR_ALU, "wr" },
    [A64_SQXTN2_H] = { "sqxtn2 %0V.8h, %1V.4s", IR_ALU, "+r" },
    [A64_SQXTN_B] = { "sqxtn %0V.8b, %1V.8h", IR_ALU, "wr" },
    [A64_SQXTN2_B] = { "sqxtn2 %0V.16b, %1V.8h", IR_ALU, "+r" },
    [A64_SQADD_H] = { "sqadd %0V.8h, %0V.8h, %1V.8h", IR_ALU, "+r" },
    [A64_SMAX_B] = { "smax %0V.16b, %0V.16b, %1V.16b", IR_ALU, "+r" },
    [A64_SMIN_B] = { "smin %0V.16b, %0V.16b, %1V.16b", IR_ALU, "+r" },
    [A64_DUP_H_LANE] = { "dup %0V.8h, %1V.h[%2i]", IR_ALU, "wri" },
    [A64_DUP_B_LANE] = { "dup %0V.16b, %1V.b[%2i]", IR_ALU, "wri" },
    [A64_UZP1_B] = { "uzp1 %0V.16b, %1V.16b, %2V.16b", IR_ALU, "wrr" },
    [A64_LDP_X] = { "ldp %0x, %1x, [%2x%3o]", IR_LOAD, "wwri" },
    [A64_ST1_Q_NEXT] = { "st1 {%0V.16b}, [%1x], %2x", IR_STORE, "r+r" },
    [A64_ST1_D0_NEXT] = { "st1 {%0V.d}[0], [%1x], %2x", IR_STORE, "r+r" },
    [A64_ST1_D1_NEXT] = { "st1 {%0V.d}[1], [%1x], %2x", IR_STORE, "r+r" },
    [A64_DUP_B] = { "dup %0V.16b, %1w", IR_ALU, "wr" },
    [A64_DUP_H] = { "dup %0V.8h, %1w", IR_ALU, "wr" },
    [A64_ZIP1_B] = { "zip1 %0V.16b, %1V.16b, %2V.16b", IR_ALU, "wrr" },
    [A64_ZIP2_B] = { "zip2 %0V.16b, %1V.16b, %2V.16b", IR_ALU, "wrr" },
    [A64_ZIP1_H] = { "zip1 %0V.8h, %1V.8h, %2V.8h", IR_ALU, "wrr" },
    [A64_ZIP2_H] = { "zip2 %0V.8h, %1V.8h, %2V.8h", IR_ALU, "wrr" },
    [A64_STP_Q] = { "stp %0q, %1q, [%2x%3o]", IR_STORE, "rrri" },
    [A64_SMULL_LANE] = { "smull %0V.4s, %1V.4h, %2V.h[%3i]", IR_MAC, "wrri" },
    [A64_SMULL2_LANE] = { "smull2 %0V.4s, %1V.8h, %2V.h[%3i]", IR_MAC, "wrri" },
    [A64_SMLAL_LANE] = { "smlal %0V.4s, %1V.4h, %2V.h[%3i]", IR_MAC, "+rri" },
    [A64_SMLAL2_LANE] = { "smlal2 %0V.4s, %1V.8h, %2V.h[%3i]", IR_MAC, "+rri" },
    [A64_LD4R_H_POST] = { "ld4r {%0V.8h, %1V.8h, %2V.8h, %3V.8h}, [%4x], #8", IR_LOAD, "wwww+" },
    [A64_LD2R_H_POST] = { "ld2r {%0V.8h, %1V.8h}, [%2x], #4", IR_LOAD, "ww+" },
    [A64_LD1R_H_POST] = { "ld1r {%0V.8h}, [%1x], #2", IR_LOAD, "w+" },
    [A64_LD1R_H] = { "ld1r {%0V.8h}, [%1x]", IR_LOAD_HALF, "wr" },
    [A64_SXTL] = { "sxtl %0V.8h, %1V.8b", IR_ALU, "wr" },
    [A64_SXTL2] = { "sxtl2 %0V.8h, %1V.16b", IR_ALU, "wr" },
    [A64_ADD_B] = { "add %0V.16b, %0V.16b, %1V.16b", IR_ALU, "+r" },
};

/* AAPCS64: x18 belongs to the platform; x19-x28 and the low halves of v8-v15 to the caller. */
static const uint8_t gpr_order[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
                                     15, 16, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28 };
static const uint8_t vec_order[] = {
    0,  1,  2,  3,  4,  5,  6,  7,  16, 17, 18, 19, 20, 21, 22, 23,
    24, 25, 26, 27, 28, 29, 30, 31, 8,  9,  10, 11, 12, 13, 14, 15
};

static void reg_name(int number, char view, char *out)
{
    snprintf(out, 16, "%c%d", view == 'V' ? 'v' : view, number);
}

/* What each save slot holds: pairs would save little, the epilogue of a tile dwarfs them. */
static int each_saved(const struct ir *ir, const uint32_t *used, const char *verb,
                      struct var_text *out)
{
    static const char views[IR_FILE_COUNT] = { [IR_GPR] = 'x', [IR_VEC] = 'd' };
    int offset = 0;
    for (int file = 0; file < IR_FILE_COUNT; file++) {
        for (int i = 0; i < 32; i++) {
            char reg[16];
            if (!(used[file] & ir->target->file[file].callee_saved & 1u << i))
                continue;
            reg_name(i, views[file], reg);
            if (out)
                var_text_printf(out, "    %s %s, [sp, #%d]\n", verb, reg, offset);
            offset += 8;
        }
    }
    return (offset + 15) / 16 * 16;
}

static void open_kernel(const struct ir *ir, const char *name, const uint32_t *used,
                        struct var_text *out)
{
    int bytes = each_saved(ir, used, "", NULL);
    var_text_printf(out, "%s    .text\n    .p2align 6\n    .globl %s\n    .hidden %s\n",
                    ir->target->directives, name, name);
    var_text_printf(out, "    .type %s, %%function\n%s:\n", name, name);
    if (bytes) {
        var_text_printf(out, "    sub sp, sp, #%d\n", bytes);
        each_saved(ir, used, "str", out);
    }
}

static void close_kernel(const struct ir *ir, const char *name, const uint32_t *used,
                         struct var_text *out)
{
    int bytes = each_saved(ir, used, "", NULL);
    if (bytes) {
        each_saved(ir, used, "ldr", out);
        var_text_printf(out, "    add sp, sp, #%d\n", bytes);
    }
    var_text_printf(out, "    ret\n    .size %s, . - %s\n", name, name);
    var_text_printf(out, "    .section .note.GNU-stack, \"\", %%progbits\n\n");
}

#define TARGET(arch_text)                                                                          \
    {                                                                                              \
        .ops = ops,                                                                                \
        .file = { { "general registers", gpr_order, sizeof(gpr_order), 0x1ff80000u },              \
                  { "vector registers", vec_order, sizeof(vec_order), 0x0000ff00u } },             \
        .plus = ", #", .minus = ", #-", .directives = "    .arch " arch_text "\n",                 \
        .reg_name = reg_name, .open = open_kernel, .close = close_kernel,                          \
    }

/* clang before 16 knows these two extensions only from -march=armv8.2-a+dotprod+i8mm. */
static const struct ir_target targets[KRN_ISA_COUNT] = {
    [KRN_ISA_NEON] = TARGET("armv8-a"),
    [KRN_ISA_DOTPROD] = TARGET("armv8.2-a+dotprod"),
    [KRN_ISA_I8MM] = TARGET("armv8.2-a+i8mm"),
};

/* ---- Epilogue shared by GEMM and depthwise */

void a64_epilogue_begin(struct ir *ir, int args, int out_offset, struct a64_epilogue *e)
{
    static const int fields[] = { offsetof(struct krn_out, lo_f), offsetof(struct krn_out, hi_f),
                                  offsetof(struct krn_out, zp) };
    int *regs[] = { &e->lo, &e->hi, &e->zp };
    for (int i = 0; i < 3; i++) {
        int word = ir_vreg(ir, IR_GPR, "temporaries");
        *regs[i] = ir_vreg(ir, IR_VEC, "bounds, zero point");
        IR(ir, IR_LOAD32, word, args, out_offset + fields[i]);
        IR(ir, A64_DUP_S, *regs[i], word);
    }
    IR(ir, A64_UZP1_H, e->zp, e->zp, e->zp);
    IR(ir, A64_UZP1_B, e->zp, e->zp, e->zp);
}

/* One instruction on each of the vectors; results in fresh registers. */
static void each(struct ir *ir, int op, int *v, int count, const int *second, int second_step)
{
    for (int i = 0; i < count; i++) {
        int result = ir_vreg(ir, IR_VEC, "temporaries");
        IR(ir, op, result, v[i], second ? second[i * second_step] : 0);
        v[i] = result;
    }
}

/* Halves the vectors: each two become one of narrower elements. An odd last one is paired with
 * itself. */
static int narrow(struct ir *ir, int op, int *v, int count)
{
    for (int i = 0; i < count; i += 2) {
        int result = ir_vreg(ir, IR_VEC, "temporaries");
        IR(ir, op, result, v[i], v[i + 1 < count ? i + 1 : i]);
        v[i / 2] = result;
    }
    return (count + 1) / 2;
}

void a64_epilogue_row(struct ir *ir, const struct a64_epilogue *e, const int *acc, int count,
                      int pointer)
{
    int v[GEMM_MAX_ACC], left = count * 4;
    for (int i = 0; i < count; i++)
        v[i] = acc[i];
    each(ir, A64_SCVTF, v, count, NULL, 0);
    each(ir, A64_FMUL, v, count, e->scale, 1);
    each(ir, A64_FMAX, v, count, &e->lo, 0);
    each(ir, A64_FMIN, v, count, &e->hi, 0);
    each(ir, A64_FCVTNS, v, count, NULL, 0);
    count = narrow(ir, A64_UZP1_H, v, count);
    count = narrow(ir, A64_UZP1_B, v, count);
    for (int i = 0; i < count; i++)
        IR(ir, A64_ADD_B, v[i], e->zp);
    for (int i = 0, offset = 0; i < count; i++) {
        for (int bytes = 16; bytes >= 4; bytes /= 2) {
            int op = bytes == 16 ? A64_STR_Q : bytes == 8 ? A64_STR_D : A64_STR_S;
            if (left < bytes || (bytes == 16 ? 0 : left >= 16))
                continue;
            IR(ir, op, v[i], pointer, offset);
            offset += bytes;
            left -= bytes;
            if (bytes == 8 && left == 4)
                IR(ir, A64_EXT_8, v[i], v[i]);
            if (bytes == 16)
                break;
        }
    }
}

static void peak_step(struct ir *ir, enum krn_isa isa, int acc, int a, int b)
{
    if (isa == KRN_ISA_NEON) {
        int product = ir_vreg(ir, IR_VEC, "products");
        IR(ir, A64_SMULL, product, a, b);
        IR(ir, A64_SMLAL2, product, a, b);
        IR(ir, A64_SADALP, acc, product);
    } else {
        IR(ir, isa == KRN_ISA_DOTPROD ? A64_SDOT : A64_SMMLA, acc, a, b);
    }
}

static const struct peak_scheme peak = { .zero = A64_ZERO, .step = peak_step };

int var_emit_a64(const struct var_variant *v, struct var_text *out, char *err, size_t err_bytes)
{
    struct ir ir;
    int rc = 0;
    ir_init(&ir, &targets[v->isa]);
    if (v->family == KRN_FAMILY_PEAK)
        peak_build(&ir, v, &peak);
    else if (v->family == KRN_FAMILY_DW)
        a64_dw_build(&ir, v);
    else if (v->family == KRN_FAMILY_DWC)
        a64_dwc_build(&ir, v);
    else if (v->family == KRN_FAMILY_WINO)
        rc = wino_build(&ir, v, a64_wino_scheme(), err, err_bytes);
    else if (v->family == KRN_FAMILY_DIRECT)
        rc = a64_direct_build(&ir, v, err, err_bytes);
    else
        rc = gemm_build(&ir, v, a64_gemm_scheme(v), err, err_bytes);
    if (rc) {
        ir_clear(&ir);
        return rc;
    }
    return ir_finish(&ir, v, out, err, err_bytes);
}
