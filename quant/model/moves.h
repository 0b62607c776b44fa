/* Layers that compute nothing: they choose and move elements, floats or bytes alike. */
#ifndef QUERN_QUANT_MOVES_H
#define QUERN_QUANT_MOVES_H

#include "quant/model/graph.h"

struct qnt_shape {
    int32_t h, w, c;
};
struct qnt_move {
    enum qnt_op op; /* RESHAPE, SLICE, PAD, PERMUTE, UPSAMPLE, SHUFFLE, DEPTH_TO_SPACE */
    struct qnt_shape in, out;
    struct qnt_place place;
};

/* 1 if every element that the move reads, and writes, lies inside its tensors. */
int qnt_move_fits(const struct qnt_move *m);
/* From in [h][w][c] to out [h][w][c], elements of 1 or 4 bytes. A PAD writes only what it copies:
 * the caller has filled the rest. Cannot fail: qnt_move_fits() is the precondition. */
void qnt_move(const struct qnt_move *m, size_t element_bytes, const void *in, void *out);

/* out[c * out_stride + r] = in[r * in_stride + c] for all rows r and columns c (transpose.c).
 * Little endian machines only. */
void qnt_transpose_bytes(const uint8_t *in, size_t in_stride, size_t rows, size_t columns,
                         uint8_t *out, size_t out_stride);

#endif
