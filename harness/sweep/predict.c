#include "harness/sweep/predict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const hrn_predicted_names[HRN_PREDICTED_COUNT] = {
    [HRN_PREDICTED_CYCLES] = "cycles",           [HRN_PREDICTED_PEAK_CYCLES] = "peak.cycles",
    [HRN_PREDICTED_TILE_CYCLES] = "tile.cycles", [HRN_PREDICTED_TILE_MACS] = "tile.mac",
    [HRN_PREDICTED_LOOP_CYCLES] = "loop.cycles", [HRN_PREDICTED_LOOP_MACS] = "loop.mac",
};

/* The sink's progress, for a callback that has no place for a pointer to it. */
static const struct hrn_sweep_sink *telling;

static void tell(size_t done, size_t total, const char *note)
{
    telling->progress(done, total, note, telling->user);
}

static int give_sample(const struct hrn_sweep_sink *sink, size_t layer, const struct var_variant *v,
                       const struct hrn_prediction *p, double peak_cycles)
{
    const double values[HRN_PREDICTED_COUNT] = {
        [HRN_PREDICTED_CYCLES] = p->cycles,           [HRN_PREDICTED_PEAK_CYCLES] = peak_cycles,
        [HRN_PREDICTED_TILE_CYCLES] = p->tile_cycles, [HRN_PREDICTED_TILE_MACS] = p->tile_macs,
        [HRN_PREDICTED_LOOP_CYCLES] = p->loop_cycles, [HRN_PREDICTED_LOOP_MACS] = p->loop_macs,
    };
    const struct hrn_sample sample = { .calls = HRN_PREDICTED_CALLS,
                                       .temp_mc = INT32_MIN,
                                       .migrations = -1,
                                       .context_switches = -1,
                                       .outcome = HRN_OK };
    struct hrn_counter counters[HRN_PREDICTED_COUNT];
    size_t n = 0;
    memset(counters, 0, sizeof counters);
    for (int i = 0; i < HRN_PREDICTED_COUNT; i++) {
        if (i >= HRN_PREDICTED_LOOP_CYCLES && p->loop_cycles <= 0)
            continue;
        snprintf(counters[n].event, sizeof counters[n].event, "%s", hrn_predicted_names[i]);
        counters[n++].value = llround(values[i] * HRN_PREDICTED_CALLS);
    }
    return sink->sample(layer, v, &sample, counters, n, sink->user);
}

static int give(const struct hrn_sweep_sink *sink, size_t layer, const struct hrn_plan_layer *of,
                size_t i, const struct hrn_prediction *p, const struct var_core *core)
{
    const struct var_variant *v = &of->variants[i];
    double macs = (double)krn_problem_macs(&of->layer->problem);
    if (p->outcome == HRN_OK)
        return give_sample(sink, layer, v, p, macs / core->peak[v->isa]);
    struct hrn_proof proof = { .outcome = p->outcome, .stage = HRN_STAGE_TIME };
    memcpy(proof.detail, p->detail, sizeof proof.detail);
    return sink->proof(layer, v, &proof, sink->user);
}

int hrn_sweep_predict(const struct hrn_plan *plan, const struct var_core *core,
                      const volatile sig_atomic_t *stop, const struct hrn_sweep_sink *sink,
                      char *err, size_t err_bytes)
{
    const struct hrn_predict_options options = { .core = core, .stop = stop, .progress = tell };
    struct hrn_prediction **predictions;
    telling = sink;
    int rc = hrn_predict_plan(plan, &options, &predictions, err, err_bytes);
    for (size_t l = 0; !rc && l < plan->count; l++) {
        rc = sink->layer(l, sink->user);
        for (size_t i = 0; !rc && i < plan->layers[l].count; i++)
            rc = give(sink, l, &plan->layers[l], i, &predictions[l][i], core);
    }
    if (predictions)
        hrn_predictions_free(predictions, plan->count);
    return rc;
}

int hrn_plan_predict(struct hrn_plan *plan, const struct hrn_predict_options *options, char *err,
                     size_t err_bytes)
{
    struct hrn_prediction **predictions;
    int rc = hrn_predict_plan(plan, options, &predictions, err, err_bytes);
    for (size_t l = 0; !rc && l < plan->count; l++) {
        struct hrn_plan_layer *layer = &plan->layers[l];
        free(layer->predicted);
        layer->predicted = calloc(layer->count + 1, sizeof *layer->predicted);
        if (!layer->predicted) {
            snprintf(err, err_bytes, "out of memory");
            rc = -ENOMEM;
        }
        for (size_t i = 0; !rc && i < layer->count; i++)
            layer->predicted[i] =
                predictions[l][i].outcome == HRN_OK ? predictions[l][i].cycles : (double)NAN;
    }
    hrn_predictions_free(predictions, plan->count);
    return rc;
}

/* ---- choosing */

struct rank {
    double cycles;
    size_t index;
};

static int by_cycles(const void *a, const void *b)
{
    const struct rank *x = a, *y = b;
    if (x->cycles < y->cycles || x->cycles > y->cycles)
        return x->cycles < y->cycles ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Variants and what goes with each, in the order that they had. */
static void keep_marked(struct hrn_plan_layer *layer, const unsigned char *marked)
{
    size_t kept = 0;
    for (size_t i = 0; i < layer->count; i++) {
        if (!marked[i])
            continue;
        layer->variants[kept] = layer->variants[i];
        layer->predicted[kept] = layer->predicted[i];
        if (layer->prior)
            layer->prior[kept] = layer->prior[i];
        kept++;
    }
    layer->count = kept;
}

void hrn_plan_keep(struct hrn_plan *plan, size_t keep)
{
    for (size_t l = 0; l < plan->count; l++) {
        struct hrn_plan_layer *layer = &plan->layers[l];
        struct rank *ranks = calloc(layer->count + 1, sizeof *ranks);
        unsigned char *marked = calloc(layer->count + 1, 1);
        size_t n = 0, left = keep > layer->defaults ? keep - layer->defaults : 0;
        for (size_t i = 0; ranks && marked && layer->predicted && i < layer->count; i++) {
            marked[i] = i < layer->defaults;
            if (!marked[i])
                ranks[n++] =
                    (struct rank) { isnan(layer->predicted[i]) ? INFINITY : layer->predicted[i],
                                    i };
        }
        if (n)
            qsort(ranks, n, sizeof *ranks, by_cycles);
        for (size_t i = 0; i < n && i < left; i++)
            marked[ranks[i].index] = 1;
        if (marked && layer->predicted) {
            plan->variants -= layer->count;
            keep_marked(layer, marked);
            plan->variants += layer->count;
        }
        free(ranks);
        free(marked);
    }
}
