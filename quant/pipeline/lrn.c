/* Local response normalisation across channels. Sums of squares are integers; what follows are
 * single operations of IEEE floats, which are the same on every machine. */
#include "quant/pipeline/pipeline_int.h"

#include <string.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#elif defined(__x86_64__)
#include <immintrin.h>
#else
#include <math.h>
#endif

enum { LANES = 4, BLOCK = 64, REACH_MAX = QNT_LRN_SIZE_MAX / 2 };
typedef float floats __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

static floats square_root(floats x)
{
#if defined(__aarch64__)
    return (floats)vsqrtq_f32((float32x4_t)x);
#elif defined(__x86_64__)
    return (floats)_mm_sqrt_ps((__m128)x);
#else
    for (int i = 0; i < LANES; i++)
        x[i] = sqrtf(x[i]);
    return x;
#endif
}

/* Values of channels, without their zero point, and sums of the squares around them. */
struct block {
    float value[BLOCK], sum[BLOCK];
};

/* `count` channels from `first` on of one pixel. */
QNT_WIDE static void sum_squares(const struct qnt_layer *l, const int8_t *in, int32_t zero,
                                 int32_t first, int32_t count, struct block *b)
{
    int32_t squares[BLOCK + 2 * REACH_MAX], sums[BLOCK];
    const int32_t size = l->factor[0], begin = first - size / 2, all = count + size - 1;
    const int32_t from = begin < 0 ? -begin : 0, to = begin + all > l->c ? l->c - begin : all;

    for (int32_t i = 0; i < from; i++)
        squares[i] = 0;
    for (int32_t i = from; i < to; i++)
        squares[i] = (in[begin + i] - zero) * (in[begin + i] - zero);
    for (int32_t i = to; i < all; i++)
        squares[i] = 0;
    memcpy(sums, squares, (size_t)count * sizeof(*sums));
    for (int32_t k = 1; k < size; k++)
        for (int32_t i = 0; i < count; i++)
            sums[i] += squares[i + k];
    for (int32_t i = 0; i < count; i++) {
        b->value[i] = (float)(in[first + i] - zero);
        b->sum[i] = (float)sums[i];
    }
}

/* t^beta */
static floats power(floats t, int32_t quarters)
{
    const floats root = square_root(t);

    if (quarters == 2)
        return root;
    return quarters == 3 ? (floats)(root * square_root(root)) : t;
}

/* value * ratio / (bias + slope * sum)^beta, in place. */
static void divide(const struct qnt_layer *l, const float *parameter, struct block *b)
{
    const float slope = parameter[QNT_LRN_SLOPE], bias = parameter[QNT_LRN_BIAS];
    const float ratio = parameter[QNT_LRN_RATIO];

    for (int32_t i = 0; i < BLOCK; i += LANES) {
        floats *value = (floats *)&b->value[i];
        const floats t = *(const floats *)&b->sum[i] * slope + bias;
        *value = *value * ratio / power(t, l->factor[1]);
    }
}

/* To the nearest, ties to even: added and taken off, 1.5 * 2^23 leaves an integer. */
QNT_WIDE static void round_bytes(const struct qnt_layer *l, const float *value, int32_t count,
                                 int8_t *out)
{
    const float lo = (float)(l->lo - l->zero), hi = (float)(l->hi - l->zero);
    const int32_t zero = l->zero;

    for (int32_t i = 0; i < count; i++) {
        float x = value[i];
        x = x > lo ? x : lo;
        x = x < hi ? x : hi;
        out[i] = (int8_t)((int32_t)(x + 12582912.0f - 12582912.0f) + zero);
    }
}

void qnt_run_lrn(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer;
    const int32_t zero = args->network->layers[l->inputs[0]].zero;
    const float *parameter = qnt_layer_data(args->network, l->multiplier);
    struct block b = { .value = { 0 } };

    for (size_t p = args->begin; p < args->end; p++)
        for (int32_t c = 0; c < l->c; c += BLOCK) {
            const int32_t count = l->c - c < BLOCK ? l->c - c : BLOCK;
            const size_t at = p * (size_t)l->c + (size_t)c;
            sum_squares(l, args->in[0] + p * (size_t)l->c, zero, c, count, &b);
            divide(l, parameter, &b);
            for (int32_t i = 0; args->scores && i < count; i++)
                args->scores[at + (size_t)i] = qnt_clamp_score(l, b.value[i]);
            if (!args->scores)
                round_bytes(l, b.value, count, args->out + at);
        }
}
