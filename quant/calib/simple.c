/* The methods that need no more than the shared figures: max, percentile, MSE, and auto, which
 * compares the others. */
#include "quant/calib/calib_int.h"

#include <math.h>

void qnt_find_max(const struct qnt_search *search, struct qnt_threshold *out)
{
    out->threshold = search->h->absmax;
}

static void percentile(const struct qnt_search *search, double above, struct qnt_threshold *out)
{
    int t = 1;

    while (t < QNT_BINS && search->above[t] > above)
        t++;
    out->threshold = t < QNT_BINS ? (float)(t * search->width) : search->h->absmax;
}

void qnt_find_percentile(const struct qnt_search *search, struct qnt_threshold *out)
{
    percentile(search, 1e-4, out);
}

void qnt_find_percentile_99999(const struct qnt_search *search, struct qnt_threshold *out)
{
    percentile(search, 1e-5, out);
}

void qnt_find_mse(const struct qnt_search *search, struct qnt_threshold *out)
{
    out->threshold = (float)(search->best * search->width);
}

/* Ranges that are Gaussian by the largest value that so many draws give. N of one image, as ncnn.
 */
void qnt_find_aciq(const struct qnt_search *search, struct qnt_threshold *out)
{
    const double alpha = 3.92403714; /* of 8 bits */
    const struct qnt_histogram *h = search->h;
    double n = h->calls ? (double)h->total / (double)h->calls : (double)h->total;
    double absmax = (double)h->absmax;

    out->threshold = h->absmax;
    if (n < 2)
        return;
    double constant = 0.5 * 0.35 * (1 + sqrt(M_PI * log(4)));
    double sigma = absmax * 2 * constant / sqrt(2 * log(n));
    out->threshold = (float)fmin(alpha * sigma, absmax);
}

/* The images of a that are not in b. */
static void subtract(const struct qnt_histogram *a, const struct qnt_histogram *b,
                     struct qnt_histogram *out)
{
    *out = *a;
    out->calls -= b->calls;
    out->total -= b->total;
    out->zeros -= b->zeros;
    for (int i = 0; i < QNT_BINS; i++)
        out->bin[i] -= b->bin[i];
}

/* Squared error decides, so a threshold that clips what matters cannot win. Of equals the first, so
 * the widest: the order of the table is from max inwards. */
static enum qnt_method least_error(const struct qnt_search *fit, const struct qnt_histogram *judge)
{
    enum qnt_method best = QNT_METHOD_MAX;
    double least = -1;

    for (int m = QNT_METHOD_AUTO + 1; m < QNT_METHOD_COUNT; m++) {
        struct qnt_threshold candidate = { .used = (enum qnt_method)m };
        if (!qnt_methods[m].is_asked)
            continue;
        qnt_methods[m].find(fit, &candidate);
        double mse = qnt_mse_in_bins(judge, (double)candidate.threshold / fit->width);
        if (least >= 0 && mse >= least)
            continue;
        least = mse;
        best = (enum qnt_method)m;
    }
    return best;
}

void qnt_find_auto(const struct qnt_search *search, struct qnt_threshold *out)
{
    struct qnt_histogram rest;
    struct qnt_search fit = *search;

    fit.h = &rest;
    if (search->held)
        subtract(search->h, search->held, &rest);
    if (search->held && qnt_search_prepare(&fit) == 0)
        out->used = least_error(&fit, search->held);
    else
        out->used = least_error(search, search->h);
    qnt_methods[out->used].find(search, out);
    qnt_search_judge(search, out);
    if (!qnt_is_sound(out)) { /* few images can be luck */
        out->used = QNT_METHOD_MSE;
        qnt_find_mse(search, out);
    }
    out->suspicious = 0; /* of a candidate's history; the choice itself is judged anew */
}
