#include "quant/calib/calib.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/wide.h"

void qnt_histogram_init(struct qnt_histogram *h)
{
    memset(h, 0, sizeof(*h));
}

enum { LANES = 32, BLOCK = 512 };

/* Extremes lane by lane: a compiler may not reorder comparisons that a NaN could take part in. */
QNT_WIDE static void extremes(const float *values, size_t count, float *min, float *max)
{
    float low[LANES], high[LANES];
    size_t i = 0;

    for (int k = 0; k < LANES; k++) {
        low[k] = *min;
        high[k] = *max;
    }
    for (; i + LANES <= count; i += LANES)
        for (int k = 0; k < LANES; k++) {
            float x = values[i + (size_t)k];
            low[k] = x < low[k] ? x : low[k];
            high[k] = x > high[k] ? x : high[k];
        }
    for (; i < count; i++) {
        low[0] = values[i] < low[0] ? values[i] : low[0];
        high[0] = values[i] > high[0] ? values[i] : high[0];
    }
    for (int k = 0; k < LANES; k++) {
        *min = low[k] < *min ? low[k] : *min;
        *max = high[k] > *max ? high[k] : *max;
    }
}

static int is_finite(float x)
{
    return fabsf(x) <= FLT_MAX; /* a NaN compares false */
}

QNT_WIDE static uint64_t count_finite(const float *values, size_t count)
{
    uint64_t finite = 0;

    for (size_t first = 0; first < count; first += BLOCK) {
        const size_t end = count - first < BLOCK ? count : first + BLOCK;
        int32_t n = 0; /* of a block: as wide as the values, so that lanes match */
        for (size_t i = first; i < end; i++)
            n += is_finite(values[i]);
        finite += (uint64_t)n;
    }
    return finite;
}

void qnt_histogram_range(struct qnt_histogram *h, const float *values, size_t count)
{
    float min = h->seen ? h->min : FLT_MAX, max = h->seen ? h->max : -FLT_MAX;
    const uint64_t nonfinite = count - count_finite(values, count);

    if (nonfinite == 0)
        extremes(values, count, &min, &max);
    for (size_t i = 0; i < count && nonfinite; i++)
        if (is_finite(values[i]))
            extremes(&values[i], 1, &min, &max);
    h->nonfinite += nonfinite;
    if (nonfinite == count)
        return;
    h->seen = 1;
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
