/* What the formats share. */
#ifndef QUERN_PERFDB_EXCHANGE_INT_H
#define QUERN_PERFDB_EXCHANGE_INT_H

#include "perfdb/exchange.h"
#include "perfdb/perfdb_int.h"

int pdb_jsonl_write(struct pdb *db, int64_t run_id, FILE *out);
int pdb_jsonl_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options);
int pdb_csv_write(struct pdb *db, int64_t run_id, FILE *out);
int pdb_csv_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options);
int pdb_gbench_write(struct pdb *db, int64_t run_id, FILE *out);
int pdb_gbench_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options);
int pdb_t4_write(struct pdb *db, int64_t run_id, FILE *out);
int pdb_t4_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options);

/* ---- flat.c: a sample with all that is known of it as one row of text: what a table-like format
 * holds. A measurement without samples is one row, too. */

enum pdb_flat_kind { PDB_FLAT_TEXT, PDB_FLAT_NUMBER /* empty = NULL */ };
struct pdb_flat_column {
    const char *name;
    const char *sql; /* its expression over the tables of the flat query */
    enum pdb_flat_kind kind;
    const char *absent; /* what it is where a file has not this column; NULL: it must be there */
};
enum { PDB_FLAT_COUNT = 55 };
extern const struct pdb_flat_column pdb_flat_columns[PDB_FLAT_COUNT];
int pdb_flat_find(const char *name); /* index of a column, or -1 */

/* SELECT of every column, in order, then what `more` says (", expression ..." or ""), of the runs
 * in temp.chosen. The caller's to sqlite3_free(); NULL without memory. */
char *pdb_flat_sql(const char *more);

struct pdb_flat_event {
    const char *name;
    int64_t value, enabled_ns, running_ns;
};
/* Adds a row to a fresh database: its device, core, run ... that are not there yet, and its sample.
 * values[]: NULL where the file has nothing. 0; -EINVAL if a number is none or a rule is broken. */
struct pdb_flat_writer {
    struct pdb *db;
    sqlite3_stmt *stmt[16];
};
int pdb_flat_add(struct pdb_flat_writer *w, const char *const values[PDB_FLAT_COUNT],
                 const struct pdb_flat_event *events, size_t event_count);
void pdb_flat_end(struct pdb_flat_writer *w);

#endif
