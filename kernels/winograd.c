/* The transforms of Winograd's convolution, in vectors of the compiler (GCC and clang have them on
 * every target, and make the machine's own instructions of them). */
#include "kernels/winograd_int.h"

#include <string.h>

#include "kernels/reference.h"
#include "kernels/words_int.h"

typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef krn_words8 words8;
typedef uint32_t sums4 __attribute__((vector_size(16)));
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

/* ---- Input: B d of a column, or B' of a row; results `step` vectors apart */

static inline void input_2(words8 d0, words8 d1, words8 d2, words8 d3, words8 *v, int step)
{
    v[0] = d0 - d2;
    v[step] = d1 + d2;
    v[2 * step] = d2 - d1;
    v[3 * step] = d1 - d3;
}

static inline void input_4(words8 d0, words8 d1, words8 d2, words8 d3, words8 d4, words8 d5,
                           words8 *v, int64_t step)
{
    words8 even = d4 - (d2 << 2), odd = d3 - (d1 << 2);
    words8 even_2 = d4 - d2, odd_2 = (d3 - d1) << 1;
    v[0] = even + (d0 << 2) - d2;
    v[step] = even + odd;
    v[2 * step] = even - odd;
    v[3 * step] = even_2 + odd_2;
    v[4 * step] = even_2 - odd_2;
    v[5 * step] = d5 - (d3 << 2) - odd;
}

static inline words8 load_pixel(const int8_t *pixel, int64_t first)
{
    return krn_load_words(pixel + first);
}

static void transform_2(const int8_t *const *pixel, int64_t first, words8 *to, int64_t step)
{
    words8 t[16], v[4];
    for (int x = 0; x < 4; x++, pixel++)
        input_2(load_pixel(pixel[0], first), load_pixel(pixel[4], first),
                load_pixel(pixel[8], first), load_pixel(pixel[12], first), t + x, 4);
    for (const words8 *row = t; row < t + 16; row += 4) {
        input_2(row[0], row[1], row[2], row[3], v, 1);
        for (int x = 0; x < 4; x++, to += step)
            *to = v[x];
    }
}

static void transform_4(const int8_t *const *pixel, int64_t first, words8 *to, int64_t step)
{
    words8 t[36];
    for (int x = 0; x < 6; x++, pixel++)
        input_4(load_pixel(pixel[0], first), load_pixel(pixel[6], first),
                load_pixel(pixel[12], first), load_pixel(pixel[18], first),
                load_pixel(pixel[24], first), load_pixel(pixel[30], first), t + x, 6);
    for (const words8 *row = t; row < t + 36; row += 6, to += 6 * step)
        input_4(row[0], row[1], row[2], row[3], row[4], row[5], to, step);
}

void krn_wino_input(const struct krn_wino_form *form, const int8_t *const *pixel, int64_t first,
                    int channels, int16_t *to, int64_t step)
{
    int8_t copy[KRN_WINO_IN_MAX * KRN_WINO_IN_MAX][KRN_WINO_LANES];
    const int8_t *copies[KRN_WINO_IN_MAX * KRN_WINO_IN_MAX];
    if (channels < KRN_WINO_LANES) { /* never a byte beyond them */
        memset(copy, 0, sizeof copy);
        for (int i = 0; i < form->in * form->in; i++) {
            memcpy(copy[i], pixel[i] + first, (size_t)channels);
            copies[i] = copy[i];
        }
        pixel = copies;
        first = 0;
    }
    if (form->out == 2)
        transform_2(pixel, first, (words8 *)(void *)to, step / KRN_WINO_LANES);
    else
        transform_4(pixel, first, (words8 *)(void *)to, step / KRN_WINO_LANES);
}

/* ---- Output: A M of a column, or A' of a row */

static inline void output_2(sums4 m0, sums4 m1, sums4 m2, sums4 m3, sums4 *y, int step)
{
    y[0] = (m0 << 1) + m1 + m2;
    y[step] = m1 - m2 - (m3 << 1);
}

static inline void output_4(sums4 m0, sums4 m1, sums4 m2, sums4 m3, sums4 m4, sums4 m5, sums4 *y,
                            int step)
{
    sums4 plus = (m1 + m2) << 2, minus = (m1 - m2) << 2;
    sums4 plus_2 = m3 + m4, minus_2 = (m3 - m4) << 1;
    y[0] = m0 * 6 - plus + plus_2;
    y[step] = minus_2 - minus;
    y[2 * step] = (plus_2 << 2) - plus;
    y[3 * step] = (minus_2 << 2) - minus + m5 * 24;
}

static inline sums4 load_sums(const int32_t *m)
{
    sums4 v;
    memcpy(&v, m, sizeof v);
    return v;
}

/* The exact quotient, with its sign. */
static inline sums4 divide(sums4 y, uint32_t inverse, int shift)
{
    return (sums4)((signed4)(y * inverse) >> shift);
}

/* ---- Requantisation of four channels of four pixels, as kernel.h defines it */

typedef float floats4 __attribute__((vector_size(16)));

#if defined(__aarch64__)

struct limits {
    int16x8_t zp;
    int8x16_t lo, hi;
};

static inline struct limits limits_of(const struct krn_out *out)
{
    return (struct limits) { vdupq_n_s16((int16_t)out->zp), vdupq_n_s8((int8_t)out->lo),
                             vdupq_n_s8((int8_t)out->hi) };
}

static inline floats4 to_floats(signed4 x)
{
    return (floats4)vcvtq_f32_s32((int32x4_t)x);
}

static inline int32x4_t round_even(floats4 x)
{
    return vcvtnq_s32_f32((float32x4_t)x);
}

/* Saturation on the way to bytes stands for the clamp to what bytes hold. */
static inline bytes16 narrow(const floats4 *x, const struct limits *limits)
{
    int16x8_t low = vqmovn_high_s32(vqmovn_s32(round_even(x[0])), round_even(x[1]));
    int16x8_t high = vqmovn_high_s32(vqmovn_s32(round_even(x[2])), round_even(x[3]));
    int8x16_t bytes =
        vqmovn_high_s16(vqmovn_s16(vqaddq_s16(low, limits->zp)), vqaddq_s16(high, limits->zp));
    return (bytes16)vminq_s8(vmaxq_s8(bytes, limits->lo), limits->hi);
}

#elif defined(__SSE2__)

struct limits {
    __m128 lo, hi;
    __m128i zp;
};

static inline struct limits limits_of(const struct krn_out *out)
{
    return (struct limits) { _mm_set1_ps(out->lo_f), _mm_set1_ps(out->hi_f),
                             _mm_set1_epi16((int16_t)out->zp) };
}

static inline floats4 to_floats(signed4 x)
{
    return (floats4)_mm_cvtepi32_ps((__m128i)x);
}

/* Half to even, as the default rounding mode has it; the clamp has made x small. */
static inline __m128i round_even(floats4 x, const struct limits *limits)
{
    return _mm_cvtps_epi32(_mm_min_ps(_mm_max_ps((__m128)x, limits->lo), limits->hi));
}

static inline bytes16 narrow(const floats4 *x, const struct limits *limits)
{
    __m128i low = _mm_packs_epi32(round_even(x[0], limits), round_even(x[1], limits));
    __m128i high = _mm_packs_epi32(round_even(x[2], limits), round_even(x[3], limits));
    return (bytes16)_mm_packs_epi16(_mm_add_epi16(low, limits->zp),
                                    _mm_add_epi16(high, limits->zp));
}

#else

struct limits {
    floats4 lo, hi;
    int32_t zp;
};

static inline struct limits limits_of(const struct krn_out *out)
{
    return (struct limits) { { out->lo_f, out->lo_f, out->lo_f, out->lo_f },
                             { out->hi_f, out->hi_f, out->hi_f, out->hi_f },
                             out->zp };
}

static inline floats4 choose(signed4 mask, floats4 yes, floats4 no)
{
    return (floats4)((mask & (signed4)yes) | (~mask & (signed4)no));
}

static inline floats4 to_floats(signed4 x)
{
    return __builtin_convertvector(x, floats4);
}

/* Half to even by adding 1.5 * 2^23, whose lowest digit is 1: the clamp has made x small. The low
 * byte of the sum's bits is then that of the rounded integer. */
static inline bytes16 narrow(const floats4 *x, const struct limits *limits)
{
    bytes16 bytes;
    for (int i = 0; i < 4; i++) {
        floats4 bounded = choose(x[i] < limits->lo, limits->lo, x[i]);
        bounded = choose(bounded > limits->hi, limits->hi, bounded);
        bounded += 12582912.0f;
        signed4 bits = (signed4)bounded + limits->zp;
        for (int j = 0; j < 4; j++)
            bytes[4 * i + j] = (int8_t)bits[j];
    }
    return bytes;
}

#endif

static inline floats4 scaled(sums4 y, sums4 bias, floats4 factor)
{
    return to_floats((signed4)(y + bias)) * factor;
}

static inline bytes16 requantise(const sums4 *y, sums4 bias, floats4 factor,
                                 const struct limits *limits)
{
    floats4 x[4];
    for (int i = 0; i < 4; i++)
        x[i] = scaled(y[i], bias, factor);
    return narrow(x, limits);
}

/* Four pixels, `across` of them in a row of the output, of which the tile has less. Out of line, so
 * that the usual case keeps its registers. */
static __attribute__((noinline)) void store_part(bytes16 bytes, const struct krn_wino_tile *t,
                                                 int8_t *to, int across, int height, int channels)
{
    int8_t copy[16];
    memcpy(copy, &bytes, sizeof copy);
    for (int i = 0; i < 4; i++) {
        int y = i / across, x = i % across;
        if (y < height && x < t->width)
            memcpy(to + y * t->row_bytes + x * t->pixel_bytes, copy + 4 * i,
                   channels < 4 ? (size_t)channels : 4);
    }
}

static inline void store_whole(bytes16 bytes, int8_t *to0, int8_t *to1, int64_t pixel_bytes)
{
    typedef int32_t pixels4 __attribute__((vector_size(16)));
    pixels4 pixels = (pixels4)bytes;
    int32_t p0 = pixels[0], p1 = pixels[1], p2 = pixels[2], p3 = pixels[3];
    memcpy(to0, &p0, 4);
    memcpy(to0 + pixel_bytes, &p1, 4);
    memcpy(to1, &p2, 4);
    memcpy(to1 + pixel_bytes, &p3, 4);
}

/* Four pixels: adds the sums of the chunks before, or keeps them for the next. */
static inline void add_chunks(const struct krn_wino_tile *t, uint32_t *sums, sums4 *y)
{
    for (int i = 0; i < 4; i++, sums += 4) {
        if (!t->is_first)
            y[i] += load_sums((const int32_t *)sums);
        memcpy(sums, &y[i], sizeof y[i]);
    }
}

/* What stays the same for all channels of a tile. */
struct last {
    struct limits limits;
    int has_chunks, is_whole; /* sums of chunks to be added; no pixel of the tile is missing */
};

static inline struct last last_of(const struct krn_wino_tile *t, int out)
{
    return (struct last) { limits_of(t->out), !t->is_first || !t->is_last,
                           t->width == out && t->height == out };
}

/* ---- The other epilogues, out of line: four pixels of up to four channels */

/* Which: `across` of them in a row of the output, from row `row` and channel `first` of the tile.
 */
struct four {
    const struct krn_wino_tile *tile;
    int row, across, first;
};

static inline size_t channels_of(const struct four *f)
{
    return f->tile->channels - f->first < 4 ? (size_t)(f->tile->channels - f->first) : 4;
}

/* Where pixel i lies in a tensor whose tile begins at `from`; NULL where the tile has no such. */
static inline const int8_t *place_of(const struct four *f, int i, const int8_t *from, int64_t row,
                                     int64_t pixel)
{
    int y = f->row + i / f->across, x = i % f->across;
    if (y >= f->tile->height || x >= f->tile->width)
        return NULL;
    return from + y * row + x * pixel;
}

/* Channels of pixel i of the second tensor, as floats times their factor. */
static inline floats4 added(const struct four *f, int i)
{
    const struct krn_wino_tile *t = f->tile;
    const int8_t *from = place_of(f, i, t->add, t->add_row, t->add_pixel);
    int8_t byte[4] = { 0 };
    if (from && channels_of(f) == 4)
        memcpy(byte, from + f->first, 4);
    else if (from)
        memcpy(byte, from + f->first, channels_of(f));
    const signed4 wide = { byte[0], byte[1], byte[2], byte[3] };
    return to_floats(wide - t->add_zp) * t->add_factor;
}

static bytes16 requantise_added(const struct four *f, const sums4 *y, const struct limits *limits)
{
    floats4 x[4], factor;
    memcpy(&factor, (const float *)f->tile->scale + f->first, sizeof factor);
    for (int i = 0; i < 4; i++)
        x[i] = scaled(y[i], load_sums(f->tile->bias + f->first), factor) + added(f, i);
    return narrow(x, limits);
}

static bytes16 requantise_fixed(const struct four *f, const sums4 *y)
{
    const struct krn_out *out = f->tile->out;
    const struct krn_quant quant = { 0, out->zp, out->lo, out->hi };
    const int32_t *multiplier = (const int32_t *)f->tile->scale + f->first;
    bytes16 bytes;
    for (int i = 0; i < 16; i++) {
        int32_t acc = (int32_t)(y[i / 4] + load_sums(f->tile->bias + f->first))[i % 4];
        bytes[i] =
            krn_requantise_fixed(acc, multiplier[i % 4], multiplier[f->tile->nr + i % 4], &quant);
    }
    return bytes;
}

static void store_sums(const struct four *f, const sums4 *y)
{
    const struct krn_wino_tile *t = f->tile;
    for (int i = 0; i < 4; i++) {
        sums4 sum = y[i] + load_sums(t->bias + f->first);
        int8_t *to = (int8_t *)place_of(f, i, t->to, t->row_bytes, t->pixel_bytes);
        if (to)
            memcpy(to + 4 * f->first, &sum, 4 * channels_of(f));
    }
}

static __attribute__((noinline)) void finish_other(struct four f, const sums4 *y,
                                                   const struct limits *limits)
{
    const struct krn_wino_tile *t = f.tile;
    if (t->epilogue == KRN_EPILOGUE_SUMS) {
        store_sums(&f, y);
        return;
    }
    bytes16 bytes =
        t->epilogue == KRN_EPILOGUE_ADD ? requantise_added(&f, y, limits) : requantise_fixed(&f, y);
    store_part(bytes, t, t->to + f.row * t->row_bytes + f.first, f.across, t->height - f.row,
               (int)channels_of(&f));
}

/* ---- Tiles: four channels at a time, four pixels at a time */

static void finish_2(const struct krn_wino_tile *t)
{
    struct last last = last_of(t, 2);
    int64_t step = t->step;
    for (int j = 0; j < t->channels; j += 4) {
        const int32_t *m = t->product + j;
        sums4 half[8], y[4], bias = load_sums(t->bias + j);
        floats4 factor;
        for (int x = 0; x < 4; x++, m += step)
            output_2(load_sums(m), load_sums(m + 4 * step), load_sums(m + 8 * step),
                     load_sums(m + 12 * step), half + x, 4);
        output_2(half[0], half[1], half[2], half[3], y, 1);
        output_2(half[4], half[5], half[6], half[7], y + 2, 1);
        for (int i = 0; i < 4; i++)
            y[i] = divide(y[i], 1, 2);
        if (last.has_chunks)
            add_chunks(t, t->sums + 4 * j, y);
        if (!t->is_last)
            continue;
        if (t->epilogue != KRN_EPILOGUE_FLOAT) {
            finish_other((struct four) { t, 0, 2, j }, y, &last.limits);
            continue;
        }
        memcpy(&factor, (const float *)t->scale + j, sizeof factor);
        bytes16 bytes = requantise(y, bias, factor, &last.limits);
        if (last.is_whole && t->channels - j >= 4)
            store_whole(bytes, t->to + j, t->to + j + t->row_bytes, t->pixel_bytes);
        else
            store_part(bytes, t, t->to + j, 2, t->height, t->channels - j);
    }
}

/* The rows of a tile, of channels j .. j + 4: four pixels each. */
static inline __attribute__((always_inline)) void finish_rows_4(const struct krn_wino_tile *t,
                                                                const sums4 *half, int j,
                                                                const struct last *last,
                                                                int has_chunks, int is_float)
{
    sums4 y[4], bias = load_sums(t->bias + j);
    floats4 factor;
    int64_t row_bytes = t->row_bytes, pixel_bytes = t->pixel_bytes;
    int is_whole = last->is_whole && t->channels - j >= 4, height = t->height;
    int8_t *to = t->to + j;
    if (is_float)
        memcpy(&factor, (const float *)t->scale + j, sizeof factor);
    for (int i = 0; i < 4; i++, half += 6, to += row_bytes) {
        output_4(half[0], half[1], half[2], half[3], half[4], half[5], y, 1);
        y[0] = divide(y[0], 954437177, 6);
        y[1] = divide(y[1], 954437177, 6);
        y[2] = divide(y[2], 954437177, 6);
        y[3] = divide(y[3], 954437177, 6);
        if (has_chunks)
            add_chunks(t, t->sums + 16 * (j + i), y);
        if (has_chunks && !t->is_last)
            continue;
        if (!is_float) {
            finish_other((struct four) { t, i, 4, j }, y, &last->limits);
            continue;
        }
        bytes16 bytes = requantise(y, bias, factor, &last->limits);
        if (is_whole)
            store_whole(bytes, to, to + 2 * pixel_bytes, pixel_bytes);
        else if (i < height)
            store_part(bytes, t, to, 4, 1, t->channels - j);
    }
}

static void finish_4(const struct krn_wino_tile *t)
{
    struct last last = last_of(t, 4);
    int64_t step = t->step;
    for (int j = 0; j < t->channels; j += 4) {
        const int32_t *m = t->product + j;
        sums4 half[24];
        for (int x = 0; x < 6; x++, m += step)
            output_4(load_sums(m), load_sums(m + 6 * step), load_sums(m + 12 * step),
                     load_sums(m + 18 * step), load_sums(m + 24 * step), load_sums(m + 30 * step),
                     half + x, 6);
        if (t->epilogue != KRN_EPILOGUE_FLOAT)
            finish_rows_4(t, half, j, &last, last.has_chunks, 0);
        else if (last.has_chunks)
            finish_rows_4(t, half, j, &last, 1, 1);
        else
            finish_rows_4(t, half, j, &last, 0, 1);
    }
}

void krn_wino_output(const struct krn_wino_form *form, const struct krn_wino_tile *tile)
{
    if (form->out == 2)
        finish_2(tile);
    else
        finish_4(tile);
}
