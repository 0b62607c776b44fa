#include "variants/cores.h"

#include <string.h>

#define LEVEL(isa) (1u << (isa))
#define V8 (LEVEL(KRN_ISA_NEON))
#define DOT (V8 | LEVEL(KRN_ISA_DOTPROD))
#define MM (DOT | LEVEL(KRN_ISA_I8MM))
#define PEAK(neon, dot, mm)                                                                        \
    {                                                                                              \
        [KRN_ISA_NEON] = (neon), [KRN_ISA_DOTPROD] = (dot), [KRN_ISA_I8MM] = (mm)                  \
    }

/* LLVM 19's latencies and throughputs, those of A55 and A510 as LLVM has them, too. */
#define CHAINS(neon, dot, mm) PEAK(neon, dot, mm)

#define BIT(class) (1u << (class))
#define VECTORS (BIT(VAR_T_VECTOR) | BIT(VAR_T_VECTOR_HALF))
#define MEMORY                                                                                     \
    (BIT(VAR_T_LOAD_HALF) | BIT(VAR_T_LOAD) | BIT(VAR_T_LOAD_PAIR) | BIT(VAR_T_PREFETCH) |         \
     BIT(VAR_T_STORE))
#define MEMORY_510 (BIT(VAR_T_LOAD_PAIR_VECTOR) | BIT(VAR_T_LOAD_PAIR_HALF) | BIT(VAR_T_LOAD_MANY))

/* What A53 and A55 have in common: two instructions a cycle; two vector operations only if both
 * are of 64 bits; one memory operation; 128-bit loads take two cycles of the issue stage, alone. A
 * load of 64 bits and a vector operation pair on A55 only, and so does `ins` from a general
 * register. Sources: ncnn, docs/developer-guide/arm-a53-a55-dual-issue.md; onnxruntime, issues
 * 10754 and 10862; ruy, kernel_arm64.cc and tune.h; Arm, Cortex-A55 Software Optimization Guide,
 * and its figure of 15.4 MAC/cycle for its own kernel (ComputeLibrary arm_gemm). */
#define SMALL_CORE(with_half_load, with_insert)                                                    \
    {                                                                                              \
        [VAR_T_VECTOR] = { 4, 1, VECTORS | (with_half_load) | (with_insert) },                     \
        [VAR_T_VECTOR_HALF] = { 4, 1, BIT(VAR_T_VECTOR) | (with_half_load) | (with_insert) },      \
        [VAR_T_INSERT] = { 2, 1, BIT(VAR_T_INSERT) }, [VAR_T_LOAD_VECTOR] = { 4, 2, 0 },           \
        [VAR_T_LOAD_HALF] = { 3, 1, MEMORY }, [VAR_T_LOAD] = { 3, 1, MEMORY },                     \
        [VAR_T_LOAD_PAIR_VECTOR] = { 5, 4, 0 }, [VAR_T_LOAD_PAIR_HALF] = { 4, 2, 0 },              \
        [VAR_T_LOAD_PAIR] = { 3, 1, MEMORY }, [VAR_T_LOAD_MANY] = { 7, 8, 0 },                     \
        [VAR_T_STORE] = { 1, 1, MEMORY }, [VAR_T_PREFETCH] = { 1, 1, MEMORY },                     \
        [VAR_T_ALU] = { 1, 1, 0 }, [VAR_T_BRANCH] = { 1, 1, 0 },                                   \
    }

/* Peaks are products per instruction times instructions per cycle: v8.0 spends three instructions
 * (smull, smlal2, sadalp) on 16 products. Those of out-of-order cores are llvm-mca's throughput of
 * these instructions, and a test compares them with the peak kernel. */
const struct var_core var_cores[] = {
    { .name = "cortex-a53",
      .compiled = 0.6,
      .isas = V8,
      .peak = PEAK(16 / 3.0, 0, 0),
      .chains = CHAINS(4, 0, 0),
      .weave = 3,
      .width = 2,
      .vectors = 2,
      .memory = 1,
      .forward = 1,
      .issue = SMALL_CORE(BIT(VAR_T_LOAD_HALF), BIT(VAR_T_INSERT)) },
    { .name = "cortex-a55",
      .compiled = 0.68,
      .isas = DOT,
      .peak = PEAK(16 / 3.0, 16, 0),
      .chains = CHAINS(4, 4, 0),
      .weave = 2,
      .width = 2,
      .vectors = 2,
      .memory = 1,
      .forward = 1,
      .issue = SMALL_CORE(0, 0) },
    /* Three instructions a cycle, of which two vector operations (both halves of a vector unit
     * that two cores may share: then less) and two memory operations. Latencies: LLVM 19's
     * Cortex-A510 model after Arm's Cortex-A510 Software Optimization Guide; Arm states 19.7 (sdot)
     * and 48 (smmla) MAC/cycle for its own kernels, so this is an upper bound. */
    { .name = "cortex-a510",
      .compiled = 1.15,
      .isas = MM,
      .peak = PEAK(32 / 3.0, 32, 64),
      .chains = CHAINS(8, 8, 8),
      .weave = 4,
      .width = 3,
      .vectors = 2,
      .memory = 2,
      .forward = 4,
      .issue = { [VAR_T_VECTOR] = { 4, 1, 0 },
                 [VAR_T_VECTOR_HALF] = { 4, 1, 0 },
                 [VAR_T_INSERT] = { 4, 1, 0 },
                 [VAR_T_LOAD_VECTOR] = { 3, 1, MEMORY_510 },
                 [VAR_T_LOAD_HALF] = { 3, 1, MEMORY_510 },
                 [VAR_T_LOAD] = { 2, 1, MEMORY_510 },
                 [VAR_T_LOAD_PAIR_VECTOR] = { 3, 1, MEMORY | MEMORY_510 | BIT(VAR_T_LOAD_VECTOR) },
                 [VAR_T_LOAD_PAIR_HALF] = { 3, 1, MEMORY | MEMORY_510 | BIT(VAR_T_LOAD_VECTOR) },
                 [VAR_T_LOAD_PAIR] = { 2, 1, MEMORY_510 },
                 [VAR_T_LOAD_MANY] = { 5, 2, 0 },
                 [VAR_T_STORE] = { 1, 1, BIT(VAR_T_STORE) | MEMORY_510 },
                 [VAR_T_PREFETCH] = { 1, 1, MEMORY_510 },
                 [VAR_T_ALU] = { 1, 1, 0 },
                 [VAR_T_BRANCH] = { 1, 1, BIT(VAR_T_BRANCH) } } },

    { .name = "cortex-a57",
      .compiled = 2.0,
      .isas = V8,
      .peak = PEAK(8, 0, 0),
      .chains = CHAINS(1, 0, 0),
      .llvm_cpu = "cortex-a57",
      .rewrites_post_index = 1 },
    { .name = "cortex-a72",
      .compiled = 2.0,
      .isas = V8,
      .peak = PEAK(8, 0, 0),
      .chains = CHAINS(1, 0, 0),
      .llvm_cpu = "cortex-a72",
      .rewrites_post_index = 1 },
    { .name = "neoverse-n1",
      .compiled = 2.9,
      .isas = DOT,
      .peak = PEAK(8, 32, 0),
      .chains = CHAINS(4, 4, 0),
      .llvm_cpu = "neoverse-n1" },
    { .name = "neoverse-n2",
      .compiled = 4.6,
      .isas = MM,
      .peak = PEAK(32 / 3.0, 32, 64),
      .chains = CHAINS(4, 6, 6),
      .llvm_cpu = "neoverse-n2",
      .rewrites_post_index = 1 },
    { .name = "neoverse-v1",
      .compiled = 4.9,
      .isas = MM,
      .peak = PEAK(16, 64, 128),
      .chains = CHAINS(8, 8, 12),
      .llvm_cpu = "neoverse-v1" },
    { .name = "neoverse-v2",
      .compiled = 6.9,
      .isas = MM,
      .peak = PEAK(16, 64, 128),
      .chains = CHAINS(4, 4, 4),
      .llvm_cpu = "neoverse-v2" },
};
const size_t var_core_count = sizeof var_cores / sizeof *var_cores;

/* LLVM 19 has no models of these: it takes them for Cortex-A57 or for other rows here. */
const struct var_core_alias var_core_aliases[] = {
    { "cortex-a35", "cortex-a53", "single issue in part: optimistic", 0 },
    { "cortex-a520", "cortex-a510", "its successor, as LLVM has it", 0 },
    { "cortex-a73", "cortex-a72", "two instructions a cycle, not three: optimistic", 0 },
    { "cortex-a75", "neoverse-n1", "narrower: optimistic", 0 },
    { "cortex-a76", "neoverse-n1", "the same core for servers", 0 },
    { "cortex-a77", "neoverse-n1", "wider front end, the same vector pipes", 0 },
    { "cortex-a78", "neoverse-n1", "wider front end, the same vector pipes", 0 },
    { "cortex-x1", "neoverse-v1", "the same core for servers, without its i8mm", DOT },
    { "cortex-a710", "neoverse-n2", "the same core for servers", 0 },
    { "cortex-a715", "neoverse-n2", "as LLVM has it", 0 },
    { "cortex-a720", "neoverse-n2", "as LLVM has it", 0 },
    { "cortex-x2", "neoverse-v2", "an earlier core of its family", 0 },
    { "cortex-x3", "neoverse-v2", "the same core for servers", 0 },
    { "cortex-x4", "neoverse-v2", "its successor: pessimistic", 0 },
};
const size_t var_core_alias_count = sizeof var_core_aliases / sizeof *var_core_aliases;

const struct var_core_pair var_typical_cores[KRN_ISA_COUNT] = {
    [KRN_ISA_NEON] = { "cortex-a53", "cortex-a72" },
    [KRN_ISA_DOTPROD] = { "cortex-a55", "neoverse-n1" },
    [KRN_ISA_I8MM] = { "cortex-a510", "neoverse-n2" },
};

const struct var_core *var_core_find(const char *name, const struct var_core_alias **alias)
{
    const struct var_core_alias *found = NULL;
    for (size_t i = 0; i < var_core_alias_count && !found; i++)
        if (!strcmp(var_core_aliases[i].name, name))
            found = &var_core_aliases[i];
    if (alias)
        *alias = found;
    for (size_t i = 0; i < var_core_count; i++)
        if (!strcmp(var_cores[i].name, found ? found->core : name))
            return &var_cores[i];
    return NULL;
}
