/* A forest of extremely randomised trees (Geurts, Ernst and Wehenkel 2006): a regression that needs
 * no scaling, takes knobs as they are and says how unsure it is, by how much its trees differ.
 *
 *     hrn_forest_fit() -> hrn_forest_predict() ... -> hrn_forest_clear() */
#ifndef QUERN_HARNESS_FOREST_H
#define QUERN_HARNESS_FOREST_H

#include <stddef.h>
#include <stdint.h>

#define HRN_FOREST_TREES 48

struct hrn_forest_node;
struct hrn_forest {               /* zero-initialise */
    struct hrn_forest_node *node; /* owned, all trees */
    size_t count, root[HRN_FOREST_TREES], features;
};

/* Learns y[rows] from x[rows][features]. rows >= 1. Deterministic in the seed. 0 or -ENOMEM. */
int hrn_forest_fit(struct hrn_forest *forest, const double *x, const double *y, size_t rows,
                   size_t features, uint64_t seed);
/* Mean over the trees and their standard deviation at x[features]. */
void hrn_forest_predict(const struct hrn_forest *forest, const double *x, double *mean,
                        double *deviation);
void hrn_forest_clear(struct hrn_forest *forest);

#endif
