/* A seeded choice of the space: the least that another strategy must beat. */
#include <errno.h>
#include <stdlib.h>

#include "harness/sweep/strategy_int.h"

#define BATCH 16 /* points of one question */

struct state {
    const struct hrn_strategy_input *in;
    size_t *order, taken;
};

static void end(void *state)
{
    struct state *s = state;
    if (s)
        free(s->order);
    free(s);
}

static int begin(const struct hrn_strategy_input *in, void **out)
{
    struct state *s = calloc(1, sizeof *s);
    uint64_t seed = in->seed;
    *out = s;
    if (!s || !(s->order = malloc((in->count + 1) * sizeof *s->order)))
        return -ENOMEM;
    s->in = in;
    hrn_shuffled(in, &seed, s->order);
    return 0;
}

static int next(void *state, struct hrn_ask *ask)
{
    struct state *s = state;
    size_t budget = hrn_budget(s->in);
    ask->count = 0;
    ask->rounds = s->in->rounds;
    while (ask->count < BATCH && s->taken < budget)
        hrn_ask_add(ask, s->order[s->taken++]);
    return 0;
}

const struct hrn_strategy hrn_strategy_random = {
    .name = "random",
    .meaning = "a seeded choice of the space",
    .begin = begin,
    .next = next,
    .end = end,
    .visits = hrn_visits_of_budget,
};
