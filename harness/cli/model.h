/* What calibrate, quantize and run share: the float model, sets of images, and calibration with its
 * progress. Each prints what went wrong and returns an exit code. */
#ifndef QUERN_HARNESS_CLI_MODEL_H
#define QUERN_HARNESS_CLI_MODEL_H

#include "harness/cli/cli.h"
#include "quant/pipeline/adjust.h"

/* What files leave open. */
struct cli_model_options {
    const char *shape, *mean, *norm, *pixel;
    struct cli_list outputs; /* to be cleared */
};
/* clang-format off */
#define CLI_MODEL_OPTIONS(m)                                                                       \
    { 0, "shape", CLI_STRING, "WxHxC",                                                             \
      "Width, height and channels of the images that the model takes, where its file does not "    \
      "say so.",                                                                                   \
      &(m).shape },                                                                                \
    { 0, "mean", CLI_STRING, "LIST",                                                               \
      "What the model takes is (pixel - mean) * norm of pixels 0..255: one number, or one per "    \
      "channel, parted by commas. The default is what the model says, or 0.",                      \
      &(m).mean },                                                                                 \
    { 0, "norm", CLI_STRING, "LIST", "See --mean. The default is what the model says, or 1.",      \
      &(m).norm },                                                                                 \
    { 0, "pixel", CLI_STRING, "ORDER", "Of the channels: RGB (the default) or BGR.",               \
      &(m).pixel },                                                                                \
    { 0, "output-blob", CLI_LIST, "NAME",                                                          \
      "The blob (ncnn) or tensor (ONNX) that is the result: where a file leaves several, or to "   \
      "leave out what comes after it, as the decoding of boxes. May be repeated: the results "     \
      "stand behind each other.",                                                                  \
      &(m).outputs }
/* clang-format on */

/* The model that `path` names, folded; NULL = the one that comes with Quern. */
int cli_model_open(const char *path, const struct cli_model_options *options,
                   struct qnt_graph *graph);
/* 1 if an option says what pixels are. */
int cli_model_says_pixels(const struct cli_model_options *options);

/* The images that `spec` names; NULL = the part ("train", "test") of the set that the model says it
 * is about. */
int cli_images_open(const char *spec, const char *dataset, const char *part,
                    const struct qnt_input *input, struct qnt_dataset **out);

/* Labelled images that networks are compared on. */
struct cli_evaluation_options {
    const char *images;
    long long count, label_offset;
};
/* clang-format off */
#define CLI_EVALUATION_OPTIONS(e)                                                                  \
    { 'i', "images", CLI_STRING, "SPEC",                                                           \
      "Labelled images to run, as in 'quern calibrate'. The default is the test part of what the " \
      "model says it is about.",                                                                   \
      &(e).images },                                                                               \
    { 'n', "count", CLI_INT, "N", "Only the first N of them.", &(e).count },                       \
    { 0, "label-offset", CLI_INT, "N",                                                             \
      "Added to every label: 1 where the model counts a background as class 0.",                   \
      &(e).label_offset }
/* clang-format on */
int cli_evaluation_check(const struct cli_evaluation_options *options); /* before any work */
/* With its labels shifted. *count: of the images that are asked for. */
int cli_evaluation_open(const struct cli_evaluation_options *options, const char *dataset,
                        const struct qnt_input *input, struct qnt_dataset **out, size_t *count);

/* Images to calibrate on. `i` and `n` are letters or 0, `prefix` goes before the names. */
struct cli_calibration_options {
    const char *images;
    long long count;
};
/* clang-format off */
#define CLI_CALIBRATION_OPTIONS(c, i, n, prefix, about)                                            \
    { i, prefix "images", CLI_STRING, "SPEC", about, &(c).images },                                \
    { n, prefix "count", CLI_INT, "N",                                                             \
      "How many of them, spread evenly over the set. The default is all, at most 200.",            \
      &(c).count }
/* clang-format on */
int cli_calibration_check(const struct cli_calibration_options *options); /* before any work */

/* clang-format off */
#define CLI_SYMMETRIC_OPTION(flag)                                                                 \
    { 0, "symmetric", CLI_FLAG, NULL,                                                              \
      "No zero points: tensors that cannot be negative use half of the bytes, as other engines "   \
      "do it.",                                                                                    \
      &(flag) }
#define CLI_JSON_OPTION(flag)                                                                      \
    { 0, "json", CLI_FLAG, NULL, "Prints JSON instead of tables.", &(flag) }
/* clang-format on */

/* options.count images spread evenly over those of `spec`; 0 = all, at most
 * CLI_CALIBRATION_IMAGES. options.stride is not read. */
#define CLI_CALIBRATION_IMAGES 200
int cli_model_calibrate(const struct qnt_graph *graph, const char *spec,
                        struct qnt_calibrate_options options, struct qnt_calibration *out);

/* How the float model is changed first. */
struct cli_adjust_options {
    int equalise, correct_bias;
};
/* clang-format off */
#define CLI_ADJUST_OPTIONS(a)                                                                      \
    { 0, "equalise", CLI_FLAG, NULL,                                                               \
      "Moves factors between layers first, so that the channels of a tensor use its one scale "    \
      "more evenly. Costs one more run of the images.",                                            \
      &(a).equalise },                                                                             \
    { 0, "correct-bias", CLI_FLAG, NULL,                                                           \
      "Takes from biases by how much rounded weights shift the mean of a channel. Costs one more " \
      "run of the images.",                                                                        \
      &(a).correct_bias }
#define CLI_RESIDUAL_OPTION(flag)                                                                  \
    { 0, "residual-16", CLI_FLAG, NULL,                                                            \
      "Adds of a residual chain keep 16 bits for the next add; convolutions read bytes all the "   \
      "same. Costs memory, and the time of wider adds.",                                           \
      &(flag) }
/* clang-format on */
/* Changes the model, by the images that cli_model_calibrate() would take. *out: what was changed,
 * NULL where the options ask for nothing. */
int cli_model_adjust(struct qnt_graph *graph, const char *spec, size_t count,
                     const struct cli_adjust_options *options, struct qnt_adjustment **out);

/* The thresholds of a file, into *out, which the caller clears; the model gets its pixels, unless
 * `options` say what they are, and the changes that it asks for. Warns of unsound thresholds, and
 * counts them in *warnings. */
int cli_model_read_thresholds(struct qnt_graph *graph, const char *path,
                              const struct cli_model_options *options, struct qnt_calibration *out,
                              size_t *warnings);

/* A line on stderr for the thresholds that are used and not sound, with the worst of them, and one
 * for those where a method was overruled in time. Returns how many the former are. */
size_t cli_warn_thresholds(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                           const char *method);

/* The method of that name, or an explanation and -1. */
int cli_method(const char *name);

/* The exit code of a failure, after printing it. */
int cli_quant_fail(int result, const struct qnt_error *error);

/* A qnt_progress: `user` is the struct cli_progress. Stops when cli_stop is set. */
int cli_quant_progress(size_t done, size_t total, void *user);

#endif
