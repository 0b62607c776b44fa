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
    enum hrn_verdict verdict; /* of A against B: faster = A takes less time */
    double ratio;             /* time of A / time of B, the median of the rounds */
    double low, high;         /* 95 % bootstrap interval of it */
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

/* splitmix64: the one generator of randomness here, so that everything repeats from its seed. */
uint64_t hrn_random(uint64_t *state);

#endif
