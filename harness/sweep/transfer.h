/* What was fastest elsewhere as a place to start: the winners of similar problems on similar cores.
 *
 *     collect struct hrn_elsewhere -> hrn_transfer_mark() -> points or plan layers with `prior` */
#ifndef QUERN_HARNESS_TRANSFER_H
#define QUERN_HARNESS_TRANSFER_H

#include <stddef.h>

#include "variants/variant.h"

#define HRN_PRIORS_MAX 8 /* variants of a layer that are tried first */

/* A variant that was among the fastest of a problem. */
struct hrn_elsewhere {
    struct var_variant variant;
    double distance; /* of that problem and core from this one */
    int place;       /* among the variants there, from 1 */
};

/* How far apart two problems are for a kernel: the differences of their depth, channels, pixels and
 * taps, in doublings, and 1/2 for another stride. INFINITY between kinds that other kernels serve:
 * depthwise, pointwise, others. 0 for the same. */
double hrn_problem_distance(const struct krn_problem *a, const struct krn_problem *b);

/* prior[i] of variants[0..count): 1 for the nearest of `list` (distance, then place), 2 for the
 * next and so on, HRN_PRIORS_MAX at most; 0 for the others. Sorts `list`. Returns how many are
 * marked. */
size_t hrn_transfer_mark(struct hrn_elsewhere *list, size_t list_count,
                         const struct var_variant *variants, size_t count, int *prior);

#endif
