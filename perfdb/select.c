/* SQL of the user's: an authoriser lets through what only reads. */
#include "perfdb/manage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "perfdb/perfdb_int.h"

static int authorise(void *user, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    (void)user;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_FUNCTION ||
                   action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static struct pdb_cell cell_of(sqlite3_stmt *stmt, int column)
{
    struct pdb_cell cell = { PDB_CELL_NULL, 0, 0, NULL };
    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        cell.kind = PDB_CELL_INT;
        cell.integer = sqlite3_column_int64(stmt, column);
        break;
    case SQLITE_FLOAT:
        cell.kind = PDB_CELL_REAL;
        cell.real = sqlite3_column_double(stmt, column);
        break;
    case SQLITE_NULL:
        return cell;
    default:
        cell.kind = PDB_CELL_TEXT;
    }
    cell.text = pdb_column_text(stmt, column);
    return cell;
}

static int give_head(sqlite3_stmt *stmt, const char **names, size_t count,
                     const struct pdb_select *out)
{
    for (size_t i = 0; i < count; i++)
        names[i] = sqlite3_column_name(stmt, (int)i);
    return out->head ? out->head(names, count, out->user) : 0;
}

static int walk(struct pdb *db, sqlite3_stmt *stmt, const struct pdb_select *out)
{
    size_t count = (size_t)sqlite3_column_count(stmt);
    struct pdb_cell *cells = calloc(count + 1, sizeof *cells);
    const char **names = calloc(count + 1, sizeof *names);
    int result = cells && names ? give_head(stmt, names, count, out) : -ENOMEM;
    while (result == 0) {
        int code = sqlite3_step(stmt);
        if (code != SQLITE_ROW) {
            if (code == SQLITE_INTERRUPT)
                result = pdb_fail(db, -EINTR, "%s: the query was stopped", db->path);
            else if (code != SQLITE_DONE)
                result = pdb_fail_sqlite(db, "answer the query");
            break;
        }
        for (size_t i = 0; i < count; i++)
            cells[i] = cell_of(stmt, (int)i);
        result = out->row(cells, count, out->user);
    }
    free(cells);
    free(names);
    return result;
}

static int is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n;")] == '\0';
}

int pdb_select(struct pdb *db, const char *sql, const struct pdb_select *out)
{
    sqlite3_stmt *stmt = NULL;
    const char *rest = "";
    if (is_blank(sql))
        return pdb_fail(db, -EINVAL, "the query is empty");
    sqlite3_set_authorizer(db->sql, authorise, NULL);
    int code = sqlite3_prepare_v2(db->sql, sql, -1, &stmt, &rest), result;
    sqlite3_set_authorizer(db->sql, NULL, NULL);
    if (code == SQLITE_AUTH || (code == SQLITE_OK && stmt && !sqlite3_stmt_readonly(stmt)))
        result = pdb_fail(db, -EPERM, "the query may only read: SELECT or WITH ... SELECT");
    else if (code != SQLITE_OK)
        result = pdb_fail(db, -EINVAL, "the query is not understood: %s", sqlite3_errmsg(db->sql));
    else if (!is_blank(rest))
        result = pdb_fail(db, -EINVAL, "one statement at a time; what follows it: %.60s", rest);
    else {
        sqlite3_progress_handler(db->sql, 100000, out->stop, out->user);
        result = walk(db, stmt, out);
        sqlite3_progress_handler(db->sql, 0, NULL, NULL);
    }
    sqlite3_finalize(stmt);
    return result;
}
