/* Who wins a problem: a pure function of the samples. Used by reports, exports and the pipeline,
 * so that all of them always name the same winner.
 *
 * The winner is the best of the tie set by a fixed order: least code, fewest callee-saved
 * registers, least workspace, name. So the same database always gives the same winner, and of
 * equals the one that is the cheapest to have. See stats.h for how two variants are compared. */
#ifndef QUERN_HARNESS_VERDICT_H
#define QUERN_HARNESS_VERDICT_H

#include "harness/sweep/stats.h"

/* How many of the lowest medians are compared by bootstrap and can be in the tie set: of a thousand
 * variants some would seem to tie by chance. */
#define HRN_FINALISTS 10

/* Rounds in which a variant needs a sample to win, however many others have. */
#define HRN_ROUNDS_ENOUGH 8

/* What a variant costs besides time. HRN_COST_UNKNOWN counts as more than any number. */
#define HRN_COST_UNKNOWN (-1)
struct hrn_cost {
    int64_t code_bytes, callee_saved, workspace_bytes;
};

/* Times of one variant, paired with the others' by round. */
struct hrn_candidate {
    const char *name;      /* borrowed */
    const double *time_ns; /* per call, [rounds]; NAN where the round has no sample */
    size_t rounds;
    struct hrn_cost cost;
    struct hrn_summary summary; /* filled */
    /* Filled: this against the candidate of the lowest median. Of one that is no finalist: ratio of
     * the medians, low and high NAN, slower if the ratio is beyond the band, else undecided. */
    struct hrn_comparison against_best;
};

/* The fixed order: < 0 if x comes before y. */
int hrn_cost_order(const struct hrn_cost *x, const struct hrn_cost *y);

/* Ranks `candidates` in place, best first: the tie set (tie or undecided against the best) in the
 * fixed order, but of it first those whose median ratio is within the band, and at its very front
 * the first that no other of it beats, paired by round; then the others by median, then by name;
 * without a sample: last. band as in stats.h. A finalist has samples in at least half as many
 * rounds as the one with most, or in HRN_ROUNDS_ENOUGH: what a search dropped after a few rounds
 * cannot win by a lucky one, and what it looked at again and again sets no bar for the others.
 * A finalist that is faster than the one of the lowest median, paired by round, takes its place as
 * the best. That a finalist is slower than the best is one of several questions asked at once: it
 * must hold after Holm's adjustment, or the finalist is undecided. Returns the number in the tie
 * set (0 only where no candidate has a sample), -ENOMEM. */
long hrn_rank(struct hrn_candidate *candidates, size_t count, double band, uint64_t seed);

#endif
