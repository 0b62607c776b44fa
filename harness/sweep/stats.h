/* Statistics of samples and verdicts on pairs of variants. Pure: no state, no I/O, no allocation
 * beyond the caller's buffers. */
#ifndef QUERN_HARNESS_STATS_H
#define QUERN_HARNESS_STATS_H

#include <stddef.h>
#include <stdint.h>

struct hrn_summary {
    size_t count;
    double median, mad, min, max; /* mad: median absolute deviation, not scaled */
    size_t outliers;              /* modified z-score on the MAD above 3.5: flagged, kept */
};
/* `scratch` holds count doubles. count 0 gives zeros. */
void hrn_summarise(const double *values, size_t count, double *scratch, struct hrn_summary *out);

enum hrn_verdict { HRN_FASTER, HRN_SLOWER, HRN_TIE, HRN_UNDECIDED, HRN_VERDICT_COUNT };
extern const char *const hrn_verdict_names[HRN_VERDICT_COUNT];

struct hrn_comparison {
    enum hrn_verdict verdict;  /* of A against B: faster = A takes less time */
    double ratio;              /* time of A / time of B, the median of the rounds */
    double low, high;          /* 95 % bootstrap interval of it */
    double p_faster, p_slower; /* share of the resamples that are not beyond the band: what
                                  hrn_holm() takes; 1 where nothing is known */
    size_t pairs;
};
#define HRN_RESAMPLES 10000
#define HRN_PAIRS_MIN 3

/* Paired by round: a[i] and b[i] are times of one round, > 0; a round in which one of them is
 * NAN (or not a time) is left out. Seeded bootstrap of the median log ratio against the noise
 * band `band` (0.01 = 1 %): faster iff the interval is wholly below -band, slower iff wholly
 * above, tie iff wholly inside, else undecided. Fewer than HRN_PAIRS_MIN pairs: undecided, low
 * and high NAN; no pair: ratio NAN too. The order of the rounds does not matter, and B against A
 * is exactly A against B inverted. `scratch` holds HRN_RESAMPLES + 2 * count doubles. */
void hrn_compare(const double *a, const double *b, size_t count, double band, uint64_t seed,
                 double *scratch, struct hrn_comparison *out);

/* Samples that share no rounds (another run, another device): bootstrap of the ratio of the two
 * medians, each resampled by itself. What is no time is left out; `pairs` is the smaller count. A
 * change of the machine between the two is in the ratio: there is no pair to take it out.
 * `scratch` holds HRN_RESAMPLES + 2 * (a_count + b_count) doubles. */
void hrn_compare_unpaired(const double *a, size_t a_count, const double *b, size_t b_count,
                          double band, uint64_t seed, double *scratch, struct hrn_comparison *out);

/* Several things measured in the same rounds: bootstrap of the median of each, all of them drawn
 * together, so that what differs between them in a resample is not the rounds.
 *   values   [columns][count], finite; count >= 1
 *   medians  [columns][HRN_RESAMPLES]
 * scratch: 2 * count doubles. */
void hrn_resample(const double *values, size_t columns, size_t count, uint64_t seed,
                  double *scratch, double *medians);
/* The 2.5 % and 97.5 % ranks of HRN_RESAMPLES values, which are reordered. */
void hrn_interval(double *values, double *low, double *high);

/* The noise band of an A/A run: `first` and `second` are the same code, timed in the same rounds as
 * if it were two variants. The farther end of the 95 % interval of their ratio, as a relative
 * difference, but at least HRN_BAND_MIN; that too where they have too few pairs. Scratch as for
 * hrn_compare(). */
#define HRN_BAND_MIN 0.01
double hrn_band(const double *first, const double *second, size_t count, uint64_t seed,
                double *scratch);

/* Holm 1979: p[i] of `count` questions asked together become adjusted ones, in place, each to be
 * held against the same level as a single question would be. count <= HRN_HOLM_MAX. */
#define HRN_HOLM_MAX 64
#define HRN_LEVEL 0.025 /* of one side of a 95 % interval */
void hrn_holm(double *p, size_t count);

/* Second opinions, two-sided p. Wilcoxon's signed ranks of the log ratios, paired as for
 * hrn_compare(): exact up to 50 pairs, else by the normal approximation. Mann and Whitney's U, for
 * samples that share no rounds: normal approximation with correction for ties and continuity. 1
 * without samples. scratch: 2 * (all counts) doubles. */
double hrn_wilcoxon(const double *a, const double *b, size_t count, double *scratch);
double hrn_mann_whitney(const double *a, size_t a_count, const double *b, size_t b_count,
                        double *scratch);

/* Spearman's rank correlation of two columns, -1..1; 0 for fewer than two rows. Pairs with a NAN
 * are left out. scratch: 4 * count doubles. */
double hrn_spearman(const double *a, const double *b, size_t count, double *scratch);

/* splitmix64: the one generator of randomness here, so that everything repeats from its seed. */
uint64_t hrn_random(uint64_t *state);

#endif
