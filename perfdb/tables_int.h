/* The schema as data: what merging, exporting, pruning and checking walk over. A new table or
 * column is a row here and in a schema_N.sql; a test holds the two against each other. */
#ifndef QUERN_PERFDB_TABLES_INT_H
#define QUERN_PERFDB_TABLES_INT_H

#include "perfdb/perfdb_int.h"

enum pdb_table_index {
    PDB_TABLE_DEVICE,
    PDB_TABLE_CORE,
    PDB_TABLE_COMPILER,
    PDB_TABLE_TOOL,
    PDB_TABLE_RUN,
    PDB_TABLE_PROBLEM,
    PDB_TABLE_RUN_PROBLEM,
    PDB_TABLE_VARIANT,
    PDB_TABLE_VARIANT_KNOB,
    PDB_TABLE_MEASUREMENT,
    PDB_TABLE_PROOF,
    PDB_TABLE_SAMPLE,
    PDB_TABLE_EVENT,
    PDB_TABLE_COUNTER,
    PDB_TABLE_PEAK,
    PDB_TABLE_RUN_FACT,
    PDB_TABLE_EVENT_PROBE,
    PDB_TABLE_BANDWIDTH,
    PDB_TABLE_COUNT
};

#define PDB_COLUMNS_MAX 16
#define PDB_LOCAL (-1)

struct pdb_column {
    const char *name;
    int is_reference; /* to the id of table `to` */
    enum pdb_table_index to;
    int is_real;
    int is_ending; /* may become known later: the end of a run */
};

/* Parents come first. The first `keys` columns are the natural key. */
struct pdb_table {
    const char *name;
    int has_id;
    int keys;
    const char
        *of_runs; /* which rows belong to the runs in temp.chosen (id), or are named by them */
    struct pdb_column column[PDB_COLUMNS_MAX];
};
extern const struct pdb_table pdb_tables[PDB_TABLE_COUNT];

int pdb_column_count(const struct pdb_table *t);

/* Runs a statement that sqlite3_str made, and frees it. */
int pdb_exec_str(struct pdb *db, sqlite3_str *sql, const char *doing);
int pdb_exec(struct pdb *db, const char *sql, const char *doing);

/* Fills temp.chosen with one run, or with all where run_id is 0. */
int pdb_choose_runs(struct pdb *db, int64_t run_id);

#endif
