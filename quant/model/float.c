#include "quant/model/float_int.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int has_weights(const struct qnt_node *node)
{
    return node->op == QNT_OP_CONV || node->op == QNT_OP_LINEAR;
}

static void clamp(const struct qnt_node *node, float *x)
{
    if ((isinf(node->lo) && isinf(node->hi)) || has_weights(node)) /* they have done it */
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
    qnt_run_ops[exec->graph->nodes[node].op](exec, node, exec->tensors[node]);
    clamp(&exec->graph->nodes[node], exec->tensors[node]);
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

static int open_node(struct qnt_float *exec, int32_t index, size_t *scratch)
{
    const struct qnt_node *node = &exec->graph->nodes[index];

    *scratch = 0;
    exec->tensors[index] = malloc(qnt_node_elements(node) * sizeof(float));
    if (!exec->tensors[index])
        return -ENOMEM;
    return has_weights(node) ? qnt_float_layer_open(node, &exec->layers[index], scratch) : 0;
}

static int open_buffers(struct qnt_float *exec)
{
    const size_t count = (size_t)exec->graph->count;
    size_t most = 1, wanted;

    exec->tensors = calloc(count, sizeof(*exec->tensors));
    exec->layers = calloc(count, sizeof(*exec->layers));
    if (!exec->tensors || !exec->layers)
        return -ENOMEM;
    for (int32_t i = 0; i < exec->graph->count; i++) {
        if (open_node(exec, i, &wanted))
            return -ENOMEM;
        most = wanted > most ? wanted : most;
    }
    exec->scratch = most > SIZE_MAX / sizeof(float) ? NULL : malloc(most * sizeof(float));
    return exec->scratch ? 0 : -ENOMEM;
}

int qnt_float_open(const struct qnt_graph *graph, struct qnt_float **out, struct qnt_error *error)
{
    struct qnt_float *exec = calloc(1, sizeof(*exec));

    *out = NULL;
    if (!exec)
        goto fail;
    exec->graph = graph;
    /* The threads of the caller are the parallelism: a product of this size is over before a second
     * thread wakes. */
    openblas_set_num_threads(1);
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
        if (exec->layers)
            qnt_float_layer_close(&exec->layers[i]);
    }
    free(exec->tensors);
    free(exec->layers);
    free(exec->scratch);
    free(exec);
}
