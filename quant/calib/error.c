#include "quant/calib/calib_int.h"

#include <math.h>

#include "quant/wide.h"

/* The error of rounding u to a multiple of s is a sawtooth; its square integrates from 0 to x to
 *     F(x) = k s^3 / 12 + (x - k s)^3 / 3,  k = the multiple nearest to x
 * and with k limited to the largest level the same formula covers what is clipped. The mean over a
 * bin [a, a + 1) is F(a + 1) - F(a). Summed by edges instead, each F is weighed by how much fewer
 * values the bin behind its edge has than the bin before: no term waits for the one before it. */

enum { LANES = 8, BLOCK = 64 };

/* F at the edges first + 1, first + 2, ... times how many values fewer lie behind each. */
QNT_WIDE static void find_terms(const double *restrict drop, int first, int levels, double bins,
                                double *restrict term)
{
    /* Beyond this every edge is clipped; k still fits. */
    const double step = bins / levels, inverse = fmin(levels / bins, 1e5);
    const double cell = step * step * step / 12, third = 1.0 / 3;

    for (int i = 0; i < BLOCK; i++) {
        double edge = first + i + 1, level = edge * inverse + 0.5;
        int32_t k = (int32_t)level;
        k = k < levels ? k : levels;
        double d = edge - k * step;
        term[i] = drop[i] * (k * cell + d * d * d * third);
    }
}

static double sum_drops(const double *drop, int levels, double bins)
{
    double sum[LANES] = { 0 }, term[BLOCK];

    for (int first = 0; first < QNT_BINS; first += BLOCK) {
        find_terms(drop + first, first, levels, bins, term);
        for (int i = 0; i < BLOCK; i += LANES)
            for (int j = 0; j < LANES; j++)
                sum[j] += term[i + j];
    }
    return (sum[0] + sum[1] + sum[2] + sum[3]) + (sum[4] + sum[5] + sum[6] + sum[7]);
}

double qnt_mse_of_drops(const double *drop, int levels, double bins)
{
    return sum_drops(drop, levels, bins);
}

void qnt_drops(const struct qnt_histogram *h, double *drop)
{
    double count = 0;

    for (int i = 0; i < QNT_BINS; i++)
        count += (double)h->bin[i];
    for (int i = 0; i < QNT_BINS; i++) {
        double next = i + 1 < QNT_BINS ? (double)h->bin[i + 1] : 0;
        drop[i] = count > 0 ? ((double)h->bin[i] - next) / count : 0;
    }
}

double qnt_mse_in_bins(const struct qnt_histogram *h, double bins)
{
    double drop[QNT_BINS];

    qnt_drops(h, drop);
    return qnt_mse_of_drops(drop, h->levels ? h->levels : QNT_LEVELS, bins);
}
