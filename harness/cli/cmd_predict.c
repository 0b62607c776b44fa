/* quern predict: cycles of variants on cores that are not at hand, by a static model. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/look.h"
#include "harness/cli/ranking.h"
#include "harness/model/predict.h"

struct work {
    const char *core_name, *by;
    struct cli_look look;
    long long top;
    int json, quiet;
    const struct var_core *core;
    const struct var_core_alias *alias;
    struct hrn_prediction **predictions;
    char err[600];
};

static struct cli_progress progress;

static void show_progress(size_t done, size_t total, const char *note)
{
    cli_progress_step(&progress, done, total, note);
}

/* ---- results, the fastest first */

static double loop_rate(const struct hrn_prediction *p)
{
    return p->loop_cycles > 0 ? p->loop_macs / p->loop_cycles : 0;
}

static double tile_rate(const struct hrn_prediction *p)
{
    return p->tile_cycles > 0 ? p->tile_macs / p->tile_cycles : 0;
}

static double layer_rate(const struct hrn_prediction *p)
{
    return p->cycles > 0 ? 1 / p->cycles : 0;
}

/* What --by may name. */
static const struct {
    const char *name;
    double (*rate)(const struct hrn_prediction *);
} orders[] = { { "layer", layer_rate }, { "loop", loop_rate }, { "tile", tile_rate } };
static double (*order)(const struct hrn_prediction *);

static int by_rate(const void *user, size_t layer, size_t a, size_t b)
{
    const struct work *w = user;
    const struct hrn_prediction *x = &w->predictions[layer][a], *y = &w->predictions[layer][b];
    if (x->outcome != y->outcome)
        return x->outcome > y->outcome ? 1 : -1;
    double p = order(x), q = order(y);
    return p > q ? -1 : p < q ? 1 : 0;
}

static void rate_cells(struct cli_table *table, double rate, double peak)
{
    if (rate <= 0) {
        cli_table_cell(table, "-");
        cli_table_cell(table, "-");
        return;
    }
    cli_table_cell(table, "%.2f", rate);
    cli_table_cell(table, "%.1f", 100 * rate / peak);
}

static void print_row(const void *user, size_t layer, size_t variant, struct cli_table *table)
{
    const struct work *w = user;
    const struct hrn_prediction *p = &w->predictions[layer][variant];
    const struct hrn_plan_layer *of = &w->look.plan.layers[layer];
    double peak = w->core->peak[of->variants[variant].isa];
    if (p->outcome != HRN_OK) {
        cli_table_cell(table, "%s", hrn_outcome_names[p->outcome]);
        for (int i = 0; i < 8; i++)
            cli_table_cell(table, "-");
        return;
    }
    cli_table_cell(table, "%.0f", p->cycles);
    cli_table_cell(table, "%.1f", 100 * p->driver_cycles / p->cycles);
    rate_cells(table, (double)krn_problem_macs(&of->layer->problem) / p->cycles, peak);
    cli_table_cell(table, "%.1f", p->tile_cycles);
    rate_cells(table, tile_rate(p), peak);
    rate_cells(table, loop_rate(p), peak);
}

static void print_heading(const struct work *w)
{
    printf("PREDICTED for %s", w->core_name);
    if (w->alias)
        printf(" as %s (%s)", w->core->name, w->alias->why);
    printf(" by %s; not measured, not proved\n",
           w->core->llvm_cpu ? "llvm-mca" : "Quern's model of in-order cores");
}

static void print_refusals(const struct work *w)
{
    size_t refused = 0;
    const struct hrn_prediction *first = NULL;
    for (size_t l = 0; l < w->look.plan.count; l++)
        for (size_t i = 0; i < w->look.plan.layers[l].count; i++)
            if (w->predictions[l][i].outcome != HRN_OK) {
                first = first ? first : &w->predictions[l][i];
                refused++;
            }
    if (refused)
        printf("%zu without a prediction; the first: %s\n", refused, first->detail);
}

static void print_variant_json(const void *user, size_t layer, size_t variant)
{
    const struct work *w = user;
    const struct hrn_prediction *p = &w->predictions[layer][variant];
    printf(", \"outcome\": \"%s\"", hrn_outcome_names[p->outcome]);
    if (p->outcome == HRN_OK) {
        printf(", \"cycles\": %.1f, \"driver_cycles\": %.1f, \"tile_cycles\": %.2f, "
               "\"tile_macs\": %.1f, \"loop_cycles\": %.3f, \"loop_macs\": %.0f, "
               "\"peak_macs_per_cycle\": %.3f",
               p->cycles, p->driver_cycles, p->tile_cycles, p->tile_macs, p->loop_cycles,
               p->loop_macs, w->core->peak[w->look.plan.layers[layer].variants[variant].isa]);
    } else {
        fputs(", \"detail\": ", stdout);
        cli_json_string(stdout, p->detail);
    }
}

static struct cli_ranking ranking_of(const struct work *w)
{
    return (struct cli_ranking) { .plan = &w->look.plan,
                                  .top = w->top,
                                  .user = w,
                                  .compare = by_rate,
                                  .row = print_row,
                                  .members = print_variant_json };
}

static void print_text(const struct work *w)
{
    static const char *const headings[] = { "layer",     "variant",        "cycles",   "driver %",
                                            "MAC/cycle", "% of peak",      "tile",     "MAC/cycle",
                                            "% of peak", "loop MAC/cycle", "% of peak" };
    const struct cli_ranking ranking = ranking_of(w);
    struct cli_table *table = cli_table_new(headings, sizeof headings / sizeof *headings);
    print_heading(w);
    cli_ranking_rows(&ranking, table);
    cli_table_print(table, stdout);
    print_refusals(w);
}

static void print_json(const struct work *w)
{
    const struct cli_ranking ranking = ranking_of(w);
    printf("{\n  \"core\": \"%s\",\n  \"model\": \"%s\",\n  \"evidence\": \"predicted\",\n",
           w->core_name, w->core->name);
    cli_ranking_json(&ranking);
    fputs("\n}\n", stdout);
}

/* ---- */

static int predict(struct work *w)
{
    const struct hrn_predict_options options = { .core = w->core,
                                                 .stop = &cli_stop,
                                                 .progress = w->quiet ? NULL : show_progress };
    cli_catch_interrupt();
    if (!w->quiet)
        cli_progress_begin(&progress, "predict");
    int rc = hrn_predict_plan(&w->look.plan, &options, &w->predictions, w->err, sizeof w->err);
    if (!w->quiet)
        cli_progress_end(&progress);
    if (rc == -EINTR)
        return CLI_INTERRUPTED;
    if (rc)
        return cli_fail(rc == -ENOENT ? CLI_DEVICE : CLI_FAILED, "%s", w->err);
    (w->json ? print_json : print_text)(w);
    return CLI_OK;
}

static int find_core(struct work *w)
{
    char known[400] = "";
    const char *name = w->core_name;
    if (!strncmp(name, "model:", 6))
        name += 6;
    w->core = var_core_find(name, &w->alias);
    w->core_name = name;
    for (size_t i = 0; !w->core && i < var_core_count; i++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", i ? ", " : "",
                 var_cores[i].name);
    return w->core ? CLI_OK
                   : cli_fail(CLI_USAGE,
                              "there is no model of '%s'; there are %s, and cores like "
                              "them ('quern devices' lists all)",
                              name, known);
}

static int run(struct work *w)
{
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++)
        if (!strcmp(orders[i].name, w->by))
            order = orders[i].rate;
    if (!order)
        return cli_fail(CLI_USAGE, "--by is layer, loop or tile, not '%s'", w->by);
    if (w->top < 0)
        return cli_fail(CLI_USAGE, "--top goes from 0");
    int rc = find_core(w);
    if (!rc)
        rc = cli_look_plan(&w->look, w->core_name,
                           w->alias && w->alias->isas ? w->alias->isas : w->core->isas, w->core);
    return rc ? rc : predict(w);
}

int cmd_predict(int argc, char **argv)
{
    static struct work w = { .core_name = "cortex-a55", .by = "layer", .top = 1 };
    const struct cli_option options[] = {
        { 'd', "device", CLI_STRING, "CORE", "The core, such as neoverse-n1. Default: cortex-a55.",
          &w.core_name },
        CLI_LOOK_OPTIONS(w.look),
        { 't', "top", CLI_INT, "N", "Shows the N best variants of a layer; 0 = all. Default: 1.",
          &w.top },
        { 0, "by", CLI_STRING, "WHAT",
          "Best by MAC per cycle of the layer, of the inner loop or of the tile: layer, loop, "
          "tile. Default: layer.",
          &w.by },
        { 0, "json", CLI_FLAG, NULL, "Writes JSON.", &w.json },
        { 'q', "quiet", CLI_FLAG, NULL, "No progress.", &w.quiet },
    };
    const struct cli_command command = {
        .name = "predict",
        .synopsis = "quern predict (--problem=P | --batch=FILE | --network=NAME)... [OPTION]... "
                    "[VARIANT]...",
        .description =
            "Predicts cycles on a core that is not at hand: of the layer, of the call that does "
            "most of the work (tiles with prologue and requantisation), and of its inner loop. "
            "Out-of-order cores are llvm-mca's to predict, cortex-a53, a55 and a510 have a model "
            "of Quern's own. Everything is taken to be in the first-level cache. Cycles of the "
            "layer are all calls of the micro-kernel, and what its driver does between them: "
            "packing, copies and Winograd's transforms, estimated from counts in emulation at the "
            "core's rate of compiled code (column: their share)."
            "\n\nPredictions are no measurements and never stand beside them. Nothing is proved "
            "or stored here; 'quern sweep -d model:CORE' stores.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .examples = "quern predict -d cortex-a55 -p ic64ih56oc64kh3ph1 -t 5\n"
                    "quern predict -d neoverse-n1 -p ic64ih56oc64kh1 --by tile\n"
                    "quern predict -d neoverse-n2 --isa i8mm -p ic512ih14oc512kh1 --by loop",
    };
    int code = cli_parse(&command, argc, argv, &w.look.names);
    if (code)
        return code - 1;
    code = run(&w);
    hrn_predictions_free(w.predictions, w.look.plan.count);
    cli_look_clear(&w.look);
    return code;
}
