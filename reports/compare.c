#include "reports/compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/report_int.h"

struct context {
    const struct rpt_side *a, *b;
    struct rpt_comparison *out;
};

/* The variant of a side on a layer, if it has a time; else NULL. */
static const struct rpt_candidate *candidate_of(const struct rpt_side *side,
                                                const struct rpt_layer *layer)
{
    if (!side->variant)
        return rpt_winner(side->run, layer);
    for (size_t i = 0; i < layer->count; i++)
        if (!strcmp(layer->candidates[i].variant, side->variant))
            return rpt_timed(side->run, &layer->candidates[i]) ? &layer->candidates[i] : NULL;
    return NULL;
}

static const struct rpt_layer *layer_of(const struct rpt_run *run, const char *problem)
{
    for (size_t i = 0; i < run->layer_count; i++)
        if (!strcmp(run->layers[i].problem, problem))
            return &run->layers[i];
    return NULL;
}

/* Times by round; relative: as ratios to the baseline of the round. Rounds without either: NAN. */
static double *times_of(const struct rpt_layer *layer, const struct rpt_candidate *c, int relative)
{
    const long base = layer->against[RPT_DEFAULT].index;
    const struct hrn_candidate *baseline = base >= 0 ? &layer->candidates[base].rank : NULL;
    double *out = malloc((c->rank.rounds + 1) * sizeof *out);
    for (size_t r = 0; out && r < c->rank.rounds; r++) {
        double there = baseline && r < baseline->rounds ? baseline->time_ns[r] : (double)NAN;
        out[r] = relative ? c->rank.time_ns[r] / there : c->rank.time_ns[r];
    }
    return out;
}

static int compare_row(const struct context *c, const struct rpt_layer *a_layer,
                       const struct rpt_layer *b_layer, struct rpt_compared *row)
{
    const unsigned long long seed = c->a->run->seed;
    size_t na = row->a->rank.rounds, nb = row->b->rank.rounds;
    double *a = times_of(a_layer, row->a, c->out->is_relative);
    double *b = times_of(b_layer, row->b, c->out->is_relative);
    double *scratch = malloc((HRN_RESAMPLES + 2 * (na + nb)) * sizeof *scratch);
    int rc = a && b && scratch ? 0 : -ENOMEM;
    if (!rc && c->out->is_paired) {
        size_t n = na < nb ? na : nb;
        hrn_compare(b, a, n, row->band, seed, scratch, &row->of);
        row->p = hrn_wilcoxon(b, a, n, scratch);
    } else if (!rc) {
        hrn_compare_unpaired(b, nb, a, na, row->band, seed, scratch, &row->of);
        row->p = hrn_mann_whitney(b, nb, a, na, scratch);
    }
    free(a);
    free(b);
    free(scratch);
    return rc;
}

static int add_row(const struct context *c, const struct rpt_layer *a_layer)
{
    struct rpt_comparison *out = c->out;
    const struct rpt_layer *b_layer = layer_of(c->b->run, a_layer->problem);
    const struct rpt_candidate *a = candidate_of(c->a, a_layer);
    const struct rpt_candidate *b = b_layer ? candidate_of(c->b, b_layer) : NULL;
    out->only_a += a && !b;
    if (!a || !b)
        return 0;
    for (size_t i = 0; i < out->count; i++)
        if (!strcmp(out->rows[i].layer->problem, a_layer->problem))
            return 0; /* the same layer in another network */
    struct rpt_compared *grown = reallocarray(out->rows, out->count + 1, sizeof *grown);
    if (!grown)
        return -ENOMEM;
    out->rows = grown;
    struct rpt_compared *row = &out->rows[out->count++];
    *row = (struct rpt_compared) {
        .layer = a_layer, .a = a, .b = b, .band = fmax(a_layer->band, b_layer->band)
    };
    return compare_row(c, a_layer, b_layer, row);
}

/* "Slower" of every row is a question, and so is "faster": asked together, they must hold so. */
static void adjust(struct rpt_comparison *c)
{
    double p[HRN_HOLM_MAX];
    if (c->count > HRN_HOLM_MAX)
        return;
    for (int side = 0; side < 2; side++) {
        enum hrn_verdict verdict = side ? HRN_SLOWER : HRN_FASTER;
        for (size_t i = 0; i < c->count; i++)
            p[i] = side ? c->rows[i].of.p_slower : c->rows[i].of.p_faster;
        hrn_holm(p, c->count);
        for (size_t i = 0; i < c->count; i++)
            if (c->rows[i].of.verdict == verdict && p[i] > HRN_LEVEL)
                c->rows[i].of.verdict = HRN_UNDECIDED;
    }
}

static void sum_up(struct rpt_comparison *c)
{
    double logs = 0;
    size_t n = 0;
    for (size_t i = 0; i < c->count; i++) {
        const struct hrn_comparison *of = &c->rows[i].of;
        c->verdicts[of->verdict]++;
        if (!isfinite(of->ratio))
            continue;
        logs += log(of->ratio);
        n++;
        if (!(c->rows[c->worst].of.ratio >= of->ratio))
            c->worst = i;
    }
    c->geomean = n ? exp(logs / (double)n) : 0;
}

static int is_wanted(const char *problem, const char *const *problems, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(problems[i], problem))
            return 1;
    return count == 0;
}

static void count_only_b(const struct context *c, const char *const *problems, size_t count)
{
    for (size_t i = 0; i < c->b->run->layer_count; i++) {
        const struct rpt_layer *layer = &c->b->run->layers[i];
        const struct rpt_layer *there = layer_of(c->a->run, layer->problem);
        if (is_wanted(layer->problem, problems, count) && candidate_of(c->b, layer) &&
            (!there || !candidate_of(c->a, there)))
            c->out->only_b++;
    }
}

int rpt_compare(const struct rpt_side *a, const struct rpt_side *b, const char *const *problems,
                size_t problem_count, int relative, struct rpt_comparison *out)
{
    const struct context c = { a, b, out };
    int rc = 0;
    *out = (struct rpt_comparison) { .is_paired = a->run == b->run };
    out->is_relative = relative && !out->is_paired;
    for (size_t i = 0; i < a->run->layer_count && !rc; i++)
        if (is_wanted(a->run->layers[i].problem, problems, problem_count))
            rc = add_row(&c, &a->run->layers[i]);
    if (rc)
        return rc;
    count_only_b(&c, problems, problem_count);
    adjust(out);
    sum_up(out);
    return 0;
}

void rpt_comparison_clear(struct rpt_comparison *comparison)
{
    free(comparison->rows);
    *comparison = (struct rpt_comparison) { .rows = NULL };
}
