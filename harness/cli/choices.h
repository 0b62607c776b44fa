/* What the samples of a database say should be exported.
 *
 *     cli_choices_open() -> var_export_make() on its choices -> cli_choices_clear() */
#ifndef QUERN_HARNESS_CLI_CHOICES_H
#define QUERN_HARNESS_CLI_CHOICES_H

#include "perfdb/perfdb.h"
#include "reports/pair.h"
#include "reports/report.h"
#include "variants/export/export.h"

struct cli_choice_filter {
    const long long *runs; /* 0 = the newest */
    size_t run_count;
    uint32_t isas;                             /* bit set; others do not exist */
    const char (*layers)[KRN_PROBLEM_STR_MAX]; /* canonical, as krn_layer_format(); none: all */
    size_t layer_count;
    const struct rpt_pair_options *pair; /* NULL, or: the runs are of several cores, which get one
                                            packing per layer */
    int stale; /* also variants whose generated code is another by now than what was measured */
};

/* For each layer the fastest variant; after it, for CPUs without its instructions, the fastest of
 * weaker levels. Of a pair first what each core gets with the packing that all of them have; where
 * no packing is of all, each core's own. Where runs share a problem, the earlier one in the filter
 * has the say of an ISA level. */
struct cli_choices {
    struct var_export_choice *choices; /* owned; their strings belong to `runs` */
    size_t count;
    struct rpt_run *runs;
    size_t run_count;
    struct var_export_comparison (*comparisons)[RPT_BASELINE_COUNT]; /* [count] */
};

/* 0; -ENOENT where a problem of the filter, or anything timed at all, is missing; -ESTALE; other
 * errors of the database; the sentence in err. Clear in every case. */
int cli_choices_open(struct pdb *db, const struct cli_choice_filter *filter,
                     struct cli_choices *out, char *err, size_t err_bytes);
void cli_choices_clear(struct cli_choices *choices);

#endif
