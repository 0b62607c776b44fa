/* A database as a sweep would leave it, with a truth that is known: a model of what a variant
 * takes, noise from the seed on top of it, and failures of every kind. For test_reports.c. */
#ifndef QUERN_TESTS_REPORTS_FIXTURE_H
#define QUERN_TESTS_REPORTS_FIXTURE_H

#include <math.h>
#include <stdlib.h>

#include "perfdb/perfdb.h"
#include "tests/t.h"
#include "variants/variant.h"

#define FIX_LAYERS_MAX 32
#define FIX_VARIANTS_MAX 400
#define FIX_SCREEN_ROUNDS 3
#define FIX_FINAL_ROUNDS 15
#define FIX_FINALISTS 14

struct fix_layer {
    struct krn_problem problem;
    char text[KRN_PROBLEM_STR_MAX];
    struct var_variant variant[FIX_VARIANTS_MAX];
    double truth_ns[FIX_VARIANTS_MAX];
    size_t count;
};
struct fixture {
    struct fix_layer *layers;
    size_t layer_count;
    size_t failures; /* measurements that were made to fail */
};

/* ---- the space: tiles in every combination, prefetch around one tile */

static inline void fix_add(struct fix_layer *layer, const struct var_variant *v)
{
    for (size_t i = 0; i < layer->count; i++)
        if (memcmp(&layer->variant[i], v, sizeof *v) == 0)
            return;
    if (layer->count < FIX_VARIANTS_MAX)
        layer->variant[layer->count++] = *v;
}

static inline struct var_variant fix_variant(enum krn_isa isa, enum krn_family family, int mr,
                                             int nr)
{
    struct var_variant v = { .isa = isa, .family = family };
    v.knob[VAR_KNOB_MR] = mr;
    v.knob[VAR_KNOB_NR] = nr;
    v.knob[VAR_KNOB_KR] = isa == KRN_ISA_C || family == KRN_FAMILY_DW ? 1 : 4;
    v.knob[VAR_KNOB_UNROLL] = 1;
    v.knob[VAR_KNOB_LOAD] = isa == KRN_ISA_C ? 8 : isa == KRN_ISA_AVX2 ? 256 : 512;
    return v;
}

static inline int fix_lanes(enum krn_isa isa)
{
    return isa == KRN_ISA_C ? 4 : isa == KRN_ISA_AVX2 ? 8 : 16;
}

static inline void fix_add_tile(struct fix_layer *layer, enum krn_isa isa, enum krn_family family,
                                int mr, int nr)
{
    struct var_variant v = fix_variant(isa, family, mr, nr);
    int registers = isa == KRN_ISA_AVX512VNNI ? 28 : 12;
    if (mr * nr / fix_lanes(isa) > registers)
        return;
    for (int unroll = 1; unroll <= (isa == KRN_ISA_C ? 1 : 2); unroll++)
        for (int schedule = 0; schedule <= (isa != KRN_ISA_C); schedule++) {
            v.knob[VAR_KNOB_UNROLL] = unroll;
            v.knob[VAR_KNOB_SCHEDULE] = schedule;
            fix_add(layer, &v);
        }
}

static inline void fix_add_prefetch(struct fix_layer *layer, enum krn_isa isa,
                                    enum krn_family family)
{
    static const int distances[] = { 0, 64, 128, 256, 512, 1024 };
    for (int tile = 0; tile < 2; tile++) {
        struct var_variant v = fix_variant(isa, family, tile ? 4 : 6, tile ? 32 : 64);
        for (int knob = VAR_KNOB_PREFETCH_A; knob <= VAR_KNOB_PREFETCH_B; knob++)
            for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
                struct var_variant varied = v;
                varied.knob[knob] = distances[d];
                fix_add(layer, &varied);
            }
    }
}

static inline void fix_space(struct fix_layer *layer)
{
    static const int rows[] = { 1, 2, 4, 6, 8, 12 }, columns[] = { 8, 16, 32, 48, 64 };
    static const enum krn_isa isas[] = { KRN_ISA_C, KRN_ISA_AVX2, KRN_ISA_AVX512VNNI };
    int is_dw = krn_problem_is_depthwise(&layer->problem);
    enum krn_family family = is_dw                                       ? KRN_FAMILY_DW
                             : krn_problem_is_pointwise(&layer->problem) ? KRN_FAMILY_GEMM
                                                                         : KRN_FAMILY_IGEMM;
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        struct var_variant plain;
        if (var_default(isas[i], &layer->problem, &plain) == 0)
            fix_add(layer, &plain);
        for (size_t m = 0; m < sizeof rows / sizeof *rows; m++)
            for (size_t n = 0; n < sizeof columns / sizeof *columns; n++)
                if (columns[n] >= fix_lanes(isas[i]) && (!is_dw || rows[m] <= 4) &&
                    (isas[i] != KRN_ISA_C || (rows[m] <= 6 && columns[n] <= 16)))
                    fix_add_tile(layer, isas[i], family, rows[m], columns[n]);
    }
    if (!is_dw)
        fix_add_prefetch(layer, KRN_ISA_AVX512VNNI, family);
}

/* ---- the truth */

static inline double fix_peak_gmacs(enum krn_isa isa)
{
    return isa == KRN_ISA_C ? 9.0 : isa == KRN_ISA_AVX2 ? 78.0 : 312.0;
}

/* What the variant takes: accumulators hide latency, loads per MAC cost slots, short depth costs
 * the epilogue, a large panel wants its prefetch. */
static inline double fix_truth_ns(const struct krn_problem *p, const struct var_variant *v)
{
    const double macs = (double)krn_problem_macs(p), lanes = fix_lanes(v->isa);
    const double mr = v->knob[VAR_KNOB_MR] ? v->knob[VAR_KNOB_MR] : 1;
    const double nr = fmax(v->knob[VAR_KNOB_NR], 1) / lanes, tile = mr * nr;
    const double depth = (double)p->ic / p->groups * p->kh * p->kw;
    const double panel = depth * v->knob[VAR_KNOB_NR] / 32768;
    double share = 1 / (1 + 0.55 * (mr + nr) / fmax(tile, 0.25));
    share *= fmin(1, 0.12 + tile / 10);
    share *= depth / (depth + 42);
    share *= v->knob[VAR_KNOB_UNROLL] == 2 ? 1.015 : 1;
    share *= v->knob[VAR_KNOB_SCHEDULE] == 1 ? 1.02 : 1;
    share *= 1 + 0.05 * fmin(panel, 1) *
                     exp(-pow(log2((v->knob[VAR_KNOB_PREFETCH_B] + 16) / 272.0), 2) / 3);
    share *= 1 - 0.02 * fabs(v->knob[VAR_KNOB_PREFETCH_A] / 512.0 - 0.2);
    share *= (v->isa == KRN_ISA_C ? 0.7 : 1) * (v->family == KRN_FAMILY_DW ? 0.35 : 1.04);
    return macs / (fix_peak_gmacs(v->isa) * fmin(share, 0.97)) + 180;
}

/* Near enough to a normal distribution, of deviation 1. */
static inline double fix_normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += (double)(t_random(state) >> 11) / 9007199254740992.0;
    return sum;
}

/* ---- writing */

struct fix_writer {
    struct pdb *db;
    int64_t run;
    uint64_t state;
    struct fixture *fixture;
    enum hrn_evidence evidence;
};

/* What is to become of the i-th variant of the first layers: one of each kind. */
static inline struct hrn_proof fix_proof(const struct fix_writer *w, size_t layer, size_t i)
{
    static const struct hrn_proof failures[] = {
        { .outcome = HRN_WRONG,
          .stage = HRN_STAGE_PROVE,
          .checks = 3,
          .detail = "output [0][12][7][5] is 17, must be 18 (m = 3, k = 37)" },
        { .outcome = HRN_CRASHED,
          .stage = HRN_STAGE_PROVE,
          .signal = 11,
          .checks = 1,
          .detail = "write past the end of the output: 1 byte into the guard page" },
        { .outcome = HRN_TIMEOUT,
          .stage = HRN_STAGE_TIME,
          .checks = 12,
          .detail = "no answer for 10 s" },
        { .outcome = HRN_NO_ISA,
          .stage = HRN_STAGE_PROVE,
          .signal = 4,
          .detail = "illegal instruction" },
        { .outcome = HRN_REFUSED,
          .stage = HRN_STAGE_PROVE,
          .detail = "19 channels, but a block has 32" },
        { .outcome = HRN_NO_BUILD,
          .stage = HRN_STAGE_BUILD,
          .detail = "kernels.S:812: operand size mismatch" },
    };
    const size_t every = 9, kinds = sizeof failures / sizeof *failures;
    struct hrn_proof ok = {
        .outcome = HRN_OK, .stage = HRN_STAGE_TIME, .checks = 24, .seed = w->state
    };
    if (layer >= 2 || i % every != 5 || i / every >= kinds)
        return ok;
    w->fixture->failures++;
    return failures[i / every];
}

static inline void fix_samples(struct fix_writer *w, int64_t id, double truth_ns, int rounds,
                               uint64_t layer)
{
    for (int round = 0; round < rounds; round++) {
        uint64_t weather =
            t_seed + 1000 * layer + (uint64_t)round; /* of a round: the same for all */
        double noise = 0.012 * fix_normal(&weather) + 0.004 * fix_normal(&w->state);
        if (t_random(&w->state) % 60 == 0)
            noise += 0.15; /* an interruption */
        int64_t calls = 1 + (int64_t)(1.2e6 / truth_ns);
        struct hrn_sample s = { .round = round,
                                .calls = calls,
                                .overhead_ns = 40,
                                .freq_khz = 2900000,
                                .temp_mc = INT32_MIN,
                                .migrations = -1,
                                .context_switches = -1,
                                .time_ns = (int64_t)(truth_ns * exp(noise) * (double)calls) };
        T_CHECK(pdb_sample(w->db, id, &s, NULL, 0) == 0);
    }
    if (t_random(&w->state) % 20 == 0) {
        struct hrn_sample s = {
            .round = 0, .calls = 1, .time_ns = 999, .outcome = HRN_VOID, .detail = "migrated"
        };
        T_CHECK(pdb_sample(w->db, id, &s, NULL, 0) == 0);
    }
}

static inline int64_t fix_measurement(struct fix_writer *w, const char *problem,
                                      const struct var_variant *v)
{
    static const char *names[VAR_KNOB_COUNT];
    char name[VAR_NAME_MAX], kernel[VAR_NAME_MAX];
    int64_t id = 0;
    for (int k = 0; k < VAR_KNOB_COUNT; k++)
        names[k] = var_knobs[k].name;
    var_name_format(v, name);
    var_kernel_name_format(v, kernel);
    const struct pdb_variant row = { .name = name,
                                     .kernel_name = kernel,
                                     .isa = krn_isas[v->isa].name,
                                     .family = krn_family_names[v->family],
                                     .algorithm = krn_family_names[v->family],
                                     .source_hash = 7,
                                     .knob_names = names,
                                     .knob_values = v->knob,
                                     .knob_count = VAR_KNOB_COUNT };
    T_CHECK(pdb_measurement(w->db, w->run, problem, &row, &id) == 0);
    return id;
}

/* How many variants of the layer are faster in truth. */
static inline size_t fix_place(const struct fix_layer *layer, size_t i)
{
    size_t place = 0;
    for (size_t j = 0; j < layer->count; j++)
        place += layer->truth_ns[j] < layer->truth_ns[i];
    return place;
}

static inline void fix_write_layer(struct fix_writer *w, size_t l)
{
    struct fix_layer *layer = &w->fixture->layers[l];
    T_CHECK(pdb_run_problem(w->db, w->run, layer->text, layer->problem.name, "peers-26", (int32_t)l,
                            1 + (int32_t)(l % 3), krn_problem_macs(&layer->problem)) == 0);
    for (size_t i = 0; i < layer->count; i++)
        layer->truth_ns[i] = fix_truth_ns(&layer->problem, &layer->variant[i]);
    for (size_t i = 0; i < layer->count; i++) {
        int64_t id = fix_measurement(w, layer->text, &layer->variant[i]);
        struct hrn_proof proof = fix_proof(w, l, i);
        T_CHECK(pdb_proof(w->db, id, &proof) == 0);
        if (proof.outcome != HRN_OK)
            layer->truth_ns[i] = INFINITY;
        else /* an emulator's samples, too: a report must not show them */
            fix_samples(w, id, layer->truth_ns[i],
                        fix_place(layer, i) < FIX_FINALISTS ? FIX_FINAL_ROUNDS : FIX_SCREEN_ROUNDS,
                        l);
    }
}

static inline void fix_read_shapes(const char *shapes, size_t limit, struct fixture *out)
{
    char line[KRN_PROBLEM_STR_MAX], why[200];
    FILE *in = fopen(shapes, "r");
    if (!T_CHECK(in != NULL))
        return;
    while (fgets(line, sizeof line, in) && out->layer_count < limit) {
        struct fix_layer *layer = &out->layers[out->layer_count];
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (!T_CHECK(krn_problem_parse(line, &layer->problem, why, sizeof why) == 0))
            continue;
        krn_problem_format(&layer->problem, 0, layer->text);
        fix_space(layer);
        out->layer_count++;
    }
    fclose(in);
}

/* Appends one run to the database. `limit`: layers at most. Free with fix_clear(). */
static inline void fix_write(const char *path, const char *shapes, size_t limit,
                             enum hrn_evidence evidence, struct fixture *out)
{
    static const enum krn_isa isas[] = { KRN_ISA_C, KRN_ISA_AVX2, KRN_ISA_AVX512VNNI };
    const struct pdb_run run = { .device_key = evidence == HRN_MEASURED ? "local" : "qemu:max",
                                 .arch = "x86_64",
                                 .cpu = "Synthetic Core, test data",
                                 .midr = "",
                                 .kernel = "Linux 6.1.0",
                                 .os = "Debian GNU/Linux 12",
                                 .evidence = evidence,
                                 .compiler = "gcc 12.2.0",
                                 .compiler_flags = "-O2",
                                 .tool_version = "0",
                                 .command = "quern sweep --network peers-26 --rounds 15 --seed 1",
                                 .seed = t_seed,
                                 .min_sample_ns = 1000000,
                                 .rounds = FIX_FINAL_ROUNDS };
    struct fix_writer w = { .state = t_seed, .fixture = out, .evidence = evidence };
    memset(out, 0, sizeof *out);
    out->layers = calloc(FIX_LAYERS_MAX, sizeof *out->layers);
    if (!T_CHECK(out->layers != NULL) || !T_CHECK(pdb_open(path, PDB_WRITE, &w.db) == 0))
        return;
    fix_read_shapes(shapes, limit < FIX_LAYERS_MAX ? limit : FIX_LAYERS_MAX, out);
    T_CHECK(pdb_run_begin(w.db, &run, &w.run) == 0);
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++) {
        char kernel[VAR_NAME_MAX];
        snprintf(kernel, sizeof kernel, "%s_peak_u32", krn_isas[isas[i]].name);
        T_CHECK(pdb_peak(w.db, w.run, krn_isas[isas[i]].name, kernel,
                         1e9 * fix_peak_gmacs(isas[i])) == 0);
    }
    for (size_t l = 0; l < out->layer_count; l++)
        fix_write_layer(&w, l);
    T_CHECK(pdb_run_end(w.db, w.run, "complete") == 0);
    T_CHECK(pdb_commit(w.db) == 0);
    pdb_close(w.db);
}

static inline void fix_clear(struct fixture *fixture)
{
    free(fixture->layers);
    fixture->layers = NULL;
}

#endif
