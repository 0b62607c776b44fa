/* libFuzzer: any bytes as the two files of an ncnn model (the text up to the first NUL, then the
 * weights); what is accepted is folded, and run if it is small.
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false
 *     build-fuzz/tests/fuzz_ncnn -max_total_time=30 CORPUS */
#include <string.h>

#include "tests/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct qnt_load how = { .h = 9, .w = 8, .c = 3 };
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    struct qnt_error error = { "" }, *words = size % 2 ? &error : NULL; /* or nobody wants any */
    struct qnt_graph graph;

    if (!end)
        return 0;
    struct qnt_bytes param = { data, (size_t)(end - data) };
    struct qnt_bytes bin = { end + 1, size - param.bytes - 1 };
    if (qnt_ncnn_read(param, bin, "fuzz.param", &how, &graph, words) == 0)
        fuzz_graph(&graph);
    return 0;
}
