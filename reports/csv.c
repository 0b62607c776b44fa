/* One line per measurement, RFC 4180: a header with the units in the names, text quoted where it
 * must be. */
#include "reports/report.h"

#include <math.h>
#include <string.h>

#include "reports/report_int.h"

/* The line is written a field at a time: a separator ahead of every one but the first. */
struct line {
    FILE *out;
    int is_open;
};

static void separate(struct line *line)
{
    if (line->is_open)
        fputc(',', line->out);
    line->is_open = 1;
}

static void put_text(struct line *line, const char *text)
{
    separate(line);
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, line->out);
        return;
    }
    fputc('"', line->out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', line->out);
        fputc(*text, line->out);
    }
    fputc('"', line->out);
}

static void put_int(struct line *line, long long value)
{
    separate(line);
    fprintf(line->out, "%lld", value);
}

/* Empty where the number is unknown. */
static void put_real(struct line *line, double value, int is_known)
{
    separate(line);
    if (is_known && isfinite(value))
        fprintf(line->out, "%.9g", value);
}

static void put_end(struct line *line)
{
    fputs("\r\n", line->out);
    line->is_open = 0;
}

/* Heading and contents of the columns that describe the measurement, in one order. */
static const char *const columns_before[] = {
    "run",  "evidence", "device", "cpu",     "layer",  "title", "problem", "network",   "times",
    "macs", "rank",     "tied",   "variant", "kernel", "isa",   "family",  "algorithm",
};
static const char *const columns_after[] = {
    "outcome",
    "stage",
    "signal",
    "checks",
    "samples",
    "voids",
    "outliers",
    "median_ns",
    "mad_ns",
    "min_ns",
    "max_ns",
    "gmac_per_s",
    "peak_share",
    "ratio_to_fastest",
    "ratio_low",
    "ratio_high",
    "energy_j_per_call",
    "detail",
};

/* "prefetch A" becomes "prefetch_A". */
static void put_knob_name(struct line *line, const struct var_knob_info *knob)
{
    separate(line);
    for (const char *c = knob->name; *c; c++)
        fputc(*c == ' ' ? '_' : *c, line->out);
}

static void put_header(struct line *line)
{
    for (size_t i = 0; i < sizeof columns_before / sizeof *columns_before; i++)
        put_text(line, columns_before[i]);
    for (int k = 0; k < VAR_KNOB_COUNT; k++)
        put_knob_name(line, &var_knobs[k]);
    for (size_t i = 0; i < sizeof columns_after / sizeof *columns_after; i++)
        put_text(line, columns_after[i]);
    put_end(line);
}

static void put_measurement(struct line *line, const struct rpt_run *run, size_t l, size_t i)
{
    const struct rpt_layer *layer = &run->layers[l];
    const struct rpt_candidate *c = &layer->candidates[i];
    put_int(line, run->id);
    put_text(line, hrn_evidence_names[run->evidence]);
    put_text(line, run->device_key);
    put_text(line, run->cpu);
    put_int(line, (long long)l + 1);
    put_text(line, layer->title);
    put_text(line, layer->problem);
    put_text(line, layer->network);
    put_int(line, layer->times);
    put_int(line, layer->macs);
    put_real(line, (double)i + 1, rpt_timed(run, c));
    put_int(line, rpt_timed(run, c) && i < layer->tied);
    put_text(line, c->variant);
    put_text(line, c->kernel_name);
    put_text(line, c->isa);
    put_text(line, c->family);
    put_text(line, c->algorithm);
    for (int k = 0; k < VAR_KNOB_COUNT; k++)
        put_real(line, c->knob[k], c->knob[k] != RPT_NO_KNOB);
}

static void put_result(struct line *line, const struct rpt_run *run, const struct rpt_candidate *c)
{
    const struct hrn_summary *s = &c->rank.summary;
    char signal[RPT_NUMBER_MAX];
    int timed = rpt_timed(run, c);
    put_text(line, hrn_outcome_names[c->outcome]);
    put_text(line, hrn_stage_names[c->stage]);
    put_text(line, rpt_signal(c->signal, signal));
    put_int(line, c->checks);
    put_int(line, timed ? (long long)s->count : 0);
    put_int(line, (long long)c->voids);
    put_int(line, timed ? (long long)s->outliers : 0);
    put_real(line, s->median, timed);
    put_real(line, s->mad, timed);
    put_real(line, s->min, timed);
    put_real(line, s->max, timed);
    put_real(line, c->gmacs, timed);
    put_real(line, c->peak_share, timed && c->peak_share > 0);
    put_real(line, c->rank.against_best.ratio, timed);
    put_real(line, c->rank.against_best.low, timed);
    put_real(line, c->rank.against_best.high, timed);
    put_real(line, c->energy_j, timed && c->energy_j > 0);
    put_text(line, c->detail);
}

int rpt_csv(const struct rpt_run *run, FILE *out)
{
    struct line line = { out, 0 };
    put_header(&line);
    for (size_t l = 0; l < run->layer_count; l++)
        for (size_t i = 0; i < run->layers[l].count; i++) {
            put_measurement(&line, run, l, i);
            put_result(&line, run, &run->layers[l].candidates[i]);
            put_end(&line);
        }
    return rpt_stream_end(out);
}
