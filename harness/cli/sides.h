/* What is compared, as it is typed: run:3, last, device:KEY, date:2026-01-31, a variant, or a
 * database; each may end in @FILE, which names another database.
 *
 *     cli_side_open() both -> cli_sides_join() -> .of -> cli_side_close() */
#ifndef QUERN_HARNESS_CLI_SIDES_H
#define QUERN_HARNESS_CLI_SIDES_H

#include "reports/compare.h"

struct cli_side { /* zero-initialise */
    struct rpt_side of;
    char *text, *path; /* owned: what was typed, without its file; the database */
    struct pdb *db;
    long long run_id;
    struct rpt_run run;
    int is_variant, loaded;
};

/* `db` is the database of a side that names none; `run` (0 = the newest) the run of a variant. 0,
 * or an exit code, explained. Close in every case. */
int cli_side_open(const char *text, const char *db, long long run, struct cli_side *out);
/* Loads the runs; two sides of the same run share it, so that they pair. 0, or an exit code. */
int cli_sides_load(struct cli_side *a, struct cli_side *b);
void cli_side_close(struct cli_side *side);

#endif
