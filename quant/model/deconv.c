#include "quant/model/deconv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Zeros must not be much more than what the file holds. */
enum { STRIDE_MAX = 64, TIMES_MAX = 64, ALWAYS = 1 << 20 };

/* One axis of the convolution. Its tap t = -pad is the first. */
struct axis {
    int32_t pad, taps, out;
};

/* Tap k gives phase `r` of the output, pixels m * stride + r, from input pixels m + t. */
struct meeting {
    int32_t r;
    int64_t t;
};

static struct meeting meet(const struct qnt_deconv *d, int a, int32_t k)
{
    const int64_t at = (int64_t)k * d->dilation[a] - d->begin[a], stride = d->stride[a];
    const int64_t r = (at % stride + stride) % stride;

    return (struct meeting) { (int32_t)r, (r - at) / stride };
}

static int place(const struct qnt_deconv *d, int a, struct axis *axis)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    int64_t out = ((int64_t)d->out[a] + d->stride[a] - 1) / d->stride[a];

    for (int32_t k = 0; k < d->taps[a]; k++) {
        const int64_t t = meet(d, a, k).t;
        first = t < first ? t : first;
        last = t > last ? t : last;
    }
    int64_t pad = first < 0 ? -first : 0;
    if (out > d->in[a] + pad) /* pixels that no tap reaches */
        pad = out - d->in[a];
    const int64_t taps = last + pad + 1, least = d->in[a] + pad - taps + 1;
    out = out < least ? least : out;
    if (pad > INT16_MAX || taps > INT16_MAX || out > INT32_MAX)
        return -EINVAL;
    *axis = (struct axis) { (int32_t)pad, (int32_t)taps, (int32_t)out };
    return 0;
}

/* The channel of the convolution that is channel c of phase y, x: phases are outermost, but for
 * grouped layers, whose channels must stay in their groups. */
static size_t channel_of(const struct qnt_deconv *d, int32_t c, int32_t y, int32_t x)
{
    const size_t phases = (size_t)d->stride[0] * (size_t)d->stride[1];
    const size_t phase = (size_t)y * (size_t)d->stride[1] + (size_t)x;

    return d->groups == 1 ? phase * (size_t)d->oc + (size_t)c : (size_t)c * phases + phase;
}

/* The taps of channel c of the output, [taps h][taps w][ic], each to the phase that has it. */
static void fill_channel(const struct qnt_deconv *d, const struct axis axes[2], const float *weight,
                         int32_t c, float *out)
{
    const size_t ic = (size_t)(d->ic / d->groups);
    const size_t taps = (size_t)axes[0].taps * (size_t)axes[1].taps;

    for (int32_t ky = 0; ky < d->taps[0]; ky++)
        for (int32_t kx = 0; kx < d->taps[1]; kx++, weight += ic) {
            const struct meeting y = meet(d, 0, ky), x = meet(d, 1, kx);
            const size_t tap =
                (size_t)(y.t + axes[0].pad) * (size_t)axes[1].taps + (size_t)(x.t + axes[1].pad);
            memcpy(out + (channel_of(d, c, y.r, x.r) * taps + tap) * ic, weight, ic * sizeof(*out));
        }
}

static int fill(const struct qnt_deconv *d, const struct axis axes[2], const float *weight,
                const float *bias, struct qnt_node *conv)
{
    const size_t row_in = (size_t)d->taps[0] * (size_t)d->taps[1] * (size_t)(d->ic / d->groups);

    conv->weight_count = krn_problem_weight_count(&conv->problem);
    conv->bias_count = (size_t)conv->c;
    conv->weight = calloc(conv->weight_count, sizeof(*conv->weight));
    conv->bias = calloc(conv->bias_count, sizeof(*conv->bias));
    if (!conv->weight || !conv->bias)
        return -ENOMEM;
    for (int32_t c = 0; c < d->oc; c++) {
        fill_channel(d, axes, weight + (size_t)c * row_in, c, conv->weight);
        for (int32_t y = 0; y < d->stride[0]; y++)
            for (int32_t x = 0; x < d->stride[1]; x++)
                conv->bias[channel_of(d, c, y, x)] = bias[c];
    }
    return 0;
}

static int make_conv(const struct qnt_deconv *d, const struct axis axes[2], const float *weight,
                     const float *bias, struct qnt_node *conv, char *why, size_t why_bytes)
{
    const int64_t phases = (int64_t)d->stride[0] * d->stride[1], oc = phases * d->oc;
    const int64_t ic = d->ic / d->groups, depth = (int64_t)axes[0].taps * axes[1].taps * ic;
    const int64_t given = (int64_t)d->taps[0] * d->taps[1] * ic * d->oc;
    const int64_t most = given > ALWAYS / TIMES_MAX ? given * TIMES_MAX : ALWAYS;

    snprintf(why, why_bytes, "strides of %d and %d make too many channels or weights", d->stride[0],
             d->stride[1]);
    if (oc > INT32_MAX || depth > QNT_ELEMENTS_MAX || oc > QNT_ELEMENTS_MAX / depth ||
        oc * depth > most)
        return -EINVAL;
    conv->c = (int32_t)oc;
    conv->h = axes[0].out;
    conv->w = axes[1].out;
    conv->problem = (struct krn_problem) {
        .n = 1,
        .groups = d->groups,
        .ic = d->ic,
        .ih = d->in[0],
        .iw = d->in[1],
        .oc = conv->c,
        .oh = conv->h,
        .ow = conv->w,
        .kh = axes[0].taps,
        .kw = axes[1].taps,
        .sh = 1,
        .sw = 1,
        .ph = axes[0].pad,
        .pw = axes[1].pad,
        .dh = 1,
        .dw = 1,
    };
    if (krn_problem_check(&conv->problem, why, why_bytes))
        return -EINVAL;
    return fill(d, axes, weight, bias, conv);
}

int qnt_deconv_parts(const struct qnt_deconv *d, const float *weight, const float *bias,
                     struct qnt_node parts[QNT_DECONV_PARTS], char *why, size_t why_bytes)
{
    const int blocks = d->stride[0] > 1 || d->stride[1] > 1;
    struct axis axes[2];
    int count = 1;

    parts[0] = qnt_node_blank(QNT_OP_CONV);
    snprintf(why, why_bytes, "strides of 1 to %d and windows that fit are supported", STRIDE_MAX);
    if (d->stride[0] > STRIDE_MAX || d->stride[1] > STRIDE_MAX || place(d, 0, &axes[0]) ||
        place(d, 1, &axes[1]))
        return -EINVAL;
    int rc = make_conv(d, axes, weight, bias, &parts[0], why, why_bytes);
    if (rc) {
        qnt_node_clear(&parts[0]);
        return rc;
    }
    struct qnt_node node = qnt_node_blank(QNT_OP_SHUFFLE);
    node.input_count = 1;
    node.h = axes[0].out;
    node.w = axes[1].out;
    node.c = parts[0].c;
    node.place.begin[2] = d->oc;
    if (blocks && d->groups > 1 && d->oc > 1)
        parts[count++] = node;
    node.op = QNT_OP_DEPTH_TO_SPACE;
    node.place.begin[2] = 0;
    node.h *= d->stride[0];
    node.w *= d->stride[1];
    node.c = d->oc;
    if (blocks)
        parts[count++] = node;
    if (node.h != d->out[0] || node.w != d->out[1]) {
        node.op = QNT_OP_SLICE;
        node.place = (struct qnt_place) { { 0 }, { 1, 1, 1 } };
        node.h = d->out[0];
        node.w = d->out[1];
        parts[count++] = node;
    }
    parts[0].input_count = 1;
    return count;
}
