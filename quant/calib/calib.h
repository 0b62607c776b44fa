/* Choosing a clipping threshold for a tensor from a histogram of its magnitudes. Pure arithmetic: no
 * graph, no files.
 *
 *     qnt_histogram_range() on every image -> qnt_histogram_count() on every image -> qnt_threshold()
 * Memory does not depend on the number of images. Exact zeros are left out of the bins: they quantise
 * without error, and counting them ruins KL. */
#ifndef QUERN_QUANT_CALIB_H
#define QUERN_QUANT_CALIB_H

#include <stddef.h>
#include <stdint.h>

#define QNT_BINS 2048

struct qnt_histogram {
    float absmax;     /* of all values seen by qnt_histogram_range() */
    float min, max;
    uint64_t zeros, total;
    uint64_t bin[QNT_BINS]; /* bin i holds |x| in (i, i + 1] * absmax / QNT_BINS */
};

void qnt_histogram_init(struct qnt_histogram *h);
void qnt_histogram_range(struct qnt_histogram *h, const float *values, size_t count); /* first pass */
void qnt_histogram_count(struct qnt_histogram *h, const float *values, size_t count); /* second pass */

enum qnt_method {
    QNT_METHOD_AUTO, /* the default: the candidate of the others that loses least (squared error over the histogram) */
    QNT_METHOD_MAX,
    QNT_METHOD_PERCENTILE,
    QNT_METHOD_MSE,
    QNT_METHOD_KL,      /* as NVIDIA describes it, zeros left out, guarded (see docs) */
    QNT_METHOD_KL_NCNN, /* ncnn2table's arithmetic, threshold for threshold */
    QNT_METHOD_COUNT
};
struct qnt_method_info {
    const char *name, *meaning;
};
extern const struct qnt_method_info qnt_methods[QNT_METHOD_COUNT];

struct qnt_threshold {
    float threshold;      /* |x| above it is clipped; > 0 */
    enum qnt_method used; /* what AUTO chose, else the method */
    double divergence;    /* KL in nats for the KL methods, else 0 */
    double mse;           /* expected squared error of 8-bit quantisation at this threshold, over the non-zero values */
    double clipped;       /* share of the non-zero values above it */
    int suspicious;       /* it clips more than a sound threshold would: the caller warns, with the layer */
};
/* A histogram without values gives threshold 1. Deterministic. */
void qnt_threshold(const struct qnt_histogram *h, enum qnt_method method, struct qnt_threshold *out);

#endif
