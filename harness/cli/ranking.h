/* A look at the variants of layers, the best of each first: what 'quern count' and 'quern predict'
 * have in common when they print. */
#ifndef QUERN_HARNESS_CLI_RANKING_H
#define QUERN_HARNESS_CLI_RANKING_H

#include "harness/cli/cli.h"
#include "harness/sweep/sweep.h"

struct cli_ranking {
    const struct hrn_plan *plan;
    long long top; /* so many of a layer are shown; 0 = all */
    const void *user;
    /* Below 0: variant a is better on the layer than b. Equals stay in the order of the space. */
    int (*compare)(const void *user, size_t layer, size_t a, size_t b);
    /* Whether a variant is shown beyond the top; NULL: none is. */
    int (*is_wanted)(const void *user, size_t layer, size_t variant);
    /* The cells behind layer and name. */
    void (*row)(const void *user, size_t layer, size_t variant, struct cli_table *table);
    /* JSON: further members of the object of a variant, and of a layer (NULL: none); each begins
     * with a comma. */
    void (*members)(const void *user, size_t layer, size_t variant);
    void (*layer_members)(const void *user, size_t layer);
};

void cli_ranking_rows(const struct cli_ranking *ranking, struct cli_table *table);

/* The member "layers" of an object: each with its problem, MACs and variants. */
void cli_ranking_json(const struct cli_ranking *ranking);

#endif
