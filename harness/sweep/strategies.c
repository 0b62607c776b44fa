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

enum group { DEFAULT, PRIOR, FAMILY, REST };

struct place {
    size_t index, shuffled;
    enum group group;
    double key;
};

static int by_promise(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    if (x->group != y->group)
        return (int)x->group - (int)y->group;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->shuffled < y->shuffled ? -1 : x->shuffled > y->shuffled;
}

static struct place place_of(const struct hrn_strategy_input *in, size_t index, size_t shuffled)
{
    const struct hrn_point *p = &in->points[index];
    struct place out = { index, shuffled, REST, isnan(p->predicted) ? INFINITY : p->predicted };
    if (p->is_default)
        out.group = DEFAULT, out.key = (double)index;
    else if (p->prior)
        out.group = PRIOR, out.key = p->prior;
    return out;
}

/* Of sorted places: the first of each level and family that has nobody before the rest. */
static void choose_families(const struct hrn_strategy_input *in, struct place *places)
{
    uint8_t has[KRN_ISA_COUNT][KRN_FAMILY_COUNT] = { { 0 } };
    for (size_t i = 0; i < in->count; i++) {
        const struct hrn_point *p = &in->points[places[i].index];
        if (places[i].group == REST && !p->is_dead && !has[p->variant.isa][p->variant.family])
            places[i].group = FAMILY;
        has[p->variant.isa][p->variant.family] |= !p->is_dead;
    }
}

int hrn_promising(const struct hrn_strategy_input *in, size_t *index, size_t *starts)
{
    struct place *places = calloc(in->count + 1, sizeof *places);
    uint64_t state = in->seed;
    size_t rest = 0;
    if (!places)
        return -ENOMEM;
    hrn_shuffled(in, &state, index);
    for (size_t i = 0; i < in->count; i++)
        places[i] = place_of(in, index[i], i);
    qsort(places, in->count, sizeof *places, by_promise);
    choose_families(in, places);
    qsort(places, in->count, sizeof *places, by_promise);
    for (size_t i = 0; i < in->count; i++) {
        index[i] = places[i].index;
        rest += places[i].group == REST;
    }
    if (starts)
        *starts = in->count - rest;
    free(places);
    return 0;
}
