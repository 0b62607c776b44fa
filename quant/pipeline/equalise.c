/* Equalisation. A tensor has one scale: a channel whose values are small gets few of its steps.
 * Dividing what a layer gives in channel i by s[i] < 1, and multiplying the weights that read it,
 * changes nothing but rounding, as a ReLU lets a factor pass. It makes the steps of the channel
 * finer and those of the weights that read it coarser by the same factor. With x and w the root
 * mean squares of both, in their steps, the sum of the squared errors is least where
 *     s[i] = sqrt(x[i] / w[i])
 * and a reader that is depthwise has scales of its own for each channel, so nothing to lose: there
 * channels grow as far as they may. That is until one reaches the largest magnitude of the tensor
 * or the largest root mean square of a channel: the tensor keeps its range and nearly its
 * threshold, and no channel reaches an upper clamp (ReLU6) that it has not reached before, on these
 * images. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "quant/pipeline/adjust_int.h"

/* ---- Weights by the channel that they read */

/* Where the weights of output channel `oc` that read input channel `ic` begin, NULL if none do; the
 * next tap is *step further. */
static float *weights_on(const struct qnt_node *n, int32_t oc, int32_t ic, size_t *step)
{
    const struct krn_problem *p = &n->problem;
    const int32_t ics = p->ic / p->groups, ocs = p->oc / p->groups;

    *step = (size_t)ics;
    if (oc / ocs != ic / ics)
        return NULL;
    return n->weight + (size_t)oc * (n->weight_count / (size_t)p->oc) + (size_t)(ic % ics);
}

static float row_absmax(const struct qnt_node *n, int32_t oc)
{
    const size_t depth = n->weight_count / (size_t)n->problem.oc;

    return qnt_absmax(n->weight + (size_t)oc * depth, depth);
}

/* Sum of squares, in steps of their output channels, of the weights that read `ic`, and how many.
 */
static void weigh(const struct qnt_node *n, int32_t ic, double *squares, double *count)
{
    for (int32_t oc = 0; oc < n->problem.oc; oc++) {
        size_t step;
        const float *w = weights_on(n, oc, ic, &step);
        const double unit = w ? (double)row_absmax(n, oc) / QNT_LEVELS : 0;
        for (size_t t = 0; w && unit > 0 && t < qnt_taps(n); t++) {
            double q = (double)w[t * step] / unit;
            *squares += q * q;
            *count += 1;
        }
    }
}

static void multiply_reader(struct qnt_node *n, const float *factor)
{
    for (int32_t ic = 0; ic < n->problem.ic; ic++)
        for (int32_t oc = 0; oc < n->problem.oc; oc++) {
            size_t step;
            float *w = weights_on(n, oc, ic, &step);
            for (size_t t = 0; w && t < qnt_taps(n); t++)
                w[t * step] *= factor[ic];
        }
}

static void divide_giver(struct qnt_node *n, const float *factor)
{
    const size_t depth = n->weight_count / (size_t)n->problem.oc;

    for (int32_t oc = 0; oc < n->problem.oc; oc++) {
        for (size_t k = 0; k < depth; k++)
            n->weight[(size_t)oc * depth + k] /= factor[oc];
        if (n->bias)
            n->bias[oc] /= factor[oc];
    }
}

/* ---- Equalisation */

static int reads(const struct qnt_node *n, int32_t node)
{
    for (int32_t k = 0; k < n->input_count; k++)
        if (n->inputs[k] == node)
            return 1;
    return 0;
}

/* A layer of weights that reads these channels as they are. */
static int takes_channels(const struct qnt_node *n, int32_t channels)
{
    return qnt_has_channels(n) && n->problem.ic == channels;
}

/* A layer of weights, with at most a ReLU, that only layers of weights read. */
static int can_equalise(const struct qnt_adjust_job *job, int32_t node)
{
    const struct qnt_node *n = &job->graph->nodes[node];
    int readers = 0;

    if (!job->live[node] || !qnt_has_channels(n) || node == job->output ||
        !(n->lo == 0 || isinf(n->lo)))
        return 0;
    if (isinf(n->lo) && !isinf(n->hi))
        return 0;
    for (int32_t i = node + 1; i < job->graph->count; i++)
        if (job->live[i] && reads(&job->graph->nodes[i], node)) {
            if (!takes_channels(&job->graph->nodes[i], n->c))
                return 0;
            readers++;
        }
    return readers > 0;
}

/* x[i] / w[i] of channel i; infinite where nothing reads it. */
static double balance(const struct qnt_adjust_job *job, int32_t node, int32_t channel, double step)
{
    double squares = 0, count = 0;

    for (int32_t i = node + 1; i < job->graph->count; i++)
        if (job->live[i] && reads(&job->graph->nodes[i], node))
            weigh(&job->graph->nodes[i], channel, &squares, &count);
    double w = count > 0 ? sqrt(squares / count) : 0;
    double x = sqrt(job->channels[node][channel].squares) / step;
    return w > 0 ? x / w : INFINITY;
}

static int only_depthwise_read(const struct qnt_adjust_job *job, int32_t node)
{
    for (int32_t i = node + 1; i < job->graph->count; i++) {
        const struct qnt_node *n = &job->graph->nodes[i];
        if (job->live[i] && reads(n, node) && !krn_problem_is_depthwise(&n->problem))
            return 0;
    }
    return 1;
}

/* A channel that is this much smaller than the largest is as good as dead. */
#define FACTOR_LEAST (1.0f / 64)

static void find_factors(const struct qnt_adjust_job *job, int32_t node, float *factor)
{
    const struct qnt_node *n = &job->graph->nodes[node];
    const struct qnt_channel *channels = job->channels[node];
    const int free_choice = only_depthwise_read(job, node);
    float most = 0;
    double most_squares = 0;

    for (int32_t c = 0; c < n->c; c++) {
        most = fmaxf(most, channels[c].most);
        most_squares = fmax(most_squares, channels[c].squares);
    }
    const double step = (double)most / (n->lo == 0 ? QNT_LEVELS_POSITIVE : QNT_LEVELS);
    for (int32_t c = 0; c < n->c; c++) {
        factor[c] = 1;
        if (!(channels[c].most > 0))
            continue;
        float least = fmaxf(channels[c].most / most, FACTOR_LEAST);
        least = fmaxf(least, (float)sqrt(channels[c].squares / most_squares));
        double wanted = free_choice ? 0 : sqrt(balance(job, node, c, step));
        factor[c] = wanted > 1 ? 1 : fmaxf((float)wanted, least);
    }
}

/* The values of the channels are those of the changed network from now on. */
static void change_channels(const struct qnt_adjust_job *job, int32_t node)
{
    const float *factor = job->out[node].factor;
    struct qnt_channel *c = job->channels[node];

    for (int32_t i = 0; i < job->graph->nodes[node].c; i++, c++) {
        c->sum /= (double)factor[i];
        c->squares /= (double)factor[i] * (double)factor[i];
        c->most /= factor[i];
    }
}

void qnt_apply_factors(struct qnt_graph *graph, int32_t node, const float *factor)
{
    divide_giver(&graph->nodes[node], factor);
    for (int32_t i = node + 1; i < graph->count; i++)
        if (reads(&graph->nodes[i], node) && takes_channels(&graph->nodes[i], graph->nodes[node].c))
            multiply_reader(&graph->nodes[i], factor);
}

int qnt_equalise(struct qnt_adjust_job *job)
{
    for (int32_t i = 0; i < job->graph->count; i++) {
        if (!can_equalise(job, i))
            continue;
        job->out[i].factor = calloc((size_t)job->graph->nodes[i].c, sizeof(float));
        if (!job->out[i].factor)
            return -ENOMEM;
        find_factors(job, i, job->out[i].factor);
        qnt_apply_factors(job->graph, i, job->out[i].factor);
        change_channels(job, i);
    }
    return 0;
}
