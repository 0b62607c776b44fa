#include "harness/sweep/search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/verdict.h"

#define PROVE_BATCH 32 /* points proved between looks at the clock, where there is a limit */
#define VISIT_COST 1.6 /* device time of a visit / its sample: warm caches, calibration */

/* Times of one point, in the order of their rounds. */
struct series {
    int *round;
    double *ns;
    size_t count, capacity;
    int is_new; /* since its cost was computed */
};

struct hrn_search {
    struct hrn_point *points;
    size_t count;
    struct hrn_search_options options;
    struct hrn_strategy_input input;
    void *strategy;
    struct series *series, twin; /* [count] */
    int next_round;
    size_t *asked, *visit; /* a strategy's answer; the same with the baseline and its twin */
    double *scratch;       /* [scratch_count] */
    size_t scratch_count;
    double best_cost; /* for patience */
    size_t best_evals;
};

/* ---- samples */

static int add(struct series *s, int round, double ns)
{
    if (s->count == s->capacity) {
        size_t capacity = s->capacity ? 2 * s->capacity : 4;
        int *rounds = realloc(s->round, capacity * sizeof *rounds);
        if (rounds)
            s->round = rounds;
        double *times = realloc(s->ns, capacity * sizeof *times);
        if (times)
            s->ns = times;
        if (!rounds || !times)
            return -ENOMEM;
        s->capacity = capacity;
    }
    s->round[s->count] = round;
    s->ns[s->count++] = ns;
    s->is_new = 1;
    return 0;
}

int hrn_search_tell(struct hrn_search *s, size_t index, int round, int is_twin, double ns)
{
    if (!(ns > 0) || !isfinite(ns) || round < 0)
        return 0;
    if (round >= s->next_round)
        s->next_round = round + 1;
    return add(is_twin ? &s->twin : &s->series[index], round, ns);
}

static double time_in(const struct series *s, int round)
{
    for (size_t i = s->count; i-- > 0;)
        if (s->round[i] == round)
            return s->ns[i];
    return NAN;
}

/* What the baseline took in a round: the less of itself and its twin, since interruptions only ever
 * add. NAN where neither has a time. */
static double baseline_in(const struct hrn_search *s, int round)
{
    return fmin(time_in(&s->series[0], round), time_in(&s->twin, round));
}

static double *scratch(struct hrn_search *s, size_t count)
{
    if (count > s->scratch_count) {
        double *grown = realloc(s->scratch, count * sizeof *grown);
        if (!grown)
            return NULL;
        s->scratch = grown;
        s->scratch_count = count;
    }
    return s->scratch;
}

static double median_of(const double *values, size_t count, double *room)
{
    struct hrn_summary summary;
    hrn_summarise(values, count, room, &summary);
    return summary.median;
}

/* The cost: the median over rounds of the ratio to the baseline, in units of the baseline's median.
 * So a round in which the machine was slow counts like any other. */
static int update(struct hrn_search *s)
{
    double base = 0, before = s->points[0].cost;
    if (s->series[0].count) {
        double *room = scratch(s, s->series[0].count);
        if (!room)
            return -ENOMEM;
        base = median_of(s->series[0].ns, s->series[0].count, room);
    }
    for (size_t i = 0; i < s->count; i++) {
        struct series *t = &s->series[i];
        if (!t->count || (!t->is_new && base == before))
            continue;
        double *ratio = scratch(s, 2 * t->count);
        if (!ratio)
            return -ENOMEM;
        for (size_t k = 0; k < t->count; k++) {
            double there = i == 0 || base == 0 ? NAN : baseline_in(s, t->round[k]);
            ratio[k] = isnan(there) ? t->ns[k] : t->ns[k] / there * base;
        }
        s->points[i].rounds = (int)t->count;
        s->points[i].cost = median_of(ratio, t->count, ratio + t->count);
        t->is_new = 0;
    }
    return 0;
}

/* ---- answers */

size_t hrn_search_evals(const struct hrn_search *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->count; i++)
        n += s->series[i].count > 0;
    return n;
}

size_t hrn_search_best(const struct hrn_search *s)
{
    size_t best = s->count, most = 0;
    for (size_t i = 1; i < s->count; i++) /* the baseline has more than anybody */
        most = s->series[i].count > most ? s->series[i].count : most;
    most = most < 2 * HRN_ROUNDS_ENOUGH ? most : 2 * HRN_ROUNDS_ENOUGH;
    for (size_t i = 0; i < s->count; i++)
        if (s->series[i].count && 2 * s->series[i].count >= most &&
            (best == s->count || s->points[i].cost < s->points[best].cost))
            best = i;
    return best;
}

int hrn_search_rounds(const struct hrn_search *s)
{
    return s->next_round;
}

static void by_round(const struct hrn_search *s, const struct series *t, double *times)
{
    for (int r = 0; r < s->next_round; r++)
        times[r] = NAN;
    for (size_t i = 0; i < t->count; i++)
        times[t->round[i]] = t->ns[i];
}

void hrn_search_times(const struct hrn_search *s, size_t index, double *times)
{
    by_round(s, &s->series[index], times);
}

void hrn_search_twin_times(const struct hrn_search *s, double *times)
{
    by_round(s, &s->twin, times);
}

/* ---- questions */

static int stopped(const struct hrn_search *s)
{
    return s->options.stop && *s->options.stop;
}

/* Device time that the final rounds will take. */
static double finals_s(const struct hrn_search *s)
{
    const struct hrn_search_options *o = &s->options;
    size_t best = hrn_search_best(s);
    double call_s = best < s->count ? s->points[best].cost * 1e-9 : 0;
    return (double)(o->finalists + 2) * o->final_rounds * VISIT_COST *
           fmax(o->final_sample_s, call_s);
}

/* Whether the budget is spent, but for the finals. */
static int is_spent(const struct hrn_search *s, const struct hrn_bench *bench)
{
    const struct hrn_search_options *o = &s->options;
    double wall_s = 0, device_s = 0, reserve_s = finals_s(s);
    if (o->device_limit_s <= 0 && o->time_limit_s <= 0)
        return 0;
    bench->clocks(&wall_s, &device_s, bench->user);
    return (o->device_limit_s > 0 && device_s + reserve_s >= o->device_limit_s) ||
           (o->time_limit_s > 0 && wall_s + reserve_s >= o->time_limit_s);
}

static int is_patience_over(struct hrn_search *s)
{
    size_t evals = hrn_search_evals(s), best = hrn_search_best(s);
    if (best == s->count || !s->options.patience)
        return 0;
    if (!(s->points[best].cost >= s->best_cost * (1 - HRN_BAND_MIN))) {
        s->best_cost = s->points[best].cost;
        s->best_evals = evals;
    }
    return evals - s->best_evals >= s->options.patience;
}

/* Proves in small lots; of a budget that ends meanwhile what was proved is timed. Returns how many
 * of the first are ready, or a failure. */
static long prove(struct hrn_search *s, const struct hrn_bench *bench, const size_t *index,
                  size_t count)
{
    const struct hrn_search_options *o = &s->options;
    int is_limited = o->device_limit_s > 0 || o->time_limit_s > 0;
    size_t ready = 0, most = is_limited ? PROVE_BATCH : count;
    while (bench->prove && ready < count) {
        size_t n = count - ready < most ? count - ready : most;
        if (stopped(s))
            return -EINTR;
        if (ready && is_spent(s, bench))
            return (long)ready;
        int rc = bench->prove(index + ready, n, bench->user);
        if (rc)
            return rc;
        ready += n;
    }
    return (long)count;
}

/* The live ones of a question, behind the baseline and its twin. */
static size_t gather(struct hrn_search *s, const size_t *index, size_t count)
{
    size_t n = 0;
    if (!s->points[0].is_dead) {
        s->visit[n++] = 0;
        s->visit[n++] = 0;
    }
    for (size_t i = 0; i < count; i++)
        if (index[i] != 0 && !s->points[index[i]].is_dead)
            s->visit[n++] = index[i];
    return n;
}

static int time_them(struct hrn_search *s, const struct hrn_bench *bench, const size_t *index,
                     size_t count, struct hrn_visit visit)
{
    visit.index = s->visit;
    visit.count = gather(s, index, count);
    visit.first_round = s->next_round;
    if (!visit.count || visit.rounds <= 0)
        return 0;
    int rc = stopped(s) ? -EINTR : bench->time(&visit, bench->user);
    if (s->next_round < visit.first_round + visit.rounds)
        s->next_round = visit.first_round + visit.rounds; /* also of rounds without a good sample */
    if (!rc)
        rc = update(s);
    if (!rc && bench->answered)
        bench->answered(bench->user);
    return rc;
}

static int ask(struct hrn_search *s, const struct hrn_bench *bench, int *done)
{
    struct hrn_ask question = { .index = s->asked };
    const size_t baseline = 0;
    int rc = s->options.strategy->next(s->strategy, &question);
    *done = rc || !question.count;
    if (*done)
        return rc;
    long ready = prove(s, bench, &baseline, 1);
    if (ready >= 0)
        ready = prove(s, bench, question.index, question.count);
    *done = ready >= 0 && (size_t)ready < question.count;
    if (ready < 0)
        return (int)ready;
    return time_them(s, bench, question.index, (size_t)ready,
                     (struct hrn_visit) { .rounds = question.rounds });
}

/* ---- finals */

struct entrant {
    size_t index;
    double cost;
};

static int by_cost(const void *a, const void *b)
{
    const struct entrant *x = a, *y = b;
    if (x->cost != y->cost)
        return x->cost < y->cost ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The best of all, by cost; s->asked gets them. Of those that have left early the one round that
 * they have counts: who is among the best by it deserves more. */
static long pick_finalists(struct hrn_search *s)
{
    struct entrant *list = malloc((s->count + 1) * sizeof *list);
    size_t n = 0, keep = s->options.strategy->all_finalists ? s->count : s->options.finalists;
    if (!list)
        return -ENOMEM;
    for (size_t i = 0; i < s->count; i++)
        if (!s->points[i].is_dead && s->points[i].rounds > 0)
            list[n++] = (struct entrant) { i, s->points[i].cost };
    qsort(list, n, sizeof *list, by_cost);
    n = n < keep ? n : keep;
    for (size_t i = 0; i < n; i++)
        s->asked[i] = list[i].index;
    free(list);
    return (long)n;
}

/* The defaults that are no finalists, so that every winner has pairs with each. */
static size_t add_defaults(struct hrn_search *s, size_t count)
{
    size_t n = count;
    for (size_t i = 1; i < s->count; i++) {
        int is_there = !s->points[i].is_default || s->points[i].rounds == 0;
        for (size_t k = 0; k < count && !is_there; k++)
            is_there = s->asked[k] == i;
        if (!is_there)
            s->asked[n++] = i;
    }
    return n;
}

static int finals(struct hrn_search *s, const struct hrn_bench *bench)
{
    const struct hrn_search_options *o = &s->options;
    long finalists = pick_finalists(s);
    if (finalists <= 0)
        return (int)finalists;
    int done = 0, rc = 0;
    for (int p = 0; p < o->processes && !rc; p++) {
        int until = o->final_rounds * (p + 1) / o->processes;
        size_t count = p == 0 ? add_defaults(s, (size_t)finalists) : (size_t)finalists;
        struct hrn_visit visit = { .rounds = until - done, .is_final = 1, .is_fresh = 1 };
        rc = time_them(s, bench, s->asked, count, visit);
        done = until;
    }
    return rc;
}

int hrn_search_run(struct hrn_search *s, const struct hrn_bench *bench)
{
    int done = 0, rc = s->options.strategy->begin(&s->input, &s->strategy);
    while (!rc && !done && !is_spent(s, bench) && !is_patience_over(s))
        rc = ask(s, bench, &done);
    return rc ? rc : finals(s, bench);
}

/* ---- open and close */

int hrn_search_open(struct hrn_point *points, size_t count,
                    const struct hrn_search_options *options, struct hrn_search **out)
{
    struct hrn_search *s = calloc(1, sizeof *s);
    *out = s;
    if (!s)
        return -ENOMEM;
    s->points = points;
    s->count = count;
    s->options = *options;
    s->best_cost = INFINITY;
    s->input = (struct hrn_strategy_input) {
        .points = points,
        .count = count,
        .rounds = options->screen_rounds,
        .finalists = options->finalists,
        .max_evals = options->max_evals,
        .band = HRN_BAND_MIN,
        .seed = options->seed,
    };
    s->series = calloc(count + 1, sizeof *s->series);
    s->asked = calloc(count + 1, sizeof *s->asked);
    s->visit = calloc(count + 2, sizeof *s->visit);
    for (size_t i = 0; i < count; i++) {
        points[i].rounds = 0;
        points[i].cost = NAN;
    }
    return s->series && s->asked && s->visit ? 0 : -ENOMEM;
}

static void clear(struct series *s)
{
    free(s->round);
    free(s->ns);
}

void hrn_search_close(struct hrn_search *s)
{
    if (!s)
        return;
    if (s->strategy)
        s->options.strategy->end(s->strategy);
    for (size_t i = 0; s->series && i < s->count; i++)
        clear(&s->series[i]);
    clear(&s->twin);
    free(s->series);
    free(s->asked);
    free(s->visit);
    free(s->scratch);
    free(s);
}

double hrn_search_visits(const struct hrn_search_options *o, size_t count)
{
    const struct hrn_strategy_input in = { .count = count,
                                           .rounds = o->screen_rounds,
                                           .finalists = o->finalists,
                                           .max_evals = o->max_evals };
    size_t last = o->strategy->all_finalists ? count : o->finalists;
    last = (last < count ? last : count) + 2;
    return o->strategy->visits(&in) + (double)last * o->final_rounds;
}
