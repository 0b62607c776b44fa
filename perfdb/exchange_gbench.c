/* Google Benchmark's JSON. An entry is one sample, named PROBLEM/VARIANT; what that format has no
 * key for stands in keys of our own, beside its, so that nothing but other runs is lost. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perfdb/exchange_json_int.h"
#include "perfdb/tables_int.h"

/* Columns that are the same for all samples of a run: they go into the context. */
static const char *const of_the_run[] = {
    "device", "arch",          "kernel",      "os",          "cpu_index",     "cpu",
    "midr",   "begin_unix_ns", "end_unix_ns", "run_outcome", "evidence",      "compiler",
    "flags",  "tool",          "command",     "seed",        "min_sample_ns", "rounds",
};

static int is_of_run(const char *name)
{
    for (size_t i = 0; i < PDB_COUNT(of_the_run); i++)
        if (strcmp(of_the_run[i], name) == 0)
            return 1;
    return 0;
}

/* ---- writing */

static void put_columns(sqlite3_stmt *stmt, int of_run, struct json_object *into)
{
    for (int i = 0; i < PDB_FLAT_COUNT; i++)
        if (is_of_run(pdb_flat_columns[i].name) == of_run &&
            sqlite3_column_type(stmt, i) != SQLITE_NULL)
            json_object_object_add(into, pdb_flat_columns[i].name, pdb_json_cell(stmt, i));
}

/* "2026-11-27T18:00:00+00:00" */
static struct json_object *iso_date(int64_t unix_ns)
{
    char text[40] = "";
    time_t seconds = (time_t)(unix_ns / 1000000000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    return json_object_new_string(text);
}

static struct json_object *context_of(sqlite3_stmt *stmt)
{
    struct json_object *context = json_object_new_object(), *own = json_object_new_object();
    const int64_t begin = sqlite3_column_int64(stmt, pdb_flat_find("begin_unix_ns"));
    json_object_object_add(context, "date", iso_date(begin));
    json_object_object_add(context, "host_name", pdb_json_cell(stmt, pdb_flat_find("device")));
    json_object_object_add(context, "executable", json_object_new_string("quern"));
    json_object_object_add(context, "library_build_type", json_object_new_string("release"));
    put_columns(stmt, 1, own);
    json_object_object_add(context, "quern", own);
    return context;
}

/* Times are per iteration, as that format has them. */
static struct json_object *entry_of(struct pdb_json_writer *w, sqlite3_stmt *stmt)
{
    struct json_object *entry = json_object_new_object(), *own = json_object_new_object();
    char *name = sqlite3_mprintf("%s/%s", pdb_column_text(stmt, pdb_flat_find("problem")),
                                 pdb_column_text(stmt, pdb_flat_find("variant")));
    double calls = sqlite3_column_double(stmt, pdb_flat_find("calls"));
    double time_ns = sqlite3_column_double(stmt, pdb_flat_find("time_ns"));
    int timed = sqlite3_column_type(stmt, pdb_flat_find("sequence")) != SQLITE_NULL;
    json_object_object_add(entry, "name", json_object_new_string(name ? name : ""));
    json_object_object_add(entry, "run_name", json_object_new_string(name ? name : ""));
    json_object_object_add(entry, "run_type", json_object_new_string("iteration"));
    json_object_object_add(entry, "repetition_index",
                           pdb_json_cell(stmt, pdb_flat_find("sequence")));
    json_object_object_add(entry, "threads", json_object_new_int(1));
    json_object_object_add(entry, "iterations", json_object_new_int64((int64_t)calls));
    if (timed && calls > 0) {
        json_object_object_add(entry, "real_time", json_object_new_double(time_ns / calls));
        json_object_object_add(entry, "cpu_time", json_object_new_double(time_ns / calls));
    } else {
        json_object_object_add(entry, "error_occurred", json_object_new_boolean(1));
        json_object_object_add(entry, "error_message", pdb_json_cell(stmt, pdb_flat_find("proof")));
    }
    json_object_object_add(entry, "time_unit", json_object_new_string("ns"));
    put_columns(stmt, 0, own);
    json_object_object_add(entry, "quern", own);
    pdb_json_counters(w, sqlite3_column_int64(stmt, PDB_FLAT_COUNT),
                      sqlite3_column_int64(stmt, pdb_flat_find("sequence")), timed, entry);
    sqlite3_free(name);
    return entry;
}

static int put_entry(sqlite3_stmt *stmt, void *user)
{
    struct pdb_json_writer *w = user;
    if (w->entries == 0) {
        fputs("{\n\"context\": ", w->out);
        pdb_json_put(w->out, context_of(stmt));
        fputs(",\n\"benchmarks\": [", w->out);
    }
    fputs(w->entries++ ? ",\n" : "\n", w->out);
    return pdb_json_put(w->out, entry_of(w, stmt));
}

int pdb_gbench_write(struct pdb *db, int64_t run_id, FILE *out)
{
    struct pdb_json_writer w = { .db = db, .out = out };
    char *sql = pdb_flat_sql(", m.id");
    int result = pdb_choose_runs(db, run_id);
    if (result == 0)
        result = sql ? pdb_query(db, sql, NULL, 0, put_entry, &w) : -ENOMEM;
    sqlite3_free(sql);
    fputs(w.entries ? "\n]\n}\n" : "{\"context\": {}, \"benchmarks\": []}\n", out);
    return result == 0 && ferror(out) ? -EIO : result;
}

/* ---- reading */

static double unit_ns(const char *unit)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 } };
    for (size_t i = 0; i < PDB_COUNT(units); i++)
        if (strcmp(units[i].name, unit) == 0)
            return units[i].ns;
    return 0;
}

/* "2026-11-27T18:00:00+01:00" or "...Z", in ns since 1970; -1 if it is no such date. */
static int64_t parse_date(const char *text)
{
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int hours = 0, minutes = 0;
    if (!rest)
        return -1;
    if ((*rest == '+' || *rest == '-') && sscanf(rest + 1, "%2d:%2d", &hours, &minutes) < 1)
        return -1;
    int64_t offset = (*rest == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return pdb_json_ns(timegm(&tm) - offset, -1);
}

/* The run of a foreign file, from its context. */
static int foreign_run(struct pdb_json_reader *r, struct json_object *context)
{
    const char *host = pdb_json_text(context, "host_name", "");
    int64_t begin = parse_date(pdb_json_text(context, "date", ""));
    if (begin < 0)
        return pdb_fail(r->db, -EINVAL,
                        "context.date is missing or no date like 2026-11-27T18:00:00Z");
    const char *device = r->options->device;
    pdb_json_set(r, "device", "%s%s", device ? device : "gbench:", device ? "" : host);
    pdb_json_set(r, "begin_unix_ns", "%lld", (long long)begin);
    pdb_json_set(r, "evidence", "measured");
    pdb_json_set(r, "run_outcome", "complete");
    pdb_json_set(r, "end_unix_ns", "%lld", (long long)begin);
    pdb_json_set(r, "tool", "imported");
    pdb_json_set(r, "command", "%s", pdb_json_text(context, "executable", ""));
    return 0;
}

/* Problem, variant and time of a foreign entry. Its samples are numbered in order. */
static int foreign_entry(struct pdb_json_reader *r, struct json_object *entry)
{
    const char *name = pdb_json_text(entry, "run_name", pdb_json_text(entry, "name", ""));
    const char *slash = strchr(name, '/');
    int64_t calls = pdb_json_integer(entry, "iterations", 1);
    double ns =
        pdb_json_real(entry, "real_time", NAN) * unit_ns(pdb_json_text(entry, "time_unit", "ns"));
    if (!*name || !(ns > 0) || calls < 1 || ns * (double)calls > 9e18)
        return pdb_fail(r->db, -EINVAL,
                        "benchmarks[%zu] ('%.60s'): name, real_time, time_unit or "
                        "iterations is missing or out of range",
                        r->index, name);
    if (!r->options->problem && !slash)
        return pdb_fail(
            r->db, -EINVAL,
            "benchmarks[%zu]: '%.60s' is not of the form PROBLEM/VARIANT; say what they "
            "all compute with --problem",
            r->index, name);
    if (r->options->problem)
        pdb_json_set(r, "problem", "%s", r->options->problem);
    else
        pdb_json_set(r, "problem", "%.*s", (int)(slash - name), name);
    const char *variant = r->options->problem ? name : slash + 1;
    pdb_json_set(r, "variant", "%s", variant);
    pdb_json_set(r, "kernel_name", "%s", variant);
    pdb_json_set(r, "isa", "foreign");
    pdb_json_set(r, "calls", "%lld", (long long)calls);
    pdb_json_set(r, "time_ns", "%.0f", ns * (double)calls);
    int64_t sequence = pdb_json_next_sequence(r, name);
    pdb_json_set(r, "sequence", "%lld", (long long)sequence);
    pdb_json_set(r, "round", "%lld", (long long)sequence);
    return sequence < 0 ? -ENOMEM : 0;
}

static int take_entry(struct pdb_json_reader *r, struct json_object *context,
                      struct json_object *entry)
{
    struct json_object *own_run = pdb_json_object(context, "quern");
    struct json_object *own = pdb_json_object(entry, "quern");
    if (strcmp(pdb_json_text(entry, "run_type", "iteration"), "iteration") != 0)
        return 0; /* means and deviations: not samples */
    pdb_json_clear(r);
    if (own_run && own) {
        pdb_json_take_columns(r, own_run);
        pdb_json_take_columns(r, own);
        pdb_json_take_counters(r, pdb_json_object(entry, "counters"));
        return pdb_json_add(r);
    }
    if (pdb_json_integer(entry, "error_occurred", 0))
        return 0;
    int result = foreign_run(r, context);
    if (result == 0)
        result = foreign_entry(r, entry);
    return result ? result : pdb_json_add(r);
}

int pdb_gbench_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options)
{
    struct pdb_json_reader r = { .db = fresh, .options = options, .writer.db = fresh };
    struct json_object *root = NULL;
    int result = pdb_json_parse(fresh, in, &root);
    struct json_object *context = result == 0 ? pdb_json_object(root, "context") : NULL;
    struct json_object *list = result == 0 ? pdb_json_array(root, "benchmarks") : NULL;
    if (result == 0 && (!context || !list))
        result =
            pdb_fail(fresh, -EINVAL,
                     "it is no output of Google Benchmark: 'context' and 'benchmarks' are missing");
    for (size_t n = list ? json_object_array_length(list) : 0; r.index < n && result == 0;
         r.index++)
        result = take_entry(&r, context, json_object_array_get_idx(list, r.index));
    pdb_json_end(&r);
    json_object_put(root);
    return result;
}
