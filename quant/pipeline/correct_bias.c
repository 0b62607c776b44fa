/* Correction of biases (Nagel et al. 2019). Rounding the weights of a channel shifts its mean by
 * the sum of what they changed times the means of what they read; the bias takes that back. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "quant/pipeline/adjust_int.h"

/* The share of output positions whose tap k lies inside the image, along one axis. */
static double share_inside(int32_t k, int32_t out, int32_t stride, int32_t pad, int32_t dilation,
                           int32_t in)
{
    int32_t inside = 0;

    for (int32_t o = 0; o < out; o++) {
        int64_t at = (int64_t)o * stride - pad + (int64_t)k * dilation;
        inside += at >= 0 && at < in;
    }
    return (double)inside / out;
}

/* shares[kh * kw] */
static void find_shares(const struct krn_problem *p, double *shares)
{
    for (int32_t y = 0; y < p->kh; y++)
        for (int32_t x = 0; x < p->kw; x++)
            *shares++ = share_inside(y, p->oh, p->sh, p->ph, p->dh, p->ih) *
                        share_inside(x, p->ow, p->sw, p->pw, p->dw, p->iw);
}

/* What rounding the weights of output channel `oc` adds to its mean. */
static double mean_shift(const struct qnt_adjust_job *job, const struct qnt_node *n, int32_t oc,
                         const double *shares)
{
    const struct krn_problem *p = &n->problem;
    const int32_t ics = p->ic / p->groups;
    const size_t depth = n->weight_count / (size_t)p->oc;
    const float *w = n->weight + (size_t)oc * depth;
    const struct qnt_channel *in = job->channels[n->inputs[0]] + oc / (p->oc / p->groups) * ics;
    const double scale = qnt_channel_scale(w, depth, 0, 1);
    double shift = 0;

    for (size_t k = 0; k < depth; k++) {
        double rounded = nearbyint((double)w[k] / scale) * scale;
        shift += (rounded - (double)w[k]) * shares[k / (size_t)ics] * in[k % (size_t)ics].sum;
    }
    return shift;
}

static int correct_node(struct qnt_adjust_job *job, int32_t index)
{
    const struct qnt_node *n = &job->graph->nodes[index];
    double *shares = malloc(qnt_taps(n) * sizeof(*shares));
    float *change = calloc((size_t)n->problem.oc, sizeof(*change));

    if (!shares || !change) {
        free(shares);
        free(change);
        return -ENOMEM;
    }
    find_shares(&n->problem, shares);
    for (int32_t oc = 0; oc < n->problem.oc; oc++)
        change[oc] = (float)-mean_shift(job, n, oc, shares);
    free(shares);
    job->out[index].bias = change;
    return 0;
}

void qnt_apply_bias(struct qnt_graph *graph, int32_t node, const float *change)
{
    struct qnt_node *n = &graph->nodes[node];

    for (size_t c = 0; c < n->bias_count; c++)
        n->bias[c] += change[c];
}

int qnt_correct_biases(struct qnt_adjust_job *job)
{
    int result = 0;

    for (int32_t i = 0; i < job->graph->count && result == 0; i++)
        if (job->live[i] && qnt_has_channels(&job->graph->nodes[i]) && job->graph->nodes[i].bias)
            result = correct_node(job, i);
    for (int32_t i = 0; i < job->graph->count && result == 0; i++)
        if (job->out[i].bias)
            qnt_apply_bias(job->graph, i, job->out[i].bias);
    return result;
}
