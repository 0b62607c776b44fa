/* The definition of the arithmetic, in plain C. Slow on purpose: nothing here is tuned.
 * Freestanding, cannot fail. */
#ifndef QUERN_KERNELS_REFERENCE_H
#define QUERN_KERNELS_REFERENCE_H

#include "kernels/conv.h"

/* acc -> output byte: clamp(round_half_even((float)acc * scale) + zp_out, lo, hi). */
int8_t krn_requantise(int32_t acc, float scale, const struct krn_quant *quant);

/* out = convolution of in, as kernel.h states it.
 *   in s8 [n][ih][iw][ic], weights s8 [oc][kh][kw][ic / groups], bias s32 [oc] or NULL,
 *   scale float [oc], out s8 [n][oh][ow][oc]. */
void krn_reference(const struct krn_problem *problem, const struct krn_quant *quant,
                   const int8_t *in, const int8_t *weights, const int32_t *bias, const float *scale,
                   int8_t *out);

#endif
