/* Counts guide, models warn: what the static models of some cores say of variants that were
 * counted. A variant that executes the least has won on a core only if its model finds it no slower
 * than any other that was counted.
 *
 * A whole convolution is predicted as the calls of its micro-kernel (predict.h), and what its
 * driver executed, exactly counted, at the rate of compiled code on that core. */
#ifndef QUERN_HARNESS_MODEL_OPINION_H
#define QUERN_HARNESS_MODEL_OPINION_H

#include "harness/model/predict.h"
#include "harness/sweep/count.h"

/* Predictions this close are alike: the rate of the drivers alone is less certain. */
#define HRN_OPINION_MARGIN 0.03

struct hrn_opinion {
    const struct var_core *core;
    double **cycles; /* [layer][variant] of the plan; 0: not counted, or no prediction */
    size_t layers;
};

/* Of `core` on what a plan's variants were counted to execute. As hrn_predict_plan(); clear with
 * hrn_opinion_clear() in every case. */
int hrn_opinion_make(const struct hrn_plan *plan, struct hrn_counted *const *counted,
                     const struct hrn_predict_options *options, struct hrn_opinion *out, char *err,
                     size_t err_bytes);
void hrn_opinion_clear(struct hrn_opinion *opinion);

/* The fastest by prediction; -1 if nothing was predicted. */
long hrn_opinion_fastest(const struct hrn_opinion *opinion, size_t layer, size_t variants);

/* How much slower than the fastest, 0.1 = 10 %; NAN without a prediction. */
double hrn_opinion_loss(const struct hrn_opinion *opinion, size_t layer, size_t variant,
                        size_t variants);

/* Among those within HRN_OPINION_MARGIN of the fastest, the one that executes least; -1: none. */
long hrn_opinion_winner(const struct hrn_opinion *opinion, const struct hrn_counted *counted,
                        size_t layer, size_t variants);

#endif
