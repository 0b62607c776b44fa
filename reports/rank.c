/* Ranks the candidates of every layer, and compares each winner with what one would have without a
 * sweep. */
#include "reports/report_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double peak_of(const struct rpt_run *run, const char *isa)
{
    for (size_t i = 0; i < run->peak_count; i++)
        if (strcmp(run->peaks[i].isa, isa) == 0)
            return run->peaks[i].gmacs;
    return 0;
}

/* Every candidate's rounds made as many as the longest has, so that rounds pair by index. */
static int pad_rounds(struct rpt_layer *layer)
{
    size_t rounds = 0;
    for (size_t i = 0; i < layer->count; i++)
        if (layer->candidates[i].rank.rounds > rounds)
            rounds = layer->candidates[i].rank.rounds;
    for (size_t i = 0; i < layer->count; i++) {
        struct hrn_candidate *rank = &layer->candidates[i].rank;
        if (rank->rounds == 0 || rank->rounds == rounds)
            continue;
        double *grown = reallocarray((void *)(uintptr_t)rank->time_ns, rounds, sizeof *grown);
        if (!grown)
            return -ENOMEM;
        for (size_t r = rank->rounds; r < rounds; r++)
            grown[r] = (double)NAN;
        rank->time_ns = grown;
        rank->rounds = rounds;
    }
    return 0;
}

static int has_time(const struct rpt_candidate *c)
{
    for (size_t r = 0; r < c->rank.rounds; r++)
        if (isfinite(c->rank.time_ns[r]))
            return 1;
    return 0;
}

/* Timed first, then proved, then failures in the order of their kinds; names break ties. */
static int by_outcome(const void *a, const void *b)
{
    const struct rpt_candidate *x = a, *y = b;
    int x_timed = has_time(x), y_timed = has_time(y);
    if (x_timed != y_timed)
        return y_timed - x_timed;
    if (x->outcome != y->outcome)
        return (int)x->outcome - (int)y->outcome;
    return strcmp(x->variant, y->variant);
}

/* Taps of one side of the filter that lie inside the image, as a share of all: 1 without padding.
 */
static double inside(int32_t in, int32_t out, int32_t taps, int32_t stride, int32_t pad,
                     int32_t dilation)
{
    double hits = 0;
    for (int64_t o = 0; o < out; o++)
        for (int64_t t = 0; t < taps; t++) {
            int64_t at = o * stride - pad + t * dilation;
            hits += at >= 0 && at < in;
        }
    return hits / ((double)out * taps);
}

/* Multiplications that the algorithm cannot do without, as a share of the layer's MACs: those in
 * the padding need not be made, and Winograd makes (m + 2)^2 for the 9 m^2 of an m x m tile. */
static double needed(const struct rpt_layer *layer, const struct rpt_candidate *c)
{
    struct krn_problem p;
    enum krn_epilogue epilogue;
    char why[160];
    if (krn_layer_parse(layer->problem, &p, &epilogue, why, sizeof why) != 0)
        return 1;
    if (strcmp(c->family, krn_family_names[KRN_FAMILY_WINO]) == 0 && c->knob[VAR_KNOB_FILTER] > 0) {
        double m = c->knob[VAR_KNOB_FILTER];
        return (m + 2) * (m + 2) / (9 * m * m);
    }
    return inside(p.ih, p.oh, p.kh, p.sh, p.ph, p.dh) * inside(p.iw, p.ow, p.kw, p.sw, p.pw, p.dw);
}

static void take_rank(const struct rpt_run *run, const struct rpt_layer *layer,
                      struct rpt_candidate *c, const struct hrn_candidate *rank)
{
    double peak = peak_of(run, c->isa);
    c->rank = *rank;
    c->gmacs = rank->summary.median > 0 ? (double)layer->macs / rank->summary.median : 0;
    c->peak_share = peak > 0 ? c->gmacs * needed(layer, c) / peak : 0;
}

static int rank_layer(const struct rpt_run *run, struct rpt_layer *layer)
{
    if (layer->count == 0)
        return 0;
    int result = pad_rounds(layer);
    if (result != 0)
        return result;
    qsort(layer->candidates, layer->count, sizeof *layer->candidates, by_outcome);
    while (layer->timed < layer->count && has_time(&layer->candidates[layer->timed]))
        layer->timed++;
    struct hrn_candidate *ranks = calloc(layer->timed + 1, sizeof *ranks);
    struct rpt_candidate *sorted = calloc(layer->timed + 1, sizeof *sorted);
    long tied = ranks && sorted ? 0 : -ENOMEM;
    for (size_t i = 0; tied == 0 && i < layer->timed; i++) {
        ranks[i] = layer->candidates[i].rank;
        ranks[i].name = layer->candidates[i].variant;
    }
    if (tied == 0)
        tied = hrn_rank(ranks, layer->timed, layer->band, run->seed);
    for (size_t i = 0; tied >= 0 && i < layer->timed; i++)
        for (size_t j = 0; j < layer->timed; j++)
            if (layer->candidates[j].variant == ranks[i].name) {
                sorted[i] = layer->candidates[j];
                take_rank(run, layer, &sorted[i], &ranks[i]);
            }
    if (tied >= 0) {
        memcpy(layer->candidates, sorted, layer->timed * sizeof *sorted);
        layer->tied = (size_t)tied;
    }
    free(ranks);
    free(sorted);
    return tied < 0 ? (int)tied : 0;
}

/* ---- baselines */

/* The strongest ISA, in the order of krn_isas, that has a time in this run; -1 without any. */
static int best_isa(const struct rpt_run *run)
{
    int best = -1;
    for (size_t l = 0; l < run->layer_count; l++)
        for (size_t i = 0; i < run->layers[l].timed; i++) {
            int isa = krn_isa_find(run->layers[l].candidates[i].isa);
            best = isa > best ? isa : best;
        }
    return best;
}

/* The candidate that var_default() names for the layer on `isa`, or on the strongest below it that
 * has one for such a layer; -1 if the run has not measured it. */
static long find_default(const struct rpt_run *run, const struct rpt_layer *layer, int isa)
{
    struct krn_problem problem;
    enum krn_epilogue epilogue;
    struct var_variant plain;
    char name[VAR_NAME_MAX], why[160];
    if (krn_layer_parse(layer->problem, &problem, &epilogue, why, sizeof why) != 0)
        return -1;
    while (isa >= 0 &&
           var_default_on(run->core, (enum krn_isa)isa, &problem, epilogue, &plain) != 0)
        isa--;
    if (isa < 0)
        return -1;
    var_name_format(&plain, name);
    for (size_t i = 0; i < layer->count; i++)
        if (strcmp(layer->candidates[i].variant, name) == 0)
            return (long)i;
    return -1;
}

static int compare_winner(const struct rpt_run *run, struct rpt_layer *layer,
                          struct rpt_against *against)
{
    if (against->index < 0 || (size_t)against->index >= layer->timed)
        return 0;
    const struct hrn_candidate *winner = &layer->candidates[0].rank;
    double *scratch = malloc((HRN_RESAMPLES + 2 * winner->rounds) * sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    hrn_compare(winner->time_ns, layer->candidates[against->index].rank.time_ns, winner->rounds,
                layer->band, run->seed, scratch, &against->of);
    free(scratch);
    return 0;
}

static int compare_layer(const struct rpt_run *run, struct rpt_layer *layer, int strongest)
{
    layer->against[RPT_DEFAULT].index = find_default(run, layer, strongest);
    layer->against[RPT_PORTABLE].index = find_default(run, layer, KRN_ISA_C);
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        int result = compare_winner(run, layer, &layer->against[b]);
        if (result != 0)
            return result;
    }
    return 0;
}

int rpt_rank(struct rpt_run *run)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < run->layer_count; i++)
        result = rank_layer(run, &run->layers[i]);
    int strongest = best_isa(run);
    for (size_t i = 0; result == 0 && i < run->layer_count; i++)
        result = compare_layer(run, &run->layers[i], strongest);
    run->best_isa = rpt_clean(strongest < 0 ? "" : krn_isas[strongest].name);
    return result == 0 && !run->best_isa ? -ENOMEM : result;
}
