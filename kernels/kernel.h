/* The contract between a micro-kernel (generated), its packing and the drivers that call it.
 *
 * A micro-kernel computes one tile; a driver (conv.h) turns it into a convolution. Every argument
 * travels in one struct, so that the assembly is the same under every calling convention: the only
 * argument register is the pointer to it. Offsets are part of the contract (asserted below).
 *
 * Arithmetic, bit-exact on every ISA (reference.h is the definition):
 *     acc = bias' + sum(a * w)                                        s32, wraps modulo 2^32
 *     y   = round_half_even(clamp((float)acc * scale[oc], lo - zp, hi - zp)) + zp
 * A NaN never arises: scales are finite. Clamping before rounding gives the same bits as after it,
 * because the bounds are integers; it also keeps x86's conversion in range. */
#ifndef QUERN_KERNELS_KERNEL_H
#define QUERN_KERNELS_KERNEL_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/cpu.h"

enum krn_family {
    KRN_FAMILY_GEMM,   /* A rows at a fixed stride: 1x1 convolution, packed im2col */
    KRN_FAMILY_IGEMM,  /* A rows through a table of pointers: indirect convolution */
    KRN_FAMILY_DW,     /* depthwise, a table of pointers per output pixel */
    KRN_FAMILY_DWC,    /* depthwise of one filter and stride, its columns kept in registers */
    KRN_FAMILY_WINO,   /* the products of Winograd's convolution, 3x3 at stride 1 */
    KRN_FAMILY_DIRECT, /* a run of output pixels at a fixed stride, tap by tap */
    KRN_FAMILY_DWROWS, /* depthwise of one filter and stride, on rows made ready for it */
    KRN_FAMILY_PEAK,   /* no convolution: the MAC instruction alone, for the peak of the machine */
    KRN_FAMILY_COUNT
};

static inline int krn_family_is_depthwise(enum krn_family family)
{
    return family == KRN_FAMILY_DW || family == KRN_FAMILY_DWC || family == KRN_FAMILY_DWROWS;
}

extern const char *const krn_family_names[KRN_FAMILY_COUNT]; /* "gemm", "igemm", "dw", "dwc", ... */

/* What becomes of an accumulator. */
enum krn_epilogue {
    KRN_EPILOGUE_FLOAT, /* a byte, by a float per channel: as above */
    KRN_EPILOGUE_FIXED, /* a byte, by a multiplier and a shift per channel: integers alone */
    KRN_EPILOGUE_SUMS,  /* the accumulator itself, s32; zp and bounds are not looked at */
    KRN_EPILOGUE_ADD,   /* as FLOAT, with a byte of a second tensor added before it is rounded */
    KRN_EPILOGUE_COUNT
};
extern const char *const krn_epilogue_names[KRN_EPILOGUE_COUNT]; /* "float", "fixed", ... */
/* Words of 32 bits per channel, bias' and what the epilogue wants, ahead of the weights of a panel
 * or record. */
extern const uint8_t krn_epilogue_words[KRN_EPILOGUE_COUNT];

/* How an accumulator becomes an output byte. */
struct krn_out {
    float lo_f, hi_f; /* lo - zp and hi - zp */
    int32_t zp;       /* zero point of the output, -128..127 */
    int32_t lo, hi;   /* bounds of the output byte, -128 <= lo <= hi <= 127 */
    int32_t span;     /* hi - zp */
};

/* A kernel with `quick` has a third part in the head of a panel or record: float offset[nr]. Where
 * it is not zero, which is in all of a layer or in none of it, sums are -2^23 <= acc < 2^23, and
 *
 * RECTIFIED  bias' is KRN_QUICK_BIAS higher, and offset = -2^23 * scale. The bits of a sum, 0 <=
 * acc, are then the float 2^23 + acc, and fma(that, scale, offset) = (float)acc * scale, rounded
 * once, as the definition is. A sum below zero comes out as some number below zero or zero: lo ==
 * zp, which such a layer has, hides it. |acc * scale| < 2^30. SIGNED     bias' is
 * KRN_QUICK_SIGNED_BIAS higher, and offset = 2^126 * scale. The bits of a sum are then the float
 * (2^23 + acc) * 2^-149, subnormal below zero, and fma(that, offset, -scale) = (float)acc * scale *
 * 2^-23, rounded once, too. Added to 1.5 + zp * 2^-23, where zp is even, it is rounded half to even
 * at the last bit, and the low 16 bits of that float are the output before it is saturated: |acc *
 * scale| < 2^15 - 128, and lo and hi are those of a byte. Subnormals must count: such a kernel
 * computes with FPCR 0.
 *
 * BOUNDED    such a kernel takes RECTIFIED where the layer has it. Else bias' is what it is, offset
 * = 1, and no sum can wrap: |acc| < 2^31, |acc * scale| < 2^30. What is rounded is within 32 bits,
 * so that bounds may come after it. */
enum krn_quick { KRN_QUICK_NONE, KRN_QUICK_RECTIFIED, KRN_QUICK_SIGNED, KRN_QUICK_BOUNDED };
enum { KRN_QUICK_BIAS = 0x4b000000, KRN_QUICK_SIGNED_BIAS = 0x00800000 };

/* How a kernel wants A packed, see below: as bytes by groups of KR, or as words, widened, by eight.
 */
enum krn_feed { KRN_FEED_PLAIN, KRN_FEED_GROUPS, KRN_FEED_WORDS };
enum { KRN_FEED_WORDS_GROUP = 8 };

/* GEMM and IGEMM: one tile of m x nr outputs.
 *   a        GEMM:  row 0, s8; row i at a + i * a_stride, k bytes read of each, never more.
 *            IGEMM: `const int8_t *const *`, [taps][mr] pointers; the kernel adds a_stride to each
 *                   and reads k bytes there. Rows >= m repeat row m - 1 (the driver sees to it).
 *   w        one panel: s32 bias'[nr], float scale[nr], then weights [taps][ceil(k / kr)][nr][kr],
 *            zero beyond k, of w_bytes each; 64-byte aligned.
 *   c        s8; row i at c + i * c_stride, nr bytes written of each of m rows, nothing else
 *            touched.
 * Other epilogues (reference.h is the definition) have in the place of scale:
 *   FIXED    s32 multiplier[nr], s32 shift[nr]
 *   SUMS     nothing; c is s32 and c_stride still in bytes
 *   ADD      scale; add  s8, the second tensor: row i at add + i * add_stride, nr bytes read; it
 *            must not overlap c, of which some may be computed twice
 * So it is in all families: a head with the words of krn_epilogue_words[], and for ADD bytes of a
 * second tensor at the places of those of c.
 *   1 <= m <= mr, k >= 1, taps >= 1 (GEMM: 1). No alignment of a or c is assumed.
 * A kernel with `many` takes any m >= 1 and works on mr rows at a time, from the top: the next tile
 * of GEMM begins mr rows below; IGEMM reads [tile][taps][mr] pointers, and it is in the last tile
 * that rows beyond m repeat.
 * A kernel with `packs_a` (GEMM) has no use for a_stride: it reads tiles of A, where rows beyond m
 * repeat row m - 1 and depth beyond k may hold anything,
 *   GROUPS   as [tile][ceil(k / kr)][mr][kr] s8
 *   WORDS    as [tile][ceil(k / 8)][mr][8] s16, 16-byte aligned; the panel has weights, zero, for
 *            whole groups of eight, too. */
struct krn_gemm_args {
    const void *a;
    int64_t a_stride;
    const void *w;
    int8_t *c;
    int64_t c_stride;
    int64_t m, k, taps;
    struct krn_out out;
    const int8_t *add; /* ADD */
    int64_t add_stride;
    float add_factor;
    int32_t add_zp;
};

/* DW: `width` output pixels x `channels` channels.
 *   a        table of pointers: output pixel x uses a[x * a_step + t] for tap t, where
 *            t = kw_index * kh + kh_index: columns first, so that neighbours share pointers.
 *            `channels` bytes are read at each.
 *   a_step   pointers from one output pixel to the next.
 *   w        one record per block of nr channels, block b starting at channel
 *            min(b * nr, channels - nr): s32 bias'[nr], float scale[nr], then weights
 *            [ceil(taps / kr)][nr][kr] of w_bytes each, zero beyond taps, each record padded to 64
 *            bytes; 64-byte aligned. channels >= nr is a precondition.
 *   c        s8; pixel x at c + x * c_stride, `channels` bytes written of each.
 *
 * DWC: the same for `rows` output rows at once, of a filter x filter kernel at one stride both
 * ways. a        table of columns: column i has filter + (rows - 1) * stride pointers, downwards,
 * and output pixel x uses columns x * stride .. x * stride + filter - 1. a_step and taps are not
 * looked at. w        kr == 1: as above. kr == 4: weights [filter][groups][rows][nr][4], by the
 * filter's columns, with groups = ceil(pointers of a column / 4): byte j of group g for output row
 * r is the filter's row 4 * g + j - r * stride, or zero where it has none. c_row    bytes from the
 * output row at c to the next.
 *
 * DWC with `places`: four rows of a column are interleaved, which puts channels in the order of
 * krn_quads_channel(), once for each of places / nr bands of rows side by side; width is at least
 * krn_quads_step(). A record has bias', scale and the other parts of a head by places, then weights
 * [filter][krn_quads_groups()][krn_quads_shifts()][places][4]: byte j of group g and shift s is the
 * filter's row 4 * g + j - s, or zero where it has none. */
struct krn_dw_args {
    const int8_t *const *a;
    int64_t a_step;
    const void *w;
    int8_t *c;
    int64_t c_stride;
    int64_t channels, width, taps;
    struct krn_out out;
    int64_t c_row;
    const int8_t *add; /* ADD: row r pixel x at add + r * add_row + x * add_stride */
    int64_t add_stride;
    float add_factor;
    int32_t add_zp;
    int64_t add_row;
};

/* WINO: for each of `elements` elements of the transform, c = a * w.
 *   a        s16 [elements][k / 8][mr][8]
 *   w        s16 [elements][k / kr][nr][kr]
 *   c        s32 [elements][mr][nr], fully written; modulo 2^32
 *   k is a multiple of 8. All 16-byte aligned, c 4-byte aligned. */
struct krn_wino_args {
    const int16_t *a;
    const int16_t *w;
    int32_t *c;
    int64_t k, elements;
};

/* DIRECT: `width` neighbouring output pixels, nr columns of each, in steps of mr.
 *   taps     one entry per tap, tap_count of them, 0 included; their weights follow each other.
 *   a_step   bytes from what one output pixel reads to what the next one reads.
 *   w        one panel, as for GEMM; 64-byte aligned. Entries point into it.
 *   bias     s32 [nr]: where the sums begin. 4-byte aligned.
 *   c        s8; pixel x at c + x * c_stride, nr bytes written of each.
 *   width    pixels, at least mr: the last step goes back so that it is a whole one.
 *   groups   groups of kr elements that a tap has; all of them are read, of every pixel.
 * `copies` of the kernel says what A is: 0: s8 as the input has it; 1: made ready by the driver,
 * s8 + a_bias where w_bytes is 1, else s16.
 *
 * DIRECT with `diagonal`: many small groups side by side. A tap is nr elements of a pixel, all of
 * them read, of which column j uses its own block alone: `diagonal` of them from
 * j / diagonal * diagonal on. groups = diagonal / kr. Weights of a tap are [groups][nr][kr]; with
 * `places`, columns of a panel, its head, bias and skipped included, stand in the order of
 * krn_diagonal_column(), and place p has in group g what krn_diagonal_group() says. */
struct krn_tap {
    const void *a;   /* what pixel 0 reads */
    int64_t w;       /* bytes from the end of the panel's head to the weights of the tap */
    int64_t skipped; /* bytes from the panel to s32 [nr]: what a pixel gains that skips the tap */
    int64_t skip;    /* 0, or the one pixel that may skip it: KRN_SKIP_FIRST, KRN_SKIP_LAST */
};
enum { KRN_SKIP_FIRST = 1, KRN_SKIP_LAST = 2 };

struct krn_direct_args {
    const struct krn_tap *taps;
    int64_t tap_count, a_step;
    const void *w;
    int8_t *c;
    int64_t c_stride, width, groups;
    struct krn_out out;
    const int32_t *bias;
    const int8_t *add; /* ADD: pixel x at add + x * add_stride */
    int64_t add_stride;
    float add_factor;
    int32_t add_zp;
};

/* DWROWS: mr rows of `width` output pixels, `channels` channels of each, for a filter of
 * side x side taps, side = kernel->filter, and a stride of kernel->stride both ways.
 *   rows     (mr - 1) * stride + side rows of input, ready as for DIRECT with copies 1: s8 + a_bias
 *            where w_bytes is 1, else s16. krn_dwrows_reach() pixels of each may be read.
 *   a_step   bytes from one input pixel to the next.
 *   w        one record per block of nr channels, blocks as for DW: s32 bias'[places], float
 *            scale[places], weights [step][side][groups][places][kr] of w_bytes each, places in
 *            the order of krn_dwrows_channel(); padded to 64 bytes; 64-byte aligned. Pixel x of a
 *            step reads element kr * group + t of a row of pixels: its weight is that of filter
 *            column kr * group + t - x * stride, zero outside the filter.
 *   c        s8; row r pixel x at c + r * c_row + x * c_stride, `channels` bytes written of each.
 *   width    pixels, at least krn_dwrows_step(): the last step goes back. channels: at least nr. */
struct krn_dwrows_args {
    const void *const *rows;
    int64_t a_step;
    const void *w;
    int8_t *c;
    int64_t c_stride, c_row, channels, width;
    struct krn_out out;
    const int8_t *add; /* ADD: as in krn_dw_args */
    int64_t add_stride;
    float add_factor;
    int32_t add_zp;
    int64_t add_row;
};

/* PEAK: `iterations` times `macs` multiply-accumulates in registers. */
struct krn_peak_args {
    int64_t iterations;
};

typedef void krn_fn(const void *args); /* args: the struct of the family */

/* What a driver must know of a micro-kernel. One row of a generated registry. */
struct krn_kernel {
    const char *name; /* the one name (variants/variant.h), also the symbol */
    krn_fn *fn;
    enum krn_isa isa;
    enum krn_family family;
    uint16_t mr, nr, kr;    /* tile rows; columns (DW: channels per block); depth (DW: tap) group */
    uint8_t w_bytes;        /* bytes of a packed weight: 1, or 2 where packing widens it */
    uint8_t a_bias;         /* 128 if the kernel adds 128 to each a, to make it unsigned; or 0 */
    uint16_t taps;          /* DW: the only tap count it takes, 0 = any */
    uint16_t macs;          /* PEAK: multiply-accumulates of one iteration */
    uint8_t filter, stride; /* DWC, DWROWS: the only filter size and stride it takes, both ways;
                               WINO: filter is the size of an output tile, 2 or 4 */
    uint8_t rows;           /* DWC: output rows of one call; DWROWS: bands side by side in a vector,
                               1 or 2 */
    uint8_t epilogue;       /* enum krn_epilogue */
    uint8_t copies;         /* DIRECT: 1 if the driver makes A ready, 0 if it is the input itself */
    uint8_t many;           /* GEMM, IGEMM: takes more rows than mr */
    uint8_t packs_a;        /* GEMM: enum krn_feed */
    uint8_t places;         /* DWC: 0, or values of a block, whose rows are interleaved by fours;
                               DIRECT, diagonal: 0 = columns in order, or nr */
    uint8_t quick;          /* enum krn_quick: where it is not 0, a head has one part more */
    uint8_t diagonal;       /* DIRECT: 0, or channels of a block that its columns alone read */
};

/* DIRECT with `diagonal` and `places`: a lane has kr channels of A, and the sums of kr columns, one
 * in each of kr vectors. The column whose sum stands at `place`; and which group of its block meets
 * it there in step `step`, because A is rotated within blocks from step to step. */
static inline int krn_diagonal_column(const struct krn_kernel *kernel, int place)
{
    int lanes = kernel->nr / kernel->kr;
    return kernel->places ? place % lanes * kernel->kr + place / lanes : place;
}

static inline int krn_diagonal_group(const struct krn_kernel *kernel, int place, int step)
{
    int lanes = kernel->nr / kernel->kr, groups = kernel->diagonal / kernel->kr;
    return kernel->places ? (place % lanes + step) % groups : step;
}

/* DWC with `places`: output pixels of a step; groups of four rows that a filter spans; the shifts
 * that the rows' weights have in them, because two rows at stride 1 share groups. */
static inline int krn_quads_step(const struct krn_kernel *kernel)
{
    return kernel->stride == 1 && kernel->rows * kernel->nr <= 2 * kernel->places ? 2 : 1;
}

static inline int krn_quads_groups(const struct krn_kernel *kernel)
{
    return (kernel->filter + 3) / 4;
}

static inline int krn_quads_shifts(const struct krn_kernel *kernel)
{
    return kernel->stride == 1 ? 2 : 1;
}

/* The channel of a block whose values stand at `place`: what interleaving bytes of four rows within
 * 128 bits makes of their order. */
static inline int krn_quads_channel(const struct krn_kernel *kernel, int place)
{
    int lanes = kernel->places / 16, vector = place / (4 * lanes), lane = place / 4 % lanes;
    return (16 * lane + 4 * vector + place % 4) % kernel->nr;
}

/* DWROWS: taps of a line of the filter; groups of kr pixels that it spans; output pixels that share
 * them; input pixels of a row that `width` output pixels may read. */
static inline int krn_dwrows_side(const struct krn_kernel *kernel)
{
    return kernel->filter;
}

static inline int krn_dwrows_groups(const struct krn_kernel *kernel)
{
    return (krn_dwrows_side(kernel) + kernel->kr - 1) / kernel->kr;
}

static inline int krn_dwrows_step(const struct krn_kernel *kernel)
{
    int spare = krn_dwrows_groups(kernel) * kernel->kr - krn_dwrows_side(kernel);
    return spare / kernel->stride + 1;
}

static inline int64_t krn_dwrows_reach(const struct krn_kernel *kernel, int64_t width)
{
    int64_t last = (width - krn_dwrows_step(kernel)) * kernel->stride;
    return last + krn_dwrows_groups(kernel) * kernel->kr;
}

/* Places of a block: its channels, once for each of the bands. */
static inline int krn_dwrows_places(const struct krn_kernel *kernel)
{
    return kernel->nr * (kernel->rows > 1 ? kernel->rows : 1);
}

/* The channel of a block whose values stand at `place`: what interleaving bytes (words where
 * w_bytes is 2) of neighbouring pixels within 128 bits makes of their order. */
static inline int krn_dwrows_channel(const struct krn_kernel *kernel, int place)
{
    int vectors = kernel->w_bytes == 2 ? 2 : 4;
    int chunk = kernel->w_bytes == 2 ? 16 : krn_dwrows_places(kernel);
    int lanes = chunk / (4 * vectors), in_chunk = place % chunk;
    int vector = in_chunk / (4 * lanes), lane = in_chunk / 4 % lanes;
    return (place - in_chunk + 4 * vectors * lane + 4 * vector + place % 4) % kernel->nr;
}

static_assert(sizeof(void *) == 8, "the micro-kernel contract is for 64-bit targets");
static_assert(offsetof(struct krn_gemm_args, a_stride) == 8, "contract");
static_assert(offsetof(struct krn_gemm_args, w) == 16, "contract");
static_assert(offsetof(struct krn_gemm_args, c) == 24, "contract");
static_assert(offsetof(struct krn_gemm_args, c_stride) == 32, "contract");
static_assert(offsetof(struct krn_gemm_args, m) == 40, "contract");
static_assert(offsetof(struct krn_gemm_args, k) == 48, "contract");
static_assert(offsetof(struct krn_gemm_args, taps) == 56, "contract");
static_assert(offsetof(struct krn_gemm_args, out) == 64, "contract");
static_assert(offsetof(struct krn_dw_args, c) == 24, "contract");
static_assert(offsetof(struct krn_dw_args, channels) == 40, "contract");
static_assert(offsetof(struct krn_dw_args, width) == 48, "contract");
static_assert(offsetof(struct krn_dw_args, taps) == 56, "contract");
static_assert(offsetof(struct krn_dw_args, out) == 64, "contract");
static_assert(offsetof(struct krn_dw_args, c_row) == 64 + sizeof(struct krn_out), "contract");
static_assert(offsetof(struct krn_direct_args, c_stride) == 40, "contract");
static_assert(offsetof(struct krn_direct_args, groups) == 56, "contract");
static_assert(offsetof(struct krn_direct_args, out) == 64, "contract");
static_assert(sizeof(struct krn_tap) == 32, "contract");
static_assert(offsetof(struct krn_dwrows_args, width) == 56, "contract");
static_assert(offsetof(struct krn_dwrows_args, out) == 64, "contract");
static_assert(offsetof(struct krn_out, zp) == 8, "contract");
static_assert(sizeof(struct krn_out) == 24, "contract");
static_assert(offsetof(struct krn_wino_args, k) == 24, "contract");
static_assert(offsetof(struct krn_gemm_args, add) == 88, "contract");
static_assert(offsetof(struct krn_gemm_args, add_zp) == 108, "contract");
static_assert(offsetof(struct krn_dw_args, add) == 96, "contract");
static_assert(offsetof(struct krn_dw_args, add_row) == 120, "contract");
static_assert(offsetof(struct krn_direct_args, add) == 96, "contract");
static_assert(offsetof(struct krn_direct_args, add_zp) == 116, "contract");
static_assert(offsetof(struct krn_dwrows_args, add) == 88, "contract");
static_assert(offsetof(struct krn_dwrows_args, add_row) == 112, "contract");
static_assert(offsetof(struct krn_wino_args, elements) == 32, "contract");

#endif
