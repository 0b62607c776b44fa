/* Everything that adds rows. Each public call is all or nothing; pdb_commit() makes it last. */
#include "perfdb/perfdb.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "perfdb/perfdb_int.h"

/* A FIND takes the natural key, its ADD the same parameters and then the rest. */
static const char *const statements[PDB_STMT_COUNT] = {
    [PDB_STMT_BEGIN] = "BEGIN IMMEDIATE",
    [PDB_STMT_COMMIT] = "COMMIT",
    [PDB_STMT_SAVEPOINT] = "SAVEPOINT call",
    [PDB_STMT_RELEASE] = "RELEASE call",
    [PDB_STMT_UNDO] = "ROLLBACK TO call",
    [PDB_STMT_DEVICE_FIND] =
        "SELECT id FROM device WHERE key = ?1 AND arch = ?2 AND kernel = ?3 AND os = ?4",
    [PDB_STMT_DEVICE_ADD] = "INSERT INTO device (key, arch, kernel, os) VALUES (?1, ?2, ?3, ?4)",
    [PDB_STMT_CORE_FIND] =
        "SELECT id FROM core WHERE device_id = ?1 AND cpu_index = ?2 AND cpu = ?3 AND midr = ?4",
    [PDB_STMT_CORE_ADD] =
        "INSERT INTO core (device_id, cpu_index, cpu, midr) VALUES (?1, ?2, ?3, ?4)",
    [PDB_STMT_COMPILER_FIND] = "SELECT id FROM compiler WHERE version = ?1 AND flags = ?2",
    [PDB_STMT_COMPILER_ADD] = "INSERT INTO compiler (version, flags) VALUES (?1, ?2)",
    [PDB_STMT_TOOL_FIND] = "SELECT id FROM tool WHERE version = ?1",
    [PDB_STMT_TOOL_ADD] = "INSERT INTO tool (version) VALUES (?1)",
    /* begin_unix_ns is part of the key: of two runs that begin at once the second is a little
     * later */
    [PDB_STMT_RUN_ADD] =
        "INSERT INTO run (core_id, begin_unix_ns, compiler_id, tool_id, evidence, command, seed,"
        " min_sample_ns, rounds)"
        " VALUES (?1, max(?2, coalesce((SELECT max(begin_unix_ns) + 1 FROM run WHERE core_id = ?1"
        " AND begin_unix_ns BETWEEN ?2 AND ?2 + 1000), 0)), ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [PDB_STMT_RUN_END] = "UPDATE run SET outcome = ?2, end_unix_ns = ?3 WHERE id = ?1 RETURNING id",
    [PDB_STMT_PROBLEM_FIND] = "SELECT id FROM problem WHERE canonical = ?1",
    [PDB_STMT_PROBLEM_ADD] = "INSERT INTO problem (canonical) VALUES (?1)",
    [PDB_STMT_RUN_PROBLEM_ADD] =
        "INSERT INTO run_problem (run_id, problem_id, network, title, place, times, macs)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
    [PDB_STMT_VARIANT_FIND] = "SELECT id FROM variant WHERE name = ?1 AND source_hash = ?2",
    [PDB_STMT_VARIANT_ADD] = "INSERT INTO variant (name, source_hash, kernel_name, isa, family)"
                             " VALUES (?1, ?2, ?3, ?4, ?5)",
    [PDB_STMT_KNOB_ADD] = "INSERT INTO variant_knob (variant_id, name, value) VALUES (?1, ?2, ?3)"
                          " ON CONFLICT DO NOTHING",
    [PDB_STMT_MEASUREMENT_FIND] =
        "SELECT id FROM measurement WHERE run_id = ?1 AND problem_id = ?2 AND variant_id = ?3",
    [PDB_STMT_MEASUREMENT_ADD] =
        "INSERT INTO measurement (run_id, problem_id, variant_id, algorithm, code_bytes,"
        " callee_saved, workspace_bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [PDB_STMT_PROOF_ADD] =
        "INSERT INTO proof (measurement_id, sequence, outcome, stage, signal, seed, checks, detail)"
        " VALUES (?1, (SELECT coalesce(max(sequence) + 1, 0) FROM proof WHERE measurement_id = ?1),"
        " ?2, ?3, ?4, ?5, ?6, ?7)",
    [PDB_STMT_SAMPLE_NEXT] =
        "SELECT coalesce(max(sequence) + 1, 0) FROM sample WHERE measurement_id = ?1",
    [PDB_STMT_SAMPLE_ADD] = "INSERT INTO sample (measurement_id, sequence, round, position, calls, "
                            "time_ns, overhead_ns,"
                            " freq_khz, temp_mc, migrations, context_switches, outcome, detail,"
                            " role, pass, current_ua)"
                            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                            " ?15, ?16)",
    [PDB_STMT_EVENT_FIND] = "SELECT id FROM event WHERE name = ?1",
    [PDB_STMT_EVENT_ADD] = "INSERT INTO event (name) VALUES (?1)",
    [PDB_STMT_COUNTER_ADD] =
        "INSERT INTO counter (measurement_id, sequence, event_id, value, enabled_ns, running_ns)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [PDB_STMT_PEAK_ADD] =
        "INSERT INTO peak (run_id, kernel_name, sequence, isa, macs_per_s)"
        " VALUES (?1, ?2, (SELECT coalesce(max(sequence) + 1, 0) FROM peak WHERE run_id = ?1"
        " AND kernel_name = ?2), ?3, ?4)",
    [PDB_STMT_FACT_ADD] =
        "INSERT INTO run_fact (run_id, name, value) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [PDB_STMT_PROBE_ADD] =
        "INSERT INTO event_probe (run_id, event_id, sequence, verdict, expected, seen, detail)"
        " VALUES (?1, ?2, (SELECT coalesce(max(sequence) + 1, 0) FROM event_probe WHERE run_id = ?1"
        " AND event_id = ?2), ?3, ?4, ?5, ?6)",
    [PDB_STMT_BANDWIDTH_ADD] =
        "INSERT INTO bandwidth (run_id, level, working_set_bytes, bytes_per_s, bytes_per_cycle)"
        " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
};

int pdb_execute(struct pdb *db, enum pdb_stmt which, const struct pdb_value *values, size_t count,
                int64_t *id)
{
    static const unsigned flags = SQLITE_PREPARE_PERSISTENT;
    sqlite3_stmt **stmt = &db->stmt[which];
    int code = SQLITE_OK, result = 0;
    errno = 0;
    if (!*stmt)
        code = sqlite3_prepare_v3(db->sql, statements[which], -1, flags, stmt, NULL);
    if (code == SQLITE_OK)
        code = pdb_bind(*stmt, values, count);
    if (code == SQLITE_OK)
        code = sqlite3_step(*stmt);
    if (code == SQLITE_ROW) {
        result = 1;
        if (id)
            *id = sqlite3_column_int64(*stmt, 0);
    } else if (code != SQLITE_DONE) {
        result = pdb_fail_sqlite(db, "write to it");
    }
    sqlite3_reset(*stmt);
    return result;
}

/* The id of a row with this natural key; adds the row if there is none. 1 if it was added. */
static int intern(struct pdb *db, enum pdb_stmt find, enum pdb_stmt add,
                  const struct pdb_value *values, size_t count, int64_t *id)
{
    int result = pdb_execute(db, find, values, count, id);
    if (result != 0)
        return result < 0 ? result : 0;
    result = pdb_execute(db, add, values, count, NULL);
    *id = sqlite3_last_insert_rowid(db->sql);
    return result < 0 ? result : 1;
}

/* Opens the transaction if there is none, and a savepoint in it, so that a call is all or
 * nothing. */
int pdb_call_begin(struct pdb *db)
{
    if (db->mode != PDB_WRITE)
        return pdb_fail(db, -EROFS, "%s: it was opened for reading only", db->path);
    if (!db->is_writing) {
        int result = pdb_execute(db, PDB_STMT_BEGIN, NULL, 0, NULL);
        if (result < 0)
            return result;
        db->is_writing = 1;
    }
    return pdb_execute(db, PDB_STMT_SAVEPOINT, NULL, 0, NULL);
}

/* Ends pdb_call_begin(): `result` >= 0 keeps what was added. Returns 0 or the error. */
int pdb_call_end(struct pdb *db, int result)
{
    if (result >= 0) {
        result = pdb_execute(db, PDB_STMT_RELEASE, NULL, 0, NULL);
        return result < 0 ? result : 0;
    }
    if (db->is_writing) { /* else SQLite has undone everything; keep the message of the failure */
        sqlite3_exec(db->sql, statements[PDB_STMT_UNDO], NULL, NULL, NULL);
        sqlite3_exec(db->sql, statements[PDB_STMT_RELEASE], NULL, NULL, NULL);
    }
    return result;
}

int pdb_commit(struct pdb *db)
{
    if (!db->is_writing)
        return 0;
    int result = pdb_execute(db, PDB_STMT_COMMIT, NULL, 0, NULL);
    if (result >= 0)
        db->is_writing = 0;
    return result < 0 ? result : 0;
}

static int64_t unix_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int core_intern(struct pdb *db, const struct pdb_run *run, int64_t *core_id)
{
    int64_t device_id;
    const struct pdb_value device[] = { pdb_text(run->device_key), pdb_text(run->arch),
                                        pdb_text(run->kernel), pdb_text(run->os) };
    int result = intern(db, PDB_STMT_DEVICE_FIND, PDB_STMT_DEVICE_ADD, device, PDB_COUNT(device),
                        &device_id);
    if (result < 0)
        return result;
    const struct pdb_value core[] = { pdb_int(device_id), pdb_int(run->cpu_index),
                                      pdb_text(run->cpu), pdb_text(run->midr) };
    return intern(db, PDB_STMT_CORE_FIND, PDB_STMT_CORE_ADD, core, PDB_COUNT(core), core_id);
}

static int run_add(struct pdb *db, const struct pdb_run *run, int64_t *run_id)
{
    int64_t core_id, compiler_id, tool_id;
    const struct pdb_value compiler[] = { pdb_text(run->compiler), pdb_text(run->compiler_flags) };
    const struct pdb_value tool[] = { pdb_text(run->tool_version) };
    int result = core_intern(db, run, &core_id);
    if (result >= 0)
        result = intern(db, PDB_STMT_COMPILER_FIND, PDB_STMT_COMPILER_ADD, compiler,
                        PDB_COUNT(compiler), &compiler_id);
    if (result >= 0)
        result = intern(db, PDB_STMT_TOOL_FIND, PDB_STMT_TOOL_ADD, tool, PDB_COUNT(tool), &tool_id);
    if (result < 0)
        return result;
    const struct pdb_value row[] = {
        pdb_int(core_id),    pdb_int(unix_ns()),          pdb_int(compiler_id),
        pdb_int(tool_id),    pdb_int(run->evidence),      pdb_text(run->command),
        pdb_uint(run->seed), pdb_int(run->min_sample_ns), pdb_int(run->rounds),
    };
    result = pdb_execute(db, PDB_STMT_RUN_ADD, row, PDB_COUNT(row), NULL);
    *run_id = sqlite3_last_insert_rowid(db->sql);
    return result;
}

int pdb_run_begin(struct pdb *db, const struct pdb_run *run, int64_t *run_id)
{
    *run_id = 0;
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    return pdb_call_end(db, run_add(db, run, run_id));
}

int pdb_run_end(struct pdb *db, int64_t run_id, const char *outcome)
{
    const struct pdb_value row[] = { pdb_int(run_id), pdb_text(outcome), pdb_int(unix_ns()) };
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    result = pdb_execute(db, PDB_STMT_RUN_END, row, PDB_COUNT(row), NULL);
    if (result == 0)
        result = pdb_fail(db, -ENOENT, "%s: it has no run %lld", db->path, (long long)run_id);
    return pdb_call_end(db, result);
}

static int problem_intern(struct pdb *db, const char *problem, int64_t *problem_id)
{
    const struct pdb_value row[] = { pdb_text(problem) };
    return intern(db, PDB_STMT_PROBLEM_FIND, PDB_STMT_PROBLEM_ADD, row, PDB_COUNT(row), problem_id);
}

int pdb_run_problem(struct pdb *db, int64_t run_id, const char *problem, const char *title,
                    const char *network, int32_t place, int32_t times, int64_t macs)
{
    int64_t problem_id;
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    result = problem_intern(db, problem, &problem_id);
    if (result < 0)
        return pdb_call_end(db, result);
    const struct pdb_value row[] = { pdb_int(run_id), pdb_int(problem_id), pdb_text(network),
                                     pdb_text(title), pdb_int(place),      pdb_int(times),
                                     pdb_int(macs) };
    return pdb_call_end(db, pdb_execute(db, PDB_STMT_RUN_PROBLEM_ADD, row, PDB_COUNT(row), NULL));
}

static int variant_intern(struct pdb *db, const struct pdb_variant *v, int64_t *variant_id)
{
    const struct pdb_value row[] = { pdb_text(v->name), pdb_uint(v->source_hash),
                                     pdb_text(v->kernel_name), pdb_text(v->isa),
                                     pdb_text(v->family) };
    int result =
        intern(db, PDB_STMT_VARIANT_FIND, PDB_STMT_VARIANT_ADD, row, PDB_COUNT(row), variant_id);
    size_t knobs = result == 1 ? v->knob_count : 0;
    for (size_t i = 0; i < knobs && result >= 0; i++) {
        const struct pdb_value knob[] = { pdb_int(*variant_id), pdb_text(v->knob_names[i]),
                                          pdb_int(v->knob_values[i]) };
        result = pdb_execute(db, PDB_STMT_KNOB_ADD, knob, PDB_COUNT(knob), NULL);
    }
    return result;
}

int pdb_measurement(struct pdb *db, int64_t run_id, const char *problem,
                    const struct pdb_variant *variant, int64_t *measurement_id)
{
    int64_t problem_id, variant_id;
    *measurement_id = 0;
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    result = problem_intern(db, problem, &problem_id);
    if (result >= 0)
        result = variant_intern(db, variant, &variant_id);
    if (result < 0)
        return pdb_call_end(db, result);
    int known = variant->code_bytes > 0;
    const struct pdb_value row[] = {
        pdb_int(run_id),
        pdb_int(problem_id),
        pdb_int(variant_id),
        pdb_text(variant->algorithm),
        pdb_int_unless(variant->code_bytes, 0),
        known && variant->callee_saved >= 0 ? pdb_int(variant->callee_saved) : pdb_null(),
        known ? pdb_int(variant->workspace_bytes) : pdb_null(),
    };
    return pdb_call_end(db, intern(db, PDB_STMT_MEASUREMENT_FIND, PDB_STMT_MEASUREMENT_ADD, row,
                                   PDB_COUNT(row), measurement_id));
}

int pdb_proof(struct pdb *db, int64_t measurement_id, const struct hrn_proof *p)
{
    const struct pdb_value row[] = {
        pdb_int(measurement_id),
        pdb_int(p->outcome),
        pdb_int(p->stage),
        pdb_int(p->signal),
        pdb_uint(p->seed),
        pdb_int(p->checks),
        pdb_chars(p->detail, sizeof p->detail),
    };
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    return pdb_call_end(db, pdb_execute(db, PDB_STMT_PROOF_ADD, row, PDB_COUNT(row), NULL));
}

int pdb_event_intern(struct pdb *db, const char name[48], int64_t *event_id)
{
    for (size_t i = 0; i < db->event_count; i++)
        if (strncmp(db->event[i].name, name, sizeof db->event[i].name) == 0) {
            *event_id = db->event[i].id;
            return 0;
        }
    const struct pdb_value key = pdb_chars(name, sizeof db->event[0].name);
    int result = intern(db, PDB_STMT_EVENT_FIND, PDB_STMT_EVENT_ADD, &key, 1, event_id);
    if (result >= 0 && db->event_count < PDB_EVENTS_KEPT) {
        struct pdb_event *kept = &db->event[db->event_count++];
        memcpy(kept->name, name, sizeof kept->name);
        kept->id = *event_id;
    }
    return result;
}

static int counter_add(struct pdb *db, int64_t measurement_id, int64_t sequence,
                       const struct hrn_counter *c)
{
    int64_t event_id;
    int result = pdb_event_intern(db, c->event, &event_id);
    if (result < 0)
        return result;
    const struct pdb_value row[] = { pdb_int(measurement_id), pdb_int(sequence),
                                     pdb_int(event_id),       pdb_int(c->value),
                                     pdb_int(c->enabled_ns),  pdb_int(c->running_ns) };
    return pdb_execute(db, PDB_STMT_COUNTER_ADD, row, PDB_COUNT(row), NULL);
}

static int sample_add(struct pdb *db, int64_t measurement_id, const struct hrn_sample *s,
                      int64_t *sequence)
{
    const struct pdb_value key = pdb_int(measurement_id);
    int result = pdb_execute(db, PDB_STMT_SAMPLE_NEXT, &key, 1, sequence);
    if (result < 0)
        return result;
    const struct pdb_value row[] = {
        key,
        pdb_int(*sequence),
        pdb_int(s->round),
        pdb_int(s->position),
        pdb_int(s->calls),
        pdb_int(s->time_ns),
        pdb_int(s->overhead_ns),
        pdb_int_unless(s->freq_khz, 0),
        pdb_int_unless(s->temp_mc, INT32_MIN),
        pdb_int_unless(s->migrations, -1),
        pdb_int_unless(s->context_switches, -1),
        pdb_int(s->outcome),
        pdb_chars(s->detail, sizeof s->detail),
        pdb_int(s->role),
        pdb_int(s->pass),
        pdb_int_unless(s->current_ua, 0),
    };
    return pdb_execute(db, PDB_STMT_SAMPLE_ADD, row, PDB_COUNT(row), NULL);
}

int pdb_sample(struct pdb *db, int64_t measurement_id, const struct hrn_sample *sample,
               const struct hrn_counter *counters, size_t counter_count)
{
    int64_t sequence = 0;
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    result = sample_add(db, measurement_id, sample, &sequence);
    for (size_t i = 0; i < counter_count && result >= 0; i++)
        result = counter_add(db, measurement_id, sequence, &counters[i]);
    return pdb_call_end(db, result);
}

int pdb_peak(struct pdb *db, int64_t run_id, const char *isa, const char *kernel_name,
             double macs_per_s)
{
    const struct pdb_value row[] = { pdb_int(run_id), pdb_text(kernel_name), pdb_text(isa),
                                     pdb_real(macs_per_s) };
    int result = pdb_call_begin(db);
    if (result < 0)
        return result;
    return pdb_call_end(db, pdb_execute(db, PDB_STMT_PEAK_ADD, row, PDB_COUNT(row), NULL));
}
