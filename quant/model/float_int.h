/* Float execution: float.c has buffers and order, float_ops.c one function per operator. */
#ifndef QUERN_QUANT_FLOAT_INT_H
#define QUERN_QUANT_FLOAT_INT_H

#include "quant/model/float_tile.h"
#include "quant/model/graph_int.h"

/* Dense layers run by tiles (float_dense.c, float_tile.h). Everything else is plain loops, written
 * to be read. */
struct qnt_float {
    const struct qnt_graph *graph;
    const struct qnt_tile_kernel *kernel;
    float **tensors;    /* [graph->count], float [h][w][c] each */
    float **packed;     /* [graph->count], weights: of a depthwise layer [kh][kw][c], of a dense one
                           panels; NULL for other nodes */
    const float **rows; /* [taps][mr] of the layer that has the most taps */
    float *zeros;       /* an input outside the image: as many as the widest layer has channels */
};

/* Writes the output tensor of node `index`, before its clamp (of a dense layer, behind it). */
typedef void qnt_run_op(struct qnt_float *exec, int32_t index, float *out);
extern qnt_run_op *const qnt_run_ops[QNT_OP_COUNT];

/* ---- Dense layers (float_dense.c): CONV that is not depthwise, and LINEAR */
float *qnt_dense_pack(const struct qnt_float *exec, const struct qnt_node *node); /* NULL: memory */
size_t qnt_dense_pointers(const struct qnt_float *exec, const struct qnt_node *node); /* of rows */
void qnt_dense_run(const struct qnt_float *exec, int32_t index, const float *in, float *out);

#endif
