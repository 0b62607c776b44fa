/* Float execution: float.c has buffers and order, float_ops.c one function per operator. */
#ifndef QUERN_QUANT_FLOAT_INT_H
#define QUERN_QUANT_FLOAT_INT_H

#include "quant/model/graph_int.h"

/* Dense layers are a matrix product over patches; OpenBLAS does those. Everything else is plain
 * loops, written to be read. */
struct qnt_float {
    const struct qnt_graph *graph;
    float **tensors; /* [graph->count], float [h][w][c] each */
    float **taps;    /* [graph->count], depthwise weights as [kh][kw][c]; NULL for other nodes */
    float *patches;  /* [oh * ow][kh * kw * ic / groups] of the largest layer that needs it */
};

/* Writes the output tensor of node `index`, before its clamp. */
typedef void qnt_run_op(struct qnt_float *exec, int32_t index, float *out);
extern qnt_run_op *const qnt_run_ops[QNT_OP_COUNT];

#endif
