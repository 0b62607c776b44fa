/* perfdb on real files: what goes in comes out, versions go forward, and what is none of ours is
 * left alone. */
#include "perfdb/migrate.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "tests/perfdb_fixture.h"

/* ---- round trip */

static int check_run(const struct pdb_run_row *r, void *user)
{
    ++*(int *)user;
    T_CHECK(r->id > 0 && llabs(r->begin_unix_s - (long long)time(NULL)) < 3600);
    T_CHECK_STR(r->device_key, a_run.device_key);
    T_CHECK_STR(r->arch, a_run.arch);
    T_CHECK_STR(r->cpu, a_run.cpu);
    T_CHECK_STR(r->midr, a_run.midr);
    T_CHECK_STR(r->kernel, a_run.kernel);
    T_CHECK_STR(r->os, a_run.os);
    T_CHECK_STR(r->compiler, a_run.compiler);
    T_CHECK_STR(r->compiler_flags, a_run.compiler_flags);
    T_CHECK_STR(r->tool_version, a_run.tool_version);
    T_CHECK_STR(r->command, a_run.command);
    T_CHECK_STR(r->outcome, "complete");
    T_CHECK(r->evidence == a_run.evidence && r->seed == a_run.seed && r->rounds == a_run.rounds);
    T_CHECK(r->min_sample_ns == a_run.min_sample_ns);
    T_CHECK(r->problems == 2 && r->measurements == 5 && r->proofs_ok == 2 && r->samples == 5);
    return 0;
}

static int check_problem(const struct pdb_problem_row *p, void *user)
{
    int place = (*(int *)user)++;
    T_CHECK(p->place == place);
    T_CHECK_STR(p->problem, place ? "ic16ih8oc8kh1" : "ic8ih8oc8kh1");
    T_CHECK_STR(p->title, place ? "" : "conv1");
    T_CHECK_STR(p->network, "net");
    T_CHECK(p->times == (place ? 1 : 3) && p->macs == (place ? INT64_C(1) << 40 : 4096));
    return 0;
}

/* The five measurements that test_round_trip() writes, by name. */
static const struct {
    const char *name;
    enum hrn_outcome outcome;
    enum hrn_stage stage;
    int signal, checks;
    const char *detail;
    size_t samples, voids;
} expected[] = {
    { "v1", HRN_OK, HRN_STAGE_PROVE, 0, 99, "", 3, 1 },
    { "v2", HRN_WRONG, HRN_STAGE_PROVE, 0, 12, "at 3,4", 0, 0 },
    { "v3", HRN_CRASHED, HRN_STAGE_TIME, SIGSEGV, 0, "", 0, 0 },
    { "v4", HRN_VOID, HRN_STAGE_TIME, 0, 5, "migrated", 0, 1 },
    { "v5", HRN_VOID, HRN_STAGE_PROVE, 0, 0, "not proved", 0, 0 },
};

static int check_measurement(const struct pdb_measurement_row *m, void *user)
{
    static const int32_t rounds[] = { 0, 1, 2 };
    static const double times_ns[] = { 1250, 1500.25, 1000 };
    int at = (*(int *)user)++;
    T_CHECK_STR(m->variant, expected[at].name);
    T_CHECK_STR(m->kernel_name, "dotprod_gemm_m4n16");
    T_CHECK_STR(m->isa, "dotprod");
    T_CHECK_STR(m->family, "gemm");
    T_CHECK_STR(m->algorithm, "pointwise");
    T_CHECK(m->source_hash == 0xffffffffffffff01u && m->id > 0);
    T_CHECK(m->outcome == expected[at].outcome && m->stage == expected[at].stage);
    T_CHECK(m->signal == expected[at].signal && m->checks == expected[at].checks);
    T_CHECK_STR(m->detail, expected[at].detail);
    T_CHECK(m->sample_count == expected[at].samples && m->void_count == expected[at].voids);
    for (size_t i = 0; i < m->sample_count; i++)
        T_CHECK(m->sample_round[i] == rounds[i] && m->sample_ns[i] == times_ns[i]);
    return 0;
}

static int check_peak(const struct pdb_peak_row *p, void *user)
{
    ++*(int *)user;
    T_CHECK_STR(p->isa, "dotprod");
    T_CHECK_STR(p->kernel_name, "dotprod_peak");
    T_CHECK(p->macs_per_s == 1.25e11); /* the better of two */
    return 0;
}

static int count_outcome(const struct pdb_outcome_row *o, void *user)
{
    int64_t *variants = user;
    T_CHECK_STR(o->isa, "dotprod");
    T_CHECK_STR(o->device_key, "adb:R58M");
    T_CHECK(o->measurements == o->variants);
    variants[o->outcome] += o->variants;
    return 0;
}

static void write_samples(struct pdb *db, int64_t id)
{
    static const struct hrn_sample samples[] = {
        /* out of order: a resumed sweep may do so */
        { 2, 5, 4, 4000, 20, 2400000, 41500, 0, 1, HRN_OK, "" },
        { 0, 3, 4, 5000, 20, 0, INT32_MIN, -1, -1, HRN_OK, "" },
        { 1, 1, 4, 6001, 21, 2400000, -500, 0, 0, HRN_OK, "" },
        { 1, 2, 4, 9999, 21, 2400000, 41500, 1, 0, HRN_VOID, "migrated" },
    };
    static const struct hrn_counter counters[] = {
        { "CPU_CYCLES", INT64_MAX, 100, 100 },
        { "INST_RETIRED", 77, 100, 99 },
    };
    for (size_t i = 0; i < 4; i++)
        T_CHECK(pdb_sample(db, id, &samples[i], counters, i == 1 ? 2 : 0) == 0);
}

static void write_everything(struct pdb *db)
{
    static const struct hrn_proof proofs[] = {
        { HRN_WRONG, HRN_STAGE_PROVE, 0, 1, 12, "at 3,4" },
        { HRN_CRASHED, HRN_STAGE_TIME, SIGSEGV, 1, 0, "" },
        { HRN_OK, HRN_STAGE_PROVE, 0, 1, 5, "" },
    };
    struct hrn_sample void_sample = plain_sample;
    int64_t run_id, again, v[6] = { 0 };
    v[1] = begin_all(db, &run_id);
    T_CHECK(pdb_run_problem(db, run_id, "ic16ih8oc8kh1", NULL, "net", 1, 1, INT64_C(1) << 40) == 0);
    T_CHECK(pdb_run_problem(db, run_id, "ic16ih8oc8kh1", NULL, "net", 1, 1, INT64_C(1) << 40) == 0);
    for (int i = 2; i <= 5; i++) {
        struct pdb_variant variant = a_variant(expected[i - 1].name);
        T_CHECK(pdb_measurement(db, run_id, "ic8ih8oc8kh1", &variant, &v[i]) == 0);
        T_CHECK(pdb_measurement(db, run_id, "ic8ih8oc8kh1", &variant, &again) == 0 &&
                again == v[i]);
    }
    T_CHECK(pdb_proof(db, v[2], &proofs[0]) == 0);
    T_CHECK(pdb_proof(db, v[2], &proofs[2]) == 0); /* once wrong stays wrong */
    T_CHECK(pdb_proof(db, v[3], &proofs[2]) == 0);
    T_CHECK(pdb_proof(db, v[3], &proofs[1]) == 0);
    T_CHECK(pdb_proof(db, v[4], &proofs[2]) == 0);
    write_samples(db, v[1]);
    void_sample.outcome = HRN_VOID;
    snprintf(void_sample.detail, sizeof void_sample.detail, "migrated");
    T_CHECK(pdb_sample(db, v[4], &void_sample, NULL, 0) == 0);
    T_CHECK(pdb_peak(db, run_id, "dotprod", "dotprod_peak", 1.25e11) == 0);
    T_CHECK(pdb_peak(db, run_id, "dotprod", "dotprod_peak", 1.20e11) == 0);
    T_CHECK(pdb_run_end(db, run_id, "complete") == 0);
    T_CHECK(pdb_commit(db) == 0 && pdb_commit(db) == 0);
}

static void check_everything(struct pdb *db)
{
    int64_t run_id = 0, variants[HRN_OUTCOME_COUNT] = { 0 };
    int runs = 0, problems = 0, measurements = 0, peaks = 0, value = 0;
    T_CHECK(pdb_runs(db, check_run, &runs) == 0 && runs == 1);
    T_CHECK(pdb_latest_run(db, &run_id) == 0 && run_id > 0);
    T_CHECK(pdb_run_problems(db, run_id, check_problem, &problems) == 0 && problems == 2);
    T_CHECK(pdb_measurements(db, run_id, "ic8ih8oc8kh1", check_measurement, &measurements) == 0);
    T_CHECK(measurements == 5);
    T_CHECK(pdb_peaks(db, run_id, check_peak, &peaks) == 0 && peaks == 1);
    T_CHECK(pdb_outcomes(db, count_outcome, variants) == 0);
    T_CHECK(variants[HRN_OK] == 2 && variants[HRN_WRONG] == 1 && variants[HRN_CRASHED] == 1);
    T_CHECK(variants[HRN_VOID] == 1);
    T_CHECK(pdb_variant_knob(db, "v1", "nr", &value) == 0 && value == -16);
    T_CHECK(pdb_variant_knob(db, "v1", "kr", &value) == -ENOENT);
    T_CHECK(strstr(pdb_errmsg(db), "kr") != NULL);
}

static void test_round_trip(void)
{
    const char *path = in_folder("a?b %41#c.db"); /* a name that a URI would misread */
    struct pdb *db = open_ok(path, PDB_WRITE);
    write_everything(db);
    check_everything(db);
    pdb_close(db);
    db = open_ok(path, PDB_READ);
    check_everything(db);
    int64_t run_id;
    T_CHECK(pdb_run_begin(db, &a_run, &run_id) == -EROFS && run_id == 0);
    pdb_close(db);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM counter JOIN event ON event.id = event_id"
                          " WHERE name = 'INST_RETIRED' AND value = 77 AND running_ns = 99") == 1);
    T_CHECK(raw_sql(path, "SELECT max(value) FROM counter") == INT64_MAX);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM sample WHERE freq_khz IS NULL AND temp_mc IS NULL"
                          " AND migrations IS NULL AND context_switches IS NULL") == 2);
    T_CHECK(raw_sql(path,
                    "SELECT count(*) FROM sample WHERE round = 2 AND position = 5 AND calls = 4"
                    " AND time_ns = 4000 AND overhead_ns = 20 AND freq_khz = 2400000"
                    " AND temp_mc = 41500 AND migrations = 0 AND context_switches = 1"
                    " AND outcome = 0 AND detail = ''") == 1);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM pragma_foreign_key_check") == 0);
}

/* The words in the file are those of record.h. */
static void test_names(void)
{
    const char *path = in_folder("names.db");
    char sql[128];
    pdb_close(open_ok(path, PDB_WRITE));
    const struct {
        const char *table;
        const char *const *names;
        int count;
    } tables[] = { { "outcome", hrn_outcome_names, HRN_OUTCOME_COUNT },
                   { "evidence", hrn_evidence_names, HRN_EVIDENCE_COUNT },
                   { "stage", hrn_stage_names, HRN_STAGE_COUNT } };
    for (size_t t = 0; t < 3; t++) {
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[t].table);
        T_CHECK(raw_sql(path, sql) == tables[t].count);
        for (int i = 0; i < tables[t].count; i++) {
            snprintf(sql, sizeof sql, "SELECT id FROM %s WHERE name = '%s'", tables[t].table,
                     tables[t].names[i]);
            T_CHECK(raw_sql(path, sql) == i);
        }
    }
}

static int stop_at_first(const struct pdb_measurement_row *m, void *user)
{
    int value = 0;
    T_CHECK(pdb_variant_knob(user, m->variant, "mr", &value) == 0 &&
            value == 4); /* a query in a query */
    return 42;
}

/* What does not fit the schema is refused whole and leaves the transaction usable. */
static void test_rules(void)
{
    struct pdb *db = open_ok(in_folder("rules.db"), PDB_WRITE);
    int64_t run_id, id;
    T_CHECK(pdb_latest_run(db, &run_id) == -ENOENT && strstr(pdb_errmsg(db), "no run") != NULL);
    id = begin_all(db, &run_id);
    const struct hrn_counter twice[] = { { "CPU_CYCLES", 1, 1, 1 }, { "CPU_CYCLES", 2, 1, 1 } };
    struct hrn_sample bad = plain_sample;
    bad.outcome = (enum hrn_outcome)99;
    T_CHECK(pdb_sample(db, id, &bad, NULL, 0) == -EINVAL);
    bad = plain_sample;
    bad.calls = 0;
    T_CHECK(pdb_sample(db, id, &bad, NULL, 0) == -EINVAL);
    T_CHECK(pdb_sample(db, id, &plain_sample, twice, 2) == -EINVAL);
    T_CHECK(pdb_sample(db, id + 1000, &plain_sample, NULL, 0) == -EINVAL);
    T_CHECK(pdb_run_end(db, run_id, "splendid") == -EINVAL);
    T_CHECK(pdb_run_end(db, run_id + 1, "complete") == -ENOENT);
    T_CHECK(pdb_sample(db, id, &plain_sample, twice, 1) == 0);
    T_CHECK(pdb_commit(db) == 0);
    T_CHECK(pdb_measurements(db, run_id, "ic8ih8oc8kh1", stop_at_first, db) == 42);
    pdb_close(db);
    T_CHECK(raw_sql(in_folder("rules.db"), "SELECT count(*) FROM sample") == 1);
    T_CHECK(raw_sql(in_folder("rules.db"), "SELECT count(*) FROM counter") == 1);
}

/* Two runs of one core that begin in the same instant are two runs. */
static void test_many_runs(void)
{
    struct pdb *db = open_ok(in_folder("runs.db"), PDB_WRITE);
    int64_t run_id, last = 0;
    for (int i = 0; i < 200; i++)
        T_CHECK(pdb_run_begin(db, &a_run, &run_id) == 0 && run_id != last && (last = run_id) > 0);
    T_CHECK(pdb_latest_run(db, &run_id) == 0 && run_id == last);
    pdb_close(db); /* commits */
    T_CHECK(raw_sql(in_folder("runs.db"), "SELECT count(DISTINCT begin_unix_ns) FROM run") == 200);
    T_CHECK(raw_sql(in_folder("runs.db"), "SELECT count(*) FROM core") == 1);
}

static void raw_exec(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    T_CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    T_CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

/* ---- versions */

static void test_versions(void)
{
    static const char *add_column =
        "ALTER TABLE tool ADD COLUMN commit_hash TEXT NOT NULL DEFAULT ''";
    const struct pdb_migration next[] = { pdb_migrations[0], { 2, add_column } };
    const struct pdb_migration broken[] = { pdb_migrations[0],
                                            { 2, "CREATE TABLE tool2 (x); nonsense" } };
    const struct pdb_migration orphans[] = {
        pdb_migrations[0], { 2, "INSERT INTO peak VALUES (999, 'x', 0, 'y', 1.0)" }
    };
    const char *path = in_folder("versions.db");
    struct pdb *db = open_ok(path, PDB_WRITE);
    write_everything(db);
    pdb_close(db);
    T_CHECK(raw_sql(path, "PRAGMA application_id") == PDB_APPLICATION_ID);
    T_CHECK(raw_sql(path, "PRAGMA user_version") ==
            pdb_migrations[pdb_migration_count - 1].version);

    /* a newer program reads the file only after an upgrade; a failed upgrade leaves it as it was */
    T_CHECK(pdb_open_with(path, PDB_READ, next, 2, &db) == -EPROTO);
    T_CHECK(strstr(pdb_errmsg(db), "older") != NULL);
    pdb_close(db);
    T_CHECK(pdb_open_with(path, PDB_WRITE, broken, 2, &db) < 0);
    pdb_close(db);
    T_CHECK(pdb_open_with(path, PDB_WRITE, orphans, 2, &db) == -EBADMSG);
    T_CHECK(strstr(pdb_errmsg(db), "peak") != NULL);
    pdb_close(db);
    T_CHECK(raw_sql(path, "PRAGMA user_version") == 1);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'tool2'") == 0);
    T_CHECK(pdb_open_with(path, PDB_WRITE, next, 2, &db) == 0);
    check_everything(db);
    pdb_close(db);
    T_CHECK(raw_sql(path, "PRAGMA user_version") == 2);
    T_CHECK(raw_sql(path, "SELECT count(commit_hash) FROM tool") == 1);

    /* this program refuses the newer file, and leaves it alone */
    check_refused(path, PDB_READ, -EPROTO, "newer than this program's 1");
    check_refused(path, PDB_WRITE, -EPROTO, "newer than this program's 1");
    T_CHECK(raw_sql(path, "PRAGMA user_version") == 2);
}

/* ---- files that are none of ours, or damaged */

static void test_foreign(void)
{
    const char *path = in_folder("notes.txt");
    char text[4096];
    memset(text, 'x', sizeof text);
    write_file(path, text, sizeof text);
    check_refused(path, PDB_WRITE, -ENOTSUP, "not a Quern database");
    check_refused(path, PDB_READ, -ENOTSUP, "not a Quern database");

    write_file(path, "hello\n", 6);
    check_refused(path, PDB_READ, -ENOTSUP, "not a Quern database");

    path = in_folder("other.db");
    raw_exec(path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (5)");
    check_refused(path, PDB_WRITE, -ENOTSUP, "another program");
    check_refused(path, PDB_READ, -ENOTSUP, "another program");
    T_CHECK(raw_sql(path, "SELECT x FROM theirs") == 5);
    T_CHECK(access(in_folder("other.db-wal"), F_OK) != 0); /* not even turned to WAL */

    path = in_folder("empty.db");
    write_file(path, "", 0);
    check_refused(path, PDB_READ, -ENOTSUP, "empty");
    pdb_close(open_ok(path, PDB_WRITE)); /* an empty file may become ours */

    check_refused(in_folder("missing.db"), PDB_READ, -ENOENT, "no such file");
    check_refused(in_folder("no/such/folder.db"), PDB_WRITE, -ENOENT, "folder");
    check_refused(folder, PDB_WRITE, -EISDIR, "is a folder");
    check_refused(folder, PDB_READ, -EISDIR, "is a folder");
}

static void test_truncated(void)
{
    const char *path = in_folder("cut.db");
    struct stat st = { 0 };
    struct pdb *db = open_ok(path, PDB_WRITE);
    write_everything(db);
    pdb_close(db);
    T_CHECK(stat(path, &st) == 0 && st.st_size > 40000);
    T_CHECK(truncate(path, st.st_size / 2) == 0);
    check_refused(path, PDB_READ, -EBADMSG, "cut off");
    check_refused(path, PDB_WRITE, -EBADMSG, "cut off");
    T_CHECK(truncate(path, 50) == 0);
    check_refused(path, PDB_READ, -EBADMSG, "cut off");
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    make_folder();
    test_round_trip();
    test_names();
    test_rules();
    test_many_runs();
    test_versions();
    test_foreign();
    test_truncated();
    remove_folder();
    return t_end();
}
