/* Micro-kernels of the plainest kind, written from the contract in kernels/kernel.h alone and
 * shared with nothing: what the drivers are tested with, whatever the generator does. They check
 * what the contract promises them. */
#ifndef QUERN_TESTS_T_KERNELS_H
#define QUERN_TESTS_T_KERNELS_H

#include <math.h>
#include <stdint.h>

#include "kernels/kernel.h"
#include "tests/t.h"

static inline int t_weight(const char *body, int64_t index, int w_bytes)
{
    return w_bytes == 2 ? ((const int16_t *)(const void *)body)[index]
                        : ((const int8_t *)body)[index];
}

static inline int8_t t_requantise(uint32_t acc, float scale, const struct krn_out *out)
{
    float x = (float)(int32_t)acc * scale;
    x = fminf(fmaxf(x, out->lo_f), out->hi_f);
    return (int8_t)((int)lrintf(x) + out->zp);
}

struct t_shape {
    int mr, nr, kr, w_bytes, a_bias, is_igemm, many, packs_a;
};

static inline const int8_t *t_row(const struct krn_gemm_args *g, const struct t_shape *s,
                                  int64_t tap, int64_t i)
{
    if (!s->is_igemm)
        return (const int8_t *)g->a + i * g->a_stride;
    int64_t tile = i / s->mr;
    return ((const int8_t *const *)g->a)[(tile * g->taps + tap) * s->mr + i % s->mr] + g->a_stride;
}

static inline int t_activation(const struct krn_gemm_args *g, const struct t_shape *s, int64_t tap,
                               int64_t i, int64_t k)
{
    int64_t tile = i / s->mr, group = s->packs_a == KRN_FEED_WORDS ? 8 : s->kr;
    int64_t groups = (g->k + group - 1) / group;
    int64_t at = ((tile * groups + k / group) * s->mr + i % s->mr) * group + k % group;
    if (s->packs_a == KRN_FEED_WORDS)
        return ((const int16_t *)g->a)[at];
    return s->packs_a ? ((const int8_t *)g->a)[at] : t_row(g, s, tap, i)[k];
}

static inline void t_gemm(const struct krn_gemm_args *g, const struct t_shape *s)
{
    const int32_t *bias = g->w;
    const float *scale = (const float *)(bias + s->nr);
    const char *body = (const char *)(scale + s->nr);
    int64_t groups = (g->k + s->kr - 1) / s->kr;
    T_CHECK(g->m >= 1 && (s->many || g->m <= s->mr) && g->k >= 1 && g->taps >= 1);
    T_CHECK((uintptr_t)g->w % 64 == 0 && (s->is_igemm || g->taps == 1));
    for (int64_t tap = 0; s->is_igemm && tap < g->taps; tap++)
        for (int64_t i = g->m; i % s->mr; i++)
            T_CHECK(t_row(g, s, tap, i) == t_row(g, s, tap, g->m - 1));
    for (int64_t i = 0; i < g->m; i++)
        for (int j = 0; j < s->nr; j++) {
            uint32_t acc = (uint32_t)bias[j];
            for (int64_t tap = 0; tap < g->taps; tap++)
                for (int64_t k = 0; k < g->k; k++) {
                    int64_t group = tap * groups + k / s->kr;
                    int w = t_weight(body, (group * s->nr + j) * s->kr + k % s->kr, s->w_bytes);
                    acc += (uint32_t)((t_activation(g, s, tap, i, k) + s->a_bias) * w);
                }
            g->c[i * g->c_stride + j] = t_requantise(acc, scale[j], &g->out);
        }
}

static inline void t_dw_block(const struct krn_dw_args *d, const struct t_shape *s, int64_t block)
{
    int64_t groups = (d->taps + s->kr - 1) / s->kr;
    int64_t record = (s->nr * (8 + groups * s->kr * s->w_bytes) + 63) / 64 * 64;
    const int32_t *bias = (const void *)((const char *)d->w + block * record);
    const float *scale = (const float *)(bias + s->nr);
    const char *body = (const char *)(scale + s->nr);
    int64_t first = block * s->nr < d->channels - s->nr ? block * s->nr : d->channels - s->nr;
    for (int64_t x = 0; x < d->width; x++)
        for (int j = 0; j < s->nr; j++) {
            uint32_t acc = (uint32_t)bias[j];
            for (int64_t t = 0; t < d->taps; t++) {
                int a = d->a[x * d->a_step + t][first + j] + s->a_bias;
                int64_t at = (t / s->kr * s->nr + j) * s->kr + t % s->kr;
                acc += (uint32_t)(a * t_weight(body, at, s->w_bytes));
            }
            d->c[x * d->c_stride + first + j] = t_requantise(acc, scale[j], &d->out);
        }
}

static inline void t_dw(const struct krn_dw_args *d, const struct t_shape *s)
{
    T_CHECK(d->channels >= s->nr && (uintptr_t)d->w % 64 == 0);
    for (int64_t block = 0; block * s->nr < d->channels; block++)
        t_dw_block(d, s, block);
}

/* DWC: filter, stride and rows of the kernel. */
struct t_columns {
    int nr, kr, filter, stride, rows;
};

/* Place j of a kernel with places and quick: row `in_band` of the place's band, pixel x. */
static inline void t_quads_pixel(const struct krn_dw_args *d, const struct krn_kernel *k,
                                 const char *record, int64_t in_band, int64_t x, int64_t first,
                                 int j)
{
    int64_t column = k->filter + (k->rows - 1) * k->stride, shift = in_band % krn_quads_shifts(k);
    int64_t r = j / 4 % (k->places / 16) * 16 / k->nr * (k->rows * k->nr / k->places) + in_band;
    int64_t c = first + krn_quads_channel(k, j), top = (r - shift) * k->stride;
    const uint32_t *head = (const uint32_t *)(const void *)record;
    const float *scale = (const float *)(head + k->places), *offset = scale + k->places;
    const int8_t *w = (const int8_t *)(offset + k->places);
    uint32_t acc = head[j] - (offset[j] < 0 ? KRN_QUICK_BIAS : 0);
    for (int64_t kx = 0; kx < k->filter; kx++)
        for (int64_t y = 0; y < 4 * krn_quads_groups(k) && top + y < column; y++) {
            int a = d->a[(x * k->stride + kx) * column + top + y][c] + k->a_bias;
            int64_t group = kx * krn_quads_groups(k) + y / 4;
            acc +=
                (uint32_t)(a *
                           w[((group * krn_quads_shifts(k) + shift) * k->places + j) * 4 + y % 4]);
        }
    T_CHECK(offset[j] == 0 || (offset[j] == -0x1p23f * scale[j] && d->out.lo == d->out.zp));
    d->c[r * d->c_row + x * d->c_stride + c] = t_requantise(acc, scale[j], &d->out);
}

static inline void t_quads(const struct krn_dw_args *d, const struct krn_kernel *k)
{
    int64_t weights = (int64_t)k->filter * krn_quads_groups(k) * krn_quads_shifts(k) * 4;
    int64_t bytes = (k->places * (12 + weights) + 63) / 64 * 64;
    const char *record = d->w;
    T_CHECK(d->channels >= k->nr && d->width >= krn_quads_step(k) && (uintptr_t)d->w % 64 == 0);
    for (int64_t begin = 0; begin < d->channels; begin += k->nr, record += bytes) {
        int64_t first = begin < d->channels - k->nr ? begin : d->channels - k->nr;
        for (int64_t y = 0; y < k->rows * k->nr / k->places; y++)
            for (int64_t x = 0; x < d->width; x++)
                for (int j = 0; j < k->places; j++)
                    t_quads_pixel(d, k, record, y, x, first, j);
    }
}

static inline int8_t t_dwc_pixel(const struct krn_dw_args *d, const struct t_columns *s,
                                 const char *record, int64_t r, int64_t x, int64_t first, int64_t j)
{
    int column = s->filter + (s->rows - 1) * s->stride, groups = (column + 3) / 4;
    const int32_t *bias = (const void *)record;
    const float *scale = (const float *)(bias + s->nr);
    const int8_t *w = (const int8_t *)(scale + s->nr);
    uint32_t acc = (uint32_t)bias[j];
    for (int64_t kx = 0; kx < s->filter; kx++)
        for (int64_t y = 0; y < column; y++) {
            int64_t ky = y - r * s->stride;
            int a = d->a[(x * s->stride + kx) * column + y][first + j];
            int64_t at = ((((kx * groups + y / 4) * s->rows + r) * s->nr) + j) * 4 + y % 4;
            if (s->kr == 4)
                acc += (uint32_t)(a * w[at]); /* zero outside of the filter */
            else if (ky >= 0 && ky < s->filter)
                acc += (uint32_t)(a * w[(kx * s->filter + ky) * s->nr + j]);
        }
    return t_requantise(acc, scale[j], &d->out);
}

static inline void t_dwc(const struct krn_dw_args *d, const struct t_columns *s)
{
    int column = s->filter + (s->rows - 1) * s->stride;
    int weights = s->kr == 4 ? s->filter * ((column + 3) / 4) * 4 * s->rows : s->filter * s->filter;
    int64_t record_bytes = ((int64_t)s->nr * (8 + weights) + 63) / 64 * 64;
    const char *record = d->w;
    T_CHECK(d->channels >= s->nr && (uintptr_t)d->w % 64 == 0);
    for (int64_t begin = 0; begin < d->channels; begin += s->nr, record += record_bytes) {
        int64_t first = begin < d->channels - s->nr ? begin : d->channels - s->nr;
        for (int64_t r = 0; r < s->rows; r++)
            for (int64_t x = 0; x < d->width; x++)
                for (int64_t j = 0; j < s->nr; j++)
                    d->c[r * d->c_row + x * d->c_stride + first + j] =
                        t_dwc_pixel(d, s, record, r, x, first, j);
    }
}

static inline void t_wino(const struct krn_wino_args *p, int mr, int nr, int kr)
{
    T_CHECK(p->k % 8 == 0 && p->k > 0 && (uintptr_t)p->a % 16 == 0 && (uintptr_t)p->w % 16 == 0);
    for (int64_t e = 0; e < p->elements; e++)
        for (int i = 0; i < mr; i++)
            for (int j = 0; j < nr; j++) {
                const int16_t *a = p->a + e * p->k * mr, *w = p->w + e * p->k * nr;
                uint32_t sum = 0;
                for (int64_t k = 0; k < p->k; k++)
                    sum += (uint32_t)(a[(k / 8 * mr + i) * 8 + k % 8] *
                                      w[(k / kr * nr + j) * kr + k % kr]);
                p->c[(e * mr + i) * nr + j] = (int32_t)sum;
            }
}

/* Element i of what the driver made ready (or, without copies, of the input). */
static inline int t_ready(const void *a, int64_t i, const struct krn_kernel *k)
{
    if (k->w_bytes == 2)
        return ((const int16_t *)a)[i];
    return k->a_bias && (k->copies || k->family == KRN_FAMILY_DWROWS)
               ? ((const uint8_t *)a)[i]
               : ((const int8_t *)a)[i] + k->a_bias;
}

static inline void t_direct(const struct krn_direct_args *d, const struct krn_kernel *k)
{
    const char *panel = d->w, *body = panel + (k->quick ? 12 : 8) * k->nr;
    const float *scale = (const float *)(const void *)(panel + 4 * k->nr);
    int is_quick = k->quick && scale[k->nr] < 0;
    T_CHECK(d->width >= k->mr && d->groups >= 1 && (uintptr_t)d->w % 64 == 0);
    for (int64_t x = 0; x < d->width; x++)
        for (int j = 0; j < k->nr; j++) {
            uint32_t acc = (uint32_t)d->bias[j] - (is_quick ? KRN_QUICK_BIAS : 0);
            for (const struct krn_tap *tap = d->taps; tap < d->taps + d->tap_count; tap++) {
                if ((tap->skip == KRN_SKIP_FIRST && x == 0) ||
                    (tap->skip == KRN_SKIP_LAST && x == d->width - 1)) {
                    acc += ((const uint32_t *)(const void *)(panel + tap->skipped))[j];
                    continue;
                }
                for (int64_t i = 0; i < d->groups * k->kr; i++) {
                    int64_t at = (i / k->kr * k->nr + j) * k->kr + i % k->kr;
                    int a = t_ready((const char *)tap->a + x * d->a_step, i, k);
                    acc += (uint32_t)(a * t_weight(body + tap->w, at, k->w_bytes));
                }
            }
            d->c[x * d->c_stride + j] = t_requantise(acc, scale[j], &d->out);
        }
}

static inline void t_dwrows_block(const struct krn_dwrows_args *d, const struct krn_kernel *k,
                                  const char *record, int64_t first)
{
    const int32_t *bias = (const void *)record;
    const float *scale = (const float *)(bias + krn_dwrows_places(k));
    const char *body = (const char *)(scale + krn_dwrows_places(k));
    int side = krn_dwrows_side(k), groups = krn_dwrows_groups(k), step = krn_dwrows_step(k);
    for (int64_t y = 0; y < k->mr; y++)
        for (int64_t x = 0; x < d->width; x++)
            for (int j = 0; j < krn_dwrows_places(k); j++) {
                uint32_t acc = (uint32_t)bias[j];
                int64_t c = first + krn_dwrows_channel(k, j), phase = x % step;
                int64_t begin = x - phase;
                if (begin + step > d->width) {
                    begin = d->width - step;
                    phase = x - begin;
                }
                for (int t = 0; t < side * groups * k->kr; t++) {
                    int ky = t / (groups * k->kr), at = t % (groups * k->kr);
                    int64_t index =
                        (((phase * side + ky) * groups + at / k->kr) * krn_dwrows_places(k) + j) *
                            k->kr +
                        at % k->kr;
                    const char *pixel = (const char *)d->rows[y * k->stride + ky] +
                                        (begin * k->stride + at) * d->a_step;
                    acc += (uint32_t)(t_ready(pixel, c, k) * t_weight(body, index, k->w_bytes));
                }
                d->c[y * d->c_row + x * d->c_stride + c] = t_requantise(acc, scale[j], &d->out);
            }
}

static inline void t_dwrows(const struct krn_dwrows_args *d, const struct krn_kernel *k)
{
    int64_t elements = (int64_t)krn_dwrows_step(k) * krn_dwrows_side(k) * krn_dwrows_groups(k);
    int64_t record = (krn_dwrows_places(k) * (8 + elements * k->kr * k->w_bytes) + 63) / 64 * 64;
    T_CHECK(d->channels >= k->nr && d->width >= krn_dwrows_step(k) && (uintptr_t)d->w % 64 == 0);
    for (int64_t b = 0; b * k->nr < d->channels; b++) {
        int64_t first = b * k->nr < d->channels - k->nr ? b * k->nr : d->channels - k->nr;
        t_dwrows_block(d, k, (const char *)d->w + b * record, first);
    }
}

/* X(name, mr, nr, kr, w_bytes, a_bias, copies) */
#define T_DIRECT_TABLE(X)                                                                          \
    X(m1n5k4, 1, 5, 4, 1, 128, 1)                                                                  \
    X(m3n16k4, 3, 16, 4, 1, 128, 1)                                                                \
    X(m2n8k2, 2, 8, 2, 2, 0, 1)                                                                    \
    X(m4n16k4, 4, 16, 4, 1, 128, 0)
/* X(name, mr, nr, kr, w_bytes, a_bias, side, stride) */
#define T_DWROWS_TABLE(X)                                                                          \
    X(m1k4f3d1, 1, 16, 4, 1, 128, 3, 1)                                                            \
    X(m2k4f3d2, 2, 16, 4, 1, 128, 3, 2)                                                            \
    X(m2k4f5d1, 2, 16, 4, 1, 128, 5, 1)                                                            \
    X(m1k2f5d2, 1, 16, 2, 2, 0, 5, 2)                                                              \
    X(m3k2f3d1, 3, 16, 2, 2, 0, 3, 1)

/* X(name, mr, nr, kr, w_bytes, a_bias, many) */
#define T_GEMM_TABLE(X)                                                                            \
    X(m1n1k1, 1, 1, 1, 1, 0, 0)                                                                    \
    X(m4n16k4, 4, 16, 4, 1, 0, 0)                                                                  \
    X(m6n8k8, 6, 8, 8, 1, 128, 0)                                                                  \
    X(m3n5k2, 3, 5, 2, 2, 0, 0)                                                                    \
    X(m8n12k1, 8, 12, 1, 2, 128, 0)                                                                \
    X(m4n8k4many, 4, 8, 4, 1, 0, 1)
/* X(name, mr, nr, kr, w_bytes, many, packing): those that want A packed */
#define T_PACKED_TABLE(X)                                                                          \
    X(m8n12k4packed, 8, 12, 4, 1, 1, KRN_FEED_GROUPS)                                           \
    X(m6n8k8packed, 6, 8, 8, 1, 1, KRN_FEED_GROUPS)                                             \
    X(m3n5k2packed, 3, 5, 2, 1, 0, KRN_FEED_GROUPS)                                             \
    X(m5n8k1words, 5, 8, 1, 2, 1, KRN_FEED_WORDS)                                               \
    X(m3n4k2words, 3, 4, 2, 1, 0, KRN_FEED_WORDS)
/* X(name, nr, kr, w_bytes, a_bias, taps) */
#define T_DW_TABLE(X)                                                                              \
    X(n1, 1, 1, 1, 0, 0)                                                                           \
    X(n8, 8, 2, 2, 0, 0)                                                                           \
    X(n16, 16, 4, 1, 128, 0)                                                                       \
    X(n8t9, 8, 1, 1, 0, 9)
/* X(name, nr, kr, filter, stride, rows) */
#define T_DWC_TABLE(X)                                                                             \
    X(n8k1f3x1y1, 8, 1, 3, 1, 1)                                                                   \
    X(n4k1f3x2y2, 4, 1, 3, 2, 2)                                                                   \
    X(n8k4f3x1y2, 8, 4, 3, 1, 2)                                                                   \
    X(n2k4f3x2y2, 2, 4, 3, 2, 2)                                                                   \
    X(n4k4f5x1y2, 4, 4, 5, 1, 2)
/* X(name, nr, filter, stride, rows, places): DWC whose rows are interleaved */
#define T_QUADS_TABLE(X)                                                                           \
    X(n16p16f3x1y2, 16, 3, 1, 2, 16)                                                               \
    X(n16p32f3x1y4, 16, 3, 1, 4, 32)                                                               \
    X(n16p16f3x2y2, 16, 3, 2, 2, 16)                                                               \
    X(n16p32f5x1y4, 16, 5, 1, 4, 32)                                                               \
    X(n16p16f5x2y1, 16, 5, 2, 1, 16)

/* X(name, mr, nr, kr, form) */
#define T_WINO_TABLE(X)                                                                            \
    X(m1n4k1f2, 1, 4, 1, 2)                                                                        \
    X(m2n4k1f2, 2, 4, 1, 2)                                                                        \
    X(m4n8k2f2, 4, 8, 2, 2)                                                                        \
    X(m3n4k1f4, 3, 4, 1, 4)                                                                        \
    X(m2n16k4f4, 2, 16, 4, 4)

#define T_GEMM_FN(name, mr, nr, kr, w, b, many)                                                    \
    static void t_gemm_##name(const void *args)                                                    \
    {                                                                                              \
        t_gemm(args, &(struct t_shape) { mr, nr, kr, w, b, 0, many, 0 });                          \
    }                                                                                              \
    static void t_igemm_##name(const void *args)                                                   \
    {                                                                                              \
        t_gemm(args, &(struct t_shape) { mr, nr, kr, w, b, 1, many, 0 });                          \
    }
#define T_PACKED_FN(name, mr, nr, kr, w, many, packing)                                            \
    static void t_gemm_##name(const void *args)                                                    \
    {                                                                                              \
        t_gemm(args, &(struct t_shape) { mr, nr, kr, w, 0, 0, many, packing });                    \
    }
#define T_DW_FN(name, nr, kr, w, b, taps)                                                          \
    static void t_dw_##name(const void *args)                                                      \
    {                                                                                              \
        t_dw(args, &(struct t_shape) { 1, nr, kr, w, b, 0, 0, 0 });                                \
    }
#define T_DWC_FN(name, nr, kr, filter, stride, rows)                                               \
    static void t_dwc_##name(const void *args)                                                     \
    {                                                                                              \
        t_dwc(args, &(struct t_columns) { nr, kr, filter, stride, rows });                         \
    }
#define T_WINO_FN(name, mr, nr, kr, form)                                                          \
    static void t_wino_##name(const void *args)                                                    \
    {                                                                                              \
        t_wino(args, mr, nr, kr);                                                                  \
    }
T_WINO_TABLE(T_WINO_FN)
T_GEMM_TABLE(T_GEMM_FN)
T_PACKED_TABLE(T_PACKED_FN)
T_DW_TABLE(T_DW_FN)
T_DWC_TABLE(T_DWC_FN)

/* Rows of the registry: designated, so that a new field of the contract is zero here. */
#define T_KERNEL(title, function, family_, m, n, k, w, b, ...)                                     \
    {                                                                                              \
        .name = title, .fn = function, .isa = KRN_ISA_C, .family = family_, .mr = m, .nr = n,      \
        .kr = k, .w_bytes = w, .a_bias = b, __VA_ARGS__                                            \
    }
#define T_GEMM_ROW(n, mr, nr, kr, w, b, more)                                                      \
    T_KERNEL("test_gemm_" #n, t_gemm_##n, KRN_FAMILY_GEMM, mr, nr, kr, w, b, .many = more),        \
        T_KERNEL("test_igemm_" #n, t_igemm_##n, KRN_FAMILY_IGEMM, mr, nr, kr, w, b, .many = more),
#define T_PACKED_ROW(n, mr, nr, kr, w, more, packing)                                              \
    T_KERNEL("test_gemm_" #n, t_gemm_##n, KRN_FAMILY_GEMM, mr, nr, kr, w, 0, .many = more,         \
             .packs_a = packing),
#define T_DW_ROW(n, nr, kr, w, b, count)                                                           \
    T_KERNEL("test_dw_" #n, t_dw_##n, KRN_FAMILY_DW, 1, nr, kr, w, b, .taps = count),
#define T_DWC_ROW(n, nr, kr, size, step, count)                                                    \
    T_KERNEL("test_dwc_" #n, t_dwc_##n, KRN_FAMILY_DWC, 1, nr, kr, 1, 0, .filter = size,           \
             .stride = step, .rows = count),
#define T_DIRECT_KERNEL(n, m, nn, k, w, b, cp)                                                     \
    T_KERNEL("test_direct_" #n, t_direct_##n, KRN_FAMILY_DIRECT, m, nn, k, w, b, .copies = cp)
#define T_DIRECT_FN(n, m, nn, k, w, b, cp)                                                         \
    static void t_direct_##n(const void *args)                                                     \
    {                                                                                              \
        static const struct krn_kernel kernel = T_DIRECT_KERNEL(n, m, nn, k, w, b, cp);            \
        t_direct(args, &kernel);                                                                   \
    }
#define T_DIRECT_ROW(n, m, nn, k, w, b, cp) T_DIRECT_KERNEL(n, m, nn, k, w, b, cp),
#define T_DWROWS_KERNEL(n, m, nn, k, w, b, side, step)                                             \
    T_KERNEL("test_dwrows_" #n, t_dwrows_##n, KRN_FAMILY_DWROWS, m, nn, k, w, b, .filter = side,   \
             .stride = step)
#define T_DWROWS_FN(n, m, nn, k, w, b, side, step)                                                 \
    static void t_dwrows_##n(const void *args)                                                     \
    {                                                                                              \
        static const struct krn_kernel kernel = T_DWROWS_KERNEL(n, m, nn, k, w, b, side, step);    \
        t_dwrows(args, &kernel);                                                                   \
    }
#define T_DWROWS_ROW(n, m, nn, k, w, b, side, step) T_DWROWS_KERNEL(n, m, nn, k, w, b, side, step),
T_DIRECT_TABLE(T_DIRECT_FN)
T_DWROWS_TABLE(T_DWROWS_FN)

#define T_QUADS_KERNEL(n, nr, size, step, count, values)                                           \
    T_KERNEL("test_quads_" #n, t_quads_##n, KRN_FAMILY_DWC, 1, nr, 4, 1, 128, .filter = size,      \
             .stride = step, .rows = count, .places = values, .quick = 1)
#define T_QUADS_FN(n, nr, size, step, count, values)                                               \
    static void t_quads_##n(const void *args)                                                      \
    {                                                                                              \
        static const struct krn_kernel kernel = T_QUADS_KERNEL(n, nr, size, step, count, values);  \
        t_quads(args, &kernel);                                                                    \
    }
#define T_QUADS_ROW(n, nr, size, step, count, values)                                              \
    T_QUADS_KERNEL(n, nr, size, step, count, values),
T_QUADS_TABLE(T_QUADS_FN)

#define T_WINO_ROW(n, mr, nr, kr, form)                                                            \
    T_KERNEL("test_wino_" #n, t_wino_##n, KRN_FAMILY_WINO, mr, nr, kr, 2, 0, .filter = form),

static const struct krn_kernel t_kernels[] = {
    T_GEMM_TABLE(T_GEMM_ROW) T_PACKED_TABLE(T_PACKED_ROW) T_DW_TABLE(T_DW_ROW)
        T_DWC_TABLE(T_DWC_ROW) T_WINO_TABLE(T_WINO_ROW) T_DIRECT_TABLE(T_DIRECT_ROW)
            T_DWROWS_TABLE(T_DWROWS_ROW) T_QUADS_TABLE(T_QUADS_ROW)
};
enum { T_KERNEL_COUNT = sizeof t_kernels / sizeof t_kernels[0] };

#endif
