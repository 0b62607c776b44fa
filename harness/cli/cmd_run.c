/* quern run: int8 inference through the winners of a sweep, beside the float model. */
#include "harness/cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/cli/model.h"
#include "harness/cli/run.h"
#include "harness/cli/run_device.h"
#include "harness/cli/winners.h"
#include "harness/device/device.h"

struct run_options {
    struct cli_model_options model;
    struct cli_adjust_options adjust;
    struct cli_evaluation_options images;
    struct cli_calibration_options calibration;
    const char *thresholds, *db, *methods, *against, *device, *kernels;
    long long run, threads;
    int json, builtin, residual_16, counters;
};

struct work {
    const struct run_options *o;
    struct qnt_graph graph;   /* where result.has_float */
    struct qnt_graph changed; /* a copy of it, as it is quantised */
    struct cli_winners winners;
    struct run_result result;
    struct cli_layer_counters counters;
    char words[256]; /* the methods, cut apart */
};

/* ---- Networks */

static int add_network(struct work *w, const char *label, struct qnt_network *network)
{
    struct run_entry *e = &w->result.entries[w->result.count++];
    struct qnt_error error = { "" };

    e->label = label;
    e->network = network;
    int result = qnt_exec_open(network, cli_winners_choose, &w->winners, &e->exec, &error);
    if (result == 0)
        result = qnt_exec_threads(e->exec, (int)w->o->threads, &error);
    if (result == 0)
        qnt_exec_profile(e->exec, 1);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

static int add_method(struct work *w, const struct qnt_calibration *all, const char *name)
{
    struct qnt_calibration calibration = { 0 };
    struct qnt_network *network = NULL;
    struct qnt_error error = { "" };
    const struct qnt_quantise_options options = { .residual_16 = w->o->residual_16 };
    int method = cli_method(name);

    if (method < 0)
        return CLI_USAGE;
    int result =
        qnt_calibration_with(&w->changed, all, (enum qnt_method)method, &calibration, &error);
    if (result == 0)
        result = qnt_quantise(&w->changed, &calibration, &options, &network, &error);
    if (result != 0) {
        qnt_calibration_clear(&calibration);
        return cli_quant_fail(result, &error);
    }
    w->result.entries[w->result.count].warnings =
        cli_warn_thresholds(&w->changed, &calibration, name);
    qnt_calibration_clear(&calibration);
    return add_network(w, qnt_methods[method].name, network);
}

/* Cuts "max,kl,auto" apart; the names are checked before any image is run. */
static int split_methods(struct work *w, const char **names, size_t *count)
{
    char *rest = NULL;

    if ((size_t)snprintf(w->words, sizeof(w->words), "%s", w->o->methods) >= sizeof(w->words))
        return cli_fail(CLI_USAGE, "--methods is too long");
    for (char *word = strtok_r(w->words, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (*count == RUN_NETWORKS_MAX)
            return cli_fail(CLI_USAGE, "--methods takes at most %d methods", RUN_NETWORKS_MAX);
        if (cli_method(word) < 0)
            return CLI_USAGE;
        names[(*count)++] = word;
    }
    return *count ? CLI_OK : cli_fail(CLI_USAGE, "--methods names no method");
}

static int quantise_methods(struct work *w)
{
    const struct qnt_calibrate_options options = { .count = (size_t)w->o->calibration.count,
                                                   .method = QNT_METHOD_MAX,
                                                   .threads = (int)w->o->threads };
    struct qnt_calibration all = { 0 };
    struct qnt_adjustment *adjustments = NULL;
    const char *names[RUN_NETWORKS_MAX];
    size_t count = 0;

    int code = split_methods(w, names, &count);
    if (code == CLI_OK && qnt_graph_copy(&w->graph, &w->changed) != 0)
        code = cli_fail(CLI_FAILED, "out of memory");
    if (code == CLI_OK)
        code = cli_model_adjust(&w->changed, w->o->calibration.images, options.count, &w->o->adjust,
                                &adjustments);
    if (code == CLI_OK)
        code = cli_model_calibrate(&w->changed, w->o->calibration.images, options, &all);
    qnt_adjustments_free(adjustments, w->changed.count);
    for (size_t i = 0; i < count && code == CLI_OK; i++)
        code = add_method(w, &all, names[i]);
    qnt_calibration_clear(&all);
    return code;
}

/* The thresholds of a file, whatever made them. */
static int quantise_file(struct work *w)
{
    const char *path = w->o->thresholds, *slash = strrchr(path, '/');
    const struct qnt_quantise_options options = { .residual_16 = w->o->residual_16 };
    struct qnt_calibration calibration = { 0 };
    struct qnt_network *network = NULL;
    struct qnt_error error = { "" };

    size_t warnings = 0;

    if (qnt_graph_copy(&w->graph, &w->changed) != 0)
        return cli_fail(CLI_FAILED, "out of memory");
    int code = cli_model_read_thresholds(&w->changed, path, &w->o->model, &calibration, &warnings);
    if (code == CLI_OK) {
        w->graph.pixels = w->changed.pixels;
        w->result.entries[w->result.count].warnings = warnings;
        int result = qnt_quantise(&w->changed, &calibration, &options, &network, &error);
        code = result == 0 ? add_network(w, slash ? slash + 1 : path, network)
                           : cli_quant_fail(result, &error);
    }
    qnt_calibration_clear(&calibration);
    return code;
}

static int load_network(struct work *w, const char *path)
{
    struct qnt_network *network;
    struct qnt_error error = { "" };

    int result = qnt_network_load(path, &network, &error);
    return result == 0 ? add_network(w, "file", network) : cli_quant_fail(result, &error);
}

static int open_winners(struct work *w)
{
    char err[600] = "";

    if (w->o->builtin) {
        snprintf(w->winners.reason, sizeof(w->winners.reason), "--builtin");
        return CLI_OK;
    }
    if (w->o->kernels) {
        const struct cli_target here = cli_target_here();
        if (cli_winners_of_export(w->o->kernels, &here, &w->winners, err, sizeof(err)) != 0 ||
            cli_winners_load(&w->winners, err, sizeof(err)) != 0)
            return cli_fail(CLI_FAILED, "%s", err);
        return CLI_OK;
    }
    const char *path = w->o->db ? w->o->db : cli_default_db();
    if (w->o->db && access(path, R_OK) != 0)
        return cli_fail(CLI_FAILED, "%s: there is no such database; 'quern sweep' makes one", path);
    if (cli_winners_open(path, w->o->run, &w->winners, err, sizeof(err)) != 0)
        return cli_fail(CLI_FAILED, "%s; --builtin runs without a database", err);
    return CLI_OK;
}

static int open_models(struct work *w, const char *model)
{
    const int is_network = model && qnt_network_probe(model);
    const char *graph = is_network ? w->o->against : model;

    int code = open_winners(w);
    if (code == CLI_OK && (!is_network || graph)) {
        code = cli_model_open(graph, &w->o->model, &w->graph);
        w->result.has_float = code == CLI_OK;
    }
    if (code != CLI_OK)
        return code;
    if (is_network)
        return load_network(w, model);
    return w->o->thresholds ? quantise_file(w) : quantise_methods(w);
}

/* What the float model takes, its activations planned into one arena as those of the int8 network.
 */
static void weigh_float(struct work *w)
{
    size_t count = 0;

    for (int32_t i = 0; w->result.has_float && i < w->graph.count; i++)
        count += w->graph.nodes[i].weight_count + w->graph.nodes[i].bias_count;
    w->result.float_bytes[0] = count * sizeof(float);
    w->result.float_bytes[1] = qnt_exec_memory(w->result.entries[0].exec).arena * sizeof(float);
}

/* ---- Running */

static int measure(struct work *w, const struct qnt_dataset *set, size_t images)
{
    struct qnt_exec *execs[RUN_NETWORKS_MAX];
    struct qnt_accuracy accuracy[RUN_NETWORKS_MAX];
    struct cli_progress progress;
    struct qnt_error error = { "" };

    for (size_t i = 0; i < w->result.count; i++)
        execs[i] = w->result.entries[i].exec;
    weigh_float(w);
    if (w->o->counters) {
        cli_layer_counters_open(&hrn_perf_kernel, execs[0], &w->counters);
        w->result.counters = &w->counters;
    }
    cli_progress_begin(&progress, "run");
    int result = qnt_accuracy(w->result.has_float ? &w->graph : NULL, execs, w->result.count, set,
                              images, cli_quant_progress, &progress, accuracy, &error);
    cli_progress_end(&progress);
    for (size_t i = 0; i < w->result.count; i++)
        w->result.entries[i].accuracy = accuracy[i];
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

/* The last network: of the methods the best comes last. */
static int measure_device(struct work *w, const struct qnt_dataset *set, size_t images)
{
    const char *db = w->o->db ? w->o->db : cli_default_db();
    const struct run_device_options options = {
        .device = w->o->device,
        .db = w->o->builtin ? NULL : db,
        .kernels = w->o->builtin ? NULL : w->o->kernels,
        .run = w->o->run,
        .threads = (int)w->o->threads,
        .json = w->o->json,
    };

    if (images > qnt_dataset_count(set))
        return cli_fail(CLI_USAGE, "%zu images asked for, the set has %zu", images,
                        qnt_dataset_count(set));
    return run_on_device(&options, &w->result.entries[w->result.count - 1], set, images, stdout);
}

static int run(struct work *w, const char *model)
{
    struct qnt_dataset *set = NULL;
    size_t images = 0;

    int code = cli_evaluation_check(&w->o->images);
    if (code == CLI_OK)
        code = cli_calibration_check(&w->o->calibration);
    if (code != CLI_OK)
        return code;
    if (w->o->threads < 1 || w->o->threads > 64)
        return cli_fail(CLI_USAGE, "--threads goes from 1 to 64");
    if (w->o->counters && (w->o->threads > 1 || w->o->device))
        return cli_fail(CLI_USAGE, "--counters counts one thread of this machine: it goes with "
                                   "neither --threads nor --device");
    w->result.threads = (int)w->o->threads;
    w->result.has_times = hrn_local_evidence() == HRN_MEASURED;
    cli_catch_interrupt();
    code = open_models(w, model);
    if (code != CLI_OK)
        return code;
    const struct qnt_network *network = w->result.entries[0].network;
    const struct qnt_input input = qnt_network_input(network);
    code = cli_evaluation_open(&w->o->images, qnt_network_dataset(network), &input, &set, &images);
    w->result.has_classes = code == CLI_OK && qnt_dataset_label(set, 0) >= 0;
    if (code == CLI_OK)
        code = (w->o->device ? measure_device : measure)(w, set, images);
    if (code == CLI_OK && !w->o->device)
        (w->o->json ? run_print_json : run_print_text)(&w->result, stdout);
    qnt_dataset_close(set);
    return code;
}

static void clear(struct work *w)
{
    cli_layer_counters_close(&w->counters);
    for (size_t i = 0; i < w->result.count; i++) {
        qnt_exec_close(w->result.entries[i].exec);
        qnt_network_free(w->result.entries[i].network);
    }
    cli_winners_close(&w->winners);
    qnt_graph_free(&w->graph);
    qnt_graph_free(&w->changed);
}

static const char description[] =
    "Runs labelled images through the int8 network and prints how often it is right, beside the "
    "float model: top-1 and top-5, agreement (the same first class), SQNR and cosine of the "
    "scores (means over images, before the softmax), and the time per image; then the kernel of "
    "each "
    "layer, and what it takes of that time.\n\n"
    "MODEL is a float model, which is calibrated and quantised on the way, once for each method; "
    "or an int8 network of 'quern quantize', which is compared with the float model of --against, "
    "if there is one. Without MODEL, the model that comes with Quern.\n\n"
    "Each convolution runs on the winner of the newest sweep in the database for exactly that "
    "problem and form (with a residual add, or giving sums), built for this machine; else on the "
    "loop that won without the add. Where there is none - not swept, swept on another "
    "architecture, or code that has changed since - the built-in kernel runs; the second table "
    "says which kernel ran each layer, and why. The scores are the same whatever runs.";

int cmd_run(int argc, char **argv)
{
    struct run_options o = { .methods = "max,kl,auto", .threads = 1 };
    const struct cli_option options[] = {
        CLI_EVALUATION_OPTIONS(o.images),
        { 'm', "methods", CLI_STRING, "LIST",
          "Calibration methods to compare, parted by commas. The default is max,kl,auto.",
          &o.methods },
        CLI_CALIBRATION_OPTIONS(o.calibration, 0, 0, "calibration-",
                                "Images to calibrate on. The default is the training part."),
        { 'c', "calibration", CLI_STRING, "FILE",
          "Thresholds of a file, as 'quern calibrate -o FILE' writes them, instead of those of "
          "methods.",
          &o.thresholds },
        CLI_ADJUST_OPTIONS(o.adjust),
        CLI_RESIDUAL_OPTION(o.residual_16),
        { 0, "against", CLI_STRING, "MODEL", "The float model to compare an int8 network with.",
          &o.against },
        { 0, "db", CLI_STRING, "FILE",
          "Database of sweeps. The default is $QUERN_DB or quern-out/quern.db, if it is there.",
          &o.db },
        { 'r', "run", CLI_INT, "ID", "The sweep to take winners of. The default is the newest.",
          &o.run },
        { 'k', "kernels", CLI_STRING, "FOLDER",
          "Take the kernels from this folder of 'quern export' instead of a database.",
          &o.kernels },
        { 'd', "device", CLI_STRING, "KEY",
          "Run the int8 network there instead ('quern devices' lists keys): built for it, pushed, "
          "and "
          "every score compared with this machine's, bit for bit. Of several methods the last one "
          "runs.",
          &o.device },
        { 't', "threads", CLI_INT, "N",
          "Threads that share each layer of the int8 network; the scores are the same. The default "
          "is 1.",
          &o.threads },
        { 0, "counters", CLI_FLAG, NULL,
          "Counts cycles, instructions and cache misses of each layer, where there is a PMU; "
          "dashes "
          "and the reason where there is none.",
          &o.counters },
        { 0, "builtin", CLI_FLAG, NULL, "Only built-in kernels: no database is read.", &o.builtin },
        CLI_MODEL_OPTIONS(o.model),
        CLI_JSON_OPTION(o.json),
    };
    const struct cli_command command = {
        .name = "run",
        .synopsis = "quern run [MODEL] [--images=SPEC] [--methods=LIST] [--db=FILE] [OPTION]...",
        .description = description,
        .options = options,
        .option_count = sizeof(options) / sizeof(options[0]),
        .examples = "quern sweep --model=quant/model/fashion.onnx\n"
                    "quern run\n"
                    "quern run --methods=auto,mse,kl-ncnn --count=1000 --builtin\n"
                    "quern run fashion.qrn --against=quant/model/fashion.onnx\n"
                    "quern run -d qemu:cortex-a53 --count=20 --methods=auto",
    };
    struct work work = { .o = &o, .result = { .winners = &work.winners } };
    const char *model;
    int code = cli_parse_one(&command, argc, argv, "model", &model);
    if (code)
        return code - 1;
    code = run(&work, model);
    clear(&work);
    cli_list_clear(&o.model.outputs);
    return code;
}
