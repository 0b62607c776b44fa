/* A pair as tables: what each core runs with the packing chosen, and what it would run without;
 * the packings of a layer in order. */
#include <math.h>
#include <string.h>

#include "reports/pair_int.h"
#include "reports/report_int.h"

static int is_measured(const struct rpt_pair *pair)
{
    return pair->runs[0]->evidence == HRN_MEASURED;
}

static void put_cost(struct rpt_sheet *s, const struct rpt_pair *pair, double cost)
{
    char number[RPT_NUMBER_MAX];
    if (is_measured(pair))
        rpt_sheet_put(s, "%s", rpt_number(cost / 1e3, 4, number));
    else
        rpt_sheet_put(s, "%.0f", cost);
}

/* "+1.6 % [0.9, 2.3]"; predicted, without an interval. `out` holds RPT_NUMBER_MAX bytes. */
static const char *loss_words(const struct rpt_pair *pair, double loss, double low, double high,
                              char *out)
{
    if (!isfinite(loss))
        return "-";
    if (is_measured(pair) && isfinite(low))
        snprintf(out, RPT_NUMBER_MAX, "%+.1f %% [%.1f, %.1f]", 100 * loss, 100 * low, 100 * high);
    else if (is_measured(pair))
        snprintf(out, RPT_NUMBER_MAX, "%+.1f %% [few rounds]", 100 * loss);
    else
        snprintf(out, RPT_NUMBER_MAX, "%+.1f %%", 100 * loss);
    return out;
}

static void put_loss(struct rpt_sheet *s, const struct rpt_pair *pair,
                     const struct hrn_comparison *of)
{
    char text[RPT_NUMBER_MAX];
    rpt_sheet_put(s, "%s", loss_words(pair, of->ratio - 1, of->low - 1, of->high - 1, text));
}

/* ---- the layers */

static const char *const titles[HRN_EVIDENCE_COUNT] = {
    [HRN_MEASURED] = "One packing of the weights for all cores, measured",
    [HRN_PREDICTED] = "One packing of the weights for all cores, PREDICTED by static models: not "
                      "measured, not proved",
};
static const char *const headings[HRN_EVIDENCE_COUNT][11] = {
    [HRN_MEASURED] = { "#", "layer", "problem", "packing", "core", "loss [95 %]", "us", "own us",
                       "with it", "its own winner", "packed as" },
    [HRN_PREDICTED] = { "#", "layer", "problem", "packing", "core", "loss", "cycles", "own cycles",
                        "with it", "its own winner", "packed as" },
};

static void put_core(struct rpt_sheet *s, const struct rpt_pair *pair, size_t l, size_t t)
{
    const struct rpt_pair_layer *layer = &pair->layers[l];
    const struct rpt_pair_packing *p = layer->count ? &layer->packings[0] : NULL;
    const struct rpt_pair_cell *own = &layer->own[t], *with = p ? &p->cells[t] : NULL;
    char core[RPT_CORE_NAME_MAX];
    if (t == 0) {
        rpt_sheet_put(s, "%zu", l + 1);
        rpt_sheet_put(s, "%s", layer->layer->title);
        rpt_sheet_put(s, "%s", layer->layer->problem);
        rpt_sheet_put(s, "%s", p ? p->name : "(none of all)");
    }
    for (int i = 0; i < 4 && t > 0; i++)
        rpt_sheet_put(s, "%s", "");
    rpt_sheet_put(s, "%s", rpt_pair_core(pair, t, core));
    if (with) {
        put_loss(s, pair, &with->of);
        put_cost(s, pair, with->cost);
    } else {
        rpt_sheet_put(s, "-");
        rpt_sheet_put(s, "-");
    }
    put_cost(s, pair, own->cost);
    rpt_sheet_put(s, "%s", with ? with->candidate->variant : "-");
    rpt_sheet_put(s, "%s",
                  with && with->candidate == own->candidate ? "the same" : own->candidate->variant);
    rpt_sheet_put(s, "%s", layer->own_packing[t]);
}

/* "12.3 ms", "4.56 million cycles" */
static const char *cost_words(const struct rpt_pair *pair, double cost, char *out)
{
    char number[RPT_NUMBER_MAX];
    if (is_measured(pair))
        snprintf(out, RPT_NUMBER_MAX, "%s ms", rpt_number(cost / 1e6, 4, number));
    else
        snprintf(out, RPT_NUMBER_MAX, "%s M cycles", rpt_number(cost / 1e6, 4, number));
    return out;
}

static const char *bytes_words(size_t bytes, char *out)
{
    char number[RPT_NUMBER_MAX];
    snprintf(out, RPT_NUMBER_MAX, "%s KiB", rpt_number((double)bytes / 1024, 4, number));
    return out;
}

static void note_total(struct rpt_sheet *s, const struct rpt_pair *pair,
                       const struct rpt_pair_total *of)
{
    char line[sizeof s->notes[0]], core[RPT_CORE_NAME_MAX];
    char free_cost[RPT_NUMBER_MAX], one_cost[RPT_NUMBER_MAX], loss[RPT_NUMBER_MAX];
    size_t at = (size_t)snprintf(line, sizeof line, "%s, %zu layer%s as often as each occurs:",
                                 of->network[0] ? of->network : "All", of->layers,
                                 of->layers == 1 ? "" : "s");
    for (size_t t = 0; t < pair->cores && at < sizeof line; t++)
        at += (size_t)snprintf(line + at, sizeof line - at, "%s %s %s, each core its own %s (%s)",
                               t ? ";" : "", rpt_pair_core(pair, t, core),
                               cost_words(pair, of->one_cost[t], one_cost),
                               cost_words(pair, of->free_cost[t], free_cost),
                               loss_words(pair, of->loss[t], of->low[t], of->high[t], loss));
    rpt_sheet_note(s, "%s.", line);
    char one[RPT_NUMBER_MAX], all[RPT_NUMBER_MAX], saved[RPT_NUMBER_MAX];
    if (of->free_bytes == of->one_bytes)
        rpt_sheet_note(s,
                       "Packed weights%s%s: %s, and no more with each core's own: they agree "
                       "already.",
                       of->network[0] ? " of " : "", of->network, bytes_words(of->one_bytes, one));
    else if (of->free_bytes > of->one_bytes)
        rpt_sheet_note(s,
                       "Packed weights%s%s: %s with one packing per layer, %s with each core's "
                       "own: %s saved.",
                       of->network[0] ? " of " : "", of->network, bytes_words(of->one_bytes, one),
                       bytes_words(of->free_bytes, all),
                       bytes_words(of->free_bytes - of->one_bytes, saved));
    else
        rpt_sheet_note(s,
                       "Packed weights%s%s: %s with one packing per layer, %s with each core's "
                       "own, which are packed more tightly: nothing saved.",
                       of->network[0] ? " of " : "", of->network, bytes_words(of->one_bytes, one),
                       bytes_words(of->free_bytes, all));
}

static const char *const criterion_words[RPT_CRITERION_COUNT] = {
    [RPT_CRITERION_MEAN] = "the geometric mean of the cores' losses",
    [RPT_CRITERION_WORST] = "the worst loss of a core",
    [RPT_CRITERION_TOTAL] = "the mean of what layers add to each core's network",
};

static void note_criterion(struct rpt_sheet *s, const struct rpt_pair *pair)
{
    const struct rpt_pair_options *o = &pair->options;
    char weights[200] = "";
    size_t at = 0;
    int even = 1;
    for (size_t t = 0; t < pair->cores; t++) {
        even &= !(o->weights[t] < o->weights[0] || o->weights[t] > o->weights[0]);
        at += (size_t)snprintf(weights + at, sizeof weights - at, "%s%.4g",
                               t ? ":" : ", cores weighted ", o->weights[t]);
    }
    rpt_sheet_note(s,
                   "Chosen for %s%s; loss = with the packing / the core's own winner%s. Of those "
                   "that cannot be told apart, the one with the least memory.",
                   criterion_words[o->criterion], even ? "" : weights,
                   is_measured(pair) ? ", paired by round" : "");
}

static void note_gaps(struct rpt_sheet *s, const struct rpt_pair *pair)
{
    if (pair->apart)
        rpt_sheet_note(s,
                       "On %zu layer%s no packing has figures on all cores: there each core "
                       "keeps its own.",
                       pair->apart, pair->apart == 1 ? "" : "s");
    if (pair->left_out)
        rpt_sheet_note(s, "Left out: %zu layer%s that a core has no figures of.", pair->left_out,
                       pair->left_out == 1 ? "" : "s");
    if (pair->few)
        rpt_sheet_note(s,
                       "On %zu layer%s the search dropped some packing early on a core: it has "
                       "too few rounds there to be chosen. A sweep with --strategy exhaustive "
                       "(and --filter) times all.",
                       pair->few, pair->few == 1 ? "" : "s");
}

int rpt_pair_sheet(const struct rpt_pair *pair, struct rpt_sheet *out)
{
    *out = (struct rpt_sheet) {
        .title = titles[pair->runs[0]->evidence],
        .headings = headings[pair->runs[0]->evidence],
        .columns = 11,
        .text_columns = 8,
    };
    for (size_t l = 0; l < pair->count; l++)
        for (size_t t = 0; t < pair->cores; t++)
            put_core(out, pair, l, t);
    for (size_t i = 0; i < pair->total_count && i < 2; i++) /* a page has place for two */
        note_total(out, pair, &pair->totals[i]);
    note_criterion(out, pair);
    note_gaps(out, pair);
    return rpt_sheet_end(out);
}

/* ---- the packings of a layer */

static const char *const ranking_headings[] = { "layer",   "packing",  "tied",   "KiB",
                                                "score %", "worse by", "core 1", "core 2",
                                                "core 3",  "core 4" };

/* Which is not the chosen one's where several are tied. */
static double least_score(const struct rpt_pair_layer *layer)
{
    double least = layer->packings[0].score;
    for (size_t i = 1; i < layer->count; i++)
        if (layer->packings[i].is_known == layer->packings[0].is_known)
            least = fmin(least, layer->packings[i].score);
    return least;
}

int rpt_pair_ranking(const struct rpt_pair *pair, size_t top, struct rpt_sheet *out)
{
    *out = (struct rpt_sheet) {
        .title = "Packings, the chosen one first: the criterion, and the loss of each core",
        .headings = ranking_headings,
        .columns = 6 + pair->cores,
        .text_columns = 3,
    };
    for (size_t l = 0; l < pair->count; l++)
        for (size_t i = 0; i < pair->layers[l].count && (!top || i < top); i++) {
            const struct rpt_pair_packing *p = &pair->layers[l].packings[i];
            char text[RPT_NUMBER_MAX];
            double best = least_score(&pair->layers[l]);
            rpt_sheet_put(out, "%s", rpt_layer_name(pair->layers[l].layer));
            rpt_sheet_put(out, "%s", p->name);
            rpt_sheet_put(out, "%s", p->is_tied ? "yes" : p->is_known ? "" : "few rounds");
            rpt_sheet_put(out, "%s", rpt_number((double)p->bytes / 1024, 4, text));
            rpt_sheet_put(out, "%+.2f", 100 * p->score);
            rpt_sheet_put(out, "%s", loss_words(pair, p->score - best, p->low, p->high, text));
            for (size_t t = 0; t < pair->cores; t++)
                put_loss(out, pair, &p->cells[t].of);
        }
    for (size_t t = 0; t < pair->cores; t++) {
        char core[RPT_CORE_NAME_MAX];
        rpt_sheet_note(out, "core %zu: %s, %s", t + 1, rpt_pair_core(pair, t, core),
                       pair->runs[t]->cpu);
    }
    return rpt_sheet_end(out);
}
