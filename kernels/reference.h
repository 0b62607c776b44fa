/* The definition of the arithmetic, in plain C. Slow on purpose: nothing here is tuned.
 * Freestanding, cannot fail. */
#ifndef QUERN_KERNELS_REFERENCE_H
#define QUERN_KERNELS_REFERENCE_H

#include "kernels/conv.h"

/* acc -> output byte: clamp(round_half_even((float)acc * scale) + zp_out, lo, hi). */
int8_t krn_requantise(int32_t acc, float scale, const struct krn_quant *quant);

/* The same without a float: scale = multiplier * 2^-31 * 2^-shift, exactly, for 0 <= scale < 1 (of
 * 24 bits, so that nothing is lost; below 2^-32 the multiplier is 0). multiplier in 0..2^31-1,
 * shift in 0..31. */
void krn_fixed_of(float scale, int32_t *multiplier, int32_t *shift);
/* acc -> output byte: a doubling high multiply that rounds, then a shift that rounds, both ties
 * upwards:
 *     high = (acc * multiplier + 2^30) >> 31
 *     y = clamp(((high + 2^(shift - 1)) >> shift) + zp_out, lo, hi)       shift 0: high itself
 * These are Arm's SQRDMULH and SRSHL, and the operations of gemmlowp's quantised pipeline
 * (arXiv:1712.05877, 2.2), whose second step rounds ties away from zero instead. */
int8_t krn_requantise_fixed(int32_t acc, int32_t multiplier, int32_t shift,
                            const struct krn_quant *quant);
/* acc and byte `at` of the second tensor -> output byte; one rounding, after three of floats:
 *     y = clamp(round_half_even((float)acc * scale + (float)(tensor[at] - zp) * factor) + zp_out,
 *               lo, hi) */
int8_t krn_requantise_add(int32_t acc, float scale, const struct krn_add *add, size_t at,
                          const struct krn_quant *quant);

/* out = convolution of in, as kernel.h states it.
 *   in s8 [n][ih][iw][ic], weights s8 [oc][kh][kw][ic / groups], bias s32 [oc] or NULL,
 *   scale float [oc], out s8 [n][oh][ow][oc]. Epilogue FLOAT. */
void krn_reference(const struct krn_problem *problem, const struct krn_quant *quant,
                   const int8_t *in, const int8_t *weights, const int32_t *bias, const float *scale,
                   int8_t *out);

/* The same with any epilogue.
 *   add  ADD; else not looked at
 *   out  s8, SUMS: s32, of the same shape, 4-byte aligned */
void krn_reference_epilogue(const struct krn_problem *problem, const struct krn_quant *quant,
                            enum krn_epilogue epilogue, const int8_t *in, const int8_t *weights,
                            const int32_t *bias, const float *scale, const struct krn_add *add,
                            void *out);

#endif
