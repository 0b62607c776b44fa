#include "harness/cli/choices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/stored.h"

struct context {
    struct pdb *db;
    const struct cli_choice_filter *filter;
    struct cli_choices *out;
    char *err;
    size_t err_bytes;
};

static int is_wanted(const struct cli_choice_filter *filter, const char *layer)
{
    for (size_t i = 0; i < filter->layer_count; i++)
        if (strcmp(filter->layers[i], layer) == 0)
            return 1;
    return filter->layer_count == 0;
}

/* Whether a choice is for the layer of this string. */
static int is_for(const struct var_export_choice *choice, const char *layer)
{
    char text[KRN_PROBLEM_STR_MAX];
    var_export_layer(choice, text);
    return strcmp(text, layer) == 0;
}

/* Whether a choice made before leaves no CPU that this level could serve: portable C runs
 * everywhere, and whoever has a level has the weaker ones of its architecture. */
static int is_covered(const struct cli_choices *out, const char *layer, enum krn_isa isa)
{
    int first = 1;
    for (size_t i = 0; i < out->count; i++) {
        enum krn_isa had = out->choices[i].variant.isa;
        if (!is_for(&out->choices[i], layer))
            continue;
        if (had == KRN_ISA_C || (had <= isa && strcmp(krn_isas[had].arch, krn_isas[isa].arch) == 0))
            return 1;
        first = 0;
    }
    return isa == KRN_ISA_C && !first; /* the exporter adds portable C by itself */
}

static struct var_export_choice *append(struct cli_choices *out)
{
    size_t count = out->count + 1;
    struct var_export_choice *choices = realloc(out->choices, count * sizeof *choices);
    if (choices)
        out->choices = choices;
    void *comparisons = realloc(out->comparisons, count * sizeof *out->comparisons);
    if (comparisons)
        out->comparisons = comparisons;
    if (!choices || !comparisons)
        return NULL;
    memset(&out->choices[out->count], 0, sizeof *choices);
    return &out->choices[out->count++];
}

/* The winner against what there is without a sweep; of the others only their times are known. */
static size_t take_comparisons(const struct rpt_layer *layer, struct var_export_comparison *to)
{
    static const char *const roles[RPT_BASELINE_COUNT] = {
        [RPT_DEFAULT] = "default", [RPT_PORTABLE] = "portable"
    };
    size_t count = 0;
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        const struct rpt_against *against = &layer->against[b];
        if (against->index < 0 || against->of.pairs == 0)
            continue;
        to[count++] = (struct var_export_comparison) {
            .role = roles[b],
            .against = layer->candidates[against->index].variant,
            .verdict = hrn_verdict_names[against->of.verdict],
            .ratio = against->of.ratio,
            .low = against->of.low,
            .high = against->of.high,
            .pairs = against->of.pairs,
        };
    }
    return count;
}

static void take_evidence(const struct rpt_run *run, const struct rpt_layer *layer, size_t index,
                          struct var_export_evidence *to)
{
    const struct rpt_candidate *c = &layer->candidates[index];
    *to = (struct var_export_evidence) {
        .kind = hrn_evidence_names[run->evidence],
        .device = run->device_key,
        .arch = run->arch,
        .cpu = run->cpu,
        .midr = run->midr,
        .kernel = run->kernel,
        .os = run->os,
        .compiler = run->compiler,
        .compiler_flags = run->compiler_flags,
        .command = run->command,
        .tool_version = run->tool_version,
        .run_id = run->id,
        .seed = run->seed,
        .rounds = run->rounds,
        .samples = c->rank.summary.count,
        .median_ns = c->rank.summary.median,
        .min_ns = c->rank.summary.min,
        .mad_ns = c->rank.summary.mad,
        .peak_share = c->peak_share,
        .tied = index < layer->tied ? layer->tied : 0,
    };
}

/* Times belong to the code that was measured: refuses to pass them on to other code. */
static int check_stale(const struct context *c, const struct rpt_run *run,
                       const struct rpt_layer *layer, const struct var_variant *v, const char *name)
{
    int rc = cli_stored_is_same(c->db, run->id, layer->problem, v, name);
    if (rc < 0) {
        snprintf(c->err, c->err_bytes, "%s", pdb_errmsg(c->db));
        return rc;
    }
    if (c->filter->stale || rc)
        return 0;
    snprintf(
        c->err, c->err_bytes,
        "the generator makes other code for %s now than what run %lld measured: sweep again, or "
        "export it with --stale",
        name, run->id);
    return -ESTALE;
}

static int parse_candidate(const struct context *c, const struct rpt_run *run,
                           const struct rpt_candidate *candidate, struct var_variant *v)
{
    char why[200];
    if (var_name_parse(candidate->variant, v, why, sizeof why) == 0)
        return 0;
    snprintf(c->err, c->err_bytes, "run %lld has a variant that this quern cannot make: %s",
             run->id, why);
    return -EINVAL;
}

static int take_candidate(const struct context *c, const struct rpt_run *run,
                          const struct rpt_layer *layer, const struct krn_problem *problem,
                          enum krn_epilogue epilogue, size_t index)
{
    const char *name = layer->candidates[index].variant;
    struct var_variant v;
    int rc = parse_candidate(c, run, &layer->candidates[index], &v);
    if (rc != 0)
        return rc;
    if (v.knob[VAR_KNOB_EPILOGUE] != (int)epilogue)
        return 0; /* it computes something else: runs before layers had epilogues mix them */
    if (!(c->filter->isas & 1u << v.isa) || is_covered(c->out, layer->problem, v.isa))
        return 0;
    rc = check_stale(c, run, layer, &v, name);
    if (rc != 0)
        return rc;
    struct var_export_choice *choice = append(c->out);
    if (!choice)
        return -ENOMEM;
    size_t place = c->out->count - 1;
    choice->problem = *problem;
    choice->variant = v;
    take_evidence(run, layer, index, &choice->evidence);
    if (index == 0)
        choice->evidence.comparison_count = take_comparisons(layer, c->out->comparisons[place]);
    return 0;
}

/* 1 and the problem with its title, 0 where nobody wants it, or -EINVAL. */
static int read_layer(const struct context *c, const struct rpt_layer *layer,
                      struct krn_problem *problem, enum krn_epilogue *epilogue)
{
    int rc = krn_layer_parse(layer->problem, problem, epilogue, c->err, c->err_bytes);
    if (rc != 0 || !is_wanted(c->filter, layer->problem))
        return rc;
    snprintf(problem->name, sizeof problem->name, "%s", layer->title);
    problem->name[strcspn(problem->name, "\"\\")] = '\0'; /* a title holds neither */
    return 1;
}

static int take_layer(const struct context *c, const struct rpt_run *run,
                      const struct rpt_layer *layer)
{
    struct krn_problem problem;
    enum krn_epilogue epilogue;
    int rc = read_layer(c, layer, &problem, &epilogue);
    if (rc != 1)
        return rc;
    rc = 0;
    for (size_t i = 0; i < layer->timed && rc == 0; i++)
        rc = take_candidate(c, run, layer, &problem, epilogue, i);
    return rc;
}

/* ---- one packing for several cores */

static struct var_export_core core_of(const struct rpt_run *run)
{
    return (struct var_export_core) { run->cpu, (uint32_t)strtoul(run->midr, NULL, 16) };
}

/* The variant of a core, with or against its own winner. */
static int take_core(const struct context *c, const struct rpt_pair *pair,
                     const struct rpt_pair_layer *of, const struct krn_problem *problem,
                     size_t core)
{
    const struct rpt_pair_cell *cell = of->count ? &of->packings[0].cells[core] : &of->own[core];
    const struct rpt_run *run = pair->runs[core];
    const struct rpt_layer *layer = NULL;
    size_t index = 0;
    struct var_variant v;
    for (size_t i = 0; i < run->layer_count && !layer; i++)
        if (strcmp(run->layers[i].problem, of->layer->problem) == 0)
            layer = &run->layers[i];
    while (&layer->candidates[index] != cell->candidate)
        index++;
    int rc = parse_candidate(c, run, cell->candidate, &v);
    if (rc == 0 && !(c->filter->isas & 1u << v.isa))
        return 0;
    if (rc == 0)
        rc = check_stale(c, run, layer, &v, cell->candidate->variant);
    struct var_export_choice *choice = rc == 0 ? append(c->out) : NULL;
    if (!choice)
        return rc ? rc : -ENOMEM;
    choice->problem = *problem;
    choice->variant = v;
    choice->core = core_of(run);
    take_evidence(run, layer, index, &choice->evidence);
    if (cell->candidate == of->own[core].candidate)
        return 0;
    choice->evidence.comparison_count = 1;
    c->out->comparisons[c->out->count - 1][0] = (struct var_export_comparison) {
        .role = "the core's own winner",
        .against = of->own[core].candidate->variant,
        .verdict = hrn_verdict_names[cell->of.verdict],
        .ratio = cell->of.ratio,
        .low = cell->of.low,
        .high = cell->of.high,
        .pairs = cell->of.pairs,
    };
    return 0;
}

/* A layer may be in several networks; one choice is for all. */
static int is_taken(const struct cli_choices *out, const char *layer)
{
    for (size_t i = 0; i < out->count; i++)
        if (is_for(&out->choices[i], layer))
            return 1;
    return 0;
}

static int take_pair(const struct context *c)
{
    const struct rpt_run *runs[RPT_PAIR_MAX] = { NULL };
    struct rpt_pair pair;
    struct rpt_error error;
    for (size_t i = 0; i < c->out->run_count && i < RPT_PAIR_MAX; i++)
        runs[i] = &c->out->runs[i];
    int rc = rpt_pair_make(runs, c->out->run_count, c->filter->pair, &pair, &error);
    if (rc != 0)
        snprintf(c->err, c->err_bytes, "%s", error.text);
    for (size_t i = 0; i < pair.count && rc == 0; i++) {
        const struct rpt_pair_layer *layer = &pair.layers[i];
        struct krn_problem problem;
        enum krn_epilogue epilogue;
        rc = read_layer(c, layer->layer, &problem, &epilogue);
        if (rc != 1 || is_taken(c->out, layer->layer->problem)) {
            rc = rc < 0 ? rc : 0;
            continue;
        }
        rc = 0;
        for (size_t t = 0; t < pair.cores && rc == 0; t++)
            rc = take_core(c, &pair, layer, &problem, t);
    }
    rpt_pair_clear(&pair);
    return rc;
}

static int take_run(const struct context *c, long long id, struct rpt_run *run)
{
    struct rpt_error error = { "" };
    int rc = rpt_run_load(c->db, id, run, &error);
    if (rc != 0) {
        snprintf(c->err, c->err_bytes, "%s", error.text);
        return rc;
    }
    c->out->run_count++;
    if (run->evidence != HRN_MEASURED) {
        snprintf(
            c->err, c->err_bytes,
            "run %lld on %s is %s, not measured: it has no times to choose by; export a run on "
            "silicon",
            run->id, run->device_key, hrn_evidence_names[run->evidence]);
        return -ENOENT;
    }
    return 0;
}

/* Everything that was asked for by name must be there. */
static int check_complete(const struct context *c)
{
    for (size_t i = 0; i < c->filter->layer_count; i++) {
        const char *layer = c->filter->layers[i];
        size_t found = 0;
        for (size_t j = 0; j < c->out->count; j++)
            found += (size_t)is_for(&c->out->choices[j], layer);
        if (found > 0)
            continue;
        snprintf(c->err, c->err_bytes, "%s has no timed variant in the run: sweep it first", layer);
        return -ENOENT;
    }
    if (c->out->count > 0)
        return 0;
    snprintf(c->err, c->err_bytes,
             "the run has no timed variant of these ISA levels: sweep them first");
    return -ENOENT;
}

int cli_choices_open(struct pdb *db, const struct cli_choice_filter *filter,
                     struct cli_choices *out, char *err, size_t err_bytes)
{
    const struct context c = { db, filter, out, err, err_bytes };
    *out = (struct cli_choices) { .runs = calloc(filter->run_count + 1, sizeof *out->runs) };
    int rc = out->runs ? 0 : -ENOMEM;
    for (size_t i = 0; i < filter->run_count && rc == 0; i++)
        rc = take_run(&c, filter->runs[i], &out->runs[i]);
    if (rc == 0 && filter->pair)
        rc = take_pair(&c);
    for (size_t i = 0; i < out->run_count && rc == 0; i++)
        for (size_t l = 0; l < out->runs[i].layer_count && rc == 0; l++)
            rc = take_layer(&c, &out->runs[i], &out->runs[i].layers[l]);
    if (rc == 0)
        rc = check_complete(&c);
    if (rc == -ENOMEM)
        snprintf(err, err_bytes, "out of memory");
    for (size_t i = 0; i < out->count; i++) /* they have moved while they grew */
        out->choices[i].evidence.comparisons = out->comparisons[i];
    return rc;
}

void cli_choices_clear(struct cli_choices *choices)
{
    for (size_t i = 0; i < choices->run_count; i++)
        rpt_run_clear(&choices->runs[i]);
    free(choices->runs);
    free(choices->choices);
    free(choices->comparisons);
    *choices = (struct cli_choices) { 0 };
}
