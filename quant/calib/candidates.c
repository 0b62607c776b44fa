/* What the methods see: for looking at, and for teaching. */
#include "quant/calib/calib_int.h"

#include <math.h>

void qnt_candidates(const struct qnt_histogram *h, struct qnt_candidates *out)
{
    struct qnt_search search = { .h = h };

    if (qnt_search_prepare(&search) != 0) {
        for (int t = 0; t <= QNT_BINS; t++)
            out->kl[t] = out->kl_ncnn[t] = out->mse[t] = out->clipped[t] = INFINITY;
        return;
    }
    qnt_kl_curve(&search, out->kl);
    qnt_kl_ncnn_curve(&search, out->kl_ncnn);
    for (int t = 0; t <= QNT_BINS; t++) {
        out->mse[t] =
            t < QNT_FIRST_MSE ? INFINITY : qnt_mse_in_bins(h, t) * search.width * search.width;
        out->clipped[t] = qnt_clipped_share(&search, t);
    }
}

double qnt_entropy(const double *p, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum -= p[i] > 0 ? p[i] * log(p[i]) : 0;
    return sum;
}

double qnt_cross_entropy(const double *p, const double *q, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum -= p[i] > 0 ? p[i] * log(q[i]) : 0;
    return sum;
}

double qnt_divergence(const double *p, const double *q, size_t count)
{
    return qnt_cross_entropy(p, q, count) - qnt_entropy(p, count);
}
