/* What adjust.c, equalise.c and correct_bias.c share. */
#ifndef QUERN_QUANT_ADJUST_INT_H
#define QUERN_QUANT_ADJUST_INT_H

#include "quant/pipeline/adjust.h"
#include "quant/pipeline/pipeline_int.h"

/* What is known of one channel of one tensor. */
struct qnt_channel {
    double sum, squares; /* in the end their means */
    float most;          /* largest magnitude */
};

struct qnt_adjust_job {
    struct qnt_graph *graph;
    const struct qnt_adjust_options *options;
    struct qnt_adjustment *out;
    uint8_t *live;
    int32_t output;
    struct qnt_channel *
        *channels; /* by node, of those that a layer of weights reads or that is one */
    struct qnt_error *error;
};

static inline int qnt_has_channels(const struct qnt_node *n)
{
    return n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;
}

static inline size_t qnt_taps(const struct qnt_node *n)
{
    return (size_t)n->problem.kh * (size_t)n->problem.kw;
}

/* Each fills job->out and changes job->graph. 0 or -ENOMEM. */
int qnt_equalise(struct qnt_adjust_job *job);
int qnt_correct_biases(struct qnt_adjust_job *job);
/* The changes themselves. */
void qnt_apply_factors(struct qnt_graph *graph, int32_t node, const float *factor);
void qnt_apply_bias(struct qnt_graph *graph, int32_t node, const float *change);

#endif
