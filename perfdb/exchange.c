/* The table of formats, and importing: into a temporary database first, then by merging. */
#include "perfdb/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "perfdb/exchange_int.h"
#include "perfdb/tables_int.h"

const struct pdb_format pdb_formats[] = {
    { "jsonl", ".jsonl", "JSON lines: every row of every table, lossless", 0, pdb_jsonl_write,
      pdb_jsonl_read },
    { "csv", ".csv", "one row per sample, with all that is known of it and its counters", 0,
      pdb_csv_write, pdb_csv_read },
    { "gbench", ".json", "Google Benchmark's JSON: one entry per sample", 1, pdb_gbench_write,
      pdb_gbench_read },
    { "t4", ".t4.json", "the T4 results of auto-tuners (Kernel Tuner): one per variant", 1,
      pdb_t4_write, pdb_t4_read },
};
const size_t pdb_format_count = PDB_COUNT(pdb_formats);

const struct pdb_format *pdb_format_find(const char *name)
{
    for (size_t i = 0; i < pdb_format_count; i++)
        if (strcmp(pdb_formats[i].name, name) == 0)
            return &pdb_formats[i];
    return NULL;
}

static int read_fresh(struct pdb *db, const char *path, const struct pdb_format *format, FILE *in,
                      const struct pdb_import_options *options)
{
    struct pdb *fresh = NULL;
    int result = pdb_open(path, PDB_WRITE, &fresh);
    if (result == 0)
        result = pdb_exec(fresh, "BEGIN", "begin");
    if (result == 0)
        result = format->read(fresh, in, options);
    if (result == 0)
        result = pdb_exec(fresh, "COMMIT", "keep what was read");
    if (result < 0)
        pdb_fail(db, result, "%s", pdb_errmsg(fresh));
    pdb_close(fresh);
    return result;
}

static void remove_temporary(char *folder, const char *path)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < PDB_COUNT(suffixes); i++) {
        char *name = sqlite3_mprintf("%s%s", path, suffixes[i]);
        if (name)
            unlink(name);
        sqlite3_free(name);
    }
    rmdir(folder);
}

int pdb_import(struct pdb *db, const struct pdb_format *format, FILE *in,
               const struct pdb_import_options *options, struct pdb_merged *out)
{
    const char *base = getenv("TMPDIR");
    char *folder = sqlite3_mprintf("%s/quern-import.XXXXXX", base ? base : "/tmp"), *path = NULL;
    memset(out, 0, sizeof *out);
    if (!folder || !mkdtemp(folder)) {
        int error = folder ? -errno : -ENOMEM;
        pdb_fail(db, error, "%s: no temporary folder can be made there: %s; set TMPDIR",
                 folder ? folder : "", strerror(-error));
        sqlite3_free(folder);
        return error;
    }
    path = sqlite3_mprintf("%s/import.db", folder);
    int result = path ? read_fresh(db, path, format, in, options) : -ENOMEM;
    if (result == 0)
        result = pdb_merge(db, path, out);
    if (path)
        remove_temporary(folder, path);
    sqlite3_free(path);
    sqlite3_free(folder);
    return result;
}
