/* The shape of Google Benchmark's JSON, so that its tools (compare.py, plots) read it: context and
 * benchmarks[]; medians as aggregates, failures as error_occurred. What Quern knows more is in
 * extra keys. Times are in nanoseconds per convolution. No key carries an unknown number: it is
 * left out. */
#include "reports/report.h"

#include <errno.h>
#include <json-c/json.h>
#include <math.h>
#include <string.h>

#include "reports/report_int.h"

/* An object under construction; the first failure sticks. */
struct object {
    struct json_object *json;
    int failed;
};

static void add(struct object *o, const char *key, struct json_object *value)
{
    if (!value || json_object_object_add(o->json, key, value) != 0) {
        json_object_put(value);
        o->failed = -ENOMEM;
    }
}

static void add_text(struct object *o, const char *key, const char *text)
{
    add(o, key, json_object_new_string(text));
}

static void add_int(struct object *o, const char *key, long long value)
{
    add(o, key, json_object_new_int64(value));
}

static void add_real(struct object *o, const char *key, double value)
{
    if (isfinite(value))
        add(o, key, json_object_new_double(value));
}

static void add_bool(struct object *o, const char *key, int value)
{
    add(o, key, json_object_new_boolean(value));
}

static struct object object_new(void)
{
    struct object o = { json_object_new_object(), 0 };
    o.failed = o.json ? 0 : -ENOMEM;
    return o;
}

/* ---- context */

static void add_peaks(struct object *context, const struct rpt_run *run)
{
    struct object peaks = object_new();
    if (peaks.failed) {
        context->failed = peaks.failed;
        return;
    }
    for (size_t i = 0; i < run->peak_count; i++)
        add_real(&peaks, run->peaks[i].isa, run->peaks[i].gmacs);
    if (peaks.failed)
        context->failed = peaks.failed;
    add(context, "peak_gmac_per_s", peaks.json);
}

static struct object context_of(const struct rpt_run *run, const struct rpt_digest *digest)
{
    static const char *const geomean_keys[RPT_BASELINE_COUNT] = {
        [RPT_DEFAULT] = "geomean_speedup_default",
        [RPT_PORTABLE] = "geomean_speedup_portable",
    };
    struct object c = object_new();
    char date[RPT_NUMBER_MAX];
    if (c.failed)
        return c;
    add_text(&c, "date", rpt_date(run->begin_unix_s, date));
    add_text(&c, "host_name", run->device_key);
    add_text(&c, "executable", "quern");
    add_text(&c, "library_build_type", "release");
    add_text(&c, "quern_version", run->tool_version);
    add_int(&c, "run", run->id);
    add_text(&c, "outcome", run->outcome);
    add_text(&c, "evidence", hrn_evidence_names[run->evidence]);
    add_text(&c, "arch", run->arch);
    add_text(&c, "cpu", run->cpu);
    add_text(&c, "midr", run->midr);
    add_text(&c, "kernel", run->kernel);
    add_text(&c, "os", run->os);
    add_text(&c, "compiler", run->compiler);
    add_text(&c, "compiler_flags", run->compiler_flags);
    add_text(&c, "command", run->command);
    add(&c, "seed", json_object_new_uint64(run->seed));
    add_int(&c, "rounds", run->rounds);
    add_int(&c, "proved", (long long)digest->proved);
    add_int(&c, "without_a_time", (long long)digest->fates[RPT_VOID]);
    add_int(&c, "failed", (long long)digest->fates[RPT_FAILED]);
    if (run->filtered[0])
        add_text(&c, "filtered", run->filtered);
    if (run->pmu[0])
        add_text(&c, "pmu", run->pmu);
    if (run->no_counters[0])
        add_text(&c, "no_counters", run->no_counters);
    if (!rpt_run_timed(run))
        return c;
    add_int(&c, "samples", run->samples);
    add_int(&c, "min_sample_ns", run->min_sample_ns);
    add_text(&c, "default_isa", run->best_isa);
    add_text(&c, "cpu_time",
             "not measured apart: repeats real_time, which tools expect to find twice");
    add_peaks(&c, run);
    for (int b = 0; b < RPT_BASELINE_COUNT; b++)
        if (digest->geomean_layers[b])
            add_real(&c, geomean_keys[b], digest->geomean[b]);
    return c;
}

/* ---- benchmarks[] */

static void add_speedup(struct object *o, const struct rpt_layer *layer, enum rpt_baseline baseline)
{
    static const struct {
        const char *of, *factor, *low, *high;
    } keys[RPT_BASELINE_COUNT] = {
        [RPT_DEFAULT] = { "default", "speedup_default", "speedup_default_low",
                          "speedup_default_high" },
        [RPT_PORTABLE] = { "portable", "speedup_portable", "speedup_portable_low",
                           "speedup_portable_high" },
    };
    struct rpt_speedup s = rpt_speedup(layer, baseline);
    if (s.factor <= 0)
        return;
    add_text(o, keys[baseline].of, rpt_baseline_of(layer, baseline)->variant);
    add_real(o, keys[baseline].factor, s.factor);
    if (s.low > 0 && s.high > 0) {
        add_real(o, keys[baseline].low, s.low);
        add_real(o, keys[baseline].high, s.high);
    }
}

/* As extra keys, which is where the tools that read this shape look for counters. */
static void add_metrics(struct object *o, const struct rpt_candidate *c)
{
    for (size_t i = 0; i < c->metric_count; i++)
        add_real(o, c->metrics[i].name, c->metrics[i].value);
}

static void add_times(struct object *o, const struct rpt_layer *layer, size_t i)
{
    const struct rpt_candidate *c = &layer->candidates[i];
    const struct hrn_summary *s = &c->rank.summary;
    add_text(o, "run_type", "aggregate");
    add_text(o, "aggregate_name", "median");
    add_text(o, "aggregate_unit", "time");
    add_int(o, "iterations", (long long)s->count);
    add_real(o, "real_time", s->median);
    add_real(o, "cpu_time", s->median);
    add_text(o, "time_unit", "ns");
    add_real(o, "mad_ns", s->mad);
    add_real(o, "min_ns", s->min);
    add_real(o, "max_ns", s->max);
    add_int(o, "outliers", (long long)s->outliers);
    add_real(o, "items_per_second", 1e9 * c->gmacs); /* MACs */
    add_real(o, "gmac_per_s", c->gmacs);
    if (c->energy_j > 0)
        add_real(o, "energy_j_per_call", c->energy_j);
    if (c->peak_share > 0)
        add_real(o, "peak_share", c->peak_share);
    add_int(o, "rank", (long long)i + 1);
    add_bool(o, "winner", i == 0);
    add_bool(o, "tied", i < layer->tied);
    if (c->rank.cost.code_bytes > 0) {
        add_int(o, "code_bytes", c->rank.cost.code_bytes);
        add_int(o, "callee_saved", c->rank.cost.callee_saved);
        add_int(o, "workspace_bytes", c->rank.cost.workspace_bytes);
    }
    add_real(o, "noise_band", layer->band);
    add_metrics(o, c);
    add_text(o, "verdict", hrn_verdict_names[c->rank.against_best.verdict]);
    add_real(o, "ratio_to_fastest", c->rank.against_best.ratio);
    add_real(o, "ratio_low", c->rank.against_best.low);
    add_real(o, "ratio_high", c->rank.against_best.high);
    for (int b = 0; i == 0 && b < RPT_BASELINE_COUNT; b++)
        add_speedup(o, layer, (enum rpt_baseline)b);
}

static void add_failure(struct object *o, const struct rpt_candidate *c)
{
    char signal[RPT_NUMBER_MAX], message[2 * HRN_DETAIL_MAX];
    rpt_signal(c->signal, signal);
    snprintf(message, sizeof message, "%s%s%s%s%s", hrn_outcome_names[c->outcome],
             signal[0] ? ", " : "", signal, c->detail[0] ? ": " : "", c->detail);
    add_bool(o, "error_occurred", 1);
    add_text(o, "error_message", message);
    add_text(o, "stage", hrn_stage_names[c->stage]);
    add_int(o, "signal", c->signal);
}

static void add_name(struct object *o, const struct rpt_layer *layer, const struct rpt_candidate *c,
                     int timed)
{
    char name[KRN_PROBLEM_STR_MAX + KRN_PROBLEM_NAME_MAX + VAR_NAME_MAX];
    snprintf(name, sizeof name, "%s/%s", rpt_layer_name(layer), c->variant);
    add_text(o, "run_name", name);
    if (timed) /* as Google Benchmark names an aggregate */
        strncat(name, "_median", sizeof name - strlen(name) - 1);
    add_text(o, "name", name);
    add_text(o, "layer", layer->title);
    add_text(o, "problem", layer->problem);
    add_text(o, "network", layer->network);
    add_int(o, "times", layer->times);
    add_int(o, "macs", layer->macs);
    add_text(o, "variant", c->variant);
    add_text(o, "isa", c->isa);
    add_text(o, "family", c->family);
    add_text(o, "algorithm", c->algorithm);
    for (int k = 0; k < VAR_KNOB_COUNT; k++)
        if (c->knob[k] != RPT_NO_KNOB)
            add_int(o, var_knobs[k].name, c->knob[k]);
}

static struct object benchmark_of(const struct rpt_run *run, const struct rpt_layer *layer,
                                  size_t i)
{
    const struct rpt_candidate *c = &layer->candidates[i];
    struct object o = object_new();
    if (o.failed)
        return o;
    add_name(&o, layer, c, rpt_timed(run, c));
    add_int(&o, "threads", 1);
    add_text(&o, "outcome", hrn_outcome_names[c->outcome]);
    add_int(&o, "checks", c->checks);
    if (rpt_timed(run, c))
        add_times(&o, layer, i);
    else if (!rpt_run_timed(run))
        add_metrics(&o, c);
    if (c->outcome != HRN_OK)
        add_failure(&o, c);
    return o;
}

static int add_benchmarks(struct object *root, const struct rpt_run *run)
{
    struct json_object *list = json_object_new_array();
    int failed = list ? 0 : -ENOMEM;
    for (size_t l = 0; l < run->layer_count && !failed; l++)
        for (size_t i = 0; i < run->layers[l].count && !failed; i++) {
            struct object o = benchmark_of(run, &run->layers[l], i);
            failed = o.failed;
            if (!o.json || json_object_array_add(list, o.json) != 0) {
                json_object_put(o.json);
                failed = -ENOMEM;
            }
        }
    add(root, "benchmarks", list);
    return failed;
}

int rpt_json(const struct rpt_run *run, FILE *out)
{
    struct rpt_digest digest;
    int result = rpt_digest_init(run, &digest);
    if (result != 0)
        return result;
    struct object root = object_new(), context = context_of(run, &digest);
    rpt_digest_clear(&digest);
    result = root.failed ? root.failed : context.failed;
    if (!root.json || !context.json) {
        json_object_put(root.json);
        json_object_put(context.json);
        return -ENOMEM;
    }
    add(&root, "context", context.json);
    if (result == 0)
        result = add_benchmarks(&root, run);
    if (result == 0)
        result = root.failed;
    if (result == 0) {
        const char *text = json_object_to_json_string_ext(
            root.json, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);
        if (!text)
            result = -ENOMEM;
        else
            fprintf(out, "%s\n", text);
    }
    json_object_put(root.json);
    return result != 0 ? result : rpt_stream_end(out);
}
