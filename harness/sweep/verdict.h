/* Who wins a problem: a pure function of the samples. Used by reports, exports and the pipeline, so that
 * all of them always name the same winner.
 *
 * The winner is the best of the tie set by a fixed order: name after time. See
 * stats.h for how two variants are compared. */
#ifndef QUERN_HARNESS_VERDICT_H
#define QUERN_HARNESS_VERDICT_H

#include "harness/sweep/stats.h"

/* Times of one variant, paired with the others' by round. */
struct hrn_candidate {
    const char *name;        /* borrowed */
    const double *time_ns;   /* per call, [rounds]; NAN where the round has no sample */
    size_t rounds;
    struct hrn_summary summary;        /* filled */
    struct hrn_comparison against_best;/* filled: this against the candidate of the lowest median */
};

/* Ranks `candidates` in place, best first: by median among those not yet tied, then the tie set (tie
 * or undecided against the best) by name. band as in stats.h. Returns the number in the tie set (0 only for count 0), -ENOMEM. */
long hrn_rank(struct hrn_candidate *candidates, size_t count, double band, uint64_t seed);

#endif
