# The checked call of a micro-kernel on x86-64 (System V): loads patterns into all that a callee
# must preserve, calls, and stores what it finds. State lives in hrn_abi, not on the stack,
# because the stack pointer may come back wrong. Words, in the order of the table in abi.c:
#   0 rbx, 1 rbp, 2-5 r12..r15, 6 rsp, 7 mxcsr (control bits), 8 x87 control word, 9 direction flag,
#   10-17 the stack above the call
#include "harness/runner/abi_int.h"

#if defined(__x86_64__)

    .text
    .p2align 4
    .globl  hrn_abi_call
    .hidden hrn_abi
    .type   hrn_abi_call, @function
hrn_abi_call:
    leaq    hrn_abi(%rip), %rax

    # the caller's own
    movq    %rbx, HRN_ABI_CALLER + 0(%rax)
    movq    %rbp, HRN_ABI_CALLER + 8(%rax)
    movq    %r12, HRN_ABI_CALLER + 16(%rax)
    movq    %r13, HRN_ABI_CALLER + 24(%rax)
    movq    %r14, HRN_ABI_CALLER + 32(%rax)
    movq    %r15, HRN_ABI_CALLER + 40(%rax)
    movq    %rsp, HRN_ABI_CALLER + 48(%rax)
    stmxcsr HRN_ABI_CALLER + 56(%rax)
    fnstcw  HRN_ABI_CALLER + 64(%rax)

    # patterns; 8 more bytes, so that the stack is 16-byte aligned at the call
    subq    $(8 * HRN_ABI_STACK + 8), %rsp
    .irp    word, 0, 1, 2, 3, 4, 5, 6, 7
    movq    HRN_ABI_WANT + 80 + 8 * \word(%rax), %rcx
    movq    %rcx, 8 * \word(%rsp)
    .endr
    movq    %rsp, HRN_ABI_WANT + 48(%rax)
    stmxcsr HRN_ABI_WANT + 56(%rax)
    andl    $0xffc0, HRN_ABI_WANT + 56(%rax)
    fnstcw  HRN_ABI_WANT + 64(%rax)
    movq    HRN_ABI_WANT + 0(%rax), %rbx
    movq    HRN_ABI_WANT + 8(%rax), %rbp
    movq    HRN_ABI_WANT + 16(%rax), %r12
    movq    HRN_ABI_WANT + 24(%rax), %r13
    movq    HRN_ABI_WANT + 32(%rax), %r14
    movq    HRN_ABI_WANT + 40(%rax), %r15
    call    *HRN_ABI_TARGET(%rax)

    # what came back; the flags by way of a stack that is known to be good
    leaq    hrn_abi(%rip), %rax
    movq    %rbx, HRN_ABI_SEEN + 0(%rax)
    movq    %rbp, HRN_ABI_SEEN + 8(%rax)
    movq    %r12, HRN_ABI_SEEN + 16(%rax)
    movq    %r13, HRN_ABI_SEEN + 24(%rax)
    movq    %r14, HRN_ABI_SEEN + 32(%rax)
    movq    %r15, HRN_ABI_SEEN + 40(%rax)
    movq    %rsp, HRN_ABI_SEEN + 48(%rax)
    stmxcsr HRN_ABI_SEEN + 56(%rax)
    andl    $0xffc0, HRN_ABI_SEEN + 56(%rax)
    fnstcw  HRN_ABI_SEEN + 64(%rax)
    movq    HRN_ABI_WANT + 48(%rax), %rsp
    .irp    word, 0, 1, 2, 3, 4, 5, 6, 7
    movq    8 * \word(%rsp), %rcx
    movq    %rcx, HRN_ABI_SEEN + 80 + 8 * \word(%rax)
    .endr
    pushfq
    popq    %rcx
    andl    $0x400, %ecx
    movq    %rcx, HRN_ABI_SEEN + 72(%rax)
    cld

    # the caller's own again
    movq    HRN_ABI_CALLER + 0(%rax), %rbx
    movq    HRN_ABI_CALLER + 8(%rax), %rbp
    movq    HRN_ABI_CALLER + 16(%rax), %r12
    movq    HRN_ABI_CALLER + 24(%rax), %r13
    movq    HRN_ABI_CALLER + 32(%rax), %r14
    movq    HRN_ABI_CALLER + 40(%rax), %r15
    movq    HRN_ABI_CALLER + 48(%rax), %rsp
    ldmxcsr HRN_ABI_CALLER + 56(%rax)
    fldcw   HRN_ABI_CALLER + 64(%rax)
    ret
    .size   hrn_abi_call, . - hrn_abi_call
#endif
    .section .note.GNU-stack, "", @progbits
