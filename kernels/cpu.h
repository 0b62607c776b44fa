/* ISA levels: the table of them, and which of them this CPU has.
 * The mask is the only global of kernels/: tests lower it to force a fallback. */
#ifndef QUERN_KERNELS_CPU_H
#define QUERN_KERNELS_CPU_H

#include <stdint.h>

/* Ordered within an architecture from the plainest to the strongest. */
enum krn_isa {
    KRN_ISA_C,          /* portable C11, any CPU */
    KRN_ISA_NEON,       /* AArch64 Armv8.0: smull, smlal, sadalp */
    KRN_ISA_DOTPROD,    /* AArch64 sdot */
    KRN_ISA_I8MM,       /* AArch64 smmla */
    KRN_ISA_AVX2,       /* x86-64 */
    KRN_ISA_AVXVNNI,    /* x86-64 VEX vpdpbusd, 256 bit */
    KRN_ISA_AVX512VNNI, /* x86-64 AVX-512 F, BW, VL, VNNI */
    KRN_ISA_COUNT
};

struct krn_isa_info {
    const char *name;    /* as in variant names and on the command line: "dotprod" */
    const char *arch;    /* "any", "aarch64" or "x86_64": uname -m of machines that can have it */
    const char *meaning; /* one line for a table */
};

extern const struct krn_isa_info krn_isas[KRN_ISA_COUNT];

/* The level named `name`, or -1. */
int krn_isa_find(const char *name);

/* Bit set of 1u << enum krn_isa: what CPU and kernel offer (HWCAP, CPUID and XCR0), masked. Asks
 * the CPU each time, which a virtual machine may trap: once per layer, not once per call. */
uint32_t krn_cpu_isas(void);

/* MIDR_EL1 of the core that this thread runs on: implementer, part, revision. 0 where the system
 * does not show it (other architectures, other systems, Linux before 4.11). It may be another core
 * by the time that the caller looks. */
uint32_t krn_cpu_midr(void);

/* Levels not in `mask` are hidden from krn_cpu_isas(); ~0u shows all. Not for several threads. */
void krn_cpu_mask_set(uint32_t mask);

#endif
