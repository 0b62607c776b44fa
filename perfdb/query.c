/* Everything that reads. Each query prepares its own statement, so that a callback may query
 * again. */
#include "perfdb/perfdb.h"

#include <errno.h>
#include <stdlib.h>

#include "perfdb/perfdb_int.h"

const char *pdb_column_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *t = sqlite3_column_text(stmt, column);
    return t ? (const char *)t : "";
}

/* A public callback and its argument on their way through pdb_query(). */
struct run_walk {
    int (*row)(const struct pdb_run_row *, void *);
    void *user;
};

/* Columns in the order of RUNS_SQL. max(sequence) + 1 is the count of samples (schema_1.sql). */
#define RUNS_SQL                                                                                   \
    "SELECT run.id, run.begin_unix_ns / 1000000000, device.key, device.arch, core.cpu, core.midr," \
    " device.kernel, device.os, compiler.version, compiler.flags, tool.version, run.command,"      \
    " run.outcome, run.evidence, run.seed, run.rounds, run.min_sample_ns,"                         \
    " (SELECT count(DISTINCT problem_id) FROM run_problem WHERE run_id = run.id),"                 \
    " (SELECT count(*) FROM measurement WHERE run_id = run.id),"                                   \
    " (SELECT count(*) FROM measurement m WHERE m.run_id = run.id"                                 \
    "  AND EXISTS (SELECT 1 FROM proof WHERE measurement_id = m.id)"                               \
    "  AND NOT EXISTS (SELECT 1 FROM proof WHERE measurement_id = m.id AND outcome <> 0)),"        \
    " (SELECT coalesce(sum((SELECT max(sequence) + 1 FROM sample WHERE measurement_id = m.id)), "  \
    "0)"                                                                                           \
    "  FROM measurement m WHERE m.run_id = run.id)"                                                \
    " FROM run JOIN core ON core.id = run.core_id JOIN device ON device.id = core.device_id"       \
    " JOIN compiler ON compiler.id = run.compiler_id JOIN tool ON tool.id = run.tool_id"           \
    " ORDER BY run.begin_unix_ns, run.id"

static int give_run(sqlite3_stmt *s, void *user)
{
    const struct run_walk *walk = user;
    const struct pdb_run_row row = {
        .id = sqlite3_column_int64(s, 0),
        .begin_unix_s = sqlite3_column_int64(s, 1),
        .device_key = pdb_column_text(s, 2),
        .arch = pdb_column_text(s, 3),
        .cpu = pdb_column_text(s, 4),
        .midr = pdb_column_text(s, 5),
        .kernel = pdb_column_text(s, 6),
        .os = pdb_column_text(s, 7),
        .compiler = pdb_column_text(s, 8),
        .compiler_flags = pdb_column_text(s, 9),
        .tool_version = pdb_column_text(s, 10),
        .command = pdb_column_text(s, 11),
        .outcome = pdb_column_text(s, 12),
        .evidence = (enum hrn_evidence)sqlite3_column_int(s, 13),
        .seed = (uint64_t)sqlite3_column_int64(s, 14),
        .rounds = sqlite3_column_int(s, 15),
        .min_sample_ns = sqlite3_column_int64(s, 16),
        .problems = sqlite3_column_int64(s, 17),
        .measurements = sqlite3_column_int64(s, 18),
        .proofs_ok = sqlite3_column_int64(s, 19),
        .samples = sqlite3_column_int64(s, 20),
    };
    return walk->row(&row, walk->user);
}

int pdb_runs(struct pdb *db, int (*row)(const struct pdb_run_row *, void *), void *user)
{
    struct run_walk walk = { row, user };
    return pdb_query(db, RUNS_SQL, NULL, 0, give_run, &walk);
}

static int store_id(sqlite3_stmt *s, void *user)
{
    *(int64_t *)user = sqlite3_column_int64(s, 0);
    return 0;
}

int pdb_latest_run(struct pdb *db, int64_t *run_id)
{
    *run_id = 0;
    int result = pdb_query(db,
                           "SELECT id FROM run ORDER BY"
                           " EXISTS (SELECT 1 FROM run_problem WHERE run_id = run.id) DESC,"
                           " begin_unix_ns DESC, id DESC LIMIT 1",
                           NULL, 0, store_id, run_id);
    if (result == 0 && *run_id == 0)
        return pdb_fail(db, -ENOENT, "%s: it has no run yet; sweep something into it", db->path);
    return result;
}

struct problem_walk {
    int (*row)(const struct pdb_problem_row *, void *);
    void *user;
};

static int give_problem(sqlite3_stmt *s, void *user)
{
    const struct problem_walk *walk = user;
    const struct pdb_problem_row row = {
        .problem = pdb_column_text(s, 0),
        .title = pdb_column_text(s, 1),
        .network = pdb_column_text(s, 2),
        .place = sqlite3_column_int(s, 3),
        .times = sqlite3_column_int(s, 4),
        .macs = sqlite3_column_int64(s, 5),
    };
    return walk->row(&row, walk->user);
}

int pdb_run_problems(struct pdb *db, int64_t run_id,
                     int (*row)(const struct pdb_problem_row *, void *), void *user)
{
    struct problem_walk walk = { row, user };
    const struct pdb_value key = pdb_int(run_id);
    return pdb_query(db,
                     "SELECT problem.canonical, title, network, place, times, macs FROM run_problem"
                     " JOIN problem ON problem.id = problem_id WHERE run_id = ?1"
                     " ORDER BY network, place, canonical",
                     &key, 1, give_problem, &walk);
}

/* The samples of one measurement that have one role; the arrays are kept from one measurement to
 * the next. */
struct sample_list {
    int32_t *round;
    double *time_ns;
    size_t count, capacity;
};

struct sample_lists {
    struct sample_list role[HRN_ROLE_COUNT];
    size_t void_count; /* of candidates */
    char void_detail[HRN_DETAIL_MAX];
};

static int list_reserve(struct sample_list *list)
{
    if (list->count < list->capacity)
        return 0;
    size_t capacity = list->capacity ? 2 * list->capacity : 64;
    int32_t *round = realloc(list->round, capacity * sizeof *round);
    if (round)
        list->round = round;
    double *time_ns = realloc(list->time_ns, capacity * sizeof *time_ns);
    if (time_ns)
        list->time_ns = time_ns;
    if (!round || !time_ns)
        return -ENOMEM;
    list->capacity = capacity;
    return 0;
}

static int list_add(sqlite3_stmt *s, void *user)
{
    struct sample_lists *lists = user;
    int role = sqlite3_column_int(s, 5);
    struct sample_list *list = &lists->role[role];
    if (sqlite3_column_int(s, 3) != HRN_OK) {
        if (role != HRN_CANDIDATE)
            return 0;
        lists->void_count++;
        sqlite3_snprintf(sizeof lists->void_detail, lists->void_detail, "%s",
                         pdb_column_text(s, 4));
        return 0;
    }
    if (list_reserve(list) != 0)
        return -ENOMEM;
    list->round[list->count] = sqlite3_column_int(s, 0);
    list->time_ns[list->count] = sqlite3_column_double(s, 1) / sqlite3_column_double(s, 2);
    list->count++;
    return 0;
}

static int lists_read(struct pdb *db, int64_t measurement_id, struct sample_lists *lists)
{
    const struct pdb_value key = pdb_int(measurement_id);
    for (int role = 0; role < HRN_ROLE_COUNT; role++)
        lists->role[role].count = 0;
    lists->void_count = 0;
    lists->void_detail[0] = '\0';
    int result = pdb_query(db,
                           "SELECT round, time_ns, calls, outcome, detail, role FROM sample"
                           " WHERE measurement_id = ?1 ORDER BY round, sequence",
                           &key, 1, list_add, lists);
    return result == -ENOMEM ? pdb_fail(db, result, "%s: out of memory", db->path) : result;
}

static struct pdb_series series(const struct sample_list *list)
{
    return (struct pdb_series) { list->round, list->time_ns, list->count };
}

struct measurement_walk {
    struct pdb *db;
    struct sample_lists samples;
    int (*row)(const struct pdb_measurement_row *, void *);
    void *user;
};

/* The proof that says the worst: failures in the order of the enum, success only if nothing failed.
 * Nothing stored of it at all means that it was never proved, so its times mean nothing. */
#define MEASUREMENTS_SQL                                                                           \
    "SELECT m.id, v.name, v.kernel_name, v.isa, v.family, m.algorithm, v.source_hash,"             \
    " coalesce(p.outcome, 7), coalesce(p.stage, 1), coalesce(p.signal, 0), coalesce(p.checks, 0)," \
    " coalesce(p.detail, 'not proved'), coalesce(m.code_bytes, 0),"                                \
    " coalesce(m.workspace_bytes, 0), coalesce(m.callee_saved, -1)"                                \
    " FROM measurement m JOIN problem ON problem.id = m.problem_id JOIN variant v ON v.id = "      \
    "m.variant_id"                                                                                 \
    " LEFT JOIN proof p ON p.measurement_id = m.id AND p.sequence = (SELECT sequence FROM proof"   \
    "  WHERE measurement_id = m.id ORDER BY outcome = 0, outcome, sequence DESC LIMIT 1)"          \
    " WHERE m.run_id = ?1 AND problem.canonical = ?2 ORDER BY v.name, m.id"

static int give_measurement(sqlite3_stmt *s, void *user)
{
    struct measurement_walk *walk = user;
    struct sample_lists *lists = &walk->samples;
    const struct sample_list *list = &lists->role[HRN_CANDIDATE];
    int result = lists_read(walk->db, sqlite3_column_int64(s, 0), lists);
    if (result != 0)
        return result;
    struct pdb_measurement_row row = {
        .id = sqlite3_column_int64(s, 0),
        .variant = pdb_column_text(s, 1),
        .kernel_name = pdb_column_text(s, 2),
        .isa = pdb_column_text(s, 3),
        .family = pdb_column_text(s, 4),
        .algorithm = pdb_column_text(s, 5),
        .source_hash = (uint64_t)sqlite3_column_int64(s, 6),
        .outcome = (enum hrn_outcome)sqlite3_column_int(s, 7),
        .stage = (enum hrn_stage)sqlite3_column_int(s, 8),
        .signal = sqlite3_column_int(s, 9),
        .checks = sqlite3_column_int(s, 10),
        .detail = pdb_column_text(s, 11),
        .sample_count = list->count,
        .sample_round = list->round,
        .sample_ns = list->time_ns,
        .void_count = lists->void_count,
        .twin = series(&lists->role[HRN_TWIN]),
        .canary = series(&lists->role[HRN_CANARY]),
        .code_bytes = sqlite3_column_int64(s, 12),
        .workspace_bytes = sqlite3_column_int64(s, 13),
        .callee_saved = sqlite3_column_int(s, 14),
    };
    if (row.outcome == HRN_OK && list->count == 0 && lists->void_count > 0) {
        row.outcome = HRN_VOID;
        row.stage = HRN_STAGE_TIME;
        row.detail = lists->void_detail;
    }
    return walk->row(&row, walk->user);
}

int pdb_measurements(struct pdb *db, int64_t run_id, const char *problem,
                     int (*row)(const struct pdb_measurement_row *, void *), void *user)
{
    struct measurement_walk walk = { .db = db, .row = row, .user = user };
    const struct pdb_value key[] = { pdb_int(run_id), pdb_text(problem) };
    int result = pdb_query(db, MEASUREMENTS_SQL, key, PDB_COUNT(key), give_measurement, &walk);
    for (int role = 0; role < HRN_ROLE_COUNT; role++) {
        free(walk.samples.role[role].round);
        free(walk.samples.role[role].time_ns);
    }
    return result;
}

struct found_value {
    int found, value;
};

static int store_value(sqlite3_stmt *s, void *user)
{
    struct found_value *v = user;
    v->found = 1;
    v->value = sqlite3_column_int(s, 0);
    return 0;
}

int pdb_variant_knob(struct pdb *db, const char *variant, const char *knob, int *value)
{
    const struct pdb_value key[] = { pdb_text(variant), pdb_text(knob) };
    struct found_value v = { 0, 0 };
    int result =
        pdb_query(db,
                  "SELECT k.value FROM variant v JOIN variant_knob k ON k.variant_id = v.id"
                  " WHERE v.name = ?1 AND k.name = ?2 LIMIT 1",
                  key, PDB_COUNT(key), store_value, &v);
    *value = v.value;
    if (result == 0 && !v.found)
        return pdb_fail(db, -ENOENT, "%s: variant %s has no knob %s", db->path, variant, knob);
    return result;
}

struct peak_walk {
    int (*row)(const struct pdb_peak_row *, void *);
    void *user;
};

static int give_peak(sqlite3_stmt *s, void *user)
{
    const struct peak_walk *walk = user;
    const struct pdb_peak_row row = { pdb_column_text(s, 0), pdb_column_text(s, 1),
                                      sqlite3_column_double(s, 2) };
    return walk->row(&row, walk->user);
}

int pdb_peaks(struct pdb *db, int64_t run_id, int (*row)(const struct pdb_peak_row *, void *),
              void *user)
{
    struct peak_walk walk = { row, user };
    const struct pdb_value key = pdb_int(run_id);
    return pdb_query(db,
                     "SELECT isa, kernel_name, max(macs_per_s) FROM peak WHERE run_id = ?1"
                     " GROUP BY kernel_name ORDER BY isa, kernel_name",
                     &key, 1, give_peak, &walk);
}

struct outcome_walk {
    int (*row)(const struct pdb_outcome_row *, void *);
    void *user;
};

static int give_outcome(sqlite3_stmt *s, void *user)
{
    const struct outcome_walk *walk = user;
    const struct pdb_outcome_row row = {
        .isa = pdb_column_text(s, 0),
        .device_key = pdb_column_text(s, 1),
        .outcome = (enum hrn_outcome)sqlite3_column_int(s, 2),
        .variants = sqlite3_column_int64(s, 3),
        .measurements = sqlite3_column_int64(s, 4),
    };
    return walk->row(&row, walk->user);
}

int pdb_outcomes(struct pdb *db, int (*row)(const struct pdb_outcome_row *, void *), void *user)
{
    struct outcome_walk walk = { row, user };
    return pdb_query(
        db,
        "WITH worst AS (SELECT measurement_id AS id, coalesce(min(nullif(outcome, 0)), 0)"
        "  AS outcome FROM proof GROUP BY measurement_id)"
        " SELECT v.isa, device.key, coalesce(worst.outcome, 7) AS outcome,"
        " count(DISTINCT v.name), count(*)"
        " FROM measurement m JOIN variant v ON v.id = m.variant_id"
        " JOIN run ON run.id = m.run_id JOIN core ON core.id = run.core_id"
        " JOIN device ON device.id = core.device_id LEFT JOIN worst ON worst.id = m.id"
        " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        NULL, 0, give_outcome, &walk);
}
