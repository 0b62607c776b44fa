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

/* A resample: how often each of n values is in it. */
static void draw(size_t n, uint64_t *state, double *drawn)
{
    memset(drawn, 0, n * sizeof *drawn);
    for (size_t i = 0; i < n; i++)
        drawn[((hrn_random(state) >> 32) * n) >> 32] += 1;
}

/* Fills medians[HRN_RESAMPLES]. Resamples come in pairs, a draw and its mirror image, so that
 * swapping A and B mirrors the whole set and the interval of B against A is exactly that of A
 * against B inverted. */
static void resample(const double *sorted, size_t n, uint64_t seed, double *drawn, double *medians)
{
    uint64_t state = seed;
    for (size_t r = 0; r < HRN_RESAMPLES; r += 2) {
        draw(n, &state, drawn);
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

static struct hrn_comparison nothing_known(size_t pairs)
{
    return (struct hrn_comparison) { .verdict = HRN_UNDECIDED,
                                     .ratio = (double)NAN,
                                     .low = (double)NAN,
                                     .high = (double)NAN,
                                     .p_faster = 1,
                                     .p_slower = 1,
                                     .pairs = pairs };
}

void hrn_interval(double *values, double *low, double *high)
{
    /* as far from one end as from the other */
    const size_t low_rank = HRN_RESAMPLES / 40 - 1, high_rank = HRN_RESAMPLES - HRN_RESAMPLES / 40;
    *low = select_rank(values, HRN_RESAMPLES, low_rank);
    *high = select_rank(values, HRN_RESAMPLES, high_rank);
}

/* From resampled log ratios: interval, verdict and the shares that hrn_holm() wants. */
static void conclude(double *medians, double band, struct hrn_comparison *out)
{
    const double edge = log1p(band);
    size_t not_faster = 0, not_slower = 0;
    for (size_t i = 0; i < HRN_RESAMPLES; i++) {
        not_faster += medians[i] >= -edge;
        not_slower += medians[i] <= edge;
    }
    out->p_faster = (double)(not_faster + 1) / (HRN_RESAMPLES + 1);
    out->p_slower = (double)(not_slower + 1) / (HRN_RESAMPLES + 1);
    double low, high;
    hrn_interval(medians, &low, &high);
    out->verdict = judge(low, high, edge);
    out->low = exp(low);
    out->high = exp(high);
}

void hrn_compare(const double *a, const double *b, size_t count, double band, uint64_t seed,
                 double *scratch, struct hrn_comparison *out)
{
    double *medians = scratch, *ratios = scratch + HRN_RESAMPLES, *drawn = ratios + count;
    size_t n = log_ratios(a, b, count, ratios);
    *out = nothing_known(n);
    if (n == 0)
        return;
    sort(ratios, n);
    out->ratio = exp((ratios[(n - 1) / 2] + ratios[n / 2]) / 2);
    if (n < HRN_PAIRS_MIN)
        return;
    resample(ratios, n, seed, drawn, medians);
    conclude(medians, band, out);
}

/* Logs of what is a time, sorted. Returns their count. */
static size_t logs(const double *times, size_t count, double *out)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (times[i] > 0 && isfinite(times[i]))
            out[n++] = log(times[i]);
    sort(out, n);
    return n;
}

void hrn_compare_unpaired(const double *a, size_t a_count, const double *b, size_t b_count,
                          double band, uint64_t seed, double *scratch, struct hrn_comparison *out)
{
    double *medians = scratch, *x = scratch + HRN_RESAMPLES, *y = x + a_count;
    double *drawn_x = y + b_count, *drawn_y = drawn_x + a_count;
    size_t nx = logs(a, a_count, x), ny = logs(b, b_count, y);
    uint64_t state = seed;
    *out = nothing_known(nx < ny ? nx : ny);
    if (out->pairs == 0)
        return;
    out->ratio = exp((x[(nx - 1) / 2] + x[nx / 2] - y[(ny - 1) / 2] - y[ny / 2]) / 2);
    if (out->pairs < HRN_PAIRS_MIN)
        return;
    for (size_t r = 0; r < HRN_RESAMPLES; r += 2) { /* in pairs, as in resample() */
        draw(nx, &state, drawn_x);
        draw(ny, &state, drawn_y);
        for (int mirror = 0; mirror < 2; mirror++)
            medians[r + (size_t)mirror] =
                drawn_median(x, drawn_x, nx, mirror) - drawn_median(y, drawn_y, ny, mirror);
    }
    conclude(medians, band, out);
}

void hrn_resample(const double *values, size_t columns, size_t count, uint64_t seed,
                  double *scratch, double *medians)
{
    double *places = scratch, *drawn = scratch + count;
    uint64_t state = seed;
    for (size_t r = 0; r < HRN_RESAMPLES; r++) {
        for (size_t i = 0; i < count; i++)
            places[i] = (double)(((hrn_random(&state) >> 32) * count) >> 32);
        for (size_t c = 0; c < columns; c++) {
            for (size_t i = 0; i < count; i++)
                drawn[i] = values[c * count + (size_t)places[i]];
            medians[c * HRN_RESAMPLES + r] = median(drawn, count);
        }
    }
}

double hrn_band(const double *first, const double *second, size_t count, uint64_t seed,
                double *scratch)
{
    struct hrn_comparison c;
    hrn_compare(first, second, count, 0, seed, scratch, &c);
    if (c.pairs < HRN_PAIRS_MIN)
        return HRN_BAND_MIN;
    return fmax(HRN_BAND_MIN, fmax(c.high, 1 / c.low) - 1);
}
