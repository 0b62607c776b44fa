/* What may be changed in a float network before it is quantised, so that it loses less: factors
 * between channels, and biases. The changes are part of a calibration and of its file.
 *
 *     qnt_graph_copy() -> qnt_adjust() -> qnt_calibrate() -> qnt_quantise(), all on the copy;
 *     the graph as it was stays the reference of accuracy */
#ifndef QUERN_QUANT_ADJUST_H
#define QUERN_QUANT_ADJUST_H

#include "quant/pipeline/pipeline.h"

/* Of one node; NULL = none. Owned arrays of its output channels. */
struct qnt_adjustment {
    float *factor; /* what the node gives is divided by it, what reads the channel multiplied */
    float *bias;   /* added to its bias, after all factors */
};

struct qnt_adjust_options {
    size_t count, stride; /* images 0, stride, 2 * stride ..., count of them; both at least 1 */
    int equalise, correct_bias;
};
/* Runs the images once through the folded graph, then changes its weights and biases. *out: by
 * node, graph->count of them. On failure the graph may be changed in part. */
int qnt_adjust(struct qnt_graph *graph, const struct qnt_dataset *set,
               const struct qnt_adjust_options *options, qnt_progress *progress, void *user,
               struct qnt_adjustment **out, struct qnt_error *error);
/* The same changes again, to another copy of the graph. NULL = none. */
void qnt_adjustments_apply(struct qnt_graph *graph, const struct qnt_adjustment *adjustments);
void qnt_adjustments_free(struct qnt_adjustment *adjustments, int32_t count); /* accepts NULL */

#endif
