/* Gathers what each core has of each packing; pair_score.c says what that is worth. */
#include "reports/pair.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/pair_int.h"
#include "reports/report_int.h"

const char *const rpt_criterion_names[RPT_CRITERION_COUNT] = {
    [RPT_CRITERION_MEAN] = "mean",
    [RPT_CRITERION_WORST] = "worst",
    [RPT_CRITERION_TOTAL] = "total",
};

/* ---- one core on one layer */

/* What a run has of a candidate: ns, or cycles; NAN where it has nothing. */
static double cost_of(const struct rpt_run *run, const struct rpt_candidate *c)
{
    double cycles;
    if (run->evidence == HRN_MEASURED)
        return rpt_timed(run, c) ? c->rank.summary.median : (double)NAN;
    return rpt_metric_of(c, "cycles", &cycles) == 0 && cycles > 0 /* nothing was proved */
               ? cycles
               : (double)NAN;
}

/* Enough rounds to be chosen, as hrn_rank() wants them of a winner. */
static int is_known(const struct rpt_run *run, const struct rpt_candidate *winner,
                    const struct rpt_candidate *c)
{
    size_t enough = winner->rank.summary.count / 2;
    enough = enough < HRN_ROUNDS_ENOUGH ? enough : HRN_ROUNDS_ENOUGH;
    return run->evidence != HRN_MEASURED || c->rank.summary.count >= enough;
}

static const struct rpt_layer *layer_of(const struct rpt_run *run, const char *problem)
{
    for (size_t i = 0; i < run->layer_count; i++)
        if (!strcmp(run->layers[i].problem, problem))
            return &run->layers[i];
    return NULL;
}

/* The first of a layer that has a figure and this epilogue: the winner, in the order of the run. */
static const struct rpt_candidate *winner_of(const struct rpt_run *run,
                                             const struct rpt_layer *layer, int epilogue)
{
    for (size_t i = 0; layer && i < layer->count; i++)
        if (isfinite(cost_of(run, &layer->candidates[i])) &&
            layer->candidates[i].knob[VAR_KNOB_EPILOGUE] == epilogue)
            return &layer->candidates[i];
    return NULL;
}

/* Against the core's own winner. Fills all but the candidate. */
static int compare(const struct rpt_pair *pair, size_t core, double band,
                   const struct rpt_candidate *winner, struct rpt_pair_cell *cell)
{
    const struct rpt_run *run = pair->runs[core];
    const struct hrn_candidate *a = &cell->candidate->rank, *b = &winner->rank;
    cell->cost = cost_of(run, cell->candidate);
    if (run->evidence != HRN_MEASURED) {
        double ratio = cell->cost / cost_of(run, winner);
        cell->of = (struct hrn_comparison) {
            .verdict = ratio > 1 ? HRN_SLOWER : HRN_TIE, .ratio = ratio, .low = ratio, .high = ratio
        };
        return 0;
    }
    size_t rounds = a->rounds < b->rounds ? a->rounds : b->rounds;
    double *scratch = malloc((HRN_RESAMPLES + 2 * rounds) * sizeof *scratch);
    if (!scratch)
        return -ENOMEM;
    hrn_compare(a->time_ns, b->time_ns, rounds, band, run->seed, scratch, &cell->of);
    free(scratch);
    if (!isfinite(cell->of.ratio)) /* they share no round */
        cell->of.ratio = cell->cost / cost_of(run, winner);
    return 0;
}

/* ---- the packings of a layer */

static int packing_of(const struct rpt_candidate *c, const struct krn_problem *problem, char *name,
                      size_t *bytes)
{
    struct var_variant v;
    char why[160];
    return var_name_read(c->variant, &v, why, sizeof why) == 0 &&
           var_packing_name(&v, problem, name, bytes) == 0;
}

static struct rpt_pair_packing *row_of(struct rpt_pair_layer *layer, const char *name)
{
    for (size_t i = 0; i < layer->count; i++)
        if (!strcmp(layer->packings[i].name, name))
            return &layer->packings[i];
    struct rpt_pair_packing *grown =
        reallocarray(layer->packings, layer->count + 1, sizeof *layer->packings);
    if (!grown)
        return NULL;
    layer->packings = grown;
    grown += layer->count++;
    *grown = (struct rpt_pair_packing) { .is_known = 1 };
    snprintf(grown->name, sizeof grown->name, "%s", name);
    return grown;
}

/* The best of a core with each packing: the first in the order of the run, of those with enough
 * rounds if there are such. */
static int gather(const struct rpt_pair *pair, size_t core, const struct rpt_layer *from,
                  const struct krn_problem *problem, struct rpt_pair_layer *to)
{
    const struct rpt_run *run = pair->runs[core];
    const struct rpt_candidate *winner = to->own[core].candidate;
    for (size_t i = 0; i < from->count; i++) {
        const struct rpt_candidate *c = &from->candidates[i];
        char name[VAR_PACKING_MAX];
        size_t bytes;
        if (!isfinite(cost_of(run, c)) ||
            c->knob[VAR_KNOB_EPILOGUE] != winner->knob[VAR_KNOB_EPILOGUE] ||
            !packing_of(c, problem, name, &bytes))
            continue;
        struct rpt_pair_packing *row = row_of(to, name);
        if (!row)
            return -ENOMEM;
        struct rpt_pair_cell *cell = &row->cells[core];
        row->bytes = bytes;
        if (!cell->candidate ||
            (!is_known(run, winner, cell->candidate) && is_known(run, winner, c)))
            cell->candidate = c;
        if (c == winner) {
            memcpy(to->own_packing[core], name, sizeof name);
            to->own_bytes[core] = bytes;
        }
    }
    return 0;
}

/* Keeps what all cores have, and compares it. */
static int keep_common(const struct rpt_pair *pair, struct rpt_pair_layer *layer)
{
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < layer->count && rc == 0; i++) {
        struct rpt_pair_packing row = layer->packings[i];
        size_t have = 0;
        for (size_t t = 0; t < pair->cores; t++)
            have += row.cells[t].candidate != NULL;
        if (have < pair->cores)
            continue;
        for (size_t t = 0; t < pair->cores && rc == 0; t++) {
            const struct rpt_candidate *winner = layer->own[t].candidate;
            row.is_known &= is_known(pair->runs[t], winner, row.cells[t].candidate);
            rc = compare(pair, t, layer->band[t], winner, &row.cells[t]);
        }
        layer->packings[kept++] = row;
    }
    layer->count = kept;
    return rc;
}

static size_t free_bytes(const struct rpt_pair *pair, const struct rpt_pair_layer *layer)
{
    size_t bytes = 0;
    for (size_t t = 0; t < pair->cores; t++) {
        size_t before = 0;
        while (before < t && strcmp(layer->own_packing[before], layer->own_packing[t]) != 0)
            before++;
        bytes += before == t ? layer->own_bytes[t] : 0;
    }
    return bytes;
}

/* 1 if all cores have figures of the layer, 0, or -ENOMEM. */
static int make_layer(const struct rpt_pair *pair, const struct rpt_layer *first,
                      struct rpt_pair_layer *to)
{
    const struct rpt_layer *from[RPT_PAIR_MAX];
    struct krn_problem problem;
    char why[160];
    enum krn_epilogue epilogue;
    int rc = 0;
    *to = (struct rpt_pair_layer) { .layer = first };
    if (krn_layer_parse(first->problem, &problem, &epilogue, why, sizeof why) != 0)
        return 0;
    for (size_t t = 0; t < pair->cores; t++) {
        from[t] = t ? layer_of(pair->runs[t], first->problem) : first;
        to->own[t].candidate = winner_of(pair->runs[t], from[t], (int)epilogue);
        if (!to->own[t].candidate)
            return 0;
        to->band[t] = from[t]->band;
    }
    for (size_t t = 0; t < pair->cores && rc == 0; t++)
        rc = compare(pair, t, to->band[t], to->own[t].candidate, &to->own[t]);
    for (size_t t = 0; t < pair->cores && rc == 0; t++)
        rc = gather(pair, t, from[t], &problem, to);
    if (rc == 0)
        rc = keep_common(pair, to);
    to->free_bytes = free_bytes(pair, to);
    return rc == 0 ? 1 : rc;
}

/* ---- all of it */

/* Also where two files have it, by whatever number. */
static int is_same_run(const struct rpt_run *a, const struct rpt_run *b)
{
    return a->begin_unix_s == b->begin_unix_s && a->seed == b->seed && a->samples == b->samples &&
           !strcmp(a->device_key, b->device_key) && !strcmp(a->command, b->command);
}

static int check_runs(const struct rpt_pair *pair, struct rpt_error *error)
{
    for (size_t t = 0; t < pair->cores; t++) {
        const struct rpt_run *run = pair->runs[t], *first = pair->runs[0];
        const char *is = hrn_evidence_names[run->evidence];
        if (run->evidence == HRN_EMULATED) {
            snprintf(error->text, sizeof error->text,
                     "run %lld on %s is emulated: it proves and counts, and has nothing to score "
                     "packings by; take runs on silicon, or of models (-d model:CORE)",
                     run->id, run->device_key);
            return -EINVAL;
        }
        if (run->evidence != first->evidence) {
            snprintf(error->text, sizeof error->text,
                     "run %lld is %s and run %lld is %s: kinds of evidence never mix; name runs of "
                     "one kind",
                     first->id, hrn_evidence_names[first->evidence], run->id, is);
            return -EINVAL;
        }
        for (size_t u = 0; u < t; u++)
            if (is_same_run(pair->runs[u], run)) {
                snprintf(error->text, sizeof error->text,
                         "run %lld is named twice: name a run of each core", run->id);
                return -EINVAL;
            }
    }
    return 0;
}

static int is_wanted(const struct rpt_pair_options *o, const char *problem)
{
    for (size_t i = 0; i < o->problem_count; i++)
        if (!strcmp(o->problems[i], problem))
            return 1;
    return o->problem_count == 0;
}

struct rpt_pair_total *rpt_pair_total_of(struct rpt_pair *pair, const char *network)
{
    for (size_t i = 0; i < pair->total_count; i++)
        if (!strcmp(pair->totals[i].network, network))
            return &pair->totals[i];
    return NULL;
}

static int add_layer(struct rpt_pair *pair, const struct rpt_layer *first)
{
    struct rpt_pair_layer *layer = &pair->layers[pair->count];
    int rc = make_layer(pair, first, layer);
    if (rc == 1) {
        pair->count++;
        pair->apart += layer->count == 0;
        if (!rpt_pair_total_of(pair, first->network))
            pair->totals[pair->total_count++] =
                (struct rpt_pair_total) { .network = first->network };
        return 0;
    }
    pair->left_out += rc == 0;
    free(layer->packings);
    layer->packings = NULL;
    return rc;
}

int rpt_pair_make(const struct rpt_run *const *runs, size_t cores,
                  const struct rpt_pair_options *options, struct rpt_pair *out,
                  struct rpt_error *error)
{
    *out = (struct rpt_pair) { .cores = cores, .options = *options };
    memset(error, 0, sizeof *error);
    if (cores < 2 || cores > RPT_PAIR_MAX) {
        snprintf(error->text, sizeof error->text, "%zu runs: a packing is for 2 to %d cores", cores,
                 RPT_PAIR_MAX);
        out->cores = 0;
        return -EINVAL;
    }
    memcpy(out->runs, runs, cores * sizeof *runs);
    int rc = check_runs(out, error);
    out->layers = calloc(runs[0]->layer_count + 1, sizeof *out->layers);
    out->totals = calloc(runs[0]->layer_count + 1, sizeof *out->totals);
    if (rc == 0 && (!out->layers || !out->totals))
        rc = -ENOMEM;
    for (size_t i = 0; i < runs[0]->layer_count && rc == 0; i++)
        if (is_wanted(options, runs[0]->layers[i].problem))
            rc = add_layer(out, &runs[0]->layers[i]);
    if (rc == 0 && out->count == 0) {
        snprintf(error->text, sizeof error->text,
                 "runs %lld and %lld have no layer in common with figures on all cores: sweep the "
                 "same layers on each",
                 runs[0]->id, runs[1]->id);
        rc = -ENODATA;
    }
    if (rc == 0)
        rc = rpt_pair_score(out);
    if (rc == -ENOMEM)
        snprintf(error->text, sizeof error->text, "out of memory");
    return rc;
}

void rpt_pair_clear(struct rpt_pair *pair)
{
    for (size_t i = 0; i < pair->count; i++)
        free(pair->layers[i].packings);
    free(pair->layers);
    free(pair->totals);
    *pair = (struct rpt_pair) { .cores = 0 };
}

const char *rpt_pair_core(const struct rpt_pair *pair, size_t core, char *out)
{
    const struct rpt_run *run = pair->runs[core];
    int twice = 0;
    for (size_t t = 0; t < pair->cores; t++)
        twice += !strcmp(pair->runs[t]->device_key, run->device_key);
    if (twice > 1)
        snprintf(out, RPT_CORE_NAME_MAX, "%s (run %lld)", run->device_key, run->id);
    else
        snprintf(out, RPT_CORE_NAME_MAX, "%s", run->device_key);
    return out;
}
