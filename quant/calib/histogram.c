#include "quant/calib/calib.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/wide.h"

void qnt_histogram_init(struct qnt_histogram *h)
{
    memset(h, 0, sizeof(*h));
}

enum { LANES = 32, BLOCK = 512, PIECE = 1 << 14 };

static int is_finite(float x)
{
    return fabsf(x) <= FLT_MAX; /* a NaN compares false */
}

/* Extremes of `count` values, LANES at a time: a compiler may not reorder comparisons that a NaN
 * could take part in. Returns how many are finite; if not all are, the extremes say nothing. */
QNT_WIDE static size_t extremes(const float *values, size_t count, float *min, float *max)
{
    float low[LANES], high[LANES];
    int32_t finite[LANES] = { 0 };

    for (int k = 0; k < LANES; k++) {
        low[k] = *min;
        high[k] = *max;
    }
    for (size_t i = 0; i + LANES <= count; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float x = values[i + (size_t)k];
            low[k] = x < low[k] ? x : low[k];
            high[k] = x > high[k] ? x : high[k];
            finite[k] += is_finite(x);
        }
    for (size_t i = count / LANES * LANES; i < count; i++) {
        low[0] = values[i] < low[0] ? values[i] : low[0];
        high[0] = values[i] > high[0] ? values[i] : high[0];
        finite[0] += is_finite(values[i]);
    }
    for (int k = 1; k < LANES; k++) {
        low[0] = low[k] < low[0] ? low[k] : low[0];
        high[0] = high[k] > high[0] ? high[k] : high[0];
        finite[0] += finite[k];
    }
    *min = low[0];
    *max = high[0];
    return (size_t)finite[0];
}

/* The same of the finite ones alone. */
static size_t finite_extremes(const float *values, size_t count, float *min, float *max)
{
    size_t finite = 0;

    for (size_t i = 0; i < count; i++)
        if (is_finite(values[i]))
            finite += extremes(&values[i], 1, min, max);
    return finite;
}

void qnt_histogram_range(struct qnt_histogram *h, const float *values, size_t count)
{
    float min = h->seen ? h->min : FLT_MAX, max = h->seen ? h->max : -FLT_MAX;

    for (size_t first = 0; first < count; first += PIECE) {
        const size_t n = count - first < PIECE ? count - first : PIECE;
        float low = min, high = max;
        size_t finite = extremes(values + first, n, &low, &high);
        if (finite < n) {
            low = min;
            high = max;
            finite = finite_extremes(values + first, n, &low, &high);
        }
        min = low;
        max = high;
        h->nonfinite += n - finite;
        h->seen |= finite > 0;
    }
    if (!h->seen)
        return;
    h->min = min;
    h->max = max;
    h->absmax = fmaxf(fabsf(min), fabsf(max));
}

/* ---- Counting: places of a block, then increments. What is not counted goes to slots behind the
 * bins, several of them, and neighbours to two tables, so that increments need not wait for each
 * other. */

enum { SLOTS = 8 };

struct counted { /* of one block */
    int32_t zeros, finite;
};

/* Division, not a multiplication by the inverse: bin for bin what ncnn counts. */
QNT_WIDE static struct counted find_places(const float *values, size_t count, float absmax,
                                           int32_t *place)
{
    struct counted n = { 0, 0 };

    for (size_t i = 0; i < count; i++) {
        float x = fabsf(values[i]), at = x / absmax * QNT_BINS;
        at = at < QNT_BINS - 1 ? at : QNT_BINS - 1;
        int32_t none = QNT_BINS + (int32_t)(i % SLOTS);
        place[i] = ((x > 0) & (x <= FLT_MAX)) ? (int32_t)at : none;
        n.zeros += x == 0;
        n.finite += x <= FLT_MAX;
    }
    return n;
}

static void increment(const int32_t *place, size_t count, uint32_t *restrict even,
                      uint32_t *restrict odd)
{
    size_t i = 0;

    for (; i + 1 < count; i += 2) {
        even[place[i]]++;
        odd[place[i + 1]]++;
    }
    if (i < count)
        even[place[i]]++;
}

void qnt_histogram_count(struct qnt_histogram *h, const float *values, size_t count)
{
    uint32_t counts[2][QNT_BINS + SLOTS];
    int32_t place[BLOCK];

    h->calls++;
    for (size_t first = 0; first < count;) {
        /* 32 bits hold one piece of this size. */
        size_t piece = count - first < (size_t)1 << 31 ? count - first : (size_t)1 << 31;
        memset(counts, 0, sizeof(counts));
        for (size_t end = first + piece; first < end;) {
            size_t n = end - first < BLOCK ? end - first : BLOCK;
            const struct counted counted = find_places(values + first, n, h->absmax, place);
            h->zeros += (uint64_t)counted.zeros;
            h->total += (uint64_t)counted.finite;
            increment(place, n, counts[0], counts[1]);
            first += n;
        }
        for (int i = 0; i < QNT_BINS; i++)
            h->bin[i] += (uint64_t)counts[0][i] + counts[1][i];
    }
}
