/* Where the time of a sweep went. What is neither a timed sample nor the warm-up before one is what
 * the sweep costs beside its work. */
#ifndef QUERN_HARNESS_SPENT_H
#define QUERN_HARNESS_SPENT_H

#include <stddef.h>

#include "harness/record.h"

struct hrn_spent { /* zero-initialise */
    double all_s;  /* from the first call to the last, on this machine's clock */
    double build_s, prove_s, peak_s;
    double sample_s, warmup_s; /* as the device says; samples are those that count */
    double void_s;             /* samples that were void */
};

/* A sample, its warm-up and the empty calls that were subtracted from it. */
void hrn_spent_sample(struct hrn_spent *spent, const struct hrn_sample *sample);
/* "7.1 s: samples 34 %, warm-up 28 %, proofs 19 %, ..." */
void hrn_spent_format(const struct hrn_spent *spent, char *out, size_t bytes);

#endif
