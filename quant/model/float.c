#include "quant/model/float_int.h"

#include <assert.h>
#include <cblas.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* Elements of the patch matrix; 0 if the node needs none. */
static size_t patch_elements(const struct qnt_node *node)
{
    const struct krn_problem *p = &node->problem;
    if (node->op != QNT_OP_CONV || krn_problem_is_depthwise(p) || krn_problem_is_pointwise(p))
        return 0;
    return (size_t)p->oh * (size_t)p->ow * (size_t)p->kh * (size_t)p->kw *
           (size_t)(p->ic / p->groups);
}

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
    if (node->op != QNT_OP_CONV || !krn_problem_is_depthwise(&node->problem))
        return 0;
    exec->taps[index] = transpose_taps(node);
    return exec->taps[index] ? 0 : -ENOMEM;
}

static int open_buffers(struct qnt_float *exec)
{
    const size_t count = (size_t)exec->graph->count;
    size_t patches = 1;

    exec->tensors = calloc(count, sizeof(*exec->tensors));
    exec->taps = calloc(count, sizeof(*exec->taps));
    if (!exec->tensors || !exec->taps)
        return -ENOMEM;
    for (int32_t i = 0; i < exec->graph->count; i++) {
        size_t wanted = patch_elements(&exec->graph->nodes[i]);
        patches = wanted > patches ? wanted : patches;
        if (open_node(exec, i))
            return -ENOMEM;
    }
    exec->patches = patches > SIZE_MAX / sizeof(float) ? NULL : malloc(patches * sizeof(float));
    return exec->patches ? 0 : -ENOMEM;
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
        if (exec->taps)
            free(exec->taps[i]);
    }
    free(exec->tensors);
    free(exec->taps);
    free(exec->patches);
    free(exec);
}
