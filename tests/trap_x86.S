/* Snippets for test_trap.c, void snippet(struct snippet_args *): a at 0, b at 64, the
 * destination's old value at 128, the result to 192, a mask at 256, a general value at 264. The
 * lists are in trap_list.inc. */
#if defined(__x86_64__)

        .text

.macro begin name
        .globl  \name
        .type   \name, %function
\name:
.endm

.macro end name
        ret
        .size   \name, . - \name
.endm

.macro load_args
        vmovdqu64 (%rdi), %zmm17
        vmovdqu64 64(%rdi), %zmm18
        vmovdqu64 128(%rdi), %zmm19
        kmovq   256(%rdi), %k1
.endm

/* A whole snippet around one instruction that leaves its result in zmm19. */
.macro snippet name, instruction
        begin   \name
        load_args
        \instruction
        vmovdqu64 %zmm19, 192(%rdi)
        end     \name
.endm

/* The same on ymm1 to ymm3, whose low halves are real registers on any AVX2 machine. */
.macro snippet_low name, instruction
        begin   \name
        vmovdqu64 (%rdi), %zmm1
        vmovdqu64 64(%rdi), %zmm2
        vmovdqu64 128(%rdi), %zmm3
        \instruction
        vmovdqu64 %zmm3, 192(%rdi)
        vzeroupper
        end     \name
.endm

/* The forms of an instruction of three operands; `op` is with its immediate. */
.macro forms_rvm name, broadcast, has_128, op
        snippet \name\()_512, "\op %zmm18, %zmm17, %zmm19"
        snippet_low \name\()_256, "{evex} \op %ymm2, %ymm1, %ymm3"
.if \has_128
        snippet_low \name\()_128, "{evex} \op %xmm2, %xmm1, %xmm3"
.else
        .set    \name\()_128, 0
        .globl  \name\()_128
.endif
        snippet \name\()_mem, "\op 64(%rdi), %zmm17, %zmm19"
        snippet \name\()_mask, "\op %zmm18, %zmm17, %zmm19{%k1}"
        snippet \name\()_zero, "\op 64(%rdi), %zmm17, %zmm19{%k1}{z}"
.if \broadcast == 4
        snippet \name\()_bcast, "\op 64(%rdi){1to16}, %zmm17, %zmm19"
.elseif \broadcast == 8
        snippet \name\()_bcast, "\op 64(%rdi){1to8}, %zmm17, %zmm19"
.else
        .set    \name\()_bcast, 0
        .globl  \name\()_bcast
.endif
.endm

.macro forms_rm name, broadcast, has_128, op
        snippet \name\()_512, "\op %zmm18, %zmm19"
        snippet_low \name\()_256, "{evex} \op %ymm2, %ymm3"
.if \has_128
        snippet_low \name\()_128, "{evex} \op %xmm2, %xmm3"
.else
        .set    \name\()_128, 0
        .globl  \name\()_128
.endif
        snippet \name\()_mem, "\op 64(%rdi), %zmm19"
        snippet \name\()_mask, "\op %zmm18, %zmm19{%k1}"
        snippet \name\()_zero, "\op 64(%rdi), %zmm19{%k1}{z}"
.if \broadcast == 4
        snippet \name\()_bcast, "\op 64(%rdi){1to16}, %zmm19"
.elseif \broadcast == 8
        snippet \name\()_bcast, "\op 64(%rdi){1to8}, %zmm19"
.else
        .set    \name\()_bcast, 0
        .globl  \name\()_bcast
.endif
.endm

/* AVX2 on both halves: what the hardware says. `step`: bytes of b for one half. */
.macro twin_half at, from, instruction
        vmovdqu \at(%rdi), %ymm1
        vmovdqu 64 + \from(%rdi), %ymm2
        vmovdqu 128 + \at(%rdi), %ymm3
        \instruction
        vmovdqu %ymm3, 192 + \at(%rdi)
.endm

.macro twin name, step, instruction
        begin   \name\()_full
        twin_half 0, 0, "\instruction"
        twin_half 32, \step, "\instruction"
        vzeroupper
        end     \name\()_full
.endm

.macro twin_rvm name, evex, vex, imm, broadcast
.ifb \imm
        forms_rvm \name, \broadcast, 1, "\evex"
        twin \name, 32, "\vex %ymm2, %ymm1, %ymm3"
.else
        forms_rvm \name, \broadcast, 1, "\evex $\imm,"
        twin \name, 32, "\vex $\imm, %ymm2, %ymm1, %ymm3"
.endif
.endm

.macro twin_rm name, evex, vex, imm, broadcast
.ifb \imm
        forms_rm \name, \broadcast, 1, "\evex"
        twin \name, 32, "\vex %ymm2, %ymm3"
.else
        forms_rm \name, \broadcast, 0, "\evex $\imm,"
        twin \name, 32, "\vex $\imm, %ymm2, %ymm3"
.endif
.endm

.macro solo name, imm, broadcast, has_128
.ifb \imm
        forms_rvm \name, \broadcast, \has_128, "\name"
.else
        forms_rvm \name, \broadcast, \has_128, "\name $\imm,"
.endif
.endm

.macro widen name, step
.if \step == 16
        snippet \name\()_512, "\name %ymm18, %zmm19"
        snippet \name\()_mask, "\name %ymm18, %zmm19{%k1}"
        snippet_low \name\()_256, "{evex} \name %xmm2, %ymm3"
.else
        snippet \name\()_512, "\name %xmm18, %zmm19"
        snippet \name\()_mask, "\name %xmm18, %zmm19{%k1}"
        snippet_low \name\()_256, "{evex} \name %xmm2, %ymm3"
.endif
        snippet_low \name\()_128, "{evex} \name %xmm2, %xmm3"
        snippet \name\()_mem, "\name 64(%rdi), %zmm19"
        snippet \name\()_zero, "\name 64(%rdi), %zmm19{%k1}{z}"
        .set    \name\()_bcast, 0
        .globl  \name\()_bcast
        twin    \name, \step, "\name %xmm2, %ymm3"
.endm

.macro narrow name, element, source
.if 4 * \element == \source
        snippet \name\()_512, "\name %zmm18, %xmm19"
        snippet \name\()_mask, "\name %zmm18, %xmm19{%k1}"
        snippet \name\()_zero, "\name %zmm18, %xmm19{%k1}{z}"
.else
        snippet \name\()_512, "\name %zmm18, %ymm19"
        snippet \name\()_mask, "\name %zmm18, %ymm19{%k1}"
        snippet \name\()_zero, "\name %zmm18, %ymm19{%k1}{z}"
.endif
        begin   \name\()_mem
        load_args
        \name   %zmm18, 192(%rdi)
        end     \name\()_mem
        begin   \name\()_mem_mask
        load_args
        \name   %zmm18, 192(%rdi){%k1}
        end     \name\()_mem_mask
.endm

#define TWIN(evex, vex, element, broadcast) twin_rvm evex, evex, vex, , broadcast
#define TWIN_RM(evex, vex, element, broadcast) twin_rm evex, evex, vex, , broadcast
#define TWIN_IMM(evex, vex, imm, element, broadcast)                                               \
        twin_rvm evex##_##imm, evex, vex, imm, broadcast
#define TWIN_RM_IMM(evex, vex, imm, element, broadcast)                                            \
        twin_rm evex##_##imm, evex, vex, imm, broadcast
#define SOLO(evex, element, broadcast) solo evex, , broadcast, 0
#define SOLO_IMM(evex, element, broadcast) solo evex, 0x53, broadcast, 0
#define LANES(evex, element, broadcast) solo evex, , broadcast, 1
#define LANES_IMM(evex, element, broadcast) solo evex, 0x53, broadcast, 1
#define WIDEN(name, element, step) widen name, step
#define NARROW(name, element, source) narrow name, element, source
#define PLACE(name, offset, count, repeat, rest)
#define INSERT(name, offset, count)
#include "tests/trap_list.inc"

/* ---- addressing */

        snippet load_base, "mov %rdi, %rax; add $64, %rax; vmovdqu64 (%rax), %zmm19"
        snippet load_disp8, "vmovdqu64 64(%rdi), %zmm19"
        snippet load_disp8_negative, "lea 192(%rdi), %rax; vmovdqu64 -128(%rax), %zmm19"
        snippet load_disp8_scaled_32, "lea -32(%rdi), %rax; vmovdqu64 96(%rax), %ymm19"
        snippet load_disp8_scaled_4, "vpbroadcastd 68(%rdi), %zmm19"
        snippet load_disp32, "lea -1000(%rdi), %rax; vmovdqu64 1064(%rax), %zmm19"

        begin   load_index
        load_args
        mov     $8, %ecx
        lea     -64(%rdi), %rdx
        vmovdqu64 64(%rdx,%rcx,8), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_index

        begin   load_index_high
        load_args
        mov     $32, %r11d
        mov     %rdi, %r10
        vmovdqu64 (%r10,%r11,2), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_index_high
        snippet load_index_only, "mov %rdi, %rcx; vmovdqu64 64(,%rcx,1), %zmm19"

        begin   load_rsp
        load_args
        mov     %rsp, %rax
        mov     %rdi, %rsp
        vmovdqu64 64(%rsp), %zmm19
        mov     %rax, %rsp
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_rsp

        begin   load_rbp
        load_args
        mov     %rbp, %rax
        lea     64(%rdi), %rbp
        vmovdqu64 (%rbp), %zmm19
        mov     %rax, %rbp
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_rbp

        begin   load_r12
        load_args
        mov     %r12, %rax
        mov     %rdi, %r12
        vmovdqu64 64(%r12), %zmm19
        mov     %rax, %r12
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_r12

        begin   load_r13
        load_args
        mov     %r13, %rax
        lea     64(%rdi), %r13
        vmovdqu64 (%r13), %zmm19
        mov     %rax, %r13
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_r13

        begin   load_r13_index
        load_args
        mov     %r13, %rax
        mov     %rdi, %r13
        mov     $16, %r9d
        vmovdqu64 (%r13,%r9,4), %zmm19
        mov     %rax, %r13
        vmovdqu64 %zmm19, 192(%rdi)
        end     load_r13_index
        snippet load_low_register, "vmovdqu64 64(%rdi), %zmm2; vmovdqu64 %zmm2, %zmm19"
        snippet load_register_15, "vmovdqu64 64(%rdi), %zmm15; vmovdqu64 %zmm15, %zmm19"
        snippet load_register_31, "vmovdqu64 64(%rdi), %zmm31; vmovdqu64 %zmm31, %zmm19"

/* ---- moves */


        begin   move_registers
        load_args
        vmovdqu64 %zmm18, %zmm24
        vmovdqa64 %zmm24, %zmm9
        vmovdqa32 %zmm9, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_registers
        snippet move_256, "vmovdqu64 %ymm18, %ymm19"
        snippet move_128, "vmovdqu64 %xmm18, %xmm19"

        begin   move_u8
        load_args
        vmovdqu8 64(%rdi), %zmm20
        vmovdqu8 %zmm20, 192(%rdi)
        vmovdqu8 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_u8

        begin   move_u16
        load_args
        vmovdqu16 64(%rdi), %zmm20
        vmovdqu16 %zmm20, 192(%rdi)
        vmovdqu16 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_u16

        begin   move_u32
        load_args
        vmovdqu32 64(%rdi), %zmm20
        vmovdqu32 %zmm20, 192(%rdi)
        vmovdqu32 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_u32

        begin   move_a32
        load_args
        vmovdqa32 64(%rdi), %zmm20
        vmovdqa32 %zmm20, 192(%rdi)
        vmovdqa32 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_a32

        begin   move_a64
        load_args
        vmovdqa64 64(%rdi), %zmm20
        vmovdqa64 %zmm20, 192(%rdi)
        vmovdqa64 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_a64

        begin   move_ups
        load_args
        vmovups 64(%rdi), %zmm20
        vmovups %zmm20, 192(%rdi)
        vmovups 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_ups

        begin   move_upd
        load_args
        vmovupd 64(%rdi), %zmm20
        vmovupd %zmm20, 192(%rdi)
        vmovupd 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_upd

        begin   move_aps
        load_args
        vmovaps 64(%rdi), %zmm20
        vmovaps %zmm20, 192(%rdi)
        vmovaps 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_aps

        begin   move_apd
        load_args
        vmovapd 64(%rdi), %zmm20
        vmovapd %zmm20, 192(%rdi)
        vmovapd 192(%rdi), %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_apd
        snippet move_d_load, "vmovd 65(%rdi), %xmm19"
        snippet move_q_load, "vmovq 65(%rdi), %xmm19"
        snippet move_ss_load, "vmovss 65(%rdi), %xmm19"
        snippet move_d_register, "mov 264(%rdi), %r11; vmovd %r11d, %xmm19"
        snippet move_q_register, "mov 264(%rdi), %r11; vmovq %r11, %xmm19"
        snippet move_q_vector, "vmovq %xmm18, %xmm19"

        begin   move_d_to_general
        load_args
        mov     $-1, %r11
        vmovd   %xmm18, %r11d
        vpxord  %zmm19, %zmm19, %zmm19
        vmovq   %r11, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     move_d_to_general
        snippet move_q_to_general, "vmovq %xmm18, %rax; vmovq %rax, %xmm19"

.macro store name, instruction
        begin   \name
        load_args
        \instruction
        end     \name
.endm

        store   store_256, "vmovdqu32 %ymm18, 192(%rdi)"
        store   store_128, "vmovups %xmm18, 192(%rdi)"
        store   store_d, "vmovd %xmm18, 192(%rdi)"
        store   store_q, "vmovq %xmm18, 192(%rdi)"
        store   store_ss, "vmovss %xmm18, 192(%rdi)"
        store   extract_store_32x4, "vextracti32x4 $3, %zmm18, 192(%rdi)"
        store   extract_store_64x4, "vextracti64x4 $1, %zmm18, 192(%rdi)"
        store   mask_load_store, "kmovq 256(%rdi), %k3; kmovq %k3, %k4; kmovq %k4, 192(%rdi)"
        store   mask_load_store_w, "kmovw 256(%rdi), %k3; kmovw %k3, %k4; kmovw %k4, 192(%rdi)"

/* ---- broadcasts, parts */

        snippet broadcast_b_memory, "vpbroadcastb 67(%rdi), %zmm19"
        snippet broadcast_w_memory, "vpbroadcastw 67(%rdi), %zmm19"
        snippet broadcast_d_memory, "vpbroadcastd 67(%rdi), %zmm19"
        snippet broadcast_q_memory, "vpbroadcastq 67(%rdi), %zmm19"
        snippet broadcast_ss_memory, "vbroadcastss 67(%rdi), %zmm19"
        snippet broadcast_b_vector, "vpbroadcastb %xmm18, %zmm19"
        snippet broadcast_w_vector, "vpbroadcastw %xmm18, %zmm19"
        snippet broadcast_d_vector, "vpbroadcastd %xmm18, %zmm19"
        snippet broadcast_q_vector, "vpbroadcastq %xmm18, %zmm19"
        snippet broadcast_d_256, "vpbroadcastd %xmm18, %ymm19"
        snippet broadcast_b_general, "mov 264(%rdi), %eax; vpbroadcastb %eax, %zmm19"
        snippet broadcast_w_general, "mov 264(%rdi), %r9d; vpbroadcastw %r9d, %zmm19"
        snippet broadcast_d_general, "mov 264(%rdi), %r10d; vpbroadcastd %r10d, %zmm19"
        snippet broadcast_q_general, "mov 264(%rdi), %rcx; vpbroadcastq %rcx, %zmm19"
        snippet broadcast_32x2, "vbroadcasti32x2 64(%rdi), %zmm19"
        snippet broadcast_32x4, "vbroadcasti32x4 64(%rdi), %zmm19"
        snippet broadcast_64x2, "vbroadcasti64x2 64(%rdi), %zmm19"
        snippet broadcast_32x8, "vbroadcasti32x8 64(%rdi), %zmm19"
        snippet broadcast_64x4, "vbroadcasti64x4 64(%rdi), %zmm19"
        snippet broadcast_f32x4, "vbroadcastf32x4 64(%rdi), %zmm19"
        snippet broadcast_f64x4, "vbroadcastf64x4 64(%rdi), %zmm19"
        snippet extract_32x4, "vextracti32x4 $3, %zmm18, %xmm19"
        snippet extract_64x2, "vextracti64x2 $2, %zmm18, %xmm19"
        snippet extract_32x8, "vextracti32x8 $1, %zmm18, %ymm19"
        snippet extract_64x4, "vextracti64x4 $1, %zmm18, %ymm19"
        snippet extract_f32x4, "vextractf32x4 $1, %zmm18, %xmm19"
        snippet extract_f64x4, "vextractf64x4 $1, %zmm18, %ymm19"
        snippet insert_32x4, "vinserti32x4 $3, %xmm18, %zmm17, %zmm19"
        snippet insert_64x2, "vinserti64x2 $1, 64(%rdi), %zmm17, %zmm19"
        snippet insert_32x8, "vinserti32x8 $1, %ymm18, %zmm17, %zmm19"
        snippet insert_64x4, "vinserti64x4 $0, %ymm18, %zmm17, %zmm19"
        snippet insert_f32x4, "vinsertf32x4 $2, %xmm18, %zmm17, %zmm19"
        snippet insert_f64x4, "vinsertf64x4 $1, 64(%rdi), %zmm17, %zmm19"

        begin   insert_256
        load_args
        vinserti32x4 $1, %xmm18, %ymm17, %ymm17
        vmovdqu64 %ymm17, %ymm19
        vinserti64x4 $0, %ymm19, %zmm19, %zmm19
        vextracti64x4 $1, %zmm19, %ymm20
        vmovdqu64 (%rdi), %zmm21
        vinserti64x4 $0, %ymm19, %zmm21, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     insert_256

/* ---- mask registers */


        begin   mask_general_b
        load_args
        mov     264(%rdi), %eax
        kmovb   %eax, %k2
        kmovb   %k2, %ecx
        vmovq   %rcx, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     mask_general_b

        begin   mask_general_w
        load_args
        mov     264(%rdi), %r8d
        kmovw   %r8d, %k2
        kmovw   %k2, %r9d
        vmovq   %r9, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     mask_general_w

        begin   mask_general_d
        load_args
        mov     264(%rdi), %r8d
        kmovd   %r8d, %k2
        kmovd   %k2, %r9d
        vmovq   %r9, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     mask_general_d

        begin   mask_general_q
        load_args
        mov     264(%rdi), %r8
        kmovq   %r8, %k2
        kmovq   %k2, %r9
        vmovq   %r9, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     mask_general_q
        /* ((k & ~0) ^ 0) | (~k & k), and again through knot */

        begin   mask_logic
        load_args
        kxnorq  %k2, %k2, %k2
        kandq   %k1, %k2, %k3
        kandnq  %k1, %k1, %k4
        korq    %k3, %k4, %k5
        kxorq   %k4, %k5, %k5
        knotq   %k5, %k5
        knotq   %k5, %k6
        kmovq   %k6, %rax
        vmovq   %rax, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     mask_logic

        begin   mask_shift
        load_args
        kshiftlq $32, %k1, %k2
        kshiftrq $32, %k2, %k3
        kmovq   %k3, %rax
        vmovq   %rax, %xmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     mask_shift

.macro compare name, instruction
        begin   \name
        load_args
        \instruction
        kmovq   %k3, 192(%rdi)
        end     \name
.endm

        compare compare_b, "vpcmpb $1, %zmm18, %zmm17, %k3"
        compare compare_w, "vpcmpw $2, 64(%rdi), %zmm17, %k3"
        compare compare_d, "vpcmpd $6, %zmm18, %zmm17, %k3{%k1}"
        compare compare_ub, "vpcmpub $5, %zmm18, %zmm17, %k3"
        compare compare_uw, "vpcmpuw $4, %zmm18, %zmm17, %k3"
        compare compare_ud, "vpcmpud $1, 64(%rdi){1to16}, %zmm17, %k3"
        compare test_b, "vptestmb %zmm18, %zmm17, %k3"
        compare test_d, "vptestmd %ymm18, %ymm17, %k3"

/* ---- AVX-512 beside AVX2 and general code */


        begin   vex_write_zeroes_above
        load_args
        vmovdqu64 (%rdi), %zmm4
        vmovdqu 64(%rdi), %ymm4
        vmovdqu64 %zmm4, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     vex_write_zeroes_above

        begin   vzeroupper_zeroes_above
        load_args
        vmovdqu64 64(%rdi), %zmm4
        vzeroupper
        vmovdqu64 %zmm4, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     vzeroupper_zeroes_above

        begin   vzeroupper_keeps_high
        load_args
        vmovdqu64 64(%rdi), %zmm21
        vzeroupper
        vmovdqu64 %zmm21, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     vzeroupper_keeps_high

        begin   native_between
        load_args
        vmovdqu64 64(%rdi), %zmm4
        vpxor   %xmm5, %xmm5, %xmm5
        add     $1, %eax
        vpaddd  %zmm5, %zmm4, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     native_between

/* An instruction that the emulator does not know, and an aligned load of what is not aligned. */
        store   unknown, "vpconflictd %zmm18, %zmm19"
        store   misaligned, "vmovdqa64 65(%rdi), %zmm19"

/* Rounding named in the instruction; the constant is relative to rip, before an immediate. */
        snippet rounding, "vcvtps2dq {rn-sae}, %zmm18, %zmm19"

        begin   rip_relative
        load_args
        vpternlogd $0xaa, ones(%rip), %zmm17, %zmm19
        vpaddd  ones(%rip), %zmm19, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     rip_relative

/* Reads elements at the end of a page: rsi: where. */
        begin   masked_read
        load_args
        vmovdqu8 (%rsi), %zmm19{%k1}{z}
        vmovdqu64 %zmm19, 192(%rdi)
        end     masked_read

        begin   masked_write
        load_args
        vmovdqu8 %zmm18, (%rsi){%k1}
        end     masked_write

        begin   broadcast_read
        load_args
        vpbroadcastd (%rsi), %zmm19
        vpdpbusd (%rsi){1to16}, %zmm17, %zmm19
        vmovdqu64 %zmm19, 192(%rdi)
        end     broadcast_read

/* AVX-VNNI: VEX. */
.macro vnni name, op
        begin   vex_\name
        vmovdqu (%rdi), %ymm1
        vmovdqu 64(%rdi), %ymm2
        vmovdqu 128(%rdi), %ymm3
        {vex} \op %ymm2, %ymm1, %ymm3
        vmovdqu %ymm3, 192(%rdi)
        vmovdqu 32(%rdi), %ymm11
        vmovdqu 160(%rdi), %ymm13
        {vex} \op 96(%rdi), %ymm11, %ymm13
        vmovdqu %ymm13, 224(%rdi)
        vzeroupper
        end     vex_\name
.endm

        vnni    vpdpbusd, vpdpbusd
        vnni    vpdpbusds, vpdpbusds
        vnni    vpdpwssd, vpdpwssd
        vnni    vpdpwssds, vpdpwssds

        .section .rodata
        .balign 64
ones:
        .rept   16
        .long   1
        .endr

#endif
        .section .note.GNU-stack, "", %progbits
