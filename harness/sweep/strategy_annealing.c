/* Simulated annealing: a few walks at once, from the best of the most promising points. Each steps
 * to a neighbour, one knob away: always if it is faster, else with a probability that falls with
 * the loss and with the share of the budget that is spent. The walks of one question share its
 * rounds.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "harness/sweep/strategy_int.h"

#define WALKS 4
#define HOT 0.20   /* a loss of so much is accepted one time in e, at the beginning */
#define COLD 0.005 /* and at the end */
#define TRIES 64   /* at a neighbour that is new, over known ground */

struct walk {
    size_t here, there; /* in->count = none */
};

struct state {
    const struct hrn_strategy_input *in;
    size_t *start, starts, next_start, *near, asked;
    struct walk walk[WALKS];
    uint64_t random;
};

static void end(void *state)
{
    struct state *s = state;
    if (s) {
        free(s->start);
        free(s->near);
    }
    free(s);
}

static int begin(const struct hrn_strategy_input *in, void **out)
{
    struct state *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return -ENOMEM;
    s->start = malloc((in->count + 1) * sizeof *s->start);
    s->near = malloc((in->count + 1) * sizeof *s->near);
    if (!s->start || !s->near)
        return -ENOMEM;
    s->in = in;
    s->random = in->seed;
    for (int w = 0; w < WALKS; w++)
        s->walk[w] = (struct walk) { in->count, in->count };
    return hrn_promising(in, s->start, &s->starts);
}

static double uniform(struct state *s)
{
    return (double)(hrn_random(&s->random) >> 11) / 9007199254740992.0;
}

static double temperature(const struct state *s)
{
    double spent = (double)s->asked / (double)hrn_budget(s->in);
    return HOT * pow(COLD / HOT, fmin(1, spent));
}

/* A random neighbour; in->count if there is none alive. */
static size_t neighbour(struct state *s, size_t here)
{
    const struct hrn_point *p = s->in->points;
    size_t n = 0;
    for (size_t i = 0; i < s->in->count; i++)
        if (!p[i].is_dead && hrn_only_knob(&p[i].variant, &p[here].variant) >= 0)
            s->near[n++] = i;
    return n ? s->near[hrn_random(&s->random) % n] : s->in->count;
}

static void decide(struct state *s, struct walk *w)
{
    const struct hrn_point *p = s->in->points;
    if (w->there == s->in->count)
        return;
    const struct hrn_point *to = &p[w->there], *from = w->here < s->in->count ? &p[w->here] : NULL;
    int may = !to->is_dead && to->rounds > 0;
    if (may && from && !from->is_dead && to->cost > from->cost)
        may = uniform(s) < exp(-log(to->cost / from->cost) / temperature(s));
    if (may)
        w->here = w->there;
    w->there = s->in->count;
}

static size_t take_start(struct state *s)
{
    while (s->next_start < s->in->count) {
        size_t i = s->start[s->next_start++];
        if (hrn_is_new(&s->in->points[i]))
            return i;
    }
    return s->in->count;
}

/* Walks over known ground for nothing, until something new is met; a walk that is stuck starts
 * anew. */
static void move(struct state *s, struct walk *w)
{
    for (int i = 0; i < TRIES && w->here < s->in->count; i++) {
        w->there = neighbour(s, w->here);
        if (w->there == s->in->count || hrn_is_new(&s->in->points[w->there]))
            break;
        decide(s, w);
    }
    if (w->there == s->in->count || !hrn_is_new(&s->in->points[w->there]))
        w->there = take_start(s);
}

/* All starts first; the walks begin at the best of them. */
static int ask_starts(struct state *s, struct hrn_ask *ask)
{
    for (; s->next_start < s->starts && s->asked < hrn_budget(s->in); s->next_start++, s->asked++)
        hrn_ask_add(ask, s->start[s->next_start]);
    return 0;
}

static void settle(struct state *s)
{
    const struct hrn_point *p = s->in->points;
    for (int w = 0; w < WALKS; w++) {
        size_t best = s->in->count;
        for (size_t i = 0; i < s->in->count; i++) {
            int is_taken = p[i].rounds == 0;
            for (int k = 0; k < w; k++)
                is_taken |= s->walk[k].here == i;
            if (!is_taken && (best == s->in->count || p[i].cost < p[best].cost))
                best = i;
        }
        s->walk[w].here = best;
    }
}

static int next(void *state, struct hrn_ask *ask)
{
    struct state *s = state;
    ask->count = 0;
    ask->rounds = s->in->rounds;
    if (s->asked == 0)
        return ask_starts(s, ask);
    if (s->walk[0].there == s->in->count && s->walk[0].here == s->in->count)
        settle(s);
    for (int w = 0; w < WALKS; w++)
        decide(s, &s->walk[w]);
    for (int w = 0; w < WALKS && s->asked < hrn_budget(s->in); w++) {
        size_t before = ask->count;
        move(s, &s->walk[w]);
        if (s->walk[w].there == s->in->count)
            continue;
        hrn_ask_add(ask, s->walk[w].there);
        s->asked += ask->count - before;
        if (s->walk[w].here < s->in->count)
            hrn_ask_add(ask, s->walk[w].here);
    }
    return 0;
}

const struct hrn_strategy hrn_strategy_annealing = {
    .name = "annealing",
    .meaning = "four walks from knob to knob, less and less willing to lose",
    .has_starts = 1,
    .begin = begin,
    .next = next,
    .end = end,
    .visits = hrn_visits_of_budget,
};
