/* What a run comes to: counts, means and sums over its layers. */
#include "reports/report_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const rpt_baseline_titles[RPT_BASELINE_COUNT] = {
    [RPT_DEFAULT] = "the default",
    [RPT_PORTABLE] = "portable C",
};

const char *const rpt_outcome_meanings[HRN_OUTCOME_COUNT] = {
    [HRN_OK] = "bit-exact against the reference",
    [HRN_WRONG] = "differs from the reference, or wrote where it must not",
    [HRN_CRASHED] = "ended by a signal",
    [HRN_TIMEOUT] = "did not end in time",
    [HRN_NO_ISA] = "the CPU has not the instructions",
    [HRN_REFUSED] = "the driver cannot compute this problem with it",
    [HRN_NO_BUILD] = "did not assemble or compile",
    [HRN_VOID] = "no trustworthy measurement",
};

#define SHARE_DOUBTFUL 1.05 /* of a peak: beyond what clocks and noise explain */

enum rpt_fate rpt_fate(const struct rpt_candidate *c)
{
    if (c->outcome == HRN_OK)
        return RPT_PROVED;
    if (c->outcome == HRN_VOID)
        return c->stage == HRN_STAGE_TIME ? RPT_VOID : RPT_UNREACHED;
    return RPT_FAILED;
}

int rpt_peaks_doubtful(const struct rpt_digest *digest)
{
    return digest->highest_share > SHARE_DOUBTFUL;
}

const char *rpt_proof_words(const struct rpt_run *run, const struct rpt_digest *d, char *out)
{
    const size_t all = RPT_PROOF_WORDS_MAX;
    size_t n = (size_t)snprintf(out, all, "%zu of %zu variants on layers proved bit-exact",
                                d->proved, d->candidates);
    if (rpt_run_timed(run))
        n += (size_t)snprintf(out + n, all - n, ", %zu timed", d->timed);
    if (d->fates[RPT_VOID])
        n += (size_t)snprintf(out + n, all - n, ", %zu without a time (void)", d->fates[RPT_VOID]);
    if (d->fates[RPT_UNREACHED])
        n += (size_t)snprintf(out + n, all - n, ", %zu not reached", d->fates[RPT_UNREACHED]);
    snprintf(out + n, all - n, ", %zu failed", d->fates[RPT_FAILED]);
    return out;
}

const char *rpt_band_words(const struct rpt_run *run, char *out)
{
    double low = INFINITY, high = HRN_BAND_MIN;
    size_t measured = 0;
    for (size_t l = 0; l < run->layer_count; l++) {
        const struct rpt_layer *layer = &run->layers[l];
        low = fmin(low, layer->band);
        high = fmax(high, layer->band);
        measured += layer->band_pairs >= HRN_PAIRS_MIN;
    }
    char first[RPT_NUMBER_MAX], last[RPT_NUMBER_MAX];
    int is_range = 1000 * (high - low) >= 0.5;
    rpt_number(100 * fmin(low, high), 2, first);
    rpt_number(100 * high, 2, last);
    snprintf(out, RPT_PROOF_WORDS_MAX, "%s%s%s %%%s", is_range ? first : "", is_range ? " to " : "",
             last, measured ? ", from the baseline against itself" : ", assumed");
    return out;
}

const char *rpt_verdict_words(const struct rpt_digest *d, enum rpt_baseline b, char *out)
{
    static const char *const words[HRN_VERDICT_COUNT] = {
        [HRN_FASTER] = "",
        [HRN_SLOWER] = ", slower on",
        [HRN_TIE] = ", equal on",
        [HRN_UNDECIDED] = ", undecided on",
    };
    const size_t all = RPT_PROOF_WORDS_MAX;
    size_t n = (size_t)snprintf(out, all, "faster on %zu of %zu", d->verdicts[b][HRN_FASTER],
                                d->geomean_layers[b]);
    for (int v = HRN_FASTER + 1; v < HRN_VERDICT_COUNT; v++)
        if (d->verdicts[b][v])
            n += (size_t)snprintf(out + n, all - n, "%s %zu", words[v], d->verdicts[b][v]);
    return out;
}

int rpt_run_timed(const struct rpt_run *run)
{
    return run->evidence == HRN_MEASURED;
}

int rpt_timed(const struct rpt_run *run, const struct rpt_candidate *candidate)
{
    return rpt_run_timed(run) && candidate->outcome == HRN_OK && candidate->rank.summary.count > 0;
}

const struct rpt_candidate *rpt_winner(const struct rpt_run *run, const struct rpt_layer *layer)
{
    return layer->count > 0 && rpt_timed(run, layer->candidates) ? layer->candidates : NULL;
}

const char *rpt_layer_name(const struct rpt_layer *layer)
{
    return layer->title[0] ? layer->title : layer->problem;
}

const struct rpt_candidate *rpt_baseline_of(const struct rpt_layer *layer,
                                            enum rpt_baseline baseline)
{
    long index = layer->against[baseline].index;
    return index >= 0 && (size_t)index < layer->count ? &layer->candidates[index] : NULL;
}

static double inverse(double ratio)
{
    return isfinite(ratio) && ratio > 0 ? 1 / ratio : 0;
}

struct rpt_speedup rpt_speedup(const struct rpt_layer *layer, enum rpt_baseline baseline)
{
    const struct hrn_comparison *of = &layer->against[baseline].of;
    if (layer->against[baseline].index < 0 || of->pairs == 0)
        return (struct rpt_speedup) { 0, 0, 0 };
    return (struct rpt_speedup) { inverse(of->ratio), inverse(of->high), inverse(of->low) };
}

/* ---- per ISA */

static int isa_order(const char *isa)
{
    int known = krn_isa_find(isa);
    return known < 0 ? KRN_ISA_COUNT : known;
}

static int by_isa(const void *a, const void *b)
{
    const struct rpt_isa_digest *x = a, *y = b;
    int order = isa_order(x->isa) - isa_order(y->isa);
    return order ? order : strcmp(x->isa, y->isa);
}

/* The row of `isa`, made where there is none; NULL without memory. */
static struct rpt_isa_digest *isa_row(struct rpt_digest *digest, const char *isa)
{
    for (size_t i = 0; i < digest->isa_count; i++)
        if (strcmp(digest->isas[i].isa, isa) == 0)
            return &digest->isas[i];
    struct rpt_isa_digest *grown =
        reallocarray(digest->isas, digest->isa_count + 1, sizeof *digest->isas);
    if (!grown)
        return NULL;
    digest->isas = grown;
    grown += digest->isa_count++;
    *grown = (struct rpt_isa_digest) { .isa = isa };
    return grown;
}

static int count_candidates(const struct rpt_run *run, const struct rpt_layer *layer,
                            struct rpt_digest *digest)
{
    for (size_t i = 0; i < layer->count; i++) {
        const struct rpt_candidate *c = &layer->candidates[i];
        struct rpt_isa_digest *isa = isa_row(digest, c->isa);
        if (!isa)
            return -ENOMEM;
        enum rpt_fate fate = rpt_fate(c);
        int timed = rpt_timed(run, c);
        isa->outcomes[c->outcome]++;
        isa->fates[fate]++;
        isa->timed += (size_t)timed;
        isa->winners += c == rpt_winner(run, layer);
        digest->outcomes[c->outcome]++;
        digest->fates[fate]++;
        digest->proved += fate == RPT_PROVED || fate == RPT_VOID;
        digest->timed += (size_t)timed;
        digest->void_samples += c->voids;
        digest->candidates++;
        if (timed)
            digest->highest_share = fmax(digest->highest_share, c->peak_share);
    }
    return 0;
}

static void take_peaks(const struct rpt_run *run, struct rpt_digest *digest)
{
    for (size_t p = 0; p < run->peak_count; p++)
        for (size_t i = 0; i < digest->isa_count; i++)
            if (strcmp(run->peaks[p].isa, digest->isas[i].isa) == 0)
                digest->isas[i].peak_gmacs = run->peaks[p].gmacs;
}

/* ---- per network */

static struct rpt_network_digest *network_row(struct rpt_digest *digest, const char *network)
{
    for (size_t i = 0; i < digest->network_count; i++)
        if (strcmp(digest->networks[i].network, network) == 0)
            return &digest->networks[i];
    struct rpt_network_digest *grown =
        reallocarray(digest->networks, digest->network_count + 1, sizeof *digest->networks);
    if (!grown)
        return NULL;
    digest->networks = grown;
    grown += digest->network_count++;
    *grown = (struct rpt_network_digest) { .network = network };
    return grown;
}

static int add_network(const struct rpt_run *run, const struct rpt_layer *layer,
                       struct rpt_digest *digest)
{
    const struct rpt_candidate *winner = rpt_winner(run, layer);
    double times = layer->times > 0 ? layer->times : 1;
    if (!layer->network[0])
        return 0;
    struct rpt_network_digest *n = network_row(digest, layer->network);
    if (!n)
        return -ENOMEM;
    n->layers++;
    if (!winner)
        return 0;
    n->timed++;
    n->winners_ns += times * winner->rank.summary.median;
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        const struct rpt_candidate *base = rpt_baseline_of(layer, (enum rpt_baseline)b);
        if (!base || !rpt_timed(run, base))
            continue;
        n->compared[b]++;
        n->compared_ns[b] += times * winner->rank.summary.median;
        n->baseline_ns[b] += times * base->rank.summary.median;
    }
    return 0;
}

/* ---- over all layers */

static void add_speedups(const struct rpt_layer *layer, struct rpt_digest *digest, double *log_sum)
{
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        double factor = rpt_speedup(layer, (enum rpt_baseline)b).factor;
        if (factor <= 0)
            continue;
        log_sum[b] += log(factor);
        digest->geomean_layers[b]++;
        digest->verdicts[b][layer->against[b].of.verdict]++;
        if (!digest->least[b] ||
            factor < rpt_speedup(digest->least[b], (enum rpt_baseline)b).factor)
            digest->least[b] = layer;
    }
}

/* The share of the time that the winners would need at their peaks; only layers with a known peak.
 */
struct peak_sum {
    double at_peak_ns, measured_ns, worst_share;
};

static void add_peak(const struct rpt_layer *layer, const struct rpt_candidate *winner,
                     struct rpt_digest *digest, struct peak_sum *sum)
{
    double times = layer->times > 0 ? layer->times : 1;
    if (winner->peak_share <= 0)
        return;
    sum->at_peak_ns += times * winner->rank.summary.median * winner->peak_share;
    sum->measured_ns += times * winner->rank.summary.median;
    if (!digest->worst_peak || winner->peak_share < sum->worst_share) {
        digest->worst_peak = layer;
        sum->worst_share = winner->peak_share;
    }
}

int rpt_digest_init(const struct rpt_run *run, struct rpt_digest *out)
{
    double log_sum[RPT_BASELINE_COUNT] = { 0 };
    struct peak_sum peak = { 0, 0, 0 };
    int result = 0;
    memset(out, 0, sizeof *out);
    for (size_t l = 0; result == 0 && l < run->layer_count; l++) {
        const struct rpt_layer *layer = &run->layers[l];
        const struct rpt_candidate *winner = rpt_winner(run, layer);
        result = count_candidates(run, layer, out);
        if (result == 0)
            result = add_network(run, layer, out);
        if (!winner)
            continue;
        out->timed_layers++;
        add_speedups(layer, out, log_sum);
        add_peak(layer, winner, out, &peak);
    }
    for (int b = 0; b < RPT_BASELINE_COUNT; b++)
        if (out->geomean_layers[b])
            out->geomean[b] = exp(log_sum[b] / (double)out->geomean_layers[b]);
    if (peak.measured_ns > 0)
        out->peak_share = peak.at_peak_ns / peak.measured_ns;
    if (out->isa_count)
        qsort(out->isas, out->isa_count, sizeof *out->isas, by_isa);
    take_peaks(run, out);
    if (result != 0)
        rpt_digest_clear(out);
    return result;
}

void rpt_digest_clear(struct rpt_digest *digest)
{
    free(digest->isas);
    free(digest->networks);
    memset(digest, 0, sizeof *digest);
}
