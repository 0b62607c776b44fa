/* Operators that look at neighbouring pixels or channels. */
#include <math.h>

#include "quant/model/float_int.h"
#include "quant/model/sampling.h"
#include "quant/wide.h"

QNT_WIDE static void mix(const float *const from[4], const double weight[4], size_t count,
                         float *restrict out)
{
    const float w0 = (float)weight[0], w1 = (float)weight[1];
    const float w2 = (float)weight[2], w3 = (float)weight[3];

    for (size_t i = 0; i < count; i++)
        out[i] = (from[0][i] * w0 + from[1][i] * w1) + (from[2][i] * w2 + from[3][i] * w3);
}

void qnt_run_float_resize(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *n = &exec->graph->nodes[index];
    const struct qnt_node *in = &exec->graph->nodes[n->inputs[0]];
    const float *x = exec->tensors[n->inputs[0]];
    const size_t c = (size_t)in->c, row = (size_t)in->w * c;

    for (int32_t oy = 0; oy < n->h; oy++) {
        const struct qnt_tap ty = qnt_sample(&n->sampling, 0, oy, in->h);
        const float *above = x + (size_t)ty.first * row, *below = above + (ty.share > 0 ? row : 0);
        for (int32_t ox = 0; ox < n->w; ox++, out += c) {
            const struct qnt_tap tx = qnt_sample(&n->sampling, 1, ox, in->w);
            const size_t left = (size_t)tx.first * c, right = left + (tx.share > 0 ? c : 0);
            const float *const from[4] = { above + left, above + right, below + left,
                                           below + right };
            const double weight[4] = { (1 - ty.share) * (1 - tx.share), (1 - ty.share) * tx.share,
                                       ty.share * (1 - tx.share), ty.share * tx.share };
            mix(from, weight, c, out);
        }
    }
}

/* t^-beta */
static double power(double t, int32_t quarters)
{
    const double root = sqrt(t);
    return 1 / (quarters == 2 ? root : quarters == 3 ? root * sqrt(root) : t);
}

void qnt_run_float_lrn(struct qnt_float *exec, int32_t index, float *out)
{
    const struct qnt_node *n = &exec->graph->nodes[index];
    const float *x = exec->tensors[n->inputs[0]];
    const double slope = (double)n->lrn.alpha / n->lrn.size;
    const int32_t reach = n->lrn.size / 2;

    for (size_t pixel = 0; pixel < (size_t)n->h * (size_t)n->w; pixel++, x += n->c, out += n->c)
        for (int32_t c = 0; c < n->c; c++) {
            const int32_t last = c + reach < n->c ? c + reach : n->c - 1;
            double sum = 0;
            for (int32_t k = c > reach ? c - reach : 0; k <= last; k++)
                sum += (double)x[k] * (double)x[k];
            out[c] =
                (float)((double)x[c] * power((double)n->lrn.bias + slope * sum, n->lrn.quarters));
        }
}
