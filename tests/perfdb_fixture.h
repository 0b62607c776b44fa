/* What the tests of perfdb share: a folder of their own, rows to write, SQL behind perfdb's back.
 */
#ifndef QUERN_TESTS_PERFDB_FIXTURE_H
#define QUERN_TESTS_PERFDB_FIXTURE_H

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "perfdb/perfdb.h"
#include "tests/t.h"

static char folder[256];

static inline const char *in_folder(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    char *out = path[turn++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static inline void make_folder(void)
{
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/quern_perfdb.XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder) || chmod(folder, 0755) != 0) {
        printf("cannot make %s\n", folder);
        exit(1);
    }
}

static inline void remove_file(const char *name)
{
    char path[600];
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", in_folder(name), suffixes[i]);
        unlink(path);
    }
}

static inline void remove_folder(void)
{
    DIR *dir = opendir(folder);
    for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir))
        unlink(in_folder(e->d_name));
    if (dir)
        closedir(dir);
    T_CHECK(rmdir(folder) == 0);
}

static inline void write_file(const char *path, const char *text, size_t bytes)
{
    FILE *f = fopen(path, "w");
    T_CHECK(f && fwrite(text, 1, bytes, f) == bytes);
    if (f)
        fclose(f);
}

/* Runs SQL behind perfdb's back. The first column of the first row, -1 if none or on failure. */
static inline int64_t raw_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t value = -1;
    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

/* pdb_open() must fail with `error` and a sentence that has `words` in it. */
static inline void check_refused(const char *path, enum pdb_mode mode, int error, const char *words)
{
    struct pdb *db = NULL;
    int result = pdb_open(path, mode, &db);
    if (!T_CHECK(result == error) || !T_CHECK(strstr(pdb_errmsg(db), words) != NULL))
        printf("  got %d: %s\n", result, pdb_errmsg(db));
    pdb_close(db);
}

static inline struct pdb *open_ok(const char *path, enum pdb_mode mode)
{
    struct pdb *db = NULL;
    if (!T_CHECK(pdb_open(path, mode, &db) == 0)) {
        printf("  %s\n", pdb_errmsg(db));
        exit(1);
    }
    return db;
}

static const struct pdb_run a_run = {
    .device_key = "adb:R58M",
    .arch = "aarch64",
    .cpu = "Cortex-A76",
    .midr = "0x414fd0b1",
    .kernel = "5.4.210",
    .os = "Android 13",
    .cpu_index = 6,
    .evidence = HRN_MEASURED,
    .compiler = "gcc 12.2.0",
    .compiler_flags = "-O2",
    .tool_version = "0.1.0",
    .command = "quern sweep 'x'",
    .seed = 0xfedcba9876543210u,
    .min_sample_ns = 2000000,
    .rounds = 9,
};

static const char *const knob_names[] = { "mr", "nr" };
static const int knob_values[] = { 4, -16 };

static inline struct pdb_variant a_variant(const char *name)
{
    return (struct pdb_variant) {
        .name = name,
        .kernel_name = "dotprod_gemm_m4n16",
        .isa = "dotprod",
        .family = "gemm",
        .algorithm = "pointwise",
        .source_hash = 0xffffffffffffff01u,
        .knob_names = knob_names,
        .knob_values = knob_values,
        .knob_count = 2,
    };
}

static const struct hrn_sample plain_sample = {
    .round = 0,
    .calls = 4,
    .time_ns = 5000,
    .temp_mc = INT32_MIN,
    .migrations = -1,
    .context_switches = -1,
    .outcome = HRN_OK,
};

/* One run with one problem and one proved measurement. */
static inline int64_t begin_all(struct pdb *db, int64_t *run_id)
{
    const struct hrn_proof proof = {
        .outcome = HRN_OK, .stage = HRN_STAGE_PROVE, .seed = 7, .checks = 99
    };
    struct pdb_variant variant = a_variant("v1");
    int64_t measurement_id = 0;
    variant.code_bytes = 640;
    variant.callee_saved = 8;
    variant.workspace_bytes = 4096;
    T_CHECK(pdb_run_begin(db, &a_run, run_id) == 0);
    T_CHECK(pdb_run_problem(db, *run_id, "ic8ih8oc8kh1", "conv1", "net", 0, 3, 4096) == 0);
    T_CHECK(pdb_measurement(db, *run_id, "ic8ih8oc8kh1", &variant, &measurement_id) == 0);
    T_CHECK(pdb_proof(db, measurement_id, &proof) == 0);
    return measurement_id;
}

#endif
