/* libFuzzer: any bytes as an ONNX file; what is accepted is folded, and run if it is small.
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
 *     build-fuzz/tests/fuzz_onnx -max_total_time=30 CORPUS quant/model */
#include "quant/model/graph.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WORK_MAX = 1 << 22 }; /* multiply-accumulates and elements: more is only slow */

static int is_small(const struct qnt_graph *graph)
{
    int64_t work = 0;
    for (int32_t i = 0; i < graph->count; i++) {
        const struct qnt_node *n = &graph->nodes[i];
        int layer = n->op == QNT_OP_CONV || n->op == QNT_OP_LINEAR;
        work += (int64_t)n->h * n->w * n->c + (layer ? krn_problem_macs(&n->problem) : 0);
        work += (int64_t)n->h * n->w * n->c * n->window.kh * n->window.kw;
        if (work > WORK_MAX)
            return 0;
    }
    return 1;
}

static void run(const struct qnt_graph *graph)
{
    const struct qnt_node *in = &graph->nodes[0];
    struct qnt_float *exec;
    float *image = calloc((size_t)in->h * (size_t)in->w * (size_t)in->c, sizeof(*image));

    if (image && qnt_float_open(graph, &exec, NULL) == 0) {
        qnt_float_run(exec, image);
        qnt_float_close(exec);
    }
    free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qnt_graph graph;

    if (qnt_onnx_read(data, size, "fuzz.onnx", &graph, NULL))
        return 0;
    if (is_small(&graph))
        run(&graph);
    if (qnt_fold(&graph, NULL) == 0 && is_small(&graph))
        run(&graph);
    qnt_graph_free(&graph);
    return 0;
}
