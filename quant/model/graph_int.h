/* Building and changing a graph: for importers and folding. */
#ifndef QUERN_QUANT_GRAPH_INT_H
#define QUERN_QUANT_GRAPH_INT_H

#include "quant/model/graph.h"

/* Tensors and weights of more elements than this are taken for damage: 1 GB of floats. */
#define QNT_ELEMENTS_MAX ((int64_t)1 << 28)

/* The whole of a regular file, at least one byte long; *data is the caller's to free. */
int qnt_read_file(const char *path, uint8_t **data, size_t *bytes, struct qnt_error *error);

/* A node of `op` without clamp, inputs or weights. */
struct qnt_node qnt_node_blank(enum qnt_op op);
/* The same, of node `input` of the graph, in its shape. */
struct qnt_node qnt_node_after(const struct qnt_graph *graph, int32_t input, enum qnt_op op);
/* Frees what the node owns. */
void qnt_node_clear(struct qnt_node *node);

/* Appends *node, which the graph then owns, and empties it; its name (borrowed) is copied, also
 * into the title of its problem,
 * and as that of its tensor, unless that has one. The index, or -ENOMEM: then the caller still owns
 * *node. */
int32_t qnt_graph_add(struct qnt_graph *graph, struct qnt_node *node, const char *name);

/* h * w * c. */
size_t qnt_node_elements(const struct qnt_node *node);

/* Windows along one axis: of a convolution or a pool. */
enum qnt_padding {
    QNT_PADDING_GIVEN,      /* in begin and end */
    QNT_PADDING_SAME_UPPER, /* so that there are in / stride outputs; the odd one at the end */
    QNT_PADDING_SAME_LOWER  /* ... at the beginning */
};
enum qnt_rounding {
    QNT_ROUND_DOWN,      /* a window that does not fit is left out */
    QNT_ROUND_UP,        /* it is kept */
    QNT_ROUND_UP_INSIDE, /* it is kept where it begins before the end padding */
};
struct qnt_axis {
    int32_t in, taps, stride, dilation; /* all >= 1 */
    int32_t begin, end;                 /* padding: given, or found */
    enum qnt_rounding rounding;
    int may_miss; /* a window may lie in the padding: a convolution gives its bias there */
    int32_t out;  /* found */
};
/* Finds out (and the padding). -EINVAL where no window fits, or one would lie outside the image. */
int qnt_axis_place(struct qnt_axis *axis, enum qnt_padding padding);

/* The problem of a LINEAR layer, or of a 1x1 depthwise layer on h x w with groups = oc. */
struct krn_problem qnt_problem_1x1(int32_t h, int32_t w, int32_t ic, int32_t oc, int32_t groups);

#endif
