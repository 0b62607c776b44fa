/* What is in a database, and whether it is sound. */
#include "perfdb/manage.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "perfdb/tables_int.h"

enum { FINDINGS_MAX = 100 };

static int store_count(sqlite3_stmt *stmt, void *user)
{
    *(int64_t *)user = sqlite3_column_int64(stmt, 0);
    return 0;
}

static int64_t file_bytes(const char *path, const char *suffix)
{
    struct stat st;
    char *name = sqlite3_mprintf("%s%s", path, suffix);
    int64_t bytes = name && stat(name, &st) == 0 ? (int64_t)st.st_size : 0;
    sqlite3_free(name);
    return bytes;
}

/* sum(max(sequence) + 1) is the count of samples (schema_1.sql): fast on a large file. */
int pdb_info(struct pdb *db, struct pdb_info *out)
{
    int64_t version = 0;
    memset(out, 0, sizeof *out);
    const struct {
        const char *sql;
        int64_t *value;
    } questions[] = {
        { "PRAGMA user_version", &version },
        { "SELECT count(*) FROM device", &out->devices },
        { "SELECT count(*) FROM core", &out->cores },
        { "SELECT count(*) FROM run", &out->runs },
        { "SELECT count(*) FROM problem", &out->problems },
        { "SELECT count(DISTINCT name) FROM variant", &out->variants },
        { "SELECT count(*) FROM measurement", &out->measurements },
        { "SELECT count(*) FROM proof", &out->proofs },
        { "SELECT coalesce(sum((SELECT max(sequence) + 1 FROM sample WHERE measurement_id = m.id)),"
          " 0) FROM measurement m",
          &out->samples },
        { "SELECT count(*) FROM sample WHERE outcome <> 0", &out->voids },
        { "SELECT count(*) FROM counter", &out->counters },
        { "SELECT coalesce(min(begin_unix_ns), 0) / 1000000000 FROM run", &out->first_unix_s },
        { "SELECT coalesce(max(begin_unix_ns), 0) / 1000000000 FROM run", &out->last_unix_s },
    };
    int result = 0;
    for (size_t i = 0; i < PDB_COUNT(questions) && result == 0; i++)
        result = pdb_query(db, questions[i].sql, NULL, 0, store_count, questions[i].value);
    out->version = (int)version;
    out->bytes = file_bytes(db->path, "") + file_bytes(db->path, "-wal");
    return result;
}

struct findings {
    void (*finding)(const char *sentence, void *user);
    void *user;
    int count;
};

/* The sentence is the first column; NULL or "ok" = nothing. */
static int take_finding(sqlite3_stmt *stmt, void *user)
{
    struct findings *f = user;
    const char *sentence = pdb_column_text(stmt, 0);
    if (!sentence[0] || strcmp(sentence, "ok") == 0)
        return 0;
    if (f->count++ < FINDINGS_MAX)
        f->finding(sentence, f->user);
    return 0;
}

/* Each gives one row with a sentence for each finding. */
static const char *const checks[] = {
    "PRAGMA integrity_check",
    "SELECT printf('table %s, row %s: refers to a missing row of %s', \"table\", rowid, parent)"
    " FROM pragma_foreign_key_check",
    "SELECT printf('run %d, measurement %d: its samples are not numbered without gaps', run_id, id)"
    " FROM measurement m WHERE (SELECT count(*) FROM sample WHERE measurement_id = m.id) <>"
    " (SELECT coalesce(max(sequence) + 1, 0) FROM sample WHERE measurement_id = m.id)",
    "SELECT printf('run %d: %s has times, but its proof says %s', m.run_id, v.name, o.name)"
    " FROM measurement m JOIN variant v ON v.id = m.variant_id JOIN proof p ON p.measurement_id = "
    "m.id"
    " JOIN outcome o ON o.id = p.outcome WHERE o.name = 'wrong'"
    " AND EXISTS (SELECT 1 FROM sample s WHERE s.measurement_id = m.id AND s.outcome = 0)",
    "SELECT printf('run %d: a counter of event %s ran for %d of %d ns, yet its sample is not void',"
    " m.run_id, e.name, c.running_ns, c.enabled_ns) FROM counter c JOIN event e ON e.id = "
    "c.event_id"
    " JOIN measurement m ON m.id = c.measurement_id JOIN sample s ON s.measurement_id ="
    " c.measurement_id AND s.sequence = c.sequence"
    " WHERE c.enabled_ns <> c.running_ns AND s.outcome = 0",
    "SELECT printf('run %d: is emulated or predicted, but %s has a time', r.id, v.name) FROM run r"
    " JOIN measurement m ON m.run_id = r.id JOIN variant v ON v.id = m.variant_id"
    " WHERE r.evidence <> 0 AND EXISTS (SELECT 1 FROM sample s WHERE s.measurement_id = m.id"
    " AND s.time_ns > 0)",
};

int pdb_check(struct pdb *db, void (*finding)(const char *sentence, void *user), void *user)
{
    struct findings f = { finding, user, 0 };
    int result = 0;
    for (size_t i = 0; i < PDB_COUNT(checks) && result == 0; i++)
        result = pdb_query(db, checks[i], NULL, 0, take_finding, &f);
    return result < 0 ? result : f.count;
}
