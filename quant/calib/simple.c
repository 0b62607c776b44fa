/* The methods that need no more than the shared figures: max, percentile, MSE, and auto, which
 * compares the others. */
#include "quant/calib/calib_int.h"

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

/* Squared error decides, so a threshold that clips what matters cannot win. Of equals the first, so
 * the widest: the order of the table is from max inwards. */
void qnt_find_auto(const struct qnt_search *search, struct qnt_threshold *out)
{
    double least = -1;

    for (int m = QNT_METHOD_AUTO + 1; m < QNT_METHOD_COUNT; m++) {
        struct qnt_threshold candidate = { .used = (enum qnt_method)m };
        qnt_methods[m].find(search, &candidate);
        double mse = qnt_mse_in_bins(search->h, candidate.threshold / search->width);
        if (least >= 0 && mse >= least)
            continue;
        least = mse;
        *out = candidate;
    }
    out->suspicious = 0; /* of a candidate's history; the choice itself is judged anew */
}
