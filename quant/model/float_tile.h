/* One tile of a dense float layer: the inner loop of float execution, one file (float_tile.c) that
 * is compiled once for each kind of vector. */
#ifndef QUERN_QUANT_FLOAT_TILE_H
#define QUERN_QUANT_FLOAT_TILE_H

#include <stddef.h>
#include <stdint.h>

/* out[m][n] = clamp(bias[n] + sum over taps and depth of input * weight) */
struct qnt_tile {
    const float *const *rows; /* [taps][mr]: where the inputs of a tap of an output pixel begin */
    size_t taps, depth;       /* depth: inputs of one tap */
    const float *panel;       /* bias [nr], then weights [taps][depth][nr], 64-byte aligned */
    float lo, hi;
    float *out; /* mr rows of nr, all of them written */
    size_t out_stride_bytes;
};
typedef void qnt_tile_run(const struct qnt_tile *tile);

/* mr rows; and one row, whose table is rows[taps][1]. */
qnt_tile_run qnt_tile_portable, qnt_tile_portable_row;
qnt_tile_run qnt_tile_avx2, qnt_tile_avx2_row;
qnt_tile_run qnt_tile_avx512, qnt_tile_avx512_row;

struct qnt_tile_kernel {
    int32_t mr, nr;
    qnt_tile_run *run, *run_row;
};
#define QNT_TILE_MR_MAX 12
#define QNT_TILE_NR_MAX 32

/* The best one of this CPU, of the levels that krn_cpu_isas() shows. */
const struct qnt_tile_kernel *qnt_tile_choose(void);

#endif
