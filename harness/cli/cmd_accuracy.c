/* quern accuracy: float against int8, layer by layer, and what would help. */
#include "harness/cli/cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "harness/cli/accuracy.h"
#include "harness/cli/model.h"

struct accuracy_options {
    struct cli_model_options model;
    struct cli_adjust_options adjust;
    struct cli_evaluation_options images;
    struct cli_calibration_options calibration;
    struct cli_list thresholds, retrained; /* to be cleared */
    const char *method, *plot;
    long long layer_images, keep, threads;
    int json, symmetric, residual_16;
};

struct work {
    const struct accuracy_options *o;
    struct qnt_quantise_options quantise;
    struct qnt_dataset *set;
    size_t images, stride; /* that the rows run; between those that layers are tried on */
    struct qnt_network *networks[ACCURACY_ROWS_MAX];
    struct qnt_exec *execs[ACCURACY_ROWS_MAX];
    struct accuracy_result r;
};

/* ---- Measuring */

static struct qnt_calibrate_options calibrate_options(const struct work *w)
{
    return (struct qnt_calibrate_options) { .count = (size_t)w->o->calibration.count,
                                            .method = (enum qnt_method)w->r.method,
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
    const size_t i = w->r.row_count++;
    struct qnt_error error = { "" };

    snprintf(w->r.rows[i].label, sizeof(w->r.rows[i].label), "%s", label);
    w->r.rows[i].warnings = count_unsound(c);
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
            qnt_calibration_with(&w->r.graph, &w->r.calibration, (enum qnt_method)m, &c, &error);
        code = result == 0 ? add_row(w, &w->r.graph, &c, 0, qnt_methods[m].name)
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
    const size_t count = (size_t)w->o->calibration.count;
    const struct qnt_calibrate_options calibrate = calibrate_options(w);
    struct qnt_graph graph;
    struct qnt_calibration c = { 0 };
    struct qnt_adjustment *adjustments = NULL;
    char full[64];

    if (qnt_graph_copy(&w->r.graph, &graph) != 0)
        return cli_fail(CLI_FAILED, "out of memory");
    snprintf(full, sizeof(full), "%s, %s", qnt_methods[w->r.method].name, change->label);
    int code =
        cli_model_adjust(&graph, w->o->calibration.images, count, &change->adjust, &adjustments);
    if (code == CLI_OK)
        code = cli_model_calibrate(&graph, w->o->calibration.images, calibrate, &c);
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
    const struct change changes[ACCURACY_CHANGES_MAX] = {
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

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The thresholds of a file, whatever made them, on `graph`, which is changed. */
static int add_file(struct work *w, struct qnt_graph *graph, const char *path, const char *label)
{
    struct qnt_calibration c = { 0 };
    size_t warnings;

    int code = cli_model_read_thresholds(graph, path, &w->o->model, &c, &warnings);
    if (code == CLI_OK && memcmp(&graph->pixels, &w->r.graph.pixels, sizeof(graph->pixels)) != 0)
        code = cli_fail(CLI_FAILED,
                        "%s: was made of images with another --mean, --norm or --pixel than the "
                        "model takes here",
                        path);
    if (code == CLI_OK)
        code = add_row(w, graph, &c, 0, label);
    qnt_calibration_clear(&c);
    return code;
}

/* --calibration: this model by the thresholds of a file. */
static int add_thresholds(struct work *w, const char *path)
{
    struct qnt_graph graph;

    if (qnt_graph_copy(&w->r.graph, &graph) != 0)
        return cli_fail(CLI_FAILED, "out of memory");
    int code = add_file(w, &graph, path, last_part(path));
    qnt_graph_free(&graph);
    return code;
}

static int same_ends(const struct qnt_graph *a, const struct qnt_graph *b)
{
    const struct qnt_node *in = a->nodes, *out = &a->nodes[a->output];
    const struct qnt_node *of_in = b->nodes, *of_out = &b->nodes[b->output];

    return in->h == of_in->h && in->w == of_in->w && in->c == of_in->c && out->h == of_out->h &&
           out->w == of_out->w && out->c == of_out->c;
}

/* --retrained: other weights, with their thresholds, against the model as it was. */
static int add_retrained(struct work *w, const char *name)
{
    struct qnt_graph graph = { 0 };
    char model[PATH_MAX], thresholds[PATH_MAX];

    if ((size_t)snprintf(model, sizeof(model), "%s.onnx", name) >= sizeof(model) ||
        (size_t)snprintf(thresholds, sizeof(thresholds), "%s.cal", name) >= sizeof(thresholds))
        return cli_fail(CLI_USAGE, "--retrained: the path is too long");
    int code = cli_model_open(model, &w->o->model, &graph);
    if (code == CLI_OK && !same_ends(&w->r.graph, &graph))
        code =
            cli_fail(CLI_USAGE, "--retrained=%s: takes other images, or has other classes", name);
    if (code == CLI_OK)
        code = add_file(w, &graph, thresholds, last_part(name));
    qnt_graph_free(&graph);
    return code;
}

static int add_files(struct work *w)
{
    const struct cli_list *thresholds = &w->o->thresholds, *retrained = &w->o->retrained;
    int code = CLI_OK;

    for (size_t i = 0; i < thresholds->count && code == CLI_OK; i++)
        code = add_thresholds(w, thresholds->items[i]);
    for (size_t i = 0; i < retrained->count && code == CLI_OK; i++)
        code = add_retrained(w, retrained->items[i]);
    return code;
}

/* All rows on the same images, against the model as it was. */
static int run_rows(struct work *w)
{
    struct qnt_accuracy accuracy[ACCURACY_ROWS_MAX];
    struct cli_progress progress;
    struct qnt_error error = { "" };
    int code = add_methods(w);

    if (code == CLI_OK)
        code = add_changes(w);
    if (code == CLI_OK)
        code = add_files(w);
    if (code != CLI_OK)
        return code;
    cli_progress_begin(&progress, "accuracy");
    int result = qnt_accuracy(&w->r.graph, w->execs, w->r.row_count, w->set, w->images,
                              cli_quant_progress, &progress, accuracy, &error);
    cli_progress_end(&progress);
    for (size_t i = 0; i < w->r.row_count; i++)
        w->r.rows[i].accuracy = accuracy[i];
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

static int run_layers(struct work *w)
{
    struct cli_progress progress;
    struct qnt_error error = { "" };

    w->r.losses = calloc((size_t)w->r.graph.count, sizeof(*w->r.losses));
    if (!w->r.losses)
        return cli_fail(CLI_FAILED, "out of memory");
    cli_progress_begin(&progress, "layers");
    int result = qnt_losses(&w->r.graph, &w->r.calibration, &w->quantise, w->set, w->r.layer_images,
                            w->stride, cli_quant_progress, &progress, w->r.losses, &w->r.loss_count,
                            &w->r.all_db, &error);
    cli_progress_end(&progress);
    w->r.keep = w->r.keep < w->r.loss_count ? w->r.keep : w->r.loss_count;
    if (result == 0)
        result = qnt_losses_kept(&w->r.graph, &w->r.calibration, &w->quantise, w->set,
                                 w->r.layer_images, w->stride, w->r.losses, w->r.keep,
                                 cli_quant_progress, &progress, w->r.kept, &error);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

/* ---- The verb */

static int check_options(struct work *w)
{
    const struct accuracy_options *o = w->o;

    w->r.method = cli_method(o->method);
    if (w->r.method < 0)
        return CLI_USAGE;
    int code = cli_evaluation_check(&o->images);
    if (code == CLI_OK)
        code = cli_calibration_check(&o->calibration);
    if (code != CLI_OK)
        return code;
    if (o->thresholds.count + o->retrained.count > ACCURACY_FILES_MAX)
        return cli_fail(CLI_USAGE, "at most %d of --calibration and --retrained",
                        ACCURACY_FILES_MAX);
    if (o->layer_images < 1 || o->keep < 0 || o->keep > ACCURACY_KEEP_MAX || o->threads < 1 ||
        o->threads > 64)
        return cli_fail(CLI_USAGE,
                        "--layer-images is 0, --keep is more than %d, or --threads is not 1 to 64",
                        ACCURACY_KEEP_MAX);
    w->r.keep = (size_t)o->keep;
    w->quantise.symmetric = o->symmetric;
    return CLI_OK;
}

static int run(struct work *w, const char *model)
{
    int code = check_options(w);

    if (code == CLI_OK)
        code = cli_model_open(model, &w->o->model, &w->r.graph);
    if (code != CLI_OK)
        return code;
    const struct qnt_input input = qnt_graph_input(&w->r.graph);
    cli_catch_interrupt();
    code = cli_evaluation_open(&w->o->images, w->r.graph.dataset, &input, &w->set, &w->images);
    if (code == CLI_OK)
        code = cli_model_calibrate(&w->r.graph, w->o->calibration.images, calibrate_options(w),
                                   &w->r.calibration);
    if (code != CLI_OK)
        return code;
    w->r.has_classes = qnt_dataset_label(w->set, 0) >= 0;
    const size_t have = qnt_dataset_count(w->set), wanted = (size_t)w->o->layer_images;
    w->r.layer_images = wanted < have ? wanted : have;
    w->stride = have / w->r.layer_images;
    code = run_rows(w);
    if (code == CLI_OK)
        code = run_layers(w);
    if (code == CLI_OK)
        (w->o->json ? accuracy_print_json : accuracy_print_text)(&w->r);
    return code == CLI_OK && w->o->plot ? accuracy_plot(&w->r, w->o->plot) : code;
}

static void clear(struct work *w)
{
    for (size_t i = 0; i < w->r.row_count; i++) {
        qnt_exec_close(w->execs[i]);
        qnt_network_free(w->networks[i]);
    }
    free(w->r.losses);
    qnt_dataset_close(w->set);
    qnt_calibration_clear(&w->r.calibration);
    qnt_graph_free(&w->r.graph);
}

static const char description[] =
    "Calibrates a float model, makes the int8 network of every method, and compares them with the "
    "float model on labelled images: top-1 and top-5, agreement (the same first class), SQNR and "
    "cosine of the scores, as means over images, before the softmax.\n\n"
    "--equalise, --correct-bias and --residual-16 add rows: what the method asked for gives with "
    "each of them, and with all that are asked for; --calibration a row for the thresholds of a "
    "file, and --retrained one for what scripts/retrain.py has made of the model.\n\n"
    "Then the layers, those that hurt most first: the SQNR of the scores where one layer alone is "
    "int8, and where all but that one are; and what keeping the worst in float would give.\n\n"
    "Without MODEL, the model that comes with Quern.";

int cmd_accuracy(int argc, char **argv)
{
    struct accuracy_options o = { .method = "auto", .layer_images = 10, .keep = 5, .threads = 1 };
    const struct cli_option options[] = {
        CLI_EVALUATION_OPTIONS(o.images),
        CLI_CALIBRATION_OPTIONS(o.calibration, 0, 0, "calibration-",
                                "Images to calibrate on. The default is the training part."),
        { 'c', "calibration", CLI_LIST, "FILE",
          "One more row: the thresholds of a file, as 'quern calibrate -o FILE' writes them. May "
          "be "
          "repeated.",
          &o.thresholds },
        { 0, "retrained", CLI_LIST, "NAME",
          "One more row: NAME.onnx with the thresholds of NAME.cal, as 'scripts/retrain.py --out "
          "NAME' writes them; compared with MODEL. May be repeated.",
          &o.retrained },
        { 'm', "method", CLI_STRING, "METHOD", "Whose layers are looked at; the default is auto.",
          &o.method },
        { 0, "layer-images", CLI_INT, "N",
          "Images that the layers are tried on, spread over the set. The default is 10.",
          &o.layer_images },
        { 'k', "keep", CLI_INT, "N",
          "How many of the worst layers to keep in float at most. The "
          "default is 5.",
          &o.keep },
        CLI_SYMMETRIC_OPTION(o.symmetric),
        CLI_ADJUST_OPTIONS(o.adjust),
        CLI_RESIDUAL_OPTION(o.residual_16),
        { 't', "threads", CLI_INT, "N", "Of the calibration. The default is 1.", &o.threads },
        { 'p', "plot", CLI_STRING, "FILE",
          "Draws the histograms of the worst layers with their thresholds, by gnuplot, to FILE.svg "
          "or FILE.png.",
          &o.plot },
        CLI_MODEL_OPTIONS(o.model),
        CLI_JSON_OPTION(o.json),
    };
    const struct cli_command command = {
        .name = "accuracy",
        .synopsis = "quern accuracy [MODEL] [--images=SPEC] [--method=METHOD] [OPTION]...",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern accuracy --count=1000\n"
                    "quern accuracy --calibration=fashion.cal --retrained=retrained\n"
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
    cli_list_clear(&o.thresholds);
    cli_list_clear(&o.retrained);
    cli_list_clear(&o.model.outputs);
    cli_list_clear(&o.model.outputs);
    return code;
}
