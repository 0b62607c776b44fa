#include "kernels/cpu.h"

#include <string.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

const struct krn_isa_info krn_isas[KRN_ISA_COUNT] = {
    [KRN_ISA_C] = { "c", "any", "portable C11" },
    [KRN_ISA_NEON] = { "neon", "aarch64", "Armv8.0 Advanced SIMD: smull, smlal, sadalp" },
    [KRN_ISA_DOTPROD] = { "dotprod", "aarch64", "FEAT_DotProd: sdot" },
    [KRN_ISA_I8MM] = { "i8mm", "aarch64", "FEAT_I8MM: smmla" },
    [KRN_ISA_AVX2] = { "avx2", "x86_64", "AVX2: vpmaddwd on widened operands" },
    [KRN_ISA_AVXVNNI] = { "avxvnni", "x86_64", "AVX-VNNI: vpdpbusd, 256 bit" },
    [KRN_ISA_AVX512VNNI] = { "avx512vnni", "x86_64",
                             "AVX-512 F, BW, VL and VNNI: vpdpbusd, 512 bit" },
};

int krn_isa_find(const char *name)
{
    for (int isa = 0; isa < KRN_ISA_COUNT; isa++)
        if (strcmp(krn_isas[isa].name, name) == 0)
            return isa;
    return -1;
}

#if defined(__aarch64__)

/* Bits of the Linux ABI (arch/arm64 hwcap.h), written out because old headers lack the newer ones.
 */
enum { HWCAP_ASIMD_BIT = 1, HWCAP_CPUID_BIT = 11, HWCAP_ASIMDDP_BIT = 20, HWCAP2_I8MM_BIT = 13 };

static uint32_t probe(void)
{
#if defined(__linux__)
    unsigned long caps = getauxval(AT_HWCAP), caps2 = getauxval(AT_HWCAP2);
    uint32_t isas = 0;
    isas |= (uint32_t)(caps >> HWCAP_ASIMD_BIT & 1) << KRN_ISA_NEON;
    isas |= (uint32_t)(caps >> HWCAP_ASIMDDP_BIT & 1) << KRN_ISA_DOTPROD;
    isas |= (uint32_t)(caps2 >> HWCAP2_I8MM_BIT & 1) << KRN_ISA_I8MM;
    return isas;
#else
    return 1u << KRN_ISA_NEON; /* part of every AArch64 application profile */
#endif
}

#elif defined(__x86_64__)

/* XCR0: which register files the kernel saves. */
static uint64_t enabled_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

static uint32_t probe(void)
{
    enum { XCR0_YMM = 0x06, XCR0_ZMM = 0xe6 };
    unsigned a, b, c, d, subleaves;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
        return 0;
    uint64_t state = enabled_state();
    if ((state & XCR0_YMM) != XCR0_YMM || !__get_cpuid_count(7, 0, &subleaves, &b, &c, &d))
        return 0;
    uint32_t isas = 0;
    const unsigned avx512 = 1u << 16 | 1u << 30 | 1u << 31; /* F, BW, VL */
    if (b >> 5 & 1)
        isas |= 1u << KRN_ISA_AVX2;
    if ((b & avx512) == avx512 && (c >> 11 & 1) && (state & XCR0_ZMM) == XCR0_ZMM)
        isas |= 1u << KRN_ISA_AVX512VNNI;
    if (subleaves >= 1 && (isas & 1u << KRN_ISA_AVX2)) {
        __cpuid_count(7, 1, a, b, c, d);
        if (a >> 4 & 1)
            isas |= 1u << KRN_ISA_AVXVNNI;
    }
    return isas;
}

#else

static uint32_t probe(void)
{
    return 0;
}

#endif

uint32_t krn_cpu_midr(void)
{
#if defined(__aarch64__) && defined(__linux__)
    if (getauxval(AT_HWCAP) >> HWCAP_CPUID_BIT & 1) { /* the kernel answers in the core's place */
        uint64_t midr;
        __asm__("mrs %0, midr_el1" : "=r"(midr));
        return (uint32_t)midr;
    }
#endif
    return 0;
}

static uint32_t visible = ~0u;

uint32_t krn_cpu_isas(void)
{
    return (probe() | 1u << KRN_ISA_C) & visible;
}

void krn_cpu_mask_set(uint32_t mask)
{
    visible = mask;
}
