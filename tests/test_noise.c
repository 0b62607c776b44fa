/* What the protocol of a sweep does to synthetic samples whose truth is known, under the noise of a
 * machine that is shared: how often equal things seem different, how often 3 % is found, whether
 * two sweeps of one space rank it alike.
 */
#include "harness/sweep/verdict.h"

#include <math.h>
#include <stdlib.h>

#include "tests/t_noise.h"

enum { SCREEN = 3, FINAL = 12, ROUNDS = SCREEN + FINAL }; /* the defaults of a sweep */

static double scratch[HRN_RESAMPLES + 8 * 600];

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The noise is what it claims to be. */
static void test_noise(void)
{
    enum { SERIES = 1000, REPEATS = 7 };
    static double ranges[SERIES];
    uint64_t state = t_seed;
    for (size_t i = 0; i < SERIES; i++) {
        double drift[REPEATS], times[REPEATS];
        struct hrn_summary s;
        t_drift(drift, REPEATS, &state);
        t_times(times, REPEATS, 1e6, t_mad(&state), drift, &state);
        hrn_summarise(times, REPEATS, scratch, &s);
        ranges[i] = 100 * (s.max - s.min) / s.median;
    }
    qsort(ranges, SERIES, sizeof *ranges, by_value);
    printf("ranges of seven: half below %.2f %%, one in ten above %.1f %%\n", ranges[SERIES / 2],
           ranges[9 * SERIES / 10]);
    T_CHECK(ranges[SERIES / 2] >= 0.7 && ranges[9 * SERIES / 10] >= 6);
}

/* One comparison as a sweep makes it: the band from the twin of the baseline,
 * then A against B over all rounds. */
static enum hrn_verdict trial(double factor, uint64_t *state)
{
    double drift[ROUNDS], a[ROUNDS], b[ROUNDS], twin[ROUNDS];
    struct hrn_comparison c;
    double mad = t_mad(state);
    t_drift(drift, ROUNDS, state);
    t_times(a, ROUNDS, 1e6 * factor, t_mad(state), drift, state);
    t_times(b, ROUNDS, 1e6, mad, drift, state);
    t_times(twin, ROUNDS, 1e6, mad, drift, state);
    double band = hrn_band(twin, b, ROUNDS, hrn_random(state), scratch);
    hrn_compare(a, b, ROUNDS, band, hrn_random(state), scratch, &c);
    return c.verdict;
}

static void test_pairs(void)
{
    enum { TRIALS = 1500 };
    uint64_t state = t_seed;
    double same[HRN_VERDICT_COUNT] = { 0 }, faster[HRN_VERDICT_COUNT] = { 0 };
    for (int i = 0; i < TRIALS; i++) {
        same[trial(1, &state)] += 100.0 / TRIALS;
        faster[trial(0.97, &state)] += 100.0 / TRIALS;
    }
    printf("A/A: 'faster' %.1f %%, 'slower' %.1f %%, tie %.1f %%; 3 %%: found %.1f %%, "
           "undecided %.1f %%, tie %.1f %%, 'slower' %.1f %%\n",
           same[HRN_FASTER], same[HRN_SLOWER], same[HRN_TIE], faster[HRN_FASTER],
           faster[HRN_UNDECIDED], faster[HRN_TIE], faster[HRN_SLOWER]);
    T_CHECK(same[HRN_FASTER] <= 5 && same[HRN_SLOWER] <= 5);
    T_CHECK(faster[HRN_FASTER] >= 90 && faster[HRN_SLOWER] == 0);
}

/* A tie set of ten: with the noise of one it would lose a member by chance ever so often. Nobody
 * may be called slower than an equal in more than 5 % of the families. */
static void test_families(void)
{
    enum { TRIALS = 200, VARIANTS = HRN_FINALISTS };
    static const char *const names[VARIANTS] = { "a", "b", "c", "d", "e", "f", "g", "h", "i", "j" };
    uint64_t state = t_seed + 1;
    double accused = 0;
    for (int i = 0; i < TRIALS; i++) {
        double drift[ROUNDS], times[VARIANTS][ROUNDS];
        struct hrn_candidate c[VARIANTS];
        t_drift(drift, ROUNDS, &state);
        for (size_t v = 0; v < VARIANTS; v++) {
            t_times(times[v], ROUNDS, 1e6, t_mad(&state), drift, &state);
            c[v] =
                (struct hrn_candidate) { .name = names[v], .time_ns = times[v], .rounds = ROUNDS };
        }
        accused += hrn_rank(c, VARIANTS, HRN_BAND_MIN, t_seed) < VARIANTS ? 100.0 / TRIALS : 0;
    }
    printf("families of %d equals in which somebody is called slower: %.1f %%\n", VARIANTS,
           accused);
    T_CHECK(accused <= 5);
}

/* A space as tiles make one: most variants within a factor of two, some far off. Two sweeps of it,
 * hours apart: each with its own drift and noise. */
static void test_stability(void)
{
    enum { VARIANTS = 300, SWEEPS = 2 };
    static double medians[SWEEPS][VARIANTS];
    uint64_t state = t_seed + 2;
    double centre[VARIANTS], times[ROUNDS], drift[ROUNDS];
    for (size_t v = 0; v < VARIANTS; v++)
        centre[v] = 1e5 * exp(0.3 * fabs(t_gaussian(&state)));
    for (size_t s = 0; s < SWEEPS; s++) {
        t_drift(drift, ROUNDS, &state);
        for (size_t v = 0; v < VARIANTS; v++) {
            struct hrn_summary summary;
            t_times(times, ROUNDS, centre[v], t_mad(&state), drift, &state);
            hrn_summarise(times, ROUNDS, scratch, &summary);
            medians[s][v] = summary.median;
        }
    }
    double r = hrn_spearman(medians[0], medians[1], VARIANTS, scratch);
    printf("two sweeps of %d variants: Spearman %.4f\n", VARIANTS, r);
    T_CHECK(r >= 0.95);
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    test_noise();
    test_pairs();
    test_families();
    test_stability();
    return t_end();
}
