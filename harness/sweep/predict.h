/* Predictions in a sweep: as its only evidence (model:CORE), or to choose what is worth timing. */
#ifndef QUERN_HARNESS_SWEEP_PREDICT_H
#define QUERN_HARNESS_SWEEP_PREDICT_H

#include "harness/model/predict.h"
#include "harness/sweep/sweep.h"

/* Events of a predicted sample, which stands for HRN_PREDICTED_CALLS convolutions so that fractions
 * of cycles are kept. */
#define HRN_PREDICTED_CALLS 1000
enum hrn_predicted {
    HRN_PREDICTED_CYCLES,      /* of all calls of the micro-kernel for the layer */
    HRN_PREDICTED_PEAK_CYCLES, /* that the layer's MACs would take at the peak of its level */
    HRN_PREDICTED_TILE_CYCLES, /* of the call that does most of the work */
    HRN_PREDICTED_TILE_MACS,   /* its share of the layer's MACs */
    HRN_PREDICTED_LOOP_CYCLES, /* one iteration of its inner loop; absent where it has none */
    HRN_PREDICTED_LOOP_MACS,   /* the products that it makes */
    HRN_PREDICTED_COUNT
};
extern const char *const hrn_predicted_names[HRN_PREDICTED_COUNT]; /* "cycles", "peak.cycles" ... */

/* Predicts the whole plan and gives it to the sink: samples without a time, and as proofs those
 * that the model cannot take. Nothing is proved. As hrn_sweep_run() otherwise. */
int hrn_sweep_predict(const struct hrn_plan *plan, const struct var_core *core,
                      const volatile sig_atomic_t *stop, const struct hrn_sweep_sink *sink,
                      char *err, size_t err_bytes);

/* Fills `predicted` of each layer: cycles, NAN where the model cannot say. */
int hrn_plan_predict(struct hrn_plan *plan, const struct hrn_predict_options *options, char *err,
                     size_t err_bytes);
/* Keeps the defaults, and of the others as many of the best predicted as make `keep` in all. Those
 * without a prediction go last. */
void hrn_plan_keep(struct hrn_plan *plan, size_t keep);

#endif
