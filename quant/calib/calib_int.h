/* What the methods share: the figures that every candidate is judged by, computed once. */
#ifndef QUERN_QUANT_CALIB_INT_H
#define QUERN_QUANT_CALIB_INT_H

#include "quant/calib/calib.h"

/* Smallest thresholds that are tried, in bins. MSE: below, the steps are finer than the assumption
 * of an even spread inside a bin can bear. KL: one bin for each level of |x|. */
#define QNT_FIRST_MSE 8
#define QNT_FIRST_KL 128

struct qnt_search {
    const struct qnt_histogram *h, *held; /* held: NULL, or what AUTO judges by */
    int levels;                           /* bytes on one side of 0 */
    double width;                         /* of a bin */
    double count;                         /* non-zero values */
    double best_mse;                      /* least of mse[] */
    int best;                             /* the threshold, in bins, that has it */
    double mse[QNT_BINS + 1];             /* [t]: expected squared error at t >= QNT_FIRST_MSE bins;
                                             infinite where it is unsound for sure */
    double above[QNT_BINS + 1];           /* [t]: share of the non-zero values in bins >= t */
};

/* Fills the rest from h. -1 where h has no values to choose by. */
int qnt_search_prepare(struct qnt_search *search);

/* Sets mse, best_mse and clipped of a threshold. */
void qnt_search_judge(const struct qnt_search *search, struct qnt_threshold *out);

/* Expected squared error at a threshold of `bins` bins, in squared bins, values being spread evenly
 * inside each bin. */
double qnt_mse_in_bins(const struct qnt_histogram *h, double bins);
/* The same for many thresholds of one histogram: its shares of values, each less that of the next
 * bin, drop[QNT_BINS]. */
void qnt_drops(const struct qnt_histogram *h, double *drop);
double qnt_mse_of_drops(const double *drop, int levels, double bins);

/* Share of the non-zero values that lie above a threshold of `bins` bins by more than half a step:
 * what lies nearer is rounded, as it would be anywhere else. So a spike at the very end, such as a
 * ReLU6 makes, is not clipped by a threshold a little below it. */
double qnt_clipped_share(const struct qnt_search *search, double bins);

/* The divergences of all thresholds, [QNT_BINS + 1]; infinite where none is computed. */
void qnt_kl_curve(const struct qnt_search *search, double *out);
void qnt_kl_ncnn_curve(const struct qnt_search *search, double *out);

void qnt_find_auto(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_max(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_percentile(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_percentile_99999(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_mse(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_kl(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_aciq(const struct qnt_search *search, struct qnt_threshold *out);
void qnt_find_kl_ncnn(const struct qnt_search *search, struct qnt_threshold *out);

#endif
