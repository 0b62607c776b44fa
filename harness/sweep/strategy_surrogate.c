/* A surrogate: a forest learns the logarithm of the cost from the knobs, and what is timed next is
 * what may be better than the best by most, on the average of what the forest thinks possible
 * (expected improvement; Jones, Schonlau and Welch 1998). Ends when that is a small part of the
 * noise band, or with the budget. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "harness/sweep/forest.h"
#include "harness/sweep/strategy_int.h"

#define FIRST 16    /* the starts, or half of this of the most promising, and half of random ones */
#define BATCH 8     /* points of one question: the forest is asked again in between */
#define ENOUGH 0.05 /* of the noise band: an expected improvement not worth a question */
#define DOUBT_MIN 0.03 /* least standard deviation: trees may agree by chance */

enum { FEATURES = 5 + 2 * VAR_KNOB_COUNT };

struct state {
    const struct hrn_strategy_input *in;
    double *features; /* [count][FEATURES] */
    double *x, *y;    /* of those that were timed */
    size_t *order, starts;
    double *gain;
    size_t asked;
    uint64_t random;
    struct hrn_forest forest;
};

static void end(void *state)
{
    struct state *s = state;
    if (!s)
        return;
    hrn_forest_clear(&s->forest);
    free(s->features);
    free(s->x);
    free(s->y);
    free(s->order);
    free(s->gain);
    free(s);
}

/* Knobs as they are and as logarithms: trees split either. What a tile does to the registers is
 * its area; and the model's word, where there is one. */
static void describe(const struct hrn_point *p, double *x)
{
    const struct var_variant *v = &p->variant;
    double mr = v->knob[VAR_KNOB_MR], nr = v->knob[VAR_KNOB_NR];
    *x++ = v->isa;
    *x++ = v->family;
    *x++ = mr * nr;
    *x++ = mr + nr / 8; /* loads per step, more or less */
    *x++ = isnan(p->predicted) ? 0 : p->predicted;
    for (int k = 0; k < VAR_KNOB_COUNT; k++) {
        *x++ = v->knob[k];
        *x++ = v->knob[k] % 2; /* odd tiles leave other tails */
    }
}

static int begin(const struct hrn_strategy_input *in, void **out)
{
    struct state *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return -ENOMEM;
    s->in = in;
    s->random = in->seed;
    s->features = calloc(in->count + 1, FEATURES * sizeof *s->features);
    s->x = calloc(in->count + 1, FEATURES * sizeof *s->x);
    s->y = calloc(in->count + 1, sizeof *s->y);
    s->gain = calloc(in->count + 1, sizeof *s->gain);
    s->order = calloc(in->count + 1, sizeof *s->order);
    if (!s->features || !s->x || !s->y || !s->gain || !s->order)
        return -ENOMEM;
    for (size_t i = 0; i < in->count; i++)
        describe(&in->points[i], &s->features[i * FEATURES]);
    return hrn_promising(in, s->order, &s->starts);
}

static void ask_new(struct state *s, struct hrn_ask *ask, size_t index)
{
    size_t before = ask->count;
    if (s->asked >= hrn_budget(s->in) || !hrn_is_new(&s->in->points[index]))
        return;
    hrn_ask_add(ask, index);
    s->asked += ask->count - before;
}

static void ask_first(struct state *s, struct hrn_ask *ask)
{
    size_t first = s->starts > FIRST / 2 ? s->starts : FIRST / 2;
    for (size_t i = 0; i < s->in->count && ask->count < first; i++)
        ask_new(s, ask, s->order[i]);
    for (int tries = 0; tries < 8 * FIRST && ask->count < first + FIRST / 2; tries++)
        ask_new(s, ask, hrn_random(&s->random) % s->in->count);
}

static int learn(struct state *s)
{
    size_t rows = 0;
    for (size_t i = 0; i < s->in->count; i++) {
        if (s->in->points[i].rounds == 0)
            continue;
        for (size_t k = 0; k < FEATURES; k++)
            s->x[rows * FEATURES + k] = s->features[i * FEATURES + k];
        s->y[rows++] = log(s->in->points[i].cost);
    }
    return hrn_forest_fit(&s->forest, s->x, s->y, rows, FEATURES, s->in->seed + rows);
}

/* Of a normal distribution below `best`. */
static double expected_improvement(double best, double mean, double deviation)
{
    double z = (best - mean) / deviation;
    double density = exp(-z * z / 2) / 2.5066282746310002;
    return deviation * (z * erfc(-z / sqrt(2)) / 2 + density);
}

/* The best few of the new ones, by gain. */
static void ask_gainers(struct state *s, struct hrn_ask *ask, double best)
{
    for (size_t i = 0; i < s->in->count; i++) {
        double mean, deviation;
        s->gain[i] = -1;
        if (!hrn_is_new(&s->in->points[i]))
            continue;
        hrn_forest_predict(&s->forest, &s->features[i * FEATURES], &mean, &deviation);
        s->gain[i] = expected_improvement(best, mean, fmax(deviation, DOUBT_MIN));
    }
    while (ask->count < BATCH) {
        size_t top = 0;
        for (size_t i = 1; i < s->in->count; i++)
            if (s->gain[i] > s->gain[top])
                top = i;
        if (s->gain[top] < ENOUGH * s->in->band || s->asked >= hrn_budget(s->in))
            break;
        ask_new(s, ask, top);
        s->gain[top] = -1;
    }
}

static int next(void *state, struct hrn_ask *ask)
{
    struct state *s = state;
    ask->count = 0;
    ask->rounds = s->in->rounds;
    size_t best = hrn_lowest(s->in);
    if (s->asked == 0) {
        ask_first(s, ask);
        return 0;
    }
    if (best == s->in->count || s->asked >= hrn_budget(s->in))
        return 0;
    int rc = learn(s);
    if (rc)
        return rc;
    ask_gainers(s, ask, log(s->in->points[best].cost));
    if (ask->count)
        hrn_ask_add(ask, best);
    return 0;
}

const struct hrn_strategy hrn_strategy_surrogate = {
    .name = "surrogate",
    .meaning = "a random forest learns the cost from the knobs, and what may gain most is timed "
               "next",
    .has_starts = 1,
    .begin = begin,
    .next = next,
    .end = end,
    .visits = hrn_visits_of_budget,
};
