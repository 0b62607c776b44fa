/* Looking after databases: what is in one, whether it is sound, merging, pruning, asking it in SQL.
 * Beside perfdb.h, which sweeps and reports use. Errors as there. */
#ifndef QUERN_PERFDB_MANAGE_H
#define QUERN_PERFDB_MANAGE_H

#include "perfdb/perfdb.h"

/* ---- merge.c */

/* Rows that came in, of the tables that a user thinks of. */
struct pdb_merged {
    int64_t runs, measurements, samples, counters, all;
};
/* Adds everything that the file at `source` has and `db` (PDB_WRITE) has not, in one transaction.
 * Idempotent, and any order of merges gives the same content. A run that was copied and continued
 * takes what is new; one that went on differently in the two files is refused with -EEXIST, and
 * nothing is merged. `source` is only read. */
int pdb_merge(struct pdb *db, const char *source, struct pdb_merged *out);

/* ---- check.c */

struct pdb_info {
    int version;   /* of the schema */
    int64_t bytes; /* of the file, write-ahead log included */
    int64_t devices, cores, runs, problems, variants, measurements, proofs, samples, counters;
    int64_t voids;                     /* among the samples */
    int64_t first_unix_s, last_unix_s; /* begin of the first and of the last run; 0 without one */
};
int pdb_info(struct pdb *db, struct pdb_info *out);

/* Looks for damage: SQLite's own check of the file, references to missing rows, gaps in what is
 * numbered, times of what was never proved or was wrong. Calls back with a sentence for each
 * finding, at most 100. 0 = sound; a positive number of findings; or a negative errno. */
int pdb_check(struct pdb *db, void (*finding)(const char *sentence, void *user), void *user);

/* ---- prune.c */

/* Which runs to give up; a run goes if any of them says so. */
struct pdb_prune {
    const int64_t *runs; /* these */
    size_t run_count;
    int64_t before_unix_s; /* that began before; 0 = none */
    int64_t keep_per_core; /* all but the newest so many of each core; 0 = no limit */
    int unfinished;        /* that were interrupted or failed, or never ended */
    int dry;               /* only count */
};
/* Counts, and unless `dry` deletes them with all that only they refer to, and gives the room back.
 * The one call that deletes: the user's own act, never a sweep's. */
int pdb_prune(struct pdb *db, const struct pdb_prune *what, struct pdb_merged *gone);

/* ---- select.c */

/* One cell of a result. */
struct pdb_cell {
    enum { PDB_CELL_NULL, PDB_CELL_INT, PDB_CELL_REAL, PDB_CELL_TEXT } kind;
    int64_t integer;
    double real;
    const char *text; /* of every kind but NULL; borrowed during the call */
};
struct pdb_select {
    /* Once, before the rows; non-zero stops. */
    int (*head)(const char *const *names, size_t count, void *user);
    int (*row)(const struct pdb_cell *cells, size_t count, void *user);
    int (*stop)(
        void *user); /* asked now and then: non-zero ends the query with -EINTR; may be NULL */
    void *user;
};
/* Runs one statement of the user's that only reads: anything that would write, attach or configure
 * is refused with -EPERM, several statements with -EINVAL. */
int pdb_select(struct pdb *db, const char *sql, const struct pdb_select *out);

#endif
