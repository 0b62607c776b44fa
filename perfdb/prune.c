/* Giving runs up: first the runs to keep are chosen, then every table loses what is not theirs. */
#include "perfdb/manage.h"

#include <errno.h>
#include <string.h>

#include "perfdb/tables_int.h"

/* Takes the runs out of temp.chosen that `condition` (on run r) is true of. */
static int give_up(struct pdb *db, const char *condition, const struct pdb_value *values,
                   size_t count)
{
    sqlite3_stmt *stmt = NULL;
    char *sql = sqlite3_mprintf("DELETE FROM temp.chosen WHERE id IN (SELECT r.id FROM main.run r"
                                " WHERE %s)",
                                condition);
    int code = sql ? sqlite3_prepare_v2(db->sql, sql, -1, &stmt, NULL) : SQLITE_NOMEM;
    if (code == SQLITE_OK)
        code = pdb_bind(stmt, values, count);
    if (code == SQLITE_OK)
        code = sqlite3_step(stmt) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
    int result = code == SQLITE_OK ? 0 : pdb_fail_sqlite(db, "choose runs");
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return result;
}

static int store_count(sqlite3_stmt *stmt, void *user)
{
    *(int64_t *)user = sqlite3_column_int64(stmt, 0);
    return 0;
}

static int require_run(struct pdb *db, int64_t run_id)
{
    const struct pdb_value key = pdb_int(run_id);
    int64_t count = 0;
    int result =
        pdb_query(db, "SELECT count(*) FROM main.run WHERE id = ?1", &key, 1, store_count, &count);
    if (result == 0 && count == 0)
        return pdb_fail(db, -ENOENT, "%s: it has no run %lld; nothing was deleted", db->path,
                        (long long)run_id);
    return result;
}

static int choose_kept(struct pdb *db, const struct pdb_prune *what)
{
    const struct pdb_value before = pdb_int(what->before_unix_s);
    const struct pdb_value keep = pdb_int(what->keep_per_core);
    int result = pdb_choose_runs(db, 0);
    for (size_t i = 0; i < what->run_count && result == 0; i++) {
        const struct pdb_value id = pdb_int(what->runs[i]);
        result = require_run(db, what->runs[i]);
        if (result == 0)
            result = give_up(db, "r.id = ?1", &id, 1);
    }
    if (result == 0 && what->before_unix_s)
        result = give_up(db, "r.begin_unix_ns < ?1 * 1000000000", &before, 1);
    if (result == 0 && what->unfinished)
        result = give_up(db, "r.outcome IS NULL OR r.outcome <> 'complete'", NULL, 0);
    if (result == 0 && what->keep_per_core)
        result = give_up(db,
                         "(SELECT count(*) FROM main.run n WHERE n.core_id = r.core_id AND"
                         " n.begin_unix_ns > r.begin_unix_ns) >= ?1",
                         &keep, 1);
    return result;
}

/* Rows of a table that belong to no kept run: counted, or deleted. */
static int prune_table(struct pdb *db, enum pdb_table_index which, int dry, int64_t *count)
{
    const struct pdb_table *t = &pdb_tables[which];
    *count = 0;
    char *sql = sqlite3_mprintf("%s FROM main.\"%w\" WHERE NOT (%s)",
                                dry ? "SELECT count(*)" : "DELETE", t->name, t->of_runs);
    if (!sql)
        return pdb_fail(db, -ENOMEM, "out of memory");
    int result =
        dry ? pdb_query(db, sql, NULL, 0, store_count, count) : pdb_exec(db, sql, "delete runs");
    if (!dry && result == 0)
        *count = sqlite3_changes64(db->sql);
    sqlite3_free(sql);
    return result;
}

static int prune_all(struct pdb *db, int dry, struct pdb_merged *gone)
{
    int result = 0;
    for (int i = PDB_TABLE_COUNT - 1; i >= 0 && result == 0; i--) { /* children first */
        int64_t count;
        result = prune_table(db, (enum pdb_table_index)i, dry, &count);
        gone->all += count;
        gone->runs += i == PDB_TABLE_RUN ? count : 0;
        gone->measurements += i == PDB_TABLE_MEASUREMENT ? count : 0;
        gone->samples += i == PDB_TABLE_SAMPLE ? count : 0;
        gone->counters += i == PDB_TABLE_COUNTER ? count : 0;
    }
    return result;
}

int pdb_prune(struct pdb *db, const struct pdb_prune *what, struct pdb_merged *gone)
{
    memset(gone, 0, sizeof *gone);
    int result = pdb_commit(db);
    if (result == 0)
        result = pdb_exec(db, "BEGIN IMMEDIATE", "delete runs");
    if (result < 0)
        return result;
    result = choose_kept(db, what);
    if (result == 0)
        result = prune_all(db, what->dry, gone);
    if (result == 0)
        result = pdb_exec(db, "COMMIT", "delete runs");
    if (result != 0)
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    else if (!what->dry && gone->all)
        result = pdb_exec(db, "VACUUM; PRAGMA wal_checkpoint(TRUNCATE)", "give the room back");
    return result;
}
