#include "variants/filters.h"

#define BIT(n) (1u << (n))
#define GEMM (BIT(KRN_FAMILY_GEMM) | BIT(KRN_FAMILY_IGEMM))

static int is_a64(enum krn_isa isa)
{
    return isa == KRN_ISA_NEON || isa == KRN_ISA_DOTPROD || isa == KRN_ISA_I8MM;
}

/* ---- Accumulators */

/* Of the core, or the least that any core with the level asks for. 0: nothing is known. */
static int chains_of(enum krn_isa isa, const struct var_core *core)
{
    int least = 0;
    if (core)
        return core->chains[isa];
    for (size_t i = 0; i < var_core_count; i++) {
        int chains = var_cores[i].chains[isa];
        least = chains && (!least || chains < least) ? chains : least;
    }
    return least;
}

/* Schemes of v8.0 add to an accumulator in every second instruction at most, but those by lane. */
static int chains_needed(const struct var_variant *v, const struct var_core *core)
{
    int chains = chains_of(v->isa, core);
    return v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_KR] != 1 ? (chains + 1) / 2 : chains;
}

static int accumulators(const struct var_variant *v)
{
    int outputs = v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_KR] >= 8 ? 1 : 4;
    return v->knob[VAR_KNOB_MR] * v->knob[VAR_KNOB_NR] / outputs;
}

static int waits_for_itself(const struct var_variant *v, const struct var_core *core, int64_t rows)
{
    (void)rows;
    return is_a64(v->isa) && (GEMM | BIT(KRN_FAMILY_DIRECT)) >> v->family & 1 &&
           accumulators(v) < chains_needed(v, core);
}

/* ---- What is no multiply-accumulate */

/* Multiply-accumulates for an output, per 16 of depth. */
static double macs_of_output(const struct var_variant *v)
{
    static const double of_kr[] = { [1] = 4, [2] = 3, [8] = 4, [16] = 3 }; /* v8.0 */
    return v->isa == KRN_ISA_DOTPROD ? 1
           : v->isa == KRN_ISA_I8MM  ? 0.5
                                     : of_kr[v->knob[VAR_KNOB_KR]];
}

/* Instructions for a vector of those that lie one behind the other. */
static double loads_of_vector(const struct var_variant *v)
{
    static const double of_form[] = { 1, 0.5, 0.25, 3 };
    return of_form[v->knob[VAR_KNOB_FORM]];
}

/* A packed as words, eight of depth of a row in a vector. */
static int has_words(const struct var_variant *v)
{
    return v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_FEED];
}

static double loads_of_a(const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR], bits = v->knob[VAR_KNOB_LOAD];
    if (v->knob[VAR_KNOB_FEED])
        return mr * (has_words(v) ? 2 : 1) * loads_of_vector(v);
    if (bits == 16)
        return mr * 2 * 8; /* with an address each */
    return mr * (128.0 / bits) * (bits == 128 && v->knob[VAR_KNOB_FORM] == 3 ? 3 : 1);
}

/* Rows set side by side, bytes widened, pairs copied to lanes. */
static double moves_of_a(const struct var_variant *v)
{
    int mr = v->knob[VAR_KNOB_MR];
    if (v->isa == KRN_ISA_I8MM)
        return v->knob[VAR_KNOB_FEED] ? 0 : mr;
    if (v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_KR] == 1)
        return has_words(v) ? 0 : 2 * mr;
    return v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_KR] == 2 && v->knob[VAR_KNOB_LOAD] == 128
               ? 8 * mr
               : 0;
}

static double work_on_b(const struct var_variant *v)
{
    int nr = v->knob[VAR_KNOB_NR], words = v->knob[VAR_KNOB_WIDEN];
    if (v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_KR] == 8)
        return 2 * nr; /* half a vector each */
    double widened = v->isa == KRN_ISA_NEON && v->knob[VAR_KNOB_KR] == 1 && !words ? 2 * nr : 0;
    return nr * (words ? 2 : 1) * loads_of_vector(v) + widened;
}

/* Advances of pointers, the counter and the branch, once for a body. */
static double overhead(const struct var_variant *v)
{
    int unroll = v->knob[VAR_KNOB_UNROLL], packed = v->knob[VAR_KNOB_FEED];
    int group = has_words(v) ? KRN_FEED_WORDS_GROUP : v->knob[VAR_KNOB_KR];
    int block = packed ? group : v->knob[VAR_KNOB_LOAD] == 128 ? 16 : 8;
    int advances = packed ? 2 : v->knob[VAR_KNOB_MR] + 1;
    if (v->knob[VAR_KNOB_ADDRESS])
        advances = v->knob[VAR_KNOB_ADDRESS] == 1 ? unroll + 1 : 0;
    return (advances + 2) * 16.0 / (unroll * block);
}

struct var_loop_mix var_loop_mix(const struct var_variant *v)
{
    return (struct var_loop_mix) {
        .macs = macs_of_output(v) * v->knob[VAR_KNOB_MR] * v->knob[VAR_KNOB_NR],
        .others = loads_of_a(v) + moves_of_a(v) + work_on_b(v) + overhead(v),
    };
}

/* The rule's 1, and as much above it as still is no more than a few percent of a whole layer. */
#define MIX_MOST 1.125

static int has_too_little_to_hide(const struct var_variant *v, const struct var_core *core,
                                  int64_t rows)
{
    (void)rows;
    if (!core || core->llvm_cpu || !is_a64(v->isa) || !(GEMM >> v->family & 1))
        return 0;
    struct var_loop_mix mix = var_loop_mix(v);
    return mix.others > MIX_MOST * mix.macs;
}

/* ---- The table */

const struct var_filter_info var_filters[VAR_FILTER_COUNT] = {
    [VAR_FILTER_ACCUMULATORS] = { "accumulators",
                                  "fewer accumulators than multiply-accumulates in flight on the "
                                  "core (throughput times latency)",
                                  "rule 1", waits_for_itself },
    [VAR_FILTER_MIX] = { "mix",
                         "an eighth more other instructions than multiply-accumulates in the loop, "
                         "on a core "
                         "that issues in order",
                         "rules 3, 14", has_too_little_to_hide },
    [VAR_FILTER_REGISTERS] = { "registers", "registers do not suffice without a spill",
                               "rules 9, 14", NULL },
};

enum var_filter var_filter_of(const struct var_variant *v, const struct var_core *core,
                              int64_t rows)
{
    if (2 * (int64_t)v->knob[VAR_KNOB_MR] > rows)
        return VAR_FILTER_COUNT; /* no larger tile to prefer */
    for (int i = 0; i < VAR_FILTER_COUNT; i++)
        if (var_filters[i].removes && var_filters[i].removes(v, core, rows))
            return (enum var_filter)i;
    return VAR_FILTER_COUNT;
}
