/* The ONNX importer: onnx.c opens the file and walks its nodes; onnx_ops.c has one row per
 * operator; onnx_layers.c (conv, linear, pools), onnx_channels.c (what works on each channel) and
 * onnx_shapes.c have their functions; onnx_read.c reads attributes and constants for them. Whatever
 * the file says is checked before it is used: a size before it multiplies, a name before it is
 * looked up, a count before an array is read. */
#ifndef QUERN_QUANT_ONNX_INT_H
#define QUERN_QUANT_ONNX_INT_H

#include "onnx.pb-c.h"
#include "quant/model/graph_int.h"

#define ONNX_RANK_MAX 8
#define ONNX_EXTENT_MAX 65535 /* strides, taps, pads, dilations: more is damage */

/* A tensor in the file; its elements are borrowed from the decoded message, and not aligned. */
struct onnx_const {
    int32_t type; /* ONNX__TENSOR_PROTO__DATA_TYPE__... */
    int rank;
    int64_t dims[ONNX_RANK_MAX];
    size_t count;
    const void *data; /* [count]; NULL if count is 0 */
};

/* What a name of the file stands for. */
struct onnx_value {
    const char *name; /* borrowed; NULL = free slot */
    enum { ONNX_NODE, ONNX_CONST } kind;
    int32_t node; /* of the graph */
    int rank;     /* 4: [n][c][h][w], 2: [n][c]; of a node */
    struct onnx_const constant;
};

struct onnx {
    const char *path;
    const Onnx__ModelProto *model;
    const Onnx__NodeProto *node; /* being imported */
    const struct onnx_op *op;
    struct qnt_graph *graph;
    struct qnt_error *error;
    struct onnx_value *values; /* open addressing by name */
    size_t capacity;           /* slots, a power of two, never full */
    int64_t opset;
    int64_t elements; /* of weights so far, against QNT_ELEMENTS_MAX */
};

/* One row per operator. */
struct onnx_op {
    const char *name;
    int (*import)(struct onnx *o);
    size_t inputs_min, inputs_max;
    enum qnt_op op;
    float lo, hi;               /* of activations */
    const char *attributes[10]; /* every one that is understood */
};
/* 0, or a negative errno with the error set. */
int onnx_import_add(struct onnx *o);
int onnx_import_batchnorm(struct onnx *o);
int onnx_import_clip(struct onnx *o);
int onnx_import_concat(struct onnx *o);
int onnx_import_conv(struct onnx *o);
int onnx_import_flatten(struct onnx *o);
int onnx_import_gemm(struct onnx *o);
int onnx_import_global(struct onnx *o);
int onnx_import_log_softmax(struct onnx *o);
int onnx_import_matmul(struct onnx *o);
int onnx_import_pad(struct onnx *o);
int onnx_import_pool(struct onnx *o);
int onnx_import_reduce_mean(struct onnx *o);
int onnx_import_reshape(struct onnx *o);
int onnx_import_softmax(struct onnx *o);
const struct onnx_op *onnx_op_find(const Onnx__NodeProto *node); /* NULL if unknown */

/* Sets the error "FILE: node 'N' (Op): sentence" and returns code. */
int onnx_fail(const struct onnx *o, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- Values. Looking up gives 0, or fails with the sentence set. */
struct onnx_value *onnx_find(const struct onnx *o, const char *name); /* NULL if not defined */
/* A new value of that name, to be filled; -EEXIST where there is one already. */
int onnx_define(struct onnx *o, const char *name, struct onnx_value **out);
int onnx_has_input(const struct onnx *o, size_t i);
/* Input i as the tensor of a node, or as a constant of a type. */
int onnx_input(const struct onnx *o, size_t i, const struct onnx_value **out);
int onnx_input_const(const struct onnx *o, size_t i, int32_t type, const struct onnx_const **out);
const struct qnt_node *onnx_node_of(const struct onnx *o, const struct onnx_value *value);
int onnx_input_of_rank(const struct onnx *o, size_t i, int rank, const struct onnx_value **out);
/* A blank node with one input and, until told otherwise, the shape of it. */
struct qnt_node onnx_node_on(const struct onnx *o, enum qnt_op op, const struct onnx_value *x);
/* Adds *node to the graph (always takes it) and makes it the current node's output. */
int onnx_emit(struct onnx *o, struct qnt_node *node, int rank);
/* The current node's output is the tensor of `value`. */
int onnx_alias(struct onnx *o, const struct onnx_value *value, int rank);

/* ---- Constants */
int onnx_const_of(const struct onnx *o, const Onnx__TensorProto *tensor, struct onnx_const *out);
const char *onnx_type_name(int32_t type);
/* A copy of `count` finite floats; fails if the constant holds another number of them. */
int onnx_floats(struct onnx *o, const struct onnx_const *c, size_t count, float **out);
int64_t onnx_int_at(const struct onnx_const *c, size_t i);
/* A finite or infinite float, one element of any rank. */
int onnx_scalar(const struct onnx *o, const struct onnx_const *c, float *out);
/* Zeros. */
int onnx_zeros(struct onnx *o, size_t count, float **out);

/* ---- Attributes of the current node. Absent: the fallback. */
const Onnx__AttributeProto *onnx_attr(const struct onnx *o, const char *name);
int onnx_attr_int(const struct onnx *o, const char *name, int64_t fallback, int64_t low,
                  int64_t high, int64_t *out);
int onnx_attr_float(const struct onnx *o, const char *name, float fallback, float *out);
/* `count` integers, each in [low, ONNX_EXTENT_MAX]. */
int onnx_attr_ints(const struct onnx *o, const char *name, size_t count, int32_t fallback,
                   int32_t low, int32_t *out);
int onnx_check_attributes(const struct onnx *o);

#endif
