/* A layer: a problem, and what becomes of its sums. Its string is the problem's with "+" and the
 * epilogue behind it, before the title, where that is not the float one:
 *     ic64ih56oc64oh56kh3ph1+add    56:56:64:64+add    ic512ih1oc10kh1+sums
 * The canonical string without the title is the identity of a layer wherever layers are listed or
 * kept: sweeps, the database, reports, exports.
 *
 * Freestanding: no allocation, no stdio. */
#ifndef QUERN_KERNELS_LAYER_H
#define QUERN_KERNELS_LAYER_H

#include "kernels/kernel.h"
#include "kernels/problem.h"

/* Reads a layer: as krn_problem_parse(), and the epilogue: that of the string, else FLOAT. 0 and
 * both filled, or -EINVAL with a sentence of what is wrong, and where, in err. */
int krn_layer_parse(const char *text, struct krn_problem *problem, enum krn_epilogue *epilogue,
                    char *err, size_t err_bytes);

/* Writes the canonical string, as krn_problem_format(). `out` holds KRN_PROBLEM_STR_MAX bytes. */
void krn_layer_format(const struct krn_problem *problem, enum krn_epilogue epilogue, int with_name,
                      char *out);

#endif
