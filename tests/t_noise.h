/* The noise of a machine that is shared, for tests of statistics and searches, from a seed.
 *
 * Modelled on figures of a virtual machine (medians of 7 repetitions): MAD half of the time below
 * 0.1 %, one time in ten above 0.3 %; the range of the seven above 0.7 % half of the time, above 6
 * % one time in ten. So: per variant a MAD from a log-normal distribution, one-sided outliers with
 * a heavy tail, and on top a drift that all variants of a round share but for the time that passes
 * within the round. */
#ifndef QUERN_TESTS_T_NOISE_H
#define QUERN_TESTS_T_NOISE_H

#include <math.h>

#include "harness/sweep/stats.h"
#include "tests/t.h"

static inline double t_uniform(uint64_t *state) /* (0, 1) */
{
    return ((double)(hrn_random(state) >> 12) + 0.5) / 4503599627370496.0;
}

static inline double t_gaussian(uint64_t *state)
{
    double radius = sqrt(-2 * log(t_uniform(state)));
    return radius * cos(6.283185307179586 * t_uniform(state));
}

/* What the machine does to everybody: a slow trend, steps, a random walk. */
static inline void t_drift(double *log_speed, size_t rounds, uint64_t *state)
{
    double trend = 0.01 * t_gaussian(state) / (double)rounds, level = 0;
    for (size_t r = 0; r < rounds; r++) {
        level += trend + 0.001 * t_gaussian(state);
        if (t_uniform(state) < 0.01)
            level += 0.03 * t_gaussian(state); /* a neighbour comes or goes */
        log_speed[r] = level;
    }
}

static inline double t_mad(uint64_t *state)
{
    return 0.001 * exp(0.857 * t_gaussian(state)); /* median 0.1 %, 90 % below 0.3 % */
}

/* One variant: `centre`, its MAD, in the drift. Outliers: 4 % of samples, 3 % and up, the tail a
 * power law, so that one series of seven in ten has one of 6 %. */
static inline void t_times(double *out, size_t rounds, double centre, double mad,
                           const double *drift, uint64_t *state)
{
    for (size_t r = 0; r < rounds; r++) {
        double next = drift[r + 1 < rounds ? r + 1 : r];
        double place = t_uniform(state); /* when within the round it was visited */
        double log_time = (1 - place) * drift[r] + place * next + t_gaussian(state) * mad / 0.6745;
        if (t_uniform(state) < 0.04)
            log_time += 0.03 * pow(t_uniform(state), -0.7);
        out[r] = centre * exp(log_time);
    }
}

#endif
