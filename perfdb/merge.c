/* Merging, table by table, parents first: what the source has and the target has not goes in, ids
 * of the source are mapped by natural keys. All SQL is made from pdb_tables[]. */
#include "perfdb/manage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perfdb/tables_int.h"

/* "s.x" or, for a reference, what the source's id is in the target: "m0.dst". */
static void append_value(sqlite3_str *sql, const struct pdb_table *t, int column)
{
    if (t->column[column].is_reference)
        sqlite3_str_appendf(sql, "m%d.dst", column);
    else
        sqlite3_str_appendf(sql, "s.\"%w\"", t->column[column].name);
}

/* "src.t s JOIN temp.map_device m0 ON m0.src = s.device_id ..." */
static void append_source(sqlite3_str *sql, const struct pdb_table *t)
{
    sqlite3_str_appendf(sql, " FROM src.\"%w\" s", t->name);
    for (int i = 0; i < pdb_column_count(t); i++)
        if (t->column[i].is_reference)
            sqlite3_str_appendf(sql, " JOIN temp.map_%s m%d ON m%d.src = s.\"%w\"",
                                pdb_tables[t->column[i].to].name, i, i, t->column[i].name);
}

/* " JOIN main.t d ON d.key = ... " */
static void append_target(sqlite3_str *sql, const struct pdb_table *t)
{
    sqlite3_str_appendf(sql, " JOIN main.\"%w\" d ON ", t->name);
    for (int i = 0; i < t->keys; i++) {
        sqlite3_str_appendf(sql, "%sd.\"%w\" = ", i ? " AND " : "", t->column[i].name);
        append_value(sql, t, i);
    }
}

static int count_rows(sqlite3_stmt *stmt, void *user)
{
    *(int64_t *)user = sqlite3_column_int64(stmt, 0);
    return 0;
}

/* Rows with one natural key and different content: two files continue one run differently. */
static int check_conflicts(struct pdb *db, const struct pdb_table *t)
{
    int count = pdb_column_count(t), compared = 0;
    int64_t conflicts = 0;
    sqlite3_str *sql = sqlite3_str_new(db->sql);
    sqlite3_str_appendf(sql, "SELECT count(*)");
    append_source(sql, t);
    append_target(sql, t);
    for (int i = t->keys; i < count; i++) {
        if (t->column[i].is_ending)
            continue;
        sqlite3_str_appendf(sql, "%sd.\"%w\" IS NOT ", compared++ ? " OR " : " WHERE ",
                            t->column[i].name);
        append_value(sql, t, i);
    }
    char *text = sqlite3_str_finish(sql);
    int result = !text      ? pdb_fail(db, -ENOMEM, "%s: out of memory", db->path)
                 : compared ? pdb_query(db, text, NULL, 0, count_rows, &conflicts)
                            : 0;
    sqlite3_free(text);
    if (result == 0 && conflicts)
        return pdb_fail(db, -EEXIST,
                        "%s: %lld rows of table %s are there with other content: a copy of one of "
                        "its runs went on differently; nothing was merged",
                        db->path, (long long)conflicts, t->name);
    return result;
}

/* The end of a run becomes known, or a later one: it was resumed. */
static int take_endings(struct pdb *db, const struct pdb_table *t)
{
    if (t != &pdb_tables[PDB_TABLE_RUN])
        return 0;
    return pdb_exec(db,
                    "UPDATE main.run SET end_unix_ns = s.end_unix_ns, outcome = s.outcome"
                    " FROM src.run s JOIN temp.map_run m ON m.src = s.id WHERE main.run.id = m.dst"
                    " AND s.end_unix_ns > coalesce(main.run.end_unix_ns, 0)",
                    "merge");
}

static int map_ids(struct pdb *db, const struct pdb_table *t)
{
    if (!t->has_id)
        return 0;
    sqlite3_str *sql = sqlite3_str_new(db->sql);
    sqlite3_str_appendf(sql,
                        "CREATE TEMP TABLE map_%s (src INTEGER PRIMARY KEY, dst INTEGER NOT NULL);"
                        "INSERT INTO temp.map_%s SELECT s.id, d.id",
                        t->name, t->name);
    append_source(sql, t);
    append_target(sql, t);
    return pdb_exec_str(db, sql, "merge");
}

static int insert_new(struct pdb *db, const struct pdb_table *t, int64_t *added)
{
    int count = pdb_column_count(t);
    sqlite3_str *sql = sqlite3_str_new(db->sql);
    sqlite3_str_appendf(sql, "INSERT INTO main.\"%w\" (", t->name);
    for (int i = 0; i < count; i++)
        sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "", t->column[i].name);
    sqlite3_str_appendf(sql, ") SELECT ");
    for (int i = 0; i < count; i++) {
        sqlite3_str_appendf(sql, i ? ", " : "");
        append_value(sql, t, i);
    }
    append_source(sql, t);
    sqlite3_str_appendf(sql, " WHERE true ON CONFLICT DO NOTHING");
    int result = pdb_exec_str(db, sql, "merge");
    *added = result == 0 ? sqlite3_changes64(db->sql) : 0;
    return result;
}

static int merge_table(struct pdb *db, enum pdb_table_index which, struct pdb_merged *out)
{
    const struct pdb_table *t = &pdb_tables[which];
    int64_t added = 0;
    int result = check_conflicts(db, t);
    if (result == 0)
        result = insert_new(db, t, &added);
    if (result == 0)
        result = map_ids(db, t);
    if (result == 0)
        result = take_endings(db, t);
    out->all += added;
    out->runs += which == PDB_TABLE_RUN ? added : 0;
    out->measurements += which == PDB_TABLE_MEASUREMENT ? added : 0;
    out->samples += which == PDB_TABLE_SAMPLE ? added : 0;
    out->counters += which == PDB_TABLE_COUNTER ? added : 0;
    return result;
}

static void drop_maps(struct pdb *db)
{
    char sql[96];
    for (int i = 0; i < PDB_TABLE_COUNT; i++) {
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS temp.map_%s", pdb_tables[i].name);
        sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
    }
}

static int merge_attached(struct pdb *db, struct pdb_merged *out)
{
    int result = pdb_exec(db, "BEGIN IMMEDIATE", "merge");
    for (int i = 0; i < PDB_TABLE_COUNT && result == 0; i++)
        result = merge_table(db, (enum pdb_table_index)i, out);
    if (result == 0)
        result = pdb_exec(db, "COMMIT", "merge");
    if (result != 0)
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    drop_maps(db);
    return result;
}

/* 0 if the source is a database of this version; else its own reason. */
static int judge_source(struct pdb *db, const char *source)
{
    struct pdb *other = NULL;
    int result = pdb_open(source, PDB_READ, &other);
    if (result < 0)
        pdb_fail(db, result, "%s", pdb_errmsg(other));
    pdb_close(other);
    return result;
}

int pdb_merge(struct pdb *db, const char *source, struct pdb_merged *out)
{
    memset(out, 0, sizeof *out);
    int result = pdb_commit(db);
    if (result == 0)
        result = judge_source(db, source);
    if (result < 0)
        return result;
    char *uri = pdb_path_uri(source, "?mode=ro");
    char *sql = uri ? sqlite3_mprintf("ATTACH %Q AS src", uri) : NULL;
    free(uri);
    result =
        sql ? pdb_exec(db, sql, "read the other file") : pdb_fail(db, -ENOMEM, "out of memory");
    sqlite3_free(sql);
    if (result < 0)
        return result;
    result = merge_attached(db, out);
    sqlite3_exec(db->sql, "DETACH src", NULL, NULL, NULL);
    if (result < 0)
        memset(out, 0, sizeof *out);
    return result;
}
