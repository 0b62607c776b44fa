/* The cores that code can be predicted for, and what an in-order core pairs: tables for the static
 * model (harness/model/) and for schedulers.
 *
 * An out-of-order core is llvm-mca's to model. For in-order cores LLVM's models are no limit (they
 * give 8.8 MAC/cycle where Arm states 15.4), so they have a model of Quern's own: instructions
 * issue in order, up to `width` in a cycle, as long as their operands are ready and no pair of them
 * excludes one another. */
#ifndef QUERN_VARIANTS_CORES_H
#define QUERN_VARIANTS_CORES_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu.h"

/* How an instruction behaves at issue. */
enum var_timing {
    VAR_T_VECTOR,      /* vector arithmetic on 128 bits, or widening to them */
    VAR_T_VECTOR_HALF, /* with a result of 64 bits */
    VAR_T_INSERT,      /* general register to vector lane, or whole vector register */
    VAR_T_LOAD_VECTOR, /* 128 bits */
    VAR_T_LOAD_HALF,   /* up to 64 bits into a vector register, lanes too */
    VAR_T_LOAD,        /* general register */
    VAR_T_LOAD_PAIR_VECTOR,
    VAR_T_LOAD_PAIR_HALF,
    VAR_T_LOAD_PAIR,
    VAR_T_LOAD_MANY, /* three or four vector registers */
    VAR_T_STORE,
    VAR_T_PREFETCH,
    VAR_T_ALU,
    VAR_T_BRANCH,
    VAR_T_COUNT
};

/* One class on one in-order core. */
struct var_issue {
    uint8_t latency;   /* cycles from issue to the first use of the result */
    uint8_t busy;      /* cycles until the next instruction may issue; above 1 it issues alone */
    uint32_t excludes; /* bit set of classes that cannot issue in the same cycle, either order */
};

struct var_core {
    const char *name; /* "cortex-a55" */
    uint32_t isas;    /* bit set of the levels that it has */
    /* Multiply-accumulates per cycle at best, by level; 0 = not a level of this core. */
    double peak[KRN_ISA_COUNT];
    /* Multiply-accumulates in flight at that pace, throughput times latency: fewer accumulators
     * wait for themselves. v8.0: of smlal by lane. By level; 0 = as the peak. */
    uint8_t chains[KRN_ISA_COUNT];
    /* Instructions a cycle of the drivers, which are compiled C: geometric mean of llvm-mca 19 over
     * the loops of kernels/conv_packed.c, conv_rows.c, conv_gemm.c and winograd.c (gcc 12, -O2). */
    double compiled;
    const char *llvm_cpu;    /* out of order: the name that llvm-mca has for it; else NULL */
    int rewrites_post_index; /* llvm-mca gives the write-back of vector loads the load's latency */
    /* in order */
    int weave;           /* value of the schedule knob that is woven for it; 0 = out of order */
    int width;           /* instructions issued in a cycle */
    int vectors, memory; /* of which at most so many are vector arithmetic, loads and stores */
    int forward;         /* latency from a MAC to the accumulator of a MAC of the same kind */
    struct var_issue issue[VAR_T_COUNT];
};
extern const struct var_core var_cores[];
extern const size_t var_core_count;

/* Cores of which a row of var_cores[] is the model. */
struct var_core_alias {
    const char *name, *core, *why;
    uint32_t isas; /* 0 = those of the core */
};
extern const struct var_core_alias var_core_aliases[];
extern const size_t var_core_alias_count;

/* Which cores have a level as their best, most often: one in order, one out of order. NULL, NULL:
 * no model has the level. */
struct var_core_pair {
    const char *in_order, *out_of_order;
};
extern const struct var_core_pair var_typical_cores[KRN_ISA_COUNT];

/* By name or alias; NULL if there is none. *alias is NULL where it is none, and may be NULL. */
const struct var_core *var_core_find(const char *name, const struct var_core_alias **alias);

#endif
