/* Counters of every layer of an int8 network that runs on this machine and on one thread. */
#ifndef QUERN_HARNESS_CLI_LAYER_COUNTERS_H
#define QUERN_HARNESS_CLI_LAYER_COUNTERS_H

#include "harness/pmu/group.h"
#include "quant/pipeline/pipeline.h"

enum cli_layer_event {
    CLI_LAYER_CYCLES,
    CLI_LAYER_INSTRUCTIONS,
    CLI_LAYER_MISSES, /* of the last level of the cache, or what the kernel takes for it */
    CLI_LAYER_EVENTS
};

struct cli_layer_counts {
    double value[CLI_LAYER_EVENTS]; /* of one run, the mean */
    int64_t readings, voids;        /* runs of the layer; those whose counts are none */
};

struct cli_layer_counters {
    struct hrn_group group;
    size_t layers;
    struct {
        int64_t sum[CLI_LAYER_EVENTS], readings, voids;
    } * layer;     /* NULL: there are no counters */
    char why[200]; /* the reason */
};

/* Opens the counters, through the calls of `perf` (&hrn_perf_kernel), and hangs them on the
 * execution until it is closed. Where there are none, that is no failure: `why` says why. Not for
 * an execution of several threads. */
void cli_layer_counters_open(const struct hrn_perf *perf, struct qnt_exec *exec,
                             struct cli_layer_counters *out);
void cli_layer_counters_close(struct cli_layer_counters *counters);
/* 0, or -ENODATA where nothing was counted. */
int cli_layer_counts(const struct cli_layer_counters *counters, size_t layer,
                     struct cli_layer_counts *out);

#endif
