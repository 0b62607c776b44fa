#include "quant/calib/calib_int.h"

#include <math.h>
#include <string.h>

/* KL_NCNN is not asked by AUTO: KL is, among sound thresholds, and this one takes most of the time
 * of all. */
const struct qnt_method_info qnt_methods[QNT_METHOD_COUNT] = {
    [QNT_METHOD_AUTO] = { "auto", "whichever of the others loses least on images held out", 0,
                          qnt_find_auto },
    [QNT_METHOD_MAX] = { "max", "the largest magnitude: nothing is clipped", 1, qnt_find_max },
    [QNT_METHOD_PERCENTILE] = { "percentile", "clips 0.01 % of the non-zero values", 1,
                                qnt_find_percentile },
    [QNT_METHOD_PERCENTILE_99999] = { "percentile-99.999", "clips 0.001 % of the non-zero values",
                                      1, qnt_find_percentile_99999 },
    [QNT_METHOD_MSE] = { "mse", "least squared error over the histogram", 1, qnt_find_mse },
    [QNT_METHOD_KL] = { "kl", "least KL divergence, as NVIDIA describes it, among sound thresholds",
                        1, qnt_find_kl },
    [QNT_METHOD_KL_NCNN] = { "kl-ncnn",
                             "the threshold of ncnn2table's method=kl, whatever it clips", 0,
                             qnt_find_kl_ncnn },
    [QNT_METHOD_ACIQ] = { "aciq", "clips as if values were Gaussian, as ncnn2table's method=aciq",
                          1, qnt_find_aciq },
};

int qnt_method_find(const char *name)
{
    for (int m = 0; m < QNT_METHOD_COUNT; m++)
        if (strcmp(qnt_methods[m].name, name) == 0)
            return m;
    return -1;
}

int qnt_is_sound(const struct qnt_threshold *t)
{
    return t->clipped <= QNT_CLIPPED_MAX && t->mse <= QNT_MSE_RATIO_MAX * t->best_mse;
}

int qnt_search_prepare(struct qnt_search *search)
{
    const struct qnt_histogram *h = search->h;
    uint64_t above = 0;
    double moment = 0, clipping = 0; /* sums of n (x - t) and n (x - t)^2 over the bins >= t */
    double best = -1, drop[QNT_BINS];

    search->count = 0;
    for (int i = 0; i < QNT_BINS; i++)
        search->count += (double)h->bin[i];
    if (search->count == 0 || h->absmax < 1e-30f) /* QNT_LEVELS / threshold must stay finite */
        return -1;
    search->levels = h->levels ? h->levels : QNT_LEVELS;
    search->width = (double)h->absmax / QNT_BINS;
    search->above[QNT_BINS] = 0;
    qnt_drops(h, drop);
    search->best = QNT_BINS;
    for (int t = QNT_BINS - 1; t >= 0; t--) {
        above += h->bin[t];
        search->above[t] = (double)above / search->count;
    }
    /* Downwards, so that of equals the widest is the best. What clipping alone costs only grows on
     * the way: where it is unsound by itself, so is all that is left. */
    for (int t = QNT_BINS; t >= QNT_FIRST_MSE; t--) {
        double n = t < QNT_BINS ? (double)h->bin[t] : 0, rest = search->above[t] * search->count;
        clipping += 2 * moment + (rest - n) + n / 3;
        moment += (rest - n) + n / 2;
        search->mse[t] = INFINITY;
        if (best >= 0 && clipping > QNT_MSE_RATIO_MAX * best * search->count)
            continue;
        double mse = qnt_mse_of_drops(drop, search->levels, t);
        search->mse[t] = mse * search->width * search->width;
        if (best >= 0 && mse >= best)
            continue;
        best = mse;
        search->best = t;
    }
    search->best_mse = best * search->width * search->width;
    return 0;
}

double qnt_clipped_share(const struct qnt_search *search, double bins)
{
    double limit = bins * (1 + 0.5 / search->levels);

    if (limit >= QNT_BINS)
        return 0;
    int t = (int)limit;
    double inside = search->above[t] - search->above[t + 1]; /* spread evenly */
    return search->above[t + 1] + inside * (t + 1 - limit);
}

void qnt_search_judge(const struct qnt_search *search, struct qnt_threshold *out)
{
    double bins = (double)out->threshold / search->width;

    out->mse = qnt_mse_in_bins(search->h, bins) * search->width * search->width;
    out->best_mse = search->best_mse < out->mse ? search->best_mse : out->mse;
    out->clipped = qnt_clipped_share(search, bins);
}

static void find(const struct qnt_search *search, enum qnt_method method, struct qnt_threshold *out)
{
    qnt_methods[method].find(search, out);
    qnt_search_judge(search, out);
    out->suspicious |= !qnt_is_sound(out);
}

void qnt_threshold(const struct qnt_histogram *h, const struct qnt_histogram *held,
                   enum qnt_method method, struct qnt_threshold *out)
{
    struct qnt_search search = { .h = h, .held = held };

    *out = (struct qnt_threshold) { .threshold = 1, .used = method };
    if (qnt_search_prepare(&search) == 0)
        find(&search, method, out);
}

void qnt_threshold_all(const struct qnt_histogram *h, const struct qnt_histogram *held,
                       struct qnt_threshold *out)
{
    struct qnt_search search = { .h = h, .held = held };
    const int empty = qnt_search_prepare(&search) != 0;

    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        out[m] = (struct qnt_threshold) { .threshold = 1, .used = (enum qnt_method)m };
        if (!empty && (m == QNT_METHOD_AUTO || qnt_methods[m].is_asked))
            find(&search, (enum qnt_method)m, &out[m]);
    }
}
