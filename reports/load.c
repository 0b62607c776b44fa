/* Gathers a run: its rows become layers of ranked candidates. Text is cleaned here, once, for all
 * renderers. */
#include "reports/report.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reports/figures.h"
#include "reports/report_int.h"
#include "variants/cores.h"

#define ROUNDS_MAX (1 << 20) /* a round number beyond this is no round */

static int explain(struct rpt_error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int explain(struct rpt_error *error, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error->text, sizeof error->text, format, args);
    va_end(args);
    return code;
}

/* Grows an array by one zeroed element: the new one, or NULL. */
static void *append(void *array, size_t *count, size_t element_bytes)
{
    void **items = array;
    if ((*count & (*count - 1)) == 0) {
        void *grown = reallocarray(*items, *count ? 2 * *count : 1, element_bytes);
        if (!grown)
            return NULL;
        *items = grown;
    }
    void *last = (char *)*items + *count * element_bytes;
    memset(last, 0, element_bytes);
    ++*count;
    return last;
}

/* ---- the run */

struct run_search {
    long long id;
    struct rpt_run *run;
};

static int take_run(const struct pdb_run_row *row, void *user)
{
    struct run_search *search = user;
    struct rpt_run *run = search->run;
    if (row->id != search->id)
        return 0;
    const struct {
        char **to;
        const char *from;
    } texts[] = {
        { &run->device_key, row->device_key },
        { &run->arch, row->arch },
        { &run->cpu, row->cpu },
        { &run->midr, row->midr },
        { &run->kernel, row->kernel },
        { &run->os, row->os },
        { &run->compiler, row->compiler },
        { &run->compiler_flags, row->compiler_flags },
        { &run->tool_version, row->tool_version },
        { &run->command, row->command },
        { &run->outcome, row->outcome },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!(*texts[i].to = rpt_clean(texts[i].from)))
            return -ENOMEM;
    run->id = row->id;
    run->evidence = row->evidence;
    run->begin_unix_s = row->begin_unix_s;
    run->seed = row->seed;
    run->rounds = row->rounds;
    run->min_sample_ns = row->min_sample_ns;
    run->samples = row->samples;
    return 0;
}

static int take_peak(const struct pdb_peak_row *row, void *user)
{
    struct rpt_run *run = user;
    struct rpt_peak *peak = NULL;
    for (size_t i = 0; i < run->peak_count; i++)
        if (strcmp(run->peaks[i].isa, row->isa) == 0)
            peak = &run->peaks[i];
    if (!peak) {
        peak = append(&run->peaks, &run->peak_count, sizeof *peak);
        if (!peak || !(peak->isa = rpt_clean(row->isa)))
            return -ENOMEM;
    }
    peak->gmacs = fmax(peak->gmacs, row->macs_per_s / 1e9);
    return 0;
}

static int take_problem(const struct pdb_problem_row *row, void *user)
{
    struct rpt_run *run = user;
    struct rpt_layer *layer = append(&run->layers, &run->layer_count, sizeof *layer);
    if (!layer)
        return -ENOMEM;
    layer->problem =
        strdup(row->problem); /* the key of its measurements; cleaned when they are read */
    layer->title = rpt_clean(row->title);
    layer->network = rpt_clean(row->network);
    layer->place = row->place;
    layer->times = row->times;
    layer->macs = row->macs;
    layer->band = HRN_BAND_MIN;
    return layer->problem && layer->title && layer->network ? 0 : -ENOMEM;
}

/* ---- the candidates of a layer */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Times by round: the median where a round has several samples, NAN where it has none. `in` comes
 * in order of round. *out is owned by the caller. */
static int fold_rounds(const struct pdb_series *in, double **out, size_t *rounds)
{
    int last = in->count ? in->round[in->count - 1] : -1;
    *out = NULL;
    *rounds = 0;
    if (last < 0 || last >= ROUNDS_MAX || in->round[0] < 0)
        return 0;
    double *times = malloc(((size_t)last + 1) * sizeof *times);
    double *group = malloc(in->count * sizeof *group);
    if (!times || !group) {
        free(times);
        free(group);
        return -ENOMEM;
    }
    *rounds = (size_t)last + 1;
    size_t s = 0;
    for (size_t r = 0; r < *rounds; r++) {
        size_t n = 0;
        for (; s < in->count && in->round[s] <= (int32_t)r; s++)
            if (isfinite(in->ns[s]) && in->ns[s] > 0)
                group[n++] = in->ns[s];
        qsort(group, n, sizeof *group, by_value);
        times[r] = n == 0 ? (double)NAN : 0.5 * (group[(n - 1) / 2] + group[n / 2]);
    }
    free(group);
    *out = times;
    return 0;
}

/* The canary of the layer, against its own median. */
static int take_canary(const struct pdb_series *canary, struct rpt_watch *out)
{
    int result = fold_rounds(canary, &out->ratio, &out->rounds);
    if (result != 0 || out->rounds == 0)
        return result;
    double *sorted = malloc(out->rounds * sizeof *sorted);
    size_t count = 0;
    if (!sorted)
        return -ENOMEM;
    for (size_t r = 0; r < out->rounds; r++)
        if (isfinite(out->ratio[r]))
            sorted[count++] = out->ratio[r];
    qsort(sorted, count, sizeof *sorted, by_value);
    const double middle = count ? 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]) : (double)NAN;
    for (size_t r = 0; r < out->rounds; r++)
        out->ratio[r] /= middle;
    free(sorted);
    return 0;
}

/* The noise band of the layer, from the rounds in which its baseline ran twice, as if it were two
 * variants. */
static int take_band(const struct rpt_run *run, struct rpt_layer *layer,
                     const struct pdb_series *twin, const struct hrn_candidate *baseline)
{
    int result = fold_rounds(twin, &layer->twin.ratio, &layer->twin.rounds);
    size_t rounds = layer->twin.rounds;
    if (result != 0 || rounds == 0)
        return result;
    rounds = rounds < baseline->rounds ? rounds : baseline->rounds;
    layer->twin.rounds = rounds;
    double *scratch = malloc((HRN_RESAMPLES + 2 * rounds) * sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    double *times = layer->twin.ratio;
    layer->band = fmax(layer->band, hrn_band(times, baseline->time_ns, rounds, run->seed, scratch));
    for (size_t r = 0; r < rounds; r++) {
        times[r] /= baseline->time_ns[r];
        layer->band_pairs += isfinite(times[r]);
    }
    free(scratch);
    return 0;
}

/* From the name; from the database where the grammar of today does not know it. */
static int take_knobs(struct pdb *db, const char *variant, int *knob)
{
    struct var_variant parsed;
    char why[160];
    if (var_name_parse(variant, &parsed, why, sizeof why) == 0) {
        memcpy(knob, parsed.knob, sizeof parsed.knob);
        return 0;
    }
    for (int k = 0; k < VAR_KNOB_COUNT; k++) {
        int result = pdb_variant_knob(db, variant, var_knobs[k].name, &knob[k]);
        if (result == -ENOENT)
            knob[k] = RPT_NO_KNOB;
        else if (result != 0)
            return result;
    }
    return 0;
}

struct layer_walk {
    struct rpt_run *run;
    struct rpt_layer *layer;
};

static int take_measurement(const struct pdb_measurement_row *row, void *user)
{
    struct layer_walk *walk = user;
    struct rpt_candidate *c = append(&walk->layer->candidates, &walk->layer->count, sizeof *c);
    if (!c)
        return -ENOMEM;
    c->variant = rpt_clean(row->variant);
    c->kernel_name = rpt_clean(row->kernel_name);
    c->isa = rpt_clean(row->isa);
    c->family = rpt_clean(row->family);
    c->algorithm = rpt_clean(row->algorithm);
    c->detail = rpt_clean(row->detail);
    c->outcome = row->outcome;
    c->stage = row->stage;
    c->signal = row->signal;
    c->checks = row->checks;
    c->voids = row->void_count;
    c->measurement_id = row->id;
    c->rank.cost = (struct hrn_cost) { HRN_COST_UNKNOWN, HRN_COST_UNKNOWN, HRN_COST_UNKNOWN };
    if (row->code_bytes > 0)
        c->rank.cost =
            (struct hrn_cost) { row->code_bytes, row->callee_saved, row->workspace_bytes };
    if (!c->variant || !c->kernel_name || !c->isa || !c->family || !c->algorithm || !c->detail)
        return -ENOMEM;
    int result = take_knobs(walk->run->db, row->variant, c->knob);
    if (result == 0 && row->outcome == HRN_OK && rpt_run_timed(walk->run)) {
        const struct pdb_series samples = { row->sample_round, row->sample_ns, row->sample_count };
        double *times;
        result = fold_rounds(&samples, &times, &c->rank.rounds);
        c->rank.time_ns = times;
        if (result == 0 && row->twin.count > 0)
            result = take_band(walk->run, walk->layer, &row->twin, &c->rank);
        if (result == 0 && row->canary.count > 0)
            result = take_canary(&row->canary, &walk->layer->canary);
    }
    return result;
}

/* ---- all of it */

static int take_core(const char *name, const char *value, void *user)
{
    struct rpt_run *run = user;
    if (strcmp(name, "core") == 0)
        run->core = var_core_find(value, NULL);
    return 0;
}

static int load_layers(struct rpt_run *run)
{
    int result = pdb_run_facts(run->db, run->id, take_core, run);
    if (result == 0)
        result = pdb_peaks(run->db, run->id, take_peak, run);
    if (result == 0)
        result = pdb_run_problems(run->db, run->id, take_problem, run);
    for (size_t i = 0; result == 0 && i < run->layer_count; i++) {
        struct layer_walk walk = { run, &run->layers[i] };
        char *key = run->layers[i].problem;
        run->layers[i].problem = rpt_clean(key);
        result = run->layers[i].problem
                     ? pdb_measurements(run->db, run->id, key, take_measurement, &walk)
                     : -ENOMEM;
        free(key);
    }
    return result == 0 ? rpt_rank(run) : result;
}

int rpt_run_load(struct pdb *db, long long run_id, struct rpt_run *out, struct rpt_error *error)
{
    int64_t newest = 0;
    struct run_search search = { run_id, out };
    memset(out, 0, sizeof *out);
    memset(error, 0, sizeof *error);
    out->db = db;
    int result = pdb_latest_run(db, &newest);
    if (result == -ENOENT)
        return explain(error, result, "the database holds no run yet; make one with: quern sweep");
    if (run_id == 0)
        search.id = newest;
    if (result == 0)
        result = pdb_runs(db, take_run, &search);
    if (result == 0 && out->id == 0)
        return explain(error, -ENOENT,
                       "the database holds no run %lld (the newest is %lld); see: quern "
                       "report --list",
                       search.id, (long long)newest);
    if (result == 0)
        result = load_layers(out);
    if (result == 0)
        result = rpt_counters_load(out);
    if (result == 0)
        result = rpt_figures_load(out);
    if (result == 0)
        return 0;
    rpt_run_clear(out);
    return explain(error, result, "run %lld cannot be read: %s", search.id,
                   result == -ENOMEM ? "out of memory" : pdb_errmsg(db));
}

/* ---- clear */

static void candidate_clear(struct rpt_candidate *c)
{
    free(c->metrics);
    free(c->variant);
    free(c->kernel_name);
    free(c->isa);
    free(c->family);
    free(c->algorithm);
    free(c->detail);
    free((void *)(uintptr_t)c->rank.time_ns);
}

static void layer_clear(struct rpt_layer *layer)
{
    for (size_t i = 0; i < layer->count; i++)
        candidate_clear(&layer->candidates[i]);
    free(layer->candidates);
    free(layer->twin.ratio);
    free(layer->canary.ratio);
    free(layer->problem);
    free(layer->title);
    free(layer->network);
}

void rpt_run_clear(struct rpt_run *run)
{
    char *texts[] = { run->device_key,   run->arch,    run->cpu,      run->midr,
                      run->kernel,       run->os,      run->compiler, run->compiler_flags,
                      run->tool_version, run->command, run->outcome,  run->best_isa };
    for (size_t i = 0; i < run->layer_count; i++)
        layer_clear(&run->layers[i]);
    for (size_t i = 0; i < run->peak_count; i++)
        free(run->peaks[i].isa);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    free(run->layers);
    free(run->peaks);
    memset(run, 0, sizeof *run);
}
