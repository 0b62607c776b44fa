/* quern calibrate: thresholds of every tensor of a float model, from images. */
#include "harness/cli/cli.h"

#include <stdlib.h>
#include <string.h>

#include "harness/cli/model.h"

struct calibrate_options {
    struct cli_model_options model;
    struct cli_adjust_options adjust;
    struct cli_calibration_options images;
    const char *method, *format, *output;
    long long threads;
    int json, symmetric;
};

static void print_row(struct cli_table *table, const struct qnt_node *node,
                      const struct qnt_threshold *t, double absmax, int is_used)
{
    cli_table_cell(table, "%s", node->name);
    cli_table_cell(table, "%s", qnt_op_names[node->op]);
    cli_table_cell(table, "%.4g", absmax);
    cli_table_cell(table, "%.4g", (double)t->threshold);
    cli_table_cell(table, "%.3f", absmax > 0 ? (double)t->threshold / absmax : 1);
    cli_table_cell(table, "%s", qnt_methods[t->used].name);
    cli_table_cell(table, "%.4f", 100 * t->clipped);
    cli_table_cell(table, "%.4f", t->divergence);
    cli_table_cell(table, "%.2e", t->mse);
    cli_table_cell(table, "%.2f", t->best_mse > 0 ? t->mse / t->best_mse : 1);
    cli_table_cell(table, "%s",
                   !is_used          ? "(not used)"
                   : !t->suspicious  ? ""
                   : qnt_is_sound(t) ? "overruled"
                                     : "SUSPICIOUS");
}

static int print_table(const struct qnt_graph *graph, const struct qnt_calibration *c)
{
    static const char *const headings[] = { "tensor",    "operator", "absmax",    "threshold",
                                            "of absmax", "method",   "clipped %", "KL",
                                            "MSE",       "of least", "" };
    uint8_t *used = calloc((size_t)graph->count, 1);
    struct cli_table *table = cli_table_new(headings, sizeof(headings) / sizeof(headings[0]));

    if (!used || qnt_thresholds_used(graph, used) != 0) {
        free(used);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    for (int32_t i = 0; i < graph->count; i++)
        print_row(table, &graph->nodes[i], &c->tensors[i], (double)c->histograms[i].absmax,
                  used[i]);
    cli_table_print(table, stdout);
    printf(
        "\nfrom %zu image%s; a tensor that is (not used) has the scale of the one that reads it, "
        "or gives the scores\n",
        c->images, c->images == 1 ? "" : "s");
    free(used);
    return CLI_OK;
}

static int print_json(const struct qnt_graph *graph, const struct qnt_calibration *c)
{
    for (size_t i = 0; i < qnt_calibration_format_count; i++)
        if (strcmp(qnt_calibration_formats[i].name, "json") == 0)
            return qnt_calibration_formats[i].write(graph, c, stdout) == 0 ? CLI_OK : CLI_FAILED;
    return cli_fail(CLI_FAILED, "no format is called json");
}

static int check_format(const struct calibrate_options *o)
{
    const char *format = o->format;

    if ((o->adjust.equalise || o->adjust.correct_bias) && strcmp(format, "quern") != 0 &&
        strcmp(format, "json") != 0)
        return cli_fail(CLI_USAGE,
                        "--format=%s is for the model as its file has it; --equalise and "
                        "--correct-bias change it: use --format=quern",
                        format);
    for (size_t i = 0; i < qnt_calibration_format_count; i++)
        if (strcmp(qnt_calibration_formats[i].name, format) == 0)
            return CLI_OK;
    return cli_fail(CLI_USAGE, "no format is called '%s'; 'quern calibrate --help' names them",
                    format);
}

static int finish(const struct calibrate_options *o, const struct qnt_graph *graph,
                  const struct qnt_calibration *c)
{
    struct qnt_error error = { "" };
    int result = 0;

    int code = o->json ? print_json(graph, c) : print_table(graph, c);
    cli_warn_thresholds(graph, c, o->method);
    if (code == CLI_OK && o->output)
        result = qnt_calibration_save(graph, c, o->format, o->output, &error);
    if (result != 0)
        return cli_quant_fail(result, &error);
    if (code == CLI_OK && o->output && !o->json)
        printf("wrote %s (%s)\n", o->output, o->format);
    return code;
}

static int run(const struct calibrate_options *o, const char *model)
{
    struct qnt_graph graph = { 0 };
    struct qnt_calibration calibration = { 0 };
    struct qnt_adjustment *adjustments = NULL;
    int method = cli_method(o->method);

    if (method < 0)
        return CLI_USAGE;
    const struct qnt_calibrate_options options = { .count = (size_t)o->images.count,
                                                   .method = (enum qnt_method)method,
                                                   .symmetric = o->symmetric,
                                                   .threads = (int)o->threads };
    int code = check_format(o);
    if (code == CLI_OK)
        code = cli_calibration_check(&o->images);
    if (code == CLI_OK && (o->threads < 1 || o->threads > 64))
        code = cli_fail(CLI_USAGE, "--threads=%lld: 1 to 64", o->threads);
    if (code == CLI_OK)
        code = cli_model_open(model, &o->model, &graph);
    if (code == CLI_OK) {
        cli_catch_interrupt();
        code = cli_model_adjust(&graph, o->images.images, options.count, &o->adjust, &adjustments);
    }
    if (code == CLI_OK) {
        code = cli_model_calibrate(&graph, o->images.images, options, &calibration);
        calibration.adjustments = adjustments;
        calibration.count = graph.count;
    }
    if (code == CLI_OK)
        code = finish(o, &graph, &calibration);
    qnt_calibration_clear(&calibration);
    qnt_graph_free(&graph);
    return code;
}

static const char description[] =
    "Runs images through the float model twice, collects a histogram of the magnitudes of every "
    "tensor (zeros left out: they quantise without error), and chooses the magnitude that the "
    "largest byte will stand for. Memory does not depend on the number of images.\n\n"
    "Methods: auto, the default, takes for each tensor whichever of the others loses least on "
    "every "
    "fifth image, which it has not seen; max "
    "clips nothing; percentile and percentile-99.999 clip 0.01 and 0.001 % of the values; mse has "
    "the least squared error over the histogram; kl is the method that NVIDIA describes; kl-ncnn "
    "is that of ncnn2table, threshold for threshold, and aciq its method of that name.\n\n"
    "KL looks at the shape of a distribution alone. On one with a spike, such as images with a "
    "uniform background, it puts the threshold on the spike and clips everything brighter. So kl "
    "only chooses among sound thresholds, which clip at most 1 % of the values and make at most "
    "4 times the least squared error; where that overrules it, the table says so. kl-ncnn and aciq "
    "are kept as they are, and marked SUSPICIOUS where they are unsound.\n\n"
    "--equalise and --correct-bias change the model before it is calibrated; the file says how, "
    "and "
    "'quern quantize' does the same.\n\n"
    "Without MODEL, the model that comes with Quern.";

int cmd_calibrate(int argc, char **argv)
{
    struct calibrate_options o = { .method = "auto", .format = "quern", .threads = 1 };
    const struct cli_option options[] = {
        CLI_CALIBRATION_OPTIONS(
            o.images, 'i', 'n', "",
            "Images: a folder of JPEG, PNG, PPM or PGM files, or a list of such files (a path in "
            "each line), perhaps with ':LABELS' (lines PATH, tab, class); fashion-mnist:train or "
            "fashion-mnist:test (with ':FOLDER' if they are not where Debian's package puts them); "
            "or idx:IMAGES[:LABELS]. Pictures are stretched to the size that the model takes. The "
            "default is the training part of what the model says it is about."),
        { 'm', "method", CLI_STRING, "METHOD", "See above; the default is auto.", &o.method },
        { 'o', "output", CLI_STRING, "FILE", "Writes the thresholds to a file.", &o.output },
        { 'f', "format", CLI_STRING, "FORMAT",
          "Of that file: quern (the default), which 'quern quantize' reads; ncnn, a .table for "
          "ncnn2int8; tensorrt, a calibration cache; or json.",
          &o.format },
        CLI_SYMMETRIC_OPTION(o.symmetric),
        CLI_ADJUST_OPTIONS(o.adjust),
        { 't', "threads", CLI_INT, "N", "Images that run at a time. The default is 1.",
          &o.threads },
        CLI_MODEL_OPTIONS(o.model),
        CLI_JSON_OPTION(o.json),
    };
    const struct cli_command command = {
        .name = "calibrate",
        .synopsis =
            "quern calibrate [MODEL] [--images=SPEC] [--count=N] [--method=METHOD] [OPTION]...",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern calibrate\n"
                    "quern calibrate --method=kl-ncnn --format=ncnn -o fashion.table\n"
                    "quern calibrate net.param --images=photos --shape=227x227x3 --pixel=BGR "
                    "-o net.cal",
    };
    const char *model;
    int code = cli_parse_one(&command, argc, argv, "model", &model);
    if (code)
        return code - 1;
    code = run(&o, model);
    cli_list_clear(&o.model.outputs);
    return code;
}
