/* quern quantize: a float model and its thresholds to an int8 network, for Quern or others. */
#include "harness/cli/cli.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/cli/model.h"
#include "quant/pipeline/output.h"

struct quantize_options {
    struct cli_model_options model;
    const char *calibration, *output, *format;
    int symmetric, residual_16;
};

static size_t float_bytes(const struct qnt_graph *graph)
{
    size_t count = 0;

    for (int32_t i = 0; i < graph->count; i++)
        count += graph->nodes[i].weight_count + graph->nodes[i].bias_count;
    return count * sizeof(float);
}

/* Formats of scales alone go with the model as its file has it. */
static int fits_changes(const struct qnt_output *format, const struct qnt_calibration *c,
                        struct qnt_error *error)
{
    if (!c->adjustments ||
        (strcmp(format->name, "ncnn-table") != 0 && strcmp(format->name, "tensorrt") != 0))
        return 0;
    return qnt_error_set(
        error, -EINVAL,
        "--format=%s holds no weights, and this calibration changes them: calibrate "
        "without --equalise and --correct-bias",
        format->name);
}

static int quantise(const struct quantize_options *o, const struct qnt_output *format,
                    struct qnt_graph *graph)
{
    struct qnt_calibration calibration = { 0 };
    const struct qnt_quantise_options options = { .symmetric = o->symmetric,
                                                  .residual_16 = o->residual_16 };
    struct stat st;
    struct qnt_error error = { "" };

    size_t warnings;

    int code = cli_model_read_thresholds(graph, o->calibration, &o->model, &calibration, &warnings);
    if (code != CLI_OK)
        return code;
    int result = fits_changes(format, &calibration, &error);
    if (result == 0)
        result = format->save(graph, &calibration, &options, o->output, &error);
    if (result == 0 && stat(o->output, &st) == 0)
        printf("wrote %s: %lld bytes, where the float weights take %zu; %s\n", o->output,
               (long long)st.st_size, float_bytes(graph), format->meaning);
    qnt_calibration_clear(&calibration);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

static int fail_format(const char *name)
{
    char names[200] = "";

    for (size_t i = 0; i < qnt_output_count; i++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof(names) - used, "%s%s", i ? ", " : "", qnt_outputs[i].name);
    }
    return cli_fail(CLI_USAGE, "--format=%s: there are %s", name, names);
}

static int run(const struct quantize_options *o, const char *model)
{
    struct qnt_graph graph = { 0 };

    if (!o->calibration)
        return cli_fail(CLI_USAGE,
                        "--calibration=FILE is missing: 'quern calibrate -o FILE' makes one");
    if (!o->output)
        return cli_fail(CLI_USAGE, "--output=FILE is missing: where the int8 network goes");
    const struct qnt_output *format = qnt_output_find(o->format ? o->format : "quern");
    if (!format)
        return fail_format(o->format);
    if (o->residual_16 && strcmp(format->name, "quern") != 0)
        return cli_fail(CLI_USAGE,
                        "--residual-16 is for Quern's own networks: --format=%s has no "
                        "sums of 16 bits",
                        format->name);
    int code = cli_model_open(model, &o->model, &graph);
    if (code == CLI_OK)
        code = quantise(o, format, &graph);
    qnt_graph_free(&graph);
    return code;
}

static const char description[] =
    "Makes an int8 network of a float model: weights of 8 bits with one scale per output channel, "
    "activations of 8 bits with the thresholds of a calibration, batch normalisation and "
    "activations folded into the convolutions, everything between input and scores in integers.\n\n"
    "The file is Quern's own: versioned, with a checksum, and read as it lies. Its scores are the "
    "same to the bit whatever kernels run it.\n\n"
    "--format writes the same for other engines: ncnn, ONNX Runtime and others that read "
    "QuantizeLinear and DequantizeLinear, TensorRT. Of them only those that read ONNX know zero "
    "points; --symmetric, here and for 'quern calibrate', does without.\n\n"
    "Without MODEL, the model that comes with Quern.";

int cmd_quantize(int argc, char **argv)
{
    struct quantize_options o = { 0 };
    const struct cli_option options[] = {
        { 'c', "calibration", CLI_STRING, "FILE",
          "Thresholds, as 'quern calibrate -o FILE' writes them.", &o.calibration },
        { 'o', "output", CLI_STRING, "FILE", "The int8 network, by convention NAME.qrn.",
          &o.output },
        { 'f', "format", CLI_STRING, "FORMAT",
          "What to write. quern (the default): Quern's own network, which 'quern run' takes; ncnn: "
          "an int8 NAME.param, with NAME.bin beside it; onnx: ONNX with QuantizeLinear and "
          "DequantizeLinear; ncnn-table: the scales for ncnn2int8; tensorrt: a calibration cache; "
          "json: all thresholds.",
          &o.format },
        CLI_SYMMETRIC_OPTION(o.symmetric),
        CLI_RESIDUAL_OPTION(o.residual_16),
        CLI_MODEL_OPTIONS(o.model),
    };
    const struct cli_command command = {
        .name = "quantize",
        .synopsis = "quern quantize [MODEL] --calibration=FILE --output=FILE",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern calibrate -o fashion.cal\n"
                    "quern quantize --calibration=fashion.cal -o fashion.qrn\n"
                    "quern run fashion.qrn\n"
                    "quern quantize --calibration=fashion.cal --format=onnx -o fashion-int8.onnx",
    };
    const char *model;
    int code = cli_parse_one(&command, argc, argv, "model", &model);
    if (code)
        return code - 1;
    code = run(&o, model);
    cli_list_clear(&o.model.outputs);
    return code;
}
