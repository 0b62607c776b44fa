/* Residual adds whose tensor is kept in 16 bits beside its bytes: the next add reads those, so that
 * a long chain of adds rounds to 16 bits, and to bytes only what convolutions read. A convolution
 * that only such an add reads gives it its sums. */
#include <math.h>
#include <stddef.h>

#include "quant/pipeline/pipeline_int.h"

static int32_t clamp(int32_t x, int32_t lo, int32_t hi)
{
    x = x < lo ? lo : x;
    return x > hi ? hi : x;
}

int qnt_adds_wide(const struct qnt_network *network, const struct qnt_layer *l)
{
    return l->op == QNT_OP_ADD &&
           (l->wide || network->layers[l->inputs[0]].wide || network->layers[l->inputs[1]].wide);
}

/* Elements [begin, end) of one input times its factor, added to sum[end - begin]. */
QNT_WIDE static void add_bytes(const int8_t *in, int32_t zero, int32_t factor, size_t count,
                               int32_t *sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += (in[i] - zero) * factor;
}

QNT_WIDE static void add_wide(const int16_t *in, int32_t factor, size_t count, int32_t *sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] += in[i] * factor;
}

QNT_WIDE static void shift_sums(int32_t shift, size_t count, int32_t *sum)
{
    for (size_t i = 0; i < count; i++)
        sum[i] >>= shift;
}

/* The accumulators of some channels of a pixel in steps of the sum, added to it. */
QNT_WIDE static void add_channels(const int32_t *restrict acc, const float *restrict multiplier,
                                  size_t count, int32_t *restrict sum)
{
    const float most = 1 << 21;

    for (size_t i = 0; i < count; i++) {
        float y = rintf((float)acc[i] * multiplier[i]);
        y = y > -most ? y : -most;
        y = y < most ? y : most;
        sum[i] += (int32_t)y;
    }
}

/* Elements at `at` on of a convolution's sums. */
static void add_accumulators(const struct qnt_network *network, const struct qnt_layer *from,
                             const int32_t *acc, size_t at, size_t count, int32_t *sum)
{
    const float *multiplier = qnt_layer_data(network, from->multiplier);
    const size_t channels = (size_t)from->c;

    for (size_t i = 0, n; i < count; i += n) {
        const size_t c = (at + i) % channels, left = channels - c;
        n = count - i < left ? count - i : left;
        add_channels(acc + at + i, multiplier + c, n, sum + i);
    }
}

/* To 16 bits within the clamp of the bytes. */
QNT_WIDE static void clamp_sums(const struct qnt_layer *l, size_t count, int32_t *sum)
{
    const int32_t lo = (l->lo - l->zero) * QNT_WIDE_STEPS, hi = (l->hi - l->zero) * QNT_WIDE_STEPS;

    for (size_t i = 0; i < count; i++)
        sum[i] = clamp(sum[i], lo, hi);
}

QNT_WIDE static void give(const struct qnt_layer *l, const int32_t *sum, size_t count, int8_t *out,
                          int16_t *wide)
{
    const int32_t zero = l->zero;

    for (size_t i = 0; i < count; i++)
        out[i] = (int8_t)(((sum[i] + QNT_WIDE_STEPS / 2) >> QNT_WIDE_SHIFT) + zero);
    for (size_t i = 0; wide && i < count; i++)
        wide[i] = (int16_t)sum[i];
}

void qnt_run_add_wide(const struct qnt_op_args *args)
{
    enum { BLOCK = 1024 };
    const struct qnt_layer *l = args->layer;
    int32_t sum[BLOCK];

    for (size_t at = args->begin, n; at < args->end; at += n) {
        n = args->end - at < BLOCK ? args->end - at : BLOCK;
        for (size_t i = 0; i < n; i++)
            sum[i] = 1 << (l->shift - 1);
        for (int k = 0; k < 2; k++) {
            const struct qnt_layer *from = &args->network->layers[l->inputs[k]];
            if (qnt_layer_gives_sums(from))
                continue;
            if (from->wide)
                add_wide(qnt_layer_wide(from, args->in[k]) + at, l->factor[k], n, sum);
            else
                add_bytes(args->in[k] + at, from->zero, l->factor[k], n, sum);
        }
        shift_sums(l->shift, n, sum);
        for (int k = 0; k < 2; k++) {
            const struct qnt_layer *from = &args->network->layers[l->inputs[k]];
            if (qnt_layer_gives_sums(from))
                add_accumulators(args->network, from, (const void *)args->in[k], at, n, sum);
        }
        clamp_sums(l, n, sum);
        give(l, sum, n, args->out + at,
             l->wide ? (int16_t *)qnt_layer_wide(l, args->out) + at : NULL);
    }
}
