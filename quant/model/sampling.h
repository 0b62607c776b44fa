/* Grids of a RESIZE: which pixels of the input one of the output is made of. */
#ifndef QUERN_QUANT_SAMPLING_H
#define QUERN_QUANT_SAMPLING_H

#include "quant/model/graph.h"

/* Along one axis: pixel `first` and, where share is not 0, as much of the next one. */
struct qnt_tap {
    int32_t first;
    double share; /* 0 <= share < 1 */
};
/* Of pixel i; axis 0 = h, 1 = w, `in` pixels long. */
struct qnt_tap qnt_sample(const struct qnt_sampling *s, int axis, int32_t i, int32_t in);

/* Of half pixels (centres lie on centres), of aligned corners, and of begins. Sets one axis. */
enum qnt_grid { QNT_GRID_HALF, QNT_GRID_CORNERS, QNT_GRID_BEGINS, QNT_GRID_COUNT };
void qnt_sampling_set(struct qnt_sampling *s, int axis, enum qnt_grid grid, int32_t in,
                      int32_t out);
/* Which of them both axes are; QNT_GRID_COUNT: none. */
enum qnt_grid qnt_sampling_grid(const struct qnt_node *node, const struct qnt_node *in);

/* Where an importer's attributes are sound, this does not fail: LRN with beta = 0.5, 0.75 or 1. 0,
 * or -ENOTSUP and why, a sentence without its beginning. */
int qnt_lrn_set(struct qnt_lrn *lrn, double size, float alpha, float beta, float bias,
                const char **why);

#endif
