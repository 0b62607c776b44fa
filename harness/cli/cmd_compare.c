#include "harness/cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/cli/asked.h"
#include "harness/cli/cli_int.h"
#include "harness/cli/sides.h"

#define P_DOUBT 0.05 /* a second opinion above it disagrees with "faster" and "slower" */

struct arguments {
    const char *db, *variant;
    struct cli_list problems;
    long long run_id;
    int relative, json;
};

struct work {
    struct arguments a;
    struct cli_side sides[2];
    struct cli_asked asked;
    struct rpt_comparison result;
};

/* One command line is parsed per process: the option table points into this. */
static struct arguments typed;

static const char description[] =
    "Says whether B is slower than A, layer by layer, and fails if it is: for a script that guards "
    "against regressions, and for anybody who wonders whether a gain is one.\n\n"
    "A and B are two variants of one run, or two runs: run:3, last, device:adb:SERIAL or "
    "date:2026-01-31 (the newest run of the device, or up to that day), or a database (its newest "
    "run). Each may end in @FILE, which names a database other than --db. Of a run the winner of "
    "each layer is taken, or --variant.\n\n"
    "Within one run the samples pair by round, which takes the drift of the machine out. Across "
    "runs nothing pairs, and a machine that was slower the second time makes everything slower; "
    "--relative takes each side relative to the default variant in its own rounds instead. The "
    "measured peaks of both runs are printed where they differ: they tell the machine from the "
    "kernels.\n\n"
    "Printed is the time of B / the time of A with its 95 % bootstrap interval. Faster or slower: "
    "the whole interval lies beyond the noise band of the layer (the baseline against itself, at "
    "least 1 %), and still does so after Holm's adjustment for the number of layers. Tie: wholly "
    "within. Else undecided: more --rounds would tell.\n\n"
    "Exit code 1: B is slower on at least one layer. 0: it is not. 2: there is nothing to "
    "compare.";

static const char examples[] =
    "  quern compare run:3 run:5\n"
    "  quern compare date:2026-01-31 last --relative\n"
    "  quern compare last@before.db last@after.db --variant avx2_igemm_m4n16k2u1a0b0l128s0\n"
    "  quern compare avx2_igemm_m4n16k2u1a0b0l128s0 avx2_igemm_m6n16k2u1a0b0l128s0\n"
    "  quern compare before.db after.db --json\n";

static const struct cli_option option_table[] = {
    { 0, "db", CLI_STRING, "FILE",
      "The database of a side that names none; $QUERN_DB or quern-out/quern.db by default.",
      &typed.db },
    { 'p', "problem", CLI_LIST, "PROBLEM", "Only this layer. May be repeated.", &typed.problems },
    { 'r', "run", CLI_INT, "ID", "The run of variants; the newest by default.", &typed.run_id },
    { 0, "variant", CLI_STRING, "NAME", "Of two runs compare this variant, not the winners.",
      &typed.variant },
    { 0, "relative", CLI_FLAG, NULL,
      "Across runs: each relative to the default variant in its own rounds.", &typed.relative },
    { 0, "json", CLI_FLAG, NULL, "Print the result as JSON.", &typed.json },
};

/* ---- what is asked for */

static int open_sides(struct work *w, const struct cli_list *operands)
{
    int rc = CLI_OK;
    for (int i = 0; i < 2 && !rc; i++)
        rc = cli_side_open(operands->items[i], w->a.db, w->a.run_id, &w->sides[i]);
    if (rc)
        return rc;
    if (w->sides[0].is_variant != w->sides[1].is_variant)
        return cli_fail(CLI_USAGE, "a variant and a run cannot be compared: name two variants, or "
                                   "two runs with --variant");
    if (w->a.variant && w->sides[0].is_variant)
        return cli_fail(CLI_USAGE, "--variant belongs to two runs; here both sides are variants");
    for (int i = 0; i < 2 && w->a.variant; i++)
        w->sides[i].of.variant = w->a.variant;
    return cli_sides_load(&w->sides[0], &w->sides[1]);
}

static int compare(struct work *w)
{
    const struct rpt_comparison *r = &w->result;
    if (rpt_compare(&w->sides[0].of, &w->sides[1].of, w->asked.list, w->asked.count, w->a.relative,
                    &w->result))
        return cli_fail(CLI_FAILED, "out of memory");
    if (r->count)
        return CLI_OK;
    return cli_fail(CLI_USAGE,
                    "nothing to compare: no layer has a time on both sides (%zu only in A, %zu "
                    "only in B)",
                    r->only_a, r->only_b);
}

/* ---- text */

static void print_side(const struct work *w, int side)
{
    const struct cli_side *s = &w->sides[side];
    const struct rpt_run *run = s->of.run;
    char date[32] = "unknown";
    time_t begin = (time_t)run->begin_unix_s;
    struct tm utc;
    if (gmtime_r(&begin, &utc))
        strftime(date, sizeof date, "%Y-%m-%d %H:%M", &utc);
    printf("%c  %s of run %lld in %s: %s UTC, %s, %s, %s\n", 'A' + side,
           s->of.variant ? s->of.variant : "winners", run->id, s->path, date, run->device_key,
           run->cpu, run->compiler);
}

/* Peaks that both runs measured and that differ by more than noise. */
static void print_peaks(const struct work *w)
{
    const struct rpt_run *a = w->sides[0].of.run, *b = w->sides[1].of.run;
    for (size_t i = 0; a != b && i < a->peak_count; i++)
        for (size_t k = 0; k < b->peak_count; k++) {
            double ratio = b->peaks[k].gmacs / a->peaks[i].gmacs;
            if (strcmp(a->peaks[i].isa, b->peaks[k].isa) || fabs(log(ratio)) < log1p(HRN_BAND_MIN))
                continue;
            printf("The machine itself: the measured peak of %s is %.4g GMAC/s in B, %.4g in A "
                   "(%.3fx)%s\n",
                   a->peaks[i].isa, b->peaks[k].gmacs, a->peaks[i].gmacs, ratio,
                   w->result.is_relative ? "" : "; --relative takes such a change out");
        }
}

static void print_rows(const struct work *w)
{
    static const char *const headings[] = { "layer", "problem",      "A",       "B",   "A us",
                                            "B us",  "B / A [95 %]", "verdict", "band" };
    struct cli_table *table = cli_table_new(headings, sizeof headings / sizeof *headings);
    for (size_t i = 0; i < w->result.count; i++) {
        const struct rpt_compared *row = &w->result.rows[i];
        int doubt =
            row->p > P_DOUBT && (row->of.verdict == HRN_FASTER || row->of.verdict == HRN_SLOWER);
        cli_table_cell(table, "%s", row->layer->title);
        cli_table_cell(table, "%s", row->layer->problem);
        cli_table_cell(table, "%s", row->a->variant);
        cli_table_cell(table, "%s",
                       strcmp(row->a->variant, row->b->variant) ? row->b->variant : "the same");
        cli_table_cell(table, "%.4g", row->a->rank.summary.median / 1e3);
        cli_table_cell(table, "%.4g", row->b->rank.summary.median / 1e3);
        if (isfinite(row->of.low))
            cli_table_cell(table, "%.3f [%.3f, %.3f]", row->of.ratio, row->of.low, row->of.high);
        else
            cli_table_cell(table, "%.3f [too few rounds]", row->of.ratio);
        cli_table_cell(table, "%s%s", hrn_verdict_names[row->of.verdict],
                       doubt ? " (ranks disagree)" : "");
        cli_table_cell(table, "%.1f %%", 100 * row->band);
    }
    cli_table_print(table, stdout);
}

static void print_sum(const struct work *w)
{
    const struct rpt_comparison *r = &w->result;
    const struct rpt_compared *worst = &r->rows[r->worst];
    printf("\nB is faster on %zu, slower on %zu, equal on %zu, undecided on %zu of %zu layer%s; "
           "geometric mean %.3f, worst %.3f on %s.\n",
           r->verdicts[HRN_FASTER], r->verdicts[HRN_SLOWER], r->verdicts[HRN_TIE],
           r->verdicts[HRN_UNDECIDED], r->count, r->count == 1 ? "" : "s", r->geomean,
           worst->of.ratio, worst->layer->title[0] ? worst->layer->title : worst->layer->problem);
    printf("Ratios are of times, %s.\n", r->is_paired ? "paired by round"
                                         : r->is_relative
                                             ? "each relative to the default of its own rounds"
                                             : "of medians: the runs share no rounds");
    if (r->only_a || r->only_b)
        printf("Left out: %zu layers that only A has timed, %zu that only B has.\n", r->only_a,
               r->only_b);
}

/* ---- JSON */

static void put_side(const struct cli_side *s)
{
    fputs("{\"db\": ", stdout);
    cli_json_string(stdout, s->path);
    printf(", \"run\": %lld, \"begin_unix_s\": %lld, \"device\": ", s->of.run->id,
           s->of.run->begin_unix_s);
    cli_json_string(stdout, s->of.run->device_key);
    fputs(", \"cpu\": ", stdout);
    cli_json_string(stdout, s->of.run->cpu);
    fputs("}", stdout);
}

static void put_row(const struct rpt_compared *row)
{
    fputs("{\"layer\": ", stdout);
    cli_json_string(stdout, row->layer->title);
    fputs(", \"problem\": ", stdout);
    cli_json_string(stdout, row->layer->problem);
    fputs(", \"a\": ", stdout);
    cli_json_string(stdout, row->a->variant);
    fputs(", \"b\": ", stdout);
    cli_json_string(stdout, row->b->variant);
    printf(", \"verdict\": \"%s\", \"pairs\": %zu", hrn_verdict_names[row->of.verdict],
           row->of.pairs);
    cli_json_member("a_ns", row->a->rank.summary.median);
    cli_json_member("b_ns", row->b->rank.summary.median);
    cli_json_member("ratio", row->of.ratio);
    cli_json_member("low", row->of.low);
    cli_json_member("high", row->of.high);
    cli_json_member("noise_band", row->band);
    cli_json_member("p_slower", row->of.p_slower);
    cli_json_member("p_faster", row->of.p_faster);
    cli_json_member("p_ranks", row->p);
    fputs("}", stdout);
}

static void print_json(const struct work *w)
{
    const struct rpt_comparison *r = &w->result;
    fputs("{\"a\": ", stdout);
    put_side(&w->sides[0]);
    fputs(",\n \"b\": ", stdout);
    put_side(&w->sides[1]);
    printf(",\n \"paired\": %s, \"relative\": %s, \"regressed\": %s, \"only_a\": %zu, \"only_b\": "
           "%zu",
           r->is_paired ? "true" : "false", r->is_relative ? "true" : "false",
           r->verdicts[HRN_SLOWER] ? "true" : "false", r->only_a, r->only_b);
    for (int v = 0; v < HRN_VERDICT_COUNT; v++)
        printf(", \"%s\": %zu", hrn_verdict_names[v], r->verdicts[v]);
    cli_json_member("geomean", r->geomean);
    cli_json_member("worst", r->rows[r->worst].of.ratio);
    fputs(",\n \"layers\": [", stdout);
    for (size_t i = 0; i < r->count; i++) {
        fputs(i ? ",\n  " : "\n  ", stdout);
        put_row(&r->rows[i]);
    }
    puts("]}");
}

static int work(struct work *w, const struct cli_list *operands)
{
    int rc = cli_asked_read(&w->a.problems, &w->asked);
    if (!rc)
        rc = open_sides(w, operands);
    if (!rc)
        rc = compare(w);
    if (rc)
        return rc;
    if (w->a.json) {
        print_json(w);
    } else {
        print_side(w, 0);
        print_side(w, 1);
        print_peaks(w);
        putchar('\n');
        print_rows(w);
        print_sum(w);
    }
    return w->result.verdicts[HRN_SLOWER] ? CLI_FAILED : CLI_OK;
}

int cmd_compare(int argc, char **argv)
{
    const struct cli_command command = {
        .name = "compare",
        .synopsis = "quern compare A B [--db=FILE] [--problem=P]... [--variant=NAME] [--relative] "
                    "[--json]",
        .description = description,
        .options = option_table,
        .option_count = sizeof option_table / sizeof *option_table,
        .examples = examples,
    };
    struct cli_list operands = { 0 };
    struct work w = { .asked = { 0 } };
    int rc = cli_parse(&command, argc, argv, &operands);
    if (rc)
        return rc - 1;
    w.a = typed;
    if (!w.a.db)
        w.a.db = cli_default_db();
    rc = operands.count == 2 ? work(&w, &operands)
                             : cli_fail(CLI_USAGE,
                                        "two sides are compared, and %zu were named; 'quern help "
                                        "compare' has the forms",
                                        operands.count);
    rpt_comparison_clear(&w.result);
    for (int i = 0; i < 2; i++)
        cli_side_close(&w.sides[i]);
    cli_asked_clear(&w.asked);
    cli_list_clear(&w.a.problems);
    cli_list_clear(&operands);
    return rc;
}
