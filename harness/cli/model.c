#include "harness/cli/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/cli/cli.h"
#include "harness/cli/cli_int.h"

int cli_quant_fail(int result, const struct qnt_error *error)
{
    return cli_fail(result == -EINTR ? CLI_INTERRUPTED : CLI_FAILED, "%s", error->text);
}

int cli_quant_progress(size_t done, size_t total, void *user)
{
    cli_progress_step(user, done, total, NULL);
    return cli_stop;
}

/* "227x227x3" */
static int parse_shape(const char *text, struct qnt_load *how)
{
    char tail;
    int fields = sscanf(text, "%dx%dx%d%c", &how->w, &how->h, &how->c, &tail);

    if (fields == 3 && how->w > 0 && how->h > 0 && how->c > 0)
        return CLI_OK;
    return cli_fail(CLI_USAGE, "--shape=%s: should be WxHxC, such as 224x224x3", text);
}

/* One number for all channels, or one for each. */
static int parse_channels(const char *option, const char *text, int32_t channels, float *out)
{
    char copy[128], *rest = NULL;
    int count = 0;
    double value;

    if (channels > QNT_CHANNELS_MAX)
        channels = QNT_CHANNELS_MAX;
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *word = strtok_r(copy, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
        if (count == QNT_CHANNELS_MAX || cli_real(word, &value) != 0)
            return cli_fail(CLI_USAGE, "--%s=%s: is not one number per channel", option, text);
        out[count++] = (float)value;
    }
    if (count != 1 && count != channels)
        return cli_fail(CLI_USAGE, "--%s=%s: has %d numbers, the model has %d channels", option,
                        text, count, channels);
    for (; count < QNT_CHANNELS_MAX; count++)
        out[count] = out[count == channels ? 0 : count - 1];
    return CLI_OK;
}

int cli_model_says_pixels(const struct cli_model_options *options)
{
    return options->mean || options->norm || options->pixel;
}

static int apply_pixels(const struct cli_model_options *o, struct qnt_graph *graph)
{
    const int32_t channels = graph->nodes[0].c;
    struct qnt_pixels *p = &graph->pixels;
    int code = o->mean ? parse_channels("mean", o->mean, channels, p->mean) : CLI_OK;

    if (code == CLI_OK && o->norm)
        code = parse_channels("norm", o->norm, channels, p->norm);
    for (int c = 0; code == CLI_OK && c < QNT_CHANNELS_MAX; c++)
        if (p->norm[c] == 0)
            code = cli_fail(CLI_USAGE, "--norm=%s: a norm of 0 leaves nothing of an image",
                            o->norm ? o->norm : "");
    if (code != CLI_OK || !o->pixel)
        return code;
    for (int i = 0; i < QNT_ORDER_COUNT; i++)
        if (strcasecmp(o->pixel, qnt_order_names[i]) == 0) {
            p->order = i;
            return CLI_OK;
        }
    return cli_fail(CLI_USAGE, "--pixel=%s: should be RGB or BGR", o->pixel);
}

int cli_model_open(const char *path, const struct cli_model_options *options,
                   struct qnt_graph *graph)
{
    struct qnt_load how = { .outputs = options->outputs.items,
                            .output_count = options->outputs.count };
    struct qnt_error error = { "" };
    char own[4096];
    int code = options->shape ? parse_shape(options->shape, &how) : CLI_OK;

    if (code != CLI_OK)
        return code;
    if (!path) {
        snprintf(own, sizeof(own), "%s/quant/model/fashion.onnx", cli_source_root());
        path = own;
    }
    int result = qnt_model_load(path, &how, graph, &error);
    if (result == 0)
        code = apply_pixels(options, graph);
    if (result == 0 && code == CLI_OK)
        result = qnt_fold(graph, &error);
    if (result == 0 && code == CLI_OK)
        return CLI_OK;
    qnt_graph_free(graph);
    *graph = (struct qnt_graph) { 0 };
    return result ? cli_quant_fail(result, &error) : code;
}

int cli_images_open(const char *spec, const char *dataset, const char *part,
                    const struct qnt_input *input, struct qnt_dataset **out)
{
    struct qnt_error error = { "" };
    char own[256];

    *out = NULL;
    if (!spec) {
        if (!dataset || !*dataset)
            return cli_fail(CLI_USAGE,
                            "the model does not say which images it is about: name them with an "
                            "option such as --images=idx:IMAGES:LABELS");
        snprintf(own, sizeof(own), "%s:%s", dataset, part);
        spec = own;
    }
    int result = qnt_dataset_open(spec, input, out, &error);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

int cli_evaluation_check(const struct cli_evaluation_options *o)
{
    if (o->label_offset < -100000 || o->label_offset > 100000)
        return cli_fail(CLI_USAGE, "--label-offset=%lld is no class", o->label_offset);
    if (o->count < 0)
        return cli_fail(CLI_USAGE, "--count=%lld: how many images to run", o->count);
    return CLI_OK;
}

int cli_evaluation_open(const struct cli_evaluation_options *o, const char *dataset,
                        const struct qnt_input *input, struct qnt_dataset **out, size_t *count)
{
    int code = cli_images_open(o->images, dataset, "test", input, out);

    if (code != CLI_OK)
        return code;
    qnt_dataset_shift_labels(*out, (int)o->label_offset);
    *count = o->count > 0 ? (size_t)o->count : qnt_dataset_count(*out);
    return CLI_OK;
}

int cli_calibration_check(const struct cli_calibration_options *o)
{
    if (o->count >= 0)
        return CLI_OK;
    return cli_fail(CLI_USAGE, "%lld images to calibrate on: 20 to 200 are usual", o->count);
}

/* The images to calibrate on: *count of them, 0 = all, at most CLI_CALIBRATION_IMAGES. */
static int open_calibration(const struct qnt_graph *graph, const char *spec,
                            struct qnt_dataset **set, size_t *count, size_t *stride)
{
    const struct qnt_input input = qnt_graph_input(graph);
    int code = cli_images_open(spec, graph->dataset, "train", &input, set);

    if (code != CLI_OK)
        return code;
    const size_t images = qnt_dataset_count(*set);
    if (*count == 0)
        *count = images < CLI_CALIBRATION_IMAGES ? images : CLI_CALIBRATION_IMAGES;
    *stride = images > *count && *count ? images / *count : 1;
    return CLI_OK;
}

int cli_model_adjust(struct qnt_graph *graph, const char *spec, size_t count,
                     const struct cli_adjust_options *o, struct qnt_adjustment **out)
{
    struct qnt_adjust_options options = { .count = count,
                                          .equalise = o->equalise,
                                          .correct_bias = o->correct_bias };
    struct cli_progress progress;
    struct qnt_error error;
    struct qnt_dataset *set;

    *out = NULL;
    if (!o->equalise && !o->correct_bias)
        return CLI_OK;
    int code = open_calibration(graph, spec, &set, &options.count, &options.stride);
    if (code != CLI_OK)
        return code;
    cli_progress_begin(&progress, "adjust");
    int result = qnt_adjust(graph, set, &options, cli_quant_progress, &progress, out, &error);
    cli_progress_end(&progress);
    qnt_dataset_close(set);
    return result == 0 ? CLI_OK : cli_quant_fail(result, &error);
}

int cli_model_calibrate(const struct qnt_graph *graph, const char *spec,
                        struct qnt_calibrate_options options, struct qnt_calibration *out)
{
    struct cli_progress progress;
    struct qnt_error error = { "" };
    struct qnt_dataset *set;

    *out = (struct qnt_calibration) { 0 };
    int code = open_calibration(graph, spec, &set, &options.count, &options.stride);
    if (code)
        return code;
    cli_progress_begin(&progress, "calibrate");
    int result = qnt_calibrate(graph, set, &options, cli_quant_progress, &progress, out, &error);
    cli_progress_end(&progress);
    qnt_dataset_close(set);
    if (result != 0)
        return cli_quant_fail(result, &error);
    if (options.count < 5)
        fprintf(stderr,
                "quern: warning: %zu calibration image%s too few to see the range of a tensor; "
                "20 to 200 are usual\n",
                options.count, options.count == 1 ? " is" : "s are");
    return CLI_OK;
}

int cli_model_read_thresholds(struct qnt_graph *graph, const char *path,
                              const struct cli_model_options *options, struct qnt_calibration *out,
                              size_t *warnings)
{
    struct qnt_error error = { "" };
    int result = qnt_calibration_load(graph, path, out, &error);

    if (result != 0)
        return cli_quant_fail(result, &error);
    if (!cli_model_says_pixels(options))
        graph->pixels = out->pixels;
    *warnings = cli_warn_thresholds(graph, out, path);
    qnt_adjustments_apply(graph, out->adjustments);
    return CLI_OK;
}

/* How many times the least possible error it makes. */
static double error_ratio(const struct qnt_threshold *t)
{
    return t->best_mse > 0 ? t->mse / t->best_mse : 1;
}

/* The used ones of a kind: how many, and which is the worst. */
struct doubts {
    size_t count;
    int32_t worst;
};

static void doubt(struct doubts *d, const struct qnt_threshold *tensors, int32_t i)
{
    if (!d->count || error_ratio(&tensors[i]) > error_ratio(&tensors[d->worst]))
        d->worst = i;
    d->count++;
}

static void print_doubts(const struct qnt_graph *graph, const struct qnt_calibration *c,
                         const char *method, const struct doubts *sound,
                         const struct doubts *unsound)
{
    const struct qnt_threshold *t = &c->tensors[unsound->worst];

    if (unsound->count)
        fprintf(stderr,
                "quern: warning: %s: %zu threshold%s not sound, the worst that of %s: %.4g clips "
                "%.3g %% "
                "of the values and makes %.3g times the least possible error; use --method=auto "
                "('quern calibrate' lists them all)\n",
                method, unsound->count, unsound->count == 1 ? " is" : "s are",
                graph->nodes[unsound->worst].name, (double)t->threshold, 100 * t->clipped,
                error_ratio(t));
    t = &c->tensors[sound->worst];
    if (sound->count)
        fprintf(stderr,
                "quern: note: %s: its own choice would have clipped too much in %zu tensor%s, "
                "which took the best sound threshold: that of %s %.4g, with %.3g times the least "
                "possible error ('quern calibrate --method=%s' lists them all)\n",
                method, sound->count, sound->count == 1 ? "" : "s", graph->nodes[sound->worst].name,
                (double)t->threshold, error_ratio(t), method);
}

size_t cli_warn_thresholds(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                           const char *method)
{
    uint8_t *used = calloc((size_t)graph->count, 1);
    struct doubts sound = { 0, 0 }, unsound = { 0, 0 };

    if (!used || qnt_thresholds_used(graph, used) != 0) {
        free(used);
        return 0;
    }
    for (int32_t i = 0; i < graph->count; i++)
        if (used[i] && calibration->tensors[i].suspicious)
            doubt(qnt_is_sound(&calibration->tensors[i]) ? &sound : &unsound, calibration->tensors,
                  i);
    free(used);
    print_doubts(graph, calibration, method, &sound, &unsound);
    return unsound.count;
}

int cli_method(const char *name)
{
    const char *names[QNT_METHOD_COUNT];
    char known[256] = "";

    for (int m = 0; m < QNT_METHOD_COUNT; m++) {
        if (strcmp(qnt_methods[m].name, name) == 0)
            return m;
        names[m] = qnt_methods[m].name;
        snprintf(known + strlen(known), sizeof(known) - strlen(known), " %s", names[m]);
    }
    const char *near = cli_nearest(name, names, QNT_METHOD_COUNT);
    cli_fail(CLI_USAGE, "no method is called '%s'%s%s%s; there are:%s", name,
             near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "", known);
    return -1;
}
