/* Which scale each tensor has, and how ratios of scales become integers. */
#include "quant/pipeline/pipeline_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int32_t qnt_live_nodes(const struct qnt_graph *graph, uint8_t *live)
{
    int32_t output = graph->output;
    const struct qnt_node *n = &graph->nodes[output];

    while (n->op == QNT_OP_SOFTMAX ||
           (n->op == QNT_OP_RESHAPE && n->h == 1 && n->w == 1 &&
            graph->nodes[n->inputs[0]].h == 1 && graph->nodes[n->inputs[0]].w == 1 &&
            isinf(n->lo) && isinf(n->hi))) {
        output = n->inputs[0];
        n = &graph->nodes[output];
    }
    memset(live, 0, (size_t)graph->count);
    live[output] = 1;
    live[0] = 1; /* the input, though nothing may read it */
    for (int32_t i = output; i >= 0; i--)
        for (int32_t k = 0; live[i] && k < graph->nodes[i].input_count; k++)
            live[graph->nodes[i].inputs[k]] = 1;
    return output;
}

/* The only live reader of a node, or -1. */
static int32_t sole_reader(const struct qnt_graph *graph, const uint8_t *live, int32_t node)
{
    int32_t reader = -1;

    for (int32_t i = node + 1; i < graph->count; i++)
        for (int32_t k = 0; live[i] && k < graph->nodes[i].input_count; k++)
            if (graph->nodes[i].inputs[k] == node) {
                if (reader >= 0 && reader != i)
                    return -1;
                reader = i;
            }
    return reader;
}

int qnt_keeps_scale(enum qnt_op op)
{
    static const uint8_t keeps[QNT_OP_COUNT] = {
        [QNT_OP_MAXPOOL] = 1, [QNT_OP_RESHAPE] = 1, [QNT_OP_SLICE] = 1,
        [QNT_OP_PAD] = 1,     [QNT_OP_PERMUTE] = 1, [QNT_OP_UPSAMPLE] = 1,
        [QNT_OP_SHUFFLE] = 1, [QNT_OP_RESIZE] = 1,  [QNT_OP_DEPTH_TO_SPACE] = 1,
    };
    return keeps[op];
}

void qnt_scale_owners(const struct qnt_graph *graph, const uint8_t *live, int32_t *owner)
{
    int32_t output = graph->count - 1;

    while (output > 0 && !live[output])
        output--;
    /* Backwards: the reader's scale where the reader is the only one and computes nothing. Scores
     * have no scale: each part of those that are joined keeps its own. */
    for (int32_t i = graph->count - 1; i >= 0; i--) {
        int32_t reader = live[i] ? sole_reader(graph, live, i) : -1;
        owner[i] = i;
        if (reader < 0)
            continue;
        enum qnt_op op = graph->nodes[reader].op;
        if (qnt_keeps_scale(op) || (op == QNT_OP_CONCAT && reader != output))
            owner[i] = owner[reader];
    }
    /* Forwards: what keeps its input's scale follows an input that could not give way. */
    for (int32_t i = 0; i < graph->count; i++)
        if (live[i] && qnt_keeps_scale(graph->nodes[i].op))
            owner[i] = owner[graph->nodes[i].inputs[0]];
}

static int input_is_nonnegative(const struct qnt_graph *graph)
{
    for (int32_t c = 0; c < graph->nodes[0].c && c < QNT_CHANNELS_MAX; c++)
        if (graph->pixels.mean[c] * graph->pixels.norm[c] > 0 || graph->pixels.norm[c] < 0)
            return 0;
    return graph->nodes[0].c <= QNT_CHANNELS_MAX;
}

void qnt_nonnegative(const struct qnt_graph *graph, uint8_t *nonnegative)
{
    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        int all = n->input_count > 0;
        for (int32_t k = 0; k < n->input_count; k++)
            all &= nonnegative[n->inputs[k]];
        switch (n->op) {
        case QNT_OP_INPUT:
            all = input_is_nonnegative(graph);
            break;
        case QNT_OP_SOFTMAX:
            all = 1;
            break;
        case QNT_OP_CONV:
        case QNT_OP_LINEAR:
        case QNT_OP_BATCHNORM:
            all = 0;
            break;
        case QNT_OP_FUNCTION:
            all = (all || qnt_functions[n->function].nonnegative) && n->gain >= 0 && n->shift >= 0;
            break;
        case QNT_OP_PAD:
            all &= n->fill >= 0;
            break;
        default: /* sums, products, means, maxima and moves of what is not negative */
            break;
        }
        nonnegative[i] = (uint8_t)(all || n->lo >= 0);
    }
}

int qnt_thresholds_used(const struct qnt_graph *graph, uint8_t *used)
{
    const size_t count = (size_t)graph->count;
    uint8_t *live = calloc(count, 1);
    int32_t *owner = calloc(count, sizeof(*owner));
    int result = live && owner ? 0 : -ENOMEM;

    memset(used, 0, count);
    if (result == 0) {
        int32_t output = qnt_live_nodes(graph, live);
        qnt_scale_owners(graph, live, owner);
        for (int32_t i = 0; i < graph->count; i++)
            if (live[i] && i != output) /* the scores have no scale */
                used[owner[i]] = 1;
    }
    free(live);
    free(owner);
    return result;
}

int qnt_meanings(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 const struct qnt_quantise_options *options, struct qnt_meaning *out)
{
    const size_t count = (size_t)graph->count;
    uint8_t *live = calloc(count, 1), *nonnegative = calloc(count, 1);
    int32_t *owner = calloc(count, sizeof(*owner));
    const int result = live && nonnegative && owner ? 0 : -ENOMEM;

    if (result == 0) {
        qnt_live_nodes(graph, live);
        qnt_scale_owners(graph, live, owner);
        qnt_nonnegative(graph, nonnegative);
        for (int32_t i = 0; i < graph->count; i++) {
            float threshold = calibration->tensors[owner[i]].threshold;
            int positive = nonnegative[owner[i]] && !options->symmetric;
            out[i].scale = threshold / (positive ? QNT_LEVELS_POSITIVE : QNT_LEVELS);
            out[i].zero = positive ? -QNT_LEVELS - 1 : 0;
            out[i].least = positive ? -QNT_LEVELS - 1 : -QNT_LEVELS;
        }
    }
    free(live);
    free(nonnegative);
    free(owner);
    return result;
}

double qnt_channel_scale(const float *weights, size_t count, double bias, double scale_in)
{
    double scale = (double)qnt_absmax(weights, count) / QNT_LEVELS;
    double least = fabs(bias) / (scale_in * QNT_BIAS_MAX);

    scale = fmax(scale, least);
    return scale > 1e-30 ? scale : 1;
}

QNT_WIDE float qnt_absmax(const float *weights, size_t count)
{
    enum { LANES = 16 };
    float most[LANES] = { 0 };

    for (size_t i = 0; i + LANES <= count; i += LANES)
        for (size_t k = 0; k < LANES; k++)
            most[k] = fabsf(weights[i + k]) > most[k] ? fabsf(weights[i + k]) : most[k];
    for (size_t i = count / LANES * LANES; i < count; i++)
        most[0] = fabsf(weights[i]) > most[0] ? fabsf(weights[i]) : most[0];
    for (size_t k = 1; k < LANES; k++)
        most[0] = most[k] > most[0] ? most[k] : most[0];
    return most[0];
}

void qnt_fixed_point(const double *ratio, const int32_t *most, int32_t count, int32_t *factor,
                     int32_t *shift)
{
    *shift = QNT_SHIFT_MAX;
    for (int32_t i = 0; i < count; i++)
        while (*shift > 1 && ldexp(ratio[i], *shift) > (most ? most[i] : QNT_FACTOR_MAX))
            --*shift;
    for (int32_t i = 0; i < count; i++)
        factor[i] =
            (int32_t)fmin(most ? most[i] : QNT_FACTOR_MAX, nearbyint(ldexp(ratio[i], *shift)));
}
