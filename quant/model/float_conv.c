/* Layers of weights in float: matrix products over patches, panel by panel, so that a panel and
 * what comes of it stay in the cache until bias and clamp are done. */
#include "quant/model/float_int.h"

#include <cblas.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "quant/wide.h"

/* Floats of a panel, inputs and outputs, and the fewest pixels of one: the weights are packed anew
 * for each. */
enum { PANEL_FLOATS = 96 << 10, PANEL_LEAST = 192 };
enum { CALL_LEAST = 32 }; /* floats that are worth a call of memcpy() */

/* The outputs whose windows meet the image; the others are their bias. */
struct area {
    int32_t y, x, h, w; /* from (y, x) on */
    int whole;          /* that is all of them */
    int as_is;          /* their inputs, in order, are the pixels of the image: no patches */
};

static void meet(int32_t out, int32_t in, int32_t stride, int64_t pad, int64_t reach,
                 int32_t *begin, int32_t *count)
{
    const int64_t first = pad > reach ? (pad - reach + stride - 1) / stride : 0;
    const int64_t last = (in - 1 + pad) / stride, end = last + 1 < out ? last + 1 : out;

    *begin = (int32_t)(first < out ? first : out);
    *count = end > *begin ? (int32_t)end - *begin : 0;
}

static struct area find_area(const struct krn_problem *p)
{
    struct area a;

    meet(p->oh, p->ih, p->sh, p->ph, (int64_t)(p->kh - 1) * p->dh, &a.y, &a.h);
    meet(p->ow, p->iw, p->sw, p->pw, (int64_t)(p->kw - 1) * p->dw, &a.x, &a.w);
    a.whole = a.h == p->oh && a.w == p->ow;
    a.as_is = p->kh == 1 && p->kw == 1 && p->sh == 1 && p->sw == 1 && a.h == p->ih && a.w == p->iw;
    return a;
}

static size_t depth_of(const struct krn_problem *p)
{
    return (size_t)p->kh * (size_t)p->kw * (size_t)(p->ic / p->groups);
}

static size_t panel_pixels(const struct krn_problem *p, const struct area *area)
{
    const size_t all = (size_t)area->h * (size_t)area->w;
    size_t pixels = PANEL_FLOATS / (depth_of(p) + (size_t)p->oc);

    pixels = pixels < PANEL_LEAST ? PANEL_LEAST : pixels;
    const size_t panels = (all + pixels - 1) / pixels;
    return panels ? (all + panels - 1) / panels : 0;
}

/* ---- Patches */

/* One row of taps of one window, [kw][ic / groups]: at once where it lies in the image and no
 * channel of another group stands between. */
static void fill_taps(const struct krn_problem *p, const float *row, int32_t z, float *patches)
{
    const size_t ic = (size_t)(p->ic / p->groups), pixel = (size_t)p->ic;
    const int64_t ix = (int64_t)z * p->sw - p->pw;

    if (ix >= 0 && ix + p->kw <= p->iw && p->dw == 1 && p->groups == 1) {
        const float *restrict from = row + (size_t)ix * pixel;
        const size_t count = (size_t)p->kw * ic;
        if (count >= CALL_LEAST)
            memcpy(patches, from, count * sizeof(*patches));
        for (size_t i = 0; i < count && count < CALL_LEAST; i++)
            patches[i] = from[i];
        return;
    }
    for (int32_t kx = 0; kx < p->kw; kx++, patches += ic) {
        const int64_t x = ix + (int64_t)kx * p->dw;
        if (x < 0 || x >= p->iw)
            memset(patches, 0, ic * sizeof(*patches));
        else
            memcpy(patches, row + (size_t)x * pixel, ic * sizeof(*patches));
    }
}

/* Of `count` outputs of an area from number `first` on, of one group: rows [kh][kw][ic / groups],
 * zeros outside the image. */
static void fill_patches(const struct krn_problem *p, const struct area *area, const float *x,
                         size_t first, size_t count, float *patches)
{
    const size_t taps = (size_t)p->kw * (size_t)(p->ic / p->groups);

    for (size_t i = first; i < first + count; i++) {
        const int32_t y = area->y + (int32_t)(i / (size_t)area->w);
        const int32_t z = area->x + (int32_t)(i % (size_t)area->w);
        for (int32_t ky = 0; ky < p->kh; ky++, patches += taps) {
            int64_t iy = (int64_t)y * p->sh - p->ph + (int64_t)ky * p->dh;
            if (iy < 0 || iy >= p->ih)
                memset(patches, 0, taps * sizeof(*patches));
            else
                fill_taps(p, x + (size_t)iy * (size_t)p->iw * (size_t)p->ic, z, patches);
        }
    }
}

/* ---- Bias and clamp */

QNT_WIDE static void finish_pixel(const float *restrict bias, float lo, float hi, size_t c,
                                  const float *sum, float *out)
{
    for (size_t i = 0; i < c; i++) {
        float y = sum[i] + bias[i];
        y = lo > y ? lo : y;
        out[i] = hi < y ? hi : y;
    }
}

void qnt_float_finish(const struct qnt_node *node, const float *sum, size_t pixels, float *out)
{
    const size_t c = (size_t)node->c;

    for (size_t i = 0; i < pixels; i++)
        finish_pixel(node->bias, node->lo, node->hi, c, sum + i * c, out + i * c);
}

/* The sums of the outputs of an area from number `first` on, to where they belong. */
static void finish_area(const struct qnt_node *node, const struct area *area, const float *sum,
                        size_t first, size_t count, float *out)
{
    const size_t c = (size_t)node->c, w = (size_t)area->w;

    while (count > 0) {
        const size_t y = (size_t)area->y + first / w, x = (size_t)area->x + first % w;
        const size_t left = w - first % w, n = left < count ? left : count;
        qnt_float_finish(node, sum, n, out + (y * (size_t)node->w + x) * c);
        sum += n * c;
        first += n;
        count -= n;
    }
}

static void fill_bias(const struct qnt_node *node, float *out)
{
    const size_t c = (size_t)node->c, pixels = qnt_node_elements(node) / c;

    for (size_t i = 0; i < pixels; i++)
        memset(out + i * c, 0, c * sizeof(*out));
    qnt_float_finish(node, out, pixels, out);
}

/* ---- Dense and grouped layers */

/* c[rows][columns] = a[rows][depth] * w[columns][depth], rows of a and c so far apart. */
static void multiply(const float *a, size_t a_step, const float *w, size_t rows, size_t columns,
                     size_t depth, float *c, size_t c_step)
{
    if (rows == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (blasint)columns, (blasint)depth, 1, w,
                    (blasint)depth, a, 1, 0, c, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows, (blasint)columns,
                    (blasint)depth, 1, a, (blasint)a_step, w, (blasint)depth, 0, c,
                    (blasint)c_step);
}

/* The sums of one panel, all groups. */
static void multiply_panel(const struct qnt_node *node, const struct area *area, const float *x,
                           size_t first, size_t count, float *patches, float *sum)
{
    const struct krn_problem *p = &node->problem;
    const size_t oc = (size_t)(p->oc / p->groups), ic = (size_t)(p->ic / p->groups);
    const size_t depth = depth_of(p);

    for (size_t g = 0; g < (size_t)p->groups; g++) {
        const float *w = node->weight + g * oc * depth, *in = x + g * ic;
        if (area->as_is) {
            multiply(in + first * (size_t)p->ic, (size_t)p->ic, w, count, oc, depth, sum + g * oc,
                     (size_t)p->oc);
            continue;
        }
        fill_patches(p, area, in, first, count, patches);
        multiply(patches, depth, w, count, oc, depth, sum + g * oc, (size_t)p->oc);
    }
}

static void run_dense(const struct qnt_node *node, const float *x, float *scratch, float *out)
{
    const struct krn_problem *p = &node->problem;
    const struct area area = find_area(p);
    const size_t all = (size_t)area.h * (size_t)area.w, panel = panel_pixels(p, &area);
    const size_t c = (size_t)p->oc;
    float *sums = area.as_is ? scratch : scratch + panel * depth_of(p);

    if (!area.whole)
        fill_bias(node, out);
    for (size_t first = 0; first < all; first += panel) {
        const size_t count = all - first < panel ? all - first : panel;
        float *sum = area.whole ? out + first * c : sums;
        multiply_panel(node, &area, x, first, count, scratch, sum);
        finish_area(node, &area, sum, first, count, out);
    }
}

static size_t dense_scratch(const struct krn_problem *p)
{
    const struct area area = find_area(p);

    return panel_pixels(p, &area) *
           ((area.as_is ? 0 : depth_of(p)) + (area.whole ? 0 : (size_t)p->oc));
}

/* ---- Depthwise layers */

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

/* One output pixel: adds every tap that lies in the image. */
QNT_WIDE static void depthwise_pixel(const struct krn_problem *p, const float *x, const float *taps,
                                     int32_t y, int32_t z, float *restrict out)
{
    const size_t c = (size_t)p->ic;

    memset(out, 0, c * sizeof(*out));
    for (int32_t ky = 0; ky < p->kh; ky++)
        for (int32_t kx = 0; kx < p->kw; kx++) {
            int64_t iy = (int64_t)y * p->sh - p->ph + (int64_t)ky * p->dh;
            int64_t ix = (int64_t)z * p->sw - p->pw + (int64_t)kx * p->dw;
            if (iy < 0 || iy >= p->ih || ix < 0 || ix >= p->iw)
                continue;
            const float *in = x + ((size_t)iy * (size_t)p->iw + (size_t)ix) * c;
            const float *tap = taps + ((size_t)ky * (size_t)p->kw + (size_t)kx) * c;
            for (size_t i = 0; i < c; i++)
                out[i] += in[i] * tap[i];
        }
}

static void run_depthwise(const struct qnt_node *node, const float *taps, const float *x,
                          float *out)
{
    const struct krn_problem *p = &node->problem;

    for (int32_t y = 0; y < p->oh; y++)
        for (int32_t z = 0; z < p->ow; z++, out += p->oc) {
            depthwise_pixel(p, x, taps, y, z, out);
            qnt_float_finish(node, out, 1, out);
        }
}

/* ---- What float.c calls */

int qnt_float_layer_open(const struct qnt_node *node, struct qnt_float_layer *layer,
                         size_t *scratch)
{
    const int depthwise = node->op == QNT_OP_CONV && krn_problem_is_depthwise(&node->problem);

    *layer = (struct qnt_float_layer) { 0 };
    *scratch = 0;
    if (depthwise) {
        layer->weight = transpose_taps(node);
        return layer->weight ? 0 : -ENOMEM;
    }
    layer->form = qnt_winograd_choose(&node->problem);
    if (!layer->form) {
        *scratch = dense_scratch(&node->problem);
        return 0;
    }
    *scratch = qnt_winograd_scratch(layer->form, &node->problem);
    layer->weight = qnt_winograd_weights(layer->form, node);
    return layer->weight ? 0 : -ENOMEM;
}

void qnt_float_layer_close(struct qnt_float_layer *layer)
{
    free(layer->weight);
}

void qnt_run_conv(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *node = &exec->graph->nodes[index];
    const struct qnt_float_layer *layer = &exec->layers[index];
    const float *x = exec->tensors[node->inputs[0]];

    if (layer->form)
        qnt_winograd_run(layer, node, x, exec->scratch, out);
    else if (layer->weight)
        run_depthwise(node, layer->weight, x, out);
    else
        run_dense(node, x, exec->scratch, out);
}
