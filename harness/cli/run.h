/* What a run has measured, and how it is printed. */
#ifndef QUERN_HARNESS_CLI_RUN_H
#define QUERN_HARNESS_CLI_RUN_H

#include <stdio.h>

#include "harness/cli/layer_counters.h"
#include "harness/cli/winners.h"
#include "quant/pipeline/pipeline.h"

#define RUN_NETWORKS_MAX 8

/* One int8 network that ran: of a method, or of a file. */
struct run_entry {
    const char *label;
    struct qnt_network *network;
    struct qnt_exec *exec;
    size_t warnings; /* thresholds that are not sound */
    struct qnt_accuracy accuracy;
};

/* Every network has the same layers, and so the same kernels. */
struct run_result {
    int has_float;         /* there was a float model to compare with */
    int has_times;         /* this machine is no emulator */
    int has_classes;       /* the images have: answers are right or wrong */
    int threads;           /* of the int8 networks */
    size_t float_bytes[2]; /* of the float model: weights, activations alive at once at most */
    const struct cli_winners *winners;
    const struct cli_layer_counters *counters; /* of entries[0]; NULL: not asked for */
    struct run_entry entries[RUN_NETWORKS_MAX];
    size_t count; /* at least 1 */
};

void run_print_text(const struct run_result *r, FILE *out);
void run_print_json(const struct run_result *r, FILE *out);

#endif
