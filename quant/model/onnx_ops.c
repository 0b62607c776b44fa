#include "quant/model/onnx_int.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define FLOAT ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64 ONNX__TENSOR_PROTO__DATA_TYPE__INT64

/* ---- No arithmetic */

static int import_identity(struct onnx *o)
{
    const struct onnx_value *x = onnx_find(o, o->node->input[0]);
    if (x && x->kind == ONNX_CONST) {
        struct onnx_value copy = *x, *out;
        int rc = onnx_define(o, o->node->output[0], &out);
        if (rc)
            return rc;
        copy.name = out->name;
        *out = copy;
        return 0;
    }
    int rc = onnx_input(o, 0, &x);
    return rc ? rc : onnx_alias(o, x, x->rank);
}

/* A number or a list of numbers stands in the attribute itself. */
static int constant_of_attribute(const struct onnx *o, const Onnx__AttributeProto *a,
                                 struct onnx_const *out)
{
    switch (a->has_type ? (int)a->type : 0) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        if (a->t)
            return onnx_const_of(o, a->t, out);
        break;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        *out = (struct onnx_const){ .type = FLOAT, .count = 1, .data = &a->f };
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        *out = (struct onnx_const){ .type = INT64, .count = 1, .data = &a->i };
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        *out = (struct onnx_const){ .type = FLOAT, .rank = 1, .dims = { (int64_t)a->n_floats },
                                    .count = a->n_floats, .data = a->floats };
        return 0;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        *out = (struct onnx_const){ .type = INT64, .rank = 1, .dims = { (int64_t)a->n_ints },
                                    .count = a->n_ints, .data = a->ints };
        return 0;
    }
    return onnx_fail(o, -ENOTSUP, "attribute '%s' holds no value that can be read", a->name);
}

static int import_constant(struct onnx *o)
{
    struct onnx_const constant;
    struct onnx_value *out;

    if (o->node->n_attribute != 1)
        return onnx_fail(o, -EINVAL, "has %zu values, expected 1", o->node->n_attribute);
    int rc = constant_of_attribute(o, o->node->attribute[0], &constant);
    if (rc == 0)
        rc = onnx_define(o, o->node->output[0], &out);
    if (rc)
        return rc;
    out->kind = ONNX_CONST;
    out->constant = constant;
    return 0;
}

/* clang-format off */
static const struct onnx_op ops[] = {
    { "Add", onnx_import_add, 2, 2, QNT_OP_ADD, 0, 0, { NULL } },
    { "AveragePool", onnx_import_pool, 1, 1, QNT_OP_AVGPOOL, 0, 0,
      { "auto_pad", "ceil_mode", "count_include_pad", "dilations", "kernel_shape", "pads",
        "strides" } },
    { "BatchNormalization", onnx_import_batchnorm, 5, 5, QNT_OP_BATCHNORM, 0, 0,
      { "epsilon", "momentum", "spatial", "training_mode" } },
    { "Clip", onnx_import_clip, 1, 3, QNT_OP_CLIP, -INFINITY, INFINITY, { "max", "min" } },
    { "Concat", onnx_import_concat, 1, QNT_INPUTS_MAX, QNT_OP_CONCAT, 0, 0, { "axis" } },
    { "Constant", import_constant, 0, 0, QNT_OP_COUNT, 0, 0,
      { "value", "value_float", "value_floats", "value_int", "value_ints" } },
    { "Conv", onnx_import_conv, 2, 3, QNT_OP_CONV, 0, 0,
      { "auto_pad", "dilations", "group", "kernel_shape", "pads", "strides" } },
    { "Dropout", import_identity, 1, 3, QNT_OP_COUNT, 0, 0, { "ratio", "seed" } },
    { "Flatten", onnx_import_flatten, 1, 1, QNT_OP_RESHAPE, 0, 0, { "axis" } },
    { "Gemm", onnx_import_gemm, 2, 3, QNT_OP_LINEAR, 0, 0,
      { "alpha", "beta", "transA", "transB" } },
    { "GlobalAveragePool", onnx_import_global, 1, 1, QNT_OP_GLOBAL_AVGPOOL, 0, 0, { NULL } },
    { "Identity", import_identity, 1, 1, QNT_OP_COUNT, 0, 0, { NULL } },
    { "LogSoftmax", onnx_import_log_softmax, 1, 1, QNT_OP_SOFTMAX, 0, 0, { "axis" } },
    { "MatMul", onnx_import_matmul, 2, 2, QNT_OP_LINEAR, 0, 0, { NULL } },
    { "MaxPool", onnx_import_pool, 1, 1, QNT_OP_MAXPOOL, 0, 0,
      { "auto_pad", "ceil_mode", "dilations", "kernel_shape", "pads", "storage_order",
        "strides" } },
    { "Pad", onnx_import_pad, 1, 4, QNT_OP_COUNT, 0, 0, { "mode", "pads", "value" } },
    { "ReduceMean", onnx_import_reduce_mean, 1, 2, QNT_OP_GLOBAL_AVGPOOL, 0, 0,
      { "axes", "keepdims", "noop_with_empty_axes" } },
    { "Relu", onnx_import_clip, 1, 1, QNT_OP_CLIP, 0, INFINITY, { NULL } },
    { "Reshape", onnx_import_reshape, 2, 2, QNT_OP_RESHAPE, 0, 0, { "allowzero" } },
    { "Softmax", onnx_import_softmax, 1, 1, QNT_OP_SOFTMAX, 0, 0, { "axis" } },
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
