/* The checked call: patterns into all that a callee must preserve. */
#include "tests/ukernels/check.h"

#include <stddef.h>

enum { SEEN_MAX = 20, PATTERN = 0x5000 };

/* Calls fn(args); stores the preserved registers to seen[0..) and the stack pointer's error last.
 */
void abi_call_raw(krn_fn *fn, const void *args, uint64_t *seen);
uint64_t abi_call_sp;

#if defined(__x86_64__)
static const char *const names[] = { "rbx", "rbp", "r12", "r13", "r14", "r15", "rsp" };
__asm__(".text\n.globl abi_call_raw\n.type abi_call_raw, @function\nabi_call_raw:\n"
        "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15\npush %rdx\n"
        "mov $0x5000, %ebx\nmov $0x5001, %ebp\nmov $0x5002, %r12d\n"
        "mov $0x5003, %r13d\nmov $0x5004, %r14d\nmov $0x5005, %r15d\n"
        "mov %rdi, %rax\nmov %rsi, %rdi\nmov %rsp, abi_call_sp(%rip)\ncall *%rax\n"
        "mov %rsp, %rax\nmov abi_call_sp(%rip), %rsp\nsub %rsp, %rax\nmov (%rsp), %rdx\n"
        "mov %rbx, 0(%rdx)\nmov %rbp, 8(%rdx)\nmov %r12, 16(%rdx)\nmov %r13, 24(%rdx)\n"
        "mov %r14, 32(%rdx)\nmov %r15, 40(%rdx)\nmov %rax, 48(%rdx)\n"
        "pop %rdx\npop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret\n");
#elif defined(__aarch64__)
static const char *const names[] = { "x19", "x20", "x21", "x22", "x23", "x24", "x25",
                                     "x26", "x27", "x28", "d8",  "d9",  "d10", "d11",
                                     "d12", "d13", "d14", "d15", "sp" };
/* clang-format off */
__asm__(".text\n.globl abi_call_raw\n.type abi_call_raw, %function\nabi_call_raw:\n"
        "sub sp, sp, #176\nstp x19, x20, [sp]\nstp x21, x22, [sp, #16]\nstp x23, x24, [sp, #32]\n"
        "stp x25, x26, [sp, #48]\nstp x27, x28, [sp, #64]\nstp x30, x2, [sp, #80]\n"
        "stp d8, d9, [sp, #96]\nstp d10, d11, [sp, #112]\nstp d12, d13, [sp, #128]\n"
        "stp d14, d15, [sp, #144]\n"
        "mov x19, #0x500a\nfmov d8, x19\nmov x19, #0x500b\nfmov d9, x19\n"
        "mov x19, #0x500c\nfmov d10, x19\nmov x19, #0x500d\nfmov d11, x19\n"
        "mov x19, #0x500e\nfmov d12, x19\nmov x19, #0x500f\nfmov d13, x19\n"
        "mov x19, #0x5010\nfmov d14, x19\nmov x19, #0x5011\nfmov d15, x19\n"
        "mov x19, #0x5000\nmov x20, #0x5001\nmov x21, #0x5002\nmov x22, #0x5003\n"
        "mov x23, #0x5004\nmov x24, #0x5005\nmov x25, #0x5006\nmov x26, #0x5007\n"
        "mov x27, #0x5008\nmov x28, #0x5009\n"
        "adrp x9, abi_call_sp\nadd x9, x9, :lo12:abi_call_sp\nmov x10, sp\nstr x10, [x9]\n"
        "mov x9, x0\nmov x0, x1\nblr x9\n"
        "adrp x9, abi_call_sp\nadd x9, x9, :lo12:abi_call_sp\nldr x10, [x9]\nmov x11, sp\n"
        "sub x11, x11, x10\nmov sp, x10\nldr x2, [sp, #88]\n"
        "stp x19, x20, [x2]\nstp x21, x22, [x2, #16]\nstp x23, x24, [x2, #32]\n"
        "stp x25, x26, [x2, #48]\nstp x27, x28, [x2, #64]\nstp d8, d9, [x2, #80]\n"
        "stp d10, d11, [x2, #96]\nstp d12, d13, [x2, #112]\nstp d14, d15, [x2, #128]\n"
        "str x11, [x2, #144]\n"
        "ldp x19, x20, [sp]\nldp x21, x22, [sp, #16]\nldp x23, x24, [sp, #32]\n"
        "ldp x25, x26, [sp, #48]\nldp x27, x28, [sp, #64]\nldr x30, [sp, #80]\n"
        "ldp d8, d9, [sp, #96]\nldp d10, d11, [sp, #112]\nldp d12, d13, [sp, #128]\n"
        "ldp d14, d15, [sp, #144]\nadd sp, sp, #176\nret\n");
/* clang-format on */
#endif

const char *abi_call(krn_fn *fn, const void *args)
{
    enum { COUNT = sizeof(names) / sizeof(names[0]) };
    uint64_t seen[SEEN_MAX] = { 0 };
    abi_call_raw(fn, args, seen);
    for (int i = 0; i < COUNT; i++)
        if (seen[i] != (i == COUNT - 1 ? 0 : (uint64_t)(PATTERN + i)))
            return names[i];
    return NULL;
}
