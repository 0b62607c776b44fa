/* What the protocol of a sweep does to synthetic samples whose truth is known, under the noise of a
 * machine that is shared: how often equal things seem different, how often 3 % is found, whether
 * two sweeps of one space rank it alike.
 *
 * The noise is modelled on figures of a virtual machine (medians of 7 repetitions): MAD half of the
 * time below 0.1 %, one time in ten above 0.3 %; the range of the seven above 0.7 % half of the
 * time, above 6 % one time in ten. So: per variant a MAD from a log-normal distribution, one-sided
 * outliers with a heavy tail, and on top a drift that all variants of a round share but for the
 * time that passes within the round. */
#include "harness/sweep/verdict.h"

#include <math.h>
#include <stdlib.h>

#include "tests/t.h"

enum { SCREEN = 3, FINAL = 12, ROUNDS = SCREEN + FINAL }; /* the defaults of a sweep */

static double scratch[HRN_RESAMPLES + 8 * 600];

static double uniform(uint64_t *state) /* (0, 1) */
{
    return ((double)(hrn_random(state) >> 12) + 0.5) / 4503599627370496.0;
}

static double gaussian(uint64_t *state)
{
    double radius = sqrt(-2 * log(uniform(state)));
    return radius * cos(6.283185307179586 * uniform(state));
}

/* What the machine does to everybody: a slow trend, steps, a random walk. */
static void make_drift(double *log_speed, size_t rounds, uint64_t *state)
{
    double trend = 0.01 * gaussian(state) / (double)rounds, level = 0;
    for (size_t r = 0; r < rounds; r++) {
        level += trend + 0.001 * gaussian(state);
        if (uniform(state) < 0.01)
            level += 0.03 * gaussian(state); /* a neighbour comes or goes */
        log_speed[r] = level;
    }
}

static double make_mad(uint64_t *state)
{
    return 0.001 * exp(0.857 * gaussian(state)); /* median 0.1 %, 90 % below 0.3 % */
}

/* One variant: `centre`, its MAD, in the drift. Outliers: 4 % of samples, 3 % and up, the tail a
 * power law, so that one series of seven in ten has one of 6 %. */
static void make_times(double *out, size_t rounds, double centre, double mad, const double *drift,
                       uint64_t *state)
{
    for (size_t r = 0; r < rounds; r++) {
        double next = drift[r + 1 < rounds ? r + 1 : r];
        double place = uniform(state); /* when within the round it was visited */
        double log_time = (1 - place) * drift[r] + place * next + gaussian(state) * mad / 0.6745;
        if (uniform(state) < 0.04)
            log_time += 0.03 * pow(uniform(state), -0.7);
        out[r] = centre * exp(log_time);
    }
}

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
        make_drift(drift, REPEATS, &state);
        make_times(times, REPEATS, 1e6, make_mad(&state), drift, &state);
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
    double mad = make_mad(state);
    make_drift(drift, ROUNDS, state);
    make_times(a, ROUNDS, 1e6 * factor, make_mad(state), drift, state);
    make_times(b, ROUNDS, 1e6, mad, drift, state);
    make_times(twin, ROUNDS, 1e6, mad, drift, state);
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
        make_drift(drift, ROUNDS, &state);
        for (size_t v = 0; v < VARIANTS; v++) {
            make_times(times[v], ROUNDS, 1e6, make_mad(&state), drift, &state);
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
        centre[v] = 1e5 * exp(0.3 * fabs(gaussian(&state)));
    for (size_t s = 0; s < SWEEPS; s++) {
        make_drift(drift, ROUNDS, &state);
        for (size_t v = 0; v < VARIANTS; v++) {
            struct hrn_summary summary;
            make_times(times, ROUNDS, centre[v], make_mad(&state), drift, &state);
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
