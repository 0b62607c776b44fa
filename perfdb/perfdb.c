#include "perfdb/perfdb.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "perfdb/perfdb_int.h"

const char *pdb_errmsg(const struct pdb *db)
{
    return db ? db->message : "out of memory";
}

int pdb_fail(struct pdb *db, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(db->message, sizeof db->message, format, args);
    va_end(args);
    return error;
}

/* What a primary result code of SQLite means to a user. */
struct meaning {
    int code, error;
    const char *sentence;
};

static const struct meaning meanings[] = {
    { SQLITE_NOTADB, -ENOTSUP, "it is not a Quern database; give another file name" },
    { SQLITE_CORRUPT, -EBADMSG,
      "the file is damaged or cut off; restore a copy, or save what is left with: sqlite3 FILE "
      ".recover" },
    { SQLITE_FULL, -ENOSPC, "the disk is full; free some space and repeat" },
    { SQLITE_READONLY, -EROFS,
      "the file or its folder is read-only; make both writable or give another file name" },
    { SQLITE_BUSY, -EBUSY,
      "another process has been writing to it for 10 s; repeat when it is done or give another "
      "file name" },
    { SQLITE_LOCKED, -EBUSY, "a query on the same handle is still open" },
    { SQLITE_CANTOPEN, -EACCES,
      "it or a file beside it cannot be opened; check the folder's permissions" },
    { SQLITE_PERM, -EACCES, "no permission; check the file's owner and mode" },
    { SQLITE_NOMEM, -ENOMEM, "out of memory" },
    { SQLITE_CONSTRAINT, -EINVAL, "the row breaks a rule of the schema" },
    { SQLITE_TOOBIG, -E2BIG, "a text is too long" },
    { SQLITE_IOERR, -EIO, "reading or writing the file failed; check the disk" },
};

static const struct meaning *meaning_of(int code)
{
    for (size_t i = 0; i < PDB_COUNT(meanings); i++)
        if (meanings[i].code == (code & 0xff))
            return &meanings[i];
    return NULL;
}

/* A quota and a limit on the size of files look like an I/O error to SQLite, which then forgets
 * why. */
static int is_full(int code, int system_error)
{
    return (code & 0xff) == SQLITE_IOERR &&
           (system_error == ENOSPC || system_error == EDQUOT || system_error == EFBIG);
}

int pdb_fail_sqlite(struct pdb *db, const char *doing)
{
    int system_error = errno, code = sqlite3_extended_errcode(db->sql);
    const struct meaning *m = meaning_of(is_full(code, system_error) ? SQLITE_FULL : code);
    db->event_count = 0;
    int lost = db->is_writing && sqlite3_get_autocommit(db->sql);
    if (lost) /* SQLite rolled back by itself */
        db->is_writing = 0;
    return pdb_fail(db, m ? m->error : -EIO, "%s: cannot %s: %s (SQLite: %s)%s", db->path, doing,
                    m ? m->sentence : "unexpected failure", sqlite3_errmsg(db->sql),
                    lost ? "; what was written since the last commit is not stored" : "");
}

struct pdb_value pdb_null(void)
{
    return (struct pdb_value) { .kind = PDB_VALUE_NULL };
}

struct pdb_value pdb_int(int64_t value)
{
    return (struct pdb_value) { .kind = PDB_VALUE_INT, .integer = value };
}

struct pdb_value pdb_uint(uint64_t value)
{
    return pdb_int((int64_t)value);
}

struct pdb_value pdb_int_unless(int64_t value, int64_t unknown)
{
    return value == unknown ? pdb_null() : pdb_int(value);
}

struct pdb_value pdb_real(double value)
{
    return (struct pdb_value) { .kind = PDB_VALUE_REAL, .real = value };
}

struct pdb_value pdb_text(const char *text)
{
    return pdb_chars(text ? text : "", SIZE_MAX);
}

struct pdb_value pdb_chars(const char *array, size_t bytes)
{
    size_t length = bytes == SIZE_MAX ? strlen(array) : strnlen(array, bytes);
    return (struct pdb_value) { .kind = PDB_VALUE_TEXT, .text = array, .text_bytes = length };
}

static int bind_one(sqlite3_stmt *stmt, int place, const struct pdb_value *v)
{
    switch (v->kind) {
    case PDB_VALUE_INT:
        return sqlite3_bind_int64(stmt, place, v->integer);
    case PDB_VALUE_REAL:
        return sqlite3_bind_double(stmt, place, v->real);
    case PDB_VALUE_TEXT:
        return sqlite3_bind_text64(stmt, place, v->text, v->text_bytes, SQLITE_STATIC, SQLITE_UTF8);
    case PDB_VALUE_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, place);
}

int pdb_bind(sqlite3_stmt *stmt, const struct pdb_value *values, size_t count)
{
    size_t takes = (size_t)sqlite3_bind_parameter_count(stmt);
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && i < takes && code == SQLITE_OK; i++)
        code = bind_one(stmt, (int)i + 1, &values[i]);
    return code;
}

int pdb_query(struct pdb *db, const char *sql, const struct pdb_value *values, size_t count,
              pdb_row_fn *row, void *user)
{
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v2(db->sql, sql, -1, &stmt, NULL), result = 0;
    if (code == SQLITE_OK)
        code = pdb_bind(stmt, values, count);
    while (code == SQLITE_OK && result == 0) {
        code = sqlite3_step(stmt);
        if (code == SQLITE_ROW) {
            code = SQLITE_OK;
            result = row(stmt, user);
        }
    }
    if (code != SQLITE_OK && code != SQLITE_DONE)
        result = pdb_fail_sqlite(db, "read");
    sqlite3_finalize(stmt);
    return result;
}

void pdb_close(struct pdb *db)
{
    if (!db)
        return;
    if (db->is_writing)
        pdb_commit(db); /* best effort: whoever wants to hear of a failure commits before */
    for (size_t i = 0; i < PDB_STMT_COUNT; i++)
        sqlite3_finalize(db->stmt[i]);
    sqlite3_close(db->sql);
    free(db->path);
    free(db);
}
