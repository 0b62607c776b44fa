/* Winograd's minimal filtering of 3x3 layers at stride 1, in integers and exact.
 *
 * Output tiles of `out` x `out` pixels are computed from input tiles of `in` x `in`, in = out + 2:
 *     V = B d B'      of an input tile d, per input channel
 *     U = G w G'      of the weights, per pair of channels, once
 *     M = sum of V * U over the input channels, for each of the in * in elements: matrix products
 *     Y = A M A'      the sums of the direct convolution
 * G has fractions. Its rows are scaled to integers here and A makes up for it, so that A M A' is
 * denominator * Y, an exact multiple: 4 * Y for F(2,3), 576 * Y = 9 * 64 * Y for F(4,3). Sizes:
 *     form    |V| at most         |U| at most
 *     F(2,3)    4 * 128 =   512     9 * 127 = 1143
 *     F(4,3)  100 * 128 = 12800    49 * 127 = 6223      both fit 16 bits
 * All of M and A M A' is arithmetic modulo 2^32, where sums and integer factors are exact, whatever
 * overflows on the way. The division: 9 is odd and has an inverse modulo 2^32; dividing by 2^shift
 * afterwards leaves Y modulo 2^(32 - shift), with its sign, so the result is exact if and only if
 * |Y| < 2^(31 - shift). Of a sum over k channels |Y| <= 9 * k * 128 * 127, so that
 *     F(2,3): |Y| < 2^29 up to 3669 channels      F(4,3): |Y| < 2^25 up to 229 channels.
 * Layers with more are computed in chunks of channels within the bound, and the chunks' results are
 * added, modulo 2^32 as reference.h has it. So there is no layer that this gets wrong.
 *
 * Source: A. Lavin, S. Gray, Fast Algorithms for Convolutional Neural Networks, arXiv 1509.09308.
 */
#ifndef QUERN_KERNELS_WINOGRAD_INT_H
#define QUERN_KERNELS_WINOGRAD_INT_H

#include "kernels/conv_int.h"

enum { KRN_WINO_IN_MAX = 6, KRN_WINO_OUT_MAX = 4, KRN_WINO_LANES = 8 };

struct krn_wino_form {
    int out, in;                  /* pixels of a tile, each way */
    int depth_max;                /* channels of a chunk: the bound above, whole groups of 8 */
    int shift;                    /* A M A' = odd * 2^shift * Y */
    uint32_t inverse;             /* of odd, modulo 2^32 */
    int8_t g[KRN_WINO_IN_MAX][3]; /* G in integers */
};

/* The form with `out` output pixels to a tile, or NULL. */
const struct krn_wino_form *krn_wino_form(int out);

/* V of one tile and eight channels. `pixel` are the in * in input pixels, row by row, of which
 * `channels`, 1..8, are read from `first` on; the rest counts as 0. Element e goes to
 * to[e * step .. + 8); to 16-byte aligned, step a multiple of 8. */
void krn_wino_input(const struct krn_wino_form *form, const int8_t *const *pixel, int64_t first,
                    int channels, int16_t *to, int64_t step);

/* One tile of the output, and the channels of one panel. */
struct krn_wino_tile {
    const int32_t *product; /* M of a chunk: element e of channel j at e * step + j */
    int64_t step;
    uint32_t *sums;        /* Y of the chunks before and, then, of this one, too:
                              [channels / 4][out * out][4]; unused with one chunk */
    int is_first, is_last; /* the chunk is; the last one is stored */
    const int32_t *bias;   /* of the panel, as scale; FIXED: multiplier[nr], shift[nr] */
    const void *scale;
    const struct krn_out *out;
    int8_t *to;                     /* first byte of the tile */
    int64_t row_bytes, pixel_bytes; /* in the output */
    int height, width, channels;    /* what is stored of the tile */
    enum krn_epilogue epilogue;
    int64_t nr;        /* of the panel */
    const int8_t *add; /* ADD: the tile of the second tensor, its zero point and factor */
    int64_t add_row, add_pixel;
    int32_t add_zp;
    float add_factor;
};

/* Y of the tile: A M A' / denominator, added up over the chunks, and after the last one with the
 * bias, requantised and stored. */
void krn_wino_output(const struct krn_wino_form *form, const struct krn_wino_tile *tile);

#endif
