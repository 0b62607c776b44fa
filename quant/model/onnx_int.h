/* The ONNX importer. onnx.c opens the file and walks the nodes that lead to the result; onnx_ops.c
 * has one row per operator; their functions are in onnx_layers.c (conv, linear, pools),
 * onnx_channels.c (what works on each element or channel), onnx_shapes.c and onnx_resize.c (what
 * moves elements); onnx_arith.c and onnx_lists.c compute what depends on constants alone, as the
 * shapes that exporters write; onnx_cut.c says where to cut what is not supported; onnx_views.c
 * keeps tensors of any rank on the three axes of a graph; onnx_read.c reads attributes and
 * constants. Whatever the file says is checked before it is used: a size before it multiplies, a
 * name before it is looked up, a count before an array is read. */
#ifndef QUERN_QUANT_ONNX_INT_H
#define QUERN_QUANT_ONNX_INT_H

#include "onnx.pb-c.h"
#include "quant/model/graph_int.h"

#define ONNX_RANK_MAX 8
#define ONNX_EXTENT_MAX 65535 /* strides, taps, pads, dilations: more is damage */

/* What may stand in a constant: */
enum onnx_class { ONNX_OTHER, ONNX_WHOLE, ONNX_REAL };

/* A tensor in the file, or computed from such; its elements are borrowed from the decoded message
 * or kept by the importer, and not aligned. */
struct onnx_const {
    int32_t type; /* ONNX__TENSOR_PROTO__DATA_TYPE__... */
    int rank;
    int64_t dims[ONNX_RANK_MAX];
    size_t count;
    size_t stride;    /* bytes from one element to the next */
    const void *data; /* [count]; NULL if count is 0, or the type cannot be read */
};

/* A tensor of the graph as the file sees it. The elements of a node, in the order c, h, w, are an
 * array [dims[0]]...[dims[rank - 1]]; dimension i of the file is its dimension perm[i]. It is plain
 * if perm changes nothing and the node's own shape is that of onnx_axes(). */
struct onnx_view {
    int32_t node; /* of the graph */
    int rank;
    int64_t dims[ONNX_RANK_MAX];
    int perm[ONNX_RANK_MAX];
};

/* What a name of the file stands for. */
struct onnx_value {
    const char *name; /* borrowed; NULL = free slot */
    enum { ONNX_NODE, ONNX_CONST } kind;
    struct onnx_view view;
    struct onnx_const constant;
};

struct onnx {
    const char *path;
    const struct qnt_load *how;
    const Onnx__ModelProto *model;
    const Onnx__NodeProto *node; /* being imported */
    const struct onnx_op *op;
    struct qnt_graph *graph;
    struct qnt_error *error;
    struct onnx_value *values; /* open addressing by name */
    size_t capacity;           /* slots, a power of two, never full */
    int64_t opset;
    int64_t elements; /* of weights so far, against QNT_ELEMENTS_MAX */
    int64_t computed; /* elements of computed constants so far, against the size of the file */
    size_t bytes;     /* of the file */
    struct onnx_kept *kept; /* computed constants, freed at the end */
};

/* One row per operator. */
struct onnx_op {
    const char *name;
    int (*import)(struct onnx *o);  /* NULL: only of constants */
    int (*compute)(struct onnx *o); /* where all inputs are constants; NULL: it cannot */
    size_t inputs_min, inputs_max;
    enum qnt_op op;
    enum qnt_function function;
    float lo, hi;               /* of activations */
    float alpha, beta;          /* of functions, where the file does not say */
    int kind;                   /* which of several operations that share a function */
    const char *attributes[12]; /* every one that is understood */
};
const struct onnx_op *onnx_op_find(const Onnx__NodeProto *node); /* NULL if unknown */

/* Imports: 0, or a negative errno with the error set. */
enum onnx_pair { ONNX_ADD, ONNX_SUB, ONNX_MUL, ONNX_DIV };
int onnx_import_affine(struct onnx *o); /* op->kind: enum onnx_pair */
int onnx_import_batchnorm(struct onnx *o);
int onnx_import_cast(struct onnx *o);
int onnx_import_clip(struct onnx *o);
int onnx_import_concat(struct onnx *o);
int onnx_import_conv(struct onnx *o);
int onnx_import_conv_transpose(struct onnx *o);
int onnx_import_depth_to_space(struct onnx *o);
int onnx_import_flatten(struct onnx *o);
int onnx_import_function(struct onnx *o);
int onnx_import_gather(struct onnx *o);
int onnx_import_gemm(struct onnx *o);
int onnx_import_global(struct onnx *o);
int onnx_import_identity(struct onnx *o);
int onnx_import_log_softmax(struct onnx *o);
int onnx_import_lrn(struct onnx *o);
int onnx_import_matmul(struct onnx *o);
int onnx_import_negate(struct onnx *o);
int onnx_import_pad(struct onnx *o);
int onnx_import_pool(struct onnx *o);
int onnx_import_prelu(struct onnx *o);
int onnx_import_reduce(struct onnx *o);
int onnx_import_reshape(struct onnx *o);
int onnx_import_resize(struct onnx *o);
int onnx_import_slice(struct onnx *o);
int onnx_import_softmax(struct onnx *o);
int onnx_import_split(struct onnx *o);
int onnx_import_squeeze(struct onnx *o);
int onnx_import_sum(struct onnx *o);
int onnx_import_transpose(struct onnx *o);
int onnx_import_unsqueeze(struct onnx *o);

/* Computing constants: likewise. */
enum onnx_whole_pair {
    ONNX_C_ADD,
    ONNX_C_SUB,
    ONNX_C_MUL,
    ONNX_C_DIV,
    ONNX_C_MIN,
    ONNX_C_MAX,
    ONNX_C_POW,
    ONNX_C_EQUAL,
    ONNX_C_LESS,
    ONNX_C_GREATER,
    ONNX_C_AND,
    ONNX_C_OR,
    ONNX_C_MOD
};
enum onnx_single {
    ONNX_C_NEG,
    ONNX_C_ABS,
    ONNX_C_FLOOR,
    ONNX_C_CEIL,
    ONNX_C_ROUND,
    ONNX_C_SQRT,
    ONNX_C_RECIPROCAL,
    ONNX_C_NOT
};
int onnx_compute_pair(struct onnx *o);   /* op->kind: enum onnx_whole_pair */
int onnx_compute_single(struct onnx *o); /* op->kind: enum onnx_single */
int onnx_compute_cast(struct onnx *o);
int onnx_compute_concat(struct onnx *o);
int onnx_compute_constant(struct onnx *o);
int onnx_compute_dequantize(struct onnx *o);
int onnx_compute_expand(struct onnx *o);
int onnx_compute_fill(struct onnx *o);
int onnx_compute_gather(struct onnx *o);
int onnx_compute_quantize(struct onnx *o);
int onnx_compute_range(struct onnx *o);
int onnx_compute_reduce_prod(struct onnx *o);
int onnx_compute_reshape(struct onnx *o);
int onnx_compute_same(struct onnx *o);
int onnx_compute_shape(struct onnx *o); /* of a tensor that depends on the image, too */
int onnx_compute_slice(struct onnx *o);
int onnx_compute_squeeze(struct onnx *o);
int onnx_compute_transpose(struct onnx *o);
int onnx_compute_unsqueeze(struct onnx *o);
int onnx_compute_where(struct onnx *o);

/* Sets the error "FILE: node 'N' (Op): sentence" and returns code. */
int onnx_fail(const struct onnx *o, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds to the error that node `failed` has left which tensors before it can be had; needed[node] =
 * 1 for those that lead to the result. Names of tensors are lost. */
void onnx_hint_cut(struct onnx *o, const uint8_t *needed, size_t failed);

/* ---- Values. Looking up gives 0, or fails with the sentence set. */
struct onnx_value *onnx_find(const struct onnx *o, const char *name); /* NULL if not defined */
/* A new value of that name, to be filled; -EEXIST where there is one already. */
int onnx_define(struct onnx *o, const char *name, struct onnx_value **out);
int onnx_has_input(const struct onnx *o, size_t i);
int onnx_input_is_const(const struct onnx *o, size_t i); /* 0 for one that is missing, too */
/* Input i: the tensor as it lies; the same, made plain; and plain of so many dimensions. */
int onnx_input(const struct onnx *o, size_t i, struct onnx_view *out);
int onnx_input_plain(struct onnx *o, size_t i, struct onnx_view *out);
int onnx_input_of_rank(struct onnx *o, size_t i, int rank, struct onnx_view *out);
/* Input i as a constant, of any class or of that one. */
int onnx_input_any(const struct onnx *o, size_t i, const struct onnx_const **out);
int onnx_input_const(const struct onnx *o, size_t i, enum onnx_class class,
                     const struct onnx_const **out);
const struct qnt_node *onnx_node_of(const struct onnx *o, const struct onnx_view *view);
/* A blank node with one input and, until told otherwise, the shape of it. */
struct qnt_node onnx_node_on(const struct onnx *o, enum qnt_op op, const struct onnx_view *x);
/* Adds *node to the graph (always takes it) and makes it output i of the current node: a tensor as
 * `like`, whose node is not read. */
int onnx_emit(struct onnx *o, size_t i, struct qnt_node *node, const struct onnx_view *like);
/* The same with the plain dimensions [1][c][h][w]. */
int onnx_emit_image(struct onnx *o, struct qnt_node *node);
/* Adds *node (always takes it) as a part of the current one; its index. */
int onnx_emit_part(struct onnx *o, struct qnt_node *node, const char *what, int32_t *out);
/* A part that moves elements of *node, [c][h][w] of the result in chw; *node becomes it. */
int onnx_emit_move(struct onnx *o, enum qnt_op op, const int32_t chw[3], struct qnt_place place,
                   int32_t *node);
/* Output i of the current node is that tensor, or that constant. */
int onnx_alias(struct onnx *o, size_t i, const struct onnx_view *view);
int onnx_alias_const(struct onnx *o, const struct onnx_const *constant);

/* ---- Views */
/* A plain view of `rank` dimensions; of an array [1][c][h][w]. */
struct onnx_view onnx_view_of(int rank, const int64_t *dims);
struct onnx_view onnx_view_image(int64_t c, int64_t h, int64_t w);
int64_t onnx_dim(const struct onnx_view *v, int i); /* of the file */
/* The axes on which a plain tensor lies: a first dimension of 1 is the batch; then c; c, w; or c,
 * h, w, with all further dimensions in w. */
void onnx_axes(int rank, const int64_t *dims, int32_t chw[3]);
/* Makes it plain, with moves in the graph where they are needed. */
int onnx_plain(struct onnx *o, struct onnx_view *v);
/* The same elements, in the file's order, as other dimensions of the same product. */
int onnx_reshape(struct onnx *o, struct onnx_view *v, int rank, const int64_t *dims);
/* A plain tensor whose channels are dimension `axis` of v, and back: `axis` of the result is the
 * channels of `plain`, whose node and number of channels may have changed; v says the rest. */
int onnx_axis_first(struct onnx *o, const struct onnx_view *v, int axis, struct onnx_view *plain);
struct onnx_view onnx_axis_back(const struct onnx_view *v, int axis, int32_t node,
                                int64_t channels);
/* -rank..rank-1 -> 0..rank-1, or an error. */
int onnx_axis(const struct onnx *o, int64_t said, int rank, int *out);

/* ---- Constants */
int onnx_const_of(const struct onnx *o, const Onnx__TensorProto *tensor, struct onnx_const *out);
enum onnx_class onnx_class_of(int32_t type);
const char *onnx_type_name(int32_t type);
/* A new constant of whole (int64) or real (float) numbers, zeros; *data is writable. */
int onnx_const_new(struct onnx *o, enum onnx_class class, int rank, const int64_t *dims,
                   struct onnx_const *out, void **data);
/* A copy of `count` finite floats; fails if the constant holds another number of them. */
int onnx_floats(struct onnx *o, const struct onnx_const *c, size_t count, float **out);
int64_t onnx_int_at(const struct onnx_const *c, size_t i);
double onnx_real_at(const struct onnx_const *c, size_t i);
/* A finite or infinite float, one element of any rank. */
int onnx_scalar(const struct onnx *o, const struct onnx_const *c, float *out);
/* Zeros. */
int onnx_zeros(struct onnx *o, size_t count, float **out);
void onnx_forget(struct onnx *o); /* frees computed constants */

/* ---- Attributes of the current node. Absent: the fallback. */
const Onnx__AttributeProto *onnx_attr(const struct onnx *o, const char *name);
int onnx_attr_int(const struct onnx *o, const char *name, int64_t fallback, int64_t low,
                  int64_t high, int64_t *out);
int onnx_attr_float(const struct onnx *o, const char *name, float fallback, float *out);
/* `count` integers, each in [low, ONNX_EXTENT_MAX]. */
int onnx_attr_ints(const struct onnx *o, const char *name, size_t count, int32_t fallback,
                   int32_t low, int32_t *out);
/* Which of `names` it is; fallback -1: it must be there. */
int onnx_attr_word(const struct onnx *o, const char *name, const char *const *names, size_t count,
                   int fallback, int *out);
/* A list of whole numbers: input i, or the attribute of older operator sets; *count = SIZE_MAX if
 * neither is there. */
enum { ONNX_LIST_MAX = 64 };
int onnx_list(const struct onnx *o, size_t i, const char *name, int64_t out[ONNX_LIST_MAX],
              size_t *count);
int onnx_check_attributes(const struct onnx *o);

#endif
