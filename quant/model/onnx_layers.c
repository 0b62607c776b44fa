#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/deconv.h"

/* ---- Windows: convolution and pooling */

struct window {
    int32_t taps[2], stride[2], dilation[2], pads[4]; /* pads: begin h, w, end h, w */
    int32_t in[2], out[2];
    int ceil_mode, may_miss;
};

enum auto_pad { NOTSET, VALID, SAME_UPPER, SAME_LOWER, AUTO_PAD_COUNT };
static const char *const auto_pads[AUTO_PAD_COUNT] = { "NOTSET", "VALID", "SAME_UPPER",
                                                       "SAME_LOWER" };

static int place_axis(struct window *w, int axis, int mode)
{
    struct qnt_axis a = { .in = w->in[axis],
                          .taps = w->taps[axis],
                          .stride = w->stride[axis],
                          .dilation = w->dilation[axis],
                          .begin = w->pads[axis],
                          .end = w->pads[2 + axis],
                          .rounding = w->ceil_mode ? QNT_ROUND_UP_INSIDE : QNT_ROUND_DOWN,
                          .may_miss = w->may_miss };
    int rc = qnt_axis_place(&a, mode == SAME_UPPER   ? QNT_PADDING_SAME_UPPER
                                : mode == SAME_LOWER ? QNT_PADDING_SAME_LOWER
                                                     : QNT_PADDING_GIVEN);
    w->pads[axis] = a.begin;
    w->pads[2 + axis] = a.end;
    w->out[axis] = a.out;
    return rc;
}

/* Reads what convolution and pooling have in common; taps are set, or read here if 0. */
static int read_window(const struct onnx *o, const struct onnx_view *x, struct window *w)
{
    static const char axes[] = "hw";
    int32_t taps[2];
    int mode, rc = onnx_attr_word(o, "auto_pad", auto_pads, AUTO_PAD_COUNT, NOTSET, &mode);

    if (rc == 0)
        rc = onnx_attr_ints(o, "kernel_shape", 2, w->taps[0], 1, taps);
    if (rc == 0 && !onnx_attr(o, "kernel_shape"))
        memcpy(taps, w->taps, sizeof(taps));
    if (rc == 0 && w->taps[0] && memcmp(taps, w->taps, sizeof(taps)))
        rc = onnx_fail(o, -EINVAL, "kernel_shape %dx%d differs from the weight's %dx%d", taps[0],
                       taps[1], w->taps[0], w->taps[1]);
    if (rc == 0)
        rc = onnx_attr_ints(o, "strides", 2, 1, 1, w->stride);
    if (rc == 0)
        rc = onnx_attr_ints(o, "dilations", 2, 1, 1, w->dilation);
    if (rc == 0)
        rc = onnx_attr_ints(o, "pads", 4, 0, 0, w->pads);
    if (rc)
        return rc;
    if (mode != NOTSET && (w->pads[0] || w->pads[1] || w->pads[2] || w->pads[3]))
        return onnx_fail(o, -EINVAL, "has both auto_pad and pads");
    memcpy(w->taps, taps, sizeof(taps));
    w->in[0] = onnx_node_of(o, x)->h;
    w->in[1] = onnx_node_of(o, x)->w;
    for (int axis = 0; axis < 2; axis++)
        if (place_axis(w, axis, mode))
            return onnx_fail(o, -EINVAL,
                             "a window of %d (dilation %d) with padding %d and %d does"
                             " not fit %c = %d",
                             w->taps[axis], w->dilation[axis], w->pads[axis], w->pads[2 + axis],
                             axes[axis], w->in[axis]);
    return 0;
}

/* ---- Convolution and linear layers */

/* [oc][ic][taps] -> [oc][taps][ic] */
static int read_conv_weight(struct onnx *o, const struct onnx_const *c, struct qnt_node *node)
{
    const size_t oc = (size_t)c->dims[0], ic = (size_t)c->dims[1];
    const size_t taps = (size_t)c->dims[2] * (size_t)c->dims[3];
    float *flat;
    int rc = onnx_floats(o, c, c->count, &flat);
    if (rc)
        return rc;
    rc = onnx_zeros(o, c->count, &node->weight);
    if (rc == 0)
        for (size_t k = 0; k < oc; k++)
            for (size_t i = 0; i < ic; i++)
                for (size_t t = 0; t < taps; t++)
                    node->weight[(k * taps + t) * ic + i] = flat[(k * ic + i) * taps + t];
    free(flat);
    o->elements -= (int64_t)c->count;
    node->weight_count = c->count;
    return rc;
}

/* The bias in input i: [oc], or zeros where there is none. */
static int read_bias(struct onnx *o, size_t i, struct qnt_node *node)
{
    const struct onnx_const *c;

    node->bias_count = (size_t)node->c;
    if (!onnx_has_input(o, i))
        return onnx_zeros(o, node->bias_count, &node->bias);
    int rc = onnx_input_const(o, i, ONNX_REAL, &c);
    return rc ? rc : onnx_floats(o, c, node->bias_count, &node->bias);
}

static int make_conv_problem(const struct onnx *o, const struct window *w, int32_t groups,
                             int32_t ic, struct qnt_node *node)
{
    char why[200];

    node->problem = (struct krn_problem) {
        .n = 1,
        .groups = groups,
        .ic = ic,
        .ih = w->in[0],
        .iw = w->in[1],
        .oc = node->c,
        .oh = w->out[0],
        .ow = w->out[1],
        .kh = w->taps[0],
        .kw = w->taps[1],
        .sh = w->stride[0],
        .sw = w->stride[1],
        .ph = w->pads[0],
        .pw = w->pads[1],
        .dh = w->dilation[0],
        .dw = w->dilation[1],
    };
    node->h = w->out[0];
    node->w = w->out[1];
    if (krn_problem_check(&node->problem, why, sizeof(why)))
        return onnx_fail(o, -EINVAL, "%s", why);
    return 0;
}

static int conv_operands(struct onnx *o, struct onnx_view *x, const struct onnx_const **weight,
                         int64_t *groups)
{
    int rc = onnx_input_of_rank(o, 0, 4, x);

    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_REAL, weight);
    return rc ? rc : onnx_attr_int(o, "group", 1, 1, INT32_MAX, groups);
}

int onnx_import_conv(struct onnx *o)
{
    struct onnx_view x;
    const struct onnx_const *weight;
    int64_t groups;
    int rc = conv_operands(o, &x, &weight, &groups);

    if (rc)
        return rc;
    const int32_t ic = onnx_node_of(o, &x)->c;
    if (weight->rank != 4 || weight->count == 0)
        return onnx_fail(o, -ENOTSUP,
                         "the weight has %d dimensions and %zu elements; two-dimensional"
                         " layers have 4 dimensions",
                         weight->rank, weight->count);
    if (weight->dims[2] > ONNX_EXTENT_MAX || weight->dims[3] > ONNX_EXTENT_MAX)
        return onnx_fail(o, -EINVAL, "a filter of %lldx%lld is too large",
                         (long long)weight->dims[2], (long long)weight->dims[3]);
    if (ic % groups || weight->dims[0] % groups || weight->dims[1] != ic / groups)
        return onnx_fail(o, -EINVAL,
                         "weight [%lld][%lld] does not fit %d input channels in %lld"
                         " groups",
                         (long long)weight->dims[0], (long long)weight->dims[1], ic,
                         (long long)groups);
    struct window w = { .taps = { (int32_t)weight->dims[2], (int32_t)weight->dims[3] },
                        .may_miss = 1 };
    struct qnt_node node = onnx_node_on(o, QNT_OP_CONV, &x);
    node.c = (int32_t)weight->dims[0];
    rc = read_window(o, &x, &w);
    if (rc == 0)
        rc = make_conv_problem(o, &w, (int32_t)groups, ic, &node);
    if (rc == 0)
        rc = read_conv_weight(o, weight, &node);
    if (rc == 0)
        rc = read_bias(o, 2, &node);
    if (rc == 0)
        return onnx_emit_image(o, &node);
    qnt_node_clear(&node);
    return rc;
}

/* ---- Transposed convolution */

static int read_transposed(const struct onnx *o, const struct onnx_const *weight,
                           struct qnt_deconv *d)
{
    static const char *const modes[] = { "NOTSET", "VALID" };
    int32_t pads[4], more[2], taps[2];
    int mode, rc = onnx_attr_word(o, "auto_pad", modes, 2, 0, &mode);

    if (rc == 0 && onnx_attr(o, "output_shape"))
        rc = onnx_fail(o, -ENOTSUP, "attribute 'output_shape' is not supported");
    for (int a = 0; a < 2; a++)
        d->taps[a] = (int32_t)weight->dims[2 + a];
    if (rc == 0)
        rc = onnx_attr_ints(o, "kernel_shape", 2, d->taps[0], 1, taps);
    if (rc == 0 && onnx_attr(o, "kernel_shape") && memcmp(taps, d->taps, sizeof(taps)))
        rc = onnx_fail(o, -EINVAL, "kernel_shape %dx%d differs from the weight's %dx%d", taps[0],
                       taps[1], d->taps[0], d->taps[1]);
    if (rc == 0)
        rc = onnx_attr_ints(o, "strides", 2, 1, 1, d->stride);
    if (rc == 0)
        rc = onnx_attr_ints(o, "dilations", 2, 1, 1, d->dilation);
    if (rc == 0)
        rc = onnx_attr_ints(o, "pads", 4, 0, 0, pads);
    if (rc == 0)
        rc = onnx_attr_ints(o, "output_padding", 2, 0, 0, more);
    for (int a = 0; rc == 0 && a < 2; a++) {
        const int64_t out = (int64_t)(d->in[a] - 1) * d->stride[a] +
                            (int64_t)(d->taps[a] - 1) * d->dilation[a] + 1 + more[a] - pads[a] -
                            pads[2 + a];
        if (out < 1 || out > QNT_ELEMENTS_MAX)
            return onnx_fail(o, -EINVAL, "an output of %lld pixels", (long long)out);
        d->begin[a] = pads[a];
        d->out[a] = (int32_t)out;
    }
    return rc;
}

/* [ic][oc / groups][taps] -> [oc][taps][ic / groups] */
static int read_transposed_weight(struct onnx *o, const struct onnx_const *c,
                                  const struct qnt_deconv *d, float **out)
{
    const size_t taps = (size_t)d->taps[0] * (size_t)d->taps[1];
    const size_t ic = (size_t)(d->ic / d->groups), oc = (size_t)(d->oc / d->groups);
    float *flat;
    int rc = onnx_floats(o, c, c->count, &flat);

    if (rc == 0)
        rc = onnx_zeros(o, c->count, out);
    for (size_t k = 0; rc == 0 && k < (size_t)d->oc; k++)
        for (size_t i = 0; i < ic; i++)
            for (size_t t = 0; t < taps; t++)
                (*out)[(k * taps + t) * ic + i] =
                    flat[((k / oc * ic + i) * oc + k % oc) * taps + t];
    if (rc == 0)
        o->elements -= (int64_t)c->count;
    free(flat);
    return rc;
}

/* Adds the parts, one reading the other. */
static int emit_parts(struct onnx *o, int32_t from, struct qnt_node *parts, int count)
{
    int rc = 0;

    for (int i = 0; i < count; i++) {
        parts[i].inputs[0] = from;
        if (rc == 0 && i + 1 < count)
            rc = onnx_emit_part(o, &parts[i], qnt_op_names[parts[i].op], &from);
        else if (rc == 0)
            rc = onnx_emit_image(o, &parts[i]);
        qnt_node_clear(&parts[i]);
    }
    return rc;
}

int onnx_import_conv_transpose(struct onnx *o)
{
    struct qnt_node bias = qnt_node_blank(QNT_OP_CONV), parts[QNT_DECONV_PARTS];
    const struct onnx_const *c;
    struct qnt_deconv d;
    struct onnx_view x;
    int64_t groups = 1;
    char why[200];
    int rc = conv_operands(o, &x, &c, &groups);

    if (rc)
        return rc;
    const struct qnt_node *in = onnx_node_of(o, &x);
    if (c->rank != 4 || c->count == 0 || c->dims[0] != in->c || in->c % groups ||
        c->dims[1] > INT32_MAX / groups || c->dims[2] > ONNX_EXTENT_MAX ||
        c->dims[3] > ONNX_EXTENT_MAX)
        return onnx_fail(o, -EINVAL,
                         "the weight does not fit %d input channels in %lld groups, or has no 4"
                         " dimensions",
                         in->c, (long long)groups);
    d = (struct qnt_deconv) { .in = { in->h, in->w },
                              .ic = in->c,
                              .oc = (int32_t)(c->dims[1] * groups),
                              .groups = (int32_t)groups };
    rc = read_transposed(o, c, &d);
    if (rc == 0)
        rc = read_transposed_weight(o, c, &d, &bias.weight);
    bias.c = d.oc;
    if (rc == 0)
        rc = read_bias(o, 2, &bias);
    if (rc == 0) {
        rc = qnt_deconv_parts(&d, bias.weight, bias.bias, parts, why, sizeof(why));
        if (rc < 0)
            onnx_fail(o, rc, "%s", rc == -ENOMEM ? "not enough memory" : why);
    }
    qnt_node_clear(&bias);
    return rc < 0 ? rc : emit_parts(o, x.node, parts, rc);
}

/* A product with a constant matrix along the last dimension of a tensor. */
struct matrix {
    const struct onnx_const *weight; /* [oc][ic], or [ic][oc] where `transposed` */
    int transposed;
    float alpha, beta; /* factors of the product and of the bias, in input 2 */
};

static int read_matrix(struct onnx *o, const struct matrix *m, int32_t ic, struct qnt_node *node)
{
    float *flat = NULL;
    int rc = onnx_floats(o, m->weight, m->weight->count, &flat);

    node->weight_count = m->weight->count;
    if (rc == 0)
        rc = onnx_zeros(o, node->weight_count, &node->weight);
    for (int32_t k = 0; rc == 0 && k < node->c; k++)
        for (int32_t i = 0; i < ic; i++)
            node->weight[(size_t)k * (size_t)ic + (size_t)i] =
                m->alpha * (m->transposed ? flat[(size_t)i * (size_t)node->c + (size_t)k]
                                          : flat[(size_t)k * (size_t)ic + (size_t)i]);
    free(flat);
    o->elements -= (int64_t)m->weight->count;
    return rc;
}

/* Input 2: one number per output, or one for all. */
static int read_matrix_bias(struct onnx *o, const struct matrix *m, struct qnt_node *node)
{
    const struct onnx_const *c;
    float *values = NULL;
    int rc;

    node->bias_count = (size_t)node->c;
    rc = onnx_zeros(o, node->bias_count, &node->bias);
    if (rc || !onnx_has_input(o, 2))
        return rc;
    rc = onnx_input_const(o, 2, ONNX_REAL, &c);
    if (rc == 0)
        rc = onnx_floats(o, c, c->count == 1 ? 1 : node->bias_count, &values);
    for (size_t i = 0; rc == 0 && i < node->bias_count; i++)
        node->bias[i] = m->beta * values[c->count == 1 ? 0 : i];
    free(values);
    return rc;
}

static int emit_linear(struct onnx *o, const struct onnx_view *x, int axis, const struct matrix *m)
{
    const struct onnx_const *weight = m->weight;
    const int64_t ic = onnx_dim(x, axis);
    struct onnx_view plain;

    if (weight->rank != 2 || weight->count == 0 || weight->dims[m->transposed ? 0 : 1] != ic)
        return onnx_fail(o, -EINVAL, "the weight does not fit an input of %lld elements",
                         (long long)ic);
    int rc = onnx_axis_first(o, x, axis, &plain);
    if (rc)
        return rc;
    struct qnt_node node = onnx_node_on(o, QNT_OP_LINEAR, &plain);
    node.c = (int32_t)weight->dims[m->transposed ? 1 : 0];
    node.problem = qnt_problem_1x1(node.h, node.w, (int32_t)ic, node.c, 1);
    if (node.h != 1 || node.w != 1)
        node.op = QNT_OP_CONV; /* on every row */
    rc = read_matrix(o, m, (int32_t)ic, &node);
    if (rc == 0)
        rc = read_matrix_bias(o, m, &node);
    if (rc) {
        qnt_node_clear(&node);
        return rc;
    }
    const struct onnx_view back = onnx_axis_back(x, axis, -1, node.c);
    return onnx_emit(o, 0, &node, &back);
}

int onnx_import_gemm(struct onnx *o)
{
    struct onnx_view x;
    struct matrix m;
    int64_t trans_a, trans_b;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0 && x.rank != 2)
        rc = onnx_fail(o, -EINVAL, "input '%s' has %d dimensions, expected 2", o->node->input[0],
                       x.rank);
    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_REAL, &m.weight);
    if (rc == 0)
        rc = onnx_attr_float(o, "alpha", 1, &m.alpha);
    if (rc == 0)
        rc = onnx_attr_float(o, "beta", 1, &m.beta);
    if (rc == 0)
        rc = onnx_attr_int(o, "transA", 0, 0, 1, &trans_a);
    if (rc == 0)
        rc = onnx_attr_int(o, "transB", 0, 0, 1, &trans_b);
    if (rc == 0 && !(isfinite(m.alpha) && isfinite(m.beta)))
        rc = onnx_fail(o, -EINVAL, "alpha %g and beta %g are not both finite", (double)m.alpha,
                       (double)m.beta);
    if (rc)
        return rc;
    m.transposed = !trans_b;
    if (!trans_a)
        return emit_linear(o, &x, 1, &m);
    const int first = x.perm[0];
    x.perm[0] = x.perm[1];
    x.perm[1] = first;
    return emit_linear(o, &x, 1, &m);
}

int onnx_import_matmul(struct onnx *o)
{
    struct matrix m = { .transposed = 1, .alpha = 1, .beta = 1 };
    struct onnx_view x;
    int rc = onnx_input(o, 0, &x);

    if (rc == 0)
        rc = onnx_input_const(o, 1, ONNX_REAL, &m.weight);
    if (rc == 0 && x.rank < 1)
        rc = onnx_fail(o, -EINVAL, "multiplies a single number by a matrix");
    return rc ? rc : emit_linear(o, &x, x.rank - 1, &m);
}

/* ---- Pooling */

/* 1 if the last window of an axis reaches beyond the padding: its mean is over less. */
static int overhangs(const struct window *w)
{
    for (int axis = 0; axis < 2; axis++)
        if ((w->out[axis] - 1) * (int64_t)w->stride[axis] + w->taps[axis] >
            (int64_t)w->in[axis] + w->pads[axis] + w->pads[2 + axis])
            return 1;
    return 0;
}

int onnx_import_pool(struct onnx *o)
{
    struct onnx_view x;
    struct window w = { .taps = { 0, 0 } };
    int64_t ceil_mode, padding_counts, order;
    int rc = onnx_input_of_rank(o, 0, 4, &x);

    if (rc == 0)
        rc = onnx_attr_int(o, "ceil_mode", 0, 0, 1, &ceil_mode);
    if (rc == 0)
        rc = onnx_attr_int(o, "count_include_pad", 0, 0, 1, &padding_counts);
    if (rc == 0)
        rc = onnx_attr_int(o, "storage_order", 0, 0, 0, &order);
    if (rc)
        return rc;
    if (!onnx_attr(o, "kernel_shape"))
        return onnx_fail(o, -EINVAL, "attribute 'kernel_shape' is missing");
    w.ceil_mode = (int)ceil_mode;
    rc = read_window(o, &x, &w);
    if (rc)
        return rc;
    if (w.dilation[0] != 1 || w.dilation[1] != 1)
        return onnx_fail(o, -ENOTSUP, "attribute 'dilations': pooling with gaps is not supported");
    const int padded = w.pads[0] || w.pads[1] || w.pads[2] || w.pads[3];
    if (padding_counts && padded && overhangs(&w))
        return onnx_fail(o, -ENOTSUP,
                         "attribute 'count_include_pad': averages over padding are not"
                         " supported together with ceil_mode where a window overhangs it");
    struct qnt_node node = onnx_node_on(o, o->op->op, &x);
    node.h = w.out[0];
    node.w = w.out[1];
    node.window = (struct qnt_window) {
        .kh = w.taps[0],
        .kw = w.taps[1],
        .sh = w.stride[0],
        .sw = w.stride[1],
        .ph = w.pads[0],
        .pw = w.pads[1],
        .whole = padding_counts && padded,
    };
    return onnx_emit_image(o, &node);
}
