/* The ONNX writer: output_qdq.c lays out the file, quantised tensors and weights; qdq_ops.c has one
 * row per operator. */
#ifndef QUERN_QUANT_QDQ_INT_H
#define QUERN_QUANT_QDQ_INT_H

#include <stdio.h>

#include "quant/pipeline/pipeline_int.h"
#include "quant/pipeline/wire.h"

enum { QDQ_NAME = 400 }; /* bytes of a name with what is added to it */

struct qdq {
    const struct qnt_graph *graph;
    const struct qnt_meaning *meanings; /* by node */
    struct qnt_error *error;
    struct qnt_wire nodes, constants;
    int *ranks;        /* by node: 4, or 2 for a vector */
    int32_t at, named; /* node being written, and the last one whose name an operator has */
    int32_t output;
    int made;            /* names so far */
    char last[QDQ_NAME]; /* the tensor that the last operator gave */
};

/* A constant by the name of the current node and `what`, whose full name is put in `name`. */
enum qdq_type { QDQ_FLOAT = 1, QDQ_INT8 = 3, QDQ_INT32 = 6, QDQ_INT64 = 7 };
void qdq_constant(struct qdq *q, const char *what, enum qdq_type type, int rank,
                  const int64_t *dims, const void *data, size_t bytes, char name[QDQ_NAME]);
/* Begins an operator; add inputs, then attributes; its output is q->last after the end. */
struct qdq_op {
    struct qnt_wire wire;
    const char *type;
};
void qdq_begin(struct qdq_op *op, const char *type);
void qdq_input(struct qdq_op *op, const char *name);
void qdq_attr_int(struct qdq_op *op, const char *name, int64_t value);
void qdq_attr_ints(struct qdq_op *op, const char *name, const int64_t *values, size_t count);
void qdq_attr_float(struct qdq_op *op, const char *name, float value);
void qdq_attr_text(struct qdq_op *op, const char *name, const char *value);
void qdq_end(struct qdq *q, struct qdq_op *op);
/* Input k of the current node, as a tensor of 4 dimensions or a vector; rank 0: as it is. */
void qdq_operand(struct qdq *q, int32_t k, int rank, char name[QDQ_NAME]);
/* The dequantised weights and bias of the current node: [oc][ic][kh][kw] or [oc][ic]. 0 or
 * -ENOMEM. */
int qdq_weights(struct qdq *q, char weight[QDQ_NAME], char bias[QDQ_NAME]);
/* Writes the operator of the current node, without what quantises its result. */
int qdq_write(struct qdq *q);

#endif
