#include "harness/sweep/stats.h"

#include <math.h>
#include <string.h>

#define OUTLIER_Z 3.5

const char *const hrn_verdict_names[HRN_VERDICT_COUNT] = {
    [HRN_FASTER] = "faster",
    [HRN_SLOWER] = "slower",
    [HRN_TIE] = "tie",
    [HRN_UNDECIDED] = "undecided",
};

uint64_t hrn_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

/* Partitions v so that v[rank] is what it would be if sorted, nothing before it greater, nothing
 * after it less (Hoare's find, pivot in the middle). */
static double select_rank(double *v, size_t count, size_t rank)
{
    ptrdiff_t left = 0, right = (ptrdiff_t)count - 1, k = (ptrdiff_t)rank;
    while (left < right) {
        double pivot = v[left + (right - left) / 2];
        ptrdiff_t i = left, j = right;
        while (i <= j) {
            while (v[i] < pivot)
                i++;
            while (pivot < v[j])
                j--;
            if (i <= j)
                swap(&v[i++], &v[j--]);
        }
        if (j < k)
            left = i;
        if (k < i)
            right = j;
    }
    return v[k];
}

/* Median of v, count >= 1; of an even count the mean of the two in the middle. Reorders v. */
static double median(double *v, size_t count)
{
    double upper = select_rank(v, count, count / 2), lower = upper;
    if (count % 2 == 0) {
        lower = v[0];
        for (size_t i = 1; i < count / 2; i++)
            lower = fmax(lower, v[i]);
    }
    return lower == upper ? upper : (lower + upper) / 2;
}

/* Modified z-score, Iglewicz and Hoaglin 1993: 0.6745 (x - median) / MAD. With a MAD of 0 every
 * value off the median is an outlier. */
static size_t count_outliers(const double *values, size_t count, double centre, double mad)
{
    size_t outliers = 0;
    for (size_t i = 0; i < count; i++)
        outliers += 0.6745 * fabs(values[i] - centre) > OUTLIER_Z * mad;
    return outliers;
}

void hrn_summarise(const double *values, size_t count, double *scratch, struct hrn_summary *out)
{
    memset(out, 0, sizeof *out);
    if (count == 0)
        return;
    out->count = count;
    out->min = out->max = values[0];
    for (size_t i = 0; i < count; i++) {
        scratch[i] = values[i];
        out->min = fmin(out->min, values[i]);
        out->max = fmax(out->max, values[i]);
    }
    out->median = median(scratch, count);
    for (size_t i = 0; i < count; i++)
        scratch[i] = fabs(values[i] - out->median);
    out->mad = median(scratch, count);
    out->outliers = count_outliers(values, count, out->median, out->mad);
}

/* Log ratios of the rounds in which both have a time. Returns their count. */
static size_t log_ratios(const double *a, const double *b, size_t count, double *ratios)
{
    size_t pairs = 0;
    for (size_t i = 0; i < count; i++)
        if (a[i] > 0 && b[i] > 0 && isfinite(a[i]) && isfinite(b[i])) /* NAN fails all of it */
            ratios[pairs++] = log(a[i]) - log(b[i]);
    return pairs;
}

/* Sorts ascending: the order of rounds must not matter to the resampling. Small counts. */
static void sort(double *v, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        double moving = v[i];
        size_t j = i;
        for (; j > 0 && v[j - 1] > moving; j--)
            v[j] = v[j - 1];
        v[j] = moving;
    }
}

/* Median of a resample of sorted[n], of which drawn[i] says how often value i is in it; with
 * `mirror` value n - 1 - i. */
static double drawn_median(const double *sorted, const double *drawn, size_t n, int mirror)
{
    const double low_rank = (double)((n - 1) / 2), high_rank = (double)(n / 2);
    double seen = drawn[0];
    size_t low = 0;
    while (seen <= low_rank)
        seen += drawn[++low];
    size_t high = low;
    while (seen <= high_rank)
        seen += drawn[++high];
    return mirror ? (sorted[n - 1 - low] + sorted[n - 1 - high]) / 2
                  : (sorted[low] + sorted[high]) / 2;
}

/* Fills medians[HRN_RESAMPLES]. Resamples come in pairs, a draw and its mirror image, so that
 * swapping A and B mirrors the whole set and the interval of B against A is exactly that of A
 * against B inverted. */
static void resample(const double *sorted, size_t n, uint64_t seed, double *drawn, double *medians)
{
    uint64_t state = seed;
    for (size_t r = 0; r < HRN_RESAMPLES; r += 2) {
        memset(drawn, 0, n * sizeof *drawn);
        for (size_t i = 0; i < n; i++)
            drawn[((hrn_random(&state) >> 32) * n) >> 32] += 1;
        medians[r] = drawn_median(sorted, drawn, n, 0);
        medians[r + 1] = drawn_median(sorted, drawn, n, 1);
    }
}

static enum hrn_verdict judge(double low, double high, double band)
{
    if (high < -band)
        return HRN_FASTER;
    if (low > band)
        return HRN_SLOWER;
    return low >= -band && high <= band ? HRN_TIE : HRN_UNDECIDED;
}

void hrn_compare(const double *a, const double *b, size_t count, double band, uint64_t seed,
                 double *scratch, struct hrn_comparison *out)
{
    /* the 2.5 % and 97.5 % ranks, as far from one end as from the other */
    const size_t low_rank = HRN_RESAMPLES / 40 - 1, high_rank = HRN_RESAMPLES - HRN_RESAMPLES / 40;
    double *medians = scratch, *ratios = scratch + HRN_RESAMPLES, *drawn = ratios + count;

    *out =
        (struct hrn_comparison) { .verdict = HRN_UNDECIDED, .ratio = NAN, .low = NAN, .high = NAN };
    out->pairs = log_ratios(a, b, count, ratios);
    if (out->pairs == 0)
        return;
    sort(ratios, out->pairs);
    const size_t n = out->pairs;
    out->ratio = exp((ratios[(n - 1) / 2] + ratios[n / 2]) / 2);
    if (n < HRN_PAIRS_MIN)
        return;
    resample(ratios, n, seed, drawn, medians);
    double low = select_rank(medians, HRN_RESAMPLES, low_rank);
    double high = select_rank(medians, HRN_RESAMPLES, high_rank);
    out->verdict = judge(low, high, log1p(band));
    out->low = exp(low);
    out->high = exp(high);
}
