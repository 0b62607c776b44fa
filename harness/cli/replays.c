#include "harness/cli/replays.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/sweep/stats.h"

#define REPEATS_MAX 1000

static size_t fastest(const double *truth, size_t count)
{
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (truth[i] < truth[best] || isnan(truth[best]))
            best = i;
    return best;
}

static double median(const double *values, size_t count)
{
    double room[REPEATS_MAX];
    struct hrn_summary s;
    hrn_summarise(values, count, room, &s);
    return s.median;
}

static int run_row(struct cli_replays *r, struct cli_replay_row *row,
                   const struct hrn_replay_options *options, size_t repeats)
{
    const double fastest_ns = r->truth[r->fastest];
    double evals[REPEATS_MAX], device_s[REPEATS_MAX], loss[REPEATS_MAX], when[REPEATS_MAX];
    struct hrn_replay_options o = *options;
    int rc = 0;
    o.search.strategy = row->strategy;
    for (size_t k = 0; k < repeats && !rc; k++) {
        struct hrn_replay one = { 0 };
        o.search.seed = options->search.seed + k;
        rc = hrn_replay_run(&r->stored.of, &o, r->truth, &one);
        evals[k] = (double)one.evals;
        device_s[k] = one.device_s;
        loss[k] = one.true_ns / fastest_ns - 1;
        when[k] = hrn_replay_when(&one, fastest_ns, CLI_CLOSE_ENOUGH, r->exhaustive_s);
        row->worst = fmax(row->worst, loss[k]);
        if (k == 0)
            row->first = one;
        else
            hrn_replay_clear(&one);
    }
    if (rc)
        return rc;
    row->evals = (size_t)median(evals, repeats);
    row->device_s = median(device_s, repeats);
    row->share = row->device_s / r->exhaustive_s;
    row->loss = median(loss, repeats);
    row->when = median(when, repeats);
    return 0;
}

static int run_exhaustive(struct cli_replays *r, const struct hrn_replay_options *options)
{
    struct hrn_replay_options o = *options;
    struct hrn_replay all = { 0 };
    o.search.strategy = hrn_strategy_find("exhaustive");
    o.search.max_evals = 0;
    o.search.device_limit_s = o.search.time_limit_s = 0;
    o.search.patience = 0;
    int rc = hrn_replay_run(&r->stored.of, &o, r->truth, &all);
    r->exhaustive_s = all.device_s;
    hrn_replay_clear(&all);
    return rc;
}

int cli_replays_run(struct cli_replays *r, const struct hrn_strategy *const *strategies,
                    size_t count, const struct hrn_replay_options *options, int repeats)
{
    r->truth = malloc((r->stored.of.count + 1) * sizeof *r->truth);
    r->rows = calloc(count + 1, sizeof *r->rows);
    int rc = r->truth && r->rows ? hrn_replay_truth(&r->stored.of, r->truth) : -ENOMEM;
    if (rc)
        return rc;
    r->fastest = fastest(r->truth, r->stored.of.count);
    rc = run_exhaustive(r, options);
    for (size_t i = 0; i < count && !rc; i++) {
        struct cli_replay_row *row = &r->rows[r->count++];
        row->strategy = strategies[i];
        rc = run_row(r, row, options, repeats < REPEATS_MAX ? (size_t)repeats : REPEATS_MAX);
    }
    return rc;
}

void cli_replays_clear(struct cli_replays *r)
{
    for (size_t i = 0; i < r->count; i++)
        hrn_replay_clear(&r->rows[i].first);
    free(r->rows);
    free(r->truth);
    cli_stored_clear(&r->stored);
    *r = (struct cli_replays) { .truth = NULL };
}
