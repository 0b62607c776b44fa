/* Choosing a clipping threshold for a tensor from a histogram of its magnitudes. Pure arithmetic:
 * no graph, no files.
 *
 *     qnt_histogram_range() on every image -> qnt_histogram_count() on every image
 *         -> qnt_threshold()
 *
 * Memory does not depend on the number of images. Exact zeros are left out of the bins: they
 * quantise without error, and counting them ruins KL. */
#ifndef QUERN_QUANT_CALIB_H
#define QUERN_QUANT_CALIB_H

#include <stddef.h>
#include <stdint.h>

#define QNT_BINS 2048
#define QNT_LEVELS 127          /* largest magnitude of a quantised activation */
#define QNT_LEVELS_POSITIVE 255 /* steps of one that is never negative, with a zero point */

struct qnt_histogram {
    float absmax;          /* of all values seen by qnt_histogram_range() */
    float min, max;        /* of the same; 0 and 0 before the first value */
    int seen;              /* min and max are of values */
    int levels;            /* bytes on one side of 0: 0 = QNT_LEVELS, or QNT_LEVELS_POSITIVE */
    uint64_t calls;        /* of qnt_histogram_count(): one per image */
    uint64_t zeros, total; /* of the values seen by it */
    uint64_t nonfinite; /* infinities and NaNs seen by qnt_histogram_range(); in no other figure */
    uint64_t bin[QNT_BINS]; /* bin i holds |x| in [i, i + 1) * absmax / QNT_BINS, the last one
                               absmax too */
};

void qnt_histogram_init(struct qnt_histogram *h);
/* First pass. */
void qnt_histogram_range(struct qnt_histogram *h, const float *values, size_t count);
/* Second pass, over the same values: |x| > absmax falls into the last bin. */
void qnt_histogram_count(struct qnt_histogram *h, const float *values, size_t count);

enum qnt_method {
    QNT_METHOD_AUTO, /* the default: of all others the one with the least squared error */
    QNT_METHOD_MAX,
    QNT_METHOD_PERCENTILE,       /* 99.99 */
    QNT_METHOD_PERCENTILE_99999, /* 99.999 */
    QNT_METHOD_MSE,
    QNT_METHOD_KL,      /* as NVIDIA describes it, zeros left out, guarded by qnt_is_sound() */
    QNT_METHOD_KL_NCNN, /* ncnn2table, threshold for threshold: never overruled, only flagged */
    QNT_METHOD_ACIQ,    /* Banner et al. 2019 as ncnn2table computes it; likewise only flagged */
    QNT_METHOD_COUNT
};

struct qnt_threshold {
    float threshold;      /* |x| above it becomes it; > 0 */
    enum qnt_method used; /* what AUTO chose, else the method */
    double divergence;    /* KL in nats for the KL methods, else 0 */
    double mse;           /* expected squared error at this threshold, of the non-zero values */
    double best_mse;      /* the least that any threshold reaches on this histogram */
    double clipped; /* share of the non-zero values above it by more than rounding, half a step */
    int suspicious; /* unsound, or KL's own choice was and got overruled: the caller warns */
};

/* A threshold is sound if it clips at most QNT_CLIPPED_MAX of the non-zero values and its squared
 * error is at most QNT_MSE_RATIO_MAX times the best: 4 is one of the 8 bits lost. KL looks at the
 * shape of the distribution alone; on a spiky one it gladly puts the threshold on a spike and clips
 * all above. */
#define QNT_CLIPPED_MAX 0.01
#define QNT_MSE_RATIO_MAX 4.0
int qnt_is_sound(const struct qnt_threshold *t);

/* One row per method: adding one is adding a row (threshold.c) and its name above. */
struct qnt_search;
struct qnt_method_info {
    const char *name, *meaning;
    int is_asked; /* by AUTO */
    /* Sets threshold, and what else the method knows of divergence, used and suspicious. The
     * histogram has non-zero values. */
    void (*find)(const struct qnt_search *search, struct qnt_threshold *out);
};
extern const struct qnt_method_info qnt_methods[QNT_METHOD_COUNT];
int qnt_method_find(const char *name); /* enum qnt_method, or -1 */

/* A histogram without non-zero values gives threshold 1, errors 0. Deterministic.
 * held: of some of the images of h, with the same absmax, or NULL. AUTO finds the threshold of each
 * method on the others, takes the method with the least squared error on these, and then its
 * threshold on all. Without them it compares squared errors on h itself. */
void qnt_threshold(const struct qnt_histogram *h, const struct qnt_histogram *held,
                   enum qnt_method method, struct qnt_threshold *out);

/* The same of AUTO and of every method that it asks, at less cost: out[QNT_METHOD_COUNT], threshold
 * 1 for the others. */
void qnt_threshold_all(const struct qnt_histogram *h, const struct qnt_histogram *held,
                       struct qnt_threshold *out);

/* What every threshold of t bins would cost, by t: divergences in nats as NVIDIA describes them and
 * as ncnn computes them, squared error, share of values clipped. Infinite where it is not tried, or
 * has no value. For looking at; a histogram without values gives infinities. */
struct qnt_candidates {
    double kl[QNT_BINS + 1], kl_ncnn[QNT_BINS + 1], mse[QNT_BINS + 1], clipped[QNT_BINS + 1];
};
void qnt_candidates(const struct qnt_histogram *h, struct qnt_candidates *out);

/* Of two distributions over `count` outcomes, each of sum 1, in nats; 0 ln 0 = 0. */
double qnt_entropy(const double *p, size_t count);
double qnt_cross_entropy(const double *p, const double *q, size_t count); /* infinite: q = 0 < p */
double qnt_divergence(const double *p, const double *q, size_t count);    /* KL(P || Q) */

#endif
