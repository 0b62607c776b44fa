/* From micro-kernel to convolution: plan, pack, set up, run. All buffers are the caller's.
 *
 *     struct krn_conv conv;
 *     krn_conv_plan(&conv, &problem, &quant, kernel, driver)       sizes are now known
 *     krn_conv_pack(&conv, weights, bias, scale, packed)           once per layer
 *     krn_conv_setup(&conv, in, workspace)                         again only when `in` moves
 *     krn_conv_run(&conv, packed, in, out, workspace, scratch, 0, conv.tiles)
 *
 * Freestanding; cannot fail but in krn_conv_plan(). Threads: setup once, then any split of
 * [0, tiles) over threads, each with its own scratch. A buffer of 0 bytes may be NULL.
 * Several groups that fit the columns of the kernel are computed as one (`merged`).
 * Column tails: the last panel is padded with zero columns and its tile goes through scratch, so
 * that no byte of `out` is written by two units, and oc / groups may be less than nr. */
#ifndef QUERN_KERNELS_CONV_H
#define QUERN_KERNELS_CONV_H

#include "kernels/kernel.h"
#include "kernels/problem.h"

/* Quantisation of one layer. Real value = (q - zero point) * scale. */
struct krn_quant {
    int32_t zp_in, zp_out; /* -128..127; padding reads zp_in */
    int32_t lo, hi;        /* clamp of the output byte: ReLU is lo = zp_out, ReLU6 also lowers hi */
};

/* ADD: the second tensor, its zero point (-128..127) and its scale over that of the output
 * (finite).
 */
struct krn_add {
    const int8_t *tensor; /* s8 [n][oh][ow][oc]; must not overlap the output */
    int32_t zp;
    float factor;
};

/* Choices of the driver, at run time. Zero is a sound default for each. */
struct krn_driver {
    int32_t loop_order; /* 0: weight panel outside, rows inside; 1: rows outside, panels inside */
    int32_t mc_tiles;   /* row tiles per block, 0 = all: with order 0 the block's rows stay in cache
                           while all panels pass over them. im2col gathers a block at a time into
                           scratch; there 0 = as many as fit 32 KiB, packed 128 KiB */
};

enum krn_algorithm {
    KRN_ALG_POINTWISE, /* GEMM straight on the input */
    KRN_ALG_IM2COL,    /* rows gathered tile by tile into scratch, then GEMM */
    KRN_ALG_PACKED,    /* the same, and packed for a kernel that wants it so */
    KRN_ALG_INDIRECT,  /* IGEMM */
    KRN_ALG_DEPTHWISE, /* DW, DWC */
    KRN_ALG_WINOGRAD,  /* WINO: exact, for 3x3 layers at stride 1; winograd_int.h has the proof */
    KRN_ALG_DIRECT,    /* DIRECT: runs of output pixels, on the input or on rows copied as needed */
    KRN_ALG_DWROWS,    /* DWROWS, on rows copied as needed */
    KRN_ALG_COUNT
};

extern const char *const krn_algorithm_names[KRN_ALG_COUNT];

struct krn_conv {
    struct krn_problem problem;
    struct krn_quant quant;
    struct krn_driver driver;
    const struct krn_kernel *kernel; /* borrowed for the life of the plan */
    struct krn_add add;              /* ADD: set it before running */
    int64_t out_pixel; /* elements from one output pixel to the next: oc, or what is set before
                          running, to write some channels of a wider tensor; not for DEPTHWISE */
    enum krn_algorithm algorithm;
    size_t packed_bytes;    /* for krn_conv_pack(), 64-byte aligned */
    size_t workspace_bytes; /* pointer tables and a padding row, 64-byte aligned; for all threads */
    size_t scratch_bytes;   /* per thread, 64-byte aligned */
    int64_t tiles;          /* units of work for krn_conv_run() */
    /* derived, for the drivers */
    int64_t panels, panel_bytes; /* panels per group, bytes of one (depthwise: records) */
    int64_t row_tiles;           /* tiles of mr rows (depthwise: calls for a whole row or some;
                                    DIRECT: runs) */
    int64_t block_tiles;         /* mc_tiles in force, 1..row_tiles */
    int64_t taps, depth;         /* taps and k of the micro-kernel's arguments */
    int64_t run;                 /* DIRECT: output pixels of a run; the last one may have more */
    int32_t merged;              /* groups of the layer that are one of `problem`: narrow ones are
                                    merged, with weights of zero beside the diagonal, where the
                                    kernel's columns hold several */
};

/* Fills `conv` for this problem on this micro-kernel. The algorithm follows from the kernel's
 * family and the problem. 0; or -ENOTSUP where the kernel cannot compute the problem (a DW kernel
 * on a dense one, fewer channels than its block, ...), or -EINVAL where problem, quant or driver
 * are out of their ranges; reason in err. */
int krn_conv_plan(struct krn_conv *conv, const struct krn_problem *problem,
                  const struct krn_quant *quant, const struct krn_kernel *kernel,
                  struct krn_driver driver, char *err, size_t err_bytes);

/* Packs for this very kernel, folding zp_in (and a_bias) into the bias.
 *   weights s8 [oc][kh][kw][ic / groups] in -127..127
 *   bias    s32 [oc] or NULL
 *   scale   float [oc], finite; FIXED: 0 <= scale < 1
 *   packed  conv->packed_bytes, 64-byte aligned, fully written */
void krn_conv_pack(const struct krn_conv *conv, const int8_t *weights, const int32_t *bias,
                   const float *scale, void *packed);

/* Builds pointer tables for the input at `in` s8 [n][ih][iw][ic]. Must precede krn_conv_run()
 * whenever `in` or `workspace` is another address than the last time. */
void krn_conv_setup(const struct krn_conv *conv, const int8_t *in, void *workspace);

/* Computes units [begin, end) of out s8 [n][oh][ow][oc] (SUMS: s32, 4-byte aligned); writes only
 * those. */
void krn_conv_run(const struct krn_conv *conv, const void *packed, const int8_t *in, int8_t *out,
                  const void *workspace, void *scratch, int64_t begin, int64_t end);

/* Bytes of one element of the output: 1, SUMS 4. */
static inline int64_t krn_output_bytes(const struct krn_kernel *kernel)
{
    return kernel->epilogue == KRN_EPILOGUE_SUMS ? 4 : 1;
}

#endif
