/* The search of one layer: asks a strategy what to time, has it timed, and times the best again in
 * fresh processes. Where times come from is a bench: a device (sweep.c), or a stored sweep
 * (replay.c).
 *
 *     hrn_search_open() -> hrn_search_run(), during which the bench calls hrn_search_tell() ->
 *     hrn_search_best() -> hrn_search_close()
 * Every question gets rounds of its own, numbered on; the baseline is in each of them, twice: as
 * itself, and as its own twin, whose difference is the noise band. */
#ifndef QUERN_HARNESS_SEARCH_H
#define QUERN_HARNESS_SEARCH_H

#include <signal.h>

#include "harness/sweep/strategy.h"

struct hrn_search_options {
    const struct hrn_strategy *strategy;
    uint64_t seed;
    int screen_rounds, final_rounds; /* >= 1, >= 0 */
    int processes;                   /* among which the final rounds are divided, >= 1 */
    size_t finalists;
    size_t max_evals;      /* points to time, 0 = the strategy's own choice */
    size_t patience;       /* new points without a better one after which to stop, 0 = never */
    double device_limit_s; /* device time of this layer; 0 = none */
    double time_limit_s;   /* time on the wall; 0 = none */
    double final_sample_s; /* shortest sample of a final round: what finals will take */
    const volatile sig_atomic_t *stop; /* may be NULL; then: -EINTR */
};

/* One visit of the bench: time points[index[0..count)] in rounds [first_round, first_round +
 * rounds). Index 0, the baseline, may come twice: the second is the twin. */
struct hrn_visit {
    const size_t *index;
    size_t count;
    int first_round, rounds;
    int is_final; /* longer samples */
    int is_fresh; /* in a process that has timed nothing before */
};

struct hrn_bench {
    void *user;
    /* Marks points that turn out to have no time as dead. `is_dead` of all of them is valid
     * afterwards. May be NULL. */
    int (*prove)(const size_t *index, size_t count, void *user);
    int (*time)(const struct hrn_visit *visit, void *user);
    /* Since the search began. */
    void (*clocks)(double *wall_s, double *device_s, void *user);
    /* After each answer; may be NULL. */
    void (*answered)(void *user);
};

struct hrn_search;

/* `points` stays the caller's; variant, predicted, prior, is_default and is_dead are filled. */
int hrn_search_open(struct hrn_point *points, size_t count,
                    const struct hrn_search_options *options, struct hrn_search **out);
/* 0, -EINTR, -ENOMEM, or what the bench returned. */
int hrn_search_run(struct hrn_search *search, const struct hrn_bench *bench);
void hrn_search_close(struct hrn_search *search); /* accepts NULL */

/* One good sample. is_twin: of the baseline as its own twin. 0 or -ENOMEM. */
int hrn_search_tell(struct hrn_search *search, size_t index, int round, int is_twin, double ns);

/* The lowest cost so far among the points of most rounds; `count` of the points if none is timed.
 */
size_t hrn_search_best(const struct hrn_search *search);
/* Points that were timed. */
size_t hrn_search_evals(const struct hrn_search *search);
/* Times of a point by round: NAN where it has none. [hrn_search_rounds()] doubles. */
void hrn_search_times(const struct hrn_search *search, size_t index, double *times);
void hrn_search_twin_times(const struct hrn_search *search, double *times);
int hrn_search_rounds(const struct hrn_search *search);

/* Samples that a layer of `count` points will take, about: for estimates. */
double hrn_search_visits(const struct hrn_search_options *options, size_t count);

#endif
