/* The operators: a row each. */
#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* ---- No arithmetic */

int onnx_import_identity(struct onnx *o)
{
    struct onnx_view x;
    int rc = onnx_input(o, 0, &x);
    return rc ? rc : onnx_alias(o, 0, &x);
}

/* Between kinds of real numbers: all are floats here. */
int onnx_import_cast(struct onnx *o)
{
    int64_t to;
    int rc = onnx_attr_int(o, "to", 0, 1, INT32_MAX, &to);

    if (rc == 0 && onnx_class_of((int32_t)to) != ONNX_REAL)
        rc = onnx_fail(o, -ENOTSUP, "turns a tensor into whole numbers, which is not supported");
    return rc ? rc : onnx_import_identity(o);
}

/* clang-format off */
#define WINDOW "auto_pad", "dilations", "kernel_shape", "pads", "strides"
#define PAIR(n, pair_kind)                                                                   \
    { .name = n, .import = onnx_import_affine, .compute = onnx_compute_pair, .inputs_min = 2,      \
      .inputs_max = 2, .kind = pair_kind }
#define COMPARE(n, compute_kind)                                                                   \
    { .name = n, .compute = onnx_compute_pair, .inputs_min = 2, .inputs_max = 2,                   \
      .kind = compute_kind, .attributes = { "axis", "broadcast", "fmod" } }
#define SINGLE(n, compute_kind)                                                                    \
    { .name = n, .compute = onnx_compute_single, .inputs_min = 1, .inputs_max = 1,                 \
      .kind = compute_kind }
#define FUNCTION(n, f, ...)                                                                        \
    { .name = n, .import = onnx_import_function, .inputs_min = 1, .inputs_max = 1,                 \
      .op = QNT_OP_FUNCTION, .function = f, __VA_ARGS__ }

static_assert((int)ONNX_ADD == (int)ONNX_C_ADD && (int)ONNX_SUB == (int)ONNX_C_SUB &&
              (int)ONNX_MUL == (int)ONNX_C_MUL && (int)ONNX_DIV == (int)ONNX_C_DIV,
              "one kind serves tensors and constants");

static const struct onnx_op ops[] = {
    SINGLE("Abs", ONNX_C_ABS),
    PAIR("Add", ONNX_ADD),
    COMPARE("And", ONNX_C_AND),
    { .name = "AveragePool", .import = onnx_import_pool, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_AVGPOOL, .attributes = { WINDOW, "ceil_mode", "count_include_pad" } },
    { .name = "BatchNormalization", .import = onnx_import_batchnorm, .inputs_min = 5,
      .inputs_max = 5, .op = QNT_OP_BATCHNORM,
      .attributes = { "epsilon", "momentum", "spatial", "training_mode" } },
    { .name = "Cast", .import = onnx_import_cast, .compute = onnx_compute_cast, .inputs_min = 1,
      .inputs_max = 1, .attributes = { "saturate", "to" } },
    SINGLE("Ceil", ONNX_C_CEIL),
    { .name = "Clip", .import = onnx_import_clip, .inputs_min = 1, .inputs_max = 3,
      .op = QNT_OP_CLIP, .lo = -INFINITY, .hi = INFINITY, .attributes = { "max", "min" } },
    { .name = "Concat", .import = onnx_import_concat, .compute = onnx_compute_concat,
      .inputs_min = 1, .inputs_max = 256, .op = QNT_OP_CONCAT, .attributes = { "axis" } },
    { .name = "Constant", .compute = onnx_compute_constant,
      .attributes = { "value", "value_float", "value_floats", "value_int", "value_ints" } },
    { .name = "ConstantOfShape", .compute = onnx_compute_fill, .inputs_min = 1, .inputs_max = 1,
      .attributes = { "value" } },
    { .name = "Conv", .import = onnx_import_conv, .inputs_min = 2, .inputs_max = 3,
      .op = QNT_OP_CONV, .attributes = { WINDOW, "group" } },
    { .name = "ConvTranspose", .import = onnx_import_conv_transpose, .inputs_min = 2,
      .inputs_max = 3, .op = QNT_OP_CONV,
      .attributes = { WINDOW, "group", "output_padding", "output_shape" } },
    { .name = "DepthToSpace", .import = onnx_import_depth_to_space, .inputs_min = 1,
      .inputs_max = 1, .op = QNT_OP_DEPTH_TO_SPACE, .attributes = { "blocksize", "mode" } },
    { .name = "DequantizeLinear", .import = onnx_import_identity,
      .compute = onnx_compute_dequantize, .inputs_min = 2, .inputs_max = 3,
      .attributes = { "axis" } },
    PAIR("Div", ONNX_DIV),
    { .name = "Dropout", .import = onnx_import_identity, .inputs_min = 1, .inputs_max = 3,
      .attributes = { "ratio", "seed" } },
    FUNCTION("Elu", QNT_FN_ELU, .alpha = 1, .attributes = { "alpha" }),
    COMPARE("Equal", ONNX_C_EQUAL),
    { .name = "Expand", .compute = onnx_compute_expand, .inputs_min = 2, .inputs_max = 2 },
    { .name = "Flatten", .import = onnx_import_flatten, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_RESHAPE, .attributes = { "axis" } },
    SINGLE("Floor", ONNX_C_FLOOR),
    { .name = "Gather", .import = onnx_import_gather, .compute = onnx_compute_gather,
      .inputs_min = 2, .inputs_max = 2, .attributes = { "axis" } },
    { .name = "Gemm", .import = onnx_import_gemm, .inputs_min = 2, .inputs_max = 3,
      .op = QNT_OP_LINEAR, .attributes = { "alpha", "beta", "transA", "transB" } },
    { .name = "GlobalAveragePool", .import = onnx_import_global, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_GLOBAL_AVGPOOL },
    { .name = "GlobalMaxPool", .import = onnx_import_global, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_MAXPOOL },
    COMPARE("Greater", ONNX_C_GREATER),
    FUNCTION("HardSigmoid", QNT_FN_HARDSIGMOID, .alpha = 0.2f, .beta = 0.5f,
             .attributes = { "alpha", "beta" }),
    FUNCTION("HardSwish", QNT_FN_HARDSWISH, .alpha = 1.0f / 6, .beta = 0.5f),
    { .name = "Identity", .import = onnx_import_identity, .compute = onnx_compute_same,
      .inputs_min = 1, .inputs_max = 1 },
    { .name = "LRN", .import = onnx_import_lrn, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_LRN, .attributes = { "alpha", "beta", "bias", "size" } },
    FUNCTION("LeakyRelu", QNT_FN_LEAKY, .alpha = 0.01f, .attributes = { "alpha" }),
    COMPARE("Less", ONNX_C_LESS),
    { .name = "LogSoftmax", .import = onnx_import_log_softmax, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_SOFTMAX, .attributes = { "axis" } },
    { .name = "MatMul", .import = onnx_import_matmul, .inputs_min = 2, .inputs_max = 2,
      .op = QNT_OP_LINEAR },
    { .name = "Max", .import = onnx_import_clip, .compute = onnx_compute_pair, .inputs_min = 2,
      .inputs_max = 2, .op = QNT_OP_CLIP, .lo = -INFINITY, .hi = INFINITY,
      .kind = ONNX_C_MAX },
    { .name = "MaxPool", .import = onnx_import_pool, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_MAXPOOL, .attributes = { WINDOW, "ceil_mode", "storage_order" } },
    { .name = "Min", .import = onnx_import_clip, .compute = onnx_compute_pair, .inputs_min = 2,
      .inputs_max = 2, .op = QNT_OP_CLIP, .lo = -INFINITY, .hi = INFINITY,
      .kind = ONNX_C_MIN },
    FUNCTION("Mish", QNT_FN_MISH, .alpha = 0),
    COMPARE("Mod", ONNX_C_MOD),
    PAIR("Mul", ONNX_MUL),
    { .name = "Neg", .import = onnx_import_negate, .compute = onnx_compute_single,
      .inputs_min = 1, .inputs_max = 1, .kind = ONNX_C_NEG },
    SINGLE("Not", ONNX_C_NOT),
    COMPARE("Or", ONNX_C_OR),
    { .name = "PRelu", .import = onnx_import_prelu, .inputs_min = 2, .inputs_max = 2,
      .op = QNT_OP_FUNCTION },
    { .name = "Pad", .import = onnx_import_pad, .inputs_min = 1, .inputs_max = 4,
      .op = QNT_OP_PAD, .attributes = { "mode", "pads", "value" } },
    COMPARE("Pow", ONNX_C_POW),
    { .name = "QuantizeLinear", .import = onnx_import_identity, .compute = onnx_compute_quantize,
      .inputs_min = 2, .inputs_max = 3, .attributes = { "axis", "saturate" } },
    { .name = "Range", .compute = onnx_compute_range, .inputs_min = 3, .inputs_max = 3 },
    SINGLE("Reciprocal", ONNX_C_RECIPROCAL),
    { .name = "ReduceMax", .import = onnx_import_reduce, .inputs_min = 1, .inputs_max = 2,
      .op = QNT_OP_MAXPOOL, .attributes = { "axes", "keepdims", "noop_with_empty_axes" } },
    { .name = "ReduceMean", .import = onnx_import_reduce, .inputs_min = 1, .inputs_max = 2,
      .op = QNT_OP_GLOBAL_AVGPOOL, .attributes = { "axes", "keepdims", "noop_with_empty_axes" } },
    { .name = "ReduceProd", .compute = onnx_compute_reduce_prod, .inputs_min = 1, .inputs_max = 2,
      .attributes = { "axes", "keepdims", "noop_with_empty_axes" } },
    { .name = "Relu", .import = onnx_import_clip, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_CLIP, .lo = 0, .hi = INFINITY },
    { .name = "Reshape", .import = onnx_import_reshape, .compute = onnx_compute_reshape,
      .inputs_min = 1, .inputs_max = 2, .op = QNT_OP_RESHAPE,
      .attributes = { "allowzero", "shape" } },
    { .name = "Resize", .import = onnx_import_resize, .inputs_min = 2, .inputs_max = 4,
      .op = QNT_OP_RESIZE,
      .attributes = { "antialias", "coordinate_transformation_mode", "cubic_coeff_a",
                      "exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy", "mode",
                      "nearest_mode", "scales" } },
    SINGLE("Round", ONNX_C_ROUND),
    { .name = "Shape", .import = onnx_compute_shape, .compute = onnx_compute_shape,
      .inputs_min = 1, .inputs_max = 1, .attributes = { "end", "start" } },
    FUNCTION("Sigmoid", QNT_FN_SIGMOID, .alpha = 0),
    { .name = "Slice", .import = onnx_import_slice, .compute = onnx_compute_slice,
      .inputs_min = 1, .inputs_max = 5, .op = QNT_OP_SLICE,
      .attributes = { "axes", "ends", "starts" } },
    { .name = "Softmax", .import = onnx_import_softmax, .inputs_min = 1, .inputs_max = 1,
      .op = QNT_OP_SOFTMAX, .attributes = { "axis" } },
    FUNCTION("Softplus", QNT_FN_SOFTPLUS, .alpha = 0),
    { .name = "Split", .import = onnx_import_split, .inputs_min = 1, .inputs_max = 2,
      .op = QNT_OP_SLICE, .attributes = { "axis", "num_outputs", "split" } },
    SINGLE("Sqrt", ONNX_C_SQRT),
    { .name = "Squeeze", .import = onnx_import_squeeze, .compute = onnx_compute_squeeze,
      .inputs_min = 1, .inputs_max = 2, .attributes = { "axes" } },
    PAIR("Sub", ONNX_SUB),
    { .name = "Sum", .import = onnx_import_sum, .inputs_min = 1, .inputs_max = 256,
      .op = QNT_OP_ADD },
    FUNCTION("Tanh", QNT_FN_TANH, .alpha = 0),
    { .name = "Transpose", .import = onnx_import_transpose, .compute = onnx_compute_transpose,
      .inputs_min = 1, .inputs_max = 1, .op = QNT_OP_PERMUTE, .attributes = { "perm" } },
    { .name = "Unsqueeze", .import = onnx_import_unsqueeze, .compute = onnx_compute_unsqueeze,
      .inputs_min = 1, .inputs_max = 2, .attributes = { "axes" } },
    { .name = "Upsample", .import = onnx_import_resize, .inputs_min = 1, .inputs_max = 2,
      .op = QNT_OP_RESIZE, .attributes = { "mode", "scales" } },
    { .name = "Where", .compute = onnx_compute_where, .inputs_min = 3, .inputs_max = 3 },
};
/* clang-format on */

const struct onnx_op *onnx_op_find(const Onnx__NodeProto *node)
{
    const char *domain = node->domain ? node->domain : "";
    if (*domain && strcmp(domain, "ai.onnx") != 0)
        return NULL;
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (node->op_type && strcmp(ops[i].name, node->op_type) == 0)
            return &ops[i];
    return NULL;
}
