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
    T_CHECK(r->problems == 2 && r->measurements == 5 && r->proofs_ok == 2 && r->samples == 8);
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
    T_CHECK(m->twin.count == (at == 0) && m->canary.count == (at == 0));
    T_CHECK(at || (m->twin.round[0] == 0 && m->twin.ns[0] == 1100 && m->canary.ns[0] == 1200));
    T_CHECK(m->code_bytes == (at ? 0 : 640) && m->callee_saved == (at ? -1 : 8));
    T_CHECK(m->workspace_bytes == (at ? 0 : 4096));
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
        { .round = 2,
          .position = 5,
          .calls = 4,
          .time_ns = 4000,
          .overhead_ns = 20,
          .freq_khz = 2400000,
          .temp_mc = 41500,
          .context_switches = 1 },
        { .position = 3,
          .calls = 4,
          .time_ns = 5000,
          .overhead_ns = 20,
          .temp_mc = INT32_MIN,
          .migrations = -1,
          .context_switches = -1,
          .pass = 1,
          .current_ua = 250000 },
        { .round = 1,
          .position = 1,
          .calls = 4,
          .time_ns = 6001,
          .overhead_ns = 21,
          .freq_khz = 2400000,
          .temp_mc = -500 },
        { .round = 1,
          .position = 2,
          .calls = 4,
          .time_ns = 9999,
          .overhead_ns = 21,
          .freq_khz = 2400000,
          .temp_mc = 41500,
          .migrations = 1,
          .outcome = HRN_VOID,
          .detail = "migrated" },
        { .position = 6,
          .calls = 4,
          .time_ns = 4400,
          .overhead_ns = 20,
          .temp_mc = INT32_MIN,
          .migrations = -1,
          .context_switches = -1,
          .role = HRN_TWIN },
        { .round = 1,
          .calls = 4,
          .time_ns = 4800,
          .overhead_ns = 20,
          .temp_mc = INT32_MIN,
          .migrations = -1,
          .context_switches = -1,
          .role = HRN_CANARY },
        { .round = 2,
          .calls = 4,
          .time_ns = 9999,
          .overhead_ns = 20,
          .temp_mc = INT32_MIN,
          .migrations = -1,
          .context_switches = -1,
          .outcome = HRN_VOID,
          .detail = "moved",
          .role = HRN_CANARY },
    };
    static const struct hrn_counter counters[] = {
        { "CPU_CYCLES", INT64_MAX, 100, 100 },
        { "INST_RETIRED", 77, 100, 99 },
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++)
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
                          " AND migrations IS NULL AND context_switches IS NULL"
                          " AND role = 0") == 2);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM sample WHERE pass = 1 AND current_ua = 250000") ==
            1);
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
                   { "stage", hrn_stage_names, HRN_STAGE_COUNT },
                   { "role", hrn_role_names, HRN_ROLE_COUNT } };
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
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

/* The versions of this program and one more. */
static size_t with_next(const char *sql, struct pdb_migration out[16])
{
    memcpy(out, pdb_migrations, pdb_migration_count * sizeof *out);
    out[pdb_migration_count] = (struct pdb_migration) { (int)pdb_migration_count + 1, sql };
    return pdb_migration_count + 1;
}

static void refuse_upgrade(const char *path, const char *sql, int error, const char *words)
{
    struct pdb_migration list[16];
    struct pdb *db;
    size_t count = with_next(sql, list);
    int result = pdb_open_with(path, PDB_WRITE, list, count, &db);
    T_CHECK(error ? result == error : result < 0);
    T_CHECK(strstr(pdb_errmsg(db), words) != NULL);
    pdb_close(db);
    T_CHECK(raw_sql(path, "PRAGMA user_version") == (int64_t)pdb_migration_count);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM sqlite_schema WHERE name = 'tool2'") == 0);
}

static void test_versions(void)
{
    struct pdb_migration next[16];
    size_t count =
        with_next("ALTER TABLE tool ADD COLUMN commit_hash TEXT NOT NULL DEFAULT ''", next);
    const char *path = in_folder("versions.db");
    char newer[64];
    struct pdb *db = open_ok(path, PDB_WRITE);
    write_everything(db);
    pdb_close(db);
    T_CHECK(raw_sql(path, "PRAGMA application_id") == PDB_APPLICATION_ID);
    T_CHECK(raw_sql(path, "PRAGMA user_version") == (int64_t)pdb_migration_count);

    /* a newer program reads the file only after an upgrade; a failed upgrade leaves it as it was */
    T_CHECK(pdb_open_with(path, PDB_READ, next, count, &db) == -EPROTO);
    T_CHECK(strstr(pdb_errmsg(db), "quern db upgrade") != NULL);
    pdb_close(db);
    refuse_upgrade(path, "CREATE TABLE tool2 (x); nonsense", 0, "upgrade the schema");
    refuse_upgrade(path, "INSERT INTO peak VALUES (999, 'x', 0, 'y', 1.0)", -EBADMSG, "peak");
    T_CHECK(pdb_open_with(path, PDB_WRITE, next, count, &db) == 0);
    check_everything(db);
    pdb_close(db);
    T_CHECK(raw_sql(path, "PRAGMA user_version") == (int64_t)count);
    T_CHECK(raw_sql(path, "SELECT count(commit_hash) FROM tool") == 1);

    /* this program refuses the newer file, and leaves it alone */
    snprintf(newer, sizeof newer, "newer than this program's %zu", pdb_migration_count);
    check_refused(path, PDB_READ, -EPROTO, newer);
    check_refused(path, PDB_WRITE, -EPROTO, newer);
    T_CHECK(raw_sql(path, "PRAGMA user_version") == (int64_t)count);
}

/* A file of each version that was ever written comes up to date with all that it holds. */
static void test_old_versions(void)
{
    for (size_t version = 1; version < pdb_migration_count; version++) {
        const char *path = in_folder("old.db");
        struct pdb *db;
        int64_t run_id;
        T_CHECK(pdb_open_with(path, PDB_WRITE, pdb_migrations, version, &db) == 0);
        pdb_close(db);
        raw_exec(path,
                 "INSERT INTO device VALUES (1, 'local', 'x86_64', '6.1', 'Debian');"
                 "INSERT INTO core VALUES (1, 1, 0, 'EPYC', '25-1-1');"
                 "INSERT INTO compiler VALUES (1, 'gcc', '-O2');"
                 "INSERT INTO tool VALUES (1, '0.1.0');"
                 "INSERT INTO run (id, core_id, begin_unix_ns, compiler_id, tool_id, evidence,"
                 " command, seed, min_sample_ns, rounds) VALUES (5, 1, 9, 1, 1, 0, '', 1, 2, 3);"
                 "INSERT INTO problem VALUES (1, 'ic8ih8oc8kh1');"
                 "INSERT INTO variant VALUES (1, 'v', 7, 'v', 'avx2', 'gemm');"
                 "INSERT INTO measurement (id, run_id, problem_id, variant_id, algorithm)"
                 " VALUES (1, 5, 1, 1, 'pointwise');"
                 "INSERT INTO sample (measurement_id, sequence, round, position, calls, time_ns,"
                 " overhead_ns, outcome, detail) VALUES (1, 0, 0, 0, 2, 50, 1, 0, '')");
        check_refused(path, PDB_READ, -EPROTO, "older than this program's");
        db = open_ok(path, PDB_WRITE);
        T_CHECK(pdb_latest_run(db, &run_id) == 0 && run_id == 5);
        pdb_close(db);
        T_CHECK(raw_sql(path, "SELECT time_ns FROM sample WHERE role = 0 AND pass = 0") == 50);
        remove_file("old.db");
    }
}

static int check_fact(const char *name, const char *value, void *user)
{
    T_CHECK_STR(name, *(int *)user ? "paranoid" : "governor");
    T_CHECK_STR(value, *(int *)user ? "2" : "performance");
    ++*(int *)user;
    return 0;
}

static int check_probe(const struct pdb_event_probe *p, void *user)
{
    T_CHECK_STR(p->event, *(int *)user ? "LD_SPEC" : "INST_RETIRED");
    T_CHECK_STR(p->verdict, *(int *)user ? "not implemented" : "ok");
    T_CHECK(p->seen == (*(int *)user ? -1 : 1002) && p->expected == 1000);
    ++*(int *)user;
    return 0;
}

static int check_bandwidth(const struct pdb_bandwidth *b, void *user)
{
    ++*(int *)user;
    T_CHECK_STR(b->level, "L1d");
    T_CHECK(b->working_set_bytes == 16384 && b->bytes_per_s == 2e11 && b->bytes_per_cycle == 0);
    return 0;
}

static int check_counter(const struct pdb_counter_row *c, void *user)
{
    T_CHECK_STR(c->event, *(int *)user ? "INST_RETIRED" : "CPU_CYCLES");
    T_CHECK(c->calls == 4 && c->time_ns == 5000 && c->round == 0 && c->pass == 1);
    ++*(int *)user;
    return 0;
}

/* Facts, probes and bandwidths of a core are known to every later run of it. */
static void test_facts(void)
{
    static const struct pdb_event_probe probes[] = {
        { "INST_RETIRED", "lies", "first try", 1000, 7 },
        { "INST_RETIRED", "ok", "", 1000, 1002 },
        { "LD_SPEC", "not implemented", "not in PMCEID", 1000, -1 },
    };
    static const struct pdb_bandwidth l1 = { "L1d", 16384, 2e11, 0 };
    int64_t run_id, later;
    int facts = 0, seen = 0, bandwidths = 0, counters = 0;
    struct pdb *db = open_ok(in_folder("facts.db"), PDB_WRITE);
    int64_t id = begin_all(db, &run_id);
    write_samples(db, id);
    T_CHECK(pdb_run_fact(db, run_id, "paranoid", "2") == 0);
    T_CHECK(pdb_run_fact(db, run_id, "governor", "performance") == 0);
    T_CHECK(pdb_run_fact(db, run_id, "governor", "schedutil") == 0);
    for (size_t i = 0; i < 3; i++)
        T_CHECK(pdb_event_probe(db, run_id, &probes[i]) == 0);
    T_CHECK(pdb_bandwidth(db, run_id, &l1) == 0 && pdb_bandwidth(db, run_id, &l1) == 0);
    T_CHECK(pdb_run_begin(db, &a_run, &later) == 0);
    T_CHECK(pdb_run_facts(db, run_id, check_fact, &facts) == 0 && facts == 2);
    T_CHECK(pdb_event_probes(db, later, check_probe, &seen) == 0 && seen == 2);
    T_CHECK(pdb_bandwidths(db, later, check_bandwidth, &bandwidths) == 0 && bandwidths == 1);
    T_CHECK(pdb_counters(db, id, check_counter, &counters) == 0 && counters == 2);
    pdb_close(db);
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
    test_old_versions();
    test_facts();
    test_foreign();
    test_truncated();
    remove_folder();
    return t_end();
}
