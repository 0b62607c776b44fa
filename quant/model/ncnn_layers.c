/* Layers with windows or weights. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/model/deconv.h"
#include "quant/model/ncnn_int.h"

/* ---- Activations inside a layer */

enum { ACT_NONE, ACT_RELU, ACT_LEAKY, ACT_CLIP, ACT_SIGMOID, ACT_MISH, ACT_HARDSWISH, ACT_COUNT };

static const struct {
    size_t params;
    int is_function;
    enum qnt_function function;
} activations[ACT_COUNT] = {
    [ACT_LEAKY] = { 1, 1, QNT_FN_LEAKY },
    [ACT_CLIP] = { 2, 0, 0 },
    [ACT_SIGMOID] = { 0, 1, QNT_FN_SIGMOID },
    [ACT_HARDSWISH] = { 2, 1, QNT_FN_HARDSWISH },
};

struct activation {
    int32_t kind;
    float lo, hi, alpha, beta;
};

static int read_activation(const struct ncnn *n, struct activation *a)
{
    const double *p = NULL;
    size_t count = 0;
    int rc = ncnn_int(n, 9, 0, 0, ACT_COUNT - 1, &a->kind);

    if (rc == 0)
        rc = ncnn_array(n, 10, &p, &count);
    if (rc == 0 && (a->kind == ACT_MISH || count < activations[a->kind].params))
        rc = ncnn_fail(n, -ENOTSUP, "activation %d with %zu parameters is not supported", a->kind,
                       count);
    if (rc == 0 && a->kind == ACT_CLIP && !(p[0] <= p[1]))
        rc = ncnn_fail(n, -EINVAL, "clips to [%g, %g], which is empty", p[0], p[1]);
    if (rc)
        return rc;
    a->alpha = count > 0 ? (float)p[0] : 0;
    a->beta = count > 1 ? (float)p[1] : 0;
    a->lo = a->kind == ACT_CLIP ? a->alpha : a->kind == ACT_RELU ? 0 : -INFINITY;
    a->hi = a->kind == ACT_CLIP ? a->beta : INFINITY;
    return 0;
}

/* Adds *node, and behind it what of the activation is no clamp, as output 0. */
static int emit_function(struct ncnn *n, const struct activation *a, struct qnt_node *node,
                         int dims)
{
    struct qnt_node act = qnt_node_blank(QNT_OP_FUNCTION);
    char name[300];
    int32_t at;

    if (!activations[a->kind].is_function)
        return ncnn_emit(n, node, dims);
    act.h = node->h;
    act.w = node->w;
    act.c = node->c;
    act.function = activations[a->kind].function;
    act.alpha = a->alpha;
    act.beta = a->beta;
    int rc = ncnn_emit_as(n, node, dims, n->name, -1, &at);
    if (rc)
        return rc;
    act.inputs[0] = at;
    act.input_count = 1;
    snprintf(name, sizeof(name), "%.250s.activation", n->name);
    return ncnn_emit_as(n, &act, dims, name, 0, NULL);
}

/* Adds *node with its activation: as its clamp, or as a node of its own. */
static int emit_activated(struct ncnn *n, struct qnt_node *node, int dims)
{
    struct activation a;
    int rc = read_activation(n, &a);

    if (rc) {
        qnt_node_clear(node);
        return rc;
    }
    node->lo = a.lo;
    node->hi = a.hi;
    return emit_function(n, &a, node, dims);
}

/* ---- Weights, bias, scales */

/* Weights stored as bytes become floats by the scales that follow the bias: one per output channel,
 * per group, or one for all. Input and output scales are read over: calibration finds them anew. */
static int apply_scales(struct ncnn *n, int32_t term, int32_t groups, int is_int8,
                        struct qnt_node *node)
{
    const size_t channels = (size_t)node->c, row = node->weight_count / channels;
    size_t count = groups > 0 ? (size_t)groups : channels;
    float *scales = NULL, *ignored = NULL;
    int rc;

    if (term == 0)
        return is_int8 ? ncnn_fail(n, -EINVAL, "has weights of bytes, but no scales") : 0;
    if (groups > 0 && term % 100 == 2)
        count = 1;
    rc = ncnn_raw(n, count, &scales);
    for (int i = 0; rc == 0 && i < (term > 100 ? 2 : 1); i++) {
        rc = ncnn_raw(n, 1, &ignored);
        free(ignored);
    }
    for (size_t i = 0; rc == 0 && is_int8 && i < channels; i++) {
        float scale = scales[i * count / channels];
        for (size_t k = 0; k < row; k++) {
            float *w = &node->weight[i * row + k];
            *w = scale != 0 ? *w / scale : 0;
            if (!isfinite(*w))
                rc = ncnn_fail(n, -EINVAL, "the scale %g of its weights is out of range",
                               (double)scale);
        }
    }
    free(scales);
    return rc;
}

/* What stands in the .bin file: weights [oc][...], bias, scales. */
static int read_weights(struct ncnn *n, size_t count, int has_bias, int32_t term, int32_t groups,
                        struct qnt_node *node)
{
    int is_int8;
    int rc = ncnn_weights(n, count, &node->weight, &is_int8);

    node->weight_count = count;
    node->bias_count = (size_t)node->c;
    if (rc == 0 && has_bias)
        rc = ncnn_raw(n, node->bias_count, &node->bias);
    if (rc == 0 && !has_bias) {
        node->bias = calloc(node->bias_count, sizeof(*node->bias));
        rc = node->bias ? 0 : ncnn_fail(n, -ENOMEM, "not enough memory");
    }
    return rc ? rc : apply_scales(n, term, groups, is_int8, node);
}

/* [oc][ic][taps] -> [oc][taps][ic] */
static int transpose(struct ncnn *n, struct qnt_node *node)
{
    const size_t oc = (size_t)node->c, taps = (size_t)node->problem.kh * (size_t)node->problem.kw;
    const size_t ic = node->weight_count / oc / taps;
    float *out = malloc(node->weight_count * sizeof(*out));

    if (!out)
        return ncnn_fail(n, -ENOMEM, "not enough memory");
    for (size_t k = 0; k < oc; k++)
        for (size_t i = 0; i < ic; i++)
            for (size_t t = 0; t < taps; t++)
                out[(k * taps + t) * ic + i] = node->weight[(k * ic + i) * taps + t];
    free(node->weight);
    node->weight = out;
    return 0;
}

/* ---- Convolution */

enum { SAME_UPPER = -233, SAME_LOWER = -234 };

/* One axis: w (0) or h (1), whose ids are 10 apart, and default to those of w. */
static int read_axis(const struct ncnn *n, int is_h, const struct qnt_axis *other,
                     struct qnt_axis *a, enum qnt_padding *padding)
{
    const int id = is_h ? 10 : 0;
    const int32_t most = NCNN_EXTENT_MAX;
    int32_t begin = 0, end = 0;
    int rc = ncnn_int(n, 1 + id, is_h ? other->taps : 0, 1, most, &a->taps);

    if (rc == 0)
        rc = ncnn_int(n, 2 + id, is_h ? other->dilation : 1, 1, most, &a->dilation);
    if (rc == 0)
        rc = ncnn_int(n, 3 + id, is_h ? other->stride : 1, 1, most, &a->stride);
    if (rc == 0)
        rc = ncnn_int(n, is_h ? 14 : 4, is_h ? other->begin : 0, SAME_LOWER, most, &begin);
    if (rc == 0)
        rc = ncnn_int(n, is_h ? 16 : 15, begin, SAME_LOWER, most, &end);
    a->begin = begin;
    a->end = end;
    *padding = begin == SAME_UPPER   ? QNT_PADDING_SAME_UPPER
               : begin == SAME_LOWER ? QNT_PADDING_SAME_LOWER
                                     : QNT_PADDING_GIVEN;
    if (rc == 0 && *padding == QNT_PADDING_GIVEN && (begin < 0 || end < 0))
        rc = ncnn_fail(n, -EINVAL, "a padding of %d and %d", begin, end);
    return rc;
}

static int place(const struct ncnn *n, struct qnt_axis *a, int32_t in, enum qnt_padding padding)
{
    a->in = in;
    if (qnt_axis_place(a, padding) == 0)
        return 0;
    return ncnn_fail(n, -EINVAL,
                     "a window of %d (dilation %d) with padding %d and %d does not fit"
                     " an input of %d",
                     a->taps, a->dilation, a->begin, a->end, in);
}

static int read_windows(const struct ncnn *n, const struct qnt_node *in, struct qnt_axis *w,
                        struct qnt_axis *h)
{
    enum qnt_padding pad_w, pad_h;
    int rc = read_axis(n, 0, NULL, w, &pad_w);

    if (rc == 0)
        rc = read_axis(n, 1, w, h, &pad_h);
    if (rc == 0)
        rc = place(n, w, in->w, pad_w);
    return rc ? rc : place(n, h, in->h, pad_h);
}

static int make_problem(const struct ncnn *n, const struct qnt_axis *w, const struct qnt_axis *h,
                        int32_t groups, struct qnt_node *node)
{
    char why[200];

    node->problem = (struct krn_problem) {
        .n = 1,
        .groups = groups,
        .ic = ncnn_node_of(n, ncnn_input(n, 0))->c,
        .ih = h->in,
        .iw = w->in,
        .oc = node->c,
        .oh = h->out,
        .ow = w->out,
        .kh = h->taps,
        .kw = w->taps,
        .sh = h->stride,
        .sw = w->stride,
        .ph = h->begin,
        .pw = w->begin,
        .dh = h->dilation,
        .dw = w->dilation,
    };
    node->h = h->out;
    node->w = w->out;
    if (node->problem.ic % groups || node->c % groups)
        return ncnn_fail(n, -EINVAL, "%d input and %d output channels in %d groups",
                         node->problem.ic, node->c, groups);
    if (krn_problem_check(&node->problem, why, sizeof(why)))
        return ncnn_fail(n, -EINVAL, "%s", why);
    return 0;
}

int ncnn_import_conv(struct ncnn *n)
{
    struct qnt_axis w = { .rounding = QNT_ROUND_DOWN, .may_miss = 1 }, h = w;
    int32_t has_bias, count, groups, term, none;
    float pad;
    struct qnt_node node = ncnn_node_on(n, QNT_OP_CONV);
    const int depthwise = n->type[11] != 0; /* "ConvolutionDepthWise": scales are by group */
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &node.c);

    if (rc == 0 && ncnn_input(n, 0)->dims == 2)
        rc = ncnn_fail(n, -ENOTSUP, "its input has 2 dimensions, expected 3");
    if (rc == 0)
        rc = ncnn_int(n, 5, 0, 0, 1, &has_bias);
    if (rc == 0)
        rc = ncnn_int(n, 6, 0, 1, INT32_MAX, &count);
    if (rc == 0)
        rc = ncnn_int(n, 7, 1, 1, INT32_MAX, &groups);
    if (rc == 0)
        rc = ncnn_int(n, 8, 0, 0, 102, &term);
    if (rc == 0)
        rc = ncnn_int(n, 19, 0, 0, 0, &none);
    if (rc == 0)
        rc = ncnn_float(n, 18, 0, &pad);
    if (rc == 0 && pad != 0)
        rc = ncnn_fail(n, -ENOTSUP, "pads with %g; only 0 is supported", (double)pad);
    if (rc == 0)
        rc = read_windows(n, ncnn_node_of(n, ncnn_input(n, 0)), &w, &h);
    if (rc == 0)
        rc = make_problem(n, &w, &h, groups, &node);
    if (rc == 0 && (size_t)count != krn_problem_weight_count(&node.problem))
        rc = ncnn_fail(n, -EINVAL, "has %d weights, should have %zu", count,
                       krn_problem_weight_count(&node.problem));
    if (rc == 0)
        rc = read_weights(n, (size_t)count, has_bias, term, depthwise ? groups : 0, &node);
    if (rc == 0)
        rc = transpose(n, &node);
    if (rc == 0) /* on a vector it is an inner product, and gives one */
        return emit_activated(n, &node, ncnn_input(n, 0)->dims);
    qnt_node_clear(&node);
    return rc;
}

/* One axis of a transposed convolution: 0 = h, 1 = w. */
static int read_deconv_axis(const struct ncnn *n, int axis, int32_t in, struct qnt_deconv *d)
{
    struct qnt_axis w = { .taps = 1 }, h = { .taps = 1 };
    enum qnt_padding padding;
    int32_t more, size;
    int rc = read_axis(n, 0, NULL, &w, &padding);

    if (rc == 0 && axis == 0)
        rc = read_axis(n, 1, &w, &h, &padding);
    if (rc == 0)
        rc = ncnn_int(n, axis ? 18 : 19, 0, 0, NCNN_EXTENT_MAX, &more);
    if (rc == 0)
        rc = ncnn_int(n, axis ? 20 : 21, 0, 0, 0, &size);
    if (rc)
        return rc;
    const struct qnt_axis *a = axis ? &w : &h;
    const int64_t out = (int64_t)(in - 1) * a->stride + (int64_t)(a->taps - 1) * a->dilation + 1 +
                        more - a->begin - a->end;
    if (padding != QNT_PADDING_GIVEN)
        return ncnn_fail(n, -ENOTSUP, "padding by the size of the output is not supported");
    if (out < 1 || out > QNT_ELEMENTS_MAX)
        return ncnn_fail(n, -EINVAL, "an output of %lld pixels", (long long)out);
    d->in[axis] = in;
    d->taps[axis] = a->taps;
    d->stride[axis] = a->stride;
    d->dilation[axis] = a->dilation;
    d->begin[axis] = a->begin;
    d->out[axis] = (int32_t)out;
    return 0;
}

static int read_deconv(const struct ncnn *n, struct qnt_deconv *d)
{
    const struct qnt_node *in = ncnn_node_of(n, ncnn_input(n, 0));
    int32_t dynamic;
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &d->oc);

    d->ic = in->c;
    if (rc == 0)
        rc = ncnn_int(n, 7, 1, 1, INT32_MAX, &d->groups);
    if (rc == 0)
        rc = ncnn_int(n, 28, 0, 0, 0, &dynamic);
    if (rc == 0 && ncnn_input(n, 0)->dims != 3)
        rc = ncnn_fail(n, -ENOTSUP, "its input has %d dimensions, expected 3",
                       ncnn_input(n, 0)->dims);
    if (rc == 0 && (d->ic % d->groups || d->oc % d->groups))
        rc = ncnn_fail(n, -EINVAL, "%d input and %d output channels in %d groups", d->ic, d->oc,
                       d->groups);
    if (rc == 0)
        rc = read_deconv_axis(n, 0, in->h, d);
    return rc ? rc : read_deconv_axis(n, 1, in->w, d);
}

/* Adds the parts, one reading the other; the clamp is that of the first one. */
static int emit_parts(struct ncnn *n, struct qnt_node *parts, int count)
{
    struct activation act;
    int32_t from = ncnn_input(n, 0)->node;
    char name[300];
    int rc = read_activation(n, &act);

    parts[0].lo = rc ? 0 : act.lo;
    parts[0].hi = rc ? 0 : act.hi;
    for (int i = 0; i < count; i++) {
        parts[i].inputs[0] = from;
        snprintf(name, sizeof(name), "%.240s.%s", n->name, qnt_op_names[parts[i].op]);
        if (rc == 0 && i + 1 < count)
            rc = ncnn_emit_as(n, &parts[i], 3, name, -1, &from);
        else if (rc == 0)
            rc = emit_function(n, &act, &parts[i], 3);
        qnt_node_clear(&parts[i]);
    }
    return rc;
}

int ncnn_import_deconv(struct ncnn *n)
{
    struct qnt_node whole = qnt_node_blank(QNT_OP_CONV), parts[QNT_DECONV_PARTS];
    struct qnt_deconv d;
    int32_t has_bias = 0, count = 0;
    char why[200];
    int rc = read_deconv(n, &d);

    if (rc == 0)
        rc = ncnn_int(n, 5, 0, 0, 1, &has_bias);
    if (rc == 0)
        rc = ncnn_int(n, 6, 0, 1, INT32_MAX, &count);
    if (rc)
        return rc;
    const int64_t row = (int64_t)d.taps[0] * d.taps[1] * (d.ic / d.groups);
    if (row > count || row * d.oc != count)
        return ncnn_fail(n, -EINVAL, "has %d weights, should have %lld for each of %d channels",
                         count, (long long)row, d.oc);
    whole.c = d.oc;
    whole.problem.kh = d.taps[0];
    whole.problem.kw = d.taps[1];
    rc = read_weights(n, (size_t)count, has_bias, 0, 0, &whole);
    if (rc == 0)
        rc = transpose(n, &whole);
    if (rc == 0) {
        rc = qnt_deconv_parts(&d, whole.weight, whole.bias, parts, why, sizeof(why));
        if (rc < 0)
            ncnn_fail(n, rc, "%s", rc == -ENOMEM ? "not enough memory" : why);
    }
    qnt_node_clear(&whole);
    return rc < 0 ? rc : emit_parts(n, parts, rc);
}

/* Weights that are read for their place only: parameters say how many there are. */
static int skip_weights(struct ncnn *n, int count_id, int bias_id, int32_t groups)
{
    struct qnt_node node = qnt_node_blank(QNT_OP_CONV);
    int32_t has_bias, count, term;
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &node.c);

    if (rc == 0)
        rc = ncnn_int(n, bias_id, 0, 0, 1, &has_bias);
    if (rc == 0)
        rc = ncnn_int(n, count_id, 0, 1, INT32_MAX, &count);
    if (rc == 0)
        rc = ncnn_int(n, 8, 0, 0, 102, &term);
    if (rc == 0)
        rc = read_weights(n, (size_t)count, has_bias, term, groups, &node);
    qnt_node_clear(&node);
    return rc;
}

int ncnn_skip_conv(struct ncnn *n)
{
    int32_t groups;
    int rc = ncnn_int(n, 7, 1, 1, INT32_MAX, &groups);

    return rc ? rc : skip_weights(n, 6, 5, strstr(n->type, "DepthWise") ? groups : 0);
}

int ncnn_skip_linear(struct ncnn *n)
{
    return skip_weights(n, 2, 1, 0);
}

int ncnn_import_linear(struct ncnn *n)
{
    struct qnt_node node = qnt_node_blank(QNT_OP_LINEAR);
    int32_t has_bias, count, term;
    int rc = ncnn_int(n, 0, 0, 1, INT32_MAX, &node.c);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 1, &has_bias);
    if (rc == 0)
        rc = ncnn_int(n, 2, 0, 1, INT32_MAX, &count);
    if (rc == 0)
        rc = ncnn_int(n, 8, 0, 0, 102, &term);
    if (rc)
        return rc;
    const struct qnt_node *in = ncnn_node_of(n, ncnn_input(n, 0));
    const int64_t ic = (int64_t)qnt_node_elements(in);
    if (ncnn_input(n, 0)->dims == 2 && in->c > 1)
        return ncnn_fail(n, -ENOTSUP, "works on each row of a matrix; only vectors are supported");
    if (count % node.c || count / node.c != ic)
        return ncnn_fail(n, -EINVAL, "%d weights do not fit %lld inputs and %d outputs", count,
                         (long long)ic, node.c);
    node.h = node.w = node.input_count = 1;
    node.problem = qnt_problem_1x1(1, 1, (int32_t)ic, node.c, 1);
    rc = ncnn_flat_input(n, &node.inputs[0]);
    if (rc == 0)
        rc = read_weights(n, (size_t)count, has_bias, term, 0, &node);
    if (rc == 0)
        return emit_activated(n, &node, 1);
    qnt_node_clear(&node);
    return rc;
}

/* ---- Pooling */

enum { POOL_FULL, POOL_VALID, POOL_SAME_UPPER, POOL_SAME_LOWER, POOL_MODES };

static int import_global(struct ncnn *n, int average)
{
    struct qnt_node node = ncnn_node_on(n, average ? QNT_OP_GLOBAL_AVGPOOL : QNT_OP_MAXPOOL);

    if (!average)
        node.window = (struct qnt_window) { .kh = node.h, .kw = node.w, .sh = 1, .sw = 1 };
    node.h = node.w = 1;
    return ncnn_emit(n, &node, 1);
}

static int read_pool_axis(const struct ncnn *n, int is_h, const struct qnt_axis *other,
                          struct qnt_axis *a)
{
    const int32_t most = NCNN_EXTENT_MAX;
    int rc = ncnn_int(n, is_h ? 11 : 1, is_h ? other->taps : 0, 1, most, &a->taps);

    if (rc == 0)
        rc = ncnn_int(n, is_h ? 12 : 2, is_h ? other->stride : 1, 1, most, &a->stride);
    if (rc == 0)
        rc = ncnn_int(n, is_h ? 13 : 3, is_h ? other->begin : 0, 0, most, &a->begin);
    return rc ? rc : ncnn_int(n, is_h ? 15 : 14, a->begin, 0, most, &a->end);
}

/* Means over all of the window: where padding counts, and where `same` padding is added, whose
 * zeros ncnn counts too. */
static int averages_padding(const struct qnt_axis *w, const struct qnt_axis *h, int32_t mode,
                            int32_t counts)
{
    int padded = w->begin || w->end || h->begin || h->end;
    return mode == POOL_SAME_UPPER || mode == POOL_SAME_LOWER ? padded : counts;
}

static int import_windows(struct ncnn *n, int average, int32_t counts)
{
    static const enum qnt_padding paddings[POOL_MODES] = {
        [POOL_SAME_UPPER] = QNT_PADDING_SAME_UPPER, [POOL_SAME_LOWER] = QNT_PADDING_SAME_LOWER
    };
    struct qnt_node node = ncnn_node_on(n, average ? QNT_OP_AVGPOOL : QNT_OP_MAXPOOL);
    struct qnt_axis w = { .dilation = 1 }, h = w;
    int32_t mode;
    int rc = ncnn_int(n, 5, 0, 0, POOL_MODES - 1, &mode);

    if (rc == 0)
        rc = read_pool_axis(n, 0, NULL, &w);
    if (rc == 0)
        rc = read_pool_axis(n, 1, &w, &h);
    if (rc)
        return rc;
    w.rounding = h.rounding = mode == POOL_FULL ? QNT_ROUND_UP : QNT_ROUND_DOWN;
    rc = place(n, &w, node.w, paddings[mode]);
    if (rc == 0)
        rc = place(n, &h, node.h, paddings[mode]);
    if (rc)
        return rc;
    node.h = h.out;
    node.w = w.out;
    node.window = (struct qnt_window) { h.taps,
                                        w.taps,
                                        h.stride,
                                        w.stride,
                                        h.begin,
                                        w.begin,
                                        average && averages_padding(&w, &h, mode, counts) };
    return ncnn_emit(n, &node, 3);
}

int ncnn_import_pooling(struct ncnn *n)
{
    int32_t average, global, counts, adaptive;
    int rc = ncnn_int(n, 0, 0, 0, 1, &average);

    if (rc == 0)
        rc = ncnn_int(n, 4, 0, 0, 1, &global);
    if (rc == 0)
        rc = ncnn_int(n, 6, 0, 0, 1, &counts);
    if (rc == 0)
        rc = ncnn_int(n, 7, 0, 0, 1, &adaptive);
    if (rc == 0 && ncnn_input(n, 0)->dims != 3)
        rc = ncnn_fail(n, -ENOTSUP, "its input has %d dimensions, expected 3",
                       ncnn_input(n, 0)->dims);
    if (rc == 0 && adaptive) { /* to one pixel it is a global one that keeps its dimensions */
        int32_t out_w = 0, out_h = 0;
        rc = ncnn_int(n, 8, 0, 1, 1, &out_w);
        if (rc == 0)
            rc = ncnn_int(n, 18, out_w, 1, 1, &out_h);
    }
    if (rc)
        return rc;
    return global || adaptive ? import_global(n, average) : import_windows(n, average, counts);
}
