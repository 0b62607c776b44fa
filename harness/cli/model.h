/* What calibrate, quantize and run share: the float model, sets of images, and calibration with its
 * progress. Each prints what went wrong and returns an exit code. */
#ifndef QUERN_HARNESS_CLI_MODEL_H
#define QUERN_HARNESS_CLI_MODEL_H

#include "quant/pipeline/pipeline.h"

/* The model that `path` names, folded; NULL = the one that comes with Quern. */
int cli_model_open(const char *path, struct qnt_graph *graph);

/* The images that `spec` names; NULL = the part ("train", "test") of the set that the model says it
 * is about. */
int cli_images_open(const char *spec, const char *dataset, const char *part,
                    const struct qnt_input *input, struct qnt_dataset **out);

/* `count` images spread evenly over those of `spec`. */
int cli_model_calibrate(const struct qnt_graph *graph, const char *spec, long long count,
                        enum qnt_method method, struct qnt_calibration *out);

/* One line on stderr for each threshold that is used and not sound. Returns how many of them are
 * taken all the same: a method that was overruled in time is only noted. */
size_t cli_warn_thresholds(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                           const char *method);

/* The method of that name, or an explanation and -1. */
int cli_method(const char *name);

/* The exit code of a failure, after printing it. */
int cli_quant_fail(int result, const struct qnt_error *error);

/* A qnt_progress: `user` is the struct cli_progress. Stops when cli_stop is set. */
int cli_quant_progress(size_t done, size_t total, void *user);

#endif
