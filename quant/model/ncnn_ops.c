/* The operators: a row each. */
#include <string.h>

#include "quant/model/ncnn_int.h"

#define MANY NCNN_ENDS_MAX

/* clang-format off */
static const struct ncnn_op ops[] = {
    { "BatchNorm", ncnn_import_batchnorm, 1, 1, 1, 0, "0 1" },
    { "BinaryOp", ncnn_import_binary, 1, 2, 1, 0, "0 1 2" },
    { "Clip", ncnn_import_clip, 1, 1, 1, 0, "0 1" },
    { "Concat", ncnn_import_concat, 1, MANY, 1, 0, "0" },
    { "Convolution", ncnn_import_conv, 1, 1, 1, 0,
      "0 1 2 3 4 5 6 8 9 10 11 12 13 14 15 16 18 19" },
    { "ConvolutionDepthWise", ncnn_import_conv, 1, 1, 1, 0,
      "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 18 19" },
    { "Crop", ncnn_import_crop, 1, 1, 1, 0, "0 1 2 3 4 5 6 7 8 9 10 11 13 14 15" },
    { "Dropout", ncnn_import_dropout, 1, 1, 1, 0, "0" },
    { "ELU", ncnn_import_alpha, 1, 1, 1, QNT_FN_ELU, "0" },
    { "Eltwise", ncnn_import_eltwise, 2, 2, 1, 0, "0 1" },
    { "Flatten", ncnn_import_flatten, 1, 1, 1, 0, "" },
    { "HardSigmoid", ncnn_import_function, 1, 1, 1, QNT_FN_HARDSIGMOID, "0 1" },
    { "HardSwish", ncnn_import_function, 1, 1, 1, QNT_FN_HARDSWISH, "0 1" },
    { "InnerProduct", ncnn_import_linear, 1, 1, 1, 0, "0 1 2 8 9 10" },
    { "Input", ncnn_import_input, 0, 0, 1, 0, "0 1 2" },
    { "Interp", ncnn_import_interp, 1, 1, 1, 0, "0 1 2 3 4 5 6" },
    { "MemoryData", ncnn_import_memory, 0, 0, 1, 0, "0 1 2 11 21" },
    { "Mish", ncnn_import_function, 1, 1, 1, QNT_FN_MISH, "" },
    { "Noop", ncnn_import_split, 1, 1, 1, 0, "" },
    { "PReLU", ncnn_import_prelu, 1, 1, 1, QNT_FN_LEAKY, "0" },
    { "Padding", ncnn_import_padding, 1, 1, 1, 0, "0 1 2 3 4 5 6 7 8" },
    { "Permute", ncnn_import_permute, 1, 1, 1, 0, "0" },
    { "Pooling", ncnn_import_pooling, 1, 1, 1, 0, "0 1 2 3 4 5 6 7 8 11 12 13 14 15 18" },
    { "ReLU", ncnn_import_relu, 1, 1, 1, QNT_FN_LEAKY, "0" },
    { "Reshape", ncnn_import_reshape, 1, 1, 1, 0, "0 1 2" },
    { "Scale", ncnn_import_scale, 1, 1, 1, 0, "0 1" },
    { "ShuffleChannel", ncnn_import_shuffle, 1, 1, 1, 0, "0 1" },
    { "Sigmoid", ncnn_import_function, 1, 1, 1, QNT_FN_SIGMOID, "" },
    { "Slice", ncnn_import_slice, 1, 1, MANY, 0, "0 1" },
    { "Softmax", ncnn_import_softmax, 1, 1, 1, 0, "0 1" },
    { "Softplus", ncnn_import_function, 1, 1, 1, QNT_FN_SOFTPLUS, "" },
    { "Split", ncnn_import_split, 1, 1, MANY, 0, "" },
    { "Squeeze", ncnn_import_squeeze, 1, 1, 1, 0, "0 1 2 3" },
    { "Swish", ncnn_import_function, 1, 1, 1, QNT_FN_SWISH, "" },
    { "TanH", ncnn_import_function, 1, 1, 1, QNT_FN_TANH, "" },
};
/* clang-format on */

const struct ncnn_op *ncnn_op_find(const char *type)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].name, type) == 0)
            return &ops[i];
    return NULL;
}
