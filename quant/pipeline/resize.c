/* Pixels between others: four bytes of each channel, weighted by integers that sum to 2^24, and one
 * rounding. The weights of an axis, in a table, are the share of the next pixel in 1/4096. */
#include "quant/pipeline/pipeline_int.h"

#include <string.h>

/* All of them in 32 bits: 128 * 2^24 = 2^31 is reached below zero only. */
QNT_WIDE static void mix(const int8_t *const from[4], const int32_t weight[4], size_t count,
                         int8_t *out)
{
    const int32_t w0 = weight[0], w1 = weight[1], w2 = weight[2], w3 = weight[3];
    const int8_t *a = from[0], *b = from[1], *c = from[2], *d = from[3];

    for (size_t i = 0; i < count; i++)
        out[i] = (int8_t)((QNT_SHARES * QNT_SHARES / 2 + a[i] * w0 + b[i] * w1 + c[i] * w2 +
                           d[i] * w3) >>
                          (2 * QNT_SHARE_BITS));
}

void qnt_run_resize(const struct qnt_op_args *args)
{
    const struct qnt_layer *l = args->layer, *in = &args->network->layers[l->inputs[0]];
    const struct qnt_share *rows = qnt_layer_data(args->network, l->weights);
    const struct qnt_share *columns = rows + l->h;
    const size_t c = (size_t)in->c, row = (size_t)in->w * c;
    int8_t *out = args->out + args->begin * (size_t)l->w * c;

    for (size_t oy = args->begin; oy < args->end; oy++) {
        const int32_t y = rows[oy].share;
        const int8_t *above = args->in[0] + (size_t)rows[oy].first * row;
        const int8_t *below = above + (y ? row : 0);
        for (int32_t ox = 0; ox < l->w; ox++, out += c) {
            const int32_t x = columns[ox].share;
            const size_t left = (size_t)columns[ox].first * c, right = left + (x ? c : 0);
            const int8_t *const from[4] = { above + left, above + right, below + left,
                                            below + right };
            const int32_t weight[4] = { (QNT_SHARES - y) * (QNT_SHARES - x), (QNT_SHARES - y) * x,
                                        y * (QNT_SHARES - x), y * x };
            if (x || y)
                mix(from, weight, c, out);
            else
                memcpy(out, from[0], c);
        }
    }
}
