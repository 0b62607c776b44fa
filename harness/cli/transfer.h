/* The winners of similar layers in a database, as starts of a search.
 *
 *     cli_transfer_open() -> cli_transfer_mark() per layer -> cli_transfer_close() */
#ifndef QUERN_HARNESS_CLI_TRANSFER_H
#define QUERN_HARNESS_CLI_TRANSFER_H

#include "harness/sweep/transfer.h"
#include "perfdb/perfdb.h"

/* A layer that some run has timed. */
struct cli_seen {
    int64_t run_id;
    double core_distance; /* 0: the same kind of core */
    char *text;           /* owned, canonical */
    struct krn_problem problem;
};

struct cli_transfer {      /* zero-initialise */
    struct pdb *db;        /* borrowed */
    struct cli_seen *seen; /* owned */
    size_t count;
    /* while runs are walked */
    const char *arch, *midr;
    int64_t before, except;
    struct run_list {
        int64_t id;
        double core_distance;
    } * runs; /* owned */
    size_t run_count;
};

/* Lists the layers of measured runs of this architecture: of runs before `before` (0 = all) but
 * `except` (0 = none). 0 or a negative errno; pdb_errmsg() has the sentence. Close in every case.
 */
int cli_transfer_open(struct pdb *db, const char *arch, const char *midr, int64_t before,
                      int64_t except, struct cli_transfer *out);
/* prior[count], as hrn_transfer_mark() makes it, from the nearest few layers, whatever becomes of
 * their sums; all variants have one epilogue. *marked: how many. */
int cli_transfer_mark(struct cli_transfer *transfer, const struct krn_problem *problem,
                      const struct var_variant *variants, size_t count, int *prior, size_t *marked);
void cli_transfer_close(struct cli_transfer *transfer);

#endif
