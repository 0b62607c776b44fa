/* Building and changing a graph: for importers and folding. */
#ifndef QUERN_QUANT_GRAPH_INT_H
#define QUERN_QUANT_GRAPH_INT_H

#include "quant/model/graph.h"

/* Tensors and weights of more elements than this are taken for damage: 1 GB of floats. */
#define QNT_ELEMENTS_MAX ((int64_t)1 << 28)

/* A node of `op` without clamp, inputs or weights. */
struct qnt_node qnt_node_blank(enum qnt_op op);
/* Frees what the node owns. */
void qnt_node_clear(struct qnt_node *node);

/* Appends *node, which the graph then owns, and empties it; its name (borrowed) is copied, also
 * into the title of its problem. The index, or -ENOMEM: then the caller still owns *node. */
int32_t qnt_graph_add(struct qnt_graph *graph, struct qnt_node *node, const char *name);

/* h * w * c. */
size_t qnt_node_elements(const struct qnt_node *node);

/* The problem of a LINEAR layer, or of a 1x1 depthwise layer on h x w with groups = oc. */
struct krn_problem qnt_problem_1x1(int32_t h, int32_t w, int32_t ic, int32_t oc, int32_t groups);

#endif
