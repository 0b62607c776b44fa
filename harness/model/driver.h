/* What a driver executes between the calls of its micro-kernel, on AArch64: packing, gathering and
 * copying of A, Winograd's transforms, and the calls themselves. An estimate, because the drivers
 * are compiled C: unit costs were fitted to exact counts in emulation (docs/measuring.md). */
#ifndef QUERN_HARNESS_MODEL_DRIVER_H
#define QUERN_HARNESS_MODEL_DRIVER_H

#include "kernels/conv.h"

/* Instructions for the whole convolution, which makes so many calls. */
double hrn_driver_insns(const struct krn_conv *conv, double calls);

#endif
