/* T4, the results format of the auto-tuning community, version 1.0.0 (Kernel Tuner writes it): one
 * result per variant on a layer, its runtimes in milliseconds, why it is invalid if it is. */
#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "perfdb/exchange_json_int.h"
#include "perfdb/tables_int.h"

/* ---- writing */

static const char *invalidity_of(const struct pdb_measurement_row *row)
{
    static const char *const words[HRN_OUTCOME_COUNT] = {
        [HRN_OK] = "correct",       [HRN_WRONG] = "correctness",  [HRN_CRASHED] = "runtime",
        [HRN_TIMEOUT] = "timeout",  [HRN_NO_ISA] = "constraints", [HRN_REFUSED] = "constraints",
        [HRN_NO_BUILD] = "compile", [HRN_VOID] = "runtime",
    };
    return words[row->outcome];
}

struct walk {
    struct pdb_json_writer w;
    struct pdb *db;
    const char *problem, *device;
    int64_t begin_unix_s, run_id;
    char timestamp[40];
};

static int add_knob(sqlite3_stmt *stmt, void *user)
{
    json_object_object_add(user, pdb_column_text(stmt, 0), pdb_json_cell(stmt, 1));
    return 0;
}

static struct json_object *configuration_of(struct walk *k, const struct pdb_measurement_row *row)
{
    const struct pdb_value key = pdb_int(row->id);
    struct json_object *c = json_object_new_object();
    json_object_object_add(c, "problem", json_object_new_string(k->problem));
    json_object_object_add(c, "variant", json_object_new_string(row->variant));
    json_object_object_add(c, "isa", json_object_new_string(row->isa));
    json_object_object_add(c, "family", json_object_new_string(row->family));
    json_object_object_add(c, "algorithm", json_object_new_string(row->algorithm));
    pdb_query(k->db,
              "SELECT name, value FROM variant_knob WHERE variant_id ="
              " (SELECT variant_id FROM measurement WHERE id = ?1) ORDER BY name",
              &key, 1, add_knob, c);
    return c;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(const double *values, size_t count)
{
    double *copy = malloc((count + 1) * sizeof *copy), median = 0;
    if (copy && count) {
        memcpy(copy, values, count * sizeof *copy);
        qsort(copy, count, sizeof *copy, by_value);
        median = 0.5 * (copy[(count - 1) / 2] + copy[count / 2]);
    }
    free(copy);
    return median;
}

static struct json_object *measurement(const char *name, double value, const char *unit)
{
    struct json_object *m = json_object_new_object();
    json_object_object_add(m, "name", json_object_new_string(name));
    json_object_object_add(m, "value", json_object_new_double(value));
    json_object_object_add(m, "unit", json_object_new_string(unit));
    return m;
}

static int put_result(const struct pdb_measurement_row *row, void *user)
{
    struct walk *k = user;
    struct json_object *result = json_object_new_object(), *times = json_object_new_object();
    struct json_object *runtimes = json_object_new_array(), *measurements = json_object_new_array();
    struct json_object *objectives = json_object_new_array();
    for (size_t i = 0; i < row->sample_count; i++)
        json_object_array_add(runtimes, json_object_new_double(row->sample_ns[i] / 1e6));
    json_object_object_add(times, "runtimes", runtimes);
    if (row->sample_count && row->outcome == HRN_OK) {
        double median = median_of(row->sample_ns, row->sample_count);
        json_object_array_add(measurements, measurement("time", median / 1e6, "ms"));
        json_object_array_add(objectives, json_object_new_string("time"));
    }
    json_object_object_add(result, "timestamp", json_object_new_string(k->timestamp));
    json_object_object_add(result, "configuration", configuration_of(k, row));
    json_object_object_add(result, "times", times);
    json_object_object_add(result, "invalidity", json_object_new_string(invalidity_of(row)));
    json_object_object_add(result, "correctness", json_object_new_int(row->outcome == HRN_OK));
    json_object_object_add(result, "measurements", measurements);
    json_object_object_add(result, "objectives", objectives);
    fputs(k->w.entries++ ? ",\n" : "\n", k->w.out);
    return pdb_json_put(k->w.out, result);
}

/* Problems may occur in several networks of a run: each once. */
static int put_problem(sqlite3_stmt *stmt, void *user)
{
    struct walk *k = user;
    k->problem = pdb_column_text(stmt, 0);
    return pdb_measurements(k->db, k->run_id, k->problem, put_result, k);
}

static int take_run(sqlite3_stmt *stmt, void *user)
{
    struct walk *k = user;
    time_t seconds = (time_t)(sqlite3_column_int64(stmt, 0) / 1000000000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc))
        strftime(k->timestamp, sizeof k->timestamp, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return 0;
}

int pdb_t4_write(struct pdb *db, int64_t run_id, FILE *out)
{
    struct walk k = { .w = { .db = db, .out = out }, .db = db, .run_id = run_id };
    const struct pdb_value key = pdb_int(run_id);
    fputs("{\"schema_version\": \"1.0.0\", \"results\": [", out);
    int result =
        pdb_query(db, "SELECT begin_unix_ns FROM run WHERE id = ?1", &key, 1, take_run, &k);
    if (result == 0)
        result = pdb_query(db,
                           "SELECT canonical FROM problem WHERE id IN (SELECT problem_id FROM"
                           " measurement WHERE run_id = ?1) ORDER BY 1",
                           &key, 1, put_problem, &k);
    fputs("\n]}\n", out);
    return result == 0 && ferror(out) ? -EIO : result;
}

/* ---- reading */

static const char *proof_of(const char *invalidity)
{
    static const struct {
        const char *word, *proof;
    } words[] = {
        { "correct", "ok" },      { "correctness", "wrong" },   { "runtime", "crashed" },
        { "timeout", "timeout" }, { "constraints", "refused" }, { "compile", "no-build" },
    };
    for (size_t i = 0; i < PDB_COUNT(words); i++)
        if (strcmp(words[i].word, invalidity) == 0)
            return words[i].proof;
    return NULL;
}

/* "2022-12-23 12:11:21.435+00:00", or with a T: ns since 1970; 0 if there is none. */
static int64_t timestamp_ns(const char *text)
{
    struct tm tm = { 0 };
    if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) && !strptime(text, "%Y-%m-%d %H:%M:%S", &tm))
        return 0;
    return pdb_json_ns(timegm(&tm), 0);
}

/* A configuration as a name, "block_size_x=32 tile=4", and its whole numbers as knobs. */
static int take_configuration(struct pdb_json_reader *r, struct json_object *c)
{
    char *name = NULL, *knobs = NULL;
    size_t name_bytes = 0, knobs_bytes = 0;
    FILE *names = open_memstream(&name, &name_bytes),
         *values = open_memstream(&knobs, &knobs_bytes);
    int filled = 0, numbers = 0;
    if (!names || !values) {
        if (names)
            fclose(names);
        if (values)
            fclose(values);
        free(name);
        free(knobs);
        return pdb_fail(r->db, -ENOMEM, "out of memory");
    }
    struct json_object_iterator at = json_object_iter_begin(c), end = json_object_iter_end(c);
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        const char *key = json_object_iter_peek_name(&at);
        struct json_object *value = json_object_iter_peek_value(&at);
        fprintf(names, "%s%s=%s", filled++ ? " " : "", key, json_object_get_string(value));
        if (json_object_is_type(value, json_type_int) && !key[strcspn(key, ";=")])
            fprintf(values, "%s%s=%s", numbers++ ? ";" : "", key, json_object_get_string(value));
    }
    fclose(names);
    fclose(values);
    const char *variant = pdb_json_text(c, "variant", name);
    pdb_json_set(r, "variant", "%s", variant);
    pdb_json_set(r, "kernel_name", "%s", variant);
    pdb_json_set(r, "isa", "%s", pdb_json_text(c, "isa", "foreign"));
    pdb_json_set(r, "family", "%s", pdb_json_text(c, "family", ""));
    pdb_json_set(r, "algorithm", "%s", pdb_json_text(c, "algorithm", ""));
    pdb_json_set(r, "knobs", "%s", knobs);
    free(name);
    free(knobs);
    return 0;
}

static int take_head(struct pdb_json_reader *r, struct json_object *result, const char *proof)
{
    struct json_object *c = pdb_json_object(result, "configuration");
    const char *problem =
        r->options->problem ? r->options->problem : pdb_json_text(c, "problem", "");
    if (!*problem)
        return pdb_fail(
            r->db, -EINVAL,
            "results[%zu]: its configuration has no 'problem'; say what they all compute "
            "with --problem",
            r->index);
    const char *device = r->options->device;
    pdb_json_set(r, "device", "%s", device ? device : "t4");
    pdb_json_set(r, "begin_unix_ns", "%lld",
                 (long long)timestamp_ns(pdb_json_text(result, "timestamp", "")));
    pdb_json_set(r, "evidence", "measured");
    pdb_json_set(r, "tool", "imported");
    pdb_json_set(r, "problem", "%s", problem);
    pdb_json_set(r, "proof", "%s", proof);
    return take_configuration(r, c);
}

static int take_runtimes(struct pdb_json_reader *r, struct json_object *times)
{
    struct json_object *list = pdb_json_array(times, "runtimes");
    size_t count = list ? json_object_array_length(list) : 0;
    int result = count ? 0 : pdb_json_add(r);
    for (size_t i = 0; i < count && result == 0; i++) {
        double ms = json_object_get_double(json_object_array_get_idx(list, i));
        if (!(ms > 0) || ms > 9e12)
            return pdb_fail(r->db, -EINVAL,
                            "results[%zu]: runtimes[%zu] is no time in milliseconds", r->index, i);
        pdb_json_set(r, "sequence", "%zu", i);
        pdb_json_set(r, "round", "%zu", i);
        pdb_json_set(r, "time_ns", "%.0f", fmax(ms * 1e6, 1));
        result = pdb_json_add(r);
    }
    return result;
}

/* All results are of one run: it began when the first of them was measured. */
static int take_result(struct pdb_json_reader *r, struct json_object *entry, char **begin)
{
    const char *proof = proof_of(pdb_json_text(entry, "invalidity", ""));
    if (!proof || !pdb_json_object(entry, "configuration") || !pdb_json_object(entry, "times"))
        return pdb_fail(r->db, -EINVAL,
                        "results[%zu]: configuration, times or invalidity is missing or no such",
                        r->index);
    pdb_json_clear(r);
    int result = take_head(r, entry, proof);
    if (result != 0)
        return result;
    int at = pdb_flat_find("begin_unix_ns");
    if (!*begin)
        *begin = strdup(r->values[at] ? r->values[at] : "0");
    pdb_json_set(r, "begin_unix_ns", "%s", *begin ? *begin : "0");
    return take_runtimes(r, pdb_json_object(entry, "times"));
}

int pdb_t4_read(struct pdb *fresh, FILE *in, const struct pdb_import_options *options)
{
    struct pdb_json_reader r = { .db = fresh, .options = options, .writer.db = fresh };
    struct json_object *root = NULL;
    char *begin = NULL;
    int result = pdb_json_parse(fresh, in, &root);
    struct json_object *list = result == 0 ? pdb_json_array(root, "results") : NULL;
    if (result == 0 && (!list || !*pdb_json_text(root, "schema_version", "")))
        result = pdb_fail(fresh, -EINVAL,
                          "it is no T4 document: 'schema_version' and 'results' are missing");
    for (size_t n = list ? json_object_array_length(list) : 0; r.index < n && result == 0;
         r.index++)
        result = take_result(&r, json_object_array_get_idx(list, r.index), &begin);
    free(begin);
    pdb_json_end(&r);
    json_object_put(root);
    return result;
}
