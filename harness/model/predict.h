/* Predicts what the variants of a plan take on a core that nobody has at hand: static, and marked
 * so. Cycles are those of the micro-kernel's calls, everything in the first-level cache, and an
 * estimate of what the driver does between them (driver.h); memory is not in them. */
#ifndef QUERN_HARNESS_MODEL_PREDICT_H
#define QUERN_HARNESS_MODEL_PREDICT_H

#include "harness/sweep/sweep.h"
#include "variants/cores.h"

/* One variant on one layer. */
struct hrn_prediction {
    enum hrn_outcome outcome; /* HRN_OK, or why there is none; HRN_VOID: not reached */
    char detail[HRN_DETAIL_MAX];
    /* Of the layer: all calls, and what the driver does between them, an estimate. */
    double cycles, driver_cycles;
    /* Of the kind of call that does most of the work: cycles, and its share of the layer's MACs. */
    double tile_cycles, tile_macs;
    /* Of its inner loop, settled, one iteration; cycles 0: it has none for this depth. */
    double loop_cycles, loop_macs;
};

struct hrn_predict_options {
    const struct var_core *core;
    const volatile sig_atomic_t *stop;                             /* may be NULL */
    void (*progress)(size_t done, size_t total, const char *note); /* may be NULL */
};

/* out[layer][variant] in the order of the plan, freed with hrn_predictions_free(). 0; -EINTR after
 * `stop`; -ENOENT without llvm-mca, where the core needs it; else a negative errno; always with the
 * sentence in err. *out is NULL on failure. */
int hrn_predict_plan(const struct hrn_plan *plan, const struct hrn_predict_options *options,
                     struct hrn_prediction ***out, char *err, size_t err_bytes);
void hrn_predictions_free(struct hrn_prediction **predictions, size_t layers); /* accepts NULL */

#endif
