/* JSON lines: first {"quern": "perfdb", "schema": N}, then one object for each row, parents first.
 * Ids are numbered by natural keys, so that one content gives one text, whatever file it comes
 * from. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perfdb/exchange_int.h"
#include "perfdb/migrate.h"
#include "perfdb/tables_int.h"

/* ---- writing */

/* The value of a column of row r: of a reference, the number of the row that it means. */
static void append_value(sqlite3_str *sql, const struct pdb_column *c, int column)
{
    if (c->is_reference)
        sqlite3_str_appendf(sql, "n%d.dst", column);
    else
        sqlite3_str_appendf(sql, "r.\"%w\"", c->name);
}

/* The rows of a table that belong to the chosen runs; `own` adds their own numbers. */
static void append_from(sqlite3_str *sql, const struct pdb_table *t, int own)
{
    sqlite3_str_appendf(sql, " FROM (SELECT * FROM main.\"%w\" WHERE %s) r", t->name, t->of_runs);
    for (int i = 0; i < pdb_column_count(t); i++)
        if (t->column[i].is_reference)
            sqlite3_str_appendf(sql, " JOIN temp.number_%s n%d ON n%d.src = r.\"%w\"",
                                pdb_tables[t->column[i].to].name, i, i, t->column[i].name);
    if (own)
        sqlite3_str_appendf(sql, " JOIN temp.number_%s own ON own.src = r.id", t->name);
}

static void append_keys(sqlite3_str *sql, const struct pdb_table *t)
{
    sqlite3_str_appendf(sql, " ORDER BY ");
    for (int i = 0; i < t->keys; i++) {
        sqlite3_str_appendf(sql, i ? ", " : "");
        append_value(sql, &t->column[i], i);
    }
}

static int number_rows(struct pdb *db, const struct pdb_table *t)
{
    sqlite3_str *sql = sqlite3_str_new(db->sql);
    sqlite3_str_appendf(sql,
                        "CREATE TEMP TABLE number_%s (src INTEGER PRIMARY KEY, dst INTEGER);"
                        "INSERT INTO temp.number_%s SELECT r.id, row_number() OVER (",
                        t->name, t->name);
    append_keys(sql, t);
    sqlite3_str_appendf(sql, ")");
    append_from(sql, t, 0);
    return pdb_exec_str(db, sql, "number rows");
}

static char *rows_sql(const struct pdb_table *t)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "SELECT json_object('table', %Q", t->name);
    if (t->has_id)
        sqlite3_str_appendf(sql, ", 'id', own.dst");
    for (int i = 0; i < pdb_column_count(t); i++) {
        sqlite3_str_appendf(sql, ", %Q, ", t->column[i].name);
        if (t->column[i].is_real) /* json_object() alone would round to 15 digits */
            sqlite3_str_appendf(sql,
                                "json(iif(r.\"%w\" IS NULL, 'null', printf('%%!.17g', r.\"%w\")))",
                                t->column[i].name, t->column[i].name);
        else
            append_value(sql, &t->column[i], i);
    }
    sqlite3_str_appendf(sql, ")");
    append_from(sql, t, t->has_id);
    if (t->has_id)
        sqlite3_str_appendf(sql, " ORDER BY own.dst");
    else
        append_keys(sql, t);
    return sqlite3_str_finish(sql);
}

static int put_line(sqlite3_stmt *stmt, void *user)
{
    FILE *out = user;
    return fprintf(out, "%s\n", pdb_column_text(stmt, 0)) < 0 ? -EIO : 0;
}

static int write_table(struct pdb *db, const struct pdb_table *t, FILE *out)
{
    int result = t->has_id ? number_rows(db, t) : 0;
    char *sql = result == 0 ? rows_sql(t) : NULL;
    if (result == 0)
        result = sql ? pdb_query(db, sql, NULL, 0, put_line, out)
                     : pdb_fail(db, -ENOMEM, "out of memory");
    sqlite3_free(sql);
    return result;
}

int pdb_jsonl_write(struct pdb *db, int64_t run_id, FILE *out)
{
    char sql[96];
    int result = pdb_choose_runs(db, run_id);
    if (result == 0 && fprintf(out, "{\"quern\":\"perfdb\",\"schema\":%d}\n",
                               pdb_migrations[pdb_migration_count - 1].version) < 0)
        result = -EIO;
    for (int i = 0; i < PDB_TABLE_COUNT && result == 0; i++)
        result = write_table(db, &pdb_tables[i], out);
    for (int i = 0; i < PDB_TABLE_COUNT; i++) {
        snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS temp.number_%s", pdb_tables[i].name);
        sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
    }
    return result;
}

/* ---- reading */

struct reader {
    struct pdb *db;
    sqlite3_stmt *insert[PDB_TABLE_COUNT], *question;
    long line;
};

/* SQLite reads a number of 17 digits only almost exactly: those are bound, from here up. */
enum { REAL_PARAMETER = 2 };

static int prepare_insert(struct reader *r, int table)
{
    const struct pdb_table *t = &pdb_tables[table];
    int count = pdb_column_count(t);
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (%s", t->name, t->has_id ? "id, " : "");
    for (int i = 0; i < count; i++)
        sqlite3_str_appendf(sql, "%s\"%w\"", i ? ", " : "", t->column[i].name);
    sqlite3_str_appendf(sql, ") VALUES (%s", t->has_id ? "json_extract(?1, '$.id'), " : "");
    for (int i = 0; i < count; i++)
        if (t->column[i].is_real)
            sqlite3_str_appendf(sql, "%s?%d", i ? ", " : "", REAL_PARAMETER + i);
        else
            sqlite3_str_appendf(sql, "%sjson_extract(?1, '$.%s')", i ? ", " : "",
                                t->column[i].name);
    sqlite3_str_appendf(sql, ")");
    char *text = sqlite3_str_finish(sql);
    int code =
        text ? sqlite3_prepare_v2(r->db->sql, text, -1, &r->insert[table], NULL) : SQLITE_NOMEM;
    sqlite3_free(text);
    return code == SQLITE_OK ? 0 : pdb_fail_sqlite(r->db, "prepare an import");
}

static int wrong(struct reader *r, const char *what)
{
    return pdb_fail(r->db, -EINVAL, "line %ld: %s", r->line, what);
}

/* Answers a question about the line; "" where it has no answer. Borrowed until the next one. */
static const char *ask(struct reader *r, const char *line, const char *path)
{
    sqlite3_reset(r->question);
    sqlite3_bind_text(r->question, 1, line, -1, SQLITE_STATIC);
    sqlite3_bind_text(r->question, 2, path, -1, SQLITE_STATIC);
    return sqlite3_step(r->question) == SQLITE_ROW ? pdb_column_text(r->question, 0) : "";
}

static void bind_reals(struct reader *r, int table, const char *line)
{
    const struct pdb_table *t = &pdb_tables[table];
    char path[64];
    for (int i = 0; i < pdb_column_count(t); i++) {
        if (!t->column[i].is_real)
            continue;
        snprintf(path, sizeof path, "$.%s", t->column[i].name);
        const char *text = ask(r, line, path);
        char *end;
        double value = strtod(text, &end);
        if (end != text && !*end)
            sqlite3_bind_double(r->insert[table], REAL_PARAMETER + i, value);
        else
            sqlite3_bind_null(r->insert[table], REAL_PARAMETER + i);
    }
}

static int take_head(struct reader *r, const char *line)
{
    if (strcmp(ask(r, line, "$.quern"), "perfdb") != 0)
        return wrong(r, "this is no export of a Quern database: {\"quern\":\"perfdb\", ...} must "
                        "come first");
    long version = strtol(ask(r, line, "$.schema"), NULL, 10);
    int newest = pdb_migrations[pdb_migration_count - 1].version;
    if (version != newest)
        return pdb_fail(
            r->db, -EPROTO,
            "line 1: it is of schema version %ld and this program of %d; export it again "
            "with this version of quern",
            version, newest);
    return 0;
}

static int take_row(struct reader *r, const char *line)
{
    const char *name = ask(r, line, "$.table");
    int table = 0;
    while (table < PDB_TABLE_COUNT && strcmp(pdb_tables[table].name, name) != 0)
        table++;
    if (table == PDB_TABLE_COUNT)
        return wrong(r, *name ? "it is of a table that there is not" : "it is no row of a table");
    int result = r->insert[table] ? 0 : prepare_insert(r, table);
    if (result != 0)
        return result;
    sqlite3_stmt *stmt = r->insert[table];
    sqlite3_bind_text(stmt, 1, line, -1, SQLITE_STATIC);
    bind_reals(r, table, line);
    int code = sqlite3_step(stmt);
    if (code != SQLITE_DONE)
        result = pdb_fail(r->db, -EINVAL, "line %ld: not a row of table %s: %s", r->line,
                          pdb_tables[table].name, sqlite3_errmsg(r->db->sql));
    sqlite3_reset(stmt);
    return result;
}

static int take_line(struct reader *r, char *line, size_t length)
{
    r->line++;
    while (length && strchr(" \t\r\n", line[length - 1]))
        line[--length] = '\0';
    if (strlen(line) != length)
        return wrong(r, "it has a byte 0 in it");
    if (length == 0)
        return 0;
    return r->line == 1 ? take_head(r, line) : take_row(r, line);
}

int pdb_jsonl_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options)
{
    struct reader r = { .db = fresh };
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    int result = 0;
    (void)options;
    if (sqlite3_prepare_v2(fresh->sql,
                           "SELECT CASE WHEN NOT json_valid(?1) THEN NULL WHEN json_type(?1, ?2)"
                           " = 'text' THEN json_extract(?1, ?2) ELSE ?1 -> ?2 END",
                           -1, &r.question, NULL) != SQLITE_OK)
        return pdb_fail_sqlite(fresh, "prepare an import");
    while (result == 0 && (length = getline(&line, &capacity, in)) >= 0)
        result = take_line(&r, line, (size_t)length);
    if (result == 0 && ferror(in))
        result = pdb_fail(fresh, -EIO, "it cannot be read: %s", strerror(errno));
    if (result == 0 && r.line == 0)
        result = pdb_fail(fresh, -EINVAL, "it is empty");
    free(line);
    sqlite3_finalize(r.question);
    for (int i = 0; i < PDB_TABLE_COUNT; i++)
        sqlite3_finalize(r.insert[i]);
    return result;
}
