/* Two sides, layer by layer: two variants of one run, or two runs (of two days, compilers, devices,
 * databases). Says whether B is slower than A, and how sure that is.
 *
 *     rpt_run_load() both -> rpt_compare() -> read the rows -> rpt_comparison_clear()
 * Within one run the two pair by round. Across runs nothing pairs: there a change of the machine is
 * in the ratio, unless each side is taken relative to the baseline of its own rounds. */
#ifndef QUERN_REPORTS_COMPARE_H
#define QUERN_REPORTS_COMPARE_H

#include "reports/report.h"

struct rpt_side {
    const struct rpt_run *run;
    const char *variant; /* NULL: the winner of each layer */
};

struct rpt_compared {
    const struct rpt_layer *layer; /* of A */
    const struct rpt_candidate *a, *b;
    double band;              /* the wider of both layers */
    struct hrn_comparison of; /* B against A: slower = B takes more time */
    double p;                 /* second opinion: Wilcoxon where rounds pair, else Mann-Whitney */
};

struct rpt_comparison {        /* zero-initialise; rows borrow from the runs */
    struct rpt_compared *rows; /* owned */
    size_t count;
    size_t only_a, only_b; /* timed layers that the other side lacks */
    int is_paired, is_relative;
    size_t verdicts[HRN_VERDICT_COUNT];
    double geomean; /* of the ratios; 0 = none */
    size_t worst;   /* row of the largest ratio */
};

/* `problems` (canonical; none = all) chooses layers. relative: see above; only across runs.
 * "Slower" holds after Holm's adjustment over all layers, or the row is undecided; "faster"
 * likewise. 0 or -ENOMEM. */
int rpt_compare(const struct rpt_side *a, const struct rpt_side *b, const char *const *problems,
                size_t problem_count, int relative, struct rpt_comparison *out);
void rpt_comparison_clear(struct rpt_comparison *comparison);

#endif
