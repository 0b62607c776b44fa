/* Rows of text and the tables behind them: one table says what each column reads, and by its name
 * the statements below write it. */
#include "perfdb/exchange_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(name, sql, absent)                                                                    \
    {                                                                                              \
        name, sql, PDB_FLAT_TEXT, absent                                                           \
    }
#define NUMBER(name, sql, absent)                                                                  \
    {                                                                                              \
        name, sql, PDB_FLAT_NUMBER, absent                                                         \
    }

/* Knobs as "MR=4;NR=16", in the order of their names. */
#define KNOBS                                                                                      \
    "(SELECT coalesce(group_concat(name || '=' || value, ';'), '') FROM (SELECT name, value FROM"  \
    " variant_knob WHERE variant_id = v.id ORDER BY name))"

const struct pdb_flat_column pdb_flat_columns[PDB_FLAT_COUNT] = {
    TEXT("device", "device.key", NULL),
    TEXT("arch", "device.arch", ""),
    TEXT("kernel", "device.kernel", ""),
    TEXT("os", "device.os", ""),
    NUMBER("cpu_index", "core.cpu_index", "0"),
    TEXT("cpu", "core.cpu", ""),
    TEXT("midr", "core.midr", ""),
    NUMBER("begin_unix_ns", "run.begin_unix_ns", NULL),
    NUMBER("end_unix_ns", "run.end_unix_ns", ""),
    TEXT("run_outcome", "run.outcome", ""),
    TEXT("evidence", "evidence.name", NULL),
    TEXT("compiler", "compiler.version", ""),
    TEXT("flags", "compiler.flags", ""),
    TEXT("tool", "tool.version", ""),
    TEXT("command", "run.command", ""),
    NUMBER("seed", "run.seed", "0"),
    NUMBER("min_sample_ns", "run.min_sample_ns", "0"),
    NUMBER("rounds", "run.rounds", "0"),
    TEXT("problem", "problem.canonical", NULL),
    TEXT("network", "coalesce(rp.network, '')", ""),
    TEXT("title", "coalesce(rp.title, '')", ""),
    NUMBER("place", "coalesce(rp.place, 0)", "0"),
    NUMBER("times", "coalesce(rp.times, 1)", "1"),
    NUMBER("macs", "coalesce(rp.macs, 0)", "0"),
    TEXT("variant", "v.name", NULL),
    NUMBER("source_hash", "v.source_hash", "0"),
    TEXT("kernel_name", "v.kernel_name", ""),
    TEXT("isa", "v.isa", ""),
    TEXT("family", "v.family", ""),
    TEXT("knobs", KNOBS, ""),
    TEXT("algorithm", "m.algorithm", ""),
    NUMBER("code_bytes", "m.code_bytes", ""),
    NUMBER("callee_saved", "m.callee_saved", ""),
    NUMBER("workspace_bytes", "m.workspace_bytes", ""),
    TEXT("proof", "coalesce(po.name, '')", ""),
    TEXT("proof_stage", "coalesce(stage.name, '')", "prove"),
    NUMBER("proof_signal", "p.signal", "0"),
    NUMBER("proof_seed", "p.seed", "0"),
    NUMBER("proof_checks", "p.checks", "0"),
    TEXT("proof_detail", "coalesce(p.detail, '')", ""),
    NUMBER("sequence", "s.sequence", ""),
    NUMBER("round", "s.round", "0"),
    NUMBER("position", "s.position", "0"),
    NUMBER("calls", "s.calls", "1"),
    NUMBER("time_ns", "s.time_ns", "0"),
    NUMBER("overhead_ns", "s.overhead_ns", "0"),
    NUMBER("freq_khz", "s.freq_khz", ""),
    NUMBER("temp_mc", "s.temp_mc", ""),
    NUMBER("migrations", "s.migrations", ""),
    NUMBER("context_switches", "s.context_switches", ""),
    TEXT("outcome", "coalesce(so.name, '')", "ok"),
    TEXT("detail", "coalesce(s.detail, '')", ""),
    TEXT("role", "coalesce(role.name, '')", "candidate"),
    NUMBER("pass", "s.pass", "0"),
    NUMBER("current_ua", "s.current_ua", ""),
};

int pdb_flat_find(const char *name)
{
    for (int i = 0; i < PDB_FLAT_COUNT; i++)
        if (strcmp(pdb_flat_columns[i].name, name) == 0)
            return i;
    return -1;
}

/* The proof that says the worst, as everywhere. Of several networks that have the layer, one. */
char *pdb_flat_sql(const char *more)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "SELECT ");
    for (int i = 0; i < PDB_FLAT_COUNT; i++)
        sqlite3_str_appendf(sql, "%s%s", i ? ", " : "", pdb_flat_columns[i].sql);
    sqlite3_str_appendf(
        sql,
        "%s FROM measurement m JOIN run ON run.id = m.run_id JOIN core ON core.id = run.core_id"
        " JOIN device ON device.id = core.device_id JOIN compiler ON compiler.id = run.compiler_id"
        " JOIN tool ON tool.id = run.tool_id JOIN evidence ON evidence.id = run.evidence"
        " JOIN problem ON problem.id = m.problem_id JOIN variant v ON v.id = m.variant_id"
        " LEFT JOIN run_problem rp ON rp.run_id = run.id AND rp.problem_id = problem.id"
        "  AND rp.network = (SELECT min(network) FROM run_problem WHERE run_id = run.id"
        "  AND problem_id = problem.id)"
        " LEFT JOIN proof p ON p.measurement_id = m.id AND p.sequence = (SELECT sequence FROM proof"
        "  WHERE measurement_id = m.id ORDER BY outcome = 0, outcome, sequence DESC LIMIT 1)"
        " LEFT JOIN outcome po ON po.id = p.outcome LEFT JOIN stage ON stage.id = p.stage"
        " LEFT JOIN sample s ON s.measurement_id = m.id"
        " LEFT JOIN outcome so ON so.id = s.outcome LEFT JOIN role ON role.id = s.role"
        " WHERE m.run_id IN (SELECT id FROM temp.chosen)"
        " ORDER BY run.begin_unix_ns, run.id, problem.canonical, v.name, m.id, s.sequence",
        more);
    return sqlite3_str_finish(sql);
}

/* ---- writing: every statement finds its parameters by the names of the columns */

#define DEVICE                                                                                     \
    "(SELECT id FROM device WHERE key = :device AND arch = :arch AND kernel = :kernel AND os = "   \
    ":os)"
#define CORE                                                                                       \
    "(SELECT id FROM core WHERE device_id = " DEVICE                                               \
    " AND cpu_index = CAST(:cpu_index AS INTEGER) AND cpu = :cpu AND midr = :midr)"
#define RUN                                                                                        \
    "(SELECT id FROM run WHERE core_id = " CORE                                                    \
    " AND begin_unix_ns = CAST(:begin_unix_ns AS INTEGER))"
#define PROBLEM "(SELECT id FROM problem WHERE canonical = :problem)"
#define VARIANT                                                                                    \
    "(SELECT id FROM variant WHERE name = :variant AND source_hash = CAST(:source_hash AS "        \
    "INTEGER))"
#define MEASUREMENT                                                                                \
    "(SELECT id FROM measurement WHERE run_id = " RUN " AND problem_id = " PROBLEM                 \
    " AND variant_id = " VARIANT ")"
#define NAMED(table, name) "(SELECT id FROM " table " WHERE name = " name ")"
#define ONCE " ON CONFLICT DO NOTHING"

enum { KNOB = 11, EVENT = 12, COUNTER = 13 };
static const char *const inserts[] = {
    "INSERT INTO device (key, arch, kernel, os) VALUES (:device, :arch, :kernel, :os)" ONCE,
    "INSERT INTO core (device_id, cpu_index, cpu, midr) VALUES (" DEVICE
    ", :cpu_index, :cpu, :midr)" ONCE,
    "INSERT INTO compiler (version, flags) VALUES (:compiler, :flags)" ONCE,
    "INSERT INTO tool (version) VALUES (:tool)" ONCE,
    "INSERT INTO run (core_id, begin_unix_ns, compiler_id, tool_id, evidence, command, seed,"
    " min_sample_ns, rounds, end_unix_ns, outcome) VALUES (" CORE ", :begin_unix_ns,"
    " (SELECT id FROM compiler WHERE version = :compiler AND flags = :flags),"
    " (SELECT id FROM tool WHERE version = :tool), " NAMED(
        "evidence", ":evidence") ", :command, :seed, :min_sample_ns, :rounds, :end_unix_ns, "
                                 "nullif(:run_outcome, ''))" ONCE,
    "INSERT INTO problem (canonical) VALUES (:problem)" ONCE,
    "INSERT INTO run_problem (run_id, problem_id, network, title, place, times, macs)"
    " VALUES (" RUN ", " PROBLEM ", :network, :title, :place, :times, :macs)" ONCE,
    "INSERT INTO variant (name, source_hash, kernel_name, isa, family)"
    " VALUES (:variant, :source_hash, :kernel_name, :isa, :family)" ONCE,
    "INSERT INTO measurement (run_id, problem_id, variant_id, algorithm, code_bytes, callee_saved,"
    " workspace_bytes) VALUES (" RUN ", " PROBLEM ", " VARIANT
    ", :algorithm, :code_bytes, :callee_saved, :workspace_bytes)" ONCE,
    "INSERT INTO proof (measurement_id, sequence, outcome, stage, signal, seed, checks, detail)"
    " SELECT " MEASUREMENT ", 0, " NAMED("outcome", ":proof") ", " NAMED(
        "stage", ":proof_stage") ", :proof_signal, :proof_seed, :proof_checks, :proof_detail WHERE "
                                 ":proof <> ''" ONCE,
    "INSERT INTO sample (measurement_id, sequence, round, position, calls, time_ns, overhead_ns,"
    " freq_khz, temp_mc, migrations, context_switches, outcome, detail, role, pass, current_ua)"
    " SELECT " MEASUREMENT
    ", :sequence, :round, :position, :calls, :time_ns, :overhead_ns, :freq_khz, :temp_mc,"
    " :migrations, :context_switches, " NAMED(
        "outcome",
        ":outcome") ", :detail,"
                    " " NAMED("role", ":role") ", :pass, :current_ua WHERE :sequence IS NOT NULL",
    [KNOB] = "INSERT INTO variant_knob (variant_id, name, value) VALUES (" VARIANT
             ", :knob_name, :knob_value)" ONCE,
    [EVENT] = "INSERT INTO event (name) VALUES (:event)" ONCE,
    [COUNTER] = "INSERT INTO counter (measurement_id, sequence, event_id, value, enabled_ns,"
                " running_ns) VALUES (" MEASUREMENT
                ", :sequence, " NAMED("event", ":event") ", :value, :enabled_ns, :running_ns)",
};

/* Values of parameters that are no columns. */
struct extra {
    const char *name, *value;
    int64_t number;
};

static const char *value_of(const char *const *values, int column)
{
    const char *value = values[column];
    return value ? value : pdb_flat_columns[column].absent;
}

static int bind_all(sqlite3_stmt *stmt, const char *const *values, const struct extra *extras,
                    size_t count)
{
    int code = SQLITE_OK;
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt) && code == SQLITE_OK; i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i) + 1;
        int column = pdb_flat_find(name);
        if (column >= 0) {
            const char *value = value_of(values, column);
            int is_null = pdb_flat_columns[column].kind == PDB_FLAT_NUMBER && !value[0];
            if (!is_null)
                code = sqlite3_bind_text(stmt, i, value, -1, SQLITE_STATIC);
        }
        for (size_t e = 0; e < count && code == SQLITE_OK; e++)
            if (strcmp(extras[e].name, name) == 0)
                code = extras[e].value
                           ? sqlite3_bind_text(stmt, i, extras[e].value, -1, SQLITE_STATIC)
                           : sqlite3_bind_int64(stmt, i, extras[e].number);
    }
    return code;
}

static int run_insert(struct pdb_flat_writer *w, int which, const char *const *values,
                      const struct extra *extras, size_t count)
{
    sqlite3_stmt **stmt = &w->stmt[which];
    int code = SQLITE_OK;
    if (!*stmt)
        code = sqlite3_prepare_v2(w->db->sql, inserts[which], -1, stmt, NULL);
    if (code == SQLITE_OK) {
        sqlite3_clear_bindings(*stmt);
        code = bind_all(*stmt, values, extras, count);
    }
    if (code == SQLITE_OK)
        code = sqlite3_step(*stmt);
    int result =
        code == SQLITE_DONE || code == SQLITE_ROW ? 0 : pdb_fail_sqlite(w->db, "take a row");
    sqlite3_reset(*stmt);
    return result;
}

static int add_knobs(struct pdb_flat_writer *w, const char *const *values)
{
    char *text = strdup(value_of(values, pdb_flat_find("knobs"))), *rest = NULL;
    int result = text ? 0 : -ENOMEM;
    for (char *k = text ? strtok_r(text, ";", &rest) : NULL; k && result == 0;
         k = strtok_r(NULL, ";", &rest)) {
        char *equals = strchr(k, '=');
        if (!equals) {
            result = pdb_fail(w->db, -EINVAL, "knobs: '%s' is not of the form NAME=VALUE", k);
            break;
        }
        *equals = '\0';
        const struct extra knob[] = { { "knob_name", k, 0 }, { "knob_value", equals + 1, 0 } };
        result = run_insert(w, KNOB, values, knob, 2);
    }
    free(text);
    return result;
}

static int check_required(struct pdb_flat_writer *w, const char *const *values)
{
    for (int i = 0; i < PDB_FLAT_COUNT; i++)
        if (!value_of(values, i) || (!pdb_flat_columns[i].absent && !value_of(values, i)[0]))
            return pdb_fail(w->db, -EINVAL, "the column '%s' is missing or empty",
                            pdb_flat_columns[i].name);
    return 0;
}

int pdb_flat_add(struct pdb_flat_writer *w, const char *const values[PDB_FLAT_COUNT],
                 const struct pdb_flat_event *events, size_t event_count)
{
    int result = check_required(w, values);
    for (int i = 0; i < KNOB && result == 0; i++)
        result = run_insert(w, i, values, NULL, 0);
    if (result == 0)
        result = add_knobs(w, values);
    for (size_t i = 0; i < event_count && result == 0; i++) {
        const struct extra counter[] = {
            { "event", events[i].name, 0 },
            { "value", NULL, events[i].value },
            { "enabled_ns", NULL, events[i].enabled_ns },
            { "running_ns", NULL, events[i].running_ns },
        };
        result = run_insert(w, EVENT, values, counter, 4);
        if (result == 0)
            result = run_insert(w, COUNTER, values, counter, 4);
    }
    return result;
}

void pdb_flat_end(struct pdb_flat_writer *w)
{
    for (size_t i = 0; i < PDB_COUNT(w->stmt); i++)
        sqlite3_finalize(w->stmt[i]);
    memset(w->stmt, 0, sizeof w->stmt);
}
