/* The operators: a row each. */
#include <string.h>

#include "quant/model/ncnn_int.h"

#define MANY NCNN_ENDS_MAX

/* clang-format off */
/* Without weights: a network can go on behind it. */
#define REFUSED(type) { type, NULL, NULL, 0, 0, 0, 0, "" }
static const struct ncnn_op ops[] = {
    { "BatchNorm", ncnn_import_batchnorm, ncnn_skip_batchnorm, 1, 1, 1, 0, "0 1" },
    { "BinaryOp", ncnn_import_binary, NULL, 1, 2, 1, 0, "0 1 2" },
    { "Clip", ncnn_import_clip, NULL, 1, 1, 1, 0, "0 1" },
    { "Concat", ncnn_import_concat, NULL, 1, MANY, 1, 0, "0" },
    { "Convolution", ncnn_import_conv, ncnn_skip_conv, 1, 1, 1, 0,
      "0 1 2 3 4 5 6 8 9 10 11 12 13 14 15 16 18 19" },
    { "ConvolutionDepthWise", ncnn_import_conv, ncnn_skip_conv, 1, 1, 1, 0,
      "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 18 19" },
    { "Crop", ncnn_import_crop, NULL, 1, 2, 1, 0, "0 1 2 3 4 5 6 7 8 9 10 11 13 14 15" },
    { "Dropout", ncnn_import_dropout, NULL, 1, 1, 1, 0, "0" },
    { "Deconvolution", ncnn_import_deconv, ncnn_skip_conv, 1, 1, 1, 0,
      "0 1 2 3 4 5 6 9 10 11 12 13 14 15 16 18 19 20 21 28" },
    { "DeconvolutionDepthWise", ncnn_import_deconv, ncnn_skip_conv, 1, 1, 1, 0,
      "0 1 2 3 4 5 6 7 9 10 11 12 13 14 15 16 18 19 20 21 28" },
    REFUSED("DetectionOutput"),
    { "ELU", ncnn_import_alpha, NULL, 1, 1, 1, QNT_FN_ELU, "0" },
    { "Eltwise", ncnn_import_eltwise, NULL, 2, MANY, 1, 0, "0 1" },
    { "Flatten", ncnn_import_flatten, NULL, 1, 1, 1, 0, "" },
    { "HardSigmoid", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_HARDSIGMOID, "0 1" },
    { "HardSwish", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_HARDSWISH, "0 1" },
    { "InnerProduct", ncnn_import_linear, ncnn_skip_linear, 1, 1, 1, 0, "0 1 2 8 9 10" },
    { "Input", ncnn_import_input, NULL, 0, 0, 1, 0, "0 1 2" },
    { "Interp", ncnn_import_interp, NULL, 1, 1, 1, 0, "0 1 2 3 4 5 6" },
    { "LRN", ncnn_import_lrn, NULL, 1, 1, 1, 0, "0 1 2 3 4" },
    { "MemoryData", ncnn_import_memory, ncnn_skip_memory, 0, 0, 1, 0, "0 1 2 11 21" },
    { "Mish", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_MISH, "" },
    { "Noop", ncnn_import_split, NULL, 1, 1, 1, 0, "" },
    { "PReLU", ncnn_import_prelu, ncnn_skip_prelu, 1, 1, 1, QNT_FN_LEAKY, "0" },
    { "Padding", ncnn_import_padding, NULL, 1, 1, 1, 0, "0 1 2 3 4 5 6 7 8" },
    { "Permute", ncnn_import_permute, NULL, 1, 1, 1, 0, "0" },
    { "PixelShuffle", ncnn_import_pixel_shuffle, NULL, 1, 1, 1, 0, "0 1" },
    { "Pooling", ncnn_import_pooling, NULL, 1, 1, 1, 0, "0 1 2 3 4 5 6 7 8 11 12 13 14 15 18" },
    REFUSED("PriorBox"),
    REFUSED("Proposal"),
    REFUSED("ROIAlign"),
    REFUSED("ROIPooling"),
    { "ReLU", ncnn_import_relu, NULL, 1, 1, 1, QNT_FN_LEAKY, "0" },
    { "Reduction", ncnn_import_reduction, NULL, 1, 1, 1, 0, "0 1 2 3 4 5" },
    { "Reshape", ncnn_import_reshape, NULL, 1, 1, 1, 0, "0 1 2" },
    { "Scale", ncnn_import_scale, ncnn_skip_scale, 1, 2, 1, 0, "0 1" },
    { "ShuffleChannel", ncnn_import_shuffle, NULL, 1, 1, 1, 0, "0 1" },
    { "Sigmoid", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_SIGMOID, "" },
    { "Slice", ncnn_import_slice, NULL, 1, 1, MANY, 0, "0 1" },
    { "Softmax", ncnn_import_softmax, NULL, 1, 1, 1, 0, "0 1" },
    { "Softplus", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_SOFTPLUS, "" },
    { "Split", ncnn_import_split, NULL, 1, 1, MANY, 0, "" },
    { "Squeeze", ncnn_import_squeeze, NULL, 1, 1, 1, 0, "0 1 2 3" },
    { "Swish", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_SWISH, "" },
    REFUSED("UnaryOp"),
    REFUSED("YoloDetectionOutput"),
    REFUSED("Yolov3DetectionOutput"),
    { "TanH", ncnn_import_function, NULL, 1, 1, 1, QNT_FN_TANH, "" },
};
/* clang-format on */

const struct ncnn_op *ncnn_op_find(const char *type)
{
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
        if (strcmp(ops[i].name, type) == 0)
            return &ops[i];
    return NULL;
}
