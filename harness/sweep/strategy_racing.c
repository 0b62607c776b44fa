/* Racing, by successive halving: everybody one round; after each round the slower half leaves, and
 * whoever takes more than twice the time of the best. One round tells a factor of two from noise
 * easily, and halves from each other well enough: who is left after the last round is timed again,
 * often, by the driver. The defaults stay, so that all can be compared with them.
 *
 * The same race among those that a static model likes best is the strategy "pruned". */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "harness/sweep/strategy_int.h"

#define KILL_RATIO 2.0
#define KEPT_MIN 2     /* times the finalists: halving stops there */
#define PRUNED_SHARE 5 /* of the space, one part takes part after pruning */

struct state {
    const struct hrn_strategy_input *in;
    size_t entrants; /* of the most promising */
    size_t *runner, count;
    int round;
};

static void end(void *state)
{
    struct state *s = state;
    if (s)
        free(s->runner);
    free(s);
}

static int begin_with(const struct hrn_strategy_input *in, size_t entrants, void **out)
{
    struct state *s = calloc(1, sizeof *s);
    *out = s;
    if (!s || !(s->runner = malloc((in->count + 1) * sizeof *s->runner)))
        return -ENOMEM;
    s->in = in;
    if (in->max_evals && in->max_evals < entrants)
        entrants = in->max_evals;
    s->count = entrants < in->count ? entrants : in->count;
    return hrn_promising(in, s->runner, NULL);
}

static int begin(const struct hrn_strategy_input *in, void **out)
{
    return begin_with(in, in->count, out);
}

static size_t pruned_count(const struct hrn_strategy_input *in)
{
    size_t least = 2 * KEPT_MIN * in->finalists, share = in->count / PRUNED_SHARE;
    return share > least ? share : least;
}

static int begin_pruned(const struct hrn_strategy_input *in, void **out)
{
    return begin_with(in, pruned_count(in), out);
}

static double cost(const struct state *s, size_t i)
{
    const struct hrn_point *p = &s->in->points[s->runner[i]];
    return p->is_dead || p->rounds == 0 ? INFINITY : p->cost;
}

/* Insertion keeps equal ones in order, so the sort hangs on nothing but the costs. */
static void sort_by_cost(struct state *s)
{
    for (size_t i = 1; i < s->count; i++) {
        size_t moving = s->runner[i], j = i;
        double moving_cost = cost(s, i);
        for (; j > 0 && cost(s, j - 1) > moving_cost; j--)
            s->runner[j] = s->runner[j - 1];
        s->runner[j] = moving;
    }
}

static void halve(struct state *s)
{
    size_t half = (s->count + 1) / 2, least = KEPT_MIN * s->in->finalists, kept = 0;
    half = half > least ? half : least;
    sort_by_cost(s);
    double best = s->count ? cost(s, 0) : INFINITY;
    for (size_t i = 0; i < s->count; i++) {
        double c = cost(s, i);
        int is_default = s->in->points[s->runner[i]].is_default;
        if (isfinite(c) && (is_default || (i < half && c <= KILL_RATIO * best)))
            s->runner[kept++] = s->runner[i];
    }
    s->count = kept;
}

static int next(void *state, struct hrn_ask *ask)
{
    struct state *s = state;
    ask->count = 0;
    ask->rounds = 1;
    if (s->round > 0)
        halve(s);
    if (s->round++ < s->in->rounds)
        for (size_t i = 0; i < s->count; i++)
            ask->index[ask->count++] = s->runner[i];
    return 0;
}

static double visits_of(const struct hrn_strategy_input *in, size_t entrants)
{
    double all = 0,
           left = (double)(in->max_evals && in->max_evals < entrants ? in->max_evals : entrants);
    for (int r = 0; r < in->rounds; r++, left /= 2)
        all += fmax(left, (double)(KEPT_MIN * in->finalists));
    return fmin(all, (double)in->count * in->rounds);
}

static double visits(const struct hrn_strategy_input *in)
{
    return visits_of(in, in->count);
}

static double visits_pruned(const struct hrn_strategy_input *in)
{
    return visits_of(in, pruned_count(in));
}

const struct hrn_strategy hrn_strategy_racing = {
    .name = "racing",
    .meaning = "every variant once, then the faster half again, and again, without those above "
               "twice the best",
    .begin = begin,
    .next = next,
    .end = end,
    .visits = visits,
};

const struct hrn_strategy hrn_strategy_pruned = {
    .name = "pruned",
    .meaning = "the same race among the fifth of the space that a static model predicts to be "
               "fastest",
    .needs_model = 1,
    .begin = begin_pruned,
    .next = next,
    .end = end,
    .visits = visits_pruned,
};
