/* Layers as they are typed: --problem, --batch, --network, --model. */
#ifndef QUERN_HARNESS_CLI_LAYERS_H
#define QUERN_HARNESS_CLI_LAYERS_H

#include "harness/cli/cli.h"
#include "harness/sweep/layers.h"

struct cli_layers { /* zero-initialise */
    struct cli_list problems, batches, networks, models;
    const char *epilogue; /* NULL = float */
};

/* The rows of an option table, for `named`. */
/* clang-format off */
#define CLI_LAYER_OPTIONS(named) \
    { 'p', "problem", CLI_LIST, "PROBLEM", \
      "A problem string, such as ic64ih56oc64kh3ph1 or H:W:Cin:Cout. May be repeated.", \
      &(named).problems }, \
    { 'b', "batch", CLI_LIST, "FILE", "A file of problem strings, one per line.", \
      &(named).batches }, \
    { 'n', "network", CLI_LIST, "NAME", \
      "The convolutions of a built-in network: resnet50, mobilenet_v1, mobilenet_v2, " \
      "squeezenet_1.1.", &(named).networks }, \
    { 'm', "model", CLI_LIST, "FILE", "The convolutions of a model file.", &(named).models }, \
    { 0, "epilogue", CLI_STRING, "WHAT", \
      "Variants that end in this way: float (a byte by a float per channel; the default), fixed " \
      "(by integers alone), sums (s32), add (a second tensor added). The defaults of each level " \
      "stay float.", &(named).epilogue }
/* clang-format on */

/* Adds all of them, and sets their epilogue. 0, or an exit code, explained; naming none is
 * CLI_USAGE. */
int cli_layers_gather(const struct cli_layers *named, struct hrn_layers *out);
void cli_layers_clear(struct cli_layers *named);

#endif
