#include "perfdb/tables_int.h"

#include <errno.h>

/* clang-format off */
#define REF(name, table) { name, 1, PDB_TABLE_##table, 0, 0 }
#define COLUMN(name) { name, 0, 0, 0, 0 }
#define REAL(name) { name, 0, 0, 1, 0 }
#define ENDING(name) { name, 0, 0, 0, 1 }

#define RUNS "(SELECT id FROM temp.chosen)"
#define OF_RUN "run_id IN " RUNS
#define OF_MEASUREMENT "measurement_id IN (SELECT id FROM main.measurement WHERE " OF_RUN ")"

const struct pdb_table pdb_tables[PDB_TABLE_COUNT] = {
    [PDB_TABLE_DEVICE] = { "device", 1, 4,
        "id IN (SELECT device_id FROM main.core WHERE id IN"
        " (SELECT core_id FROM main.run WHERE id IN " RUNS "))",
        { COLUMN("key"), COLUMN("arch"), COLUMN("kernel"), COLUMN("os") } },
    [PDB_TABLE_CORE] = { "core", 1, 4,
        "id IN (SELECT core_id FROM main.run WHERE id IN " RUNS ")",
        { REF("device_id", DEVICE), COLUMN("cpu_index"), COLUMN("cpu"), COLUMN("midr") } },
    [PDB_TABLE_COMPILER] = { "compiler", 1, 2,
        "id IN (SELECT compiler_id FROM main.run WHERE id IN " RUNS ")",
        { COLUMN("version"), COLUMN("flags") } },
    [PDB_TABLE_TOOL] = { "tool", 1, 1,
        "id IN (SELECT tool_id FROM main.run WHERE id IN " RUNS ")", { COLUMN("version") } },
    [PDB_TABLE_RUN] = { "run", 1, 2, "id IN " RUNS,
        { REF("core_id", CORE), COLUMN("begin_unix_ns"), REF("compiler_id", COMPILER),
          REF("tool_id", TOOL), COLUMN("evidence"), COLUMN("command"), COLUMN("seed"),
          COLUMN("min_sample_ns"), COLUMN("rounds"), ENDING("end_unix_ns"), ENDING("outcome") } },
    [PDB_TABLE_PROBLEM] = { "problem", 1, 1,
        "id IN (SELECT problem_id FROM main.run_problem WHERE " OF_RUN " UNION"
        " SELECT problem_id FROM main.measurement WHERE " OF_RUN ")",
        { COLUMN("canonical") } },
    [PDB_TABLE_RUN_PROBLEM] = { "run_problem", 0, 3, OF_RUN,
        { REF("run_id", RUN), REF("problem_id", PROBLEM), COLUMN("network"), COLUMN("title"),
          COLUMN("place"), COLUMN("times"), COLUMN("macs") } },
    [PDB_TABLE_VARIANT] = { "variant", 1, 2,
        "id IN (SELECT variant_id FROM main.measurement WHERE " OF_RUN ")",
        { COLUMN("name"), COLUMN("source_hash"), COLUMN("kernel_name"), COLUMN("isa"),
          COLUMN("family") } },
    [PDB_TABLE_VARIANT_KNOB] = { "variant_knob", 0, 2,
        "variant_id IN (SELECT variant_id FROM main.measurement WHERE " OF_RUN ")",
        { REF("variant_id", VARIANT), COLUMN("name"), COLUMN("value") } },
    [PDB_TABLE_MEASUREMENT] = { "measurement", 1, 3, OF_RUN,
        { REF("run_id", RUN), REF("problem_id", PROBLEM), REF("variant_id", VARIANT),
          COLUMN("algorithm"), COLUMN("code_bytes"), COLUMN("callee_saved"),
          COLUMN("workspace_bytes") } },
    [PDB_TABLE_PROOF] = { "proof", 0, 2, OF_MEASUREMENT,
        { REF("measurement_id", MEASUREMENT), COLUMN("sequence"), COLUMN("outcome"),
          COLUMN("stage"), COLUMN("signal"), COLUMN("seed"), COLUMN("checks"),
          COLUMN("detail") } },
    [PDB_TABLE_SAMPLE] = { "sample", 0, 2, OF_MEASUREMENT,
        { REF("measurement_id", MEASUREMENT), COLUMN("sequence"), COLUMN("round"),
          COLUMN("position"), COLUMN("calls"), COLUMN("time_ns"), COLUMN("overhead_ns"),
          COLUMN("freq_khz"), COLUMN("temp_mc"), COLUMN("migrations"),
          COLUMN("context_switches"), COLUMN("outcome"), COLUMN("detail"), COLUMN("role"),
          COLUMN("pass"), COLUMN("current_ua") } },
    [PDB_TABLE_EVENT] = { "event", 1, 1,
        "id IN (SELECT event_id FROM main.event_probe WHERE " OF_RUN " UNION"
        " SELECT event_id FROM main.counter WHERE " OF_MEASUREMENT ")",
        { COLUMN("name") } },
    [PDB_TABLE_COUNTER] = { "counter", 0, 3, OF_MEASUREMENT,
        { REF("measurement_id", MEASUREMENT), COLUMN("sequence"), REF("event_id", EVENT),
          COLUMN("value"), COLUMN("enabled_ns"), COLUMN("running_ns") } },
    [PDB_TABLE_PEAK] = { "peak", 0, 3, OF_RUN,
        { REF("run_id", RUN), COLUMN("kernel_name"), COLUMN("sequence"), COLUMN("isa"),
          REAL("macs_per_s") } },
    [PDB_TABLE_RUN_FACT] = { "run_fact", 0, 2, OF_RUN,
        { REF("run_id", RUN), COLUMN("name"), COLUMN("value") } },
    [PDB_TABLE_EVENT_PROBE] = { "event_probe", 0, 3, OF_RUN,
        { REF("run_id", RUN), REF("event_id", EVENT), COLUMN("sequence"), COLUMN("verdict"),
          COLUMN("expected"), COLUMN("seen"), COLUMN("detail") } },
    [PDB_TABLE_BANDWIDTH] = { "bandwidth", 0, 3, OF_RUN,
        { REF("run_id", RUN), COLUMN("level"), COLUMN("working_set_bytes"),
          REAL("bytes_per_s"), REAL("bytes_per_cycle") } },
};
/* clang-format on */

int pdb_column_count(const struct pdb_table *t)
{
    int count = 0;
    while (count < PDB_COLUMNS_MAX && t->column[count].name)
        count++;
    return count;
}

int pdb_exec(struct pdb *db, const char *sql, const char *doing)
{
    errno = 0;
    if (sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return pdb_fail_sqlite(db, doing);
}

int pdb_exec_str(struct pdb *db, sqlite3_str *sql, const char *doing)
{
    char *text = sqlite3_str_finish(sql);
    int result =
        text ? pdb_exec(db, text, doing) : pdb_fail(db, -ENOMEM, "%s: out of memory", db->path);
    sqlite3_free(text);
    return result;
}

int pdb_choose_runs(struct pdb *db, int64_t run_id)
{
    sqlite3_str *sql = sqlite3_str_new(db->sql);
    sqlite3_str_appendf(sql,
                        "CREATE TEMP TABLE IF NOT EXISTS chosen (id INTEGER PRIMARY KEY);"
                        "DELETE FROM temp.chosen; INSERT INTO temp.chosen SELECT id FROM main.run");
    if (run_id)
        sqlite3_str_appendf(sql, " WHERE id = %lld", (long long)run_id);
    return pdb_exec_str(db, sql, "choose runs");
}
