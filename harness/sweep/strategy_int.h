/* What strategies share: order, neighbourhood, counting. */
#ifndef QUERN_HARNESS_STRATEGY_INT_H
#define QUERN_HARNESS_STRATEGY_INT_H

#include "harness/sweep/stats.h"
#include "harness/sweep/strategy.h"

/* The points to time if not all can be: the defaults, the winners of similar problems from the
 * nearest on, one of each family that is not among those (no step of a knob leads from one family
 * into another), those that a model likes best, the others in a seeded order. index[count];
 * *starts, which may be NULL: how many are of the first three kinds. 0 or -ENOMEM. */
int hrn_promising(const struct hrn_strategy_input *in, size_t *index, size_t *starts);
/* A seeded order of all points: index[count]. */
void hrn_shuffled(const struct hrn_strategy_input *in, uint64_t *state, size_t *index);

/* Points to time in all: max_evals, or a share of the space but at least a few dozen. */
size_t hrn_budget(const struct hrn_strategy_input *in);
size_t hrn_timed_count(const struct hrn_strategy_input *in);
/* Neither timed nor dead. */
int hrn_is_new(const struct hrn_point *p);
/* The lowest cost; in->count without any. */
size_t hrn_lowest(const struct hrn_strategy_input *in);
/* Adds a point to a question if it is not in it. */
void hrn_ask_add(struct hrn_ask *ask, size_t index);

/* The first knob in which they differ, if it is the only one and level and family are the same;
 * else -1. */
int hrn_only_knob(const struct var_variant *a, const struct var_variant *b);

/* Visits of a strategy that times its budget, each for the screening rounds. */
double hrn_visits_of_budget(const struct hrn_strategy_input *in);

extern const struct hrn_strategy hrn_strategy_exhaustive, hrn_strategy_random, hrn_strategy_racing,
    hrn_strategy_descent, hrn_strategy_annealing, hrn_strategy_surrogate, hrn_strategy_pruned;

#endif
