/* The clock of benchmarks. Tests never ask what time it is. */
#ifndef QUERN_TESTS_T_CLOCK_H
#define QUERN_TESTS_T_CLOCK_H

#include <time.h>

static inline double t_clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double t_now_s(void)
{
    return t_clock_s(CLOCK_MONOTONIC);
}

#endif
