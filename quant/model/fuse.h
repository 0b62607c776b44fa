/* Patterns of nodes that are one function. */
#ifndef QUERN_QUANT_FUSE_H
#define QUERN_QUANT_FUSE_H

#include "quant/model/graph.h"

/* For qnt_fold(), before anything is folded. Adds no node and removes none. */
void qnt_fuse_functions(struct qnt_graph *graph);
/* 1 for a BATCHNORM that is x * factor + shift, with the same two numbers for all channels. */
int qnt_is_uniform(const struct qnt_node *norm, float *factor, float *shift);

#endif
