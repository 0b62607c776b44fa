/* A layer of a stored run, ready to be searched again.
 *
 *     cli_stored_load() -> hrn_replay_truth(), hrn_replay_run() on .of -> cli_stored_clear() */
#ifndef QUERN_HARNESS_CLI_STORED_H
#define QUERN_HARNESS_CLI_STORED_H

#include "harness/sweep/replay.h"
#include "perfdb/perfdb.h"

struct cli_stored { /* zero-initialise */
    struct hrn_stored of;
    char **names;    /* owned, [of.count] */
    size_t capacity; /* of the lists, while they grow */
    size_t complete; /* variants with a sample in every round: a replay knows all of these */
    size_t unknown;  /* rows whose name means nothing to this program, left out */
};

/* Every timed variant of `problem` in a run. The baseline is the one with a twin, or the plain
 * choice of the strongest level. 0; -ENODATA where the layer has none, or no baseline; -ENOMEM;
 * errors of the database; the sentence in err. Clear in every case. */
int cli_stored_load(struct pdb *db, int64_t run_id, const char *problem, struct cli_stored *out,
                    char *err, size_t err_bytes);
void cli_stored_clear(struct cli_stored *stored);

/* Whether the generator makes the same code for `v`, named `name`, as when the run measured it: 1
 * or 0; errors of the database. */
int cli_stored_is_same(struct pdb *db, int64_t run_id, const char *problem,
                       const struct var_variant *v, const char *name);

#endif
