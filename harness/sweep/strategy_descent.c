/* Coordinate descent: from the best of the most promising points, all values of one knob at a time,
 * the others held; on to the best of them; when no knob helps any more, again from another point,
 * the next in the order of promise. */
#include <errno.h>
#include <stdlib.h>

#include "harness/sweep/strategy_int.h"

struct state {
    const struct hrn_strategy_input *in;
    size_t *start, starts, next_start;    /* most promising first */
    size_t here;                          /* in->count = none */
    int knob_order[VAR_KNOB_COUNT], knob; /* how many knobs of the order were tried from here */
    size_t asked;                         /* questions of new points so far, in points */
    uint64_t random;
};

static void end(void *state)
{
    struct state *s = state;
    if (s)
        free(s->start);
    free(s);
}

static int begin(const struct hrn_strategy_input *in, void **out)
{
    struct state *s = calloc(1, sizeof *s);
    *out = s;
    if (!s || !(s->start = malloc((in->count + 1) * sizeof *s->start)))
        return -ENOMEM;
    s->in = in;
    s->here = in->count;
    s->random = in->seed;
    return hrn_promising(in, s->start, &s->starts);
}

static void shuffle_knobs(struct state *s)
{
    for (int i = 0; i < VAR_KNOB_COUNT; i++) {
        int j = (int)(hrn_random(&s->random) % (uint64_t)(i + 1));
        s->knob_order[i] = s->knob_order[j];
        s->knob_order[j] = i;
    }
    s->knob = 0;
}

/* The next start that is new; in->count at the end. */
static size_t take_start(struct state *s)
{
    while (s->next_start < s->in->count) {
        size_t i = s->start[s->next_start++];
        if (hrn_is_new(&s->in->points[i]))
            return i;
    }
    return s->in->count;
}

/* All values of one knob, seen from here: the new ones are asked, the known ones compete. */
static void ask_knob(struct state *s, int knob, struct hrn_ask *ask)
{
    const struct hrn_point *p = s->in->points;
    size_t budget = hrn_budget(s->in);
    for (size_t i = 0; i < s->in->count && s->asked < budget; i++)
        if (hrn_is_new(&p[i]) && hrn_only_knob(&p[i].variant, &p[s->here].variant) == knob) {
            hrn_ask_add(ask, i);
            s->asked++;
        }
    if (ask->count)
        hrn_ask_add(ask, s->here); /* in the same rounds, so that they pair */
}

/* The best that differs from here in at most the knob. */
static size_t best_along(const struct state *s, int knob)
{
    const struct hrn_point *p = s->in->points;
    size_t best = s->here;
    for (size_t i = 0; i < s->in->count; i++)
        if (p[i].rounds > 0 && p[i].cost < p[best].cost &&
            hrn_only_knob(&p[i].variant, &p[s->here].variant) == knob)
            best = i;
    return best;
}

/* After an answer: on to the best of the knob that was asked last. A step begins a new tour. */
static void step(struct state *s)
{
    size_t to;
    if (s->here == s->in->count || s->knob == 0)
        return;
    to = best_along(s, s->knob_order[s->knob - 1]);
    if (to == s->here)
        return;
    s->here = to;
    shuffle_knobs(s);
}

static void begin_at(struct state *s, size_t start, struct hrn_ask *ask)
{
    s->here = start;
    shuffle_knobs(s);
    hrn_ask_add(ask, start);
    s->asked++;
}

static int ask_starts(struct state *s, struct hrn_ask *ask)
{
    for (; s->next_start < s->starts && s->asked < hrn_budget(s->in); s->next_start++, s->asked++)
        hrn_ask_add(ask, s->start[s->next_start]);
    return 0;
}

static int next(void *state, struct hrn_ask *ask)
{
    struct state *s = state;
    ask->count = 0;
    ask->rounds = s->in->rounds;
    if (s->asked == 0)
        return ask_starts(s, ask);
    if (s->here == s->in->count && (s->here = hrn_lowest(s->in)) < s->in->count)
        shuffle_knobs(s);
    step(s);
    while (!ask->count && s->asked < hrn_budget(s->in)) {
        int is_lost = s->here == s->in->count || s->in->points[s->here].is_dead;
        if (is_lost || s->knob == VAR_KNOB_COUNT) {
            size_t start = take_start(s);
            if (start == s->in->count)
                break;
            begin_at(s, start, ask);
        } else {
            ask_knob(s, s->knob_order[s->knob++], ask);
            if (!ask->count)
                step(s); /* everything along it was known */
        }
    }
    return 0;
}

const struct hrn_strategy hrn_strategy_descent = {
    .name = "descent",
    .meaning = "from the most promising starts, one knob at a time",
    .has_starts = 1,
    .begin = begin,
    .next = next,
    .end = end,
    .visits = hrn_visits_of_budget,
};
