/* Patterns of nodes that are one function. */
#ifndef QUERN_QUANT_FUSE_H
#define QUERN_QUANT_FUSE_H

#include "quant/model/graph.h"

/* For qnt_fold(), before anything is folded. Adds no node and removes none. */
void qnt_fuse_functions(struct qnt_graph *graph);

#endif
