#include <errno.h>

#include "quant/model/graph_int.h"

int qnt_axis_place(struct qnt_axis *a, enum qnt_padding padding)
{
    const int64_t extent = (int64_t)(a->taps - 1) * a->dilation + 1;
    int64_t out;

    if (padding == QNT_PADDING_SAME_UPPER || padding == QNT_PADDING_SAME_LOWER) {
        out = ((int64_t)a->in + a->stride - 1) / a->stride;
        int64_t pad = (out - 1) * a->stride + extent - a->in;
        pad = pad < 0 ? 0 : pad;
        a->begin = (int32_t)(padding == QNT_PADDING_SAME_UPPER ? pad / 2 : (pad + 1) / 2);
        a->end = (int32_t)(pad - a->begin);
    } else {
        int64_t slack = (int64_t)a->in + a->begin + a->end - extent;
        if (slack < 0)
            return -EINVAL;
        out = (a->rounding == QNT_ROUND_DOWN ? slack : slack + a->stride - 1) / a->stride + 1;
        if (a->rounding == QNT_ROUND_UP_INSIDE &&
            (out - 1) * a->stride >= (int64_t)a->in + a->begin)
            out--;
    }
    a->out = (int32_t)out;
    if (a->may_miss)
        return 0;
    /* the first and the last window must each see the image */
    return a->begin >= extent || (out - 1) * a->stride - a->begin >= a->in ? -EINVAL : 0;
}
