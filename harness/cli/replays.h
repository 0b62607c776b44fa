/* Strategies against one stored layer: each a few times with different seeds, and what comes of it.
 *
 *     cli_replays_run() -> print -> cli_replays_clear() */
#ifndef QUERN_HARNESS_CLI_REPLAYS_H
#define QUERN_HARNESS_CLI_REPLAYS_H

#include "harness/cli/stored.h"

#define CLI_CLOSE_ENOUGH 1.02 /* of the fastest: what a search should come within */

struct cli_replay_row {
    const struct hrn_strategy *strategy;
    size_t evals;           /* variants timed, median of the repeats, as all the following */
    double device_s, share; /* device time; of that of the exhaustive search */
    double loss, worst; /* of the winner in truth, relative to the fastest: median, and largest */
    double when;        /* share of the exhaustive device time after which it was close enough
                           for good; INFINITY = never */
    struct hrn_replay first; /* of the first seed */
};

struct cli_replays { /* zero-initialise */
    struct cli_stored stored;
    double *truth;  /* owned, [stored.of.count] */
    size_t fastest; /* in truth */
    double exhaustive_s;
    struct cli_replay_row *rows; /* owned */
    size_t count;
};

/* `options` but for the strategy; stored and strategies as loaded. 0, -ENOMEM, -ENODATA. */
int cli_replays_run(struct cli_replays *replays, const struct hrn_strategy *const *strategies,
                    size_t count, const struct hrn_replay_options *options, int repeats);
void cli_replays_clear(struct cli_replays *replays);

#endif
