/* Exact counts of executed instructions, under QEMU's user-mode emulation: what runner, TCG plugin
 * and host must agree on.
 *
 * The runner (runner/count.c) and the plugin (plugin.c) are two halves of one process: QEMU passes
 * the file descriptors of its guest on as they are. So the runner puts one end of a socket pair at
 * HRN_COUNT_FD and sends the name of a micro-kernel; calls hrn_count_begin(), the work and
 * hrn_count_end(); and receives a struct hrn_count_reply. Without the plugin nothing answers. */
#ifndef QUERN_HARNESS_COUNT_H
#define QUERN_HARNESS_COUNT_H

#include <stdint.h>

enum hrn_count {
    HRN_COUNT_INSN, /* all */
    HRN_COUNT_LOAD,
    HRN_COUNT_STORE,
    HRN_COUNT_PREFETCH,
    HRN_COUNT_BRANCH,
    HRN_COUNT_MULTIPLY, /* vector multiplications of integers: sdot, smmla, smull, smlal, mla ... */
    HRN_COUNT_MAC,      /* products that those make: 16 of an sdot, 32 of an smmla */
    HRN_COUNT_VECTOR,   /* vector and float instructions that are none of the above */
    HRN_COUNT_COUNT
};

/* Names of events: of the whole convolution, and of the micro-kernel's own code in it. */
extern const char *const hrn_count_names[HRN_COUNT_COUNT];        /* "insn", "load", ... */
extern const char *const hrn_count_kernel_names[HRN_COUNT_COUNT]; /* "kernel.insn", ... */

#define HRN_COUNT_FD 198
#define HRN_COUNT_BEGIN "hrn_count_begin" /* the symbols that the plugin looks for */
#define HRN_COUNT_END "hrn_count_end"
#define HRN_COUNT_NAME_MAX 128 /* bytes of a micro-kernel's name, with its NUL */

/* Between the return of hrn_count_begin() and that of hrn_count_end(). */
struct hrn_count_reply {
    uint64_t whole[HRN_COUNT_COUNT], kernel[HRN_COUNT_COUNT];
};

/* What one AArch64 instruction word is: its class (HRN_COUNT_INSN = none of the others) and, for a
 * multiplication, its products. */
struct hrn_count_class {
    enum hrn_count class;
    uint32_t macs;
};
struct hrn_count_class hrn_a64_class(uint32_t word);

#endif
