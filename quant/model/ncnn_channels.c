/* What works on each element or channel by itself. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/ncnn_int.h"

/* Parameter 0 of a Scale whose factors are another blob. */
enum { SCALE_BY_BLOB = -233 };

/* ---- x * weight[c] + bias[c] */

static int emit_affine(struct ncnn *n, float *weight, float *bias)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_BATCHNORM);
    const size_t channels = (size_t)node.c;

    node.weight = weight;
    node.bias = bias;
    node.weight_count = node.bias_count = channels;
    for (size_t i = 0; i < channels; i++)
        if (!isfinite(weight[i]) || !isfinite(bias[i])) {
            qnt_node_clear(&node);
            return ncnn_fail(n, -EINVAL, "channel %zu: its factor or shift is not finite", i);
        }
    return ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
}

/* The same for all channels. */
static int emit_affine_scalar(struct ncnn *n, float factor, float shift)
{
    const size_t channels = (size_t)ncnn_node_of(n, ncnn_input(n, 0))->c;
    float *weight = malloc(channels * sizeof(*weight)), *bias = malloc(channels * sizeof(*bias));

    if (!weight || !bias) {
        free(weight);
        free(bias);
        return ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    for (size_t i = 0; i < channels; i++) {
        weight[i] = factor;
        bias[i] = shift;
    }
    return emit_affine(n, weight, bias);
}

/* Channels of the layer, as a parameter says, are those of its input. */
static int read_channels(const struct ncnn *n, size_t *out)
{
    const int32_t have = ncnn_node_of(n, ncnn_input(n, 0))->c;
    int32_t said;
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &said);

    if (rc == 0 && said != have)
        rc = ncnn_fail(n, -EINVAL, "is for %d channels, its input has %d", said, have);
    *out = (size_t)have;
    return rc;
}

int ncnn_import_batchnorm(struct ncnn *n)
{
    float *p[4] = { NULL, NULL, NULL, NULL }; /* slope, mean, variance, bias */
    float epsilon;
    size_t channels;
    int rc = read_channels(n, &channels);

    if (rc == 0)
        rc = ncnn_float(n, 1, 0, &epsilon);
    for (size_t i = 0; rc == 0 && i < 4; i++)
        rc = ncnn_raw(n, channels, &p[i]);
    for (size_t i = 0; rc == 0 && i < channels; i++) {
        double spread = (double)p[2][i] + (double)epsilon;
        if (!(spread > 0))
            rc = ncnn_fail(n, -EINVAL,
                           "channel %zu: variance %g plus epsilon %g cannot be divided"
                           " by",
                           i, (double)p[2][i], (double)epsilon);
        double scale = (double)p[0][i] / sqrt(spread);
        p[3][i] = (float)((double)p[3][i] - (double)p[1][i] * scale);
        p[0][i] = (float)scale;
    }
    free(p[1]);
    free(p[2]);
    if (rc == 0)
        return emit_affine(n, p[0], p[3]);
    free(p[0]);
    free(p[3]);
    return rc;
}

/* Reads over `times` numbers for each of as many as parameter 0 says. */
static int skip_numbers(struct ncnn *n, size_t times)
{
    float *numbers = NULL;
    int32_t count;
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &count);

    for (size_t i = 0; rc == 0 && i < times; i++) {
        rc = ncnn_raw(n, (size_t)count, &numbers);
        free(numbers);
    }
    return rc;
}

int ncnn_skip_batchnorm(struct ncnn *n)
{
    return skip_numbers(n, 4);
}

int ncnn_skip_scale(struct ncnn *n)
{
    int32_t has_bias, size;
    int rc = ncnn_int(n, 1, 0, 0, 1, &has_bias);

    if (rc == 0)
        rc = ncnn_int(n, 0, 0, INT32_MIN, INT32_MAX, &size);
    if (rc == 0 && size == SCALE_BY_BLOB)
        return 0;
    return rc ? rc : skip_numbers(n, 1 + (size_t)has_bias);
}

int ncnn_skip_prelu(struct ncnn *n)
{
    return skip_numbers(n, 1);
}

/* ---- Activations */

int ncnn_import_clip(struct ncnn *n)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_CLIP);
    int rc = ncnn_float(n, 0, -FLT_MAX, &node.lo);

    if (rc == 0)
        rc = ncnn_float(n, 1, FLT_MAX, &node.hi);
    if (rc)
        return rc;
    if (!(node.lo <= node.hi))
        return ncnn_fail(n, -EINVAL, "clips to [%g, %g], which is empty", (double)node.lo,
                         (double)node.hi);
    node.lo = node.lo <= -FLT_MAX ? -INFINITY : node.lo;
    node.hi = node.hi >= FLT_MAX ? INFINITY : node.hi;
    return ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
}

int ncnn_import_relu(struct ncnn *n)
{
    float slope;
    int rc = ncnn_float(n, 0, 0, &slope);

    if (rc)
        return rc;
    struct qnt_node node = ncnn_node_on(n, slope == 0 ? QNT_OP_CLIP : QNT_OP_FUNCTION);
    if (slope == 0)
        node.lo = 0;
    node.function = QNT_FN_LEAKY;
    node.alpha = slope;
    return ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
}

int ncnn_import_function(struct ncnn *n)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_FUNCTION);
    int rc = ncnn_float(n, 0, 0.2f, &node.alpha);

    if (rc == 0)
        rc = ncnn_float(n, 1, 0.5f, &node.beta);
    node.function = n->op->function;
    return rc ? rc : ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
}

int ncnn_import_alpha(struct ncnn *n)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_FUNCTION);
    int rc = ncnn_float(n, 0, 0.1f, &node.alpha);

    node.function = n->op->function;
    return rc ? rc : ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
}

/* Room for a factor per channel, and no shift. */
static int with_factors(struct ncnn *n, struct qnt_node *node)
{
    const size_t channels = (size_t)node->c;
    node->weight_count = node->bias_count = channels;
    node->weight = malloc(channels * sizeof(*node->weight));
    node->bias = calloc(channels, sizeof(*node->bias));
    if (node->weight && node->bias)
        return 0;
    qnt_node_clear(node);
    return ncnn_fail(n, -ENOMEM, "not enough memory");
}

/* A part of the layer that works on `from`: x -> slope[c] * min(x, 0), or max(x, 0). */
static int emit_half(struct ncnn *n, enum qnt_op op, const char *what, int32_t from,
                     const float *slope, int32_t *index)
{
    struct qnt_node node = ncnn_node_on(n, op);
    char name[300];

    node.inputs[0] = from;
    if (op == QNT_OP_CLIP && slope)
        node.hi = 0;
    else if (op == QNT_OP_CLIP)
        node.lo = 0;
    else {
        int rc = with_factors(n, &node);
        if (rc)
            return rc;
        memcpy(node.weight, slope, (size_t)node.c * sizeof(*slope));
    }
    snprintf(name, sizeof(name), "%.250s.%s", n->name, what);
    return ncnn_emit_as(n, &node, ncnn_input(n, 0)->dims, name, -1, index);
}

/* One slope for all is a leaky ReLU; else max(x, 0) + slope[c] * min(x, 0). */
static int emit_slopes(struct ncnn *n, const float *slope, size_t count)
{
    const int32_t x = ncnn_input(n, 0)->node;
    int32_t positive, negative, scaled;

    if (count == 1) {
        struct qnt_node node = ncnn_node_on(n, QNT_OP_FUNCTION);
        node.function = QNT_FN_LEAKY;
        node.alpha = slope[0];
        return ncnn_emit(n, &node, ncnn_input(n, 0)->dims);
    }
    int rc = emit_half(n, QNT_OP_CLIP, "positive", x, NULL, &positive);
    if (rc == 0)
        rc = emit_half(n, QNT_OP_CLIP, "negative", x, slope, &negative);
    if (rc == 0)
        rc = emit_half(n, QNT_OP_BATCHNORM, "scaled", negative, slope, &scaled);
    if (rc)
        return rc;
    struct qnt_node sum = ncnn_node_on(n, QNT_OP_ADD);
    sum.inputs[0] = positive;
    sum.inputs[1] = scaled;
    sum.input_count = 2;
    return ncnn_emit(n, &sum, ncnn_input(n, 0)->dims);
}

int ncnn_import_prelu(struct ncnn *n)
{
    const int32_t channels = ncnn_node_of(n, ncnn_input(n, 0))->c;
    float *slope = NULL;
    int32_t count;
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &count);

    if (rc == 0 && count != 1 && count != channels)
        rc = ncnn_fail(n, -EINVAL, "has %d slopes, its input %d channels", count, channels);
    if (rc == 0)
        rc = ncnn_raw(n, (size_t)count, &slope);
    if (rc == 0)
        rc = emit_slopes(n, slope, (size_t)count);
    free(slope);
    return rc;
}

int ncnn_import_dropout(struct ncnn *n)
{
    float scale;
    int rc = ncnn_float(n, 0, 1, &scale);

    if (rc)
        return rc;
    return scale == 1 ? ncnn_import_split(n) : emit_affine_scalar(n, scale, 0);
}

/* ---- Two inputs */

static int same_shape(const struct qnt_node *a, const struct qnt_node *b)
{
    return a->h == b->h && a->w == b->w && a->c == b->c;
}

static int import_pair(struct ncnn *n, enum qnt_op op)
{
    const struct ncnn_blob *x = ncnn_input(n, 0), *y = ncnn_input(n, 1);
    const struct qnt_node *a = ncnn_node_of(n, x), *b = ncnn_node_of(n, y);
    const int factors = op == QNT_OP_MUL && a->c == b->c;

    struct qnt_node node = ncnn_node_on(n, op);
    node.inputs[1] = y->node;
    node.input_count = 2;
    if (same_shape(a, b) || (factors && b->h == 1 && b->w == 1))
        return ncnn_emit(n, &node, x->dims);
    if (!factors || a->h != 1 || a->w != 1)
        return ncnn_fail(n, -ENOTSUP,
                         "its inputs are [%d][%d][%d] and [%d][%d][%d] (h, w, c); supported are"
                         " equal shapes, and products with one factor per channel",
                         a->h, a->w, a->c, b->h, b->w, b->c);
    node.inputs[0] = y->node;
    node.inputs[1] = x->node;
    node.h = b->h;
    node.w = b->w;
    return ncnn_emit(n, &node, y->dims);
}

/* A part of the layer: input i times a factor. */
static int emit_factor(struct ncnn *n, size_t i, float factor, int32_t *index)
{
    const struct ncnn_blob *x = ncnn_input(n, i);
    struct qnt_node node = qnt_node_after(n->graph, x->node, QNT_OP_BATCHNORM);
    char name[300];

    if (!isfinite(factor))
        return ncnn_fail(n, -EINVAL, "factor %zu is not finite", i);
    int rc = with_factors(n, &node);
    if (rc)
        return rc;
    for (size_t c = 0; c < node.weight_count; c++)
        node.weight[c] = factor;
    snprintf(name, sizeof(name), "%.250s.factor%zu", n->name, i);
    return ncnn_emit_as(n, &node, x->dims, name, -1, index);
}

/* All inputs, of one shape, one after the other; factors NULL: none has one. */
static int import_series(struct ncnn *n, enum qnt_op op, const double *factors)
{
    const struct ncnn_blob *first = ncnn_input(n, 0);
    int32_t sum = first->node;
    int rc = factors && factors[0] != 1 ? emit_factor(n, 0, (float)factors[0], &sum) : 0;

    for (size_t i = 1; rc == 0 && i < n->input_count; i++) {
        struct qnt_node node = ncnn_node_on(n, op);
        const int last = i + 1 == n->input_count;
        char name[300];
        if (!same_shape(ncnn_node_of(n, first), ncnn_node_of(n, ncnn_input(n, i))))
            return ncnn_fail(n, -ENOTSUP, "inputs 0 and %zu differ in shape", i);
        node.inputs[0] = sum;
        node.inputs[1] = ncnn_input(n, i)->node;
        node.input_count = 2;
        if (factors && factors[i] != 1)
            rc = emit_factor(n, i, (float)factors[i], &node.inputs[1]);
        snprintf(name, sizeof(name), "%.250s.%zu", n->name, i);
        if (rc == 0)
            rc = ncnn_emit_as(n, &node, first->dims, last ? n->name : name, last ? 0 : -1, &sum);
    }
    return rc;
}

/* A constant for BinaryOp layers. */
static int read_memory(struct ncnn *n, struct ncnn_memory *m)
{
    int32_t w, h, c, depth, kind;
    int rc = ncnn_int(n, 0, 0, 0, INT32_MAX, &w);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, INT32_MAX, &h);
    if (rc == 0)
        rc = ncnn_int(n, 2, 0, 0, INT32_MAX, &c);
    if (rc == 0)
        rc = ncnn_int(n, 11, 0, 0, 0, &depth);
    if (rc == 0)
        rc = ncnn_int(n, 21, 1, 1, 1, &kind);
    if (rc)
        return rc;
    const int64_t sizes[3] = { w > 0 ? w : 1, h > 0 ? h : 1, c > 0 ? c : 1 };
    if (sizes[0] > QNT_ELEMENTS_MAX / sizes[1] || sizes[0] * sizes[1] > QNT_ELEMENTS_MAX / sizes[2])
        return ncnn_fail(n, -EINVAL, "a constant of %d x %d x %d is out of range", w, h, c);
    *m = (struct ncnn_memory) { .w = sizes[0], .h = sizes[1], .c = sizes[2] };
    m->dims = c ? 3 : h ? 2 : 1;
    return ncnn_raw(n, (size_t)(m->w * m->h * m->c), &m->values);
}

int ncnn_skip_memory(struct ncnn *n)
{
    struct ncnn_memory m = { .values = NULL };
    int rc = read_memory(n, &m);

    free(m.values);
    return rc;
}

int ncnn_import_memory(struct ncnn *n)
{
    struct ncnn_memory *m = calloc(1, sizeof(*m));

    if (!m)
        return ncnn_fail(n, -ENOMEM, "not enough memory");
    int rc = read_memory(n, m);
    m->next = n->memories;
    n->memories = m;
    if (rc == 0)
        rc = ncnn_define(n, 0, -1, m->dims);
    if (rc == 0)
        ncnn_hold(n, m);
    return rc;
}

/* A tensor with a constant of one number, or one per channel. */
static int import_with_constant(struct ncnn *n, int kind, const struct ncnn_memory *m, int first)
{
    enum { ADD, SUB, MUL, DIV };
    const size_t channels = (size_t)ncnn_node_of(n, ncnn_input(n, 0))->c;
    const int64_t count = m->w * m->h * m->c, outer[4] = { 0, m->w, m->h, m->c };
    float *weight = calloc(channels, sizeof(*weight)), *bias = calloc(channels, sizeof(*bias));
    int rc = weight && bias ? 0 : ncnn_fail(n, -ENOMEM, "not enough memory");

    if (rc == 0 && count != 1 && (count != (int64_t)channels || outer[m->dims] != count))
        rc =
            ncnn_fail(n, -ENOTSUP,
                      "has a constant of %lld numbers; one, or one per channel (%zu) are supported",
                      (long long)count, channels);
    if (rc == 0 && first && kind == DIV)
        rc = ncnn_fail(n, -ENOTSUP, "divides a constant by a tensor, which is not supported");
    for (size_t i = 0; rc == 0 && i < channels; i++) {
        const float v = m->values[count == 1 ? 0 : i];
        weight[i] = kind == MUL ? v : kind == DIV ? 1 / v : kind == SUB && first ? -1 : 1;
        bias[i] = kind == ADD ? v : kind == SUB ? (first ? v : -v) : 0;
    }
    if (rc == 0)
        return emit_affine(n, weight, bias);
    free(weight);
    free(bias);
    return rc;
}

/* ---- Scale: by weights, or by a blob */

static int scale_by_blob(struct ncnn *n)
{
    const struct qnt_node *x = ncnn_node_of(n, ncnn_input(n, 0));
    const struct ncnn_blob *by = ncnn_input(n, 1);
    int32_t size, has_bias;
    int rc = ncnn_int(n, 0, 0, SCALE_BY_BLOB, SCALE_BY_BLOB, &size);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 0, &has_bias);
    if (rc)
        return rc;
    if (by->memory)
        return import_with_constant(n, 2, by->memory, 0);
    const struct qnt_node *b = ncnn_node_of(n, by);
    if (b->h != 1 || b->w != 1 || b->c != x->c)
        return ncnn_fail(n, -ENOTSUP,
                         "its factors are [%d][%d][%d] (h, w, c); supported is one per channel"
                         " (%d)",
                         b->h, b->w, b->c, x->c);
    return import_pair(n, QNT_OP_MUL);
}

int ncnn_import_scale(struct ncnn *n)
{
    float *weight = NULL, *bias = NULL;
    int32_t has_bias;
    size_t channels;

    if (n->input_count == 2)
        return scale_by_blob(n);
    int rc = read_channels(n, &channels);
    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 1, &has_bias);
    if (rc == 0)
        rc = ncnn_raw(n, channels, &weight);
    if (rc == 0 && has_bias)
        rc = ncnn_raw(n, channels, &bias);
    if (rc == 0 && !has_bias) {
        bias = calloc(channels, sizeof(*bias));
        rc = bias ? 0 : ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    if (rc == 0)
        return emit_affine(n, weight, bias);
    free(weight);
    free(bias);
    return rc;
}

int ncnn_import_binary(struct ncnn *n)
{
    enum { ADD, SUB, MUL, DIV };
    int32_t kind, scalar;
    float b;
    int rc = ncnn_int(n, 0, 0, ADD, DIV, &kind);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 1, &scalar);
    if (rc == 0)
        rc = ncnn_float(n, 2, 0, &b);
    if (rc)
        return rc;
    if (scalar != (n->input_count == 1))
        return ncnn_fail(n, -EINVAL, "has %zu inputs and %s number", n->input_count,
                         scalar ? "a" : "no");
    if (scalar && ncnn_input(n, 0)->memory)
        return ncnn_fail(n, -ENOTSUP, "computes with a constant and a number");
    for (size_t i = 0; !scalar && i < 2; i++) {
        const struct ncnn_blob *constant = ncnn_input(n, i);
        if (!constant->memory)
            continue;
        if (ncnn_input(n, 1 - i)->memory)
            return ncnn_fail(n, -ENOTSUP, "computes with two constants");
        n->inputs[0] = n->inputs[1 - i]; /* the tensor is what it works on */
        return import_with_constant(n, kind, constant->memory, i == 0);
    }
    if (!scalar && kind == DIV)
        return ncnn_fail(n, -ENOTSUP, "operation %d of two tensors is not supported", kind);
    if (!scalar && kind == SUB)
        return import_series(n, QNT_OP_ADD, (const double[]) { 1, -1 });
    if (!scalar)
        return import_pair(n, kind == ADD ? QNT_OP_ADD : QNT_OP_MUL);
    if (kind == DIV && b == 0)
        return ncnn_fail(n, -EINVAL, "divides by zero");
    return kind == ADD || kind == SUB ? emit_affine_scalar(n, 1, kind == ADD ? b : -b)
                                      : emit_affine_scalar(n, kind == MUL ? b : 1 / b, 0);
}

int ncnn_import_eltwise(struct ncnn *n)
{
    const double *factors;
    size_t count;
    int32_t kind; /* 0: product, 1: sum */
    int rc = ncnn_int(n, 0, 0, 0, 1, &kind);

    if (rc == 0)
        rc = ncnn_array(n, 1, &factors, &count);
    if (rc == 0 && kind && count && count != n->input_count)
        rc = ncnn_fail(n, -EINVAL, "has %zu factors for %zu inputs", count, n->input_count);
    if (rc)
        return rc;
    if (n->input_count == 2 && !(kind && count))
        return import_pair(n, kind ? QNT_OP_ADD : QNT_OP_MUL);
    return import_series(n, kind ? QNT_OP_ADD : QNT_OP_MUL, kind && count ? factors : NULL);
}
