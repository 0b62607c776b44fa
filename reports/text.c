/* The report on a terminal. Plain columns: a person reads it, and it survives a log file. */
#include "reports/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "reports/pair.h"
#include "reports/report_int.h"

/* ---- a table whose columns fit */

#define COLUMNS_MAX 12
#define CELL_MAX 128
#define FAILURES_SHOWN 10

enum align { LEFT, RIGHT };
struct column {
    const char *heading;
    enum align align;
};
struct table {
    const struct column *columns;
    size_t column_count, cell_count;
    char (*cells)[CELL_MAX]; /* row by row */
    int failed;
};

static void cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void cell(struct table *t, const char *format, ...)
{
    if (t->cell_count % 64 == 0) {
        void *grown = reallocarray(t->cells, t->cell_count + 64, sizeof *t->cells);
        if (!grown)
            t->failed = -ENOMEM;
        else
            t->cells = grown;
    }
    if (t->failed)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(t->cells[t->cell_count++], CELL_MAX, format, args);
    va_end(args);
}

/* Columns on a screen: continuation bytes of UTF-8 take none. */
static int width_of(const char *text)
{
    int width = 0;
    for (; *text; text++)
        width += (*text & 0xc0) != 0x80;
    return width;
}

static void put_cell(FILE *out, const char *text, int width, enum align align, int is_last)
{
    int pad = width - width_of(text);
    if (align == RIGHT)
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, is_last ? 0 : pad, "");
    fputs(is_last ? "\n" : "  ", out);
}

/* Prints and frees. 0 or -ENOMEM. */
static int table_print(struct table *t, const char *bold, const char *plain, FILE *out)
{
    int width[COLUMNS_MAX] = { 0 };
    for (size_t c = 0; c < t->column_count; c++)
        width[c] = width_of(t->columns[c].heading);
    for (size_t i = 0; i < t->cell_count; i++) {
        int w = width_of(t->cells[i]);
        if (w > width[i % t->column_count])
            width[i % t->column_count] = w;
    }
    fputs(bold, out);
    for (size_t c = 0; c < t->column_count; c++)
        put_cell(out, t->columns[c].heading, width[c], t->columns[c].align,
                 c + 1 == t->column_count);
    fputs(plain, out);
    for (size_t i = 0; i < t->cell_count; i++) {
        size_t c = i % t->column_count;
        put_cell(out, t->cells[i], width[c], t->columns[c].align, c + 1 == t->column_count);
    }
    free(t->cells);
    t->cells = NULL;
    return t->failed;
}

/* ---- the parts */

struct ink {
    const char *bold, *dim, *warn, *plain;
};
static const struct ink inks[2] = {
    { "", "", "", "" },
    { "\x1b[1m", "\x1b[2m", "\x1b[33m", "\x1b[0m" },
};

static const char *const evidence_words[HRN_EVIDENCE_COUNT] = {
    [HRN_MEASURED] = "measured on silicon",
    [HRN_EMULATED] = "EMULATED: proves correctness, counts, knows no time",
    [HRN_PREDICTED] = "PREDICTED by a static model, not measured",
};

static void put_heading(const struct rpt_run *run, const struct rpt_digest *d,
                        const struct ink *ink, FILE *out)
{
    char date[RPT_NUMBER_MAX];
    fprintf(out, "%sRun %lld%s  %s, %s%s%s\n", ink->bold, run->id, ink->plain,
            rpt_date(run->begin_unix_s, date),
            strcmp(run->outcome, "complete") == 0 ? "" : ink->warn,
            run->outcome[0] ? run->outcome : "not ended (still running, or killed)", ink->plain);
    fprintf(out, "  device    %s, %s %s, %s\n", run->device_key, run->arch, run->cpu, run->os);
    fprintf(out, "  evidence  %s%s%s\n", run->evidence == HRN_MEASURED ? "" : ink->warn,
            evidence_words[run->evidence], ink->plain);
    fprintf(out, "  compiler  %s %s\n", run->compiler, run->compiler_flags);
    if (rpt_run_timed(run))
        fprintf(out,
                "  samples   %lld of at least %.3g ms (%zu void), up to %d rounds, seed %llu\n",
                run->samples, (double)run->min_sample_ns / 1e6, d->void_samples, run->rounds,
                run->seed);
    if (run->filtered[0])
        fprintf(out, "  filtered  points that were not tried: %s\n", run->filtered);
    fprintf(out, "  again     %s\n\n", run->command);
}

static void put_speedup(struct table *t, struct rpt_speedup s)
{
    char factor[RPT_NUMBER_MAX], low[RPT_NUMBER_MAX], high[RPT_NUMBER_MAX];
    if (s.factor <= 0)
        cell(t, "-");
    else if (s.low <= 0 || s.high <= 0)
        cell(t, "%sx [too few rounds]", rpt_number(s.factor, 3, factor));
    else
        cell(t, "%sx [%s, %s]", rpt_number(s.factor, 3, factor), rpt_number(s.low, 3, low),
             rpt_number(s.high, 3, high));
}

static const struct column winner_columns[] = {
    { "#", RIGHT },         { "layer", LEFT },
    { "problem", LEFT },    { "winner", LEFT },
    { "median us", RIGHT }, { "GMAC/s", RIGHT },
    { "% of peak", RIGHT }, { "vs default [95 %]", RIGHT },
    { "vs C", RIGHT },      { "tied", RIGHT },
};

static void put_winner_row(struct table *t, const struct rpt_run *run, size_t l)
{
    char number[RPT_NUMBER_MAX];
    const struct rpt_layer *layer = &run->layers[l];
    const struct rpt_candidate *winner = rpt_winner(run, layer);
    struct rpt_speedup portable = rpt_speedup(layer, RPT_PORTABLE);
    cell(t, "%zu", l + 1);
    cell(t, "%s", layer->title);
    cell(t, "%s", layer->problem);
    if (!winner) {
        cell(t, "(none of %zu has a time)", layer->count);
        for (size_t i = 4; i < sizeof winner_columns / sizeof *winner_columns; i++)
            cell(t, "-");
        return;
    }
    cell(t, "%s", winner->variant);
    cell(t, "%s", rpt_number(winner->rank.summary.median / 1e3, 4, number));
    cell(t, "%s", rpt_number(winner->gmacs, 3, number));
    if (winner->peak_share > 0)
        cell(t, "%.0f", 100 * winner->peak_share);
    else
        cell(t, "-");
    put_speedup(t, rpt_speedup(layer, RPT_DEFAULT));
    if (portable.factor > 0)
        cell(t, "%sx", rpt_number(portable.factor, 3, number));
    else
        cell(t, "-");
    cell(t, "%zu of %zu", layer->tied, layer->timed);
}

static int put_winners(const struct rpt_run *run, const struct ink *ink, FILE *out)
{
    struct table t = { .columns = winner_columns,
                       .column_count = sizeof winner_columns / sizeof *winner_columns };
    for (size_t l = 0; l < run->layer_count; l++)
        put_winner_row(&t, run, l);
    int result = table_print(&t, ink->bold, ink->plain, out);
    char band[RPT_PROOF_WORDS_MAX];
    fprintf(
        out,
        "\n%svs = time of the baseline / time of the winner, paired by round; default = what a "
        "user without a sweep gets on %s.\ntied = variants that cannot be told from the fastest "
        "(band %s); the\nwinner is the one of them with the least code, then the fewest saved "
        "registers, the least "
        "workspace, the first\nname, among those that none of them beats.%s\n",
        ink->dim, run->best_isa[0] ? run->best_isa : "this CPU", rpt_band_words(run, band),
        ink->plain);
    return result;
}

/* ---- counters */

#define WHY_LAYERS 4 /* of a long run only the first are shown on a terminal */

static const struct column why_columns[] = {
    { "metric", LEFT }, { "winner", RIGHT }, { "other", RIGHT }, { "change", RIGHT }
};

static void put_metric(struct table *t, double value)
{
    char number[RPT_NUMBER_MAX];
    cell(t, "%s", value == 0 ? "0" : rpt_number(value, 4, number));
}

static int put_why_layer(const struct rpt_layer *layer, const struct ink *ink, FILE *out)
{
    const struct rpt_candidate *winner = &layer->candidates[0], *rival = rpt_rival(layer);
    struct table t = { .columns = why_columns, .column_count = rival ? 4 : 2 };
    fprintf(out, "\n%s%s%s: %s%s%s\n", ink->bold, rpt_layer_name(layer), ink->plain,
            winner->variant, rival ? " beside " : "", rival ? rival->variant : "");
    for (size_t i = 0; i < winner->metric_count; i++) {
        double other;
        cell(&t, "%s", winner->metrics[i].name);
        put_metric(&t, winner->metrics[i].value);
        if (!rival)
            continue;
        if (rpt_metric_of(rival, winner->metrics[i].name, &other)) {
            cell(&t, "-");
            cell(&t, "-");
            continue;
        }
        put_metric(&t, other);
        if (other > 0 && winner->metrics[i].value > 0)
            cell(&t, "%+.1f %%", 100 * (winner->metrics[i].value / other - 1));
        else
            cell(&t, "-");
    }
    return table_print(&t, ink->dim, ink->plain, out);
}

static void put_no_counters(const struct rpt_run *run, const struct ink *ink, FILE *out)
{
    if (run->no_counters[0])
        fprintf(out, "%sNo PMU: %s.%s\n", ink->dim, run->no_counters, ink->plain);
    if (run->left_out[0])
        fprintf(out, "%sNot counted: %s.%s\n", ink->warn, run->left_out, ink->plain);
}

/* Why the winner wins, where counters were read. */
static int put_why(const struct rpt_run *run, const struct ink *ink, FILE *out)
{
    size_t shown = 0, left = 0;
    int result = 0;
    if (run->counted)
        fputs("\nWhy: counters per call of the layer, medians; never scaled\n", out);
    for (size_t l = 0; l < run->layer_count && result == 0; l++) {
        const struct rpt_layer *layer = &run->layers[l];
        if (layer->timed == 0)
            continue;
        if (layer->candidates[0].counters_disagree)
            fprintf(out, "\n%s: the passes differ in cycles or instructions, so nothing is said\n",
                    rpt_layer_name(layer));
        else if (layer->candidates[0].metric_count > 0 && shown++ < WHY_LAYERS)
            result = put_why_layer(layer, ink, out);
        else
            left += layer->candidates[0].metric_count > 0;
    }
    if (left)
        fprintf(out, "\n... and %zu more layers: --format html or json has them\n", left);
    put_no_counters(run, ink, out);
    return result;
}

static void put_means(const struct rpt_digest *d, FILE *out)
{
    char number[RPT_NUMBER_MAX], least[RPT_NUMBER_MAX], words[RPT_PROOF_WORDS_MAX];
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        enum rpt_baseline baseline = (enum rpt_baseline)b;
        if (d->geomean_layers[b] < d->timed_layers)
            fprintf(out, "On %zu layer%s nothing is said of %s: the run has no time of it.\n",
                    d->timed_layers - d->geomean_layers[b],
                    d->timed_layers - d->geomean_layers[b] == 1 ? "" : "s", rpt_baseline_titles[b]);
        if (!d->geomean_layers[b])
            continue;
        fprintf(out, "Against %s: %sx, geometric mean of %zu layer%s (%s); least %sx on %s.\n",
                rpt_baseline_titles[b], rpt_number(d->geomean[b], 3, number), d->geomean_layers[b],
                d->geomean_layers[b] == 1 ? "" : "s", rpt_verdict_words(d, baseline, words),
                rpt_number(rpt_speedup(d->least[b], baseline).factor, 3, least),
                rpt_layer_name(d->least[b]));
    }
}

static void put_peaks(const struct rpt_digest *d, const struct ink *ink, FILE *out)
{
    if (!d->worst_peak)
        return;
    fprintf(out, "Of the measured peak, weighted by time: %.0f %%; farthest from it %s, %.0f %%.\n",
            100 * d->peak_share, rpt_layer_name(d->worst_peak),
            100 * d->worst_peak->candidates[0].peak_share);
    fprintf(out, "(A share counts the multiplications that must be made: none in the padding, and "
                 "Winograd's fewer.)\n");
    if (rpt_peaks_doubtful(d))
        fprintf(
            out,
            "%sA variant reached %.0f %% of the peak, so the peak was measured too low (another "
            "load on the machine?): believe no share of it.%s\n",
            ink->warn, 100 * d->highest_share, ink->plain);
}

struct sayer {
    const struct ink *ink;
    FILE *out;
};

static void say_energy(const char *sentence, int is_known, void *user)
{
    const struct sayer *s = user;
    fprintf(s->out, "%s%s.%s\n", is_known ? "" : s->ink->dim, sentence,
            is_known ? "" : s->ink->plain);
}

static void put_networks(const struct rpt_digest *d, FILE *out)
{
    char number[RPT_NUMBER_MAX];
    for (size_t i = 0; i < d->network_count; i++) {
        const struct rpt_network_digest *n = &d->networks[i];
        if (!n->timed)
            continue;
        fprintf(out, "%s: sum of %zu of %zu layers, as often as each occurs: %s ms", n->network,
                n->timed, n->layers, rpt_number(n->winners_ns / 1e6, 4, number));
        for (int b = 0; b < RPT_BASELINE_COUNT; b++)
            if (n->compared[b] == n->timed)
                fprintf(out, "; with %s %s ms", rpt_baseline_titles[b],
                        rpt_number(n->baseline_ns[b] / 1e6, 4, number));
        fputs(".\n", out);
    }
}

/* `result` is what filled the sheet; clears it. */
static int put_sheet(struct rpt_sheet *sheet, int result, const struct ink *ink, FILE *out)
{
    struct column columns[RPT_SHEET_COLUMNS];
    if (result > 0) {
        struct table t = { .columns = columns, .column_count = sheet->columns };
        for (size_t c = 0; c < sheet->columns; c++)
            columns[c] =
                (struct column) { sheet->headings[c], c && c < sheet->text_columns ? LEFT : RIGHT };
        for (size_t i = 0; i < sheet->rows * sheet->columns; i++)
            cell(&t, "%s", sheet->cells[i]);
        fprintf(out, "%s%s%s\n", ink->warn, sheet->title, ink->plain);
        result = table_print(&t, ink->bold, ink->plain, out);
        fputc('\n', out);
        for (size_t i = 0; i < sheet->note_count; i++)
            fprintf(out, "%s\n", sheet->notes[i]);
        fputc('\n', out);
    }
    rpt_sheet_clear(sheet);
    return result;
}

/* What was counted or predicted, where there is no time. */
static int put_figures(const struct rpt_run *run, const struct ink *ink, FILE *out)
{
    struct rpt_sheet sheet;
    int result = rpt_sheet_init(run, &sheet);
    return put_sheet(&sheet, result, ink, out);
}

/* One packing for the cores of the sweep. */
static int put_pair(const struct rpt_run *run, const struct ink *ink, FILE *out)
{
    struct rpt_sheet sheet;
    if (!run->pair)
        return 0;
    if (rpt_run_timed(run))
        fputc('\n', out);
    int result = rpt_pair_sheet(run->pair, &sheet);
    return put_sheet(&sheet, result, ink, out);
}

/* Proved and failed per ISA. */
static int put_proofs(const struct rpt_digest *d, const struct ink *ink, FILE *out)
{
    static const struct column columns[] = { { "ISA", LEFT },
                                             { "proved", RIGHT },
                                             { "failed", RIGHT } };
    struct table t = { .columns = columns, .column_count = sizeof columns / sizeof *columns };
    for (size_t i = 0; i < d->isa_count; i++) {
        cell(&t, "%s", d->isas[i].isa);
        cell(&t, "%zu", d->isas[i].fates[RPT_PROVED] + d->isas[i].fates[RPT_VOID]);
        cell(&t, "%zu", d->isas[i].fates[RPT_FAILED]);
    }
    return table_print(&t, ink->bold, ink->plain, out);
}

static void put_failure(const struct rpt_layer *layer, const struct rpt_candidate *c, FILE *out)
{
    char signal[RPT_NUMBER_MAX];
    rpt_signal(c->signal, signal);
    fprintf(out, "  %s on %s: %s%s%s at stage %s%s%s\n", c->variant, rpt_layer_name(layer),
            hrn_outcome_names[c->outcome], signal[0] ? ", " : "", signal, hrn_stage_names[c->stage],
            c->detail[0] ? ": " : "", c->detail);
}

/* Counts by kind, then the first of those that failed. What is only void is counted, not listed. */
static void put_failures(const struct rpt_run *run, const struct rpt_digest *d,
                         const struct ink *ink, FILE *out)
{
    char words[RPT_PROOF_WORDS_MAX];
    const size_t failed = d->fates[RPT_FAILED];
    size_t left = FAILURES_SHOWN;
    if (d->candidates == 0) {
        fputs("Nothing was tried in this run; quern report --list shows the others.\n", out);
        return;
    }
    if (run->evidence == HRN_PREDICTED && !failed)
        return; /* nothing was tried, so nothing can have failed */
    if (run->evidence != HRN_PREDICTED)
        fprintf(out, "\n%s%s%s.\n", failed ? ink->warn : "", rpt_proof_words(run, d, words),
                ink->plain);
    for (int o = HRN_OK + 1; o < HRN_OUTCOME_COUNT; o++)
        if (d->outcomes[o] && (o != HRN_VOID || run->evidence != HRN_PREDICTED))
            fprintf(out, "  %-9s %6zu  %s\n", hrn_outcome_names[o], d->outcomes[o],
                    rpt_outcome_meanings[o]);
    for (size_t l = 0; l < run->layer_count; l++)
        for (size_t i = 0; i < run->layers[l].count && left; i++) {
            if (rpt_fate(&run->layers[l].candidates[i]) != RPT_FAILED)
                continue;
            put_failure(&run->layers[l], &run->layers[l].candidates[i], out);
            left--;
        }
    if (failed > FAILURES_SHOWN)
        fprintf(out, "  ... and %zu more: --format csv or html has them all\n",
                failed - FAILURES_SHOWN);
}

int rpt_text(const struct rpt_run *run, int colour, FILE *out)
{
    const struct ink *ink = &inks[!!colour];
    struct rpt_digest digest;
    int result = rpt_digest_init(run, &digest);
    if (result != 0)
        return result;
    put_heading(run, &digest, ink, out);
    if (digest.candidates == 0 && run->layer_count == 0) {
        put_failures(run, &digest, ink, out);
        return rpt_stream_end(out);
    }
    if (rpt_run_timed(run)) {
        result = put_winners(run, ink, out);
        fputc('\n', out);
        put_means(&digest, out);
        put_peaks(&digest, ink, out);
        rpt_energy(run, say_energy, &(struct sayer) { ink, out });
        put_networks(&digest, out);
        if (result == 0)
            result = put_why(run, ink, out);
    } else {
        result = put_figures(run, ink, out);
        if (result == 0 && run->evidence == HRN_EMULATED)
            result = put_proofs(&digest, ink, out);
    }
    if (result == 0)
        result = put_pair(run, ink, out);
    put_failures(run, &digest, ink, out);
    rpt_digest_clear(&digest);
    return result != 0 ? result : rpt_stream_end(out);
}
