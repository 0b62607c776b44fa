#include "reports/figures.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/problem.h"
#include "reports/report_int.h"

/* ---- loading: one sample per variant, so what it counted is what there is */

/* What the candidates of a layer are ranked by. */
static const char *const rank_event[HRN_EVIDENCE_COUNT] = {
    [HRN_EMULATED] = "insn",
    [HRN_PREDICTED] = "cycles",
};

static int take_counter(const struct pdb_counter_row *row, void *user)
{
    struct rpt_candidate *c = user;
    double unused;
    /* an emulated PMU counts the same instructions as the emulator's plugin */
    const char *event = strcmp(row->event, "INST_RETIRED") == 0 ? "insn" : row->event;
    if (row->calls <= 0 || rpt_metric_of(c, event, &unused) == 0)
        return 0;
    struct rpt_metric *grown = reallocarray(c->metrics, c->metric_count + 1, sizeof *c->metrics);
    if (!grown)
        return -ENOMEM;
    c->metrics = grown;
    struct rpt_metric *m = &grown[c->metric_count++];
    snprintf(m->name, sizeof m->name, "%.60s", event);
    m->value = (double)row->value / (double)row->calls;
    return 0;
}

static double figure(const struct rpt_candidate *c, const char *event)
{
    double value;
    return rpt_metric_of(c, event, &value) == 0 ? value : (double)NAN;
}

static const char *ranking; /* the event of the run whose candidates are sorted */

static int by_figure(const void *a, const void *b)
{
    const struct rpt_candidate *x = a, *y = b;
    double p = figure(x, ranking), q = figure(y, ranking);
    if (isnan(p) != isnan(q))
        return isnan(p) - isnan(q);
    if (p < q || p > q)
        return p < q ? -1 : 1;
    if (x->outcome != y->outcome)
        return (int)x->outcome - (int)y->outcome;
    return strcmp(x->variant, y->variant);
}

int rpt_figures_load(struct rpt_run *run)
{
    int result = 0;
    ranking = rank_event[run->evidence];
    for (size_t l = 0; l < run->layer_count && ranking && result == 0; l++) {
        struct rpt_layer *layer = &run->layers[l];
        for (size_t i = 0; i < layer->count && result == 0; i++) {
            struct rpt_candidate *c = &layer->candidates[i];
            result = pdb_counters(run->db, c->measurement_id, take_counter, c);
            run->counted |= c->metric_count > 0;
        }
        if (layer->count)
            qsort(layer->candidates, layer->count, sizeof *layer->candidates, by_figure);
    }
    return result;
}

/* ---- the sheet */

void rpt_sheet_put(struct rpt_sheet *s, const char *format, ...)
{
    if (s->filled % 64 == 0) {
        void *grown = reallocarray(s->cells, s->filled + 64, sizeof *s->cells);
        if (!grown)
            s->failed = -ENOMEM;
        else
            s->cells = grown;
    }
    if (s->failed)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(s->cells[s->filled++], RPT_SHEET_CELL, format, args);
    va_end(args);
}

static void number_cell(struct rpt_sheet *s, double value, const char *format)
    __attribute__((format(printf, 3, 0)));

static void number_cell(struct rpt_sheet *s, double value, const char *format)
{
    char text[RPT_NUMBER_MAX];
    snprintf(text, sizeof text, format, value);
    rpt_sheet_put(s, "%s", isfinite(value) ? text : "-");
}

void rpt_sheet_note(struct rpt_sheet *s, const char *format, ...)
{
    va_list args;
    if (s->note_count == sizeof s->notes / sizeof *s->notes)
        return;
    va_start(args, format);
    vsnprintf(s->notes[s->note_count++], sizeof s->notes[0], format, args);
    va_end(args);
}

static void put_names(struct rpt_sheet *s, const struct rpt_layer *layer, size_t l)
{
    rpt_sheet_put(s, "%zu", l + 1);
    rpt_sheet_put(s, "%s", layer->title);
    rpt_sheet_put(s, "%s", layer->problem);
    rpt_sheet_put(s, "%s", layer->count ? layer->candidates[0].variant : "-");
}

/* How many of the layer have a figure, of all. */
static void put_share(struct rpt_sheet *s, const struct rpt_layer *layer)
{
    size_t have = 0;
    while (have < layer->count && !isnan(figure(&layer->candidates[have], ranking)))
        have++;
    rpt_sheet_put(s, "%zu of %zu", have, layer->count);
}

/* ---- counts */

static const char *const count_headings[] = { "#",        "layer",  "problem",  "least",
                                              "insn/MAC", "kernel", "load",     "store",
                                              "branch",   "vector", "multiply", "counted" };

static void put_counts(struct rpt_sheet *s, const struct rpt_layer *layer, size_t l)
{
    static const char *const events[] = { "insn",   "kernel.insn", "load",    "store",
                                          "branch", "vector",      "multiply" };
    const struct rpt_candidate none = { .metric_count = 0 };
    const struct rpt_candidate *c = layer->count ? &layer->candidates[0] : &none;
    put_names(s, layer, l);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        number_cell(s, figure(c, events[i]) / (double)layer->macs, "%.4f");
    put_share(s, layer);
}

static void note_geomean(struct rpt_sheet *s, const struct rpt_run *run, int depthwise,
                         const char *kind)
{
    double sum = 0;
    size_t count = 0;
    for (size_t l = 0; l < run->layer_count; l++) {
        const struct rpt_layer *layer = &run->layers[l];
        struct krn_problem problem;
        enum krn_epilogue epilogue;
        char why[160];
        double least = layer->count ? figure(&layer->candidates[0], "insn") : (double)NAN;
        if (isnan(least) || least <= 0 || layer->macs <= 0 ||
            krn_layer_parse(layer->problem, &problem, &epilogue, why, sizeof why) ||
            krn_problem_is_depthwise(&problem) != depthwise)
            continue;
        sum += log(least / (double)layer->macs);
        count++;
    }
    if (count)
        rpt_sheet_note(
            s, "Geometric mean of the least of each layer, %zu %s: %.4f instructions per MAC.",
            count, kind, exp(sum / (double)count));
}

static void fill_counts(struct rpt_sheet *s, const struct rpt_run *run)
{
    s->title = "EMULATED COUNTS: executed instructions per MAC of the layer; no time";
    s->headings = count_headings;
    s->columns = sizeof count_headings / sizeof *count_headings;
    s->text_columns = 4;
    for (size_t l = 0; l < run->layer_count; l++)
        put_counts(s, &run->layers[l], l);
    note_geomean(s, run, 0, "other than depthwise");
    note_geomean(s, run, 1, "depthwise");
    rpt_sheet_note(
        s, "insn: the whole convolution, gathering and requantisation included; kernel: the "
           "micro-kernel's own part of it; the others by kind. Counts are no times.");
}

/* ---- predictions */

static const char *const predicted_headings[] = {
    "#",         "layer",  "problem", "fewest cycles", "cycles",      "MAC/cycle",
    "% of peak", "tile %", "loop %",  "best tile %",   "best loop %", "predicted"
};

/* MACs at the peak / MACs as predicted, of a layer, its tile or its loop; in percent. */
static double share(const struct rpt_candidate *c, const struct rpt_layer *layer,
                    const char *cycles, const char *macs)
{
    double peak = (double)layer->macs / figure(c, "peak.cycles");
    double done = macs ? figure(c, macs) : (double)layer->macs;
    return 100 * done / figure(c, cycles) / peak;
}

static double best_share(const struct rpt_layer *layer, const char *cycles, const char *macs)
{
    double best = (double)NAN;
    for (size_t i = 0; i < layer->count; i++)
        best = fmax(best, share(&layer->candidates[i], layer, cycles, macs));
    return best;
}

static void put_prediction(struct rpt_sheet *s, const struct rpt_layer *layer, size_t l)
{
    const struct rpt_candidate none = { .metric_count = 0 };
    const struct rpt_candidate *c = layer->count ? &layer->candidates[0] : &none;
    put_names(s, layer, l);
    number_cell(s, figure(c, "cycles"), "%.0f");
    number_cell(s, (double)layer->macs / figure(c, "cycles"), "%.2f");
    number_cell(s, share(c, layer, "cycles", NULL), "%.1f");
    number_cell(s, share(c, layer, "tile.cycles", "tile.mac"), "%.1f");
    number_cell(s, share(c, layer, "loop.cycles", "loop.mac"), "%.1f");
    number_cell(s, best_share(layer, "tile.cycles", "tile.mac"), "%.1f");
    number_cell(s, best_share(layer, "loop.cycles", "loop.mac"), "%.1f");
    put_share(s, layer);
}

static void fill_predictions(struct rpt_sheet *s, const struct rpt_run *run)
{
    s->title = "PREDICTED by a static model: cycles of the micro-kernel's calls; not measured, not "
               "proved";
    s->headings = predicted_headings;
    s->columns = sizeof predicted_headings / sizeof *predicted_headings;
    s->text_columns = 4;
    for (size_t l = 0; l < run->layer_count; l++)
        put_prediction(s, &run->layers[l], l);
    rpt_sheet_note(
        s, "Percent of the model's peak: of the layer; of the most frequent call, requantisation "
           "included; of its inner loop. Everything in the first-level cache; what the driver does "
           "between calls is left out. Above 100: fewer products than MACs, as Winograd's.");
}

/* ---- */

int rpt_sheet_init(const struct rpt_run *run, struct rpt_sheet *out)
{
    *out = (struct rpt_sheet) { .rows = 0 };
    ranking = rank_event[run->evidence];
    if (!ranking || !run->counted)
        return 0;
    (run->evidence == HRN_EMULATED ? fill_counts : fill_predictions)(out, run);
    return rpt_sheet_end(out);
}

int rpt_sheet_end(struct rpt_sheet *sheet)
{
    sheet->rows = sheet->filled / sheet->columns;
    return sheet->failed ? sheet->failed : 1;
}

void rpt_sheet_clear(struct rpt_sheet *sheet)
{
    free(sheet->cells);
    sheet->cells = NULL;
}

const char *rpt_sheet_cell(const struct rpt_sheet *sheet, size_t row, size_t column)
{
    return sheet->cells[row * sheet->columns + column];
}
