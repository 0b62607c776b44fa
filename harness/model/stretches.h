/* Cycles of stretches of instructions on a core: an in-order one is simulated at once; for an
 * out-of-order one the stretches of many kernels go to llvm-mca together. The same stretch of the
 * same kernel is asked about once, however many calls and layers have it.
 *
 *     hrn_stretches_open() -> for each kernel: hrn_stretches_begin(), hrn_stretches_add()...
 *     -> hrn_stretches_run() -> hrn_stretches_cycles()... -> hrn_stretches_forget() -> more kernels
 *     -> hrn_stretches_close() */
#ifndef QUERN_HARNESS_MODEL_STRETCHES_H
#define QUERN_HARNESS_MODEL_STRETCHES_H

#include "harness/model/code.h"

struct hrn_stretches;

/* 0; -ENOENT without llvm-mca, where the core needs it; -ENOMEM; with the sentence in err. *out is
 * NULL on failure. */
int hrn_stretches_open(const struct var_core *core, struct hrn_stretches **out, char *err,
                       size_t err_bytes);
void hrn_stretches_close(struct hrn_stretches *s); /* accepts NULL */

/* What is added from here on is of `code`, which must last until the next begin. */
void hrn_stretches_begin(struct hrn_stretches *s, const struct hrn_code *code);

/* Steps [0, count) of a trace, count > 0; is_loop: one iteration of an inner loop. 0 and its
 * number; -ENOMEM; another negative errno where a temporary file cannot be written. */
int hrn_stretches_add(struct hrn_stretches *s, uint32_t *step, size_t count, int is_loop,
                      size_t *number);

/* How many have been added since the last forget. */
size_t hrn_stretches_count(const struct hrn_stretches *s);

/* Asks about all that were added. 0; -EINVAL with llvm-mca's complaint in err; -errno. */
int hrn_stretches_run(struct hrn_stretches *s, char *err, size_t err_bytes);
/* Of one execution among many in a row, settled; after the run. */
double hrn_stretches_cycles(const struct hrn_stretches *s, size_t number);
/* Numbers end here; then a kernel has to begin. */
void hrn_stretches_forget(struct hrn_stretches *s);

#endif
