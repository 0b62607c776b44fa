/* Everything, as often as a finalist: the truth that other strategies are held against. */
#include <errno.h>
#include <stdlib.h>

#include "harness/sweep/strategy_int.h"

struct state {
    const struct hrn_strategy_input *in;
    int asked;
};

static int begin(const struct hrn_strategy_input *in, void **out)
{
    struct state *s = calloc(1, sizeof *s);
    if (s)
        s->in = in;
    *out = s;
    return s ? 0 : -ENOMEM;
}

static int next(void *state, struct hrn_ask *ask)
{
    struct state *s = state;
    size_t limit = s->in->max_evals ? s->in->max_evals : s->in->count;
    ask->count = 0;
    ask->rounds = s->in->rounds;
    if (s->asked)
        return 0;
    s->asked = 1;
    int rc = hrn_promising(s->in, ask->index, NULL);
    ask->count = rc ? 0 : limit < s->in->count ? limit : s->in->count;
    return rc;
}

static double visits(const struct hrn_strategy_input *in)
{
    return (double)(in->max_evals ? in->max_evals : in->count) * in->rounds;
}

const struct hrn_strategy hrn_strategy_exhaustive = {
    .name = "exhaustive",
    .meaning = "every variant gets all rounds",
    .all_finalists = 1,
    .begin = begin,
    .next = next,
    .end = free,
    .visits = visits,
};
