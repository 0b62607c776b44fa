/* Float execution: float.c has buffers and order, float_conv.c and float_winograd.c the layers of
 * weights, float_local.c what looks at neighbours, float_ops.c one function for each other
 * operator.
 */
#ifndef QUERN_QUANT_FLOAT_INT_H
#define QUERN_QUANT_FLOAT_INT_H

#include "quant/model/graph_int.h"

/* How a layer of weights runs. */
struct qnt_float_layer {
    float *weight; /* owned; depthwise: [kh][kw][c]; Winograd: of the form; others: NULL, the node's
                      own serve */
    const struct qnt_winograd *form; /* NULL: no Winograd */
};

/* Layers of weights are matrix products over patches or Winograd tiles; OpenBLAS does those. The
 * rest is plain loops, written to be read. */
struct qnt_float {
    const struct qnt_graph *graph;
    float **tensors;                /* [graph->count], float [h][w][c] each */
    struct qnt_float_layer *layers; /* [graph->count] */
    float *scratch;                 /* of the layer that needs most */
};

/* Writes the output tensor of node `index`; CONV and LINEAR with their clamp, others before it. */
typedef void qnt_run_op(struct qnt_float *exec, int32_t index, float *out);
extern qnt_run_op *const qnt_run_ops[QNT_OP_COUNT];
qnt_run_op qnt_run_float_resize, qnt_run_float_lrn;

qnt_run_op qnt_run_conv; /* also of LINEAR */

/* Chooses how a CONV or LINEAR runs, and says how many floats of scratch it needs. 0 or -ENOMEM. */
int qnt_float_layer_open(const struct qnt_node *node, struct qnt_float_layer *layer,
                         size_t *scratch);
void qnt_float_layer_close(struct qnt_float_layer *layer);

/* out[pixel][c] = clamp(sum[pixel][c] + bias[c]); they may be the same. A NaN stays, so that it is
 * found. */
void qnt_float_finish(const struct qnt_node *node, const float *sum, size_t pixels, float *out);

/* ---- Winograd's minimal filtering of dense 3x3 layers at stride 1 */

/* The form for which the layer takes the least time, or NULL: patches are as good. */
const struct qnt_winograd *qnt_winograd_choose(const struct krn_problem *p);
/* The layer's weights transformed, [in * in][ic][oc], the caller's to free; NULL: no memory. */
float *qnt_winograd_weights(const struct qnt_winograd *form, const struct qnt_node *node);
size_t qnt_winograd_scratch(const struct qnt_winograd *form, const struct krn_problem *p);
/* x and out are [h][w][c], scratch as many floats as qnt_winograd_scratch() says. */
void qnt_winograd_run(const struct qnt_float_layer *layer, const struct qnt_node *node,
                      const float *x, float *scratch, float *out);

#endif
