/* Layers as they are typed: --problem, --batch, --network, --model. */
#ifndef QUERN_HARNESS_CLI_LAYERS_H
#define QUERN_HARNESS_CLI_LAYERS_H

#include "harness/cli/model.h"
#include "harness/sweep/layers.h"

struct cli_layers { /* zero-initialise */
    struct cli_list problems, batches, networks, models;
    struct cli_model_options open; /* what model files leave open */
    const char *epilogue;          /* NULL = float */
};

/* The rows of an option table, for `named`. */
/* clang-format off */
#define CLI_LAYER_OPTIONS(named) \
    { 'p', "problem", CLI_LIST, "PROBLEM", \
      "A problem string, such as ic64ih56oc64kh3ph1 or H:W:Cin:Cout; with +add behind it, a " \
      "layer that a second tensor is added to, with +sums one that gives sums of 32 bits, with " \
      "+fixed one that makes bytes by integers alone. May be repeated.", &(named).problems }, \
    { 'b', "batch", CLI_LIST, "FILE", "A file of problem strings, one per line.", \
      &(named).batches }, \
    { 'n', "network", CLI_LIST, "NAME", \
      "The convolutions of a built-in network: resnet50, mobilenet_v1, mobilenet_v2, " \
      "squeezenet_1.1.", &(named).networks }, \
    { 'm', "model", CLI_LIST, "FILE", \
      "The convolutions and inner products of a model file, each as 'quern run' has it: +add " \
      "where it computes a residual add, +sums where it gives the scores.", &(named).models }, \
    { 0, "shape", CLI_STRING, "WxHxC", \
      "Width, height and channels of the images that the models take, where a file does not say " \
      "so.", &(named).open.shape }, \
    { 0, "output-blob", CLI_LIST, "NAME", \
      "The blob (ncnn) or tensor (ONNX) that is the result, as in 'quern run'. May be repeated.", \
      &(named).open.outputs }, \
    { 0, "epilogue", CLI_STRING, "WHAT", \
      "For layers whose string does not say: float (a byte by a float per channel; the default), " \
      "fixed, sums or add.", &(named).epilogue }
/* clang-format on */

/* Adds all of them. 0, or an exit code, explained; naming none is
 * CLI_USAGE. */
int cli_layers_gather(const struct cli_layers *named, struct hrn_layers *out);
void cli_layers_clear(struct cli_layers *named);

#endif
