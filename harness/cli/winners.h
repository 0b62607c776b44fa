/* The winners of a sweep as kernels of this process: what the database says is fastest for a layer,
 * built for this machine and loaded.
 *
 *     cli_winners_open() -> cli_winners_choose() as a qnt_choose, cli_winners_reason() -> _close()
 */
#ifndef QUERN_HARNESS_CLI_WINNERS_H
#define QUERN_HARNESS_CLI_WINNERS_H

#include "quant/pipeline/pipeline.h"
#include "variants/variant.h"

#define CLI_REASON_MAX 200

/* One layer of the run, as one epilogue ends it. */
struct cli_winner {
    char problem[KRN_PROBLEM_STR_MAX]; /* canonical, without its title */
    enum krn_epilogue epilogue;
    struct var_variant variant;
    int found;                       /* `variant` is one that can be built for this machine */
    const struct krn_kernel *kernel; /* NULL if there is none; valid until the process ends */
    char reason[CLI_REASON_MAX];     /* where it comes from, or why there is none */
};
struct cli_winners {
    struct cli_winner *layers; /* owned */
    size_t count;
    long long run;               /* 0 = no run was found */
    char reason[CLI_REASON_MAX]; /* why a layer that is not among `layers` has no winner */
};

/* What the winners are to run on. */
struct cli_target {
    const char *arch; /* "aarch64" */
    uint32_t isas;    /* 1u << enum krn_isa */
};
/* Which variants won run `run_id` (0 = the newest) in the database at `path`, of those that the
 * target can run; none is built. A database that is not there, a run on another architecture, a
 * variant that the target lacks: no winner, with the reason. 0; a negative errno with a sentence in
 * err where the database fails. Close in every case. */
int cli_winners_find(const char *path, long long run_id, const struct cli_target *target,
                     struct cli_winners *out, char *err, size_t err_bytes);
/* The same from a folder of 'quern export'. -EINVAL if it is none. */
int cli_winners_of_export(const char *folder, const struct cli_target *target,
                          struct cli_winners *out, char *err, size_t err_bytes);
/* Winners of layers with a residual add, or that give sums, where only the layer without was timed:
 * the same loop with the other epilogue. Both functions above do it. */
void cli_winners_derive(struct cli_winners *winners);
/* What this machine is. */
struct cli_target cli_target_here(void);
/* Builds and loads the winners that were found, which are of this machine. */
int cli_winners_load(struct cli_winners *winners, char *err, size_t err_bytes);
/* cli_winners_find() for this machine, then cli_winners_load(). */
int cli_winners_open(const char *path, long long run_id, struct cli_winners *out, char *err,
                     size_t err_bytes);
void cli_winners_close(struct cli_winners *winners);

/* A qnt_choose; `user` is the struct cli_winners. */
struct qnt_choice cli_winners_choose(const struct krn_problem *problem, enum krn_epilogue epilogue,
                                     void *user);
/* The winner of a problem with this epilogue, NULL if it is none of the run's. Borrowed. */
const struct cli_winner *cli_winners_of(const struct cli_winners *winners,
                                        const struct krn_problem *problem,
                                        enum krn_epilogue epilogue);
/* The same, appended if there is none; the array must have room. */
struct cli_winner *cli_winners_entry(struct cli_winners *winners, const struct krn_problem *problem,
                                     enum krn_epilogue epilogue);
/* Why the choice for this problem is what it is. Borrowed from `winners`. */
const char *cli_winners_reason(const struct cli_winners *winners, const struct krn_problem *problem,
                               enum krn_epilogue epilogue);

#endif
