#include "quant/model/onnx_int.h"

#include <errno.h>
#include <string.h>

#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

/* ---- Reductions */

static int emit_global(struct onnx *o, const struct onnx_value *x, int rank)
{
    struct qnt_node node = onnx_node_on(o, QNT_OP_GLOBAL_AVGPOOL, x);
    node.h = node.w = 1;
    return onnx_emit(o, &node, rank);
}

int onnx_import_global(struct onnx *o)
{
    const struct onnx_value *x;
    int rc = onnx_input_of_rank(o, 0, 4, &x);
    return rc ? rc : emit_global(o, x, 4);
}

/* The axes of a reduction, from the attribute or (since operator set 18) from the second input. */
static int reduces_h_and_w(const struct onnx *o, int *yes)
{
    const Onnx__AttributeProto *a = onnx_attr(o, "axes");
    const struct onnx_const *c = NULL;
    int seen[4] = { 0, 0, 0, 0 };

    *yes = 0;
    if (onnx_has_input(o, 1)) {
        int rc = onnx_input_const(o, 1, INT64, &c);
        if (rc)
            return rc;
    }
    size_t count = c ? c->count : a ? a->n_ints : 0;
    for (size_t i = 0; i < count; i++) {
        int64_t axis = c ? onnx_int_at(c, i) : a->ints[i];
        if (axis < -4 || axis > 3)
            return onnx_fail(o, -EINVAL, "axis %lld of a tensor of 4 dimensions", (long long)axis);
        seen[(axis + 4) % 4] = 1;
    }
    *yes = !seen[0] && !seen[1] && seen[2] && seen[3];
    return 0;
}

int onnx_import_reduce_mean(struct onnx *o)
{
    const struct onnx_value *x;
    int64_t keep, noop;
    int both;
    int rc = onnx_input_of_rank(o, 0, 4, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "keepdims", 1, 0, 1, &keep);
    if (rc == 0)
        rc = onnx_attr_int(o, "noop_with_empty_axes", 0, 0, 1, &noop);
    if (rc == 0)
        rc = reduces_h_and_w(o, &both);
    if (rc == 0 && !both)
        rc = onnx_fail(o, -ENOTSUP,
                       "only the mean over height and width (axes 2 and 3) is supported");
    return rc ? rc : emit_global(o, x, keep ? 4 : 2);
}

/* ---- Shapes */

/* The axis of channels, however it is counted. */
static int check_axis(const struct onnx *o, int rank, int64_t fallback)
{
    int64_t axis;
    int rc = onnx_attr_int(o, "axis", fallback, INT32_MIN, INT32_MAX, &axis);
    if (rc == 0 && axis != 1 && axis != 1 - rank)
        rc = onnx_fail(o, -ENOTSUP, "axis %lld: only the axis of channels, 1, is supported",
                       (long long)axis);
    return rc;
}

int onnx_import_concat(struct onnx *o)
{
    struct qnt_node node = qnt_node_blank(QNT_OP_CONCAT);
    const struct onnx_value *first, *x;
    int64_t channels = 0;
    int rc = onnx_input(o, 0, &first);

    if (rc == 0)
        rc = check_axis(o, first->rank, INT32_MAX);
    for (size_t i = 0; rc == 0 && i < o->node->n_input; i++) {
        rc = onnx_input(o, i, &x);
        if (rc)
            break;
        const struct qnt_node *a = onnx_node_of(o, first), *b = onnx_node_of(o, x);
        if (a->h != b->h || a->w != b->w || x->rank != first->rank)
            rc = onnx_fail(o, -EINVAL, "inputs of %dx%d and %dx%d cannot stand side by side", a->h,
                           a->w, b->h, b->w);
        node.inputs[node.input_count++] = x->node;
        channels += b->c;
    }
    if (rc)
        return rc;
    if (channels > INT32_MAX)
        return onnx_fail(o, -EINVAL, "%lld channels are too many", (long long)channels);
    node.h = onnx_node_of(o, first)->h;
    node.w = onnx_node_of(o, first)->w;
    node.c = (int32_t)channels;
    return onnx_emit(o, &node, first->rank);
}

/* To [n][c * h * w]; a tensor of one pixel only changes its rank. */
static int emit_flat(struct onnx *o, const struct onnx_value *x)
{
    struct qnt_node node = onnx_node_on(o, QNT_OP_RESHAPE, x);
    if (node.h == 1 && node.w == 1)
        return onnx_alias(o, x, 2);
    node.c = (int32_t)qnt_node_elements(&node); /* at most QNT_ELEMENTS_MAX */
    node.h = node.w = 1;
    return onnx_emit(o, &node, 2);
}

int onnx_import_flatten(struct onnx *o)
{
    const struct onnx_value *x;
    int rc = onnx_input(o, 0, &x);
    if (rc == 0)
        rc = check_axis(o, x->rank, 1);
    return rc ? rc : emit_flat(o, x);
}

int onnx_import_reshape(struct onnx *o)
{
    const struct onnx_value *x;
    const struct onnx_const *shape;
    int64_t zero;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_input_const(o, 1, INT64, &shape);
    if (rc == 0)
        rc = onnx_attr_int(o, "allowzero", 0, 0, 0, &zero);
    if (rc)
        return rc;
    const struct qnt_node *in = onnx_node_of(o, x);
    const int64_t count = (int64_t)qnt_node_elements(in);
    if (shape->count != 2)
        return onnx_fail(o, -ENOTSUP, "reshapes to %zu dimensions; only to 2 is supported",
                         shape->count);
    int64_t rows = onnx_int_at(shape, 0), columns = onnx_int_at(shape, 1);
    if (columns == 0)
        columns = in->c; /* 0 stands for "as it was" */
    int one_row = (rows == 1 || rows == 0) && (columns == -1 || columns == count);
    if (!one_row && !(rows == -1 && columns == count))
        return onnx_fail(o, -ENOTSUP, "reshapes to [%lld][%lld]; only [1][%lld] is supported",
                         (long long)rows, (long long)columns, (long long)count);
    return emit_flat(o, x);
}

/* Some exporters put a padding by nothing before every pool. */
int onnx_import_pad(struct onnx *o)
{
    const Onnx__AttributeProto *a = onnx_attr(o, "pads");
    const struct onnx_const *c = NULL;
    const struct onnx_value *x;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0 && onnx_has_input(o, 1))
        rc = onnx_input_const(o, 1, INT64, &c);
    if (rc)
        return rc;
    for (size_t i = 0; i < (c ? c->count : a ? a->n_ints : 0); i++)
        if (c ? onnx_int_at(c, i) : a->ints[i])
            return onnx_fail(o, -ENOTSUP,
                             "only a padding of 0 is supported; convolutions and pools have"
                             " their own");
    return onnx_alias(o, x, x->rank);
}

int onnx_import_softmax(struct onnx *o)
{
    const struct onnx_value *x;
    int rc = onnx_input(o, 0, &x);
    if (rc == 0)
        rc = check_axis(o, x->rank, o->opset < 13 ? 1 : -1);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_SOFTMAX, x);
    if (o->opset < 13 && (node.h != 1 || node.w != 1))
        return onnx_fail(o, -ENOTSUP, "before operator set 13 it runs over all of c, h and w");
    return onnx_emit(o, &node, x->rank);
}

/* Scores are wanted before the softmax, so the logarithm of one can only be dropped, at the end. */
int onnx_import_log_softmax(struct onnx *o)
{
    const struct onnx_value *x;
    const Onnx__GraphProto *graph = o->model->graph;
    int rc = onnx_input_of_rank(o, 0, 2, &x);
    if (rc == 0)
        rc = check_axis(o, x->rank, o->opset < 13 ? 1 : -1);
    if (rc == 0 && (graph->n_output != 1 || !graph->output[0]->name ||
                    strcmp(graph->output[0]->name, o->node->output[0]) != 0))
        rc = onnx_fail(o, -ENOTSUP, "only supported as the last node");
    return rc ? rc : onnx_alias(o, x, x->rank);
}
