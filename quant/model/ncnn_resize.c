/* What makes images larger or smaller. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "quant/model/ncnn_int.h"
#include "quant/model/sampling.h"

static int expect_image(const struct ncnn *n)
{
    const int dims = ncnn_input(n, 0)->dims;
    return dims == 3 ? 0 : ncnn_fail(n, -ENOTSUP, "its input has %d dimensions, expected 3", dims);
}

int ncnn_import_padding(struct ncnn *n)
{
    static const int ids[] = { 0, 1, 2, 3, 7, 8 }; /* top, bottom, left, right, front, behind */
    struct qnt_node node = ncnn_node_on(n, QNT_OP_PAD);
    int32_t kind, by_channel, p[6];
    int rc = ncnn_int(n, 4, 0, 0, 0, &kind);

    if (rc == 0)
        rc = ncnn_int(n, 6, 0, 0, 0, &by_channel);
    if (rc == 0)
        rc = ncnn_float(n, 5, 0, &node.fill);
    for (int i = 0; rc == 0 && i < 6; i++)
        rc = ncnn_int(n, ids[i], 0, 0, NCNN_EXTENT_MAX, &p[i]);
    if (rc == 0)
        rc = expect_image(n);
    if (rc)
        return rc;
    node.place = (struct qnt_place) { { p[0], p[2], p[4] }, { 1, 1, 1 } };
    if (node.c > INT32_MAX / 2 || node.h > INT32_MAX / 2 || node.w > INT32_MAX / 2)
        return ncnn_fail(n, -EINVAL, "an input that large cannot be padded");
    node.h += p[0] + p[1];
    node.w += p[2] + p[3];
    node.c += p[4] + p[5];
    return ncnn_emit(n, &node, 3);
}

/* ---- Interp */

enum { NEAREST = 1, LINEAR, BICUBIC };

/* One axis, and its grid: it becomes a number of pixels, or so many times as many. */
struct axis {
    int32_t in, out;
    double step; /* of the nearest pixels */
};

static int read_axis(const struct ncnn *n, int scale_id, int size_id, int32_t in, struct axis *a)
{
    int32_t size;
    float scale;
    int rc = ncnn_int(n, size_id, 0, 0, NCNN_EXTENT_MAX, &size);

    if (rc == 0)
        rc = ncnn_float(n, scale_id, 1, &scale);
    if (rc)
        return rc;
    const float wanted = size ? (float)size : (float)in * scale;
    if (!(wanted >= 1 && wanted <= NCNN_EXTENT_MAX))
        return ncnn_fail(n, -EINVAL, "an axis of %d would become %g: that is out of range", in,
                         (double)wanted);
    *a = (struct axis) { in, (int32_t)wanted, 0 };
    a->step = size ? (double)in / a->out : 1 / (double)scale;
    return 0;
}

/* Whether each pixel is repeated a whole number of times, which is a move. */
static int repeats(const struct axis *a)
{
    return a->out % a->in == 0 && fabs(a->step * a->out - a->in) < 1e-6;
}

static struct qnt_node make_resize(const struct ncnn *n, int nearest, int corner,
                                   const struct axis *h, const struct axis *w)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_RESIZE);
    const struct axis *const axes[2] = { h, w };

    for (int i = 0; i < 2; i++) {
        qnt_sampling_set(&node.sampling, i, corner ? QNT_GRID_CORNERS : QNT_GRID_HALF, axes[i]->in,
                         axes[i]->out);
        if (!nearest)
            continue;
        node.sampling.step[i] = axes[i]->step;
        node.sampling.offset[i] = 0;
    }
    if (nearest && repeats(h) && repeats(w))
        node.op = QNT_OP_UPSAMPLE;
    node.sampling.nearest = nearest;
    node.h = h->out;
    node.w = w->out;
    return node;
}

int ncnn_import_interp(struct ncnn *n)
{
    const struct qnt_node *in = ncnn_node_of(n, ncnn_input(n, 0));
    int32_t kind, dynamic, corner;
    struct axis h, w;
    int rc = ncnn_int(n, 0, 0, NEAREST, BICUBIC, &kind);

    if (rc == 0 && kind == BICUBIC)
        rc = ncnn_fail(n, -ENOTSUP,
                       "bicubic (0=3) is not supported; nearest (1) and bilinear (2)"
                       " are");
    if (rc == 0)
        rc = ncnn_int(n, 5, 0, 0, 0, &dynamic);
    if (rc == 0)
        rc = ncnn_int(n, 6, 0, 0, kind == LINEAR, &corner);
    if (rc == 0)
        rc = read_axis(n, 1, 3, in->h, &h);
    if (rc == 0)
        rc = read_axis(n, 2, 4, in->w, &w);
    if (rc == 0)
        rc = expect_image(n);
    if (rc)
        return rc;
    if (h.out == h.in && w.out == w.in)
        return ncnn_import_split(n);
    struct qnt_node node = make_resize(n, kind == NEAREST, corner, &h, &w);
    return ncnn_emit(n, &node, 3);
}

/* ---- Channels that become pixels */

int ncnn_import_pixel_shuffle(struct ncnn *n)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_DEPTH_TO_SPACE), order = node;
    int32_t times, pixels_first;
    char name[300];
    int rc = ncnn_int(n, 0, 1, 1, 256, &times);

    if (rc == 0)
        rc = ncnn_int(n, 1, 0, 0, 1, &pixels_first);
    if (rc == 0)
        rc = expect_image(n);
    if (rc == 0 && node.c % (times * times))
        rc = ncnn_fail(n, -EINVAL, "%d channels do not make blocks of %dx%d pixels", node.c, times,
                       times);
    if (rc == 0 && (node.h > INT32_MAX / times || node.w > INT32_MAX / times))
        rc = ncnn_fail(n, -EINVAL, "its output is out of range");
    if (rc)
        return rc;
    node.c /= times * times;
    node.h *= times;
    node.w *= times;
    if (!pixels_first && times > 1 && node.c > 1) { /* [c][times^2] -> [times^2][c] */
        order.op = QNT_OP_SHUFFLE;
        order.place = (struct qnt_place) { { 0, 0, node.c }, { 0 } };
        snprintf(name, sizeof(name), "%.250s.order", n->name);
        rc = ncnn_emit_as(n, &order, 3, name, -1, &node.inputs[0]);
    }
    return rc ? rc : ncnn_emit(n, &node, 3);
}

/* ---- Means and maxima of pixels */

/* Which of h and w go: axes of an image, counted from its channels. */
static int read_reduced(const struct ncnn *n, int reduced[2])
{
    const double *axes;
    size_t count;
    int32_t all;
    int rc = ncnn_int(n, 1, 1, 0, 1, &all);

    if (rc == 0)
        rc = ncnn_array(n, 3, &axes, &count);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        const double axis = axes[i] < 0 ? axes[i] + 3 : axes[i];
        if (axis != 1 && axis != 2)
            return ncnn_fail(n, -ENOTSUP, "reduces axis %g; axes 1 and 2 are supported, the pixels",
                             axes[i]);
        reduced[(int)axis - 1] = 1;
    }
    if (rc == 0 && all && ncnn_node_of(n, ncnn_input(n, 0))->c > 1)
        rc = ncnn_fail(n, -ENOTSUP, "reduces channels; supported are axes 1 and 2, the pixels");
    if (rc == 0 && all)
        reduced[0] = reduced[1] = 1;
    return rc;
}

int ncnn_import_reduction(struct ncnn *n)
{
    enum { MEAN = 3, MAX = 4 };
    int32_t kind, keeps, fixed;
    int reduced[2] = { 0, 0 };
    float factor;
    int rc = ncnn_int(n, 0, 0, MEAN, MAX, &kind);

    if (rc == 0)
        rc = ncnn_float(n, 2, 1, &factor);
    if (rc == 0 && factor != 1)
        rc = ncnn_fail(n, -ENOTSUP, "parameter 2 = %g: only the factor 1 is supported",
                       (double)factor);
    if (rc == 0)
        rc = ncnn_int(n, 4, 0, 0, 1, &keeps);
    if (rc == 0)
        rc = ncnn_int(n, 5, 0, 0, 1, &fixed);
    if (rc == 0)
        rc = expect_image(n);
    if (rc == 0)
        rc = read_reduced(n, reduced);
    const int both = reduced[0] && reduced[1];
    if (rc == 0 && !both && !keeps)
        rc = ncnn_fail(n, -ENOTSUP, "drops one of two axes; supported is to keep it (4=1)");
    if (rc)
        return rc;
    struct qnt_node node = ncnn_node_on(n, kind == MAX ? QNT_OP_MAXPOOL
                                           : both      ? QNT_OP_GLOBAL_AVGPOOL
                                                       : QNT_OP_AVGPOOL);
    node.window = (struct qnt_window) {
        .kh = reduced[0] ? node.h : 1, .kw = reduced[1] ? node.w : 1, .sh = 1, .sw = 1
    };
    node.h = reduced[0] ? 1 : node.h;
    node.w = reduced[1] ? 1 : node.w;
    return ncnn_emit(n, &node, keeps ? 3 : 1);
}

/* ---- Local response normalisation */

int ncnn_import_lrn(struct ncnn *n)
{
    struct qnt_node node = ncnn_node_on(n, QNT_OP_LRN);
    int32_t within, size;
    float alpha, beta, bias;
    const char *why;
    int rc = ncnn_int(n, 0, 0, 0, 0, &within); /* 1: within a channel */

    if (rc == 0)
        rc = ncnn_int(n, 1, 5, 1, INT32_MAX, &size);
    if (rc == 0)
        rc = ncnn_float(n, 2, 1, &alpha);
    if (rc == 0)
        rc = ncnn_float(n, 3, 0.75f, &beta);
    if (rc == 0)
        rc = ncnn_float(n, 4, 1, &bias);
    if (rc == 0)
        rc = expect_image(n);
    if (rc)
        return rc;
    rc = qnt_lrn_set(&node.lrn, size, alpha, beta, bias, &why);
    if (rc)
        return ncnn_fail(n, rc, "size %d, alpha %g, beta %g, bias %g: %s", size, (double)alpha,
                         (double)beta, (double)bias, why);
    return ncnn_emit(n, &node, 3);
}
