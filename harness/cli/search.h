/* How to search, as it is typed: the options that `sweep` and `replay` share. */
#ifndef QUERN_HARNESS_CLI_SEARCH_H
#define QUERN_HARNESS_CLI_SEARCH_H

#include "harness/cli/cli.h"
#include "harness/sweep/search.h"

struct cli_search {
    const char *strategy;
    long long screen_rounds, rounds, processes, finalists, max_evals, patience;
    double time_limit_s, device_minutes;
};

#define CLI_SEARCH_DEFAULTS                                                                        \
    {                                                                                              \
        .screen_rounds = 3, .rounds = 12, .processes = 3, .finalists = 10                          \
    }

/* Rows of an option table; `where` is a struct cli_search that holds CLI_SEARCH_DEFAULTS. */
/* clang-format off */
#define CLI_SEARCH_OPTIONS(where) \
    { 0, "strategy", CLI_STRING, "NAME", \
      "How to search the space: racing (default: every variant once, then the faster " \
      "half again), exhaustive (all as often as the finalists), random, descent (one knob " \
      "at a time), annealing, surrogate (a random forest learns from the knobs), pruned " \
      "(racing among the fifth that a static model likes best).", &(where).strategy }, \
    { 0, "max-evals", CLI_INT, "N", \
      "Time at most N variants of a layer. Default: racing all of them, the others a fifth, " \
      "but at least 40.", &(where).max_evals }, \
    { 0, "time-limit", CLI_DOUBLE, "SECONDS", \
      "Ends the search in so many seconds, shared equally by the layers; the best so far still " \
      "get their final rounds.", &(where).time_limit_s }, \
    { 0, "device-minutes", CLI_DOUBLE, "M", \
      "The same for the time that the device works for us.", &(where).device_minutes }, \
    { 0, "patience", CLI_INT, "N", \
      "Ends the search after N variants of which none was better by the noise band. Default: " \
      "never.", &(where).patience }, \
    { 0, "screen-rounds", CLI_INT, "N", \
      "Rounds that a variant gets before it may become a finalist. Default: 3.", \
      &(where).screen_rounds }, \
    { 'r', "rounds", CLI_INT, "N", "Further rounds that the finalists get. Default: 12.", \
      &(where).rounds }, \
    { 0, "processes", CLI_INT, "N", \
      "Fresh processes among which the final rounds are divided. Default: 3.", \
      &(where).processes }, \
    { 0, "finalists", CLI_INT, "N", \
      "Variants of a layer that get the final rounds, besides the baseline. Default: 10.", \
      &(where).finalists }
/* clang-format on */

/* What was typed as options of a search; seed, stop and final_sample_s are left to the caller. 0,
 * or CLI_USAGE, explained. */
int cli_search_read(const struct cli_search *typed, struct hrn_search_options *out);

#endif
