/* The last layer: sums that are never rounded to bytes. */
#include <math.h>

#include "quant/pipeline/pipeline_int.h"

static const struct qnt_layer *input_of(const struct qnt_op_args *args, int32_t i)
{
    return &args->network->layers[args->layer->inputs[i]];
}

static float real_of(const struct qnt_layer *l, int8_t byte)
{
    return (float)(byte - l->zero) * l->scale;
}

float qnt_clamp_score(const struct qnt_layer *l, float x)
{
    x = x < l->lo_real ? l->lo_real : x;
    return x > l->hi_real ? l->hi_real : x;
}

QNT_WIDE static int32_t accumulate(const struct krn_problem *p, int32_t zero, const int8_t *in,
                                   const int8_t *weights, int32_t oc, int32_t oy, int32_t ox)
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
            for (int32_t c = 0; c < depth;
                 c++) { /* words, so that vectors multiply and add pairs */
                int16_t value = (int16_t)(a[c] - zero), weight = w[c];
                sum += value * weight;
            }
        }
    return sum;
}

static void convolution_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const int8_t *weights = qnt_layer_data(args->network, l->weights);
    const int32_t *bias = qnt_layer_data(args->network, l->bias);
    const float *multiplier = qnt_layer_data(args->network, l->multiplier);
    const int32_t zero = input_of(args, 0)->zero;
    float *score = args->scores;

    for (int32_t oy = 0; oy < l->h; oy++)
        for (int32_t ox = 0; ox < l->w; ox++, score += l->c)
            for (int32_t oc = (int32_t)args->begin; oc < (int32_t)args->end; oc++) {
                int32_t sum = accumulate(&l->problem, zero, args->in[0], weights, oc, oy, ox);
                uint32_t acc = (uint32_t)sum + (uint32_t)bias[oc]; /* wraps, as kernels do */
                score[oc] = qnt_clamp_score(l, (float)(int32_t)acc * multiplier[oc]);
            }
}

QNT_WIDE void qnt_scores_of_sums(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const float *multiplier = qnt_layer_data(args->network, l->multiplier);
    const int32_t *sums = (const void *)args->in[0];
    const size_t channels = (size_t)l->c;
    float *scores = args->scores;

    for (size_t i = args->begin, n; i < args->end; i += n) { /* what is left of a pixel */
        const size_t c = i % channels;
        n = channels - c < args->end - i ? channels - c : args->end - i;
        for (size_t k = 0; k < n; k++)
            scores[i + k] = qnt_clamp_score(l, (float)sums[i + k] * multiplier[c + k]);
    }
}

static void add_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *a = input_of(args, 0), *b = input_of(args, 1);

    for (size_t i = 0; i < qnt_layer_elements(l); i++)
        args->scores[i] =
            qnt_clamp_score(l, real_of(a, args->in[0][i]) + real_of(b, args->in[1][i]));
}

static void mul_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *a = input_of(args, 0), *b = input_of(args, 1);
    const size_t factors = qnt_layer_elements(b);

    for (size_t i = 0; i < qnt_layer_elements(l); i++)
        args->scores[i] =
            qnt_clamp_score(l, real_of(a, args->in[0][i]) * real_of(b, args->in[1][i % factors]));
}

static void function_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const float *table = qnt_layer_data(args->network, l->multiplier);

    for (size_t i = 0; i < qnt_layer_elements(l); i++)
        args->scores[i] = qnt_clamp_score(l, table[args->in[0][i] + 128]);
}

/* Real values of `count` bytes of a tensor, within the bounds of the layer that gives them. */
QNT_WIDE static void score_bytes(const struct qnt_layer *l, const struct qnt_layer *from,
                                 const int8_t *bytes, size_t count, float *scores)
{
    const float lo = l->lo_real, hi = l->hi_real, scale = from->scale;
    const int32_t zero = from->zero;

    for (size_t i = 0; i < count; i++) {
        float x = (float)(bytes[i] - zero) * scale;
        x = x < lo ? lo : x;
        scores[i] = x > hi ? hi : x;
    }
}

static void concat_scores(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    size_t pixels = (size_t)l->h * (size_t)l->w, first = 0;

    for (int32_t i = 0; i < l->input_count; i++) {
        const struct qnt_layer *in = input_of(args, i);
        size_t channels = (size_t)in->c;
        for (size_t p = 0; p < pixels; p++)
            score_bytes(l, in, args->in[i] + p * channels, channels,
                        args->scores + p * (size_t)l->c + first);
        first += channels;
    }
}

size_t qnt_scores_units(const struct qnt_layer *l)
{
    if (l->op == QNT_OP_CONV || l->op == QNT_OP_LINEAR)
        return (size_t)l->c;
    if (l->op == QNT_OP_LRN)
        return (size_t)l->h * (size_t)l->w;
    return l->op == QNT_OP_AVGPOOL ? (size_t)l->h : 1;
}

void qnt_scores_run(const struct qnt_op_args *args)
{
    static qnt_op_run *const runs[QNT_OP_COUNT] = {
        [QNT_OP_CONV] = convolution_scores, [QNT_OP_LINEAR] = convolution_scores,
        [QNT_OP_AVGPOOL] = qnt_run_avgpool, [QNT_OP_GLOBAL_AVGPOOL] = qnt_run_global_avgpool,
        [QNT_OP_ADD] = add_scores,          [QNT_OP_CONCAT] = concat_scores,
        [QNT_OP_MUL] = mul_scores,          [QNT_OP_FUNCTION] = function_scores,
        [QNT_OP_CLIP] = concat_scores, /* of one input */
        [QNT_OP_LRN] = qnt_run_lrn,
    };
    const struct qnt_layer *l = args->layer;

    if (runs[l->op]) {
        runs[l->op](args);
        return;
    }
    /* Bytes that are only chosen or moved: at their place in `out`, as the input has them. */
    struct qnt_op_args whole = *args;
    whole.begin = 0;
    whole.end = qnt_op_units(l);
    qnt_op_runs[l->op](&whole);
    score_bytes(l, input_of(args, 0), args->out, qnt_layer_elements(l), args->scores);
}
