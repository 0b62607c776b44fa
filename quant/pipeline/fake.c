/* A float network in which chosen layers behave as int8 ones: two float networks side by side, one
 * with the weights of the file, one with quantised ones; each node runs in one of them, and both
 * get what it gives, rounded to its bytes where it is chosen. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "quant/pipeline/pipeline_int.h"

struct qnt_fake {
    const struct qnt_graph *graph;
    struct qnt_graph rounded; /* nodes of `graph`, those with weights with copies of them */
    struct qnt_float *exec[2];
    struct qnt_meaning *meanings;
    struct qnt_adds adds;
    uint8_t *live;
    int32_t output;
    float *tensor; /* room for the largest */
};

static int has_weights(const struct qnt_node *n)
{
    return n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;
}

static size_t elements(const struct qnt_node *n)
{
    return (size_t)n->h * (size_t)n->w * (size_t)n->c;
}

int qnt_fake_rounds(const struct qnt_fake *fake, int32_t node)
{
    const struct qnt_node *n = &fake->graph->nodes[node];

    return fake->live[node] && !qnt_keeps_scale(n->op) && (node != fake->output || has_weights(n));
}

/* ---- Weights */

static void round_channel(float *weights, size_t count, float *bias, double scale_in)
{
    double scale = qnt_channel_scale(weights, count, (double)*bias, scale_in);

    for (size_t i = 0; i < count; i++) {
        double q = nearbyint((double)weights[i] / scale);
        weights[i] = (float)(fmin(QNT_LEVELS, fmax(-QNT_LEVELS, q)) * scale);
    }
    *bias = (float)(nearbyint((double)*bias / (scale_in * scale)) * scale_in * scale);
}

static int round_node(struct qnt_fake *fake, int32_t index)
{
    struct qnt_node *n = &fake->rounded.nodes[index];
    const struct qnt_node *from = &fake->graph->nodes[index];
    const size_t depth = n->weight_count / (size_t)n->problem.oc;

    n->weight = malloc(n->weight_count * sizeof(float));
    n->bias = malloc(n->bias_count * sizeof(float));
    if (!n->weight || !n->bias)
        return -ENOMEM;
    memcpy(n->weight, from->weight, n->weight_count * sizeof(float));
    memcpy(n->bias, from->bias, n->bias_count * sizeof(float));
    for (size_t c = 0; c < n->bias_count; c++)
        round_channel(n->weight + c * depth, depth, &n->bias[c],
                      (double)fake->meanings[n->inputs[0]].scale);
    return 0;
}

static int copy_graph(struct qnt_fake *fake)
{
    const struct qnt_graph *g = fake->graph;
    int result = 0;

    fake->rounded = *g;
    fake->rounded.nodes = calloc((size_t)g->count, sizeof(*g->nodes));
    if (!fake->rounded.nodes)
        return -ENOMEM;
    memcpy(fake->rounded.nodes, g->nodes, (size_t)g->count * sizeof(*g->nodes));
    for (int32_t i = 0; i < g->count; i++)
        if (has_weights(&g->nodes[i]))
            fake->rounded.nodes[i].weight = fake->rounded.nodes[i].bias = NULL;
    for (int32_t i = 0; i < g->count && result == 0; i++)
        if (has_weights(&g->nodes[i]))
            result = round_node(fake, i);
    return result;
}

static int prepare(struct qnt_fake *fake, const struct qnt_calibration *calibration,
                   const struct qnt_quantise_options *options)
{
    const struct qnt_graph *g = fake->graph;
    size_t most = 1;

    fake->meanings = calloc((size_t)g->count, sizeof(*fake->meanings));
    fake->live = calloc((size_t)g->count, 1);
    fake->adds.wide = calloc((size_t)g->count, 1);
    fake->adds.partner = calloc((size_t)g->count, sizeof(*fake->adds.partner));
    for (int32_t i = 0; i < g->count; i++)
        most = elements(&g->nodes[i]) > most ? elements(&g->nodes[i]) : most;
    fake->tensor = malloc(most * sizeof(float));
    if (!fake->meanings || !fake->live || !fake->adds.wide || !fake->adds.partner || !fake->tensor)
        return -ENOMEM;
    fake->output = qnt_live_nodes(g, fake->live);
    qnt_plan_adds(g, fake->live, fake->output, options, &fake->adds);
    int result = qnt_meanings(g, calibration, options, fake->meanings);
    return result ? result : copy_graph(fake);
}

int qnt_fake_open(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                  const struct qnt_quantise_options *options, struct qnt_fake **out,
                  struct qnt_error *error)
{
    static const struct qnt_quantise_options defaults;
    struct qnt_fake *fake = calloc(1, sizeof(*fake));
    int result = -ENOMEM;

    *out = NULL;
    if (!fake)
        goto fail;
    fake->graph = graph;
    result = prepare(fake, calibration, options ? options : &defaults);
    if (result == 0)
        result = qnt_float_open(graph, &fake->exec[0], error);
    if (result == 0)
        result = qnt_float_open(&fake->rounded, &fake->exec[1], error);
    if (result != 0)
        goto fail;
    *out = fake;
    return 0;
fail:
    qnt_fake_close(fake);
    return qnt_error_set(error, result, "out of memory");
}

void qnt_fake_close(struct qnt_fake *fake)
{
    if (!fake)
        return;
    qnt_float_close(fake->exec[0]);
    qnt_float_close(fake->exec[1]);
    for (int32_t i = 0; fake->rounded.nodes && i < fake->graph->count; i++)
        if (has_weights(&fake->graph->nodes[i])) {
            free(fake->rounded.nodes[i].weight);
            free(fake->rounded.nodes[i].bias);
        }
    free(fake->rounded.nodes);
    free(fake->meanings);
    free(fake->live);
    free(fake->adds.wide);
    free(fake->adds.partner);
    free(fake->tensor);
    free(fake);
}

/* ---- Running */

/* Real values of bytes. */
static void round_tensor(struct qnt_meaning m, const float *in, size_t count, float *out)
{
    const float inverse = 1 / m.scale;
    const float lo = (float)(m.least - m.zero), hi = (float)(QNT_LEVELS - m.zero);

    for (size_t i = 0; i < count; i++) {
        float x = in[i] * inverse;
        x = x > lo ? x : lo;
        out[i] = rintf(x < hi ? x : hi) * m.scale;
    }
}

/* A convolution that computes the add which reads it, or gives it its sums: only its weights are
 * rounded. */
static int gives_to_add(const struct qnt_fake *fake, int32_t node)
{
    return has_weights(&fake->graph->nodes[node]) &&
           (fake->adds.partner[node] || fake->adds.wide[node]);
}

static void run_node(struct qnt_fake *fake, int32_t index, int quantised)
{
    const size_t count = elements(&fake->graph->nodes[index]);

    if (index > 0)
        qnt_float_run_node(fake->exec[quantised], index);
    const float *made = qnt_float_tensor(fake->exec[index > 0 ? quantised : 0], index);
    if (quantised && index != fake->output && !gives_to_add(fake, index))
        round_tensor(fake->meanings[index], made, count, fake->tensor);
    else
        memcpy(fake->tensor, made, count * sizeof(float));
    qnt_float_put(fake->exec[0], index, fake->tensor);
    qnt_float_put(fake->exec[1], index, fake->tensor);
}

const float *qnt_fake_run(struct qnt_fake *fake, const float *image, int32_t first,
                          const uint8_t *quantised)
{
    if (first == 0)
        qnt_float_put(fake->exec[0], 0, image);
    for (int32_t i = first; i <= fake->output; i++)
        if (fake->live[i])
            run_node(fake, i, quantised[i] && qnt_fake_rounds(fake, i));
    return qnt_float_tensor(fake->exec[0], fake->output);
}
