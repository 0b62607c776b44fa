/* Which variants can share a layer's packed weights, as the cores of a phone would. */
#ifndef QUERN_VARIANTS_PACKING_H
#define QUERN_VARIANTS_PACKING_H

#include "variants/variant.h"

#define VAR_PACKING_MAX 64 /* bytes with the NUL */

/* The packing of `v` on a layer, as a name: two variants of equal names have the same packed
 * weights to the byte, and of different names they do not fit each other (kernels/packing.h).
 *     n16k4     panels of 16 columns, depth in groups of four
 * Before that, what is no panel: wino_, dw_, dwc_, dwq_, dwl_; behind it, where it is not as usual:
 * w (bytes of a weight), a (added to A), e (epilogue), q (a part more in the head), t (taps padded
 * one by one), s (sums of taps behind them), d, p (diagonal, places), f (Winograd), y (rows).
 * *bytes: of all packed weights of the layer. `out` holds VAR_PACKING_MAX bytes. 0, or as
 * krn_conv_plan() where the variant does not take the problem: then *out is "" and *bytes 0. */
int var_packing_name(const struct var_variant *v, const struct krn_problem *problem, char *out,
                     size_t *bytes);

#endif
