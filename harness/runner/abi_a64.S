// The checked call of a micro-kernel on AArch64 (AAPCS64): loads patterns into all that a callee
// must preserve, calls, and stores what it finds. State lives in hrn_abi, not on the stack,
// because the stack pointer may come back wrong. Words, in the order of the table in abi.c:
//   0-9 x19..x28, 10 x29, 11 x18, 12-19 d8..d15, 20 sp, 21 fpcr, 22-29 the stack above the call
// x18 is the platform register: Android keeps the shadow call stack in it.
#include "harness/runner/abi_int.h"

#if defined(__aarch64__)

    .text
    .balign 16
    .global hrn_abi_call
    .hidden hrn_abi
    .type   hrn_abi_call, %function
hrn_abi_call:
    adrp    x9, hrn_abi
    add     x9, x9, :lo12:hrn_abi

    // the caller's own
    add     x10, x9, #HRN_ABI_CALLER
    stp     x19, x20, [x10, #0]
    stp     x21, x22, [x10, #16]
    stp     x23, x24, [x10, #32]
    stp     x25, x26, [x10, #48]
    stp     x27, x28, [x10, #64]
    stp     x29, x18, [x10, #80]
    stp     d8,  d9,  [x10, #96]
    stp     d10, d11, [x10, #112]
    stp     d12, d13, [x10, #128]
    stp     d14, d15, [x10, #144]
    mov     x11, sp
    mrs     x12, fpcr
    stp     x11, x12, [x10, #160]
    str     x30, [x10, #176]

    // patterns
    add     x10, x9, #HRN_ABI_WANT
    sub     sp, sp, #(8 * HRN_ABI_STACK)
    ldp     x11, x12, [x10, #176]
    stp     x11, x12, [sp, #0]
    ldp     x11, x12, [x10, #192]
    stp     x11, x12, [sp, #16]
    ldp     x11, x12, [x10, #208]
    stp     x11, x12, [sp, #32]
    ldp     x11, x12, [x10, #224]
    stp     x11, x12, [sp, #48]
    mov     x11, sp
    mrs     x12, fpcr
    stp     x11, x12, [x10, #160]
    ldp     x19, x20, [x10, #0]
    ldp     x21, x22, [x10, #16]
    ldp     x23, x24, [x10, #32]
    ldp     x25, x26, [x10, #48]
    ldp     x27, x28, [x10, #64]
    ldp     x29, x18, [x10, #80]
    ldp     d8,  d9,  [x10, #96]
    ldp     d10, d11, [x10, #112]
    ldp     d12, d13, [x10, #128]
    ldp     d14, d15, [x10, #144]
    ldr     x10, [x9, #HRN_ABI_TARGET]
    blr     x10

    // what came back
    adrp    x9, hrn_abi
    add     x9, x9, :lo12:hrn_abi
    add     x10, x9, #HRN_ABI_SEEN
    stp     x19, x20, [x10, #0]
    stp     x21, x22, [x10, #16]
    stp     x23, x24, [x10, #32]
    stp     x25, x26, [x10, #48]
    stp     x27, x28, [x10, #64]
    stp     x29, x18, [x10, #80]
    stp     d8,  d9,  [x10, #96]
    stp     d10, d11, [x10, #112]
    stp     d12, d13, [x10, #128]
    stp     d14, d15, [x10, #144]
    mov     x11, sp
    mrs     x12, fpcr
    stp     x11, x12, [x10, #160]

    // the stack, from where it was before the call
    add     x11, x9, #HRN_ABI_WANT
    ldr     x11, [x11, #160]
    ldp     x12, x13, [x11, #0]
    stp     x12, x13, [x10, #176]
    ldp     x12, x13, [x11, #16]
    stp     x12, x13, [x10, #192]
    ldp     x12, x13, [x11, #32]
    stp     x12, x13, [x10, #208]
    ldp     x12, x13, [x11, #48]
    stp     x12, x13, [x10, #224]

    // the caller's own again
    add     x10, x9, #HRN_ABI_CALLER
    ldp     x19, x20, [x10, #0]
    ldp     x21, x22, [x10, #16]
    ldp     x23, x24, [x10, #32]
    ldp     x25, x26, [x10, #48]
    ldp     x27, x28, [x10, #64]
    ldp     x29, x18, [x10, #80]
    ldp     d8,  d9,  [x10, #96]
    ldp     d10, d11, [x10, #112]
    ldp     d12, d13, [x10, #128]
    ldp     d14, d15, [x10, #144]
    ldp     x11, x12, [x10, #160]
    mov     sp, x11
    msr     fpcr, x12
    ldr     x30, [x10, #176]
    ret
    .size   hrn_abi_call, . - hrn_abi_call
#endif
    .section .note.GNU-stack, "", %progbits
