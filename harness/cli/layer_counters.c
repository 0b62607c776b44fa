#include "harness/cli/layer_counters.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void begin(void *user)
{
    struct cli_layer_counters *c = user;

    hrn_group_start(&c->group);
}

/* A reading that was not counted all the time is left out, as everywhere. */
static void end(size_t layer, void *user)
{
    struct cli_layer_counters *c = user;
    struct hrn_reading reading;

    hrn_group_stop(&c->group, &reading);
    if (layer >= c->layers)
        return;
    hrn_group_net(&c->group, 0, &reading);
    if (reading.state != HRN_COUNTED) {
        c->layer[layer].voids++;
        return;
    }
    c->layer[layer].readings++;
    for (int e = 0; e < CLI_LAYER_EVENTS; e++)
        c->layer[layer].sum[e] += reading.value[e];
}

void cli_layer_counters_open(const struct hrn_perf *perf, struct qnt_exec *exec,
                             struct cli_layer_counters *out)
{
    static const struct hrn_pass pass = {
        .event = { [CLI_LAYER_CYCLES] = { "cycles", HRN_EVENT_HARDWARE, PERF_COUNT_HW_CPU_CYCLES },
                   [CLI_LAYER_INSTRUCTIONS] = { "instructions", HRN_EVENT_HARDWARE,
                                                PERF_COUNT_HW_INSTRUCTIONS },
                   [CLI_LAYER_MISSES] = { "cache-misses", HRN_EVENT_HARDWARE,
                                          PERF_COUNT_HW_CACHE_MISSES } },
        .count = CLI_LAYER_EVENTS
    };
    struct qnt_exec_layer layer;

    memset(out, 0, sizeof(*out));
    if (hrn_group_open(perf, &pass, 0, -1, &out->group, out->why, sizeof(out->why)) != 0)
        return;
    while (qnt_exec_layer(exec, out->layers, &layer) == 0)
        out->layers++;
    out->layer = calloc(out->layers, sizeof(*out->layer));
    if (!out->layer) {
        hrn_group_close(&out->group);
        memset(&out->group, 0, sizeof(out->group));
        snprintf(out->why, sizeof(out->why), "out of memory");
        return;
    }
    qnt_exec_meter(exec, &(struct qnt_meter) { begin, end, out });
}

void cli_layer_counters_close(struct cli_layer_counters *counters)
{
    if (counters->layer)
        hrn_group_close(&counters->group);
    free(counters->layer);
    memset(counters, 0, sizeof(*counters));
}

int cli_layer_counts(const struct cli_layer_counters *c, size_t layer, struct cli_layer_counts *out)
{
    *out = (struct cli_layer_counts) { .readings = 0 };
    if (!c->layer || layer >= c->layers)
        return -ENODATA;
    out->readings = c->layer[layer].readings;
    out->voids = c->layer[layer].voids;
    for (int e = 0; e < CLI_LAYER_EVENTS && out->readings; e++)
        out->value[e] = (double)c->layer[layer].sum[e] / (double)out->readings;
    return out->readings ? 0 : -ENODATA;
}
