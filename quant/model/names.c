/* Names of operators, for whoever needs no more of the graph. */
#include "quant/model/graph.h"

const char *const qnt_op_names[QNT_OP_COUNT] = {
    [QNT_OP_INPUT] = "input",
    [QNT_OP_CONV] = "conv",
    [QNT_OP_LINEAR] = "linear",
    [QNT_OP_BATCHNORM] = "batchnorm",
    [QNT_OP_CLIP] = "clip",
    [QNT_OP_ADD] = "add",
    [QNT_OP_MAXPOOL] = "maxpool",
    [QNT_OP_AVGPOOL] = "avgpool",
    [QNT_OP_GLOBAL_AVGPOOL] = "global-avgpool",
    [QNT_OP_CONCAT] = "concat",
    [QNT_OP_RESHAPE] = "reshape",
    [QNT_OP_SOFTMAX] = "softmax",
    [QNT_OP_MUL] = "mul",
    [QNT_OP_FUNCTION] = "function",
    [QNT_OP_SLICE] = "slice",
    [QNT_OP_PAD] = "pad",
    [QNT_OP_PERMUTE] = "permute",
    [QNT_OP_UPSAMPLE] = "upsample",
    [QNT_OP_SHUFFLE] = "shuffle",
    [QNT_OP_RESIZE] = "resize",
    [QNT_OP_LRN] = "lrn",
    [QNT_OP_DEPTH_TO_SPACE] = "depth-to-space",
};
