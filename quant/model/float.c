#include "quant/model/float_int.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int has_weights(const struct qnt_node *node)
{
    return node->op == QNT_OP_CONV || node->op == QNT_OP_LINEAR;
}

static int is_depthwise(const struct qnt_node *node)
{
    return node->op == QNT_OP_CONV && krn_problem_is_depthwise(&node->problem);
}

static void clamp(const struct qnt_node *node, float *x)
{
    if (isinf(node->lo) && isinf(node->hi))
        return;
    const size_t count = qnt_node_elements(node);
    const float lo = node->lo, hi = node->hi;
    for (size_t i = 0; i < count; i++) { /* a NaN stays, so that it is found */
        float y = lo > x[i] ? lo : x[i];
        x[i] = hi < y ? hi : y;
    }
}

void qnt_float_run(struct qnt_float *exec, const float *image)
{
    const struct qnt_graph *graph = exec->graph;

    memcpy(exec->tensors[0], image, qnt_node_elements(&graph->nodes[0]) * sizeof(*image));
    for (int32_t i = 0; i < graph->count; i++)
        qnt_float_run_node(exec, i);
}

void qnt_float_run_node(struct qnt_float *exec, int32_t node)
{
    const struct qnt_node *n = &exec->graph->nodes[node];

    qnt_run_ops[n->op](exec, node, exec->tensors[node]);
    if (!has_weights(n) || is_depthwise(n))
        clamp(n, exec->tensors[node]);
}

void qnt_float_put(struct qnt_float *exec, int32_t node, const float *values)
{
    memcpy(exec->tensors[node], values,
           qnt_node_elements(&exec->graph->nodes[node]) * sizeof(*values));
}

const float *qnt_float_tensor(const struct qnt_float *exec, int32_t node)
{
    assert(node >= 0 && node < exec->graph->count);
    return exec->tensors[node];
}

/* ---- Buffers */

/* [c][kh * kw] -> [kh * kw][c], so that the inner loop walks along channels. */
static float *transpose_taps(const struct qnt_node *node)
{
    const size_t c = (size_t)node->c, taps = node->weight_count / c;
    float *out = malloc(node->weight_count * sizeof(*out));
    if (!out)
        return NULL;
    for (size_t i = 0; i < c; i++)
        for (size_t t = 0; t < taps; t++)
            out[t * c + i] = node->weight[i * taps + t];
    return out;
}

static int open_node(struct qnt_float *exec, int32_t index)
{
    const struct qnt_node *node = &exec->graph->nodes[index];

    exec->tensors[index] = malloc(qnt_node_elements(node) * sizeof(float));
    if (!exec->tensors[index])
        return -ENOMEM;
    if (!has_weights(node))
        return 0;
    exec->packed[index] = is_depthwise(node) ? transpose_taps(node) : qnt_dense_pack(exec, node);
    return exec->packed[index] ? 0 : -ENOMEM;
}

static int open_buffers(struct qnt_float *exec)
{
    const size_t count = (size_t)exec->graph->count;
    size_t pointers = 1, channels = 1;

    exec->tensors = calloc(count, sizeof(*exec->tensors));
    exec->packed = calloc(count, sizeof(*exec->packed));
    if (!exec->tensors || !exec->packed)
        return -ENOMEM;
    for (int32_t i = 0; i < exec->graph->count; i++) {
        const struct qnt_node *node = &exec->graph->nodes[i];
        if (open_node(exec, i))
            return -ENOMEM;
        if (!has_weights(node) || is_depthwise(node))
            continue;
        size_t wanted = qnt_dense_pointers(exec, node), ic = (size_t)node->problem.ic;
        pointers = wanted > pointers ? wanted : pointers;
        channels = ic > channels ? ic : channels;
    }
    exec->rows = calloc(pointers, sizeof(*exec->rows));
    exec->zeros = calloc(channels, sizeof(*exec->zeros));
    return exec->rows && exec->zeros ? 0 : -ENOMEM;
}

int qnt_float_open(const struct qnt_graph *graph, struct qnt_float **out, struct qnt_error *error)
{
    struct qnt_float *exec = calloc(1, sizeof(*exec));

    *out = NULL;
    if (!exec)
        goto fail;
    exec->graph = graph;
    exec->kernel = qnt_tile_choose();
    if (open_buffers(exec))
        goto fail;
    *out = exec;
    return 0;
fail:
    qnt_float_close(exec);
    return qnt_error_set(error, -ENOMEM, "%s: not enough memory for the tensors of %d nodes",
                         graph->name ? graph->name : "graph", graph->count);
}

void qnt_float_close(struct qnt_float *exec)
{
    if (!exec)
        return;
    for (int32_t i = 0; i < exec->graph->count; i++) {
        if (exec->tensors)
            free(exec->tensors[i]);
        if (exec->packed)
            free(exec->packed[i]);
    }
    free(exec->tensors);
    free(exec->packed);
    free(exec->rows);
    free(exec->zeros);
    free(exec);
}
