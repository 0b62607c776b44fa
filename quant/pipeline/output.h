/* Quantised models for other engines. Each is written from the folded float graph and its
 * thresholds; adding one is adding a row. */
#ifndef QUERN_QUANT_OUTPUT_H
#define QUERN_QUANT_OUTPUT_H

#include "quant/pipeline/pipeline.h"

struct qnt_output {
    const char *name, *meaning;
    /* 0, or a negative errno with the node and what to do about it. */
    int (*save)(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                const struct qnt_quantise_options *options, const char *path,
                struct qnt_error *error);
};
extern const struct qnt_output qnt_outputs[];
extern const size_t qnt_output_count;
const struct qnt_output *qnt_output_find(const char *name); /* NULL if unknown */

/* NAME.param at `path` and NAME.bin beside it, as ncnn2int8 makes them: weights of bytes with a
 * scale per output channel (per group of a grouped convolution), one scale for the input of each
 * convolution and inner product; everything else is float in ncnn, and so are grouped convolutions
 * that are not depthwise. There are no zero points: of the
 * thresholds only those of such inputs are used. */
int qnt_ncnn_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                  const struct qnt_quantise_options *options, const char *path,
                  struct qnt_error *error);

/* An ONNX file (operator set 13) of float operators, with QuantizeLinear and DequantizeLinear
 * behind each tensor that is bytes in Quern's own network, at the same scale and zero point;
 * weights int8 with a scale per output channel, bias int32. Tensors are [1][c][h][w]; the result of
 * an inner product, and what is computed of it element by element, is [1][c]. */
int qnt_qdq_save(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                 const struct qnt_quantise_options *options, const char *path,
                 struct qnt_error *error);

#endif
