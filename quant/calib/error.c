#include "quant/calib/calib_int.h"

/* The error of rounding u to a multiple of s is a sawtooth; its square integrates from 0 to x to
 *     F(x) = k s^3 / 12 + (x - k s)^3 / 3,  k = the multiple nearest to x
 * and with k limited to the largest level the same formula covers what is clipped. The mean over a
 * bin [a, a + 1) is F(a + 1) - F(a). */
double qnt_mse_in_bins(const struct qnt_histogram *h, double bins)
{
    const int levels = h->levels ? h->levels : QNT_LEVELS;
    const double step = bins / levels, inverse = levels / bins;
    const double cell = step * step * step / 12;
    double sum = 0, count = 0, before = 0;

    for (int i = 0; i < QNT_BINS; i++) {
        double edge = i + 1, level = edge * inverse + 0.5;
        int k = level < levels ? (int)level : levels;
        double d = edge - k * step;
        double integral = k * cell + d * d * d / 3;
        double n = (double)h->bin[i];
        sum += n * (integral - before);
        count += n;
        before = integral;
    }
    return count > 0 ? sum / count : 0;
}
