#include "quant/model/sampling.h"

#include <errno.h>
#include <math.h>

struct qnt_tap qnt_sample(const struct qnt_sampling *s, int axis, int32_t i, int32_t in)
{
    const double at = fmin(in - 1, fmax(0, i * s->step[axis] + s->offset[axis]));
    /* What should be a pixel, but for the last bits of a step, is one. */
    const double first = floor(s->nearest ? at + 1.0 / (1 << 30) : at);

    return (struct qnt_tap) { (int32_t)first, s->nearest ? 0 : at - first };
}

void qnt_sampling_set(struct qnt_sampling *s, int axis, enum qnt_grid grid, int32_t in, int32_t out)
{
    const double step = (double)in / out;

    s->step[axis] = step;
    s->offset[axis] = grid == QNT_GRID_HALF ? 0.5 * step - 0.5 : 0;
    if (grid == QNT_GRID_CORNERS)
        s->step[axis] = out > 1 ? (double)(in - 1) / (out - 1) : 0;
}

enum qnt_grid qnt_sampling_grid(const struct qnt_node *node, const struct qnt_node *in)
{
    enum qnt_grid grid = 0;

    for (; grid < QNT_GRID_COUNT; grid++) {
        struct qnt_sampling s = node->sampling;
        qnt_sampling_set(&s, 0, grid, in->h, node->h);
        qnt_sampling_set(&s, 1, grid, in->w, node->w);
        double off = 0;
        for (int axis = 0; axis < 2; axis++)
            off = fmax(off, fmax(fabs(s.step[axis] - node->sampling.step[axis]) *
                                     (axis ? node->w : node->h),
                                 fabs(s.offset[axis] - node->sampling.offset[axis])));
        if (off < 1e-6)
            break;
    }
    return grid;
}

int qnt_lrn_set(struct qnt_lrn *lrn, double size, float alpha, float beta, float bias,
                const char **why)
{
    *lrn = (struct qnt_lrn) { .alpha = alpha, .bias = bias };
    *why = "sums over an odd number of channels, 1 to 127, are supported";
    if (!(size >= 1 && size <= QNT_LRN_SIZE_MAX && fmod(size, 2) == 1))
        return -ENOTSUP;
    *why = "beta may be 0.5, 0.75 or 1: the powers that square roots make";
    if (beta != 0.5f && beta != 0.75f && beta != 1)
        return -ENOTSUP;
    *why = "alpha must be 0 or more, and the bias above 0";
    if (!(alpha >= 0 && alpha < 1e15f && bias > 1e-15f && bias < 1e15f))
        return -ENOTSUP;
    lrn->size = (int32_t)size;
    lrn->quarters = (int32_t)(beta * 4);
    return 0;
}
