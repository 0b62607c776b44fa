/* KL as NVIDIA describes it ("8-bit Inference with TensorRT", GTC 2017, S7310), zeros left out.
 * For every threshold t,
 *     P = bins [0, t), all that lies above added to the last one
 *     Q = bins [0, t) in 128 levels of equal width, each spread evenly over its non-empty bins
 * and the t wins whose normalised P and Q diverge least. Level l covers the bins from
 * l t / 128 to (l + 1) t / 128, in integers.
 *
 * Q is constant over a level, so a level's share of sum P ln(P / Q) needs only sums of n, of
 * n ln n and of the non-empty bins over a range: prefix sums make a candidate 128 steps, not t. */
#include "quant/calib/calib_int.h"

#include <math.h>

#define LEVELS 128

struct sums {
    double n[QNT_BINS + 1], n_ln_n[QNT_BINS + 1];
    int filled[QNT_BINS + 1];
};

static double n_ln_n(double n)
{
    return n > 0 ? n * log(n) : 0;
}

static void prefix_sums(const struct qnt_histogram *h, struct sums *sums)
{
    sums->n[0] = sums->n_ln_n[0] = 0;
    sums->filled[0] = 0;
    for (int i = 0; i < QNT_BINS; i++) {
        double n = (double)h->bin[i];
        sums->n[i + 1] = sums->n[i] + n;
        sums->n_ln_n[i + 1] = sums->n_ln_n[i] + n_ln_n(n);
        sums->filled[i + 1] = sums->filled[i] + (n > 0);
    }
}

/* Divergence in nats; infinite where the outliers fall on a bin that Q leaves empty. */
static double divergence(const struct sums *s, const struct qnt_histogram *h, int t)
{
    const double total = s->n[QNT_BINS], kept = s->n[t], outliers = total - kept;
    const double last = (double)h->bin[t - 1];
    double sum = 0, q_last = 0;

    if (kept <= 0 || (outliers > 0 && last <= 0))
        return INFINITY;
    for (int l = 0; l < LEVELS; l++) {
        int a = l * t / LEVELS, b = (l + 1) * t / LEVELS;
        double n = s->n[b] - s->n[a];
        int filled = s->filled[b] - s->filled[a];
        if (filled == 0)
            continue;
        double q = n / filled / kept;
        sum += s->n_ln_n[b] - s->n_ln_n[a] - n * log(total * q);
        q_last = q;
    }
    if (outliers > 0)
        sum += n_ln_n(last + outliers) - n_ln_n(last) - outliers * log(total * q_last);
    return sum / total;
}

static int is_sound(const struct qnt_search *search, int t)
{
    struct qnt_threshold candidate = { .mse = search->mse[t],
                                       .best_mse = search->best_mse,
                                       .clipped = qnt_clipped_share(search, t) };
    return qnt_is_sound(&candidate);
}

void qnt_kl_curve(const struct qnt_search *search, double *out)
{
    struct sums sums;

    prefix_sums(search->h, &sums);
    for (int t = 0; t <= QNT_BINS; t++)
        out[t] = t < QNT_FIRST_KL ? INFINITY : divergence(&sums, search->h, t);
}

void qnt_find_kl(const struct qnt_search *search, struct qnt_threshold *out)
{
    struct sums sums;
    double least = INFINITY, least_sound = INFINITY;
    int sound = 0, any = 0;

    prefix_sums(search->h, &sums);
    for (int t = QNT_FIRST_KL; t <= QNT_BINS; t++) {
        double d = divergence(&sums, search->h, t);
        if (d < least) {
            least = d;
            any = t;
        }
        if (d < least_sound && is_sound(search, t)) {
            least_sound = d;
            sound = t;
        }
    }
    int t = sound ? sound : search->best;
    out->suspicious = t != any;
    out->divergence = sound ? fmax(0, least_sound) : 0; /* of rounding alone it may be below */
    out->threshold = (float)(t * search->width);
}
