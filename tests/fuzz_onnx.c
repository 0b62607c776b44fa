/* libFuzzer: any bytes as an ONNX file; what is accepted is folded, and run if it is small.
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
 *     build-fuzz/tests/fuzz_onnx -max_total_time=30 CORPUS quant/model */
#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qnt_error error = { "" }, *words = size % 2 ? &error : NULL; /* or nobody wants any */
    struct qnt_graph graph;

    if (qnt_onnx_read(data, size, "fuzz.onnx", NULL, &graph, words) == 0)
        fuzz_graph(&graph);
    return 0;
}
