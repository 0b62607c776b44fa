/* The transforms of Winograd's convolution, in vectors of the compiler (GCC and clang have them on
 * every target, and make the machine's own instructions of them). */
#include "kernels/winograd_int.h"

#include <string.h>

typedef int8_t bytes8 __attribute__((vector_size(8)));
typedef int16_t words8 __attribute__((vector_size(16)));
typedef uint32_t sums4 __attribute__((vector_size(16)));
typedef float floats4 __attribute__((vector_size(16)));
typedef int8_t bytes4 __attribute__((vector_size(4)));
typedef int32_t signed4 __attribute__((vector_size(16)));

static const struct krn_wino_form forms[] = {
    { .out = 2,
      .in = 4,
      .depth_max = 3664,
      .shift = 2,
      .inverse = 1,
      .g = { { 1, 0, 0 }, { 1, 1, 1 }, { 1, -1, 1 }, { 0, 0, 1 } } },
    { .out = 4,
      .in = 6,
      .depth_max = 224,
      .shift = 6,
      .inverse = 954437177, /* 9 * 954437177 = 2^33 + 1 */
      .g = { { 1, 0, 0 }, { 1, 1, 1 }, { 1, -1, 1 }, { 1, 2, 4 }, { 1, -2, 4 }, { 0, 0, 1 } } },
};

const struct krn_wino_form *krn_wino_form(int out)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].out == out)
            return &forms[i];
    return NULL;
}

/* ---- Input: B d, where `step` leads from one element of a column, or row, to the next */

static inline void input_2(const words8 *d, words8 *v, int step)
{
    v[0] = d[0] - d[2 * step];
    v[step] = d[step] + d[2 * step];
    v[2 * step] = d[2 * step] - d[step];
    v[3 * step] = d[step] - d[3 * step];
}

static inline void input_4(const words8 *d, words8 *v, int step)
{
    words8 even = d[4 * step] - (d[2 * step] << 2), odd = d[3 * step] - (d[step] << 2);
    words8 even_2 = d[4 * step] - d[2 * step], odd_2 = (d[3 * step] - d[step]) << 1;
    v[0] = even + (d[0] << 2) - d[2 * step];
    v[5 * step] = d[5 * step] - (d[3 * step] << 2) - odd;
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = even_2 + odd_2;
    v[4 * step] = even_2 - odd_2;
}

/* Eight channels of a pixel, or fewer and zeros: never a byte beyond them. */
static inline words8 load_pixel(const int8_t *pixel, int channels)
{
    bytes8 bytes = { 0 };
    if (channels == KRN_WINO_LANES)
        memcpy(&bytes, pixel, sizeof bytes);
    else
        for (int i = 0; i < channels; i++)
            bytes[i] = pixel[i];
    return __builtin_convertvector(bytes, words8);
}

static inline __attribute__((always_inline)) void
transform_input(const int8_t *const *pixel, int channels, int16_t *to, int64_t step, int in,
                void (*line)(const words8 *d, words8 *v, int step))
{
    words8 d[KRN_WINO_IN_MAX * KRN_WINO_IN_MAX], t[KRN_WINO_IN_MAX * KRN_WINO_IN_MAX];
    for (int i = 0; i < in * in; i++)
        d[i] = load_pixel(pixel[i], channels);
    for (int x = 0; x < in; x++)
        line(d + x, t + x, in);
    for (int y = 0; y < in; y++)
        line(t + y * in, d + y * in, 1);
    for (int i = 0; i < in * in; i++)
        memcpy(to + i * step, &d[i], sizeof d[i]);
}

void krn_wino_input(const struct krn_wino_form *form, const int8_t *const *pixel, int channels,
                    int16_t *to, int64_t step)
{
    if (form->out == 2)
        transform_input(pixel, channels, to, step, 4, input_2);
    else
        transform_input(pixel, channels, to, step, 6, input_4);
}

/* ---- Output: A M, of `from` elements from_step apart, to elements to_step apart */

static inline void output_2(const sums4 *m, int from_step, sums4 *y, int to_step)
{
    y[0] = (m[0] << 1) + m[from_step] + m[2 * from_step];
    y[to_step] = m[from_step] - m[2 * from_step] - (m[3 * from_step] << 1);
}

static inline void output_4(const sums4 *m, int from_step, sums4 *y, int to_step)
{
    sums4 plus = (m[from_step] + m[2 * from_step]) << 2;
    sums4 minus = (m[from_step] - m[2 * from_step]) << 2;
    sums4 plus_2 = m[3 * from_step] + m[4 * from_step];
    sums4 minus_2 = (m[3 * from_step] - m[4 * from_step]) << 1;
    y[0] = m[0] * 6 - plus + plus_2;
    y[to_step] = minus_2 - minus;
    y[2 * to_step] = (plus_2 << 2) - plus;
    y[3 * to_step] = (minus_2 << 2) - minus + m[5 * from_step] * 24;
}

static inline __attribute__((always_inline)) void
transform_output(const int32_t *m, int64_t step, uint32_t *sums, const struct krn_wino_form *form,
                 int in, int out, void (*line)(const sums4 *, int, sums4 *, int))
{
    sums4 t[KRN_WINO_OUT_MAX * KRN_WINO_IN_MAX];
    for (int x = 0; x < in; x++) {
        sums4 column[KRN_WINO_IN_MAX];
        for (int y = 0; y < in; y++)
            memcpy(&column[y], m + (y * in + x) * step, sizeof column[y]);
        line(column, 1, t + x, in);
    }
    for (int y = 0; y < out; y++) {
        sums4 row[KRN_WINO_OUT_MAX];
        line(t + y * in, 1, row, 1);
        for (int x = 0; x < out; x++) {
            sums4 sum;
            signed4 exact = (signed4)(row[x] * form->inverse) >> form->shift;
            memcpy(&sum, sums + (y * out + x) * 4, sizeof sum);
            sum += (sums4)exact;
            memcpy(sums + (y * out + x) * 4, &sum, sizeof sum);
        }
    }
}

void krn_wino_output(const struct krn_wino_form *form, const int32_t *m, int64_t step,
                     uint32_t *sums)
{
    if (form->out == 2)
        transform_output(m, step, sums, &forms[0], 4, 2, output_2);
    else
        transform_output(m, step, sums, &forms[1], 6, 4, output_4);
}

/* ---- Requantisation, as kernel.h defines it */

static inline floats4 choose(signed4 mask, floats4 yes, floats4 no)
{
    return (floats4)((mask & (signed4)yes) | (~mask & (signed4)no));
}

/* Half to even by adding 1.5 * 2^23, whose lowest digit is 1: the clamp has made x small. The low
 * byte of the sum's bits is then that of the rounded integer. */
static inline bytes4 requantise(const uint32_t *sums, floats4 scale, const struct krn_out *out)
{
    signed4 acc;
    memcpy(&acc, sums, sizeof acc);
    floats4 x = __builtin_convertvector(acc, floats4) * scale;
    floats4 lo = { out->lo_f, out->lo_f, out->lo_f, out->lo_f };
    floats4 hi = { out->hi_f, out->hi_f, out->hi_f, out->hi_f };
    x = choose(x < lo, lo, x);
    x = choose(x > hi, hi, x);
    x += 12582912.0f;
    return __builtin_convertvector((signed4)x + out->zp, bytes4);
}

void krn_wino_store(const struct krn_wino_form *form, const uint32_t *sums, const float *scale,
                    const struct krn_out *out, const struct krn_wino_place *place)
{
    floats4 factor;
    memcpy(&factor, scale, sizeof factor);
    for (int y = 0; y < place->height; y++)
        for (int x = 0; x < place->width; x++) {
            bytes4 bytes = requantise(sums + (y * form->out + x) * 4, factor, out);
            int8_t *to = place->to + y * place->row_bytes + x * place->pixel_bytes;
            if (place->channels == 4)
                memcpy(to, &bytes, sizeof bytes);
            else
                memcpy(to, &bytes, (size_t)place->channels);
        }
}
