/* Cycles of stretches of instructions on out-of-order cores, from llvm-mca.
 *
 *     hrn_mca_find() -> hrn_mca_add() for each stretch -> hrn_mca_run() -> hrn_mca_clear() */
#ifndef QUERN_HARNESS_MODEL_MCA_H
#define QUERN_HARNESS_MODEL_MCA_H

#include <stdio.h>

#include "harness/model/code.h"

/* An llvm-mca that is new enough to know the cores: 0 and its name, or -ENOENT and the remedy. */
int hrn_mca_find(const char **program, char *err, size_t err_bytes);

/* Many stretches for one core and number of repeats. Zero-initialise; set program, core, repeats.
 */
struct hrn_mca {
    const char *program;
    const struct var_core *core;
    int repeats;    /* of each stretch, in a row */
    FILE *input;    /* its text; an unlinked file */
    double *cycles; /* of all repeats of each; after hrn_mca_run() */
    size_t count;
};

/* Steps [begin, end) of the trace. 0 or -errno; its place in `cycles` is the count before. */
int hrn_mca_add(struct hrn_mca *mca, const struct hrn_code *code, const struct hrn_trace *trace,
                size_t begin, size_t end);

/* Runs llvm-mca on each of the lists at once. 0; -EINVAL with its complaint in err; -errno. */
int hrn_mca_run(struct hrn_mca *list, size_t lists, char *err, size_t err_bytes);
void hrn_mca_clear(struct hrn_mca *mca);

#endif
