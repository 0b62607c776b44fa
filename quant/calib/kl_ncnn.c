/* KL with the arithmetic of ncnn2table (method=kl), so that thresholds can be compared and
 * exchanged: t = 128..2047 ("no clipping" is never tried); Q from the bins without the outliers, in
 * 128 levels with fractional edges, spread over empty bins too; 1e-4 added to every bin of P and Q,
 * no renormalisation; float; first minimum; threshold in the middle of bin t. */
#include "quant/calib/calib_int.h"

#include <math.h>

#define LEVELS 128
#define EPS 1e-4f

/* Bins [first, last) lie wholly in level l of t bins; `left` of bin first - 1 and `right` of bin
 * last too. */
struct span {
    int first, last;
    float left, right;
};

static struct span level_span(int l, int t)
{
    float width = (float)t / LEVELS, begin = (float)l * width, end = begin + width;
    struct span s;

    if (l == LEVELS - 1)
        end = (float)t;
    s.first = (int)ceilf(begin);
    s.left = (float)s.first - begin;
    s.last = (int)floorf(end);
    s.right = end - (float)s.last;
    return s;
}

static void spread(const float *p, int t, float *q)
{
    for (int i = 0; i < t; i++)
        q[i] = EPS;
    for (int l = 0; l < LEVELS; l++) {
        struct span s = level_span(l, t);
        float sum = 0, bins = (float)(s.last - s.first) + s.left + s.right;
        if (s.left > 0)
            sum += s.left * p[s.first - 1];
        if (s.right > 0)
            sum += s.right * p[s.last];
        for (int i = s.first; i < s.last; i++)
            sum += p[i];
        float mean = sum / bins;
        if (s.left > 0)
            q[s.first - 1] += mean * s.left;
        if (s.right > 0)
            q[s.last] += mean * s.right;
        for (int i = s.first; i < s.last; i++)
            q[i] += mean;
    }
}

static float divergence(const float *p, int t, float *q)
{
    float outliers = EPS, sum = 0;

    spread(p, t, q);
    for (int i = t - 1; i < QNT_BINS; i++)
        outliers += p[i];
    for (int i = 0; i < t; i++) {
        float x = i < t - 1 ? EPS + p[i] : outliers;
        sum += x * logf(x / q[i]);
    }
    return sum;
}

void qnt_kl_ncnn_curve(const struct qnt_search *search, double *out)
{
    float p[QNT_BINS], q[QNT_BINS];

    for (int i = 0; i < QNT_BINS; i++)
        p[i] = (float)((double)search->h->bin[i] / search->count);
    for (int t = 0; t <= QNT_BINS; t++)
        out[t] = t < QNT_FIRST_KL || t == QNT_BINS ? INFINITY : (double)divergence(p, t, q);
}

void qnt_find_kl_ncnn(const struct qnt_search *search, struct qnt_threshold *out)
{
    double curve[QNT_BINS + 1];
    int best = QNT_FIRST_KL;

    qnt_kl_ncnn_curve(search, curve);
    for (int t = QNT_FIRST_KL; t < QNT_BINS; t++)
        best = curve[t] < curve[best] ? t : best;
    out->divergence = curve[best];
    out->threshold = ((float)best + 0.5f) * search->h->absmax / QNT_BINS;
}
