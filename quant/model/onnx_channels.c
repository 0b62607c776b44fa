/* What works on each element, or on each channel by itself. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/sampling.h"

/* ---- x * weight[c] + bias[c] */

int onnx_import_batchnorm(struct onnx *o)
{
    struct onnx_view x;
    const struct onnx_const *c;
    float *p[4] = { NULL, NULL, NULL, NULL }; /* gamma, beta, mean, variance */
    float epsilon;
    int64_t off, spatial;
    int rc = onnx_input_plain(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_float(o, "epsilon", 1e-5f, &epsilon);
    if (rc == 0)
        rc = onnx_attr_int(o, "training_mode", 0, 0, 0, &off);
    if (rc == 0)
        rc = onnx_attr_int(o, "spatial", 1, 1, 1, &spatial);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_BATCHNORM, &x);
    const size_t channels = (size_t)node.c;
    for (size_t i = 0; rc == 0 && i < 4; i++) {
        rc = onnx_input_const(o, i + 1, ONNX_REAL, &c);
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
        return onnx_emit(o, 0, &node, &x);
    qnt_node_clear(&node);
    return rc;
}

/* The dimension of v along which a constant has its values, by numpy's rule: shapes are aligned at
 * their ends. One value for all: that of channels. */
static int axis_of_constant(const struct onnx *o, const struct onnx_const *c,
                            const struct onnx_view *v, int *axis)
{
    *axis = v->rank > 1 ? 1 : 0;
    if (c->count == 1 && c->rank <= v->rank)
        return 0;
    for (int i = 0; i < c->rank; i++) {
        const int at = i + v->rank - c->rank;
        if (c->dims[i] == 1)
            continue;
        if (at < 0 || c->dims[i] != onnx_dim(v, at) || (size_t)c->dims[i] != c->count)
            return onnx_fail(o, -ENOTSUP,
                             "has a constant of %zu elements that is not one value per channel;"
                             " if this belongs to the decoding of detections, take the tensors"
                             " before it as results with --output-blob=NAME",
                             c->count);
        *axis = at;
    }
    return 0;
}

/* Gives v so many dimensions, in front. */
static int widen(struct onnx *o, struct onnx_view *v, int rank)
{
    int64_t dims[ONNX_RANK_MAX];
    const int more = rank - v->rank;

    for (int i = 0; i < rank; i++)
        dims[i] = i < more ? 1 : onnx_dim(v, i - more);
    return more > 0 ? onnx_reshape(o, v, rank, dims) : 0;
}

/* The layer x -> factor[i] * x + shift[i] along `axis`, where a constant holds the one and `other`
 * is the other; as output 0, or (out not NULL) as a part. */
static int emit_affine(struct onnx *o, const struct onnx_view *x, const struct onnx_const *c,
                       int is_factor, float other, struct onnx_view *out)
{
    struct onnx_view wide = *x, plain;
    const struct onnx_view *v = &wide;
    float *values = NULL;
    int axis = 0, rc = widen(o, &wide, c->rank);

    if (rc == 0)
        rc = axis_of_constant(o, c, v, &axis);
    if (rc == 0)
        rc = onnx_axis_first(o, v, axis, &plain);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_BATCHNORM, &plain);
    const size_t channels = (size_t)node.c;
    node.weight_count = node.bias_count = channels;
    rc = onnx_floats(o, c, c->count, &values);
    if (rc == 0)
        rc = onnx_zeros(o, channels, &node.weight);
    if (rc == 0)
        rc = onnx_zeros(o, channels, &node.bias);
    for (size_t i = 0; rc == 0 && i < channels; i++) {
        const float value = values[c->count == 1 ? 0 : i];
        node.weight[i] = is_factor ? value : other;
        node.bias[i] = is_factor ? other : value;
    }
    free(values);
    if (rc) {
        qnt_node_clear(&node);
        return rc;
    }
    const struct onnx_view back = onnx_axis_back(v, axis, o->graph->count, onnx_dim(v, axis));
    if (!out)
        return onnx_emit(o, 0, &node, &back);
    *out = back;
    return onnx_emit_part(o, &node, "affine", &out->node);
}

/* The same with one number for all. */
static int emit_affine_by(struct onnx *o, const struct onnx_view *v, float factor, float shift,
                          struct onnx_view *out)
{
    const struct onnx_const c = { .type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT,
                                  .count = 1,
                                  .stride = sizeof(factor),
                                  .data = &factor };
    return emit_affine(o, v, &c, 1, shift, out);
}

int onnx_import_negate(struct onnx *o)
{
    struct onnx_view x;
    int rc = onnx_input(o, 0, &x);
    return rc ? rc : emit_affine_by(o, &x, -1, 0, NULL);
}

/* With 1 / c in place of c. */
static int reciprocal(struct onnx *o, struct onnx_const *c)
{
    struct onnx_const from = *c;
    void *data;
    int rc = onnx_const_new(o, ONNX_REAL, from.rank, from.dims, c, &data);

    for (size_t i = 0; rc == 0 && i < from.count; i++) {
        ((float *)data)[i] = (float)(1 / onnx_real_at(&from, i));
        if (!isfinite(((float *)data)[i]))
            rc = onnx_fail(o, -EINVAL, "divides by element %zu of a constant, which is %g", i,
                           onnx_real_at(&from, i));
    }
    return rc;
}

static int negated(struct onnx *o, struct onnx_const *c)
{
    struct onnx_const from = *c;
    void *data;
    int rc = onnx_const_new(o, ONNX_REAL, from.rank, from.dims, c, &data);

    for (size_t i = 0; rc == 0 && i < from.count; i++)
        ((float *)data)[i] = (float)-onnx_real_at(&from, i);
    return rc;
}

/* Input `at` is the constant, the other one a tensor. */
static int import_with_constant(struct onnx *o, size_t at)
{
    const enum onnx_pair kind = (enum onnx_pair)o->op->kind;
    struct onnx_view x;
    const struct onnx_const *given;
    struct onnx_const c;
    int rc = onnx_input(o, 1 - at, &x);

    if (rc == 0)
        rc = onnx_input_any(o, at, &given);
    if (rc)
        return rc;
    c = *given;
    if (kind == ONNX_DIV && at == 0)
        return onnx_fail(o, -ENOTSUP, "divides a constant by a tensor, which is not supported");
    if (kind == ONNX_DIV)
        rc = reciprocal(o, &c);
    if (kind == ONNX_SUB && at == 1)
        rc = negated(o, &c);
    if (rc)
        return rc;
    if (kind == ONNX_MUL || kind == ONNX_DIV)
        return emit_affine(o, &x, &c, 1, 0, NULL);
    return emit_affine(o, &x, &c, 0, kind == ONNX_SUB && at == 0 ? -1 : 1, NULL);
}

/* ---- Two tensors */

static int same_axes(const struct qnt_node *a, const struct qnt_node *b)
{
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

static int same_view(const struct onnx *o, const struct onnx_view *a, const struct onnx_view *b)
{
    if (a->rank != b->rank || !same_axes(onnx_node_of(o, a), onnx_node_of(o, b)))
        return 0;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i] || a->perm[i] != b->perm[i])
            return 0;
    return 1;
}

/* Repeats a plain tensor along the axes on which it has one element only. */
static int spread(struct onnx *o, const int32_t want[3], int32_t *node)
{
    static const struct qnt_place exchange = { { 2, 1, 0 }, { 0 } },
                                  none = { { 0 }, { 0 } }; /* h and c */
    const struct qnt_node *n = &o->graph->nodes[*node];
    int32_t have[3] = { n->h, n->w, n->c };
    const int32_t chw[3] = { want[2], want[0], want[1] };
    int rc = 0;

    for (int k = 0; k < 3; k++)
        if (have[k] != want[k] && have[k] != 1)
            return onnx_fail(o, -ENOTSUP,
                             "its inputs are [%d][%d][%d] and [%d][%d][%d] (h, w, c); each axis"
                             " must be equal, or 1",
                             have[0], have[1], have[2], want[0], want[1], want[2]);
    if (have[2] != want[2]) {
        const int32_t turned[3] = { have[0], 1, have[1] }, all[3] = { have[0], want[2], have[1] };
        const int32_t back[3] = { want[2], have[0], have[1] };
        rc = onnx_emit_move(o, QNT_OP_PERMUTE, turned, exchange, node);
        if (rc == 0)
            rc = onnx_emit_move(o, QNT_OP_UPSAMPLE, all, none, node);
        if (rc == 0)
            rc = onnx_emit_move(o, QNT_OP_PERMUTE, back, exchange, node);
    }
    if (rc == 0 && (have[0] != want[0] || have[1] != want[1]))
        rc = onnx_emit_move(o, QNT_OP_UPSAMPLE, chw, none, node);
    return rc;
}

/* Brings both to one shape; of a product, the second may stay one factor per channel. */
static int match(struct onnx *o, enum qnt_op op, struct onnx_view *x, struct onnx_view *y)
{
    const int rank = x->rank > y->rank ? x->rank : y->rank;
    int32_t want[3];

    if (same_view(o, x, y))
        return 0;
    int rc = widen(o, x, rank);
    if (rc == 0)
        rc = widen(o, y, rank);
    if (rc == 0)
        rc = onnx_plain(o, x);
    if (rc == 0)
        rc = onnx_plain(o, y);
    if (rc)
        return rc;
    int64_t first = 1, second = 1, both = 1;
    for (int i = 0; i < rank; i++) {
        first *= x->dims[i];
        second *= y->dims[i];
        both *= x->dims[i] > y->dims[i] ? x->dims[i] : y->dims[i];
        if (both > QNT_ELEMENTS_MAX)
            return onnx_fail(o, -EINVAL, "a result of that many elements is out of range");
    }
    if (first < second) { /* sums and products may be exchanged */
        const struct onnx_view swap = *x;
        *x = *y;
        *y = swap;
    }
    const struct qnt_node *a = onnx_node_of(o, x), *b = onnx_node_of(o, y);
    if (op == QNT_OP_MUL && b->h == 1 && b->w == 1 && b->c == a->c)
        return 0;
    for (int i = 0; i < rank; i++)
        x->dims[i] = x->dims[i] > y->dims[i] ? x->dims[i] : y->dims[i];
    onnx_axes(rank, x->dims, want);
    const int32_t hwc[3] = { want[1], want[2], want[0] };
    rc = spread(o, hwc, &x->node);
    return rc ? rc : spread(o, hwc, &y->node);
}

static int emit_pair(struct onnx *o, enum qnt_op op, struct onnx_view x, struct onnx_view y,
                     struct onnx_view *out)
{
    int rc = match(o, op, &x, &y);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, op, &x);
    node.inputs[1] = y.node;
    node.input_count = 2;
    if (!out)
        return onnx_emit(o, 0, &node, &x);
    *out = x;
    return onnx_emit_part(o, &node, qnt_op_names[op], &out->node);
}

int onnx_import_affine(struct onnx *o)
{
    const enum onnx_pair kind = (enum onnx_pair)o->op->kind;
    struct onnx_view x, y;

    for (size_t i = 0; i < 2; i++) /* one of the two may be a constant */
        if (onnx_input_is_const(o, i))
            return import_with_constant(o, i);
    int rc = onnx_input(o, 0, &x);
    if (rc == 0)
        rc = onnx_input(o, 1, &y);
    if (rc == 0 && kind == ONNX_DIV)
        rc = onnx_fail(o, -ENOTSUP, "divides by a tensor, which is not supported");
    if (rc == 0 && kind == ONNX_SUB)
        rc = emit_affine_by(o, &y, -1, 0, &y);
    return rc ? rc : emit_pair(o, kind == ONNX_MUL ? QNT_OP_MUL : QNT_OP_ADD, x, y, NULL);
}

int onnx_import_sum(struct onnx *o)
{
    struct onnx_view sum, x;
    int rc = onnx_input(o, 0, &sum);

    if (rc == 0 && o->node->n_input == 1)
        return onnx_alias(o, 0, &sum);
    for (size_t i = 1; rc == 0 && i < o->node->n_input; i++) {
        rc = onnx_input(o, i, &x);
        if (rc == 0)
            rc = emit_pair(o, QNT_OP_ADD, sum, x, i + 1 < o->node->n_input ? &sum : NULL);
    }
    return rc;
}

/* ---- One tensor, each element by itself: on it as it lies. */

/* Limits are attributes, or inputs 1 and 2; of Max and Min, any input that is a constant. */
int onnx_import_clip(struct onnx *o)
{
    const struct onnx_const *c;
    struct onnx_view x;
    const size_t at = o->op->kind ? (size_t)onnx_input_is_const(o, 0) : 0;
    float limits[2] = { o->op->lo, o->op->hi };
    int rc = onnx_input(o, at, &x);

    if (rc == 0 && !o->op->kind)
        rc = onnx_attr_float(o, "min", o->op->lo, &limits[0]);
    if (rc == 0 && !o->op->kind)
        rc = onnx_attr_float(o, "max", o->op->hi, &limits[1]);
    for (size_t i = 0; rc == 0 && i < o->node->n_input; i++) {
        if (i == at || !onnx_has_input(o, i))
            continue;
        rc = onnx_input_any(o, i, &c);
        if (rc == 0)
            rc = onnx_scalar(o, c,
                             o->op->kind ? &limits[o->op->kind == ONNX_C_MIN] : &limits[i - 1]);
    }
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_CLIP, &x);
    node.lo = limits[0];
    node.hi = limits[1];
    if (!(node.lo <= node.hi))
        return onnx_fail(o, -EINVAL, "clips to [%g, %g], which is empty", (double)node.lo,
                         (double)node.hi);
    return onnx_emit(o, 0, &node, &x);
}

int onnx_import_function(struct onnx *o)
{
    struct onnx_view x;
    float alpha, beta;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_attr_float(o, "alpha", o->op->alpha, &alpha);
    if (rc == 0)
        rc = onnx_attr_float(o, "beta", o->op->beta, &beta);
    if (rc == 0 && !(isfinite(alpha) && isfinite(beta)))
        rc = onnx_fail(o, -EINVAL, "alpha %g and beta %g are not both finite", (double)alpha,
                       (double)beta);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_FUNCTION, &x);
    node.function = o->op->function;
    node.alpha = alpha;
    node.beta = beta;
    return onnx_emit(o, 0, &node, &x);
}

/* max(x, 0) + slope[c] * min(x, 0) */
static int emit_slopes(struct onnx *o, const struct onnx_view *x, const struct onnx_const *slope)
{
    struct onnx_view positive = *x, negative = *x;
    struct qnt_node node = onnx_node_on(o, QNT_OP_CLIP, x);

    node.lo = 0;
    int rc = onnx_emit_part(o, &node, "positive", &positive.node);
    node = onnx_node_on(o, QNT_OP_CLIP, x);
    node.hi = 0;
    if (rc == 0)
        rc = onnx_emit_part(o, &node, "negative", &negative.node);
    if (rc == 0)
        rc = emit_affine(o, &negative, slope, 1, 0, &negative);
    return rc ? rc : emit_pair(o, QNT_OP_ADD, positive, negative, NULL);
}

int onnx_import_prelu(struct onnx *o)
{
    const struct onnx_const *slope;
    struct onnx_view x;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_REAL, &slope);
    if (rc)
        return rc;
    int uniform = slope->count > 0;
    for (size_t i = 1; uniform && i < slope->count; i++)
        uniform = onnx_real_at(slope, i) == onnx_real_at(slope, 0);
    if (!uniform || !isfinite(onnx_real_at(slope, 0)))
        return emit_slopes(o, &x, slope);
    struct qnt_node node = onnx_node_on(o, QNT_OP_FUNCTION, &x);
    node.function = QNT_FN_LEAKY;
    node.alpha = (float)onnx_real_at(slope, 0);
    return onnx_emit(o, 0, &node, &x);
}

int onnx_import_lrn(struct onnx *o)
{
    struct onnx_view x;
    int64_t size;
    float alpha, beta, bias;
    const char *why;
    int rc = onnx_input_of_rank(o, 0, 4, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "size", 0, 1, INT32_MAX, &size);
    if (rc == 0)
        rc = onnx_attr_float(o, "alpha", 1e-4f, &alpha);
    if (rc == 0)
        rc = onnx_attr_float(o, "beta", 0.75f, &beta);
    if (rc == 0)
        rc = onnx_attr_float(o, "bias", 1, &bias);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_LRN, &x);
    rc = qnt_lrn_set(&node.lrn, (double)size, alpha, beta, bias, &why);
    if (rc)
        return onnx_fail(o, rc, "size %lld, alpha %g, beta %g, bias %g: %s", (long long)size,
                         (double)alpha, (double)beta, (double)bias, why);
    return onnx_emit(o, 0, &node, &x);
}
