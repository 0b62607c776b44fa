/* Transposed convolutions as ordinary ones, which kernels run: each of the s x t phases of the
 * output is a convolution of the input with every s-th, t-th tap. All phases are one convolution
 * with so many times the channels, whose channels then become pixels. Exact: the same products are
 * summed, and zeros. */
#ifndef QUERN_QUANT_DECONV_H
#define QUERN_QUANT_DECONV_H

#include "quant/model/graph_int.h"

/* Output pixel i * stride + k * dilation - begin gets input pixel i times tap k. By axis: h, w. */
struct qnt_deconv {
    int32_t in[2], taps[2], stride[2], dilation[2], begin[2];
    int32_t out[2]; /* what is beyond the reach of all taps is the bias */
    int32_t ic, oc, groups;
};

enum { QNT_DECONV_PARTS = 4 };
/* The layers of which it is made, each reading the one before: their weights and shapes are set,
 * names and inputs are not. weight is [oc][taps h][taps w][ic / groups], bias [oc]. The number of
 * them, the caller's to clear; or -EINVAL or -ENOMEM, and why. */
int qnt_deconv_parts(const struct qnt_deconv *d, const float *weight, const float *bias,
                     struct qnt_node parts[QNT_DECONV_PARTS], char *why, size_t why_bytes);

#endif
