/* Opening: find out what the file is before anything is changed in it, then bring it up to date. */
#include "perfdb/migrate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "perfdb/perfdb_int.h"

#define BUSY_TIMEOUT_MS 10000

/* schema_N.sql, embedded by the build */
extern const char pdb_schema_1_sql[], pdb_schema_2_sql[];

const struct pdb_migration pdb_migrations[] = {
    { 1, pdb_schema_1_sql },
    { 2, pdb_schema_2_sql },
};
const size_t pdb_migration_count = PDB_COUNT(pdb_migrations);

/* What a file says of itself. */
struct identity {
    int64_t application_id, version, objects;
};

static int store_int(sqlite3_stmt *stmt, void *user)
{
    *(int64_t *)user = sqlite3_column_int64(stmt, 0);
    return 0;
}

static int identify(struct pdb *db, struct identity *id)
{
    const struct {
        const char *sql;
        int64_t *value;
    } questions[] = {
        { "PRAGMA application_id", &id->application_id },
        { "PRAGMA user_version", &id->version },
        { "SELECT count(*) FROM sqlite_schema", &id->objects },
    };
    int result = 0;
    for (size_t i = 0; i < PDB_COUNT(questions) && result == 0; i++)
        result = pdb_query(db, questions[i].sql, NULL, 0, store_int, questions[i].value);
    return result;
}

static int is_blank(const struct identity *id)
{
    return id->application_id == 0 && id->version == 0 && id->objects == 0;
}

/* 0, or why this program must leave the file alone. */
static int judge(struct pdb *db, const struct identity *id, int newest)
{
    if (is_blank(id) && db->mode == PDB_WRITE)
        return 0;
    if (is_blank(id))
        return pdb_fail(db, -ENOTSUP, "%s: it is empty, not a Quern database; a sweep creates one",
                        db->path);
    if (id->application_id != PDB_APPLICATION_ID)
        return pdb_fail(db, -ENOTSUP,
                        "%s: it is a database of another program; give another file name",
                        db->path);
    if (id->version > newest)
        return pdb_fail(
            db, -EPROTO,
            "%s: its schema version %lld is newer than this program's %d; use a newer quern",
            db->path, (long long)id->version, newest);
    if (id->version < newest && db->mode == PDB_READ)
        return pdb_fail(
            db, -EPROTO,
            "%s: its schema version %lld is older than this program's %d; upgrade it with: "
            "quern db upgrade",
            db->path, (long long)id->version, newest);
    return 0;
}

/* The reason why SQLite could not open the file at all, from the file system. */
static int explain_open(struct pdb *db)
{
    struct stat st;
    if (stat(db->path, &st) != 0 && errno == ENOENT && db->mode == PDB_READ)
        return pdb_fail(db, -ENOENT, "%s: no such file; a sweep creates it", db->path);

    char *folder = strdup(db->path);
    if (!folder)
        return pdb_fail(db, -ENOMEM, "%s: out of memory", db->path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    const char *name = slash ? folder : ".";
    int result = -EACCES;
    if (stat(name, &st) != 0)
        pdb_fail(db, result = -errno, "%s: its folder cannot be entered: %s; make it first",
                 db->path, strerror(errno));
    else if (db->mode == PDB_WRITE && access(name, W_OK) != 0)
        pdb_fail(db, result = -EROFS, "%s: its folder is read-only; give another file name",
                 db->path);
    else
        result = pdb_fail_sqlite(db, "open it");
    free(folder);
    return result;
}

char *pdb_path_uri(const char *path, const char *query)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    size_t bytes = strlen("file:") + 3 * strlen(path) + strlen(query) + 1;
    char *uri = malloc(bytes), *at = uri;
    if (!uri)
        return NULL;
    at += snprintf(at, bytes, "file:");
    for (; *path; path++)
        at += snprintf(at, 4, strchr(plain, *path) ? "%c" : "%%%02X", (unsigned char)*path);
    snprintf(at, strlen(query) + 1, "%s", query);
    return uri;
}

static int64_t wal_bytes(const struct pdb *db)
{
    char *name = malloc(strlen(db->path) + sizeof "-wal");
    struct stat st = { .st_size = 0 };
    if (!name)
        return 0;
    snprintf(name, strlen(db->path) + sizeof "-wal", "%s-wal", db->path);
    int64_t bytes = stat(name, &st) == 0 ? (int64_t)st.st_size : 0;
    free(name);
    return bytes;
}

static int open_with_flags(struct pdb *db, const char *query, int flags)
{
    char *uri = pdb_path_uri(db->path, query);
    if (!uri)
        return SQLITE_NOMEM;
    sqlite3_close(db->sql);
    db->sql = NULL;
    int code = sqlite3_open_v2(uri, &db->sql, flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
    free(uri);
    if (db->sql)
        sqlite3_busy_timeout(db->sql, BUSY_TIMEOUT_MS);
    if (code == SQLITE_OK) /* nothing is read before the first statement */
        code = sqlite3_exec(db->sql, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL);
    return code;
}

static int open_file(struct pdb *db)
{
    struct stat st;
    if (stat(db->path, &st) == 0 && S_ISDIR(st.st_mode))
        return pdb_fail(db, -EISDIR, "%s: it is a folder; give the name of a file", db->path);
    int flags =
        db->mode == PDB_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    int code = open_with_flags(db, "", flags);
    int primary = code & 0xff;
    /* Readers of a WAL file need its -shm file too. In a read-only folder there is none and
     * nobody can write, so the file can be taken as it is. */
    if (db->mode == PDB_READ && (primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY) &&
        access(db->path, R_OK) == 0 && wal_bytes(db) == 0)
        code = open_with_flags(db, "?immutable=1", flags);
    if (!db->sql)
        return pdb_fail(db, -ENOMEM, "%s: out of memory", db->path);
    if ((code & 0xff) == SQLITE_CANTOPEN)
        return explain_open(db);
    if (code != SQLITE_OK)
        return pdb_fail_sqlite(db, "open it");
    if (db->mode == PDB_WRITE && sqlite3_db_readonly(db->sql, "main") == 1)
        return pdb_fail(db, -EROFS,
                        "%s: the file is read-only; make it writable or give another name",
                        db->path);
    return 0;
}

static int report_orphan(sqlite3_stmt *stmt, void *user)
{
    struct pdb *db = user;
    return pdb_fail(db, -EBADMSG,
                    "%s: table %s refers to a missing row of %s; the upgrade was undone", db->path,
                    sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 2));
}

static int exec(struct pdb *db, const char *sql, const char *doing)
{
    errno = 0;
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return pdb_fail_sqlite(db, doing);
}

static int apply(struct pdb *db, const struct pdb_migration *m)
{
    char stamp[96];
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d",
             PDB_APPLICATION_ID, m->version);
    int result = exec(db, m->sql, "upgrade the schema");
    return result ? result : exec(db, stamp, "upgrade the schema");
}

/* Asks again inside the write lock: another process may have created or upgraded the file
 * meanwhile. */
static int migrate(struct pdb *db, const struct pdb_migration *list, size_t count)
{
    struct identity id;
    int result = exec(db, "BEGIN IMMEDIATE", "write to it");
    if (result != 0)
        return result;
    result = identify(db, &id);
    if (result == 0)
        result = judge(db, &id, list[count - 1].version);
    for (size_t i = 0; i < count && result == 0; i++)
        if (list[i].version > id.version)
            result = apply(db, &list[i]);
    if (result == 0)
        result = pdb_query(db, "PRAGMA foreign_key_check", NULL, 0, report_orphan, db);
    if (result == 0)
        result = exec(db, "COMMIT", "upgrade the schema");
    if (result != 0)
        sqlite3_exec(db->sql, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* Changing to WAL needs the file for itself for a moment, and SQLite does not wait for that. */
static int enter_wal(struct pdb *db)
{
    const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
    int code = SQLITE_BUSY;
    for (int waited_ms = 0; code == SQLITE_BUSY && waited_ms < BUSY_TIMEOUT_MS; waited_ms += 20) {
        code = sqlite3_exec(db->sql, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (code == SQLITE_BUSY)
            nanosleep(&pause, NULL);
    }
    return code == SQLITE_OK ? 0 : pdb_fail_sqlite(db, "enter write-ahead mode");
}

static int prepare_for_writing(struct pdb *db, const struct identity *id,
                               const struct pdb_migration *list, size_t count)
{
    int result = 0;
    if (id->version <
        list[count - 1].version) /* before foreign keys are on: tables may be rebuilt */
        result = migrate(db, list, count);
    if (result == 0)
        result = enter_wal(db);
    /* NORMAL in WAL mode: a killed process loses no commit, a power cut at worst the last ones, and
     * the file stays whole. Rounds over many variants write to the same pages again and again:
     * a long WAL, 64 MB, writes them back to the file once. */
    return result ? result
                  : exec(db,
                         "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL;"
                         "PRAGMA wal_autocheckpoint = 16000; PRAGMA cache_size = -65536",
                         "set it up");
}

int pdb_open_with(const char *path, enum pdb_mode mode, const struct pdb_migration *list,
                  size_t count, struct pdb **out)
{
    struct identity id;
    struct pdb *db = *out = calloc(1, sizeof *db);
    if (!db)
        return -ENOMEM;
    db->mode = mode;
    db->path = strdup(path);
    if (!db->path)
        return pdb_fail(db, -ENOMEM, "out of memory");
    int result = open_file(db);
    if (result == 0)
        result = identify(db, &id);
    if (result == 0)
        result = judge(db, &id, list[count - 1].version);
    if (result == 0 && mode == PDB_WRITE)
        result = prepare_for_writing(db, &id, list, count);
    return result;
}

int pdb_open(const char *path, enum pdb_mode mode, struct pdb **out)
{
    return pdb_open_with(path, mode, pdb_migrations, pdb_migration_count, out);
}
