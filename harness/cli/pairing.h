/* Runs of several cores, and the packing that they share: what `quern pair`, `quern report` and
 * `quern export` have in common.
 *
 *     cli_pairing_partners() or cli_pairing_add() each -> cli_pairing_make() -> .pair -> _close()
 */
#ifndef QUERN_HARNESS_CLI_PAIRING_H
#define QUERN_HARNESS_CLI_PAIRING_H

#include "harness/cli/cli.h"
#include "reports/pair.h"

struct cli_pairing { /* zero-initialise */
    struct rpt_run runs[RPT_PAIR_MAX];
    size_t count;
    struct rpt_pair pair;
};

/* What decides, as typed; NULL or nothing = as usual. */
struct cli_pairing_words {
    const char *criterion, *weights;
};
/* clang-format off */
#define CLI_PAIRING_OPTIONS(w)                                                                     \
    { 0, "criterion", CLI_STRING, "WHAT",                                                          \
      "What is made least on each layer: mean, the geometric mean of what the cores lose; worst, " \
      "the largest loss of a core; total, the mean of what the layer adds to each core's time of " \
      "its network. Default: mean.",                                                               \
      &(w).criterion },                                                                            \
    { 0, "weights", CLI_STRING, "W,W",                                                             \
      "How much each core counts, in the order of the runs: 1,3 where the second does most of "    \
      "the work. Default: all the same.",                                                          \
      &(w).weights }
/* clang-format on */

/* 0, or an exit code, explained. Problems stay none. */
int cli_pairing_options(const struct cli_pairing_words *words, size_t cores,
                        struct rpt_pair_options *out);

/* Loads a run. 0, or an exit code, explained. */
int cli_pairing_add(struct cli_pairing *p, struct pdb *db, const char *path, long long run);
/* Loads run `run` (0 = the newest) and those of the same sweep's other cores. */
int cli_pairing_partners(struct cli_pairing *p, struct pdb *db, const char *path, long long run);
/* The pair of run `run` and its partners, where there is one to show, without a word: 1, or 0. */
int cli_pairing_try(struct cli_pairing *p, struct pdb *db, long long run);
int cli_pairing_make(struct cli_pairing *p, const struct cli_pairing_words *words,
                     const char *const *problems, size_t problem_count);
void cli_pairing_close(struct cli_pairing *p);

#endif
