/* Counts what the variants of a plan execute, without proving them: a quick look for whoever writes
 * kernels. What is stored in a database comes from a sweep instead, which proves first. */
#ifndef QUERN_HARNESS_SWEEP_COUNT_H
#define QUERN_HARNESS_SWEEP_COUNT_H

#include "harness/count/count.h"
#include "harness/sweep/sweep.h"

/* One variant on one layer. */
struct hrn_counted {
    enum hrn_outcome outcome; /* HRN_OK: the counts are valid */
    char detail[HRN_DETAIL_MAX];
    int64_t whole[HRN_COUNT_COUNT], kernel[HRN_COUNT_COUNT];
};

struct hrn_count_options {
    const struct hrn_toolchain *toolchain;
    const struct hrn_build_paths *paths;
    struct hrn_device *device; /* whose info says `counts` */
    int timeout_ms;            /* of one variant */
    const volatile sig_atomic_t *stop;
    void (*progress)(size_t done, size_t total, const char *note); /* may be NULL */
};

/* out[layer][variant], in the order of the plan; both arrays are the caller's to free with
 * hrn_counted_free(). 0; -EINTR after `stop`; -ENOTSUP where the device does not count; else a
 * negative errno, always with the sentence in err. *out is NULL on failure. */
int hrn_count_plan(const struct hrn_plan *plan, const struct hrn_count_options *options,
                   struct hrn_counted ***out, char *err, size_t err_bytes);
void hrn_counted_free(struct hrn_counted **counted, size_t layers); /* accepts NULL */

/* The variant of a layer that executes the fewest instructions; -1 if none was counted. */
long hrn_count_least(const struct hrn_counted *counted, size_t variants);

/* Executed instructions per multiply-accumulate of the problem. */
double hrn_insn_per_mac(const struct hrn_counted *counted, const struct krn_problem *problem);

/* Geometric mean of hrn_insn_per_mac() over the depthwise layers of the plan or over all others: of
 * variant which[layer] (below 0: not that layer), or, where `which` is NULL, of the least of each
 * layer. *layers is how many that were; 0 = no mean. */
double hrn_count_geomean(const struct hrn_plan *plan, struct hrn_counted *const *counted,
                         const long *which, int depthwise, size_t *layers);

#endif
