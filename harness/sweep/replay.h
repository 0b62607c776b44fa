/* A search that measures nothing: the times of a stored sweep answer it, noise and all. So a
 * strategy can be judged by what it would have found, and by what device time it would have taken,
 * against the truth that the whole of the stored sweep tells.
 *
 *     fill a struct hrn_stored -> hrn_replay_truth() -> hrn_replay_run() per strategy and seed ->
 *     hrn_replay_clear() */
#ifndef QUERN_HARNESS_REPLAY_H
#define QUERN_HARNESS_REPLAY_H

#include "harness/sweep/search.h"
#include "harness/sweep/verdict.h"

/* One layer as it was swept. The caller's. */
struct hrn_stored {
    struct hrn_point *points; /* [count], the baseline first; filled as for hrn_search_open() */
    const char *const *names; /* [count] */
    struct hrn_cost *cost;    /* [count] */
    size_t count;
    int rounds;
    double *ns;   /* [count][rounds] per call; NAN = no sample */
    double *twin; /* [rounds]: the baseline as its own twin; NAN = no sample */
};

/* How long samples last, as in a sweep. */
struct hrn_replay_options {
    struct hrn_search_options search;
    double screen_sample_s, final_sample_s, warmup_s;
};

/* After each answer of the bench. */
struct hrn_replay_step {
    double device_s;
    size_t evals;
    double true_ns; /* what the best so far takes in truth */
};

struct hrn_replay {               /* zero-initialise */
    struct hrn_replay_step *step; /* owned */
    size_t step_count, capacity;
    double device_s;      /* all of it: samples, warm caches, calibration, processes; not proofs */
    size_t evals, winner; /* of points; the winner as a report would name it */
    double true_ns;       /* what the winner takes in truth */
};

/* What every point takes in truth: its cost over all stored rounds. truth[count]; NAN where it has
 * no sample. 0 or -ENOMEM. */
int hrn_replay_truth(const struct hrn_stored *stored, double *truth);
/* Runs one search. Rounds beyond those that are stored begin again with the first. 0, -ENOMEM;
 * -ENODATA where nothing has a time. */
int hrn_replay_run(const struct hrn_stored *stored, const struct hrn_replay_options *options,
                   const double *truth, struct hrn_replay *out);
void hrn_replay_clear(struct hrn_replay *replay);

/* The device time, as a share of `device_s`, after which the best so far was never again slower
 * than `ratio` times the fastest in truth; INFINITY = never. */
double hrn_replay_when(const struct hrn_replay *replay, double fastest_ns, double ratio,
                       double device_s);

#endif
