/* quern accuracy: float against int8, layer by layer, and what would help. */
#include "harness/cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/cli_int.h"
#include "harness/cli/model.h"
#include "reports/curves.h"

struct accuracy_options {
    struct cli_model_options model;
    struct cli_adjust_options adjust;
    const char *images, *calibration, *method, *plot;
    long long count, calibration_count, layer_images, keep, label_offset, threads;
    int json, symmetric, residual_16;
};

/* Rows of the first table: the methods, then one more for each change that an option asks for. */
enum { CHANGES_MAX = 4, ROWS_MAX = QNT_METHOD_COUNT + CHANGES_MAX };
enum { KEEP_MAX = 32, PLOTS_MAX = 6 };

struct row {
    char label[64];
    size_t warnings;
    struct qnt_accuracy accuracy;
};

struct work {
    const struct accuracy_options *o;
    struct qnt_quantise_options quantise;
    struct qnt_graph graph;
    struct qnt_calibration calibration; /* of the method asked for */
    struct qnt_dataset *set;
    size_t layer_images, stride;
    /* results */
    struct row rows[ROWS_MAX];
    size_t row_count;
    struct qnt_network *networks[ROWS_MAX];
    struct qnt_exec *execs[ROWS_MAX];
    int method;
    struct qnt_loss *losses;
    size_t loss_count;
    double all_db;
    struct qnt_accuracy kept[KEEP_MAX + 1];
    size_t keep;
};

/* ---- Measuring */

static struct qnt_calibrate_options calibrate_options(const struct work *w)
{
    return (struct qnt_calibrate_options) { .count = (size_t)w->o->calibration_count,
                                            .method = (enum qnt_method)w->method,
                                            .symmetric = w->o->symmetric,
                                            .threads = (int)w->o->threads };
}

static size_t count_unsound(const struct qnt_calibration *c)
{
    size_t count = 0;

    for (int32_t i = 0; i < c->count; i++)
        count += !qnt_is_sound(&c->tensors[i]);
    return count;
}

static int add_row(struct work *w, const struct qnt_graph *graph, const struct qnt_calibration *c,
                   int residual_16, const char *label)
{
    const struct qnt_quantise_options options = { .symmetric = w->o->symmetric,
                                                  .residual_16 = residual_16 };
    const size_t i = w->row_count++;
    struct qnt_error error = { "" };

    snprintf(w->rows[i].label, sizeof(w->rows[i].label), "%s", label);
    w->rows[i].warnings = count_unsound(c);
    int result = qnt_quantise(graph, c, &options, &w->networks[i], &error);
    if (result == 0)
        result = qnt_exec_open(w->networks[i], NULL, NULL, &w->execs[i], &error);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

static int add_methods(struct work *w)
{
    int code = CLI_OK;

    for (int m = 0; m < QNT_METHOD_COUNT && code == CLI_OK; m++) {
        struct qnt_calibration c = { 0 };
        struct qnt_error error = { "" };
        int result =
            qnt_calibration_with(&w->graph, &w->calibration, (enum qnt_method)m, &c, &error);
        code = result == 0 ? add_row(w, &w->graph, &c, 0, qnt_methods[m].name)
                           : cli_quant_fail(result, &error);
        qnt_calibration_clear(&c);
    }
    return code;
}

struct change {
    const char *label;
    struct cli_adjust_options adjust;
    int residual_16;
};

/* A copy of the model, changed, calibrated anew. */
static int add_change(struct work *w, const struct change *change)
{
    const size_t count = (size_t)w->o->calibration_count;
    const struct qnt_calibrate_options calibrate = calibrate_options(w);
    struct qnt_graph graph;
    struct qnt_calibration c = { 0 };
    struct qnt_adjustment *adjustments = NULL;
    char full[64];

    if (qnt_graph_copy(&w->graph, &graph) != 0)
        return cli_fail(CLI_FAILED, "out of memory");
    snprintf(full, sizeof(full), "%s, %s", qnt_methods[w->method].name, change->label);
    int code = cli_model_adjust(&graph, w->o->calibration, count, &change->adjust, &adjustments);
    if (code == CLI_OK)
        code = cli_model_calibrate(&graph, w->o->calibration, calibrate, &c);
    if (code == CLI_OK)
        code = add_row(w, &graph, &c, change->residual_16, full);
    qnt_adjustments_free(adjustments, graph.count);
    qnt_calibration_clear(&c);
    qnt_graph_free(&graph);
    return code;
}

/* Each change that is asked for by itself, then all of them. */
static int add_changes(struct work *w)
{
    const int equalise = w->o->adjust.equalise, correct_bias = w->o->adjust.correct_bias;
    const int residual_16 = w->o->residual_16;
    const struct change changes[CHANGES_MAX] = {
        { "equalised", { .equalise = equalise }, 0 },
        { "bias corrected", { .correct_bias = correct_bias }, 0 },
        { "residual 16 bits", { 0 }, residual_16 },
        { "all of these", w->o->adjust, residual_16 },
    };
    const int asked[] = { equalise, correct_bias, residual_16,
                          equalise + correct_bias + residual_16 > 1 };
    int code = CLI_OK;

    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]) && code == CLI_OK; i++)
        if (asked[i])
            code = add_change(w, &changes[i]);
    return code;
}

/* All rows on the same images, against the model as it was. */
static int run_rows(struct work *w)
{
    struct qnt_accuracy accuracy[ROWS_MAX];
    struct cli_progress progress;
    struct qnt_error error = { "" };
    const size_t have = qnt_dataset_count(w->set);
    const size_t images = w->o->count > 0 ? (size_t)w->o->count : have;
    int code = add_methods(w);

    if (code == CLI_OK)
        code = add_changes(w);
    if (code != CLI_OK)
        return code;
    cli_progress_begin(&progress, "accuracy");
    int result = qnt_accuracy(&w->graph, w->execs, w->row_count, w->set, images, cli_quant_progress,
                              &progress, accuracy, &error);
    cli_progress_end(&progress);
    for (size_t i = 0; i < w->row_count; i++)
        w->rows[i].accuracy = accuracy[i];
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

static int run_layers(struct work *w)
{
    struct cli_progress progress;
    struct qnt_error error = { "" };

    w->losses = calloc((size_t)w->graph.count, sizeof(*w->losses));
    if (!w->losses)
        return cli_fail(CLI_FAILED, "out of memory");
    cli_progress_begin(&progress, "layers");
    int result =
        qnt_losses(&w->graph, &w->calibration, &w->quantise, w->set, w->layer_images, w->stride,
                   cli_quant_progress, &progress, w->losses, &w->loss_count, &w->all_db, &error);
    cli_progress_end(&progress);
    w->keep = w->keep < w->loss_count ? w->keep : w->loss_count;
    if (result == 0)
        result = qnt_losses_kept(&w->graph, &w->calibration, &w->quantise, w->set, w->layer_images,
                                 w->stride, w->losses, w->keep, cli_quant_progress, &progress,
                                 w->kept, &error);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

/* ---- Printing */

static double percent(size_t part, size_t images)
{
    return images ? 100.0 * (double)part / (double)images : 0;
}

/* Of images without classes no answer is right or wrong. */
static void cell_top(const struct work *w, struct cli_table *t, size_t right)
{
    if (qnt_dataset_label(w->set, 0) < 0)
        cli_table_cell(t, "%s", "-");
    else
        cli_table_cell(t, "%.2f", percent(right, w->rows[0].accuracy.images));
}

static void print_methods(const struct work *w)
{
    static const char *const headings[] = { "",        "top-1 %", "top-5 %", "agree %",
                                            "SQNR dB", "cosine",  "" };
    const struct qnt_accuracy *first = &w->rows[0].accuracy;
    struct cli_table *t = cli_table_new(headings, 7);

    cli_table_cell(t, "fp32");
    cell_top(w, t, first->float_top1);
    cell_top(w, t, first->float_top5);
    for (int i = 0; i < 4; i++)
        cli_table_cell(t, "%s", "");
    for (size_t i = 0; i < w->row_count; i++) {
        const struct qnt_accuracy *a = &w->rows[i].accuracy;
        cli_table_cell(t, "int8 %s", w->rows[i].label);
        cell_top(w, t, a->int8_top1);
        cell_top(w, t, a->int8_top5);
        cli_table_cell(t, "%.2f", percent(a->agree, a->images));
        cli_table_cell(t, "%.2f", a->sqnr_db);
        cli_table_cell(t, "%.5f", a->cosine);
        if (w->rows[i].warnings)
            cli_table_cell(t, "%zu threshold%s too much", w->rows[i].warnings,
                           w->rows[i].warnings == 1 ? " clips" : "s clip");
        else
            cli_table_cell(t, "%s", (int)i == w->method ? "<- the layers below" : "");
    }
    cli_table_print(t, stdout);
    printf("\n%zu images%s\n\n", first->images,
           qnt_dataset_label(w->set, 0) < 0 ? ", without classes" : "");
}

static void print_layers(const struct work *w)
{
    static const char *const headings[] = { "layer",         "operator",      "threshold", "method",
                                            "alone int8 dB", "all but it dB", "gain dB" };
    struct cli_table *t = cli_table_new(headings, 7);

    for (size_t k = 0; k < w->loss_count; k++) {
        const struct qnt_loss *l = &w->losses[k];
        const struct qnt_threshold *c = &w->calibration.tensors[l->node];
        cli_table_cell(t, "%s", w->graph.nodes[l->node].name);
        cli_table_cell(t, "%s", qnt_op_names[w->graph.nodes[l->node].op]);
        if (l->node == w->graph.output) { /* its sums are never rounded to bytes */
            cli_table_cell(t, "%s", "-");
            cli_table_cell(t, "%s", "");
        } else {
            cli_table_cell(t, "%.4g", (double)c->threshold);
            cli_table_cell(t, "%s", qnt_methods[c->used].name);
        }
        cli_table_cell(t, "%.2f", l->alone_db);
        cli_table_cell(t, "%.2f", l->without_db);
        cli_table_cell(t, "%+.2f", l->without_db - w->all_db);
    }
    cli_table_print(t, stdout);
    printf("\nSQNR of the scores of %zu images, in a float network whose layers round as int8 ones "
           "do:\nalone: this layer is int8, the others float; all but it: the other way round. All "
           "int8: %.2f dB.\n\n",
           w->layer_images, w->all_db);
}

static void print_kept(const struct work *w)
{
    static const char *const headings[] = { "kept in fp32", "SQNR dB", "agree %", "top-1 %" };
    struct cli_table *t = cli_table_new(headings, 4);

    for (size_t k = 0; k <= w->keep; k++) {
        const struct qnt_accuracy *a = &w->kept[k];
        if (k == 0)
            cli_table_cell(t, "%s", "nothing");
        else
            cli_table_cell(t, "+ %s", w->graph.nodes[w->losses[k - 1].node].name);
        cli_table_cell(t, "%.2f", a->sqnr_db);
        cli_table_cell(t, "%.2f", percent(a->agree, a->images));
        cli_table_cell(t, "%.2f", percent(a->int8_top1, a->images));
    }
    cli_table_print(t, stdout);
    printf("\nThe layers that hurt most, kept one after the other (on a host; int8 engines have no "
           "float islands).\n");
}

static void print_json_tops(const struct work *w, size_t top1, size_t top5)
{
    const size_t images = w->rows[0].accuracy.images;

    if (qnt_dataset_label(w->set, 0) < 0)
        printf(", \"top1\": null, \"top5\": null");
    else
        printf(", \"top1\": %.6g, \"top5\": %.6g", percent(top1, images), percent(top5, images));
}

static void print_json(const struct work *w)
{
    const struct qnt_accuracy *first = &w->rows[0].accuracy;

    printf("{\n  \"images\": %zu,\n  \"methods\": [\n    {\"name\": \"fp32\"", first->images);
    print_json_tops(w, first->float_top1, first->float_top5);
    putchar('}');
    for (size_t i = 0; i < w->row_count; i++) {
        const struct qnt_accuracy *a = &w->rows[i].accuracy;
        printf(",\n    {\"name\": \"%s\"", w->rows[i].label);
        print_json_tops(w, a->int8_top1, a->int8_top5);
        printf(", \"agree\": %.6g, \"sqnr_db\": %.6g, \"cosine\": %.8g, "
               "\"unsound_thresholds\": %zu}",
               percent(a->agree, a->images), a->sqnr_db, a->cosine, w->rows[i].warnings);
    }
    printf("\n  ],\n  \"method\": \"%s\",\n  \"layer_images\": %zu,\n  \"all_int8_db\": %.6g,\n"
           "  \"layers\": [",
           qnt_methods[w->method].name, w->layer_images, w->all_db);
    for (size_t k = 0; k < w->loss_count; k++) {
        printf("%s\n    {\"name\": ", k ? "," : "");
        cli_json_string(stdout, w->graph.nodes[w->losses[k].node].name);
        printf(", \"alone_db\": %.6g, \"without_db\": %.6g, \"threshold\": %.9g}",
               w->losses[k].alone_db, w->losses[k].without_db,
               (double)w->calibration.tensors[w->losses[k].node].threshold);
    }
    printf("\n  ],\n  \"kept\": [");
    for (size_t k = 0; k <= w->keep; k++)
        printf("%s\n    {\"layers\": %zu, \"sqnr_db\": %.6g, \"agree\": %.6g}", k ? "," : "", k,
               w->kept[k].sqnr_db, percent(w->kept[k].agree, w->kept[k].images));
    printf("\n  ]\n}\n");
}

/* ---- Histograms of the layers that hurt most, with their thresholds */

struct panel_data {
    double x[QNT_BINS], share[QNT_BINS], threshold[2];
    struct rpt_curve curves[2];
};

static void fill_panel(const struct qnt_histogram *h, double threshold, struct panel_data *out)
{
    static const double heights[2] = { -8, 0 };
    double counted = 0;

    for (int i = 0; i < QNT_BINS; i++)
        counted += (double)h->bin[i];
    for (int i = 0; i < QNT_BINS; i++) {
        out->x[i] = (double)h->absmax * i / QNT_BINS;
        out->share[i] = h->bin[i] ? log10((double)h->bin[i] / counted) : heights[0];
    }
    out->threshold[0] = out->threshold[1] = threshold;
    out->curves[0] = (struct rpt_curve) { "values", out->x, out->share, QNT_BINS };
    out->curves[1] = (struct rpt_curve) { "threshold", out->threshold, heights, 2 };
}

static int plot(const struct work *w)
{
    struct rpt_panel panels[PLOTS_MAX];
    struct panel_data *data = calloc(PLOTS_MAX, sizeof(*data));
    char err[400] = "";
    size_t count = 0;

    for (size_t k = 0; data && k < w->loss_count && count < PLOTS_MAX; k++) {
        const int32_t node = w->losses[k].node;
        if (!w->calibration.histograms[node].seen)
            continue;
        fill_panel(&w->calibration.histograms[node], (double)w->calibration.tensors[node].threshold,
                   &data[count]);
        panels[count] = (struct rpt_panel) { w->graph.nodes[node].name, data[count].curves, 2 };
        count++;
    }
    const struct rpt_curves all = { "magnitude", "log10 of the share", panels, count, 0, 1 };
    int result = data ? rpt_curves_draw(&all, w->o->plot, err, sizeof(err)) : -1;
    free(data);
    if (result != 0)
        return cli_fail(CLI_FAILED, "%s", *err ? err : "out of memory");
    fprintf(stderr, "quern: wrote %s\n", w->o->plot);
    return CLI_OK;
}

/* ---- The verb */

static int check_options(struct work *w)
{
    const struct accuracy_options *o = w->o;

    w->method = cli_method(o->method);
    if (w->method < 0)
        return CLI_USAGE;
    if (o->count < 0 || o->calibration_count < 0 || o->layer_images < 1 || o->keep < 0 ||
        o->keep > KEEP_MAX || o->threads < 1 || o->threads > 64)
        return cli_fail(CLI_USAGE,
                        "a count is negative, --layer-images is 0, --keep is more than "
                        "%d, or --threads is not 1 to 64",
                        KEEP_MAX);
    w->keep = (size_t)o->keep;
    w->quantise.symmetric = o->symmetric;
    return CLI_OK;
}

static int run(struct work *w, const char *model)
{
    int code = check_options(w);

    if (code == CLI_OK)
        code = cli_model_open(model, &w->o->model, &w->graph);
    if (code != CLI_OK)
        return code;
    const struct qnt_input input = qnt_graph_input(&w->graph);
    cli_catch_interrupt();
    code = cli_images_open(w->o->images, w->graph.dataset, "test", &input, &w->set);
    if (code == CLI_OK)
        code = cli_model_calibrate(&w->graph, w->o->calibration, calibrate_options(w),
                                   &w->calibration);
    if (code != CLI_OK)
        return code;
    qnt_dataset_shift_labels(w->set, (int)w->o->label_offset);
    const size_t have = qnt_dataset_count(w->set), wanted = (size_t)w->o->layer_images;
    w->layer_images = wanted < have ? wanted : have;
    w->stride = have / w->layer_images;
    code = run_rows(w);
    if (code == CLI_OK)
        code = run_layers(w);
    if (code == CLI_OK && w->o->json)
        print_json(w);
    if (code == CLI_OK && !w->o->json) {
        print_methods(w);
        print_layers(w);
        print_kept(w);
    }
    return code == CLI_OK && w->o->plot ? plot(w) : code;
}

static void clear(struct work *w)
{
    for (size_t i = 0; i < w->row_count; i++) {
        qnt_exec_close(w->execs[i]);
        qnt_network_free(w->networks[i]);
    }
    free(w->losses);
    qnt_dataset_close(w->set);
    qnt_calibration_clear(&w->calibration);
    qnt_graph_free(&w->graph);
}

static const char description[] =
    "Calibrates a float model, makes the int8 network of every method, and compares them with the "
    "float model on labelled images: top-1 and top-5, agreement (the same first class), SQNR and "
    "cosine of the scores, as means over images, before the softmax.\n\n"
    "--equalise, --correct-bias and --residual-16 add rows: what the method asked for gives with "
    "each of them, and with all that are asked for.\n\n"
    "Then the layers, those that hurt most first: the SQNR of the scores where one layer alone is "
    "int8, and where all but that one are; and what keeping the worst in float would give.\n\n"
    "Without MODEL, the model that comes with Quern.";

int cmd_accuracy(int argc, char **argv)
{
    struct accuracy_options o = { .method = "auto", .layer_images = 10, .keep = 5, .threads = 1 };
    const struct cli_option options[] = {
        { 'i', "images", CLI_STRING, "SPEC",
          "Labelled images, as in 'quern calibrate'. The default is the test part of what the "
          "model says it is about.",
          &o.images },
        { 'n', "count", CLI_INT, "N", "Only the first N of them.", &o.count },
        { 0, "label-offset", CLI_INT, "N",
          "Added to every label: 1 where the model counts a background as class 0.",
          &o.label_offset },
        { 0, "calibration-images", CLI_STRING, "SPEC",
          "Images to calibrate on. The default is the training part.", &o.calibration },
        { 0, "calibration-count", CLI_INT, "N",
          "How many of them. The default is all, at most 200.", &o.calibration_count },
        { 'm', "method", CLI_STRING, "METHOD", "Whose layers are looked at; the default is auto.",
          &o.method },
        { 0, "layer-images", CLI_INT, "N",
          "Images that the layers are tried on, spread over the set. The default is 10.",
          &o.layer_images },
        { 'k', "keep", CLI_INT, "N",
          "How many of the worst layers to keep in float at most. The "
          "default is 5.",
          &o.keep },
        { 0, "symmetric", CLI_FLAG, NULL, "No zero points, as other engines do it.", &o.symmetric },
        CLI_ADJUST_OPTIONS(o.adjust),
        CLI_RESIDUAL_OPTION(o.residual_16),
        { 't', "threads", CLI_INT, "N", "Of the calibration. The default is 1.", &o.threads },
        { 'p', "plot", CLI_STRING, "FILE",
          "Draws the histograms of the worst layers with their thresholds, by gnuplot, to FILE.svg "
          "or FILE.png.",
          &o.plot },
        CLI_MODEL_OPTIONS(o.model),
        { 0, "json", CLI_FLAG, NULL, "Prints JSON instead of tables.", &o.json },
    };
    const struct cli_command command = {
        .name = "accuracy",
        .synopsis = "quern accuracy [MODEL] [--images=SPEC] [--method=METHOD] [OPTION]...",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern accuracy --count=1000\n"
                    "quern accuracy net.param --shape=224x224x3 --images=eval:labels.tsv "
                    "--calibration-images=calib",
    };
    struct work work = { .o = &o };
    const char *model;
    int code = cli_parse_one(&command, argc, argv, "model", &model);
    if (code)
        return code - 1;
    code = run(&work, model);
    clear(&work);
    cli_list_clear(&o.model.outputs);
    return code;
}
