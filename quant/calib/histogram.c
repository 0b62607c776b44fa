#include "quant/calib/calib.h"

#include <float.h>
#include <math.h>
#include <string.h>

void qnt_histogram_init(struct qnt_histogram *h)
{
    memset(h, 0, sizeof(*h));
}

void qnt_histogram_range(struct qnt_histogram *h, const float *values, size_t count)
{
    float min = h->seen ? h->min : FLT_MAX, max = h->seen ? h->max : -FLT_MAX;
    uint64_t nonfinite = 0;

    for (size_t i = 0; i < count; i++) {
        float x = values[i];
        if (!(fabsf(x) <= FLT_MAX)) { /* a NaN compares false */
            nonfinite++;
            continue;
        }
        min = x < min ? x : min;
        max = x > max ? x : max;
    }
    h->nonfinite += nonfinite;
    if (nonfinite == count)
        return;
    h->seen = 1;
    h->min = min;
    h->max = max;
    h->absmax = fmaxf(fabsf(min), fabsf(max));
}

void qnt_histogram_count(struct qnt_histogram *h, const float *values, size_t count)
{
    float absmax = h->absmax;

    for (size_t i = 0; i < count; i++) {
        float x = fabsf(values[i]);
        if (!(x <= FLT_MAX))
            continue;
        h->total++;
        if (x == 0) {
            h->zeros++;
            continue;
        }
        /* Division, not a multiplication by the inverse: bin for bin what ncnn counts. */
        float place = x < absmax ? x / absmax * QNT_BINS : QNT_BINS - 1;
        int index = (int)place;
        h->bin[index < QNT_BINS ? index : QNT_BINS - 1]++;
    }
}
