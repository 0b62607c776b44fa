/* The in-order model: cycles of a stretch of instructions on a core of variants/cores.h.
 *
 * Each cycle issues instructions in order, as many as the core is wide, while their operands are
 * ready, none excludes another of the cycle, and none needs what an earlier one of the same cycle
 * writes; a branch is the last of its cycle. A class that keeps the issue stage busy for several
 * cycles issues alone. A MAC may have its accumulator from a MAC of its own kind after `forward`
 * cycles. Addresses that are written back are ready in the next cycle. Every load hits the first
 * level of the cache; every branch is predicted. */
#ifndef QUERN_HARNESS_MODEL_INORDER_H
#define QUERN_HARNESS_MODEL_INORDER_H

#include "harness/model/code.h"

/* Cycles of one of `repeats` executions of steps [begin, end) in a row, in the second half of them,
 * where it has settled; repeats >= 4. */
double hrn_inorder_cycles(const struct hrn_code *code, const struct hrn_trace *trace, size_t begin,
                          size_t end, const struct var_core *core, int repeats);

#endif
