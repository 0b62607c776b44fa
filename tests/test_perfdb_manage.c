/* Looking after databases: merging in any order, pruning, checking, asking; and as text and back.
 */
#include "perfdb/manage.h"

#include <errno.h>

#include "perfdb/exchange.h"
#include "perfdb/tables_int.h"
#include "tests/perfdb_fixture.h"

/* ---- the table of tables is the schema */

static int take_column(sqlite3_stmt *s, void *user)
{
    const struct pdb_table *t = user;
    const char *name = pdb_column_text(s, 0);
    int found = t->has_id && strcmp(name, "id") == 0;
    for (int i = 0; i < pdb_column_count(t); i++)
        found += strcmp(t->column[i].name, name) == 0;
    if (!T_CHECK(found == 1))
        printf("  %s.%s is not in pdb_tables[]\n", t->name, name);
    return 0;
}

static int take_table(sqlite3_stmt *s, void *user)
{
    static const char *const words[] = { "outcome", "evidence", "stage", "role" };
    const char *name = pdb_column_text(s, 0);
    int found = 0;
    (void)user;
    for (size_t i = 0; i < PDB_COUNT(words); i++)
        found += strcmp(words[i], name) == 0;
    for (int i = 0; i < PDB_TABLE_COUNT; i++)
        found += strcmp(pdb_tables[i].name, name) == 0;
    if (!T_CHECK(found == 1))
        printf("  %s is not in pdb_tables[]\n", name);
    return 0;
}

static void test_tables(void)
{
    struct pdb *db = open_ok(in_folder("tables.db"), PDB_WRITE);
    char sql[96];
    T_CHECK(pdb_query(db, "SELECT name FROM sqlite_schema WHERE type = 'table'", NULL, 0,
                      take_table, NULL) == 0);
    for (int i = 0; i < PDB_TABLE_COUNT; i++) {
        struct pdb_table t = pdb_tables[i];
        snprintf(sql, sizeof sql, "SELECT name FROM pragma_table_info('%s')", t.name);
        T_CHECK(pdb_query(db, sql, NULL, 0, take_column, &t) == 0);
    }
    pdb_close(db);
}

/* ---- files to work with */

/* A run of core `cpu` with `samples` samples with counters of one variant, every fifth void. */
static int64_t add_run(struct pdb *db, int cpu, int samples, const char *outcome)
{
    struct pdb_run run = a_run;
    struct pdb_variant variant = a_variant(cpu % 2 ? "odd, \"quoted\"\n" : "even");
    const struct hrn_proof proof = { .outcome = HRN_OK, .stage = HRN_STAGE_PROVE, .checks = 9 };
    const struct hrn_counter counters[] = { { "CPU_CYCLES", 1000 + cpu, 9, 9 },
                                            { "INST_RETIRED", cpu, 9, 9 } };
    const struct pdb_event_probe probe = { "CPU_CYCLES", "ok", "", 5, 5 };
    const struct pdb_bandwidth l1 = { "L1d", 4096, 1.0 / 3.0, 0 };
    int64_t run_id = 0, id = 0;
    run.cpu_index = cpu;
    T_CHECK(pdb_run_begin(db, &run, &run_id) == 0);
    T_CHECK(pdb_run_problem(db, run_id, "ic8ih8oc8kh1", "first", "net", 0, 1, 99) == 0);
    T_CHECK(pdb_measurement(db, run_id, "ic8ih8oc8kh1", &variant, &id) == 0);
    T_CHECK(pdb_proof(db, id, &proof) == 0);
    T_CHECK(pdb_peak(db, run_id, "dotprod", "dotprod_peak", 1e11 / 3.0) == 0);
    T_CHECK(pdb_run_fact(db, run_id, "governor", "performance") == 0);
    T_CHECK(pdb_event_probe(db, run_id, &probe) == 0 && pdb_bandwidth(db, run_id, &l1) == 0);
    for (int i = 0; i < samples; i++) {
        struct hrn_sample sample = plain_sample;
        sample.round = i;
        sample.time_ns = 5000 + i;
        sample.outcome = i % 5 == 4 ? HRN_VOID : HRN_OK;
        sample.role = i == 0 ? HRN_TWIN : HRN_CANDIDATE;
        T_CHECK(pdb_sample(db, id, &sample, counters, 2) == 0);
    }
    if (outcome)
        T_CHECK(pdb_run_end(db, run_id, outcome) == 0);
    T_CHECK(pdb_commit(db) == 0);
    return run_id;
}

static void make_file(const char *name, int first_cpu, int runs, int samples)
{
    struct pdb *db = open_ok(in_folder(name), PDB_WRITE);
    for (int i = 0; i < runs; i++)
        add_run(db, first_cpu + i, samples, "complete");
    pdb_close(db);
}

/* The file as canonical text: the same content is the same text. The caller frees it. */
static char *text_of(const char *name, const char *format, int64_t run_id)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct pdb *db = open_ok(in_folder(name), PDB_READ);
    T_CHECK(pdb_format_find(format)->write(db, run_id, out) == 0);
    pdb_close(db);
    fclose(out);
    return text;
}

static int same_content(const char *a, const char *b)
{
    char *x = text_of(a, "jsonl", 0), *y = text_of(b, "jsonl", 0);
    int same = strcmp(x, y) == 0;
    free(x);
    free(y);
    return same;
}

static int merge(const char *into, const char *from, struct pdb_merged *out)
{
    struct pdb *db = open_ok(in_folder(into), PDB_WRITE);
    int result = pdb_merge(db, in_folder(from), out);
    if (result < 0)
        printf("  (refused: %s)\n", pdb_errmsg(db));
    pdb_close(db);
    return result;
}

static void copy_file(const char *from, const char *to)
{
    struct pdb_merged merged;
    T_CHECK(merge(to, from, &merged) == 0);
}

/* ---- merging */

static void test_merge(void)
{
    static const int orders[][3] = { { 0, 1, 2 }, { 2, 1, 0 }, { 1, 2, 0 } };
    static const char *const sources[] = { "m0.db", "m1.db", "m2.db" };
    static const char *const targets[] = { "t0.db", "t1.db", "t2.db" };
    struct pdb_merged merged;
    make_file("m0.db", 0, 2, 7);
    make_file("m1.db", 10, 3, 4);
    make_file("m2.db", 20, 1, 1);
    for (int o = 0; o < 3; o++)
        for (int i = 0; i < 3; i++)
            T_CHECK(merge(targets[o], sources[orders[o][i]], &merged) == 0);
    T_CHECK(merged.runs == 2 && merged.measurements == 2 && merged.samples == 14);
    T_CHECK(merged.counters == 28);
    T_CHECK(same_content("t0.db", "t1.db") && same_content("t0.db", "t2.db"));
    T_CHECK(!same_content("t0.db", "m0.db"));
    for (int i = 0; i < 3; i++)
        T_CHECK(merge("t0.db", sources[i], &merged) == 0 && merged.all == 0);
    T_CHECK(merge("t0.db", "t1.db", &merged) == 0 && merged.all == 0);
    T_CHECK(same_content("t0.db", "t1.db"));
    T_CHECK(raw_sql(in_folder("t0.db"), "SELECT count(*) FROM run") == 6);
    T_CHECK(raw_sql(in_folder("t0.db"), "SELECT count(*) FROM variant") == 2);
}

/* A copy that went on adds what is new; two copies that went on differently do not mix. */
static void test_merge_continued(void)
{
    struct pdb_merged merged;
    struct hrn_sample sample = plain_sample;
    struct pdb *db = open_ok(in_folder("begun.db"), PDB_WRITE);
    add_run(db, 1, 3, NULL);
    pdb_close(db);
    copy_file("begun.db", "went.db");
    db = open_ok(in_folder("went.db"), PDB_WRITE);
    sample.round = 3;
    T_CHECK(pdb_sample(db, 1, &sample, NULL, 0) == 0 && pdb_run_end(db, 1, "complete") == 0);
    pdb_close(db);
    copy_file("begun.db", "apart.db");
    db = open_ok(in_folder("apart.db"), PDB_WRITE);
    sample.time_ns++;
    T_CHECK(pdb_sample(db, 1, &sample, NULL, 0) == 0);
    pdb_close(db);

    T_CHECK(merge("begun.db", "went.db", &merged) == 0);
    T_CHECK(merged.runs == 0 && merged.samples == 1 && merged.all == 1);
    T_CHECK(same_content("begun.db", "went.db"));
    T_CHECK(merge("begun.db", "apart.db", &merged) == -EEXIST && merged.all == 0);
    T_CHECK(same_content("begun.db", "went.db"));
}

static void test_merge_refused(void)
{
    struct pdb_merged merged;
    make_file("ok.db", 0, 1, 2);
    write_file(in_folder("text.db"), "hello, this is no database at all......", 39);
    T_CHECK(merge("ok.db", "text.db", &merged) == -ENOTSUP);
    T_CHECK(merge("ok.db", "missing.db", &merged) == -ENOENT);
    T_CHECK(access(in_folder("missing.db"), F_OK) != 0);
}

/* ---- pruning */

static int64_t pruned(struct pdb_prune what, int64_t runs_left)
{
    struct pdb_merged would, gone;
    struct pdb *db = open_ok(in_folder("prune.db"), PDB_WRITE);
    what.dry = 1;
    T_CHECK(pdb_prune(db, &what, &would) == 0);
    what.dry = 0;
    T_CHECK(pdb_prune(db, &what, &gone) == 0 && would.runs == gone.runs);
    T_CHECK(would.samples == gone.samples && gone.samples == 4 * gone.runs);
    T_CHECK(pdb_check(db, NULL, NULL) == 0);
    pdb_close(db);
    T_CHECK(raw_sql(in_folder("prune.db"), "SELECT count(*) FROM run") == runs_left);
    return gone.runs;
}

static void test_prune(void)
{
    struct pdb_merged gone;
    const int64_t missing = 999;
    struct pdb *db = open_ok(in_folder("prune.db"), PDB_WRITE);
    add_run(db, 3, 4, "interrupted");
    for (int i = 0; i < 5; i++)
        add_run(db, 1, 4, "complete");
    const int64_t two[] = { add_run(db, 2, 4, "complete"), add_run(db, 2, 4, "complete") };
    T_CHECK(pdb_prune(db, &(struct pdb_prune) { .runs = &missing, .run_count = 1 }, &gone) ==
            -ENOENT);
    pdb_close(db);
    T_CHECK(pruned((struct pdb_prune) { .unfinished = 1 }, 7) == 1);
    T_CHECK(pruned((struct pdb_prune) { .keep_per_core = 3 }, 5) == 2);
    T_CHECK(pruned((struct pdb_prune) { .before_unix_s = 1000 }, 5) == 0);
    T_CHECK(raw_sql(in_folder("prune.db"), "SELECT count(*) FROM variant") == 2);
    T_CHECK(pruned((struct pdb_prune) { .runs = two, .run_count = 2 }, 3) == 2);
    T_CHECK(raw_sql(in_folder("prune.db"), "SELECT count(*) FROM variant") == 1);
    T_CHECK(pruned((struct pdb_prune) { .before_unix_s = INT64_C(1) << 33 }, 0) == 3);
    T_CHECK(raw_sql(in_folder("prune.db"), "SELECT count(*) FROM device") == 0);
    T_CHECK(raw_sql(in_folder("prune.db"), "SELECT count(*) FROM event") == 0);
}

/* ---- checking */

struct seen {
    int count;
    const char *words;
};

static void take_finding(const char *sentence, void *user)
{
    struct seen *seen = user;
    seen->count++;
    if (!T_CHECK(strstr(sentence, seen->words)))
        printf("  %s\n", sentence);
}

static void raw_exec(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    T_CHECK(sqlite3_open(path, &db) == SQLITE_OK);
    T_CHECK(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
}

static void test_check(void)
{
    static const struct {
        const char *damage, *words;
    } damages[] = {
        { "DELETE FROM sample WHERE sequence = 1; DELETE FROM counter WHERE sequence = 1", "gaps" },
        { "DELETE FROM device", "missing row of device" },
        { "UPDATE proof SET outcome = 1", "wrong" },
        { "UPDATE counter SET running_ns = 3 WHERE sequence = 0 AND event_id = 1", "3 of 9 ns" },
        { "UPDATE run SET evidence = 1", "emulated" },
    };
    for (size_t i = 0; i < PDB_COUNT(damages); i++) {
        struct seen seen = { 0, damages[i].words };
        make_file("check.db", 1, 1, 4);
        struct pdb *db = open_ok(in_folder("check.db"), PDB_READ);
        T_CHECK(pdb_check(db, take_finding, &seen) == 0 && seen.count == 0);
        pdb_close(db);
        raw_exec(in_folder("check.db"), damages[i].damage);
        db = open_ok(in_folder("check.db"), PDB_READ);
        T_CHECK(pdb_check(db, take_finding, &seen) > 0 && seen.count > 0);
        pdb_close(db);
        remove_file("check.db");
    }
}

/* ---- asking */

static int take_cells(const struct pdb_cell *cells, size_t count, void *user)
{
    ++*(int *)user;
    T_CHECK(count == 4 && cells[0].kind == PDB_CELL_INT && cells[0].integer == 7);
    T_CHECK(cells[1].kind == PDB_CELL_REAL && cells[1].real == 0.5);
    T_CHECK(cells[2].kind == PDB_CELL_TEXT && strcmp(cells[2].text, "x") == 0);
    T_CHECK(cells[3].kind == PDB_CELL_NULL && !cells[3].text);
    return 0;
}

static int stop_at_once(void *user)
{
    (void)user;
    return 1;
}

static void test_select(void)
{
    static const struct {
        const char *sql;
        int error;
    } refused[] = {
        { "DELETE FROM run", -EPERM },
        { "PRAGMA user_version = 9", -EPERM },
        { "ATTACH 'other.db' AS o", -EPERM },
        { "CREATE TEMP TABLE t (x)", -EPERM },
        { "VACUUM", -EPERM },
        { "SELECT 1; SELECT 2", -EINVAL },
        { "SELEKT", -EINVAL },
        { " ; ", -EINVAL },
        { "", -EINVAL },
    };
    int rows = 0;
    make_file("ask.db", 1, 1, 2);
    struct pdb *db = open_ok(in_folder("ask.db"), PDB_READ);
    struct pdb_select out = { .row = take_cells, .user = &rows };
    T_CHECK(pdb_select(db, "SELECT 7, 0.5, 'x', NULL ;", &out) == 0 && rows == 1);
    for (size_t i = 0; i < PDB_COUNT(refused); i++)
        if (!T_CHECK(pdb_select(db, refused[i].sql, &out) == refused[i].error))
            printf("  %s: %s\n", refused[i].sql, pdb_errmsg(db));
    out.stop = stop_at_once;
    T_CHECK(pdb_select(db,
                       "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                       " SELECT count(*) FROM n",
                       &out) == -EINTR);
    out.stop = NULL;
    T_CHECK(pdb_select(db, "SELECT 7, 0.5, 'x', NULL FROM run", &out) == 0 && rows == 2);
    pdb_close(db);
}

/* ---- as text, and back */

static int import(const char *into, const char *format, const char *text, size_t bytes,
                  const char *problem, char *message)
{
    const struct pdb_import_options options = { problem, NULL };
    struct pdb_merged merged;
    struct pdb *db = open_ok(in_folder(into), PDB_WRITE);
    FILE *in = fmemopen((void *)(uintptr_t)text, bytes, "r");
    int result = in ? pdb_import(db, pdb_format_find(format), in, &options, &merged) : -ENOMEM;
    snprintf(message, 1100, "%s", pdb_errmsg(db));
    if (in)
        fclose(in);
    pdb_close(db);
    return result;
}

static void test_round_trips(void)
{
    static const struct {
        const char *format;
        int runs;
    } formats[] = { { "jsonl", 2 }, { "csv", 2 }, { "gbench", 1 } };
    char message[1100];
    struct pdb_merged merged;
    make_file("from.db", 1, 2, 6);
    for (size_t i = 0; i < PDB_COUNT(formats); i++) {
        char *text = text_of("from.db", formats[i].format, formats[i].runs == 1 ? 2 : 0);
        for (int twice = 0; twice < 2; twice++)
            if (!T_CHECK(import("back.db", formats[i].format, text, strlen(text), NULL, message) ==
                         0))
                printf("  %s: %s\n", formats[i].format, message);
        /* what came back is part of what there was: nothing of it is in conflict */
        T_CHECK(merge("back.db", "from.db", &merged) == 0 &&
                merged.samples == 6 * (2 - formats[i].runs));
        T_CHECK(merged.counters == 12 * (2 - formats[i].runs));
        T_CHECK(same_content("back.db", "from.db"));
        remove_file("back.db");
        free(text);
    }
}

static void test_one_run(void)
{
    char *text = text_of("from.db", "jsonl", 1), message[1100];
    T_CHECK(import("one.db", "jsonl", text, strlen(text), NULL, message) == 0);
    T_CHECK(raw_sql(in_folder("one.db"), "SELECT count(*) FROM run") == 1);
    T_CHECK(raw_sql(in_folder("one.db"), "SELECT count(*) FROM core") == 1);
    T_CHECK(raw_sql(in_folder("one.db"), "SELECT count(*) FROM variant") == 1);
    free(text);
}

static const char gbench_text[] =
    "{\"context\": {\"date\": \"2026-01-02T03:04:05+01:00\", \"host_name\": \"pixel\"},"
    " \"benchmarks\": ["
    "{\"name\": \"conv/a\", \"run_type\": \"iteration\", \"iterations\": 10, \"real_time\": 1.5,"
    " \"time_unit\": \"us\"},"
    "{\"name\": \"conv/a\", \"run_type\": \"iteration\", \"iterations\": 10, \"real_time\": 1.6,"
    " \"time_unit\": \"us\"},"
    "{\"name\": \"conv/a_mean\", \"run_type\": \"aggregate\", \"real_time\": 1.55}]}";

static const char t4_text[] =
    "{\"schema_version\": \"1.0.0\", \"results\": ["
    "{\"timestamp\": \"2022-12-23 12:11:21.435\", \"configuration\": {\"tile\": 4, \"kind\": "
    "\"x\"},"
    " \"times\": {\"runtimes\": [0.5, 0.25]}, \"invalidity\": \"correct\", \"correctness\": 1},"
    "{\"timestamp\": \"2022-12-23 12:11:22\", \"configuration\": {\"tile\": 8, \"kind\": \"x\"},"
    " \"times\": {\"runtimes\": []}, \"invalidity\": \"compile\", \"correctness\": 0}]}";

static void test_foreign_results(void)
{
    char message[1100];
    const char *path = in_folder("foreign.db");
    T_CHECK(import("foreign.db", "gbench", gbench_text, strlen(gbench_text), "ic8ih8oc8kh1",
                   message) == 0);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM sample WHERE calls = 10") == 2);
    T_CHECK(raw_sql(path, "SELECT sum(time_ns) FROM sample") == 31000);
    T_CHECK(raw_sql(path, "SELECT begin_unix_ns / 1000000000 FROM run") == 1767319445);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM device WHERE key = 'gbench:pixel'") == 1);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM proof") == 0); /* nobody proved it */
    T_CHECK(import("foreign.db", "t4", t4_text, strlen(t4_text), "ic8ih8oc8kh1", message) == 0);
    T_CHECK(raw_sql(path, "SELECT count(*) FROM proof WHERE outcome = 6") == 1);
    T_CHECK(raw_sql(path,
                    "SELECT count(*) FROM sample JOIN measurement m ON m.id = measurement_id"
                    " JOIN variant v ON v.id = variant_id WHERE v.name = 'tile=4 kind=x'") == 2);
    T_CHECK(raw_sql(path, "SELECT value FROM variant_knob WHERE name = 'tile' AND value = 4") == 4);
    /* without a problem neither says what it computes */
    T_CHECK(import("foreign.db", "gbench",
                   "{\"context\":{\"date\":\"2026-01-02T03:04:05Z\"},"
                   "\"benchmarks\":[{\"name\":\"a\",\"iterations\":1,\"real_time\":1}]}",
                   100, NULL, message) == -EINVAL);
    T_CHECK(import("foreign.db", "t4", t4_text, strlen(t4_text), NULL, message) == -EINVAL);
    T_CHECK(strstr(message, "--problem") != NULL);
}

/* Everything that is not whole is refused, with nothing of it imported. */
static void test_refused_text(void)
{
    static const struct {
        const char *format, *text, *words;
    } cases[] = {
        { "jsonl", "x", "no export" },
        { "jsonl", "{\"quern\":\"perfdb\",\"schema\":99}\n", "schema version 99" },
        { "jsonl", "{\"quern\":\"perfdb\",\"schema\":2}\n{\"table\":\"tables\"}\n", "line 2" },
        { "jsonl", "{\"quern\":\"perfdb\",\"schema\":2}\n[1]\n", "line 2" },
        { "jsonl", "{\"quern\":\"perfdb\",\"schema\":2}\n{\"table\":\"tool\",\"id\":1}\n", "tool" },
        { "csv", "a,b\n", "no column is" },
        { "csv", "device\n\"x\n", "does not end" },
        { "csv", "device,problem\nx\n", "1 fields" },
        { "csv", "device,problem\nx,y\n", "missing" },
        { "csv",
          "device,begin_unix_ns,evidence,problem,variant,sequence,calls\nd,1,measured,p,v,0,x\n",
          "line 2" },
        { "csv", "device,begin_unix_ns,evidence,problem,variant\nd,1,guessed,p,v\n", "line 2" },
        { "csv", "device,begin_unix_ns,evidence,problem,variant,E\nd,1,measured,p,v,x1\n",
          "whole number" },
        { "gbench", "{", "no JSON" },
        { "gbench", "[]", "no JSON" },
        { "gbench", "{\"context\":{},\"benchmarks\":[{\"name\":\"p/v\"}]}", "date" },
        { "t4", "{\"results\":[]}", "schema_version" },
        { "t4", "{\"schema_version\":\"1.0.0\",\"results\":[{}]}", "results[0]" },
    };
    char message[1100];
    for (size_t i = 0; i < PDB_COUNT(cases); i++) {
        int result = import("refused.db", cases[i].format, cases[i].text, strlen(cases[i].text),
                            NULL, message);
        if (!T_CHECK(result < 0) || !T_CHECK(strstr(message, cases[i].words)))
            printf("  case %zu: %d %s\n", i, result, message);
    }
    T_CHECK(raw_sql(in_folder("refused.db"), "SELECT count(*) FROM device") == 0);
}

/* Cut off or changed anywhere, a file is taken whole or not at all, and never harms. */
static void test_damaged_text(void)
{
    uint64_t state = t_seed;
    char message[1100];
    for (size_t f = 0; f < pdb_format_count; f++) {
        const char *format = pdb_formats[f].name;
        char *text = text_of("from.db", format, 1);
        size_t bytes = strlen(text);
        for (int i = 0; i < 60; i++) {
            char *copy = malloc(bytes + 1);
            memcpy(copy, text, bytes + 1);
            state = state * 6364136223846793005u + 1442695040888963407u;
            size_t at = (size_t)(state >> 20) % bytes;
            copy[at] = (char)(state >> 11);
            import("damaged.db", format, copy, i % 2 ? at + 1 : bytes, "ic8ih8oc8kh1", message);
            free(copy);
            remove_file("damaged.db");
        }
        free(text);
    }
}

int main(int argc, char **argv)
{
    t_begin(argc, argv);
    make_folder();
    test_tables();
    test_merge();
    test_merge_continued();
    test_merge_refused();
    test_prune();
    test_check();
    test_select();
    test_round_trips();
    test_one_run();
    test_foreign_results();
    test_refused_text();
    test_damaged_text();
    remove_folder();
    return t_end();
}
