#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT

/* ---- Channel-wise arithmetic */

int onnx_import_batchnorm(struct onnx *o)
{
    const struct onnx_value *x;
    const struct onnx_const *c;
    float *p[4] = { NULL, NULL, NULL, NULL }; /* gamma, beta, mean, variance */
    float epsilon;
    int64_t off, spatial;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_float(o, "epsilon", 1e-5f, &epsilon);
    if (rc == 0)
        rc = onnx_attr_int(o, "training_mode", 0, 0, 0, &off);
    if (rc == 0)
        rc = onnx_attr_int(o, "spatial", 1, 1, 1, &spatial);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_BATCHNORM, x);
    const size_t channels = (size_t)node.c;
    for (size_t i = 0; rc == 0 && i < 4; i++) {
        rc = onnx_input_const(o, i + 1, FLOAT, &c);
        if (rc == 0)
            rc = onnx_floats(o, c, channels, &p[i]);
    }
    for (size_t i = 0; rc == 0 && i < channels; i++) {
        double spread = (double)p[3][i] + (double)epsilon;
        double scale = (double)p[0][i] / sqrt(spread);
        p[1][i] = (float)((double)p[1][i] - (double)p[2][i] * scale);
        p[0][i] = (float)scale;
        if (!(spread > 0) || !isfinite(p[0][i]) || !isfinite(p[1][i]))
            rc = onnx_fail(o, -EINVAL,
                           "channel %zu: variance %g plus epsilon %g cannot be divided by", i,
                           (double)p[3][i], (double)epsilon);
    }
    node.weight = p[0];
    node.bias = p[1];
    node.weight_count = node.bias_count = channels;
    free(p[2]);
    free(p[3]);
    if (rc == 0)
        return onnx_emit(o, &node, x->rank);
    qnt_node_clear(&node);
    return rc;
}

/* Whether a constant is one value, or one value per channel of a tensor of `rank`: [c][1][1] or
 * [1][c][1][1] beside [n][c][h][w], and [c] or [1][c] beside [n][c]. */
static int is_per_channel(const struct onnx_const *c, int rank, int64_t channels)
{
    if (c->count == 1)
        return 1;
    if (c->rank > rank || c->rank < rank - 1)
        return 0;
    for (int i = 0; i < c->rank; i++) {
        int axis = i + rank - c->rank; /* numpy's rule: shapes are aligned at the end */
        if (c->dims[i] != (axis == 1 ? channels : 1))
            return 0;
    }
    return 1;
}

/* x + constant is a batch normalisation that scales by 1. */
static int emit_shift(struct onnx *o, const struct onnx_value *x, const struct onnx_const *c)
{
    struct qnt_node node = onnx_node_on(o, QNT_OP_BATCHNORM, x);
    const size_t channels = (size_t)node.c;
    float *values = NULL;
    int rc;

    if (!is_per_channel(c, x->rank, node.c))
        return onnx_fail(o, -ENOTSUP, "adds a constant that is not one value per channel");
    node.weight_count = node.bias_count = channels;
    rc = onnx_floats(o, c, c->count, &values);
    if (rc == 0)
        rc = onnx_zeros(o, channels, &node.weight);
    if (rc == 0)
        rc = onnx_zeros(o, channels, &node.bias);
    for (size_t i = 0; rc == 0 && i < channels; i++) {
        node.weight[i] = 1;
        node.bias[i] = values[c->count == 1 ? 0 : i];
    }
    free(values);
    if (rc == 0)
        return onnx_emit(o, &node, x->rank);
    qnt_node_clear(&node);
    return rc;
}

int onnx_import_add(struct onnx *o)
{
    const struct onnx_value *x, *y;
    const struct onnx_const *c;

    for (size_t i = 0; i < 2; i++) { /* one of the two may be a constant */
        const struct onnx_value *other = onnx_find(o, o->node->input[i]);
        if (!other || other->kind != ONNX_CONST)
            continue;
        int rc = onnx_input(o, 1 - i, &x);
        if (rc == 0)
            rc = onnx_input_const(o, i, FLOAT, &c);
        return rc ? rc : emit_shift(o, x, c);
    }
    int rc = onnx_input(o, 0, &x);
    if (rc == 0)
        rc = onnx_input(o, 1, &y);
    if (rc)
        return rc;
    const struct qnt_node *a = onnx_node_of(o, x), *b = onnx_node_of(o, y);
    if (a->h != b->h || a->w != b->w || a->c != b->c || x->rank != y->rank)
        return onnx_fail(o, -ENOTSUP,
                         "adds [%d][%d][%d] and [%d][%d][%d] (h, w, c); only equal shapes"
                         " are supported",
                         a->h, a->w, a->c, b->h, b->w, b->c);
    struct qnt_node node = onnx_node_on(o, QNT_OP_ADD, x);
    node.inputs[1] = y->node;
    node.input_count = 2;
    return onnx_emit(o, &node, x->rank);
}

int onnx_import_clip(struct onnx *o)
{
    const struct onnx_value *x;
    const struct onnx_const *c;
    int rc = onnx_input(o, 0, &x);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_CLIP, x);
    float limits[2];
    rc = onnx_attr_float(o, "min", o->op->lo, &limits[0]);
    if (rc == 0)
        rc = onnx_attr_float(o, "max", o->op->hi, &limits[1]);
    for (size_t i = 1; rc == 0 && i <= 2; i++)
        if (onnx_has_input(o, i)) {
            rc = onnx_input_const(o, i, FLOAT, &c);
            if (rc == 0)
                rc = onnx_scalar(o, c, &limits[i - 1]);
        }
    if (rc)
        return rc;
    node.lo = limits[0];
    node.hi = limits[1];
    if (!(node.lo <= node.hi))
        return onnx_fail(o, -EINVAL, "clips to [%g, %g], which is empty", (double)node.lo,
                         (double)node.hi);
    return onnx_emit(o, &node, x->rank);
}
