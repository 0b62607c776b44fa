/* The report as Markdown tables: for an issue, a pull request, a README. */
#include "reports/report.h"

#include <string.h>

#include "reports/pair.h"
#include "reports/report_int.h"

/* Text as text: what Markdown would take for markup is escaped. */
static void put(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\`*_{}[]<>#|~", *text))
            fputc('\\', out);
        fputc(*text, out);
    }
}

/* In a code span nothing is markup but the backtick, and in a table the bar. */
static void put_code(FILE *out, const char *text)
{
    fputc('`', out);
    for (; *text; text++)
        fputc(*text == '`' || *text == '|' ? '\'' : *text, out);
    fputc('`', out);
}

static void put_field(FILE *out, const char *label, const char *text, const char *more)
{
    fprintf(out, "- **%s**: ", label);
    put(out, text);
    if (more[0]) {
        fputc(' ', out);
        put(out, more);
    }
    fputc('\n', out);
}

static void put_summary(const struct rpt_run *run, const struct rpt_digest *d, FILE *out)
{
    char date[RPT_NUMBER_MAX], words[RPT_PROOF_WORDS_MAX];
    static const char *const evidence[HRN_EVIDENCE_COUNT] = {
        [HRN_MEASURED] = "measured on silicon",
        [HRN_EMULATED] = "**emulated**: proves correctness, knows no time",
        [HRN_PREDICTED] = "**predicted** by a static model, not measured",
    };
    fprintf(out, "# Quern report, run %lld\n\n", run->id);
    put_field(out, "Date", rpt_date(run->begin_unix_s, date), run->outcome);
    put_field(out, "Device", run->device_key, run->cpu);
    put_field(out, "System", run->os, run->kernel);
    fprintf(out, "- **Evidence**: %s\n", evidence[run->evidence]);
    put_field(out, "Compiler", run->compiler, run->compiler_flags);
    put_field(out, "Proofs", rpt_proof_words(run, d, words), "");
    if (run->filtered[0])
        put_field(out, "Points that filters removed", run->filtered, "");
    fprintf(out, "- **Seed**: %llu\n- **Again**: ", run->seed);
    put_code(out, run->command);
    fputs("\n\n", out);
}

static void put_speedup(struct rpt_speedup s, FILE *out)
{
    char factor[RPT_NUMBER_MAX], low[RPT_NUMBER_MAX], high[RPT_NUMBER_MAX];
    if (s.factor <= 0) {
        fputs(" - |", out);
        return;
    }
    fprintf(out, " %s×", rpt_number(s.factor, 3, factor));
    if (s.low > 0 && s.high > 0)
        fprintf(out, " (%s to %s)", rpt_number(s.low, 3, low), rpt_number(s.high, 3, high));
    fputs(" |", out);
}

static void put_winner(const struct rpt_run *run, size_t l, FILE *out)
{
    const struct rpt_layer *layer = &run->layers[l];
    const struct rpt_candidate *winner = rpt_winner(run, layer);
    char number[RPT_NUMBER_MAX];
    fprintf(out, "| %zu | ", l + 1);
    put(out, layer->title);
    fputs(" | ", out);
    put_code(out, layer->problem);
    if (!winner) {
        fputs(" | none | - | - | - | - | - | - |\n", out);
        return;
    }
    fputs(" | ", out);
    put_code(out, winner->variant);
    fprintf(out, " | %s |", rpt_number(winner->rank.summary.median / 1e3, 4, number));
    fprintf(out, " %s |", rpt_number(winner->gmacs, 3, number));
    if (winner->peak_share > 0)
        fprintf(out, " %.0f %% |", 100 * winner->peak_share);
    else
        fputs(" - |", out);
    put_speedup(rpt_speedup(layer, RPT_DEFAULT), out);
    put_speedup(rpt_speedup(layer, RPT_PORTABLE), out);
    fprintf(out, " %zu |\n", layer->tied);
}

static void say_energy(const char *sentence, int is_known, void *user)
{
    FILE *out = user;
    (void)is_known;
    fputs("- ", out);
    put(out, sentence);
    fputs(".\n", out);
}

static void put_winners(const struct rpt_run *run, const struct rpt_digest *d, FILE *out)
{
    char number[RPT_NUMBER_MAX], words[RPT_PROOF_WORDS_MAX];
    fputs("## Winners\n\n"
          "| # | layer | problem | winner | median µs | GMAC/s | of peak | against the default "
          "(95 %) | against portable C (95 %) | tied |\n"
          "|--:|---|---|---|--:|--:|--:|--:|--:|--:|\n",
          out);
    for (size_t l = 0; l < run->layer_count; l++)
        put_winner(run, l, out);
    fputc('\n', out);
    for (int b = 0; b < RPT_BASELINE_COUNT; b++) {
        if (!d->geomean_layers[b])
            continue;
        fprintf(out, "- Geometric mean against %s: %s×, %s; least: ", rpt_baseline_titles[b],
                rpt_number(d->geomean[b], 3, number),
                rpt_verdict_words(d, (enum rpt_baseline)b, words));
        put(out, rpt_layer_name(d->least[b]));
        fprintf(out, ", %s×\n",
                rpt_number(rpt_speedup(d->least[b], (enum rpt_baseline)b).factor, 3, number));
    }
    rpt_energy(run, say_energy, out);
    fputs("\nAgainst = time of the baseline / time of the winner, paired by round. Tied = variants "
          "that cannot be told from the fastest.\n\n",
          out);
}

/* What was counted or predicted; or one packing for the cores of the sweep. */
static int put_sheet(const struct rpt_run *run, int is_pair, FILE *out)
{
    struct rpt_sheet sheet;
    int result = is_pair ? rpt_pair_sheet(run->pair, &sheet) : rpt_sheet_init(run, &sheet);
    if (result > 0) {
        fprintf(out, "## %s\n\n|", sheet.title);
        for (size_t c = 0; c < sheet.columns; c++)
            fprintf(out, " %s |", sheet.headings[c]);
        fputs("\n|", out);
        for (size_t c = 0; c < sheet.columns; c++)
            fputs(c && c < sheet.text_columns ? "---|" : "--:|", out);
        for (size_t i = 0; i < sheet.rows * sheet.columns; i++) {
            fputs(i % sheet.columns ? " " : "\n| ", out);
            put(out, sheet.cells[i]);
            fputs(" |", out);
        }
        fputs("\n\n", out);
        for (size_t i = 0; i < sheet.note_count; i++)
            fprintf(out, "- %s\n", sheet.notes[i]);
        fputc('\n', out);
    }
    rpt_sheet_clear(&sheet);
    return result < 0 ? result : 0;
}

static void put_proofs(const struct rpt_digest *d, FILE *out)
{
    fputs("## Proved and failed\n\n| ISA | proved |", out);
    for (int o = HRN_OK + 1; o < HRN_OUTCOME_COUNT; o++)
        fprintf(out, " %s |", hrn_outcome_names[o]);
    fputs("\n|---|--:|", out);
    for (int o = HRN_OK + 1; o < HRN_OUTCOME_COUNT; o++)
        fputs("--:|", out);
    fputc('\n', out);
    for (size_t i = 0; i < d->isa_count; i++) {
        fputs("| ", out);
        put(out, d->isas[i].isa);
        fprintf(out, " | %zu |", d->isas[i].fates[RPT_PROVED] + d->isas[i].fates[RPT_VOID]);
        for (int o = HRN_OK + 1; o < HRN_OUTCOME_COUNT; o++)
            fprintf(out, " %zu |", d->isas[i].outcomes[o]);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void put_failures(const struct rpt_run *run, FILE *out)
{
    char signal[RPT_NUMBER_MAX];
    fputs("## Failures\n\n| layer | variant | outcome | stage | signal | detail "
          "|\n|---|---|---|---|---|---|\n",
          out);
    for (size_t l = 0; l < run->layer_count; l++)
        for (size_t i = 0; i < run->layers[l].count; i++) {
            const struct rpt_candidate *c = &run->layers[l].candidates[i];
            if (rpt_fate(c) != RPT_FAILED)
                continue;
            fputs("| ", out);
            put(out, rpt_layer_name(&run->layers[l]));
            fputs(" | ", out);
            put_code(out, c->variant);
            fprintf(out, " | %s | %s | %s | ", hrn_outcome_names[c->outcome],
                    hrn_stage_names[c->stage], rpt_signal(c->signal, signal));
            put(out, c->detail);
            fputs(" |\n", out);
        }
}

int rpt_markdown(const struct rpt_run *run, FILE *out)
{
    struct rpt_digest digest;
    int result = rpt_digest_init(run, &digest);
    if (result != 0)
        return result;
    put_summary(run, &digest, out);
    if (rpt_run_timed(run))
        put_winners(run, &digest, out);
    else
        result = put_sheet(run, 0, out);
    if (result == 0 && run->pair)
        result = put_sheet(run, 1, out);
    if (run->evidence != HRN_PREDICTED)
        put_proofs(&digest, out);
    if (digest.fates[RPT_FAILED])
        put_failures(run, out);
    rpt_digest_clear(&digest);
    return result != 0 ? result : rpt_stream_end(out);
}
