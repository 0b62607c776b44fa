/* The micro-kernels that every program of the project has in it: var_default() of each level that
 * this architecture may have, and portable C. Ask krn_cpu_isas() before calling one. */
#ifndef QUERN_VARIANTS_BUILTIN_H
#define QUERN_VARIANTS_BUILTIN_H

#include "kernels/kernel.h"

extern const struct krn_kernel quern_builtin_kernels[];
extern const size_t quern_builtin_kernels_count;

#endif
