/* What a packing costs several cores, as one number; which packings that tells apart; totals. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/pair_int.h"

enum { FINALISTS = 5 }; /* packings of a layer that are told apart by the bootstrap */

/* ---- criteria: from the log losses of the cores to a score, a loss */

/* What a criterion knows besides losses. */
struct scale {
    const double *weights;
    size_t cores;
    double share[RPT_PAIR_MAX]; /* of the layer in the core's time of its network, own winners */
};

static double weight_sum(const struct scale *s)
{
    double sum = 0;
    for (size_t t = 0; t < s->cores; t++)
        sum += s->weights[t];
    return sum;
}

static double mean(const struct scale *s, const double *logs)
{
    double sum = 0;
    for (size_t t = 0; t < s->cores; t++)
        sum += s->weights[t] * logs[t];
    return expm1(sum / weight_sum(s));
}

static double worst(const struct scale *s, const double *logs)
{
    double most = -INFINITY;
    for (size_t t = 0; t < s->cores; t++)
        if (s->weights[t] > 0)
            most = fmax(most, logs[t]);
    return expm1(most);
}

static double total(const struct scale *s, const double *logs)
{
    double sum = 0;
    for (size_t t = 0; t < s->cores; t++)
        sum += s->weights[t] * s->share[t] * expm1(logs[t]);
    return sum / weight_sum(s);
}

static double (*const criteria[RPT_CRITERION_COUNT])(const struct scale *, const double *) = {
    [RPT_CRITERION_MEAN] = mean,
    [RPT_CRITERION_WORST] = worst,
    [RPT_CRITERION_TOTAL] = total,
};

static struct scale scale_of(struct rpt_pair *pair, const struct rpt_pair_layer *layer)
{
    const struct rpt_pair_total *of = rpt_pair_total_of(pair, layer->layer->network);
    struct scale s = { .weights = pair->options.weights, .cores = pair->cores };
    for (size_t t = 0; t < pair->cores; t++)
        s.share[t] = layer->own[t].cost * layer->layer->times / of->free_cost[t];
    return s;
}

static double score_of(const struct rpt_pair *pair, const struct scale *s,
                       const struct rpt_pair_packing *p)
{
    double logs[RPT_PAIR_MAX];
    for (size_t t = 0; t < s->cores; t++)
        logs[t] = log(p->cells[t].of.ratio);
    return criteria[pair->options.criterion](s, logs);
}

/* The score of losses as large as the noise bands: scores that are closer are not told apart. */
static double band_of(const struct rpt_pair *pair, const struct scale *s,
                      const struct rpt_pair_layer *layer)
{
    double logs[RPT_PAIR_MAX];
    for (size_t t = 0; t < s->cores; t++)
        logs[t] = log1p(layer->band[t]);
    return criteria[pair->options.criterion](s, logs);
}

/* ---- order */

/* Known ones first, then by score; by bytes and name where scores are the same. */
static int by_score(const void *a, const void *b)
{
    const struct rpt_pair_packing *x = a, *y = b;
    if (x->is_known != y->is_known)
        return y->is_known - x->is_known;
    if (x->score < y->score || x->score > y->score)
        return x->score < y->score ? -1 : 1;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Of those that cannot be told from the best and score within the band of it, the least memory goes
 * first. */
static void order_tied(struct rpt_pair_layer *layer, double band)
{
    size_t first = 0;
    struct rpt_pair_packing *p = layer->packings;
    for (size_t i = 1; i < layer->count; i++)
        if (p[i].is_tied && p[i].score - p[0].score <= band &&
            (p[i].bytes < p[first].bytes ||
             (p[i].bytes == p[first].bytes && p[i].score <= p[first].score &&
              strcmp(p[i].name, p[first].name) < 0)))
            first = i;
    struct rpt_pair_packing chosen = p[first];
    memmove(p + 1, p, first * sizeof *p);
    p[0] = chosen;
}

/* ---- the bootstrap: of each core by itself, of all finalists together */

/* Rounds of a core in which its winner and all finalists have a sample: log losses [finalists][n].
 * Returns n. */
static size_t shared_rounds(const struct rpt_pair_layer *layer, size_t finalists, size_t core,
                            double *logs, size_t stride)
{
    const struct hrn_candidate *own = &layer->own[core].candidate->rank;
    size_t n = 0;
    for (size_t r = 0; r < own->rounds; r++) {
        int whole = 1;
        for (size_t f = 0; f < finalists && whole; f++) {
            const struct hrn_candidate *c = &layer->packings[f].cells[core].candidate->rank;
            double loss = r < c->rounds ? log(c->time_ns[r] / own->time_ns[r]) : (double)NAN;
            logs[f * stride + n] = loss;
            whole = isfinite(loss);
        }
        n += (size_t)whole;
    }
    for (size_t f = 1; f < finalists; f++)
        memmove(logs + f * n, logs + f * stride, n * sizeof *logs);
    return n;
}

/* Medians [finalists][HRN_RESAMPLES] of one core's log losses. 1, 0 with too few rounds, -ENOMEM.
 */
static int resample_core(const struct rpt_pair *pair, const struct rpt_pair_layer *layer,
                         size_t finalists, size_t core, double *medians)
{
    size_t stride = layer->own[core].candidate->rank.rounds;
    double *logs = malloc((finalists * stride + 2 * stride + 1) * sizeof *logs);
    if (!logs)
        return -ENOMEM;
    size_t n = shared_rounds(layer, finalists, core, logs, stride);
    /* neither cores nor layers share rounds: each has a stream of its own */
    uint64_t seed = pair->runs[0]->seed + core + RPT_PAIR_MAX * (uint64_t)(layer - pair->layers);
    if (n >= HRN_PAIRS_MIN)
        hrn_resample(logs, finalists, n, seed, logs + finalists * stride, medians);
    free(logs);
    return n >= HRN_PAIRS_MIN;
}

/* By how much packing f scores more than the first, in every resample. */
static void differences(const struct rpt_pair *pair, const struct scale *s, size_t finalists,
                        const double *medians, size_t f, double *out)
{
    double here[RPT_PAIR_MAX], best[RPT_PAIR_MAX];
    for (size_t r = 0; r < HRN_RESAMPLES; r++) {
        for (size_t t = 0; t < s->cores; t++) {
            here[t] = medians[(t * finalists + f) * HRN_RESAMPLES + r];
            best[t] = medians[t * finalists * HRN_RESAMPLES + r];
        }
        out[r] =
            criteria[pair->options.criterion](s, here) - criteria[pair->options.criterion](s, best);
    }
}

/* Several questions at once: what is called worse holds after Holm's adjustment, too. */
static void judge(const struct rpt_pair *pair, const struct scale *s, struct rpt_pair_layer *layer,
                  size_t finalists, const double *medians, double *scratch)
{
    const double band = band_of(pair, s, layer);
    double p[FINALISTS] = { 1, 1, 1, 1, 1 };
    for (size_t f = 1; f < finalists; f++) {
        size_t not_worse = 0;
        differences(pair, s, finalists, medians, f, scratch);
        for (size_t r = 0; r < HRN_RESAMPLES; r++)
            not_worse += scratch[r] <= band;
        p[f] = (double)(not_worse + 1) / (HRN_RESAMPLES + 1);
        hrn_interval(scratch, &layer->packings[f].low, &layer->packings[f].high);
    }
    if (finalists > 1)
        hrn_holm(p + 1, finalists - 1);
    for (size_t f = 1; f < finalists; f++)
        layer->packings[f].is_tied = !(layer->packings[f].low > band && p[f] <= HRN_LEVEL);
    order_tied(layer, band);
}

static int tell_apart(const struct rpt_pair *pair, const struct scale *s,
                      struct rpt_pair_layer *layer)
{
    size_t finalists = 0;
    int rc = 1;
    while (finalists < layer->count && finalists < FINALISTS && layer->packings[finalists].is_known)
        finalists++;
    if (finalists < 2)
        return 0;
    double *medians = malloc(((pair->cores * finalists + 1) * HRN_RESAMPLES) * sizeof *medians);
    if (!medians)
        return -ENOMEM;
    for (size_t t = 0; t < pair->cores && rc == 1; t++)
        rc = resample_core(pair, layer, finalists, t, medians + t * finalists * HRN_RESAMPLES);
    if (rc == 1)
        judge(pair, s, layer, finalists, medians,
              medians + pair->cores * finalists * HRN_RESAMPLES);
    for (size_t f = 1; f < finalists && rc == 0; f++) /* nobody can say */
        layer->packings[f].is_tied = 1;
    free(medians);
    return rc < 0 ? rc : 0;
}

static int score_layer(struct rpt_pair *pair, struct rpt_pair_layer *layer)
{
    const struct scale s = scale_of(pair, layer);
    struct rpt_pair_packing *p = layer->packings;
    int rc = 0, measured = pair->runs[0]->evidence == HRN_MEASURED, few = 0;
    if (layer->count == 0)
        return 0;
    for (size_t i = 0; i < layer->count; i++) {
        p[i].score = score_of(pair, &s, &p[i]);
        p[i].low = p[i].high = (double)NAN;
        few |= !p[i].is_known;
    }
    pair->few += (size_t)few;
    qsort(p, layer->count, sizeof *p, by_score);
    p[0].is_tied = 1;
    p[0].low = p[0].high = 0;
    if (measured)
        rc = tell_apart(pair, &s, layer);
    for (size_t i = 1; i < layer->count && !measured; i++) {
        p[i].low = p[i].high = p[i].score - p[0].score;
        p[i].is_tied = !(p[i].score > p[0].score);
    }
    for (size_t i = 0; i < layer->count; i++)
        layer->tied += (size_t)p[i].is_tied;
    return rc;
}

/* ---- totals */

static void sum_free(struct rpt_pair *pair)
{
    for (size_t i = 0; i < pair->count; i++) {
        const struct rpt_pair_layer *layer = &pair->layers[i];
        struct rpt_pair_total *to = rpt_pair_total_of(pair, layer->layer->network);
        to->layers++;
        to->free_bytes += layer->free_bytes * (size_t)layer->layer->times;
        for (size_t t = 0; t < pair->cores; t++)
            to->free_cost[t] += layer->own[t].cost * layer->layer->times;
    }
}

/* With the packing of each layer: the core's own time of the layer, times the loss, which is paired
 * by round. */
static void sum_one(struct rpt_pair *pair)
{
    for (size_t i = 0; i < pair->count; i++) {
        const struct rpt_pair_layer *layer = &pair->layers[i];
        const struct rpt_pair_packing *p = layer->count ? &layer->packings[0] : NULL;
        struct rpt_pair_total *to = rpt_pair_total_of(pair, layer->layer->network);
        to->shared += p != NULL;
        to->one_bytes += (p ? p->bytes : layer->free_bytes) * (size_t)layer->layer->times;
        for (size_t t = 0; t < pair->cores; t++)
            to->one_cost[t] +=
                layer->own[t].cost * layer->layer->times * (p ? p->cells[t].of.ratio : 1);
    }
}

/* Adds what a core takes for the layers of a network in each resample. 1; 0 where a layer has too
 * few rounds; -ENOMEM. */
static int resample_network(const struct rpt_pair *pair, const struct rpt_pair_total *of,
                            size_t core, double *sums, double *medians)
{
    int rc = 1;
    memset(sums, 0, HRN_RESAMPLES * sizeof *sums);
    for (size_t i = 0; i < pair->count && rc == 1; i++) {
        struct rpt_pair_layer *layer = &pair->layers[i];
        double time = layer->own[core].cost * layer->layer->times;
        if (strcmp(layer->layer->network, of->network) != 0)
            continue;
        memset(medians, 0, HRN_RESAMPLES * sizeof *medians);
        if (layer->count && layer->packings[0].cells[core].candidate != layer->own[core].candidate)
            rc = resample_core(pair, layer, 1, core, medians);
        for (size_t r = 0; r < HRN_RESAMPLES; r++)
            sums[r] += time * exp(medians[r]);
    }
    return rc;
}

static int total_losses(const struct rpt_pair *pair, struct rpt_pair_total *of)
{
    double *sums = malloc(2 * HRN_RESAMPLES * sizeof *sums);
    int rc = sums ? 1 : -ENOMEM;
    for (size_t t = 0; t < pair->cores && rc >= 0; t++) {
        of->loss[t] = of->low[t] = of->high[t] = of->one_cost[t] / of->free_cost[t] - 1;
        if (pair->runs[0]->evidence != HRN_MEASURED)
            continue;
        rc = resample_network(pair, of, t, sums, sums + HRN_RESAMPLES);
        of->low[t] = of->high[t] = (double)NAN;
        if (rc != 1)
            continue;
        hrn_interval(sums, &of->low[t], &of->high[t]);
        of->low[t] = of->low[t] / of->free_cost[t] - 1;
        of->high[t] = of->high[t] / of->free_cost[t] - 1;
    }
    free(sums);
    return rc < 0 ? rc : 0;
}

int rpt_pair_score(struct rpt_pair *pair)
{
    int rc = 0;
    sum_free(pair);
    for (size_t i = 0; i < pair->count && rc == 0; i++)
        rc = score_layer(pair, &pair->layers[i]);
    sum_one(pair);
    for (size_t i = 0; i < pair->total_count && rc == 0; i++)
        rc = total_losses(pair, &pair->totals[i]);
    return rc;
}
