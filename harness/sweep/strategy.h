/* Search strategies: which variants of a layer are worth timing next. One interface, one file each,
 * one row each in hrn_strategies[].
 *
 * A strategy is a function of what it was given at begin() and of the costs of the points: it
 * measures nothing, knows no clock and draws nothing but from its seed. So the same samples lead to
 * the same questions: an interrupted sweep goes on where it was, and a stored sweep can be searched
 * again offline (search.h asks, and answers). */
#ifndef QUERN_HARNESS_STRATEGY_H
#define QUERN_HARNESS_STRATEGY_H

#include "variants/variant.h"

/* One variant of the layer. */
struct hrn_point {
    struct var_variant variant;
    double predicted; /* by a static model: smaller is better, in any unit; NAN = none */
    int prior;        /* place among the winners of similar problems, from 1; 0 = none of them */
    int is_default;   /* the plain choice of its level; points[0] is the baseline */
    int is_dead;      /* refused, wrong or crashed: it has no time */
    int rounds;       /* in which it was timed */
    double cost;      /* ns per call, the drift of the machine taken out; NAN = not timed */
};

struct hrn_strategy_input {
    const struct hrn_point *points; /* updated between calls of next() */
    size_t count;
    int rounds;       /* that a point deserves before it is compared: the screening rounds */
    size_t finalists; /* so many of the best will be timed again, in fresh processes */
    size_t max_evals; /* points to time at most; 0 = the strategy's own choice */
    double band;      /* relative: costs closer than this are not told apart */
    uint64_t seed;
};

/* A question. The baseline is timed with every question: it need not be in it. */
struct hrn_ask {
    size_t *index; /* the caller's, room for every point */
    size_t count;
    int rounds;
};

struct hrn_strategy {
    const char *name, *meaning;
    int all_finalists; /* everybody gets the final rounds, not the best alone */
    int needs_model;   /* useless without `predicted` */
    int has_starts;    /* begins at the most promising points: `prior` matters without a budget */
    /* 0 and *state, which end() frees; -ENOMEM. `input` stays the caller's, valid until end(). */
    int (*begin)(const struct hrn_strategy_input *input, void **state);
    /* The next question; ask->count 0 = there is none. 0 or -ENOMEM. */
    int (*next)(void *state, struct hrn_ask *ask);
    void (*end)(void *state);
    /* Visits (one variant in one round) that `count` points will take, about. */
    double (*visits)(const struct hrn_strategy_input *input);
};
extern const struct hrn_strategy *const hrn_strategies[];
extern const size_t hrn_strategy_count;
const struct hrn_strategy *hrn_strategy_find(const char *name); /* NULL = unknown */
#define HRN_STRATEGY_DEFAULT "racing"

#endif
