/* The handle, and the few calls on SQLite that all of perfdb is written with. */
#ifndef QUERN_PERFDB_INT_H
#define QUERN_PERFDB_INT_H

#include <sqlite3.h>

#include "perfdb/perfdb.h"

/* Statements of the writer, prepared once per handle; their SQL is the table in write.c. */
enum pdb_stmt {
    PDB_STMT_BEGIN,
    PDB_STMT_COMMIT,
    PDB_STMT_SAVEPOINT,
    PDB_STMT_RELEASE,
    PDB_STMT_UNDO,
    PDB_STMT_DEVICE_FIND,
    PDB_STMT_DEVICE_ADD,
    PDB_STMT_CORE_FIND,
    PDB_STMT_CORE_ADD,
    PDB_STMT_COMPILER_FIND,
    PDB_STMT_COMPILER_ADD,
    PDB_STMT_TOOL_FIND,
    PDB_STMT_TOOL_ADD,
    PDB_STMT_RUN_ADD,
    PDB_STMT_RUN_END,
    PDB_STMT_PROBLEM_FIND,
    PDB_STMT_PROBLEM_ADD,
    PDB_STMT_RUN_PROBLEM_ADD,
    PDB_STMT_VARIANT_FIND,
    PDB_STMT_VARIANT_ADD,
    PDB_STMT_KNOB_ADD,
    PDB_STMT_MEASUREMENT_FIND,
    PDB_STMT_MEASUREMENT_ADD,
    PDB_STMT_PROOF_ADD,
    PDB_STMT_SAMPLE_NEXT,
    PDB_STMT_SAMPLE_ADD,
    PDB_STMT_EVENT_FIND,
    PDB_STMT_EVENT_ADD,
    PDB_STMT_COUNTER_ADD,
    PDB_STMT_PEAK_ADD,
    PDB_STMT_FACT_ADD,
    PDB_STMT_PROBE_ADD,
    PDB_STMT_BANDWIDTH_ADD,
    PDB_STMT_COUNT
};

#define PDB_EVENTS_KEPT 32

struct pdb {
    sqlite3 *sql;
    sqlite3_stmt *stmt[PDB_STMT_COUNT];
    char *path;
    enum pdb_mode mode;
    int is_writing; /* between a BEGIN and a COMMIT of ours */
    /* Ids of events that this handle has met, forgotten at any failure: they may have been undone.
     */
    struct pdb_event {
        char name[48];
        int64_t id;
    } event[PDB_EVENTS_KEPT];
    size_t event_count;
    char message[1024];
};

/* write.c: what every call that adds rows is made of.
 *     pdb_call_begin() -> pdb_execute() ... -> pdb_call_end() with the last result */
int pdb_call_begin(struct pdb *db);
int pdb_call_end(struct pdb *db, int result); /* result >= 0 keeps what was added; 0 or the error */
/* Runs one statement. 1 if it gave a row (*id: its first column), 0 if none, or a negative errno.
 */
struct pdb_value;
int pdb_execute(struct pdb *db, enum pdb_stmt which, const struct pdb_value *values, size_t count,
                int64_t *id);
int pdb_event_intern(struct pdb *db, const char name[48], int64_t *event_id);

/* open.c: "file:" URI of a path: everything but plain characters is escaped; `query` is appended.
 * The caller's to free; NULL without memory. */
char *pdb_path_uri(const char *path, const char *query);

/* query.c: the text in a column, "" for NULL. */
const char *pdb_column_text(sqlite3_stmt *stmt, int column);

/* Sets the sentence and returns `error`. */
int pdb_fail(struct pdb *db, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same for the last failure of SQLite: `doing` is what was attempted ("write a sample").
 * Looks at errno too: whoever writes sets it to 0 before. */
int pdb_fail_sqlite(struct pdb *db, const char *doing);

/* One parameter of a statement. */
struct pdb_value {
    enum { PDB_VALUE_NULL, PDB_VALUE_INT, PDB_VALUE_REAL, PDB_VALUE_TEXT } kind;
    int64_t integer;
    double real;
    const char *text; /* borrowed until the statement is reset */
    size_t text_bytes;
};
struct pdb_value pdb_null(void);
struct pdb_value pdb_int(int64_t value);
struct pdb_value pdb_uint(uint64_t value);                       /* bit pattern */
struct pdb_value pdb_int_unless(int64_t value, int64_t unknown); /* NULL when equal */
struct pdb_value pdb_real(double value);
struct pdb_value pdb_text(const char *text);                 /* NULL counts as "" */
struct pdb_value pdb_chars(const char *array, size_t bytes); /* NUL-terminated, or full */

/* Binds as many of values[] as the statement takes. 0 or a SQLite error code. */
int pdb_bind(sqlite3_stmt *stmt, const struct pdb_value *values, size_t count);

/* Walks the rows of a query: prepares `sql`, binds, calls `row` per row until it returns
 * non-zero (which is returned), finalises. */
typedef int pdb_row_fn(sqlite3_stmt *stmt, void *user);
int pdb_query(struct pdb *db, const char *sql, const struct pdb_value *values, size_t count,
              pdb_row_fn *row, void *user);

#define PDB_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
