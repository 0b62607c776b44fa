/* The layers that are not convolutions, in plain C and in integers. */
#include "quant/pipeline/pipeline_int.h"

#include <math.h>
#include <string.h>

static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

void qnt_quantise_image(const float *image, size_t count, float scale, int8_t *out)
{
    const float inverse = 1 / scale;

    for (size_t i = 0; i < count; i++) {
        float x = image[i] * inverse;
        x = x > -QNT_LEVELS ? x : -QNT_LEVELS; /* a NaN becomes the lowest */
        x = x < QNT_LEVELS ? x : QNT_LEVELS;
        out[i] = (int8_t)rintf(x);
    }
}

static const struct qnt_layer *input_of(const struct qnt_op_args *args, int32_t i)
{
    return &args->network->layers[args->layer->inputs[i]];
}

/* `count` bytes of one input at another scale. */
static void rescale(const struct qnt_layer *l, int32_t factor, const int8_t *in, size_t count,
                    int8_t *out)
{
    const int32_t half = 1 << (l->shift - 1), shift = l->shift, lo = l->lo, hi = l->hi;

    if (factor == 2 * half && lo <= -QNT_LEVELS && hi >= QNT_LEVELS) { /* the same scale */
        memcpy(out, in, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = (int8_t)clamp((in[i] * factor + half) >> shift, lo, hi);
}

static void run_clip(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;

    rescale(l, l->factor[0], args->in[0], qnt_layer_elements(l), args->out);
}

static void run_add(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const int8_t *a = args->in[0], *b = args->in[1];
    const int32_t fa = l->factor[0], fb = l->factor[1], lo = l->lo, hi = l->hi;
    const int32_t half = 1 << (l->shift - 1), shift = l->shift;
    const size_t count = qnt_layer_elements(l);
    int8_t *out = args->out;

    for (size_t i = 0; i < count; i++)
        out[i] = (int8_t)clamp((a[i] * fa + b[i] * fb + half) >> shift, lo, hi);
}

static void run_concat(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    size_t pixels = (size_t)l->h * (size_t)l->w, first = 0;

    for (int32_t i = 0; i < l->input_count; i++) {
        size_t channels = (size_t)input_of(args, i)->c;
        for (size_t p = 0; p < pixels; p++)
            rescale(l, l->factor[i], args->in[i] + p * channels, channels,
                    args->out + p * (size_t)l->c + first);
        first += channels;
    }
}

/* [h][w][c] -> [c][h][w], the order that the weights behind it mean. */
static void run_flatten(const struct qnt_op_args *args)
{
    const struct qnt_layer *in = input_of(args, 0);
    size_t pixels = (size_t)in->h * (size_t)in->w, channels = (size_t)in->c;

    for (size_t c = 0; c < channels; c++)
        for (size_t p = 0; p < pixels; p++)
            args->out[c * pixels + p] = args->in[0][p * channels + c];
}

/* The part of a window that lies inside the input. */
struct range {
    int32_t begin, end;
};

static struct range window_range(int32_t at, int32_t stride, int32_t pad, int32_t size,
                                 int32_t limit)
{
    int32_t begin = at * stride - pad, end = begin + size;
    return (struct range) { begin > 0 ? begin : 0, end < limit ? end : limit };
}

static void max_window(const struct qnt_layer *in, const int8_t *data, struct range y,
                       struct range x, int8_t *out)
{
    const size_t channels = (size_t)in->c;

    memset(out, -128, channels);
    for (int32_t iy = y.begin; iy < y.end; iy++)
        for (int32_t ix = x.begin; ix < x.end; ix++) {
            const int8_t *a = data + ((size_t)iy * (size_t)in->w + (size_t)ix) * channels;
            for (size_t c = 0; c < channels; c++)
                out[c] = a[c] > out[c] ? a[c] : out[c];
        }
}

static void run_maxpool(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args, 0);
    const struct qnt_window *k = &l->window;
    int8_t *out = args->out;

    for (int32_t oy = 0; oy < l->h; oy++) {
        struct range y = window_range(oy, k->sh, k->ph, k->kh, in->h);
        for (int32_t ox = 0; ox < l->w; ox++, out += l->c)
            max_window(in, args->in[0], y, window_range(ox, k->sw, k->pw, k->kw, in->w), out);
    }
}

/* Channels that are summed at a time, so that the inner loop runs along them. */
#define CHUNK 64

/* QNT_WINDOW_MAX keeps 32 bits from overflowing. */
static void window_sums(const struct qnt_layer *in, const int8_t *data, struct range y,
                        struct range x, int32_t first, int32_t count, int32_t *sums)
{
    const size_t channels = (size_t)in->c;

    memset(sums, 0, (size_t)count * sizeof(*sums));
    for (int32_t iy = y.begin; iy < y.end; iy++)
        for (int32_t ix = x.begin; ix < x.end; ix++) {
            const int8_t *a = data + ((size_t)iy * (size_t)in->w + (size_t)ix) * channels + first;
            for (int32_t c = 0; c < count; c++)
                sums[c] += a[c];
        }
}

static int64_t floor_divide(int64_t a, int64_t b) /* b > 0 */
{
    return a / b - (a % b < 0);
}

static int8_t average(const struct qnt_layer *l, int64_t sum, int64_t elements)
{
    int64_t d = elements << l->shift, y = floor_divide(sum * l->factor[0] + d / 2, d);
    return (int8_t)clamp((int32_t)(y < -128 ? -128 : y > 127 ? 127 : y), l->lo, l->hi);
}

static float clamp_real(const struct qnt_layer *l, float x)
{
    x = x < l->lo_real ? l->lo_real : x;
    return x > l->hi_real ? l->hi_real : x;
}

/* All channels of one window: to bytes, or to scores if this is the last layer. */
static void average_window(const struct qnt_op_args *args, struct range y, struct range x,
                           size_t at)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args, 0);
    const int64_t elements = (int64_t)(y.end - y.begin) * (x.end - x.begin);
    const float scale = in->scale / (float)elements;
    int32_t sums[CHUNK];

    for (int32_t first = 0; first < l->c; first += CHUNK) {
        int32_t count = l->c - first < CHUNK ? l->c - first : CHUNK;
        window_sums(in, args->in[0], y, x, first, count, sums);
        for (int32_t c = 0; c < count; c++, at++)
            if (args->scores)
                args->scores[at] = clamp_real(l, (float)sums[c] * scale);
            else
                args->out[at] = average(l, sums[c], elements);
    }
}

static void run_average(const struct qnt_op_args *args, const struct qnt_window *k)
{
    const struct qnt_layer *l = args->layer, *in = input_of(args, 0);
    size_t at = 0;

    for (int32_t oy = 0; oy < l->h; oy++) {
        struct range y = window_range(oy, k->sh, k->ph, k->kh, in->h);
        for (int32_t ox = 0; ox < l->w; ox++, at += (size_t)l->c)
            average_window(args, y, window_range(ox, k->sw, k->pw, k->kw, in->w), at);
    }
}

static void run_avgpool(const struct qnt_op_args *args)
{
    run_average(args, &args->layer->window);
}

static void run_global_avgpool(const struct qnt_op_args *args)
{
    const struct qnt_layer *in = input_of(args, 0);
    const struct qnt_window all = { .kh = in->h, .kw = in->w, .sh = 1, .sw = 1 };

    run_average(args, &all);
}

qnt_op_run *const qnt_op_runs[QNT_OP_COUNT] = {
    [QNT_OP_CLIP] = run_clip,
    [QNT_OP_ADD] = run_add,
    [QNT_OP_MAXPOOL] = run_maxpool,
    [QNT_OP_AVGPOOL] = run_avgpool,
    [QNT_OP_GLOBAL_AVGPOOL] = run_global_avgpool,
    [QNT_OP_CONCAT] = run_concat,
    [QNT_OP_FLATTEN] = run_flatten,
};

/* ---- The last layer: sums that are never rounded to bytes. */

static int32_t accumulate(const struct krn_problem *p, const int8_t *in, const int8_t *weights,
                          int32_t oc, int32_t oy, int32_t ox)
{
    const int32_t depth = p->ic / p->groups, first = oc / (p->oc / p->groups) * depth;
    const int8_t *w = weights + (size_t)oc * (size_t)p->kh * (size_t)p->kw * (size_t)depth;
    int32_t sum = 0; /* QNT_DEPTH_MAX keeps it from overflowing */

    for (int32_t ky = 0; ky < p->kh; ky++)
        for (int32_t kx = 0; kx < p->kw; kx++, w += depth) {
            int64_t y = (int64_t)oy * p->sh - p->ph + (int64_t)ky * p->dh;
            int64_t x = (int64_t)ox * p->sw - p->pw + (int64_t)kx * p->dw;
            if (y < 0 || y >= p->ih || x < 0 || x >= p->iw)
                continue;
            const int8_t *a = in + (y * p->iw + x) * p->ic + first;
            for (int32_t c = 0; c < depth; c++)
                sum += a[c] * w[c];
        }
    return sum;
}

static void convolution_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const int8_t *weights = qnt_layer_data(args->network, l->weights);
    const int32_t *bias = qnt_layer_data(args->network, l->bias);
    const float *multiplier = qnt_layer_data(args->network, l->multiplier);
    float *score = args->scores;

    for (int32_t oy = 0; oy < l->h; oy++)
        for (int32_t ox = 0; ox < l->w; ox++)
            for (int32_t oc = 0; oc < l->c; oc++) {
                int32_t sum = accumulate(&l->problem, args->in[0], weights, oc, oy, ox);
                uint32_t acc = (uint32_t)sum + (uint32_t)bias[oc]; /* wraps, as kernels do */
                *score++ = clamp_real(l, (float)(int32_t)acc * multiplier[oc]);
            }
}

static void add_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const float sa = input_of(args, 0)->scale, sb = input_of(args, 1)->scale;

    for (size_t i = 0; i < qnt_layer_elements(l); i++)
        args->scores[i] = clamp_real(l, (float)args->in[0][i] * sa + (float)args->in[1][i] * sb);
}

static void concat_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    size_t pixels = (size_t)l->h * (size_t)l->w, first = 0;

    for (int32_t i = 0; i < l->input_count; i++) {
        const struct qnt_layer *in = input_of(args, i);
        size_t channels = (size_t)in->c;
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                args->scores[p * (size_t)l->c + first + c] =
                    clamp_real(l, (float)args->in[i][p * channels + c] * in->scale);
        first += channels;
    }
}

void qnt_scores_run(const struct qnt_op_args *args)
{
    static qnt_op_run *const runs[QNT_OP_COUNT] = {
        [QNT_OP_CONV] = convolution_scores, [QNT_OP_LINEAR] = convolution_scores,
        [QNT_OP_AVGPOOL] = run_avgpool,     [QNT_OP_GLOBAL_AVGPOOL] = run_global_avgpool,
        [QNT_OP_ADD] = add_scores,          [QNT_OP_CONCAT] = concat_scores,
        [QNT_OP_CLIP] = concat_scores, /* of one input */
    };
    const struct qnt_layer *l = args->layer;
    const size_t count = qnt_layer_elements(l);

    if (runs[l->op]) {
        runs[l->op](args);
        return;
    }
    /* Bytes that are only chosen or moved: at their place in `out`, at the input's scale. */
    qnt_op_runs[l->op](args);
    for (size_t i = 0; i < count; i++)
        args->scores[i] = clamp_real(l, (float)args->out[i] * input_of(args, 0)->scale);
}
