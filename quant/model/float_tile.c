/* Compiled with QNT_TILE = a name of float_tile.h, LANES = floats of a vector, ROWS = mr, and with
 * leave to fuse a product and its sum. Accumulators are two vectors for each row, all in registers:
 * a step of depth is two loads of weights and, for each row, one input and two multiply-adds. */
#include "quant/model/float_tile.h"

#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)

enum { NR = 2 * LANES };

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));
typedef float loose __attribute__((vector_size(LANES * sizeof(float)), aligned(4)));

static inline __attribute__((always_inline)) void run_rows(const struct qnt_tile *t, const int mr)
{
    const float *b = t->panel;
    vector sum[ROWS][2];

    for (int m = 0; m < mr; m++) {
        sum[m][0] = *(const vector *)b;
        sum[m][1] = *(const vector *)(b + LANES);
    }
    b += NR;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *const *rows = t->rows + tap * (size_t)mr;
        for (size_t k = 0; k < t->depth; k++, b += NR) {
            const vector b0 = *(const vector *)b, b1 = *(const vector *)(b + LANES);
            for (int m = 0; m < mr; m++) {
                sum[m][0] += rows[m][k] * b0;
                sum[m][1] += rows[m][k] * b1;
            }
        }
    }
    for (int m = 0; m < mr; m++) {
        float *out = (float *)((char *)t->out + (size_t)m * t->out_stride_bytes);
        *(loose *)out = sum[m][0];
        *(loose *)(out + LANES) = sum[m][1];
        for (int n = 0; n < NR; n++) { /* a NaN stays, so that it is found */
            float x = t->lo > out[n] ? t->lo : out[n];
            out[n] = t->hi < x ? t->hi : x;
        }
    }
}

void QNT_TILE(const struct qnt_tile *tile)
{
    run_rows(tile, ROWS);
}

void JOIN(QNT_TILE, _row)(const struct qnt_tile *tile)
{
    run_rows(tile, 1);
}
