#include "harness/sweep/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a runner takes besides the samples, as measure.c goes about it. */
#define PROCESS_S 0.005  /* fork, inputs, overhead of empty calls */
#define CANARY_S 0.00003 /* after each sample */
#define CALIBRATED 1.1   /* a batch that is tried is so much longer than it must be */

struct replay {
    const struct hrn_stored *stored;
    const struct hrn_replay_options *options;
    const double *truth;
    struct hrn_search *search;
    struct hrn_replay *out;
    int rc;
};

static double time_in(const struct hrn_stored *s, size_t i, int is_twin, int round)
{
    return is_twin ? s->twin[round] : s->ns[i * (size_t)s->rounds + (size_t)round];
}

/* The sample of a round; of a variant that has none there, the next that it has. NAN = none at all.
 */
static double stored_time(const struct hrn_stored *s, size_t i, int is_twin, int round)
{
    double ns = NAN;
    for (int k = 0; k < s->rounds && isnan(ns); k++)
        ns = time_in(s, i, is_twin, (round + k) % s->rounds);
    return ns;
}

/* Device time of one visit. */
static double visit_s(const struct hrn_replay_options *o, double ns, int is_first, int is_final)
{
    double call_s = ns * 1e-9, least_s = is_final ? o->final_sample_s : o->screen_sample_s;
    double calls = fmax(1, ceil(least_s / call_s)), batch_s = calls * call_s;
    double before_s = (floor(calls / 4) + 1) * call_s; /* warm caches */
    if (is_first) /* the first call, and batches until one is long enough */
        before_s = call_s + (calls > 1 ? CALIBRATED * batch_s : fmax(0, o->warmup_s - call_s));
    return before_s + batch_s + CANARY_S;
}

static int time_visit(const struct hrn_visit *v, void *user)
{
    struct replay *r = user;
    const struct hrn_stored *s = r->stored;
    int rc = 0;
    r->out->device_s += PROCESS_S;
    for (int round = 0; round < v->rounds && !rc; round++)
        for (size_t k = 0; k < v->count && !rc; k++) {
            size_t i = v->index[k];
            int is_twin = k > 0 && i == 0, at = (v->first_round + round) % s->rounds;
            double ns = stored_time(s, i, is_twin, at);
            if (is_twin && isnan(ns))
                continue;
            if (isnan(ns)) {
                s->points[i].is_dead = 1;
                continue;
            }
            r->out->device_s += visit_s(r->options, ns, round == 0, v->is_final);
            rc = hrn_search_tell(r->search, i, v->first_round + round, is_twin, ns);
        }
    return rc;
}

static void clocks(double *wall_s, double *device_s, void *user)
{
    const struct replay *r = user;
    *wall_s = *device_s = r->out->device_s;
}

static void answered(void *user)
{
    struct replay *r = user;
    struct hrn_replay *out = r->out;
    size_t best = hrn_search_best(r->search);
    if (out->step_count == out->capacity) {
        size_t capacity = out->capacity ? 2 * out->capacity : 32;
        struct hrn_replay_step *grown = realloc(out->step, capacity * sizeof *grown);
        if (!grown) {
            r->rc = -ENOMEM;
            return;
        }
        out->step = grown;
        out->capacity = capacity;
    }
    out->step[out->step_count++] = (struct hrn_replay_step) {
        .device_s = out->device_s,
        .evals = hrn_search_evals(r->search),
        .true_ns = best < r->stored->count && r->truth ? r->truth[best] : (double)NAN,
    };
}

/* The winner as a report would name it. */
static int judge(struct replay *r)
{
    const struct hrn_stored *s = r->stored;
    size_t rounds = (size_t)hrn_search_rounds(r->search);
    struct hrn_candidate *list = calloc(s->count + 1, sizeof *list);
    double *times = malloc((s->count + 2) * (rounds + 1) * sizeof *times);
    double *scratch = malloc((HRN_RESAMPLES + 2 * rounds) * sizeof *scratch);
    int rc = list && times && scratch ? 0 : -ENOMEM;
    if (!rc) {
        double *twin = times + s->count * rounds;
        for (size_t i = 0; i < s->count; i++) {
            hrn_search_times(r->search, i, times + i * rounds);
            list[i] = (struct hrn_candidate) { .name = s->names[i],
                                               .time_ns = times + i * rounds,
                                               .rounds = rounds,
                                               .cost = s->cost[i] };
        }
        hrn_search_twin_times(r->search, twin);
        double band = hrn_band(twin, times, rounds, r->options->search.seed, scratch);
        long tied = hrn_rank(list, s->count, band, r->options->search.seed);
        rc = tied < 0 ? (int)tied : tied == 0 ? -ENODATA : 0;
    }
    for (size_t i = 0; !rc && i < s->count; i++)
        if (s->names[i] == list[0].name)
            r->out->winner = i;
    free(list);
    free(times);
    free(scratch);
    return rc;
}

static int run(const struct hrn_stored *stored, const struct hrn_replay_options *options,
               const double *truth, struct hrn_replay *out, double *costs)
{
    struct replay r = { .stored = stored, .options = options, .truth = truth, .out = out };
    const struct hrn_bench bench = {
        .user = &r, .time = time_visit, .clocks = clocks, .answered = answered
    };
    for (size_t i = 0; i < stored->count; i++)
        stored->points[i].is_dead = isnan(stored_time(stored, i, 0, 0));
    int rc = hrn_search_open(stored->points, stored->count, &options->search, &r.search);
    if (!rc)
        rc = hrn_search_run(r.search, &bench);
    if (!rc)
        rc = r.rc;
    for (size_t i = 0; !rc && costs && i < stored->count; i++)
        costs[i] = stored->points[i].cost;
    if (!rc && !costs)
        rc = judge(&r);
    out->evals = r.search ? hrn_search_evals(r.search) : 0;
    hrn_search_close(r.search);
    return rc;
}

int hrn_replay_truth(const struct hrn_stored *stored, double *truth)
{
    const struct hrn_replay_options options = {
        .search = { .strategy = hrn_strategy_find("exhaustive"),
                    .screen_rounds = stored->rounds,
                    .processes = 1 },
    };
    struct hrn_replay all = { 0 };
    int rc = run(stored, &options, NULL, &all, truth);
    hrn_replay_clear(&all);
    return rc;
}

int hrn_replay_run(const struct hrn_stored *stored, const struct hrn_replay_options *options,
                   const double *truth, struct hrn_replay *out)
{
    hrn_replay_clear(out);
    int rc = run(stored, options, truth, out, NULL);
    if (!rc)
        out->true_ns = truth[out->winner];
    return rc;
}

void hrn_replay_clear(struct hrn_replay *replay)
{
    free(replay->step);
    memset(replay, 0, sizeof *replay);
}

double hrn_replay_when(const struct hrn_replay *replay, double fastest_ns, double ratio,
                       double device_s)
{
    size_t i = replay->step_count;
    while (i > 0 && replay->step[i - 1].true_ns <= ratio * fastest_ns)
        i--;
    return i < replay->step_count ? replay->step[i].device_s / device_s : INFINITY;
}
