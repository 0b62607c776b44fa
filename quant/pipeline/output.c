#include "quant/pipeline/output.h"

#include <string.h>

static int save_own(const struct qnt_graph *graph, const struct qnt_calibration *calibration,
                    const struct qnt_quantise_options *options, const char *path,
                    struct qnt_error *error)
{
    struct qnt_network *network;
    int rc = qnt_quantise(graph, calibration, options, &network, error);

    if (rc == 0)
        rc = qnt_network_save(network, path, error);
    qnt_network_free(network);
    return rc;
}

#define THRESHOLDS(function, format)                                                               \
    static int function(const struct qnt_graph *graph, const struct qnt_calibration *calibration,  \
                        const struct qnt_quantise_options *options, const char *path,              \
                        struct qnt_error *error)                                                   \
    {                                                                                              \
        (void)options;                                                                             \
        return qnt_calibration_save(graph, calibration, format, path, error);                      \
    }

THRESHOLDS(save_table, "ncnn")
THRESHOLDS(save_tensorrt, "tensorrt")
THRESHOLDS(save_json, "json")

const struct qnt_output qnt_outputs[] = {
    { "quern", "Quern's own network, which 'quern run' takes", save_own },
    { "ncnn", "an int8 NAME.param and NAME.bin, as ncnn2int8 makes them", qnt_ncnn_save },
    { "ncnn-table", "the scales alone, a .table for ncnn2int8", save_table },
    { "onnx", "ONNX with QuantizeLinear and DequantizeLinear (QDQ)", qnt_qdq_save },
    { "tensorrt", "the scales alone, a calibration cache of TensorRT", save_tensorrt },
    { "json", "all thresholds, for scripts", save_json },
};
const size_t qnt_output_count = sizeof(qnt_outputs) / sizeof(qnt_outputs[0]);

const struct qnt_output *qnt_output_find(const char *name)
{
    for (size_t i = 0; i < qnt_output_count; i++)
        if (strcmp(qnt_outputs[i].name, name) == 0)
            return &qnt_outputs[i];
    return NULL;
}
