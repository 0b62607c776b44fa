/* The table of strategies, and what they share. */
#include "harness/sweep/strategy.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/strategy_int.h"

#define BUDGET_SHARE 5 /* of the space, one part */
#define BUDGET_MIN 40

const struct hrn_strategy *const hrn_strategies[] = {
    &hrn_strategy_racing,    &hrn_strategy_exhaustive, &hrn_strategy_random, &hrn_strategy_descent,
    &hrn_strategy_annealing, &hrn_strategy_surrogate,  &hrn_strategy_pruned,
};
const size_t hrn_strategy_count = sizeof hrn_strategies / sizeof *hrn_strategies;

const struct hrn_strategy *hrn_strategy_find(const char *name)
{
    for (size_t i = 0; i < hrn_strategy_count; i++)
        if (!strcmp(hrn_strategies[i]->name, name))
            return hrn_strategies[i];
    return NULL;
}

int hrn_is_new(const struct hrn_point *p)
{
    return !p->is_dead && p->rounds == 0;
}

size_t hrn_timed_count(const struct hrn_strategy_input *in)
{
    size_t n = 0;
    for (size_t i = 0; i < in->count; i++)
        n += in->points[i].rounds > 0;
    return n;
}

size_t hrn_budget(const struct hrn_strategy_input *in)
{
    size_t share = in->count / BUDGET_SHARE;
    size_t budget = in->max_evals ? in->max_evals : share > BUDGET_MIN ? share : BUDGET_MIN;
    return budget < in->count ? budget : in->count;
}

double hrn_visits_of_budget(const struct hrn_strategy_input *in)
{
    return (double)hrn_budget(in) * in->rounds;
}

size_t hrn_lowest(const struct hrn_strategy_input *in)
{
    size_t best = in->count;
    for (size_t i = 0; i < in->count; i++)
        if (in->points[i].rounds > 0 &&
            (best == in->count || in->points[i].cost < in->points[best].cost))
            best = i;
    return best;
}

void hrn_ask_add(struct hrn_ask *ask, size_t index)
{
    for (size_t i = 0; i < ask->count; i++)
        if (ask->index[i] == index)
            return;
    ask->index[ask->count++] = index;
}

int hrn_only_knob(const struct var_variant *a, const struct var_variant *b)
{
    int knob = -1;
    if (a->isa != b->isa || a->family != b->family)
        return -1;
    for (int k = 0; k < VAR_KNOB_COUNT; k++) {
        if (a->knob[k] == b->knob[k])
            continue;
        if (knob >= 0)
            return -1;
        knob = k;
    }
    return knob;
}

/* ---- orders */

void hrn_shuffled(const struct hrn_strategy_input *in, uint64_t *state, size_t *index)
{
    for (size_t i = 0; i < in->count; i++) {
        size_t j = hrn_random(state) % (i + 1);
        index[i] = index[j];
        index[j] = i;
    }
}

struct place {
    size_t index, shuffled;
    int group; /* default, prior, the rest */
    double key;
};

static int by_promise(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->group != y->group)
        return x->group - y->group;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->shuffled < y->shuffled ? -1 : x->shuffled > y->shuffled;
}

int hrn_promising(const struct hrn_strategy_input *in, size_t *index)
{
    struct place *places = calloc(in->count + 1, sizeof *places);
    uint64_t state = in->seed;
    if (!places)
        return -ENOMEM;
    hrn_shuffled(in, &state, index);
    for (size_t i = 0; i < in->count; i++) {
        const struct hrn_point *p = &in->points[index[i]];
        places[i] = (struct place) {
            .index = index[i],
            .shuffled = i,
            .group = p->is_default ? 0
                     : p->prior    ? 1
                                   : 2,
            .key = p->is_default         ? (double)index[i]
                   : p->prior            ? p->prior
                   : isnan(p->predicted) ? INFINITY
                                         : p->predicted,
        };
    }
    qsort(places, in->count, sizeof *places, by_promise);
    for (size_t i = 0; i < in->count; i++)
        index[i] = places[i].index;
    free(places);
    return 0;
}
